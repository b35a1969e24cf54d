package models_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

var newKey, strangeKey = bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)

// keys opens a database with these keys, the first one sealing.
func keys(current []byte, old ...[]byte) modelstest.Option {
	return func(cfg *models.Config) {
		cfg.Key, cfg.OldKeys = current, old
		modelstest.WithClock(modelstest.NewClock(noon))(cfg)
	}
}

// refused checks that a database is not opened with these keys.
func refused(t *testing.T, driver, dsn string, current []byte, old ...[]byte) {
	t.Helper()
	cfg := models.Config{Driver: driver, DSN: dsn}
	keys(current, old...)(&cfg)
	_, err := models.Open(t.Context(), cfg)
	want(t, err, models.ErrWrongKey)
}

func TestKeyRotation(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		before := modelstest.Open(t, driver, dsn, keys(modelstest.Key))
		no(t, second(before.Migrate(ctx)))
		no(t, before.Directory.Sync(ctx, twoStores()))
		declared := must(before.Directory.Stores(ctx))[0].ID
		g := granted(t, before, "bid-1")
		store := link(t, before, g, "uuid-9")[0].ID
		no(t, before.Tickets.Save(ctx, "s3cret", ticket()))
		no(t, before.Outbox.Enqueue(ctx, outgoing("o1", "app/main/wr")))
		op := intent("7992697494")
		op.Ticket = "verify token"
		begin(t, before, op)
		const messages = 250 // more than one batch
		for i := range messages {
			in := accept(t, before, fmt.Sprint("m", i))
			if i%2 == 0 {
				no(t, second(before.Inbox.Answer(ctx, in, []byte("reply"), true)))
			}
		}
		readable := func(db *models.DB) {
			t.Helper()
			kept(t, db, g)
			same(t, must(db.Grants.Session(ctx, store)).AccessToken, "access-bid-1")
			same(t, must(db.Grants.Session(ctx, declared)).AccessToken, "token-1")
			same(t, must(db.Journal.Ticket(must(db.Journal.Get(ctx, op.ID)))), "verify token")
			same(t, string(must(db.Inbox.Get(ctx, "in-m0")).Reply), "reply")
			same(t, len(must(db.Inbox.Due(ctx, noon.AddDate(0, 0, 1), 1000, nil))), messages/2+1)
			same(t, len(must(db.Outbox.Due(ctx, noon.AddDate(0, 0, 1), 10, nil, time.Time{}))), 1)
		}

		refused(t, driver, dsn, newKey)
		refused(t, driver, dsn, newKey, strangeKey)
		db := modelstest.Open(t, driver, dsn, keys(newKey, strangeKey, modelstest.Key))
		readable(db)
		modelstest.Open(t, driver, dsn, keys(modelstest.Key)) // to look changes nothing
		no(t, second(db.Migrate(ctx)))
		refused(t, driver, dsn, modelstest.Key)
		no(t, second(db.Tickets.Use(ctx, "link", "s3cret"))) // made with the old key

		// A replica that has the keys the other way round reads everything too.
		accept(t, db, "young")
		behind := modelstest.Open(t, driver, dsn, keys(modelstest.Key, newKey))
		no(t, second(behind.Inbox.Answer(ctx, must(behind.Inbox.Get(ctx, "in-young")), nil, true)))

		// payloads, and that of the operation's message, replies, outgoing, declared
		// tokens, the grant's pair, the ticket; and what the replica answered.
		values := messages + 1 + messages/2 + 1 + 2 + 2 + 1 + 1
		counts := make([]int, 2)
		for _, err := range race(2, func(i int) (err error) {
			counts[i], err = db.Reseal(ctx)
			return err
		}) {
			no(t, err)
		}
		same(t, counts[0]+counts[1], values) // each by one of the two
		same(t, must(db.Reseal(ctx)), 0)

		after := modelstest.Open(t, driver, dsn, keys(newKey))
		readable(after)
		same(t, must(after.Inbox.Get(ctx, "in-young")).Final, true)
		same(t, must(after.Reseal(ctx)), 0)
		no(t, after.Directory.Sync(ctx, twoStores()))
		same(t, must(after.Grants.Session(ctx, declared)).AccessToken, "token-1")
		_, err := before.Grants.Get(ctx, g.ID) // the program with the old key, still running
		want(t, err, models.ErrWrongKey)
		want(t, second(before.Reseal(ctx)), models.ErrWrongKey)
	})
}

// What cannot be opened stays as it is, and does not hold up the others.
func TestResealLeavesTheDamaged(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		before := modelstest.Open(t, driver, dsn, keys(modelstest.Key))
		no(t, second(before.Migrate(ctx)))
		for i := range 3 {
			accept(t, before, fmt.Sprint("m", i))
		}
		other := raw(t, before, "SELECT payload FROM inbox WHERE id = 'in-m0'")
		_, err := before.Pool().ExecContext(ctx, "UPDATE inbox SET payload = ? WHERE id = 'in-m1'", other)
		no(t, err)
		db := modelstest.Open(t, driver, dsn, keys(newKey, modelstest.Key))
		same(t, must(db.Reseal(ctx)), 2)
		same(t, raw(t, db, "SELECT payload FROM inbox WHERE id = 'in-m1'"), other)
	})
}

func TestOldKeysAreChecked(t *testing.T) {
	t.Parallel()
	_, err := models.Open(t.Context(), models.Config{
		Driver: models.SQLite, DSN: modelstest.SQLiteDSN(t), Key: newKey, OldKeys: [][]byte{strangeKey, []byte("short")},
	})
	if err == nil || !strings.Contains(err.Error(), "secret_keys: key 2 has 5 bytes") {
		t.Error(err)
	}
}
