package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// gather brings the groups and people of further accounts to their stores: a program from
// before there were such accounts may have added some.
func (s DirectoryStore) gather(ctx context.Context) error {
	var rows []Account
	err := s.read(ctx, "look for groups and people of accounts", func(g *gorm.DB) error {
		return g.Where("belongs_to <> 0 AND (EXISTS (SELECT 1 FROM chats WHERE store_id = stores.id)" +
			" OR EXISTS (SELECT 1 FROM members WHERE store_id = stores.id))").Order("id").Find(&rows).Error
	})
	if err != nil {
		return err
	}
	for _, a := range rows {
		if _, err := s.hold(ctx, a.ID); err != nil {
			return err
		}
		if err := s.bring(ctx, a.BelongsTo, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// ranks order the roles by what they may do.
var ranks = map[Role]int{RoleGuest: 1, RoleBarred: 2, RoleStaff: 3, RoleLead: 4, RoleManager: 5}

// bring moves the groups and the people of a store to another.
func (s DirectoryStore) bring(ctx context.Context, into, from int64) error {
	const what = "bring groups and people"
	var chats []chatRow
	var there, come []Member
	for _, list := range []struct {
		rows  any
		store int64
	}{{&chats, from}, {&there, into}, {&come, from}} {
		err := s.read(ctx, what, func(g *gorm.DB) error {
			return g.Where("store_id = ?", list.store).Find(list.rows).Error
		})
		if err != nil {
			return err
		}
	}
	for i := range chats {
		chats[i].StoreID = into
	}
	if err := addRows(ctx, s.core, what, chats, clause.OnConflict{DoNothing: true}); err != nil {
		return err
	}
	if err := addRows(ctx, s.core, what, together(into, there, come), memberChanged); err != nil {
		return err
	}
	return s.write(ctx, what, func(g *gorm.DB) error {
		if err := g.Where("store_id = ?", from).Delete(&chatRow{}).Error; err != nil {
			return err
		}
		return g.Where("store_id = ?", from).Delete(&Member{}).Error
	})
}

// together are the people that come to a store as they are there from then on.
func together(store int64, there, come []Member) []Member {
	for i, m := range come {
		if j := slices.IndexFunc(there, func(o Member) bool { return o.UserID == m.UserID }); j >= 0 {
			old := there[j]
			if old.Name != "" {
				come[i].Name = old.Name
			}
			if ranks[old.Role] > ranks[m.Role] {
				come[i].Role = old.Role
			}
		}
		come[i].StoreID = store
	}
	return come
}
