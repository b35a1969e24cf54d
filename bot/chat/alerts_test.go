package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/alert"
	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// alerts are the cards that the manager of all stores has got, none of which may be
// new before the rules are on.
func (b *bench) alerts(rules alert.Rules, want ...string) {
	b.t.Helper()
	look := func() (cards []bot.Reply) {
		b.t.Helper()
		b.courier.sent = nil
		b.bot.jobs.Wake(alertJob)
		b.bot.Pass(b.t.Context())
		b.bot.Pass(b.t.Context()) // delivers
		for _, d := range b.courier.sent {
			if d.User == "boss" && d.Channel == app && d.Reply.Card != nil && d.Reply.Card.Source == "验券" {
				cards = append(cards, d.Reply)
			}
		}
		return cards
	}
	b.bot.alerts.Rules = alert.Rules{}
	if got := look(); len(got) > 0 {
		b.t.Errorf("without rules: %s", show(got[0]))
	}
	b.bot.alerts.Rules = rules
	got := look()
	if len(want) == 0 {
		for _, r := range got {
			b.t.Errorf("alerted to:\n%s", show(r))
		}
		return
	}
	if len(got) != 1 {
		b.t.Fatalf("%d alerts, want one with %q", len(got), want)
	}
	has(b.t, got[0], want...)
	b.clock.Advance(alertsEvery)
	if got := look(); len(got) > 0 {
		b.t.Errorf("alerted to again:\n%s", show(got[0]))
	}
}

// verified sells and verifies vouchers, and gives their codes.
func (b *bench) verified(user string, from, n int) (codes []string) {
	b.t.Helper()
	for i := range n {
		code := fmt.Sprint(7100000000 + from + i)
		b.voucher(code)
		has(b.t, b.say(user, "验 "+code), "核销成功")
		codes = append(codes, code)
	}
	return codes
}

func hours(t *testing.T, text string) alert.Hours {
	t.Helper()
	h, err := alert.ParseHours(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAlertOpeningHours(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 2) // at 14:00
		b.clock.Advance(time.Second)
		b.alerts(alert.Rules{Open: hours(t, "09:00-23:00")})
		closed := alert.Rules{Open: hours(t, "17:00-02:00")}
		b.alerts(closed, "营业时间外", "人民广场店", "17:00-02:00", "2 次", "11-23 14:00")
		b.clock.Advance(22 * time.Hour) // what was told of is not told of again
		b.alerts(closed)
		b.clock.Advance(6 * time.Hour)
		b.verified("zhangsan", 10, 1)
		b.clock.Advance(time.Second)
		b.alerts(alert.Rules{Open: hours(t, "09:00-12:00")}, "1 次", "11-24 18:")
	})
}

func TestAlertRepeats(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		v := b.voucher(Code)
		next := v.Code
		for i := range 3 {
			if i > 0 {
				b.alerts(alert.Rules{Repeats: 3})
			}
			b.say("zhangsan", "验 "+next)
			has(t, b.say("zhangsan", "撤 "+next), "已撤销")
			v, _ := b.platform.Voucher(next)
			next = v.ReplacedBy
		}
		b.alerts(alert.Rules{Repeats: 3}, "反复核销又撤销", "人民广场店", "撤销了 3 次", v.OrderID[len(v.OrderID)-4:])
	})
}

func TestAlertSamePhone(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := b.verified("zhangsan", 0, 4)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		b.alerts(alert.Rules{SamePhone: 4})
		b.alerts(alert.Rules{SamePhone: 3}, "同一个手机号", "人民广场店", "3 张", "****")
	})
}

func TestAlertUndoShare(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("lisi", 0, 6)
		for _, code := range b.verified("zhangsan", 10, 6)[:5] {
			has(t, b.say("zhangsan", "撤 "+code), "已撤销")
		}
		b.alerts(alert.Rules{UndoPercent: 90})
		b.alerts(alert.Rules{UndoPercent: 80}, "撤销特别多", "张三", "核销 6 次，撤销了其中 5 次", "其他人核销 6 次，撤销 0 次")
	})
}

// Where everybody undoes, nobody stands out.
func TestAlertUndoShareOfAll(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for i, user := range []string{"zhangsan", "lisi"} {
			for _, code := range b.verified(user, 20*i, 6)[:5] {
				has(t, b.say(user, "撤 "+code), "已撤销")
			}
		}
		b.alerts(alert.Rules{UndoPercent: 80})
	})
}

func TestAlertSilentStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.clock.Advance(24 * time.Hour)
		b.alerts(alert.Rules{SilentDays: 2}) // it had but one such day
		b.verified("zhangsan", 10, 1)
		b.clock.Advance(23 * time.Hour)
		b.alerts(alert.Rules{SilentDays: 2}) // at this hour it had none on those days
		b.clock.Advance(2 * time.Hour)
		b.alerts(alert.Rules{SilentDays: 2}, "还没有核销", "人民广场店", "最近 2 天")
		b.verified("zhangsan", 20, 1)
		b.clock.Advance(10 * time.Minute)
		b.alerts(alert.Rules{SilentDays: 1})
	})
}

func TestAlertPlatformErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 12) // two calls each
		for range 4 {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Call: "prepare", Times: 2}))
			b.voucher(fmt.Sprint(7200000000 + b.ids))
			b.say("zhangsan", "查 "+fmt.Sprint(7200000000+b.ids))
		}
		b.alerts(alert.Rules{PlatformErrors: 30})
		b.alerts(alert.Rules{PlatformErrors: 25}, "平台经常不回答", platform.Name(b.dialect), "32 次，有 8 次")
		b.clock.Advance(3 * time.Hour) // a quarter of an hour is over, the quiet time too
		b.alerts(alert.Rules{PlatformErrors: 25})
	})
}

func TestAlertDoubtful(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for i := range 3 {
			code := fmt.Sprint(7100000000 + i)
			b.voucher(code)
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Code: code, Times: 1000, Call: "consume"}))
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Code: code, Times: 1000, Call: "getconsumed"}))
			b.start(b.private("zhangsan", "验 "+code))
		}
		b.alerts(alert.Rules{Doubtful: 4})
		b.alerts(alert.Rules{Doubtful: 3}, "没有结果", "3 笔", "「人民广场店」3 笔", "11-23 14:0", "开店宝里查")
	})
}

// Of several stores each manager is told of those that are theirs.
func TestAlertDoubtfulOfSeveralStores(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "ma", Name: "甲", Role: models.RoleManager}))
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 2, UserID: "mb", Name: "乙", Role: models.RoleManager}))
		b.voucher(Code)
		_, err := b.platform.AddVoucher(dianpingtest.Voucher{Code: "8992697494", Title: "双人套餐", Price: 4990, Shops: []string{"shop-b"}, Expires: b.clock.Now().AddDate(1, 0, 0)})
		b.must(err)
		for _, call := range []string{"consume", "getconsumed"} {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: call, Applied: true, Times: 1000}))
		}
		b.start(b.private("zhangsan", "验 "+Code))
		b.start(b.private("qianqi", "验 8992697494"))
		b.bot.alerts.Rules = alert.Rules{Doubtful: 2}
		b.must(b.bot.alerts.Check(t.Context()))
		b.bot.Pass(t.Context())
		has(t, b.to("boss"), "现在有 2 笔", "「人民广场店」1 笔", "「徐家汇店」1 笔")
		for user, want := range map[string][2]string{"ma": {"人民广场店", "徐家汇店"}, "mb": {"徐家汇店", "人民广场店"}} {
			told := 0
			for _, d := range b.courier.all() {
				if d.User != user || d.Reply.Card == nil || d.Reply.Card.Title != "有多笔核销还没有结果" {
					continue
				}
				told++
				has(t, d.Reply, "现在有 1 笔", want[0])
				if strings.Contains(show(d.Reply), want[1]) {
					t.Errorf("%s was told of %s", user, want[1])
				}
			}
			if told != 1 {
				t.Errorf("%s was told %d times", user, told)
			}
		}
	})
}

// A store that is in use no more is named all the same.
func TestAlertsOfEndedStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := b.verified("zhangsan", 0, 5) // at 14:00
		for _, code := range codes {
			has(t, b.say("zhangsan", "撤 "+code), "已撤销")
		}
		b.verified("zhangsan", 10, 2)
		b.voucher("7200000000")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Code: "7200000000", Times: 1000, Call: "consume"}))
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Code: "7200000000", Times: 1000, Call: "getconsumed"}))
		b.start(b.private("zhangsan", "验 7200000000"))
		b.clock.Advance(time.Second)
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b", Chats: []string{both}}}))
		b.alerts(alert.Rules{Open: hours(t, "17:00-02:00")}, "「人民广场店」在营业时间")
		b.alerts(alert.Rules{SamePhone: 2}, "在「人民广场店」核销了")
		b.alerts(alert.Rules{UndoPercent: 50}, "在「人民广场店」核销")
		b.alerts(alert.Rules{Doubtful: 1}, "「人民广场店」1 笔", "开店宝里查")
	})
}

// Two replicas look at the same time: one of them tells.
func TestAlertTellsOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 2)
		b.bot.alerts.Rules = alert.Rules{SamePhone: 2}
		other := *b.bot.alerts
		errs := make(chan error, 8)
		for i := range 8 {
			w := b.bot.alerts
			if i%2 == 1 {
				w = &other
			}
			go func() { errs <- w.Check(t.Context()) }()
		}
		for range 8 {
			b.must(<-errs)
		}
		b.bot.Pass(t.Context())
		told := 0
		for _, d := range b.courier.sent {
			if d.User == "boss" && d.Reply.Card != nil && strings.Contains(d.Reply.Card.Title, "同一个手机号") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}
