package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"
)

// commits is what waits to be committed. Changes that wait at the same moment share a
// commit, for a disk takes so many a second. On SQLite these are all changes, and one
// writer commits them. A MySQL server does so by itself: there only messages that are
// accepted are put together, by as many writers as there are connections for that.
//
// Each change has a savepoint, so that its failure is its own. A caller is told after
// the commit, also of a failure, for which another change may be the reason that is not
// durable before.
type commits struct {
	mu      sync.Mutex
	accepts []*acceptance
	changes []*change
	writers int // under way
	storing int // messages that they store

	pace time.Duration // what the one writer's last commit took
}

// changesAtOnce is how many changes share a commit at most.
const changesAtOnce = 64

// change is a statement or a transaction, which its caller runs in its turn.
type change struct {
	single bool       // one statement, which can go without a transaction
	turn   chan turn  // the connection is the caller's
	ran    chan error // …and is given back; an error: what was done with it is to be undone
	told   chan error // what became of the commit
}

// turn is a caller's time with the connection.
type turn struct {
	on    gorm.ConnPool
	alone bool // outside a transaction
}

// join puts something into the queue, and reports whether one more of so many writers
// has to begin.
func (q *commits) join(put func(), writers int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	put()
	if q.writers == writers {
		return false
	}
	q.writers++
	return true
}

// waits says what there is for a writer. Where there is nothing, it has ended.
func (q *commits) waits() (messages, changes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.accepts)+len(q.changes) == 0 {
		q.writers--
	}
	return len(q.accepts), len(q.changes)
}

// leave takes a change out of the queue, unless its turn has come.
func (q *commits) leave(ch *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.changes, ch)
	if i < 0 {
		return false
	}
	q.changes = slices.Delete(q.changes, i, i+1)
	return true
}

// next gives the change whose turn it is, or nil, and whether others wait behind it.
func (q *commits) next() (ch *change, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.changes) == 0 {
		return nil, false
	}
	ch = q.changes[0]
	q.changes = q.changes[1:]
	return ch, len(q.changes) > 0
}

// nextSingle is next for a change that waits alone and needs no transaction.
func (q *commits) nextSingle() *change {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.changes) != 1 || len(q.accepts) > 0 || !q.changes[0].single {
		return nil
	}
	ch := q.changes[0]
	q.changes = nil
	return ch
}

// all empties the queue.
func (q *commits) all() group {
	q.mu.Lock()
	defer q.mu.Unlock()
	g := group{changes: q.changes, accepts: q.accepts}
	q.changes, q.accepts = nil, nil
	return g
}

// together runs a change, with those that wait at the same moment, and returns once it is
// committed, or was not made.
func (c *core) together(ctx context.Context, single bool, run func(t turn) error) error {
	ch := &change{single: single, turn: make(chan turn), ran: make(chan error, 1), told: make(chan error, 1)}
	if c.commits.join(func() { c.commits.changes = append(c.commits.changes, ch) }, 1) {
		go c.commitWaiting()
	}
	left := ctx.Done()
	for {
		select {
		case t := <-ch.turn:
			return c.outcome(ch, ch.run(t, run))
		case err := <-ch.told:
			return err
		case <-left:
			if c.commits.leave(ch) {
				return c.explain("wait", ctx.Err(), false)
			}
			left = nil // its turn comes, and is soon over
		}
	}
}

// run runs a change while it has the connection, which it gives back when it panics, too.
func (ch *change) run(t turn, run func(t turn) error) error {
	err := errPanicked
	defer func() { ch.ran <- err }()
	err = run(t)
	return err
}

var errPanicked = errors.New("panicked")

// outcome waits for the commit that a change was part of, or that its failure depends on.
func (c *core) outcome(ch *change, err error) error {
	committed := <-ch.told
	if err == nil {
		return committed
	}
	if committed != nil { // what it has seen of others is not certain: it is tried again
		return &dbError{what: "change", transient: true, err: committed}
	}
	return err
}

// commitWaiting commits until nothing waits.
func (c *core) commitWaiting() {
	for {
		messages, changes := c.commits.waits()
		if messages+changes == 0 {
			return
		}
		if err := c.inPlace("change"); err != nil {
			g := c.commits.all()
			g.tell(err)
			continue
		}
		ch := c.commits.nextSingle()
		switch {
		case ch != nil:
			ch.turn <- turn{c.pool, true}
			<-ch.ran
			ch.told <- nil
		case changes > 0:
			c.commitChanges()
		default:
			c.storeWaiting()
		}
	}
}

// commitChanges commits as many changes as run in the time that a commit takes, and the
// messages that have come meanwhile.
func (c *core) commitChanges() {
	tx, err := c.pool.BeginTx(context.Background(), nil) // the end of one caller's context is not that of the others
	if err != nil {
		g := c.commits.all()
		g.tell(c.explain("begin", err, false))
		return
	}
	g := &group{tx: tx}
	for began := time.Now(); !g.lost && len(g.changes) < changesAtOnce && (len(g.changes) == 0 || time.Since(began) <= c.commits.pace); {
		ch, more := c.commits.next()
		if ch == nil {
			break
		}
		g.run(ch, more)
	}
	if !g.lost {
		g.accepts = c.commits.nextMessages()
		defer c.commits.stored(len(g.accepts))
		g.store(c)
	}
	if g.lost {
		_ = tx.Rollback()
		g.tell(errLost)
		return
	}
	began := time.Now()
	err = c.commitError(context.Background(), tx.Commit())
	c.commits.pace = time.Since(began)
	g.tell(err)
}

// errLost: another change has ended the transaction that both were part of.
var errLost error = &dbError{what: "change", transient: true, err: errors.New("undone with another one")}

// group is what shares a commit.
type group struct {
	tx      *sql.Tx
	changes []*change
	accepts []*acceptance
	lost    bool // nothing of it is to be committed
}

// try does something that is undone where it fails, and nothing else is. But after some
// failures, such as of a full disk, SQLite has undone all.
func (g *group) try(do func() error) error {
	if g.lost || !g.exec("SAVEPOINT change") {
		return errLost
	}
	err := do()
	if err == nil || g.exec("ROLLBACK TO change") {
		g.exec("RELEASE change")
	}
	return err
}

// exec reports whether a statement about the transaction went well.
func (g *group) exec(statement string) bool {
	_, err := g.tx.ExecContext(context.Background(), statement)
	g.lost = g.lost || err != nil
	return err == nil
}

// run gives a change its turn. One that is alone so far needs no savepoint: where it
// fails, the transaction does.
func (g *group) run(ch *change, more bool) {
	var failure error
	run := func() error {
		ch.turn <- turn{g.tx, false}
		failure = <-ch.ran
		return failure
	}
	if more || len(g.changes) > 0 {
		_ = g.try(run)
	} else {
		g.lost = run() != nil
	}
	if g.lost && failure != nil {
		ch.told <- nil // its own failure is certain
		return
	}
	g.changes = append(g.changes, ch)
}

// store stores the messages that wait.
func (g *group) store(c *core) {
	if len(g.accepts) == 0 {
		return
	}
	storeEach(g.accepts, func(some ...*acceptance) error {
		return g.try(func() error {
			return c.explain(acceptMessage, insertMessages(c.on(context.Background(), g.tx), some), false)
		})
	})
}

// tell tells everybody what became of the commit. What ended the transaction knows by
// itself.
func (g *group) tell(err error) {
	for _, ch := range g.changes {
		ch.told <- err
	}
	for _, a := range g.accepts {
		if err != nil && (err != errLost || a.err == nil || errors.Is(a.err, ErrDuplicate)) {
			a.err = err
		}
		close(a.done)
	}
}
