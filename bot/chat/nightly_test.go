package chat

import (
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/figures"
	"yanquan/bot/notice"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// summaries are the cards that somebody got by the app since the last look, and
// the whole below them.
func (b *bench) summaries(user, day string) (got []bot.Reply) {
	b.t.Helper()
	b.bot.Pass(b.t.Context())
	b.bot.Pass(b.t.Context()) // delivers
	for _, d := range b.courier.all() {
		if d.User == user && d.Channel == app && strings.Contains(d.Reply.Card.Title, day) {
			got = append(got, d.Reply)
		}
	}
	return got
}

// Each manager gets one summary of their stores, and its figures are the
// platform's own.
func TestNightlySummary(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 2, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		b.clock.Advance(-24 * time.Hour)
		b.verified("zhangsan", 0, 2) // the day before
		b.clock.Advance(24 * time.Hour)
		codes := b.verified("zhangsan", 10, 4)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		b.verified("lisi", 20, 1)
		has(t, b.say("lisi", "验 8888888888"), "券码不存在")
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour, EmptyDays: true} })

		b.clock.Advance(7*time.Hour + 59*time.Minute) // 21:59
		if got := b.summaries("boss", "11-23 "); len(got) != 0 {
			t.Fatalf("before its time: %s", show(got[0]))
		}
		b.clock.Advance(time.Minute)
		got := b.summaries("boss", "11-23 ")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, b.bot.Location)
		n, fen, undone := ledgerOf(b.platform, midnight)
		if n != 4 || undone != 1 {
			t.Fatalf("the ledger has %d and %d", n, undone)
		}
		has(t, got[0], fmt.Sprintf("11-23 %d 张 %v", n, dianping.Fen(fen)), "比前一天多 2 张", "撤销: 1 张", "店员: 张三 3 张", "没有核销成 1 次", "券码不存在 1 次", "最忙: 14 点 4 张")
		hasNot(t, got[0], "补发")
		if f := got[0].File; f == nil || f.Kind != bot.Image {
			t.Errorf("without the picture: %+v", f)
		} else if _, content, err := b.bot.tickets.OpenFile(t.Context(), f.ID); err != nil {
			t.Error(err)
		} else {
			defer content.Close()
			if picture, err := png.DecodeConfig(content); err != nil || picture.Width < 1000 {
				t.Errorf("the picture: %+v %v", picture, err)
			}
		}
		if other := b.summaries("chenba", "11-23 "); len(other) != 1 || !strings.Contains(show(other[0]), "11-23 没有核销") {
			t.Errorf("the other store's manager got %d: %v", len(other), other)
		}
		for _, user := range []string{"zhangsan", "wangwu"} { // staff and leads ask
			if got := b.summaries(user, "11-23 "); len(got) > 0 {
				t.Errorf("%s got\n%s", user, show(got[0]))
			}
		}
		if got := b.summaries("boss", "11-23 "); len(got) != 1 {
			t.Errorf("%d summaries in the end", len(got))
		}
	})
}

// ledgerOf counts what stands at the platform since a time, independently of ours.
func ledgerOf(p *dianpingtest.Platform, since time.Time) (n int, fen int64, undone int) {
	gone := map[string]bool{}
	for _, e := range p.Ledger() {
		if e.Kind == dianpingtest.EffectUndone {
			gone[e.Code] = true
		}
	}
	for _, e := range p.Ledger() {
		switch v, _ := p.Voucher(e.Code); {
		case e.Kind != dianpingtest.EffectConsumed || e.Time.Before(since):
		case gone[e.Code]:
			undone++
		default:
			n++
			fen += v.Price
		}
	}
	return n, fen, undone
}

// What was refunded after use stands in the sums of the day on which it was, and takes
// nothing from those of the verification.
func TestNightlySummaryOfRefunds(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		code := b.verified("zhangsan", 10, 2)[0]
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, code)
		b.must(err)
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour) // 22:00
		b.clock.Advance(20 * time.Hour)
		_, err = b.db.Refunds.Add(t.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: 1, OperationID: op.ID, Code: code, Title: op.Title, PriceFen: op.PriceFen, RefundedAt: b.clock.Now(),
		})
		b.must(err)
		b.clock.Advance(4 * time.Hour)
		got := b.summaries("boss", "11-24 ")
		if len(got) != 1 {
			t.Fatalf("%d summaries of a day with a refund", len(got))
		}
		has(t, got[0], "11-24 没有核销", "核销以后退款 1 张 "+dianping.Fen(op.PriceFen).String())
		has(t, b.say("boss", "今日"), "核销以后退款 1 张")
		yesterday := b.say("boss", "昨日")
		has(t, yesterday, "11-23 2 张")
		hasNot(t, yesterday, "退款")
		var story strings.Builder
		b.must(desk.Explain(t.Context(), &story, b.db, b.bot.Location, code))
		if !strings.Contains(story.String(), "顾客退款："+code) {
			t.Errorf("the story is\n%s", story.String())
		}
		d, err := b.bot.desks.Desk(t.Context(), "boss")
		b.must(err)
		sheet, err := b.bot.desks.Sheet(t.Context(), d, 0, command.Today)
		b.must(err)
		if len(sheet.Outlook) == 0 || !strings.Contains(sheet.Outlook[0], "核销以后退款 1 张") {
			t.Errorf("the page says %v", sheet.Outlook)
		}
	})
}

// A process that was down at the time sends it when it starts, and says so; what is
// long past it does not send, nor a day without business.
func TestNightlySummaryMissed(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour, EmptyDays: true} })
		b.clock.Advance(12 * time.Hour) // 02:00 of the next day
		got := b.summaries("boss", "11-")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "补发：11-23 1 张 ¥49.90")
		b.clock.Advance(3 * 24 * time.Hour) // nobody was there for three nights
		if got := b.summaries("boss", "11-"); len(got) != 1 {
			t.Errorf("%d summaries: of days without business, afterwards", len(got))
		}
	})
}

func TestNightlySummaryNotOfEmptyDays(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour)
		if got := b.summaries("boss", "11-"); len(got) != 0 {
			t.Errorf("got\n%s", show(got[0]))
		}
	})
}

// What was verified after the last summary is told with the next.
func TestNightlySummaryTail(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour) // 22:00
		b.bot.Pass(t.Context())
		b.clock.Advance(time.Hour)
		b.verified("zhangsan", 0, 2)
		b.clock.Advance(20 * time.Hour)
		b.verified("zhangsan", 10, 1)
		b.clock.Advance(3 * time.Hour)
		got := b.summaries("boss", "11-")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "11-24 1 张 ¥49.90", "11-23 日报以后又核销 2 张 ¥99.80，没有算进上面", "比前一天多 1 张")
	})
}

// What was refunded after the last summary is told with the next, and makes it worth one.
func TestNightlySummaryTailOfRefunds(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		code := b.verified("zhangsan", 10, 1)[0]
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, code)
		b.must(err)
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(9 * time.Hour) // 23:00
		b.summaries("boss", "11-")
		_, err = b.db.Refunds.Add(t.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: 1, OperationID: op.ID, Code: code, Title: op.Title, PriceFen: op.PriceFen, RefundedAt: b.clock.Now(),
		})
		b.must(err)
		b.clock.Advance(23 * time.Hour)
		got := b.summaries("boss", "11-24 ")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "11-24 没有核销", "11-23 日报以后退款 1 张 "+dianping.Fen(op.PriceFen).String()+"，没有算进上面")
	})
}

// Several processes at once: one summary.
func TestNightlySummaryRaces(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.clock.Advance(8 * time.Hour)
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		due := b.bot.Report.Editions(b.bot.words.In(b.clock.Now()))
		errs := make(chan error, 8)
		for range 8 {
			go func() { errs <- b.bot.nightly.Publish(t.Context(), due) }()
		}
		for range 8 {
			b.must(<-errs)
		}
		if got := b.summaries("boss", "11-"); len(got) != 1 {
			t.Errorf("%d summaries", len(got))
		}
	})
}

// What a manager asks for in words is the same card.
func TestSummaryOnDemand(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 2)
		has(t, b.in(group, "wangwu", "今天"), "今日 11-23 2 张 ¥99.80", "店员: 张三 2 张")
		has(t, b.in(group, "boss", "11月"), "2026年11月 2 张")
		has(t, b.in(group, "boss", "2026-11-22"), "2026-11-22 没有核销")
		has(t, b.in(group, "zhangsan", "本周"), "核销 2 张 ¥99.80", "本人")
		has(t, b.in(group, "lisi", "今日"), "核销 0 张")
		has(t, b.in(group, "boss", "2099-01-01"), "还没有到")
	})
}

// Managers and groups get theirs at hours of their own, each once, with the figures
// up to that hour.
func TestSummaryTimes(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 2, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		b.configure(func(o *Options) {
			o.Webhooks = []notice.Webhook{{Channel: "webhook/day"}, {Channel: "webhook/second", Stores: []string{"second store", "nowhere"}}}
		})
		second, err := b.db.Directory.Store(t.Context(), 2)
		b.must(err)
		b.bot.Webhooks[1].Stores[0] = second.Name
		b.configure(func(o *Options) {
			o.Report = &figures.Report{At: 22 * time.Hour, EmptyDays: true, Times: map[string]time.Duration{"boss": 20 * time.Hour, "webhook/second": 21 * time.Hour}}
		})
		seen := 0
		got := func() string { // since the last time
			var all []string
			b.bot.Pass(t.Context())
			b.bot.Pass(t.Context())
			sent := b.courier.all()
			defer func() { seen = len(sent) }()
			for _, d := range sent[seen:] {
				if strings.HasPrefix(d.Reply.Card.Title, "11-") {
					all = append(all, d.Channel+"/"+d.User+" "+d.Reply.Card.Title)
				}
			}
			slices.Sort(all)
			return strings.Join(all, "; ")
		}
		until := func(hour int) {
			now := b.clock.Now().In(b.bot.Location)
			b.clock.Advance(time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, now.Location()).Sub(now))
		}
		b.verified("zhangsan", 0, 2)
		day := b.clock.Now().In(b.bot.Location).Format("01-02")
		for _, step := range []struct {
			hour int
			want string
		}{
			{20, "app/main/boss " + day + " 2 张 ¥99.80"},
			{21, "webhook/second/ " + day + " 没有核销"},
			{22, "app/main/chenba " + day + " 没有核销; webhook/day/ " + day + " 2 张 ¥99.80"},
			{23, ""},
		} {
			until(step.hour)
			if s := got(); s != step.want {
				t.Errorf("at %d: %q, want %q", step.hour, s, step.want)
			}
		}
	})
}

// What a summary has told and was undone since is told by the next one, once, also where
// that day has no business.
func TestNightlySummaryOfWhatWasUndoneSince(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(7*time.Hour + 57*time.Minute) // 21:57
		codes := b.verified("zhangsan", 10, 4)
		has(t, b.say("zhangsan", "撤 "+codes[3]), "已撤销")
		b.clock.Advance(3 * time.Minute)
		first := b.summaries("boss", "11-23 ")
		if len(first) != 1 {
			t.Fatalf("%d summaries", len(first))
		}
		has(t, first[0], "11-23 3 张 ¥149.70")
		b.clock.Advance(3 * time.Minute)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		has(t, b.say("zhangsan", "撤 "+codes[1]), "已撤销")
		tail := b.verified("zhangsan", 20, 1) // in no summary
		has(t, b.say("zhangsan", "撤 "+tail[0]), "已撤销")
		b.clock.Advance(24*time.Hour - 3*time.Minute)
		next := b.summaries("boss", "11-24 ")
		if len(next) != 1 {
			t.Fatalf("%d summaries of the next day", len(next))
		}
		has(t, next[0], "没有核销", "11-23 日报以后撤销 2 张 ¥99.80，没有算进上面")
		b.verified("zhangsan", 30, 1)
		b.clock.Advance(24 * time.Hour)
		for _, s := range b.summaries("boss", "11-25 ") {
			hasNot(t, s, "撤销 2 张")
		}
	})
}

// end takes the first store out of the configuration.
func (b *bench) end() {
	b.t.Helper()
	b.must(b.db.Directory.Sync(b.t.Context(), []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b", Chats: []string{both}}}))
}

// A store that ends after a summary is in the next one, for its manager, too, with what it
// verified until then, and with what was undone of it; then there is nothing more to tell.
func TestNightlySummaryOfAnEndedStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour, EmptyDays: true} })
		b.clock.Advance(7*time.Hour + 57*time.Minute) // 21:57
		codes := b.verified("zhangsan", 0, 2)
		b.clock.Advance(3 * time.Minute)
		for _, user := range []string{"boss", "chenba"} {
			if got := b.summaries(user, "11-23 "); len(got) != 1 || got[0].Card.Title != "11-23 2 张 ¥99.80" {
				t.Fatalf("%s got %d summaries", user, len(got))
			}
		}
		b.clock.Advance(3 * time.Minute)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		b.clock.Advance(57 * time.Minute) // 23:00
		b.verified("zhangsan", 10, 3)
		b.clock.Advance(11 * time.Hour)
		b.end()
		b.clock.Advance(12 * time.Hour)
		for _, user := range []string{"boss", "chenba"} {
			got := b.summaries(user, "11-24 ")
			if len(got) != 1 {
				t.Fatalf("%s got %d summaries of the next day", user, len(got))
			}
			has(t, got[0], "没有核销", "11-23 日报以后又核销 3 张 ¥149.70，撤销 1 张 ¥49.90")
		}
		b.clock.Advance(24 * time.Hour)
		if n := len(b.summaries("chenba", "11-25 ")); n != 0 || len(b.summaries("boss", "11-25 ")) != 1 {
			t.Errorf("%d summaries of a store that has ended", n)
		}
	})
}

// What a store verified may be refunded after it has ended: that day's sums have it.
func TestRefundOfAnEndedStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		code := b.verified("zhangsan", 10, 2)[0]
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, code)
		b.must(err)
		b.end()
		b.clock.Advance(5 * 24 * time.Hour)
		_, err = b.db.Refunds.Add(t.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: 1, OperationID: op.ID, Code: code, Title: op.Title, PriceFen: op.PriceFen, RefundedAt: b.clock.Now(),
		})
		b.must(err)
		has(t, b.in("", "boss", "今日"), "退款 1 张")
		b.clock.Advance(8 * time.Hour)
		for _, user := range []string{"boss", "chenba"} {
			got := slices.DeleteFunc(b.summaries(user, "11-28 "), func(r bot.Reply) bool { return strings.HasPrefix(r.Card.Title, "今日") })
			if len(got) != 1 {
				t.Fatalf("%s got %d summaries", user, len(got))
			}
			has(t, got[0], "没有核销", "核销以后退款 1 张 ¥49.90")
		}
	})
}
