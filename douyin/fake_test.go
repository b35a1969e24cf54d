package douyin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
)

const (
	fakeKey, fakeSecret = "awfakekey", "fake-secret"
	poiA                = "6600000000000000001"
	poiB                = "6600000000000000002"
)

var ctx = context.Background()

// world is a fake platform and a client of it, under one clock.
type world struct {
	*testing.T
	p      *douyintest.Platform
	server *httptest.Server
	client *douyin.Client
	tokens *douyin.MemoryTokens
	shop   douyin.Shop
	clock  *fakeserver.Clock
}

func newWorld(t *testing.T, knobs douyintest.Knobs) *world {
	t.Helper()
	w := &world{T: t, clock: fakeserver.NewClock(time.Date(2026, 10, 1, 4, 0, 0, 0, time.UTC)), tokens: new(douyin.MemoryTokens)}
	w.p = douyintest.New(douyintest.Options{Now: w.clock.Now, Sleep: w.clock.Sleep, Seed: 7, ClientKey: fakeKey, ClientSecret: fakeSecret, Knobs: knobs})
	w.server = httptest.NewServer(w.p)
	t.Cleanup(w.server.Close)
	t.Cleanup(w.p.Close)
	for _, id := range []string{poiA, poiB} {
		w.must(w.p.AddShop(douyintest.Shop{ID: id, Name: "店" + id[18:]}))
	}
	w.shop = douyin.Shop{ID: poiA, Account: douyintest.DefaultAccount}
	w.client = w.replica(w.tokens)
	return w
}

func (w *world) replica(store douyin.TokenStore) *douyin.Client {
	w.Helper()
	c, err := douyin.New(douyin.Config{
		APIURL: w.server.URL, ClientKey: fakeKey, ClientSecret: fakeSecret, Tokens: store,
		Now: w.clock.Now, Sleep: w.clock.Sleep, HTTP: w.server.Client(), Links: toFake{w.server}, Timeout: 20 * time.Second,
	})
	w.must(err)
	return c
}

// toFake leads every address to the fake.
type toFake struct{ server *httptest.Server }

func (f toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	at, _ := url.Parse(f.server.URL)
	r.URL.Scheme, r.URL.Host = at.Scheme, at.Host
	return f.server.Client().Transport.RoundTrip(r)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) sell(v douyintest.Voucher, n int) []douyintest.Voucher {
	w.Helper()
	if v.Shops == nil {
		v.Shops = []string{poiA}
	}
	list, err := w.p.AddOrder(v, n)
	w.must(err)
	return list
}

func (w *world) prepare(code string) douyin.Prepared {
	w.Helper()
	p, err := w.client.Prepare(ctx, w.shop, code)
	w.must(err)
	return p
}

// request is the verify of a prepare: the first coupon n times.
func request(p douyin.Prepared, n int) douyin.VerifyRequest {
	req := douyin.VerifyRequest{Token: p.VerifyToken, OrderID: p.OrderID}
	for range n {
		req.Codes = append(req.Codes, p.Certificates[0].EncryptedCode)
	}
	return req
}

func (w *world) verify(req douyin.VerifyRequest) ([]douyin.Verified, error) {
	return w.client.Verify(ctx, w.shop, req)
}

func failureOf(t *testing.T, err error) *douyin.Error {
	t.Helper()
	var e *douyin.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *douyin.Error", err)
	}
	return e
}

func (w *world) refused(what string, err error, class douyin.Class, reason douyin.Reason) {
	w.Helper()
	if e := failureOf(w.T, err); e.Class != class || e.Reason != reason {
		w.Errorf("%s: got %v, want %s %s", what, err, string(class), reason)
	}
}

// await waits for the platform, not for time to pass.
func (w *world) await(cond func() bool) {
	w.Helper()
	patience, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := w.p.Await(patience, cond); err != nil {
		w.Fatalf("waiting: %v", err)
	}
}

// consumed is what the ledger says of a code: uses that stand.
func (w *world) consumed(code string) int {
	n := w.p.Effects(code)
	return n.Consumed - n.Undone
}

// certain reports whether a failure says that nothing was changed.
func certain(e *douyin.Error) bool {
	switch e.Class {
	case douyin.UnknownOutcome, douyin.Held:
		return false
	}
	return true
}

// everyDoubt plays a test with each value of each knob.
func everyDoubt(t *testing.T, play func(w *world)) {
	for _, d := range douyintest.Doubts {
		for _, value := range d.Values {
			t.Run(d.Name+"="+string(value), func(t *testing.T) {
				t.Parallel()
				var k douyintest.Knobs
				d.Set(&k, value)
				play(newWorld(t, k))
			})
		}
	}
}

// The life of a coupon, whatever the platform's reading of what is not documented.
func TestFakeLifeOfACoupon(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		v := w.sell(douyintest.Voucher{Price: 9900, Pay: 8800}, 1)[0]
		p := w.prepare(v.Code)
		c := p.Certificates[0]
		price, known := c.Amount.Price()
		if p.OrderID != v.OrderID || c.ID != v.CertificateID || c.SKU.Title != v.Title || price != 9900 || !known || c.Left() != 1 || !c.Expires.Equal(v.Expires.Truncate(time.Second)) {
			w.Fatalf("prepared %+v of %+v", p, v)
		}
		rows, err := w.verify(request(p, 1))
		w.must(err)
		if w.consumed(v.Code) != 1 || len(rows) != 1 || rows[0].Code != v.Code || rows[0].CertificateID != v.CertificateID {
			w.Fatalf("verified %+v", rows)
		}

		// Sent again, it has no second effect, and is answered by success or not.
		again := request(p, 1)
		again.Again = true
		if _, err := w.verify(again); err != nil {
			if e := failureOf(w.T, err); w.p.Knobs().RepeatAnswer != douyintest.RepeatRefused && w.p.Knobs().RepeatAnswer != douyintest.TokenRefused {
				w.Errorf("again: %v", e)
			}
		}
		if w.consumed(v.Code) != 1 {
			w.Fatalf("consumed %d times", w.consumed(v.Code))
		}

		list, err := w.client.Order(ctx, w.shop, p.OrderID)
		w.must(err)
		used := list[0]
		if used.Status != douyin.Used || used.Last == nil || used.Last.ID != rows[0].ID || used.Last.ShopID != poiA || !used.Last.At.Equal(w.clock.Now()) || used.Last.Type != 4 || used.Left() != 0 {
			w.Errorf("the order says %+v", used)
		}
		one, err := w.client.Certificate(ctx, w.shop, c.EncryptedCode)
		if err != nil || one.Status != douyin.Used || one.Code != "" {
			w.Errorf("get: %+v %v", one, err)
		}
		records, err := w.client.VerifyRecords(ctx, w.shop, douyin.RecordQuery{})
		if err != nil || len(records) != 1 || records[0].ID != rows[0].ID || records[0].CanCancel == nil || !*records[0].CanCancel || records[0].Undone {
			w.Errorf("records %+v %v", records, err)
		}

		w.must(w.client.Cancel(ctx, w.shop, rows[0].ID, rows[0].CertificateID))
		if n := w.p.Effects(v.Code); n.Undone != 1 {
			w.Fatalf("undone %d times", n.Undone)
		}
		err = w.client.Cancel(ctx, w.shop, rows[0].ID, rows[0].CertificateID)
		if repeat := w.p.Knobs().RepeatUndo; (err == nil) != (repeat == douyintest.RepeatUndoSuccess) {
			w.Errorf("undone again: %v", err)
		} else if err != nil {
			w.refused("undone again", err, douyin.UnknownOutcome, douyin.Other) // no code that anybody has documented
		}
		list, err = w.client.Order(ctx, w.shop, p.OrderID)
		if err != nil || list[0].Status != douyin.Unused || list[0].Left() != 1 {
			w.Errorf("after the undo: %+v %v", list, err)
		}
		records, err = w.client.VerifyRecords(ctx, w.shop, douyin.RecordQuery{})
		if err != nil || len(records) != 1 || !records[0].Undone || !records[0].UndoneAt.Equal(w.clock.Now()) {
			w.Errorf("records after the undo %+v %v", records, err)
		}
	})
}

// A times card: n uses, each with its own undo, and more than are left refused whole.
func TestFakeTimesCard(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		v := w.sell(douyintest.Voucher{Visits: 5, Price: 10000}, 1)[0]
		p := w.prepare(v.Code)
		card := p.Certificates[0]
		price, share, known := card.UsePrice(5)
		if card.TimesCard == nil || card.Left() != 5 || price != 2000 || share || !known {
			w.Fatalf("%+v", card)
		}
		rows, err := w.verify(request(p, 2))
		if w.p.Knobs().VisitRows == douyintest.RowPerCode {
			// One row for two uses says too little. The order says the rest.
			w.refused("two uses in one row", err, douyin.UnknownOutcome, douyin.OtherCode)
		} else {
			w.must(err)
			if len(rows) != 2 || rows[0].ID == rows[1].ID || rows[0].Serial != 1 || rows[1].Serial != 2 || rows[1].Amount["original_amount"] != 2000 {
				w.Errorf("%+v", rows)
			}
		}
		if w.consumed(v.Code) != 2 {
			w.Fatalf("%d uses", w.consumed(v.Code))
		}
		list, err := w.client.Order(ctx, w.shop, p.OrderID)
		w.must(err)
		if list[0].Left() != 3 || len(list[0].Records) != 2 {
			w.Fatalf("%+v", list[0])
		}
		first := list[0].Records[0]
		w.must(w.client.Cancel(ctx, w.shop, first.ID, first.CertificateID))
		p = w.prepare(v.Code)
		if got := p.Certificates[0].Left(); got != 4 || w.consumed(v.Code) != 1 {
			w.Fatalf("%d left, %d used", got, w.consumed(v.Code))
		}
		_, err = w.verify(request(p, 5))
		w.refused("more than are left", err, douyin.Refused, douyin.CountTooLarge)
		if w.consumed(v.Code) != 1 {
			w.Errorf("%d used", w.consumed(v.Code))
		}
	})
}

// Several coupons of one order by one verify.
func TestFakeSeveralOfOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, douyintest.Knobs{})
	list := w.sell(douyintest.Voucher{}, 3)
	p := w.prepare(list[0].Code)
	if len(p.Certificates) != 3 {
		t.Fatalf("%d coupons", len(p.Certificates))
	}
	req := douyin.VerifyRequest{Token: p.VerifyToken, OrderID: p.OrderID}
	for _, c := range p.Certificates[:2] {
		req.Codes = append(req.Codes, c.EncryptedCode)
	}
	rows, err := w.verify(req)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v %v", rows, err)
	}
	left, err := w.client.Order(ctx, w.shop, p.OrderID)
	w.must(err)
	if n := len(slices.DeleteFunc(left, func(c douyin.Certificate) bool { return c.Left() == 0 })); n != 1 {
		t.Errorf("%d left", n)
	}
	// A verify that does one of two is a doubt that tells which.
	more := w.sell(douyintest.Voucher{}, 2)
	p = w.prepare(more[0].Code)
	req = douyin.VerifyRequest{Token: p.VerifyToken, OrderID: p.OrderID, Codes: []douyin.Secret{p.Certificates[0].EncryptedCode, p.Certificates[1].EncryptedCode}}
	w.must(w.p.Fail(douyintest.Fault{Kind: douyintest.Partly, Call: "verify"}))
	_, err = w.verify(req)
	w.refused("partly", err, douyin.UnknownOutcome, douyin.PartlyVerified)
	if e := failureOf(t, err); len(e.Rows) != 2 || e.Rows[0].Result != "0" || e.Rows[1].Result == "0" {
		t.Errorf("%+v", e.Rows)
	}
}

// A hold is told as one, ends by itself, and is found by the order and by a notice.
func TestFakeHold(t *testing.T) {
	t.Parallel()
	for _, verified := range []bool{true, false} {
		everyDoubt(t, func(w *world) {
			v := w.sell(douyintest.Voucher{Hold: &douyintest.Hold{}}, 1)[0]
			p := w.prepare(v.Code)
			_, err := w.verify(request(p, 1))
			w.refused("held", err, douyin.Held, douyin.RiskHeld)
			again := request(p, 1)
			again.Again = true
			_, err = w.verify(again)
			if e := failureOf(w.T, err); e.Class != douyin.Held {
				w.Errorf("again: %v", err)
			}
			if w.consumed(v.Code) != 0 {
				w.Fatal("consumed")
			}
			w.must(w.p.EndHold(v.Code, verified))
			list, err := w.client.Order(ctx, w.shop, p.OrderID)
			w.must(err)
			if (list[0].Status == douyin.Used) != verified || (w.consumed(v.Code) == 1) != verified {
				w.Errorf("ended with %v: %+v", verified, list[0])
			}
		})
	}
}

// What each kind of refusal says, in each form in which it may be told.
func TestFakeRefusals(t *testing.T) {
	t.Parallel()
	for code, reason := range map[int]douyin.Reason{
		1212: douyin.NotFound, 1263: douyin.NotFound, 1033000519: douyin.NotFound, 3100101: douyin.NotFound, 1250: douyin.Expired, 1265: douyin.HasUndone,
		1221: douyin.Undecryptable, 45005117: douyin.CodeOutdated, 2119006: douyin.GivenAway, 2119007: douyin.Unpaid, 3000002: douyin.WrongShop, 1208: douyin.AlreadyUsed,
	} {
		for _, form := range []douyintest.Choice{douyintest.RefusalBoth, douyintest.RefusalSub, douyintest.RefusalData, douyintest.RefusalExtra, douyintest.RefusalRows} {
			t.Run(fmt.Sprint(code, form), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, douyintest.Knobs{Refusals: form})
				v := w.sell(douyintest.Voucher{Refusal: code}, 1)[0]
				_, err := w.client.Prepare(ctx, w.shop, v.Code)
				w.refused("prepare", err, douyin.Refused, reason)
				good := w.sell(douyintest.Voucher{}, 1)[0]
				p := w.prepare(good.Code)
				w.must(w.p.Fail(douyintest.Fault{Kind: douyintest.AnswerCode, Call: "verify", Answer: fmt.Sprint(code)}))
				_, err = w.verify(request(p, 1))
				w.refused("verify", err, douyin.Refused, reason)
				w.must(w.p.Fail(douyintest.Fault{Kind: douyintest.RowRefusal, Call: "verify", Answer: fmt.Sprint(code)}))
				_, err = w.verify(request(p, 1))
				w.refused("row", err, douyin.Refused, reason)
				if w.consumed(good.Code) != 0 {
					t.Error("consumed")
				}
			})
		}
	}
}

func TestFakeWhatPrepareKnows(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		_, err := w.client.Prepare(ctx, w.shop, "100000000000")
		if w.p.Knobs().Unknown == douyintest.UnknownEmpty {
			w.refused("unknown", err, douyin.Refused, douyin.NoRecord)
		} else {
			w.refused("unknown", err, douyin.Refused, douyin.NotFound)
		}
		_, err = w.client.Order(ctx, w.shop, "8000000000000000000")
		if w.p.Knobs().Unknown == douyintest.UnknownEmpty {
			w.refused("unknown order", err, douyin.Refused, douyin.NoRecord)
		} else {
			w.refused("unknown order", err, douyin.Refused, douyin.NotFound)
		}
		pair := w.sell(douyintest.Voucher{}, 2)
		w.must(w.p.ConsumeElsewhere(pair[0].Code, "老板"))
		p, err := w.client.Prepare(ctx, w.shop, pair[0].Code)
		switch w.p.Knobs().UsedCode {
		case douyintest.UsedCodeSiblings:
			if err != nil || len(p.Certificates) != 1 || p.Certificates[0].ID != pair[1].CertificateID {
				w.Errorf("used, with a sibling: %+v %v", p, err)
			}
		case douyintest.UsedCodeEmpty:
			w.refused("used", err, douyin.Refused, douyin.NoRecord)
		default:
			w.refused("used", err, douyin.Refused, douyin.AlreadyUsed)
		}
		elsewhere := w.sell(douyintest.Voucher{Shops: []string{poiB}}, 1)[0]
		p, err = w.client.Prepare(ctx, w.shop, elsewhere.Code)
		if err == nil {
			_, err = w.verify(request(p, 1))
		}
		w.refused("another shop's", err, douyin.Refused, douyin.WrongShop)
		old := w.sell(douyintest.Voucher{Expires: w.clock.Now().Add(time.Minute)}, 1)[0]
		w.clock.Add(2 * time.Minute)
		p, err = w.client.Prepare(ctx, w.shop, old.Code)
		if err == nil {
			_, err = w.verify(request(p, 1))
		}
		w.refused("expired", err, douyin.Refused, douyin.Expired)
	})
}

func TestFakeUndoWindow(t *testing.T) {
	t.Parallel()
	for name, close := range map[string]func(w *world, code string){
		"the hour is over": func(w *world, _ string) { w.clock.Add(time.Hour + time.Second) },
		"closed early":     func(w *world, code string) { w.clock.Add(129 * time.Second); w.must(w.p.CloseUndo(code)) },
	} {
		w := newWorld(t, douyintest.Knobs{})
		v := w.sell(douyintest.Voucher{}, 1)[0]
		p := w.prepare(v.Code)
		rows, err := w.verify(request(p, 1))
		w.must(err)
		close(w, v.Code)
		list, err := w.client.Order(ctx, w.shop, p.OrderID)
		w.must(err)
		if can := list[0].Last.CanCancel; can == nil || *can || list[0].Code != v.Code {
			t.Errorf("%s: %+v", name, list[0])
		}
		w.refused(name, w.client.Cancel(ctx, w.shop, rows[0].ID, rows[0].CertificateID), douyin.Refused, douyin.UndoTooLate)
		if w.consumed(v.Code) != 1 {
			t.Errorf("%s: undone", name)
		}
	}
}

// A QR code is a short link that rotates with each verification.
func TestFakeLinks(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		list := w.sell(douyintest.Voucher{}, 2)
		data, err := w.client.ResolveLink(ctx, list[0].QR)
		w.must(err)
		p, err := w.client.PrepareEncrypted(ctx, w.shop, data)
		w.must(err)
		if len(p.Certificates) != 2 || p.OrderID != list[0].OrderID {
			w.Fatalf("%+v", p)
		}
		rows, err := w.verify(request(p, 1))
		w.must(err)
		if rows[0].Code != list[0].Code && rows[0].Code != list[1].Code {
			w.Errorf("%+v does not tell the plain code", rows[0])
		}
		data, err = w.client.ResolveLink(ctx, list[0].QR)
		if err == nil {
			_, err = w.client.PrepareEncrypted(ctx, w.shop, data)
		}
		wanted := map[douyintest.Choice]douyin.Reason{douyintest.StaleQRGone: douyin.BadLink, douyintest.StaleQRUndecipherable: douyin.Undecryptable}[w.p.Knobs().StaleQR]
		if wanted == "" {
			wanted = douyin.CodeOutdated
		}
		w.refused("the old link", err, douyin.Refused, wanted)
		now, _ := w.p.Voucher(list[1].Code)
		if data, err = w.client.ResolveLink(ctx, now.QR); err != nil {
			w.Fatal(err)
		}
		if p, err = w.client.PrepareEncrypted(ctx, w.shop, data); err != nil || len(p.Certificates) != 1 {
			w.Errorf("the new link: %+v %v", p, err)
		}
	})
}

func TestFakeRecordsByPages(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 19, 20, 21, 40, 45} {
		for _, k := range []douyintest.Knobs{{}, {Lists: douyintest.ListsV2, RecordOrder: douyintest.RecordsOldest}, {Lists: douyintest.ListsFirst, EmptyLists: douyintest.EmptyListAbsent}, {Absent: []string{"total"}}, {Numbers: douyintest.NumbersAll, IDs: douyintest.IDsNumber}} {
			w := newWorld(t, k)
			for range n {
				w.must(w.p.ConsumeElsewhere(w.sell(douyintest.Voucher{}, 1)[0].Code, "老板"))
				w.clock.Add(time.Second)
			}
			w.must(w.p.ConsumeElsewhere(w.sell(douyintest.Voucher{Shops: []string{poiB}}, 1)[0].Code, "老板"))
			for _, q := range []douyin.RecordQuery{{}, {From: w.clock.Now().Add(-time.Hour), To: w.clock.Now()}} {
				list, err := w.client.VerifyRecords(ctx, w.shop, q)
				if err != nil || len(list) != n {
					t.Errorf("%d records with %+v: %d, %v", n, k, len(list), err)
				}
			}
			none, err := w.client.VerifyRecords(ctx, w.shop, douyin.RecordQuery{From: w.clock.Now().Add(time.Hour)})
			if err != nil || len(none) != 0 {
				t.Errorf("records to come: %v %v", none, err)
			}
		}
	}
}

func TestFakeShopsAndLedgers(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		list, err := w.client.Shops(ctx, douyin.ShopQuery{Account: douyintest.DefaultAccount})
		if err != nil || len(list) != 2 || list[0].ID != poiA || list[0].Name != "店1" || list[0].RootAccount == "" {
			w.Errorf("%+v %v", list, err)
		}
		one, err := w.client.Shops(ctx, douyin.ShopQuery{ShopID: poiB})
		if err != nil || len(one) != 1 || one[0].ID != poiB {
			w.Errorf("%+v %v", one, err)
		}
		v := w.sell(douyintest.Voucher{}, 1)[0]
		w.must(w.p.ConsumeElsewhere(v.Code, "老板"))
		early, err := w.client.Ledgers(ctx, w.shop, v.CertificateID)
		if err != nil || len(early) != 0 {
			w.Errorf("within the hour: %+v %v", early, err)
		}
		w.clock.Add(time.Hour + time.Minute)
		ledgers, err := w.client.Ledgers(ctx, w.shop, v.CertificateID)
		if err != nil || len(ledgers) != 1 || ledgers[0].CertificateID != v.CertificateID {
			w.Errorf("after the hour: %+v %v", ledgers, err)
		}
	})
}

func TestFakeManyShops(t *testing.T) {
	t.Parallel()
	w := newWorld(t, douyintest.Knobs{})
	for i := range 103 {
		w.must(w.p.AddShop(douyintest.Shop{ID: fmt.Sprintf("67%017d", i)}))
	}
	if list, err := w.client.Shops(ctx, douyin.ShopQuery{Account: douyintest.DefaultAccount}); err != nil || len(list) != 105 {
		t.Errorf("%d shops, %v", len(list), err)
	}
}

// Whatever goes wrong with a verify or an undo: a success is in the ledger, and a
// certain failure is not, now or later.
func TestFakeFaults(t *testing.T) {
	t.Parallel()
	type fault = douyintest.Fault
	faults := []fault{
		{Kind: douyintest.ApplyThenDrop}, {Kind: douyintest.HangThenDrop}, {Kind: douyintest.HalfBody}, {Kind: douyintest.HalfBody, Applied: true},
		{Kind: douyintest.HTML}, {Kind: douyintest.HTML, Applied: true}, {Kind: douyintest.WrongContentType}, {Kind: douyintest.Delay}, {Kind: douyintest.Delay, Applied: true},
		{Kind: douyintest.Throttle}, {Kind: douyintest.SessionExpired}, {Kind: douyintest.OtherCode, Applied: true}, {Kind: douyintest.OtherCode},
		{Kind: douyintest.AnswerCode, Answer: "77"}, {Kind: douyintest.AnswerCode, Answer: "77", Applied: true}, {Kind: douyintest.AnswerCode, Answer: "3000001/99", Applied: true},
		{Kind: douyintest.AnswerCode, Answer: "5000001", Applied: true}, {Kind: douyintest.AnswerCode, Answer: "2100004", Applied: true}, {Kind: douyintest.AnswerCode, Answer: "2100001", Applied: true},
		{Kind: douyintest.AnswerCode, Answer: "2119002", Applied: true}, {Kind: douyintest.AnswerCode, Answer: "6001001", Applied: true}, {Kind: douyintest.AnswerCode, Answer: "3000001", Applied: true},
		{Kind: douyintest.AnswerCode, Answer: "2190004"}, {Kind: douyintest.AnswerCode, Answer: "2119005"}, {Kind: douyintest.AnswerCode, Answer: "1508"}, {Kind: douyintest.AnswerCode, Answer: "2119008"},
		{Kind: douyintest.RowRefusal, Answer: "77", Applied: true}, {Kind: douyintest.RowRefusal, Answer: "77"}, {Kind: douyintest.RowRefusal, Answer: "3000002"},
		{Kind: douyintest.HTML, After: time.Minute}, {Kind: douyintest.Status5xx, After: time.Minute}, {Kind: douyintest.HalfBody, After: time.Minute},
	}
	for _, page := range douyintest.Pages {
		for _, applied := range []bool{false, true} {
			for _, status := range []int{400, 401, 403, 404, 429, 500, 502, 503, 504} {
				kind := douyintest.ProxyStatus
				if status >= 500 {
					kind = douyintest.Status5xx
				}
				faults = append(faults, fault{Kind: kind, Status: status, Page: page, Applied: applied})
			}
		}
	}
	for _, body := range douyintest.RowlessSuccesses {
		faults = append(faults, fault{Kind: douyintest.AnswerBody, Answer: body}, fault{Kind: douyintest.AnswerBody, Answer: body, Applied: true})
	}
	for _, call := range []string{"verify", "cancel"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, douyintest.Knobs{})
			for _, f := range faults {
				f.Call = call
				v := w.sell(douyintest.Voucher{}, 1)[0]
				p := w.prepare(v.Code)
				var err error
				happened := func() bool { return w.consumed(v.Code) == 1 }
				if call == "verify" {
					w.must(w.p.Fail(f))
					_, err = w.verify(request(p, 1))
				} else {
					rows, e := w.verify(request(p, 1))
					w.must(e)
					happened = func() bool { return w.p.Effects(v.Code).Undone == 1 }
					w.must(w.p.Fail(f))
					err = w.client.Cancel(ctx, w.shop, rows[0].ID, rows[0].CertificateID)
				}
				w.clock.Add(2 * time.Minute)
				_ = w.p.Ledger() // what is late has come by now
				rowless := call == "cancel" && (f.Kind == douyintest.OtherCode || f.Kind == douyintest.AnswerBody && strings.Contains(f.Answer, `"data":{"error_code":0`) && strings.Contains(f.Answer, `"extra":{"error_code":0`))
				switch {
				case err == nil && !happened() && rowless: // an undo needs no rows: the documented answer, and a lie
				case err == nil && !happened():
					t.Errorf("%+v: success that was none", f)
				case err != nil && happened() && certain(failureOf(t, err)):
					t.Errorf("%+v: %v, and it happened", f, err)
				case err != nil && f.Kind == douyintest.Delay, err != nil && f.Kind == douyintest.WrongContentType, err != nil && f.Kind == douyintest.SessionExpired:
					t.Errorf("%+v: %v", f, err)
				}
				if left := w.p.Faults(); len(left) > 0 {
					t.Errorf("%+v was not met: sent nothing", f)
					w.p.ClearFaults()
				}
			}
			for _, code := range w.p.TwiceConsumed() {
				t.Errorf("%s is consumed twice", code)
			}
		})
	}
}

// A caller who gives up while the platform hangs has a doubt.
func TestFakeHangs(t *testing.T) {
	t.Parallel()
	for _, kind := range []douyintest.FaultKind{douyintest.ApplyThenHang, douyintest.ApplyLate} {
		w := newWorld(t, douyintest.Knobs{})
		v := w.sell(douyintest.Voucher{}, 1)[0]
		p := w.prepare(v.Code)
		w.must(w.p.Fail(douyintest.Fault{Kind: kind, Call: "verify"}))
		patience, giveUp := context.WithCancel(ctx)
		go func() {
			_ = w.p.Await(ctx, func() bool {
				list := w.p.Requests()
				return len(list) > 0 && list[len(list)-1].Call == "verify"
			})
			giveUp()
		}()
		_, err := w.client.Verify(patience, w.shop, request(p, 1))
		w.refused(string(kind), err, douyin.UnknownOutcome, "")
		w.await(func() bool { return w.consumed(v.Code) == 1 })
		again := request(p, 1)
		again.Again = true
		if rows, err := w.verify(again); err != nil || len(rows) != 1 || w.consumed(v.Code) != 1 {
			t.Errorf("%s, again: %+v %v", kind, rows, err)
		}
	}
}

// A proxy that sends a verify twice: the echo is no refusal that could be believed
// by whoever knows that it may be one, and the order tells.
func TestFakeProxyThatRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, douyintest.Knobs{RepeatAnswer: douyintest.Bare1208})
	v := w.sell(douyintest.Voucher{}, 1)[0]
	p := w.prepare(v.Code)
	w.must(w.p.Fail(douyintest.Fault{Kind: douyintest.ProxyRepeat, Call: "verify"}))
	_, err := w.verify(request(p, 1))
	w.refused("echo", err, douyin.Refused, douyin.AlreadyUsed)
	list, err := w.client.Order(ctx, w.shop, p.OrderID)
	if err != nil || list[0].Status != douyin.Used || list[0].Last.Type != 4 || list[0].Last.ShopID != poiA {
		t.Errorf("%+v %v", list, err)
	}
}

// Fields that are missing or null are never taken for what they are not.
func TestFakeMissingFields(t *testing.T) {
	t.Parallel()
	fields := []string{
		"extra", "verify_token", "order_id", "certificates", "certificates_v2", "certificate", "encrypted_code", "certificate_id", "status", "sku", "amount", "original_amount", "title", "expire_time",
		"verify", "verify_records", "verify_results", "result", "msg", "code", "verify_id", "origin_code", "account_id", "cancel_results", "result_code", "total", "records", "cursor", "can_cancel", "time_card", "description",
	}
	for _, field := range fields {
		for form, k := range map[string]douyintest.Knobs{"absent": {Absent: []string{field}}, "null": {Null: []string{field}}} {
			t.Run(form+" "+field, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, douyintest.Knobs{CancelResults: douyintest.CancelResultsTold})
				v := w.sell(douyintest.Voucher{}, 1)[0]
				p := w.prepare(v.Code)
				k.CancelResults = douyintest.CancelResultsTold
				w.must(w.p.SetKnobs(k))
				if q, err := w.client.Prepare(ctx, w.shop, v.Code); err == nil && (q.VerifyToken == "" || q.Certificates[0].EncryptedCode == "") {
					t.Errorf("prepared %+v", q)
				} else if err != nil && !errors.Is(err, douyin.UnknownOutcome) && field != "certificates" {
					t.Errorf("prepare: %v", err)
				}
				rows, err := w.verify(request(p, 1))
				switch {
				case err != nil && (certain(failureOf(t, err)) || w.consumed(v.Code) != 1):
					t.Errorf("verify: %v", err)
				case err == nil && len(rows) != 1:
					t.Errorf("verified %+v", rows)
				case err != nil && !slices.Contains([]string{"extra", "verify_results", "result"}, field):
					t.Errorf("verify: %v", err)
				}
				if list, err := w.client.Order(ctx, w.shop, p.OrderID); err == nil && list[0].Status == douyin.Unused {
					t.Errorf("the order says %+v", list)
				} else if err != nil && !errors.Is(err, douyin.UnknownOutcome) && field != "certificates" {
					t.Errorf("order: %v", err)
				}
				list, err := w.client.VerifyRecords(ctx, w.shop, douyin.RecordQuery{})
				if err != nil && !errors.Is(err, douyin.UnknownOutcome) || err == nil && len(list) != 1 && field != "records" {
					t.Errorf("records: %+v %v", list, err)
				}
				w.must(w.p.SetKnobs(douyintest.Knobs{}))
				now, err := w.client.Order(ctx, w.shop, p.OrderID)
				w.must(err)
				w.must(w.p.SetKnobs(k))
				if err := w.client.Cancel(ctx, w.shop, now[0].Last.ID, now[0].ID); err != nil && (certain(failureOf(t, err)) || w.consumed(v.Code) != 0) {
					t.Errorf("cancel: %v", err)
				} else if err != nil && field != "extra" && field != "result_code" {
					t.Errorf("cancel: %v", err)
				}
			})
		}
	}
}

func TestFakeGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, douyintest.Knobs{})
	v := w.sell(douyintest.Voucher{}, 1)[0]
	w.must(w.p.Grant("prepare", false))
	_, err := w.client.Prepare(ctx, w.shop, v.Code)
	w.refused("no capability", err, douyin.Misconfigured, douyin.NotGranted)
	w.must(w.p.Grant("prepare", true))
	w.must(w.p.Authorize(douyintest.DefaultAccount, false))
	_, err = w.client.Prepare(ctx, w.shop, v.Code)
	w.refused("not authorised", err, douyin.Reauthorize, "")
}

// One token over replicas, a second environment, and the limit.
func TestFakeTokens(t *testing.T) {
	t.Parallel()
	for _, kicked := range []douyintest.Choice{douyintest.KickedInvalid, douyintest.KickedExpired} {
		w := newWorld(t, douyintest.Knobs{KickedToken: kicked})
		v := w.sell(douyintest.Voucher{}, 1)[0]
		replicas := []*douyin.Client{w.client, w.replica(w.tokens), w.replica(w.tokens)}
		all := func() {
			t.Helper()
			for i, c := range replicas {
				if _, err := c.Prepare(ctx, w.shop, v.Code); err != nil {
					t.Fatalf("replica %d at %s: %v", i, w.clock.Now(), err)
				}
				c.Landed()
			}
		}
		for range 2 * 60 { // four hours
			all()
			w.clock.Add(2 * time.Minute)
		}
		if n := len(w.p.Tokens()); n != 3 {
			t.Errorf("%d tokens in four hours", n)
		}
		for _, r := range w.p.Requests() {
			if r.Call == "prepare" && strings.Contains(r.Answer, "219000") {
				t.Errorf("a token was refused: %+v", r)
			}
		}
		if kept, _ := w.tokens.Load(ctx); !kept.Displaced.IsZero() {
			t.Errorf("displaced at %s", kept.Displaced)
		}
		w.p.TakeTokenElsewhere()
		w.clock.Add(6 * time.Minute)
		all()
		if kept, _ := w.tokens.Load(ctx); kept.Displaced.IsZero() {
			t.Error("another environment is not noticed")
		}
		w.clock.Add(6 * time.Minute)
		w.p.ExpireTokens()
		all()

		w.must(w.p.SetKnobs(douyintest.Knobs{TokenLimit: 1}))
		fresh := w.replica(nil)
		_ = fresh.RenewToken(ctx)
		_, err := w.replica(nil).Prepare(ctx, w.shop, v.Code)
		w.refused("too often", err, douyin.Throttled, "")
	}
	w := newWorld(t, douyintest.Knobs{})
	wrong, err := douyin.New(douyin.Config{APIURL: w.server.URL, ClientKey: fakeKey, ClientSecret: "wrong", HTTP: w.server.Client(), Now: w.clock.Now, Sleep: w.clock.Sleep})
	w.must(err)
	w.refused("wrong secret", wrong.RenewToken(ctx), douyin.Misconfigured, douyin.Other)
}

// The webhook: handshake, signature, retries.
func TestFakeNotices(t *testing.T) {
	t.Parallel()
	everyDoubt(t, func(w *world) {
		var mu sync.Mutex
		var taken []douyin.Notice
		var refused int
		hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			n, err := w.client.ReadNotice(r.Header, body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				refused++
				rw.WriteHeader(http.StatusUnauthorized)
			case n.Answer != nil:
				_, _ = rw.Write(n.Answer)
			default:
				taken = append(taken, n)
			}
		}))
		w.Cleanup(hook.Close)
		w.Cleanup(w.p.Close) // before the hook
		w.must(w.p.Subscribe(ctx, hook.URL))
		v := w.sell(douyintest.Voucher{}, 1)[0]
		rows, err := w.verify(request(w.prepare(v.Code), 1))
		w.must(err)
		w.must(w.client.Cancel(ctx, w.shop, rows[0].ID, rows[0].CertificateID))
		now, _ := w.p.Voucher(v.Code)
		w.must(w.p.SetState(now.Code, douyintest.Refunded))
		k := w.p.Knobs()
		switch {
		case k.Notices == douyintest.NoticesLost:
			return
		case k.NoticeSignature == douyintest.SignatureWrong, k.NoticeSignature == douyintest.SignatureAbsent:
			w.await(func() bool {
				list := w.p.Notices()
				return len(list) == 3 && list[0].Attempts == 4 && list[1].Attempts == 4 && list[2].Attempts == 4
			})
			mu.Lock()
			defer mu.Unlock()
			if len(taken) > 0 || refused != 12 {
				w.Errorf("taken %v, refused %d", taken, refused)
			}
			return
		}
		w.await(func() bool {
			list := w.p.Notices()
			return len(list) == 3 && list[0].Taken && list[1].Taken && list[2].Taken
		})
		mu.Lock()
		defer mu.Unlock()
		actions := map[string]string{}
		for _, n := range taken {
			actions[n.Action] = n.ID
			if n.Event != douyin.EventCertificate || n.CertificateID != v.CertificateID || n.OrderID != v.OrderID || n.AccountID != v.Account || n.Sent.IsZero() {
				w.Errorf("%+v", n)
			}
		}
		if len(actions) != 3 || actions[douyin.ActionVerify] == "" || actions[douyin.ActionCancel] == "" || actions[douyin.ActionRefunded] == "" {
			w.Errorf("taken %v", actions)
		}
	})
}

// The key of a verify is good for a while, and a dead one never verifies again.
func TestFakeDeadVerifyToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, douyintest.Knobs{VerifyTokenLife: 10 * time.Minute})
	v := w.sell(douyintest.Voucher{}, 1)[0]
	req := request(w.prepare(v.Code), 1)
	_, err := w.verify(req)
	w.must(err)
	w.clock.Add(11 * time.Minute)
	req.Again = true
	_, err = w.verify(req)
	w.refused("dead", err, douyin.Misconfigured, douyin.BadRequest)
	if w.consumed(v.Code) != 1 {
		t.Errorf("consumed %d times", w.consumed(v.Code))
	}
}
