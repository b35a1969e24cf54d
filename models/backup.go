package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libtnb/sqlite"
	msqlite "modernc.org/sqlite"
)

var (
	// ErrExists: there is a file, which is not written over unasked.
	ErrExists = errors.New("the file exists")
	// ErrInUse: another process has the database open.
	ErrInUse = errors.New("another process has the database open")
	// ErrNoCopy: the file is no sound copy of this program's database.
	ErrNoCopy = errors.New("not a sound copy of a database")
)

// Copy is what a copy of a SQLite database holds.
type Copy struct {
	Path    string
	Bytes   int64
	Schema  string           // its last migration
	Pending int              // migrations of this program that it lacks
	Newest  time.Time        // when its newest message came; zero: there is none
	Rows    map[string]int64 // by table
}

// pagesAtOnce is how many pages are copied between two looks at the context.
const pagesAtOnce = 4096

// Backup writes a copy of a SQLite database to a file that only its owner can read, while
// other processes go on working with it: whatever was committed before is in it, and of
// what is committed meanwhile nothing. The copy is opened and compared before it gets its
// name. [ErrExists]: there is a file of that name, and over is false.
//
// The pages are copied as they are, in one read transaction: a writer waits for nothing,
// and the log cannot shrink until the copy ends.
func Backup(ctx context.Context, cfg Config, to string, over bool) (Copy, error) {
	from, keys, err := sqliteFile(cfg)
	if err != nil {
		return Copy{}, err
	}
	if to, err = copyPath(to, from); err != nil {
		return Copy{}, err
	}
	if !over {
		if err := unnamed(to); err != nil {
			return Copy{}, fmt.Errorf("models: backup: %w", err)
		}
	}
	temporary, err := beside(to)
	if err != nil {
		return Copy{}, fmt.Errorf("models: backup: %w", err)
	}
	defer removeAll(temporary) // once it has its name: nothing
	rows, err := copyPages(ctx, from, temporary)
	if err == nil {
		err = alone(ctx, temporary) // its header says that it has no log
	}
	if err != nil {
		return Copy{}, fmt.Errorf("models: backup: %w", err)
	}
	c, err := inspect(ctx, keys, temporary)
	if err != nil {
		return Copy{}, err
	}
	if !maps.Equal(c.Rows, rows) {
		return Copy{}, fmt.Errorf("models: backup: %w: it has %v rows, the database %v", ErrNoCopy, c.Rows, rows)
	}
	if err := finish(temporary, to, over); err != nil {
		return Copy{}, fmt.Errorf("models: backup: %w", err)
	}
	c.Path = to
	return c, nil
}

// sqliteFile is the file of a configured database, and what opens its values.
func sqliteFile(cfg Config) (string, *keyring, error) {
	keys, err := newKeyring(cfg.Key, cfg.OldKeys)
	if err != nil {
		return "", nil, err
	}
	path, err := SQLitePath(cfg.DSN)
	if err != nil {
		return "", nil, fmt.Errorf("models: database dsn: %w", err)
	}
	return path, keys, nil
}

// logs are the names of what SQLite keeps beside a file, behind the file's.
var logs = []string{"-wal", "-shm", "-journal"}

// copyPath is an absolute path that is, with what may lie beside it, none of the
// database's own files.
func copyPath(to, database string) (string, error) {
	to, err := filepath.Abs(to)
	if err != nil {
		return "", fmt.Errorf("models: backup: %w", err)
	}
	if strings.Contains(to, "?") {
		return "", fmt.Errorf("models: backup: %s: the name cannot contain ?", to)
	}
	names := append([]string{""}, logs...)
	for _, its := range names {
		for _, own := range names {
			if sameFile(to+its, database+own) {
				return "", fmt.Errorf("models: backup: %s belongs to the database itself", to+its)
			}
		}
	}
	return to, nil
}

// sameFile reports whether two names are, or lead to, one file.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// unnamed makes sure that nothing has a name, and that nothing beside it would be taken
// for a log of what gets it. Otherwise it is [ErrExists].
func unnamed(path string) error {
	for _, of := range append([]string{""}, logs...) {
		if _, err := os.Lstat(path + of); err == nil {
			return fmt.Errorf("%s: %w", path+of, ErrExists)
		}
	}
	return nil
}

// beside makes an empty private file in the folder of another.
func beside(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// copyPages copies a database into an empty file, and counts its rows as of then.
func copyPages(ctx context.Context, from, to string) (rows map[string]int64, err error) {
	switch _, err := os.Stat(from); { // SQLite would make one
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed("open "+from, ErrNoDatabase)
	case err != nil:
		return nil, err
	}
	pool, err := sql.Open(sqlite.DriverName, from+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if rows, err = countRows(ctx, conn); err != nil { // the first read begins the transaction
		return nil, err
	}
	return rows, conn.Raw(func(c any) error {
		source, ok := c.(interface {
			NewBackup(to string) (*msqlite.Backup, error)
		})
		if !ok {
			return errors.New("SQLite driver without backup")
		}
		b, err := source.NewBackup(to)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if more, err = b.Step(pagesAtOnce); err == nil {
				err = ctx.Err()
			}
		}
		return errors.Join(err, b.Finish())
	})
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// texts are the rows of a query with one column.
func texts(ctx context.Context, on querier, query string, args ...any) (all []string, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one sql.NullString
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one.String)
	}
	return all, rows.Err()
}

func countRows(ctx context.Context, on querier) (map[string]int64, error) {
	tables, err := texts(ctx, on, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, table := range tables {
		rows, err := on.QueryContext(ctx, `SELECT COUNT(*) FROM "`+table+`"`)
		if err != nil {
			return nil, err
		}
		var n int64
		for rows.Next() {
			err = errors.Join(err, rows.Scan(&n))
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		counts[table] = n
	}
	return counts, nil
}

// inspect opens a copy, changes nothing in it, and finds out whether it is sound, of this
// program or an earlier one, and sealed with a key that is at hand.
func inspect(ctx context.Context, keys *keyring, path string) (Copy, error) {
	unsound := func(err error) (Copy, error) {
		return Copy{}, &dbError{what: "copy " + path, kinds: []error{ErrNoCopy}, err: err}
	}
	address := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"), RawQuery: "mode=ro&immutable=1"}
	pool, err := sql.Open(sqlite.DriverName, address.String())
	if err != nil {
		return unsound(err)
	}
	defer pool.Close()
	said, err := texts(ctx, pool, "PRAGMA integrity_check")
	if err != nil {
		return unsound(err)
	}
	if !slices.Equal(said, []string{"ok"}) {
		return unsound(errors.New(strings.Join(said, "; ")))
	}
	c := Copy{Path: path}
	if c.Schema, c.Pending, err = schemaOf(ctx, pool); err != nil {
		if errors.Is(err, ErrSchemaTooNew) {
			return Copy{}, err
		}
		return unsound(err)
	}
	check, err := texts(ctx, pool, "SELECT value FROM meta WHERE name = ?", metaKeyCheck)
	if err != nil {
		return unsound(err)
	}
	if len(check) == 1 && !slices.ContainsFunc(keys.known, func(k *sealKey) bool { return k.check == check[0] }) {
		return Copy{}, failed("copy "+path, ErrWrongKey)
	}
	if c.Rows, err = countRows(ctx, pool); err != nil {
		return unsound(err)
	}
	newest, err := texts(ctx, pool, "SELECT MAX(received_at) FROM inbox")
	if err != nil {
		return unsound(err)
	}
	if newest[0] != "" {
		if c.Newest, err = time.Parse(stampLayout, newest[0]); err != nil {
			return unsound(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return unsound(err)
	}
	c.Bytes = info.Size()
	return c, nil
}

// schemaOf is the last migration that a copy has, and how many of this program's it lacks.
func schemaOf(ctx context.Context, pool *sql.DB) (last string, missing int, err error) {
	all, err := steps(migrationFiles, SQLite)
	if err != nil {
		return "", 0, err
	}
	if _, err := pending(ctx, pool, all); err != nil {
		return "", 0, err
	}
	records, err := readRecords(ctx, pool)
	if err != nil {
		return "", 0, err
	}
	for _, s := range all {
		if records[s.version].appliedAt.IsZero() {
			missing++
			continue
		}
		last = s.name
	}
	if last == "" {
		return "", 0, errors.New("it has no migration of Yanquan")
	}
	return last, missing, nil
}

// finish gives a finished file its name, durably. What lies beside the name is not its
// own: SQLite would take it for the file's log.
func finish(temporary, to string, over bool) error {
	err := syncFile(temporary)
	switch {
	case err != nil:
	case over:
		err = replace(temporary, to)
	default:
		err = nameOnce(temporary, to)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// replace takes the place of a file and of its logs. These are gone for certain before.
func replace(temporary, to string) error {
	gone := false
	for _, of := range logs {
		err := os.Remove(to + of)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		gone = gone || err == nil
	}
	if gone {
		if err := syncFolder(filepath.Dir(to)); err != nil {
			return err
		}
	}
	return os.Rename(temporary, to)
}

// nameOnce gives a file a name that nothing else has. A rename would take the place of what
// came into being meanwhile; a link does not, where the folder knows links.
func nameOnce(temporary, to string) error {
	if err := unnamed(to); err != nil {
		return err
	}
	err := os.Link(temporary, to)
	switch {
	case err == nil:
		return os.Remove(temporary)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", to, ErrExists)
	}
	return os.Rename(temporary, to)
}
