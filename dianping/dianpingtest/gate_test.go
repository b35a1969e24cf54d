package dianpingtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// What the first generation asks of a request before it looks at the business.
func TestGen1Gate(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string {
		return time.Date(2026, 10, 1, 12, 0, 0, 0, zone).Add(d).Format("2006-01-02 15:04:05")
	}
	tests := []struct {
		name   string
		fields fields
		want   string
	}{
		{"all well", nil, "ok"},
		{"by old shop id", fields{"open_shop_uuid": "-", "app_shop_id": "77"}, "ok"},
		{"other shop of the session, voucher not valid there", fields{"open_shop_uuid": shopB}, "1012"},
		{"unknown fields are signed too", fields{"third_device_id": "d1"}, "ok"},
		{"no app_key", fields{"app_key": "-"}, "1001"},
		{"no timestamp", fields{"timestamp": "-"}, "1001"},
		{"no session", fields{"session": "-"}, "1001"},
		{"no format", fields{"format": "-"}, "1001"},
		{"no v", fields{"v": "-"}, "1001"},
		{"no sign_method", fields{"sign_method": "-"}, "1001"},
		{"no sign", fields{"sign": "-"}, "1001"},
		{"no code", fields{"receipt_code": "-"}, "1001"},
		{"xml", fields{"format": "xml"}, "1001"},
		{"version", fields{"v": "2"}, "1001"},
		{"sign method", fields{"sign_method": "SHA1"}, "1001"},
		{"app_key", fields{"app_key": "key-2"}, "602"},
		{"wrong signature", fields{"sign": strings.Repeat("0", 32)}, "603"},
		{"HMAC announced, MD5 sent", fields{"sign_method": "HMAC"}, "603"},
		{"timestamp in seconds", fields{"timestamp": "1700000000"}, "604"},
		{"timestamp 30 min early", fields{"timestamp": at(-30 * time.Minute)}, "ok"},
		{"timestamp 30 min late", fields{"timestamp": at(30 * time.Minute)}, "ok"},
		{"timestamp too early", fields{"timestamp": at(-30*time.Minute - time.Second)}, "604"},
		{"timestamp too late", fields{"timestamp": at(30*time.Minute + time.Second)}, "604"},
		{"timestamp in UTC", fields{"timestamp": at(-8 * time.Hour)}, "604"},
		{"unknown session", fields{"session": "nobody"}, "608"},
		{"token of the other generation", fields{"session": tokenA}, "608"},
		{"no shop", fields{"open_shop_uuid": "-"}, "1020"},
		{"two shops", fields{"app_shop_id": "77"}, "1001"},
		{"shop of somebody else", fields{"open_shop_uuid": shopC}, "645"},
		{"no such shop", fields{"open_shop_uuid": "shop-x"}, "645"},
	}
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	for _, tt := range tests {
		if a := r.call1("prepare", fields{"receipt_code": v.Code}.plus(tt.fields)); a.code != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, a.code, a.msg, tt.want)
		}
	}
	if a := r.call1("prepare", fields{"receipt_code": v.Code, "open_shop_uuid": shopC}); !strings.HasPrefix(a.msg, "该门店未授权") {
		t.Errorf("645 says %q", a.msg)
	}
}

func TestGen2Gate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		fields    fields
		want, sub string
	}{
		{"all well", nil, "ok", ""},
		{"charset in lower case, signed as sent", fields{"charset": "utf-8"}, "ok", ""},
		{"no developerId", fields{"developerId": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no businessId", fields{"businessId": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no token", fields{"appAuthToken": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no timestamp", fields{"timestamp": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no charset", fields{"charset": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no version", fields{"version": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no biz", fields{"biz": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"no sign", fields{"sign": "-"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"charset", fields{"charset": "GBK"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"version", fields{"version": "1"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"timestamp as text", fields{"timestamp": "2026-10-01 12:00:00"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"timestamp in ms", fields{"timestamp": "1790827200000"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"timestamp 30 min early", fields{"timestamp": "1790825400"}, "ok", ""},
		{"timestamp too early", fields{"timestamp": "1790825399"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"timestamp too late", fields{"timestamp": "1790829001"}, "OP_SYSTEM_PARAM_ERROR", ""},
		{"developerId", fields{"developerId": "100001"}, "OP_UNIAUTH_FAILED", "3"},
		{"wrong signature", fields{"sign": strings.Repeat("0", 40)}, "OP_UNIAUTH_FAILED", "3"},
		{"catering", fields{"businessId": "1"}, "OP_API_GRANT_FAILED", ""},
		{"unknown token", fields{"appAuthToken": "V2-x"}, "OP_UNIAUTH_FAILED", "5"},
		{"session of the other generation", fields{"appAuthToken": session1}, "OP_UNIAUTH_FAILED", "5"},
		{"biz not JSON", fields{"biz": "receiptCode=1"}, "1001", ""},
		{"biz null", fields{"biz": "null"}, "1001", ""},
		{"biz list", fields{"biz": "[]"}, "1001", ""},
		{"code missing", fields{"biz": "{}"}, "1001", ""},
		{"code null", fields{"biz": `{"receiptCode":null}`}, "1001", ""},
		{"code a number", fields{"biz": `{"receiptCode":1234567890}`}, "1001", ""},
	}
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	for _, tt := range tests {
		a := r.call2("prepare", `{"receiptCode":"`+v.Code+`"}`, tt.fields)
		if a.code != tt.want || a.sub != tt.sub {
			t.Errorf("%s: got %s %s (%s), want %s %s", tt.name, a.code, a.sub, a.msg, tt.want, tt.sub)
		}
	}
}

func TestTransport(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	r.ok(r.p.ConsumeElsewhere(v.Code, "till", ""))
	get1 := func(call string, f fields) *http.Request {
		req, err := http.NewRequest(http.MethodGet, r.srv.URL+path1(call)+"?"+r.form1(f).Encode(), nil)
		r.ok(err)
		return req
	}
	body := func(path, contentType, text string) *http.Request {
		req, err := http.NewRequest(http.MethodPost, r.srv.URL+path, strings.NewReader(text))
		r.ok(err)
		req.Header.Set("Content-Type", contentType)
		return req
	}
	const form = "application/x-www-form-urlencoded"
	ask1, ask2 := r.form1(fields{"receipt_code": v.Code}), r.form2(`{"receiptCode":"`+v.Code+`"}`, nil)
	twice := func(v url.Values, name string) string { return v.Encode() + "&" + name + "=again" }
	get2, err := http.NewRequest(http.MethodGet, r.srv.URL+path2("getconsumed")+"?"+ask2.Encode(), nil)
	r.ok(err)
	inQuery := body(path1("getconsumed")+"?session=x", form, ask1.Encode())

	tests := []struct {
		name string
		req  *http.Request
		want string
	}{
		{"gen 1 read by GET", get1("getconsumed", fields{"receipt_code": v.Code}), "ok"},
		{"gen 1 list by GET", get1("querylistbydate", fields{"date": "2026-10-01"}), "ok"},
		{"gen 1 deals by GET", get1("queryshopdeal", nil), "ok"},
		{"gen 1 codes by GET", get1("querybymobile", fields{"mobile": "13800000000"}), "ok"},
		{"gen 1 read by POST", body(path1("getconsumed"), form, ask1.Encode()), "ok"},
		{"gen 1 prepare by GET", get1("prepare", fields{"receipt_code": v.Code}), "601"},
		{"gen 1 scanprepare by GET", get1("scanprepare", nil), "601"},
		{"gen 1 consume by GET", get1("consume", consumeFields(v.Code, "r", 1)), "601"},
		{"gen 1 batchconsume by GET", get1("batchconsume", nil), "601"},
		{"gen 1 undo by GET", get1("reverseconsume", undoFields(v.Code, 1001)), "601"},
		{"gen 1 JSON", body(path1("getconsumed"), "application/json", "{}"), "1001"},
		{"gen 1 field twice", body(path1("getconsumed"), form, twice(ask1, "receipt_code")), "1001"},
		{"gen 1 bad encoding", body(path1("getconsumed"), form, ask1.Encode()+"&x=%zz"), "1001"},
		{"gen 1 POST with query", inQuery, "1001"},
		{"gen 1 body too large", body(path1("getconsumed"), form, "x="+strings.Repeat("y", 1<<20)), "1001"},
		{"gen 2 by GET", get2, "OP_HTTP_UNSUPPORTED_METHOD_TYPE"},
		{"gen 2 JSON", body(path2("getconsumed"), "application/json", "{}"), "OP_HTTP_UNSUPPORTED_CONTENT_TYPE"},
		{"gen 2 field twice", body(path2("getconsumed"), form, twice(ask2, "biz")), "OP_SYSTEM_PARAM_ERROR"},
		{"gen 2 all well", body(path2("getconsumed"), form, ask2.Encode()), "ok"},
		{"gen 2 scanprepare", body(path2("scanprepare"), form, ask2.Encode()), "OP_API_NOT_EXIST"},
		{"gen 2 batchconsume", body(path2("batchconsume"), form, ask2.Encode()), "OP_API_NOT_EXIST"},
		{"gen 2 elsewhere", body("/ddzh/receipt/prepare", form, ask2.Encode()), "OP_API_NOT_EXIST"},
	}
	for _, tt := range tests {
		if a := r.read(r.send(tt.req)); a.code != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, a.code, a.msg, tt.want)
		}
	}
	for _, path := range []string{"/", "/router/tuangou/receipt/nothing", "/router/tuangou/deal/queryshopdeal", "/tuangou/receipt/prepare", "/tuangou/deal/other"} {
		if w := r.post(t.Context(), path, ask1); w.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, w.status)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	ask1 := func() answer { return r.call1("prepare", fields{"receipt_code": v.Code}) }
	ask2 := func() answer { return r.call2("prepare", `{"receiptCode":"`+v.Code+`"}`, nil) }

	r.ok(r.p.AddSession(dianpingtest.Session{Token: session1, Dialect: dianpingtest.Dianping, Shops: []string{shopA}, Expires: r.clock.Now().Add(time.Hour)}))
	r.ok(r.p.AddSession(dianpingtest.Session{Token: tokenA, Dialect: dianpingtest.Meituan, Shops: []string{shopA}, Expires: r.clock.Now().Add(time.Hour)}))
	r.want(ask1(), "ok")
	r.want(ask2(), "ok")
	r.clock.Add(time.Hour)
	r.want(ask1(), "608")
	r.same(ask2().sub, "4")

	r.ok(r.p.AddSession(dianpingtest.Session{Token: tokenA, Dialect: dianpingtest.Meituan, Shops: []string{shopA}}))
	r.want(ask2(), "ok")
	r.ok(r.p.ExpireSession(tokenA))
	a := ask2()
	r.same([]string{a.code, a.sub}, []string{"OP_UNIAUTH_FAILED", "4"})
	r.ok(r.p.RevokeSession(tokenA))
	r.same(ask2().sub, "22")

	for name, err := range map[string]error{
		"unknown token":             r.p.ExpireSession("nobody"),
		"two shops for one token":   r.p.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Meituan, Shops: []string{shopA, shopB}}),
		"unknown dialect":           r.p.AddSession(dianpingtest.Session{Token: "t", Shops: []string{shopA}}),
		"unknown shop":              r.p.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Dianping, Shops: []string{"x"}}),
		"no token":                  r.p.AddSession(dianpingtest.Session{Dialect: dianpingtest.Dianping}),
		"a shop twice":              r.p.AddShop(dianpingtest.Shop{ID: shopA}),
		"a shop without id":         r.p.AddShop(dianpingtest.Shop{}),
		"a knob of no known value":  r.p.SetKnobs(dianpingtest.Knobs{RepeatAnswer: "x"}),
		"another":                   r.p.SetKnobs(dianpingtest.Knobs{Gen1ListPaging: "x"}),
		"a third":                   r.p.SetKnobs(dianpingtest.Knobs{Gen2Refusals: "x"}),
		"a pause of no known kind":  r.p.Pause("x"),
		"a fault of no known kind":  r.p.Fail(dianpingtest.Fault{Kind: "x"}),
		"a fault of no known call":  r.p.Fail(dianpingtest.Fault{Kind: dianpingtest.HTML, Call: "consum"}),
		"a fault of no known world": r.p.Fail(dianpingtest.Fault{Kind: dianpingtest.HTML, Dialect: "x"}),
		"a 5xx that is none":        r.p.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 404}),
		"an answer without code":    r.p.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
