package models

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"gorm.io/gorm"
)

// Names of the drivers.
const (
	SQLite = "sqlite"
	MySQL  = "mysql" // and everything that speaks its protocol: MariaDB, Galera, TiDB
)

// Config says which database to use and with what.
type Config struct {
	Driver string // [SQLite] or [MySQL]
	DSN    string // sqlite: a file; mysql: user:password@tcp(host:3306)/database
	// MustExist is for who only works with what is there: a SQLite file is not created,
	// and [ErrNoDatabase].
	MustExist bool
	Key       []byte // 32 bytes; seals messages and tokens
	// OldKeys open what was sealed before Key was changed, until [DB.Reseal] has
	// been through. They seal nothing.
	OldKeys [][]byte

	// Conns is how many connections a MySQL server is asked for at most, if it admits
	// them; 0: [DefaultConns]. Two are needed, for work and for accepting.
	Conns int

	Now   func() time.Time                                 // default: time.Now
	NewID func() string                                    // default: 32 random characters [0-9a-z]
	Sleep func(ctx context.Context, d time.Duration) error // between tries; default: a timer
	// Jitter spreads a pause, so that those who collided do not collide again.
	// Default: uniform between half of it and all of it.
	Jitter func(d time.Duration) time.Duration
	Log    *slog.Logger // default: none
	// Witness is told of what becomes true. Default: there is none.
	Witness Witness
	// Connector puts something between the pool and the driver that sees every
	// statement, for measuring. Default: nothing.
	Connector func(driver.Connector) driver.Connector
}

// open makes a pool.
func (cfg Config) open(c driver.Connector) *sql.DB {
	if cfg.Connector != nil {
		c = cfg.Connector(c)
	}
	return sql.OpenDB(c)
}

// DB is a database: what concerns it as a whole, and a store for each thing that is
// kept in it. It is safe for concurrent use, except inside [DB.Tx], where the value
// handed to the function belongs to that function.
type DB struct {
	*core

	Inbox           InboxStore
	Outbox          OutboxStore
	Cards           CardStore
	Journal         JournalStore
	History         HistoryStore
	Calls           CallStore
	Figures         FiguresStore
	Directory       DirectoryStore
	Accounts        AccountStore
	Choices         ChoiceStore
	Joins           JoinStore
	Grants          GrantStore
	AppTokens       AppTokenStore
	Tickets         TicketStore
	Files           FileStore
	Exports         ExportStore
	Reconciliations ReconciliationStore
	Leases          LeaseStore
	Audit           AuditStore
	Alerts          AlertStore
	Notices         NoticeStore
	Refunds         RefundStore
	Reports         ReportStore
	Hooks           HookStore
	HookEvents      HookEventStore
}

func newDB(c *core) *DB {
	return &DB{
		core:            c,
		Inbox:           InboxStore{c},
		Outbox:          OutboxStore{c},
		Cards:           CardStore{c},
		Journal:         JournalStore{c},
		History:         HistoryStore{c},
		Calls:           CallStore{c},
		Figures:         FiguresStore{c},
		Directory:       DirectoryStore{c},
		Accounts:        AccountStore{c},
		Choices:         ChoiceStore{c},
		Joins:           JoinStore{c},
		Grants:          GrantStore{c},
		AppTokens:       AppTokenStore{c},
		Tickets:         TicketStore{c},
		Files:           FileStore{c},
		Exports:         ExportStore{c},
		Reconciliations: ReconciliationStore{c},
		Leases:          LeaseStore{c},
		Audit:           AuditStore{c},
		Alerts:          AlertStore{c},
		Notices:         NoticeStore{c},
		Refunds:         RefundStore{c},
		Reports:         ReportStore{c},
		Hooks:           HookStore{c},
		HookEvents:      HookEventStore{c},
	}
}

// Open connects. It does not migrate, but finds out that the database was written
// with none of the keys ([ErrWrongKey]).
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = newID
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func(d time.Duration) time.Duration { return d/2 + mathrand.N(d/2+1) }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	keys, err := newKeyring(cfg.Key, cfg.OldKeys)
	if err != nil {
		return nil, err
	}
	db := newDB(&core{cfg: cfg, keys: keys, time: &serverTime{}, apart: &ticks{}, commits: &commits{}})

	var dialect gorm.Dialector
	switch cfg.Driver {
	case SQLite:
		dialect, err = db.openSQLite()
	case MySQL:
		dialect, err = db.openMySQL()
	default:
		err = fmt.Errorf("models: unknown database driver %q (want %s or %s)", cfg.Driver, SQLite, MySQL)
	}
	if err != nil {
		return nil, err
	}
	if err := db.connect(ctx, dialect); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) connect(ctx context.Context, dialect gorm.Dialector) error {
	// GORM's dialects ask without a context, so see first that somebody answers.
	err := db.again(ctx, "connect", func() error { return db.explain("connect", db.pool.PingContext(ctx), false) })
	if err != nil {
		return err
	}
	if db.budget != nil {
		if err := db.fit(ctx); err != nil {
			return err
		}
	}
	db.orm, err = gorm.Open(dialect, &gorm.Config{
		SkipDefaultTransaction: true, // one statement is one round trip
		DisableAutomaticPing:   true,
		TranslateError:         true,
		NowFunc:                db.now,
		Logger:                 slowLog{db.cfg.Log},
	})
	if err != nil {
		return db.explain("connect", err, false)
	}
	return db.checkKey(ctx)
}

// Conns is how many connections all work but [InboxStore.Accept] shares.
func (db *DB) Conns() int {
	if db.budget != nil {
		return db.budget.parts[0].size
	}
	return db.pool.Stats().MaxOpenConnections
}

// Driver is [SQLite] or [MySQL].
func (db *DB) Driver() string { return db.cfg.Driver }

// Close gives the connections back.
func (db *DB) Close() error {
	if db.accept != nil {
		db.accept.Close()
	}
	if db.reads != nil {
		db.reads.pool.Close()
	}
	return db.pool.Close()
}

// alive is the row of table meta that [DB.Ping] writes.
const alive = "alive"

// Ping finds out whether the database takes changes, by making one that nothing goes
// by: a server that has become read-only is no more use than one that is gone, nor is
// a full disk, nor a file that nobody will find again.
func (db *DB) Ping(ctx context.Context) error {
	written := rand.Text() // what is there already would not be written
	var hit int64
	err := db.write(ctx, "ping", func(g *gorm.DB) error {
		result := g.Exec("UPDATE meta SET value = ? WHERE name = ?", written, alive)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		err = db.write(ctx, "ping", func(g *gorm.DB) error {
			return g.Exec("INSERT INTO meta (name, value) VALUES (?, ?)", alive, written).Error
		})
	}
	if missingTable(err) || errors.Is(err, ErrDuplicate) { // before the first migration; another process was first
		return nil
	}
	return err
}

// Pulse is what [DB.Ping] has written last: where it changes, a process works with the
// database.
func (db *DB) Pulse(ctx context.Context) (string, error) {
	var values []string
	err := db.read(ctx, "pulse", func(g *gorm.DB) error {
		return g.Raw("SELECT value FROM meta WHERE name = ?", alive).Scan(&values).Error
	})
	if missingTable(err) || err == nil && len(values) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return values[0], nil
}

// CheckFoundRows finds out whether an UPDATE tells of the rows it found, and not only
// of those it changed, by which every compare-and-swap is judged. Something between us
// and the server may decide that for all its clients. The schema must be there.
func (db *DB) CheckFoundRows(ctx context.Context) error {
	err := db.swap(ctx, "check found rows", func(g *gorm.DB) *gorm.DB {
		return g.Exec("UPDATE meta SET value = value WHERE name = ?", metaKeyCheck)
	})
	if errors.Is(err, ErrStale) {
		return failed("check found rows", ErrChangedRows)
	}
	return err
}

// newID makes 32 characters [0-9a-z] from 160 random bits.
func newID() string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	var raw [32]byte
	rand.Read(raw[:]) // never fails
	for i, b := range raw {
		raw[i] = alphabet[b&31]
	}
	return string(raw[:])
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
