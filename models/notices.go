package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// noticeRow says that a message of a platform was taken.
type noticeRow struct {
	ID      string    `gorm:"primaryKey;size:255"` // platform/id
	TakenAt time.Time `gorm:"serializer:utc"`
}

func (noticeRow) TableName() string { return "notices" }

// NoticeStore keeps which messages of the platforms were taken.
type NoticeStore struct{ *core }

// Record records that a message of a platform was taken. fresh is false where it
// was taken before. It belongs in the transaction that records what the message
// says: a message is taken when that is.
func (s NoticeStore) Record(ctx context.Context, platform, id string) (fresh bool, err error) {
	const what = "take notice"
	if err := identity(what, 32, platform); err != nil {
		return false, err
	}
	if err := identity(what, 190, id); err != nil {
		return false, err
	}
	row := noticeRow{ID: platform + "/" + id, TakenAt: s.now()}
	return addOnce(ctx, s.core, what, &row)
}

// Purge forgets up to limit notices that were taken before a time, and says how
// many.
func (s NoticeStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[noticeRow](ctx, s.core, "purge notices", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("taken_at < ?", stamp(before)).Order("taken_at")
	})
}
