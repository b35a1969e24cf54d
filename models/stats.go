package models

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Sale is one coupon that was verified, as figures need it.
type Sale struct {
	StoreID    int64
	UserID     string
	User       string // name
	Title      string
	ConsumedAt time.Time
	PriceFen   int64
	Undone     bool
}

// EachSale gives every coupon verified in these stores from a time until before
// another; user "" is everybody's. do may be called again for all of them, after
// again, where the database was lost in the middle. It must not use the store: a
// file has but one connection.
func (db *DB) EachSale(ctx context.Context, storeIDs []int64, user string, from, to time.Time, again func(), do func(Sale)) error {
	return db.read(ctx, "list sales", func(g *gorm.DB) error {
		again()
		for ids := range slices.Chunk(storeIDs, storesAtOnce) {
			q := g.Table("operations").
				Select("operations.store_id, user_id, user_name, title, consumed_at, coupons.price_fen, coupons.undone_at IS NOT NULL AS undone").
				Joins("JOIN coupons ON coupons.operation_id = operations.id").
				Where("operations.store_id IN ? AND consumed_at >= ? AND consumed_at < ?", ids, stamp(from), stamp(to))
			if user != "" {
				q = q.Where("user_id = ?", fold(user))
			}
			if err := eachSale(q, do); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachSale reads row by row, without GORM's reflection: a month of many stores is a
// million of them.
func eachSale(q *gorm.DB, do func(Sale)) error {
	rows, err := q.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string]string{} // names repeat: each is kept once
	text := func(raw sql.RawBytes) string {
		s, ok := known[string(raw)]
		if !ok {
			s = string(raw)
			known[s] = s
		}
		return s
	}
	var s Sale
	var userID, user, title sql.RawBytes
	var at any
	for rows.Next() {
		if err := rows.Scan(&s.StoreID, &userID, &user, &title, &at, &s.PriceFen, &s.Undone); err != nil {
			return err
		}
		if s.ConsumedAt, err = readTime("consumed_at", at); err != nil {
			return err
		}
		s.UserID, s.User, s.Title = text(userID), text(user), text(title)
		do(s)
	}
	return rows.Err()
}

// storesAtOnce bounds the list of stores in one statement.
const storesAtOnce = 500

// Refusal counts what was refused for a reason.
type Refusal struct {
	Reason string
	Times  int
}

// Refusals counts the refused verifications in these stores from a time until
// before another, by reason, the most frequent first.
func (db *DB) Refusals(ctx context.Context, storeIDs []int64, from, to time.Time) ([]Refusal, error) {
	sums := map[string]int{}
	err := db.read(ctx, "count refusals", func(g *gorm.DB) error {
		clear(sums)
		for ids := range slices.Chunk(storeIDs, storesAtOnce) {
			var rows []Refusal
			err := g.Table("operations").Select("outcome_reason AS reason, COUNT(*) AS times").
				Where("store_id IN ? AND created_at >= ? AND created_at < ? AND state = ?", ids, stamp(from), stamp(to), Rejected).
				Group("outcome_reason").Scan(&rows).Error
			if err != nil {
				return err
			}
			for _, r := range rows {
				sums[r.Reason] += r.Times
			}
		}
		return nil
	})
	var all []Refusal
	for reason, n := range sums {
		all = append(all, Refusal{reason, n})
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		if a.Times != b.Times {
			return b.Times - a.Times
		}
		if a.Reason < b.Reason {
			return -1
		}
		return 1
	})
	return all, err
}
