package words

import (
	"fmt"
	"slices"

	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// cost is what coupons of an operation cost: each what is recorded of it, and those
// without a record, as before the platform's answer or from a program of before, what the
// look told.
type cost struct {
	models.Sum
	each  int64 // the price of one, where all cost the same
	equal bool
	share bool // computed from the price of a whole 次卡
}

// costOf is what all of an operation cost.
func costOf(op models.Operation, coupons []models.Coupon) cost {
	return costWith(op, coupons, redeem.Consumed(op, coupons)-len(coupons))
}

// costStanding is costOf without what was undone.
func costStanding(op models.Operation, coupons []models.Coupon) cost {
	standing := slices.DeleteFunc(slices.Clone(coupons), func(k models.Coupon) bool { return !k.UndoneAt.IsZero() })
	return costWith(op, standing, redeem.Consumed(op, coupons)-len(coupons))
}

func costWith(op models.Operation, coupons []models.Coupon, untold int) (c cost) {
	c.each, c.equal = op.PriceFen, true
	if len(coupons) > 0 {
		c.each = coupons[0].PriceFen
	}
	add := func(p models.Price, share bool) {
		c.Sum.Add(p)
		c.equal = c.equal && !p.Unknown && p.Fen == c.each
		c.share = c.share || share && !p.Unknown
	}
	for _, k := range coupons {
		add(k.Price(), k.PriceShare)
	}
	for range untold {
		add(op.Price(), op.PriceShare)
	}
	return c
}

// priceOfOne is the price of one coupon of an operation.
func priceOfOne(op models.Operation) string { return costWith(op, nil, 1).text("张") }

// PriceOf is the price of the coupons of an operation; empty where the platform told none.
// A share of the price of a 次卡 is called that.
func PriceOf(op models.Operation, coupons []models.Coupon) string {
	return costOf(op, coupons).text(unitOf(op))
}

// PaidFor is what all of an operation cost; "": nothing was consumed, or no price is told.
func PaidFor(op models.Operation, coupons []models.Coupon) string {
	c := costOf(op, coupons)
	if op.State == models.Rejected || c.Count == c.Unpriced {
		return ""
	}
	return Amount(c.Sum)
}

func unitOf(op models.Operation) string {
	if op.Reusable {
		return "次"
	}
	return "张"
}

func (c cost) text(unit string) string {
	all, text := dianping.Fen(c.Fen), ""
	switch {
	case c.Count == c.Unpriced:
		return ""
	case c.Count == 1:
		text = all.String()
	case c.equal:
		text = fmt.Sprintf("%v × %d = %v", dianping.Fen(c.each), c.Count, all)
	default:
		text = fmt.Sprintf("%d %s共 %v", c.Count-c.Unpriced, unit, all)
	}
	if c.share {
		text += "（均摊）"
	}
	if c.Unpriced > 0 {
		text += fmt.Sprintf("，另有 %d %s金额不详", c.Unpriced, unit)
	}
	return text
}
