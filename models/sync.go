package models

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// SyncConfigured makes the directory say what config.yaml says. Stores are
// recognised by platform and shop id; chats and staff of listed ones are
// replaced. Declared ones that are no longer listed become inactive, unless a
// merchant's grant covers them: they stay, as that grant's. Other stores of
// grants are left alone. Repeating it changes nothing, and several processes may
// do it at once.
func (db *DB) SyncConfigured(ctx context.Context, declared []ConfiguredStore) error {
	wanted := map[shopKey]ConfiguredStore{}
	for _, s := range declared {
		key := shopKey{s.Platform, s.ShopID}
		if err := identity("declare store "+s.Name, 128, s.Platform, s.ShopID); err != nil {
			return err
		}
		if _, twice := wanted[key]; twice {
			return fmt.Errorf("models: store %s: shop %s is declared twice: %w", s.Name, s.ShopID, ErrInvalid)
		}
		wanted[key] = s
	}
	return db.Tx(ctx, func(tx *DB) error {
		ids, err := tx.syncStores(ctx, wanted)
		if err != nil {
			return err
		}
		if err := tx.syncChats(ctx, wanted, ids); err != nil {
			return err
		}
		if err := tx.syncMembers(ctx, wanted, ids); err != nil {
			return err
		}
		return tx.syncSessions(ctx, wanted, ids)
	})
}

// syncStores returns the ids of the wanted stores.
func (db *DB) syncStores(ctx context.Context, wanted map[shopKey]ConfiguredStore) (map[shopKey]int64, error) {
	stores := map[shopKey]Store{}
	for key, s := range wanted {
		stores[key] = tidy(Store{Platform: key.platform, ShopID: key.shopID, Name: s.Name, Origin: OriginConfig, Active: true})
	}
	have, err := db.storesWith(ctx, stores)
	if err != nil {
		return nil, err
	}
	live, err := db.liveGrants(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[shopKey]int64{}
	for _, old := range have {
		now := old
		if s, ok := stores[old.key()]; ok {
			ids[old.key()] = old.ID
			now.Name, now.Origin, now.Active = s.Name, s.Origin, s.Active
		} else if old.Origin == OriginConfig {
			if live[old.GrantID] { // no longer declared, but covered by a merchant's grant
				now.Origin, now.Active = OriginGrant, true
			} else {
				now.Active = false
			}
		}
		if _, err := db.changeStore(ctx, old, now); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// liveGrants are the ids of the grants that have not ended.
func (db *DB) liveGrants(ctx context.Context) (map[string]bool, error) {
	var ids []string
	err := db.read(ctx, "list grants", func(g *gorm.DB) error {
		return g.Model(&Grant{}).Where("ended = ?", false).Pluck("id", &ids).Error
	})
	live := map[string]bool{}
	for _, id := range ids {
		live[id] = true
	}
	return live, err
}

func (db *DB) syncChats(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	want := map[chatRow]chatRow{}
	for key, s := range wanted {
		for _, chat := range s.Chats {
			if err := identity("declare a chat of store "+s.Name, 128, chat); err != nil {
				return err
			}
			row := chatRow{StoreID: ids[key], Chat: chat}
			want[row] = row
		}
	}
	have, err := rowsOfStores[chatRow](ctx, db.core, ids)
	if err != nil {
		return err
	}
	remove, add := difference(want, have, func(r chatRow) chatRow { return r })
	for _, r := range remove {
		err := db.write(ctx, "remove chat", func(g *gorm.DB) error {
			return g.Where("store_id = ? AND chat = ?", r.StoreID, r.Chat).Delete(&chatRow{}).Error
		})
		if err != nil {
			return err
		}
	}
	return addRows(ctx, db.core, "add chats", add, clause.OnConflict{DoNothing: true})
}

func (db *DB) syncMembers(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	type place struct {
		store int64
		user  string
	}
	of := func(m Member) place { return place{m.StoreID, m.UserID} }
	want := map[place]Member{}
	for key, s := range wanted {
		for _, m := range s.Staff {
			m.StoreID, m.UserID = ids[key], fold(m.UserID)
			if err := identity("declare staff of store "+s.Name, 64, m.UserID); err != nil {
				return err
			}
			want[of(m)] = tidy(m)
		}
	}
	have, err := rowsOfStores[Member](ctx, db.core, ids)
	if err != nil {
		return err
	}
	remove, add := difference(want, have, of)
	for _, m := range remove {
		if _, stays := want[of(m)]; stays {
			continue // with another name or role: overwritten below
		}
		err := db.write(ctx, "remove member", func(g *gorm.DB) error {
			return g.Where("store_id = ? AND user_id = ?", m.StoreID, m.UserID).Delete(&Member{}).Error
		})
		if err != nil {
			return err
		}
	}
	return addRows(ctx, db.core, "add members", add, memberChanged)
}

// syncSessions writes the declared tokens that are new, and forgets those of
// listed stores that declare none any more: such a store lives by its grant.
func (db *DB) syncSessions(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	have, err := rowsOfStores[sessionRow](ctx, db.core, ids)
	if err != nil {
		return err
	}
	declared := map[int64][]byte{}
	for _, r := range have {
		declared[r.StoreID] = r.Declared
	}
	var add []sessionRow
	var remove []int64
	for key, s := range wanted {
		id := ids[key]
		old, known := declared[id]
		print := db.keys.fingerprint(storeKey(id), s.Session)
		switch {
		case s.Session == "" && known:
			remove = append(remove, id)
		case s.Session != "" && !bytes.Equal(old, print):
			add = append(add, sessionRow{
				StoreID:     id,
				AccessToken: db.keys.seal(sessionAccess, storeKey(id), []byte(s.Session)),
				Declared:    print,
			})
		}
	}
	slices.Sort(remove)
	for _, id := range remove {
		err := db.write(ctx, "remove session", func(g *gorm.DB) error {
			return g.Where("store_id = ?", id).Delete(&sessionRow{}).Error
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(add, func(a, b sessionRow) int { return int(a.StoreID - b.StoreID) })
	return addRows(ctx, db.core, "add sessions", add, clause.OnConflict{
		Columns:   []clause.Column{{Name: "store_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"access_token", "refresh_token", "expires_at", "declared"}),
	})
}

// difference says which rows of have are to go and which of want to come, in an
// order that is the same in every process.
func difference[K, R comparable](want map[K]R, have []R, key func(R) K) (remove, add []R) {
	same := map[K]bool{}
	for _, r := range have {
		if want[key(r)] == r {
			same[key(r)] = true
		} else {
			remove = append(remove, r)
		}
	}
	for k, r := range want {
		if !same[k] {
			add = append(add, r)
		}
	}
	order := func(a, b R) int { return bytes.Compare(fmt.Append(nil, a), fmt.Append(nil, b)) }
	slices.SortFunc(remove, order)
	slices.SortFunc(add, order)
	return remove, add
}

// rowsOfStores reads all rows of a table that belong to the stores.
func rowsOfStores[T any](ctx context.Context, c *core, ids map[shopKey]int64) ([]T, error) {
	var all []T
	for chunk := range slices.Chunk(slices.Sorted(maps.Values(ids)), batch) {
		var rows []T
		err := c.read(ctx, "read the directory", func(g *gorm.DB) error {
			return g.Where("store_id IN ?", chunk).Order("store_id").Find(&rows).Error
		})
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}
