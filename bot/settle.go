package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// settle takes up an operation whose outcome is not known: doubtful, or left by
// a process that died. It asks the platform first and repeats a call only where
// the answer allows it: consume with the same request id, reverseconsume only
// for a coupon that is still consumed.
func (b *Bot) settle(ctx context.Context, op models.Operation) error {
	calls := callsPerCode
	if op.State == models.Undoing || op.State == models.UndoUnknown {
		calls = 3 * round(op) // getconsumed, prepare, reverseconsume
	}
	op, err := b.DB.ClaimOperation(ctx, op, b.Now().Add(b.lease(calls)))
	if err != nil {
		return err // ErrStale: somebody else is at it
	}
	s, err := b.DB.Store(ctx, op.StoreID)
	if err != nil {
		return fmt.Errorf("bot: store: %w", err)
	}
	started := op.DoubtSince
	if started.IsZero() {
		if started = op.CalledAt; op.State == models.Undoing {
			started = op.UndoCalledAt
		}
	}
	j := journal{op: op}
	var step commit
	switch op.State {
	case models.Calling, models.Unknown:
		step, err = b.settleConsume(ctx, &j, s, op)
	default:
		var verdicts map[string]verdict
		if verdicts, err = b.askUndo(ctx, &j, s, op); err == nil {
			step, err = b.reverse(ctx, &j, s, op, verdicts)
		}
	}
	if err != nil {
		return err
	}
	failpoint.Hit("settle.before")
	told := op.NeedsHuman
	var now models.Operation
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		if now, err = step(ctx, tx); err != nil {
			return err
		}
		if now.State.Terminal() {
			return b.report(ctx, tx, now, told)
		}
		return b.watch(ctx, tx, now)
	})
	failpoint.Hit("settle.after")
	if err != nil || !now.State.Terminal() {
		return err
	}
	b.cardsHappened(now.CalledAt)
	b.Observer.Settled(now.State, b.Now().Sub(started))
	return b.lookAgain(ctx, askedBy(now)) // it may have been answered as pending just now
}

// askedBy is the message that waits for the outcome of an operation.
func askedBy(op models.Operation) string {
	if op.UndoInboxID != "" {
		return op.UndoInboxID
	}
	return op.InboxID
}

// watch tells people once a doubt has lasted too long.
func (b *Bot) watch(ctx context.Context, tx *models.DB, op models.Operation) error {
	if op.NeedsHuman || b.Now().Sub(op.DoubtSince) < humanAfter {
		return nil
	}
	op, err := tx.FlagNeedsHuman(ctx, op)
	if err != nil {
		return fmt.Errorf("bot: flag: %w", err)
	}
	b.Log.Warn("operation needs a human", "operation", op.ID, "state", op.State, "reason", op.Outcome.Reason)
	if err := b.tellManagers(ctx, tx, op); err != nil {
		return err
	}
	return b.report(ctx, tx, op, false)
}

// doubted notes since when the outcome is not known, and when to ask again: the
// first time at once.
func (b *Bot) doubted(op models.Operation, called time.Time) models.Operation {
	op.DueAt = b.Now()
	if op.DoubtSince.IsZero() {
		op.DoubtSince = called
	} else {
		op.DueAt = op.DueAt.Add(b.backoff(b.Now().Sub(op.DoubtSince)))
	}
	return op
}

// backoff grows with the age of the doubt from a second to ten,
// so that an answer is found soon after the platform speaks again.
func (b *Bot) backoff(age time.Duration) time.Duration {
	d := min(max(age/3, time.Second), 10*time.Second)
	return d*3/4 + time.Duration(b.Jitter()*float64(d/4))
}

// settleConsume asks what became of a consume, and sends it again only where it
// has not been consumed as far as the platform knows.
func (b *Bot) settleConsume(ctx context.Context, j *journal, s models.Store, op models.Operation) (commit, error) {
	client, shop, err := b.open(ctx, s)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return b.doubt(op, &dianping.Error{Class: dianping.Unavailable}, nil), nil
	}
	rec, err := call(b, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
		return client.GetConsumed(ctx, shop, op.Code)
	})
	asked := platformError(err)
	whose, other := unclear, (*models.Operation)(nil)
	if asked == nil {
		if whose, other, err = b.whose(ctx, op, rec); err != nil {
			return nil, err
		}
	}
	own := []dianping.Receipt{{Code: op.Code, DealID: rec.DealID, DealGroupID: rec.DealGroupID, Price: rec.Price}}
	switch {
	case whose == ours && op.Count <= 1:
		return b.done(op, own, consumedAt(op, rec, b.Now()), j.calls), nil
	case asked != nil && (asked.Class != dianping.Refused || aboutShop(asked.Reason)):
		return b.doubt(op, asked, j.calls), nil
	case asked != nil && asked.Reason == dianping.CodeReplaced:
		return b.rejected(op, outcomeOf(asked), j.calls), nil
	case asked != nil && op.NeedsHuman:
		// People were told to look for themselves: consuming now would surprise them.
		return b.rejected(op, models.Outcome{Reason: reasonNotConsumed, Code: asked.Code, Message: asked.Message, TraceID: asked.TraceID}, j.calls), nil
	case whose == theirs && op.NeedsHuman:
		return b.usedByOther(ctx, op, rec, other, j.calls), nil
	case whose == unclear && asked == nil && op.NeedsHuman:
		return b.doubt(op, &dianping.Error{Class: dianping.UnknownOutcome}, j.calls), nil
	}

	// Not consumed; or consumed, perhaps by us; or ours with several coupons whose
	// codes only consume tells: the same request id again.
	rows, err := call(b, j, dianping.CallConsume, func() ([]dianping.Receipt, error) {
		return client.Consume(ctx, shop, consumeRequest(op))
	})
	again := platformError(err)
	at := op.CalledAt
	if whose == ours {
		at = consumedAt(op, rec, b.Now())
	}
	switch {
	case again != nil && again.Reason == dianping.PartlyConsumed && len(again.Receipts) > 0:
		op.Outcome.Reason = string(dianping.PartlyConsumed)
		return b.done(op, again.Receipts, at, j.calls), nil
	case whose == ours && again != nil && again.Reason == dianping.AlreadyUsed:
		rows, again = own, nil
	case whose == ours && again != nil:
		return b.doubt(op, again, j.calls), nil
	}
	switch {
	case again == nil:
		if op, rows, err = b.complete(ctx, client, shop, j, op, rows); err != nil {
			return nil, err
		}
		return b.done(op, rows, at, j.calls), nil
	case again.Reason == dianping.AlreadyUsed && whose == theirs:
		return b.usedByOther(ctx, op, rec, other, j.calls), nil
	case again.Class == dianping.Refused && aboutCode(again.Reason):
		return b.rejected(op, outcomeOf(again), j.calls), nil
	}
	return b.doubt(op, again, j.calls), nil
}

// consumedAt is when the platform's ten minutes began, as far as is known: its
// own time where that is credible, never later than it can have been.
func consumedAt(op models.Operation, rec dianping.Record, now time.Time) time.Time {
	if t := rec.VerifyTime; t.After(op.CalledAt) && t.Before(now) {
		return t
	}
	return op.CalledAt
}

// usedByOther commits that somebody else, or another operation of ours, had the
// code.
func (b *Bot) usedByOther(ctx context.Context, op models.Operation, rec dianping.Record, other *models.Operation, calls []models.Call) commit {
	op.UsedBy, op.UsedAt = b.who(ctx, op, rec.VerifyAccount), rec.VerifyTime
	if other != nil {
		op.OtherID = other.ID
	}
	return b.rejected(op, models.Outcome{Reason: string(dianping.AlreadyUsed)}, calls)
}

func (b *Bot) rejected(op models.Operation, o models.Outcome, calls []models.Call) commit {
	op.Outcome = o
	op.DoubtSince, op.NeedsHuman = time.Time{}, false
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.RejectConsume(ctx, op) })
	}
}

// report brings the outcome of a settled operation to the person who asked. An
// unanswered message is left to its worker, which will see the outcome itself;
// a pending answer that this misses is found by the background work.
func (b *Bot) report(ctx context.Context, tx *models.DB, op models.Operation, told bool) error {
	row, err := tx.Message(ctx, askedBy(op))
	if errors.Is(err, models.ErrNotFound) || err == nil && (row.AnsweredAt.IsZero() || row.Final && !told) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bot: message: %w", err)
	}
	return b.concludeMessage(ctx, tx, row, told)
}

// concludeMessage renders a message anew and sends the final reply, if it is
// final now.
func (b *Bot) concludeMessage(ctx context.Context, tx *models.DB, row models.Inbox, late bool) error {
	var m Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	reply, err := b.replyAgain(ctx, tx, m, row.ID)
	if err != nil || reply.Pending {
		return err
	}
	return b.conclude(ctx, tx, row, m, reply, late)
}

// replyAgain renders the reply to a message from the journal.
func (b *Bot) replyAgain(ctx context.Context, tx *models.DB, m Message, inboxID string) (Reply, error) {
	undone, err := tx.OperationsUndoneBy(ctx, inboxID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: operations: %w", err)
	}
	if len(undone) == 0 {
		return b.verifyReply(ctx, tx, m, inboxID)
	}
	return b.undoReply(ctx, tx, m, undone[0])
}

// tellManagers sends a notice about an operation that needs a human.
func (b *Bot) tellManagers(ctx context.Context, tx *models.DB, op models.Operation) error {
	s, err := tx.Store(ctx, op.StoreID)
	if err != nil {
		return fmt.Errorf("bot: store: %w", err)
	}
	return b.tellOf(ctx, tx, "human/"+op.ID+"/"+op.UndoInboxID, []int64{s.ID}, Card{
		Source: source(s), Title: "需要人工确认", Tone: Bad,
		Fields: fields(Field{Key: "券码", Value: op.Code}, Field{Key: "操作人", Value: op.User}, Field{Key: "时间", Value: b.when(op.CalledAt)}),
		Text:   "平台超过 3 分钟没有给出结果。请到开店宝里查这张券。",
	})
}
