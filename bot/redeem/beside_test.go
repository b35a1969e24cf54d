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
	"yanquan/models"
	"yanquan/models/modelstest"
)

// slowShop is a shop whose every answer takes a while. It has one voucher, or none.
type slowShop struct {
	platform.Shop
	look, consume time.Duration
	has           string
}

func (s slowShop) UndoWindow() time.Duration { return 10 * time.Minute }

func (s slowShop) Look(_ context.Context, code string) platform.Looked {
	time.Sleep(s.look)
	if code != s.has {
		return platform.Looked{Said: platform.Said{Call: "prepare", Why: platform.NotFound, Reason: platform.NotFound, Class: "refused", Decided: true}, Proves: platform.Void}
	}
	return platform.Looked{Said: platform.Said{Call: "prepare"}, Proves: platform.Usable, Voucher: platform.Voucher{Code: code}}
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
	account, _, _, err := r.db.Directory.Connect(r.Context(), models.Account{Platform: platform.DouyinName, ShopID: "7000000000000000001", Name: "抖音店"})
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
