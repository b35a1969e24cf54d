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
			if f.Type.Kind() != reflect.String || f.Name == "Payments" {
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
		models.Store{}, models.Member{}, models.Inbox{}, models.Operation{}, models.Coupon{}, models.Call{}, models.Outgoing{},
	} {
		check(row.TableName(), "", reflect.TypeOf(row))
	}
}

// No statement of the daily work reads a whole table.
func TestStatementsUseIndices(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	ctx := t.Context()
	op := done(t, db, intent("7992697494"))
	in := accept(t, db, "m1")
	no(t, db.Enqueue(ctx, outgoing("o", "app/main/wr")))
	o := must(db.DueOutgoing(ctx, time.Now(), 1))[0]

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
		func() error { return second(db.MessageByReceipt(ctx, "app/main", "m1")) },
		func() error { return second(db.DueMessages(ctx, noon, 10)) },
		func() error { return second(db.PurgeInbox(ctx, noon, 10)) },
		func() error { return second(db.Answer(ctx, in, nil, true)) },
		func() error { return second(db.DueOperations(ctx, noon, 10)) },
		func() error { return second(db.OperationsOfMessage(ctx, "in")) },
		func() error { return second(db.OperationsUndoneBy(ctx, "in")) },
		func() error { return second(db.LiveOperation(ctx, 1, op.Code)) },
		func() error { return second(db.OperationByCoupon(ctx, 1, op.Code)) },
		func() error { return second(db.LastUndoable(ctx, []int64{1}, "zhangsan", op.CalledAt)) },
		func() error { return second(db.Recent(ctx, []int64{1, 2}, 10)) },
		func() error { return second(db.Totals(ctx, []int64{1, 2}, "", noon, noon)) },
		func() error { return second(db.Totals(ctx, []int64{1, 2}, "zhangsan", noon, noon)) },
		func() error { return second(db.Coupons(ctx, op.ID)) },
		func() error { _, _, _, _, err := db.Story(ctx, op.Code); return err },
		func() error { return second(db.DueOutgoing(ctx, noon, 10)) },
		func() error { return second(db.ClaimOutgoing(ctx, o, noon)) },
		func() error { return db.Enqueue(ctx, outgoing("o2", "app/main/wr")) },
		func() error { return second(db.OutgoingObsolete(ctx, "in")) },
		func() error { return second(db.FinishUndo(ctx, undoing(t, db, op), nil)) },
		func() error { return second(db.Memberships(ctx, "zhangsan")) },
		func() error { return second(db.StoresOfChat(ctx, "wr")) },
	} {
		no(t, call())
	}
	if len(seen) < 25 {
		t.Fatalf("only saw %d statements", len(seen))
	}
	scan := regexp.MustCompile(`SCAN (inbox|operations|coupons|calls|outbox|earlier|members|chats)\b`)
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
