package redeem

import (
	"context"
	"errors"
	"fmt"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A code can be good at several platforms of a store. Which one is meant is one decision:
// what stands on it at one account is not consumed at another, unless a person has seen
// it and says so.

// beside finds the newest operation that stands on the code at another account of the
// store; nil: there is none but what was known when the operation was asked for.
func (t *consumption) beside(ctx context.Context) (*models.Operation, error) {
	if len(t.others) == 0 {
		return nil, nil
	}
	standing, err := t.standing(ctx, t.others, t.op.Code)
	if err != nil {
		return nil, fmt.Errorf("redeem: operations beside: %w", err)
	}
	if standing == nil {
		return nil, nil
	}
	known, err := t.hasSeen(ctx, t.op.OtherID, *standing)
	if err != nil || known {
		return nil, err
	}
	return standing, nil
}

// acknowledge notes which operation at another account the person knows of: that which
// was seen, or for who names the platform whichever stands now; one in doubt is known by
// whom it was told only.
func (t *consumption) acknowledge(ctx context.Context, r Request) error {
	t.op.OtherID = r.Follows
	if !r.Named {
		return nil
	}
	other, err := t.beside(ctx)
	if other != nil && !consuming(*other) {
		t.op.OtherID = other.ID
	}
	return err
}

// crossed is beside, or its like, once the intent is durable. Of two that were begun at the
// same moment, one waits what becomes of the other, and the other gives way: so one goes on.
func (t *consumption) crossed(ctx context.Context, beside func(context.Context) (*models.Operation, error)) (*models.Operation, error) {
	other, err := beside(ctx)
	if err != nil || other == nil || other.ID < t.op.ID {
		return other, err
	}
	now, err := t.Outcome(ctx, *other)
	if err != nil || Standing(now) {
		return &now, err
	}
	return beside(ctx)
}

// answered refuses a request whose question was answered otherwise before, for what that
// has led to. No step: for none.
func (c *Core) answered(ctx context.Context, r Request) (Step, error) {
	if r.Rival == nil {
		return nil, nil
	}
	other, err := r.Rival(ctx)
	if err != nil || other == nil {
		return nil, err
	}
	now, err := c.Outcome(ctx, *other)
	if err != nil || !Standing(now) {
		return nil, err
	}
	t := &consumption{&talk{Core: c, op: c.operation(r)}}
	return t.refusedFor(now), nil
}

// refusedBeside refuses a code because of an operation at another account.
func (t *consumption) refusedBeside(other *models.Operation) Step {
	if other == nil {
		return nil
	}
	t.because(*other)
	return t.refused(t.op.Outcome)
}

// givesWay ends an intent because of an operation at another account: nothing was sent.
func (t *consumption) givesWay(other models.Operation) Step {
	t.because(other)
	return t.rejected(t.op.Outcome)
}

// because notes the operation at another account that a code is refused for: where it
// stands, and that it may be verified at this one all the same.
func (t *consumption) because(other models.Operation) {
	t.alsoAt = accountIDs(t.op.StoreID)
	t.op.Outcome = t.stands(other)
	t.op.Outcome.Message = accountIDs(other.StoreID)
}

// ofCode lists the journal's operations on a code that are in the same platform's books.
func (t *talk) ofCode(ctx context.Context, code string) ([]models.Operation, error) {
	ops, err := t.DB.History.OfCode(ctx, code)
	if err != nil {
		return nil, fmt.Errorf("redeem: operations of a code: %w", err)
	}
	return t.sameBooks(ctx, ops)
}

// ofOrder lists those on the operation's order, or on a code where it is not known, with
// what they consumed.
func (t *talk) ofOrder(ctx context.Context, code string) ([]models.Operation, []models.Coupon, error) {
	ops, coupons, err := t.DB.History.OfOrder(ctx, t.op.OrderID, code)
	if err != nil {
		return nil, nil, fmt.Errorf("redeem: operations of an order: %w", err)
	}
	ops, err = t.sameBooks(ctx, ops)
	return ops, coupons, err
}

// sameBooks leaves out what was done at another platform, which may have sold the same
// code to somebody else: the books that are asked have nothing of it.
func (t *talk) sameBooks(ctx context.Context, ops []models.Operation) ([]models.Operation, error) {
	platforms := map[int64]string{}
	of := func(account int64) (string, error) {
		if p, known := platforms[account]; known {
			return p, nil
		}
		s, err := t.DB.Directory.Store(ctx, account)
		if err != nil {
			return "", fmt.Errorf("redeem: store: %w", err)
		}
		a, _ := s.AccountOf(account) // by which it was found
		platforms[account] = a.Platform
		return a.Platform, nil
	}
	var same []models.Operation
	for _, o := range ops {
		if o.StoreID == t.op.StoreID {
			same = append(same, o)
			continue
		}
		here, err := of(t.op.StoreID)
		there, other := of(o.StoreID)
		if err = errors.Join(err, other); err != nil {
			return nil, err
		}
		if platform.SameBooks(here, there) {
			same = append(same, o)
		}
	}
	return same, nil
}
