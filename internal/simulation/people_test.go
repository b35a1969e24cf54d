package simulation

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// ask is something that a person wants to know or have done, and may say twice.
type ask struct {
	event
	said     time.Time
	place    wecomtest.Where
	count    int       // how many it is about
	accepted time.Time // when WeCom got the first 200; zero: never
	took     int       // callbacks that were accepted
	sent     int       // callbacks that were sent
	sentAt   time.Time // the last of them
	since    int64     // version of the screens before
	first    time.Time // when something about its code was seen
	answered time.Time // zero: not yet
	left     bool      // the answer leaves it to people, when it is time to, whatever is known
}

// do lets one event happen.
func (w *world) do(i int, e event) {
	switch e.Do {
	case say:
		w.say(e)
	case press:
		w.press(e)
	case useTill:
		err := errUsed
		if p := w.selling(e.Code); !w.used(p, e.Code) {
			err = p.useTill(e.Code)
		}
		if err != nil {
			w.note("customer", "cannot use %s at the till: %v", e.Code, err)
			return
		}
		w.note("customer", "uses %s at the till", e.Code)
	case turn:
		if w.selling(e.Code).turn(e.Code, e.State) == nil {
			w.note("customer", "%s is %s", e.Code, e.State)
		}
	case look:
		w.agenda.wake()
	case fault:
		for _, p := range w.meant(e) {
			w.must(p.Fail(*e.Fault))
		}
		w.note("trouble", "the platform %s will: %s %s, applied %v", e.Platform, e.Fault.Kind, e.Fault.Call, e.Fault.Applied)
	case step:
		w.note("trouble", "the clock goes by %s", e.For)
		w.offset.Add(int64(e.For))
		w.mu.Lock() // what falls due comes earlier, or later
		w.troubles = append(w.troubles, span{time.Now(), time.Now().Add(e.For.Abs()), "clock"})
		w.mu.Unlock()
		w.agenda.stir()
	case silence:
		w.note("trouble", "WeCom does not ask for the rest of streams for %s", e.For)
		w.mu.Lock()
		w.silent = time.Now().Add(e.For)
		w.mu.Unlock()
	case token:
		w.note("trouble", "the access token of Douyin: %s", e.Text)
		switch e.Text {
		case "elsewhere": // another program has the same secret
			w.douyin().TakeTokenElsewhere()
		case "end":
			w.douyin().ExpireTokens()
		}
		w.mu.Lock() // within the grace, a refusal is believed to be a mistake
		w.troubles = append(w.troubles, span{time.Now(), time.Now().Add(6 * time.Minute), "token"})
		w.mu.Unlock()
	case outage:
		w.note("trouble", "the platform %s is away for %s (%s)", e.Platform, e.For, e.Text)
		for _, p := range w.meant(e) {
			w.must(p.Pause(fakeserver.PauseMode(e.Text)))
		}
		w.wrong(e.For, "outage", nil)
		for _, p := range w.meant(e) {
			p.Resume()
		}
		w.agenda.stir()
		w.note("trouble", "the platform is back")
	case trouble:
		w.note("trouble", "WeCom will: %+v", *e.WeCom)
		w.wecom.Fail(*e.WeCom)
		w.wrong(e.For, "WeCom", w.wecom.ClearFaults)
		w.agenda.stir()
	case die:
		w.death(e)
	case freeze:
		if r := w.replica(e.Replica); r != nil && e.Text != "" {
			r.haltAt(e.Text, e.For)
		} else if r != nil {
			w.note("trouble", "%s stands still for %s", r.name, e.For)
			w.wrong(e.For, "standstill", func() {})
			r.steps.freeze(e.For)
			w.note("trouble", "%s goes on", r.name)
		}
	case lose:
		if r := w.replica(e.Replica); r != nil {
			w.note("trouble", "%s is not told of its next %d commits", r.name, e.Steps)
			r.steps.set(func(s *steps) { s.loses = e.Steps })
			w.wrong(e.For, "commits", func() { r.steps.set(func(s *steps) { s.loses = 0 }) })
		}
	}
}

var errUsed = errors.New("it is used already")

// used reports whether a coupon is used now, also where the platform does not guard that:
// only what comes from us can find it out.
func (w *world) used(p fake, code string) (used bool) {
	for _, e := range p.effects() {
		if e.Code == code && w.visits(code) == 0 {
			used = e.Kind == dianpingtest.EffectConsumed || used && e.Kind != dianpingtest.EffectUndone
		}
	}
	return used
}

// wrong notes that something is wrong for so long, and waits until it is over where
// end is nil or given.
func (w *world) wrong(d time.Duration, what string, end func()) {
	w.mu.Lock()
	w.troubles = append(w.troubles, span{time.Now(), time.Now().Add(d), what})
	w.mu.Unlock()
	if what == "standstill" {
		return
	}
	time.Sleep(d)
	if end != nil {
		end()
	}
}

func (w *world) replica(slot int) *replica {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.replicas[slot%len(w.replicas)]
}

// death kills a replica after some steps, within a minute at the latest, and starts
// another.
func (w *world) death(e event) {
	slot := e.Replica % w.Replicas
	r := w.replica(slot)
	if r == nil {
		return
	}
	began := time.Now()
	r.steps.set(func(s *steps) { s.fuse = e.Steps })
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		w.kill(slot, r)
	}
	time.Sleep(e.For)
	w.start(slot)
	w.mu.Lock()
	w.troubles = append(w.troubles, span{began, time.Now(), "death"})
	w.mu.Unlock()
}

func (w *world) placeOf(e event) wecomtest.Where {
	if e.Shop != "" {
		return wecomtest.InGroup(group(e.Shop)).Mention(robotName)
	}
	return wecomtest.InApp(appName, e.Who)
}

var aCount = regexp.MustCompile(`(?: x| )(\d)(?:$| )`)

// countIn is how many a text or a button asks for: 验 100000000000 x2, 再用 2 次.
func countIn(text string) int {
	if m := aCount.FindStringSubmatch(text); m != nil {
		return int(m[1][0] - '0')
	}
	return 1
}

// say types a text, and types it again where no answer comes.
func (w *world) say(e event) {
	e.Text = w.spoken(e)
	a := &ask{event: e, said: time.Now(), place: canonical(w.placeOf(e)), count: countIn(e.Text), since: w.wecom.Version()}
	w.mu.Lock()
	w.asks = append(w.asks, a)
	w.mu.Unlock()
	for again := false; ; again = true {
		w.note("chat", "%s in %s: %s", names[e.Who], w.room(e), e.Text)
		w.send(a, func() (wecomtest.Outcome, error) {
			return w.wecom.Say(context.Background(), w.placeOf(e), e.Who, e.Text)
		})
		if e.Again == 0 || again {
			return
		}
		time.Sleep(e.Again)
		w.mu.Lock()
		done := !a.answered.IsZero()
		w.mu.Unlock()
		if done {
			return
		}
		w.agenda.stir()
	}
}

func (w *world) send(a *ask, act func() (wecomtest.Outcome, error)) {
	w.mu.Lock()
	a.sent++
	a.sentAt = time.Now()
	w.mu.Unlock()
	out, err := act()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		a.sent--
		return
	}
	if d := out.Delivery(); d.Accepted() {
		if a.Resend > 0 {
			w.acts.Go(func() { w.resend(d.ID, a.Resend) })
		}
		a.took++
		if a.accepted.IsZero() {
			a.accepted = time.Now()
		}
	}
}

// resend has WeCom send a callback again, as where its 200 was lost.
func (w *world) resend(id string, after time.Duration) {
	time.Sleep(after)
	w.note("trouble", "WeCom sends a callback again")
	_, _ = w.wecom.Resend(context.Background(), id)
}

func (w *world) room(e event) string {
	if e.Shop != "" {
		return "the group of " + e.Shop
	}
	return "the app"
}

func canonical(p wecomtest.Where) wecomtest.Where {
	if p.Group != "" {
		return wecomtest.InGroup(p.Group)
	}
	return p
}

// press presses the newest card about a code that has such a button.
func (w *world) press(e event) {
	place := canonical(w.placeOf(e)).As(e.Who)
	shown := w.wecom.Screen(place)
	for _, s := range slices.Backward(shown) {
		if s.Card == nil || s.Card.Dead || !slices.ContainsFunc(w.read(s), func(t statement) bool { return t.about(e.Code) }) {
			continue
		}
		for _, b := range s.Card.Buttons {
			if !strings.HasPrefix(b.Text, e.Text) || b.Key == "" {
				continue
			}
			a := &ask{event: e, said: time.Now(), place: canonical(place), count: countIn(b.Text), since: w.wecom.Version()}
			w.mu.Lock()
			w.asks = append(w.asks, a)
			w.mu.Unlock()
			w.note("chat", "%s in %s presses %s on %q of %s", names[e.Who], w.room(e), b.Text, s.Card.Title, e.Code)
			w.send(a, func() (wecomtest.Outcome, error) {
				return w.wecom.Press(context.Background(), place, e.Who, s.ID, b.Key)
			})
			return
		}
	}
	w.note("chat", "%s in %s finds no button %s for %s", names[e.Who], w.room(e), e.Text, e.Code)
}
