package chat

import (
	"context"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// What the platform has called too late is not offered again, however much of our
// own window is left.
func TestClosedWindowIsNotOffered(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "reverseconsume", Answer: "1029", Times: 1}))
		has(t, b.say("zhangsan", "撤 "+Code), "没有撤销", "平台不再允许撤销")
		for _, text := range []string{"撤", "撤 " + Code} {
			r := b.say("zhangsan", text)
			hasNot(t, r, "要撤销这一次吗", "[撤销]")
		}
		has(t, b.say("zhangsan", "撤"), "没有可以撤销的核销")
		if n := b.calls("reverseconsume"); n != 1 {
			t.Errorf("%d undos were tried", n)
		}
		b.effects(Code, 1, 0)
	})
}

// A message of several codes that is given up after its first: each code is answered.
func TestGivenUpMessageNamesEveryCode(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		const second, third = "7000000001", "7000000002"
		for _, code := range []string{Code, second, third} {
			b.voucher(code)
		}
		o := b.bend()
		first := true
		o.prepare = func(r dianping.Receipt, err error) (dianping.Receipt, error) {
			if !first {
				panic("bad luck")
			}
			first = false
			return r, err
		}
		b.start(b.private("zhangsan", "验 "+Code+" "+second+" "+third))
		for range 2 * maxAttempts {
			b.clock.Advance(b.bot.core.Lease(redeem.ConsumeCalls))
			b.bot.Pass(context.Background())
		}
		b.bot.Pass(context.Background())
		r := b.last()
		has(t, r, "3 个券码，成功 1 个", "✅7494: 双人下午茶 ¥49.90", "❗0001: 没有处理，请再发一次", "❗0002: 没有处理，请再发一次", "[撤 尾号7494]")
		b.effects(Code, 1, 0)
		b.effects(second, 0, 0)
		list := b.pressPrivately("zhangsan", r.Card, b.key(r, "撤 尾号7494"))
		has(t, list, "3 个券码，成功 0 个", "↩7494: 双人下午茶 已撤销", "❗0001: 没有处理，请再发一次") // changed, and still tells of all
		o.prepare = nil
		has(t, b.privately("zhangsan", "验 "+second+" "+third), "成功 2 个")
	})
}

// 撤 without a code is about the sender's newest verification: one without an outcome is
// told of, and an older one is not taken for it.
func TestUndoLastInDoubt(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		const older, newest = "8000000001", "8000000002"
		doubt := func(code string) {
			b.voucher(code)
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "consume", Code: code, Times: 1000}))
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Times: 1000}))
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Text = bot.Text, "验 "+code
			b.start(m)
		}
		doubt("8000000000")
		r := b.say("zhangsan", "撤")
		has(t, r, "券码 8000000000，还没有结果，现在不能撤销")
		b.clock.Advance(time.Second)
		b.voucher(older)
		has(t, b.say("zhangsan", "验 "+older), "核销成功")
		hasNot(t, b.say("zhangsan", "撤"), "还没有结果") // the doubt is older
		b.clock.Advance(time.Second)
		doubt(newest)
		r = b.say("zhangsan", "撤")
		has(t, r, "要撤销更早的这一次吗", "券码 "+newest+"，还没有结果", older, "[撤销]")
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, newest)
		b.must(err)
		op.Outcome.Reason, op.DueAt = "risk_held", b.clock.Now().Add(time.Minute)
		_, err = b.db.Journal.HeldConsume(t.Context(), op)
		b.must(err)
		r = b.say("zhangsan", "撤")
		has(t, r, "券码 "+newest+"，还在平台风控核验中", "[撤销]")
		has(t, b.press("zhangsan", r.Card, b.key(r, "撤销")), "已撤销", older)
		b.effects(newest, 0, 0)
	})
}

// An undo by a list's button that the platform refuses, whole or in part, is told on the
// list and in what is listed later; sums have what stands.
func TestRefusedUndoOnAList(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		order := b.order("2000000001", 2)
		b.voucher("2000000002")
		list := b.privately("zhangsan", "验 2000000001 x2\n2000000002")
		has(t, list, "2 个券码，成功 2 个", "2 张 ¥99.80", "合计 ¥149.70")
		refuse := func(code string) {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1012", Call: "reverseconsume", Code: code}))
		}
		refuse("2000000002")
		after := b.pressPrivately("zhangsan", list.Card, b.key(list, "撤 尾号0002"))
		has(t, after, "没有撤销 ¥49.90", "2 张 ¥99.80", "合计 ¥149.70", "尾号0002 没有撤销：")
		b.clock.Advance(time.Second)
		refuse(order[0].Code)
		after = b.pressPrivately("zhangsan", list.Card, b.key(list, "撤 尾号0001"))
		has(t, after, "没有撤销 ¥49.90", "撤销 1 张余 ¥49.90", "合计 ¥99.80", "尾号0001 撤销 1 张，其余没有撤销：", "顾客在 App 里看新的券码")
		for i, want := range []dianpingtest.State{dianpingtest.Consumed, dianpingtest.Replaced} {
			if v, _ := b.platform.Voucher(order[i].Code); v.State != want {
				t.Errorf("%s is %s, want %s", v.Code, v.State, want)
			}
		}
		has(t, b.privately("zhangsan", "记录"), "没有撤销", "撤销 1 张")
	})
}

// An undo is of all that a verification consumed. One that names another number is asked
// about first, however it was said; one that names all of them, or no number, is done.
func TestUndoNamesANumber(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		const code, single = "7000000001", "7000000011"
		order := b.order(code, 2)
		b.voucher(single)
		has(t, b.say("zhangsan", "验 "+code+" x2"), "核销成功")
		undone := func(want int) {
			t.Helper()
			n := 0
			for _, v := range order {
				n += b.platform.Effects(v.Code).Undone
			}
			if n != want {
				t.Errorf("%d coupons were undone, want %d", n, want)
			}
		}
		ask := []string{"要撤销这一次吗", "这次核销了 2 张，只能一起撤销", "可撤销至", "[撤销]"}
		spoken := b.at(robot, "", "zhangsan")
		spoken.Kind, spoken.Text = bot.Voice, "撤销七零零零零零零零零一一张"
		for _, r := range []bot.Reply{
			b.say("zhangsan", "撤 "+code+" 1张"), b.say("zhangsan", "撤 "+code+" x1"), b.say("zhangsan", code+" 一张 撤"),
			b.privately("zhangsan", "撤 "+code+"x3"), b.photo("zhangsan", "撤 1张", code), b.give(spoken),
		} {
			has(t, r, ask...)
		}
		has(t, b.say("lisi", "撤 "+code+" 1张"), "只有本人")
		undone(0)
		r := b.say("zhangsan", "撤 "+code+" 1张")
		has(t, b.press("zhangsan", r.Card, b.key(r, "撤销")), "已撤销")
		undone(2)

		has(t, b.say("zhangsan", "验 "+single), "核销成功")
		has(t, b.say("zhangsan", "撤 "+single+" 2张"), "您要撤销 2 张，这次核销了 1 张", "[撤销]")
		has(t, b.say("zhangsan", "撤 "+single+" 1张"), "已撤销")
		b.effects(single, 1, 1)
		has(t, b.say("zhangsan", "撤 "+single+" 2张"), "已撤销") // the truth
		has(t, b.say("zhangsan", "撤 8000000001 2张"), "没有在这里核销过")
	})
}

// So it is with the visits of a 次卡.
func TestUndoNamesVisits(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		v, err := other.AddVoucher(douyintest.Voucher{Shops: []string{poi(1)}, Title: "三次卡", Price: 10000, Visits: 3})
		b.must(err)
		code := v.Code
		b.tells(b.say("zhangsan", "验 抖音 "+code+" x2"), "核销成功")
		b.tells(b.say("zhangsan", "撤 抖音 "+code+" 1张"), "您要撤销 1 次，这次核销了 2 次，只能一起撤销", "[撤销]")
		b.tells(b.say("zhangsan", "撤 "+code+" 2张"), "已撤销")
	})
}

// After an undo in part, all is what stands.
func TestUndoNamesTheRest(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		order := b.order("2000000001", 2)
		has(t, b.say("zhangsan", "验 2000000001 x2"), "核销成功")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1012", Call: "reverseconsume", Code: order[0].Code}))
		has(t, b.say("zhangsan", "撤 2000000001 2张"), "只撤销了一部分")
		has(t, b.say("zhangsan", "撤 2000000001 2张"), "这次还没有撤销的是 1 张", "[撤销]")
		has(t, b.say("zhangsan", "撤 2000000001 1张"), "已撤销")
	})
}
