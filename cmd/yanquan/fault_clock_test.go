package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models/modelstest"
)

// F13: one replica is ten minutes ahead and the other ten behind; WeCom and the
// platform are right. It passes when both take callbacks and are taken by the
// platform, what one has begun the other does not do again, and what one has
// verified the other undoes, however long the platform thinks about it.
func TestFault13SkewedReplicas(t *testing.T) {
	inCells(t, with(serverCells, func(s *setting) { s.here = true }), func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		right := w.program
		ahead, behind := w.inside(10*time.Minute), w.inside(-10*time.Minute)
		w.serve(ahead)
		w.serve(behind)
		w.must(w.endOf(right, syscall.SIGTERM))
		for i := range 2 {
			for _, first := range []*process{ahead, behind} {
				w.callbacksTo(first.url)
				code := w.sell()
				if i == 1 { // to the one ahead, the other's lease is over while the platform still thinks
					w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: time.Second})
				}
				a := w.say(w.hero, "验 "+code, "核销成功", code)
				w.balance(ahead, behind)
				w.repeated(a)
				w.repeated(a)
				w.ledger(code, 1, 0)
				w.oneID(code)
				for _, next := range []*process{ahead, behind} {
					code := w.sell()
					w.callbacksTo(first.url)
					began := time.Now()
					w.tellsTime(w.say(w.hero, "验 "+code, "核销成功"), "可撤销至 ", began.Add(10*time.Minute), time.Now().Add(10*time.Minute))
					w.callbacksTo(next.url)
					if i == 1 { // meanwhile the other has every chance to take it for dead
						w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "reverseconsume", Code: code, Delay: time.Second})
					}
					w.lacks(w.say(w.hero, "撤 "+code, "已撤销"), "没有撤销", "已过撤销时间")
					w.ledger(code, 1, 1)
				}
			}
		}
	})
}

// F13: the bot's clock is further off than signatures allow, to WeCom's and to the
// platform's. It passes when the callback gets 401 and the person an answer that
// names the refusal, and nothing is consumed.
func TestFault13ClockFarOff(t *testing.T) {
	inCells(t, atTime(faultCells, time.Now()), func(w *world) {
		code := w.sell()
		w.shopTime.Store(int64(31 * time.Minute))
		want := "设置有误"
		if w.dialect == dianpingtest.Dianping { // its codes for this are not public
			want = "平台拒绝"
		}
		w.lacks(w.say(w.hero, "验 "+code, want), "核销成功")
		w.ledger(code, 0, 0)
		w.shopTime.Store(0)

		for _, off := range []time.Duration{25 * time.Hour, -25 * time.Hour} {
			w.ahead.Store(int64(off))
			if out, err := w.wecom.Say(w.soon(), w.where("lisi"), "lisi", "验 "+code); err != nil || out.Delivery().Attempts[0].Status != http.StatusUnauthorized {
				w.Errorf("%s off: %s %v", off, attempts(out.Delivery()), err)
			}
		}
		w.ahead.Store(0)
		w.ledger(code, 0, 0)
		w.say(w.hero, "验 "+code, "核销成功")
		w.ledger(code, 1, 0)
	})
}

// F13: the bot's machine steps ten minutes back. It passes when a verification from
// before can be undone, a callback from before is known, and work goes on.
func TestFault13StepBack(t *testing.T) {
	inCells(t, atTime(faultCells, time.Now()), func(w *world) {
		before := w.sell()
		a := w.say(w.hero, "验 "+before, "核销成功")
		w.clock.Advance(-10 * time.Minute)
		w.ahead.Store(int64(10 * time.Minute)) // WeCom and the platform have not stepped
		w.shopTime.Store(int64(10 * time.Minute))
		w.repeated(a)
		after := w.sell()
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: after})
		w.finally(w.utter(w.hero, "验 "+after), "核销成功", after)
		w.say(w.hero, "记录", before[6:], after[6:])
		w.say(w.hero, "撤 "+before, "已撤销")
		w.ledger(before, 1, 1)
		w.say(w.hero, "撤 "+after, "已撤销")
		w.ledger(after, 1, 1)
		w.oneID(after)
	})
}

// F13: midnight in Shanghai passes between a verification and its undo. It passes
// when each day's sum counts what was verified in it, whatever the machine's zone.
func TestFault13Midnight(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(shanghai).Date()
	inCells(t, atTime(faultCells, time.Date(y, m, d+1, 0, 0, -30, 0, shanghai)), func(w *world) {
		kept, undone, next := w.sell(), w.sell(), w.sell()
		w.say(w.hero, "验 "+kept, "核销成功")
		w.say(w.hero, "验 "+undone, "核销成功", "可撤销至 00:09:30")
		w.ledger(kept, 1, 0)
		w.say(w.hero, "今日", "2 张 ¥99.80")
		w.pass(time.Minute)
		w.say(w.hero, "今日", "0 张 ¥0.00")
		w.say(w.hero, "昨日", "2 张 ¥99.80")
		w.say(w.hero, "撤 "+undone, "已撤销")
		w.ledger(undone, 1, 1)
		w.say(w.hero, "验 "+next, "核销成功")
		w.ledger(next, 1, 0)
		w.say(w.hero, "昨日", "1 张 ¥49.90")
		w.say(w.hero, "今日", "1 张 ¥49.90")
	})
}

// pass lets time go by once nothing is on its way: a passive answer that is shown but
// not noted as delivered would go out once more, another way.
func (w *world) pass(d time.Duration) {
	w.Helper()
	db := w.database()
	w.until(func() bool {
		var queued int
		w.must(db.QueryRow("SELECT COUNT(*) FROM outbox WHERE state = 'queued'").Scan(&queued))
		return queued == 0
	})
	w.clock.Advance(d)
}

// tellsTime checks that an answer tells a time of day between two, after some words. What a
// replica tells is the database's time, which it knows to within a round trip.
func (w *world) tellsTime(a answer, words string, from, to time.Time) {
	w.Helper()
	for at := from.Add(-time.Second).Truncate(time.Second); !at.After(to); at = at.Add(time.Second) {
		if strings.Contains(a.text(), words+at.In(w.zone).Format(time.TimeOnly)) {
			return
		}
	}
	w.Errorf("no %sfrom %s to %s:\n%s", words, from.In(w.zone).Format(time.TimeOnly), to.In(w.zone).Format(time.TimeOnly), a.text())
}

// atTime lets cells live by a clock that stands at a time until it is moved.
func atTime(cells []setting, now time.Time) []setting {
	return with(cells, func(s *setting) { s.here, s.clock = true, modelstest.NewClock(now) })
}
