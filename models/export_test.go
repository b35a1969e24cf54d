package models

import (
	"context"
	"database/sql"
	"io/fs"
	"log/slog"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// What the tests reach behind the store for.

var (
	MigrationFiles = migrationFiles
	Tries          = tries
	MigrationLock  = migrationLock
	ExamineMySQL   = examineMySQL
	ExamineSQLite  = examineSQLite
	Interrupted    = interrupted
	Statements     = statements
)

func (db *DB) Pool() *sql.DB { return db.pool }

// ORM is for statements that no store makes.
func (db *DB) ORM() *gorm.DB { return db.orm }

func (db *DB) MigrateFS(ctx context.Context, files fs.FS) ([]string, error) {
	return db.migrate(ctx, files)
}

// MigrateUnlocked migrates as where the server forbids named locks.
func (db *DB) MigrateUnlocked(ctx context.Context) error {
	all, err := steps(migrationFiles, db.cfg.Driver)
	if err != nil {
		return err
	}
	return db.again(ctx, "migrate", func() error {
		_, err := db.run(ctx, db.pool, all)
		return db.explain("migrate", err, false)
	})
}

func (db *DB) StatusFS(ctx context.Context, files fs.FS) ([]Migration, error) {
	return db.migrationStatus(ctx, files)
}

func (f fault) Kind() error     { return f.kind }
func (f fault) Transient() bool { return f.transient }

// SlowLog is GORM's logger of a store.
func SlowLog(log *slog.Logger) logger.Interface { return slowLog{log} }

// Watch calls fn with every statement.
func (db *DB) Watch(fn func(statement string, args []any)) {
	see := func(g *gorm.DB) { fn(g.Statement.SQL.String(), g.Statement.Vars) }
	on := db.orm.Callback()
	for _, err := range []error{
		on.Create().After("gorm:create").Register("watch", see),
		on.Query().After("gorm:query").Register("watch", see),
		on.Update().After("gorm:update").Register("watch", see),
		on.Delete().After("gorm:delete").Register("watch", see),
		on.Row().After("gorm:row").Register("watch", see),
		on.Raw().After("gorm:raw").Register("watch", see),
	} {
		if err != nil {
			panic(err)
		}
	}
}

func (s JournalStore) Live(ctx context.Context, storeID int64, code string) (Operation, error) {
	return s.live(ctx, storeID, code)
}

// Accepting is how many messages wait to be stored or are being stored.
func (db *DB) Accepting() int {
	q := db.commits
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.accepts) + q.storing
}

// Waiting is how many changes wait for their turn on SQLite.
func (db *DB) Waiting() int {
	q := db.commits
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.changes)
}

// Prepared counts the statements that the connection to a SQLite file keeps.
func (db *DB) Prepared(ctx context.Context) (n int, err error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error { n = c.(placed).kept.recent.Len(); return nil })
	return n, err
}

// Read reads as the stores do.
func (db *DB) Read(ctx context.Context, query string, into any) error {
	return db.read(ctx, "read", func(g *gorm.DB) error { return g.Raw(query).Row().Scan(into) })
}

// KeepLogBelow says how long the log of a SQLite file may grow.
func (db *DB) KeepLogBelow(bytes int64) { db.place.most = bytes }

const KeptStatements = keptStatements
