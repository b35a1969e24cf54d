package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"yanquan/internal/jobs"
	"yanquan/models"
)

// Names of the jobs.
const (
	JobMessages = "message"
	JobLeases   = "lease"
	JobDoubts   = "stored or not"
)

// Jobs is the background work: messages that nobody works on are taken up, leases
// of what is worked on are prolonged, and what may have been stored in spite of an
// error is given back.
func (q *Intake) Jobs() []jobs.Job {
	return []jobs.Job{
		{Name: JobMessages, Limit: q.Limit, Due: q.due},
		jobs.Periodic(JobLeases, q.Lease/8, q.prolong),
		jobs.Periodic(JobDoubts, time.Second, q.giveBack),
	}
}

// due lists what can be taken up now, as far as there are slots, and takes them: of
// each sender one message, if none of theirs is under way.
func (q *Intake) due(ctx context.Context, l jobs.Look) (tasks []jobs.Task, err error) {
	look, busy := q.beginLook()
	for {
		room := min(l.Room-len(tasks), q.Limit-len(q.slots))
		if room <= 0 {
			q.cut()
			return tasks, nil
		}
		except := slices.Clone(busy)
		rows, err := q.DB.Inbox.Due(ctx, l.Now, room, except)
		if err != nil {
			return tasks, err
		}
		all := len(rows) < room
		for _, row := range rows {
			if p := q.seat(row, !all); p != nil {
				tasks = append(tasks, jobs.Task{ID: row.ID, Do: func(ctx context.Context) error { return q.rescue(ctx, row, p) }})
			}
			busy = append(busy, row.Sender())
		}
		if all {
			q.looked(look, except)
			return tasks, nil
		}
	}
}

// beginLook counts a look, and gives the senders whose messages have to wait.
func (q *Intake) beginLook() (look int, busy []models.Sender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.look++
	return q.left.look, q.line.senders()
}

// seat takes the first place in the line of a message's sender, with a slot, unless
// one of theirs is under way, or enough in their other conversations. Where it does not, or there may be more of theirs,
// new ones of theirs have to wait.
func (q *Intake) seat(row models.Inbox, more bool) (p *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := row.Sender()
	switch {
	case q.line[s] != nil || q.line.crowded(s) || q.flights[row.ID] != nil:
	case !q.takeSlot():
		q.left.leave(&q.left.all)
	default:
		p = q.line.join(s)
		p.slot = true
	}
	if p == nil || more {
		q.left.leave(q.left.of(s))
	}
	return p
}

// cut notes that there may be more than there was room for.
func (q *Intake) cut() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.leave(&q.left.all)
}

func (q *Intake) looked(look int, except []models.Sender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left.looked(look, except)
}

// prolong prolongs the leases of what waits here or is worked on, so that it is
// not taken for dead.
func (q *Intake) prolong(ctx context.Context) error {
	now := q.Now()
	var ageing []*flight
	q.mu.Lock()
	for _, f := range q.flights {
		alive := f.begun.IsZero() || now.Sub(f.begun) < longest
		if alive && f.until.Before(now.Add(q.Lease*3/4)) {
			ageing = append(ageing, f)
		}
	}
	q.mu.Unlock()
	slices.SortFunc(ageing, func(a, b *flight) int { return a.until.Compare(b.until) })
	for _, f := range ageing {
		until := now.Add(q.Lease)
		switch err := q.DB.Inbox.Prolong(ctx, f.row, until); {
		case errors.Is(err, models.ErrUnavailable):
			return nil // nobody can take them over, either
		case err != nil && !errors.Is(err, models.ErrStale):
			return err
		}
		q.mu.Lock()
		f.until = until
		q.mu.Unlock()
	}
	return nil
}
