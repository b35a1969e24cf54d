// Package fakeserver is what the stand-ins for platforms have in common: one clock
// and one lock, a record of every request, faults on demand, effects that come late,
// outages, and notices that are posted until they are taken. What a call means is the
// platform's own: a [Call].
package fakeserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// MaxBody is the largest request body that is read.
const MaxBody = 1 << 20

// Beijing is the zone of the platforms' days.
var Beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// Call is a request that a platform has read. All but Name and Changes run under the
// lock.
type Call interface {
	// Name is as in [Fault.Call] and [Request.Call]; empty: there is no such call.
	Name() string
	// Changes says whether the call has an effect.
	Changes() bool
	// Record adds to the record, which has Time, Call, Method and Path, what the
	// platform knows, without secrets.
	Record(*Request)
	// Meant says whether a fault's Dialect and Code are the call's.
	Meant(Fault) bool
	// CarryOut judges the call at a time and has its effect, which it puts in words.
	// partly is for [Partly].
	CarryOut(partly bool, now time.Time) (out Outcome, effect string)
	// Promise is the answer as if the call had taken effect. Nothing is judged.
	Promise() Outcome
	// Coded answers with a code as in [Fault.Answer], in words that are the platform's
	// own where none are given.
	Coded(answer, words string) Outcome
}

// Options make a fake.
type Options struct {
	Name string                                           // begins the text of errors
	Now  func() time.Time                                 // the platform's clock; nil: time.Now. It is called under the lock.
	Wait func(ctx context.Context, d time.Duration) error // until d is over or ctx ends; nil: a timer
	Keep int                                              // how many requests are remembered; 0: 500

	TypeJSON string // of true answers; empty: [TypeJSON]

	Read     func(http.ResponseWriter, *http.Request) Call // reads a request whole
	Calls    []string                                      // all names of calls
	Dialects []Dialect                                     // of faults; nil: there are none
	RowCodes []RowCode                                     // of faults; nil: there are none
	Kinds    map[FaultKind]Kind                            // of faults: the platform's own, and those that it has its own way
}

// Core is a fake as its platform sees it.
type Core struct {
	opts  Options
	kinds map[FaultKind]Kind
	ctx   context.Context // ends with Close
	end   context.CancelFunc

	mu      sync.Mutex
	faults  []*order
	late    []late // by due
	down    *outage
	ring    ring
	changed chan struct{} // closed and replaced with every change

	posting   sync.WaitGroup // notices under way
	impatient sync.Map       // what makes a client leave, by its request's name
}

// Server is a fake as a test sees it: a platform embeds it. It is safe for concurrent
// use.
type Server struct{ c *Core }

var _ http.Handler = (*Server)(nil)

// New makes a fake, and its face.
func New(opts Options) (*Core, *Server) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Wait == nil {
		opts.Wait = wait
	}
	if opts.Keep <= 0 {
		opts.Keep = 500
	}
	Default(&opts.TypeJSON, TypeJSON)
	c := &Core{opts: opts, kinds: kindsWith(opts.Kinds), ring: ring{keep: opts.Keep}, changed: make(chan struct{})}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c, &Server{c}
}

// Close lets go of every request that waits; later ones get 503. It ends the
// posting of notices, and may be called more than once. Close the platform before
// its server, which waits for the requests.
func (s *Server) Close() {
	s.c.mu.Lock() // a post begins under it, unless this is the end
	s.c.end()
	s.c.mu.Unlock()
	s.c.posting.Wait()
}

// Await returns once cond holds. It is asked now and after every change of the
// platform (an effect, a request that came, began to hang or was answered, a
// notice), so that a test never has to sleep. cond may call the platform.
func (s *Server) Await(ctx context.Context, cond func() bool) error {
	for {
		s.c.mu.Lock()
		next := s.c.changed
		s.c.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Lock locks the platform: what has fallen due by then has happened, at the time when
// it fell due.
func (c *Core) Lock() {
	c.mu.Lock()
	if c.down != nil || c.ctx.Err() != nil {
		return
	}
	now := c.opts.Now()
	for len(c.late) > 0 && !c.late[0].due.After(now) {
		l := c.late[0]
		c.late = c.late[1:]
		l.do(l.due)
		c.Bump()
	}
}

// Unlock ends Lock.
func (c *Core) Unlock() { c.mu.Unlock() }

// Bump tells those who wait that something changed. The caller holds the lock.
func (c *Core) Bump() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Change carries out a change of a test's under the lock.
func (c *Core) Change(do func(now time.Time) error) error {
	c.Lock()
	defer c.mu.Unlock()
	defer c.Bump()
	return do(c.opts.Now())
}

// Now is the time by the platform's clock.
func (c *Core) Now() time.Time { return c.opts.Now() }

func (c *Core) failed(format string, args ...any) error {
	return fmt.Errorf(c.opts.Name+": "+format, args...)
}

// late is something whose time is still to come.
type late struct {
	due time.Time
	do  func(at time.Time)
}

// Later lets something happen at a time by the platform's clock. The caller holds the
// lock.
func (c *Core) Later(due time.Time, do func(at time.Time)) {
	c.late = append(c.late, late{due, do})
	slices.SortStableFunc(c.late, func(a, b late) int { return a.due.Compare(b.due) })
	// A waiter is woken where the clock goes by itself.
	time.AfterFunc(due.Sub(c.opts.Now()), func() {
		c.Lock()
		defer c.mu.Unlock()
		c.Bump()
	})
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RandomDigits gives n random digits at a time, always the same from one seed other
// than 0.
func RandomDigits(seed uint64) func(n int) string {
	if seed == 0 {
		seed = rand.Uint64()
	}
	var mu sync.Mutex
	source := rand.New(rand.NewPCG(seed, seed))
	return func(n int) string {
		mu.Lock()
		defer mu.Unlock()
		digits := make([]byte, n)
		for i := range digits {
			digits[i] = byte('0' + source.IntN(10))
		}
		return string(digits)
	}
}

// Unique counts digits up until they are not taken, which ends also where they are
// always the same.
func Unique(digits string, taken func(string) bool) string {
	id := []byte(digits)
	for taken(string(id)) {
		i := len(id) - 1
		for ; i >= 0 && id[i] == '9'; i-- {
			id[i] = '0'
		}
		if i >= 0 {
			id[i]++
		} else {
			id = append([]byte{'1'}, id...)
		}
	}
	return string(id)
}

// Default sets what is zero.
func Default[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
