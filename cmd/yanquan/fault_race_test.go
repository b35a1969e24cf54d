package main

import (
	"fmt"
	"testing"

	"yanquan/dianping/dianpingtest"
)

// F8: 50 messages with one code, by 25 people, to two replicas at once. It passes
// when one wins, the other 49 are told who, and no callback is refused.
func TestFault08ManyAtOneCode(t *testing.T) {
	inCells(t, serverCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		w.replicas()
		code := w.sell()
		asking := crowd[:25]
		const each = 2
		parts := map[string]func(*world){}
		for _, user := range asking {
			for i := range each {
				parts[fmt.Sprint(user, i)] = func(w *world) {
					a := w.in(room(user)).utter(user, "验 "+code)
					w.acceptedAtOnce(a.delivery)
				}
			}
		}
		w.together(parts)
		total := func(texts ...string) (n int) {
			for _, user := range asking {
				n += w.in(room(user)).shows(user, texts...)
			}
			return n
		}
		w.until(func() bool { return total("核销成功", code)+total("此券已核销", code) == len(asking)*each })
		v, _ := w.platform.Voucher(code)
		winner := people[v.Use.Account]
		if won, lost := total("核销成功", winner), total("此券已核销", winner); won != 1 || lost != len(asking)*each-1 {
			w.Errorf("%d were told of success and %d that %s had it, of %d", won, lost, winner, len(asking)*each)
		}
		w.ledger(code, 1, 0)
		w.oneID(code)
		for _, user := range asking {
			w.in(room(user)).recount(user)
		}
	})
}

// F9: several people verify and undo the same codes at once on two replicas. It
// passes when no code is consumed or undone twice, one person at most is told of
// success, and everybody agrees afterwards. That the answers make one order is
// checked by bot.TestFault09Linearizable.
func TestFault09VerifyRacingUndo(t *testing.T) {
	inCells(t, serverCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		w.replicas()
		codes := []string{w.sell(), w.sell(), w.sell()}
		acting := []string{staff(1), staff(2), staff(3), "wangwu", "sunba"} // the last two may undo what others did
		parts := map[string]func(*world){}
		for i, user := range acting {
			parts[user] = func(w *world) {
				w = w.in(room(user))
				for j := range 2 * len(codes) {
					verb, code := []string{"验 ", "撤 "}[(i+j)%2], codes[(i+j/2)%len(codes)]
					w.sayFor(0, user, verb+code, code)
				}
			}
		}
		w.together(parts)
		for _, code := range codes {
			e := w.platform.Effects(code)
			if e.Consumed > 1 || e.Undone > e.Consumed {
				w.Errorf("%s was consumed %d and undone %d times", code, e.Consumed, e.Undone)
			}
			won, undone := 0, 0
			for _, user := range acting {
				won += w.in(room(user)).shows(user, "核销成功", code)
				undone += w.in(room(user)).shows(user, "已撤销", code)
			}
			if won > e.Consumed || undone > 0 != (e.Undone > 0) {
				w.Errorf("%s: consumed %d and undone %d times, told of it %d and %d times", code, e.Consumed, e.Undone, won, undone)
			}
			w.ledger(code, e.Consumed, e.Undone)
			truth := "没有在这里核销过"
			switch {
			case e.Undone > 0:
				truth = "已撤销"
			case e.Consumed > 0:
				truth = "已核销"
			}
			if e.Consumed > 0 && e.Undone == 0 {
				w.in(room(hero(1))).say(hero(1), "验 "+code, truth)
			} else {
				w.in(room(hero(1))).say(hero(1), "撤 "+code, truth)
			}
		}
	})
}
