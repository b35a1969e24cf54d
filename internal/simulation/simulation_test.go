package simulation

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "play this seed, and tell its story")
	fileFlag   = flag.String("play", "", "play this file, and tell its story")
	shrinkFlag = flag.String("shrink", "", "drop the events of -seed or -play that its first finding does without, and keep the rest in this file")
	onFlag     = flag.Bool("on", false, "go on with new seeds until stopped")
	firstFlag  = flag.Bool("first", false, "with -on: stop at the first violation")
	daysFlag   = flag.Int("days", math.MaxInt, "with -on: for so many shop days")
	strideFlag = flag.Uint64("stride", 1, "with -on: from one seed to the next")
	lastFlag   = flag.Uint64("last", math.MaxUint64, "with -on: up to this seed")
)

// Memory is there for the taking: with less collecting a day costs a quarter less.
func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// report fails the test with what the judges found, and how to see it again.
func report(t *testing.T, w *world) {
	t.Helper()
	for _, f := range w.found {
		t.Errorf("seed %d: %s", w.Seed, f)
	}
	if len(w.found) > 0 {
		t.Logf("go test ./internal/simulation -run TestStory -seed %d", w.Seed)
	}
}

// Fixed seeds; new ones are played by TestOn.
func TestDays(t *testing.T) {
	for _, seed := range []uint64{2, 3, 40, 52, 804} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := play(t, newPlan(seed))
			report(t, w)
			t.Logf("%d shop days, %d events, %d deaths", len(w.Shops)*w.Days, len(w.Events), w.deaths)
		})
	}
}

// The same seed gives the same plan: what people do and what befalls them, when. What a
// replica begins at one moment has no order, so that the trace may differ; see
// docs/simulation.md.
func TestSameSeed(t *testing.T) {
	plan := func(seed uint64) string {
		text, err := json.Marshal(newPlan(seed))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, seed := range []uint64{1, 7, 804} {
		one, two := plan(seed), plan(seed)
		if one != two {
			t.Errorf("seed %d has two plans", seed)
		}
		if one == plan(seed+1) {
			t.Errorf("seeds %d and %d have one plan", seed, seed+1)
		}
	}
}

// What has been found once is not found again.
func TestKept(t *testing.T) {
	for _, f := range keptFiles(t) {
		t.Run(filepath.Base(f), func(t *testing.T) { report(t, play(t, kept(t, f))) })
	}
}

func keptFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing kept", err)
	}
	return files
}

// TestStory tells what happens on one seed, or in one file; without flags, in the first
// that is kept.
func TestStory(t *testing.T) {
	var p *plan
	switch {
	case *fileFlag != "":
		p = kept(t, *fileFlag)
	case *seedFlag != 0:
		p = newPlan(*seedFlag)
	default:
		p = kept(t, keptFiles(t)[0])
	}
	w := play(t, p)
	if kinds := w.kinds(); *shrinkFlag != "" && len(kinds) > 0 {
		p = shrink(t, p, kinds[0])
		if err := p.keep(*shrinkFlag); err != nil {
			t.Fatal(err)
		}
		w = play(t, p)
	}
	tale := w.tale()
	if tale == "" {
		t.Error("there is nothing to tell")
	}
	if *fileFlag != "" || *seedFlag != 0 {
		fmt.Fprintf(os.Stderr, "%d replicas, shops %+v, knobs %+v\n%s\n", w.Replicas, w.Shops, w.Knobs, tale)
	}
	report(t, w)
}

// TestOn plays new seeds until it is stopped; without flags, one that is fixed.
func TestOn(t *testing.T) {
	began, said := time.Now(), time.Time{}
	first, most := cmp.Or(*seedFlag, uint64(began.Unix())), *daysFlag
	if !*onFlag {
		first, most = 2000, 1
	}
	days, events, deaths, bad := 0, 0, 0, 0
	for seed := first; ; seed += *strideFlag {
		w := play(t, newPlan(seed))
		days, events, deaths = days+len(w.Shops)*w.Days, events+len(w.Events), deaths+w.deaths
		for _, f := range slices.Compact(w.found) {
			bad++
			t.Fail()
			fmt.Printf("seed %d: %s\n", seed, f)
		}
		if len(w.found) > 0 && *onFlag { // the next play of the seed may have another trace
			path := filepath.Join(os.TempDir(), fmt.Sprintf("seed-%d.txt", seed))
			if err := os.WriteFile(path, []byte(w.tale()), 0o600); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("seed %d: the story is in %s\n", seed, path)
		}
		last := days >= most || seed >= *lastFlag || bad > 0 && *firstFlag
		if last || time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Printf("%s: seed %d, %d shop days, %d events, %d deaths, %d violations\n", time.Since(began).Round(time.Second), seed, days, events, deaths, bad)
		}
		if last {
			return
		}
	}
}
