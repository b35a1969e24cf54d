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
	earlier, err := v.earlierOn(ctx, p, it)
	if err != nil {
		return bot.Reply{}, nil, err
	}
	known, accounts := earlier != nil, accountsOn(p.Store, it.Platform)
	if len(accounts) == 0 && !known {
		op := models.Operation{StoreID: p.ID, Code: it.Code, Count: it.Count, Outcome: absent(it)}
		return v.words.Refusal(p.Store, op), nil, nil
	}
	if len(accounts) == 0 { // it was verified before the account was taken off
		reply, err := v.views.operationReply(ctx, v.DB, *earlier)
		return reply, nil, err
	}
	if known && earlier.State != models.Undone && (earlier.State != models.Done || v.Now().Before(earlier.UndoUntil)) {
		reply, err := v.views.snapshotReply(ctx, v.DB, *earlier) // ours, and under way or undoable
		return reply, nil, err
	}
	q := redeem.Question{UserID: p.Member.UserID, User: p.Member.Name, Code: it.Code, Count: it.Count, Product: it.Product, Shop: v.shops.at(p)}
	found, err := v.core.LookIn(ctx, q, accounts)
	if err != nil {
		return bot.Reply{}, nil, err
	}
	if known {
		redeem.NoGuess(found.Calls)
	}
	switch {
	case found.Usable, redeem.AsksProduct(found.Op.Outcome):
		reply, err := v.usable(ctx, p, it, found.Op, earlier)
		return reply, found.Calls, err
	case known && (earlier.State == models.Done || found.Decided): // what the journal has of it says more
		if also := redeem.AlsoAt(found.Op.Outcome, earlier.StoreID); also != "" {
			return v.words.VerifiedHere(p.Store, *earlier, also), found.Calls, nil
		}
		reply, err := v.views.operationReply(ctx, v.DB, *earlier)
		return reply, found.Calls, err
	}
	return v.words.Refusal(p.Store, found.Op), found.Calls, nil
}

// earlierOn finds the operation of a store that tells most about a code: the newest
// that stands, else one that was undone; nil: none.
func (v *vouchers) earlierOn(ctx context.Context, p access.Place, it command.Item) (*models.Operation, error) {
	if p.New == it.Code {
		return nil, nil
	}
	accounts := accountsNamed([]access.Place{p}, it.Platform)
	standing, err := v.DB.Journal.StandingIn(ctx, accounts, it.Code)
	if err != nil {
		return nil, fmt.Errorf("chat: earlier operation: %w", err)
	}
	if len(standing) > 0 {
		return &standing[0], nil
	}
	op, err := v.DB.Journal.ByCouponIn(ctx, accounts, it.Code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && op.State == models.Rejected:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("chat: earlier operation: %w", err)
	}
	return &op, nil
}

// usable is the card of a voucher that can be consumed, which tells what stands on its
// code: at its own account, or at another of the store.
func (v *vouchers) usable(ctx context.Context, p access.Place, it command.Item, op models.Operation, earlier *models.Operation) (bot.Reply, error) {
	if earlier != nil && earlier.StoreID == op.StoreID {
		return v.words.Usable(p.Store, it, op, earlier), nil
	}
	beside, err := v.DB.Journal.StandingIn(ctx, p.Beside(op.StoreID), it.Code)
	switch {
	case err != nil:
		return bot.Reply{}, fmt.Errorf("chat: operations beside: %w", err)
	case len(beside) > 0:
		return v.words.UsableBeside(p.Store, it, op, beside[0]), nil
	}
	return v.words.Usable(p.Store, it, op, nil), nil
}
