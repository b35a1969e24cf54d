package main

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

// noDrops: until here, nothing has been swallowed that the bot has sent, but for what it
// had to send again.
func (w *world) noDrops() {
	for _, d := range w.wecom.Dropped() {
		if strings.Contains(d.Why, "enable_duplicate_check") && w.tooLate(d.At) {
			continue
		}
		w.Errorf("swallowed by WeCom: %+v", d)
	}
}

// tooLate reports whether the machine stood still for so long before a time of WeCom's
// that a call to it timed out, or a click was answered too late: both have five seconds,
// of which the program needs no half.
func (w *world) tooLate(at time.Time) bool {
	from := at.Add(-2*apiTimeout - time.Duration(w.ahead.Load())) // or less ahead by then
	return w.clock == nil && standstills.during(from, at) > apiTimeout/2
}

// acceptedAtOnce fails unless a callback was accepted the first time, or the machine stood
// still while it was stored.
func (w *world) acceptedAtOnce(d wecomtest.Delivery) {
	w.Helper()
	n := len(d.Attempts)
	if !d.Accepted() || n > 1 && standstills.during(d.Attempts[0].At.Add(-acceptWithin), d.Attempts[n-1].At) < acceptWithin/2 {
		w.Errorf("not accepted at once: %s", attempts(d))
	}
}

// judgement looks at everything once more when all is over.
func judgement(w *world) {
	for _, p := range w.logs {
		if p.ended {
			continue
		}
		if err := w.endOf(p, syscall.SIGTERM); err != nil {
			w.Errorf("after SIGTERM: %v", err)
		}
	}
	w.noRefusals()
	w.inTime()
	for code, e := range w.effects {
		w.ledger(code, e.consumed, e.undone)
	}
	for _, m := range w.markets {
		w.judgeMarket(m)
	}
	w.countBubbles()
	w.noSecrets()
}

// judgeMarket looks at what a platform has seen.
func (w *world) judgeMarket(m market) {
	if codes := m.TwiceConsumed(); len(codes) > 0 {
		w.Errorf("consumed twice: %v", codes)
	}
	for _, e := range m.ledger() {
		if _, ours := w.effects[e.code]; !ours {
			w.Errorf("nobody has asked for %+v", e)
		}
	}
	traits := m.traits()
	for _, r := range m.Requests() {
		if r.Call == traits.call("consume") && traits.idOf(r) == "" {
			w.Errorf("a consume without an id: %+v", r)
		}
		wrong := func(mistake string) bool { return strings.Contains(r.Answer, mistake) }
		if slices.ContainsFunc(traits.mistakes, wrong) || r.Status >= 400 && r.Status < 500 && r.Fault != dianpingtest.ProxyStatus {
			w.Errorf("the platform refused a request: %s %s %d %s", r.Method, r.Path, r.Status, r.Answer)
		}
	}
}

// noRefusals: WeCom has taken all that the bot has sent, but for what a chapter
// has announced, and but for the change of a card that was applied before: where its
// answer was lost, or took too long on a slow machine, it is tried again. A click that was
// answered too late for its card is answered below it.
func (w *world) noRefusals() {
	w.Helper()
	for _, r := range w.wecom.Refusals() {
		if r.Used && r.What == "message/update_template_card" || r.Why == "invalid req_id: the event is older than 5 seconds" && w.tooLate(r.At) {
			continue
		}
		if w.refusable[r.Code] == 0 {
			w.Errorf("refused by WeCom: %+v", r)
			continue
		}
		w.refusable[r.Code]--
	}
}

// countBubbles finds answers that came after somebody had got theirs.
func (w *world) countBubbles() {
	screens := map[string]wecomtest.Where{}
	for user := range people {
		for _, r := range []string{roomA, roomBoth, roomStray, private, room(user)} {
			in := w.in(r)
			screens[in.screenName(user)] = in.screen(user)
		}
	}
	for name, where := range screens {
		n := 0
		var all []wecomtest.Shown
		for _, s := range w.wecom.Screen(where) {
			if s.FromBot {
				n++
				all = append(all, s)
			}
			if s.Card != nil && len(s.Card.Overlong) > 0 {
				w.Errorf("clients would cut %v of\n%s", s.Card.Overlong, legible(s))
			}
			if !s.Finished || s.Expired {
				w.Errorf("a stream was left open:\n%s", legible(s))
			}
		}
		if n != w.expected[name] {
			w.Errorf("%s shows %d bubbles of the bot, %d were expected:\n%s", name, n, w.expected[name], tailOf(legibles(all), 4000))
		}
	}
}

// noSecrets looks through the logs of every process that ran.
func (w *world) noSecrets() {
	hidden := []string{sessionB, phone}
	for name, value := range secrets {
		if name != "DIANPING_APP_KEY" && name != "DOUYIN_CLIENT_KEY" && name != "MEITUAN_DEVELOPER_ID" { // public by themselves
			hidden = append(hidden, value)
		}
	}
	app, _ := w.wecom.App("main")
	robot, _ := w.wecom.Robot("group")
	hidden = append(hidden, app.Secret, app.Token, app.EncodingAESKey)
	if w.socket {
		hidden = append(hidden, robot.Secret)
	} else {
		hidden = append(hidden, robot.Token, robot.EncodingAESKey)
	}
	for code := range w.effects {
		hidden = append(hidden, code)
	}
	for _, p := range w.logs {
		for _, s := range hidden {
			if i := strings.Index(p.stderr.String(), s); i >= 0 {
				w.Errorf("the log shows a secret, a code or a phone: …%q…", p.stderr.String()[max(0, i-120):i])
			}
		}
		if i := strings.Index(p.stderr.String(), "panic"); i >= 0 {
			w.Errorf("the log tells of a panic: %s", tailOf(p.stderr.String()[i:], 2000))
		}
	}
}
