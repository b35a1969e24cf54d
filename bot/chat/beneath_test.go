package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// once presses the button that consumes more of a code that was asked for again.
func (b *bench) once(user, ask, button string) bot.Reply {
	b.t.Helper()
	again := b.say(user, ask)
	return b.press(user, again.Card, b.key(again, button))
}

// A further visit is refused for certain: the one before can be undone as before, by its
// code and without.
func TestUndoWhereTheNextWasRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for code, text := range map[string]string{"4000000001": "撤 4000000001", "4000000002": "撤"} {
			b.sellPass(code, 3)
			has(t, b.say("zhangsan", "验 "+code), "核销成功")
			b.clock.Advance(time.Minute)
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "consume", Answer: "1012", Times: 1}))
			hasNot(t, b.once("zhangsan", "验 "+code, "再用一次"), "核销成功")
			r := b.say("zhangsan", text)
			if text == "撤" {
				has(t, r, code, "[撤销]")
				r = b.press("zhangsan", r.Card, b.key(r, "撤销"))
			}
			has(t, r, "已撤销")
			b.effects(code, 1, 1)
		}
	})
}

// Each undo gives back one visit, from the last to the first, and nothing is told as undone
// while one stands.
func TestUndoOneAfterTheOther(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellPass(Code, 3)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.clock.Advance(time.Minute)
		has(t, b.once("zhangsan", "验 "+Code, "再用一次"), "核销成功")
		b.clock.Advance(time.Minute)
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销", "14:02:00")
		b.effects(Code, 2, 1)
		b.clock.Advance(time.Minute)
		look := b.say("zhangsan", "查 "+Code)
		has(t, look, "这张券用过了", "14:00:00")
		hasNot(t, look, "已经撤销了")
		has(t, b.say("zhangsan", "撤"), "14:10:00", "[撤销]")
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销", "14:03:00")
		b.effects(Code, 2, 2)
		b.clock.Advance(time.Minute)
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		has(t, b.say("zhangsan", "撤"), "没有可以撤销的核销")
		b.effects(Code, 2, 2)
	})
}

// The same of an order of two at Douyin, where each coupon has ids of its own.
func TestUndoOneAfterTheOtherOfAnOrder(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		b.must(other.SetKnobs(douyintest.Knobs{UsedCode: douyintest.UsedCodeSiblings}))
		v, err := other.AddOrder(douyintest.Voucher{Shops: []string{poi(1)}, Title: "抖音双人餐"}, 2)
		b.must(err)
		undone := func() (n int) {
			for _, one := range v {
				n += other.Effects(one.Code).Undone
			}
			return n
		}
		b.tells(b.say("zhangsan", "验 抖音 "+v[0].Code), "核销成功")
		b.clock.Advance(time.Minute)
		b.tells(b.once("zhangsan", "验 抖音 "+v[0].Code, "再核销一张"), "核销成功")
		for n := range 2 {
			b.clock.Advance(time.Minute)
			b.tells(b.say("zhangsan", "撤 抖音 "+v[0].Code), "已撤销")
			if undone() != n+1 {
				b.t.Errorf("%d are undone, want %d", undone(), n+1)
			}
		}
		for _, one := range v {
			if e := other.Effects(one.Code); e.Consumed != 1 || e.Undone != 1 {
				b.t.Errorf("%s: %+v", one.Code, e)
			}
		}
	})
}

// What cannot be undone because of a later one says how it can, as long as it can.
func TestUndoOfWhatIsFollowed(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellPass(Code, 3)
		first := b.say("zhangsan", "验 "+Code)
		has(t, first, "核销成功")
		b.clock.Advance(time.Minute)
		has(t, b.once("lisi", "验 "+Code, "再用一次"), "核销成功")
		r := b.press("zhangsan", first.Card, b.key(first, "撤销"))
		has(t, r, "14:10:00 之前", "先撤销后来那一次")
		b.clock.Advance(10 * time.Minute)
		r = b.press("zhangsan", first.Card, b.key(first, "撤销"))
		has(t, r, "不能再撤销")
		b.effects(Code, 2, 0)
	})
}
