package redeem

import (
	"cmp"
	"context"
	"slices"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A platform that tells every use needs no other question: neither a look, which might
// take the key's place, nor a list.

// byUses settles a consume by them.
func (t settlement) byUses(ctx context.Context, recorded platform.Recorded, mayRepeat bool) (Step, error) {
	if recorded.Proves == platform.Unclear {
		return t.byNothing(ctx, recorded, mayRepeat && t.rival == nil)
	}
	b, err := t.orderBooks(ctx)
	if err == nil && slices.ContainsFunc(recorded.Uses, func(u platform.Record) bool { return u.Unnamed }) {
		b.held, err = t.heldOrLost(ctx)
	}
	if err != nil {
		return nil, err
	}
	mayRepeat = mayRepeat && t.op.State != models.Held
	whose, mine := b.ofUses(t.op, recorded.Uses)
	spent := mayRepeat && recorded.Left == 0 && !t.op.Reusable
	mayRepeat = mayRepeat && t.rival == nil
	switch {
	case whose == ours && len(mine) == t.op.Count:
		return t.done(t.couponsIn(mine), t.consumedAt(mine[0]), ""), nil
	case whose == unclear && spent:
		return t.sendAgain(ctx)
	case whose == unclear && mayRepeat && !t.op.Reusable: // the key has a result already
		return t.repeat(ctx)
	case b.letThrough(t.op, recorded.Uses) && t.op.State != models.Held && !t.quiet(): // its own may show yet
		return t.doubt(recorded.Said, true), nil
	case b.letThrough(t.op, recorded.Uses):
		return t.leftToPeople(recorded.Said), nil
	case whose == unclear:
		return t.doubt(recorded.Said, false), nil
	case whose == theirs && recorded.Left == 0 && len(recorded.Uses) > 0:
		return t.usedBefore(ctx, b, recorded), nil
	case !t.quiet() && mayRepeat && whose == theirs && recorded.Left >= t.op.Count && !t.op.Reusable:
		return t.repeat(ctx)
	case !t.quiet():
		return t.doubt(recorded.Said, true), nil
	case t.op.State == models.Held && t.mayBeHeld() && (recorded.Left > 0 || recorded.Why != platform.Refunded):
		return t.held(recorded.Said), nil
	case whose == ours:
		return t.partly(ctx, mine, mayRepeat)
	}
	return t.byWhatIsLeft(ctx, recorded, mayRepeat)
}

// partly settles a consume of which a part shows. The rest may be held, as long as no
// answer tells otherwise.
func (t settlement) partly(ctx context.Context, mine []platform.Record, mayRepeat bool) (Step, error) {
	lost, err := t.lostToHold(ctx)
	switch {
	case err != nil:
		return nil, err
	case lost && mayRepeat && !t.op.Reusable:
		return t.repeat(ctx)
	case lost:
		return t.maybeHeld(ctx)
	}
	return t.done(t.couponsIn(mine), t.consumedAt(mine[0]), ReasonPartly), nil
}

// byWhatIsLeft settles a consume of which no use shows that is its own.
func (t settlement) byWhatIsLeft(ctx context.Context, recorded platform.Recorded, mayRepeat bool) (Step, error) {
	gone := recorded.Left < t.op.Count
	explained := len(recorded.Uses) > 0 || recorded.Why != ""                                // why it is gone
	dead := slices.Contains([]string{platform.Config, ReasonMayBeHeld}, t.op.Outcome.Reason) // a repeat: its key is not known any more
	switch {
	case recorded.Left > 0 && gone && (explained || !t.mayBeHeld()):
		t.op.Left = recorded.Left
		return t.rejected(models.Outcome{Reason: ReasonTooMany}), nil
	case gone && recorded.Why != "":
		return t.rejected(outcome(recorded.Said)), nil
	case (!gone || !explained && !t.op.Reusable) && mayRepeat && !dead: // what is held may be shown as gone
		return t.repeat(ctx)
	case !dead && !t.sentLast():
		return t.doubt(recorded.Said, false), nil
	}
	step, err := t.maybeHeld(ctx)
	switch {
	case step != nil || err != nil:
		return step, err
	case gone:
		return t.doubt(recorded.Said, false), nil
	case t.op.State == models.Held:
		return t.rejected(models.Outcome{Reason: ReasonLetGo}), nil
	}
	return t.notConsumed(platform.Said{}), nil
}

// byNothing goes on where the platform does not tell the uses. It may show what it holds
// as used already.
func (t settlement) byNothing(ctx context.Context, recorded platform.Recorded, mayRepeat bool) (Step, error) {
	answered := recorded.Class == "" && t.op.State != models.Held
	if answered && mayRepeat && !t.op.Reusable { // who has the key gets the same answer
		return t.repeat(ctx)
	}
	if answered && t.sentLast() {
		if step, err := t.maybeHeld(ctx); step != nil || err != nil {
			return step, err
		}
	}
	return t.doubt(recorded.Said, false), nil
}

// usedBefore: what was asked for is used up, and none of it by this operation.
func (t settlement) usedBefore(ctx context.Context, b books, recorded platform.Recorded) Step {
	rec := recorded.Uses[len(recorded.Uses)-1]
	other := b.owner[rec.Handle]
	if other != nil {
		rec.Account = cmp.Or(rec.Account, other.UserID)
	}
	return t.usedByOther(ctx, rec, other)
}

// couponsIn are the coupons of uses.
func (t settlement) couponsIn(uses []platform.Record) (list []platform.Coupon) {
	for _, u := range uses {
		c := couponIn(u)
		c.OrderID = t.op.OrderID
		list = append(list, c)
	}
	return list
}

// orderBooks gathers what the journal knows of an operation's order beside it.
func (t settlement) orderBooks(ctx context.Context) (books, error) {
	b := books{owner: map[string]*models.Operation{}}
	ops, coupons, err := t.ofOrder(ctx, t.op.Code)
	if err != nil {
		return books{}, err
	}
	known := map[string]int{}
	for _, c := range coupons {
		if c.Handle != "" {
			known[c.OperationID]++
		}
	}
	for i, o := range ops {
		for _, c := range coupons {
			if c.OperationID == o.ID && o.ID != t.op.ID && c.Handle != "" {
				b.owner[c.Handle] = &ops[i]
			}
		}
		if o.ID != t.op.ID && known[o.ID] == 0 && o.State != models.Rejected {
			b.rivals = append(b.rivals, o)
		}
	}
	return b, nil
}

// ofUses finds, among all uses of what a doubtful operation asked for that were made
// since its look, its own: ours, with them; theirs, where every one is explained
// otherwise; or unclear. Books without names have no better evidence than that nothing
// else explains a use: not another channel or shop, its time, or another operation of
// ours, by its handle, by its time where it has none, or as one that is in doubt too.
func (b books) ofUses(op models.Operation, uses []platform.Record) (claim, []platform.Record) {
	var mine []platform.Record
	verdict := theirs
	for _, u := range uses {
		if u.Foreign || b.explained(op, u) {
			continue
		}
		if verdict == theirs {
			verdict = ours
		}
		if slices.ContainsFunc(b.rivals, func(o models.Operation) bool { return rival(o, u) }) {
			verdict = unclear
		}
		mine = append(mine, u)
	}
	switch {
	case len(mine) > op.Count, (verdict != ours || len(mine) < op.Count) && b.letThrough(op, uses):
		return unclear, nil
	}
	return verdict, mine
}

// explained reports whether a use is another operation's, or before a doubtful one.
func (b books) explained(op models.Operation, u platform.Record) bool {
	return b.owner[u.Handle] != nil || !u.At.IsZero() && u.At.Before(op.CalledAt.Add(-skew))
}

// letThrough reports whether one of the uses may be the end of a hold, or made otherwise:
// the platform names no person.
func (b books) letThrough(op models.Operation, uses []platform.Record) bool {
	return b.held && slices.ContainsFunc(uses, func(u platform.Record) bool { return u.Unnamed && !b.explained(op, u) })
}

// rival reports whether an operation whose handles are not known could have made a use.
func rival(o models.Operation, u platform.Record) bool {
	if o.ConsumedAt.IsZero() { // in doubt
		return u.At.IsZero() || !u.At.Before(o.CalledAt.Add(-skew))
	}
	return u.At.IsZero() || u.At.Sub(o.ConsumedAt).Abs() <= near
}
