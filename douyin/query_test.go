package douyin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const coupon = `{"encrypted_code":"` + testCoded + `","certificate_id":"7091180835810052103","status":1,"start_time":1651113600,"expire_time":1660000000,
	"sku":{"sku_id":"1730440745530376","title":" 双人餐\n套餐 ","groupon_type":1,"market_price":19900,"sold_start_time":1650278040,"third_sku_id":"","account_id":"123456"},
	"amount":{"original_amount":9900,"list_market_amount":19900,"pay_amount":8800,"coupon_pay_amount":9000,"payment_discount_amount":200,"original_currency":"CNY"},
	"not_available_time_info":{"can_no_use_week_day":[6],"can_no_use_date":[],"fulfil_enable":true}}`

var beijingTime = func(sec int64) time.Time { return time.Unix(sec, 0).In(beijing) }

func TestPrepare(t *testing.T) {
	t.Parallel()
	prepared := func(certificates string) string {
		return ok(`"order_id":"800","verify_token":"` + testToken + `",` + certificates)
	}
	full := Prepared{OrderID: "800", VerifyToken: testToken, At: beijingTime(1742893299), Certificates: []Certificate{{
		ID: "7091180835810052103", EncryptedCode: testCoded, Status: Unused, Starts: beijingTime(1651113600), Expires: beijingTime(1660000000),
		SKU:    SKU{ID: "1730440745530376", AccountID: "123456", Title: "双人餐 套餐", GrouponType: 1, MarketPrice: 19900},
		Amount: Amount{"original_amount": 9900, "list_market_amount": 19900, "pay_amount": 8800, "coupon_pay_amount": 9000, "payment_discount_amount": 200},
	}}}
	for name, body := range map[string]string{
		"certificates":    prepared(`"certificates":[` + coupon + `]`),
		"certificates_v2": prepared(`"certificates":[],"certificates_v2":[` + coupon + `]`),
		"both":            prepared(`"certificates":[` + coupon + `],"certificates_v2":[` + coupon + `]`),
		"null":            prepared(`"certificates":null,"certificates_v2":[` + coupon + `]`),
	} {
		b := answering(t, 200, body)
		got, err := b.client(t).Prepare(context.Background(), testShop, " 104686126200130 ")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(full, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		r := b.only(t)
		if r.method != "GET" || r.path != "/goodlife/v1/fulfilment/certificate/prepare/" || r.query.Get("code") != "104686126200130" ||
			r.query.Get("poi_id") != testShop.ID || r.query.Has("encrypted_data") || r.header.Get("access-token") != testAccess || r.raw != "" {
			t.Errorf("%s: sent %+v", name, r)
		}
	}
	b := answering(t, 200, prepared(`"certificates":[`+coupon+`]`))
	if _, err := b.client(t).PrepareEncrypted(context.Background(), testShop, testData); err != nil {
		t.Fatal(err)
	}
	if r := b.only(t); r.query.Get("encrypted_data") != testData || r.query.Has("code") {
		t.Errorf("sent %+v", r)
	}
}

func TestPrepareOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		class      Class
		reason     Reason
	}{
		{"nothing usable", ok(`"order_id":"","verify_token":"","certificates":[],"certificates_v2":[]`), Refused, NoRecord},
		{"no list", ok(``), Refused, NoRecord},
		{"a list in an envelope of one code", `{"data":{"error_code":0,"certificates":[]}}`, Refused, NoRecord},
		{"no list in an envelope of one code", `{"data":{},"extra":{"error_code":0}}`, UnknownOutcome, ""},
		{"no verify token", ok(`"certificates":[` + coupon + `]`), UnknownOutcome, ""},
		{"no encrypted code", ok(`"verify_token":"t","certificates":[{"certificate_id":"1"}]`), UnknownOutcome, ""},
		{"rows that are none", ok(`"verify_token":"t","certificates":[7]`), UnknownOutcome, ""},
		{"a list that is none", ok(`"verify_token":"t","certificates":"soon"`), UnknownOutcome, ""},
		{"not found", no("1212", "0"), Refused, NotFound},
		{"undocumented", no("77", "0"), Refused, Other},
		{"a business error", no("3000001", "77"), Refused, Other},
		{"a sibling family's refusal", `{"err_no":1212,"err_msg":"x"}`, Refused, NotFound},
	}
	for _, tt := range tests {
		_, err := answering(t, 200, tt.body).client(t).Prepare(context.Background(), testShop, "104686126200130")
		want(t, tt.name, err, tt.class, tt.reason)
	}
	_, err := answering(t, 200, ok("")).client(t).Prepare(context.Background(), testShop, " ")
	want(t, "no code", err, Misconfigured, "")
}

// Numbers come as text, times in milliseconds, and fields are missing or null.
func TestLooseCertificates(t *testing.T) {
	t.Parallel()
	read := func(text string) Certificate {
		t.Helper()
		c, err := answering(t, 200, ok(`"certificate":`+text)).client(t).Certificate(context.Background(), testShop, testCoded)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return c
	}
	c := read(`{"certificate_id":9223372036854775807,"status":"2","code":"102539929601","expire_time":1660000000123,"start_time":"1651113600",
		"amount":{"pay_amount":"8800","original_amount":null,"coupon_pay_amount":"x","list_market_amount":1.5,"deep":{}},
		"time_card":{"times_count":"3","times_used":1,"serial_amount_list":[{"serial_numb":1,"amount":{"original_amount":3000}},{"serial_numb":"2"},null]},
		"verify":{"verify_id":7091478021421631519,"certificate_id":"1","verify_time":1651113601000,"can_cancel":"true","verify_type":4,"verifier_unique_id":"开放平台API","poi_id":7,"times_card_serial_num":"2"},
		"verify_records":[{"verify_id":"5","can_cancel":0},{"verify_id":"6"},{}]}`)
	yes, never := true, false
	full := Certificate{
		ID: "9223372036854775807", Code: "102539929601", Status: Used, Starts: beijingTime(1651113600), Expires: time.UnixMilli(1660000000123).In(beijing),
		Amount:    Amount{"pay_amount": 8800},
		TimesCard: &TimesCard{Count: 3, Used: 1, Serial: map[int]Amount{1: {"original_amount": 3000}}},
		Last:      &Verification{ID: "7091478021421631519", CertificateID: "1", At: beijingTime(1651113601), CanCancel: &yes, Type: 4, Verifier: "开放平台API", ShopID: "7", Serial: 2},
		Records:   []Verification{{ID: "5", CanCancel: &never}, {ID: "6"}},
	}
	if diff := cmp.Diff(full, c); diff != "" {
		t.Error(diff)
	}
	bare := read(`{"encrypted_code":"x"}`)
	if diff := cmp.Diff(Certificate{EncryptedCode: "x", Status: StatusUnknown}, bare); diff != "" {
		t.Error(diff)
	}
	card := read(`{"encrypted_code":"x","sku":{"groupon_type":3}}`)
	if card.TimesCard == nil || card.Left() != 1 {
		t.Errorf("a 次卡 that does not tell its uses: %+v", card)
	}
	for _, zero := range []string{`0`, `-1`, `null`, `""`, `"soon"`, `99999999999999999`} {
		if c := read(`{"encrypted_code":"x","expire_time":` + zero + `}`); !c.Expires.IsZero() {
			t.Errorf("%s is %v", zero, c.Expires)
		}
	}
}

func TestLeftAndPrices(t *testing.T) {
	t.Parallel()
	card := Certificate{Status: Unused, Amount: Amount{"original_amount": 1000}, TimesCard: &TimesCard{Count: 3, Used: 1, Serial: map[int]Amount{2: {"original_amount": 50}}}}
	for _, tt := range []struct {
		c    Certificate
		left int
	}{{card, 2}, {Certificate{Status: Unused}, 1}, {Certificate{Status: StatusUnknown}, 1}, {Certificate{Status: Used}, 0}, {Certificate{Status: Refunding}, 0},
		{Certificate{TimesCard: &TimesCard{Count: 2, Used: 3}}, 0}} {
		if got := tt.c.Left(); got != tt.left {
			t.Errorf("%+v: %d left", tt.c, got)
		}
	}
	for _, tt := range []struct {
		name         string
		c            Certificate
		serial       int
		price        Fen
		share, known bool
	}{
		{"told of the use", card, 2, 50, false, true},
		{"first share", card, 1, 333, true, true},
		{"last share", card, 3, 334, true, true},
		{"no such use", card, 4, 0, true, false},
		{"original", Certificate{Amount: Amount{"original_amount": 0, "pay_amount": 3}}, 1, 0, false, true},
		{"coupon pay", Certificate{Amount: Amount{"coupon_pay_amount": 2, "pay_amount": 3}}, 1, 2, false, true},
		{"pay", Certificate{Amount: Amount{"pay_amount": 3}}, 1, 3, false, true},
		{"none", Certificate{Amount: Amount{"list_market_amount": 3}}, 1, 0, false, false},
	} {
		if price, share, known := tt.c.UsePrice(tt.serial); price != tt.price || share != tt.share || known != tt.known {
			t.Errorf("%s: %v %v %v", tt.name, price, share, known)
		}
	}
	if got := fmt.Sprint(Fen(4990), Fen(-5)); got != "¥49.90 -¥0.05" {
		t.Error(got)
	}
}

func TestOrderAndCertificateRequests(t *testing.T) {
	t.Parallel()
	two := ok(`"certificates":[` + coupon + `,` + strings.Replace(coupon, `"status":1`, `"status":2`, 1) + `]`)
	b := answering(t, 200, two)
	list, err := b.client(t).Order(context.Background(), testShop, "800")
	if err != nil || len(list) != 2 || list[1].Status != Used {
		t.Fatalf("%+v %v", list, err)
	}
	if r := b.only(t); r.path != "/goodlife/v1/fulfilment/certificate/query/" || r.query.Get("order_id") != "800" || r.query.Has("encrypted_code") {
		t.Errorf("sent %+v", r)
	}
	b = answering(t, 200, two)
	if _, err := b.client(t).OrderOf(context.Background(), testShop, testCoded); err != nil {
		t.Fatal(err)
	}
	if r := b.only(t); r.query.Get("encrypted_code") != testCoded || r.query.Has("order_id") {
		t.Errorf("sent %+v", r)
	}
	b = answering(t, 200, ok(`"certificate":`+coupon))
	if _, err := b.client(t).Certificate(context.Background(), testShop, testCoded); err != nil {
		t.Fatal(err)
	}
	if r := b.only(t); r.path != "/goodlife/v1/fulfilment/certificate/get/" || r.query.Get("encrypted_code") != testCoded {
		t.Errorf("sent %+v", r)
	}
	for body, reason := range map[string]Reason{ok(``): NoRecord, ok(`"certificate":null`): NoRecord, ok(`"certificate":{}`): NoRecord} {
		_, err := answering(t, 200, body).client(t).Certificate(context.Background(), testShop, testCoded)
		want(t, body, err, Refused, reason)
	}
	_, err = answering(t, 200, ok(`"certificate":{"status":1}`)).client(t).Certificate(context.Background(), testShop, testCoded)
	want(t, "a coupon without a name", err, UnknownOutcome, "")
}

// history serves n records, twenty to a page, as the platform does, told by pageOf.
func history(t *testing.T, n int, total bool, limit int) *bench {
	return setup(t, func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		var list []string
		for i := from + 1; i <= n && len(list) < min(size, limit); i++ {
			list = append(list, fmt.Sprintf(`{"cursor":%d,"verify_id":"v%d","certificate_id":"c","verify_time":1651113601,"can_cancel":true,"verify_type":4,"status":1,"amount":{"original_amount":10},"verify_amount_info":{"times_card_serial_amount":{"serial_numb":2}}}`, i, i))
		}
		data := `"records":[` + strings.Join(list, ",") + `]`
		if total {
			data += `,"total":` + strconv.Itoa(n)
		}
		_, _ = io.WriteString(w, ok(data))
	})
}

func TestVerifyRecordsOfAllPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, limit, requests int
		total              bool
	}{{0, 20, 1, true}, {1, 20, 1, true}, {20, 20, 2, true}, {45, 20, 3, true}, {45, 20, 4, false}, {45, 7, 7, true}} {
		b := history(t, tt.n, tt.total, tt.limit)
		list, err := b.client(t).VerifyRecords(context.Background(), testShop, RecordQuery{From: time.Unix(1651110000, 0), To: time.Unix(1651120000, 0)})
		if err != nil || len(list) != tt.n || len(b.requests) != tt.requests {
			t.Errorf("%+v: %d records by %d requests, %v", tt, len(list), len(b.requests), err)
			continue
		}
		q := b.requests[0].query
		if b.requests[0].path != "/goodlife/v1/fulfilment/certificate/verify_record/query/" || q.Get("cursor") != "0" || q.Get("size") != "20" || q.Get("account_id") != testShop.Account ||
			q.Get("poi_ids") != testShop.ID || q.Get("start_time") != "1651110000" || q.Get("end_time") != "1651120000" {
			t.Errorf("asked for %v", q)
		}
		if tt.n > 0 {
			if r := list[0]; r.ID != "v1" || r.Serial != 2 || r.Undone || !*r.CanCancel || r.Amount["original_amount"] != 10 {
				t.Errorf("%+v", r)
			}
		}
	}
	endless := 0
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		endless++
		_, _ = io.WriteString(w, ok(fmt.Sprintf(`"records":[{"cursor":"%d","verify_id":"1"}]`, endless)))
	})
	_, err := b.client(t).VerifyRecords(context.Background(), testShop, RecordQuery{})
	want(t, "endless", err, UnknownOutcome, "")
	_, err = b.client(t).VerifyRecords(context.Background(), Shop{ID: "1"}, RecordQuery{})
	want(t, "no account", err, Misconfigured, "")
}

func TestVerifyRecordsThatWereUndone(t *testing.T) {
	t.Parallel()
	body := ok(`"total":3,"records":[],"records_v2":[
		{"cursor":"1","verify_id":"1","status":2,"cancel_time":1651114087,"verify_time":1651113601,"code":"102539929601","certificate_status":"1","sku":{"sku_id":"1","title":"测试"}},
		{"cursor":"2","verify_id":"2","cancel_time":1651114087},
		{"cursor":"3","verify_id":"3","status":1,"cancel_time":0}]`)
	list, err := answering(t, 200, body).client(t).VerifyRecords(context.Background(), testShop, RecordQuery{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%v %v", list, err)
	}
	if r := list[0]; !r.Undone || !r.UndoneAt.Equal(time.Unix(1651114087, 0)) || r.Code != "102539929601" || r.CertificateStatus != Unused || r.SKU.Title != "测试" {
		t.Errorf("%+v", r)
	}
	if !list[1].Undone || list[2].Undone {
		t.Errorf("%+v", list)
	}
	for _, bad := range []string{`"records":[{}]`, `"records":[7]`, `"records":"x"`} {
		_, err := answering(t, 200, ok(bad)).client(t).VerifyRecords(context.Background(), testShop, RecordQuery{})
		want(t, bad, err, UnknownOutcome, "")
	}
}

func TestShops(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		var list []string
		for i := 50*(page-1) + 1; i <= 60 && i <= 50*page; i++ {
			list = append(list, fmt.Sprintf(`{"poi":{"poi_id":%d,"poi_name":"人民广场店","address":"黄陂北路","latitude":31.2,"longitude":"121.4"},"root_account":{"account_id":"r"},"account":{"parent_account":{"account_id":"p"},"poi_account":{"account_id":"a"}}}`, i))
		}
		_, _ = io.WriteString(w, ok(`"total":60,"pois":[`+strings.Join(list, ",")+`]`))
	})
	list, err := b.client(t).Shops(context.Background(), ShopQuery{Account: "9"})
	if err != nil || len(list) != 60 || len(b.requests) != 2 {
		t.Fatalf("%d shops by %d requests, %v", len(list), len(b.requests), err)
	}
	if diff := cmp.Diff(ShopInfo{"1", "人民广场店", "黄陂北路", "r", "p", "a"}, list[0]); diff != "" {
		t.Error(diff)
	}
	q := b.requests[1].query
	if b.requests[1].path != "/goodlife/v1/shop/poi/query/" || q.Get("page") != "2" || q.Get("size") != "50" || q.Get("account_id") != "9" || q.Get("relation_type") != "0" || q.Has("poi_id") {
		t.Errorf("asked for %v", q)
	}
	b = answering(t, 200, ok(`"pois":null,"total":0`))
	if list, err := b.client(t).Shops(context.Background(), ShopQuery{ShopID: "7"}); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if q := b.only(t).query; q.Get("poi_id") != "7" || q.Has("account_id") {
		t.Errorf("asked for %v", q)
	}
}

func TestLedgers(t *testing.T) {
	t.Parallel()
	entry := `{"ledger_id":"1","verify_id":"2","certificate_id":"3","order_id":"4","verify_time":1651113601,"amount":{"pay":9900,"goods":"9000"},"fund_amount":{"goods":9000}}`
	for _, key := range []string{"records", "ledger_records"} {
		b := answering(t, 200, ok(`"`+key+`":[`+entry+`,`+entry+`]`))
		list, err := b.client(t).Ledgers(context.Background(), testShop, "3", "30")
		if err != nil || len(list) != 2 {
			t.Fatalf("%s: %v %v", key, list, err)
		}
		full := Ledger{ID: "1", VerifyID: "2", CertificateID: "3", OrderID: "4", VerifiedAt: beijingTime(1651113601), Amount: Amount{"pay": 9900, "goods": 9000}, Funds: Amount{"goods": 9000}}
		if diff := cmp.Diff(full, list[0]); diff != "" {
			t.Error(diff)
		}
		if r := b.only(t); r.path != "/goodlife/v1/settle/ledger/query_record_by_cert/" || r.query.Get("certificate_ids") != "3,30" {
			t.Errorf("asked for %v", r.query)
		}
	}
	if list, err := answering(t, 200, ok(`"records":[]`)).client(t).Ledgers(context.Background(), testShop, "3"); err != nil || len(list) != 0 {
		t.Errorf("before the hour is over: %v %v", list, err)
	}
	_, err := answering(t, 200, ok("")).client(t).Ledgers(context.Background(), testShop)
	want(t, "none", err, Misconfigured, "")
}
