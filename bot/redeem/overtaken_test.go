package redeem

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot/platform"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// A colleague verifies the code while its platform is being asked what it is worth. Of a
// code that is used, platforms say so, or that they do not know it: either way people are
// told of the colleague's.
func TestUsedWhileAsking(t *testing.T) {
	t.Parallel()
	on(t, platform.DouyinName, func(r *rig) {
		for _, says := range []douyintest.Choice{douyintest.UsedCodeRefused, douyintest.UsedCodeEmpty} {
			c := map[douyintest.Choice]string{douyintest.UsedCodeRefused: "104930181551", douyintest.UsedCodeEmpty: "104930181552"}[says]
			r.must(r.douyin.SetKnobs(douyintest.Knobs{UsedCode: says}))
			r.voucher(c)
			var theirs models.Operation
			w := r.core.Shops.(*shops).watch
			w.look = func(platform.Looked) platform.Looked {
				w.look = nil
				theirs = r.consume(c, 1)
				shop, err := r.core.Shops.Open(r.Context(), r.store.All()[0])
				r.must(err)
				return shop.Look(r.Context(), c)
			}
			ours := r.consume(c, 1)
			r.is(theirs, models.Done, "")
			if ours.State != models.Rejected || ours.OtherID != theirs.ID {
				r.Errorf("%s: told of no colleague: %+v", says, ours.Outcome)
			}
			r.effects(c, 1, 0)
		}
	})
}

// The same in a store with two accounts: that neither knows the code, or that one says
// nothing, is not the answer where one has just used it.
func TestUsedWhileAskingTwo(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]platform.Looked{
		"unknown": {Said: platform.Said{Why: platform.NotFound, Decided: true}, Proves: platform.Void},
		"silent":  {Said: platform.Said{Why: platform.Unreachable, Silent: true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			const typed = "799269749412"
			var theirs models.Operation
			core, accounts := slowCore(t, func(place int) slowShop { return slowShop{has: []string{"", typed}[place]} })
			shops := core.Shops.(slowShops)
			meituan, douyin := shops[accounts[0].ID], shops[accounts[1].ID]
			var askedThere, askedHere atomic.Int32
			meituan.answer = func(truth platform.Looked) platform.Looked {
				if askedThere.Add(1) > 1 {
					return truth
				}
				time.Sleep(time.Second) // the colleague is done by then
				return other
			}
			douyin.answer = func(truth platform.Looked) platform.Looked {
				if askedHere.Add(1) > 1 {
					return truth
				}
				time.Sleep(time.Millisecond) // the other has been asked by then
				theirs = consumeIn(t, core, accounts, "theirs", typed)
				return platform.Looked{Said: platform.Said{Why: platform.NotFound, Decided: true}, Proves: platform.Void}
			}
			shops[accounts[0].ID], shops[accounts[1].ID] = meituan, douyin
			ours := consumeIn(t, core, accounts, "ours", typed)
			if theirs.State != models.Done {
				t.Fatalf("%+v", theirs)
			}
			if ours.State != models.Rejected || ours.OtherID != theirs.ID || ours.StoreID != theirs.StoreID {
				t.Errorf("the other %s: told of no colleague: %+v", name, ours.Outcome)
			}
		})
	}
}

// consumeIn is a consume of a message with an id, as it was committed.
func consumeIn(t *testing.T, core *Core, accounts []models.Account, id, code string) (op models.Operation) {
	t.Helper()
	in, _, err := core.DB.Inbox.Accept(t.Context(), models.Inbox{ID: id, Channel: "app", MessageID: id, User: "zhangsan", Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	step, err := core.ConsumeIn(t.Context(), Request{Asked: in, Code: code, Count: 1, UserID: "zhangsan"}, accounts)
	if err != nil {
		t.Fatal(err)
	}
	if op, err = step(t.Context(), core.DB); err != nil {
		t.Fatal(err)
	}
	return op
}
