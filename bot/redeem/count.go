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

// How many coupons a consume has used, and which: an answer, a record or the list may tell
// fewer than were asked for.

// complete makes sure of one coupon for each code of a consumption. The platform
// can leave codes out; the day's list may tell them. Where it does not, the
// operation says so, and those coupons have none: a code that is not certain is not
// recorded, for an undo would undo somebody else's. wait: what is known of the consumption
// is a record, which can be asked for again, and so is a list that could not be read. A
// record is of one coupon: a list that has it and no others says that there are no more.
func (t settlement) complete(ctx context.Context, coupons []platform.Coupon, at time.Time, wait bool) (Step, error) {
	t.op.Reusable = t.op.Reusable || visitsOf(t.op, coupons)
	coupons = distinct(t.op, coupons)
	if len(coupons) >= t.op.Count || t.op.Reusable {
		return t.done(coupons, at, ""), nil
	}
	all, contested, listed, err := t.withSiblings(ctx, coupons, at, !wait)
	if err != nil {
		return nil, err
	}
	own := shownOf(t.op, listed.Records)
	if !wait && (contested || own > 1) { // as many as were asked for are consumed: visits, if the code is still good
		looked, err := t.look(ctx, t.op.Code)
		if err != nil {
			return nil, err
		}
		if looked.Proves == platform.Usable {
			t.op.Reusable = true
			return t.done(coupons, at, ""), nil
		}
	}
	switch unsure := contested || own > 1; {
	case wait && own > 0 && (len(all) < t.op.Count || len(all) == t.op.Count && unsure):
		return t.fewer(ctx, all, own, at)
	case len(all) == t.op.Count:
		return t.done(all, at, ""), nil
	case wait && !listed.Known:
		again, err := t.listAgain(ctx, listed.Said)
		if err != nil {
			return nil, err
		}
		if again {
			return t.doubt(listed.Said, false), nil
		}
	}
	t.Log.Warn("the platform did not tell every code", "operation", t.op.ID, "missing", t.op.Count-len(coupons))
	return t.done(coupons, at, ReasonCodesMissing), nil
}

// fewer goes on where the list shows our own coupon, in so many records, and too few others,
// or such as may be of another operation: there are no more, or the code stays good, and its
// visits are of several records, or of one.
func (t settlement) fewer(ctx context.Context, all []platform.Coupon, own int, at time.Time) (Step, error) {
	looked, err := t.look(ctx, t.op.Code)
	switch {
	case err != nil:
		return nil, err
	case looked.Proves == platform.Unclear:
		return t.doubt(looked.Said, false), nil
	case looked.Proves == platform.Usable:
		t.op.Reusable = true
		return t.visited(ctx, platform.Record{}, true, false)
	}
	t.op.Reusable = own > 1 && len(all) == 1
	return t.counted(all, len(all)+own-1, at), nil
}

// counted is the end of a consume of which n of all that was asked for show, once no more
// can: the answer that was lost may have been that it was partly done.
func (t settlement) counted(coupons []platform.Coupon, n int, at time.Time) Step {
	switch {
	case n >= t.op.Count:
		return t.done(coupons, at, "")
	case !t.quiet():
		return t.doubt(platform.Said{}, true)
	case t.op.Reusable:
		coupons = slices.Repeat(coupons, n)
	}
	return t.done(coupons, at, ReasonPartly)
}

// listAgain reports whether a list that could not be read is asked for again: until it is
// time to tell people, if waiting helps, and else once more.
func (t settlement) listAgain(ctx context.Context, said platform.Said) (bool, error) {
	if said.Why != platform.Config && !t.late(t.op.CalledAt) {
		return true, nil
	}
	asked, err := t.DB.Calls.Of(ctx, t.op.ID, said.Call)
	if err != nil {
		return false, fmt.Errorf("redeem: calls: %w", err)
	}
	return len(asked) == 0, nil
}

// partlyDone is complete where fewer were consumed than asked for: as many as are told.
func (t settlement) partlyDone(ctx context.Context, coupons []platform.Coupon) (Step, error) {
	n, known := len(coupons), distinct(t.op, coupons)
	t.op.Reusable = t.op.Reusable || visitsOf(t.op, coupons)
	if len(known) == n || t.op.Reusable {
		return t.done(coupons, t.op.CalledAt, ReasonPartly), nil
	}
	all, _, _, err := t.withSiblings(ctx, known, t.op.CalledAt, true)
	switch {
	case err != nil:
		return nil, err
	case len(all) == n:
		return t.done(all, t.op.CalledAt, ReasonPartly), nil
	}
	t.op.Count = n // which is how many stand, whatever the codes
	return t.done(known, t.op.CalledAt, ReasonCodesMissing), nil
}

// visitsOf reports whether the rows of a consumption are visits of one code: they repeat it.
func visitsOf(op models.Operation, coupons []platform.Coupon) bool {
	repeated := 0
	for _, c := range coupons {
		if c.Code == op.Code && c.Handle == "" {
			repeated++
		}
	}
	return repeated > 1 && len(distinct(op, coupons)) == 1
}

// withSiblings adds the coupons that the day's list shows beside those that are known.
// contested: one of them is of an operation in doubt, of the very moment of ours. last: the
// list is not asked for later, and so once more at once where its answer was lost.
func (t settlement) withSiblings(ctx context.Context, coupons []platform.Coupon, at time.Time, last bool) (all []platform.Coupon, contested bool, listed platform.Listed, err error) {
	listed, err = t.history(ctx, at)
	if err == nil && listed.Lost && last {
		listed, err = t.history(ctx, at)
	}
	if err != nil {
		return nil, false, listed, err
	}
	var broken error
	free := func(inDoubt bool) func(code string) bool {
		return func(code string) bool {
			all, err := t.ofCode(ctx, code)
			broken = errors.Join(broken, err)
			for _, o := range all {
				if o.ID != t.op.ID && o.State != models.Rejected && !(inDoubt && o.Count == 1 && consuming(o) && mayShareOrder(t.op, o)) {
					return false
				}
			}
			return true
		}
	}
	all = append(slices.Clone(coupons), siblings(t.op, coupons, listed.Records, free(false))...)
	if len(all) < t.op.Count {
		more := siblings(t.op, all, listed.Records, free(true))
		if contested = len(more) > 0 && len(all)+len(more) <= t.op.Count; contested {
			all = append(all, more...)
		}
	}
	return all, contested, listed, broken
}
