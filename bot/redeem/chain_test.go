package redeem

import (
	"fmt"
	"testing"
	"time"

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
	for _, when := range []string{"a day before", "a minute before", "meanwhile", "meanwhile and late"} {
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
