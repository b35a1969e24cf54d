package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// serverEnv names the environment variable with the DSN of a server whose
// account may create databases, as in root:secret@tcp(127.0.0.1:3306)/.
const serverEnv = "YANQUAN_TEST_MYSQL"

// MySQLDSN is the DSN of a fresh, empty database, dropped after the test.
func MySQLDSN(tb testing.TB) string {
	tb.Helper()
	server, err := theServer()
	if errors.Is(err, errNotInstalled) {
		err = fmt.Errorf("no MySQL server: set %s or install mariadbd: %w", serverEnv, err)
	}
	require(tb, err)
	admin, err := sql.Open("mysql", server.FormatDSN())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { admin.Close() })
	name, err := newDatabase(tb.Context(), admin)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			tb.Error(err)
		}
	})
	own := server.Clone()
	own.DBName = name
	return own.FormatDSN()
}

// require ends the test on an error. What is not installed is a loud skip, or a
// failure where CI=true.
func require(tb testing.TB, err error) {
	tb.Helper()
	missing := errors.Is(err, errNotInstalled) || errors.Is(err, errNoGalera)
	if missing && os.Getenv("CI") != "true" {
		fmt.Fprintf(os.Stderr, "\n*** %s NOT RUN: %v ***\n\n", tb.Name(), err)
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// heldOpen is the server of this process. It is global so that its keeper's pipe
// is never collected, which would end it.
var heldOpen *daemon

// theServer is the one server of this test process that its tests share.
var theServer = sync.OnceValues(func() (*mysql.Config, error) {
	if dsn := os.Getenv(serverEnv); dsn != "" {
		return mysql.ParseDSN(dsn)
	}
	var err error
	// Nobody kills it, so that what it has in memory is durable enough.
	if heldOpen, err = started("--innodb-flush-log-at-trx-commit=0"); err != nil {
		return nil, err
	}
	return heldOpen.root, nil
})

// started is a new server that answers.
func started(options ...string) (*daemon, error) {
	var last error
	for range 3 { // somebody else may take the port meanwhile
		d, err := newDaemon(options...)
		if err != nil {
			return nil, err
		}
		if err = d.install(); err == nil {
			err = d.run()
		}
		if err == nil {
			return d, nil
		}
		d.close()
		if errors.Is(err, errNotInstalled) {
			return nil, err
		}
		last = err
	}
	return nil, last
}

// Server is a MariaDB for one test alone, which may kill it and change its
// settings. What it has committed survives that.
type Server struct{ daemon *daemon }

// NewServer starts a server with one empty database; it is gone after the test.
// Without mariadbd the test is skipped, or fails where CI=true.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	d, err := started("--innodb-flush-log-at-trx-commit=2")
	require(tb, err)
	tb.Cleanup(d.close)
	if err := d.furnish(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return &Server{d}
}

// DSN is for the program under test: its account has no privileges beyond the
// database, so that a read-only server refuses its changes.
func (s *Server) DSN() string { return s.daemon.dsn(appAccount) }

// AdminDSN is the same database for the test.
func (s *Server) AdminDSN() string { return s.daemon.dsn(s.daemon.root.User) }

// Kill ends the server by SIGKILL.
func (s *Server) Kill() error { return s.daemon.kill() }

// Start starts it again and waits until it answers.
func (s *Server) Start() error { return s.daemon.run() }

// The database of a server that one test has for itself, and who uses it.
const (
	appDatabase = "yanquan"
	appAccount  = "yanquan"
)

func (d *daemon) dsn(account string) string {
	c := d.root.Clone()
	c.User, c.DBName = account, appDatabase
	return c.FormatDSN()
}

// furnish makes the database and its account.
func (d *daemon) furnish(ctx context.Context) error {
	pool, err := d.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, statement := range []string{
		"CREATE DATABASE " + appDatabase + " CHARACTER SET latin1",
		"CREATE USER '" + appAccount + "'@'%'",
		"GRANT ALL ON " + appDatabase + ".* TO '" + appAccount + "'@'%'",
	} {
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
