// Package modelstest gives tests real databases: SQLite in a temporary folder,
// and a MariaDB or MySQL server, which it starts itself where it finds one
// installed. Each database is fresh, migrated and gone after the test.
package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yanquan/models"
)

// Key is the secret_key of every test database.
var Key = []byte("0123456789abcdef0123456789abcdef")

// Option changes the configuration a test database is opened with.
type Option func(*models.Config)

// WithClock makes the store live by a clock.
func WithClock(c *Clock) Option { return func(cfg *models.Config) { cfg.Now = c.Now } }

// Each runs a test once on every kind of database, in parallel.
func Each(t *testing.T, fn func(t *testing.T, db *models.DB), opts ...Option) {
	t.Helper()
	t.Run(models.SQLite, func(t *testing.T) {
		t.Parallel()
		fn(t, SQLite(t, opts...))
	})
	t.Run(models.MySQL, func(t *testing.T) {
		t.Parallel()
		fn(t, MySQL(t, opts...))
	})
}

// On opens a fresh database of a kind.
func On(tb testing.TB, driver string, opts ...Option) *models.DB {
	tb.Helper()
	if driver == models.MySQL {
		return MySQL(tb, opts...)
	}
	return SQLite(tb, opts...)
}

// SQLite opens a fresh SQLite database.
func SQLite(tb testing.TB, opts ...Option) *models.DB {
	tb.Helper()
	return migrated(tb, models.SQLite, MigratedSQLiteDSN(tb), opts)
}

// MigratedSQLiteDSN is a file with the tables of the newest migration. It holds no key,
// so that any may be its first.
func MigratedSQLiteDSN(tb testing.TB) string {
	tb.Helper()
	schema, err := emptySQLite()
	if err != nil {
		tb.Fatal(err)
	}
	dsn := SQLiteDSN(tb)
	if err := os.WriteFile(dsn, schema, 0o600); err != nil {
		tb.Fatal(err)
	}
	return dsn
}

// emptySQLite is the file of a migrated database: to copy it is quicker than to
// migrate each.
var emptySQLite = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "yanquan-sqlite-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "yanquan.db")
	db, err := models.Open(context.Background(), models.Config{Driver: models.SQLite, DSN: path, Key: Key})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(context.Background())
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	if err := forgetKey(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// forgetKey leaves the database to whoever comes first.
func forgetKey(path string) error {
	pool, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = pool.Exec("DELETE FROM meta")
	return errors.Join(err, pool.Close())
}

// MySQL opens a fresh database on a server with the MySQL protocol. Without any
// server the test is skipped, or fails where CI=true.
func MySQL(tb testing.TB, opts ...Option) *models.DB {
	tb.Helper()
	return migrated(tb, models.MySQL, MigratedMySQLDSN(tb), opts)
}

// SQLiteDSN is a file that does not exist yet.
func SQLiteDSN(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "yanquan.db")
}

// Open opens a database without migrating it; it is closed after the test. What is sent to
// a server must be spelled as every engine takes it; see [Misnamed].
func Open(tb testing.TB, driver, dsn string, opts ...Option) *models.DB {
	tb.Helper()
	cfg := models.Config{Driver: driver, DSN: dsn, Key: Key}
	for _, o := range opts {
		o(&cfg)
	}
	if driver == models.MySQL {
		cfg.Connector = spelled(tb, cfg.Connector)
	}
	db, err := models.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func migrated(tb testing.TB, driver, dsn string, opts []Option) *models.DB {
	tb.Helper()
	db := Open(tb, driver, dsn, opts...)
	if _, err := db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return db
}

// Clock is a clock that only moves when told to. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts a clock.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, also back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
