package dianpingtest_test

import (
	"encoding/json"
	"testing"

	"yanquan/dianping/dianpingtest"
)

// withAndWithout runs a test of a fault before and after the effect.
func withAndWithout(t *testing.T, test func(r rig, d dialect, applied bool)) {
	t.Helper()
	inBoth(t, func(r rig, d dialect) {
		for _, applied := range []bool{false, true} {
			test(r, d, applied)
		}
	})
}

// A success that has not been looks like one that has.
func TestPromise(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		order := r.sellOrder(dianpingtest.Voucher{}, 4)
		r.ok(r.p.ConsumeElsewhere(order[0].Code, "till-3", ""))
		card := r.sell(dianpingtest.Voucher{Visits: 2})
		ask := func(call string, f fields) {
			r.Helper()
			r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Answer: f["receipt_code"], Call: call})
			promised := r.do(d, call, f)
			r.same(r.last().Effect, "")
			carriedOut := r.do(d, call, f)
			r.want(carriedOut, "ok")
			r.same(promised.data, carriedOut.data)
		}
		ask("consume", consumeFields(order[1].Code, "r1", 3))
		ask("reverseconsume", undoFields(order[1].Code, 1001))
		ask("consume", consumeFields(card.Code, "r2", 2))
		ask("reverseconsume", undoFields(card.Code, 1001))

		r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Answer: "404", Call: "consume"})
		a := r.do(d, "consume", consumeFields("404", "r3", 1))
		r.same([]string{a.code, field(a.rows[0], d.in("receipt_code"))}, []string{"ok", "404"})
	})
}

func TestBatchPromise(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	f := fields{"requestid": "b", "app_shop_account": "a", "app_shop_accountname": "n", "receipt_code_infos": `[{"receipt_code":"` + v.Code + `","count":"1"}]`}
	r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Answer: v.Code})
	promised := r.call1("batchconsume", f)
	r.effects(v.Code, 0, 0)
	r.same(promised.data, r.call1("batchconsume", f).data)
	r.effects(v.Code, 1, 0)
}

// A refusal that hides in a row of a success.
func TestRowRefusal(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r rig, d dialect, applied bool) {
		for _, place := range dianpingtest.RowCodes {
			v := r.sell(dianpingtest.Voucher{})
			fault := dianpingtest.Fault{Kind: dianpingtest.RowRefusal, Answer: "1008", RowCode: place, Applied: applied}
			told := func(a answer) any {
				r.want(a, "ok")
				if place == dianpingtest.RowCodeResult {
					return a.data
				}
				return a.rows[0]
			}
			r.fail(fault)
			a := r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1))
			r.same(field(told(a), d.in(string(place))), "1008")
			row := a.data
			if len(a.rows) > 0 {
				row = a.rows[0]
			}
			r.same(field(row, d.in("receipt_code")), v.Code) // told of the voucher all the same
			r.effects(v.Code, map[bool]int{true: 1}[applied], 0)

			r.want(r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1)), "ok")
			fault.Msg = "撤销失败"
			r.fail(fault)
			a = r.do(d, "reverseconsume", undoFields(v.Code, 1001))
			r.same(field(told(a), d.in(string(place))), "1008")
			r.effects(v.Code, 1, map[bool]int{true: 1}[applied])
		}
	})
}

// Success, and not a word about a voucher.
func TestRowlessSuccess(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r rig, d dialect, applied bool) {
		for _, body := range dianpingtest.RowlessSuccesses {
			if !json.Valid([]byte(body)) {
				r.Fatalf("%s is not JSON", body)
			}
			v := r.sell(dianpingtest.Voucher{})
			r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerBody, Call: "consume", Answer: body, Applied: applied})
			w := r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(v.Code, "r"+v.Code, 1)))
			r.same([]any{w.status, w.contentType, w.body, w.err}, []any{200, "application/json;charset=UTF-8", body, nil})
			r.effects(v.Code, map[bool]int{true: 1}[applied], 0)
		}
	})
}

// A row of another voucher than the one asked for.
func TestOtherCode(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r rig, d dialect, applied bool) {
		ask := func(code, told string) string {
			v := r.sell(dianpingtest.Voucher{Code: code})
			r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Call: "consume", Answer: told, Applied: applied})
			a := r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1))
			r.want(a, "ok")
			r.effects(v.Code, map[bool]int{true: 1}[applied], 0)
			return field(a.rows[0], d.in("receipt_code"))
		}
		digit := map[bool]string{true: "1", false: "2"}[applied]
		r.same(ask("0012345678"+digit, ""), "12345678"+digit)
		r.same(ask("5012345678"+digit, "9876543210"), "9876543210")
		// Reads tell of it too.
		v := r.sell(dianpingtest.Voucher{Code: "0" + digit})
		r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Call: "prepare"})
		r.same(field(r.do(d, "prepare", fields{"receipt_code": v.Code}).data, d.in("receipt_code")), v.Code[1:])
		// A refusal stays one.
		r.fail(dianpingtest.Fault{Kind: dianpingtest.OtherCode, Call: "consume", Applied: true})
		r.want(r.do(d, "consume", consumeFields("404", "r404", 1)), "1006")
	})
}

// Words with a number in them, under a code that says something else.
func TestWordsOfAnAnswer(t *testing.T) {
	t.Parallel()
	const words = "[1006] 此券号不存在"
	withAndWithout(t, func(r rig, d dialect, applied bool) {
		for _, code := range []string{"500", "OP_SYSTEM_ERROR"} {
			v := r.sell(dianpingtest.Voucher{})
			r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: code, Msg: words, Applied: applied})
			a := r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1))
			r.same([]string{a.code, a.msg}, []string{code, words})
			r.effects(v.Code, map[bool]int{true: 1}[applied], 0)
		}
	})
}
