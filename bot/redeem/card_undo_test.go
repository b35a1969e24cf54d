package redeem

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// standing fails unless these accounts' visits of a code stand, oldest first.
func (r *rig) standing(code string, accounts ...string) {
	r.Helper()
	v, _ := r.platform.Voucher(code)
	var got []string
	for _, u := range v.Uses {
		got = append(got, u.Account)
	}
	if !slices.Equal(got, accounts) {
		r.Errorf("the visits of %v stand, want those of %v", got, accounts)
	}
}

// A visit is undone elsewhere, or by the history that a restore has lost: an undo here takes
// no older visit instead, and no call is made.
func TestUndoOfAVisitUndoneElsewhere(t *testing.T) {
	for _, gap := range []time.Duration{time.Minute, 5 * time.Minute} {
		t.Run(gap.String(), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.card(code, 10)
				first := r.consume(code, 1)
				r.clock.Advance(gap)
				op := r.follow(first)
				r.is(op, models.Done, "")
				r.clock.Advance(time.Minute)
				r.must(r.platform.UndoElsewhere(code, "boss"))
				r.is(r.undo(op), models.Undone, "")
				r.standing(code, "zhangsan")
				if n := r.calls("reverseconsume"); n != 0 {
					r.Errorf("%d undos were sent", n)
				}
			})
		})
	}
}

// The same of one of two visits, and of the only one.
func TestUndoOfSeveralVisitsUndoneElsewhere(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		r.elsewhere(code, "till-3")
		r.clock.Advance(5 * time.Minute)
		op := r.consume(code, 2)
		r.clock.Advance(time.Minute)
		r.must(r.platform.UndoElsewhere(code, "boss"))
		r.is(r.settle(r.undo(op)), models.Undone, "")
		r.standing(code, "till-3")

		r.card("7000000001", 10)
		op = r.consume("7000000001", 1)
		r.must(r.platform.UndoElsewhere("7000000001", "boss"))
		r.is(r.settle(r.undo(op)), models.Undone, "")
		r.standing("7000000001")
	})
}

// A visit that was undone elsewhere, under one at the till that came after it.
func TestUndoOfAVisitReplacedElsewhere(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		op := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.must(r.platform.UndoElsewhere(code, "boss"))
		r.elsewhere(code, "till-3")
		r.is(r.undo(op), models.Undone, "")
		r.standing(code, "till-3")
	})
}

// The clocks differ, whatever operator the records name: what an undo takes is the visit
// that it is asked for, or nothing.
func TestUndoOfAVisitSkewed(t *testing.T) {
	for _, account := range dianpingtest.VerifyAccounts {
		for _, off := range []time.Duration{-2 * time.Second, 2 * time.Second, 5 * time.Minute} {
			t.Run(string(account)+" "+off.String(), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.VerifyAccount = account
					r.knobs(k)
					r.core.Now = func() time.Time { return r.clock.Now().Add(off) }
					r.card(code, 10)
					op := r.consume(code, 1)
					r.clock.Advance(time.Minute)
					r.elsewhere(code, "till-3")
					if op = r.undo(op); op.State != models.Done || off.Abs() < time.Minute && op.UndoReason != ReasonCovered {
						r.Errorf("%s %s", op.State, op.UndoReason)
					}
					r.standing(code, "zhangsan", "till-3")

					r.card("7000000001", 10)
					first := r.consume("7000000001", 1)
					r.clock.Advance(time.Minute)
					op = r.follow(first)
					r.clock.Advance(time.Minute)
					if off.Abs() < time.Minute {
						r.is(r.undo(op), models.Undone, "")
						r.standing("7000000001", "zhangsan")
						op = r.follow(first)
						r.clock.Advance(time.Minute)
					}
					r.must(r.platform.UndoElsewhere("7000000001", "boss"))
					r.undo(op)
					r.standing("7000000001", "zhangsan")
				})
			})
		}
	}
}

// The record, or the list, is not answered: the undo waits, and is sent once the platform
// has said that the visit is the last, and not where another is.
func TestUndoOfAVisitUnanswered(t *testing.T) {
	for _, call := range []string{"querylistbydate", "getconsumed"} {
		t.Run(call, func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.card(code, 10)
				op := r.consume(code, 1)
				r.clock.Advance(time.Minute)
				r.elsewhere(code, "till-3")
				r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: call})
				op = r.undo(op)
				r.is(op, models.UndoUnknown, "")
				r.is(r.settle(op), models.Done, ReasonCovered)
				r.standing(code, "zhangsan", "till-3")

				r.card("7000000001", 10)
				op = r.consume("7000000001", 1)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: call})
				r.is(r.settle(r.undo(op)), models.Undone, "")
				r.effects("7000000001", 1, 1)
			})
		})
	}
}

// The platform refuses the question, or lists nothing: nothing is sent, and that is said.
func TestUndoOfAVisitUnsure(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		op := r.consume(code, 1)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "611", Call: "getconsumed"})
		op = r.undo(op)
		r.is(op, models.Done, ReasonUndoUnsure)
		if v := CanUndo(op, r.clock.Now()); v != Undoable {
			r.Errorf("it is %s", v)
		}
		r.core.Shops.(*shops).blind.Store(1)
		r.is(r.undo(op), models.Done, ReasonUndoUnsure)
		r.core.Shops.(*shops).blind.Store(0)
		r.effects(code, 1, 0)
		r.is(r.undo(r.now(op)), models.Undone, "")
		r.effects(code, 1, 1)
	})
}

// Of two visits that were taken at once one is undone, and that is not answered. What is
// told is true of each: under a later visit, after people were told, and where the platform
// shows the two as one.
func TestHalfAnUndoOfSeveralVisits(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, then := range []string{"a later visit", "late"} {
			t.Run(fmt.Sprint(applied, " ", then), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					for i, account := range dianpingtest.VerifyAccounts {
						k.VerifyAccount = account
						r.knobs(k)
						r.halfUndone(fmt.Sprint(7000000000+i), applied, then == "late")
					}
				})
			})
		}
	}
}

func (r *rig) halfUndone(code string, applied, late bool) {
	r.Helper()
	r.card(code, 10)
	op := r.consume(code, 2)
	r.clock.Advance(time.Minute)
	r.lost("reverseconsume", applied)
	r.undo(op)
	reason := ReasonNotUndone
	if late {
		r.awayUntilLate()
	} else {
		r.clock.Advance(5 * time.Second)
		r.elsewhere(code, "till-3")
		reason = ReasonCovered
	}
	r.is(r.settle(op), models.Done, reason)
	want := map[bool]int{true: 1, false: 2}[applied]
	if n := openOf(r.visitsOf(r.now(op)), code); n != want {
		r.Errorf("%s: %d are told to stand, want %d", code, n, want)
	}
	r.effects(code, map[bool]int{true: 2, false: 3}[late], 2-want)
}

// Where what is left of the card is told as more than it is, the last visit shows in the
// list: it is ours, and the undo goes on.
func TestHalfAnUndoByTheList(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		op := r.consume(code, 2)
		r.core.Shops.(*shops).look = func(l platform.Looked) platform.Looked { l.Voucher.Left = 10; return l }
		r.clock.Advance(time.Minute)
		r.lost("reverseconsume", true)
		r.undo(op)
		r.is(r.settle(op), models.Undone, "")
		r.effects(code, 2, 2)
	})
}

// What is left of the card is not told: what became of either is not, too.
func TestHalfAnUndoWithoutCount(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		op := r.consume(code, 2)
		r.core.Shops.(*shops).look = func(l platform.Looked) platform.Looked { l.Voucher.Left = 0; return l }
		r.clock.Advance(time.Minute)
		r.lost("reverseconsume", true)
		r.undo(op)
		r.clock.Advance(5 * time.Second)
		r.elsewhere(code, "till-3")
		r.during(5 * time.Minute)
		r.is(r.now(op), models.UndoUnknown, "")
		if !r.now(op).NeedsHuman {
			r.Error("nobody was told")
		}
		r.effects(code, 3, 1)
	})
}

// The platform does not mark the card, and a visit at the till follows ours: an undo does not
// take that one back, also where its own answer was lost. Where ours is the last, it is sent.
func TestUndoOfAVisitUnmarked(t *testing.T) {
	for _, k := range []dianpingtest.Knobs{{}, {VerifyAccount: dianpingtest.VerifyAccountMerchant}, {VerifyAccount: dianpingtest.VerifyAccountEmpty}} {
		t.Run(string(k.VerifyAccount), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(k)
				sell := func(code string, visits int) {
					_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: visits, Shops: []string{"shop-a"}})
					r.must(err)
				}
				for c, visits := range map[string]int{"7000000001": 5, "7000000002": 2} {
					sell(c, visits)
					op := r.consume(c, 1)
					r.clock.Advance(3 * time.Minute)
					r.elsewhere(c, "till-3")
					r.clock.Advance(time.Minute)
					if op = r.undo(op); op.State != models.Done || op.UndoReason != ReasonCovered && op.UndoReason != ReasonUndoUnsure {
						r.Errorf("%s: %s %s", c, op.State, op.UndoReason)
					}
					r.standing(c, "zhangsan", "till-3")
				}

				sell("7000000003", 5) // not applied, and the till's visit comes before it is settled
				op := r.consume("7000000003", 1)
				r.lost("reverseconsume", false)
				r.undo(op)
				r.clock.Advance(2 * time.Second)
				r.elsewhere("7000000003", "till-3")
				r.during(soon)
				r.standing("7000000003", "zhangsan", "till-3")

				sell("7000000004", 5)
				r.elsewhere("7000000004", "till-3")
				r.clock.Advance(time.Minute)
				r.is(r.undo(r.consume("7000000004", 1)), models.Undone, "")
				r.standing("7000000004", "till-3")
			})
		})
	}
}

// An undo of an ordinary coupon asks nothing more than before; of one of an order that has
// more, the record alone, whatever that says.
func TestUndoOfACouponAsksLittle(t *testing.T) {
	everywhere(t, func(r *rig) {
		asked := func() int { return r.calls("getconsumed") + r.calls("prepare") + r.calls("querylistbydate") }
		for i, answer := range []string{"", "1002", "611"} {
			for n, more := range []int{0, 1} {
				c := fmt.Sprint(7000000000 + 10*i + n)
				r.order(c, 1+n)
				op := r.consume(c, 1)
				if answer != "" {
					r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "getconsumed", Code: c})
				}
				before := asked()
				r.is(r.undo(op), models.Undone, "")
				if got := asked() - before; got != more {
					r.Errorf("%s of %d: %d questions, want %d", c, 1+n, got, more)
				}
			}
		}
	})
}
