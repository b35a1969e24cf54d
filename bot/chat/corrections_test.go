package chat

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/figures"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// nightlyAt has the manager of all stores get a summary each day.
func (b *bench) nightlyAt(at time.Duration) {
	b.configure(func(o *Options) { o.Report = &figures.Report{At: at, EmptyDays: true} })
}

// summary is the only one of a day that the manager of all stores gets.
func (b *bench) summary(day string) bot.Reply {
	b.t.Helper()
	got := slices.DeleteFunc(b.summaries("boss", day+" "), func(r bot.Reply) bool { return strings.HasPrefix(r.Card.Title, "今日") })
	if len(got) != 1 {
		b.t.Fatalf("%d summaries of %s", len(got), day)
	}
	return got[0]
}

// silence makes the answer to a call be lost, and what asks after it.
func (b *bench) silence(call string) {
	b.t.Helper()
	b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: call, Times: 1}))
	b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Times: -1}))
}

// What was verified before the summary and settled after it is told by the next one.
func TestSummaryOfWhatSettledLater(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.until(21, 59)
		b.voucher(Code)
		b.silence("consume")
		b.start(b.private("zhangsan", "验 "+Code))
		b.passFor(2*time.Minute, 10*time.Second)
		has(t, b.summary("11-23"), "没有核销", "还有 1 笔平台没有给出结果")
		b.platform.ClearFaults()
		b.passFor(2*time.Minute, 5*time.Second)
		b.until(22, 0)
		has(t, b.summary("11-24"), "没有核销", "11-23 日报以后补记 1 张 ¥49.90，没有算进上面")
		b.until(22, 0)
		hasNot(t, b.summary("11-25"), "11-23")
	})
}

// What settled after the summary and was undone then was never told: there is nothing to take
// back.
func TestSummaryOfWhatSettledAndWasUndoneLater(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.until(21, 59)
		b.voucher(Code)
		b.silence("consume")
		b.start(b.private("zhangsan", "验 "+Code))
		b.passFor(2*time.Minute, 10*time.Second)
		has(t, b.summary("11-23"), "没有核销")
		b.platform.ClearFaults()
		b.passFor(2*time.Minute, 5*time.Second)
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		b.until(22, 0)
		hasNot(t, b.summary("11-24"), "11-23", "撤销")
	})
}

// An undo whose outcome comes days later, from a manager, is told of the day that it was of.
func TestSummaryOfAnUndoDaysLater(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.until(21, 50)
		code := b.verified("zhangsan", 0, 1)[0]
		b.silence("reverseconsume")
		b.start(b.private("zhangsan", "撤 "+code))
		b.passFor(10*time.Minute, 10*time.Second)
		has(t, b.summary("11-23"), "11-23 1 张 ¥49.90")
		for _, day := range []string{"11-24", "11-25", "11-26"} {
			b.until(22, 0)
			hasNot(t, b.summary(day), "11-23")
		}
		b.platform.ClearFaults()
		has(t, b.in("", "boss", "确认 "+code+" 已撤销"), "撤销")
		b.until(22, 0)
		has(t, b.summary("11-27"), "11-23 日报以后撤销 1 张 ¥49.90，没有算进上面")
		b.until(22, 0)
		hasNot(t, b.summary("11-28"), "11-23")
	})
}

// A doubt that a manager ends days later is told of the day on which it was verified.
func TestSummaryOfADoubtEndedDaysLater(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.doubted() // at 14:00
		b.until(22, 0)
		has(t, b.summary("11-23"), "没有核销")
		b.until(22, 0)
		b.summary("11-24")
		has(t, b.in("", "boss", "确认 "+Code+" 已核销"), "核销成功")
		b.until(22, 0)
		has(t, b.summary("11-25"), "没有核销", "11-23 日报以后补记 1 张 ¥49.90")
	})
}

// The notice of a refund may come after the summary of its day.
func TestSummaryOfALateRefund(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		code := b.verified("zhangsan", 10, 2)[0]
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, code)
		b.must(err)
		b.nightlyAt(22 * time.Hour)
		b.until(21, 50)
		sent := b.clock.Now()
		b.until(22, 5)
		hasNot(t, b.summary("11-23"), "退款")
		_, err = b.db.Refunds.Add(t.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: 1, OperationID: op.ID, Code: code, Title: op.Title, PriceFen: op.PriceFen, RefundedAt: sent,
		})
		b.must(err)
		b.until(22, 0)
		has(t, b.summary("11-24"), "11-23 日报以后退款 1 张 ¥49.90，没有算进上面")
	})
}

// Another hour of the summary leaves nothing out and tells nothing twice.
func TestSummaryAtAnotherHour(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.verified("zhangsan", 0, 1)
		b.until(22, 0)
		has(t, b.summary("11-23"), "11-23 1 张 ¥49.90")
		b.until(23, 0)
		b.verified("zhangsan", 10, 2)
		b.nightlyAt(9 * time.Hour)
		b.until(9, 0)
		b.summary("11-23") // it has been told
		b.verified("zhangsan", 20, 3)
		b.until(9, 0)
		has(t, b.summary("11-24"), "11-24 3 张 ¥149.70", "11-23 日报以后又核销 2 张 ¥99.80")
		b.verified("zhangsan", 30, 1)
		b.nightlyAt(22 * time.Hour)
		b.until(22, 0)
		got := b.summary("11-25")
		has(t, got, "11-25 1 张 ¥49.90")
		hasNot(t, got, "日报以后")
	})
}

// Days of which no summary could be sent are told by the next.
func TestSummaryAfterMissedDays(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.nightlyAt(22 * time.Hour)
		b.until(22, 0)
		b.summary("11-23")
		b.configure(func(o *Options) { o.Report = nil })
		for i := range 3 {
			b.until(12, 0)
			b.verified("zhangsan", 10*i, 1)
		}
		b.until(22, 0) // of 11-26
		b.until(22, 0)
		b.until(21, 0)
		b.nightlyAt(22 * time.Hour)
		has(t, b.summary("11-27"), "补发：11-27 没有核销", "11-24 至 11-26 没有发日报，核销 3 张 ¥149.70，没有算进上面")
		b.until(22, 0)
		hasNot(t, b.summary("11-28"), "发日报", "日报以后")
	})
}

// Of what a process of before has told only that is said which is certain: what was undone
// after its summary, and what was verified after it.
func TestSummaryAfterAFormerVersions(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.until(21, 57)
		codes := b.verified("zhangsan", 0, 3)
		b.until(22, 0)
		for _, day := range []string{"2026-11-20", "2026-11-23"} {
			_, err := b.db.Reports.Claim(t.Context(), "boss", "day", day, b.clock.Now(), nil)
			b.must(err)
		}
		b.nightlyAt(22 * time.Hour)
		b.until(22, 3)
		has(t, b.say("zhangsan", "撤 "+codes[0]), "已撤销")
		b.verified("zhangsan", 10, 2)
		b.until(22, 0)
		has(t, b.summary("11-24"), "11-23 日报以后又核销 2 张 ¥99.80，撤销 1 张 ¥49.90")
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, codes[1])
		b.must(err)
		b.undo(op)
		b.until(22, 0)
		has(t, b.summary("11-25"), "11-23 日报以后撤销 1 张 ¥49.90")
	})
}

// undo takes an operation back, whatever the platform would say.
func (b *bench) undo(op models.Operation) {
	b.t.Helper()
	op, err := b.db.Journal.BeginUndo(b.t.Context(), op, b.asked())
	b.must(err)
	_, err = b.db.Journal.FinishUndo(b.t.Context(), op, nil)
	b.must(err)
}

// asked is a message without a worker.
func (b *bench) asked() models.Inbox {
	b.t.Helper()
	id := b.bot.NewID()
	in, _, err := b.db.Inbox.Accept(b.t.Context(), models.Inbox{ID: id, Channel: app, MessageID: id, User: "zhangsan", Payload: []byte("{}"), DueAt: b.clock.Now().AddDate(1, 0, 0)})
	b.must(err)
	return in
}

// What summaries have told of the days, with what they have told of them later, is what is in
// the ledger, to the fen: whatever settles late, is undone or refunded late, at whatever hours
// they come, also of a store that has ended, for each who gets them.
func TestSummariesAddUp(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "chenba", Name: "陈八", Role: models.RoleManager}))
		l := &ledger{bench: b, rand: rand.New(rand.NewPCG(uint64(len(b.dialect)), uint64(len(t.Name())))), stores: []int64{1, 2}}
		const days = 10
		for day := range days {
			at := []time.Duration{22 * time.Hour, 20*time.Hour + 30*time.Minute, 9 * time.Hour, 12 * time.Hour}[l.rand.IntN(4)]
			b.nightlyAt(at)
			if day > 0 && l.rand.IntN(6) == 0 {
				b.configure(func(o *Options) { o.Report = nil })
			}
			if day == days/2 {
				l.stores = []int64{2}
				b.end()
			}
			for range 12 {
				l.hour()
				l.hour()
				b.bot.Pass(t.Context())
			}
		}
		for len(l.later) > 0 {
			l.outcomes()
			b.clock.Advance(time.Hour)
			b.summaries("", "")
		}
		b.nightlyAt(22 * time.Hour)
		for range 3 {
			b.until(22, 0)
			b.summaries("", "")
		}
		for user, stores := range map[string][]int64{"boss": {1, 2}, "chenba": {1}} {
			verified, refunded := l.sums(stores)
			var toldVerified, toldRefunded models.Sum
			for _, s := range b.summaries(user, "") {
				v, r := toldBy(t, s)
				toldVerified, toldRefunded = toldVerified.Plus(v), toldRefunded.Plus(r)
			}
			if toldVerified != verified || toldRefunded != refunded {
				t.Errorf("%s was told of %+v and %+v, the ledger has %+v and %+v", user, toldVerified, toldRefunded, verified, refunded)
			}
			if verified.Count < 30 || refunded.Count < 2 {
				t.Errorf("only %+v and %+v", verified, refunded)
			}
		}
	})
}

// ledger is what happens at stores, apart from what the bot makes of it.
type ledger struct {
	*bench
	rand    *rand.Rand
	stores  []int64 // in use
	n       int
	later   []outcome
	ops     map[string]*models.Operation // that have consumed
	refunds map[string]models.Refund     // by operation
}

// outcome is what becomes of an operation.
type outcome struct {
	at time.Time
	do func()
}

// hour is one of business.
func (l *ledger) hour() {
	for range l.rand.IntN(3) {
		l.begin()
	}
	for range 3 {
		l.outcomes()
		l.clock.Advance(20 * time.Minute)
	}
}

// soon is within an hour mostly, and within five days at most.
func (l *ledger) soon() time.Time {
	most := []time.Duration{time.Minute, time.Hour, time.Hour, 49 * time.Hour, 120 * time.Hour}[l.rand.IntN(5)]
	return l.clock.Now().Add(time.Duration(l.rand.Int64N(int64(most))))
}

func (l *ledger) then(do func()) { l.later = append(l.later, outcome{l.soon(), do}) }

func (l *ledger) outcomes() {
	due := l.later
	l.later = nil
	for _, o := range due {
		if o.at.After(l.clock.Now()) {
			l.later = append(l.later, o)
			continue
		}
		o.do()
	}
}

// begin verifies, which is settled at once or later, or comes to nothing.
func (l *ledger) begin() {
	ctx := l.t.Context()
	l.n++
	op, err := l.db.Journal.Begin(ctx, models.Operation{
		ID: l.bot.NewID(), StoreID: l.stores[l.rand.IntN(len(l.stores))], Code: fmt.Sprint(7300000000 + l.n), Count: 1, Channel: app, UserID: "zhangsan", User: "张三",
		Title: "双人下午茶", PriceFen: 1000 + l.rand.Int64N(9000), CalledAt: l.clock.Now(), DueAt: l.clock.Now().AddDate(1, 0, 0),
	}, l.asked())
	l.must(err)
	finish := func() {
		if l.rand.IntN(8) == 0 {
			_, err := l.db.Journal.RejectConsume(ctx, op)
			l.must(err)
			return
		}
		c := models.Coupon{Code: op.Code, PriceFen: op.PriceFen}
		if l.rand.IntN(8) == 0 {
			c.PriceFen, c.PriceUnknown = 0, true
		}
		op.ConsumedAt = op.CalledAt.Add(time.Duration(l.rand.Int64N(int64(l.clock.Now().Sub(op.CalledAt)) + 1)))
		op, err = l.db.Journal.FinishConsume(ctx, op, []models.Coupon{c})
		l.must(err)
		if l.ops == nil {
			l.ops, l.refunds = map[string]*models.Operation{}, map[string]models.Refund{}
		}
		op.PriceFen, op.PriceUnknown = c.PriceFen, c.PriceUnknown
		l.ops[op.ID] = &op
		switch l.rand.IntN(5) {
		case 0:
			l.then(func() { l.takeBack(&op) })
		case 1:
			l.then(func() { l.refund(&op) })
			if l.rand.IntN(3) == 0 {
				l.then(func() { l.takeBack(&op) })
			}
		}
	}
	switch l.rand.IntN(4) {
	case 0:
		op, err = l.db.Journal.DoubtConsume(ctx, op)
		l.must(err)
		l.then(finish)
	case 1:
		op, err = l.db.Journal.HeldConsume(ctx, op)
		l.must(err)
		l.then(finish)
	default:
		finish()
	}
}

// takeBack undoes an operation, which is settled at once or later.
func (l *ledger) takeBack(op *models.Operation) {
	ctx := l.t.Context()
	begun := *op
	begun.DueAt, begun.UndoCalledAt = l.clock.Now().AddDate(1, 0, 0), l.clock.Now()
	begun, err := l.db.Journal.BeginUndo(ctx, begun, l.asked())
	l.must(err)
	begun, err = l.db.Journal.DoubtUndo(ctx, begun, nil)
	l.must(err)
	l.then(func() {
		begun.UndoneAt = begun.UndoCalledAt
		_, err := l.db.Journal.FinishUndo(ctx, begun, nil)
		l.must(err)
		op.State = models.Undone
	})
}

// refund is told up to an hour later.
func (l *ledger) refund(op *models.Operation) {
	r := models.Refund{
		Platform: "douyin", CertificateID: op.Code, StoreID: op.StoreID, OperationID: op.ID, Code: op.Code, Title: op.Title, PriceFen: op.PriceFen, PriceUnknown: op.PriceUnknown,
		RefundedAt: l.clock.Now().Add(-time.Duration(l.rand.Int64N(int64(time.Hour)))),
	}
	_, err := l.db.Refunds.Add(l.t.Context(), r)
	l.must(err)
	l.refunds[op.ID] = r
}

// sums is what stands in some stores.
func (l *ledger) sums(stores []int64) (verified, refunded models.Sum) {
	for id, op := range l.ops {
		if op.State == models.Undone || !slices.Contains(stores, op.StoreID) {
			continue
		}
		verified.Add(op.Price())
		if r, ok := l.refunds[id]; ok {
			refunded.Add(r.Price())
		}
	}
	return verified, refunded
}

const sumSays = `(?:(\d+) 张 ¥(\d+)\.(\d\d)(?:，另有 (\d+) 张金额不详)?|(\d+) 张金额不详)`

var (
	titleSays  = regexp.MustCompile(`^(?:补发：)?\d\d-\d\d ` + sumSays)
	refundSays = regexp.MustCompile(`核销以后退款 ` + sumSays)
	changeSays = regexp.MustCompile(`(又核销|核销|补记|扣减|少撤销|撤销|少退款|退款) ` + sumSays)
	mixedSays  = regexp.MustCompile(`(补记|撤销|退款)更正：(?:(多|少) (\d+) 张)?、?(?:(多|少) ¥(\d+)\.(\d\d))?、?(?:金额不详(多|少) (\d+) 张)?`)
)

// sumOf reads the groups of sumSays.
func sumOf(m []string) models.Sum {
	n := func(s string) int {
		v, _ := strconv.Atoi(s)
		return v
	}
	priced, unpriced := n(m[0]), n(m[3])+n(m[4])
	return models.Sum{Count: priced + unpriced, Fen: int64(n(m[1])*100 + n(m[2])), Unpriced: unpriced}
}

// toldBy is what the summary of a day says of money, that of earlier days among it; those of
// weeks and months say it once more.
func toldBy(t *testing.T, s bot.Reply) (verified, refunded models.Sum) {
	t.Helper()
	if strings.Contains(s.Card.Title, "上周") || strings.Contains(s.Card.Title, "月") {
		return
	}
	if m := titleSays.FindStringSubmatch(s.Card.Title); m != nil {
		verified = sumOf(m[1:])
	} else if !strings.Contains(s.Card.Title, "没有核销") {
		t.Errorf("the title says %s", s.Card.Title)
	}
	if m := refundSays.FindStringSubmatch(s.Card.Text); m != nil {
		refunded = sumOf(m[1:])
	}
	_, lines, ok := strings.Cut(s.Text, "**前几天的变化")
	if !ok {
		return
	}
	_, lines, _ = strings.Cut(lines, "\n")
	lines, _, _ = strings.Cut(lines, "**")
	add := func(what string, sum models.Sum) {
		if slices.Contains([]string{"扣减", "撤销", "少退款"}, what) {
			sum = models.Sum{}.Minus(sum)
		}
		if strings.Contains(what, "退款") {
			refunded = refunded.Plus(sum)
		} else {
			verified = verified.Plus(sum)
		}
	}
	for _, m := range changeSays.FindAllStringSubmatch(lines, -1) {
		add(m[1], sumOf(m[2:]))
	}
	for _, m := range mixedSays.FindAllStringSubmatch(lines, -1) {
		sign := map[string]int{"多": 1, "少": -1}
		count, fen, unpriced := sumOf([]string{m[3], "", "", "", ""}), sumOf([]string{"", m[5], m[6], "", ""}), sumOf([]string{"", "", "", m[8], ""})
		add(m[1], models.Sum{Count: sign[m[2]] * count.Count, Fen: int64(sign[m[4]]) * fen.Fen, Unpriced: sign[m[7]] * unpriced.Unpriced})
	}
	return verified, refunded
}
