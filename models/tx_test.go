package models_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestTx(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Tx(ctx, func(tx *models.DB) error {
			begin(t, tx, intent("1"))
			return tx.Tx(ctx, func(inner *models.DB) error { // joins
				begin(t, inner, intent("2"))
				return nil
			})
		}))
		no(t, second(db.Journal.Get(ctx, "op-1")))
		no(t, second(db.Journal.Get(ctx, "op-2")))

		stop := errors.New("stop")
		want(t, db.Tx(ctx, func(tx *models.DB) error {
			begin(t, tx, intent("3"))
			same(t, must(tx.Journal.Get(ctx, "op-3")).Code, "3")
			return stop
		}), stop)
		_, err := db.Journal.Get(ctx, "op-3")
		want(t, err, models.ErrNotFound)

		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = db.Tx(ctx, func(tx *models.DB) error {
				begin(t, tx, intent("4"))
				panic("boom")
			})
		}()
		_, err = db.Journal.Get(ctx, "op-4")
		want(t, err, models.ErrNotFound)

		// The end of the context ends the transaction, and that is certain.
		dying, cancel := context.WithCancel(ctx)
		err = db.Tx(dying, func(tx *models.DB) error {
			begin(t, tx, intent("5"))
			cancel()
			return nil
		})
		want(t, err, context.Canceled)
		if errors.Is(err, models.ErrCommitUnknown) {
			t.Error("not in doubt:", err)
		}
		_, err = db.Journal.Get(ctx, "op-5")
		want(t, err, models.ErrNotFound)
	})
}

// Two transactions that take two rows in opposite order: one is chosen to lose
// and runs again, even if it tries to swallow that.
func TestTxRetriesDeadlock(t *testing.T) {
	t.Parallel()
	for name, swallow := range map[string]bool{"returned": false, "swallowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := modelstest.MySQL(t)
			ctx := t.Context()
			for _, id := range []string{"a", "b"} {
				accept(t, db, id)
			}
			extend := func(tx *models.DB, id string) error {
				in, err := tx.Inbox.Get(ctx, "in-"+id)
				if err != nil {
					return err
				}
				_, err = tx.Inbox.Extend(ctx, in, noon.Add(time.Hour))
				if swallow {
					return nil
				}
				return err
			}
			var both sync.WaitGroup // hold one row each
			both.Add(2)
			runs := make([]int, 2)
			for _, err := range race(2, func(i int) error {
				order := []string{"a", "b"}
				if i == 1 {
					order = []string{"b", "a"}
				}
				return db.Tx(ctx, func(tx *models.DB) error {
					runs[i]++
					if err := extend(tx, order[0]); err != nil {
						return err
					}
					if runs[i] == 1 {
						both.Done()
						both.Wait()
					}
					if err := extend(tx, order[1]); err != nil {
						return err
					}
					return tx.Outbox.Enqueue(ctx, outgoing(order[0], "app/main/"+order[0]))
				})
			}) {
				no(t, err)
			}
			same(t, runs[0]+runs[1], 3)
			same(t, len(must(db.Outbox.Due(ctx, time.Now(), 10, nil, time.Time{}))), 2)
		})
	}
}

// locked holds the write lock of a SQLite file until told to let go.
func locked(t *testing.T, dsn string) (release func()) {
	t.Helper()
	other, err := sql.Open("sqlite", dsn+"?_txlock=immediate")
	no(t, err)
	t.Cleanup(func() { other.Close() })
	tx, err := other.BeginTx(context.WithoutCancel(t.Context()), nil)
	no(t, err)
	return func() { _ = tx.Rollback() }
}

func TestBusyFile(t *testing.T) {
	t.Parallel()
	dsn := modelstest.SQLiteDSN(t)
	var pauses []time.Duration
	var after func(pauses int)
	db := modelstest.Open(t, models.SQLite, dsn, func(cfg *models.Config) {
		cfg.Sleep = func(_ context.Context, d time.Duration) error {
			pauses = append(pauses, d)
			after(len(pauses))
			return nil
		}
		cfg.Jitter = func(d time.Duration) time.Duration { return d }
	})
	no(t, second(db.Migrate(t.Context())))
	_, err := db.Pool().ExecContext(t.Context(), "PRAGMA busy_timeout = 0") // the waiting is SQLite's own matter
	no(t, err)

	// Busy for a while: it is tried again, each time after twice the pause.
	release := locked(t, dsn)
	after = func(n int) {
		if n == 3 {
			release()
		}
	}
	accept(t, db, "m1")
	same(t, pauses, []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond})

	// Busy for good: unavailable, and certainly not done.
	for name, call := range map[string]func() error{
		"statement":   func() error { _, _, err := db.Inbox.Accept(t.Context(), message("m2")); return err },
		"transaction": func() error { return db.Tx(t.Context(), func(*models.DB) error { return nil }) },
	} {
		pauses, after = nil, func(int) {}
		release = locked(t, dsn)
		err := call()
		want(t, err, models.ErrUnavailable)
		if errors.Is(err, models.ErrCommitUnknown) {
			t.Errorf("%s: not in doubt: %v", name, err)
		}
		same(t, len(pauses), models.Tries-1)
		release()
		no(t, call())
	}

	// The caller's patience ends first.
	release = locked(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())
	after = func(int) { cancel() }
	_, _, err = db.Inbox.Accept(ctx, message("m3"))
	want(t, err, context.Canceled)
	release()
}

// What is to be done after a commit is done once, and not without one.
func TestAfterCommit(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		var done []string
		no(t, db.Tx(ctx, func(tx *models.DB) error {
			tx.AfterCommit(func() {
				same(t, len(must(db.Outbox.Due(ctx, noon, 10, nil, time.Time{}))), 1) // it is committed, and holds no connection
				done = append(done, "outer")
			})
			no(t, tx.Outbox.Enqueue(ctx, outgoing("a", "app/main/a")))
			return tx.Tx(ctx, func(tx *models.DB) error {
				tx.AfterCommit(func() { done = append(done, "inner") })
				same(t, len(done), 0)
				return nil
			})
		}))
		want(t, db.Tx(ctx, func(tx *models.DB) error {
			tx.AfterCommit(func() { done = append(done, "never") })
			return models.ErrStale
		}), models.ErrStale)
		db.AfterCommit(func() { done = append(done, "at once") })
		same(t, done, []string{"outer", "inner", "at once"})
	})
}
