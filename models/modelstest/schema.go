package modelstest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
)

// emptyMySQL is what makes a database of the shared server a migrated one: to say it at
// once is quicker than to migrate each.
var emptyMySQL = sync.OnceValues(func() (schema string, err error) {
	server, err := theServer()
	if err != nil {
		return "", err
	}
	admin, err := sql.Open("mysql", server.FormatDSN())
	if err != nil {
		return "", err
	}
	defer admin.Close()
	own := server.Clone()
	if own.DBName, err = newDatabase(context.Background(), admin); err != nil {
		return "", err
	}
	schema, err = migratedSchema(context.Background(), own)
	_, dropped := admin.Exec("DROP DATABASE " + own.DBName)
	return schema, errors.Join(err, dropped)
})

// migratedSchema migrates an empty database and says what makes another like it.
func migratedSchema(ctx context.Context, at *mysql.Config) (string, error) {
	db, err := models.Open(ctx, models.Config{Driver: models.MySQL, DSN: at.FormatDSN(), Key: Key})
	if err != nil {
		return "", err
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		return "", err
	}
	pool, err := sql.Open("mysql", at.FormatDSN())
	if err != nil {
		return "", err
	}
	defer pool.Close()
	return dump(ctx, pool)
}

// counted is the part of a table that its rows have left behind.
var counted = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// dump is the statements that make a database with the same tables, and the migrations
// that have made them, whatever the order in which tables refer to one another.
func dump(ctx context.Context, pool *sql.DB) (string, error) {
	names, err := column(ctx, pool, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name")
	if err != nil {
		return "", err
	}
	parts := []string{"SET foreign_key_checks = 0"}
	for _, name := range names {
		var made string
		if err := pool.QueryRowContext(ctx, "SHOW CREATE TABLE "+name).Scan(&name, &made); err != nil {
			return "", err
		}
		parts = append(parts, counted.ReplaceAllString(made, ""))
	}
	records, err := column(ctx, pool, "SELECT CONCAT('(', version, ',', QUOTE(name), ',', done, ',', QUOTE(applied_at), ')') FROM schema_migrations ORDER BY version")
	if err != nil {
		return "", err
	}
	parts = append(parts, "INSERT INTO schema_migrations (version, name, done, applied_at) VALUES "+strings.Join(records, ","))
	return strings.Join(append(parts, "SET foreign_key_checks = 1"), ";\n"), nil
}

func column(ctx context.Context, pool *sql.DB, query string) (all []string, err error) {
	rows, err := pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// newDatabase makes an empty one and returns its name. It is latin1, so that every test
// shows that this does no harm.
func newDatabase(ctx context.Context, admin *sql.DB) (string, error) {
	name := "yanquan_test_" + strings.ToLower(rand.Text())
	_, err := admin.ExecContext(ctx, "CREATE DATABASE "+name+" CHARACTER SET latin1")
	return name, err
}

// MigratedMySQLDSN is the DSN of a fresh database whose tables are those of the newest
// migration. It holds no key, so that any may be its first.
func MigratedMySQLDSN(tb testing.TB) string {
	tb.Helper()
	dsn := MySQLDSN(tb)
	schema, err := emptyMySQL()
	if err == nil {
		err = execute(tb.Context(), dsn, schema)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return dsn
}

// execute runs several statements by one round trip.
func execute(ctx context.Context, dsn, statements string) error {
	at, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	at.MultiStatements = true
	connector, err := mysql.NewConnector(at)
	if err != nil {
		return err
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, statements); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	return nil
}
