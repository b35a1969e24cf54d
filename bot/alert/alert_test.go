package alert

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// A rule that cannot look at the journal is named in the error; it is not taken for
// one that has found nothing.
func TestRuleThatCannotLook(t *testing.T) {
	t.Parallel()
	dsn := modelstest.SQLiteDSN(t)
	db := modelstest.Open(t, models.SQLite, dsn)
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	beside, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	for _, table := range []string{"operations", "coupons", "calls"} {
		if _, err := beside.ExecContext(t.Context(), "ALTER TABLE "+table+" RENAME TO lost_"+table); err != nil {
			t.Fatal(err)
		}
	}
	open, err := ParseHours("09:00-10:00")
	if err != nil {
		t.Fatal(err)
	}
	c := Checker{
		DB: db, Location: time.UTC, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Rules: Rules{Open: open, Repeats: 1, SamePhone: 1, UndoPercent: 1, SilentDays: 1, PlatformErrors: 1, Doubtful: 1},
		Tell:  func(context.Context, *models.DB, Alert) error { return nil },
	}
	err = c.Check(t.Context())
	for _, rule := range []string{"opening hours", "repeats", "same phone", "undo share", "silent stores", "platform errors", "doubts"} {
		if err == nil || !strings.Contains(err.Error(), "alert: "+rule) {
			t.Errorf("%s failed in silence: %v", rule, err)
		}
	}
}
