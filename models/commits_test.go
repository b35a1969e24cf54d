package models_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// gather makes things wait for one commit of a SQLite file, and returns when each knows
// what became of it. It is in a bubble, where a commit takes no time.
func gather(t *testing.T, db *models.DB, accepts int, changes ...func() error) []error {
	t.Helper()
	release := holdUp(t, db)
	errs := make([]error, len(changes)+accepts)
	var wg sync.WaitGroup
	start := func(i int, do func() error) {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = do()
		})
		synctest.Wait() // it waits, in this order
	}
	for i, do := range changes {
		start(i, do)
	}
	for i := range accepts {
		start(len(changes)+i, func() error {
			_, _, err := db.Inbox.Accept(t.Context(), message(fmt.Sprint("accepted", i)))
			return err
		})
	}
	release()
	wg.Wait()
	return errs
}

// adding is a transaction that accepts a message, and then does something else.
func adding(ctx context.Context, db *models.DB, id string, then func() error) func() error {
	return func() error {
		return db.Tx(ctx, func(tx *models.DB) error {
			_, fresh, err := tx.Inbox.Accept(ctx, message(id))
			if err != nil {
				return err
			}
			if !fresh {
				return models.ErrDuplicate
			}
			return then()
		})
	}
}

func well() error { return nil }

// isThere reports whether messages are stored.
func isThere(t *testing.T, db *models.DB, ids ...string) (there []bool) {
	t.Helper()
	for _, id := range ids {
		_, err := db.Inbox.Get(t.Context(), "in-"+id)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			t.Fatal(err)
		}
		there = append(there, err == nil)
	}
	return there
}

// Changes that wait at the same moment share a commit, and the failure of one is its own.
func TestChangesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec modelstest.Recorder
		db := modelstest.SQLite(t, modelstest.WithRecorder(&rec))
		gone, leave := context.WithCancel(t.Context())
		stop := errors.New("stop")
		rec.Take()
		errs := gather(t, db, 5,
			adding(t.Context(), db, "first", well),
			adding(t.Context(), db, "refused", func() error { return stop }),
			adding(t.Context(), db, "panics", func() error { panic("boom") }),
			adding(gone, db, "leaves", func() error { leave(); return nil }),
			adding(t.Context(), db, "twice", well),
			adding(t.Context(), db, "twice", well),
			func() error { return db.Audit.Record(t.Context(), models.AuditEntry{Action: "test"}) },
			adding(t.Context(), db, "last", well),
		)
		same(t, modelstest.Commits(rec.Take()), 1)
		same(t, isThere(t, db, "first", "refused", "panics", "leaves", "twice", "last", "accepted4"), []bool{true, false, false, false, true, true, true})
		want(t, errs[1], stop)
		same(t, fmt.Sprint(errs[2]), "panic: boom")
		want(t, errs[3], context.Canceled)
		want(t, errs[5], models.ErrDuplicate)
		for i, err := range errs {
			if refused := i == 1 || i == 2 || i == 3 || i == 5; refused != (err != nil) || errors.Is(err, models.ErrCommitUnknown) {
				t.Error(i, err)
			}
		}
	})
}

// meddler stands between the pool and SQLite.
type meddler struct {
	commit func(driver.Tx) error
	before func(ctx context.Context, text string, sqlite meddled) error // a statement in a transaction
}

func (m *meddler) with(cfg *models.Config) {
	cfg.Connector = func(inner driver.Connector) driver.Connector { return meddling{inner, m} }
}

type meddling struct {
	driver.Connector
	*meddler
}

func (m meddling) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &meddledConn{meddled: conn.(meddled), by: m.meddler}, nil
}

// meddled is what is used of SQLite's connections.
type meddled interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type meddledConn struct {
	meddled
	by   *meddler
	inTx bool
}

func (c *meddledConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.meddled.BeginTx(ctx, o)
	c.inTx = err == nil
	return meddledTx{tx, c}, err
}

func (c *meddledConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if c.inTx && c.by.before != nil {
		if err := c.by.before(ctx, text, c.meddled); err != nil {
			return nil, err
		}
	}
	return c.meddled.ExecContext(ctx, text, args)
}

func (c *meddledConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if c.inTx && c.by.before != nil {
		if err := c.by.before(ctx, text, c.meddled); err != nil {
			return nil, err
		}
	}
	return c.meddled.QueryContext(ctx, text, args)
}

type meddledTx struct {
	driver.Tx
	on *meddledConn
}

func (tx meddledTx) Commit() error {
	tx.on.inTx = false
	if commit := tx.on.by.commit; commit != nil {
		return commit(tx.Tx)
	}
	return tx.Tx.Commit()
}

func (tx meddledTx) Rollback() error {
	tx.on.inTx = false
	return tx.Tx.Rollback()
}

// onceCommit has the next commit end otherwise.
func onceCommit(m *meddler, fault func(driver.Tx) error) {
	m.commit = func(tx driver.Tx) error {
		m.commit = nil
		return fault(tx)
	}
}

// A commit whose outcome is unknown is unknown for all that it was for. What a failure
// was due to may not have lasted: that change is tried again.
func TestCommitTogetherUnknown(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]bool{"made": true, "not made": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m meddler
				db := modelstest.SQLite(t, m.with)
				stop, refusals := errors.New("stop"), 0
				onceCommit(&m, func(tx driver.Tx) error {
					if made {
						no(t, tx.Commit())
					} else {
						no(t, tx.Rollback())
					}
					return io.ErrUnexpectedEOF
				})
				errs := gather(t, db, 3,
					adding(t.Context(), db, "twice", well),
					adding(t.Context(), db, "twice", well),
					adding(t.Context(), db, "refused", func() error { refusals++; return stop }),
					func() error { return db.Audit.Record(t.Context(), models.AuditEntry{Action: "test"}) },
				)
				for _, i := range []int{0, 3, 4, 5, 6} {
					want(t, errs[i], models.ErrCommitUnknown)
				}
				if made {
					want(t, errs[1], models.ErrDuplicate)
				} else {
					no(t, errs[1])
				}
				want(t, errs[2], stop)
				same(t, refusals, 2)
				same(t, isThere(t, db, "twice", "refused", "accepted2"), []bool{true, false, made})
				no(t, adding(t.Context(), db, "later", well)())
			})
		})
	}
}

// A change with which SQLite ends the transaction, as of a full disk, fails by itself;
// the others are made anew.
func TestChangeEndsTransaction(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]string{"of a change": "INSERT INTO audit", "of messages": "INSERT INTO inbox"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var m meddler
				db := modelstest.SQLite(t, m.with)
				diskFull := fmt.Errorf("full: %w", context.DeadlineExceeded)
				oneMessage := "" // by a transaction
				m.before = func(ctx context.Context, text string, sqlite meddled) error {
					if oneMessage == "" && strings.HasPrefix(text, "INSERT INTO inbox") {
						oneMessage = text
					}
					if !strings.HasPrefix(strings.NewReplacer("`", "", `"`, "").Replace(text), full) || text == oneMessage {
						return nil
					}
					m.before = nil
					_, err := sqlite.ExecContext(ctx, "ROLLBACK", nil)
					return errors.Join(diskFull, err)
				}
				errs := gather(t, db, 3,
					adding(t.Context(), db, "first", well),
					func() error { return db.Audit.Record(t.Context(), models.AuditEntry{Action: "test"}) },
					adding(t.Context(), db, "last", well),
				)
				same(t, isThere(t, db, "first", "last"), []bool{true, true})
				no(t, errs[0])
				no(t, errs[2])
				if full == "INSERT INTO inbox" {
					no(t, errs[1])
					for _, err := range errs[3:] {
						want(t, err, diskFull)
					}
				} else {
					want(t, errs[1], diskFull)
					same(t, isThere(t, db, "accepted0", "accepted2"), []bool{true, true})
				}
			})
		})
	}
}

// To interrupt a statement ends the transaction, which is not the caller's alone.
func TestSharedTransactionUninterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m meddler
		db := modelstest.SQLite(t, m.with)
		m.before = func(ctx context.Context, text string, _ meddled) error {
			if ctx.Done() != nil {
				t.Error("can be interrupted:", text)
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range gather(t, db, 2,
			adding(ctx, db, "first", well),
			adding(ctx, db, "second", well),
			func() error { return db.Audit.Record(ctx, models.AuditEntry{Action: "test"}) },
		) {
			no(t, err)
		}
	})
}

// A change whose caller waits no longer is not made, and that is certain.
func TestChangeLeavesQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := modelstest.SQLite(t)
		ctx, cancel := context.WithCancel(t.Context())
		release := holdUp(t, db)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := adding(t.Context(), db, "stays", well)(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for _, change := range []func() error{
			adding(ctx, db, "leaves", well),
			func() error { return db.Audit.Record(ctx, models.AuditEntry{Action: "test"}) },
		} {
			wg.Go(func() {
				if err := change(); !errors.Is(err, context.Canceled) || errors.Is(err, models.ErrCommitUnknown) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		same(t, db.Waiting(), 3)
		cancel()
		synctest.Wait()
		same(t, db.Waiting(), 1)
		release()
		wg.Wait()
		same(t, isThere(t, db, "stays", "leaves"), []bool{true, false})
	})
}

// What is still to be changed when the database is closed is told what it can be.
func TestChangeAfterClose(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Ping(ctx))
		no(t, db.Close())
		for what, err := range map[string]error{
			"statement": db.Ping(ctx), "message": second2(db.Inbox.Accept(ctx, message("m1"))),
			"transaction": db.Tx(ctx, func(tx *models.DB) error { return second2(tx.Inbox.Accept(ctx, message("m2"))) }),
			"read":        second(db.Inbox.Get(ctx, "m1")),
		} {
			if !errors.Is(err, models.ErrUnavailable) || errors.Is(err, models.ErrCommitUnknown) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
