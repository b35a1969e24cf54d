// Package reconcile holds the platform's list of a closed day against the journal
// and keeps what differs, account by account; it knows neither chats and cards nor the
// platforms' clients.
//
// A verification that is missing in the platform's list says nothing by itself:
// the platform is asked for it singly before anybody is alarmed, and a refund is
// only what the platform calls one.
package reconcile

import (
	"cmp"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
)

// Kind says what an [Item] is about.
type Kind string

// The kinds, the worst first.
const (
	OnlyOurs      Kind = "only_ours"      // ours, and the platform does not know of it
	UndoneThere   Kind = "undone_there"   // ours, and the platform says that it was undone, not by us
	UndoFailed    Kind = "undo_failed"    // undone by us, and consumed at the platform all the same
	AmountDiffers Kind = "amount_differs" // in both, with different prices
	Doubtful      Kind = "doubtful"       // ours, with an outcome that is not known yet
	OtherSystem   Kind = "other_system"   // only at the platform, by a system that is not this one
	InShop        Kind = "in_shop"        // only at the platform: in the merchants' app, or at the till
	Unlisted      Kind = "unlisted"       // ours; not in the list, but the platform confirms it when asked
	Undone        Kind = "undone"         // undone by us, still in the list, and not consumed when asked
	Refunded      Kind = "refunded"       // the platform says that it was refunded
)

var kinds = []Kind{OnlyOurs, UndoneThere, UndoFailed, AmountDiffers, Doubtful, OtherSystem, InShop, Unlisted, Undone, Refunded}

// Item is something in which list and journal differ, or that is worth a line of
// its own.
type Item struct {
	Kind         Kind
	Code         string
	OperationID  string // "": not ours
	Title        string
	PlatformFen  dianping.Fen // what the list says; 0: it is not there, or does not say
	OursFen      dianping.Fen // what the journal says; 0: not ours, or not known
	PriceKnown   bool         // one of them is a price, also of 0
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
	Handle      string // names it at the platform; "": its code does
	OrderID     string
	DealID      int64
	Title       string
	Account     string // as it was given to the platform
	Price       models.Price
	Reusable    bool // the code stays good from visit to visit, and the price is a visit's
	At          time.Time
	Standing    Standing
	Payments    platform.Paid  // for the whole order; Total 0: not told
	Share       *platform.Paid // for this coupon alone, where the platform tells that
}

// Comparison is list and journal of one account and day, matched.
type Comparison struct {
	Items   []Item
	figures Figures
	counted []Entry // those whose money counts: they stand, and were not refunded
	asked   []question
}

// question is an item about which the platform must be asked singly: what the list says
// of it is not enough to alarm anybody.
type question struct {
	item   int
	listed platform.Record
	entry  Entry
}

// Compare matches the platform's list of a day with the journal. Entries of
// shortly before and after the day may be among ours: clocks disagree about
// midnight.
func Compare(day string, list []platform.Record, ours []Entry) (*Comparison, error) {
	from, to, err := Bounds(day)
	if err != nil {
		return nil, err
	}
	c, m := &Comparison{}, newMatching(ours)
	for _, r := range list {
		i := m.find(r)
		switch {
		case r.Undone && (i < 0 || ours[i].Standing == InDoubt): // as if it had never been
		case r.Undone:
			m.taken[i] = true
			c.undoneThere(r, ours[i])
		case i < 0:
			c.listed(r)
			c.foreign(r)
		default:
			m.taken[i] = true
			c.listed(r)
			c.matched(r, ours[i])
		}
	}
	for i, e := range ours {
		if m.taken[i] || e.At.Before(from) || !e.At.Before(to) {
			continue
		}
		switch e.Standing {
		case Stands:
			c.figures.OnlyOurs.Add(e.Price)
			c.ask(OnlyOurs, platform.Record{}, e)
		case InDoubt:
			c.figures.Doubtful++
			c.add(Doubtful, platform.Record{}, e)
		case WasUndone: // as it should be
		}
	}
	return c, nil
}

// matching finds what entry a record speaks of.
type matching struct {
	ours     []Entry
	taken    []bool
	byCode   map[string][]int
	byHandle map[string][]int
	nameless []int // those that nothing but their code names
}

func newMatching(ours []Entry) *matching {
	m := &matching{ours: ours, taken: make([]bool, len(ours)), byCode: map[string][]int{}, byHandle: map[string][]int{}}
	for i, e := range ours {
		if e.Handle != "" {
			m.byHandle[e.Handle] = append(m.byHandle[e.Handle], i)
			continue
		}
		m.byCode[e.Code] = append(m.byCode[e.Code], i)
		if e.Standing != WasUndone {
			m.nameless = append(m.nameless, i)
		}
	}
	return m
}

// near is how far a record's time and that of an entry with another code may be apart.
const near = 2 * time.Minute

// find finds the entry; -1: there is none. A record with a handle is of the entry with
// that handle, whatever their codes. A doubt has none, nor has what a person has decided,
// and its code may be another than the record tells.
func (m *matching) find(r platform.Record) int {
	if r.Handle == "" {
		return m.best(r, m.byCode[r.Code])
	}
	if i := m.best(r, m.byHandle[r.Handle]); i >= 0 {
		return i
	}
	if i := m.best(r, m.byCode[r.Code]); i >= 0 || r.Foreign {
		return i
	}
	return m.best(r, slices.DeleteFunc(slices.Clone(m.nameless), func(i int) bool {
		e := m.ours[i]
		return r.DealID == 0 || e.DealID != r.DealID || e.At.Sub(r.At).Abs() > near
	}))
}

func (m *matching) best(r platform.Record, among []int) int {
	best := -1
	for _, i := range among {
		if !m.taken[i] && (best < 0 || closer(m.ours[i], m.ours[best], r.At)) {
			best = i
		}
	}
	return best
}

// closer reports whether a is rather what a record speaks of than b. A code can
// be verified more than once: a card for several visits keeps its code.
func closer(a, b Entry, at time.Time) bool {
	if a.Standing != b.Standing {
		return a.Standing == Stands || a.Standing == InDoubt && b.Standing == WasUndone
	}
	return a.At.Sub(at).Abs() < b.At.Sub(at).Abs()
}

// priceOf is what a record says of the price.
func priceOf(r platform.Record) models.Price {
	return models.Price{Fen: r.PriceFen, Unknown: !r.PriceKnown}
}

// listed counts a record of the list.
func (c *Comparison) listed(r platform.Record) {
	c.figures.Listed.Add(priceOf(r))
	if r.Refunded {
		c.figures.Refunded.Add(priceOf(r))
	}
}

// foreign counts a record that the journal has nothing of.
func (c *Comparison) foreign(r platform.Record) {
	kind, tally := InShop, &c.figures.InShop
	if r.Interface {
		kind, tally = OtherSystem, &c.figures.OtherSystem
	}
	tally.Add(priceOf(r))
	c.add(kind, r, Entry{Price: models.Price{Unknown: true}})
}

// undoneThere counts an entry that the list tells as undone.
func (c *Comparison) undoneThere(r platform.Record, e Entry) {
	if e.Standing == Stands {
		c.figures.UndoneThere.Add(e.Price)
		c.ask(UndoneThere, r, e)
	}
}

func (c *Comparison) matched(r platform.Record, e Entry) {
	switch e.Standing {
	case WasUndone:
		c.figures.Undone.Add(priceOf(r))
		c.ask(Undone, r, e)
		return
	case InDoubt:
		c.figures.DoubtfulListed.Add(priceOf(r))
		c.add(Doubtful, r, e)
		return
	case Stands:
	}
	c.figures.Matched.Add(e.Price)
	if differ(r, e) {
		c.figures.AmountDiffers++
		c.figures.Difference += dianping.Fen(r.PriceFen - e.Price.Fen)
		c.add(AmountDiffers, r, e)
	}
	if r.Refunded {
		c.add(Refunded, r, e)
		return
	}
	c.counted = append(c.counted, e)
}

// differ reports whether list and journal tell different prices. Of a card for several
// visits a list may tell the whole card's.
func differ(r platform.Record, e Entry) bool {
	return !e.Reusable && !r.Reusable && r.PriceKnown && !e.Price.Unknown && r.PriceFen != e.Price.Fen
}

func (c *Comparison) add(kind Kind, r platform.Record, e Entry) {
	c.Items = append(c.Items, Item{
		Kind: kind, Code: cmp.Or(e.Code, r.Code), OperationID: e.OperationID, Title: cmp.Or(e.Title, r.Title),
		PlatformFen: dianping.Fen(r.PriceFen), OursFen: dianping.Fen(e.Price.Fen), PriceKnown: r.PriceKnown || !e.Price.Unknown,
		Account: cmp.Or(r.Account, e.Account), Channel: r.Channel, RefundStatus: r.RefundStatus, At: cmp.Or(r.At, e.At),
	})
}

// ask adds an item about which the platform must be asked.
func (c *Comparison) ask(kind Kind, r platform.Record, e Entry) {
	c.asked = append(c.asked, question{len(c.Items), r, e})
	c.add(kind, r, e)
}

// clockSkew is how far the platform's time of a verification and ours may be
// apart.
const clockSkew = 30 * time.Minute

// confirm takes what the platform says when asked singly: that it is consumed.
func (c *Comparison) confirm(q question, r platform.Record) {
	item := &c.Items[q.item]
	switch item.Kind {
	case Undone:
		item.Kind = UndoFailed
		c.figures.Undone.Remove(priceOf(q.listed))
		c.figures.UndoFailed.Add(priceOf(q.listed))
	case OnlyOurs, UndoneThere:
		if q.entry.Handle == "" && !r.At.IsZero() && r.At.Sub(item.At).Abs() > clockSkew {
			return // that is another verification of the same code
		}
		c.withdraw(q)
		item.Kind = Unlisted
		c.figures.Unlisted.Add(q.entry.Price)
		c.counted = append(c.counted, q.entry)
	}
}

// unclear takes that the platform cannot say, when asked singly.
func (c *Comparison) unclear(q question) {
	if item := &c.Items[q.item]; item.Kind != Undone {
		c.withdraw(q)
		item.Kind = Doubtful
		c.figures.Doubtful++
	}
}

// withdraw takes back an alarm.
func (c *Comparison) withdraw(q question) {
	sum := &c.figures.OnlyOurs
	if c.Items[q.item].Kind == UndoneThere {
		sum = &c.figures.UndoneThere
	}
	sum.Remove(q.entry.Price)
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
