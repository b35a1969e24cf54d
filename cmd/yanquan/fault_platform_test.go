package main

import (
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
)

// F25: the platform does it only after our time-out, and refuses the repeat meanwhile.
// It passes when the refusal of the repeat ends nothing: the effect is found, and told
// as done.
func TestFault25EffectAfterTheRepeat(t *testing.T) {
	inCells(t, with(faultCells, func(s *setting) { s.callTimeout = "1s" }), func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		code := w.sell()
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: code, After: 2500 * time.Millisecond})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Code: code, Answer: "1002"})
		w.finally(w.utter(w.hero, "验 "+code), "核销成功", code, people[w.hero], "[撤销]")
		w.never([]string{w.hero}, "失败", "没有核销", "此券")
		w.ledger(code, 1, 0)
		w.oneID(code)
	})
}

// F26: something between refuses a call, without the platform's envelope, done or not.
// It passes when nobody is told that it was refused: the outcome is found out.
func TestFault26RefusedOnTheWay(t *testing.T) {
	loseAnswers(t,
		dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 401, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 403, Page: dianpingtest.PageJSON, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 403, Page: dianpingtest.PageEmpty},
		dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 429, Page: dianpingtest.PageText, Applied: true},
		dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 429})
}

// F27: a proxy sends a call twice and passes on the answer to the second, which refuses
// what the first has done. It passes when that is recognised as our own.
func TestFault27RepeatedByProxy(t *testing.T) {
	inCells(t, faultCells, func(w *world) {
		parts := map[string]func(*world){}
		for i, answer := range []string{"1008", "1013"} {
			user, code := staff(i+1), w.sell()
			parts[answer] = func(w *world) {
				w = w.in(room(user))
				w.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Code: code, Answer: answer})
				w.finally(w.utter(user, "验 "+code), "核销成功", code, people[user], "[撤销]")
				w.ledger(code, 1, 0)
				w.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "reverseconsume", Code: code})
				w.finally(w.utter(user, "撤 "+code), "已撤销", code)
				w.ledger(code, 1, 1)
				w.never([]string{user}, "此券已被使用", "失败", "没有核销", "没有撤销")
				w.oneID(code)
			}
		}
		for i, call := range []string{"consume", "reverseconsume"} { // and the platform cannot be asked for a while
			user, code := staff(i+3), w.sell()
			parts["silence_"+call] = func(w *world) {
				w = w.in(room(user))
				if call == "consume" {
					w.lose(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat}, call, code)
					w.finally(w.utter(user, "验 "+code), "核销成功", code, people[user])
					w.ledger(code, 1, 0)
					return
				}
				w.say(user, "验 "+code, "核销成功")
				w.lose(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Answer: "1002"}, call, code)
				w.finally(w.utter(user, "撤 "+code), "已撤销", code)
				w.ledger(code, 1, 1)
			}
		}
		w.together(parts)
	})
}

// F28: the platform tells that there is no record by a success without data, in every
// form. It passes when that is no doubt: what was lost and not done is asked for again
// under the same request id, and done once.
func TestFault28EmptyRecord(t *testing.T) {
	t.Parallel()
	for _, form := range breadth.Of(t.Name(), dianpingtest.NoRecords...) {
		t.Run(string(form), func(t *testing.T) {
			inCells(t, faultCells, func(w *world) {
				w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true, NoRecord: form}))
				lostAnswers(w, []dianpingtest.Fault{
					{Kind: dianpingtest.Status5xx, Status: 502},
					{Kind: dianpingtest.HangThenDrop, Delay: 200 * time.Millisecond},
					{Kind: dianpingtest.ApplyThenDrop},
				})
			})
		})
	}
}
