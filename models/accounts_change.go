package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// hold finds the store that has an account and raises its version. Whoever changes the
// groups, people or accounts of a store does so first: of two at once, the one that does
// not know what the other has changed begins anew.
func (s DirectoryStore) hold(ctx context.Context, account int64) (store int64, err error) {
	const what = "hold store"
	var rows []struct{ ID, FiguresVersion int64 }
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return g.Table("stores").Select("id, figures_version").Where("id = "+storeOf, account).Scan(&rows).Error
	})
	row, err := first(rows, err, what)
	if err != nil {
		return 0, err
	}
	var hit int64
	err = s.write(ctx, what, func(g *gorm.DB) error {
		result := g.Table("stores").Where("id = ? AND figures_version = ? AND belongs_to = 0", row.ID, row.FiguresVersion).
			Update("figures_version", row.FiguresVersion+1)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		err = &dbError{what: what, kinds: []error{ErrStale}, transient: true}
	}
	return row.ID, err
}

// change holds the store of an account while something of it is changed.
func (s DirectoryStore) change(ctx context.Context, account int64, do func(d DirectoryStore, store int64) error) error {
	return s.inTx(ctx, func(tx *DB) error {
		store, err := tx.Directory.hold(ctx, account)
		if err != nil {
			return err
		}
		return do(tx.Directory, store)
	})
}

// Merge makes the accounts of one store further accounts of another, for they are the
// same shop. What was verified keeps its account, so it is the other's history from then
// on. Groups and people come along; who is in both has the higher of the two roles.
//
// The errors are [ErrNotFound] where either is no store, or not any more, and
// [ErrSamePlatform].
func (s DirectoryStore) Merge(ctx context.Context, into, from int64) error {
	const what = "merge stores"
	if into == from {
		return failed(what, ErrInvalid)
	}
	return s.inTx(ctx, func(tx *DB) error {
		d := tx.Directory
		for _, id := range []int64{min(into, from), max(into, from)} { // in one order everywhere
			store, err := d.hold(ctx, id)
			if err == nil && store != id {
				err = failed(what, ErrNotFound)
			}
			if err != nil {
				return err
			}
		}
		stays, err := d.Store(ctx, into)
		if err != nil {
			return err
		}
		goes, err := d.Store(ctx, from)
		if err != nil {
			return err
		}
		if stays.Clashes(goes) {
			return failed(what, ErrSamePlatform)
		}
		if err := d.bring(ctx, into, from); err != nil {
			return err
		}
		for _, a := range goes.All() {
			now := a
			now.BelongsTo = into
			if _, err := d.changeAccount(ctx, a, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// Clashes reports whether two stores have accounts in use on the same platform.
func (s Store) Clashes(o Store) bool {
	return slices.ContainsFunc(o.Accounts(), func(a Account) bool { return s.On(a.Platform) })
}

// On reports whether the store has an account in use on a platform.
func (s Store) On(platform string) bool {
	return slices.ContainsFunc(s.Accounts(), func(a Account) bool { return a.Platform == platform })
}

// gather brings the groups and people of further accounts to their stores: a program from
// before there were such accounts may have added some.
func (s DirectoryStore) gather(ctx context.Context) error {
	var rows []Account
	err := s.read(ctx, "look for groups and people of accounts", func(g *gorm.DB) error {
		return g.Where("belongs_to <> 0 AND (EXISTS (SELECT 1 FROM chats WHERE store_id = stores.id)" +
			" OR EXISTS (SELECT 1 FROM members WHERE store_id = stores.id))").Order("id").Find(&rows).Error
	})
	if err != nil {
		return err
	}
	for _, a := range rows {
		if err := s.bring(ctx, a.BelongsTo, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// ranks order the roles by what they may do.
var ranks = map[Role]int{RoleGuest: 1, RoleStaff: 2, RoleLead: 3, RoleManager: 4}

// bring moves the groups and the people of a store to another.
func (s DirectoryStore) bring(ctx context.Context, into, from int64) error {
	const what = "bring groups and people"
	var chats []chatRow
	var there, come []Member
	for _, list := range []struct {
		rows  any
		store int64
	}{{&chats, from}, {&there, into}, {&come, from}} {
		err := s.read(ctx, what, func(g *gorm.DB) error {
			return g.Where("store_id = ?", list.store).Find(list.rows).Error
		})
		if err != nil {
			return err
		}
	}
	for i := range chats {
		chats[i].StoreID = into
	}
	if err := addRows(ctx, s.core, what, chats, clause.OnConflict{DoNothing: true}); err != nil {
		return err
	}
	if err := addRows(ctx, s.core, what, together(into, there, come), memberChanged); err != nil {
		return err
	}
	return s.write(ctx, what, func(g *gorm.DB) error {
		if err := g.Where("store_id = ?", from).Delete(&chatRow{}).Error; err != nil {
			return err
		}
		return g.Where("store_id = ?", from).Delete(&Member{}).Error
	})
}

// together are the people that come to a store as they are there from then on.
func together(store int64, there, come []Member) []Member {
	for i, m := range come {
		if j := slices.IndexFunc(there, func(o Member) bool { return o.UserID == m.UserID }); j >= 0 {
			old := there[j]
			if old.Name != "" {
				come[i].Name = old.Name
			}
			if ranks[old.Role] > ranks[m.Role] {
				come[i].Role = old.Role
			}
		}
		come[i].StoreID = store
	}
	return come
}

// TakeOff puts an account out of use, and says whether it was in use. Its access to the
// platform stays, so that what is under way there is settled, and can be undone. A new
// authorisation that means it puts it into use again: see [DirectoryStore.LinkGrant].
func (s DirectoryStore) TakeOff(ctx context.Context, account int64) (taken bool, err error) {
	return s.changeOne(ctx, account, func(_ Store, a *Account) bool {
		was := a.Active
		a.Active = false
		return was
	})
}

// Split makes a further account a store of its own, without groups and people, and says
// whether it did: a first one, and the last of a store in use, stays.
func (s DirectoryStore) Split(ctx context.Context, account int64) (split bool, err error) {
	return s.changeOne(ctx, account, func(of Store, a *Account) bool {
		can := a.BelongsTo != 0 && !of.Last(*a)
		a.BelongsTo = 0
		return can
	})
}

// changeOne changes an account where there is something to change.
func (s DirectoryStore) changeOne(ctx context.Context, account int64, change func(Store, *Account) bool) (changed bool, err error) {
	err = s.change(ctx, account, func(d DirectoryStore, store int64) error {
		of, err := d.Store(ctx, store)
		if err != nil {
			return err
		}
		old, ok := of.AccountOf(account)
		if !ok {
			return failed("change account", ErrNotFound)
		}
		now := old
		if changed = change(of, &now); !changed {
			return nil
		}
		_, err = d.changeAccount(ctx, old, now)
		return err
	})
	return changed, err
}

// Connect puts the shop of an account into use, without a grant: as a new store, or where
// it was before. It says whether it is new, and whether it was in use.
//
// The error is [ErrSamePlatform], with the account as it is, where it is the first account
// of a store that has another one in use on its platform by now.
func (s DirectoryStore) Connect(ctx context.Context, a Account) (account Account, fresh, used bool, err error) {
	const what = "connect shop"
	if err := identity(what, 128, a.Platform, a.ShopID); err != nil {
		return Account{}, false, false, err
	}
	a = tidy(Account{Platform: a.Platform, ShopID: a.ShopID, Name: a.Name, AccountID: a.AccountID, Origin: OriginChat, Active: true})
	err = s.inTx(ctx, func(tx *DB) error {
		d := tx.Directory
		fresh, used, account = false, false, a
		missing, err := d.Unknown(ctx, a.Platform, []string{a.ShopID})
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			if fresh, err = addOnce(ctx, d.core, what, &account); err != nil || fresh {
				return err
			}
			return &dbError{what: what, kinds: []error{ErrStale}, transient: true} // another transaction was first
		}
		have, err := d.allAccounts(ctx)
		if err != nil {
			return err
		}
		have, err = d.holding(ctx, have, func(o Account) bool { return o.key() == a.key() && !o.Active })
		if err != nil {
			return err
		}
		old := have[slices.IndexFunc(have, func(o Account) bool { return o.key() == a.key() })]
		if used = old.Active; used {
			account = old
			return nil
		}
		now := a
		now.ID, now.GrantID = old.ID, old.GrantID
		if now.BelongsTo, now.Active = comeBack(have, old); !now.Active {
			account = old
			return failed(what, ErrSamePlatform)
		}
		account, err = d.changeAccount(ctx, old, now)
		return err
	})
	return account, fresh, used, err
}

// Idle are those of the shops at a platform that no store has an account in use for.
func (s DirectoryStore) Idle(ctx context.Context, platform string, shops []string) ([]string, error) {
	return s.without(ctx, platform, shops, "active = ?", true)
}

// Unknown are those of the shops at a platform that no store has had an account for.
func (s DirectoryStore) Unknown(ctx context.Context, platform string, shops []string) ([]string, error) {
	return s.without(ctx, platform, shops, "1 = 1")
}

// without are those of the shops that have no such account.
func (s DirectoryStore) without(ctx context.Context, platform string, shops []string, such string, args ...any) ([]string, error) {
	known := map[string]bool{}
	for some := range slices.Chunk(shops, batch) {
		var ids []string
		err := s.read(ctx, "look for shops", func(g *gorm.DB) error {
			return g.Model(&Account{}).Where("platform = ? AND shop_id IN ?", platform, some).Where(such, args...).Pluck("shop_id", &ids).Error
		})
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(shops), func(id string) bool { return known[id] }), nil
}
