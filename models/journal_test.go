package models_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestBegin(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		in := asked(t, db, "in-7992697494")
		var statements []string
		db.Watch(func(s string, _ []any) { statements = append(statements, s) })
		op, err := db.Journal.Begin(ctx, intent("7992697494"), in)
		no(t, err)
		if len(statements) != 1 || !strings.HasPrefix(statements[0], "INSERT") {
			t.Errorf("beginning took %q, want one INSERT", statements)
		}
		expect := intent("7992697494")
		expect.State, expect.Attempt, expect.CreatedAt = models.Calling, 1, noon
		same(t, op, expect)
		stored(t, db, op)
		same(t, must(db.Journal.Live(ctx, 1, "7992697494")), op)

		// The same step of the same message, whatever else it says.
		again := intent("7992697494")
		again.ID, again.Code = "op-again", "1111111111"
		got, err := db.Journal.Begin(ctx, again, in)
		want(t, err, models.ErrDuplicate)
		same(t, got, op)

		// Another message on the same code.
		other := intent("7992697494")
		other.ID, other.InboxID = "op-other", "in-other"
		got, err = db.Journal.Begin(ctx, other, asked(t, db, other.InboxID))
		want(t, err, models.ErrLive)
		same(t, got, op)

		// Another store has codes of its own; another step of a message too.
		other.StoreID = 2
		begin(t, db, other)
		next := intent("2222222222")
		next.InboxID, next.Seq = op.InboxID, 1
		begin(t, db, next)
		_, err = db.Journal.Live(ctx, 3, "7992697494")
		want(t, err, models.ErrNotFound)

		taken := intent("3333333333")
		taken.ID = op.ID
		_, err = db.Journal.Begin(ctx, taken, asked(t, db, taken.InboxID))
		want(t, err, models.ErrDuplicate)
	})
}

func TestBeginRefusesNameless(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		for _, spoil := range []func(*models.Operation){
			func(o *models.Operation) { o.Code = "" },
			func(o *models.Operation) { o.InboxID = "" },
			func(o *models.Operation) { o.StoreID = 0 },
			func(o *models.Operation) { o.Code = strings.Repeat("1", 65) },
			func(o *models.Operation) { o.Code = "1\x00" },
		} {
			op := intent("7992697494")
			spoil(&op)
			_, err := db.Journal.Begin(t.Context(), op, models.Inbox{ID: op.InboxID, Attempt: 1})
			want(t, err, models.ErrInvalid)
			_, err = db.Journal.Refuse(t.Context(), op)
			want(t, err, models.ErrInvalid)
		}
		op := intent("7992697494")
		op.ID = ""
		op, err := db.Journal.Begin(t.Context(), op, asked(t, db, op.InboxID))
		no(t, err)
		if len(op.ID) != 32 || strings.Trim(op.ID, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("made the ID %q", op.ID)
		}
		stored(t, db, op)
	})
}

func TestBeginRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ids := make([]string, 50)
		oneWins(t, race(50, func(i int) error {
			op := intent("7992697494")
			op.ID, op.InboxID = fmt.Sprint("op-", i), fmt.Sprint("in-", i)
			got, err := db.Journal.Begin(t.Context(), op, asked(t, db, op.InboxID))
			ids[i] = got.ID
			return err
		}), models.ErrLive)
		if all := slices.Compact(ids); len(all) != 1 {
			t.Errorf("the fifty were told of %d operations, want 1", len(all))
		}
	})
}

// Beginning inside a transaction sees who was first, although the transaction
// is older than that.
func TestBeginInTransaction(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		op := begin(t, db, intent("7992697494"))
		second, third := asked(t, db, "in-other"), asked(t, db, "in-1111111111")
		no(t, db.Tx(ctx, func(tx *models.DB) error {
			other := intent("7992697494")
			other.ID, other.InboxID = "op-other", "in-other"
			got, err := tx.Journal.Begin(ctx, other, second)
			want(t, err, models.ErrLive)
			same(t, got, op)
			_, err = tx.Journal.Begin(ctx, intent("1111111111"), third)
			return err
		}))
		if _, err := db.Journal.Get(ctx, "op-1111111111"); err != nil {
			t.Error("a lost race spoilt the transaction:", err)
		}
	})
}

func TestRefuse(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		live := begin(t, db, intent("7992697494"))
		op := intent("7992697494") // the code is live, and a refusal does not mind
		op.ID, op.InboxID = "op-refused", "in-refused"
		op.Outcome = models.Outcome{Reason: "already_used", Code: "1008", Message: "已被使用", TraceID: "trace"}
		op.UsedBy, op.UsedAt, op.OtherID = "李四", noon.Add(-time.Hour), live.ID
		op, err := db.Journal.Refuse(ctx, op)
		no(t, err)
		same(t, op.State, models.Rejected)
		same(t, op.DueAt.IsZero(), true)
		stored(t, db, op)

		clock.Advance(time.Minute)
		again := op
		again.ID, again.Title = "op-again", "other"
		got, err := db.Journal.Refuse(ctx, again)
		no(t, err)
		same(t, got, op)

		again.InboxID = live.InboxID
		got, err = db.Journal.Refuse(ctx, again)
		want(t, err, models.ErrDuplicate)
		same(t, got, live)
		again.ID, again.InboxID = live.ID, "in-yet-another"
		_, err = db.Journal.Refuse(ctx, again)
		want(t, err, models.ErrDuplicate)
	})
}

func TestFinishConsume(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := begin(t, db, intent("7992697494"))
		changed := op
		changed.Title, changed.PriceFen, changed.UndoUntil = "四人套餐", 19900, noon.Add(10*time.Minute)
		changed.ConsumedAt = noon.Add(time.Second)
		changed.Code, changed.User = "not to be changed", "nor this"
		coupons := []models.Coupon{
			{Code: "7992697494", OrderID: "o", DealID: 1, DealGroupID: 2, PriceFen: 9950, Payments: `[{"amount":"99.50"}]`},
			{Code: "7992697495", OrderID: "o", DealID: 1, DealGroupID: 2, PriceFen: 9950},
		}
		moved, err := db.Journal.FinishConsume(ctx, changed, coupons)
		no(t, err)
		expect := changed
		expect.State, expect.Attempt, expect.DueAt = models.Done, 2, time.Time{}
		same(t, moved, expect)
		expect.Code, expect.User = op.Code, op.User
		stored(t, db, expect)
		for i := range coupons {
			coupons[i].OperationID, coupons[i].StoreID, coupons[i].Visit = op.ID, 1, 1
		}
		same(t, must(db.Journal.Coupons(ctx, op.ID)), coupons)
		same(t, must(db.Journal.Live(ctx, 1, op.Code)).ID, op.ID)

		// Without a time of the platform's it is that of the call.
		bare := begin(t, db, intent("1111111111"))
		clock.Advance(time.Minute)
		bare, err = db.Journal.FinishConsume(ctx, bare, nil)
		no(t, err)
		same(t, bare.ConsumedAt, noon)
		same(t, len(must(db.Journal.Coupons(ctx, bare.ID))), 0)
	})
}

// No coupon is dropped without a word: each of a code has a visit of its own.
func TestCouponsAreInsertedOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		op := begin(t, db, intent("7992697494"))
		pair := []models.Coupon{{Code: "A", PriceFen: 1}, {Code: "A", PriceFen: 2}, {Code: "B", PriceFen: 3}}
		_, err := db.Journal.FinishConsume(ctx, op, pair)
		want(t, err, models.ErrInvalid)
		same(t, must(db.Journal.Get(ctx, op.ID)), op) // rolled back
		pair[1].Visit = 2
		_, err = db.Journal.FinishConsume(ctx, op, pair)
		no(t, err)
		got := must(db.Journal.Coupons(ctx, op.ID))
		same(t, len(got), 3)
		same(t, got[1].PriceFen, int64(2))
		_, err = db.Journal.FinishConsume(ctx, op, pair)
		want(t, err, models.ErrStale)
		same(t, must(db.Journal.Coupons(ctx, op.ID)), got)
		_, err = db.Journal.FinishConsume(ctx, begin(t, db, intent("1111111111")), []models.Coupon{{Code: ""}})
		want(t, err, models.ErrInvalid)
		same(t, must(db.Journal.Get(ctx, "op-1111111111")).State, models.Calling) // rolled back
	})
}

func TestDoubtAndSettle(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := begin(t, db, intent("7992697494"))
		clock.Advance(3 * time.Second)
		op.DueAt = clock.Now().Add(time.Second)
		op.Outcome = models.Outcome{Reason: "timeout"}
		op, err := db.Journal.DoubtConsume(ctx, op)
		no(t, err)
		same(t, op.DoubtSince, noon.Add(3*time.Second))
		stored(t, db, op)
		same(t, must(db.Journal.Live(ctx, 1, op.Code)), op)

		clock.Advance(time.Second)
		same(t, must(db.Journal.Due(ctx, models.Of{}, clock.Now(), 10)), []models.Operation{op})
		op, err = db.Journal.Claim(ctx, op, clock.Now().Add(20*time.Second))
		no(t, err)
		stored(t, db, op)
		same(t, op.State, models.Unknown)
		op.DueAt = clock.Now().Add(5 * time.Second)
		op, err = db.Journal.DoubtConsume(ctx, op) // still not known
		no(t, err)
		same(t, op.DoubtSince, noon.Add(3*time.Second))
		op, err = db.Journal.FlagNeedsHuman(ctx, op)
		no(t, err)
		same(t, op.NeedsHuman, true)
		stored(t, db, op)
		op, err = db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code, PriceFen: 4990}})
		no(t, err)
		same(t, op.DoubtSince.IsZero() && op.DueAt.IsZero(), true)
		stored(t, db, op)
	})
}

// The code of a refused operation may be tried again at once.
func TestRejectFreesTheCode(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		op := begin(t, db, intent("7992697494"))
		op.Outcome = models.Outcome{Reason: "refunding", Code: "1010", Message: "退款中"}
		op, err := db.Journal.RejectConsume(t.Context(), op)
		no(t, err)
		stored(t, db, op)
		_, err = db.Journal.Live(t.Context(), 1, op.Code)
		want(t, err, models.ErrNotFound)
		next := intent("7992697494")
		next.ID, next.InboxID = "op-next", "in-next"
		begin(t, db, next)
	})
}

func TestSupersede(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		op := done(t, db, intent("7992697494"))
		no(t, db.Journal.Supersede(ctx, op))
		want(t, db.Journal.Supersede(ctx, op), models.ErrStale)
		got := must(db.Journal.Get(ctx, op.ID))
		same(t, got.Superseded, true)
		same(t, got.State, models.Done)
		want(t, db.Journal.Supersede(ctx, got), models.ErrStale) // once is enough
		_, err := db.Journal.BeginUndo(ctx, got, asked(t, db, "in-undo"))
		want(t, err, models.ErrStale)

		next := intent("7992697494")
		next.ID, next.InboxID = "op-next", "in-next"
		next = done(t, db, next)
		same(t, must(db.Journal.Live(ctx, 1, op.Code)), next)
		same(t, must(db.Journal.ByCoupon(ctx, 1, op.Code)), next)
	})
}

// Every move from every state: the legal ones work, the others are stale and
// change nothing.
func TestMoves(t *testing.T) {
	moves := map[string]struct {
		from []models.State
		call func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error)
	}{
		"FinishConsume": {[]models.State{models.Calling, models.Unknown, models.Held}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: "stray"}})
		}},
		"RejectConsume": {[]models.State{models.Calling, models.Unknown, models.Held}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.RejectConsume(ctx, op)
		}},
		"DoubtConsume": {[]models.State{models.Calling, models.Unknown, models.Held}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.DoubtConsume(ctx, op)
		}},
		"HeldConsume": {[]models.State{models.Calling, models.Unknown, models.Held}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.HeldConsume(ctx, op)
		}},
		"BeginUndo": {[]models.State{models.Done}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.BeginUndo(ctx, op, models.Inbox{ID: "in-undo", Attempt: 1})
		}},
		"FinishUndo": {[]models.State{models.Undoing, models.UndoUnknown}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.FinishUndo(ctx, op, nil)
		}},
		"RefuseUndo": {[]models.State{models.Undoing, models.UndoUnknown}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.RefuseUndo(ctx, op, nil)
		}},
		"DoubtUndo": {[]models.State{models.Undoing, models.UndoUnknown}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.DoubtUndo(ctx, op, nil)
		}},
		"Claim": {[]models.State{models.Calling, models.Unknown, models.Held, models.Undoing, models.UndoUnknown}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.Claim(ctx, op, noon.Add(2*time.Hour))
		}},
		"FlagNeedsHuman": {[]models.State{models.Calling, models.Unknown, models.Held, models.Undoing, models.UndoUnknown}, func(ctx context.Context, db *models.DB, op models.Operation) (models.Operation, error) {
			return db.Journal.FlagNeedsHuman(ctx, op)
		}},
	}
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		n := 0
		asked(t, db, "in-undo")
		for name, m := range moves {
			for _, state := range states {
				n++
				op := inState(t, db, fmt.Sprint(10000000+n), state)
				clock.Advance(time.Hour) // everything is due
				stale := op
				stale.Attempt--
				if _, err := m.call(ctx, db, stale); err == nil {
					t.Errorf("%s from %s with an old attempt succeeded", name, state)
				}
				stored(t, db, op)
				moved, err := m.call(ctx, db, op)
				if !slices.Contains(m.from, state) {
					want(t, err, models.ErrStale)
					stored(t, db, op)
				} else {
					if err != nil {
						t.Errorf("%s from %s: %v", name, state, err)
					}
					if moved.Attempt != op.Attempt+1 {
						t.Errorf("%s from %s: attempt %d, then %d", name, state, op.Attempt, moved.Attempt)
					}
					stored(t, db, moved)
					_, err = m.call(ctx, db, op) // with what was read before
					want(t, err, models.ErrStale)
				}
				clock.Advance(-time.Hour)
			}
		}
	})
}

func TestSettlingRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := inState(t, db, "7992697494", models.Unknown)
		clock.Advance(time.Hour)
		oneWins(t, race(20, func(i int) error {
			switch i % 4 {
			case 0:
				_, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}})
				return err
			case 1:
				_, err := db.Journal.RejectConsume(ctx, op)
				return err
			case 2:
				_, err := db.Journal.DoubtConsume(ctx, op)
				return err
			}
			_, err := db.Journal.Claim(ctx, op, noon.Add(2*time.Hour))
			return err
		}), models.ErrStale)
	})
}

func TestDueOperations(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i, state := range states {
			inState(t, db, fmt.Sprint(10000000+i), state)
		}
		same(t, len(must(db.Journal.Due(ctx, models.Of{}, noon.Add(-time.Second), 10))), 0)
		var got []models.State
		for _, op := range must(db.Journal.Due(ctx, models.Of{}, noon.Add(time.Hour), 10)) {
			got = append(got, op.State)
		}
		slices.Sort(got)
		same(t, got, []models.State{models.Calling, models.Held, models.UndoUnknown, models.Undoing, models.Unknown})
		same(t, len(must(db.Journal.Due(ctx, models.Of{}, noon.Add(time.Hour), 3))), 3)

		// A claimed one is out of reach until the lease ends.
		clock.Advance(time.Hour)
		op := must(db.Journal.Due(ctx, models.Of{}, clock.Now(), 1))[0]
		no(t, second(db.Journal.Claim(ctx, op, clock.Now().Add(time.Minute))))
		same(t, len(must(db.Journal.Due(ctx, models.Of{}, clock.Now(), 10))), 4)
		clock.Advance(time.Minute)
		same(t, len(must(db.Journal.Due(ctx, models.Of{}, clock.Now(), 10))), 5)

		_, err := db.Journal.Claim(ctx, begin(t, db, intentDue("555", clock.Now().Add(time.Second))), clock.Now())
		want(t, err, models.ErrStale) // its owner is at work
	})
}

func intentDue(code string, at time.Time) models.Operation {
	op := intent(code)
	op.DueAt = at
	return op
}

func second[T any](_ T, err error) error { return err }

// What the platform says never keeps an outcome from being recorded.
func TestEndlessText(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		op := begin(t, db, intent("7992697494"))
		long := strings.Repeat("券🎫", 5000)
		op.Title, op.Mobile, op.OrderID, op.UsedBy = long, long, long, "a\x00b\xffc"
		op.Outcome = models.Outcome{Reason: long, Code: long, Message: long, TraceID: long}
		op.VoucherExpires = time.UnixMilli(253402300800000000) // nonsense
		op.UsedAt = time.Unix(1, 1999)
		op, err := db.Journal.RejectConsume(t.Context(), op)
		no(t, err)
		same(t, op.Message, strings.Repeat("券🎫", 250))
		same(t, op.Outcome.Code, strings.Repeat("券🎫", 32))
		same(t, op.UsedBy, "ab\uFFFDc")
		same(t, op.VoucherExpires.IsZero(), true)
		same(t, op.UsedAt, time.Unix(1, 1000).UTC())
		stored(t, db, op)
		no(t, db.Calls.Log(t.Context(), []models.Call{{OperationID: op.ID, Name: long, Class: long, Outcome: op.Outcome}}))
	})
}
