package dianpingtest

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// A times card (次卡) is a voucher whose code stands for several visits and stays
// the same: a consume takes visits, an undo gives the latest back.

// VisitRecord is a value of [Knobs].
type VisitRecord string

// Which visit of a times card getconsumed tells, of those that were not undone.
const (
	VisitLatest VisitRecord = "latest"
	VisitFirst  VisitRecord = "first"
)

// VisitRecords are all of them, the default first.
var VisitRecords = []VisitRecord{VisitLatest, VisitFirst}

// VisitRows is a value of [Knobs].
type VisitRows string

// How a consume of several visits of a times card is answered.
const (
	RowPerVisit VisitRows = "per_visit" // a row for each, all with the same code
	RowPerCode  VisitRows = "per_code"  // one row
)

// VisitRowForms are all of them, the default first.
var VisitRowForms = []VisitRows{RowPerVisit, RowPerCode}

// VisitPrice is a value of [Knobs].
type VisitPrice string

// What prices are told of a times card.
const (
	VisitPriceUnit   VisitPrice = "unit"   // timesCardUnitPrice is a visit's, and dealPrice the card's, in records too
	VisitPriceDeal   VisitPrice = "deal"   // both are a visit's
	VisitPriceUntold VisitPrice = "untold" // dealPrice is the card's, and nothing else is told
	VisitPriceZero   VisitPrice = "zero"   // the same, and timesCardUnitPrice is 0
)

// VisitPrices are all of them, the default first.
var VisitPrices = []VisitPrice{VisitPriceUnit, VisitPriceDeal, VisitPriceUntold, VisitPriceZero}

// dealPrice is what is told as the price of a voucher's deal.
func (p *Platform) dealPrice(v *Voucher) json.RawMessage {
	if p.knobs.VisitPrice == VisitPriceDeal {
		return p.price(v.unitPrice())
	}
	return p.price(v.Price)
}

// visitPrice is what is told as the price of a visit; nothing leaves the field out.
func (p *Platform) visitPrice(v *Voucher) json.RawMessage {
	switch p.knobs.VisitPrice {
	case VisitPriceUntold:
		return nil
	case VisitPriceZero:
		return p.amount(0)
	}
	return p.amount(v.unitPrice())
}

// toldUse is the verification that getconsumed tells, where there is one.
func (p *Platform) toldUse(v *Voucher) *Use {
	if p.knobs.VisitRecord == VisitFirst && len(v.Uses) > 0 {
		return &v.Uses[0]
	}
	return v.Use
}

// rowsOf are the vouchers of an answer's rows.
func (p *Platform) rowsOf(consumed []*Voucher) []*Voucher {
	if p.knobs.VisitRows == RowPerCode {
		return slices.Compact(slices.Clone(consumed))
	}
	return consumed
}

// takable is what a consume of a voucher can take at a shop now, the voucher
// first: visits of a card, else the coupons of its order and deal.
func (p *Platform) takable(v *Voucher, shop string, now time.Time) []*Voucher {
	if p.unusable(v, shop, now) != nil {
		return nil
	}
	if v.Visits > 0 {
		left := v.Visits - len(v.Uses)
		if p.knobs.Unguarded {
			left = v.Visits
		}
		return slices.Repeat([]*Voucher{v}, left)
	}
	others := slices.DeleteFunc(p.usableOfOrder(v, shop, now), func(o *Voucher) bool { return o == v })
	return append([]*Voucher{v}, others...)
}

// takeVisit notes a visit. The caller has checked that it may be.
func (v *Voucher) takeVisit(u Use) {
	v.Uses = append(v.Uses, u)
	slices.SortStableFunc(v.Uses, func(a, b Use) int { return a.Time.Compare(b.Time) })
	v.countVisits()
}

// giveBack forgets the latest visit.
func (v *Voucher) giveBack() {
	v.Uses = v.Uses[:len(v.Uses)-1]
	v.countVisits()
}

func (v *Voucher) countVisits() {
	v.State, v.Use = Usable, nil
	if len(v.Uses) >= v.Visits {
		v.State = Consumed
	}
	if n := len(v.Uses); n > 0 {
		use := v.Uses[n-1]
		v.Use = &use
	}
}

// unitPrice is the price of one visit.
func (v *Voucher) unitPrice() int64 { return v.Price / cmp.Or(int64(v.Visits), 1) }
