package douyintest

import (
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
	// Throttle refuses: 2119003, or 10020 where a token was asked for.
	Throttle FaultKind = "throttle"
	// SessionExpired says that the access token is expired (2190008), though it is
	// not.
	SessionExpired FaultKind = "session_expired"
	// AnswerCode answers with the code in Answer and the words in Msg; see Applied.
	AnswerCode FaultKind = "answer_code"
	// AnswerBody answers 200 with Answer as it is; see Applied and
	// [RowlessSuccesses].
	AnswerBody FaultKind = "answer_body"
	// RowRefusal answers with success and rows that carry the code in Answer: as
	// result of a verify, as result_code of a cancel; see Applied.
	RowRefusal FaultKind = "row_refusal"
	// OtherCode answers with success and tells, in place of every code of a coupon,
	// plain and encrypted, the one in Answer, or without an Answer "100000000000";
	// of a cancel that is the verify_id in cancel_results. See Applied.
	OtherCode FaultKind = "other_code"
	// Partly makes a verify of several consume the first only; the other rows have
	// the result 2100004.
	Partly FaultKind = "partly"
	// ProxyRepeat is a proxy that sends the call a second time and passes on the
	// answer to that; or, where the first took effect and Answer is given, that
	// code.
	ProxyRepeat FaultKind = "proxy_repeat"
	// ProxyStatus is something between that answers Status (default 403) with a
	// Page and without the platform's envelope; see Applied.
	ProxyStatus FaultKind = "proxy_status"
)

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

// RowlessSuccesses are answers for [AnswerBody] that begin like a success and tell
// of no voucher.
var RowlessSuccesses = []string{
	`{}`,
	`{"data":null,"extra":{"error_code":0}}`,
	`{"data":{},"extra":{}}`,
	`{"data":{"error_code":0,"description":"success"},"extra":{"error_code":0,"description":""}}`,
	`{"data":{"error_code":0,"description":"success","verify_results":[]},"extra":{"error_code":0}}`,
	`{"data":{"error_code":0,"description":"success","verify_results":null},"extra":{"error_code":0}}`,
	`{"data":{"error_code":0,"verify_results":[{}]},"extra":{"error_code":0}}`,
	`{"extra":{"error_code":0,"description":"success"}}`,
	`{"err_no":0,"err_msg":"success"}`,
}

// Fault is something to go wrong with calls to come. Faults are used in the
// order in which they were given; each request meets at most one. A request that
// would be refused, for its token say, uses a fault up as well. Durations in
// JSON are in nanoseconds.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Call    string    `json:"call,omitempty"`  // e.g. "verify"; empty: any
	Code    string    `json:"code,omitempty"`  // only calls that name this voucher, in whichever form; empty: any
	Times   int       `json:"times,omitempty"` // 0: once; below 0: until ClearFaults
	Applied bool      `json:"applied,omitempty"`
	Status  int       `json:"status,omitempty"` // Status5xx, ProxyStatus
	Page    Page      `json:"page,omitempty"`   // Status5xx, ProxyStatus
	// Delay is waited for by Options.Sleep.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Answer is AnswerCode's code, put where [Knobs.Refusals] says; behind a slash
	// may stand a sub_error_code, as in "3000001/2034000910". See also AnswerBody,
	// RowRefusal, OtherCode and ProxyRepeat.
	Answer string `json:"answer,omitempty"`
	// Msg are the words of AnswerCode and RowRefusal; empty: the platform's own.
	Msg string `json:"msg,omitempty"`
	// After makes a call's effect come so long after it was answered, or was not,
	// by the platform's clock; it implies Applied. Whoever looks by then finds it,
	// also where the clock is set by hand. For every kind with Applied except Delay,
	// and for ApplyThenHang and ApplyThenDrop. While the platform is down nothing
	// takes effect; what fell due then does on Resume.
	After time.Duration `json:"after_ns,omitempty"`
	// For lets the fault last so long by the platform's clock, from the first call
	// that it meets, instead of a number of Times (0) or at most so often.
	For time.Duration `json:"for_ns,omitempty"`
}

// ordered is a fault that was ordered.
type ordered struct {
	Fault
	until time.Time // zero: it has met no call yet, or does not end by the clock
}

// Fail orders a fault.
func (p *Platform) Fail(f Fault) error {
	if err := f.complete(); err != nil {
		return err
	}
	return p.change(func(time.Time) error {
		p.faults = append(p.faults, &ordered{Fault: f})
		return nil
	})
}

// complete checks a fault and fills in what was left out.
func (f *Fault) complete() error {
	kind, known := faultKinds[f.Kind]
	switch {
	case !known:
		return failed("unknown kind of fault %q", f.Kind)
	case f.Call != "" && !slices.Contains(Calls, f.Call):
		return failed("unknown call %q", f.Call)
	case min(f.Delay, f.After, f.For) < 0:
		return failed("a duration below zero")
	case f.After > 0 && !kind.late:
		return failed("fault %s has no effect that could come later", f.Kind)
	case f.Page != "" && !slices.Contains(Pages, f.Page):
		return failed("unknown page %q", f.Page)
	case f.Answer == "" && (f.Kind == AnswerCode || f.Kind == AnswerBody || f.Kind == RowRefusal):
		return failed("fault %s needs an answer", f.Kind)
	}
	if f.Kind == AnswerCode || f.Kind == RowRefusal || f.Kind == ProxyRepeat && f.Answer != "" {
		if _, err := parseCode(f.Answer); err != nil {
			return failed("fault %s: the answer %q is no code", f.Kind, f.Answer)
		}
	}
	if kind.least > 0 {
		setDefault(&f.Status, kind.usual)
		if f.Status < kind.least || f.Status > 599 {
			return failed("status %d is not of fault %s", f.Status, f.Kind)
		}
	}
	if f.For > 0 && f.Times == 0 {
		f.Times = -1
	}
	setDefault(&f.Times, 1)
	return nil
}

// parseCode reads "1208" and "3000001/2034000910".
func parseCode(text string) (*refusal, error) {
	code, sub, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(code)
	if err != nil {
		return nil, err
	}
	r := refuse(n)
	if found {
		r.sub, err = strconv.Atoi(sub)
	}
	return r, err
}

// Faults returns what is still to go wrong; Times counts down.
func (p *Platform) Faults() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Fault, len(p.faults))
	for i, f := range p.faults {
		all[i] = f.Fault
	}
	return all
}

// ClearFaults forgets all faults that were ordered. Requests that hang already
// go on hanging, and effects that are late still come.
func (p *Platform) ClearFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
	p.bump()
}

// takeFault uses up the first fault that is meant for a call.
func (p *Platform) takeFault(c *call, seq uint64) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	p.faults = slices.DeleteFunc(p.faults, func(f *ordered) bool { return !f.until.IsZero() && !now.Before(f.until) })
	i := slices.IndexFunc(p.faults, func(f *ordered) bool {
		return (f.Call == "" || f.Call == c.name) && (f.Code == "" || f.Code == c.text("code") || slices.Contains(p.named(c), p.byCode[f.Code]))
	})
	if i < 0 {
		return nil
	}
	f := p.faults[i]
	if f.For > 0 && f.until.IsZero() {
		f.until = now.Add(f.For)
	}
	if f.Times > 0 {
		f.Times--
	}
	if f.Times == 0 {
		p.faults = slices.Delete(p.faults, i, i+1)
	}
	taken := f.Fault
	p.note(seq, func(r *Request) { r.Fault = taken.Kind })
	return &taken
}

// faultKind is what a kind of fault means.
type faultKind struct {
	play         func(injection) outcome
	applies      bool // the call is always applied
	late         bool // its effect can come later
	usual, least int  // its status
}

var faultKinds = map[FaultKind]faultKind{
	ApplyThenHang:    {play: injection.applyThenHang, applies: true, late: true},
	ApplyThenDrop:    {play: injection.applyThenDrop, applies: true, late: true},
	HangThenDrop:     {play: injection.hangThenDrop},
	ApplyLate:        {play: injection.applyLate},
	Status5xx:        {play: injection.status, late: true, usual: http.StatusServiceUnavailable, least: 500},
	ProxyStatus:      {play: injection.status, late: true, usual: http.StatusForbidden, least: 400},
	ProxyRepeat:      {play: injection.repeat},
	HalfBody:         {play: injection.halfBody, late: true},
	HTML:             {play: injection.html, late: true},
	WrongContentType: {play: injection.wrongContentType, applies: true},
	Delay:            {play: injection.delay},
	Throttle:         {play: injection.throttle},
	SessionExpired:   {play: injection.sessionExpired},
	AnswerCode:       {play: injection.answerCode, late: true},
	AnswerBody:       {play: injection.answerBody, late: true},
	RowRefusal:       {play: injection.rowRefusal, late: true},
	OtherCode:        {play: injection.otherCode, late: true},
	Partly:           {play: injection.partly},
}
