package redeem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Why a verification does not end as undone at the platform.
var (
	ErrStillThere = errors.New("redeem: the platform still has the verification")
	ErrNotTold    = errors.New("redeem: the platform does not say whether it still has the verification")
)

// CloseUndone ends a verification that was undone at the platform, as reconciliation has
// found and a person (by, a name) confirms. gone are the coupons that it has found, by
// code. The platform is asked about each once more, where it is connected: one that it
// still has stands. Nothing is undone there. The caller keeps the audit.
func (c *Core) CloseUndone(ctx context.Context, op models.Operation, gone map[string]int, by string) (Step, error) {
	if op.State != models.Done {
		return nil, ErrNotInDoubt
	}
	t, err := c.reopen(ctx, op)
	if err != nil {
		return nil, err
	}
	coupons, err := c.DB.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("redeem: coupons: %w", err)
	}
	t.op.State, t.op.UndoCalledAt = "", time.Time{} // no lease to prolong, for nothing is sent
	r, left := reversal{t}, ErrNotInDoubt
	var ended []models.Coupon
	before := slices.ContainsFunc(coupons, func(c models.Coupon) bool { return !c.UndoneAt.IsZero() })
	for i := range coupons {
		coupon := &coupons[i]
		if !coupon.UndoneAt.IsZero() || gone[coupon.Code] == 0 {
			continue
		}
		switch err := r.lacks(ctx, *coupon, openOf(coupons, coupon.Code)); {
		case errors.Is(err, ErrStillThere), errors.Is(err, ErrNotTold): // of several with a code, another may be gone
			if !errors.Is(left, ErrNotTold) {
				left = err
			}
		case err != nil:
			return nil, err
		default:
			gone[coupon.Code]--
			coupon.UndoneAt = c.Now()
			ended = append(ended, *coupon)
		}
	}
	switch {
	case len(ended) > 0:
	case UndoneThere(op) && errors.Is(left, ErrStillThere): // what was found has ended before
		return nil, ErrNotInDoubt
	default:
		return nil, left
	}
	if !before { // nothing was undone by us
		op.UndoUserID, op.UndoUser = "", ""
	}
	op.UndoReason, op.UndoMessage = ReasonUndoneThere, by
	stands := slices.ContainsFunc(coupons, func(c models.Coupon) bool { return c.UndoneAt.IsZero() })
	if !stands && Consumed(op, coupons) <= len(coupons) {
		op.UndoneAt = c.Now()
	}
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.UndoneThere(ctx, op, ended)
	}), nil
}

// lacks makes sure that the platform's books do not show a coupon's verification; nil: they
// do not, or the account is not connected.
func (t *reversal) lacks(ctx context.Context, c models.Coupon, open int) error {
	if t.shop == nil {
		return nil
	}
	recorded, err := t.record(ctx, couponOf(t.op, c))
	switch {
	case err != nil:
		return err
	case recorded.Proves == platform.Unclear:
		return ErrNotTold
	case recorded.Proves != platform.Consumed:
		return nil
	}
	state, _, err := t.state(ctx, c, open) // the record may be of another verification of the code
	switch {
	case err != nil:
		return err
	case state == isUndone:
		return nil
	case state == notKnown, state == notYet:
		return ErrNotTold
	}
	return ErrStillThere
}

// sendsNone reports whether no undo follows what is asked: then it matters how many of several
// visits stand, and not that the last is ours.
func (t *reversal) sendsNone() bool { return t.op.State == "" }

// UndoneThere reports whether what was undone of an operation was undone at the platform, and
// not by us.
func UndoneThere(op models.Operation) bool { return op.UndoReason == ReasonUndoneThere }
