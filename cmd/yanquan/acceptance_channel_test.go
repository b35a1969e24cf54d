package main

import (
	"time"

	"yanquan/dianping/dianpingtest"
)

// otherWays: opening a conversation, pictures, the menu's scanner, and the robot
// without a group.
func otherWays(w *world) {
	if w.group {
		w = w.in(private)
	}
	before := w.wecom.Version()
	out, err := w.wecom.Enter(w.soon(), w.where("lisi"), "lisi")
	w.must(err)
	if d := out.Delivery(); !d.Accepted() || !w.group && len(d.Attempts[0].Body) > 0 {
		w.Errorf("opening the conversation: %+v", d.Attempts)
	}
	w.await(1, answer{user: "lisi", since: before, delivery: out.Delivery()}, "可以这样发")
	if !w.group { // an app tells of every opening: an answer each time would be a nuisance
		_, err = w.wecom.Enter(w.soon(), w.where("lisi"), "lisi")
		w.must(err)
		w.say("lisi", "帮助", "可以这样发")
	}
	before = w.wecom.Version()
	out, err = w.wecom.SendPicture(w.soon(), w.where("lisi"), "lisi", []byte("\xff\xd8\xff not a picture"))
	w.must(err)
	w.await(1, answer{user: "lisi", since: before, delivery: out.Delivery()})

	if !w.group {
		code := w.sell()
		before = w.wecom.Version()
		out, err = w.wecom.Scan(w.soon(), w.where("lisi"), "lisi", "scan", code)
		w.must(err)
		q := w.await(1, answer{user: "lisi", since: before, delivery: out.Delivery()}, "[确认核销]", code)
		w.ledger(code, 0, 0)
		w.press("lisi", w.card(q), "确认核销", "核销成功")
		w.ledger(code, 1, 0)
		return
	}

	// The robot without a group: a person's stores, and help for what is unknown.
	w.say("lisi", "今天天气不错", "可以这样发")
	w.lacks(w.say("zhoujiu", "验 12345678", "您还不在名单里"), storeA)
	code := w.sell()
	a := w.say("lisi", "验 "+code, "核销成功", code, storeA, "李四")
	w.press("lisi", w.card(a), "撤销", "已撤销")
	w.ledger(code, 1, 1)
	code = w.sell(shopA, shopB)
	q := w.say("zhaoliu", "验 "+code, "请选择门店", "["+storeA+"]", "["+storeB+"]")
	w.ledger(code, 0, 0)
	w.press("zhaoliu", w.card(q), storeB, "核销成功", storeB)
	w.ledger(code, 1, 0)

	code = w.sell()
	card := w.card(w.say("lisi", code, "[确认核销]"))
	w.fail(fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 1500 * time.Millisecond})
	push, _ := w.push("lisi", card, "确认核销") // too late for the card: the answer follows it
	push.since = card.Seq - 1
	w.glimpse(push, true, "核销成功", code)
	w.ledger(code, 1, 0)
	w.recount("lisi")
}
