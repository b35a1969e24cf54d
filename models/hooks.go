package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"
)

// Hook is another system that is told of what happens: one of config.yaml, and how it
// does.
type Hook struct {
	Name         string    `gorm:"primaryKey;size:64"`
	Host         string    `gorm:"size:255"`
	Kinds        string    `gorm:"size:255"` // of event that it is sent, for people to read
	Address      string    `gorm:"size:64"`  // fingerprint of its URL
	Active       bool      // config.yaml has it
	Failures     int       // since the last success
	FailingSince time.Time `gorm:"serializer:utc"` // zero: it does not
	NextAt       time.Time `gorm:"serializer:utc"` // no try before
	ToldAt       time.Time `gorm:"serializer:utc"` // when managers were told that it fails; zero: they were not
	GoneAt       time.Time `gorm:"serializer:utc"` // when it said that it is gone; zero: it did not
	Reason       string    `gorm:"size:64"`        // of the last failure
	Status       int       // …of HTTP; 0: there was no answer
}

// TableName names the table for GORM.
func (Hook) TableName() string { return "hooks" }

// healthy are the columns of a hook that does not fail.
var healthy = map[string]any{"failures": 0, "failing_since": nil, "next_at": nil, "told_at": nil, "gone_at": nil, "reason": "", "status": 0}

// HookStore keeps how the hooks do.
type HookStore struct{ *core }

// Sync takes over the hooks of config.yaml. Those that it has no more stay, inactive. One
// with another address begins anew.
func (s HookStore) Sync(ctx context.Context, hooks []Hook) error {
	const what = "take over hooks"
	return s.inTx(ctx, func(tx *DB) error {
		var names []string
		for _, h := range hooks {
			if err := identity(what, 64, h.Name); err != nil {
				return err
			}
			names = append(names, h.Name)
			if err := tx.Hooks.takeOver(ctx, what, h); err != nil {
				return err
			}
		}
		return tx.write(ctx, what, func(g *gorm.DB) error {
			g = g.Model(&Hook{}).Where("active = ?", true)
			if len(names) > 0 {
				g = g.Where("name NOT IN ?", names)
			}
			return g.Update("active", false).Error
		})
	})
}

func (s HookStore) takeOver(ctx context.Context, what string, h Hook) error {
	h = tidy(Hook{Name: h.Name, Host: h.Host, Kinds: h.Kinds, Address: h.Address, Active: true})
	old, err := s.Get(ctx, h.Name)
	if errors.Is(err, ErrNotFound) {
		_, err = addOnce(ctx, s.core, what, &h) // or another process was first
		return err
	}
	if err != nil {
		return err
	}
	values := map[string]any{"host": h.Host, "kinds": h.Kinds, "address": h.Address, "active": true}
	if old.Address != h.Address {
		for column, value := range healthy {
			values[column] = value
		}
	}
	return s.change(ctx, what, h.Name, values)
}

func (s HookStore) change(ctx context.Context, what, name string, values map[string]any) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB { return g.Model(&Hook{}).Where("name = ?", name).Updates(values) })
}

// Get finds a hook by its name.
func (s HookStore) Get(ctx context.Context, name string) (Hook, error) {
	const what = "find hook"
	var rows []Hook
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where("name = ?", name).Find(&rows).Error })
	return first(rows, err, what)
}

// List lists all hooks by name, also those that config.yaml has no more.
func (s HookStore) List(ctx context.Context) ([]Hook, error) {
	var rows []Hook
	err := s.read(ctx, "list hooks", func(g *gorm.DB) error { return g.Order("name").Find(&rows).Error })
	return rows, err
}

// NoteFailure records that a try failed, and that there is none before a time. It gives
// the hook as it is then.
func (s HookStore) NoteFailure(ctx context.Context, name, reason string, status int, next time.Time) (Hook, error) {
	err := s.change(ctx, "note failure of a hook", name, map[string]any{
		"failures": gorm.Expr("failures + 1"), "failing_since": gorm.Expr("COALESCE(failing_since, ?)", stamp(s.now())),
		"next_at": stamp(next), "reason": clip(reason, 64), "status": status,
	})
	if err != nil {
		return Hook{}, err
	}
	return s.Get(ctx, name)
}

// NoteSuccess records that a try succeeded. told says that managers were told of its
// failures; of several who succeed at once, one hears it. A hook that has said meanwhile
// that it is gone stays so: [ErrStale].
func (s HookStore) NoteSuccess(ctx context.Context, name string) (told bool, err error) {
	const what = "note success of a hook"
	err = s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Hook{}).Where("name = ? AND told_at IS NOT NULL AND gone_at IS NULL", name).Updates(healthy)
	})
	if !errors.Is(err, ErrStale) {
		return err == nil, err
	}
	return false, s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Hook{}).Where("name = ? AND gone_at IS NULL", name).Updates(healthy)
	})
}

// Tell claims for the caller to tell managers that a hook fails. [ErrStale]: they know. It
// belongs in the transaction that tells.
func (s HookStore) Tell(ctx context.Context, name string) error {
	return s.swap(ctx, "tell of a hook", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Hook{}).Where("name = ? AND told_at IS NULL", name).Update("told_at", stamp(s.now()))
	})
}

// MarkGone records that a hook said that it is gone: nothing is sent to it any more.
// [ErrStale]: that is known. It belongs in the transaction that tells.
func (s HookStore) MarkGone(ctx context.Context, name, reason string, status int) error {
	now := stamp(s.now())
	return s.swap(ctx, "mark hook as gone", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Hook{}).Where("name = ? AND gone_at IS NULL", name).Updates(map[string]any{
			"gone_at": now, "told_at": now, "failing_since": gorm.Expr("COALESCE(failing_since, ?)", now), "reason": clip(reason, 64), "status": status,
		})
	})
}

// Revive lets a hook that is gone, or rests, be tried again at once.
func (s HookStore) Revive(ctx context.Context, name string) error {
	return s.change(ctx, "revive hook", name, healthy)
}

// HookBacklog is what a hook has not been sent.
type HookBacklog struct {
	Queued int       // at most [BacklogCounted]
	Failed int       // given up, as far as it is kept; at most [BacklogCounted]
	SentAt time.Time // of the last that it was sent; zero: none that is kept
}

// BacklogCounted is up to how many a backlog is counted. A hook that is gone has given up
// what happened in all the time for which that is kept.
const BacklogCounted = 10_000

// Counted is the text of what a backlog counts.
func (HookBacklog) Counted(n int) string {
	if n >= BacklogCounted {
		return strconv.Itoa(BacklogCounted) + "+"
	}
	return strconv.Itoa(n)
}

// Backlogs counts what the hooks, also those that config.yaml has no more, have not been
// sent, by name. What they were sent, which is nearly everything, is not read.
func (s HookStore) Backlogs(ctx context.Context) (map[string]HookBacklog, error) {
	hooks, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]HookBacklog, len(hooks))
	for _, h := range hooks {
		if all[h.Name], err = s.backlog(ctx, h.Name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// backlog asks three ranges of indices by one statement. A server that has not counted
// lately what is in a table may go by the primary key, through all that is kept.
func (s HookStore) backlog(ctx context.Context, name string) (b HookBacklog, err error) {
	by := ""
	if s.cfg.Driver == MySQL {
		by = "FORCE INDEX (hook_deliveries_due) "
	}
	some := "(SELECT COUNT(*) FROM (SELECT 1 FROM hook_deliveries " + by + "WHERE hook = ? AND state = ? LIMIT ?) AS some)"
	err = s.read(ctx, "count what a hook waits for", func(g *gorm.DB) error {
		return g.Raw("SELECT "+some+", "+some+", (SELECT MAX(sent_at) FROM hook_deliveries WHERE hook = ?)",
			name, Queued, BacklogCounted, name, Failed, BacklogCounted, name).Row().Scan(&b.Queued, &b.Failed, (*instant)(&b.SentAt))
	})
	return b, err
}

// HookDelivery is an event on its way to one hook.
type HookDelivery struct {
	Hook      string        `gorm:"primaryKey;size:64"`
	EventID   string        `gorm:"primaryKey;size:64"`
	Subject   string        `gorm:"size:190"` // order holds within it
	Seq       int64         // …by this
	State     OutgoingState `gorm:"size:16"` // [Queued] | [SentOut] | [Failed]
	Attempt   int           // fencing token: a claim raises it
	Tries     int           // that failed
	DueAt     time.Time     `gorm:"serializer:utc"` // next try, or end of lease
	ExpiresAt time.Time     `gorm:"serializer:utc"` // it is given up
	Reason    string        `gorm:"size:64"`        // of the last failed try
	Status    int           // …of HTTP; 0: there was no answer
	SentAt    time.Time     `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (HookDelivery) TableName() string { return "hook_deliveries" }

// DueDelivery is a delivery with what it delivers.
type DueDelivery struct {
	HookDelivery
	Kind    string
	Payload []byte
}

// Due lists what may be sent to a hook now: of each subject at most the oldest that is
// queued, so that no event overtakes another about the same. What was never tried comes
// first: however much the hook refuses, it is sent the rest.
func (s HookEventStore) Due(ctx context.Context, hook string, now time.Time, limit int) ([]DueDelivery, error) {
	rows, err := s.due(ctx, hook, "hook_deliveries.tries = 0", now, limit)
	if err != nil || len(rows) == limit {
		return rows, err
	}
	tried, err := s.due(ctx, hook, "hook_deliveries.tries > 0", now, limit-len(rows))
	return append(rows, tried...), err
}

func (s HookEventStore) due(ctx context.Context, hook, which string, now time.Time, limit int) ([]DueDelivery, error) {
	var rows []DueDelivery
	err := s.read(ctx, "list due events", func(g *gorm.DB) error {
		return g.Table("hook_deliveries").Select("hook_deliveries.*, hook_events.kind, hook_events.payload").
			Joins("JOIN hook_events ON hook_events.id = hook_deliveries.event_id").
			Where("hook_deliveries.hook = ? AND hook_deliveries.state = ? AND hook_deliveries.due_at <= ?", hook, Queued, stamp(now)).
			Where(which).
			Where("NOT EXISTS (SELECT 1 FROM hook_deliveries AS earlier WHERE earlier.hook = hook_deliveries.hook"+
				" AND earlier.subject = hook_deliveries.subject AND earlier.state = ? AND earlier.seq < hook_deliveries.seq)", Queued).
			Order("hook_deliveries.due_at").Limit(limit).Scan(&rows).Error
	})
	slices.SortStableFunc(rows, func(x, y DueDelivery) int { return cmp.Or(x.DueAt.Compare(y.DueAt), cmp.Compare(x.EventID, y.EventID)) })
	return rows, err
}

// Claim takes up a delivery that is due, for one try. Of several who try, one wins; the
// others get [ErrStale].
func (s HookEventStore) Claim(ctx context.Context, d HookDelivery, until time.Time) (HookDelivery, error) {
	held := d.Attempt
	d.Attempt, d.DueAt, d.Reason = held+1, moment(until), ""
	err := s.swap(ctx, "claim event", func(g *gorm.DB) *gorm.DB {
		return g.Model(&HookDelivery{}).
			Where("hook = ? AND event_id = ? AND attempt = ? AND state = ? AND due_at <= ?", d.Hook, d.EventID, held, Queued, stamp(s.now())).
			Updates(map[string]any{"attempt": d.Attempt, "due_at": stamp(d.DueAt), "reason": ""})
	})
	return unless(err, d)
}

// MarkSent records that the hook took it.
func (s HookEventStore) MarkSent(ctx context.Context, d HookDelivery, status int) error {
	return s.move(ctx, "record that an event was sent", d, map[string]any{
		"state": SentOut, "due_at": nil, "sent_at": stamp(s.now()), "reason": "", "status": status,
	})
}

// Retry records a failed try, and when the next one is. The reason must not be empty.
func (s HookEventStore) Retry(ctx context.Context, d HookDelivery, reason string, status int, at time.Time) error {
	return s.move(ctx, "record failed try", d, map[string]any{
		"tries": gorm.Expr("tries + 1"), "due_at": stamp(at), "reason": clip(reason, 64), "status": status,
	})
}

// Fail records that the last try failed.
func (s HookEventStore) Fail(ctx context.Context, d HookDelivery, reason string, status int) error {
	return s.move(ctx, "give an event up", d, map[string]any{
		"state": Failed, "tries": gorm.Expr("tries + 1"), "due_at": nil, "reason": clip(reason, 64), "status": status,
	})
}

func (s HookEventStore) move(ctx context.Context, what string, d HookDelivery, values map[string]any) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&HookDelivery{}).Where("hook = ? AND event_id = ? AND attempt = ? AND state = ?", d.Hook, d.EventID, d.Attempt, Queued).Updates(values)
	})
}

// Hasten makes due now what waits because there was no answer, for the hook takes
// something again. What it refused waits for its own time, and what is being sent is left
// alone.
func (s HookEventStore) Hasten(ctx context.Context, hook string) error {
	now := stamp(s.now())
	return s.write(ctx, "hasten events", func(g *gorm.DB) error {
		return g.Model(&HookDelivery{}).Where("hook = ? AND state = ? AND due_at > ? AND reason <> '' AND status = 0", hook, Queued, now).Update("due_at", now).Error
	})
}

// GiveUp gives up some of what is queued for a hook, and says how many: none when all is
// given up. What is being sent is left to who sends it.
func (s HookEventStore) GiveUp(ctx context.Context, hook, reason string) (int, error) {
	return s.giveUp(ctx, hook, reason, "attempt = 0 OR reason <> '' OR due_at <= ?", stamp(s.now()))
}

// Expire gives up some of what has failed for a hook and whose time was over before
// another, and says how many.
func (s HookEventStore) Expire(ctx context.Context, hook, reason string, before time.Time) (int, error) {
	return s.giveUp(ctx, hook, reason, "tries > 0 AND reason <> '' AND expires_at <= ?", stamp(before))
}

func (s HookEventStore) giveUp(ctx context.Context, hook, reason, which string, args ...any) (int, error) {
	const what = "give events up"
	these := func(g *gorm.DB) *gorm.DB {
		return g.Model(&HookDelivery{}).Where("hook = ? AND state = ?", hook, Queued).Where("("+which+")", args...)
	}
	var ids []string // not all at once: no other write waits for long
	err := s.read(ctx, what, func(g *gorm.DB) error { return these(g).Limit(batch).Pluck("event_id", &ids).Error })
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	var hit int64
	err = s.write(ctx, what, func(g *gorm.DB) error {
		result := these(g).Where("event_id IN ?", ids).Updates(map[string]any{"state": Failed, "due_at": nil, "reason": clip(reason, 64)})
		hit = result.RowsAffected
		return result.Error
	})
	return int(hit), err
}
