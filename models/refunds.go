package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Refund is a coupon whose money the platform gave back to the customer after an
// operation of ours had used it. It is not taken from the figures of the day on which the
// coupon was verified, but counts on its own, on the day of the refund.
type Refund struct {
	Platform      string    `gorm:"primaryKey;size:32"`
	CertificateID string    `gorm:"primaryKey;size:64"` // the platform's id of the coupon
	StoreID       int64     // the [Account] that verified it
	OperationID   string    `gorm:"size:64"`
	Code          string    `gorm:"size:64"` // of the [Coupon]; "": the operation was in doubt, or the platform did not tell it
	OrderID       string    `gorm:"size:64"`
	Title         string    `gorm:"size:255"`
	PriceFen      int64     // what it was sold for; the platform does not tell what it gave back
	PriceUnknown  bool      // PriceFen is 0
	RefundedAt    time.Time `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (Refund) TableName() string { return "refunds" }

// RefundStore keeps which verified coupons were refunded.
type RefundStore struct{ *core }

// Add records a refund. fresh is false where that of the same coupon is there already;
// it stays as it is.
func (s RefundStore) Add(ctx context.Context, r Refund) (fresh bool, err error) {
	const what = "add refund"
	if r.StoreID == 0 || moment(r.RefundedAt).IsZero() {
		return false, failed(what, ErrInvalid)
	}
	if err := identity(what, 32, r.Platform); err != nil {
		return false, err
	}
	if err := identity(what, 64, r.CertificateID, r.OperationID); err != nil {
		return false, err
	}
	r = tidy(r)
	err = s.inTx(ctx, func(tx *DB) (err error) {
		if fresh, err = addOnce(ctx, tx.core, what, &r); err != nil || !fresh {
			return err
		}
		return tx.witness(func(w Witness) error { return w.Refunded(ctx, tx, r) })
	})
	return fresh && err == nil, err
}

// Claim lists the refunds of what an operation used, which is locked until the transaction
// ends, so that nobody else records one meanwhile. One without a code is of any coupon: the
// operation was in doubt, or the platform did not tell that coupon's.
func (s RefundStore) Claim(ctx context.Context, operationID string) ([]Refund, error) {
	if s.cfg.Driver == MySQL { // a transaction of SQLite is alone
		err := s.read(ctx, "claim refunds", func(g *gorm.DB) error {
			var op []string
			return g.Model(&Operation{}).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", operationID).Pluck("id", &op).Error
		})
		if err != nil {
			return nil, err
		}
	}
	return s.Of(ctx, operationID)
}

// stands lets refunds through whose verification was not taken back. An operation that
// was in doubt may turn out to have consumed nothing, or to be undone.
const stands = "operations.state NOT IN ? AND (refunds.code = '' OR EXISTS (SELECT 1 FROM coupons" +
	" WHERE coupons.operation_id = refunds.operation_id AND coupons.code = refunds.code AND coupons.undone_at IS NULL))"

// Between lists the refunds of accounts from a time until before another, oldest first.
func (s RefundStore) Between(ctx context.Context, accounts []int64, from, to time.Time) ([]Refund, error) {
	var all []Refund
	for ids := range slices.Chunk(accounts, accountsAtOnce) {
		var rows []Refund
		err := s.read(ctx, "list refunds", func(g *gorm.DB) error {
			return g.Joins("JOIN operations ON operations.id = refunds.operation_id").
				Where("refunds.store_id IN ? AND refunds.refunded_at >= ? AND refunds.refunded_at < ?", ids, stamp(from), stamp(to)).
				Where(stands, []State{Rejected, Undone}).Find(&rows).Error
		})
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	slices.SortStableFunc(all, func(a, b Refund) int { return a.RefundedAt.Compare(b.RefundedAt) })
	return all, nil
}

// RefundsOf gives each coupon of an operation its refund, or nil. A refund with a code is of
// one coupon of that code: each visit of a 次卡 has the same. One without is of the first
// coupon that no other names. What was undone was paid back by that, and has none.
func RefundsOf(coupons []Coupon, refunds []Refund) []*Refund {
	of := make([]*Refund, len(coupons))
	named := map[string]bool{}
	for _, r := range refunds {
		named[r.Code] = r.Code != ""
	}
	give := func(r *Refund, fits func(Coupon) bool) bool {
		i := 0
		for i < len(coupons) && (of[i] != nil || !coupons[i].UndoneAt.IsZero() || !fits(coupons[i])) {
			i++
		}
		if i == len(coupons) {
			return false
		}
		of[i] = r
		return true
	}
	for i, r := range refunds {
		if r.Code != "" {
			give(&refunds[i], func(c Coupon) bool { return c.Code == r.Code })
		}
	}
	for i, r := range refunds {
		if r.Code == "" && !give(&refunds[i], func(c Coupon) bool { return !named[c.Code] }) {
			give(&refunds[i], func(Coupon) bool { return true })
		}
	}
	return of
}

// Of lists the refunds of what an operation used, whatever became of it since.
func (s RefundStore) Of(ctx context.Context, operationID string) ([]Refund, error) {
	var rows []Refund
	err := s.read(ctx, "find refunds", func(g *gorm.DB) error {
		return g.Where("operation_id = ?", operationID).Order("refunded_at, certificate_id").Find(&rows).Error
	})
	return rows, err
}
