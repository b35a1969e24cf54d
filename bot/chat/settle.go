package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanquan/bot"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// doubts settles operations whose outcome is not known, and tells of it.
type doubts struct {
	DB       *models.DB
	money    *money
	turns    *turns
	views    *views
	words    *words.Words
	out      *outbox.Outbox
	notices  *notice.Notices
	Observer Observer
	Now      func() time.Time
	Log      *slog.Logger
}

// lookAgain concludes a pending answer whose operations were settled while it
// was being written, so that neither side saw the other.
func (d *doubts) lookAgain(ctx context.Context, id string) error {
	row, err := d.DB.Message(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil
	case err != nil || row.Final || row.AnsweredAt.IsZero():
		return err
	}
	return d.DB.Tx(ctx, func(tx *models.DB) error { return d.concludeMessage(ctx, tx, row, false) })
}

// settle takes up an operation whose outcome is not known: doubtful, or left by
// a process that died. It asks the platform first and repeats a call only where
// the answer allows it: consume with the same request id, reverseconsume only
// for a coupon that is still consumed.
func (d *doubts) settle(ctx context.Context, op models.Operation) error {
	calls := callsPerCode
	if op.State == models.Undoing || op.State == models.UndoUnknown {
		calls = 3 * round(op) // getconsumed, prepare, reverseconsume
	}
	op, err := d.DB.ClaimOperation(ctx, op, d.Now().Add(d.turns.lease(calls)))
	if err != nil {
		return err // ErrStale: somebody else is at it
	}
	s, err := d.DB.Store(ctx, op.StoreID)
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
		step, err = d.settleConsume(ctx, &j, s, op)
	default:
		var verdicts map[string]verdict
		if verdicts, err = d.money.askUndo(ctx, &j, s, op); err == nil {
			step, err = d.money.reverse(ctx, &j, s, op, verdicts)
		}
	}
	if err != nil {
		return err
	}
	failpoint.Hit("settle.before")
	told := op.NeedsHuman
	var now models.Operation
	err = d.DB.Tx(ctx, func(tx *models.DB) error {
		if now, err = step(ctx, tx); err != nil {
			return err
		}
		if now.State.Terminal() {
			return d.report(ctx, tx, now, told)
		}
		return d.watch(ctx, tx, now)
	})
	failpoint.Hit("settle.after")
	if err != nil || !now.State.Terminal() {
		return err
	}
	d.out.CardsChanged(now.CalledAt)
	d.Observer.Settled(now.State, d.Now().Sub(started))
	return d.lookAgain(ctx, askedBy(now)) // it may have been answered as pending just now
}

// askedBy is the message that waits for the outcome of an operation.
func askedBy(op models.Operation) string {
	if op.UndoInboxID != "" {
		return op.UndoInboxID
	}
	return op.InboxID
}

// watch tells people once a doubt has lasted too long.
func (d *doubts) watch(ctx context.Context, tx *models.DB, op models.Operation) error {
	if op.NeedsHuman || d.Now().Sub(op.DoubtSince) < humanAfter {
		return nil
	}
	op, err := tx.FlagNeedsHuman(ctx, op)
	if err != nil {
		return fmt.Errorf("bot: flag: %w", err)
	}
	d.Log.Warn("operation needs a human", "operation", op.ID, "state", op.State, "reason", op.Outcome.Reason)
	if err := d.tellManagers(ctx, tx, op); err != nil {
		return err
	}
	return d.report(ctx, tx, op, false)
}

// settleConsume asks what became of a consume, and sends it again only where it
// has not been consumed as far as the platform knows.
func (d *doubts) settleConsume(ctx context.Context, j *journal, s models.Store, op models.Operation) (commit, error) {
	client, shop, err := d.money.open(ctx, s)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return d.money.doubt(op, &dianping.Error{Class: dianping.Unavailable}, nil), nil
	}
	rec, err := call(d.money, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
		return client.GetConsumed(ctx, shop, op.Code)
	})
	asked := platformError(err)
	whose, other := unclear, (*models.Operation)(nil)
	if asked == nil {
		if whose, other, err = d.money.whose(ctx, op, rec); err != nil {
			return nil, err
		}
	}
	own := []dianping.Receipt{{Code: op.Code, DealID: rec.DealID, DealGroupID: rec.DealGroupID, Price: rec.Price}}
	switch {
	case whose == ours && op.Count <= 1:
		return d.money.done(op, own, consumedAt(op, rec, d.Now()), j.calls), nil
	case asked != nil && (asked.Class != dianping.Refused || aboutShop(asked.Reason)):
		return d.money.doubt(op, asked, j.calls), nil
	case asked != nil && asked.Reason == dianping.CodeReplaced:
		return d.money.rejected(op, words.OutcomeOf(asked), j.calls), nil
	case asked != nil && op.NeedsHuman:
		// People were told to look for themselves: consuming now would surprise them.
		return d.money.rejected(op, models.Outcome{Reason: redeem.ReasonNotConsumed, Code: asked.Code, Message: asked.Message, TraceID: asked.TraceID}, j.calls), nil
	case whose == theirs && op.NeedsHuman:
		return d.usedByOther(ctx, op, rec, other, j.calls), nil
	case whose == unclear && asked == nil && op.NeedsHuman:
		return d.money.doubt(op, &dianping.Error{Class: dianping.UnknownOutcome}, j.calls), nil
	}

	// Not consumed; or consumed, perhaps by us; or ours with several coupons whose
	// codes only consume tells: the same request id again.
	rows, err := call(d.money, j, dianping.CallConsume, func() ([]dianping.Receipt, error) {
		return client.Consume(ctx, shop, consumeRequest(op))
	})
	again := platformError(err)
	at := op.CalledAt
	if whose == ours {
		at = consumedAt(op, rec, d.Now())
	}
	switch {
	case again != nil && again.Reason == dianping.PartlyConsumed && len(again.Receipts) > 0:
		op.Outcome.Reason = string(dianping.PartlyConsumed)
		return d.money.done(op, again.Receipts, at, j.calls), nil
	case whose == ours && again != nil && again.Reason == dianping.AlreadyUsed:
		rows, again = own, nil
	case whose == ours && again != nil:
		return d.money.doubt(op, again, j.calls), nil
	}
	switch {
	case again == nil:
		if op, rows, err = d.money.complete(ctx, client, shop, j, op, rows); err != nil {
			return nil, err
		}
		return d.money.done(op, rows, at, j.calls), nil
	case again.Reason == dianping.AlreadyUsed && whose == theirs:
		return d.usedByOther(ctx, op, rec, other, j.calls), nil
	case again.Class == dianping.Refused && aboutCode(again.Reason):
		return d.money.rejected(op, words.OutcomeOf(again), j.calls), nil
	}
	return d.money.doubt(op, again, j.calls), nil
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
func (d *doubts) usedByOther(ctx context.Context, op models.Operation, rec dianping.Record, other *models.Operation, calls []models.Call) commit {
	op.UsedBy, op.UsedAt = d.money.who(ctx, op, rec.VerifyAccount), rec.VerifyTime
	if other != nil {
		op.OtherID = other.ID
	}
	return d.money.rejected(op, models.Outcome{Reason: string(dianping.AlreadyUsed)}, calls)
}

// report brings the outcome of a settled operation to the person who asked. An
// unanswered message is left to its worker, which will see the outcome itself;
// a pending answer that this misses is found by the background work.
func (d *doubts) report(ctx context.Context, tx *models.DB, op models.Operation, told bool) error {
	row, err := tx.Message(ctx, askedBy(op))
	if errors.Is(err, models.ErrNotFound) || err == nil && (row.AnsweredAt.IsZero() || row.Final && !told) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bot: message: %w", err)
	}
	return d.concludeMessage(ctx, tx, row, told)
}

// concludeMessage renders a message anew and sends the final reply, if it is
// final now.
func (d *doubts) concludeMessage(ctx context.Context, tx *models.DB, row models.Inbox, late bool) error {
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	reply, err := d.views.replyAgain(ctx, tx, m, row.ID)
	if err != nil || reply.Pending {
		return err
	}
	return d.out.Conclude(ctx, tx, row, m, reply, late)
}

// tellManagers sends a notice about an operation that needs a human.
func (d *doubts) tellManagers(ctx context.Context, tx *models.DB, op models.Operation) error {
	s, err := tx.Store(ctx, op.StoreID)
	if err != nil {
		return fmt.Errorf("bot: store: %w", err)
	}
	return d.notices.TellStores(ctx, tx, "human/"+op.ID+"/"+op.UndoInboxID, []int64{s.ID}, bot.Card{
		Source: words.Source(s), Title: "需要人工确认", Tone: bot.Bad,
		Fields: bot.Fields(bot.Field{Key: "券码", Value: op.Code}, bot.Field{Key: "操作人", Value: op.User}, bot.Field{Key: "时间", Value: d.words.When(op.CalledAt)}),
		Text:   "平台超过 3 分钟没有给出结果。请到开店宝里查这张券。",
	})
}
