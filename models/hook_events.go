package models

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Witness is told of what becomes true, in the transaction that makes it so: its error
// undoes both. Whichever process makes a move tells of it, and each is told once.
type Witness interface {
	// Redeemed: an operation is [Done] for the first time.
	Redeemed(ctx context.Context, tx *DB, op Operation) error
	// Undone: an undo has ended, and has undone some of its coupons: all where it is
	// [Undone].
	Undone(ctx context.Context, tx *DB, op Operation) error
	// Refunded: the platform has given the money of a coupon back.
	Refunded(ctx context.Context, tx *DB, r Refund) error
	// Reconciled: a look at a closed day has succeeded.
	Reconciled(ctx context.Context, tx *DB, r Reconciliation) error
}

// witness has a witness told, where there is one.
func (c *core) witness(tell func(w Witness) error) error {
	if c.cfg.Witness == nil {
		return nil
	}
	return tell(c.cfg.Witness)
}

// HookEvent is something that hooks are told of.
type HookEvent struct {
	ID        string `gorm:"primaryKey;size:64"`
	Key       string `gorm:"size:190;column:event_key"` // what it tells: there is one event for each
	Subject   string `gorm:"size:190"`                  // order holds within it
	Seq       int64  // …by this; assigned on insert
	Kind      string `gorm:"size:32"`
	StoreID   int64
	Day       string    `gorm:"size:10"` // of a day that was closed; "": it is about no day
	Payload   []byte    // as it is sent
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"`
}

// TableName names the table for GORM.
func (HookEvent) TableName() string { return "hook_events" }

// HookEventStore keeps events and their deliveries to hooks.
type HookEventStore struct{ *core }

// Add adds an event, and its deliveries to hooks, which are due now until they expire. It
// belongs in the transaction of what the event tells. fresh is false where there is one
// of the same key.
func (s HookEventStore) Add(ctx context.Context, e HookEvent, hooks []string, expires time.Time) (fresh bool, err error) {
	const what = "add event"
	if e.CreatedAt.IsZero() {
		e.CreatedAt = s.now()
	}
	if err := identity(what, 64, e.ID, e.Kind); err != nil {
		return false, err
	}
	if err := identity(what, 190, e.Key, e.Subject); err != nil {
		return false, err
	}
	err = s.inTx(ctx, func(tx *DB) (err error) {
		if fresh, err = tx.HookEvents.insert(ctx, what, tidy(e)); err != nil || !fresh {
			return err
		}
		return tx.HookEvents.enqueue(ctx, what, e.ID, hooks, expires)
	})
	return fresh && err == nil, err
}

// insert numbers an event within its subject, as [OutboxStore.Enqueue] does within a
// conversation.
func (s HookEventStore) insert(ctx context.Context, what string, e HookEvent) (fresh bool, err error) {
	for try := 1; ; try++ {
		err := s.write(ctx, what, func(g *gorm.DB) error {
			return g.Exec(`INSERT INTO hook_events (id, event_key, subject, seq, kind, store_id, day, payload, created_at)
				SELECT ?, ?, ?, numbered.seq, ?, ?, ?, ?, ? FROM (SELECT COALESCE(MAX(seq), 0) + 1 AS seq FROM hook_events WHERE subject = ?) AS numbered`,
				e.ID, e.Key, e.Subject, e.Kind, e.StoreID, e.Day, e.Payload, stamp(e.CreatedAt), e.Subject).Error
		})
		if !errors.Is(err, ErrDuplicate) {
			return err == nil, err
		}
		var n int64
		ferr := s.read(ctx, what, func(g *gorm.DB) error { return g.Model(&HookEvent{}).Where("event_key = ?", e.Key).Count(&n).Error })
		if ferr != nil || n > 0 {
			return false, ferr
		}
		if try == enqueueTries {
			return false, &dbError{what: what, kinds: []error{ErrUnavailable}, err: err}
		}
	}
}

// enqueue makes the deliveries of an event.
func (s HookEventStore) enqueue(ctx context.Context, what, event string, hooks []string, expires time.Time) error {
	if len(hooks) == 0 {
		return nil
	}
	args := []any{Queued, stamp(s.now()), stamp(expires)}
	for _, h := range hooks {
		args = append(args, h)
	}
	return s.write(ctx, what, func(g *gorm.DB) error {
		return g.Exec("INSERT INTO hook_deliveries (hook, event_id, subject, seq, state, attempt, tries, due_at, expires_at, reason, status)"+
			" SELECT hook.name, hook_events.id, hook_events.subject, hook_events.seq, ?, 0, 0, ?, ?, '', 0 FROM hook_events JOIN (SELECT ? AS name"+
			strings.Repeat(" UNION ALL SELECT ?", len(hooks)-1)+") AS hook WHERE hook_events.id = ?", append(args, event)...).Error
	})
}

// LastDays gives for each store the newest day that it was told to be closed, of those
// from a day on.
func (s HookEventStore) LastDays(ctx context.Context, kind, from string) (map[int64]string, error) {
	var rows []HookEvent
	err := s.read(ctx, "find closed days", func(g *gorm.DB) error {
		return g.Select("store_id", "day").Where("kind = ? AND day >= ?", kind, from).Find(&rows).Error
	})
	last := map[int64]string{}
	for _, r := range rows {
		last[r.StoreID] = max(last[r.StoreID], r.Day)
	}
	return last, err
}

// OfDays are the events of a kind about days from a day on.
func (s HookEventStore) OfDays(ctx context.Context, kind, from string) ([]HookEvent, error) {
	var rows []HookEvent
	err := s.read(ctx, "list events of days", func(g *gorm.DB) error {
		return g.Where("kind = ? AND day >= ?", kind, from).Order("day, store_id").Find(&rows).Error
	})
	return rows, err
}

// Replay queues, for a hook, the events of some kinds that were made from a time on, once
// more or for the first time, and says how many. They keep their order.
func (s HookEventStore) Replay(ctx context.Context, hook string, kinds []string, since, expires time.Time) (n int, err error) {
	const what = "replay events"
	at, after := moment(since), ""
	for {
		var events []HookEvent
		err := s.read(ctx, what, func(g *gorm.DB) error {
			return g.Select("id", "created_at").
				Where("created_at > ? OR created_at = ? AND id > ?", stamp(at), stamp(at), after).Where("kind IN ?", kinds).
				Order("created_at, id").Limit(batch).Find(&events).Error
		})
		if err != nil || len(events) == 0 {
			return n, err
		}
		if err := s.requeue(ctx, what, hook, events, expires); err != nil {
			return n, err
		}
		last := events[len(events)-1]
		n, at, after = n+len(events), last.CreatedAt, last.ID
	}
}

// requeue queues deliveries anew, and adds those that are missing. Who is sending one
// finds out that it is not theirs any more.
func (s HookEventStore) requeue(ctx context.Context, what, hook string, events []HookEvent, expires time.Time) error {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return s.inTx(ctx, func(tx *DB) error {
		err := tx.write(ctx, what, func(g *gorm.DB) error {
			return g.Model(&HookDelivery{}).Where("hook = ? AND event_id IN ?", hook, ids).Updates(map[string]any{
				"state": Queued, "attempt": gorm.Expr("attempt + 1"), "tries": 0, "due_at": stamp(s.now()), "expires_at": stamp(expires), "reason": replayed, "status": 0, "sent_at": nil,
			}).Error
		})
		if err != nil {
			return err
		}
		return tx.write(ctx, what, func(g *gorm.DB) error { // of the events that are still there
			return g.Exec("INSERT INTO hook_deliveries (hook, event_id, subject, seq, state, attempt, tries, due_at, expires_at, reason, status)"+
				" SELECT ?, id, subject, seq, ?, 0, 0, ?, ?, '', 0 FROM hook_events WHERE id IN ?"+
				" AND NOT EXISTS (SELECT 1 FROM hook_deliveries AS known WHERE known.hook = ? AND known.event_id = hook_events.id)",
				hook, Queued, stamp(s.now()), stamp(expires), ids, hook).Error
		})
	})
}

// replayed is why a delivery is queued that was sent, or given up, before.
const replayed = "replayed"

// Purge forgets up to limit events that were made before a time, with their deliveries,
// and says how many. What is to be sent still stays, unless its own time was over before
// that.
func (s HookEventStore) Purge(ctx context.Context, before time.Time, limit int) (gone int, err error) {
	const what = "purge events"
	var ids []string
	err = s.read(ctx, what, func(g *gorm.DB) error {
		return g.Model(&HookEvent{}).Where("created_at < ?", stamp(before)).
			Where("NOT EXISTS (SELECT 1 FROM hook_deliveries WHERE hook_deliveries.event_id = hook_events.id"+
				" AND hook_deliveries.state = ? AND hook_deliveries.expires_at >= ?)", Queued, stamp(before)).
			Order("created_at").Limit(limit).Pluck("id", &ids).Error
	})
	if err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(ids, batch) {
		err := s.inTx(ctx, func(tx *DB) error {
			return tx.write(ctx, what, func(g *gorm.DB) error {
				if err := g.Where("event_id IN ?", chunk).Delete(&HookDelivery{}).Error; err != nil {
					return err
				}
				return g.Where("id IN ?", chunk).Delete(&HookEvent{}).Error
			})
		})
		if err != nil {
			return gone, err
		}
		gone += len(chunk)
	}
	return gone, nil
}
