package dianpingtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

const (
	redirectURL = "http://bot.example/auth/dianping/callback?from=1"
	callbackURL = "http://bot.example/auth/meituan/callback"
)

// pages is a kind of consent: its page, and how its tokens are asked for.
type pages struct {
	name     string
	dialect  dianpingtest.Dialect
	business string
}

var allPages = []pages{
	{"first generation", dianpingtest.Dianping, ""},
	{"vouchers", dianpingtest.Meituan, "58"},
	{"shop list", dianpingtest.Meituan, "59"},
}

// address is the page that a browser is sent to.
func (r rig) address(g pages, f fields) string {
	r.Helper()
	if g.dialect == dianpingtest.Dianping {
		return "/dz-open/merchant/auth?" + values(present(fields{
			"app_key": appKey, "redirect_url": redirectURL, "state": "state-1", "scope": `["tuangou"]`,
		}.plus(f))).Encode()
	}
	return "/general/auth?" + r.formTokens(fields{"businessId": g.business, "state": "state-1"}.plus(f)).Encode()
}

func present(f fields) fields {
	kept := fields{}
	for name, value := range f {
		if value != "-" {
			kept[name] = value
		}
	}
	return kept
}

// formTokens signs what has no token and no biz.
func (r rig) formTokens(f fields) url.Values {
	return r.form2("-", fields{"appAuthToken": "-", "version": "-"}.plus(f))
}

// browse sends a browser that does not follow; picks nil looks at the page only.
func (r rig) browse(address string, picks ...string) (status int, body string, back url.Values) {
	r.Helper()
	var sent io.Reader
	method := http.MethodGet
	if len(picks) > 0 {
		method, sent = http.MethodPost, strings.NewReader(url.Values{"shop": picks}.Encode())
	}
	req, err := http.NewRequestWithContext(r.Context(), method, r.srv.URL+address, sent)
	r.ok(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := *r.srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	r.ok(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.ok(err)
	if resp.StatusCode != http.StatusFound {
		return resp.StatusCode, string(text), nil
	}
	to, err := resp.Location()
	r.ok(err)
	return resp.StatusCode, to.Scheme + "://" + to.Host + to.Path, to.Query()
}

// pair is an answer with tokens of either dialect.
type pair struct {
	code                   string // "ok" or why not
	access, refresh, owner string
	expires, left          int64
	leftTold               bool
}

// tokens asks for them: by a code, or by a refresh token.
func (r rig) tokens(g pages, code, refresh string, f fields) pair {
	r.Helper()
	return r.readPair(r.post(r.Context(), tokenPath(g, refresh != ""), r.tokenForm(g, code, refresh, f)))
}

func tokenPath(g pages, refresh bool) string {
	switch {
	case g.dialect == dianpingtest.Dianping:
		return "/router/oauth/token"
	case refresh:
		return "/oauth/refresh"
	default:
		return "/oauth/token"
	}
}

func (r rig) tokenForm(g pages, code, refresh string, f fields) url.Values {
	r.Helper()
	if g.dialect == dianpingtest.Dianping {
		all := fields{"app_key": appKey, "app_secret": appSecret, "grant_type": "authorization_code", "auth_code": code, "redirect_url": redirectURL}
		if refresh != "" {
			all = fields{"app_key": appKey, "app_secret": appSecret, "grant_type": "refresh_token", "refresh_token": refresh}
		}
		return values(present(all.plus(f)))
	}
	all := fields{"businessId": g.business, "code": code, "grantType": "authorization_code"}
	if refresh != "" {
		all = fields{"businessId": g.business, "refreshToken": refresh, "grantType": "refresh_token", "scope": "all"}
	}
	return r.formTokens(all.plus(f))
}

func (r rig) readPair(w wire) pair {
	r.Helper()
	a := r.read(w)
	var flat map[string]any
	r.ok(json.Unmarshal([]byte(w.body), &flat))
	data, isObject := flat["data"].(map[string]any)
	if !isObject {
		data = flat
	}
	text := func(names ...string) string {
		for _, name := range names {
			if s, ok := data[name].(string); ok {
				return s
			}
		}
		return ""
	}
	number := func(names ...string) (int64, bool) {
		for _, name := range names {
			if n, ok := data[name].(float64); ok {
				return int64(n), true
			}
		}
		return 0, false
	}
	p := pair{code: a.code, access: text("access_token", "accessToken"), refresh: text("refresh_token", "refreshToken"), owner: text("bid", "opBizCode")}
	p.expires, _ = number("expires_in", "expireIn")
	p.left, p.leftTold = number("remain_refresh_count")
	if a.code == "0" {
		p.code = "ok"
	}
	if a.sub != "" {
		p.code = a.sub
	}
	return p
}

// authorize goes the whole way of a merchant.
func (r rig) authorize(g pages, picks ...string) pair {
	r.Helper()
	_, _, back := r.browse(r.address(g, nil), picks...)
	p := r.tokens(g, back.Get("auth_code")+back.Get("code"), "", nil)
	if p.code != "ok" {
		r.Fatalf("%s: no tokens: %s", g.name, p.code)
	}
	return p
}

func registered(o *dianpingtest.Options) {
	o.Registration = dianpingtest.Registration{RedirectURLs: []string{redirectURL}, CallbackURL: callbackURL}
}

// perPage runs a test once for each kind of consent.
func perPage(t *testing.T, test func(r rig, g pages)) {
	t.Helper()
	for _, g := range allPages {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			test(setup(t, registered), g)
		})
	}
}

// refused is the code of a code or refresh token that serves no more.
func (g pages) refused(first, second string) string {
	if g.dialect == dianpingtest.Dianping {
		return first
	}
	return second
}

func TestConsentPage(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		status, body, _ := r.browse(r.address(g, nil))
		if status != 200 || !strings.Contains(body, `value="shop-a"`) || !strings.Contains(body, "海底捞人民广场店") || strings.Contains(body, "alert") {
			r.Errorf("%d: %s", status, body)
		}
		r.same(strings.Contains(body, "checkbox"), g.business == "")

		status, to, back := r.browse(r.address(g, nil), shopA)
		r.same(status, 302)
		r.same(back.Get("state"), "state-1")
		switch g.business {
		case "58":
			r.same([]string{to, back.Get("opBizCode"), back.Get("opBizName")}, []string{callbackURL, shopA, "海底捞人民广场店"})
		case "59":
			r.same([]string{to, back.Get("opBizCode")}, []string{callbackURL, "customer-1"})
		default:
			r.same([]string{to, back.Get("from")}, []string{"http://bot.example/auth/dianping/callback", "1"})
		}

		for _, picks := range [][]string{{"nowhere"}, {shopA, shopC}} {
			status, body, _ = r.browse(r.address(g, nil), picks...)
			if status != 200 || !strings.Contains(body, `role="alert"`) {
				r.Errorf("%v: %d %s", picks, status, body)
			}
		}
		status, _, _ = r.browse(r.address(g, nil), shopA, shopB)
		r.same(status == 302, g.business != "58") // one shop at a time
	})
}

func TestConsentPageChecksItsAddress(t *testing.T) {
	t.Parallel()
	r := setup(t, registered)
	late := strconv.FormatInt(r.clock.Now().Add(31*time.Minute).Unix(), 10)
	first := map[string]fields{
		"app_key": {"app_key": "key-2"}, "no state": {"state": "-"}, "redirect not registered": {"redirect_url": "http://evil.example/"},
		"no redirect": {"redirect_url": "-"}, "scope is no list": {"scope": "tuangou"},
	}
	second := map[string]fields{
		"sign": {"sign": "0"}, "no sign": {"sign": "-"}, "developer": {"developerId": "100001"}, "business": {"businessId": "1"},
		"timestamp": {"timestamp": late}, "charset": {"charset": "GBK"}, "no state": {"state": "-"},
	}
	for g, tests := range map[pages]map[string]fields{allPages[0]: first, allPages[1]: second} {
		for name, f := range tests {
			for _, picks := range [][]string{nil, {shopA}} {
				if status, body, _ := r.browse(r.address(g, f), picks...); status != 400 || !strings.Contains(body, "alert") || strings.Contains(body, "<form") {
					t.Errorf("%s, %s: %d %s", g.name, name, status, body)
				}
			}
		}
	}
	r.p.SetRegistration(dianpingtest.Registration{})
	if status, _, _ := r.browse(r.address(allPages[1], nil)); status != 400 {
		t.Errorf("nothing registered: %d", status)
	}
	if status, _, _ := r.browse(r.address(allPages[0], fields{"redirect_url": "javascript:alert(1)"})); status != 400 {
		t.Errorf("script: %d", status)
	}
	r.same(len(r.p.Authorizations()), 0)
}

// What is granted serves for calls, for the shops chosen and no others.
func TestGrantedTokensServe(t *testing.T) {
	t.Parallel()
	r := setup(t, registered)
	v := r.sell(dianpingtest.Voucher{Shops: []string{shopA, shopB}})
	one := r.authorize(allPages[0], shopA)
	r.same([]any{one.owner, one.expires, one.left}, []any{"customer-1", int64(2592000), int64(12)})
	r.want(r.call1("prepare", fields{"session": one.access, "receipt_code": v.Code}), "ok")
	r.want(r.call1("prepare", fields{"session": one.access, "receipt_code": v.Code, "open_shop_uuid": shopB}), "645")

	two := r.authorize(allPages[1], shopB)
	r.same([]any{two.owner, two.expires, two.leftTold}, []any{shopB, int64(2592000), false})
	r.want(r.call2("prepare", `{"receiptCode":"`+v.Code+`"}`, fields{"appAuthToken": two.access}), "ok")

	list := r.authorize(allPages[2], shopA)
	r.same(list.owner, "customer-1")
	a := r.call2("prepare", `{"receiptCode":"`+v.Code+`"}`, fields{"appAuthToken": list.access})
	r.same([]string{a.code, a.sub}, []string{"OP_UNIAUTH_FAILED", "5"}) // business 59 verifies nothing

	r.clock.Add(30 * 24 * time.Hour)
	r.want(r.call1("prepare", fields{"session": one.access, "receipt_code": v.Code}), "608")
	r.same(r.call2("queryshopdeal", "{}", fields{"appAuthToken": two.access}).sub, "4")
}

func TestACodeServesOnce(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		code := func() string {
			_, _, back := r.browse(r.address(g, nil), shopA)
			return back.Get("auth_code") + back.Get("code")
		}
		one, late, other := code(), code(), code()
		first := r.tokens(g, one, "", nil)
		r.same(first.code, "ok")
		want := g.refused("612", "5")
		r.same(r.tokens(g, one, "", nil).code, want)
		r.same(r.tokens(g, "nothing", "", nil).code, want)
		r.same(r.tokens(g, other, "", fields{"redirect_url": "http://bot.example/", "businessId": "59"}).code == "ok", g.business == "59")
		r.clock.Add(10 * time.Minute)
		r.same(r.tokens(g, late, "", nil).code, want)
	})
}

// A merchant who consents again gets one authorisation, not two.
func TestALaterConsentReplacesTheEarlier(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		other := r.authorize(g, shopC)
		young := r.authorize(g, shopA)
		r.same(r.tokens(g, "", old.refresh, nil).code, g.refused("613", "22"))
		r.same(r.tokens(g, "", other.refresh, nil).code, "ok")
		r.same(r.tokens(g, "", young.refresh, nil).code, "ok")
		all := r.p.Authorizations()
		r.same([]any{len(all), all[0].Ended, all[0].Refused, all[1].Ended, all[2].Ended}, []any{3, true, 1, false, false})
	})
}
