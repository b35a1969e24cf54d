package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/internal/breadth"
)

// How many random rounds are played.
const (
	someRounds  = 20  // by everybody who changes something
	allRounds   = 200 // about two minutes on two busy cores
	racedRounds = 40  // three times as slow
)

// TestRounds plays rounds from random seeds, each lane with a MariaDB of its own.
// A violation names its seed.
func TestRounds(t *testing.T) {
	t.Parallel()
	rounds := *flagRounds
	if rounds == 0 {
		switch {
		case *flagSeed != 0:
			rounds = 1
		case *flagRace:
			rounds = racedRounds
		case breadth.All():
			rounds = allRounds
		default:
			rounds = someRounds
		}
	}
	lanes := *flagLanes
	if *flagRace {
		lanes = min(lanes, 6)
	}
	total := campaign(t, "lane", rounds, lanes, ownServer)
	if rounds >= 50 && *flagSeed == 0 && (total.kills == 0 || len(total.of) < 3 || total.undone == 0 || total.held == 0 || total.waited == 0 || total.faulted == 0 || total.repeats == 0 || total.stricken == 0) {
		t.Error("the rounds did not do what they are for")
	}
}

// campaign plays rounds in lanes, each on a database of its own, and returns
// what they did together.
func campaign(t *testing.T, name string, rounds, lanes int, data func(*testing.T) database) *tally {
	t.Helper()
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	next, base, total := 0, rand.Uint64()>>1, &tally{woes: map[string]int{}, of: map[string]int{}}
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
	for i := range min(lanes, rounds) {
		l := newLane(t, fmt.Sprint(name, i), replicas, data(t), retries())
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
	t.Logf("%d rounds in %s: %s", total.rounds, time.Since(began).Round(time.Second), total)
	return total
}

// round plays and judges one round; false means that the lane is of no more use.
func (l *lane) round(t *testing.T, seed uint64, cohort int, total *tally) bool {
	ctx, cancel := context.WithTimeout(t.Context(), roundWithin())
	defer cancel()
	began := time.Now()
	r := planned(seed, cohort, l.code, l.database.cluster != nil)
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
