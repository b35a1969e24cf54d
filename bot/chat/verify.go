package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// money moves operations: what is verified, undone and settled at the platforms.
type money struct {
	DB        *models.DB
	Platforms map[string]dianping.Client
	grants    *grants.Keeper
	turns     *turns
	views     *views
	words     *words.Words
	out       *outbox.Outbox
	notices   *notice.Notices
	Guard     Guard

	CallTimeout time.Duration
	UndoWindow  time.Duration

	Now    func() time.Time
	NewID  func() string
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
	Log    *slog.Logger
}

// till is where a verification takes place: the message that asked, the store,
// and the platform's client for it.
type till struct {
	row    models.Inbox
	msg    bot.Message
	place  access.Place
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
func (x *money) open(ctx context.Context, s models.Store) (dianping.Client, dianping.Shop, error) {
	client := x.Platforms[s.Platform]
	if client == nil {
		return nil, dianping.Shop{}, nil
	}
	client, shop, err := x.grants.Client(ctx, client, s)
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
func (x *money) verify(ctx context.Context, row models.Inbox, m bot.Message, p access.Place, items []command.Item, again string) (bot.Reply, error) {
	t := till{row: row, msg: m, place: p}
	var err error
	if t.client, t.shop, err = x.open(ctx, p.Store); err != nil {
		return bot.Reply{}, err
	}
	before := map[int]models.Operation{}
	if row.Attempt > 1 { // an earlier worker may have done a part
		ops, err := x.DB.OperationsOfMessage(ctx, row.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("bot: resume: %w", err)
		}
		for _, op := range ops {
			before[op.Seq] = op
		}
	}
	var reply bot.Reply
	for i, it := range items {
		if i > 0 {
			if t.row, err = x.turns.extend(ctx, t.row, x.turns.lease(callsPerCode)); err != nil {
				return bot.Reply{}, err
			}
		}
		var step commit
		if op, ok := before[i]; ok {
			step = settled(op)
		} else if step, err = x.consume(ctx, t, i, it, again); err != nil {
			return bot.Reply{}, err
		}
		err = x.DB.Tx(ctx, func(tx *models.DB) error {
			if _, err := step(ctx, tx); err != nil {
				return err
			}
			if i < len(items)-1 {
				return nil
			}
			if reply, err = x.views.verifyReply(ctx, tx, m, t.row.ID); err != nil {
				return err
			}
			failpoint.Hit("outcome.before")
			return x.out.Answer(ctx, tx, t.row, m, reply)
		})
		if errors.Is(err, outbox.ErrTakenOver) { // the answer is somebody else's now; the outcome is known here
			err = errors.Join(err, x.DB.Tx(ctx, func(tx *models.DB) error { _, err := step(ctx, tx); return err }))
		}
		if err != nil {
			return bot.Reply{}, err
		}
		failpoint.Hit("outcome.after")
	}
	return reply, nil
}

// consume takes one code through the platform: is it ours already, prepare,
// intent, consume. What remains is the returned commit. again names an
// operation that the person has confirmed to follow with another.
func (x *money) consume(ctx context.Context, t till, seq int, it command.Item, again string) (commit, error) {
	op := models.Operation{
		ID: x.NewID(), StoreID: t.place.ID, Code: it.Code, Count: it.Count,
		InboxID: t.row.ID, Seq: seq, Channel: t.msg.Channel, Chat: t.msg.Chat,
		UserID: t.place.Member.UserID, User: t.place.Member.Name, CreatedAt: x.Now(),
	}
	if t.client == nil {
		return x.refuse(op, models.Outcome{Reason: redeem.ReasonNoPlatform}), nil
	}
	var followed *models.Operation
	other, err := x.DB.OperationByCoupon(ctx, op.StoreID, op.Code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && (other.State == models.Rejected || other.State == models.Undone):
	case err != nil:
		return nil, fmt.Errorf("bot: earlier operation: %w", err)
	case other.ID == again && other.State == models.Done:
		if !other.Superseded {
			followed = &other
		}
	default:
		if other, err = x.outcomeOf(ctx, other); err != nil {
			return nil, err
		}
		if other.State != models.Rejected && other.State != models.Undone {
			return x.refuseFor(op, other), nil
		}
	}

	j := journal{op: op}
	receipt, err := x.prepare(ctx, t, &j, op.Code)
	if e := platformError(err); e != nil {
		return x.refusedBeforehand(ctx, t, &j, op, e)
	}
	op = described(op, receipt)
	if receipt.Count > 0 && it.Count > receipt.Count {
		return x.refuse(op, models.Outcome{Reason: redeem.ReasonTooMany, Message: fmt.Sprintf("这个订单只剩 %d 张可用，您要核销 %d 张。", receipt.Count, it.Count)}, j.calls...), nil
	}

	op.CalledAt = x.Now()
	op.DueAt = op.CalledAt.Add(x.turns.lease(2))
	failpoint.Hit("intent.before")
	begun, err := x.intend(ctx, op, followed)
	switch {
	case errors.Is(err, models.ErrStale): // the one it was to follow has moved on
		return x.refuseFor(op, other, j.calls...), nil
	case errors.Is(err, models.ErrLive): // somebody was quicker
		if begun, err = x.outcomeOf(ctx, begun); err != nil {
			return nil, err
		}
		return x.refuseFor(op, begun, j.calls...), nil
	case errors.Is(err, models.ErrDuplicate): // our own earlier attempt at this message
		return settled(begun), nil
	case err != nil:
		return nil, fmt.Errorf("bot: intent: %w", err)
	}
	op = begun

	failpoint.Hit("consume.before")
	rows, err := call(x, &j, dianping.CallConsume, func() ([]dianping.Receipt, error) {
		return t.client.Consume(ctx, t.shop, consumeRequest(op))
	})
	failpoint.Hit("consume.after")
	e := platformError(err)
	switch {
	case e == nil:
		if op, rows, err = x.complete(ctx, t.client, t.shop, &j, op, rows); err != nil {
			return nil, err
		}
		return x.done(op, rows, op.CalledAt, j.calls), nil
	case e.Reason == dianping.PartlyConsumed && len(e.Receipts) > 0: // the rows are what was consumed
		op.Outcome.Reason = string(dianping.PartlyConsumed)
		return x.done(op, e.Receipts, op.CalledAt, j.calls), nil
	case e.Class == dianping.UnknownOutcome:
		return x.doubt(op, e, j.calls), nil
	default:
		op = x.usedBy(ctx, t.client, t.shop, &j, op, e)
		return x.rejected(op, words.OutcomeOf(e), j.calls), nil
	}
}

// prepare asks whether a code is good. A question changes nothing: one whose
// answer was lost is asked once more, before staff are told to try again.
func (x *money) prepare(ctx context.Context, t till, j *journal, code string) (dianping.Receipt, error) {
	ask := func() (dianping.Receipt, error) { return t.client.Prepare(ctx, t.shop, code) }
	receipt, err := call(x, j, dianping.CallPrepare, ask)
	lost := errors.Is(err, dianping.UnknownOutcome) || errors.Is(err, dianping.Unavailable)
	if again, _ := dianping.Repeatable(dianping.CallPrepare, err); again && lost && ctx.Err() == nil {
		return call(x, j, dianping.CallPrepare, ask)
	}
	return receipt, err
}

// intend makes the intent durable; an operation that it is to follow by
// confirmation stops being live with it.
func (x *money) intend(ctx context.Context, op models.Operation, followed *models.Operation) (begun models.Operation, err error) {
	if followed == nil {
		return x.DB.Begin(ctx, op)
	}
	err = x.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Supersede(ctx, *followed); err != nil {
			return err
		}
		begun, err = tx.Begin(ctx, op)
		return err
	})
	return begun, err
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
func (x *money) done(op models.Operation, rows []dianping.Receipt, at time.Time, calls []models.Call) commit {
	rows = distinct(op, rows)
	op.ConsumedAt, op.UndoUntil = at, at.Add(x.UndoWindow)
	op.DoubtSince, op.NeedsHuman = time.Time{}, false
	if op.Outcome.Reason != string(dianping.PartlyConsumed) && op.Outcome.Reason != redeem.ReasonCodesMissing {
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
func (x *money) doubt(op models.Operation, e *dianping.Error, calls []models.Call) commit {
	op = x.doubted(op, op.CalledAt)
	op.Outcome = models.Outcome{Reason: string(e.Class), Code: e.Code, Message: e.Message, TraceID: e.TraceID}
	return func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return logged(ctx, tx, calls, func() (models.Operation, error) {
			return tx.DoubtConsume(ctx, op)
		})
	}
}

// refuse commits an operation that never came to a consume call.
func (x *money) refuse(op models.Operation, o models.Outcome, calls ...models.Call) commit {
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
func (x *money) refuseFor(op, other models.Operation, calls ...models.Call) commit {
	op.OtherID, op.UsedBy = other.ID, other.User
	op.Title, op.PriceFen = other.Title, other.PriceFen
	reason := redeem.ReasonBusy
	if other.State == models.Done || other.State == models.Undoing || other.State == models.UndoUnknown {
		reason, op.UsedAt = redeem.ReasonHere, other.ConsumedAt
	}
	return x.refuse(op, models.Outcome{Reason: reason}, calls...)
}

// refusedBeforehand handles a prepare that did not say yes. Nothing was
// consumed.
func (x *money) refusedBeforehand(ctx context.Context, t till, j *journal, op models.Operation, e *dianping.Error) (commit, error) {
	if e.Reason == dianping.AlreadyUsed { // by a colleague, a moment ago?
		other, err := x.DB.OperationByCoupon(ctx, op.StoreID, op.Code)
		if err == nil {
			other, err = x.outcomeOf(ctx, other)
		}
		switch {
		case err == nil && other.State != models.Rejected && other.State != models.Undone && !other.Superseded:
			return x.refuseFor(op, other, j.calls...), nil
		case err != nil && !errors.Is(err, models.ErrNotFound):
			return nil, fmt.Errorf("bot: earlier operation: %w", err)
		}
	}
	if e.Receipt != nil {
		op = described(op, *e.Receipt)
	}
	op.Outcome = words.OutcomeOf(e)
	op = x.usedBy(ctx, t.client, t.shop, j, op, e)
	return x.refuse(op, op.Outcome, j.calls...), nil
}

// usedBy finds out who used a code and when, as far as the platform tells.
func (x *money) usedBy(ctx context.Context, client dianping.Client, shop dianping.Shop, j *journal, op models.Operation, e *dianping.Error) models.Operation {
	if e.Reason != dianping.AlreadyUsed {
		return op
	}
	op.UsedAt = e.UsedAt
	rec, err := call(x, j, dianping.CallGetConsumed, func() (dianping.Record, error) {
		return client.GetConsumed(ctx, shop, op.Code)
	})
	if err != nil {
		return op
	}
	op.UsedBy = x.who(ctx, op, rec.VerifyAccount)
	if !rec.VerifyTime.IsZero() {
		op.UsedAt = rec.VerifyTime
	}
	if op.Title == "" {
		op.Title, op.PriceFen = rec.Title, int64(rec.Price)
	}
	return op
}

// outcomeOf waits, within a call's time, for an operation that is under way.
func (x *money) outcomeOf(ctx context.Context, op models.Operation) (models.Operation, error) {
	until := x.Now().Add(x.CallTimeout)
	for !op.State.Terminal() && x.Now().Before(until) {
		if err := x.Sleep(ctx, 50*time.Millisecond); err != nil {
			return op, err
		}
		next, err := x.DB.Operation(ctx, op.ID)
		if err != nil {
			return op, fmt.Errorf("bot: operation: %w", err)
		}
		op = next
	}
	return op, nil
}
