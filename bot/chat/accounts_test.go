package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/redeem"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const twice = "799269749412" // a code that both platforms of a pair sell

// sold sells a code on both platforms.
func (b *pair) sold(code string) {
	b.t.Helper()
	b.voucher(code)
	b.sell(code)
}

// loses makes a platform consume without an answer, and tell nothing of it afterwards.
func (b *pair) loses(p *dianpingtest.Platform, code string) {
	b.t.Helper()
	b.must(p.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "consume", Code: code, Applied: true, Times: 1000}))
	b.must(p.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Times: 1000}))
}

// doubtful verifies with an answer that is lost, and waits until people are told.
func (b *pair) doubtful(user, text string) {
	b.t.Helper()
	m := b.at(robot, group, user)
	m.Kind, m.Text = bot.Text, text
	b.start(m)
	b.patiently()
}

// patiently waits until people are told of what is in doubt.
func (b *pair) patiently() {
	for range 8 {
		b.clock.Advance(30 * time.Second)
		b.bot.Pass(b.t.Context())
	}
}

// on is the newest operation on a code in an account of the store, by its place.
func (b *pair) on(place int, code string) models.Operation {
	b.t.Helper()
	s, err := b.db.Directory.Store(b.t.Context(), 1)
	b.must(err)
	op, err := b.db.Journal.ByCoupon(b.t.Context(), s.Accounts()[place].ID, code)
	b.must(err)
	return op
}

// A doubt is ended where it is, whatever became of the code at the other platform; of two
// doubts a manager says which.
func TestCloseOfTwoAccounts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.tells(b.say("zhangsan", "验 点评 "+twice), "核销成功")
		b.loses(b.other, twice)
		b.doubtful("zhangsan", "验 美团 "+twice)
		b.tells(b.privately("boss", "确认 点评 "+twice+" 已核销"), "核销成功", "大众点评") // no doubt there: what is
		if op := b.on(1, twice); !op.NeedsHuman {
			b.t.Fatalf("not in doubt: %+v", op)
		}
		b.tells(b.privately("boss", "确认 "+twice+" 已核销"), "核销成功", "人民广场店（美团）")
		if op := b.on(1, twice); op.State != models.Done {
			b.t.Errorf("it is %s", op.State)
		}

		const both = "799269749413"
		b.sold(both)
		b.loses(b.platform, both)
		b.loses(b.other, both)
		b.doubtful("zhangsan", "验 点评 "+both)
		second := b.say("zhangsan", "验 美团 "+both) // to name it is not to have seen the doubt
		b.tells(second, "!核验中", "[美团也核销]")
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Button = bot.Click, &bot.Button{TaskID: second.Card.TaskID, Key: b.key(second, "美团也核销")}
		b.start(m)
		b.patiently()
		ask := b.privately("boss", "确认 "+both+" 未核销")
		b.tells(ask, "请选择平台", "[大众点评 未核销]", "[美团 未核销]")
		b.tells(b.press("boss", ask.Card, b.key(ask, "美团 未核销")), "没有核销")
		b.tells(b.privately("boss", "确认 抖音 "+both+" 未核销"), "没有在这里核销过")
		if one, two := b.on(0, both), b.on(1, both); !one.NeedsHuman || two.State != models.Rejected {
			b.t.Errorf("they are %s and %s", one.State, two.State)
		}
		b.tells(b.privately("boss", "确认 大众点评 "+both+" 已核销"), "核销成功", "人民广场店（大众点评）")
		b.tells(b.privately("boss", "确认 一下 "+both+" 已核销"), "!核销成功")
	})
}

// A visit of a 次卡 that is lost without effect gives way to a colleague who verifies the same
// code at the other platform, as an ordinary coupon does.
func TestLostVisitGivesWayToAnotherAccount(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sellPass(twice, 5)
		b.sell(twice)
		for _, call := range []string{"consume", "getconsumed"} {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: call, Code: twice}))
		}
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 点评 "+twice
		b.start(m)
		busy := b.say("wangwu", "验 美团 "+twice)
		b.tells(b.press("wangwu", busy.Card, b.key(busy, "美团也核销")), "核销成功")
		for range 10 {
			b.clock.Advance(3 * time.Second)
			b.bot.Pass(b.t.Context())
		}
		if op := b.on(0, twice); op.State != models.Rejected || op.Outcome.Reason != redeem.ReasonHere {
			b.t.Errorf("it is %s: %s", op.State, op.Outcome.Reason)
		}
		b.consumed(twice, 0, 1)
	})
}

// A card is one decision: what one of its buttons has verified, or may have, is not
// verified at the other platform by the other button, but by one that says so.
func TestCardIsOneDecision(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		ask := b.say("zhangsan", "验 "+twice)
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "美团确认核销")), "核销成功", "人民广场店（美团）")
		for _, user := range []string{"zhangsan", "wangwu"} {
			second := b.press(user, ask.Card, b.key(ask, "大众点评确认核销"))
			b.tells(second, "此券已核销", "张三", "人民广场店（美团）", "[大众点评也核销]", "!大众点评确认核销")
			b.consumed(twice, 0, 1)
		}
		second := b.press("wangwu", ask.Card, b.key(ask, "大众点评确认核销"))
		b.tells(b.press("wangwu", second.Card, b.key(second, "大众点评也核销")), "核销成功", "人民广场店（大众点评）")
		b.consumed(twice, 1, 1)
		b.press("zhangsan", second.Card, b.key(second, "大众点评也核销"))
		b.consumed(twice, 1, 1)
	})
}

// What is in doubt may stand; what was undone, or refused, does not.
func TestCardIsOneDecisionOfDoubts(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		ask := b.say("zhangsan", "查 "+twice) // nothing is stored for a look
		b.loses(b.other, twice)
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Button = bot.Click, &bot.Button{TaskID: ask.Card.TaskID, Key: b.key(ask, "美团确认核销")}
		b.start(m)
		second := b.press("wangwu", ask.Card, b.key(ask, "大众点评确认核销"))
		b.tells(second, "正在核销", "张三", "[大众点评也核销]")
		b.consumed(twice, 0, 1)
		b.other.ClearFaults()
		b.settle()
		b.tells(b.say("zhangsan", "撤 "+twice), "已撤销", "人民广场店（美团）")
		b.tells(b.press("wangwu", ask.Card, b.key(ask, "大众点评确认核销")), "核销成功", "人民广场店（大众点评）")
		b.consumed(twice, 1, 1)

		const used = "799269749413" // at the second platform, by others
		b.sold(used)
		asked := b.say("zhangsan", "验 "+used)
		b.must(b.other.ConsumeElsewhere(used, "qiantai", "1"))
		b.tells(b.press("zhangsan", asked.Card, b.key(asked, "美团确认核销")), "此券已被使用")
		b.tells(b.press("wangwu", asked.Card, b.key(asked, "大众点评确认核销")), "核销成功")
		b.consumed(used, 1, 1) // the others, and we
	})
}

// Both buttons pressed at the same moment verify at one platform.
func TestCardIsOneDecisionAtOnce(t *testing.T) {
	pairs(t, func(b *pair) {
		for round, code := range []string{"799269749421", "799269749422", "799269749423", "799269749424", "799269749425", "799269749426"} {
			b.sold(code)
			ask := b.say("zhangsan", "验 "+code)
			var ids []string
			for i, key := range []string{"美团确认核销", "大众点评确认核销"} {
				m := b.at(robot, group, []string{"zhangsan", "wangwu"}[(i+round)%2])
				m.Kind, m.Button = bot.Click, &bot.Button{TaskID: ask.Card.TaskID, Key: b.key(ask, key)}
				ids = append(ids, b.accept(m))
			}
			b.bot.Wait()
			for _, id := range ids {
				if _, ready := b.bot.Await(b.t.Context(), id); !ready {
					b.t.Errorf("no answer")
				}
			}
			times := func() int { return b.platform.Effects(code).Consumed + b.other.Effects(code).Consumed }
			if times() == 0 { // both gave way
				b.press("zhangsan", ask.Card, b.key(ask, "美团确认核销"))
			}
			if n := times(); n != 1 {
				b.t.Errorf("%s was consumed %d times", code, n)
			}
		}
	})
}

// A call whose answer was lost is not sent again once the code was verified at the other
// platform: it may be the same customer's, tried there.
func TestNoRepeatBesideAnother(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "consume", Code: twice}))
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: twice, Times: 1}))
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 美团 "+twice
		b.start(m)
		if op := b.on(1, twice); op.State.Terminal() {
			b.t.Fatalf("it is %s", op.State)
		}
		busy := b.say("wangwu", "验 点评 "+twice)
		b.tells(busy, "正在核销", "人民广场店（美团）")
		b.tells(b.press("wangwu", busy.Card, b.key(busy, "大众点评也核销")), "核销成功", "人民广场店（大众点评）")
		b.settle()
		b.consumed(twice, 1, 0)
		if op := b.on(1, twice); op.State != models.Rejected {
			b.t.Errorf("it is %s", op.State)
		}
	})
}

// An undo that names no platform is about the newest verification that stands: in doubt,
// it says so and undoes no other.
func TestUndoOfTheNewest(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.tells(b.say("zhangsan", "验 点评 "+twice), "核销成功")
		b.loses(b.other, twice)
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 美团 "+twice
		b.start(m)
		ask := b.say("zhangsan", "撤 "+twice)
		b.tells(ask, "还没有结果", "美团", "[撤销 大众点评]", "!已撤销")
		if n := b.platform.Effects(twice).Undone; n != 0 {
			b.t.Errorf("the older one was undone")
		}
		b.tells(b.say("zhangsan", "撤 美团 "+twice), "正在核销")
		b.tells(b.say("zhangsan", "撤 点评 "+twice), "已撤销", "人民广场店（大众点评）")
		b.tells(b.say("zhangsan", "撤 "+twice), "正在核销") // alone now
		b.other.ClearFaults()
		b.settle()
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "撤销 大众点评")), "已撤销")
		b.tells(b.say("zhangsan", "撤 "+twice), "已撤销", "人民广场店（美团）")
	})
}

// The older operation is undone by its button where the newest cannot be undone any more,
// or was made by another person.
func TestUndoOfAnOlder(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.say("zhangsan", "验 点评 "+twice)
		b.say("wangwu", "验 美团 "+twice)
		ask := b.say("zhangsan", "撤 "+twice)
		b.tells(ask, "王五", "美团", "[撤销 大众点评]", "!已撤销")
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "撤销 大众点评")), "已撤销", "大众点评")
		b.tells(b.say("zhangsan", "撤 "+twice), "只有本人、组长或店长")
		b.tells(b.say("wangwu", "撤 "+twice), "已撤销", "美团")
	})
}

// While a platform says nothing, what is asked is no guess; where all answer, it is one.
func TestNoGuessWhileSilent(t *testing.T) {
	pairs(t, func(b *pair) {
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 100}))
		for _, text := range []string{"验 799269749421", "查 799269749422", "799269749423", "验 799269749424"} {
			b.tells(b.say("zhangsan", text), "还不能确定")
		}
		if n := b.guesses(); n != 0 {
			b.t.Errorf("%d guesses, and nothing was learnt", n)
		}
		b.other.ClearFaults()
		b.tells(b.say("zhangsan", "验 799269749421"), "券码不存在")
		if n := b.guesses(); n != 1 {
			b.t.Errorf("%d guesses, want 1", n)
		}
	})
}

// A code that was verified here is answered by the journal, whatever the platforms say of
// it by now, and is no guess.
func TestLookAtWhatWasVerifiedHere(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sell(twice)
		b.say("zhangsan", "验 "+twice)
		b.clock.Advance(time.Hour)
		b.tells(b.say("wangwu", "查 "+twice), "张三", "人民广场店（美团）")
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "prepare", Answer: "1006", Times: 100})) // as if it had never been
		for range 5 {
			b.tells(b.say("wangwu", "查 "+twice), "张三", "人民广场店（美团）", "!不存在")
		}
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "prepare", Times: 100}))
		b.tells(b.say("wangwu", "查 "+twice), "张三", "人民广场店（美团）")
	})
}

// A look tells the newest of what stands on a code: of what is done at one platform and
// in doubt at the other, the doubt.
func TestLookAtTheNewest(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.say("zhangsan", "验 点评 "+twice)
		b.loses(b.other, twice)
		m := b.at(robot, group, "wangwu")
		m.Kind, m.Text = bot.Text, "验 美团 "+twice
		b.start(m)
		b.tells(b.say("zhangsan", "查 "+twice), "正在核销", "王五", "人民广场店（美团）")
		b.tells(b.say("zhangsan", "查 点评 "+twice), "用过了", "人民广场店（大众点评）")
	})
}

// A look at one platform says what stands at the other; its button knows of it.
func TestLookBesideTheOther(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		b.say("zhangsan", "验 美团 "+twice)
		look := b.say("wangwu", "查 点评 "+twice)
		b.tells(look, "可以核销", "张三", "美团", "[确认核销]")
		b.tells(b.press("wangwu", look.Card, b.key(look, "确认核销")), "核销成功", "人民广场店（大众点评）")
		b.consumed(twice, 1, 1)
	})
}

// A quote gives the code, and the words beside it the platform.
func TestQuoteWithPlatform(t *testing.T) {
	for text, want := range map[string]command.Command{
		"验 美团":   {Verb: command.VerbVerify, Items: []command.Item{{Code: twice, Count: 1, Platform: command.OnMeituan}}},
		"撤 大众点评": {Verb: command.VerbUndo, Items: []command.Item{{Code: twice, Count: 1, Platform: command.OnDianping}}},
		"验":      {Verb: command.VerbVerify, Items: []command.Item{{Code: twice, Count: 1}}},
	} {
		got := command.ParseReply(text, "券码 "+twice+" 请核销")
		if got.String() != want.String() {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// A link is a voucher of Douyin: a store without it says so and calls no platform, and takes the
// same link as the same code, whichever way it came.
func TestLinkWithoutDouyin(t *testing.T) {
	pairs(t, func(b *pair) {
		const link = "https://v.douyin.com/eHHc1ft/"
		for _, text := range []string{"验 " + link, "验 美团 " + link + "?from=share", link, "查 v.douyin.com/eHHc1ft"} {
			b.tells(b.say("zhangsan", text), "平台没有接通", "没有接通抖音", "抖音链接 …c1ft", "!"+link, "!不带平台名")
		}
		b.tells(b.photo("zhangsan", "验", link), "没有接通抖音", "没有核销")
		b.tells(b.say("zhangsan", "撤 "+link), "没有在这里核销过", "!"+link)
		b.tells(b.say("zhangsan", "验 https://v.douyin.com/"+strings.Repeat("a", 60)+"/"), "链接太长")
		b.tells(b.say("zhangsan", "验 "+link+" 7992697499"), "2 个券码", "没有接通", "券码不存在", "!"+link)
		if n := len(b.platform.Requests()) + len(b.other.Requests()); n > 4 { // for the second code of the last
			b.t.Errorf("%d calls", n)
		}
		ops, err := b.db.History.OfCode(b.t.Context(), "https://v.douyin.com/eHHc1ft")
		b.must(err)
		if len(ops) != 4 {
			b.t.Errorf("%d operations of the link", len(ops))
		}
		var story strings.Builder // whichever way the link is written
		b.must(desk.Explain(b.t.Context(), &story, b.db, time.UTC, link+"?a=1"))
		if !strings.Contains(story.String(), "张三") {
			b.t.Errorf("the story is %s", story.String())
		}
		boss, err := b.bot.desks.Desk(b.t.Context(), "boss")
		b.must(err)
		_, _, err = b.bot.desks.History(b.t.Context(), boss, desk.Search{Text: link})
		b.must(err)
	})
}

// A code that was verified here and undone is in the journal: to ask about it is no guess,
// though its platform does not know it any more.
func TestUndoneCodeIsNoGuess(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sell(twice)
		b.say("zhangsan", "验 "+twice)
		b.say("zhangsan", "撤 "+twice)
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "prepare", Answer: "1006", Times: 100}))
		for _, text := range []string{"验 " + twice, "查 " + twice, "验 美团 " + twice, "查 美团 " + twice} {
			b.say("zhangsan", text)
		}
		if n := b.guesses(); n != 0 {
			b.t.Errorf("%d guesses", n)
		}
		b.say("zhangsan", "验 美团 799269749419")
		if n := b.guesses(); n != 1 {
			b.t.Errorf("%d guesses, want 1", n)
		}
	})
}

// A list has no room for the question which platform: it says how to go on. A photo of
// several codes is taken like their text.
func TestSeveralCodesOfWhichOneIsAsked(t *testing.T) {
	pairs(t, func(b *pair) {
		const here, both = "799269749413", "799269749414"
		b.voucher(here)
		b.sold(both)
		b.tells(b.say("zhangsan", "验 "+here+" "+both), "2 个券码，成功 1 个", "请写上平台再发，例如：验 大众点评 "+both)
		b.tells(b.say("zhangsan", "验 大众点评 "+both), "核销成功")
		const there, again = "799269749415", "799269749416"
		b.sell(there)
		b.sold(again)
		b.tells(b.photo("zhangsan", "验", there, again), "2 个券码，成功 1 个", "请写上平台再发，例如：验 大众点评 "+again)
		b.consumed(there, 0, 1)
		b.consumed(again, 0, 0)
		b.tells(b.photo("zhangsan", "验 美团", again), "核销成功", "人民广场店（美团）")
		b.consumed(again, 0, 1)
	})
}

// Where a button cannot be pressed, its text means the same: it names the platform.
func TestTextsOfButtonsNameThePlatform(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sold(twice)
		done := b.say("zhangsan", "验 美团 "+twice)
		if say := done.Card.Keys[0].Say; say != "撤 美团 "+twice {
			b.t.Errorf("the button says %q", say)
		}
		b.loses(b.platform, twice)
		b.doubtful("zhangsan", "验 点评 "+twice)
		for range 5 {
			b.bot.Pass(b.t.Context())
		}
		for i, say := range []string{"确认 大众点评 " + twice + " 已核销", "确认 大众点评 " + twice + " 未核销"} {
			if got := b.to("boss").Card.Keys[i].Say; got != say {
				b.t.Errorf("the button says %q", got)
			}
		}
		b.tells(b.privately("boss", "确认 大众点评 "+twice+" 未核销"), "没有核销")
	})
}

// A count stays with the code through the question which platform.
func TestCountThroughTheQuestion(t *testing.T) {
	pairs(t, func(b *pair) {
		b.sell(twice)
		b.order(twice, 2)
		ask := b.say("zhangsan", "验 "+twice+" x2")
		b.tells(ask, "请选择平台", "[大众点评核销 2 张]", "[美团核销 2 张]")
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "美团核销 2 张")), "只剩 1 张可用", "一张都没有核销")
		b.tells(b.press("zhangsan", ask.Card, b.key(ask, "大众点评核销 2 张")), "核销成功", "¥99.80")
		b.tells(b.press("wangwu", ask.Card, b.key(ask, "美团核销 2 张")), "此券已核销", "[美团也核销 2 张]")
		b.consumed(twice, 1, 0)
	})
}
