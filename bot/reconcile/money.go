package reconcile

import (
	"cmp"
	"slices"

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
// nothing, or no price, are in no sum.
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

// order is one of a platform, with its coupons that stand in the journal.
type order struct {
	paid    platform.Paid // for the whole order
	coupons []ofOrder
}

// ofOrder is a coupon of an order; counts: its money is asked for.
type ofOrder struct {
	Entry
	counts bool
}

// MoneyOf sums up what was paid for coupons. others are those that stand in the journal
// besides them: where they are of the same orders, each has its part.
func MoneyOf(coupons, others []Entry) (m Money) {
	orders := map[string]*order{}
	add := func(e Entry, counts bool) {
		key := cmp.Or(e.OrderID, e.OperationID+"/"+e.Code)
		o := orders[key]
		if o == nil {
			o = &order{}
			orders[key] = o
		}
		o.coupons = append(o.coupons, ofOrder{e, counts})
		if o.paid.Total == 0 {
			o.paid = e.Payments
		}
	}
	for _, e := range coupons {
		if e.Share != nil {
			m.add(*e.Share)
			m.Exact++
			continue
		}
		add(e, true)
	}
	for _, e := range others {
		add(e, false)
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

// addOrder adds the part of what was paid for an order of those coupons that count: from
// what was paid for those before to what was paid up to it, so that all together are the
// whole, on whatever days they are verified.
func (m *Money) addOrder(o order) {
	slices.SortStableFunc(o.coupons, func(a, b ofOrder) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.OperationID, b.OperationID), cmp.Compare(a.Code, b.Code))
	})
	size, cost := o.size(), o.cost()
	basis := o.paid.Total // where it is not told how many there are, the first ones are paid for
	if size > 0 {
		basis = max(basis, cost)
	}
	exact := cost == o.paid.Total && size <= len(o.coupons) && !slices.ContainsFunc(o.coupons, func(c ofOrder) bool { return !c.counts || c.Price.Unknown })
	upTo := int64(0)
	for _, c := range o.coupons {
		from := upTo
		upTo = min(upTo+c.Price.Fen, basis)
		switch {
		case !c.counts:
		case c.Price.Unknown || cost == 0 || o.paid.Total <= 0:
			m.Untold++
		default:
			m.add(between(o.paid, from, upTo, basis))
			if m.Estimated++; exact {
				m.Exact, m.Estimated = m.Exact+1, m.Estimated-1
			}
		}
	}
}

// size is how many coupons an order has, as far as was told; 0: it was not.
func (o order) size() (n int) {
	before := 0 // the operation of a coupon
	for i, c := range o.coupons {
		if i > 0 && c.OperationID != o.coupons[i-1].OperationID {
			before = i
		}
		if c.Left > 0 {
			n = max(n, before+c.Left)
		}
	}
	return n
}

// cost is that of all coupons of an order; where one is not in the journal, or its price is
// not known, that of another.
func (o order) cost() (fen int64) {
	priced, one := 0, int64(0)
	for _, c := range o.coupons {
		if !c.Price.Unknown {
			priced, fen, one = priced+1, fen+c.Price.Fen, max(one, c.Price.Fen)
		}
	}
	return fen + int64(max(o.size(), len(o.coupons))-priced)*one
}

// between is the part of what was paid from one amount of a whole to another. Parts that
// meet are together what the one from the first to the last is.
func between(p platform.Paid, from, to, whole int64) platform.Paid {
	part := func(amount int64) int64 { return part(amount, to, whole) - part(amount, from, whole) }
	return platform.Paid{Customer: part(p.Customer), Merchant: part(p.Merchant), Total: part(p.Total)}
}

// part is amount × of / whole, rounded.
func part(amount, of, whole int64) int64 { return (amount*of + whole/2) / whole }
