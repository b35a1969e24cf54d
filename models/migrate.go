package models

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

//go:embed migrations
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version     int
	Name        string
	AppliedAt   time.Time // zero: not applied
	Interrupted bool      // begun but not finished; the next run goes on with it
	Unknown     bool      // applied by a newer program
}

// step is a migration of this program.
type step struct {
	version    int
	name       string
	statements []string
}

// record is a row of schema_migrations.
type record struct {
	version   int
	name      string
	done      int // statements
	appliedAt time.Time
}

// steps reads the embedded migrations of a driver, in order.
func steps(files fs.FS, driver string) ([]step, error) {
	names, err := fs.Glob(files, "migrations/"+driver+"/*.sql")
	if err != nil {
		return nil, fmt.Errorf("models: migrations: %w", err)
	}
	var all []step
	for i, path := range names {
		name := strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("models: migration %s: want number %04d", path, i+1)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("models: migrations: %w", err)
		}
		all = append(all, step{version: version, name: name, statements: statements(string(text))})
	}
	return all, nil
}

// statements are those of a text, however its lines end: each goes up to a semicolon
// that stands neither in a comment nor in quotes.
func statements(text string) []string {
	var all []string
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	begin := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '"', '`':
			i = after(text, i+1, text[i:i+1]) - 1
		case '-':
			if strings.HasPrefix(text[i:], "--") {
				i = after(text, i, "\n") - 1
			}
		case ';':
			all, begin = append(all, text[begin:i]), i+1
		}
	}
	all = append(all, text[begin:])
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return slices.DeleteFunc(all, onlyComments)
}

// after is where the first end from a place on is over, or the text.
func after(text string, from int, end string) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

// onlyComments reports whether a statement says nothing.
func onlyComments(statement string) bool {
	for line := range strings.Lines(statement) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return false
		}
	}
	return true
}

// Migrate brings the schema up to date and returns the names of the steps it
// applied. Any number of processes may call it at once. An interrupted run is
// taken up where it stopped. A schema newer than this program is refused with
// [ErrSchemaTooNew].
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	return db.migrate(ctx, migrationFiles)
}

func (db *DB) migrate(ctx context.Context, files fs.FS) (applied []string, err error) {
	all, err := steps(files, db.cfg.Driver)
	if err != nil {
		return nil, err
	}
	// Who looks first needs no right to change tables where there is nothing to do.
	var todo bool
	err = db.again(ctx, "migrate", func() error {
		todo, err = pending(ctx, db.pool, all)
		return db.explain("migrate", err, false)
	})
	if err != nil {
		return nil, err
	}
	if !todo {
		return nil, db.keepKeyCheck(ctx)
	}
	err = db.again(ctx, "migrate", func() error {
		var now []string
		var err error
		if db.cfg.Driver == SQLite {
			now, err = db.migrateSQLite(ctx, all)
		} else {
			now, err = db.migrateMySQL(ctx, all)
		}
		applied = append(applied, now...)
		if interrupted(err) && ctx.Err() == nil { // a cluster's node gave way to another that changes the same table
			return &dbError{what: "migrate", transient: true, err: err}
		}
		if forbidden(err) {
			err = fmt.Errorf("the account may not change tables: give it CREATE, ALTER, INDEX, DROP and REFERENCES, or run \"yanquan migrate up\" with one that has them: %w", err)
		}
		return db.explain("migrate", err, false)
	})
	if err != nil {
		return applied, db.wayBack(err)
	}
	return applied, db.keepKeyCheck(ctx)
}

// wayBack adds to a failed upgrade what can be done now.
func (db *DB) wayBack(err error) error {
	if errors.Is(err, ErrSchemaTooNew) {
		return err // it says so itself
	}
	if db.cfg.Driver == SQLite {
		return fmt.Errorf("the upgrade failed and nothing of it was kept: start again once the cause is mended, or run the former program (docs/operate.md#upgrade): %w", err)
	}
	return fmt.Errorf("the upgrade failed half-way: once the cause is mended, \"yanquan migrate up\" goes on where it stopped; the way back is the backup made before it, with the former program (docs/operate.md#upgrade): %w", err)
}

// pending reports whether a migration is to be applied. A schema that is too new is
// [ErrSchemaTooNew].
func pending(ctx context.Context, on execer, all []step) (bool, error) {
	records, err := readRecords(ctx, on)
	if missingTable(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for version, r := range records {
		if version > len(all) {
			return false, schemaTooNew(r.name)
		}
	}
	return slices.ContainsFunc(all, func(s step) bool { return records[s.version].appliedAt.IsZero() }), nil
}

// migrateSQLite runs everything in one transaction: SQLite's DDL can be rolled
// back, and the transaction has the write lock from its start.
func (db *DB) migrateSQLite(ctx context.Context, all []step) ([]string, error) {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after Commit: nothing
	applied, err := db.run(ctx, tx, all)
	if err != nil {
		return nil, err
	}
	if err := db.commitError(ctx, tx.Commit()); err != nil {
		return nil, err
	}
	return applied, nil
}

// migrateMySQL uses a connection of its own, because changing a large table may
// take longer than a statement otherwise may, and holds a named lock meanwhile,
// which ends with the connection.
func (db *DB) migrateMySQL(ctx context.Context, all []step) ([]string, error) {
	settings, err := mysqlSettings(db.cfg.DSN, db.cfg.Log)
	if err != nil {
		return nil, err
	}
	settings.ReadTimeout = 0
	c, err := db.connector(settings, new(atomic.Int64), "lock_wait_timeout = 30") // do not block everybody behind a forgotten transaction
	if err != nil {
		return nil, err
	}
	pool := db.cfg.open(c)
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 120)", migrationLock(settings.DBName)).Scan(&got)
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		// Some clusters forbid named locks, on others they are each node's own. Every
		// statement can be run again, so that two at once do no harm.
		db.cfg.Log.WarnContext(ctx, "database: no migration lock", "error", err)
	case err != nil:
		return nil, err
	case got.Int64 != 1:
		return nil, errors.New("another process has been migrating this database for two minutes")
	}
	return db.run(ctx, conn, all)
}

// migrationLock names the lock. Lock names are the server's, not the database's,
// and have at most 64 characters.
func migrationLock(database string) string {
	h := fnv.New64a()
	h.Write([]byte(database))
	return fmt.Sprintf("yanquan-migrate-%x", h.Sum64())
}

// execer is a connection or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// run applies what is not applied. Each statement is recorded, because MySQL
// commits each by itself. What it is about to do may have been done a moment ago:
// by another process, or by a former run that died before it could record it.
func (db *DB) run(ctx context.Context, on execer, all []step) (applied []string, err error) {
	if _, err := readRecords(ctx, on); missingTable(err) {
		if _, err := on.ExecContext(ctx, createRecords[db.cfg.Driver]); err != nil {
			return nil, err
		}
	}
	if _, err := pending(ctx, on, all); err != nil {
		return nil, err
	}
	records, err := readRecords(ctx, on)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		r, begun := records[s.version]
		if begun && !r.appliedAt.IsZero() {
			continue
		}
		if !begun {
			if _, err := on.ExecContext(ctx, "INSERT INTO schema_migrations (version, name, done) VALUES (?, ?, 0)", s.version, s.name); err != nil && !alreadyDone(err) {
				return applied, fmt.Errorf("migration %s: %w", s.name, err)
			}
		}
		for i := r.done; i < len(s.statements); i++ {
			if _, err := on.ExecContext(ctx, s.statements[i]); err != nil && !alreadyDone(err) {
				return applied, fmt.Errorf("migration %s, statement %d: %w", s.name, i+1, err)
			}
			if _, err := on.ExecContext(ctx, "UPDATE schema_migrations SET done = ? WHERE version = ?", i+1, s.version); err != nil {
				return applied, fmt.Errorf("migration %s: %w", s.name, err)
			}
		}
		if _, err := on.ExecContext(ctx, "UPDATE schema_migrations SET applied_at = ? WHERE version = ?", stamp(db.now()), s.version); err != nil {
			return applied, fmt.Errorf("migration %s: %w", s.name, err)
		}
		applied = append(applied, s.name)
		db.cfg.Log.InfoContext(ctx, "database: migration applied", "name", s.name)
	}
	return applied, nil
}

var createRecords = map[string]string{
	SQLite: `CREATE TABLE IF NOT EXISTS schema_migrations (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, done INTEGER NOT NULL, applied_at TEXT) STRICT`,
	MySQL: `CREATE TABLE IF NOT EXISTS schema_migrations (
		version INT NOT NULL PRIMARY KEY, name VARCHAR(190) NOT NULL, done INT NOT NULL, applied_at DATETIME(6) NULL
		) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
}

// alreadyDone reports whether a statement failed because its effect is there:
// table, column, key or row exists, or what it drops is gone.
func alreadyDone(err error) bool {
	var onServer *mysql.MySQLError
	if !errors.As(err, &onServer) {
		return false
	}
	switch onServer.Number {
	case 1050, 1051, 1060, 1061, 1062, 1091, 1826:
		return true
	}
	return false
}

func readRecords(ctx context.Context, on execer) (map[int]record, error) {
	rows, err := on.QueryContext(ctx, "SELECT version, name, done, applied_at FROM schema_migrations")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	records := map[int]record{}
	for rows.Next() {
		var r record
		var at any
		if err := rows.Scan(&r.version, &r.name, &r.done, &at); err != nil {
			return nil, err
		}
		switch at := at.(type) {
		case time.Time:
			r.appliedAt = at.UTC()
		case string:
			if r.appliedAt, err = time.Parse(stampLayout, at); err != nil {
				return nil, err
			}
		}
		records[r.version] = r
	}
	return records, rows.Err()
}

// MigrationStatus lists the migrations that this program knows or the database
// has. It changes nothing.
func (db *DB) MigrationStatus(ctx context.Context) ([]Migration, error) {
	return db.migrationStatus(ctx, migrationFiles)
}

func (db *DB) migrationStatus(ctx context.Context, files fs.FS) ([]Migration, error) {
	all, err := steps(files, db.cfg.Driver)
	if err != nil {
		return nil, err
	}
	records, err := readRecords(ctx, db.pool)
	if err != nil && !missingTable(err) {
		return nil, db.explain("migration status", err, false)
	}
	var list []Migration
	for _, s := range all {
		r, begun := records[s.version]
		delete(records, s.version)
		list = append(list, Migration{Version: s.version, Name: s.name, AppliedAt: r.appliedAt, Interrupted: begun && r.appliedAt.IsZero()})
	}
	for _, v := range slices.Sorted(maps.Keys(records)) {
		r := records[v]
		list = append(list, Migration{Version: v, Name: r.name, AppliedAt: r.appliedAt, Interrupted: r.appliedAt.IsZero(), Unknown: true})
	}
	return list, nil
}

// CheckSchema is for a process that does not migrate: it returns an error that
// matches [ErrSchemaTooOld] or [ErrSchemaTooNew] unless the schema is exactly
// the one this program knows.
func (db *DB) CheckSchema(ctx context.Context) error {
	list, err := db.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Unknown {
			return schemaTooNew(m.Name)
		}
	}
	for _, m := range list {
		if m.AppliedAt.IsZero() {
			return &dbError{what: "schema", kinds: []error{ErrSchemaTooOld}, err: fmt.Errorf("migration %s is pending: run \"yanquan migrate up\"", m.Name)}
		}
	}
	return nil
}

func schemaTooNew(name string) error {
	return &dbError{what: "schema", kinds: []error{ErrSchemaTooNew}, err: fmt.Errorf(
		"it has migration %s, which this program does not know: run the newer program again, or restore the backup made before the upgrade (docs/operate.md#upgrade)", name)}
}
