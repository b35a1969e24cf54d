package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// refused is the condition for operations that were refused, as the index of rare states
// has it; its argument is [Rejected].
const refused = "state <> 'done' AND state = ?"

// Refused lists an account's operations that were refused, in the order in which they were
// asked for: at most so many, and says what to ask for next; done says that there is no
// more. A page costs the same wherever it is.
func (s HistoryStore) Refused(ctx context.Context, p VoucherPage, operations int) (list []Operation, next VoucherPage, done bool, err error) {
	list, err = listOperations(ctx, s.core, "created_at, id", operations,
		"store_id = ? AND "+refused+" AND created_at >= ? AND created_at < ? AND (created_at > ? OR id > ?)",
		p.StoreID, Rejected, stamp(p.From), stamp(p.To), stamp(p.From), p.after)
	if err != nil {
		return nil, VoucherPage{}, false, err
	}
	if next = p; len(list) > 0 {
		last := list[len(list)-1]
		next.From, next.after = last.CreatedAt, last.ID
	}
	return list, next, len(list) < operations, nil
}

// Refusals counts what was refused at some accounts from a time until before another, by
// reason and by [Operation.CreatedAt], the most frequent first.
func (s FiguresStore) Refusals(ctx context.Context, accounts []int64, from, to time.Time) ([]Refusal, error) {
	var f *Figures
	err := s.read(ctx, "count refusals", func(g *gorm.DB) error {
		f = newFigures()
		for ids := range slices.Chunk(accounts, accountsAtOnce) {
			if err := countRefusals(g, ids, from, to, func(int64) *Figures { return f }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f.Refusals(), nil
}
