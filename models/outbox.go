package models

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// TableName names the table for GORM.
func (Outgoing) TableName() string { return "outbox" }

// OutboxStore keeps answers and notices on their way out, each conversation in its order.
type OutboxStore struct{ *core }

// Enqueue puts an answer or notice behind the others of its conversation.
// Repeating it, by ID, changes nothing.
func (s OutboxStore) Enqueue(ctx context.Context, o Outgoing) error {
	const what = "enqueue"
	o, err := s.prepared(what, o)
	if err != nil {
		return err
	}
	if o.Apart {
		return s.enqueueApart(ctx, what, o)
	}
	// The number comes from the conversation itself: an auto-increment column is
	// not in order of time on every cluster. Of two who take the same number at
	// once, the second waits for the first to commit and then takes the next, so
	// that numbers are also in the order of commits.
	_, err = s.insert(ctx, what, func() (int64, error) {
		return s.insertQueued(ctx, what, o, `FROM (SELECT COALESCE(MAX(seq), 0) + 1 AS seq FROM outbox WHERE conversation = ?) AS numbered`, o.Conversation)
	}, o.ID)
	return err
}

// EnqueueClaimed is [OutboxStore.Enqueue] of what its writer sends itself as soon as the
// transaction is committed: the first try is the writer's until a time. It does
// nothing, and says so, where something is queued before it in its conversation,
// or where the receiver has been sent perMinute others in the last minute; zero is
// any number.
func (s OutboxStore) EnqueueClaimed(ctx context.Context, o Outgoing, until time.Time, perMinute int) (Outgoing, bool, error) {
	const what = "enqueue claimed"
	o, err := s.prepared(what, o)
	if err != nil {
		return Outgoing{}, false, err
	}
	o.Attempt, o.DueAt = 1, moment(until)
	from := `FROM (SELECT COALESCE(MAX(seq), 0) + 1 AS seq FROM outbox WHERE conversation = ?) AS numbered
		WHERE NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.conversation = ? AND earlier.state = ?)`
	args := []any{o.Conversation, o.Conversation, Queued}
	if perMinute > 0 {
		from += ` AND (SELECT COUNT(*) FROM outbox AS before_it WHERE before_it.receiver = ? AND before_it.sent_at > ?) < ?`
		args = append(args, o.Receiver, stamp(s.now().Add(-time.Minute)), perMinute)
	}
	hit, err := s.insert(ctx, what, func() (int64, error) { return s.insertQueued(ctx, what, o, from, args...) }, o.ID)
	return o, hit > 0, err
}

// enqueueApart inserts a row whose number no other takes: transactions that write to
// one conversation do not wait for each other. The numbers are in order of time, as
// far as clocks go.
func (s OutboxStore) enqueueApart(ctx context.Context, what string, o Outgoing) error {
	sum := sha256.Sum256([]byte(o.ID))
	seq := s.apart.next(o.CreatedAt.UnixMicro())<<apartBits | int64(binary.BigEndian.Uint32(sum[:])>>(32-apartBits))
	_, err := s.insert(ctx, what, func() (int64, error) {
		seq++
		return s.insertQueued(ctx, what, o, `FROM (SELECT ? AS seq) AS numbered`, seq)
	}, o.ID)
	return err
}

// apartBits of a number tell rows apart that two processes write in the same
// microsecond.
const apartBits = 10

// ticks are times that this process gives out once each.
type ticks struct{ last atomic.Int64 }

// next is now, or the first time after it that was not given out yet.
func (t *ticks) next(now int64) int64 {
	for {
		last := t.last.Load()
		if next := max(now, last+1); t.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// prepared completes and checks a row.
func (s OutboxStore) prepared(what string, o Outgoing) (Outgoing, error) {
	if o.ID == "" {
		o.ID = s.cfg.NewID()
	}
	if err := identity(what, 64, o.ID); err != nil {
		return Outgoing{}, err
	}
	if err := identity(what, 255, o.Conversation); err != nil {
		return Outgoing{}, err
	}
	if o.CreatedAt.IsZero() {
		o.CreatedAt = s.now()
	}
	if o.DueAt.IsZero() {
		o.DueAt = s.now()
	}
	if o.Payload == nil {
		o.Payload = []byte{}
	}
	if o.Receiver == "" {
		o.Receiver = o.Conversation
	}
	o.State, o.Reason, o.Attempt = Queued, "", 0
	return tidy(o), nil
}

// insertQueued inserts a row with the number that from selects as numbered.seq, if from
// selects one.
func (s OutboxStore) insertQueued(ctx context.Context, what string, o Outgoing, from string, args ...any) (hit int64, err error) {
	all := append([]any{
		o.ID, o.Conversation, o.Receiver, o.Channel, o.Chat, o.User, o.InboxID, o.OperationID,
		s.keys.seal(outboxPayload, o.ID, o.Payload), o.Form, o.State, o.Attempt, stamp(o.DueAt), stamp(o.CreatedAt), stamp(o.ChangeAt),
	}, args...)
	err = s.write(ctx, what, func(g *gorm.DB) error {
		result := g.Exec(`INSERT INTO outbox (id, seq, conversation, receiver, channel, chat, user_id, inbox_id, operation_id, payload,
				form, state, attempt, due_at, reason, message_id, created_at, change_at)
			SELECT ?, numbered.seq, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, ? `+from, all...)
		hit = result.RowsAffected
		return result.Error
	})
	return hit, err
}

// insert inserts a row until nobody else has taken its number. A row that is
// there already is none inserted.
func (s OutboxStore) insert(ctx context.Context, what string, insert func() (int64, error), id string) (int64, error) {
	for try := 1; ; try++ {
		hit, err := insert()
		if !errors.Is(err, ErrDuplicate) {
			return hit, err
		}
		known, ferr := s.enqueued(ctx, id)
		if ferr != nil || known {
			return 0, ferr
		}
		if try == enqueueTries {
			return 0, &dbError{what: what, kinds: []error{ErrUnavailable}, err: err}
		}
	}
}

// enqueueTries is how often a number may be snatched away. Each time another row
// got in, so that running out of it takes that many others at once.
const enqueueTries = 100

func (s OutboxStore) enqueued(ctx context.Context, id string) (bool, error) {
	var n int64
	err := s.read(ctx, "enqueue", func(g *gorm.DB) error {
		return g.Model(&Outgoing{}).Where("id = ?", id).Count(&n).Error
	})
	return n > 0, err
}

// Due lists what may be sent now: of each conversation at most the oldest that
// is queued, so that an answer never overtakes another. Left out are the
// channels that another process has to send by, and what was sealed with a key
// that only another process has, but for what was made before a time. What
// cannot be opened is set aside.
func (s OutboxStore) Due(ctx context.Context, now time.Time, limit int, away []string, before time.Time) ([]Outgoing, error) {
	var rows []Outgoing
	err := s.read(ctx, "list due outgoing", func(g *gorm.DB) error {
		if len(away) > 0 {
			g = g.Where("(channel NOT IN ? OR created_at < ?)", away, stamp(before))
		}
		// In the order of an index, so that a long queue is not sorted each time.
		return g.Where("due_at <= ? AND state = ?", stamp(now), Queued).
			Where("(SUBSTR(payload, 1, ?) IN ? OR created_at < ?)", sealPrefix, s.keys.prefixes(), stamp(before)).
			Where("NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.conversation = outbox.conversation"+
				" AND earlier.state = ? AND earlier.seq < outbox.seq)", Queued).
			Order("due_at").Limit(limit).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return openOrSetAside(ctx, s.core, "outgoing message", rows, func(o Outgoing) error { return s.Fail(ctx, o, Unreadable) })
}

// Behind is what stands next behind another of its conversation, where it could be sent
// now: for who has just seen that the other one is refused, and others may not be. Else
// it is [ErrNotFound].
func (s OutboxStore) Behind(ctx context.Context, o Outgoing, now time.Time) (Outgoing, error) {
	const what = "find what waits behind"
	var next Outgoing
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Where("conversation = ? AND state = ? AND seq > ?", o.Conversation, Queued, o.Seq).Order("seq").Take(&next).Error
	})
	if err != nil {
		return Outgoing{}, err
	}
	next, err = s.keys.openOutgoing(next)
	if err != nil || next.DueAt.After(now) {
		return Outgoing{}, failed(what, ErrNotFound)
	}
	return next, nil
}

// Aside gives a row that is queued a conversation of its own, where a later one of the
// one that it has had has gone out: others do not wait for it any more. False: none has.
func (s OutboxStore) Aside(ctx context.Context, o Outgoing, conversation string) (bool, error) {
	const what = "step aside"
	var later []Outgoing
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Select("id").Where("conversation = ? AND state = ? AND seq > ?", o.Conversation, SentOut, o.Seq).Limit(1).Find(&later).Error
	})
	if err != nil || len(later) == 0 {
		return false, err
	}
	err = s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).Where("id = ? AND conversation = ? AND state = ?", o.ID, o.Conversation, Queued).Update("conversation", conversation)
	})
	return err == nil, err
}

// Unreadable is the reason of what was set aside because it cannot be opened.
const Unreadable = "unreadable"

// openOrSetAside opens the rows of a list. One that does not open is set aside, and
// who does that says so: it would be listed for ever, in place of others.
func openOrSetAside(ctx context.Context, c *core, kind string, rows []Outgoing, setAside func(Outgoing) error) ([]Outgoing, error) {
	good := rows[:0]
	for _, row := range rows {
		opened, err := c.keys.openOutgoing(row)
		if err == nil {
			good = append(good, opened)
			continue
		}
		switch moved := setAside(row); {
		case errors.Is(moved, ErrStale):
		case moved != nil:
			return nil, moved
		default:
			c.cfg.Log.ErrorContext(ctx, "database: "+kind+" cannot be read and is set aside", "id", row.ID, "channel", row.Channel, "error", err)
		}
	}
	return good, nil
}

func (k *keyring) openOutgoing(o Outgoing) (Outgoing, error) {
	var err error
	if o.Payload, err = k.open(outboxPayload, o.ID, o.Payload); err != nil {
		return o, err
	}
	o.ChangeCode, err = k.openNull(outboxCode, o.ID, o.ChangeCode)
	return o, err
}

// SentBack tells when the n-th last of what a receiver was sent went out, if that
// was after a time, so that a channel's limit per minute can be kept by any number
// of processes. It is zero where fewer were sent.
func (s OutboxStore) SentBack(ctx context.Context, receiver string, n int, since time.Time) (time.Time, error) {
	var rows []Outgoing
	err := s.read(ctx, "count what was sent", func(g *gorm.DB) error {
		return g.Select("sent_at").Where("receiver = ? AND sent_at > ?", receiver, stamp(since)).
			Order("sent_at DESC").Offset(n - 1).Limit(1).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return rows[0].SentAt, nil
}

// Claim takes up a row that is due, for one try. Of several who try, one wins;
// the others get [ErrStale]. A try that nothing is known of, because its process
// ended, may have been taken.
func (s OutboxStore) Claim(ctx context.Context, o Outgoing, until time.Time) (Outgoing, error) {
	held := o.Attempt
	o.Lost = o.Lost || held > 0 && o.Reason == ""
	o.Attempt, o.DueAt, o.Reason = held+1, moment(until), ""
	err := s.swap(ctx, "claim outgoing", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).
			Where("id = ? AND attempt = ? AND state = ? AND due_at <= ?", o.ID, held, Queued, stamp(s.now())).
			Updates(map[string]any{"attempt": o.Attempt, "due_at": stamp(o.DueAt), "lost": o.Lost, "reason": ""})
	})
	return unless(err, o)
}

// MarkSent records that the channel took it, its id there, and the code by which
// a card can be changed, or "".
func (s OutboxStore) MarkSent(ctx context.Context, o Outgoing, messageID, code string) error {
	values := map[string]any{
		"state": SentOut, "due_at": nil, "sent_at": stamp(s.now()), "message_id": clip(messageID, 190), "reason": "",
		"change_code": s.keys.sealText(outboxCode, o.ID, code),
	}
	if code == "" {
		values["change_at"] = nil
	}
	return s.move(ctx, "record sending", o, values)
}

// Retry records a failed try, whether it may have been taken (o.Lost), and when
// and in which form the next one is. What may have been taken in one form was
// not in another.
func (s OutboxStore) Retry(ctx context.Context, o Outgoing, form, reason string, at time.Time) error {
	if at.IsZero() {
		at = s.now()
	}
	return s.move(ctx, "record failed try", o, map[string]any{
		"form": clip(form, 32), "reason": clip(reason, 190), "due_at": stamp(at), "lost": o.Lost && form == o.Form,
	})
}

// Fail records that it can never be sent.
func (s OutboxStore) Fail(ctx context.Context, o Outgoing, reason string) error {
	return s.end(ctx, "record failure", o, Failed, reason)
}

// MarkOvertaken records that it need not be sent any more.
func (s OutboxStore) MarkOvertaken(ctx context.Context, o Outgoing, reason string) error {
	return s.end(ctx, "record that it was overtaken", o, Obsolete, reason)
}

func (s OutboxStore) end(ctx context.Context, what string, o Outgoing, state OutgoingState, reason string) error {
	return s.move(ctx, what, o, map[string]any{
		"state": state, "due_at": nil, "change_at": nil, "reason": clip(reason, 190), "lost": o.Lost,
	})
}

func (s OutboxStore) move(ctx context.Context, what string, o Outgoing, values map[string]any) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).Where("id = ? AND attempt = ? AND state = ?", o.ID, o.Attempt, Queued).Updates(values)
	})
}

// AnswersTo lists what was put into the outbox as an answer to a message, without
// what it says.
func (s OutboxStore) AnswersTo(ctx context.Context, inboxID string) ([]Outgoing, error) {
	var rows []Outgoing
	err := s.read(ctx, "find answers", func(g *gorm.DB) error {
		return g.Select("id", "channel", "form", "state", "attempt", "reason", "lost", "created_at").Where("inbox_id = ?", inboxID).Find(&rows).Error
	})
	return rows, err
}

// QueuedAnswersTo lists what is still to be sent as an answer to a message. What
// cannot be opened is left out.
func (s OutboxStore) QueuedAnswersTo(ctx context.Context, inboxID string) ([]Outgoing, error) {
	var rows []Outgoing
	err := s.read(ctx, "find queued answers", func(g *gorm.DB) error {
		return g.Where("inbox_id = ? AND state = ?", inboxID, Queued).Order("conversation, seq").Find(&rows).Error
	})
	return readable(ctx, s.core, "outgoing message", rows, err, s.keys.openOutgoing)
}

// TakePassive lets the answer to a message go out in the response to a callback: what
// of it is still queued and due by near is not sent before until, so that the same is
// not on its way twice. False: there was a try to send it already, with whatever
// outcome. One that was answered so before may be again.
func (s OutboxStore) TakePassive(ctx context.Context, inboxID string, near, until time.Time) (bool, error) {
	const what = "take passive answer"
	var rows []Outgoing
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Select("id", "state", "attempt", "due_at", "reason").Where("inbox_id = ?", inboxID).Find(&rows).Error
	})
	if err != nil {
		return false, err
	}
	tried := false
	for _, o := range rows {
		if o.Reason == passively {
			return true, nil
		}
		tried = tried || o.Attempt > 0
	}
	if tried {
		return false, nil
	}
	for _, o := range rows {
		if o.State != Queued || o.DueAt.After(near) {
			continue
		}
		err := s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
			return g.Model(&Outgoing{}).Where("id = ? AND state = ? AND attempt = 0", o.ID, Queued).Update("due_at", stamp(until))
		})
		if errors.Is(err, ErrStale) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// passively is why an answer is not sent that went out in the response to a callback.
const passively = "passive"

// MarkPassive takes answers out of the queue that went out in the response to a
// callback, and says how many it could, as [OutboxStore.Obsolete] does.
func (s OutboxStore) MarkPassive(ctx context.Context, ids ...string) (n int, err error) {
	for chunk := range slices.Chunk(ids, batch) {
		hit, err := s.drop(ctx, "id IN ?", chunk, map[string]any{"state": Obsolete, "due_at": nil, "change_at": nil, "reason": passively})
		if n += hit; err != nil {
			return n, err
		}
	}
	return n, nil
}

// Obsolete takes what is still queued as an answer to a message out of the
// queue, because another takes its place, and says how many. What is being sent right
// now keeps its place, so that nothing overtakes it.
func (s OutboxStore) Obsolete(ctx context.Context, inboxID string) (int, error) {
	if inboxID == "" {
		return 0, nil
	}
	return s.drop(ctx, "inbox_id = ?", inboxID, map[string]any{"state": Obsolete, "due_at": nil, "change_at": nil})
}

func (s OutboxStore) drop(ctx context.Context, which string, arg any, values map[string]any) (int, error) {
	var hit int64
	err := s.write(ctx, "drop outgoing", func(g *gorm.DB) error {
		result := g.Model(&Outgoing{}).Where(which, arg).
			Where("state = ? AND (attempt = 0 OR reason <> '' OR due_at <= ?)", Queued, stamp(s.now())).
			Updates(values)
		hit = result.RowsAffected
		return result.Error
	})
	return int(hit), err
}

// Purge forgets up to limit answers and notices that were made before a time and
// need no more tries, and says how many.
func (s OutboxStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Outgoing](ctx, s.core, "purge outgoing", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("created_at < ? AND state <> ?", stamp(before), Queued).Order("created_at")
	})
}
