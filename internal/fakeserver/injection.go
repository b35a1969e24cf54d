package fakeserver

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"
)

// Kind is what a kind of fault means.
type Kind struct {
	Play    func(Injection) Outcome
	Check   func(*Fault) error // checks what is the kind's own
	Late    bool               // its effect can come later
	applies bool               // the call is always applied

	usual, least int // its status
}

var kinds = map[FaultKind]Kind{
	ApplyThenHang:    {Play: Injection.applyThenHang, applies: true, Late: true},
	ApplyThenDrop:    {Play: Injection.applyThenDrop, applies: true, Late: true},
	HangThenDrop:     {Play: Injection.hangThenDrop},
	ApplyLate:        {Play: Injection.applyLate},
	Status5xx:        {Play: Injection.status, Late: true, usual: http.StatusServiceUnavailable, least: 500},
	ProxyStatus:      {Play: Injection.status, Late: true, usual: http.StatusForbidden, least: 400},
	ProxyRepeat:      {Play: Injection.Repeat},
	HalfBody:         {Play: Injection.halfBody, Late: true},
	HTML:             {Play: Injection.html, Late: true},
	WrongContentType: {Play: Injection.wrongContentType, applies: true},
	Delay:            {Play: Injection.delay},
	AnswerCode:       {Play: Injection.AnswerCode, Check: hasAnswer, Late: true},
	AnswerBody:       {Play: Injection.answerBody, Check: hasAnswer, Late: true},
	Partly:           {Play: Injection.partly},
}

func kindsWith(own map[FaultKind]Kind) map[FaultKind]Kind {
	all := maps.Clone(kinds)
	maps.Copy(all, own)
	return all
}

func hasAnswer(f *Fault) error {
	if f.Answer == "" {
		return errors.New("it needs an answer")
	}
	return nil
}

// Injection is a fault that meets a call. Nothing here waits with the lock held.
type Injection struct {
	Call  Call
	Fault Fault

	core *Core
	ctx  context.Context // ends when the client leaves or the platform is closed
	seq  uint64
}

func (in Injection) play(f Fault) Outcome {
	kind := in.core.kinds[f.Kind]
	in.Fault = f
	in.Fault.Applied = f.Applied || kind.applies || f.After > 0
	return kind.Play(in)
}

// wait waits until the fault lets the call go on, or ctx ends.
func (in Injection) wait(ctx context.Context) error {
	if in.Fault.Until == nil {
		return in.core.opts.Wait(ctx, in.Fault.Delay)
	}
	select {
	case <-in.Fault.Until:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in Injection) applied(partly bool) (Outcome, bool) {
	in.core.Lock()
	defer in.core.mu.Unlock()
	return in.core.carryOut(in.Call, in.seq, partly, in.core.opts.Now())
}

func (in Injection) apply() Outcome {
	out, _ := in.applied(false)
	return out
}

// effect applies the call where the fault says so, now or later. The true answer
// is known only of what was applied now and of what has no effect.
func (in Injection) effect() (truth Outcome, known bool) {
	switch {
	case in.Call.Changes() && !in.Fault.Applied:
		return Outcome{}, false
	case in.Call.Changes() && in.Fault.After > 0:
		c := in.core
		c.Lock()
		defer c.mu.Unlock()
		c.Later(c.opts.Now().Add(in.Fault.After), func(at time.Time) { c.carryOut(in.Call, in.seq, false, at) })
		return Outcome{}, false
	}
	return in.apply(), true
}

// Success is the true answer, or that of a success that has not been.
func (in Injection) Success() Outcome {
	if truth, known := in.effect(); known {
		return truth
	}
	in.core.Lock()
	defer in.core.mu.Unlock()
	return in.Call.Promise()
}

// Coded answers with a code, see [Call].
func (in Injection) Coded(answer, words string) Outcome {
	in.core.Lock()
	defer in.core.mu.Unlock()
	return in.Call.Coded(answer, words)
}

func (in Injection) applyThenHang() Outcome {
	in.effect()
	in.core.waits(in.seq)
	<-left(in.ctx)
	return dropped
}

func (in Injection) applyThenDrop() Outcome {
	in.effect()
	return dropped
}

func (in Injection) hangThenDrop() Outcome {
	in.core.waits(in.seq)
	_ = in.wait(in.ctx)
	return dropped
}

func (in Injection) applyLate() Outcome {
	c := in.core
	c.waits(in.seq)
	<-left(in.ctx)
	// Wait may report the end of the platform, in which case nothing happens.
	if c.ctx.Err() == nil && in.wait(c.ctx) == nil {
		in.apply()
	}
	return dropped
}

func (in Injection) status() Outcome {
	in.effect()
	out := ErrorPage(in.Fault.Status)
	switch in.Fault.Page {
	case PageEmpty:
		out.ContentType, out.Body = typeText, nil
	case PageText:
		out.ContentType, out.Body = typeText, []byte(http.StatusText(in.Fault.Status))
	case PageJSON:
		out = JSON(map[string]string{"message": http.StatusText(in.Fault.Status)})
		out.Status = in.Fault.Status
	}
	return out
}

// Repeat is [ProxyRepeat]. Only an effect makes the second call differ from the first.
func (in Injection) Repeat() Outcome {
	first, changed := in.applied(false)
	switch {
	case !changed:
		return first
	case in.Fault.Answer != "":
		return in.Coded(in.Fault.Answer, "")
	}
	return in.apply()
}

func (in Injection) halfBody() Outcome {
	out := in.Success()
	out.cut = true
	return out
}

func (in Injection) html() Outcome {
	in.effect()
	return Outcome{Status: http.StatusOK, ContentType: TypeHTML, Body: []byte("<html><body>系统繁忙，请稍后再试</body></html>")}
}

func (in Injection) wrongContentType() Outcome {
	out := in.Success()
	out.ContentType = TypeHTML
	return out
}

func (in Injection) delay() Outcome {
	var out Outcome
	if in.Fault.Applied {
		out = in.apply()
	}
	in.core.waits(in.seq)
	if in.wait(in.ctx) != nil || in.ctx.Err() != nil {
		return dropped
	}
	if !in.Fault.Applied {
		out = in.apply()
	}
	return out
}

// AnswerCode is the fault of that name.
func (in Injection) AnswerCode() Outcome {
	in.effect()
	return in.Coded(in.Fault.Answer, in.Fault.Msg)
}

func (in Injection) answerBody() Outcome {
	in.effect()
	return Outcome{Status: http.StatusOK, ContentType: in.core.opts.TypeJSON, Body: []byte(in.Fault.Answer)}
}

func (in Injection) partly() Outcome {
	out, _ := in.applied(true)
	return out
}
