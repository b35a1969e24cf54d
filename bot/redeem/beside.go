package redeem

import (
	"context"
	"fmt"

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

// crossed is beside once the intent is durable. Of two that were begun at the same
// moment, one waits what becomes of the other, and the other gives way: so one goes on.
func (t *consumption) crossed(ctx context.Context) (*models.Operation, error) {
	other, err := t.beside(ctx)
	if err != nil || other == nil || other.ID < t.op.ID {
		return other, err
	}
	now, err := t.Outcome(ctx, *other)
	if err != nil || Standing(now) {
		return &now, err
	}
	return t.beside(ctx)
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
