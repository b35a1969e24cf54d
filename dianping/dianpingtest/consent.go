package dianpingtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/internal/fakeserver"
)

// Registration is what a developer enters in the platform's console.
type Registration struct {
	// RedirectURLs are the addresses to which the first generation sends a browser
	// back. Empty: any.
	RedirectURLs []string `json:"redirect_urls"`
	// CallbackURL is where the second generation sends a browser back to.
	CallbackURL string `json:"callback_url"`
	// NoticeURL is where the second generation posts notices. Empty: nowhere.
	NoticeURL string `json:"notice_url"`
}

// Business ids of the second generation.
const (
	businessVouchers = 58 // 服务零售: a grant is for one shop
	businessShopList = 59 // 服务零售(客户): a grant is for a customer
)

// Authorization is a merchant's consent with the pair of tokens that stands for
// it now. The counters tell what really happened, whatever the client was told.
type Authorization struct {
	ID         string   `json:"id"` // auth-1, auth-2, …
	Dialect    Dialect  `json:"dialect"`
	BusinessID int      `json:"business_id,omitempty"` // second generation: 58 or 59
	Customer   string   `json:"customer"`
	Shops      []string `json:"shops"`

	Token          string    `json:"token"`
	Expires        time.Time `json:"expires"`
	RefreshToken   string    `json:"refresh_token,omitempty"` // empty: the allowance is used up
	RefreshExpires time.Time `json:"refresh_expires,omitzero"`
	RefreshesLeft  int       `json:"refreshes_left"` // first generation
	Ended          bool      `json:"ended"`          // withdrawn, or replaced by a later one

	Refreshes int `json:"refreshes"` // pairs that replaced another
	Repeats   int `json:"repeats"`   // a replaced refresh token that got the new pair again; see Knobs.OldRefresh
	Refused   int `json:"refused"`   // refreshes with a token that serves no more

	Refreshed []time.Time `json:"refreshed,omitempty"` // when each of Refreshes took effect
}

// authorization is an [Authorization] with what only the platform knows.
type authorization struct {
	Authorization
	before string // the refresh token that the last refresh replaced
	unused bool   // the pair was made by a refresh and not used since
}

// authCode is what a merchant's browser brings to the client.
type authCode struct {
	of       Authorization // without tokens
	redirect string        // first generation
	expires  time.Time
	used     bool
}

// codeLife is how long a code can be exchanged: told for the second generation,
// assumed for the first.
const codeLife = 10 * time.Minute

// consents is everything about authorisations.
type consents struct {
	registration Registration
	all          []*authorization
	codes        map[string]*authCode
	byRefresh    map[string]*authorization // also by tokens that were replaced
	made         int                       // tokens and codes, so that none comes twice
}

func newConsents(r Registration) consents {
	return consents{registration: r, codes: map[string]*authCode{}, byRefresh: map[string]*authorization{}}
}

// authorizer is the platform as merchants authorise there, and as it gives out tokens for
// that. The caller holds the lock.
type authorizer struct{ *Platform }

// SetRegistration replaces what the developer entered in the console.
func (p *Platform) SetRegistration(r Registration) {
	p.core.Lock()
	defer p.core.Unlock()
	r.RedirectURLs = slices.Clone(r.RedirectURLs)
	p.consents.registration = r
	p.core.Bump()
}

// Authorize grants tokens as if a merchant had consented and the code had been
// exchanged. Dialect, BusinessID (0: 58) and Shops count; of business 59, Customer
// may stand for all its shops.
func (p *Platform) Authorize(a Authorization) (Authorization, error) {
	p.core.Lock()
	defer p.core.Unlock()
	asked := Authorization{Dialect: a.Dialect, BusinessID: a.BusinessID, Customer: a.Customer, Shops: a.Shops}
	if asked.Dialect == Meituan {
		fakeserver.Default(&asked.BusinessID, businessVouchers)
	} else {
		asked.BusinessID = 0
	}
	if asked.BusinessID == businessShopList && len(asked.Shops) == 0 {
		asked.Shops = p.shopsOf(asked.Customer)
	}
	if err := (authorizer{p}).consentTo(&asked); err != nil {
		return Authorization{}, err
	}
	made := authorizer{p}.grant(asked, p.core.Now())
	p.core.Bump()
	return made.clone(), nil
}

// Authorizations returns all of them as they are now, first made first.
func (p *Platform) Authorizations() []Authorization {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Authorization, len(p.consents.all))
	for i, a := range p.consents.all {
		all[i] = a.clone()
	}
	return all
}

// ExpireRefreshToken ends a refresh token's life now.
func (p *Platform) ExpireRefreshToken(token string) error {
	p.core.Lock()
	defer p.core.Unlock()
	a := p.consents.byRefresh[token]
	if a == nil || a.RefreshToken != token {
		return errors.New("dianpingtest: no such refresh token")
	}
	a.RefreshExpires = p.core.Now()
	p.core.Bump()
	return nil
}

func (a *authorization) clone() Authorization {
	c := a.Authorization
	c.Shops = slices.Clone(a.Shops)
	c.Refreshed = slices.Clone(a.Refreshed)
	return c
}

// shopsOf returns the ids of a customer's shops.
func (p *Platform) shopsOf(customer string) []string {
	ids := []string{}
	for _, s := range p.shops {
		if s.Customer == customer {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// consentTo checks what a merchant is about to grant, and fills in the rest.
func (p authorizer) consentTo(a *Authorization) error {
	if a.Dialect != Dianping && a.Dialect != Meituan {
		return fmt.Errorf("dianpingtest: unknown dialect %q", a.Dialect)
	}
	if a.Dialect == Meituan && a.BusinessID != businessVouchers && a.BusinessID != businessShopList {
		return fmt.Errorf("dianpingtest: unknown business %d", a.BusinessID)
	}
	if len(a.Shops) == 0 {
		return errors.New("dianpingtest: no shop was chosen")
	}
	if err := p.knownShops(a.Shops); err != nil {
		return err
	}
	a.Customer = p.shop(a.Shops[0]).Customer
	for _, id := range a.Shops {
		if p.shop(id).Customer != a.Customer {
			return errors.New("dianpingtest: shops of different customers")
		}
	}
	switch {
	case a.BusinessID == businessShopList:
		a.Shops = p.shopsOf(a.Customer)
	case a.Dialect == Meituan && len(a.Shops) != 1:
		return fmt.Errorf("dianpingtest: business %d is granted for one shop, not %d", a.BusinessID, len(a.Shops))
	}
	a.Shops = slices.Compact(slices.Sorted(slices.Values(a.Shops)))
	return nil
}

// grant makes the first pair of an authorisation. A later consent of the same
// merchant replaces the earlier one.
func (p authorizer) grant(a Authorization, now time.Time) *authorization {
	for _, older := range p.consents.all {
		if older.owner() == a.owner() && older.Dialect == a.Dialect && older.BusinessID == a.BusinessID {
			p.end(older)
		}
	}
	made := &authorization{Authorization: a}
	made.ID = fmt.Sprintf("auth-%d", len(p.consents.all)+1)
	if a.Dialect == Dianping {
		made.RefreshesLeft = p.knobs.RefreshAllowance
		fakeserver.Default(&made.RefreshesLeft, 12)
	}
	p.consents.all = append(p.consents.all, made)
	p.newPair(made, now)
	return made
}

// owner is whose consent it is: bid, or opBizCode.
func (a Authorization) owner() string {
	if a.BusinessID == businessVouchers {
		return a.Shops[0]
	}
	return a.Customer
}

// newPair makes tokens for an authorisation.
func (p authorizer) newPair(a *authorization, now time.Time) {
	life, refreshLife := p.knobs.SessionLife, p.knobs.RefreshLife
	fakeserver.Default(&life, 30*24*time.Hour)
	fakeserver.Default(&refreshLife, 35*24*time.Hour)
	a.Token, a.Expires = p.newToken(a.Dialect), now.Add(life)
	a.RefreshToken, a.RefreshExpires = p.newToken(a.Dialect), time.Time{}
	if a.Dialect == Meituan {
		a.RefreshExpires = now.Add(refreshLife)
	} else if a.RefreshesLeft == 0 {
		a.RefreshToken = ""
	}
	if a.RefreshToken != "" {
		p.consents.byRefresh[a.RefreshToken] = a
	}
	p.sessions[a.Token] = &Session{
		Token: a.Token, Dialect: a.Dialect, BusinessID: a.BusinessID, Customer: a.Customer,
		Shops: slices.Clone(a.Shops), Expires: a.Expires, of: a,
	}
}

// newToken makes a token or code like those in public samples.
func (p authorizer) newToken(d Dialect) string {
	p.consents.made++
	token := fmt.Sprintf("%s%08d", p.opts.Digits(32), p.consents.made)
	if d == Meituan {
		return "V2-" + token
	}
	return token
}

// end lets an authorisation's tokens die.
func (p authorizer) end(a *authorization) {
	a.Ended = true
	for _, s := range p.sessions {
		if s.of == a {
			s.Revoked = true
		}
	}
}

// used notes that a session served for a call.
func (s *Session) used() {
	if s.of != nil && s.of.Token == s.Token {
		s.of.unused = false
	}
}
