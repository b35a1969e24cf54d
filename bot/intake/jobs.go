package intake

import (
	"context"
	"errors"
	"fmt"
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
		{Name: JobMessages, Limit: 3 * q.Limit, Due: q.due},
		jobs.Periodic(JobLeases, q.Lease/8, q.prolong),
		jobs.Periodic(JobDoubts, time.Second, q.giveBack),
	}
}

// due claims what can be taken up now: of each sender one message that is worked on and
// one that waits for it, and altogether half as many that wait for a slot as there are
// slots, for another process may have some.
func (q *Intake) due(ctx context.Context, l jobs.Look) (tasks []jobs.Task, err error) {
	look, room, busy := q.queue.beginLook(l.Room)
	for room > 0 {
		except := slices.Clone(busy)
		rows, err := q.DB.Inbox.Due(ctx, l.Now, room, except)
		if err != nil {
			return tasks, err
		}
		if len(rows) > 0 {
			q.queue.passed(look, rows[0].DueAt, except)
		}
		all := len(rows) < room
		claimed, err := q.DB.Inbox.ClaimAll(ctx, q.queue.choose(rows, &busy, q.Holds), q.Now().Add(q.Lease))
		room -= len(claimed)
		for _, row := range q.unlessAwaited(ctx, claimed) {
			p := q.queue.place(row)
			tasks = append(tasks, jobs.Task{ID: fmt.Sprint(row.ID, " ", row.Attempt), Do: func(ctx context.Context) error { return q.rescue(ctx, row, p) }})
		}
		if err != nil {
			return tasks, err
		}
		if all {
			q.queue.looked(look, except)
			return tasks, nil
		}
	}
	q.queue.cut()
	return tasks, nil
}

// unlessAwaited leaves out messages whose pending answers cannot be concluded yet: the
// settling of what they wait for does so. With thousands of doubts, a look at each would be as
// much work as to settle them. What was claimed is looked at again when its lease has ended.
func (q *Intake) unlessAwaited(ctx context.Context, claimed []models.Inbox) []models.Inbox {
	var pending []string
	for _, row := range claimed {
		if !row.AnsweredAt.IsZero() {
			pending = append(pending, row.ID)
		}
	}
	if len(pending) == 0 {
		return claimed
	}
	awaited, err := q.Awaited(ctx, pending)
	if err != nil || len(awaited) == 0 { // each message is looked at by itself
		return claimed
	}
	q.Wake(JobMessages) // what stands behind them may be begun
	return slices.DeleteFunc(claimed, func(row models.Inbox) bool { return !row.AnsweredAt.IsZero() && slices.Contains(awaited, row.ID) })
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
