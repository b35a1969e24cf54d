package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
)

// TableName and its like name the tables for GORM.
func (Store) TableName() string  { return "stores" }
func (Member) TableName() string { return "members" }

// chatRow binds a group to a store.
type chatRow struct {
	StoreID int64  `gorm:"primaryKey;autoIncrement:false"`
	Chat    string `gorm:"primaryKey;size:128"`
}

func (chatRow) TableName() string { return "chats" }

// Stores lists the active stores in the order they were added.
func (db *DB) Stores(ctx context.Context) ([]Store, error) {
	var rows []Store
	err := db.read(ctx, "list stores", func(g *gorm.DB) error {
		return g.Where("active = ?", true).Order("id").Find(&rows).Error
	})
	return rows, err
}

// Store finds a store, active or not.
func (db *DB) Store(ctx context.Context, id int64) (Store, error) {
	var rows []Store
	err := db.read(ctx, "find store", func(g *gorm.DB) error {
		return g.Where("id = ?", id).Find(&rows).Error
	})
	return first(rows, err, "find store")
}

// StoresOfChat lists the active stores that a group is bound to, by name. Chat ids
// are case-sensitive.
func (db *DB) StoresOfChat(ctx context.Context, chat string) ([]Store, error) {
	var rows []Store
	err := db.read(ctx, "find stores of a chat", func(g *gorm.DB) error {
		return g.Joins("JOIN chats ON chats.store_id = stores.id").
			Where("chats.chat = ? AND stores.active = ?", chat, true).Find(&rows).Error
	})
	slices.SortFunc(rows, byName)
	return rows, err
}

// Memberships lists a person's places in active stores.
func (db *DB) Memberships(ctx context.Context, user string) ([]Member, error) {
	var rows []Member
	err := db.read(ctx, "find memberships", func(g *gorm.DB) error {
		return g.Joins("JOIN stores ON stores.id = members.store_id").
			Where("members.user_id = ? AND stores.active = ?", fold(user), true).
			Order("members.store_id").Find(&rows).Error
	})
	return rows, err
}

// Members lists the people of a store.
func (db *DB) Members(ctx context.Context, storeID int64) ([]Member, error) {
	var rows []Member
	err := db.read(ctx, "list members", func(g *gorm.DB) error {
		return g.Where("store_id = ?", storeID).Order("user_id").Find(&rows).Error
	})
	return rows, err
}

// Member finds a person in a store.
func (db *DB) Member(ctx context.Context, storeID int64, user string) (Member, error) {
	var rows []Member
	err := db.read(ctx, "find member", func(g *gorm.DB) error {
		return g.Where("store_id = ? AND user_id = ?", storeID, fold(user)).Find(&rows).Error
	})
	return first(rows, err, "find member")
}
