package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// sums fails unless all that is summed up says what the platform's ledger does.
func (b *bench) sums() {
	b.t.Helper()
	n, fen, undone := ledgerOf(b.platform, time.Time{})
	want := fmt.Sprintf("%d 张 %v", n, dianping.Fen(fen))
	has(b.t, b.say("wangwu", "今日"), "今日 11-23 "+want)
	d, err := b.bot.desks.Desk(b.t.Context(), "wangwu")
	b.must(err)
	sheet, err := b.bot.desks.Sheet(b.t.Context(), d, 0, command.Today)
	b.must(err)
	if all := sheet.All; all.Verified != (models.Sum{Count: n, Fen: fen}) || all.Undone.Count != undone {
		b.t.Errorf("the console sums up %+v, want %s, %d undone", all, want, undone)
	}
	var moved models.Sum // by what the history of the console says of each
	found, _, err := b.bot.desks.History(b.t.Context(), d, desk.Search{})
	b.must(err)
	for _, f := range found {
		coupons, err := b.db.Journal.Coupons(b.t.Context(), f.ID)
		b.must(err)
		var one models.Sum
		for _, c := range coupons {
			one.Add(c.Price())
		}
		if f.Paid != words.Amount(one) && one.Count > 0 {
			b.t.Errorf("the history has %s for %s, the coupons %s", f.Paid, f.Code, words.Amount(one))
		}
		moved = moved.Plus(one)
	}
	if moved.Count != n+undone {
		b.t.Errorf("the history has %d coupons, the ledger %d", moved.Count, n+undone)
	}
	b.exported()
	b.tell("boss", "导出 今日")
	files := b.exported()
	if len(files) != 1 || files[0].Reply.File == nil {
		b.t.Fatalf("delivered %+v", files)
	}
	has(b.t, files[0].Reply, "核销 "+want, fmt.Sprintf("撤销 %d 张", undone))
}

// doubtOfTwo verifies two coupons of an order. The answer is lost, and the platform's record
// says nothing of whose they are until people were told.
func (b *bench) doubtOfTwo(code string) models.Operation {
	b.t.Helper()
	b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
	b.order(code, 2)
	o := b.bend()
	o.getConsumed = func(r dianping.Record, err error) (dianping.Record, error) {
		r.VerifyAccount = "merchant-main"
		return r, err
	}
	b.lose()
	b.start(b.private("zhangsan", "验 "+code+" x2"))
	b.passFor(5*time.Minute, 10*time.Second)
	op, err := b.db.Journal.ByCoupon(b.t.Context(), 1, code)
	b.must(err)
	if o.getConsumed = nil; !op.NeedsHuman {
		b.t.Fatalf("%s, and nobody was told", op.State)
	}
	return op
}

// Of several coupons the platform tells one code: all count, in every sum, until they are
// undone, and their records are theirs.
func TestUntoldCouponsEverywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.doubtOfTwo("7000000001")
		has(t, b.in("", "boss", "确认 7000000001 已核销"), "核销成功", "¥49.90 × 2 = ¥99.80", "平台只告诉了 1 张的券码")
		has(t, b.say("wangwu", "记录"), "2 张 ¥99.80")
		b.sums()
		has(t, b.say("zhangsan", "撤 7000000001"), "撤销了 1 张，其余 1 张", "还剩 1 张")
		has(t, b.say("wangwu", "记录"), "撤销 1 张余 ¥49.90")
		b.sums()
		b.doubtOfTwo("7100000001")
		has(t, b.in("", "boss", "确认 7100000001 已核销"), "核销成功")
		b.sums()
		b.clock.Advance(24 * time.Hour)
		r := b.say("wangwu", "对账 昨日")
		has(t, r, "平台 3 笔 = 机器人 3")
		hasNot(t, r, "其他系统", "平台没有 ", "还没有结果")
		has(t, r, "机器人: 3 笔 ¥149.70")
	})
}

// One answer of the platform's list that is missing leaves no code untold.
func TestListFailsOnceInDoubt(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		order := b.order(Code, 2)
		b.lose()
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "querylistbydate"}))
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
		b.start(b.private("zhangsan", "验 "+Code+" x2"))
		b.passFor(time.Minute, 5*time.Second)
		has(t, b.last(), "核销成功", "¥49.90 × 2 = ¥99.80", "共 2 张", order[1].Code)
		hasNot(t, b.last(), "平台只告诉了")
		b.sums()
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		b.sums()
	})
}

// The list of an export says where a code is not known.
func TestUntoldCouponExported(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.doubtOfTwo(Code)
		has(t, b.in("", "boss", "确认 "+Code+" 已核销"), "核销成功")
		b.exported()
		b.tell("boss", "导出 今日 csv")
		files := b.exported()
		if len(files) != 1 || files[0].Reply.File == nil {
			t.Fatalf("delivered %+v", files)
		}
		text := string(b.content(files[0].Reply.File))
		for _, want := range []string{"," + Code + ",", ",券码不详,"} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%d of %q in\n%s", strings.Count(text, want), want, text)
			}
		}
	})
}
