package redeem

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Whose is a verification in the platform's books? Only evidence decides: what
// could be either stays unclear. All of this is pure.

const (
	// skew is how far the platform's clock and ours may be apart.
	skew = 30 * time.Minute
	// near is how far the two times of one verification are apart where the clocks
	// are right: a call, its answer, and a repeat.
	near = 2 * time.Minute
)

// claim says whose a verification in the platform's record is.
type claim int

const (
	unclear claim = iota // could be ours or somebody else's
	ours                 // this operation's
	theirs               // certainly not this operation's
)

// books is what the journal knows beside a doubtful operation.
type books struct {
	others    []models.Operation // on the same code, that have consumed; also undone ones
	colleague map[string]bool    // by the operator that a record names: on the store's list

	// Of platforms that tell every use.
	owner  map[string]*models.Operation // by handle
	rivals []models.Operation           // on the same order, without handles
}

// standing are the others that consumed and were not undone.
func (b books) standing() []models.Operation {
	return slices.DeleteFunc(slices.Clone(b.others), func(o models.Operation) bool { return o.State == models.Undone })
}

// reusable reports whether an operation's code is known to stay good after a
// visit: the platform said so, or said that it could be consumed while another
// verification of it stood.
func (b books) reusable(op models.Operation) bool {
	return op.Reusable || slices.ContainsFunc(b.standing(), func(o models.Operation) bool { return o.ConsumedAt.Before(op.CreatedAt) })
}

// whose compares the platform's record of a code with a doubtful operation. Where
// another operation of ours explains the record, it is returned.
func (b books) whose(op models.Operation, rec platform.Record) (claim, *models.Operation) {
	others := b.standing()
	if rec.At.IsZero() && len(others) > 0 {
		return unclear, nil
	}
	for i, o := range others {
		if sameSecond(o.ConsumedAt, rec.At) && rec.At.Before(op.CalledAt.Truncate(time.Second)) {
			return theirs, &others[i]
		}
	}
	if len(others) > 0 {
		o := nearest(others, rec.At)
		if !b.reusable(op) { // only one verification stands
			return theirs, o
		}
		toThem, toUs := rec.At.Sub(o.ConsumedAt).Abs(), distance(op, rec.At)
		switch {
		case toThem <= near && toUs > near:
			return theirs, o
		case toThem <= near, toThem <= skew && !rec.Foreign, toUs > near && by(op, rec): // clocks apart, a late repeat: the list tells
			return unclear, nil
		}
	}
	return b.byOperator(op, rec), nil
}

// byOperator judges by the record's operator and channel alone. Which account a platform
// records is not documented: it may be the merchant's for all, or nobody's. That and the
// time are no proof: another cashier's call may be as near.
func (b books) byOperator(op models.Operation, rec platform.Record) claim {
	early := !rec.At.IsZero() && rec.At.Before(op.CalledAt.Add(-skew))
	switch {
	case early:
		return theirs
	case by(op, rec):
		return ours
	case rec.Foreign, b.colleague[strings.ToLower(rec.Account)]:
		return theirs
	}
	return unclear
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
		early := !u.At.IsZero() && u.At.Before(op.CalledAt.Add(-skew))
		if early || u.Foreign || b.owner[u.Handle] != nil {
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
	if len(mine) > op.Count {
		return unclear, nil
	}
	return verdict, mine
}

// rival reports whether an operation whose handles are not known could have made a use.
func rival(o models.Operation, u platform.Record) bool {
	if o.ConsumedAt.IsZero() { // in doubt
		return u.At.IsZero() || !u.At.Before(o.CalledAt.Add(-skew))
	}
	return u.At.IsZero() || u.At.Sub(o.ConsumedAt).Abs() <= near
}

// visit finds, among the platform's records of a reusable code, the one of a
// doubtful operation: ours, with it; theirs, where every record is somebody
// else's; or unclear.
func (b books) visit(op models.Operation, records []platform.Record) (claim, platform.Record) {
	var found platform.Record
	verdict := theirs
	for _, r := range b.unexplained(op, records) {
		switch b.byOperator(op, r) {
		case ours:
			if verdict != theirs {
				return unclear, platform.Record{} // two that could be
			}
			verdict, found = ours, r
		case unclear:
			return unclear, platform.Record{}
		}
	}
	return verdict, found
}

// stands reports whether the visit of a done operation is still among the
// platform's records of its code, and whether a later one is.
func (b books) stands(op models.Operation, records []platform.Record) (present, later bool) {
	rest := b.unexplained(op, records)
	i := slices.IndexFunc(rest, func(r platform.Record) bool { return sameSecond(r.At, op.ConsumedAt) })
	if i < 0 {
		i = slices.IndexFunc(rest, func(r platform.Record) bool { return by(op, r) && distance(op, r.At) <= near })
	}
	for _, r := range visits(op.Code, records) {
		later = later || i >= 0 && r.At.After(rest[i].At)
	}
	return i >= 0, later
}

// mayStand reports whether the visit of a done operation may be among the records under an
// operator that the platform does not tell: near its time, and explained by nothing else.
func (b books) mayStand(op models.Operation, records []platform.Record) bool {
	return slices.ContainsFunc(b.unexplained(op, records), func(r platform.Record) bool {
		return !r.Foreign && distance(op, r.At) <= near
	})
}

// since counts the visits of an operation's code from its beginning on.
func (b books) since(op models.Operation, records []platform.Record) (n int) {
	for _, r := range visits(op.Code, records) {
		if !r.At.Before(op.CreatedAt.Truncate(time.Second)) {
			n++
		}
	}
	return n
}

// covers reports whether a list can be believed to be whole: it has the record
// that was shown, and one for every other visit of ours since a time.
func (b books) covers(op models.Operation, records []platform.Record, shown platform.Record, since time.Time) bool {
	list := visits(op.Code, records)
	if !shown.At.IsZero() && !slices.ContainsFunc(list, func(r platform.Record) bool { return sameSecond(r.At, shown.At) }) {
		return false
	}
	need := 0
	for _, o := range b.standing() {
		if o.StoreID == op.StoreID && !o.ConsumedAt.Before(since) {
			need++
		}
	}
	return len(list) >= need
}

// unexplained are the records of an operation's code that no other operation of
// ours explains. Each explains one: to the second, else the nearest by its person;
// one that was undone, whose record may be gone, only to the second.
func (b books) unexplained(op models.Operation, records []platform.Record) []platform.Record {
	list := visits(op.Code, records)
	var rest []models.Operation
	for _, o := range b.others {
		i := slices.IndexFunc(list, func(r platform.Record) bool { return sameSecond(r.At, o.ConsumedAt) })
		if i >= 0 && !sameSecond(list[i].At, op.ConsumedAt) {
			list = slices.Delete(list, i, i+1)
		} else if o.State != models.Undone && o.StoreID == op.StoreID {
			rest = append(rest, o)
		}
	}
	for _, o := range rest {
		best := -1
		for i, r := range list {
			d := r.At.Sub(o.ConsumedAt).Abs()
			if by(o, r) && !sameSecond(r.At, op.ConsumedAt) && d <= skew && (best < 0 || d < list[best].At.Sub(o.ConsumedAt).Abs()) {
				best = i
			}
		}
		if best >= 0 {
			list = slices.Delete(list, best, best+1)
		}
	}
	return list
}

// visits are the records of a code, oldest first; those of one person and second
// are one visit.
func visits(code string, records []platform.Record) []platform.Record {
	list := slices.DeleteFunc(slices.Clone(records), func(r platform.Record) bool { return r.Code != code })
	slices.SortStableFunc(list, func(a, b platform.Record) int { return a.At.Compare(b.At) })
	return slices.CompactFunc(list, func(a, b platform.Record) bool { return sameSecond(a.At, b.At) && a.Account == b.Account })
}

// by reports whether a record names an operation's person.
func by(op models.Operation, rec platform.Record) bool {
	return strings.EqualFold(rec.Account, op.UserID) || rec.Account != "" && rec.Account == op.User
}

// nearest is the operation whose verification is nearest to a time.
func nearest(ops []models.Operation, at time.Time) *models.Operation {
	o := slices.MinFunc(ops, func(a, b models.Operation) int {
		return cmp.Compare(at.Sub(a.ConsumedAt).Abs(), at.Sub(b.ConsumedAt).Abs())
	})
	return &o
}

// distance is how far a time is from those at which an operation was sent.
func distance(op models.Operation, at time.Time) time.Duration {
	first, last := op.CalledAt, op.CalledAt
	if consuming(op) {
		last = op.SentAt
	} else if !op.ConsumedAt.IsZero() {
		first, last = op.ConsumedAt, op.ConsumedAt
	}
	switch {
	case at.Before(first):
		return first.Sub(at)
	case at.After(last):
		return at.Sub(last)
	}
	return 0
}

func sameSecond(a, b time.Time) bool {
	return !a.IsZero() && !b.IsZero() && a.Truncate(time.Second).Equal(b.Truncate(time.Second))
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

// couponIn is the coupon of a record.
func couponIn(r platform.Record) platform.Coupon {
	return platform.Coupon{
		Code: r.Code, DealID: r.DealID, DealGroupID: r.DealGroupID, PriceFen: r.PriceFen, PriceKnown: r.PriceKnown, PriceShare: r.PriceShare, Handle: r.Handle,
	}
}
