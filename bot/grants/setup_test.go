package grants

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/internal/fakeserver"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// start is when the tests begin.
var start = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

const (
	callbackURL = "https://yanquan.example.com/auth/callback"
	code        = "7992697494"
	slow        = 2 * time.Second // as the keepers have it; the clients give up when a call hangs
)

// rig is two keepers on one database, as in two processes, with the fake
// platform over real HTTP.
type rig struct {
	t        *testing.T
	dialect  string
	clock    *modelstest.Clock
	db       *models.DB
	platform *dianpingtest.Platform
	clients  [2]dianping.API
	keepers  [2]*Keeper
	told     *told
}

// told is a teller that remembers.
type told struct {
	mu      sync.Mutex
	notices []Notice
	keys    map[string]bool
}

func (t *told) TellManagers(_ context.Context, _ *models.DB, n Notice) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.keys[n.Key] {
		t.keys[n.Key] = true
		t.notices = append(t.notices, n)
	}
	return nil
}

// titles of what was told since the last time.
func (t *told) titles() []string {
	list, _ := t.all()
	return list
}

// all is what was told since the last time: titles, and the texts in one.
func (t *told) all() (titles []string, words string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.notices {
		titles, words = append(titles, n.Title), words+n.Text+"\n"
	}
	t.notices = nil
	return titles, words
}

// place is a kind of platform and one of database.
type place struct{ dialect, driver string }

// everywhere runs a test in both dialects on both databases, or in one of these places.
func everywhere(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Parallel()
	in(t, test, []place{
		{dianping.Dianping, models.SQLite}, {dianping.Meituan, models.SQLite}, {dianping.Dianping, models.MySQL}, {dianping.Meituan, models.MySQL},
	})
}

// onSQLite runs a test in both dialects, or in one of them.
func onSQLite(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Parallel()
	in(t, test, []place{{dianping.Dianping, models.SQLite}, {dianping.Meituan, models.SQLite}})
}

// in runs a test in some places, or in one of them.
func in(t *testing.T, test func(t *testing.T, r *rig), places []place) {
	for _, p := range breadth.Of(t.Name(), places...) {
		t.Run(p.dialect+"/"+p.driver, func(t *testing.T) {
			t.Parallel()
			clock := modelstest.NewClock(start)
			test(t, newRig(t, p.dialect, clock, modelstest.On(t, p.driver, modelstest.WithClock(clock))))
		})
	}
}

func newRig(t *testing.T, dialect string, clock *modelstest.Clock, db *models.DB) *rig {
	t.Helper()
	r := &rig{t: t, dialect: dialect, clock: clock, db: db, told: &told{keys: map[string]bool{}}}
	r.platform = dianpingtest.New(dianpingtest.Options{
		Now: clock.Now, AppKey: "key", AppSecret: "app-secret", DeveloperID: "100000", SignKey: "sign-key",
		Registration: dianpingtest.Registration{CallbackURL: callbackURL},
	})
	srv := httptest.NewServer(r.platform)
	t.Cleanup(srv.Close)
	t.Cleanup(r.platform.Close)
	for _, id := range []string{"shop-a", "shop-b"} {
		r.must(r.platform.AddShop(dianpingtest.Shop{ID: id, Name: id, Customer: "customer-" + id}))
	}
	for i := range r.keepers {
		var err error
		hc := &http.Client{Transport: r.platform.Impatient(httpcall.NewTransport())}
		if dialect == dianping.Dianping {
			r.clients[i], err = dianping.NewDianping(dianping.Config{APIURL: srv.URL, AuthURL: srv.URL, AppKey: "key", AppSecret: "app-secret", HTTP: hc, Timeout: time.Minute, Now: clock.Now})
		} else {
			r.clients[i], err = dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", HTTP: hc, Timeout: time.Minute, Now: clock.Now})
		}
		r.must(err)
		r.keepers[i], err = New(Options{
			DB: db, Authorizers: map[string]dianping.Authorizer{dialect: r.clients[i]}, Tell: r.told, CallTimeout: slow, Now: clock.Now,
			Link:     func(platform, ticket string) string { return ticket },
			Callback: func(string) string { return callbackURL },
			Sleep: func(ctx context.Context, _ time.Duration) error { // real time: another goroutine must get on
				select {
				case <-time.After(time.Millisecond):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
			Jitter: func() float64 { return 0 },
		})
		r.must(err)
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// granted is a store that was authorised in the past.
func (r *rig) granted(shop string) models.Store {
	r.t.Helper()
	a, err := r.platform.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Dialect(r.dialect), Shops: []string{shop}})
	r.must(err)
	g := dianping.Grant{
		Purpose: dianping.ForVouchers, AccessToken: a.Token, ExpiresAt: a.Expires, RefreshToken: a.RefreshToken,
		RefreshExpiresAt: a.RefreshExpires, RefreshesLeft: dianping.RefreshesNotTold, ShopID: shop,
	}
	if r.dialect == dianping.Dianping {
		g.ShopID, g.CustomerID, g.RefreshesLeft = "", a.Customer, a.RefreshesLeft
	}
	_, err = r.keepers[0].connect(r.t.Context(), r.dialect, g, []dianping.AuthorizedShop{{ID: shop, Name: shop}}, Asker{User: "boss"}, 0)
	r.must(err)
	all, err := r.db.Directory.Stores(r.t.Context())
	r.must(err)
	r.told.titles()
	return all[slices.IndexFunc(all, func(s models.Store) bool { return s.ShopID == shop })]
}

func (r *rig) grant(s models.Store) models.Grant {
	r.t.Helper()
	g, err := r.db.Grants.OfAccount(r.t.Context(), s.ID)
	r.must(err)
	return g
}

// prepare asks about a voucher through a keeper's client.
func (r *rig) prepare(keeper int, s models.Store) error {
	client, shop, err := r.keepers[keeper].Client(r.t.Context(), r.clients[keeper], s.Account)
	r.must(err)
	_, err = client.Prepare(r.t.Context(), shop, code)
	return err
}

// authorization is the platform's own view of the only one.
func (r *rig) authorization() dianpingtest.Authorization {
	r.t.Helper()
	all := r.platform.Authorizations()
	if len(all) != 1 {
		r.t.Fatalf("%d authorizations", len(all))
	}
	return all[0]
}

// consent plays the merchant at the platform's page, and returns what the
// browser comes back with.
func (r *rig) consent(page string, shops ...string) url.Values {
	r.t.Helper()
	answer, err := fakeserver.Browser().PostForm(page, url.Values{"shop": shops})
	r.must(err)
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		r.t.Fatalf("the page answers %d: %v", answer.StatusCode, err)
	}
	return back.Query()
}

func (r *rig) want(got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("told %q, want %q", got, want)
	}
}

func timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// signed is a form as the second generation posts it.
func signed(fields map[string]string) url.Values {
	form := url.Values{"sign": {dianping.SignSHA1("sign-key", fields)}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form
}
