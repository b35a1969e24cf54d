package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Operation finds an operation by its ID.
func (db *DB) Operation(ctx context.Context, id string) (Operation, error) {
	return db.oneOperation(ctx, "find operation", "id = ?", id)
}

// LiveOperation finds the live operation on a code, or [ErrNotFound].
func (db *DB) LiveOperation(ctx context.Context, storeID int64, code string) (Operation, error) {
	return db.oneOperation(ctx, "find live operation", "store_id = ? AND live_code = ?", storeID, code)
}

func (db *DB) oneOperation(ctx context.Context, what, where string, args ...any) (Operation, error) {
	var rows []operationRow
	err := db.read(ctx, what, func(g *gorm.DB) error { return g.Where(where, args...).Find(&rows).Error })
	row, err := first(rows, err, what)
	return row.operation(), err
}

// OperationsOfMessage lists what a message asked to verify, in its order.
func (db *DB) OperationsOfMessage(ctx context.Context, inboxID string) ([]Operation, error) {
	return listOperations(ctx, db.core, "seq", 0, "inbox_id = ?", inboxID)
}

// OperationsUndoneBy lists the operations whose last undo a message asked for.
func (db *DB) OperationsUndoneBy(ctx context.Context, undoInboxID string) ([]Operation, error) {
	if undoInboxID == "" {
		return nil, nil
	}
	return listOperations(ctx, db.core, "created_at, id", 0, "undo_inbox_id = ?", undoInboxID)
}

// DueOperations lists operations that are under way and that anybody may take
// up now, the longest waiting first.
func (db *DB) DueOperations(ctx context.Context, now time.Time, limit int) ([]Operation, error) {
	return db.DueOperationsExcept(ctx, now, limit, nil)
}

// DueOperationsExcept lists operations that are under way and that anybody may take
// up now, the longest waiting first, without those of some stores.
func (db *DB) DueOperationsExcept(ctx context.Context, now time.Time, limit int, stores []int64) ([]Operation, error) {
	if len(stores) == 0 {
		return listOperations(ctx, db.core, "due_at, id", limit, "due_at <= ? AND state IN ?", stamp(now), underWay)
	}
	return listOperations(ctx, db.core, "due_at, id", limit, "due_at <= ? AND state IN ? AND store_id NOT IN ?", stamp(now), underWay, stores)
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

// OperationByCoupon finds the operation that tells most about a code in a store:
// the newest that stands or is under way, else the newest that was undone or
// superseded, else the newest refusal.
func (db *DB) OperationByCoupon(ctx context.Context, storeID int64, code string) (Operation, error) {
	return db.OperationByCouponIn(ctx, []int64{storeID}, code)
}

// OperationByCouponIn finds the operation that tells most about a code in several
// stores: of what [DB.OperationByCoupon] finds in each, one that consumed, else one
// under way, else one that was undone.
func (db *DB) OperationByCouponIn(ctx context.Context, storeIDs []int64, code string) (Operation, error) {
	const what = "find operation of a coupon"
	var rows []operationRow
	err := db.read(ctx, what, func(g *gorm.DB) error { // never many
		return g.Joins(touching, code, code).Where("operations.store_id IN ?", storeIDs).
			Order("CASE WHEN state = 'rejected' THEN 2 WHEN state = 'undone' OR live_code IS NULL THEN 1 ELSE 0 END," +
				" created_at DESC, id DESC").Find(&rows).Error
	})
	seen := map[int64]bool{}
	rows = slices.DeleteFunc(rows, func(r operationRow) bool { // but for each store's first
		before := seen[r.StoreID]
		seen[r.StoreID] = true
		return before
	})
	slices.SortStableFunc(rows, func(x, y operationRow) int { return cmp.Compare(consumption[x.State], consumption[y.State]) })
	row, err := first(rows, err, what)
	return row.operation(), err
}

// consumption ranks states by how much an operation has to do with a consumption.
var consumption = map[State]int{Done: 0, Undoing: 0, UndoUnknown: 0, Calling: 1, Unknown: 1, Undone: 2, Rejected: 3}

// Coupons lists what an operation consumed.
func (db *DB) Coupons(ctx context.Context, opID string) ([]Coupon, error) {
	return couponsOf(ctx, db.core, opID)
}

func couponsOf(ctx context.Context, c *core, opIDs ...string) ([]Coupon, error) {
	var rows []Coupon
	err := c.read(ctx, "list coupons", func(g *gorm.DB) error {
		return g.Where("operation_id IN ?", opIDs).Order("operation_id, code").Find(&rows).Error
	})
	return rows, err
}

// LogCalls records requests to the platform.
func (db *DB) LogCalls(ctx context.Context, calls []Call) error {
	if len(calls) == 0 {
		return nil
	}
	rows := make([]Call, len(calls))
	for i, c := range calls {
		c.ID, c.Times, c.UserID = 0, max(c.Times, 1), fold(c.UserID)
		if c.StartedAt.IsZero() {
			c.StartedAt = db.now()
		}
		rows[i] = tidy(c)
	}
	return db.write(ctx, "log calls", func(g *gorm.DB) error { return g.CreateInBatches(rows, batch).Error })
}

// LogCallsAgain records requests of an operation that is settled again and again:
// a failure that equals the last of the same name is counted with it.
func (db *DB) LogCallsAgain(ctx context.Context, calls []Call) error {
	for _, c := range calls {
		err := ErrStale
		if c.Class != "" && c.OperationID != "" {
			err = db.countCall(ctx, tidy(c))
		}
		if errors.Is(err, ErrStale) {
			err = db.LogCalls(ctx, []Call{c})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// countCall counts a failure with an equal one before it. [ErrStale]: the last was
// different.
func (db *DB) countCall(ctx context.Context, c Call) error {
	return db.swap(ctx, "count call", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Call{}).
			Where("id = (SELECT id FROM (SELECT MAX(id) AS id FROM calls WHERE operation_id = ? AND name = ? AND receipt_code = ?) AS latest)",
				c.OperationID, c.Name, c.ReceiptCode).
			Where("class = ? AND outcome_reason = ? AND outcome_code = ? AND outcome_message = ?", c.Class, c.Reason, c.Code, c.Message).
			Updates(map[string]any{
				"times": gorm.Expr("times + 1"), "last_at": stamp(c.StartedAt), "took_ns": c.Took, "outcome_trace_id": c.TraceID,
			})
	})
}

// UnknownCodes counts the codes that a person tried since a time and that came
// back with a reason, and tells when the first of those tries was.
func (db *DB) UnknownCodes(ctx context.Context, user, reason string, since time.Time) (n int, oldest time.Time, err error) {
	var row struct {
		N      int
		Oldest time.Time `gorm:"serializer:utc"`
	}
	err = db.read(ctx, "count unknown codes", func(g *gorm.DB) error {
		return g.Model(&Call{}).Select("COUNT(DISTINCT receipt_code) AS n", "MIN(started_at) AS oldest").
			Where("user_id = ? AND started_at >= ? AND outcome_reason = ?", fold(user), stamp(since), reason).Scan(&row).Error
	})
	return row.N, row.Oldest, err
}

// Tallies sums up the coupons consumed from a time until before another, by
// [Operation.ConsumedAt], for each of the stores that has any; user "" is
// everybody.
func (db *DB) Tallies(ctx context.Context, storeIDs []int64, user string, from, to time.Time) (map[int64]Tally, error) {
	var rows []struct {
		StoreID int64
		Undone  bool
		Sum     `gorm:"embedded"`
	}
	err := db.read(ctx, "sum up", func(g *gorm.DB) error {
		g = g.Table("operations").
			Select("operations.store_id, coupons.undone_at IS NOT NULL AS undone, COUNT(*) AS count, SUM(coupons.price_fen) AS fen,"+
				" SUM(CASE WHEN coupons.price_fen = 0 THEN 1 ELSE 0 END) AS unpriced").
			Joins("JOIN coupons ON coupons.operation_id = operations.id").
			Where("operations.store_id IN ? AND operations.consumed_at >= ? AND operations.consumed_at < ?", storeIDs, stamp(from), stamp(to))
		if user != "" {
			g = g.Where("operations.user_id = ?", fold(user))
		}
		return g.Group("operations.store_id, coupons.undone_at IS NOT NULL").Scan(&rows).Error
	})
	sums := map[int64]Tally{}
	for _, r := range rows {
		t := Tally{Verified: r.Sum}
		if r.Undone {
			t = Tally{Undone: r.Sum}
		}
		sums[r.StoreID] = sums[r.StoreID].Plus(t)
	}
	return sums, err
}

// OperationsOfCode lists the operations asked with a code or having consumed it,
// in any store, oldest first.
func (db *DB) OperationsOfCode(ctx context.Context, code string) ([]Operation, error) {
	var rows []operationRow
	err := db.read(ctx, "find operations of a code", func(g *gorm.DB) error {
		return g.Joins(touching, code, code).Order("created_at, id").Find(&rows).Error
	})
	return operations(rows), err
}

// Story tells everything that is known about a code, oldest first: operations asked
// with it or having consumed it, their coupons, the calls made for it, and what
// was said about it.
func (db *DB) Story(ctx context.Context, code string) (ops []Operation, coupons []Coupon, calls []Call, out []Outgoing, err error) {
	if ops, err = db.OperationsOfCode(ctx, code); err != nil {
		return nil, nil, nil, nil, err
	}
	var ids, messages []string
	for _, op := range ops {
		ids = append(ids, op.ID)
		messages = append(messages, op.InboxID)
		if op.UndoInboxID != "" {
			messages = append(messages, op.UndoInboxID)
		}
	}
	if coupons, err = couponsOf(ctx, db.core, ids...); err != nil {
		return nil, nil, nil, nil, err
	}
	err = db.read(ctx, "find calls of a code", func(g *gorm.DB) error {
		return g.Where("receipt_code = ? OR operation_id IN ?", code, ids).Order("started_at, id").Find(&calls).Error
	})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	err = db.read(ctx, "find outgoing of a code", func(g *gorm.DB) error {
		return g.Where("operation_id IN ? OR inbox_id IN ?", ids, messages).Order("created_at, conversation, seq").Find(&out).Error
	})
	out, err = readable(ctx, db.core, "outgoing message", out, err, db.keys.openOutgoing)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	return ops, coupons, calls, out, nil
}
