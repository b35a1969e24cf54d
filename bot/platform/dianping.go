package platform

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"yanquan/dianping"
)

// Dianping is a shop of Meituan/Dianping, of either generation. window is how
// long an undo is possible; the platform's own is ten minutes.
func Dianping(client dianping.Client, shop dianping.Shop, window time.Duration) Shop {
	return dianpingShop{client, shop, window}
}

type dianpingShop struct {
	client dianping.Client
	shop   dianping.Shop
	window time.Duration
}

func (d dianpingShop) UndoWindow() time.Duration { return d.window }

func (d dianpingShop) Look(ctx context.Context, code string) Looked {
	receipt, err := d.client.Prepare(ctx, d.shop, code)
	e := failure(err)
	looked := Looked{Said: said(dianping.CallPrepare, e), Proves: lookProof(e)}
	switch {
	case e == nil:
		looked.Voucher = voucherOf(receipt)
	case e.Receipt != nil:
		looked.Voucher = voucherOf(*e.Receipt)
	}
	if looked.Proves == Used {
		looked.UsedAt = e.UsedAt
	}
	return looked
}

// Remaining is a look: a code that stays good goes on being usable.
func (d dianpingShop) Remaining(ctx context.Context, c Coupon) Looked { return d.Look(ctx, c.Code) }

func (d dianpingShop) Scan(ctx context.Context, qr string) Scanned {
	rows, err := d.client.ScanPrepare(ctx, d.shop, qr)
	scanned := Scanned{Said: said(dianping.CallScanPrepare, failure(err)), Unsupported: errors.Is(err, dianping.Unsupported)}
	for _, r := range rows {
		same := func(v Voucher) bool {
			return v.Code == r.Code || r.DealID != 0 && v.DealID == r.DealID && v.PriceFen == int64(r.Price)
		}
		if CodeLike(r.Code) && !slices.ContainsFunc(scanned.Vouchers, same) {
			scanned.Vouchers = append(scanned.Vouchers, voucherOf(r))
		}
	}
	if err == nil && len(scanned.Vouchers) == 0 {
		scanned.Reason, scanned.Why = NotFound, NotFound
	}
	return scanned
}

func (d dianpingShop) Consume(ctx context.Context, o Order, again bool) Consumption {
	rows, err := d.client.Consume(ctx, d.shop, dianping.ConsumeRequest{
		RequestID: o.RequestID, Code: o.Code, Count: o.Count, Operator: dianping.Operator(o.By),
	})
	e := failure(err)
	if e != nil {
		rows = e.Receipts
	}
	return Consumption{
		Said: said(dianping.CallConsume, e), Proves: consumeProof(e, again), Coupons: couponsOf(rows),
		Doubtful: repeated(e),
	}
}

func (d dianpingShop) Record(ctx context.Context, c Coupon) Recorded {
	r, err := d.client.GetConsumed(ctx, d.shop, c.Code)
	e := failure(err)
	return Recorded{Said: said(dianping.CallGetConsumed, e), Proves: recordProof(e), Record: recordOf(r)}
}

func (d dianpingShop) Reverse(ctx context.Context, c Coupon, by Operator, again bool) Reversal {
	_, err := d.client.ReverseConsume(ctx, d.shop, dianping.ReverseRequest{
		Code: c.Code, DealID: c.DealID, Operator: dianping.Operator(by),
	})
	e := failure(err)
	return Reversal{
		Said: said(dianping.CallReverseConsume, e), Proves: reverseProof(e, again),
		Doubtful: e != nil && (e.Class == dianping.Throttled || e.Class == dianping.Refused && echo(e.Reason)),
	}
}

// The lists of a day: which one covers what is not said. All but the first may be
// refused. An undo is settled by those of a few kinds, the accounts want all.
var (
	fewKinds = []dianping.ListQuery{{}, {Type: 1}, {Type: 1, BizType: timesCard}}
	allKinds = []dianping.ListQuery{
		{}, {BizType: 201}, {BizType: 203}, // 团购: plain, not explained, 拼团
		{Type: 1}, {Type: 1, BizType: timesCard}, {Type: 1, BizType: 217}, // the rest: all, 次卡, 通兑标品
	}
)

func (d dianpingShop) History(ctx context.Context, on ...time.Time) Listed {
	return d.list(ctx, fewKinds, on)
}

func (d dianpingShop) Day(ctx context.Context, day time.Time) Listed {
	return d.list(ctx, allKinds, []time.Time{day})
}

// list is what these days have of some kinds, each verification once.
func (d dianpingShop) list(ctx context.Context, kinds []dianping.ListQuery, on []time.Time) Listed {
	listed := Listed{Known: true, Said: said(dianping.CallQueryListByDate, nil)}
	type id struct{ code, at, flow, by string }
	seen, asked := map[id]bool{}, map[string]bool{}
	for _, t := range on {
		day := t.In(beijing).Format(time.DateOnly)
		if t.IsZero() || asked[day] {
			continue
		}
		asked[day] = true
		for i, q := range kinds {
			q.Date = t
			rows, err := d.client.QueryListByDate(ctx, d.shop, q)
			e := failure(err)
			if e != nil && i > 0 && (e.Class == dianping.Refused || e.Class == dianping.Unsupported) {
				listed.Partial = true
				continue
			}
			if e != nil {
				return Listed{Said: said(dianping.CallQueryListByDate, e)}
			}
			for _, r := range rows {
				if key := (id{r.Code, r.VerifyTime.UTC().String(), r.FlowID, r.VerifyAccount}); !seen[key] {
					seen[key] = true
					listed.Records = append(listed.Records, recordOf(r))
				}
			}
		}
	}
	return listed
}

// Shares tells nothing: who pays what is told with the consume, for an order; see
// [PaidFor].
func (d dianpingShop) Shares(context.Context, []string) (map[string]Paid, Said) { return nil, Said{} }

// beijing is the zone of the platform's days.
var beijing = time.FixedZone("CST", 8*60*60)

// timesCard is the biz_type of 次卡: the code stays the same from visit to visit.
const timesCard = 205

// thirdParty is the verify_channel of interfaces like this one.
const thirdParty = "15"

func voucherOf(r dianping.Receipt) Voucher {
	return Voucher{
		Code: r.Code, Left: r.Count, Reusable: r.TimesCard, OrderID: r.OrderID,
		DealID: r.DealID, DealGroupID: r.DealGroupID, Title: r.Title, Mobile: r.Mobile,
		PriceFen: int64(r.Price), PriceKnown: r.PriceKnown, MarketFen: int64(r.MarketPrice), Expires: r.Expires,
	}
}

func couponsOf(rows []dianping.Receipt) []Coupon {
	var list []Coupon
	for _, r := range rows {
		list = append(list, Coupon{
			Code: r.Code, OrderID: r.OrderID, DealID: r.DealID, DealGroupID: r.DealGroupID,
			PriceFen: int64(r.Price), PriceKnown: r.PriceKnown, Payments: paymentsJSON(r.Payments),
		})
	}
	return list
}

func recordOf(r dianping.Record) Record {
	return Record{
		Code: r.Code, At: r.VerifyTime, Account: strings.TrimSpace(r.VerifyAccount), Title: r.Title,
		Channel: r.VerifyChannel, Interface: r.VerifyChannel == thirdParty, Foreign: r.VerifyChannel != "" && r.VerifyChannel != thirdParty,
		RefundStatus: r.RefundStatus, Refunded: r.RefundStatus == refundedUnused || r.RefundStatus == refundedUsed,
		DealID: r.DealID, DealGroupID: r.DealGroupID, PriceFen: int64(r.Price), PriceKnown: r.PriceKnown, Reusable: r.BizType == timesCard,
	}
}

// The refund states that mean money given back: 未消费退, 已消费退.
const refundedUnused, refundedUsed = "4", "6"

// paymentsJSON keeps the lines of payment_detail for the accounts.
func paymentsJSON(lines []dianping.Payment) string {
	if len(lines) == 0 {
		return ""
	}
	data, err := json.Marshal(lines)
	if err != nil {
		return "" // plain numbers and text: cannot fail
	}
	return string(data)
}

// failure gives the client's error; anything else is a fault of ours and is
// treated as the worst that it can be.
func failure(err error) *dianping.Error {
	if err == nil {
		return nil
	}
	var e *dianping.Error
	if errors.As(err, &e) {
		return e
	}
	return &dianping.Error{Class: dianping.UnknownOutcome, Err: err}
}
