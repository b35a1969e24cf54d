package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// JoinState of a [Join].
type JoinState string

const (
	JoinPending  JoinState = "pending"
	JoinApproved JoinState = "approved"
	JoinRefused  JoinState = "refused"
)

// Join is somebody's request to work for a store.
type Join struct {
	ID        string `gorm:"primaryKey;size:64"`
	StoreID   int64
	UserID    string    `gorm:"size:64"` // case-folded
	Name      string    `gorm:"size:128"`
	State     JoinState `gorm:"size:16"`
	Channel   string    `gorm:"size:64"` // where it was asked
	Chat      string    `gorm:"size:128"`
	DecidedBy string    `gorm:"size:64"`
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"`
	DecidedAt time.Time `gorm:"serializer:utc"` // zero while pending
}

// TableName names the table for GORM.
func (Join) TableName() string { return "join_requests" }

// joinRow is a [Join] as it is stored. A unique index on (store_id,
// pending_user) allows one pending request for each store and person.
type joinRow struct {
	Join
	PendingUser *string
}

// JoinStore keeps who asked to work for a store, and what was decided.
type JoinStore struct{ *core }

// Ask records somebody's request to work for a store. While one is pending, a
// repeat gives it the newer name and returns it, and fresh is false.
func (s JoinStore) Ask(ctx context.Context, j Join) (row Join, fresh bool, err error) {
	const what = "ask to join"
	if j.ID == "" {
		j.ID = s.cfg.NewID()
	}
	if j.CreatedAt.IsZero() {
		j.CreatedAt = s.now()
	}
	j.UserID, j.State, j.DecidedBy, j.DecidedAt = fold(j.UserID), JoinPending, "", time.Time{}
	if j.StoreID == 0 {
		return Join{}, false, failed(what, ErrInvalid)
	}
	if err := identity(what, 64, j.ID, j.UserID); err != nil {
		return Join{}, false, err
	}
	j = tidy(j)
	// What was pending may be decided by the time it is looked for.
	for try := 1; ; try++ {
		err := s.write(ctx, what, func(g *gorm.DB) error {
			return g.Create(&joinRow{Join: j, PendingUser: &j.UserID}).Error
		})
		if err == nil {
			return j, true, nil
		}
		if !errors.Is(err, ErrDuplicate) {
			return Join{}, false, err
		}
		old, ferr := s.renamePending(ctx, what, j)
		if !isAny(ferr, ErrNotFound, ErrStale) {
			return old, false, ferr
		}
		if try == 3 {
			return Join{}, false, err // the ID is taken
		}
	}
}

// renamePending finds the pending request of the same person and gives it the name
// of j.
func (s JoinStore) renamePending(ctx context.Context, what string, j Join) (Join, error) {
	old, err := s.one(ctx, what, "store_id = ? AND pending_user = ?", j.StoreID, j.UserID)
	if err != nil || old.Name == j.Name {
		return old, err
	}
	old.Name = j.Name
	return unless(s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Join{}).Where("id = ? AND state = ?", old.ID, JoinPending).Update("name", j.Name)
	}), old)
}

// Get finds a request to work for a store, pending or decided.
func (s JoinStore) Get(ctx context.Context, id string) (Join, error) {
	return s.one(ctx, "find request to join", "id = ?", id)
}

func (s JoinStore) one(ctx context.Context, what, where string, args ...any) (Join, error) {
	var rows []Join
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where(where, args...).Find(&rows).Error })
	return first(rows, err, what)
}

// Decide approves or refuses a pending request; the place in the store itself is
// given by [DirectoryStore.SetMember], in the same transaction. Where it was
// decided before, that is returned with [ErrStale].
func (s JoinStore) Decide(ctx context.Context, id string, approve bool, by string) (Join, error) {
	const what = "decide on request to join"
	state := JoinRefused
	if approve {
		state = JoinApproved
	}
	decided := s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&joinRow{}).Where("id = ? AND state = ?", id, JoinPending).Updates(map[string]any{
			"state": state, "decided_by": clip(fold(by), 64), "decided_at": stamp(s.now()), "pending_user": nil,
		})
	})
	if decided != nil && !errors.Is(decided, ErrStale) {
		return Join{}, decided
	}
	j, err := s.Get(ctx, id)
	if err != nil {
		return Join{}, err
	}
	return j, decided
}
