package reconcile

import (
	"cmp"

	"yanquan/bot/platform"
	"yanquan/dianping"
)

// Certainty says how far an amount of [Money] can be relied on.
type Certainty string

const (
	Exact    Certainty = "exact"    // the platform told it for just these coupons
	Estimate Certainty = "estimate" // shares of orders, or not of all coupons
	Untold   Certainty = "untold"   // the platform told of none
)

// Money is who pays what, before the platform's commission. The platform tells
// it per order: where only some of an order's coupons count, their part is an
// estimate, in proportion to their price. It is exact where all of them do, and
// where the platform tells the shares of each coupon. Coupons of which it told
// nothing are in no sum.
type Money struct {
	Customer dianping.Fen `json:"customer"` // what customers paid
	Merchant dianping.Fen `json:"merchant"` // what the merchant bears
	Due      dianping.Fen `json:"due"`      // what is due to the merchant before commission

	// Coupons, by how their part of the sums is known.
	Exact     int `json:"exact"`
	Estimated int `json:"estimated"`
	Untold    int `json:"untold"`
}

// Certainty is that of the sums as a whole.
func (m Money) Certainty() Certainty {
	switch {
	case m.Exact+m.Estimated == 0 && m.Untold > 0:
		return Untold
	case m.Estimated+m.Untold > 0:
		return Estimate
	}
	return Exact
}

// order is what counts of one: some or all of its coupons.
type order struct {
	coupons int
	price   int64
	paid    platform.Paid // for the whole order
}

// MoneyOf sums up what was paid for coupons.
func MoneyOf(coupons []Entry) (m Money) {
	orders := map[string]*order{}
	for _, e := range coupons {
		if e.Share != nil {
			m.add(*e.Share)
			m.Exact++
			continue
		}
		key := cmp.Or(e.OrderID, e.OperationID+"/"+e.Code)
		o := orders[key]
		if o == nil {
			o = &order{}
			orders[key] = o
		}
		o.coupons, o.price = o.coupons+1, o.price+e.Price.Fen
		if o.paid.Total == 0 {
			o.paid = e.Payments
		}
	}
	for _, o := range orders {
		m.addOrder(*o)
	}
	return m
}

func (m *Money) add(p platform.Paid) {
	m.Customer, m.Merchant = m.Customer+dianping.Fen(p.Customer), m.Merchant+dianping.Fen(p.Merchant)
	m.Due += dianping.Fen(p.Total - p.Merchant)
}

// addOrder adds the coupons' part of what was paid for an order.
func (m *Money) addOrder(o order) {
	whole := o.paid.Total
	switch {
	case whole <= 0:
		m.Untold += o.coupons
	case whole == o.price: // the whole order
		m.Exact += o.coupons
		m.add(o.paid)
	case whole > o.price: // a part of it
		m.Estimated += o.coupons
		customer, merchant := part(o.paid.Customer, o.price, whole), part(o.paid.Merchant, o.price, whole)
		m.add(platform.Paid{Customer: customer, Merchant: merchant, Total: o.price})
	default: // less than the coupons cost: as it was told, but not to be relied on
		m.Estimated += o.coupons
		m.add(o.paid)
	}
}

// part is amount × of / whole, rounded.
func part(amount, of, whole int64) int64 { return (amount*of + whole/2) / whole }
