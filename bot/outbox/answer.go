package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// Outbox sends what is to be sent: a delivery is a row before it is sent.
type Outbox struct {
	DB            *models.DB
	Courier       bot.Courier
	NoticeChannel string // reaches a person where the conversation cannot be reached any more; may be empty
	Observer      Observer
	// Render says what a card that was sent is to be changed to, and when to look
	// again; no card: what it shows is still true, or nothing can be said yet.
	Render func(ctx context.Context, tx *models.DB, o models.Outgoing, shown *bot.Card) (*bot.Card, time.Time, error)

	Now    func() time.Time
	NewID  func() string
	Jitter func() float64
	Log    *slog.Logger

	cards cardLife
}

// Delays of answers.
const (
	FallbackDelay = 6 * time.Second // a passive answer not fetched by then goes out another way
	InterimDelay  = 1500 * time.Millisecond
	WaitDelay     = time.Second     // where streams show, a progress line is shown after this long
	StreamEnd     = 5 * time.Minute // a stream ends by then, whatever is not known yet; WeCom's limit is 6 (page 101463)
)

// ErrTakenOver: the lease of a message ended and another worker has claimed it.
var ErrTakenOver = errors.New("outbox: message taken over")

// Answer stores a reply and, where it does not leave as the passive answer to a
// callback, puts it into the outbox; all in the caller's transaction.
func (q *Outbox) Answer(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply) error {
	data, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("bot: reply: %w", err)
	}
	switch _, err := tx.Answer(ctx, row, data, !reply.Pending); {
	case errors.Is(err, models.ErrStale):
		return ErrTakenOver
	case err != nil:
		return fmt.Errorf("bot: answer: %w", err)
	}
	return q.Send(ctx, tx, row, m, reply)
}

// Conclude replaces a pending reply by the final one. late says that people were
// given a final answer before, "needs a human": they get the outcome all the
// same. Otherwise a reply that is final already means that somebody else was
// quicker.
func (q *Outbox) Conclude(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply, late bool) error {
	data, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("bot: reply: %w", err)
	}
	err = tx.Finalize(ctx, row.ID, data)
	switch {
	case errors.Is(err, models.ErrStale) && !late:
		return nil
	case err != nil && !errors.Is(err, models.ErrStale):
		return fmt.Errorf("bot: conclude: %w", err)
	}
	unsent, err := tx.OutgoingObsolete(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("bot: conclude: %w", err)
	}
	if unsent == 0 && m.Button != nil { // the pending reply has used up the one update of the card
		pressed := *m.Button
		if pressed.ResponseCode = ""; m.ReqID != "" {
			pressed.TaskID = ""
		}
		m.Button = &pressed
	}
	return q.Send(ctx, tx, row, m, reply)
}

// Send puts a reply into the outbox.
func (q *Outbox) Send(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply) error {
	d := bot.Delivery{ID: q.NewID(), Channel: m.Channel, Chat: m.Chat, User: m.User, SentAs: m.SentAs, Reply: reply}
	due := q.Now()
	waits := m.Streams() && !due.Before(row.ReceivedAt.Add(WaitDelay/2)) // or did; clocks are not that exact
	if waits && reply.Empty() {
		d.Reply = bot.Reply{Text: "已处理。"}
	}
	switch {
	case d.Reply.Empty():
		return nil
	case m.Passive() && (m.ReplyURL == "" || reply.Pending):
		return nil // the stream says it is under way; without a reply URL there is no other way
	case m.Passive():
		d.ReplyURL = m.ReplyURL
		switch {
		case m.Kind != bot.Click:
			due = due.Add(FallbackDelay)
		case reply.Card != nil: // nobody polls for it: only the callback of the press itself can fetch it
			if fetched := row.ReceivedAt.Add(FallbackDelay); fetched.After(due) {
				due = fetched
			}
		}
	case reply.Pending:
		due = due.Add(InterimDelay) // most doubts are settled before
		if m.Streams() {
			return q.Progress(ctx, tx, row, m, reply, due)
		}
	case waits: // a line that has not gone out yet need not
		if _, err := tx.OutgoingObsolete(ctx, row.ID); err != nil {
			return fmt.Errorf("bot: answer: %w", err)
		}
	}
	over(&d, m, row)
	if changeable(d) && m.Kind == bot.Click && m.Button != nil {
		d.ResponseCode, d.Card = m.Button.ResponseCode, m.Button.TaskID
	}
	about := ""
	if reply.Card != nil {
		about = reply.Card.About
		if changeable(d) && reply.Card.TaskID != "" {
			d.ID = reply.Card.TaskID // so that it is found when it is pressed
		}
	}
	return q.Enqueue(ctx, tx, d, row.ID, about, due)
}

// Enqueue stores a delivery.
func (q *Outbox) Enqueue(ctx context.Context, tx *models.DB, d bot.Delivery, inboxID, operationID string, due time.Time) error {
	if d.Form == "" {
		d.Form = q.Courier.FirstForm(d)
	}
	payload, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("bot: delivery: %w", err)
	}
	var changeAt time.Time
	if c := d.Reply.Card; c != nil && !d.Change && changeable(d) {
		changeAt = c.Until
	}
	if d.Form == bot.AsUpdate && d.Card != "" && !d.Change {
		if err := tx.RepointCard(ctx, d.Card, d.Channel, d.User, operationID, changeAt); err != nil {
			return fmt.Errorf("bot: pressed card: %w", err)
		}
	}
	to := d.Chat
	switch {
	case d.Change, d.Ends:
		to = d.ID // nobody waits for it
	case d.Reply.File != nil && d.User != "": // a webhook's pace is kept by its conversation
		to = d.ID // takes its time; nothing shall wait for it
	case d.ReplyURL != "":
		to = inboxID // each goes by its own reply URL; none need wait for another
	case to == "":
		to = d.User
	}
	err = tx.Enqueue(ctx, models.Outgoing{
		ID: d.ID, Conversation: d.Channel + "/" + to, Channel: d.Channel, Chat: d.Chat, User: d.User,
		InboxID: inboxID, OperationID: operationID, Payload: payload, Form: string(d.Form),
		State: models.Queued, DueAt: due, CreatedAt: q.Now(), ChangeAt: changeAt,
	})
	if err != nil {
		return fmt.Errorf("bot: enqueue: %w", err)
	}
	return nil
}

// changeable reports whether the channel of a delivery can change a card later.
func changeable(d bot.Delivery) bool { return strings.HasPrefix(d.Channel, "app/") }
