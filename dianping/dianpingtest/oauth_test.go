package dianpingtest_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// serves tells whether an access token is good for the list of shops or the deals.
func (r rig) serves(g pages, p pair) bool {
	r.Helper()
	switch g.business {
	case "":
		return r.call1("queryshopdeal", fields{"session": p.access}).code == "ok"
	case "58":
		return r.call2("queryshopdeal", "{}", fields{"appAuthToken": p.access}).code == "ok"
	default:
		return r.read(r.post(r.Context(), "/ddzhkh/auth/token/pageQueryPoiList", r.form2("{}", fields{"appAuthToken": p.access, "businessId": "59"}))).code == "ok"
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		r.clock.Add(29 * 24 * time.Hour)
		young := r.tokens(g, "", old.refresh, nil)
		r.same([]any{young.code, young.expires, young.owner}, []any{"ok", int64(2592000), old.owner})
		if young.access == old.access || young.refresh == old.refresh || young.refresh == "" {
			r.Errorf("the pair is not new: %+v after %+v", young, old)
		}
		if young.leftTold {
			r.same(young.left, int64(11))
		}
		r.same([]bool{r.serves(g, old), r.serves(g, young)}, []bool{false, true})
		r.same(r.tokens(g, "", old.refresh, nil).code, g.refused("613", "5"))
		r.same(r.serves(g, young), true) // a spent token does no harm

		last := r.p.Requests()
		r.same(last[len(last)-2].Effect, "")
		a := r.p.Authorizations()[0]
		r.same([]int{a.Refreshes, a.Repeats, a.Refused}, []int{1, 0, 1})
		r.same([]string{a.Token, a.RefreshToken}, []string{young.access, young.refresh})
	})
}

// A refresh whose answer was lost, by what the platform makes of the old pair.
func TestARefreshWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		for _, knob := range []dianpingtest.OldRefresh{dianpingtest.OldRefreshDies, dianpingtest.OldRefreshUntilUsed} {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{OldRefresh: knob, OldToken: dianpingtest.OldTokenGrace}))
			old := r.authorize(g, shopA)
			for _, kind := range []dianpingtest.FaultKind{dianpingtest.ApplyThenDrop, dianpingtest.HTML} {
				r.fail(dianpingtest.Fault{Kind: kind, Call: "refresh", Applied: true})
				w := r.post(r.Context(), tokenPath(g, true), r.tokenForm(g, "", old.refresh, nil))
				if w.err == nil && !strings.Contains(w.body, "<html>") {
					r.Fatalf("%s: %s", kind, w.body)
				}
			}
			all := r.p.Authorizations()
			a := all[len(all)-1]
			r.same(a.Refreshes, 1)
			again := r.tokens(g, "", old.refresh, nil)
			if knob == dianpingtest.OldRefreshDies {
				r.same(again.code, g.refused("613", "5"))
				continue
			}
			r.same([]string{again.access, again.refresh}, []string{a.Token, a.RefreshToken})
			r.same(r.serves(g, again), true)
			r.same(r.tokens(g, "", old.refresh, nil).code, g.refused("613", "5")) // the new pair was used
			all = r.p.Authorizations()
			a = all[len(all)-1]
			r.same([]int{a.Refreshes, a.Repeats, a.Refused}, []int{1, 2, 1})

			r.same(r.serves(g, old), true) // for an hour
			r.clock.Add(time.Hour)
			r.same(r.serves(g, old), false)
		}
	})
}

// A refresh that had no effect leaves the pair as it was.
func TestARefreshThatDidNotHappen(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		for _, f := range []dianpingtest.Fault{
			{Kind: dianpingtest.Status5xx}, {Kind: dianpingtest.HTML}, {Kind: dianpingtest.HalfBody}, {Kind: dianpingtest.Throttle}, {Kind: dianpingtest.HangThenDrop},
		} {
			f.Call = "refresh"
			r.fail(f)
			r.post(r.Context(), tokenPath(g, true), r.tokenForm(g, "", old.refresh, nil))
		}
		r.same(r.p.Authorizations()[0].Refreshes, 0)
		r.same(r.serves(g, old), true)
		r.same(r.tokens(g, "", old.refresh, nil).code, "ok")
	})
}

// A client that gave up does not learn whether, or when, its refresh happened.
func TestRefreshesThatHang(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		for i, kind := range []dianpingtest.FaultKind{dianpingtest.ApplyThenHang, dianpingtest.ApplyLate} {
			refreshes := func() int { return r.p.Authorizations()[0].Refreshes }
			r.fail(dianpingtest.Fault{Kind: kind, Call: "refresh"})
			came := len(r.p.Requests())
			ctx, leave := context.WithCancel(r.Context())
			answer := make(chan wire)
			form := r.tokenForm(g, "", r.p.Authorizations()[0].RefreshToken, nil)
			go func() { answer <- r.post(ctx, tokenPath(g, true), form) }()
			r.await(func() bool {
				all := r.p.Requests()
				return len(all) > came && all[came].State == dianpingtest.RequestWaiting
			})
			before := i
			if kind == dianpingtest.ApplyThenHang {
				before++
			}
			r.same(refreshes(), before)
			leave()
			if w := <-answer; w.err == nil {
				r.Errorf("%s: answered %s", kind, w.body)
			}
			r.await(func() bool { return refreshes() == i+1 })
		}
		r.same(r.serves(g, old), false)
	})
}

func TestLivesCanBeShortened(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{SessionLife: time.Hour, RefreshLife: 2 * time.Hour}))
		p := r.authorize(g, shopA)
		r.same(p.expires, int64(3600))
		r.clock.Add(time.Hour)
		r.same(r.serves(g, p), false)
		r.clock.Add(time.Hour)
		r.same(r.tokens(g, "", p.refresh, nil).code, g.refused("ok", "22"))
	})
}

func TestOneOfManyRefreshesWins(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		form, path := r.tokenForm(g, "", old.refresh, nil), tokenPath(g, true)
		answers := make([]wire, 20)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = r.post(r.Context(), path, form) })
		}
		all.Wait()
		won := 0
		for _, w := range answers {
			if r.readPair(w).code == "ok" {
				won++
			}
		}
		a := r.p.Authorizations()[0]
		r.same([]int{won, a.Refreshes, a.Refused}, []int{1, 1, 19})
	})
}

func TestTheAllowanceRunsOut(t *testing.T) {
	t.Parallel()
	r := setup(t, registered, func(o *dianpingtest.Options) { o.Knobs.RefreshAllowance = 2 })
	g := allPages[0]
	p := r.authorize(g, shopA)
	for _, left := range []int64{1, 0} {
		p = r.tokens(g, "", p.refresh, nil)
		r.same([]any{p.code, p.left}, []any{"ok", left})
	}
	r.same(p.refresh, "")
	r.same(r.serves(g, p), true)
}

func TestRefreshTokensEnd(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		p := r.authorize(g, shopA)
		r.clock.Add(35*24*time.Hour - time.Second)
		young := r.tokens(g, "", p.refresh, nil)
		r.same(young.code, "ok")
		r.clock.Add(35 * 24 * time.Hour)
		if g.dialect == dianpingtest.Meituan {
			r.same(r.tokens(g, "", young.refresh, nil).code, "22")
			return
		}
		r.ok(r.p.ExpireRefreshToken(young.refresh))
		r.same(r.tokens(g, "", young.refresh, nil).code, "613")
		if r.p.ExpireRefreshToken(p.refresh) == nil {
			r.Error("a token that was replaced could be expired")
		}
	})
}

// What calls for tokens ask of a request. Nothing of it spends the code.
func TestTokenGates(t *testing.T) {
	t.Parallel()
	r := setup(t, registered)
	late := strconv.FormatInt(r.clock.Now().Add(31*time.Minute).Unix(), 10)
	tests := map[pages]map[string]struct {
		f    fields
		want string
	}{
		allPages[0]: {
			"no secret": {fields{"app_secret": "-"}, "1001"}, "secret": {fields{"app_secret": "x"}, "602"}, "app_key": {fields{"app_key": "x"}, "602"},
			"no code": {fields{"auth_code": "-"}, "1001"}, "grant type": {fields{"grant_type": "authorize_platform"}, "1001"},
			"no grant type": {fields{"grant_type": "-"}, "1001"}, "other redirect": {fields{"redirect_url": "http://x/"}, "612"},
		},
		allPages[1]: {
			"no code": {fields{"code": "-"}, "OP_SYSTEM_PARAM_ERROR"}, "grant type": {fields{"grantType": "refresh_token"}, "OP_SYSTEM_PARAM_ERROR"},
			"sign": {fields{"sign": "0"}, "3"}, "developer": {fields{"developerId": "1"}, "3"}, "timestamp": {fields{"timestamp": late}, "OP_SYSTEM_PARAM_ERROR"},
			"charset": {fields{"charset": "GBK"}, "OP_SYSTEM_PARAM_ERROR"}, "no charset": {fields{"charset": "-"}, "OP_SYSTEM_PARAM_ERROR"},
			"catering": {fields{"businessId": "1"}, "OP_API_GRANT_FAILED"}, "code of business 58": {fields{"businessId": "59"}, "5"},
		},
	}
	for g, cases := range tests {
		_, _, back := r.browse(r.address(g, nil), shopA)
		code := back.Get("auth_code") + back.Get("code")
		for name, tt := range cases {
			if got := r.tokens(g, code, "", tt.f).code; got != tt.want {
				t.Errorf("%s, %s: got %s, want %s", g.name, name, got, tt.want)
			}
		}
		form := r.tokenForm(g, code, "", nil)
		req, err := http.NewRequest(http.MethodGet, r.srv.URL+tokenPath(g, false)+"?"+form.Encode(), nil)
		r.ok(err)
		r.same(r.read(r.send(req)).code, g.refused("601", "OP_HTTP_UNSUPPORTED_METHOD_TYPE"))
		req, err = http.NewRequest(http.MethodPost, r.srv.URL+tokenPath(g, false), strings.NewReader("{}"))
		r.ok(err)
		r.same(r.read(r.send(req)).code, g.refused("1001", "OP_HTTP_UNSUPPORTED_CONTENT_TYPE"))

		p := r.tokens(g, code, "", nil)
		r.same(p.code, "ok")
		if g.dialect == dianpingtest.Meituan {
			r.same(r.tokens(g, "", p.refresh, fields{"scope": "-"}).code, "OP_SYSTEM_PARAM_ERROR")
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{OAuthRefusals: dianpingtest.OAuthGateway}))
			a := r.read(r.post(t.Context(), "/oauth/token", r.tokenForm(g, "x", "", nil)))
			r.same([]string{a.code, a.sub}, []string{"OP_UNIAUTH_FAILED", "5"})
		}
	}
}

func TestListsOfShops(t *testing.T) {
	t.Parallel()
	r := setup(t, registered)
	for i := range 5 {
		r.ok(r.p.AddShop(dianpingtest.Shop{ID: fmt.Sprint("more-", i), Customer: "customer-3", Name: "店"}))
	}
	ids := func(a answer, key string) string {
		t.Helper()
		rows := a.rows
		if object, ok := a.data.(map[string]any); ok {
			rows, _ = object["poiInfoList"].([]any)
		}
		var all []string
		for _, row := range rows {
			all = append(all, strings.TrimPrefix(field(row, key), "more-"))
		}
		return strings.Join(all, " ")
	}
	one, err := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Dianping, Shops: []string{"more-3", "more-0", "more-1", "more-0", "more-4"}})
	r.ok(err)
	two, err := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Meituan, BusinessID: 59, Customer: "customer-3"})
	r.ok(err)
	scope := func(offset, limit, bid string) answer {
		return r.read(r.post(t.Context(), "/router/oauth/session/scope",
			r.form1(fields{"session": one.Token, "open_shop_uuid": "-", "bid": bid, "offset": offset, "limit": limit})))
	}
	pois := func(biz string) answer {
		return r.read(r.post(t.Context(), "/ddzhkh/auth/token/pageQueryPoiList", r.form2(biz, fields{"businessId": "59", "appAuthToken": two.Token})))
	}
	for knob, want := range map[dianpingtest.ListPaging][]string{
		"": {"1 3", "1 2"}, dianpingtest.PagingPages: {"0 1", "0 1"}, dianpingtest.PagingNone: {"0 1 3 4", "0 1 2 3 4"},
	} {
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{ShopPaging: knob}))
		r.same([]string{ids(scope("1", "2", "customer-3"), "open_shop_uuid"), ids(pois(`{"offset":1,"limit":2}`), "opPoiId")}, want)
	}
	r.ok(r.p.SetKnobs(dianpingtest.Knobs{}))
	r.same(ids(scope("-", "-", "customer-3"), "open_shop_uuid"), "0 1 3 4")
	r.same(field(pois("{}").data, "total"), "5")
	r.want(scope("0", "101", "customer-3"), "1001")
	r.want(scope("0", "20", "customer-1"), "645")
	r.want(scope("0", "20", "-"), "1001")
	r.want(pois(`{"limit":101}`), "1001")
	r.want(r.read(r.post(t.Context(), "/ddzhkh/dingdan/queryorder", r.form2("{}", nil))), "OP_API_NOT_EXIST")
	r.want(r.read(r.post(t.Context(), "/ddzhkh/auth/token/pageQueryPoiList", r.form2("{}", fields{"appAuthToken": two.Token}))), "OP_API_GRANT_FAILED")

	r.want(r.read(r.post(t.Context(), "/router/oauth/session/scope", r.form1(fields{"open_shop_uuid": "-", "bid": "customer-1"}))), "ok") // of AddSession
	for name, bad := range map[string]dianpingtest.Authorization{
		"no dialect": {Shops: []string{shopA}}, "no shop": {Dialect: dianpingtest.Dianping}, "unknown shop": {Dialect: dianpingtest.Dianping, Shops: []string{"x"}},
		"two customers": {Dialect: dianpingtest.Dianping, Shops: []string{shopA, shopC}}, "two shops": {Dialect: dianpingtest.Meituan, Shops: []string{shopA, shopB}},
		"catering": {Dialect: dianpingtest.Meituan, BusinessID: 1, Shops: []string{shopA}}, "nobody": {Dialect: dianpingtest.Meituan, BusinessID: 59, Customer: "x"},
	} {
		if _, err := r.p.Authorize(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What a platform remembers of requests does not tell tokens, codes or secrets.
func TestTokensAreMasked(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		_, _, back := r.browse(r.address(g, nil), shopA)
		code := back.Get("auth_code") + back.Get("code")
		p := r.tokens(g, code, "", nil)
		young := r.tokens(g, "", p.refresh, nil)
		r.post(r.Context(), "/elsewhere", values(fields{"x": young.refresh}))
		text := fmt.Sprint(r.p.Requests())
		for _, secret := range []string{code, p.access, p.refresh, young.access, young.refresh, appSecret, signKey} {
			if strings.Contains(text, secret) {
				r.Errorf("%s is told: %s", secret, text)
			}
		}
		var effects []string
		for _, q := range r.p.Requests() {
			if q.Effect != "" {
				effects = append(effects, q.Call+": "+q.Effect)
			}
		}
		r.same(effects, []string{"token: authorized auth-1", "refresh: refreshed auth-1"})
	})
}
