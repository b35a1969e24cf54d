package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanquan/bot"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/reconcile"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// doubts settles operations whose outcome is not known, and tells of it.
type doubts struct {
	DB      *models.DB
	core    *redeem.Core
	turns   *turns
	views   *views
	words   *words.Words
	out     *outbox.Outbox
	notices *notice.Notices

	reconciliation *reconcile.Keeper
	Observer       Observer
	Now            func() time.Time
	Log            *slog.Logger
}

// settle takes up an operation that is due, and tells people of what comes of it.
func (d *doubts) settle(ctx context.Context, op models.Operation) error {
	step, err := d.core.Settle(ctx, op)
	if err != nil {
		return err
	}
	return d.commit(ctx, op, step)
}

// commit commits what a settled operation has come to, and tells people of it.
func (d *doubts) commit(ctx context.Context, op models.Operation, step redeem.Step) error {
	held := op.State == models.Held
	told := op.NeedsHuman || held // as a final answer
	var now models.Operation
	err := d.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if now, err = step(ctx, tx); err != nil {
			return err
		}
		switch {
		case now.State.Terminal():
			return d.report(ctx, tx, now, told)
		case now.NeedsHuman && !op.NeedsHuman:
			if err := d.tellManagers(ctx, tx, now); err != nil {
				return err
			}
			return d.report(ctx, tx, now, told)
		case now.State == models.Held && !held:
			return d.report(ctx, tx, now, told)
		}
		return nil
	})
	failpoint.Hit("settle.after")
	if err != nil || !now.State.Terminal() {
		return err
	}
	d.out.CardsChanged(now.CalledAt)
	if !held { // it has its own time
		d.Observer.Settled(now.State, d.Now().Sub(since(op)))
	}
	return nil
}

// since is when the call was made whose outcome is not known.
func since(op models.Operation) time.Time {
	switch {
	case !op.DoubtSince.IsZero():
		return op.DoubtSince
	case op.State == models.Undoing:
		return op.UndoCalledAt
	}
	return op.CalledAt
}

// askedBy is the message that waits for the outcome of an operation.
func askedBy(op models.Operation) string {
	if op.UndoInboxID != "" {
		return op.UndoInboxID
	}
	return op.InboxID
}

// report brings the outcome of a settled operation to the person who asked. told:
// they were given a final answer before, "needs a human". A message that nobody has
// answered lost its worker with the operation: it is answered here, unless there is
// more of it to do.
func (d *doubts) report(ctx context.Context, tx *models.DB, op models.Operation, told bool) error {
	return d.tell(ctx, tx, askedBy(op), told)
}

// tell answers a message, or concludes its answer, as its operations stand. late:
// people were given a final answer before, and get the outcome all the same.
func (d *doubts) tell(ctx context.Context, tx *models.DB, id string, late bool) error {
	err := tx.Inbox.Touch(ctx, id)
	var row models.Inbox
	if err == nil {
		row, err = tx.Inbox.Get(ctx, id)
	}
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && row.Final && !late:
		return nil
	case err != nil:
		return fmt.Errorf("chat: message: %w", err)
	case row.AnsweredAt.IsZero():
		return d.answer(ctx, tx, row)
	}
	return d.conclude(ctx, tx, row, late)
}

// answer answers a message whose worker is gone, if all that it asks is done.
func (d *doubts) answer(ctx context.Context, tx *models.DB, row models.Inbox) error {
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("chat: stored message: %w", err)
	}
	ops, err := tx.Journal.OfMessage(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("chat: operations: %w", err)
	}
	if len(ops) > 0 && len(ops) < len(asked(m).items) {
		return nil // whoever takes the message up goes on with the rest
	}
	reply, err := d.views.replyAgain(ctx, tx, m, row.ID)
	if err != nil || reply.Pending {
		return err
	}
	if err := d.out.Answer(ctx, tx, row, m, reply); !errors.Is(err, outbox.ErrTakenOver) {
		return err
	}
	return nil // its worker lives, or another has it
}

// conclude renders a message anew and sends the reply, if it tells more than before: it is
// final, or of several codes, of which one more is known. Its row was touched in this
// transaction.
func (d *doubts) conclude(ctx context.Context, tx *models.DB, row models.Inbox, late bool) error {
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("chat: stored message: %w", err)
	}
	reply, err := d.views.replyAgain(ctx, tx, m, row.ID)
	if err != nil || reply.Pending && saysTheSame(row, reply) {
		return err
	}
	return d.out.Conclude(ctx, tx, row, m, reply, late)
}

// saysTheSame reports whether a reply is what a message was answered with.
func saysTheSame(row models.Inbox, reply bot.Reply) bool {
	var was bot.Reply
	if json.Unmarshal(row.Reply, &was) != nil || was.Card == nil || reply.Card == nil {
		return false
	}
	was.Card.TaskID = reply.Card.TaskID
	before, err := json.Marshal(was)
	now, failed := json.Marshal(reply)
	return err == nil && failed == nil && bytes.Equal(before, now)
}

// tellManagers sends a notice about an operation that needs a human.
func (d *doubts) tellManagers(ctx context.Context, tx *models.DB, op models.Operation) error {
	s, err := tx.Directory.Store(ctx, op.StoreID)
	if err != nil {
		return fmt.Errorf("chat: store: %w", err)
	}
	return d.notices.TellStores(ctx, tx, "human/"+op.ID+"/"+op.UndoInboxID, []int64{s.ID}, d.words.NeedsHuman(s, op))
}
