package models

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Place is a store with what a person is there; the member of a store in which the
// person is nothing has no role.
type Place struct {
	Store
	Member Member

	// Of an [Errand] with a code, in a store with one account.
	New     string   // the code, where nothing is known of it in this store
	Session *Session // access to the platform; nil: not looked for, or there is none
}

// PlaceFilter says which stores to list for a person: those in use in which the
// person has a role.
type PlaceFilter struct {
	User     string
	Chat     string    // those instead that this group is bound to, whatever the person is there
	All      bool      // every store instead, whatever the person is there
	Off      bool      // those that have no account in use instead
	From, To time.Time // also those no longer in use that had business then; with Off those alone
}

// Errand is what a person is about to do with a code.
type Errand struct {
	Code   string    // "": not known yet
	Reason string    // codes that came back with it are counted
	Since  time.Time // from then on; zero: they are not counted
}

// Tried are the different codes that a person tried and that came back with a reason.
type Tried struct {
	N      int
	Oldest time.Time // the first try of them
}

// Places lists stores by name, each with what a person is there.
func (s DirectoryStore) Places(ctx context.Context, f PlaceFilter) ([]Place, error) {
	places, _, err := s.places(ctx, f, nil)
	return places, err
}

// PlacesFor is [DirectoryStore.Places] with what the person's errand needs to know, as of
// the same moment. Who may act in every store is told of no sessions.
func (s DirectoryStore) PlacesFor(ctx context.Context, f PlaceFilter, e Errand) ([]Place, Tried, error) {
	return s.places(ctx, f, &e)
}

// placeRow is a place as it is read.
type placeRow struct {
	Store      storeRow `gorm:"embedded"`
	MemberName string
	MemberRole Role
	Seen       bool
	Tries      int
	TriedFirst time.Time `gorm:"serializer:utc"`
	Access     sessionOf `gorm:"embedded"`
}

func (s DirectoryStore) places(ctx context.Context, f PlaceFilter, e *Errand) (places []Place, tries Tried, err error) {
	user := fold(f.User)
	var rows []placeRow
	err = s.read(ctx, "list places", func(g *gorm.DB) error {
		columns, join := storeColumns+", COALESCE(members.name, '') AS member_name, COALESCE(members.role, '') AS member_role", "JOIN"
		if f.Chat != "" || f.All {
			join = "LEFT JOIN"
		}
		g = g.Table("stores").Joins(withFurther).
			Joins(join+" members ON members.store_id = stores.id AND members.user_id = ?", user)
		if f.Chat != "" {
			g = g.Joins("JOIN chats ON chats.store_id = stores.id AND chats.chat = ?", f.Chat)
		}
		if e != nil && !e.Since.IsZero() {
			columns += ", tried.n AS tries, tried.oldest AS tried_first"
			g = g.Joins("CROSS JOIN ("+triesOf+") AS tried", user, stamp(e.Since), e.Reason)
		}
		if e != nil && e.Code != "" {
			columns += ", seen.store_id IS NOT NULL AS seen"
			g = g.Joins("LEFT JOIN (SELECT store_id FROM operations WHERE code = ? UNION SELECT store_id FROM coupons WHERE code = ?)"+
				" AS seen ON seen.store_id = stores.id", e.Code, e.Code)
			if !f.All {
				columns += ", " + sessionColumns
				g = g.Scopes(withSessions)
			}
		}
		if f.Off {
			return g.Select(columns).Scopes(offStores, offDuring(f.From, f.To)).Scan(&rows).Error
		}
		return g.Select(columns).Scopes(during(f.From, f.To)).Scan(&rows).Error
	})
	slices.SortFunc(rows, func(x, y placeRow) int { return x.Store.compare(y.Store) })
	for _, r := range rows {
		tries = Tried{r.Tries, r.TriedFirst}
		if n := len(places); n == 0 || places[n-1].ID != r.Store.ID {
			places = append(places, s.place(r, user, e))
		}
		if r.Store.Other.ID != 0 { // what was read is the first account's alone
			last := &places[len(places)-1]
			last.Further, last.New, last.Session = append(last.Further, r.Store.Other), "", nil
		}
	}
	slices.SortFunc(places, func(x, y Place) int { return byName(x.Store, y.Store) })
	return places, tries, err
}

// place is the place of a row, without further accounts.
func (s DirectoryStore) place(r placeRow, user string, e *Errand) Place {
	p := Place{Store: Store{Account: r.Store.Account}, Member: Member{StoreID: r.Store.ID, UserID: user, Name: r.MemberName, Role: r.MemberRole}}
	if e != nil && !r.Seen {
		p.New = e.Code
	}
	// What cannot be read now is looked for again, by whoever needs it.
	if session, err := GrantStore(s).openSession("list places", r.Store.ID, r.Access); err == nil {
		p.Session = &session
	}
	return p
}

// during lets stores in use through, and those that had business from a time until before
// another.
func during(from, to time.Time) func(*gorm.DB) *gorm.DB {
	return func(g *gorm.DB) *gorm.DB {
		if !from.Before(to) {
			return liveStores(g)
		}
		return g.Where("stores.belongs_to = 0 AND (stores.active = ? OR EXISTS ("+furtherInUse+") OR "+hadBusiness+")",
			append([]any{true, true}, spans(from, to)...)...)
	}
}

// offDuring lets stores through that had business from a time until before another, or all
// where there is no such time.
func offDuring(from, to time.Time) func(*gorm.DB) *gorm.DB {
	return func(g *gorm.DB) *gorm.DB {
		if !from.Before(to) {
			return g
		}
		return g.Where("("+hadBusiness+")", spans(from, to)...)
	}
}

// hadBusiness holds of stores that verified something from a time until before another, or
// what they had verified was refunded then. Its arguments are spans.
const (
	verified    = "operations.consumed_at >= ? AND operations.consumed_at < ?"
	refundedIn  = "refunds.refunded_at >= ? AND refunds.refunded_at < ?"
	hadBusiness = "EXISTS (SELECT 1 FROM operations WHERE operations.store_id = stores.id AND " + verified + ")" +
		" OR EXISTS (SELECT 1 FROM stores AS other JOIN operations ON operations.store_id = other.id WHERE other.belongs_to = stores.id AND " + verified + ")" +
		" OR EXISTS (SELECT 1 FROM refunds WHERE refunds.store_id = stores.id AND " + refundedIn + ")" +
		" OR EXISTS (SELECT 1 FROM stores AS other JOIN refunds ON refunds.store_id = other.id WHERE other.belongs_to = stores.id AND " + refundedIn + ")"
)

func spans(from, to time.Time) (args []any) {
	for range strings.Count(hadBusiness, "?") / 2 {
		args = append(args, stamp(from), stamp(to))
	}
	return args
}

// byName orders stores as people look for them.
func byName(x, y Store) int { return cmp.Or(strings.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) }
