package redeem

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"yanquan/bot/platform"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Settle takes up an operation whose outcome is not known: doubtful, or left by a
// process that died. It asks the platform first, and repeats a call only where
// the answers allow it. [models.ErrStale]: another worker has it.
func (c *Core) Settle(ctx context.Context, op models.Operation) (Step, error) {
	op, err := c.DB.Journal.Claim(ctx, op, c.Now().Add(c.Lease(1)))
	if err != nil {
		return nil, err
	}
	t, err := c.reopen(ctx, op)
	if err != nil {
		return nil, err
	}
	t.settling = true
	undo, consume := reversal{t}, settlement{consumption{t}}
	settle := undo.settleUndo
	if consuming(op) {
		settle = func(ctx context.Context) (Step, error) { return consume.settleConsume(ctx, true) }
	}
	step, err := settle(ctx)
	if err == nil {
		failpoint.Hit("settle.before")
	}
	return step, err
}

// settleConsume finds out what became of a consume. mayRepeat says that the same
// request may be sent again, where that is safe.
func (t settlement) settleConsume(ctx context.Context, mayRepeat bool) (Step, error) {
	if t.shop == nil {
		return t.doubt(platform.Said{Why: ReasonNoPlatform}, false), nil
	}
	recorded, err := t.record(ctx, own(t.op))
	if err != nil {
		return nil, err
	}
	if t.rival, err = t.beside(ctx); err != nil {
		return nil, err
	}
	mayRepeat = mayRepeat && !t.late(t.op.CalledAt)
	if recorded.Complete {
		return t.byUses(ctx, recorded, mayRepeat)
	}
	b, err := t.books(ctx, t.op.Code, recorded.Record)
	if err != nil {
		return nil, err
	}
	if recorded.Record.Reusable {
		t.op.Reusable = true
	}
	t.op.Reusable = b.reusable(t.op)
	switch recorded.Proves {
	case platform.Replaced:
		return t.replaced(ctx, recorded.Said)
	case platform.Consumed:
		return t.recorded(ctx, b, recorded.Record, mayRepeat)
	case platform.NotConsumed:
		return t.notRecorded(ctx, recorded, mayRepeat && t.rival == nil)
	}
	if recorded.Decided { // an answer that is neither ends nothing
		return t.notRecorded(ctx, recorded, mayRepeat && t.rival == nil)
	}
	return t.doubt(recorded.Said, false), nil
}

// refusedOrRepeated judges a refusal that may be the answer to this very call, sent a
// second time on its way: whatever the first did shows, for the platform has answered.
func (t settlement) refusedOrRepeated(ctx context.Context, answer platform.Consumption) (Step, error) {
	recorded, err := t.record(ctx, own(t.op))
	if err != nil {
		return nil, err
	}
	switch recorded.Proves {
	case platform.NotConsumed:
		if recorded.Complete {
			return t.refusedOrHeld(ctx, answer)
		}
		return t.rejected(outcome(answer.Said)), nil
	case platform.Replaced:
		return t.replaced(ctx, answer.Said)
	case platform.Consumed:
		if recorded.Complete {
			return t.byUses(ctx, recorded, false)
		}
		b, err := t.books(ctx, t.op.Code, recorded.Record)
		if err != nil {
			return nil, err
		}
		return t.recorded(ctx, b, recorded.Record, false)
	}
	return t.doubt(recorded.Said, false), nil
}

// recorded goes on from a record of the code.
func (t settlement) recorded(ctx context.Context, b books, rec platform.Record, mayRepeat bool) (Step, error) {
	whose, other := b.whose(t.op, rec)
	if whose == ours && !t.op.Reusable {
		another, err := t.byAnother(ctx, b, rec)
		if err != nil {
			return nil, err
		}
		if another {
			whose = unclear
		}
	}
	if whose == ours && onlyOne(t.op, rec) {
		return t.complete(ctx, []platform.Coupon{ownIn(t.op, rec)}, t.consumedAt(rec), true)
	}
	if t.op.Reusable {
		return t.visited(ctx, rec, true, mayRepeat && t.rival == nil)
	}
	looked, err := t.look(ctx, t.op.Code)
	switch {
	case err != nil:
		return nil, err
	case looked.Proves == platform.Usable: // it stays good after a visit
		t.op.Reusable = true
		return t.visited(ctx, rec, true, mayRepeat && t.rival == nil)
	case looked.Proves == platform.Unclear:
		return t.doubt(looked.Said, false), nil
	case whose == ours: // nothing is left, and something was at our look
		return t.complete(ctx, []platform.Coupon{ownIn(t.op, rec)}, t.consumedAt(rec), true)
	case whose == theirs:
		return t.usedUp(ctx, rec, other, mayRepeat && t.rival == nil)
	case looked.Proves == platform.Used && mayRepeat:
		return t.sendAgain(ctx)
	}
	return t.doubt(platform.Said{}, false), nil
}

// usedUp goes on where nothing is left and the record is another's: of a code that stays good,
// as the list shows, that says nothing of ours.
func (t settlement) usedUp(ctx context.Context, rec platform.Record, other *models.Operation, mayRepeat bool) (Step, error) {
	last := t.op.Left == 1 && !rec.At.Before(t.op.CreatedAt.Truncate(time.Second))
	if last || other != nil && other.Code != t.op.Code { // no card, or none of it was left for both
		return t.usedByOther(ctx, rec, other), nil
	}
	listed, err := t.history(ctx, t.op.CalledAt, t.Now(), rec.At)
	switch {
	case err != nil:
		return nil, err
	case !listed.Known:
		return t.doubt(listed.Said, false), nil
	case len(visits(t.op.Code, listed.Records)) > 1:
		t.op.Reusable = true
		return t.visited(ctx, rec, true, mayRepeat)
	}
	return t.usedByOther(ctx, rec, other), nil
}

// visited goes on, for a code that stays good after a visit, from the platform's
// list and what is left: a record of another visit says nothing of ours, and neither does
// none. certain says that the record was told, or that there is none.
func (t settlement) visited(ctx context.Context, shown platform.Record, certain, mayRepeat bool) (Step, error) {
	listed, err := t.history(ctx, t.op.CalledAt, t.Now(), shown.At)
	if err != nil {
		return nil, err
	}
	looked, err := t.look(ctx, t.op.Code) // after the list, so that it knows of every visit there
	switch {
	case err != nil:
		return nil, err
	case looked.Silent:
		return t.doubt(looked.Said, false), nil
	case !listed.Known:
		return t.unlisted(ctx, shown, looked, listed.Said)
	}
	b, err := t.books(ctx, t.op.Code, visits(t.op.Code, listed.Records)...)
	if err != nil {
		return nil, err
	}
	gone, known := b.sinceLook(t.op, looked)
	whose, rec := b.visit(t.op, listed.Records, gone, known)
	if whose == ours && known && gone == 0 && !looked.Voucher.Reusable { // the look may be of before the call
		if step, err := t.coupons(ctx, rec, listed); step != nil || err != nil {
			return step, err
		}
	}
	switch {
	case whose == ours && t.op.Count > 1 && len(b.doubts) > 0: // what is gone may be theirs
		return t.doubt(platform.Said{}, false), nil
	case whose == ours && known && gone > 0:
		return t.counted([]platform.Coupon{ownIn(t.op, rec)}, took(t.op, listed.Records, rec, gone), t.consumedAt(rec)), nil
	case whose == ours:
		return t.complete(ctx, []platform.Coupon{ownIn(t.op, rec)}, t.consumedAt(rec), true)
	case whose == unclear, !b.covers(t.op, listed.Records, shown, dayOf(t.op.CalledAt)):
		return t.doubt(platform.Said{}, false), nil
	case !t.quiet():
		return t.doubt(platform.Said{}, true), nil
	case !mayRepeat && !(certain && t.sentLast()):
		return t.doubt(platform.Said{}, false), nil
	}
	return t.notListed(ctx, b, listed.Records, looked, certain, mayRepeat)
}

// coupons is the end of a consume of several of which the list shows as many codes as were
// asked for: they are of an order, and no visits of one code. nil: it does not.
func (t settlement) coupons(ctx context.Context, rec platform.Record, listed platform.Listed) (Step, error) {
	var err error
	rest := siblings(t.op, []platform.Coupon{own(t.op)}, listed.Records, t.free(ctx, false, &err))
	if err != nil || t.op.Count == 1 || len(rest) != t.op.Count-1 {
		return nil, err
	}
	t.op.Reusable = false
	return t.done(append([]platform.Coupon{ownIn(t.op, rec)}, rest...), t.consumedAt(rec), ""), nil
}

// unlisted goes on where the visits are not listed: the record at our call is ours where
// one is gone since our look. Of several, some may be another's.
func (t settlement) unlisted(ctx context.Context, shown platform.Record, looked platform.Looked, why platform.Said) (Step, error) {
	b, err := t.books(ctx, t.op.Code, shown)
	if err != nil {
		return nil, err
	}
	gone, known := b.sinceLook(t.op, looked)
	whose, _ := b.whose(t.op, shown)
	if whose == ours && len(b.doubts) == 0 && !shown.At.IsZero() && !beforeCall(t.op, shown) && known && gone == 1 && t.op.Count == 1 {
		return t.complete(ctx, []platform.Coupon{ownIn(t.op, shown)}, t.consumedAt(shown), true)
	}
	return t.doubt(why, false), nil
}

// notListed goes on where the list has other visits alone: it may be of less than all,
// which what is left of the card tells.
func (t settlement) notListed(ctx context.Context, b books, list []platform.Record, looked platform.Looked, certain, mayRepeat bool) (Step, error) {
	left, explained := looked.Voucher.Left, t.op.Left-b.since(t.op, list)
	told := certain && t.op.Left > 0
	switch {
	case told && looked.Proves == platform.Used && explained <= 0: // others have used it up
		rec, other := b.latest(t.op, list)
		return t.usedByOther(ctx, rec, other), nil
	case looked.Proves != platform.Usable, left < explained: // a visit is gone that the list does not explain
	case !mayRepeat && b.mayBe(t.op, list): // clocks apart, and what is left is told late
	case told && left > 0 && left < t.op.Count:
		t.op.Left = left
		return t.rejected(models.Outcome{Reason: ReasonTooMany}), nil
	case mayRepeat:
		return t.repeat(ctx)
	case told && left > 0 && t.sentLast():
		return t.notConsumed(platform.Said{}), nil
	}
	return t.doubt(looked.Said, false), nil
}

// notRecorded goes on where the platform knows of no verification, or says what
// is neither that nor the contrary. Nothing is certain until the last call would
// show. Before, the same request may go again: its code can be consumed once.
func (t settlement) notRecorded(ctx context.Context, recorded platform.Recorded, mayRepeat bool) (Step, error) {
	none := recorded.Proves == platform.NotConsumed
	if t.op.Reusable {
		return t.visited(ctx, platform.Record{}, none, mayRepeat && none)
	}
	if !t.quiet() {
		if none && mayRepeat {
			return t.repeat(ctx)
		}
		return t.doubt(recorded.Said, true), nil
	}
	looked, err := t.look(ctx, t.op.Code)
	if err != nil {
		return nil, err
	}
	usable := looked.Proves == platform.Usable
	short := usable && looked.Voucher.Left > 0 && looked.Voucher.Left < t.op.Count
	switch {
	case none && looked.Why == platform.CodeReplaced:
		return t.replaced(ctx, looked.Said)
	case none && looked.Proves == platform.Void:
		return t.rejected(outcome(looked.Said)), nil
	case none && short:
		t.op.Left = looked.Voucher.Left
		return t.rejected(models.Outcome{Reason: ReasonTooMany}), nil
	case none && usable && t.sentLast():
		return t.notConsumed(recorded.Said), nil
	case usable && !short && mayRepeat:
		return t.repeat(ctx)
	case looked.Silent:
		return t.doubt(looked.Said, false), nil
	}
	return t.doubt(recorded.Said, false), nil
}

// sentLast reports whether nothing is sent again: it is late, or the code was verified at
// another account of the store meanwhile.
func (t settlement) sentLast() bool { return t.rival != nil || t.late(t.op.CalledAt) }

// notConsumed: the platform did not consume, and nothing is sent again.
func (t settlement) notConsumed(s platform.Said) Step {
	if t.rival != nil {
		return t.givesWay(*t.rival)
	}
	return t.rejected(models.Outcome{Reason: ReasonNotConsumed, Code: s.Code, Message: s.Message, TraceID: s.TraceID})
}

// repeat sends the same request again, unless the code was verified at another account
// of the store just now. Success is success; a refusal says nothing of the calls before.
func (t settlement) repeat(ctx context.Context) (Step, error) {
	if other, err := t.beside(ctx); err != nil {
		return nil, err
	} else if other != nil {
		return t.doubt(platform.Said{}, true), nil
	}
	return t.sendAgain(ctx)
}

// sendAgain sends the same request again, whatever was verified at another account: by
// itself only where nothing is left to consume. The same key gets the same answer.
func (t settlement) sendAgain(ctx context.Context) (Step, error) {
	answer, err := t.consume(ctx, true)
	if err != nil {
		return nil, err
	}
	switch answer.Proves {
	case platform.Consumed:
		return t.complete(ctx, answer.Coupons, t.op.CalledAt, false)
	case platform.Partly:
		return t.partlyDone(ctx, answer.Coupons)
	case platform.Held:
		return t.held(answer.Said), nil
	}
	return t.doubt(answer.Said, !answer.Silent), nil
}

// usedByOther: somebody else, or another operation of ours, had the code.
func (t settlement) usedByOther(ctx context.Context, rec platform.Record, other *models.Operation) Step {
	t.op.UsedBy, t.op.UsedAt = t.who(ctx, rec.Account), rec.At
	if other != nil {
		t.op.OtherID = other.ID
	}
	return t.rejected(models.Outcome{Reason: platform.AlreadyUsed})
}

// consumedAt is when the time for an undo began, as far as is known: by the
// platform where that is credible, never later than it can have been. What was held may
// have been consumed long after the call, and just now where the platform's clock is ahead.
func (t settlement) consumedAt(rec platform.Record) time.Time {
	now := t.Now()
	switch {
	case rec.At.After(t.op.CalledAt) && rec.At.Before(now):
		return rec.At
	case t.op.State == models.Held && (rec.At.IsZero() || rec.At.After(t.op.CalledAt)):
		return now
	}
	return t.op.CalledAt
}

// ownIn is an operation's own coupon as a record tells it. A record that does not name the
// use may tell the price of the whole card: a visit's is that of the look.
func ownIn(op models.Operation, rec platform.Record) platform.Coupon {
	c := couponIn(rec)
	c.Code, c.OrderID = op.Code, op.OrderID
	c.PriceKnown = c.PriceKnown && (!op.Reusable || rec.Handle != "")
	return c
}

// books gathers what the journal knows of a code beside the operation, and of the
// people whom records name.
func (t *talk) books(ctx context.Context, code string, records ...platform.Record) (books, error) {
	all, err := t.ofCode(ctx, code)
	if err != nil {
		return books{}, err
	}
	b := books{colleague: map[string]bool{}}
	for _, o := range all {
		switch {
		case o.ID == t.op.ID:
		case consuming(o) && o.StoreID != t.op.StoreID:
			b.doubts = append(b.doubts, o)
		case !o.ConsumedAt.IsZero() && o.State != models.Rejected:
			b.others = append(b.others, o)
		}
	}
	for _, r := range records {
		account := strings.ToLower(r.Account)
		if _, known := b.colleague[account]; known || account == "" || by(t.op, r) {
			continue
		}
		_, err := t.DB.Directory.Member(ctx, t.op.StoreID, r.Account)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return books{}, fmt.Errorf("redeem: member: %w", err)
		}
		b.colleague[account] = err == nil
	}
	return b, nil
}

// dayOf is the beginning of a day by the platform's clocks.
func dayOf(t time.Time) time.Time {
	return t.UTC().Add(8 * time.Hour).Truncate(24 * time.Hour).Add(-8 * time.Hour)
}

// who names the person behind an account of the platform's record: by the store's
// list, or by the journal where it was another store of ours.
func (t *talk) who(ctx context.Context, account string) string {
	if m, err := t.DB.Directory.Member(ctx, t.op.StoreID, account); err == nil && m.Name != "" {
		return m.Name
	}
	all, err := t.DB.History.OfCode(ctx, t.op.Code)
	if err != nil {
		return phone.ReplaceAllString(account, "$1****$2")
	}
	for _, o := range all {
		if o.ID == t.op.ID || o.ConsumedAt.IsZero() || !strings.EqualFold(o.UserID, account) {
			continue
		}
		if s, err := t.DB.Directory.Store(ctx, o.StoreID); err == nil {
			return o.User + " (" + s.Name + ")"
		}
	}
	return phone.ReplaceAllString(account, "$1****$2")
}

// phone is a mobile number, as some systems use for an account.
var phone = regexp.MustCompile(`(1[0-9]{2})[0-9]{4}([0-9]{4})`)
