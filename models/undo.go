package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// BeginUndo makes the intent to undo durable, before the platform is called:
// [Done] becomes [Undoing]. op carries UndoUserID, UndoUser, UndoCalledAt, SentAt
// and DueAt. What a former undo left is forgotten. asked is the message that asks
// for it, as its owner holds it: where it was answered or taken over, nothing is
// begun ([ErrStale]).
func (db *DB) BeginUndo(ctx context.Context, op Operation, asked Inbox) (Operation, error) {
	op.NeedsHuman, op.UndoneAt, op.UndoReason, op.UndoMessage = false, time.Time{}, "", ""
	op.UndoInboxID = asked.ID
	return db.move(ctx, move{what: "begin undo", from: []State{Done}, to: Undoing, live: true, wasLive: true, asked: &asked}, op)
}

// UndoTooLate is the UndoReason of an operation that the platform does not let be
// undone any more.
const UndoTooLate = "undo_too_late"

// FinishUndo records that the platform undid it all: [Undoing] or [UndoUnknown]
// becomes [Undone], and so do all its coupons, at op.UndoneAt where a coupon has
// no time of its own. The code may be verified anew.
func (db *DB) FinishUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	if op.UndoneAt.IsZero() {
		op.UndoneAt = db.now()
	}
	m := move{what: "finish undo", from: undoUnderWay, to: Undone}
	return db.moveUndo(ctx, m, op, coupons, func(tx *DB) error {
		return tx.write(ctx, "undo coupons", func(g *gorm.DB) error {
			return g.Model(&Coupon{}).Where("operation_id = ? AND undone_at IS NULL", op.ID).
				Updates(map[string]any{"undone_at": stamp(op.UndoneAt), "undo_reason": ""}).Error
		})
	})
}

// RefuseUndo records that the platform did not undo (not all of) it: [Undoing]
// or [UndoUnknown] becomes [Done] again. op carries UndoReason, coupons what
// became of each.
func (db *DB) RefuseUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	return db.moveUndo(ctx, move{what: "refuse undo", from: undoUnderWay, to: Done, live: true}, op, coupons, nil)
}

// DoubtUndo records that it is not known whether the platform undid:
// [Undoing] or [UndoUnknown] becomes [UndoUnknown]. op.DueAt is when to look
// again.
func (db *DB) DoubtUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	return db.moveUndo(ctx, move{what: "doubt undo", from: undoUnderWay, to: UndoUnknown, live: true}, op, coupons, nil)
}

var undoUnderWay = []State{Undoing, UndoUnknown}

func (db *DB) moveUndo(ctx context.Context, m move, op Operation, coupons []Coupon, then func(tx *DB) error) (Operation, error) {
	var moved Operation
	err := db.Tx(ctx, func(tx *DB) (err error) {
		if moved, err = tx.move(ctx, m, op); err != nil {
			return err
		}
		for _, coupon := range coupons {
			if err := undoCoupon(ctx, tx.core, op.ID, coupon); err != nil {
				return err
			}
		}
		if then != nil {
			if err := then(tx); err != nil {
				return err
			}
		}
		if !m.to.Terminal() {
			return nil
		}
		return tx.cardsDue(ctx, moved)
	})
	return unless(err, moved)
}

// undoCoupon records what an undo did to a coupon. What is undone stays so.
func undoCoupon(ctx context.Context, c *core, operationID string, coupon Coupon) error {
	coupon = tidy(coupon)
	values := map[string]any{"undo_reason": coupon.UndoReason}
	if !coupon.UndoneAt.IsZero() {
		values = map[string]any{"undone_at": stamp(coupon.UndoneAt), "undo_reason": ""}
	}
	return c.write(ctx, "undo coupon", func(g *gorm.DB) error {
		return g.Model(&Coupon{}).
			Where("operation_id = ? AND code = ? AND undone_at IS NULL", operationID, coupon.Code).
			Updates(values).Error
	})
}

// LastUndoable finds the newest operation of a person in these stores that can
// still be undone.
func (db *DB) LastUndoable(ctx context.Context, storeIDs []int64, user string, now time.Time) (Operation, error) {
	var rows []operationRow
	err := db.read(ctx, "find last undoable", func(g *gorm.DB) error {
		return g.Where("user_id = ? AND undo_until > ? AND state = ? AND live_code IS NOT NULL AND undo_reason <> ? AND store_id IN ?",
			fold(user), stamp(now), Done, UndoTooLate, storeIDs).
			Order("consumed_at DESC, created_at DESC, id DESC").Limit(1).Find(&rows).Error
	})
	row, err := first(rows, err, "find last undoable")
	return row.operation(), err
}
