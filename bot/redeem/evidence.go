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
	doubts    []models.Operation // on the same code, at other accounts, whose consume is under way
	colleague map[string]bool    // by the operator that a record names: on the store's list

	// Of platforms that tell every use.
	owner  map[string]*models.Operation // by handle
	rivals []models.Operation           // on the same order, without handles
	held   bool                         // risk control has held the operation, or may have
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
		i := slices.IndexFunc(others, func(o models.Operation) bool { return o.Code != op.Code })
		if i >= 0 && !b.reusable(op) { // as one of several coupons, it is no card's
			return theirs, &others[i]
		}
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
// time are no proof: another cashier's call may be as near. Neither is the channel: that of
// the till with our person's name may be another's verification, or ours in other words.
func (b books) byOperator(op models.Operation, rec platform.Record) claim {
	early := !rec.At.IsZero() && rec.At.Before(op.CalledAt.Add(-skew))
	switch {
	case early:
		return theirs
	case by(op, rec) && rec.Foreign:
		return unclear
	case by(op, rec):
		return ours
	case rec.Foreign, b.colleague[strings.ToLower(rec.Account)]:
		return theirs
	}
	return unclear
}

// onlyOne reports whether no other verification of the code can have made a record that is
// an operation's by its person: the code keeps for no other visit, as far as is known, and
// the record is not from before the call.
func onlyOne(op models.Operation, rec platform.Record) bool {
	return !op.Reusable && (atCall(op, rec) || op.Left <= op.Count && !beforeCall(op, rec))
}

// sinceLook counts the visits of a code that were made since an operation's look, by
// whomever, at shops that are listed: what is gone of the card. Platforms' clocks have no
// part in it.
func (b books) sinceLook(op models.Operation, looked platform.Looked) (gone int, known bool) {
	left := looked.Voucher.Left
	switch {
	case op.Left <= 0:
		return 0, false
	case looked.Proves == platform.Used:
		left = 0
	case looked.Proves != platform.Usable || left <= 0:
		return 0, false
	}
	return max(op.Left-left-b.elsewhere(op, nil), 0), true
}

// visit finds, among the platform's records of a reusable code, the one of a
// doubtful operation: ours, with it; theirs, where every record is somebody
// else's; or unclear. Where it is known how many visits were made since the look, no
// record from before the call is ours that is not among the last so many. That says nothing
// of the others: what is left may be told late, or not go down at all.
func (b books) visit(op models.Operation, records []platform.Record, gone int, known bool) (claim, platform.Record) {
	var found platform.Record
	verdict, before := theirs, false
	rest, _ := b.unexplained(op, records)
	for _, r := range rest {
		if known && !amongLast(op.Code, records, gone, r) && !sinceCall(op, r) {
			continue
		}
		switch b.byOperator(op, r) {
		case ours:
			if beforeCall(op, r) {
				before = true
				continue
			}
			if verdict != theirs {
				return unclear, platform.Record{} // two that could be
			}
			verdict, found = ours, r
		case unclear:
			return unclear, platform.Record{}
		}
	}
	if before && verdict == theirs { // a visit of its person before, or clocks apart
		return unclear, platform.Record{}
	}
	return verdict, found
}

// mayBe reports whether a record may be an operation's, whatever is left of the card.
func (b books) mayBe(op models.Operation, records []platform.Record) bool {
	rest, _ := b.unexplained(op, records)
	return slices.ContainsFunc(rest, func(r platform.Record) bool { return !beforeCall(op, r) && b.byOperator(op, r) != theirs })
}

// took counts the visits of a doubtful operation, of which one is found: what is gone since
// its look, without the visits of others. Of the time before the call, as much is since the
// look as the look was before it, by the platform's clock alone.
func took(op models.Operation, records []platform.Record, mine platform.Record, gone int) int {
	looked := mine.At.Add(op.CreatedAt.Sub(op.SentAt)).Truncate(time.Second)
	for _, r := range records {
		same := sameSecond(r.At, mine.At) && r.Account == mine.Account
		if r.Code == op.Code && !same && !r.At.Before(looked) && amongLast(op.Code, records, gone, r) {
			gone--
		}
	}
	return min(max(gone, 1), op.Count)
}

// amongLast reports whether a record of a code can be one of its last n.
func amongLast(code string, records []platform.Record, n int, rec platform.Record) bool {
	later := 0
	for _, r := range records {
		if r.Code == code && r.At.After(rec.At) {
			later++
		}
	}
	return later < n
}

// atCall reports whether a record names an operation's person and is not from before its call.
func atCall(op models.Operation, rec platform.Record) bool {
	return by(op, rec) && !rec.Foreign && !rec.At.IsZero() && sinceCall(op, rec)
}

// sinceCall reports whether a record can be from after an operation's call, the clocks being
// right.
func sinceCall(op models.Operation, rec platform.Record) bool {
	return rec.At.IsZero() || !rec.At.Before(op.CalledAt.Truncate(time.Second))
}

// beforeCall reports whether a record is of a time before an operation was called, by more
// than is between the clocks where they are right.
func beforeCall(op models.Operation, rec platform.Record) bool {
	return !rec.At.IsZero() && rec.At.Before(op.CalledAt.Add(-near))
}

// fate says of the visit of a done operation what the platform's records of its code
// show of it.
func (b books) fate(op models.Operation, records []platform.Record) state {
	rest, untold := b.unexplained(op, records)
	i := slices.IndexFunc(rest, func(r platform.Record) bool { return sameSecond(r.At, op.ConsumedAt) })
	if i < 0 {
		i = slices.IndexFunc(rest, func(r platform.Record) bool { return by(op, r) && distance(op, r.At) <= near })
	}
	switch {
	case i < 0:
		return b.unnamed(op, rest, untold, visits(op.Code, records))
	case slices.ContainsFunc(visits(op.Code, records), func(r platform.Record) bool { return r.At.After(rest[i].At) }):
		return isCovered
	}
	return isUsed
}

// unnamed is fate where no record names the operation's person and its second, as where
// the platform tells the merchant's account for all and its clock differs. rest is what no
// other operation explains, untold are those others that explain none of all.
//
// One record more than others of ours that may have made them is that of the operation:
// which of several does not matter, for an undo takes the last.
func (b books) unnamed(op models.Operation, rest []platform.Record, untold []models.Operation, all []platform.Record) state {
	possible := func(within time.Duration, certain bool) []platform.Record {
		return slices.DeleteFunc(slices.Clone(rest), func(r platform.Record) bool {
			return r.Foreign || b.colleague[strings.ToLower(r.Account)] || distance(op, r.At) > within || certain && !r.Interface
		})
	}
	newer := func(o models.Operation) bool { return o.ConsumedAt.After(op.ConsumedAt) }
	untold = slices.DeleteFunc(slices.Clone(untold), func(o models.Operation) bool { return distance(op, o.ConsumedAt) > 2*near })
	mine := possible(near, true)
	switch {
	case len(possible(skew, false)) == 0:
		return isUndone
	case all[len(all)-1].At.After(op.ConsumedAt.Add(near)):
		return isCovered
	case len(mine) != len(untold)+1, len(possible(near, false)) != len(mine):
		return notKnown
	case all[len(all)-1].At.After(mine[len(mine)-1].At), slices.ContainsFunc(untold, newer):
		return isCovered
	}
	return isUsed
}

// stand counts the visits of a done operation that stand: what is gone of the card since its
// look, without the visits of others. Its own can have records that look like one; where
// they are told apart, as many as these.
func (b books) stand(op models.Operation, records []platform.Record, looked platform.Looked) (n int, known bool) {
	left := looked.Voucher.Left
	if op.Left <= 0 || looked.Proves != platform.Used && (looked.Proves != platform.Usable || left <= 0) {
		return 0, false
	}
	rest, _ := b.unexplained(op, records)
	rest = slices.DeleteFunc(rest, func(r platform.Record) bool {
		return r.Foreign || b.colleague[strings.ToLower(r.Account)] || distance(op, r.At) > near
	})
	if len(rest) == 0 {
		return 0, false
	}
	mine := slices.MinFunc(rest, func(a, b platform.Record) int { return cmp.Compare(distance(op, a.At), distance(op, b.At)) })
	same := 0
	if looked.Proves == platform.Used {
		left = 0
	}
	n = op.Left - left
	for _, r := range records {
		switch {
		case r.Code != op.Code:
		case sameSecond(r.At, mine.At) && r.Account == mine.Account:
			same++
		case !r.At.Before(op.CreatedAt.Truncate(time.Second)):
			n--
		}
	}
	n -= b.elsewhere(op, nil)
	return n, same <= 1 || same == n
}

// shows reports whether a list has a record, or any where that has no time.
func shows(list []platform.Record, rec platform.Record) bool {
	return hasAt(list, rec.At) || rec.At.IsZero() && len(list) > 0
}

// hasAt reports whether records have one of a second.
func hasAt(list []platform.Record, at time.Time) bool {
	return slices.ContainsFunc(list, func(r platform.Record) bool { return sameSecond(r.At, at) })
}

// since counts the visits of an operation's code from its beginning on, as far as they are
// explained: by the list, or as those of other shops of ours.
func (b books) since(op models.Operation, records []platform.Record) (n int) {
	for _, r := range visits(op.Code, records) {
		if !r.At.Before(op.CreatedAt.Truncate(time.Second)) {
			n++
		}
	}
	return n + b.elsewhere(op, visits(op.Code, records))
}

// covers reports whether a list can be believed to be whole: it has the record
// that was shown, unless that is of another shop, and one for every other visit of ours
// since a time.
func (b books) covers(op models.Operation, records []platform.Record, shown platform.Record, since time.Time) bool {
	list := visits(op.Code, records)
	if !shown.At.IsZero() && !hasAt(list, shown.At) && !b.ofAnotherShop(op, shown) {
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
// ours explains. Each explains one: to the second, and of another account by its person as
// well, else the nearest by its person that is not of the operation's own moment; one that
// was undone, whose record may be gone, only to the second. untold are the standing ones
// that explain none.
func (b books) unexplained(op models.Operation, records []platform.Record) (list []platform.Record, untold []models.Operation) {
	list = visits(op.Code, records)
	var rest []models.Operation
	for _, o := range b.others {
		i := slices.IndexFunc(list, func(r platform.Record) bool {
			return sameSecond(r.At, o.ConsumedAt) && (o.StoreID == op.StoreID || by(o, r))
		})
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
			own := sameSecond(r.At, op.ConsumedAt) || by(op, r) && distance(op, r.At) <= near && d > near
			if by(o, r) && !own && d <= skew && (best < 0 || d < list[best].At.Sub(o.ConsumedAt).Abs()) {
				best = i
			}
		}
		if best >= 0 {
			list = slices.Delete(list, best, best+1)
		} else {
			untold = append(untold, o)
		}
	}
	return list, untold
}

// visits are the records of a code, oldest first; those of one person and second
// are one visit.
func visits(code string, records []platform.Record) []platform.Record {
	list := slices.DeleteFunc(slices.Clone(records), func(r platform.Record) bool { return r.Code != code })
	slices.SortStableFunc(list, func(a, b platform.Record) int { return a.At.Compare(b.At) })
	return slices.CompactFunc(list, func(a, b platform.Record) bool { return sameSecond(a.At, b.At) && a.Account == b.Account })
}

// another reports whether a record is certainly not of a done operation, but by another
// channel or colleague: then its code can be verified more than once.
func (b books) another(op models.Operation, rec platform.Record) bool {
	return !by(op, rec) && (rec.Foreign || b.colleague[strings.ToLower(rec.Account)])
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
