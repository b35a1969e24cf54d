package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// rig is a shop of Douyin with a journal, and a Keeper of its days.
type rig struct {
	*testing.T
	clock    *modelstest.Clock
	db       *models.DB
	platform *douyintest.Platform
	client   *douyin.Client
	account  string // of 来客; "": not configured
	off      bool   // Douyin is not configured at all
	before   func(*http.Request)
	core     *redeem.Core
	keeper   *Keeper
	messages int
	told     []Notice
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, clock: modelstest.NewClock(at(14, 0)), account: douyintest.DefaultAccount}
	r.db = modelstest.SQLite(t, modelstest.WithClock(r.clock))
	sleep := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	r.platform = douyintest.New(douyintest.Options{Now: r.clock.Now, Sleep: sleep, ClientKey: "key", ClientSecret: "secret"})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.before != nil {
			r.before(req)
		}
		r.platform.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(r.platform.Close)
	for _, id := range []string{"shop-a", "shop-b"} {
		r.must(r.platform.AddShop(douyintest.Shop{ID: id, Name: id}))
	}
	var err error
	r.client, err = douyin.New(douyin.Config{
		APIURL: srv.URL, ClientKey: "key", ClientSecret: "secret", Links: links{srv.Listener.Addr().String()}, Timeout: time.Minute, Now: r.clock.Now,
		HTTP: &http.Client{Transport: r.platform.Impatient(httpcall.NewTransport())}, // gives up when a call hangs
	})
	r.must(err)
	r.must(r.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: platform.DouyinName, ShopID: "shop-a", Name: "人民广场店"}}))
	ids := 0
	r.core = redeem.New(redeem.Options{
		DB: r.db, Shops: r, CallTimeout: time.Second, Now: r.clock.Now, Jitter: func() float64 { return 0.5 },
		Sleep: func(ctx context.Context, d time.Duration) error { r.clock.Advance(d); return ctx.Err() },
		NewID: func() string { ids++; return fmt.Sprintf("%032d", ids) }, Log: slog.New(slog.DiscardHandler),
	})
	r.keeper = New(Options{
		DB: r.db, Shops: r, Schedule: Schedule{Location: Zone, UndoWindow: 10 * time.Minute, Windows: map[string]time.Duration{platform.DouyinName: platform.DouyinWindow}},
		Tell: func(_ context.Context, _ *models.DB, n Notice) error { r.told = append(r.told, n); return nil },
		Now:  r.clock.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
	})
	return r
}

// links sends what is asked of a short link's host to the fake.
type links struct{ to string }

func (l links) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = "http", l.to
	return http.DefaultTransport.RoundTrip(req)
}

// Open implements [redeem.Shops].
func (r *rig) Open(_ context.Context, a models.Account) (platform.Shop, error) {
	if r.off {
		return nil, redeem.ErrNotConnected
	}
	return platform.Douyin(r.client, douyin.Shop{ID: a.ShopID, Account: r.account}), nil
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// sell sells coupons of one order, or a card of so many visits.
func (r *rig) sell(code string, n, visits int) []douyintest.Voucher {
	r.Helper()
	list, err := r.platform.AddOrder(douyintest.Voucher{Code: code, Title: "双人下午茶", Price: 10000, Pay: 8000, Visits: visits}, n)
	r.must(err)
	return list
}

func (r *rig) asked() models.Inbox {
	r.Helper()
	r.messages++
	id := fmt.Sprint("message-", r.messages)
	in, _, err := r.db.Inbox.Accept(r.Context(), models.Inbox{ID: id, Channel: "app/main", MessageID: id, User: "zhangsan", DueAt: r.clock.Now().Add(time.Minute)})
	r.must(err)
	return in
}

func (r *rig) commit(step redeem.Step, err error) (op models.Operation) {
	r.Helper()
	r.must(err)
	r.must(r.db.Tx(r.Context(), func(tx *models.DB) (err error) { op, err = step(r.Context(), tx); return err }))
	return op
}

// verify verifies, and waits for the outcome.
func (r *rig) verify(code string, count int) models.Operation {
	r.Helper()
	account := models.Account{ID: 1, Platform: platform.DouyinName, ShopID: "shop-a"}
	op := r.commit(r.core.Consume(r.Context(), redeem.Request{Asked: r.asked(), Account: account, Code: code, Count: count, Channel: "app/main", UserID: "zhangsan", User: "张三"}))
	for range 100 {
		if op.State.Terminal() {
			break
		}
		r.clock.Advance(time.Second)
		if !op.DueAt.After(r.clock.Now()) {
			op = r.commit(r.core.Settle(r.Context(), op))
		}
	}
	if op.State != models.Done {
		r.Fatalf("%s is %s for %v", code, op.State, op.Outcome)
	}
	return op
}

func (r *rig) undo(op models.Operation) {
	r.Helper()
	op = r.commit(r.core.Undo(r.Context(), redeem.UndoRequest{Asked: r.asked(), Op: op, UserID: "zhangsan", User: "张三"}))
	if op.State != models.Undone {
		r.Fatalf("%s is %s", op.Code, op.State)
	}
}

// night is the look at the day, in the night after it.
func (r *rig) night() Result {
	r.Helper()
	r.clock.Advance(at(3, 30).AddDate(0, 0, 1).Sub(r.clock.Now()))
	result, ok, err := r.keeper.Look(r.Context(), 1, day)
	r.must(err)
	if !ok {
		row, err := r.db.Reconciliations.Get(r.Context(), 1, day)
		r.Fatalf("no result: %+v, %v, told %+v", row, err, r.told)
	}
	return result
}

// busy is a day on which everything happens, and what comes of it: its line and its
// items, by kind.
func (r *rig) busy() (line string, kinds map[Kind]int) {
	r.Helper()
	for i := range 25 { // more than a page
		r.sell(fmt.Sprint(100000000000+i), 1, 0)
		r.must(r.platform.ConsumeElsewhere(fmt.Sprint(100000000000+i), "till-1"))
		r.clock.Advance(time.Minute)
	}
	r.sell("200000000000", 3, 0)
	r.verify("200000000000", 2) // of one order
	r.sell("200000000100", 1, 10)
	r.verify("200000000100", 2) // visits of a card, and one at the till
	r.must(r.platform.UseElsewhere("200000000100", douyintest.Use{Shop: "shop-a", Verifier: "till-1"}))
	link := r.sell("200000000200", 1, 0)[0]
	r.verify(link.QR, 1)
	r.sell("200000000300", 1, 0)
	r.undo(r.verify("200000000300", 1))
	r.sell("200000000400", 1, 0)
	r.verify("200000000400", 1)
	r.must(r.platform.UndoElsewhere("200000000400", "till-1")) // not by us
	r.sell("200000000500", 1, 0)
	r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.ApplyThenDrop, Call: "verify"}))
	r.verify("200000000500", 1) // the answer was lost
	r.sell("200000000600", 1, 0)
	r.verify("200000000600", 1)
	r.must(r.platform.SetState("200000000600", douyintest.Refunded)) // after its use
	r.sell("200000000700", 1, 0)
	r.must(r.platform.UseElsewhere("200000000700", douyintest.Use{Shop: "shop-b", Verifier: "till-2"})) // not this shop's
	return "平台 33 笔 = 机器人 7 + 店内 26；平台已撤销 1 笔；已退款 1 笔", map[Kind]int{InShop: 26, UndoneThere: 1, Refunded: 1}
}

// A day at Douyin, in every reading of what its documents leave open.
func TestDouyinDay(t *testing.T) {
	t.Parallel()
	play := func(name string, k douyintest.Knobs) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.must(r.platform.SetKnobs(k))
			line, kinds := r.busy()
			day := r.night()
			same(t, day.Figures.Line(), line)
			got := map[Kind]int{}
			for _, i := range day.Items {
				got[i.Kind]++
			}
			same(t, got, kinds)
			f := day.Figures
			if sum := f.Matched.Plus(f.InShop); sum != f.Listed {
				t.Errorf("the parts are %+v, the list %+v", sum, f.Listed)
			}
			// Two coupons, two visits of a card of 100.00, one by its link, one whose answer was
			// lost, one refunded.
			same(t, f.Matched, models.Sum{Count: 7, Fen: 5*10000 + 2*1000})
			// The refunded one is not due. The platform bears what the customer does not pay.
			same(t, f.Money, Money{Customer: 4*8000 + 2*800, Due: 4*10000 + 2*1000, Exact: 6})
			if len(r.told) != 1 || !strings.Contains(r.told[0].Text, "已经撤销，不是机器人撤的") || !strings.Contains(r.told[0].Text, "抖音来客") {
				t.Errorf("told %+v", r.told)
			}
		})
	}
	play("usual", douyintest.Knobs{})
	for _, d := range douyintest.Doubts {
		if slices.Contains([]string{"notice_signature", "notice_content", "notices", "kicked_token", "stale_qr"}, d.Name) {
			continue
		}
		for _, c := range d.Values[1:] {
			var k douyintest.Knobs
			d.Set(&k, c)
			play(fmt.Sprint(d.Name, " ", c), k)
		}
	}
}

// What a list leaves out is asked about by its use, whatever else was used of the order.
func TestDouyinAskedSingly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sell("200000000000", 2, 0)
	r.verify("200000000000", 2)
	r.clock.Advance(at(3, 30).AddDate(0, 0, 1).Sub(r.clock.Now()))
	r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.AnswerBody, Call: "verify_record",
		Answer: `{"data":{"error_code":0,"total":0,"records":[],"records_v2":[]},"extra":{"error_code":0}}`}))
	day := r.night()
	same(t, day.Figures.Line(), "平台 0 笔 = 机器人 0；单独查到 2 笔")
	if len(r.told) > 0 {
		t.Errorf("alarmed without need: %+v", r.told)
	}
}

// A use just after midnight, for a call of just before, is in the figures of one day, with
// what is due for it.
func TestDouyinAroundMidnight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sell("200000000000", 1, 0)
	r.clock.Advance(at(23, 59).Add(59 * time.Second).Sub(r.clock.Now()))
	once := true
	r.before = func(req *http.Request) {
		if once && strings.HasSuffix(req.URL.Path, "/certificate/verify/") {
			once = false
			r.clock.Advance(2 * time.Second)
		}
	}
	if op := r.verify("200000000000", 1); DayOf(op.ConsumedAt) != day || once {
		t.Fatalf("verified at %v", op.ConsumedAt)
	}
	first := r.night()
	same(t, first.Figures.Line(), "平台 0 笔 = 机器人 0")
	same(t, len(first.Items), 0)
	r.clock.Advance(24 * time.Hour)
	second, ok, err := r.keeper.Look(t.Context(), 1, daysAfter(day, 1))
	r.must(err)
	same(t, ok, true)
	sum := first.Figures.Plus(second.Figures)
	same(t, sum.Line(), "平台 1 笔 = 机器人 1")
	same(t, sum.Money, Money{Customer: 8000, Due: 10000, Exact: 1})
	same(t, len(r.told), 0)
}

// Without what the list needs, or with a ledger that is not granted, people hear what
// helps, and what can be compared is.
func TestDouyinNotGranted(t *testing.T) {
	t.Parallel()
	refuse := func(r *rig, call, code string) {
		r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.AnswerCode, Call: call, Answer: code, Times: -1}))
	}
	t.Run("ledger", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.sell("200000000000", 1, 0)
		r.verify("200000000000", 1)
		refuse(r, "ledger", "2190004")
		day := r.night()
		same(t, day.Figures.Line(), "平台 1 笔 = 机器人 1")
		same(t, day.Figures.Money.Certainty(), Untold)
	})
	for _, c := range []struct{ name, code, account, reason, helps string }{
		{"not connected", "", "", ReasonConfig, "douyin"},
		{"no account id", "", "", ReasonConfig, "account_id"},
		{"not granted", "2190004", douyintest.DefaultAccount, ReasonConfig, "团购核销对账"},
		{"not authorised", "2119005", douyintest.DefaultAccount, ReasonSession, "服务应用授权"},
		{"busy", "2100004", douyintest.DefaultAccount, ReasonUnavailable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.off = c.name == "not connected"
			if r.account = c.account; c.code != "" {
				refuse(r, "verify_record", c.code)
			}
			r.clock.Advance(at(3, 30).AddDate(0, 0, 1).Sub(r.clock.Now()))
			if _, ok, err := r.keeper.Look(t.Context(), 1, day); ok || err != nil {
				t.Fatalf("a result, or %v", err)
			}
			row, err := r.db.Reconciliations.Get(t.Context(), 1, day)
			r.must(err)
			same(t, row.Reason, c.reason)
			if c.helps == "" {
				same(t, len(r.told), 0)
				return
			}
			if len(r.told) != 1 || !strings.Contains(r.told[0].Text, c.helps) || strings.Contains(r.told[0].Text, "session") {
				t.Errorf("told %+v", r.told)
			}
		})
	}
}
