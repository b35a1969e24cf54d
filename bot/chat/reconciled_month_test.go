package chat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/reconcile"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"

	"github.com/google/go-cmp/cmp"
)

// orderMoney is how an order of coupons at 49.90 is paid, for each coupon: the
// customer 40.00, the merchant 6.00, the platform 3.90.
const (
	couponPrice, couponCustomer, couponMerchant = 4990, 4000, 600
)

func orderPayments(coupons int64) []dianpingtest.Payment {
	return []dianpingtest.Payment{
		{ID: "p1", Amount: couponCustomer * coupons, Type: 10}, {ID: "p2", Amount: couponMerchant * coupons, Type: 17},
		{ID: "p3", Amount: (couponPrice - couponCustomer - couponMerchant) * coupons, Type: 15},
	}
}

// dayOfBusiness makes a day in the first store, with everything that happens in
// one, and says what the platform will never have of it.
func (b *bench) dayOfBusiness(random *rand.Rand, refunds map[string]int, silent map[string]bool, n int) (lost int) {
	b.t.Helper()
	serial := 0
	sell := func(coupons int) string {
		serial++
		code := fmt.Sprintf("7%03d%06d", n, serial)
		_, err := b.platform.AddOrder(dianpingtest.Voucher{
			Code: code, Title: "双人下午茶", Price: couponPrice, Mobile: "138****0000", Shops: []string{"shop-a"}, Payments: orderPayments(int64(coupons)),
		}, coupons)
		b.must(err)
		return code
	}
	for range 4 + random.IntN(4) {
		b.clock.Advance(time.Duration(11+random.IntN(30)) * time.Minute)
		switch random.IntN(10) {
		case 0: // undone
			code := sell(1)
			has(b.t, b.say("zhangsan", "验 "+code), "核销成功")
			b.clock.Advance(time.Minute)
			has(b.t, b.say("zhangsan", "撤 "+code), "已撤销")
		case 1: // the answer is lost, and settled
			code := sell(1)
			silent[code] = true // getconsumed does not say how it was paid
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
			b.inDoubt("lisi", "验 "+code)
		case 2: // the call is lost on its way, and made again
			code := sell(1)
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "consume"}))
			b.inDoubt("lisi", "验 "+code)
		case 3:
			b.must(b.platform.ConsumeElsewhere(sell(1), "till-1", ""))
		case 4:
			b.must(b.platform.ConsumeElsewhere(sell(1), "erp", "15"))
		case 5: // a whole order
			has(b.t, b.say("zhaoliu", "验 "+sell(3)+" x3"), "核销成功")
		case 6: // two of three
			has(b.t, b.say("zhaoliu", "验 "+sell(3)+" x2"), "核销成功")
		case 7: // given back some days later
			code := sell(1)
			has(b.t, b.say("zhangsan", "验 "+code), "核销成功")
			refunds[code] = n + 1 + random.IntN(5)
		case 8: // undone at the till, of which the bot hears nothing
			code := sell(1)
			has(b.t, b.say("zhangsan", "验 "+code), "核销成功")
			b.undoElsewhere(code)
			lost++
		default:
			has(b.t, b.say("zhangsan", "验 "+sell(1)), "核销成功")
		}
	}
	return lost
}

// inDoubt texts in the first store's group, and lets a doubt be settled.
func (b *bench) inDoubt(user, text string) {
	m := b.at(robot, group, user)
	m.Kind, m.Text = bot.Text, text
	b.start(m)
	b.settle()
}

// fromLedger is a day as the platform's ledger has it; our journal is not asked.
func (b *bench) fromLedger(day string, lost int, silent map[string]bool) reconcile.Figures {
	undone := map[string]bool{}
	for _, e := range b.platform.Ledger() {
		if e.Kind == dianpingtest.EffectUndone {
			undone[e.Code] = true
		}
	}
	var f reconcile.Figures
	add := func(s *models.Sum) { s.Count, s.Fen = s.Count+1, s.Fen+couponPrice }
	coupons := map[string]int{} // verified by the bot and not given back, by order
	for _, e := range b.platform.Ledger() {
		if e.Kind != dianpingtest.EffectConsumed || undone[e.Code] || e.Time.UTC().Add(8*time.Hour).Format(time.DateOnly) != day {
			continue
		}
		v, _ := b.platform.Voucher(e.Code)
		refunded := v.State == dianpingtest.Refunded && b.dialect == dianping.Meituan // the first generation does not tell
		add(&f.Listed)
		if refunded {
			add(&f.Refunded)
		}
		switch {
		case e.RequestID != "":
			add(&f.Matched)
			switch {
			case refunded:
			case silent[e.Code]:
				f.Money.Untold++
			default:
				coupons[e.OrderID]++
			}
		case e.Channel == "15":
			add(&f.OtherSystem)
		default:
			add(&f.InShop)
		}
	}
	for range lost {
		add(&f.OnlyOurs)
	}
	sold := map[string]int{}
	for _, v := range b.platform.Vouchers() {
		if v.Replaces == "" {
			sold[v.OrderID]++
		}
	}
	for order, n := range coupons {
		f.Money.Customer += dianping.Fen(couponCustomer * n)
		f.Money.Merchant += dianping.Fen(couponMerchant * n)
		f.Money.Due += dianping.Fen((couponPrice - couponMerchant) * n)
		if n == sold[order] {
			f.Money.Exact += n
		} else {
			f.Money.Estimated += n
		}
	}
	return f
}

// The figures of a month, with all that happens in one and with nights in which
// nobody was there to look, are those of the platform's ledger.
func TestReconciledMonth(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		random := rand.New(rand.NewPCG(7, 11))
		b.nightly()
		refunds, lost, silent := map[string]int{}, map[string]int{}, map[string]bool{}
		day := ""
		const days = 30
		for n := range days + 10 {
			if n > 0 {
				b.until(9, 0)
			}
			day = reconcile.DayOf(b.clock.Now())
			for code, on := range refunds {
				if on == n {
					b.must(b.platform.SetState(code, dianpingtest.Refunded))
				}
			}
			if n < days {
				lost[day] = b.dayOfBusiness(random, refunds, silent, n)
			}
			b.until(3, 30)
			if n != 12 && n != 13 { // nobody is there
				b.looks()
			}
		}
		var month, want reconcile.Figures
		for n := range days {
			day := time.Date(2026, 11, 23+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
			r, expected := b.result(day), b.fromLedger(day, lost[day], silent)
			if d := cmp.Diff(expected, r.Figures); d != "" {
				t.Errorf("%s (-ledger +result):\n%s", day, d)
			}
			if !r.Final {
				t.Errorf("%s is still to be looked at", day)
			}
			month, want = month.Plus(r.Figures), want.Plus(expected)
		}
		if month != want {
			t.Errorf("month: %+v, want %+v", month, want)
		}
		for what, n := range map[string]int{
			"in the shop": month.InShop.Count, "by other systems": month.OtherSystem.Count, "only ours": month.OnlyOurs.Count,
			"estimated": month.Money.Estimated, "exact": month.Money.Exact, "undone": len(b.undone()), "untold": month.Money.Untold,
		} {
			if n < 5 {
				t.Errorf("only %d %s: the month shows too little", n, what)
			}
		}
		if b.dialect == dianping.Meituan && month.Refunded.Count < 5 {
			t.Errorf("only %d refunds", month.Refunded.Count)
		}
		t.Logf("%s: %s; due %v", b.dialect, month.Line(), month.Money.Due)
	})
}

// undone are the codes undone at the platform.
func (b *bench) undone() (codes []string) {
	for _, e := range b.platform.Ledger() {
		if e.Kind == dianpingtest.EffectUndone {
			codes = append(codes, e.Code)
		}
	}
	return codes
}
