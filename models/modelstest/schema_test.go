package modelstest_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// A database that is made at once has what the migrations make, one after the other.
func TestMadeAtOnceIsMigrated(t *testing.T) {
	t.Parallel()
	for driver, dsn := range map[string][2]func(testing.TB) string{
		models.SQLite: {modelstest.SQLiteDSN, modelstest.MigratedSQLiteDSN},
		models.MySQL:  {modelstest.MySQLDSN, modelstest.MigratedMySQLDSN},
	} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			step, once := dsn[0](t), dsn[1](t)
			applied, err := modelstest.Open(t, driver, step).Migrate(t.Context())
			if err != nil || len(applied) < 17 {
				t.Fatalf("%d migrations, %v", len(applied), err)
			}
			if applied, err := modelstest.Open(t, driver, once).Migrate(t.Context()); err != nil || len(applied) > 0 {
				t.Fatalf("%d migrations are left, %v", len(applied), err)
			}
			want := contents(t, driver, step)
			if diff := cmp.Diff(want, contents(t, driver, once)); diff != "" {
				t.Errorf("(-one after the other +at once):\n%s", diff)
			}
			if len(want) < 20 {
				t.Errorf("only %d tables", len(want))
			}
		})
	}
}

// contents are the definitions of all tables and indices with the rows that they hold,
// but for moments.
func contents(t *testing.T, driver, dsn string) map[string]string {
	t.Helper()
	pool, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	all := map[string]string{}
	list := "SELECT name, sql, type = 'table' FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
	if driver == models.MySQL {
		list = "SELECT table_name, '', 1 FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	rows, err := pool.QueryContext(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]bool{}
	for rows.Next() {
		var name, made string
		var table bool
		if err := rows.Scan(&name, &made, &table); err != nil {
			t.Fatal(err)
		}
		all[name], tables[name] = made, table
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	for name, table := range tables {
		if driver == models.MySQL {
			var made string
			if err := pool.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+name).Scan(&name, &made); err != nil {
				t.Fatal(err)
			}
			all[name] = made
		}
		if table {
			all[name] += "\n" + held(t, pool, name)
		}
	}
	return all
}

// held are the rows of a table, but for when a migration was applied.
func held(t *testing.T, pool *sql.DB, table string) string {
	t.Helper()
	what := "*"
	if table == "schema_migrations" {
		what = "version, name, done, applied_at IS NOT NULL"
	}
	rows, err := pool.QueryContext(t.Context(), "SELECT "+what+" FROM "+table+" ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}
