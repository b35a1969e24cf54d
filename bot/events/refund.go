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
// have used. Most refunds are of coupons that no shop has used. Neither the use nor the
// shop is in the message, so of one that a till has used managers are not told either: no
// shop of theirs could be named, and its day's reconciliation has what the platform says.
func (d *Douyin) refund(ctx context.Context, tx *models.DB, n douyin.Notice) error {
	uses, err := d.usesOf(ctx, tx, n)
	if err != nil {
		return err
	}
	for i, u := range uses {
		r := u.refund(n, tx.Now())
		if i == 0 { // the last use has it: it counts once
			fresh, err := tx.Refunds.Add(ctx, r)
			if err != nil || !fresh {
				return err
			}
		}
		if err := d.Tell(ctx, tx, "refund/"+platform.DouyinName+"/"+n.CertificateID, []int64{u.store.ID}, d.Words.Refunded(u.store, u.op, r)); err != nil {
			return err
		}
	}
	return nil
}

// use is an operation that used a coupon, or may have.
type use struct {
	store  models.Store
	op     models.Operation
	coupon models.Coupon // zero: the operation is in doubt
}

// usesOf finds, among the operations on an order, those that used a coupon of it and were
// not undone, the last first. An operation in doubt may have used what it was to take. Where
// no use is known by the coupon's id, it is the last one without that was not refunded.
func (d *Douyin) usesOf(ctx context.Context, tx *models.DB, n douyin.Notice) (uses []use, err error) {
	ops, coupons, err := tx.History.OfOrder(ctx, n.OrderID, "")
	if err != nil {
		return nil, fmt.Errorf("operations of an order: %w", err)
	}
	var nameless [][]use // by operation
	for _, op := range slices.Backward(ops) {
		if op.State == models.Rejected || op.State == models.Undone {
			continue
		}
		s, here, err := at(ctx, tx, op)
		if err != nil {
			return nil, err
		}
		if !here {
			continue
		}
		if op.ConsumedAt.IsZero() && slices.Contains(d.takes(ctx, tx, op), n.CertificateID) {
			uses = append(uses, use{store: s, op: op})
		}
		var without []use
		for _, c := range coupons {
			if c.OperationID != op.ID || !c.UndoneAt.IsZero() {
				continue
			}
			switch platform.DouyinCertificate(c.Handle) {
			case n.CertificateID:
				uses = append(uses, use{s, op, c})
			case "":
				without = append(without, use{s, op, c})
			}
		}
		if len(without) > 0 {
			nameless = append(nameless, without)
		}
	}
	if len(uses) > 0 {
		return uses, nil
	}
	for _, of := range nameless {
		refunds, err := tx.Refunds.Claim(ctx, of[0].op.ID)
		if err != nil {
			return nil, fmt.Errorf("refunds: %w", err)
		}
		if u := notRefunded(of, refunds); u != nil {
			return []use{*u}, nil
		}
	}
	return nil, nil
}

// notRefunded is the first use of an operation without a refund, and of a code that none
// names: the visits of one 次卡 may be of one certificate.
func notRefunded(uses []use, refunds []models.Refund) *use {
	coupons := make([]models.Coupon, len(uses))
	for i, u := range uses {
		coupons[i] = u.coupon
	}
	for i, r := range models.RefundsOf(coupons, refunds) {
		named := slices.ContainsFunc(refunds, func(r models.Refund) bool { return r.Code == coupons[i].Code })
		if r == nil && (coupons[i].Untold() || !named) {
			return &uses[i]
		}
	}
	return nil
}

// at gives the store of an operation, and whether it was made at the platform: another's
// orders may have the same numbers.
func at(ctx context.Context, tx *models.DB, op models.Operation) (s models.Store, here bool, err error) {
	s, err = tx.Directory.Store(ctx, op.StoreID)
	if errors.Is(err, models.ErrNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("store: %w", err)
	}
	a, known := s.AccountOf(op.StoreID)
	return s, known && a.Platform == platform.DouyinName, nil
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
