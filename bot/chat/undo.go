package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// undoCode undoes the verification of a code in one of the stores.
func (v *vouchers) undoCode(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, code string) (bot.Reply, error) {
	found, err := v.operationOn(ctx, places, code)
	if err != nil {
		return bot.Reply{}, err
	}
	if found == nil {
		return v.turns.finish(ctx, row, m, notVerified(code))
	}
	return v.undo(ctx, row, m, places, *found)
}

// operationOn finds what was done with a code in one of the stores; nil: nothing.
func (v *vouchers) operationOn(ctx context.Context, places []access.Place, code string) (*models.Operation, error) {
	op, err := v.DB.OperationByCouponIn(ctx, access.IDs(places), code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && op.State == models.Rejected:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("chat: operation of a code: %w", err)
	}
	return &op, nil
}

func notVerified(code string) bot.Reply {
	return bot.Say("券码 %s 没有在这里核销过，不需要撤销。请核对券码再发。", code)
}

// offerUndoCode shows the verification of a code, with the button that undoes it
// where that is still possible.
func (v *vouchers) offerUndoCode(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, code string) (bot.Reply, error) {
	op, err := v.operationOn(ctx, places, code)
	if err != nil {
		return bot.Reply{}, err
	}
	if op == nil {
		return v.turns.finish(ctx, row, m, notVerified(code))
	}
	switch redeem.CanUndo(*op, v.Now()) {
	case redeem.Undoable:
		return v.offer(ctx, row, m, *op)
	case redeem.NotDone:
		reply, err := v.views.snapshotReply(ctx, v.DB, *op)
		if err != nil {
			return bot.Reply{}, err
		}
		return v.turns.finish(ctx, row, m, reply)
	}
	return v.turns.finish(ctx, row, m, v.words.CannotUndo(*op))
}

// offerUndo shows the sender's last verification that can still be undone.
func (v *vouchers) offerUndo(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place) (bot.Reply, error) {
	op, err := v.DB.LastUndoable(ctx, access.IDs(places), places[0].Member.UserID, v.Now())
	if errors.Is(err, models.ErrNotFound) {
		return v.turns.finish(ctx, row, m, bot.Reply{Text: "您最近没有可以撤销的核销。核销超过 10 分钟就不能撤销了。"})
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: last operation: %w", err)
	}
	return v.offer(ctx, row, m, op)
}

// offer shows an operation with the button that undoes it.
func (v *vouchers) offer(ctx context.Context, row models.Inbox, m bot.Message, op models.Operation) (bot.Reply, error) {
	reply, err := v.views.operationReply(ctx, v.DB, op)
	if err != nil {
		return bot.Reply{}, err
	}
	reply.Card.Title, reply.Card.Tone = "要撤销这一次吗？", bot.Plain
	return v.turns.finish(ctx, row, m, reply)
}

// undo undoes an operation: every coupon that it consumed, each with a result of
// its own. Who may not, or comes too late, is refused without a call.
func (v *vouchers) undo(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, op models.Operation) (bot.Reply, error) {
	p, ok := access.Find(places, op.StoreID)
	if !ok {
		return v.turns.finish(ctx, row, m, bot.Reply{Text: "这次核销不属于您的门店，您不能撤销。"})
	}
	if op.UndoInboxID == row.ID { // an earlier worker of this message has begun
		reply, err := v.views.operationReply(ctx, v.DB, op)
		if err != nil {
			return bot.Reply{}, err
		}
		reply.Pending = !op.State.Terminal() && !op.NeedsHuman
		return v.turns.finish(ctx, row, m, reply)
	}
	for {
		var err error
		if op, err = v.core.Outcome(ctx, op); err != nil {
			return bot.Reply{}, err
		}
		if reply, err := v.refuseUndo(ctx, m, p, op); err != nil || !reply.Empty() {
			if err != nil {
				return bot.Reply{}, err
			}
			return v.turns.finish(ctx, row, m, reply)
		}
		if row, err = v.turns.extend(ctx, row, v.core.Lease(redeem.UndoCalls)); err != nil {
			return bot.Reply{}, err
		}
		step, err := v.core.Undo(ctx, redeem.UndoRequest{Asked: row, Op: op, UserID: p.Member.UserID, User: p.Member.Name})
		switch {
		case errors.Is(err, redeem.ErrMoved):
			if op, err = v.DB.Operation(ctx, op.ID); err != nil {
				return bot.Reply{}, fmt.Errorf("chat: operation: %w", err)
			}
		case errors.Is(err, models.ErrStale):
			return bot.Reply{}, errors.Join(outbox.ErrTakenOver, err)
		case err != nil:
			return bot.Reply{}, err
		default:
			return v.commitUndo(ctx, row, m, step)
		}
	}
}

func (v *vouchers) commitUndo(ctx context.Context, row models.Inbox, m bot.Message, step redeem.Step) (bot.Reply, error) {
	reply, err := v.turns.commit(ctx, row, m, step, func(ctx context.Context, tx *models.DB, op models.Operation) (bot.Reply, bool, error) {
		reply, err := v.views.undoReply(ctx, tx, m, op)
		failpoint.Hit("undo.outcome.before")
		return reply, true, err
	})
	failpoint.Hit("undo.outcome.after")
	v.out.CardsChanged(time.Time{})
	return reply, err
}

// refuseUndo says why an operation is not undone; an empty reply: it can be.
func (v *vouchers) refuseUndo(ctx context.Context, m bot.Message, p access.Place, op models.Operation) (bot.Reply, error) {
	verdict := redeem.CanUndo(op, v.Now())
	switch {
	case verdict == redeem.NotDone && m.Kind == bot.Click, verdict != redeem.NotDone && verdict != redeem.Undoable && m.Kind == bot.Click && p.MayUndo(op):
		return v.views.pressedReply(ctx, v.DB, m, op)
	case verdict == redeem.NotDone: // undone, under way, or never consumed: the truth is the answer
		return v.views.snapshotReply(ctx, v.DB, op)
	case !p.MayUndo(op):
		return v.mayNotUndo(ctx, m, op)
	case verdict != redeem.Undoable:
		return v.words.CannotUndo(op), nil
	}
	return bot.Reply{}, nil
}

func (v *vouchers) mayNotUndo(ctx context.Context, m bot.Message, op models.Operation) (bot.Reply, error) {
	text := fmt.Sprintf("券码 %s 是 %s 核销的，只有本人、组长或店长能撤销。", op.Code, op.User)
	if m.Kind != bot.Click || m.Passive() { // in a group, words leave the card to those who see it
		return bot.Reply{Text: text}, nil
	}
	reply, err := v.views.pressedReply(ctx, v.DB, m, op)
	if err != nil {
		return bot.Reply{}, err
	}
	c := reply.Card
	c.Title, c.Tone, c.Text, c.Keys, c.Until = "您不能撤销", bot.Bad, text, nil, time.Time{}
	return reply, nil
}
