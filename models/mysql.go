package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
)

const (
	mysqlConns  = 32 // three processes stay, with acceptConns, below the 151 that servers admit by default
	acceptConns = 4  // each stores all that wait for it; at 200 messages a second enough for commits of 100 ms
	// ConnsPerProcess is how many connections a process opens at most.
	ConnsPerProcess = mysqlConns + acceptConns

	unknownVariable = 1193

	mysqlLifetime = 3 * time.Minute // below the idle time-outs of servers and load balancers; finds a new primary
)

// openMySQL makes the pool. It does not connect yet.
func openMySQL(cfg Config, conns int) (*sql.DB, gorm.Dialector, error) {
	settings, err := mysqlSettings(cfg.DSN, cfg.Log)
	if err != nil {
		return nil, nil, err
	}
	c, err := mysqlConnector(settings)
	if err != nil {
		return nil, nil, err
	}
	pool := cfg.open(c)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(mysqlLifetime)
	return pool, gormmysql.New(gormmysql.Config{Conn: pool, SkipInitializeWithVersion: true}), nil
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
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	c.Params["time_zone"] = "'+00:00'"
	c.Params["sql_mode"] = "'TRADITIONAL'" // strict: what does not fit is an error
	c.Params["innodb_lock_wait_timeout"] = "5"
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

func mysqlConnector(c *mysql.Config) (driver.Connector, error) {
	inner, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("models: database dsn: %w", err)
	}
	return connector{inner}, nil
}

// connector prepares each new connection.
type connector struct{ driver.Connector }

// preparations are statements of their own, because not every server knows the
// variables by the same name, or at all.
var preparations = []string{
	// A transaction that lost a race sees who won, and takes fewer locks.
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	// Galera's nodes see each other's commits a while later. What one has said to
	// WeCom, the next may be asked about at once: reads (1) and changes (2) wait until
	// their node has caught up.
	"SET SESSION wsrep_sync_wait = 3",
}

// Connect makes the preparations.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, connectError{err}
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		conn.Close()
		return nil, errors.New("models: MySQL driver without ExecContext")
	}
	for _, statement := range preparations {
		_, err := execer.ExecContext(ctx, statement, nil)
		if refusal := (*mysql.MySQLError)(nil); errors.As(err, &refusal) && refusal.Number == unknownVariable {
			continue // not a server that replicates this way
		}
		if err != nil {
			conn.Close()
			return nil, connectError{err}
		}
	}
	return conn, nil
}

// connectError is a failure before there was a connection: no statement was
// sent, whatever the error looks like.
type connectError struct{ error }

func (e connectError) Unwrap() error { return e.error }

// dropIdle closes the idle connections, so that the next statement looks for the
// server anew.
func (c *core) dropIdle() {
	if c.cfg.Driver == MySQL {
		c.pool.SetMaxIdleConns(0)
		c.pool.SetMaxIdleConns(mysqlConns)
		c.accept.SetMaxIdleConns(0)
		c.accept.SetMaxIdleConns(acceptConns)
	}
}

// driverLog takes the driver's remarks on lost connections, which come back as
// errors too.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) { l.log.Debug("database: driver: " + fmt.Sprint(v...)) }
