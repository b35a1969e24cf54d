package models_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// refusing refuses statements that contain one of the words.
func refusing(number uint16, text string, words ...string) func(string) *mysql.MySQLError {
	return func(statement string) *mysql.MySQLError {
		for _, w := range words {
			if strings.Contains(statement, w) {
				return modelstest.Refusal(number, text)
			}
		}
		return nil
	}
}

// An engine that does not know what a session relies on is worked with all the same,
// and a line for each tells.
func TestEnginesWithoutVariables(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(string) *mysql.MySQLError{
		"OceanBase, unknown":          refusing(1193, "Unknown system variable", "innodb_lock_wait_timeout", "lock_wait_timeout", "wsrep_sync_wait", "group_replication_consistency", "GET_LOCK"),
		"OceanBase, mode":             refusing(1231, "Variable 'sql_mode' can't be set to the value of", "sql_mode"),
		"a plain account":             refusing(1227, "Access denied; you need SUPER", "group_replication_consistency", "TRANSACTION ISOLATION"),
		"TiDB before 6.1":             refusing(1235, "function GET_LOCK has only noop implementation", "GET_LOCK", "wsrep_sync_wait"),
		"no limits":                   refusing(1193, "Unknown system variable", "max_user_connections", "time_zone"),
		"Percona XtraDB, strict mode": refusing(1105, "Percona-XtraDB-Cluster prohibits use of GET_LOCK", "GET_LOCK"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lines
			dsn := modelstest.NewEngine(t, modelstest.MySQLDSN(t), modelstest.Engine{Refuse: refuse})
			db := modelstest.Open(t, models.MySQL, dsn, func(cfg *models.Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			no(t, second(db.Migrate(t.Context())))
			no(t, db.CheckFoundRows(t.Context()))
			for _, err := range crowd(t, db, "a", 8) {
				no(t, err)
			}
			if strings.HasPrefix(name, "OceanBase") && !strings.Contains(log.text(), "goes without a setting") {
				t.Errorf("nobody is told:\n%s", log.text())
			}
		})
	}
}

// Without autocommit nothing would last: there is no connection then.
func TestEngineWithoutAutocommit(t *testing.T) {
	t.Parallel()
	dsn := modelstest.NewEngine(t, modelstest.MySQLDSN(t), modelstest.Engine{Refuse: refusing(1193, "Unknown system variable", "autocommit")})
	_, err := models.Open(t.Context(), models.Config{Driver: models.MySQL, DSN: dsn, Key: modelstest.Key})
	if err == nil || !strings.Contains(err.Error(), "Unknown system variable") {
		t.Errorf("opened: %v", err)
	}
}

// A server that takes other settings than the one before it, behind the same address, is
// worked with as well.
func TestEngineReplacedByAnother(t *testing.T) {
	t.Parallel()
	var other atomic.Bool
	refuse := refusing(1193, "Unknown system variable", "innodb_lock_wait_timeout")
	dsn := modelstest.NewEngine(t, modelstest.MySQLDSN(t), modelstest.Engine{Refuse: func(statement string) *mysql.MySQLError {
		if other.Load() {
			return refuse(statement)
		}
		return nil
	}})
	db := modelstest.Open(t, models.MySQL, dsn)
	no(t, second(db.Migrate(t.Context())))
	other.Store(true)
	for _, err := range crowd(t, db, "a", 20) {
		no(t, err)
	}
}

// What other engines say to a change means what it means there.
func TestEnginesErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refusal *mysql.MySQLError
		done    bool // the change was made
		certain bool
		again   bool // is tried again by itself
	}{
		"TiDB, write conflict":               {refusal: modelstest.Refusal(8005, "Write Conflict, txnStartTS is stale"), again: true},
		"TiDB, locks":                        {refusal: modelstest.Refusal(9004, "Resolve lock timeout"), again: true},
		"TiDB, schema":                       {refusal: modelstest.Refusal(8027, "Information schema is out of date"), certain: true},
		"Group Replication, consistency":     {refusal: modelstest.Refusal(3797, "Error while waiting for group transactions commit"), certain: true},
		"Group Replication, hook":            {refusal: modelstest.Refusal(3100, "Error on observer while running replication hook 'before_commit'"), certain: true},
		"Vitess, new primary, not made":      {refusal: modelstest.Refusal(1105, "target: ks.0.primary: primary is not serving, there is a reparent operation in progress")},
		"Vitess, new primary, made":          {refusal: modelstest.Refusal(1105, "vttablet: rpc error: code = Unavailable"), done: true},
		"OceanBase, unknown, made":           {refusal: modelstest.Refusal(4012, "Transaction result is unknown"), done: true},
		"OceanBase, not the leader":          {refusal: modelstest.Refusal(4038, "The observer or zone is not the master"), certain: true},
		"OceanBase, transaction rolled back": {refusal: modelstest.Refusal(6002, "transaction needs rollback"), certain: true},
		"MySQL, idle for too long":           {refusal: modelstest.Refusal(4031, "The client was disconnected by the server because of inactivity"), certain: true},
		"MariaDB, a limit on all statements": {refusal: modelstest.Refusal(1969, "Query execution was interrupted (max_statement_time exceeded)"), certain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			var once sync.Once
			dsn := modelstest.NewEngine(t, modelstest.MySQLDSN(t), modelstest.Engine{Done: c.done, Refuse: func(statement string) (refusal *mysql.MySQLError) {
				if strings.HasPrefix(statement, "INSERT INTO inbox") {
					once.Do(func() { refusal = c.refusal })
				}
				return refusal
			}})
			db := modelstest.Open(t, models.MySQL, dsn, func(cfg *models.Config) { cfg.Sleep = noSleep })
			no(t, second(db.Migrate(ctx)))
			_, _, err := db.Inbox.Accept(ctx, message("m1"))
			switch {
			case c.again:
				no(t, err)
				return
			case c.certain:
				certain(t, err)
			default:
				want(t, err, models.ErrUnavailable)
				want(t, err, models.ErrCommitUnknown)
			}
			_, fresh, err := db.Inbox.Accept(ctx, message("m1"))
			no(t, err)
			same(t, fresh, !c.done)
		})
	}
}

// Whatever stands between us and the server, and counts changed rows only, is found out.
func TestChangedRowsOnly(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	straight := modelstest.Open(t, models.MySQL, dsn)
	no(t, second(straight.Migrate(t.Context())))
	no(t, straight.CheckFoundRows(t.Context()))
	db := modelstest.Open(t, models.MySQL, modelstest.NewEngine(t, dsn, modelstest.Engine{ChangedRows: true}))
	want(t, db.CheckFoundRows(t.Context()), models.ErrChangedRows)
	if err := db.CheckFoundRows(t.Context()); errors.Is(err, models.ErrStale) {
		t.Error("it is not a lost race:", err)
	}
	no(t, modelstest.SQLite(t).CheckFoundRows(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, db.CheckFoundRows(ctx), context.Canceled)
}

// lines is a log that several may write.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
