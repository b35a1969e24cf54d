package redeem

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// slowShop is a shop whose every answer takes a while. It has one voucher, or none.
type slowShop struct {
	platform.Shop
	look, consume time.Duration
	has           string
	answer        func(platform.Looked) platform.Looked // what a look says in place of the truth; nil: the truth
}

func (s slowShop) UndoWindow() time.Duration { return 10 * time.Minute }

func (s slowShop) Look(_ context.Context, code string) platform.Looked {
	time.Sleep(s.look)
	looked := s.truth(code)
	if s.answer != nil {
		looked = s.answer(looked)
	}
	return looked
}

func (s slowShop) truth(code string) platform.Looked {
	if code != s.has {
		return platform.Looked{Said: platform.Said{Call: "prepare", Why: platform.NotFound, Reason: platform.NotFound, Class: "refused", Decided: true}, Proves: platform.Void}
	}
	return platform.Looked{Said: platform.Said{Call: "prepare"}, Proves: platform.Usable, Voucher: platform.Voucher{Code: code}}
}

func (s slowShop) Remaining(_ context.Context, c platform.Coupon) platform.Looked {
	return platform.Looked{Said: platform.Said{Call: "query", Why: platform.NotFound}, Proves: platform.Void}
}

func (s slowShop) Scan(ctx context.Context, qr string) platform.Scanned {
	looked := s.Look(ctx, qr)
	scanned := platform.Scanned{Said: looked.Said}
	if looked.Voucher.Code != "" {
		scanned.Vouchers = []platform.Voucher{looked.Voucher}
	}
	return scanned
}

func (s slowShop) Consume(_ context.Context, o platform.Order, _ bool) platform.Consumption {
	time.Sleep(s.consume)
	return platform.Consumption{Said: platform.Said{Call: "consume"}, Proves: platform.Consumed, Coupons: []platform.Coupon{{Code: o.Code}}}
}

// slowShops are the shops of accounts.
type slowShops map[int64]slowShop

func (s slowShops) Open(_ context.Context, a models.Account) (platform.Shop, error) {
	return s[a.ID], nil
}

// slowCore is a core with a store of two accounts whose shops are slow, in the time of a
// test's bubble.
func slowCore(t *testing.T, of func(place int) slowShop) (*Core, []models.Account) {
	t.Helper()
	db := modelstest.SQLite(t, modelstest.WithClock(modelstest.NewClock(time.Now())))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.Directory.Sync(t.Context(), []models.ConfiguredStore{{
		Platform: dianping.Meituan, ShopID: "shop-a", Name: "人民广场店", Session: "token",
		Accounts: []models.ConfiguredAccount{{Platform: platform.DouyinName, ShopID: "shop-b", Session: "token"}},
	}}))
	s, err := db.Directory.Store(t.Context(), 1)
	must(err)
	shops := slowShops{}
	for i, a := range s.Accounts() {
		shops[a.ID] = of(i)
	}
	var ids atomic.Int64
	return New(Options{
		DB: db, Shops: shops, CallTimeout: 3 * time.Second, Now: time.Now,
		Sleep:  func(ctx context.Context, d time.Duration) error { time.Sleep(d); return ctx.Err() },
		Jitter: func() float64 { return 0.5 },
		NewID:  func() string { return string(rune('a'+ids.Add(1))) + "-operation" },
		Log:    slog.New(slog.DiscardHandler),
	}), s.Accounts()
}

// A verification takes a store with two accounts hardly longer than one with one: all are
// asked at once, also where a platform is slow to say that it does not know the code.
func TestTimeOfTwoAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const typed = "799269749412"
		core, accounts := slowCore(t, func(place int) slowShop {
			return slowShop{look: 400 * time.Millisecond, consume: 600 * time.Millisecond, has: []string{typed, ""}[place]}
		})
		asked := func(id string) models.Inbox {
			in, _, err := core.DB.Inbox.Accept(t.Context(), models.Inbox{ID: id, Channel: "app", MessageID: id, User: "zhangsan", Payload: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		took := map[int]time.Duration{}
		for n := range 2 {
			r := Request{Asked: asked(string(rune('1' + n))), Code: typed, Count: 1, UserID: "zhangsan"}
			start := time.Now()
			step, err := core.ConsumeIn(t.Context(), r, accounts[:n+1])
			if err != nil {
				t.Fatal(err)
			}
			took[n+1] = time.Since(start)
			op, err := step(t.Context(), core.DB)
			if err != nil || op.State != models.Done {
				t.Fatalf("%d accounts: %+v, %v", n+1, op, err)
			}
			op.UndoInboxID = ""
			if _, err := core.DB.Journal.FinishUndo(t.Context(), undoBegun(t, core.DB, op, asked("u"+string(rune('1'+n)))), nil); err != nil {
				t.Fatal(err)
			}
		}
		if took[1] < time.Second || took[2] > took[1]*13/10 {
			t.Errorf("one account took %v, two %v", took[1], took[2])
		}

		for name, ask := range map[string]func([]models.Account) error{
			"look": func(a []models.Account) error {
				_, err := core.LookIn(t.Context(), Question{Code: typed}, a)
				return err
			},
			"scan": func(a []models.Account) error {
				_, err := core.ScanIn(t.Context(), Question{Code: typed}, a)
				return err
			},
		} {
			start := time.Now()
			if err := ask(accounts); err != nil || time.Since(start) > 500*time.Millisecond {
				t.Errorf("a %s took %v, %v", name, time.Since(start), err)
			}
		}
	})
}

func undoBegun(t *testing.T, db *models.DB, op models.Operation, asked models.Inbox) models.Operation {
	t.Helper()
	op, err := db.Journal.BeginUndo(t.Context(), op, asked)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// What was verified at another platform, which has sold the same code to somebody else,
// before our call or while its answer is lost, explains nothing of this one's books.
func TestLostConsumeBesideAnotherPlatform(t *testing.T) {
	for name, before := range map[string]bool{"before": true, "meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.voucher(code)
				if before {
					r.consumedAtDouyin(code)
					r.clock.Advance(time.Second)
				}
				r.lost("consume", true)
				op := r.consume(code, 1)
				if !before {
					r.consumedAtDouyin(code)
				}
				op = r.settle(op)
				r.is(op, models.Done, "")
				if op.Reusable {
					r.Error("it is taken for a card")
				}
				r.effects(code, 1, 0)
				r.lost("reverseconsume", true)
				r.is(r.settle(r.undo(op)), models.Undone, "")
				r.effects(code, 1, 1)
			})
		})
	}
}

// consumedAtDouyin has an account there in the journal, and a verification of a code at it.
func (r *rig) consumedAtDouyin(code string) {
	r.Helper()
	account, _, _, err := r.db.Accounts.Connect(r.Context(), models.Account{Platform: platform.DouyinName, ShopID: "7000000000000000001", Name: "抖音店"})
	r.must(err)
	now := r.clock.Now()
	op, err := r.db.Journal.Begin(r.Context(), models.Operation{
		ID: "there", StoreID: account.ID, Code: code, Count: 1, UserID: "lisi", User: "李四", CreatedAt: now, CalledAt: now, SentAt: now,
	}, r.asked())
	r.must(err)
	op.ConsumedAt = now
	_, err = r.db.Journal.FinishConsume(r.Context(), op, []models.Coupon{{OperationID: op.ID, StoreID: account.ID, Code: code, Visit: 1, Handle: "verify/certificate"}})
	r.must(err)
}

// beside has a further account of the store, at another platform, and a consume of a code
// there that is under way.
func (r *rig) beside(code string) models.Operation {
	r.Helper()
	dialect := r.store.Platform
	further := models.ConfiguredAccount{Platform: platform.DouyinName, ShopID: "7000000000000000001"}
	if r.douyin != nil {
		further = models.ConfiguredAccount{Platform: dianping.Meituan, ShopID: "shop-m", Session: "token"}
	}
	r.must(r.db.Directory.Sync(r.Context(), []models.ConfiguredStore{
		{Platform: dialect, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Accounts: []models.ConfiguredAccount{further}},
		{Platform: dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b"},
	}))
	s, err := r.db.Directory.Store(r.Context(), r.store.ID)
	r.must(err)
	now := r.clock.Now()
	op, err := r.db.Journal.Begin(r.Context(), models.Operation{
		ID: "there", StoreID: s.Accounts()[1].ID, Code: code, Count: 1, UserID: "lisi", User: "李四", CreatedAt: now, CalledAt: now, SentAt: now, DueAt: now.Add(time.Hour),
	}, r.asked())
	r.must(err)
	return op
}

// What is in doubt while the same code is verified at another account of the store is not
// sent again there, and has its end as soon as the platform's books are sure to show it.
func TestDoubtGivesWayToAnotherAccount(t *testing.T) {
	for name, c := range map[string]struct {
		fault  dianpingtest.Fault
		doubt  bool // the other is in doubt, too
		state  models.State
		reason string
	}{
		"not consumed":               {dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, false, models.Rejected, ReasonHere},
		"not consumed, and in doubt": {dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, true, models.Rejected, ReasonBusy},
		"consumed":                   {dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop}, false, models.Done, ""},
		"consumed late":              {dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, After: 1200 * time.Millisecond}, false, models.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.voucher(code)
				c.fault.Call, c.fault.Times = "consume", 1
				r.fail(c.fault)
				op := r.consume(code, 1)
				other := r.beside(code)
				if !c.doubt {
					_, err := r.db.Journal.FinishConsume(r.Context(), other, nil)
					r.must(err)
				}
				op = r.settle(op)
				r.is(op, c.state, c.reason)
				if c.state == models.Rejected && op.OtherID != other.ID {
					r.Errorf("because of %q", op.OtherID)
				}
				if n := r.calls("consume"); n != 1 {
					r.Errorf("sent %d times", n)
				}
				r.effects(code, map[models.State]int{models.Done: 1}[c.state], 0)
			})
		})
	}
}

// Where a record shows that a code was verified and not by whom, the same request tells,
// whatever stands at another account: nothing is left that it could consume.
func TestUnnamedRecordBesideAnotherAccount(t *testing.T) {
	for _, who := range dianpingtest.VerifyAccounts {
		t.Run(string(who), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(dianpingtest.Knobs{VerifyAccount: who, RepeatAnswer: dianpingtest.SameAnswer})
				r.voucher(code)
				r.lost("consume", true)
				op := r.consume(code, 1)
				_, err := r.db.Journal.FinishConsume(r.Context(), r.beside(code), nil)
				r.must(err)
				r.is(r.settle(op), models.Done, "")
				r.effects(code, 1, 0)
			})
		})
	}
}

// Once nothing stands at the other account any more, what is in doubt goes on.
func TestDoubtGoesOnAfterAnotherAccount(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		r.lost("consume", false)
		op := r.consume(code, 1)
		other := r.beside(code)
		r.pass()
		_, err := r.db.Journal.RejectConsume(r.Context(), other)
		r.must(err)
		op = r.settle(op)
		r.is(op, models.Done, "")
		r.effects(code, 1, 0)
	})
}

// At Douyin an answer that was lost may have been that risk control keeps the consume back,
// and only the same call again would tell: that stays open. One that tells otherwise ends.
func TestDouyinDoubtGivesWayToAnotherAccount(t *testing.T) {
	for name, c := range map[string]struct {
		fault dianpingtest.Fault
		open  bool
	}{
		"lost":           {dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, true},
		"answered oddly": {dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.voucher(code)
				c.fault.Call, c.fault.Times = "consume", 1
				r.fail(c.fault)
				op := r.consume(code, 1)
				other := r.beside(code)
				if !c.open {
					r.is(r.settle(op), models.Rejected, ReasonBusy)
					r.effects(code, 0, 0)
					return
				}
				r.during(time.Minute)
				r.is(r.now(op), models.Unknown, ReasonUnclear)
				r.effects(code, 0, 0)
				_, err := r.db.Journal.RejectConsume(r.Context(), other)
				r.must(err)
				r.is(r.settle(op), models.Done, "")
				r.effects(code, 1, 0)
			})
		})
	}
}
