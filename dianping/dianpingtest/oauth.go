package dianpingtest

import "time"

// Why a call for tokens is refused, in the words of neither dialect.
type oauthRefusal int

const (
	codeSpent    oauthRefusal = iota + 1 // unknown, used, too old, or of another request
	refreshSpent                         // unknown or replaced
	refreshEnded                         // withdrawn or too old
)

// granted is the outcome of a call for tokens.
type granted struct {
	*authorization
	effect  string // e.g. "refreshed auth-1"
	refused oauthRefusal
}

// exchange turns a code into an authorisation. The caller holds the lock and has
// checked everything else.
func (p authorizer) exchange(code, redirect string, d Dialect, business int, now time.Time) granted {
	c := p.consents.codes[code]
	if c == nil || c.used || !now.Before(c.expires) || c.of.Dialect != d || c.of.BusinessID != business ||
		redirect != "" && redirect != c.redirect {
		return granted{refused: codeSpent}
	}
	c.used = true
	a := p.grant(c.of, now)
	return granted{authorization: a, effect: "authorized " + a.ID}
}

// refresh replaces a pair of tokens.
func (p authorizer) refresh(token string, d Dialect, business int, now time.Time) granted {
	a := p.consents.byRefresh[token]
	if a == nil || a.Dialect != d || a.BusinessID != business {
		return granted{refused: refreshSpent}
	}
	switch {
	case a.Ended, token == a.RefreshToken && !a.RefreshExpires.IsZero() && !now.Before(a.RefreshExpires):
		a.Refused++
		return granted{refused: refreshEnded}
	case token == a.RefreshToken:
		p.rotate(a, now)
		return granted{authorization: a, effect: "refreshed " + a.ID}
	case token == a.before && a.unused && p.knobs.OldRefresh == OldRefreshUntilUsed:
		a.Repeats++
		return granted{authorization: a, effect: "repeated " + a.ID}
	default:
		a.Refused++
		return granted{refused: refreshSpent}
	}
}

// oldTokenGrace is how long a replaced access token goes on by [OldTokenGrace].
const oldTokenGrace = time.Hour

func (p authorizer) rotate(a *authorization, now time.Time) {
	until := now
	if p.knobs.OldToken == OldTokenGrace {
		until = now.Add(oldTokenGrace)
	}
	if old := p.sessions[a.Token]; old.Expires.After(until) {
		old.Expires = until
	}
	a.before, a.unused = a.RefreshToken, true
	a.Refreshes++
	a.Refreshed = append(a.Refreshed, now)
	if a.Dialect == Dianping {
		a.RefreshesLeft--
	}
	p.newPair(a, now)
}

// secondsLeft is a token's remaining life as the wire tells it.
func secondsLeft(a *authorization, now time.Time) int64 {
	return int64(a.Expires.Sub(now) / time.Second)
}
