package platform

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
)

// douyinClasses and douyinReasons are all that the client can say.
var douyinClasses = []douyin.Class{
	douyin.Refused, douyin.Held, douyin.SessionExpired, douyin.Reauthorize, douyin.Throttled, douyin.Unavailable,
	douyin.UnknownOutcome, douyin.Misconfigured,
}

var douyinReasons = []douyin.Reason{
	"", douyin.AlreadyUsed, douyin.NotFound, douyin.Undecryptable, douyin.RiskHeld, douyin.CountTooLarge, douyin.Expired,
	douyin.HasUndone, douyin.GivenAway, douyin.Unpaid, douyin.CodeOutdated, douyin.WrongShop, douyin.UndoTooLate,
	douyin.BadRequest, douyin.NotGranted, douyin.Banned, douyin.Withdrawn, douyin.PlatformFault, douyin.PartlyVerified,
	douyin.NoRecord, douyin.OtherCode, douyin.Incomplete, douyin.BadLink, douyin.Other,
}

// everyDouyin judges all that the client can say to a call.
func everyDouyin(t *testing.T, judge func(*douyin.Error) Proof, want func(douyin.Class, douyin.Reason) Proof) {
	t.Helper()
	for _, c := range douyinClasses {
		for _, r := range douyinReasons {
			if got := judge(&douyin.Error{Class: c, Reason: r}); got != want(c, r) {
				t.Errorf("%s %s proves %q, want %q", string(c), r, got, want(c, r))
			}
		}
	}
}

func TestDouyinLookProof(t *testing.T) {
	t.Parallel()
	refused := map[douyin.Reason]Proof{
		douyin.AlreadyUsed: Used,
		douyin.NotFound:    Void, douyin.NoRecord: Void, douyin.Expired: Void, douyin.HasUndone: Void, douyin.GivenAway: Void, douyin.Unpaid: Void,
	}
	everyDouyin(t, douyinLook, func(c douyin.Class, r douyin.Reason) Proof {
		switch c {
		case douyin.Refused:
			return refused[r]
		case douyin.Held:
			return Held
		}
		return Unclear
	})
	if p := douyinLook(nil); p != Usable {
		t.Errorf("success proves %q", p)
	}
}

func TestDouyinConsumeProof(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		everyDouyin(t, func(e *douyin.Error) Proof { return douyinConsume(e, nil, again) }, func(c douyin.Class, r douyin.Reason) Proof {
			switch {
			case c == douyin.Held:
				return Held
			case r == douyin.PartlyVerified, r == douyin.OtherCode:
				return Used
			case again, c == douyin.UnknownOutcome, r == douyin.NoRecord:
				return Unclear
			case c == douyin.Refused && r == douyin.AlreadyUsed:
				return Used
			}
			return Refused
		})
		row := func(result, id string) douyin.Verified {
			return douyin.Verified{Result: result, ID: id, CertificateID: "7"}
		}
		for name, tt := range map[string]struct {
			rows []douyin.Verified
			want Proof
		}{
			"success":            {[]douyin.Verified{row("0", "1"), row("0", "2")}, Consumed},
			"used before, 1208":  {[]douyin.Verified{row("0", "1"), row("1208", "2")}, Used},
			"used before, 2":     {[]douyin.Verified{row("2", "1")}, Used},
			"nothing to undo by": {[]douyin.Verified{row("0", "")}, Used},
			"of no coupon":       {[]douyin.Verified{{Result: "0", ID: "1"}}, Used},
		} {
			if got := douyinConsume(nil, tt.rows, again); got != tt.want {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
	}
	partly := &douyin.Error{Class: douyin.UnknownOutcome, Reason: douyin.PartlyVerified, Rows: []douyin.Verified{{Result: "0"}, {Result: "1229"}}}
	if got := douyinConsume(partly, nil, true); got != Held {
		t.Errorf("one used and one held: %q", got)
	}
	for _, r := range douyinReasons {
		want := slices.Contains([]douyin.Reason{
			douyin.BadRequest, douyin.NotFound, douyin.CountTooLarge, douyin.Undecryptable, douyin.CodeOutdated, douyin.HasUndone,
		}, r)
		if got := douyinEcho(&douyin.Error{Reason: r}); got != want {
			t.Errorf("%s may be an echo: %v", r, got)
		}
	}
}

func TestDouyinReverseProof(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		everyDouyin(t, func(e *douyin.Error) Proof { return douyinReverse(e, again) }, func(c douyin.Class, r douyin.Reason) Proof {
			switch {
			case c == douyin.UnknownOutcome, c == douyin.Held, r == douyin.NoRecord:
				return Unclear
			case !again, c == douyin.Refused && r == douyin.UndoTooLate:
				return Refused
			}
			return Unclear
		})
		if p := douyinReverse(nil, again); p != Undone {
			t.Errorf("success proves %q", p)
		}
	}
}

// No failure of the question for an order says anything; neither does a part of it.
func TestDouyinBooksProof(t *testing.T) {
	t.Parallel()
	everyDouyin(t, func(e *douyin.Error) Proof { p, _ := douyinBooks(e, nil, true); return p }, func(douyin.Class, douyin.Reason) Proof { return Unclear })
	if p, _ := douyinBooks(nil, nil, false); p != Unclear {
		t.Errorf("a part proves %q", p)
	}
	yes, no := true, false
	use := func(id string, minute, serial int, can *bool) douyin.Verification {
		return douyin.Verification{ID: id, At: time.Unix(int64(60*minute), 0), Serial: serial, CanCancel: can}
	}
	card := func(used int, uses ...douyin.Verification) douyin.Certificate {
		return douyin.Certificate{Status: douyin.Unused, TimesCard: &douyin.TimesCard{Count: 5, Used: used}, Records: uses}
	}
	coupon := func(s douyin.Status, uses ...douyin.Verification) douyin.Certificate {
		return douyin.Certificate{Status: s, Records: uses}
	}
	last := use("1", 1, 0, nil)
	for name, tt := range map[string]struct {
		c    douyin.Certificate
		want Proof
		uses string
	}{
		"unused":                        {coupon(douyin.Unused), NotConsumed, ""},
		"used and undone":               {coupon(douyin.Unused, use("1", 1, 0, &no)), NotConsumed, ""},
		"used":                          {coupon(douyin.Used, use("1", 1, 0, &yes)), Consumed, "1"},
		"used, undone, used":            {coupon(douyin.Used, use("2", 2, 0, nil), use("1", 1, 0, nil)), Consumed, "2"},
		"used, told once":               {douyin.Certificate{Status: douyin.Used, Last: &last}, Consumed, "1"},
		"used, and no use is told":      {coupon(douyin.Used), Unclear, ""},
		"refunded":                      {coupon(douyin.Refunded), NotConsumed, ""},
		"refunded after use":            {coupon(douyin.Refunded, use("1", 1, 0, &no)), Consumed, "1"},
		"no status":                     {coupon(douyin.StatusUnknown), NotConsumed, ""},
		"no status, can be undone":      {coupon(douyin.StatusUnknown, use("1", 1, 0, &yes)), Consumed, "1"},
		"no status, and may be undone":  {coupon(douyin.StatusUnknown, use("1", 1, 0, &no)), Unclear, ""},
		"a new card":                    {card(0), NotConsumed, ""},
		"a card, twice":                 {card(2, use("1", 1, 1, nil), use("2", 2, 2, nil)), Consumed, "1 2"},
		"a card, told too little":       {card(2, use("1", 1, 1, nil)), Unclear, ""},
		"a card, one undone, by serial": {card(2, use("1", 1, 1, &no), use("2", 2, 2, &no), use("3", 3, 1, &no)), Consumed, "2 3"},
		"a card, one undone, by cancel": {card(1, use("1", 1, 1, &yes), use("2", 2, 2, &no)), Consumed, "1"},
		"a card, one undone, who knows": {card(1, use("1", 1, 1, &no), use("2", 2, 2, &no)), Unclear, ""},
		"a card, all undone":            {card(0, use("1", 1, 1, &no), use("2", 2, 2, &no)), NotConsumed, ""},
		"a card that tells no number":   {douyin.Certificate{Status: douyin.Unused, TimesCard: &douyin.TimesCard{}}, Unclear, ""},
	} {
		got, uses := douyinBooks(nil, []douyin.Certificate{tt.c}, true)
		var ids []string
		for _, v := range uses {
			ids = append(ids, v.ID)
		}
		if got != tt.want || strings.Join(ids, " ") != tt.uses {
			t.Errorf("%s: %q by %v, want %q by %s", name, got, ids, tt.want, tt.uses)
		}
	}
}

// What an order has left is told by the coupons of the deal that nobody has used.
func TestDouyinRemaining(t *testing.T) {
	t.Parallel()
	everyDouyin(t, func(e *douyin.Error) Proof { p, _, _ := douyinRemaining(e, nil, 1); return p }, func(douyin.Class, douyin.Reason) Proof { return Unclear })
	yes := true
	use := douyin.Verification{ID: "1", At: time.Unix(60, 0), CanCancel: &yes}
	used := douyin.Certificate{Status: douyin.Used, Records: []douyin.Verification{use}}
	untold := douyin.Certificate{Status: douyin.StatusUnknown, Records: []douyin.Verification{use}}
	unused := douyin.Certificate{Status: douyin.Unused}
	other := douyin.Certificate{Status: douyin.Unused, SKU: douyin.SKU{ID: "2"}}
	card := func(n int, uses ...douyin.Verification) douyin.Certificate {
		return douyin.Certificate{Status: douyin.Unused, TimesCard: &douyin.TimesCard{Count: n, Used: 1}, Records: uses}
	}
	for name, tt := range map[string]struct {
		list []douyin.Certificate
		want Proof
		left int
		card bool
	}{
		"one more":            {[]douyin.Certificate{used, unused}, Usable, 1, false},
		"all used":            {[]douyin.Certificate{used, used}, Used, 0, false},
		"used, without state": {[]douyin.Certificate{untold}, Used, 0, false},
		"of another deal":     {[]douyin.Certificate{used, other}, Used, 0, false},
		"the rest refunded":   {[]douyin.Certificate{used, {Status: douyin.Refunded}}, Used, 0, false},
		"refunded":            {[]douyin.Certificate{{Status: douyin.Refunded}}, Void, 0, false},
		"held, or to come":    {[]douyin.Certificate{{Status: douyin.Used}, unused}, Unclear, 0, false},
		"a card":              {[]douyin.Certificate{card(5, use)}, Usable, 4, true},
		"a card, all used":    {[]douyin.Certificate{card(1, use)}, Used, 0, true},
		"a card, half told":   {[]douyin.Certificate{card(5)}, Unclear, 0, false},
		"nothing":             {nil, Unclear, 0, false},
	} {
		if got, left, card := douyinRemaining(nil, tt.list, 1); got != tt.want || left != tt.left || card != tt.card {
			t.Errorf("%s: %q, %d left, a card: %v", name, got, left, card)
		}
	}
}

func TestDouyinElsewhere(t *testing.T) {
	t.Parallel()
	for want, list := range map[bool][]douyin.Verification{
		true:  {{Type: 1}, {Type: 2}, {Type: 3}, {Type: 4, ShopID: "other"}, {ShopID: "other"}},
		false: {{}, {Type: 4}, {Type: 4, ShopID: "poi"}},
	} {
		for _, v := range list {
			if elsewhere(v, "poi") != want {
				t.Errorf("%+v: %v", v, !want)
			}
		}
	}
}

func TestDouyinSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		call                  douyin.Call
		class                 douyin.Class
		reason                douyin.Reason
		why                   string
		silent, decided, lost bool
	}{
		{douyin.CallPrepare, douyin.Refused, douyin.Expired, "expired", false, true, false},
		{douyin.CallPrepare, douyin.Refused, douyin.NoRecord, NotFound, false, true, false},
		{douyin.CallQuery, douyin.Refused, douyin.NoRecord, NotFound, false, true, false},
		{douyin.CallVerify, douyin.Held, douyin.RiskHeld, RiskHeld, false, true, false},
		{douyin.CallPrepare, douyin.Reauthorize, "", Session, false, false, false},
		{douyin.CallPrepare, douyin.SessionExpired, "", Unreachable, true, false, false},
		{douyin.CallPrepare, douyin.Misconfigured, douyin.BadRequest, Config, false, false, false},
		{douyin.CallPrepare, douyin.Throttled, "", Throttled, true, false, false},
		{douyin.CallPrepare, douyin.Unavailable, "", Unreachable, true, false, true},
		{douyin.CallPrepare, douyin.UnknownOutcome, "", Unreachable, true, false, true},
		{douyin.CallVerify, douyin.UnknownOutcome, "", Unreachable, true, false, false},
		{douyin.CallVerify, douyin.UnknownOutcome, douyin.Other, Unreachable, false, false, false},
		{douyin.CallVerify, douyin.UnknownOutcome, douyin.Incomplete, Unreachable, false, false, false},
	} {
		t.Run(fmt.Sprint(string(tt.class), tt.reason), func(t *testing.T) {
			s := douyinSaid(tt.call, &douyin.Error{Class: tt.class, Reason: tt.reason, Code: "1", SubCode: "2", Message: " words ", TraceID: "t"})
			want := Said{
				Call: string(tt.call), Class: string(tt.class), Reason: string(tt.reason), Code: "2", Message: "words", TraceID: "t",
				Why: tt.why, Silent: tt.silent, Decided: tt.decided, Lost: tt.lost,
			}
			if tt.call == douyin.CallPrepare && tt.reason == douyin.NoRecord { // the guard counts by it
				want.Reason = NotFound
			}
			if s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
		})
	}
	if s := douyinSaid(douyin.CallVerify, nil); s != (Said{Call: "verify"}) {
		t.Errorf("%+v", s)
	}
}

// links sends every request to the fake.
type links struct{ to string }

func (l links) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(l.to, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

// shopAt is a shop of a fake, whose clock shows 14:00 in Beijing.
func shopAt(t *testing.T) (*douyintest.Platform, Shop, time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, beijing)
	p := douyintest.New(douyintest.Options{ClientKey: "key", ClientSecret: "secret", Now: func() time.Time { return now }})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	for _, id := range []string{"poi", "other"} {
		if err := p.AddShop(douyintest.Shop{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	client, err := douyin.New(douyin.Config{APIURL: srv.URL, ClientKey: "key", ClientSecret: "secret", Links: links{srv.URL}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return p, Douyin(client, douyin.Shop{ID: "poi", Account: douyintest.DefaultAccount}), now
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The link of a QR code stands for what its code stands for: it can be looked at,
// consumed and undone.
func TestDouyinLink(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, shop, _ := shopAt(t)
	v := must(p.AddOrder(douyintest.Voucher{Code: "104930181552", Price: 4990, Pay: 3990}, 3))
	scanned := shop.Scan(ctx, " "+v[0].QR+"\n")
	if len(scanned.Vouchers) != 1 {
		t.Fatalf("%+v", scanned)
	}
	got := scanned.Vouchers[0]
	if got.Code != v[0].QR || got.Left != 3 || got.PriceFen != 4990 || !got.PriceKnown || got.Reusable || got.OrderID != v[0].OrderID {
		t.Errorf("%+v", got)
	}
	looked := shop.Look(ctx, got.Code)
	if looked.Proves != Usable {
		t.Fatalf("%+v", looked.Said)
	}
	done := shop.Consume(ctx, Order{Code: got.Code, Count: 2, OrderID: got.OrderID, Ticket: looked.Voucher.Ticket}, false)
	if done.Proves != Consumed || len(done.Coupons) != 2 || done.Coupons[0].Code != v[0].Code || done.Coupons[1].Code != v[1].Code {
		t.Fatalf("%+v", done)
	}
	for _, c := range done.Coupons {
		if r := shop.Record(ctx, c); r.Proves != Consumed || r.Record.Handle != c.Handle || len(r.Uses) != 1 {
			t.Errorf("%+v", r)
		}
		if r := shop.Reverse(ctx, c, Operator{}, false); r.Proves != Undone {
			t.Errorf("%+v", r)
		}
		if r := shop.Record(ctx, c); r.Proves != NotConsumed {
			t.Errorf("%+v", r)
		}
	}
	for _, strange := range []string{"104930181552", "https://example.com/x", "https://v.douyin.com/nobody/"} {
		if s := shop.Scan(ctx, strange); len(s.Vouchers) > 0 || s.Why == "" {
			t.Errorf("%s: %+v", strange, s)
		}
	}
}

// What is listed beside its dates could not be verified: it is not offered. Where the
// platform does not tell its time, the verify says so.
func TestDouyinDates(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, shop, now := shopAt(t)
	for reason, v := range map[string]douyintest.Voucher{
		string(douyin.Expired):       {Code: "104930181552", Expires: now.Add(-time.Second)},
		string(dianping.NotYetValid): {Code: "104930181553", ValidFrom: now.Add(time.Second)},
	} {
		must(p.AddVoucher(v))
		for _, at := range []douyintest.Choice{douyintest.TimesSeconds, douyintest.TimesMilliseconds} {
			if err := p.SetKnobs(douyintest.Knobs{Times: at}); err != nil {
				t.Fatal(err)
			}
			looked := shop.Look(ctx, v.Code)
			if looked.Proves != Void || looked.Why != reason || !looked.Decided || looked.Voucher.Code != "" {
				t.Errorf("%s: %+v", reason, looked)
			}
		}
		if err := p.SetKnobs(douyintest.Knobs{Absent: []string{"extra"}}); err != nil {
			t.Fatal(err)
		}
		if looked := shop.Look(ctx, v.Code); looked.Proves != Usable {
			t.Errorf("%s, no time told: %+v", reason, looked)
		}
	}
	for _, v := range []douyintest.Voucher{{Code: "104930181554", Expires: now}, {Code: "104930181555", ValidFrom: now}} {
		must(p.AddVoucher(v))
		if looked := shop.Look(ctx, v.Code); looked.Proves != Usable {
			t.Errorf("on its very second: %+v", looked)
		}
	}
}

// A card tells what is left and what one use costs; uses from before a look are not the
// look's.
func TestDouyinCard(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, shop, now := shopAt(t)
	must(p.AddVoucher(douyintest.Voucher{Code: "104930181552", Price: 10000, Visits: 3}))
	if err := p.UseElsewhere("104930181552", douyintest.Use{Verifier: "till", Shop: "other"}); err != nil {
		t.Fatal(err)
	}
	looked := shop.Look(ctx, "104930181552")
	if v := looked.Voucher; v.Left != 2 || !v.Reusable || v.PriceFen != 3333 {
		t.Errorf("%+v", v)
	}
	asked := Coupon{Code: "104930181552", OrderID: looked.Voucher.OrderID, Ticket: looked.Voucher.Ticket, Count: 2}
	if r := shop.Record(ctx, asked); r.Proves != NotConsumed || !r.Complete || r.Left != 2 {
		t.Errorf("%+v", r)
	}
	order := Order{Code: "104930181552", Count: 2, Ticket: looked.Voucher.Ticket}
	done := shop.Consume(ctx, order, false)
	if len(done.Coupons) != 2 || done.Coupons[0].Handle == done.Coupons[1].Handle || done.Coupons[0].PriceFen+done.Coupons[1].PriceFen != 6667 {
		t.Errorf("%+v", done)
	}
	r := shop.Record(ctx, asked)
	if r.Proves != Consumed || len(r.Uses) != 2 || r.Left != 0 || r.Uses[0].Foreign || !r.Uses[0].Reusable {
		t.Errorf("%+v", r)
	}
	if again := shop.Consume(ctx, order, true); again.Proves != Consumed || again.Coupons[0].Handle != done.Coupons[0].Handle {
		t.Errorf("%+v", again)
	}
	order.Count = 3
	if c := shop.Consume(ctx, order, false); c.Proves != Refused || c.Why != TooMany || c.Call != "" {
		t.Errorf("%+v", c)
	}
	h := shop.History(ctx, now, now)
	if !h.Known || len(h.Records) != 2 || h.Records[0].Handle == "" || h.Records[0].Foreign { // of this shop
		t.Errorf("%+v", h)
	}
}

// What cannot be asked is not asked, and proves nothing.
func TestDouyinWithoutATicket(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, shop, _ := shopAt(t)
	if c := shop.Consume(ctx, Order{Code: "104930181552"}, false); c.Proves != Refused || c.Why != Config {
		t.Errorf("%+v", c)
	}
	if c := shop.Consume(ctx, Order{Code: "104930181552"}, true); c.Proves != Unclear {
		t.Errorf("%+v", c)
	}
	if r := shop.Record(ctx, Coupon{Code: "104930181552"}); r.Proves != Unclear || !r.Complete {
		t.Errorf("%+v", r)
	}
	if r := shop.Reverse(ctx, Coupon{Code: "104930181552"}, Operator{}, false); r.Proves != Refused || r.Why != NoHandle {
		t.Errorf("%+v", r)
	}
	if n := len(p.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A hold is one wherever an answer says so, whatever else it says. Where the place is lost
// that would say so, it may be one.
func TestDouyinHeldWherever(t *testing.T) {
	t.Parallel()
	var body atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			_, _ = io.WriteString(w, `{"data":{"error_code":0,"access_token":"token","expires_in":7200},"message":"success"}`)
			return
		}
		_, _ = io.WriteString(w, body.Load().(string))
	}))
	t.Cleanup(srv.Close)
	client := must(douyin.New(douyin.Config{APIURL: srv.URL, ClientKey: "key", ClientSecret: "secret"}))
	shop := Douyin(client, douyin.Shop{ID: "poi", Account: douyintest.DefaultAccount})
	order := Order{Code: "104930181552", Count: 1, Ticket: `{"t":"token","o":"800","c":[{"i":"1","e":"coded","n":1}]}`}
	const row = `,"verify_results":[{"result":1229,"code":"coded"}]`
	codes := []string{"0", "1229", `"1229"`, "3000001", "5000001", "2100004", "1208", "77"}
	extras := []string{"", `,"extra":null`}
	for _, code := range codes {
		extras = append(extras, `,"extra":{"error_code":`+code+`}`, `,"extra":{"error_code":`+code+`,"sub_error_code":0}`, `,"extra":{"error_code":`+code+`,"sub_error_code":1229}`)
	}
	for _, code := range codes {
		for _, rows := range []string{"", row} {
			for _, extra := range extras {
				for _, again := range []bool{false, true} {
					answer := `{"data":{"error_code":` + code + rows + `}` + extra + `}`
					body.Store(answer)
					got := shop.Consume(t.Context(), order, again)
					lost := extra == "" || strings.HasSuffix(extra, "null")
					switch {
					case strings.Contains(answer, "1229"):
						if got.Proves != Held {
							t.Errorf("%s, again %v: %q %+v", answer, again, got.Proves, got.Said)
						}
					case lost && slices.Contains([]string{"0", "3000001", "5000001", "2100004"}, code):
						if got.Proves != Unclear || !DouyinMayHold([]Said{got.Said}) {
							t.Errorf("%s, again %v: %q %+v", answer, again, got.Proves, got.Said)
						}
					case got.Proves == Held:
						t.Errorf("%s, again %v: is held", answer, again)
					}
				}
			}
		}
	}
}
