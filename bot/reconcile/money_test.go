package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
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
	unpriced := func(e Entry) Entry { e.Price = models.Price{Unknown: true}; return e }
	free := func(e Entry) Entry { e.Price = models.Price{}; return e }
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
		"a price unknown":    {[]Entry{unpriced(coupon("1", "a", order))}, Money{Untold: 1}, Untold},
		"one price unknown":  {[]Entry{coupon("1", "a", order), unpriced(coupon("2", "a", order))}, Money{7500, 1500, 8500, 0, 1, 1}, Estimate},
		"free, and paid for": {[]Entry{free(coupon("1", "a", order))}, Money{Untold: 1}, Untold},
		"orders without id":  {[]Entry{coupon("1", "", order), coupon("2", "", order)}, Money{15000, 3000, 17000, 0, 2, 0}, Estimate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := MoneyOf(c.coupons, nil)
			same(t, got, c.want)
			same(t, got.Certainty(), c.is)
		})
	}
}

// The coupons of an order that are verified on several days have shares that are what was
// paid for the order, to the fen, whatever they cost: also where it is not told how many
// there are.
func TestMoneyOfSeveralDays(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for _, of := range []int{1, 2, 3, 7} {
		for _, told := range []bool{true, false} {
			for _, price := range []int64{1, 3333, 4990, 10000} {
				for _, paid := range []platform.Paid{
					{Customer: 8000, Total: 8000}, {Customer: 7001, Merchant: 999, Total: 8000}, {Customer: 4990, Total: 4990},
					{Customer: price*int64(of) - 1, Merchant: 1, Total: price * int64(of)}, {Customer: 1, Total: 1},
				} {
					var all []Entry
					for i := range of {
						e := Entry{ID: fmt.Sprint(i), OperationID: fmt.Sprint("op-", i), Code: fmt.Sprint(i), OrderID: "a", Price: models.Price{Fen: price}, Payments: paid, At: at.AddDate(0, 0, i)}
						if told {
							e.Left = of - i
						}
						all = append(all, e)
					}
					var sum Money
					for i := range all {
						// A day knows those before it, and the looks that come later those after.
						m := MoneyOf(all[i:i+1], all[:i])
						later := MoneyOf(all[i:i+1], slices.Concat(all[:i], all[i+1:]))
						if told {
							same(t, later, m)
						}
						sum = Money{sum.Customer + m.Customer, sum.Merchant + m.Merchant, sum.Due + m.Due, sum.Exact + m.Exact, sum.Estimated + m.Estimated, sum.Untold + m.Untold}
					}
					whole := platform.Paid{Customer: paid.Customer, Merchant: paid.Merchant, Total: min(paid.Total, price*int64(of))}
					if whole.Total < paid.Total { // more was paid than these coupons cost: for others, too
						continue
					}
					if sum.Customer != dianping.Fen(whole.Customer) || sum.Merchant != dianping.Fen(whole.Merchant) || sum.Due != dianping.Fen(whole.Total-whole.Merchant) || sum.Untold > 0 {
						t.Errorf("%d at %d, told %v, paid %+v: %+v", of, price, told, paid, sum)
					}
					if told && of > 1 && sum.Exact > 0 {
						t.Errorf("%d of %d are exact, each a part of the order", sum.Exact, of)
					}
				}
			}
		}
	}
}
