// Package desk shows leads and managers what happened in their stores. It changes
// nothing, and does not know pages or chats.
package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/models"
)

// Desks shows leads and managers what they may see; it changes nothing.
type Desks struct {
	DB             *models.DB
	Words          *words.Words
	Figures        *figures.Counter
	Reconciliation *reconcile.Keeper
	Has            func(platform string) bool // it is configured
	Access         *access.Access
	Location       *time.Location
	Now            func() time.Time
}

// Desk is what one person may look at on the console's pages: the stores they
// lead or manage. It is asked for anew for every page, so that who leaves a store
// sees no more of it.
type Desk struct {
	User, Name string
	Stores     []models.Store // by name
	Managed    []models.Store // those of them whose people and access are theirs to see
}

// Desk finds what a user may look at; without stores it is nothing.
func (k *Desks) Desk(ctx context.Context, user string) (Desk, error) {
	d := Desk{User: strings.ToLower(user)}
	all := k.Access.ManagesAll(d.User)
	places, err := k.DB.Directory.Places(ctx, models.PlaceFilter{User: d.User, All: all})
	if err != nil {
		return Desk{}, fmt.Errorf("bot: places: %w", err)
	}
	for _, p := range places {
		d.Name = cmp.Or(d.Name, p.Member.Name)
		manages := all || p.Member.Role == models.RoleManager
		if manages {
			d.Managed = append(d.Managed, p.Store)
		}
		if manages || p.Member.Role == models.RoleLead {
			d.Stores = append(d.Stores, p.Store)
		}
	}
	return d, nil
}

// only narrows a desk to one of its stores; 0 is all of them. A store that is not
// on it is none.
func (d Desk) only(store int64) []models.Store {
	if store == 0 {
		return d.Stores
	}
	return slices.DeleteFunc(slices.Clone(d.Stores), func(s models.Store) bool { return s.ID != store })
}

// during is [Desk.only] with the stores that are no longer in use and had business
// from a time until before another, where the person led or managed them.
func (k *Desks) during(ctx context.Context, d Desk, store int64, from, to time.Time) ([]models.Store, error) {
	stores := d.only(store)
	if store != 0 {
		return stores, nil
	}
	all := k.Access.ManagesAll(d.User)
	ended, err := k.DB.Directory.Places(ctx, models.PlaceFilter{User: d.User, All: all, Off: true, From: from, To: to})
	if err != nil {
		return nil, fmt.Errorf("bot: places: %w", err)
	}
	stores = slices.Clone(stores)
	for _, p := range ended {
		if all || p.Member.Role == models.RoleManager || p.Member.Role == models.RoleLead {
			stores = append(stores, p.Store)
		}
	}
	return stores, nil
}

// Line is a row of figures.
type Line struct {
	Name string
	models.Tally
}

// Amount is what was verified and not undone, in money.
func (l Line) Amount() string { return words.Amount(l.Verified) }

// Refused is how often something was not verified for a reason.
type Refused struct {
	What    string
	Times   int
	Reasons []string // that people call the same
}

// refused counts refusals by what people call their reasons, the most frequent first.
func refused(refusals []models.Refusal) (all []Refused) {
	at := map[string]int{}
	for _, r := range refusals {
		what := words.CauseOf(r.Reason)
		i, known := at[what]
		if !known {
			i = len(all)
			at[what], all = i, append(all, Refused{What: what})
		}
		all[i].Times += r.Times
		all[i].Reasons = append(all[i].Reasons, r.Reason)
	}
	slices.SortStableFunc(all, func(x, y Refused) int { return cmp.Compare(y.Times, x.Times) })
	return all
}

// Sheet is the figures of a span.
type Sheet struct {
	Span               command.Span
	All                Line
	ByStore            []Line // most first, like those that follow
	ByPlatform         []Line // none where no store has accounts at several
	ByPerson, ByDeal   []Line
	ByHour             [24]int // verified
	Refused            []Refused
	Outlook            []string // what else to know, a sentence each
	Busiest, InBusiest int      // the hour with most, and how many; 0 of them: none
}

// Sheet sums a period up for a desk, or one store of it.
func (k *Desks) Sheet(ctx context.Context, d Desk, store int64, p command.Period) (Sheet, error) {
	span, ok := p.Span(k.Now(), k.Location)
	if !ok {
		return Sheet{}, ErrNoPeriod
	}
	stores, err := k.during(ctx, d, store, span.From, span.To)
	if err != nil {
		return Sheet{}, err
	}
	f, err := k.Figures.Of(ctx, stores, span)
	if err != nil {
		return Sheet{}, err
	}
	names, people := namesOf(stores), f.People()
	s := Sheet{
		Span: span, All: Line{Tally: f.All()}, ByHour: f.ByHour, Refused: refused(f.Refusals()),
		ByStore:    lines(figures.ByStore(stores, f.ByAccount), func(id int64) string { return names[id] }),
		ByPlatform: lines(figures.ByPlatform(stores, f.ByAccount), func(name string) string { return name }),
		ByPerson:   lines(f.ByPerson, func(user string) string { return people[user] }),
		ByDeal:     lines(f.ByDeal, func(title string) string { return title }),
	}
	s.Busiest, s.InBusiest = f.Busiest()
	if s.Outlook, err = k.Figures.Outlook(ctx, stores); err != nil {
		return s, err
	}
	if note := figures.Refunded(f.Refunds); note != "" {
		s.Outlook = append([]string{note}, s.Outlook...)
	}
	return s, nil
}

// lines are figures by something that has a name, most first.
func lines[K cmp.Ordered](sums map[K]models.Tally, name func(K) string) (all []Line) {
	for _, key := range figures.Best(sums) {
		all = append(all, Line{name(key), sums[key]})
	}
	return all
}

// namesOf are the names of stores, by their accounts.
func namesOf(stores []models.Store) map[int64]string {
	names := map[int64]string{}
	for _, s := range stores {
		for _, id := range models.AccountIDs([]models.Store{s}) {
			names[id] = s.Name
		}
	}
	return names
}

// ErrNoPeriod is a period that is none, or has not begun.
var ErrNoPeriod = errors.New("bot: no such period")

// Search says which verifications to list.
type Search struct {
	Store int64          // 0: all of the desk
	Text  string         // a code, or the last four digits of a phone; "": all
	State string         // "", done, undone, open, refused
	Days  command.Period // "": any time
	After models.HistoryMark
}

// searchStates are the states behind the words of [Search].
var searchStates = map[string][]models.State{
	"done": {models.Done}, "undone": {models.Undone}, "refused": {models.Rejected},
	"open": {models.Calling, models.Unknown, models.Held, models.Undoing, models.UndoUnknown},
}

// ErrNoSearch is a text that is neither a code nor the end of a phone number.
var ErrNoSearch = errors.New("bot: neither a code nor four digits")

// Found is one row of a list.
type Found struct {
	models.Operation
	Store    string
	Platform string // where the store has several
	Says     string // what became of it, as staff were told
	Paid     string // the money that it moved; "": none, or not told
}

// historyPage is how many verifications a page lists.
const historyPage = 30

// History lists verifications of a desk, the newest first; next is nil on the last
// page.
func (k *Desks) History(ctx context.Context, d Desk, q Search) (page []Found, next *models.HistoryMark, err error) {
	f := models.HistoryFilter{States: searchStates[q.State]}
	text := strings.Trim(command.Normalize(q.Text), command.Punctuation+" \n")
	code, isCode := command.OneCode(text)
	switch {
	case text == "":
	case isCode:
		f.Code = code
	case len(text) == 4 && strings.Trim(text, "0123456789") == "":
		f.Phone = text
		if q.Days == "" {
			q.Days = command.ThisMonth // few operations pass it
		}
	default:
		return nil, nil, ErrNoSearch
	}
	if q.Days != "" {
		span, ok := q.Days.Span(k.Now(), k.Location)
		if !ok {
			return nil, nil, ErrNoPeriod
		}
		f.From, f.To = span.From, span.To
	}
	stores, err := k.historyOf(ctx, d, q.Store, f)
	if err != nil {
		return nil, nil, err
	}
	f.StoreIDs = models.AccountIDs(stores)
	ops, next, err := k.DB.History.Page(ctx, f, q.After, historyPage)
	if err != nil {
		return nil, nil, fmt.Errorf("bot: history: %w", err)
	}
	coupons, err := k.couponsOf(ctx, ops)
	if err != nil {
		return nil, nil, err
	}
	of := byAccount(stores)
	for _, op := range ops {
		s := of[op.StoreID]
		page = append(page, Found{
			Operation: op, Store: s.Name, Platform: words.On(s, op), Says: words.StateWords(op), Paid: words.PaidFor(op, coupons[op.ID]),
		})
	}
	return page, next, nil
}

// couponsOf are what operations consumed, by operation: they may cost different amounts.
func (k *Desks) couponsOf(ctx context.Context, ops []models.Operation) (map[string][]models.Coupon, error) {
	var ids []string
	for _, op := range ops {
		ids = append(ids, op.ID)
	}
	coupons, err := k.DB.Journal.Coupons(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("bot: history: %w", err)
	}
	of := map[string][]models.Coupon{}
	for _, c := range coupons {
		of[c.OperationID] = append(of[c.OperationID], c)
	}
	return of, nil
}

// historyOf are the stores whose history is asked for: of its days, or of all days.
func (k *Desks) historyOf(ctx context.Context, d Desk, store int64, f models.HistoryFilter) ([]models.Store, error) {
	if f.From.IsZero() {
		f.From, f.To = time.Unix(0, 0), k.Now().Add(time.Hour)
	}
	return k.during(ctx, d, store, f.From, f.To)
}

// byAccount are stores by each of their accounts.
func byAccount(stores []models.Store) map[int64]models.Store {
	of := map[int64]models.Store{}
	for _, s := range stores {
		for _, a := range s.All() {
			of[a.ID] = s
		}
	}
	return of
}

// Event is a step in the story of a code.
type Event struct {
	At   time.Time
	Kind EventKind
	Text string
}

// EventKind is whose step it was.
type EventKind string

const (
	Asked  EventKind = "asked"  // a person
	Called EventKind = "called" // we, at the platform
	Became EventKind = "became" // the voucher
	Told   EventKind = "told"   // we, in the chat
)

// Story tells a desk of one operation, and of its code in these stores. An
// operation elsewhere is [models.ErrNotFound], as one that never was.
func (k *Desks) Story(ctx context.Context, d Desk, operationID string) (VoucherView, []Event, error) {
	op, err := k.DB.Journal.Get(ctx, operationID)
	if err != nil {
		return VoucherView{}, nil, fmt.Errorf("bot: operation: %w", err)
	}
	stores, err := k.historyOf(ctx, d, 0, models.HistoryFilter{})
	if err != nil {
		return VoucherView{}, nil, err
	}
	mine := models.AccountIDs(stores)
	if !slices.Contains(mine, op.StoreID) {
		return VoucherView{}, nil, fmt.Errorf("bot: operation: %w", models.ErrNotFound)
	}
	v, err := k.Voucher(ctx, op.ID)
	if err != nil {
		return VoucherView{}, nil, err
	}
	events, err := story(ctx, k.DB, k.Location, op.Code, func(account int64) bool { return slices.Contains(mine, account) })
	return v, events, err
}
