package intake

import (
	"context"
	"errors"

	"yanquan/models"
)

// doubt notes a message of which it is not known whether it was stored: its sender
// was told that it was not. If it was, it is its owner's, who does not work on it.
func (q *Intake) doubt(row models.Inbox) {
	if row.ID == "" {
		return
	}
	q.mu.Lock()
	q.doubts[row.ID] = row
	q.mu.Unlock()
	q.Wake(JobDoubts)
}

// found gives a message back that turned out to be stored, before anything else is
// done about it.
func (q *Intake) found(ctx context.Context, row models.Inbox) models.Inbox {
	q.mu.Lock()
	_, doubted := q.doubts[row.ID]
	q.mu.Unlock()
	if doubted && q.handBack(ctx, row) == nil {
		row.DueAt = q.Now()
	}
	return row
}

// handBack lets anybody take up a message that nobody works on.
func (q *Intake) handBack(ctx context.Context, row models.Inbox) error {
	if err := q.DB.Inbox.Release(ctx, row); err != nil {
		return err
	}
	q.mu.Lock()
	delete(q.doubts, row.ID)
	q.mu.Unlock()
	return nil
}

// giveBack looks whether messages were stored in spite of an error, until their
// lease would have ended, and gives them back.
func (q *Intake) giveBack(ctx context.Context) error {
	for _, row := range q.doubted() {
		switch err := q.handBack(ctx, row); {
		case err == nil:
			q.Wake(JobMessages)
		case errors.Is(err, models.ErrUnavailable):
			return nil // later
		case !errors.Is(err, models.ErrStale): // not stored, or not yet
			return err
		}
	}
	return nil
}

// doubted lists those that may still turn up.
func (q *Intake) doubted() (all []models.Inbox) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, row := range q.doubts {
		if q.Now().After(row.DueAt.Add(q.Lease)) {
			delete(q.doubts, id)
			continue
		}
		all = append(all, row)
	}
	return all
}
