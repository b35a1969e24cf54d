package platform

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
)

// A day at Douyin has every use of the shop, over all pages: each use of a card is one,
// with its own price; what was undone is told; a card whose rest was refunded does not
// take its uses back.
func TestDouyinDay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, shop, now := shopAt(t)
	sell := func(v douyintest.Voucher) string { return must(p.AddVoucher(v)).Code }
	use := func(code string, u douyintest.Use) {
		if err := p.UseElsewhere(code, u); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 21 {
		use(sell(douyintest.Voucher{Code: fmt.Sprint(100000000000 + i), Price: 4990}), douyintest.Use{Shop: "poi", Type: 2})
	}
	card := sell(douyintest.Voucher{Code: "200000000000", Price: 10000, Visits: 3})
	for range 2 {
		use(card, douyintest.Use{Shop: "poi", Type: 4})
	}
	gone := sell(douyintest.Voucher{Code: "300000000000"})
	use(gone, douyintest.Use{Shop: "poi"})
	use(sell(douyintest.Voucher{Code: "400000000000"}), douyintest.Use{Shop: "other"})
	undone := sell(douyintest.Voucher{Code: "500000000000"})
	use(undone, douyintest.Use{Shop: "poi"})
	use(sell(douyintest.Voucher{Code: "600000000000"}), douyintest.Use{Shop: "poi", Time: now.AddDate(0, 0, -1)})
	for _, err := range []error{p.SetState(card, douyintest.Refunded), p.SetState(gone, douyintest.Refunded), p.UndoElsewhere(undone, "till")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	listed := shop.Day(ctx, now)
	if !listed.Known || len(listed.Records) != 25 {
		t.Fatalf("%d records: %+v", len(listed.Records), listed.Said)
	}
	handles, count := map[string]bool{}, map[string]int{}
	var visits int64
	for _, r := range listed.Records {
		handles[r.Handle] = true
		count["refunded"] += b2i(r.Refunded)
		count["undone"] += b2i(r.Undone)
		count["interface"] += b2i(r.Interface)
		count["scanned"] += b2i(r.Channel == "2" && r.Foreign)
		if r.Reusable {
			visits += r.PriceFen
			count["visits"] += b2i(r.PriceKnown)
		}
	}
	for what, want := range map[string]int{"refunded": 1, "undone": 1, "interface": 2, "scanned": 21, "visits": 2} {
		if count[what] != want {
			t.Errorf("%d %s, want %d", count[what], what, want)
		}
	}
	if len(handles) != 25 || visits != 6666 {
		t.Errorf("%d handles, visits for %d", len(handles), visits)
	}
	if h := shop.History(ctx, now, now, time.Time{}); !h.Known || len(h.Records) != 24 {
		t.Errorf("a history with %d records", len(h.Records))
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Ledgers are believed where they tell all that it takes; those of one use add up.
func TestPaidOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ledger douyin.Ledger
		want   Paid
		told   bool
	}{
		"all":             {douyin.Ledger{VerifyID: "1", Amount: douyin.Amount{"original": 9900, "pay": 7900, "merchant_ticket": 500}}, Paid{7900, 500, 9900}, true},
		"no ticket":       {douyin.Ledger{VerifyID: "1", Amount: douyin.Amount{"original": 9900, "pay": 7900}}, Paid{7900, 0, 9900}, true},
		"for nothing":     {douyin.Ledger{VerifyID: "1", Amount: douyin.Amount{"original": 0, "pay": 0}}, Paid{}, true},
		"hidden":          {douyin.Ledger{VerifyID: "1", Amount: douyin.Amount{"pay": 7900}}, Paid{Customer: 7900}, false},
		"nothing":         {douyin.Ledger{VerifyID: "1"}, Paid{}, false},
		"of nobody's use": {douyin.Ledger{Amount: douyin.Amount{"original": 9900, "pay": 7900}}, Paid{7900, 0, 9900}, false},
	} {
		if got, told := paidOf(c.ledger); got != c.want || told != c.told {
			t.Errorf("%s: %+v, %v", name, got, told)
		}
	}
}

// A day of Meituan has what all kinds of lists tell, each verification once; a kind that is
// refused makes it partial, and one that fails makes it none.
func TestDianpingDay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, beijing)
	p := dianpingtest.New(dianpingtest.Options{Now: func() time.Time { return now }, DeveloperID: "100000", SignKey: "sign-key"})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	client, err := dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(p.AddShop(dianpingtest.Shop{ID: "shop-a"}))
	ok(p.AddSession(dianpingtest.Session{Token: "token", Dialect: dianpingtest.Meituan, Shops: []string{"shop-a"}}))
	for i, v := range []dianpingtest.Voucher{{BizType: 0}, {BizType: 203}, {BizType: 205}, {BizType: 217}} {
		v.Code, v.Shops = fmt.Sprint(7000000000+i), []string{"shop-a"}
		must(p.AddVoucher(v))
		ok(p.ConsumeElsewhere(v.Code, "till", []string{"1", "15", "15", "1"}[i]))
	}
	ok(p.SetState("7000000003", dianpingtest.Refunded))
	shop := Dianping(client, dianping.Shop{ID: "shop-a", Session: "token"}, time.Minute)
	day := shop.Day(ctx, now)
	seen := map[string]Record{}
	for _, r := range day.Records {
		seen[r.Code] = r
	}
	if !day.Known || day.Partial || len(day.Records) != 4 || len(seen) != 4 {
		t.Fatalf("%+v", day)
	}
	if r := seen["7000000000"]; r.Channel != "1" || r.Interface || !r.Foreign || r.Refunded {
		t.Errorf("at the till: %+v", r)
	}
	if r := seen["7000000001"]; r.Channel != "15" || !r.Interface || r.Foreign {
		t.Errorf("by an interface: %+v", r)
	}
	if r := seen["7000000003"]; !r.Refunded || r.RefundStatus != "6" {
		t.Errorf("refunded: %+v", r)
	}
	fail := func(nth int, f dianpingtest.Fault) Listed {
		t.Helper()
		p.ClearFaults()
		for range nth {
			ok(p.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "querylistbydate"}))
		}
		f.Call = "querylistbydate"
		ok(p.Fail(f))
		return shop.Day(ctx, now)
	}
	refused := dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1002"}
	if d := fail(1, refused); !d.Known || !d.Partial || len(d.Records) != 4 {
		t.Errorf("a kind that is refused: %+v", d)
	}
	if d := fail(0, refused); d.Known || !d.Decided {
		t.Errorf("the first list refused: %+v", d)
	}
	if d := fail(2, dianpingtest.Fault{Kind: dianpingtest.Status5xx, Times: 9}); d.Known || d.Why != Unreachable {
		t.Errorf("no answer: %+v", d)
	}
	if paid, said := shop.Shares(ctx, []string{"x"}); len(paid) != 0 || said != (Said{}) {
		t.Errorf("shares: %v %+v", paid, said)
	}
}
