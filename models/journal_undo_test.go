package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func pair(t *testing.T, db *models.DB, code string) models.Operation {
	t.Helper()
	op := begin(t, db, intent(code))
	op.UndoUntil = noon.Add(10 * time.Minute)
	op, err := db.Journal.FinishConsume(t.Context(), op, []models.Coupon{{Code: code, PriceFen: 100}, {Code: code + "-2", PriceFen: 200}})
	no(t, err)
	return op
}

func TestUndo(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := undoing(t, db, pair(t, db, "7992697494"))
		same(t, op.State, models.Undoing)
		same(t, op.UndoUser, "李四")
		stored(t, db, op)
		same(t, must(db.Journal.Live(ctx, 1, op.Code)), op)
		same(t, must(db.Journal.UndoneBy(ctx, "in-undo")), []models.Operation{op})
		same(t, len(must(db.Journal.UndoneBy(ctx, ""))), 0)

		clock.Advance(time.Minute)
		early := noon.Add(30 * time.Second)
		op, err := db.Journal.FinishUndo(ctx, op, []models.Coupon{{Code: op.Code, UndoneAt: early}})
		no(t, err)
		same(t, op.State, models.Undone)
		same(t, op.UndoneAt, noon.Add(time.Minute))
		stored(t, db, op)
		coupons := must(db.Journal.Coupons(ctx, op.ID))
		same(t, coupons[0].UndoneAt, early)
		same(t, coupons[1].UndoneAt, noon.Add(time.Minute)) // undone means all of it

		// The code may be verified anew.
		_, err = db.Journal.Live(ctx, 1, op.Code)
		want(t, err, models.ErrNotFound)
		next := intent("7992697494")
		next.ID, next.InboxID = "op-next", "in-next"
		begin(t, db, next)
	})
}

func TestUndoRefusedInPart(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		op := undoing(t, db, pair(t, db, "7992697494"))
		op.UndoReason, op.UndoMessage = "undo_too_late", "已超过撤销时间"
		op, err := db.Journal.RefuseUndo(ctx, op, []models.Coupon{
			{Code: "7992697494", UndoneAt: noon}, {Code: "7992697494-2", UndoReason: "undo_too_late"}, {Code: "never heard of", UndoneAt: noon},
		})
		no(t, err)
		same(t, op.State, models.Done)
		stored(t, db, op)
		same(t, must(db.Journal.Live(ctx, 1, op.Code)), op)
		coupons := must(db.Journal.Coupons(ctx, op.ID))
		same(t, len(coupons), 2)
		same(t, coupons[0].UndoneAt, noon)
		same(t, coupons[1].UndoneAt.IsZero(), true)
		same(t, coupons[1].UndoReason, "undo_too_late")

		// The next try starts afresh, and what was undone stays undone.
		op = undoing(t, db, op)
		same(t, op.UndoReason+op.UndoMessage, "")
		op, err = db.Journal.DoubtUndo(ctx, op, []models.Coupon{{Code: "7992697494"}, {Code: "7992697494-2", UndoReason: "timeout"}})
		no(t, err)
		same(t, op.State, models.UndoUnknown)
		same(t, op.DoubtSince, noon)
		stored(t, db, op)
		same(t, must(db.Journal.Coupons(ctx, op.ID))[0].UndoneAt, noon)
		op.UndoneAt = noon.Add(time.Minute)
		op, err = db.Journal.FinishUndo(ctx, op, nil)
		no(t, err)
		same(t, op.DoubtSince.IsZero(), true)
		coupons = must(db.Journal.Coupons(ctx, op.ID))
		same(t, coupons[0].UndoneAt, noon)
		same(t, coupons[1].UndoneAt, noon.Add(time.Minute))
		same(t, coupons[1].UndoReason, "")
	})
}

func TestBeginUndoRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		op := done(t, db, intent("7992697494"))
		in := asked(t, db, "in-undo")
		oneWins(t, race(20, func(int) error {
			_, err := db.Journal.BeginUndo(t.Context(), op, in)
			return err
		}), models.ErrStale)
	})
}

func TestLastUndoable(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		find := func(stores ...int64) string {
			op, err := db.Journal.LastUndoable(ctx, stores, "ZhangSan", clock.Now())
			if err != nil {
				want(t, err, models.ErrNotFound)
			}
			return op.Code
		}
		same(t, find(1), "")
		for i, code := range []string{"first", "second", "third"} {
			op := intent(code)
			op.CalledAt = noon.Add(time.Duration(i) * time.Minute)
			done(t, db, op)
		}
		other := intent("lisi's")
		other.UserID, other.CalledAt = "lisi", noon.Add(5*time.Minute)
		done(t, db, other)
		elsewhere := intent("elsewhere")
		elsewhere.StoreID, elsewhere.CalledAt = 2, noon.Add(6*time.Minute)
		done(t, db, elsewhere)
		inState(t, db, "calling", models.Calling)

		same(t, find(1), "third")
		same(t, find(1, 2), "elsewhere")
		same(t, find(), "")
		no(t, db.Journal.Supersede(ctx, must(db.Journal.Get(ctx, "op-third"))))
		same(t, find(1), "second")
		undoing(t, db, must(db.Journal.Get(ctx, "op-second")))
		same(t, find(1), "first")
		late := must(db.Journal.Get(ctx, "op-second"))
		late.UndoReason = models.UndoClosed[0]
		same(t, must(db.Journal.RefuseUndo(ctx, late, nil)).State, models.Done)
		same(t, find(1), "first")       // what the platform does not take back any more is not offered
		clock.Advance(10 * time.Minute) // the deadline itself is too late
		same(t, find(1), "")
	})
}
