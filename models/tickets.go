package models

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"gorm.io/gorm"
)

// Ticket is the right to do something once. Whoever has its secret has it; the
// database only keeps a fingerprint of that.
type Ticket struct {
	Kind      string    `gorm:"size:32"`
	UserID    string    `gorm:"size:64"` // case-folded
	Platform  string    `gorm:"size:32"`
	Channel   string    `gorm:"size:64"`
	Chat      string    `gorm:"size:128"`
	ExpiresAt time.Time `gorm:"serializer:utc"`
	UsedAt    time.Time `gorm:"serializer:utc"` // zero: not used
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"`
}

// TableName names the table for GORM.
func (Ticket) TableName() string { return "tickets" }

type ticketRow struct {
	ID string `gorm:"primaryKey;size:64"`
	Ticket
}

// ticketID is the fingerprint of a ticket.
func (k *sealKey) ticketID(kind, secret string) string {
	return hex.EncodeToString(k.fingerprint("ticket "+kind, secret))
}

// SaveTicket records a ticket.
func (db *DB) SaveTicket(ctx context.Context, secret string, t Ticket) error {
	const what = "save ticket"
	if t.CreatedAt.IsZero() {
		t.CreatedAt = db.now()
	}
	t.UserID, t.UsedAt = fold(t.UserID), time.Time{}
	if err := identity(what, 32, t.Kind); err != nil {
		return err
	}
	if secret == "" || moment(t.ExpiresAt).IsZero() {
		return failed(what, ErrInvalid)
	}
	row := tidy(ticketRow{ID: db.keys.ticketID(t.Kind, secret), Ticket: t})
	return db.write(ctx, what, func(g *gorm.DB) error { return g.Create(&row).Error })
}

// Ticket looks at a ticket without using it. One that is used or over is
// returned with [ErrStale].
func (db *DB) Ticket(ctx context.Context, kind, secret string) (Ticket, error) {
	const what = "find ticket"
	var rows []ticketRow
	err := db.read(ctx, what, func(g *gorm.DB) error {
		return g.Where("id IN ?", db.ticketIDs(kind, secret)).Find(&rows).Error
	})
	row, err := first(rows, err, what)
	if err != nil {
		return Ticket{}, err
	}
	if !row.UsedAt.IsZero() || !row.ExpiresAt.After(db.now()) {
		return row.Ticket, failed(what, ErrStale)
	}
	return row.Ticket, nil
}

// UseTicket uses a ticket up. Of several who try, one succeeds; the others, and
// whoever comes too late, get the ticket with [ErrStale].
func (db *DB) UseTicket(ctx context.Context, kind, secret string) (Ticket, error) {
	used := db.swap(ctx, "use ticket", func(g *gorm.DB) *gorm.DB {
		now := stamp(db.now())
		return g.Model(&ticketRow{}).
			Where("id IN ? AND used_at IS NULL AND expires_at > ?", db.ticketIDs(kind, secret), now).
			Update("used_at", now)
	})
	if used != nil && !errors.Is(used, ErrStale) {
		return Ticket{}, used
	}
	t, err := db.Ticket(ctx, kind, secret)
	if err != nil && !errors.Is(err, ErrStale) {
		return Ticket{}, err
	}
	return t, used
}

// ticketIDs are the fingerprints that a ticket may have: one made just before
// the key was changed is still good.
func (db *DB) ticketIDs(kind, secret string) []string {
	var ids []string
	for _, k := range db.keys.known {
		ids = append(ids, k.ticketID(kind, secret))
	}
	return ids
}
