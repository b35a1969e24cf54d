package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// PurgeInbox forgets up to limit finally answered messages that were received
// before a time, and says how many. Those whose operation is still under way are
// kept: its outcome is yet to be told.
func (db *DB) PurgeInbox(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Inbox](ctx, db, "purge messages", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("received_at < ? AND answered_at IS NOT NULL AND final = ?", stamp(before), true).
			Where("NOT EXISTS (SELECT 1 FROM operations WHERE (inbox_id = inbox.id OR undo_inbox_id = inbox.id) AND due_at IS NOT NULL)").
			Order("received_at")
	})
}

// PurgeOutbox forgets up to limit answers and notices that were made before a
// time and need no more tries, and says how many.
func (db *DB) PurgeOutbox(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Outgoing](ctx, db, "purge outgoing", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("created_at < ? AND state <> ?", stamp(before), Queued).Order("created_at")
	})
}

// PurgeCalls forgets up to limit records of requests to the platform that began
// before a time, and says how many.
func (db *DB) PurgeCalls(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Call](ctx, db, "purge calls", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("started_at < ?", stamp(before)).Order("started_at")
	})
}

// PurgeTickets forgets up to limit tickets that were over before a time, and says
// how many.
func (db *DB) PurgeTickets(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[ticketRow](ctx, db, "purge tickets", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("expires_at < ?", stamp(before)).Order("expires_at")
	})
}

// PurgeNotices forgets up to limit notices that were taken before a time, and
// says how many.
func (db *DB) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[noticeRow](ctx, db, "purge notices", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("taken_at < ?", stamp(before)).Order("taken_at")
	})
}

// purge deletes the first rows of a selection by their ids, a few at a time: a
// single DELETE over a range would lock that range against new rows.
func purge[T any](ctx context.Context, db *DB, what string, limit int, old func(*gorm.DB) *gorm.DB) (gone int, err error) {
	var ids []any
	err = db.read(ctx, what, func(g *gorm.DB) error {
		return old(g.Model(new(T))).Limit(limit).Pluck("id", &ids).Error
	})
	if err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(ids, batch) {
		err := db.write(ctx, what, func(g *gorm.DB) error {
			result := g.Where("id IN ?", chunk).Delete(new(T))
			gone += int(result.RowsAffected)
			return result.Error
		})
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}
