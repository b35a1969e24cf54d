package dianping

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testState    = "state-0123456789abcdef"
	testAuthCode = "CodeThatNobodyMaySee"
	testRefresh  = "RefreshThatNobodyMaySee+/="
)

var (
	testAsked    = AuthorizeRequest{State: testState, RedirectURL: "https://yanquan.example/auth/x/callback?a=1"}
	testCallback = Callback{Code: testAuthCode, State: testState}
)

// apis gives both generations by name.
func (b *bench) apis(t *testing.T) map[string]API {
	t.Helper()
	return map[string]API{Dianping: b.dianping(t), Meituan: b.meituan(t)}
}

// grantCalls makes each call of an Authorizer with good arguments.
var grantCalls = map[Call]func(context.Context, API) (any, error){
	CallToken:   func(ctx context.Context, c API) (any, error) { return c.Exchange(ctx, testAsked, testCallback) },
	CallRefresh: func(ctx context.Context, c API) (any, error) { return c.Refresh(ctx, Grant{RefreshToken: testRefresh}) },
	CallShops: func(ctx context.Context, c API) (any, error) {
		return c.Shops(ctx, Grant{Purpose: ForShopList, AccessToken: testSession, CustomerID: "b1"})
	},
}

func TestAuthorizeURL(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, "")
	fields := func(c API, req AuthorizeRequest, page string) map[string]string {
		t.Helper()
		address, err := c.AuthorizeURL(req)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme+"://"+u.Host+u.Path != "https://auth.example/pages"+page || strings.Contains(address, "+") {
			t.Fatalf("got %s, %v", address, err)
		}
		got := map[string]string{}
		for name, values := range u.Query() {
			got[name] = strings.Join(values, " and ")
		}
		return got
	}
	if diff := cmp.Diff(map[string]string{
		"app_key": "testkey", "state": testState, "redirect_url": testAsked.RedirectURL, "scope": `["tuangou"]`,
	}, fields(b.dianping(t), testAsked, "/dz-open/merchant/auth")); diff != "" {
		t.Errorf("first generation (-want +got):\n%s", diff)
	}
	for purpose, business := range map[Purpose]string{"": "58", ForVouchers: "58", ForShopList: "59"} {
		got := fields(b.meituan(t), AuthorizeRequest{Purpose: purpose, State: testState}, "/general/auth")
		if want := SignSHA1(testSecret, got); got["sign"] != want {
			t.Errorf("sign is %s, want %s", got["sign"], want)
		}
		delete(got, "sign")
		if diff := cmp.Diff(map[string]string{
			"developerId": "100000", "businessId": business, "timestamp": "1704132245", "charset": "UTF-8", "state": testState,
		}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", purpose, diff)
		}
	}
}

func TestAuthURLIsChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"e.dianping.com", "ftp://h", "https://u:" + testSecret + "@h", "https://h?x=1"} {
		_, err1 := NewDianping(Config{APIURL: "https://h", AuthURL: address, AppKey: "k", AppSecret: "s"})
		_, err2 := NewMeituan(MeituanConfig{APIURL: "https://h", AuthURL: address, DeveloperID: "1", SignKey: "s"})
		if err1 == nil || err2 == nil || strings.Contains(err1.Error()+err2.Error(), testSecret) {
			t.Errorf("%q: got %v, %v", address, err1, err2)
		}
	}
}

func TestAuthorizeURLRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, "")
	without := b.dianping(t, func(c *Config) { c.AuthURL = "" })
	withState := func(state string) AuthorizeRequest {
		return AuthorizeRequest{State: state, RedirectURL: testAsked.RedirectURL}
	}
	to := func(address string) AuthorizeRequest { return AuthorizeRequest{State: testState, RedirectURL: address} }
	tests := []struct {
		name string
		c    API
		req  AuthorizeRequest
		want Class
	}{
		{"no address configured", without, testAsked, Misconfigured},
		{"short state", b.meituan(t), withState("short"), Misconfigured},
		{"state with a space", b.meituan(t), withState(testState + " "), Misconfigured},
		{"long state", b.dianping(t), withState(strings.Repeat("a", 129)), Misconfigured},
		{"no redirect", b.dianping(t), to(""), Misconfigured},
		{"relative redirect", b.dianping(t), to("/auth"), Misconfigured},
		{"redirect with a password", b.dianping(t), to("https://u:p@h/"), Misconfigured},
		{"script", b.dianping(t), to("javascript:alert(1)"), Misconfigured},
		{"shop list alone, first generation", b.dianping(t), AuthorizeRequest{Purpose: ForShopList, State: testState, RedirectURL: testAsked.RedirectURL}, Unsupported},
		{"unknown purpose", b.meituan(t), AuthorizeRequest{Purpose: "all", State: testState}, Unsupported},
	}
	for _, tt := range tests {
		address, err := tt.c.AuthorizeURL(tt.req)
		if e := failure(t, err); e.Class != tt.want || address != "" {
			t.Errorf("%s: got %q, %v", tt.name, address, err)
		}
	}
}

func TestReadCallback(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, "")
	good := map[string]Callback{
		"auth_code=abc&state=" + testState:                                           {Code: "abc", State: testState},
		"code=abc&opBizCode=shop-1&opBizName=%E5%BA%97%0A&x=1&state=" + testState:    {Code: "abc", State: testState, BizCode: "shop-1", BizTitle: "店"},
		"code=other&auth_code=abc&state=" + testState:                                {Code: "abc", State: testState},
		"code=abc&opBizCode=%20shop-1%20&businessId=58&state=" + testState + "&code": {},
	}
	for _, bad := range []string{
		"", "state=" + testState, "code=abc", "code=a%20b&state=" + testState, "code=abc&state=short",
		"code=a&code=b&state=" + testState, "code=a&state=" + testState + "&state=" + testState,
		"code=" + strings.Repeat("x", 1001) + "&state=" + testState,
	} {
		good[bad] = Callback{}
	}
	for _, c := range b.apis(t) {
		for text, want := range good {
			query, err := url.ParseQuery(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.ReadCallback(query)
			if got != want || (want == Callback{}) != errors.Is(err, ErrMalformed) {
				t.Errorf("%q: got %#v, %v", text, got, err)
			}
		}
	}
}

func TestGrantRequestsOfTheFirstGeneration(t *testing.T) {
	t.Parallel()
	app := map[string]string{"app_key": "testkey", "app_secret": testSecret}
	signed := map[string]string{"app_key": "testkey", "timestamp": "2024-01-02 02:04:05", "session": testSession, "format": "json", "v": "1", "sign_method": "MD5"}
	tests := map[Call]struct {
		method, path string
		fields       map[string]string
	}{
		CallToken: {"POST", "/router/oauth/token", with(app, "grant_type", "authorization_code",
			"auth_code", testAuthCode, "redirect_url", testAsked.RedirectURL)},
		CallRefresh: {"POST", "/router/oauth/token", with(app, "grant_type", "refresh_token", "refresh_token", testRefresh)},
		CallShops:   {"GET", "/router/oauth/session/scope", with(signed, "bid", "b1", "offset", "0", "limit", "50")},
	}
	for call, do := range grantCalls {
		b := answering(t, 200, `{"code":645,"msg":"no"}`)
		_, _ = do(context.Background(), b.dianping(t))
		got, want := b.only(t), tests[call]
		if got.method != want.method || got.path != want.path {
			t.Errorf("got %s %s, want %s %s", got.method, got.path, want.method, want.path)
		}
		fields := map[string]string{}
		if call == CallShops {
			fields = flat(t, got, SignMD5)
		} else {
			for name := range got.fields {
				fields[name] = got.fields.Get(name)
			}
		}
		if diff := cmp.Diff(want.fields, fields); diff != "" {
			t.Errorf("%s (-want +got):\n%s", call, diff)
		}
	}
}

func TestGrantRequestsOfTheSecondGeneration(t *testing.T) {
	t.Parallel()
	common := map[string]string{"developerId": "100000", "businessId": "58", "timestamp": "1704132245", "charset": "UTF-8"}
	tests := map[Call]struct {
		path   string
		fields map[string]string
	}{
		CallToken:   {"/oauth/token", with(common, "code", testAuthCode, "grantType", "authorization_code")},
		CallRefresh: {"/oauth/refresh", with(common, "refreshToken", testRefresh, "grantType", "refresh_token", "scope", "all")},
		CallShops: {"/ddzhkh/auth/token/pageQueryPoiList", with(common, "businessId", "59", "appAuthToken", testSession,
			"version", "2", "biz", `{"offset":0,"limit":50}`)},
	}
	for call, do := range grantCalls {
		b := answering(t, 200, `{"code":"OP_API_GRANT_FAILED","msg":"no"}`)
		_, _ = do(context.Background(), b.meituan(t))
		got, want := b.only(t), tests[call]
		if got.method != "POST" || got.path != want.path {
			t.Errorf("got %s %s, want POST %s", got.method, got.path, want.path)
		}
		if diff := cmp.Diff(want.fields, flat(t, got, SignSHA1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", call, diff)
		}
	}
	b := answering(t, 200, `{"code":5}`)
	_, _ = b.meituan(t).Refresh(context.Background(), Grant{Purpose: ForShopList, RefreshToken: testRefresh})
	if got := b.only(t).fields.Get("businessId"); got != "59" {
		t.Errorf("the shop list's grant is refreshed as business %s", got)
	}
}

func TestArgumentsOfGrantCalls(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, `{"code":200}`)
	ctx := context.Background()
	other := testCallback
	other.State = "state-of-somebody-else"
	tests := map[string]struct {
		do     func(API) error
		want   Class
		reason Reason
	}{
		"callback of another request": {func(c API) error { _, err := c.Exchange(ctx, testAsked, other); return err }, Misconfigured, ""},
		"no code":                     {func(c API) error { _, err := c.Exchange(ctx, testAsked, Callback{State: testState}); return err }, Misconfigured, ""},
		"unknown purpose": {func(c API) error {
			_, err := c.Exchange(ctx, AuthorizeRequest{Purpose: "x", State: testState}, testCallback)
			return err
		}, Unsupported, ""},
		"no refresh token":      {func(c API) error { _, err := c.Refresh(ctx, Grant{RefreshToken: " "}); return err }, Reauthorize, RefreshSpent},
		"odd refresh token":     {func(c API) error { _, err := c.Refresh(ctx, Grant{RefreshToken: "a b"}); return err }, Misconfigured, ""},
		"shops without a token": {func(c API) error { _, err := c.Shops(ctx, Grant{CustomerID: "b1"}); return err }, Misconfigured, ""},
		"shops of nobody":       {func(c API) error { _, err := c.Shops(ctx, Grant{AccessToken: "t"}); return err }, Misconfigured, ""},
	}
	for platform, c := range b.apis(t) {
		for name, tt := range tests {
			if e := failure(t, tt.do(c)); e.Class != tt.want || e.Reason != tt.reason {
				t.Errorf("%s, %s: got %v", platform, name, e)
			}
		}
	}
	if len(b.requests) != 0 || len(b.observed) != 0 {
		t.Errorf("%d requests, %d observations; want none", len(b.requests), len(b.observed))
	}
}

// A grant for one shop needs no list of them.
func TestShopsOfAGrantForOneShop(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, "")
	got, err := b.meituan(t).Shops(context.Background(), Grant{AccessToken: "t", ShopID: "shop-1", ShopName: "人民广场店"})
	if diff := cmp.Diff([]AuthorizedShop{{ID: "shop-1", Name: "人民广场店"}}, got); diff != "" || err != nil || len(b.requests) != 0 {
		t.Errorf("%v after %d requests (-want +got):\n%s", err, len(b.requests), diff)
	}
}

// TestShopsOnAllPages: whatever an offset counts, or if nothing does, each shop
// comes once.
func TestShopsOnAllPages(t *testing.T) {
	t.Parallel()
	pagings := map[string]func(n, offset, limit int) (from, to int){
		"rows":         func(n, offset, limit int) (int, int) { return offset, offset + limit },
		"pages from 1": func(n, offset, limit int) (int, int) { return max(0, offset-1) * limit, max(1, offset) * limit },
		"pages from 0": func(n, offset, limit int) (int, int) { return offset * limit, (offset + 1) * limit },
		"no paging":    func(n, _, _ int) (int, int) { return 0, n },
		"capped":       func(n, offset, _ int) (int, int) { return offset, offset + 20 },
	}
	for name, slice := range pagings {
		for _, n := range []int{0, 1, 20, 50, 51, 130} {
			b := setup(t, func(w http.ResponseWriter, r *http.Request) {
				offset, limit := atoi(r.Form.Get("offset")), atoi(r.Form.Get("limit"))
				if biz := r.Form.Get("biz"); biz != "" {
					o, _ := asObject(biz)
					offset, limit = int(o.number("offset")), int(o.number("limit"))
				}
				from, to := slice(n, offset, limit)
				ids := []string{}
				for i := min(from, n); i < min(to, n); i++ {
					ids = append(ids, `{"open_shop_uuid":"s`+strconv.Itoa(i)+`","opPoiId":"s`+strconv.Itoa(i)+`"}`)
				}
				list := "[" + strings.Join(ids, ",") + "]"
				if r.Form.Get("biz") != "" {
					list = `{"total":` + strconv.Itoa(n) + `,"poiInfoList":` + list + `}`
				}
				_, _ = w.Write([]byte(`{"code":200,"data":` + list + `}`))
			})
			for platform, c := range b.apis(t) {
				list, err := c.Shops(context.Background(), Grant{Purpose: ForShopList, AccessToken: "t", CustomerID: "b1"})
				if err != nil || len(list) != n {
					t.Errorf("%s, %s, %d shops: got %d, %v", platform, name, n, len(list), err)
				}
				slices.SortFunc(list, func(a, b AuthorizedShop) int { return strings.Compare(a.ID, b.ID) })
				if len(slices.Compact(list)) != len(list) {
					t.Errorf("%s, %s: a shop comes twice", platform, name)
				}
			}
		}
	}
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// TestTokenTimesCountFromTheRequest: a slow answer does not lengthen a token.
func TestTokenTimesCountFromTheRequest(t *testing.T) {
	t.Parallel()
	moments := []time.Time{testNow, testNow, testNow.Add(time.Minute), testNow.Add(time.Minute)}
	b := answering(t, 200, `{"code":0,"data":{"accessToken":"V2-a","expireIn":2592000,"refreshToken":"V2-r"}}`)
	c := b.meituan(t, func(cfg *MeituanConfig) {
		cfg.Now = func() time.Time {
			now := moments[0]
			moments = moments[min(1, len(moments)-1):]
			return now
		}
	})
	got, err := c.Refresh(context.Background(), Grant{RefreshToken: testRefresh, ShopID: "shop-1"})
	if err != nil || !got.ExpiresAt.Equal(testNow.Add(30*24*time.Hour)) || !got.RefreshExpiresAt.Equal(testNow.Add(35*24*time.Hour)) {
		t.Errorf("got %s, %s, %v", got.ExpiresAt, got.RefreshExpiresAt, err)
	}
	if o := b.observed; len(o) != 1 || o[0].Call != CallRefresh || o[0].ShopID != "shop-1" || o[0].Err != nil {
		t.Errorf("observed %+v", o)
	}
}
