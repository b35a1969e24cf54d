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
				_, err := db.Inbox.Answer(ctx, in, []byte("ok"), i != 3)
				no(t, err)
			}
		}
		clock.Advance(time.Hour)
		young := accept(t, db, "young")
		_, err := db.Inbox.Answer(ctx, young, []byte("ok"), true)
		no(t, err)

		n, err := db.Inbox.Purge(ctx, noon.Add(time.Minute), 2)
		no(t, err)
		same(t, n, 2)
		n, err = db.Inbox.Purge(ctx, noon.Add(time.Minute), 10)
		no(t, err)
		same(t, n, 1)
		for _, id := range []string{"old3", "old4", "young"} { // not final, not answered, not old
			if _, err := db.Inbox.Get(ctx, "in-"+id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		n, err = db.Inbox.Purge(ctx, noon.Add(time.Minute), 10)
		no(t, err)
		same(t, n, 0)
	})
}

// What is still to be sent stays, however old.
func TestPurgeOutbox(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		claimed := func(id string) models.Outgoing {
			no(t, db.Outbox.Enqueue(ctx, outgoing(id, "app/main/"+id)))
			for _, o := range must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{})) {
				if o.ID == id {
					return must(db.Outbox.Claim(ctx, o, clock.Now().Add(time.Minute)))
				}
			}
			t.Fatalf("%s is not due", id)
			return models.Outgoing{}
		}
		no(t, db.Outbox.MarkSent(ctx, claimed("sent"), "", ""))
		no(t, db.Outbox.Fail(ctx, claimed("failed"), "no_receiver"))
		no(t, db.Outbox.Enqueue(ctx, outgoing("obsolete", "app/main/obsolete")))
		same(t, must(db.Outbox.Obsolete(ctx, "in-obsolete")), 1)
		no(t, db.Outbox.Enqueue(ctx, outgoing("queued", "app/main/queued")))
		same(t, must(db.Outbox.Purge(ctx, clock.Now(), 10)), 0) // nothing is older than that

		clock.Advance(time.Hour)
		same(t, must(db.Outbox.Purge(ctx, clock.Now(), 2)), 2)
		same(t, must(db.Outbox.Purge(ctx, clock.Now(), 10)), 1)
		same(t, due(t, db, clock.Now()), []string{"queued"})
	})
}

func TestPurgeCalls(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Calls.Log(ctx, []models.Call{{ReceiptCode: "7992697494", Name: "prepare"}, {ReceiptCode: "7992697494", Name: "consume"}}))
		clock.Advance(time.Hour)
		no(t, db.Calls.Log(ctx, []models.Call{{ReceiptCode: "7992697494", Name: "getconsumed"}}))
		same(t, must(db.Calls.Purge(ctx, clock.Now(), 1)), 1)
		same(t, must(db.Calls.Purge(ctx, clock.Now(), 10)), 1)
		_, _, calls, _, err := db.History.Story(ctx, "7992697494")
		no(t, err)
		if len(calls) != 1 || calls[0].Name != "getconsumed" {
			t.Errorf("left: %+v", calls)
		}
	})
}
