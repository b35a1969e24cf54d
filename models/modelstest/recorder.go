package modelstest

import (
	"context"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"
	"sync"

	"yanquan/models"
)

// Statement is what a database was asked once: a round trip, where it is a server.
type Statement struct {
	Text    string // without values; of the transaction, BEGIN, COMMIT or ROLLBACK
	Commits bool   // a COMMIT, or a change outside a transaction
}

var tableOf = regexp.MustCompile("(?i)(?:FROM|INTO|UPDATE)\\s+`?([a-z_]+)`?")

// String is the verb and the table.
func (s Statement) String() string {
	verb, _, _ := strings.Cut(s.Text, " ")
	if table := tableOf.FindStringSubmatch(s.Text); table != nil {
		return verb + " " + table[1]
	}
	return verb
}

// Commits counts the statements that commit.
func Commits(statements []Statement) int {
	n := 0
	for _, s := range statements {
		if s.Commits {
			n++
		}
	}
	return n
}

// Recorder sees, between the pool and the driver, every statement that the driver
// is given. It is safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	seen   []Statement
	before func(Statement)

	forgets bool // it keeps nothing for Take
}

// WithRecorder records the statements of a store.
func WithRecorder(r *Recorder) Option {
	return func(cfg *models.Config) { cfg.Connector = r.Connector }
}

// Before has f called before each statement is sent, in the goroutine that sends it.
func (r *Recorder) Before(f func(Statement)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

func (r *Recorder) sends(text string) {
	r.mu.Lock()
	f := r.before
	r.mu.Unlock()
	if f != nil {
		f(Statement{Text: strings.TrimSpace(text)})
	}
}

// Take gives what was seen since the last Take.
func (r *Recorder) Take() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

func (r *Recorder) note(s Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forgets {
		r.seen = append(r.seen, s)
	}
}

// Connector is for [models.Config].
func (r *Recorder) Connector(inner driver.Connector) driver.Connector {
	return recordedConnector{inner, r}
}

type recordedConnector struct {
	driver.Connector
	to *Recorder
}

func (c recordedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := conn.(recordable)
	if !ok {
		return nil, errors.Join(errors.New("modelstest: a driver without contexts"), conn.Close())
	}
	return &recordedConn{recordable: known, to: c.to}, nil
}

// recordable is what both drivers can.
type recordable interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

// recordedConn is used by one goroutine at a time, as every connection.
type recordedConn struct {
	recordable
	to   *Recorder
	inTx bool
}

func (c *recordedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.to.note(Statement{Text: "BEGIN"})
	tx, err := c.recordable.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return recordedTx{tx, c}, nil
}

func (c *recordedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.to.sends(text)
	result, err := c.recordable.ExecContext(ctx, text, args)
	c.asked(text, err)
	return result, err
}

func (c *recordedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.to.sends(text)
	rows, err := c.recordable.QueryContext(ctx, text, args)
	c.asked(text, err)
	return rows, err
}

// asked notes a statement that was sent. One that the driver skips is prepared next.
func (c *recordedConn) asked(text string, err error) {
	if errors.Is(err, driver.ErrSkip) {
		return
	}
	text = strings.TrimSpace(text)
	commits := false
	switch verb, _, _ := strings.Cut(text, " "); strings.ToUpper(verb) {
	case "INSERT", "UPDATE", "DELETE", "REPLACE":
		commits = !c.inTx
	}
	c.to.note(Statement{Text: text, Commits: commits})
}

func (c *recordedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.to.note(Statement{Text: "PREPARE " + text})
	return c.recordable.PrepareContext(ctx, text)
}

// What a driver may leave out, database/sql does without.

func (c *recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.recordable.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *recordedConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.recordable.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c *recordedConn) IsValid() bool {
	validator, ok := c.recordable.(driver.Validator)
	return !ok || validator.IsValid()
}

type recordedTx struct {
	driver.Tx
	conn *recordedConn
}

func (t recordedTx) Commit() error {
	t.conn.to.sends("COMMIT")
	t.conn.inTx = false
	t.conn.to.note(Statement{Text: "COMMIT", Commits: true})
	return t.Tx.Commit()
}

func (t recordedTx) Rollback() error {
	t.conn.inTx = false
	t.conn.to.note(Statement{Text: "ROLLBACK"})
	return t.Tx.Rollback()
}
