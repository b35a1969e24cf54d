package models_test

import (
	"errors"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Nothing is begun for a message that was answered, or that another worker has.
func TestIntentsNeedTheirMessage(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		verified := done(t, db, intent("7992697494"))
		verified.UndoUserID, verified.UndoCalledAt = "lisi", noon

		held := accept(t, db, "held")
		clock.Advance(time.Minute)
		taken, err := db.Inbox.Claim(ctx, held, clock.Now().Add(time.Minute))
		no(t, err)
		answered, err := db.Inbox.Answer(ctx, accept(t, db, "answered"), []byte("done"), true)
		no(t, err)
		gone := models.Inbox{ID: "in-gone", Attempt: 1}
		for name, in := range map[string]models.Inbox{"taken over": held, "answered": answered, "gone": gone} {
			op := intent("1111111111")
			op.ID = "op-" + name
			if _, err := db.Journal.Begin(ctx, op, in); !errors.Is(err, models.ErrStale) {
				t.Errorf("begun for a message that is %s: %v", name, err)
			}
			if _, err := db.Journal.BeginUndo(ctx, verified, in); !errors.Is(err, models.ErrStale) {
				t.Errorf("an undo begun for a message that is %s: %v", name, err)
			}
		}
		if _, err := db.Journal.Live(ctx, 1, "1111111111"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("something was left: %v", err)
		}
		stored(t, db, must(db.Journal.Get(ctx, verified.ID)))

		op, err := db.Journal.Begin(ctx, intent("1111111111"), taken)
		no(t, err)
		same(t, op.InboxID, taken.ID)
		undone, err := db.Journal.BeginUndo(ctx, verified, taken)
		no(t, err)
		same(t, undone.UndoInboxID, taken.ID)
		stored(t, db, undone)
	})
}

// Whoever lost an operation learns it before a call.
func TestHoldOperation(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := inState(t, db, "7992697494", models.Unknown)
		clock.Advance(time.Minute)
		op, err := db.Journal.Claim(ctx, op, clock.Now().Add(time.Second))
		no(t, err)
		op.DueAt, op.SentAt = clock.Now().Add(time.Minute), clock.Now()
		op, err = db.Journal.Hold(ctx, op)
		no(t, err)
		stored(t, db, op)
		clock.Advance(2 * time.Minute)
		_, err = db.Journal.Claim(ctx, op, clock.Now().Add(time.Minute))
		no(t, err)
		_, err = db.Journal.Hold(ctx, op)
		want(t, err, models.ErrStale)
	})
}

// A doubt that is asked about for days does not fill the table.
func TestLogCallsAgain(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		op := inState(t, db, "7992697494", models.Unknown)
		round := func(record, prepare string) {
			t.Helper()
			at := clock.Now()
			calls := []models.Call{
				{OperationID: op.ID, ReceiptCode: op.Code, Name: "getconsumed", StartedAt: at, Class: "refused", Outcome: models.Outcome{Code: record, TraceID: at.String()}},
				{OperationID: op.ID, ReceiptCode: op.Code, Name: "prepare", StartedAt: at, Class: prepare},
			}
			no(t, db.Calls.LogAgain(ctx, calls))
			clock.Advance(10 * time.Second)
		}
		for range 5 {
			round("1999", "unknown_outcome")
		}
		round("1002", "")
		round("1002", "")
		round("1999", "")
		_, _, calls, _, err := db.History.Story(ctx, op.Code)
		no(t, err)
		type line struct {
			name, class, code string
			times             int
			last              time.Duration
		}
		var got []line
		for _, c := range calls {
			l := line{name: c.Name, class: c.Class, code: c.Code, times: c.Times}
			if !c.LastAt.IsZero() {
				l.last = c.LastAt.Sub(noon)
			}
			got = append(got, l)
		}
		want := []line{
			{"getconsumed", "refused", "1999", 5, 40 * time.Second},
			{"prepare", "unknown_outcome", "", 5, 40 * time.Second},
			{"getconsumed", "refused", "1002", 2, 60 * time.Second},
			{"prepare", "", "", 1, 0},
			{"prepare", "", "", 1, 0},
			{"getconsumed", "refused", "1999", 1, 0},
			{"prepare", "", "", 1, 0},
		}
		if len(got) != len(want) {
			t.Fatalf("kept %+v", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%+v, want %+v", got[i], want[i])
			}
		}
	})
}
