package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// What a verification follows can be undone again once that verification has come to
// nothing, whichever way.
func TestUndoBeneathARefusal(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		for i, ends := range []func(models.Operation) models.Operation{
			func(first models.Operation) models.Operation { // refused for certain
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: refusal(r), Times: 1})
				return r.follow(first)
			},
			func(first models.Operation) models.Operation { // in doubt, and a person has looked
				r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"})
				next := r.follow(first)
				r.pause()
				r.during(4 * time.Minute)
				r.resume()
				return r.commit(r.core.Close(r.Context(), r.now(next), false, "王五"))
			},
		} {
			code := []string{"7992697491", "7992697492"}[i]
			r.card(code, 3)
			first := r.consume(code, 1)
			r.clock.Advance(time.Minute)
			if next := ends(first); next.State != models.Rejected {
				r.Errorf("it is %s (%s)", next.State, next.Outcome.Reason)
			}
			if first = r.now(first); CanUndo(first, r.clock.Now()) != Undoable {
				r.Errorf("it is %s", CanUndo(first, r.clock.Now()))
			}
			if last, err := r.db.Journal.LastUndoable(r.Context(), []int64{first.StoreID}, "zhangsan", r.clock.Now()); err != nil || last != first {
				r.Errorf("%+v is offered: %v", last, err)
			}
			r.is(r.settle(r.undo(first)), models.Undone, "")
			r.effects(code, 1, 1)
		}
	})
}

// refusal is an answer to a consume that ends it.
func refusal(r *rig) string {
	if r.douyin != nil {
		return "2190004"
	}
	return "1012"
}

// Undone from the last to the first, each gives back its own visit. One that was undone in
// part stands, and covers what it follows.
func TestUndoBeneathAnUndo(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		r.card(code, 10)
		all := []models.Operation{r.consume(code, 1)}
		for range 2 {
			r.clock.Advance(time.Minute)
			all = append(all, r.follow(all[len(all)-1]))
		}
		for i := len(all) - 1; i >= 0; i-- {
			r.clock.Advance(time.Minute)
			if i > 0 && CanUndo(r.now(all[i-1]), r.clock.Now()) != Superseded {
				r.Error("what is followed could be undone")
			}
			r.is(r.settle(r.undo(r.now(all[i]))), models.Undone, "")
			r.effects(code, 3, len(all)-i)
		}
	})
}

func TestUndoBeneathAPart(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		q := r.request(code, 2, first.ID)
		next := r.commit(r.core.Consume(r.Context(), q))
		r.must(r.douyin.Fail(douyintest.Fault{Kind: douyintest.AnswerCode, Call: "cancel", Answer: "1250", Times: 1}))
		next = r.undo(next)
		if next.State != models.Done {
			r.Fatalf("it is %s", next.State)
		}
		r.effects(code, 3, 1)
		if CanUndo(r.now(first), r.clock.Now()) != Superseded {
			r.Error("what it follows could be undone")
		}
		r.is(r.undo(next), models.Undone, "")
		r.is(r.undo(r.now(first)), models.Undone, "")
		r.effects(code, 3, 3)
	})
}

// An undo beneath another takes no visit but its own, also where the platform does not tell
// that the code is one of a 次卡.
func TestUndoBeneathTakesNoOther(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(map[bool]string{true: "told", false: "not told"}[told], func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				v := dianpingtest.Voucher{Code: code, Title: "十次卡", Price: 49900, Visits: 10, Shops: []string{"shop-a"}}
				if told {
					v.BizType = 205
				}
				_, err := r.platform.AddVoucher(v)
				r.must(err)
				first := r.consume(code, 1)
				r.clock.Advance(time.Minute)
				r.elsewhere(code, "till-3")
				r.clock.Advance(time.Minute)
				next := r.follow(first)
				r.is(next, models.Done, "")
				r.clock.Advance(time.Minute)
				r.is(r.settle(r.undo(next)), models.Undone, "")
				r.standing(code, "zhangsan", "till-3")
				r.is(r.settle(r.undo(r.now(first))), models.Done, ReasonCovered)
				r.standing(code, "zhangsan", "till-3")
				r.must(r.platform.UndoElsewhere(code, "boss")) // the till's
				r.lost("reverseconsume", true)
				r.is(r.settle(r.undo(r.now(first))), models.Undone, "")
				r.standing(code)
			})
		})
	}
}

// The same where the answer to the undo is lost, and the till's visit comes meanwhile.
func TestLostUndoBeneath(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "十次卡", Price: 49900, Visits: 10, Shops: []string{"shop-a"}})
		r.must(err)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: "1012", Times: 1})
		r.is(r.follow(first), models.Rejected, platform.WrongShop)
		r.lost("reverseconsume", false)
		op := r.undo(r.now(first))
		r.clock.Advance(time.Second)
		r.elsewhere(code, "till-3")
		r.is(r.settle(op), models.Done, ReasonCovered)
		r.standing(code, "zhangsan", "till-3")
	})
}

// Who asks for the code while what follows is under way, and comes to nothing, is told of
// what stands beneath it, and who has seen that goes on: nothing is consumed unasked.
func TestAgainWhileFollowerFails(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 10)
		first := r.consume(code, 1)
		for i, follows := range []string{"", first.ID} {
			r.clock.Advance(time.Minute)
			r.must(r.db.Journal.Supersede(r.Context(), r.now(first)))
			r.colleague(first.StoreID, fmt.Sprint("colleague-", i), func(op models.Operation) error {
				op.OtherID = first.ID
				return r.refusing(platform.WrongShop)(op)
			})
			r.clock.Advance(time.Second)
			op := r.commit(r.core.Consume(r.Context(), r.request(code, 1, follows)))
			if follows != "" {
				r.is(op, models.Done, "")
			} else if r.is(op, models.Rejected, ReasonHereMore); op.OtherID != first.ID {
				r.Errorf("it is refused for %s, want %s", op.OtherID, first.ID)
			}
			r.effects(code, 1+i, 0)
		}
	})
}
