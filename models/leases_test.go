package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestLeases(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		_, err := db.Leases.Get(ctx, "socket/group")
		want(t, err, models.ErrNotFound)
		_, err = db.Leases.Acquire(ctx, "", "one", time.Second)
		want(t, err, models.ErrInvalid)

		one, err := db.Leases.Acquire(ctx, "socket/group", "one", 10*time.Second)
		no(t, err)
		same(t, one, models.Lease{Name: "socket/group", Holder: "one", Attempt: 1, EndsAt: noon.Add(10 * time.Second)})
		same(t, must(db.Leases.Get(ctx, "socket/group")), one)
		_, err = db.Leases.Acquire(ctx, "socket/group", "two", 10*time.Second)
		want(t, err, models.ErrStale)
		_, err = db.Leases.Acquire(ctx, "socket/group", "one", 10*time.Second) // who holds it renews it
		want(t, err, models.ErrStale)
		_, err = db.Leases.Acquire(ctx, "socket/Group", "two", 10*time.Second) // another name
		no(t, err)

		clock.Advance(9 * time.Second)
		one, err = db.Leases.Renew(ctx, one, 10*time.Second)
		no(t, err)
		same(t, one.EndsAt, noon.Add(19*time.Second))
		clock.Advance(10*time.Second - time.Microsecond)
		_, err = db.Leases.Acquire(ctx, "socket/group", "two", 10*time.Second)
		want(t, err, models.ErrStale)
		clock.Advance(time.Microsecond)
		one, err = db.Leases.Renew(ctx, one, 0) // late, but nobody has taken it
		no(t, err)
		two, err := db.Leases.Acquire(ctx, "socket/group", "two", 10*time.Second)
		no(t, err)
		same(t, two, models.Lease{Name: "socket/group", Holder: "two", Attempt: 2, EndsAt: noon.Add(29 * time.Second)})

		_, err = db.Leases.Renew(ctx, one, time.Hour)
		want(t, err, models.ErrStale)
		want(t, db.Leases.Release(ctx, one), models.ErrStale)
		same(t, must(db.Leases.Get(ctx, "socket/group")), two)

		no(t, db.Leases.Release(ctx, two))
		three, err := db.Leases.Acquire(ctx, "socket/group", "three", 10*time.Second)
		no(t, err)
		same(t, three.Attempt, 3)
	})
}

// Of many who take a lease at once, new or ended, one gets it.
func TestLeaseRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		for range 3 {
			oneWins(t, race(20, func(int) error {
				_, err := db.Leases.Acquire(t.Context(), "socket/group", "somebody", time.Second)
				return err
			}), models.ErrStale)
			clock.Advance(time.Second)
		}
	})
}

// One who renews late and one who takes over at the same moment: whoever comes
// second learns that.
func TestLeaseTakenWhileRenewed(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		held, err := db.Leases.Acquire(t.Context(), "socket/group", "old", time.Second)
		no(t, err)
		for range 10 {
			clock.Advance(2 * time.Second)
			errs := race(2, func(i int) error {
				if i == 0 {
					_, err := db.Leases.Renew(t.Context(), held, time.Second)
					return err
				}
				_, err := db.Leases.Acquire(t.Context(), "socket/group", "new", time.Second)
				return err
			})
			now := must(db.Leases.Get(t.Context(), "socket/group"))
			switch {
			case errs[1] == nil:
				want(t, errs[0], models.ErrStale)
				same(t, now.Attempt, held.Attempt+1)
			default:
				want(t, errs[1], models.ErrStale)
				no(t, errs[0])
				same(t, now.Attempt, held.Attempt)
			}
			held = now
		}
	})
}
