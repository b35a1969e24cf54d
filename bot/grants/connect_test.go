package grants

import (
	"testing"

	"yanquan/bot/platform"
	"yanquan/models"
)

// What is told of a grant names its platform where the store has others that go on.
func TestStoresOfAGrant(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		s := r.granted("shop-a")
		g, err := r.db.Grants.OfAccount(ctx, s.ID)
		r.must(err)
		says := func(want string) {
			t.Helper()
			if _, names, err := storesOf(ctx, r.db, g); err != nil || names != want {
				t.Errorf("names %s, %v; want %s", names, err, want)
			}
		}
		says("「" + s.Name + "」")
		a, _, _, err := r.db.Accounts.Connect(ctx, models.Account{Platform: platform.DouyinName, ShopID: "7001", Name: "抖音店"})
		r.must(err)
		r.must(r.db.Accounts.Merge(ctx, s.ID, a.ID))
		says("「" + s.Name + "」的" + platform.Name(r.dialect))
		_, err = r.db.Accounts.TakeOff(ctx, s.ID)
		r.must(err)
		says("")
	})
}
