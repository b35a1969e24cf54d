package fakeserver

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Dialect names a way of speaking, where a platform has several.
type Dialect string

// RequestState says how far a request has come.
type RequestState string

// The states of a request.
const (
	RequestOpen     RequestState = "open"
	RequestWaiting  RequestState = "waiting" // held back by a fault or a pause
	RequestAnswered RequestState = "answered"
	RequestDropped  RequestState = "dropped" // the connection was closed without an answer
)

// Request is a request as it came over the wire and what became of it. Secrets in it
// are masked. What a platform does not tell is zero.
type Request struct {
	Seq     uint64 `json:"seq"`     // 1, 2, 3, … by arrival
	Version uint64 `json:"version"` // grows with every change of any request

	Time    time.Time `json:"time"`
	Dialect Dialect   `json:"dialect,omitempty"`
	Call    string    `json:"call,omitempty"` // e.g. "consume"; empty: no such call
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Fields  []Field   `json:"fields"`          // by name; what is no text as JSON
	Codes   []string  `json:"codes,omitempty"` // the vouchers that it names, in whichever form, by their plain codes
	Token   int       `json:"token,omitempty"` // which access token came with it: 1, 2, 3, … by issue; 0: none that is known

	State  RequestState  `json:"state"`
	Status int           `json:"status,omitempty"`
	Answer string        `json:"answer,omitempty"`  // the body; long ones are cut
	Took   time.Duration `json:"took_ns,omitempty"` // by the platform's clock
	Effect string        `json:"effect,omitempty"`  // e.g. "consumed 0123456789", "refreshed auth-1"
	Fault  FaultKind     `json:"fault,omitempty"`   // what went wrong on purpose
}

// Field is a parameter of a request.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ring remembers the last requests.
type ring struct {
	keep    int
	seq     uint64
	version uint64
	last    []*Request // by Seq, without gaps
}

// Requests returns the requests that are remembered, oldest first.
func (s *Server) Requests() []Request {
	all, _, _ := s.Since(0)
	return all
}

// Since returns the requests that came or changed after a version (0: all that
// are remembered), oldest first, the version to ask with next time, and a
// channel that is closed with the platform's next change. A request is told
// again whenever it changes: put it in place of the one with the same Seq.
func (s *Server) Since(version uint64) (changed []Request, latest uint64, more <-chan struct{}) {
	s.c.Lock()
	defer s.c.mu.Unlock()
	changed = []Request{}
	for _, r := range s.c.ring.last {
		if r.Version > version {
			copied := *r
			copied.Fields, copied.Codes = slices.Clone(r.Fields), slices.Clone(r.Codes)
			changed = append(changed, copied)
		}
	}
	return changed, s.c.ring.version, s.c.changed
}

// came records a request on arrival and returns its number.
func (c *Core) came(call Call, method, path string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.seq++
	r := &Request{
		Seq: c.ring.seq, Time: c.opts.Now(), Call: call.Name(), Method: method, Path: shorten(path), Fields: []Field{}, State: RequestOpen,
	}
	call.Record(r)
	for i, f := range r.Fields {
		r.Fields[i] = Field{shorten(f.Name), shorten(f.Value)}
	}
	c.ring.last = append(c.ring.last, r)
	if over := len(c.ring.last) - c.ring.keep; over > 0 {
		c.ring.last = slices.Delete(c.ring.last, 0, over)
	}
	c.note(r.Seq, func(*Request) {})
	return r.Seq
}

// done records the end of a request.
func (c *Core) done(seq uint64, out Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opts.Now()
	c.note(seq, func(r *Request) {
		r.Took = now.Sub(r.Time)
		r.State = RequestDropped
		if !out.drop {
			r.State, r.Status, r.Answer = RequestAnswered, out.Status, shorten(maskTokens(string(out.Body)))
		}
	})
}

// waits records that a request is being held back.
func (c *Core) waits(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(seq, func(r *Request) { r.State = RequestWaiting })
}

// note changes a record, if it is still remembered, and tells those who wait. The
// caller holds the lock.
func (c *Core) note(seq uint64, change func(*Request)) {
	i, found := slices.BinarySearchFunc(c.ring.last, seq, func(r *Request, seq uint64) int { return int(int64(r.Seq - seq)) })
	if found {
		c.ring.version++
		r := c.ring.last[i]
		change(r)
		r.Version = c.ring.version
	}
	c.Bump()
}

var tokenInAnswer = regexp.MustCompile(`("(?:access_?[tT]oken|refresh_?[tT]oken)":")([^"]*)"`)

// maskTokens shows an answer without the tokens that it hands out.
func maskTokens(answer string) string {
	return tokenInAnswer.ReplaceAllStringFunc(answer, func(found string) string {
		parts := tokenInAnswer.FindStringSubmatch(found)
		return parts[1] + MaskSecret(parts[2]) + `"`
	})
}

// MaskSecret shows how a secret begins.
func MaskSecret(s string) string {
	if len(s) < 16 {
		return "…"
	}
	return s[:4] + "…"
}

// keepText is how much of a field or an answer is remembered.
const keepText = 16 << 10

func shorten(s string) string {
	if len(s) <= keepText {
		return s
	}
	return strings.ToValidUTF8(s[:keepText], "") + "…"
}
