package dianpingtest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// What can be asked without an effect, the same in both dialects. All of this
// runs under the lock.

// scan finds the coupons that a QR code offers and that could be consumed now.
func (p *Platform) scan(qr, shop string, now time.Time) ([]*Voucher, *refusal) {
	var usable []*Voucher
	var why *refusal
	for _, v := range p.vouchers {
		if v.QR != qr || v.State == Replaced {
			continue
		}
		if r := p.unusable(v, shop, now); r == nil {
			usable = append(usable, v)
		} else if why == nil {
			why = r
		}
	}
	switch {
	case len(usable) > 0:
		return usable, nil
	case why != nil:
		return nil, why
	default:
		return nil, refuse(codeNotFound)
	}
}

// dayQuery selects lines of a shop's history.
type dayQuery struct {
	shop    string
	date    string // yyyy-MM-dd, Beijing
	typ     int64  // 0 团购, 1 非团购, -1 not asked
	bizType int64  // -1: not asked
}

// dayRecord is a line of a shop's history.
type dayRecord struct {
	*Voucher
	use Use
}

// day returns a shop's verifications of a Beijing calendar day that still stand,
// all channels, oldest first.
func (p *Platform) day(q dayQuery) []dayRecord {
	undone := map[int]bool{}
	for _, e := range p.ledger {
		undone[e.Undoes] = true
	}
	var found []dayRecord
	for _, e := range p.ledger {
		v := p.byCode[e.Code]
		if e.Kind != EffectConsumed || e.Shop != q.shop || undone[e.Seq] ||
			e.Time.In(beijing).Format(time.DateOnly) != q.date {
			continue
		}
		groupBuy := v.BizType == 0 || v.BizType == 201 || v.BizType == 203
		if q.typ == 0 && !groupBuy || q.typ == 1 && groupBuy || q.bizType >= 0 && q.bizType != int64(v.BizType) {
			continue
		}
		found = append(found, dayRecord{v, e.use()})
	}
	slices.SortStableFunc(found, func(a, b dayRecord) int { return a.use.Time.Compare(b.use.Time) })
	return found
}

// codesOf returns the usable codes that a customer holds; a deal id of 0 stands
// for any.
func (p *Platform) codesOf(mobile string, dealGroupID, dealID int64, shop string, now time.Time) []string {
	var codes []string
	for _, v := range p.vouchers {
		known := v.Mobile == mobile || strings.Contains(v.Mobile, "*") && v.Mobile == maskMobile(mobile)
		if known && (dealGroupID == 0 || dealGroupID == v.DealGroupID) && (dealID == 0 || dealID == v.DealID) &&
			p.unusable(v, shop, now) == nil {
			codes = append(codes, v.Code)
		}
	}
	return codes
}

// deal is what a shop sells, put together from the vouchers sold.
type deal struct {
	first  *Voucher
	begins time.Time // zero: since ever
	ends   time.Time
}

// dealsAt returns a shop's deals by deal id.
func (p *Platform) dealsAt(shop string) []deal {
	var deals []deal
	for _, v := range p.vouchers {
		if !v.validAt(shop) {
			continue
		}
		i := slices.IndexFunc(deals, func(d deal) bool { return d.first.DealID == v.DealID })
		if i < 0 {
			deals = append(deals, deal{first: v, begins: v.ValidFrom, ends: v.Expires})
			continue
		}
		if v.ValidFrom.Before(deals[i].begins) {
			deals[i].begins = v.ValidFrom
		}
		if v.Expires.After(deals[i].ends) {
			deals[i].ends = v.Expires
		}
	}
	slices.SortStableFunc(deals, func(a, b deal) int { return cmp.Compare(a.first.DealID, b.first.DealID) })
	return deals
}

// saleStatus is 1 未开始, 2 售卖中, 3 售卖结束.
func (d deal) saleStatus(now time.Time) int {
	switch {
	case now.Before(d.begins):
		return 1
	case now.After(d.ends):
		return 3
	default:
		return 2
	}
}

// dates writes begin and end as the platform does in its list of deals.
func (d deal) dates() (begins, ends string) {
	from := d.begins
	if from.IsZero() {
		from = time.Date(2020, 1, 1, 0, 0, 0, 0, beijing)
	}
	const layout = "2006-01-02 15:04"
	return from.In(beijing).Format(layout), d.ends.In(beijing).Format(layout)
}

// page cuts limit rows out, from the given one.
func page[T any](rows []T, from, limit int64) []T {
	n := int64(len(rows))
	from = min(max(from, 0), n)
	return rows[from : from+min(max(limit, 0), n-from)]
}

// pageNumber is page with pages counted from 1; 0 is the first one too.
func pageNumber[T any](rows []T, number, limit int64) []T {
	n := int64(len(rows))
	number, limit = min(max(number, 1), n+1), min(max(limit, 1), n+1)
	return page(rows, (number-1)*limit, limit)
}
