package models

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"
)

// Account is a store's shop at one platform; a shop at a platform is one store's. What
// is verified knows its account: StoreID of an [Operation], a [Coupon], a [Call] or a
// [Reconciliation] is the id of one.
//
// Accounts are the rows of the table stores, and a store is the row of its first
// account. So nothing is kept twice, ids are the same for a program from before there
// were further accounts, and whichever replica settles an operation asks its platform.
type Account struct {
	ID        int64  `gorm:"primaryKey"` // of a store's first account: the store's
	Platform  string `gorm:"size:32"`    // dianping | meituan | douyin
	ShopID    string `gorm:"size:128"`   // open_shop_uuid | opBizCode | poi_id
	Name      string `gorm:"size:128"`   // of a store's first account: the store's
	Origin    string `gorm:"size:32"`    // [OriginConfig] | [OriginGrant] | [OriginChat]
	Active    bool
	GrantID   string `gorm:"size:64"` // the merchant's consent that covers it; "": none
	BelongsTo int64  // the store, for a further account of it; 0: it is a store's first
	AccountID string `gorm:"size:64"` // douyin: the account of 来客 that has the shop; "": the configured one
}

// TableName names the table for GORM.
func (Account) TableName() string { return "stores" }

// StoreID is the id of the store that has the account.
func (a Account) StoreID() int64 { return cmp.Or(a.BelongsTo, a.ID) }

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

// Store is a shop where people stand: groups, people and roles are its. It is its first
// account, by whose fields it is known, and further ones.
type Store struct {
	Account
	Further []Account `gorm:"-"` // in the order they were added
}

// Accounts are those that are in use, the first first.
func (s Store) Accounts() []Account {
	return slices.DeleteFunc(s.All(), func(a Account) bool { return !a.Active })
}

// All are the accounts, in use or not.
func (s Store) All() []Account { return append([]Account{s.Account}, s.Further...) }

// Declared reports whether config.yaml says who belongs to the store.
func (s Store) Declared() bool { return s.Origin == OriginConfig && s.Active }

// Live reports whether the store has an account in use.
func (s Store) Live() bool { return len(s.Accounts()) > 0 }

// Last reports whether an account is the only one of the store that is in use.
func (s Store) Last(a Account) bool { return a.Active && len(s.Accounts()) == 1 }

// AccountOf finds an account of the store, in use or not.
func (s Store) AccountOf(id int64) (Account, bool) {
	all := s.All()
	if i := slices.IndexFunc(all, func(a Account) bool { return a.ID == id }); i >= 0 {
		return all[i], true
	}
	return Account{}, false
}

// Beside are the ids of the other accounts of the store, in use or not.
func (s Store) Beside(account int64) []int64 {
	return slices.DeleteFunc(AccountIDs([]Store{s}), func(id int64) bool { return id == account })
}

// Clashes reports whether two stores have accounts in use on the same platform.
func (s Store) Clashes(o Store) bool {
	return slices.ContainsFunc(o.Accounts(), func(a Account) bool { return s.On(a.Platform) })
}

// On reports whether the store has an account in use on a platform.
func (s Store) On(platform string) bool {
	return slices.ContainsFunc(s.Accounts(), func(a Account) bool { return a.Platform == platform })
}

// StoreIDs are the ids of stores.
func StoreIDs(stores []Store) []int64 {
	ids := make([]int64, len(stores))
	for i, s := range stores {
		ids[i] = s.ID
	}
	return ids
}

// AccountIDs are the ids of all accounts of stores, in use or not: of what was verified
// there.
func AccountIDs(stores []Store) (ids []int64) {
	for _, s := range stores {
		for _, a := range s.All() {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// AccountsOf are the accounts of stores that are in use; of a store that has none any
// more, all.
func AccountsOf(stores []Store) (all []Account) {
	for _, s := range stores {
		if some := s.Accounts(); len(some) > 0 {
			all = append(all, some...)
		} else {
			all = append(all, s.All()...)
		}
	}
	return all
}

// storeRow is a store with one of its further accounts, or with none.
type storeRow struct {
	Account
	Other Account `gorm:"embedded;embeddedPrefix:further_"`
}

const (
	// storeColumns and withFurther read rows of that kind.
	storeColumns = "stores.*, further.id AS further_id, further.platform AS further_platform, further.shop_id AS further_shop_id," +
		" further.name AS further_name, further.origin AS further_origin, further.active AS further_active," +
		" further.grant_id AS further_grant_id, further.belongs_to AS further_belongs_to, further.account_id AS further_account_id"
	withFurther = "LEFT JOIN stores AS further ON further.belongs_to = stores.id"

	// storeOf is the id of the store that has an account.
	storeOf = "(SELECT CASE WHEN belongs_to = 0 THEN id ELSE belongs_to END FROM stores WHERE id = ?)"
)

// liveStores lets stores through that have an account in use.
func liveStores(g *gorm.DB) *gorm.DB {
	return g.Where("stores.belongs_to = 0 AND (stores.active = ? OR EXISTS ("+furtherInUse+"))", true, true)
}

// offStores lets stores through that have none.
func offStores(g *gorm.DB) *gorm.DB {
	return g.Where("stores.belongs_to = 0 AND stores.active = ? AND NOT EXISTS ("+furtherInUse+")", false, true)
}

const furtherInUse = "SELECT 1 FROM stores AS other WHERE other.belongs_to = stores.id AND other.active = ?"

// compare orders rows as their accounts were added. A server that does so makes a
// temporary table of them, and a file of that where they hold tokens.
func (r storeRow) compare(o storeRow) int {
	return cmp.Or(cmp.Compare(r.ID, o.ID), cmp.Compare(r.Other.ID, o.Other.ID))
}

// addTo adds a row to the stores of those before it.
func (r storeRow) addTo(stores []Store) []Store {
	if n := len(stores); n == 0 || stores[n-1].ID != r.ID {
		stores = append(stores, Store{Account: r.Account})
	}
	if last := &stores[len(stores)-1]; r.Other.ID != 0 {
		last.Further = append(last.Further, r.Other)
	}
	return stores
}

// stores reads stores with their accounts, in the order in which they were added.
func (s DirectoryStore) stores(ctx context.Context, what string, which func(*gorm.DB) *gorm.DB) (stores []Store, err error) {
	var rows []storeRow
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return which(g.Table("stores").Select(storeColumns).Joins(withFurther)).Scan(&rows).Error
	})
	slices.SortFunc(rows, storeRow.compare)
	for _, r := range rows {
		stores = r.addTo(stores)
	}
	return stores, err
}

// Stores lists the stores that have an account in use, in the order they were added.
func (s DirectoryStore) Stores(ctx context.Context) ([]Store, error) {
	return s.stores(ctx, "list stores", liveStores)
}

// Store finds the store that has an account, in use or not; the id of its first account
// is its own.
func (s DirectoryStore) Store(ctx context.Context, account int64) (Store, error) {
	const what = "find store"
	rows, err := s.stores(ctx, what, func(g *gorm.DB) *gorm.DB { return g.Where("stores.id = "+storeOf, account) })
	return first(rows, err, what)
}

// AccountStore knows the shops that stores have at the platforms, in use or not.
type AccountStore struct{ *core }

// List lists the accounts in use in the order they were added.
func (s AccountStore) List(ctx context.Context) ([]Account, error) {
	var rows []Account
	err := s.read(ctx, "list accounts", func(g *gorm.DB) error {
		return g.Where("active = ?", true).Order("id").Find(&rows).Error
	})
	return rows, err
}

func (s AccountStore) all(ctx context.Context) ([]Account, error) {
	var rows []Account
	err := s.read(ctx, "list all accounts", func(g *gorm.DB) error { return g.Order("id").Find(&rows).Error })
	return rows, err
}

// Idle are those of the shops at a platform that no store has an account in use for.
func (s AccountStore) Idle(ctx context.Context, platform string, shops []string) ([]string, error) {
	return s.without(ctx, platform, shops, "active = ?", true)
}

// Unknown are those of the shops at a platform that no store has had an account for.
func (s AccountStore) Unknown(ctx context.Context, platform string, shops []string) ([]string, error) {
	return s.without(ctx, platform, shops, "1 = 1")
}

// without are those of the shops that have no such account.
func (s AccountStore) without(ctx context.Context, platform string, shops []string, such string, args ...any) ([]string, error) {
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
