package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func plan(t *testing.T, db *models.DB, store int64, day string, due time.Time) models.Reconciliation {
	t.Helper()
	no(t, db.Reconciliations.Plan(t.Context(), []models.Reconciliation{{StoreID: store, Day: day, DueAt: due}}))
	return must(db.Reconciliations.Get(t.Context(), store, day))
}

func TestReconciliationIsPlannedOnce(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		r := plan(t, db, 1, "2026-11-22", noon)
		same(t, plan(t, db, 1, "2026-11-22", noon.Add(time.Hour)), r)
		plan(t, db, 1, "2026-11-20", noon)
		plan(t, db, 2, "2026-11-15", noon.Add(time.Second))
		same(t, must(db.Reconciliations.LastDays(ctx, "2026-11-15")), map[int64]string{1: "2026-11-22", 2: "2026-11-15"})
		same(t, must(db.Reconciliations.LastDays(ctx, "2026-11-16")), map[int64]string{1: "2026-11-22"})
		same(t, days(must(db.Reconciliations.Due(ctx, noon, 10))), "1 2026-11-20, 1 2026-11-22")
		same(t, days(must(db.Reconciliations.Due(ctx, noon.Add(time.Second), 10))), "1 2026-11-20, 1 2026-11-22, 2 2026-11-15")
		same(t, days(must(db.Reconciliations.List(ctx, []int64{1, 2}, "2026-11-15", "2026-11-20"))), "2 2026-11-15, 1 2026-11-20")
		want(t, second(db.Reconciliations.Get(ctx, 3, "2026-11-22")), models.ErrNotFound)
		want(t, db.Reconciliations.Plan(ctx, []models.Reconciliation{{StoreID: 1, Day: "2026-11-22"}}), models.ErrInvalid)
	})
}

func days(rows []models.Reconciliation) (s string) {
	for i, r := range rows {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(r.StoreID, " ", r.Day)
	}
	return s
}

func TestReconciliationIsClaimedByOne(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		r := plan(t, db, 1, "2026-11-22", noon)
		oneWins(t, race(8, func(int) error { return second(db.Reconciliations.Claim(ctx, r, noon.Add(time.Minute))) }), models.ErrStale)
		held := must(db.Reconciliations.Get(ctx, 1, "2026-11-22"))
		same(t, len(must(db.Reconciliations.Due(ctx, noon, 10))), 0)
		want(t, second(db.Reconciliations.Claim(ctx, held, noon.Add(time.Hour))), models.ErrStale)

		// Whoever held it has died: the next one goes on, and the first can do no more.
		clock.Advance(2 * time.Minute)
		same(t, days(must(db.Reconciliations.Due(ctx, clock.Now(), 10))), "1 2026-11-22")
		mine := must(db.Reconciliations.Claim(ctx, held, clock.Now().Add(time.Minute)))
		want(t, second(db.Reconciliations.Finish(ctx, held, nil)), models.ErrStale)
		want(t, second(db.Reconciliations.Retry(ctx, held, "late", noon)), models.ErrStale)
		same(t, must(db.Reconciliations.Get(ctx, 1, "2026-11-22")), mine)
	})
}

func TestReconciliationResults(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		items := []models.ReconciliationItem{
			{Kind: "in_shop", Code: "7992697494", Title: "双人烤鱼🐟套餐", PlatformFen: 4990, Account: "till", Channel: "1", VerifiedAt: noon},
			{Kind: "only_ours", Code: "8992697494", OperationID: "op", OursFen: 9900, VerifiedAt: noon},
		}
		r := must(db.Reconciliations.Claim(ctx, plan(t, db, 1, "2026-11-22", noon), noon.Add(time.Minute)))
		next := noon.Add(24 * time.Hour)
		r = must(db.Reconciliations.Retry(ctx, r, "unavailable", noon.Add(time.Minute)))
		same(t, []any{r.Failures, r.Reason, r.Looks, r.LeaseUntil.IsZero()}, []any{1, "unavailable", 0, true})
		r = must(db.Reconciliations.Claim(ctx, r, noon.Add(time.Minute)))
		r.DueAt, r.Figures = next, `{"listed":1}`
		r = must(db.Reconciliations.Finish(ctx, r, items))
		same(t, []any{r.Failures, r.Reason, r.Looks, r.CheckedAt}, []any{0, "", 1, noon.Truncate(time.Microsecond)})
		same(t, must(db.Reconciliations.Get(ctx, 1, "2026-11-22")), r)
		for i := range items {
			items[i].StoreID, items[i].Day, items[i].Seq, items[i].VerifiedAt = 1, "2026-11-22", i+1, items[i].VerifiedAt.Truncate(time.Microsecond)
		}
		same(t, must(db.Reconciliations.Items(ctx, 1, "2026-11-22")), items)

		// The next look takes the place of this one, or nothing does.
		clock.Advance(24 * time.Hour)
		r = must(db.Reconciliations.Claim(ctx, r, clock.Now().Add(time.Minute)))
		r.DueAt, r.CheckedAt = time.Time{}, time.Time{}
		r = must(db.Reconciliations.Finish(ctx, r, items[:1]))
		same(t, r.CheckedAt, clock.Now().UTC().Truncate(time.Microsecond))
		same(t, must(db.Reconciliations.Items(ctx, 1, "2026-11-22")), items[:1])
		same(t, len(must(db.Reconciliations.Due(ctx, clock.Now().AddDate(1, 0, 0), 10))), 0)
	})
}

func TestEntries(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		stands := done(t, db, intent("7000000001"))
		undone := must(db.Journal.FinishUndo(ctx, undoing(t, db, done(t, db, intent("7000000002"))), []models.Coupon{{Code: "7000000002", UndoneAt: noon}}))
		later := intent("7000000003")
		later.CalledAt = noon.Add(time.Hour)
		done(t, db, later)
		other := intent("7000000004")
		other.StoreID = 2
		done(t, db, other)
		doubtful := inState(t, db, "7000000005", models.Unknown)
		inState(t, db, "7000000006", models.Rejected)

		got := must(db.History.Entries(ctx, 1, noon.Add(-time.Minute), noon.Add(time.Hour)))
		same(t, len(got), 2)
		same(t, []any{got[0].Code, got[0].OperationID, got[0].State, got[0].Title, got[0].User, got[0].PriceFen, got[0].UndoneAt.IsZero()},
			[]any{stands.Code, stands.ID, models.Done, stands.Title, "张三", int64(4990), true})
		same(t, got[0].ConsumedAt, stands.ConsumedAt)
		same(t, []any{got[1].Code, got[1].State, got[1].UndoneAt.IsZero()}, []any{undone.Code, models.Undone, false})

		ops := must(db.History.Undecided(ctx, 1, noon.Add(-time.Minute), noon.Add(time.Hour)))
		same(t, len(ops), 1)
		same(t, ops[0].ID, doubtful.ID)
		same(t, len(must(db.History.Undecided(ctx, 1, noon.Add(time.Minute), noon.Add(time.Hour)))), 0)

		two := intent("7000000007")
		two.Count = 2
		two = begin(t, db, two)
		untold := intent("7000000008")
		untold.Count, untold.Outcome.Reason = 2, "codes_missing"
		untold = done(t, db, untold)
		told := intent("7000000009")
		told.Count = 2
		done(t, db, told)
		var several []string
		for _, op := range must(db.History.OfSeveral(ctx, 1, noon.Add(-time.Minute), "codes_missing")) {
			several = append(several, op.ID)
		}
		slices.Sort(several)
		both := []string{two.ID, untold.ID}
		slices.Sort(both)
		same(t, several, both)
		same(t, len(must(db.History.OfSeveral(ctx, 1, db.Now().Add(time.Hour), "codes_missing"))), 0)
	})
}
