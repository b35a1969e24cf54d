package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"yanquan/models"
)

// A message over the long connection that is not answered at once is shown a
// stream: a line that says it is under way, and that the answer replaces. The
// outbox has all that there is to know of it, so that any process can go on: the
// line is a delivery of the form [AsStream], what answers the message finishes the
// stream, and where that takes too long, a delivery of its own does.

// pleaseWait is what people see until the reply is ready.
var pleaseWait = Reply{Text: "核验中，请稍候…", Pending: true}

// stillOpen ends a stream that WeCom would end before there is an answer.
var stillOpen = Reply{Text: "平台还没有给出结果，还在核验。有结果就发在这里，请不要重复核销。"}

// over fills in what answers a message of the long connection.
func (d *Delivery) over(m Message, row models.Inbox) {
	if m.ReqID == "" {
		return
	}
	d.ReqID, d.Answers, d.Asked = m.ReqID, m.Kind, row.ReceivedAt
	switch {
	case m.streams():
		d.Stream = row.ID
	case m.Button != nil:
		d.Pressed = m.Button.TaskID
	}
}

// askToWait lets people see that their message is being worked on, unless answered
// is called soon.
func (b *Bot) askToWait(row models.Inbox, m Message) (answered func()) {
	if !m.streams() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(b.base)
	b.working.Add(1)
	go func() {
		defer b.working.Done()
		defer cancel()
		if b.Sleep(ctx, waitDelay) != nil {
			return
		}
		err := b.DB.Tx(ctx, func(tx *models.DB) error {
			if err := tx.Unanswered(ctx, row); err != nil {
				return err
			}
			return b.stream(ctx, tx, row, m, pleaseWait, b.Now())
		})
		switch {
		case err == nil:
			b.poke()
		case !errors.Is(err, models.ErrStale) && ctx.Err() == nil: // the answer comes all the same
			b.Log.Warn("nobody is asked to wait", "message", row.ID, "error", err)
		}
	}()
	return cancel
}

// stream puts a line into the outbox that a later delivery replaces, and what
// finishes the stream in case that there is none in time.
func (b *Bot) stream(ctx context.Context, tx *models.DB, row models.Inbox, m Message, reply Reply, due time.Time) error {
	d := Delivery{ID: b.NewID(), Channel: m.Channel, Chat: m.Chat, User: m.User, SentAs: m.SentAs, Reply: reply, Form: AsStream}
	d.over(m, row)
	if err := b.enqueue(ctx, tx, d, row.ID, "", due); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("stream end\x00" + row.ID))
	d.ID, d.Reply, d.Form, d.Ends = hex.EncodeToString(sum[:16]), stillOpen, AsMarkdown, true
	return b.enqueue(ctx, tx, d, row.ID, "", b.Now().Add(streamEnd))
}

// streaming reports whether a line has gone out, or may have, that no delivery but
// o has replaced.
func (b *Bot) streaming(ctx context.Context, o models.Outgoing, inboxID string) (bool, error) {
	rows, err := b.DB.AnswersTo(ctx, inboxID)
	if err != nil {
		return false, fmt.Errorf("bot: stream: %w", err)
	}
	open := false
	for _, r := range rows {
		switch {
		case r.ID == o.ID:
		case Form(r.Form) == AsStream:
			open = open || r.Attempt > 0 && r.Reason != reasonPaced
		case r.State == models.SentOut:
			return false, nil
		}
	}
	return open, nil
}
