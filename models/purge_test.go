package models_test

import (
	"fmt"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestPurgeInbox(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i := range 5 {
			in := accept(t, db, fmt.Sprint("old", i))
			if i < 4 {
				_, err := db.Answer(ctx, in, []byte("ok"), i != 3)
				no(t, err)
			}
		}
		clock.Advance(time.Hour)
		young := accept(t, db, "young")
		_, err := db.Answer(ctx, young, []byte("ok"), true)
		no(t, err)

		n, err := db.PurgeInbox(ctx, noon.Add(time.Minute), 2)
		no(t, err)
		same(t, n, 2)
		n, err = db.PurgeInbox(ctx, noon.Add(time.Minute), 10)
		no(t, err)
		same(t, n, 1)
		for _, id := range []string{"old3", "old4", "young"} { // not final, not answered, not old
			if _, err := db.Message(ctx, "in-"+id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		n, err = db.PurgeInbox(ctx, noon.Add(time.Minute), 10)
		no(t, err)
		same(t, n, 0)
	})
}

// What is still to be sent stays, however old.
func TestPurgeOutbox(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		claimed := func(id string) models.Outgoing {
			no(t, db.Enqueue(ctx, outgoing(id, "app/main/"+id)))
			for _, o := range must(db.DueOutgoing(ctx, clock.Now(), 10)) {
				if o.ID == id {
					return must(db.ClaimOutgoing(ctx, o, clock.Now().Add(time.Minute)))
				}
			}
			t.Fatalf("%s is not due", id)
			return models.Outgoing{}
		}
		no(t, db.OutgoingSent(ctx, claimed("sent"), "", ""))
		no(t, db.OutgoingFailed(ctx, claimed("failed"), "no_receiver"))
		no(t, db.Enqueue(ctx, outgoing("obsolete", "app/main/obsolete")))
		same(t, must(db.OutgoingObsolete(ctx, "in-obsolete")), 1)
		no(t, db.Enqueue(ctx, outgoing("queued", "app/main/queued")))
		same(t, must(db.PurgeOutbox(ctx, clock.Now(), 10)), 0) // nothing is older than that

		clock.Advance(time.Hour)
		same(t, must(db.PurgeOutbox(ctx, clock.Now(), 2)), 2)
		same(t, must(db.PurgeOutbox(ctx, clock.Now(), 10)), 1)
		same(t, due(t, db, clock.Now()), []string{"queued"})
	})
}

func TestPurgeCalls(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.LogCalls(ctx, []models.Call{{ReceiptCode: "7992697494", Name: "prepare"}, {ReceiptCode: "7992697494", Name: "consume"}}))
		clock.Advance(time.Hour)
		no(t, db.LogCalls(ctx, []models.Call{{ReceiptCode: "7992697494", Name: "getconsumed"}}))
		same(t, must(db.PurgeCalls(ctx, clock.Now(), 1)), 1)
		same(t, must(db.PurgeCalls(ctx, clock.Now(), 10)), 1)
		_, _, calls, _, err := db.Story(ctx, "7992697494")
		no(t, err)
		if len(calls) != 1 || calls[0].Name != "getconsumed" {
			t.Errorf("left: %+v", calls)
		}
	})
}
