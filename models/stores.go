package models

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Where a store comes from.
const (
	OriginConfig = "config" // declared in config.yaml
	OriginGrant  = "grant"  // covered by a merchant's grant
)

// shopKey identifies a store at the platforms.
type shopKey struct{ platform, shopID string }

func (s Store) key() shopKey { return shopKey{s.Platform, s.ShopID} }

func storeKey(id int64) string { return strconv.FormatInt(id, 10) }

// storesWith reads all stores, in the order of their ids, after it has added the
// wanted ones that are missing.
func (db *DB) storesWith(ctx context.Context, wanted map[shopKey]Store) ([]Store, error) {
	have, err := db.allStores(ctx)
	if err != nil {
		return nil, err
	}
	missing := maps.Clone(wanted)
	for _, s := range have {
		delete(missing, s.key())
	}
	if len(missing) == 0 {
		return have, nil
	}
	// In one order everywhere, so that processes wait for each other instead of
	// deadlocking; another one may have been first.
	rows := slices.SortedFunc(maps.Values(missing), func(a, b Store) int {
		return strings.Compare(a.Platform+"\x00"+a.ShopID, b.Platform+"\x00"+b.ShopID)
	})
	if err := addRows(ctx, db.core, "add stores", rows, clause.OnConflict{DoNothing: true}); err != nil {
		return nil, err
	}
	return db.allStores(ctx)
}

func (db *DB) allStores(ctx context.Context) ([]Store, error) {
	var rows []Store
	err := db.read(ctx, "list stores", func(g *gorm.DB) error { return g.Order("id").Find(&rows).Error })
	return rows, err
}

// changeStore turns a store from what was read into something else. Where
// somebody else changed it meanwhile, the whole transaction runs again.
func (db *DB) changeStore(ctx context.Context, old, now Store) (Store, error) {
	const what = "change store"
	if now = tidy(now); now == old {
		return now, nil
	}
	var hit int64
	err := db.write(ctx, what, func(g *gorm.DB) error {
		result := g.Model(&Store{}).
			Where("id = ? AND name = ? AND origin = ? AND active = ? AND grant_id = ?", old.ID, old.Name, old.Origin, old.Active, old.GrantID).
			Select("name", "origin", "active", "grant_id").Updates(now)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		err = &dbError{what: what, kinds: []error{ErrStale}, transient: true}
	}
	return now, err
}
