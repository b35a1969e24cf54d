package models_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// raw reads one column of one row as it lies in the database.
func raw(t *testing.T, db *models.DB, query string, args ...any) []byte {
	t.Helper()
	var v []byte
	no(t, db.Pool().QueryRowContext(t.Context(), query, args...).Scan(&v))
	return v
}

func TestSecretsAreSealed(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1")
		_, err := db.Inbox.Answer(ctx, in, []byte("secret reply"), true)
		no(t, err)
		no(t, db.Outbox.Enqueue(ctx, outgoing("o1", "app/main/wr")))
		no(t, db.Directory.Sync(ctx, twoStores()))
		for _, c := range []struct{ plain, query string }{
			{string(in.Payload), "SELECT payload FROM inbox"},
			{"secret reply", "SELECT reply FROM inbox"},
			{"核销成功🎉 o1", "SELECT payload FROM outbox"},
			{"token-1", "SELECT access_token FROM sessions ORDER BY store_id"},
			{"token-1", "SELECT declared FROM sessions ORDER BY store_id"},
		} {
			v := raw(t, db, c.query)
			if len(v) < 32 || bytes.Contains(v, []byte(c.plain)) {
				t.Errorf("%s: not sealed: %q", c.query, v)
			}
		}
	})
}

// dump is every value of every table, as bytes.
func dump(t *testing.T, db *models.DB) []byte {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if db.Driver() == models.MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	var all bytes.Buffer
	tables, err := db.Pool().QueryContext(t.Context(), query)
	no(t, err)
	var names []string
	for tables.Next() {
		var name string
		no(t, tables.Scan(&name))
		names = append(names, name)
	}
	no(t, tables.Err())
	for _, table := range names {
		rows, err := db.Pool().QueryContext(t.Context(), "SELECT * FROM "+table)
		no(t, err)
		columns, err := rows.Columns()
		no(t, err)
		values := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			no(t, rows.Scan(into...))
			for i, v := range values {
				fmt.Fprintf(&all, "%s.%s=%s\n", table, columns[i], v)
			}
		}
		no(t, rows.Err())
		no(t, rows.Close())
	}
	return all.Bytes()
}

// No token, message or ticket is to be found in a dump of the database.
func TestDumpHoldsNoSecrets(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1")
		no(t, second(db.Inbox.Answer(ctx, in, []byte("secret reply"), true)))
		no(t, db.Outbox.Enqueue(ctx, outgoing("o1", "app/main/wr")))
		no(t, db.Directory.Sync(ctx, twoStores()))
		g := granted(t, db, "bid-1")
		link(t, db, g, "uuid-1")
		no(t, db.Tickets.Save(ctx, "s3cret", ticket()))
		op := intent("7992697494")
		op.Ticket = "verify token"
		op = begin(t, db, op)
		same(t, must(db.Journal.Ticket(op)), "verify token")
		same(t, must(db.Journal.Ticket(must(db.Journal.Get(ctx, op.ID)))), "verify token")
		check := func(secrets ...string) {
			t.Helper()
			all := dump(t, db)
			for _, known := range []string{"inbox.id=in-m1\n", "grants.id=" + g.ID, "tickets.user_id=boss", "sessions.declared="} {
				if !bytes.Contains(all, []byte(known)) {
					t.Fatalf("the dump lacks %q", known)
				}
			}
			for _, s := range secrets {
				for _, form := range []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))} {
					if bytes.Contains(bytes.ToLower(all), bytes.ToLower([]byte(form))) {
						t.Errorf("the dump holds %q", form)
					}
				}
			}
		}
		check(string(in.Payload), "secret reply", "核销成功🎉 o1", "token-1", "token-2", g.AccessToken, g.RefreshToken, "s3cret", "verify token")
		op = must(db.Journal.DoubtConsume(ctx, op))
		same(t, must(db.Journal.Ticket(op)), "verify token")
		op = must(db.Journal.RejectConsume(ctx, op))
		same(t, op.Ticket+must(db.Journal.Get(ctx, op.ID)).Ticket, "") // it has served
		next := must(db.Grants.MarkRenewed(ctx, renewed(g, "2")))
		no(t, second(db.Tickets.Use(ctx, "link", "s3cret")))
		check(next.AccessToken, next.RefreshToken, "s3cret")
	})
}

// A sealed value opens in its place only.
func TestSealedValuesCannotBeMoved(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		one, two := accept(t, db, "m1"), accept(t, db, "m2")
		_, err := db.Inbox.Answer(ctx, one, []byte("reply"), true)
		no(t, err)
		exec := func(q string, args ...any) {
			_, err := db.Pool().ExecContext(ctx, q, args...)
			no(t, err)
		}
		payload := raw(t, db, "SELECT payload FROM inbox WHERE id = ?", one.ID)
		exec("UPDATE inbox SET payload = ? WHERE id = ?", payload, two.ID) // another row
		_, err = db.Inbox.Get(ctx, two.ID)
		want(t, err, models.ErrTampered)
		exec("UPDATE inbox SET reply = ? WHERE id = ?", payload, one.ID) // another column
		_, err = db.Inbox.Get(ctx, one.ID)
		want(t, err, models.ErrTampered)

		// One that cannot be read does not hold up the others.
		three := accept(t, db, "m3")
		exec("UPDATE inbox SET due_at = received_at, final = ?", false)
		same(t, len(must(db.Inbox.Due(ctx, noon.AddDate(0, 0, 1), 1, nil))), 1)
		var aside int
		no(t, db.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM inbox WHERE due_at IS NULL").Scan(&aside))
		same(t, aside, 2)
		exec("UPDATE inbox SET payload = X'01FFFFFFFF00', due_at = received_at WHERE id <> ?", three.ID) // sealed by a newer program
		same(t, len(must(db.Inbox.Due(ctx, noon.AddDate(0, 0, 1), 1, nil))), 1)
		no(t, db.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM inbox WHERE due_at IS NULL").Scan(&aside))
		same(t, aside, 0)
		for _, bad := range [][]byte{{}, {1}, {2, 0, 0, 0, 0, 0}, payload[:20], append(bytes.Clone(payload), 0)} {
			exec("UPDATE inbox SET payload = ? WHERE id = ?", bad, three.ID)
			_, err := db.Inbox.Get(ctx, three.ID)
			want(t, err, models.ErrTampered)
		}
		payload[1] ^= 1 // the key's id
		exec("UPDATE inbox SET payload = ? WHERE id = ?", payload, three.ID)
		_, err = db.Inbox.Get(ctx, three.ID)
		want(t, err, models.ErrWrongKey)
	})
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	for driver, dsn := range map[string]func(testing.TB) string{models.SQLite: modelstest.SQLiteDSN, models.MySQL: modelstest.MySQLDSN} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			cfg := models.Config{Driver: driver, DSN: dsn(t), Key: bytes.Repeat([]byte{1}, 32)}
			early, err := models.Open(t.Context(), cfg) // before there is anything to compare with
			no(t, err)
			defer early.Close()
			db := modelstest.Open(t, driver, cfg.DSN)
			no(t, second(db.Migrate(t.Context())))
			_, err = models.Open(t.Context(), cfg)
			want(t, err, models.ErrWrongKey)
			_, err = early.Migrate(t.Context())
			want(t, err, models.ErrWrongKey)
			no(t, second(db.Migrate(t.Context())))
		})
	}
	for _, key := range [][]byte{nil, make([]byte, 16), make([]byte, 33)} {
		_, err := models.Open(t.Context(), models.Config{Driver: models.SQLite, DSN: modelstest.SQLiteDSN(t), Key: key})
		if err == nil || !strings.Contains(err.Error(), "32") {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}
}

// What ends up in logs.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	for _, cfg := range []models.Config{
		{Driver: models.MySQL, DSN: "root:hunter2@tcp(127.0.0.1:1)/yanquan"},
		{Driver: models.MySQL, DSN: "root:hunter2@tcp(127.0.0.1:1)/"},
		{Driver: models.MySQL, DSN: "root:hunter2@tcp(127.0.0.1:1/yanquan"},
		{Driver: models.MySQL, DSN: "root:hunter2@tcp(127.0.0.1:1)/yanquan?tls=nosuch"},
		{Driver: "postgres", DSN: "root:hunter2@tcp(127.0.0.1:1)/yanquan"},
	} {
		cfg.Key, cfg.Sleep = modelstest.Key, noSleep
		_, err := models.Open(t.Context(), cfg)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString(cfg.Key)) {
			t.Errorf("%s: %v", cfg.DSN, err)
		}
	}
}
