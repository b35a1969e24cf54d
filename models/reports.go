package models

import (
	"context"
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

// ReportStore keeps which summaries were sent to whom.
type ReportStore struct{ *core }

// Claim claims for the caller to send a person the summary of a kind that begins
// on a day. It is false where that was claimed before. It belongs in the
// transaction that puts the summary into the outbox.
func (s ReportStore) Claim(ctx context.Context, user, kind, begins string) (fresh bool, err error) {
	const what = "take report"
	row := reportRow{UserID: fold(user), Kind: kind, Begins: begins, CreatedAt: s.now()}
	for _, id := range []string{row.UserID, kind, begins} {
		if err := identity(what, 64, id); err != nil {
			return false, err
		}
	}
	return addOnce(ctx, s.core, what, &row)
}

// Recipients lists who has been sent the summary of a kind that begins on a day.
func (s ReportStore) Recipients(ctx context.Context, kind, begins string) ([]string, error) {
	var users []string
	err := s.read(ctx, "list reports", func(g *gorm.DB) error {
		return g.Model(&reportRow{}).Where("kind = ? AND begins = ?", kind, begins).Order("user_id").Pluck("user_id", &users).Error
	})
	return users, err
}
