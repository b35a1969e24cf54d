package redeem

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// Whatever becomes of the answer to an undo: it is undone once, nobody is told
// that it was not, and all is settled soon.
func TestLostUndo(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				for i, none := range dianpingtest.NoRecords {
					c := fmt.Sprint(7000000000 + i)
					r.knobs(dianpingtest.Knobs{NoRecord: none})
					r.voucher(c)
					op := r.consume(c, 1)
					fault := fate.fault
					fault.Call = "reverseconsume"
					r.fail(fault)
					r.told = nil
					op = r.undo(op)
					r.is(op, models.UndoUnknown, "")
					r.is(r.settle(op), models.Undone, "")
					r.never(models.Done)
					r.effects(c, 1, 1)
				}
			})
		})
	}
}

// A proxy sends the undo twice: the answer is that to the second.
func TestUndoRepeatedByProxy(t *testing.T) {
	for _, answer := range []string{"", "1002", "1006", "1141"} {
		t.Run("answer "+answer, func(t *testing.T) {
			everyDatabase(t, func(r *rig) {
				r.voucher(code)
				op := r.consume(code, 1)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "reverseconsume", Answer: answer})
				r.is(r.undo(op), models.Undone, "")
				r.effects(code, 1, 1)
			})
		})
	}
}

// A refusal of the first undo is told as it is.
func TestUndoRefused(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		op := r.consume(code, 1)
		for _, tt := range []struct{ answer, reason string }{{"1002", "verify_failed"}, {"1012", "wrong_shop"}, {"1010", "refunding"}} {
			r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: tt.answer, Call: "reverseconsume"})
			op = r.undo(op)
			r.is(op, models.Done, tt.reason)
			if v := CanUndo(op, r.clock.Now()); v != Undoable {
				r.Errorf("after %s it is %s", tt.answer, v)
			}
		}
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1029", Call: "reverseconsume"})
		op = r.undo(op)
		r.is(op, models.Done, ReasonUndoLate)
		if v := CanUndo(op, r.clock.Now()); v != Closed {
			r.Errorf("the platform said too late, and it is %s", v)
		}
		if _, err := r.core.Undo(r.Context(), UndoRequest{Asked: r.asked(), Op: op}); !errors.Is(err, ErrMoved) {
			r.Errorf("undone all the same: %v", err)
		}
		r.effects(code, 1, 0)
	})
}

// The platform refuses the second try of an undo whose first takes effect late.
func TestUndoEffectAfterTheRepeat(t *testing.T) {
	for _, answer := range []string{"1002", "1012", "611"} {
		t.Run(answer, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.voucher(code)
				op := r.consume(code, 1)
				r.told = nil
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume", After: r.core.quietAfter() + time.Second})
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "reverseconsume"})
				r.is(r.settle(r.undo(op)), models.Undone, "")
				r.never(models.Done)
				r.effects(code, 1, 1)
			})
		})
	}
}

// Several coupons: one after the other, however many; after a lost answer the rest
// goes on once it is certain.
func TestUndoOfSeveral(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		order := r.order(code, 10)
		op := r.consume(code, 10)
		for _, v := range []int{2, 7} {
			r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "reverseconsume", Code: order[v]})
		}
		r.is(r.settle(r.undo(op)), models.Undone, "")
		for _, v := range order {
			r.effects(v, 1, 1)
		}
	})
}

// An undo that nobody can settle is told to people, and not tried by itself then.
func TestUndoLeftToPeople(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		op := r.consume(code, 1)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "reverseconsume"})
		op = r.undo(op)
		r.pause()
		r.during(4 * time.Minute)
		if !r.now(op).NeedsHuman {
			r.Error("nobody was told")
		}
		r.resume()
		r.is(r.settle(op), models.Done, ReasonNotUndone)
		r.effects(code, 1, 0)

		r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "reverseconsume"})
		op = r.undo(r.now(op))
		r.pause()
		r.during(4 * time.Minute)
		r.is(r.commit(r.core.Close(r.Context(), r.now(op), false, "王五")), models.Undone, "")
	})
}

// The rule in SQL and the rule in Go agree.
func TestOneUndoRule(t *testing.T) {
	everyDatabase(t, func(r *rig) {
		made := map[string]models.Operation{}
		for i, name := range []string{"done", "closed", "superseded", "undone", "rejected"} {
			c := fmt.Sprint(7000000000 + i)
			r.card(c, 3)
			made[name] = r.consume(c, 1)
		}
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1029", Call: "reverseconsume"})
		r.undo(made["closed"])
		next := r.follow(made["superseded"])
		r.undo(made["undone"])
		for _, advance := range []time.Duration{0, 10 * time.Minute} {
			r.clock.Advance(advance)
			want := map[string]bool{}
			for _, op := range append([]models.Operation{next}, made["done"], made["closed"], made["superseded"], made["undone"], made["rejected"]) {
				if CanUndo(r.now(op), r.clock.Now()) == Undoable {
					want[op.ID] = true
				}
			}
			last, err := r.db.Journal.LastUndoable(r.Context(), []int64{1}, "zhangsan", r.clock.Now())
			if errors.Is(err, models.ErrNotFound) != (len(want) == 0) || err == nil && !want[last.ID] {
				r.Errorf("SQL offers %s (%v), Go %v", last.ID, err, want)
			}
			for err == nil && len(want) > 0 { // and one after the other
				delete(want, last.ID)
				r.must(r.db.Journal.Supersede(r.Context(), last))
				if last, err = r.db.Journal.LastUndoable(r.Context(), []int64{1}, "zhangsan", r.clock.Now()); err == nil && !want[last.ID] {
					r.Errorf("SQL offers %s too", last.ID)
				}
			}
			if len(want) > 0 {
				r.Errorf("SQL does not offer %v", want)
			}
		}
	})
}

// lagging shows the books as they were before a consume for some time after it, and refuses
// an undo meanwhile, where it refuses.
type lagging struct {
	platform.Shop
	now     func() time.Time
	shows   *atomic.Int64
	refuses bool
}

const booksLag = 3 * time.Second

func (l lagging) behind() bool { return l.now().UnixNano() < l.shows.Load() }

func (l lagging) Consume(ctx context.Context, o platform.Order, again bool) platform.Consumption {
	l.shows.Store(l.now().Add(booksLag).UnixNano())
	return l.Shop.Consume(ctx, o, again)
}

func (l lagging) Record(ctx context.Context, c platform.Coupon) platform.Recorded {
	recorded := l.Shop.Record(ctx, c)
	if l.behind() && recorded.Proves == platform.Consumed {
		return platform.Recorded{Said: recorded.Said, Proves: platform.NotConsumed, Complete: recorded.Complete}
	}
	return recorded
}

func (l lagging) Look(ctx context.Context, code string) platform.Looked {
	looked := l.Shop.Look(ctx, code)
	if l.behind() && looked.Proves == platform.Used {
		return platform.Looked{Said: platform.Said{Call: looked.Call}, Proves: platform.Usable, Voucher: platform.Voucher{Code: code, Left: 1}}
	}
	return looked
}

func (l lagging) Reverse(ctx context.Context, c platform.Coupon, by platform.Operator, again bool) platform.Reversal {
	if l.refuses && l.behind() { // there is no verification yet
		return platform.Reversal{Said: platform.Said{Call: "reverseconsume", Why: "verify_failed"}, Proves: platform.Refused, Doubtful: true}
	}
	return l.Shop.Reverse(ctx, c, by, again)
}

// An undo a second after the verification, which the platform's books do not show yet: it
// is not taken for done because they do not.
func TestUndoBeforeTheConsumeShows(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		t.Run(fmt.Sprint("refused ", refuses), func(t *testing.T) {
			everyPlatform(t, func(r *rig) {
				c := "104930181552"
				r.voucher(c)
				s, shows := r.core.Shops.(*shops), new(atomic.Int64)
				open := s.open
				s.open = func(a models.Account) platform.Shop { return lagging{open(a), r.clock.Now, shows, refuses} }
				op := r.consume(c, 1)
				r.is(op, models.Done, "")
				r.clock.Advance(time.Second)
				if !refuses {
					r.lost("reverseconsume", false)
				}
				r.is(r.settle(r.undo(op)), models.Undone, "")
				r.effects(c, 1, 1)
			})
		})
	}
}
