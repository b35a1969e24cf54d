package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"modernc.org/sqlite"
)

var (
	// ErrStale: the row was changed concurrently since it was read, or is not in a
	// state that allows this. Read it again.
	ErrStale = errors.New("stale: row changed concurrently")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrDuplicate: the row exists already.
	ErrDuplicate = errors.New("exists already")
	// ErrLive: another operation on the same account and code is live.
	ErrLive = errors.New("another operation on this code is live")
	// ErrInvalid: the row lacks what identifies it; a mistake of the caller.
	ErrInvalid = errors.New("invalid")
	// ErrSamePlatform: a store has one account in use on each platform.
	ErrSamePlatform = errors.New("both stores have an account on the same platform")
	// ErrTooLarge: a file is beyond [MaxFile].
	ErrTooLarge = errors.New("too large")

	// ErrUnavailable: the database cannot do this now: not reachable, read-only,
	// full, or too busy for too long. The same may work later.
	ErrUnavailable = errors.New("database unavailable")
	// ErrNoDatabase: there is no such file, and it was not to be created.
	ErrNoDatabase = errors.New("there is no database")
	// ErrCommitUnknown: the connection was lost after the change was sent and
	// before the database confirmed it. It may or may not have been made.
	ErrCommitUnknown = errors.New("outcome of the change is unknown")

	// ErrSchemaTooNew: a newer program has upgraded the schema.
	ErrSchemaTooNew = errors.New("database schema is newer than this program")
	// ErrSchemaTooOld: migrations are pending.
	ErrSchemaTooOld = errors.New("database schema is older than this program")
	// ErrChangedRows: something between us and the server counts changed rows only.
	ErrChangedRows = errors.New("an UPDATE does not tell of rows that it found and left as they are: turn on mysql-client_found_rows in ProxySQL, or what does the same")
	// ErrWrongKey: neither secret_key nor one of secret_keys sealed the rows.
	ErrWrongKey = errors.New("secret_key does not match this database")
	// ErrTampered: a sealed value was altered or moved to another row.
	ErrTampered = errors.New("sealed value was altered")
)

// dbError is a failed statement or transaction: what was tried, what that means
// and the driver's words.
type dbError struct {
	what      string
	kinds     []error
	transient bool // nothing was changed, and the same may succeed at once
	full      bool // nothing was sent, for there was no connection: one may come back
	err       error
}

func (e *dbError) Error() string {
	var b strings.Builder
	b.WriteString("models: " + e.what)
	for _, k := range e.kinds {
		b.WriteString(": " + k.Error())
	}
	if e.err != nil {
		b.WriteString(": " + e.err.Error())
	}
	return b.String()
}

func (e *dbError) Unwrap() []error {
	if e.err == nil {
		return e.kinds
	}
	return append(e.kinds[:len(e.kinds):len(e.kinds)], e.err)
}

// failed is the error of a refusal that is not the database's.
func failed(what string, kind error) error { return &dbError{what: what, kinds: []error{kind}} }

// fault says what is known about a driver's error.
type fault struct {
	kind      error // sentinel, or nil
	transient bool  // lost against another transaction: undone as a whole, to be tried again
	uncertain bool  // sent, but no answer came
}

// examine classifies a driver's error.
func examine(err error) fault {
	var onServer *mysql.MySQLError
	var inFile *sqlite.Error
	var netErr net.Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return fault{kind: ErrNotFound}
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fault{kind: ErrDuplicate}
	case errors.As(err, &onServer):
		return examineMySQL(onServer.Number)
	case errors.As(err, &inFile):
		return examineSQLite(inFile.Code())
	case errors.As(err, new(connectError)):
		return fault{kind: ErrUnavailable}
	case errors.Is(err, context.Canceled):
		return fault{uncertain: true}
	case errors.Is(err, context.DeadlineExceeded):
		return fault{kind: ErrUnavailable, uncertain: true}
	case err.Error() == "sql: database is closed": // database/sql does not export it; nothing was sent
		return fault{kind: ErrUnavailable}
	case errors.Is(err, driver.ErrBadConn): // by contract of database/sql: nothing was sent
		return fault{kind: ErrUnavailable}
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, mysql.ErrMalformPkt),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fault{kind: ErrUnavailable, uncertain: true}
	case errors.As(err, &netErr):
		return fault{kind: ErrUnavailable, uncertain: true}
	}
	return fault{}
}

// examineMySQL knows the numbers of MySQL, MariaDB and what speaks their protocol.
func examineMySQL(number uint16) fault {
	switch number {
	case 1213, // deadlock; Galera also says so when certification fails at commit
		1205,       // lock wait timeout
		1020,       // record has changed since last read (MariaDB, snapshot isolation)
		1614,       // XA deadlock
		3101,       // group replication rolled the transaction back
		3572,       // lock not available at once
		8002, 8022, // TiDB: the transaction may be retried
		8005, 9007, // TiDB: write conflict
		8028, // TiDB: schema changed meanwhile
		9004: // TiDB: locks not resolved in time
		return fault{transient: true}
	case 1062:
		return fault{kind: ErrDuplicate}
	case 1040, 1203, 1226, // too many connections
		1044, 1045, 1049, 1698, // account or database is not (any more) there
		1290, 1792, 1836, // read-only
		1021, 1026, 1030, 1114, // disk or table full, storage engine error
		1037, 1041, // out of memory
		1047,                               // Galera: node is not part of the cluster
		1053, 1077, 1078, 1079, 3169, 4031, // shutting down, session killed or idle for too long
		1158, 1159, 1160, 1161, // network
		1317, 1927, 1969, 3024, // killed, statement took too long
		3100, 3796, 3797, 3798, 3799, // group replication: no member to agree with
		8027, 9001, 9002, 9003, 9005, // TiDB: schema out of date, storage not reachable
		4013, 4023, 4036, 4038, 6002: // OceanBase: overloaded, not the leader, transaction ended
		return fault{kind: ErrUnavailable}
	case 1105, // Vitess, while a new primary is chosen; nothing says whether a change was made
		4012: // OceanBase: time-out, among them "transaction result is unknown"
		return fault{kind: ErrUnavailable, uncertain: true}
	}
	return fault{}
}

// examineSQLite knows the primary result codes (the low byte),
// https://www.sqlite.org/rescode.html.
func examineSQLite(code int) fault {
	switch code & 0xff {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return fault{transient: true}
	case 3, 7, 8, 10, 11, 13, 14, 15, 23, 26: // PERM, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, AUTH, NOTADB
		return fault{kind: ErrUnavailable}
	case 9: // SQLITE_INTERRUPT: the context ended; the statement is undone
		return fault{kind: ErrUnavailable}
	}
	return fault{}
}

// full reports whether the server admits no further connection.
func full(err error) bool {
	var onServer *mysql.MySQLError
	if !errors.As(err, new(connectError)) || !errors.As(err, &onServer) {
		return false
	}
	return onServer.Number == 1040 || onServer.Number == 1203 || onServer.Number == 1226
}

// readOnly reports whether the server refused a change because it does not take
// any: after a failover the pool is still connected to the former primary.
func readOnly(err error) bool {
	var onServer *mysql.MySQLError
	if !errors.As(err, &onServer) {
		return false
	}
	return onServer.Number == 1290 || onServer.Number == 1792 || onServer.Number == 1836
}

// interrupted reports whether the server stopped a statement, which is then undone.
func interrupted(err error) bool {
	var onServer *mysql.MySQLError
	return errors.As(err, &onServer) && onServer.Number == 1317
}

// forbidden reports whether the account lacks the right to do this.
func forbidden(err error) bool {
	var onServer *mysql.MySQLError
	return errors.As(err, &onServer) && (onServer.Number == 1044 || onServer.Number == 1142 || onServer.Number == 1227)
}

// missingTable reports whether a statement failed because the schema was never
// created.
func missingTable(err error) bool {
	var onServer *mysql.MySQLError
	if errors.As(err, &onServer) {
		return onServer.Number == 1146
	}
	var inFile *sqlite.Error
	return errors.As(err, &inFile) && strings.Contains(inFile.Error(), "no such table")
}

// isAny reports whether err matches one of the targets.
func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
