package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// The sides take turns, a warm-up counts for nothing, and what spreads is not reported.
func TestRatio(t *testing.T) {
	for name, tt := range map[string]struct {
		ours          []float64 // the first warms up
		measured, met string
	}{
		"met":     {[]float64{900, 10, 10, 10.4, 10, 10, 10}, "1.00 ± 4%", "yes"},
		"not met": {[]float64{900, 8, 8, 8, 8, 8, 8}, "0.80 ± 0%", "**no**"},
		"spreads": {[]float64{10, 10, 10, 12, 10, 10, 10}, "not reported: ± 20%", "not measured"},
		"too few": {[]float64{10, 10, 10}, "not reported: ± ∞", "not measured"},
	} {
		t.Run(name, func(t *testing.T) {
			turns, i := "", 0
			ours := side{"a", func() float64 { turns += "a"; i++; return tt.ours[i-1] }}
			reference := side{"b", func() float64 { turns += "b"; return 10 }}
			r := ratio(len(tt.ours)-1, "R", ours, reference, 0.9, "")
			if r.measured != tt.measured || r.met != tt.met || turns[:4] != "abab" || len(turns) != 2*len(tt.ours) {
				t.Errorf("%q, %q, turns %s", r.measured, r.met, turns)
			}
		})
	}
}

// At a rate each target is posted once, also while no answer has come: here none comes
// before all have arrived.
func TestLoadDoesNotWait(t *testing.T) {
	const n = 50
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
	accepted, m := load(newCallbacks(1).texts(srv.Listener.Addr().String(), n), 1000, 0)
	if len(accepted) != n || m.Requests != n || arrived.Load() != n {
		t.Errorf("%d accepted of %d, %d arrived", len(accepted), m.Requests, arrived.Load())
	}
}
