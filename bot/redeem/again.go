package redeem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A code that was consumed here may have more: further visits of a 次卡, further coupons of
// its order. It is consumed again only by a button that names what the person has seen.

// refusedAgain refuses a code because of an operation at its own account, and says whether
// more can be consumed. follows is an older one that the person has seen, or "".
func (t *consumption) refusedAgain(ctx context.Context, other models.Operation, follows string) Step {
	o := t.stands(other)
	switch {
	case o.Reason != ReasonHere:
	case follows != "" && follows != other.ID:
		o.Reason = ReasonHereSince
	case other.State == models.Done && mayRemain(other) && t.shop != nil:
		o.Reason = t.remaining(ctx, other)
	}
	return t.refused(o)
}

// overtaken refuses a code because what was to be followed has moved on since it was read:
// for what stands now. Where it was undone and nothing else stands, the consume goes on.
func (t *consumption) overtaken(ctx context.Context, asked models.Inbox, followed models.Operation) (Step, error) {
	newest, _, err := t.earlier(ctx, "")
	switch {
	case err != nil:
		return nil, err
	case newest == nil:
		return t.intend(ctx, asked, nil, nil)
	}
	return t.refusedAgain(ctx, *newest, followed.ID), nil
}

// spent refuses to follow an operation with a code that is good for nothing more: what its
// order has left is shown under another code.
func (t *consumption) spent(ctx context.Context, followed models.Operation) (Step, error) {
	newest, _, err := t.earlier(ctx, "")
	if err != nil {
		return nil, err
	}
	NoGuess(t.calls)
	if newest != nil && newest.ID != followed.ID { // a colleague, a moment ago
		return t.refusedAgain(ctx, *newest, followed.ID), nil
	}
	o := t.stands(followed)
	o.Reason = ReasonHereSpent
	return t.refused(o), nil
}

// mayRemain reports whether an operation may have left something: what stood alone did not.
func mayRemain(op models.Operation) bool {
	return op.Reusable || op.Left == 0 || op.Left > op.Count
}

// remaining asks what an operation has left. Where the platform does not say, nobody
// guesses.
func (t *consumption) remaining(ctx context.Context, other models.Operation) (reason string) {
	start := t.Now()
	looked := t.shop.Remaining(ctx, platform.Coupon{Code: t.op.Code, OrderID: other.OrderID, DealID: other.DealID, DealGroupID: other.DealGroupID})
	t.note(start, t.op.Code, looked.Said)
	NoGuess(t.calls)
	switch looked.Proves {
	case platform.Usable:
		t.op.Left, t.op.Reusable = looked.Voucher.Left, staysGood(looked.Voucher, other.Reusable)
		return ReasonHereMore
	case platform.Used, platform.Void:
		return ReasonHere
	}
	return ReasonHereUnsure
}

// staysGood reports whether a code that can be consumed is good for several visits. One that was
// consumed before is, unless it stands for other coupons, too.
func staysGood(v platform.Voucher, before bool) bool {
	return v.Reusable || before && !v.OfOrder
}

// standing finds the newest operation of some accounts that has consumed a code, or may
// have; nil: none. An undo gives back what it undid, and not what was consumed before.
func (c *Core) standing(ctx context.Context, accounts []int64, code string) (*models.Operation, error) {
	page, _, err := c.DB.History.Page(ctx, models.HistoryFilter{StoreIDs: accounts, Code: code, States: []models.State{
		models.Calling, models.Unknown, models.Held, models.Done, models.Undoing, models.UndoUnknown,
	}}, models.HistoryMark{}, 1)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return &page[0], nil
}

// hasSeen reports whether who has seen an operation of the store, on the same code, knows of another:
// of itself, and of those before it.
func (t *consumption) hasSeen(ctx context.Context, seen string, op models.Operation) (bool, error) {
	if seen == "" || seen == op.ID {
		return seen != "", nil
	}
	newer, err := t.DB.Journal.Get(ctx, seen)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("redeem: operation that was seen: %w", err)
	}
	inStore := newer.StoreID == t.op.StoreID || slices.Contains(t.others, newer.StoreID)
	return inStore && before(op, newer), nil
}

// before reports whether an operation was asked for before another.
func before(a, b models.Operation) bool {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) < 0
}
