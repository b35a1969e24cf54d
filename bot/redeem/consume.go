package redeem

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"yanquan/bot/platform"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Request asks for one verification.
type Request struct {
	Asked   models.Inbox // the message that asks, as its worker holds it
	Seq     int          // the code's place in that message
	Account models.Account
	Code    string
	Count   int
	Channel string
	Chat    string
	UserID  string
	User    string  // name
	Follows string  // an operation on the same code, of whichever account, that a person has confirmed to follow; or ""
	Named   bool    // the person has named the platform
	Product string  // the end of the id of the product that the person has named; or ""
	Store   []int64 // its accounts

	// Rival finds what stands, or may, by another answer to the question that the person has
	// answered with this request; nil: there was none.
	Rival func(context.Context) (*models.Operation, error)

	// What the caller knows as of a moment ago.
	Shop platform.Shop // the account's, opened; nil: not yet
	New  bool          // no operation has to do with the code
}

// errMoved: the operation that was to be followed has moved on.
var errMoved = errors.New("redeem: the followed operation has moved on")

// Consume takes a code through the platform: is it ours already, look, intent,
// consume. [models.ErrStale]: the message is another worker's, or answered;
// nothing was consumed.
func (c *Core) Consume(ctx context.Context, r Request) (Step, error) {
	return c.consumeSeen(ctx, r, nil)
}

// consumeSeen is Consume where the platform was asked already: seen has the one account
// that knows the code.
func (c *Core) consumeSeen(ctx context.Context, r Request, seen *decision) (Step, error) {
	t, err := c.consumption(ctx, r, seen)
	if err != nil {
		return nil, err
	}
	if t.shop == nil {
		return t.refused(models.Outcome{Reason: ReasonNoPlatform}), nil
	}
	earlier, followed, step, err := t.known(ctx, r)
	if step != nil || err != nil {
		return step, err
	}
	if step, err := t.usable(ctx, r, seen, followed); step != nil || err != nil {
		return step, err
	}
	if other, err := t.rivalOfOrder(ctx); err != nil {
		return nil, err
	} else if other != nil {
		return t.refusedFor(*other), nil
	}
	if step, err := t.intend(ctx, r.Asked, earlier, followed); step != nil || err != nil {
		return step, err
	}
	if other, err := t.crossed(ctx, t.beside); err != nil {
		return nil, err
	} else if other != nil {
		return t.givesWay(*other), nil
	}
	if r.Rival != nil {
		if other, err := t.crossed(ctx, r.Rival); err != nil {
			return nil, err
		} else if other != nil {
			return t.rejected(t.stands(*other)), nil
		}
	}
	if other, err := t.rivalOfOrder(ctx); err != nil {
		return nil, err
	} else if other != nil {
		return t.rejected(t.stands(*other)), nil
	}
	failpoint.Hit("consume.before")
	answer, err := t.consume(ctx, false)
	failpoint.Hit("consume.after")
	if err != nil {
		return nil, err
	}
	return t.consumed(ctx, answer)
}

// consumption begins the work on a consume.
func (c *Core) consumption(ctx context.Context, r Request, seen *decision) (t consumption, err error) {
	if seen == nil {
		t.talk, err = c.openUnless(ctx, r.Shop, r.Account, c.operation(r))
	} else {
		t.talk = &talk{Core: c, shop: seen.one.shop, op: c.operation(r)}
		t.take(seen.calls())
	}
	if err == nil {
		t.others = slices.DeleteFunc(slices.Clone(r.Store), func(id int64) bool { return id == r.Account.ID })
	}
	return t, err
}

// known is what the journal has on the code: the operation that stands on it, and
// whether it is the one to follow. A step: the code is refused for what stands.
func (t *consumption) known(ctx context.Context, r Request) (earlier, followed *models.Operation, step Step, err error) {
	if r.New {
		return nil, nil, nil, nil
	}
	if err := t.acknowledge(ctx, r); err != nil {
		return nil, nil, nil, err
	}
	other, err := t.beside(ctx)
	if err != nil || other != nil {
		return nil, nil, t.refusedBeside(other), err
	}
	earlier, followed, err = t.earlier(ctx, r.Follows)
	if err == nil && earlier != nil && followed == nil {
		return nil, nil, t.refusedAgain(ctx, *earlier, r.Follows), nil
	}
	return earlier, followed, nil, err
}

// usable looks at what is to be consumed, and once more where the use that shows may be one of
// ours that was undone meanwhile. A step: it cannot be consumed.
func (t *consumption) usable(ctx context.Context, r Request, seen *decision, followed *models.Operation) (Step, error) {
	asked := t.op
	looked, err := t.lookOnce(ctx, seen)
	if err != nil {
		return nil, err
	}
	step, err := t.judgeLook(ctx, r, looked, followed)
	if step == nil || err != nil || looked.Proves != platform.Used {
		return step, err
	}
	op, err := t.DB.Journal.ByCoupon(ctx, asked.StoreID, asked.Code)
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && (op.State != models.Undone || op.UndoneAt.Before(asked.CreatedAt)):
		return step, nil
	case err != nil:
		return nil, fmt.Errorf("redeem: earlier operation: %w", err)
	}
	t.op = asked
	if looked, err = t.look(ctx, t.op.Code); err != nil {
		return nil, err
	}
	return t.judgeLook(ctx, r, looked, followed)
}

// lookOnce asks what the code is worth, unless that was asked just now.
func (t *consumption) lookOnce(ctx context.Context, seen *decision) (platform.Looked, error) {
	if seen != nil {
		return seen.one.looked, nil
	}
	return t.look(ctx, t.op.Code)
}

// judgeLook describes what is to be consumed. A step: it cannot be, or it is not certain
// which.
func (t *consumption) judgeLook(ctx context.Context, r Request, looked platform.Looked, followed *models.Operation) (Step, error) {
	again := staysGood(looked.Voucher, followed != nil) // or it would not be usable
	if looked.Proves != platform.Usable {
		t.describe(looked.Voucher)
		t.op.Reusable = again
		return t.notUsable(ctx, looked, followed)
	}
	ask := t.choose(looked.Voucher, r.Product, followed)
	t.op.Reusable = t.op.Reusable || again
	switch {
	case ask.Reason != "":
		return t.refused(ask), nil
	case t.op.Left > 0 && t.op.Count > t.op.Left:
		return t.refused(models.Outcome{Reason: ReasonTooMany}), nil
	}
	if n := leftInOrder(looked.Voucher); n > 0 && !t.op.Reusable {
		t.op.Left = n
	}
	return nil, nil
}

// Refuse is a verification that the platform is not asked for.
func (c *Core) Refuse(r Request, o models.Outcome) Step {
	return (&consumption{&talk{Core: c, op: c.operation(r)}}).refused(o)
}

func (c *Core) operation(r Request) models.Operation {
	return models.Operation{
		ID: c.NewID(), StoreID: r.Account.ID, Code: r.Code, Count: max(r.Count, 1), InboxID: r.Asked.ID, Seq: r.Seq,
		Channel: r.Channel, Chat: r.Chat, UserID: r.UserID, User: r.User, CreatedAt: c.Now(), PriceUnknown: true,
	}
}

// earlier finds an operation that stands on the code, once it is not under way any
// more. followed is that operation, where it is the one to follow. What comes to nothing
// while it is waited for leaves what stands beneath it.
func (t *consumption) earlier(ctx context.Context, follows string) (earlier, followed *models.Operation, err error) {
	for range maxBegins {
		op, err := t.DB.Journal.ByCoupon(ctx, t.op.StoreID, t.op.Code)
		t.ours = err == nil && op.State != models.Rejected
		switch {
		case errors.Is(err, models.ErrNotFound):
			return nil, nil, nil
		case err != nil:
			return nil, nil, fmt.Errorf("redeem: earlier operation: %w", err)
		case !Standing(op):
			return nil, nil, nil
		}
		if seen, err := t.hasSeen(ctx, follows, op); err != nil || seen && op.State == models.Done {
			return &op, &op, err
		}
		if op, err = t.Outcome(ctx, op); err != nil {
			return nil, nil, err
		}
		if Standing(op) {
			return &op, nil, nil
		}
		if op.OtherID == "" { // it followed none
			break
		}
	}
	return nil, nil, nil
}

// describe copies what the platform told about a voucher.
func (t *talk) describe(v platform.Voucher) {
	if v.Code == "" {
		return
	}
	op := &t.op
	op.DealID, op.DealGroupID, op.OrderID, op.Ticket = v.DealID, v.DealGroupID, v.OrderID, v.Ticket
	op.Title, op.Mobile, op.VoucherExpires = v.Title, v.Mobile, v.Expires
	op.PriceFen, op.PriceUnknown, op.PriceShare, op.MarketFen = v.PriceFen, !v.PriceKnown, v.PriceShare, v.MarketFen
	op.Left, op.Reusable = v.Left, v.Reusable
}

// notUsable refuses what a look did not say yes to. Nothing was consumed.
func (t *consumption) notUsable(ctx context.Context, looked platform.Looked, followed *models.Operation) (Step, error) {
	if followed != nil && (looked.Proves == platform.Used || looked.Why == platform.NotFound) {
		return t.spent(ctx, *followed)
	}
	if looked.Proves == platform.Used || looked.Proves == platform.Unclear || looked.Why == platform.NotFound { // used by a colleague, a moment ago?
		earlier, _, err := t.earlier(ctx, "")
		if err != nil {
			return nil, err
		}
		if earlier != nil && !earlier.Superseded {
			return t.refusedFor(*earlier), nil
		}
	}
	if looked.Proves == platform.Used {
		if err := t.usedBy(ctx, looked); err != nil {
			return nil, err
		}
	}
	if t.ours {
		NoGuess(t.calls)
	}
	return t.refused(outcome(looked.Said)), nil
}

// usedBy finds out who used a code and when, as far as the platform tells.
func (t *talk) usedBy(ctx context.Context, looked platform.Looked) error {
	t.op.UsedAt = looked.UsedAt
	recorded, err := t.record(ctx, own(t.op))
	if err != nil || recorded.Proves != platform.Consumed {
		return err
	}
	rec := recorded.Record
	t.op.UsedBy = t.who(ctx, rec.Account)
	if !rec.At.IsZero() {
		t.op.UsedAt = rec.At
	}
	if t.op.Title == "" {
		t.op.Title, t.op.PriceFen, t.op.PriceUnknown, t.op.PriceShare = rec.Title, rec.PriceFen, !rec.PriceKnown, rec.PriceShare
	}
	return nil
}

// intend makes the intent durable; an operation that it is to follow stops being
// live with it. A step is returned where there is nothing to consume after all.
func (t *consumption) intend(ctx context.Context, asked models.Inbox, earlier, followed *models.Operation) (Step, error) {
	for try := 1; ; try++ {
		now := t.Now()
		t.op.CalledAt, t.op.SentAt, t.op.DueAt = now, now, now.Add(t.Lease(1))
		failpoint.Hit("intent.before")
		begun, err := t.begin(ctx, asked, followed)
		switch {
		case errors.Is(err, errMoved):
			return t.overtaken(ctx, asked, *earlier)
		case errors.Is(err, models.ErrLive): // another operation is under way
			if begun, err = t.Outcome(ctx, begun); err != nil {
				return nil, err
			}
			if !Standing(begun) && try < maxBegins { // and has consumed nothing
				continue
			}
			return t.refusedFor(begun), nil
		case errors.Is(err, models.ErrDuplicate): // our own earlier attempt at this message
			return settled(begun), nil
		case err != nil:
			return nil, fmt.Errorf("redeem: intent: %w", err)
		}
		t.op = begun
		return nil, nil
	}
}

// maxBegins is how often an intent is tried while others on the code come and go.
const maxBegins = 2

func (t *consumption) begin(ctx context.Context, asked models.Inbox, followed *models.Operation) (begun models.Operation, err error) {
	if followed == nil || followed.Superseded {
		return t.DB.Journal.Begin(ctx, t.op, asked)
	}
	err = t.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.Journal.Supersede(ctx, *followed); errors.Is(err, models.ErrStale) {
			return errMoved
		} else if err != nil {
			return err
		}
		begun, err = tx.Journal.Begin(ctx, t.op, asked)
		return err
	})
	return begun, err
}

// consumed judges the answer to the first consume.
func (t *consumption) consumed(ctx context.Context, answer platform.Consumption) (Step, error) {
	after := settlement{*t}
	switch answer.Proves {
	case platform.Consumed:
		return after.complete(ctx, answer.Coupons, t.op.CalledAt, false)
	case platform.Partly:
		return after.partlyDone(ctx, answer.Coupons)
	case platform.Used: // by somebody else, or by this very call, repeated on its way
		return after.settleConsume(ctx, false)
	case platform.Held:
		return t.held(answer.Said), nil
	case platform.Refused:
		if answer.Doubtful {
			return after.refusedOrRepeated(ctx, answer)
		}
		return t.rejected(outcome(answer.Said)), nil
	}
	return t.doubt(answer.Said, false), nil
}
