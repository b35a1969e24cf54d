package redeem

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/breadth"
	"yanquan/models"
)

// atDouyin runs a test with Douyin alone.
func atDouyin(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	on(t, platform.DouyinName, test)
}

// everyDoubt runs a test with every reading of what the public facts leave open, or with
// the usual one and one of the others. all says that it is the usual one, with which
// everything is played; with the others it may be a part.
func everyDoubt(t *testing.T, test func(r *rig, all bool)) {
	t.Helper()
	t.Parallel()
	play := func(name string, k douyintest.Knobs) {
		t.Run(name, func(t *testing.T) {
			on(t, platform.DouyinName, func(r *rig) {
				r.must(r.douyin.SetKnobs(k))
				test(r, name == "usual")
				r.once()
			})
		})
	}
	play("usual", douyintest.Knobs{})
	type reading struct {
		name  string
		knobs douyintest.Knobs
	}
	var others []reading
	for _, d := range douyintest.Doubts {
		for _, c := range d.Values[1:] {
			if slices.Contains(notOurs, d.Name) {
				continue
			}
			var k douyintest.Knobs
			d.Set(&k, c)
			others = append(others, reading{fmt.Sprint(d.Name, " ", c), k})
		}
	}
	for _, o := range breadth.Of(t.Name(), others...) {
		play(o.name, o.knobs)
	}
}

// notOurs are readings of what the core never meets.
var notOurs = []string{"notice_signature", "notice_content", "notices", "notice_ids", "notice_shops", "kicked_token", "stale_qr", "record_order"}

// once fails where the platform's books show more than was asked for, or other than was
// told.
func (r *rig) once() {
	r.Helper()
	if twice := r.douyin.TwiceConsumed(); len(twice) > 0 {
		r.Errorf("consumed twice: %v", twice)
	}
}

// uses are those of all coupons that stand.
func (r *rig) uses() (n int) {
	for _, v := range r.douyin.Vouchers() {
		n += len(v.Uses)
	}
	return n
}

// coupons are those of an operation, each with what an undo needs.
func (r *rig) coupons(op models.Operation, want int) []models.Coupon {
	r.Helper()
	list, err := r.db.Journal.Coupons(r.Context(), op.ID)
	r.must(err)
	handles := map[string]bool{}
	for _, c := range list {
		handles[c.Handle] = true
	}
	if len(list) != want || len(handles) != want || handles[""] {
		r.Errorf("%d coupons with %d handles, want %d: %+v", len(list), len(handles), want, list)
	}
	return list
}

// douyinFates are fates, with an answer that breaks off.
var douyinFates = append(fates[:len(fates):len(fates)], []struct {
	name    string
	fault   dianpingtest.Fault
	applied bool
}{
	{"applied, half a body", dianpingtest.Fault{Kind: dianpingtest.HalfBody, Applied: true}, true},
	{"half a body", dianpingtest.Fault{Kind: dianpingtest.HalfBody}, false},
	{"a business error that says nothing", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "3000001"}, false},
	{"busy, applied", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "2100004", Applied: true}, true},
	{"of another coupon", dianpingtest.Fault{Kind: dianpingtest.OtherCode, Applied: true}, true},
	{"only one", dianpingtest.Fault{Kind: dianpingtest.RowRefusal, Answer: "2100004", Applied: true}, true},
}...)

// Whatever becomes of the answer to a verify, of one coupon, of two, and of two uses of a
// card, in every reading of the facts: as much is used as was asked for, nobody is told
// of a refusal, all is settled soon, and can be undone.
func TestDouyinLostConsume(t *testing.T) {
	everyDoubt(t, func(r *rig, all bool) {
		for i, fate := range douyinFates {
			if !all && i%6 != 1 {
				continue
			}
			r.clock.Advance(time.Minute)
			c := fmt.Sprint(100000000000 + 100*i)
			before := r.uses()
			count := 1 + i%2
			if i%3 == 0 {
				r.card(c, 5)
			} else {
				r.order(c, 3)
			}
			fault := fate.fault
			fault.Call = "consume"
			r.fail(fault)
			op := r.consume(c, count)
			op = r.settle(op)
			r.is(op, models.Done, "")
			if n := r.uses() - before; n != count {
				r.Errorf("%s: %d uses of %d", fate.name, n, count)
			}
			r.coupons(op, count)
			r.never(models.Rejected)
			r.is(r.settle(r.undo(op)), models.Undone, "")
			if n := r.uses() - before; n != 0 {
				r.Errorf("%s: %d uses stand after the undo", fate.name, n)
			}
		}
	})
}

// The same where a token lives for a moment only, in either reading of what becomes of
// it: what was used is found, and what was not is not used a second time.
func TestDouyinDeadToken(t *testing.T) {
	for _, dead := range []douyintest.Choice{douyintest.DeadTokenRefused, douyintest.DeadTokenForgotten} {
		for _, fate := range douyinFates {
			for _, card := range []bool{false, true} {
				t.Run(fmt.Sprint(dead, " ", fate.name, " ", card), func(t *testing.T) {
					atDouyin(t, func(r *rig) {
						r.must(r.douyin.SetKnobs(douyintest.Knobs{DeadToken: dead, VerifyTokenLife: time.Second}))
						if card {
							r.card(code, 5)
						} else {
							r.order(code, 3)
						}
						fault := fate.fault
						fault.Call = "consume"
						r.fail(fault)
						op := r.consume(code, 2)
						r.clock.Advance(2 * time.Second)
						r.during(soon)
						switch op = r.now(op); op.State {
						case models.Done:
							r.coupons(op, 2)
							if r.uses() != 2 {
								r.Errorf("%d uses, want 2", r.uses())
							}
						default:
							r.is(r.settleLost(op), models.Rejected, ReasonNotConsumed)
							if r.clock.Advance(time.Minute); r.uses() != 0 {
								r.Errorf("refused, with %d uses", r.uses())
							}
						}
						r.once()
					})
				})
			}
		}
	}
}

// Whatever becomes of the answer to an undo, in every reading: it is undone once, that
// use and no other, and nobody is told that it was not.
func TestDouyinLostUndo(t *testing.T) {
	everyDoubt(t, func(r *rig, all bool) {
		for i, fate := range fates {
			if !all && i%6 != 1 {
				continue
			}
			c := fmt.Sprint(100000000000 + 100*i)
			card := i%2 == 0
			if card {
				r.card(c, 5)
			} else {
				r.order(c, 3)
			}
			before := r.uses()
			op := r.consume(c, 2)
			if card {
				r.elsewhere(c, "till-3") // later: it stays
			}
			fault := fate.fault
			fault.Call = "reverseconsume"
			r.fail(fault)
			r.told = nil
			r.is(r.settle(r.undo(op)), models.Undone, "")
			r.never(models.Done)
			left := 0
			if card {
				left = 1
			}
			if n := r.uses() - before; n != left {
				r.Errorf("%s: %d uses stand, want %d", fate.name, n, left)
			}
		}
	})
}

// The answers to undos have lost the place that tells what they did, so that each is asked
// about: several coupons are undone by one step, and by one of the settling where the answer
// to the first was lost.
func TestDouyinUndoOfSeveralToldNothing(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("lost ", lost), func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.must(r.douyin.SetKnobs(douyintest.Knobs{Refusals: douyintest.RefusalSub, Absent: []string{"extra"}}))
				r.order(code, 3)
				op := r.settle(r.consume(code, 3))
				r.clock.Advance(time.Minute)
				if lost {
					r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume"})
				}
				if op = r.undo(op); lost {
					r.is(op, models.UndoUnknown, "")
					r.clock.Advance(r.core.Lease(1)) // the call can have no late effect
					r.pass()
					op = r.now(op)
				}
				r.is(op, models.Undone, "")
				r.once()
				if n := r.uses(); n != 0 {
					r.Errorf("%d uses stand", n)
				}
			})
		})
	}
}

// A proxy sends the verify twice: the answer is that to the second.
func TestDouyinRepeatedByProxy(t *testing.T) {
	for _, answer := range []string{"", "1208", "2100005", "1212", "1221", "1241", "1265", "45005117"} {
		t.Run("answer "+answer, func(t *testing.T) {
			everyDoubt(t, func(r *rig, _ bool) {
				r.order(code, 3)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Answer: answer})
				op := r.settle(r.consume(code, 2))
				r.is(op, models.Done, "")
				r.never(models.Rejected)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "reverseconsume"})
				r.is(r.settle(r.undo(op)), models.Undone, "")
				if r.uses() != 0 {
					r.Errorf("%d uses stand", r.uses())
				}
			})
		})
	}
}

// What is refused for good is told at once, and not used.
func TestDouyinRefused(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		op := r.settle(r.consume("109999999999", 1))
		r.is(op, models.Rejected, platform.NotFound)
		r.card(code, 3)
		op = r.consume(code, 4)
		r.is(op, models.Rejected, ReasonTooMany)
		if op.Left != 3 {
			r.Errorf("%d left", op.Left)
		}
		_, err := r.douyin.AddVoucher(douyintest.Voucher{Code: "100000000001", Shops: []string{"shop-b"}})
		r.must(err)
		r.is(r.consume("100000000001", 1), models.Rejected, platform.WrongShop)
		if r.uses() != 0 {
			r.Errorf("%d uses", r.uses())
		}
	})
}

// A code that was used is answered with who and when; what its order has left is used
// only where a person says so.
func TestDouyinSameCodeAgain(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		order := r.order(code, 3)
		op := r.consume(code, 1)
		r.is(op, models.Done, "")
		again := r.consume(code, 1)
		r.is(again, models.Rejected, ReasonHereMore)
		if again.OtherID != op.ID || again.UsedAt.IsZero() || again.Left != 2 {
			r.Errorf("%+v", again)
		}
		if r.uses() != 1 {
			r.Errorf("%d uses", r.uses())
		}
		r.is(r.consume(order[1], 2), models.Done, "")
		if r.uses() != 3 {
			r.Errorf("%d uses", r.uses())
		}
	})
}

// Somebody else uses what was asked for, while our answer is lost.
func TestDouyinUsedElsewhere(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, lost := range []bool{false, true} {
			c := fmt.Sprint(100000000000 + i)
			r.voucher(c)
			r.when("prepared", func() { r.elsewhere(c, "till-3") })
			if lost {
				r.lost("consume", false)
			}
			op := r.settle(r.consume(c, 1))
			r.is(op, models.Rejected, platform.AlreadyUsed)
			if op.UsedBy != "till-3" {
				r.Errorf("used by %q", op.UsedBy)
			}
			r.effects(c, 1, 0)
		}
		r.card("100000000009", 5) // two of its uses
		r.elsewhere("100000000009", "till-3")
		r.clock.Advance(time.Minute)
		r.when("prepared", func() { r.elsewhere("100000000009", "till-3") })
		r.lost("consume", false)
		op := r.settle(r.consume("100000000009", 2))
		r.is(op, models.Done, "")
		r.effects("100000000009", 4, 0)
		r.coupons(op, 2)
	})
}

// The first call takes effect only after the settling has asked and sent it again, and
// that is refused; so with an undo.
func TestDouyinEffectAfterTheRepeat(t *testing.T) {
	for _, answer := range []string{"1208", "2100005", "1221", "1250", "2190004", "3000001"} {
		t.Run(answer, func(t *testing.T) {
			everyDoubt(t, func(r *rig, _ bool) {
				r.order(code, 3)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: 3 * time.Second})
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "consume"})
				op := r.settle(r.consume(code, 2))
				r.is(op, models.Done, "")
				r.never(models.Rejected)
				r.coupons(op, 2)

				r.told = nil
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume", After: r.core.quietAfter() + time.Second})
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "reverseconsume"})
				r.is(r.settle(r.undo(op)), models.Undone, "")
				r.never(models.Done)
				if r.uses() != 0 {
					r.Errorf("%d uses stand", r.uses())
				}
			})
		})
	}
}

// An odd answer to a question ends nothing, nor does it lead to another call.
func TestDouyinOddAnswers(t *testing.T) {
	for _, answer := range []string{"3100101", "1212", "1208", "2100001", "2190004", "999999"} {
		t.Run(answer, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.card(code, 5)
				r.lost("consume", true)
				op := r.consume(code, 2)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "getconsumed", Times: -1})
				r.during(20 * time.Second)
				r.is(r.now(op), models.Unknown, r.now(op).Outcome.Reason)
				if n := r.calls("consume") + r.calls("prepare"); n != 2 {
					r.Errorf("%d calls", n)
				}
				r.douyin.ClearFaults()
				r.is(r.settle(op), models.Done, "")
				r.effects(code, 2, 0)
				r.never(models.Rejected)
			})
		})
	}
}

// A part of what was asked for is used: that is told, and can be undone.
func TestDouyinPartly(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, card := range []bool{true, false} {
			c := fmt.Sprint(100000000000 + 100*i)
			if card {
				r.card(c, 5)
			} else {
				r.order(c, 3)
			}
			r.fail(dianpingtest.Fault{Kind: dianpingtest.Partly, Call: "consume"})
			op := r.settle(r.consume(c, 2))
			r.is(op, models.Done, ReasonPartly)
			r.coupons(op, 1)
			r.is(r.settle(r.undo(op)), models.Undone, "")
		}
		if r.uses() != 0 {
			r.Errorf("%d uses stand", r.uses())
		}
	})
}

// The platform tells the order's code for each of its coupons: each is kept, summed up and
// undone, also where the answer was lost.
func TestDouyinCodeOfTheOrder(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("lost ", lost), func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				r.must(r.douyin.SetKnobs(douyintest.Knobs{OriginCode: douyintest.OriginCodeOrder}))
				codes := r.order(code, 3)
				if lost {
					r.lost("consume", true)
				}
				op := r.settle(r.consume(codes[1], 3))
				r.is(op, models.Done, "")
				r.coupons(op, 3)
				now := r.clock.Now()
				sums, err := r.db.Figures.Sum(r.Context(), []int64{1}, models.Span{From: now.Add(-time.Hour), To: now.Add(time.Hour)})
				r.must(err)
				if all := sums.All(); all.Verified.Count != 3 || all.Verified.Fen != 3*4990 {
					r.Errorf("the sums have %+v", all)
				}
				r.is(r.settle(r.undo(op)), models.Undone, "")
				if r.uses() != 0 {
					r.Errorf("%d uses stand", r.uses())
				}
			})
		})
	}
}

// A doubt that a person has closed as consumed has no ids to undo it by: nothing is
// undone, nothing is sent, and it is not offered again.
func TestDouyinUndoWithoutIDs(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.voucher(code)
		r.lost("consume", true)
		op := r.consume(code, 1)
		r.pause()
		r.during(4 * time.Minute)
		op = r.commit(r.core.Close(r.Context(), r.now(op), true, "王五"))
		r.resume()
		op = r.undo(op)
		r.is(op, models.Done, platform.NoHandle)
		if v := CanUndo(op, r.clock.Now()); v != Closed {
			r.Errorf("it is %s", v)
		}
		if _, err := r.db.Journal.LastUndoable(r.Context(), []int64{1}, "zhangsan", r.clock.Now()); !errors.Is(err, models.ErrNotFound) {
			r.Errorf("it is offered: %v", err)
		}
		if n := r.calls("reverseconsume"); n != 0 || r.uses() != 1 {
			r.Errorf("%d undos, %d uses", n, r.uses())
		}
	})
}

// A coupon that cannot be used by anybody any more ends a doubt, once it is certain.
func TestDouyinLostConsumeOfDeadCode(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		r.voucher(code)
		r.lost("consume", false)
		op := r.consume(code, 1)
		r.refunding(code)
		op = r.settle(op)
		r.is(op, models.Rejected, "refunding")
		if quiet := r.core.quietAfter(); r.clock.Now().Sub(op.CalledAt) < quiet {
			r.Errorf("ended before %s were over", quiet)
		}
	})
}

// Two of us take two codes of one order at once. The platform does not say whose coupon
// is whose, so both ask for the first: one has it, and the other is told so.
func TestDouyinRace(t *testing.T) {
	for _, fate := range []string{"", "applied", "not applied"} {
		t.Run("lost "+fate, func(t *testing.T) {
			everyDoubt(t, func(r *rig, all bool) {
				order := r.order(code, 2)
				first := r.request(code, 1, "")
				var other models.Operation
				r.when("prepared", func() {
					if fate != "" {
						r.lost("consume", fate == "applied")
					}
					other = r.consume(order[1], 1)
				})
				op := r.commit(r.core.Consume(r.Context(), first))
				r.during(soon)
				done, doubts := 0, 0
				for _, op := range []models.Operation{r.now(op), r.now(other)} {
					if op.State == models.Done {
						done++
						r.coupons(op, 1)
					} else if op.State == models.Unknown {
						doubts++
					}
				}
				if n := r.uses(); n != 1 || done+doubts == 0 || done > 1 || all && doubts > 0 {
					r.Errorf("%d uses, %d done, %d in doubt", n, done, doubts)
				}
			})
		})
	}
}

// Every process was down; a repeat is sent no more, and the order decides.
func TestDouyinAfterPeopleWereTold(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, applied := range []bool{true, false} {
			c := fmt.Sprint(100000000000 + 100*i)
			r.card(c, 5)
			r.lost("consume", applied)
			op := r.consume(c, 2)
			sent := r.calls("consume")
			r.clock.Advance(HumanAfter)
			if applied {
				r.is(r.settle(op), models.Done, "")
				r.effects(c, 2, 0)
			} else {
				r.is(r.settleLost(op), models.Rejected, ReasonNotConsumed)
				r.effects(c, 0, 0)
			}
			if n := r.calls("consume"); n != sent {
				r.Errorf("%d verifies after people were told", n-sent)
			}
		}
	})
}

// What an operation needs to go on is in the journal: a process that died before its call
// left the key, and no second one is asked for.
func TestDouyinLeftByADeadProcess(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		for i, sent := range []bool{true, false} {
			c := fmt.Sprint(100000000000 + 100*i)
			r.order(c, 2)
			q := r.request(c, 1, "")
			if !sent {
				r.must(r.douyin.Fail(douyintest.Fault{Kind: douyintest.HangThenDrop, Call: "verify"}))
			}
			_, err := r.core.Consume(r.Context(), q) // and the step is never committed
			r.must(err)
			looks := r.calls("prepare")
			r.clock.Advance(r.core.Lease(1))
			for _, op := range must(r.db.Journal.OfMessage(r.Context(), q.Asked.ID)) {
				r.is(r.settle(op), models.Done, "")
				r.coupons(op, 1)
			}
			if n := r.calls("prepare"); n != looks {
				r.Errorf("%d prepares while in doubt", n-looks)
			}
		}
		if r.uses() != 2 {
			r.Errorf("%d uses, want 2", r.uses())
		}
	})
}

// The platform ends the window early, and says so.
func TestDouyinUndoTooLate(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		r.card(code, 5)
		op := r.consume(code, 2)
		if got := op.UndoUntil.Sub(op.ConsumedAt); got != time.Hour {
			r.Errorf("can be undone for %s", got)
		}
		r.clock.Advance(2 * time.Minute)
		r.must(r.douyin.CloseUndo(code))
		op = r.undo(op)
		r.is(op, models.Done, ReasonUndoLate)
		if v := CanUndo(op, r.clock.Now()); v != Closed {
			r.Errorf("it is %s", v)
		}
		r.effects(code, 2, 0)
	})
}

// A use of a card is undone by its own name, with a later one standing; what else the card
// has is not touched.
func TestDouyinUndoUnderALaterVisit(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		r.card(code, 10)
		op := r.consume(code, 2)
		ours := r.coupons(op, 2)
		r.clock.Advance(time.Minute)
		r.elsewhere(code, "till-3")
		next := r.follow(op)
		asked := r.calls("getconsumed")
		r.is(r.undo(next), models.Undone, "")
		if n := r.calls("getconsumed"); n != asked {
			r.Errorf("asked %d times whose the last use is", n-asked)
		}
		r.effects(code, 5, 2)
		v, _ := r.douyin.Voucher(code)
		if len(v.Uses) != 3 || ours[0].Handle != v.Uses[0].VerifyID+"/"+v.CertificateID {
			r.Errorf("%d uses stand, and the first is %+v", len(v.Uses), v.Uses)
		}
		if op = r.consume(code, 8); op.Left != 7 {
			r.Errorf("%d left, want 7", op.Left)
		}
	})
}

// Nothing of what stands for the coupons is
// kept once it is known what became of them.
func TestDouyinTicketIsForgotten(t *testing.T) {
	t.Parallel()
	test := func(r *rig) {
		r.voucher(code)
		r.lost("consume", true)
		op := r.consume(code, 1)
		if op.Ticket == "" || must(r.db.Journal.Ticket(op)) == op.Ticket {
			r.Errorf("kept as %q", op.Ticket)
		}
		if op = r.settle(op); op.Ticket != "" {
			r.Errorf("still kept: %q", op.Ticket)
		}
		r.is(r.undo(op), models.Undone, "")
		r.card("100000000001", 5)
		r.lost("consume", false)
		r.is(r.settle(r.consume("100000000001", 2)), models.Done, "")
		r.effects("100000000001", 2, 0)
	}
	in(t, test, place{platform.DouyinName, models.SQLite}, place{platform.DouyinName, models.MySQL})
}

// The platform leaves a field out, or null. What was used is never told as refused, and
// nothing is used twice; where the field says what was used, it is left to people.
func TestDouyinFieldsLeftOut(t *testing.T) {
	t.Parallel()
	left := map[string]bool{"verify_records": true, "verify_id": true, "certificate_id": true}
	for _, field := range []string{
		"origin_code", "order_id", "verify", "verify_records", "can_cancel", "verify_type", "poi_id", "verifier_unique_id",
		"times_card_serial_num", "status", "amount", "sku", "verify_amount_info", "verify_time", "description", "expire_time", "verify_id", "certificate_id", "extra",
	} {
		for _, null := range breadth.Of(t.Name()+field, false, true) {
			t.Run(fmt.Sprint(field, " null ", null), func(t *testing.T) {
				on(t, platform.DouyinName, func(r *rig) {
					k := douyintest.Knobs{Absent: []string{field}}
					if null {
						k = douyintest.Knobs{Null: []string{field}}
					}
					r.must(r.douyin.SetKnobs(k))
					for i, fate := range fates {
						c, count := fmt.Sprint(100000000000+100*i), 1+i%2
						if i%3 == 0 {
							r.card(c, 5)
						} else {
							r.order(c, 3)
						}
						before := r.uses()
						fault := fate.fault
						fault.Call = "consume"
						r.fail(fault)
						op := r.consume(c, count)
						r.during(soon)
						op, n := r.now(op), r.uses()-before
						if op.State == models.Done && n != count || op.State == models.Rejected && n > 0 || n > count {
							r.Errorf("%s: %s (%s), %d uses of %d", fate.name, op.State, op.Outcome.Reason, n, count)
						}
						if op.State == models.Unknown && !left[field] {
							r.Errorf("%s: in doubt for %v, %d uses of %d", fate.name, op.Outcome, n, count)
						}
						r.douyin.ClearFaults()
					}
					r.once()
				})
			})
		}
	}
}

// A card that does not tell the price of a use costs its share for each, and the journal
// says that it is one.
func TestDouyinShare(t *testing.T) {
	for _, told := range []bool{true, false} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint("told ", told, " lost ", lost), func(t *testing.T) {
				atDouyin(t, func(r *rig) {
					if !told {
						r.must(r.douyin.SetKnobs(douyintest.Knobs{Absent: []string{"serial_amount_list", "verify_amount_info"}}))
					}
					r.card(code, 10)
					if lost {
						r.lost("consume", true)
					}
					op := r.settle(r.consume(code, 2))
					for _, c := range r.coupons(op, 2) {
						if c.PriceFen != 4990 || c.PriceUnknown || c.PriceShare == told {
							r.Errorf("%d, unknown %v, a share %v", c.PriceFen, c.PriceUnknown, c.PriceShare)
						}
					}
					if op.PriceShare == told {
						r.Errorf("the operation: a share %v", op.PriceShare)
					}
				})
			})
		}
	}
}

// A look tells the last use of a 次卡 alone, which is another system's: after a verify that
// was lost without effect it is not taken for ours, and no undo takes it back.
func TestDouyinCardTellsTheLastUseAlone(t *testing.T) {
	for _, absent := range [][]string{{"verify_records"}, {"verify_records", "verify_type"}, nil} {
		for name, before := range map[string]douyintest.Use{
			"by an interface": {Shop: "shop-a", Type: 4, Verifier: "开放平台API"}, "at the till": {Shop: "shop-a", Type: 2, Verifier: "till-3"},
		} {
			t.Run(fmt.Sprint(absent, name), func(t *testing.T) {
				atDouyin(t, func(r *rig) {
					r.must(r.douyin.SetKnobs(douyintest.Knobs{Absent: absent}))
					r.card(code, 10)
					r.must(r.douyin.UseElsewhere(code, before))
					theirs, _ := r.douyin.Voucher(code)
					r.clock.Advance(5 * time.Minute)
					r.lost("consume", false)
					op := r.settle(r.consume(code, 1))
					r.is(op, models.Done, "")
					r.effects(code, 2, 0)
					r.is(r.undo(op), models.Undone, "")
					if v, _ := r.douyin.Voucher(code); len(v.Uses) != 1 || v.Uses[0].VerifyID != theirs.Uses[0].VerifyID {
						r.Errorf("these uses stand: %+v", v.Uses)
					}
				})
			})
		}
	}
}
