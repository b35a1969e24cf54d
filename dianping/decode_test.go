package dianping

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanquan/internal/httpcall"
	"yanquan/internal/scrub"
)

func TestParseYuan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fen{
		"0": 0, "99": 9900, "99.0": 9900, "99.00": 9900, "99.000": 9900, "0.01": 1, "-1.5": -150, " 7 ": 700, "1.": 100,
		"1,299.00": 129900, "12,345,678.9": 1234567890, "¥49.90": 4990, "￥49.90": 4990, "49.9元": 4990, "¥ 1,299 元": 129900, "-¥1.50": -150,
		"999999999999999.99": 99999999999999999,
	} {
		if got, err := ParseYuan(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".5", "--1", "1e2", "1,5", "1,2345", ",123", "12,34,567", "1.1,000", "1.005", "¥", "元", "¥¥1", "99元起", "$1", "NaN", "1.2.3", "+1", "1000000000000000"} {
		if got, err := ParseYuan(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
	if got := Fen(-4990).String(); got != "-¥49.90" {
		t.Errorf("got %s", got)
	}
}

func TestAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fen{
		"99.00": 9900, "1.0E7": 1000000000, "9.9e1": 9900, "49.900000000000006": 4990, "49.905": 4991, "-49.905": -4991, "0.004": 0,
		"0": 0, "0.00": 0,
	} {
		if got, known := amount(text); got != want || !known {
			t.Errorf("%q: got %d, %v; want %d", text, got, known, want)
		}
	}
	for _, text := range []string{"", "x", "1e999999999", "9e99", strings.Repeat("9", 31), "null", "面议"} {
		if got, known := amount(text); known {
			t.Errorf("%q: got %d, want nothing known", text, got)
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	want := time.Date(2023, 11, 30, 23, 59, 59, 0, beijing)
	for _, text := range []string{
		"1701359999000", "1701359999", "1.701359999E12", "2023-11-30 23:59:59", "2023-11-30 23:59:59.0", "2023-11-30T23:59:59",
		"2023/11/30 23:59:59", "20231130235959", "2023-11-30T15:59:59Z", "2023-11-30T23:59:59+08:00",
	} {
		if got := moment(text); !got.Equal(want) || got.Format("15:04") != "23:59" {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	if got := moment("2023-11-30 23:59"); !got.Equal(want.Add(-59 * time.Second)) {
		t.Errorf("got %s", got)
	}
	for _, text := range []string{"", "0", "-1", "soon", "17", "99999999999999999", "2023-13-01", "null"} {
		if got := moment(text); !got.IsZero() {
			t.Errorf("%q: got %s, want none", text, got)
		}
	}
}

func TestKeysThatFallTogether(t *testing.T) {
	t.Parallel()
	for range 50 { // the order of a map is random
		o, _ := asObject(map[string]any{"deal_id": "2", "dealId": "1", "DEALID": nil, "dealid": "3"})
		if got := o.text("dealid"); got != "1" {
			t.Fatalf("got %s", got)
		}
	}
}

func TestDeepDataEnds(t *testing.T) {
	t.Parallel()
	deep := any(map[string]any{"receipt_code": "1"})
	for range 100 {
		deep = map[string]any{"result": []any{deep}}
	}
	if list, whole := rows(deep); len(list) != 0 || whole {
		t.Errorf("got %v, %v", list, whole)
	}
}

var longDigits = regexp.MustCompile(`[0-9]{5}`)

// FuzzDecode: whatever a server answers, nothing panics, a call with an effect is
// a success only by a code of success and in doubt unless the code is documented,
// and no phone number comes through.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"code":200,"msg":"success","data":{"count":2,"receipt_code":"0123456789","deal_id":1001,"deal_price":99.0,"receiptEndDate":1893427199000,"mobile":"13812345678","payment_detail":[{"payment_detail_id":"p1","amount":99.0,"amount_type":10}],"receipt_info_map":null}}`,
		`{"code":"OP_SUCCESS","traceId":"1","data":{"result":[{"orderId":"123456789012345678901234","receiptCode":"0123456789","dealId":1001,"dealgroupId":2001,"receiptEndDate":"1893427199000","paymentDetail":[{"amount":"99.00"}]}]}}`,
		`{"code":1008,"msg":"此券号已于 2021-09-29 10:28:14 被消费!","data":{"deal_id":761417563}}`,
		`{"code":"OP_BIZ_ERROR","msg":"[1012] x","data":"{\"code\":1006}"}`,
		`{"code":"OP_UNIAUTH_FAILED","msg":"x","data":{"code":4}}`,
		`{"code":200,"data":{"total_count":"1","records":[{"receipt_code":"1","verify_time":"2024-01-02 03:04:05"}]}}`,
		`{"code":200,"data":[{"single_consume_code":1004,"consume_detail_list":[{"receipt_code":"1"}]}]}`,
		`{"code":200,"data":[{"deal_id":1,"reveipt_end_date":"2025-01-03 00:00","price":1.0E7}]}`,
		`[[[[[[[[`, `{"code":0}`, `{"code":200,"data":"\"x\""}`, "\xef\xbb\xbf{}", `<html>`,
	} {
		for call := range everyCall {
			f.Add(200, byte(call), []byte(body))
		}
	}
	files, err := filepath.Glob("testdata/answers/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds in testdata/answers", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(502, byte(2), body)
		f.Add(200, byte(0), body)
	}
	asked := map[Call]string{}
	for _, call := range everyCall {
		if call.aboutVoucher() && call != CallScanPrepare {
			asked[call] = "0123456789"
		}
	}
	f.Fuzz(func(t *testing.T, status int, n byte, body []byte) {
		call := everyCall[int(n)%len(everyCall)]
		report := reporter{platform: Dianping, call: call, code: asked[call], count: 2, scrub: scrub.New(testSession, testSecret)}
		var told string
		e := conclude(report, status, body, func(data any) error {
			var v any
			var err error
			switch call {
			case CallPrepare:
				v, err = readPrepared("0123456789", data)
			case CallScanPrepare:
				v, err = readScanned(data)
			case CallBatchConsume:
				v, err = readBatch([]BatchItem{{"111", 1}, {"222", 2}}, data, report)
			case CallGetConsumed:
				v, err = readRecord("0123456789", data)
			case CallQueryListByDate:
				v, err = readHistory(data)
			case CallQueryByMobile:
				v, err = readSerials(data)
			case CallQueryShopDeal:
				v, err = readDeals(data)
			default:
				var list []Receipt
				if call == CallReverseConsume {
					list, err = readReversed("0123456789", 1001, data)
				} else {
					list, err = readConsumed("0123456789", 2, data)
				}
				if err == nil && len(list) == 0 {
					t.Error("a success without a row")
				}
				for _, r := range list {
					if longDigits.MatchString(r.Mobile) {
						t.Errorf("mobile %q is not masked", r.Mobile)
					}
				}
				v = list
			}
			told = fmt.Sprint(v)
			return err
		})
		if e == nil {
			if a, err := readAnswer(report, body); err != nil || !isSuccess(a.code) || !httpcall.IsOK(status) || told == "" {
				t.Errorf("success of http %d, %v, %+v", status, err, a)
			}
			return
		}
		if e.Class == "" || e.Error() == "" || e.Call != call {
			t.Errorf("got %+v", e)
		}
		if call.Changes() && e.Class == Refused && (!isDocumented(e.Code) || status >= 500) {
			t.Errorf("http %d, code %q is taken for a refusal", status, e.Code)
		}
		if e.Receipt != nil && longDigits.MatchString(e.Receipt.Mobile) {
			t.Errorf("mobile %q is not masked", e.Receipt.Mobile)
		}
	})
}
