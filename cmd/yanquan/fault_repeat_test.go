package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// F6: WeCom sends one callback again: at once, five seconds later, while the first
// is at work, after a restart, to another replica. It passes when there is one
// operation and one answer, which a robot's repeat gets again.
func TestFault06DuplicateCallback(t *testing.T) {
	inCells(t, faultCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		code := w.sell()
		a := w.say(w.hero, "验 "+code, "核销成功")
		n := w.requests()
		for range 3 { // in the same second
			w.repeated(a)
		}
		w.ahead.Add(int64(5 * time.Second))
		w.repeated(a)
		if err := w.end(syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
		w.start(w.program.cmd.Path)
		w.repeated(a)
		w.replicas()
		for range 4 { // by turns
			w.repeated(a)
		}
		if w.requests() != n {
			w.Error("a repeat made calls to the platform")
		}
		w.ledger(code, 1, 0)
		w.say(w.hero, "帮助", "可以这样发") // one answer: whatever a repeat had caused would have come before

		w.repeatedMeanwhile()
		code = w.sell()
		p := w.press(w.hero, w.card(w.say(w.hero, code, "[确认核销]")), "确认核销", "核销成功")
		w.repeated(p)
		w.say(w.hero, "帮助", "可以这样发")
		w.ledger(code, 1, 0)
	})
}

// repeated sends the callback of an answer again: an app's gets an empty 200, a
// robot's what the first got. Where the answer is not found within the reply deadline,
// the repeat is asked to wait like any message, and there is another.
func (w *world) repeated(a answer) {
	w.Helper()
	var last wecomtest.Attempt
	again := func() bool {
		d, err := w.wecom.Resend(w.soon(), a.delivery.ID)
		w.must(err)
		last = d.Attempts[len(d.Attempts)-1]
		return !strings.Contains(string(last.Answer), `"finish":false`)
	}
	w.until(again)
	first := a.delivery.Attempts[0]
	switch {
	case last.Status != http.StatusOK || last.Err != "":
		w.Errorf("repeat refused: %+v", last)
	case !w.group && len(last.Body) != 0:
		w.Errorf("repeat to the app is answered by %s", last.Body)
	case w.group && string(first.Answer) != string(last.Answer) && strings.Contains(string(first.Answer), `"template_card"`):
		w.Errorf("repeat answered differently:\n%s\n%s", first.Answer, last.Answer)
	case w.group && !strings.Contains(string(last.Answer), "核销成功"):
		w.Errorf("repeat answered by %s", last.Answer)
	}
}

// repeatedMeanwhile sends a callback again, to both replicas, while the platform
// holds back the first.
func (w *world) repeatedMeanwhile() {
	w.Helper()
	code := w.sell()
	release := w.hold("consume", code, false)
	var repeated sync.WaitGroup
	repeated.Add(2)
	go func() { repeated.Wait(); release() }()
	parts := map[string]func(*world){
		"first": func(w *world) { w.say(w.hero, "验 "+code, "核销成功", code) },
	}
	for i := range 2 {
		parts[fmt.Sprint("repeat ", i)] = func(w *world) {
			defer repeated.Done()
			w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
			for _, d := range w.wecom.Deliveries() {
				if strings.Contains(string(d.Plain), code) && d.Kind == "message" {
					_, err := w.wecom.Resend(w.soon(), d.ID)
					w.must(err)
				}
			}
		}
	}
	w.together(parts)
	w.ledger(code, 1, 0)
	w.oneID(code)
}

// F7: a person sends the same text twice, which WeCom gives an id of its own each
// time. It passes when the second is told who has verified it already.
func TestFault07SameTextTwice(t *testing.T) {
	inCells(t, faultCells, func(w *world) {
		w.must(w.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		code := w.sell()
		w.say(w.hero, "验 "+code, "核销成功")
		w.lacks(w.say(w.hero, "验 "+code, "此券已核销", people[w.hero]), "核销成功")
		w.ledger(code, 1, 0)

		code = w.sell() // and the second while the first is under way
		release, before := w.hold("consume", code, false), w.storedOf("lisi")
		w.together(map[string]func(*world){
			"first": func(w *world) { w.in(room("lisi")).utter("lisi", "验 "+code) },
			"second": func(w *world) {
				w.must(w.platform.Await(w.soon(), func() bool { return w.held("consume", code) }))
				w.in(room("lisi")).utter("lisi", "验 "+code)
			},
			"platform": func(w *world) {
				defer release()
				w.until(func() bool { return w.storedOf("lisi") == before+2 })
			},
		})
		in := w.in(room("lisi"))
		in.until(func() bool { return in.shows("lisi", code, people["lisi"]) == 2 })
		if n := in.shows("lisi", code, "核销成功"); n != 1 {
			w.Errorf("told of success %d times", n)
		}
		in.recount("lisi")
		w.ledger(code, 1, 0)
		w.oneID(code)
	})
}
