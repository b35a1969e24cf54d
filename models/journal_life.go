package models

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// An operation on a code that was consumed before takes the life of the one that it
// follows, and gives it back where it comes to nothing.

// Supersede ends the life of a done operation, because the platform offers the
// same code again and a person wants it verified anew. It stays [Done] and cannot be
// undone, until what follows it was refused or undone.
func (s JournalStore) Supersede(ctx context.Context, op Operation) error {
	return s.inTx(ctx, func(tx *DB) error {
		if _, err := tx.Journal.move(ctx, move{what: "supersede operation", from: []State{Done}, to: Done, wasLive: true}, op); err != nil {
			return err
		}
		return tx.Cards.refresh(ctx, op)
	})
}

// revive gives the life back that an operation has taken which is no more: to the newest that
// its code concerns, as [JournalStore.ByCoupon] has found it, and that no other which stands
// follows; none is no error. The life ends and begins in one transaction, so that of the index
// on live codes one takes the place of the other.
func (s JournalStore) revive(ctx context.Context, gone Operation) error {
	beneath, err := s.beneath(ctx, gone)
	if err != nil {
		return err
	}
	for _, op := range beneath {
		followed, err := s.followed(ctx, op)
		if err != nil {
			return err
		}
		if !followed {
			return s.makeLive(ctx, op)
		}
	}
	return nil
}

// beneath lists the superseded operations that the code of another concerns, the newest
// first. They are locked: of two that end at once, the later one sees the end of the other.
func (s JournalStore) beneath(ctx context.Context, gone Operation) ([]Operation, error) {
	var rows []operationRow
	err := s.read(ctx, "list what is beneath an operation", func(g *gorm.DB) error {
		var ids []string // first, so that no other rows are locked on the way
		err := g.Model(&operationRow{}).Joins(touching, gone.Code, gone.Code).
			Where("operations.store_id = ? AND state = ? AND live_code IS NULL", gone.StoreID, Done).Pluck("operations.id", &ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		if s.cfg.Driver == MySQL {
			g = g.Clauses(clause.Locking{Strength: "UPDATE"})
		}
		return g.Where("id IN ? AND state = ? AND live_code IS NULL", ids, Done).Order("created_at DESC, id DESC").Find(&rows).Error
	})
	return operations(rows), err
}

// followed reports whether a newer operation that stands was asked for with a code of what
// another has consumed.
func (s JournalStore) followed(ctx context.Context, op Operation) (bool, error) {
	coupons, err := couponsOf(ctx, s.core, op.ID)
	if err != nil {
		return false, err
	}
	codes := []string{op.Code}
	for _, c := range coupons {
		if !c.Untold() {
			codes = append(codes, c.Code)
		}
	}
	newer, err := listOperations(ctx, s.core, "", 0, "store_id = ? AND code IN ? AND state NOT IN ?", op.StoreID, codes, []State{Rejected, Undone})
	return slices.ContainsFunc(newer, func(o Operation) bool {
		return cmp.Or(o.CreatedAt.Compare(op.CreatedAt), cmp.Compare(o.ID, op.ID)) > 0
	}), err
}

// makeLive makes a superseded operation live, unless its code was verified anew just now.
func (s JournalStore) makeLive(ctx context.Context, op Operation) error {
	err := s.swap(ctx, "revive operation", func(g *gorm.DB) *gorm.DB {
		return g.Model(&operationRow{}).Where("id = ? AND attempt = ? AND state = ?", op.ID, op.Attempt, Done).
			Updates(map[string]any{"live_code": op.Code, "attempt": op.Attempt + 1})
	})
	if errors.Is(err, ErrDuplicate) {
		return nil
	}
	return err
}
