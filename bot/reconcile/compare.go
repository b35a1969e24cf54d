// Package reconcile holds the platform's list of a closed day against the journal
// and keeps what differs; it does not know chats and cards.
//
// A verification that is missing in the platform's list says nothing by itself:
// the platform is asked for it singly before anybody is alarmed, and a refund is
// only what the platform calls one.
package reconcile

import (
	"cmp"
	"slices"
	"time"

	"yanquan/dianping"
)

// Kind says what an [Item] is about.
type Kind string

// The kinds, the worst first.
const (
	OnlyOurs      Kind = "only_ours"      // ours, and the platform does not know of it
	UndoFailed    Kind = "undo_failed"    // undone by us, and consumed at the platform all the same
	AmountDiffers Kind = "amount_differs" // in both, with different prices
	Doubtful      Kind = "doubtful"       // ours, with an outcome that is not known yet
	OtherSystem   Kind = "other_system"   // only at the platform, by a system that is not this one
	InShop        Kind = "in_shop"        // only at the platform: 开店宝, or the till
	Unlisted      Kind = "unlisted"       // ours; not in the list, but the platform confirms it when asked
	Undone        Kind = "undone"         // undone by us, still in the list, and not consumed when asked
	Refunded      Kind = "refunded"       // the platform says that it was refunded
)

var kinds = []Kind{OnlyOurs, UndoFailed, AmountDiffers, Doubtful, OtherSystem, InShop, Unlisted, Undone, Refunded}

// Item is something in which list and journal differ, or that is worth a line of
// its own.
type Item struct {
	Kind         Kind
	Code         string
	OperationID  string // "": not ours
	Title        string
	PlatformFen  dianping.Fen // what the list says; 0: it is not there
	OursFen      dianping.Fen // what the journal says; 0: not ours
	Account      string       // who verified it: the list's, else ours
	Channel      string       // of the list
	RefundStatus string
	At           time.Time
}

// Standing says what the journal has of a coupon.
type Standing int

// A coupon of the journal is verified, undone, or nobody knows yet.
const (
	Stands Standing = iota
	WasUndone
	InDoubt
)

// Entry is a coupon in the journal.
type Entry struct {
	OperationID string
	Code        string
	OrderID     string
	Title       string
	Account     string // as it was given to the platform
	Price       dianping.Fen
	At          time.Time
	Standing    Standing
	Payments    []dianping.Payment // of the whole order
	Shares      []dianping.Payment // of this coupon alone, where the platform tells that
}

// Comparison is list and journal of one store and day, matched.
type Comparison struct {
	Items   []Item
	figures Figures
	counted []Entry // those whose money counts: they stand, and were not refunded
}

// The platform's refund states that mean money given back: 未消费退, 已消费退.
func refunded(status string) bool { return status == "4" || status == "6" }

// byInterface is the channel of systems such as this one.
const byInterface = "15"

// Compare matches the platform's list of a day with the journal. Entries of
// shortly before and after the day may be among ours: clocks disagree about
// midnight.
func Compare(day string, list []dianping.Record, ours []Entry) (*Comparison, error) {
	from, to, err := Bounds(day)
	if err != nil {
		return nil, err
	}
	c := &Comparison{}
	byCode := map[string][]int{}
	for i, e := range ours {
		byCode[e.Code] = append(byCode[e.Code], i)
	}
	taken := make([]bool, len(ours))
	for _, r := range list {
		c.figures.Listed.Add(int64(r.Price))
		if refunded(r.RefundStatus) {
			c.figures.Refunded.Add(int64(r.Price))
		}
		best := -1
		for _, i := range byCode[r.Code] {
			if !taken[i] && (best < 0 || closer(ours[i], ours[best], r.VerifyTime)) {
				best = i
			}
		}
		if best < 0 {
			c.foreign(r)
			continue
		}
		taken[best] = true
		c.matched(r, ours[best])
	}
	for i, e := range ours {
		if taken[i] || e.At.Before(from) || !e.At.Before(to) {
			continue
		}
		switch e.Standing {
		case Stands:
			c.figures.OnlyOurs.Add(int64(e.Price))
			c.add(OnlyOurs, dianping.Record{}, e)
		case InDoubt:
			c.figures.Doubtful++
			c.add(Doubtful, dianping.Record{}, e)
		case WasUndone: // as it should be
		}
	}
	return c, nil
}

// closer reports whether a is rather what a record speaks of than b. A code can
// be verified more than once: a card for several visits keeps its code.
func closer(a, b Entry, at time.Time) bool {
	if a.Standing != b.Standing {
		return a.Standing == Stands || a.Standing == InDoubt && b.Standing == WasUndone
	}
	return a.At.Sub(at).Abs() < b.At.Sub(at).Abs()
}

// foreign counts a record that the journal has nothing of.
func (c *Comparison) foreign(r dianping.Record) {
	kind, tally := InShop, &c.figures.InShop
	if r.VerifyChannel == byInterface {
		kind, tally = OtherSystem, &c.figures.OtherSystem
	}
	tally.Add(int64(r.Price))
	c.add(kind, r, Entry{})
}

func (c *Comparison) matched(r dianping.Record, e Entry) {
	switch e.Standing {
	case WasUndone:
		c.figures.Undone.Add(int64(r.Price))
		c.add(Undone, r, e)
		return
	case InDoubt:
		c.figures.DoubtfulListed.Add(int64(r.Price))
		c.add(Doubtful, r, e)
		return
	case Stands:
	}
	c.figures.Matched.Add(int64(e.Price))
	if r.Price != e.Price && r.Price != 0 && e.Price != 0 {
		c.figures.AmountDiffers++
		c.figures.Difference += r.Price - e.Price
		c.add(AmountDiffers, r, e)
	}
	if refunded(r.RefundStatus) {
		c.add(Refunded, r, e)
		return
	}
	c.counted = append(c.counted, e)
}

func (c *Comparison) add(kind Kind, r dianping.Record, e Entry) {
	c.Items = append(c.Items, Item{
		Kind: kind, Code: cmp.Or(e.Code, r.Code), OperationID: e.OperationID, Title: cmp.Or(e.Title, r.Title),
		PlatformFen: r.Price, OursFen: e.Price, Account: cmp.Or(r.VerifyAccount, e.Account), Channel: r.VerifyChannel,
		RefundStatus: r.RefundStatus, At: cmp.Or(r.VerifyTime, e.At),
	})
}

// asked are the items about which the platform must be asked singly: what the
// list says of them is not enough to alarm anybody.
func (c *Comparison) asked() (items []*Item) {
	for i := range c.Items {
		if k := c.Items[i].Kind; k == OnlyOurs || k == Undone {
			items = append(items, &c.Items[i])
		}
	}
	return items
}

// clockSkew is how far the platform's time of a verification and ours may be
// apart.
const clockSkew = 30 * time.Minute

// confirm takes what the platform says of an item when asked for it singly: that
// it is consumed. e is its entry in the journal.
func (c *Comparison) confirm(item *Item, r dianping.Record, e Entry) {
	switch item.Kind {
	case Undone:
		item.Kind = UndoFailed
		c.figures.Undone.Remove(int64(item.PlatformFen))
		c.figures.UndoFailed.Add(int64(item.PlatformFen))
	case OnlyOurs:
		if !r.VerifyTime.IsZero() && r.VerifyTime.Sub(item.At).Abs() > clockSkew {
			return // that is another verification of the same code
		}
		item.Kind = Unlisted
		c.figures.OnlyOurs.Remove(int64(item.OursFen))
		c.figures.Unlisted.Add(int64(item.OursFen))
		c.counted = append(c.counted, e)
	}
}

// Result are the figures, with the items in their order: the worst first, each
// kind by time.
func (c *Comparison) Result() (Figures, []Item) {
	slices.SortStableFunc(c.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), a.At.Compare(b.At), cmp.Compare(a.Code, b.Code))
	})
	f := c.figures
	f.Money = MoneyOf(c.counted)
	return f, c.Items
}
