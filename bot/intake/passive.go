package intake

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// writeWithin is how long a response to a callback may be on its way out.
const writeWithin = 2 * time.Second

// Take reports whether the final reply to a message may go out as the passive answer to
// a callback. It may not where the outbox sees to it, because no callback fetched it in
// time: people would be answered twice. Where it may, the outbox leaves it alone until
// [Intake.Delivered] is through.
func (q *Intake) Take(ctx context.Context, id string) bool {
	if _, known := q.Out.Fetchable(id, writeWithin); known {
		return true
	}
	now := q.Now()
	free, err := q.DB.Outbox.TakePassive(ctx, id, now.Add(writeWithin), now.Add(outbox.FallbackDelay))
	if err != nil {
		q.Log.Warn("not known whether the answer is out; it may be seen twice", "message", id, "error", err)
		return true
	}
	return free
}

// Delivered says that a final reply to a message has gone out as the passive
// answer to its callback, so that it need not go out another way; all but rest,
// for which that answer had no room. It does not wait for the database: until the
// handler has returned, WeCom's next callback on the same connection waits.
func (q *Intake) Delivered(id string, shown, rest bot.Reply) {
	if rest.Empty() && q.Out.Fetched(id) {
		q.delivered(id)
		return
	}
	if !q.begin() { // nobody would wait for it
		q.recordPassive(context.WithoutCancel(q.Base), id, shown, rest)
		return
	}
	go func() {
		defer q.working.Done()
		q.recordPassive(q.Base, id, shown, rest)
	}()
}

// delivered has recorded what was noted as fetched.
func (q *Intake) delivered(id string) {
	if !q.Stopping() {
		q.Wake(outbox.JobFetched)
		return
	}
	if err := q.Out.RecordFetched(context.WithoutCancel(q.Base)); err != nil {
		q.Log.Warn(passiveNotRecorded, "message", id, "error", err)
	}
}

const passiveNotRecorded = "passive answer not recorded; it may be seen twice"

func (q *Intake) recordPassive(ctx context.Context, id string, shown, rest bot.Reply) {
	err := q.DB.Tx(ctx, func(tx *models.DB) error {
		waited, err := q.Out.Shown(ctx, tx, id, shown)
		if err != nil || !waited || rest.Empty() {
			return err
		}
		row, err := tx.Inbox.Get(ctx, id)
		if err != nil {
			return err
		}
		var m bot.Message
		if err := json.Unmarshal(row.Payload, &m); err != nil {
			return err
		}
		return q.Out.Send(ctx, tx, row, m, rest)
	})
	if err != nil {
		q.Log.Warn(passiveNotRecorded, "message", id, "error", err)
	}
	failpoint.Hit("passive.recorded")
}

// askToWait lets people see that their message is being worked on, unless answered
// is called soon.
func (q *Intake) askToWait(row models.Inbox, m bot.Message) (answered func()) {
	if !m.Streams() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(q.Base)
	q.working.Add(1)
	go func() {
		defer q.working.Done()
		defer cancel()
		if q.Sleep(ctx, outbox.WaitDelay) != nil {
			return
		}
		err := q.DB.Tx(ctx, func(tx *models.DB) error {
			if err := tx.Inbox.Unanswered(ctx, row); err != nil {
				return err
			}
			return q.Out.Progress(ctx, tx, row, m, outbox.PleaseWait, q.Now())
		})
		if err != nil && !errors.Is(err, models.ErrStale) && ctx.Err() == nil { // the answer comes all the same
			q.Log.Warn("nobody is asked to wait", "message", row.ID, "error", err)
		}
	}()
	return cancel
}
