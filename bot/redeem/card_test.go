package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// cards runs a test with every reading of the records of a 次卡.
func cards(t *testing.T, test func(r *rig, k dianpingtest.Knobs)) {
	t.Helper()
	for _, shown := range dianpingtest.VisitRecords {
		t.Run(string(shown), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				k := dianpingtest.Knobs{VisitRecord: shown}
				r.knobs(k)
				test(r, k)
			})
		})
	}
}

// lost makes the next call of a kind lose its answer.
func (r *rig) lost(call string, applied bool) {
	r.Helper()
	kind := dianpingtest.HangThenDrop
	if applied {
		kind = dianpingtest.ApplyThenDrop
	}
	r.fail(dianpingtest.Fault{Kind: kind, Call: call})
}

// A visit is in doubt, and others stand: by us before, within two minutes or long
// ago; at the till in between, before or after our call. The visit is counted once.
func TestLostVisit(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, gap := range []time.Duration{0, 20 * time.Second, 5 * time.Minute, 26 * time.Hour} {
			t.Run(fmt.Sprint(applied, gap), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					n := 7000000000
					for _, till := range []string{"", "before", "after"} {
						for _, k.RepeatAnswer = range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
							n++
							r.knobs(k)
							r.lostVisit(fmt.Sprint(n), applied, gap, till)
						}
					}
					r.never(models.Rejected)
				})
			})
		}
	}
}

func (r *rig) lostVisit(code string, applied bool, gap time.Duration, till string) {
	r.Helper()
	r.card(code, 10)
	visits := 1
	op := models.Operation{}
	if gap > 0 {
		op = r.consume(code, 1)
		visits++
		r.clock.Advance(gap)
	}
	atTill := func() {
		visits++
		r.elsewhere(code, "till-3")
		r.clock.Advance(2 * time.Second)
	}
	if till == "before" {
		r.when("prepared", atTill)
	}
	r.lost("consume", applied)
	if gap > 0 {
		op = r.follow(op)
	} else {
		op = r.consume(code, 1)
	}
	if till == "after" {
		r.clock.Advance(2 * time.Second)
		atTill()
	}
	r.is(r.settle(op), models.Done, "")
	r.effects(code, visits, 0)
}

// A visit is lost without effect, and the platform is away until people are told, or the
// code is verified at another account meanwhile. Nothing is sent again, and what the
// platform's books show ends it as it ends an ordinary coupon.
func TestLostVisitThatIsNotSentAgain(t *testing.T) {
	for _, kind := range []string{"one", "two", "again"} {
		for _, why := range []string{"late", "rival"} {
			t.Run(kind+" "+why, func(t *testing.T) {
				cards(t, func(r *rig, _ dianpingtest.Knobs) {
					visits := r.cardBefore(kind == "again")
					r.lost("consume", false)
					op := r.lostOf(kind)
					reason := ReasonNotConsumed
					if why == "late" {
						r.awayUntilLate()
					} else {
						_, err := r.db.Journal.FinishConsume(r.Context(), r.beside(code), nil)
						r.must(err)
						reason = ReasonHere
					}
					r.is(r.settle(op), models.Rejected, reason)
					r.effects(code, visits, 0)
					if n := r.calls("consume"); n != visits+1 {
						r.Errorf("sent %d times", n)
					}
				})
			})
		}
	}
}

// cardBefore sells a card, with or without a visit that stands; lostOf asks for a visit of
// it, two, or one more.
func (r *rig) cardBefore(visited bool) (visits int) {
	r.Helper()
	r.card(code, 10)
	if visited {
		r.is(r.consume(code, 1), models.Done, "")
		r.clock.Advance(90 * time.Second)
		visits++
	}
	return visits
}

func (r *rig) lostOf(kind string) models.Operation {
	r.Helper()
	switch kind {
	case "two":
		return r.consume(code, 2)
	case "again":
		first, err := r.db.Journal.ByCoupon(r.Context(), r.store.Account.ID, code)
		r.must(err)
		return r.follow(first)
	}
	return r.consume(code, 1)
}

// awayUntilLate has the platform away for so long that people are told.
func (r *rig) awayUntilLate() {
	r.Helper()
	r.pause()
	r.during(HumanAfter + time.Minute)
	r.resume()
}

// Others use the card up, or nearly, while the answer to a visit is lost: it has an end at
// once, for the same request could consume nothing any more.
func TestLostVisitOfACardUsedUp(t *testing.T) {
	for n, reason := range map[int]string{1: platform.AlreadyUsed, 2: ReasonTooMany} {
		t.Run(reason, func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.card(code, n)
				r.lost("consume", false)
				op := r.consume(code, n)
				r.clock.Advance(time.Second)
				r.elsewhere(code, "till-3")
				op = r.settle(op)
				r.is(op, models.Rejected, reason)
				if n == 1 && op.UsedBy != "till-3" || n == 2 && op.Left != 1 {
					r.Errorf("used by %q, %d left", op.UsedBy, op.Left)
				}
				r.effects(code, 1, 0)
			})
		})
	}
}

// The same where the visit took effect: it is found, and nothing is told as not consumed.
// Where the list does not show it, what is left tells that something is missing.
func TestConsumedVisitThatIsNotSentAgain(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprint("hidden ", hidden), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.cardBefore(true)
				if hidden {
					r.hide()
				}
				r.lost("consume", true)
				op := r.lostOf("again")
				r.awayUntilLate()
				if hidden {
					r.during(5 * time.Minute)
					r.is(r.now(op), models.Unknown, ReasonUnclear)
				} else {
					r.is(r.settle(op), models.Done, "")
				}
				r.never(models.Rejected)
				r.effects(code, 2, 0)
			})
		})
	}
}

// What is left of the card is not told: a list without the visit is no proof against it.
func TestLostVisitOfACardWithoutCount(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.core.Shops.(*shops).look = func(l platform.Looked) platform.Looked { l.Voucher.Left = 0; return l }
				r.cardBefore(false)
				r.core.Shops.(*shops).blind.Store(1)
				r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1002", Call: "getconsumed", Times: -1})
				r.lost("consume", applied)
				op := r.lostOf("one")
				r.awayUntilLate()
				r.during(5 * time.Minute)
				r.is(r.now(op), models.Unknown, ReasonUnclear)
				r.never(models.Rejected)
			})
		})
	}
}

// The platform has forgotten the request: the visit is not taken a second time.
func TestLostVisitForgotten(t *testing.T) {
	for name, fault := range map[string]dianpingtest.Fault{
		"applied":      {Kind: dianpingtest.ApplyThenDrop},
		"applied late": {Kind: dianpingtest.ApplyThenDrop, After: 3 * time.Second},
		"not applied":  {Kind: dianpingtest.HangThenDrop},
	} {
		t.Run(name, func(t *testing.T) {
			cards(t, func(r *rig, k dianpingtest.Knobs) {
				k.RequestLife = time.Nanosecond
				r.knobs(k)
				r.card(code, 10)
				first := r.consume(code, 1)
				r.clock.Advance(time.Minute)
				lost := fault
				lost.Call = "consume"
				r.fail(lost)
				r.is(r.settle(r.follow(first)), models.Done, "")
				r.clock.Advance(time.Minute)
				r.effects(code, 2, 0)
			})
		})
	}
}

// hide makes the platform's lists end now.
func (r *rig) hide() { r.core.Shops.(*shops).blind.Store(r.clock.Now().Unix()) }

// A list that does not show what must be there proves nothing: not that a visit was
// not taken, nor that it was undone.
func TestListWithoutVisits(t *testing.T) {
	cards(t, func(r *rig, k dianpingtest.Knobs) {
		k.RequestLife = time.Nanosecond
		r.knobs(k)
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.hide()
		r.lost("consume", true)
		op := r.follow(first)
		r.during(5 * time.Minute)
		r.is(r.now(op), models.Unknown, ReasonUnclear)
		r.effects(code, 2, 0)
		r.platform.ClearFaults()

		blind := &r.core.Shops.(*shops).blind
		blind.Store(0)
		r.card("7000000001", 10)
		op = r.consume("7000000001", 1)
		r.lost("reverseconsume", false)
		op = r.undo(op)
		blind.Store(1)
		r.during(5 * time.Minute)
		r.is(r.now(op), models.UndoUnknown, "")
		r.effects("7000000001", 1, 0)
	})
}

// The undo of a visit takes effect late: the visit before it stays.
func TestLateUndoOfVisit(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		op := r.follow(first)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume", After: 3 * time.Second})
		r.is(r.settle(r.undo(op)), models.Undone, "")
		r.clock.Advance(time.Minute)
		r.effects(code, 2, 1)
	})
}

// Neither record nor list shows visits: what is left of the card does.
func TestVisitsLeft(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.knobs(dianpingtest.Knobs{RequestLife: time.Nanosecond})
		r.core.Shops.(*shops).blind.Store(1)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1002", Call: "getconsumed", Times: -1})
		r.card(code, 10)
		r.lost("consume", true)
		op := r.consume(code, 1)
		r.during(time.Minute)
		r.is(r.now(op), models.Unknown, ReasonUnclear)
		r.effects(code, 1, 0)

		r.card("7000000001", 10)
		r.lost("consume", false)
		r.is(r.settle(r.consume("7000000001", 1)), models.Done, "")
		r.effects("7000000001", 1, 0)
	})
}

// Where neither record nor list tells whose a visit is, it is left to people.
func TestVisitOfAnUnknownAccount(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.knobs(dianpingtest.Knobs{VerifyAccount: dianpingtest.VerifyAccountMerchant})
		r.card(code, 10)
		r.lost("consume", true)
		op := r.consume(code, 1)
		r.during(5 * time.Minute)
		r.is(r.now(op), models.Unknown, ReasonUnclear)
		r.effects(code, 1, 0)
	})
}

// The undo of a visit is in doubt, and others stand, before and after. No other
// visit is undone, and what is told is true.
func TestLostUndoOfVisit(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, gap := range []time.Duration{0, time.Minute, 4 * time.Minute, 26 * time.Hour} {
			for _, till := range []bool{false, true} {
				t.Run(fmt.Sprint(applied, gap, till), func(t *testing.T) {
					cards(t, func(r *rig, _ dianpingtest.Knobs) {
						r.card(code, 10)
						op := r.consume(code, 1)
						visits := 1
						if gap > 0 {
							r.clock.Advance(gap)
							op = r.follow(op)
							visits++
						}
						r.clock.Advance(time.Minute)
						r.lost("reverseconsume", applied)
						op = r.undo(op)
						if till {
							r.clock.Advance(2 * time.Second)
							r.elsewhere(code, "till-3")
							visits++
						}
						op = r.settle(op)
						switch {
						case applied, !till:
							r.is(op, models.Undone, "")
							r.effects(code, visits, 1)
						default: // an undo would hit the later visit
							r.is(op, models.Done, ReasonCovered)
							r.effects(code, visits, 0)
						}
					})
				})
			}
		}
	}
}

// An undo takes back the last visit, also of another operation: it is not sent where that
// is another one.
func TestUndoUnderALaterVisit(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.card(code, 10)
		op := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.elsewhere(code, "till-3")
		r.is(r.undo(op), models.Done, ReasonCovered)
		r.effects(code, 2, 0)
	})
}

// A proxy sends the consume of a visit twice, and the platform knows the request.
func TestVisitRepeatedByProxy(t *testing.T) {
	cards(t, func(r *rig, k dianpingtest.Knobs) {
		k.RepeatAnswer = dianpingtest.AlreadyUsed
		r.knobs(k)
		r.card(code, 10)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume"})
		r.is(r.follow(first), models.Done, "")
		r.effects(code, 2, 0)
	})
}

// A code that the platform does not mark, and that stays good after a visit.
func TestLostVisitUnmarked(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: 5, Shops: []string{"shop-a"}})
				r.must(err)
				r.when("prepared", func() {
					r.elsewhere(code, "till-3")
					r.clock.Advance(2 * time.Second)
				})
				r.lost("consume", applied)
				r.is(r.settle(r.consume(code, 1)), models.Done, "")
				r.effects(code, 2, 0)
				r.never(models.Rejected)
			})
		})
	}
}

// Several visits are taken at once, and each counts. An undo gives them all back,
// also where an answer is lost on the way, and no further one.
func TestSeveralVisits(t *testing.T) {
	for _, rows := range dianpingtest.VisitRowForms {
		for _, lost := range []string{"", "applied", "not applied"} {
			t.Run(string(rows)+lost, func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.VisitRows = rows
					r.knobs(k)
					r.card(code, 10)
					first := r.consume(code, 1)
					r.clock.Advance(time.Minute)
					first.Count = 2
					op := r.follow(first)
					r.is(op, models.Done, "")
					r.clock.Advance(time.Minute)
					if lost != "" {
						r.lost("reverseconsume", lost == "applied")
					}
					op = r.settle(r.undo(op))
					r.is(op, models.Undone, "")
					r.effects(code, 3, 2)
				})
			})
		}
	}
}

// A code that the platform does not mark as one for several visits. Where its rows
// show it, each visit counts; else what has no code of its own stands, and nothing
// is taken unasked.
func TestSeveralVisitsUnmarked(t *testing.T) {
	for _, rows := range dianpingtest.VisitRowForms {
		t.Run(string(rows), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.knobs(dianpingtest.Knobs{VisitRows: rows})
				_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: 5, Shops: []string{"shop-a"}})
				r.must(err)
				op := r.undo(r.consume(code, 2))
				if r.store.Platform == dianping.Meituan || rows == dianpingtest.RowPerVisit {
					r.is(op, models.Undone, "")
					r.effects(code, 2, 2)
					return
				}
				r.is(op, models.Done, ReasonCodesMissing)
				r.is(r.consume(code, 1), models.Rejected, ReasonHereMore)
				r.effects(code, 2, 1)
			})
		})
	}
}

// Two visits of an unmarked code and a coupon of an order, verified by one person at the same
// moment, and the coupon's answer lost, or both: the coupon is none of the visits. Nor is it
// one where three were asked for and two are told, by the code or without.
func TestVisitsBesideACoupon(t *testing.T) {
	for _, rows := range dianpingtest.VisitRowForms {
		for _, answer := range []string{"lost", "told", "partly", "partly without codes"} {
			t.Run(fmt.Sprint(rows, " ", answer), func(t *testing.T) {
				everywhere(t, func(r *rig) {
					r.knobs(dianpingtest.Knobs{VisitRows: rows})
					const card = "7992697495"
					_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: card, Title: "双人下午茶", Price: 4990, Visits: 4, Shops: []string{"shop-a"}})
					r.must(err)
					coupon := r.order(code, 2)[0]
					var one, visits models.Operation
					var reason string
					r.lost("consume", true)
					if answer == "lost" {
						visits = r.consume(card, 2)
						r.lost("consume", true)
					}
					one = r.consume(coupon, 1) // which is in doubt when the visits are answered
					switch answer {
					case "told":
						visits = r.consume(card, 2)
					case "partly":
						visits, reason = r.oneLess(card, 3, false), ReasonPartly
					case "partly without codes":
						visits, reason = r.oneLess(card, 3, true), ReasonPartly
					}
					r.is(r.settle(visits), models.Done, reason)
					r.is(r.settle(one), models.Done, "")
					r.effects(card, 2, 0)
					r.effects(coupon, 1, 0)
					list := r.visitsOf(r.now(visits))
					if len(list) != 2 {
						r.Errorf("%d visits are told", len(list))
					}
					for _, c := range list {
						if c.Code != card {
							r.Errorf("%s is taken for a visit of %s", c.Code, card)
						}
					}
				})
			})
		}
	}
}

// A visit costs what a visit costs, whatever the platform's records tell as the price: by
// the answer to its consume, and where that was lost.
func TestVisitPrice(t *testing.T) {
	for _, told := range []dianpingtest.VisitPrice{dianpingtest.VisitPriceUnit, dianpingtest.VisitPriceDeal} {
		t.Run(string(told), func(t *testing.T) {
			t.Parallel()
			on(t, dianping.Meituan, func(r *rig) {
				r.knobs(dianpingtest.Knobs{VisitPrice: told})
				for _, lost := range []bool{false, true} {
					card := code
					if lost {
						card = "7992697495"
						r.lost("consume", true)
					}
					r.card(card, 10)
					op := r.settle(r.consume(card, 1))
					for _, c := range r.visitsOf(op) {
						if c.PriceFen != 4990 || c.PriceUnknown {
							r.Errorf("lost %v: %d, unknown %v", lost, c.PriceFen, c.PriceUnknown)
						}
					}
				}
			})
		})
	}
}

// visitsOf are what an operation has consumed.
func (r *rig) visitsOf(op models.Operation) []models.Coupon {
	r.Helper()
	list, err := r.db.Journal.Coupons(r.Context(), op.ID)
	r.must(err)
	if op.State != models.Done || len(list) == 0 {
		r.Fatalf("%s with %d coupons", op.State, len(list))
	}
	return list
}

// A repeat that takes effect late is noted at the time of the first call: its record is
// not taken for that of the next visit, whoever asks for it.
func TestLateRepeatAndTheNextVisit(t *testing.T) {
	for _, who := range [][2]string{{"zhangsan", "张三"}, {"lisi", "李四"}} {
		for _, account := range dianpingtest.VerifyAccounts {
			t.Run(who[0]+" "+string(account), func(t *testing.T) {
				on(t, "meituan", func(r *rig) {
					r.knobs(dianpingtest.Knobs{VerifyAccount: account})
					r.card(code, 5)
					r.fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume", Times: -1})
					first := r.consume(code, 1)
					r.during(150 * time.Second)
					r.platform.ClearFaults()
					r.is(r.settle(first), models.Done, "")
					r.clock.Advance(5 * time.Second)
					r.lost("consume", false)
					q := r.request(code, 1, first.ID)
					q.UserID, q.User = who[0], who[1]
					next := r.commit(r.core.Consume(r.Context(), q))
					r.during(time.Minute)
					v, _ := r.platform.Voucher(code)
					if next = r.now(next); next.State == models.Done && len(v.Uses) != 2 || next.State == models.Rejected && len(v.Uses) != 1 {
						t.Errorf("%s with %d visits", next.State, len(v.Uses))
					}
				})
			})
		}
	}
}
