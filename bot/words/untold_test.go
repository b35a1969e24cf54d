package words

import (
	"testing"
	"time"

	"yanquan/bot/redeem"
	"yanquan/models"
)

// A coupon without a code is summed up and never shown as one, whether it has a row or, by a
// program of before, has none.
func TestUntoldCoupons(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	w := Words{Location: time.UTC, Now: func() time.Time { return now }, NewID: func() string { return "1" }}
	op := models.Operation{
		State: models.Done, Code: "7992697494", Count: 3, PriceFen: 4990, UndoUntil: now.Add(time.Minute), Outcome: models.Outcome{Reason: redeem.ReasonCodesMissing},
	}
	told := models.Coupon{Code: op.Code, PriceFen: 4990}
	rows := []models.Coupon{{Visit: 1, PriceFen: 4990}, {Visit: 2, PriceFen: 4990}, told}
	for _, coupons := range [][]models.Coupon{rows, {told}} {
		c := w.Operation(models.Store{}, op, coupons)
		if c.Quote != nil || c.Text != "可撤销至 06:01:00。平台只告诉了 1 张的券码，其余的要撤销请到开店宝。" {
			t.Errorf("%+v, %q", c.Quote, c.Text)
		}
		if got := InShort(op, coupons); got != "3 张 ¥149.70" {
			t.Errorf("in short %q", got)
		}
		undone := op
		undone.UndoReason = redeem.ReasonCodesMissing
		last := &coupons[len(coupons)-1]
		last.UndoneAt = now
		if c = w.Operation(models.Store{}, undone, coupons); c.Quote == nil || c.Quote.Title != "共 3 张" || c.Quote.Text != "7992697494 已撤销" {
			t.Errorf("%+v", c.Quote)
		}
		if got := InShort(undone, coupons); got != "撤销 1 张余 ¥99.80" {
			t.Errorf("in short %q", got)
		}
		last.UndoneAt = time.Time{}
	}
	// What is under way, or was refused, is not summed up.
	op.State = models.Calling
	if got := InShort(op, nil); got != "¥49.90" {
		t.Errorf("in short %q", got)
	}
}
