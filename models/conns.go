package models

import (
	"database/sql"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// DefaultConns is how many connections a process opens at most. Three processes
	// stay below the 151 that servers admit by default.
	DefaultConns = 36

	mysqlLifetime = 3 * time.Minute // below the idle time-outs of servers and load balancers; finds a new primary
	mysqlIdle     = 5 * time.Second // others may be waiting for a connection that nobody uses

	// Parts of the connections: of 36, 32 and 4, each of which stores all that wait for
	// it; at 200 messages a second enough for commits of 100 ms.
	workShare, acceptShare = 8, 1

	// growAgain is for how long a part stays small after the server has admitted no more.
	growAgain = 10 * time.Second
)

// budget is the connections that a process may have on a server, in parts that do not
// wait for each other.
type budget struct {
	now  func() time.Time
	warn func() // the server admits no more

	mu    sync.Mutex
	parts []*part
	short atomic.Int64 // when the server last admitted no more, in nanoseconds; 0: parts are as large as they may be
}

// part is one pool.
type part struct {
	pool    *sql.DB
	weight  int
	size    int          // how many connections it has at most, if the server admits them
	opening atomic.Int64 // connections that are not there yet
}

// add makes a pool a part.
func (b *budget) add(p *part) {
	p.pool.SetConnMaxLifetime(mysqlLifetime)
	p.pool.SetConnMaxIdleTime(mysqlIdle)
	b.parts = append(b.parts, p)
}

// resize shares out what all parts together may have.
func (b *budget) resize(total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.shares(total) {
		b.parts[i].size = n
		b.parts[i].limit(n)
	}
}

// shares are the parts of a number of connections, each at least one.
func (b *budget) shares(total int) []int {
	weights, all := 0, make([]int, len(b.parts))
	for _, p := range b.parts {
		weights += p.weight
	}
	for i, p := range b.parts {
		all[i] = max(1, total*p.weight/weights)
		total, weights = total-all[i], weights-p.weight
	}
	return all
}

// limit lets a part have so many connections. Those above are closed when they come
// back.
func (p *part) limit(n int) {
	p.pool.SetMaxOpenConns(n)
	p.pool.SetMaxIdleConns(n)
}

// refused is called where the server admits no further connection. What this process
// has is shared out anew: whoever waits gets one that comes back, and no part keeps
// idle what another one needs.
func (b *budget) refused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.short.Swap(b.now().UnixNano()) == 0 {
		b.warn()
	}
	total := 0
	for _, p := range b.parts {
		total += max(0, p.pool.Stats().OpenConnections-int(p.opening.Load()))
	}
	for i, n := range b.shares(total) {
		p := b.parts[i]
		p.pool.SetMaxIdleConns(-1) // none: the next statement of this part asks for one again
		p.limit(min(n, p.size))
	}
}

// grow lets the parts have again what they may, some time after a refusal.
func (b *budget) grow() {
	since := b.short.Load()
	if since == 0 || b.now().Sub(time.Unix(0, since)) < growAgain || !b.short.CompareAndSwap(since, 0) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.parts {
		p.limit(p.size)
	}
}

// dropIdle closes the idle connections, so that the next statement looks for the
// server anew.
func (b *budget) dropIdle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.parts {
		p.pool.SetMaxIdleConns(-1)
		p.pool.SetMaxIdleConns(p.size)
	}
}
