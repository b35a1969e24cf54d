package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// toldOf counts the coupons that operations tell.
func (r *rig) toldOf(ops ...models.Operation) (n int) {
	r.Helper()
	for _, op := range ops {
		if op = r.now(op); op.State == models.Done {
			n += Consumed(op, r.visitsOf(op))
		}
	}
	return n
}

// Several coupons of an order are in doubt, and take effect after the look for another code of
// it, which the platform then calls used: it is told once. Where the platform tells the
// order, the other is not sent at all.
func TestOtherCodeOfAnOrderInDoubt(t *testing.T) {
	for _, late := range []time.Duration{0, 2 * time.Second, 5 * time.Second} {
		for _, repeat := range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
			t.Run(fmt.Sprint(late, repeat), func(t *testing.T) {
				everywhere(t, func(r *rig) {
					r.knobs(dianpingtest.Knobs{RepeatAnswer: repeat})
					for i, left := range []int{2, 3} {
						codes := r.order(fmt.Sprint(7000000000+100*i), left)
						r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: late})
						one := r.consume(codes[0], 2)
						r.when("prepared", func() { r.clock.Advance(late + time.Second) })
						two := r.consume(codes[1], 1)
						one = r.settle(one)
						two = r.settle(two)
						r.tells(one, 2, "")
						reason := ReasonBusy
						if late == 0 || r.store.Platform == dianping.Dianping {
							reason = platform.AlreadyUsed
						}
						r.is(two, models.Rejected, reason)
						if n := r.stillConsumed(codes); n != r.toldOf(one, two) {
							r.Errorf("%d are told, and %d are consumed", r.toldOf(one, two), n)
						}
						r.is(r.settle(r.undo(one)), models.Undone, "")
						if n := r.stillConsumed(codes); n != 0 {
							r.Errorf("%d stand", n)
						}
						r.clock.Advance(time.Minute)
					}
				})
			})
		}
	}
}

// The other code is consumed by its own call, whose answer is lost, while several are in
// doubt that had no effect: each is told once.
func TestOtherCodeOfAnOrderThatIsItsOwn(t *testing.T) {
	everywhere(t, func(r *rig) {
		codes := r.order(code, 4)
		r.lost("consume", false)
		one := r.consume(codes[0], 2)
		r.lost("consume", true)
		two := r.consume(codes[1], 1)
		one, two = r.settle(one), r.settle(two)
		r.tells(one, 2, "")
		if told, n := r.toldOf(one, two), r.stillConsumed(codes); n != told {
			r.Errorf("%d are told, and %d are consumed", told, n)
		}
		if two.State != models.Done && (two.Outcome.Reason != ReasonBusy || two.OtherID != one.ID) {
			r.Errorf("%s (%s)", two.State, two.Outcome.Reason)
		}
	})
}

// Once the first is not sent again, and was not consumed, the other code is free.
func TestOtherCodeOfAnOrderLeftToPeople(t *testing.T) {
	everywhere(t, func(r *rig) {
		codes := r.order(code, 2)
		r.lost("consume", false)
		one := r.consume(codes[0], 2)
		r.pause()
		r.during(HumanAfter + time.Minute)
		r.resume()
		if !r.now(one).NeedsHuman {
			r.Error("nobody was told")
		}
		r.is(r.consume(codes[1], 1), models.Done, "")
		r.effects(codes[1], 1, 0)
	})
}

// Of one order or not, by what the looks have told.
func TestMayShareOrder(t *testing.T) {
	t.Parallel()
	one := models.Operation{StoreID: 1, Code: "1", Count: 2, DealID: 7, Left: 3}
	with := func(change func(*models.Operation)) models.Operation {
		two := models.Operation{StoreID: 1, Code: "2", Count: 1, DealID: 7, Left: 3}
		change(&two)
		return two
	}
	first := one
	first.OrderID, first.Mobile = "8001", "138****0000"
	for name, tt := range map[string]struct {
		one, two models.Operation
		want     bool
	}{
		"nothing is told":    {one, with(func(*models.Operation) {}), true},
		"the same code":      {one, with(func(o *models.Operation) { o.Code = "1" }), false},
		"another account":    {one, with(func(o *models.Operation) { o.StoreID = 2 }), false},
		"another deal":       {one, with(func(o *models.Operation) { o.DealID = 8 }), false},
		"a card":             {one, with(func(o *models.Operation) { o.Reusable = true }), false},
		"the only coupon":    {one, with(func(o *models.Operation) { o.Left = 1 }), false},
		"the same order":     {first, with(func(o *models.Operation) { o.OrderID = "8001" }), true},
		"another order":      {first, with(func(o *models.Operation) { o.OrderID = "8002" }), false},
		"another customer":   {first, with(func(o *models.Operation) { o.Mobile = "139****0000" }), false},
		"the same customer":  {first, with(func(o *models.Operation) { o.Mobile = "138****0000" }), true},
		"a customer untold ": {first, with(func(*models.Operation) {}), true},
	} {
		if got := mayShareOrder(tt.one, tt.two); got != tt.want || got != mayShareOrder(tt.two, tt.one) {
			t.Errorf("%s: %t", name, got)
		}
	}
}
