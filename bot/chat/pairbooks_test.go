package chat

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot/alert"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/figures"
	"yanquan/bot/reconcile"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// there verifies coupons of the second platform, and here of the first.
func (b *pair) there(n int) (codes []string) {
	b.t.Helper()
	for range n {
		b.ids++
		code := fmt.Sprint(810000000000 + b.ids)
		_, err := b.other.AddVoucher(dianpingtest.Voucher{Code: code, Title: "单人烤鱼", Price: 2990, Mobile: "138****0000", Shops: []string{"shop-m"}})
		b.must(err)
		b.tells(b.say("zhangsan", "验 美团 "+code), "核销成功")
		codes = append(codes, code)
	}
	return codes
}

func (b *pair) here(n int) (codes []string) {
	b.t.Helper()
	for range n {
		b.ids++
		code := fmt.Sprint(710000000000 + b.ids)
		b.voucher(code)
		b.tells(b.say("zhangsan", "验 点评 "+code), "核销成功")
		codes = append(codes, code)
	}
	return codes
}

// Thresholds are the store's, at whichever of its accounts something happens, and its
// managers are told.
func TestAlertsOfTwoAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.here(2)
		b.there(2)
		b.alerts(alert.Rules{SamePhone: 5})
		b.alerts(alert.Rules{SamePhone: 4}, "同一个手机号", "人民广场店", "4 张")
		b.clock.Advance(time.Second)
		b.alerts(alert.Rules{Open: hours(b.t, "17:00-02:00")}, "营业时间外", "人民广场店", "4 次")
		var about []int64
		c := *b.bot.alerts
		c.Rules = alert.Rules{Open: hours(b.t, "17:00-02:00"), SamePhone: 6}
		c.Tell = func(_ context.Context, _ *models.DB, a alert.Alert) error {
			about = append(about, a.Stores...)
			return nil
		}
		b.there(2)
		b.clock.Advance(26 * time.Hour)
		b.there(6)
		b.clock.Advance(time.Second)
		b.must(c.Check(b.t.Context()))
		if !slices.Equal(about, []int64{1, 1}) {
			b.t.Errorf("told of %v, want of the store", about)
		}
	})
}

// What a store verified is shown by platform, too: the parts are the whole, to the fen.
func TestSumsByPlatform(t *testing.T) {
	pairs(t, func(b *pair) {
		b.here(2)
		undone := b.there(4)[3]
		b.tells(b.say("zhangsan", "撤 "+undone), "已撤销")
		b.must(b.other.SetKnobs(dianpingtest.Knobs{Prices: dianpingtest.PriceAbsent}))
		b.there(1)
		const all, first, second = "5 张 ¥189.50，另有 1 张金额不详", "大众点评 2 张 ¥99.80", "美团 3 张 ¥89.70，另有 1 张金额不详"
		b.tells(b.say("wangwu", "今日"), "今日 11-23 "+all, "平台: "+first, "平台: "+second, "撤销: 1 张 ¥29.90")
		b.tells(b.say("zhangsan", "今日"), "核销 "+all, "平台: "+first, "平台: "+second)
		d, err := b.bot.desks.Desk(t.Context(), "wangwu")
		b.must(err)
		sheet, err := b.bot.desks.Sheet(t.Context(), d, 0, command.Today)
		b.must(err)
		var sum models.Tally
		for _, l := range sheet.ByPlatform {
			sum = sum.Plus(l.Tally)
		}
		if len(sheet.ByPlatform) != 2 || sum != sheet.All.Tally {
			t.Errorf("the parts %+v are not the whole %+v", sheet.ByPlatform, sheet.All)
		}
		found, _, err := b.bot.desks.History(t.Context(), d, desk.Search{State: "done"})
		b.must(err)
		on := map[string]int{}
		for _, f := range found {
			on[f.Platform]++
		}
		if on["大众点评"] != 2 || on["美团"] != 4 {
			t.Errorf("history: %v", on)
		}

		// An account that is taken off keeps what it has verified.
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: dianping.Dianping, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Chats: []string{group}}}))
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour)
		got := b.summaries("boss", "11-")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "11-23 "+all, first, second)
		b.clock.Advance(24 * time.Hour)
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: 1, UserID: "wangwu", Name: "王五", Role: models.RoleLead}))
		hasNot(t, b.say("wangwu", "今日"), "平台")
	})
}

// A file has a line for each coupon with its platform and the shop there; what it adds up
// to is what the summary says.
func TestExportOfTwoAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		code := b.here(1)[0]
		b.there(2)
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, code)
		b.must(err)
		at := b.clock.Now()
		_, err = b.db.Refunds.Add(t.Context(), models.Refund{
			Platform: "douyin", CertificateID: "7", StoreID: 1, OperationID: op.ID, Code: code, PriceFen: op.PriceFen, RefundedAt: at,
		})
		b.must(err)
		b.tell("boss", "导出 今日 csv")
		sent := b.exported()
		if len(sent) == 0 || sent[len(sent)-1].Reply.File == nil {
			t.Fatalf("%+v", sent)
		}
		last := sent[len(sent)-1].Reply
		has(t, last, "核销 3 张 ¥109.70")
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b.content(last.File), []byte("\ufeff")))).ReadAll()
		b.must(err)
		var lines []string
		for _, row := range rows {
			lines = append(lines, strings.Join([]string{row[0], row[1], row[6], row[20], row[21]}, " "))
		}
		want := "门店 平台 售价(元) 平台门店编号 退款时间\n人民广场店 大众点评 49.90 shop-a " + at.In(b.bot.Location).Format(time.DateTime) +
			"\n人民广场店 美团 29.90 shop-m \n人民广场店 美团 29.90 shop-m "
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A day is compared at both platforms, each with its own list, also where the store's first
// account is in use no more.
func TestReconcileTwoAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.here(2)
		b.there(1)
		b.until(9, 0)
		b.tells(b.say("wangwu", "对账"), "平台 3 笔 = 机器人 3", "人民广场店（大众点评） 2 笔，一致", "人民广场店（美团） 1 笔，一致")
		s, err := b.db.Directory.Store(t.Context(), 1)
		b.must(err)
		one := sheet{s.Further[0], s, s.Name}
		result, _, err := b.bot.reconciliation.Result(t.Context(), one.ID, firstDay)
		b.must(err)
		b.tells(b.bot.lists.reconciledStore(t.Context(), one, firstDay, map[int64]reconcile.Result{one.ID: result}), "平台 1 笔 = 机器人 1", "应收")
	})
}

// A day on which an account verified something is reconciled also where the account was
// taken off since, once it can be asked; its days since then are not.
func TestReconcileAccountTakenOff(t *testing.T) {
	pairs(t, func(b *pair) {
		b.nightly()
		b.here(2)
		b.there(1)
		s, err := b.db.Directory.Store(t.Context(), 1)
		b.must(err)
		off := s.Further[0].ID
		_, err = b.db.Accounts.TakeOff(t.Context(), off)
		b.must(err)
		b.must(b.other.RevokeSession("token-shop-m"))
		b.until(3, 30)
		b.looks()
		if n := len(b.told("对账没有完成")); n != 1 {
			b.t.Errorf("told %d times, want once", n)
		}
		b.must(b.other.AddSession(dianpingtest.Session{Token: "token-shop-m", Dialect: dianpingtest.Meituan, Shops: []string{"shop-m"}}))
		b.clock.Advance(time.Hour)
		b.looks()
		r, ok, err := b.bot.reconciliation.Result(t.Context(), off, firstDay)
		if err != nil || !ok || r.Figures.Matched.Count != 1 {
			b.t.Errorf("%+v, %v, %v", r.Figures, ok, err)
		}
		for range 3 {
			b.until(3, 30)
			b.looks()
		}
		rows, err := b.db.Reconciliations.List(t.Context(), []int64{off}, firstDay, "2026-12-31")
		if err != nil || len(rows) != 1 || rows[0].Looks < 2 {
			b.t.Errorf("days %+v, %v", rows, err)
		}
	})
}

// The comparison of a day is of the same accounts as its sums: also of one that verified
// something and was taken off since.
func TestReconciledAccountsAreThoseOfTheSums(t *testing.T) {
	pairs(t, func(b *pair) {
		b.nightly()
		b.here(2)
		b.there(1)
		s, err := b.db.Directory.Store(t.Context(), 1)
		b.must(err)
		_, err = b.db.Accounts.TakeOff(t.Context(), s.Further[0].ID)
		b.must(err)
		b.until(9, 0)
		b.tells(b.say("boss", "昨日"), "3 张")
		b.tells(b.say("wangwu", "对账"), "平台 3 笔 = 机器人 3", "人民广场店（美团） 1 笔，一致")
		d, err := b.bot.desks.Desk(t.Context(), "boss")
		b.must(err)
		_, checked, err := b.bot.desks.Checked(t.Context(), d, 0, command.Yesterday)
		b.must(err)
		if len(checked) != 2 || checked[1].Result == nil || checked[1].Result.Figures.Matched.Count != 1 {
			b.t.Errorf("the page shows %+v", checked)
		}
		s, err = b.db.Directory.Store(t.Context(), 1)
		b.must(err)
		lines, err := b.bot.figures.Outlook(t.Context(), []models.Store{s})
		b.must(err)
		if len(lines) != 1 || !strings.HasSuffix(lines[0], "平台 3 笔 = 机器人 3") {
			b.t.Errorf("the summary says %v", lines)
		}
		b.clock.Advance(24 * time.Hour)
		b.tells(b.say("wangwu", "对账"), "平台 0 笔 = 机器人 0")
		hasNot(b.t, b.say("wangwu", "对账"), "美团")
	})
}
