package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// What a person knows of a day is kept with its summary, and changed by one at a time.
func TestReportsOfDays(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		told := models.Told{UpTo: noon, Accounts: map[int64]models.DaySums{
			1: {Verified: models.Sum{Count: 2, Fen: 4990, Unpriced: 1}, Refunded: models.Sum{Count: 1, Fen: 4990}}, 2: {},
		}}
		same(t, must(db.Reports.Claim(ctx, "Boss", "day", "2026-11-23", noon, &told)), true)
		same(t, must(db.Reports.Claim(ctx, "boss", "day", "2026-11-23", noon, nil)), false)
		same(t, must(db.Reports.Claim(ctx, "boss", "day", "2026-11-22", noon, nil)), true) // as a process of before does
		same(t, must(db.Reports.Claim(ctx, "boss", "week", "2026-11-23", noon, nil)), true)
		same(t, must(db.Reports.Claim(ctx, "lisi", "day", "2026-11-21", noon, &told)), true)

		days := must(db.Reports.Days(ctx, "BOSS", "2026-11-01", "2026-11-24"))
		same(t, len(days), 2)
		same(t, []any{days[0].Day, days[0].Kept(), days[1].Day, days[1].Kept(), days[1].At}, []any{"2026-11-22", false, "2026-11-23", true, noon})
		same(t, *must(days[1].Told()), told)
		same(t, must(days[0].Told()), (*models.Told)(nil))
		same(t, len(must(db.Reports.Days(ctx, "boss", "2026-11-23", "2026-11-23"))), 0)

		corrected := models.Told{UpTo: noon.Add(time.Hour), Accounts: map[int64]models.DaySums{1: {Undone: models.Sum{Count: 1}}}}
		missed := models.DayReport{Day: "2026-11-20"}
		no(t, db.Reports.Correct(ctx, "boss", missed, noon, told))
		no(t, db.Reports.Correct(ctx, "boss", days[0], noon, corrected))
		no(t, db.Reports.Correct(ctx, "boss", days[1], noon, told)) // nothing is new
		no(t, db.Reports.Correct(ctx, "boss", days[1], noon, corrected))
		for _, d := range append(days, missed) { // another has told meanwhile
			want(t, db.Reports.Correct(ctx, "boss", d, noon, models.Told{}), models.ErrStale)
		}
		var kept []models.Told
		for _, d := range must(db.Reports.Days(ctx, "boss", "2026-11-01", "2026-11-24")) {
			kept = append(kept, *must(d.Told()))
		}
		same(t, kept, []models.Told{told, corrected, corrected})

		no(t, db.Reports.Purge(ctx, "boss", "2026-11-23"))
		same(t, must(db.Reports.Days(ctx, "boss", "2026-11-01", "2026-11-24"))[0].Day, "2026-11-23")
		same(t, len(must(db.Reports.Days(ctx, "lisi", "2026-11-01", "2026-11-24"))), 1)
		same(t, must(db.Reports.Recipients(ctx, "week", "2026-11-23")), []string{"boss"})
	})
}

// An account says when something was changed of it that was counted long before.
func TestFiguresChangedSince(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		since := clock.Now()
		changed := func() []int64 { return must(db.Figures.ChangedSince(ctx, []int64{1, 2}, since)) }
		no(t, db.Directory.Sync(ctx, twoStores()))
		late := inState(t, db, "7992697495", models.Unknown)
		undone := done(t, db, intent("7992697494"))
		same(t, changed(), []int64(nil))
		clock.Advance(models.KeepAfter)
		late.ConsumedAt = late.CalledAt
		no(t, second(db.Journal.FinishConsume(ctx, late, []models.Coupon{{Code: late.Code}})))
		same(t, changed(), []int64{1})
		clock.Advance(time.Second)
		since = clock.Now()
		same(t, changed(), []int64(nil))
		no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, undone), nil)))
		same(t, changed(), []int64{1})
		same(t, must(db.Figures.ChangedSince(ctx, []int64{2}, since)), []int64(nil))
	})
}
