package douyintest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// injection is a fault that meets a call. Nothing here waits with the lock held.
type injection struct {
	p    *Platform
	ctx  context.Context // ends when the client leaves or the platform is closed
	call *call
	seq  uint64
	f    Fault
}

// serveFault lets a call go wrong.
func (p *Platform) serveFault(ctx context.Context, c *call, seq uint64, f Fault) outcome {
	kind := faultKinds[f.Kind]
	f.Applied = f.Applied || kind.applies || f.After > 0
	return kind.play(injection{p, ctx, c, seq, f})
}

func (in injection) apply() outcome {
	out, _ := in.p.apply(in.call, in.seq, false)
	return out
}

// effect applies the call where the fault says so, now or later. The true answer
// is known only of what was applied now and of what has no effect.
func (in injection) effect() (truth outcome, known bool) {
	switch {
	case in.call.changes() && !in.f.Applied:
		return outcome{}, false
	case in.call.changes() && in.f.After > 0:
		in.p.postpone(in.call, in.seq, in.f.After)
		return outcome{}, false
	default:
		return in.apply(), true
	}
}

// success is the true answer, or that of a success that has not been.
func (in injection) success() outcome {
	if truth, known := in.effect(); known {
		return truth
	}
	return in.p.promise(in.call)
}

func (in injection) applyThenHang() outcome {
	in.effect()
	in.p.waits(in.seq)
	<-in.ctx.Done()
	return dropped
}

func (in injection) applyThenDrop() outcome {
	in.effect()
	return dropped
}

func (in injection) hangThenDrop() outcome {
	in.p.waits(in.seq)
	_ = in.p.opts.Sleep(in.ctx, in.f.Delay)
	return dropped
}

func (in injection) applyLate() outcome {
	in.p.waits(in.seq)
	<-in.ctx.Done()
	// Sleep may report the end of the platform, in which case nothing happens.
	if in.p.ctx.Err() == nil && in.p.opts.Sleep(in.p.ctx, in.f.Delay) == nil {
		in.apply()
	}
	return dropped
}

func (in injection) status() outcome {
	in.effect()
	out := errorPage(in.f.Status)
	switch in.f.Page {
	case PageEmpty:
		out.contentType, out.body = typeText, nil
	case PageText:
		out.contentType, out.body = typeText, []byte(http.StatusText(in.f.Status))
	case PageJSON:
		out = jsonOutcome(object{"message": http.StatusText(in.f.Status)})
		out.status = in.f.Status
	}
	return out
}

// repeat is a proxy's. Only an effect makes the second call differ from the first.
func (in injection) repeat() outcome {
	first, changed := in.p.apply(in.call, in.seq, false)
	switch {
	case !changed:
		return first
	case in.f.Answer != "":
		return in.coded(in.f.Answer, "")
	default:
		return in.apply()
	}
}

func (in injection) halfBody() outcome {
	out := in.success()
	out.cut = true
	return out
}

func (in injection) html() outcome {
	in.effect()
	return outcome{status: http.StatusOK, contentType: typeHTML, body: []byte("<html><body>系统繁忙，请稍后再试</body></html>")}
}

func (in injection) wrongContentType() outcome {
	out := in.success()
	out.contentType = typeHTML
	return out
}

func (in injection) delay() outcome {
	var out outcome
	if in.f.Applied {
		out = in.apply()
	}
	in.p.waits(in.seq)
	if in.p.opts.Sleep(in.ctx, in.f.Delay) != nil || in.ctx.Err() != nil {
		return dropped
	}
	if !in.f.Applied {
		out = in.apply()
	}
	return out
}

func (in injection) throttle() outcome {
	if in.call.name == callToken {
		return in.coded("10020", "")
	}
	return in.coded("2119003", "")
}

func (in injection) sessionExpired() outcome { return in.coded("2190008", "") }

func (in injection) answerCode() outcome {
	in.effect()
	return in.coded(in.f.Answer, in.f.Msg)
}

func (in injection) answerBody() outcome {
	in.effect()
	return outcome{status: http.StatusOK, contentType: typeJSON, body: []byte(in.f.Answer)}
}

func (in injection) partly() outcome {
	out, _ := in.p.apply(in.call, in.seq, true)
	return out
}

// coded answers with a code, in words that are the platform's own where none are
// given.
func (in injection) coded(code, words string) outcome {
	in.p.mu.Lock()
	defer in.p.mu.Unlock()
	r, _ := parseCode(code) // checked by Fail
	r.msg = cmp.Or(words, r.msg)
	if in.call.name == callToken {
		return in.p.tokenAnswer(nil, r)
	}
	return in.p.enveloped(nil, r)
}

// promise is the answer to a call as if it had taken effect. Nothing is judged,
// and a coupon that nobody knows is told by its code alone.
func (p *Platform) promise(c *call) outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.name == callToken {
		return p.tokenAnswer(p.tokenData("clt."+p.hex()+p.hex()), nil)
	}
	data := object{}
	if c.name == callVerify {
		rows, again := []any{}, map[*coupon]int{}
		for _, code := range c.body().list("encrypted_codes") {
			v := nonZero(p.encrypted[code], &coupon{})
			u := &usage{Use: Use{VerifyID: p.id("73", 19)}, v: v}
			if v.Visits > 0 {
				u.Serial = min(v.freeSerial()+again[v], v.Visits)
			}
			again[v]++
			rows = append(rows, usedRow(useRow{encrypted: code, v: v, use: u}))
		}
		data["verify_results"] = rows
	}
	for _, v := range p.named(c) {
		if c.name == callCancel {
			data = p.cancelData(v.OrderID, c.text("verify_id"))
		}
	}
	return p.enveloped(data, nil)
}

// edited is an answer that tells success, with its data changed; any other is
// left as it is.
func edited(out outcome, change func(data object)) outcome {
	dec := json.NewDecoder(bytes.NewReader(out.body))
	dec.UseNumber()
	var answer object
	if dec.Decode(&answer) != nil {
		return out
	}
	data, _ := answer["data"].(object)
	if code, ok := data["error_code"].(json.Number); !ok || code != "0" {
		return out
	}
	change(data)
	return jsonOutcome(answer)
}

// rowRefusal hides a refusal in a success.
func (in injection) rowRefusal() outcome {
	r, _ := parseCode(in.f.Answer) // checked by Fail
	words := cmp.Or(in.f.Msg, r.msg)
	return edited(in.success(), func(data object) {
		if in.call.name == callCancel {
			data["cancel_results"] = []any{object{"result_code": r.code, "result_msg": words}}
			return
		}
		rows, _ := data["verify_results"].([]any)
		for _, row := range rows {
			if row, ok := row.(object); ok {
				row["result"], row["msg"] = r.code, words
			}
		}
	})
}

// otherCode tells of another voucher than was asked about.
func (in injection) otherCode() outcome {
	other := cmp.Or(in.f.Answer, "100000000000")
	return edited(in.success(), func(data object) {
		if in.call.name == callCancel {
			data["cancel_results"] = []any{object{"verify_id": other, "result_code": 0, "result_msg": "success"}}
		}
		recode(data, other)
	})
}

// recode replaces a voucher's codes wherever they are told.
func recode(in any, to string) {
	switch v := in.(type) {
	case []any:
		for _, e := range v {
			recode(e, to)
		}
	case object:
		for name, value := range v {
			if slices.Contains([]string{"code", "origin_code", "encrypted_code"}, name) {
				v[name] = to
			} else {
				recode(value, to)
			}
		}
	}
}

// lateThing is something whose time is still to come.
type lateThing struct {
	due time.Time
	do  func(at time.Time)
}

// later lets something happen at a time by the platform's clock. The caller holds
// the lock.
func (p *Platform) later(due time.Time, do func(at time.Time)) {
	p.late = append(p.late, lateThing{due, do})
	slices.SortStableFunc(p.late, func(a, b lateThing) int { return a.due.Compare(b.due) })
	// Whoever awaits it is woken where the clock goes by itself.
	time.AfterFunc(due.Sub(p.opts.Now()), func() {
		p.lock()
		defer p.mu.Unlock()
		p.bump()
	})
}

// postpone lets a call take effect later; see [Fault.After].
func (p *Platform) postpone(c *call, seq uint64, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.later(p.opts.Now().Add(after), func(at time.Time) { p.carryOut(c, seq, false, at) })
}

// lock locks the platform for someone who looks at what has happened: what has
// fallen due has, at the time when it did.
func (p *Platform) lock() {
	p.mu.Lock()
	if p.down != nil || p.ctx.Err() != nil {
		return
	}
	now := p.opts.Now()
	for len(p.late) > 0 && !p.late[0].due.After(now) {
		l := p.late[0]
		p.late = p.late[1:]
		l.do(l.due)
		p.bump()
	}
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

// Pause takes the platform down: nothing has an effect until Resume.
func (p *Platform) Pause(mode PauseMode) error {
	if mode != PauseRefuse && mode != PauseHang {
		return failed("unknown way to pause %q", mode)
	}
	return p.change(func(now time.Time) error {
		p.endOutage(now)
		p.down = &outage{mode, make(chan struct{})}
		return nil
	})
}

// Resume brings the platform back.
func (p *Platform) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endOutage(p.opts.Now())
	p.bump()
}

// endOutage moves what fell due meanwhile to its end.
func (p *Platform) endOutage(now time.Time) {
	if p.down == nil {
		return
	}
	close(p.down.over)
	p.down = nil
	for i := range p.late {
		if p.late[i].due.Before(now) {
			p.late[i].due = now
		}
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

// maskSecret shows how a secret begins.
func maskSecret(s string) string {
	if len(s) < 16 {
		return "…"
	}
	return s[:4] + "…"
}

func shorten(s string) string {
	if len(s) <= keepText {
		return s
	}
	return strings.ToValidUTF8(s[:keepText], "") + "…"
}
