package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// Delays of answers.
const (
	FallbackDelay = 6 * time.Second // a passive answer not fetched by then goes out another way
	InterimDelay  = 1500 * time.Millisecond
	ReviseDelay   = 10 * time.Second // between an interim answer that has gone out and one that tells more
	WaitDelay     = time.Second      // where streams show, a progress line is shown after this long
	StreamEnd     = 5 * time.Minute  // a stream ends by then, whatever is not known yet; WeCom's limit is 6 (page 101463)
)

// ErrTakenOver: the lease of a message ended and another worker has claimed it.
var ErrTakenOver = errors.New("outbox: message taken over")

// answer is a reply on its way into the outbox.
type answer struct {
	row   models.Inbox
	m     bot.Message
	reply bot.Reply
	card  string // the task id of the pressed card, while it can be updated
	first bool   // there was none to the message before, and this process sends it itself
}

func answering(row models.Inbox, m bot.Message, reply bot.Reply) answer {
	a := answer{row: row, m: m, reply: reply}
	if m.Kind == bot.Click && m.Button != nil {
		a.card = m.Button.TaskID
	}
	return a
}

// Answer stores a reply and, where it does not leave as the passive answer to a
// callback, puts it into the outbox; all in the caller's transaction. Once that is
// committed, the answer is sent before [models.DB.Tx] returns, where nothing stands
// before it.
func (q *Outbox) Answer(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply) error {
	data, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("outbox: reply: %w", err)
	}
	switch _, err := tx.Inbox.Answer(ctx, row, data, !reply.Pending); {
	case errors.Is(err, models.ErrStale):
		return ErrTakenOver
	case err != nil:
		return fmt.Errorf("outbox: answer: %w", err)
	}
	a := answering(row, m, reply)
	a.first = true
	return q.send(ctx, tx, a)
}

// Conclude replaces a pending reply by the final one, or by one that tells more: of several
// codes, some are known. late says that people were given a final answer before, "needs a
// human": they get the outcome all the same. Otherwise a reply that is final already means
// that another process was quicker.
func (q *Outbox) Conclude(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply, late bool) error {
	data, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("outbox: reply: %w", err)
	}
	err = tx.Inbox.Revise(ctx, row.ID, data, !reply.Pending)
	switch {
	case errors.Is(err, models.ErrStale) && (!late || reply.Pending):
		return nil
	case err != nil && !errors.Is(err, models.ErrStale):
		return fmt.Errorf("outbox: conclude: %w", err)
	}
	a := answering(row, m, reply)
	if reply.Pending {
		return q.revise(ctx, tx, a)
	}
	if _, err := tx.Outbox.Obsolete(ctx, row.ID); err != nil {
		return fmt.Errorf("outbox: conclude: %w", err)
	}
	if err := q.keepCard(ctx, tx, &a); err != nil {
		return err
	}
	return q.send(ctx, tx, a)
}

// revise shows what is known by now of an answer that is pending still. A stream or a poll
// shows one line; elsewhere it is a message, and there are not many.
func (q *Outbox) revise(ctx context.Context, tx *models.DB, a answer) error {
	switch {
	case a.m.Passive():
		return nil
	case a.m.Streams():
		return q.Enqueue(ctx, tx, q.line(a.row, a.m, a.reply), a.row.ID, "", q.Now())
	}
	unsent, err := tx.Outbox.Obsolete(ctx, a.row.ID)
	if err != nil {
		return fmt.Errorf("outbox: revise: %w", err)
	}
	if err := q.keepCard(ctx, tx, &a); err != nil {
		return err
	}
	due := q.Now().Add(ReviseDelay)
	if unsent > 0 {
		due = q.Now().Add(InterimDelay)
	}
	return q.enqueueAnswer(ctx, tx, a, q.delivery(a), due)
}

// keepCard has an answer change the pressed card, unless the pending reply may have used up
// the one update.
func (q *Outbox) keepCard(ctx context.Context, tx *models.DB, a *answer) error {
	if a.card == "" {
		return nil
	}
	used, err := q.used(ctx, tx, a.row.ID, a.m.Channel)
	if used {
		a.card = ""
	}
	return err
}

// Send puts a reply into the outbox.
func (q *Outbox) Send(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply) error {
	return q.send(ctx, tx, answering(row, m, reply))
}

// Follow sends to the person alone what has come of a message after its answer.
func (q *Outbox) Follow(ctx context.Context, tx *models.DB, inboxID string, m bot.Message, reply bot.Reply) error {
	d := bot.Delivery{ID: q.NewID(), Channel: m.Channel, User: m.User, SentAs: m.SentAs, Reply: reply}
	if m.Passive() {
		used, err := q.used(ctx, tx, inboxID, m.Channel)
		if err != nil {
			return err
		}
		if m.Private() && m.Way.Once && (!used || q.NoticeChannel == "") {
			d.Way = m.Way
		} else {
			d.Channel = q.NoticeChannel
		}
	}
	// Not as an answer to the message: when the passive answer has gone out, it is
	// still to come.
	return q.Enqueue(ctx, tx, d, d.ID, "", q.Now())
}

// send puts an answer into the outbox, as its channel has it.
func (q *Outbox) send(ctx context.Context, tx *models.DB, a answer) error {
	d := q.delivery(a)
	switch {
	case a.m.Passive():
		return q.sendPassive(ctx, tx, a, d)
	case a.m.Streams():
		return q.sendStreaming(ctx, tx, a, d)
	case a.reply.Empty():
		return nil
	case a.reply.Pending: // most doubts are settled before
		return q.enqueueAnswer(ctx, tx, a, d, q.Now().Add(InterimDelay))
	}
	return q.enqueueAnswer(ctx, tx, a, d, q.Now())
}

func (q *Outbox) delivery(a answer) bot.Delivery {
	return bot.Delivery{
		ID: q.NewID(), Channel: a.m.Channel, Chat: a.m.Chat, User: a.m.User, SentAs: a.m.SentAs,
		Reply: a.reply, Way: a.m.Way, Answers: a.m.Kind, Asked: a.row.ReceivedAt, Card: a.card,
	}
}

// sendPassive keeps an answer for a while for the callback that may fetch it.
func (q *Outbox) sendPassive(ctx context.Context, tx *models.DB, a answer, d bot.Delivery) error {
	if a.reply.Empty() || !a.m.Way.Once || a.reply.Pending {
		return nil // the stream says it is under way; otherwise there is no other way
	}
	due := q.Now()
	switch {
	case a.m.Kind != bot.Click:
		due = due.Add(FallbackDelay)
	case a.reply.Card != nil: // no poll fetches it: only the callback of the press itself can fetch it
		if fetched := a.row.ReceivedAt.Add(FallbackDelay); fetched.After(due) {
			due = fetched
		}
	}
	if q.NoticeChannel != "" {
		used := false
		if !a.first {
			var err error
			if used, err = q.used(ctx, tx, a.row.ID, a.m.Channel); err != nil {
				return err
			}
		}
		if used || a.reply.Open { // its one use is kept for the outcome
			d.Channel, d.Chat, d.Way, d.Card = q.NoticeChannel, "", bot.Way{}, ""
		}
	}
	return q.enqueueAnswer(ctx, tx, a, d, due)
}

// sendStreaming puts an answer in the place of the line that is shown, or may be.
func (q *Outbox) sendStreaming(ctx context.Context, tx *models.DB, a answer, d bot.Delivery) error {
	now := q.Now()
	if a.reply.Pending {
		return q.Progress(ctx, tx, a.row, a.m, a.reply, now.Add(InterimDelay))
	}
	d.Stream = a.row.ID
	if !now.Before(a.row.ReceivedAt.Add(WaitDelay / 2)) { // it may wait, or does; clocks are not that exact
		if d.Reply.Empty() {
			d.Reply = bot.Reply{Text: "已处理。"}
		}
		if _, err := tx.Outbox.Obsolete(ctx, a.row.ID); err != nil { // a line that has not gone out yet need not
			return fmt.Errorf("outbox: answer: %w", err)
		}
	}
	if d.Reply.Empty() {
		return nil
	}
	return q.enqueueAnswer(ctx, tx, a, d, now)
}

// enqueueAnswer stores an answer, claimed where this process sends it.
func (q *Outbox) enqueueAnswer(ctx context.Context, tx *models.DB, a answer, d bot.Delivery, due time.Time) error {
	about := ""
	if c := d.Reply.Card; c != nil {
		about = c.About
		if c.TaskID != "" && q.Courier.Changes(d.Channel) {
			d.ID = c.TaskID // so that it is found when it is pressed
		}
	}
	o, err := q.stored(ctx, tx, &d, a.row.ID, about, due)
	if err != nil {
		return err
	}
	if a.first && a.m.Passive() && due.After(q.Now()) {
		tx.AfterCommit(func() { q.passive.keep(fetchable{inboxID: a.row.ID, reply: a.reply, id: o.ID, due: due}) })
	}
	if a.first && q.mayClaim(d, o) {
		return q.enqueueClaimed(ctx, tx, o, d)
	}
	return q.enqueue(ctx, tx, o)
}

// mayClaim reports whether an answer can be sent by who writes it: at once, by this
// process, and quickly.
func (q *Outbox) mayClaim(d bot.Delivery, o models.Outgoing) bool {
	return !o.Apart && d.Reply.File == nil && !o.DueAt.After(q.Now()) && !slices.Contains(q.Courier.Away(), d.Channel)
}

// enqueueClaimed stores an answer and sends it when the transaction is committed, or
// leaves it to the background work where something stands before it.
func (q *Outbox) enqueueClaimed(ctx context.Context, tx *models.DB, o models.Outgoing, d bot.Delivery) error {
	claimed, mine, err := tx.Outbox.EnqueueClaimed(ctx, o, q.Now().Add(leaseOf(d)), q.Courier.PerMinute(d))
	if err != nil {
		return fmt.Errorf("outbox: enqueue: %w", err)
	}
	if !mine {
		return q.enqueue(ctx, tx, o)
	}
	tx.AfterCommit(func() {
		q.report(claimed, q.try(ctx, claimed, d))
		if q.queue.leave(claimed.Conversation) {
			q.wake()
		}
	})
	return nil
}

// used reports whether an answer to a message has used, or may have, what can be
// used once: the update of the pressed card, the robot's reply URL.
func (q *Outbox) used(ctx context.Context, tx *models.DB, inboxID, channel string) (bool, error) {
	rows, err := tx.Outbox.AnswersTo(ctx, inboxID)
	if err != nil {
		return false, fmt.Errorf("outbox: answers: %w", err)
	}
	return slices.ContainsFunc(rows, func(o models.Outgoing) bool {
		return o.Channel == channel && (o.Lost || o.State == models.SentOut || o.State == models.Queued)
	}), nil
}
