package main

import (
	"testing"
	"time"
)

// F18: an undo at 9:59 and at 10:01 after the verification, by a clock that all
// share. It passes when the first is done and the second refused without asking
// the platform.
func TestFault18UndoWindow(t *testing.T) {
	inCells(t, atTime(faultCells, time.Now()), func(w *world) {
		soon, late := w.sell(), w.sell()
		w.say(w.hero, "验 "+soon, "核销成功")
		a := w.say(w.hero, "验 "+late, "核销成功", "可撤销至")
		w.pass(9*time.Minute + 59*time.Second)
		w.say(w.hero, "撤 "+soon, "已撤销")
		w.ledger(soon, 1, 1)
		asked := w.requests("reverseconsume")
		w.pass(2 * time.Second)
		w.say(w.hero, "撤 "+late, "已过撤销时间", people[w.hero])
		w.say("boss", "撤 "+late, "已过撤销时间")
		w.stale(w.hero, w.card(a), "撤销", "已过撤销时间")
		w.say(w.hero, "撤", "没有可以撤销")
		if w.requests("reverseconsume") != asked {
			w.Error("the platform was asked after the window")
		}
		w.ledger(late, 1, 0)
	})
}

// F18: the platform's window ends before ours. It passes when its refusal is told
// and the voucher counts as verified.
func TestFault18RefusedByPlatform(t *testing.T) {
	inCells(t, with(faultCells, func(s *setting) { s.platformWindow = time.Nanosecond }), func(w *world) {
		code := w.sell()
		a := w.say(w.hero, "验 "+code, "核销成功")
		w.lacks(w.press(w.hero, w.card(a), "撤销", "没有撤销", "不再允许撤销"), "已撤销", "可撤销至", "[撤销]")
		w.ledger(code, 1, 0)
		w.say(w.hero, "今日", "1 张 ¥49.90")
	})
}

// F18: an undo twice, one after the other and both at once. It passes when both
// are told that it is undone, and it was undone once.
func TestFault18UndoTwice(t *testing.T) {
	inCells(t, with(faultCells, func(s *setting) { s.callTimeout = "1m" }), func(w *world) {
		code := w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.say(w.hero, "撤 "+code, "已撤销", "新的券码")
		w.say(w.hero, "撤 "+code, "已撤销")
		w.ledger(code, 1, 1)

		code = w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		release, before := w.hold("reverseconsume", code, false), w.storedOf(w.hero)+w.storedOf("wangwu")
		parts := map[string]func(*world){
			"platform": func(w *world) {
				defer release()
				w.must(w.platform.Await(w.soon(), func() bool { return w.held("reverseconsume", code) }))
				w.until(func() bool { return w.storedOf(w.hero)+w.storedOf("wangwu") == before+2 })
			},
		}
		for _, user := range []string{w.hero, "wangwu"} {
			parts[user] = func(w *world) { w.in(room(user)).say(user, "撤 "+code, "已撤销", code) }
		}
		w.together(parts)
		w.ledger(code, 1, 1)
		if n := w.requests("reverseconsume"); n != 2 {
			w.Errorf("%d undos were asked for, of two codes", n)
		}
	})
}

// F18: an undo by somebody else. It passes when staff may not undo what others
// verified, by text or by a button that is not theirs, and leads and managers may.
func TestFault18UndoByAnother(t *testing.T) {
	inCells(t, faultCells, whoMayUndo)
}

func whoMayUndo(w *world) {
	code := w.sell()
	a := w.say(w.hero, "验 "+code, "核销成功")
	n := w.requests("reverseconsume")
	w.lacks(w.say("lisi", "撤 "+code, people[w.hero]), "已撤销")
	w.lacks(w.say("zhaoliu", "撤 "+code, people[w.hero]), "已撤销")
	w.lacks(w.say("qianqi", "撤 "+code), "已撤销", people[w.hero])
	if w.group {
		no := w.press("lisi", w.card(a), "撤销", people[w.hero], "只有本人、组长或店长")
		if no.bubbles[0].Card != nil {
			w.Error("a refusal has taken the place of the card")
		}
		w.lacks(w.press("zhoujiu", w.card(a), "撤销", "您还不在名单里"), people[w.hero], code)
		w.lacks(w.press("qianqi", w.card(a), "撤销", "您还不在名单里"), people[w.hero], code)
	} else { // others have no such card, but may forge a press
		w.forge("lisi", a, "只有本人、组长或店长")
		w.lacks(w.forge("zhoujiu", a, "您还不在名单里"), people[w.hero], code)
		w.lacks(w.forge("qianqi", a, "不属于您的门店"), people[w.hero], code)
	}
	if w.requests("reverseconsume") != n {
		w.Error("an undo was tried for somebody who may not")
	}
	w.ledger(code, 1, 0)
	w.say("wangwu", "撤 "+code, "已撤销", "王五") // the lead
	w.ledger(code, 1, 1)
	for _, manager := range []string{"sunba", "boss"} {
		code = w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.say(manager, "撤 "+code, "已撤销", people[w.hero])
		w.ledger(code, 1, 1)
	}
	code = w.sell()
	a = w.say(w.hero, "验 "+code, "核销成功")
	if w.group {
		w.press("sunba", w.card(a), "撤销", "已撤销", "孙八")
		w.ledger(code, 1, 1)
	} else {
		w.ledger(code, 1, 0)
	}
}
