package models

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"
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

// revive makes the newest operation that stands on the code of one that is live no more
// live again; none is no error. Of the index on live codes it takes the place of that one,
// so both are one transaction.
func (s JournalStore) revive(ctx context.Context, gone Operation) error {
	const what = "revive operation"
	all, err := listOperations(ctx, s.core, "", 0, "code = ?", gone.Code)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(op Operation) bool { return op.StoreID != gone.StoreID || !op.Superseded })
	if len(all) == 0 {
		return nil
	}
	op := slices.MaxFunc(all, func(a, b Operation) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&operationRow{}).Where("id = ? AND attempt = ? AND state = ?", op.ID, op.Attempt, Done).
			Updates(map[string]any{"live_code": op.Code, "attempt": op.Attempt + 1})
	})
}
