package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
)

// F1: the process dies when the platform has consumed and nothing of it is
// stored. It passes when the next process makes it done: consumed once, one card.
func TestFault01CrashAfterConsume(t *testing.T) {
	crashIn(t, "consume.after", "outcome.before")
}

// F1 and F2 without a failpoint: SIGKILL while prepares, consumes and undos are at
// the platform, applied or not. It passes when each has its effect once and is told.
func TestFault01KilledDuringCalls(t *testing.T) {
	inCells(t, faultCells, killedDuringCalls)
}

// F1 with a replica that lives: nobody starts the dead one again. It passes when
// the other finishes what the dead one held.
func TestFault01OtherReplicaGoesOn(t *testing.T) {
	inCells(t, with(serverCells, func(s *setting) { s.callTimeout = "1s" }), func(w *world) {
		first := w.program
		second := w.start(first.cmd.Path)
		w.callbacksTo(first.url)
		code, dead := w.sell(), make(chan struct{})
		w.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: code})
		// Or the first, where the call times out, would settle it by itself.
		w.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Until: dead})
		var a answer
		w.together(map[string]func(*world){
			"verify": func(w *world) { a = w.utter(w.hero, "验 "+code) },
			"death": func(w *world) {
				w.must(w.platform.Await(w.soon(), func() bool { return w.met("consume", code) }))
				if err := w.endOf(first, syscall.SIGKILL); err == nil {
					w.Error("status 0 after kill -9")
				}
				close(dead)
				w.callbacksTo(second.url)
			},
		})
		died := time.Now()
		w.afterDeath(w.operationLease()).await(1, a, "核销成功", code)
		w.Logf("told %s after kill -9", time.Since(died).Round(time.Millisecond))
		w.ledger(code, 1, 0)
		w.oneID(code)
	})
}

// F2: the process dies before the platform is called: before the intent is
// stored, and after it. It passes when the voucher is consumed once all the same.
func TestFault02CrashBeforeConsume(t *testing.T) {
	crashIn(t, "accept.after", "intent.before", "consume.before")
}

// F15: the process dies when an answer has gone out and that is not noted. It
// passes when it is seen twice at most, saying the same; WeCom's duplicate check
// swallows what an app repeats.
func TestFault15CrashAfterSending(t *testing.T) {
	cells := with(faultCells, func(s *setting) {
		s.callTimeout, s.failpoint = "1s", "send.after"
		if s.group {
			s.failpoint = "passive.after"
		}
	})
	inCells(t, cells, func(w *world) {
		code := w.sell()
		a := w.crashed(code)
		w = w.afterDeath(deliveryLease)
		facts := []string{"核销成功", code, people[w.hero], storeA, "¥49.90"}
		w.glimpse(a, true, facts...)
		switch {
		case !w.group:
			swallowed := func(d wecomtest.Drop) bool { return strings.Contains(d.Why, "enable_duplicate_check") }
			w.until(func() bool { return slices.ContainsFunc(w.wecom.Dropped(), swallowed) })
		case strings.Contains(string(a.delivery.Attempts[0].Answer), code):
			// It is repeated in words, for a group's reply URL takes no card. Otherwise the
			// process was slow, and died of a frame that said only that it takes time.
			w.until(func() bool { return w.shows(w.hero, facts...) == 2 })
		}
		most := 1
		if w.group {
			most = 2
		}
		if n := w.shows(w.hero, code); n > most || n != w.shows(w.hero, facts...) {
			w.Errorf("shown %d times, %d times with everything", n, w.shows(w.hero, facts...))
		}
		w.recount(w.hero)
		w.ledger(code, 1, 0)
		w.oneID(code)
	})
}

// crashIn lets a process die at some points while it verifies: the voucher is
// consumed once, and one card says so. Short calls make short leases, so that
// what it left is taken up soon.
func crashIn(t *testing.T, points ...string) {
	t.Helper()
	t.Parallel()
	var cells []setting
	for _, point := range points {
		cells = append(cells, with(breadth.Of(t.Name()+point, faultCells...), func(s *setting) { s.failpoint, s.callTimeout = point, "1s" })...)
	}
	inEach(t, cells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true})) // it would not hide a second consumption
		code := w.sell()
		w.afterDeath(w.messageLease()).await(1, w.crashed(code), "核销成功", code, people[w.hero])
		w.never([]string{w.hero}, "失败", "没有核销", "此券")
		w.ledger(code, 1, 0)
		w.oneID(code)
	})
}

// crashed says 验, sees the process die of it and starts the shipped program in
// its place. The answer is still to come.
func (w *world) crashed(code string) answer {
	w.Helper()
	var a answer
	w.together(map[string]func(*world){
		"verify": func(w *world) { a = w.utter(w.hero, "验 "+code) }, // WeCom repeats what was not accepted
		"death": func(w *world) {
			if err := w.exit(w.program); err == nil {
				w.Error("the process has ended by itself")
			}
			w.start(builtProgram(w.T, ""))
		},
	})
	return a
}

// killedDuringCalls kills the process while calls are at the platform, and starts
// it again on the same database.
func killedDuringCalls(w *world) {
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
		{staff(2), "验 ", "核销成功", "consume", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, 0, ""},
		{staff(3), "验 ", "核销成功", "prepare", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, 0, ""},
		{staff(4), "撤 ", "已撤销", "reverseconsume", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, 1, ""},
		{staff(5), "撤 ", "已撤销", "reverseconsume", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, 1, ""},
		{staff(6), "", "核销成功", "consume", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, 0, ""}, // by a button
	}
	var card wecomtest.Shown
	dead := make(chan struct{})
	for _, s := range scenes {
		s.code = w.sell()
		in := w.in(room(s.user))
		switch s.verb {
		case "撤 ":
			in.say(s.user, "验 "+s.code, "核销成功")
		case "":
			card = w.card(in.say(s.user, s.code, "[确认核销]"))
		}
		s.fault.Call, s.fault.Code, s.fault.Until = s.call, s.code, dead
		w.fail(s.fault)
		// A call that times out before the others are there stays in doubt.
		w.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: s.code, Until: dead})
	}
	program := w.program.cmd.Path
	parts := map[string]func(*world){}
	for _, s := range scenes {
		parts[string(s.fault.Kind)+"_"+s.call+"_"+s.user] = func(w *world) {
			lease := w.operationLease()
			if s.call == "prepare" {
				lease = w.messageLease()
			}
			w = w.in(room(s.user)).afterDeath(lease)
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
			w.oneID(s.code)
		}
	}
	parts["death"] = func(w *world) {
		w.must(w.platform.Await(w.soon(), func() bool {
			return !slices.ContainsFunc(scenes, func(s *scene) bool { return !w.met(s.call, s.code) })
		}))
		if err := w.end(syscall.SIGKILL); err == nil {
			w.Error("status 0 after kill -9")
		}
		close(dead)
		died := time.Now()
		w.start(program)
		w.Logf("ready again %s after kill -9", time.Since(died).Round(time.Millisecond))
		w = w.afterDeath(w.messageLease())
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
