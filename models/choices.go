package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// choiceRow remembers which of several stores a person works for in a chat.
type choiceRow struct {
	UserID      string `gorm:"primaryKey;size:64"`
	Chat        string `gorm:"primaryKey;size:128"`
	StoreID     int64
	ChosenUntil time.Time `gorm:"serializer:utc"`
}

func (choiceRow) TableName() string { return "choices" }

// ChoiceStore remembers which of several stores a person works for in a chat.
type ChoiceStore struct{ *core }

// Set remembers until a time which store a person works for in a chat, in place
// of what was chosen before; chat "" is the conversation of the person alone.
func (s ChoiceStore) Set(ctx context.Context, user, chat string, storeID int64, until time.Time) error {
	const what = "choose store"
	row := choiceRow{UserID: fold(user), Chat: chat, StoreID: storeID, ChosenUntil: until}
	if err := identity(what, 64, row.UserID); err != nil {
		return err
	}
	if chat != "" {
		if err := identity(what, 128, chat); err != nil {
			return err
		}
	}
	if moment(until).IsZero() || storeID == 0 {
		return failed(what, ErrInvalid)
	}
	return addRows(ctx, s.core, what, []choiceRow{tidy(row)}, clause.OnConflict{
		Columns:   []clause.Column{{Name: "user_id"}, {Name: "chat"}},
		DoUpdates: clause.AssignmentColumns([]string{"store_id", "chosen_until"}),
	})
}

// Get tells which store a person works for in a chat, by the id of one of its accounts.
// [ErrNotFound] where nothing was chosen, its time is over, or the store is not in use any more.
func (s ChoiceStore) Get(ctx context.Context, user, chat string) (storeID int64, err error) {
	const what = "find chosen store"
	var rows []choiceRow
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return liveStores(g.Joins("JOIN stores AS chosen ON chosen.id = choices.store_id").
			Joins("JOIN stores ON stores.id = CASE WHEN chosen.belongs_to = 0 THEN chosen.id ELSE chosen.belongs_to END")).
			Where("choices.user_id = ? AND choices.chat = ? AND choices.chosen_until > ?", fold(user), chat, stamp(s.now())).Find(&rows).Error
	})
	row, err := first(rows, err, what)
	return row.StoreID, err
}
