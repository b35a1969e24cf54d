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
	play    func(misdeed) outcome
	check   func(*Fault) error // checks what is the kind's own, and fills it in
	applies bool               // the call is always applied
	late    bool               // its effect can come later
}

var faultKinds = map[FaultKind]faultKind{
	ApplyThenHang:    {play: misdeed.applyThenHang, applies: true, late: true},
	ApplyThenDrop:    {play: misdeed.applyThenDrop, applies: true, late: true},
	HangThenDrop:     {play: misdeed.hangThenDrop},
	ApplyLate:        {play: misdeed.applyLate},
	Status5xx:        {play: misdeed.status, check: check5xx, late: true},
	ProxyStatus:      {play: misdeed.status, check: checkProxyStatus, late: true},
	ProxyRepeat:      {play: misdeed.repeat},
	HalfBody:         {play: misdeed.halfBody, late: true},
	HTML:             {play: misdeed.html, late: true},
	WrongContentType: {play: misdeed.wrongContentType, applies: true},
	Delay:            {play: misdeed.delay},
	Throttle:         {play: misdeed.throttle},
	SessionExpired:   {play: misdeed.sessionExpired},
	AnswerCode:       {play: misdeed.answerCode, check: checkAnswer, late: true},
	AnswerBody:       {play: misdeed.answerBody, check: checkAnswer, late: true},
	RowRefusal:       {play: misdeed.rowRefusal, check: checkRowRefusal, late: true},
	OtherCode:        {play: misdeed.otherCode, late: true},
	Partly:           {play: misdeed.partly},
}

// misdeed is a fault that meets a call. Nothing here waits with the lock held.
type misdeed struct {
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
	return kind.play(misdeed{p, ctx, c, seq, f})
}

// effect applies the call where the fault says so, now or later. The true answer
// is known only of what was applied now and of what has no effect.
func (m misdeed) effect() (truth outcome, known bool) {
	switch {
	case m.call.changes() && !m.f.Applied:
		return outcome{}, false
	case m.call.changes() && m.f.After > 0:
		m.p.postpone(m.call, m.seq, m.f.After)
		return outcome{}, false
	default:
		return m.p.apply(m.call, m.seq, false), true
	}
}

// success is the true answer, or that of a success that has not been.
func (m misdeed) success() outcome {
	if truth, known := m.effect(); known {
		return truth
	}
	return m.p.promise(m.call)
}

func (m misdeed) applyThenHang() outcome {
	m.effect()
	m.p.waits(m.seq)
	<-m.ctx.Done()
	return dropped
}

func (m misdeed) applyThenDrop() outcome {
	m.effect()
	return dropped
}

func (m misdeed) hangThenDrop() outcome {
	m.p.waits(m.seq)
	_ = m.p.opts.Sleep(m.ctx, m.f.Delay)
	return dropped
}

func (m misdeed) applyLate() outcome {
	m.p.waits(m.seq)
	<-m.ctx.Done()
	// Sleep may report the end of the platform, in which case nothing happens.
	if m.p.ctx.Err() == nil && m.p.opts.Sleep(m.p.ctx, m.f.Delay) == nil {
		m.p.apply(m.call, m.seq, false)
	}
	return dropped
}

func (m misdeed) status() outcome {
	m.effect()
	out := errorPage(m.f.Status)
	switch m.f.Page {
	case PageEmpty:
		out.contentType, out.body = typeText, nil
	case PageText:
		out.contentType, out.body = typeText, []byte(http.StatusText(m.f.Status))
	case PageJSON:
		out = jsonOutcome(map[string]string{"message": http.StatusText(m.f.Status)})
		out.status = m.f.Status
	}
	return out
}

// repeat is a proxy's. Only an effect makes the second call differ from the first.
func (m misdeed) repeat() outcome {
	first, changed := m.p.applyTelling(m.call, m.seq, false)
	second := m.f.Answer
	if m.call.name == callConsume || m.call.name == callBatchConsume {
		second = cmp.Or(second, strconv.Itoa(codeUsed))
	}
	switch {
	case !changed:
		return first
	case second != "":
		return m.p.coded(m.call, second, second, "")
	default:
		return m.p.apply(m.call, m.seq, false)
	}
}

func (m misdeed) halfBody() outcome {
	out := m.success()
	out.cut = true
	return out
}

func (m misdeed) html() outcome {
	m.effect()
	return outcome{status: http.StatusOK, contentType: typeHTML, body: []byte("<html><body>系统繁忙，请稍后再试</body></html>")}
}

func (m misdeed) wrongContentType() outcome {
	out := m.success()
	out.contentType = typeHTML
	return out
}

func (m misdeed) delay() outcome {
	var out outcome
	if m.f.Applied {
		out = m.p.apply(m.call, m.seq, false)
	}
	m.p.waits(m.seq)
	if m.p.opts.Sleep(m.ctx, m.f.Delay) != nil || m.ctx.Err() != nil {
		return dropped
	}
	if !m.f.Applied {
		out = m.p.apply(m.call, m.seq, false)
	}
	return out
}

func (m misdeed) throttle() outcome {
	return m.p.coded(m.call, strconv.Itoa(codeThrottled), "OP_LIMITATION_REJECT", "")
}

func (m misdeed) sessionExpired() outcome {
	return m.p.coded(m.call, strconv.Itoa(codeSessionExpired), fmt.Sprintf("OP_UNIAUTH_FAILED/%d", subExpired), "")
}

func (m misdeed) answerCode() outcome {
	m.effect()
	return m.p.coded(m.call, m.f.Answer, m.f.Answer, m.f.Msg)
}

func (m misdeed) answerBody() outcome {
	m.effect()
	return outcome{status: http.StatusOK, contentType: typeJSON, body: []byte(m.f.Answer)}
}

func (m misdeed) partly() outcome { return m.p.apply(m.call, m.seq, true) }

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
