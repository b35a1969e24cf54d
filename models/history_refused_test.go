package models_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// refuse records a refusal that was asked for at a time.
func refuse(t *testing.T, db *models.DB, store int64, code string, at time.Time, reason string) models.Operation {
	t.Helper()
	op := intent(code)
	op.StoreID, op.CreatedAt, op.CalledAt, op.Outcome.Reason = store, at, time.Time{}, reason
	op, err := db.Journal.Refuse(t.Context(), op)
	no(t, err)
	return op
}

// Refusals come page by page in the order of time, whatever the size of a page; also
// where many were asked for at the same moment. They are counted by reason, and a page
// of history can have one reason alone.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx, from, to := t.Context(), noon, noon.Add(10*time.Second)
		var all, expired []string
		for i := range 20 {
			reason := []string{"not_found", "not_found", "expired"}[i%3]
			op := refuse(t, db, 1, fmt.Sprintf("80000000%02d", 99-i), noon.Add(time.Duration(i/5)*time.Second), reason)
			all = append(all, op.ID)
			if reason == "expired" {
				expired = append(expired, op.ID)
			}
		}
		refuse(t, db, 2, "9000000001", noon, "not_found") // another store
		refuse(t, db, 1, "9000000002", noon.Add(-time.Second), "not_found")
		refuse(t, db, 1, "9000000003", to, "not_found")
		for i, state := range []models.State{models.Done, models.Undone, models.Unknown, models.Held, models.Calling} {
			inState(t, db, fmt.Sprint("900000001", i), state)
		}
		slices.Sort(all)
		for _, size := range []int{1, 2, 3, 7, 20, 1000} {
			var found []string
			var last time.Time
			page := models.VoucherPage{StoreID: 1, From: from, To: to}
			for done := false; !done; {
				var list []models.Operation
				var err error
				list, page, done, err = db.History.Refused(ctx, page, size)
				no(t, err)
				for _, op := range list {
					if op.CreatedAt.Before(last) || op.State != models.Rejected || op.User != "张三" {
						t.Errorf("pages of %d: %+v after %v", size, op, last)
					}
					found, last = append(found, op.ID), op.CreatedAt
				}
			}
			slices.Sort(found)
			same(t, found, all)
		}
		same(t, must(db.Figures.Refusals(ctx, []int64{1}, from, to)), []models.Refusal{{Reason: "not_found", Times: 14}, {Reason: "expired", Times: 6}})
		same(t, must(db.Figures.Refusals(ctx, []int64{1, 2}, from, to)), []models.Refusal{{Reason: "not_found", Times: 15}, {Reason: "expired", Times: 6}})
		if got := must(db.Figures.Refusals(ctx, nil, from, to)); len(got) != 0 {
			t.Errorf("nowhere: %+v", got)
		}
		f := models.HistoryFilter{StoreIDs: []int64{1, 2}, States: []models.State{models.Rejected}, Reasons: []string{"expired", "refunding"}, From: from, To: to}
		got := paged(t, db, f, 4)
		slices.Sort(got)
		slices.Sort(expired)
		same(t, got, expired)
	})
}

// What was refused is found by its state: what was verified, most of it, is not read.
func TestRefusedUsesIndex(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		past(t, db, clock, 1, 20)
		_, err := db.Pool().ExecContext(ctx, "UPDATE operations SET state = 'done'")
		no(t, err)
		multiply(t, db, 8)
		begun := noon.Add(-1000 * time.Hour)
		old := refuse(t, db, 1, "1234500001", begun, "expired")
		type statement struct {
			sql  string
			args []any
		}
		var asked []statement
		db.Watch(func(sql string, args []any) { asked = append(asked, statement{sql, slices.Clone(args)}) })
		list, _, done, err := db.History.Refused(ctx, models.VoucherPage{StoreID: 1, From: begun, To: clock.Now()}, 10)
		no(t, err)
		if len(list) != 1 || list[0].ID != old.ID || !done {
			t.Errorf("%+v, %v", list, done)
		}
		same(t, must(db.Figures.Refusals(ctx, []int64{1, 2, 3}, begun, clock.Now())), []models.Refusal{{Reason: "expired", Times: 1}})
		f := models.HistoryFilter{StoreIDs: []int64{1}, States: []models.State{models.Rejected}, Reasons: []string{"expired"}, From: begun, To: clock.Now()}
		if page, _, err := db.History.Page(ctx, f, models.HistoryMark{}, 5); err != nil || len(page) != 1 {
			t.Errorf("%+v, %v", page, err)
		}
		if len(asked) < 3 {
			t.Fatalf("only saw %d statements", len(asked))
		}
		for _, s := range slices.Clone(asked) {
			steps := explained(t, db, s.sql, s.args)
			if !slices.ContainsFunc(steps, func(step map[string]string) bool {
				return strings.Contains(step["key"]+step["detail"], "operations_state")
			}) {
				t.Errorf("%s\n\t%v", s.sql, steps)
			}
		}
	})
}
