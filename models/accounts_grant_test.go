package models_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func shops(ids ...string) []models.GrantShop {
	var all []models.GrantShop
	for _, id := range ids {
		all = append(all, models.GrantShop{ShopID: id, Name: "店 " + id})
	}
	return all
}

func link(t *testing.T, db *models.DB, g models.Grant, ids ...string) []models.Account {
	t.Helper()
	return linked(t, db, g, shops(ids...)...).Accounts
}

func linked(t *testing.T, db *models.DB, g models.Grant, shops ...models.GrantShop) models.Linked {
	t.Helper()
	l, err := db.Accounts.LinkGrant(t.Context(), g, 0, shops)
	no(t, err)
	return l
}

func shopIDs(accounts []models.Account) string {
	var all []string
	for _, a := range accounts {
		all = append(all, a.ShopID)
	}
	return strings.Join(all, ",")
}

// firsts are the first accounts of stores.
func firsts(stores []models.Store) []models.Account {
	var all []models.Account
	for _, s := range stores {
		all = append(all, s.Account)
	}
	return all
}

func TestLinkStores(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		g := granted(t, db, "bid-1")
		before := link(t, db, g, "b", "a", "b")
		same(t, before, []models.Account{
			{ID: before[0].ID, Platform: "dianping", ShopID: "a", Name: "店 a", Origin: models.OriginGrant, Active: true, GrantID: g.ID},
			{ID: before[1].ID, Platform: "dianping", ShopID: "b", Name: "店 b", Origin: models.OriginGrant, Active: true, GrantID: g.ID},
		})
		same(t, firsts(must(db.Directory.Stores(ctx))), before)
		kept(t, db, g) // its version did not move
		same(t, must(db.Grants.OfAccount(ctx, before[1].ID)), g)
		same(t, link(t, db, g, "a", "b"), before)
		same(t, must(db.Grants.Session(ctx, before[0].ID)), models.Session{
			AccountID: before[0].ID, AccessToken: "access-bid-1", RefreshToken: "refresh-bid-1",
			ExpiresAt: g.ExpiresAt, GrantID: g.ID, Version: 1,
		})

		// A shop that is not covered any more, one that is new, one with a new name
		// and one without.
		now := linked(t, db, g, models.GrantShop{ShopID: "b", Name: "外滩店"}, models.GrantShop{ShopID: "c"})
		changed := now.Accounts
		same(t, now.Lost, before[:1])
		same(t, shopIDs(changed), "b,c")
		same(t, namesOf(changed), "外滩店,")
		gone := must(db.Directory.Store(ctx, before[0].ID))
		same(t, gone.Active, false)
		same(t, gone.GrantID, "")
		want(t, second(db.Grants.Session(ctx, gone.ID)), models.ErrNotFound)
		unnamed := linked(t, db, g, models.GrantShop{ShopID: "b"}, models.GrantShop{ShopID: "a", Name: "店 a"}).Accounts
		same(t, namesOf(unnamed), "店 a,外滩店")
		same(t, unnamed[0].ID, before[0].ID) // it is back

		// A shop changes over to another merchant's grant.
		other := granted(t, db, "bid-2")
		same(t, shopIDs(link(t, db, other, "b")), "b")
		same(t, must(db.Grants.Session(ctx, before[1].ID)).AccessToken, "access-bid-2")
		same(t, shopIDs(link(t, db, g, "a")), "a") // does not take away what it has lost already
		same(t, must(db.Grants.OfAccount(ctx, before[1].ID)).ID, other.ID)

		same(t, len(link(t, db, g)), 0)
		same(t, shopIDs(firsts(must(db.Directory.Stores(ctx)))), "b")
		_, err := db.Accounts.LinkGrant(ctx, g, 0, shops(""))
		want(t, err, models.ErrInvalid)
		_, err = db.Accounts.LinkGrant(ctx, models.Grant{ID: "nobody's", Platform: "dianping"}, 0, shops("a"))
		want(t, err, models.ErrStale)
	})
}

// The same shop id at two platforms is two stores.
func TestLinkStoresOfOnePlatform(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		one := granted(t, db, "bid-1")
		two := consent("")
		two.Platform, two.ShopID = "meituan", "a"
		two = must(db.Grants.Save(t.Context(), two))
		a, b := link(t, db, one, "a"), link(t, db, two, "a")
		same(t, len(a)+len(b), 2)
		same(t, must(db.Directory.Store(t.Context(), a[0].ID)).GrantID, one.ID)
		same(t, b[0].Platform, "meituan")
	})
}

// Stores that config.yaml declares keep their name and their token; the grant
// serves where there is none.
func TestDeclaredStoresAndGrants(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		declared := twoStores()
		no(t, db.Directory.Sync(ctx, declared))
		g := granted(t, db, "bid-1")
		linked := link(t, db, g, "uuid-1", "uuid-9")
		same(t, namesOf(linked), "人民广场店🐟,店 uuid-9")
		one, nine := linked[0], linked[1]
		same(t, one.Origin, models.OriginConfig)
		same(t, must(db.Grants.Session(ctx, one.ID)), models.Session{AccountID: one.ID, AccessToken: "token-1"})

		// By chat, on the store that config.yaml does not know.
		no(t, db.Directory.BindChat(ctx, nine.ID, "wrNine"))
		no(t, db.Directory.SetMember(ctx, models.Member{StoreID: nine.ID, UserID: "WangWu", Name: "王五", Role: models.RoleLead}))
		no(t, db.Directory.Sync(ctx, declared))
		same(t, must(db.Directory.Store(ctx, one.ID)).Account, one)
		same(t, must(db.Directory.Store(ctx, nine.ID)).Account, nine)
		same(t, must(db.Directory.ChatsOfStore(ctx, nine.ID)), []string{"wrNine"})
		same(t, len(must(db.Directory.Members(ctx, nine.ID))), 1)

		// Declared without a token.
		declared[0].Session = ""
		no(t, db.Directory.Sync(ctx, declared))
		same(t, must(db.Grants.Session(ctx, one.ID)).AccessToken, "access-bid-1")
		declared[0].Session = "token-1"
		no(t, db.Directory.Sync(ctx, declared))
		same(t, must(db.Grants.Session(ctx, one.ID)).AccessToken, "token-1")

		// Not declared any more: it stays as the grant's, with its people, and
		// comes back.
		no(t, db.Directory.Sync(ctx, declared[1:]))
		now := must(db.Directory.Store(ctx, one.ID))
		same(t, now.Origin, models.OriginGrant)
		same(t, now.Active, true)
		same(t, must(db.Grants.Session(ctx, one.ID)).AccessToken, "access-bid-1")
		same(t, len(must(db.Directory.Members(ctx, one.ID))), 2)
		no(t, db.Directory.Sync(ctx, declared))
		same(t, must(db.Directory.Store(ctx, one.ID)).Account, one)
		same(t, must(db.Grants.Session(ctx, one.ID)).AccessToken, "token-1")

		// A store of a grant is declared.
		declared = append(declared, models.ConfiguredStore{Platform: "dianping", ShopID: "uuid-9", Name: "九号店"})
		no(t, db.Directory.Sync(ctx, declared))
		now = must(db.Directory.Store(ctx, nine.ID))
		same(t, now.Origin, models.OriginConfig)
		same(t, now.Name, "九号店")
		same(t, must(db.Grants.Session(ctx, nine.ID)).AccessToken, "access-bid-1")

		// Once a declared store is not covered, only the link is gone.
		same(t, len(link(t, db, g)), 0)
		now = must(db.Directory.Store(ctx, one.ID))
		same(t, now.Active, true)
		same(t, now.GrantID, "")
		want(t, second(db.Grants.Session(ctx, nine.ID)), models.ErrNotFound)
	})
}

func TestEndedGrant(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, twoStores()))
		g := granted(t, db, "bid-1")
		linked := link(t, db, g, "uuid-1", "uuid-9")
		g = must(db.Grants.End(ctx, g, "withdrawn"))
		same(t, must(db.Grants.Session(ctx, linked[1].ID)), models.Session{
			AccountID: linked[1].ID, ExpiresAt: g.ExpiresAt, GrantID: g.ID, Version: g.Version,
		})
		same(t, must(db.Grants.OfAccount(ctx, linked[1].ID)), g)
		same(t, names(must(db.Directory.Stores(ctx))), "人民广场店🐟,徐家汇店,店 uuid-9")

		// A grant that has ended keeps no store that is not declared any more.
		no(t, db.Directory.Sync(ctx, twoStores()[1:]))
		same(t, names(must(db.Directory.Stores(ctx))), "徐家汇店,店 uuid-9")
		// Authorised anew, it is the grant's.
		linked = link(t, db, granted(t, db, "bid-1"), "uuid-1", "uuid-9")
		same(t, namesOf(linked), "店 uuid-1,店 uuid-9")
		same(t, must(db.Grants.Session(ctx, linked[0].ID)).AccessToken, "access-bid-1")
	})
}

// One list stands as a whole, even where two lists have no store in common.
func TestLinkStoresRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		g := granted(t, dbs[0], "bid-1")
		lists := map[string]bool{}
		for i := range 8 {
			lists[fmt.Sprintf("one-%d,two-%d", i, i)] = true
		}
		for range 3 {
			for _, err := range race(8, func(i int) error {
				l, err := dbs[i%2].Accounts.LinkGrant(t.Context(), g, 0, shops(fmt.Sprint("one-", i), fmt.Sprint("two-", i)))
				if err == nil && !lists[sortedShops(l.Accounts)] {
					t.Errorf("linked %s", sortedShops(l.Accounts))
				}
				return err
			}) {
				no(t, err)
			}
			if active := sortedShops(firsts(must(dbs[0].Directory.Stores(t.Context())))); !lists[active] {
				t.Errorf("a mixture of lists: %s", active)
			}
		}
	})
}

// Two grants, the declared stores and their lists at once.
func TestDirectoryRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		ctx := t.Context()
		grants := [2]models.Grant{granted(t, dbs[0], "bid-1"), granted(t, dbs[0], "bid-2")}
		var ids []string
		for i := range 20 {
			ids = append(ids, fmt.Sprint("uuid-", i))
		}
		for _, err := range race(9, func(i int) error {
			db := dbs[i%2]
			switch i % 3 {
			case 0:
				return db.Directory.Sync(ctx, twoStores())
			case 1:
				return second(db.Accounts.LinkGrant(ctx, grants[i%2], 0, shops(ids...)))
			default:
				return second(db.Accounts.LinkGrant(ctx, grants[i%2], 0, shops(ids[:i]...)))
			}
		}) {
			no(t, err)
		}
		for _, s := range must(dbs[0].Directory.Stores(ctx)) {
			if s.ShopID == "uuid-1" || s.ShopID == "biz-2" {
				same(t, s.Origin, models.OriginConfig)
				continue
			}
			if s.Origin != models.OriginGrant || s.GrantID != grants[0].ID && s.GrantID != grants[1].ID {
				t.Errorf("active without a grant: %+v", s)
			}
		}
	})
}

func sortedShops(accounts []models.Account) string {
	ids := strings.Split(shopIDs(accounts), ",")
	slices.Sort(ids)
	return strings.Join(ids, ",")
}

// A store is declared between the reading of the stores and their change.
func TestLinkStoresLosesARace(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), modelstest.MySQLDSN(t)
	db, other := modelstest.Open(t, models.MySQL, dsn), modelstest.Open(t, models.MySQL, dsn)
	no(t, second(db.Migrate(ctx)))
	g := granted(t, db, "bid-1")
	linked := link(t, db, g, "uuid-1", "uuid-9")
	reads := 0
	db.Watch(func(statement string, _ []any) {
		if !strings.HasPrefix(statement, "SELECT * FROM `stores`") {
			return
		}
		if reads++; reads == 1 {
			no(t, other.Directory.Sync(ctx, twoStores()[:1]))
		}
	})
	same(t, shopIDs(link(t, db, g, "uuid-9")), "uuid-9")
	same(t, reads, 2)
	same(t, must(db.Directory.Store(ctx, linked[0].ID)), models.Store{Account: models.Account{ID: linked[0].ID, Platform: "dianping", ShopID: "uuid-1", Name: "人民广场店🐟", Origin: models.OriginConfig, Active: true}})
}

// A renewal does not wait for the linking of stores, nor the other way round.
func TestLinkStoresLeavesTheLease(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		g := must(db.Grants.Claim(t.Context(), granted(t, db, "bid-1"), noon.Add(time.Minute)))
		link(t, db, g, "a")
		no(t, second(db.Grants.MarkFailed(t.Context(), g, "timeout", noon)))
	})
}
