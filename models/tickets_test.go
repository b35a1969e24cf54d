package models_test

import (
	"fmt"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func ticket() models.Ticket {
	return models.Ticket{
		Kind: "link", UserID: "Boss", Platform: "dianping", Channel: "app/main", Chat: "wrAbC", ExpiresAt: noon.Add(10 * time.Minute),
	}
}

func TestTicket(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Tickets.Save(ctx, "s3cret", ticket()))
		expect := ticket()
		expect.UserID, expect.CreatedAt = "boss", noon
		same(t, must(db.Tickets.Get(ctx, "link", "s3cret")), expect)
		for _, wrong := range [][2]string{{"state", "s3cret"}, {"link", "S3cret"}, {"link", ""}} {
			_, err := db.Tickets.Get(ctx, wrong[0], wrong[1])
			want(t, err, models.ErrNotFound)
			_, err = db.Tickets.Use(ctx, wrong[0], wrong[1])
			want(t, err, models.ErrNotFound)
		}
		clock.Advance(time.Minute)
		used := must(db.Tickets.Use(ctx, "link", "s3cret"))
		expect.UsedAt = clock.Now()
		same(t, used, expect)
		for _, look := range []func() (models.Ticket, error){
			func() (models.Ticket, error) { return db.Tickets.Get(ctx, "link", "s3cret") },
			func() (models.Ticket, error) { return db.Tickets.Use(ctx, "link", "s3cret") },
		} {
			again, err := look()
			want(t, err, models.ErrStale)
			same(t, again, used)
		}

		no(t, db.Tickets.Save(ctx, "other", ticket()))
		want(t, db.Tickets.Save(ctx, "other", ticket()), models.ErrDuplicate)
		clock.Advance(9*time.Minute - time.Microsecond)
		no(t, second(db.Tickets.Get(ctx, "link", "other")))
		clock.Advance(time.Microsecond)
		over, err := db.Tickets.Use(ctx, "link", "other")
		want(t, err, models.ErrStale)
		same(t, over.UsedAt, time.Time{})
		want(t, second(db.Tickets.Get(ctx, "link", "other")), models.ErrStale)

		endless := ticket()
		endless.ExpiresAt = time.Time{}
		for _, err := range []error{
			db.Tickets.Save(ctx, "", ticket()), db.Tickets.Save(ctx, "s", endless), db.Tickets.Save(ctx, "s", models.Ticket{ExpiresAt: noon}),
		} {
			want(t, err, models.ErrInvalid)
		}
	})
}

func TestUseTicketRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		no(t, dbs[0].Tickets.Save(t.Context(), "s3cret", ticket()))
		oneWins(t, race(8, func(i int) error {
			return second(dbs[i%2].Tickets.Use(t.Context(), "link", "s3cret"))
		}), models.ErrStale)
	})
}

func TestPurgeTickets(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i := range 3 {
			no(t, db.Tickets.Save(ctx, fmt.Sprint("old", i), ticket()))
		}
		no(t, second(db.Tickets.Use(ctx, "link", "old0")))
		clock.Advance(time.Hour)
		young := ticket()
		young.ExpiresAt = clock.Now().Add(time.Minute)
		no(t, db.Tickets.Save(ctx, "young", young))
		same(t, must(db.Tickets.Purge(ctx, clock.Now(), 2)), 2)
		same(t, must(db.Tickets.Purge(ctx, clock.Now(), 10)), 1)
		same(t, must(db.Tickets.Purge(ctx, clock.Now(), 10)), 0)
		no(t, second(db.Tickets.Use(ctx, "link", "young")))
	})
}
