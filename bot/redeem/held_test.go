package redeem

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// heldVoucher sells a coupon, or a card with visits, whose next verify is held.
func (r *rig) heldVoucher(code string, visits int) {
	r.Helper()
	_, err := r.douyin.AddVoucher(douyintest.Voucher{Code: code, Visits: visits, Price: 4990, Shops: []string{"shop-a"}, Hold: &douyintest.Hold{}})
	r.must(err)
}

// asking counts the questions of some time.
func (r *rig) asking(d time.Duration) int {
	r.Helper()
	before := r.calls("getconsumed")
	for end := r.clock.Now().Add(d); r.clock.Now().Before(end); r.toNextPass(d/60, end.Sub(r.clock.Now())) {
		r.pass()
	}
	return r.calls("getconsumed") - before
}

// isHeld fails unless an operation is kept back, and people are not told of a doubt.
func (r *rig) isHeld(op models.Operation) {
	r.Helper()
	if op.State != models.Held || op.NeedsHuman || op.Outcome.Code != "1229" {
		r.Errorf("%s (%v), needs human %v", op.State, op.Outcome, op.NeedsHuman)
	}
}

// Risk control holds a verify, of a coupon and of two uses of a card, in every reading:
// nobody is told that it failed or is in doubt, it is asked about every minute and later
// every ten, is never sent again, and is done when that shows.
func TestDouyinHeldAndVerified(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, count := range []int{1, 2} {
			c := fmt.Sprint(100000000000 + 100*i)
			r.heldVoucher(c, []int{0, 5}[i])
			sent := r.calls("consume")
			op := r.consume(c, count)
			r.isHeld(op)
			if n := r.asking(10 * time.Minute); n < 9 || n > 10 {
				r.Errorf("asked %d times in ten minutes", n)
			}
			if n := r.asking(time.Hour); n < 5 || n > 6 {
				r.Errorf("asked %d times in the next hour", n)
			}
			r.clock.Advance(30 * time.Hour)
			r.during(10 * time.Second)
			r.isHeld(r.now(op))
			r.effects(c, 0, 0)

			r.clock.Advance(time.Minute)
			r.must(r.douyin.EndHold(c, true))
			at := r.clock.Now()
			if r.douyin.Knobs().HeldType == douyintest.HeldTypeUnnamed {
				r.leftToPeople(op)
				continue
			}
			op = r.settleWithin(op, 10*time.Minute)
			r.is(op, models.Done, "")
			r.coupons(op, count)
			if op.ConsumedAt.Sub(at).Abs() > time.Second || !op.UndoUntil.Equal(op.ConsumedAt.Add(time.Hour)) {
				r.Errorf("consumed at %s, can be undone until %s; it was %s", op.ConsumedAt, op.UndoUntil, at)
			}
			r.effects(c, count, 0)
			if n := r.calls("consume") - sent; n != 1 {
				r.Errorf("%d verifies", n)
			}
			r.is(r.settle(r.undo(op)), models.Undone, "")
		}
		r.never(models.Rejected)
	})
}

// leftToPeople fails unless people are told of an operation that was held, as soon as it is
// asked about again, and whatever the platform goes on saying; what they say ends it.
func (r *rig) leftToPeople(op models.Operation) {
	r.Helper()
	for _, wait := range []time.Duration{10 * time.Minute, 50 * time.Hour} {
		r.clock.Advance(wait)
		r.during(time.Minute)
		if op = r.now(op); !op.NeedsHuman {
			r.Error("nobody was told")
		}
		r.is(op, models.Unknown, ReasonUnclear)
	}
	r.is(r.commit(r.core.Close(r.Context(), op, true, "王五")), models.Done, ReasonClosedUsed)
}

// What was let go and is used by hand, by no named person, may be what was held.
func TestDouyinHeldAndUsedByNobody(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.heldVoucher(code, 0)
		op := r.consume(code, 1)
		r.clock.Advance(time.Hour)
		r.must(r.douyin.EndHold(code, false))
		r.must(r.douyin.UseElsewhere(code, douyintest.Use{Type: 2}))
		r.leftToPeople(op)
	})
}

// Who lost an answer that was no hold is not told of an unnamed use as in doubt.
func TestDouyinUsedByNobody(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.voucher(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: "1999", Times: 1})
		op := r.consume(code, 1)
		r.clock.Advance(5 * time.Second)
		r.must(r.douyin.UseElsewhere(code, douyintest.Use{Type: 2}))
		r.is(r.settle(op), models.Rejected, platform.AlreadyUsed)
	})
}

// What risk control lets go shows nowhere. It is over once it cannot be held any more;
// then the code is free.
func TestDouyinHeldAndLetGo(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		r.heldVoucher(code, 0)
		op := r.consume(code, 1)
		r.clock.Advance(time.Hour)
		r.must(r.douyin.EndHold(code, false))
		r.during(20 * time.Minute)
		r.clock.Advance(46 * time.Hour)
		r.during(10 * time.Second)
		r.isHeld(r.now(op))
		r.clock.Advance(op.SentAt.Add(heldAtMost).Sub(r.clock.Now()))
		op = r.settle(op)
		r.is(op, models.Rejected, ReasonLetGo)
		r.effects(code, 0, 0)
		if n := r.calls("consume"); n != 1 {
			r.Errorf("%d verifies", n)
		}
		r.is(r.consume(code, 1), models.Done, "")
	})
}

// What was let go and is used by hand, or paid back, is over at once.
func TestDouyinHeldAndRefused(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, reason := range []string{platform.AlreadyUsed, platform.Refunded} {
			c := fmt.Sprint(100000000000 + 100*i)
			r.heldVoucher(c, 0)
			op := r.consume(c, 1)
			r.clock.Advance(time.Hour)
			r.must(r.douyin.EndHold(c, false))
			if reason == platform.AlreadyUsed {
				r.elsewhere(c, "till-3")
			} else {
				r.must(r.douyin.SetState(c, douyintest.RefundRequested)) // may be taken back
				r.during(time.Minute)
				r.isHeld(r.now(op))
				r.must(r.douyin.SetState(c, douyintest.Refunded))
			}
			r.clock.Advance(10 * time.Minute)
			op = r.settle(op)
			r.is(op, models.Rejected, reason)
			if reason == platform.AlreadyUsed && op.UsedBy != "till-3" {
				r.Errorf("used by %q", op.UsedBy)
			}
		}
	})
}

// The answer that told of a hold is lost, or the process that had it died: the repeat is
// told the same. Where every process was down, a look is.
func TestDouyinLostHold(t *testing.T) {
	everyDoubt(t, func(r *rig, all bool) {
		for i, down := range []time.Duration{0, 10 * time.Second, HumanAfter, 20 * time.Hour} {
			for j, died := range []bool{false, true} {
				if !all && i%2+j != 0 {
					continue
				}
				c := fmt.Sprint(100000000000 + 1000*i + 100*j)
				r.heldVoucher(c, 0)
				r.told = nil
				q := r.request(c, 1, "")
				if !died {
					r.lost("consume", true)
				}
				step, err := r.core.Consume(r.Context(), q)
				r.must(err)
				if !died {
					r.commit(step, nil)
				}
				op := must(r.db.Journal.OfMessage(r.Context(), q.Asked.ID))[0]
				r.clock.Advance(max(down, r.core.Lease(1)))
				r.during(soon)
				r.isHeld(r.now(op))
				r.clock.Advance(20 * time.Hour)
				r.during(10 * time.Second)
				r.isHeld(r.now(op))
				r.must(r.douyin.EndHold(c, true))
				r.clock.Advance(10 * time.Minute)
				r.consumedAfterHold(op)
				r.effects(c, 1, 0)
				r.never(models.Rejected)
			}
		}
	})
}

// consumedAfterHold: the end of a hold is told, or left to people where the platform names
// the use in no way.
func (r *rig) consumedAfterHold(op models.Operation) {
	r.Helper()
	if r.douyin.Knobs().HeldType == douyintest.HeldTypeUnnamed {
		r.leftToPeople(op)
		return
	}
	r.is(r.settle(op), models.Done, "")
}

// The answer that told of a hold is lost, and no other tells of it: people are told after
// three minutes, and it is not told as refused while it can be held.
func TestDouyinLostHoldNeverToldOf(t *testing.T) {
	for _, prepare := range []string{"", "1212", "3000001", "2100001", "2190004", "listed"} {
		t.Run("prepare "+prepare, func(t *testing.T) {
			everyDoubt(t, func(r *rig, all bool) {
				if !all && prepare != "listed" {
					return
				}
				r.heldVoucher(code, 0)
				r.lost("consume", true)
				op := r.consume(code, 1)
				r.pause()
				r.during(HumanAfter)
				r.resume()
				switch prepare {
				case "":
					r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "prepare", Times: -1})
				case "listed":
					r.core.Shops.(*shops).look = func(platform.Looked) platform.Looked {
						return platform.Looked{Proves: platform.Usable, Voucher: platform.Voucher{Code: code, Left: 1}}
					}
				default:
					r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: prepare, Call: "prepare", Times: -1})
				}
				r.during(10 * time.Minute)
				r.clock.Advance(40 * time.Hour)
				r.during(10 * time.Second)
				op = r.now(op)
				if op.State != models.Unknown || !op.NeedsHuman {
					r.Errorf("%s (%v), needs human %v", op.State, op.Outcome, op.NeedsHuman)
				}
				r.must(r.douyin.EndHold(code, true))
				r.clock.Advance(10 * time.Minute)
				r.consumedAfterHold(op)
				r.effects(code, 1, 0)
				r.never(models.Rejected)
			})
		})
	}
}

// A proxy sends the verify twice: the first is held, and the second is refused.
func TestDouyinHeldAndRepeatedByProxy(t *testing.T) {
	for _, answer := range []string{"2100005", "1212", "1221", "1241", "1265", "45005117", "2119003"} {
		t.Run(answer, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.heldVoucher(code, 0)
				r.must(r.douyin.Fail(douyintest.Fault{Kind: douyintest.ProxyRepeat, Call: "verify", Answer: answer}))
				op := r.consume(code, 1)
				r.is(op, models.Held, ReasonBusy)
				r.must(r.douyin.EndHold(code, true))
				r.clock.Advance(10 * time.Minute)
				r.consumedAfterHold(op)
				r.effects(code, 1, 0)
				r.never(models.Rejected)
			})
		})
	}
}

// The answers have lost the place that tells of a hold: it may be one, so no refusal is
// told.
func TestDouyinHoldInALostPlace(t *testing.T) {
	for _, place := range []douyintest.Choice{douyintest.RefusalSub, douyintest.RefusalExtra} {
		t.Run(string(place), func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.must(r.douyin.SetKnobs(douyintest.Knobs{Refusals: place, Absent: []string{"extra"}}))
				r.heldVoucher(code, 0)
				op := r.consume(code, 1)
				r.during(10 * time.Minute)
				op = r.now(op)
				r.is(op, models.Unknown, ReasonMayBeHeld)
				if !op.NeedsHuman {
					r.Error("nobody was told")
				}
				r.never(models.Rejected)
				r.must(r.douyin.EndHold(code, true))
				r.is(r.settleWithin(op, 20*time.Minute), models.Done, "")
				r.effects(code, 1, 0)
			})
		})
	}
}

// A question that is answered oddly, or not at all, changes nothing. At the end it is left
// to people.
func TestDouyinHeldOddAnswers(t *testing.T) {
	for _, answer := range []string{"", "3100101", "1212", "1208", "2100001", "2190004", "2119005", "999999"} {
		t.Run(answer, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.heldVoucher(code, 0)
				op := r.consume(code, 1)
				odd := dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "getconsumed", Times: -1}
				if answer == "" {
					odd = dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "getconsumed", Times: -1}
				}
				r.fail(odd)
				r.during(20 * time.Minute)
				r.clock.Advance(heldAtMost - time.Hour)
				r.during(10 * time.Second)
				r.isHeld(r.now(op))
				r.clock.Advance(time.Hour)
				r.during(time.Minute)
				if op = r.now(op); op.State != models.Unknown || !op.NeedsHuman {
					r.Errorf("%s, needs human %v", op.State, op.NeedsHuman)
				}
				r.never(models.Rejected)
				r.must(r.douyin.EndHold(code, true))
				r.douyin.ClearFaults()
				r.is(r.settleWithin(op, 10*time.Minute), models.Done, "")
				r.effects(code, 1, 0)
			})
		})
	}
}

// Its shop is not connected for a while.
func TestDouyinHeldWithoutAShop(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.heldVoucher(code, 0)
		op := r.consume(code, 1)
		r.core.Shops.(*shops).gone = true
		r.during(time.Hour)
		r.isHeld(r.now(op))
		r.core.Shops.(*shops).gone = false
		r.must(r.douyin.EndHold(code, true))
		r.is(r.settleWithin(op, 10*time.Minute), models.Done, "")
	})
}

// The same code again is not sent, an undo has nothing to undo, and nobody is asked to
// end it.
func TestDouyinHeldIsLeftAlone(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.heldVoucher(code, 0)
		op := r.consume(code, 1)
		began := r.clock.Now()
		again := r.consume(code, 1)
		r.is(again, models.Rejected, platform.RiskHeld)
		if again.OtherID != op.ID || again.UsedBy != "张三" || r.clock.Now() != began {
			r.Errorf("%+v after %s", again, r.clock.Now().Sub(began))
		}
		if n := r.calls("consume"); n != 1 {
			r.Errorf("%d verifies", n)
		}
		if v := CanUndo(op, r.clock.Now()); v != NotDone {
			r.Errorf("it is %s", v)
		}
		if _, err := r.core.Undo(r.Context(), UndoRequest{Asked: r.asked(), Op: op}); !errors.Is(err, ErrMoved) {
			r.Error(err)
		}
		if _, err := r.core.Close(r.Context(), op, true, "老板"); !errors.Is(err, ErrNotInDoubt) {
			r.Error(err)
		}
	})
}

// Who brings a code that is held already for another shop is told so, and it is not sent.
func TestDouyinHeldForAnother(t *testing.T) {
	atDouyin(t, func(r *rig) {
		_, err := r.douyin.AddVoucher(douyintest.Voucher{Code: code, Hold: &douyintest.Hold{}})
		r.must(err)
		r.isHeld(r.consume(code, 1))
		q := r.request(code, 1, "")
		q.Account = must(r.db.Directory.Store(r.Context(), 2)).Account
		r.is(r.commit(r.core.Consume(r.Context(), q)), models.Rejected, platform.RiskHeld)
		if n := r.calls("consume"); n != 1 {
			r.Errorf("%d verifies", n)
		}
	})
}

// A hold that was lost is not ended by refusals of its repeats: the key may be spent.
func TestDouyinLostHoldIsRepeatedInVain(t *testing.T) {
	for _, answer := range []string{"1221", "1212", "2100005", "45005117", "1265", "1250", "3000001", "3000002", "1263"} {
		t.Run(answer, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.heldVoucher(code, 0)
				r.lost("consume", true)
				op := r.consume(code, 1)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "consume", Times: -1})
				r.during(10 * time.Minute)
				if now := r.now(op); now.State.Terminal() {
					t.Fatalf("ended: %s %+v", now.State, now.Outcome)
				}
				r.must(r.douyin.EndHold(code, true))
				r.clock.Advance(10 * time.Minute)
				r.is(r.settle(op), models.Done, "")
			})
		})
	}
}

// A hold ends while the platform's clock is ahead of ours: it was consumed now, and can be
// undone.
func TestHeldEndsByAClockAhead(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.heldVoucher(code, 0)
		op := r.consume(code, 1)
		r.clock.Advance(30 * time.Hour)
		r.during(time.Second)
		r.clock.Advance(2 * time.Second)
		r.must(r.douyin.EndHold(code, true))
		r.clock.Advance(-2 * time.Second)
		_, err := r.db.Journal.Ask(r.Context(), platform.DouyinName, op.OrderID, r.core.Lease(ConsumeCalls))
		r.must(err)
		op = r.settle(op)
		r.is(op, models.Done, "")
		if v := CanUndo(op, r.clock.Now()); v != Undoable {
			t.Errorf("%s: consumed at %s, it is %s", v, op.ConsumedAt, r.clock.Now())
		}
	})
}

// A hold is over while the platform does not answer: people are told after the time that
// any doubt has, and not where the platform has said by then that it was let go.
func TestDouyinHoldEndsInSilence(t *testing.T) {
	for name, c := range map[string]struct {
		silent time.Duration
		state  models.State
	}{"for a moment": {HumanAfter / 2, models.Held}, "for long": {HumanAfter + time.Minute, models.Unknown}} {
		t.Run(name, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.heldVoucher(code, 0)
				op := r.consume(code, 1)
				r.isHeld(op)
				r.must(r.douyin.EndHold(code, false))
				r.clock.Advance(op.SentAt.Add(heldAtMost).Sub(r.clock.Now()))
				r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Times: 1000})
				r.during(c.silent)
				if op = r.now(op); op.State != c.state || op.NeedsHuman != (c.state == models.Unknown) {
					r.Errorf("%s, needs human %v", op.State, op.NeedsHuman)
				}
				if n := r.calls("getconsumed"); n < 5 || n > 200 {
					r.Errorf("asked %d times", n)
				}
				r.douyin.ClearFaults()
				r.during(time.Minute)
				if op = r.now(op); op.State != models.Rejected {
					r.Errorf("%s (%v)", op.State, op.Outcome)
				}
				r.effects(code, 0, 0)
				if n := r.calls("consume"); n != 1 {
					r.Errorf("sent %d times", n)
				}
			})
		})
	}
}
