package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// core is what all stores work with: the connections or a transaction, the clock,
// and the keys that seal.
type core struct {
	cfg     Config
	pool    *sql.DB
	accept  *sql.DB  // MySQL: connections that only accepting uses, so that no other work can keep WeCom waiting
	reads   *readers // SQLite: connections beside the one that writes
	orm     *gorm.DB // the pool, or the transaction
	commits *commits
	keys    *keyring
	time    *serverTime
	apart   *ticks
	place   *place   // SQLite: where the file is
	budget  *budget  // MySQL: the connections
	tx      *txState // nil outside a transaction
}

// now is the current time as the database keeps it.
func (c *core) now() time.Time { return moment(c.clock()) }

// read runs a statement that changes nothing, write one that does. Outside a
// transaction each is tried again when it lost against another one, and a read waits for
// no change.
func (c *core) read(ctx context.Context, what string, fn func(g *gorm.DB) error) error {
	return c.do(ctx, what, false, fn)
}

func (c *core) write(ctx context.Context, what string, fn func(g *gorm.DB) error) error {
	return c.do(ctx, what, true, fn)
}

func (c *core) do(ctx context.Context, what string, change bool, fn func(g *gorm.DB) error) error {
	if c.tx != nil {
		return c.inside(ctx, what, fn)
	}
	return c.again(ctx, what, func() error {
		switch {
		case c.cfg.Driver != SQLite:
			return c.explain(what, fn(c.orm.WithContext(ctx)), change)
		case !change:
			return c.reads.run(ctx, func(ctx context.Context) error {
				return c.explain(what, fn(c.on(ctx, c.reads.pool)), false)
			})
		}
		return c.together(ctx, true, func(t turn) error {
			if !t.alone {
				if err := ctx.Err(); err != nil {
					return c.explain(what, err, false)
				}
				return c.explain(what, fn(c.on(context.WithoutCancel(ctx), t.on)), false)
			}
			return c.explain(what, fn(c.on(ctx, t.on)), true)
		})
	})
}

// on speaks to a connection, or to any of a pool.
func (c *core) on(ctx context.Context, pool gorm.ConnPool) *gorm.DB {
	g := c.orm.WithContext(ctx)
	g.Statement.ConnPool = pool
	return g
}

// inside runs a statement of a transaction.
func (c *core) inside(ctx context.Context, what string, fn func(g *gorm.DB) error) error {
	if c.tx.broken != nil {
		return c.tx.broken
	}
	err := ctx.Err()
	if c.cfg.Driver == SQLite { // to interrupt a change ends the transaction, which others share
		ctx = context.WithoutCancel(ctx)
	}
	if err == nil {
		err = fn(c.orm.WithContext(ctx))
	}
	err = c.explain(what, err, false)
	if err != nil && !isAny(err, ErrDuplicate, ErrNotFound, ErrStale) {
		c.tx.broken = err
	}
	return err
}

// swap runs an update that must hit exactly one row: [ErrStale] otherwise.
func (c *core) swap(ctx context.Context, what string, update func(g *gorm.DB) *gorm.DB) error {
	var hit int64
	err := c.write(ctx, what, func(g *gorm.DB) error {
		result := update(g)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		return failed(what, ErrStale)
	}
	return err
}

// explain wraps a driver's error. change says that the statement was a change
// outside a transaction, so that a lost answer leaves its outcome open.
func (c *core) explain(what string, err error, change bool) error {
	if err == nil {
		return nil
	}
	var known *dbError
	if errors.As(err, &known) {
		return err
	}
	if readOnly(err) && c.budget != nil {
		c.budget.dropIdle()
	}
	f := examine(err)
	e := &dbError{what: what, transient: f.transient, full: full(err), err: err}
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

// A statement or transaction that lost against another one is tried so often,
// with pauses that double from pauseMin. Who gets no connection tries for as long as
// the caller waits, with pauses that add up to fullWait at most.
const (
	tries     = 8
	pauseMin  = 10 * time.Millisecond
	fullPause = 200 * time.Millisecond
	fullWait  = 30 * time.Second
)

// again calls fn until it does not lose against another transaction any more, and
// there is a connection for it.
func (c *core) again(ctx context.Context, what string, fn func() error) error {
	lost, waited := 0, time.Duration(0)
	for pause := pauseMin; ; pause *= 2 {
		if c.budget != nil {
			c.budget.grow()
		}
		err := fn()
		var e *dbError
		switch {
		case !errors.As(err, &e), !e.transient && !e.full:
			return err
		case e.full:
			pause = min(pause, fullPause)
			if waited += pause; waited > fullWait {
				return err
			}
		default:
			if lost++; lost == tries {
				return fmt.Errorf("models: %s: %w: gave up after %d tries: %w", what, ErrUnavailable, tries, err)
			}
		}
		c.cfg.Log.DebugContext(ctx, "database: trying again", "what", what, "lost", lost, "error", err)
		if serr := c.cfg.Sleep(ctx, c.cfg.Jitter(pause)); serr != nil {
			return fmt.Errorf("models: %s: %w: %w", what, serr, err)
		}
	}
}
