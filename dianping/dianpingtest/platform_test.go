package dianpingtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// The zero options are good for use: the true clock, random codes.
func TestZeroOptions(t *testing.T) {
	t.Parallel()
	p := dianpingtest.New(dianpingtest.Options{})
	defer p.Close()
	r := rig{T: t, p: p}
	r.ok(p.AddShop(dianpingtest.Shop{ID: shopA}))
	made, err := p.AddOrder(dianpingtest.Voucher{}, 3)
	r.ok(err)
	for _, v := range made {
		if len(v.Code) != 10 || len(v.OrderID) != 24 || strings.Trim(v.Code+v.OrderID, "0123456789") != "" ||
			v.Price != 9900 || v.MarketPrice != 16800 || v.State != dianpingtest.Usable || v.Title == "" || v.QR == "" ||
			time.Until(v.Expires) < 80*24*time.Hour {
			t.Errorf("made %+v", v)
		}
	}
	if made[0].OrderID != made[2].OrderID || made[0].Code == made[1].Code {
		t.Errorf("the order is %+v", made)
	}
	r.same(p.Vouchers(), made)
}

// Codes are never given twice, even where the source of digits always says the
// same.
func TestCodesAreUnique(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *dianpingtest.Options) { o.Digits = func(n int) string { return strings.Repeat("9", n) } })
	var codes []string
	for _, v := range r.sellOrder(dianpingtest.Voucher{Code: "1"}, 4) {
		codes = append(codes, v.Code)
	}
	r.same(codes, []string{"1", "9999999999", "10000000000", "10000000001"})
}

func TestBadVouchers(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{})
	undone := r.sell(dianpingtest.Voucher{})
	r.want(r.call1("consume", consumeFields(undone.Code, "r1", 1)), "ok")
	setUsable := r.p.SetState(undone.Code, dianpingtest.Usable)
	r.want(r.call1("reverseconsume", undoFields(undone.Code, 1001)), "ok")
	add := func(v dianpingtest.Voucher) error {
		_, err := r.p.AddVoucher(v)
		return err
	}
	_, none := r.p.AddOrder(dianpingtest.Voucher{}, 0)
	for name, err := range map[string]error{
		"code exists":               add(dianpingtest.Voucher{Code: v.Code}),
		"code with space":           add(dianpingtest.Voucher{Code: " 1"}),
		"made consumed":             add(dianpingtest.Voucher{State: dianpingtest.Consumed}),
		"unknown shop":              add(dianpingtest.Voucher{Shops: []string{"x"}}),
		"price below zero":          add(dianpingtest.Voucher{Price: -1}),
		"no coupons":                none,
		"state of unknown voucher":  r.p.SetState("404", dianpingtest.Refunded),
		"state that cannot be set":  r.p.SetState(v.Code, dianpingtest.Consumed),
		"consumed made usable":      setUsable,
		"state of replaced voucher": r.p.SetState(undone.Code, dianpingtest.Refunded),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r.ok(r.p.SetState(v.Code, dianpingtest.RefundRequested))
	r.ok(r.p.SetState(v.Code, dianpingtest.Usable))
	if _, found := r.p.Voucher("404"); found {
		t.Error("a voucher that nobody made")
	}
}

func TestBadChanges(t *testing.T) {
	t.Parallel()
	r := setup(t)
	_, alone := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Meituan})
	_, visits := r.p.AddVoucher(dianpingtest.Voucher{Visits: -1})
	for name, err := range map[string]error{
		"consent without a shop": alone, "visits below zero": visits,
		"unknown refresh token": r.p.ExpireRefreshToken("x"), "unknown notice": r.p.RepeatNotice("msg-9"),
		"undone elsewhere": r.p.UndoElsewhere("404", ""), "used elsewhere": r.p.ConsumeElsewhere("404", "", ""), "pause": r.p.Pause(""),
		"old refresh": r.p.SetKnobs(dianpingtest.Knobs{OldRefresh: "x"}), "no record": r.p.SetKnobs(dianpingtest.Knobs{NoRecord: "x"}),
		"session life": r.p.SetKnobs(dianpingtest.Knobs{SessionLife: -1}), "request life": r.p.SetKnobs(dianpingtest.Knobs{RequestLife: -1}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "dianpingtest: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARefreshTokenExpires(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.p.SetRegistration(dianpingtest.Registration{CallbackURL: "http://bot.example/"})
	granted, err := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Meituan, Shops: []string{shopB}})
	r.ok(err)
	g := pages{"vouchers", dianpingtest.Meituan, "58"}
	young := r.tokens(g, "", granted.RefreshToken, nil)
	r.same(young.code, "ok")
	r.ok(r.p.ExpireRefreshToken(young.refresh))
	r.same(r.tokens(g, "", young.refresh, nil).code, "22")
	r.ok(r.p.RevokeSession(young.access))
	a := r.p.Authorizations()[0]
	r.same([]any{a.Refreshes, a.Refused, a.Ended, a.Shops, len(a.Refreshed)}, []any{1, 1, true, []string{shopB}, 1})
	r.ok(r.p.RepeatNotice("msg-1")) // to nobody
	n := r.p.Notices()[0]
	r.same([]any{n.OpBizCode, n.Attempts}, []any{shopB, 0})
}

// What comes out is a copy.
func TestSnapshotsAreCopies(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.sell(sample())
	r.ok(r.p.ConsumeElsewhere("0123456789", "till", ""))
	all := r.p.Vouchers()
	all[0].Shops[0], all[0].Payments[0].Amount, all[0].Use.Account = "x", 1, "x"
	r.p.Requests()
	v, _ := r.p.Voucher("0123456789")
	r.same([]any{v.Shops[0], v.Payments[0].Amount, v.Use.Account}, []any{shopA, int64(9900), "till"})
}

// Without the platform's guard a client that tries again under a new requestid
// is found out; one that repeats its requestid is not.
func TestUnguarded(t *testing.T) {
	t.Parallel()
	inBoth(t, func(r rig, d dialect) {
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		good, bad, undone := r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{}), r.sell(dianpingtest.Voucher{})
		for i := range 2 {
			r.want(r.do(d, "consume", consumeFields(good.Code, "same", 1)), "ok")
			r.want(r.do(d, "consume", consumeFields(bad.Code, fmt.Sprint("new", i), 1)), "ok")
		}
		r.want(r.do(d, "consume", consumeFields(undone.Code, "u", 1)), "ok")
		r.want(r.do(d, "reverseconsume", undoFields(undone.Code, 1001)), "ok")
		r.effects(good.Code, 1, 0)
		r.effects(bad.Code, 2, 0)
		r.same(r.p.TwiceConsumed(), []string{bad.Code})
		r.ok(r.p.SetKnobs(dianpingtest.Knobs{Unguarded: true, RepeatAnswer: dianpingtest.AlreadyUsed}))
		r.want(r.do(d, "consume", consumeFields(good.Code, "same", 1)), "1008")
		r.effects(good.Code, 1, 0)
	})
}

func TestRequestsAreMasked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	v := r.sell(dianpingtest.Voucher{Mobile: "13812345678"})
	r.call1("consume", consumeFields(v.Code, "r1", 1).plus(fields{"note": session1, "other": appSecret}))
	r.call1("querybymobile", fields{"mobile": "13812345678"})
	r.call2("querybymobile", `{"mobile":"13812345678"}`, fields{"note": signKey, "other": tokenA})
	all := r.p.Requests()
	text := fmt.Sprintf("%+v", all)
	for _, secret := range []string{session1, tokenA, appSecret, signKey, "13812345678"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the records", secret)
		}
	}
	first := all[0]
	r.same(
		[]any{first.Seq, first.Dialect, first.Call, first.Method, first.Path, first.State, first.Status, first.Effect},
		[]any{uint64(1), dianpingtest.Dianping, "consume", "POST", path1("consume"), dianpingtest.RequestAnswered, 200, "consumed " + v.Code},
	)
	if !strings.HasPrefix(first.Answer, `{"code":200,`) {
		t.Errorf("answer %q", first.Answer)
	}
	got := map[string]string{}
	for _, f := range first.Fields {
		got[f.Name] = f.Value
	}
	r.same([]string{got["receipt_code"], got["session"], got["app_key"]}, []string{v.Code, session1[:4] + "…", appKey})
}

// Nothing that can be sent makes the platform stumble.
func FuzzServeHTTP(f *testing.F) {
	for _, path := range []string{path1("consume"), path2("consume"), path1("queryshopdeal"), "/"} {
		f.Add(path, "app_key=key-1&v=1&count=1")
		f.Add(path, "biz=%7B%22mobile%22%3A1%7D&developerId=100000")
		f.Add(path, "receipt_code_infos=%5B%7B%7D%5D&a=%zz;")
	}
	p := dianpingtest.New(dianpingtest.Options{AppKey: appKey, AppSecret: appSecret, DeveloperID: developerID, SignKey: signKey})
	f.Fuzz(func(t *testing.T, path, body string) {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.URL.Path = path
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, req)
		if w.Code != http.StatusOK && w.Code != http.StatusNotFound {
			t.Errorf("status %d", w.Code)
		}
		if len(p.Ledger()) != 0 {
			t.Error("an effect")
		}
	})
}
