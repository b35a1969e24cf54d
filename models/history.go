package models

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// HistoryFilter says which operations to list. Only the accounts are needed; what
// is empty does not matter.
type HistoryFilter struct {
	StoreIDs []int64 // of accounts
	UserID   string  // who asked for them
	States   []State
	Reasons  []string // of a refusal
	Code     string   // asked with it, or having consumed it as one of several coupons
	Phone    string   // last digits of the customer's
	From, To time.Time

	rare bool // what passes is in the index of rare states
}

// HistoryMark is where a page of history ends and the next one begins.
type HistoryMark struct {
	At time.Time
	ID string
}

// HistoryStore reads the journal over many operations: pages, exports, all about a code.
type HistoryStore struct{ *core }

// Page lists operations, the newest first: up to limit of those after a mark,
// and the mark of the next page, which is nil where this was the last. The zero
// mark is the beginning. Filters by person or phone want a time to look from.
func (s HistoryStore) Page(ctx context.Context, f HistoryFilter, after HistoryMark, limit int) (page []Operation, next *HistoryMark, err error) {
	if limit < 1 || len(f.StoreIDs) == 0 {
		return nil, nil, nil
	}
	accounts := slices.Compact(slices.Sorted(slices.Values(f.StoreIDs)))
	var all []Operation
	for _, f := range f.byState() {
		some, err := s.newest(ctx, f, accounts, after, limit+1) // one more than the page tells whether there is another
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	all = slices.CompactFunc(all, func(a, b Operation) bool { return a.ID == b.ID }) // its state changed meanwhile
	if len(all) <= limit {
		return all, nil, nil
	}
	last := all[limit-1]
	return all[:limit], &HistoryMark{At: last.CreatedAt, ID: last.ID}, nil
}

// byState is a filter for each state, where those are rare: each is then a few steps
// down an index, where a list of them would read all operations to sort them. Where most
// operations pass, they are met in their order.
func (f HistoryFilter) byState() []HistoryFilter {
	if len(f.States) == 0 || f.Code != "" || slices.Contains(f.States, Done) {
		return []HistoryFilter{f}
	}
	all := make([]HistoryFilter, len(f.States))
	for i, state := range f.States {
		all[i] = f
		all[i].States, all[i].rare = []State{state}, true
	}
	return all
}

// newest lists at least the n newest operations after a mark that pass.
func (s HistoryStore) newest(ctx context.Context, f HistoryFilter, accounts []int64, after HistoryMark, n int) (all []Operation, err error) {
	where, args := f.where(after)
	if f.Code != "" {
		return s.operationsTouching(ctx, f.Code, accounts, where, args)
	}
	if len(accounts) > n {
		if accounts, err = s.accountsOfPage(ctx, accounts, where, args, n); err != nil {
			return nil, err
		}
	}
	return s.newestOfEach(ctx, accounts, where, args, n)
}

// newestOfEach lists the newest n operations of each account.
func (s HistoryStore) newestOfEach(ctx context.Context, accounts []int64, where string, args []any, n int) ([]Operation, error) {
	var all []Operation
	for _, id := range accounts {
		rows, err := listOperations(ctx, s.core, "operations.created_at DESC, operations.id DESC", n,
			"operations.store_id = ?"+where, append([]any{id}, args...)...)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// operationsTouching lists the operations of these accounts that a code concerns:
// never many.
func (s HistoryStore) operationsTouching(ctx context.Context, code string, accounts []int64, where string, args []any) ([]Operation, error) {
	var rows []operationRow
	err := s.read(ctx, "list operations of a code", func(g *gorm.DB) error {
		return g.Joins(touching, code, code).Where("operations.store_id IN ?"+where, append([]any{accounts}, args...)...).Find(&rows).Error
	})
	return operations(rows), err
}

// accountsOfPage are the accounts that the n newest operations can be of: those whose
// own newest is among the n newest of all accounts'. Each is found by a few steps down
// an index, where a sort of all accounts' operations would read everything.
func (s HistoryStore) accountsOfPage(ctx context.Context, accounts []int64, where string, args []any, n int) ([]int64, error) {
	type latest struct {
		ID        int64
		CreatedAt time.Time `gorm:"serializer:utc"`
	}
	newest := "(SELECT created_at FROM operations WHERE operations.store_id = stores.id" + where +
		" ORDER BY operations.created_at DESC LIMIT 1)"
	var all []latest
	err := s.read(ctx, "find accounts of a page", func(g *gorm.DB) error {
		all = all[:0]
		for ids := range slices.Chunk(accounts, 500) {
			var rows []latest
			err := g.Table("stores").Select("stores.id, "+newest+" AS created_at", args...).Where("stores.id IN ?", ids).Scan(&rows).Error
			if err != nil {
				return err
			}
			all = append(all, slices.DeleteFunc(rows, func(l latest) bool { return l.CreatedAt.IsZero() })...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b latest) int { return b.CreatedAt.Compare(a.CreatedAt) })
	var ids []int64
	for i, l := range all {
		if i >= n && l.CreatedAt.Before(all[n-1].CreatedAt) {
			break
		}
		ids = append(ids, l.ID)
	}
	return ids, nil
}

// where is the condition besides the account and the code.
func (f HistoryFilter) where(after HistoryMark) (string, []any) {
	var where strings.Builder
	var args []any
	and := func(condition string, values ...any) {
		where.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	if !after.At.IsZero() {
		at := stamp(after.At)
		and("operations.created_at <= ?", at) // bounds the index
		and("(operations.created_at < ? OR operations.id < ?)", at, after.ID)
	}
	if !f.From.IsZero() {
		and("operations.created_at >= ?", stamp(f.From))
	}
	if !f.To.IsZero() {
		and("operations.created_at < ?", stamp(f.To))
	}
	if f.UserID != "" {
		and("operations.user_id = ?", fold(f.UserID))
	}
	if f.rare {
		and("operations.state <> 'done'") // as the index has it
	}
	if len(f.States) > 0 {
		and("operations.state IN ?", f.States)
	}
	if len(f.Reasons) > 0 {
		and("operations.outcome_reason IN ?", f.Reasons)
	}
	if f.Phone != "" {
		and("operations.mobile LIKE ? ESCAPE '!'", "%"+literally.Replace(f.Phone))
	}
	return where.String(), args
}

// literally keeps wildcards from being any in a pattern.
var literally = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// OfCode lists the operations asked with a code or having consumed it, of any
// account, oldest first.
func (s HistoryStore) OfCode(ctx context.Context, code string) ([]Operation, error) {
	var rows []operationRow
	err := s.read(ctx, "find operations of a code", func(g *gorm.DB) error {
		return g.Joins(touching, code, code).Order("created_at, id").Find(&rows).Error
	})
	return operations(rows), err
}

// OfOrder lists the operations on coupons of an order, of any account, oldest first, and
// what they consumed. Where the platform told no order, they are those of the code.
func (s HistoryStore) OfOrder(ctx context.Context, orderID, code string) (ops []Operation, coupons []Coupon, err error) {
	if orderID == "" {
		ops, err = s.OfCode(ctx, code)
	} else {
		ops, err = listOperations(ctx, s.core, "created_at, id", 0, "order_id = ?", orderID)
	}
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(ops))
	for i, op := range ops {
		ids[i] = op.ID
	}
	coupons, err = couponsOf(ctx, s.core, ids...)
	return ops, coupons, err
}

// Story tells everything that is known about a code, oldest first: operations asked
// with it or having consumed it, their coupons, the calls made for it, and what
// was said about it.
func (s HistoryStore) Story(ctx context.Context, code string) (ops []Operation, coupons []Coupon, calls []Call, out []Outgoing, err error) {
	if ops, err = s.OfCode(ctx, code); err != nil {
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
	if coupons, err = couponsOf(ctx, s.core, ids...); err != nil {
		return nil, nil, nil, nil, err
	}
	err = s.read(ctx, "find calls of a code", func(g *gorm.DB) error {
		return g.Where("receipt_code = ? OR operation_id IN ?", code, ids).Order("started_at, id").Find(&calls).Error
	})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	err = s.read(ctx, "find outgoing of a code", func(g *gorm.DB) error {
		return g.Where("operation_id IN ? OR inbox_id IN ?", ids, messages).Order("created_at, conversation, seq").Find(&out).Error
	})
	out, err = readable(ctx, s.core, "outgoing message", out, err, s.keys.openOutgoing)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	return ops, coupons, calls, out, nil
}
