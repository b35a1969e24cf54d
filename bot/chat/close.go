package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// closeCode ends the doubt about a code in one of the stores, or asks which.
func (d *doubts) closeCode(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	it := cmd.Items[0]
	in, err := d.inDoubt(ctx, t, it)
	if err != nil {
		return bot.Reply{}, err
	}
	switch len(in) {
	case 0:
	case 1:
		return d.close(ctx, t, in[0], cmd.Used)
	default:
		return t.answer(ctx, d.words.WhichDoubt(storesOf(t.places, in), in, cmd.Used))
	}
	op, err := operationOn(ctx, d.DB, t.places, it)
	if err != nil {
		return bot.Reply{}, err
	}
	if op == nil {
		return t.answer(ctx, words.NothingToClose)
	}
	return d.close(ctx, t, *op, cmd.Used)
}

// inDoubt finds the operations on a code that are left to people.
func (d *doubts) inDoubt(ctx context.Context, t *turn, it command.Item) ([]models.Operation, error) {
	ops, err := d.DB.History.OfCode(ctx, it.Code)
	if err != nil {
		return nil, fmt.Errorf("chat: operations of a code: %w", err)
	}
	accounts := accountsNamed(t.places, it.Platform)
	return slices.DeleteFunc(ops, func(op models.Operation) bool {
		return op.State.Terminal() || !op.NeedsHuman || !slices.Contains(accounts, op.StoreID)
	}), nil
}

func (d *doubts) closePressed(ctx context.Context, t *turn, b command.Button, op models.Operation) (bot.Reply, error) {
	return d.close(ctx, t, op, b.Used)
}

// close ends a doubt by what a manager has seen at the platform: the voucher is
// consumed, or not. The person who asked is told.
func (d *doubts) close(ctx context.Context, t *turn, op models.Operation, used bool) (bot.Reply, error) {
	p, ok := access.Find(t.places, op.StoreID)
	if !ok || p.Member.Role != models.RoleManager {
		return t.answer(ctx, words.OnlyManagersClose)
	}
	step, err := d.core.Close(ctx, op, used, p.Member.Name)
	if errors.Is(err, redeem.ErrNotInDoubt) {
		reply, err := d.views.operationReply(ctx, d.DB, op)
		if err != nil {
			return bot.Reply{}, err
		}
		return t.answer(ctx, reply)
	}
	if err != nil {
		return bot.Reply{}, err
	}
	before, after := string(op.State), ""
	reply, err := t.commit(ctx, step, func(ctx context.Context, tx *models.DB, now models.Operation) (bot.Reply, bool, error) {
		after = string(now.State)
		if err := d.turns.record(ctx, tx, t.m, "close doubt", p.ID, op.Code, before, after); err != nil {
			return bot.Reply{}, false, err
		}
		if err := d.report(ctx, tx, now, true); err != nil {
			return bot.Reply{}, false, err
		}
		reply, err := d.views.operationReply(ctx, tx, now)
		return reply, true, err
	})
	if errors.Is(err, models.ErrStale) { // settled, or closed by another manager, just now
		if op, err = d.DB.Journal.Get(ctx, op.ID); err != nil {
			return bot.Reply{}, fmt.Errorf("chat: operation: %w", err)
		}
		if reply, err = d.views.operationReply(ctx, d.DB, op); err != nil {
			return bot.Reply{}, err
		}
		return t.answer(ctx, reply)
	}
	d.out.CardsChanged(op.CalledAt)
	return reply, err
}
