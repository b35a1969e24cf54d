package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// F20: SIGTERM while callbacks and calls are under way. It passes when the process
// ends with status 0 within its grace, and everything is done once in the end, by
// it or by the next.
func TestFault20StopUnderLoad(t *testing.T) {
	inCells(t, faultCells, stopUnderLoad)
}

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
				w.afresh(a, up)
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
		took := ran(began, time.Now())
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
			w.oneID(code)
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
