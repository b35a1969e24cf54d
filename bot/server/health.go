package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/internal/jobs"
)

// Check is one thing without which the server cannot work.
type Check struct {
	Name  string
	Probe func(context.Context) error
}

// A lost database shows within probeEvery + probeTimeout; the contract says 5 s.
const (
	probeEvery   = time.Second
	probeTimeout = 2 * time.Second
	probeStale   = 4 * time.Second // a probe that ignores its context must not keep us ready
)

// health probes in the background, so that /readyz costs nothing and cannot be
// used to load the database.
type health struct {
	checks []Check
	log    *slog.Logger
	gauge  func(ready bool)
	pause  func(ctx context.Context, d time.Duration) error

	mu       sync.Mutex
	results  map[string]result
	stopping bool
}

type result struct {
	err error
	at  time.Time
}

func newHealth(checks []Check, log *slog.Logger, gauge func(bool)) *health {
	return &health{checks: checks, log: log, gauge: gauge, pause: jobs.Sleep, results: map[string]result{}}
}

// run probes until the context ends. Each check has a loop of its own: a probe
// that hangs must not hold up the others.
func (h *health) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range h.checks {
		wg.Go(func() {
			for ctx.Err() == nil {
				h.probe(ctx, c)
				_ = h.pause(ctx, probeEvery)
			}
		})
	}
	wg.Wait()
}

// probeAll makes one round at once.
func (h *health) probeAll(ctx context.Context) {
	for _, c := range h.checks {
		h.probe(ctx, c)
	}
}

func (h *health) probe(ctx context.Context, c Check) {
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := c.Probe(bounded)
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	last, known := h.results[c.Name]
	h.results[c.Name] = result{err: err, at: time.Now()}
	h.mu.Unlock()
	switch {
	case err != nil && (!known || last.err == nil):
		h.log.Error("check failed; not ready", "check", c.Name, "error", err)
	case err == nil && known && last.err != nil:
		h.log.Info("check is fine again", "check", c.Name)
	}
	ready, _ := h.state()
	h.gauge(ready)
}

// stop makes /readyz refuse for good, so that a load balancer looks elsewhere.
func (h *health) stop() {
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
	h.gauge(false)
}

// state tells each check's word. What exactly is wrong is in the log: an error
// may name hosts and users.
func (h *health) state() (ready bool, words map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ready, words = !h.stopping, map[string]string{}
	if h.stopping {
		words["server"] = "stopping"
	}
	for _, c := range h.checks {
		r, known := h.results[c.Name]
		switch {
		case !known:
			words[c.Name] = "not checked yet"
		case r.err != nil:
			words[c.Name] = "failed"
		case time.Since(r.at) > probeStale:
			words[c.Name] = "no answer"
		default:
			words[c.Name] = "ok"
			continue
		}
		ready = false
	}
	return ready, words
}

func (h *health) serve(c *gin.Context) {
	ready, words := h.state()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	body, err := json.Marshal(struct {
		Ready  bool              `json:"ready"`
		Checks map[string]string `json:"checks"`
	}{ready, words})
	if err != nil {
		status = http.StatusInternalServerError
	}
	c.Header("Cache-Control", "no-store")
	c.Data(status, "application/json", body)
}
