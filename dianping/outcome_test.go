package dianping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shapes are ways to wrap rows in an answer that is a success in the words of
// each generation; %s is for the rows.
var shapes = map[string][]string{
	Dianping: {`{"code":200,"msg":"success","data":[%s]}`, `{"code":"200","data":{"result":[%s]}}`, `{"code":0,"data":{"code":200,"data":[%s]}}`},
	Meituan:  {`{"code":"OP_SUCCESS","traceId":"1","data":{"result":[%s]}}`, `{"code":"OP_SUCCESS","data":[%s]}`, `{"code":"OP_SUCCESS","data":{"code":0,"data":{"result":[%s]}}}`},
}

// inEachShape calls do with a client for each shape of the rows.
func inEachShape(t *testing.T, rows string, do func(what string, c Client)) {
	t.Helper()
	for generation, all := range shapes {
		for _, shape := range all {
			body := fmt.Sprintf(shape, rows)
			do(generation+" "+body, answering(t, 200, body).both(t)[generation])
		}
	}
}

func wantOutcome(t *testing.T, what string, err error, class Class, reason Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Class != class || e.Reason != reason {
		t.Errorf("%s: got %v, want %s %s", what, err, string(class), reason)
	}
}

func consumeN(c Client, count int) ([]Receipt, error) {
	return c.Consume(context.Background(), testShop, ConsumeRequest{RequestID: "r1", Code: "0123456789", Count: count, Operator: testOperator})
}

func reverse(c Client) ([]Receipt, error) {
	return c.ReverseConsume(context.Background(), testShop, ReverseRequest{Code: "0123456789", DealID: 1001, Operator: testOperator})
}

// A success with nothing in it is the answer that there is no such record.
func TestSuccessWithNothingInIt(t *testing.T) {
	t.Parallel()
	empty := []string{
		``, `,"data":null`, `,"data":""`, `,"data":" "`, `,"data":{}`, `,"data":[]`, `,"data":[{}]`, `,"data":[null]`, `,"data":"null"`, `,"data":"[]"`,
		`,"data":{"result":[]}`, `,"data":{"result":null}`, `,"data":{"result":{}}`, `,"data":"{\"result\":[]}"`,
		`,"data":{"receipt_code":null,"verify_time":"","payment_detail":[]}`, `,"data":{"receiptCode":null,"verifyTime":null}`,
		`,"data":{"resultCode":0,"result":[]}`,
	}
	own := map[string]string{Dianping: `200`, Meituan: `"OP_SUCCESS"`}
	foreign := map[string][]string{Dianping: {`0`, `"OP_SUCCESS"`}, Meituan: {`200`, `0`}}
	questions := []Call{CallGetConsumed, CallPrepare}
	ask := func(body, generation string, call Call) error {
		return allCalls[call](context.Background(), answering(t, 200, body).both(t)[generation], testShop)
	}
	for generation, code := range own {
		for _, data := range empty {
			for _, call := range questions {
				body := `{"code":` + code + `,"msg":"success"` + data + `}`
				err := ask(body, generation, call)
				wantOutcome(t, generation+" "+string(call)+" "+body, err, Refused, "no_record")
				if again, _ := Repeatable(call, err); again {
					t.Errorf("%s: repeatable", body)
				}
			}
		}
		for _, call := range questions {
			body := `{"code":` + code + `,"data":{"code":` + code + `,"msg":"ok","data":null}}`
			wantOutcome(t, generation+" "+body, ask(body, generation, call), Refused, "no_record")
			for _, data := range []string{`7`, `false`, `"处理中"`, `{"status":"PENDING"}`, `[7]`, `{"count":0}`, `"{"`} {
				body := `{"code":` + code + `,"data":` + data + `}`
				wantOutcome(t, generation+" "+body, ask(body, generation, call), UnknownOutcome, "")
			}
			for _, other := range foreign[generation] {
				for _, data := range empty[:6] {
					body := `{"code":` + other + `,"msg":"maintenance"` + data + `}`
					wantOutcome(t, generation+" "+body, ask(body, generation, call), UnknownOutcome, "")
				}
			}
		}
	}
}

// A consume or an undo is told by rows; the lists of questions may be empty.
func TestSuccessWithoutARow(t *testing.T) {
	t.Parallel()
	for _, code := range []string{`200`, `0`, `"OP_SUCCESS"`} {
		for _, data := range []string{``, `,"data":null`, `,"data":""`, `,"data":[]`, `,"data":{}`, `,"data":[{}]`, `,"data":{"result":[]}`, `,"data":{"result":null}`, `,"data":7`} {
			body := `{"code":` + code + `,"msg":"maintenance"` + data + `}`
			b := answering(t, 200, body)
			for generation, c := range b.both(t) {
				rows, err := consumeN(c, 1)
				wantOutcome(t, generation+" consume "+body, err, UnknownOutcome, "")
				undone, err := reverse(c)
				wantOutcome(t, generation+" reverse "+body, err, UnknownOutcome, "")
				if len(rows)+len(undone) > 0 {
					t.Errorf("%s: made up %v %v", body, rows, undone)
				}
			}
			for _, o := range b.observed {
				if o.Err == nil {
					t.Errorf("%s: observed a success of %s", body, o.Call)
				}
			}
		}
	}
	lists := []Call{CallQueryListByDate, CallQueryByMobile, CallQueryShopDeal}
	for generation, code := range map[string]string{Dianping: `0`, Meituan: `200`} {
		for _, call := range lists {
			maintenance := answering(t, 200, `{"code":`+code+`,"msg":"maintenance"}`).both(t)[generation]
			wantOutcome(t, generation+" "+string(call), allCalls[call](context.Background(), maintenance, testShop), UnknownOutcome, "")
			none := answering(t, 200, `{"code":`+code+`,"data":[]}`).both(t)[generation]
			if err := allCalls[call](context.Background(), none, testShop); err != nil {
				t.Errorf("%s %s, an empty list: %v", generation, call, err)
			}
		}
	}
}

// An answer about one code names that code, if any.
func TestAnswersAboutAnotherCode(t *testing.T) {
	t.Parallel()
	const other Reason = "other_code"
	row := func(code string) string { return `{"receipt_code":"` + code + `","deal_id":7,"order_id":"o"}` }
	const own = "0123456789"
	tests := []struct {
		rows  string
		count int
		want  []string // codes; nil: a doubt
	}{
		{row(own), 1, []string{own}},
		{row("123456789"), 1, []string{own}},
		{row("000123456789"), 1, []string{own}},
		{row("0123 456-789"), 1, []string{own}},
		{`{"receipt_code":123456789}`, 1, []string{own}},
		{`{"receipt_code":1.23456789E8}`, 1, []string{own}},
		{row("AB23456789"), 1, nil},
		{`{"order_id":"o"}`, 1, []string{own}},
		{row("9876543210"), 1, nil},
		{row("1234567890"), 1, nil},
		{row(own) + `,` + row("9876543210"), 1, nil},
		{row("9876543210") + `,` + row(own), 1, nil},
		{row(own) + `,` + row("9876543210"), 2, []string{own, "9876543210"}},
		{row("9876543210") + `,` + row("123456789"), 2, []string{"9876543210", own}},
		{row("9876543210"), 2, nil},
		{row("9876543210") + `,` + row("9876543211"), 2, nil},
		{row(own) + `,` + row("9876543210") + `,` + row("9876543211"), 2, nil},
		{row(own), 3, []string{own}},
	}
	for _, tt := range tests {
		inEachShape(t, tt.rows, func(what string, c Client) {
			what = fmt.Sprintf("%s x%d", what, tt.count)
			list, err := consumeN(c, tt.count)
			if tt.want == nil {
				wantOutcome(t, what, err, UnknownOutcome, other)
				return
			}
			var got []string
			for _, r := range list {
				got = append(got, r.Code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
			}
		})
	}
	ctx := context.Background()
	const verified = `,"verify_account":"a01","verify_time":"2024-01-02 03:04:05"}`
	for code, same := range map[string]bool{own: true, "123456789": true, "0123****89": true, "9876543210": false, "1234567890": false} {
		inEachShape(t, `{"receipt_code":"`+code+`"`+verified, func(what string, c Client) {
			prepared, err1 := c.Prepare(ctx, testShop, own)
			record, err2 := c.GetConsumed(ctx, testShop, own)
			if !same {
				wantOutcome(t, "prepare "+what, err1, UnknownOutcome, other)
				wantOutcome(t, "getconsumed "+what, err2, UnknownOutcome, other)
			} else if err1 != nil || err2 != nil || prepared.Code != own || record.Code != own {
				t.Errorf("%s: got %q, %v and %q, %v", what, prepared.Code, err1, record.Code, err2)
			}
		})
	}
	// An undo may be told by the customer's new code of the same deal.
	for rows, class := range map[string]Class{
		`{"receipt_code":"0123456789","deal_id":7}`:    "",
		`{"receipt_code":"123456789"}`:                 "",
		`{"receipt_code":"9876543210","deal_id":1001}`: "",
		`{"receipt_code":"9876543210","deal_id":7}`:    UnknownOutcome,
		`{"receipt_code":"9876543210"}`:                UnknownOutcome,
	} {
		inEachShape(t, rows, func(what string, c Client) {
			_, err := reverse(c)
			if class == "" && err != nil {
				t.Errorf("reverse %s: %v", what, err)
			} else if class != "" {
				wantOutcome(t, "reverse "+what, err, class, other)
			}
		})
	}
}

// The details of another voucher are not those of the refused one.
func TestRefusalAboutAnotherCode(t *testing.T) {
	t.Parallel()
	for _, c := range answering(t, 200, `{"code":1008,"msg":"此券码已被验证","data":{"receipt_code":"9876543210","deal_id":7}}`).both(t) {
		_, err := c.Prepare(context.Background(), testShop, "0123456789")
		if e := failure(t, err); e.Reason != AlreadyUsed || e.Receipt != nil {
			t.Errorf("got %v with %+v", e, e.Receipt)
		}
	}
}

// A row with a code of its own that is no success is none.
func TestRowsThatFailed(t *testing.T) {
	t.Parallel()
	const own, next = `"receiptCode":"0123456789","dealId":1001`, `"receiptCode":"0123456790","dealId":1001`
	tests := []struct {
		rows     string
		count    int
		class    Class // "": a success
		reason   Reason
		code     string
		question Class // of prepare and getconsumed
	}{
		{`{"code":1008,` + own + `}`, 1, Refused, AlreadyUsed, "1008", Refused},
		{`{"code":"1008","msg":"此券码已被验证",` + own + `}`, 1, Refused, AlreadyUsed, "1008", Refused},
		{`{"singleConsumeCode":1009,` + own + `}`, 1, Refused, Expired, "1009", Refused},
		{`{"single_consume_code":1009,` + own + `}`, 1, Refused, Expired, "1009", Refused},
		{`{"resultCode":"1012",` + own + `}`, 1, Refused, WrongShop, "1012", Refused},
		{`{"code":200,"resultCode":1012,` + own + `}`, 1, Refused, WrongShop, "1012", Refused},
		{`{"result":{"code":1010},` + own + `}`, 1, Refused, Refunding, "1010", Refused},
		{`{"errorCode":"OP_TIMEOUT",` + own + `}`, 1, UnknownOutcome, "", "OP_TIMEOUT", UnknownOutcome},
		{`{"code":1777,` + own + `}`, 1, UnknownOutcome, "", "1777", Refused},
		{`{"resultCode":"FAIL",` + own + `}`, 1, UnknownOutcome, "", "FAIL", Refused},
		{`{"code":1008,"receiptCode":"9876543210"}`, 1, UnknownOutcome, OtherCode, "1008", Refused},
		{`{"code":1008,` + own + `},{"code":1008,` + next + `}`, 2, Refused, AlreadyUsed, "1008", Refused},
		{`{"code":1008,` + own + `},{"code":"FAIL",` + next + `}`, 2, UnknownOutcome, "", "FAIL", Refused},
		{`{"code":200,` + own + `},{"code":1008,` + next + `}`, 2, UnknownOutcome, PartlyConsumed, "1008", ""},
		{own + `},{"code":1008,` + next + `}`, 2, UnknownOutcome, PartlyConsumed, "1008", ""},

		{`{"code":0,` + own + `}`, 1, "", "", "", ""},
		{`{"code":"200","singleConsumeCode":"OP_SUCCESS","resultCode":0,` + own + `}`, 1, "", "", "", ""},
		{`{"code":"0123456789",` + own + `}`, 1, "", "", "", ""}, // the voucher's
		{`{"code":202401020304,` + own + `}`, 1, "", "", "", ""}, // too long for an outcome
		{`{"code":null,"resultCode":"",` + own + `}`, 1, "", "", "", ""},
	}
	for _, tt := range tests {
		if !strings.HasPrefix(tt.rows, "{") {
			tt.rows = "{" + tt.rows
		}
		inEachShape(t, tt.rows, func(what string, c Client) {
			list, err := consumeN(c, tt.count)
			if tt.class == "" {
				if err != nil || len(list) != 1 || list[0].Code != "0123456789" {
					t.Errorf("consume %s: got %v, %v", what, list, err)
				}
			} else {
				wantOutcome(t, "consume "+what, err, tt.class, tt.reason)
				if e := failure(t, err); e.Code != tt.code || (e.Receipts != nil) != (tt.reason == PartlyConsumed) ||
					e.Receipts != nil && (len(e.Receipts) != 1 || e.Receipts[0].Code != "0123456789") {
					t.Errorf("consume %s: got code %s, rows %v", what, e.Code, e.Receipts)
				}
			}
			if _, err := reverse(c); (err == nil) != (tt.class == "") || tt.class == UnknownOutcome && !errors.Is(err, UnknownOutcome) {
				t.Errorf("reverse %s: %v", what, err)
			}
			_, err1 := c.Prepare(context.Background(), testShop, "0123456789")
			_, err2 := c.GetConsumed(context.Background(), testShop, "0123456789")
			for _, err := range []error{err1, err2} {
				if tt.question == "" && err != nil || tt.question != "" && !errors.Is(err, tt.question) {
					t.Errorf("question %s: got %v, want %q", what, err, string(tt.question))
				}
			}
		})
	}
}

// Of rows that do not tell their code, one is that of the asked code, where no other is.
func TestRowsWithoutCodes(t *testing.T) {
	t.Parallel()
	row := func(code string) string { return `{"receiptCode":` + code + `,"dealId":1001}` }
	for rows, want := range map[string][]string{
		row(`null`):                                                                   {"0123456789"},
		row(`"****6789"`) + "," + row(`""`):                                           {"0123456789", ""},
		row(`"0123456789"`) + "," + row(`"****6790"`):                                 {"0123456789", ""},
		row(`null`) + "," + row(`"123456789"`):                                        {"", "0123456789"},
		row(`"123456789"`) + "," + row(`"0123456789"`):                                {"0123456789", "0123456789"},
		row(`"012-345-6789"`) + "," + row(`"0123456790"`) + "," + row(`"01234*6789"`): {"0123456789", "0123456790", ""},
	} {
		inEachShape(t, rows, func(what string, c Client) {
			list, err := consumeN(c, len(want))
			var got []string
			for _, r := range list {
				got = append(got, r.Code)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q, %v, want %q", what, got, err, want)
			}
		})
	}
}

// A code beside the rows counts as one in them.
func TestCodeBesideTheRows(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		class  Class
		reason Reason
	}{
		`{"code":"OP_SUCCESS","data":{"resultCode":1008,"result":[{"receiptCode":"0123456789"}]}}`:             {Refused, AlreadyUsed},
		`{"code":200,"data":{"code":200,"data":{"resultCode":"1008","result":[]}}}`:                            {Refused, AlreadyUsed},
		`{"code":"OP_SUCCESS","data":{"resultCode":"FAIL","result":[{"receiptCode":"0123456789"}]}}`:           {UnknownOutcome, ""},
		`{"code":200,"data":{"resultCode":200,"result":[{"receiptCode":"0123456789","resultCode":1009}]}}`:     {Refused, Expired},
		`{"code":"OP_SUCCESS","data":"{\"resultCode\":1008,\"result\":[{\"receiptCode\":\"0123456789\"}]}"}`:   {Refused, AlreadyUsed},
		`{"code":200,"data":[{"single_consume_code":1008,"consume_detail_list":[]}]}`:                          {Refused, AlreadyUsed},
		`{"code":200,"data":[{"single_consume_code":200,"consume_detail_list":[{"receipt_code":"9999999"}]}]}`: {UnknownOutcome, ""},
	} {
		for generation, c := range answering(t, 200, body).both(t) {
			_, err := consumeN(c, 1)
			wantOutcome(t, generation+" "+body, err, want.class, want.reason)
		}
	}
}

func TestBatchRowsThatFailed(t *testing.T) {
	t.Parallel()
	detail := func(code, more string) string { return `{"receipt_code":"` + code + `"` + more + `}` }
	row := func(code string, details ...string) string {
		return `{"single_consume_code":` + code + `,"consume_detail_list":[` + strings.Join(details, ",") + `]}`
	}
	tests := []struct {
		name, rows string
		want       [2]string // for 0111 once and 0222 twice
	}{
		{"codes without their zeros", row("200", detail("111", "")) + `,` + row("200", detail("222", ""), detail("333", "")), [2]string{"0111", "0222 333"}},
		{"a row of the details failed", row("200", detail("0111", `,"code":1009`)) + `,` + row("200", detail("0222", ""), detail("333", `,"resultCode":1009`)),
			[2]string{"refused expired", "unknown_outcome partly_consumed 0222"}},
		{"another key", `{"resultCode":1009,"consume_detail_list":[` + detail("0111", "") + `]},` + row("0", detail("0222", "")), [2]string{"refused expired", "0222"}},
		{"more than was asked for", row("200", detail("0111", ""), detail("444", "")) + `,` + row("200", detail("0222", "")), [2]string{"unknown_outcome other_code", "0222"}},
		{"no details", row("200") + `,` + row("0"), [2]string{"unknown_outcome ", "unknown_outcome "}},
	}
	for _, tt := range tests {
		c := answering(t, 200, `{"code":200,"data":[`+tt.rows+`]}`).dianping(t)
		results, err := c.BatchConsume(context.Background(), testShop, BatchConsumeRequest{
			RequestID: "r1", Items: []BatchItem{{"0111", 1}, {"0222", 2}}, Operator: testOperator})
		if err != nil {
			t.Fatal(tt.name, err)
		}
		var got [2]string
		for i, r := range results {
			var told []string
			if r.Err != nil {
				told = append(told, string(r.Err.Class)+" "+string(r.Err.Reason))
				r.Receipts = r.Err.Receipts
			}
			for _, receipt := range r.Receipts {
				told = append(told, receipt.Code)
			}
			got[i] = strings.Join(told, " ")
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Rows of a partial success that are not of the asked code are not believed.
func TestPartialSuccessOfOthers(t *testing.T) {
	t.Parallel()
	for _, c := range answering(t, 200, `{"code":1004,"data":[{"receipt_code":"9876543210"},{"receipt_code":"9876543211"}]}`).both(t) {
		_, err := consumeN(c, 3)
		wantOutcome(t, c.Platform(), err, UnknownOutcome, PartlyConsumed)
		if e := failure(t, err); e.Receipts != nil {
			t.Errorf("got %v", e.Receipts)
		}
	}
}

// Words are no proof that a call with an effect had none; a question may take
// them.
func TestCodesInWords(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Reason{
		`{"code":500,"msg":"[1006] 此券号不存在"}`:                          NotFound,
		`{"code":"OP_BIZ_ERROR","msg":"[1012] 不可在本店消费"}`:              WrongShop,
		`{"code":"OP_BIZ_ERROR","msg":"1012:不可在本店消费","data":null}`:    WrongShop,
		`{"code":"OP_BIZ_ERROR","msg":"1012: no","data":""}`:          WrongShop,
		`{"code":-1,"msg":"业务错误","data":{"msg":"[1008]"}}`:            Other,
		`{"code":"OP_BIZ_ERROR","msg":"[1012]","data":{"code":1777}}`: Other,
	} {
		for generation, c := range answering(t, 200, body).both(t) {
			for _, call := range []Call{CallConsume, CallReverseConsume, CallBatchConsume} {
				if err := allCalls[call](context.Background(), c, testShop); !errors.Is(err, Unsupported) {
					wantOutcome(t, generation+" "+string(call)+" "+body, err, UnknownOutcome, "")
				}
			}
			wantOutcome(t, generation+" "+body, allCalls[CallPrepare](context.Background(), c, testShop), Refused, want)
		}
	}
}
