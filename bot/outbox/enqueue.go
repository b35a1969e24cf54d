package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// Enqueue stores a delivery.
func (q *Outbox) Enqueue(ctx context.Context, tx *models.DB, d bot.Delivery, inboxID, operationID string, due time.Time) error {
	o, err := q.stored(ctx, tx, &d, inboxID, operationID, due)
	if err != nil {
		return err
	}
	return q.enqueue(ctx, tx, o)
}

// enqueue stores a delivery for the background work.
func (q *Outbox) enqueue(ctx context.Context, tx *models.DB, o models.Outgoing) error {
	if err := tx.Outbox.Enqueue(ctx, o); err != nil {
		return fmt.Errorf("outbox: enqueue: %w", err)
	}
	if o.DueAt.After(q.Now()) {
		return nil
	}
	q.queue.join(o.Conversation)
	tx.AfterCommit(q.wake)
	return nil
}

func (q *Outbox) wake() {
	if q.Wake != nil {
		q.Wake(JobDeliveries)
	}
}

// mostWaiting bounds what a queue remembers. Another replica may send what waits, and
// what is forgotten is found by the next look that is not woken.
const mostWaiting = 1000

// queue knows the conversations in which something waits for the background work,
// perhaps behind what this process is sending.
type queue struct {
	mu      sync.Mutex
	waiting map[string]bool
}

func (q *queue) join(conversation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil || len(q.waiting) >= mostWaiting {
		q.waiting = map[string]bool{}
	}
	q.waiting[conversation] = true
}

// leave reports whether something waited in a conversation.
func (q *queue) leave(conversation string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waited := q.waiting[conversation]
	delete(q.waiting, conversation)
	return waited
}

// stored is the row of a delivery, on its first rung. What takes the place of a
// pressed card is recorded with that card.
func (q *Outbox) stored(ctx context.Context, tx *models.DB, d *bot.Delivery, inboxID, operationID string, due time.Time) (models.Outgoing, error) {
	if d.Form == "" {
		d.Form = q.Courier.FirstForm(*d)
	}
	payload, err := json.Marshal(d)
	if err != nil {
		return models.Outgoing{}, fmt.Errorf("outbox: delivery: %w", err)
	}
	changes := q.Courier.Changes(d.Channel) && !d.Change
	var changeAt time.Time
	if c := d.Reply.Card; c != nil && changes {
		changeAt = c.Until
	}
	if changes && d.Form == bot.AsUpdate {
		if err := tx.Cards.Repoint(ctx, d.Card, d.Channel, d.User, operationID, changeAt); err != nil {
			return models.Outgoing{}, fmt.Errorf("outbox: pressed card: %w", err)
		}
	}
	o := models.Outgoing{
		ID: d.ID, Channel: d.Channel, Chat: d.Chat, User: d.User, InboxID: inboxID, OperationID: operationID,
		Payload: payload, Form: string(d.Form), State: models.Queued, DueAt: due, CreatedAt: q.Now(), ChangeAt: changeAt,
	}
	place(&o, *d)
	return o, nil
}

// apart is the conversation that a delivery has for itself.
func apart(d bot.Delivery) string { return d.Channel + "/" + d.ID }

// place says what a delivery waits for, and in whose minute it counts.
func place(o *models.Outgoing, d bot.Delivery) {
	to := d.Chat
	if to == "" {
		to = d.User
	}
	o.Receiver = d.Channel + "/" + to
	switch {
	case d.Change: // no message, and no one waits for it
		o.Conversation, o.Apart = apart(d), true
		o.Receiver = o.Conversation
	case d.Ends, d.Reply.File != nil && d.User != "": // nothing waits for it, for it may take its time
		o.Conversation, o.Apart = apart(d), true
	case d.Way.Once: // each answers by its own way
		o.Conversation = d.Channel + "/" + o.InboxID
	case d.Answers == "": // notices need no order
		o.Conversation, o.Apart = d.Channel+"//"+to, true
	default:
		o.Conversation = o.Receiver
	}
}
