package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// undoAsked undoes the verification of a code in one of the places, or offers to
// undo the sender's last one.
func (v *vouchers) undoAsked(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	if len(cmd.Items) == 0 {
		return v.offerUndo(ctx, t)
	}
	op, reply, err := v.whichUndo(ctx, t, cmd.Items[0])
	if err != nil {
		return bot.Reply{}, err
	}
	if op == nil {
		return t.answer(ctx, reply)
	}
	if !cmd.Counted {
		return v.undo(ctx, t, command.Button{}, *op)
	}
	last, err := v.core.Outcome(ctx, *op)
	if err != nil {
		return bot.Reply{}, err
	}
	if p, ok := access.Find(t.places, last.StoreID); !ok || !p.MayUndo(last) || redeem.CanUndo(last, v.Now()) != redeem.Undoable {
		return v.undo(ctx, t, command.Button{}, last)
	}
	all, err := v.standing(ctx, last)
	if err != nil {
		return bot.Reply{}, err
	}
	if cmd.Items[0].Count == all {
		return v.undo(ctx, t, command.Button{}, last)
	}
	return v.offerAll(ctx, t, cmd, last)
}

// standing is how many coupons, or visits, of an operation an undo gives back: all that
// have not been given back.
func (v *vouchers) standing(ctx context.Context, op models.Operation) (int, error) {
	coupons, err := v.DB.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return 0, fmt.Errorf("chat: coupons: %w", err)
	}
	return redeem.Consumed(op, coupons) - words.UndoneOf(coupons), nil
}

// offerAll shows an operation with the button that undoes it, and says so where that is
// not as many as were asked for.
func (v *vouchers) offerAll(ctx context.Context, t *turn, cmd command.Command, op models.Operation) (bot.Reply, error) {
	reply, err := v.views.operationReply(ctx, v.DB, op)
	if err != nil {
		return bot.Reply{}, err
	}
	words.AskUndo(reply.Card)
	if cmd.Counted {
		all, err := v.standing(ctx, op)
		if err != nil {
			return bot.Reply{}, err
		}
		if asked := cmd.Items[0].Count; asked != all {
			words.AskAll(reply.Card, op, asked, all)
		}
	}
	return t.answer(ctx, reply)
}

// whichUndo finds the verification of a code that is to be undone: the newest that
// stands, where it is the only one that this person can undo. A reply: there is none, or
// it has to be asked which.
func (v *vouchers) whichUndo(ctx context.Context, t *turn, it command.Item) (*models.Operation, bot.Reply, error) {
	standing, err := v.DB.Journal.StandingIn(ctx, accountsNamed(t.places, it.Platform), it.Code)
	if err != nil {
		return nil, bot.Reply{}, fmt.Errorf("chat: operations of a code: %w", err)
	}
	can := slices.DeleteFunc(slices.Clone(standing), func(op models.Operation) bool {
		p, _ := access.Find(t.places, op.StoreID)
		return redeem.CanUndo(op, v.Now()) != redeem.Undoable || !p.MayUndo(op)
	})
	switch {
	case len(standing) == 0:
		op, err := operationOn(ctx, v.DB, t.places, it)
		return op, words.NotVerified(it.Code), err
	case len(can) == 0 || len(can) == 1 && can[0].ID == standing[0].ID:
		return &standing[0], bot.Reply{}, nil
	}
	return nil, v.words.WhichUndo(storesOf(t.places, can), standing[0], can), nil
}

// storesOf are the stores of operations, each once.
func storesOf(places []access.Place, ops []models.Operation) (stores []models.Store) {
	for _, p := range places {
		if slices.ContainsFunc(ops, func(op models.Operation) bool { _, ok := p.AccountOf(op.StoreID); return ok }) {
			stores = append(stores, p.Store)
		}
	}
	return stores
}

// operationOn finds what was done with a code in one of the stores; nil: nothing.
func operationOn(ctx context.Context, db *models.DB, places []access.Place, it command.Item) (*models.Operation, error) {
	op, err := db.Journal.ByCouponIn(ctx, accountsNamed(places, it.Platform), it.Code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && op.State == models.Rejected:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("chat: operation of a code: %w", err)
	}
	return &op, nil
}

// offerUndoCode shows the verification of a code, with the button that undoes it
// where that is still possible.
func (v *vouchers) offerUndoCode(ctx context.Context, t *turn, cmd command.Command) (bot.Reply, error) {
	op, reply, err := v.whichUndo(ctx, t, cmd.Items[0])
	if err != nil {
		return bot.Reply{}, err
	}
	if op == nil {
		return t.answer(ctx, reply)
	}
	switch redeem.CanUndo(*op, v.Now()) {
	case redeem.Undoable:
		return v.offerAll(ctx, t, cmd, *op)
	case redeem.NotDone:
		if op.State == models.Held {
			return t.answer(ctx, words.HeldUndo(*op))
		}
		reply, err := v.views.snapshotReply(ctx, v.DB, *op)
		if err != nil {
			return bot.Reply{}, err
		}
		return t.answer(ctx, reply)
	}
	p, _ := access.Find(t.places, op.StoreID)
	if reply, err = v.cannotUndo(ctx, p, *op); err != nil {
		return bot.Reply{}, err
	}
	return t.answer(ctx, reply)
}

// cannotUndo says why an operation cannot be undone any more.
func (v *vouchers) cannotUndo(ctx context.Context, p access.Place, op models.Operation) (bot.Reply, error) {
	coupons, err := v.DB.Journal.Coupons(ctx, op.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: coupons: %w", err)
	}
	return v.words.CannotUndo(p.Store, op, coupons), nil
}

// offerUndo shows the sender's last verification that can still be undone. One that came
// after it and has no outcome yet is what the sender means: it is told of first.
func (v *vouchers) offerUndo(ctx context.Context, t *turn) (bot.Reply, error) {
	since := v.Now().Add(-openAtMost)
	op, err := v.DB.Journal.LastUndoable(ctx, access.AccountIDs(t.places), t.places[0].Member.UserID, v.Now())
	none := errors.Is(err, models.ErrNotFound)
	if err != nil && !none {
		return bot.Reply{}, fmt.Errorf("chat: last operation: %w", err)
	}
	if !none {
		since = op.CreatedAt
	}
	open, err := v.lastOpen(ctx, t, since)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case open != nil && open.State == models.Done: // by now
		return v.offerAll(ctx, t, command.Command{}, *open)
	case open != nil && none:
		return t.answer(ctx, words.OpenUndo(*open))
	case none:
		return t.answer(ctx, words.NothingToUndo)
	}
	reply, err := v.views.operationReply(ctx, v.DB, op)
	if err != nil {
		return bot.Reply{}, err
	}
	if words.AskUndo(reply.Card); open != nil {
		words.AskOlder(reply.Card, *open)
	}
	return t.answer(ctx, reply)
}

// openAtMost is how far back an operation without an outcome is looked for: longer than a
// platform keeps one back.
const openAtMost = 72 * time.Hour

// lastOpen is the sender's newest operation since a time that has no outcome, once that is
// waited for; nil: none.
func (v *vouchers) lastOpen(ctx context.Context, t *turn, since time.Time) (*models.Operation, error) {
	page, _, err := v.DB.History.Page(ctx, models.HistoryFilter{
		StoreIDs: access.AccountIDs(t.places), UserID: t.places[0].Member.UserID, From: since,
		States: []models.State{models.Calling, models.Unknown, models.Held, models.Undoing, models.UndoUnknown},
	}, models.HistoryMark{}, 1)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	op, err := v.core.Outcome(ctx, page[0])
	if err != nil || op.State == models.Rejected || op.State == models.Undone || op.State == models.Done && redeem.CanUndo(op, v.Now()) != redeem.Undoable {
		return nil, err
	}
	return &op, nil
}

// undo undoes an operation: every coupon that it consumed, each with a result of
// its own. Who may not, or comes too late, is refused without a call.
func (v *vouchers) undo(ctx context.Context, t *turn, _ command.Button, op models.Operation) (bot.Reply, error) {
	if !t.in(op.StoreID) {
		return t.answer(ctx, words.ForeignOperation)
	}
	p := t.places[0]
	if op.UndoInboxID == t.row.ID { // an earlier worker of this message has begun
		reply, err := v.views.operationReply(ctx, v.DB, op)
		if err != nil {
			return bot.Reply{}, err
		}
		reply.Pending = redeem.Pending(op)
		return t.answer(ctx, reply)
	}
	for {
		var err error
		if op, err = v.core.Outcome(ctx, op); err != nil {
			return bot.Reply{}, err
		}
		if reply, err := v.refuseUndo(ctx, t.m, p, op); err != nil || !reply.Empty() {
			if err != nil {
				return bot.Reply{}, err
			}
			return t.answer(ctx, reply)
		}
		if err = t.extend(ctx, v.core.Lease(redeem.UndoCalls)); err != nil {
			return bot.Reply{}, err
		}
		step, err := v.core.Undo(ctx, redeem.UndoRequest{Asked: t.row, Op: op, UserID: p.Member.UserID, User: p.Member.Name})
		switch {
		case errors.Is(err, redeem.ErrMoved):
			if op, err = v.DB.Journal.Get(ctx, op.ID); err != nil {
				return bot.Reply{}, fmt.Errorf("chat: operation: %w", err)
			}
		case errors.Is(err, models.ErrStale):
			return bot.Reply{}, errors.Join(outbox.ErrTakenOver, err)
		case err != nil:
			return bot.Reply{}, err
		default:
			return v.commitUndo(ctx, t, step)
		}
	}
}

func (v *vouchers) commitUndo(ctx context.Context, t *turn, step redeem.Step) (bot.Reply, error) {
	reply, err := t.commit(ctx, step, func(ctx context.Context, tx *models.DB, op models.Operation) (bot.Reply, bool, error) {
		reply, err := v.views.undoReply(ctx, tx, t.m, op)
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
	case op.State == models.Held:
		return words.HeldUndo(op), nil
	case verdict == redeem.NotDone && m.Kind == bot.Click, verdict != redeem.NotDone && verdict != redeem.Undoable && m.Kind == bot.Click && p.MayUndo(op):
		return v.views.pressedReply(ctx, v.DB, m, op)
	case verdict == redeem.NotDone: // undone, under way, or never consumed: the truth is the answer
		return v.views.snapshotReply(ctx, v.DB, op)
	case !p.MayUndo(op):
		return v.mayNotUndo(ctx, m, op)
	case verdict != redeem.Undoable:
		return v.cannotUndo(ctx, p, op)
	}
	return bot.Reply{}, nil
}

func (v *vouchers) mayNotUndo(ctx context.Context, m bot.Message, op models.Operation) (bot.Reply, error) {
	if m.Kind != bot.Click || m.Passive() { // in a group, words leave the card to those who see it
		return words.MayNotUndo(op), nil
	}
	reply, err := v.views.pressedReply(ctx, v.DB, m, op)
	if err != nil {
		return bot.Reply{}, err
	}
	words.RefuseUndo(reply.Card, op)
	return reply, nil
}

// show shows an operation as it stands.
func (v *vouchers) show(ctx context.Context, t *turn, _ command.Button, op models.Operation) (bot.Reply, error) {
	card, err := v.views.cardFor(ctx, v.DB, t.m.User, op)
	if err != nil {
		return bot.Reply{}, err
	}
	return t.answer(ctx, bot.Reply{Card: card})
}
