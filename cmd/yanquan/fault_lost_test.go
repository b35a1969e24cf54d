package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// F3: the call times out or its connection breaks, and the platform has done it.
// It passes when that is found out: done, told once, under one request id.
func TestFault03AnswerLostThoughDone(t *testing.T) {
	loseAnswers(t,
		dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang},
		dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop},
		dianpingtest.Fault{Kind: dianpingtest.ApplyLate, Delay: 500 * time.Millisecond})
}

// F4: the same, and the platform has not done it. It passes when it is asked again
// under the same request id and does it once.
func TestFault04AnswerLostNotDone(t *testing.T) {
	loseAnswers(t,
		dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: 200 * time.Millisecond},
		dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: time.Hour})
}

// F5: 5xx, HTML, half an answer, a wrong content type, done or not. It passes when
// nobody is told that it failed: the outcome is found out.
func TestFault05GarbledAnswer(t *testing.T) {
	loseAnswers(t,
		dianpingtest.Fault{Kind: dianpingtest.Status5xx},
		dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.HTML},
		dianpingtest.Fault{Kind: dianpingtest.HTML, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.HalfBody},
		dianpingtest.Fault{Kind: dianpingtest.HalfBody, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.WrongContentType})
}

// F22: the platform answers our own repeat with "already used". It passes when
// that is recognised as our own consumption, of one coupon and of several: done.
func TestFault22AlreadyUsedByOurselves(t *testing.T) {
	inCells(t, faultCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
		one, two := w.sell(), w.order(2)
		for _, code := range []string{one, two[0]} {
			w.lose(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop}, "consume", code)
		}
		w.together(map[string]func(*world){
			"one": func(w *world) {
				w = w.in(room(staff(1)))
				w.finally(w.utter(staff(1), "验 "+one), "核销成功", one, "[撤销]")
			},
			"several": func(w *world) { // only the platform's answer to consume tells the other code
				w = w.in(room(staff(2)))
				w.finally(w.utter(staff(2), "验 "+two[0]+" x2"), "核销成功", two[0], "共 2 张")
			},
		})
		for _, code := range append(two, one) {
			w.ledger(code, 1, 0)
		}
		w.oneID(one)
		w.oneID(two[0])
		for _, user := range []string{staff(1), staff(2)} {
			w.in(room(user)).never([]string{user}, "此券已被使用", "失败", "没有核销")
		}
	})
}

// loseAnswers lets faults befall the calls of texts and of presses.
func loseAnswers(t *testing.T, faults ...dianpingtest.Fault) {
	t.Helper()
	inCells(t, faultCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true})) // it would not hide a second consumption
		w.together(map[string]func(*world){
			"texts":   func(w *world) { lostAnswers(w, faults) },
			"presses": func(w *world) { lostPresses(w, faults) },
		})
	})
}

// lostAnswers loses the answers to a consume and an undo each by one of some
// faults, and the platform cannot be asked for a while.
func lostAnswers(w *world, faults []dianpingtest.Fault) {
	parts := map[string]func(*world){}
	for i, fault := range faults {
		user, code, undone := staff(i+1), w.sell(), w.sell()
		parts[fmt.Sprint(fault.Kind, i)] = func(w *world) {
			w = w.in(room(user))
			w.lose(fault, "consume", code)
			a := w.utter(user, "验 "+code)
			switch {
			case fault.Kind == dianpingtest.WrongContentType: // it is read all the same
			case w.group:
				w.askedToWait(a)
			default:
				w.glimpse(a, false, "核验中")
			}
			w.finally(a, "核销成功", code, people[user], "[撤销]")
			w.ledger(code, 1, 0)
			w.oneID(code)

			if fault.Kind == dianpingtest.ApplyLate {
				return // an undo that comes this late cannot be told from one that never came
			}
			w.say(user, "验 "+undone, "核销成功")
			w.lose(fault, "reverseconsume", undone)
			a = w.utter(user, "撤 "+undone)
			w.finally(a, "已撤销", undone, people[user])
			w.ledger(undone, 1, 1)
		}
		if fault.Kind == dianpingtest.ApplyLate {
			w.ledger(undone, 0, 0)
		}
	}
	w.together(parts)
}

// lose orders a fault for a call, and that getconsumed does not answer a while.
func (w *world) lose(f dianpingtest.Fault, call, code string) {
	w.Helper()
	f.Call, f.Code = call, code
	w.fail(f)
	w.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Times: 3})
}

// finally waits for the final answer: of a robot one, of an app one after a card
// that says that it takes time.
func (w *world) finally(a answer, want ...string) answer {
	w.Helper()
	a = w.await(0, a, want...)
	cards := 0
	for _, s := range a.bubbles {
		if s.Card != nil {
			cards++
		}
	}
	limit := 2
	if w.group {
		limit = 1
	}
	if cards < 1 || cards > limit {
		w.Errorf("%d cards:\n%s", cards, a.text())
	}
	if last := a.bubbles[len(a.bubbles)-1]; strings.Contains(legible(last), "核验中") || strings.Contains(legible(last), "撤销中") {
		w.Errorf("the last word is:\n%s", legible(last))
	}
	return a
}

// lostPresses is the same for presses on a button.
func lostPresses(w *world, faults []dianpingtest.Fault) {
	parts := map[string]func(*world){}
	for i, fault := range faults {
		user, code := hero(i+10), w.sell()
		parts[fmt.Sprint("press_", fault.Kind, i)] = func(w *world) {
			w = w.in(room(user))
			card := w.card(w.say(user, code, "[确认核销]"))
			w.lose(fault, "consume", code)
			a, _ := w.push(user, card, "确认核销")
			a.since = card.Seq - 1
			w.glimpse(a, true, "核销成功", code, people[user])
			w.ledger(code, 1, 0)
			w.recount(user)
		}
	}
	w.together(parts)
}
