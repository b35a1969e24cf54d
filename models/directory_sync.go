package models

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Sync makes the directory say what config.yaml says. Accounts are recognised by
// platform and shop id; chats and staff of listed stores are replaced. Declared
// accounts that are no longer listed become inactive, unless a merchant's grant
// covers them: they stay, as that grant's. Other accounts of grants are left
// alone. Repeating it changes nothing, and several processes may do it at once.
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
		ids, err := tx.Directory.syncAccounts(ctx, accounts)
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
		return tx.Directory.syncSessions(ctx, accounts, ids)
	})
}

// declaredAccount is an account in config.yaml: of the store whose first account has
// the key.
type declaredAccount struct {
	of                       shopKey
	name, session, accountID string
}

// syncAccounts returns the ids of the declared accounts.
func (s DirectoryStore) syncAccounts(ctx context.Context, declared map[shopKey]declaredAccount) (map[shopKey]int64, error) {
	wanted := map[shopKey]Account{}
	for key, a := range declared {
		wanted[key] = tidy(Account{Platform: key.platform, ShopID: key.shopID, Name: a.name, Origin: OriginConfig, Active: true, AccountID: a.accountID})
	}
	have, err := s.accountsWith(ctx, wanted)
	if err != nil {
		return nil, err
	}
	live, err := s.liveGrants(ctx)
	if err != nil {
		return nil, err
	}
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
	next := make([]Account, len(have))
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
	s.part(ctx, next, wanted)
	for i, old := range have {
		if _, err := s.changeAccount(ctx, old, next[i]); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// part makes a further account a store of its own where its store has another one in use
// on its platform: what config.yaml declares stays, then what was there first.
func (s DirectoryStore) part(ctx context.Context, accounts []Account, declared map[shopKey]Account) {
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
			s.cfg.Log.WarnContext(ctx, "an account is a store of its own: its store has another one on its platform",
				"account", a.ID, "store", at.store, "platform", at.platform)
		}
		taken[at] = true
	}
}

// liveGrants are the ids of the grants that have not ended.
func (s DirectoryStore) liveGrants(ctx context.Context) (map[string]bool, error) {
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

// syncSessions writes the declared tokens that are new, and forgets those of
// listed accounts that declare none any more: such an account lives by its grant.
func (s DirectoryStore) syncSessions(ctx context.Context, wanted map[shopKey]declaredAccount, ids map[shopKey]int64) error {
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

// Where an account comes from.
const (
	OriginConfig = "config" // declared in config.yaml
	OriginGrant  = "grant"  // covered by a merchant's grant
	OriginChat   = "chat"   // connected by chat at a platform that has no such grants
)

// shopKey identifies an account at the platforms.
type shopKey struct{ platform, shopID string }

func (a Account) key() shopKey { return shopKey{a.Platform, a.ShopID} }

func storeKey(id int64) string { return strconv.FormatInt(id, 10) }

// accountsWith reads all accounts, in the order of their ids, after it has added the
// wanted ones that are missing.
func (s DirectoryStore) accountsWith(ctx context.Context, wanted map[shopKey]Account) ([]Account, error) {
	have, err := s.allAccounts(ctx)
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
	return s.allAccounts(ctx)
}

func (s DirectoryStore) allAccounts(ctx context.Context) ([]Account, error) {
	var rows []Account
	err := s.read(ctx, "list all accounts", func(g *gorm.DB) error { return g.Order("id").Find(&rows).Error })
	return rows, err
}

// changeAccount turns an account from what was read into something else. Where
// another transaction changed it meanwhile, the whole transaction runs again.
func (s DirectoryStore) changeAccount(ctx context.Context, old, now Account) (Account, error) {
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

// GrantShop is a shop that a grant covers, as the platform tells it.
type GrantShop struct{ ShopID, Name string }

// LinkGrant makes the accounts of a grant those that the platform says it covers:
// missing ones are added, each as a new store, one of another grant changes over, and
// those that are not covered any more lose the link and, unless config.yaml declares
// them, become inactive. A declared account keeps its name. A store's first account whose
// place on the platform another one has taken stays out of use, and so does one that was
// taken off, unless it is the only shop or of the store that was asked for (0: none). It
// returns the accounts of the grant, in use or not. Repeating it changes nothing; of several at once the last one stands.
func (s DirectoryStore) LinkGrant(ctx context.Context, g Grant, into int64, shops []GrantShop) ([]Account, error) {
	const what = "link accounts"
	covered := map[shopKey]Account{}
	for _, shop := range shops {
		if err := identity(what, 128, shop.ShopID); err != nil {
			return nil, err
		}
		covered[shopKey{g.Platform, shop.ShopID}] = tidy(Account{
			Platform: g.Platform, ShopID: shop.ShopID, Name: shop.Name, Origin: OriginGrant, Active: true, GrantID: g.ID,
		})
	}
	var linked []Account
	err := s.inTx(ctx, func(tx *DB) error {
		// Two lists for one grant need not touch the same account. Here they meet,
		// so that the result is never a mixture of both.
		err := tx.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
			return o.Model(&grantRow{}).Where("id = ?", g.ID).Update("links", gorm.Expr("links + 1"))
		})
		if err != nil {
			return err
		}
		linked, err = tx.Directory.link(ctx, g.ID, into, covered)
		return err
	})
	return unless(err, linked)
}

// takenOff reports whether people have put an account out of use, not the platform, which
// does not cover it any more, or config.yaml, which does not declare it.
func (a Account) takenOff() bool { return !a.Active && a.Origin == OriginGrant && a.GrantID != "" }

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

// holding reads all accounts while the stores of those that come back into use are held.
func (s DirectoryStore) holding(ctx context.Context, have []Account, back func(Account) bool) ([]Account, error) {
	held := map[int64]bool{}
	for _, a := range have {
		if back(a) {
			held[a.StoreID()] = true
		}
	}
	if len(held) == 0 {
		return have, nil
	}
	for _, store := range slices.Sorted(maps.Keys(held)) { // in one order everywhere
		if _, err := s.hold(ctx, store); err != nil {
			return nil, err
		}
	}
	have, err := s.allAccounts(ctx)
	if err == nil && slices.ContainsFunc(have, func(a Account) bool { return back(a) && !held[a.StoreID()] }) {
		err = &dbError{what: "hold stores", kinds: []error{ErrStale}, transient: true}
	}
	return have, err
}

func (s DirectoryStore) link(ctx context.Context, grantID string, into int64, covered map[shopKey]Account) ([]Account, error) {
	have, err := s.accountsWith(ctx, covered)
	if err != nil {
		return nil, err
	}
	have, err = s.holding(ctx, have, func(a Account) bool {
		_, ok := covered[a.key()]
		return ok && !a.Active
	})
	if err != nil {
		return nil, err
	}
	var linked []Account
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
		}
		if now, err = s.changeAccount(ctx, old, now); err != nil {
			return nil, err
		}
		have[i] = now
		if now.GrantID == grantID {
			linked = append(linked, now)
		}
	}
	return linked, nil
}
