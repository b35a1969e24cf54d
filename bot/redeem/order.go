package redeem

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Which coupon of an order a consume uses is the platform's choice. Where the look gives a
// ticket, a code or a link stands for its order, and two codes may use the same coupon; where
// it does not, a consume of several uses the named one and others of the order. So an order
// has one such consume under way.

// rivalOfOrder finds another consume of the order that is under way once this one has waited
// for it; nil: there is none. Of two whose intents are durable, that with the smaller id
// waits for the other, which gives way at once.
func (t *consumption) rivalOfOrder(ctx context.Context) (*models.Operation, error) {
	if t.op.OrderID == "" || t.op.Ticket == "" && alone(t.op) {
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
		if o.ID == t.op.ID || !consuming(o) || !t.crosses(o) {
			continue
		}
		if !begun || o.ID > t.op.ID {
			if o, err = t.Outcome(ctx, o); err != nil {
				return nil, err
			}
		}
		if consuming(o) && t.crosses(o) {
			return &o, nil
		}
	}
	return nil, nil
}

// crosses reports whether another consume of the order may use what this one asks for, or
// the reverse.
func (t *consumption) crosses(o models.Operation) bool {
	return t.op.Ticket != "" || (t.op.Count > 1 || o.Count > 1) && mayShareOrder(t.op, o) && !t.over(o)
}

// over reports whether nothing of a consume in doubt takes effect any more: it is not sent
// again, and what was sent would show.
func (c *Core) over(o models.Operation) bool {
	last := o.NeedsHuman || !c.Now().Before(o.CalledAt.Add(HumanAfter))
	return last && !c.Now().Before(o.SentAt.Add(c.quietAfter()))
}

// alone reports whether a code was the only one of its order that could be used: a consume
// of several that had not taken effect yet would have left more. Every look of a coupon of an
// order tells how many there are.
func alone(op models.Operation) bool { return op.Reusable || op.Left <= 1 }

// mayShareOrder reports whether the codes of two operations can be of one order, by what the
// looks have told: not every platform tells the order.
func mayShareOrder(a, b models.Operation) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	switch {
	case a.StoreID != b.StoreID, a.Code == b.Code, alone(a), alone(b):
		return false
	case a.OrderID != "" && b.OrderID != "":
		return a.OrderID == b.OrderID
	}
	return a.DealID == b.DealID && !differ(a.Mobile, b.Mobile)
}

// orderBooks is how long before an operation's look another may have been begun whose
// consume took effect after it: until it is not sent again, and more.
const orderBooks = time.Hour

// byAnother reports whether another consume, of several coupons of the order as far as is
// known, can have made a record: it named our person, may have taken effect since our look,
// and its outcome does not tell which it took.
func (t settlement) byAnother(ctx context.Context, b books, rec platform.Record) (bool, error) {
	if alone(t.op) {
		return t.byAnotherShop(ctx, rec, slices.Concat(b.doubts, b.others))
	}
	ops, err := t.DB.History.OfSeveral(ctx, t.op.StoreID, t.op.CreatedAt.Add(-orderBooks), ReasonCodesMissing)
	if err != nil {
		return false, fmt.Errorf("redeem: consumes of several coupons: %w", err)
	}
	for _, o := range ops {
		if o.ID != t.op.ID && mayShareOrder(t.op, o) && by(o, rec) && rival(o, rec) &&
			o.SentAt.Add(t.quietAfter()).After(t.op.CreatedAt) {
			return true, nil
		}
	}
	ops, _, err = t.ofOrder(ctx, t.op.Code)
	if err != nil {
		return false, err
	}
	return t.byAnotherShop(ctx, rec, ops)
}

// byAnotherShop reports whether a consume of the code or its order, of those, at another account
// can have made a record: it named our person, it is in doubt or does not tell which coupons
// it took, and our shop's list does not show that the record is of ours.
func (t settlement) byAnotherShop(ctx context.Context, rec platform.Record, ops []models.Operation) (bool, error) {
	others := slices.DeleteFunc(ops, func(o models.Operation) bool {
		mayHave := consuming(o) && (o.Code == t.op.Code || o.Count > 1) || o.State == models.Done && o.Outcome.Reason == ReasonCodesMissing
		return o.StoreID == t.op.StoreID || !mayHave || !by(o, rec) || !rival(o, rec)
	})
	inStore := func(o models.Operation) bool { return !t.elsewhere(o) }
	if len(others) == 0 || slices.ContainsFunc(others, inStore) {
		return len(others) > 0, nil
	}
	listed, err := t.history(ctx, t.op.CalledAt, t.Now(), rec.At)
	return !shows(visits(t.op.Code, listed.Records), rec), err
}

// elsewhere reports whether an operation is of another store, whose visits our shop's list does
// not have.
func (t settlement) elsewhere(o models.Operation) bool {
	return o.StoreID != t.op.StoreID && !slices.Contains(t.others, o.StoreID)
}
