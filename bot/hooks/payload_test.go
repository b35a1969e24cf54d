package hooks

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/reconcile"
	"yanquan/models"
	"yanquan/models/modelstest"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares what is said with the example that the documents have of it.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("..", "..", "docs", "hooks", name+".json")
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != pretty.String() {
		t.Errorf("%s differs; got\n%s", name, pretty.String())
	}
}

// said gives the one event that came of something.
func (w *world) said(do func()) request {
	w.Helper()
	do()
	w.pass()
	all := w.take()
	if len(all) != 1 {
		w.Fatalf("%d events", len(all))
	}
	return all[0]
}

// Each kind of event says what the console shows, and keeps to the schema.
func TestPayloads(t *testing.T) {
	schema := openAPI(t)
	each(t, func(w *world, clock *modelstest.Clock) {
		check := func(name string, r request) {
			w.Helper()
			golden(w.T, name, r.body)
			schema.validate(w.T, r)
		}
		op := w.begin("7992697494")
		op.Count, op.Mobile = 2, "13800138000" // a platform that does not mask it
		check("redeemed", w.said(func() {
			op.UndoUntil = clock.Now().Add(10 * time.Minute)
			var err error
			op, err = w.db.Journal.FinishConsume(w.Context(), op, []models.Coupon{
				{Code: "7992697494", PriceFen: 4990, Handle: "h4ndle"}, {Code: "7992697495", PriceUnknown: true, Payments: "p4yments"},
			})
			w.must(err)
		}))
		clock.Advance(time.Minute)
		check("undone", w.said(func() { op = w.undo(op) }))
		check("refunded", w.said(func() {
			_, err := w.db.Refunds.Add(w.Context(), models.Refund{
				Platform: "douyin", CertificateID: "c1", StoreID: op.StoreID, OperationID: op.ID, Code: op.Code, OrderID: op.OrderID, Title: op.Title, PriceFen: 4990, RefundedAt: clock.Now(),
			})
			w.must(err)
		}))
		check("reconciled", w.said(func() {
			w.reconcile(reconcile.Figures{
				Listed: models.Sum{Count: 3, Fen: 14970}, Matched: models.Sum{Count: 2, Fen: 9980}, InShop: models.Sum{Count: 1, Fen: 4990},
				OnlyOurs: models.Sum{Count: 1, Unpriced: 1}, Money: reconcile.Money{Customer: 9000, Merchant: 980, Due: 9000, Exact: 2},
			})
		}))
		clock.Advance(24 * time.Hour)
		check("day.closed", w.said(func() { w.must(w.days().Close(w.Context())) }))
	}, hook("pos"))
}

func (w *world) days() *Days {
	return &Days{DB: w.db, Writer: w.writer, Location: shanghai, Window: 10 * time.Minute, Now: w.db.Now}
}

// A refund of what is in doubt, a link in place of a code, and a price that is not known
// are told as far as they are known.
func TestPayloadsOfLittle(t *testing.T) {
	schema := openAPI(t)
	each(t, func(w *world, clock *modelstest.Clock) {
		link, ok := command.VoucherCode("https://v.douyin.com/eHHc1ft/")
		if !ok {
			w.Fatal("no link")
		}
		op := w.begin(link)
		r := w.said(func() {
			_, err := w.db.Refunds.Add(w.Context(), models.Refund{Platform: "douyin", CertificateID: "c2", StoreID: op.StoreID, OperationID: op.ID, PriceUnknown: true, RefundedAt: clock.Now()})
			w.must(err)
		})
		schema.validate(w.T, r)
		for _, want := range []string{`"redeemed_at":null`, `"price_fen":null`, `"code":"抖音链接 …`} {
			if !strings.Contains(string(r.body), want) {
				w.Errorf("lacks %s: %s", want, r.body)
			}
		}
		r = w.said(func() {
			_, err := w.db.Journal.FinishConsume(w.Context(), op, nil)
			w.must(err)
		})
		schema.validate(w.T, r)
		if strings.Contains(string(r.body), "v.douyin.com") || strings.Contains(string(r.body), "eHHc") {
			w.Errorf("tells the link: %s", r.body)
		}
	}, hook("pos"))
}

// Of several coupons some may be undone: that is told, and the rest when it is.
func TestUndoneInPart(t *testing.T) {
	schema := openAPI(t)
	each(t, func(w *world, clock *modelstest.Clock) {
		op := w.begin("7992697494")
		op, err := w.db.Journal.FinishConsume(w.Context(), op, []models.Coupon{{Code: "7992697494", PriceFen: 4990}, {Code: "7992697495", PriceFen: 4990}})
		w.must(err)
		begin := func() {
			id := w.newID()
			in, _, err := w.db.Inbox.Accept(w.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "lisi", Payload: []byte("撤"), DueAt: clock.Now().Add(time.Minute)})
			w.must(err)
			op, err = w.db.Journal.BeginUndo(w.Context(), op, in)
			w.must(err)
		}
		refuse := func(coupons ...models.Coupon) {
			begin()
			op, err = w.db.Journal.RefuseUndo(w.Context(), op, coupons)
			w.must(err)
			clock.Advance(time.Minute)
		}
		refuse() // nothing was undone: nothing is told
		one := models.Coupon{Code: "7992697494", UndoneAt: clock.Now()}
		refuse(one)
		refuse(one) // nor is anything new
		begin()
		_, err = w.db.Journal.FinishUndo(w.Context(), op, nil)
		w.must(err)
		for range 4 {
			w.pass()
		}
		all := w.take()
		if len(all) != 3 || all[1].kind != Undone || all[2].kind != Undone {
			w.Fatalf("%d events", len(all))
		}
		for i, want := range map[int][]string{
			1: {`"complete":false`, `"total":{"count":1,"amount_fen":4990,"unpriced":0}`}, 2: {`"complete":true`, `"total":{"count":0,"amount_fen":0,"unpriced":0}`},
		} {
			schema.validate(w.T, all[i])
			for _, text := range want {
				if !strings.Contains(string(all[i].body), text) {
					w.Errorf("%d lacks %s: %s", i, text, all[i].body)
				}
			}
		}
	}, hook("pos"))
}

// A coupon whose code the platform did not tell counts, and says that it has none.
func TestUntoldCoupon(t *testing.T) {
	schema := openAPI(t)
	each(t, func(w *world, clock *modelstest.Clock) {
		op := w.begin("7992697494")
		r := w.said(func() {
			_, err := w.db.Journal.FinishConsume(w.Context(), op, []models.Coupon{{Code: op.Code, PriceFen: 4990}, {Visit: 1, PriceFen: 4990}})
			w.must(err)
		})
		schema.validate(w.T, r)
		for _, want := range []string{`"total":{"count":2,"amount_fen":9980,"unpriced":0}`, `{"code":"","visit":1,"price_fen":4990,`} {
			if !strings.Contains(string(r.body), want) {
				w.Errorf("no %s in %s", want, r.body)
			}
		}
	}, hook("pos"))
}

// A day is told of each store once it is closed, by whichever process is first, and those
// that were missed are told later.
func TestClosedDays(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.redeem("7992697494")
		w.undo(w.redeem("7992697495"))
		told := func(d *Days, want ...string) {
			w.Helper()
			w.must(d.Close(w.Context()))
			for range 10 {
				w.pass()
			}
			var days []string
			for _, r := range w.take() {
				var p struct{ Data day }
				w.must(json.Unmarshal(r.body, &p))
				if r.kind == DayClosed {
					days = append(days, p.Data.Day)
					if p.Data.Day == "2026-11-23" && (p.Data.Verified != sum{1, 4990, 0} || p.Data.Undone != sum{1, 4990, 0} || p.Data.Store.Name != "人民广场店") {
						w.Errorf("%s", r.body)
					}
				}
			}
			if strings.Join(days, " ") != strings.Join(want, " ") {
				w.Errorf("at %s told of %v, want %v", clock.Now().In(shanghai).Format("01-02 15:04"), days, want)
			}
		}
		midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, shanghai)
		first, second := w.days(), w.days()
		told(first, "2026-11-22") // a store that was never told of begins with the last day
		told(second)
		clock.Advance(midnight.Add(15*time.Minute - time.Second).Sub(clock.Now()))
		told(first)
		clock.Advance(time.Second)
		told(second, "2026-11-23")
		told(first)
		clock.Advance(3 * 24 * time.Hour)
		told(first, "2026-11-24", "2026-11-25", "2026-11-26")
		clock.Advance(20 * 24 * time.Hour)
		told(second, "2026-12-16") // away for too long
	}, hook("pos"))
}

// A refund of what a store verified is told with its day, also once the store has ended.
func TestClosedDayOfARefundAfterTheEnd(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		op := w.redeem("7992697494")
		days := func() (told []string) {
			w.must(w.days().Close(w.Context()))
			for range 10 {
				w.pass()
			}
			for _, r := range w.take() {
				var p struct{ Data day }
				w.must(json.Unmarshal(r.body, &p))
				if r.kind == DayClosed && p.Data.Store.ID == op.StoreID {
					told = append(told, fmt.Sprintf("%s verified %d refunded %d", p.Data.Day, p.Data.Verified.Count, p.Data.Refunded.Count))
				}
			}
			return told
		}
		clock.Advance(24 * time.Hour)
		if told := days(); !slices.Equal(told, []string{"2026-11-23 verified 1 refunded 0"}) {
			t.Errorf("told of %q", told)
		}
		w.must(w.db.Directory.Sync(w.Context(), []models.ConfiguredStore{{Platform: "meituan", ShopID: "shop-9", Name: "九号店", Session: "t"}}))
		_, err := w.db.Refunds.Add(w.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: op.StoreID, OperationID: op.ID, Code: op.Code, PriceFen: 4990, RefundedAt: clock.Now(),
		})
		w.must(err)
		for _, want := range [][]string{{"2026-11-24 verified 0 refunded 1"}, nil} {
			clock.Advance(24 * time.Hour)
			if told := days(); !slices.Equal(told, want) {
				t.Errorf("told of %q, want %q", told, want)
			}
		}
	}, hook("pos"))
}

// An account that becomes a store of its own begins with the day after those that its
// former store was told of with it.
func TestClosedDaysOfANewStore(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		meituan := w.account
		accounts, err := w.db.Accounts.List(w.Context())
		w.must(err)
		redeem := func(one, other string) {
			for _, a := range accounts {
				w.account = a.ID
				w.redeem(map[bool]string{true: one, false: other}[a.ID == meituan])
			}
		}
		closed := func() (told []string) {
			w.must(w.days().Close(w.Context()))
			for range 10 {
				w.pass()
			}
			for _, r := range w.take() {
				var p struct{ Data day }
				if r.kind == DayClosed {
					w.must(json.Unmarshal(r.body, &p))
					told = append(told, fmt.Sprintf("%s %s %d", p.Data.Day, p.Data.Store.Name, p.Data.Verified.Count))
				}
			}
			slices.Sort(told)
			return told
		}
		says := func(want ...string) {
			w.Helper()
			if told := closed(); !slices.Equal(told, want) {
				w.Errorf("told %q, want %q", told, want)
			}
		}
		redeem("7992697401", "104930181552345")
		clock.Advance(24 * time.Hour)
		says("2026-11-23 人民广场店 2")
		w.must(w.db.Directory.Sync(w.Context(), []models.ConfiguredStore{
			{Platform: "meituan", ShopID: "shop-1", Name: "人民广场店", Session: "t"}, {Platform: "douyin", ShopID: "7001", Name: "静安店"},
			{Platform: "meituan", ShopID: "shop-9", Name: "九号店", Session: "t"}, // begins with the last day
		}))
		redeem("7992697402", "104930181552346")
		says("2026-11-23 九号店 0")
		clock.Advance(24 * time.Hour)
		says("2026-11-24 九号店 0", "2026-11-24 人民广场店 1", "2026-11-24 静安店 1")
	}, hook("pos"))
}

// What is about one voucher has one order.
func TestVoucher(t *testing.T) {
	t.Parallel()
	op := models.Operation{StoreID: 7, Code: "7992697494", OrderID: "1"}
	for _, tt := range []struct {
		platform, order, want string
	}{
		{"meituan", "1", "code/meituan/7992697494"}, {"dianping", "", "code/dianping/7992697494"}, {"", "1", "code//7992697494"},
		{"douyin", "1", "order/douyin/1"}, {"douyin", "", "code/douyin/7992697494"},
	} {
		op.OrderID = tt.order
		if got := voucher(place{platform: platformOf(tt.platform)}, op); got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.platform, tt.order, got, tt.want)
		}
	}
}

// Where there is no hook, nothing is written and nothing is asked for.
func TestWithoutHooks(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		clock, rec := modelstest.NewClock(noon), &modelstest.Recorder{}
		w := &world{T: t, writer: &Writer{}, now: clock.Now}
		w.open(modelstest.On(t, driver, modelstest.WithClock(clock), modelstest.WithRecorder(rec)))
		rec.Take() // it was found out that there is none
		w.undo(w.redeem("7992697494"))
		seen := rec.Take()
		for _, s := range seen {
			if strings.Contains(s.Text, "hook") {
				t.Errorf("%s: %s", driver, s.Text)
			}
		}
		if n, err := w.db.HookEvents.Replay(w.Context(), "pos", Kinds, noon.Add(-time.Hour), noon); len(seen) == 0 || n != 0 || err != nil {
			t.Errorf("%s: %d statements, %d events, %v", driver, len(seen), n, err)
		}
	}
}
