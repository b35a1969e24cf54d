package dianpingtest_test

import (
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// throttled is the dialect's answer to a client that asks too much.
func (d dialect) throttled() string {
	if d.name == dianpingtest.Meituan {
		return "OP_LIMITATION_REJECT"
	}
	return "611"
}

// A platform that comes back from an outage throttles for so many calls, or so
// long.
func TestThrottlingAfterAnOutage(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		v := r.sell(dianpingtest.Voucher{})
		ask := func() string { return r.do(d, "prepare", fields{"receipt_code": v.Code}).code }
		outage := func(f dianpingtest.Fault) {
			r.ok(r.p.Pause(dianpingtest.PauseRefuse))
			r.fail(f)
			r.same(r.post(r.Context(), d.path("prepare"), d.form(r, fields{"receipt_code": v.Code})).status, 503)
			r.clock.Add(time.Hour)
			r.p.Resume()
		}
		outage(dianpingtest.Fault{Kind: dianpingtest.Throttle, Times: 3})
		r.same([]string{ask(), ask(), ask(), ask()}, []string{d.throttled(), d.throttled(), d.throttled(), "ok"})

		outage(dianpingtest.Fault{Kind: dianpingtest.Throttle, For: time.Minute})
		for range 6 {
			r.same(ask(), d.throttled())
			r.clock.Add(10 * time.Second)
		}
		r.same(ask(), "ok")
		r.same(len(r.p.Faults()), 0)

		outage(dianpingtest.Fault{Kind: dianpingtest.Throttle, For: time.Minute, Times: 2})
		r.same([]string{ask(), ask(), ask()}, []string{d.throttled(), d.throttled(), "ok"})
	})
}

// Codes that mean something else, or nothing known, to the first calls of one
// name.
func TestOddCodesToTheFirstCalls(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for _, code := range []string{"1999", "611", "1001"} {
			v := r.sell(dianpingtest.Voucher{})
			r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
			r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "getconsumed", Answer: code, Times: 2})
			r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(v.Code, "r"+v.Code, 1)))
			r.want(r.do(d, "prepare", fields{"receipt_code": v.Code}), "1008")
			for _, want := range []string{code, code, "ok"} {
				r.want(r.do(d, "getconsumed", fields{"receipt_code": v.Code}), want)
			}
			r.effects(v.Code, 1, 0)
		}
	})
}

// A refresh that is refused in words which sound like the end, and is not.
func TestARefreshRefusedInWords(t *testing.T) {
	t.Parallel()
	const words = "应用授权服务暂不可用，请求已失效"
	perPage(t, func(r rig, g pages) {
		for _, place := range []dianpingtest.OAuthRefusals{dianpingtest.OAuthNumber, dianpingtest.OAuthGateway} {
			r.ok(r.p.SetKnobs(dianpingtest.Knobs{OAuthRefusals: place}))
			old := r.authorize(g, shopA)
			r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "refresh", Answer: "4711", Msg: words})
			w := r.post(r.Context(), tokenPath(g, true), r.tokenForm(g, "", old.refresh, nil))
			if g.dialect == dianpingtest.Dianping {
				r.sameJSON(w.body, `{"code":4711,"msg":"`+words+`","data":null}`)
			} else {
				r.same(r.readPair(w).code, "4711")
			}
			r.same(r.serves(g, old), true)
			r.same(r.tokens(g, "", old.refresh, nil).code, "ok") // the pair was good all the time
		}
	})
}

// Tokens that live for two days, or a little less than three, and what a client
// has spent by renewing them.
func TestShortTokens(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		life, refreshLife := 48*time.Hour, time.Duration(0)
		if g.dialect == dianpingtest.Meituan {
			refreshLife = 29 * 24 * time.Hour / 10
			life = refreshLife
		}
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{SessionLife: life, RefreshLife: refreshLife}))
		p := r.authorize(g, shopA)
		start := r.clock.Now()
		for range 3 {
			r.clock.Add(life / 2)
			p = r.tokens(g, "", p.refresh, nil)
			r.same([]any{p.code, p.expires}, []any{"ok", int64(life / time.Second)})
		}
		a := r.p.Authorizations()[0]
		r.same([]any{a.Refreshes, a.Refreshed}, []any{3, []time.Time{start.Add(life / 2), start.Add(life), start.Add(3 * life / 2)}})
		if g.dialect == dianpingtest.Dianping {
			r.same([]any{a.RefreshesLeft, p.left}, []any{9, int64(9)})
		}
		r.clock.Add(life)
		r.same(r.serves(g, p), false)
	})
}
