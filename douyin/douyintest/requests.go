package douyintest

import (
	"encoding/json"
	"maps"
	"slices"

	"yanquan/internal/fakeserver"
)

// A request as it came over the wire and what became of it. Of its secrets a
// verify_token, by which judges know a repeat, is not masked.
type (
	Request      = fakeserver.Request
	Field        = fakeserver.Field
	RequestState = fakeserver.RequestState
)

// The states of a request.
const (
	RequestOpen     = fakeserver.RequestOpen
	RequestWaiting  = fakeserver.RequestWaiting
	RequestAnswered = fakeserver.RequestAnswered
	RequestDropped  = fakeserver.RequestDropped
)

// Record adds to the record what judges need, and notes when the call came.
func (c *call) Record(r *Request) {
	p := c.p
	c.came = r.Time
	r.Token = 1 + slices.IndexFunc(p.tokens, func(t *accessToken) bool { return t.Value == c.token })
	for _, v := range p.named(c) {
		r.Codes = append(r.Codes, v.Code)
	}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		r.Fields = append(r.Fields, Field{Name: name, Value: p.maskedField(name, c.fields[name])})
	}
}

// maskedField is a parameter without its secrets.
func (p *Platform) maskedField(name string, value json.RawMessage) string {
	text := string(value)
	var plain string
	if json.Unmarshal(value, &plain) == nil {
		text = plain
	}
	secret := func(t *accessToken) bool { return t.Value == text }
	if name == "client_secret" || text == p.opts.ClientSecret || slices.ContainsFunc(p.tokens, secret) {
		return fakeserver.MaskSecret(text)
	}
	return text
}
