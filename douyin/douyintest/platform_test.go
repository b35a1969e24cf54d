package douyintest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// A request is recorded with what judges need, and without what nobody should
// read.
func TestRequests(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *douyintest.Options) { o.KeepRequests = 3 })
	v := r.sell(douyintest.Voucher{})
	got, _ := r.consume(v.Code, 1)
	all := r.p.Requests()
	r.same([]uint64{all[0].Seq, all[2].Seq}, []uint64{1, 3})
	token, last := all[0], all[2]
	r.same([]any{last.Call, last.Method, last.Path, last.Codes, last.Token, last.State, last.Status, last.Effect, last.Time},
		[]any{"verify", "POST", paths["verify"], []string{v.Code}, 1, douyintest.RequestAnswered, 200, "consumed " + v.Code, r.clock.Now()})
	r.same(last.Fields, []douyintest.Field{
		{Name: "encrypted_codes", Value: `["` + got.encrypted[0] + `"]`}, {Name: "order_id", Value: v.OrderID}, {Name: "poi_id", Value: shopA}, {Name: "verify_token", Value: got.token},
	})
	r.same([]any{token.Effect, token.Fields[1].Value}, []any{"issued a token", "clie…"})
	if strings.Contains(token.Answer, r.token) || !strings.Contains(token.Answer, `"access_token":"clt.…"`) {
		t.Errorf("answer %s", token.Answer)
	}
	r.want(r.do("shops", fields{"poi_id": r.token}), "2100005") // a secret in the wrong place
	r.same(r.last().Fields[0].Value, "clt.…")
	r.want(r.do("token", fields{"client_key": clientSecret, "client_secret": "another-secret-0123456789", "grant_type": "client_credential"}), "10003")
	r.same([]string{r.last().Fields[0].Value, r.last().Fields[1].Value}, []string{"clie…", "anot…"})
	_, version, _ := r.p.Since(0)
	r.do("shops", fields{"poi_id": shopA})
	changed, _, _ := r.p.Since(version)
	r.same([]any{len(changed), changed[0].Call}, []any{1, "shops"})
}

// Many ask for one coupon at once: one gets it.
func TestManyAtOneCode(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(douyintest.Voucher{})
	var requests []*http.Request
	for range 20 {
		got := r.prepare(v.Code)
		requests = append(requests, r.request(t.Context(), "verify", got.verify(got.encrypted[0])))
	}
	var wg sync.WaitGroup
	for _, req := range requests {
		wg.Go(func() {
			if w := r.send(req); w.err != nil || w.status != 200 {
				t.Errorf("%+v", w)
			}
		})
	}
	wg.Wait()
	r.effects(v.Code, 1, 0)
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(douyintest.Voucher{Visits: 2})
	at := r.clock.Now().Add(-time.Minute)
	r.ok(r.p.UseElsewhere(v.Code, douyintest.Use{Time: at, Type: 2, Verifier: "张三"}))
	r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
	got, _ := r.p.Voucher(v.Code)
	r.same([]any{got.State, got.Uses[0].Time, got.Uses[0].Type, got.Uses[0].Verifier, got.Uses[1].Serial, got.Use.Type, got.Use.Shop}, []any{douyintest.Consumed, at, 2, "张三", 2, 3, shopA})
	r.ok(r.p.UndoElsewhere(v.Code, "店长"))
	got, _ = r.p.Voucher(v.Code)
	r.same([]any{got.State, len(got.Uses), got.Use.Serial}, []any{douyintest.Usable, 1, 1})
	r.effects(v.Code, 2, 1)
	who := []string{}
	for _, e := range r.p.Ledger() {
		who = append(who, string(e.Kind)+" "+e.Verifier)
	}
	r.same(who, []string{"consumed 张三", "consumed 店长", "undone 店长"})
	r.clock.Add(time.Hour)
	unused := r.sell(douyintest.Voucher{})
	held := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{}})
	prep := r.prepare(held.Code)
	r.want(r.do("verify", prep.verify(prep.encrypted[0])), "1229")
	for what, err := range map[string]error{
		"undo late": r.p.UndoElsewhere(v.Code, "店长"), "undo unused": r.p.UndoElsewhere(unused.Code, "店长"), "undo unknown": r.p.UndoElsewhere("1", "店长"),
		"use unknown": r.p.ConsumeElsewhere("1", "店长"), "use nowhere": r.p.UseElsewhere(unused.Code, douyintest.Use{Shop: "1"}),
		"use in the wrong shop": r.p.UseElsewhere(unused.Code, douyintest.Use{Shop: shopB}), "hold nothing": r.p.EndHold(unused.Code, true),
		"state of a held one": r.p.SetState(held.Code, douyintest.Refunded), "odd state": r.p.SetState(unused.Code, douyintest.Held), "close unknown": r.p.CloseUndo("1"),
		"rotate unknown": r.p.RotateQR("1"), "authorize unknown": r.p.Authorize("1", true), "grant unknown": r.p.Grant("1", true),
		"shop without id": r.p.AddShop(douyintest.Shop{}), "shop twice": r.p.AddShop(douyintest.Shop{ID: shopA}),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	r.ok(r.p.SetState(v.Code, douyintest.Refunded))
	r.ok(r.p.SetState(v.Code, douyintest.Usable)) // withdrawn
	got, _ = r.p.Voucher(v.Code)
	r.same([]any{got.State, len(got.Uses), len(r.p.Vouchers())}, []any{douyintest.Usable, 1, 3})
}

func TestSales(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(douyintest.Voucher{})
	for _, bad := range []douyintest.Voucher{
		{Code: v.Code}, {Code: " 1"}, {State: douyintest.Consumed}, {Price: -1}, {Visits: -1}, {Hold: &douyintest.Hold{For: -1}}, {Shops: []string{"nobody"}},
	} {
		if _, err := r.p.AddVoucher(bad); err == nil {
			t.Errorf("sold %+v", bad)
		}
	}
	if _, err := r.p.AddOrder(douyintest.Voucher{}, 11); err == nil {
		t.Error("sold eleven of one order")
	}
	// Digits that always are the same still give codes of their own.
	p := douyintest.New(douyintest.Options{Digits: func(n int) string { return strings.Repeat("9", n) }})
	seen := map[string]bool{}
	order, err := p.AddOrder(douyintest.Voucher{}, 3)
	r.ok(err)
	for _, v := range order {
		seen[v.Code], seen[v.CertificateID] = true, true
	}
	r.same(len(seen), 6)
}
