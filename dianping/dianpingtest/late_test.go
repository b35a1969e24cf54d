package dianpingtest_test

import (
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// An effect that comes after the answer was lost, by the clock alone.
func TestLateEffect(t *testing.T) {
	t.Parallel()
	lost := []dianpingtest.Fault{
		{Kind: dianpingtest.ApplyThenDrop},
		{Kind: dianpingtest.Status5xx, Status: 502},
		{Kind: dianpingtest.ProxyStatus, Status: 429},
		{Kind: dianpingtest.HTML},
		{Kind: dianpingtest.HalfBody},
		{Kind: dianpingtest.AnswerCode, Answer: "OP_TIMEOUT"},
		{Kind: dianpingtest.AnswerBody, Answer: `{"code":0,"msg":"maintenance"}`},
		{Kind: dianpingtest.RowRefusal, Answer: "1002"},
		{Kind: dianpingtest.OtherCode, Answer: "1"},
	}
	inBoth(t, func(r rig, d dialect) {
		for _, f := range lost {
			v := r.sell(dianpingtest.Voucher{})
			record := func() string { return r.do(d, "getconsumed", fields{"receipt_code": v.Code}).code }
			f.After, f.Call = 90*time.Second, "consume"
			r.fail(f)
			r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(v.Code, "r"+v.Code, 1)))
			due := r.clock.Now().Add(90 * time.Second)
			r.clock.Add(90*time.Second - time.Millisecond)
			r.same(record(), "1002")
			r.effects(v.Code, 0, 0)
			r.clock.Add(time.Minute)
			r.same(record(), "ok")
			r.effects(v.Code, 1, 0)
			ledger := r.p.Ledger()
			r.same(ledger[len(ledger)-1].Time, due) // not when somebody looked

			// The undo too.
			f.Call = "reverseconsume"
			r.fail(f)
			r.post(r.Context(), d.path("reverseconsume"), d.form(r, undoFields(v.Code, 1001)))
			r.same(record(), "ok")
			r.clock.Add(90 * time.Second)
			r.same(record(), "1141")
			r.effects(v.Code, 1, 1)
		}
	})
}

// A client that gives up on a hanging call and repeats it before it has effect.
func TestARepeatOvertakesALateEffect(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		f := consumeFields(v.Code, "r1", 1)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", After: time.Minute})
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: "1002"})
		leave, result := r.hanging(d, "consume", f)
		r.await(r.waiting)
		leave()
		<-result
		r.want(r.do(d, "consume", f), "1002")
		r.effects(v.Code, 0, 0)
		r.want(r.do(d, "consume", f), "ok")
		r.clock.Add(time.Minute)
		r.effects(v.Code, 1, 0) // the same requestid
		r.want(r.do(d, "consume", f), "ok")
	})
}

// A platform that is down does nothing, also nothing late. Long after a request
// came, its timestamp and its session still count.
func TestLateEffectAndOutage(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v, w := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{})
		for _, of := range []dianpingtest.Voucher{v, w} {
			r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: time.Minute})
			r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(of.Code, "r"+of.Code, 1)))
			r.clock.Add(45 * time.Second)
		}
		r.ok(r.p.Pause(dianpingtest.PauseRefuse)) // v's was due before, w's was not
		r.clock.Add(2 * time.Hour)
		r.effects(v.Code, 1, 0)
		r.effects(w.Code, 0, 0)
		r.p.Resume()
		r.effects(w.Code, 1, 0)
		r.same(r.p.Ledger()[1].Time, r.clock.Now())
	})
}

func TestLateRefresh(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "refresh", After: time.Minute})
		r.post(r.Context(), tokenPath(g, true), r.tokenForm(g, "", old.refresh, nil))
		r.same(r.serves(g, old), true)
		r.clock.Add(2 * time.Minute)
		a := r.p.Authorizations()[0]
		r.same(a.Refreshes, 1)
		r.same(a.Refreshed[0], r.clock.Now().Add(-time.Minute))
		r.same(r.serves(g, old), false)
	})
}
