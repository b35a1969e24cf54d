package dianpingtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	// Throttle refuses: OP_LIMITATION_REJECT, or the invented 611. Ordered during
	// an outage with Times or For, it is how the platform comes back.
	Throttle FaultKind = "throttle"
	// SessionExpired says that the token is expired, though it is not.
	SessionExpired FaultKind = "session_expired"
	// AnswerCode answers with the code in Answer and the words in Msg; see Applied.
	AnswerCode FaultKind = "answer_code"
	// AnswerBody answers 200 with Answer as it is; see Applied and
	// [RowlessSuccesses].
	AnswerBody FaultKind = "answer_body"
	// RowRefusal answers with success and a row that carries the code in Answer, in
	// the field that RowCode names; see Applied.
	RowRefusal FaultKind = "row_refusal"
	// OtherCode answers with success and, in place of the voucher code that the call
	// names, the one in Answer, or without an Answer the same code less its leading
	// zeros; see Applied.
	OtherCode FaultKind = "other_code"
	// Partly makes a consume of several coupons consume the named code only and
	// answer 1004 with that one row.
	Partly FaultKind = "partly"
	// ProxyRepeat is a proxy that sends the call a second time and passes on the
	// answer to that: of a consume that took effect 1008, or the code in Answer. A
	// reverseconsume is carried out twice, which gives two visits of a times card
	// back, unless Answer tells the second's code.
	ProxyRepeat FaultKind = "proxy_repeat"
	// ProxyStatus is something between that answers Status (default 403) with a
	// Page and without the platform's envelope; see Applied.
	ProxyStatus FaultKind = "proxy_status"
)

// RowCode is where [RowRefusal] tells a code. The second generation spells the
// fields in camelCase.
type RowCode string

// The places of a row's code.
const (
	RowCodePlain  RowCode = "code"                // code and msg, in each row
	RowCodeSingle RowCode = "single_consume_code" // singleConsumeCode, in each row
	RowCodeResult RowCode = "result_code"         // data.resultCode, beside the rows; the first generation's data is then the row itself
)

// RowCodes are all of them, the default first.
var RowCodes = []RowCode{RowCodePlain, RowCodeSingle, RowCodeResult}

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

// RowlessSuccesses are answers for [AnswerBody] that begin like the success of
// one generation or the other and tell of no voucher.
var RowlessSuccesses = []string{
	`{"code":0,"msg":"maintenance"}`,
	`{"code":0,"msg":"success","data":{}}`,
	`{"code":200,"data":null}`,
	`{"code":200,"msg":"success","data":[]}`,
	`{"code":200,"msg":"success","data":""}`,
	`{"code":"OP_SUCCESS","msg":"success"}`,
	`{"code":"OP_SUCCESS","msg":"success","data":{"result":[]}}`,
}

// Fault is something to go wrong with calls to come. Faults are used in the
// order in which they were given; each request meets at most one. A request that
// would be refused, for its signature say, uses a fault up as well. Durations in
// JSON are in nanoseconds.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Call    string    `json:"call,omitempty"`    // e.g. "consume"; empty: any
	Dialect Dialect   `json:"dialect,omitempty"` // empty: both
	Code    string    `json:"code,omitempty"`    // only calls that name this voucher; empty: any
	Times   int       `json:"times,omitempty"`   // 0: once; below 0: until ClearFaults
	Applied bool      `json:"applied,omitempty"`
	Status  int       `json:"status,omitempty"` // Status5xx, ProxyStatus
	Page    Page      `json:"page,omitempty"`   // Status5xx, ProxyStatus
	// Delay is waited for by Options.Sleep.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Answer is AnswerCode's code: a number is a business code, put where the
	// dialect puts them; "OP_UNIAUTH_FAILED/19" is a gateway code with sub-code.
	// See also AnswerBody, RowRefusal, OtherCode and ProxyRepeat.
	Answer string `json:"answer,omitempty"`
	// Msg are the words of AnswerCode and RowRefusal; empty: the platform's own.
	Msg     string  `json:"msg,omitempty"`
	RowCode RowCode `json:"row_code,omitempty"` // RowRefusal
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

// order is a fault that was ordered.
type order struct {
	Fault
	until time.Time // zero: it has met no call yet, or does not end by the clock
}

// Fail orders a fault.
func (p *Platform) Fail(f Fault) error {
	if err := f.complete(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &order{Fault: f})
	p.bump()
	return nil
}

// complete checks a fault and fills in what was left out.
func (f *Fault) complete() error {
	kind, known := faultKinds[f.Kind]
	if !known {
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
	if f.Delay < 0 || f.After < 0 || f.For < 0 {
		return errors.New("dianpingtest: a duration below zero")
	}
	if f.After > 0 && !kind.late {
		return fmt.Errorf("dianpingtest: fault %s has no effect that could come later", f.Kind)
	}
	if f.For > 0 && f.Times == 0 {
		f.Times = -1
	}
	setDefault(&f.Times, 1)
	if kind.check == nil {
		return nil
	}
	return kind.check(f)
}

func check5xx(f *Fault) error { return f.checkStatus(http.StatusServiceUnavailable, 500) }

func checkProxyStatus(f *Fault) error { return f.checkStatus(http.StatusForbidden, 400) }

func (f *Fault) checkStatus(usual, least int) error {
	setDefault(&f.Status, usual)
	if f.Status < least || f.Status > 599 {
		return fmt.Errorf("dianpingtest: status %d is not of fault %s", f.Status, f.Kind)
	}
	return oneOf("page", f.Page, Pages...)
}

func checkAnswer(f *Fault) error {
	if f.Answer == "" {
		return fmt.Errorf("dianpingtest: fault %s needs an answer", f.Kind)
	}
	return nil
}

func checkRowRefusal(f *Fault) error {
	if _, err := strconv.Atoi(f.Answer); err != nil {
		return fmt.Errorf("dianpingtest: fault %s needs a number as answer", f.Kind)
	}
	return oneOf("row_code", f.RowCode, RowCodes...)
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
	p.faults = slices.DeleteFunc(p.faults, func(f *order) bool { return !f.until.IsZero() && !now.Before(f.until) })
	i := slices.IndexFunc(p.faults, func(f *order) bool { return f.meant(c) })
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

// meant says whether a fault is for a call.
func (f *Fault) meant(c *call) bool {
	return c.name != "" && (f.Call == "" || f.Call == c.name) && (f.Dialect == "" || f.Dialect == c.dialect) &&
		(f.Code == "" || slices.Contains(c.codes(), f.Code))
}
