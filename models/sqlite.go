package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	gormsqlite "github.com/libtnb/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"

	"yanquan/internal/owner"
)

// sqlitePragmas: readers do not block the writer (WAL), and a commit has reached the
// disk when it returns (FULL: there is money in it). SQLite itself waits for another
// process only briefly, for it looks at no context; [core.again] does. They are set
// after those of the DSN, which the driver sorts by name.
var sqlitePragmas = []string{"busy_timeout = 500", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = 1"}

// errNoFile: what is in memory is lost with the process.
var errNoFile = errors.New("SQLite needs a file: what was accepted must survive the process")

// SQLitePath is the file that a DSN names, absolute. A name is taken as it stands;
// only after "file:" it is a URI, in which % escapes. What follows a ? are settings,
// of which only _pragma is taken, so that a ? in a name never leads to another file.
func SQLitePath(dsn string) (string, error) {
	path, _, err := splitSQLite(dsn)
	return path, err
}

// RelativeSQLite reports whether it depends on the working directory which file a DSN
// names.
func RelativeSQLite(dsn string) bool {
	name, _, err := nameOfSQLite(dsn)
	return err == nil && !filepath.IsAbs(name)
}

func splitSQLite(dsn string) (path string, settings url.Values, err error) {
	name, settings, err := nameOfSQLite(dsn)
	if err != nil {
		return "", nil, err
	}
	// An absolute path is never taken for a URI or for one of SQLite's special names.
	path, err = filepath.Abs(name)
	return path, settings, err
}

// nameOfSQLite is the file as the DSN names it.
func nameOfSQLite(dsn string) (name string, settings url.Values, err error) {
	name, query, any := strings.Cut(dsn, "?")
	if settings, err = url.ParseQuery(query); err != nil || any && query == "" {
		return "", nil, errors.New("what follows ? is no setting; the name of the file cannot contain ?")
	}
	for key := range settings {
		if key != "_pragma" && key != "_txlock" {
			return "", nil, fmt.Errorf("what follows ? are settings, and %q is none that can be changed; the name of the file cannot contain ?", key)
		}
	}
	if rest, uri := strings.CutPrefix(name, "file:"); uri {
		if name, err = pathOfURI(rest); err != nil {
			return "", nil, err
		}
	}
	switch {
	case name == "" || strings.Contains(name, ":memory:"):
		return "", nil, errNoFile
	case strings.ContainsRune(name, 0):
		return "", nil, errors.New("the name of the file contains a zero byte")
	}
	return name, settings, nil
}

// pathOfURI reads what follows "file:".
func pathOfURI(rest string) (string, error) {
	if strings.Contains(rest, "#") {
		return "", errors.New("SQLite takes # in a file: address for its end; write %23, or leave out file: before the path")
	}
	if after, authority := strings.CutPrefix(rest, "//"); authority {
		host, path, _ := strings.Cut(after, "/")
		if host != "" && host != "localhost" {
			return "", fmt.Errorf("a file: address leads to this machine, not to %q; write file:///path", host)
		}
		rest = "/" + path
	}
	name, err := url.PathUnescape(rest)
	if err != nil {
		return "", errors.New("% in a file: address is followed by two digits; write %25, or leave out file: before the path")
	}
	return name, nil
}

// fdatasync is how SQLite syncs by itself, except in this driver, where it is asked for:
// a commit is on the disk all the same, and waits for no time stamp.
var fdatasync = sync.OnceFunc(func() { _, _ = sqlite.Fdatasync(true) })

// openSQLite opens a file: one connection for all changes, so that our own never find
// the file busy, and further ones that only read.
func (c *core) openSQLite() (gorm.Dialector, error) {
	path, settings, err := splitSQLite(c.cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("models: database dsn: %w", err)
	}
	if err := c.file(path); err != nil {
		return nil, err
	}
	// A transaction takes the write lock at its start, where waiting for it is possible.
	settings.Set("_txlock", "immediate")
	named, err := sql.Open(gormsqlite.DriverName, path)
	if err != nil {
		return nil, fmt.Errorf("models: SQLite: %w", err)
	}
	defer named.Close() // it has not connected; only its driver is wanted
	fdatasync()
	c.place = &place{path: path, most: mostLog}
	connector := sqliteConnector{driver: named.Driver(), dsn: path + "?" + settings.Encode(), at: c.place, pragmas: sqlitePragmas}
	c.pool = c.cfg.open(connector)
	c.pool.SetMaxOpenConns(1)
	connector.pragmas = append(slices.Clone(sqlitePragmas), "query_only = 1")
	c.reads = newReaders(c.cfg.open(connector))
	return &gormsqlite.Dialector{Conn: c.pool}, nil
}

// file makes sure of the file. SQLite itself would create it, readable for everybody.
func (c *core) file(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if c.cfg.MustExist {
			return failed("open "+path, ErrNoDatabase)
		}
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			// What SQLite makes beside it gets the same owner. Where that is not allowed, the
			// user who has made it works with it.
			_ = owner.As(path, filepath.Dir(path))
		}
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("models: SQLite file: %w: %w", ErrUnavailable, err)
	}
	return nil
}

// sqliteConnector opens one file by a driver that database/sql knows by name only.
type sqliteConnector struct {
	driver  driver.Driver
	dsn     string
	at      *place
	pragmas []string
}

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.at.check(); err != nil {
		return nil, err
	}
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	if err := exec(ctx, conn, c.pragmas, "PRAGMA "); err != nil {
		conn.Close()
		return nil, err
	}
	inner, ok := conn.(sqliteConn)
	if !ok {
		conn.Close()
		return nil, errors.New("models: SQLite driver lacks methods")
	}
	if err := c.at.entered(); err != nil {
		conn.Close()
		return nil, err
	}
	return placed{inner, c.at, newPrepared()}, nil
}

// sqliteConn is what database/sql uses of the driver's connections.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// placed is a connection to the file at a place.
type placed struct {
	sqliteConn
	at   *place
	kept *prepared
}

// Close ends it, and with it the log where it was the last.
func (c placed) Close() error {
	c.at.left()
	c.kept.close()
	return c.sqliteConn.Close()
}

func (c sqliteConnector) Driver() driver.Driver { return c.driver }

// exec runs statements on a new connection, each behind a prefix.
func exec(ctx context.Context, conn driver.Conn, statements []string, prefix string) error {
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return errors.New("models: driver without ExecContext")
	}
	for _, statement := range statements {
		if _, err := execer.ExecContext(ctx, prefix+statement, nil); err != nil {
			return err
		}
	}
	return nil
}

// place is where a SQLite file was opened. A file that is moved away or replaced takes
// changes as before, and nobody finds them again.
type place struct {
	path string

	mu        sync.Mutex
	file, log os.FileInfo // as opened; nil: not yet
	inside    int         // connections, which keep the log
	most      int64       // how long the log is when it is to be begun anew
	tried     int64       // what it has to grow beyond that before the next try
}

// errMoved: start again when the right file is back.
var errMoved = errors.New("the file at this path is not the one that was opened: put it back, or restart to work with what is there now")

// entered remembers the file that the first of several connections has opened.
func (p *place) entered() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inside > 0 {
		if _, err := unmoved(p.path, p.file); err != nil {
			return err
		}
	} else {
		p.file, _ = os.Stat(p.path)
		p.log = nil
	}
	p.inside++
	return nil
}

// left is called before a connection ends.
func (p *place) left() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside--
}

// check reports whether the file and its log are still what was opened.
func (p *place) check() error {
	_, err := p.logSize()
	return err
}

// logSize is how long the log is, where it and the file are still what was opened.
func (p *place) logSize() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		if _, err := unmoved(p.path, p.file); err != nil {
			return 0, err
		}
	}
	if p.inside == 0 {
		return 0, nil
	}
	log := p.path + "-wal"
	if p.log == nil { // SQLite makes it when it needs it
		p.log, _ = os.Stat(log)
		return 0, nil
	}
	now, err := unmoved(log, p.log)
	if err != nil {
		return 0, err
	}
	return now.Size(), nil
}

// unmoved reports whether a file is still at its path, and how it is now.
func unmoved(path string, opened os.FileInfo) (os.FileInfo, error) {
	now, err := os.Stat(path)
	if err == nil && os.SameFile(opened, now) {
		return now, nil
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, path, errMoved)
}

// inPlace refuses changes that nobody would find again.
func (c *core) inPlace(what string) error {
	if c.place == nil {
		return nil
	}
	size, err := c.place.logSize()
	if err != nil {
		return &dbError{what: what, kinds: []error{ErrUnavailable}, err: err}
	}
	c.bound(size)
	return nil
}
