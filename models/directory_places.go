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

// PlaceFilter says which stores to list for a person: the active ones in which the
// person has a role.
type PlaceFilter struct {
	User     string
	Chat     string    // those instead that this group is bound to, whatever the person is there
	All      bool      // every store instead, whatever the person is there
	From, To time.Time // also those no longer active that verified something then
}

// Places lists stores by name, each with what a person is there.
func (s DirectoryStore) Places(ctx context.Context, f PlaceFilter) ([]Place, error) {
	user := fold(f.User)
	var rows []struct {
		Store
		MemberName string
		MemberRole Role
	}
	err := s.read(ctx, "list places", func(g *gorm.DB) error {
		join := "JOIN"
		if f.Chat != "" || f.All {
			join = "LEFT JOIN"
		}
		g = g.Table("stores").
			Select("stores.*, COALESCE(members.name, '') AS member_name, COALESCE(members.role, '') AS member_role").
			Joins(join+" members ON members.store_id = stores.id AND members.user_id = ?", user)
		if f.Chat != "" {
			g = g.Joins("JOIN chats ON chats.store_id = stores.id AND chats.chat = ?", f.Chat)
		}
		return g.Scopes(during(f.From, f.To)).Scan(&rows).Error
	})
	var places []Place
	for _, r := range rows {
		places = append(places, Place{r.Store, Member{StoreID: r.ID, UserID: user, Name: r.MemberName, Role: r.MemberRole}})
	}
	slices.SortFunc(places, func(x, y Place) int { return byName(x.Store, y.Store) })
	return places, err
}

// during lets active stores through, and those that verified something from a time
// until before another.
func during(from, to time.Time) func(*gorm.DB) *gorm.DB {
	return func(g *gorm.DB) *gorm.DB {
		if !from.Before(to) {
			return g.Where("stores.active = ?", true)
		}
		return g.Where("(stores.active = ? OR EXISTS (SELECT 1 FROM operations WHERE operations.store_id = stores.id"+
			" AND operations.consumed_at >= ? AND operations.consumed_at < ?))", true, stamp(from), stamp(to))
	}
}

// byName orders stores as people look for them.
func byName(x, y Store) int { return cmp.Or(strings.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) }
