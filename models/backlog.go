package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Queues of the background work that [DB.QueuesDue] knows of.
const (
	OperationQueue      = "operations"
	OutgoingQueue       = "outgoing"
	GrantQueue          = "grants"
	ExportQueue         = "exports"
	ReconciliationQueue = "reconciliations"
)

// QueuesDue tells in which queues something is due: in all that a look would find, and at
// times in one where it finds nothing that can be begun.
func (db *DB) QueuesDue(ctx context.Context, now time.Time) (map[string]bool, error) {
	var due struct{ Operations, Outgoing, Grants, Exports, Reconciliations bool }
	err := db.read(ctx, "look for what is due", func(g *gorm.DB) error {
		at := stamp(now)
		return g.Raw("SELECT EXISTS (SELECT 1 FROM operations WHERE due_at <= ?) AS operations,"+
			" EXISTS (SELECT 1 FROM outbox WHERE due_at <= ? AND state = ?) AS outgoing,"+
			" EXISTS (SELECT 1 FROM `grants` WHERE due_at <= ?) AS `grants`,"+
			" EXISTS (SELECT 1 FROM exports WHERE due_at <= ?) AS exports,"+
			" EXISTS (SELECT 1 FROM reconciliations WHERE due_at <= ?) AS reconciliations", at, at, Queued, at, at, at).Scan(&due).Error
	})
	return map[string]bool{
		OperationQueue: due.Operations, OutgoingQueue: due.Outgoing, GrantQueue: due.Grants,
		ExportQueue: due.Exports, ReconciliationQueue: due.Reconciliations,
	}, err
}

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
