package simulation

import (
	"context"
	"database/sql"
	"sync"
	"time"

	driver "github.com/libtnb/sqlite"
)

// agenda knows when something in the database falls due, so that looks which would
// find nothing can be left out: most of a day's time would go into them. What it says
// changes with every commit.
type agenda struct {
	pool *sql.DB

	mu      sync.Mutex
	ask     *sql.Stmt     // nil: no schema yet
	changed chan struct{} // closed and replaced with every change
	known   bool          // since the last change
	due     time.Time     // zero: nothing, or no schema yet
	stirred time.Time
	looked  time.Time // when a pass was wanted whatever is due
}

func newAgenda(file string) *agenda {
	pool, err := sql.Open(driver.DriverName, file)
	if err != nil {
		panic(err)
	}
	pool.SetMaxOpenConns(1)
	return &agenda{pool: pool, changed: make(chan struct{}), stirred: time.Now()}
}

func (a *agenda) close() { _ = a.pool.Close() }

// note says that something has been committed.
func (a *agenda) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = false
	close(a.changed)
	a.changed = make(chan struct{})
}

// stir says that somebody has done something.
func (a *agenda) stir() {
	a.note()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stirred = time.Now()
}

// wake says that something falls due by the clock alone.
func (a *agenda) wake() {
	a.mu.Lock()
	a.looked = time.Now()
	a.mu.Unlock()
	a.note()
}

const nextDue = `SELECT COALESCE(MIN(at), '') FROM (
	SELECT MIN(due_at) AS at FROM inbox UNION ALL SELECT MIN(due_at) FROM operations UNION ALL
	SELECT MIN(due_at) FROM outbox UNION ALL SELECT MIN(change_at) FROM outbox UNION ALL
	SELECT MIN(due_at) FROM grants UNION ALL SELECT MIN(due_at) FROM reconciliations UNION ALL SELECT MIN(due_at) FROM exports)`

// next is when something falls due, and what tells that this has changed.
func (a *agenda) next() (due, stirred, looked time.Time, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		a.due, a.known = a.look(), true
	}
	return a.due, a.stirred, a.looked, a.changed
}

func (a *agenda) look() (due time.Time) {
	if a.ask == nil {
		ask, err := a.pool.Prepare(nextDue)
		if err != nil {
			return due
		}
		a.ask = ask
	}
	var at string
	err := a.ask.QueryRow().Scan(&at)
	if err == nil && at != "" {
		due, err = time.Parse("2006-01-02 15:04:05.999999", at)
	}
	if err != nil {
		panic(err)
	}
	return due
}

// rows counts what is in each table.
func (a *agenda) rows() map[string]int {
	all := map[string]int{}
	list, err := a.pool.Query("SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		panic(err)
	}
	for list.Next() {
		var name string
		if err := list.Scan(&name); err != nil {
			panic(err)
		}
		all[name] = 0
	}
	if err := list.Close(); err != nil {
		panic(err)
	}
	for name := range all {
		var n int
		if err := a.pool.QueryRow("SELECT COUNT(*) FROM \"" + name + "\"").Scan(&n); err != nil {
			panic(err)
		}
		all[name] = n
	}
	return all
}

// rest is the longest time between passes, for what goes by a time of its own: alerts,
// figures, purging.
const rest = 3 * time.Hour

// attentive is the longest time between passes while a person waits: a quarter of a lease.
const attentive = 5 * time.Second

// passes is the shortest time between two of the background work.
const passes = 500 * time.Millisecond

// pause is the time between passes of the background work: as asked for, but those
// that would find nothing are left out. While somebody waits, leases are prolonged.
func (w *world) pause(ctx context.Context, d time.Duration) error {
	began := time.Now()
	if d < passes { // no pass: what a person waits for
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		w.mu.Lock()
		waiting := w.waiting()
		w.mu.Unlock()
		due, stirred, looked, changed := w.agenda.next()
		if !due.IsZero() {
			due = due.Add(-time.Duration(w.offset.Load()))
		}
		if looked.After(began) {
			due = looked
		}
		most := rest
		if waiting && time.Since(stirred) < 3*time.Minute {
			most = attentive
		}
		until := began.Add(most)
		if !due.IsZero() && due.Before(until) {
			missed := max(0, latest(due, time.Now()).Sub(began)-1) / d // passes before it
			until = began.Add((missed + 1) * d)
		}
		t := time.NewTimer(time.Until(until))
		select {
		case <-t.C:
			return nil
		case <-changed:
			t.Stop()
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
