package dianpingtest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// hanging starts a call and returns a way to leave and one to get the answer.
func (r rig) hanging(d dialect, call string, f fields) (leave func(), result <-chan wire) {
	ctx, cancel := context.WithCancel(r.Context())
	r.Cleanup(cancel)
	form, done := d.form(r, f), make(chan wire, 1)
	go func() { done <- r.post(ctx, d.path(call), form) }()
	return cancel, done
}

// last is the record of the last request.
func (r rig) last() dianpingtest.Request {
	all := r.p.Requests()
	if len(all) == 0 {
		return dianpingtest.Request{}
	}
	return all[len(all)-1]
}

func (r rig) waiting() bool { return r.last().State == dianpingtest.RequestWaiting }

func TestApplyThenHang(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume"})
		r.want(r.do(d, "prepare", fields{"receipt_code": v.Code}), "ok") // not meant
		leave, result := r.hanging(d, "consume", consumeFields(v.Code, "r1", 1))
		r.await(r.waiting)
		r.effects(v.Code, 1, 0)
		r.same(r.last().Effect, "consumed "+v.Code)
		leave()
		if w := <-result; !errors.Is(w.err, context.Canceled) {
			r.Errorf("the client got %+v", w)
		}
		r.await(func() bool { return r.last().State == dianpingtest.RequestDropped })
		r.want(r.do(d, "consume", consumeFields(v.Code, "r1", 1)), "ok") // the same requestid
		r.effects(v.Code, 1, 0)
	})
}

// Faults that leave the client without a proper answer, and whether they had an
// effect.
func TestNoProperAnswer(t *testing.T) {
	t.Parallel()
	broken := func(w wire) bool { return w.err != nil && w.status == 0 }
	half := func(w wire) bool {
		return w.status == 200 && errors.Is(w.err, io.ErrUnexpectedEOF) && strings.HasPrefix(w.body, `{"code":`)
	}
	page := func(status int) func(wire) bool {
		return func(w wire) bool {
			return w.status == status && strings.HasPrefix(w.contentType, "text/html") && strings.HasPrefix(w.body, "<html>")
		}
	}
	tests := []struct {
		fault   dianpingtest.Fault
		seen    func(wire) bool
		applied int
	}{
		{dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, broken, 0},
		{dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Delay: time.Millisecond}, broken, 0},
		{dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop}, broken, 1},
		{dianpingtest.Fault{Kind: dianpingtest.HalfBody}, half, 0},
		{dianpingtest.Fault{Kind: dianpingtest.HalfBody, Applied: true}, half, 1},
		{dianpingtest.Fault{Kind: dianpingtest.Status5xx}, page(503), 0},
		{dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Applied: true}, page(502), 1},
		{dianpingtest.Fault{Kind: dianpingtest.HTML}, page(200), 0},
		{dianpingtest.Fault{Kind: dianpingtest.HTML, Applied: true}, page(200), 1},
		{dianpingtest.Fault{Kind: dianpingtest.WrongContentType}, func(w wire) bool {
			return w.status == 200 && strings.HasPrefix(w.contentType, "text/html") && strings.HasPrefix(w.body, `{"code":`)
		}, 1},
	}
	inBoth(t, func(r rig, d dialect) {
		for _, tt := range tests {
			v := r.sell(dianpingtest.Voucher{})
			r.fail(tt.fault)
			w := r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(v.Code, "r"+v.Code, 1)))
			if !tt.seen(w) {
				r.Errorf("%+v: the client saw %+v", tt.fault, w)
			}
			r.effects(v.Code, tt.applied, 0)
			r.same(r.last().Fault, tt.fault.Kind)
			r.want(r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1)), "ok")
			r.effects(v.Code, 1, 0)
		}
		r.same(len(r.p.Faults()), 0)
	})
}

// Faults that are answered in the dialect's own words.
func TestCodedFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault      dianpingtest.Fault
		gen1, gen2 string
		sub        string
		applied    int
	}{
		{dianpingtest.Fault{Kind: dianpingtest.Throttle}, "611", "OP_LIMITATION_REJECT", "", 0},
		{dianpingtest.Fault{Kind: dianpingtest.SessionExpired}, "608", "OP_UNIAUTH_FAILED", "4", 0},
		{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1003"}, "1003", "1003", "", 0},
		{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "OP_TIMEOUT", Applied: true}, "OP_TIMEOUT", "OP_TIMEOUT", "", 1},
		{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "OP_UNIAUTH_FAILED/19"}, "OP_UNIAUTH_FAILED/19", "OP_UNIAUTH_FAILED", "19", 0},
	}
	inBoth(t, func(r rig, d dialect) {
		for _, tt := range tests {
			v := r.sell(dianpingtest.Voucher{})
			r.fail(tt.fault)
			want, sub := tt.gen1, ""
			if d.name == dianpingtest.Meituan {
				want, sub = tt.gen2, tt.sub
			}
			a := r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1))
			r.want(a, want)
			r.same(a.sub, sub)
			r.effects(v.Code, tt.applied, 0)
			r.want(r.do(d, "prepare", fields{"receipt_code": v.Code}), map[int]string{0: "ok", 1: "1008"}[tt.applied])
		}
	})
}

func TestPartly(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for _, shape := range []dianpingtest.RefusalShape{"", dianpingtest.RefusalCodeText} {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{Gen2Refusals: shape}))
			order := r.sellOrder(dianpingtest.Voucher{}, 3)
			r.fail(dianpingtest.Fault{Kind: dianpingtest.Partly, Call: "consume"})
			f := consumeFields(order[1].Code, "r"+order[1].Code, 2)
			for range 2 { // a repeat gets the same
				a := r.do(d, "consume", f)
				r.want(a, "1004")
				r.same(len(a.rows), 1)
			}
			r.effects(order[1].Code, 1, 0)
			r.effects(order[0].Code, 0, 0)
		}
	})
}

func TestWhichFaultWhen(t *testing.T) {
	t.Parallel()
	r := setup(t)
	gen1, gen2 := bothDialects[0], bothDialects[1]
	v, w := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{})
	ask := func(d dialect, code string) string { return r.do(d, "prepare", fields{"receipt_code": code}).code }
	answer := func(code string) dianpingtest.Fault {
		return dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: code}
	}
	forW := answer("1")
	forW.Code = w.Code
	twice := answer("2")
	twice.Times = 2
	for2 := answer("3")
	for2.Dialect = dianpingtest.Meituan
	always := answer("4")
	always.Times = -1
	for _, f := range []dianpingtest.Fault{forW, twice, for2, always} {
		r.fail(f)
	}
	r.same(
		[]string{ask(gen1, v.Code), ask(gen2, w.Code), ask(gen1, w.Code), ask(gen1, v.Code), ask(gen2, v.Code), ask(gen2, v.Code), ask(gen1, v.Code)},
		[]string{"2", "1", "2", "4", "3", "4", "4"},
	)
	r.same(len(r.p.Faults()), 1)
	r.p.ClearFaults()
	r.same(ask(gen1, v.Code), "ok")

	// A batch names several codes.
	r.fail(forW)
	infos := `[{"receipt_code":"` + v.Code + `","count":"1"},{"receipt_code":"` + w.Code + `","count":"1"}]`
	r.want(r.call1("batchconsume", fields{"requestid": "b", "receipt_code_infos": infos, "app_shop_account": "a", "app_shop_accountname": "n"}), "1")
}
