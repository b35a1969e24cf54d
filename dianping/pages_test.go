package dianping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// history is a server of querylistbydate. slice gives rows [from, to) of all.
type history struct {
	rows  int                                      // in all
	total func(all, onPage int) any                // nil: the true one; the value goes to JSON
	slice func(offset, limit, all int) (int, int)  // the reading of offset; nil: nothing
	fail  func(offset int) string                  // an answer instead, or ""
	made  func(offset, limit int) []map[string]any // rows of its own making, instead of slice
}

func byRows(offset, limit, _ int) (int, int)       { return offset, offset + limit }
func byPagesFrom0(offset, limit, _ int) (int, int) { return offset * limit, (offset + 1) * limit }
func ignoresOffset(_, limit, _ int) (int, int)     { return 0, limit }
func everythingAlways(_, _, all int) (int, int)    { return 0, all }
func nothingEver(int, int, int) (int, int)         { return 0, 0 }
func byPagesFrom1(offset, limit, all int) (int, int) {
	return byPagesFrom0(max(offset, 1)-1, limit, all)
}

// strictPages has no page 0.
func strictPages(offset, limit, all int) (int, int) {
	if offset == 0 {
		return 0, 0
	}
	return byPagesFrom0(offset-1, limit, all)
}

// capped is another reading by a server with pages of its own.
func capped(limit int, slice func(int, int, int) (int, int)) func(int, int, int) (int, int) {
	return func(offset, _, all int) (int, int) { return slice(offset, limit, all) }
}

func historyRow(i int) map[string]any {
	return map[string]any{
		"receipt_code": fmt.Sprintf("%010d", i), "verify_time": moment("2024-01-02 00:00").Add(time.Duration(i) * time.Second).Format("2006-01-02 15:04:05"),
	}
}

func (h history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	offset, _ := strconv.Atoi(r.Form.Get("offset"))
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	if biz := r.Form.Get("biz"); biz != "" {
		var page struct{ Offset, Limit int }
		_ = json.Unmarshal([]byte(biz), &page)
		offset, limit = page.Offset, page.Limit
	}
	if h.fail != nil {
		if body := h.fail(offset); body != "" {
			_, _ = io.WriteString(w, body)
			return
		}
	}
	records := []map[string]any{}
	if h.made != nil {
		records = h.made(offset, limit)
	} else {
		from, to := h.slice(offset, limit, h.rows)
		for i := from; i < min(to, h.rows); i++ {
			records = append(records, historyRow(i))
		}
	}
	data := map[string]any{"records": records, "total_count": h.rows}
	if h.total != nil {
		data["total_count"] = h.total(h.rows, len(records))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 200, "data": data})
}

// TestCollect: no row is lost or told twice, whatever offset means, however long
// the server's pages are and whatever total it tells.
func TestCollect(t *testing.T) {
	t.Parallel()
	const limit = 100
	readings := map[string]func(int, int, int) (int, int){
		"rows":                      byRows,
		"pages from 0":              byPagesFrom0,
		"pages from 1":              byPagesFrom1,
		"pages from 1, no page 0":   strictPages,
		"rows, capped at 7":         capped(7, byRows),
		"pages from 0, capped at 7": capped(7, byPagesFrom0),
		"pages from 1, capped at 7": capped(7, byPagesFrom1),
		"no page 0, capped at 7":    capped(7, strictPages),
		"rows, one at a time":       capped(1, byRows),
		"pages, one at a time":      capped(1, byPagesFrom1),
		"everything always":         everythingAlways,
	}
	totals := map[string]func(all int) (total int64, told bool){
		"true":      func(all int) (int64, bool) { return int64(all), true },
		"none":      func(int) (int64, bool) { return 0, false },
		"zero":      func(int) (int64, bool) { return 0, true },
		"too large": func(all int) (int64, bool) { return int64(all) + 13, true },
	}
	for reading, slice := range readings {
		for told, total := range totals {
			if told == "zero" && strings.Contains(reading, "no page 0") {
				continue // an empty page with a total of 0 is an empty day
			}
			for _, all := range []int{0, 1, 2, 6, 7, 8, 14, 99, 100, 101, 200, 250, 301} {
				got, err := collect(limit, false, strconv.Itoa, func(offset int) (page[int], *Error) {
					var p page[int]
					p.total, p.told = total(all)
					from, to := slice(offset, limit, all)
					for i := from; i < min(to, all); i++ {
						p.rows = append(p.rows, i)
					}
					p.size = len(p.rows)
					return p, nil
				}, reporter{})
				slices.Sort(got)
				if err != nil || len(got) != all || len(slices.Compact(got)) != all {
					t.Errorf("%s, total %s, %d rows: got %d, %v", reading, told, all, len(got), err)
				}
			}
		}
	}
}

// Offset 0 is refused once, for another reason: no row is lost, whatever offset means.
func TestCollectRefusedOnce(t *testing.T) {
	t.Parallel()
	for reading, slice := range map[string]func(int, int, int) (int, int){
		"rows": byRows, "pages from 0": byPagesFrom0, "pages from 1": byPagesFrom1, "rows, capped at 7": capped(7, byRows),
	} {
		for _, told := range []bool{true, false} {
			for _, all := range []int{0, 1, 2, 8, 100, 101, 250} {
				asked := 0
				got, err := collect(100, false, strconv.Itoa, func(offset int) (page[int], *Error) {
					if asked++; asked == 1 {
						return page[int]{}, &Error{Class: Refused, Reason: Other}
					}
					p := page[int]{total: int64(all), told: told}
					from, to := slice(offset, 100, all)
					for i := from; i < min(to, all); i++ {
						p.rows = append(p.rows, i)
					}
					p.size = len(p.rows)
					return p, nil
				}, reporter{})
				slices.Sort(got)
				if err != nil || len(got) != all || len(slices.Compact(got)) != all {
					t.Errorf("%s, total %v, %d rows: got %d, %v", reading, told, all, len(got), err)
				}
			}
		}
	}
}

// TestHistoryCost: a platform that behaves as documented is not asked more than
// it must be.
func TestHistoryCost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rows, want int }{{0, 1}, {1, 1}, {299, 1}, {300, 2}, {301, 2}, {650, 3}} {
		b := setup(t, history{rows: tt.rows, slice: byRows}.ServeHTTP)
		got, err := b.meituan(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
		if err != nil || len(got) != tt.rows || len(b.requests) != tt.want || len(b.observed) != tt.want {
			t.Errorf("%d rows: got %d by %d requests, %d observed, %v; want %d requests", tt.rows, len(got), len(b.requests), len(b.observed), err, tt.want)
		}
	}
}

func TestHistoryEnds(t *testing.T) {
	t.Parallel()
	one := func(int, int) []map[string]any { return []map[string]any{historyRow(1)} }
	tests := []struct {
		name   string
		server history
		rows   int
		most   int // requests
	}{
		{"the same page for ever", history{rows: 500, slice: ignoresOffset}, 100, 4},
		{"the same row for ever, no total", history{made: one, total: func(int, int) any { return nil }}, 1, 4},
		{"nothing, but a total", history{rows: 9, slice: nothingEver}, 0, 2},
		{"a total that grows", history{rows: 120, slice: byRows, total: func(all, n int) any { return all + n + 1 }}, 120, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.server.ServeHTTP)
			got, err := b.dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
			if err != nil || len(got) != tt.rows || len(b.requests) > tt.most {
				t.Errorf("got %d rows by %d requests, %v; want %d by at most %d", len(got), len(b.requests), err, tt.rows, tt.most)
			}
		})
	}
	t.Run("new rows for ever", func(t *testing.T) {
		t.Parallel()
		next := 0
		b := setup(t, history{made: func(int, int) []map[string]any {
			next++
			return []map[string]any{historyRow(next)}
		}}.ServeHTTP)
		_, err := b.dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
		if !errors.Is(err, UnknownOutcome) || len(b.requests) != maxPages {
			t.Errorf("got %v after %d requests", err, len(b.requests))
		}
	})
}

func TestHistoryFailures(t *testing.T) {
	t.Parallel()
	get := func(h history) (int, error) {
		b := setup(t, h.ServeHTTP)
		got, err := b.dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
		return len(got), err
	}
	at := func(wrong int, body string) func(int) string {
		return func(offset int) string {
			if offset == wrong {
				return body
			}
			return ""
		}
	}
	if n, err := get(history{rows: 250, slice: strictPages, fail: at(0, `{"code":1001,"msg":"offset"}`)}); err != nil || n != 250 {
		t.Errorf("offset 0 refused: got %d rows, %v", n, err)
	}
	if _, err := get(history{rows: 250, slice: byRows, fail: at(0, `{"code":608}`)}); !errors.Is(err, SessionExpired) {
		t.Errorf("session expired: got %v", err)
	}
	// Half a day must not pass for a day.
	if n, err := get(history{rows: 250, slice: byRows, fail: at(200, `oops`)}); !errors.Is(err, UnknownOutcome) || n != 0 {
		t.Errorf("third page broken: got %d rows, %v", n, err)
	}
}

func TestHistoryShapes(t *testing.T) {
	t.Parallel()
	const snake = `{"receipt_code":"1","deal_id":1001,"dealgroup_id":2001,"deal_title":"t","deal_price":"9.9","deal_marketprice":12,"verify_account":"a01","verify_channel":"15","verify_time":"2024-01-02 03:04:05","biz_type":0,"flow_id":"f","refund_status":1}`
	const camel = `{"receiptCode":"1","dealId":"1001","dealGroupId":"2001","dealTitle":"t","dealPrice":9.90,"dealMarketPrice":"12.00","verifyAccount":"a01","verifyChannel":15,"verifyTime":"2024-01-02 03:04:05","bizType":"0","flowId":"f","refundStatus":"1"}`
	want := Record{Code: "1", DealID: 1001, DealGroupID: 2001, Title: "t", Price: 990, PriceKnown: true, MarketPrice: 1200, VerifyAccount: "a01",
		VerifyChannel: "15", VerifyTime: time.Date(2024, 1, 2, 3, 4, 5, 0, beijing), FlowID: "f", RefundStatus: "1"}
	for _, data := range []string{
		`{"total_count":1,"records":[` + snake + `]}`,
		`{"total_count":"1","records":` + snake + `}`,
		`{"totalCount":1,"records":[` + camel + `]}`,
		`{"result":{"totalCount":1,"records":[` + camel + `]}}`,
		`{"totalCount":1,"result":[` + camel + `]}`,
		`[{"total_count":1,"records":[` + camel + `]}]`,
		`[` + snake + `]`,
		`{"total_count":2,"records":[` + snake + `,` + camel + `]}`,
	} {
		for name, c := range answering(t, 200, `{"code":"OP_SUCCESS","data":`+data+`}`).both(t) {
			got, err := c.QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
			if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%s %s: got %+v, %v", name, data, got, err)
			}
		}
	}
	for _, data := range []string{`null`, `""`, `[]`, `{}`, `{"total_count":0}`, `{"total_count":0,"records":null}`, `{"records":[]}`} {
		got, err := answering(t, 200, `{"code":200,"data":`+data+`}`).dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
		if err != nil || len(got) != 0 {
			t.Errorf("%s: got %v, %v", data, got, err)
		}
	}
	for _, data := range []string{`5`, `"x"`, `{"records":"x"}`, `{"records":[{"a":1}]}`, `{"a":1}`} {
		_, err := answering(t, 200, `{"code":200,"data":`+data+`}`).dianping(t).QueryListByDate(context.Background(), testShop, ListQuery{Date: testNow})
		if !errors.Is(err, UnknownOutcome) {
			t.Errorf("%s: got %v, want an unknown outcome", data, err)
		}
	}
}

// listServer serves n objects made by row, a page at a time.
func listServer(n int, row func(i int) string, slice func(int, int, int) (int, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.Form.Get("offset"))
		limit, _ := strconv.Atoi(r.Form.Get("limit"))
		from, to := slice(offset, limit, n)
		data := []json.RawMessage{}
		for i := from; i < min(to, n); i++ {
			data = append(data, json.RawMessage(row(i)))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 200, "data": data})
	}
}

func TestShopDealPages(t *testing.T) {
	t.Parallel()
	row := func(i int) string { return fmt.Sprintf(`{"deal_id":%d,"dealgroup_id":9,"title":"t"}`, i+1) }
	for _, n := range []int{0, 1, 99, 100, 101, 250} {
		for name, slice := range map[string]func(int, int, int) (int, int){"pages": byPagesFrom1, "capped": capped(40, byPagesFrom1), "one page": everythingAlways} {
			got, err := setup(t, listServer(n, row, slice)).dianping(t).QueryShopDeal(context.Background(), testShop)
			if err != nil || len(got) != n {
				t.Errorf("%s: got %d deals, %v; want %d", name, len(got), err, n)
			}
		}
	}
}

func TestQueryByMobilePages(t *testing.T) {
	t.Parallel()
	row := func(i int) string { return fmt.Sprintf(`{"serial_number":"%010d"}`, i) }
	for _, n := range []int{0, 1, 29, 30, 31, 60, 95} {
		for name, slice := range map[string]func(int, int, int) (int, int){
			"rows": byRows, "pages from 0": byPagesFrom0, "pages from 1": byPagesFrom1, "no page 0": strictPages,
		} {
			b := setup(t, listServer(n, row, slice))
			got, err := b.dianping(t).QueryByMobile(context.Background(), testShop, MobileQuery{Mobile: testMobile, DealGroupID: 1, DealID: 2, Platform: 1})
			if err != nil || len(got) != n {
				t.Errorf("%s: got %d codes, %v; want %d", name, len(got), err, n)
			}
		}
	}
	got, err := answering(t, 200, `{"code":"OP_SUCCESS","data":{"result":[{"serialNumber":"5"},{"serialNumber":5}]}}`).meituan(t).
		QueryByMobile(context.Background(), testShop, MobileQuery{Mobile: "65_666666", DealGroupID: 1, DealID: 2, Platform: 1})
	if err != nil || !slices.Equal(got, []string{"5"}) {
		t.Errorf("got %v, %v", got, err)
	}
}
