package main

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// The platform takes longer than reply_deadline, but not too long: until the callback is
// answered, which does not wait for it.
func slowPlatform(w *world) {
	code := w.sell()
	release := w.hold("prepare", code, false)
	a := w.utter(w.hero, "验 "+code)
	w.acceptedAtOnce(a.delivery)
	w.reached(code, func() bool { return w.held("prepare", code) })
	if w.group {
		w.askedToWait(a)
	} else if body := a.delivery.Attempts[0].Body; len(body) > 0 {
		w.Errorf("the app's callback is answered by %s", body)
	}
	release()
	a = w.await(1, a, "核销成功", code)
	w.card(a)
	w.ledger(code, 1, 0)

	// A press waits in the same way.
	code = w.sell()
	card := w.card(w.say(w.hero, code, "[确认核销]"))
	w.fail(fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 2200 * time.Millisecond})
	w.press(w.hero, card, "确认核销", "核销成功", code)
	w.ledger(code, 1, 0)
}

// askedToWait waits until a message to a robot was answered by the line that asks to
// wait: by the frame itself, for what replaces it on the screen may be quicker than
// who looks.
func (w *world) askedToWait(a answer) {
	w.Helper()
	w.until(func() bool {
		return slices.ContainsFunc(w.wecom.Deliveries(), func(d wecomtest.Delivery) bool {
			if d.ID != a.delivery.ID {
				return false
			}
			frames := [][]byte{d.Attempts[0].Answer}
			for _, r := range d.Replies {
				frames = append(frames, r.Body)
			}
			return slices.ContainsFunc(frames, func(f []byte) bool { return strings.Contains(string(f), "核验中") })
		})
	})
}

// recount takes what a screen shows in the end for what it should: a press may be
// answered on the card or below it.
func (w *world) recount(user string) {
	w.Helper()
	w.delivered(user)
	n := 0
	for _, s := range w.wecom.Screen(w.screen(user)) {
		if s.FromBot {
			n++
		}
	}
	w.mu.Lock()
	w.expected[w.screenName(user)] = n
	w.mu.Unlock()
}

// The platform goes down in the middle of calls, and comes back.
func platformDown(w *world) {
	for _, mode := range []dianpingtest.PauseMode{dianpingtest.PauseRefuse, dianpingtest.PauseHang} {
		applied, dropped, undone := w.sell(), w.sell(), w.sell()
		w.in(room(staff(3))).say(staff(3), "验 "+undone, "核销成功")
		w.ledger(undone, 1, 0)
		w.fail(fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: applied})
		w.fail(fault{Kind: dianpingtest.HangThenDrop, Call: "consume", Code: dropped, Delay: time.Hour})
		w.fail(fault{Kind: dianpingtest.ApplyThenHang, Call: "reverseconsume", Code: undone})
		begun := make(chan struct{})
		for _, code := range []string{applied, dropped, undone} { // or a call that times out before is settled before
			w.fail(fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Until: begun})
		}

		var down, told sync.WaitGroup // down: all three calls are under way
		down.Add(1)
		told.Add(3)
		var back atomic.Pointer[time.Time]
		part := func(user, verb, code, want string) func(*world) {
			return func(w *world) {
				w = w.in(room(user))
				a := func() answer {
					defer told.Done()
					a := w.utter(user, verb+code)
					down.Wait()
					return w.glimpse(a, false)
				}()
				w.finally(a, want, code)
				if t := back.Load(); t == nil {
					w.Error("settled while the platform was down")
				} else if took := ran(*t, time.Now()); took > 30*time.Second {
					w.Errorf("settled %s after the platform came back", took)
				} else {
					w.Logf("%s: settled %s after the platform came back", mode, took.Round(time.Millisecond))
				}
			}
		}
		w.together(map[string]func(*world){
			string(mode) + "_applied": part(staff(1), "验 ", applied, "核销成功"),
			string(mode) + "_dropped": part(staff(2), "验 ", dropped, "核销成功"),
			string(mode) + "_undo":    part(staff(3), "撤 ", undone, "已撤销"),
			string(mode) + "_outage": func(w *world) {
				goesDown := sync.OnceFunc(down.Done)
				defer goesDown() // also where a call does not come
				for code, call := range map[string]string{applied: "consume", dropped: "consume", undone: "reverseconsume"} {
					w.reached(code, func() bool { return w.met(call, code) })
				}
				for _, m := range w.markets {
					w.must(m.Pause(mode))
				}
				close(begun)
				goesDown()
				told.Wait() // everybody has been told that it takes time
				code := w.sell()
				if mode == dianpingtest.PauseRefuse { // nothing can be begun meanwhile
					w.lacks(w.in(room(staff(4))).say(staff(4), "验 "+code, "没有"), "核销成功")
				}
				now := time.Now()
				back.Store(&now)
				for _, m := range w.markets {
					m.Resume()
				}
				w.ledger(code, 0, 0)
			},
		})
		w.ledger(applied, 1, 0)
		w.ledger(dropped, 1, 0)
		w.ledger(undone, 1, 1)
		for _, c := range []string{applied, dropped} {
			if ids := w.consumeIDs(c); len(ids) != 1 {
				w.Errorf("%s consumed under the ids %q", c, ids)
			}
		}
	}
}
