package models

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
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
// lock wait, busy file, a commit shared with one that fails) it is tried again, so fn
// must be re-runnable: it must not call the platform and must not keep results of a
// former run. Inside fn, only tx may be used, by one goroutine, and nothing may be waited
// for: with SQLite, no other change goes on meanwhile. A Tx within a Tx joins it.
//
// An error that matches [ErrCommitUnknown] means that the changes may have been
// made or not.
func (db *DB) Tx(ctx context.Context, fn func(tx *DB) error) error { return db.inTx(ctx, fn) }

func (c *core) inTx(ctx context.Context, fn func(tx *DB) error) error {
	if c.tx != nil {
		if c.tx.broken != nil {
			return c.tx.broken
		}
		return fn(newDB(c))
	}
	var after []func()
	err := c.again(ctx, "transaction", func() (err error) {
		after, err = c.once(ctx, fn)
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			// database/sql rolled back when the context ended, before anybody noticed.
			return c.explain("transaction", ctx.Err(), false)
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
func (c *core) once(ctx context.Context, fn func(tx *DB) error) (after []func(), err error) {
	if c.cfg.Driver == SQLite {
		err = c.together(ctx, false, func(t turn) (err error) {
			if after, err = c.run(c.on(ctx, t.on), fn); err == nil {
				err = c.explain("transaction", ctx.Err(), false)
			}
			return err
		})
		return after, err
	}
	orm := c.orm.WithContext(ctx).Begin()
	if orm.Error != nil {
		return nil, c.explain("begin", orm.Error, false)
	}
	committing := false
	defer func() {
		if !committing { // also when fn panics
			orm.Rollback()
		}
	}()
	if after, err = c.run(orm, fn); err != nil {
		return nil, err
	}
	committing = true
	return after, c.commitError(ctx, orm.Commit().Error)
}

// run runs fn in a transaction that has begun.
func (c *core) run(orm *gorm.DB, fn func(tx *DB) error) ([]func(), error) {
	tx := *c
	tx.orm, tx.tx = orm, &txState{}
	err := fn(newDB(&tx))
	if broken := tx.tx.broken; broken != nil && !errors.Is(err, broken) {
		err = broken // fn swallowed it
	}
	return tx.tx.after, err
}

func (c *core) commitError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	f := examine(err)
	switch {
	case f.transient:
		return c.explain("commit", err, false)
	case errors.Is(err, sql.ErrTxDone), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		// database/sql looks at the context before it sends COMMIT.
		return c.explain("commit", err, false)
	}
	kinds := []error{ErrCommitUnknown}
	if f.kind != nil {
		kinds = append(kinds, f.kind)
	}
	return &dbError{what: "commit", kinds: kinds, err: err}
}
