package redeem

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/httpcall"
	"yanquan/models"
)

// toFake leads links to the fake, whatever their host.
type toFake struct{ url *url.URL }

func (f toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.Clone(r.Context())
	q.URL.Scheme, q.URL.Host = f.url.Scheme, f.url.Host
	return http.DefaultTransport.RoundTrip(q)
}

// links opens shops that follow short links.
func (r *rig) links() {
	r.Helper()
	srv := httptest.NewServer(r.douyin)
	r.Cleanup(srv.Close)
	client, err := douyin.New(douyin.Config{
		APIURL: srv.URL, ClientKey: "key", ClientSecret: "app-secret", Timeout: time.Minute, HTTP: &http.Client{Transport: r.douyin.Impatient(httpcall.NewTransport())}, Now: r.clock.Now, Links: toFake{must(url.Parse(srv.URL))},
	})
	r.must(err)
	r.core.Shops.(*shops).open = func(a models.Account) platform.Shop {
		return platform.Douyin(client, douyin.Shop{ID: a.ShopID, Account: douyintest.DefaultAccount})
	}
}

// link is what the customer's app shows now.
func (r *rig) link(code string) string {
	r.Helper()
	v, ok := r.douyin.Voucher(code)
	if !ok {
		r.Fatal("no voucher", code)
	}
	return strings.TrimRight(v.QR, "/")
}

// The customer's app shows another QR code while the first is in doubt, or held: it stands
// for the same order, and nothing more is used until the first has an end.
func TestAnotherLinkOfAnOrderInDoubt(t *testing.T) {
	for name, hold := range map[string]*douyintest.Hold{"lost": nil, "held": {}} {
		t.Run(name, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.links()
				list, err := r.douyin.AddOrder(douyintest.Voucher{Code: "100000000000", Price: 4990, Shops: []string{"shop-a"}, Hold: hold}, 3)
				r.must(err)
				if hold == nil {
					r.lost("consume", true)
				}
				first := r.consume(r.link(list[0].Code), 1)
				r.must(r.douyin.RotateQR(list[0].OrderID))
				r.clock.Advance(5 * time.Second)
				next := r.consume(r.link(list[0].Code), 1)
				if next.State != models.Rejected || next.OtherID != first.ID {
					t.Errorf("%s %+v", next.State, next.Outcome)
				}
				r.during(time.Minute)
				if first = r.now(first); hold == nil && first.State != models.Done || hold != nil && first.State != models.Held {
					t.Errorf("the first is %s", first.State)
				}
				if n := r.uses(); hold == nil && n != 1 || hold != nil && n != 0 {
					t.Errorf("%d uses", n)
				}
			})
		})
	}
}

// shared is one card that two accounts of a store know.
type shared struct {
	platform.Shop
	uses *int
	lost bool
}

func (s shared) UndoWindow() time.Duration { return 10 * time.Minute }

func (s shared) Look(context.Context, string) platform.Looked {
	return platform.Looked{Said: platform.Said{Call: "prepare"}, Proves: platform.Usable, Voucher: platform.Voucher{Code: code, Reusable: true, Left: 5 - *s.uses}}
}

func (s shared) Consume(_ context.Context, o platform.Order, _ bool) platform.Consumption {
	*s.uses++
	if s.lost {
		return platform.Consumption{Said: platform.Said{Call: "consume", Class: "unknown_outcome", Silent: true}}
	}
	return platform.Consumption{Said: platform.Said{Call: "consume"}, Proves: platform.Consumed, Coupons: []platform.Coupon{{Code: o.Code}}}
}

type sharedBy map[int64]shared

func (s sharedBy) Open(_ context.Context, a models.Account) (platform.Shop, error) {
	return s[a.ID], nil
}

// To name a platform is not to have seen what is in doubt at the other.
func TestNamedWhileInDoubtBeside(t *testing.T) {
	on(t, "meituan", func(r *rig) {
		uses := 0
		r.core.Shops = sharedBy{1: {uses: &uses, lost: true}, 2: {uses: &uses}}
		one := r.request(code, 1, "")
		one.Store = []int64{1, 2}
		r.commit(r.core.Consume(r.Context(), one))
		two := r.request(code, 1, "")
		two.Account = must(r.db.Directory.Store(r.Context(), 2)).Account
		two.Store, two.Named = []int64{1, 2}, true
		if op := r.commit(r.core.Consume(r.Context(), two)); op.State != models.Rejected || uses != 1 {
			t.Errorf("%s, %d uses", op.State, uses)
		}
	})
}
