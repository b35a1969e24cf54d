package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/desk"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

const (
	coffee = "1760000000000000001"
	cake   = "1760000000000000002"
)

// mixed sells two coffees and a cake of one order, and gives their codes.
func mixed(b *pair, p *douyintest.Platform, code string) (codes []string) {
	b.t.Helper()
	made, err := p.AddOrder(douyintest.Voucher{Code: code, SKUID: coffee, Title: "手冲咖啡一杯", Price: 1990, Shops: []string{poi(1)}}, 2)
	b.must(err)
	more, err := p.AddOrder(douyintest.Voucher{OrderID: made[0].OrderID, SKUID: cake, ProductID: made[0].ProductID, Title: "芝士蛋糕", Price: 2990, Shops: []string{poi(1)}}, 1)
	b.must(err)
	for _, v := range append(made, more...) {
		codes = append(codes, v.Code)
	}
	return codes
}

// used compares how often coupons were used.
func used(b *pair, p *douyintest.Platform, codes []string, want ...int) {
	b.t.Helper()
	for i, code := range codes {
		if n := p.Effects(code).Consumed - p.Effects(code).Undone; n != want[i] {
			b.t.Errorf("%s is used %d times, want %d", code, n, want[i])
		}
	}
}

// A code of two products verifies neither until a person presses one: that is verified,
// once, however often it is pressed, and undone as any.
func TestWhichProduct(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const code = "104930181552"
		codes := mixed(b, other, code)
		for _, text := range []string{"验 " + code, "查 " + code, "验 抖音 " + code + " x2"} {
			b.tells(b.say("zhangsan", text), "请选择商品", "没有核销", "手冲咖啡一杯 ¥19.90 剩 2 张", "芝士蛋糕 ¥29.90 剩 1 张", "[1 手冲", "[2 芝士蛋糕", "!核销成功")
		}
		used(b, other, codes, 0, 0, 0)
		var story strings.Builder
		b.must(desk.Explain(b.t.Context(), &story, b.db, time.UTC, code))
		if !strings.Contains(story.String(), "没有核销：这个券码有几种商品（which_product 手冲咖啡一杯；芝士蛋糕）") {
			b.t.Errorf("%s", story.String())
		}
		ask := b.say("zhangsan", "验 "+code)
		done := b.press("zhangsan", ask.Card, b.key(ask, "2 芝士蛋糕"))
		b.tells(done, "核销成功", "芝士蛋糕", "¥29.90", "人民广场店（抖音）", "还剩 2 张")
		used(b, other, codes, 0, 0, 1)
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "2 芝士蛋糕")), "核销成功", "芝士蛋糕")
		b.tells(b.press("wangwu", ask.Card, b.key(ask, "1 手冲咖啡一杯")), "此券已核销", "张三", "!核销成功")
		used(b, other, codes, 0, 0, 1)
		b.tells(b.say("zhangsan", "撤 "+code), "已撤销", "芝士蛋糕")
		used(b, other, codes, 0, 0, 0)
	})
}

// Where no button can be pressed a product is named by the end of its number; what is not
// there is not guessed at.
func TestWhichProductTyped(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const code = "104930181552"
		codes := mixed(b, other, code)
		ask := b.say("zhangsan", "验 抖音 "+code)
		say := ""
		for _, k := range ask.Card.Keys {
			if strings.HasPrefix(k.Text, "1 ") {
				say = k.Say
			}
		}
		if say != "验 抖音 "+code+" 商品0001" {
			b.t.Errorf("%q", say)
		}
		b.tells(b.say("zhangsan", "验 抖音 "+code+" 商品0009"), "没有这种商品", "没有核销", "[1 手冲", "[2 芝士")
		b.tells(b.say("zhangsan", "验 抖音 "+code+" 商品00 02"), "!核销成功")
		b.tells(b.say("zhangsan", "验 抖音 "+code+" 商品0002 x2"), "可用张数不够", "只剩 1 张")
		used(b, other, codes, 0, 0, 0)
		look := b.say("zhangsan", "查 抖音 "+code+" 商品0002")
		b.tells(look, "可以核销", "芝士蛋糕", "[确认核销]")
		used(b, other, codes, 0, 0, 0)
		b.tells(b.press("zhangsan", look.Card, b.key(look, "确认核销")), "核销成功", "芝士蛋糕")
		used(b, other, codes, 0, 0, 1)

		const next = "104930181777"
		codes = mixed(b, other, next)
		b.tells(b.say("zhangsan", strings.Replace(say, code, next, 1)+" x2"), "核销成功", "手冲咖啡一杯", "¥19.90 × 2")
		used(b, other, codes, 1, 1, 0)
	})
}

// By link, in a list, and after what was verified before: a product is asked for each time
// it is not certain, and a button that is too old verifies nothing else in its place.
func TestWhichProductLater(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		b.must(other.SetKnobs(douyintest.Knobs{UsedCode: douyintest.UsedCodeSiblings}))
		const code, single = "104930181552", "104930181999"
		codes := mixed(b, other, code)
		_, err := other.AddVoucher(douyintest.Voucher{Code: single, Shops: []string{poi(1)}, Title: "抖音双人餐"})
		b.must(err)
		b.tells(b.say("zhangsan", "验 抖音 "+code+" "+single), "2 个券码，成功 1 个", "请选择商品", "要选商品的，请单独发一次，例如：验 抖音 "+code)
		used(b, other, codes, 0, 0, 0)

		v, _ := other.Voucher(code)
		ask := b.say("zhangsan", "验 "+v.QR)
		b.tells(ask, "请选择商品", "[1 手冲", "[2 芝士")
		two := b.say("zhangsan", "验 抖音 "+code+" x2")
		b.tells(b.press("zhangsan", two.Card, b.key(two, "1 手冲…一杯 2张")), "核销成功", "手冲咖啡一杯", "还剩 1 张")
		used(b, other, codes, 1, 1, 0)
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "1 手冲咖啡一杯")), "!核销成功")
		used(b, other, codes, 1, 1, 0)

		again := b.say("zhangsan", "验 抖音 "+code)
		b.tells(again, "此券已核销", "还剩 1 张", "[再核销一张]")
		other1 := b.press("zhangsan", again.Card, b.key(again, "再核销一张"))
		b.tells(other1, "请选择商品", "另一种商品", "芝士蛋糕", "[1 芝士蛋糕]", "!手冲")
		used(b, other, codes, 1, 1, 0)
		b.tells(b.press("zhangsan", other1.Card, b.key(other1, "1 芝士蛋糕")), "核销成功", "芝士蛋糕")
		used(b, other, codes, 1, 1, 1)
	})
}

// What is pressed is settled for what was pressed, whatever became of the answer.
func TestWhichProductLostAnswer(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const code = "104930181552"
		codes := mixed(b, other, code)
		ask := b.say("zhangsan", "验 抖音 "+code)
		b.must(other.Fail(douyintest.Fault{Kind: douyintest.ApplyThenDrop, Call: "verify"}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Button = bot.Click, &bot.Button{TaskID: ask.Card.TaskID, Key: b.key(ask, "2 芝士蛋糕")}
		b.start(m)
		b.settle()
		used(b, other, codes, 0, 0, 1)
		op, err := b.db.Journal.ByCouponIn(b.t.Context(), []int64{1, 2, 3, 4}, code)
		b.must(err)
		if op.State != models.Done || op.Title != "芝士蛋糕" {
			b.t.Errorf("it is %s, %s", op.State, op.Title)
		}
	})
}

// A button is not trusted: who may not verify here, and a product that is none, get nothing.
func TestWhichProductForged(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const code = "104930181552"
		codes := mixed(b, other, code)
		ask := b.say("zhangsan", "验 抖音 "+code)
		key := b.key(ask, "2 芝士蛋糕")
		b.tells(b.press("stranger", ask.Card, key), "!核销成功")
		b.tells(b.press("zhangsan", ask.Card, strings.Replace(key, cake, "1760000000000000009", 1)), "没有这种商品", "!核销成功")
		b.tells(b.press("zhangsan", ask.Card, strings.Replace(key, cake, "1' OR 1", 1)), "!核销成功")
		used(b, other, codes, 0, 0, 0)
		b.clock.Advance(time.Minute)
		b.tells(b.press("wangwu", ask.Card, key), "核销成功", "芝士蛋糕", "王五")
		used(b, other, codes, 0, 0, 1)
	})
}

// Another button of a card that was pressed before asks for something else: what the first
// press did is no answer to it.
func TestAnotherButtonOfTheCard(t *testing.T) {
	withDouyin(t, func(b *pair, other *douyintest.Platform) {
		const code = "104930181552"
		codes := mixed(b, other, code)
		ask := b.say("zhangsan", "验 抖音 "+code)
		cake, coffee := b.key(ask, "2 芝士蛋糕"), b.key(ask, "1 手冲咖啡一杯")
		b.tells(b.press("zhangsan", ask.Card, cake), "核销成功", "芝士蛋糕")
		b.tells(b.press("zhangsan", ask.Card, cake), "核销成功", "芝士蛋糕")
		b.tells(b.press("zhangsan", ask.Card, coffee), "此券已核销", "芝士蛋糕")
		consumed := 0
		for _, c := range codes {
			consumed += other.Effects(c).Consumed
		}
		if consumed != 1 {
			b.t.Errorf("%d consumed", consumed)
		}
	})
}

// A look tells that what was verified was undone since.
func TestLookAfterAnUndo(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.sellPass(Code, 3)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.clock.Advance(time.Minute)
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		looked := b.say("lisi", "查 "+Code)
		has(t, looked, "可以核销", "14:00:00 由 张三 核销过，已经撤销了")
		has(t, b.press("lisi", looked.Card, b.key(looked, "确认核销")), "核销成功")
	})
}
