package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestAlert(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		alert := func(id string) bool { return must(db.Alerts.Claim(t.Context(), id, time.Hour)) }
		same(t, alert("open/1"), true)
		same(t, alert("open/1"), false)
		same(t, alert("open/2"), true)
		clock.Advance(time.Hour - time.Microsecond)
		same(t, alert("open/1"), false)
		clock.Advance(time.Microsecond)
		same(t, alert("open/1"), true)
		same(t, alert("open/1"), false)

		same(t, must(db.Alerts.Told(t.Context(), "open/1")), clock.Now())
		_, err := db.Alerts.Told(t.Context(), "open/9")
		want(t, err, models.ErrNotFound)

		won := make(chan bool, 8)
		for range 8 {
			go func() {
				ok, err := db.Alerts.Claim(t.Context(), "open/3", time.Hour)
				won <- ok && err == nil
			}()
		}
		n := 0
		for range 8 {
			if <-won {
				n++
			}
		}
		same(t, n, 1)

		clock.Advance(time.Minute)
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now().Add(-time.Minute), 10, "open/", "x")), 0)
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now().Add(-time.Minute), 10, "open/1")), 1) // open/2
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now(), 1)), 1)
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now(), 10)), 1)
		_, err = db.Alerts.Claim(t.Context(), "", time.Hour)
		if err == nil {
			t.Error("an alert about nothing")
		}
	})
}

// What a rule has told of in a transaction that was not committed is told again.
func TestAlertNotTold(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		err := db.Tx(t.Context(), func(tx *models.DB) error {
			same(t, must(tx.Alerts.Claim(t.Context(), "open/1", time.Hour)), true)
			return models.ErrStale
		})
		want(t, err, models.ErrStale)
		same(t, must(db.Alerts.Claim(t.Context(), "open/1", time.Hour)), true)
	})
}

// What happens at the accounts of one store happens in the store: a threshold is met by
// all of them together, and each other store by itself.
func TestSeenByStore(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, bothPlatforms()))
		stores := must(db.Directory.Stores(ctx))
		one, further, other := stores[0].ID, stores[0].Further[0].ID, stores[1].ID
		verified := func(account int64, code string, change func(*models.Operation)) models.Operation {
			op := intent(code)
			op.StoreID, op.Count, op.Mobile, op.UserID, op.User, op.OrderID = account, 2, "138****0000", "zhangsan", "张三", "8001"
			op.ConsumedAt = noon
			change(&op)
			return done(t, db, op)
		}
		for i, account := range []int64{one, further, further, other} {
			verified(account, fmt.Sprint("c", i), func(op *models.Operation) { op.ConsumedAt = noon.Add(time.Duration(3-i) * time.Minute) })
			undo := undoing(t, db, verified(account, fmt.Sprint("u", i), func(*models.Operation) {}))
			no(t, second(db.Journal.FinishUndo(ctx, undo, nil)))
		}
		verified(further, "l", func(op *models.Operation) {
			op.UserID, op.User, op.Mobile, op.OrderID = "lisi", "李四", "139****1111", "8002"
		})
		for _, account := range []int64{further, one} {
			op := intent(fmt.Sprint("d", account))
			op.StoreID = account
			no(t, second(db.Journal.DoubtConsume(ctx, begin(t, db, op))))
		}

		from, to := noon.Add(-time.Hour), noon.Add(time.Hour)
		type seen struct {
			store           int64
			subject, user   string
			times, of       int
			minutesPastNoon int
		}
		brief := func(list []models.Seen, err error) (all []seen) {
			t.Helper()
			no(t, err)
			for _, s := range list {
				all = append(all, seen{s.StoreID, s.Subject, s.UserID, s.Times, s.Of, int(s.First.Sub(noon) / time.Minute)})
			}
			return all
		}
		check := func(got []seen, want ...seen) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		check(brief(db.Alerts.ConsumedBetween(ctx, from, to)), seen{one, "张三", "", 7, 0, 0}, seen{other, "张三", "", 2, 0, 0})
		same(t, must(db.Alerts.StoresConsuming(ctx, from, to)), []int64{one, other})
		check(brief(db.Alerts.PhoneCoupons(ctx, from, 3)), seen{one, "138****0000", "", 6, 0, 1})
		check(brief(db.Alerts.PhoneCoupons(ctx, from, 7)))
		check(brief(db.Alerts.UndoneOrders(ctx, from, 3)), seen{one, "8001", "zhangsan", 3, 0, 0})
		check(brief(db.Alerts.UndoneBy(ctx, from)), seen{one, "张三", "zhangsan", 3, 6, 0}, seen{one, "李四", "lisi", 0, 1, 0}, seen{other, "张三", "zhangsan", 1, 2, 0})
		if doubts := must(db.Alerts.Doubtful(ctx)); len(doubts) != 1 || doubts[0].StoreID != one || doubts[0].Times != 2 {
			t.Errorf("doubts: %+v", doubts)
		}
	})
}

// What was told is over once it is forgotten, and whether something was verified since is
// the account's alone.
func TestAlertForgotten(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for range 2 {
			if !must(db.Alerts.Claim(ctx, "x", time.Hour)) {
				t.Error("told already")
			}
			no(t, db.Alerts.Forget(ctx, "x"))
			no(t, db.Alerts.Forget(ctx, "x"))
			_, err := db.Alerts.Told(ctx, "x")
			want(t, err, models.ErrNotFound)
		}
		at := clock.Now()
		clock.Advance(time.Minute)
		op := begin(t, db, models.Operation{ID: "op-1", StoreID: 1, Code: "7992697494", InboxID: "m-1"})
		if must(db.Alerts.Consumed(ctx, 1, at)) {
			t.Error("what is under way counts as verified")
		}
		must(db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: "7992697494"}}))
		for account, since := range map[int64]time.Time{1: at, 2: at, 3: clock.Now().Add(time.Minute)} {
			if got := must(db.Alerts.Consumed(ctx, account, since)); got != (account == 1) {
				t.Errorf("account %d: %v", account, got)
			}
		}
	})
}
