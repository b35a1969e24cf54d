package models_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// past makes stores 1 to n with operations of several people, states and phones in
// them, often at the same moment.
func past(t *testing.T, db *models.DB, clock *modelstest.Clock, stores, n int) []models.Operation {
	t.Helper()
	ctx, random := t.Context(), rand.New(rand.NewPCG(5, 22))
	for i := range stores {
		_, err := db.Pool().ExecContext(ctx, "INSERT INTO stores (platform, shop_id, name, origin, active) VALUES ('dianping', ?, ?, 'config', 1)", fmt.Sprint("shop", i), fmt.Sprint(i, "号店"))
		no(t, err)
	}
	var all []models.Operation
	for i := range n {
		if random.IntN(3) > 0 {
			clock.Advance(time.Duration(random.IntN(3600)) * time.Second)
		}
		op := intent(fmt.Sprint(79920000 + i*7919%n))
		op.StoreID = 1 + random.Int64N(int64(stores))
		op.UserID, op.Mobile, op.CalledAt = fmt.Sprint("user", random.IntN(4)), fmt.Sprintf("138****%04d", random.IntN(6)), clock.Now()
		op = begin(t, db, op)
		var err error
		switch random.IntN(4) {
		case 0:
			op, err = db.Journal.RejectConsume(ctx, op)
		case 1:
			op, err = db.Journal.DoubtConsume(ctx, op)
		default:
			op, err = db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: op.Code}, {Code: "c" + op.Code}})
		}
		no(t, err)
		all = append(all, op)
	}
	slices.SortFunc(all, func(a, b models.Operation) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID))
	})
	return all
}

// Pages of any size, one after another, are exactly what passes the filter, newest
// first, each once.
func TestHistory(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		all := past(t, db, clock, 12, 240)
		every := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1}
		from, to := all[180].CreatedAt, all[40].CreatedAt
		chosen := all[17]
		for name, tt := range map[string]struct {
			filter models.HistoryFilter
			pass   func(models.Operation) bool
		}{
			"all":      {models.HistoryFilter{StoreIDs: every}, func(models.Operation) bool { return true }},
			"one":      {models.HistoryFilter{StoreIDs: []int64{3}}, func(o models.Operation) bool { return o.StoreID == 3 }},
			"some":     {models.HistoryFilter{StoreIDs: []int64{3, 9}}, func(o models.Operation) bool { return o.StoreID == 3 || o.StoreID == 9 }},
			"none":     {models.HistoryFilter{StoreIDs: []int64{77}}, func(models.Operation) bool { return false }},
			"nowhere":  {models.HistoryFilter{}, func(models.Operation) bool { return false }},
			"a person": {models.HistoryFilter{StoreIDs: every, UserID: "USER2"}, func(o models.Operation) bool { return o.UserID == "user2" }},
			"states": {models.HistoryFilter{StoreIDs: every, States: []models.State{models.Unknown, models.Rejected}},
				func(o models.Operation) bool { return o.State == models.Unknown || o.State == models.Rejected }},
			"a phone":      {models.HistoryFilter{StoreIDs: every, Phone: "0004"}, func(o models.Operation) bool { return strings.HasSuffix(o.Mobile, "0004") }},
			"no wildcards": {models.HistoryFilter{StoreIDs: every, Phone: "%4"}, func(models.Operation) bool { return false }},
			"no blanks":    {models.HistoryFilter{StoreIDs: every, Phone: "000_"}, func(models.Operation) bool { return false }},
			"a time": {models.HistoryFilter{StoreIDs: every, From: from, To: to},
				func(o models.Operation) bool { return !o.CreatedAt.Before(from) && o.CreatedAt.Before(to) }},
			"a code": {models.HistoryFilter{StoreIDs: every, Code: chosen.Code}, func(o models.Operation) bool { return o.ID == chosen.ID }},
			"a code elsewhere": {models.HistoryFilter{StoreIDs: []int64{chosen.StoreID%12 + 1}, Code: chosen.Code},
				func(models.Operation) bool { return false }},
			"a coupon": {models.HistoryFilter{StoreIDs: every, Code: "c" + chosen.Code},
				func(o models.Operation) bool { return o.ID == chosen.ID && o.State == models.Done }},
			"everything at once": {models.HistoryFilter{StoreIDs: every, UserID: "user1", States: []models.State{models.Done}, Phone: "1", From: from, To: to},
				func(o models.Operation) bool {
					return o.UserID == "user1" && o.State == models.Done && strings.HasSuffix(o.Mobile, "1") && !o.CreatedAt.Before(from) && o.CreatedAt.Before(to)
				}},
		} {
			var expected []string
			for _, op := range all {
				if len(tt.filter.StoreIDs) > 0 && tt.pass(op) {
					expected = append(expected, op.ID)
				}
			}
			for _, limit := range []int{1, 4, 50, 1000} {
				if limit == 1 && len(expected) > 40 {
					continue
				}
				same(t, paged(t, db, tt.filter, limit), expected)
			}
			t.Logf("%s: %d", name, len(expected))
		}
		page, next, err := db.History.Page(t.Context(), models.HistoryFilter{StoreIDs: every}, models.HistoryMark{}, 0)
		no(t, err)
		if page != nil || next != nil {
			t.Errorf("a page of nothing has %v and %v", page, next)
		}
	})
}

// paged reads history to its end, page by page.
func paged(t *testing.T, db *models.DB, f models.HistoryFilter, limit int) (ids []string) {
	t.Helper()
	var mark models.HistoryMark
	for {
		page, next, err := db.History.Page(t.Context(), f, mark, limit)
		no(t, err)
		if len(page) > limit || next != nil && len(page) < limit {
			t.Fatalf("a page of %d has %d", limit, len(page))
		}
		for _, op := range page {
			ids = append(ids, op.ID)
		}
		if next == nil {
			return ids
		}
		mark = *next
	}
}

// What is new does not move what comes on later pages.
func TestHistoryWhileItGrows(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		all := past(t, db, clock, 3, 30)
		f := models.HistoryFilter{StoreIDs: []int64{1, 2, 3}}
		page, next, err := db.History.Page(t.Context(), f, models.HistoryMark{}, 10)
		no(t, err)
		same(t, page[9].ID, all[9].ID)
		clock.Advance(time.Second)
		begin(t, db, intent("new"))
		page, _, err = db.History.Page(t.Context(), f, *next, 10)
		no(t, err)
		same(t, page[0].ID, all[10].ID)
		same(t, page[9].ID, all[19].ID)
	})
}

// No page of history, and no figures, read a whole table.
func TestHistoryAndFiguresUseIndices(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		all := past(t, db, clock, 40, 200)
		n := multiply(t, db, 5) * len(all)
		type statement struct {
			sql  string
			args []any
		}
		var seen []statement
		db.Watch(func(sql string, args []any) { seen = append(seen, statement{sql, slices.Clone(args)}) })
		var every []int64
		for i := range 40 {
			every = append(every, int64(i+1))
		}
		from, mark := all[20].CreatedAt, models.HistoryMark{At: all[100].CreatedAt, ID: all[100].ID}
		for _, f := range []models.HistoryFilter{
			{StoreIDs: every[:1]}, {StoreIDs: every}, {StoreIDs: every, From: from}, {StoreIDs: every, Code: all[3].Code},
			{StoreIDs: every, From: from, UserID: "user1", States: []models.State{models.Done}, Phone: "0001"},
		} {
			for _, m := range []models.HistoryMark{{}, mark} {
				_, _, err := db.History.Page(ctx, f, m, 20)
				no(t, err)
			}
		}
		no(t, second(db.Figures.Tallies(ctx, every[:2], "", from, clock.Now())))
		no(t, second(db.Figures.Tallies(ctx, every[:2], "user1", from, clock.Now())))
		if len(seen) < 70 {
			t.Fatalf("only saw %d statements", len(seen))
		}
		if len(scans(t, db, "SELECT id FROM operations WHERE title = ?", []any{"烤鱼"})) == 0 {
			t.Fatal("a scan goes unseen")
		}
		for _, s := range seen {
			for _, step := range scans(t, db, s.sql, s.args) {
				t.Errorf("of %d operations: %s\n\t%s", n, s.sql, step)
			}
		}
	})
}

// A statement ends with its context, so that its connection, of which a file has one, is
// free again. On a server it sleeps: what has lost its client is carried on there to its
// end, and must not take the processor from other tests.
func TestLongReadEnds(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		long := "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 2000) SELECT SUM(x.n + y.n + z.n) FROM a x, a y, a z"
		if db.Driver() == models.MySQL {
			long = "SELECT SLEEP(60)"
		}
		const patience = 30 * time.Second // either takes longer
		no(t, db.Ping(t.Context()))
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- db.Pool().QueryRowContext(ctx, long).Scan(new(int64)) }()
			select {
			case err := <-ended:
				if err == nil {
					t.Fatal("it was no long read")
				}
			case <-time.After(patience):
				t.Fatal("the read goes on without its context")
			}
			same(t, db.Pool().Stats().InUse, 0)
			soon, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			no(t, db.Ping(soon))
		}
	})
}

// Operations of a rare state are found by it, whatever time they are of, and the others
// of the store are not read.
func TestRareStates(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		past(t, db, clock, 1, 20)
		_, err := db.Pool().ExecContext(ctx, "UPDATE operations SET state = 'done'")
		no(t, err)
		multiply(t, db, 8)
		clock.Advance(-1000 * time.Hour)
		old := inState(t, db, "1234500001", models.Rejected)
		type statement struct {
			sql  string
			args []any
		}
		var asked []statement
		db.Watch(func(sql string, args []any) { asked = append(asked, statement{sql, slices.Clone(args)}) })
		steps := func() (seen []string) {
			for _, s := range slices.Clone(asked) {
				for _, step := range explained(t, db, s.sql, s.args) {
					seen = append(seen, step["key"]+step["detail"])
				}
			}
			asked = nil
			return seen
		}
		for _, stores := range [][]int64{{1}, {1, 2, 3, 4, 5, 6, 7, 8}} {
			page, next, err := db.History.Page(ctx, models.HistoryFilter{StoreIDs: stores, States: []models.State{models.Rejected, models.UndoUnknown}}, models.HistoryMark{}, 5)
			no(t, err)
			same(t, page, []models.Operation{old})
			seen := steps()
			if next != nil || len(seen) == 0 || !slices.ContainsFunc(seen, func(step string) bool { return strings.Contains(step, "operations_state") }) {
				t.Errorf("%v: %q", next, seen)
			}
			for _, step := range seen {
				if strings.Contains(step, "operations_created") || strings.Contains(step, "SCAN operations") {
					t.Errorf("reads the others: %s", step)
				}
			}
		}
		// Where most pass, they are met in their order.
		_, _, err = db.History.Page(ctx, models.HistoryFilter{StoreIDs: []int64{1}, States: []models.State{models.Done, models.Rejected, models.Undone}}, models.HistoryMark{}, 5)
		no(t, err)
		if seen := steps(); !slices.ContainsFunc(seen, func(step string) bool { return strings.Contains(step, "operations_created") }) {
			t.Errorf("%q", seen)
		}
	})
}

// multiply doubles the operations some times, so that indices are worth their
// while to a planner, and returns by how much there are more.
func multiply(t *testing.T, db *models.DB, times int) int {
	t.Helper()
	ctx := t.Context()
	conn, err := db.Pool().Conn(ctx)
	no(t, err)
	defer conn.Close()
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := conn.ExecContext(ctx, sql, args...)
		no(t, err)
	}
	analyze := "ANALYZE"
	join := func(column string) string { return column + " || ?" }
	if db.Driver() == models.MySQL {
		analyze = "ANALYZE TABLE operations, coupons, stores"
		join = func(column string) string { return "CONCAT(" + column + ", ?)" }
	}
	for i := range times {
		again := fmt.Sprint("-", i)
		exec("CREATE TEMPORARY TABLE more AS SELECT * FROM operations")
		exec("UPDATE more SET id = "+join("id")+", inbox_id = "+join("inbox_id")+", code = "+join("code")+", live_code = NULL, due_at = NULL", again, again, again)
		exec("INSERT INTO operations SELECT * FROM more")
		exec("DROP TABLE more")
		exec("CREATE TEMPORARY TABLE more AS SELECT * FROM coupons")
		exec("UPDATE more SET operation_id = "+join("operation_id")+", code = "+join("code"), again, again)
		exec("INSERT INTO coupons SELECT * FROM more")
		exec("DROP TABLE more")
	}
	exec(analyze)
	return 1 << times
}

// scans lists the steps of a statement that read all of a large table.
func scans(t *testing.T, db *models.DB, sql string, args []any) (bad []string) {
	t.Helper()
	for _, step := range explained(t, db, sql, args) {
		large := step["table"] == "operations" || step["table"] == "coupons"
		if large && (step["type"] == "ALL" || step["type"] == "index") ||
			strings.HasPrefix(step["detail"], "SCAN operations") || strings.HasPrefix(step["detail"], "SCAN coupons") {
			bad = append(bad, fmt.Sprint(step))
		}
	}
	return bad
}

// explained lists the steps by which the database would carry out a statement.
func explained(t *testing.T, db *models.DB, sql string, args []any) (steps []map[string]string) {
	t.Helper()
	explain := "EXPLAIN QUERY PLAN "
	if db.Driver() == models.MySQL {
		explain = "EXPLAIN "
	}
	rows, err := db.Pool().QueryContext(context.WithoutCancel(t.Context()), explain+sql, args...)
	no(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	no(t, err)
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		no(t, rows.Scan(values...))
		step := map[string]string{}
		for i, name := range names {
			step[name] = text(*values[i].(*any))
		}
		steps = append(steps, step)
	}
	no(t, rows.Err())
	return steps
}

func text(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// An order's operations are found with what they consumed, whatever codes they were
// asked with.
func TestOfOrder(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i, code := range []string{"1111111111", "2222222222", "3333333333"} {
			op := intent(code)
			op.OrderID = []string{"8001", "8001", "8002"}[i]
			done(t, db, op)
		}
		for order, want := range map[string]int{"8001": 2, "8002": 1, "8003": 0, "": 1} {
			ops, coupons, err := db.History.OfOrder(ctx, order, "3333333333")
			no(t, err)
			if len(ops) != want || len(coupons) < want {
				t.Errorf("order %q: %d operations, %d coupons, want %d", order, len(ops), len(coupons), want)
			}
		}
	})
}
