package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

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
