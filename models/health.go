package models

import (
	"context"

	"gorm.io/gorm"
)

// Loose are the ends that a set-up has left: what is there and leads nowhere.
type Loose struct {
	StoresWithoutChat  []string // names of active stores that no group is bound to
	StoresWithoutStaff []string // names of active stores that nobody may verify in, but the managers of all
	ChatsWithoutStore  []string // groups bound to stores that are gone, only
	PeopleWithoutStore []string // userids of people of stores that are gone, only
}

// LooseEnds looks for them.
func (db *DB) LooseEnds(ctx context.Context) (l Loose, err error) {
	stores := func(into *[]string, none string) error {
		return db.read(ctx, "look for lonely stores", func(g *gorm.DB) error {
			return g.Model(&Store{}).Where("active = ?", true).Where("NOT EXISTS (SELECT 1 FROM "+none+" WHERE store_id = stores.id)").
				Order("id").Pluck("name", into).Error
		})
	}
	gone := func(into *[]string, table, column string) error {
		return db.read(ctx, "look for "+table+" of stores that are gone", func(g *gorm.DB) error {
			return g.Table(table+" AS t").Distinct().Where("NOT EXISTS (SELECT 1 FROM "+table+" AS o JOIN stores ON stores.id = o.store_id"+
				" WHERE o."+column+" = t."+column+" AND stores.active = ?)", true).Order(column).Pluck(column, into).Error
		})
	}
	for _, look := range []func() error{
		func() error { return stores(&l.StoresWithoutChat, "chats") },
		func() error { return stores(&l.StoresWithoutStaff, "members") },
		func() error { return gone(&l.ChatsWithoutStore, "chats", "chat") },
		func() error { return gone(&l.PeopleWithoutStore, "members", "user_id") },
	} {
		if err := look(); err != nil {
			return Loose{}, err
		}
	}
	return l, nil
}
