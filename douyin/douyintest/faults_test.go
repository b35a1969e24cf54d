package douyintest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// withAndWithout runs a test of a fault before and after the effect.
func withAndWithout(t *testing.T, test func(r *rig, applied bool)) {
	t.Helper()
	for _, applied := range []bool{false, true} {
		test(setup(t), applied)
	}
}

func count(applied bool) int { return map[bool]int{true: 1}[applied] }

// lost makes a verify whose fault leaves no envelope, and undoes it with another.
func (r *rig) lost(f douyintest.Fault, applied bool, judge func(wire)) {
	r.Helper()
	v := r.sell(douyintest.Voucher{})
	got := r.prepare(v.Code)
	f.Call = "verify"
	r.fail(f)
	judge(r.send(r.request(r.Context(), "verify", got.verify(got.encrypted[0]))))
	r.effects(v.Code, count(applied), 0)
	r.same(r.last().Fault, f.Kind)
	a := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok") // a repeat, or the first
	r.effects(v.Code, 1, 0)
	f.Call = "cancel"
	r.fail(f)
	judge(r.send(r.request(r.Context(), "cancel", undo(a, 0))))
	r.effects(v.Code, 1, count(applied))
}

func TestDroppedAnswers(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *douyintest.Options) { o.Sleep = (&waits{}).sleep })
	drop := func(w wire) {
		r.Helper()
		if w.err == nil {
			r.Errorf("answered %d %s", w.status, w.body)
		}
		r.same(r.last().State, douyintest.RequestDropped)
	}
	r.lost(douyintest.Fault{Kind: douyintest.ApplyThenDrop}, true, drop)
	r.lost(douyintest.Fault{Kind: douyintest.HangThenDrop, Delay: time.Second}, false, drop)
}

func TestPagesInsteadOfAnswers(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r *rig, applied bool) {
		for _, page := range douyintest.Pages {
			r.lost(douyintest.Fault{Kind: douyintest.Status5xx, Page: page, Applied: applied}, applied, func(w wire) {
				r.same(w.status, 503)
			})
			r.lost(douyintest.Fault{Kind: douyintest.ProxyStatus, Status: 429, Page: page, Applied: applied}, applied, func(w wire) {
				r.same([]any{w.status, page == douyintest.PageEmpty}, []any{429, w.body == ""})
			})
		}
		r.lost(douyintest.Fault{Kind: douyintest.HTML, Applied: applied}, applied, func(w wire) {
			r.same([]any{w.status, strings.HasPrefix(w.body, "<html>")}, []any{200, true})
		})
		r.lost(douyintest.Fault{Kind: douyintest.HalfBody, Applied: applied}, applied, func(w wire) {
			if w.err == nil || !strings.HasPrefix(w.body, `{"data":{`) {
				r.Errorf("%v: %s", w.err, w.body)
			}
		})
		for _, body := range douyintest.RowlessSuccesses {
			if !json.Valid([]byte(body)) {
				r.Fatalf("%s is not JSON", body)
			}
			r.lost(douyintest.Fault{Kind: douyintest.AnswerBody, Answer: body, Applied: applied}, applied, func(w wire) { r.same(w.body, body) })
		}
	})
}

func TestWrongContentType(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.lost(douyintest.Fault{Kind: douyintest.WrongContentType}, true, func(w wire) {
		r.same([]any{w.contentType, json.Valid([]byte(w.body))}, []any{"text/html; charset=utf-8", true})
	})
}

func TestRefusingFaults(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(douyintest.Voucher{})
	got := r.prepare(v.Code)
	ask := fields{"client_key": clientKey, "client_secret": clientSecret, "grant_type": "client_credential"}
	for kind, want := range map[douyintest.FaultKind]string{douyintest.Throttle: "2119003", douyintest.SessionExpired: "2190008"} {
		r.fail(douyintest.Fault{Kind: kind})
		r.want(r.do("verify", got.verify(got.encrypted[0])), want)
	}
	r.fail(douyintest.Fault{Kind: douyintest.Throttle, Call: "token"})
	r.same(field(r.want(r.do("token", ask), "10020").envelope, "message"), "error")
	r.effects(v.Code, 0, 0)
	withAndWithout(t, func(r *rig, applied bool) {
		v := r.sell(douyintest.Voucher{})
		got := r.prepare(v.Code)
		r.fail(douyintest.Fault{Kind: douyintest.AnswerCode, Call: "verify", Answer: "3000001/1208", Msg: "[1212] 券不存在", Applied: applied})
		a := r.want(r.do("verify", got.verify(got.encrypted[0])), "3000001")
		r.same([]string{a.sub, a.words}, []string{"1208", "[1212] 券不存在"})
		r.effects(v.Code, count(applied), 0)
	})
}

// A row's refusal is told in whichever form the platform has for numbers.
func TestRowsOfASuccessInText(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r *rig, applied bool) {
		r.knobs(func(k *douyintest.Knobs) { k.Numbers = douyintest.NumbersAll })
		v := r.sell(douyintest.Voucher{})
		got := r.prepare(v.Code)
		r.fail(douyintest.Fault{Kind: douyintest.RowRefusal, Call: "verify", Answer: "1208", Applied: applied})
		r.same(field(r.want(r.do("verify", got.verify(got.encrypted[0])), "ok").data, "verify_results.0.result"), "1208")
		r.effects(v.Code, count(applied), 0)
	})
}

// A refusal that hides in a row of a success, and rows of another coupon.
func TestRowsOfASuccess(t *testing.T) {
	t.Parallel()
	withAndWithout(t, func(r *rig, applied bool) {
		v := r.sell(douyintest.Voucher{})
		got := r.prepare(v.Code)
		r.fail(douyintest.Fault{Kind: douyintest.RowRefusal, Call: "verify", Answer: "1208", Applied: applied})
		a := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
		r.same([]string{field(a.data, "verify_results.0.result"), field(a.data, "verify_results.0.origin_code")}, []string{"1208", v.Code})
		r.effects(v.Code, count(applied), 0)
		done := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
		r.fail(douyintest.Fault{Kind: douyintest.RowRefusal, Call: "cancel", Answer: "2034000910", Msg: "太晚", Applied: applied})
		a = r.want(r.do("cancel", undo(done, 0)), "ok")
		r.same([]string{field(a.data, "cancel_results.0.result_code"), field(a.data, "cancel_results.0.result_msg")}, []string{"2034000910", "太晚"})
		r.effects(v.Code, 1, count(applied))

		fresh := r.sell(douyintest.Voucher{})
		_, done = r.consume(fresh.Code, 1)
		r.fail(douyintest.Fault{Kind: douyintest.OtherCode, Call: "cancel", Answer: "7", Applied: applied})
		a = r.want(r.do("cancel", undo(done, 0)), "ok")
		r.same(field(a.data, "cancel_results.0.verify_id"), "7")
		r.effects(fresh.Code, 1, count(applied))
		r.knobs(func(k *douyintest.Knobs) {
			k.CancelResults, k.RepeatUndo = douyintest.CancelResultsTold, douyintest.RepeatUndoSuccess
		})
		r.fail(douyintest.Fault{Kind: douyintest.HalfBody, Call: "cancel", Applied: applied})
		if w := r.send(r.request(r.Context(), "cancel", undo(done, 0))); !strings.Contains(w.body, `{"data":{"cancel_results":[{"order_id"`) {
			r.Errorf("promised %s", w.body)
		}

		card := r.sell(douyintest.Voucher{Visits: 2})
		got = r.prepare(card.Code)
		r.fail(douyintest.Fault{Kind: douyintest.OtherCode, Call: "verify", Applied: applied})
		a = r.want(r.do("verify", got.verify(got.encrypted[0], got.encrypted[0])), "ok")
		r.same([]string{field(a.data, "verify_results.0.code"), field(a.data, "verify_results.1.origin_code")}, []string{"100000000000", "100000000000"})
		r.same([]string{field(a.data, "verify_results.0.verify_amount_info.times_card_serial_amount.serial_numb"), field(a.data, "verify_results.1.verify_amount_info.times_card_serial_amount.serial_numb")}, []string{"1", "2"})
		r.effects(card.Code, 2*count(applied), 0)
	})
}

func TestPartly(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sellOrder(douyintest.Voucher{}, 2)
	got := r.prepare(v[0].Code)
	r.fail(douyintest.Fault{Kind: douyintest.Partly, Call: "verify"})
	a := r.want(r.do("verify", got.verify(got.encrypted...)), "ok")
	r.same([]string{field(a.data, "verify_results.0.result"), field(a.data, "verify_results.1.result")}, []string{"0", "2100004"})
	r.effects(v[0].Code, 1, 0)
	r.effects(v[1].Code, 0, 0)
}

func TestProxyRepeat(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.knobs(func(k *douyintest.Knobs) { k.RepeatAnswer = douyintest.Bare1208 })
	v := r.sellOrder(douyintest.Voucher{}, 2)
	got := r.prepare(v[0].Code)
	r.fail(douyintest.Fault{Kind: douyintest.ProxyRepeat, Call: "verify"})
	a := r.want(r.do("verify", got.verify(got.encrypted[0])), "ok")
	r.same(field(a.data, "verify_results.0.result"), "1208")
	r.effects(v[0].Code, 1, 0)
	use := r.use(v[0].Code)
	r.fail(douyintest.Fault{Kind: douyintest.ProxyRepeat, Call: "cancel"})
	r.want(r.do("cancel", fields{"verify_id": use.VerifyID, "certificate_id": v[0].CertificateID}), "3000001")
	r.effects(v[0].Code, 1, 1)
	got = r.prepare(v[1].Code)
	r.fail(douyintest.Fault{Kind: douyintest.ProxyRepeat, Call: "verify", Answer: "2119003"})
	r.want(r.do("verify", got.verify(got.encrypted[1])), "2119003")
	r.effects(v[1].Code, 1, 0)
}

// The effect comes by the clock, after the answer was lost.
func TestEffectAfter(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(douyintest.Voucher{})
	got := r.prepare(v.Code)
	r.fail(douyintest.Fault{Kind: douyintest.Status5xx, Call: "verify", After: time.Minute})
	r.same(r.send(r.request(r.Context(), "verify", got.verify(got.encrypted[0]))).status, 503)
	r.clock.Add(time.Minute - time.Second)
	r.effects(v.Code, 0, 0)
	r.ok(r.p.Pause(douyintest.PauseRefuse))
	r.clock.Add(time.Minute)
	r.effects(v.Code, 0, 0) // down
	r.p.Resume()
	r.effects(v.Code, 1, 0)
	r.same(r.use(v.Code).Time, r.clock.Now())
}

// A fault is for one call and one voucher, in whichever form that is named.
func TestFaultsAreMeant(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v, other := r.sell(douyintest.Voucher{}), r.sell(douyintest.Voucher{})
	got, a := r.consume(v.Code, 1)
	object, _ := r.follow("GET", v.QR)
	r.fail(douyintest.Fault{Kind: douyintest.AnswerCode, Answer: "2100004", Code: v.Code, Times: -1})
	for call, f := range map[string]fields{
		"verify": got.verify(got.encrypted[0]), "cancel": undo(a, 0), "get": {"encrypted_code": got.encrypted[0]}, "query": {"order_id": got.order}, "ledger": {"certificate_ids": "1," + v.CertificateID},
	} {
		r.want(r.do(call, f), "2100004")
		r.same(r.last().Codes, []string{v.Code})
	}
	r.want(r.do("prepare", fields{"code": v.Code, "poi_id": shopA}), "2100004")
	r.want(r.do("prepare", fields{"encrypted_data": object, "poi_id": shopA}), "2100004")
	r.consume(other.Code, 1)
	r.same(r.p.Faults()[0].Times, -1)
	r.p.ClearFaults()
	r.want(r.do("query", fields{"order_id": got.order}), "ok")

	r.fail(douyintest.Fault{Kind: douyintest.AnswerCode, Answer: "2100004", Code: "404"}) // of a code that nobody knows
	r.want(r.do("prepare", fields{"code": "404", "poi_id": shopA}), "2100004")
	r.fail(douyintest.Fault{Kind: douyintest.Status5xx, Call: "link", Times: 2})
	for _, want := range []int{503, 503, http.StatusFound} {
		_, status := r.follow("GET", v.QR)
		r.same(status, want)
	}
	r.fail(douyintest.Fault{Kind: douyintest.Throttle, For: time.Minute})
	for _, want := range []string{"2119003", "2119003"} {
		r.want(r.do("query", fields{"order_id": got.order}), want)
		r.clock.Add(59 * time.Second)
	}
	r.clock.Add(time.Second)
	r.want(r.do("query", fields{"order_id": got.order}), "ok")
	r.same(len(r.p.Faults()), 0)
}

func TestFaultsAreChecked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, f := range []douyintest.Fault{
		{Kind: "nonsense"}, {Kind: douyintest.HTML, Call: "consume"}, {Kind: douyintest.Delay, Delay: -1}, {Kind: douyintest.Delay, After: 1},
		{Kind: douyintest.Status5xx, Status: 404}, {Kind: douyintest.ProxyStatus, Status: 200}, {Kind: douyintest.Status5xx, Page: "x"},
		{Kind: douyintest.AnswerCode}, {Kind: douyintest.AnswerCode, Answer: "x"}, {Kind: douyintest.RowRefusal, Answer: "x"}, {Kind: douyintest.AnswerBody},
		{Kind: douyintest.ProxyRepeat, Answer: "1/x"},
	} {
		if r.p.Fail(f) == nil {
			t.Errorf("took %+v", f)
		}
	}
}
