package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
)

const Code = "7992697494"

func TestVerifyAndUndo(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		r := b.say("zhangsan", "验 7992 697 494")
		has(t, r, "核销成功", "双人下午茶", "¥49.90", "138****0000", "2027-01-01", "张三", "人民广场店", "可撤销至 14:10:00")
		b.effects(Code, 1, 0)
		if b.calls("prepare") != 1 || b.calls("consume") != 1 {
			t.Errorf("%d prepares and %d consumes, want one each", b.calls("prepare"), b.calls("consume"))
		}

		b.clock.Advance(time.Minute)
		u := b.press("zhangsan", r.Card, b.key(r, "撤销"))
		has(t, u, "已撤销", "新的券码", "张三")
		b.effects(Code, 1, 1)
		has(t, b.press("zhangsan", r.Card, b.key(r, "撤销")), "已撤销") // the same press again
		b.effects(Code, 1, 1)
		has(t, b.say("zhangsan", "验 "+Code), "券码已更换")

		v, _ := b.platform.Voucher(Code)
		has(t, b.say("lisi", "验 "+v.ReplacedBy), "核销成功", "李四")
		b.effects(v.ReplacedBy, 1, 0)
	})
}

func TestQueryConfirm(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, text := range []string{Code, "查 " + Code} {
			has(t, b.say("zhangsan", text), "可以核销", "双人下午茶", "¥49.90", "[确认核销]")
		}
		b.effects(Code, 0, 0)
		q := b.say("zhangsan", Code)
		r := b.press("lisi", q.Card, b.key(q, "确认核销"))
		has(t, r, "核销成功", "李四")
		b.effects(Code, 1, 0)
		// Twice pressed: the card tells what the first press did, and keeps its button.
		has(t, b.press("lisi", q.Card, b.key(q, "确认核销")), "核销成功", "李四", "[撤销]")
		b.effects(Code, 1, 0)
		// Nobody else is told of a success that is not theirs.
		for _, r := range []bot.Reply{b.say("zhangsan", Code), b.press("zhangsan", q.Card, b.key(q, "确认核销"))} {
			has(t, r, "李四")
			hasNot(t, r, "核销成功")
		}
		b.clock.Advance(3 * time.Hour)
		hasNot(t, b.press("zhangsan", &bot.Card{TaskID: "another card"}, b.key(q, "确认核销")), "核销成功")
		b.effects(Code, 1, 0)
	})
}

func TestRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		add := func(v dianpingtest.Voucher) {
			t.Helper()
			v.Title, v.Price = "双人下午茶", 4990
			_, err := b.platform.AddVoucher(v)
			b.must(err)
		}
		add(dianpingtest.Voucher{Code: "1000000001", Shops: []string{"shop-a"}, Expires: b.clock.Now().Add(-time.Hour)})
		add(dianpingtest.Voucher{Code: "1000000002", Shops: []string{"shop-b"}})
		add(dianpingtest.Voucher{Code: "1000000003", State: dianpingtest.Refunding})
		add(dianpingtest.Voucher{Code: "1000000004", State: dianpingtest.RefundRequested})
		add(dianpingtest.Voucher{Code: "1000000005", ValidFrom: b.clock.Now().Add(time.Hour)})
		add(dianpingtest.Voucher{Code: "1000000006", Refusal: 1023})
		add(dianpingtest.Voucher{Code: "1000000007", Shops: []string{"shop-a"}})
		b.must(b.platform.ConsumeElsewhere("1000000007", "till-3", "1"))
		for code, want := range map[string]string{
			"1000000000": "券码不存在", "1000000001": "券已过期", "1000000002": "不能在本店使用", "1000000003": "券正在退款",
			"1000000004": "券已申请退款", "1000000005": "还没到使用日期", "1000000006": "营销活动券",
		} {
			has(t, b.say("zhangsan", "验 "+code), want)
			has(t, b.say("zhangsan", code), want)
		}
		r := b.say("zhangsan", "验 1000000007")
		has(t, r, "此券已被使用", "till-3", "14:00:0")
		if b.calls("consume") != 0 {
			t.Errorf("%d consume calls for vouchers that prepare had refused", b.calls("consume"))
		}
		has(t, b.say("zhangsan", "撤 1000000007"), "没有在这里核销过")
		if b.calls("reverseconsume") != 0 {
			t.Error("undo of what others have consumed was tried")
		}
	})
}

func TestSeveral(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher("2000000001")
		b.voucher("2000000002")
		r := b.say("zhangsan", "验 2000000001 2000000002，2000000003")
		has(t, r, "3 个券码，成功 2 个", "✅0001: 双人下午茶", "券码不存在", "¥99.80")
		b.effects("2000000001", 1, 0)
		b.effects("2000000002", 1, 0)
		u := b.press("zhangsan", r.Card, b.key(r, "撤 尾号0002"))
		has(t, u, "3 个券码，成功 1 个", "✅0001", "↩0002: 双人下午茶 已撤销", "新的券码") // the list, for it is what all see
		b.effects("2000000002", 1, 1)
		q := b.say("zhangsan", "查 2000000001")
		has(t, b.press("zhangsan", q.Card, b.key(q, "撤销")), "# 已撤销")

		text := "验"
		for i := range 8 {
			c := "300000000" + string(rune('0'+i))
			b.voucher(c)
			text += "\n" + c
		}
		r = b.say("zhangsan", text)
		has(t, r, "8 个券码，成功 8 个", "**3000000007**")
		if len(r.Card.Fields) != 6 || len(r.Card.Keys) != 6 {
			t.Errorf("%d lines and %d buttons on the card", len(r.Card.Fields), len(r.Card.Keys))
		}
	})
}

func TestCountOfOneOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		order := b.order(Code, 3)
		has(t, b.say("zhangsan", "验 "+Code+" x4"), "只剩 3 张", "一张都没有核销")
		b.effects(Code, 0, 0)
		r := b.say("zhangsan", "验 "+Code+" x2")
		has(t, r, "核销成功", "共 2 张", order[1].Code, "¥49.90 × 2 = ¥99.80")
		b.effects(order[1].Code, 1, 0)
		b.effects(order[2].Code, 0, 0)
		// The other code of the pair is known as ours as well. The order has one more, under
		// a code of its own: one look tells that this one is good for nothing.
		n := b.calls("prepare")
		again := b.say("lisi", "验 "+order[1].Code)
		has(t, again, "此券已核销", "张三")
		hasNot(t, again, "[", "还剩")
		if asked := b.calls("prepare") - n; asked != 1 {
			t.Errorf("the platform was asked %d times what is left", asked)
		}
		u := b.say("zhangsan", "撤 "+order[1].Code)
		has(t, u, "已撤销", order[0].Code+" 已撤销", order[1].Code+" 已撤销")
		b.effects(Code, 1, 1)
		b.effects(order[1].Code, 1, 1)
	})
}

func TestWhoMayUndo(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		r := b.say("zhangsan", "验 "+Code)
		before := b.calls("reverseconsume")
		no := b.press("lisi", r.Card, b.key(r, "撤销"))
		has(t, no, "张三", "只有本人、组长或店长")
		if no.Card != nil {
			t.Error("the refusal of one person must not change the card that all see")
		}
		has(t, b.say("lisi", "撤 "+Code), "只有本人、组长或店长")
		stranger := b.press("nobody", r.Card, b.key(r, "撤销"))
		has(t, stranger, "不在名单里")
		hasNot(t, stranger, Code, "张三")
		if b.calls("reverseconsume") != before {
			t.Error("an undo was tried for somebody who may not")
		}
		has(t, b.press("wangwu", r.Card, b.key(r, "撤销")), "已撤销", "王五")

		b.voucher("8000000001")
		b.say("zhangsan", "验 8000000001")
		has(t, b.say("BOSS", "撤 8000000001"), "已撤销")
	})
}

func TestUndoWindow(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.voucher("8000000001")
		b.say("zhangsan", "验 "+Code)
		r := b.say("zhangsan", "验 8000000001")
		b.clock.Advance(9*time.Minute + 59*time.Second)
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		b.clock.Advance(2 * time.Second)
		n := b.calls("reverseconsume")
		has(t, b.say("zhangsan", "撤 8000000001"), "已过撤销时间")
		has(t, b.press("zhangsan", r.Card, b.key(r, "撤销")), "已过撤销时间")
		if b.calls("reverseconsume") != n {
			t.Error("the platform was called after the window")
		}
		has(t, b.say("zhangsan", "撤"), "没有可以撤销")
	})
}

func TestUndoLast(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		has(t, b.say("zhangsan", "撤"), "没有可以撤销")
		b.voucher("8000000001")
		b.voucher("8000000002")
		b.say("zhangsan", "验 8000000001")
		b.clock.Advance(time.Second)
		b.say("lisi", "验 8000000002")
		r := b.say("zhangsan", "撤")
		has(t, r, "要撤销这一次吗", "8000000001")
		b.effects("8000000001", 1, 0)
		has(t, b.press("zhangsan", r.Card, b.key(r, "撤销")), "已撤销")
		b.effects("8000000001", 1, 1)
	})
}

func TestSecondTime(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.say("zhangsan", "验 "+Code)
		n := len(b.platform.Requests())
		b.clock.Advance(time.Minute)
		has(t, b.say("zhangsan", "验 "+Code), "此券已核销", "张三", "14:00:00")
		has(t, b.say("lisi", "验 "+Code), "此券已核销", "张三")
		if len(b.platform.Requests()) != n {
			t.Error("the platform was asked about a code of ours")
		}
		b.effects(Code, 1, 0)
	})
}

// A count that could be of the code before it or behind it consumes nothing of either.
func TestCountBeforeCode(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		const first, second = "7000000001", "7000000011"
		b.order(first, 2)
		b.order(second, 2)
		for _, text := range []string{"验 7000000001，2张 7000000011", "验 7000000001 x2 7000000011", "验 7000000001\nx2\n7000000011"} {
			has(t, b.say("zhangsan", text), "把张数写在券码后面")
		}
		b.effects(first, 0, 0)
		b.effects(second, 0, 0)
		has(t, b.say("zhangsan", "验 7000000001，7000000011 2张"), "2 个券码，成功 2 个")
		b.effects(first, 1, 0)
		b.effects(second, 1, 0)
	})
}

// What a quote may not mean is shown and not consumed; a card of the bot, quoted, is certain.
func TestUncertainQuote(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		quoting := func(text, quote string) bot.Reply {
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Text, m.Quote = bot.Text, text, quote
			return b.give(m)
		}
		for _, quote := range []string{"这是顾客的券 7992 6974 94，手机 13800138000", "7992697494，电话 13800138000", "7992697494 2张"} {
			has(t, quoting("验", quote), "可以核销", "还没有核销", Code, "[确认核销]")
		}
		has(t, quoting("验", "订单 1070811234567890123"), "券码不存在")
		b.effects(Code, 0, 0)
		done := quoting("验", "这张 "+Code+" 麻烦了")
		has(t, done, "核销成功")
		has(t, quoting("撤", show(done)), "已撤销")
		b.effects(Code, 1, 1)
	})
}

// A code that the platform offers again (次卡: one code, several visits) is
// verified again only after a confirmation that names what was seen.
func TestAgainOnlyWhenConfirmed(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.order(Code, 1)
		b.say("zhangsan", "验 "+Code)
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true})) // prepare says "usable" again
		has(t, b.say("zhangsan", "验 "+Code), "此券已核销")
		b.clock.Advance(11 * time.Minute)
		q := b.say("zhangsan", Code)
		has(t, q, "可以核销", "已由 张三 核销过一次")
		key := b.key(q, "确认核销")
		has(t, b.press("zhangsan", q.Card, key), "核销成功")
		if got := b.platform.Effects(Code).Consumed; got != 2 {
			t.Fatalf("consumed %d times, want the second after confirmation", got)
		}
		has(t, b.press("zhangsan", q.Card, key), "核销成功") // the old button again: the truth, no third time
		if got := b.platform.Effects(Code).Consumed; got != 2 {
			t.Errorf("consumed %d times by pressing an old button", got)
		}
	})
}

func TestStrangers(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, text := range []string{"验 " + Code, Code, "撤", "记录", "今日", "你好", "验 1"} {
			r := b.say("nobody", text)
			has(t, r, "不在名单里", "nobody")
			hasNot(t, r, "人民广场店", "双人")
			m := b.at(robot, "wrUnknown", "zhangsan")
			m.Kind, m.Text = bot.Text, text
			r = b.give(m)
			has(t, r, "没有绑定门店", "wrUnknown")
			hasNot(t, r, "人民广场店")
		}
		m := b.at(robot, "WRGROUPA", "zhangsan") // group ids are case-sensitive
		m.Kind, m.Text = bot.Text, "验 "+Code
		has(t, b.give(m), "没有绑定门店")
		has(t, b.say("qianqi", "验 "+Code), "不在名单里") // staff, but of the other store
		has(t, b.say("nobody", "帮助"), "可以这样发")
		if n := len(b.platform.Requests()); n != 0 {
			t.Errorf("%d requests made for strangers", n)
		}
		has(t, b.say("ZhangSan", "验 "+Code), "核销成功") // userids are not
	})
}

func TestChooseStore(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.at(app, "", "zhaoliu")
		m.Kind, m.Text = bot.Text, "验 "+Code
		r := b.give(m)
		has(t, r, "请选择门店", "[人民广场店]", "[徐家汇店]")
		b.effects(Code, 0, 0)

		pick := b.at(app, "", "qianqi") // works in the other store only
		pick.Kind, pick.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, "人民广场店")}
		has(t, b.give(pick), "不属于您的门店")

		pick = b.at(app, "", "zhaoliu")
		pick.Kind, pick.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, "人民广场店")}
		pick.Way.Wire = wire("response_code", "rc")
		has(t, b.give(pick), "核销成功", "赵六", "人民广场店")
		b.effects(Code, 1, 0)

		m = b.at(app, "", "zhangsan") // one store: no question
		m.Kind, m.Text = bot.Text, Code
		has(t, b.give(m), "这张券用过了", "赵六")
	})
}

func TestListsAndTotals(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		has(t, b.say("zhangsan", "记录"), "还没有核销记录")
		for i := range 8 {
			c := "900000000" + string(rune('0'+i))
			b.voucher(c)
			user := "zhangsan"
			if i > 4 {
				user = "lisi"
			}
			has(t, b.say(user, "验 "+c), "核销成功")
			b.clock.Advance(time.Second)
		}
		b.say("lisi", "撤 9000000007")
		has(t, b.say("zhangsan", "记录"), "最近 6 次", "李四")
		first := b.say("zhangsan", "记录 5")
		has(t, first, "最近 5 次")
		has(t, b.press("lisi", first.Card, b.key(first, "更早的")), "更早的 3 次", "0000", "0001", "0002")
		b.clock.Advance(time.Second)
		has(t, b.say("zhangsan", "记录 20"), "最近 8 次", "**9000000000**", "已撤销")
		has(t, b.say("zhangsan", "今日"), "5 张", "¥249.50", "本人")
		has(t, b.say("wangwu", "今日"), "7 张 ¥349.30", "撤销: 1 张 ¥49.90")
		has(t, b.say("boss", "统计"), "7 张 ¥349.30")
		has(t, b.say("boss", "昨日"), "没有核销")
		b.clock.Advance(24 * time.Hour)
		has(t, b.say("boss", "昨日"), "7 张")
		has(t, b.say("boss", "今日"), "没有核销")
		has(t, b.say("boss", "本月"), "7 张", "2026年11月")
	})
}

func TestBadInputChangesNothing(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for _, text := range []string{"", "😀", "验", "验 1234567", "验 123456789012345678901", "验 79926A7494", "验 7992697494 x0", "你好"} {
			if r := b.say("zhangsan", text); r.Empty() {
				t.Errorf("%q gets no answer", text)
			}
		}
		card := &bot.Card{TaskID: "t"}
		for _, key := range []string{"", "nonsense", "undo nothing", "undo ", "show x", "verify 1", "verify x 7992697494 1", "verify 1 79 1", "verify 1 7992697494 -1", "store x y", "older x", "older 0 1 a", "older 51 1 a", "older 5 x a", "verify 99 7992697494 1"} {
			r := b.press("zhangsan", card, key)
			if r.Card != nil || r.Text == "" {
				t.Errorf("key %q: %s", key, show(r))
			}
		}
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Other, "image"
		has(t, b.give(m), "没有收到")
		if n := len(b.platform.Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestStoreWithoutPlatform(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{} })
		has(t, b.say("zhangsan", "验 "+Code), "平台没有接通")
		has(t, b.say("zhangsan", Code), "平台没有接通")
	})
}
