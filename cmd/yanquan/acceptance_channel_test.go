package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
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
	if w.group { // an app tells of every opening: an answer each time would be a nuisance
		w.await(1, answer{user: "lisi", since: before, delivery: out.Delivery()}, "可以这样发")
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
	w.fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 1500 * time.Millisecond})
	push, _ := w.push("lisi", card, "确认核销") // too late for the card: the answer follows it
	push.since = card.Seq - 1
	w.glimpse(push, true, "核销成功", code)
	w.ledger(code, 1, 0)
	w.recount("lisi")
}

// wecomTrouble: what there is to say is said, once, though WeCom does not take
// it at first.
func wecomTrouble(w *world) {
	if w.group {
		// Only what cannot be a passive answer needs WeCom's API.
		code := w.sell()
		card := w.card(w.say(w.hero, "验 "+code, "核销成功"))
		w.wecom.Fail(wecomtest.Fault{API: "aibot/response", Times: 2, Status: http.StatusBadGateway})
		w.press("lisi", card, "撤销", "只有本人、组长或店长")
		w.ledger(code, 1, 0)
		return
	}
	w.refusable[42001] += 2 // expired tokens, see below
	w.refusable[40014]++
	said := func(code string) int {
		return len(slices.DeleteFunc(w.wecom.Screen(w.screen(w.hero)), func(s wecomtest.Shown) bool {
			return !s.FromBot || !strings.Contains(legible(s), code)
		}))
	}
	for _, c := range []struct {
		name    string
		trouble func()
	}{
		{"down", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 2, Status: http.StatusBadGateway}) }},
		{"busy", func() { w.wecom.FailNext("message/send", -1, 2) }},
		{"answer lost", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 1, After: true, Drop: true}) }},
		{"garbage", func() { w.wecom.Fail(wecomtest.Fault{API: "message/send", Times: 1, Body: "<html>"}) }},
		{"expired", func() { w.wecom.ExpireTokens() }},
		{"invalidated", func() { w.wecom.InvalidateTokens() }},
		{"no token", func() { w.wecom.ExpireTokens(); w.wecom.FailNext("gettoken", -1, 1) }},
		{"no cards", func() { w.wecom.FailNext("message/send", 42045, 1) }}, // then it is told in words
	} {
		w.Log(c.name)
		code := w.sell()
		c.trouble()
		w.say(w.hero, "验 "+code, "核销成功", code)
		w.say(w.hero, "帮助", "可以这样发")
		if n := said(code); n != 1 {
			w.Errorf("%s: told %d times", c.name, n)
		}
		w.ledger(code, 1, 0)
	}
	// A card that cannot be updated is answered by another.
	code := w.sell()
	card := w.card(w.say(w.hero, code, "[确认核销]"))
	w.wecom.FailNext("message/update_template_card", 60140, 1)
	w.press(w.hero, card, "确认核销", "核销成功", code)
	w.ledger(code, 1, 0)
}
