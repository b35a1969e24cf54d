package redeem

import (
	"slices"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A code can be good at several shops of ours. The platform lists what was verified at one:
// what happened at the others is in the journal alone.

// amongShops is the fate of a visit once other shops of ours are regarded, whose lists were
// not asked for: a visit there can be the later one.
func (b books) amongShops(op models.Operation, here state) state {
	if here != isUsed && here != isCovered {
		return here
	}
	for _, o := range append(b.standing(), b.doubts...) {
		switch {
		case o.StoreID == op.StoreID, o.NeedsHuman && !mayFollow(o, op): // not sent again
		case o.State == models.Done && mayFollow(o, op):
			here = isCovered
		case o.State != models.Done:
			return notKnown
		}
	}
	return here
}

// mayFollow reports whether an operation can have consumed after another was called.
func mayFollow(o, op models.Operation) bool {
	return o.ConsumedAt.After(op.CalledAt) || o.UndoCalledAt.IsZero() && o.SentAt.After(op.CalledAt)
}

// elsewhere counts the visits at other shops of ours from an operation's beginning on: their
// lists are not asked for. A list may have some all the same, of a shop with two accounts.
func (b books) elsewhere(op models.Operation, list []platform.Record) (n int) {
	for _, o := range b.standing() {
		if o.StoreID != op.StoreID && !o.ConsumedAt.Before(op.CreatedAt) && !hasAt(list, o.ConsumedAt) {
			n += o.Count
		}
	}
	return n
}

// ofAnotherShop reports whether a record that was shown is of a visit at another shop of
// ours: it names its person alone, or is nearer to it.
func (b books) ofAnotherShop(op models.Operation, shown platform.Record) bool {
	return slices.ContainsFunc(b.standing(), func(o models.Operation) bool {
		d := shown.At.Sub(o.ConsumedAt).Abs()
		return o.StoreID != op.StoreID && d <= near && (d < distance(op, shown.At) || by(o, shown) && !by(op, shown))
	})
}

// latest is the last visit of an operation's code that is known, and the operation that made
// it at another shop, whose list was not asked for.
func (b books) latest(op models.Operation, list []platform.Record) (rec platform.Record, other *models.Operation) {
	if all := visits(op.Code, list); len(all) > 0 {
		rec = all[len(all)-1]
	}
	for _, o := range b.standing() {
		if o.StoreID != op.StoreID && o.ConsumedAt.After(rec.At) {
			rec, other = platform.Record{At: o.ConsumedAt, Account: o.UserID}, &o
		}
	}
	return rec, other
}
