package fakeserver

import (
	"slices"
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
	// applies the call: a slow platform that was given up on. See also After.
	ApplyLate FaultKind = "apply_late"
	// Status5xx answers Status (default 503) with a Page; see Applied.
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
	// Throttle refuses a call of a client that asks too much. Ordered during an outage
	// with Times or For, it is how the platform comes back.
	Throttle FaultKind = "throttle"
	// SessionExpired says that the token is expired, though it is not.
	SessionExpired FaultKind = "session_expired"
	// AnswerCode answers with the code in Answer and the words in Msg; see Applied.
	AnswerCode FaultKind = "answer_code"
	// AnswerBody answers 200 with Answer as it is; see Applied.
	AnswerBody FaultKind = "answer_body"
	// RowRefusal answers with success and rows that carry the code in Answer; see
	// Applied.
	RowRefusal FaultKind = "row_refusal"
	// OtherCode answers with success and tells of another voucher than the call names,
	// the one in Answer; see Applied.
	OtherCode FaultKind = "other_code"
	// Partly carries out a part of a call about several coupons only.
	Partly FaultKind = "partly"
	// ProxyRepeat is a proxy that sends the call a second time and passes on the
	// answer to that; or, where the first took effect and Answer is given, that code.
	ProxyRepeat FaultKind = "proxy_repeat"
	// ProxyStatus is something between that answers Status (default 403) with a
	// Page and without the platform's envelope; see Applied.
	ProxyStatus FaultKind = "proxy_status"
)

// RowCode is where [RowRefusal] tells a code, where a platform has several places.
type RowCode string

// Page is the body of [ProxyStatus] and [Status5xx].
type Page string

// The pages.
const (
	PageHTML  Page = "html"
	PageEmpty Page = "empty"
	PageText  Page = "text"
	PageJSON  Page = "json" // {"message":"Forbidden"}
)

// Pages are all of them, the default first.
var Pages = []Page{PageHTML, PageEmpty, PageText, PageJSON}

// Fault is something to go wrong with calls to come. Faults are used in the
// order in which they were given; each request meets at most one. A request that
// would be refused, for its signature say, uses a fault up as well. Durations in
// JSON are in nanoseconds.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Call    string    `json:"call,omitempty"`    // e.g. "consume"; empty: any
	Dialect Dialect   `json:"dialect,omitempty"` // empty: any
	Code    string    `json:"code,omitempty"`    // only calls that name this voucher, in whichever form; empty: any
	Times   int       `json:"times,omitempty"`   // 0: once; below 0: until ClearFaults
	Applied bool      `json:"applied,omitempty"`
	Status  int       `json:"status,omitempty"` // Status5xx, ProxyStatus
	Page    Page      `json:"page,omitempty"`   // Status5xx, ProxyStatus
	// Delay is waited for by the platform's options.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Until, once closed, ends the fault, which is for all calls before that or for Times
	// of them. It is also what is waited for in place of Delay, so that a test says how
	// long a call is held, and no clock.
	Until <-chan struct{} `json:"-"`
	// Answer is AnswerCode's code, in the platform's form, put where the platform puts
	// them. See also AnswerBody, RowRefusal, OtherCode and ProxyRepeat.
	Answer string `json:"answer,omitempty"`
	// Msg are the words of AnswerCode and RowRefusal; empty: the platform's own.
	Msg     string  `json:"msg,omitempty"`
	RowCode RowCode `json:"row_code,omitempty"` // RowRefusal
	// After makes a call's effect come so long after it was answered, or was not,
	// by the platform's clock; it implies Applied. A call after that finds it,
	// also where the clock is set by hand. For every kind with Applied except Delay,
	// and for ApplyThenHang and ApplyThenDrop. While the platform is down nothing
	// takes effect; what fell due then does on Resume.
	After time.Duration `json:"after_ns,omitempty"`
	// For lets the fault last so long by the platform's clock, from the first call
	// that it meets, instead of a number of Times (0) or at most so often.
	For time.Duration `json:"for_ns,omitempty"`
}

// order is a fault that was ordered.
type order struct {
	Fault
	until time.Time // zero: it has met no call yet, or does not end by the clock
}

// over reports whether a fault has ended, however often it was to be met.
func (o *order) over(now time.Time) bool {
	select {
	case <-o.Until: // never, where it is nil
		return true
	default:
		return !o.until.IsZero() && !now.Before(o.until)
	}
}

// Fail orders a fault.
func (s *Server) Fail(f Fault) error {
	if err := s.c.complete(&f); err != nil {
		return err
	}
	return s.c.Change(func(time.Time) error {
		s.c.faults = append(s.c.faults, &order{Fault: f})
		return nil
	})
}

// complete checks a fault and fills in what was left out.
func (c *Core) complete(f *Fault) error {
	kind, known := c.kinds[f.Kind]
	switch {
	case !known:
		return c.failed("unknown kind of fault %q", f.Kind)
	case f.Call != "" && !slices.Contains(c.opts.Calls, f.Call):
		return c.failed("unknown call %q", f.Call)
	case f.Dialect != "" && !slices.Contains(c.opts.Dialects, f.Dialect):
		return c.failed("unknown dialect %q", f.Dialect)
	case f.RowCode != "" && !slices.Contains(c.opts.RowCodes, f.RowCode):
		return c.failed("unknown row_code %q", f.RowCode)
	case f.Page != "" && !slices.Contains(Pages, f.Page):
		return c.failed("unknown page %q", f.Page)
	case min(f.Delay, f.After, f.For) < 0:
		return c.failed("a duration below zero")
	case f.After > 0 && !kind.Late:
		return c.failed("fault %s has no effect that could come later", f.Kind)
	}
	if kind.least > 0 {
		Default(&f.Status, kind.usual)
		if f.Status < kind.least || f.Status > 599 {
			return c.failed("status %d is not of fault %s", f.Status, f.Kind)
		}
	}
	if kind.Check != nil {
		if err := kind.Check(f); err != nil {
			return c.failed("fault %s: %w", f.Kind, err)
		}
	}
	if (f.For > 0 || f.Until != nil) && f.Times == 0 {
		f.Times = -1
	}
	Default(&f.Times, 1)
	return nil
}

// Faults returns what is still to go wrong; Times counts down.
func (s *Server) Faults() []Fault {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	all := make([]Fault, len(s.c.faults))
	for i, f := range s.c.faults {
		all[i] = f.Fault
	}
	return all
}

// ClearFaults forgets all faults that were ordered. Requests that hang already
// go on hanging, and effects that are late still come.
func (s *Server) ClearFaults() {
	_ = s.c.Change(func(time.Time) error {
		s.c.faults = nil
		return nil
	})
}

// takeFault uses up the first fault that is meant for a call.
func (c *Core) takeFault(call Call, seq uint64) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, name := c.opts.Now(), call.Name()
	c.faults = slices.DeleteFunc(c.faults, func(f *order) bool { return f.over(now) })
	i := slices.IndexFunc(c.faults, func(f *order) bool {
		return name != "" && (f.Call == "" || f.Call == name) && call.Meant(f.Fault)
	})
	if i < 0 {
		return nil
	}
	f := c.faults[i]
	if f.For > 0 && f.until.IsZero() {
		f.until = now.Add(f.For)
	}
	if f.Times > 0 {
		f.Times--
	}
	if f.Times == 0 {
		c.faults = slices.Delete(c.faults, i, i+1)
	}
	taken := f.Fault
	c.note(seq, func(r *Request) { r.Fault = taken.Kind })
	return &taken
}
