package dianping

import (
	"context"
	"strings"
	"testing"
	"time"

	"yanquan/internal/httpcall"
	"yanquan/internal/scrub"

	"github.com/google/go-cmp/cmp"
)

func TestReadGrant(t *testing.T) {
	t.Parallel()
	month, life := 2592000*time.Second, 35*24*time.Hour
	tests := []struct {
		name     string
		platform string
		purpose  Purpose
		back     Callback
		body     string
		want     Grant
	}{
		{"first generation, as in samples", Dianping, "", Callback{},
			`{"code":200,"msg":"success","access_token":"a0","expires_in":2591999,"refresh_token":"r0","remain_refresh_count":12,"tokenType":"bearer","scope":"tuangou","bid":"b1"}`,
			Grant{Purpose: ForVouchers, AccessToken: "a0", RefreshToken: "r0", ExpiresAt: testNow.Add(month - time.Second), RefreshesLeft: 12, CustomerID: "b1", Scope: "tuangou"}},
		{"under data, numbers as text", Dianping, "", Callback{},
			`{"code":"200","data":{"access_token":"a0","expires_in":"2591900","refresh_token":"r0","remain_refresh_count":"3","token_type":"bearer","bid":77}}`,
			Grant{Purpose: ForVouchers, AccessToken: "a0", RefreshToken: "r0", ExpiresAt: testNow.Add(2591900 * time.Second), RefreshesLeft: 3, CustomerID: "77"}},
		{"allowance used up", Dianping, "", Callback{},
			`{"code":200,"data":null,"access_token":"a0","expires_in":2591999,"refresh_token":"","remain_refresh_count":0,"bid":"b1"}`,
			Grant{Purpose: ForVouchers, AccessToken: "a0", ExpiresAt: testNow.Add(month - time.Second), CustomerID: "b1"}},
		{"second generation, as in samples", Meituan, "", Callback{BizCode: "shop-1", BizTitle: "人民广场店"},
			`{"code":0,"msg":"success","traceId":1,"data":{"accessToken":"V2-a","expireIn":2592000,"refreshToken":"V2-r","scope":"all","opBizCode":"shop-1"}}`,
			Grant{Purpose: ForVouchers, AccessToken: "V2-a", RefreshToken: "V2-r", ExpiresAt: testNow.Add(month), RefreshExpiresAt: testNow.Add(life),
				RefreshesLeft: RefreshesNotTold, ShopID: "shop-1", ShopName: "人民广场店", Scope: "all"}},
		{"scope as a list, shop from the answer", Meituan, "", Callback{},
			`{"code":"OP_SUCCESS","data":{"accessToken":"V2-a","expireIn":"2592000","refreshToken":"V2-r","scope":["tuangou","ugc"],"opBizCode":"shop-1"}}`,
			Grant{Purpose: ForVouchers, AccessToken: "V2-a", RefreshToken: "V2-r", ExpiresAt: testNow.Add(month), RefreshExpiresAt: testNow.Add(life),
				RefreshesLeft: RefreshesNotTold, ShopID: "shop-1", Scope: "tuangou,ugc"}},
		{"no shop told: a browser's word is not believed", Meituan, "", Callback{BizCode: "shop-9", BizTitle: "人民广场店"},
			`{"code":0,"data":{"accessToken":"V2-a","expireIn":2592000,"refreshToken":"V2-r"}}`,
			Grant{Purpose: ForVouchers, AccessToken: "V2-a", RefreshToken: "V2-r", ExpiresAt: testNow.Add(month), RefreshExpiresAt: testNow.Add(life),
				RefreshesLeft: RefreshesNotTold}},
		{"a name of no shop is not believed", Meituan, "", Callback{BizTitle: "人民广场店"},
			`{"code":0,"data":{"accessToken":"V2-a","opBizCode":"shop-1"}}`,
			Grant{Purpose: ForVouchers, AccessToken: "V2-a", RefreshesLeft: RefreshesNotTold, ShopID: "shop-1"}},
		{"shop list", Meituan, ForShopList, Callback{BizCode: "customer-1"},
			`{"code":0,"data":{"accessToken":"V2-a","expireIn":2592000,"refreshToken":"V2-r","opBizCode":"customer-1"}}`,
			Grant{Purpose: ForShopList, AccessToken: "V2-a", RefreshToken: "V2-r", ExpiresAt: testNow.Add(month), RefreshExpiresAt: testNow.Add(life),
				RefreshesLeft: RefreshesNotTold, CustomerID: "customer-1"}},
		{"a callback of the other generation", Dianping, "", Callback{BizCode: "shop-1", BizTitle: "x"}, `{"code":200,"access_token":"a","bid":"b1"}`,
			Grant{Purpose: ForVouchers, AccessToken: "a", RefreshesLeft: RefreshesNotTold, CustomerID: "b1"}},
		{"no life told", Meituan, "", Callback{}, `{"code":0,"data":{"accessToken":"V2-a","expireIn":-1}}`,
			Grant{Purpose: ForVouchers, AccessToken: "V2-a", RefreshesLeft: RefreshesNotTold}},
		{"a life beyond belief", Dianping, "", Callback{}, `{"code":200,"access_token":"a","expires_in":99999999999}`,
			Grant{Purpose: ForVouchers, AccessToken: "a", RefreshesLeft: RefreshesNotTold}},
	}
	for _, tt := range tests {
		c := answering(t, 200, tt.body).apis(t)[tt.platform]
		asked := AuthorizeRequest{Purpose: tt.purpose, State: testState, RedirectURL: testAsked.RedirectURL}
		tt.back.Code, tt.back.State = testAuthCode, testState
		got, err := c.Exchange(context.Background(), asked, tt.back)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// Tokens of another shop than the browser says are nobody's.
func TestShopThatOnlyTheBrowserNames(t *testing.T) {
	t.Parallel()
	back := Callback{Code: testAuthCode, State: testState, BizCode: "shop-9", BizTitle: "人民广场店"}
	c := answering(t, 200, `{"code":0,"data":{"accessToken":"V2-a","opBizCode":"shop-1"}}`).apis(t)[Meituan]
	if g, err := c.Exchange(context.Background(), testAsked, back); err == nil {
		t.Errorf("got %v", g)
	}
}

// A refresh answers with tokens; whose they are, it may leave out.
func TestRefreshKeepsWhoseGrantItIs(t *testing.T) {
	t.Parallel()
	old := Grant{Purpose: ForVouchers, AccessToken: "a0", RefreshToken: "r0", ExpiresAt: testNow, RefreshExpiresAt: testNow,
		RefreshesLeft: 5, CustomerID: "b1", ShopName: "x", Scope: "tuangou"}
	got, err := answering(t, 200, `{"code":200,"access_token":"a1","refresh_token":"r1","remain_refresh_count":4}`).
		dianping(t).Refresh(context.Background(), old)
	want := Grant{Purpose: ForVouchers, AccessToken: "a1", RefreshToken: "r1", RefreshesLeft: 4, CustomerID: "b1", ShopName: "x", Scope: "tuangou"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestGrantsThatCannotBeUsedAreDoubts(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no token":             `{"code":200}`,
		"empty token":          `{"code":0,"data":{"accessToken":"","refreshToken":"r"}}`,
		"token with a space":   `{"code":0,"data":{"accessToken":"a b"}}`,
		"refresh token is odd": `{"code":0,"data":{"accessToken":"a","refreshToken":"r\nr"}}`,
		"tokens in a list":     `{"code":0,"data":[{"accessToken":"a"},{"accessToken":"b"}]}`,
		"data is text":         `{"code":0,"data":"success"}`,
		"another shop":         `{"code":0,"data":{"accessToken":"a","opBizCode":"shop-2"}}`,
		"another customer":     `{"code":200,"access_token":"a","bid":"b2"}`,
		"cut short":            `{"code":0,"data":{"accessToken":"a`,
		"HTML":                 `<html>`,
	} {
		for platform, c := range answering(t, 200, body).apis(t) {
			g, err := c.Refresh(context.Background(), Grant{RefreshToken: testRefresh, ShopID: "shop-1", CustomerID: "b1"})
			if e := failure(t, err); e.Class != UnknownOutcome || g != (Grant{}) {
				t.Errorf("%s, %s: got %v", platform, name, e)
			}
		}
	}
}

func TestReadShops(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data string
		want []AuthorizedShop
	}{
		"official SDK": {`[{"open_shop_uuid":"u1","shopname":"海底捞","branchname":"人民广场店","shopaddress":"西藏中路1号","cityname":"上海"}]`,
			[]AuthorizedShop{{"u1", "海底捞（人民广场店）", "西藏中路1号", "上海"}}},
		"Go SDK, branch in the name": {`[{"open_shop_uuid":"u1","shopname":"海底捞（人民广场店）","branchname":"人民广场店","shop_address":"x"},{"open_shop_uuid":"u2"}]`,
			[]AuthorizedShop{{"u1", "海底捞（人民广场店）", "x", ""}, {ID: "u2"}}},
		"a name that steers a screen": {`[{"open_shop_uuid":"u1","shopname":"店\u001b[31m\u202e\n二"}]`, []AuthorizedShop{{ID: "u1", Name: "店 [31m 二"}}},
		"one shop, unwrapped":         {`{"open_shop_uuid":"u1"}`, []AuthorizedShop{{ID: "u1"}}},
		"second generation": {`{"total":"1","poiInfoList":[{"opPoiId":"p1","name":"人民广场店","address":"西藏中路1号","cityName":"上海"}]}`,
			[]AuthorizedShop{{"p1", "人民广场店", "西藏中路1号", "上海"}}},
		"wrapped once more":        {`{"result":{"total":1,"poiInfoList":[{"opPoiId":"p1"}]}}`, []AuthorizedShop{{ID: "p1"}}},
		"result":                   {`{"total":1,"result":[{"opPoiId":"p1"}]}`, []AuthorizedShop{{ID: "p1"}}},
		"none":                     {`[]`, nil},
		"none, null":               {`null`, nil},
		"none, list left out":      {`{"total":0}`, nil},
		"one without id among two": {`[{"shopname":"x"},{"open_shop_uuid":"u2"}]`, []AuthorizedShop{{ID: "u2"}}},
	}
	for name, tt := range tests {
		a, err := readAnswer(reporter{platform: Dianping, call: CallShops}, []byte(`{"code":200,"data":`+tt.data+`}`))
		if err != nil {
			t.Fatal(err)
		}
		p, err := readShops(a.data)
		if diff := cmp.Diff(tt.want, p.rows); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, data := range []string{`"x"`, `[{"shopname":"x"}]`, `7`} {
		a, err := readAnswer(reporter{platform: Dianping, call: CallShops}, []byte(`{"code":200,"data":`+data+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := readShops(a.data); err == nil {
			t.Errorf("%s: got %v, want an error", data, p.rows)
		}
	}
}

// FuzzGrant: whatever a server answers to a call for tokens, nothing panics, a
// grant has a token that can be sent, and a failure does not repeat the secrets.
func FuzzGrant(f *testing.F) {
	for _, body := range []string{
		`{"code":200,"access_token":"a0","expires_in":2591999,"refresh_token":"r0","remain_refresh_count":12,"scope":"tuangou","bid":"b1"}`,
		`{"code":0,"data":{"accessToken":"V2-a","expireIn":2592000,"refreshToken":"V2-r","scope":["all"],"opBizCode":"shop-1"}}`,
		`{"code":5,"msg":"非法令牌"}`, `{"code":"OP_UNIAUTH_FAILED","data":{"code":22}}`, `{"code":613,"msg":"refresh_token已过期"}`,
		`{"code":200,"data":{"code":0,"data":{"access_token":"a"}}}`, `[]`, `<html>`,
	} {
		f.Add(200, true, []byte(body))
		f.Add(500, false, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, refresh bool, body []byte) {
		call := CallToken
		if refresh {
			call = CallRefresh
		}
		report := reporter{platform: Meituan, call: call, scrub: scrub.New(testRefresh, testSecret, testAuthCode)}
		var g Grant
		e := conclude(report, status, body, func(data any) (err error) {
			g, err = readGrant(Grant{Purpose: ForVouchers}, "", data, testNow, 0)
			return err
		})
		if e == nil {
			if !httpcall.IsOK(status) || !tokenForm.matches(g.AccessToken) || g.RefreshesLeft < RefreshesNotTold {
				t.Errorf("http %d: success with %+v", status, g)
			}
			if !g.ExpiresAt.IsZero() && (!g.ExpiresAt.After(testNow) || g.ExpiresAt.After(testNow.Add(maxLife))) {
				t.Errorf("expires %s", g.ExpiresAt)
			}
			return
		}
		if e.Class == "" || e.Class == Reauthorize && e.Reason == "" || status >= 500 && e.Class != UnknownOutcome && e.Code != "" {
			t.Errorf("http %d: got %+v", status, e)
		}
		for _, secret := range []string{testRefresh, testSecret, testAuthCode} {
			if strings.Contains(chain(e), secret) {
				t.Errorf("%q is told: %v", secret, e)
			}
		}
	})
}
