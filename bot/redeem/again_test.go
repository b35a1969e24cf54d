package redeem

import (
	"sync"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// A plain second verification of a 次卡 consumes nothing, says what is left, and is what the
// next visit follows.
func TestAgainOfCard(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 3)
		first := r.consume(code, 1)
		for left := 2; left > 0; left-- {
			r.clock.Advance(time.Hour)
			again := r.consume(code, 1)
			r.is(again, models.Rejected, ReasonHereMore)
			if again.Left != left || !again.Reusable || again.OtherID != first.ID || again.UsedBy != "张三" || !again.UsedAt.Equal(first.ConsumedAt) {
				r.Errorf("%d are left: %+v", left, again)
			}
			r.effects(code, 3-left, 0)
			r.clock.Advance(time.Minute)
			next := r.follow(first)
			if r.is(next, models.Done, ""); !next.Reusable || next.Left != left {
				r.Errorf("the next visit: %+v", next)
			}
			r.is(r.follow(first), models.Rejected, ReasonHereSince) // the old card
			first = next
		}
		r.is(r.consume(code, 1), models.Rejected, ReasonHere)
		r.effects(code, 3, 0)
	})
}

// The same for the further coupons of an order, where the code stands for it.
func TestAgainOfOrder(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.must(r.douyin.SetKnobs(douyintest.Knobs{UsedCode: douyintest.UsedCodeSiblings}))
		r.order(code, 2)
		first := r.consume(code, 1)
		r.clock.Advance(2 * time.Hour)
		again := r.consume(code, 1)
		if r.is(again, models.Rejected, ReasonHereMore); again.Left != 1 || again.Reusable {
			r.Errorf("%+v", again)
		}
		if n := r.calls("prepare"); n != 1 {
			r.Errorf("%d prepares, and a question for the order is enough", n)
		}
		next := r.follow(first)
		if r.is(next, models.Done, ""); next.Reusable {
			r.Error("a coupon of an order is a 次卡")
		}
		n := len(r.douyin.Requests())
		r.is(r.consume(code, 1), models.Rejected, ReasonHere)
		if len(r.douyin.Requests()) != n {
			r.Error("the platform was asked what is left of the last one")
		}
		if r.uses() != 2 {
			r.Errorf("%d uses", r.uses())
		}
	})
}

// Where the platform takes a used code for nothing, a person who wants more is told to ask
// for the order's next code.
func TestAgainOfSpentCode(t *testing.T) {
	t.Parallel()
	for _, used := range []douyintest.Choice{douyintest.UsedCodeRefused, douyintest.UsedCodeEmpty} {
		t.Run(string(used), func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.must(r.douyin.SetKnobs(douyintest.Knobs{UsedCode: used}))
				codes := r.order(code, 2)
				first := r.consume(code, 1)
				r.is(r.consume(code, 1), models.Rejected, ReasonHereMore)
				spent := r.follow(first)
				if r.is(spent, models.Rejected, ReasonHereSpent); spent.OtherID != first.ID || spent.UsedBy != "张三" {
					r.Errorf("%+v", spent)
				}
				r.is(r.consume(codes[1], 1), models.Done, "")
			})
		})
	}
}

// A single voucher has nothing left, and the platform is not asked; nor is anything left of
// a code of an order whose other coupons have codes of their own.
func TestAgainOfNothing(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		r.consume(code, 1)
		n := len(r.platform.Requests())
		r.is(r.consume(code, 1), models.Rejected, ReasonHere)
		if len(r.platform.Requests()) != n {
			r.Error("the platform was asked")
		}
		codes := r.order("7992697400", 3)
		r.consume(codes[0], 1)
		r.is(r.consume(codes[0], 1), models.Rejected, ReasonHere)
		r.effects(codes[0], 1, 0)
	})
}

// Where the platform does not answer, that is said: nothing is offered.
func TestAgainUnanswered(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 3)
		r.consume(code, 1)
		r.pause()
		again := r.consume(code, 1)
		if r.is(again, models.Rejected, ReasonHereUnsure); again.Left != 0 {
			r.Errorf("%+v", again)
		}
		r.resume()
		r.is(r.consume(code, 1), models.Rejected, ReasonHereMore)
		r.effects(code, 1, 0)
	})
}

// The money of what is left was given back: nothing is left.
func TestAgainRefunded(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.order(code, 2)
		r.consume(code, 1)
		for _, v := range r.douyin.Vouchers() {
			if len(v.Uses) == 0 {
				r.refunding(v.Code)
			}
		}
		r.is(r.consume(code, 1), models.Rejected, ReasonHere)
	})
}

// Two who follow the same operation at once: one consumes, and the other reads of it.
func TestAgainAtOnce(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		var both []Request
		for range 2 {
			both = append(both, r.request(code, 1, first.ID))
		}
		ops := make([]models.Operation, 2)
		var wg sync.WaitGroup
		for i, q := range both {
			wg.Go(func() {
				step, err := r.core.Consume(r.Context(), q)
				if err == nil {
					ops[i], err = step(r.Context(), r.db)
				}
				if err != nil {
					r.Error(err)
				}
			})
		}
		wg.Wait()
		won, lost := ops[0], ops[1]
		if won.State != models.Done {
			won, lost = lost, won
		}
		r.is(won, models.Done, "")
		if lost.State != models.Rejected || lost.OtherID != won.ID {
			r.Errorf("the other is %s (%s), for %s and not %s", lost.State, lost.Outcome.Reason, lost.OtherID, won.ID)
		}
		r.effects(code, 2, 0)
	})
}

// An undo gives back its own visit: the one before it stands, and is no plain verification's
// to consume after.
func TestAgainBeneathAnUndo(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		second := r.follow(first)
		r.clock.Advance(time.Minute)
		r.is(r.undo(second), models.Undone, "")
		again := r.consume(code, 1)
		if r.is(again, models.Rejected, ReasonHereMore); again.OtherID != first.ID {
			r.Errorf("it is refused for %s, want %s", again.OtherID, first.ID)
		}
		r.effects(code, 2, 1)
		r.is(r.follow(first), models.Done, "")
		r.effects(code, 3, 1)
	})
}
