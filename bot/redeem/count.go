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
	c, err := t.codes(ctx, coupons, t.op.Count, at, !wait)
	switch {
	case err != nil:
		return nil, err
	case t.op.Reusable, len(c.told) > t.op.Count:
		return t.done(c.told, at, ""), nil
	case wait && c.own > 0 && (len(c.all) < t.op.Count || len(c.all) == t.op.Count && c.unsure()):
		return t.fewer(ctx, c, at)
	case len(c.all) == t.op.Count:
		return t.done(c.all, at, ""), nil
	case wait && !c.listed.Known:
		again, err := t.listAgain(ctx, c.listed.Said)
		if err != nil {
			return nil, err
		}
		if again {
			return t.doubt(c.listed.Said, false), nil
		}
	}
	t.Log.Warn("the platform did not tell every code", "operation", t.op.ID, "missing", t.op.Count-len(c.told))
	return t.done(c.told, at, ReasonCodesMissing), nil
}

// fewer goes on where the list shows our own coupon, in so many records, and too few others,
// or such as may be of another operation: there are no more, or the code stays good, and its
// visits are of several records, or of one. One that was verified at another moment stays good.
func (t settlement) fewer(ctx context.Context, c codes, at time.Time) (Step, error) {
	looked, err := t.look(ctx, t.op.Code)
	switch {
	case err != nil:
		return nil, err
	case looked.Proves == platform.Unclear:
		return t.doubt(looked.Said, false), nil
	case looked.Proves == platform.Usable, len(visits(t.op.Code, c.listed.Records)) > 1:
		t.op.Reusable = true
		return t.visited(ctx, platform.Record{}, true, false)
	}
	t.op.Reusable = c.own > 1 && len(c.all) == 1
	return t.counted(c.all, len(c.all)+c.own-1, at), nil
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
	n, err := t.used(ctx, coupons)
	if err != nil {
		return nil, err
	}
	c, err := t.codes(ctx, coupons, n, t.op.CalledAt, true)
	switch {
	case err != nil:
		return nil, err
	case t.op.Reusable:
		return t.done(slices.Repeat(c.told[:1], n), t.op.CalledAt, ReasonPartly), nil
	case len(c.all) == n:
		return t.done(c.all, t.op.CalledAt, ReasonPartly), nil
	}
	t.op.Count = n // which is how many stand, whatever the codes
	return t.done(c.told, t.op.CalledAt, ReasonCodesMissing), nil
}

// used counts the coupons or visits of an answer that tells of fewer than were asked for. One
// row can stand for several visits of a code: for as many as are gone of the card.
func (t settlement) used(ctx context.Context, coupons []platform.Coupon) (int, error) {
	n := len(coupons)
	if n > 1 || coupons[0].Handle != "" || t.op.Count == 2 {
		return n, nil
	}
	looked, err := t.look(ctx, t.op.Code)
	t.op.Reusable = t.op.Reusable || looked.Proves == platform.Usable
	if err != nil || !t.op.Reusable {
		return n, err
	}
	b, err := t.books(ctx, t.op.Code)
	if err != nil {
		return n, err
	}
	gone, _ := b.sinceLook(t.op, looked)
	if gone <= n {
		return n, nil
	}
	listed, err := t.history(ctx, t.op.CalledAt, t.Now())
	mine := platform.Record{At: t.op.CalledAt}
	if i := slices.IndexFunc(listed.Records, func(r platform.Record) bool { return r.Code == t.op.Code && atCall(t.op, r) }); i >= 0 {
		mine = listed.Records[i]
	}
	return min(took(t.op, listed.Records, mine, gone), t.op.Count-1), err
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

// codes are what is known of the codes that a consumption has used.
type codes struct {
	told, all []platform.Coupon // by the answer or record; and with those that the day's list shows beside them
	contested bool              // one of those is of an operation in doubt, of the very moment of ours
	own       int               // the list's records of our own code that can be of the call
	listed    platform.Listed
}

// unsure reports whether what the list shows may be something else: visits of our code.
func (c codes) unsure() bool { return c.contested || c.own > 1 }

// codes finds the codes of a consumption that has used n coupons, or finds that they are visits
// of one code. final: the list is not asked for later, and so once more at once where its
// answer was lost; and n is certain: if the list does not tell what they are, whether the code
// is still good does.
func (t settlement) codes(ctx context.Context, coupons []platform.Coupon, n int, at time.Time, final bool) (codes, error) {
	t.op.Reusable = t.op.Reusable || visitsOf(t.op, coupons)
	told := distinct(t.op, coupons)
	c := codes{told: told, all: told}
	if len(told) >= n || t.op.Reusable {
		return c, nil
	}
	if err := t.withSiblings(ctx, &c, n, at, final); err != nil || !final || !c.unsure() {
		return c, err
	}
	looked, err := t.look(ctx, t.op.Code)
	t.op.Reusable = looked.Proves == platform.Usable
	return c, err
}

// withSiblings adds the coupons that the day's list shows, as many as have no code yet.
func (t settlement) withSiblings(ctx context.Context, c *codes, n int, at time.Time, final bool) (err error) {
	c.listed, err = t.history(ctx, at)
	if err == nil && c.listed.Lost && final {
		c.listed, err = t.history(ctx, at)
	}
	if err != nil {
		return err
	}
	c.own = shownOf(t.op, c.listed.Records)
	c.all = append(slices.Clone(c.told), siblings(t.op, c.told, c.listed.Records, t.free(ctx, false, &err))...)
	if len(c.all) < n {
		more := siblings(t.op, c.all, c.listed.Records, t.free(ctx, true, &err))
		if c.contested = len(more) > 0 && len(c.all)+len(more) <= n; c.contested {
			c.all = append(c.all, more...)
		}
	}
	return err
}

// free gives whether no other operation of ours has to do with a code: none but one in doubt at
// another shop, which our list does not show, and with inDoubt none but one that is in doubt.
// Errors are joined to err.
func (t settlement) free(ctx context.Context, inDoubt bool, err *error) func(code string) bool {
	return func(code string) bool {
		all, broken := t.ofCode(ctx, code)
		*err = errors.Join(*err, broken)
		for _, o := range all {
			doubt := consuming(o) && (t.elsewhere(o) || inDoubt && o.Count == 1 && mayShareOrder(t.op, o))
			if o.ID != t.op.ID && o.State != models.Rejected && !doubt {
				return false
			}
		}
		return true
	}
}

// replaced goes on where the code is dead: its verification was undone elsewhere. Further
// coupons of the same call stand without it. Where the day's list does not show as many as
// were asked for, it is left to people.
func (t settlement) replaced(ctx context.Context, why platform.Said) (Step, error) {
	if t.op.Count == 1 { // a dead code cannot be consumed later either
		return t.rejected(outcome(why)), nil
	}
	listed, err := t.history(ctx, t.op.CalledAt, t.Now())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(listed.Records, func(r platform.Record) bool { return r.DealID == t.op.DealID && atCall(t.op, r) })
	if i < 0 {
		return t.doubt(why, false), nil
	}
	mine := listed.Records[i] // but for its code
	another, err := t.byAnother(ctx, books{}, mine)
	if err != nil {
		return nil, err
	}
	mine.Code = t.op.Code
	rest := siblings(t.op, []platform.Coupon{own(t.op)}, append(listed.Records, mine), t.free(ctx, false, &err))
	switch {
	case err != nil:
		return nil, err
	case another, len(rest) != t.op.Count-1:
		return t.doubt(why, false), nil
	}
	return t.done(rest, t.consumedAt(mine), ReasonPartly), nil
}

// siblings are the records that can belong to the same call as an operation's own
// code: same deal and account, the same moment, and free of other operations.
func siblings(op models.Operation, known []platform.Coupon, records []platform.Record, free func(code string) bool) []platform.Coupon {
	i := slices.IndexFunc(records, func(r platform.Record) bool { return r.Code == op.Code })
	if i < 0 {
		return nil
	}
	mine := records[i]
	taken := map[string]bool{}
	for _, c := range known {
		taken[c.Code] = true
	}
	var found []platform.Coupon
	for _, r := range records {
		if taken[r.Code] || r.DealID != mine.DealID || r.Account != mine.Account || r.At.Sub(mine.At).Abs() > 2*time.Second {
			continue
		}
		taken[r.Code] = true
		if free(r.Code) {
			found = append(found, couponIn(r))
		}
	}
	return found
}

// shownOf counts the records of an operation's code that can be of its one call.
func shownOf(op models.Operation, records []platform.Record) (n int) {
	i := slices.IndexFunc(records, func(r platform.Record) bool { return r.Code == op.Code })
	for _, r := range records {
		if r.Code == op.Code && r.Account == records[i].Account && sameSecond(r.At, records[i].At) {
			n++
		}
	}
	return n
}

// couponIn is the coupon of a record.
func couponIn(r platform.Record) platform.Coupon {
	return platform.Coupon{
		Code: r.Code, DealID: r.DealID, DealGroupID: r.DealGroupID, PriceFen: r.PriceFen, PriceKnown: r.PriceKnown, PriceShare: r.PriceShare, Handle: r.Handle,
	}
}
