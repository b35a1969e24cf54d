package dianpingtest_test

import (
	"encoding/json"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// body is a call's whole answer by key, as it came.
func (r rig) body(d dialect, call string, f fields) map[string]json.RawMessage {
	r.Helper()
	w := r.post(r.Context(), d.path(call), d.form(r, f))
	r.ok(w.err)
	var keys map[string]json.RawMessage
	r.ok(json.Unmarshal([]byte(w.body), &keys))
	return keys
}

// in is a name of the first generation in the dialect.
func (d dialect) in(name string) string {
	other := map[string]string{
		"receipt_code": "receiptCode", "verify_account": "verifyAccount", "verify_time": "verifyTime",
		"deal_price": "dealPrice", "payment_detail": "paymentDetail", "single_consume_code": "singleConsumeCode",
		"result_code": "resultCode", "order_id": "orderId",
	}[name]
	if d.name == dianpingtest.Meituan && other != "" {
		return other
	}
	return name
}

func TestNoRecord(t *testing.T) {
	t.Parallel()
	want := map[dianpingtest.NoRecord]string{
		dianpingtest.NoRecordNull: `null`, dianpingtest.NoRecordEmptyObject: `{}`, dianpingtest.NoRecordEmptyText: `""`,
		dianpingtest.NoRecordEmptyList: `[]`, dianpingtest.NoRecordEmptyResult: `{"result":[]}`, dianpingtest.NoRecordAbsent: ``,
	}
	inBoth(t, func(r rig, d dialect) {
		unused, undone, card := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{Visits: 3})
		elsewhere := r.sell(dianpingtest.Voucher{Shops: []string{shopB}})
		for _, v := range []dianpingtest.Voucher{undone, card} {
			r.want(r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1)), "ok")
			r.want(r.do(d, "reverseconsume", undoFields(v.Code, 1001)), "ok")
		}
		ask := func(code string) answer { return r.do(d, "getconsumed", fields{"receipt_code": code}) }
		for _, form := range dianpingtest.NoRecords {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{NoRecord: form}))
			r.want(ask(elsewhere.Code), "1012")
			if form == dianpingtest.NoRecordRefused {
				r.same([]string{ask(unused.Code).code, ask(undone.Code).code, ask(card.Code).code, ask("404").code}, []string{"1002", "1141", "1002", "1006"})
				continue
			}
			for _, code := range []string{unused.Code, undone.Code, card.Code, "404"} {
				r.want(ask(code), "ok")
				r.same(string(r.body(d, "getconsumed", fields{"receipt_code": code})["data"]), want[form])
			}
		}
		// What is consumed is told by every setting.
		r.want(r.do(d, "consume", consumeFields(unused.Code, "r", 1)), "ok")
		r.same(field(ask(unused.Code).data, d.in("receipt_code")), unused.Code)
	})
}

func TestHowARecordIsTold(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		ours, till := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{})
		r.want(r.do(d, "consume", consumeFields(ours.Code, "r1", 1)), "ok")
		r.ok(r.p.ConsumeElsewhere(till.Code, "till-3", ""))
		told := func(name string) (values []string) {
			for _, v := range []dianpingtest.Voucher{ours, till} {
				values = append(values, field(r.do(d, "getconsumed", fields{"receipt_code": v.Code}).data, d.in(name)))
			}
			data, _ := r.do(d, "querylistbydate", fields{"date": "2026-10-01", "limit": "10", "offset": "0"}).data.(map[string]any)
			for _, record := range data["records"].([]any) {
				values = append(values, field(record, d.in(name)))
			}
			return values
		}
		for _, account := range dianpingtest.VerifyAccounts {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{VerifyAccount: account}))
			r.same(told("verify_account"), map[dianpingtest.VerifyAccount][]string{
				dianpingtest.VerifyAccountLogin:    {"a01", "till-3", "a01", "till-3"},
				dianpingtest.VerifyAccountName:     {"前台小王", "till-3", "前台小王", "till-3"},
				dianpingtest.VerifyAccountMerchant: {"customer-1", "till-3", "customer-1", "till-3"},
				dianpingtest.VerifyAccountEmpty:    {"", "", "a01", "till-3"},
				dianpingtest.VerifyAccountAbsent:   {"absent", "absent", "a01", "till-3"},
			}[account])
		}
		const noon = "2026-10-01 12:00:00"
		for _, at := range dianpingtest.VerifyTimes {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{VerifyTime: at}))
			r.same(told("verify_time"), map[dianpingtest.VerifyTime][]string{
				dianpingtest.VerifyTimeTold:   {noon, noon, noon, noon},
				dianpingtest.VerifyTimeEmpty:  {"", "", noon, noon},
				dianpingtest.VerifyTimeAbsent: {"absent", "absent", noon, noon},
			}[at])
		}
	})
}

func TestPriceForms(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		order := r.sellOrder(dianpingtest.Voucher{Price: 129900}, 9) // 11,691.00 together
		for i, form := range dianpingtest.PriceForms {
			want := map[dianpingtest.PriceForm][2]string{
				dianpingtest.PriceAsDocumented: {`1299.0`, `11691.0`},
				dianpingtest.PriceText:         {`"1299.00"`, `"11691.00"`},
				dianpingtest.PriceThousands:    {`"1,299.00"`, `"11,691.00"`},
				dianpingtest.PriceYen:          {`"¥1,299.00"`, `"¥11,691.00"`},
				dianpingtest.PriceNull:         {`null`, `null`},
				dianpingtest.PriceEmpty:        {`""`, `""`},
				dianpingtest.PriceAbsent:       {``, ``},
			}[form]
			if form == dianpingtest.PriceAsDocumented && d.name == dianpingtest.Meituan {
				want[1] = `"11691.00"`
			}
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{Prices: form}))
			r.same(r.prices(d, "prepare", fields{"receipt_code": order[i].Code}), want)
			r.same(r.prices(d, "consume", consumeFields(order[i].Code, "r"+order[i].Code, 1)), want)
			r.same(r.prices(d, "getconsumed", fields{"receipt_code": order[i].Code}), [2]string{want[0], ""})
		}
		small := r.sell(dianpingtest.Voucher{Price: 4990})
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{Prices: dianpingtest.PriceYen}))
		r.same(r.prices(d, "prepare", fields{"receipt_code": small.Code}), [2]string{`"¥49.90"`, `"¥49.90"`})
	})
}

// prices reads the selling price and the payment of an answer with one voucher;
// a field that is not there is empty.
func (r rig) prices(d dialect, call string, f fields) [2]string {
	r.Helper()
	row := r.body(d, call, f)["data"]
	var list []json.RawMessage
	var wrapped struct{ Result []json.RawMessage }
	if json.Unmarshal(row, &wrapped) == nil && wrapped.Result != nil {
		list = wrapped.Result
	}
	if list != nil || json.Unmarshal(row, &list) == nil {
		row = list[0]
	}
	var keys map[string]json.RawMessage
	r.ok(json.Unmarshal(row, &keys))
	var payments []map[string]json.RawMessage
	if keys[d.in("payment_detail")] == nil {
		return [2]string{string(keys[d.in("deal_price")])}
	}
	r.ok(json.Unmarshal(keys[d.in("payment_detail")], &payments))
	return [2]string{string(keys[d.in("deal_price")]), string(payments[0]["amount"])}
}

// The platform forgets requestids: what repeats one is a request of its own.
func TestRequestLife(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v, card := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{Visits: 5})
		consume := func(code string, count int) answer { return r.do(d, "consume", consumeFields(code, "r"+code, count)) }
		for _, want := range []string{"ok", "ok", "1008"} {
			r.want(consume(v.Code, 1), want)
			r.want(consume(card.Code, 2), "ok")
			r.clock.Add(time.Hour - time.Second)
		}
		r.effects(v.Code, 1, 0)
		r.effects(card.Code, 4, 0)
	}, func(o *dianpingtest.Options) { o.Knobs.RequestLife = time.Hour })
}

// What a repeated requestid gets says nothing of the first call.
func TestRepeatAnswers(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for _, answer := range dianpingtest.RepeatAnswers {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{RepeatAnswer: answer}))
			for _, visits := range []int{0, 5} {
				v := r.sell(dianpingtest.Voucher{Visits: visits})
				f := consumeFields(v.Code, "r"+v.Code, 1)
				r.want(r.do(d, "consume", f), "ok")
				r.want(r.do(d, "consume", f), map[dianpingtest.RepeatAnswer]string{
					dianpingtest.SameAnswer: "ok", dianpingtest.AlreadyUsed: "1008", dianpingtest.RepeatDuplicate: "1013",
					dianpingtest.RepeatFailed: "1002", dianpingtest.RepeatNoStock: "1003", dianpingtest.RepeatBadPassword: "1007",
				}[answer])
				r.effects(v.Code, 1, 0)
			}
		}
	})
}
