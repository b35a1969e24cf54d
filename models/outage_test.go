package models_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// proxied is a migrated MySQL database behind a line that can be cut.
func proxied(t *testing.T) (*models.DB, *modelstest.Proxy) {
	t.Helper()
	proxy, dsn := modelstest.NewProxy(t, modelstest.MySQLDSN(t))
	db := modelstest.Open(t, models.MySQL, dsn)
	no(t, second(db.Migrate(t.Context())))
	return db, proxy
}

func certain(t *testing.T, err error) {
	t.Helper()
	want(t, err, models.ErrUnavailable)
	if errors.Is(err, models.ErrCommitUnknown) {
		t.Fatalf("not in doubt: %v", err)
	}
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	db, proxy := proxied(t)
	ctx := t.Context()
	accept(t, db, "m1")
	for range 2 {
		proxy.Down()
		want(t, db.Ping(ctx), models.ErrUnavailable)
		_, _, err := db.Inbox.Accept(ctx, message("m2"))
		certain(t, err)
		certain(t, second(db.Inbox.Get(ctx, "in-m1")))
		certain(t, db.Tx(ctx, func(*models.DB) error { return nil }))
		certain(t, second(db.Migrate(ctx)))

		proxy.Up()
		no(t, db.Ping(ctx))
		no(t, second(db.Inbox.Get(ctx, "in-m1")))
	}
	accept(t, db, "m2")

	proxy.Down()
	_, err := models.Open(ctx, models.Config{Driver: models.MySQL, DSN: "root@tcp(127.0.0.1:1)/yanquan", Key: modelstest.Key})
	certain(t, err)
}

// The line breaks in the middle of a transaction: it certainly was not made.
func TestServerGoneInTransaction(t *testing.T) {
	t.Parallel()
	db, proxy := proxied(t)
	err := db.Tx(t.Context(), func(tx *models.DB) error {
		begin(t, tx, intent("7992697494"))
		proxy.Down()
		_, _, err := tx.Inbox.Accept(t.Context(), message("m1"))
		want(t, err, models.ErrUnavailable)
		_, _, err = tx.Inbox.Accept(t.Context(), message("m2")) // nothing works any more
		want(t, err, models.ErrUnavailable)
		return nil
	})
	certain(t, err)
	proxy.Up()
	_, err = db.Journal.Get(t.Context(), "op-7992697494")
	want(t, err, models.ErrNotFound)
}

func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]bool{"made": true, "not made": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, proxy := proxied(t)
			ctx := t.Context()
			cut := proxy.CutBefore
			if made {
				cut = proxy.CutAfter
			}

			in := asked(t, db, "in-7992697494")
			fired := cut("COMMIT")
			err := db.Tx(ctx, func(tx *models.DB) error { return second(tx.Journal.Begin(ctx, intent("7992697494"), in)) })
			<-fired
			want(t, err, models.ErrCommitUnknown)
			want(t, err, models.ErrUnavailable)
			_, err = db.Journal.Get(ctx, "op-7992697494")
			same(t, err == nil, made)
			// Asking for the same again tells.
			_, err = db.Journal.Begin(ctx, intent("7992697494"), in)
			same(t, errors.Is(err, models.ErrDuplicate), made)

			// A single statement is its own transaction.
			fired = cut("INSERT INTO inbox")
			_, _, err = db.Inbox.Accept(ctx, message("m1"))
			<-fired
			want(t, err, models.ErrCommitUnknown)
			_, fresh, err := db.Inbox.Accept(ctx, message("m1"))
			no(t, err)
			same(t, fresh, !made)
		})
	}
}

// ending is a context whose deadline passes when the test says so.
type ending struct {
	context.Context
	passed chan struct{}
}

func (e ending) Done() <-chan struct{} { return e.passed }

func (e ending) Err() error {
	select {
	case <-e.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A caller who does not wait is not told that nothing happened.
func TestDeadlineWhileWriting(t *testing.T) {
	t.Parallel()
	db := modelstest.MySQL(t)
	ctx := t.Context()
	in := accept(t, db, "m1")
	no(t, db.Tx(ctx, func(tx *models.DB) error {
		_, err := tx.Inbox.Extend(ctx, in, noon.Add(time.Hour)) // holds the row
		no(t, err)
		short := ending{ctx, make(chan struct{})}
		told := make(chan error, 1)
		go func() { told <- second(db.Inbox.Extend(short, in, noon.Add(2*time.Hour))) }()
		for waits := 0; waits == 0 && len(told) == 0; { // the statement is at work: the one before is past that
			no(t, db.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state = 'Updating' AND info LIKE 'UPDATE%inbox%'").Scan(&waits))
		}
		close(short.passed)
		err = <-told
		want(t, err, context.DeadlineExceeded)
		want(t, err, models.ErrUnavailable)
		want(t, err, models.ErrCommitUnknown)
		return nil
	}))
}

// account makes one that has some privileges on the database of a DSN.
func account(t *testing.T, admin *models.DB, dsn, privileges, limits string) string {
	t.Helper()
	exec := func(q string) {
		_, err := admin.Pool().ExecContext(context.Background(), q)
		no(t, err)
	}
	cfg, err := mysql.ParseDSN(dsn)
	no(t, err)
	cfg.User, cfg.Passwd = "u_"+cfg.DBName[len(cfg.DBName)-20:], "x"
	exec(fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY 'x' %s", cfg.User, limits))
	t.Cleanup(func() { exec(fmt.Sprintf("DROP USER '%s'@'%%'", cfg.User)) })
	exec(fmt.Sprintf("GRANT %s ON %s.* TO '%s'@'%%'", privileges, cfg.DBName, cfg.User))
	return cfg.FormatDSN()
}

// A server that has become read-only, as after a failover, is of no use. It is one of its
// own, for others have accounts, too, that it does not exempt.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	s := modelstest.NewServer(t)
	admin := modelstest.Open(t, models.MySQL, s.AdminDSN())
	no(t, second(admin.Migrate(t.Context())))
	exec := func(ctx context.Context, q string) {
		_, err := admin.Pool().ExecContext(ctx, q)
		no(t, err)
	}
	db := modelstest.Open(t, models.MySQL, s.DSN()) // by an account that read-only servers do not exempt
	no(t, db.Ping(t.Context()))

	in := asked(t, db, "in-7992697494")
	exec(t.Context(), "SET GLOBAL read_only = 1")
	t.Cleanup(func() { exec(context.Background(), "SET GLOBAL read_only = 0") })
	certain(t, db.Ping(t.Context()))
	_, err := db.Journal.Begin(t.Context(), intent("7992697494"), in)
	certain(t, err)
	certain(t, db.Tx(t.Context(), func(tx *models.DB) error { return second(tx.Journal.Begin(t.Context(), intent("7992697494"), in)) }))
	exec(t.Context(), "SET GLOBAL read_only = 0")
	no(t, db.Ping(t.Context()))
	begin(t, db, intent("7992697494"))
}

func TestSQLiteTrouble(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	ctx := t.Context()
	pragma := func(p string) {
		_, err := db.Pool().ExecContext(ctx, "PRAGMA "+p)
		no(t, err)
	}
	in := asked(t, db, "in-7992697494")
	pragma("query_only = 1")
	certain(t, db.Ping(ctx))
	_, err := db.Journal.Begin(ctx, intent("7992697494"), in)
	certain(t, err)
	pragma("query_only = 0")
	no(t, db.Ping(ctx))

	// A full disk, in a statement and in a transaction, and recovery from it.
	pragma("max_page_count = 1") // as many as there are
	big := message("big")
	big.Payload = []byte(strings.Repeat("x", 1<<20))
	_, _, err = db.Inbox.Accept(ctx, big)
	certain(t, err)
	certain(t, db.Tx(ctx, func(tx *models.DB) error {
		_, _, err := tx.Inbox.Accept(ctx, big)
		want(t, err, models.ErrUnavailable)
		return nil
	}))
	pragma("max_page_count = 1000000")
	_, _, err = db.Inbox.Accept(ctx, big)
	no(t, err)
	no(t, db.Tx(ctx, func(tx *models.DB) error { return second(tx.Journal.Begin(ctx, intent("7992697494"), in)) }))
}

func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(dsn string) error {
		db, err := models.Open(t.Context(), models.Config{Driver: models.SQLite, DSN: dsn, Key: modelstest.Key})
		if err == nil {
			db.Close()
		}
		return err
	}
	no(t, open(filepath.Join(dir, "a.db")))
	info, err := os.Stat(filepath.Join(dir, "a.db"))
	no(t, err)
	same(t, info.Mode().Perm(), os.FileMode(0o600))
	no(t, open(filepath.Join(dir, "名字 b.db")+"?_pragma=journal_mode(DELETE)&_pragma=synchronous(OFF)"))
	no(t, open("file:"+filepath.Join(dir, "c.db")))
	certain(t, open(filepath.Join(dir, "no such folder", "a.db")))
	no(t, os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("no database\n", 100)), 0o600))
	certain(t, open(filepath.Join(dir, "text.db")))
	for _, dsn := range []string{"", ":memory:", "file::memory:", "file:x?mode=memory"} {
		if open(dsn) == nil {
			t.Errorf("opened %q", dsn)
		}
	}
}

// Who only works with what is there makes no file.
func TestSQLiteMustExist(t *testing.T) {
	t.Parallel()
	cfg := models.Config{Driver: models.SQLite, DSN: modelstest.SQLiteDSN(t), Key: modelstest.Key, MustExist: true}
	want(t, second(models.Open(t.Context(), cfg)), models.ErrNoDatabase)
	if _, err := os.Stat(cfg.DSN); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	modelstest.Open(t, models.SQLite, cfg.DSN)
	db, err := models.Open(t.Context(), cfg)
	no(t, err)
	no(t, db.Close())
}

// A name leads to the file of that name, whatever is in it, or is refused.
func TestSQLiteNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for dsn, file := range map[string]string{
		"/a#b.db": "a#b.db", "/a%41.db": "a%41.db", "/a&b=c.db": "a&b=c.db", "/:a.db": ":a.db", "/a b.db": "a b.db", "/file:a.db": "file:a.db",
		"/a.db?_pragma=cache_size(10)": "a.db",
	} {
		got, err := models.SQLitePath(dir + dsn)
		no(t, err)
		same(t, got, filepath.Join(dir, file))
		db := modelstest.Open(t, models.SQLite, dir+dsn)
		no(t, second(db.Migrate(t.Context())))
		info, err := os.Stat(filepath.Join(dir, file))
		no(t, err)
		if info.Size() == 0 {
			t.Errorf("%s: the file is elsewhere", dsn)
		}
	}
	for dsn, file := range map[string]string{
		"file:" + dir + "/u.db": "u.db", "file://" + dir + "/u.db": "u.db", "file://localhost" + dir + "/u.db": "u.db", "file:" + dir + "/%23u%3f.db": "#u?.db",
	} {
		same(t, must(models.SQLitePath(dsn)), filepath.Join(dir, file))
	}
	here, err := os.Getwd()
	no(t, err)
	same(t, must(models.SQLitePath(":a.db")), filepath.Join(here, ":a.db"))
	for dsn, relative := range map[string]bool{"a.db": true, "file:a.db": true, "./a.db?_pragma=cache_size(10)": true, dir + "/a.db": false, "file:" + dir + "/a.db": false, "file://" + dir + "/a.db": false} {
		if got := models.RelativeSQLite(dsn); got != relative {
			t.Errorf("%s: relative %v", dsn, got)
		}
	}
	for _, dsn := range []string{
		"", ":memory:", "file::memory:", "a.db?mode=memory", "a?.db", "why?", "a?b=c.db", "a.db?vfs=x", "a.db?mode=ro", "a.db?_synchronous=0", "a.db?%zz",
		"file:a#b.db", "file:a%zz.db", "file:a%00.db", "file://elsewhere/a.db", "a\x00.db",
	} {
		if path, err := models.SQLitePath(dsn); err == nil {
			t.Errorf("%q is taken for %s", dsn, path)
		}
	}
}

// Ready means that a page was just written.
func TestPingWrites(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		written := func() string { return must(db.Pulse(t.Context())) }
		same(t, written(), "") // by no process yet
		no(t, db.Ping(t.Context()))
		first := written()
		no(t, db.Ping(t.Context()))
		if again := written(); again == first || again == "" {
			t.Errorf("nothing is written: %q, then %q", first, again)
		}
		for _, err := range race(4, func(int) error { return db.Ping(t.Context()) }) {
			no(t, err)
		}
	})
}

// A file that is not at its path any more, or whose log is not, takes no changes that
// nobody would find again.
func TestSQLiteFileMovedAway(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"", "-wal"} {
		dsn := modelstest.SQLiteDSN(t)
		db := modelstest.Open(t, models.SQLite, dsn)
		no(t, second(db.Migrate(t.Context())))
		no(t, db.Ping(t.Context()))
		refused := func() {
			t.Helper()
			certain(t, db.Ping(t.Context()))
			_, _, err := db.Inbox.Accept(t.Context(), message("m1"))
			certain(t, err)
			certain(t, db.Tx(t.Context(), func(*models.DB) error { return nil }))
		}
		path := dsn + part
		no(t, os.Rename(path, path+".away"))
		refused()
		no(t, os.WriteFile(path, nil, 0o600)) // another in its place
		refused()
		no(t, os.Remove(path))
		no(t, os.Rename(path+".away", path))
		no(t, db.Ping(t.Context()))
		accept(t, db, "m1")
	}
}

// The pragmas that the promises rest on, whatever the DSN says.
func TestSQLitePragmas(t *testing.T) {
	t.Parallel()
	db := modelstest.Open(t, models.SQLite, modelstest.SQLiteDSN(t)+"?_pragma=synchronous(OFF)&_txlock=deferred")
	for pragma, expect := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "500"} {
		same(t, string(raw(t, db, "PRAGMA "+pragma)), expect)
	}
}

// The settings that the promises rest on, whatever the DSN says.
func TestMySQLSettings(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t) + "?charset=latin1&loc=Asia%2FShanghai&parseTime=false&sql_mode=''&time_zone='%2B08:00'&clientFoundRows=false&multiStatements=true&interpolateParams=false"
	db := modelstest.Open(t, models.MySQL, dsn)
	for query, expect := range map[string]string{
		"SELECT @@time_zone":                             "+00:00",
		"SELECT @@character_set_connection":              "utf8mb4",
		"SELECT @@collation_connection":                  "utf8mb4_bin",
		"SELECT @@sql_mode LIKE '%STRICT_TRANS_TABLES%'": "1",
		"SELECT @@innodb_lock_wait_timeout":              "5",
		"SELECT variable_value FROM information_schema.session_variables WHERE variable_name = 'tx_isolation'": "READ-COMMITTED",
	} {
		same(t, string(raw(t, db, query)), expect)
	}
	if _, err := db.Pool().ExecContext(t.Context(), "SELECT 1; SELECT 2"); err == nil {
		t.Error("several statements at once are allowed")
	}
	no(t, second(db.Migrate(t.Context())))
	accept(t, db, "m1")
}
