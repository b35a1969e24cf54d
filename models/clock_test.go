package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Replicas whose machines disagree by twenty minutes go by one clock, the server's;
// whoever has a file to himself goes by his own.
func TestFollowServer(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, db *models.DB) {
		before := db.Now()
		if ahead := time.Until(before); ahead < 9*time.Minute {
			t.Fatalf("before it has asked it goes by its own clock: %s ahead", ahead)
		}
		behind, err := db.FollowServer(t.Context())
		no(t, err)
		if db.Driver() == models.SQLite {
			if ahead := time.Until(db.Now()); behind != 0 || ahead < 9*time.Minute {
				t.Errorf("a file has no clock: %s behind it, %s ahead", behind, ahead)
			}
			return
		}
		if behind > -9*time.Minute || behind < -11*time.Minute {
			t.Errorf("it is ten minutes ahead, and says %s behind", behind)
		}
		if off := time.Until(db.Now()).Abs(); off > time.Minute {
			t.Errorf("by the server's clock it is still %s off", off)
		}
		op := intent("1000000001")
		in := accept(t, db, op.Code)
		op.CreatedAt = time.Time{}
		begun, err := db.Journal.Begin(t.Context(), op, in)
		no(t, err)
		if off := time.Until(begun.CreatedAt).Abs(); off > time.Minute {
			t.Errorf("a row is stamped %s off", off)
		}
	}, func(cfg *models.Config) { cfg.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } })
}

// A clock that was set since the last look is corrected by the next.
func TestFollowServerAgain(t *testing.T) {
	clock := modelstest.NewClock(time.Now()) // without the steadiness of a monotonic one
	db := modelstest.MySQL(t, modelstest.WithClock(clock))
	_, err := db.FollowServer(t.Context())
	no(t, err)
	clock.Advance(time.Hour)
	if off := time.Until(db.Now()); off < 59*time.Minute {
		t.Fatalf("time passes as on this machine: %s", off)
	}
	_, err = db.FollowServer(t.Context())
	no(t, err)
	if off := time.Until(db.Now()).Abs(); off > time.Minute {
		t.Errorf("still %s off", off)
	}
}
