package dianpingtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults. "Applied" means that the effect took place and is in the
// ledger. Of a read, applied or not makes no difference.
const (
	// ApplyThenHang applies the call and never answers: until the client leaves
	// or the platform is closed.
	ApplyThenHang FaultKind = "apply_then_hang"
	// HangThenDrop does not apply the call, waits for Delay and closes the
	// connection. (Go's HTTP client repeats a GET by itself when a kept
	// connection is closed before the answer; a POST it does not.)
	HangThenDrop FaultKind = "hang_then_drop"
	// ApplyThenDrop applies the call and closes the connection at once.
	ApplyThenDrop FaultKind = "apply_then_drop"
	// ApplyLate waits until the client has left, then for Delay, and only then
	// applies the call: a slow platform that was given up on.
	ApplyLate FaultKind = "apply_late"
	// Status5xx answers Status (default 503) with an HTML page; see Applied.
	Status5xx FaultKind = "status_5xx"
	// HalfBody breaks the connection in the middle of an answer that promises
	// success; see Applied.
	HalfBody FaultKind = "half_body"
	// HTML answers 200 with an HTML page; see Applied.
	HTML FaultKind = "html"
	// WrongContentType applies the call and sends the true answer as text/html.
	WrongContentType FaultKind = "wrong_content_type"
	// Delay answers truly after Delay. With Applied the effect comes first, else
	// it comes after the wait, and not at all for a client that left meanwhile.
	Delay FaultKind = "delay"
	// Throttle refuses: OP_LIMITATION_REJECT, or the invented 611.
	Throttle FaultKind = "throttle"
	// SessionExpired says that the token is expired, though it is not.
	SessionExpired FaultKind = "session_expired"
	// AnswerCode answers with the code in Answer; see Applied.
	AnswerCode FaultKind = "answer_code"
	// Partly makes a consume of several coupons consume the named code only and
	// answer 1004 with that one row.
	Partly FaultKind = "partly"
)

// Fault is something to go wrong with calls to come. Faults are used in the
// order in which they were given; each request meets at most one. A request that
// would be refused, for its signature say, uses a fault up as well.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Call    string    `json:"call,omitempty"`    // e.g. "consume"; empty: any
	Dialect Dialect   `json:"dialect,omitempty"` // empty: both
	Code    string    `json:"code,omitempty"`    // only calls that name this voucher; empty: any
	Times   int       `json:"times,omitempty"`   // 0: once; below 0: until ClearFaults
	Applied bool      `json:"applied,omitempty"`
	Status  int       `json:"status,omitempty"` // Status5xx
	// Delay in JSON is in nanoseconds.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Answer is AnswerCode's code: a number is a business code, put where the
	// dialect puts them; "OP_UNIAUTH_FAILED/19" is a gateway code with sub-code.
	Answer string `json:"answer,omitempty"`
}

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

// Fail orders a fault.
func (p *Platform) Fail(f Fault) error {
	switch f.Kind {
	case ApplyThenHang, HangThenDrop, ApplyThenDrop, ApplyLate, HalfBody, HTML, WrongContentType,
		Delay, Throttle, SessionExpired, Partly:
	case Status5xx:
		setDefault(&f.Status, http.StatusServiceUnavailable)
		if f.Status < 500 || f.Status > 599 {
			return fmt.Errorf("dianpingtest: status %d is not a 5xx", f.Status)
		}
	case AnswerCode:
		if f.Answer == "" {
			return fmt.Errorf("dianpingtest: fault %s needs an answer", f.Kind)
		}
	default:
		return fmt.Errorf("dianpingtest: unknown kind of fault %q", f.Kind)
	}
	if f.Call != "" && !slices.Contains(knownCalls, f.Call) {
		return fmt.Errorf("dianpingtest: unknown call %q", f.Call)
	}
	switch f.Dialect {
	case "", Dianping, Meituan:
	default:
		return fmt.Errorf("dianpingtest: unknown dialect %q", f.Dialect)
	}
	setDefault(&f.Times, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &f)
	p.bump()
	return nil
}

// Faults returns what is still to go wrong; Times counts down.
func (p *Platform) Faults() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Fault, len(p.faults))
	for i, f := range p.faults {
		all[i] = *f
	}
	return all
}

// ClearFaults forgets all faults that were ordered. Requests that hang already
// go on hanging.
func (p *Platform) ClearFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
	p.bump()
}

// Pause takes the platform down: nothing has an effect until Resume.
func (p *Platform) Pause(mode PauseMode) error {
	if mode != PauseRefuse && mode != PauseHang {
		return fmt.Errorf("dianpingtest: unknown way to pause %q", mode)
	}
	p.mu.Lock()
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

// takeFault uses up the first fault that is meant for a call.
func (p *Platform) takeFault(c *call, seq uint64) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	codes := c.codes()
	for i, f := range p.faults {
		if c.name == "" || f.Call != "" && f.Call != c.name || f.Dialect != "" && f.Dialect != c.dialect ||
			f.Code != "" && !slices.Contains(codes, f.Code) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			p.faults = slices.Delete(p.faults, i, i+1)
		}
		taken := *f
		p.note(seq, func(r *Request) { r.Fault = taken.Kind })
		return &taken
	}
	return nil
}

// serveFault lets a call go wrong. Nothing here waits with the lock held.
func (p *Platform) serveFault(ctx context.Context, c *call, seq uint64, f Fault) outcome {
	applied := func() {
		if f.Applied {
			p.apply(c, seq, false)
		}
	}
	switch f.Kind {
	case ApplyThenHang:
		p.apply(c, seq, false)
		p.waits(seq)
		<-ctx.Done()
		return dropped

	case HangThenDrop:
		p.waits(seq)
		_ = p.opts.Sleep(ctx, f.Delay)
		return dropped

	case ApplyThenDrop:
		p.apply(c, seq, false)
		return dropped

	case ApplyLate:
		p.waits(seq)
		<-ctx.Done()
		// Sleep may report the end of the platform, in which case nothing happens.
		if p.ctx.Err() == nil && p.opts.Sleep(p.ctx, f.Delay) == nil {
			p.apply(c, seq, false)
		}
		return dropped

	case Status5xx:
		applied()
		return errorPage(f.Status)

	case HTML:
		applied()
		return outcome{status: http.StatusOK, contentType: typeHTML, body: []byte("<html><body>系统繁忙，请稍后再试</body></html>")}

	case HalfBody:
		var out outcome
		if f.Applied || !c.changes() {
			out = p.apply(c, seq, false)
		} else {
			out = halfPromise(c.dialect)
		}
		out.cut = true
		return out

	case WrongContentType:
		out := p.apply(c, seq, false)
		out.contentType = typeHTML
		return out

	case Delay:
		var out outcome
		if f.Applied {
			out = p.apply(c, seq, false)
		}
		p.waits(seq)
		if p.opts.Sleep(ctx, f.Delay) != nil || ctx.Err() != nil {
			return dropped
		}
		if !f.Applied {
			out = p.apply(c, seq, false)
		}
		return out

	case Throttle:
		return p.coded(c, strconv.Itoa(codeThrottled), "OP_LIMITATION_REJECT")

	case SessionExpired:
		return p.coded(c, strconv.Itoa(codeSessionExpired), fmt.Sprintf("OP_UNIAUTH_FAILED/%d", subExpired))

	case AnswerCode:
		applied()
		return p.coded(c, f.Answer, f.Answer)

	default: // Partly
		return p.apply(c, seq, true)
	}
}

// coded answers with a code of the call's dialect.
func (p *Platform) coded(c *call, gen1, gen2 string) outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.dialect == Dianping {
		if n, err := strconv.Atoi(gen1); err == nil {
			return jsonOutcome(gen1Refusal(refuse(n), nil))
		}
		return jsonOutcome(gen1Answer{gen1, refuse(0).msg, null})
	}
	if n, err := strconv.Atoi(gen2); err == nil {
		return jsonOutcome(p.gen2Refusal(refuse(n), nil))
	}
	name, sub, _ := strings.Cut(gen2, "/")
	n, _ := strconv.Atoi(sub) // no sub-code, no data
	return jsonOutcome(p.gen2Gateway(name, n))
}

// halfPromise is the beginning of a success that never was.
func halfPromise(d Dialect) outcome {
	if d == Meituan {
		return jsonOutcome(gen2Answer{"OP_SUCCESS", "success", "1234567890123456789", gen2List{[]any{}}})
	}
	return jsonOutcome(gen1Answer{200, "success", []any{}})
}
