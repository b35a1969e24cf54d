package models_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// noon is when the tests' clock starts; it has odd microseconds so that a loss
// of precision shows.
var noon = time.Date(2026, 11, 23, 4, 0, 0, 123457000, time.UTC)

// each runs a test on every database, by a clock that stands.
func each(t *testing.T, fn func(t *testing.T, db *models.DB, clock *modelstest.Clock)) {
	t.Helper()
	t.Parallel()
	clocks := sync.Map{}
	modelstest.Each(t, func(t *testing.T, db *models.DB) {
		clock, _ := clocks.Load(db.Driver())
		fn(t, db, clock.(*modelstest.Clock))
	}, func(cfg *models.Config) {
		clock := modelstest.NewClock(noon)
		clocks.Store(cfg.Driver, clock)
		modelstest.WithClock(clock)(cfg)
	})
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err error, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want one that matches %q", err, target)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("differs (-want +got):\n%s", d)
	}
}

func message(id string) models.Inbox {
	return models.Inbox{
		ID: "in-" + id, Channel: "app/main", MessageID: id, Chat: "wrChat", User: "zhangsan",
		Payload: []byte("验 " + id), DueAt: noon.Add(30 * time.Second),
	}
}

func accept(t *testing.T, db *models.DB, id string) models.Inbox {
	t.Helper()
	in, fresh, err := db.Inbox.Accept(t.Context(), message(id))
	no(t, err)
	if !fresh {
		t.Fatalf("message %s is not fresh", id)
	}
	return in
}

// intent is an operation of a message, as the bot would begin it.
func intent(code string) models.Operation {
	return models.Operation{
		ID: "op-" + code, StoreID: 1, Code: code, Count: 1, DueAt: noon.Add(20 * time.Second),
		InboxID: "in-" + code, Channel: "app/main", Chat: "wrChat", UserID: "zhangsan", User: "张三",
		DealID: 11, DealGroupID: 12, OrderID: "order-" + code, Title: "双人烤鱼🐟套餐", PriceFen: 4990, MarketFen: 9900,
		Mobile: "138****0000", VoucherExpires: noon.AddDate(0, 1, 0), CalledAt: noon,
	}
}

// asked is the message that asks for an operation, accepted where it was not yet.
func asked(t testing.TB, db *models.DB, inboxID string) models.Inbox {
	t.Helper()
	in := message(strings.TrimPrefix(inboxID, "in-"))
	in.ID = inboxID
	in, _, err := db.Inbox.Accept(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func begin(t *testing.T, db *models.DB, op models.Operation) models.Operation {
	t.Helper()
	op, err := db.Journal.Begin(t.Context(), op, asked(t, db, op.InboxID))
	no(t, err)
	return op
}

// done makes a verified operation with one coupon.
func done(t *testing.T, db *models.DB, op models.Operation) models.Operation {
	t.Helper()
	op = begin(t, db, op)
	op.UndoUntil = op.CalledAt.Add(10 * time.Minute)
	op, err := db.Journal.FinishConsume(t.Context(), op, []models.Coupon{{Code: op.Code, OrderID: op.OrderID, PriceFen: op.PriceFen}})
	no(t, err)
	return op
}

func undoing(t *testing.T, db *models.DB, op models.Operation) models.Operation {
	t.Helper()
	op.UndoUserID, op.UndoUser, op.UndoCalledAt, op.DueAt = "lisi", "李四", noon, noon.Add(time.Minute)
	op, err := db.Journal.BeginUndo(t.Context(), op, asked(t, db, "in-undo"))
	no(t, err)
	return op
}

// stored checks that an operation is kept exactly as it was returned.
func stored(t *testing.T, db *models.DB, op models.Operation) {
	t.Helper()
	got, err := db.Journal.Get(t.Context(), op.ID)
	no(t, err)
	same(t, got, op)
}

// inState brings a new operation into a state by legal moves.
func inState(t *testing.T, db *models.DB, code string, state models.State) models.Operation {
	t.Helper()
	switch state {
	case models.Calling:
		return begin(t, db, intent(code))
	case models.Unknown:
		op, err := db.Journal.DoubtConsume(t.Context(), begin(t, db, intent(code)))
		no(t, err)
		return op
	case models.Held:
		op, err := db.Journal.HeldConsume(t.Context(), begin(t, db, intent(code)))
		no(t, err)
		return op
	case models.Rejected:
		op, err := db.Journal.RejectConsume(t.Context(), begin(t, db, intent(code)))
		no(t, err)
		return op
	case models.Done:
		return done(t, db, intent(code))
	case models.Undoing:
		return undoing(t, db, done(t, db, intent(code)))
	case models.UndoUnknown:
		op, err := db.Journal.DoubtUndo(t.Context(), undoing(t, db, done(t, db, intent(code))), nil)
		no(t, err)
		return op
	case models.Undone:
		op, err := db.Journal.FinishUndo(t.Context(), undoing(t, db, done(t, db, intent(code))), nil)
		no(t, err)
		return op
	}
	t.Fatalf("no way to state %q", state)
	return models.Operation{}
}

var states = []models.State{
	models.Calling, models.Unknown, models.Held, models.Done, models.Rejected, models.Undoing, models.UndoUnknown, models.Undone,
}

// race runs fn n times at once and returns the errors.
func race(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWins checks that exactly one of a race succeeded and all others lost in the
// expected way.
func oneWins(t *testing.T, errs []error, lost ...error) {
	t.Helper()
	wins := 0
	for _, err := range errs {
		if err == nil {
			wins++
			continue
		}
		ok := false
		for _, l := range lost {
			ok = ok || errors.Is(err, l)
		}
		if !ok {
			t.Errorf("a loser got %v, want one of %v", err, lost)
		}
	}
	if wins != 1 {
		t.Errorf("%d won, want 1", wins)
	}
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
