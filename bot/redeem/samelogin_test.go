package redeem

import (
	"fmt"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// A card has a visit of the cashier's login that the journal does not know: at the till, or
// through another interface. The next one is lost. What is left of the card tells the two
// apart: it is found, or sent again.
func TestLostVisitAfterOneOfTheSameLogin(t *testing.T) {
	for _, channel := range []string{"1", "15"} {
		for _, applied := range []bool{true, false} {
			t.Run(fmt.Sprint(channel, " ", applied), func(t *testing.T) {
				cards(t, func(r *rig, _ dianpingtest.Knobs) {
					n := 7000000000
					for _, kind := range []int{205, 0} { // marked as a card, or not
						for _, gap := range []time.Duration{time.Minute, 10 * time.Minute, 25 * time.Minute} {
							n++
							card := fmt.Sprint(n)
							_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: card, Visits: 5, BizType: kind, Shops: []string{"shop-a"}})
							r.must(err)
							r.must(r.platform.ConsumeElsewhere(card, "zhangsan", channel))
							r.clock.Advance(gap)
							r.lost("consume", applied)
							r.is(r.settle(r.consume(card, 1)), models.Done, "")
							r.effects(card, 2, 0)
						}
					}
					r.never(models.Rejected)
				})
			})
		}
	}
}

// The same where the platform is away until people are told: nothing was consumed, and so
// it is told.
func TestVisitOfTheSameLoginThatIsNotSentAgain(t *testing.T) {
	for _, channel := range []string{"1", "15"} {
		t.Run(channel, func(t *testing.T) {
			cards(t, func(r *rig, _ dianpingtest.Knobs) {
				r.card(code, 5)
				r.must(r.platform.ConsumeElsewhere(code, "zhangsan", channel))
				r.clock.Advance(10 * time.Minute)
				r.lost("consume", false)
				op := r.consume(code, 1)
				r.awayUntilLate()
				r.is(r.settle(op), models.Rejected, ReasonNotConsumed)
				r.effects(code, 1, 0)
			})
		})
	}
}

// What is left of the card is not told, and the visit before is not of our call: whose it
// is stays open.
func TestVisitOfTheSameLoginWithoutCount(t *testing.T) {
	cards(t, func(r *rig, _ dianpingtest.Knobs) {
		r.core.Shops.(*shops).look = func(l platform.Looked) platform.Looked { l.Voucher.Left = 0; return l }
		r.card(code, 5)
		r.must(r.platform.ConsumeElsewhere(code, "zhangsan", "15"))
		r.clock.Advance(10 * time.Minute)
		r.lost("consume", false)
		op := r.consume(code, 1)
		r.during(5 * time.Minute)
		r.is(r.now(op), models.Unknown, ReasonUnclear)
		r.never(models.Done)
		r.effects(code, 1, 0)
	})
}

// The visits are not listed: the record at our call is ours where the card has one less, and
// that of a visit before is not.
func TestLostVisitWithoutAList(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			everywhere(t, func(r *rig) {
				r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "querylistbydate", Times: -1})
				r.card(code, 5)
				r.must(r.platform.ConsumeElsewhere(code, "zhangsan", "15"))
				r.clock.Advance(10 * time.Minute)
				r.lost("consume", applied)
				op := r.consume(code, 1)
				if applied {
					r.is(r.settle(op), models.Done, "")
					return
				}
				r.during(time.Minute)
				r.is(r.now(op), models.Unknown, r.now(op).Outcome.Reason)
				r.never(models.Done)
			})
		})
	}
}

// The till, under the cashier's login, is quicker than our consume. The record names
// our person, and another channel: no success is told before the platform says so.
func TestQuickerAtTheTillBySameLogin(t *testing.T) {
	for _, kind := range []string{"voucher", "card"} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, lost), func(t *testing.T) {
				everywhere(t, func(r *rig) {
					visits := 1
					if kind == "card" {
						visits = 2
						r.card(code, visits)
					} else {
						r.voucher(code)
					}
					r.when("prepared", func() {
						for range visits {
							r.must(r.platform.ConsumeElsewhere(code, "zhangsan", "1"))
						}
					})
					if lost {
						r.lost("consume", false)
					}
					op := r.consume(code, 1)
					r.during(5 * time.Minute)
					if op = r.now(op); !op.NeedsHuman {
						r.Error("nobody was told")
					}
					r.is(op, models.Unknown, ReasonUnclear)
					r.never(models.Done)
					r.effects(code, visits, 0)
				})
			})
		}
	}
}

// What the platform's channels mean is not documented for certain: where it tells another one
// for our own, the same request tells that it is ours.
func TestOurOwnByAnotherChannel(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.core.Shops.(*shops).record = func(p platform.Recorded) platform.Recorded {
			p.Record.Channel, p.Record.Interface, p.Record.Foreign = "2", false, true
			return p
		}
		r.voucher(code)
		r.lost("consume", true)
		r.is(r.settle(r.consume(code, 1)), models.Done, "")
		r.effects(code, 1, 0)
		r.never(models.Rejected)

		r.voucher("7000000001")
		r.fail(dianpingtest.Fault{Kind: dianpingtest.ProxyRepeat, Call: "consume"})
		r.is(r.settle(r.consume("7000000001", 1)), models.Done, "")
		r.effects("7000000001", 1, 0)
	})
}
