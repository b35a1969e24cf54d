package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// PurgeInbox forgets up to limit finally answered messages that were received
// before a time, and says how many. Those whose operation is still under way are
// kept: its outcome is yet to be told.
func (db *DB) PurgeInbox(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Inbox](ctx, db.core, "purge messages", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("received_at < ? AND answered_at IS NOT NULL AND final = ?", stamp(before), true).
			Where("NOT EXISTS (SELECT 1 FROM operations WHERE (inbox_id = inbox.id OR undo_inbox_id = inbox.id) AND due_at IS NOT NULL)").
			Order("received_at")
	})
}

// PurgeOutbox forgets up to limit answers and notices that were made before a
// time and need no more tries, and says how many.
func (db *DB) PurgeOutbox(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Outgoing](ctx, db.core, "purge outgoing", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("created_at < ? AND state <> ?", stamp(before), Queued).Order("created_at")
	})
}

// PurgeCalls forgets up to limit records of requests to the platform that began
// before a time, and says how many.
func (db *DB) PurgeCalls(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Call](ctx, db.core, "purge calls", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("started_at < ?", stamp(before)).Order("started_at")
	})
}

// PurgeTickets forgets up to limit tickets that were over before a time, and says
// how many.
func (db *DB) PurgeTickets(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[ticketRow](ctx, db.core, "purge tickets", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("expires_at < ?", stamp(before)).Order("expires_at")
	})
}

// PurgeNotices forgets up to limit notices that were taken before a time, and
// says how many.
func (db *DB) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[noticeRow](ctx, db.core, "purge notices", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("taken_at < ?", stamp(before)).Order("taken_at")
	})
}
