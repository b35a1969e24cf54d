package models

import (
	"cmp"
	"context"
	"slices"
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

// Forget lets managers be told of something anew: it is over.
func (s AlertStore) Forget(ctx context.Context, id string) error {
	return s.write(ctx, "forget alert", func(g *gorm.DB) error { return g.Where("id = ?", id).Delete(&alertRow{}).Error })
}

// Consumed reports whether something was verified at an account since a time.
func (s AlertStore) Consumed(ctx context.Context, account int64, since time.Time) (bool, error) {
	var n int64
	err := s.read(ctx, "look for verifications since", func(g *gorm.DB) error {
		return g.Model(&Operation{}).Where("store_id = ? AND consumed_at >= ?", account, stamp(since)).Limit(1).Count(&n).Error
	})
	return n > 0, err
}

// Purge forgets up to limit alerts of before a time, and says how many. Those whose id
// begins with something to keep stay: they say what holds until they are forgotten.
func (s AlertStore) Purge(ctx context.Context, before time.Time, limit int, keep ...string) (int, error) {
	return purge[alertRow](ctx, s.core, "purge alerts", limit, func(g *gorm.DB) *gorm.DB {
		g = g.Where("told_at < ?", stamp(before))
		for _, id := range keep {
			g = g.Where("id NOT LIKE ?", id+"%")
		}
		return g.Order("told_at")
	})
}

// Seen is something that may be worth an alert: how often it happened in a
// store, at all of its accounts together. Which of the other fields are set depends on
// what was asked for.
type Seen struct {
	StoreID int64 // the store's, whichever of its accounts it was; of [AlertStore.FailedCalls] the account's
	Times   int
	Of      int    `gorm:"column:total"` // the whole of which Times is a part
	Subject string // what it happened with: an order, a masked phone, a person's name
	UserID  string
	First   time.Time `gorm:"serializer:utc"`
}

// ConsumedBetween counts, for each store that has any, the verifications from a
// time until before another.
func (s AlertStore) ConsumedBetween(ctx context.Context, from, to time.Time) ([]Seen, error) {
	return s.seen(ctx, "look for verifications", "", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore+", COUNT(*) AS times, MIN(consumed_at) AS first, MIN(user_name) AS subject").
			Where("consumed_at >= ? AND consumed_at < ?", stamp(from), stamp(to))
	})
}

// StoresConsuming lists the stores with a verification from a time until before
// another.
func (s AlertStore) StoresConsuming(ctx context.Context, from, to time.Time) ([]int64, error) {
	seen, err := s.seen(ctx, "look for stores at work", "", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore).Where("consumed_at >= ? AND consumed_at < ?", stamp(from), stamp(to))
	})
	var ids []int64
	for _, o := range seen {
		ids = append(ids, o.StoreID)
	}
	return ids, err
}

// UndoneOrders counts for each order how many of its verifications since a time
// were undone, where it is at least so often.
func (s AlertStore) UndoneOrders(ctx context.Context, since time.Time, least int) ([]Seen, error) {
	return s.seen(ctx, "look for repeated undo", "order_id", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore+", order_id AS subject, COUNT(*) AS times, MIN(consumed_at) AS first, MIN(user_id) AS user_id").
			Where("consumed_at >= ? AND state = ? AND order_id <> ''", stamp(since), Undone).Having("COUNT(*) >= ?", least)
	})
}

// PhoneCoupons counts for each masked phone the coupons verified since a time and
// not undone, where it is at least so many.
func (s AlertStore) PhoneCoupons(ctx context.Context, since time.Time, least int) ([]Seen, error) {
	return s.seen(ctx, "look for busy phones", "mobile", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore+", mobile AS subject, SUM(coupon_count) AS times, MIN(consumed_at) AS first").
			Where("consumed_at >= ? AND state = ? AND mobile <> ''", stamp(since), Done).Having("SUM(coupon_count) >= ?", least)
	})
}

// UndoneBy counts for each person in each store the verifications since a time
// (Of) and how many of them were undone (Times).
func (s AlertStore) UndoneBy(ctx context.Context, since time.Time) ([]Seen, error) {
	return s.seen(ctx, "look for who undoes", "user_id", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore+", user_id, MAX(user_name) AS subject, COUNT(*) AS total, SUM(CASE WHEN state = 'undone' THEN 1 ELSE 0 END) AS times, MIN(consumed_at) AS first").
			Where("consumed_at >= ?", stamp(since))
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
	return s.seen(ctx, what, "", func(g *gorm.DB) *gorm.DB {
		return g.Select(itsStore+", COUNT(*) AS times, MIN(doubt_since) AS first").
			Where("due_at > ? AND state IN ?", stamp(time.Unix(0, 0)), states) // only what is under way is ever due
	})
}

// FailedCalls counts, for each account, the requests to the platform since a time
// (Of) and how many of them had no answer or a failure of the platform's (Times):
// those of the classes.
func (s AlertStore) FailedCalls(ctx context.Context, since time.Time, classes []string) ([]Seen, error) {
	var rows []Seen
	err := s.read(ctx, "look for failing calls", func(g *gorm.DB) error {
		return g.Model(&Call{}).Select("store_id, COUNT(*) AS total, SUM(CASE WHEN class IN ? THEN 1 ELSE 0 END) AS times, MIN(started_at) AS first", classes).
			Where("started_at >= ?", stamp(since)).Group("store_id").Order("store_id").Scan(&rows).Error
	})
	return rows, err
}

const (
	byStore  = "CASE WHEN account.belongs_to = 0 THEN account.id ELSE account.belongs_to END"
	itsStore = "MIN(" + byStore + ") AS store_id" // of a group it is one
)

// seen asks about operations, store by store and by something else of them, unless that
// is "". The cross join keeps SQLite from going through all there ever was account by
// account: the time limits it more.
func (s AlertStore) seen(ctx context.Context, what, by string, of func(*gorm.DB) *gorm.DB) ([]Seen, error) {
	groups := byStore
	if by != "" {
		groups += ", operations." + by
	}
	var rows []Seen
	err := s.read(ctx, what, func(g *gorm.DB) error {
		g = g.Table("operations").Joins("CROSS JOIN stores AS account ON account.id = operations.store_id")
		return of(g).Group(groups).Scan(&rows).Error
	})
	slices.SortStableFunc(rows, func(a, b Seen) int {
		return cmp.Or(cmp.Compare(a.StoreID, b.StoreID), a.First.Compare(b.First), cmp.Compare(a.Subject, b.Subject))
	})
	return rows, err
}
