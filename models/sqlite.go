package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
)

// sqlitePragmas: readers do not block the writer (WAL), a commit has reached the
// disk when it returns (FULL: there is money in it), and a transaction takes the
// write lock at its start, where waiting for it is possible. SQLite itself waits
// for another process only briefly, for it looks at no context; [core.again] does.
const sqlitePragmas = "_pragma=busy_timeout(500)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=foreign_keys(1)&_txlock=immediate"

// openSQLite opens a file. One connection is enough and avoids that our own
// statements find the file busy.
func openSQLite(cfg Config) (*sql.DB, gorm.Dialector, error) {
	dsn := cfg.DSN
	if dsn == "" || strings.Contains(dsn, ":memory:") || strings.Contains(dsn, "mode=memory") {
		return nil, nil, errors.New("models: SQLite needs a file: what was accepted must survive the process")
	}
	if path, _, _ := strings.Cut(dsn, "?"); !strings.HasPrefix(path, "file:") {
		// SQLite itself would create it readable for everybody.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("models: SQLite file: %w: %w", ErrUnavailable, err)
		}
		if err := f.Close(); err != nil {
			return nil, nil, fmt.Errorf("models: SQLite file: %w: %w", ErrUnavailable, err)
		}
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	dsn += sep + sqlitePragmas
	named, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("models: SQLite: %w", err)
	}
	defer named.Close() // it has not connected; only its driver is wanted
	pool := cfg.open(sqliteConnector{named.Driver(), dsn})
	pool.SetMaxOpenConns(1)
	return pool, &sqlite.Dialector{Conn: pool}, nil
}

// sqliteConnector opens one file by a driver that database/sql knows by name only.
type sqliteConnector struct {
	driver driver.Driver
	dsn    string
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c sqliteConnector) Driver() driver.Driver { return c.driver }
