package main

import (
	"sync"
	"testing"
	"time"
)

// standstills is what the machine did not give the test's process, and so not the program beside
// it either: a bound on elapsed time is held against the rest, see [ran].
var standstills meter

// tick is how often the process looks whether it gets to run.
const tick = 20 * time.Millisecond

// meter notes the times at which a tick came late.
type meter struct {
	mu    sync.Mutex
	last  time.Time // tick
	times []span
}

type span struct{ from, to time.Time }

// run ticks for as long as the process lives.
func (m *meter) run() {
	for m.ticked(time.Now()); ; m.ticked(time.Now()) {
		time.Sleep(tick)
	}
}

func (m *meter) ticked(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if late, ok := m.late(now); ok {
		m.times = append(m.times, late)
	}
	m.last = now
}

// late is how long the next tick was due at a time, where that is longer than a tick.
func (m *meter) late(now time.Time) (span, bool) {
	s := span{m.last.Add(tick), now}
	return s, !m.last.IsZero() && now.Sub(s.from) > tick
}

// during is how long the machine stood still in a time.
func (m *meter) during(from, to time.Time) (sum time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := m.times
	if late, ok := m.late(to); ok { // it has only just gone on
		times = append(times[:len(times):len(times)], late)
	}
	for _, s := range times {
		if s.from.Before(from) {
			s.from = from
		}
		if s.to.After(to) {
			s.to = to
		}
		sum += max(0, s.to.Sub(s.from))
	}
	return sum
}

// ran is how much of a time the machine gave to what it runs.
func ran(from, to time.Time) time.Duration { return to.Sub(from) - standstills.during(from, to) }

func TestStandstill(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(-time.Hour)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var m meter
	for _, ms := range []int{0, 20, 55, 1075, 1095, 3115} {
		m.ticked(at(ms))
	}
	for _, tt := range []struct{ from, to, want int }{
		{0, 75, 0},           // a tick that is a bit late is none
		{0, 1095, 1000},      // from when the tick was due
		{0, 4115, 3980},      // and one that is due now
		{1095, 3115, 2000},   // all of it
		{100, 600, 500},      // in the middle of one
		{500, 1500, 960},     // between two
		{3115, 3150, 0},      // not late yet
		{-2000, -1000, 0},    // before all
		{10000, 11000, 1000}, // after all
	} {
		from, to := at(tt.from), at(tt.to)
		for range 2 {
			if got := m.during(from, to); got != time.Duration(tt.want)*time.Millisecond {
				t.Errorf("from %d to %d it stood still for %s, want %d ms", tt.from, tt.to, got, tt.want)
			}
			from, to = from.Round(0), to.Round(0) // as read in a log
		}
	}
}
