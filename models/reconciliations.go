package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Reconciliation is one closed day of one account: when the platform's list is to
// be held against the journal, and what came of it the last time.
type Reconciliation struct {
	StoreID    int64     `gorm:"primaryKey;autoIncrement:false"` // its [Account]
	Day        string    `gorm:"primaryKey;size:10"`             // yyyy-MM-dd, the platform's day
	Attempt    int       // fencing token: every move checks and raises it
	LeaseUntil time.Time `gorm:"serializer:utc"` // of the replica that looks; zero: none does
	DueAt      time.Time `gorm:"serializer:utc"` // next look; zero: none any more
	Looks      int       // that succeeded
	Failures   int       // since the last look that succeeded
	Reason     string    `gorm:"size:64"`        // of the last failure; "" after success
	CheckedAt  time.Time `gorm:"serializer:utc"` // of the last look that succeeded; zero: none yet
	Figures    string    `gorm:"size:2000"`      // its figures, in JSON
}

// ReconciliationItem is something in which the platform's list and the journal
// differ, or that is worth a line of its own.
type ReconciliationItem struct {
	StoreID      int64     `gorm:"primaryKey;autoIncrement:false"` // its [Account]
	Day          string    `gorm:"primaryKey;size:10"`
	Seq          int       `gorm:"primaryKey;autoIncrement:false"`
	Kind         string    `gorm:"size:32"`
	Code         string    `gorm:"size:64"`
	OperationID  string    `gorm:"size:64"` // "": not ours
	Title        string    `gorm:"size:255"`
	PlatformFen  int64     // 0: not in the list
	OursFen      int64     // 0: not ours
	PriceKnown   bool      // an amount of 0 is one; false: nobody told it, or a program of before wrote the row
	Account      string    `gorm:"size:255"`
	Channel      string    `gorm:"size:64"`
	RefundStatus string    `gorm:"size:16"`
	VerifiedAt   time.Time `gorm:"serializer:utc"`
}

// TableName and its like name the tables for GORM.
func (Reconciliation) TableName() string     { return "reconciliations" }
func (ReconciliationItem) TableName() string { return "reconciliation_items" }

// ReconciliationStore keeps which days are to be reconciled when, and what came of it.
type ReconciliationStore struct{ *core }

// Plan notes what is to be looked at and when. What is noted already stays as it
// is.
func (s ReconciliationStore) Plan(ctx context.Context, rows []Reconciliation) error {
	const what = "plan reconciliations"
	if len(rows) == 0 {
		return nil
	}
	fresh := make([]Reconciliation, len(rows))
	for i, r := range rows {
		if r.StoreID == 0 || r.DueAt.IsZero() {
			return failed(what, ErrInvalid)
		}
		if err := identity(what, 10, r.Day); err != nil {
			return err
		}
		fresh[i] = tidy(Reconciliation{StoreID: r.StoreID, Day: r.Day, Attempt: 1, DueAt: r.DueAt})
	}
	return s.write(ctx, what, func(g *gorm.DB) error {
		return g.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(fresh, batch).Error
	})
}

// LastDays gives for each account the newest day that is planned, of those from a
// day on.
func (s ReconciliationStore) LastDays(ctx context.Context, from string) (map[int64]string, error) {
	var rows []Reconciliation
	err := s.read(ctx, "find last reconciliations", func(g *gorm.DB) error {
		return g.Select("store_id", "day").Where("day >= ?", from).Find(&rows).Error
	})
	// Grouped by the database it would be a walk through all of every store's days.
	last := map[int64]string{}
	for _, r := range rows {
		last[r.StoreID] = max(last[r.StoreID], r.Day)
	}
	return last, err
}

// Due lists the days that are due and that no process has claimed, the longest
// waiting first.
func (s ReconciliationStore) Due(ctx context.Context, now time.Time, limit int) ([]Reconciliation, error) {
	var rows []Reconciliation
	err := s.read(ctx, "list due reconciliations", func(g *gorm.DB) error {
		return g.Where("due_at <= ?", stamp(now)).Where(leaseFree, stamp(now)).
			Order("due_at, store_id, day").Limit(limit).Find(&rows).Error
	})
	return rows, err
}

// Get finds what is known of an account's day.
func (s ReconciliationStore) Get(ctx context.Context, account int64, day string) (Reconciliation, error) {
	const what = "find reconciliation"
	var rows []Reconciliation
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Where("store_id = ? AND day = ?", account, day).Find(&rows).Error
	})
	return first(rows, err, what)
}

// List lists what is known of days of these accounts, from one to another, both
// included, by day and account.
func (s ReconciliationStore) List(ctx context.Context, accounts []int64, from, to string) ([]Reconciliation, error) {
	var rows []Reconciliation
	err := s.read(ctx, "list reconciliations", func(g *gorm.DB) error {
		return g.Where("store_id IN ? AND day >= ? AND day <= ?", accounts, from, to).Order("day, store_id").Find(&rows).Error
	})
	return rows, err
}

// Items lists what the last look at an account's day has found.
func (s ReconciliationStore) Items(ctx context.Context, account int64, day string) ([]ReconciliationItem, error) {
	var rows []ReconciliationItem
	err := s.read(ctx, "list reconciliation items", func(g *gorm.DB) error {
		return g.Where("store_id = ? AND day = ?", account, day).Order("seq").Find(&rows).Error
	})
	return rows, err
}

// Claim takes up an account's day, whether it is due or not, unless another process
// has claimed it. Of several who try, one wins; the others get [ErrStale].
func (s ReconciliationStore) Claim(ctx context.Context, r Reconciliation, until time.Time) (Reconciliation, error) {
	held := r.Attempt
	r.Attempt, r.LeaseUntil = held+1, moment(until)
	err := s.swap(ctx, "claim reconciliation", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Reconciliation{}).Where("store_id = ? AND day = ? AND attempt = ?", r.StoreID, r.Day, held).
			Where(leaseFree, stamp(s.now())).
			Updates(map[string]any{"attempt": r.Attempt, "lease_until": stamp(r.LeaseUntil)})
	})
	return unless(err, r)
}

// Finish records what a look has found, in place of what the one before did. r
// carries the figures and when to look again.
func (s ReconciliationStore) Finish(ctx context.Context, r Reconciliation, items []ReconciliationItem) (Reconciliation, error) {
	const what = "finish reconciliation"
	held := r.Attempt
	r.Attempt, r.LeaseUntil = held+1, time.Time{}
	r.Looks, r.Failures, r.Reason = r.Looks+1, 0, ""
	if r.CheckedAt.IsZero() {
		r.CheckedAt = s.now()
	}
	r = tidy(r)
	rows := make([]ReconciliationItem, len(items))
	for i, item := range items {
		item.StoreID, item.Day, item.Seq = r.StoreID, r.Day, i+1
		rows[i] = tidy(item)
	}
	err := s.inTx(ctx, func(tx *DB) error {
		if err := tx.Reconciliations.move(ctx, what, held, r); err != nil {
			return err
		}
		err := tx.write(ctx, what, func(g *gorm.DB) error {
			err := g.Where("store_id = ? AND day = ?", r.StoreID, r.Day).Delete(&ReconciliationItem{}).Error
			if err != nil || len(rows) == 0 {
				return err
			}
			return g.CreateInBatches(rows, batch).Error
		})
		if err != nil {
			return err
		}
		return tx.witness(func(w Witness) error { return w.Reconciled(ctx, tx, r) })
	})
	return unless(err, r)
}

// Retry records that a look failed, and when to try again; what an earlier one
// has found stays.
func (s ReconciliationStore) Retry(ctx context.Context, r Reconciliation, reason string, next time.Time) (Reconciliation, error) {
	held := r.Attempt
	r.Attempt, r.LeaseUntil, r.DueAt = held+1, time.Time{}, next
	r.Failures, r.Reason = r.Failures+1, reason
	r = tidy(r)
	return unless(s.move(ctx, "put off reconciliation", held, r), r)
}

// move writes every column that can change, if the row is still as it was
// claimed.
func (s ReconciliationStore) move(ctx context.Context, what string, held int, r Reconciliation) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Reconciliation{}).Where("store_id = ? AND day = ? AND attempt = ?", r.StoreID, r.Day, held).
			Select("*").Omit("store_id", "day").Updates(&r)
	})
}
