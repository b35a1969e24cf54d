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

// Sync makes the directory say what config.yaml says. Accounts are recognised by
// platform and shop id; chats and staff of listed stores are replaced. Declared
// accounts that are no longer listed become inactive, unless a merchant's grant
// covers them: they stay, as that grant's. Other accounts of grants are left
// alone. Repeating it changes nothing, and several processes may do it at once. Stores
// whose accounts change are held, as by all who change them.
func (s DirectoryStore) Sync(ctx context.Context, declared []ConfiguredStore) error {
	wanted := map[shopKey]ConfiguredStore{}
	accounts := map[shopKey]declaredAccount{}
	for _, store := range declared {
		key := shopKey{store.Platform, store.ShopID}
		wanted[key] = store
		for _, a := range append([]ConfiguredAccount{{store.Platform, store.ShopID, store.Session, store.AccountID}}, store.Accounts...) {
			if err := identity("declare store "+store.Name, 128, a.Platform, a.ShopID); err != nil {
				return err
			}
			if _, twice := accounts[shopKey{a.Platform, a.ShopID}]; twice {
				return fmt.Errorf("models: store %s: shop %s is declared twice: %w", store.Name, a.ShopID, ErrInvalid)
			}
			accounts[shopKey{a.Platform, a.ShopID}] = declaredAccount{of: key, name: store.Name, session: a.Session, accountID: a.AccountID}
		}
	}
	return s.inTx(ctx, func(tx *DB) error {
		ids, err := tx.Accounts.sync(ctx, accounts)
		if err != nil {
			return err
		}
		if err := tx.Directory.gather(ctx); err != nil {
			return err
		}
		if err := tx.Directory.syncChats(ctx, wanted, ids); err != nil {
			return err
		}
		if err := tx.Directory.syncMembers(ctx, wanted, ids); err != nil {
			return err
		}
		return tx.Accounts.syncSessions(ctx, accounts, ids)
	})
}

func (s DirectoryStore) syncChats(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	want := map[chatRow]chatRow{}
	for key, shop := range wanted {
		for _, chat := range shop.Chats {
			if err := identity("declare a chat of store "+shop.Name, 128, chat); err != nil {
				return err
			}
			row := chatRow{StoreID: ids[key], Chat: chat}
			want[row] = row
		}
	}
	have, err := rowsOfStores[chatRow](ctx, s.core, ids)
	if err != nil {
		return err
	}
	remove, add := difference(want, have, func(r chatRow) chatRow { return r })
	for _, r := range remove {
		err := s.write(ctx, "remove chat", func(g *gorm.DB) error {
			return g.Where("store_id = ? AND chat = ?", r.StoreID, r.Chat).Delete(&chatRow{}).Error
		})
		if err != nil {
			return err
		}
	}
	return addRows(ctx, s.core, "add chats", add, clause.OnConflict{DoNothing: true})
}

func (s DirectoryStore) syncMembers(ctx context.Context, wanted map[shopKey]ConfiguredStore, ids map[shopKey]int64) error {
	type place struct {
		store int64
		user  string
	}
	of := func(m Member) place { return place{m.StoreID, m.UserID} }
	want := map[place]Member{}
	for key, shop := range wanted {
		for _, m := range shop.Staff {
			m.StoreID, m.UserID = ids[key], fold(m.UserID)
			if err := identity("declare staff of store "+shop.Name, 64, m.UserID); err != nil {
				return err
			}
			want[of(m)] = tidy(m)
		}
	}
	have, err := rowsOfStores[Member](ctx, s.core, ids)
	if err != nil {
		return err
	}
	remove, add := difference(want, have, of)
	for _, m := range remove {
		if _, stays := want[of(m)]; stays {
			continue // with another name or role: overwritten below
		}
		err := s.write(ctx, "remove member", func(g *gorm.DB) error {
			return g.Where("store_id = ? AND user_id = ?", m.StoreID, m.UserID).Delete(&Member{}).Error
		})
		if err != nil {
			return err
		}
	}
	return addRows(ctx, s.core, "add members", add, memberChanged)
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

// rowsOfStores reads all rows of a table that belong to the stores or accounts.
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
