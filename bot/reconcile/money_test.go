package reconcile

import (
	"testing"

	"yanquan/bot/platform"
	"yanquan/models"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	// An order of two coupons at 100.00 each: the customer paid 150.00, the merchant
	// bears 30.00, the platform 20.00.
	order := platform.Paid{Customer: 15000, Merchant: 3000, Total: 20000}
	coupon := func(code, orderID string, paid platform.Paid) Entry {
		return Entry{OperationID: "op-" + code, Code: code, OrderID: orderID, Price: models.Price{Fen: 10000}, Payments: paid}
	}
	none := platform.Paid{}
	shared := coupon("3", "b", none)
	shared.Share = &platform.Paid{Customer: 6000, Merchant: 4000, Total: 10000}
	third := platform.Paid{Customer: 20000, Merchant: 10000, Total: 30000}
	little := platform.Paid{Customer: 15000, Total: 15000}
	for name, c := range map[string]struct {
		coupons []Entry
		want    Money
		is      Certainty
	}{
		"none":               {nil, Money{}, Exact},
		"the whole order":    {[]Entry{coupon("1", "a", order), coupon("2", "a", order)}, Money{15000, 3000, 17000, 2, 0, 0}, Exact},
		"half of it":         {[]Entry{coupon("1", "a", order)}, Money{7500, 1500, 8500, 0, 1, 0}, Estimate},
		"a third, rounded":   {[]Entry{coupon("1", "a", third)}, Money{6667, 3333, 6667, 0, 1, 0}, Estimate},
		"nothing told":       {[]Entry{coupon("1", "a", none)}, Money{Untold: 1}, Untold},
		"told for one":       {[]Entry{coupon("1", "a", order), coupon("2", "a", none), coupon("4", "c", none)}, Money{15000, 3000, 17000, 2, 0, 1}, Estimate},
		"told by the coupon": {[]Entry{shared}, Money{6000, 4000, 6000, 1, 0, 0}, Exact},
		"both ways":          {[]Entry{shared, coupon("1", "a", order)}, Money{13500, 5500, 14500, 1, 1, 0}, Estimate},
		"less than it costs": {[]Entry{coupon("1", "a", little), coupon("2", "a", little)}, Money{15000, 0, 15000, 0, 2, 0}, Estimate},
		"orders without id":  {[]Entry{coupon("1", "", order), coupon("2", "", order)}, Money{15000, 3000, 17000, 0, 2, 0}, Estimate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := MoneyOf(c.coupons)
			same(t, got, c.want)
			same(t, got.Certainty(), c.is)
		})
	}
}
