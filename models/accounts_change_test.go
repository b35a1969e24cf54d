package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// opened adds a store of a grant with one account.
func opened(t *testing.T, db *models.DB, platform, shop string) models.Store {
	t.Helper()
	g, err := db.Grants.Save(t.Context(), models.Grant{
		ID: "g-" + shop, Platform: platform, Purpose: "vouchers", ShopID: shop, AccessToken: "access-" + shop, AuthorizedBy: "boss", AuthorizedAt: noon,
	})
	no(t, err)
	return must(db.Directory.Store(t.Context(), link(t, db, g, shop)[0].ID))
}

func place(t *testing.T, db *models.DB, store int64, people string, chats ...string) {
	t.Helper()
	for _, p := range strings.Fields(people) {
		user, role, _ := strings.Cut(p, ":")
		no(t, db.Directory.SetMember(t.Context(), models.Member{StoreID: store, UserID: user, Name: fmt.Sprint(user, " of ", store), Role: models.Role(role)}))
	}
	for _, chat := range chats {
		no(t, db.Directory.BindChat(t.Context(), store, chat))
	}
}

// people are those of a store, as place takes them.
func people(t *testing.T, db *models.DB, store int64) string {
	t.Helper()
	var all []string
	for _, m := range must(db.Directory.Members(t.Context(), store)) {
		all = append(all, m.UserID+":"+string(m.Role))
	}
	return strings.Join(all, " ")
}

// Two stores become one, with the groups, people and history of both.
func TestMergeStores(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two := opened(t, db, "meituan", "m"), opened(t, db, "dianping", "d")
		place(t, db, one.ID, "a:staff b:manager c:guest", "wr1", "wr2")
		place(t, db, two.ID, "a:lead b:staff c:manager d:staff", "wr2", "wr3")
		op := intent("7992697494")
		op.StoreID = two.ID
		op = done(t, db, op)
		asked, _, err := db.Joins.Ask(ctx, models.Join{StoreID: two.ID, UserID: "e", Name: "戊"})
		no(t, err)

		no(t, db.Choices.Set(ctx, "a", "wr2", two.ID, noon.Add(time.Hour)))

		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		s := must(db.Directory.Store(ctx, two.ID))
		same(t, s.ID, one.ID)
		same(t, s.Name, one.Name)
		same(t, must(db.Choices.Get(ctx, "a", "wr2")), two.ID) // one of its accounts
		same(t, models.AccountIDs([]models.Store{s}), []int64{one.ID, two.ID})
		same(t, people(t, db, one.ID), "a:lead b:manager c:manager d:staff")
		same(t, must(db.Directory.Member(ctx, two.ID, "a")).Name, fmt.Sprint("a of ", one.ID))
		same(t, must(db.Directory.ChatsOfStore(ctx, one.ID)), []string{"wr1", "wr2", "wr3"})
		same(t, len(must(db.Directory.Stores(ctx))), 1)
		same(t, must(db.Directory.StoresOfChat(ctx, "wr3"))[0].ID, one.ID)
		same(t, must(db.Journal.ByCouponIn(ctx, models.AccountIDs([]models.Store{s}), op.Code)).ID, op.ID)
		same(t, must(db.Grants.Session(ctx, two.ID)).AccessToken, "access-d")

		// Who still has the id of the store that is gone means the one that is there.
		place(t, db, two.ID, asked.UserID+":staff", "wr4")
		same(t, must(db.Directory.RemoveMember(ctx, two.ID, "a")), true)
		same(t, must(db.Directory.UnbindChat(ctx, two.ID, "wr1")), true)
		same(t, people(t, db, one.ID), "b:manager c:manager d:staff e:staff")
		same(t, must(db.Directory.ChatsOfStore(ctx, one.ID)), []string{"wr2", "wr3", "wr4"})

		// Repeated, and the other way round, nothing more happens.
		want(t, db.Accounts.Merge(ctx, one.ID, two.ID), models.ErrNotFound)
		want(t, db.Accounts.Merge(ctx, two.ID, one.ID), models.ErrNotFound)
		want(t, db.Accounts.Merge(ctx, one.ID, one.ID), models.ErrInvalid)
		want(t, db.Accounts.Merge(ctx, one.ID, 999), models.ErrNotFound)
		// A start of the program leaves it as it is.
		no(t, db.Directory.Sync(ctx, twoStores()))
		same(t, must(db.Directory.Store(ctx, two.ID)), s)
	})
}

// A store has one account on each platform; one that is out of use does not count.
func TestMergeStoresOfOnePlatform(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two, three := opened(t, db, "meituan", "m1"), opened(t, db, "meituan", "m2"), opened(t, db, "dianping", "d")
		place(t, db, two.ID, "b:staff", "wr2")
		want(t, db.Accounts.Merge(ctx, one.ID, two.ID), models.ErrSamePlatform)
		same(t, people(t, db, two.ID), "b:staff")
		same(t, len(must(db.Directory.Stores(ctx))), 3)
		no(t, db.Accounts.Merge(ctx, three.ID, two.ID))
		want(t, db.Accounts.Merge(ctx, one.ID, three.ID), models.ErrSamePlatform)
		same(t, must(db.Accounts.TakeOff(ctx, two.ID)), true)
		no(t, db.Accounts.Merge(ctx, one.ID, three.ID)) // with all its accounts
		s := must(db.Directory.Store(ctx, two.ID))
		same(t, s.ID, one.ID)
		same(t, shopIDs(s.All()), "m1,m2,d")
		same(t, shopIDs(s.Accounts()), "m1,d")
	})
}

// Managers merge at once: the same two, crosswise, and in a ring. Always one store is
// left for what was merged, and nobody is lost.
func TestMergeStoresAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for round := range 5 {
			stores := []models.Store{
				opened(t, db, "meituan", fmt.Sprint("m", round)), opened(t, db, "dianping", fmt.Sprint("d", round)), opened(t, db, "douyin", fmt.Sprint("y", round)),
			}
			for i, s := range stores {
				place(t, db, s.ID, fmt.Sprintf("u%d:staff", i), fmt.Sprint("wr", round, i))
			}
			pairs := [][2]int{{0, 1}, {1, 0}, {0, 1}, {1, 2}, {2, 0}, {2, 1}}
			for _, err := range race(len(pairs), func(i int) error {
				return db.Accounts.Merge(ctx, stores[pairs[i][0]].ID, stores[pairs[i][1]].ID)
			}) {
				if err != nil && !errors.Is(err, models.ErrNotFound) {
					t.Fatal(err)
				}
			}
			left := map[int64]bool{}
			for i, s := range stores {
				home := must(db.Directory.Store(ctx, s.ID))
				left[home.ID] = true
				if m, err := db.Directory.Member(ctx, home.ID, fmt.Sprint("u", i)); err != nil || m.Role != models.RoleStaff {
					t.Errorf("round %d: u%d: %+v, %v", round, i, m, err)
				}
				if at := must(db.Directory.StoresOfChat(ctx, fmt.Sprint("wr", round, i))); len(at) != 1 || at[0].ID != home.ID {
					t.Errorf("round %d: group %d is of %+v", round, i, at)
				}
			}
			if len(left) != 1 {
				t.Errorf("round %d: left are %v", round, left)
			}
		}
	})
}

// Two stores on one platform are merged with a third at once: one of them gets in.
func TestMergeStoresOfOnePlatformAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		for round := range 5 {
			stays := opened(t, db, "dianping", fmt.Sprint("d", round))
			come := []models.Store{opened(t, db, "meituan", fmt.Sprint("m", round)), opened(t, db, "meituan", fmt.Sprint("n", round))}
			errs := race(2, func(i int) error { return db.Accounts.Merge(t.Context(), stays.ID, come[i].ID) })
			slices.SortFunc(errs, func(a, b error) int { return len(fmt.Sprint(a)) - len(fmt.Sprint(b)) })
			no(t, errs[0])
			want(t, errs[1], models.ErrSamePlatform)
		}
	})
}

// Whoever is let in, promoted, taken off or bound while the stores are merged is so
// afterwards.
func TestMergeStoresWhilePeopleChange(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for round := range 5 {
			one, two := opened(t, db, "meituan", fmt.Sprint("m", round)), opened(t, db, "dianping", fmt.Sprint("d", round))
			place(t, db, one.ID, "lead:staff gone:staff")
			place(t, db, two.ID, "gone2:staff", fmt.Sprint("off", round))
			tasks := []func() error{
				func() error { return db.Accounts.Merge(ctx, one.ID, two.ID) },
				func() error {
					return db.Directory.SetMember(ctx, models.Member{StoreID: two.ID, UserID: "new", Name: "新", Role: models.RoleStaff})
				},
				func() error {
					return db.Directory.SetMember(ctx, models.Member{StoreID: one.ID, UserID: "lead", Name: "组", Role: models.RoleLead})
				},
				func() error { return second(db.Directory.RemoveMember(ctx, one.ID, "gone")) },
				func() error { return second(db.Directory.RemoveMember(ctx, two.ID, "gone2")) },
				func() error { return db.Directory.BindChat(ctx, two.ID, fmt.Sprint("wr", round)) },
				func() error { return second(db.Directory.UnbindChat(ctx, two.ID, fmt.Sprint("off", round))) },
			}
			for _, err := range race(len(tasks), func(i int) error { return tasks[i]() }) {
				no(t, err)
			}
			same(t, people(t, db, one.ID), "lead:lead new:staff")
			same(t, must(db.Directory.ChatsOfStore(ctx, one.ID)), []string{fmt.Sprint("wr", round)})
		}
	})
}

// A program from before accounts lets somebody in, and binds a group, where it still sees
// a store. The next start puts that right.
func TestMergeStoresBesideAnOlderProgram(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two := opened(t, db, "meituan", "m"), opened(t, db, "dianping", "d")
		place(t, db, one.ID, "a:lead")
		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		for _, statement := range []string{
			"INSERT INTO members (store_id, user_id, name, role) VALUES (?, 'a', '甲', 'staff')",
			"INSERT INTO members (store_id, user_id, name, role) VALUES (?, 'b', '乙', 'staff')",
			"INSERT INTO chats (store_id, chat) VALUES (?, 'wr')",
			"UPDATE stores SET name = '改了', active = 1 WHERE id = ?",
		} {
			no(t, db.ORM().Exec(statement, two.ID).Error)
		}
		same(t, must(db.Directory.Store(ctx, two.ID)).ID, one.ID)
		no(t, db.Directory.Sync(ctx, nil))
		same(t, people(t, db, one.ID), "a:lead b:staff")
		same(t, len(must(db.Directory.StoresOfChat(ctx, "wr"))), 1)
	})
}

// An account is taken off: the store is there by its others, its access stays, and a new
// authorisation brings it back to where it was.
func TestTakeOffAccount(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two := opened(t, db, "meituan", "m"), opened(t, db, "dianping", "d")
		place(t, db, one.ID, "a:staff", "wr")
		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		same(t, must(db.Accounts.TakeOff(ctx, one.ID)), true)
		same(t, must(db.Accounts.TakeOff(ctx, one.ID)), false)
		want(t, second(db.Accounts.TakeOff(ctx, 999)), models.ErrNotFound)
		s := must(db.Directory.StoresOfChat(ctx, "wr"))[0]
		same(t, s.ID, one.ID)
		same(t, shopIDs(s.Accounts()), "d")
		same(t, must(db.Grants.Session(ctx, one.ID)).AccessToken, "access-m")
		no(t, db.Directory.Sync(ctx, nil))
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "d")

		same(t, must(db.Accounts.TakeOff(ctx, two.ID)), true)
		same(t, len(must(db.Directory.StoresOfChat(ctx, "wr"))), 0)
		for _, a := range []models.Store{one, two} {
			link(t, db, must(db.Grants.OfAccount(ctx, a.ID)), a.ShopID)
		}
		s = must(db.Directory.StoresOfChat(ctx, "wr"))[0]
		same(t, shopIDs(s.Accounts()), "m,d")
		same(t, people(t, db, one.ID), "a:staff")
	})
}

// An account that comes back is a store of its own where another has taken its place.
func TestTakeOffAccountAndReplaceIt(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two, three := opened(t, db, "dianping", "d"), opened(t, db, "meituan", "m1"), opened(t, db, "meituan", "m2")
		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		must(db.Accounts.TakeOff(ctx, two.ID))
		no(t, db.Accounts.Merge(ctx, one.ID, three.ID))
		link(t, db, must(db.Grants.OfAccount(ctx, two.ID)), "m1")
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "d,m2")
		same(t, must(db.Directory.Store(ctx, two.ID)), two)
	})
}

// A shop without a grant is connected once, whoever does, and comes back to where it was.
func TestConnectShop(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		shop := models.Account{Platform: "douyin", ShopID: "7001", Name: "抖音店", AccountID: "7100"}
		var added, had atomic.Int64
		for _, err := range race(6, func(int) error {
			_, fresh, used, err := db.Accounts.Connect(ctx, shop)
			if fresh {
				added.Add(1)
			}
			if used {
				had.Add(1)
			}
			return err
		}) {
			no(t, err)
		}
		same(t, added.Load(), int64(1))
		same(t, had.Load(), int64(5))
		s := must(db.Directory.Stores(ctx))[0]
		shop.ID, shop.Origin, shop.Active = s.ID, models.OriginChat, true
		same(t, s.Account, shop)
		no(t, db.Directory.Sync(ctx, nil))
		same(t, must(db.Directory.Store(ctx, s.ID)), s)

		one := opened(t, db, "meituan", "m")
		no(t, db.Accounts.Merge(ctx, one.ID, s.ID))
		same(t, must(db.Accounts.Idle(ctx, "douyin", []string{"7001", "7002"})), []string{"7002"})
		must(db.Accounts.TakeOff(ctx, s.ID))
		same(t, must(db.Accounts.Idle(ctx, "douyin", []string{"7001", "7002"})), []string{"7001", "7002"})
		same(t, must(db.Accounts.Unknown(ctx, "douyin", []string{"7001", "7002"})), []string{"7002"})
		a, fresh, used, err := db.Accounts.Connect(ctx, shop)
		no(t, err)
		same(t, []bool{fresh, used}, []bool{false, false})
		same(t, a.StoreID(), one.ID)
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "m,7001")
		shop.ShopID = ""
		_, _, _, err = db.Accounts.Connect(ctx, shop)
		want(t, err, models.ErrInvalid)
	})
}

// A further account becomes a store of its own; the first account is the store.
func TestSplitAccount(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two := opened(t, db, "meituan", "m"), opened(t, db, "dianping", "d")
		place(t, db, one.ID, "a:staff", "wr")
		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		same(t, must(db.Accounts.Split(ctx, one.ID)), false)
		var split atomic.Int64
		for _, err := range race(4, func(int) error {
			ok, err := db.Accounts.Split(ctx, two.ID)
			if ok {
				split.Add(1)
			}
			return err
		}) {
			no(t, err)
		}
		same(t, split.Load(), int64(1))
		same(t, must(db.Directory.Store(ctx, two.ID)), two)
		same(t, people(t, db, two.ID), "")
		same(t, people(t, db, one.ID), "a:staff")
		no(t, db.Directory.Sync(ctx, nil))
		same(t, len(must(db.Directory.Stores(ctx))), 2)
		no(t, db.Accounts.Merge(ctx, two.ID, one.ID)) // and the other way round
		same(t, must(db.Directory.Store(ctx, one.ID)).ID, two.ID)
	})
}

func TestUnknownShops(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		s := opened(t, db, "meituan", "m")
		must(db.Accounts.TakeOff(ctx, s.ID))
		same(t, must(db.Accounts.Unknown(ctx, "meituan", []string{"x", "m", "y"})), []string{"x", "y"})
		same(t, must(db.Accounts.Unknown(ctx, "dianping", []string{"m"})), []string{"m"})
		same(t, len(must(db.Accounts.Unknown(ctx, "meituan", nil))), 0)
	})
}
