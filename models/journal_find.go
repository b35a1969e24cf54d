package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Get finds an operation by its ID.
func (s JournalStore) Get(ctx context.Context, id string) (Operation, error) {
	return s.one(ctx, "find operation", "id = ?", id)
}

// live finds the live operation on a code at an account, or [ErrNotFound].
func (s JournalStore) live(ctx context.Context, account int64, code string) (Operation, error) {
	return s.one(ctx, "find live operation", "store_id = ? AND live_code = ?", account, code)
}

func (s JournalStore) one(ctx context.Context, what, where string, args ...any) (Operation, error) {
	var rows []operationRow
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where(where, args...).Find(&rows).Error })
	row, err := first(rows, err, what)
	return row.operation(), err
}

// OfMessage lists what a message asked to verify, in its order.
func (s JournalStore) OfMessage(ctx context.Context, inboxID string) ([]Operation, error) {
	return listOperations(ctx, s.core, "seq", 0, "inbox_id = ?", inboxID)
}

// UndoneBy lists the operations whose last undo a message asked for.
func (s JournalStore) UndoneBy(ctx context.Context, undoInboxID string) ([]Operation, error) {
	if undoInboxID == "" {
		return nil, nil
	}
	return listOperations(ctx, s.core, "created_at, id", 0, "undo_inbox_id = ?", undoInboxID)
}

// Awaited lists those of some messages that asked for what is under way, to verify or to
// undo, and whose outcome is to be expected soon.
func (s JournalStore) Awaited(ctx context.Context, inboxIDs []string) (awaited []string, err error) {
	const soon = " IN ? AND state IN ? AND needs_human = ?"
	states := []State{Calling, Unknown, Undoing, UndoUnknown}
	for ids := range slices.Chunk(inboxIDs, batch) {
		var some []string
		err := s.read(ctx, "find awaited messages", func(g *gorm.DB) error {
			return g.Raw("SELECT inbox_id FROM operations WHERE inbox_id"+soon+" UNION ALL SELECT undo_inbox_id FROM operations WHERE undo_inbox_id"+soon,
				ids, states, false, ids, states, false).Scan(&some).Error
		})
		if err != nil {
			return nil, err
		}
		awaited = append(awaited, some...)
	}
	return awaited, nil
}

// Of says of which accounts operations are looked for.
type Of struct {
	Platform string  // "": of any
	Without  []int64 // but for these
}

// Due lists operations that are under way and that anybody may take up now, the
// longest waiting first.
func (s JournalStore) Due(ctx context.Context, of Of, now time.Time, limit int) ([]Operation, error) {
	where, args := "due_at <= ? AND state IN ?", []any{stamp(now), underWay}
	if of.Platform != "" {
		where, args = where+" AND store_id IN (SELECT id FROM stores WHERE platform = ?)", append(args, of.Platform)
	}
	if len(of.Without) > 0 {
		where, args = where+" AND store_id NOT IN ?", append(args, of.Without)
	}
	return listOperations(ctx, s.core, "due_at, id", limit, where, args...)
}

// listOperations lists the operations that meet a condition, without a limit where
// that is 0.
func listOperations(ctx context.Context, c *core, order string, limit int, where string, args ...any) ([]Operation, error) {
	var rows []operationRow
	err := c.read(ctx, "list operations", func(g *gorm.DB) error {
		g = g.Where(where, args...).Order(order)
		if limit > 0 {
			g = g.Limit(limit)
		}
		return g.Find(&rows).Error
	})
	return operations(rows), err
}

// touching is a join to the operations that a code concerns: asked with it, or
// having consumed it as one of several coupons.
const touching = "JOIN (SELECT id AS concerned_id FROM operations WHERE code = ?" +
	" UNION SELECT operation_id FROM coupons WHERE code = ?) AS concerned ON concerned.concerned_id = operations.id"

// ByCoupon finds the operation that tells most about a code at an account: the
// newest that is live, else the newest that was superseded, for it stands, else the newest
// that was undone, else the newest refusal.
func (s JournalStore) ByCoupon(ctx context.Context, account int64, code string) (Operation, error) {
	return s.ByCouponIn(ctx, []int64{account}, code)
}

// ByCouponIn finds the operation that tells most about a code at several accounts:
// of what [JournalStore.ByCoupon] finds in each, one that consumed, else one
// under way, else one that was undone.
func (s JournalStore) ByCouponIn(ctx context.Context, accounts []int64, code string) (Operation, error) {
	const what = "find operation of a coupon"
	ops, err := s.byCouponInEach(ctx, what, accounts, code)
	slices.SortStableFunc(ops, func(x, y Operation) int { return cmp.Compare(consumption[x.State], consumption[y.State]) })
	return first(ops, err, what)
}

// StandingIn finds what has consumed a code at several accounts, or may have: of what
// [JournalStore.ByCoupon] finds in each, the newest first.
func (s JournalStore) StandingIn(ctx context.Context, accounts []int64, code string) ([]Operation, error) {
	ops, err := s.byCouponInEach(ctx, "find what stands on a code", accounts, code)
	ops = slices.DeleteFunc(ops, func(op Operation) bool { return op.State == Rejected || op.State == Undone })
	slices.SortStableFunc(ops, func(x, y Operation) int { return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), cmp.Compare(y.ID, x.ID)) })
	return ops, err
}

func (s JournalStore) byCouponInEach(ctx context.Context, what string, accounts []int64, code string) ([]Operation, error) {
	var rows []operationRow
	err := s.read(ctx, what, func(g *gorm.DB) error { // never many
		return g.Joins(touching, code, code).Where("operations.store_id IN ?", accounts).
			Order("CASE WHEN state = 'rejected' THEN 3 WHEN state = 'undone' THEN 2 WHEN live_code IS NULL THEN 1 ELSE 0 END," +
				" created_at DESC, id DESC").Find(&rows).Error
	})
	seen := map[int64]bool{}
	rows = slices.DeleteFunc(rows, func(r operationRow) bool { // but for each account's first
		before := seen[r.StoreID]
		seen[r.StoreID] = true
		return before
	})
	return operations(rows), err
}

// consumption ranks states by how much an operation has to do with a consumption.
var consumption = map[State]int{Done: 0, Undoing: 0, UndoUnknown: 0, Calling: 1, Unknown: 1, Held: 1, Undone: 2, Rejected: 3}

// Coupons lists what operations consumed.
func (s JournalStore) Coupons(ctx context.Context, opIDs ...string) ([]Coupon, error) {
	return couponsOf(ctx, s.core, opIDs...)
}

func couponsOf(ctx context.Context, c *core, opIDs ...string) ([]Coupon, error) {
	var rows []Coupon
	err := c.read(ctx, "list coupons", func(g *gorm.DB) error {
		return g.Where("operation_id IN ?", opIDs).Order("operation_id, code, visit").Find(&rows).Error
	})
	return rows, err
}

// LastUndoable finds the newest operation of a person at these accounts that can
// still be undone.
func (s JournalStore) LastUndoable(ctx context.Context, accounts []int64, user string, now time.Time) (Operation, error) {
	var rows []operationRow
	err := s.read(ctx, "find last undoable", func(g *gorm.DB) error {
		return g.Where("user_id = ? AND undo_until > ? AND state = ? AND live_code IS NOT NULL AND undo_reason NOT IN ? AND store_id IN ?",
			fold(user), stamp(now), Done, UndoClosed, accounts).
			Order("consumed_at DESC, created_at DESC, id DESC").Limit(1).Find(&rows).Error
	})
	row, err := first(rows, err, "find last undoable")
	return row.operation(), err
}
