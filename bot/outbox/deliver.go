package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Due lists what is to be sent by this process. What nobody could send in
// time is everybody's: it has to be given up.
func (q *Outbox) Due(ctx context.Context, now time.Time) ([]models.Outgoing, error) {
	return q.DB.DueOutgoingExcept(ctx, now, deliveryBatch, q.Courier.Away(), now.Add(-DeliveryLife))
}

// Deliver makes one try to send a delivery, and records it as sent only after
// it was.
func (q *Outbox) Deliver(ctx context.Context, o models.Outgoing) error {
	var d bot.Delivery
	if err := json.Unmarshal(o.Payload, &d); err != nil {
		return fmt.Errorf("bot: stored delivery: %w", err)
	}
	lease := deliveryLease
	if f := d.Reply.File; f != nil && f.Kind == bot.AnyFile { // a picture is small
		lease = fileLease
	}
	o, err := q.DB.ClaimOutgoing(ctx, o, q.Now().Add(lease))
	if err != nil {
		return err
	}
	d.Form = bot.Form(o.Form)
	if limit := q.Courier.PerMinute(d); limit > 0 && !d.Change {
		nth, err := q.DB.SentBack(ctx, o, limit)
		if err != nil {
			return err
		}
		if free := nth.Add(time.Minute); !nth.IsZero() && free.After(q.Now()) {
			q.Observer.Delivered(o.Channel, reasonPaced)
			if d.Form == bot.AsStream { // not worth waiting for
				return q.DB.OutgoingFailed(ctx, o, reasonPaced)
			}
			return q.DB.OutgoingRetry(ctx, o, o.Form, reasonPaced, free)
		}
	}
	if d.Stream != "" && d.Form != bot.AsStream {
		if d.Open, err = q.streaming(ctx, o, d.Stream); err != nil {
			return err
		}
	}
	failpoint.Hit("send.before")
	try, cancel := context.WithTimeout(ctx, lease-time.Second)
	sent, err := q.Courier.Deliver(try, d)
	cancel()
	failpoint.Hit("send.after")
	if err == nil {
		q.Observer.Delivered(o.Channel, sent.Refused)
		if sent.Refused != "" {
			q.Log.Warn("delivery sent in part", "delivery", o.ID, "channel", o.Channel, "reason", sent.Refused)
		}
		err = q.recordSent(ctx, o, d, sent)
		failpoint.Hit("send.recorded")
		return err
	}
	var e *bot.DeliveryError
	if !errors.As(err, &e) {
		e = &bot.DeliveryError{Reason: "error", Retry: true, Err: err}
	}
	q.Observer.Delivered(o.Channel, e.Reason)
	q.Log.Warn("delivery failed", "delivery", o.ID, "channel", o.Channel, "form", o.Form, "attempt", o.Attempt, "reason", e.Reason, "error", e.Err)
	switch {
	case d.Form == bot.AsStream && e.Retry && o.Attempt < StreamTries:
		return q.DB.OutgoingRetry(ctx, o, o.Form, e.Reason, q.Now().Add(q.retryDelay(o.Attempt)))
	case d.Form == bot.AsStream: // the answer behind it must not wait
		return q.DB.OutgoingFailed(ctx, o, e.Reason)
	case e.Downgrade != "" && !d.Change:
		return q.DB.OutgoingRetry(ctx, o, string(e.Downgrade), e.Reason, q.Now())
	case e.Retry && q.Now().Sub(o.CreatedAt) < DeliveryLife:
		after := max(e.After, q.retryDelay(o.Attempt))
		return q.DB.OutgoingRetry(ctx, o, o.Form, e.Reason, q.Now().Add(after))
	}
	return q.DB.Tx(ctx, func(tx *models.DB) error {
		answers := d.ReplyURL != "" || d.ReqID != "" && d.Answers != bot.Enter
		if err := tx.OutgoingFailed(ctx, o, e.Reason); err != nil || !answers || q.NoticeChannel == "" || q.NoticeChannel == d.Channel {
			return err
		}
		// The group cannot be reached any more: the person still can, by the app.
		next := bot.Delivery{ID: q.NewID(), Channel: q.NoticeChannel, User: d.User, Reply: d.Reply}
		if c := d.Reply.Card; c != nil {
			again := *c
			again.TaskID, next.Reply.Card = next.ID, &again
		}
		return q.Enqueue(ctx, tx, next, o.InboxID, o.OperationID, q.Now())
	})
}

// recordSent records that a delivery went out; of a change, on the card that it
// changed.
func (q *Outbox) recordSent(ctx context.Context, o models.Outgoing, d bot.Delivery, sent bot.Sent) error {
	if d.Form != bot.AsUpdate || d.Card == "" {
		return q.DB.OutgoingSent(ctx, o, sent.MessageID, sent.ResponseCode)
	}
	return q.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.OutgoingSent(ctx, o, sent.MessageID, ""); err != nil {
			return err
		}
		return tx.CardChanged(ctx, d.Card, sent.ResponseCode)
	})
}

const (
	reasonPaced = "paced" // the channel takes no more in this minute; nothing was sent
	StreamTries = 3       // to show a line that another one replaces

	deliveryBatch = 64 // of one pass

	deliveryLease = 15 * time.Second // a try ends before it
	fileLease     = 2 * time.Minute  // the same where a file goes along
	DeliveryLife  = time.Hour        // an answer older than that helps nobody
)

// retryDelay doubles from one second to one minute.
func (q *Outbox) retryDelay(attempt int) time.Duration {
	d := min(time.Second<<min(max(attempt-1, 0), 6), time.Minute)
	return d*3/4 + time.Duration(q.Jitter()*float64(d/4))
}
