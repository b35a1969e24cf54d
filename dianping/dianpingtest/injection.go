package dianpingtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// faultKind is what a kind of fault means.
type faultKind struct {
	play    func(injection) outcome
	check   func(*Fault) error // checks what is the kind's own, and fills it in
	applies bool               // the call is always applied
	late    bool               // its effect can come later
}

var faultKinds = map[FaultKind]faultKind{
	ApplyThenHang:    {play: injection.applyThenHang, applies: true, late: true},
	ApplyThenDrop:    {play: injection.applyThenDrop, applies: true, late: true},
	HangThenDrop:     {play: injection.hangThenDrop},
	ApplyLate:        {play: injection.applyLate},
	Status5xx:        {play: injection.status, check: check5xx, late: true},
	ProxyStatus:      {play: injection.status, check: checkProxyStatus, late: true},
	ProxyRepeat:      {play: injection.repeat},
	HalfBody:         {play: injection.halfBody, late: true},
	HTML:             {play: injection.html, late: true},
	WrongContentType: {play: injection.wrongContentType, applies: true},
	Delay:            {play: injection.delay},
	Throttle:         {play: injection.throttle},
	SessionExpired:   {play: injection.sessionExpired},
	AnswerCode:       {play: injection.answerCode, check: checkAnswer, late: true},
	AnswerBody:       {play: injection.answerBody, check: checkAnswer, late: true},
	RowRefusal:       {play: injection.rowRefusal, check: checkRowRefusal, late: true},
	OtherCode:        {play: injection.otherCode, late: true},
	Partly:           {play: injection.partly},
}

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
		return in.p.apply(in.call, in.seq, false), true
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
		in.p.apply(in.call, in.seq, false)
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
		out = jsonOutcome(map[string]string{"message": http.StatusText(in.f.Status)})
		out.status = in.f.Status
	}
	return out
}

// repeat is a proxy's. Only an effect makes the second call differ from the first.
func (in injection) repeat() outcome {
	first, changed := in.p.applyTelling(in.call, in.seq, false)
	second := in.f.Answer
	if in.call.name == callConsume || in.call.name == callBatchConsume {
		second = cmp.Or(second, strconv.Itoa(codeUsed))
	}
	switch {
	case !changed:
		return first
	case second != "":
		return in.p.coded(in.call, second, second, "")
	default:
		return in.p.apply(in.call, in.seq, false)
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
		out = in.p.apply(in.call, in.seq, false)
	}
	in.p.waits(in.seq)
	if in.p.opts.Sleep(in.ctx, in.f.Delay) != nil || in.ctx.Err() != nil {
		return dropped
	}
	if !in.f.Applied {
		out = in.p.apply(in.call, in.seq, false)
	}
	return out
}

func (in injection) throttle() outcome {
	return in.p.coded(in.call, strconv.Itoa(codeThrottled), "OP_LIMITATION_REJECT", "")
}

func (in injection) sessionExpired() outcome {
	return in.p.coded(in.call, strconv.Itoa(codeSessionExpired), fmt.Sprintf("OP_UNIAUTH_FAILED/%d", subExpired), "")
}

func (in injection) answerCode() outcome {
	in.effect()
	return in.p.coded(in.call, in.f.Answer, in.f.Answer, in.f.Msg)
}

func (in injection) answerBody() outcome {
	in.effect()
	return outcome{status: http.StatusOK, contentType: typeJSON, body: []byte(in.f.Answer)}
}

func (in injection) partly() outcome { return in.p.apply(in.call, in.seq, true) }

// coded answers with a code of the call's dialect, in words that are the
// platform's own where none are given.
func (p *Platform) coded(c *call, gen1, gen2, words string) outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.dialect == Dianping {
		n, err := strconv.Atoi(gen1)
		r := refuse(n)
		answer := gen1Refusal(&refusal{n, cmp.Or(words, r.msg)}, nil)
		if err != nil {
			answer.Code = gen1
		}
		return jsonOutcome(answer)
	}
	if n, err := strconv.Atoi(gen2); err == nil {
		r := refuse(n)
		if c.grants() {
			return jsonOutcome(p.gen2TokenRefusal(n, cmp.Or(words, subTexts[n], r.msg)))
		}
		r.msg = cmp.Or(words, r.msg)
		return jsonOutcome(p.gen2Refusal(r, nil))
	}
	name, sub, _ := strings.Cut(gen2, "/")
	n, _ := strconv.Atoi(sub) // no sub-code, no data
	answer := p.gen2Gateway(name, n)
	answer.Msg = cmp.Or(words, answer.Msg)
	return jsonOutcome(answer)
}
