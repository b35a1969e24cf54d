package dianping

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var expires = time.UnixMilli(1893427199000)

// fullReceipt is the voucher of the fixtures below.
var fullReceipt = Receipt{
	Code: "0123456789", Count: 2, DealID: 1001, DealGroupID: 2001, ProductItemID: 3001, ProductType: 1,
	Title: "双人套餐", Price: 9900, PriceKnown: true, MarketPrice: 16800, BizType: 205, TimesCard: true, Expires: expires, Mobile: "138****0000",
	Payments: []Payment{{ID: "p1", Amount: 9900, AmountType: 10}},
}

func TestPrepareShapes(t *testing.T) {
	t.Parallel()
	const snake = `"count":2,"receipt_code":"0123456789","deal_id":1001,"dealgroup_id":2001,"product_item_id":3001,` +
		`"product_type":1,"deal_title":"双人套餐","deal_price":99.0,"deal_marketprice":168,"biz_type":205,` +
		`"receiptEndDate":1893427199000,"mobile":"13812340000","payment_detail":[{"payment_detail_id":"p1","amount":99.0,"amount_type":10}]`
	const camel = `"count":"2","receiptCode":"0123456789","dealId":"1001","dealgroupId":2001,"productItemId":"3001",` +
		`"productType":"1","dealTitle":"双人套餐","dealPrice":"99.00","dealMarketPrice":"168","bizType":"205",` +
		`"receiptEndDate":"1893427199000","mobile":"138****0000","paymentDetail":[{"paymentDetailId":"p1","amount":"99.00","amountType":"10"}]`
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
	bodies := map[string]string{
		"first generation":    `{"code":200,"msg":"验证校验通过","data":{` + snake + `,"receipt_info_map":null}}`,
		"second generation":   `{"code":"OP_SUCCESS","msg":"success","traceId":"1","data":{` + camel + `}}`,
		"code 0":              `{"code":0,"data":{` + snake + `}}`,
		"code as text":        `{"code":"200","data":{` + snake + `}}`,
		"list of one":         `{"code":200,"data":[{` + snake + `}]}`,
		"result":              `{"code":200,"data":{"result":[{` + camel + `}]}}`,
		"result object":       `{"code":200,"data":{"result":{` + camel + `}}}`,
		"data as JSON text":   `{"code":200,"data":` + quoted("{"+camel+"}") + `}`,
		"map of products":     `{"code":200,"data":{` + snake + `,"receipt_info_map":{"3001":[{"receipt_code":"9"}]}}}`,
		"map as JSON text":    `{"code":200,"data":{` + camel + `,"receiptInfoMap":"{\"3001\":[{}]}"}}`,
		"map broken":          `{"code":200,"data":{` + camel + `,"receiptInfoMap":"{oops"}}`,
		"payments, one":       `{"code":200,"data":{` + strings.NewReplacer("[", "", "]", "").Replace(snake) + `}}`,
		"payments as text":    `{"code":200,"data":{` + strings.Replace(camel, `[{"paymentDetailId":"p1","amount":"99.00","amountType":"10"}]`, quoted(`[{"paymentDetailId":"p1","amount":99,"amountType":10}]`), 1) + `}}`,
		"unknown fields":      `{"code":200,"extra":[1],"data":{` + camel + `,"verificationType":9,"additionItemInfos":[{}]}}`,
		"byte order mark":     "\xef\xbb\xbf" + ` {"code":200,"data":{` + snake + `}}` + "\n",
		"gateway's envelope":  `{"code":"OP_SUCCESS","data":{"code":200,"msg":"ok","data":{` + snake + `}}}`,
		"numbers of a double": `{"code":200,"data":{` + strings.NewReplacer("1001", "1001.0", "99.0", "9.9E1", "1893427199000", "1.893427199E12").Replace(snake) + `}}`,
		"date in words":       `{"code":200,"data":{` + strings.Replace(snake, "1893427199000", `"2029-12-31 23:59:59"`, 1) + `}}`,
		"other key":           `{"code":200,"data":{` + strings.Replace(snake, "receiptEndDate", "receipt_end_date", 1) + `}}`,
		"misspelt key":        `{"code":200,"data":{` + strings.Replace(snake, "receiptEndDate", "reveipt_end_date", 1) + `}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for generation, c := range answering(t, 200, body).both(t) {
				got, err := c.Prepare(context.Background(), testShop, "0123456789")
				if err != nil {
					t.Errorf("%s: %v", generation, err)
				} else if diff := cmp.Diff(fullReceipt, got, cmpopts.EquateApproxTime(0)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", generation, diff)
				}
			}
		})
	}
}

func TestPrepareThatTellsLittle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data string
		want Receipt
	}{
		{`{"deal_id":7}`, Receipt{Code: "0123456789", Count: 1, DealID: 7}},
		{`{"deal_id":7,"count":0}`, Receipt{Code: "0123456789", DealID: 7}},
		{`{"deal_id":7,"count":"-3","deal_price":"much","receiptEndDate":0,"payment_detail":5,"mobile":null}`,
			Receipt{Code: "0123456789", DealID: 7}},
		{`{"deal_id":7,"deal_price":49.900000000000006,"deal_marketprice":"49.905"}`,
			Receipt{Code: "0123456789", Count: 1, DealID: 7, Price: 4990, PriceKnown: true, MarketPrice: 4991}},
	}
	for _, tt := range tests {
		got, err := answering(t, 200, `{"code":200,"data":`+tt.data+`}`).dianping(t).Prepare(context.Background(), testShop, "0123456789")
		if err != nil {
			t.Errorf("%s: %v", tt.data, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.data, diff)
		}
	}
}

func TestConsumeAndReverse(t *testing.T) {
	t.Parallel()
	fromRequest := []Receipt{{Code: "0123456789"}}
	tests := []struct {
		name, body string
		want       []Receipt // nil: unknown outcome
	}{
		{"first generation, two coupons",
			`{"code":200,"msg":"success","data":[{"order_id":"123456789012345678901234","receipt_code":"0123456789","deal_id":1001,"open_shop_uuid":"uuid1"},{"order_id":"123456789012345678901234","receipt_code":"0123456790","deal_id":1001}]}`,
			[]Receipt{{Code: "0123456789", OrderID: "123456789012345678901234", DealID: 1001, ShopID: "uuid1"},
				{Code: "0123456790", OrderID: "123456789012345678901234", DealID: 1001}}},
		{"second generation",
			`{"code":"OP_SUCCESS","msg":"success","traceId":"1234567890123456789","data":{"result":[{"orderId":"123456789012345678901234","receiptCode":"0123456789","dealId":1001,"dealgroupId":2001,"dealTitle":"双人套餐","dealPrice":99.0,"dealMarketPrice":168.0,"mobile":"138****0000","bizType":0,"receiptEndDate":"1893427199000","paymentDetail":[{"paymentDetailId":"p1","amount":"99.00","amountType":10}]}]}}`,
			[]Receipt{{Code: "0123456789", OrderID: "123456789012345678901234", DealID: 1001, DealGroupID: 2001, Title: "双人套餐",
				Price: 9900, PriceKnown: true, MarketPrice: 16800, Mobile: "138****0000", Expires: expires,
				Payments: []Payment{{ID: "p1", Amount: 9900, AmountType: 10}}}}},
		{"order id as a number", `{"code":200,"data":[{"order_id":123456789012345678901234,"receipt_code":123456789}]}`,
			[]Receipt{{Code: "0123456789", OrderID: "123456789012345678901234"}}},
		{"nothing can be read but the code", `{"code":200,"data":[{"receipt_code":"0123456789","deal_price":{},"deal_id":"x","receiptEndDate":"soon","mobile":"??","payment_detail":"none"}]}`,
			[]Receipt{{Code: "0123456789", Mobile: "****"}}},
		{"row without the code", `{"code":200,"data":{"order_id":"7"}}`, []Receipt{{Code: "0123456789", OrderID: "7"}}},
		{"one row of two is odd", `{"code":200,"data":[{"receipt_code":"0123456789"},7]}`, fromRequest},
		{"data is a number", `{"code":200,"data":1}`, nil},
		{"data is words", `{"code":200,"data":"处理中"}`, nil},
		{"data is broken JSON text", `{"code":200,"data":"[{\"receipt_code\":"}`, nil},
		{"data is something else", `{"code":200,"data":{"status":"PENDING"}}`, nil},
		{"refusal below a success that nobody documented", `{"code":"OP_SUCCESS","data":{"code":4711,"msg":"?"}}`, nil},
		{"failure below a success", `{"code":"OP_SUCCESS","data":{"code":"OP_TIMEOUT"}}`, nil},
		{"no code", `{"msg":"success","data":[]}`, nil},
		{"null code", `{"code":null,"data":[]}`, nil},
		{"empty", ``, nil},
		{"half", `{"code":200,"data":[{"receipt_code":"01`, nil},
		{"two", `{"code":200}{"code":1008}`, nil},
		{"list", `[{"code":200}]`, nil},
		{"page", `<html><title>Gateway</title></html>`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := answering(t, 200, tt.body)
			for generation, c := range b.both(t) {
				consumed, err1 := c.Consume(context.Background(), testShop, ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: max(1, len(tt.want))})
				undone, err2 := c.ReverseConsume(context.Background(), testShop, ReverseRequest{Code: "0123456789", DealID: 1001})
				if tt.want == nil {
					if !errors.Is(err1, UnknownOutcome) || !errors.Is(err2, UnknownOutcome) {
						t.Errorf("%s: got %v and %v, want unknown outcomes", generation, err1, err2)
					}
					continue
				}
				if err1 != nil || err2 != nil {
					t.Errorf("%s: %v, %v", generation, err1, err2)
				}
				if diff := cmp.Diff(tt.want, consumed, cmpopts.EquateApproxTime(0)); diff != "" {
					t.Errorf("%s consume (-want +got):\n%s", generation, diff)
				}
				if diff := cmp.Diff(tt.want, undone, cmpopts.EquateApproxTime(0)); diff != "" {
					t.Errorf("%s reverse (-want +got):\n%s", generation, diff)
				}
			}
			for _, o := range b.observed {
				if (o.Err == nil) != (tt.want != nil) {
					t.Errorf("observed %v for %s", o.Err, o.Call)
				}
			}
		})
	}
}

func TestPrepareNeedsAVoucher(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`7`, `"x"`, `{"status":"ok"}`, `false`} {
		for _, c := range answering(t, 200, `{"code":200,"data":`+data+`}`).both(t) {
			if _, err := c.Prepare(context.Background(), testShop, "0123456789"); !errors.Is(err, UnknownOutcome) {
				t.Errorf("data %s: got %v, want an unknown outcome", data, err)
			}
		}
	}
}

func TestRefusalWithData(t *testing.T) {
	t.Parallel()
	const words = `此券号已于 2021-09-29 10:28:14 被消费!`
	const data = `{"count":1,"receipt_code":"7992697494","deal_id":761417563,"dealgroup_id":695771494}`
	want := &Error{
		Class: Refused, Reason: AlreadyUsed, Code: "1008", Message: words, HTTPStatus: 200,
		Receipt: &Receipt{Count: 1, Code: "7992697494", DealID: 761417563, DealGroupID: 695771494},
		UsedAt:  time.Date(2021, 9, 29, 2, 28, 14, 0, time.UTC),
	}
	bodies := map[string]string{
		"number":                `{"code":1008,"msg":"` + words + `","data":` + data + `}`,
		"text":                  `{"code":"1008","msg":"` + words + `","data":` + data + `}`,
		"list":                  `{"code":1008,"msg":"` + words + `","data":[` + data + `]}`,
		"result":                `{"code":1008,"msg":"` + words + `","data":{"result":[` + data + `]}}`,
		"inside, with data":     `{"code":"OP_BIZ_ERROR","msg":"业务错误","data":{"code":1008,"msg":"` + words + `","data":` + data + `}}`,
		"inside, flat":          `{"code":"OP_BIZ_ERROR","msg":"` + words + `","data":{"code":"1008",` + data[1:] + `}`,
		"inside, as text":       `{"code":"OP_BIZ_ERROR","msg":"业务错误","data":"{\"code\":1008,\"msg\":\"` + words + `\",\"data\":` + strings.ReplaceAll(data, `"`, `\"`) + `}"}`,
		"below a success, flat": `{"code":0,"msg":"` + words + `","data":{"code":"1008",` + data[1:] + `}`,
		"below a success":       `{"code":"OP_SUCCESS","msg":"ok","data":{"code":1008,"msg":"` + words + `","data":` + data + `}}`,
		"below a strange":       `{"code":-1,"msg":"fail","data":{"code":1008,"msg":"` + words + `","data":` + data + `}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for generation, c := range answering(t, 200, body).both(t) {
				_, err := c.Prepare(context.Background(), testShop, "7992697494")
				want := *want
				want.Platform, want.Call = generation, CallPrepare
				if diff := cmp.Diff(&want, failure(t, err), cmpopts.EquateApproxTime(0)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", generation, diff)
				}
			}
		})
	}
}

func TestTimeOfUse(t *testing.T) {
	t.Parallel()
	want := time.Date(2021, 9, 29, 10, 28, 14, 0, beijing)
	for body, want := range map[string]time.Time{
		`{"code":1008,"msg":"此券码已被验证"}`:                                                                 {},
		`{"code":1008,"msg":"此券码已被验证","data":{"receipt_code":"1","verify_time":"2021-09-29 10:28:14"}}`: want,
		`{"code":1008,"msg":"已于2021-09-29 10:28被消费","data":"?"}`:                                        want.Add(-14 * time.Second),
		`{"code":1009,"msg":"已于2021-09-29 10:28:14过期"}`:                                                 {},
	} {
		_, err := answering(t, 200, body).dianping(t).Prepare(context.Background(), testShop, "0123456789")
		if e := failure(t, err); !e.UsedAt.Equal(want) {
			t.Errorf("%s: got %s, want %s", body, e.UsedAt, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	e := &Error{Platform: Meituan, Call: CallConsume, Class: Refused, Reason: Expired, Code: "1009", Message: "此团购券已过期",
		TraceID: "77", HTTPStatus: 400, Err: context.Canceled}
	const want = "meituan consume: refused (expired): code 1009 此团购券已过期 [http 400] [trace 77]: context canceled"
	if e.Error() != want || !errors.Is(e, Refused) || errors.Is(e, Throttled) || !errors.Is(e, context.Canceled) {
		t.Errorf("got %q", e.Error())
	}
}

func TestWhereTheCodeIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body   string
		code   string
		class  Class
		reason Reason
	}{
		{`{"code":"OP_BIZ_ERROR","msg":"业务错误","data":1006}`, "1006", Refused, NotFound},
		{`{"code":"OP_BIZ_ERROR","msg":"业务错误","data":{"bizCode":"1009"}}`, "1009", Refused, Expired},
		{`{"code":"1008.0"}`, "1008", Refused, AlreadyUsed},
		{`{"code":" 1008 "}`, "1008", Refused, AlreadyUsed},
		{`{"CODE":1008.0,"Msg":"x"}`, "1008", Refused, AlreadyUsed},
		{`{"code":"op_limitation_reject"}`, "OP_LIMITATION_REJECT", Throttled, ""},
		// Not clear enough to be believed.
		{`{"code":"OP_BIZ_ERROR","msg":"于 1008 年"}`, "OP_BIZ_ERROR", UnknownOutcome, ""},
		{`{"code":"OP_BIZ_ERROR","msg":"[2021] 1234:"}`, "OP_BIZ_ERROR", UnknownOutcome, ""},
		{`{"code":"OP_BIZ_ERROR","msg":"业务错误","data":{"code":7}}`, "OP_BIZ_ERROR", UnknownOutcome, ""},
		{`{"code":"OP_BIZ_ERROR","msg":"?","data":{"code":1777}}`, "1777", UnknownOutcome, ""},
		{`{"code":"OP_TIMEOUT","msg":"[1008]","data":{"code":1008}}`, "OP_TIMEOUT", UnknownOutcome, ""},
		{`{"code":true}`, "TRUE", UnknownOutcome, ""},
	}
	for _, tt := range tests {
		for _, c := range answering(t, 200, tt.body).both(t) {
			_, err := c.Consume(context.Background(), testShop, ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: 1})
			if e := failure(t, err); e.Code != tt.code || e.Class != tt.class || e.Reason != tt.reason {
				t.Errorf("%s: got code %q, %s/%s; want %q, %s/%s", tt.body, e.Code, e.Class, e.Reason, tt.code, tt.class, tt.reason)
			}
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	for _, c := range answering(t, 200, `{"code":1004,"msg":"部分验证成功","data":[{"receipt_code":"123456789"},{"receipt_code":"2"}]}`).both(t) {
		_, err := c.Consume(context.Background(), testShop, ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: 3})
		e := failure(t, err)
		if e.Class != UnknownOutcome || e.Reason != PartlyConsumed || e.Receipt != nil {
			t.Errorf("got %v", e)
		}
		if diff := cmp.Diff([]Receipt{{Code: "0123456789"}, {Code: "2"}}, e.Receipts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestGetConsumed(t *testing.T) {
	t.Parallel()
	want := Record{
		Code: "0123456789", DealID: 1001, DealGroupID: 2001, Title: "双人套餐", Price: 9900, PriceKnown: true, MarketPrice: 16800,
		VerifyAccount: "a01", VerifyChannel: "15", VerifyTime: time.Date(2024, 1, 2, 3, 4, 5, 0, beijing), BizType: 203,
	}
	const snake = `{"receipt_code":"0123456789","deal_id":1001,"dealgroup_id":2001,"deal_title":"双人套餐","deal_price":99,"deal_marketprice":168.00,"order_shoppromo_amount":1.5,"order_shop_promo_details":[{"promo_amount":"1.5"}],"verify_account":"a01","verify_channel":15,"verify_time":"2024-01-02 03:04:05","biz_type":"203"}`
	const camel = `{"receiptCode":"0123456789","dealId":1001,"dealGroupId":2001,"dealTitle":"双人套餐","dealPrice":99.0,"dealMarketPrice":168.0,"orderShopPromoDetails":"[]","verifyAccount":"a01","verifyChannel":"15","verifyTime":1704135845000,"bizType":203}`
	for _, data := range []string{snake, camel, "[" + snake + "]", `{"result":` + camel + `}`, strings.Replace(snake, `"receipt_code":"0123456789",`, "", 1)} {
		for _, c := range answering(t, 200, `{"code":200,"data":`+data+`}`).both(t) {
			got, err := c.GetConsumed(context.Background(), testShop, "0123456789")
			if err != nil {
				t.Errorf("%s: %v", data, err)
			} else if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", data, diff)
			}
		}
	}
	for _, data := range []string{`{"deal_id":1}`, `7`, `"x"`, `{"receipt_code":"0123456780","verify_time":"2024-01-02 03:04:05"}`} {
		_, err := answering(t, 200, `{"code":200,"data":`+data+`}`).dianping(t).GetConsumed(context.Background(), testShop, "0123456789")
		if !errors.Is(err, UnknownOutcome) {
			t.Errorf("data %s: got %v, want an unknown outcome", data, err)
		}
	}
}

func TestScanPrepare(t *testing.T) {
	t.Parallel()
	c := answering(t, 200, `{"code":200,"data":[{"available_count":2,"receipt_code":"1","deal_id":5,"deal_price":"9.9"},{"deal_title":"x"}]}`).dianping(t)
	got, err := c.ScanPrepare(context.Background(), testShop, "qr==@1")
	if diff := cmp.Diff([]Receipt{{Code: "1", Count: 2, DealID: 5, Price: 990, PriceKnown: true}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := answering(t, 200, `{"code":200,"data":[]}`).dianping(t).ScanPrepare(context.Background(), testShop, "q"); err != nil || len(got) != 0 {
		t.Errorf("no vouchers: got %v, %v", got, err)
	}
	if _, err := answering(t, 200, `{"code":200,"data":[{"deal_title":"x"}]}`).dianping(t).ScanPrepare(context.Background(), testShop, "q"); !errors.Is(err, UnknownOutcome) {
		t.Errorf("no codes: got %v", err)
	}
}

func TestBatchConsume(t *testing.T) {
	t.Parallel()
	ok := func(code string) string {
		return fmt.Sprintf(`{"single_consume_code":200,"consume_detail_list":[{"receipt_code":%q,"order_id":"o"}]}`, code)
	}
	const used = `{"single_consume_code":"1008","single_consume_msg":"此券码已被验证","consume_detail_list":null}`
	done := func(code string) string { return "consumed " + code }
	tests := []struct {
		name, data string
		want       [3]string // for the codes 111, 222, 333
	}{
		{"in order", `[` + ok("111") + `,` + used + `,` + ok("333") + `]`, [3]string{done("111"), "refused already_used 1008", done("333")}},
		{"result", `{"result":[` + ok("111") + `,` + used + `,` + ok("333") + `]}`, [3]string{done("111"), "refused already_used 1008", done("333")}},
		{"mixed up: a refusal belongs to nobody", `[` + ok("333") + `,` + used + `,` + ok("111") + `]`, [3]string{done("111"), "unknown_outcome  ", done("333")}},
		{"fewer rows", `[` + ok("111") + `,` + used + `]`, [3]string{done("111"), "unknown_outcome  ", "unknown_outcome  "}},
		{"one row", ok("222"), [3]string{"unknown_outcome  ", done("222"), "unknown_outcome  "}},
		{"success without details", `[` + ok("111") + `,{"single_consume_code":0},` + used + `]`, [3]string{done("111"), "unknown_outcome  0", "refused already_used 1008"}},
		{"details that cannot be read", `[` + ok("111") + `,{"single_consume_code":200,"consume_detail_list":"x"},` + used + `]`, [3]string{done("111"), "unknown_outcome  200", "refused already_used 1008"}},
		{"no code", `[` + strings.Replace(ok("111"), `"single_consume_code":200,`, "", 1) + `,` + used + `,` + used + `]`, [3]string{"unknown_outcome  ", "refused already_used 1008", "refused already_used 1008"}},
		{"strange code", `[{"single_consume_code":77},` + used + `,` + used + `]`, [3]string{"unknown_outcome  77", "refused already_used 1008", "refused already_used 1008"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := answering(t, 200, `{"code":200,"data":`+tt.data+`}`).dianping(t)
			results, err := c.BatchConsume(context.Background(), testShop, BatchConsumeRequest{
				RequestID: "r1", Items: []BatchItem{{"111", 1}, {"222", 1}, {"333", 1}}, Operator: testOperator})
			if err != nil || len(results) != 3 {
				t.Fatalf("got %v, %v", results, err)
			}
			var got [3]string
			for i, r := range results {
				if r.Err != nil {
					got[i] = fmt.Sprintf("%s %s %s", string(r.Err.Class), r.Err.Reason, r.Err.Code)
				} else {
					got[i] = done(r.Receipts[0].Code)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, body := range []string{`{"code":200,"data":[]}`, `{"code":200,"data":[{"x":1}]}`, `{"code":200}`} {
		c := answering(t, 200, body).dianping(t)
		_, err := c.BatchConsume(context.Background(), testShop, BatchConsumeRequest{RequestID: "r1", Items: []BatchItem{{"111", 1}}})
		if !errors.Is(err, UnknownOutcome) {
			t.Errorf("%s: got %v, want an unknown outcome", body, err)
		}
	}
	c := answering(t, 200, `{"code":1004,"data":[`+ok("111")+`,`+used+`]}`).dianping(t)
	_, err := c.BatchConsume(context.Background(), testShop, BatchConsumeRequest{RequestID: "r1", Items: []BatchItem{{"111", 1}, {"222", 1}}})
	if e := failure(t, err); e.Reason != PartlyConsumed || len(e.Receipts) != 1 {
		t.Errorf("got %v with %v", e, e.Receipts)
	}
}

func TestQueryShopDeal(t *testing.T) {
	t.Parallel()
	want := []Deal{{
		DealID: 1, DealGroupID: 2, Title: "双人套餐", Price: 990, MarketPrice: 1980, SaleStatus: "2",
		Begins: time.Date(2024, 1, 2, 12, 0, 0, 0, beijing), Ends: time.Date(2025, 1, 2, 12, 0, 0, 0, beijing),
		ReceiptBegins: time.Date(2024, 1, 3, 0, 0, 0, 0, beijing), ReceiptExpires: time.Date(2025, 1, 3, 0, 0, 0, 0, beijing),
	}}
	for _, data := range []string{
		`[{"deal_id":1,"dealgroup_id":2,"title":"双人套餐","price":9.9,"marketprice":19.8,"begin_date":"2024-01-02 12:00","end_date":"2025-01-02 12:00","receipt_begin_date":"2024-01-03 00:00","reveipt_end_date":"2025-01-03 00:00","sale_status":2}]`,
		`{"result":[{"dealId":1,"dealGroupId":2,"title":"双人套餐","price":"9.90","marketPrice":"19.8","beginDate":"2024-01-02 12:00","endDate":"2025-01-02 12:00:00","receiptBeginDate":"2024-01-03","receiptEndDate":"2025-01-03","saleStatus":"2"}]}`,
	} {
		for _, c := range answering(t, 200, `{"code":200,"data":`+data+`}`).both(t) {
			got, err := c.QueryShopDeal(context.Background(), testShop)
			if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	}
}
