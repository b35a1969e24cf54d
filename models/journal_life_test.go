package models_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// follow makes an operation live in place of another on the same code, both of which come
// a second after what was before.
func follow(t *testing.T, db *models.DB, clock *modelstest.Clock, op models.Operation, id string) models.Operation {
	t.Helper()
	return followBy(t, db, clock, op, id, op.Code)
}

// followBy is follow with another code of what op has consumed. What is superseded already is
// followed as it is.
func followBy(t *testing.T, db *models.DB, clock *modelstest.Clock, op models.Operation, id, code string) models.Operation {
	t.Helper()
	clock.Advance(time.Second)
	next := intent(code)
	next.ID, next.InboxID, next.OtherID, next.StoreID = id, "in-"+id, op.ID, op.StoreID
	in := asked(t, db, next.InboxID)
	no(t, db.Tx(t.Context(), func(tx *models.DB) (err error) {
		now := must(tx.Journal.Get(t.Context(), op.ID))
		if err := tx.Journal.Supersede(t.Context(), now); err != nil && !now.Superseded {
			return err
		}
		next, err = tx.Journal.Begin(t.Context(), next, in)
		return err
	}))
	return next
}

// The ends of an operation that has consumed nothing, or nothing any more.
var endings = map[string]func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error{
	"rejected": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		return second(db.Journal.RejectConsume(ctx, op))
	},
	"rejected after a doubt": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		op, err := db.Journal.DoubtConsume(ctx, op)
		no(t, err)
		return second(db.Journal.RejectConsume(ctx, op))
	},
	"let go": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		op, err := db.Journal.HeldConsume(ctx, op)
		no(t, err)
		return second(db.Journal.RejectConsume(ctx, op))
	},
	"undone": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		op, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}})
		no(t, err)
		return second(db.Journal.FinishUndo(ctx, undoing(t, db, op), nil))
	},
	"undone after a doubt": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		op, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}})
		no(t, err)
		op, err = db.Journal.DoubtUndo(ctx, undoing(t, db, op), nil)
		no(t, err)
		return second(db.Journal.FinishUndo(ctx, op, nil))
	},
	"undone at the platform": func(ctx context.Context, t *testing.T, db *models.DB, op models.Operation) error {
		op, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}})
		no(t, err)
		return undoneThere(ctx, db, op)
	},
}

// undoneThere ends an operation whose coupons were undone at the platform.
func undoneThere(ctx context.Context, db *models.DB, op models.Operation) error {
	coupons, err := db.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return err
	}
	op.UndoneAt = op.ConsumedAt.Add(time.Minute)
	for i := range coupons {
		coupons[i].UndoneAt = op.UndoneAt
	}
	return second(db.Journal.UndoneThere(ctx, op, coupons))
}

// What an operation has followed is live again once that operation has consumed nothing, or
// was undone, and so on beneath it.
func TestLiveAgain(t *testing.T) {
	for name, ends := range endings {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
				ctx := t.Context()
				elsewhere := intent("7992697494")
				elsewhere.ID, elsewhere.InboxID, elsewhere.StoreID = "op-elsewhere", "in-elsewhere", 2
				elsewhere = done(t, db, elsewhere)
				no(t, db.Journal.Supersede(ctx, elsewhere))
				first := done(t, db, intent("7992697494"))
				middle := follow(t, db, clock, first, "op-middle")
				middle.UndoUntil = middle.CalledAt.Add(10 * time.Minute)
				middle, err := db.Journal.FinishConsume(ctx, middle, []models.Coupon{{Code: middle.Code}})
				no(t, err)
				last := follow(t, db, clock, middle, "op-last")

				no(t, ends(ctx, t, db, last))
				got := must(db.Journal.Live(ctx, 1, first.Code))
				same(t, []any{got.ID, got.State, got.Superseded}, []any{middle.ID, models.Done, false})
				same(t, must(db.Journal.ByCoupon(ctx, 1, first.Code)), got)
				same(t, must(db.Journal.LastUndoable(ctx, []int64{1}, "zhangsan", clock.Now())), got)
				same(t, must(db.Journal.Get(ctx, first.ID)).Superseded, true)
				same(t, must(db.Journal.Get(ctx, elsewhere.ID)).Superseded, true)
				_, err = db.Journal.BeginUndo(ctx, middle, asked(t, db, "in-undo")) // as it was read before
				want(t, err, models.ErrStale)

				no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, got), nil)))
				got = must(db.Journal.Live(ctx, 1, first.Code))
				same(t, got.ID, first.ID)
				no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, got), nil)))
				_, err = db.Journal.Live(ctx, 1, first.Code)
				want(t, err, models.ErrNotFound)
			})
		})
	}
}

// byLink is a verification that was asked for by a link, whose coupon has a code of its own.
func byLink(t *testing.T, db *models.DB, link, code string) models.Operation {
	t.Helper()
	op := begin(t, db, intent(link))
	op.UndoUntil = op.CalledAt.Add(10 * time.Minute)
	op, err := db.Journal.FinishConsume(t.Context(), op, []models.Coupon{{Code: code}})
	no(t, err)
	return op
}

// What follows by another code of the same coupons gives the life back like any other.
func TestLiveAgainByAnotherCode(t *testing.T) {
	const link, code = "link-1", "7992697494"
	for name, ends := range endings {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
				ctx := t.Context()
				first := byLink(t, db, link, code)
				clock.Advance(time.Second)
				other := byLink(t, db, "link-2", "7992697495")
				no(t, db.Journal.Supersede(ctx, other))
				next := followBy(t, db, clock, first, "op-next", code)
				same(t, must(db.Journal.Get(ctx, first.ID)).Superseded, true)

				no(t, ends(ctx, t, db, next))
				got := must(db.Journal.Live(ctx, 1, link))
				same(t, []any{got.ID, got.State, got.Superseded}, []any{first.ID, models.Done, false})
				same(t, must(db.Journal.ByCoupon(ctx, 1, code)), got)
				same(t, must(db.Journal.LastUndoable(ctx, []int64{1}, "zhangsan", clock.Now())), got)
				same(t, must(db.Journal.Get(ctx, other.ID)).Superseded, true)
			})
		})
	}
}

// What was undone at the platform beneath one that stands revives nothing beneath itself,
// until that one has ended, too.
func TestUndoneThereBeneath(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := done(t, db, intent("7992697494"))
		middle := follow(t, db, clock, first, "op-middle")
		middle, err := db.Journal.FinishConsume(ctx, middle, []models.Coupon{{Code: middle.Code}})
		no(t, err)
		last := follow(t, db, clock, middle, "op-last")

		no(t, undoneThere(ctx, db, must(db.Journal.Get(ctx, middle.ID))))
		same(t, must(db.Journal.Get(ctx, first.ID)).Superseded, true)
		same(t, must(db.Journal.Live(ctx, 1, first.Code)), last)
		no(t, second(db.Journal.RejectConsume(ctx, last)))
		same(t, must(db.Journal.Live(ctx, 1, first.Code)).ID, first.ID)
	})
}

// What was undone at the platform in part stands as it did: live, or superseded.
func TestUndoneThereInPart(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := pair(t, db, "7992697494")
		coupons := must(db.Journal.Coupons(ctx, first.ID))
		coupons[0].UndoneAt = clock.Now()
		first, err := db.Journal.UndoneThere(ctx, first, coupons[:1])
		no(t, err)
		same(t, []any{first.State, first.Superseded}, []any{models.Done, false})
		stored(t, db, first)

		next := follow(t, db, clock, first, "op-next")
		coupons[1].UndoneAt = clock.Now()
		first, err = db.Journal.UndoneThere(ctx, must(db.Journal.Get(ctx, first.ID)), coupons[1:])
		no(t, err)
		same(t, []any{first.State, first.Superseded}, []any{models.Done, true})
		stored(t, db, first)
		same(t, must(db.Journal.Live(ctx, 1, first.Code)), next)
	})
}

// Two that follow one by different codes give its life back once both have ended, in
// whichever order, and at the same moment.
func TestLiveAgainAfterTwo(t *testing.T) {
	const link, code = "link-1", "7992697494"
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for try := range 20 {
			link, code := fmt.Sprint(link, try), fmt.Sprint(code, try)
			first := byLink(t, db, link, code)
			ends := []models.Operation{
				followBy(t, db, clock, first, "op-by-code"+code, code),
				followBy(t, db, clock, first, "op-by-link"+code, link),
			}
			if try >= 2 {
				for _, err := range race(2, func(i int) error { return second(db.Journal.RejectConsume(ctx, ends[i])) }) {
					no(t, err)
				}
			} else {
				no(t, second(db.Journal.RejectConsume(ctx, ends[try])))
				same(t, must(db.Journal.Get(ctx, first.ID)).Superseded, true)
				no(t, second(db.Journal.RejectConsume(ctx, ends[1-try])))
			}
			same(t, must(db.Journal.Live(ctx, 1, link)).ID, first.ID)
			clock.Advance(time.Second)
		}
	})
}

// Where its code was verified anew by a process whose clock is behind, that one stays live.
func TestLiveAgainTaken(t *testing.T) {
	const link, code = "link-1", "7992697494"
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		first := byLink(t, db, link, code)
		next := followBy(t, db, clock, first, "op-next", code)
		anew := intent(link)
		anew.ID, anew.InboxID, anew.CreatedAt = "op-anew", "in-anew", first.CreatedAt.Add(-time.Minute)
		anew = begin(t, db, anew)
		no(t, second(db.Journal.RejectConsume(t.Context(), next)))
		same(t, must(db.Journal.Live(t.Context(), 1, link)), anew)
		same(t, must(db.Journal.Get(t.Context(), first.ID)).Superseded, true)
	})
}

// It stays as it was while the one that follows may have consumed, or has.
func TestNotLiveAgain(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := done(t, db, intent("7992697494"))
		next := follow(t, db, clock, first, "op-next")
		still := func(op models.Operation, err error) models.Operation {
			t.Helper()
			no(t, err)
			same(t, must(db.Journal.Get(ctx, first.ID)).Superseded, true)
			same(t, must(db.Journal.Live(ctx, 1, first.Code)).ID, next.ID)
			return op
		}
		next = still(db.Journal.DoubtConsume(ctx, next))
		next = still(db.Journal.HeldConsume(ctx, next))
		coupons := []models.Coupon{{Code: next.Code}, {Code: next.Code, Visit: 2}}
		next = still(db.Journal.FinishConsume(ctx, next, coupons))
		coupons[1].UndoneAt = clock.Now()
		next = still(undoing(t, db, next), nil)
		next = still(db.Journal.RefuseUndo(ctx, next, coupons)) // one of two
		next = still(undoing(t, db, next), nil)
		still(db.Journal.DoubtUndo(ctx, next, coupons))
	})
}

// Where the transaction fails nothing is live but what was.
func TestLiveAgainOrNot(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := done(t, db, intent("7992697494"))
		next := follow(t, db, clock, first, "op-next")
		failed := context.Canceled
		want(t, db.Tx(ctx, func(tx *models.DB) error {
			no(t, second(tx.Journal.RejectConsume(ctx, next)))
			same(t, must(tx.Journal.Live(ctx, 1, first.Code)).ID, first.ID)
			return failed
		}), failed)
		same(t, must(db.Journal.Live(ctx, 1, first.Code)), next)
	})
}

// Whoever ends the follower and whoever verifies the code again at that moment: one
// operation is live, whichever.
func TestLiveAgainRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := done(t, db, intent("7992697494"))
		next := follow(t, db, clock, first, "op-next")
		fresh := intent(first.Code)
		fresh.ID, fresh.InboxID = "op-fresh", "in-fresh"
		in := asked(t, db, fresh.InboxID)
		errs := race(2, func(i int) error {
			if i == 0 {
				return second(db.Journal.RejectConsume(ctx, next))
			}
			return second(db.Journal.Begin(ctx, fresh, in))
		})
		no(t, errs[0])
		want(t, errs[1], models.ErrLive)
		same(t, must(db.Journal.Live(ctx, 1, first.Code)).ID, first.ID)
	})
}

// The end of what follows nothing is one statement, as it was.
func TestRejectionOfAFirst(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		op := begin(t, db, intent("7992697494"))
		statements := 0
		db.Watch(func(string, []any) { statements++ })
		no(t, second(db.Journal.RejectConsume(t.Context(), op)))
		same(t, statements, 1)
	})
}

// What a process of an earlier version has left is not hidden by what was undone after it.
func TestWhatStandsBeneathAnUndo(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := done(t, db, intent("7992697494"))
		next := follow(t, db, clock, first, "op-next")
		next, err := db.Journal.FinishConsume(ctx, next, []models.Coupon{{Code: next.Code}})
		no(t, err)
		no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, next), nil)))
		no(t, db.Journal.Supersede(ctx, must(db.Journal.Get(ctx, first.ID))))
		same(t, must(db.Journal.ByCoupon(ctx, 1, first.Code)).ID, first.ID)
		standing := must(db.Journal.StandingIn(ctx, []int64{1, 2}, first.Code))
		same(t, len(standing), 1)
		same(t, standing[0].ID, first.ID)
	})
}
