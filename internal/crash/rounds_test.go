package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// quietWithin is how long everything may take to be settled, told and written
// down once nothing goes wrong any more.
const quietWithin = 60 * time.Second

// tally is what all rounds together did.
type tally struct {
	mu                                                    sync.Mutex
	rounds, messages, presses, repeats, kills, terms, bad int
	consumed, undone, calls, faulted, waited              int
	longest                                               time.Duration
}

// TestRounds plays rounds from random seeds. A violation names its seed.
func TestRounds(t *testing.T) {
	t.Parallel()
	rounds, lanes, base := *flagRounds, *flagLanes, rand.Uint64()>>1
	if rounds == 0 {
		rounds = defaultRounds
		if *flagSeed != 0 {
			rounds = 1
		}
		if testing.Short() {
			rounds = 8
		}
		if *flagRace {
			rounds = min(rounds, 60) // three times as slow
		}
	}
	lanes = min(lanes, rounds)
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	var next, total = 0, &tally{}
	var mu sync.Mutex
	seeds := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == rounds {
			return 0, false
		}
		next++
		if *flagSeed != 0 {
			return *flagSeed, true
		}
		return base + uint64(next), true
	}
	began := time.Now()
	var wg sync.WaitGroup // no parallel subtests: -parallel goes by processors, and rounds mostly wait
	for i := range lanes {
		l := newLane(t, fmt.Sprint("lane", i), replicas)
		wg.Go(func() {
			for n := 0; ; n++ {
				seed, ok := seeds()
				if !ok || !l.round(t, seed, n%cohorts, total) {
					return
				}
			}
		})
	}
	wg.Wait()
	if rounds >= 50 && (total.kills == 0 || total.consumed == 0 || total.undone == 0 || total.waited == 0 || total.faulted == 0 || total.repeats == 0) {
		t.Errorf("the rounds did not do what they are for: %d kills, %d consumed, %d undone, %d times waited, %d faults, %d repeats",
			total.kills, total.consumed, total.undone, total.waited, total.faulted, total.repeats)
	}
	t.Logf("%d rounds in %s: %d messages, %d presses, %d repeats of callbacks; %d SIGKILL, %d SIGTERM; "+
		"%d platform calls, %d of them with a fault; %d consumed, %d undone; %d times people were asked to wait; "+
		"longest round %s; %d rounds with violations",
		total.rounds, time.Since(began).Round(time.Second), total.messages, total.presses, total.repeats, total.kills, total.terms,
		total.calls, total.faulted, total.consumed, total.undone, total.waited, total.longest.Round(time.Millisecond), total.bad)
}

// round plays and judges one round; false means that the lane is of no more use.
func (l *lane) round(t *testing.T, seed uint64, cohort int, total *tally) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	r := planned(seed, cohort, l.code)
	o := l.observe(r)
	h, err := l.play(ctx, r)
	if err != nil {
		o.stop()
		t.Errorf("seed %d: %v", seed, err)
		return false
	}
	f, found, quiet := o.judge(ctx, h)
	total.add(h, f, len(found) > 0, time.Since(began))
	if len(found) > 0 {
		t.Errorf("seed %d, round of %s:\n  %s\n%s", seed, time.Since(began).Round(time.Millisecond), strings.Join(found, "\n  "), f.story())
	}
	return quiet // what is left over would be taken for the next round's
}

func (s *tally) add(h *history, f *referee, bad bool, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	s.kills += h.kills
	s.terms += h.terms
	s.longest = max(s.longest, took)
	if bad {
		s.bad++
	}
	for _, d := range h.deeds {
		if d.press {
			s.presses++
		} else {
			s.messages++
		}
		s.repeats += max(len(f.calls[d.delivery].Attempts)-1, 0)
	}
	for _, e := range f.ledger {
		switch {
		case e.Dialect == "":
		case e.Kind == dianpingtest.EffectConsumed:
			s.consumed++
		default:
			s.undone++
		}
	}
	for _, r := range f.requests {
		s.calls++
		if r.Fault != "" {
			s.faulted++
		}
	}
	for _, v := range f.views {
		for _, t := range v.told {
			if t.verdict.pending() {
				s.waited++
			}
		}
	}
}

// story tells a round in the order of time.
func (f *referee) story() string {
	type line struct {
		at   time.Time
		text string
	}
	var all []line
	add := func(at time.Time, format string, args ...any) {
		all = append(all, line{at, fmt.Sprintf(format, args...)})
	}
	for _, d := range f.h.deeds {
		var how []string
		for _, a := range f.calls[d.delivery].Attempts {
			how = append(how, fmt.Sprintf("%s:%d", clock(a.At), a.Status))
		}
		add(d.began, "%s %s %q %v callback %v", d.who, d.where, d.text+d.key, d.codes, how)
	}
	for _, c := range f.h.chaos {
		detail := ""
		switch c.what {
		case "signal":
			detail = fmt.Sprintf("%v replica%d, back after %s", c.signal, c.replica, c.down)
		case "platform fault":
			detail = fmt.Sprintf("%s %s applied=%v delay=%s times=%d", c.call.Kind, c.call.Call, c.call.Applied, c.call.Delay, c.call.Times)
		case "wecom fault":
			detail = fmt.Sprintf("%+v", c.api)
		case "pause":
			detail = fmt.Sprintf("%s for %s", c.mode, c.down)
		}
		add(f.h.began.Add(c.at), "! %s %s", c.what, detail)
	}
	for _, e := range f.ledger {
		add(e.Time, "LEDGER %s %s by %s request %s", e.Kind, e.Code, e.Account, e.RequestID)
	}
	for _, r := range f.requests {
		id := ""
		if calls := consumeCalls([]dianpingtest.Request{r}); len(calls) == 1 {
			id = fmt.Sprintf("%s x%d request %s ", calls[0].code, calls[0].count, calls[0].id)
		}
		add(r.Time, "  call %s %s%s %d fault=%s effect=%q took %s: %.160s", r.Call, id, r.State, r.Status, r.Fault, r.Effect, r.Took.Round(time.Millisecond), r.Answer)
	}
	shown := map[string]bool{}
	for _, v := range f.views {
		key := fmt.Sprint(v.shown.ID, v.shown.Version)
		if shown[key] {
			continue
		}
		shown[key] = true
		at := v.shown.At
		if v.shown.Replaced > 0 {
			at = v.shown.Updated
		}
		var what []string
		for _, s := range v.told {
			what = append(what, fmt.Sprintf("%s=%s(%.60s)", s.code, s.verdict, s.words))
		}
		if len(what) == 0 {
			what = append(what, fmt.Sprintf("%.100q", v.shown.Text))
		}
		add(at, "    SCREEN %s %s replaced=%d %s", v.place, v.shown.Kind, v.shown.Replaced, strings.Join(what, " "))
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	var b strings.Builder
	fmt.Fprintf(&b, "knobs %+v vouchers %+v\n", f.h.knobs, f.h.vouchers)
	for _, x := range all {
		fmt.Fprintf(&b, "%s %s\n", clock(x.at), x.text)
	}
	return b.String()
}
