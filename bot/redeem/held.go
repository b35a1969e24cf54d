package redeem

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A platform's risk control may keep a consume back. Within 48 hours it is consumed by
// itself, or let go; the platform tells no difference between what it has let go and what
// it still keeps. It is sent again never: only the books say what became of it, until
// it cannot be held any more.

// held: the platform keeps the consume back. why is its answer, or that to a question.
func (t *consumption) held(why platform.Said) Step {
	op, now := t.op, t.Now()
	if op.State != models.Held {
		op.Outcome = outcome(why)
		// An earlier version, which does not know the state, shows this as a refusal.
		op.Outcome.Reason = ReasonBusy
	}
	if op.DoubtSince.IsZero() {
		op.DoubtSince = op.CalledAt
	}
	op.NeedsHuman = false
	op.DueAt = now.Add(heldPause(now.Sub(op.DoubtSince)))
	switch end := t.heldUntil(); {
	case !now.Before(end): // its last question was in vain
		op.DueAt = now.Add(t.pause(now.Sub(end), false))
	case op.DueAt.After(end):
		op.DueAt = end
	}
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.HeldConsume(ctx, op)
	})
}

// heldPause is how long what has been held for so long is left alone.
func heldPause(age time.Duration) time.Duration {
	if age < 10*time.Minute {
		return time.Minute
	}
	return 10 * time.Minute
}

// mayBeHeld reports whether the platform may still keep back the consume that was sent
// last.
func (t *talk) mayBeHeld() bool { return t.Now().Before(t.heldUntil()) }

// heldUntil is when the platform cannot keep it back any more.
func (t *talk) heldUntil() time.Time { return t.op.SentAt.Add(heldAtMost) }

// lostToHold reports whether the answer that was lost may have been that the consume is
// held: no answer to a repeat tells otherwise.
func (t settlement) lostToHold(ctx context.Context) (bool, error) {
	if !t.mayBeHeld() {
		return false, nil
	}
	return t.heldOrLost(ctx)
}

// heldOrLost reports whether the consume is held, or was, or an answer was lost that may
// have said so.
func (t settlement) heldOrLost(ctx context.Context) (bool, error) {
	if t.op.State == models.Held {
		return true, nil
	}
	calls, err := t.DB.Calls.Of(ctx, t.op.ID, platform.DouyinVerify)
	if err != nil {
		return false, fmt.Errorf("redeem: calls: %w", err)
	}
	var answers []platform.Said
	var last time.Time
	for _, c := range append(calls, t.calls...) {
		if c.Name == platform.DouyinVerify {
			answers = append(answers, platform.Said{Class: c.Class, Reason: c.Reason})
			last = cmp.Or(c.LastAt, c.StartedAt)
		}
	}
	unlogged := last.Before(t.op.SentAt) // whoever sent it has died
	return unlogged || platform.DouyinMayHold(answers), nil
}

// refusedOrHeld judges a refusal that may be the answer to a repeat of this very call where
// no use shows: risk control may hold the first, which a look tells.
func (t settlement) refusedOrHeld(ctx context.Context, answer platform.Consumption) (Step, error) {
	looked, err := t.look(ctx, t.op.Code)
	switch {
	case err != nil:
		return nil, err
	case looked.Proves == platform.Held:
		return t.held(looked.Said), nil
	case looked.Silent:
		return t.doubt(looked.Said, false), nil
	}
	return t.rejected(outcome(answer.Said)), nil
}

// maybeHeld goes on where no use shows and nothing is sent again; no step: the consume is
// certainly not held. The books tell nothing of that, and a look may: its key replaces
// none that is needed.
func (t settlement) maybeHeld(ctx context.Context) (Step, error) {
	lost, err := t.lostToHold(ctx)
	if err != nil || !lost {
		return nil, err
	}
	if t.rival != nil && !t.late(t.op.CalledAt) { // the key is needed, should nothing stand there any more
		return t.doubt(platform.Said{}, false), nil
	}
	looked, err := t.look(ctx, t.op.Code)
	switch {
	case err != nil:
		return nil, err
	case looked.Proves == platform.Held:
		return t.held(looked.Said), nil
	}
	return t.doubt(platform.Said{Why: ReasonMayBeHeld}, false), nil
}
