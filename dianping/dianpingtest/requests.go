package dianpingtest

import (
	"maps"
	"slices"
	"strings"

	"yanquan/internal/fakeserver"
)

// A request as it came over the wire and what became of it. Tokens, signatures and
// phone numbers in it are masked.
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

// Record adds to the record what the call was sent with, and notes when it came.
func (c *call) Record(r *Request) {
	c.came = r.Time
	r.Dialect, r.Fields = c.dialect, c.p.maskedFields(c)
}

// secretFields are the parameters that are masked.
var secretFields = []string{
	"sign", "session", "appAuthToken", "app_secret", "auth_code", "code", "refresh_token", "refreshToken", "state",
}

// maskedFields shows the parameters without their secrets.
func (p *Platform) maskedFields(c *call) []Field {
	fields := []Field{}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		value := c.fields[name]
		switch {
		case slices.Contains(secretFields, name) || p.secret(value):
			value = fakeserver.MaskSecret(value)
		case name == "mobile":
			value = maskMobile(value)
		case name == "biz" && c.biz.fields["mobile"] != nil:
			biz := c.biz
			if mobile := biz.text("mobile"); mobile != "" {
				value = strings.ReplaceAll(value, mobile, maskMobile(mobile))
			}
		}
		fields = append(fields, Field{Name: name, Value: value})
	}
	return fields
}

// secret recognises tokens and keys that came under a wrong name.
func (p *Platform) secret(value string) bool {
	return value != "" && (p.sessions[value] != nil || p.consents.byRefresh[value] != nil || value == p.opts.AppSecret || value == p.opts.SignKey)
}
