package main

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// F14: WeCom is down, busy, loses its answer, refuses the token or the card. It
// passes when the operation stands and is told in the end, once.
func TestFault14SendFails(t *testing.T) {
	inCells(t, faultCells, wecomTrouble)
}

func wecomTrouble(w *world) {
	if w.group {
		// Only what cannot be a passive answer needs WeCom's API.
		code := w.sell()
		card := w.card(w.say(w.hero, "验 "+code, "核销成功"))
		w.wecom.Fail(wecomtest.Fault{API: "aibot/response", Times: 2, Status: http.StatusBadGateway})
		w.press("lisi", card, "撤销", "只有本人、组长或店长")
		w.ledger(code, 1, 0)
		return
	}
	w.refusable[42001] += 2 // expired tokens, see below
	w.refusable[40014]++
	said := func(code string) int {
		return len(slices.DeleteFunc(w.wecom.Screen(w.screen(w.hero)), func(s wecomtest.Shown) bool {
			return !s.FromBot || !strings.Contains(legible(s), code)
		}))
	}
	for _, c := range []struct {
		name    string
		trouble func()
	}{
		{"down", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 2, Status: http.StatusBadGateway}) }},
		{"busy", func() { w.wecom.FailNext("message/send", -1, 2) }},
		{"answer lost", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 1, After: true, Drop: true}) }},
		{"garbage", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 1, Body: "<html>"}) }},
		{"expired", func() { w.wecom.ExpireTokens() }},
		{"invalidated", func() { w.restarted(); w.wecom.InvalidateTokens() }},
		{"no token", func() { w.restarted(); w.wecom.ExpireTokens(); w.wecom.FailNext("gettoken", -1, 1) }},
		{"no cards", func() { w.wecom.FailNext("message/send", 42045, 1) }}, // then it is told in words
	} {
		w.Log(c.name)
		code := w.sell()
		c.trouble()
		w.say(w.hero, "验 "+code, "核销成功", code)
		w.say(w.hero, "帮助", "可以这样发")
		if n := said(code); n != 1 {
			w.Errorf("%s: told %d times", c.name, n)
		}
		w.ledger(code, 1, 0)
	}
	// A card that cannot be updated is answered by another.
	code := w.sell()
	card := w.card(w.say(w.hero, code, "[确认核销]"))
	w.wecom.FailNext("message/update_template_card", 60140, 1)
	w.press(w.hero, card, "确认核销", "核销成功", code)
	w.ledger(code, 1, 0)
}

// restarted goes on with another process, which has a token: one drops no second
// within a minute.
func (w *world) restarted() {
	w.Helper()
	if err := w.end(syscall.SIGTERM); err != nil {
		w.Errorf("after SIGTERM: %v", err)
	}
	w.start(w.program.cmd.Path)
	w.say(w.hero, "帮助", "可以这样发")
}

// F14 where waiting or another way helps: too many calls, an address that is not
// trusted, a reply URL that is used up, a person who does not see the app. It
// passes when the answer comes after the wait, or by the app, or not at all, and
// the operation stands.
func TestFault14SendRefused(t *testing.T) {
	inCells(t, atTime(faultCells, time.Now()), func(w *world) {
		if w.group {
			replyURLUsed(w)
			return
		}
		for errcode, refused := range map[int]struct {
			reason string
			wait   time.Duration // until it is sent again, but for a jitter of a quarter of a second
		}{
			45009: {"rate_limited", 3 * time.Second},
			45033: {"rate_limited", 3 * time.Second},
			60020: {"ip_not_trusted", time.Minute},
		} {
			code := w.sell()
			w.wecom.FailNext("message/send", errcode, 1)
			a := w.utter(w.hero, "验 "+code)
			w.untilNoted("queued", refused.reason)
			w.ledger(code, 1, 0)
			w.clock.Advance(refused.wait - time.Second)
			w.say("lisi", "帮助", "可以这样发") // others are not held up
			if n := w.shows(w.hero, code); n != 0 {
				w.Errorf("%d: sent again before %s", errcode, refused.wait)
			}
			w.clock.Advance(2 * time.Second)
			w.await(1, a, "核销成功", code)
			w.say(w.hero, "帮助", "可以这样发") // not before the card is noted as sent
		}

		// Nothing helps here; but whoever asks again gets the truth.
		code := w.sell()
		w.wecom.FailNext("message/send", 81013, 1)
		w.utter(w.hero, "验 "+code)
		w.untilNoted("failed", "no_receiver")
		w.clock.Advance(time.Hour)
		w.say(w.hero, "帮助", "可以这样发")
		if n := w.shows(w.hero, code); n != 0 {
			w.Errorf("shown %d times to somebody who cannot be reached", n)
		}
		w.say(w.hero, "验 "+code, "此券已核销", people[w.hero])
		w.ledger(code, 1, 0)
	})
}

// untilNoted waits until the outbox says of a delivery what has become of it: from
// then on the clock may move.
func (w *world) untilNoted(state, reason string) {
	w.Helper()
	db := w.database()
	w.until(func() bool {
		var n int
		w.must(db.QueryRow("SELECT COUNT(*) FROM outbox WHERE state = ? AND reason = ?", state, reason).Scan(&n))
		return n > 0
	})
}

// replyURLUsed: a group's answer that does not fit into the callback goes by its
// reply URL; where that is refused, to the person, by the app.
func replyURLUsed(w *world) {
	code := w.sell()
	card := w.card(w.say(w.hero, "验 "+code, "核销成功"))
	w.wecom.FailNext("aibot/response", 60140, 1)
	w.push("lisi", card, "撤销")
	app := *w
	app.group = false
	app.await(1, answer{user: "lisi"}, "只有本人、组长或店长")
	w.ledger(code, 1, 0)
}
