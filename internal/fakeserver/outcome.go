package fakeserver

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

// Types of content.
const (
	TypeJSON = "application/json; charset=utf-8"
	TypeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

// Outcome is what a client gets to see.
type Outcome struct {
	Status      int
	ContentType string
	Body        []byte
	Location    string
	cut         bool // only the first half of the body arrives
	drop        bool // no answer: the connection is closed
}

var dropped = Outcome{drop: true}

// ErrorPage is what web servers answer with by themselves.
func ErrorPage(status int) Outcome {
	text := fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	return Outcome{Status: status, ContentType: TypeHTML, Body: []byte(text)}
}

// JSON is an answer with status 200.
func JSON(answer any) Outcome {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return ErrorPage(http.StatusInternalServerError)
	}
	return Outcome{Status: http.StatusOK, ContentType: TypeJSON, Body: bytes.TrimSpace(b.Bytes())}
}

// Edited is a JSON answer with something changed. Where change says no, or the answer
// is no JSON object, it is left as it is.
func (o Outcome) Edited(change func(answer map[string]any) bool) Outcome {
	dec := json.NewDecoder(bytes.NewReader(o.Body))
	dec.UseNumber()
	var answer map[string]any
	if dec.Decode(&answer) != nil || !change(answer) {
		return o
	}
	edited := JSON(answer)
	edited.ContentType = o.ContentType
	return edited
}

// Send answers a request.
func (o Outcome) Send(w http.ResponseWriter) {
	if o.drop {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
			return
		}
		panic(http.ErrAbortHandler) // net/http's own way to close a connection
	}
	h := w.Header()
	h.Set("Content-Type", o.ContentType)
	if o.Location != "" {
		h.Set("Location", o.Location)
	}
	h.Set("Content-Length", strconv.Itoa(len(o.Body)))
	w.WriteHeader(o.Status)
	body := o.Body
	if o.cut {
		body = body[:len(body)/2] // net/http closes the connection over the rest
	}
	_, _ = w.Write(body) // a client that left is no concern of ours
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.c
	call := c.opts.Read(w, r)
	ctx, cancel := context.WithCancel(c.mayLeave(r.Context(), r))
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	seq := c.came(call, r.Method, r.URL.Path)
	out := c.serve(ctx, call, seq)
	// Recorded first, so that the record is complete once there is an answer.
	c.done(seq, out)
	out.Send(w)
}

// serve decides what becomes of a request. ctx ends when the client leaves or the
// platform is closed.
func (c *Core) serve(ctx context.Context, call Call, seq uint64) Outcome {
	if c.ctx.Err() != nil {
		return ErrorPage(http.StatusServiceUnavailable)
	}
	if out, down := c.whileDown(ctx, seq); down {
		return out
	}
	in := Injection{Call: call, core: c, ctx: ctx, seq: seq}
	if f := c.takeFault(call, seq); f != nil {
		return in.play(*f)
	}
	return in.apply()
}

// carryOut has a call take effect at a time, and says whether it did. The caller holds
// the lock.
func (c *Core) carryOut(call Call, seq uint64, partly bool, now time.Time) (Outcome, bool) {
	out, effect := call.CarryOut(partly, now)
	if effect != "" {
		c.note(seq, func(r *Request) { r.Effect = strings.TrimPrefix(r.Effect+"; "+effect, "; ") })
	}
	return out, effect != ""
}
