package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// The platform takes longer than reply_deadline, but not too long.
func slowPlatform(w *world) {
	code := w.sell()
	w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "prepare", Code: code, Delay: 2200 * time.Millisecond})
	said := time.Now()
	a := w.utter(w.hero, "验 "+code)
	if !a.delivery.Accepted() || len(a.delivery.Attempts) != 1 {
		w.Errorf("not accepted at once: %s", attempts(a.delivery))
	}
	if got := w.platform.Effects(code).Consumed; got != 0 {
		w.Errorf("the callback was held until the platform had answered: %s", time.Since(said))
	}
	if w.group {
		w.glimpse(a, false, "核验中")
	} else if body := a.delivery.Attempts[0].Body; len(body) > 0 {
		w.Errorf("the app's callback is answered by %s", body)
	}
	a = w.await(1, a, "核销成功", code)
	w.card(a)
	w.ledger(code, 1, 0)

	// A press waits in the same way.
	code = w.sell()
	card := w.card(w.say(w.hero, code, "[确认核销]"))
	w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 2200 * time.Millisecond})
	w.press(w.hero, card, "确认核销", "核销成功", code)
	w.ledger(code, 1, 0)
}

// mishaps lose the answer to a call, whether or not it took effect. The outcome
// is to be the same.
var mishaps = []dianpingtest.Fault{
	{Kind: dianpingtest.ApplyThenHang},
	{Kind: dianpingtest.HangThenDrop, Delay: 200 * time.Millisecond},
	{Kind: dianpingtest.Status5xx},
	{Kind: dianpingtest.Status5xx, Applied: true, Status: 502},
	{Kind: dianpingtest.HalfBody, Applied: true},
	{Kind: dianpingtest.ApplyLate, Delay: 500 * time.Millisecond},
}

// slowAndLost: the platform is slow, or its answers are lost.
func slowAndLost(w *world) {
	// It would not hide a second consumption either.
	w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
	defer func() { w.must(w.platform.SetKnobs(dianpingtest.Knobs{})) }()
	w.together(map[string]func(*world){"slow": slowPlatform, "lost answers": lostAnswers, "lost answers to presses": lostPress})
}

// The answer to a call is lost, and the platform cannot be asked for a while.
func lostAnswers(w *world) {
	parts := map[string]func(*world){}
	for i, fault := range mishaps {
		user, code, undone := staff(i+1), w.sell(), w.sell()
		parts[fmt.Sprint(fault.Kind, i)] = func(w *world) {
			w = w.in(room(user))
			w.lose(fault, "consume", code)
			a := w.utter(user, "验 "+code)
			w.glimpse(a, false, "核验中")
			w.finally(a, "核销成功", code, people[user], "[撤销]")
			w.ledger(code, 1, 0)
			if ids := w.consumeIDs(code); len(ids) != 1 {
				w.Errorf("consumed under the ids %q", ids)
			}

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

// The same for a press on a button.
func lostPress(w *world) {
	parts := map[string]func(*world){}
	for i, fault := range mishaps[:3] {
		user, code := staff(i+7), w.sell()
		parts[string(fault.Kind)] = func(w *world) {
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

// recount takes what a screen shows for what it should: a press may be answered
// on the card or below it.
func (w *world) recount(user string) {
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
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: applied})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume", Code: dropped, Delay: time.Hour})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "reverseconsume", Code: undone})

		var down, told sync.WaitGroup // down: all three calls are under way
		down.Add(1)
		told.Add(3)
		var back atomic.Pointer[time.Time]
		part := func(user, text, want string) func(*world) {
			return func(w *world) {
				w = w.in(room(user))
				a := func() answer {
					defer told.Done()
					a := w.utter(user, text)
					down.Wait()
					return w.glimpse(a, false)
				}()
				w.finally(a, want)
				if t := back.Load(); t == nil {
					w.Error("settled while the platform was down")
				} else if took := time.Since(*t); took > 30*time.Second {
					w.Errorf("settled %s after the platform came back", took)
				} else {
					w.Logf("%s: settled %s after the platform came back", mode, took.Round(time.Millisecond))
				}
			}
		}
		w.together(map[string]func(*world){
			string(mode) + "_applied": part(staff(1), "验 "+applied, "核销成功"),
			string(mode) + "_dropped": part(staff(2), "验 "+dropped, "核销成功"),
			string(mode) + "_undo":    part(staff(3), "撤 "+undone, "已撤销"),
			string(mode) + "_outage": func(w *world) {
				err := w.platform.Await(w.soon(), func() bool {
					return w.held("consume", applied) && w.held("consume", dropped) && w.held("reverseconsume", undone)
				})
				w.must(w.platform.Pause(mode))
				down.Done()
				w.must(err)
				told.Wait() // everybody has been told that it takes time
				code := w.sell()
				if mode == dianpingtest.PauseRefuse { // nothing can be begun meanwhile
					w.lacks(w.in(room(staff(4))).say(staff(4), "验 "+code, "没有"), "核销成功")
				}
				now := time.Now()
				back.Store(&now)
				w.platform.Resume()
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

// The process is killed while calls are at the platform, and started again on
// the same database.
func kill9(w *world) {
	w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
	defer func() { w.must(w.platform.SetKnobs(dianpingtest.Knobs{})) }()
	type scene struct {
		user, verb, want string
		call             string
		fault            dianpingtest.Fault
		undone           int
		code             string
	}
	scenes := []*scene{
		{staff(1), "验 ", "核销成功", "consume", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, 0, ""},
		{staff(2), "验 ", "核销成功", "consume", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: time.Hour}, 0, ""},
		{staff(3), "验 ", "核销成功", "prepare", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: time.Hour}, 0, ""},
		{staff(4), "撤 ", "已撤销", "reverseconsume", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, 1, ""},
		{staff(5), "撤 ", "已撤销", "reverseconsume", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: time.Hour}, 1, ""},
		{staff(6), "", "核销成功", "consume", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, 0, ""}, // by a button
	}
	var card wecomtest.Shown
	for _, s := range scenes {
		s.code = w.sell()
		in := w.in(room(s.user))
		switch s.verb {
		case "撤 ":
			in.say(s.user, "验 "+s.code, "核销成功")
		case "":
			card = w.card(in.say(s.user, s.code, "[确认核销]"))
		}
		s.fault.Call, s.fault.Code = s.call, s.code
		w.fail(s.fault)
	}
	program := w.program.cmd.Path
	parts := map[string]func(*world){}
	for _, s := range scenes {
		parts[string(s.fault.Kind)+"_"+s.call+"_"+s.user] = func(w *world) {
			w = w.in(room(s.user))
			var a answer
			if s.verb == "" {
				_, err := w.wecom.Press(w.soon(), w.where(s.user), s.user, card.ID, w.key(card, "确认核销"))
				w.must(err)
				a = answer{user: s.user, since: card.Seq - 1}
			} else {
				a = w.utter(s.user, s.verb+s.code) // WeCom may have given up meanwhile: the bot need not
			}
			a = w.glimpse(a, true, s.want, s.code)
			seen := 0
			for _, b := range a.bubbles {
				if strings.Contains(legible(b), s.want) {
					seen++
				}
			}
			if seen > 2 { // once more than once is what a crash may cause
				w.Errorf("told %d times:\n%s", seen, a.text())
			}
			w.recount(s.user)
			w.ledger(s.code, 1, s.undone)
			if ids := w.consumeIDs(s.code); len(ids) != 1 {
				w.Errorf("consumed under the ids %q", ids)
			}
		}
	}
	parts["death"] = func(w *world) {
		w.must(w.platform.Await(w.soon(), func() bool {
			return !slices.ContainsFunc(scenes, func(s *scene) bool { return !w.held(s.call, s.code) })
		}))
		if err := w.end(syscall.SIGKILL); err == nil {
			w.Error("status 0 after kill -9")
		}
		died := time.Now()
		w.start(program)
		w.Logf("ready again %s after kill -9", time.Since(died).Round(time.Millisecond))
		for _, s := range scenes {
			w.must(w.platform.Await(w.soon(), func() bool {
				e := w.platform.Effects(s.code)
				return e.Consumed == 1 && e.Undone == s.undone
			}))
		}
		w.Logf("all effects there %s after kill -9", time.Since(died).Round(time.Millisecond))
	}
	w.together(parts)
}

// SIGTERM in the middle of work: status 0 in time, and what was accepted is done.
func stopUnderLoad(w *world) {
	users := []string{staff(1), staff(2), staff(3), staff(4), staff(5), staff(6)}
	const each = 3 // what a robot lets one person have open
	codes := map[string][]string{}
	for _, u := range users {
		for range each {
			code := w.sell()
			codes[u] = append(codes[u], code)
			for _, call := range []string{"prepare", "consume"} {
				w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: call, Code: code, Delay: 400 * time.Millisecond})
			}
		}
	}
	program, up := w.program.cmd.Path, make(chan struct{})
	parts := map[string]func(*world){}
	for _, u := range users {
		for i, code := range codes[u] {
			parts[fmt.Sprint(u, i)] = func(w *world) {
				w = w.in(room(u))
				a := w.utter(u, "验 "+code)
				if !a.delivery.Accepted() { // WeCom gave up while nothing listened: it is sent once more
					<-up
					_, err := w.wecom.Resend(w.soon(), a.delivery.ID)
					w.must(err)
				}
				w.glimpse(a, false, code)
			}
		}
	}
	parts["stop"] = func(w *world) {
		defer close(up)
		w.must(w.platform.Await(w.soon(), func() bool { return w.requests("consume") > 0 && w.anyHeld("consume") }))
		began := time.Now()
		if err := w.end(syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
		took := time.Since(began)
		if took > 10*time.Second {
			w.Errorf("stopped after %s, the grace is 10 s", took)
		}
		w.Logf("stopped %s after SIGTERM", took.Round(time.Millisecond))
		w.start(program)
	}
	w.together(parts)
	for _, u := range users {
		for _, code := range codes[u] {
			w.must(w.platform.Await(w.soon(), func() bool { return w.platform.Effects(code).Consumed > 0 }))
			w.ledger(code, 1, 0)
			if ids := w.consumeIDs(code); len(ids) != 1 {
				w.Errorf("consumed under the ids %q", ids)
			}
		}
		in := w.in(room(u))
		w.glimpseAll(in, u, codes[u])
		in.recount(u)
	}
}

func (w *world) anyHeld(call string) bool {
	return slices.ContainsFunc(w.platform.Requests(), func(r dianpingtest.Request) bool {
		return r.Call == call && r.State == dianpingtest.RequestWaiting
	})
}

// glimpseAll waits until every code is told to be verified, in a bubble of its own.
func (w *world) glimpseAll(in *world, user string, codes []string) {
	w.Helper()
	told := func(screen []wecomtest.Shown, code string) (n int) {
		for _, s := range screen {
			if text := legible(s); s.FromBot && strings.Contains(text, code) && strings.Contains(text, "核销成功") {
				n++
			}
		}
		return n
	}
	screen, err := w.wecom.WaitFor(w.soon(), in.screen(user), func(screen []wecomtest.Shown) bool {
		for _, s := range screen {
			if !s.Finished {
				return false
			}
		}
		return !slices.ContainsFunc(codes, func(c string) bool { return told(screen, c) == 0 })
	})
	if err != nil {
		w.Fatalf("%v: %q, got:\n%s", err, codes, legibles(screen))
	}
	for _, c := range codes {
		if n := told(screen, c); n > 2 {
			w.Errorf("%s told %d times", c, n)
		}
	}
}
