package dianpingtest

import (
	"slices"
	"time"
)

// lateCall is a call whose effect is still to come.
type lateCall struct {
	call *call
	seq  uint64
	due  time.Time
}

// postpone lets a call take effect later; see [Fault.After].
func (p *Platform) postpone(c *call, seq uint64, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = append(p.late, lateCall{c, seq, p.opts.Now().Add(after)})
	slices.SortStableFunc(p.late, func(a, b lateCall) int { return a.due.Compare(b.due) })
	// Whoever awaits the effect is woken where the clock goes by itself.
	time.AfterFunc(after, func() {
		p.lock()
		defer p.mu.Unlock()
		p.bump()
	})
}

// lock locks the platform for someone who looks at what has happened: what has
// fallen due has, at the time when it did.
func (p *Platform) lock() {
	p.mu.Lock()
	p.catchUp()
}

func (p *Platform) catchUp() {
	if p.down != nil || p.ctx.Err() != nil {
		return
	}
	now := p.opts.Now()
	for len(p.late) > 0 && !p.late[0].due.After(now) {
		l := p.late[0]
		p.late = p.late[1:]
		p.carryOut(l.call, l.seq, false, l.due)
		p.bump()
	}
}

// missed moves what fell due during an outage to its end.
func (p *Platform) missed() {
	now := p.opts.Now()
	for i := range p.late {
		if p.late[i].due.Before(now) {
			p.late[i].due = now
		}
	}
}
