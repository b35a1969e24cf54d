package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// sentCard enqueues and sends a card about something, to be changed at a time.
func sentCard(t *testing.T, db *models.DB, id, about, code string, at time.Time) models.Outgoing {
	t.Helper()
	o := outgoing(id, "app/main/zhangsan")
	o.OperationID, o.ChangeAt = about, at
	no(t, db.Outbox.Enqueue(t.Context(), o))
	for _, o := range must(db.Outbox.Due(t.Context(), noon.Add(time.Hour), 10, nil, time.Time{})) {
		if o.ID == id {
			o, err := db.Outbox.Claim(t.Context(), o, noon.Add(2*time.Hour))
			no(t, err)
			no(t, db.Outbox.MarkSent(t.Context(), o, "msg", code))
			return o
		}
	}
	t.Fatalf("%s is not queued", id)
	return models.Outgoing{}
}

func dueCards(t *testing.T, db *models.DB, now time.Time) map[string]models.Outgoing {
	t.Helper()
	cards := map[string]models.Outgoing{}
	for _, o := range must(db.Cards.Due(t.Context(), now, 10)) {
		cards[o.ID] = o
	}
	return cards
}

func TestCards(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		end := noon.Add(10 * time.Minute)
		sentCard(t, db, "a", "op-a", "code-a", end)
		sentCard(t, db, "b", "op-b", "", end) // no code came: it cannot be changed
		same(t, len(dueCards(t, db, end.Add(-time.Second))), 0)
		cards := dueCards(t, db, end)
		same(t, len(cards), 1)
		a := cards["a"]
		same(t, string(a.ChangeCode), "code-a")
		same(t, a.ChangeAt, end)

		// Nothing is changed while an answer is on its way to the same person.
		no(t, db.Outbox.Enqueue(ctx, outgoing("c", "app/main/zhangsan")))
		same(t, len(dueCards(t, db, end)), 0)
		c, err := db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0], noon.Add(time.Minute))
		no(t, err)
		same(t, len(dueCards(t, db, end)), 0)
		no(t, db.Outbox.Fail(ctx, c, "no_receiver"))
		same(t, len(dueCards(t, db, end)), 1)

		later := end.Add(time.Minute)
		no(t, db.Cards.Reschedule(ctx, a, later))
		want(t, db.Cards.Reschedule(ctx, a, later.Add(time.Hour)), models.ErrStale) // as it was read
		want(t, db.Cards.SpendCode(ctx, a, time.Time{}), models.ErrStale)
		same(t, len(dueCards(t, db, end)), 0)
		a = dueCards(t, db, later)["a"]

		// The code is spent once, and the change may bring another.
		no(t, db.Cards.SpendCode(ctx, a, later.Add(time.Minute)))
		a = dueCards(t, db, later.Add(time.Minute))["a"]
		same(t, a.ChangeCode, []byte(nil))
		no(t, db.Cards.MarkChanged(ctx, "a", "code-2"))
		a = dueCards(t, db, later.Add(time.Minute))["a"]
		same(t, string(a.ChangeCode), "code-2")
		no(t, db.Cards.MarkChanged(ctx, "a", "")) // by the code of a press: this one is left
		same(t, len(dueCards(t, db, later.Add(time.Minute))), 1)
		no(t, db.Cards.SpendCode(ctx, a, later.Add(time.Minute)))
		no(t, db.Cards.MarkChanged(ctx, "a", ""))
		same(t, len(dueCards(t, db, later.Add(time.Hour))), 0)
		no(t, db.Cards.MarkChanged(ctx, "nobody's", "x"))

		// A press puts something else in its place, for its owner only.
		no(t, db.Cards.Repoint(ctx, "a", "app/main", "lisi", "op-x", end))
		no(t, db.Cards.Repoint(ctx, "a", "app/main", "zhangsan", "op-z", end))
		no(t, db.Cards.Repoint(ctx, "nobody's", "app/main", "zhangsan", "op-z", end))
		same(t, dueCards(t, db, end)["a"].OperationID, "op-z")
	})
}

// A card waits for what is queued for the same person, but not for what has stepped aside.
func TestCardsWaitForWhatHoldsUp(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		sentCard(t, db, "a", "op-a", "code-a", noon)
		no(t, db.Outbox.Enqueue(ctx, outgoing("b", "app/main/zhangsan")))
		b, err := db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0], noon.Add(time.Minute))
		no(t, err)
		no(t, db.Outbox.Retry(ctx, b, "card", "http_status", noon.Add(time.Hour)))
		no(t, db.Outbox.Enqueue(ctx, outgoing("c", "app/main/zhangsan")))
		same(t, len(dueCards(t, db, noon)), 0)
		c, err := db.Outbox.Claim(ctx, must(db.Outbox.Behind(ctx, b, clock.Now())), noon.Add(time.Minute))
		no(t, err)
		same(t, len(dueCards(t, db, noon)), 0)
		no(t, db.Outbox.MarkSent(ctx, c, "m", ""))
		same(t, must(db.Outbox.Aside(ctx, b, "app/main/b")), true)
		same(t, len(dueCards(t, db, noon)), 1)
	})
}

// An undo and what takes an operation's place make its cards due, also one that is
// not out yet, and those of the message that asked for several.
func TestCardsOfOperation(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		end := noon.Add(10 * time.Minute)
		op := done(t, db, intent("7992697494"))
		other := done(t, db, intent("8000000001"))
		sentCard(t, db, "mine", op.ID, "code", end)
		sentCard(t, db, "another", other.ID, "code", end)
		sentCard(t, db, "pressed", op.ID, "code", time.Time{}) // offers nothing any more
		list := outgoing("list", "app/main/lisi")
		list.OperationID, list.InboxID, list.ChangeAt = "", op.InboxID, end
		no(t, db.Outbox.Enqueue(ctx, list))
		undone := undoing(t, db, op)
		same(t, len(dueCards(t, db, noon)), 0)
		_, err := db.Journal.FinishUndo(ctx, undone, nil)
		no(t, err)
		cards := dueCards(t, db, noon)
		same(t, len(cards), 1)
		same(t, cards["mine"].OperationID, op.ID)
		o, err := db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0], noon.Add(time.Minute))
		no(t, err)
		no(t, db.Outbox.MarkSent(ctx, o, "m", "code-list"))
		same(t, len(dueCards(t, db, noon)), 2)
		no(t, db.Journal.Supersede(ctx, other))
		same(t, len(dueCards(t, db, noon)), 3)
	})
}

// The end of a doubt makes the cards due that wait for it, whichever end it is.
func TestCardsOfDoubt(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		later := noon.Add(time.Hour)
		used, free := inState(t, db, "7992697494", models.Unknown), inState(t, db, "8000000001", models.Unknown)
		sentCard(t, db, "used", used.ID, "code", later)
		sentCard(t, db, "free", free.ID, "code", later)
		used, err := db.Journal.DoubtConsume(ctx, used)
		no(t, err)
		same(t, len(dueCards(t, db, noon)), 0)
		_, err = db.Journal.FinishConsume(ctx, used, []models.Coupon{{Code: used.Code}})
		no(t, err)
		same(t, dueCards(t, db, noon)["used"].OperationID, used.ID)
		same(t, len(dueCards(t, db, noon)), 1)
		_, err = db.Journal.RejectConsume(ctx, free)
		no(t, err)
		same(t, dueCards(t, db, noon)["free"].OperationID, free.ID)
	})
}

func TestLooksDue(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		end := noon.Add(72 * time.Hour)
		sentCard(t, db, "look", models.LookSubject(1, "7992697494"), "code", end)
		sentCard(t, db, "store", models.LookSubject(2, "7992697494"), "code", end)
		sentCard(t, db, "other", models.LookSubject(1, "8000000001"), "code", end)
		same(t, must(db.Cards.RefreshVerified(ctx, noon.Add(-time.Hour), 10)), 0)
		op := done(t, db, intent("7992697494"))
		same(t, must(db.Cards.RefreshVerified(ctx, op.ConsumedAt.Add(time.Second), 10)), 0)
		same(t, must(db.Cards.RefreshVerified(ctx, op.ConsumedAt, 10)), 1)
		same(t, must(db.Cards.RefreshVerified(ctx, op.ConsumedAt, 10)), 0)
		cards := dueCards(t, db, noon)
		same(t, len(cards), 1)
		store, code, ok := models.ParseLookSubject(cards["look"].OperationID)
		same(t, []any{store, code, ok}, []any{int64(1), "7992697494", true})
		_, _, ok = models.ParseLookSubject(op.ID)
		same(t, ok, false)
	})
}
