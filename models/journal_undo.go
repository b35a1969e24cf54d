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
func (s JournalStore) BeginUndo(ctx context.Context, op Operation, asked Inbox) (Operation, error) {
	op.NeedsHuman, op.UndoneAt, op.UndoReason, op.UndoMessage = false, time.Time{}, "", ""
	op.UndoInboxID = asked.ID
	return s.move(ctx, move{what: "begin undo", from: []State{Done}, to: Undoing, live: true, wasLive: true, asked: &asked}, op)
}

// UndoClosed are the UndoReasons of operations that cannot be undone any more here:
// the platform has said that it is too late, or what is left has no codes of its own, or
// no ids to undo it by.
var UndoClosed = []string{"undo_too_late", "codes_missing", "undo_ids_lost"}

// FinishUndo records that the platform undid it all: [Undoing] or [UndoUnknown]
// becomes [Undone], and so do all its coupons, at op.UndoneAt where a coupon has
// no time of its own. What it has followed is live again; else the code may be verified anew.
func (s JournalStore) FinishUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	if op.UndoneAt.IsZero() {
		op.UndoneAt = s.now()
	}
	m := move{what: "finish undo", from: undoUnderWay, to: Undone}
	return s.moveUndo(ctx, m, op, coupons, func(tx *DB) error {
		if err := tx.Journal.revive(ctx, op); err != nil {
			return err
		}
		return tx.write(ctx, "undo coupons", func(g *gorm.DB) error {
			return g.Model(&Coupon{}).Where("operation_id = ? AND undone_at IS NULL", op.ID).
				Updates(map[string]any{"undone_at": stamp(op.UndoneAt), "undo_reason": ""}).Error
		})
	})
}

// RefuseUndo records that the platform did not undo (not all of) it: [Undoing]
// or [UndoUnknown] becomes [Done] again. op carries UndoReason, coupons what
// became of each.
func (s JournalStore) RefuseUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	return s.moveUndo(ctx, move{what: "refuse undo", from: undoUnderWay, to: Done, live: true}, op, coupons, nil)
}

// DoubtUndo records that it is not known whether the platform undid:
// [Undoing] or [UndoUnknown] becomes [UndoUnknown]. op.DueAt is when to look
// again.
func (s JournalStore) DoubtUndo(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	return s.moveUndo(ctx, move{what: "doubt undo", from: undoUnderWay, to: UndoUnknown, live: true}, op, coupons, nil)
}

// UndoneThere records that coupons of an operation were undone at the platform, not by us:
// [Done] becomes [Undone] where op.UndoneAt says that all of it was, and what it has followed
// is live again; else it stays as it is. No undo is under way.
func (s JournalStore) UndoneThere(ctx context.Context, op Operation, coupons []Coupon) (Operation, error) {
	m := move{what: "note an undo at the platform", from: []State{Done}, to: Done, live: true}
	if op.UndoneAt.IsZero() {
		return s.moveUndo(ctx, m, op, coupons, nil)
	}
	m.to, m.live = Undone, false
	return s.moveUndo(ctx, m, op, coupons, func(tx *DB) error { return tx.Journal.revive(ctx, op) })
}

var undoUnderWay = []State{Undoing, UndoUnknown}

func (s JournalStore) moveUndo(ctx context.Context, m move, op Operation, coupons []Coupon, then func(tx *DB) error) (Operation, error) {
	var moved Operation
	err := s.inTx(ctx, func(tx *DB) (err error) {
		if moved, err = tx.Journal.move(ctx, m, op); err != nil {
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
		if err := tx.Cards.refresh(ctx, moved); err != nil {
			return err
		}
		return tx.witness(func(w Witness) error { return w.Undone(ctx, tx, moved) })
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
			Where("operation_id = ? AND code = ? AND visit = ? AND undone_at IS NULL", operationID, coupon.Code, max(coupon.Visit, 1)).
			Updates(values).Error
	})
}
