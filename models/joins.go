package models

import (
	"cmp"
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
	JoinReplaced JoinState = "replaced" // by one under another name
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

// Ask records somebody's request to work for a store. While one is pending, a repeat
// returns it, and fresh is false. Under another name it takes the place of the pending
// one: who approves a request approves the name that it has had from the beginning.
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
	for {
		err := s.write(ctx, what, func(g *gorm.DB) error {
			return g.Create(&joinRow{Join: j, PendingUser: &j.UserID}).Error
		})
		if err == nil {
			return j, true, nil
		}
		if !errors.Is(err, ErrDuplicate) {
			return Join{}, false, err
		}
		old, ferr := s.one(ctx, what, "store_id = ? AND pending_user = ?", j.StoreID, j.UserID)
		switch {
		case errors.Is(ferr, ErrNotFound): // what was pending was decided by the time it was looked for
			if _, ferr = s.one(ctx, what, "id = ?", j.ID); !errors.Is(ferr, ErrNotFound) {
				return Join{}, false, cmp.Or(ferr, err)
			}
			continue
		case ferr != nil || old.Name == j.Name:
			return old, false, ferr
		}
		if err := s.end(ctx, what, old.ID, JoinReplaced, j.UserID); err != nil && !errors.Is(err, ErrStale) {
			return Join{}, false, err
		}
	}
}

// end takes a request out of those that are pending. [ErrStale]: it is none of them.
func (s JoinStore) end(ctx context.Context, what, id string, state JoinState, by string) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&joinRow{}).Where("id = ? AND state = ?", id, JoinPending).Updates(map[string]any{
			"state": state, "decided_by": clip(fold(by), 64), "decided_at": stamp(s.now()), "pending_user": nil,
		})
	})
}

// Asked counts the requests of a person to work for a store since a time.
func (s JoinStore) Asked(ctx context.Context, storeID int64, user string, since time.Time) (int, error) {
	var n int64
	err := s.read(ctx, "count requests to join", func(g *gorm.DB) error {
		return g.Model(&Join{}).Where("store_id = ? AND user_id = ? AND created_at >= ?", storeID, fold(user), stamp(since)).Count(&n).Error
	})
	return int(n), err
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
	decided := s.end(ctx, what, id, state, by)
	if decided != nil && !errors.Is(decided, ErrStale) {
		return Join{}, decided
	}
	j, err := s.Get(ctx, id)
	if err != nil {
		return Join{}, err
	}
	return j, decided
}
