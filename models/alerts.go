package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// alertRow says when managers were last told of something.
type alertRow struct {
	ID     string    `gorm:"primaryKey;size:255"` // rule/subject
	ToldAt time.Time `gorm:"serializer:utc"`
}

func (alertRow) TableName() string { return "alerts" }

// AlertStore looks for what may be worth an alert, and keeps when managers were last told.
type AlertStore struct{ *core }

// Claim claims for the caller to tell managers of something now. It is false
// where they were told of it less than quiet ago. It belongs in the transaction
// that tells.
func (s AlertStore) Claim(ctx context.Context, id string, quiet time.Duration) (bool, error) {
	const what = "alert"
	if err := identity(what, 255, id); err != nil {
		return false, err
	}
	now := s.now()
	var again int64
	err := s.write(ctx, what, func(g *gorm.DB) error {
		result := g.Model(&alertRow{}).Where("id = ? AND told_at <= ?", id, stamp(now.Add(-quiet))).Update("told_at", stamp(now))
		again = result.RowsAffected
		return result.Error
	})
	if err != nil || again > 0 {
		return again > 0, err
	}
	return addOnce(ctx, s.core, what, &alertRow{ID: id, ToldAt: now})
}

// Told is when something was last told; [ErrNotFound]: not lately.
func (s AlertStore) Told(ctx context.Context, id string) (time.Time, error) {
	const what = "last told"
	var rows []alertRow
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where("id = ?", id).Find(&rows).Error })
	row, err := first(rows, err, what)
	return row.ToldAt, err
}

// Purge forgets up to limit alerts of before a time, and says how many.
func (s AlertStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[alertRow](ctx, s.core, "purge alerts", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("told_at < ?", stamp(before)).Order("told_at")
	})
}

// Seen is something that may be worth an alert: how often it happened in a
// store, and the last time with whom. Which of the other fields are set depends on
// what was asked for.
type Seen struct {
	StoreID int64
	Times   int
	Of      int    // the whole of which Times is a part
	Subject string // what it happened with: an order, a masked phone, a person's name
	UserID  string
	First   time.Time `gorm:"serializer:utc"`
}

// ConsumedBetween counts, for each store that has any, the verifications from a
// time until before another.
func (s AlertStore) ConsumedBetween(ctx context.Context, from, to time.Time) ([]Seen, error) {
	return s.seen(ctx, "look for verifications", func(g *gorm.DB) *gorm.DB {
		return g.Select("store_id, COUNT(*) AS times, MIN(consumed_at) AS first, MIN(user_name) AS subject").
			Where("consumed_at >= ? AND consumed_at < ?", stamp(from), stamp(to)).Group("store_id")
	})
}

// StoresConsuming lists the stores with a verification from a time until before
// another.
func (s AlertStore) StoresConsuming(ctx context.Context, from, to time.Time) ([]int64, error) {
	var ids []int64
	err := s.read(ctx, "look for stores at work", func(g *gorm.DB) error {
		return g.Model(&operationRow{}).Distinct().Where("consumed_at >= ? AND consumed_at < ?", stamp(from), stamp(to)).Order("store_id").Pluck("store_id", &ids).Error
	})
	return ids, err
}

// UndoneOrders counts for each order how many of its verifications since a time
// were undone, where it is at least so often.
func (s AlertStore) UndoneOrders(ctx context.Context, since time.Time, least int) ([]Seen, error) {
	return s.seen(ctx, "look for repeated undo", func(g *gorm.DB) *gorm.DB {
		return g.Select("store_id, order_id AS subject, COUNT(*) AS times, MIN(consumed_at) AS first, MIN(user_id) AS user_id").
			Where("consumed_at >= ? AND state = ? AND order_id <> ''", stamp(since), Undone).
			Group("+store_id, order_id").Having("COUNT(*) >= ?", least)
	})
}

// PhoneCoupons counts for each masked phone the coupons verified since a time and
// not undone, where it is at least so many.
func (s AlertStore) PhoneCoupons(ctx context.Context, since time.Time, least int) ([]Seen, error) {
	return s.seen(ctx, "look for busy phones", func(g *gorm.DB) *gorm.DB {
		return g.Select("store_id, mobile AS subject, SUM(coupon_count) AS times, MIN(consumed_at) AS first").
			Where("consumed_at >= ? AND state = ? AND mobile <> ''", stamp(since), Done).
			Group("+store_id, mobile").Having("SUM(coupon_count) >= ?", least)
	})
}

// UndoneBy counts for each person in each store the verifications since a time
// (Of) and how many of them were undone (Times).
func (s AlertStore) UndoneBy(ctx context.Context, since time.Time) ([]Seen, error) {
	return s.seen(ctx, "look for who undoes", func(g *gorm.DB) *gorm.DB {
		return g.Select("store_id, user_id, MAX(user_name) AS subject, COUNT(*) AS of, SUM(CASE WHEN state = 'undone' THEN 1 ELSE 0 END) AS times, MIN(consumed_at) AS first").
			Where("consumed_at >= ?", stamp(since)).Group("+store_id, user_id")
	})
}

// Doubtful counts, for each store that has any, the operations whose outcome is
// not known, and says since when the oldest is. What the platform keeps back is none.
func (s AlertStore) Doubtful(ctx context.Context) ([]Seen, error) {
	return s.underWay(ctx, "look for doubts", Unknown, UndoUnknown)
}

// Held counts, for each store that has any, the operations that the platform keeps
// back, and says since when the oldest is.
func (s AlertStore) Held(ctx context.Context) ([]Seen, error) {
	return s.underWay(ctx, "look for what is held", Held)
}

func (s AlertStore) underWay(ctx context.Context, what string, states ...State) ([]Seen, error) {
	return s.seen(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Select("store_id, COUNT(*) AS times, MIN(doubt_since) AS first").
			Where("due_at > ? AND state IN ?", stamp(time.Unix(0, 0)), states).Group("+store_id, +store_id") // only what is under way is ever due
	})
}

// FailedCalls counts, for each store, the requests to the platform since a time
// (Of) and how many of them had no answer or a failure of the platform's (Times):
// those of the classes.
func (s AlertStore) FailedCalls(ctx context.Context, since time.Time, classes []string) ([]Seen, error) {
	var rows []Seen
	err := s.read(ctx, "look for failing calls", func(g *gorm.DB) error {
		return g.Model(&Call{}).Select("store_id, COUNT(*) AS of, SUM(CASE WHEN class IN ? THEN 1 ELSE 0 END) AS times, MIN(started_at) AS first", classes).
			Where("started_at >= ?", stamp(since)).Group("store_id").Order("store_id").Scan(&rows).Error
	})
	return rows, err
}

// seen asks about operations. The plus before a column to group by keeps SQLite from
// going through all there ever was in the order of stores: the time limits it more.
func (s AlertStore) seen(ctx context.Context, what string, of func(*gorm.DB) *gorm.DB) ([]Seen, error) {
	var rows []Seen
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return of(g.Table("operations")).Order("store_id, first").Scan(&rows).Error
	})
	return rows, err
}
