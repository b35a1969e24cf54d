package models

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

const (
	// readConns is how many reads go on at once beside the changes.
	readConns = 4

	// mostLog is how long the log of a SQLite file grows. SQLite begins it anew by itself
	// at 4 MiB, unless a read is under way that still needs it.
	mostLog = 64 << 20
)

// readers are connections that only read. What a read sees is what was committed when
// it began: no change waits for it, and it waits for no change. The log keeps meanwhile
// what has been changed since.
type readers struct {
	pool *sql.DB

	mu     sync.Mutex
	all    context.Context // of the reads that have begun since the last were ended
	endAll context.CancelFunc
}

func newReaders(pool *sql.DB) *readers {
	pool.SetMaxOpenConns(readConns)
	pool.SetMaxIdleConns(readConns)
	r := &readers{pool: pool}
	r.all, r.endAll = context.WithCancel(context.Background())
	return r
}

// errInTheWay: the log could not be begun anew for this read.
var errInTheWay = errors.New("read took so long that the log of the file grew too much")

// run runs a read, by a context that ends when the read is in the way.
func (r *readers) run(ctx context.Context, read func(context.Context) error) error {
	r.mu.Lock()
	all := r.all
	r.mu.Unlock()
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(all, cancel)()
	err := read(reading)
	if err != nil && all.Err() != nil && ctx.Err() == nil {
		return &dbError{what: "read", transient: true, err: errInTheWay}
	}
	return err
}

// without does something while no read is under way. Those that are are ended, and
// tried again.
func (r *readers) without(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endAll()
	r.all, r.endAll = context.WithCancel(context.Background())
	do()
}

// bound begins the log of a SQLite file anew where it has grown to a size that it has
// only while reads are under way, one after another or one for long.
func (c *core) bound(size int64) {
	if !c.place.tooLong(size) {
		return
	}
	c.reads.without(func() {
		var busy, frames, moved int
		err := c.pool.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
		if err != nil || busy != 0 {
			c.cfg.Log.Warn("database: the log of the file grows; does another program read it?", "bytes", size, "error", err)
		}
	})
}

// tooLong reports whether the log is to be begun anew; once for each quarter that it
// grows beyond what it may.
func (p *place) tooLong(size int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if size < p.most {
		p.tried = 0
	}
	if size < p.most+p.tried {
		return false
	}
	p.tried = size - p.most + p.most/4
	return true
}
