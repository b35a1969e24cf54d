package events_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// authorizedMessage says that a merchant has authorised the application for a shop.
func authorizedMessage(account, shop string) string {
	return fmt.Sprintf(`{"event":"life_saas_cooperate_auth_with_bind","client_key":"key","content":"{\"account_id\":\"%s\",\"solution_key\":\"16\",\"permission_keys\":\"1,16,139\",\"out_shop_id\":\"\",\"poi_id\":\"%s\"}","log_id":"log"}`, account, shop)
}

// That a merchant has authorised the application is told to who manages the store, once.
func TestAuthorized(t *testing.T) {
	everywhere(t, func(r *rig) {
		key := grants.DouyinRefused(r.stores[0].ID)
		if fresh, err := r.db.Alerts.Claim(r.Context(), key, time.Hour); err != nil || !fresh {
			r.Fatal(fresh, err)
		}
		for i, id := range []string{"m1", "m1", "m2"} { // the id is not signed
			if s := r.post(i%2, authorizedMessage("7000", "shop-a"), id); s != 200 {
				r.Errorf("status %d", s)
			}
		}
		r.says(r.tells("boss", "lisi"), "抖音店已授权", "「人民广场店」", "可以验抖音的券")
		if _, err := r.db.Alerts.Told(r.Context(), key); !errors.Is(err, models.ErrNotFound) {
			r.Errorf("it counts as refused still: %v", err)
		}
	})
}

// The platform tells of an authorisation shop by shop or once for the account, and repeats
// what was not taken: each is told once, to those of its stores.
func TestAuthorizedNotices(t *testing.T) {
	for c, says := range map[douyintest.Choice]string{
		douyintest.NoticeShopEach: "「人民广场店」在来客授权了", douyintest.NoticeShopAbsent: "它接通的 2 家店可以验抖音的券了",
	} {
		t.Run(string(c), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.must(r.db.Directory.Sync(t.Context(), []models.ConfiguredStore{
					{Platform: platform.DouyinName, ShopID: "shop-a", AccountID: douyintest.DefaultAccount, Name: "人民广场店", Staff: []models.Member{{UserID: "lisi", Role: models.RoleManager}}},
					{Platform: platform.DouyinName, ShopID: "shop-b", AccountID: douyintest.DefaultAccount, Name: "徐家汇店", Staff: []models.Member{{UserID: "wangwu", Role: models.RoleManager}}},
				}))
				r.must(r.platform.SetKnobs(douyintest.Knobs{NoticeShops: c}))
				r.must(r.platform.Authorize(douyintest.DefaultAccount, false))
				r.must(r.platform.Authorize(douyintest.DefaultAccount, true))
				for _, n := range r.platform.Notices() {
					r.must(r.platform.RepeatNotice(n.ID))
				}
				r.must(r.platform.Await(r.Context(), func() bool {
					return !slices.ContainsFunc(r.platform.Notices(), func(n douyintest.Notice) bool { return n.Attempts < 2 })
				}))
				r.tells("boss", "lisi", "wangwu")
				r.says(r.told()["lisi"][0], "抖音店已授权", says)
			})
		})
	}
}

// Of a shop that no store has, those are told who connect it; what has no account says
// nothing.
func TestAuthorizedStranger(t *testing.T) {
	everywhere(t, func(r *rig) {
		for id, body := range map[string]string{"m1": authorizedMessage("", "shop-a"), "m2": authorizedMessage("7000 <b>", "shop-a")} {
			if s := r.post(0, body, id); s != 200 {
				r.Errorf("status %d", s)
			}
		}
		r.tells()
		r.post(0, authorizedMessage("7000001234", "7100005678"), "m3")
		r.says(r.tells("boss"), "有抖音店授权了我们的应用", "尾号 1234", "尾号 5678", "发「授权」")
	})
}

// A notice of a whole account names no shop: it is of all that are connected by the account,
// also by that of the application's configuration, and none counts as refused any more.
func TestAuthorizedAccount(t *testing.T) {
	for _, c := range []struct {
		account     string
		stores      []int // whose shops it has
		told        []string
		says, hides []string
	}{
		{"7000", []int{0, 1}, []string{"boss", "lisi", "wangwu"}, []string{"抖音店已授权", "尾号 7000", "2 家店", "可以验抖音的券"}, []string{"还没有接到"}},
		{"7009", []int{2}, []string{"boss", "zhaoliu"}, []string{"抖音店已授权", "「静安店」", "可以验抖音的券"}, []string{"家店", "还没有接到"}},
		{"7777", nil, []string{"boss"}, []string{"尾号 7777", "还没有接到哪家门店"}, []string{"尾号 7777）的一家店"}},
	} {
		t.Run(c.account, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.must(r.db.Directory.Sync(t.Context(), []models.ConfiguredStore{
					{Platform: platform.DouyinName, ShopID: "shop-a", Name: "人民广场店", Staff: []models.Member{{UserID: "lisi", Name: "李四", Role: models.RoleManager}}},
					{Platform: platform.DouyinName, ShopID: "shop-b", Name: "徐家汇店", Staff: []models.Member{{UserID: "wangwu", Name: "王五", Role: models.RoleManager}}},
					{Platform: platform.DouyinName, ShopID: "shop-c", AccountID: "7009", Name: "静安店", Staff: []models.Member{{UserID: "zhaoliu", Name: "赵六", Role: models.RoleManager}}},
				}))
				accounts, err := r.db.Accounts.List(t.Context())
				r.must(err)
				for _, a := range accounts {
					if fresh, err := r.db.Alerts.Claim(t.Context(), grants.DouyinRefused(a.ID), time.Hour); err != nil || !fresh {
						r.Fatal(fresh, err)
					}
				}
				for i, id := range []string{"m1", "m2"} {
					if s := r.post(i, authorizedMessage(c.account, ""), id); s != 200 {
						r.Errorf("status %d", s)
					}
				}
				card := r.tells(c.told...)
				r.says(card, c.says...)
				for _, text := range c.hides {
					if strings.Contains(card.Text, text) {
						r.Errorf("%q says %q", card.Text, text)
					}
				}
				for i, a := range accounts {
					refused, err := grants.RefusedAtDouyin(t.Context(), r.db, a.ID)
					r.must(err)
					if want := !slices.Contains(c.stores, i); refused != want {
						r.Errorf("account %d counts as refused: %v, want %v", a.ID, refused, want)
					}
				}
			})
		})
	}
}
