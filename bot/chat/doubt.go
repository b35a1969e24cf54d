package chat

import (
	"context"
	"time"

	"yanquan/models"
)

// doubted notes since when the outcome is not known, and when to ask again: the
// first time at once.
func (x *money) doubted(op models.Operation, called time.Time) models.Operation {
	op.DueAt = x.Now()
	if op.DoubtSince.IsZero() {
		op.DoubtSince = called
	} else {
		op.DueAt = op.DueAt.Add(x.backoff(x.Now().Sub(op.DoubtSince)))
	}
	return op
}

// backoff grows with the age of the doubt from a second to ten,
// so that an answer is found soon after the platform speaks again.
func (x *money) backoff(age time.Duration) time.Duration {
	d := min(max(age/3, time.Second), 10*time.Second)
	return d*3/4 + time.Duration(x.Jitter()*float64(d/4))
}

func (x *money) rejected(op models.Operation, o models.Outcome, calls []models.Call) commit {
	op.Outcome = o
	op.DoubtSince, op.NeedsHuman = time.Time{}, false
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.RejectConsume(ctx, op) })
	}
}
