package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// TableName names the table for GORM.
func (Inbox) TableName() string { return "inbox" }

// Conditions: nobody has answered the message yet; it has no final answer yet.
const (
	unanswered = "answered_at IS NULL"
	unfinished = "final = ?"
)

// InboxStore keeps the accepted messages until each has its final answer.
type InboxStore struct{ *core }

// Accept stores a message; once it returns, the message will be answered, if
// need be by another process. Whoever accepts it owns it until DueAt. Of a
// repeat, fresh is false and row is what is stored, possibly with the answer.
//
// A repeat has the same sender. What has the id of another's message is stored under
// an id made of both, so that programs of an earlier version find their rows, too.
func (s InboxStore) Accept(ctx context.Context, in Inbox) (row Inbox, fresh bool, err error) {
	in.User = fold(in.User)
	row, fresh, err = s.acceptAs(ctx, in)
	if err == nil && !fresh && row.Sender() != tidy(in).Sender() {
		in.MessageID = apart(in)
		return s.acceptAs(ctx, in)
	}
	return row, fresh, err
}

// apart is the id of a message whose own is another sender's.
func apart(in Inbox) string {
	h := sha256.New()
	for _, part := range []string{in.MessageID, in.Chat, in.User} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return "apart-" + hex.EncodeToString(h.Sum(nil))
}

// acceptAs stores a message under the receipt that it has.
func (s InboxStore) acceptAs(ctx context.Context, in Inbox) (row Inbox, fresh bool, err error) {
	if in.ID == "" {
		in.ID = s.cfg.NewID()
	}
	if err := identity(acceptMessage, 64, in.ID, in.Channel); err != nil {
		return Inbox{}, false, err
	}
	if err := identity(acceptMessage, 190, in.MessageID); err != nil {
		return Inbox{}, false, err
	}
	if in.Payload == nil {
		in.Payload = []byte{}
	}
	if in.ReceivedAt.IsZero() {
		in.ReceivedAt = s.now()
	}
	if in.DueAt.IsZero() {
		in.DueAt = s.now()
	}
	in.Reply, in.Final, in.AnsweredAt, in.Attempt = nil, false, time.Time{}, 1
	if !in.DueAt.After(s.now()) { // no worker holds it: the next to claim it is the first
		in.Attempt = 0
	}
	in = tidy(in)

	err = s.store(ctx, in, s.keys.seal(inboxPayload, in.ID, in.Payload))
	switch {
	case err == nil:
		return in, true, nil
	case errors.Is(err, ErrDuplicate):
		old, ferr := s.one(ctx, "channel = ? AND message_id = ?", in.Channel, in.MessageID)
		if errors.Is(ferr, ErrNotFound) { // the ID is taken, not the receipt
			return Inbox{}, false, err
		}
		return old, false, ferr
	}
	return Inbox{}, false, err
}

// Get finds a message by its ID.
func (s InboxStore) Get(ctx context.Context, id string) (Inbox, error) {
	return s.one(ctx, "id = ?", id)
}

// Touch changes a message's row, and nothing of what it says. A transaction that tells what
// the message's operations have come to touches it before it reads them: of two whose
// operations end at the same moment, the later waits for the earlier and sees its outcome.
func (s InboxStore) Touch(ctx context.Context, id string) error {
	const what = "touch message"
	err := s.swap(ctx, what, func(g *gorm.DB) *gorm.DB { return touch(g.Where("id = ?", id)) })
	if errors.Is(err, ErrStale) {
		return failed(what, ErrNotFound)
	}
	return err
}

// touch changes a message, and nothing of what it says: an update that changes nothing
// is no write for a cluster.
func touch(g *gorm.DB) *gorm.DB {
	return g.Model(&Inbox{}).UpdateColumn("told", gorm.Expr("told + 1"))
}

func (s InboxStore) one(ctx context.Context, where string, args ...any) (Inbox, error) {
	var rows []Inbox
	err := s.read(ctx, "find message", func(g *gorm.DB) error {
		return g.Where(where, args...).Find(&rows).Error
	})
	row, err := first(rows, err, "find message")
	if err != nil {
		return Inbox{}, err
	}
	return s.open(row)
}

func (s InboxStore) open(row Inbox) (Inbox, error) {
	var err error
	if row.Payload, err = s.keys.open(inboxPayload, row.ID, row.Payload); err != nil {
		return Inbox{}, err
	}
	if row.Reply, err = s.keys.openNull(inboxReply, row.ID, row.Reply); err != nil {
		return Inbox{}, err
	}
	return row, nil
}

// Claim takes up a message of [InboxStore.Due]. Of several who try, one wins;
// the others get [ErrStale].
func (s InboxStore) Claim(ctx context.Context, in Inbox, until time.Time) (Inbox, error) {
	old := in.Attempt
	in.Attempt, in.DueAt = old+1, moment(until)
	return unless(s.move(ctx, "claim message", in, "attempt = ? AND due_at <= ? AND "+unfinished, []any{old, stamp(s.now()), false}, "attempt", "due_at"), in)
}

// ClaimAll claims messages in one commit, and gives those that it could claim, in
// their order.
func (s InboxStore) ClaimAll(ctx context.Context, rows []Inbox, until time.Time) ([]Inbox, error) {
	if len(rows) > 1 {
		switch err := s.claimTogether(ctx, rows, until); {
		case err == nil:
			claimed := slices.Clone(rows)
			for i := range claimed {
				claimed[i].Attempt, claimed[i].DueAt = claimed[i].Attempt+1, moment(until)
			}
			return claimed, nil
		case !errors.Is(err, ErrStale):
			return nil, err
		}
	}
	var claimed []Inbox
	for _, row := range rows {
		row, err := s.Claim(ctx, row, until)
		switch {
		case err == nil:
			claimed = append(claimed, row)
		case !errors.Is(err, ErrStale):
			return claimed, err
		}
	}
	return claimed, nil
}

// claimTogether claims all of these messages or, with [ErrStale], none.
func (s InboxStore) claimTogether(ctx context.Context, rows []Inbox, until time.Time) error {
	ids := make([]string, len(rows))
	read := make([][]any, len(rows))
	for i, row := range rows {
		ids[i], read[i] = row.ID, []any{row.ID, row.Attempt}
	}
	return s.inTx(ctx, func(tx *DB) error {
		var hit int64
		err := tx.write(ctx, "claim messages", func(g *gorm.DB) error {
			result := g.Model(&Inbox{}).Where("id IN ? AND (id, attempt) IN ? AND due_at <= ? AND "+unfinished, ids, read, stamp(s.now()), false).
				Updates(map[string]any{"attempt": gorm.Expr("attempt + 1"), "due_at": stamp(until)})
			hit = result.RowsAffected
			return result.Error
		})
		if err == nil && hit != int64(len(rows)) {
			return failed("claim messages", ErrStale)
		}
		return err
	})
}

// Release gives a message back whose owner does not know that it is: anybody may
// take it up at once.
func (s InboxStore) Release(ctx context.Context, in Inbox) error {
	in.DueAt = s.now()
	return s.move(ctx, "release message", in, "attempt = ? AND "+unanswered, []any{in.Attempt}, "due_at")
}

// Prolong prolongs the lease of a message that is still worked on, unless it
// lasts for longer already, or there is no need any more: both are [ErrStale].
func (s InboxStore) Prolong(ctx context.Context, in Inbox, until time.Time) error {
	in.DueAt = moment(until)
	return s.move(ctx, "prolong lease of message", in, "attempt = ? AND due_at < ? AND "+unanswered, []any{in.Attempt, stamp(until)}, "due_at")
}

// Extend prolongs the owner's lease.
func (s InboxStore) Extend(ctx context.Context, in Inbox, until time.Time) (Inbox, error) {
	in.DueAt = moment(until)
	return unless(s.move(ctx, "extend lease of message", in, "attempt = ? AND "+unanswered, []any{in.Attempt}, "due_at"), in)
}

// Rewrite replaces what is stored of a message by what its owner has made out of
// it, and prolongs the owner's lease. The receipt stays the same.
func (s InboxStore) Rewrite(ctx context.Context, in Inbox, payload []byte, until time.Time) (Inbox, error) {
	in.Payload, in.DueAt = payload, moment(until)
	return unless(s.move(ctx, "rewrite message", in, "attempt = ? AND "+unanswered, []any{in.Attempt}, "payload", "due_at"), in)
}

// Answer records the reply; only the owner can, and only once. A reply that is
// not final can be replaced by [InboxStore.Revise]; the message stays due at in.DueAt,
// so that whoever should have done so can be stood in for.
func (s InboxStore) Answer(ctx context.Context, in Inbox, reply []byte, final bool) (Inbox, error) {
	if reply == nil {
		reply = []byte{}
	}
	in.Reply, in.Final, in.AnsweredAt = reply, final, s.now()
	if final {
		in.DueAt = time.Time{}
	} else if in.DueAt.IsZero() {
		in.DueAt = s.now() // never out of sight
	}
	return unless(s.move(ctx, "answer message", in, "attempt = ? AND "+unanswered, []any{in.Attempt}, "reply", "final", "answered_at", "due_at"), in)
}

// Unanswered makes sure, in a transaction, that nobody has answered the message
// and that nobody does before the transaction ends; otherwise it is [ErrStale].
func (s InboxStore) Unanswered(ctx context.Context, in Inbox) error {
	return s.swap(ctx, "look for an answer", func(g *gorm.DB) *gorm.DB { // a write, so that two who meet here notice
		return touch(g.Where("id = ? AND attempt = ? AND "+unanswered, in.ID, in.Attempt))
	})
}

// Revise replaces an answer that was not final. Once one is, and before there is any, it
// is [ErrStale].
func (s InboxStore) Revise(ctx context.Context, id string, reply []byte, final bool) error {
	if reply == nil {
		reply = []byte{}
	}
	columns := []string{"reply"}
	if final {
		columns = append(columns, "final", "due_at")
	}
	in := Inbox{ID: id, Reply: reply, Final: final}
	return s.move(ctx, "revise message", in, "final = ? AND answered_at IS NOT NULL", []any{false}, columns...)
}

// move writes the columns of in where the row still meets the condition.
func (s InboxStore) move(ctx context.Context, what string, in Inbox, where string, args []any, columns ...string) error {
	sealed := tidy(in)
	sealed.Payload = s.keys.seal(inboxPayload, in.ID, in.Payload)
	sealed.Reply = s.keys.seal(inboxReply, in.ID, in.Reply)
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Inbox{}).Where("id = ?", in.ID).Where(where, args...).Select(columns).Updates(&sealed)
	})
}

// Sender is a person in one conversation.
type Sender struct{ Channel, Chat, User string }

// Sender is who sent the message.
func (in Inbox) Sender() Sender { return Sender{in.Channel, in.Chat, fold(in.User)} }

// Due lists messages without a final answer whose owner's lease has ended, or
// whose pending answer is to be looked at again, the longest waiting first,
// without those of some senders. One that does not open takes nobody's place.
func (s InboxStore) Due(ctx context.Context, now time.Time, limit int, senders []Sender) ([]Inbox, error) {
	var closed []string
	for {
		var rows []Inbox
		err := s.read(ctx, "list due messages", func(g *gorm.DB) error {
			for _, sender := range senders {
				g = g.Where("NOT (channel = ? AND chat = ? AND user_id = ?)", sender.Channel, sender.Chat, sender.User)
			}
			if len(closed) > 0 {
				g = g.Where("id NOT IN ?", closed)
			}
			return g.Where("due_at <= ? AND "+unfinished, stamp(now), false).Order("due_at, id").Limit(limit).Find(&rows).Error
		})
		if err != nil {
			return nil, err
		}
		good := rows[:0]
		for _, row := range rows {
			opened, err := s.open(row)
			if err == nil {
				good = append(good, opened)
				continue
			}
			closed = append(closed, row.ID)
			if err := s.setAside(ctx, row, err); err != nil {
				return nil, err
			}
		}
		if len(good) == len(rows) {
			return good, nil
		}
	}
}

// setAside sees to it that a message that was altered is not listed any more; who does
// that says so. What has another key is left to the program that has it.
func (s InboxStore) setAside(ctx context.Context, row Inbox, why error) error {
	if !errors.Is(why, ErrTampered) {
		return nil
	}
	err := s.swap(ctx, "set message aside", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Inbox{}).Where("id = ? AND attempt = ? AND due_at IS NOT NULL", row.ID, row.Attempt).UpdateColumn("due_at", nil)
	})
	if err == nil {
		s.cfg.Log.ErrorContext(ctx, "database: message cannot be read and is set aside", "id", row.ID, "channel", row.Channel, "error", why)
	}
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// Purge forgets up to limit finally answered messages that were received before
// a time, and says how many. Those whose operation is still under way are kept:
// its outcome is yet to be told.
func (s InboxStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Inbox](ctx, s.core, "purge messages", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("received_at < ? AND answered_at IS NOT NULL AND final = ?", stamp(before), true).
			Where("NOT EXISTS (SELECT 1 FROM operations WHERE (inbox_id = inbox.id OR undo_inbox_id = inbox.id) AND due_at IS NOT NULL)").
			Order("received_at")
	})
}
