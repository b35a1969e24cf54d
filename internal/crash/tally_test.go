package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/dianping/dianpingtest"
)

// tally is what all rounds together did.
type tally struct {
	mu                                                    sync.Mutex
	rounds, messages, presses, repeats, kills, terms, bad int
	consumed, undone, held, calls, faulted, waited        int
	stricken                                              int            // rounds in which the database suffered
	woes                                                  map[string]int // what it suffered
	of                                                    map[string]int // consumed, by dialect
	longest                                               time.Duration
	longestSeed                                           uint64
}

func (s *tally) String() string {
	var woes []string
	for _, what := range slices.Sorted(maps.Keys(s.woes)) {
		woes = append(woes, fmt.Sprintf("%d %s", s.woes[what], what))
	}
	return fmt.Sprintf("%d messages, %d presses, %d repeats of callbacks; %d SIGKILL, %d SIGTERM; "+
		"%d rounds with database trouble (%s); "+
		"%d platform calls, %d of them with a fault; %d consumed (%v), %d undone, %d held by risk control; %d times people were asked to wait; "+
		"longest round %s (seed %d); %d rounds with violations",
		s.messages, s.presses, s.repeats, s.kills, s.terms, s.stricken, strings.Join(woes, ", "),
		s.calls, s.faulted, s.consumed, s.of, s.undone, s.held, s.waited, s.longest.Round(time.Millisecond), s.longestSeed, s.bad)
}

// add counts a round.
func (s *tally) add(h *history, f *referee, bad bool, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	s.kills += h.kills
	s.terms += h.terms
	if took > s.longest {
		s.longest, s.longestSeed = took, h.seed
	}
	if bad {
		s.bad++
	}
	if len(h.woes) > 0 {
		s.stricken++
	}
	for what, n := range h.woes {
		s.woes[what] += n
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
			s.of[string(e.Dialect)]++
		case e.Kind == dianpingtest.EffectUndone:
			s.undone++
		case e.Kind == isHeld:
			s.held++
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
