package dianpingtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	typeJSON = "application/json;charset=UTF-8"
	typeHTML = "text/html;charset=UTF-8"
	typeText = "text/plain;charset=UTF-8"
)

// outcome is what a client gets to see.
type outcome struct {
	status      int
	contentType string
	body        []byte
	cut         bool // only the first half of the body arrives
	drop        bool // no answer: the connection is closed
	location    string
}

var dropped = outcome{drop: true}

func page404() outcome {
	return outcome{status: http.StatusNotFound, contentType: typeHTML, body: []byte("<html><body><h1>404 Not Found</h1></body></html>")}
}

func errorPage(status int) outcome {
	text := fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	return outcome{status: status, contentType: typeHTML, body: []byte(text)}
}

func jsonOutcome(answer any) outcome {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return errorPage(http.StatusInternalServerError)
	}
	return outcome{status: http.StatusOK, contentType: typeJSON, body: bytes.TrimSpace(b.Bytes())}
}

// ServeHTTP answers a request of either dialect.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := readCall(w, r)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	seq := p.requestCame(c)
	out := p.serve(ctx, c, seq)
	// Recorded first, so that whoever has the answer finds the record complete.
	p.requestDone(seq, out)
	out.send(w)
}

// serve decides what becomes of a request. ctx ends when the client leaves or the
// platform is closed.
func (p *Platform) serve(ctx context.Context, c *call, seq uint64) outcome {
	if p.ctx.Err() != nil {
		return errorPage(http.StatusServiceUnavailable)
	}
	if out, down := p.whileDown(ctx, seq); down {
		return out
	}
	if c.dialect == "" || c.dialect == Dianping && c.name == "" {
		return page404()
	}
	if f := p.takeFault(c, seq); f != nil {
		return p.serveFault(ctx, c, seq, *f)
	}
	return p.apply(c, seq, false)
}

// apply carries a call out and composes the true answer.
func (p *Platform) apply(c *call, seq uint64, partly bool) outcome {
	out, _ := p.applyTelling(c, seq, partly)
	return out
}

// applyTelling is apply, and says whether the call had an effect.
func (p *Platform) applyTelling(c *call, seq uint64, partly bool) (outcome, bool) {
	p.lock()
	defer p.mu.Unlock()
	return p.carryOut(c, seq, partly, p.opts.Now())
}

// carryOut is applyTelling at a time. The caller holds the lock.
func (p *Platform) carryOut(c *call, seq uint64, partly bool, now time.Time) (out outcome, changed bool) {
	before := len(p.ledger)
	var answer any
	var effect string
	switch {
	case c.name == callAuthorize:
		return p.authorizePage(c, now), false
	case c.grants() && c.dialect == Meituan:
		answer, effect = p.gen2Tokens(c, now)
	case c.grants():
		answer, effect = p.gen1Tokens(c, now)
	case c.dialect == Meituan:
		answer = p.gen2(c, partly, now)
	default:
		answer = p.gen1(c, partly, now)
	}
	if effects := p.ledger[before:]; len(effects) > 0 {
		effect = describe(effects)
	}
	if effect != "" {
		p.note(seq, func(r *Request) { r.Effect = strings.TrimPrefix(r.Effect+"; "+effect, "; ") })
	}
	return jsonOutcome(answer), effect != ""
}

// describe puts effects in words, e.g. "consumed 0123456789, 0123456790".
func describe(effects []Effect) string {
	codes := make([]string, len(effects))
	for i, e := range effects {
		codes[i] = e.Code
		if e.NewCode != "" {
			codes[i] += " (now " + e.NewCode + ")"
		}
	}
	return string(effects[0].Kind) + " " + strings.Join(codes, ", ")
}

func (o outcome) send(w http.ResponseWriter) {
	if o.drop {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
			return
		}
		panic(http.ErrAbortHandler) // net/http's own way to close a connection
	}
	h := w.Header()
	h.Set("Content-Type", o.contentType)
	if o.location != "" {
		h.Set("Location", o.location)
	}
	h.Set("Content-Length", strconv.Itoa(len(o.body)))
	w.WriteHeader(o.status)
	body := o.body
	if o.cut {
		body = body[:len(body)/2] // net/http closes the connection over the rest
	}
	_, _ = w.Write(body) // a client that left is no concern of ours
}
