package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// visitBefore has a visit of the cashier's of which the day's list shows nothing at the next
// one, a few minutes later: it is of the day before, or was undone at the till.
func (r *rig) visitBefore(code, why string) models.Operation {
	r.Helper()
	if why == "midnight" {
		r.clock.Advance(time.Date(2026, 11, 23, 15, 50, 0, 0, time.UTC).Sub(r.clock.Now())) // 23:50 in Beijing
	}
	first := r.consume(code, 1)
	r.is(first, models.Done, "")
	r.clock.Advance(15 * time.Minute)
	if why == "undone at the till" {
		r.clock.Advance(-7 * time.Minute)
		r.must(r.platform.UndoElsewhere(code, "boss"))
		r.clock.Advance(7 * time.Minute)
	}
	return first
}

// The next visit is lost, and took effect: it is no visit of before, and never told as not
// consumed.
func TestLostVisitAfterOneNotListed(t *testing.T) {
	for _, why := range []string{"midnight", "undone at the till"} {
		for _, repeat := range dianpingtest.RepeatAnswers {
			t.Run(fmt.Sprint(why, " ", repeat), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.RepeatAnswer = repeat
					r.knobs(k)
					r.card(code, 10)
					first := r.visitBefore(code, why)
					r.lost("consume", true)
					op := r.follow(first)
					r.during(5 * time.Minute)
					if op = r.now(op); op.State == models.Rejected {
						r.Errorf("told as %s, and consumed", op.Outcome.Reason)
					}
					r.is(op, models.Done, "")
				})
			})
		}
	}
}

// The next visit, or two, are undone by us: it is told so once they are. The platform's clock
// is a second from ours.
func TestUndoAfterAVisitNotListed(t *testing.T) {
	for _, why := range []string{"midnight", "undone at the till"} {
		for _, off := range []time.Duration{0, time.Second, -time.Second} {
			for n := 1; n <= 2; n++ {
				t.Run(fmt.Sprint(why, " ", off, " ", n), func(t *testing.T) {
					cards(t, func(r *rig, _ dianpingtest.Knobs) {
						r.core.Now = func() time.Time { return r.clock.Now().Add(off) }
						r.card(code, 10)
						first := r.visitBefore(code, why)
						first.Count = n
						op := r.follow(first)
						r.is(op, models.Done, "")
						r.clock.Advance(time.Minute)
						stood, _ := r.platform.Voucher(code)
						op = r.settle(r.undo(op))
						stands, _ := r.platform.Voucher(code)
						if undone := len(stood.Uses) - len(stands.Uses); op.State == models.Undone && undone != n || undone > n {
							r.Errorf("%s, and %d are undone", op.State, undone)
						}
						if n == 1 {
							r.is(op, models.Undone, "")
						}
					})
				})
			}
		}
	}
}

// A visit at the till shortly before, or one of ours: two visits that are lost are told as two,
// also where the list tells those of a second as one, and where the clocks are apart.
func TestSeveralLostAfterAVisit(t *testing.T) {
	for _, ahead := range []time.Duration{0, 70 * time.Second, -70 * time.Second} {
		t.Run(fmt.Sprint("till ", ahead), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.core.Now = func() time.Time { return r.clock.Now().Add(ahead) }
				r.card(code, 10)
				r.elsewhere(code, "till-3")
				r.clock.Advance(20 * time.Second)
				r.lost("consume", true)
				op := r.consume(code, 2)
				r.during(5 * time.Minute)
				r.tells(r.now(op), 2, "")
				r.effects(code, 3, 0)
			})
		})
	}
	t.Run("ours", func(t *testing.T) {
		cards(t, func(r *rig, _ dianpingtest.Knobs) {
			r.card(code, 10)
			op := r.consume(code, 1)
			r.clock.Advance(20 * time.Second)
			r.lost("consume", true)
			op.Count = 2
			r.tells(r.settle(r.follow(op)), 2, "")
			r.effects(code, 3, 0)
		})
	})
}
