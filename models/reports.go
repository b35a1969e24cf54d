package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// reportRow says that a summary was put into the outbox.
type reportRow struct {
	UserID    string    `gorm:"primaryKey;size:64"` // case-folded
	Kind      string    `gorm:"primaryKey;size:16"`
	Begins    string    `gorm:"primaryKey;size:10"` // 2006-01-02
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"`
}

func (reportRow) TableName() string { return "reports" }

// TakeReport claims for the caller to send a person the summary of a kind that
// begins on a day. It is false where that was claimed before. It belongs in the
// transaction that puts the summary into the outbox.
func (db *DB) TakeReport(ctx context.Context, user, kind, begins string) (fresh bool, err error) {
	const what = "take report"
	row := reportRow{UserID: fold(user), Kind: kind, Begins: begins, CreatedAt: db.now()}
	for _, id := range []string{row.UserID, kind, begins} {
		if err := identity(what, 64, id); err != nil {
			return false, err
		}
	}
	return take(ctx, db, what, &row)
}

// take adds a row that is there once. It is false where it was there.
func take[Row any](ctx context.Context, db *DB, what string, row *Row) (fresh bool, err error) {
	err = db.write(ctx, what, func(g *gorm.DB) error { return g.Create(row).Error })
	if errors.Is(err, ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// ReportedTo lists who has been sent the summary of a kind that begins on a day.
func (db *DB) ReportedTo(ctx context.Context, kind, begins string) ([]string, error) {
	var users []string
	err := db.read(ctx, "list reports", func(g *gorm.DB) error {
		return g.Model(&reportRow{}).Where("kind = ? AND begins = ?", kind, begins).Order("user_id").Pluck("user_id", &users).Error
	})
	return users, err
}

// Managers lists who manages a store that is active, or that verified something from
// a time until before another.
func (db *DB) Managers(ctx context.Context, from, to time.Time) ([]string, error) {
	var users []string
	err := db.read(ctx, "list managers", func(g *gorm.DB) error {
		return g.Model(&Member{}).Distinct().Joins("JOIN stores ON stores.id = members.store_id").
			Where("members.role = ?", RoleManager).Scopes(during(from, to)).Order("user_id").Pluck("user_id", &users).Error
	})
	return users, err
}
