package chat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/desk"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// pair is a bench whose first store has an account on another platform, too, with a
// ledger of its own.
type pair struct {
	*bench
	other *dianpingtest.Platform
}

// pairs runs a test with a store of two accounts on both databases, or on one.
func pairs(t *testing.T, test func(b *pair)) {
	t.Helper()
	t.Parallel()
	for _, driver := range databases(t) {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			test(setupPair(t, modelstest.On(t, driver, modelstest.WithClock(clock)), clock))
		})
	}
}

func setupPair(t *testing.T, db *models.DB, clock *modelstest.Clock) *pair {
	t.Helper()
	b := &pair{bench: setup(t, db, clock, dianping.Dianping)}
	b.other = dianpingtest.New(dianpingtest.Options{Now: clock.Now, DeveloperID: "100000", SignKey: "sign-key"})
	srv := httptest.NewServer(b.other)
	t.Cleanup(srv.Close)
	t.Cleanup(b.other.Close)
	b.must(b.other.AddShop(dianpingtest.Shop{ID: "shop-m", Name: "shop-m"}))
	b.must(b.other.AddSession(dianpingtest.Session{Token: "token-shop-m", Dialect: dianpingtest.Meituan, Shops: []string{"shop-m"}}))
	client, err := dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", Timeout: time.Minute, HTTP: &http.Client{Transport: b.other.Impatient(httpcall.NewTransport())}, Now: clock.Now})
	b.must(err)
	b.must(db.Directory.Sync(t.Context(), []models.ConfiguredStore{
		{
			Platform: dianping.Dianping, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Chats: []string{group},
			Accounts: []models.ConfiguredAccount{{Platform: dianping.Meituan, ShopID: "shop-m", Session: "token-shop-m"}},
			Staff: []models.Member{
				{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}, {UserID: "wangwu", Name: "王五", Role: models.RoleLead},
			},
		},
	}))
	b.configure(func(o *Options) {
		o.Platforms = map[string]dianping.Client{dianping.Dianping: o.Platforms[dianping.Dianping], dianping.Meituan: client}
		o.Guard = Guard{Codes: 3, Within: 10 * time.Minute}
	})
	return b
}

// sell sells a coupon on the second platform.
func (b *pair) sell(code string) {
	b.t.Helper()
	_, err := b.other.AddVoucher(dianpingtest.Voucher{
		Code: code, Title: "单人烤鱼", Price: 2990, MarketPrice: 5900, Shops: []string{"shop-m"}, Expires: time.Date(2027, 1, 1, 15, 59, 59, 0, time.UTC),
	})
	b.must(err)
}

// consumed compares how often a code was consumed on the first platform, and on the
// second.
func (b *pair) consumed(code string, first, second int) {
	b.t.Helper()
	if one, two := b.platform.Effects(code).Consumed, b.other.Effects(code).Consumed; one != first || two != second {
		b.t.Errorf("%s was consumed %d and %d times, want %d and %d", code, one, two, first, second)
	}
}

// guesses is how many codes of a person count for the guard.
func (b *pair) guesses() int {
	b.t.Helper()
	tries, err := b.db.Calls.UnknownCodes(b.t.Context(), "zhangsan", string(dianping.NotFound), b.clock.Now().Add(-time.Hour))
	b.must(err)
	return tries.N
}

// tells fails unless a reply shows these texts, and none that begins with an exclamation
// mark here.
func (b *pair) tells(r bot.Reply, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		without, not := strings.CutPrefix(text, "!")
		if strings.Contains(show(r), without) == not {
			b.t.Errorf("want %q in\n%s", text, show(r))
		}
	}
}

// A code is verified where it was sold, shown with its platform and undone there.
func TestWhichPlatform(t *testing.T) {
	pairs(t, func(b *pair) {
		const here, there = "799269749412", "799269749413"
		b.voucher(here)
		b.sell(there)
		b.tells(b.say("zhangsan", "验 "+here), "核销成功", "人民广场店（大众点评）", "双人下午茶")
		b.tells(b.say("zhangsan", "验 "+there), "核销成功", "人民广场店（美团）", "单人烤鱼")
		b.consumed(here, 1, 0)
		b.consumed(there, 0, 1)
		b.tells(b.say("zhangsan", "记录"), "大众点评", "美团")
		b.tells(b.say("zhangsan", "验 "+there), "此券已核销")
		b.tells(b.say("zhangsan", "撤 "+there), "已撤销", "人民广场店（美团）")
		b.tells(b.say("wangwu", "撤 "+here), "已撤销", "人民广场店（大众点评）")
		if n := b.other.Effects(there).Undone; n != 1 {
			b.t.Errorf("undone %d times at the second platform", n)
		}
		if n := b.guesses(); n != 0 {
			b.t.Errorf("%d good codes are guesses", n)
		}
		var story strings.Builder
		b.must(desk.Explain(b.t.Context(), &story, b.db, time.UTC, there))
		for _, text := range []string{"门店 人民广场店（美团）", "大众点评 prepare", "美团 prepare", "美团 consume"} {
			if !strings.Contains(story.String(), text) {
				b.t.Errorf("no %q in\n%s", text, story.String())
			}
		}
	})
}

// A platform that is named is the one that is asked.
func TestWhichPlatformNamed(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749412"
		b.voucher(code)
		b.sell(code)
		b.tells(b.say("zhangsan", "验 抖音 "+code), "平台没有接通", "没有接通抖音")
		b.consumed(code, 0, 0)
		b.tells(b.say("zhangsan", "验 美团 "+code), "核销成功", "人民广场店（美团）")
		b.consumed(code, 0, 1)
		b.tells(b.say("zhangsan", "点评 "+code), "可以核销", "人民广场店（大众点评）")
		b.tells(b.say("zhangsan", "验 大众点评 "+code), "核销成功", "人民广场店（大众点评）")
		b.consumed(code, 1, 1)

		both := b.say("zhangsan", "撤 "+code)
		b.tells(both, "请选择平台", "[撤销 美团]", "[撤销 大众点评]")
		b.tells(b.say("zhangsan", "撤 点评 "+code), "已撤销", "人民广场店（大众点评）")
		b.tells(b.press("zhangsan", both.Card, b.key(both, "撤销 美团")), "已撤销", "人民广场店（美团）")
		if one, two := b.platform.Effects(code).Undone, b.other.Effects(code).Undone; one != 1 || two != 1 {
			b.t.Errorf("undone %d and %d times", one, two)
		}

		// The one whose time is over is not meant.
		const later = "799269749413"
		b.voucher(later)
		b.sell(later)
		b.say("zhangsan", "验 点评 "+later)
		b.clock.Advance(9 * time.Minute)
		b.say("zhangsan", "验 美团 "+later)
		b.clock.Advance(2 * time.Minute)
		b.tells(b.say("zhangsan", "撤 "+later), "已撤销", "人民广场店（美团）")
	})
}

// Two platforms know a code: a person says which, by a button, and what was verified at
// one is not verified at the other by itself.
func TestWhichPlatformBoth(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749412"
		b.voucher(code)
		b.sell(code)
		for _, text := range []string{"验 " + code, "查 " + code, code} {
			b.tells(b.say("zhangsan", text), "请选择平台", "大众点评和美团都有这个券码", "[大众点评确认核销]", "[美团确认核销]", "!券码不存在")
			b.consumed(code, 0, 0)
		}
		ask := b.say("zhangsan", "验 "+code)
		done := b.press("zhangsan", ask.Card, b.key(ask, "美团确认核销"))
		b.tells(done, "核销成功", "人民广场店（美团）")
		b.consumed(code, 0, 1)
		second := b.say("zhangsan", "验 "+code)
		b.tells(second, "此券已核销", "张三", "[大众点评也核销]", "大众点评也有这个券码")
		b.consumed(code, 0, 1)
		b.tells(b.press("zhangsan", second.Card, b.key(second, "大众点评也核销")), "核销成功", "人民广场店（大众点评）")
		b.consumed(code, 1, 1)
		b.tells(b.say("zhangsan", "验 "+code), "此券已核销", "![")
		b.consumed(code, 1, 1)
	})
}

// What stands at another platform refuses a code without a call: that this one has it, too,
// is not said.
func TestWhichPlatformNotAsked(t *testing.T) {
	pairs(t, func(b *pair) {
		b.voucher(twice) // at the first platform alone
		b.loses(b.platform, twice)
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 点评 "+twice
		b.start(m)
		before := len(b.other.Requests())
		b.tells(b.say("wangwu", "验 美团 "+twice), "正在核销", "如果顾客另外用了美团的券", "[美团也核销]", "!也有这个券码")
		if n := len(b.other.Requests()) - before; n != 0 {
			b.t.Errorf("%d requests", n)
		}
	})
}

// A button of an account that was taken off since verifies nothing there.
func TestWhichPlatformTakenOff(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749412"
		b.voucher(code)
		b.sell(code)
		ask := b.say("zhangsan", "验 "+code)
		b.must(b.db.Directory.Sync(b.t.Context(), []models.ConfiguredStore{{
			Platform: dianping.Dianping, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Chats: []string{group},
			Staff: []models.Member{{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}},
		}}))
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "美团确认核销")), "没有接通", "没有核销", "!核销成功")
		b.consumed(code, 0, 0)
	})
}

// A code is unknown everywhere: all platforms are named, and it is one guess.
func TestWhichPlatformNone(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749412"
		b.tells(b.say("zhangsan", "验 "+code), "券码不存在", "大众点评和美团都没有这个券码")
		b.tells(b.say("zhangsan", "查 "+code), "券码不存在", "大众点评和美团都没有这个券码")
		if n := b.guesses(); n != 1 {
			b.t.Errorf("%d guesses, want 1", n)
		}
		for _, end := range []string{"3", "4"} {
			b.say("zhangsan", "验 79926974941"+end)
		}
		b.tells(b.say("zhangsan", "验 799269749419"), "不存在的券码")
	})
}

// A platform that does not answer is said, and its code is not called unknown. What the
// other knows is verified once a person has confirmed it.
func TestWhichPlatformSilent(t *testing.T) {
	pairs(t, func(b *pair) {
		const here, nowhere = "799269749412", "799269749413"
		b.voucher(here)
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 100}))
		b.tells(b.say("zhangsan", "验 "+nowhere), "还不能确定", "大众点评没有这个券码；美团现在查不了", "!不存在")
		ask := b.say("zhangsan", "验 "+here)
		b.tells(ask, "请确认平台", "大众点评有这个券码；美团现在查不了", "[大众点评确认核销]", "![美团")
		b.consumed(here, 0, 0)
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "大众点评确认核销")), "核销成功", "人民广场店（大众点评）")
		b.consumed(here, 1, 0)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 100}))
		b.tells(b.say("zhangsan", "验 "+nowhere), "还不能确定", "大众点评和美团现在查不了")
		// A command that names the platform does not wait for the other.
		b.other.ClearFaults()
		b.sell("799269749414")
		b.tells(b.say("zhangsan", "验 美团 799269749414"), "核销成功")
	})
}

// Several codes of one message are each verified where they are from; one that two know
// is left.
func TestWhichPlatformOfSeveralCodes(t *testing.T) {
	pairs(t, func(b *pair) {
		const here, there, both, none = "799269749412", "799269749413", "799269749414", "799269749415"
		b.voucher(here)
		b.sell(there)
		b.voucher(both)
		b.sell(both)
		r := b.say("zhangsan", strings.Join([]string{"验", here, there, both, none}, " "))
		b.tells(r, "4 个券码，成功 2 个", "大众点评", "美团", "请选择平台", "券码不存在")
		b.consumed(here, 1, 0)
		b.consumed(there, 0, 1)
		b.consumed(both, 0, 0)
	})
}

// A lost answer is settled at the platform it was lost at.
func TestWhichPlatformLostAnswer(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749412"
		b.sell(code)
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+code
		b.start(m)
		b.settle()
		b.consumed(code, 0, 1)
		op, err := b.db.Journal.ByCouponIn(b.t.Context(), []int64{1, 2, 3, 4}, code)
		b.must(err)
		if op.State != models.Done {
			b.t.Errorf("it is %s", op.State)
		}
		if n := b.calls("consume"); n > 0 {
			b.t.Errorf("%d consume calls at the other platform", n)
		}
	})
}

// A photograph of a code is taken like the code.
func TestWhichPlatformByPhoto(t *testing.T) {
	pairs(t, func(b *pair) {
		const code = "799269749413"
		b.sell(code)
		b.tells(b.photo("zhangsan", "验", code), "核销成功", "人民广场店（美团）")
		b.consumed(code, 0, 1)
	})
}

// 门店 shows each store with its accounts and their state.
func TestStoresWithAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.tells(b.privately("boss", "门店"), "1 家门店", "大众点评: 人民广场店 已接通", "美团: 人民广场店 已接通")
		b.configure(func(o *Options) { delete(o.Platforms, dianping.Meituan) })
		b.tells(b.privately("boss", "门店"), "大众点评: 人民广场店 已接通", "美团: 人民广场店 平台没有接通")
	})
}

// What a store adds up to is what all its accounts do; closed days are compared account by
// account.
func TestFiguresOfAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.nightly()
		const here, there = "799269749412", "799269749413"
		b.voucher(here)
		b.sell(there)
		b.say("zhangsan", "验 "+here)
		b.say("zhangsan", "验 "+there)
		b.tells(b.say("wangwu", "今日"), "2 张 ¥79.80", "人民广场店 2 张")
		b.tells(b.say("zhangsan", "今日"), "2 张 ¥79.80")
		b.until(23, 59)
		b.clock.Advance(12 * time.Hour)
		b.tells(b.say("wangwu", "对账 昨日"), "平台 2 笔 = 机器人 2", "人民广场店（大众点评） 1 笔，一致", "人民广场店（美团） 1 笔，一致", "!没有对账")
	})
}
