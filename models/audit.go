package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// AuditEntry says who changed what about stores, groups, people and grants.
type AuditEntry struct {
	ID       int64     `gorm:"primaryKey"`
	At       time.Time `gorm:"serializer:utc;column:happened_at"`
	UserID   string    `gorm:"size:64"` // case-folded; "": the bot itself
	UserName string    `gorm:"size:128"`
	Channel  string    `gorm:"size:64"`
	Chat     string    `gorm:"size:128"`
	Action   string    `gorm:"size:64"`
	StoreID  int64     // 0: of no store, or of several
	Subject  string    `gorm:"size:255"` // what was changed: a person, a group, a grant
	Before   string    `gorm:"size:1000;column:value_before"`
	After    string    `gorm:"size:1000;column:value_after"`
}

// TableName names the table for GORM.
func (AuditEntry) TableName() string { return "audit" }

// AuditStore keeps who changed what.
type AuditStore struct{ *core }

// Record adds an entry. It belongs in the transaction of the change.
func (s AuditStore) Record(ctx context.Context, e AuditEntry) error {
	const what = "record audit entry"
	e.ID, e.UserID = 0, fold(e.UserID)
	if e.At.IsZero() {
		e.At = s.now()
	}
	if err := identity(what, 64, e.Action); err != nil {
		return err
	}
	e = tidy(e)
	return s.write(ctx, what, func(g *gorm.DB) error {
		row := e // has no id yet, whenever it is tried
		return g.Create(&row).Error
	})
}

// AuditFilter selects audit entries; a zero field selects all.
type AuditFilter struct {
	StoreID  int64
	From, To time.Time // from From until before To
	Limit    int       // the newest so many
}

// List lists audit entries, oldest first.
func (s AuditStore) List(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	var rows []AuditEntry
	err := s.read(ctx, "list audit entries", func(g *gorm.DB) error {
		if f.StoreID != 0 {
			g = g.Where("store_id = ?", f.StoreID)
		}
		if !f.From.IsZero() {
			g = g.Where("happened_at >= ?", stamp(f.From))
		}
		if !f.To.IsZero() {
			g = g.Where("happened_at < ?", stamp(f.To))
		}
		if f.Limit > 0 {
			g = g.Limit(f.Limit)
		}
		return g.Order("happened_at DESC, id DESC").Find(&rows).Error
	})
	slices.Reverse(rows)
	return rows, err
}
