package dianpingtest

import (
	"context"
	"fmt"
	"net/http"
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
func (p *Platform) Pause(mode PauseMode) error {
	if mode != PauseRefuse && mode != PauseHang {
		return fmt.Errorf("dianpingtest: unknown way to pause %q", mode)
	}
	p.lock()
	defer p.mu.Unlock()
	p.endOutage()
	p.down = &outage{mode, make(chan struct{})}
	p.bump()
	return nil
}

// Resume brings the platform back.
func (p *Platform) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endOutage()
	p.bump()
}

func (p *Platform) endOutage() {
	if p.down != nil {
		close(p.down.over)
		p.down = nil
		p.missed()
	}
}

// whileDown answers for a platform that is down.
func (p *Platform) whileDown(ctx context.Context, seq uint64) (out outcome, down bool) {
	p.mu.Lock()
	outage := p.down
	p.mu.Unlock()
	if outage == nil {
		return outcome{}, false
	}
	if outage.mode == PauseRefuse {
		return errorPage(http.StatusServiceUnavailable), true
	}
	p.waits(seq)
	select {
	case <-outage.over:
	case <-ctx.Done():
	}
	return dropped, true
}
