package models

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"
)

// Merge makes the accounts of one store further accounts of another, for they are the
// same shop. What was verified keeps its account, so it is the other's history from then
// on. Groups and people come along; who is in both has the higher of the two roles.
//
// The errors are [ErrNotFound] where either is no store, or not any more, and
// [ErrSamePlatform].
func (s AccountStore) Merge(ctx context.Context, into, from int64) error {
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
			if _, err := tx.Accounts.replace(ctx, a, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeOff puts an account out of use, and says whether it was in use. Its access to the
// platform stays, so that what is under way there is settled, and can be undone. A new
// authorisation that means it puts it into use again: see [AccountStore.LinkGrant].
func (s AccountStore) TakeOff(ctx context.Context, account int64) (taken bool, err error) {
	return s.changeOne(ctx, account, func(_ Store, a *Account) bool {
		was := a.Active
		a.Active = false
		return was
	})
}

// Split makes a further account a store of its own, without groups and people, and says
// whether it did: a first one, and the last of a store in use, stays.
func (s AccountStore) Split(ctx context.Context, account int64) (split bool, err error) {
	return s.changeOne(ctx, account, func(of Store, a *Account) bool {
		can := a.BelongsTo != 0 && !of.Last(*a)
		a.BelongsTo = 0
		return can
	})
}

// changeOne changes an account where there is something to change.
func (s AccountStore) changeOne(ctx context.Context, account int64, change func(Store, *Account) bool) (changed bool, err error) {
	err = DirectoryStore(s).change(ctx, account, func(tx *DB, store int64) error {
		of, err := tx.Directory.Store(ctx, store)
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
		_, err = tx.Accounts.replace(ctx, old, now)
		return err
	})
	return changed, err
}

// Connect puts the shop of an account into use, without a grant: as a new store, or where
// it was before. It says whether it is new, and whether it was in use.
//
// The error is [ErrSamePlatform], with the account as it is, where it is the first account
// of a store that has another one in use on its platform by now.
func (s AccountStore) Connect(ctx context.Context, a Account) (account Account, fresh, used bool, err error) {
	const what = "connect shop"
	if err := identity(what, 128, a.Platform, a.ShopID); err != nil {
		return Account{}, false, false, err
	}
	a = tidy(Account{Platform: a.Platform, ShopID: a.ShopID, Name: a.Name, AccountID: a.AccountID, Origin: OriginChat, Active: true})
	err = s.inTx(ctx, func(tx *DB) error {
		accounts := tx.Accounts
		fresh, used, account = false, false, a
		missing, err := accounts.Unknown(ctx, a.Platform, []string{a.ShopID})
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			if fresh, err = addOnce(ctx, accounts.core, what, &account); err != nil || fresh {
				return err
			}
			return &dbError{what: what, kinds: []error{ErrStale}, transient: true} // another transaction was first
		}
		have, err := accounts.all(ctx)
		if err != nil {
			return err
		}
		have, err = accounts.holding(ctx, have, func(o Account) bool { return o.key() == a.key() && !o.Active })
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
		account, err = accounts.replace(ctx, old, now)
		return err
	})
	return account, fresh, used, err
}

// comeBack says in which store an account that is not in use comes back into use: in its
// own, unless that has another one in use on its platform by now. Then a further account
// is a store of its own; false: a store's first stays out of use.
func comeBack(have []Account, old Account) (belongsTo int64, ok bool) {
	if slices.ContainsFunc(have, func(a Account) bool {
		return a.Active && a.Platform == old.Platform && a.ID != old.ID && a.StoreID() == old.StoreID()
	}) {
		return 0, old.BelongsTo != 0
	}
	return old.BelongsTo, true
}

// held holds stores and then reads all accounts.
func (s AccountStore) held(ctx context.Context, stores map[int64]bool) ([]Account, error) {
	for _, store := range slices.Sorted(maps.Keys(stores)) { // in one order everywhere
		if _, err := DirectoryStore(s).hold(ctx, store); err != nil {
			return nil, err
		}
	}
	return s.all(ctx)
}

// holding reads all accounts while the stores of those that come back into use are held.
func (s AccountStore) holding(ctx context.Context, have []Account, back func(Account) bool) ([]Account, error) {
	stores := map[int64]bool{}
	for _, a := range have {
		if back(a) {
			stores[a.StoreID()] = true
		}
	}
	if len(stores) == 0 {
		return have, nil
	}
	have, err := s.held(ctx, stores)
	if err == nil && slices.ContainsFunc(have, func(a Account) bool { return back(a) && !stores[a.StoreID()] }) {
		err = &dbError{what: "hold stores", kinds: []error{ErrStale}, transient: true}
	}
	return have, err
}

// replace turns an account from what was read into something else. Where
// another transaction changed it meanwhile, the whole transaction runs again.
func (s AccountStore) replace(ctx context.Context, old, now Account) (Account, error) {
	const what = "change account"
	if now = tidy(now); now == old {
		return now, nil
	}
	var hit int64
	err := s.write(ctx, what, func(g *gorm.DB) error {
		result := g.Model(&Account{}).
			Where("id = ? AND name = ? AND origin = ? AND active = ? AND grant_id = ? AND belongs_to = ? AND account_id = ?",
				old.ID, old.Name, old.Origin, old.Active, old.GrantID, old.BelongsTo, old.AccountID).
			Select("name", "origin", "active", "grant_id", "belongs_to", "account_id").Updates(now)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		err = &dbError{what: what, kinds: []error{ErrStale}, transient: true}
	}
	return now, err
}
