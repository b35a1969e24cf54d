package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// An answer of a card is lost, and a visit by hand that names no person is beside it:
// our use shows, at once or late, and is ours.
func TestDouyinLostBesideAnUnnamedUse(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, late := range []time.Duration{0, 2 * time.Second} {
			for j, count := range []int{1, 2} {
				c := fmt.Sprint(100000000000 + 1000*i + 100*j)
				r.card(c, 5)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: late})
				op := r.consume(c, count)
				r.must(r.douyin.UseElsewhere(c, douyintest.Use{Type: 2}))
				op = r.settle(op)
				r.is(op, models.Done, "")
				r.coupons(op, count)
				r.effects(c, count+1, 0)
			}
		}
		for _, op := range r.told {
			if op.NeedsHuman {
				r.Errorf("people were told: %+v", op)
			}
		}
	})
}

// A visit of a card shows that names no person, and the answer that was lost may have
// been of a hold: the visit may be ours, and how long a repeat is known is not documented.
// People are told, and no second visit is taken.
func TestDouyinLostOrHeldBesideAnUnnamedUse(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprint("held ", held), func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.must(r.douyin.SetKnobs(douyintest.Knobs{
					HeldType: douyintest.HeldTypeUnnamed, DeadToken: douyintest.DeadTokenForgotten, VerifyTokenLife: time.Second,
				}))
				if held {
					r.heldVoucher(code, 5)
				} else {
					r.card(code, 5)
				}
				r.lost("consume", held)
				op := r.consume(code, 1)
				if held {
					r.must(r.douyin.EndHold(code, true))
				} else {
					r.must(r.douyin.UseElsewhere(code, douyintest.Use{Type: 2}))
				}
				r.clock.Advance(2 * time.Second)
				r.during(soon)
				if op = r.now(op); !op.NeedsHuman {
					r.Error("nobody was told")
				}
				r.during(10 * time.Minute)
				r.is(r.now(op), models.Unknown, ReasonUnclear)
				r.effects(code, 1, 0)
				if n := r.calls("consume"); n != 1 {
					r.Errorf("%d verifies", n)
				}
			})
		})
	}
}
