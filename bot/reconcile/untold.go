package reconcile

import (
	"time"

	"yanquan/bot/platform"
)

// A coupon of the journal may have no code, and then no handle either: the platform told
// neither when it was verified. What else is known of it finds its record.

const (
	// near is how far a record's time and that of an entry with another code may be apart.
	near = 2 * time.Minute
	// atOnce is how far the times of two records of one call may be apart.
	atOnce = 2 * time.Second
)

// untold reports whether the platform has not told the code.
func (e Entry) untold() bool { return e.Code == "" }

// namedBy is an entry with what its record tells of it.
func (e Entry) namedBy(r platform.Record) Entry {
	if e.untold() {
		e.Code, e.Handle = r.Code, r.Handle
	}
	return e
}

// ofCall lists the entries without a code that were verified by the call that a record
// tells of, as the record of another coupon of the call shows: of the same deal and account,
// at the same moment.
func (m *matching) ofCall(r platform.Record) (list []int) {
	for _, i := range m.nameless {
		e := m.ours[i]
		o, known := m.told[e.OperationID]
		if known && e.untold() && o.DealID == r.DealID && o.Account == r.Account && o.Channel == r.Channel && o.At.Sub(r.At).Abs() <= atOnce {
			list = append(list, i)
		}
	}
	return list
}

// ofDeal lists the entries of the deal that were verified about then, and that nothing
// names.
func (m *matching) ofDeal(r platform.Record) (list []int) {
	if r.Foreign || r.DealID == 0 {
		return nil
	}
	for _, i := range m.nameless {
		e := m.ours[i]
		named := r.Handle == "" && !e.untold() // by its code
		if !named && e.DealID == r.DealID && e.At.Sub(r.At).Abs() <= near {
			list = append(list, i)
		}
	}
	return list
}

// missingUntold counts an entry without a code of which no record can be told. There is
// nothing to ask the platform by, so that no alarm is raised.
func (c *Comparison) missingUntold(e Entry) {
	if e.Standing != WasUndone && c.day.has(e.At) {
		c.figures.Doubtful++
		c.add(Doubtful, platform.Record{}, e)
	}
}
