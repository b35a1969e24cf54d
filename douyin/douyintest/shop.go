package douyintest

import (
	"slices"
	"time"

	"yanquan/internal/fakeserver"
)

// Shop is a place where vouchers are verified.
type Shop struct {
	ID        string  `json:"id"` // poi_id
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`
	Longitude float64 `json:"longitude,omitempty"`
	// Account is the merchant's root account. Default: [DefaultAccount].
	Account string `json:"account,omitempty"`
	// POIAccount is the shop's own account below that. Default: made up.
	POIAccount string `json:"poi_account,omitempty"`
}

// DefaultAccount is the merchant of shops and vouchers that name none.
const DefaultAccount = "7100000000000000001"

// AddShop makes a shop known, and its merchant's authorisation with it.
func (p *Platform) AddShop(s Shop) error {
	return p.core.Change(func(time.Time) error {
		switch {
		case s.ID == "":
			return failed("a shop needs an id")
		case p.shop(s.ID) != nil:
			return failed("shop %s exists", s.ID)
		}
		fakeserver.Default(&s.Account, DefaultAccount)
		if s.POIAccount == "" {
			s.POIAccount = p.id("72", 19)
		}
		p.shops = append(p.shops, &s)
		return nil
	})
}

// Authorize says whether a merchant authorises the application; without, calls
// for its shops are refused with 2119005. At first every merchant does. An authorisation
// that is given again is told by a notice.
func (p *Platform) Authorize(account string, granted bool) error {
	return p.core.Change(func(now time.Time) error {
		if !p.knownAccount(account) {
			return failed("no account %q", account)
		}
		if granted && p.refused[account] {
			p.notifyAuthorized(account, now)
		}
		p.refused[account] = !granted
		return nil
	})
}

// Grant says whether the application has the capability for a call; without, the
// call is refused with 2190004. At first it has all.
func (p *Platform) Grant(call string, granted bool) error {
	return p.core.Change(func(time.Time) error {
		if !slices.Contains(Calls, call) {
			return failed("unknown call %q", call)
		}
		p.withheld[call] = !granted
		return nil
	})
}

func (p *Platform) shop(id string) *Shop {
	i := slices.IndexFunc(p.shops, func(s *Shop) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return p.shops[i]
}

func (p *Platform) knownShops(ids []string) error {
	for _, id := range ids {
		if p.shop(id) == nil {
			return failed("no shop %q", id)
		}
	}
	return nil
}

func (p *Platform) knownAccount(account string) bool {
	return slices.ContainsFunc(p.shops, func(s *Shop) bool { return s.Account == account })
}

// shopsOf returns the shops of a root account, or the one whose own account it is.
func (p *Platform) shopsOf(account string) []*Shop {
	var found []*Shop
	for _, s := range p.shops {
		if s.Account == account || s.POIAccount == account {
			found = append(found, s)
		}
	}
	return found
}

// shopFor is the shop that a call names, where it may.
func (p *Platform) shopFor(poi string) (*Shop, *refusal) {
	s := p.shop(poi)
	if s == nil {
		return nil, refuseFor(codeBadParameters, "poi_id")
	}
	if p.refused[s.Account] {
		return nil, refuse(codeNotAuthorized)
	}
	return s, nil
}

// accountFor checks an account that a call names.
func (p *Platform) accountFor(account string) ([]*Shop, *refusal) {
	shops := p.shopsOf(account)
	if len(shops) == 0 || p.refused[shops[0].Account] {
		return nil, refuse(codeNotAuthorized)
	}
	return shops, nil
}
