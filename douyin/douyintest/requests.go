package douyintest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
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

// Request is a request as it came over the wire and what became of it. Tokens and
// secrets in it are masked; a verify_token, by which judges know a repeat, is not.
type Request struct {
	Seq     uint64 `json:"seq"`     // 1, 2, 3, … by arrival
	Version uint64 `json:"version"` // grows with every change of any request

	Time   time.Time `json:"time"`
	Call   string    `json:"call,omitempty"` // e.g. "verify"; empty: no such call
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Fields []Field   `json:"fields"`          // by name; what is no text as JSON
	Codes  []string  `json:"codes,omitempty"` // the vouchers that it names, in whichever form, by their plain codes
	Token  int       `json:"token,omitempty"` // which access token came with it: 1, 2, 3, … by issue; 0: none that is known

	State  RequestState  `json:"state"`
	Status int           `json:"status,omitempty"`
	Answer string        `json:"answer,omitempty"`  // the body; long ones are cut
	Took   time.Duration `json:"took_ns,omitempty"` // by the platform's clock
	Effect string        `json:"effect,omitempty"`  // e.g. "consumed 104930181552"
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
			c.Fields, c.Codes = slices.Clone(r.Fields), slices.Clone(r.Codes)
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
	r := &Request{Seq: p.ring.seq, Time: c.came, Call: c.name, Method: c.method, Path: shorten(c.path), Fields: []Field{}, State: RequestOpen}
	r.Token = 1 + slices.IndexFunc(p.tokens, func(t *accessToken) bool { return t.Value == c.token })
	for _, v := range p.named(c) {
		r.Codes = append(r.Codes, v.Code)
	}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		r.Fields = append(r.Fields, Field{shorten(name), shorten(p.maskedField(name, c.fields[name]))})
	}
	p.ring.last = append(p.ring.last, r)
	if over := len(p.ring.last) - p.ring.keep; over > 0 {
		p.ring.last = slices.Delete(p.ring.last, 0, over)
	}
	p.note(r.Seq, func(*Request) {})
	return r.Seq
}

// maskedField is a parameter without what nobody should read.
func (p *Platform) maskedField(name string, value json.RawMessage) string {
	text := string(value)
	var plain string
	if json.Unmarshal(value, &plain) == nil {
		text = plain
	}
	secret := func(t *accessToken) bool { return t.Value == text }
	if name == "client_secret" || text == p.opts.ClientSecret || slices.ContainsFunc(p.tokens, secret) {
		return maskSecret(text)
	}
	return text
}

var tokenInAnswer = regexp.MustCompile(`("access_token":"clt\.)[^"]*"`)

// requestDone records the end of a request.
func (p *Platform) requestDone(seq uint64, out outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	p.note(seq, func(r *Request) {
		r.Took = now.Sub(r.Time)
		r.State = RequestDropped
		if !out.drop {
			r.State, r.Status = RequestAnswered, out.status
			r.Answer = shorten(tokenInAnswer.ReplaceAllString(string(out.body), `$1…"`))
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
