package dianpingtest_test

import (
	"net/http"
	"strings"
	"testing"

	"yanquan/dianping/dianpingtest"
)

// A proxy that repeats a POST shows its client the second answer.
func TestProxyRepeat(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for _, answer := range []string{"", "1013"} {
			for _, visits := range []int{0, 5} {
				v := r.sell(dianpingtest.Voucher{Visits: visits})
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Answer: answer})
				want := "1008"
				if answer != "" {
					want = answer
				}
				r.want(r.do(d, "consume", consumeFields(v.Code, "r"+v.Code, 1)), want)
				r.effects(v.Code, 1, 0)
				r.same(r.last().Effect, "consumed "+v.Code)

				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Answer: answer})
				r.want(r.do(d, "consume", consumeFields("404", "r404", 1)), "1006") // no effect, twice
			}
		}
		// An undo has no requestid: of a times card it takes two visits back.
		plain, card := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{Visits: 5})
		for _, v := range []dianpingtest.Voucher{plain, card} {
			r.want(r.do(d, "consume", consumeFields(v.Code, "a"+v.Code, 1)), "ok")
		}
		r.want(r.do(d, "consume", consumeFields(card.Code, "b"+card.Code, 1)), "ok")
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "reverseconsume", Times: 2})
		r.want(r.do(d, "reverseconsume", undoFields(plain.Code, 1001)), "1141")
		r.effects(plain.Code, 1, 1)
		r.want(r.do(d, "reverseconsume", undoFields(card.Code, 1001)), "ok")
		r.effects(card.Code, 2, 2)
		r.same(r.last().Effect, "undone "+card.Code+"; undone "+card.Code)
	})
}

func TestProxyRepeatsARefresh(t *testing.T) {
	t.Parallel()
	perPage(t, func(r rig, g pages) {
		old := r.authorize(g, shopA)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "refresh"})
		r.same(r.tokens(g, "", old.refresh, nil).code, g.refused("613", "5"))
		a := r.p.Authorizations()[0]
		r.same([]int{a.Refreshes, a.Refused}, []int{1, 1})
		r.same(r.last().Effect, "refreshed "+a.ID)
	})
}

// Something between answers in its own words, before or after the effect.
func TestProxyStatus(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		for _, status := range []int{401, 403, 407, 429, 502, 504} {
			for _, page := range dianpingtest.Pages {
				for _, applied := range []bool{false, true} {
					v := r.sell(dianpingtest.Voucher{})
					r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: status, Page: page, Applied: applied})
					w := r.post(r.Context(), d.path("consume"), d.form(r, consumeFields(v.Code, "r"+v.Code, 1)))
					r.ok(w.err)
					body := map[dianpingtest.Page]string{
						dianpingtest.PageHTML: "<html>", dianpingtest.PageText: http.StatusText(status), dianpingtest.PageJSON: `{"message":`,
					}[page]
					if w.status != status || !strings.HasPrefix(w.body, body) || (page == dianpingtest.PageEmpty) != (w.body == "") || strings.Contains(w.body, `"code"`) {
						r.Errorf("%d %s: %+v", status, page, w)
					}
					r.effects(v.Code, map[bool]int{true: 1}[applied], 0)
				}
			}
		}
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Call: "prepare"})
		r.same(r.post(r.Context(), d.path("prepare"), d.form(r, fields{"receipt_code": "404"})).status, 403)
	})
}

func TestBadFaults(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, f := range []dianpingtest.Fault{
		{Kind: "x"},
		{Kind: dianpingtest.Throttle, Call: "x"},
		{Kind: dianpingtest.Throttle, Dialect: "x"},
		{Kind: dianpingtest.Throttle, For: -1},
		{Kind: dianpingtest.Throttle, After: 1},
		{Kind: dianpingtest.Delay, After: 1},
		{Kind: dianpingtest.Status5xx, Status: 404},
		{Kind: dianpingtest.ProxyStatus, Status: 200},
		{Kind: dianpingtest.ProxyStatus, Page: "x"},
		{Kind: dianpingtest.AnswerCode},
		{Kind: dianpingtest.AnswerBody},
		{Kind: dianpingtest.RowRefusal, Answer: "x"},
		{Kind: dianpingtest.RowRefusal, Answer: "1008", RowCode: "x"},
	} {
		if err := r.p.Fail(f); err == nil || !strings.HasPrefix(err.Error(), "dianpingtest: ") {
			t.Errorf("%+v: %v", f, err)
		}
	}
	r.same(len(r.p.Faults()), 0)
}
