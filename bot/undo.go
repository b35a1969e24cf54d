package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// undoCode undoes the verification of a code in one of the stores.
func (b *Bot) undoCode(ctx context.Context, row models.Inbox, m Message, places []place, code string) (Reply, error) {
	found, err := b.operationOn(ctx, places, code)
	if err != nil {
		return Reply{}, err
	}
	if found == nil {
		return b.finish(ctx, row, m, notVerified(code))
	}
	return b.undo(ctx, row, m, places, *found)
}

// operationOn finds what was done with a code in one of the stores; nil: nothing.
func (b *Bot) operationOn(ctx context.Context, places []place, code string) (*models.Operation, error) {
	var found *models.Operation
	for _, p := range places {
		op, err := b.DB.OperationByCoupon(ctx, p.ID, code)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("bot: operation of a code: %w", err)
		}
		if found == nil || rank(op.State) > rank(found.State) {
			found = &op
		}
	}
	if found != nil && found.State == models.Rejected {
		return nil, nil
	}
	return found, nil
}

func notVerified(code string) Reply {
	return say("券码 %s 没有在这里核销过，不需要撤销。请核对券码再发。", code)
}

// offerUndoCode shows the verification of a code, with the button that undoes it
// where that is still possible.
func (b *Bot) offerUndoCode(ctx context.Context, row models.Inbox, m Message, places []place, code string) (Reply, error) {
	op, err := b.operationOn(ctx, places, code)
	switch {
	case err != nil:
		return Reply{}, err
	case op == nil:
		return b.finish(ctx, row, m, notVerified(code))
	case op.State != models.Done:
		reply, err := b.snapshotReply(ctx, b.DB, *op)
		if err != nil {
			return Reply{}, err
		}
		return b.finish(ctx, row, m, reply)
	case op.Superseded || !b.Now().Before(op.UndoUntil):
		return b.finish(ctx, row, m, b.tooLate(*op))
	}
	reply, err := b.operationReply(ctx, b.DB, *op)
	if err != nil {
		return Reply{}, err
	}
	reply.Card.Title, reply.Card.Tone = askUndoTitle, Plain
	return b.finish(ctx, row, m, reply)
}

// askUndoTitle stands over a card that only offers an undo.
const askUndoTitle = "要撤销这一次吗？"

// rank prefers, among operations on one code, the one an undo can mean.
func rank(s models.State) int {
	switch s {
	case models.Done, models.Undoing, models.UndoUnknown:
		return 3
	case models.Calling, models.Unknown:
		return 2
	case models.Undone:
		return 1
	}
	return 0
}

// undo undoes an operation: every coupon it consumed, each with its own result.
// Whoever may not, or comes too late, is refused without a call.
func (b *Bot) undo(ctx context.Context, row models.Inbox, m Message, places []place, op models.Operation) (Reply, error) {
	p, ok := placeOf(places, op.StoreID)
	if !ok {
		return b.finish(ctx, row, m, Reply{Text: "这次核销不属于您的门店，您不能撤销。"})
	}
	mine := op.UndoInboxID == row.ID // an earlier worker of this message has begun
	for {
		if !mine {
			var err error
			if op, err = b.outcomeOf(ctx, op); err != nil {
				return Reply{}, err
			}
		}
		switch {
		case mine || op.State != models.Done: // undone, under way, or never consumed: the truth is the answer
			look := b.snapshotReply
			if mine {
				look = b.operationReply
			}
			if m.Kind == Click && !mine {
				look = func(ctx context.Context, db *models.DB, op models.Operation) (Reply, error) {
					return b.pressedReply(ctx, db, m, op)
				}
			}
			reply, err := look(ctx, b.DB, op)
			if err != nil {
				return Reply{}, err
			}
			reply.Pending = mine && !op.State.Terminal()
			return b.finish(ctx, row, m, reply)
		case !p.mayUndo(op):
			reply := Reply{Text: fmt.Sprintf("券码 %s 是 %s 核销的，只有本人、组长或店长能撤销。", op.Code, op.User)}
			if m.Kind == Click && !m.Passive() { // in a group, words leave the card to those who see it
				text := reply.Text
				var err error
				if reply, err = b.pressedReply(ctx, b.DB, m, op); err != nil {
					return Reply{}, err
				}
				c := reply.Card
				c.Title, c.Tone, c.Text, c.Keys, c.Until = "您不能撤销", Bad, text, nil, time.Time{}
			}
			return b.finish(ctx, row, m, reply)
		case !b.undoable(op):
			reply := b.tooLate(op)
			if m.Kind == Click {
				var err error
				if reply, err = b.pressedReply(ctx, b.DB, m, op); err != nil {
					return Reply{}, err
				}
			}
			return b.finish(ctx, row, m, reply)
		}
		op.UndoInboxID, op.UndoUserID, op.UndoUser = row.ID, p.member.UserID, p.member.Name
		op.UndoCalledAt, op.UndoReason, op.UndoMessage = b.Now(), "", ""
		op.DueAt = b.Now().Add(b.lease(round(op)))
		failpoint.Hit("undo.intent.before")
		begun, err := b.DB.BeginUndo(ctx, op)
		if err == nil {
			op = begun
			if row, err = b.extend(ctx, row, b.lease(callsPerCode+couponsPerRound)); err != nil {
				return Reply{}, err
			}
			break
		}
		if !errors.Is(err, models.ErrStale) {
			return Reply{}, fmt.Errorf("bot: undo intent: %w", err)
		}
		if op, err = b.DB.Operation(ctx, op.ID); err != nil { // somebody else acted; look again
			return Reply{}, fmt.Errorf("bot: operation: %w", err)
		}
	}

	j := journal{op: op}
	failpoint.Hit("undo.call.before")
	step, err := b.reverse(ctx, &j, p.Store, op, nil)
	failpoint.Hit("undo.call.after")
	if err != nil {
		return Reply{}, err
	}
	var reply Reply
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		now, err := step(ctx, tx)
		if err != nil {
			return err
		}
		if reply, err = b.undoReply(ctx, tx, m, now); err != nil {
			return err
		}
		failpoint.Hit("undo.outcome.before")
		return b.answer(ctx, tx, row, m, reply)
	})
	if errors.Is(err, errTakenOver) { // the answer is somebody else's now; the outcome is known here
		err = errors.Join(err, b.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
	}
	failpoint.Hit("undo.outcome.after")
	b.cardsHappened(time.Time{})
	return reply, err
}

// undoReply shows the outcome of an undo. Where the button stood on a list, the
// list is shown again, for the card of one would take its place.
func (b *Bot) undoReply(ctx context.Context, tx *models.DB, m Message, op models.Operation) (Reply, error) {
	reply, err := b.operationReply(ctx, tx, op)
	if err == nil && m.Kind == Click {
		var list Reply
		var on bool
		if list, on, err = b.listPressed(ctx, tx, m, op); on {
			reply = Reply{Card: list.Card}
		}
	}
	reply.Pending = !op.State.Terminal() && !op.NeedsHuman
	return reply, err
}

// pressedReply is the truth about an operation, as the answer to a press that
// undoes nothing: a card in place of the one that was pressed.
func (b *Bot) pressedReply(ctx context.Context, db *models.DB, m Message, op models.Operation) (Reply, error) {
	list, on, err := b.listPressed(ctx, db, m, op)
	if err != nil || on {
		return Reply{Card: list.Card}, err
	}
	card, err := b.cardFor(ctx, db, m.User, op)
	return Reply{Card: card}, err
}

// listPressed renders the list anew on which the button of an operation was
// pressed, if it was a list.
func (b *Bot) listPressed(ctx context.Context, tx *models.DB, m Message, op models.Operation) (list Reply, on bool, err error) {
	row, err := tx.Message(ctx, op.InboxID)
	if errors.Is(err, models.ErrNotFound) {
		return Reply{}, false, nil
	}
	if err != nil {
		return Reply{}, false, fmt.Errorf("bot: message: %w", err)
	}
	var asked Message
	var shown Reply
	if json.Unmarshal(row.Payload, &asked) != nil || json.Unmarshal(row.Reply, &shown) != nil {
		return Reply{}, false, nil
	}
	ops, err := tx.OperationsOfMessage(ctx, row.ID)
	if err != nil || len(ops) < 2 || shown.Card == nil || m.Button == nil || shown.Card.TaskID != m.Button.TaskID {
		return Reply{}, false, err
	}
	list, err = b.verifyReply(ctx, tx, asked, row.ID)
	return list, err == nil, err
}

func (b *Bot) tooLate(op models.Operation) Reply {
	if op.Superseded {
		return Reply{Text: fmt.Sprintf("券码 %s 在 %s 由 %s 核销，后来又核销过一次，这一次不能再撤销，没有撤销。", op.Code, b.when(op.ConsumedAt), op.User)}
	}
	say := sayings[reasonUndoLate]
	return Reply{Text: fmt.Sprintf("券码 %s 在 %s 由 %s 核销，%s%s", op.Code, b.when(op.ConsumedAt), op.User, "已过撤销时间，没有撤销。", say.next)}
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
func (b *Bot) reverse(ctx context.Context, j *journal, s models.Store, op models.Operation, verdicts map[string]verdict) (commit, error) {
	coupons, err := b.DB.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("bot: coupons: %w", err)
	}
	client, shop, err := b.open(ctx, s)
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
			c.UndoneAt, c.UndoReason = b.Now(), ""
			continue
		case isTooOld:
			c.UndoReason = reasonUndoLate
			continue
		case isKept:
			c.UndoReason = reasonNotUndone
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
			c.UndoReason = reasonNoPlatform
			continue
		}
		_, err := call(b, j, dianping.CallReverseConsume, func() ([]dianping.Receipt, error) {
			return client.ReverseConsume(ctx, shop, dianping.ReverseRequest{
				Code: c.Code, DealID: c.DealID, Operator: operator(op.UndoUserID, op.UndoUser),
			})
		})
		switch e := platformError(err); {
		case e == nil:
			c.UndoneAt, c.UndoReason = b.Now(), ""
		case e.Class == dianping.UnknownOutcome:
			unknown++
		case e.Reason == dianping.CodeReplaced: // it has been undone, by whomever
			c.UndoneAt, c.UndoReason = b.Now(), ""
		case verdicts != nil && (e.Class != dianping.Refused || !aboutCode(e.Reason)):
			unknown++ // says nothing of the earlier call, which may still be on its way
		default:
			o := outcomeOf(e)
			c.UndoReason, op.UndoMessage = o.Reason, o.Message
		}
	}
	calls := j.calls
	if unknown > 0 {
		op = b.doubted(op, op.UndoCalledAt)
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
	if undoneOf(coupons) == len(coupons) {
		op.UndoneAt, op.UndoReason = b.Now(), ""
		return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
			return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.FinishUndo(ctx, op, coupons) })
		}, nil
	}
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) { return tx.RefuseUndo(ctx, op, coupons) })
	}, nil
}

// askUndo asks the platform about every coupon of a doubtful undo.
func (b *Bot) askUndo(ctx context.Context, j *journal, s models.Store, op models.Operation) (map[string]verdict, error) {
	coupons, err := b.DB.Coupons(ctx, op.ID)
	if err != nil {
		return nil, fmt.Errorf("bot: coupons: %w", err)
	}
	client, shop, err := b.open(ctx, s)
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
		_, err := call(b, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
			return client.GetConsumed(ctx, shop, c.Code)
		})
		switch e := platformError(err); {
		case e == nil && !b.Now().Before(op.UndoUntil):
			verdicts[c.Code] = isTooOld
		case e == nil && op.NeedsHuman:
			verdicts[c.Code] = isKept
		case e == nil:
			verdicts[c.Code] = isUsed
		case e.Reason == dianping.CodeReplaced:
			verdicts[c.Code] = isUndone
		case e.Class == dianping.Refused && !aboutShop(e.Reason): // not consumed, as it seems; a prepare makes sure
			verdicts[c.Code] = b.prepareVerdict(ctx, j, client, shop, c.Code)
		}
	}
	return verdicts, nil
}

func (b *Bot) prepareVerdict(ctx context.Context, j *journal, client dianping.Client, shop dianping.Shop, code string) verdict {
	_, err := call(b, j, dianping.CallPrepare, func() (dianping.Receipt, error) { return client.Prepare(ctx, shop, code) })
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
