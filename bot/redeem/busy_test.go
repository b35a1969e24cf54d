package redeem

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// colleague begins a consume of 李四's, at an account, and ends it while another waits for it.
func (r *rig) colleague(account int64, id string, ends func(models.Operation) error) {
	r.Helper()
	now := r.clock.Now()
	op, err := r.db.Journal.Begin(r.Context(), models.Operation{
		ID: id, StoreID: account, Code: code, Count: 1, UserID: "lisi", User: "李四", CreatedAt: now, CalledAt: now, SentAt: now, DueAt: now.Add(time.Minute),
	}, r.asked())
	r.must(err)
	sleep, ended := r.core.Sleep, false
	r.core.Sleep = func(ctx context.Context, d time.Duration) error {
		if !ended {
			ended = true
			r.must(ends(op))
		}
		return sleep(ctx, d)
	}
}

func (r *rig) refusing(reason string) func(models.Operation) error {
	return func(op models.Operation) error {
		op.Outcome.Reason = reason
		_, err := r.db.Journal.RejectConsume(r.Context(), op)
		return err
	}
}

// Two verify a code at once, and the platform refuses the one that was quicker: the other
// goes on, and is never told that the code is being verified.
func TestAfterARefusedColleague(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.when("prepared", func() { r.colleague(1, "other", r.refusing(platform.Throttled)) })
		r.is(r.consume(code, 1), models.Done, "")
		r.effects(code, 1, 0)
	})
}

// The same where another comes each time: the refusal is told by its reason.
func TestAfterRefusedColleagues(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.when("prepared", func() {
			r.colleague(1, "other", func(op models.Operation) error {
				r.colleague(2, "elsewhere", r.refusing("")) // of another store: not in the way
				if err := r.refusing("wrong_shop")(op); err != nil {
					return err
				}
				r.colleague(1, "another", r.refusing("wrong_shop"))
				return nil
			})
		})
		op := r.consume(code, 1)
		if r.is(op, models.Rejected, "wrong_shop"); op.UsedBy != "" || op.OtherID != "" {
			r.Errorf("told of %s", op.UsedBy)
		}
		r.effects(code, 0, 0)
	})
}

// A colleague undoes what a person has seen and follows, while the platform is asked: the
// next visit is taken all the same, and no one is told of a verification that is gone.
func TestFollowingWhatIsUndone(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.when("prepared", func() { r.is(r.undo(first), models.Undone, "") })
		r.is(r.follow(first), models.Done, "")
		r.effects(code, 2, 1)
	})
}

// The same where nothing says why, or the other one is undone by the time that it has its
// outcome: the person is told that others were in the way, and not that the platform is busy.
func TestAfterColleaguesThatEnded(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		undone := func(op models.Operation) error {
			op.ConsumedAt, op.UndoUntil, op.Outcome.Reason = r.clock.Now(), r.clock.Now().Add(time.Hour), ReasonCodesMissing
			op, err := r.db.Journal.FinishConsume(r.Context(), op, []models.Coupon{{OperationID: op.ID, StoreID: op.StoreID, Code: op.Code, Visit: 1}})
			r.must(err)
			op, err = r.db.Journal.BeginUndo(r.Context(), op, r.asked())
			r.must(err)
			_, err = r.db.Journal.FinishUndo(r.Context(), op, []models.Coupon{{OperationID: op.ID, StoreID: op.StoreID, Code: op.Code, Visit: 1, UndoneAt: r.clock.Now()}})
			return err
		}
		r.voucher(code)
		for _, ends := range []func(models.Operation) error{r.refusing(""), undone} {
			r.when("prepared", func() {
				r.colleague(1, r.core.NewID(), func(op models.Operation) error {
					if err := ends(op); err != nil {
						return err
					}
					r.colleague(1, r.core.NewID(), ends)
					return nil
				})
			})
			op := r.consume(code, 1)
			if r.is(op, models.Rejected, ReasonInTheWay); op.UsedBy != "" || op.OtherID != "" || op.Outcome.Code+op.Outcome.Message != "" {
				r.Errorf("told of %+v", op)
			}
			r.effects(code, 0, 0)
		}
	})
}

// The same in a store with two accounts, where each time the platforms were asked what had
// stood is gone.
func TestAfterColleaguesThatEndedOfTwo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const typed = "799269749412"
		core, accounts := slowCore(t, func(int) slowShop { return slowShop{has: typed} })
		begin := func(id string) models.Operation {
			in, _, err := core.DB.Inbox.Accept(t.Context(), models.Inbox{ID: id, Channel: "app", MessageID: id, User: "lisi", Payload: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			op, err := core.DB.Journal.Begin(t.Context(), models.Operation{ID: id, StoreID: accounts[0].ID, Code: typed, Count: 1, UserID: "lisi", CalledAt: core.Now()}, in)
			if err != nil {
				t.Fatal(err)
			}
			return op
		}
		left := []models.Operation{begin("theirs")}
		core.Sleep = func(context.Context, time.Duration) error {
			if len(left) == 0 {
				return nil
			}
			op := left[0]
			op.Outcome.Reason = "wrong_shop"
			if _, err := core.DB.Journal.RejectConsume(t.Context(), op); err != nil {
				return err
			}
			if left = nil; op.ID == "theirs" {
				left = []models.Operation{begin("another")}
			}
			return nil
		}
		if op := consumeIn(t, core, accounts, "ours", typed); op.State != models.Rejected || op.Outcome.Reason != ReasonInTheWay {
			t.Errorf("%s: %+v", op.State, op.Outcome)
		}
	})
}

// overlapped is a platform at whose first look something happens before the platform gets it,
// and after.
type overlapped struct {
	platform.Shop
	before, after func()
	looked        *bool
}

func (s overlapped) Look(ctx context.Context, code string) platform.Looked {
	if *s.looked {
		return s.Shop.Look(ctx, code)
	}
	*s.looked = true
	s.before()
	looked := s.Shop.Look(ctx, code)
	s.after()
	return looked
}

// consumeAround consumes a coupon, and lets something happen before the platform gets its first
// look, and after.
func (r *rig) consumeAround(code string, before, after func()) models.Operation {
	r.Helper()
	looked := new(bool)
	return r.through(func(s platform.Shop) platform.Shop { return overlapped{s, before, after, looked} }, code, 1)
}

// A coupon is verified and undone around the look of another message: that is not told of a use
// that no record names.
func TestUndoneDuringTheLook(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		var first models.Operation
		op := r.consumeAround(code,
			func() { first = r.consume(code, 1); r.is(first, models.Done, "") },
			func() { r.is(r.undo(first), models.Undone, "") })
		if op.State != models.Rejected || op.Outcome.Reason == platform.AlreadyUsed {
			r.Errorf("%s (%s)", op.State, op.Outcome.Reason)
		}
		r.effects(code, 1, 1)
	})
}

// A coupon is verified around the look of another message, and that is not answered: it tells
// of the other operation, and not that the coupon is not consumed.
func TestUnansweredLookBesideAColleague(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		var first models.Operation
		op := r.consumeAround(code, func() {
			first = r.consume(code, 1)
			r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 2})
		}, func() {})
		if op.State != models.Rejected || op.OtherID != first.ID {
			r.Errorf("%s (%s), told of %q", op.State, op.Outcome.Reason, op.OtherID)
		}
		r.effects(code, 1, 0)
	})
}
