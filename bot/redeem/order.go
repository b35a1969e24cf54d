package redeem

import (
	"context"

	"yanquan/models"
)

// Where the look gives a ticket, a code or a link stands for its order, and which coupon
// it uses is the platform's choice: two codes may use the same one. So an order has one
// consume under way.

// rivalOfOrder finds another consume of the order that is under way once this one has waited
// for it; nil: there is none. Of two whose intents are durable, that with the smaller id
// waits for the other, which gives way at once.
func (t *consumption) rivalOfOrder(ctx context.Context) (*models.Operation, error) {
	if t.op.Ticket == "" || t.op.OrderID == "" {
		return nil, nil
	}
	ops, _, err := t.ofOrder(ctx, t.op.Code)
	if err != nil {
		return nil, err
	}
	begun := false
	for _, o := range ops {
		begun = begun || o.ID == t.op.ID
	}
	for _, o := range ops {
		if o.ID == t.op.ID || !consuming(o) {
			continue
		}
		if !begun || o.ID > t.op.ID {
			if o, err = t.Outcome(ctx, o); err != nil {
				return nil, err
			}
		}
		if consuming(o) {
			return &o, nil
		}
	}
	return nil, nil
}
