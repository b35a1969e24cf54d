package models_test

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// bare runs a test on every kind of database before any migration.
func bare(t *testing.T, fn func(t *testing.T, driver, dsn string)) {
	t.Helper()
	t.Parallel()
	for driver, dsn := range map[string]func(testing.TB) string{models.SQLite: modelstest.SQLiteDSN, models.MySQL: modelstest.MySQLDSN} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			fn(t, driver, dsn(t))
		})
	}
}

// later is the real first migration and a second one.
func later(t *testing.T, driver, second string) fs.FS {
	t.Helper()
	first, err := fs.ReadFile(models.MigrationFiles, "migrations/"+driver+"/0001_init.sql")
	no(t, err)
	return fstest.MapFS{
		"migrations/" + driver + "/0001_init.sql":  {Data: first},
		"migrations/" + driver + "/0002_later.sql": {Data: []byte(second)},
	}
}

func TestMigrate(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn)
		no(t, db.Ping(ctx)) // reachable, if not ready
		want(t, db.CheckSchema(ctx), models.ErrSchemaTooOld)
		same(t, must(db.MigrationStatus(ctx)), []models.Migration{{Version: 1, Name: "0001_init"}})
		same(t, must(db.Migrate(ctx)), []string{"0001_init"})
		same(t, len(must(db.Migrate(ctx))), 0)
		no(t, db.CheckSchema(ctx))
		no(t, db.Ping(ctx))
		status := must(db.MigrationStatus(ctx))
		if len(status) != 1 || status[0].AppliedAt.IsZero() || status[0].Interrupted || status[0].Unknown {
			t.Errorf("status: %+v", status)
		}
		accept(t, db, "m1")
		again := modelstest.Open(t, driver, dsn)
		same(t, must(again.Message(ctx, "in-m1")).MessageID, "m1")
	})
}

func TestMigrateAtOnce(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		replicas := make([]*models.DB, 6)
		for i := range replicas {
			replicas[i] = modelstest.Open(t, driver, dsn)
		}
		var applied atomic.Int64
		for _, err := range race(len(replicas), func(i int) error {
			names, err := replicas[i].Migrate(t.Context())
			applied.Add(int64(len(names)))
			return err
		}) {
			no(t, err)
		}
		same(t, applied.Load(), int64(1))
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		newer := modelstest.Open(t, driver, dsn)
		files := later(t, driver, "CREATE TABLE later (a INTEGER NOT NULL);\n")
		same(t, must(newer.MigrateFS(ctx, files)), []string{"0001_init", "0002_later"})

		db := modelstest.Open(t, driver, dsn) // the program from before
		_, err := db.Migrate(ctx)
		want(t, err, models.ErrSchemaTooNew)
		want(t, db.CheckSchema(ctx), models.ErrSchemaTooNew)
		status := must(db.MigrationStatus(ctx))
		same(t, len(status), 2)
		same(t, status[1].Unknown, true)
		same(t, status[1].Name, "0002_later")
		same(t, must(newer.StatusFS(ctx, files))[1].Unknown, false)
	})
}

// A migration that fails half way goes on where it stopped, with what was
// mended.
func TestMigrationInterrupted(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn)
		const good = "ALTER TABLE stores ADD COLUMN extra INTEGER NULL;\nALTER TABLE stores ADD COLUMN more INTEGER NULL;\n"
		_, err := db.MigrateFS(ctx, later(t, driver, good+"ALTER TABLE nowhere ADD COLUMN x INTEGER NULL;\n"))
		if err == nil {
			t.Fatal("a migration of a table that is not there succeeded")
		}
		if driver == models.MySQL {
			same(t, must(db.StatusFS(ctx, later(t, driver, good)))[1].Interrupted, true)
			// As if the process had died between a statement and its record.
			_, err := db.Pool().ExecContext(ctx, "UPDATE schema_migrations SET done = 1 WHERE version = 2")
			no(t, err)
		}
		_, err = db.MigrateFS(ctx, later(t, driver, good+"ALTER TABLE chats ADD COLUMN x INTEGER NULL;\n"))
		no(t, err)
		_, err = db.Pool().ExecContext(ctx, "UPDATE stores SET extra = 1, more = 2")
		no(t, err)
		_, err = db.Pool().ExecContext(ctx, "UPDATE chats SET x = 1")
		no(t, err)
	})
}

// The connection breaks at each table, before or after the server made it.
func TestMigrationLosesTheServer(t *testing.T) {
	t.Parallel()
	tables := []string{"schema_migrations", "meta", "stores", "sessions", "operations", "outbox"}
	for i, table := range tables {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			proxy, dsn := modelstest.NewProxy(t, modelstest.MySQLDSN(t))
			db := modelstest.Open(t, models.MySQL, dsn)
			cut := proxy.CutAfter
			if i%2 == 0 {
				cut = proxy.CutBefore
			}
			fired := cut(fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (", table))
			_, err := db.Migrate(t.Context())
			want(t, err, models.ErrUnavailable)
			<-fired
			no(t, second(db.Migrate(t.Context())))
			no(t, db.CheckSchema(t.Context()))
			accept(t, db, "m1")
		})
	}
}

// While another process migrates, this one waits.
func TestMigrationLock(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	db := modelstest.Open(t, models.MySQL, dsn)
	cfg, err := mysql.ParseDSN(dsn)
	no(t, err)
	other, err := db.Pool().Conn(t.Context())
	no(t, err)
	_, err = other.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", models.MigrationLock(cfg.DBName))
	no(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = db.Migrate(ctx)
	want(t, err, context.DeadlineExceeded)
	_, err = other.ExecContext(t.Context(), "DO RELEASE_LOCK(?)", models.MigrationLock(cfg.DBName))
	no(t, err)
	no(t, other.Close())
	same(t, must(db.Migrate(t.Context())), []string{"0001_init"})
}

func TestMigrateCancelled(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		db := modelstest.Open(t, driver, dsn)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := db.Migrate(ctx)
		want(t, err, context.Canceled)
		no(t, second(db.Migrate(t.Context())))
	})
}

func TestMigrationNumbers(t *testing.T) {
	t.Parallel()
	db := modelstest.Open(t, models.SQLite, modelstest.SQLiteDSN(t))
	for _, name := range []string{"0002_gap", "x_first"} {
		_, err := db.MigrateFS(t.Context(), fstest.MapFS{"migrations/sqlite/" + name + ".sql": {Data: []byte("SELECT 1;\n")}})
		if err == nil {
			t.Errorf("migration %s was accepted as the first", name)
		}
	}
}
