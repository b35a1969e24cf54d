package models_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// single fails where a store has two accounts in use on one platform.
func single(t *testing.T, db *models.DB) {
	t.Helper()
	for _, s := range must(db.Directory.Stores(t.Context())) {
		on := map[string]bool{}
		for _, a := range s.Accounts() {
			if on[a.Platform] {
				t.Errorf("store %d has two accounts at %s: %+v", s.ID, a.Platform, s.Accounts())
			}
			on[a.Platform] = true
		}
	}
}

// A store's first account that was taken off and replaced stays out of use, whoever
// authorises it again: it cannot be a store of its own.
func TestFirstAccountThatWasReplaced(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two, three := opened(t, db, "meituan", "m1"), opened(t, db, "dianping", "d"), opened(t, db, "meituan", "m2")
		no(t, db.Accounts.Merge(ctx, one.ID, two.ID))
		must(db.Accounts.TakeOff(ctx, one.ID))
		no(t, db.Accounts.Merge(ctx, one.ID, three.ID))
		g := must(db.Grants.OfAccount(ctx, one.ID))
		same(t, shopIDs(link(t, db, g, "m1")), "m1")
		single(t, db)
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "d,m2")
		same(t, must(db.Grants.OfAccount(ctx, one.ID)).ID, g.ID) // its doubts are settled still

		must(db.Accounts.TakeOff(ctx, three.ID))
		link(t, db, g, "m1")
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "m1,d")
	})
}

func TestConnectFirstAccountThatWasReplaced(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		var y []models.Account
		for _, id := range []string{"7001", "7002"} {
			a, _, _, err := db.Accounts.Connect(ctx, models.Account{Platform: "douyin", ShopID: id, Name: "店 " + id})
			no(t, err)
			y = append(y, a)
		}
		no(t, db.Accounts.Merge(ctx, y[0].ID, opened(t, db, "meituan", "m").ID))
		must(db.Accounts.TakeOff(ctx, y[0].ID))
		no(t, db.Accounts.Merge(ctx, y[0].ID, y[1].ID))
		_, _, _, err := db.Accounts.Connect(ctx, y[0])
		want(t, err, models.ErrSamePlatform)
		single(t, db)
		same(t, shopIDs(must(db.Directory.Store(ctx, y[0].ID)).Accounts()), "7002,m")
	})
}

// Two accounts of one store that are off come back in one consent: one of them is in use
// there.
func TestLinkTwoOfOneStore(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		g := granted(t, db, "bid-1")
		linked := link(t, db, g, "a", "b")
		one := opened(t, db, "meituan", "m")
		for _, a := range linked {
			no(t, db.Accounts.Merge(ctx, one.ID, a.ID))
			must(db.Accounts.TakeOff(ctx, a.ID))
		}
		link(t, db, g)
		link(t, db, g, "a", "b")
		single(t, db)
		same(t, shopIDs(must(db.Directory.Store(ctx, one.ID)).Accounts()), "m,a")
		same(t, len(must(db.Directory.Stores(ctx))), 2)
	})
}

// An account comes back to its store while another shop of its platform is merged in.
func TestComeBackWhileAnotherIsMerged(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for round := range 8 {
			stays := opened(t, db, "dianping", fmt.Sprint("d", round))
			var old, new models.Account
			back := func() error { _, _, _, err := db.Accounts.Connect(ctx, old); return err }
			if round%2 == 0 {
				for i, a := range []*models.Account{&old, &new} {
					var err error
					*a, _, _, err = db.Accounts.Connect(ctx, models.Account{Platform: "douyin", ShopID: fmt.Sprint(7000 + 10*round + i), Name: "店"})
					no(t, err)
				}
			} else {
				old, new = opened(t, db, "meituan", fmt.Sprint("m", round)).Account, opened(t, db, "meituan", fmt.Sprint("n", round)).Account
				g := must(db.Grants.OfAccount(ctx, old.ID))
				back = func() error { return second(db.Accounts.LinkGrant(ctx, g, 0, shops(old.ShopID))) }
			}
			no(t, db.Accounts.Merge(ctx, stays.ID, old.ID))
			must(db.Accounts.TakeOff(ctx, old.ID))
			for _, err := range race(2, func(i int) error {
				if i == 0 {
					return back()
				}
				return db.Accounts.Merge(ctx, stays.ID, new.ID)
			}) {
				if err != nil && !errors.Is(err, models.ErrSamePlatform) {
					t.Fatal(err)
				}
			}
			single(t, db)
		}
	})
}

// config.yaml gives a store an account on a platform that it has by chat: the declared one
// is its, and the other is a store of its own.
func TestDeclareAnAccountThatAStoreHas(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		declared := twoStores()
		no(t, db.Directory.Sync(ctx, declared))
		s := must(db.Directory.Stores(ctx))[0]
		other := opened(t, db, "meituan", "m1")
		off := opened(t, db, "meituan", "m0")
		must(db.Accounts.TakeOff(ctx, off.ID))
		no(t, db.Accounts.Merge(ctx, s.ID, off.ID))
		no(t, db.Accounts.Merge(ctx, s.ID, other.ID))
		i := 0
		if declared[1].ShopID == s.ShopID {
			i = 1
		}
		declared[i].Accounts = append(declared[i].Accounts, models.ConfiguredAccount{Platform: "meituan", ShopID: "m2", Session: "token-m2"})
		for range 2 {
			no(t, db.Directory.Sync(ctx, declared))
			single(t, db)
			same(t, shopIDs(must(db.Directory.Store(ctx, s.ID)).All()), s.ShopID+",m0,m2")
			same(t, must(db.Directory.Store(ctx, other.ID)), other)
		}
	})
}

// config.yaml gives a store an account while people give it another one on the same
// platform: by a merge, or because one that was taken off comes back.
func TestDeclareAnAccountWhilePeopleAddOne(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		var declared []models.ConfiguredStore
		for round := range 12 {
			declared = append(declared, models.ConfiguredStore{Platform: "dianping", ShopID: fmt.Sprint("d", round), Name: "店", Session: "token"})
			no(t, db.Directory.Sync(ctx, declared))
			all := must(db.Directory.Stores(ctx))
			stays := all[slices.IndexFunc(all, func(s models.Store) bool { return s.ShopID == declared[round].ShopID })]
			other := opened(t, db, "meituan", fmt.Sprint("m", round))
			g := must(db.Grants.OfAccount(ctx, other.ID))
			add := []func() error{
				func() error { return db.Accounts.Merge(ctx, stays.ID, other.ID) },
				func() error { return second(db.Accounts.LinkGrant(ctx, g, 0, shops(other.ShopID))) },
				func() error { _, _, _, err := db.Accounts.Connect(ctx, other.Account); return err },
			}[round%3]
			if round%3 > 0 {
				no(t, db.Accounts.Merge(ctx, stays.ID, other.ID))
				must(db.Accounts.TakeOff(ctx, other.ID))
			}
			declared[round].Accounts = []models.ConfiguredAccount{{Platform: "meituan", ShopID: fmt.Sprint("n", round), Session: "token"}}
			for i, err := range race(3, func(i int) error { // two replicas start
				if i == 0 {
					return add()
				}
				return db.Directory.Sync(ctx, declared)
			}) {
				if err != nil && (i > 0 || !errors.Is(err, models.ErrSamePlatform)) {
					t.Fatal(err)
				}
			}
			single(t, db)
			if s := must(db.Directory.Store(ctx, stays.ID)); !slices.ContainsFunc(s.Accounts(), func(a models.Account) bool { return a.ShopID == declared[round].Accounts[0].ShopID }) {
				t.Errorf("round %d: accounts %+v", round, s.All())
			}
		}
	})
}
