package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// till is where a verification takes place: the message that asked, the store,
// and the platform's client for it.
type till struct {
	row    models.Inbox
	msg    Message
	place  place
	client dianping.Client
	shop   dianping.Shop
}

// commit is what is left to do of a step once the platform has answered: one
// move of the journal, in the transaction it is given.
type commit func(ctx context.Context, tx *models.DB) (models.Operation, error)

// settled is the commit of an operation that needs no move.
func settled(op models.Operation) commit {
	return func(context.Context, *models.DB) (models.Operation, error) { return op, nil }
}

// open finds the platform's client and the session of a store. A store whose
// platform or session is missing gives a nil client.
func (b *Bot) open(ctx context.Context, s models.Store) (dianping.Client, dianping.Shop, error) {
	client := b.Platforms[s.Platform]
	if client == nil {
		return nil, dianping.Shop{}, nil
	}
	client, shop, err := b.grants.Client(ctx, client, s)
	if errors.Is(err, models.ErrNotFound) {
		return nil, dianping.Shop{}, nil
	}
	if err != nil {
		return nil, dianping.Shop{}, fmt.Errorf("bot: %w", err)
	}
	return client, shop, nil
}

// verify consumes each item in an operation of its own. The last outcome is
// committed together with the answer.
func (b *Bot) verify(ctx context.Context, row models.Inbox, m Message, p place, items []Item, again string) (Reply, error) {
	t := till{row: row, msg: m, place: p}
	var err error
	if t.client, t.shop, err = b.open(ctx, p.Store); err != nil {
		return Reply{}, err
	}
	before := map[int]models.Operation{}
	if row.Attempt > 1 { // an earlier worker may have done a part
		ops, err := b.DB.OperationsOfMessage(ctx, row.ID)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: resume: %w", err)
		}
		for _, op := range ops {
			before[op.Seq] = op
		}
	}
	var reply Reply
	for i, it := range items {
		if i > 0 {
			if t.row, err = b.extend(ctx, t.row, b.lease(callsPerCode)); err != nil {
				return Reply{}, err
			}
		}
		var step commit
		if op, ok := before[i]; ok {
			step = settled(op)
		} else if step, err = b.consume(ctx, t, i, it, again); err != nil {
			return Reply{}, err
		}
		err = b.DB.Tx(ctx, func(tx *models.DB) error {
			if _, err := step(ctx, tx); err != nil {
				return err
			}
			if i < len(items)-1 {
				return nil
			}
			if reply, err = b.verifyReply(ctx, tx, m, t.row.ID); err != nil {
				return err
			}
			failpoint.Hit("outcome.before")
			return b.answer(ctx, tx, t.row, m, reply)
		})
		if errors.Is(err, errTakenOver) { // the answer is somebody else's now; the outcome is known here
			err = errors.Join(err, b.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
		}
		if err != nil {
			return Reply{}, err
		}
		failpoint.Hit("outcome.after")
	}
	return reply, nil
}

// extend prolongs the lease of a message.
func (b *Bot) extend(ctx context.Context, row models.Inbox, lease time.Duration) (models.Inbox, error) {
	row, err := b.DB.ExtendMessage(ctx, row, b.Now().Add(lease))
	if errors.Is(err, models.ErrStale) {
		return row, errTakenOver
	}
	return row, err
}

// verifyReply renders the operations of a message as they stand. It is the
// same function for the first answer, for a resumed message and for a settled
// doubt.
func (b *Bot) verifyReply(ctx context.Context, tx *models.DB, m Message, inboxID string) (Reply, error) {
	ops, err := tx.OperationsOfMessage(ctx, inboxID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: operations: %w", err)
	}
	if len(ops) == 0 {
		return Reply{}, fmt.Errorf("bot: message %s has no operation", inboxID)
	}
	s, err := tx.Store(ctx, ops[0].StoreID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: store: %w", err)
	}
	coupons := map[string][]models.Coupon{}
	for _, op := range ops {
		if op.State == models.Done && op.Count == 1 && len(ops) == 1 {
			continue // its only coupon says nothing that the operation does not
		}
		if op.State == models.Rejected || op.State == models.Calling || op.State == models.Unknown {
			continue
		}
		if coupons[op.ID], err = tx.Coupons(ctx, op.ID); err != nil {
			return Reply{}, fmt.Errorf("bot: coupons: %w", err)
		}
	}
	if len(ops) > 1 {
		return b.batchReply(s, ops, coupons), nil
	}
	op := ops[0]
	if m.Kind == Click && op.Outcome.Reason == reasonHere && op.OtherID != "" {
		other, same, err := b.secondPress(ctx, tx, m, op)
		if err != nil {
			return Reply{}, err
		}
		if same { // the card shows what the first press did, not a refusal
			return b.operationReply(ctx, tx, other)
		}
	}
	card := b.operationCard(s, op, coupons[op.ID])
	return Reply{Card: &card, Pending: !op.State.Terminal() && !op.NeedsHuman}, nil
}

// operationReply is the card of one operation as it stands.
func (b *Bot) operationReply(ctx context.Context, tx *models.DB, op models.Operation) (Reply, error) {
	s, err := tx.Store(ctx, op.StoreID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: store: %w", err)
	}
	coupons, err := tx.Coupons(ctx, op.ID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: coupons: %w", err)
	}
	card := b.operationCard(s, op, coupons)
	return Reply{Card: &card}, nil
}

// snapshotReply is the same for somebody who only looks or came second: no
// outcome will follow to them, so that the card must not promise one.
func (b *Bot) snapshotReply(ctx context.Context, tx *models.DB, op models.Operation) (Reply, error) {
	reply, err := b.operationReply(ctx, tx, op)
	if err != nil || op.State == models.Undone || op.State == models.Rejected || op.NeedsHuman {
		return reply, err
	}
	if op.State == models.Done {
		reply.Card.Title, reply.Card.Tone = "这张券用过了", Bad
		reply.Card.Text = fmt.Sprintf("%s 在 %s 已经核销，这次没有再核销。%s", op.User, b.when(op.ConsumedAt), reply.Card.Text)
	}
	if op.State == models.Done {
		return reply, nil
	}
	who, what := op.User, "核销"
	if op.State == models.Undoing || op.State == models.UndoUnknown {
		who, what = op.UndoUser, "撤销"
	}
	reply.Card.Title = "正在" + what
	reply.Card.Text = fmt.Sprintf("%s 正在%s这张券，平台还没有给出结果。请稍等一下再查。", who, what)
	return reply, nil
}

// consume takes one code through the platform: is it ours already, prepare,
// intent, consume. What remains is the returned commit. again names an
// operation that the person has confirmed to follow with another.
func (b *Bot) consume(ctx context.Context, t till, seq int, it Item, again string) (commit, error) {
	op := models.Operation{
		ID: b.NewID(), StoreID: t.place.ID, Code: it.Code, Count: it.Count,
		InboxID: t.row.ID, Seq: seq, Channel: t.msg.Channel, Chat: t.msg.Chat,
		UserID: t.place.member.UserID, User: t.place.member.Name, CreatedAt: b.Now(),
	}
	if t.client == nil {
		return b.refuse(op, models.Outcome{Reason: reasonNoPlatform}), nil
	}
	var followed *models.Operation
	other, err := b.DB.OperationByCoupon(ctx, op.StoreID, op.Code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && (other.State == models.Rejected || other.State == models.Undone):
	case err != nil:
		return nil, fmt.Errorf("bot: earlier operation: %w", err)
	case other.ID == again && other.State == models.Done:
		if !other.Superseded {
			followed = &other
		}
	default:
		if other, err = b.outcomeOf(ctx, other); err != nil {
			return nil, err
		}
		if other.State != models.Rejected && other.State != models.Undone {
			return b.refuseFor(op, other), nil
		}
	}

	j := journal{op: op}
	receipt, err := b.prepare(ctx, t, &j, op.Code)
	if e := platformError(err); e != nil {
		return b.refusedBeforehand(ctx, t, &j, op, e)
	}
	op = described(op, receipt)
	if receipt.Count > 0 && it.Count > receipt.Count {
		return b.refuse(op, models.Outcome{Reason: reasonTooMany, Message: fmt.Sprintf("这个订单只剩 %d 张可用，您要核销 %d 张。", receipt.Count, it.Count)}, j.calls...), nil
	}

	op.CalledAt = b.Now()
	op.DueAt = op.CalledAt.Add(b.lease(2))
	failpoint.Hit("intent.before")
	begun, err := b.intend(ctx, op, followed)
	switch {
	case errors.Is(err, models.ErrStale): // the one it was to follow has moved on
		return b.refuseFor(op, other, j.calls...), nil
	case errors.Is(err, models.ErrLive): // somebody was quicker
		if begun, err = b.outcomeOf(ctx, begun); err != nil {
			return nil, err
		}
		return b.refuseFor(op, begun, j.calls...), nil
	case errors.Is(err, models.ErrDuplicate): // our own earlier attempt at this message
		return settled(begun), nil
	case err != nil:
		return nil, fmt.Errorf("bot: intent: %w", err)
	}
	op = begun

	failpoint.Hit("consume.before")
	rows, err := call(b, &j, dianping.CallConsume, func() ([]dianping.Receipt, error) {
		return t.client.Consume(ctx, t.shop, consumeRequest(op))
	})
	failpoint.Hit("consume.after")
	e := platformError(err)
	switch {
	case e == nil:
		if op, rows, err = b.complete(ctx, t.client, t.shop, &j, op, rows); err != nil {
			return nil, err
		}
		return b.done(op, rows, op.CalledAt, j.calls), nil
	case e.Reason == dianping.PartlyConsumed && len(e.Receipts) > 0: // the rows are what was consumed
		op.Outcome.Reason = string(dianping.PartlyConsumed)
		return b.done(op, e.Receipts, op.CalledAt, j.calls), nil
	case e.Class == dianping.UnknownOutcome:
		return b.doubt(op, e, j.calls), nil
	default:
		op = b.usedBy(ctx, t.client, t.shop, &j, op, e)
		return b.rejected(op, outcomeOf(e), j.calls), nil
	}
}

// prepare asks whether a code is good. A question changes nothing: one whose
// answer was lost is asked once more, before staff are told to try again.
func (b *Bot) prepare(ctx context.Context, t till, j *journal, code string) (dianping.Receipt, error) {
	ask := func() (dianping.Receipt, error) { return t.client.Prepare(ctx, t.shop, code) }
	receipt, err := call(b, j, dianping.CallPrepare, ask)
	lost := errors.Is(err, dianping.UnknownOutcome) || errors.Is(err, dianping.Unavailable)
	if again, _ := dianping.Repeatable(dianping.CallPrepare, err); again && lost && ctx.Err() == nil {
		return call(b, j, dianping.CallPrepare, ask)
	}
	return receipt, err
}

// intend makes the intent durable; an operation that it is to follow by
// confirmation stops being live with it.
func (b *Bot) intend(ctx context.Context, op models.Operation, followed *models.Operation) (begun models.Operation, err error) {
	if followed == nil {
		return b.DB.Begin(ctx, op)
	}
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Supersede(ctx, *followed); err != nil {
			return err
		}
		begun, err = tx.Begin(ctx, op)
		return err
	})
	return begun, err
}

// secondPress reports whether an operation was refused because the same person
// had pressed on the same card before, and gives what that press did.
func (b *Bot) secondPress(ctx context.Context, tx *models.DB, m Message, op models.Operation) (models.Operation, bool, error) {
	other, err := tx.Operation(ctx, op.OtherID)
	if err != nil {
		return other, false, fmt.Errorf("bot: operation: %w", err)
	}
	row, err := tx.Message(ctx, other.InboxID)
	if errors.Is(err, models.ErrNotFound) {
		return other, false, nil
	}
	if err != nil {
		return other, false, fmt.Errorf("bot: message: %w", err)
	}
	var first Message
	if err := json.Unmarshal(row.Payload, &first); err != nil {
		return other, false, fmt.Errorf("bot: stored message: %w", err)
	}
	same := first.Kind == Click && first.Button != nil && m.Button != nil &&
		first.Button.TaskID == m.Button.TaskID && strings.EqualFold(first.User, m.User)
	return other, same, nil
}

func consumeRequest(op models.Operation) dianping.ConsumeRequest {
	return dianping.ConsumeRequest{RequestID: op.RequestID(), Code: op.Code, Count: op.Count, Operator: operator(op.UserID, op.User)}
}

func operator(account, name string) dianping.Operator {
	if name == "" {
		name = account
	}
	return dianping.Operator{Account: account, Name: name}
}

// described copies what the platform told about a voucher.
func described(op models.Operation, r dianping.Receipt) models.Operation {
	op.DealID, op.DealGroupID, op.OrderID = r.DealID, r.DealGroupID, r.OrderID
	op.Title, op.Mobile, op.VoucherExpires = r.Title, r.Mobile, r.Expires
	op.PriceFen, op.MarketFen = int64(r.Price), int64(r.MarketPrice)
	return op
}

// done commits a consumption that the platform has confirmed.
func (b *Bot) done(op models.Operation, rows []dianping.Receipt, at time.Time, calls []models.Call) commit {
	rows = distinct(op, rows)
	op.ConsumedAt, op.UndoUntil = at, at.Add(b.UndoWindow)
	op.DoubtSince, op.NeedsHuman = time.Time{}, false
	if op.Outcome.Reason != string(dianping.PartlyConsumed) && op.Outcome.Reason != reasonCodesMissing {
		op.Outcome = models.Outcome{}
	}
	var coupons []models.Coupon
	for _, r := range rows {
		c := models.Coupon{
			OperationID: op.ID, StoreID: op.StoreID, Code: r.Code, OrderID: r.OrderID,
			DealID: r.DealID, DealGroupID: r.DealGroupID, PriceFen: int64(r.Price), Payments: paymentsJSON(r.Payments),
		}
		if c.PriceFen == 0 {
			c.PriceFen = op.PriceFen
		}
		if c.DealID == 0 {
			c.DealID, c.DealGroupID = op.DealID, op.DealGroupID
		}
		if op.OrderID == "" {
			op.OrderID = c.OrderID
		}
		if op.DealID == 0 {
			op.DealID, op.DealGroupID = c.DealID, c.DealGroupID
		}
		coupons = append(coupons, c)
	}
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) {
			return tx.FinishConsume(ctx, op, coupons)
		})
	}
}

// doubt commits that nobody knows; the background work asks at once.
func (b *Bot) doubt(op models.Operation, e *dianping.Error, calls []models.Call) commit {
	op = b.doubted(op, op.CalledAt)
	op.Outcome = models.Outcome{Reason: string(e.Class), Code: e.Code, Message: e.Message, TraceID: e.TraceID}
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) {
			return tx.DoubtConsume(ctx, op)
		})
	}
}

// refuse commits an operation that never came to a consume call.
func (b *Bot) refuse(op models.Operation, o models.Outcome, calls ...models.Call) commit {
	op.Outcome = o
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) {
			stored, err := tx.Refuse(ctx, op)
			if errors.Is(err, models.ErrDuplicate) { // begun by an earlier worker of this message
				return stored, nil
			}
			return stored, err
		})
	}
}

// refuseFor refuses because of another operation of ours.
func (b *Bot) refuseFor(op, other models.Operation, calls ...models.Call) commit {
	op.OtherID, op.UsedBy = other.ID, other.User
	op.Title, op.PriceFen = other.Title, other.PriceFen
	reason := reasonBusy
	if other.State == models.Done || other.State == models.Undoing || other.State == models.UndoUnknown {
		reason, op.UsedAt = reasonHere, other.ConsumedAt
	}
	return b.refuse(op, models.Outcome{Reason: reason}, calls...)
}

// refusedBeforehand handles a prepare that did not say yes. Nothing was
// consumed.
func (b *Bot) refusedBeforehand(ctx context.Context, t till, j *journal, op models.Operation, e *dianping.Error) (commit, error) {
	if e.Reason == dianping.AlreadyUsed { // by a colleague, a moment ago?
		other, err := b.DB.OperationByCoupon(ctx, op.StoreID, op.Code)
		if err == nil {
			other, err = b.outcomeOf(ctx, other)
		}
		switch {
		case err == nil && other.State != models.Rejected && other.State != models.Undone && !other.Superseded:
			return b.refuseFor(op, other, j.calls...), nil
		case err != nil && !errors.Is(err, models.ErrNotFound):
			return nil, fmt.Errorf("bot: earlier operation: %w", err)
		}
	}
	if e.Receipt != nil {
		op = described(op, *e.Receipt)
	}
	op.Outcome = outcomeOf(e)
	op = b.usedBy(ctx, t.client, t.shop, j, op, e)
	return b.refuse(op, op.Outcome, j.calls...), nil
}

// usedBy finds out who used a code and when, as far as the platform tells.
func (b *Bot) usedBy(ctx context.Context, client dianping.Client, shop dianping.Shop, j *journal, op models.Operation, e *dianping.Error) models.Operation {
	if e.Reason != dianping.AlreadyUsed {
		return op
	}
	op.UsedAt = e.UsedAt
	rec, err := call(b, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
		return client.GetConsumed(ctx, shop, op.Code)
	})
	if err != nil {
		return op
	}
	op.UsedBy = b.who(ctx, op, rec.VerifyAccount)
	if !rec.VerifyTime.IsZero() {
		op.UsedAt = rec.VerifyTime
	}
	if op.Title == "" {
		op.Title, op.PriceFen = rec.Title, int64(rec.Price)
	}
	return op
}

// outcomeOf waits, within a call's time, for an operation that is under way.
func (b *Bot) outcomeOf(ctx context.Context, op models.Operation) (models.Operation, error) {
	until := b.Now().Add(b.CallTimeout)
	for !op.State.Terminal() && b.Now().Before(until) {
		if err := b.Sleep(ctx, 50*time.Millisecond); err != nil {
			return op, err
		}
		next, err := b.DB.Operation(ctx, op.ID)
		if err != nil {
			return op, fmt.Errorf("bot: operation: %w", err)
		}
		op = next
	}
	return op, nil
}
