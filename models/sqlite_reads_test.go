package models_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// A read waits for no change, and sees what was committed when it began.
func TestSQLiteReadsBesideChange(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	ctx := t.Context()
	accept(t, db, "m1")
	no(t, db.Tx(ctx, func(tx *models.DB) error {
		accept(t, tx, "m2")
		no(t, second(tx.Inbox.Get(ctx, "in-m2")))
		no(t, second(db.Inbox.Get(ctx, "in-m1"))) // by another connection, while this one holds the lock
		_, err := db.Inbox.Get(ctx, "in-m2")
		want(t, err, models.ErrNotFound)
		return nil
	}))
	no(t, second(db.Inbox.Get(ctx, "in-m2")))
}

// What a caller has been told of is there for every read that begins then.
func TestSQLiteReadsSeeCommits(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				id := fmt.Sprintf("m%d-%d", w, i)
				if _, fresh, err := db.Inbox.Accept(t.Context(), message(id)); err != nil || !fresh {
					t.Error(fresh, err)
				}
				if _, err := db.Inbox.Get(t.Context(), "in-"+id); err != nil {
					t.Error(id, err)
				}
			}
		})
	}
	wg.Wait()
}

// A reader changes nothing, and plans anew what it has prepared when the schema changes.
func TestSQLiteReaders(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	var n int
	err := db.Read(t.Context(), "INSERT INTO meta (name, value) VALUES ('a', 'b') RETURNING 1", &n)
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Error("a reader writes:", err)
	}
	for _, column := range []string{"'one'", "'two'"} {
		_, err := db.Pool().ExecContext(t.Context(), "DROP VIEW IF EXISTS v")
		no(t, err)
		_, err = db.Pool().ExecContext(t.Context(), "CREATE VIEW v AS SELECT "+column+" AS value")
		no(t, err)
		var got string
		no(t, db.Read(t.Context(), "SELECT value FROM v", &got))
		same(t, "'"+got+"'", column)
	}
}

// endless reads the file until it is ended.
const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n, inbox"

// A read that does not end does not make the log of the file grow for ever, and holds
// up no change.
func TestSQLiteLogBounded(t *testing.T) {
	t.Parallel()
	dsn := modelstest.SQLiteDSN(t)
	db := modelstest.Open(t, models.SQLite, dsn, func(cfg *models.Config) { cfg.Sleep = noSleep })
	no(t, second(db.Migrate(t.Context())))
	const most = 1 << 20
	db.KeepLogBelow(most)
	accept(t, db, "m0")
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	readers.Go(func() {
		var n int
		err := db.Read(ctx, endless, &n)
		if !errors.Is(err, models.ErrUnavailable) && !errors.Is(err, context.Canceled) {
			t.Error("an endless read ended:", n, err)
		}
	})
	payload := make([]byte, 128<<10)
	for i := range 40 { // 5 MiB
		in := message(fmt.Sprint("m", i+1))
		in.Payload = payload
		if _, _, err := db.Inbox.Accept(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		log, err := os.Stat(dsn + "-wal")
		no(t, err)
		if log.Size() > most+most/4 {
			t.Fatalf("after %d messages the log has %d bytes", i, log.Size())
		}
	}
}
