package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// TableName names the table for GORM.
func (Outgoing) TableName() string { return "outbox" }

// Enqueue puts an answer or notice behind the others of its conversation.
// Repeating it, by ID, changes nothing.
func (db *DB) Enqueue(ctx context.Context, o Outgoing) error {
	const what = "enqueue"
	if o.ID == "" {
		o.ID = db.cfg.NewID()
	}
	if err := identity(what, 64, o.ID); err != nil {
		return err
	}
	if err := identity(what, 255, o.Conversation); err != nil {
		return err
	}
	if o.CreatedAt.IsZero() {
		o.CreatedAt = db.now()
	}
	if o.DueAt.IsZero() {
		o.DueAt = db.now()
	}
	if o.Payload == nil {
		o.Payload = []byte{}
	}
	o = tidy(o)
	sealed := db.keys.seal(outboxPayload, o.ID, o.Payload)

	// The number comes from the conversation itself: an auto-increment column is
	// not in order of time on every cluster. Of two who take the same number at
	// once, the second waits for the first to commit and then takes the next, so
	// that numbers are also in the order of commits.
	for try := 1; ; try++ {
		err := db.write(ctx, what, func(g *gorm.DB) error {
			return g.Exec(`INSERT INTO outbox (id, seq, conversation, channel, chat, user_id, inbox_id, operation_id, payload,
					form, state, attempt, due_at, reason, message_id, created_at, change_at)
				SELECT ?, COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, '', '', ?, ? FROM outbox WHERE conversation = ?`,
				o.ID, o.Conversation, o.Channel, o.Chat, o.User, o.InboxID, o.OperationID, sealed,
				o.Form, Queued, stamp(o.DueAt), stamp(o.CreatedAt), stamp(o.ChangeAt), o.Conversation).Error
		})
		if !errors.Is(err, ErrDuplicate) {
			return err
		}
		known, ferr := db.enqueued(ctx, o.ID)
		if ferr != nil || known {
			return ferr
		}
		if try == enqueueTries {
			return &dbError{what: what, kinds: []error{ErrUnavailable}, err: err}
		}
	}
}

// enqueueTries is how often a number may be snatched away. Each time somebody
// else got in, so that running out of it takes that many others at once.
const enqueueTries = 100

func (db *DB) enqueued(ctx context.Context, id string) (bool, error) {
	var n int64
	err := db.read(ctx, "enqueue", func(g *gorm.DB) error {
		return g.Model(&Outgoing{}).Where("id = ?", id).Count(&n).Error
	})
	return n > 0, err
}

// DueOutgoing lists what may be sent now: of each conversation at most the
// oldest that is queued, so that an answer never overtakes another.
func (db *DB) DueOutgoing(ctx context.Context, now time.Time, limit int) ([]Outgoing, error) {
	return db.DueOutgoingExcept(ctx, now, limit, nil, time.Time{})
}

// DueOutgoingExcept is [DB.DueOutgoing] without the channels that somebody else
// has to send by; but what they left since before a time is listed all the same.
func (db *DB) DueOutgoingExcept(ctx context.Context, now time.Time, limit int, away []string, before time.Time) ([]Outgoing, error) {
	var rows []Outgoing
	err := db.read(ctx, "list due outgoing", func(g *gorm.DB) error {
		if len(away) > 0 {
			g = g.Where("(channel NOT IN ? OR created_at < ?)", away, stamp(before))
		}
		// In the order of an index, so that a long queue is not sorted each time.
		return g.Where("due_at <= ? AND state = ?", stamp(now), Queued).
			Where("NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.conversation = outbox.conversation"+
				" AND earlier.state = ? AND earlier.seq < outbox.seq)", Queued).
			Order("due_at").Limit(limit).Find(&rows).Error
	})
	return readable(ctx, db, "outgoing message", rows, err, db.openOutgoing)
}

func (db *DB) openOutgoing(o Outgoing) (Outgoing, error) {
	var err error
	if o.Payload, err = db.keys.open(outboxPayload, o.ID, o.Payload); err != nil {
		return o, err
	}
	o.ChangeCode, err = db.keys.openNull(outboxCode, o.ID, o.ChangeCode)
	return o, err
}

// SentBack tells when the n-th last row before o in its conversation was sent, so
// that a channel's limit per minute can be kept by any number of processes. It is
// zero where fewer were sent.
func (db *DB) SentBack(ctx context.Context, o Outgoing, n int) (time.Time, error) {
	var rows []Outgoing
	err := db.read(ctx, "count what was sent", func(g *gorm.DB) error {
		return g.Select("sent_at").Where("conversation = ? AND seq < ? AND state = ?", o.Conversation, o.Seq, SentOut).
			Order("seq DESC").Offset(n - 1).Limit(1).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return rows[0].SentAt, nil
}

// ClaimOutgoing takes up a row that is due, for one try. Of several who try, one
// wins; the others get [ErrStale].
func (db *DB) ClaimOutgoing(ctx context.Context, o Outgoing, until time.Time) (Outgoing, error) {
	held := o.Attempt
	o.Attempt, o.DueAt = held+1, moment(until)
	err := db.swap(ctx, "claim outgoing", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).
			Where("id = ? AND attempt = ? AND state = ? AND due_at <= ?", o.ID, held, Queued, stamp(db.now())).
			Updates(map[string]any{"attempt": o.Attempt, "due_at": stamp(o.DueAt)})
	})
	return unless(err, o)
}

// OutgoingSent records that the channel took it, its id there, and the code by
// which a card can be changed, or "".
func (db *DB) OutgoingSent(ctx context.Context, o Outgoing, messageID, code string) error {
	values := map[string]any{
		"state": SentOut, "due_at": nil, "sent_at": stamp(db.now()), "message_id": clip(messageID, 190), "reason": "",
		"change_code": db.keys.sealText(outboxCode, o.ID, code),
	}
	if code == "" {
		values["change_at"] = nil
	}
	return db.moveOutgoing(ctx, "record sending", o, values)
}

// OutgoingRetry records a failed try and when and in which form the next one is.
func (db *DB) OutgoingRetry(ctx context.Context, o Outgoing, form, reason string, at time.Time) error {
	if at.IsZero() {
		at = db.now()
	}
	return db.moveOutgoing(ctx, "record failed try", o, map[string]any{
		"form": clip(form, 32), "reason": clip(reason, 190), "due_at": stamp(at),
	})
}

// OutgoingFailed records that it can never be sent.
func (db *DB) OutgoingFailed(ctx context.Context, o Outgoing, reason string) error {
	return db.moveOutgoing(ctx, "record failure", o, map[string]any{
		"state": Failed, "due_at": nil, "change_at": nil, "reason": clip(reason, 190),
	})
}

func (db *DB) moveOutgoing(ctx context.Context, what string, o Outgoing, values map[string]any) error {
	return db.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Outgoing{}).Where("id = ? AND attempt = ? AND state = ?", o.ID, o.Attempt, Queued).Updates(values)
	})
}

// AnswersTo lists what was put into the outbox as an answer to a message, without
// what it says.
func (db *DB) AnswersTo(ctx context.Context, inboxID string) ([]Outgoing, error) {
	var rows []Outgoing
	err := db.read(ctx, "find answers", func(g *gorm.DB) error {
		return g.Select("id", "form", "state", "attempt", "reason").Where("inbox_id = ?", inboxID).Find(&rows).Error
	})
	return rows, err
}

// TakePassive lets the answer to a message go out in the response to a callback: what
// of it is still queued and due by near is not sent before until, so that the same is
// not on its way twice. False: there was a try to send it already, with whatever
// outcome. One that was answered so before may be again.
func (db *DB) TakePassive(ctx context.Context, inboxID string, near, until time.Time) (bool, error) {
	const what = "take passive answer"
	var rows []Outgoing
	err := db.read(ctx, what, func(g *gorm.DB) error {
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
		err := db.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
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

// OutgoingPassive is [DB.OutgoingObsolete] because the answer went out in the response
// to a callback.
func (db *DB) OutgoingPassive(ctx context.Context, inboxID string) (int, error) {
	return db.dropOutgoing(ctx, inboxID, map[string]any{"state": Obsolete, "due_at": nil, "change_at": nil, "reason": passively})
}

// OutgoingObsolete takes what is still queued as an answer to a message out of
// the queue, because the same was delivered another way, and says how many. What
// is being sent right now keeps its place, so that nothing overtakes it.
func (db *DB) OutgoingObsolete(ctx context.Context, inboxID string) (int, error) {
	return db.dropOutgoing(ctx, inboxID, map[string]any{"state": Obsolete, "due_at": nil, "change_at": nil})
}

func (db *DB) dropOutgoing(ctx context.Context, inboxID string, values map[string]any) (int, error) {
	if inboxID == "" {
		return 0, nil
	}
	var hit int64
	err := db.write(ctx, "drop outgoing", func(g *gorm.DB) error {
		result := g.Model(&Outgoing{}).Where("inbox_id = ? AND state = ? AND (attempt = 0 OR due_at <= ?)", inboxID, Queued, stamp(db.now())).
			Updates(values)
		hit = result.RowsAffected
		return result.Error
	})
	return int(hit), err
}
