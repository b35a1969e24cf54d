package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestSeries(t *testing.T) {
	for _, tt := range []struct {
		s              series
		median, spread float64
	}{
		{series{3}, 3, 0},
		{series{8, 12, 10}, 10, 0.2},
		{series{4, 1, 2, 3}, 2.5, 0.6},
		{nil, 0, 0},
	} {
		if m, s := tt.s.median(), tt.s.spread(); m != tt.median || s != tt.spread {
			t.Errorf("%v: median %v, spread %v; want %v, %v", tt.s, m, s, tt.median, tt.spread)
		}
	}
	if r := (series{2, 9}).over(series{4, 3}); r[0] != 0.5 || r[1] != 3 {
		t.Errorf("over = %v", r)
	}
}

// A disk that stalls for one piece of a sample slows the sample by that piece only.
func TestFinely(t *testing.T) {
	calls := 0
	rates := finely(2, 4, func() float64 {
		if calls++; calls == 3 { // the first warms up
			return 1
		}
		return 10
	}, func() float64 { return 5 })
	if calls != 9 || len(rates) != 2 || len(rates[0]) != 2 || len(rates[1]) != 2 {
		t.Fatalf("%d calls: %v", calls, rates)
	}
	if got, want := rates[0][0], 4/(3*0.1+1.0); math.Abs(got-want) > 1e-9 || math.Abs(rates[0][1]-10) > 1e-9 || math.Abs(rates[1][0]-5) > 1e-9 {
		t.Errorf("%v, want the first to be %v", rates, want)
	}
}

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 101, 0.99: 199, 1: 200} {
		if got := quantile(all, share); got != want {
			t.Errorf("quantile %v = %v, want %v", share, got, want)
		}
	}
}

func TestCompared(t *testing.T) {
	for _, tt := range []struct {
		ratio         series
		measured, met string
	}{
		{series{0.9, 0.9, 0.9}, "0.90 ± 0 %", yes},
		{series{0.8, 0.8, 0.8}, "0.80 ± 0 %", no},
		{series{0.5, 1, 1.5}, "not reported: spread 50 %", unmeasured},
	} {
		if r := compared(row{}, tt.ratio, atLeast(0.85)); r.measured != tt.measured || r.met != tt.met {
			t.Errorf("%v: %q, %q; want %q, %q", tt.ratio, r.measured, r.met, tt.measured, tt.met)
		}
	}
	if r := compared(row{}, series{1}, nil); r.met != reported {
		t.Errorf("without an aim: %q", r.met)
	}
}

// A warm-up counts for nothing, and the sides take turns.
func TestInterleave(t *testing.T) {
	var order string
	side := func(name string) func() float64 {
		return func() float64 { order += name; return float64(len(order)) }
	}
	if got := interleave(2, side("a"), side("b")); order != "ababab" || len(got[0]) != 2 || got[0][0] != 3 {
		t.Errorf("order %s, %v", order, got)
	}
}

// The open loop goes on posting while answers are outstanding: here none comes
// before all requests have arrived.
func TestOpenLoopDoesNotWait(t *testing.T) {
	const n = 20
	fake := newFakeWeCom(staff)
	defer fake.Close()
	requests := newCallbacks(fake).texts(n)
	var arrived atomic.Int64
	all := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	results := openLoop(t.Context(), srv.Listener.Addr().String(), 1000, requests)
	for i, r := range results {
		if r.status != http.StatusOK || r.took <= 0 {
			t.Errorf("request %d: %+v", i, r)
		}
	}
	// The first was due 19 ms before the last came.
	if first := results[0].took; first < (n-1)*time.Millisecond {
		t.Errorf("the first took %v, which leaves out what it waited", first)
	}
}
