package redeem

import (
	"context"
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// mute loses the answer to the first consume that goes through it.
type mute struct {
	platform.Shop
	lost *bool
}

func (m mute) Consume(ctx context.Context, o platform.Order, again bool) platform.Consumption {
	answer := m.Shop.Consume(ctx, o, again)
	if *m.lost {
		return answer
	}
	*m.lost = true
	return platform.Consumption{Said: platform.Said{Call: "consume", Class: "unknown_outcome", Why: platform.Unreachable, Silent: true}}
}

// oneLess consumes one less than is asked for, and says so, with the codes or without.
type oneLess struct {
	platform.Shop
	unnamed bool
}

func (s oneLess) Consume(ctx context.Context, o platform.Order, again bool) platform.Consumption {
	o.Count--
	answer := s.Shop.Consume(ctx, o, again)
	if answer.Proves == platform.Consumed {
		answer.Proves = platform.Partly
	}
	for i := range answer.Coupons {
		if s.unnamed {
			answer.Coupons[i].Code = ""
		}
	}
	return answer
}

// through consumes by a platform that something stands before.
func (r *rig) through(before func(platform.Shop) platform.Shop, code string, n int) models.Operation {
	r.Helper()
	s := r.core.Shops.(*shops)
	open := s.open
	s.open = func(a models.Account) platform.Shop { return before(open(a)) }
	defer func() { s.open = open }()
	return r.consume(code, n)
}

// oneLess asks for several, of which the platform consumes all but one.
func (r *rig) oneLess(code string, n int, unnamed bool) models.Operation {
	r.Helper()
	return r.through(func(s platform.Shop) platform.Shop { return oneLess{s, unnamed} }, code, n)
}

// partlyLost asks for several, of which the platform consumes one; its answer is lost.
func (r *rig) partlyLost(code string, n int) models.Operation {
	r.Helper()
	lost := new(bool)
	r.fail(dianpingtest.Fault{Kind: dianpingtest.Partly, Call: "consume"})
	return r.through(func(s platform.Shop) platform.Shop { return mute{s, lost} }, code, n)
}

// tells fails unless an operation tells so many coupons, for a reason.
func (r *rig) tells(op models.Operation, n int, reason string) {
	r.Helper()
	r.is(op, models.Done, reason)
	if list := r.visitsOf(op); Consumed(op, list) != n || len(list) != n {
		r.Errorf("%d are told, with %d coupons; want %d", Consumed(op, list), len(list), n)
	}
}

// Of several that were asked for one is consumed, and the answer that says so is lost: one is
// told. An undo takes it back.
func TestPartlyLost(t *testing.T) {
	for _, repeat := range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(repeat, " late ", late), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.RepeatAnswer = repeat
					r.knobs(k)
					for i, sell := range []func(code string){
						func(code string) { r.order(code, 3) },
						func(code string) { r.order(code, 5) },
						func(code string) { r.card(code, 10) },
						func(code string) { r.card(code, 3) },
						func(code string) { // a card that is not marked as one
							_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: 5, Shops: []string{"shop-a"}})
							r.must(err)
						},
					} {
						code := fmt.Sprint(7000000000 + 100*i)
						sell(code)
						op := r.partlyLost(code, 3)
						if late {
							r.awayUntilLate()
						}
						op = r.settle(op)
						r.tells(op, 1, ReasonPartly)
						r.effects(code, 1, 0)
						if !late {
							r.is(r.settle(r.undo(op)), models.Undone, "")
							r.effects(code, 1, 1)
						}
					}
				})
			})
		}
	}
}

// The same beside a visit at the till, which is not counted as ours.
func TestPartlyLostBesideAVisit(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		for i, when := range []string{"prepared", "recorded"} {
			code := fmt.Sprint(7000000000 + i)
			r.card(code, 10)
			r.when(when, func() {
				r.elsewhere(code, "till-3")
				r.clock.Advance(2 * time.Second)
			})
			r.tells(r.settle(r.partlyLost(code, 3)), 1, ReasonPartly)
			r.effects(code, 2, 0)
		}
	})
}

// The same where the list fails once: what is gone of the card is not all ours. Where there is
// never a list, it is left to people.
func TestPartlyLostWithoutAList(t *testing.T) {
	for _, times := range []int{1, -1} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.card(code, 10)
				op := r.partlyLost(code, 2)
				r.clock.Advance(2 * time.Second)
				r.elsewhere(code, "till-3")
				r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "querylistbydate", Times: times})
				if times == 1 {
					r.tells(r.settle(op), 1, ReasonPartly)
					return
				}
				if r.during(5 * time.Minute); !r.now(op).NeedsHuman {
					r.Error("people are not told")
				}
				r.never(models.Done)
			})
		})
	}
}

// Of three visits two are used, and the answer says so, in a row for each or in one for the
// code: two are told, also where a visit at the till comes between.
func TestPartlyVisits(t *testing.T) {
	cards(t, func(r *rig, k dianpingtest.Knobs) {
		for i, rows := range dianpingtest.VisitRowForms {
			k.VisitRows = rows
			r.knobs(k)
			for j, kind := range []int{205, 0} {
				for till := range 2 {
					code := fmt.Sprint(7000000000 + 100*i + 10*j + till)
					_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: 9, BizType: kind, Shops: []string{"shop-a"}})
					r.must(err)
					if till == 1 {
						r.when("prepared", func() {
							r.elsewhere(code, "till-3")
							r.clock.Advance(2 * time.Second)
						})
					}
					r.tells(r.oneLess(code, 3, false), 2, ReasonPartly)
					r.effects(code, 2+till, 0)
				}
			}
		}
	})
}

// All that was asked for is consumed, and so it is told, whatever the list has beside it.
func TestSeveralLost(t *testing.T) {
	for _, kind := range []int{205, 0} {
		t.Run(fmt.Sprint("kind ", kind), func(t *testing.T) {
			cards(t, func(r *rig, k dianpingtest.Knobs) {
				k.RepeatAnswer = dianpingtest.AlreadyUsed
				r.knobs(k)
				lefts := []int{3, 5}
				if kind == 205 || r.store.Platform == dianping.Meituan { // else two visits of a second are listed as one, like one coupon
					lefts = append(lefts, 2)
				}
				for i, left := range lefts {
					code := fmt.Sprint(7000000000 + i)
					_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: left, BizType: kind, Shops: []string{"shop-a"}})
					r.must(err)
					r.lost("consume", true)
					r.tells(r.settle(r.consume(code, 2)), 2, "")
					r.effects(code, 2, 0)
				}
			})
		})
	}
}

// The look goes on showing an order as it was before the call: its coupons are no visits of one
// code, and an undo takes each back.
func TestOrderBesideAStaleLook(t *testing.T) {
	for _, told := range dianpingtest.VerifyTimes {
		t.Run(string(told), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(dianpingtest.Knobs{Unguarded: true, VerifyTime: told, RepeatAnswer: dianpingtest.AlreadyUsed})
				codes := r.order(code, 4)
				r.lost("consume", true)
				op := r.settle(r.consume(code, 2))
				r.tells(op, 2, "")
				r.is(r.settle(r.undo(op)), models.Undone, "")
				for _, c := range codes[:2] {
					r.effects(c, 1, 1)
				}
			})
		})
	}
}

// The look goes on showing a code as it was before the call, as one that is cached does, and
// the list has a record of about the call's moment, by an account that proves nothing: the
// answer is not that nothing was consumed.
func TestLostBesideAStaleLook(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Minute, 0, 2 * time.Second, time.Minute} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(dianpingtest.Knobs{Unguarded: true, VerifyAccount: dianpingtest.VerifyAccountMerchant, VerifyTime: dianpingtest.VerifyTimeAbsent, RepeatAnswer: dianpingtest.AlreadyUsed})
				r.core.Now = func() time.Time { return r.clock.Now().Add(ahead) }
				r.order(code, 3)
				r.lost("consume", true)
				op := r.consume(code, 2)
				r.during(5 * time.Minute)
				if op = r.now(op); op.State == models.Rejected {
					r.Errorf("rejected (%s)", op.Outcome.Reason)
				}
			})
		})
	}
}

// Several coupons of an order are lost, and that of the typed code is undone at the till
// before that is settled: the others stand, and are told. So are they where the platform knows
// of no record of a code that was undone.
func TestLostOfSeveralUndoneElsewhere(t *testing.T) {
	for _, none := range []dianpingtest.NoRecord{dianpingtest.NoRecordRefused, dianpingtest.NoRecordNull} {
		for _, repeat := range dianpingtest.RepeatAnswers {
			t.Run(fmt.Sprint(none, " ", repeat), func(t *testing.T) {
				everywhere(t, func(r *rig) {
					r.knobs(dianpingtest.Knobs{NoRecord: none, RepeatAnswer: repeat})
					for n := 2; n <= 3; n++ {
						codes := r.order(fmt.Sprint(7000000000+100*n), n+1)
						r.lost("consume", true)
						op := r.consume(codes[0], n)
						r.must(r.platform.UndoElsewhere(codes[0], "boss"))
						op = r.settle(op)
						r.tells(op, n-1, ReasonPartly)
						if stand := r.stillConsumed(codes); stand != n-1 {
							r.Errorf("%d stand, want %d", stand, n-1)
						}
						r.is(r.settle(r.undo(op)), models.Undone, "")
						if stand := r.stillConsumed(codes); stand != 0 {
							r.Errorf("%d stand after the undo", stand)
						}
					}
				})
			})
		}
	}
}

// Where the day's list does not show the others as our person's, or not all of them, it is left
// to people: none is told as refused.
func TestLostOfSeveralUndoneElsewhereUnclear(t *testing.T) {
	for _, why := range []string{"no list", "one more undone", "the merchant's account", "no effect"} {
		t.Run(why, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				codes := r.order(code, 4)
				switch why {
				case "no list":
					r.core.Shops.(*shops).blind.Store(1)
				case "the merchant's account":
					r.knobs(dianpingtest.Knobs{VerifyAccount: dianpingtest.VerifyAccountMerchant})
				}
				if r.lost("consume", why != "no effect"); why == "no effect" {
					r.when("prepared", func() { r.elsewhere(code, "till-3") })
				}
				op := r.consume(code, 3)
				r.must(r.platform.UndoElsewhere(code, "boss"))
				if why == "one more undone" {
					r.must(r.platform.UndoElsewhere(codes[1], "boss"))
				}
				r.during(5 * time.Minute)
				if op = r.now(op); !op.NeedsHuman {
					r.Error("people are not told")
				}
				r.is(op, models.Unknown, platform.CodeReplaced)
			})
		})
	}
}

// The till uses up a card that is not marked as one, before or after our visits, which were
// lost: the list shows the code at other moments, so that it is a card, and ours are told.
func TestLostVisitsOfAnUnmarkedCardUsedUp(t *testing.T) {
	for _, till := range []string{"before", "after", "after, and alone"} {
		for _, repeat := range dianpingtest.RepeatAnswers {
			t.Run(fmt.Sprint(till, " ", repeat), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.RepeatAnswer = repeat
					r.knobs(k)
					for n := 1; n <= 3; n++ {
						r.unmarkedUsedUp(fmt.Sprint(7000000000+n), n, till)
					}
				})
			})
		}
	}
}

func (r *rig) unmarkedUsedUp(code string, n int, till string) {
	r.Helper()
	_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: n + 2, Shops: []string{"shop-a"}})
	r.must(err)
	atTill := func(n int) {
		for range n {
			r.clock.Advance(5 * time.Second)
			r.elsewhere(code, "till-3")
		}
	}
	if till == "before" {
		atTill(2)
		r.clock.Advance(5 * time.Minute)
	}
	r.lost("consume", till != "after, and alone")
	op := r.consume(code, n)
	switch till {
	case "after":
		atTill(2)
	case "after, and alone":
		atTill(n + 2)
		r.is(r.settle(op), models.Rejected, platform.AlreadyUsed)
		return
	}
	r.tells(r.settle(op), n, "")
	r.effects(code, n+2, 0)
}
