package simulation

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"yanquan/internal/app"
)

// replica is one process: the bot from its start to its death.
type replica struct {
	w      *world
	name   string
	in     *host
	out    []*host
	stop   context.CancelFunc
	ended  chan struct{}
	steps  *steps
	served []*http.Server
	ready  bool // guarded by the world
}

// start begins a replica; it takes messages once it is ready.
func (w *world) start(slot int) {
	w.mu.Lock()
	if w.replicas[slot] != nil { // two deaths in one place
		w.mu.Unlock()
		return
	}
	w.starts++
	r := &replica{w: w, name: w.host("replica", slot, w.starts), ended: make(chan struct{})}
	w.replicas[slot] = r
	w.mu.Unlock()
	r.steps = &steps{die: func() { go w.kill(slot, r) }}
	r.in = newHost(r.name)
	serve := func(what string, h http.Handler) string {
		host := newHost(what + "." + r.name)
		r.out = append(r.out, host)
		r.served = append(r.served, host.serve(r.steps.around(w.latency(h))))
		return "http://" + host.name
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	urls := map[dialect]string{}
	for _, d := range dialects {
		urls[d] = serve(string(d), w.platforms[d])
	}
	cfg := w.config(serve("wecom", w.wecom), urls)
	go func() {
		defer close(r.ended)
		err := app.Run(ctx, cfg, app.Options{
			Listener: r.in, Log: w.logger(r.name), OwnClock: true, Now: w.now, Platform: byLink{strings.TrimPrefix(urls[atDouyin], "http://")}, Connector: r.connector,
			Pause: w.pause, Jitter: w.jitter,
			Ready: func(string) {
				w.mu.Lock()
				r.ready = true
				w.mu.Unlock()
				w.agenda.stir()
				w.note("machine", "%s is ready", r.name)
			},
		})
		if err != nil && !r.steps.dead() {
			w.violation("%s ended: %v", r.name, err)
		}
	}()
}

// kill ends a replica as a power failure does: what it had sent has been sent, and
// from here on everything fails.
func (w *world) kill(slot int, r *replica) {
	w.mu.Lock()
	if w.replicas[slot] != r {
		w.mu.Unlock()
		return
	}
	w.replicas[slot] = nil
	w.deaths++
	w.killed = append(w.killed, time.Now())
	w.mu.Unlock()
	r.end()
	w.note("machine", "%s is dead", r.name)
}

func (r *replica) end() {
	r.steps.end()
	r.shut()
}

// shut stops it in order, as SIGTERM does.
func (r *replica) shut() {
	r.stop()
	if !r.steps.dead() {
		<-r.ended
	}
	r.in.cut()
	for _, h := range r.out {
		h.cut()
	}
	for _, s := range r.served {
		_ = s.Close()
	}
	<-r.ended
}

// steps are what a replica does to the world outside: statements and calls. It can be
// made to die, to stand still, or to lose the outcome of a commit, at any of them.
type steps struct {
	die func()

	mu     sync.Mutex
	over   bool
	fuse   int           // how many steps are left to it; 0: no matter
	loses  int           // commits whose outcome it is not told
	frozen chan struct{} // closed when it goes on; nil: it goes
	halt   string        // the statement before which it stands still next
	halted func()        // is told so
}

var errDead = errors.New("this process is dead")

// step is called before and after each thing that has an effect outside.
func (s *steps) step() error {
	for {
		s.mu.Lock()
		frozen := s.frozen
		if frozen == nil || s.over {
			break
		}
		s.mu.Unlock()
		<-frozen
	}
	defer s.mu.Unlock()
	if s.fuse > 0 && !s.over {
		if s.fuse--; s.fuse == 0 {
			s.over = true
			s.die()
		}
	}
	if s.over {
		return errDead
	}
	return nil
}

func (s *steps) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

func (s *steps) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
	}
}

func (s *steps) set(change func(*steps)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// freeze stops the process for a while, as SIGSTOP does.
func (s *steps) freeze(d time.Duration) {
	stopped := make(chan struct{})
	s.set(func(s *steps) {
		if !s.over && s.frozen == nil {
			s.frozen = stopped
		}
	})
	time.Sleep(d)
	s.set(func(s *steps) {
		if s.frozen == stopped {
			close(stopped)
			s.frozen = nil
		}
	})
}

// statement is step before a statement.
func (s *steps) statement(text string) error {
	s.mu.Lock()
	halted := s.halted
	met := s.halt != "" && strings.Contains(text, s.halt) && !s.over && s.frozen == nil
	if met {
		s.halt, s.frozen = "", make(chan struct{})
	}
	s.mu.Unlock()
	if met {
		halted()
	}
	return s.step()
}

// thaw lets it go on.
func (s *steps) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
	}
}

// haltAt stops the process for a while before a statement, should that come soon.
func (r *replica) haltAt(text string, d time.Duration) {
	met := make(chan struct{})
	r.steps.set(func(s *steps) { s.halt, s.halted = text, func() { close(met) } })
	select {
	case <-met:
		r.w.note("trouble", "%s stands still for %s before %q", r.name, d, text)
		r.w.wrong(d, "standstill", nil)
		time.Sleep(d)
		r.steps.thaw()
		r.w.note("trouble", "%s goes on", r.name)
	case <-r.ended:
	case <-time.After(soon):
		r.steps.set(func(s *steps) { s.halt = "" })
	}
}

// soon is how long a replica waits for the step at which something befalls it.
const soon = 15 * time.Second

// committed is step after a commit.
func (s *steps) committed() error {
	if err := s.step(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loses > 0 {
		s.loses--
		return io.ErrUnexpectedEOF
	}
	return nil
}

// around makes a step of a call, and one of its answer.
func (s *steps) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.step() != nil {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
		_ = s.step()
	})
}

// connector stands between the pool and SQLite.
func (r *replica) connector(inner driver.Connector) driver.Connector { return connector{inner, r} }

type connector struct {
	driver.Connector
	of *replica
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.of.steps.step(); err != nil {
		return nil, err
	}
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	opened := inner.(sqlite)
	if _, err := opened.ExecContext(ctx, "PRAGMA synchronous = OFF", nil); err != nil { // a death here is none of the machine's
		return nil, errors.Join(err, opened.Close())
	}
	return &conn{sqlite: opened, of: c.of}, nil
}

type sqlite interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn takes turns at the file's one lock with the other replicas here, where waiting
// is a matter of virtual time.
type conn struct {
	sqlite
	of     *replica
	writes bool // it has the lock
}

// alive is what /readyz writes every second to see whether the database takes it. Here
// the answer is known, and most of a day's time would go into it.
const alive = "UPDATE meta SET value = "

func (c *conn) lock(ctx context.Context) error {
	if err := c.of.steps.step(); err != nil || c.writes {
		return err
	}
	select {
	case c.of.w.writing <- struct{}{}:
		c.writes = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *conn) unlock() {
	if c.writes {
		c.writes = false
		<-c.of.w.writing
	}
}

func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	tx, err := c.sqlite.BeginTx(ctx, o)
	if err != nil {
		c.unlock()
		return nil, err
	}
	return transaction{tx, c}, nil
}

func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	alone := !c.writes
	if strings.HasPrefix(text, alive) && len(args) == 2 && args[1].Value == "alive" {
		return driver.RowsAffected(1), c.of.steps.step()
	}
	if err := c.of.steps.statement(text); err != nil {
		return nil, err
	}
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	result, err := c.sqlite.ExecContext(ctx, text, args)
	if alone {
		c.unlock()
		if err == nil && !strings.HasPrefix(text, "PRAGMA") {
			c.of.w.agenda.note()
			err = c.of.steps.committed()
		}
	}
	return result, err
}

func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.of.steps.step(); err != nil {
		return nil, err
	}
	return c.sqlite.QueryContext(ctx, text, args)
}

func (c *conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if err := c.of.steps.step(); err != nil {
		return nil, err
	}
	return c.sqlite.PrepareContext(ctx, text)
}

func (c *conn) Close() error {
	err := c.sqlite.Close()
	c.unlock()
	return err
}

type transaction struct {
	driver.Tx
	on *conn
}

func (t transaction) Commit() error {
	defer t.on.unlock()
	if err := t.on.of.steps.step(); err != nil {
		return errors.Join(err, t.Tx.Rollback())
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	t.on.of.w.agenda.note()
	return t.on.of.steps.committed()
}

func (t transaction) Rollback() error {
	defer t.on.unlock()
	return t.Tx.Rollback()
}
