package redeem

import (
	"context"
	"errors"
	"fmt"

	"yanquan/bot/platform"
	"yanquan/models"
)

// ErrNotInDoubt: the operation is not one that a person can end.
var ErrNotInDoubt = errors.New("redeem: the operation is not left to people")

// Close ends a doubt that people were told of, by what one of them (by, a name)
// has seen at the platform: the coupons are consumed, or not. No call is made.
// The caller keeps the audit.
func (c *Core) Close(ctx context.Context, op models.Operation, consumed bool, by string) (Step, error) {
	if op.State.Terminal() || !op.NeedsHuman {
		return nil, ErrNotInDoubt
	}
	t, err := c.reopen(ctx, op)
	if err != nil {
		return nil, err
	}
	if consuming(op) {
		c := consumption{t}
		return c.closeConsume(consumed, by), nil
	}
	coupons, err := c.DB.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("redeem: coupons: %w", err)
	}
	for i := range coupons {
		switch {
		case !coupons[i].UndoneAt.IsZero(), coupons[i].Untold():
		case consumed:
			coupons[i].UndoReason = ReasonClosedUsed
		default:
			coupons[i].UndoneAt = c.Now()
		}
	}
	t.op.UndoMessage = by
	r := reversal{t}
	return r.undone(coupons), nil
}

func (t *consumption) closeConsume(consumed bool, by string) Step {
	if !consumed {
		return t.rejected(models.Outcome{Reason: ReasonClosedUnused, Message: by})
	}
	reason := ReasonClosedUsed
	if t.op.Count > 1 && !t.op.Reusable {
		reason = ReasonCodesMissing
	}
	return t.doneSaid([]platform.Coupon{own(t.op)}, t.op.CalledAt, models.Outcome{Reason: reason, Message: by})
}
