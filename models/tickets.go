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

// TicketStore keeps rights that can be used once.
type TicketStore struct{ *core }

// Save records a ticket.
func (s TicketStore) Save(ctx context.Context, secret string, t Ticket) error {
	const what = "save ticket"
	if t.CreatedAt.IsZero() {
		t.CreatedAt = s.now()
	}
	t.UserID, t.UsedAt = fold(t.UserID), time.Time{}
	if err := identity(what, 32, t.Kind); err != nil {
		return err
	}
	if secret == "" || moment(t.ExpiresAt).IsZero() {
		return failed(what, ErrInvalid)
	}
	row := tidy(ticketRow{ID: s.keys.ticketID(t.Kind, secret), Ticket: t})
	return s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&row).Error })
}

// Get looks at a ticket without using it. One that is used or over is returned
// with [ErrStale].
func (s TicketStore) Get(ctx context.Context, kind, secret string) (Ticket, error) {
	const what = "find ticket"
	var rows []ticketRow
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Where("id IN ?", s.ids(kind, secret)).Find(&rows).Error
	})
	row, err := first(rows, err, what)
	if err != nil {
		return Ticket{}, err
	}
	if !row.UsedAt.IsZero() || !row.ExpiresAt.After(s.now()) {
		return row.Ticket, failed(what, ErrStale)
	}
	return row.Ticket, nil
}

// Use uses a ticket up. Of several who try, one succeeds; the others, and
// whoever comes too late, get the ticket with [ErrStale].
func (s TicketStore) Use(ctx context.Context, kind, secret string) (Ticket, error) {
	used := s.swap(ctx, "use ticket", func(g *gorm.DB) *gorm.DB {
		now := stamp(s.now())
		return g.Model(&ticketRow{}).
			Where("id IN ? AND used_at IS NULL AND expires_at > ?", s.ids(kind, secret), now).
			Update("used_at", now)
	})
	if used != nil && !errors.Is(used, ErrStale) {
		return Ticket{}, used
	}
	t, err := s.Get(ctx, kind, secret)
	if err != nil && !errors.Is(err, ErrStale) {
		return Ticket{}, err
	}
	return t, used
}

// ids are the fingerprints that a ticket may have: one made just before the key
// was changed is still good.
func (s TicketStore) ids(kind, secret string) []string {
	var ids []string
	for _, k := range s.keys.known {
		ids = append(ids, k.ticketID(kind, secret))
	}
	return ids
}

// Purge forgets up to limit tickets that were over before a time, and says how
// many.
func (s TicketStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[ticketRow](ctx, s.core, "purge tickets", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("expires_at < ?", stamp(before)).Order("expires_at")
	})
}
