package main

import (
	"net/http"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// F10: the line to the database is cut while the platform verifies, so that its
// answer cannot be stored, and callbacks come meanwhile. It passes when those get
// 503 and, sent again, are done, and the first is told when the line is back.
func TestFault10DatabaseGone(t *testing.T) {
	inCells(t, proxiedCells, databaseGone)
}

// F10: the line is cut at the statement that stores a message, before the server
// has it or when it has done it. It passes when the callback gets 503 and, sent
// again, is done once.
func TestFault10CutWhileAccepting(t *testing.T) {
	inCells(t, proxiedCells, func(w *world) {
		for _, cut := range []func(string) <-chan struct{}{w.proxy.CutBefore, w.proxy.CutAfter} {
			code := w.sell()
			struck := cut("INSERT INTO inbox")
			a := w.utter(w.hero, "验 "+code)
			w.awaitClosed(struck)
			if d := a.delivery; d.Attempts[0].Status != http.StatusServiceUnavailable || !d.Accepted() {
				w.Errorf("accepted nevertheless, or never: %s", attempts(d))
			}
			w.await(1, a, "核销成功", code)
			w.ledger(code, 1, 0)
		}
	})
}

// F10: the line is cut at the commit of an outcome, before the server has it or
// when it has done it. It passes when the outcome is told once either way.
func TestFault10CutAtCommit(t *testing.T) {
	inCells(t, proxiedCells, func(w *world) {
		for _, cut := range []func(string) <-chan struct{}{w.proxy.CutBefore, w.proxy.CutAfter} {
			code := w.sell()
			release := w.hold("consume", code, false)
			var struck <-chan struct{}
			var a answer
			w.together(map[string]func(*world){
				"verify": func(w *world) { a = w.utter(w.hero, "验 "+code) },
				"cut": func(w *world) { // the intent is a statement of its own: the next commit is the outcome's
					w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
					struck = cut("COMMIT")
					release()
				},
			})
			w.awaitClosed(struck)
			w.await(1, a, "核销成功", code)
			w.ledger(code, 1, 0)
			w.oneID(code)
		}
	})
}

// proxiedCells reach MariaDB by a line that can be cut.
var proxiedCells = with(serverCells, func(s *setting) { s.proxied, s.callTimeout = true, "1s" })

func databaseGone(w *world) {
	w.say("zhangsan", "帮助", "可以这样发")

	// In the middle of a verification: the platform has done it, the answer
	// cannot be stored.
	code, next := w.sell(), w.sell()
	release := w.hold("consume", code, true)
	w.together(map[string]func(*world){
		"verify": func(w *world) {
			w = w.in(room("zhangsan"))
			w.await(0, w.utter("zhangsan", "验 "+code), "核销成功", code)
		},
		"outage": func(w *world) {
			w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
			w.proxy.Down()
			release()
			gone := time.Now()
			w.until(func() bool { status, _ := get(w.T, w.url()+"/readyz"); return status != http.StatusOK })
			if took := ran(gone, time.Now()); took > 5*time.Second {
				w.Errorf("/readyz has taken %s to notice", took)
			} else {
				w.Logf("/readyz has noticed after %s", took.Round(time.Millisecond))
			}
			if status, _ := get(w.T, w.url()+"/healthz"); status != http.StatusOK {
				w.Errorf("healthz: %d; a restart would not help", status)
			}
			var sealed []wecomtest.SealedRequest
			for _, user := range []string{"lisi", "boss"} {
				plain, err := w.wecom.Plaintext(wecomtest.InApp("main", user), user, "验 "+next)
				w.must(err)
				one, err := w.wecom.EncryptApp("main", plain, wecomtest.Knobs{})
				w.must(err)
				sealed = append(sealed, one)
			}
			plain, err := w.wecom.Plaintext(wecomtest.InGroup(roomA).Mention("group"), "lisi", "验 "+next)
			w.must(err)
			one, err := w.wecom.EncryptRobot("group", plain, wecomtest.Knobs{})
			w.must(err)
			for _, s := range append(sealed, one) {
				status, body, err := w.wecom.Post(w.soon(), s)
				if w.must(err); status != http.StatusServiceUnavailable || inside(string(body)) {
					w.Errorf("without a database: %d %q", status, body)
				}
			}
			w.ledger(next, 0, 0)

			w.proxy.Up()
			back := time.Now()
			w.until(func() bool { status, _ := get(w.T, w.url()+"/readyz"); return status == http.StatusOK })
			w.Logf("ready again after %s", time.Since(back).Round(time.Millisecond))
			for _, s := range append(sealed, one) { // WeCom sends again
				if status, _, err := w.wecom.Post(w.soon(), s); err != nil || status != http.StatusOK {
					w.Errorf("after the outage: %d %v", status, err)
				}
			}
			w.must(w.platform.Await(w.soon(), func() bool { return w.platform.Effects(next).Consumed > 0 }))
		},
	})
	w.ledger(code, 1, 0)
	w.ledger(next, 1, 0)
	if w.group {
		w.recount("lisi")
		return
	}
	for _, user := range []string{"lisi", "boss"} { // who sent the sealed messages
		w.until(func() bool { return w.shows(user, next) == 1 })
		w.recount(user)
	}
}
