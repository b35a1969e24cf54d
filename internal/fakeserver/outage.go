package fakeserver

import (
	"context"
	"net/http"
	"time"
)

// PauseMode says how a platform is down.
type PauseMode string

// The ways to be down.
const (
	PauseRefuse PauseMode = "refuse" // 503
	PauseHang   PauseMode = "hang"   // no answer; connections are closed on Resume
)

// outage is a time while the platform is down.
type outage struct {
	mode PauseMode
	over chan struct{}
}

// Pause takes the platform down: nothing has an effect until Resume.
func (s *Server) Pause(mode PauseMode) error {
	if mode != PauseRefuse && mode != PauseHang {
		return s.c.failed("unknown way to pause %q", mode)
	}
	return s.c.Change(func(now time.Time) error {
		s.c.endOutage(now)
		s.c.down = &outage{mode, make(chan struct{})}
		return nil
	})
}

// Resume brings the platform back.
func (s *Server) Resume() {
	_ = s.c.Change(func(now time.Time) error {
		s.c.endOutage(now)
		return nil
	})
}

// endOutage moves what fell due meanwhile to its end.
func (c *Core) endOutage(now time.Time) {
	if c.down == nil {
		return
	}
	close(c.down.over)
	c.down = nil
	for i := range c.late {
		if c.late[i].due.Before(now) {
			c.late[i].due = now
		}
	}
}

// whileDown answers for a platform that is down.
func (c *Core) whileDown(ctx context.Context, seq uint64) (out Outcome, down bool) {
	c.mu.Lock()
	outage := c.down
	c.mu.Unlock()
	if outage == nil {
		return Outcome{}, false
	}
	if outage.mode == PauseRefuse {
		return ErrorPage(http.StatusServiceUnavailable), true
	}
	c.waits(seq)
	select {
	case <-outage.over:
	case <-left(ctx):
	}
	return dropped, true
}
