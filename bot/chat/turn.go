package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// turns commit what comes of a message: its answer together with what it reports.
type turns struct {
	DB  *models.DB
	out *outbox.Outbox
	Now func() time.Time
}

// Time allowed for things other than platform calls.
const (
	staleAfter  = 3 * time.Minute // what is not begun by then is not done any more
	maxAttempts = 5               // a message that fails more often is answered with an apology
)

// act makes a change and its answer one transaction, so that a message that is
// taken up again after a crash changes nothing twice.
func (t *turns) act(ctx context.Context, row models.Inbox, m bot.Message, do func(context.Context, *models.DB, bot.Message) (bot.Reply, error)) (bot.Reply, error) {
	var reply bot.Reply
	err := t.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if reply, err = do(ctx, tx, m); err != nil {
			return err
		}
		return t.out.Answer(ctx, tx, row, m, reply)
	})
	return reply, err
}

// commit commits a step together with the answer that render makes of its result;
// false: there is no answer yet. Where the message was taken over the answer is
// another worker's, but the outcome is known here: the step is committed alone.
func (t *turns) commit(ctx context.Context, row models.Inbox, m bot.Message, step redeem.Step, render func(context.Context, *models.DB, models.Operation) (bot.Reply, bool, error)) (bot.Reply, error) {
	var reply bot.Reply
	err := t.DB.Tx(ctx, func(tx *models.DB) error {
		op, err := step(ctx, tx)
		if err != nil {
			return err
		}
		var answers bool
		if reply, answers, err = render(ctx, tx, op); err != nil || !answers {
			return err
		}
		return t.out.Answer(ctx, tx, row, m, reply)
	})
	if errors.Is(err, outbox.ErrTakenOver) {
		err = errors.Join(err, t.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
	}
	return reply, err
}

// record writes a change by chat into the audit log.
func (t *turns) record(ctx context.Context, tx *models.DB, m bot.Message, action string, storeID int64, subject, before, after string) error {
	err := tx.RecordAudit(ctx, models.AuditEntry{
		At: t.Now(), UserID: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat,
		Action: action, StoreID: storeID, Subject: subject, Before: before, After: after,
	})
	if err != nil {
		return fmt.Errorf("bot: audit: %w", err)
	}
	return nil
}

// rewrite keeps what has been found out about a message, with the calls that it
// took, and prolongs its lease.
func (t *turns) rewrite(ctx context.Context, row models.Inbox, m bot.Message, lease time.Duration, calls []models.Call) (models.Inbox, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return row, fmt.Errorf("bot: message: %w", err)
	}
	var next models.Inbox
	err = t.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if err := tx.LogCalls(ctx, calls); err != nil {
			return fmt.Errorf("bot: calls: %w", err)
		}
		next, err = tx.RewriteMessage(ctx, row, payload, t.Now().Add(lease))
		return err
	})
	if errors.Is(err, models.ErrStale) {
		return row, outbox.ErrTakenOver
	}
	return next, err
}

// finishCalls is finish with the calls that were made.
func (t *turns) finishCalls(ctx context.Context, row models.Inbox, m bot.Message, reply bot.Reply, calls []models.Call) (bot.Reply, error) {
	return reply, t.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.LogCalls(ctx, calls); err != nil {
			return fmt.Errorf("bot: calls: %w", err)
		}
		return t.out.Answer(ctx, tx, row, m, reply)
	})
}

// extend prolongs the lease of a message.
func (t *turns) extend(ctx context.Context, row models.Inbox, lease time.Duration) (models.Inbox, error) {
	row, err := t.DB.ExtendMessage(ctx, row, t.Now().Add(lease))
	if errors.Is(err, models.ErrStale) {
		return row, outbox.ErrTakenOver
	}
	return row, err
}

// finish commits an answer that no journal entry goes with.
func (t *turns) finish(ctx context.Context, row models.Inbox, m bot.Message, reply bot.Reply) (bot.Reply, error) {
	err := t.DB.Tx(ctx, func(tx *models.DB) error { return t.out.Answer(ctx, tx, row, m, reply) })
	return reply, err
}
