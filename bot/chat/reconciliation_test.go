package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/reconcile"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const firstDay = "2026-11-23" // of the bench's clock

// nightly makes the bot look at closed days at 03:30, and the running day known.
func (b *bench) nightly() {
	at := 3*time.Hour + 30*time.Minute
	b.configure(func(o *Options) { o.ReconcileAt = &at })
	b.bot.reconciliation = b.bot.newReconciliation()
	b.bot.Pass(b.t.Context())
}

// until moves the clock on to a time of the day in Beijing.
func (b *bench) until(hour, minute int) {
	now := b.clock.Now().In(b.bot.Location)
	y, m, d := now.Date()
	next := time.Date(y, m, d, hour, minute, 0, 0, b.bot.Location)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	b.clock.Advance(next.Sub(now))
}

// looks makes every look that is due now.
func (b *bench) looks() {
	b.t.Helper()
	for range 100 {
		b.bot.jobs.Wake(planJob, reconcileJob)
		b.bot.Pass(b.t.Context())
		due, err := b.db.Reconciliations.Due(b.t.Context(), b.clock.Now(), 10)
		b.must(err)
		if len(due) == 0 {
			return
		}
	}
	b.t.Fatal("there is always a look that is due")
}

// result is what is known of the first store's day.
func (b *bench) result(day string) reconcile.Result {
	b.t.Helper()
	r, ok, err := b.bot.reconciliation.Result(b.t.Context(), 1, day)
	b.must(err)
	if !ok {
		b.t.Fatalf("there is no result of %s", day)
	}
	return r
}

// told are the cards that boss has got by the app.
func (b *bench) told(title string) (cards []bot.Reply) {
	b.t.Helper()
	b.bot.Pass(b.t.Context())
	for _, d := range b.courier.all() {
		if d.User == "boss" && d.Reply.Card != nil && d.Reply.Card.Title == title {
			cards = append(cards, d.Reply)
		}
	}
	return cards
}

// till verifies a fresh voucher in the first store, but not by the bot.
func (b *bench) till(code, channel string) {
	b.t.Helper()
	b.voucher(code)
	b.must(b.platform.ConsumeElsewhere(code, "till-1", channel))
}

// undoElsewhere undoes a verification of the first store, but not by the bot.
func (b *bench) undoElsewhere(code string) {
	b.t.Helper()
	v, _ := b.platform.Voucher(code)
	_, err := b.bot.Platforms[b.dialect].ReverseConsume(b.t.Context(), dianping.Shop{ID: "shop-a", Session: "token-shop-a"},
		dianping.ReverseRequest{Code: code, DealID: v.DealID, Operator: dianping.Operator{Account: "till-1", Name: "收银台"}})
	b.must(err)
}

func TestReconciledByNight(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		codes := b.verified("zhangsan", 0, 3)
		b.till("8000000001", "")
		b.till("8000000002", "15")
		b.clock.Advance(time.Minute)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		b.until(3, 29)
		b.looks()
		if n := b.calls("querylistbydate"); n > 0 {
			t.Fatalf("the platform was asked %d times before the hour", n)
		}
		b.until(3, 30)
		b.looks()
		r := b.result(firstDay)
		if got, want := r.Figures.Line(), "平台 4 笔 = 机器人 2 + 店内 1 + 其他系统 1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if i := r.Items[1]; i.Kind != reconcile.InShop || i.Code != "8000000001" || i.Account != "till-1" || i.Channel != "1" || i.PlatformFen != 4990 {
			t.Errorf("at the till: %+v", i)
		}
		if m := r.Figures.Money; m.Certainty() != reconcile.Exact || m.Due != 2*4990 {
			t.Errorf("money: %+v", m)
		}
		if line, err := b.bot.Reconciliations().Line(t.Context(), []int64{1, 2, 3}, firstDay); err != nil || line != r.Figures.Line()+"；还有 1 个没对账" {
			t.Errorf("for the summary: %s, %v", line, err)
		}
		stores, err := b.db.Directory.Stores(t.Context())
		b.must(err)
		if lines, err := b.bot.figures.Outlook(t.Context(), stores[:1]); err != nil || strings.Join(lines, "") != "11-23 对账："+r.Figures.Line() {
			t.Errorf("in the summary: %q, %v", lines, err)
		}
		asked := b.calls("querylistbydate")
		b.looks() // not again in this night
		if n := b.calls("querylistbydate"); n != asked {
			t.Errorf("asked %d times, and then %d", asked, n)
		}
		if cards := b.told("对账发现问题"); len(cards) > 0 {
			t.Errorf("managers are alarmed without need:\n%s", show(cards[0]))
		}
	})
}

// What the platform verified just after midnight, for a call of just before, is in the
// figures of one day.
func TestReconciledAroundMidnight(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		b.until(23, 59)
		b.clock.Advance(59 * time.Second)
		once := true
		slow := func(r *http.Request) {
			if once && strings.Contains(r.URL.Path, "consume") {
				once = false
				b.clock.Advance(2 * time.Second)
			}
		}
		b.before.Store(&slow)
		b.verified("zhangsan", 0, 1)
		next, err := time.Parse(time.DateOnly, firstDay)
		b.must(err)
		second := next.AddDate(0, 0, 1).Format(time.DateOnly)
		for range 2 {
			b.until(3, 30)
			b.looks()
		}
		if first := b.result(firstDay); first.Figures.Line() != "平台 0 笔 = 机器人 0" || len(first.Items) > 0 {
			t.Errorf("%s: %s, %+v", firstDay, first.Figures.Line(), first.Items)
		}
		sum := b.result(firstDay).Figures.Plus(b.result(second).Figures)
		if sum.Line() != "平台 1 笔 = 机器人 1" || sum.Money.Due != 4990 || sum.Money.Exact != 1 {
			t.Errorf("%s, %+v", sum.Line(), sum.Money)
		}
		if cards := b.told("对账发现问题"); len(cards) > 0 {
			t.Errorf("managers are alarmed without need:\n%s", show(cards[0]))
		}
	})
}

// What the platform does not know of is told, once; and what becomes known later
// is told then.
func TestReconciliationAlarm(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		codes := b.verified("zhangsan", 0, 3)
		b.undoElsewhere(codes[1])
		b.until(3, 30)
		b.looks()
		cards := b.told("对账发现问题")
		if len(cards) != 1 {
			t.Fatalf("%d alarms, want 1", len(cards))
		}
		has(t, cards[0], "人民广场店", "11-23", "1 笔", "¥49.90", codes[1], "开店宝")
		if f := b.result(firstDay).Figures; f.Line() != "平台 2 笔 = 机器人 2；平台没有 1 笔" {
			t.Errorf("got %s", f.Line())
		}
		b.until(3, 30) // the second look, which finds the same
		b.looks()
		if n := len(b.told("对账发现问题")); n != 1 {
			t.Errorf("%d alarms after the second look, want 1", n)
		}
	})
}

// An answer about what the list leaves open that says nothing of it is no alarm: the code
// may be there.
func TestReconciliationWithoutAWord(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		codes := b.verified("zhangsan", 0, 3)
		b.undoElsewhere(codes[1])
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "getconsumed", Answer: "1999", Times: 1}))
		b.until(3, 30)
		b.looks()
		if cards := b.told("对账发现问题"); len(cards) != 0 {
			t.Errorf("managers are alarmed:\n%s", show(cards[0]))
		}
		b.until(3, 30)
		b.looks()
		if n := len(b.told("对账发现问题")); n != 1 {
			t.Errorf("%d alarms after the platform has said it, want 1", n)
		}
	})
}

// A refund is what the platform calls one, on the night on which it does.
func TestLateRefunds(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		codes := b.verified("zhangsan", 0, 2)
		b.until(3, 30)
		b.looks()
		if n := b.result(firstDay).Figures.Refunded.Count; n != 0 {
			t.Fatalf("%d refunds, want none", n)
		}
		b.until(12, 0)
		b.must(b.platform.SetState(codes[0], dianpingtest.Refunded))
		b.until(3, 30)
		b.looks()
		r := b.result(firstDay)
		want := "平台 2 笔 = 机器人 2"
		if b.dialect == dianping.Meituan { // the first generation does not tell
			want += "；已退款 1 笔"
			if r.Figures.Money.Due != 4990 {
				t.Errorf("due is %v, want what was not refunded", r.Figures.Money.Due)
			}
		}
		if got := r.Figures.Line(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Many pages, while the list grows between them, in both meanings of an offset.
func TestReconciledPages(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		if b.dialect == dianping.Dianping {
			b.must(b.platform.SetKnobs(dianpingtest.Knobs{Gen1ListPaging: dianpingtest.PagingPages}))
		}
		b.nightly()
		b.verified("zhangsan", 0, 2)
		for i := range 640 {
			b.till(fmt.Sprint(8000000000+i), "")
		}
		pages := 0
		grow := func(r *http.Request) {
			if strings.Contains(r.URL.Path, "querylistbydate") && b.clock.Now().Hour() == 16 { // 00:00 in Beijing
				if pages++; pages == 2 {
					b.clock.Advance(-time.Hour) // the platform's clock lags: it still counts for the day
					b.till("8100000000", "")
					b.clock.Advance(time.Hour)
				}
			}
		}
		at := 30 * time.Minute
		b.configure(func(o *Options) { o.ReconcileAt = &at })
		b.bot.reconciliation = b.bot.newReconciliation()
		b.before.Store(&grow)
		b.until(0, 30)
		day, ok, err := b.bot.reconciliation.Look(t.Context(), 1, firstDay)
		b.must(err)
		if pages < 3 {
			t.Fatalf("%d pages, want several", pages)
		}
		if got, want := day.Figures.Line(), "平台 643 笔 = 机器人 2 + 店内 641"; !ok || got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// A page that fails fails the look: it is made again after a pause that grows,
// and nothing of a part of the list is believed.
func TestReconciliationIsTriedAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		for i := range 310 {
			b.till(fmt.Sprint(8000000000+i), "")
		}
		b.verified("zhangsan", 0, 1)
		b.until(3, 30)
		requests := 0
		fail := func(r *http.Request) {
			if strings.Contains(r.URL.Path, "querylistbydate") {
				if requests++; requests == 2 || requests == 4 { // the second page, twice
					b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "querylistbydate"}))
				}
			}
		}
		b.before.Store(&fail)
		row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay)
		b.must(err)
		var pauses []time.Duration
		for row.Looks == 0 && len(pauses) < 5 {
			b.must(b.bot.reconciliation.Run(t.Context(), row))
			row, err = b.db.Reconciliations.Get(t.Context(), 1, firstDay)
			b.must(err)
			if row.Looks == 0 {
				if row.Reason != reconcile.ReasonUnavailable {
					t.Errorf("reason %q", row.Reason)
				}
				pauses = append(pauses, row.DueAt.Sub(b.clock.Now()))
				b.clock.Advance(row.DueAt.Sub(b.clock.Now()))
			}
		}
		if len(pauses) != 2 || pauses[0] < 45*time.Second || pauses[0] > time.Minute || pauses[1] < 90*time.Second || pauses[1] > 2*time.Minute {
			t.Errorf("pauses %v", pauses)
		}
		if got, want := b.result(firstDay).Figures.Line(), "平台 311 笔 = 机器人 1 + 店内 310"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Where one store's session is refused, managers hear of it, and the other stores
// go on.
func TestReconciliationWithoutSession(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		b.must(b.platform.RevokeSession("token-shop-a"))
		b.until(3, 30)
		b.looks()
		if _, ok, err := b.bot.reconciliation.Result(t.Context(), 2, firstDay); err != nil || !ok {
			t.Errorf("the other store has no result: %v", err)
		}
		row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay)
		b.must(err)
		if row.Looks != 0 || row.Reason != reconcile.ReasonSession || !row.DueAt.After(b.clock.Now()) {
			t.Errorf("%+v", row)
		}
		cards := b.told("对账没有完成")
		if len(cards) != 1 {
			t.Fatalf("told %d times, want once", len(cards))
		}
		has(t, cards[0], "人民广场店", "11-23", "授权")
		has(t, b.say("boss", "对账"), "授权")
		b.clock.Advance(time.Hour)
		b.looks()
		if n := len(b.told("对账没有完成")); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		b.must(b.platform.AddSession(dianpingtest.Session{Token: "token-new", Dialect: dianpingtest.Dialect(b.dialect), Shops: []string{"shop-a"}}))
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{
			{Platform: b.dialect, ShopID: "shop-a", Name: "人民广场店", Session: "token-new"}, {Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b"}}))
		b.clock.Advance(time.Hour)
		b.looks()
		b.result(firstDay)
	})
}

// Several replicas at once look at each day once; what one of them has left in the
// middle, another takes up.
func TestReconciledByOneReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		other, err := New(b.bot.Options)
		b.must(err)
		b.verified("zhangsan", 0, 1)
		b.undoElsewhere("7100000000")
		b.until(3, 30)
		done := make(chan struct{})
		for _, bot := range []*Bot{b.bot, other} {
			go func() { bot.Pass(t.Context()); done <- struct{}{} }()
		}
		<-done
		<-done
		b.looks()
		perStore := b.calls("querylistbydate") / 2
		if perStore > 12 { // six kinds of vouchers, an empty page ends each
			t.Errorf("%d pages for each store", perStore)
		}
		for _, store := range []int64{1, 2} {
			row, err := b.db.Reconciliations.Get(t.Context(), store, firstDay)
			b.must(err)
			if row.Looks != 1 {
				t.Errorf("store %d was looked at %d times, want once", store, row.Looks)
			}
		}
		if n := len(b.told("对账发现问题")); n != 1 {
			t.Errorf("%d alarms, want 1", n)
		}

		// The next night, this replica is stopped in the middle.
		b.until(3, 30)
		b.bot.jobs.Wake(planJob, reconcileJob)
		ctx, kill := context.WithCancel(t.Context())
		die := func(r *http.Request) {
			if !strings.Contains(r.URL.Path, "querylistbydate") {
				return
			}
			// The other store's look may come before the first's has begun.
			if row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay); err == nil && !row.LeaseUntil.IsZero() {
				kill()
			}
		}
		b.before.Store(&die)
		b.bot.Pass(ctx)
		b.before.Store(nil)
		b.looks()
		if row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay); err != nil || row.Looks != 1 || row.LeaseUntil.IsZero() {
			t.Fatalf("not left in the middle: %+v, %v", row, err)
		}
		b.clock.Advance(11 * time.Minute)
		other.jobs.Wake(planJob, reconcileJob)
		other.Pass(t.Context())
		if row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay); err != nil || row.Looks != 2 {
			t.Errorf("nobody has gone on: %+v, %v", row, err)
		}
	})
}

// Nights that were missed are made up for, a week of them at most.
func TestMissedNights(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		b.verified("zhangsan", 0, 1)
		b.clock.Advance(10 * 24 * time.Hour)
		b.looks()
		rows, err := b.db.Reconciliations.List(t.Context(), []int64{1}, firstDay, "2026-12-31")
		b.must(err)
		var days []string
		for _, r := range rows {
			if r.Looks > 0 {
				days = append(days, r.Day[5:])
			}
		}
		if got, want := strings.Join(days, " "), "11-23 11-26 11-27 11-28 11-29 11-30 12-01 12-02"; got != want {
			t.Errorf("looked at %s, want %s", got, want)
		}
		if r := b.result(firstDay); !r.Final {
			t.Error("a day of ten days ago is looked at again")
		}
	})
}

func TestReconcileInChat(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := b.verified("zhangsan", 0, 2)
		b.till("8000000001", "")
		b.undoElsewhere(codes[0])
		has(t, b.say("wangwu", "对账 今日"), "还能核销和撤销", "11-24 00:15")
		b.until(0, 5)
		has(t, b.say("wangwu", "对账"), "还能核销和撤销")
		b.until(9, 0)
		has(t, b.say("zhangsan", "对账"), "只有组长和店长")
		has(t, b.say("wangwu", "对账 本月"), "一次对一天")
		has(t, b.say("wangwu", "对账 7992697494"), "后面写日期")
		has(t, b.say("wangwu", "对账 2025-11-23"), "最近 90 天")
		for _, text := range []string{"对账", "对账 昨天", "对账 11-23", "对账：2026-11-23。", "对账11月23日"} {
			r := b.say("wangwu", text)
			has(t, r, "对账 2026-11-23", "平台 2 笔 = 机器人 1 + 店内 1", "平台没有 1 笔", "平台: 2 笔 ¥99.80", "应收: ¥49.90", codes[0], "账号 till-1，渠道 1")
			if r.Card.Tone != bot.Bad {
				t.Errorf("%s: the tone is %q", text, r.Card.Tone)
			}
		}
		if n := len(b.told("对账发现问题")); n != 1 {
			t.Errorf("%d alarms, want 1", n)
		}
		m := b.at(app, "", "boss")
		m.Kind, m.Text = bot.Text, "对账"
		has(t, b.give(m), "人民广场店 1 笔要核对", "徐家汇店 0 笔，一致", "**人民广场店** 平台 2 笔 = 机器人 1 + 店内 1；平台没有 1 笔", "**徐家汇店** 平台 0 笔 = 机器人 0")
		b.must(b.platform.Pause(dianpingtest.PauseRefuse))
		has(t, b.say("wangwu", "对账 11-22"), "暂时没有对上")
		b.platform.Resume()
		b.clock.Advance(time.Minute)
		b.looks()
		has(t, b.say("wangwu", "对账 11-22"), "平台 0 笔 = 机器人 0")
	})
}

// What was paid for an order is due once, however many days its coupons are verified on, and
// whatever of it was undone at the platform meanwhile.
func TestMoneyOfAnOrderOnSeveralDays(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		var codes []string
		all, err := b.platform.AddOrder(dianpingtest.Voucher{
			Code: Code, Title: "双人下午茶", Price: 10000, Shops: []string{"shop-a"}, Payments: []dianpingtest.Payment{{ID: "p1", Amount: 8001, Type: 10}}}, 2)
		b.must(err)
		for _, v := range all {
			codes = append(codes, v.Code)
		}
		has(t, b.say("zhangsan", "验 "+codes[0]), "核销成功")
		again := b.voucher("7100000001")
		has(t, b.say("zhangsan", "验 "+again.Code), "核销成功")
		b.must(b.platform.UndoElsewhere(again.Code, "boss"))
		b.until(3, 30)
		b.looks()
		money := func(day string, want reconcile.Money) {
			t.Helper()
			if got := b.result(day).Figures.Money; got != want {
				t.Errorf("%s: %+v, want %+v", day, got, want)
			}
		}
		money(firstDay, reconcile.Money{Customer: 4001, Due: 4001, Estimated: 1})
		b.until(12, 0)
		for _, v := range b.platform.Vouchers() {
			if v.State == dianpingtest.Usable {
				has(t, b.say("zhangsan", "验 "+v.Code), "核销成功")
			}
		}
		b.until(3, 30)
		b.looks()
		money(firstDay, reconcile.Money{Customer: 4001, Due: 4001, Estimated: 1})
		money("2026-11-24", reconcile.Money{Customer: 4000 + 4990, Due: 4000 + 4990, Exact: 1, Estimated: 1})
	})
}

// A day of a store that is closed since is compared where its sums are: in the chat and
// on the page, for those alone who led it.
func TestReconciledDayOfAClosedStore(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		codes := b.verified("zhangsan", 0, 2)
		b.undoElsewhere(codes[0])
		b.must(b.db.Directory.Sync(ctx, []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b", Chats: []string{both}}}))
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: 2, UserID: "zhangsan", Name: "张三", Role: models.RoleLead}))
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: 2, UserID: "wangwu", Name: "王五", Role: models.RoleLead}))
		b.clock.Advance(24 * time.Hour)
		for user, closed := range map[string]bool{"boss": true, "wangwu": true, "zhangsan": false} {
			r := b.in("", user, "对账 昨日")
			has(t, r, "徐家汇店", "平台 0 笔 = 机器人 0")
			shows := strings.Contains(show(r), "**人民广场店** 平台 1 笔 = 机器人 1；平台没有 1 笔")
			if items := strings.Contains(show(r), codes[0]); shows != closed || items != closed { // it has no group any more to ask in
				t.Errorf("%s sees of the closed store: %v\n%s", user, shows, show(r))
			}
		}
		hasNot(t, b.in("", "boss", "对账 11-22"), "人民广场店")

		for user, want := range map[string]int{"boss": 2, "wangwu": 2, "zhangsan": 1} {
			d, err := b.bot.desks.Desk(ctx, user)
			b.must(err)
			_, all, err := b.bot.desks.Checked(ctx, d, 0, command.Yesterday)
			b.must(err)
			if len(all) != want || want == 2 && (all[1].ID != 1 || all[1].Result == nil) {
				t.Errorf("%s sees %d on the page: %+v", user, len(all), all)
			}
			_, all, err = b.bot.desks.Checked(ctx, d, 1, command.Yesterday)
			switch {
			case want == 1 && !errors.Is(err, models.ErrNotFound):
				t.Errorf("%s is shown the store: %+v, %v", user, all, err)
			case want == 2 && (err != nil || len(all) != 1 || len(all[0].Result.Items) != 1):
				t.Errorf("%s is shown %+v, %v", user, all, err)
			}
			if _, all, err = b.bot.desks.Checked(ctx, d, 1, "11-22"); want == 2 && (err != nil || len(all) > 0) {
				t.Errorf("%s is shown of a day without business: %+v, %v", user, all, err)
			}
		}
	})
}

// A platform that stays down is told of once; after a week nobody waits for it any
// more, and a store that was closed meanwhile is left alone.
func TestReconciliationIsGivenUp(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightly()
		b.until(3, 30)
		b.must(b.platform.Pause(dianpingtest.PauseRefuse))
		fail := func() models.Reconciliation {
			b.t.Helper()
			row, err := b.db.Reconciliations.Get(t.Context(), 1, firstDay)
			b.must(err)
			if wait := row.DueAt.Sub(b.clock.Now()); wait > 0 {
				b.clock.Advance(wait)
			}
			b.must(b.bot.reconciliation.Run(t.Context(), row))
			row, err = b.db.Reconciliations.Get(t.Context(), 1, firstDay)
			b.must(err)
			return row
		}
		for range 7 {
			fail()
		}
		if n := len(b.told("对账没有完成")); n > 0 {
			t.Fatal("told at once, while it is tried again")
		}
		for range 3 {
			if row := fail(); row.DueAt.Sub(b.clock.Now()) > time.Hour {
				t.Errorf("tried again after %v", row.DueAt.Sub(b.clock.Now()))
			}
		}
		cards := b.told("对账没有完成")
		if len(cards) != 1 {
			t.Fatalf("told %d times, want once", len(cards))
		}
		has(t, cards[0], "人民广场店", "11-23", "开店宝")
		b.clock.Advance(9 * 24 * time.Hour)
		if row := fail(); !row.DueAt.IsZero() {
			t.Errorf("still tried at %v", row.DueAt)
		}
		b.platform.Resume()
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b"}}))
		asked := b.calls("querylistbydate")
		if row := fail(); !row.DueAt.IsZero() || b.calls("querylistbydate") != asked {
			t.Errorf("a store that is closed is asked for: %+v", row)
		}
	})
}
