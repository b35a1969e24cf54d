package models_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// The same text runs while its rows are still read, each with its own arguments.
func TestSQLiteStatementTwiceAtOnce(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	tx, err := db.Pool().BeginTx(t.Context(), nil)
	no(t, err)
	defer tx.Rollback()
	const text = "SELECT value FROM (SELECT 1 AS value UNION SELECT 2 UNION SELECT 3) WHERE value >= ? ORDER BY value"
	for range 2 {
		outer, err := tx.QueryContext(t.Context(), text, 1)
		no(t, err)
		var seen []string
		for outer.Next() {
			var a, b int
			no(t, outer.Scan(&a))
			if err := tx.QueryRowContext(t.Context(), text, a+1).Scan(&b); err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
			seen = append(seen, fmt.Sprint(a, b))
		}
		no(t, outer.Err())
		same(t, seen, []string{"1 2", "2 3", "3 0"})
	}
}

// A connection keeps the statements used last, and no more than it may.
func TestSQLiteStatementsBounded(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	kept := func() int {
		n, err := db.Prepared(t.Context())
		no(t, err)
		return n
	}
	before := kept()
	for range 3 {
		_, err := db.Pool().ExecContext(t.Context(), "UPDATE meta SET value = ? WHERE name = ?", "x", "nothing")
		no(t, err)
	}
	same(t, kept(), before+1)
	for i := range models.KeptStatements + 50 {
		var n int
		no(t, db.Pool().QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d WHERE 1 = ?", i), 1).Scan(&n))
		same(t, n, i)
	}
	same(t, kept(), models.KeptStatements)
}

// Another process has changed the schema, or a statement has failed: the next one is
// right.
func TestSQLiteStatementPreparedAnew(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "yanquan.db")
	db, other := modelstest.Open(t, models.SQLite, file), modelstest.Open(t, models.SQLite, file)
	exec := func(db *models.DB, text string, args ...any) error {
		_, err := db.Pool().ExecContext(t.Context(), text, args...)
		return err
	}
	no(t, exec(db, "CREATE TABLE kinds (id INTEGER PRIMARY KEY)"))
	columns := func() []string {
		rows, err := db.Pool().QueryContext(t.Context(), "SELECT * FROM kinds")
		no(t, err)
		defer rows.Close()
		names, err := rows.Columns()
		no(t, err)
		return names
	}
	same(t, columns(), []string{"id"})
	no(t, exec(other, "ALTER TABLE kinds ADD COLUMN name TEXT"))
	same(t, columns(), []string{"id", "name"})

	const insert = "INSERT INTO kinds (id, name) VALUES (?, ?)"
	no(t, exec(db, insert, 1, "first"))
	if exec(db, insert, 1, "again") == nil {
		t.Fatal("two rows with one key")
	}
	no(t, exec(db, insert, 2, "second"))
}
