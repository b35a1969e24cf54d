package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
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

// turn is one message on its way to its answer.
type turn struct {
	turns  *turns
	row    models.Inbox // as this worker holds it
	m      bot.Message
	places []access.Place // where the sender may act, once that was asked; never none then
	tries  *models.Tried  // of codes that are unknown, as read with the places; nil: to be read
}

// answer commits an answer that no journal entry goes with.
func (t *turn) answer(ctx context.Context, reply bot.Reply) (bot.Reply, error) {
	return t.turns.finish(ctx, t.row, t.m, reply)
}

// answerCalls is answer with the calls that were made for it.
func (t *turn) answerCalls(ctx context.Context, reply bot.Reply, calls []models.Call) (bot.Reply, error) {
	return t.turns.finishCalls(ctx, t.row, t.m, reply, calls)
}

// extend prolongs the lease of the message.
func (t *turn) extend(ctx context.Context, lease time.Duration) (err error) {
	t.row, err = t.turns.extend(ctx, t.row, lease)
	return err
}

// note records calls that were made for the message, and prolongs its lease.
func (t *turn) note(ctx context.Context, lease time.Duration, calls []models.Call) error {
	row := t.row
	err := t.turns.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if err := tx.Calls.Log(ctx, calls); err != nil {
			return fmt.Errorf("chat: calls: %w", err)
		}
		row, err = tx.Inbox.Extend(ctx, t.row, t.turns.Now().Add(lease))
		return err
	})
	if errors.Is(err, models.ErrStale) {
		return outbox.ErrTakenOver
	}
	t.row = row
	return err
}

// keep stores what has been found out about the message, with the calls that it
// took, and prolongs its lease.
func (t *turn) keep(ctx context.Context, lease time.Duration, calls []models.Call) (err error) {
	t.row, err = t.turns.rewrite(ctx, t.row, t.m, lease, calls)
	return err
}

// commit commits a step with the answer that render makes of its result.
func (t *turn) commit(ctx context.Context, step redeem.Step, render func(context.Context, *models.DB, models.Operation) (bot.Reply, bool, error)) (bot.Reply, error) {
	return t.turns.commit(ctx, t.row, t.m, step, render)
}

// together is commit of a step that is nothing without what render keeps and tells:
// where the message was taken over, none of it is done.
func (t *turn) together(ctx context.Context, step redeem.Step, render func(context.Context, *models.DB, models.Operation) (bot.Reply, bool, error)) (bot.Reply, error) {
	return t.turns.together(ctx, t.row, t.m, step, render)
}

// take gives the one place of the turn. What was read with it is good for one code.
func (t *turn) take() access.Place {
	p := t.places[0]
	t.places[0].New, t.places[0].Session = "", nil
	return p
}

// in narrows the turn to the one of its places that has an account; false: it is none
// of them.
func (t *turn) in(account int64) bool {
	p, ok := access.Find(t.places, account)
	if ok {
		t.places = []access.Place{p}
	}
	return ok
}

// read is the command of a message of words, the same whenever it is read.
func read(m bot.Message) command.Command {
	if m.Kind == bot.Voice {
		return command.ParseSpeech(m.Text)
	}
	return command.ParseReply(m.Text, m.Quote)
}

// asked is what a message asks to verify, or to look at.
func asked(m bot.Message) wanted {
	switch {
	case m.Means != "":
		cmd, _ := command.DecodeCommand(m.Means)
		return wanted{items: cmd.Items}
	case m.Kind != bot.Click:
		return wanted{items: read(m).Items}
	case m.Button == nil:
		return wanted{}
	}
	b, err := command.ReadButton(m.Button.Key)
	switch {
	case err == nil && (b.Action == command.ActVerify || b.Action == command.ActProduct):
		return pressed(b)
	case err == nil && b.Action == command.ActStore:
		return wanted{items: b.Command.Items}
	}
	return wanted{}
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

// commit commits what a platform was asked for together with the answer that render makes
// of its result. Where the message was taken over the answer is another worker's, but the
// outcome is known here: the step is committed alone.
func (t *turns) commit(ctx context.Context, row models.Inbox, m bot.Message, step redeem.Step, render func(context.Context, *models.DB, models.Operation) (bot.Reply, bool, error)) (bot.Reply, error) {
	reply, err := t.together(ctx, row, m, step, render)
	if errors.Is(err, outbox.ErrTakenOver) {
		err = errors.Join(err, t.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
	}
	return reply, err
}

// together commits a step and the answer that render makes of its result, or neither;
// false: there is no answer yet.
func (t *turns) together(ctx context.Context, row models.Inbox, m bot.Message, step redeem.Step, render func(context.Context, *models.DB, models.Operation) (bot.Reply, bool, error)) (bot.Reply, error) {
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
	return reply, err
}

// record writes a change by chat into the audit log.
func (t *turns) record(ctx context.Context, tx *models.DB, m bot.Message, action string, storeID int64, subject, before, after string) error {
	err := tx.Audit.Record(ctx, models.AuditEntry{
		At: t.Now(), UserID: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat,
		Action: action, StoreID: storeID, Subject: subject, Before: before, After: after,
	})
	if err != nil {
		return fmt.Errorf("chat: audit: %w", err)
	}
	return nil
}

// rewrite keeps what has been found out about a message, with the calls that it
// took, and prolongs its lease.
func (t *turns) rewrite(ctx context.Context, row models.Inbox, m bot.Message, lease time.Duration, calls []models.Call) (models.Inbox, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return row, fmt.Errorf("chat: message: %w", err)
	}
	var next models.Inbox
	err = t.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if err := tx.Calls.Log(ctx, calls); err != nil {
			return fmt.Errorf("chat: calls: %w", err)
		}
		next, err = tx.Inbox.Rewrite(ctx, row, payload, t.Now().Add(lease))
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
		if err := tx.Calls.Log(ctx, calls); err != nil {
			return fmt.Errorf("chat: calls: %w", err)
		}
		return t.out.Answer(ctx, tx, row, m, reply)
	})
}

// extend prolongs the lease of a message.
func (t *turns) extend(ctx context.Context, row models.Inbox, lease time.Duration) (models.Inbox, error) {
	row, err := t.DB.Inbox.Extend(ctx, row, t.Now().Add(lease))
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
