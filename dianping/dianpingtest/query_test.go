package dianpingtest_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

func TestGetConsumed(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{Shops: []string{shopB, shopA}})
		other := r.sell(dianpingtest.Voucher{Shops: []string{shopB}})
		ask := func(code string) answer { return r.do(d, "getconsumed", fields{"receipt_code": code}) }
		r.want(ask(v.Code), "1002")
		r.ok(r.p.ConsumeElsewhere(v.Code, "till-3", "7"))
		r.ok(r.p.ConsumeElsewhere(other.Code, "till-3", ""))
		a := ask(v.Code)
		r.want(a, "ok")
		account, channel := "verify_account", "verify_channel"
		if d.name == dianpingtest.Meituan {
			account, channel = "verifyAccount", "verifyChannel"
		} else {
			r.same(field(a.data, "open_shop_uuid"), shopB) // where it was consumed
		}
		r.same([]string{field(a.data, account), field(a.data, channel)}, []string{"till-3", "7"})
		r.want(ask(other.Code), "1012")
		r.want(r.do(d, "consume", consumeFields(v.Code, "r1", 1)), "1008")
		r.effects(v.Code, 1, 0)
	})
}

func TestConsumeElsewhereIsRefusedToo(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	r.ok(r.p.ConsumeElsewhere(v.Code, "till", ""))
	for _, code := range []string{v.Code, "404"} {
		if r.p.ConsumeElsewhere(code, "till", "") == nil {
			t.Errorf("%s: no error", code)
		}
	}
	r.same(len(r.p.Ledger()), 1)
}

// consumeMany consumes n vouchers in the order of their codes, a minute apart.
func consumeMany(r rig, n int) (codes []string) {
	for i := range n {
		v := r.sell(dianpingtest.Voucher{Code: fmt.Sprintf("%010d", i)})
		r.ok(r.p.ConsumeElsewhere(v.Code, "till", ""))
		r.clock.Add(time.Minute)
		codes = append(codes, v.Code)
	}
	return codes
}

// listed asks for one page of the history.
func listed(r rig, d dialect, f fields) (codes []string, total string) {
	r.Helper()
	a := r.do(d, "querylistbydate", fields{"date": "2026-10-01"}.plus(f))
	r.want(a, "ok")
	code, count := "receipt_code", "total_count"
	if d.name == dianpingtest.Meituan {
		code, count = "receiptCode", "totalCount"
	}
	records, _ := a.data.(map[string]any)["records"].([]any)
	for _, rec := range records {
		codes = append(codes, field(rec, code))
	}
	return codes, field(a.data, count)
}

func TestHistoryPaging(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		all := consumeMany(r, 7)
		for offset, want := range map[int][]string{0: all[:3], 1: all[1:4], 6: all[6:], 7: nil, 100: nil} {
			codes, total := listed(r, d, fields{"offset": strconv.Itoa(offset), "limit": "3"})
			r.same(codes, want)
			r.same(total, "7")
		}
	})
	r := setup(t)
	all := consumeMany(r, 12)
	gen1 := bothDialects[0]
	codes, _ := listed(r, gen1, nil)
	r.same(codes, all[:10])
	r.ok(r.p.SetKnobs(dianpingtest.Knobs{Gen1ListPaging: dianpingtest.PagingPages}))
	for offset, want := range map[int][]string{0: all[:5], 1: all[:5], 2: all[5:10], 3: all[10:], 4: nil, 1 << 40: nil} {
		codes, _ := listed(r, gen1, fields{"offset": strconv.Itoa(offset), "limit": "5"})
		r.same(codes, want)
	}
	codes, _ = listed(r, gen1, fields{"offset": "2", "limit": "9223372036854775807"})
	r.same(codes, []string(nil))
}

func TestHistoryOfADay(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		r.clock.Add(11*time.Hour + 59*time.Minute) // 23:59 in Beijing
		undone, kept, card := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{BizType: 205})
		elsewhere, tomorrow := r.sell(dianpingtest.Voucher{Shops: []string{shopB}}), r.sell(dianpingtest.Voucher{})
		for i, v := range []dianpingtest.Voucher{undone, kept} {
			r.want(r.do(d, "consume", consumeFields(v.Code, strconv.Itoa(i), 1)), "ok")
		}
		r.ok(r.p.ConsumeElsewhere(card.Code, "till", ""))
		r.ok(r.p.ConsumeElsewhere(elsewhere.Code, "till", ""))
		r.want(r.do(d, "reverseconsume", undoFields(undone.Code, 1001)), "ok")
		r.clock.Add(time.Minute)
		r.ok(r.p.ConsumeElsewhere(tomorrow.Code, "till", ""))

		for _, tt := range []struct {
			fields fields
			want   []string
		}{
			{nil, []string{kept.Code, card.Code}},
			{fields{"date": "2026-10-02"}, []string{tomorrow.Code}},
			{fields{"date": "2026-09-30"}, nil},
			{fields{"type": "0"}, []string{kept.Code}},
			{fields{"type": "1"}, []string{card.Code}},
			{fields{"biz_type": "0"}, []string{kept.Code}},
			{fields{"biz_type": "205"}, []string{card.Code}},
			{fields{"type": "0", "biz_type": "205"}, nil},
			{fields{"open_shop_uuid": shopB}, []string{elsewhere.Code}},
		} {
			codes, _ := listed(r, d, tt.fields)
			r.same(codes, tt.want)
		}
	})
}

func TestRefundIsToldInHistory(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	r.ok(r.p.ConsumeElsewhere(v.Code, "till", ""))
	r.ok(r.p.SetState(v.Code, dianpingtest.Refunded))
	a := r.call2("querylistbydate", `{"date":"2026-10-01"}`, nil)
	records, _ := a.data.(map[string]any)["records"].([]any)
	r.same(field(records[0], "refundStatus"), "6")
}

func TestQueryByMobile(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		full := r.sell(dianpingtest.Voucher{Mobile: "13812345678"})
		masked := r.sell(dianpingtest.Voucher{Mobile: "138****5678", DealID: 1002})
		used := r.sell(dianpingtest.Voucher{Mobile: "13812345678"})
		r.sell(dianpingtest.Voucher{Mobile: "13912345678"})
		r.sell(dianpingtest.Voucher{Mobile: "13812345678", Shops: []string{shopB}})
		r.ok(r.p.ConsumeElsewhere(used.Code, "till", ""))
		codeName := map[dianpingtest.Dialect]string{dianpingtest.Dianping: "serial_number", dianpingtest.Meituan: "serialNumber"}[d.name]
		ask := func(f fields) (codes []string) {
			a := r.do(d, "querybymobile", fields{"mobile": "13812345678"}.plus(f))
			r.want(a, "ok")
			for _, row := range a.rows {
				codes = append(codes, field(row, codeName))
			}
			return codes
		}
		r.same(ask(nil), []string{full.Code, masked.Code})
		r.same(ask(fields{"deal_id": "1002", "deal_group_id": "2001"}), []string{masked.Code})
		r.same(ask(fields{"deal_group_id": "9"}), []string(nil))
		r.same(ask(fields{"offset": "1", "limit": "1"}), []string{masked.Code})
		r.same(ask(fields{"mobile": "13800000000"}), []string(nil))
	})
}

func TestQueryShopDeal(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for id := range int64(5) {
			r.sell(dianpingtest.Voucher{DealID: 1000 + id, Title: "套餐"})
		}
		day := 24 * time.Hour
		r.sell(dianpingtest.Voucher{DealID: 1004, Expires: r.clock.Now().Add(400 * day)})
		r.sell(dianpingtest.Voucher{DealID: 3000, Shops: []string{shopB}, ValidFrom: r.clock.Now().Add(day)})
		r.sell(dianpingtest.Voucher{DealID: 3001, Shops: []string{shopB}, Expires: r.clock.Now().Add(-day)})
		id, status := "deal_id", "sale_status"
		if d.name == dianpingtest.Meituan {
			id, status = "dealId", "saleStatus"
		}
		ask := func(f fields, name string) (values []string) {
			a := r.do(d, "queryshopdeal", f)
			r.want(a, "ok")
			for _, row := range a.rows {
				values = append(values, field(row, name))
			}
			return values
		}
		r.same(ask(fields{}, id), []string{"1000", "1001", "1002", "1003", "1004"})
		r.same(ask(fields{"offset": "1", "limit": "2"}, id), []string{"1000", "1001"})
		r.same(ask(fields{"offset": "3", "limit": "2"}, id), []string{"1004"})
		r.same(ask(fields{"offset": "4", "limit": "2"}, id), []string(nil))
		r.same(ask(fields{"open_shop_uuid": shopB}, status), []string{"1", "3"})
	})
}

func TestScanPrepare(t *testing.T) {
	t.Parallel()
	r := setup(t)
	order := r.sellOrder(dianpingtest.Voucher{}, 3)
	r.sell(dianpingtest.Voucher{})
	ask := func() answer { return r.call1("scanprepare", fields{"qr_code": order[0].QR}) }
	r.ok(r.p.ConsumeElsewhere(order[0].Code, "till", ""))
	a := ask()
	r.want(a, "ok")
	var got []string
	for _, row := range a.rows {
		got = append(got, field(row, "receipt_code")+" of "+field(row, "available_count"))
	}
	r.same(got, []string{order[1].Code + " of 2", order[2].Code + " of 2"})
	r.want(r.call1("consume", consumeFields(order[1].Code, "r1", 2)), "ok")
	r.want(ask(), "1008")
	r.want(r.call1("scanprepare", fields{"qr_code": "nothing@1"}), "1006")
}
