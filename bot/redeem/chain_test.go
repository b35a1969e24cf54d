package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// chain sells a code that is good at both shops: a marked or unmarked card.
func (r *rig) chain(code string, visits int, marked bool) {
	r.Helper()
	v := dianpingtest.Voucher{Code: code, Price: 4990, Visits: visits, Shops: []string{"shop-a", "shop-b"}}
	if marked {
		v.BizType = 205
	}
	_, err := r.platform.AddVoucher(v)
	r.must(err)
}

// orderOfChain sells coupons of one order, and gives their codes.
func (r *rig) orderOfChain(n int) (codes []string) {
	r.Helper()
	v, err := r.platform.AddOrder(dianpingtest.Voucher{Code: code, Price: 4990, Shops: []string{"shop-a", "shop-b"}}, n)
	r.must(err)
	for _, v := range v {
		codes = append(codes, v.Code)
	}
	return codes
}

// there consumes at the other shop.
func (r *rig) there(code string, count int, user string) models.Operation {
	r.Helper()
	s, err := r.db.Directory.Store(r.Context(), 2)
	r.must(err)
	q := r.request(code, count, "")
	q.Account, q.UserID = s.Account, user
	q.User = map[string]string{"zhangsan": "张三", "lisi": "李四"}[user]
	return r.commit(r.core.Consume(r.Context(), q))
}

// A later visit at another shop of the chain stands, or may: an undo would take that one, and
// is not sent.
func TestUndoOfAVisitUnderOneAtAnotherShop(t *testing.T) {
	for _, marked := range []bool{true, false} {
		for _, user := range []string{"lisi", "zhangsan"} {
			for _, count := range []int{1, 2} {
				t.Run(fmt.Sprint(marked, user, count), func(t *testing.T) {
					cards(t, func(r *rig, _ dianpingtest.Knobs) {
						r.chain(code, 10, marked)
						op := r.consume(code, count)
						r.is(op, models.Done, "")
						r.clock.Advance(time.Minute)
						later := r.there(code, 1, user)
						r.is(later, models.Done, "")
						r.clock.Advance(time.Minute)
						r.is(r.undo(op), models.Done, ReasonCovered)
						if n := r.calls("reverseconsume"); n != 0 {
							t.Errorf("%d undos were sent", n)
						}
						r.is(r.undo(later), models.Undone, "")
						r.is(r.undo(r.now(op)), models.Undone, "")
						r.effects(code, count+1, count+1)
					})
				})
			}
		}
	}
}

// One in doubt at another shop.
func TestUndoOfAVisitUnderADoubtAtAnotherShop(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint(applied), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.chain(code, 10, true)
				op := r.consume(code, 1)
				r.clock.Advance(time.Minute)
				r.lost("consume", applied)
				later := r.there(code, 1, "lisi")
				r.is(r.undo(op), models.Done, ReasonUndoUnsure)
				if n := r.calls("reverseconsume"); n != 0 {
					t.Errorf("%d undos were sent", n)
				}
				r.is(r.settle(later), models.Done, "")
			})
		})
	}
}

// A visit is lost, and another shop's stands: of before, made meanwhile, or in doubt as well.
// It is settled, and counted where it took effect.
func TestLostVisitBesideOneAtAnotherShop(t *testing.T) {
	for _, when := range []string{"a day before", "a minute before", "meanwhile", "meanwhile and late", "in doubt", "in doubt without effect"} {
		for _, applied := range []bool{true, false} {
			for _, user := range []string{"lisi", "zhangsan"} {
				for _, marked := range []bool{true, false} {
					t.Run(fmt.Sprint(when, applied, user, marked), func(t *testing.T) {
						cards(t, func(r *rig, _ dianpingtest.Knobs) {
							r.lostBeside(when, applied, user, marked)
						})
					})
				}
			}
		}
	}
}

func (r *rig) lostBeside(when string, applied bool, user string, marked bool) {
	r.Helper()
	r.chain(code, 10, marked)
	var other models.Operation
	switch when {
	case "a day before":
		other = r.there(code, 1, user)
		r.clock.Advance(26 * time.Hour)
	case "a minute before":
		other = r.there(code, 1, user)
		r.clock.Advance(time.Minute)
	}
	r.lost("consume", applied)
	op := r.consume(code, 1)
	if other.ID == "" {
		r.clock.Advance(2 * time.Second)
		if when[0] == 'i' {
			r.lost("consume", when == "in doubt")
		}
		other = r.there(code, 1, user)
	}
	want := 2
	if when == "meanwhile and late" && !applied {
		r.awayUntilLate()
		r.is(r.settle(op), models.Rejected, ReasonNotConsumed)
		want = 1
	} else {
		r.is(r.settle(op), models.Done, "")
	}
	if when != "in doubt without effect" || applied { // else the moment of the other's repeat is not known
		r.is(r.settle(other), models.Done, "")
		r.effects(code, want, 0)
	}
}

// The two use up the card.
func TestLostVisitOfACardUsedUpAtAnotherShop(t *testing.T) {
	for _, marked := range []bool{true, false} {
		t.Run(fmt.Sprint(marked), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.chain(code, 2, marked)
				r.lost("consume", false)
				op := r.consume(code, 1)
				r.clock.Advance(2 * time.Second)
				other := r.there(code, 2, "lisi")
				r.is(other, models.Done, "")
				op = r.settle(op)
				r.is(op, models.Rejected, "already_used")
				r.effects(code, 2, 0)
			})
		})
	}
}

// An undo is lost, and a later visit at another shop stands: it is told what it did.
func TestLostUndoUnderAVisitAtAnotherShop(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, user := range []string{"lisi", "zhangsan"} {
			for _, count := range []int{1, 2} {
				t.Run(fmt.Sprint(applied, user, count), func(t *testing.T) {
					cards(t, func(r *rig, _ dianpingtest.Knobs) {
						r.chain(code, 10, true)
						op := r.consume(code, count)
						r.clock.Advance(time.Minute)
						r.lost("reverseconsume", applied)
						op = r.undo(op)
						r.clock.Advance(time.Second)
						r.is(r.there(code, 1, user), models.Done, "")
						if applied && count == 1 {
							r.is(r.settle(op), models.Undone, "")
						} else {
							r.is(r.settle(op), models.Done, ReasonCovered)
						}
						undone := 0
						if applied {
							undone = 1
						}
						r.effects(code, count+1, undone)
						told := 0
						coupons, err := r.db.Journal.Coupons(r.Context(), op.ID)
						r.must(err)
						for _, c := range coupons {
							if !c.UndoneAt.IsZero() {
								told++
							}
						}
						if told != undone {
							t.Errorf("%d are told as undone, want %d", told, undone)
						}
					})
				})
			}
		}
	}
}

// A consume of a coupon is lost at one shop, and the same person's at another with it: each is
// told what it did.
func TestLostAtTwoShops(t *testing.T) {
	for _, count := range []int{1, 2} {
		for _, k := range []dianpingtest.Knobs{{}, {VerifyTime: dianpingtest.VerifyTimeAbsent}, {RepeatAnswer: dianpingtest.AlreadyUsed}} {
			for _, first := range []bool{true, false} { // which of the two took effect
				t.Run(fmt.Sprint(count, k.VerifyTime, k.RepeatAnswer, first), func(t *testing.T) {
					everywhere(t, func(r *rig) {
						r.knobs(k)
						r.lostAtTwoShops(count, first, k.VerifyTime == "")
					})
				})
			}
		}
	}
}

func (r *rig) lostAtTwoShops(count int, first, timed bool) {
	r.Helper()
	codes := r.orderOfChain(count + 1)
	if first { // after the look for the other
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: 6 * time.Second})
	} else {
		r.lost("consume", false)
	}
	one := r.consume(code, count)
	r.clock.Advance(5 * time.Second)
	r.lost("consume", !first)
	two := r.there(code, 1, "zhangsan")
	r.clock.Advance(time.Second)
	r.during(soon)
	done, used := r.now(one), r.now(two)
	if !first {
		done, used = used, done
	}
	r.is(done, models.Done, "")
	if timed {
		r.is(used, models.Rejected, "already_used")
	} else if used.State != models.Unknown { // a record of no time does not tell whose it is
		r.Errorf("the other is %s (%s)", used.State, used.Outcome.Reason)
	}
	if told, n := r.toldOf(one, two), r.stillConsumed(codes); told != n {
		r.Errorf("%d are told, and %d are consumed", told, n)
	}
}

// The same with another code of the order, which the several have used at their shop.
func TestLostOfAnOrderAtTwoShops(t *testing.T) {
	t.Parallel()
	for _, firstSettled := range []int{0, 1} {
		t.Run(fmt.Sprint(firstSettled), func(t *testing.T) {
			on(t, dianping.Meituan, func(r *rig) { // which tells the order
				codes := r.orderOfChain(3)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: 6 * time.Second})
				several := r.consume(codes[0], 3)
				r.clock.Advance(5 * time.Second)
				r.lost("consume", false)
				one := r.there(codes[2], 1, "zhangsan")
				r.clock.Advance(time.Second)
				first := []models.Operation{several, one}[firstSettled]
				r.commit(r.core.Settle(r.Context(), r.now(first)))
				r.is(r.settle(several), models.Done, "")
				r.is(r.settle(one), models.Rejected, "already_used")
				if told := r.toldOf(several, one); told != 3 {
					t.Errorf("%d are told", told)
				}
			})
		})
	}
}

// Both ask for several.
func TestLostOfSeveralAtTwoShops(t *testing.T) {
	everywhere(t, func(r *rig) {
		codes := r.orderOfChain(3)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: 6 * time.Second})
		one := r.consume(codes[0], 3)
		r.clock.Advance(5 * time.Second)
		r.lost("consume", false)
		two := r.there(codes[2], 2, "lisi")
		r.clock.Advance(time.Second)
		r.tells(r.settle(one), 3, "")
		r.is(r.settle(two), models.Rejected, "already_used")
	})
}

// A visit at another shop is of the very second that the list has for ours, which was sent a
// little before: ours stands, and lies under it.
func TestUndoOfAVisitOfTheSecondOfAnother(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.chain(code, 10, true)
		r.core.Now = func() time.Time { return r.clock.Now().Add(-3 * time.Second) }
		op := r.consume(code, 1)
		r.core.Now = r.clock.Now
		r.is(r.there(code, 1, "lisi"), models.Done, "")
		r.clock.Advance(time.Minute)
		r.is(r.undo(op), models.Done, ReasonCovered)
		r.effects(code, 2, 0)
	})
}
