package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// A message over the long connection that is not answered at once is shown a
// stream: a line that says it is under way, and that the answer replaces. The
// outbox has all that there is to know of it, so that any process can go on: the
// line is a delivery of the form [AsStream], what answers the message finishes the
// stream, and where that takes too long, a delivery of its own does.

// PleaseWait is what people see until the reply is ready.
var PleaseWait = bot.Reply{Text: "核验中，请稍候…", Pending: true}

// stillOpen ends a stream that WeCom would end before there is an answer.
var stillOpen = bot.Reply{Text: "平台还没有给出结果，还在核验。有结果就发在这里，请不要重复核销。"}

// Progress puts a line into the outbox that a later delivery replaces, and what
// finishes the stream in case that there is none in time.
func (q *Outbox) Progress(ctx context.Context, tx *models.DB, row models.Inbox, m bot.Message, reply bot.Reply, due time.Time) error {
	d := q.line(row, m, reply)
	if err := q.Enqueue(ctx, tx, d, row.ID, "", due); err != nil {
		return err
	}
	d.ID, d.Reply, d.Form, d.Ends = streamEnd(row.ID), stillOpen, bot.AsMarkdown, true
	return q.Enqueue(ctx, tx, d, row.ID, "", q.Now().Add(StreamEnd))
}

// line is a delivery that shows how a message stands, until another replaces it.
func (q *Outbox) line(row models.Inbox, m bot.Message, reply bot.Reply) bot.Delivery {
	return bot.Delivery{
		ID: q.NewID(), Channel: m.Channel, Chat: m.Chat, User: m.User, SentAs: m.SentAs, Reply: reply, Form: bot.AsStream,
		Way: m.Way, Answers: m.Kind, Asked: row.ReceivedAt, Stream: row.ID,
	}
}

// streamEnd is the id of the delivery that ends the stream of a message.
func streamEnd(inboxID string) string {
	sum := sha256.Sum256([]byte("stream end\x00" + inboxID))
	return hex.EncodeToString(sum[:16])
}

// streaming reports whether a line has gone out, or may have, that no delivery but
// o has replaced.
func (q *Outbox) streaming(ctx context.Context, o models.Outgoing, inboxID string) (bool, error) {
	rows, err := q.DB.Outbox.AnswersTo(ctx, inboxID)
	if err != nil {
		return false, fmt.Errorf("outbox: stream: %w", err)
	}
	open := false
	for _, r := range rows {
		switch {
		case r.ID == o.ID:
		case bot.Form(r.Form) == bot.AsStream:
			open = open || r.Attempt > 0 && r.Reason != reasonPaced
		case r.State == models.SentOut:
			return false, nil
		}
	}
	return open, nil
}
