package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping/dianpingtest"
)

// sellInBoth sells a 次卡 that is good in both stores.
func (b *bench) sellInBoth(code string) {
	b.t.Helper()
	_, err := b.platform.AddVoucher(dianpingtest.Voucher{
		Code: code, Title: "十次卡", Price: 49900, Visits: 10, BizType: 205, Shops: []string{"shop-a", "shop-b"},
		Expires: time.Date(2027, 1, 1, 15, 59, 59, 0, time.UTC),
	})
	b.must(err)
}

// The question which store is meant is answered once: who presses another store on the same
// card is shown what the first press did. What was asked may be a text, several codes or a
// scan.
func TestStoreIsChosenOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for one, ask := range map[string]func(one string) bot.Reply{
			"4000000001": func(one string) bot.Reply { return b.privately("zhaoliu", "验 "+one) },
			"4000000002": func(one string) bot.Reply { return b.privately("zhaoliu", "验 "+one+" 4000000009") },
			"4000000003": func(one string) bot.Reply { return b.give(b.sent(app, "", "zhaoliu", "验", b.drawn("|"+one))) },
		} {
			b.clock.Advance(24 * time.Hour) // the choice is for a day
			b.sellInBoth(one)
			q := ask(one)
			has(t, q, "请选择门店")
			r := b.pressPrivately("zhaoliu", q.Card, b.key(q, "人民广场店"))
			has(t, r, one[6:])
			for _, store := range []string{"徐家汇店", "人民广场店", "徐家汇店"} {
				b.clock.Advance(time.Minute)
				r = b.pressPrivately("zhaoliu", q.Card, b.key(q, store))
				if one == "4000000002" { // and a code that does not exist
					has(t, r, "人民广场店", "成功 1 个", "✅0002", "[撤 尾号0002]")
				} else {
					has(t, r, "核销成功", "人民广场店")
				}
				b.effects(one, 1, 0)
			}
		}
	})
}

// A store where nothing was verified is no decision: the other may be chosen on the same
// card. So may it after an undo, and on another card.
func TestStoreIsChosenAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellInBoth(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: "1012", Times: 1}))
		q := b.privately("zhaoliu", "验 "+Code)
		hasNot(t, b.pressPrivately("zhaoliu", q.Card, b.key(q, "人民广场店")), "核销成功")
		r := b.pressPrivately("zhaoliu", q.Card, b.key(q, "徐家汇店"))
		has(t, r, "核销成功", "徐家汇店")
		b.effects(Code, 1, 0)
		has(t, b.pressPrivately("zhaoliu", r.Card, b.key(r, "撤销")), "已撤销")
		r = b.pressPrivately("zhaoliu", q.Card, b.key(q, "人民广场店"))
		has(t, r, "核销成功", "人民广场店")
		b.effects(Code, 2, 1)
		b.clock.Advance(24 * time.Hour)
		q = b.privately("zhaoliu", "验 "+Code)
		has(t, b.pressPrivately("zhaoliu", q.Card, b.key(q, "徐家汇店")), "核销成功", "徐家汇店")
		b.effects(Code, 3, 1)
	})
}

// While the first press has no outcome, the second is told so, and nothing is sent.
func TestStoreIsChosenWhileInDoubt(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellInBoth(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "consume", Applied: true, Times: 1000}))
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Times: 1000}))
		q := b.privately("zhaoliu", "验 "+Code)
		first := b.at(app, "", "zhaoliu")
		first.Kind, first.Button = bot.Click, &bot.Button{TaskID: q.Card.TaskID, Key: b.key(q, "人民广场店")}
		b.start(first)
		r := b.pressPrivately("zhaoliu", q.Card, b.key(q, "徐家汇店"))
		has(t, r, "赵六", "正在核销")
		b.effects(Code, 1, 0)
	})
}
