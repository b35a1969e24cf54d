package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// Page by page comes the same as is in the tables, in the order of time, whatever
// the size of a page; also where many were consumed at the same moment.
func TestVouchers(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		consume := func(store int64, code string, at time.Time, coupons int) models.Operation {
			op := intent(code)
			op.StoreID, op.CalledAt = store, at
			op = begin(t, db, op)
			op.ConsumedAt = at
			var list []models.Coupon
			for i := range coupons {
				list = append(list, models.Coupon{Code: fmt.Sprintf("%s-%d", code, i), OrderID: "order", DealID: 11, PriceFen: 4990 + int64(i), PriceUnknown: i > 1})
			}
			op, err := db.Journal.FinishConsume(ctx, op, list)
			no(t, err)
			return op
		}
		var codes []string
		for i := range 20 {
			code := fmt.Sprintf("80000000%02d", 99-i)
			consume(1, code, noon.Add(time.Duration(i/5)*time.Second), 1+i%3)
			for n := range 1 + i%3 {
				codes = append(codes, fmt.Sprintf("%s-%d", code, n))
			}
		}
		consume(2, "9000000001", noon, 1)                     // another store
		consume(1, "9000000002", noon.Add(-time.Second), 1)   // before
		consume(1, "9000000003", noon.Add(10*time.Second), 1) // after
		inState(t, db, "9000000004", models.Rejected)
		inState(t, db, "9000000005", models.Unknown)
		gone := consume(1, "9000000006", noon.Add(9*time.Second), 2)
		codes = append(codes, "9000000006-0", "9000000006-1")
		no(t, second(db.Journal.FinishUndo(ctx, undoing(t, db, gone), nil)))
		slices.Sort(codes)

		refunded := consume(1, "9000000007", noon.Add(8*time.Second), 3)
		codes = append(codes, "9000000007-0", "9000000007-1", "9000000007-2")
		for i, code := range []string{"", "9000000007-2"} { // one from when it was in doubt
			no(t, second(db.Refunds.Add(ctx, models.Refund{
				Platform: "douyin", CertificateID: fmt.Sprint(i), StoreID: 1, OperationID: refunded.ID, Code: code, RefundedAt: noon.Add(time.Duration(i) * time.Hour),
			})))
		}
		slices.Sort(codes)

		for _, size := range []int{1, 2, 3, 7, 1000} {
			var got []models.Voucher
			page := models.VoucherPage{StoreID: 1, From: noon, To: noon.Add(10 * time.Second)}
			for done := false; !done; {
				var list []models.Voucher
				var err error
				list, page, done, err = db.History.Vouchers(ctx, page, size)
				no(t, err)
				got = append(got, list...)
			}
			var found []string
			for i, v := range got {
				found = append(found, v.Code)
				if i > 0 && v.ConsumedAt.Before(got[i-1].ConsumedAt) {
					t.Errorf("pages of %d: %s comes after a later one", size, v.Code)
				}
			}
			slices.Sort(found)
			same(t, found, codes)
			var refunds []time.Time
			for _, v := range got[len(got)-5 : len(got)-2] {
				refunds = append(refunds, v.RefundedAt)
			}
			same(t, refunds, []time.Time{noon.Truncate(time.Microsecond), {}, noon.Add(time.Hour).Truncate(time.Microsecond)})
			last := got[len(got)-1]
			same(t, last, models.Voucher{
				OperationID: "op-9000000006", StoreID: 1, Code: "9000000006-1", OrderID: "order", DealID: 11, Title: "双人烤鱼🐟套餐", Price: models.Price{Fen: 4991}, MarketFen: 9900,
				Mobile: "138****0000", VoucherExpires: noon.AddDate(0, 1, 0), ConsumedAt: noon.Add(9 * time.Second), UserID: "zhangsan", User: "张三",
				Channel: "app/main", UndoneAt: last.UndoneAt, UndoUser: "李四",
			})
			if last.UndoneAt.IsZero() {
				t.Error("no time of the undo")
			}
		}
		same(t, must(db.History.CountConsumed(ctx, 1, noon, noon.Add(10*time.Second), 100)), 22)
		same(t, must(db.History.CountConsumed(ctx, 1, noon, noon.Add(10*time.Second), 5)), 5)
		same(t, must(db.History.CountConsumed(ctx, 3, noon, noon.Add(10*time.Second), 5)), 0)
	})
}
