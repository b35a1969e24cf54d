package reconcile

import (
	"cmp"
	"slices"

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

// Types of amounts that the customer pays and that the merchant bears; the rest
// is borne by the platform.
var (
	paidByCustomer = []int{10, 23, 25, 26, 29}
	paidByMerchant = []int{8, 17, 18, 22, 24, 28}
)

// verificationAmount is what the customer paid and the platform adds, together:
// a sum of other lines, not one of them.
const verificationAmount = -1

// shares sums up the lines of a payment.
func shares(lines []dianping.Payment) (customer, merchant, total dianping.Fen) {
	for _, p := range lines {
		switch {
		case p.AmountType == verificationAmount:
			continue
		case slices.Contains(paidByCustomer, p.AmountType):
			customer += p.Amount
		case slices.Contains(paidByMerchant, p.AmountType):
			merchant += p.Amount
		}
		total += p.Amount
	}
	return customer, merchant, total
}

// order is what counts of one: some or all of its coupons.
type order struct {
	coupons int
	price   dianping.Fen
	lines   []dianping.Payment // of the whole order
}

// MoneyOf sums up what was paid for coupons.
func MoneyOf(coupons []Entry) (m Money) {
	orders := map[string]*order{}
	for _, e := range coupons {
		if len(e.Shares) > 0 {
			m.add(shares(e.Shares))
			m.Exact++
			continue
		}
		key := cmp.Or(e.OrderID, e.OperationID+"/"+e.Code)
		o := orders[key]
		if o == nil {
			o = &order{}
			orders[key] = o
		}
		o.coupons, o.price = o.coupons+1, o.price+e.Price
		if len(o.lines) == 0 {
			o.lines = e.Payments
		}
	}
	for _, o := range orders {
		m.addOrder(*o)
	}
	return m
}

func (m *Money) add(customer, merchant, total dianping.Fen) {
	m.Customer, m.Merchant, m.Due = m.Customer+customer, m.Merchant+merchant, m.Due+total-merchant
}

// addOrder adds the coupons' part of what was paid for an order.
func (m *Money) addOrder(o order) {
	customer, merchant, total := shares(o.lines)
	switch {
	case total <= 0:
		m.Untold += o.coupons
	case total == o.price: // the whole order
		m.Exact += o.coupons
		m.add(customer, merchant, total)
	case total > o.price: // a part of it
		m.Estimated += o.coupons
		m.add(part(customer, o.price, total), part(merchant, o.price, total), o.price)
	default: // less than the coupons cost: as it was told, but not to be relied on
		m.Estimated += o.coupons
		m.add(customer, merchant, total)
	}
}

// part is amount × of / whole, rounded.
func part(amount, of, whole dianping.Fen) dianping.Fen { return (amount*of + whole/2) / whole }
