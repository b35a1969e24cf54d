package dianpingtest_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// Why a voucher is refused, by prepare and by consume alike, in both dialects.
func TestRefusals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, zone)
	tests := []struct {
		name    string
		voucher dianpingtest.Voucher
		want    string
	}{
		{"usable", dianpingtest.Voucher{}, "ok"},
		{"usable anywhere", dianpingtest.Voucher{Shops: []string{}}, "ok"},
		{"last moment", dianpingtest.Voucher{Expires: now}, "ok"},
		{"expired", dianpingtest.Voucher{Expires: now.Add(-time.Millisecond)}, "1009"},
		{"first moment", dianpingtest.Voucher{ValidFrom: now}, "ok"},
		{"not yet valid", dianpingtest.Voucher{ValidFrom: now.Add(time.Second)}, "1015"},
		{"refunding", dianpingtest.Voucher{State: dianpingtest.Refunding}, "1010"},
		{"refund requested", dianpingtest.Voucher{State: dianpingtest.RefundRequested}, "1011"},
		{"refunded", dianpingtest.Voucher{State: dianpingtest.Refunded}, "1011"},
		{"other shop", dianpingtest.Voucher{Shops: []string{shopB}}, "1012"},
		{"frozen account", dianpingtest.Voucher{Refusal: 1024}, "1024"},
		{"undocumented", dianpingtest.Voucher{Refusal: 4711}, "4711"},
	}
	inBoth(t, func(r rig, d dialect) {
		for i, tt := range tests {
			v := r.sell(tt.voucher)
			if a := r.do(d, "prepare", fields{"receipt_code": v.Code}); a.code != tt.want {
				r.Errorf("%s: prepare answers %s, want %s", tt.name, a.code, tt.want)
			}
			if a := r.do(d, "consume", consumeFields(v.Code, "r"+strconv.Itoa(i), 1)); a.code != tt.want {
				r.Errorf("%s: consume answers %s, want %s", tt.name, a.code, tt.want)
			}
			if tt.want == "ok" {
				r.effects(v.Code, 1, 0)
			} else {
				r.effects(v.Code, 0, 0)
			}
		}
		r.want(r.do(d, "prepare", fields{"receipt_code": "404"}), "1006")
		r.want(r.do(d, "consume", consumeFields("404", "x", 1)), "1006")
		r.want(r.do(d, "reverseconsume", undoFields("404", 1001)), "1006")
		r.want(r.do(d, "getconsumed", fields{"receipt_code": "404"}), "1006")
	})
}

func TestMissingParameters(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		for call, full := range map[string]fields{
			"prepare":         {"receipt_code": v.Code},
			"consume":         consumeFields(v.Code, "r1", 1),
			"reverseconsume":  undoFields(v.Code, 1001),
			"getconsumed":     {"receipt_code": v.Code},
			"querylistbydate": {"date": "2026-10-01"},
			"querybymobile":   {"mobile": "13800000000"},
		} {
			for name := range full {
				f := full.plus(nil)
				delete(f, name)
				if a := r.do(d, call, f); a.code != "1001" || !strings.Contains(a.msg, "报文解析失败") {
					r.Errorf("%s without %s: %s %s", call, name, a.code, a.msg)
				}
			}
		}
		for _, f := range []fields{
			{"date": "01.10.2026"}, {"date": "2026-10-01", "limit": "0"}, {"date": "2026-10-01", "offset": "-1"},
		} {
			r.want(r.do(d, "querylistbydate", f), "1001")
		}
		r.effects(v.Code, 0, 0)
	})
	r := setup(t)
	r.want(r.call1("scanprepare", nil), "1001")
	r.want(r.call1("consume", consumeFields("1", "r", 1).plus(fields{"count": "many"})), "1001")
	for _, infos := range []string{"-", "x", "[]", `[{"receipt_code":"1"}]`, `[{"count":"1"}]`, `[{"receipt_code":"1","count":"x"}]`} {
		r.want(r.call1("batchconsume", consumeFields("-", "r", 1).plus(fields{"count": "-", "receipt_code_infos": infos})), "1001")
	}
	r.want(r.call2("consume", `{"receiptCode":"1","count":"1","requestId":"r","appShopAccount":"a","appShopAccountName":"n"}`, nil), "1001")
	r.want(r.call2("reverseconsume", `{"receiptCode":"1","dealId":1001,"appShopAccount":"a","appShopAccountName":"n"}`, nil), "1001")
	r.want(r.call2("reverseconsume", `{"receiptCode":"1","dealId":"x","appShopAccount":"a","appShopAccountName":"n"}`, nil), "1001")
	r.want(r.call2("querylistbydate", `{"date":"2026-10-01","limit":301}`, nil), "1001")
	r.want(r.call2("querybymobile", `{"mobile":"1","limit":31}`, nil), "1001")
	r.want(r.call2("querybymobile", `{"mobile":"1","platform":3}`, nil), "1001")
}

func TestCouponsOfOneOrder(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		order := r.sellOrder(dianpingtest.Voucher{Price: 4990}, 4)
		r.sell(dianpingtest.Voucher{OrderID: order[0].OrderID, DealID: 1002}) // another deal of the order
		if a := r.do(d, "prepare", fields{"receipt_code": order[2].Code}); field(a.data, "count") != "4" {
			r.Errorf("prepare counts %s, want 4", field(a.data, "count"))
		}
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r1", 5)), "1017")
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r2", 0)), "1018")
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r3", 101)), "1018")
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r4", -1)), "1018")
		r.same(len(r.p.Ledger()), 0)

		a := r.do(d, "consume", consumeFields(order[2].Code, "r5", 3))
		r.want(a, "ok")
		codeName := map[dianpingtest.Dialect]string{dianpingtest.Dianping: "receipt_code", dianpingtest.Meituan: "receiptCode"}[d.name]
		var codes []string
		for _, row := range a.rows {
			codes = append(codes, field(row, codeName))
		}
		r.same(codes, []string{order[2].Code, order[0].Code, order[1].Code})
		r.want(r.do(d, "consume", consumeFields(order[3].Code, "r6", 2)), "1017")
		r.want(r.do(d, "consume", consumeFields(order[0].Code, "r7", 1)), "1008")
		if a := r.do(d, "prepare", fields{"receipt_code": order[3].Code}); field(a.data, "count") != "1" {
			r.Errorf("prepare counts %s, want 1", field(a.data, "count"))
		}
		r.same(len(r.p.Ledger()), 3)
	})
}

// The payment list is of the whole order, however many coupons are consumed.
func TestPaymentIsOfTheOrder(t *testing.T) {
	t.Parallel()
	r := setup(t)
	order := r.sellOrder(dianpingtest.Voucher{Price: 4990}, 2)
	a := r.call1("consume", consumeFields(order[0].Code, "r1", 1))
	details, _ := a.rows[0].(map[string]any)["payment_detail"].([]any)
	r.same(field(details[0], "amount"), "99.8")
	r.want(r.call1("reverseconsume", undoFields(order[0].Code, 1001)), "ok")
	a = r.call2("prepare", `{"receiptCode":"`+order[1].Code+`"}`, nil)
	details, _ = a.data.(map[string]any)["paymentDetail"].([]any)
	r.same(field(details[0], "amount"), "99.80")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		order := r.sellOrder(dianpingtest.Voucher{}, 3)
		first := r.do(d, "consume", consumeFields(order[0].Code, "r1", 2))
		r.want(first, "ok")
		r.same(r.do(d, "consume", consumeFields(order[0].Code, "r1", 2)).data, first.data)
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r1", 1)), "1002")
		r.want(r.do(d, "consume", consumeFields(order[0].Code, "r1", 1)), "1002")
		r.want(r.do(d, "consume", consumeFields(order[0].Code, "r1", 2).plus(fields{"open_shop_uuid": shopB})), "1002")

		r.ok(r.p.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
		r.want(r.do(d, "consume", consumeFields(order[0].Code, "r1", 2)), "1008")
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r1", 1)), "1002")
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{}))

		// A refused call leaves its requestid free.
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r2", 9)), "1017")
		r.want(r.do(d, "consume", consumeFields(order[2].Code, "r2", 1)), "ok")

		// What was undone is not told as consumed.
		r.want(r.do(d, "reverseconsume", undoFields(order[1].Code, 1001)), "ok")
		r.want(r.do(d, "consume", consumeFields(order[0].Code, "r1", 2)), "1141")
		r.same(len(r.p.Ledger()), 4)
		r.same(r.p.TwiceConsumed(), []string{})
	})
}

// A requestid means something within one dialect only.
func TestRequestIDPerDialect(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v, w := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{})
	r.want(r.do(bothDialects[0], "consume", consumeFields(v.Code, "r1", 1)), "ok")
	r.want(r.do(bothDialects[1], "consume", consumeFields(w.Code, "r1", 1)), "ok")
}

func TestUndo(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{Code: "0000000042", Shops: []string{shopA, shopB}})
		undo := func(f fields) answer { return r.do(d, "reverseconsume", undoFields(v.Code, 1001).plus(f)) }
		r.want(undo(nil), "1002") // not consumed
		r.want(r.do(d, "consume", consumeFields(v.Code, "r1", 1)), "ok")
		r.want(undo(fields{"app_deal_id": "2001"}), "1002") // the dealgroup's id
		r.want(undo(fields{"open_shop_uuid": shopB}), "1012")
		r.clock.Add(10 * time.Minute)
		r.want(undo(nil), "ok") // the last moment
		r.effects(v.Code, 1, 1)

		old, _ := r.p.Voucher(v.Code)
		fresh, found := r.p.Voucher(old.ReplacedBy)
		if !found || fresh.Replaces != v.Code || len(fresh.Code) != 10 || fresh.Code == v.Code {
			r.Fatalf("the new voucher is %+v", fresh)
		}
		r.same([]any{old.State, fresh.State, fresh.OrderID, fresh.Use == nil}, []any{dianpingtest.Replaced, dianpingtest.Usable, v.OrderID, true})
		r.want(undo(nil), "1141")
		r.want(r.do(d, "prepare", fields{"receipt_code": v.Code}), "1141")
		r.want(r.do(d, "consume", consumeFields(v.Code, "r2", 1)), "1141")
		r.want(r.do(d, "getconsumed", fields{"receipt_code": v.Code}), "1141")

		r.want(r.do(d, "consume", consumeFields(fresh.Code, "r3", 1)), "ok")
		r.clock.Add(10*time.Minute + time.Millisecond)
		r.want(r.do(d, "reverseconsume", undoFields(fresh.Code, 1001)), "1029")
		r.effects(fresh.Code, 1, 0)
		r.same(r.p.TwiceConsumed(), []string{})

		ledger := r.p.Ledger()
		r.same(ledger[1], dianpingtest.Effect{
			Seq: 2, Time: ledger[1].Time, Kind: dianpingtest.EffectUndone, Code: v.Code, NewCode: fresh.Code,
			OrderID: v.OrderID, Shop: shopA, Account: "a01", AccountName: "前台小王", Dialect: d.name, Undoes: 1,
		})
	})
}

func TestUndoAfterRefund(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		r.want(r.do(d, "consume", consumeFields(v.Code, "r1", 1)), "ok")
		for state, want := range map[dianpingtest.State]string{
			dianpingtest.Refunding: "1010", dianpingtest.RefundRequested: "1011", dianpingtest.Refunded: "1011",
		} {
			r.ok(r.p.SetState(v.Code, state))
			r.want(r.do(d, "reverseconsume", undoFields(v.Code, 1001)), want)
		}
		r.effects(v.Code, 1, 0)
	})
}

func TestUndoWindowIsAnOption(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		r.want(r.do(d, "consume", consumeFields(v.Code, "r1", 1)), "ok")
		r.clock.Add(2 * time.Second)
		r.want(r.do(d, "reverseconsume", undoFields(v.Code, 1001)), "1029")
	}, func(o *dianpingtest.Options) { o.UndoWindow = time.Second })
}

func TestBatchConsume(t *testing.T) {
	t.Parallel()
	r := setup(t)
	card := r.sellOrder(dianpingtest.Voucher{BizType: 205}, 3)
	late := r.sell(dianpingtest.Voucher{Expires: r.clock.Now().Add(-time.Second)})
	batch := func(id, infos string) answer {
		return r.call1("batchconsume", fields{
			"requestid": id, "receipt_code_infos": infos, "app_shop_account": "a01", "app_shop_accountname": "王",
		})
	}
	infos := `[{"receipt_code":"` + card[0].Code + `","count":"2"},{"receipt_code":"` + late.Code + `","count":1}]`
	a := batch("b1", infos)
	r.want(a, "ok")
	r.same([]string{field(a.rows[0], "single_consume_code"), field(a.rows[1], "single_consume_code")}, []string{"200", "1009"})
	details, _ := a.rows[0].(map[string]any)["consume_detail_list"].([]any)
	r.same([]string{field(details[0], "receipt_code"), field(details[1], "receipt_code")}, []string{card[0].Code, card[1].Code})

	r.same(batch("b1", infos).data, a.data)
	r.want(batch("b1", `[{"receipt_code":"`+card[2].Code+`","count":"1"}]`), "1002")
	r.want(batch("b2", `[{"receipt_code":"`+card[2].Code+`","count":"1"},{"receipt_code":"`+card[2].Code+`","count":"1"}]`), "1013")
	r.ok(r.p.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
	a = batch("b1", infos)
	r.same(field(a.rows[0], "single_consume_code"), "1008")
	r.same(len(r.p.Ledger()), 2)
}

// Whatever the number of those who try, one voucher is consumed once.
func TestManyConsumesOneEffect(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		const tries = 50
		answers := make([]wire, tries)
		forms := make([]func() wire, tries)
		for i := range forms {
			form := d.form(r, consumeFields(v.Code, "r"+strconv.Itoa(i), 1))
			forms[i] = func() wire { return r.post(r.Context(), d.path("consume"), form) }
		}
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() { answers[i] = forms[i]() })
		}
		wg.Wait()
		count := map[string]int{}
		for _, w := range answers {
			count[r.read(w).code]++
		}
		r.same(count, map[string]int{"ok": 1, "1008": tries - 1})
		r.effects(v.Code, 1, 0)
	})
}

// Consuming, undoing, asking and looking on at the same time: the ledger stays
// sound. Run with -race.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	r := setup(t)
	order := r.sellOrder(dianpingtest.Voucher{}, 8)
	var wg sync.WaitGroup
	for i, v := range order {
		for _, d := range bothDialects {
			consume := d.form(r, consumeFields(v.Code, "r"+strconv.Itoa(i), 1))
			undo := d.form(r, undoFields(v.Code, 1001))
			ask := d.form(r, fields{"receipt_code": v.Code})
			wg.Go(func() { r.post(r.Context(), d.path("consume"), consume) })
			wg.Go(func() { r.post(r.Context(), d.path("reverseconsume"), undo) })
			wg.Go(func() { r.post(r.Context(), d.path("prepare"), ask) })
		}
		wg.Go(func() { _ = r.p.ConsumeElsewhere(v.Code, "till", "") })
		wg.Go(func() { r.p.Vouchers(); r.p.Requests(); r.p.Ledger(); r.p.TwiceConsumed() })
	}
	wg.Wait()
	r.same(r.p.TwiceConsumed(), []string{})
	for _, v := range r.p.Vouchers() {
		n := r.p.Effects(v.Code)
		want := map[dianpingtest.State]dianpingtest.Count{
			dianpingtest.Usable: {}, dianpingtest.Consumed: {Consumed: 1}, dianpingtest.Replaced: {Consumed: 1, Undone: 1},
		}[v.State]
		if n != want {
			t.Errorf("voucher %s is %s, its effects are %+v", v.Code, v.State, n)
		}
	}
}
