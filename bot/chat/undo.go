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
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// undoCode undoes the verification of a code in one of the stores.
func (x *money) undoCode(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, code string) (bot.Reply, error) {
	found, err := x.operationOn(ctx, places, code)
	if err != nil {
		return bot.Reply{}, err
	}
	if found == nil {
		return x.turns.finish(ctx, row, m, notVerified(code))
	}
	return x.undo(ctx, row, m, places, *found)
}

// operationOn finds what was done with a code in one of the stores; nil: nothing.
func (x *money) operationOn(ctx context.Context, places []access.Place, code string) (*models.Operation, error) {
	op, err := x.DB.OperationByCouponIn(ctx, access.IDs(places), code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && op.State == models.Rejected:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("bot: operation of a code: %w", err)
	}
	return &op, nil
}

func notVerified(code string) bot.Reply {
	return bot.Say("券码 %s 没有在这里核销过，不需要撤销。请核对券码再发。", code)
}

// offerUndoCode shows the verification of a code, with the button that undoes it
// where that is still possible.
func (x *money) offerUndoCode(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, code string) (bot.Reply, error) {
	op, err := x.operationOn(ctx, places, code)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case op == nil:
		return x.turns.finish(ctx, row, m, notVerified(code))
	case op.State != models.Done:
		reply, err := x.views.snapshotReply(ctx, x.DB, *op)
		if err != nil {
			return bot.Reply{}, err
		}
		return x.turns.finish(ctx, row, m, reply)
	case op.Superseded || !x.Now().Before(op.UndoUntil):
		return x.turns.finish(ctx, row, m, x.tooLate(*op))
	}
	reply, err := x.views.operationReply(ctx, x.DB, *op)
	if err != nil {
		return bot.Reply{}, err
	}
	reply.Card.Title, reply.Card.Tone = askUndoTitle, bot.Plain
	return x.turns.finish(ctx, row, m, reply)
}

// askUndoTitle stands over a card that only offers an undo.
const askUndoTitle = "要撤销这一次吗？"

// undo undoes an operation: every coupon it consumed, each with its own result.
// Whoever may not, or comes too late, is refused without a call.
func (x *money) undo(ctx context.Context, row models.Inbox, m bot.Message, places []access.Place, op models.Operation) (bot.Reply, error) {
	p, ok := access.Find(places, op.StoreID)
	if !ok {
		return x.turns.finish(ctx, row, m, bot.Reply{Text: "这次核销不属于您的门店，您不能撤销。"})
	}
	mine := op.UndoInboxID == row.ID // an earlier worker of this message has begun
	for {
		if !mine {
			var err error
			if op, err = x.outcomeOf(ctx, op); err != nil {
				return bot.Reply{}, err
			}
		}
		switch {
		case mine || op.State != models.Done: // undone, under way, or never consumed: the truth is the answer
			look := x.views.snapshotReply
			if mine {
				look = x.views.operationReply
			}
			if m.Kind == bot.Click && !mine {
				look = func(ctx context.Context, db *models.DB, op models.Operation) (bot.Reply, error) {
					return x.views.pressedReply(ctx, db, m, op)
				}
			}
			reply, err := look(ctx, x.DB, op)
			if err != nil {
				return bot.Reply{}, err
			}
			reply.Pending = mine && !op.State.Terminal()
			return x.turns.finish(ctx, row, m, reply)
		case !p.MayUndo(op):
			reply := bot.Reply{Text: fmt.Sprintf("券码 %s 是 %s 核销的，只有本人、组长或店长能撤销。", op.Code, op.User)}
			if m.Kind == bot.Click && !m.Passive() { // in a group, words leave the card to those who see it
				text := reply.Text
				var err error
				if reply, err = x.views.pressedReply(ctx, x.DB, m, op); err != nil {
					return bot.Reply{}, err
				}
				c := reply.Card
				c.Title, c.Tone, c.Text, c.Keys, c.Until = "您不能撤销", bot.Bad, text, nil, time.Time{}
			}
			return x.turns.finish(ctx, row, m, reply)
		case !x.words.Undoable(op):
			reply := x.tooLate(op)
			if m.Kind == bot.Click {
				var err error
				if reply, err = x.views.pressedReply(ctx, x.DB, m, op); err != nil {
					return bot.Reply{}, err
				}
			}
			return x.turns.finish(ctx, row, m, reply)
		}
		op.UndoInboxID, op.UndoUserID, op.UndoUser = row.ID, p.Member.UserID, p.Member.Name
		op.UndoCalledAt, op.UndoReason, op.UndoMessage = x.Now(), "", ""
		op.DueAt = x.Now().Add(x.turns.lease(round(op)))
		failpoint.Hit("undo.intent.before")
		begun, err := x.DB.BeginUndo(ctx, op)
		if err == nil {
			op = begun
			if row, err = x.turns.extend(ctx, row, x.turns.lease(callsPerCode+couponsPerRound)); err != nil {
				return bot.Reply{}, err
			}
			break
		}
		if !errors.Is(err, models.ErrStale) {
			return bot.Reply{}, fmt.Errorf("bot: undo intent: %w", err)
		}
		if op, err = x.DB.Operation(ctx, op.ID); err != nil { // somebody else acted; look again
			return bot.Reply{}, fmt.Errorf("bot: operation: %w", err)
		}
	}

	j := journal{op: op}
	failpoint.Hit("undo.call.before")
	step, err := x.reverse(ctx, &j, p.Store, op, nil)
	failpoint.Hit("undo.call.after")
	if err != nil {
		return bot.Reply{}, err
	}
	var reply bot.Reply
	err = x.DB.Tx(ctx, func(tx *models.DB) error {
		now, err := step(ctx, tx)
		if err != nil {
			return err
		}
		if reply, err = x.views.undoReply(ctx, tx, m, now); err != nil {
			return err
		}
		failpoint.Hit("undo.outcome.before")
		return x.out.Answer(ctx, tx, row, m, reply)
	})
	if errors.Is(err, outbox.ErrTakenOver) { // the answer is somebody else's now; the outcome is known here
		err = errors.Join(err, x.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
	}
	failpoint.Hit("undo.outcome.after")
	x.out.CardsChanged(time.Time{})
	return reply, err
}

func (x *money) tooLate(op models.Operation) bot.Reply {
	if op.Superseded {
		return bot.Reply{Text: fmt.Sprintf("券码 %s 在 %s 由 %s 核销，后来又核销过一次，这一次不能再撤销，没有撤销。", op.Code, x.words.When(op.ConsumedAt), op.User)}
	}
	say := words.Sayings[redeem.ReasonUndoLate]
	return bot.Reply{Text: fmt.Sprintf("券码 %s 在 %s 由 %s 核销，%s%s", op.Code, x.words.When(op.ConsumedAt), op.User, "已过撤销时间，没有撤销。", say.Next)}
}

// verdict says of one coupon of a doubtful undo what a question to the platform
// has shown.
type verdict string

const (
	isUndone verdict = "undone"   // it is no longer consumed
	isUsed   verdict = "consumed" // it is still consumed: reverseconsume may be called
	isTooOld verdict = "too_old"  // still consumed, and too late to undo
	isKept   verdict = "kept"     // still consumed, and people were told: not undone on its own any more
	noAnswer verdict = "unknown"
)

// couponsPerRound bounds the calls, and so the lease, of one round of an undo.
const couponsPerRound = 5

// round is how many coupons of an operation one round takes on.
func round(op models.Operation) int { return min(max(op.Count, 1), couponsPerRound) }

// reverse calls reverseconsume for every coupon that is not undone yet, but
// never for one in doubt: those go by the verdicts of [Bot.askUndo].
func (x *money) reverse(ctx context.Context, j *journal, s models.Store, op models.Operation, verdicts map[string]verdict) (commit, error) {
	coupons, err := x.DB.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("bot: coupons: %w", err)
	}
	client, shop, err := x.open(ctx, s)
	if err != nil {
		return nil, err
	}
	unknown, asked := 0, 0
	for i := range coupons {
		c := &coupons[i]
		if !c.UndoneAt.IsZero() {
			continue
		}
		switch verdicts[c.Code] {
		case isUndone:
			c.UndoneAt, c.UndoReason = x.Now(), ""
			continue
		case isTooOld:
			c.UndoReason = redeem.ReasonUndoLate
			continue
		case isKept:
			c.UndoReason = redeem.ReasonNotUndone
			continue
		case noAnswer:
			unknown++
			continue
		}
		if asked++; asked > couponsPerRound { // settling goes on with the rest
			unknown++
			continue
		}
		if client == nil {
			c.UndoReason = redeem.ReasonNoPlatform
			continue
		}
		_, err := call(x, j, dianping.CallReverseConsume, func() ([]dianping.Receipt, error) {
			return client.ReverseConsume(ctx, shop, dianping.ReverseRequest{
				Code: c.Code, DealID: c.DealID, Operator: operator(op.UndoUserID, op.UndoUser),
			})
		})
		switch e := platformError(err); {
		case e == nil:
			c.UndoneAt, c.UndoReason = x.Now(), ""
		case e.Class == dianping.UnknownOutcome:
			unknown++
		case e.Reason == dianping.CodeReplaced: // it has been undone, by whomever
			c.UndoneAt, c.UndoReason = x.Now(), ""
		case verdicts != nil && (e.Class != dianping.Refused || !aboutCode(e.Reason)):
			unknown++ // says nothing of the earlier call, which may still be on its way
		default:
			o := words.OutcomeOf(e)
			c.UndoReason, op.UndoMessage = o.Reason, o.Message
		}
	}
	calls := j.calls
	if unknown > 0 {
		op = x.doubted(op, op.UndoCalledAt)
		return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
			return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.DoubtUndo(ctx, op, coupons) })
		}, nil
	}
	op.DoubtSince, op.NeedsHuman = time.Time{}, false
	for _, c := range coupons {
		if c.UndoneAt.IsZero() {
			op.UndoReason = c.UndoReason
		}
	}
	if words.UndoneOf(coupons) == len(coupons) {
		op.UndoneAt, op.UndoReason = x.Now(), ""
		return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
			return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.FinishUndo(ctx, op, coupons) })
		}, nil
	}
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.RefuseUndo(ctx, op, coupons) })
	}, nil
}

// askUndo asks the platform about every coupon of a doubtful undo.
func (x *money) askUndo(ctx context.Context, j *journal, s models.Store, op models.Operation) (map[string]verdict, error) {
	coupons, err := x.DB.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("bot: coupons: %w", err)
	}
	client, shop, err := x.open(ctx, s)
	if err != nil {
		return nil, err
	}
	verdicts, asked := map[string]verdict{}, 0
	for _, c := range coupons {
		if !c.UndoneAt.IsZero() {
			continue
		}
		verdicts[c.Code] = noAnswer
		if asked++; client == nil || asked > couponsPerRound {
			continue
		}
		_, err := call(x, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
			return client.GetConsumed(ctx, shop, c.Code)
		})
		switch e := platformError(err); {
		case e == nil && !x.Now().Before(op.UndoUntil):
			verdicts[c.Code] = isTooOld
		case e == nil && op.NeedsHuman:
			verdicts[c.Code] = isKept
		case e == nil:
			verdicts[c.Code] = isUsed
		case e.Reason == dianping.CodeReplaced:
			verdicts[c.Code] = isUndone
		case e.Class == dianping.Refused && !aboutShop(e.Reason): // not consumed, as it seems; a prepare makes sure
			verdicts[c.Code] = x.prepareVerdict(ctx, j, client, shop, c.Code)
		}
	}
	return verdicts, nil
}

func (x *money) prepareVerdict(ctx context.Context, j *journal, client dianping.Client, shop dianping.Shop, code string) verdict {
	_, err := call(x, j, dianping.CallPrepare, func() (dianping.Receipt, error) { return client.Prepare(ctx, shop, code) })
	e := platformError(err)
	if e == nil {
		return isUndone // it can be consumed again
	}
	switch e.Reason {
	case dianping.CodeReplaced, dianping.NotFound, dianping.Refunding, dianping.RefundRequested:
		return isUndone // void, replaced or refunded: in any case not consumed
	}
	return noAnswer
}
