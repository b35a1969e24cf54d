package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// flight is one message that this process holds, waiting for its turn or worked
// on; done closes when reply is final or the work has ended without one.
type flight struct {
	row   models.Inbox
	until time.Time // end of its lease
	begun time.Time // zero while it waits
	done  chan struct{}
	reply bot.Reply
	final bool
}

// longest is how long work on a message may take. What takes longer may be taken
// for dead.
const longest = 3 * time.Minute

// launch works on a message that this process holds.
func (q *Intake) launch(row models.Inbox, m bot.Message, p *place) {
	f := q.enter(row)
	answered := q.askToWait(row, m)
	q.working.Add(1)
	go func() {
		defer q.working.Done()
		defer answered()
		err := q.fly(q.Base, f, m, p)
		if err != nil && !errors.Is(err, outbox.ErrTakenOver) {
			q.Log.Error("message not finished; it will be taken up again", "message", row.ID, "channel", m.Channel, "error", err)
		}
	}()
}

// enter takes a message among those that this process holds.
func (q *Intake) enter(row models.Inbox) *flight {
	f := &flight{row: row, until: row.DueAt, done: make(chan struct{})}
	q.mu.Lock()
	q.flights[row.ID] = f
	q.mu.Unlock()
	q.Notify(row.ID)
	return f
}

// fly works on a message when its turn has come.
func (q *Intake) fly(ctx context.Context, f *flight, m bot.Message, p *place) error {
	defer q.land(f)
	defer q.queue.release(p)
	row, err := q.turn(ctx, f, p)
	if err != nil {
		return err
	}
	return jobs.Recovered(func() error {
		reply, err := q.Work(ctx, row, m)
		if err == nil {
			f.reply, f.final = reply, !reply.Pending
		}
		return err
	})
}

// turn waits until a message is the first of its line, and for a slot. Where that
// took long, the lease begins anew.
func (q *Intake) turn(ctx context.Context, f *flight, p *place) (models.Inbox, error) {
	waited := !p.slot
	if err := q.queue.takeTurn(ctx, p); err != nil {
		return f.row, fmt.Errorf("bot: turn: %w", err)
	}
	q.mu.Lock()
	f.begun = q.Now()
	lasts := f.until.Sub(f.begun) > q.Lease/2
	q.mu.Unlock()
	if !waited || lasts {
		return f.row, nil
	}
	row, err := q.DB.Inbox.Extend(ctx, f.row, q.Now().Add(q.Lease))
	if errors.Is(err, models.ErrStale) {
		return f.row, outbox.ErrTakenOver
	}
	return row, err
}

// land lets go of a message.
func (q *Intake) land(f *flight) {
	q.mu.Lock()
	if q.flights[f.row.ID] == f {
		delete(q.flights, f.row.ID)
	}
	q.mu.Unlock()
	close(f.done)
}

func (q *Intake) flight(id string) *flight {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flights[id]
}

// Holds reports whether this process works on a message, or will.
func (q *Intake) Holds(id string) bool { return q.flight(id) != nil }

// rescue works on a message that this process has claimed, whose worker died or that
// was left for want of room; or concludes its pending answer.
func (q *Intake) rescue(ctx context.Context, row models.Inbox, p *place) error {
	if p == nil {
		defer q.Notify(row.ID)
		return q.Conclude(ctx, row)
	}
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		q.queue.release(p)
		return fmt.Errorf("bot: stored message: %w", err)
	}
	return q.fly(ctx, q.enter(row), m, p)
}
