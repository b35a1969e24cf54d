package dianpingtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/internal/fakeserver"
)

// Shop is a place where vouchers are verified.
type Shop struct {
	ID        string `json:"id"`                    // open_shop_uuid, opBizCode
	AppShopID string `json:"app_shop_id,omitempty"` // the old shop selector of the first generation
	Name      string `json:"name,omitempty"`
	Branch    string `json:"branch,omitempty"`
	Address   string `json:"address,omitempty"`
	City      string `json:"city,omitempty"`
	// Customer is the merchant account that the shop belongs to: bid, and opBizCode
	// of business 59. Default: customer-1.
	Customer string `json:"customer,omitempty"`
}

const defaultCustomer = "customer-1"

// Session is an access token: the first generation's session, good for shops of
// a customer, or the second's appAuthToken, good for one shop, or for a
// customer's list of shops.
type Session struct {
	Token   string    `json:"token"`
	Dialect Dialect   `json:"dialect"`
	Shops   []string  `json:"shops"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked bool      `json:"revoked,omitempty"`

	BusinessID int    `json:"business_id,omitempty"` // second generation: 58 (default) or 59
	Customer   string `json:"customer,omitempty"`    // default: that of the first shop

	of *authorization // nil: made by AddSession
}

// AddShop makes a shop known.
func (p *Platform) AddShop(s Shop) error {
	p.core.Lock()
	defer p.core.Unlock()
	if s.ID == "" {
		return errors.New("dianpingtest: a shop needs an id")
	}
	if p.shop(s.ID) != nil {
		return fmt.Errorf("dianpingtest: shop %s exists", s.ID)
	}
	fakeserver.Default(&s.Customer, defaultCustomer)
	p.shops = append(p.shops, &s)
	p.core.Bump()
	return nil
}

// AddSession makes a token known, or replaces what it stands for.
func (p *Platform) AddSession(s Session) error {
	p.core.Lock()
	defer p.core.Unlock()
	if s.Token == "" {
		return errors.New("dianpingtest: a session needs a token")
	}
	switch s.Dialect {
	case Dianping:
	case Meituan:
		fakeserver.Default(&s.BusinessID, businessVouchers)
		if len(s.Shops) != 1 && (s.BusinessID != businessShopList || len(s.Shops) == 0) {
			return fmt.Errorf("dianpingtest: a token of the second generation stands for one shop, not %d", len(s.Shops))
		}
	default:
		return fmt.Errorf("dianpingtest: unknown dialect %q", s.Dialect)
	}
	if err := p.knownShops(s.Shops); err != nil {
		return err
	}
	s.Shops, s.of = slices.Clone(s.Shops), nil
	if s.Customer == "" && len(s.Shops) > 0 {
		s.Customer = p.shop(s.Shops[0]).Customer
	}
	p.sessions[s.Token] = &s
	p.core.Bump()
	return nil
}

// ExpireSession ends a token's life now: 608, or OP_UNIAUTH_FAILED with 4.
func (p *Platform) ExpireSession(token string) error {
	return p.changeSession(token, func(s *Session, now time.Time) { s.Expires = now })
}

// RevokeSession withdraws the merchant's authorisation: OP_UNIAUTH_FAILED with
// 22; to the first generation the session is expired. Where the token is of an
// [Authorization], that ends, and the second generation posts a notice.
func (p *Platform) RevokeSession(token string) error {
	return p.changeSession(token, func(s *Session, now time.Time) {
		s.Revoked = true
		if s.of != nil && !s.of.Ended {
			authorizer{p}.end(s.of)
			p.notifyUnbound(s.of, now)
		}
	})
}

func (p *Platform) changeSession(token string, change func(*Session, time.Time)) error {
	p.core.Lock()
	defer p.core.Unlock()
	s := p.sessions[token]
	if s == nil {
		return errors.New("dianpingtest: no such session")
	}
	change(s, p.core.Now())
	p.core.Bump()
	return nil
}

func (p *Platform) shop(id string) *Shop {
	for _, s := range p.shops {
		if s.ID == id {
			return s
		}
	}
	return nil
}

func (p *Platform) knownShops(ids []string) error {
	for _, id := range ids {
		if p.shop(id) == nil {
			return fmt.Errorf("dianpingtest: no shop %q", id)
		}
	}
	return nil
}
