package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/internal/failpoint"
	"yanquan/internal/jobs"
	"yanquan/models"
)

const (
	reasonPaced = "paced" // the channel takes no more in this minute; nothing was sent
	StreamTries = 3       // to show a line that another one replaces

	deliveryBatch = 64 // of one pass

	deliveryLease = 15 * time.Second // a try ends before it
	fileLease     = 2 * time.Minute  // the same where a file goes along
	leaseRest     = time.Second      // of a lease, to record how its try went
	DeliveryLife  = time.Hour        // an answer older than that is of no use

	// What is refused for itself holds up the others of its conversation for so many tries
	// and so long: by [Outbox.retryDelay], with the half minute that a channel asks for
	// after such a refusal, for the first try and the two after it.
	heldTries = 3
	heldTime  = time.Minute
)

// leaseOf is how long a try of a delivery may take.
func leaseOf(d bot.Delivery) time.Duration {
	if f := d.Reply.File; f != nil && f.Kind == bot.AnyFile { // a picture is small
		return fileLease
	}
	return deliveryLease
}

// Due lists what is to be sent by this process. What no process could send in
// time is due for every process: it has to be given up.
func (q *Outbox) Due(ctx context.Context, now time.Time) ([]models.Outgoing, error) {
	due, err := q.DB.Outbox.Due(ctx, now, deliveryBatch, q.Courier.Away(), now.Add(-DeliveryLife))
	return slices.DeleteFunc(due, q.passive.hasShown), err
}

// Deliver makes one try to send a delivery that is due.
func (q *Outbox) Deliver(ctx context.Context, o models.Outgoing) error {
	var d bot.Delivery
	if err := json.Unmarshal(o.Payload, &d); err != nil {
		return q.setAside(ctx, o, err)
	}
	d.Form = bot.Form(o.Form)
	o, err := q.DB.Outbox.Claim(ctx, o, q.Now().Add(leaseOf(d)))
	if err != nil {
		return err
	}
	defer q.queue.leave(o.Conversation)
	switch free, err := q.paced(ctx, o, d); {
	case err != nil:
		return err
	case !free.IsZero():
		q.Observer.Delivered(o.Channel, reasonPaced)
		if d.Form == bot.AsStream { // not worth waiting for
			return q.DB.Outbox.Fail(ctx, o, reasonPaced)
		}
		return q.DB.Outbox.Retry(ctx, o, o.Form, reasonPaced, free)
	}
	return q.try(ctx, o, d)
}

// setAside gives up a row that no try can understand. Who does says so.
func (q *Outbox) setAside(ctx context.Context, o models.Outgoing, cause error) error {
	if err := q.DB.Outbox.Fail(ctx, o, models.Unreadable); err != nil {
		return err
	}
	q.Observer.Delivered(o.Channel, models.Unreadable)
	q.Log.Error("a stored delivery is not understood and is set aside", "delivery", o.ID, "channel", o.Channel, "error", cause)
	return nil
}

// paced tells when the receiver's minute has room, if it has none now.
func (q *Outbox) paced(ctx context.Context, o models.Outgoing, d bot.Delivery) (free time.Time, err error) {
	limit := q.Courier.PerMinute(d)
	if limit == 0 || d.Change || o.Receiver == "" {
		return time.Time{}, nil
	}
	nth, err := q.DB.Outbox.SentBack(ctx, o.Receiver, limit, q.Now().Add(-time.Minute))
	if err != nil || nth.IsZero() {
		return time.Time{}, err
	}
	return nth.Add(time.Minute), nil
}

// try sends a delivery that this process has claimed, and records it as sent only
// after it was.
func (q *Outbox) try(ctx context.Context, o models.Outgoing, d bot.Delivery) (err error) {
	left := o.DueAt.Sub(q.Now()) - leaseRest
	if left <= 0 {
		return fmt.Errorf("outbox: the lease is over: %w", models.ErrStale)
	}
	o, d = q.late(o, d)
	d.Form, d.Lost = bot.Form(o.Form), o.Lost
	if d.Stream != "" && d.Form != bot.AsStream {
		if d.Open, err = q.streaming(ctx, o, d.Stream); err != nil {
			return err
		}
	}
	failpoint.Hit("send.before")
	within, cancel := context.WithTimeout(ctx, left)
	var sent bot.Sent
	err = jobs.Recovered(func() (err error) { sent, err = q.Courier.Deliver(within, d); return err })
	cancel()
	failpoint.Hit("send.after")
	if err != nil {
		return q.failed(ctx, o, d, err)
	}
	q.Observer.Delivered(o.Channel, sent.Refused)
	if sent.Refused != "" {
		q.Log.Warn("delivery sent in part", "delivery", o.ID, "channel", o.Channel, "reason", sent.Refused)
	}
	err = q.recordSent(ctx, o, d, sent)
	failpoint.Hit("send.recorded")
	return err
}

// recordSent records that a delivery went out; of a change, on the card that it
// changed.
func (q *Outbox) recordSent(ctx context.Context, o models.Outgoing, d bot.Delivery, sent bot.Sent) error {
	if d.Form != bot.AsUpdate || !q.Courier.Changes(d.Channel) {
		return q.DB.Outbox.MarkSent(ctx, o, sent.MessageID, sent.Code)
	}
	return q.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Outbox.MarkSent(ctx, o, sent.MessageID, ""); err != nil {
			return err
		}
		return tx.Cards.MarkChanged(ctx, d.Card, sent.Code)
	})
}

// failed decides what comes after a try that failed.
func (q *Outbox) failed(ctx context.Context, o models.Outgoing, d bot.Delivery, err error) error {
	var e *bot.DeliveryError
	if !errors.As(err, &e) {
		e = &bot.DeliveryError{Reason: "error", Retry: true, Lost: true, Alone: true, Err: err}
	}
	o.Lost = o.Lost || e.Lost
	q.Observer.Delivered(o.Channel, e.Reason)
	q.Log.Warn("delivery failed", "delivery", o.ID, "channel", o.Channel, "form", o.Form, "attempt", o.Attempt, "reason", e.Reason, "error", e.Err)
	overtaken, err := q.overtaken(ctx, o, d)
	switch {
	case err != nil:
		return err
	case overtaken:
		return q.DB.Outbox.MarkOvertaken(ctx, o, e.Reason)
	case d.Form == bot.AsStream && (!e.Retry || o.Attempt >= StreamTries): // the answer behind it must not wait
		return q.DB.Outbox.Fail(ctx, o, e.Reason)
	case d.Form == bot.AsStream:
		return q.DB.Outbox.Retry(ctx, o, o.Form, e.Reason, q.Now().Add(q.retryDelay(o.Attempt, 0)))
	case e.Downgrade != "" && !d.Change:
		return q.DB.Outbox.Retry(ctx, o, string(e.Downgrade), e.Reason, q.Now())
	case e.Retry && q.Now().Sub(o.CreatedAt) < DeliveryLife:
		return q.again(ctx, o, d, e)
	}
	return q.giveUp(ctx, o, d, e)
}

// again has a delivery tried again. What was refused for itself, and has been for long
// enough, steps aside.
func (q *Outbox) again(ctx context.Context, o models.Outgoing, d bot.Delivery, e *bot.DeliveryError) error {
	after, aside := e.After, e.Alone && o.Attempt >= heldTries && q.Now().Sub(o.CreatedAt) >= heldTime && o.Conversation != apart(d)
	if aside {
		after = max(after, deliveryLease) // the try of the next one is over by then
	}
	err := q.DB.Outbox.Retry(ctx, o, o.Form, e.Reason, q.Now().Add(q.retryDelay(o.Attempt, after)))
	if err == nil && aside {
		q.stepAside(ctx, o, d)
	}
	return err
}

// stepAside lets what stands behind a delivery be tried, right after that was refused.
// Where it goes out, the channel works and only this delivery is refused: it holds up
// nothing any more, and is told late. Where it is refused, too, or lost, it waits as
// before: it is never tried but right after a try of what stands before it, so that all is
// in its order when a channel works again that has refused everything.
func (q *Outbox) stepAside(ctx context.Context, o models.Outgoing, d bot.Delivery) {
	next, err := q.DB.Outbox.Behind(ctx, o, q.Now())
	if err == nil {
		err = q.Deliver(ctx, next)
	}
	if !errors.Is(err, models.ErrNotFound) {
		q.report(next, err)
	}
	switch aside, err := q.DB.Outbox.Aside(ctx, o, apart(d)); {
	case err != nil:
		q.report(o, err)
	case aside:
		q.wake() // for what stands behind both
	}
}

// late makes an answer that has stepped aside say of when it is. A card that it was to
// change may have been changed since: it goes out as a card of its own.
func (q *Outbox) late(o models.Outgoing, d bot.Delivery) (models.Outgoing, bot.Delivery) {
	placed := models.Outgoing{InboxID: o.InboxID}
	place(&placed, d)
	if aside := o.Conversation == apart(d) && placed.Conversation != apart(d); !aside || d.Answers == "" || q.Late == nil {
		return o, d
	}
	d.Reply = q.Late(d.Reply, o.CreatedAt)
	if bot.Form(o.Form) == bot.AsUpdate {
		o.Form, o.Lost = string(bot.AsCard), false
	}
	return o, d
}

// overtaken reports whether a line that something else was to replace has been
// replaced while it was tried.
func (q *Outbox) overtaken(ctx context.Context, o models.Outgoing, d bot.Delivery) (bool, error) {
	if !d.Reply.Pending && !d.Reply.Open || o.InboxID == "" {
		return false, nil
	}
	rows, err := q.DB.Outbox.AnswersTo(ctx, o.InboxID)
	if err != nil {
		return false, fmt.Errorf("outbox: answers: %w", err)
	}
	for _, r := range rows {
		if r.ID != o.ID && r.ID != streamEnd(o.InboxID) && (r.State == models.Queued || r.State == models.SentOut) && bot.Form(r.Form) != bot.AsStream && r.CreatedAt.After(o.CreatedAt) {
			return true, nil
		}
	}
	return false, nil
}

// giveUp records that a delivery can never be sent. What answers by a robot goes to
// the person by the app: the conversation cannot be reached any more, the person
// still can.
func (q *Outbox) giveUp(ctx context.Context, o models.Outgoing, d bot.Delivery, e *bot.DeliveryError) error {
	elsewhere := d.Way.Robot && d.Answers != bot.Enter && q.NoticeChannel != "" && q.NoticeChannel != d.Channel
	return q.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Outbox.Fail(ctx, o, e.Reason); err != nil || !elsewhere {
			return err
		}
		next := bot.Delivery{ID: q.NewID(), Channel: q.NoticeChannel, User: d.User, Reply: d.Reply, Answers: d.Answers, Asked: d.Asked}
		if c := d.Reply.Card; c != nil {
			again := *c
			again.TaskID, next.Reply.Card = next.ID, &again
		}
		return q.Enqueue(ctx, tx, next, o.InboxID, o.OperationID, q.Now())
	})
}

// retryDelay doubles from one second to one minute, and is at least after.
func (q *Outbox) retryDelay(attempt int, after time.Duration) time.Duration {
	d := min(time.Second<<min(max(attempt-1, 0), 6), time.Minute)
	return max(d*3/4, after) + time.Duration(q.Jitter()*float64(d/4))
}

// report says that a delivery is left as it is, to be found by the background work.
func (q *Outbox) report(o models.Outgoing, err error) {
	if err != nil && !errors.Is(err, models.ErrStale) {
		q.Log.Warn("delivery left to the background work", "delivery", o.ID, "error", err)
	}
}
