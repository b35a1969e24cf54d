package chat

import (
	"context"
	"errors"
	"fmt"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/models"
)

// query shows what codes are worth, with a button that consumes. It consumes
// nothing itself. Whoever brought the first code here has asked the guard.
func (v *vouchers) query(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	var lines []string
	var calls []models.Call // of the last code
	for i, it := range cmd.Items {
		if i > 0 {
			wait, err := v.guards.next(ctx, t, v.core.Lease(redeem.LookCalls), calls)
			if err != nil {
				return bot.Reply{}, err
			}
			if !wait.Empty() {
				return t.answer(ctx, words.LooksCut(lines, len(cmd.Items)-i, wait))
			}
		}
		reply, made, err := v.queryOne(ctx, t.take(), it)
		if err != nil {
			return bot.Reply{}, err
		}
		if calls = made; len(cmd.Items) == 1 {
			return t.answerCalls(ctx, reply, calls)
		}
		lines = append(lines, words.LookLine(it.Code, reply))
	}
	return t.answerCalls(ctx, words.Looks(lines), calls)
}

func (v *vouchers) queryOne(ctx context.Context, p access.Place, it command.Item) (bot.Reply, []models.Call, error) {
	accounts := accountsOn(p.Store, it.Platform)
	if len(accounts) == 0 {
		op := models.Operation{StoreID: p.ID, Code: it.Code, Count: it.Count, Outcome: absent(it)}
		return v.words.Refusal(p.Store, op), nil, nil
	}
	var earlier models.Operation
	known := p.New != it.Code
	if known {
		var err error
		if earlier, err = v.DB.Journal.ByCouponIn(ctx, idsOf(accounts), it.Code); err != nil && !errors.Is(err, models.ErrNotFound) {
			return bot.Reply{}, nil, fmt.Errorf("chat: earlier operation: %w", err)
		}
		known = err == nil && earlier.State != models.Rejected
	}
	if known && earlier.State != models.Undone && (earlier.State != models.Done || v.Now().Before(earlier.UndoUntil)) {
		reply, err := v.views.snapshotReply(ctx, v.DB, earlier) // ours, and under way or undoable
		return reply, nil, err
	}
	q := redeem.Question{UserID: p.Member.UserID, User: p.Member.Name, Code: it.Code, Count: it.Count, Shop: v.shops.at(p)}
	found, err := v.core.LookIn(ctx, q, accounts)
	switch {
	case err != nil:
		return bot.Reply{}, nil, err
	case found.Usable && known && found.Op.StoreID == earlier.StoreID:
		return v.words.Usable(p.Store, it, found.Op, &earlier), found.Calls, nil
	case found.Usable:
		return v.words.Usable(p.Store, it, found.Op, nil), found.Calls, nil
	case known && found.Decided:
		reply, err := v.views.operationReply(ctx, v.DB, earlier)
		return reply, found.Calls, err
	}
	return v.words.Refusal(p.Store, found.Op), found.Calls, nil
}
