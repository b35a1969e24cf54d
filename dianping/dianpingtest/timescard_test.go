package dianpingtest_test

import (
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// recorded is who getconsumed says took the visit, and when.
func (r rig) recorded(d dialect, code string) []string {
	r.Helper()
	data := r.do(d, "getconsumed", fields{"receipt_code": code}).data
	return []string{field(data, d.in("verify_account")), field(data, d.in("verify_time"))[11:16]}
}

func TestTimesCard(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		card := r.sell(dianpingtest.Voucher{Visits: 4, Price: 40000})
		consume := func(id string, count int) answer { return r.do(d, "consume", consumeFields(card.Code, id, count)) }
		undo := func() answer { return r.do(d, "reverseconsume", undoFields(card.Code, 1001)) }
		left := func() string {
			return field(r.do(d, "prepare", fields{"receipt_code": card.Code}).data, "count")
		}
		r.same(left(), "4")
		r.want(undo(), "1002")
		r.want(r.do(d, "getconsumed", fields{"receipt_code": card.Code}), "1002")

		first := consume("r1", 1) // 12:00
		r.want(first, "ok")
		r.same(consume("r1", 1).data, first.data) // a repeat takes nothing
		r.same(left(), "3")
		r.clock.Add(4 * time.Minute)
		r.ok(r.p.UseElsewhere(card.Code, dianpingtest.Use{Account: "till-3"})) // 12:04
		r.same(r.recorded(d, card.Code), []string{"till-3", "12:04"})
		r.clock.Add(time.Minute)
		r.want(consume("r2", 2), "ok") // 12:05
		r.same(r.recorded(d, card.Code), []string{"a01", "12:05"})
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{VisitRecord: dianpingtest.VisitFirst}))
		r.same(r.recorded(d, card.Code), []string{"a01", "12:00"})
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{}))

		r.want(r.do(d, "prepare", fields{"receipt_code": card.Code}), "1008")
		r.want(consume("r3", 1), "1008")
		codes, total := listed(r, d, fields{"date": "2026-10-01", "limit": "10", "offset": "0"})
		r.same([]any{total, len(codes)}, []any{"4", 4})

		r.want(undo(), "ok")
		r.want(undo(), "ok")
		r.same(r.recorded(d, card.Code), []string{"till-3", "12:04"})
		r.same(left(), "2")
		r.want(consume("r4", 3), "1017")
		ledger := r.p.Ledger()
		last := ledger[len(ledger)-1]
		r.same([]any{last.Kind, last.Code, last.NewCode, last.Undoes}, []any{dianpingtest.EffectUndone, card.Code, "", 3})
		r.ok(r.p.UndoElsewhere(card.Code, "till-3"))
		r.same(r.recorded(d, card.Code), []string{"a01", "12:00"})
		if r.p.UndoElsewhere("404", "till-3") == nil {
			r.Error("an unknown voucher was undone")
		}
		r.clock.Add(time.Hour)
		r.want(undo(), "1029")
		codes, _ = listed(r, d, fields{"date": "2026-10-01", "limit": "10", "offset": "0"})
		r.same(codes, []string{card.Code})
		r.effects(card.Code, 4, 3)
		r.same(r.p.TwiceConsumed(), []string{})
		now, _ := r.p.Voucher(card.Code)
		r.same([]any{now.State, len(now.Uses), now.Use.Seq, now.Code}, []any{dianpingtest.Usable, 1, 1, card.Code})
	})
}

// A visit at the till can lie before ours, though it is entered later.
func TestAVisitAtATime(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		card := r.sell(dianpingtest.Voucher{Visits: 3, Shops: []string{shopA, shopB}})
		r.want(r.do(d, "consume", consumeFields(card.Code, "r1", 1)), "ok")
		r.ok(r.p.UseElsewhere(card.Code, dianpingtest.Use{Account: "till-3", Shop: shopB, Time: r.clock.Now().Add(-time.Hour)}))
		r.same(r.recorded(d, card.Code), []string{"a01", "12:00"})
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{VisitRecord: dianpingtest.VisitFirst}))
		r.same(r.recorded(d, card.Code), []string{"till-3", "11:00"})
		if r.p.UseElsewhere(card.Code, dianpingtest.Use{Shop: "404"}) == nil {
			r.Error("a visit at a shop that is not there")
		}
	})
}

func TestVisitRows(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for form, rows := range map[dianpingtest.VisitRows]int{dianpingtest.RowPerVisit: 3, dianpingtest.RowPerCode: 1} {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{VisitRows: form}))
			card := r.sell(dianpingtest.Voucher{Visits: 5})
			a := r.do(d, "consume", consumeFields(card.Code, "r"+card.Code, 3))
			r.same(len(a.rows), rows)
			for _, row := range a.rows {
				r.same(field(row, d.in("receipt_code")), card.Code)
			}
			r.effects(card.Code, 3, 0)
			plain := r.sellOrder(dianpingtest.Voucher{}, 2)
			r.same(len(r.do(d, "consume", consumeFields(plain[0].Code, "r"+plain[0].Code, 2)).rows), 2)
		}
	})
}

func TestTimesCardIsToldInGen2(t *testing.T) {
	t.Parallel()
	r := setup(t)
	card := r.sell(dianpingtest.Voucher{Visits: 4, Price: 40000})
	data := r.call2("prepare", `{"receiptCode":"`+card.Code+`"}`, nil).data
	r.same(
		[]string{field(data, "tgTimesCardFlag"), field(data, "purchaseToConsumeRatio"), field(data, "timesCardUnitPrice")},
		[]string{"true", "4", "100.00"},
	)
	for knob, want := range map[dianpingtest.VisitPrice]string{
		dianpingtest.VisitPriceUnit: "400.0 100.00", dianpingtest.VisitPriceDeal: "100.0 100.00",
		dianpingtest.VisitPriceUntold: "400.0 absent", dianpingtest.VisitPriceZero: "400.0 0.00",
	} {
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{VisitPrice: knob}))
		data := r.call2("prepare", `{"receiptCode":"`+card.Code+`"}`, nil).data
		r.same(field(data, "dealPrice")+" "+field(data, "timesCardUnitPrice"), want)
	}
}

// Without the guard a card can be used more often than it was paid for, and is
// found out then.
func TestUnguardedTimesCard(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		card := r.sell(dianpingtest.Voucher{Visits: 2})
		for _, id := range []string{"r1", "r2"} {
			r.want(r.do(d, "consume", consumeFields(card.Code, id, 1)), "ok")
		}
		r.same(r.p.TwiceConsumed(), []string{})
		r.want(r.do(d, "consume", consumeFields(card.Code, "r3", 1)), "ok")
		r.same(r.p.TwiceConsumed(), []string{card.Code})
	}, func(o *dianpingtest.Options) { o.Knobs.Unguarded = true })
}
