package douyintest

import (
	"cmp"
	"slices"
	"time"
)

// accessToken is a client_token. The two newest live, the older of them for the
// time of grace.
type accessToken struct {
	Token
	kicked bool // another one took its place
}

// Token is an access token of the application.
type Token struct {
	Value     string    `json:"value"`
	Issued    time.Time `json:"issued"`
	Expires   time.Time `json:"expires"`
	Elsewhere bool      `json:"elsewhere,omitempty"` // issued by TakeTokenElsewhere
}

// Tokens returns all that were issued, oldest first.
func (p *Platform) Tokens() []Token {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Token, len(p.tokens))
	for i, t := range p.tokens {
		all[i] = t.Token
	}
	return all
}

// TakeTokenElsewhere issues a token as if another environment with the same secret
// had asked for one.
func (p *Platform) TakeTokenElsewhere() Token {
	p.core.Lock()
	defer p.core.Unlock()
	t := p.issue(p.core.Now())
	t.Elsewhere = true
	p.core.Bump()
	return t.Token
}

// ExpireTokens ends the life of all access tokens now.
func (p *Platform) ExpireTokens() {
	_ = p.core.Change(func(now time.Time) error {
		p.endTokens(now)
		return nil
	})
}

func (p *Platform) endTokens(at time.Time) {
	for _, t := range p.tokens {
		if t.Expires.After(at) {
			t.Expires = at
		}
	}
}

func (p *Platform) issue(now time.Time) *accessToken {
	if n := len(p.tokens); n > 0 {
		replaced := p.tokens[n-1]
		ends := now.Add(cmp.Or(p.knobs.TokenGrace, 5*time.Minute))
		if replaced.Expires.Before(ends) {
			ends = replaced.Expires
		}
		for _, older := range p.tokens[:n-1] {
			older.kicked = true
			if older.Expires.After(now) {
				older.Expires = now
			}
		}
		replaced.Expires, replaced.kicked = ends, true
	}
	t := &accessToken{Token: Token{Value: "clt." + p.hex() + p.hex(), Issued: now, Expires: now.Add(p.tokenLife())}}
	p.tokens = append(p.tokens, t)
	return t
}

func (p *Platform) tokenLife() time.Duration { return cmp.Or(p.knobs.TokenLife, 2*time.Hour) }

// judgeToken says why a call's access token does not serve, or nil.
func (p *Platform) judgeToken(c *call) *refusal {
	i := slices.IndexFunc(p.tokens, func(t *accessToken) bool { return t.Value == c.token })
	switch {
	case c.token == "" || i < 0:
		return refuse(codeTokenInvalid)
	case c.came.Before(p.tokens[i].Expires):
		return nil
	case p.tokens[i].kicked && p.knobs.KickedToken != KickedExpired:
		return refuse(codeTokenInvalid)
	default:
		return refuse(codeTokenExpired)
	}
}

// clientToken is the call for a token.
func (p *Platform) clientToken(c *call, now time.Time) (object, *refusal) {
	a := c.body("client_key", "client_secret", "grant_type")
	key, secret, grant := a.text("client_key"), a.text("client_secret"), a.text("grant_type")
	if r := a.malformed(); r != nil {
		return nil, r
	}
	if grant != "client_credential" {
		return nil, refuseFor(codeBadParameters, "grant_type")
	}
	if key != p.opts.ClientKey || secret != p.opts.ClientSecret {
		return nil, refuse(codeBadClient)
	}
	p.asked = slices.DeleteFunc(p.asked, func(at time.Time) bool { return now.Sub(at) >= 5*time.Minute })
	if len(p.asked) >= cmp.Or(p.knobs.TokenLimit, 500) {
		return nil, refuse(codeTokenTooOften)
	}
	p.asked = append(p.asked, now)
	return p.tokenData(p.issue(now).Value), nil
}

func (p *Platform) tokenData(value string) object {
	return object{"access_token": value, "expires_in": int64(p.tokenLife() / time.Second)}
}
