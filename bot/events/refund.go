package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/douyin"
	"yanquan/models"
)

// refund records and tells the refund of a coupon that operations of ours used, or may
// have used. Most refunds are of coupons that nobody has used: they concern no shop.
func (d *Douyin) refund(ctx context.Context, tx *models.DB, n douyin.Notice) error {
	ops, coupons, err := tx.History.OfOrder(ctx, n.OrderID, "")
	if err != nil {
		return fmt.Errorf("operations of an order: %w", err)
	}
	told := map[int64]bool{} // stores
	for _, u := range d.usesOf(ctx, tx, ops, coupons, n.CertificateID) {
		s, err := tx.Directory.Store(ctx, u.op.StoreID)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if a, ok := s.AccountOf(u.op.StoreID); !ok || a.Platform != platform.DouyinName || told[s.ID] {
			continue
		}
		r := u.refund(n, tx.Now())
		if len(told) == 0 { // the last use has it: it counts once
			fresh, err := tx.Refunds.Add(ctx, r)
			if err != nil || !fresh {
				return err
			}
		}
		told[s.ID] = true
		if err := d.Tell(ctx, tx, "refund/"+platform.DouyinName+"/"+n.CertificateID, []int64{s.ID}, d.Words.Refunded(s, u.op, r)); err != nil {
			return err
		}
	}
	return nil
}

// use is an operation that used a coupon, or may have.
type use struct {
	op     models.Operation
	coupon models.Coupon // zero: the operation is in doubt
}

// usesOf finds, among the operations on an order, those that used a coupon of it and were
// not undone, the last first. An operation in doubt may have used what it was to take. Where
// no use is known by the coupon's id, it is the last one without.
func (d *Douyin) usesOf(ctx context.Context, tx *models.DB, ops []models.Operation, coupons []models.Coupon, certificate string) (uses []use) {
	var nameless []use
	for _, op := range slices.Backward(ops) {
		if op.State == models.Rejected || op.State == models.Undone {
			continue
		}
		if op.ConsumedAt.IsZero() {
			if slices.Contains(d.takes(ctx, tx, op), certificate) {
				uses = append(uses, use{op: op})
			}
			continue
		}
		for _, c := range coupons {
			if c.OperationID != op.ID || !c.UndoneAt.IsZero() {
				continue
			}
			switch platform.DouyinCertificate(c.Handle) {
			case certificate:
				uses = append(uses, use{op, c})
			case "":
				nameless = append(nameless, use{op, c})
			}
		}
	}
	if len(uses) == 0 {
		return nameless[:min(1, len(nameless))]
	}
	return uses
}

// takes are the coupons that an operation in doubt was to use.
func (d *Douyin) takes(ctx context.Context, tx *models.DB, op models.Operation) []string {
	ticket, err := tx.Journal.Ticket(op)
	if err != nil {
		d.Log.ErrorContext(ctx, "ticket cannot be read", "operation", op.ID, "error", err)
		return nil
	}
	return platform.DouyinCertificates(ticket, op.Count)
}

// refund is what is kept of it. The platform does not tell how much it gave back: it is
// what the coupon was sold for, and not known of a 次卡, of which it may be a part.
func (u use) refund(n douyin.Notice, now time.Time) models.Refund {
	r := models.Refund{
		Platform: platform.DouyinName, CertificateID: n.CertificateID, StoreID: u.op.StoreID, OperationID: u.op.ID, Code: u.coupon.Code,
		OrderID: n.OrderID, Title: u.op.Title, PriceFen: u.op.PriceFen, PriceUnknown: u.op.PriceUnknown, RefundedAt: n.Sent,
	}
	if u.coupon.OperationID != "" {
		r.PriceFen, r.PriceUnknown = u.coupon.PriceFen, u.coupon.PriceUnknown
	}
	if u.op.Reusable {
		r.PriceFen, r.PriceUnknown = 0, true
	}
	if n.Sent.Before(u.op.CreatedAt.Truncate(time.Second)) || n.Sent.After(now) { // or not told
		r.RefundedAt = now
	}
	return r
}
