package redeem

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// untold makes the platform's answers to a consume tell these codes as something else.
func (r *rig) untold(told string, codes ...string) {
	r.Helper()
	hide := regexp.MustCompile(`"(receiptCode|receipt_code)":"(` + strings.Join(codes, "|") + `)"`)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		rec := httptest.NewRecorder()
		r.platform.ServeHTTP(rec, q)
		body := rec.Body.String()
		if strings.HasSuffix(q.URL.Path, "/consume") {
			body = hide.ReplaceAllString(body, `"$1":`+told)
		}
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte(body))
	}))
	r.Cleanup(front.Close)
	id := r.core.NewID
	r.core = r.process(front.URL, r.store.Platform)
	r.core.NewID = id
}

// stillConsumed counts codes.
func (r *rig) stillConsumed(codes []string) (n int) {
	for _, c := range codes {
		if v, _ := r.platform.Voucher(c); v.State == dianpingtest.Consumed {
			n++
		}
	}
	return n
}

// The rows of a consume do not tell the codes of the further coupons, or mask them: they
// are found on the day's list, or the operation says that codes are missing, and so does
// its undo.
func TestRowsWithoutCodes(t *testing.T) {
	for _, told := range []string{`null`, `""`, `"****5678"`} {
		t.Run(told, func(t *testing.T) {
			everywhere(t, func(r *rig) {
				listed := r.order(code, 3)
				r.untold(told, listed[1:]...)
				op := r.consume(code, 3)
				r.is(op, models.Done, "")
				r.is(r.undo(op), models.Undone, "")
				if n := r.stillConsumed(listed); n != 0 {
					r.Errorf("%d of 3 stand", n)
				}

				hidden := r.order("7000000001", 3)
				r.untold(told, hidden[1:]...)
				r.core.Shops.(*shops).blind.Store(1)
				op = r.consume(hidden[0], 3)
				r.is(op, models.Done, ReasonCodesMissing)
				if op.Reusable {
					r.Error("it is taken for a 次卡")
				}
				r.is(r.undo(op), models.Done, ReasonCodesMissing)
				if n := r.stillConsumed(hidden); n != 2 {
					r.Errorf("%d of 3 stand", n)
				}
			})
		})
	}
}

// The same of every row: one of them is that of the code that was asked with.
func TestNoRowTellsItsCode(t *testing.T) {
	everywhere(t, func(r *rig) {
		codes := r.order(code, 2)
		r.untold(`null`, codes...)
		r.core.Shops.(*shops).blind.Store(1)
		op := r.consume(code, 2)
		r.is(op, models.Done, ReasonCodesMissing)
		r.codes(op, "", code)
		r.card("7000000001", 10)
		r.untold(`null`, "7000000001")
		op = r.consume("7000000001", 2)
		r.is(op, models.Done, "")
		r.clock.Advance(time.Minute)
		r.is(r.undo(op), models.Undone, "")
		r.effects("7000000001", 2, 2)
	})
}

// Only rows that repeat the code are visits of it.
func TestVisitsOfRows(t *testing.T) {
	t.Parallel()
	op := models.Operation{Code: code, Count: 3}
	for name, tt := range map[string]struct {
		rows []string
		want bool
	}{
		"a visit each":     {[]string{code, code}, true},
		"two and untold":   {[]string{code, code, ""}, true},
		"one and untold":   {[]string{code, ""}, false},
		"untold":           {[]string{"", ""}, false},
		"one":              {[]string{code}, false},
		"two coupons":      {[]string{code, "7000000001"}, false},
		"a code twice too": {[]string{code, code, "7000000001"}, false},
	} {
		var list []platform.Coupon
		for _, c := range tt.rows {
			list = append(list, platform.Coupon{Code: c})
		}
		if got := visitsOf(op, list); got != tt.want {
			t.Errorf("%s: visits %v", name, got)
		}
	}
}

// codes fails unless an operation's coupons have these, each with the price of one.
func (r *rig) codes(op models.Operation, want ...string) {
	r.Helper()
	list, err := r.db.Journal.Coupons(r.Context(), op.ID)
	r.must(err)
	var got []string
	for _, c := range list {
		got = append(got, c.Code)
		if c.PriceFen != 4990 || c.PriceUnknown || c.OrderID != op.OrderID || c.DealID != op.DealID {
			r.Errorf("%+v", c)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.Errorf("codes %q, want %q", got, want)
	}
}

// lostOfSeveral loses the answer to a consume of n coupons, which no repeat tells either.
func (r *rig) lostOfSeveral(code string, n int) (op models.Operation, listed []string) {
	r.Helper()
	r.knobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed})
	listed = r.order(code, n)
	r.lost("consume", true)
	return r.consume(code, n), listed
}

// A list that cannot be read is asked for again: a single answer that is missing leaves no
// code untold.
func TestListFailsOnce(t *testing.T) {
	for _, kind := range []dianpingtest.Fault{{Kind: dianpingtest.Status5xx}, {Kind: dianpingtest.HangThenDrop}, {Kind: dianpingtest.HTML}} {
		t.Run(string(kind.Kind), func(t *testing.T) {
			everyDatabase(t, func(r *rig) {
				kind.Call = "querylistbydate"
				op, listed := r.lostOfSeveral(code, 2)
				r.fail(kind)
				op = r.settle(op)
				r.is(op, models.Done, "")
				r.codes(op, listed...)
				r.is(r.undo(op), models.Undone, "")
				if n := r.stillConsumed(listed); n != 0 {
					r.Errorf("%d of 2 stand", n)
				}

				// The same where the rows of the answer do not tell them, and where everything was silent until
				// people were told.
				if kind.Kind != dianpingtest.HTML {
					hidden := r.order("7000000001", 3)
					r.untold(`""`, hidden[1:]...)
					r.fail(kind)
					op = r.consume(hidden[0], 3)
					r.is(op, models.Done, "")
					r.codes(op, hidden...)
				}
				op, listed = r.lostOfSeveral("7100000001", 2)
				r.pause()
				r.during(HumanAfter + time.Minute)
				if !r.now(op).NeedsHuman {
					r.Error("nobody was told")
				}
				r.resume()
				r.fail(kind)
				op = r.settle(op)
				r.is(op, models.Done, "")
				r.codes(op, listed...)
			})
		})
	}
}

// A list that is never told does not keep an operation open for longer than people wait: its
// coupons count without a code. One that the platform does not give is not waited for.
func TestListNeverTold(t *testing.T) {
	everyDatabase(t, func(r *rig) {
		r.told = nil
		op, _ := r.lostOfSeveral(code, 3)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "querylistbydate", Times: -1})
		r.during(HumanAfter / 2)
		if r.now(op).State != models.Unknown {
			r.Errorf("%s after %s", r.now(op).State, HumanAfter/2)
		}
		r.during(HumanAfter/2 + soon)
		op = r.now(op)
		r.is(op, models.Done, ReasonCodesMissing)
		r.codes(op, "", "", code)
		for _, o := range r.told {
			if o.NeedsHuman {
				r.Error("people were told")
			}
		}
		r.is(r.undo(op), models.Done, ReasonCodesMissing)
		r.effects(code, 1, 1)

		if r.store.Platform != dianping.Meituan {
			return
		}
		r.platform.ClearFaults()
		op, _ = r.lostOfSeveral("7000000001", 2)
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "OP_API_NOT_EXIST", Call: "querylistbydate", Times: -1})
		op = r.settle(op)
		r.is(op, models.Done, ReasonCodesMissing)
		r.codes(op, "", "7000000001")
	})
}

// What a person says of a doubt is said of all that was asked for. An undo, and a person who
// ends its doubt, speak of the coupons with a code.
func TestClosedOfSeveral(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		closed := func(code string) models.Operation {
			r.Helper()
			r.order(code, 3)
			r.fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"})
			op := r.consume(code, 3)
			r.pause()
			r.during(HumanAfter + time.Minute)
			op = r.commit(r.core.Close(r.Context(), r.now(op), true, "王五"))
			r.resume()
			r.is(op, models.Done, ReasonCodesMissing)
			r.codes(op, "", "", code)
			return op
		}
		op := closed(code)
		if r.douyin != nil {
			r.is(r.undo(op), models.Done, platform.NoHandle)
			return
		}
		r.is(r.undo(op), models.Done, ReasonCodesMissing)
		r.stands(op, 2)

		for i, consumed := range []bool{true, false} {
			op := closed([]string{"7000000001", "7100000001"}[i])
			r.lost("reverseconsume", true)
			op = r.undo(op)
			r.pause()
			r.during(HumanAfter + time.Minute)
			op = r.commit(r.core.Close(r.Context(), r.now(op), consumed, "王五"))
			r.resume()
			r.is(op, models.Done, map[bool]string{true: ReasonClosedUsed, false: ReasonCodesMissing}[consumed])
			r.stands(op, map[bool]int{true: 3, false: 2}[consumed])
		}

		// A refusal of what has a code can be tried again, and so can what was lost.
		op = closed("7200000001")
		r.fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1002", Call: "reverseconsume"})
		op = r.undo(op)
		r.is(op, models.Done, "verify_failed")
		r.stands(op, 3)
		r.lost("reverseconsume", true)
		op = r.settle(r.undo(op))
		r.is(op, models.Done, ReasonCodesMissing)
		r.stands(op, 2)
		r.effects("7200000001", 1, 1)
	})
}

// stands fails unless so many coupons of an operation do.
func (r *rig) stands(op models.Operation, want int) {
	r.Helper()
	n := 0
	for _, c := range r.visitsOf(op) {
		if c.UndoneAt.IsZero() {
			n++
		}
	}
	if n != want {
		r.Errorf("%d stand, want %d", n, want)
	}
}

// One row tells several visits of a card that is not marked as one, and their undo is lost:
// what is left of the card tells whether it took effect, for the records look alike. It takes
// one back, and the others stand.
func TestLostUndoOfUntoldVisits(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, till := range []string{"", "before", "after the undo"} {
			t.Run(fmt.Sprint(applied, " ", till), func(t *testing.T) {
				cards(t, func(r *rig, k dianpingtest.Knobs) {
					k.VisitRows = dianpingtest.RowPerCode
					r.knobs(k)
					i := 0
					for n := 2; n <= 3; n++ {
						for _, more := range []int{0, 1, 3} {
							if i++; more == 0 && till != "" {
								continue
							}
							r.lostUndoOfUntold(fmt.Sprint(7000000000+i), n, more, applied, till)
						}
					}
				})
			})
		}
	}
}

// lostUndoOfUntold undoes n visits of a card, of which there are so many more.
func (r *rig) lostUndoOfUntold(code string, n, more int, applied bool, till string) {
	r.Helper()
	_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Visits: n + more, Shops: []string{"shop-a"}})
	r.must(err)
	others := 0
	atTill := func() {
		others++
		r.elsewhere(code, "till-3")
		r.clock.Advance(5 * time.Second)
	}
	if till == "before" {
		atTill()
	}
	op := r.consume(code, n)
	r.clock.Advance(time.Minute)
	r.lost("reverseconsume", applied)
	op = r.undo(op)
	if till == "after the undo" {
		atTill()
	}
	stand := 0
	if op = r.settle(op); op.State == models.Done {
		for _, c := range r.visitsOf(op) {
			if c.UndoneAt.IsZero() {
				stand++
			}
		}
	}
	if v, _ := r.platform.Voucher(code); len(v.Uses)-others != stand {
		r.Errorf("%d of %d are told to stand (%s %s), and %d do", stand, n, op.State, op.UndoReason, len(v.Uses)-others)
	}
}
