package dianpingtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// Everything that a test in another process does, over HTTP only.
func TestControl(t *testing.T) {
	t.Parallel()
	r := setup(t)
	control := httptest.NewServer(r.p.Control())
	defer control.Close()
	ask := func(method, path, body string, status int, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, control.URL+path, strings.NewReader(body))
		r.ok(err)
		resp, err := control.Client().Do(req)
		r.ok(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		r.ok(err)
		if resp.StatusCode != status {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatalf("%s %s: %v in %s", method, path, err, text)
			}
		}
	}
	var empty []any
	for _, path := range []string{"/vouchers", "/vouchers?code=404", "/ledger", "/twice", "/faults", "/authorizations", "/notices"} {
		ask("GET", path, "", 200, &empty)
		if empty == nil || len(empty) > 0 {
			t.Errorf("%s: %v, want an empty list", path, empty)
		}
	}
	ask("POST", "/shops", `{"id":"shop-z"}`, 200, nil)
	ask("POST", "/sessions", `{"token":"z","dialect":"meituan","shops":["shop-z"]}`, 200, nil)
	var made []dianpingtest.Voucher
	ask("POST", "/vouchers", `{"code":"7992697494","shops":["shop-a"],"price":4990,"coupons":3}`, 201, &made)
	ask("POST", "/vouchers", `{"shops":["shop-a"]}`, 201, nil)
	r.same([]any{len(made), made[0].Code, made[2].Price, made[1].OrderID}, []any{3, "7992697494", int64(4990), made[0].OrderID})
	var all []dianpingtest.Voucher
	ask("GET", "/vouchers", "", 200, &all)
	r.same(len(all), 4)

	r.want(r.call1("consume", consumeFields("7992697494", "r1", 1)), "ok")
	ask("POST", "/consume-elsewhere", fmt.Sprintf(`{"code":%q,"account":"till"}`, made[1].Code), 200, nil)
	ask("POST", "/state", fmt.Sprintf(`{"code":%q,"state":"refunded"}`, made[2].Code), 200, nil)
	ask("GET", "/vouchers?code="+made[2].Code, "", 200, &all)
	r.same(all[0].State, dianpingtest.Refunded)
	var ledger []dianpingtest.Effect
	ask("GET", "/ledger", "", 200, &ledger)
	r.same([]any{len(ledger), ledger[0].RequestID, ledger[1].Account, ledger[1].Channel}, []any{2, "r1", "till", "1"})
	var count dianpingtest.Count
	ask("GET", "/effects?code=7992697494", "", 200, &count)
	r.same(count, dianpingtest.Count{Consumed: 1})

	ask("POST", "/vouchers", `{"code":"5550000001","visits":3,"shops":["shop-a"]}`, 201, nil)
	ask("POST", "/consume-elsewhere", `{"code":"5550000001","account":"till","time":"2026-10-01T11:58:00+08:00"}`, 200, nil)
	ask("POST", "/consume-elsewhere", `{"code":"5550000001","account":"till"}`, 200, nil)
	ask("POST", "/undo-elsewhere", `{"code":"5550000001","account":"till"}`, 200, nil)
	ask("GET", "/vouchers?code=5550000001", "", 200, &all)
	r.same([]any{all[0].Visits, len(all[0].Uses), all[0].Use.Time.Minute()}, []any{3, 1, 58})

	type requests struct {
		Latest   uint64
		Requests []dianpingtest.Request
	}
	var got, none, next requests
	ask("GET", "/requests", "", 200, &got)
	r.same([]any{len(got.Requests), got.Requests[0].Call}, []any{1, "consume"})
	ask("GET", fmt.Sprintf("/requests?since=%d", got.Latest), "", 200, &none)
	r.same([]any{len(none.Requests), none.Latest}, []any{0, got.Latest})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.post(t.Context(), path1("queryshopdeal"), r.form1(nil))
	}()
	ask("GET", fmt.Sprintf("/requests?since=%d&wait=20s", got.Latest), "", 200, &next)
	<-done
	r.same([]any{len(next.Requests), next.Requests[0].Call}, []any{1, "queryshopdeal"})

	ask("POST", "/faults", `{"kind":"status_5xx","call":"consume","applied":true,"times":2}`, 200, nil)
	var faults []dianpingtest.Fault
	ask("GET", "/faults", "", 200, &faults)
	r.same(faults, []dianpingtest.Fault{{Kind: dianpingtest.Status5xx, Call: "consume", Applied: true, Times: 2, Status: 503}})
	ask("DELETE", "/faults", "", 200, nil)
	ask("POST", "/faults", `{"kind":"proxy_status","status":429,"page":"json","after_ns":60000000000,"for_ns":5}`, 200, nil)
	ask("POST", "/faults", `{"kind":"row_refusal","answer":"1008","row_code":"result_code","msg":"没有"}`, 200, nil)
	faults = nil
	ask("GET", "/faults", "", 200, &faults)
	r.same(faults, []dianpingtest.Fault{
		{Kind: dianpingtest.ProxyStatus, Status: 429, Page: dianpingtest.PageJSON, After: time.Minute, For: 5, Times: -1},
		{Kind: dianpingtest.RowRefusal, Answer: "1008", RowCode: dianpingtest.RowCodeResult, Msg: "没有", Times: 1},
	})
	ask("DELETE", "/faults", "", 200, nil)
	r.same(len(r.p.Faults()), 0)
	ask("POST", "/pause", `{"mode":"refuse"}`, 200, nil)
	r.same(r.post(t.Context(), path1("queryshopdeal"), r.form1(nil)).status, 503)
	ask("POST", "/resume", "", 200, nil)

	ask("PUT", "/knobs", `{"repeat_answer":"already_used","gen2_refusals":"code_number","unguarded":true,"no_record":"empty_list","prices":"yen","visit_record":"first","visit_rows":"per_code","visit_price":"deal","verify_time":"absent","verify_account":"merchant","request_life_ns":5}`, 200, nil)
	var knobs dianpingtest.Knobs
	ask("GET", "/knobs", "", 200, &knobs)
	r.same(knobs, dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed, Gen2Refusals: dianpingtest.RefusalCodeNumber, Unguarded: true,
		NoRecord: dianpingtest.NoRecordEmptyList, Prices: dianpingtest.PriceYen, VisitRecord: dianpingtest.VisitFirst, VisitRows: dianpingtest.RowPerCode, VisitPrice: dianpingtest.VisitPriceDeal,
		VerifyTime: dianpingtest.VerifyTimeAbsent, VerifyAccount: dianpingtest.VerifyAccountMerchant, RequestLife: 5,
	})
	r.want(r.call1("consume", consumeFields("7992697494", "r2", 1)), "ok")
	var twice []string
	ask("GET", "/twice", "", 200, &twice)
	r.same(twice, []string{"7992697494"})

	ask("POST", "/sessions/expire", fmt.Sprintf(`{"token":%q}`, session1), 200, nil)
	r.want(r.call1("queryshopdeal", nil), "608")
	ask("POST", "/sessions/revoke", fmt.Sprintf(`{"token":%q}`, tokenA), 200, nil)
	r.same(r.call2("queryshopdeal", "{}", nil).sub, "22")

	var granted dianpingtest.Authorization
	ask("PUT", "/registration", `{"callback_url":"http://bot.example/","notice_url":""}`, 200, nil)
	ask("POST", "/authorizations", `{"dialect":"meituan","shops":["shop-b"]}`, 201, &granted)
	g := pages{"vouchers", dianpingtest.Meituan, "58"}
	young := r.tokens(g, "", granted.RefreshToken, nil)
	r.same(young.code, "ok")
	ask("POST", "/refresh-tokens/expire", fmt.Sprintf(`{"token":%q}`, young.refresh), 200, nil)
	r.same(r.tokens(g, "", young.refresh, nil).code, "22")
	ask("POST", "/sessions/revoke", fmt.Sprintf(`{"token":%q}`, young.access), 200, nil)
	var everyone []dianpingtest.Authorization
	ask("GET", "/authorizations", "", 200, &everyone)
	r.same([]any{len(everyone), everyone[0].Refreshes, everyone[0].Refused, everyone[0].Ended, everyone[0].Shops, len(everyone[0].Refreshed)}, []any{1, 1, 1, true, []string{shopB}, 1})
	var notices []dianpingtest.Notice
	ask("POST", "/notices/repeat", `{"id":"msg-1"}`, 200, nil)
	ask("GET", "/notices", "", 200, &notices)
	r.same([]any{len(notices), notices[0].OpBizCode, notices[0].Attempts}, []any{1, shopB, 0})

	for _, bad := range [][3]string{
		{"POST", "/authorizations", `{"dialect":"meituan"}`},
		{"POST", "/refresh-tokens/expire", `{"token":"x"}`},
		{"POST", "/notices/repeat", `{"id":"msg-9"}`},
		{"PUT", "/knobs", `{"old_refresh":"x"}`},
		{"PUT", "/knobs", `{"session_life_ns":-1}`},
		{"PUT", "/knobs", `{"no_record":"x"}`},
		{"PUT", "/knobs", `{"request_life_ns":-1}`},
		{"POST", "/vouchers", `{"visits":-1}`},
		{"POST", "/undo-elsewhere", `{"code":"404"}`},
		{"POST", "/vouchers", `{"cod":"1"}`},
		{"POST", "/vouchers", `{"code":"7992697494"}`},
		{"POST", "/vouchers", `{} {}`},
		{"POST", "/faults", `{"kind":"x"}`},
		{"POST", "/consume-elsewhere", `{"code":"404"}`},
		{"POST", "/pause", `{}`},
		{"PUT", "/knobs", `[]`},
		{"GET", "/requests?since=x", ``},
		{"GET", "/requests?wait=x", ``},
	} {
		var answer struct{ Error string }
		ask(bad[0], bad[1], bad[2], 400, &answer)
		if answer.Error == "" {
			t.Errorf("%v: no word about it", bad)
		}
	}
}

// A page that waits for requests is let go by Close.
func TestControlWaitEndsWithClose(t *testing.T) {
	t.Parallel()
	r := setup(t)
	done := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		r.p.Control().ServeHTTP(w, httptest.NewRequest("GET", "/requests?wait=1m", nil))
		done <- w.Code
	}()
	r.p.Close()
	r.same(<-done, 200)
}
