package dianping

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flat gives the fields without the signature, which it checks.
func flat(t *testing.T, got sent, sign func(string, map[string]string) string) map[string]string {
	t.Helper()
	fields := make(map[string]string)
	for name, values := range got.fields {
		if len(values) != 1 {
			t.Errorf("field %s came %d times", name, len(values))
		}
		fields[name] = values[0]
	}
	if want := sign(testSecret, fields); fields["sign"] != want {
		t.Errorf("sign is %s, want %s over what arrived", fields["sign"], want)
	}
	delete(fields, "sign")
	return fields
}

func TestDianpingRequests(t *testing.T) {
	t.Parallel()
	const receipt = "/router/tuangou/receipt/"
	operator := []string{"app_shop_account", "a01", "app_shop_accountname", "前台小王"}
	tests := map[Call]struct {
		method, path string
		fields       []string
	}{
		CallPrepare:     {"POST", receipt + "prepare", []string{"receipt_code", "0123456789"}},
		CallScanPrepare: {"POST", receipt + "scanprepare", []string{"qr_code", "bXk=@12"}},
		CallConsume: {"POST", receipt + "consume",
			append([]string{"requestid", "req1", "receipt_code", "0123456789", "count", "1"}, operator...)},
		CallBatchConsume: {"POST", receipt + "batchconsume",
			append([]string{"requestid", "req1", "receipt_code_infos",
				`[{"receipt_code":"0123456789","count":"1"},{"receipt_code":"0123456790","count":"2"}]`}, operator...)},
		CallReverseConsume: {"POST", receipt + "reverseconsume",
			append([]string{"receipt_code", "0123456789", "app_deal_id", "1001"}, operator...)},
		CallGetConsumed: {"GET", receipt + "getconsumed", []string{"receipt_code", "0123456789"}},
		CallQueryListByDate: {"GET", receipt + "querylistbydate",
			[]string{"date", "2024-01-02", "offset", "0", "limit", "100"}},
		CallQueryByMobile: {"GET", receipt + "querybymobile", []string{"mobile", testMobile,
			"deal_group_id", "2001", "deal_id", "1001", "platform", "2", "offset", "0", "limit", "30"}},
		CallQueryShopDeal: {"GET", "/tuangou/deal/queryshopdeal", []string{"offset", "1", "limit", "100"}},
	}
	common := map[string]string{
		"app_key": "testkey", "timestamp": "2024-01-02 02:04:05", "session": testSession,
		"format": "json", "v": "1", "sign_method": "MD5", "open_shop_uuid": "uuid1",
	}
	for call, do := range allCalls {
		t.Run(string(call), func(t *testing.T) {
			t.Parallel()
			b := answering(t, 200, `{"code":1012,"msg":"no"}`)
			_ = do(context.Background(), b.dianping(t), testShop)
			got, want := b.only(t), tests[call]
			if got.method != want.method || got.path != want.path {
				t.Errorf("got %s %s, want %s %s", got.method, got.path, want.method, want.path)
			}
			if diff := cmp.Diff(with(common, want.fields...), flat(t, got, SignMD5)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if form := strings.HasPrefix(got.header.Get("Content-Type"), "application/x-www-form-urlencoded"); form != (want.method == "POST") {
				t.Errorf("content type %q", got.header.Get("Content-Type"))
			}
			if strings.Contains(got.body, "+") {
				t.Error("a space is sent as a plus")
			}
		})
	}
}

func TestMeituanRequests(t *testing.T) {
	t.Parallel()
	const receipt = "/ddzh/tuangou/receipt/"
	tests := map[Call]struct{ path, biz string }{
		CallPrepare: {receipt + "prepare", `{"receiptCode":"0123456789"}`},
		CallConsume: {receipt + "consume",
			`{"receiptCode":"0123456789","count":1,"requestId":"req1","appShopAccount":"a01","appShopAccountName":"前台小王"}`},
		CallReverseConsume: {receipt + "reverseconsume",
			`{"receiptCode":"0123456789","dealId":"1001","appShopAccount":"a01","appShopAccountName":"前台小王"}`},
		CallGetConsumed: {receipt + "getconsumed", `{"receiptCode":"0123456789"}`},
		CallQueryListByDate: {receipt + "querylistbydate",
			`{"date":"2024-01-02","offset":0,"limit":300,"type":0,"bizType":0}`},
		CallQueryByMobile: {receipt + "querybymobile",
			`{"mobile":"13812345678","dealGroupId":2001,"dealId":1001,"offset":0,"limit":30,"platform":2}`},
		CallQueryShopDeal: {"/ddzh/tuangou/deal/queryshopdeal", `{"offset":1,"limit":100}`},
	}
	for call, do := range allCalls {
		t.Run(string(call), func(t *testing.T) {
			t.Parallel()
			b := answering(t, 200, `{"code":"1012","msg":"no"}`)
			err := do(context.Background(), b.meituan(t), Shop{Session: testSession})
			want, offered := tests[call]
			if !offered {
				if e := failure(t, err); e.Class != Unsupported || len(b.requests) != 0 {
					t.Errorf("got %v after %d requests, want unsupported and none", e, len(b.requests))
				}
				return
			}
			got := b.only(t)
			if got.method != "POST" || got.path != want.path {
				t.Errorf("got %s %s, want POST %s", got.method, got.path, want.path)
			}
			if diff := cmp.Diff(map[string]string{
				"developerId": "100000", "businessId": "58", "appAuthToken": testSession, "timestamp": "1704132245",
				"charset": "UTF-8", "version": "2", "biz": want.biz,
			}, flat(t, got, SignSHA1)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestW4OnTheWire: the whole of vector W4 comes out of the client itself.
func TestW4OnTheWire(t *testing.T) {
	t.Parallel()
	w := meituanDialect{developerID: "100000", signKey: "test-sign-key", businessID: 58}.wire(request{
		call: CallConsume, shop: Shop{Session: "tok"}, code: "0123456789", count: 1, requestID: "req-1", operator: testOperator,
	}, time.Unix(1700000000, 0))
	if got := w.fields["sign"]; got != "8b18faa153d2a1b2e9dfa4565bc1d6ab8138f86e" {
		t.Errorf("sign is %s", got)
	}
}

func TestValuesAreTrimmedAndEmptyOnesDropped(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, `{"code":1008}`)
	_, _ = b.dianping(t).Consume(context.Background(), Shop{ID: " uuid1 ", Session: testSession + "\n"}, ConsumeRequest{
		RequestID: "r1", Code: " 0123456789\t", Count: 1, Operator: Operator{Account: " a01\u3000", Name: " \xff "},
	})
	fields := flat(t, b.only(t), SignMD5)
	if fields["session"] != testSession || fields["receipt_code"] != "0123456789" ||
		fields["open_shop_uuid"] != "uuid1" || fields["app_shop_account"] != "a01" || fields["app_shop_accountname"] != "?" {
		t.Errorf("got %v", fields)
	}

	b = answering(t, 200, `{"code":1008}`)
	_, _ = b.dianping(t).Consume(context.Background(), testShop, ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: 1})
	if _, has := b.only(t).fields["app_shop_account"]; has {
		t.Error("an empty field is sent")
	}
}

func TestHistoryTypes(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, `{"code":1012}`)
	_, _ = b.dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow, Type: 1})
	if got := b.only(t).fields; got.Get("type") != "1" || got.Get("biz_type") != "0" {
		t.Errorf("got %v", got)
	}
}

func TestAwkwardTextSurvivesTheWire(t *testing.T) {
	t.Parallel()
	const name = `a+b%20c&d=é"<>\ 王`
	b := answering(t, 200, `{"code":"1008"}`)
	req := ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: 1, Operator: Operator{Account: name, Name: name}}
	for _, c := range b.both(t) {
		_, _ = c.Consume(context.Background(), testShop, req)
	}
	for _, got := range b.requests {
		values, err := url.ParseQuery(got.body)
		if err != nil {
			t.Fatal(err)
		}
		if biz := values.Get("biz"); biz != "" {
			flat(t, got, SignSHA1)
			if !strings.Contains(biz, `a+b%20c&d=é\"<>\\ 王`) {
				t.Errorf("biz is %s", biz)
			}
		} else if flat(t, got, SignMD5); values.Get("app_shop_account") != name {
			t.Errorf("account is %s", values.Get("app_shop_account"))
		}
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, `{"code":200}`)
	ctx := context.Background()
	good := ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: 1, Operator: testOperator}
	consume := func(change func(*ConsumeRequest)) func(Client) error {
		req := good
		change(&req)
		return func(c Client) error { _, err := c.Consume(ctx, testShop, req); return err }
	}
	batch := func(items ...BatchItem) func(Client) error {
		return func(c Client) error {
			_, err := c.BatchConsume(ctx, testShop, BatchConsumeRequest{RequestID: "r1", Items: items})
			return err
		}
	}
	tests := map[string]func(Client) error{
		"no session": func(c Client) error { _, err := c.Prepare(ctx, Shop{ID: "x", Session: " "}, "0123456789"); return err },
		"no shop":    func(c Client) error { _, err := c.Prepare(ctx, Shop{Session: "x"}, "0123456789"); return err },
		"no code":    func(c Client) error { _, err := c.Prepare(ctx, testShop, ""); return err },
		"letters":    func(c Client) error { _, err := c.GetConsumed(ctx, testShop, "01234x6789"); return err },
		"full-width digits": func(c Client) error {
			_, err := c.GetConsumed(ctx, testShop, "０１２３４５６７８９")
			return err
		},
		"long code":            func(c Client) error { _, err := c.Prepare(ctx, testShop, strings.Repeat("1", 33)); return err },
		"no request id":        consume(func(r *ConsumeRequest) { r.RequestID = "" }),
		"request id with dash": consume(func(r *ConsumeRequest) { r.RequestID = "a-b" }),
		"long request id":      consume(func(r *ConsumeRequest) { r.RequestID = strings.Repeat("a", 33) }),
		"request id, newline":  consume(func(r *ConsumeRequest) { r.RequestID = "a\n" }),
		"count 0":              consume(func(r *ConsumeRequest) { r.Count = 0 }),
		"count 101":            consume(func(r *ConsumeRequest) { r.Count = 101 }),
		"no items":             batch(),
		"item count":           batch(BatchItem{"0123456789", 0}),
		"item code":            batch(BatchItem{"", 1}),
		"item twice":           batch(BatchItem{"0123456789", 1}, BatchItem{" 0123456789", 1}),
		"no deal": func(c Client) error {
			_, err := c.ReverseConsume(ctx, testShop, ReverseRequest{Code: "0123456789"})
			return err
		},
		"no date": func(c Client) error { _, err := c.QueryListByDate(ctx, testShop, ListQuery{}); return err },
		"mobile": func(c Client) error {
			_, err := c.QueryByMobile(ctx, testShop, MobileQuery{Mobile: "138 x"})
			return err
		},
		"qr":      func(c Client) error { _, err := c.ScanPrepare(ctx, testShop, " "); return err },
		"long qr": func(c Client) error { _, err := c.ScanPrepare(ctx, testShop, strings.Repeat("q", 4097)); return err },
	}
	c := b.dianping(t)
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			if e := failure(t, do(c)); e.Class != Misconfigured {
				t.Errorf("class %s, want misconfigured", e.Class)
			}
		})
	}
	if len(b.requests) != 0 || len(b.observed) != 0 {
		t.Errorf("%d requests, %d observations; want none", len(b.requests), len(b.observed))
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "openapi.dianping.com", "ftp://host", "https://", "https://u:p@host", "https://host?x=1", "https://host/#f", "http://%zz", "https://host/?",
	} {
		if _, err := NewDianping(Config{APIURL: address, AppKey: "k", AppSecret: "s"}); err == nil {
			t.Errorf("API URL %q is accepted", address)
		}
	}
	for _, cfg := range []Config{
		{APIURL: "https://h", AppSecret: "s"}, {APIURL: "https://h", AppKey: "k", AppSecret: " "},
		{APIURL: "https://h", AppKey: "k", AppSecret: "s", Timeout: -1},
	} {
		if _, err := NewDianping(cfg); err == nil {
			t.Errorf("%v is accepted", cfg)
		}
	}
	for _, cfg := range []MeituanConfig{
		{APIURL: "https://h", SignKey: "s"}, {APIURL: "https://h", DeveloperID: "1"},
		{APIURL: "https://h", DeveloperID: "1", SignKey: "s", BusinessID: -1}, {DeveloperID: "1", SignKey: "s"},
	} {
		if _, err := NewMeituan(cfg); err == nil {
			t.Errorf("%v is accepted", cfg)
		}
	}
	d, err := NewDianping(Config{APIURL: "https://h", AppKey: "k", AppSecret: "s"})
	if err != nil || d.Platform() != Dianping {
		t.Errorf("got %v, %v", d, err)
	}
	m, err := NewMeituan(MeituanConfig{APIURL: "https://h", DeveloperID: "1", SignKey: "s"})
	if err != nil || m.Platform() != Meituan {
		t.Errorf("got %v, %v", m, err)
	}
}
