package redeem

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// fates are what becomes of a call whose answer is lost, or is none.
var fates = []struct {
	name    string
	fault   dianpingtest.Fault
	applied bool
}{
	{"applied, then silence", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, true},
	{"applied, then cut", dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop}, true},
	{"applied, then 502", dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Applied: true}, true},
	{"applied, HTML", dianpingtest.Fault{Kind: dianpingtest.HTML, Applied: true}, true},
	{"applied, then 403 from a proxy", dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 403, Applied: true}, true},
	{"applied, then 429 from a proxy", dianpingtest.Fault{Kind: dianpingtest.ProxyStatus, Status: 429, Applied: true}, true},
	{"applied, and a code that nobody knows", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999", Applied: true}, true},
	{"applied late", dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, After: 1500 * time.Millisecond}, true},
	{"cut, not applied", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, false},
	{"500, not applied", dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 500}, false},
	{"HTML, not applied", dianpingtest.Fault{Kind: dianpingtest.HTML}, false},
	{"a success that tells nothing", dianpingtest.Fault{Kind: dianpingtest.AnswerBody, Answer: `{"code":0,"msg":"maintenance"}`}, false},
	{"a code that nobody knows", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999"}, false},
}

// Whatever becomes of the answer, and in whichever form the platform says that it
// has no record and answers a repeat: one coupon is consumed, nobody is told of a
// refusal, and all is settled soon.
func TestLostConsume(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				for i, none := range dianpingtest.NoRecords {
					for j, repeat := range dianpingtest.RepeatAnswers {
						c := fmt.Sprint(7000000000 + 10*i + j)
						r.knobs(dianpingtest.Knobs{NoRecord: none, RepeatAnswer: repeat})
						r.voucher(c)
						fault := fate.fault
						fault.Call = "consume"
						r.fail(fault)
						op := r.consume(c, 1)
						r.is(op, models.Unknown, op.Outcome.Reason)
						r.is(r.settle(op), models.Done, "")
						r.effects(c, 1, 0)
					}
				}
				r.never(models.Rejected)
			})
		})
	}
}

// However the platform tells who and when, what was consumed is never refused; and
// where it tells who asked, or answers a repeat with the first answer, it is found.
func TestLostConsumeByRecord(t *testing.T) {
	everywhere(t, func(r *rig) {
		n := 7000000000
		for _, when := range dianpingtest.VerifyTimes {
			for _, who := range dianpingtest.VerifyAccounts {
				for _, repeat := range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
					n++
					r.knobs(dianpingtest.Knobs{VerifyTime: when, VerifyAccount: who, RepeatAnswer: repeat})
					r.voucher(fmt.Sprint(n))
					r.lost("consume", true)
					op := r.consume(fmt.Sprint(n), 1)
					if told := who == dianpingtest.VerifyAccountLogin || who == dianpingtest.VerifyAccountName; told || repeat == dianpingtest.SameAnswer {
						r.is(r.settle(op), models.Done, "")
					} else {
						r.during(time.Minute)
						r.is(r.now(op), models.Unknown, r.now(op).Outcome.Reason)
					}
					r.effects(op.Code, 1, 0)
				}
			}
		}
		r.never(models.Rejected)
	})
}

// A success that tells of another code, or whose row says otherwise, is settled;
// one that has lost the leading zeros is a success.
func TestOddSuccess(t *testing.T) {
	everywhere(t, func(r *rig) {
		for i, f := range []dianpingtest.Fault{
			{Kind: dianpingtest.OtherCode, Answer: "7999999999", Applied: true},
			{Kind: dianpingtest.OtherCode, Answer: "7999999999"},
			{Kind: dianpingtest.RowRefusal, Answer: "1008", Applied: true},
			{Kind: dianpingtest.RowRefusal, Answer: "1999"},
			{Kind: dianpingtest.OtherCode, Applied: true},
		} {
			c := fmt.Sprintf("00%d", 70000000+i)
			r.voucher(c)
			f.Call = "consume"
			r.fail(f)
			op := r.settle(r.consume(c, 1))
			r.is(op, models.Done, "")
			coupons, err := r.db.Journal.Coupons(r.Context(), op.ID)
			r.must(err)
			if len(coupons) != 1 || coupons[0].Code != c {
				r.Errorf("kept %+v", coupons)
			}
			r.effects(c, 1, 0)
		}
		r.never(models.Rejected)
	})
}

// Every process was down for hours: what was meant to be consumed then is not
// consumed now.
func TestLeftForHours(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.lost("consume", false)
		op := r.consume(code, 1)
		r.clock.Advance(10 * time.Hour)
		r.is(r.settleLost(op), models.Rejected, ReasonNotConsumed)
		r.effects(code, 0, 0)

		r.voucher("7000000001")
		op = r.consume("7000000001", 1)
		r.lost("reverseconsume", false)
		op = r.undo(op)
		r.clock.Advance(5 * time.Minute)
		r.is(r.settle(op), models.Done, ReasonNotUndone)
		r.effects("7000000001", 1, 0)
	})
}

// The same for several coupons of one order: never one more than was asked for,
// also where the platform has forgotten the request.
func TestLostConsumeOfSeveral(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			for _, life := range []time.Duration{0, time.Nanosecond} {
				t.Run(life.String(), func(t *testing.T) {
					everywhere(t, func(r *rig) {
						for i, repeat := range dianpingtest.RepeatAnswers {
							r.clock.Advance(10 * time.Minute)
							r.knobs(dianpingtest.Knobs{RepeatAnswer: repeat, RequestLife: life})
							order := r.order(fmt.Sprint(7000000000+100*i), 4)
							fault := fate.fault
							fault.Call = "consume"
							r.fail(fault)
							op := r.settle(r.consume(order[0], 2))
							r.is(op, models.Done, "")
							consumed := 0
							for _, v := range order {
								consumed += r.platform.Effects(v).Consumed
							}
							coupons, err := r.db.Journal.Coupons(r.Context(), op.ID)
							r.must(err)
							if consumed != 2 || len(coupons) != 2 {
								r.Errorf("%s: %d coupons consumed, %d known, want 2", repeat, consumed, len(coupons))
							}
						}
					})
				})
			}
		})
	}
}

// The first call takes effect only after the settling has asked and sent it again,
// and the platform refuses that.
func TestEffectAfterTheRepeat(t *testing.T) {
	for _, answer := range []string{"1002", "1003", "1007", "1006", "1010", "611"} {
		t.Run(answer, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.voucher(code)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", After: 3 * time.Second})
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "consume"})
				op := r.settle(r.consume(code, 1))
				r.is(op, models.Done, "")
				r.effects(code, 1, 0)
				r.never(models.Rejected)
			})
		})
	}
}

// A proxy sends the consume twice: the answer is that to the second. Who asked is
// told of their own success at once, and can undo it.
func TestConsumeRepeatedByProxy(t *testing.T) {
	for _, answer := range []string{"", "1008", "1013", "1017", "1002", "1003", "1006", "1007"} {
		t.Run("answer "+answer, func(t *testing.T) {
			everyDatabase(t, func(r *rig) {
				r.voucher(code)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Answer: answer})
				op := r.consume(code, 1)
				r.is(op, models.Done, "")
				r.is(r.undo(op), models.Undone, "")
				r.effects(code, 1, 1)
			})
		})
	}
}

// Somebody at the counter was quicker than our consume.
func TestQuickerElsewhere(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.when("prepared", func() { r.elsewhere(code, "till-3") })
		op := r.consume(code, 1)
		r.is(op, models.Rejected, "already_used")
		if op.UsedBy != "till-3" || op.UsedAt.IsZero() {
			r.Errorf("used by %q at %s", op.UsedBy, op.UsedAt)
		}
		r.effects(code, 1, 0)
	})
}

// So was a colleague through another interface, and our answer was lost.
func TestQuickerColleague(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher("7000000001")
		r.when("prepared", func() { r.must(r.platform.ConsumeElsewhere("7000000001", "lisi", "15")) })
		r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"})
		op := r.settle(r.consume("7000000001", 1))
		r.is(op, models.Rejected, "already_used")
		if op.UsedBy != "李四" {
			r.Errorf("used by %q", op.UsedBy)
		}
	})
}

// A colleague was quicker with several coupons of the order, and was told this one: the record
// is of that call, also without a time.
func TestQuickerColleagueUntimed(t *testing.T) {
	everywhere(t, func(r *rig) {
		n := 7000000000
		for _, when := range dianpingtest.VerifyTimes {
			for _, who := range dianpingtest.VerifyAccounts {
				n += 100
				r.knobs(dianpingtest.Knobs{VerifyTime: when, VerifyAccount: who})
				codes := r.order(fmt.Sprint(n), 3)
				var quicker models.Operation
				r.when("prepared", func() { quicker = r.consume(codes[1], 3) })
				op := r.settle(r.consume(codes[0], 1))
				r.is(op, models.Rejected, "already_used")
				if op.OtherID != quicker.ID {
					r.Errorf("%s, %s: used by %q", when, who, op.OtherID)
				}
				r.tells(quicker, 3, "")
			}
		}
	})
}

// A consume that can never be ends as refused, once it is certain: a record and a
// look say so after a pause.
func TestLostConsumeOfDeadCode(t *testing.T) {
	for _, none := range dianpingtest.NoRecords {
		t.Run(string(none), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(dianpingtest.Knobs{NoRecord: none})
				r.voucher(code)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"})
				op := r.consume(code, 1)
				r.refunding(code)
				op = r.settle(op)
				r.is(op, models.Rejected, "refunding")
				if quiet := r.core.quietAfter(); r.clock.Now().Sub(op.CalledAt) < quiet {
					r.Errorf("ended before %s were over", quiet)
				}
				r.effects(code, 0, 0)
			})
		})
	}
}

// After an outage the platform's first answers are odd: they end nothing.
func TestOddAnswersAfterOutage(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, 4 * time.Minute} {
		for _, answer := range []string{"611", "1999", "1001", "645", "1012", "1009", "1002"} {
			t.Run(fmt.Sprint(away, " ", answer), func(t *testing.T) {
				everywhere(t, func(r *rig) {
					r.voucher(code)
					r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
					op := r.consume(code, 1)
					r.pause()
					r.during(away)
					r.resume()
					r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Call: "getconsumed"})
					r.is(r.settle(op), models.Done, "")
					r.effects(code, 1, 0)
					r.never(models.Rejected)
				})
			})
		}
	}
}

// A refund of what was consumed makes the code void; without a record that says that
// it was not consumed, that ends nothing.
func TestVoidIsNotEnough(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.voucher(code)
		r.lost("consume", true)
		op := r.consume(code, 1)
		r.refunding(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999", Call: "getconsumed", Times: 2})
		r.clock.Advance(r.core.quietAfter())
		r.is(r.settle(op), models.Done, "")
		r.never(models.Rejected)
	})
}

// People were told: nothing is consumed any more. What the platform says for
// certain is still taken.
func TestAfterPeopleWereTold(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			everyPlatformAndDatabase(t, func(r *rig) {
				r.voucher(code)
				kind := dianpingtest.HangThenDrop
				if applied {
					kind = dianpingtest.ApplyThenDrop
				}
				r.fail(dianpingtest.Fault{Kind: kind, Call: "consume"})
				op := r.consume(code, 1)
				r.pause()
				r.during(4 * time.Minute)
				op, err := r.db.Journal.Get(r.Context(), op.ID)
				r.must(err)
				if !op.NeedsHuman {
					r.Error("nobody was told after four minutes")
				}
				sent := r.calls("consume")
				r.resume()
				if applied {
					r.is(r.settle(op), models.Done, "")
				} else {
					r.is(r.settleLost(op), models.Rejected, ReasonNotConsumed)
				}
				if n := r.calls("consume"); n != sent {
					r.Errorf("%d consumes after people were told", n-sent)
				}
			})
		})
	}
}

// A record of an unknown account could be ours: it is left to people.
func TestUnclearRecord(t *testing.T) {
	everyDatabase(t, func(r *rig) {
		r.knobs(dianpingtest.Knobs{VerifyAccount: dianpingtest.VerifyAccountMerchant, RepeatAnswer: dianpingtest.AlreadyUsed})
		r.voucher(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
		op := r.consume(code, 1)
		r.during(5 * time.Minute)
		op, err := r.db.Journal.Get(r.Context(), op.ID)
		r.must(err)
		r.is(op, models.Unknown, ReasonUnclear)
		if !op.NeedsHuman {
			r.Error("nobody was told")
		}
		early := r.calls("getconsumed")
		r.during(2 * time.Hour)
		if n := r.calls("getconsumed") - early; n > 90 { // 20·ln(125/5), and the pauses are up to a quarter shorter
			r.Errorf("asked %d times in two hours", n)
		}
		_, _, calls, _, err := r.db.History.Story(r.Context(), code)
		r.must(err)
		for _, c := range calls {
			if c.Class != "" && c.Times > 1 && c.LastAt.IsZero() {
				r.Errorf("%+v", c)
			}
		}
		op, err = r.db.Journal.Get(r.Context(), op.ID)
		r.must(err)
		op = r.commit(r.core.Close(r.Context(), op, true, "王五"))
		r.is(op, models.Done, ReasonClosedUsed)
		if op.Outcome.Message != "王五" || CanUndo(op, r.clock.Now()) != TooLate {
			r.Errorf("%+v", op)
		}
		r.effects(code, 1, 0)
		if _, err := r.core.Close(r.Context(), op, true, "王五"); !errors.Is(err, ErrNotInDoubt) {
			r.Error(err)
		}
	})
}

// A person ends a doubt: not consumed. The code is free again.
func TestCloseUnconsumed(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"})
		op := r.consume(code, 1)
		if _, err := r.core.Close(r.Context(), op, false, "王五"); !errors.Is(err, ErrNotInDoubt) {
			r.Errorf("closed before people were told: %v", err)
		}
		r.pause()
		r.during(4 * time.Minute)
		op, err := r.db.Journal.Get(r.Context(), op.ID)
		r.must(err)
		r.is(r.commit(r.core.Close(r.Context(), op, false, "王五")), models.Rejected, ReasonClosedUnused)
		r.resume()
		r.is(r.consume(code, 1), models.Done, "")
		r.effects(code, 1, 0)
	})
}

// The order has less left than is asked for: it says how many.
func TestTooMany(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		order := r.order(code, 3)
		op := r.consume(code, 4)
		r.is(op, models.Rejected, ReasonTooMany)
		if op.Left != 3 {
			r.Errorf("%d left, want 3", op.Left)
		}
		r.when("prepared", func() { // one is gone in between, and the answer is lost
			r.elsewhere(order[2], "till-3")
		})
		op = r.settle(r.consume(code, 3))
		r.is(op, models.Rejected, ReasonTooMany)
		if op.Left != 2 {
			r.Errorf("%d left, want 2", op.Left)
		}
		r.effects(code, 0, 0)
	})
}

// A worker whose message was taken over, or answered, makes no call; nor does one
// that was held up for longer than its lease.
func TestOvertakenBeforeTheCall(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		r.voucher(code)
		q := r.request(code, 1, "")
		r.when("prepared", func() {
			r.clock.Advance(2 * time.Minute)
			row, err := r.db.Inbox.Claim(r.Context(), q.Asked, r.clock.Now().Add(time.Minute))
			r.must(err)
			_, err = r.db.Inbox.Answer(r.Context(), row, []byte("没有处理"), true)
			r.must(err)
		})
		if _, err := r.core.Consume(r.Context(), q); !errors.Is(err, models.ErrStale) {
			r.Errorf("consumed for a message that is answered: %v", err)
		}
		r.effects(code, 0, 0)

		op := r.consume(code, 1)
		u := UndoRequest{Asked: r.asked(), Op: op, UserID: "zhangsan", User: "张三"}
		_, err := r.db.Inbox.Answer(r.Context(), u.Asked, []byte("没有处理"), true)
		r.must(err)
		if _, err := r.core.Undo(r.Context(), u); !errors.Is(err, models.ErrStale) || errors.Is(err, ErrMoved) {
			r.Errorf("undone for a message that is answered: %v", err)
		}
		r.is(r.undo(op), models.Undone, "")
		u.Asked = r.asked()
		if _, err := r.core.Undo(r.Context(), u); !errors.Is(err, ErrMoved) {
			r.Errorf("undone as it was: %v", err)
		}
		r.effects(code, 1, 1)
	})
}

// A settling that is held up for longer than its lease loses the operation, and
// does not send.
func TestOvertakenWhileSettling(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		r.voucher(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"})
		op := r.consume(code, 1)
		r.when("recorded", func() {
			r.clock.Advance(time.Minute)
			held, err := r.db.Journal.Get(r.Context(), op.ID)
			r.must(err)
			_, err = r.db.Journal.Claim(r.Context(), held, r.clock.Now().Add(time.Minute))
			r.must(err)
		})
		if _, err := r.core.Settle(r.Context(), op); !errors.Is(err, models.ErrStale) {
			r.Errorf("settled by who lost it: %v", err)
		}
		r.effects(code, 0, 0)
		r.clock.Advance(time.Minute)
		r.is(r.settle(op), models.Done, "")
		r.effects(code, 1, 0)
	})
}

// What a process left that died before or after its call is settled.
func TestLeftByADeadProcess(t *testing.T) {
	for _, sent := range []bool{true, false} {
		t.Run(fmt.Sprint("sent ", sent), func(t *testing.T) {
			everyDatabase(t, func(r *rig) {
				r.voucher(code)
				q := r.request(code, 1, "")
				step, err := r.core.Consume(r.Context(), q) // and the step is never committed
				r.must(err)
				_ = step
				if !sent {
					r.voucher("7000000001")
					now := r.clock.Now()
					_, err := r.db.Journal.Begin(r.Context(), models.Operation{ID: "op", StoreID: 1, Code: "7000000001", Count: 1, Seq: 1, UserID: "zhangsan", User: "张三", CalledAt: now, SentAt: now, DueAt: now.Add(r.core.Lease(1))}, q.Asked)
					r.must(err)
				}
				r.clock.Advance(r.core.Lease(1))
				for _, op := range must(r.db.Journal.OfMessage(r.Context(), q.Asked.ID)) {
					r.is(r.settle(op), models.Done, "")
					r.effects(op.Code, 1, 0)
				}
			})
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Where an account's platform does not answer, one probe is enough.
func TestSilent(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
		op := r.consume(code, 1)
		silent := func(account int64, want bool, when string) {
			r.Helper()
			if r.core.Silent(account) != want {
				r.Errorf("account %d: silent is %t %s", account, !want, when)
			}
		}
		silent(1, false, "after one lost answer")
		r.pause()
		r.during(10 * time.Second)
		silent(1, true, "while the platform hangs")
		silent(2, false, "while that of another hangs")
		r.resume()
		r.settle(op)
		silent(1, false, "once the platform answers")
	})
}

// A store that is connected to no platform is refused; what it has in doubt waits.
func TestNotConnected(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.voucher(code)
		open := r.core.Shops.(*shops)
		open.gone = true
		r.is(r.consume(code, 1), models.Rejected, ReasonNoPlatform)
		open.gone = false
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
		op := r.consume(code, 1)
		open.gone = true
		r.during(time.Minute)
		open.gone = false
		r.is(r.settle(op), models.Done, "")
	})
}

// A proxy sends a call twice, and the platform takes the second for one too many: what the
// first did is told.
func TestThrottledRepeatByProxy(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		c, answer := "104930181552", "OP_LIMITATION_REJECT"
		if r.douyin != nil {
			answer = "2119003"
		}
		r.voucher(c)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume", Answer: answer})
		op := r.settle(r.consume(c, 1))
		r.is(op, models.Done, "")
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "reverseconsume", Answer: answer})
		r.clock.Advance(time.Minute)
		r.is(r.settle(r.undo(op)), models.Undone, "")
		r.effects(c, 1, 1)
		r.never(models.Rejected)
	})
}
