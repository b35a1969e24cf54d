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
	err = db.read(ctx, "count what is due", func(g *gorm.DB) error {
		count := func(due *gorm.DB) *gorm.DB {
			return g.Table("(?) AS due", due.Select("1").Limit(most)).Select("COUNT(*)")
		}
		return g.Raw("SELECT (?) AS messages, (?) AS operations, (?) AS outgoing",
			count(g.Model(&Inbox{}).Where("due_at <= ? AND "+unfinished, stamp(now), false)),
			count(g.Model(&Operation{}).Where("due_at <= ? AND state IN ?", stamp(now), underWay)),
			count(g.Model(&Outgoing{}).Where("due_at <= ? AND state = ?", stamp(now), Queued)),
		).Scan(&b).Error
	})
	return b, err
}
