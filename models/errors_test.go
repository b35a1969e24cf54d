package models_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestErrorNumbers(t *testing.T) {
	t.Parallel()
	for number, expect := range map[uint16]error{
		1062: models.ErrDuplicate,
		1040: models.ErrUnavailable, 1045: models.ErrUnavailable, 1290: models.ErrUnavailable, 1114: models.ErrUnavailable,
		1047: models.ErrUnavailable, 1053: models.ErrUnavailable, 9005: models.ErrUnavailable,
		1064: nil, 1146: nil, 1406: nil, // a mistake of ours
	} {
		if f := models.ExamineMySQL(number); f.Kind() != expect || f.Transient() {
			t.Errorf("MySQL %d: %v, want %v", number, f, expect)
		}
	}
	for _, number := range []uint16{1213, 1205, 1020, 3101, 9007, 8022} {
		if f := models.ExamineMySQL(number); !f.Transient() {
			t.Errorf("MySQL %d is not tried again", number)
		}
	}
	const readOnlyMoved, busySnapshot, ioFsync = 8 | 4<<8, 5 | 2<<8, 10 | 4<<8
	for code, expect := range map[int]error{8: models.ErrUnavailable, readOnlyMoved: models.ErrUnavailable, ioFsync: models.ErrUnavailable, 13: models.ErrUnavailable, 9: models.ErrUnavailable, 1: nil, 19: nil} {
		if f := models.ExamineSQLite(code); f.Kind() != expect || f.Transient() {
			t.Errorf("SQLite %d: %v, want %v", code, f, expect)
		}
	}
	for _, code := range []int{5, 6, busySnapshot} {
		if f := models.ExamineSQLite(code); !f.Transient() {
			t.Errorf("SQLite %d is not tried again", code)
		}
	}
}

// Who stops waiting gets the context's own error, from every kind of call.
func TestContextEnds(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		in := accept(t, db, "m1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range []error{
			db.Ping(ctx), second(db.Inbox.Get(ctx, in.ID)), second(db.Inbox.Answer(ctx, in, nil, true)), second(db.Outbox.Due(ctx, noon, 1, nil, time.Time{})),
			db.Directory.Sync(ctx, twoStores()), second(db.MigrationStatus(ctx)), second(db.Alerts.Doubtful(ctx)),
			second(db.Inbox.Purge(ctx, noon, 1)), second(db.Journal.FinishConsume(ctx, intent("1"), nil)),
		} {
			want(t, err, context.Canceled)
		}
		same(t, must(db.Inbox.Get(t.Context(), in.ID)), in)
	})
}

// The driver's words on a duplicate quote the row.
func TestDuplicateErrorsQuoteNothing(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		begin(t, db, intent("7992697494"))
		_, err := db.Journal.Begin(t.Context(), intent("7992697494"), asked(t, db, "in-7992697494"))
		want(t, err, models.ErrDuplicate)
		if strings.Contains(err.Error(), "7992697494") {
			t.Error(err)
		}
	})
}

func TestSlowStatements(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := models.SlowLog(slog.New(slog.NewTextHandler(&out, nil)))
	say := func(ago time.Duration) {
		log.Trace(t.Context(), time.Now().Add(-ago), func() (string, int64) { return "SELECT 1", 1 }, errors.New("x"))
	}
	say(0)
	same(t, out.String(), "")
	say(time.Minute)
	if !strings.Contains(out.String(), "SELECT 1") {
		t.Errorf("logged %q", out.String())
	}
}
