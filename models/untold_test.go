package models_test

import (
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Coupons whose codes the platform did not tell count like others, and an undo of the others
// leaves them as they are.
func TestUntoldCouponsCount(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		op := begin(t, db, intent("7992697494"))
		op.UndoUntil = noon.Add(10 * time.Minute)
		coupons := []models.Coupon{{Code: op.Code, PriceFen: 4990}, {Visit: 1, PriceFen: 4990}, {Visit: 2, PriceUnknown: true}}
		op, err := db.Journal.FinishConsume(ctx, op, coupons)
		no(t, err)
		counts := func(verified, undone models.Sum) {
			t.Helper()
			day := models.Span{From: noon.Add(-time.Hour), To: noon.Add(time.Hour)}
			all := models.Tally{Verified: verified, Undone: undone}
			f := must(db.Figures.Sum(ctx, []int64{1}, day))
			same(t, f.All(), all)
			same(t, f.ByPerson, map[string]models.Tally{"zhangsan": all})
			same(t, must(db.Figures.Tallies(ctx, []int64{1}, "zhangsan", day.From, day.To))[1], all)
			list, _, _, err := db.History.Vouchers(ctx, models.VoucherPage{StoreID: 1, From: day.From, To: day.To}, 10)
			no(t, err)
			var listed models.Tally
			for _, v := range list {
				listed.Add(v.Price, !v.UndoneAt.IsZero())
			}
			same(t, listed, all)
			same(t, must(db.Figures.UndoneSince(ctx, []int64{1}, day, noon)), undone)
			for _, e := range must(db.History.Entries(ctx, 1, day.From, day.To)) {
				same(t, e.Asked, op.Code)
			}
		}
		counts(models.Sum{Count: 3, Fen: 9980, Unpriced: 1}, models.Sum{})
		op, err = db.Journal.RefuseUndo(ctx, undoing(t, db, op), []models.Coupon{{Code: op.Code, UndoneAt: noon}})
		no(t, err)
		counts(models.Sum{Count: 2, Fen: 4990, Unpriced: 1}, models.Sum{Count: 1, Fen: 4990})
		same(t, must(db.Journal.ByCoupon(ctx, 1, op.Code)).ID, op.ID)
		same(t, len(must(db.Journal.Coupons(ctx, op.ID))), 3)

		// Two of one number are one too many.
		other := begin(t, db, intent("7992697495"))
		_, err = db.Journal.FinishConsume(ctx, other, []models.Coupon{{Code: other.Code}, {Visit: 1}, {Visit: 1}})
		want(t, err, models.ErrInvalid)
	})
}

// What was verified before coupons without a code had rows gets them, however often that is
// tried.
func TestUpgradeOfUntold(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		db := modelstest.Open(t, driver, dsn, modelstest.WithClock(modelstest.NewClock(noon)))
		no(t, second(db.Migrate(ctx)))
		missing := func(code string, n int, reason string) models.Operation {
			op := intent(code)
			op.Count, op.PriceShare = n, true
			op = begin(t, db, op)
			op.Outcome.Reason = reason
			op, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: code, PriceFen: 1}})
			no(t, err)
			return op
		}
		whole, partly := missing("1", 1, "codes_missing"), missing("2", 3, "partly_consumed")
		done, most := missing("3", 3, "codes_missing"), missing("4", 100, "codes_missing")
		undone := must(db.Journal.RefuseUndo(ctx, undoing(t, db, missing("5", 2, "codes_missing")), []models.Coupon{{Code: "5", UndoneAt: noon}}))
		for range 2 {
			_, err := db.Pool().ExecContext(ctx, "DELETE FROM schema_migrations WHERE name = '0023_untold'")
			no(t, err)
			same(t, must(db.Migrate(ctx)), []string{"0023_untold"})
			for _, want := range []struct {
				op models.Operation
				n  int
			}{{whole, 1}, {partly, 1}, {done, 3}, {most, 100}, {undone, 2}} {
				same(t, len(must(db.Journal.Coupons(ctx, want.op.ID))), want.n)
			}
		}
		row := models.Coupon{
			OperationID: done.ID, StoreID: 1, Visit: 1, OrderID: done.OrderID, DealID: done.DealID, DealGroupID: done.DealGroupID, PriceFen: 4990, PriceShare: true,
		}
		next := row
		next.Visit = 2
		same(t, must(db.Journal.Coupons(ctx, done.ID))[:2], []models.Coupon{row, next})
		all := must(db.Figures.Sum(ctx, []int64{1}, models.Span{From: noon.Add(-time.Hour), To: noon.Add(time.Hour)})).All()
		same(t, all, models.Tally{Verified: models.Sum{Count: 106, Fen: 4 + 102*4990}, Undone: models.Sum{Count: 1, Fen: 1}})
	})
}
