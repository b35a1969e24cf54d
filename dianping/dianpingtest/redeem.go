package dianpingtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The rules for checking, consuming and undoing, the same in both dialects. All
// of this runs under the lock.

// operator is who asks, and for which shop.
type operator struct {
	shop, account, name string
}

// consumeArgs is a consume of either dialect, parsed.
type consumeArgs struct {
	operator
	dialect   Dialect
	requestID string
	code      string
	count     int
	partly    bool // by a fault: only the named code is consumed, answer 1004
	again     bool // the requestid was used before
}

// consumeRow is the outcome for one code that was named: all that was consumed
// with it, or a refusal, or with 1004 both.
type consumeRow struct {
	consumed []*Voucher
	refused  *refusal
}

// unusable says why a voucher cannot be consumed at a shop now, or nil.
func (p *Platform) unusable(v *Voucher, shop string, now time.Time) *refusal {
	if !v.validAt(shop) {
		return refuse(codeWrongShop)
	}
	switch v.State {
	case Replaced:
		return refuse(codeReplaced)
	case Consumed:
		if !p.knobs.Unguarded {
			return refuse(codeUsed)
		}
	case Refunding:
		return refuse(codeRefunding)
	case RefundRequested, Refunded:
		return refuse(codeRefundRequested)
	}
	switch {
	case now.After(v.Expires):
		return refuse(codeExpired)
	case now.Before(v.ValidFrom):
		return refuse(codeNotYetValid)
	case v.Refusal != 0:
		return refuse(v.Refusal)
	}
	return nil
}

// prepare checks a code and says how many of its order can be consumed now. A
// used voucher is refused and told about all the same, with a count of 1, as in
// the known answer of the real platform.
func (p *Platform) prepare(code, shop string, now time.Time) (*Voucher, int, *refusal) {
	v := p.byCode[code]
	if v == nil {
		return nil, 0, refuse(codeNotFound)
	}
	if r := p.unusable(v, shop, now); r != nil {
		if r.code == codeUsed {
			r.msg = "此券号已于 " + wallTime(v.Use.Time) + " 被消费!"
			return v, 1, r
		}
		return nil, 0, r
	}
	return v, len(p.takable(v, shop, now)), nil
}

// consume verifies a code and count-1 more of its order, once per requestid.
func (p *Platform) consume(a consumeArgs, now time.Time) consumeRow {
	asked := fmt.Sprintf("%s %s x%d", a.shop, a.code, a.count)
	key := requestKey{a.dialect, a.requestID}
	rows, again, r := p.repeated(key, asked, now)
	if r != nil {
		return consumeRow{refused: r}
	}
	if rows != nil {
		return rows[0]
	}
	a.again = again
	row := p.consumeNow(a, now)
	if len(row.consumed) > 0 {
		p.done[key] = &doneRequest{at: now, asked: asked, rows: []consumeRow{row}}
	}
	return row
}

// batchConsume verifies several codes, each on its own, once per requestid.
func (p *Platform) batchConsume(items []consumeArgs, now time.Time) ([]consumeRow, *refusal) {
	var asked strings.Builder
	var codes []string
	for _, a := range items {
		fmt.Fprintf(&asked, "%s %s x%d;", a.shop, a.code, a.count)
		if slices.Contains(codes, a.code) {
			return nil, refuse(codeDuplicate)
		}
		codes = append(codes, a.code)
	}
	key := requestKey{items[0].dialect, items[0].requestID}
	rows, again, r := p.repeated(key, asked.String(), now)
	if r != nil || rows != nil {
		return rows, r
	}
	rows = make([]consumeRow, len(items))
	effect := false
	for i, a := range items {
		a.again = again
		rows[i] = p.consumeNow(a, now)
		effect = effect || len(rows[i].consumed) > 0
	}
	if effect {
		p.done[key] = &doneRequest{at: now, asked: asked.String(), rows: rows}
	}
	return rows, nil
}

// consumeNow is consume without regard to the requestid.
func (p *Platform) consumeNow(a consumeArgs, now time.Time) consumeRow {
	if a.count < 1 || a.count > 100 {
		return consumeRow{refused: refuse(codeBadCount)}
	}
	v := p.byCode[a.code]
	if v == nil {
		return consumeRow{refused: refuse(codeNotFound)}
	}
	if r := p.unusable(v, a.shop, now); r != nil {
		return consumeRow{refused: r}
	}
	if a.again && (v.Visits > 0 || v.State == Consumed) { // visits are left, or nothing guards, but not for a request that has had its effect
		return consumeRow{refused: refuse(codeUsed)}
	}
	takable := p.takable(v, a.shop, now)
	if a.count > len(takable) {
		return consumeRow{refused: refuse(codeTooMany)}
	}
	row := consumeRow{consumed: takable[:a.count]}
	if a.partly && a.count > 1 {
		row = consumeRow{consumed: row.consumed[:1], refused: refuse(codePartly)}
	}
	for _, c := range row.consumed {
		p.applyConsume(c, Use{
			Time: now, Shop: a.shop, Account: a.account, AccountName: a.name,
			Channel: channelInterface, RequestID: a.requestID,
		}, a.dialect)
	}
	return row
}

// undo takes a verification back, of a times card the latest; the returned voucher
// is that of the code named.
func (p *Platform) undo(code string, dealID int64, op operator, d Dialect, now time.Time) (*Voucher, *refusal) {
	v := p.byCode[code]
	switch {
	case v == nil:
		return nil, refuse(codeNotFound)
	case !v.validAt(op.shop):
		return nil, refuse(codeWrongShop)
	case v.State == Replaced:
		return nil, refuse(codeReplaced)
	case v.State == Refunding:
		return nil, refuse(codeRefunding)
	case v.State == RefundRequested || v.State == Refunded:
		return nil, refuse(codeRefundRequested)
	case v.Use == nil:
		return nil, refuseFor(codeFailed, "该券码未被验证")
	case v.Use.Shop != op.shop:
		return nil, refuse(codeWrongShop)
	case v.DealID != dealID:
		return nil, refuseFor(codeFailed, "套餐不符")
	case now.Sub(v.Use.Time) > p.opts.UndoWindow:
		return nil, refuse(codeUndoTooLate)
	}
	p.applyUndo(v, now, op, d)
	return v, nil
}

// wallTime writes a time as the platform does, in Beijing.
func wallTime(t time.Time) string { return t.In(beijing).Format(time.DateTime) }
