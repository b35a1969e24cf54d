package dianpingtest_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

const (
	appKey, appSecret    = "key-1", "app-secret-0123456789"
	developerID, signKey = "100000", "sign-key-0123456789"

	session1 = "session-of-both-shops-0123456789"
	tokenA   = "V2-token-of-shop-a-0123456789"
	tokenB   = "V2-token-of-shop-b-0123456789"
	shopA    = "shop-a"
	shopB    = "shop-b"
	shopC    = "shop-c" // of somebody else
)

var zone = time.FixedZone("Beijing", 8*60*60)

// rig is a platform with three shops behind a real listener.
type rig struct {
	*testing.T
	p     *dianpingtest.Platform
	srv   *httptest.Server
	clock *fakeserver.Clock
}

func setup(t *testing.T, change ...func(*dianpingtest.Options)) rig {
	t.Helper()
	c := fakeserver.NewClock(time.Date(2026, 10, 1, 12, 0, 0, 0, zone))
	opts := dianpingtest.Options{
		Now: c.Now, AppKey: appKey, AppSecret: appSecret, DeveloperID: developerID, SignKey: signKey,
	}
	for _, f := range change {
		f(&opts)
	}
	r := rig{t, dianpingtest.New(opts), nil, c}
	r.srv = httptest.NewServer(r.p)
	t.Cleanup(r.srv.Close)
	t.Cleanup(r.p.Close)
	for _, s := range []dianpingtest.Shop{{ID: shopA, AppShopID: "77", Name: "海底捞", Branch: "人民广场店", Address: "西藏中路1号", City: "上海"}, {ID: shopB}, {ID: shopC, Name: "五角场店", Customer: "customer-2"}} {
		r.ok(r.p.AddShop(s))
	}
	for _, s := range []dianpingtest.Session{
		{Token: session1, Dialect: dianpingtest.Dianping, Shops: []string{shopA, shopB}},
		{Token: tokenA, Dialect: dianpingtest.Meituan, Shops: []string{shopA}},
		{Token: tokenB, Dialect: dianpingtest.Meituan, Shops: []string{shopB}},
	} {
		r.ok(r.p.AddSession(s))
	}
	return r
}

func (r rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// sell adds one voucher of shop A.
func (r rig) sell(v dianpingtest.Voucher) dianpingtest.Voucher {
	r.Helper()
	return r.sellOrder(v, 1)[0]
}

func (r rig) sellOrder(v dianpingtest.Voucher, n int) []dianpingtest.Voucher {
	r.Helper()
	if v.Shops == nil {
		v.Shops = []string{shopA}
	}
	made, err := r.p.AddOrder(v, n)
	r.ok(err)
	return made
}

func (r rig) fail(f dianpingtest.Fault) {
	r.Helper()
	r.ok(r.p.Fail(f))
}

// fields are form fields; "-" leaves one of the common ones out.
type fields map[string]string

// plus returns a copy with other fields added or replaced.
func (f fields) plus(more fields) fields {
	c := maps.Clone(f)
	maps.Copy(c, more)
	return c
}

func joined(f fields) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f)) {
		b.WriteString(k + f[k])
	}
	return b.String()
}

// form1 signs a call of the first generation.
func (r rig) form1(f fields) url.Values {
	all := fields{
		"app_key": appKey, "timestamp": r.clock.Now().In(zone).Format("2006-01-02 15:04:05"), "session": session1,
		"format": "json", "v": "1", "sign_method": "MD5", "open_shop_uuid": shopA,
	}.plus(f)
	maps.DeleteFunc(all, func(_, v string) bool { return v == "-" })
	if _, given := f["sign"]; !given {
		sum := md5.Sum([]byte(appSecret + joined(all) + appSecret))
		all["sign"] = hex.EncodeToString(sum[:])
	}
	return values(all)
}

// form2 signs a call of the second generation.
func (r rig) form2(biz string, f fields) url.Values {
	all := fields{
		"developerId": developerID, "businessId": "58", "appAuthToken": tokenA, "charset": "UTF-8", "version": "2",
		"timestamp": strconv.FormatInt(r.clock.Now().Unix(), 10), "biz": biz,
	}.plus(f)
	maps.DeleteFunc(all, func(_, v string) bool { return v == "-" })
	if _, given := f["sign"]; !given {
		sum := sha1.Sum([]byte(signKey + joined(all)))
		all["sign"] = hex.EncodeToString(sum[:])
	}
	return values(all)
}

func values(f fields) url.Values {
	v := url.Values{}
	for name, value := range f {
		v.Set(name, value)
	}
	return v
}

func path1(call string) string {
	if call == "queryshopdeal" {
		return "/tuangou/deal/queryshopdeal"
	}
	return "/router/tuangou/receipt/" + call
}

func path2(call string) string {
	if call == "queryshopdeal" {
		return "/ddzh/tuangou/deal/queryshopdeal"
	}
	return "/ddzh/tuangou/receipt/" + call
}

// wire is an answer as it came.
type wire struct {
	status      int
	contentType string
	body        string
	err         error // of the connection, also while the body was read
}

// post sends a form. It may be used from several goroutines.
func (r rig) post(ctx context.Context, path string, form url.Values) wire {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return wire{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r.send(req)
}

func (r rig) send(req *http.Request) wire {
	resp, err := r.srv.Client().Do(req)
	if err != nil {
		return wire{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return wire{resp.StatusCode, resp.Header.Get("Content-Type"), string(body), err}
}

// answer is an answer of either dialect.
type answer struct {
	code string // "ok", or the business or gateway code as text
	sub  string // data.code of OP_UNIAUTH_FAILED
	msg  string
	data any // numbers as json.Number
	rows []any
}

func (r rig) read(w wire) answer {
	r.Helper()
	if w.err != nil {
		r.Fatalf("no answer: %v", w.err)
	}
	if w.status != http.StatusOK || w.contentType != "application/json;charset=UTF-8" {
		r.Fatalf("answered %d %s: %s", w.status, w.contentType, w.body)
	}
	var a struct {
		Code any
		Msg  string
		Data any
	}
	dec := json.NewDecoder(strings.NewReader(w.body))
	dec.UseNumber()
	if err := dec.Decode(&a); err != nil {
		r.Fatalf("answer %q: %v", w.body, err)
	}
	out := answer{code: fmt.Sprint(a.Code), msg: a.Msg, data: a.Data}
	out.rows, _ = a.Data.([]any)
	object, _ := a.Data.(map[string]any)
	if rows, ok := object["result"].([]any); ok {
		out.rows = rows
	}
	switch out.code {
	case "200", "OP_SUCCESS":
		out.code = "ok"
	case "OP_BIZ_ERROR":
		out.code, out.msg = fmt.Sprint(object["code"]), fmt.Sprint(object["msg"])
	case "OP_UNIAUTH_FAILED":
		out.sub = fmt.Sprint(object["code"])
	}
	return out
}

// field reads a field of a data object or row.
func field(object any, name string) string {
	m, _ := object.(map[string]any)
	v, ok := m[name]
	if !ok {
		return "absent"
	}
	return fmt.Sprint(v)
}

func (r rig) call1(call string, f fields) answer {
	r.Helper()
	return r.read(r.post(r.Context(), path1(call), r.form1(f)))
}

func (r rig) call2(call, biz string, f fields) answer {
	r.Helper()
	return r.read(r.post(r.Context(), path2(call), r.form2(biz, f)))
}

// dialect lets one test speak both generations, in terms of the first.
type dialect struct {
	name dianpingtest.Dialect
	form func(r rig, f fields) url.Values
	path func(call string) string
}

var bothDialects = []dialect{
	{dianpingtest.Dianping, rig.form1, path1},
	{dianpingtest.Meituan, rig.form2of1, path2},
}

var names2 = map[string]string{
	"receipt_code": "receiptCode", "requestid": "requestId", "app_shop_account": "appShopAccount",
	"app_shop_accountname": "appShopAccountName", "app_deal_id": "dealId", "biz_type": "bizType",
	"deal_group_id": "dealGroupId", "deal_id": "dealId",
}

// form2of1 translates the first generation's fields into a call of the second.
func (r rig) form2of1(f fields) url.Values {
	biz := map[string]any{}
	token := tokenA
	for name, value := range f {
		if name == "open_shop_uuid" {
			token = map[string]string{shopA: tokenA, shopB: tokenB}[value]
			continue
		}
		to := name
		if names2[name] != "" {
			to = names2[name]
		}
		biz[to] = value
		switch name {
		case "count", "offset", "limit", "type", "biz_type", "deal_group_id", "deal_id":
			biz[to] = json.RawMessage(value)
		}
	}
	text, err := json.Marshal(biz)
	r.ok(err)
	return r.form2(string(text), fields{"appAuthToken": token})
}

// do makes a call in a dialect.
func (r rig) do(d dialect, call string, f fields) answer {
	r.Helper()
	return r.read(r.post(r.Context(), d.path(call), d.form(r, f)))
}

// inBoth runs a test once for each dialect.
func inBoth(t *testing.T, test func(r rig, d dialect), change ...func(*dianpingtest.Options)) {
	t.Helper()
	for _, d := range bothDialects {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			test(setup(t, change...), d)
		})
	}
}

func consumeFields(code, requestID string, count int) fields {
	return fields{
		"receipt_code": code, "requestid": requestID, "count": strconv.Itoa(count),
		"app_shop_account": "a01", "app_shop_accountname": "前台小王",
	}
}

func undoFields(code string, dealID int64) fields {
	return fields{
		"receipt_code": code, "app_deal_id": strconv.FormatInt(dealID, 10),
		"app_shop_account": "a01", "app_shop_accountname": "前台小王",
	}
}

func (r rig) want(a answer, code string) {
	r.Helper()
	if a.code != code {
		r.Errorf("got code %s (%s), want %s", a.code, a.msg, code)
	}
}

// effects fails unless the ledger says exactly this of a code.
func (r rig) effects(code string, consumed, undone int) {
	r.Helper()
	if got := r.p.Effects(code); got != (dianpingtest.Count{Consumed: consumed, Undone: undone}) {
		r.Errorf("effects on %s: %+v, want consumed %d, undone %d", code, got, consumed, undone)
	}
}

func (r rig) same(got, want any) {
	r.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("(-want +got)\n%s", diff)
	}
}

// sameJSON compares JSON texts, numbers by their digits.
func (r rig) sameJSON(got, want string) {
	r.Helper()
	parse := func(text string) (v any) {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			r.Fatalf("%q: %v", text, err)
		}
		return v
	}
	r.same(parse(got), parse(want))
}

// await waits for the platform, not for time to pass.
func (r rig) await(cond func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	if err := r.p.Await(ctx, cond); err != nil {
		r.Fatalf("waiting: %v", err)
	}
}
