package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// sellPass sells a 次卡 that is good in the first store.
func (b *bench) sellPass(code string, visits int) {
	b.t.Helper()
	_, err := b.platform.AddVoucher(dianpingtest.Voucher{
		Code: code, Title: "十次卡", Price: 49900, Mobile: "138****0000", Visits: visits, BizType: 205, Shops: []string{"shop-a"},
		Expires: time.Date(2027, 1, 1, 15, 59, 59, 0, time.UTC),
	})
	b.must(err)
}

// A second verification of a 次卡 is answered with who, when and what is left, and its
// button takes one visit more, once for each card: by robot, and by app.
func TestUseOnceMore(t *testing.T) {
	for channel, chat := range map[string]string{robot: group, app: ""} {
		t.Run(channel, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				press := func(user string, r bot.Reply, text string) bot.Reply {
					m := b.at(channel, chat, user)
					m.Kind, m.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, text)}
					return b.give(m)
				}
				b.sellPass(Code, 3)
				has(t, b.in(chat, "zhangsan", "验 "+Code), "核销成功", "还剩 2 次")
				b.clock.Advance(time.Minute)
				again := b.in(chat, "lisi", "验 "+Code)
				has(t, again, "此券已核销", "张三", "14:00:00", "还剩 2 次", "[再用一次]")
				b.effects(Code, 1, 0)
				has(t, press("lisi", again, "再用一次"), "核销成功", "李四", "还剩 1 次")
				has(t, press("lisi", again, "再用一次"), "核销成功", "李四") // the truth, and no third
				b.clock.Advance(time.Minute)
				old := press("zhangsan", again, "再用一次")
				has(t, old, "又核销过一次", "李四", "14:01:00", "没有生效")
				hasNot(t, old, "[")
				last := b.in(chat, "zhangsan", "验 "+Code)
				has(t, last, "李四", "还剩 1 次", "[再用一次]")
				has(t, press("zhangsan", last, "再用一次"), "核销成功", "用完了")
				used := b.in(chat, "lisi", "验 "+Code)
				has(t, used, "此券已核销", "张三")
				hasNot(t, used, "[", "还剩")
				if got := b.platform.Effects(Code).Consumed; got != 3 {
					t.Errorf("consumed %d times, want 3", got)
				}
			})
		})
	}
}

// A platform that does not answer leaves no offer, and is said.
func TestUseOnceMoreUnanswered(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.sellPass(Code, 3)
		b.say("zhangsan", "验 "+Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 1}))
		r := b.say("zhangsan", "验 "+Code)
		has(t, r, "此券已核销", "张三", "没有说还能不能再用")
		hasNot(t, r, "[", "还剩")
		r = b.say("zhangsan", "验 "+Code+" 8000000001")
		has(t, r, "还剩 2 次", "要再用的，请单独发一次，例如：验 "+Code)
		b.effects(Code, 1, 0)
	})
}

// A 次卡 that was used at one account, with the same digits verified later at the other, is
// used again by a button.
func TestUseOnceMoreBesideAnother(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sellPass(twice, 5)
		b.sell(twice)
		b.tells(b.say("zhangsan", "验 点评 "+twice), "核销成功")
		b.clock.Advance(time.Minute)
		b.tells(b.say("zhangsan", "验 美团 "+twice), "核销成功")
		b.clock.Advance(time.Minute)
		again := b.say("wangwu", "验 "+twice)
		b.tells(again, "此券已核销", "人民广场店（美团）", "[大众点评也核销]")
		b.tells(b.press("wangwu", again.Card, b.key(again, "大众点评也核销")), "核销成功", "人民广场店（大众点评）", "还剩 3 次")
		b.consumed(twice, 2, 1)

		b.clock.Advance(time.Minute)
		b.tells(b.say("zhangsan", "验 "+twice), "王五", "人民广场店（大众点评）", "[再用一次]", "![美团")
		named := b.say("zhangsan", "验 点评 "+twice)
		b.tells(b.press("zhangsan", named.Card, b.key(named, "再用一次")), "核销成功", "还剩 2 次")
		b.consumed(twice, 3, 1)
	})
}

// The order of a code at Douyin has more: the button takes one, or says that another code
// is needed.
func TestOneMoreOfAnOrder(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		for _, used := range []douyintest.Choice{douyintest.UsedCodeSiblings, douyintest.UsedCodeRefused} {
			b.must(other.SetKnobs(douyintest.Knobs{UsedCode: used}))
			v, err := other.AddOrder(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"}, 2)
			b.must(err)
			b.tells(b.say("zhangsan", "验 抖音 "+v[0].Code), "核销成功", "还剩 1 张")
			b.clock.Advance(time.Minute)
			again := b.say("wangwu", "验 抖音 "+v[0].Code)
			b.tells(again, "此券已核销", "张三", "还剩 1 张", "[再核销一张]")
			got := b.press("wangwu", again.Card, b.key(again, "再核销一张"))
			if used == douyintest.UsedCodeSiblings {
				b.tells(got, "核销成功", "王五", "!还剩")
			} else {
				b.tells(got, "此券已核销", "重新打开订单页", "!核销成功", "![")
			}
		}
		if twice := other.TwiceConsumed(); len(twice) > 0 {
			b.t.Errorf("consumed twice: %v", twice)
		}
	})
}
