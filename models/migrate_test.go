package models_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// bare runs a test on every kind of database before any migration.
func bare(t *testing.T, fn func(t *testing.T, driver, dsn string)) {
	t.Helper()
	t.Parallel()
	for driver, dsn := range map[string]func(testing.TB) string{models.SQLite: modelstest.SQLiteDSN, models.MySQL: modelstest.MySQLDSN} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			fn(t, driver, dsn(t))
		})
	}
}

// Statements are the same however the lines of a checkout end, and whatever their
// comments and texts contain.
func TestStatements(t *testing.T) {
	t.Parallel()
	text := "-- A; b; and it's c;\nCREATE TABLE a (x INT COMMENT 'one; two' -- three;\n);\n\nUPDATE a SET x = \"--;'\" ; ALTER TABLE b;\n-- end;\n"
	expect := []string{"-- A; b; and it's c;\nCREATE TABLE a (x INT COMMENT 'one; two' -- three;\n)", "UPDATE a SET x = \"--;'\"", "ALTER TABLE b"}
	same(t, models.Statements(text), expect)
	same(t, models.Statements(strings.ReplaceAll(text, "\n", "\r\n")), expect)
	same(t, models.Statements("\ufeff"+text), expect)
	same(t, len(models.Statements("SELECT 'open")), 1)
}

// A program built from a checkout whose lines end with CRLF migrates, too.
func TestMigrateFromCRLF(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		files := fstest.MapFS{}
		for _, name := range known(t, driver) {
			name = "migrations/" + driver + "/" + name + ".sql"
			text, err := fs.ReadFile(models.MigrationFiles, name)
			no(t, err)
			files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))}
		}
		db := modelstest.Open(t, driver, dsn)
		same(t, must(db.MigrateFS(t.Context(), files)), known(t, driver))
		no(t, db.CheckSchema(t.Context()))
		accept(t, db, "m1")
	})
}

// An account that may not change tables works on a schema that is up to date, and is
// told where it is not.
func TestMigrateWithoutPrivileges(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), modelstest.MySQLDSN(t)
	admin := modelstest.Open(t, models.MySQL, dsn)
	db := modelstest.Open(t, models.MySQL, account(t, admin, dsn, "SELECT, INSERT, UPDATE, DELETE", ""))
	_, err := db.Migrate(ctx)
	if err == nil || !strings.Contains(err.Error(), "yanquan migrate up") {
		t.Errorf("an account without CREATE is told: %v", err)
	}
	no(t, second(admin.Migrate(ctx)))
	same(t, len(must(db.Migrate(ctx))), 0)
	accept(t, db, "m1")
	_, err = db.MigrateFS(ctx, later(t, models.MySQL, "CREATE TABLE later (a INTEGER NOT NULL);\n"))
	if err == nil || !strings.Contains(err.Error(), "yanquan migrate up") {
		t.Errorf("an account without CREATE is told: %v", err)
	}
}

// Tables need no certain defaults of the server.
func TestMigrateWithOtherDefaults(t *testing.T) {
	t.Parallel()
	s := modelstest.NewServer(t)
	admin := modelstest.Open(t, models.MySQL, s.AdminDSN())
	for _, set := range []string{
		"innodb_default_row_format = compact", "default_storage_engine = MyISAM", "sql_mode = ''", "autocommit = 0", "character_set_server = latin1",
		"tx_isolation = 'SERIALIZABLE'", "sql_safe_updates = 1", "innodb_strict_mode = 0",
	} {
		_, err := admin.Pool().ExecContext(t.Context(), "SET GLOBAL "+set)
		no(t, err)
	}
	db := modelstest.Open(t, models.MySQL, s.DSN())
	no(t, second(db.Migrate(t.Context())))
	accept(t, db, "m1")
	same(t, must(modelstest.Open(t, models.MySQL, s.DSN()).Inbox.Get(t.Context(), "in-m1")).MessageID, "m1")
	done(t, db, intent("7992697494"))
	no(t, db.Ping(t.Context()))
}

// later is the real migrations and one more.
func later(t *testing.T, driver, more string) fs.FS {
	t.Helper()
	dir, names := "migrations/"+driver+"/", known(t, driver)
	files := fstest.MapFS{dir + fmt.Sprintf("%04d_later.sql", len(names)+1): {Data: []byte(more)}}
	for _, name := range names {
		text, err := fs.ReadFile(models.MigrationFiles, dir+name+".sql")
		no(t, err)
		files[dir+name+".sql"] = &fstest.MapFile{Data: text}
	}
	return files
}

// An upgrade that fails says the way back: SQLite keeps nothing of it, a server what was
// done, and either goes on when the cause is mended.
func TestFailedUpgradeSaysTheWayBack(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn)
		no(t, second(db.MigrateFS(ctx, former(t, driver, len(known(t, driver))))))
		_, err := db.MigrateFS(ctx, later(t, driver, "CREATE TABLE later (a INTEGER NOT NULL);\nALTER TABLE nowhere ADD COLUMN b INTEGER;\n"))
		way := map[string]string{models.SQLite: "nothing of it was kept", models.MySQL: "goes on where it stopped; the way back is the backup"}[driver]
		if err == nil || !strings.Contains(err.Error(), way) || !strings.Contains(err.Error(), "docs/operate.md#upgrade") || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("error: %v", err)
		}
		if driver == models.SQLite {
			no(t, db.CheckSchema(ctx)) // the former program runs
			accept(t, db, "m1")
		}
		no(t, second(db.MigrateFS(ctx, later(t, driver, "CREATE TABLE later (a INTEGER NOT NULL);\nCREATE TABLE more (a INTEGER NOT NULL);\n"))))
		err = db.CheckSchema(ctx)
		want(t, err, models.ErrSchemaTooNew)
		if !strings.Contains(err.Error(), "docs/operate.md#upgrade") {
			t.Errorf("error: %v", err)
		}
	})
}

// Every schema that there has been is upgraded.
func TestUpgradeFromEach(t *testing.T) {
	t.Parallel()
	for n := 1; n < len(known(t, models.SQLite)); n++ {
		db := modelstest.Open(t, models.SQLite, modelstest.SQLiteDSN(t))
		no(t, second(db.MigrateFS(t.Context(), former(t, models.SQLite, n))))
		same(t, must(db.Migrate(t.Context())), known(t, models.SQLite)[n:])
		no(t, db.CheckSchema(t.Context()))
		accept(t, db, "m1")
		no(t, db.Close())
	}
}

// former are the first migrations, as an earlier program knew them.
func former(t *testing.T, driver string, n int) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range known(t, driver)[:n] {
		name = "migrations/" + driver + "/" + name + ".sql"
		text, err := fs.ReadFile(models.MigrationFiles, name)
		no(t, err)
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

// known lists the real migrations.
func known(t *testing.T, driver string) []string {
	t.Helper()
	entries, err := fs.ReadDir(models.MigrationFiles, "migrations/"+driver)
	no(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".sql"))
	}
	return names
}

func TestMigrate(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn)
		no(t, db.Ping(ctx)) // reachable, if not ready
		want(t, db.CheckSchema(ctx), models.ErrSchemaTooOld)
		all := known(t, driver)
		same(t, must(db.MigrationStatus(ctx))[0], models.Migration{Version: 1, Name: "0001_init"})
		same(t, must(db.Migrate(ctx)), all)
		same(t, len(must(db.Migrate(ctx))), 0)
		no(t, db.CheckSchema(ctx))
		no(t, db.Ping(ctx))
		status := must(db.MigrationStatus(ctx))
		same(t, len(status), len(all))
		for _, m := range status {
			if m.AppliedAt.IsZero() || m.Interrupted || m.Unknown {
				t.Errorf("status: %+v", m)
			}
		}
		accept(t, db, "m1")
		again := modelstest.Open(t, driver, dsn)
		same(t, must(again.Inbox.Get(ctx, "in-m1")).MessageID, "m1")
	})
}

// A database of the release before has rows; they are all still there.
func TestUpgradeKeepsEverything(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn, modelstest.WithClock(modelstest.NewClock(noon)))
		same(t, len(must(db.MigrateFS(ctx, former(t, driver, 2)))), 2)
		// A store and an answer as the program of then wrote them, and what did not change.
		_, err := db.Pool().ExecContext(ctx, `INSERT INTO stores (platform, shop_id, name, origin, active)
			VALUES ('dianping', 'uuid-1', '人民广场店', 'config', 1)`)
		no(t, err)
		exec := func(q string, args ...any) {
			t.Helper()
			_, err := db.Pool().ExecContext(ctx, q, args...)
			no(t, err)
		}
		const then = "2026-11-23 04:00:00.123457"
		exec(`INSERT INTO operations (id, store_id, code, live_code, coupon_count, state, attempt, inbox_id, seq, channel, chat, user_id, user_name,
			deal_id, deal_group_id, order_id, title, price_fen, market_fen, mobile, created_at, called_at, consumed_at, undo_until, needs_human,
			outcome_reason, outcome_code, outcome_message, outcome_trace_id, used_by, other_id, undo_inbox_id, undo_user_id, undo_user_name, undo_reason, undo_message)
			VALUES ('op', 1, '7992697494', '7992697494', 1, 'done', 2, 'in-op', 0, 'app/main', 'wrChat', 'zhangsan', '张三',
			11, 12, 'order', '双人烤鱼🐟套餐', 4990, 9900, '138****0000', ?, ?, ?, ?, 0, '', '', '', '', '', '', '', '', '', '', '')`, then, then, then, then)
		exec(`INSERT INTO coupons (operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undo_reason)
			VALUES ('op', 1, '7992697494', 'order', 11, 12, 4990, '', '')`)
		exec(`INSERT INTO calls (operation_id, store_id, receipt_code, name, user_id, started_at, took_ns, class, outcome_reason, outcome_code, outcome_message, outcome_trace_id)
			VALUES ('op', 1, '7992697494', 'consume', 'zhangsan', ?, 1, '', '', '', '', '')`, then)
		accept(t, db, "m1")
		_, err = db.Pool().ExecContext(ctx, `INSERT INTO outbox (id, seq, conversation, channel, chat, user_id, inbox_id, operation_id,
			payload, form, state, attempt, reason, message_id, created_at)
			VALUES ('o1', 1, 'app/main/wr', 'app/main', '', 'zhangsan', 'in', '', X'01', 'card', 'sent', 1, '', 'm', '2026-11-23 04:00:00.000000')`)
		no(t, err)
		before := dump(t, db)

		same(t, must(db.Migrate(ctx)), known(t, driver)[2:])
		after := string(dump(t, db))
		for line := range strings.Lines(string(before)) {
			if !strings.Contains(after, line) {
				t.Errorf("lost in the upgrade: %s", line)
			}
		}
		want := intent("7992697494")
		want.ID, want.InboxID, want.OrderID, want.State, want.Attempt = "op", "in-op", "order", models.Done, 2
		want.DueAt, want.VoucherExpires = time.Time{}, time.Time{}
		want.CreatedAt, want.ConsumedAt, want.UndoUntil = noon, noon, noon
		stored(t, db, want)
		_, coupons, calls, _, err := db.History.Story(ctx, "7992697494")
		no(t, err)
		same(t, coupons, []models.Coupon{{OperationID: "op", Visit: 1, StoreID: 1, Code: "7992697494", OrderID: "order", DealID: 11, DealGroupID: 12, PriceFen: 4990}})
		same(t, calls[0].Times, 1)
		stores := must(db.Directory.Stores(ctx))
		same(t, names(stores), "人民广场店")
		same(t, stores[0].GrantID, "")
		no(t, db.Directory.Sync(ctx, twoStores()))
		same(t, must(db.Grants.Session(ctx, stores[0].ID)).AccessToken, "token-1")
		same(t, shopIDs(link(t, db, granted(t, db, "bid-1"), "uuid-1")), "uuid-1")
	})
}

func TestMigrateAtOnce(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		replicas := make([]*models.DB, 6)
		for i := range replicas {
			replicas[i] = modelstest.Open(t, driver, dsn)
		}
		var applied atomic.Int64
		for _, err := range race(len(replicas), func(i int) error {
			names, err := replicas[i].Migrate(t.Context())
			applied.Add(int64(len(names)))
			return err
		}) {
			no(t, err)
		}
		same(t, applied.Load(), int64(len(known(t, driver))))
	})
}

// A cluster that forbids named locks lets several migrate at once.
func TestMigrateAtOnceWithoutLock(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	replicas := make([]*models.DB, 6)
	for i := range replicas {
		replicas[i] = modelstest.Open(t, models.MySQL, dsn)
	}
	for _, err := range race(len(replicas), func(i int) error { return replicas[i].MigrateUnlocked(t.Context()) }) {
		no(t, err)
	}
	for _, db := range replicas {
		no(t, db.CheckSchema(t.Context()))
	}
	accept(t, replicas[0], "m1")
}

func TestNewerSchemaIsRefused(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		newer := modelstest.Open(t, driver, dsn)
		files := later(t, driver, "CREATE TABLE later (a INTEGER NOT NULL);\n")
		names := must(newer.MigrateFS(ctx, files))
		last := len(names) - 1

		db := modelstest.Open(t, driver, dsn) // the program from before
		_, err := db.Migrate(ctx)
		want(t, err, models.ErrSchemaTooNew)
		want(t, db.CheckSchema(ctx), models.ErrSchemaTooNew)
		status := must(db.MigrationStatus(ctx))
		same(t, len(status), len(names))
		same(t, status[last].Unknown, true)
		same(t, status[last].Name, names[last])
		same(t, must(newer.StatusFS(ctx, files))[last].Unknown, false)
	})
}

// A migration that fails half way goes on where it stopped, with what was
// mended.
func TestMigrationInterrupted(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn)
		const good = "ALTER TABLE stores ADD COLUMN extra INTEGER NULL;\nALTER TABLE stores ADD COLUMN more INTEGER NULL;\n"
		_, err := db.MigrateFS(ctx, later(t, driver, good+"ALTER TABLE nowhere ADD COLUMN x INTEGER NULL;\n"))
		if err == nil {
			t.Fatal("a migration of a table that is not there succeeded")
		}
		if driver == models.MySQL {
			status := must(db.StatusFS(ctx, later(t, driver, good)))
			last := status[len(status)-1]
			same(t, last.Interrupted, true)
			// As if the process had died between a statement and its record.
			_, err := db.Pool().ExecContext(ctx, "UPDATE schema_migrations SET done = 1 WHERE version = ?", last.Version)
			no(t, err)
		}
		_, err = db.MigrateFS(ctx, later(t, driver, good+"ALTER TABLE chats ADD COLUMN x INTEGER NULL;\n"))
		no(t, err)
		_, err = db.Pool().ExecContext(ctx, "UPDATE stores SET extra = 1, more = 2")
		no(t, err)
		_, err = db.Pool().ExecContext(ctx, "UPDATE chats SET x = 1")
		no(t, err)
	})
}

// The connection breaks at each table, before or after the server made it.
func TestMigrationLosesTheServer(t *testing.T) {
	t.Parallel()
	tables := []string{"schema_migrations", "meta", "stores", "sessions", "operations", "outbox", "grants", "audit"}
	for i, table := range tables {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			proxy, dsn := modelstest.NewProxy(t, modelstest.MySQLDSN(t))
			db := modelstest.Open(t, models.MySQL, dsn)
			cut := proxy.CutAfter
			if i%2 == 0 {
				cut = proxy.CutBefore
			}
			fired := cut(fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (", table))
			_, err := db.Migrate(t.Context())
			want(t, err, models.ErrUnavailable)
			<-fired
			no(t, second(db.Migrate(t.Context())))
			no(t, db.CheckSchema(t.Context()))
			accept(t, db, "m1")
		})
	}
}

// While another process migrates, this one waits.
func TestMigrationLock(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MySQLDSN(t)
	db := modelstest.Open(t, models.MySQL, dsn)
	cfg, err := mysql.ParseDSN(dsn)
	no(t, err)
	other, err := db.Pool().Conn(t.Context())
	no(t, err)
	_, err = other.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", models.MigrationLock(cfg.DBName))
	no(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = db.Migrate(ctx)
	want(t, err, context.DeadlineExceeded)
	_, err = other.ExecContext(t.Context(), "DO RELEASE_LOCK(?)", models.MigrationLock(cfg.DBName))
	no(t, err)
	no(t, other.Close())
	same(t, must(db.Migrate(t.Context())), known(t, models.MySQL))
}

func TestMigrateCancelled(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		db := modelstest.Open(t, driver, dsn)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := db.Migrate(ctx)
		want(t, err, context.Canceled)
		no(t, second(db.Migrate(t.Context())))
	})
}

func TestMigrationNumbers(t *testing.T) {
	t.Parallel()
	db := modelstest.Open(t, models.SQLite, modelstest.SQLiteDSN(t))
	for _, name := range []string{"0002_gap", "x_first"} {
		_, err := db.MigrateFS(t.Context(), fstest.MapFS{"migrations/sqlite/" + name + ".sql": {Data: []byte("SELECT 1;\n")}})
		if err == nil {
			t.Errorf("migration %s was accepted as the first", name)
		}
	}
}

// A cluster's node that gives way to another says that the statement was
// interrupted: it is run again.
func TestMigrateInterrupted(t *testing.T) {
	t.Parallel()
	for number, again := range map[uint16]bool{1317: true, 1064: false} {
		if got := models.Interrupted(fmt.Errorf("migration: %w", &mysql.MySQLError{Number: number})); got != again {
			t.Errorf("%d: %v", number, got)
		}
	}
}

// What was verified before prices that are not known were marked has no price where that
// is 0; since then a price of 0 is one. Kept items of reconciliations know only amounts.
func TestUpgradeOfPrices(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn, modelstest.WithClock(modelstest.NewClock(noon)))
		no(t, second(db.Migrate(ctx)))
		for i, c := range []struct {
			fen  int64
			sent bool
		}{{0, false}, {100, false}, {0, true}, {100, true}} {
			op := intent(fmt.Sprint("799269749", i))
			if op.PriceFen = c.fen; c.sent {
				op.SentAt = noon
			}
			op = begin(t, db, op)
			no(t, second(db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code, PriceFen: c.fen}})))
		}
		exec := func(q string) {
			t.Helper()
			_, err := db.Pool().ExecContext(ctx, q)
			no(t, err)
		}
		exec(`INSERT INTO reconciliation_items (store_id, day, seq, kind, code, operation_id, title, platform_fen, ours_fen, account, channel, refund_status)
			VALUES (1, '2026-11-22', 1, 'in_shop', '7', '', '', 100, 0, '', '', ''), (1, '2026-11-22', 2, 'in_shop', '8', '', '', 0, 0, '', '', '')`)
		// As it was before.
		for _, q := range []string{
			"ALTER TABLE operations DROP COLUMN price_share", "ALTER TABLE coupons DROP COLUMN price_share",
			"ALTER TABLE reconciliation_items DROP COLUMN price_known", "DELETE FROM schema_migrations WHERE name = '0019_prices'",
		} {
			exec(q)
		}
		same(t, must(db.Migrate(ctx)), []string{"0019_prices"})
		var unknown []bool
		for i := range 4 {
			op := must(db.Journal.Get(ctx, fmt.Sprint("op-799269749", i)))
			same(t, must(db.Journal.Coupons(ctx, op.ID))[0].PriceUnknown, op.PriceUnknown)
			unknown = append(unknown, op.PriceUnknown)
		}
		same(t, unknown, []bool{true, false, false, false})
		for i, fen := range []int64{100, 0} {
			item := must(db.Reconciliations.Items(ctx, 1, "2026-11-22"))[i]
			same(t, []any{item.PlatformFen, item.PriceKnown}, []any{fen, false})
		}
	})
}
