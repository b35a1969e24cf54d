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
}

// PlaceFilter says which stores to list for a person: those in use in which the
// person has a role.
type PlaceFilter struct {
	User     string
	Chat     string    // those instead that this group is bound to, whatever the person is there
	All      bool      // every store instead, whatever the person is there
	From, To time.Time // also those no longer in use that verified something then
}

// Places lists stores by name, each with what a person is there.
func (s DirectoryStore) Places(ctx context.Context, f PlaceFilter) ([]Place, error) {
	user := fold(f.User)
	var rows []struct {
		Store      storeRow `gorm:"embedded"`
		MemberName string
		MemberRole Role
	}
	err := s.read(ctx, "list places", func(g *gorm.DB) error {
		join := "JOIN"
		if f.Chat != "" || f.All {
			join = "LEFT JOIN"
		}
		g = g.Table("stores").
			Select(storeColumns+", COALESCE(members.name, '') AS member_name, COALESCE(members.role, '') AS member_role").
			Joins(withFurther).
			Joins(join+" members ON members.store_id = stores.id AND members.user_id = ?", user)
		if f.Chat != "" {
			g = g.Joins("JOIN chats ON chats.store_id = stores.id AND chats.chat = ?", f.Chat)
		}
		return g.Scopes(during(f.From, f.To)).Order("stores.id, further.id").Scan(&rows).Error
	})
	var stores []Store
	members := map[int64]Member{}
	for _, r := range rows {
		stores = r.Store.addTo(stores)
		members[r.Store.ID] = Member{StoreID: r.Store.ID, UserID: user, Name: r.MemberName, Role: r.MemberRole}
	}
	slices.SortFunc(stores, byName)
	var places []Place
	for _, store := range stores {
		places = append(places, Place{store, members[store.ID]})
	}
	return places, err
}

// during lets stores in use through, and those that verified something from a time
// until before another.
func during(from, to time.Time) func(*gorm.DB) *gorm.DB {
	return func(g *gorm.DB) *gorm.DB {
		if !from.Before(to) {
			return liveStores(g)
		}
		const verified = "operations.consumed_at >= ? AND operations.consumed_at < ?"
		return g.Where("stores.belongs_to = 0 AND (stores.active = ? OR EXISTS ("+furtherInUse+")"+
			" OR EXISTS (SELECT 1 FROM operations WHERE operations.store_id = stores.id AND "+verified+")"+
			" OR EXISTS (SELECT 1 FROM stores AS other JOIN operations ON operations.store_id = other.id WHERE other.belongs_to = stores.id AND "+verified+"))",
			true, true, stamp(from), stamp(to), stamp(from), stamp(to))
	}
}

// byName orders stores as people look for them.
func byName(x, y Store) int { return cmp.Or(strings.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) }
