package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestAlert(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		alert := func(id string) bool { return must(db.Alerts.Claim(t.Context(), id, time.Hour)) }
		same(t, alert("open/1"), true)
		same(t, alert("open/1"), false)
		same(t, alert("open/2"), true)
		clock.Advance(time.Hour - time.Microsecond)
		same(t, alert("open/1"), false)
		clock.Advance(time.Microsecond)
		same(t, alert("open/1"), true)
		same(t, alert("open/1"), false)

		same(t, must(db.Alerts.Told(t.Context(), "open/1")), clock.Now())
		_, err := db.Alerts.Told(t.Context(), "open/9")
		want(t, err, models.ErrNotFound)

		won := make(chan bool, 8)
		for range 8 {
			go func() {
				ok, err := db.Alerts.Claim(t.Context(), "open/3", time.Hour)
				won <- ok && err == nil
			}()
		}
		n := 0
		for range 8 {
			if <-won {
				n++
			}
		}
		same(t, n, 1)

		clock.Advance(time.Minute)
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now().Add(-time.Minute), 10)), 1) // open/2
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now(), 1)), 1)
		same(t, must(db.Alerts.Purge(t.Context(), clock.Now(), 10)), 1)
		_, err = db.Alerts.Claim(t.Context(), "", time.Hour)
		if err == nil {
			t.Error("an alert about nothing")
		}
	})
}

// What a rule has told of in a transaction that was not committed is told again.
func TestAlertNotTold(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		err := db.Tx(t.Context(), func(tx *models.DB) error {
			same(t, must(tx.Alerts.Claim(t.Context(), "open/1", time.Hour)), true)
			return models.ErrStale
		})
		want(t, err, models.ErrStale)
		same(t, must(db.Alerts.Claim(t.Context(), "open/1", time.Hour)), true)
	})
}
