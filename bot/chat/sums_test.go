package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/figures"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// The uses of a card do not all cost the same: cards, lists and sums say what they cost
// together.
func TestSumsOfUsesOfACard(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		var codes []string
		for range 2 {
			v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "三次卡", Price: 10000, Visits: 3})
			b.must(err)
			codes = append(codes, v.Code)
		}
		done := b.say("zhangsan", "验 抖音 "+codes[0]+" x3")
		b.tells(done, "核销成功", "3 次共 ¥100.00", "!99.99")
		b.tells(b.say("zhangsan", "今日"), "3 张 ¥100.00")
		b.tells(b.say("zhangsan", "记录"), "3 张 ¥100.00 张三", "!33.33")
		list := b.say("zhangsan", "验 抖音 "+codes[1]+" x3\n抖音 "+codes[0])
		b.tells(list, "3 张 ¥100.00", "合计 ¥100.00", "!99.99")
		b.tells(b.press("zhangsan", done.Card, b.key(done, "撤销")), "已撤销", "3 次共 ¥100.00")
	})
}

// A price that the platform did not tell is in no sum, and every sum says how many
// there are.
func TestSumsOfUnknownPrices(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{Prices: dianpingtest.PriceAbsent}))
		b.verified("zhangsan", 100, 2)
		const want = "1 张 ¥49.90，另有 2 张金额不详"
		has(t, b.say("zhangsan", "今日"), "核销 "+want, "人民广场店（本人） "+want)
		has(t, b.say("wangwu", "今日"), "今日 11-23 "+want, "门店: 人民广场店 "+want)
		list := b.say("zhangsan", "记录")
		has(t, list, "¥49.90 张三")
		hasNot(t, list, "¥0.00")
		d, err := b.bot.desks.Desk(t.Context(), "wangwu")
		b.must(err)
		sheet, err := b.bot.desks.Sheet(t.Context(), d, 0, command.Today)
		b.must(err)
		if sheet.All.Amount() != "¥49.90，另有 2 张金额不详" || sheet.All.Verified.Count != 3 {
			t.Errorf("the console says %s for %d", sheet.All.Amount(), sheet.All.Verified.Count)
		}
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour)
		got := b.summaries("boss", "11-")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "11-23 "+want)
		if got[0].File == nil || got[0].File.Kind != bot.Image {
			t.Error("the summary has lost its picture")
		}
		b.tell("boss", "导出 今日")
		if sent := b.exported(); len(sent) == 0 || !strings.Contains(sent[len(sent)-1].Reply.Text, "核销 "+want) {
			t.Errorf("the export says %+v", sent)
		}
	})
}

// A store that ends in the course of a day stays in the summaries of that day, with
// its money: for the manager of all, for who manages only that one, and on demand.
func TestSummaryOfEndedStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		b.verified("zhangsan", 0, 2)
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b", Chats: []string{both}}}))
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour)
		for _, user := range []string{"boss", "chenba"} {
			got := b.summaries(user, "11-")
			if len(got) != 1 {
				t.Fatalf("%d summaries for %s", len(got), user)
			}
			has(t, got[0], "11-23 2 张 ¥99.80", "人民广场店")
		}
		has(t, b.in("", "boss", "今日"), "今日 11-23 2 张 ¥99.80", "门店: 人民广场店 2 张 ¥99.80")
		has(t, b.in("", "boss", "昨日"), "没有核销")
		has(t, b.in("", "boss", "门店"), "1 家门店")
	})
}

// Two people of one name are not one: neither on the card, nor on the page, nor in what is
// kept.
func TestSumsOfPeopleOfOneName(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "zhangsan2", Name: "张三", Role: models.RoleStaff}))
		b.verified("zhangsan", 0, 2)
		b.verified("zhangsan2", 10, 3)
		has(t, b.say("wangwu", "今日"), "店员: 张三（zhangsan2） 3 张")
		b.verified("lisi", 20, 4)
		shows := func(words string, period command.Period) {
			t.Helper()
			r := b.say("wangwu", words)
			has(t, r, "店员: 李四 4 张")
			has(t, b.in("", "boss", words), "店员: 李四 4 张")
			d, err := b.bot.desks.Desk(t.Context(), "wangwu")
			b.must(err)
			sheet, err := b.bot.desks.Sheet(t.Context(), d, 0, period)
			b.must(err)
			var lines []string
			for _, l := range sheet.ByPerson {
				lines = append(lines, fmt.Sprintf("%s %d", l.Name, l.Verified.Count))
			}
			if got := strings.Join(lines, "，"); got != "李四 4，张三（zhangsan2） 3，张三（zhangsan） 2" {
				t.Errorf("the page has %s", got)
			}
		}
		shows("今日", command.Today)
		b.clock.Advance(24 * time.Hour)
		b.must(b.bot.figures.Keep(t.Context(), b.clock.Now()))
		shows("昨日", command.Yesterday)
	})
}

// Where people have another clock than the platform, a summary says of which day the
// reconciliation is.
func TestSummaryNamesReconciledDay(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.clock.Advance(24 * time.Hour) // 14:00 in Beijing, of the day after
		has(t, b.say("wangwu", "对账 昨日"), "平台 1 笔 = 机器人 1")
		line := func(zone *time.Location) string {
			t.Helper()
			b.configure(func(o *Options) { o.Location = zone })
			all, err := b.bot.figures.Outlook(t.Context(), []models.Store{{Account: models.Account{ID: 1, Name: "人民广场店"}}})
			b.must(err)
			return strings.Join(all, "；")
		}
		if got := line(time.FixedZone("Singapore", 8*3600)); got != "11-23 对账：平台 1 笔 = 机器人 1" {
			t.Errorf("by the same clock: %q", got)
		}
		if got := line(time.UTC); got != "北京时间 11-23 对账：平台 1 笔 = 机器人 1" {
			t.Errorf("by another clock: %q", got)
		}
	})
}

// What a store has verified stays in the sums, in the file and on the pages once the store
// is closed, for who led it alone.
func TestSumsOfAClosedStore(t *testing.T) {
	onTwins(t, func(b *twins) {
		ctx := b.t.Context()
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		other := b.opened(dianping.Meituan, "shop-m", "徐汇店", "sunba", "zhengyi", "wrOther")
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: other.ID, UserID: "zhengyi", Name: "郑一", Role: models.RoleLead}))
		b.sells(b.platform, "shop-c", "7992697401")
		b.sells(b.other, "shop-m", "799269749402")
		has(b.t, b.in(newGroup, "zhoujiu", "验 7992697401"), "核销成功")
		has(b.t, b.in(newGroup, "zhoujiu", "验 7992697409"), "券码不存在")
		has(b.t, b.in("wrOther", "zhengyi", "验 799269749402"), "核销成功")
		b.clock.Advance(time.Hour)
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActOff, Store: s.ID}), "已停用")

		op, err := b.db.Journal.ByCouponIn(ctx, []int64{s.ID}, "7992697401")
		b.must(err)
		for user, want := range map[string]struct {
			count, refused int
			file           string
		}{
			"boss":    {2, 1, "4 家门店，核销 2 张 ¥59.80"},
			"sunba":   {2, 1, "2 家门店，核销 2 张 ¥59.80"},
			"zhengyi": {1, 0, "1 家门店，核销 1 张 ¥29.90"},
		} {
			d, err := b.bot.desks.Desk(ctx, user)
			b.must(err)
			sheet, err := b.bot.desks.Sheet(ctx, d, 0, command.ThisMonth)
			if b.must(err); sheet.All.Verified.Count != want.count {
				b.t.Errorf("%s: the console sums up %d, want %d", user, sheet.All.Verified.Count, want.count)
			}
			attempts, err := b.bot.desks.Attempts(ctx, d, desk.AttemptSearch{Days: command.ThisMonth})
			if b.must(err); attempts.Times != want.refused {
				b.t.Errorf("%s: %d attempts, want %d", user, attempts.Times, want.refused)
			}
			for _, days := range []command.Period{"", command.ThisMonth} {
				rows, _, err := b.bot.desks.History(ctx, d, desk.Search{State: "done", Days: days})
				if b.must(err); len(rows) != want.count {
					b.t.Errorf("%s: history of %q has %d, want %d", user, days, len(rows), want.count)
				}
			}
			if _, _, err := b.bot.desks.Story(ctx, d, op.ID); (err == nil) != (want.count == 2) {
				b.t.Errorf("%s: story %v", user, err)
			}
			b.exported()
			b.in("", user, "导出 本月")
			if got := b.exported(); len(got) != 1 || !strings.Contains(got[0].Reply.Text, want.file) {
				b.t.Errorf("%s: %d files, want %s in %+v", user, len(got), want.file, got)
			}
		}
		has(b.t, b.in("", "sunba", "本月"), "2 张 ¥59.80", "静安店")
	})
}
