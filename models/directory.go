package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// TableName and its like name the tables for GORM.
func (Member) TableName() string { return "members" }

// chatRow binds a group to a store.
type chatRow struct {
	StoreID int64  `gorm:"primaryKey;autoIncrement:false"`
	Chat    string `gorm:"primaryKey;size:128"`
}

func (chatRow) TableName() string { return "chats" }

// DirectoryStore knows the stores, their groups and their people.
type DirectoryStore struct{ *core }

// hold finds the store that has an account and raises its version. A change of the
// groups, people or accounts of a store begins with it: of two at once, the one that does
// not know what the other has changed begins anew.
func (s DirectoryStore) hold(ctx context.Context, account int64) (store int64, err error) {
	const what = "hold store"
	var rows []struct{ ID, FiguresVersion int64 }
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return g.Table("stores").Select("id, figures_version").Where("id = "+storeOf, account).Scan(&rows).Error
	})
	row, err := first(rows, err, what)
	if err != nil {
		return 0, err
	}
	var hit int64
	err = s.write(ctx, what, func(g *gorm.DB) error {
		result := g.Table("stores").Where("id = ? AND figures_version = ? AND belongs_to = 0", row.ID, row.FiguresVersion).
			Update("figures_version", row.FiguresVersion+1)
		hit = result.RowsAffected
		return result.Error
	})
	if err == nil && hit == 0 {
		err = &dbError{what: what, kinds: []error{ErrStale}, transient: true}
	}
	return row.ID, err
}

// change holds the store of an account while something of it is changed.
func (s DirectoryStore) change(ctx context.Context, account int64, do func(tx *DB, store int64) error) error {
	return s.inTx(ctx, func(tx *DB) error {
		store, err := tx.Directory.hold(ctx, account)
		if err != nil {
			return err
		}
		return do(tx, store)
	})
}

// StoresOfChat lists the stores in use that a group is bound to, by name. Chat ids
// are case-sensitive.
func (s DirectoryStore) StoresOfChat(ctx context.Context, chat string) ([]Store, error) {
	rows, err := s.stores(ctx, "find stores of a chat", func(g *gorm.DB) *gorm.DB {
		return liveStores(g.Joins("JOIN chats ON chats.store_id = stores.id").Where("chats.chat = ?", chat))
	})
	slices.SortFunc(rows, byName)
	return rows, err
}

// Memberships lists a person's places in stores in use.
func (s DirectoryStore) Memberships(ctx context.Context, user string) ([]Member, error) {
	var rows []Member
	err := s.read(ctx, "find memberships", func(g *gorm.DB) error {
		return liveStores(g.Joins("JOIN stores ON stores.id = members.store_id").Where("members.user_id = ?", fold(user))).
			Order("members.store_id").Find(&rows).Error
	})
	return rows, err
}

// Members lists the people of the store that has an account.
func (s DirectoryStore) Members(ctx context.Context, account int64) ([]Member, error) {
	var rows []Member
	err := s.read(ctx, "list members", func(g *gorm.DB) error {
		return g.Where("store_id = "+storeOf, account).Order("user_id").Find(&rows).Error
	})
	return rows, err
}

// Member finds a person in the store that has an account.
func (s DirectoryStore) Member(ctx context.Context, account int64, user string) (Member, error) {
	var rows []Member
	err := s.read(ctx, "find member", func(g *gorm.DB) error {
		return g.Where("store_id = "+storeOf+" AND user_id = ?", account, fold(user)).Find(&rows).Error
	})
	return first(rows, err, "find member")
}

// Managers lists who manages a store that is in use, or that had business from a time
// until before another.
func (s DirectoryStore) Managers(ctx context.Context, from, to time.Time) ([]string, error) {
	var users []string
	err := s.read(ctx, "list managers", func(g *gorm.DB) error {
		return g.Model(&Member{}).Distinct().Joins("JOIN stores ON stores.id = members.store_id").
			Where("members.role = ?", RoleManager).Scopes(during(from, to)).Order("user_id").Pluck("user_id", &users).Error
	})
	return users, err
}

// BindChat makes a group work for the store that has an account. Repeating it changes nothing.
func (s DirectoryStore) BindChat(ctx context.Context, storeID int64, chat string) error {
	const what = "bind chat"
	if err := identity(what, 128, chat); err != nil {
		return err
	}
	return s.change(ctx, storeID, func(tx *DB, store int64) error {
		return addRows(ctx, tx.core, what, []chatRow{{StoreID: store, Chat: chat}}, clause.OnConflict{DoNothing: true})
	})
}

// UnbindChat undoes [DirectoryStore.BindChat] and says whether there was anything to undo.
func (s DirectoryStore) UnbindChat(ctx context.Context, storeID int64, chat string) (removed bool, err error) {
	return s.remove(ctx, "unbind chat", storeID, func(g *gorm.DB) *gorm.DB { return g.Where("chat = ?", chat).Delete(&chatRow{}) })
}

// ChatsOfStore lists the groups that work for a store.
func (s DirectoryStore) ChatsOfStore(ctx context.Context, storeID int64) ([]string, error) {
	var chats []string
	err := s.read(ctx, "list chats of a store", func(g *gorm.DB) error {
		return g.Model(&chatRow{}).Where("store_id = ?", storeID).Order("chat").Pluck("chat", &chats).Error
	})
	return chats, err
}

// SetMember gives a person a place in the store that has an account, or another name or
// role there.
func (s DirectoryStore) SetMember(ctx context.Context, m Member) error {
	const what = "set member"
	m.UserID = fold(m.UserID)
	if err := identity(what, 64, m.UserID); err != nil {
		return err
	}
	if err := identity(what, 16, string(m.Role)); err != nil {
		return err
	}
	return s.change(ctx, m.StoreID, func(tx *DB, store int64) error {
		m.StoreID = store
		return addRows(ctx, tx.core, what, []Member{tidy(m)}, memberChanged)
	})
}

// memberChanged overwrites what is known of a person.
var memberChanged = clause.OnConflict{
	Columns:   []clause.Column{{Name: "store_id"}, {Name: "user_id"}},
	DoUpdates: clause.AssignmentColumns([]string{"name", "role"}),
}

// RemoveMember takes a person's place in the store that has an account away and says whether there was
// one.
func (s DirectoryStore) RemoveMember(ctx context.Context, storeID int64, user string) (removed bool, err error) {
	return s.remove(ctx, "remove member", storeID, func(g *gorm.DB) *gorm.DB { return g.Where("user_id = ?", fold(user)).Delete(&Member{}) })
}

// remove deletes something of the store that has an account, and says whether there was
// anything.
func (s DirectoryStore) remove(ctx context.Context, what string, account int64, del func(g *gorm.DB) *gorm.DB) (bool, error) {
	var hit int64
	err := s.change(ctx, account, func(tx *DB, store int64) error {
		return tx.write(ctx, what, func(g *gorm.DB) error {
			result := del(g.Where("store_id = ?", store))
			hit = result.RowsAffected
			return result.Error
		})
	})
	return hit > 0, err
}

// Loose are the ends that a set-up has left: what is there and leads nowhere.
type Loose struct {
	StoresWithoutChat  []string // names of stores in use that no group is bound to
	StoresWithoutStaff []string // names of stores in use that nobody may verify in, but the managers of all
	ChatsWithoutStore  []string // groups bound to stores that are gone, only
	PeopleWithoutStore []string // userids of people of stores that are gone, only
}

// LooseEnds looks for them.
func (s DirectoryStore) LooseEnds(ctx context.Context) (l Loose, err error) {
	stores := func(into *[]string, none string) error {
		return s.read(ctx, "look for lonely stores", func(g *gorm.DB) error {
			return liveStores(g.Table("stores").Where("NOT EXISTS (SELECT 1 FROM "+none+")")).
				Order("id").Pluck("name", into).Error
		})
	}
	gone := func(into *[]string, table, column string) error {
		return s.read(ctx, "look for "+table+" of stores that are gone", func(g *gorm.DB) error {
			return g.Table(table+" AS t").Distinct().Where("NOT EXISTS (SELECT 1 FROM "+table+" AS o JOIN stores ON stores.id = o.store_id"+
				" WHERE o."+column+" = t."+column+" AND stores.belongs_to = 0 AND (stores.active = ? OR EXISTS ("+furtherInUse+")))", true, true).
				Order(column).Pluck(column, into).Error
		})
	}
	for _, look := range []func() error{
		func() error { return stores(&l.StoresWithoutChat, "chats WHERE store_id = stores.id") },
		func() error {
			return stores(&l.StoresWithoutStaff, "members WHERE store_id = stores.id AND role NOT IN ('"+string(RoleGuest)+"', '"+string(RoleBarred)+"')")
		},
		func() error { return gone(&l.ChatsWithoutStore, "chats", "chat") },
		func() error { return gone(&l.PeopleWithoutStore, "members", "user_id") },
	} {
		if err := look(); err != nil {
			return Loose{}, err
		}
	}
	return l, nil
}
