package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Backlog is what is due, and has not been done yet.
type Backlog struct{ Messages, Operations, Outgoing int }

// Backlog counts what is due, up to most of each.
func (db *DB) Backlog(ctx context.Context, now time.Time, most int) (b Backlog, err error) {
	const what = "count what is due"
	err = db.read(ctx, what, func(g *gorm.DB) error {
		for into, due := range map[*int]*gorm.DB{
			&b.Messages:   g.Model(&Inbox{}).Where("due_at <= ? AND "+unfinished, stamp(now), false),
			&b.Operations: g.Model(&Operation{}).Where("due_at <= ? AND state IN ?", stamp(now), underWay),
			&b.Outgoing:   g.Model(&Outgoing{}).Where("due_at <= ? AND state = ?", stamp(now), Queued),
		} {
			if err := g.Raw("SELECT COUNT(*) FROM (?) AS due", due.Select("1").Limit(most)).Scan(into).Error; err != nil {
				return err
			}
		}
		return nil
	})
	return b, err
}
