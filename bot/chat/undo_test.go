package chat

import (
	"context"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
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
