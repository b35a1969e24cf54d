package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// What the platform keeps back is under way, and no doubt; it may end in any way.
func TestHeld(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, twoStores()))
		op := begin(t, db, intent("7992697494"))
		op.DueAt, op.Outcome = noon.Add(time.Minute), models.Outcome{Reason: "being_verified", Code: "1229"}
		clock.Advance(time.Second)
		op, err := db.Journal.HeldConsume(ctx, op)
		no(t, err)
		stored(t, db, op)
		same(t, op.State, models.Held)
		same(t, op.DoubtSince, noon.Add(time.Second))
		same(t, must(db.Journal.Live(ctx, 1, op.Code)), op)
		same(t, must(db.Journal.ByCoupon(ctx, 1, op.Code)), op)
		same(t, must(db.History.Undecided(ctx, 1, noon, noon.Add(time.Second))), []models.Operation{op})
		same(t, len(must(db.Alerts.Doubtful(ctx))), 0)
		same(t, must(db.Alerts.Held(ctx)), []models.Seen{{StoreID: 1, Times: 1, First: op.DoubtSince}})
		same(t, op.State.Terminal(), false)

		op, err = db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}})
		no(t, err)
		stored(t, db, op)
		same(t, op.DoubtSince.IsZero() && op.DueAt.IsZero(), true)
		same(t, len(must(db.Alerts.Held(ctx))), 0)
	})
}

// A process of an earlier version, beside this one or in its place, finds no state that
// it knows: it neither takes the operation up nor moves it, and its code stays live.
func TestHeldIsNothingToAnEarlierVersion(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := inState(t, db, "7992697494", models.Held)
		clock.Advance(100 * time.Hour)
		for _, states := range []string{ // as it lists them: due and claimed, finished, counted as doubts, as refusals
			"'calling', 'unknown', 'undoing', 'undo_unknown'", "'calling', 'unknown'", "'unknown', 'undo_unknown'", "'rejected'", "'done'",
		} {
			var n int
			no(t, db.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM operations WHERE state IN ("+states+")").Scan(&n))
			same(t, n, 0)
		}
		next := intent(op.Code)
		next.ID, next.InboxID = "op-next", "in-next"
		found, err := db.Journal.Begin(ctx, next, asked(t, db, next.InboxID)) // the same in every version
		want(t, err, models.ErrLive)
		same(t, found, op)
	})
}
