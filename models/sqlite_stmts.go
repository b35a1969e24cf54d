package models

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"strings"
)

// keptStatements is how many prepared statements a connection keeps: more than a busy
// day has texts, at 10 to 20 KB each.
const keptStatements = 200

// prepared are the statements that a connection keeps, by text: to parse and plan a short
// statement takes SQLite as long as to run it. One that is in use is not among them, so
// that the same text can run twice at once. A change of the schema makes SQLite prepare a
// statement anew by itself. database/sql uses a connection from one goroutine at a time.
type prepared struct {
	byText map[string]*list.Element
	recent *list.List // of *statement, the last used first
}

func newPrepared() *prepared {
	return &prepared{byText: map[string]*list.Element{}, recent: list.New()}
}

// statement is a prepared one.
type statement struct {
	text string
	sqliteStmt
}

// sqliteStmt is what is used of the driver's statements.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// isKept reports whether a text is worth being kept.
func isKept(text string) bool {
	for _, verb := range []string{"SELECT ", "INSERT ", "UPDATE ", "DELETE ", "SAVEPOINT ", "RELEASE ", "ROLLBACK TO "} {
		if strings.HasPrefix(text, verb) {
			return true
		}
	}
	return false
}

// take hands out a statement, which is the caller's until it is given back or closed.
func (s *prepared) take(ctx context.Context, conn sqliteConn, text string) (*statement, error) {
	if e := s.byText[text]; e != nil {
		delete(s.byText, text)
		return s.recent.Remove(e).(*statement), nil
	}
	made, err := conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	inner, ok := made.(sqliteStmt)
	if !ok {
		made.Close()
		return nil, errors.New("models: SQLite driver's statements lack methods")
	}
	return &statement{text, inner}, nil
}

// giveBack keeps a statement for the next time, in the place of the one that has not
// been used for longest. To close one that does not run cannot fail.
func (s *prepared) giveBack(st *statement) {
	if s.byText[st.text] != nil {
		_ = st.Close()
		return
	}
	s.byText[st.text] = s.recent.PushFront(st)
	if s.recent.Len() > keptStatements {
		oldest := s.recent.Remove(s.recent.Back()).(*statement)
		delete(s.byText, oldest.text)
		_ = oldest.Close()
	}
}

// close closes all that are kept.
func (s *prepared) close() {
	for e := s.recent.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*statement).Close()
	}
}

// ExecContext runs a statement that may have been prepared before.
func (c placed) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if !isKept(text) {
		return c.sqliteConn.ExecContext(ctx, text, args)
	}
	st, err := c.kept.take(ctx, c.sqliteConn, text)
	if err != nil {
		return nil, err
	}
	result, err := st.ExecContext(ctx, args)
	if err != nil {
		_ = st.Close()
		return nil, err
	}
	c.kept.giveBack(st)
	return result, nil
}

// QueryContext runs a statement that may have been prepared before. It is in use until
// its rows are closed.
func (c placed) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if !isKept(text) {
		return c.sqliteConn.QueryContext(ctx, text, args)
	}
	st, err := c.kept.take(ctx, c.sqliteConn, text)
	if err != nil {
		return nil, err
	}
	found, err := st.QueryContext(ctx, args)
	if err != nil {
		_ = st.Close()
		return nil, err
	}
	inner, ok := found.(sqliteRows)
	if !ok {
		return nil, errors.Join(errors.New("models: SQLite driver's rows lack methods"), found.Close(), st.Close())
	}
	return &rowsOf{inner, st, c.kept}, nil
}

// sqliteRows is what database/sql uses of the driver's rows.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// rowsOf are the rows of a statement that is given back with them.
type rowsOf struct {
	sqliteRows
	of *statement
	to *prepared
}

func (r *rowsOf) Close() error {
	if err := r.sqliteRows.Close(); err != nil {
		_ = r.of.Close()
		return err
	}
	r.to.giveBack(r.of)
	return nil
}
