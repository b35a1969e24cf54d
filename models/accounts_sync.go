package models

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// declaredAccount is an account in config.yaml: of the store whose first account has
// the key.
type declaredAccount struct {
	of                       shopKey
	name, session, accountID string
}

// sync returns the ids of the declared accounts.
func (s AccountStore) sync(ctx context.Context, declared map[shopKey]declaredAccount) (map[shopKey]int64, error) {
	wanted := map[shopKey]Account{}
	for key, a := range declared {
		wanted[key] = tidy(Account{Platform: key.platform, ShopID: key.shopID, Name: a.name, Origin: OriginConfig, Active: true, AccountID: a.accountID})
	}
	have, err := s.with(ctx, wanted)
	if err != nil {
		return nil, err
	}
	live, err := s.liveGrants(ctx)
	if err != nil {
		return nil, err
	}
	ids, next := plan(have, declared, wanted, live)
	if stores := touched(have, next); len(stores) > 0 {
		if have, err = s.held(ctx, stores); err != nil {
			return nil, err
		}
		ids, next = plan(have, declared, wanted, live)
		if !within(touched(have, next), stores) {
			return nil, &dbError{what: "hold stores", kinds: []error{ErrStale}, transient: true}
		}
	}
	for i, old := range have {
		if _, err := s.replace(ctx, old, next[i]); err != nil {
			return nil, err
		}
		if _, ok := declared[old.key()]; !ok && old.BelongsTo != 0 && next[i].BelongsTo == 0 {
			s.cfg.Log.WarnContext(ctx, "an account is a store of its own: its store has another one on its platform",
				"account", old.ID, "store", old.BelongsTo, "platform", old.Platform)
		}
	}
	return ids, nil
}

// plan says what accounts become by what is declared, and gives the ids of the declared
// ones.
func plan(have []Account, declared map[shopKey]declaredAccount, wanted map[shopKey]Account, live map[string]bool) (ids map[shopKey]int64, next []Account) {
	ids, home := map[shopKey]int64{}, map[int64]int64{}
	for _, old := range have {
		if _, ok := declared[old.key()]; ok {
			ids[old.key()] = old.ID
		}
		home[old.ID] = old.StoreID()
	}
	for key, a := range declared {
		home[ids[key]] = ids[a.of]
	}
	next = make([]Account, len(have))
	for i, old := range have {
		now := old
		if account, ok := wanted[old.key()]; ok {
			now.Name, now.Origin, now.Active, now.AccountID = account.Name, account.Origin, account.Active, account.AccountID
		} else if old.Origin == OriginConfig {
			if live[old.GrantID] { // no longer declared, but covered by a merchant's grant
				now.Origin, now.Active = OriginGrant, true
			} else {
				now.Active = false
			}
		}
		now.BelongsTo = home[home[old.ID]] // whose store has become another's account goes with it
		if now.BelongsTo == old.ID {
			now.BelongsTo = 0
		}
		next[i] = now
	}
	separate(next, wanted)
	return ids, next
}

// touched are the stores whose accounts change, as they are before.
func touched(have, next []Account) map[int64]bool {
	home, stores := map[int64]int64{}, map[int64]bool{}
	for _, a := range have {
		home[a.ID] = a.StoreID()
	}
	for i, old := range have {
		if tidy(next[i]) != old {
			stores[old.StoreID()], stores[home[next[i].StoreID()]] = true, true
		}
	}
	return stores
}

// within reports whether all of some stores are among others.
func within(some, others map[int64]bool) bool {
	for id := range some {
		if !others[id] {
			return false
		}
	}
	return true
}

// separate makes a further account a store of its own where its store has another one in use
// on its platform: what config.yaml declares stays, then what was there first.
func separate(accounts []Account, declared map[shopKey]Account) {
	type place struct {
		store    int64
		platform string
	}
	taken := map[place]bool{}
	stays := func(a Account) bool {
		_, ok := declared[a.key()]
		return ok || a.BelongsTo == 0
	}
	for _, a := range accounts {
		if a.Active && stays(a) {
			taken[place{a.StoreID(), a.Platform}] = true
		}
	}
	for i, a := range accounts {
		if !a.Active || stays(a) {
			continue
		}
		at := place{a.BelongsTo, a.Platform}
		if taken[at] {
			accounts[i].BelongsTo = 0
		}
		taken[at] = true
	}
}

// with reads all accounts, in the order of their ids, after it has added the
// wanted ones that are missing.
func (s AccountStore) with(ctx context.Context, wanted map[shopKey]Account) ([]Account, error) {
	have, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	missing := maps.Clone(wanted)
	for _, a := range have {
		delete(missing, a.key())
	}
	if len(missing) == 0 {
		return have, nil
	}
	// In one order everywhere, so that processes wait for each other instead of
	// deadlocking; another one may have been first.
	rows := slices.SortedFunc(maps.Values(missing), func(a, b Account) int {
		return strings.Compare(a.Platform+"\x00"+a.ShopID, b.Platform+"\x00"+b.ShopID)
	})
	if err := addRows(ctx, s.core, "add accounts", rows, clause.OnConflict{DoNothing: true}); err != nil {
		return nil, err
	}
	return s.all(ctx)
}

// liveGrants are the ids of the grants that have not ended.
func (s AccountStore) liveGrants(ctx context.Context) (map[string]bool, error) {
	var ids []string
	err := s.read(ctx, "list grants", func(g *gorm.DB) error {
		return g.Model(&Grant{}).Where("ended = ?", false).Pluck("id", &ids).Error
	})
	live := map[string]bool{}
	for _, id := range ids {
		live[id] = true
	}
	return live, err
}

// syncSessions writes the declared tokens that are new, and forgets those of
// listed accounts that declare none any more: such an account lives by its grant.
func (s AccountStore) syncSessions(ctx context.Context, wanted map[shopKey]declaredAccount, ids map[shopKey]int64) error {
	have, err := rowsOfStores[sessionRow](ctx, s.core, ids)
	if err != nil {
		return err
	}
	declared := map[int64][]byte{}
	for _, r := range have {
		declared[r.StoreID] = r.Declared
	}
	var add []sessionRow
	var remove []int64
	for key, account := range wanted {
		id := ids[key]
		old, known := declared[id]
		print := s.keys.fingerprint(storeKey(id), account.session)
		switch {
		case account.session == "" && known:
			remove = append(remove, id)
		case account.session != "" && !bytes.Equal(old, print):
			add = append(add, sessionRow{
				StoreID:     id,
				AccessToken: s.keys.seal(sessionAccess, storeKey(id), []byte(account.session)),
				Declared:    print,
			})
		}
	}
	slices.Sort(remove)
	for _, id := range remove {
		err := s.write(ctx, "remove session", func(g *gorm.DB) error {
			return g.Where("store_id = ?", id).Delete(&sessionRow{}).Error
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(add, func(a, b sessionRow) int { return int(a.StoreID - b.StoreID) })
	return addRows(ctx, s.core, "add sessions", add, clause.OnConflict{
		Columns:   []clause.Column{{Name: "store_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"access_token", "refresh_token", "expires_at", "declared"}),
	})
}
