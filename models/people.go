package models

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// BindChat makes a group work for a store. Repeating it changes nothing.
func (db *DB) BindChat(ctx context.Context, storeID int64, chat string) error {
	const what = "bind chat"
	if err := identity(what, 128, chat); err != nil {
		return err
	}
	return addRows(ctx, db.core, what, []chatRow{{StoreID: storeID, Chat: chat}}, clause.OnConflict{DoNothing: true})
}

// UnbindChat undoes [DB.BindChat] and says whether there was anything to undo.
func (db *DB) UnbindChat(ctx context.Context, storeID int64, chat string) (removed bool, err error) {
	return db.remove(ctx, "unbind chat", func(g *gorm.DB) *gorm.DB {
		return g.Where("store_id = ? AND chat = ?", storeID, chat).Delete(&chatRow{})
	})
}

// ChatsOfStore lists the groups that work for a store.
func (db *DB) ChatsOfStore(ctx context.Context, storeID int64) ([]string, error) {
	var chats []string
	err := db.read(ctx, "list chats of a store", func(g *gorm.DB) error {
		return g.Model(&chatRow{}).Where("store_id = ?", storeID).Order("chat").Pluck("chat", &chats).Error
	})
	return chats, err
}

// SetMember gives a person a place in a store, or another name or role there.
func (db *DB) SetMember(ctx context.Context, m Member) error {
	const what = "set member"
	m.UserID = fold(m.UserID)
	if err := identity(what, 64, m.UserID); err != nil {
		return err
	}
	if err := identity(what, 16, string(m.Role)); err != nil {
		return err
	}
	return addRows(ctx, db.core, what, []Member{tidy(m)}, memberChanged)
}

// memberChanged overwrites what is known of a person.
var memberChanged = clause.OnConflict{
	Columns:   []clause.Column{{Name: "store_id"}, {Name: "user_id"}},
	DoUpdates: clause.AssignmentColumns([]string{"name", "role"}),
}

// RemoveMember takes a person's place in a store away and says whether there was
// one.
func (db *DB) RemoveMember(ctx context.Context, storeID int64, user string) (removed bool, err error) {
	return db.remove(ctx, "remove member", func(g *gorm.DB) *gorm.DB {
		return g.Where("store_id = ? AND user_id = ?", storeID, fold(user)).Delete(&Member{})
	})
}

// remove deletes and says whether there was anything.
func (db *DB) remove(ctx context.Context, what string, del func(g *gorm.DB) *gorm.DB) (bool, error) {
	var hit int64
	err := db.write(ctx, what, func(g *gorm.DB) error {
		result := del(g)
		hit = result.RowsAffected
		return result.Error
	})
	return hit > 0, err
}
