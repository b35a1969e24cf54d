package dianpingtest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// RequestState says how far a request has come.
type RequestState string

// The states of a request.
const (
	RequestOpen     RequestState = "open"
	RequestWaiting  RequestState = "waiting" // held back by a fault or a pause
	RequestAnswered RequestState = "answered"
	RequestDropped  RequestState = "dropped" // the connection was closed without an answer
)

// Request is a request as it came over the wire and what became of it. Tokens,
// signatures and phone numbers in it are masked.
type Request struct {
	Seq     uint64 `json:"seq"`     // 1, 2, 3, … by arrival
	Version uint64 `json:"version"` // grows with every change of any request

	Time    time.Time `json:"time"`
	Dialect Dialect   `json:"dialect,omitempty"`
	Call    string    `json:"call,omitempty"` // e.g. "consume"; empty: no such call
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Fields  []Field   `json:"fields"` // by name

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

// keepText is how much of a field or an answer is remembered.
const keepText = 16 << 10

// ring remembers the last requests.
type ring struct {
	keep    int
	seq     uint64
	version uint64
	last    []*Request // by Seq, without gaps
}

// Requests returns the requests that are remembered, oldest first.
func (p *Platform) Requests() []Request {
	all, _, _ := p.Since(0)
	return all
}

// Since returns the requests that came or changed after a version (0: all that
// are remembered), oldest first, the version to ask with next time, and a
// channel that is closed with the platform's next change. A request is told
// again whenever it changes: put it in place of the one with the same Seq.
func (p *Platform) Since(version uint64) (changed []Request, latest uint64, more <-chan struct{}) {
	p.lock()
	defer p.mu.Unlock()
	changed = []Request{}
	for _, r := range p.ring.last {
		if r.Version > version {
			c := *r
			c.Fields = slices.Clone(r.Fields)
			changed = append(changed, c)
		}
	}
	return changed, p.ring.version, p.changed
}

// requestCame records a request on arrival and returns its number.
func (p *Platform) requestCame(c *call) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring.seq++
	c.came = p.opts.Now()
	r := &Request{
		Seq: p.ring.seq, Time: c.came, Dialect: c.dialect, Call: c.name,
		Method: c.method, Path: shorten(c.path), Fields: p.maskedFields(c), State: RequestOpen,
	}
	p.ring.last = append(p.ring.last, r)
	if over := len(p.ring.last) - p.ring.keep; over > 0 {
		p.ring.last = slices.Delete(p.ring.last, 0, over)
	}
	p.note(r.Seq, func(*Request) {})
	return r.Seq
}

// requestDone records the end of a request.
func (p *Platform) requestDone(seq uint64, out outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	p.note(seq, func(r *Request) {
		r.Took = now.Sub(r.Time)
		r.State = RequestDropped
		if !out.drop {
			r.State, r.Status, r.Answer = RequestAnswered, out.status, shorten(maskTokens(string(out.body)))
		}
	})
}

// waits records that a request is being held back.
func (p *Platform) waits(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(seq, func(r *Request) { r.State = RequestWaiting })
}

// note changes a record, if it is still remembered, and tells those who wait.
// The caller holds the lock.
func (p *Platform) note(seq uint64, change func(*Request)) {
	i, found := slices.BinarySearchFunc(p.ring.last, seq, func(r *Request, seq uint64) int {
		return int(int64(r.Seq - seq))
	})
	if found {
		p.ring.version++
		r := p.ring.last[i]
		change(r)
		r.Version = p.ring.version
	}
	p.bump()
}

// secretFields are the parameters that nobody should read.
var secretFields = []string{
	"sign", "session", "appAuthToken", "app_secret", "auth_code", "code", "refresh_token", "refreshToken", "state",
}

var tokenInAnswer = regexp.MustCompile(`("(?:access_?[tT]oken|refresh_?[tT]oken)":")([^"]*)"`)

// maskTokens shows an answer without the tokens that it hands out.
func maskTokens(answer string) string {
	return tokenInAnswer.ReplaceAllStringFunc(answer, func(found string) string {
		parts := tokenInAnswer.FindStringSubmatch(found)
		return parts[1] + maskSecret(parts[2]) + `"`
	})
}

// maskedFields shows the parameters without what nobody should read.
func (p *Platform) maskedFields(c *call) []Field {
	fields := []Field{}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		value := c.fields[name]
		switch {
		case slices.Contains(secretFields, name) || p.secret(value):
			value = maskSecret(value)
		case name == "mobile":
			value = maskMobile(value)
		case name == "biz" && c.biz.fields["mobile"] != nil:
			biz := c.biz
			if mobile := biz.text("mobile"); mobile != "" {
				value = strings.ReplaceAll(value, mobile, maskMobile(mobile))
			}
		}
		fields = append(fields, Field{shorten(name), shorten(value)})
	}
	return fields
}

// secret recognises tokens and keys that came under a wrong name.
func (p *Platform) secret(value string) bool {
	return value != "" && (p.sessions[value] != nil || p.consents.byRefresh[value] != nil || value == p.opts.AppSecret || value == p.opts.SignKey)
}

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
