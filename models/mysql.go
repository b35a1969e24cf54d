package models

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
)

// openMySQL makes the pools. It does not connect yet.
func (c *core) openMySQL() (gorm.Dialector, error) {
	settings, err := mysqlSettings(c.cfg.DSN, c.cfg.Log)
	if err != nil {
		return nil, err
	}
	c.budget = &budget{now: c.cfg.Now, warn: func() {
		c.cfg.Log.Warn("database: no more connections are admitted; work waits for those that come back; raise the account's limit, or lower database.connections")
	}}
	total := c.cfg.Conns
	if total == 0 {
		total = DefaultConns
	}
	for _, weight := range []int{workShare, acceptShare} {
		p := &part{weight: weight}
		connector, err := c.connector(settings, &p.opening)
		if err != nil {
			return nil, err
		}
		p.pool = c.cfg.open(connector)
		c.budget.add(p)
	}
	c.budget.resize(total)
	c.pool, c.accept = c.budget.parts[0].pool, c.budget.parts[1].pool
	return gormmysql.New(gormmysql.Config{Conn: c.pool, SkipInitializeWithVersion: true}), nil
}

// fit makes the parts smaller where the account or the server admits fewer. One is
// left for a migration or for "doctor".
func (db *DB) fit(ctx context.Context) error {
	var account, server int
	err := db.again(ctx, "limits", func() error {
		return db.explain("limits", db.pool.QueryRowContext(ctx, "SELECT @@max_user_connections, @@max_connections").Scan(&account, &server), false)
	})
	if errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		db.cfg.Log.DebugContext(ctx, "database: limits are not told", "error", err)
		return nil
	}
	admits := server
	if account > 0 && (account < server || server == 0) {
		admits = account
	}
	total := 0
	for _, p := range db.budget.parts {
		total += p.size
	}
	if admits > 0 && admits <= total {
		total = max(1, admits-1)
		db.budget.resize(total)
		db.cfg.Log.InfoContext(ctx, "database: fewer connections are admitted than configured", "admitted", admits, "used", total)
	}
	return nil
}

// mysqlSettings adds what the store relies on to an operator's DSN, whatever it
// says about that. Time-outs are only filled in.
func mysqlSettings(dsn string, log *slog.Logger) (*mysql.Config, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("models: database dsn: %w (want user:password@tcp(host:3306)/database)", err)
	}
	if c.DBName == "" {
		return nil, errors.New("models: database dsn names no database (want user:password@tcp(host:3306)/database)")
	}
	c.ParseTime = true
	c.Loc = time.UTC
	// Matched rows are counted, not changed ones: a compare-and-swap that writes
	// what is there already has won.
	c.ClientFoundRows = true
	c.MultiStatements = false
	c.AllowAllFiles = false
	c.AllowOldPasswords = false
	// One round trip for a statement instead of three (prepare, execute, close).
	// The driver escapes by the rules of utf8mb4, which is set right below.
	c.InterpolateParams = true
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, fmt.Errorf("models: database dsn: %w", err)
	}
	maps.DeleteFunc(c.Params, func(name, _ string) bool { return slices.Contains(ours, strings.ToLower(name)) }) // see preparations
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	// COMMIT obeys no context, only these.
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 10 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	c.Logger = driverLog{log}
	return c, nil
}

// required is the setting without which no change would last.
const required = "autocommit = 1"

// ours are the variables of a session that are not the operator's.
var ours = []string{"autocommit", "time_zone", "sql_mode", "innodb_lock_wait_timeout", "lock_wait_timeout", "wsrep_sync_wait", "group_replication_consistency",
	"tx_isolation", "transaction_isolation"}

// preparations are what a session relies on. They are made one by one and not while
// connecting, because not every server that speaks the protocol knows each of them, and
// one that is not known would refuse the connection.
var preparations = []string{
	required,
	"time_zone = '+00:00'",
	// TRADITIONAL in full, which fewer servers know: what does not fit is an error.
	"sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
	"innodb_lock_wait_timeout = 5",
	// Nodes of a cluster see each other's commits a while later. What one has said to
	// WeCom, the next may be asked about at once: reads (1) and changes (2) wait until
	// their node has caught up, in Galera and in Group Replication.
	"wsrep_sync_wait = 3",
	"group_replication_consistency = 'BEFORE'",
}

// isolation: a transaction that lost a race sees who won, and takes fewer locks.
const isolation = "TRANSACTION ISOLATION LEVEL READ COMMITTED"

// connector prepares each new connection.
type connector struct {
	driver.Connector
	settings []string // of the session
	opening  *atomic.Int64
	budget   *budget
	log      *slog.Logger
	taken    atomic.Pointer[[]string] // the statements that the server takes
}

func (c *core) connector(settings *mysql.Config, opening *atomic.Int64, more ...string) (driver.Connector, error) {
	inner, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, fmt.Errorf("models: database dsn: %w", err)
	}
	return &connector{Connector: inner, settings: append(slices.Clone(preparations), more...), opening: opening, budget: c.budget, log: c.cfg.Log}, nil
}

// Connect makes the preparations.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	c.opening.Add(1)
	conn, err := c.connect(ctx)
	c.opening.Add(-1)
	if err != nil {
		err = connectError{err}
	}
	if full(err) {
		c.budget.refused()
	}
	return conn, err
}

func (c *connector) connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// prepare finds out with the first connection what the server takes; for those that
// follow that is two round trips.
func (c *connector) prepare(ctx context.Context, conn driver.Conn) error {
	if taken := c.taken.Load(); taken != nil {
		err := exec(ctx, conn, *taken, "SET SESSION ")
		if !forgiven(err) { // a server of another kind has taken its place
			return err
		}
	}
	var settings, taken []string
	for _, s := range append(slices.Clone(c.settings), isolation) {
		err := exec(ctx, conn, []string{s}, "SET SESSION ")
		switch {
		case err == nil && s == isolation:
			taken = append(taken, s)
		case err == nil:
			settings = append(settings, s)
		case s == required || !forgiven(err):
			return err
		default:
			c.log.Info("database: the server goes without a setting", "setting", s, "error", err)
		}
	}
	taken = append(taken, strings.Join(settings, ", "))
	c.taken.Store(&taken)
	return nil
}

// forgiven reports whether a server refused a setting because it does not know it or
// does not let everybody change it.
func forgiven(err error) bool {
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Number {
	case 1193, // unknown variable
		1231,                   // not with this value
		1227,                   // a privilege is needed
		1228, 1229, 1235, 1238: // not for a session, or not at all
		return true
	}
	return false
}

// connectError is a failure before there was a connection: no statement was
// sent, whatever the error looks like.
type connectError struct{ error }

func (e connectError) Unwrap() error { return e.error }

// driverLog takes the driver's remarks on lost connections, which come back as
// errors too.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) { l.log.Debug("database: driver: " + fmt.Sprint(v...)) }
