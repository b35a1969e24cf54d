package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// vouchers does what people ask about codes: verify, look, undo.
type vouchers struct {
	DB     *models.DB
	core   *redeem.Core
	shops  *shops
	views  *views
	words  *words.Words
	out    *outbox.Outbox
	guards *guards
	Now    func() time.Time
}

func (v *vouchers) verifyAsked(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	return v.verify(ctx, t, wanted{items: cmd.Items})
}

func (v *vouchers) verifyPressed(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	return v.verify(ctx, t, pressed(b))
}

// verify consumes each item, in the one place of the turn, in an
// operation of its own. The last outcome is committed together with the answer.
// Whoever brought the first code here has asked the guard.
func (v *vouchers) verify(ctx context.Context, t *turn, w wanted) (reply bot.Reply, err error) {
	begun, err := v.begun(ctx, t.row)
	if err != nil {
		return bot.Reply{}, err
	}
	for i, it := range w.items {
		if i > 0 {
			if err = t.extend(ctx, v.core.Lease(redeem.ConsumeCalls)); err != nil {
				return bot.Reply{}, err
			}
		}
		step := begun[i]
		if step == nil {
			if step, err = v.next(ctx, t, i, it, w); err != nil {
				return bot.Reply{}, err
			}
		}
		last := i == len(w.items)-1
		reply, err = t.commit(ctx, step, func(ctx context.Context, tx *models.DB, op models.Operation) (reply bot.Reply, answers bool, err error) {
			switch {
			case !last:
				return bot.Reply{}, false, nil
			case len(w.items) == 1: // what was just written need not be read
				reply, err = v.views.replyOf(ctx, tx, t.m, t.places[0].Store, []models.Operation{op})
			default: // what ends at the same moment is in the answer, or told after it
				if err := tx.Inbox.Touch(ctx, t.row.ID); err != nil {
					return bot.Reply{}, false, fmt.Errorf("chat: message: %w", err)
				}
				reply, err = v.views.verifyReply(ctx, tx, t.m, t.row.ID)
			}
			failpoint.Hit("outcome.before")
			return reply, true, err
		})
		if err != nil {
			return bot.Reply{}, err
		}
		failpoint.Hit("outcome.after")
	}
	return reply, nil
}

// begun are the operations of a message that an earlier worker has begun, by their
// place in it.
func (v *vouchers) begun(ctx context.Context, row models.Inbox) (map[int]redeem.Step, error) {
	if row.Attempt == 1 {
		return nil, nil
	}
	ops, err := v.DB.Journal.OfMessage(ctx, row.ID)
	if err != nil {
		return nil, fmt.Errorf("chat: operations: %w", err)
	}
	begun := map[int]redeem.Step{}
	for _, op := range ops {
		begun[op.Seq] = func(context.Context, *models.DB) (models.Operation, error) { return op, nil }
	}
	return begun, nil
}

// next consumes one more code, unless its sender guesses.
func (v *vouchers) next(ctx context.Context, t *turn, seq int, it command.Item, w wanted) (redeem.Step, error) {
	p := t.take()
	r := redeem.Request{
		Asked: t.row, Seq: seq, Account: p.Account, Code: it.Code, Count: it.Count, Channel: t.m.Channel, Chat: t.m.Chat,
		UserID: p.Member.UserID, User: p.Member.Name, Follows: w.again, Shop: v.shops.at(p), New: p.New == it.Code,
		Named: w.account == 0 && it.Platform != "", Product: it.Product, Store: models.AccountIDs([]models.Store{p.Store}),
		Rival: v.rival(t, it.Code),
	}
	if seq > 0 {
		wait, err := v.guards.slowed(ctx, t)
		if err != nil {
			return nil, err
		}
		if !wait.Empty() {
			return v.core.Refuse(r, models.Outcome{Reason: redeem.ReasonSlowed}), nil
		}
	}
	accounts := w.accounts(p.Store, it)
	if len(accounts) == 0 {
		return v.core.Refuse(r, absent(it)), nil
	}
	step, err := v.core.ConsumeIn(ctx, r, accounts)
	if errors.Is(err, models.ErrStale) {
		return nil, errors.Join(outbox.ErrTakenOver, err)
	}
	return step, err
}

// rival finds what the person has done with a code by another answer to the question which
// store is meant: the question is one decision. nil: the message answers none.
func (v *vouchers) rival(t *turn, code string) func(context.Context) (*models.Operation, error) {
	if !answersStore(t.m) {
		return nil
	}
	return func(ctx context.Context) (*models.Operation, error) {
		ops, err := v.DB.History.OfCode(ctx, code)
		if err != nil {
			return nil, fmt.Errorf("chat: operations of a code: %w", err)
		}
		for _, op := range ops {
			if !redeem.Standing(op) || op.InboxID == t.row.ID || !strings.EqualFold(op.UserID, t.m.User) {
				continue
			}
			first, err := messageOf(ctx, v.DB, op.InboxID)
			if err != nil {
				return nil, err
			}
			if sameQuestion(first, t.m) {
				return &op, nil
			}
		}
		return nil, nil
	}
}

// answersStore reports whether a message answers the question which store is meant.
func answersStore(m bot.Message) bool {
	if m.Kind != bot.Click || m.Button == nil {
		return false
	}
	b, err := command.ReadButton(m.Button.Key)
	return err == nil && b.Action == command.ActStore
}

// sameQuestion reports whether two messages are a person's answers to one question which
// store is meant.
func sameQuestion(first, m bot.Message) bool {
	return answersStore(first) && answersStore(m) && first.Button.TaskID == m.Button.TaskID && strings.EqualFold(first.User, m.User)
}
