package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// A statement or transaction that lost against another one is tried so often,
// with pauses that double from pauseMin.
const (
	tries    = 8
	pauseMin = 10 * time.Millisecond
)

// txState is what a transaction remembers.
type txState struct {
	// broken is the first error after which nothing in this transaction can be
	// relied on. After a deadlock the server has already rolled back, so that a
	// further statement would be a transaction of its own.
	broken error
	after  []func() // once it is committed
}

// Tx runs fn in one local transaction. It is committed when fn returns nil and
// rolled back otherwise. When it loses against another transaction (deadlock,
// lock wait, busy file) it is tried again, so fn must be re-runnable: it must
// not call the platform and must not keep results of a former run. Inside fn,
// only tx may be used, by one goroutine: with SQLite there is but one connection.
// A Tx within a Tx joins it.
//
// An error that matches [ErrCommitUnknown] means that the changes may have been
// made or not.
func (db *DB) Tx(ctx context.Context, fn func(tx *DB) error) error {
	if db.tx != nil {
		if db.tx.broken != nil {
			return db.tx.broken
		}
		return fn(db)
	}
	var after []func()
	err := db.again(ctx, "transaction", func() (err error) {
		after, err = db.once(ctx, fn)
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			// database/sql rolled back when the context ended, before anybody noticed.
			return db.explain("transaction", ctx.Err(), false)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, do := range after {
		do()
	}
	return nil
}

// AfterCommit has do called once the transaction is certain to be committed, before
// [DB.Tx] returns; outside a transaction, at once.
func (db *DB) AfterCommit(do func()) {
	if db.tx == nil {
		do()
		return
	}
	db.tx.after = append(db.tx.after, do)
}

// once runs fn in a transaction and gives what is to be done after it.
func (db *DB) once(ctx context.Context, fn func(tx *DB) error) ([]func(), error) {
	orm := db.orm.WithContext(ctx).Begin()
	if orm.Error != nil {
		return nil, db.explain("begin", orm.Error, false)
	}
	tx := *db
	tx.orm, tx.tx = orm, &txState{}
	committing := false
	defer func() {
		if !committing { // also when fn panics
			orm.Rollback()
		}
	}()
	err := fn(&tx)
	if broken := tx.tx.broken; broken != nil && !errors.Is(err, broken) {
		err = broken // fn swallowed it
	}
	if err != nil {
		return nil, err
	}
	committing = true
	return tx.tx.after, db.commitError(ctx, orm.Commit().Error)
}

func (db *DB) commitError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if db.cfg.Driver == SQLite {
		// A commit that failed leaves the transaction open on the only
		// connection; without this, every later one would fail.
		_, _ = db.pool.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	f := examine(err)
	switch {
	case f.transient:
		return db.explain("commit", err, false)
	case errors.Is(err, sql.ErrTxDone), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		// database/sql looks at the context before it sends COMMIT.
		return db.explain("commit", err, false)
	}
	kinds := []error{ErrCommitUnknown}
	if f.kind != nil {
		kinds = append(kinds, f.kind)
	}
	return &dbError{what: "commit", kinds: kinds, err: err}
}

// read runs a statement that changes nothing, write one that does. Outside a
// transaction each is tried again when it lost against another one.
func (db *DB) read(ctx context.Context, what string, fn func(g *gorm.DB) error) error {
	return db.do(ctx, what, false, fn)
}

func (db *DB) write(ctx context.Context, what string, fn func(g *gorm.DB) error) error {
	return db.do(ctx, what, true, fn)
}

func (db *DB) do(ctx context.Context, what string, change bool, fn func(g *gorm.DB) error) error {
	if db.tx == nil {
		return db.again(ctx, what, func() error {
			return db.explain(what, fn(db.orm.WithContext(ctx)), change)
		})
	}
	if db.tx.broken != nil {
		return db.tx.broken
	}
	err := db.explain(what, fn(db.orm.WithContext(ctx)), false)
	if err != nil && !isAny(err, ErrDuplicate, ErrNotFound, ErrStale) {
		db.tx.broken = err
	}
	return err
}

// explain wraps a driver's error. change says that the statement was a change
// outside a transaction, so that a lost answer leaves its outcome open.
func (db *DB) explain(what string, err error, change bool) error {
	if err == nil {
		return nil
	}
	var known *dbError
	if errors.As(err, &known) {
		return err
	}
	if readOnly(err) {
		db.dropIdle()
	}
	f := examine(err)
	e := &dbError{what: what, transient: f.transient, err: err}
	if f.kind != nil {
		e.kinds = append(e.kinds, f.kind)
	}
	if change && f.uncertain {
		e.kinds = append(e.kinds, ErrCommitUnknown)
	}
	if f.kind == ErrDuplicate {
		e.err = nil // the driver's words quote the row
	}
	return e
}

// again calls fn until it does not lose against another transaction any more.
func (db *DB) again(ctx context.Context, what string, fn func() error) error {
	for try, pause := 1, pauseMin; ; try, pause = try+1, pause*2 {
		err := fn()
		var e *dbError
		if !errors.As(err, &e) || !e.transient {
			return err
		}
		if try == tries {
			return fmt.Errorf("models: %s: %w: gave up after %d tries: %w", what, ErrUnavailable, tries, err)
		}
		db.cfg.Log.DebugContext(ctx, "database: lost against another transaction, trying again", "what", what, "try", try, "error", err)
		if serr := db.cfg.Sleep(ctx, db.cfg.Jitter(pause)); serr != nil {
			return fmt.Errorf("models: %s: %w: %w", what, serr, err)
		}
	}
}
