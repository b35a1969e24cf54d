package redeem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// What a talk ends with.

// settled is the step of an operation that needs no move.
func settled(op models.Operation) Step {
	return func(context.Context, *models.DB) (models.Operation, error) { return op, nil }
}

// step is a move with the calls that led to it.
func (t *talk) step(move func(ctx context.Context, tx *models.DB) (models.Operation, error)) Step {
	calls, settling := t.calls, t.settling
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		op, err := move(ctx, tx)
		if err != nil {
			return op, err
		}
		log := tx.Calls.Log
		if settling {
			log = tx.Calls.LogAgain
		}
		if err := log(ctx, calls); err != nil {
			return op, fmt.Errorf("redeem: calls: %w", err)
		}
		return op, nil
	}
}

// refused: the operation never came to a consume call.
func (t *consumption) refused(o models.Outcome) Step {
	op := t.op
	op.Outcome = o
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		stored, err := tx.Journal.Refuse(ctx, op)
		if errors.Is(err, models.ErrDuplicate) { // begun by an earlier worker of this message
			return stored, nil
		}
		return stored, err
	})
}

// refusedFor: because of another operation of ours.
func (t *consumption) refusedFor(other models.Operation) Step {
	return t.refused(t.stands(other))
}

// stands notes the operation of ours that stands on the code. Where it has ended meanwhile
// nothing stands: why it was refused is told, or that it was in the way.
func (t *consumption) stands(other models.Operation) models.Outcome {
	switch o := other.Outcome; {
	case other.State == models.Rejected:
		return models.Outcome{Reason: cmp.Or(o.Reason, ReasonInTheWay), Code: o.Code, Message: o.Message, TraceID: o.TraceID}
	case !Standing(other):
		return models.Outcome{Reason: ReasonInTheWay}
	}
	t.op.OtherID, t.op.UsedBy = other.ID, other.User
	t.op.Title, t.op.PriceFen, t.op.PriceUnknown, t.op.PriceShare = other.Title, other.PriceFen, other.PriceUnknown, other.PriceShare
	reason := ReasonBusy
	switch other.State {
	case models.Done, models.Undoing, models.UndoUnknown:
		reason, t.op.UsedAt = ReasonHere, other.ConsumedAt
	case models.Held:
		reason = platform.RiskHeld
	}
	return models.Outcome{Reason: reason, Code: t.alsoAt}
}

// rejected: the platform did not consume, and will not.
func (t *consumption) rejected(o models.Outcome) Step {
	op := t.op
	op.Outcome, op.NeedsHuman = o, false
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.RejectConsume(ctx, op)
	})
}

// done: the platform has consumed these coupons. reason says what is missing.
func (t *consumption) done(coupons []platform.Coupon, at time.Time, reason string) Step {
	return t.doneSaid(coupons, at, models.Outcome{Reason: reason})
}

func (t *consumption) doneSaid(coupons []platform.Coupon, at time.Time, o models.Outcome) Step {
	op := t.op
	op.ConsumedAt, op.NeedsHuman, op.Outcome = at, false, o
	op.UndoUntil = at
	if t.shop != nil {
		op.UndoUntil = at.Add(t.shop.UndoWindow())
	}
	var rows []models.Coupon
	visits := map[string]int{} // of a code: further visits, or coupons that are told under one code
	for _, c := range each(op, coupons, o.Reason) {
		visits[c.Code]++
		row := models.Coupon{
			OperationID: op.ID, StoreID: op.StoreID, Code: c.Code, Visit: visits[c.Code], OrderID: cmp.Or(c.OrderID, op.OrderID), DealID: c.DealID, DealGroupID: c.DealGroupID,
			PriceFen: c.PriceFen, PriceUnknown: !c.PriceKnown, PriceShare: c.PriceShare, Payments: c.Payments, Handle: c.Handle,
		}
		if !c.PriceKnown {
			row.PriceFen, row.PriceUnknown, row.PriceShare = op.PriceFen, op.PriceUnknown, op.PriceShare
		}
		if c.DealID == 0 {
			row.DealID, row.DealGroupID = op.DealID, op.DealGroupID
		}
		op.OrderID = cmp.Or(op.OrderID, row.OrderID)
		if op.DealID == 0 {
			op.DealID, op.DealGroupID = row.DealID, row.DealGroupID
		}
		rows = append(rows, row)
	}
	rows = append(rows, untold(op, Consumed(op, rows)-len(rows))...)
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.FinishConsume(ctx, op, rows)
	})
}

// untold are so many coupons of an operation whose codes the platform did not tell.
func untold(op models.Operation, n int) (rows []models.Coupon) {
	for i := range n {
		rows = append(rows, models.Coupon{
			OperationID: op.ID, StoreID: op.StoreID, Visit: i + 1, OrderID: op.OrderID, DealID: op.DealID, DealGroupID: op.DealGroupID,
			PriceFen: op.PriceFen, PriceUnknown: op.PriceUnknown, PriceShare: op.PriceShare,
		})
	}
	return rows
}

// each gives one coupon for each that was consumed: for each code, or for each visit
// of one that stays good, of which the platform may tell one row or several.
func each(op models.Operation, coupons []platform.Coupon, reason string) []platform.Coupon {
	list := distinct(op, coupons)
	if !op.Reusable || len(list) != 1 {
		return list
	}
	n := op.Count
	if reason == ReasonPartly {
		n = min(len(coupons), n)
	}
	return slices.Repeat(list, n)
}

// distinct gives one coupon for each code, or for each use that has a handle of its own;
// one without a code is that which was asked for.
func distinct(op models.Operation, coupons []platform.Coupon) []platform.Coupon {
	type use struct{ code, handle string }
	seen := map[use]bool{}
	var list []platform.Coupon
	for _, c := range coupons {
		if c.Code == "" {
			c.Code = op.Code
		}
		if u := (use{c.Code, c.Handle}); !seen[u] {
			seen[u] = true
			list = append(list, c)
		}
	}
	return list
}

// doubt: nobody knows. why is the answer that left it so. wait puts the next look
// off until the last call with an effect would show. What the platform keeps back stays
// so, whatever a question is answered with.
func (t *consumption) doubt(why platform.Said, wait bool) Step {
	if t.op.State == models.Held && t.Now().Before(t.heldUntil().Add(HumanAfter)) {
		return t.held(why)
	}
	return t.unknown(t.doubted(t.op.CalledAt, why, wait), why)
}

// leftToPeople: the platform has come to an end of its own, and does not say which.
func (t *consumption) leftToPeople(why platform.Said) Step {
	op := t.doubted(t.op.CalledAt, why, false)
	op.NeedsHuman = true
	return t.unknown(op, why)
}

func (t *consumption) unknown(op models.Operation, why platform.Said) Step {
	op.Outcome = outcome(why)
	op.Outcome.Reason = cmp.Or(op.Outcome.Reason, ReasonUnclear)
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.DoubtConsume(ctx, op)
	})
}

// doubted notes since when the outcome is not known, when to ask again (the first
// time at once), and whether it is time to tell people: not before the last call with an
// effect would show, for what is said of the doubt then is known.
func (t *talk) doubted(called time.Time, why platform.Said, wait bool) models.Operation {
	op, now := t.op, t.Now()
	op.DueAt = now
	if op.DoubtSince.IsZero() {
		op.DoubtSince = called
	} else {
		op.DueAt = now.Add(t.pause(now.Sub(op.DoubtSince), !why.Silent && op.NeedsHuman))
	}
	waits := wait && !t.quiet()
	if quiet := op.SentAt.Add(t.quietAfter()); waits && op.DueAt.Before(quiet) {
		op.DueAt = quiet
	}
	if !op.NeedsHuman && !waits && now.Sub(op.DoubtSince) >= HumanAfter {
		op.NeedsHuman = true
		t.Log.Warn("operation needs a human", "operation", op.ID, "state", op.State, "reason", why.Why)
	}
	return op
}

// pause grows with the age of a doubt from a second to ten, so that an answer is
// found soon after the platform speaks again. Where it speaks and people have been
// told, there is little to wait for: it goes on growing, to ten minutes.
func (c *Core) pause(age time.Duration, idle bool) time.Duration {
	d := min(max(age/3, time.Second), 10*time.Second)
	if idle {
		d = min(max(age/20, d), 10*time.Minute)
	}
	return d*3/4 + time.Duration(c.Jitter()*float64(d/4))
}
