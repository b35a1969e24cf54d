package models

import (
	"context"
	"time"
)

// noticeRow says that a message of a platform was taken.
type noticeRow struct {
	ID      string    `gorm:"primaryKey;size:255"` // platform/id
	TakenAt time.Time `gorm:"serializer:utc"`
}

func (noticeRow) TableName() string { return "notices" }

// TakeNotice records that a message of a platform was taken. fresh is false where
// it was taken before. It belongs in the transaction that records what the
// message says: a message is taken when that is.
func (db *DB) TakeNotice(ctx context.Context, platform, id string) (fresh bool, err error) {
	const what = "take notice"
	if err := identity(what, 32, platform); err != nil {
		return false, err
	}
	if err := identity(what, 190, id); err != nil {
		return false, err
	}
	row := noticeRow{ID: platform + "/" + id, TakenAt: db.now()}
	return take(ctx, db, what, &row)
}
