package chat

import (
	"context"
	"errors"
	"fmt"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/redeem"
	"yanquan/models"
)

// closeCode ends the doubt about a code in one of the stores.
func (d *doubts) closeCode(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, op *models.Operation, used bool) (bot.Reply, error) {
	if op == nil {
		return d.turns.finish(ctx, row, m, bot.Reply{Text: "这个券码没有在这里核销过，不用确认。请核对券码再发。"})
	}
	return d.close(ctx, row, m, places, *op, used)
}

// close ends a doubt by what a manager has seen at the platform: the voucher is
// consumed, or not. The person who asked is told.
func (d *doubts) close(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, op models.Operation, used bool) (bot.Reply, error) {
	p, ok := access.Find(places, op.StoreID)
	if !ok || p.Member.Role != models.RoleManager {
		return d.turns.finish(ctx, row, m, bot.Reply{Text: "只有这家门店的店长或管理员可以确认。"})
	}
	step, err := d.core.Close(ctx, op, used, p.Member.Name)
	if errors.Is(err, redeem.ErrNotInDoubt) {
		reply, err := d.views.operationReply(ctx, d.DB, op)
		if err != nil {
			return bot.Reply{}, err
		}
		return d.turns.finish(ctx, row, m, reply)
	}
	if err != nil {
		return bot.Reply{}, err
	}
	before, after := string(op.State), ""
	reply, err := d.turns.commit(ctx, row, m, step, func(ctx context.Context, tx *models.DB, now models.Operation) (bot.Reply, bool, error) {
		after = string(now.State)
		if err := d.turns.record(ctx, tx, m, "close doubt", op.StoreID, op.Code, before, after); err != nil {
			return bot.Reply{}, false, err
		}
		if err := d.report(ctx, tx, now, true); err != nil {
			return bot.Reply{}, false, err
		}
		reply, err := d.views.operationReply(ctx, tx, now)
		return reply, true, err
	})
	if errors.Is(err, models.ErrStale) { // settled, or closed by another manager, just now
		if op, err = d.DB.Operation(ctx, op.ID); err != nil {
			return bot.Reply{}, fmt.Errorf("chat: operation: %w", err)
		}
		if reply, err = d.views.operationReply(ctx, d.DB, op); err != nil {
			return bot.Reply{}, err
		}
		return d.turns.finish(ctx, row, m, reply)
	}
	d.out.CardsChanged(op.CalledAt)
	return reply, err
}
