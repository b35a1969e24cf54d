package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func refundOf(op models.Operation, certificate string) models.Refund {
	return models.Refund{
		Platform: "douyin", CertificateID: certificate, StoreID: op.StoreID, OperationID: op.ID, Code: op.Code, OrderID: op.OrderID,
		Title: op.Title, PriceFen: op.PriceFen, RefundedAt: noon.Add(time.Hour),
	}
}

func TestRefunds(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		between := func(from, to time.Time, accounts ...int64) []models.Refund {
			return must(db.Refunds.Between(ctx, accounts, from, to))
		}
		op := done(t, db, intent("101"))
		first := refundOf(op, "c1")
		same(t, must(db.Refunds.Add(ctx, first)), true)
		again := first
		again.PriceFen, again.RefundedAt = 1, noon
		same(t, must(db.Refunds.Add(ctx, again)), false)
		again.Platform = "kuaishou"
		same(t, must(db.Refunds.Add(ctx, again)), true)
		other := intent("102")
		other.StoreID = 2
		second := refundOf(done(t, db, other), "c2")
		second.RefundedAt = noon
		same(t, must(db.Refunds.Add(ctx, second)), true)

		same(t, between(noon, noon.Add(time.Hour), 1, 2), []models.Refund{again, second})
		same(t, between(noon.Add(time.Hour), noon.Add(2*time.Hour), 1, 2), []models.Refund{first})
		same(t, len(between(noon, noon.Add(2*time.Hour), 2)), 1)
		same(t, len(between(noon, noon.Add(2*time.Hour))), 0)

		same(t, must(db.Refunds.Of(ctx, op.ID)), []models.Refund{again, first})
		same(t, len(must(db.Refunds.Of(ctx, "none"))), 0)

		// What follows is invalid.
		for _, change := range []func(*models.Refund){
			func(r *models.Refund) { r.StoreID = 0 }, func(r *models.Refund) { r.Platform = "" },
			func(r *models.Refund) { r.CertificateID = "" }, func(r *models.Refund) { r.CertificateID = strings.Repeat("1", 65) },
			func(r *models.Refund) { r.OperationID = "" }, func(r *models.Refund) { r.RefundedAt = time.Time{} },
		} {
			bad := refundOf(op, "c9")
			change(&bad)
			_, err := db.Refunds.Add(ctx, bad)
			want(t, err, models.ErrInvalid)
		}
	})
}

// A refund counts where the verification stands: one that was in doubt may turn out to be
// none, and one that is being undone may be undone.
func TestRefundsOfWhatStands(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i, state := range states {
			code := strings.Repeat("1", i+1)
			op := inState(t, db, code, state)
			r := refundOf(op, "c"+code)
			if state == models.Calling || state == models.Unknown || state == models.Held || state == models.Rejected {
				r.Code = "" // none is known
			}
			same(t, must(db.Refunds.Add(ctx, r)), true)
			n := len(must(db.Refunds.Between(ctx, []int64{1}, noon, noon.Add(2*time.Hour))))
			same(t, n == 1, state != models.Rejected && state != models.Undone)
			if n == 1 { // out of the way of the next
				_, err := db.Pool().ExecContext(ctx, "DELETE FROM refunds")
				no(t, err)
			}
		}
		// One of two coupons was undone.
		op := begin(t, db, intent("200"))
		op, err := db.Journal.FinishConsume(ctx, op, []models.Coupon{{Code: "200"}, {Code: "201"}})
		no(t, err)
		op, err = db.Journal.RefuseUndo(ctx, undoing(t, db, op), []models.Coupon{{Code: "200", UndoneAt: noon}, {Code: "201", UndoReason: "too_late"}})
		no(t, err)
		for _, code := range []string{"200", "201"} {
			r := refundOf(op, "c"+code)
			r.Code = code
			same(t, must(db.Refunds.Add(ctx, r)), true)
		}
		left := must(db.Refunds.Between(ctx, []int64{1}, noon, noon.Add(2*time.Hour)))
		same(t, len(left), 1)
		same(t, left[0].Code, "201")
	})
}

// An order is asked about now, but for what somebody holds or asks about soon.
func TestAskNow(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		const lease = 12 * time.Second
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{{Platform: "douyin", ShopID: "a", Name: "a"}, {Platform: "meituan", ShopID: "b", Name: "b"}}))
		doubt := func(code string, store int64, order string, due time.Duration) models.Operation {
			op := intent(code)
			op.StoreID, op.OrderID = store, order
			op = begin(t, db, op)
			op.DueAt = clock.Now().Add(due)
			op, err := db.Journal.DoubtConsume(ctx, op)
			no(t, err)
			return op
		}
		waits, held := doubt("1", 1, "o", time.Minute), doubt("2", 1, "o", lease)
		another, elsewhere, unnamed := doubt("3", 1, "p", time.Minute), doubt("4", 2, "o", time.Minute), doubt("5", 1, "", time.Minute)
		over := intent("6")
		over.OrderID = "o"
		over = done(t, db, over)

		same(t, must(db.Journal.Ask(ctx, "douyin", "o", lease)), 1)
		due := must(db.Journal.Due(ctx, models.Of{}, clock.Now(), 10))
		waits.DueAt, waits.Attempt = clock.Now(), waits.Attempt+1
		same(t, due, []models.Operation{waits})
		for _, op := range []models.Operation{held, another, elsewhere, unnamed, over} {
			stored(t, db, op)
		}
		same(t, must(db.Journal.Ask(ctx, "douyin", "o", lease)), 0)
		same(t, must(db.Journal.Ask(ctx, "douyin", "", lease)), 0)
		same(t, must(db.Journal.Claim(ctx, waits, clock.Now().Add(lease))).Attempt, waits.Attempt+1)
		same(t, must(db.Journal.Ask(ctx, "douyin", "o", lease)), 0) // whoever claimed it has it
	})
}

// Of what people were told, or the platform keeps back, there are only questions: whoever asks while the platform tells
// of it may have asked too early, and cannot put the next question off.
func TestAskNowWhileAsking(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		const lease = 12 * time.Second
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{{Platform: "douyin", ShopID: "a", Name: "a"}}))
		for i, state := range []models.State{models.Unknown, models.UndoUnknown, models.Held, models.Calling, models.Undoing} {
			op := inState(t, db, strings.Repeat("3", i+1), state)
			if state != models.Held { // of which people are not told so
				op = must(db.Journal.FlagNeedsHuman(ctx, op))
			}
			clock.Advance(time.Hour)
			op, err := db.Journal.Claim(ctx, op, clock.Now().Add(lease))
			no(t, err)
			asked := state != models.Calling && state != models.Undoing
			same(t, must(db.Journal.Ask(ctx, "douyin", op.OrderID, lease)) == 1, asked)
			op.DueAt = clock.Now().Add(lease)
			_, err = db.Journal.Hold(ctx, op)
			if asked {
				want(t, err, models.ErrStale)
			} else {
				no(t, err)
			}
		}
	})
}

// Of the coupons of an operation as many are refunded in an export as the summary tells, and
// those that the refunds name.
func TestRefundsOfExportAndSummary(t *testing.T) {
	t.Parallel()
	card := []models.Coupon{{Code: "101", Visit: 1}, {Code: "101", Visit: 2}}
	two := []models.Coupon{{Code: "101"}, {Code: "102"}}
	for name, c := range map[string]struct {
		coupons []models.Coupon
		refunds []string // codes, by certificate
		want    string   // which certificate's refund each coupon has
	}{
		"two visits of a card of one certificate":         {card, []string{"101"}, "0-"},
		"two visits of a card, a certificate each":        {card, []string{"101", "101"}, "01"},
		"two visits, one in doubt":                        {card, []string{"", "101"}, "10"},
		"one in doubt, the other named after":             {two, []string{"", "101"}, "10"},
		"one in doubt, the other named before":            {two, []string{"101", ""}, "01"},
		"both in doubt":                                   {two, []string{"", ""}, "01"},
		"one in doubt":                                    {two, []string{""}, "0-"},
		"the second":                                      {two, []string{"102"}, "-0"},
		"none":                                            {two, nil, "--"},
		"of a code that the operation has not (any more)": {two, []string{"103"}, "--"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
				ctx := t.Context()
				op := begin(t, db, intent("101"))
				op.ConsumedAt = noon
				op, err := db.Journal.FinishConsume(ctx, op, c.coupons)
				no(t, err)
				for i, code := range c.refunds {
					no(t, second(db.Refunds.Add(ctx, models.Refund{
						Platform: "douyin", CertificateID: fmt.Sprint(i), StoreID: op.StoreID, OperationID: op.ID, Code: code, RefundedAt: noon.Add(time.Duration(i) * time.Hour),
					})))
				}
				list, _, _, err := db.History.Vouchers(ctx, models.VoucherPage{StoreID: op.StoreID, From: noon.Add(-time.Hour), To: noon.Add(time.Hour)}, 100)
				no(t, err)
				got, export := "", 0
				for _, v := range list {
					if v.RefundedAt.IsZero() {
						got += "-"
						continue
					}
					got += fmt.Sprint(int(v.RefundedAt.Sub(noon.Truncate(time.Microsecond)) / time.Hour))
					export++
				}
				same(t, got, c.want)
				same(t, export, len(must(db.Refunds.Between(ctx, []int64{op.StoreID}, noon.Add(-time.Hour), noon.Add(24*time.Hour)))))
			})
		})
	}
}

// What was undone has no refund of its own, and what has no code can have one.
func TestRefundsOf(t *testing.T) {
	t.Parallel()
	coupons := []models.Coupon{{Code: "101", UndoneAt: noon}, {Code: "102"}, {Code: "103", UndoneAt: noon}}
	refunds := []models.Refund{{CertificateID: "1", Code: "101"}, {CertificateID: "2"}, {CertificateID: "3"}}
	same(t, models.RefundsOf(coupons, refunds), []*models.Refund{nil, &refunds[1], nil})
	untold := []models.Coupon{{Code: ""}, {Code: "102"}}
	refunds = []models.Refund{{CertificateID: "1"}, {CertificateID: "2", Code: "102"}}
	same(t, models.RefundsOf(untold, refunds), []*models.Refund{&refunds[0], &refunds[1]})
}
