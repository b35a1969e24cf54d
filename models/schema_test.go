package models_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm/schema"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Both dialects have the same tables, columns and NULLs.
func TestSchemasAreEqual(t *testing.T) {
	t.Parallel()
	list := func(db *models.DB, query string) string {
		rows, err := db.Pool().QueryContext(t.Context(), query)
		no(t, err)
		defer rows.Close()
		var all []string
		for rows.Next() {
			var table, column string
			var nullable bool
			no(t, rows.Scan(&table, &column, &nullable))
			all = append(all, fmt.Sprintf("%s.%s null=%v", table, column, nullable))
		}
		no(t, rows.Err())
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	lite := list(modelstest.SQLite(t), `SELECT m.name, c.name, c."notnull" = 0 AND c.pk = 0 FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
	my := list(modelstest.MySQL(t), `SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = DATABASE()`)
	if len(lite) < 1000 {
		t.Errorf("only found\n%s", lite)
	}
	same(t, my, lite)
}

// The test databases are created as latin1.
func TestTablesAreUTF8(t *testing.T) {
	t.Parallel()
	db := modelstest.MySQL(t)
	rows, err := db.Pool().QueryContext(t.Context(), `SELECT CONCAT(table_name, '.', column_name), collation_name
		FROM information_schema.columns WHERE table_schema = DATABASE() AND collation_name IS NOT NULL`)
	no(t, err)
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var column, collation string
		no(t, rows.Scan(&column, &collation))
		if collation != "utf8mb4_bin" {
			t.Errorf("%s has collation %s", column, collation)
		}
	}
	no(t, rows.Err())
	if n < 50 {
		t.Errorf("only %d text columns", n)
	}
}

// Text is cut to the "size" of its field; its column must have that much room.
func TestSizesFitTheColumns(t *testing.T) {
	t.Parallel()
	db := modelstest.MySQL(t)
	names := schema.NamingStrategy{}
	var check func(table, prefix string, typ reflect.Type)
	check = func(table, prefix string, typ reflect.Type) {
		for f := range typ.Fields() {
			tags := schema.ParseTagSetting(f.Tag.Get("gorm"), ";")
			if f.Type == reflect.TypeFor[models.Outcome]() {
				check(table, tags["EMBEDDEDPREFIX"], f.Type)
			}
			if _, elsewhere := tags["-"]; elsewhere || f.Type.Kind() != reflect.String || f.Name == "Payments" {
				continue
			}
			column := prefix + names.ColumnName("", f.Name)
			if c, ok := tags["COLUMN"]; ok {
				column = prefix + c
			}
			size, _ := strconv.Atoi(tags["SIZE"])
			var room int
			err := db.Pool().QueryRowContext(t.Context(), `SELECT character_maximum_length FROM information_schema.columns
				WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?`, table, column).Scan(&room)
			if err != nil || size != room {
				t.Errorf("%s.%s: size %d, room %d, %v", table, column, size, room, err)
			}
		}
	}
	for _, row := range []interface{ TableName() string }{
		models.Account{}, models.Member{}, models.Inbox{}, models.Operation{}, models.Coupon{}, models.Call{}, models.Outgoing{},
		models.Grant{}, models.Join{}, models.Ticket{}, models.AuditEntry{}, models.Reconciliation{}, models.ReconciliationItem{}, models.File{}, models.Export{}, models.Lease{}, models.Refund{},
		models.Hook{}, models.HookEvent{}, models.HookDelivery{},
	} {
		check(row.TableName(), "", reflect.TypeOf(row))
	}
}

// No statement of the daily work reads a whole table. Each is sent to a server, too, where
// [modelstest.Open] looks at how it is spelled.
func TestStatementsUseIndices(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, statementsUseIndices)
}

func statementsUseIndices(t *testing.T, db *models.DB) {
	ctx := t.Context()
	op := done(t, db, intent("7992697494"))
	in := accept(t, db, "m1")
	no(t, db.Outbox.Enqueue(ctx, outgoing("o", "app/main/wr")))
	o := must(db.Outbox.Due(ctx, time.Now(), 1, nil, time.Time{}))[0]
	g := granted(t, db, "bid-1")
	store := link(t, db, g, "a")[0].ID
	no(t, db.Tickets.Save(ctx, "s3cret", ticket()))
	j, _, err := db.Joins.Ask(ctx, joinOf("zhangsan", "张三"))
	no(t, err)

	type statement struct {
		sql  string
		args []any
	}
	var seen []statement
	db.Watch(func(sql string, args []any) {
		// Values hide behind GORM's serializers; for the plan any will do.
		seen = append(seen, statement{sql, make([]any, len(args))})
	})
	for _, call := range []func() error{
		func() error { _, _, err := db.Inbox.Accept(ctx, message("m1")); return err }, // a repeat
		func() error { return second(db.Inbox.Due(ctx, noon, 10, nil)) },
		func() error {
			return second(db.Inbox.Due(ctx, noon, 10, []models.Sender{{Channel: "app/main", User: "zhangsan"}}))
		},
		func() error { return second(db.Journal.Due(ctx, models.Of{Without: []int64{1}}, noon, 10)) },
		func() error { return second(db.Backlog(ctx, noon, 10)) },
		func() error { return second(db.Inbox.Purge(ctx, noon, 10)) },
		func() error { return second(db.Outbox.Purge(ctx, noon, 10)) },
		func() error { return second(db.Calls.Purge(ctx, noon, 10)) },
		func() error { return db.Inbox.Unanswered(ctx, in) },
		func() error { return second(db.Inbox.Answer(ctx, in, nil, true)) },
		func() error { return db.Inbox.Touch(ctx, in.ID) },
		func() error { return second(db.Journal.Due(ctx, models.Of{}, noon, 10)) },
		func() error { return second(db.Journal.Due(ctx, models.Of{Platform: "meituan"}, noon, 10)) },
		func() error { return second(db.Journal.OfMessage(ctx, "in")) },
		func() error { return second(db.Journal.UndoneBy(ctx, "in")) },
		func() error { return second(db.Journal.Ask(ctx, "douyin", "order", time.Minute)) },
		func() error { return second(db.Refunds.Of(ctx, op.ID)) },
		func() error { return second(db.Refunds.Between(ctx, []int64{1, 2}, noon, noon)) },
		func() error { return second(db.Journal.Live(ctx, 1, op.Code)) },
		func() error { return second(db.Journal.ByCouponIn(ctx, []int64{1, 2}, op.Code)) },
		func() error { return second(db.Journal.StandingIn(ctx, []int64{1, 2}, op.Code)) },
		func() error { return second(db.Journal.LastUndoable(ctx, []int64{1}, "zhangsan", op.CalledAt)) },
		func() error { return second(db.Figures.Tallies(ctx, []int64{1, 2}, "", noon, noon)) },
		func() error { return second(db.Figures.Tallies(ctx, []int64{1, 2}, "zhangsan", noon, noon)) },
		func() error { return second(db.Journal.Coupons(ctx, op.ID)) },
		func() error { _, _, _, _, err := db.History.Story(ctx, op.Code); return err },
		func() error { return second(db.Outbox.Due(ctx, noon, 10, nil, time.Time{})) },
		func() error {
			return second(db.Outbox.Due(ctx, noon, 10, []string{"socket/group"}, noon.Add(-time.Hour)))
		},
		func() error { return second(db.Outbox.AnswersTo(ctx, "in")) },
		func() error { return second(db.Outbox.Claim(ctx, o, noon)) },
		func() error { return db.Outbox.Enqueue(ctx, outgoing("o2", "app/main/wr")) },
		func() error {
			_, _, err := db.Outbox.EnqueueClaimed(ctx, outgoing("o3", "app/main/claimed"), noon, 25)
			return err
		},
		func() error { return second(db.Outbox.SentBack(ctx, "app/main/wr", 25, noon)) },
		func() error { return second(db.Outbox.QueuedAnswersTo(ctx, "in")) },
		func() error { return second(db.Outbox.Obsolete(ctx, "in")) },
		func() error { return second(db.Outbox.TakePassive(ctx, "in", noon, noon)) },
		func() error { return second(db.Outbox.MarkPassive(ctx, "in")) },
		func() error { return second(db.Cards.Due(ctx, noon, 10)) },
		func() error { return db.Cards.Repoint(ctx, "o", "app/main", "zhangsan", "op", noon) },
		func() error { return db.Cards.MarkChanged(ctx, "o", "code") },
		func() error { return second(db.Cards.RefreshVerified(ctx, noon.Add(-time.Hour), 10)) },
		func() error { return second(db.Journal.FinishUndo(ctx, undoing(t, db, op), nil)) },
		func() error { return second(db.Directory.Memberships(ctx, "zhangsan")) },
		func() error { return second(db.Directory.StoresOfChat(ctx, "wr")) },
		func() error { return second(db.Directory.Store(ctx, store)) },
		func() error { return second(db.Directory.Members(ctx, store)) },
		func() error { return second(db.Directory.Places(ctx, models.PlaceFilter{User: "zhangsan"})) },
		func() error {
			return second(db.Directory.Places(ctx, models.PlaceFilter{User: "zhangsan", Chat: "wr"}))
		},
		func() error {
			return second(db.Directory.Places(ctx, models.PlaceFilter{User: "zhangsan", From: noon.Add(-time.Hour), To: noon}))
		},
		func() error {
			_, _, err := db.Directory.PlacesFor(ctx, models.PlaceFilter{User: "zhangsan"}, models.Errand{Code: op.Code, Reason: "not_found", Since: noon})
			return err
		},
		func() error {
			_, _, err := db.Directory.PlacesFor(ctx, models.PlaceFilter{User: "zhangsan", Chat: "wr"}, models.Errand{Code: op.Code, Reason: "not_found", Since: noon})
			return err
		},
		func() error { return second(db.Grants.Session(ctx, store)) },
		func() error { return second(db.Grants.OfAccount(ctx, store)) },
		func() error { return second(db.Grants.Due(ctx, noon, 10)) },
		func() error { return second(db.Grants.Save(ctx, consent("bid-1"))) },
		func() error { return second(db.Grants.Claim(ctx, must(db.Grants.Get(ctx, g.ID)), noon)) },
		func() error { return second(db.Grants.MarkRenewed(ctx, must(db.Grants.Get(ctx, g.ID)))) },
		func() error { return second(db.Grants.End(ctx, must(db.Grants.Get(ctx, g.ID)), "withdrawn")) },
		func() error { return db.Directory.BindChat(ctx, store, "wr") },
		func() error { return second(db.Directory.UnbindChat(ctx, store, "wr")) },
		func() error { return second(db.Directory.ChatsOfStore(ctx, store)) },
		func() error {
			return db.Directory.SetMember(ctx, models.Member{StoreID: store, UserID: "a", Role: models.RoleStaff})
		},
		func() error { return second(db.Directory.RemoveMember(ctx, store, "a")) },
		func() error { return db.Choices.Set(ctx, "zhangsan", "wr", store, time.Now().Add(time.Hour)) },
		func() error { return second(db.Choices.Get(ctx, "zhangsan", "wr")) },
		func() (err error) { j, _, err = db.Joins.Ask(ctx, joinOf("zhangsan", "张三丰")); return err },
		func() error { return second(db.Joins.Decide(ctx, j.ID, true, "boss")) },
		func() error {
			_, err := db.Tickets.Use(ctx, "link", "s3cret")
			want(t, err, models.ErrStale)
			return nil
		},
		func() error { return second(db.Tickets.Purge(ctx, noon, 10)) },
		func() error { return second(db.Notices.Record(ctx, "meituan", "n1")) },
		func() error { return second(db.Notices.Purge(ctx, noon, 10)) },
		func() error { return db.Audit.Record(ctx, models.AuditEntry{Action: "bind"}) },
		func() error { return second(db.Audit.List(ctx, models.AuditFilter{From: noon, Limit: 10})) },
		func() error {
			return second(db.Audit.List(ctx, models.AuditFilter{StoreID: 1, From: noon, To: noon, Limit: 10}))
		},
		func() error { return second(db.Calls.Of(ctx, op.ID, "verify")) },
		func() error { return second(db.Calls.UnknownCodes(ctx, "zhangsan", "not_found", noon)) },
		func() error { return second(db.Alerts.Claim(ctx, "open/1", time.Hour)) },
		func() error { return second(db.Alerts.Told(ctx, "open/1")) },
		func() error { return second(db.Alerts.Purge(ctx, noon, 10)) },
		func() error { return second(db.Alerts.ConsumedBetween(ctx, noon.Add(-time.Hour), noon)) },
		func() error { return second(db.Alerts.StoresConsuming(ctx, noon.Add(-time.Hour), noon)) },
		func() error { return second(db.Alerts.UndoneOrders(ctx, noon.Add(-time.Hour), 2)) },
		func() error { return second(db.Alerts.PhoneCoupons(ctx, noon.Add(-time.Hour), 2)) },
		func() error { return second(db.Alerts.UndoneBy(ctx, noon.Add(-time.Hour))) },
		func() error { return second(db.Alerts.Doubtful(ctx)) },
		func() error { return second(db.Alerts.Held(ctx)) },
		func() error { return second(db.Alerts.FailedCalls(ctx, noon.Add(-time.Hour), []string{"unavailable"})) },
		func() error {
			return second(db.HookEvents.Add(ctx, event("x1", "voucher"), []string{"a", "b"}, noon.Add(time.Hour)))
		},
		func() error { return second(db.HookEvents.Due(ctx, "a", time.Now(), 10)) },
		func() error { return second(db.HookEvents.LastDays(ctx, "day.closed", "2026-11-22")) },
		func() error { return second(db.HookEvents.Replay(ctx, "a", []string{"redeemed"}, noon, noon)) },
		func() error { return db.HookEvents.Hasten(ctx, "a") },
		func() error { return second(db.HookEvents.GiveUp(ctx, "a", "gone")) },
		func() error { return second(db.HookEvents.Expire(ctx, "a", "expired", db.Now())) },
		func() error { return second(db.HookEvents.Purge(ctx, noon, 10)) },
		func() error { return db.Hooks.Sync(ctx, []models.Hook{{Name: "a"}}) },
		func() error { return second(db.Hooks.Backlogs(ctx)) },
		func() error { return second(db.Reports.Claim(ctx, "boss", "day", "2026-11-22", noon, &models.Told{})) },
		func() error { return second(db.Reports.Recipients(ctx, "day", "2026-11-22")) },
		func() error {
			days := must(db.Reports.Days(ctx, "boss", "2026-11-01", "2026-11-30"))
			return db.Reports.Correct(ctx, "boss", days[0], noon, models.Told{UpTo: noon})
		},
		func() error { return db.Reports.Purge(ctx, "boss", "2026-11-22") },
		func() error { return second(db.Figures.ChangedSince(ctx, []int64{1, 2}, noon)) },
		func() error {
			return second(db.Figures.UndoneSince(ctx, []int64{store}, models.Span{From: noon, To: noon.Add(time.Hour)}, noon))
		},
		func() error {
			return second(db.Figures.Sum(ctx, []int64{1, 2}, models.Span{From: noon, To: noon, Kind: "month"}))
		},
		func() error {
			s := models.Span{From: noon.AddDate(0, -1, 0), To: noon.Add(-models.KeepAfter), Kind: "month"}
			no(t, db.Figures.Keep(ctx, must(db.Figures.Missing(ctx, []int64{store}, s)), s))
			return db.Figures.Purge(ctx, s)
		},
		func() error { plan(t, db, store, "2026-11-22", noon); return nil },
		func() error { return second(db.Reconciliations.LastDays(ctx, "2026-11-15")) },
		func() error { return second(db.Reconciliations.Due(ctx, noon, 10)) },
		func() error { return second(db.Reconciliations.List(ctx, []int64{1, 2}, "2026-11-15", "2026-11-22")) },
		func() error { return second(db.Reconciliations.Items(ctx, store, "2026-11-22")) },
		func() error { _, _, err := db.History.OfOrder(ctx, "order", "7992697494"); return err },
		func() error { return second(db.History.Entries(ctx, 1, noon, noon)) },
		func() error { return second(db.History.Undecided(ctx, 1, noon, noon)) },
		func() error { return second(db.History.OfSeveral(ctx, 1, noon, "codes_missing")) },
		func() error {
			r := must(db.Reconciliations.Claim(ctx, must(db.Reconciliations.Get(ctx, store, "2026-11-22")), noon))
			r = must(db.Reconciliations.Retry(ctx, r, "unavailable", noon))
			r = must(db.Reconciliations.Claim(ctx, r, noon))
			return second(db.Reconciliations.Finish(ctx, r, []models.ReconciliationItem{{Kind: "in_shop", Code: op.Code}}))
		},
		func() error {
			_, _, _, err := db.History.Vouchers(ctx, models.VoucherPage{StoreID: 1, From: noon.Add(-time.Hour), To: noon.Add(time.Hour)}, 10)
			return err
		},
		func() error { return second(db.History.CountConsumed(ctx, 1, noon, noon, 10)) },
		func() error { return second(db.Exports.Begin(ctx, models.Export{InboxID: "in", UserID: "sunba"})) },
		func() error { return second(db.Exports.Due(ctx, noon, 10)) },
		func() error { return second(db.QueuesDue(ctx, noon)) },
		func() error { return second(db.Exports.Purge(ctx, noon, 10)) },
		func() error {
			f := aFile("f")
			f.ExpiresAt = time.Now().Add(time.Hour) // this store lives by the real clock
			return second(db.Files.Open(ctx, write(t, db, f, []byte("content")).ID))
		},
		func() error { return second(db.Files.Purge(ctx, noon, 10)) },
		func() error {
			l := must(db.Leases.Acquire(ctx, "socket/group", "one", 0))
			return db.Leases.Release(ctx, must(db.Leases.Renew(ctx, must(db.Leases.Acquire(ctx, l.Name, "two", time.Hour)), time.Hour)))
		},
	} {
		no(t, call())
	}
	if len(seen) < 60 {
		t.Fatalf("only saw %d statements", len(seen))
	}
	if db.Driver() != models.SQLite {
		return // its plans depend on what is in the tables
	}
	scan := regexp.MustCompile(`SCAN (inbox|operations|coupons|calls|outbox|earlier|members|chats|stores|sessions|grants|choices|join_requests|tickets|notices|audit|reconciliations|reconciliation_items|files|file_pieces|exports|alerts|reports|leases|app_tokens|period_figures|refunds|hook_events|hook_deliveries)\b`)
	for _, s := range seen {
		rows, err := db.Pool().QueryContext(ctx, "EXPLAIN QUERY PLAN "+s.sql, s.args...)
		if err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			no(t, rows.Scan(&id, &parent, &unused, &step))
			if scan.MatchString(step) {
				t.Errorf("%s\n\t%s", s.sql, step)
			}
		}
		no(t, rows.Err())
		rows.Close()
	}
}
