package models_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func twoStores() []models.ConfiguredStore {
	return []models.ConfiguredStore{
		{
			Platform: "dianping", ShopID: "uuid-1", Name: "人民广场店🐟", Session: "token-1",
			Chats: []string{"wrAbC", "wrabc"},
			Staff: []models.Member{{UserID: "ZhangSan", Name: "张三", Role: models.RoleStaff}, {UserID: "lisi", Name: "李四", Role: models.RoleLead}},
		},
		{
			Platform: "meituan", ShopID: "biz-2", Name: "徐家汇店", Session: "token-2",
			Chats: []string{"wrABC"},
			Staff: []models.Member{{UserID: "zhangsan", Name: "张三", Role: models.RoleManager}},
		},
	}
}

func names(stores []models.Store) string { return namesOf(firsts(stores)) }

func namesOf(accounts []models.Account) string {
	var all []string
	for _, a := range accounts {
		all = append(all, a.Name)
	}
	return strings.Join(all, ",")
}

func TestSyncConfigured(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, twoStores()))
		stores, err := db.Directory.Stores(ctx)
		no(t, err)
		if len(stores) != 2 {
			t.Fatalf("stores: %v", stores)
		}
		one, two := stores[0], stores[1]
		same(t, one, models.Store{Account: models.Account{ID: one.ID, Platform: "dianping", ShopID: "uuid-1", Name: "人民广场店🐟", Origin: "config", Active: true}})

		members, err := db.Directory.Members(ctx, one.ID)
		no(t, err)
		same(t, members, []models.Member{
			{StoreID: one.ID, UserID: "lisi", Name: "李四", Role: models.RoleLead},
			{StoreID: one.ID, UserID: "zhangsan", Name: "张三", Role: models.RoleStaff},
		})
		places, err := db.Directory.Memberships(ctx, "ZHANGSAN")
		no(t, err)
		same(t, places, []models.Member{
			{StoreID: one.ID, UserID: "zhangsan", Name: "张三", Role: models.RoleStaff},
			{StoreID: two.ID, UserID: "zhangsan", Name: "张三", Role: models.RoleManager},
		})
		_, err = db.Directory.Member(ctx, two.ID, "lisi")
		want(t, err, models.ErrNotFound)
		m, err := db.Directory.Member(ctx, two.ID, " ZhangSan ")
		no(t, err)
		same(t, m.Role, models.RoleManager)

		session, err := db.Grants.Session(ctx, one.ID)
		no(t, err)
		same(t, session, models.Session{AccountID: one.ID, AccessToken: "token-1"})
		_, err = db.Grants.Session(ctx, 999)
		want(t, err, models.ErrNotFound)
		_, err = db.Directory.Store(ctx, 999)
		want(t, err, models.ErrNotFound)
	})
}

func TestChatIDsAreCaseSensitive(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		no(t, db.Directory.Sync(t.Context(), twoStores()))
		for chat, expect := range map[string]string{"wrAbC": "人民广场店🐟", "wrabc": "人民广场店🐟", "wrABC": "徐家汇店", "WRABC": ""} {
			stores, err := db.Directory.StoresOfChat(t.Context(), chat)
			no(t, err)
			same(t, names(stores), expect)
		}
	})
}

// A second run changes what changed, and nothing else.
func TestSyncConfiguredAgain(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, twoStores()))
		before, err := db.Directory.Stores(ctx)
		no(t, err)

		writes := 0
		db.Watch(func(statement string, _ []any) {
			if !strings.HasPrefix(statement, "SELECT") {
				writes++
			}
		})
		no(t, db.Directory.Sync(ctx, twoStores()))
		if writes > 0 {
			t.Errorf("the same configuration caused %d writes", writes)
		}

		changed := twoStores()[:1]
		changed[0].Name, changed[0].Session = "外滩店", "token-3"
		changed[0].Chats = []string{"wrNew"}
		changed[0].Staff = []models.Member{{UserID: "LISI", Name: "李四", Role: models.RoleManager}, {UserID: "wangwu", Name: "王五", Role: models.RoleStaff}}
		no(t, db.Directory.Sync(ctx, changed))
		stores, err := db.Directory.Stores(ctx)
		no(t, err)
		same(t, names(stores), "外滩店")
		same(t, stores[0].ID, before[0].ID)
		gone, err := db.Directory.Store(ctx, before[1].ID)
		no(t, err)
		same(t, gone.Active, false)
		places, err := db.Directory.Memberships(ctx, "zhangsan")
		no(t, err)
		same(t, len(places), 0) // gone from the first, and the second is not active
		members, err := db.Directory.Members(ctx, stores[0].ID)
		no(t, err)
		same(t, members, []models.Member{
			{StoreID: stores[0].ID, UserID: "lisi", Name: "李四", Role: models.RoleManager},
			{StoreID: stores[0].ID, UserID: "wangwu", Name: "王五", Role: models.RoleStaff},
		})
		for chat, expect := range map[string]string{"wrAbC": "", "wrABC": "", "wrNew": "外滩店"} {
			of, err := db.Directory.StoresOfChat(ctx, chat)
			no(t, err)
			same(t, names(of), expect)
		}
		session, err := db.Grants.Session(ctx, stores[0].ID)
		no(t, err)
		same(t, session.AccessToken, "token-3")

		// Listed again, it is the same store as before.
		no(t, db.Directory.Sync(ctx, twoStores()))
		after, err := db.Directory.Stores(ctx)
		no(t, err)
		same(t, after, before)
		no(t, db.Directory.Sync(ctx, nil))
		after, err = db.Directory.Stores(ctx)
		no(t, err)
		same(t, len(after), 0)
	})
}

func TestSyncConfiguredRefuses(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		twice := append(twoStores(), twoStores()[0])
		want(t, db.Directory.Sync(t.Context(), twice), models.ErrInvalid)
		nameless := twoStores()
		nameless[1].ShopID = ""
		want(t, db.Directory.Sync(t.Context(), nameless), models.ErrInvalid)
		stores, err := db.Directory.Stores(t.Context())
		no(t, err)
		same(t, len(stores), 0)
	})
}

// Replicas that start together do it at once, with many stores.
func TestSyncConfiguredAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		var many []models.ConfiguredStore
		for i := range 30 {
			s := twoStores()[i%2]
			s.ShopID += strings.Repeat("x", i)
			many = append(many, s)
		}
		for _, err := range race(8, func(int) error { return db.Directory.Sync(t.Context(), many) }) {
			no(t, err)
		}
		stores, err := db.Directory.Stores(t.Context())
		no(t, err)
		same(t, len(stores), 30)
		for _, s := range stores {
			if session, err := db.Grants.Session(t.Context(), s.ID); err != nil || !strings.HasPrefix(session.AccessToken, "token-") {
				t.Errorf("session of %d: %v, %v", s.ID, session, err)
			}
		}
		if d := cmp.Diff(2, len(must(db.Directory.Members(t.Context(), stores[0].ID)))); d != "" {
			t.Error(d)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
