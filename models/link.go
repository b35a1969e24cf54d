package models

import (
	"context"

	"gorm.io/gorm"
)

// GrantShop is a shop that a grant covers, as the platform tells it.
type GrantShop struct{ ShopID, Name string }

// LinkStores makes the stores of a grant those that the platform says it covers:
// missing ones are added, one of another grant changes over, and those that are
// not covered any more lose the link and, unless config.yaml declares them,
// become inactive. A declared store keeps its name. It returns the stores of the
// grant. Repeating it changes nothing; of several at once the last one stands.
func (db *DB) LinkStores(ctx context.Context, g Grant, shops []GrantShop) ([]Store, error) {
	const what = "link stores"
	covered := map[shopKey]Store{}
	for _, s := range shops {
		if err := identity(what, 128, s.ShopID); err != nil {
			return nil, err
		}
		covered[shopKey{g.Platform, s.ShopID}] = tidy(Store{
			Platform: g.Platform, ShopID: s.ShopID, Name: s.Name, Origin: OriginGrant, Active: true, GrantID: g.ID,
		})
	}
	var linked []Store
	err := db.Tx(ctx, func(tx *DB) error {
		// Two lists for one grant need not touch the same store. Here they meet,
		// so that the result is never a mixture of both.
		err := tx.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
			return o.Model(&grantRow{}).Where("id = ?", g.ID).Update("links", gorm.Expr("links + 1"))
		})
		if err != nil {
			return err
		}
		linked, err = tx.linkStores(ctx, g.ID, covered)
		return err
	})
	return unless(err, linked)
}

func (db *DB) linkStores(ctx context.Context, grantID string, covered map[shopKey]Store) ([]Store, error) {
	have, err := db.storesWith(ctx, covered)
	if err != nil {
		return nil, err
	}
	var linked []Store
	for _, old := range have {
		now, declared := old, old.Origin == OriginConfig && old.Active
		shop, ok := covered[old.key()]
		switch {
		case ok && declared:
			now.GrantID = grantID
		case ok:
			now.GrantID, now.Origin, now.Active = grantID, OriginGrant, true
			if shop.Name != "" {
				now.Name = shop.Name
			}
		case old.GrantID == grantID:
			now.GrantID, now.Active = "", declared
		}
		if now, err = db.changeStore(ctx, old, now); err != nil {
			return nil, err
		}
		if now.GrantID == grantID {
			linked = append(linked, now)
		}
	}
	return linked, nil
}
