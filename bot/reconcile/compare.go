// Package reconcile holds the platform's list of a closed day against the journal
// and keeps what differs, account by account; it knows neither chats and cards nor the
// platforms' clients.
//
// A verification that is missing in the platform's list says nothing by itself:
// the platform is asked for it singly before an alarm, and a refund is
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

// gone: the platform no longer has it as verified.
func (k Kind) gone() bool { return k == OnlyOurs || k == UndoneThere }

// none is the kind of an item that turned out to be nothing.
const none Kind = ""

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

// A coupon of the journal is verified, in doubt, or undone: in the order in which they
// are given a record.
const (
	Stands Standing = iota
	InDoubt
	WasUndone
)

// Entry is a coupon in the journal.
type Entry struct {
	ID          string // of the coupon in the journal; "": a doubt
	OperationID string
	Code        string // "": the platform did not tell it; see [Entry.untold]
	Asked       string // the code that its operation was asked for
	Handle      string // names it at the platform; "": its code does
	OrderID     string
	DealID      int64
	Title       string
	Account     string // as it was given to the platform
	Price       models.Price
	Left        int  // coupons of the order, or visits, that could be verified before; 0: not told
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
	others  []Entry // that stand, of the same orders
	asked   []question
	known   []verification
	told    []Entry        // that are in the list
	shown   []verification // by the list
	day     bounds
}

// bounds are the first moment of a day, and that of the next one.
type bounds struct{ from, to time.Time }

func (d bounds) has(t time.Time) bool { return !t.Before(d.from) && t.Before(d.to) }

// almost reports whether a time is so near to the day that another clock may have it within.
func (d bounds) almost(t time.Time) bool {
	return bounds{d.from.Add(-near), d.to.Add(near)}.has(t)
}

// verification is one of a code, and when it was: by the journal, or by the list where
// the journal has it not.
type verification struct {
	code string
	at   time.Time
}

// question is an item about which the platform must be asked singly: what the list says
// of it is not enough for an alarm.
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
	c, taken := &Comparison{day: bounds{from, to}}, make([]bool, len(ours))
	for n, i := range newMatching(ours, c.day).assign(list) {
		c.shown = append(c.shown, verification{list[n].Code, list[n].At})
		switch r := list[n]; {
		case r.Undone && (i < 0 || ours[i].Standing == InDoubt): // as if it had never been
		case r.Undone:
			taken[i] = true
			c.undoneThere(r, ours[i].namedBy(r))
		case i < 0:
			c.listed(r)
			c.foreign(r)
		default:
			taken[i], c.told = true, append(c.told, ours[i])
			c.listed(r)
			c.matched(r, ours[i].namedBy(r))
		}
	}
	for i, e := range ours {
		c.known = append(c.known, verification{e.Code, e.At})
		if !taken[i] {
			c.missing(e)
		}
	}
	return c, nil
}

// matching finds what entry a record speaks of.
type matching struct {
	ours     []Entry
	day      bounds // of the list
	byCode   map[string][]int
	byHandle map[string][]int
	nameless []int                      // those that nothing but their code names, if that
	told     map[string]platform.Record // by operation: a record of one of its coupons
}

func newMatching(ours []Entry, day bounds) *matching {
	m := &matching{ours: ours, day: day, byCode: map[string][]int{}, byHandle: map[string][]int{}, told: map[string]platform.Record{}}
	for i, e := range ours {
		if e.Handle != "" {
			m.byHandle[e.Handle] = append(m.byHandle[e.Handle], i)
			continue
		}
		if !e.untold() {
			m.byCode[e.Code] = append(m.byCode[e.Code], i)
		}
		if e.Standing != WasUndone {
			m.nameless = append(m.nameless, i)
		}
	}
	return m
}

// pair is an entry of which a record may speak.
type pair struct{ record, entry int }

// assign finds the entry of each record; -1: there is none. A record with a handle is of
// the entry with that handle, whatever their codes. A doubt has none, nor has what a person
// has decided, and its code may be another than the record tells.
func (m *matching) assign(list []platform.Record) []int {
	found, taken := slices.Repeat([]int{-1}, len(list)), make([]bool, len(m.ours))
	for _, candidates := range []func(platform.Record) []int{m.ofHandle, m.ofCode, m.ofCall, m.ofDeal} {
		var pairs []pair
		for n, r := range list {
			if found[n] >= 0 {
				continue
			}
			for _, i := range candidates(r) {
				pairs = append(pairs, pair{n, i})
			}
		}
		slices.SortStableFunc(pairs, func(a, b pair) int {
			return closer(m.ours[a.entry], m.ours[b.entry], list[a.record].At, list[b.record].At)
		})
		for _, p := range pairs {
			if found[p.record] < 0 && !taken[p.entry] {
				found[p.record], taken[p.entry] = p.entry, true
				m.told[m.ours[p.entry].OperationID] = list[p.record]
			}
		}
	}
	return found
}

func (m *matching) ofHandle(r platform.Record) []int {
	if r.Handle == "" {
		return nil
	}
	return m.byHandle[r.Handle]
}

func (m *matching) ofCode(r platform.Record) (list []int) {
	for _, i := range m.byCode[r.Code] {
		if m.within(m.ours[i], r) {
			list = append(list, i)
		}
	}
	return list
}

// within reports whether a record is near enough to an entry with its code. A code that
// can be verified once is the same at any time, and a doubt may take long. A visit of
// another day has its record in that day's list, unless it was at midnight.
func (m *matching) within(e Entry, r platform.Record) bool {
	most := clockSkew
	if !m.day.has(e.At) {
		most = near
	}
	once := !e.Reusable && !r.Reusable && e.Standing != WasUndone
	return once || e.Standing == InDoubt || r.At.IsZero() || e.At.Sub(r.At).Abs() <= most
}

// closer orders pairs: a list may go on showing what was undone, so that what stands has
// the first choice. It takes what is nearest in time, in whatever order the list is: a
// card for several visits keeps its code.
func closer(a, b Entry, ofA, ofB time.Time) int {
	return cmp.Or(cmp.Compare(a.Standing, b.Standing), cmp.Compare(a.At.Sub(ofA).Abs(), b.At.Sub(ofB).Abs()))
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

// missing counts an entry that the list has nothing of. One of a neighbouring day may be of
// this day by the platform's clock.
func (c *Comparison) missing(e Entry) {
	switch within := c.day.has(e.At); {
	case e.untold():
		c.missingUntold(e)
	case !within && e.Standing == Stands && c.day.almost(e.At):
		c.ask(none, platform.Record{}, e)
	case !within, e.Standing == WasUndone: // as it should be
	case e.Standing == InDoubt:
		c.figures.Doubtful++
		c.add(Doubtful, platform.Record{}, e)
	default:
		c.figures.OnlyOurs.Add(e.Price)
		c.ask(OnlyOurs, platform.Record{}, e)
	}
}

// foreign counts a record that the journal has nothing of.
func (c *Comparison) foreign(r platform.Record) {
	kind, tally := InShop, &c.figures.InShop
	if r.Interface {
		kind, tally = OtherSystem, &c.figures.OtherSystem
	}
	tally.Add(priceOf(r))
	c.known = append(c.known, verification{r.Code, r.At})
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
		Kind: kind, Code: cmp.Or(e.Code, r.Code, e.Asked), OperationID: e.OperationID, Title: cmp.Or(e.Title, r.Title),
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
	if !c.own(q.entry, r) {
		if q.entry.Reusable && c.day.has(r.At) && !c.lists(q.entry.Code, r.At) { // visits are missing there
			c.unclear(q)
		}
		return
	}
	item := &c.Items[q.item]
	switch item.Kind {
	case Undone:
		item.Kind = UndoFailed
		c.figures.Undone.Remove(priceOf(q.listed))
		c.figures.UndoFailed.Add(priceOf(q.listed))
	case none, OnlyOurs, UndoneThere:
		c.withdraw(q)
		if !c.day.has(cmp.Or(r.At, q.entry.At)) { // it counts on that other day
			item.Kind = none
			return
		}
		item.Kind = Unlisted
		c.figures.Unlisted.Add(q.entry.Price)
		c.counted = append(c.counted, q.entry)
	}
}

// lists reports whether the list has a verification of a code at about a time.
func (c *Comparison) lists(code string, at time.Time) bool {
	return slices.ContainsFunc(c.shown, func(v verification) bool { return v.code == code && v.at.Sub(at).Abs() <= near })
}

// own reports whether a record is an entry's, and not another verification of the same
// code. With a handle, just that one was asked for.
func (c *Comparison) own(e Entry, r platform.Record) bool {
	if e.Handle != "" || r.At.IsZero() {
		return true
	}
	if e.Standing == Stands && slices.ContainsFunc(c.told, e.twin) {
		return true
	}
	apart := e.At.Sub(r.At).Abs()
	return apart <= clockSkew && !slices.ContainsFunc(c.known, func(v verification) bool {
		return v.code == e.Code && v.at.Sub(r.At).Abs() < apart
	})
}

// twin reports whether two entries are visits of one card by one operation. A list whose
// rows have no number tells those once.
func (e Entry) twin(o Entry) bool {
	return e.Reusable && o.OperationID == e.OperationID && o.Code == e.Code && o.At.Equal(e.At)
}

// unclear takes that the platform cannot say, when asked singly.
func (c *Comparison) unclear(q question) {
	if item := &c.Items[q.item]; item.Kind != Undone && item.Kind != none {
		c.withdraw(q)
		item.Kind = Doubtful
		c.figures.Doubtful++
	}
}

// withdraw takes back an alarm.
func (c *Comparison) withdraw(q question) {
	switch c.Items[q.item].Kind {
	case OnlyOurs:
		c.figures.OnlyOurs.Remove(q.entry.Price)
	case UndoneThere:
		c.figures.UndoneThere.Remove(q.entry.Price)
	}
}

// Result are the figures, with the items in their order: the worst first, each
// kind by time.
func (c *Comparison) Result() (Figures, []Item) {
	c.Items = slices.DeleteFunc(c.Items, func(i Item) bool { return i.Kind == none })
	slices.SortStableFunc(c.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), a.At.Compare(b.At), cmp.Compare(a.Code, b.Code))
	})
	f := c.figures
	f.Money = MoneyOf(c.counted, c.others)
	return f, c.Items
}
