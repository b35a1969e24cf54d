package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/reconcile"
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
	if !cmd.Used {
		if reply, ended, err := d.closeUndone(ctx, t, it); ended || err != nil {
			return reply, err
		}
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
// consumed, or not. The person who asked is told, and the audit is kept, or nothing is
// ended: where the message was taken over, its other worker ends it.
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
	return d.end(ctx, t, op, step, func(ctx context.Context, tx *models.DB, now models.Operation) error {
		if err := d.turns.record(ctx, tx, t.m, "close doubt", p.ID, op.Code, string(op.State), string(now.State)); err != nil {
			return err
		}
		return d.report(ctx, tx, now, true)
	})
}

// end commits a step with what is kept of it, and shows what it has come to.
func (d *doubts) end(ctx context.Context, t *turn, op models.Operation, step redeem.Step, keep func(context.Context, *models.DB, models.Operation) error) (bot.Reply, error) {
	reply, err := t.together(ctx, step, func(ctx context.Context, tx *models.DB, now models.Operation) (bot.Reply, bool, error) {
		if err := keep(ctx, tx, now); err != nil {
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

// undoneCalls are the calls that it may take to ask about one coupon.
const undoneCalls = 4

// closeUndone ends a verification that reconciliation has found to be undone at the
// platform, by a manager's word; false: there is none with this code that is done.
func (d *doubts) closeUndone(ctx context.Context, t *turn, it command.Item) (reply bot.Reply, ended bool, err error) {
	op, gone, err := d.undoneThere(ctx, t, it)
	if err != nil || op.ID == "" {
		return bot.Reply{}, false, err
	}
	p, ok := access.Find(t.places, op.StoreID)
	if !ok || p.Member.Role != models.RoleManager {
		reply, err = t.answer(ctx, words.OnlyManagersClose)
		return reply, true, err
	}
	if len(gone) == 0 {
		reply, err = t.answer(ctx, words.ReconcileFirst(op, reconcile.DayOf(op.ConsumedAt)))
		return reply, true, err
	}
	if err := t.extend(ctx, d.core.Lease(undoneCalls*max(op.Count, 1))); err != nil {
		return bot.Reply{}, true, err
	}
	step, err := d.core.CloseUndone(ctx, op, gone, cmp.Or(p.Member.Name, p.Member.UserID))
	switch {
	case errors.Is(err, redeem.ErrNotInDoubt):
		return bot.Reply{}, false, nil
	case errors.Is(err, redeem.ErrStillThere), errors.Is(err, redeem.ErrNotTold):
		reply, err = t.answer(ctx, words.NotUndoneThere(p.Store, op, errors.Is(err, redeem.ErrStillThere)))
		return reply, true, err
	case err != nil:
		return bot.Reply{}, true, err
	}
	reply, err = d.end(ctx, t, op, step, func(ctx context.Context, tx *models.DB, now models.Operation) error {
		return d.turns.record(ctx, tx, t.m, "undone there", p.ID, op.Code, string(op.State), string(now.State))
	})
	return reply, true, err
}

// undoneThere finds the oldest operation with a code that is done and of which reconciliation
// says that the platform no longer has it, with the coupons, else the newest that is done.
func (d *doubts) undoneThere(ctx context.Context, t *turn, it command.Item) (found models.Operation, gone map[string]int, err error) {
	ops, err := d.DB.History.OfCode(ctx, it.Code)
	if err != nil {
		return found, nil, fmt.Errorf("chat: operations of a code: %w", err)
	}
	accounts := accountsNamed(t.places, it.Platform)
	for _, op := range ops {
		if op.State != models.Done || !slices.Contains(accounts, op.StoreID) {
			continue
		}
		found = op
		if gone, err = d.reconciliation.Gone(ctx, op); err != nil || len(gone) > 0 {
			return op, gone, err
		}
	}
	return found, nil, nil
}
