package redeem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/platform"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// Verdict says whether an operation can be undone, and if not, why.
type Verdict string

// The verdicts of [CanUndo].
const (
	Undoable   Verdict = "undoable"
	NotDone    Verdict = "not_done"   // under way, refused, or undone: its state says it
	Superseded Verdict = "superseded" // the same code was verified anew since
	Closed     Verdict = "closed"     // too late by the platform's word, or the rest has nothing to undo it by
	TooLate    Verdict = "too_late"   // by our clock
)

// CanUndo is the one rule for undoing. [models.JournalStore.LastUndoable] says the same in
// SQL.
func CanUndo(op models.Operation, now time.Time) Verdict {
	switch {
	case op.State != models.Done:
		return NotDone
	case op.Superseded:
		return Superseded
	case slices.Contains(models.UndoClosed, op.UndoReason):
		return Closed
	case !now.Before(op.UndoUntil):
		return TooLate
	}
	return Undoable
}

// ErrMoved: the operation is not as it was read, or cannot be undone; look again.
var ErrMoved = errors.New("redeem: the operation has moved on")

// UndoRequest asks for an undo. Who may is checked before.
type UndoRequest struct {
	Asked  models.Inbox // the message that asks, as its worker holds it
	Op     models.Operation
	UserID string
	User   string // name
}

// Undo undoes an operation: every coupon that it consumed, each with a result of
// its own. [ErrMoved]: there was no call, read the operation again;
// [models.ErrStale]: the message is another worker's, or answered.
func (c *Core) Undo(ctx context.Context, r UndoRequest) (Step, error) {
	op, now := r.Op, c.Now()
	if CanUndo(op, now) != Undoable {
		return nil, ErrMoved
	}
	work, err := c.reopen(ctx, op)
	if err != nil {
		return nil, err
	}
	t := reversal{work}
	op.UndoUserID, op.UndoUser = r.UserID, r.User
	op.UndoCalledAt, op.SentAt, op.DueAt = now, now, now.Add(c.Lease(1))
	failpoint.Hit("undo.intent.before")
	begun, err := c.DB.Journal.BeginUndo(ctx, op, r.Asked)
	if errors.Is(err, models.ErrStale) {
		if stored, err := c.DB.Journal.Get(ctx, op.ID); err != nil || stored.Attempt != op.Attempt || stored.Superseded {
			return nil, errors.Join(ErrMoved, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("redeem: undo intent: %w", err)
	}
	t.op = begun
	failpoint.Hit("undo.call.before")
	step, err := t.reverseAll(ctx)
	failpoint.Hit("undo.call.after")
	return step, err
}

// reverseAll calls reverseconsume for every coupon that is not undone yet and has a code. After
// one whose answer was lost, the rest is left to the settling.
func (t *reversal) reverseAll(ctx context.Context) (Step, error) {
	coupons, err := t.DB.Journal.Coupons(ctx, t.op.ID)
	if err != nil {
		return nil, fmt.Errorf("redeem: coupons: %w", err)
	}
	for i := range coupons {
		c := &coupons[i]
		if !c.UndoneAt.IsZero() || c.Untold() {
			continue
		}
		answer, err := t.reverseOne(ctx, *c, openOf(coupons, c.Code))
		if err != nil {
			return nil, err
		}
		if t.tell(c, answer); answer.Proves == platform.Unclear {
			return t.doubtUndo(coupons, answer.Said, false), nil
		}
	}
	return t.undone(coupons), nil
}

// reverseOne undoes a coupon. The platform takes back the last visit of a code: of
// one that keeps from visit to visit, an undo is sent only where the books show that the
// last visit is the coupon's. open is as in [openOf].
func (t *reversal) reverseOne(ctx context.Context, c models.Coupon, open int) (platform.Reversal, error) {
	if t.shop == nil {
		return notSent(ReasonNoPlatform), nil
	}
	keeps, err := t.keeps(ctx, c)
	if err != nil {
		return platform.Reversal{}, err
	}
	if keeps && c.Handle == "" {
		state, why, err := t.state(ctx, c, open)
		if err != nil || state != isUsed {
			return t.unsent(state, why), err
		}
	} else if t.op.Left > t.op.Count && c.Handle == "" { // or a code that stays good, and is not told as one
		if answer, stop, err := t.unmarked(ctx, c, open); stop || err != nil {
			return answer, err
		}
	}
	return t.reverseKnown(ctx, c, false, open)
}

// reverseKnown sends an undo, and where the platform's answer does not tell what it did,
// asks: otherwise each of several coupons would wait for the one before to be settled.
func (t *reversal) reverseKnown(ctx context.Context, c models.Coupon, again bool, open int) (platform.Reversal, error) {
	answer, err := t.reverse(ctx, c, again)
	refused := answer.Proves == platform.Refused && answer.Doubtful && !again
	if unclear := answer.Proves == platform.Unclear && !answer.Silent; err != nil || !refused && !unclear {
		return answer, err
	}
	state, _, err := t.state(ctx, c, open)
	switch state {
	case isUndone: // also where the refusal was of the same call, repeated on its way
		answer.Proves = platform.Undone
	case notKnown, notYet:
		answer.Proves = platform.Unclear
	}
	return answer, err
}

// unmarked asks, of a code that a look has told more of than was consumed, whether its
// record is another's verification: then it stays good, and the books must show that ours
// is the last. The record of an order's coupon is its own; without one, nothing is held up.
func (t *reversal) unmarked(ctx context.Context, c models.Coupon, open int) (answer platform.Reversal, stop bool, err error) {
	recorded, err := t.record(ctx, couponOf(t.op, c))
	if err != nil || recorded.Proves != platform.Consumed {
		return answer, false, err
	}
	b, err := t.books(ctx, c.Code, recorded.Record)
	if err != nil || !b.another(t.op, recorded.Record) {
		return answer, false, err
	}
	state, why, err := t.visitState(ctx, c, recorded, open)
	return t.unsent(state, why), state != isUsed, err
}

// openOf counts the coupons of a code that are not known to be undone: several visits.
func openOf(coupons []models.Coupon, code string) (n int) {
	for _, c := range coupons {
		if c.Code == code && c.UndoneAt.IsZero() {
			n++
		}
	}
	return n
}

// keeps reports whether a coupon's code keeps from visit to visit, as far as is known: when
// the operation was begun, or since, for one that follows it.
func (t *reversal) keeps(ctx context.Context, c models.Coupon) (bool, error) {
	if t.op.Reusable || c.Handle != "" || c.Code != t.op.Code {
		return t.op.Reusable, nil
	}
	all, err := t.ofCode(ctx, c.Code)
	return slices.ContainsFunc(all, func(o models.Operation) bool {
		return o.Reusable || o.State == models.Done && o.StoreID != t.op.StoreID // both stand
	}), err
}

// unsent is what stands for the answer to an undo that is not sent, because of what the
// books show. Where the platform did not answer, the undo goes on once it does.
func (t *reversal) unsent(state state, why platform.Said) platform.Reversal {
	switch {
	case state == isUndone:
		return platform.Reversal{Proves: platform.Undone}
	case state == notYet:
		return platform.Reversal{}
	case state == isCovered:
		return notSent(ReasonCovered)
	case why.Silent:
		return platform.Reversal{Said: why}
	case why.Why == platform.Session, why.Why == platform.Config:
		return notSent(why.Why)
	}
	return notSent(ReasonUndoUnsure)
}

// notSent refuses an undo without a call.
func notSent(reason string) platform.Reversal {
	return platform.Reversal{Said: platform.Said{Why: reason}, Proves: platform.Refused}
}

// tell notes on a coupon what an undo did to it.
func (t *reversal) tell(c *models.Coupon, answer platform.Reversal) {
	switch answer.Proves {
	case platform.Undone:
		c.UndoneAt, c.UndoReason = t.Now(), ""
	case platform.Refused:
		c.UndoReason, t.op.UndoMessage = answer.Why, answer.Message
	}
}

// settleUndo asks what became of each coupon, and undoes those that are certain
// to be consumed still.
func (t *reversal) settleUndo(ctx context.Context) (Step, error) {
	coupons, err := t.DB.Journal.Coupons(ctx, t.op.ID)
	if err != nil {
		return nil, fmt.Errorf("redeem: coupons: %w", err)
	}
	if t.shop == nil {
		return t.doubtUndo(coupons, platform.Said{Why: ReasonNoPlatform}, false), nil
	}
	quiet := t.quiet() // of the calls before this round, which are those in doubt
	open, wait := false, false
	for i := range coupons {
		c := &coupons[i]
		if !c.UndoneAt.IsZero() || c.Untold() {
			continue
		}
		state, why, err := t.state(ctx, *c, openOf(coupons, c.Code))
		if err != nil {
			return nil, err
		}
		switch {
		case state == isUndone:
			c.UndoneAt, c.UndoReason = t.Now(), ""
		case state == notKnown && why.Silent:
			return t.doubtUndo(coupons, why, false), nil
		case state == notKnown:
			open = true
		case !quiet, state == notYet:
			open, wait = true, true
		case !t.Now().Before(t.op.UndoUntil):
			c.UndoReason = ReasonUndoLate
		case state == isCovered:
			c.UndoReason = ReasonCovered
		case t.late(t.op.UndoCalledAt):
			c.UndoReason = ReasonNotUndone
		default:
			answer, err := t.reverseKnown(ctx, *c, true, openOf(coupons, c.Code))
			if err != nil {
				return nil, err
			}
			if t.tell(c, answer); answer.Proves == platform.Unclear {
				return t.doubtUndo(coupons, answer.Said, !answer.Silent), nil
			}
		}
	}
	if open {
		return t.doubtUndo(coupons, platform.Said{}, wait), nil
	}
	return t.undone(coupons), nil
}

// state says of a coupon in doubt what the platform's books show.
type state int

const (
	notKnown  state = iota
	notYet          // the books need not show it yet
	isUndone        // it is no longer consumed
	isUsed          // this very verification stands, and is the code's last
	isCovered       // it stands under a later one, which an undo would hit
)

// state asks what has become of a coupon's verification. open is as in [openOf].
func (t *reversal) state(ctx context.Context, c models.Coupon, open int) (state, platform.Said, error) {
	recorded, err := t.record(ctx, couponOf(t.op, c))
	if err == nil && recorded.Proves == platform.Replaced {
		return isUndone, recorded.Said, nil
	}
	if err != nil || recorded.Proves == platform.Unclear {
		return notKnown, recorded.Said, err
	}
	state, said, err := t.stateIn(ctx, c, recorded, open)
	if state == isUndone && t.Now().Before(t.op.CalledAt.Add(t.quietAfter())) {
		return notYet, platform.Said{}, err
	}
	return state, said, err
}

// stateIn is what a record and the books beside it show.
func (t *reversal) stateIn(ctx context.Context, c models.Coupon, recorded platform.Recorded, open int) (state, platform.Said, error) {
	switch {
	case recorded.Complete && recorded.Proves == platform.NotConsumed:
		return isUndone, recorded.Said, nil
	case recorded.Complete:
		return isUsed, recorded.Said, nil
	}
	b, err := t.books(ctx, c.Code, recorded.Record)
	if err != nil {
		return notKnown, recorded.Said, err
	}
	untold := !t.op.Reusable && t.op.Outcome.Reason == ReasonCodesMissing
	if untold && c.Code == t.op.Code && recorded.Proves == platform.Consumed {
		return t.besideUntold(ctx, recorded.Record)
	}
	keeps, err := t.keeps(ctx, c)
	if err != nil {
		return notKnown, recorded.Said, err
	}
	rec := recorded.Record
	rec.Reusable = rec.Reusable || recorded.Proves == platform.Consumed && b.another(t.op, rec)
	if keeps || rec.Reusable || b.reusable(t.op) || !rec.At.IsZero() && rec.At.Sub(t.op.ConsumedAt).Abs() > skew {
		return t.visitState(ctx, c, recorded, open)
	}
	if recorded.Proves == platform.Consumed {
		return isUsed, recorded.Said, nil
	}
	return t.freeState(ctx, c, 0)
}

// besideUntold is the state of the coupon that an operation was asked for, which is consumed,
// where others have no code: they may be visits of the same one, not told as one that stays
// good, whose records look alike. Then what is left of it tells how many stand.
func (t *reversal) besideUntold(ctx context.Context, rec platform.Record) (state, platform.Said, error) {
	listed, err := t.history(ctx, t.op.ConsumedAt, t.Now(), rec.At)
	if err != nil || !listed.Known {
		return notKnown, listed.Said, err
	}
	looked, err := t.look(ctx, t.op.Code)
	if err != nil || looked.Silent {
		return notKnown, looked.Said, err
	}
	all := visits(t.op.Code, listed.Records)
	b, err := t.books(ctx, t.op.Code, append(all, rec)...)
	if err != nil {
		return notKnown, looked.Said, err
	}
	n, known := b.stand(t.op, listed.Records, looked)
	switch {
	case looked.Proves == platform.Used && len(all) <= 1 && !b.another(t.op, rec): // a coupon, or nothing was given back
		return isUsed, looked.Said, nil
	case !known, !b.covers(t.op, listed.Records, rec, dayOf(t.op.ConsumedAt)):
		return notKnown, looked.Said, nil
	case n == t.op.Count:
		return b.fate(t.op, listed.Records), looked.Said, nil
	case n == t.op.Count-1:
		return isUndone, looked.Said, nil
	}
	return notKnown, looked.Said, nil
}

// freeState makes sure that a coupon without a record is not consumed. Of a code that
// keeps from visit to visit, no visit is missing but those that are listed since.
func (t *reversal) freeState(ctx context.Context, c models.Coupon, since int) (state, platform.Said, error) {
	looked, err := t.look(ctx, c.Code)
	switch left := looked.Voucher.Left; {
	case err != nil:
	case looked.Proves == platform.Usable && t.op.Reusable && left > 0 && left < t.op.Left-since: // the list says less than all
	case looked.Proves == platform.Usable, looked.Proves == platform.Void:
		return isUndone, looked.Said, nil
	}
	return notKnown, looked.Said, err
}

// visitState tells, of a code that keeps from visit to visit, by the platform's
// list: the record of a code may be that of its first visit, or of its last.
func (t *reversal) visitState(ctx context.Context, c models.Coupon, recorded platform.Recorded, open int) (state, platform.Said, error) {
	rec := recorded.Record
	listed, err := t.history(ctx, t.op.ConsumedAt, t.Now(), rec.At)
	if err != nil || !listed.Known {
		return notKnown, listed.Said, err
	}
	op := t.op
	op.Code = c.Code
	b, err := t.books(ctx, c.Code, visits(c.Code, listed.Records)...)
	if err != nil || !b.covers(op, listed.Records, rec, dayOf(op.ConsumedAt)) {
		return notKnown, platform.Said{}, err
	}
	switch state := b.amongShops(op, b.fate(op, listed.Records)); {
	case open > 1 && (state == isCovered || state == isUsed && (t.settling || t.sendsNone())):
		return t.oneOfSeveral(ctx, b, op, listed.Records, state, open)
	case state != isUndone:
		return state, platform.Said{}, nil
	case op.Count == 1 && recorded.Proves == platform.Consumed && shows(visits(c.Code, listed.Records), rec): // another visit's
		return isUndone, listed.Said, nil
	}
	return t.freeState(ctx, c, b.since(op, listed.Records))
}

// oneOfSeveral is the state of one of an operation's visits, whose records can look like
// one: where fewer stand than are not known to be undone, it is undone. Which of them it is
// does not matter, for an undo takes the last.
func (t *reversal) oneOfSeveral(ctx context.Context, b books, op models.Operation, list []platform.Record, one state, open int) (state, platform.Said, error) {
	looked, err := t.look(ctx, op.Code)
	if err != nil {
		return notKnown, looked.Said, err
	}
	switch n, known := b.stand(op, list, looked); {
	case (!known || n < 1 || n > open) && one == isUsed && !t.late(t.op.UndoCalledAt):
		return isUsed, looked.Said, nil // the last visit is ours, whichever it is: it is undone
	case !known, n < 1, n > open: // the list says less than all, or more
		return notKnown, looked.Said, nil
	case n < open:
		return isUndone, looked.Said, nil
	}
	return one, looked.Said, nil
}

// Consumed is how many coupons, or visits, an operation has consumed. The platform
// can say that it was fewer than asked for, or leave out codes of those that were.
func Consumed(op models.Operation, coupons []models.Coupon) int {
	if op.Outcome.Reason == ReasonPartly {
		return len(coupons)
	}
	return max(len(coupons), op.Count)
}

// doubtUndo: nobody knows of all coupons.
func (t *reversal) doubtUndo(coupons []models.Coupon, why platform.Said, wait bool) Step {
	op := t.doubted(t.op.UndoCalledAt, why, wait)
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.DoubtUndo(ctx, op, coupons)
	})
}

// undone: what became of every coupon is known. One without a code stands.
func (t *reversal) undone(coupons []models.Coupon) Step {
	op := t.op
	op.NeedsHuman, op.UndoReason = false, ""
	told := slices.DeleteFunc(slices.Clone(coupons), models.Coupon.Untold)
	left := slices.DeleteFunc(slices.Clone(told), func(c models.Coupon) bool { return !c.UndoneAt.IsZero() })
	for _, c := range left { // too late only where it is for all
		if op.UndoReason == "" || op.UndoReason == ReasonUndoLate {
			op.UndoReason = c.UndoReason
		}
	}
	if len(left) == 0 && Consumed(op, coupons) > len(told) { // a program of before has no rows for those without
		op.UndoReason = ReasonCodesMissing // the rest stands, and the code with it
	} else if len(left) == 0 {
		op.UndoneAt = t.Now()
		return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
			return tx.Journal.FinishUndo(ctx, op, coupons)
		})
	}
	return t.step(func(ctx context.Context, tx *models.DB) (models.Operation, error) {
		return tx.Journal.RefuseUndo(ctx, op, coupons)
	})
}
