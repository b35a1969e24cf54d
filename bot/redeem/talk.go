package redeem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// talk is the work on one operation: what its platform is asked, within the lease, and
// what was said.
type talk struct {
	*Core
	shop     platform.Shop // nil: not connected
	op       models.Operation
	calls    []models.Call
	settling bool
	alsoAt   string  // other accounts that know the code, see [AccountsIn]
	others   []int64 // the other accounts of the store
	ours     bool    // the journal has the code of a consume

	rival *models.Operation // settling a consume: what stands at another account, see [consumption.beside]
}

// openUnless is open, unless the caller has opened the shop.
func (c *Core) openUnless(ctx context.Context, shop platform.Shop, a models.Account, op models.Operation) (*talk, error) {
	if shop != nil {
		return &talk{Core: c, shop: shop, op: op}, nil
	}
	return c.open(ctx, a, op)
}

// open begins the work on an operation of an account.
func (c *Core) open(ctx context.Context, a models.Account, op models.Operation) (*talk, error) {
	shop, err := c.Shops.Open(ctx, a)
	if err != nil && !errors.Is(err, ErrNotConnected) {
		return nil, fmt.Errorf("redeem: open account: %w", err)
	}
	if err != nil {
		shop = nil
	}
	return &talk{Core: c, shop: shop, op: op}, nil
}

// reopen is open for an operation that is stored.
func (c *Core) reopen(ctx context.Context, op models.Operation) (*talk, error) {
	s, err := c.DB.Directory.Store(ctx, op.StoreID)
	if err != nil {
		return nil, fmt.Errorf("redeem: store: %w", err)
	}
	account, _ := s.AccountOf(op.StoreID) // by which it was found
	t, err := c.open(ctx, account, op)
	if err == nil {
		t.others = s.Beside(account.ID)
	}
	return t, err
}

// consumption is the work on a consume: whether it may be, and the call.
type consumption struct{ *talk }

// settlement finds out what became of a consume.
type settlement struct{ consumption }

// reversal is the work on an undo, coupon by coupon.
type reversal struct{ *talk }

// note adds a call to the record.
func (t *talk) note(start time.Time, code string, s platform.Said) {
	if s.Call == "" { // none was made
		return
	}
	t.heard(t.op.StoreID, !s.Silent)
	t.calls = append(t.calls, models.Call{
		OperationID: t.op.ID, StoreID: t.op.StoreID, ReceiptCode: code, UserID: t.op.UserID,
		Name: s.Call, StartedAt: start, Took: t.Now().Sub(start), Class: s.Class,
		Outcome: models.Outcome{Reason: s.Reason, Code: s.Code, Message: s.Message, TraceID: s.TraceID},
	})
}

// hold makes sure, before a question, that the operation is still held while it
// is asked. [models.ErrStale]: it is not.
func (t *talk) hold(ctx context.Context) error {
	if t.op.State == "" || t.op.DueAt.Sub(t.Now()) >= t.budget() {
		return nil
	}
	return t.prolong(ctx, t.op.SentAt)
}

// send is hold before a call with an effect: its time is durable.
func (t *talk) send(ctx context.Context) error {
	now := t.Now()
	if t.op.DueAt.Sub(now) >= t.budget() && now.Sub(t.op.SentAt) < slack {
		return nil
	}
	return t.prolong(ctx, now)
}

func (t *talk) prolong(ctx context.Context, sent time.Time) error {
	op := t.op
	op.DueAt, op.SentAt = t.Now().Add(t.Lease(1)), sent
	op, err := t.DB.Journal.Hold(ctx, op)
	if err != nil {
		return fmt.Errorf("redeem: hold: %w", err)
	}
	t.op = op
	return nil
}

// quiet reports whether the last call with an effect is so long ago that its
// effect would show.
func (t *talk) quiet() bool { return !t.Now().Before(t.op.SentAt.Add(t.quietAfter())) }

// late reports whether nothing is sent by itself any more: people were told to look
// for themselves, or every process was down for as long, and it would surprise
// them. A restored database has made its doubts old.
func (t *talk) late(called time.Time) bool {
	if since := t.op.DoubtSince; !since.IsZero() && since.Before(called) {
		called = since
	}
	return t.op.NeedsHuman || t.Now().Sub(called) >= HumanAfter
}

// look asks what a code is worth. A question changes nothing: one whose answer
// was lost is asked once more.
func (t *talk) look(ctx context.Context, code string) (platform.Looked, error) {
	for try := 1; ; try++ {
		if err := t.hold(ctx); err != nil {
			return platform.Looked{}, err
		}
		start := t.Now()
		looked := t.shop.Look(ctx, code)
		t.note(start, code, looked.Said)
		if !looked.Lost || try == 2 || t.settling || ctx.Err() != nil {
			return looked, nil
		}
	}
}

func (t *talk) record(ctx context.Context, c platform.Coupon) (platform.Recorded, error) {
	if err := t.hold(ctx); err != nil {
		return platform.Recorded{}, err
	}
	ticket, err := t.ticket()
	if err != nil {
		return platform.Recorded{}, err
	}
	c.Ticket = ticket
	start := t.Now()
	recorded := t.shop.Record(ctx, c)
	t.note(start, c.Code, recorded.Said)
	return recorded, nil
}

// ticket is what the platform needs of the look, sealed where the operation is stored.
func (t *talk) ticket() (string, error) {
	if t.op.State == "" {
		return t.op.Ticket, nil
	}
	ticket, err := t.DB.Journal.Ticket(t.op)
	if err != nil {
		return "", fmt.Errorf("redeem: ticket: %w", err)
	}
	return ticket, nil
}

func (t *talk) history(ctx context.Context, on ...time.Time) (platform.Listed, error) {
	if err := t.hold(ctx); err != nil {
		return platform.Listed{}, err
	}
	start := t.Now()
	listed := t.shop.History(ctx, on...)
	t.note(start, t.op.Code, listed.Said)
	return listed, nil
}

func (t *talk) consume(ctx context.Context, again bool) (platform.Consumption, error) {
	if err := t.send(ctx); err != nil {
		return platform.Consumption{}, err
	}
	ticket, err := t.ticket()
	if err != nil {
		return platform.Consumption{}, err
	}
	op, start := t.op, t.Now()
	answer := t.shop.Consume(ctx, platform.Order{
		RequestID: op.RequestID(), Code: op.Code, Count: op.Count, OrderID: op.OrderID, Ticket: ticket,
		By: operator(op.UserID, op.User),
	}, again)
	t.note(start, op.Code, answer.Said)
	return answer, nil
}

func (t *talk) reverse(ctx context.Context, c models.Coupon, again bool) (platform.Reversal, error) {
	if err := t.send(ctx); err != nil {
		return platform.Reversal{}, err
	}
	start := t.Now()
	answer := t.shop.Reverse(ctx, couponOf(t.op, c), operator(t.op.UndoUserID, t.op.UndoUser), again)
	t.note(start, c.Code, answer.Said)
	return answer, nil
}

func operator(account, name string) platform.Operator {
	if name == "" {
		name = account
	}
	return platform.Operator{Account: account, Name: name}
}

// couponOf is a coupon as the platform wants it back.
func couponOf(op models.Operation, c models.Coupon) platform.Coupon {
	return platform.Coupon{
		Code: c.Code, OrderID: c.OrderID, DealID: c.DealID, DealGroupID: c.DealGroupID, Handle: c.Handle,
	}
}

// own is the coupon that an operation was asked for.
func own(op models.Operation) platform.Coupon {
	return platform.Coupon{
		Code: op.Code, OrderID: op.OrderID, DealID: op.DealID, DealGroupID: op.DealGroupID, Count: op.Count,
	}
}

// outcome is what the journal keeps of an answer that certainly changed nothing.
func outcome(s platform.Said) models.Outcome {
	return models.Outcome{Reason: s.Why, Code: s.Code, Message: s.Message, TraceID: s.TraceID}
}
