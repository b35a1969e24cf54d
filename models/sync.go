package models

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// originConfig marks the stores that config.yaml declares.
const originConfig = "config"

// shopKey identifies a store at the platforms.
type shopKey struct{ platform, shopID string }

func storeKey(id int64) string { return strconv.FormatInt(id, 10) }

// SyncConfigured makes the directory say what config.yaml says. Stores are
// recognised by platform and shop id; declared ones that are no longer listed
// become inactive; chats and staff of listed ones are replaced. A session is
// written when the declared token is another than the last time, so that a token
// that was refreshed meanwhile is kept. Repeating it changes nothing, and
// several processes may do it at once.
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
	have, err := db.allStores(ctx)
	if err != nil {
		return nil, err
	}
	var missing []Store
	for key, s := range wanted {
		if _, ok := have[key]; !ok {
			missing = append(missing, tidy(Store{Platform: key.platform, ShopID: key.shopID, Name: s.Name, Origin: originConfig, Active: true}))
		}
	}
	if len(missing) > 0 {
		// In one order everywhere, so that processes wait for each other instead
		// of deadlocking; another one may have been first.
		slices.SortFunc(missing, func(a, b Store) int {
			return bytes.Compare([]byte(a.Platform+"\x00"+a.ShopID), []byte(b.Platform+"\x00"+b.ShopID))
		})
		err := db.write(ctx, "add stores", func(g *gorm.DB) error {
			return g.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(missing, batch).Error
		})
		if err != nil {
			return nil, err
		}
		if have, err = db.allStores(ctx); err != nil {
			return nil, err
		}
	}
	ids := map[shopKey]int64{}
	for _, old := range slices.SortedFunc(maps.Values(have), func(a, b Store) int { return int(a.ID - b.ID) }) {
		key := shopKey{old.Platform, old.ShopID}
		now := old
		if s, ok := wanted[key]; ok {
			ids[key] = old.ID
			now.Name, now.Origin, now.Active = s.Name, originConfig, true
		} else if old.Origin == originConfig {
			now.Active = false
		}
		if now = tidy(now); now == old {
			continue
		}
		err := db.write(ctx, "update store", func(g *gorm.DB) error {
			return g.Model(&Store{}).Where("id = ?", old.ID).Select("name", "origin", "active").Updates(now).Error
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (db *DB) allStores(ctx context.Context) (map[shopKey]Store, error) {
	var rows []Store
	err := db.read(ctx, "list stores", func(g *gorm.DB) error { return g.Order("id").Find(&rows).Error })
	have := make(map[shopKey]Store, len(rows))
	for _, s := range rows {
		have[shopKey{s.Platform, s.ShopID}] = s
	}
	return have, err
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
	have, err := rowsOfStores[chatRow](ctx, db, ids)
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
	return addRows(ctx, db, "add chats", add, clause.OnConflict{DoNothing: true})
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
	have, err := rowsOfStores[Member](ctx, db, ids)
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
	return addRows(ctx, db, "add members", add, clause.OnConflict{
		Columns:   []clause.Column{{Name: "store_id"}, {Name: "user_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"name", "role"}),
	})
}

func (db *DB) syncSessions(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	have, err := rowsOfStores[sessionRow](ctx, db, ids)
	if err != nil {
		return err
	}
	declared := map[int64][]byte{}
	for _, r := range have {
		declared[r.StoreID] = r.Declared
	}
	var add []sessionRow
	for key, s := range wanted {
		id := ids[key]
		print := db.keys.fingerprint(storeKey(id), s.Session)
		if s.Session == "" || bytes.Equal(declared[id], print) {
			continue
		}
		add = append(add, sessionRow{
			StoreID:     id,
			AccessToken: db.keys.seal(sessionAccess, storeKey(id), []byte(s.Session)),
			Declared:    print,
		})
	}
	slices.SortFunc(add, func(a, b sessionRow) int { return int(a.StoreID - b.StoreID) })
	return addRows(ctx, db, "add sessions", add, clause.OnConflict{
		Columns:   []clause.Column{{Name: "store_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"access_token", "refresh_token", "expires_at", "declared"}),
	})
}

// batch is how many rows one INSERT takes, below every limit on parameters.
const batch = 200

// rowsOfStores reads all rows of a table that belong to the stores.
func rowsOfStores[T any](ctx context.Context, db *DB, ids map[shopKey]int64) ([]T, error) {
	var all []T
	for chunk := range slices.Chunk(slices.Sorted(maps.Values(ids)), batch) {
		var rows []T
		err := db.read(ctx, "read the directory", func(g *gorm.DB) error {
			return g.Where("store_id IN ?", chunk).Order("store_id").Find(&rows).Error
		})
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// addRows inserts, in the order given.
func addRows[T any](ctx context.Context, db *DB, what string, rows []T, conflict clause.OnConflict) error {
	if len(rows) == 0 {
		return nil
	}
	return db.write(ctx, what, func(g *gorm.DB) error {
		return g.Clauses(conflict).CreateInBatches(rows, batch).Error
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
