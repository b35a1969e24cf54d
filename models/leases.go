package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// Lease says which process does something that only one may do at a time. It
// ends by itself, so that another can take over from one that has died.
type Lease struct {
	Name    string    `gorm:"primaryKey;size:64"`
	Holder  string    `gorm:"size:128"` // for people to read
	Attempt int       // fencing token: every taking raises it
	EndsAt  time.Time `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (Lease) TableName() string { return "leases" }

// LeaseStore keeps which process does what only one may do at a time.
type LeaseStore struct{ *core }

// Get finds a lease, which may have ended. [ErrNotFound]: nobody ever held it.
func (s LeaseStore) Get(ctx context.Context, name string) (Lease, error) {
	const what = "find lease"
	var rows []Lease
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where("name = ?", name).Find(&rows).Error })
	return first(rows, err, what)
}

// Acquire takes a lease that is free for so long. While somebody holds it, it is
// [ErrStale]; of several who try at once, one wins.
func (s LeaseStore) Acquire(ctx context.Context, name, holder string, life time.Duration) (Lease, error) {
	const what = "take lease"
	if err := identity(what, 64, name); err != nil {
		return Lease{}, err
	}
	now := s.now()
	l := tidy(Lease{Name: name, Holder: holder, Attempt: 1, EndsAt: now.Add(life)})
	old, err := s.Get(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		err = s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&l).Error })
		if errors.Is(err, ErrDuplicate) {
			return Lease{}, failed(what, ErrStale)
		}
		return unless(err, l)
	case err != nil:
		return Lease{}, err
	case old.EndsAt.After(now):
		return Lease{}, failed(what, ErrStale)
	}
	l.Attempt = old.Attempt + 1
	return unless(s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Lease{}).Where("name = ? AND attempt = ? AND ends_at <= ?", name, old.Attempt, stamp(now)).
			Updates(map[string]any{"holder": l.Holder, "attempt": l.Attempt, "ends_at": stamp(l.EndsAt)})
	}), l)
}

// Renew prolongs a lease to so long from now. [ErrStale]: somebody else has
// taken it.
func (s LeaseStore) Renew(ctx context.Context, l Lease, life time.Duration) (Lease, error) {
	l.EndsAt = moment(s.now().Add(life))
	return unless(s.setEnd(ctx, "renew lease", l), l)
}

// Release ends a lease now, so that others need not wait for its end.
func (s LeaseStore) Release(ctx context.Context, l Lease) error {
	l.EndsAt = s.now()
	return s.setEnd(ctx, "release lease", l)
}

// setEnd writes when a lease ends, if it is still that of the holder.
func (s LeaseStore) setEnd(ctx context.Context, what string, l Lease) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Lease{}).Where("name = ? AND attempt = ?", l.Name, l.Attempt).Update("ends_at", stamp(l.EndsAt))
	})
}
