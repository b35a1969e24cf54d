package models

import (
	"context"

	"gorm.io/gorm"
)

// GrantShop is a shop that a grant covers, as the platform tells it.
type GrantShop struct{ ShopID, Name string }

// Linked is what a grant has come to cover. Accounts may be out of use.
type Linked struct {
	Accounts []Account
	Lost     []Account // that it covered before, as they were then
}

// LinkGrant makes the accounts of a grant those that the platform says it covers:
// missing ones are added, each as a new store, one of another grant changes over, and
// those that are not covered any more lose the link and, unless config.yaml declares
// them, become inactive. A declared account keeps its name. A store's first account whose
// place on the platform another one has taken stays out of use, and so does one that was
// taken off, unless it is the only shop or of the store that was asked for (0: none).
// Repeating it changes nothing; of several at once the last one stands.
func (s AccountStore) LinkGrant(ctx context.Context, g Grant, into int64, shops []GrantShop) (Linked, error) {
	const what = "link accounts"
	covered := map[shopKey]Account{}
	for _, shop := range shops {
		if err := identity(what, 128, shop.ShopID); err != nil {
			return Linked{}, err
		}
		covered[shopKey{g.Platform, shop.ShopID}] = tidy(Account{
			Platform: g.Platform, ShopID: shop.ShopID, Name: shop.Name, Origin: OriginGrant, Active: true, GrantID: g.ID,
		})
	}
	var linked Linked
	err := s.inTx(ctx, func(tx *DB) error {
		// Two lists for one grant need not touch the same account. Here they meet,
		// so that the result is never a mixture of both.
		err := tx.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
			return o.Model(&grantRow{}).Where("id = ?", g.ID).Update("links", gorm.Expr("links + 1"))
		})
		if err != nil {
			return err
		}
		linked, err = tx.Accounts.link(ctx, g.ID, into, covered)
		return err
	})
	return unless(err, linked)
}

func (s AccountStore) link(ctx context.Context, grantID string, into int64, covered map[shopKey]Account) (linked Linked, err error) {
	have, err := s.with(ctx, covered)
	if err != nil {
		return linked, err
	}
	have, err = s.holding(ctx, have, func(a Account) bool {
		_, ok := covered[a.key()]
		return ok && !a.Active
	})
	if err != nil {
		return linked, err
	}
	for i, old := range have {
		now, declared := old, old.Origin == OriginConfig && old.Active
		shop, ok := covered[old.key()]
		switch {
		case ok && declared:
			now.GrantID = grantID
		case ok:
			now.GrantID, now.Origin = grantID, OriginGrant
			if shop.Name != "" {
				now.Name = shop.Name
			}
			if !old.Active && (!old.takenOff() || len(covered) == 1 || old.StoreID() == into) {
				now.BelongsTo, now.Active = comeBack(have, old)
			}
		case old.GrantID == grantID:
			now.GrantID, now.Active = "", declared
			linked.Lost = append(linked.Lost, old)
		}
		if now, err = s.replace(ctx, old, now); err != nil {
			return Linked{}, err
		}
		have[i] = now
		if now.GrantID == grantID {
			linked.Accounts = append(linked.Accounts, now)
		}
	}
	return linked, nil
}

// takenOff reports whether people have put an account out of use, not the platform, which
// does not cover it any more, or config.yaml, which does not declare it.
func (a Account) takenOff() bool { return !a.Active && a.Origin == OriginGrant && a.GrantID != "" }
