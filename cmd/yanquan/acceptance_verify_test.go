package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
)

func verify(w *world) {
	code, began := w.sell(), time.Now()
	a := w.say(w.hero, "验 "+code, "核销成功", title, "¥49.90", w.phoneAt(code), people[w.hero], storeA, "[撤销]", code)
	w.ledger(code, 1, 0)
	v := w.voucher(code)
	if !strings.Contains(a.text(), v.expires.In(w.zone).Format("2006-01-02")) {
		w.Errorf("no expiry date:\n%s", a.text())
	}
	w.lacks(a, fmt.Sprint(v.expires.UnixMilli()), phone)
	w.verifiedBy(code, w.hero)
	window := w.at(code).traits().window // by the platform's clock; a promise must not go beyond
	w.tellsTime(a, "可撤销至 ", began.Add(window), v.verified.Add(window))
	page, err := url.Parse(w.card(a).Card.URL)
	if w.must(err); page.Host != "yanquan.example.com" {
		w.Errorf("the card leads to %s", page.Redacted())
	}
	if status, body := get(w.T, w.url()+page.Path); status != http.StatusOK || !strings.Contains(body, "核销成功") || strings.Contains(body, code) {
		w.Errorf("page of the verification: %d", status)
	}
	if status, _ := get(w.T, w.url()+page.Path+"x"); status != http.StatusNotFound {
		w.Errorf("page by a forged link: %d", status)
	}

	fullWidth := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９")
	for _, form := range []func(code string) string{
		func(c string) string { return "验" + c },
		func(c string) string { return "核销 " + c },
		func(c string) string { return "核 " + c },
		func(c string) string { return "核" + c + "。" },
		func(c string) string { return "验 " + fullWidth.Replace(c) + "！" },
		func(c string) string { return "验　" + c[:4] + "-" + c[4:7] + "－" + c[7:] },
		func(c string) string { return " 验 " + c[:3] + " " + c[3:6] + " " + c[6:] + " " },
		func(c string) string { return "验\n" + c + "\n" },
		func(c string) string { return "验：" + c + "," },
		func(c string) string { return "@验券 验 " + c },
		func(c string) string { return "验 " + c + " @验券" },
		func(c string) string { return "核销\u2003" + c + "\u00a0" },
	} {
		c := w.sell()
		w.say(w.hero, form(c), "核销成功", c, people[w.hero])
		w.ledger(c, 1, 0)
	}
	for _, length := range []int{8, 20} {
		c := strings.Repeat("9", length)
		w.sellAt(w.markets[0], voucher{code: c}, 1)
		w.say("zhengyi", "验 "+c, "核销成功", c)
		w.ledger(c, 1, 0)
	}
	for _, text := range []string{"验", "验 1234567", "验 123456789012345678901", "验 79926A7494", "验 79926974O4"} {
		w.lacks(w.say(w.hero, text), "核销成功")
	}
}

func lookFirst(w *world) {
	for _, verb := range []string{"", "查 ", "查询 ", "查"} {
		code := w.sell()
		q := w.say(w.hero, verb+code, "[确认核销]", title, "¥49.90", w.phoneAt(code), code)
		w.lacks(q, "核销成功")
		w.ledger(code, 0, 0)
		w.press(w.hero, w.card(q), "确认核销", "核销成功", people[w.hero], storeA, "可撤销至", "[撤销]")
		w.ledger(code, 1, 0)
	}
	if w.group {
		code := w.sell()
		q := w.say(w.hero, code, "[确认核销]")
		w.press("lisi", w.card(q), "确认核销", "核销成功", "李四") // it is done by who presses
		w.ledger(code, 1, 0)
		w.verifiedBy(code, "lisi")
	}
}

func severalCodes(w *world) {
	good, other, used := w.sell(), w.sell(), w.sell()
	for tail(good) == tail(other) || tail(good) == tail(used) || tail(other) == tail(used) { // codes that end alike show more digits
		other, used = w.sell(), w.sell()
	}
	w.elsewhere(used, "till-7")
	a := w.say(w.hero, "验 "+good+" "+used+"，"+other, "3 个券码，成功 2 个", "¥99.80",
		"✅"+tail(good), "❌"+tail(used), "✅"+tail(other), w.tillAt(used, "till-7"))
	w.ledger(good, 1, 0)
	w.ledger(other, 1, 0)
	w.ledger(used, 1, 0)
	w.press(w.hero, w.card(a), "撤 尾号"+tail(other), "已撤销", tail(other), "[撤 尾号"+tail(good)+"]")
	w.ledger(other, 1, 1)
	w.ledger(good, 1, 0)

	for _, n := range []int{8, 20} {
		var codes []string
		for range n {
			codes = append(codes, w.sell())
		}
		parts := 2 // a card and a text: of an app two bubbles, of a robot one with two halves
		if w.group {
			parts = 1
		}
		a := w.sayFor(parts, w.hero, "验\n"+strings.Join(codes, "\n"), append(codes, fmt.Sprintf("%d 个券码，成功 %d 个", n, n))...)
		if lines := len(w.card(a).Card.Fields); lines != 6 {
			w.Errorf("%d lines on the card of %d codes", lines, n)
		}
		for _, c := range codes {
			w.ledger(c, 1, 0)
		}
		if n == 20 {
			before := w.requests()
			extra := w.sell()
			w.say(w.hero, "验 "+strings.Join(append(codes, extra), " "), "最多 20 个", "一个都没有处理")
			if w.requests() != before {
				w.Error("21 codes: the platform was asked")
			}
			w.ledger(extra, 0, 0)
		}
	}
}

func oneOrder(w *world) {
	codes := w.order(3)
	calls := w.requests("consume")
	w.say(w.hero, "验 "+codes[0]+" x4", "只剩 3 张", "一张都没有核销")
	if w.requests("consume") != calls {
		w.Error("a consume was tried for more than there is")
	}
	for _, c := range codes {
		w.ledger(c, 0, 0)
	}
	a := w.say(w.hero, "验 "+codes[0]+" x2", "核销成功", "¥49.90 × 2 = ¥99.80", codes[0], "共 2 张")
	second := codes[1]
	if w.at(second).effects(second).consumed == 0 {
		second = codes[2]
	}
	third := codes[1] + codes[2]
	third = strings.Replace(third, second, "", 1)
	if !strings.Contains(a.text(), second) {
		w.Errorf("does not say the second code %s:\n%s", second, a.text())
	}
	w.ledger(codes[0], 1, 0)
	w.ledger(second, 1, 0)
	w.ledger(third, 0, 0)

	w.say(w.hero, "验 "+third+" ×2", "只剩 1 张", "一张都没有核销")
	w.ledger(third, 0, 0)
	w.say(w.hero, "撤 "+codes[0], "已撤销", codes[0]+" 已撤销", second+" 已撤销")
	w.ledger(codes[0], 1, 1)
	w.ledger(second, 1, 1)
	w.ledger(third, 0, 0)
}

func refusals(w *world) {
	n := w.requests("consume")
	w.turnedDown(w.hero, "1000000000", "券码不存在")
	for i, m := range w.markets {
		w, user := w, w.hero
		if i > 0 { // a person gets so many answers a minute
			user = staff(5 + i)
			w = w.own(user)
		}
		for _, r := range m.traits().refusals {
			w.turnedDown(user, w.sellAt(m, r.what, 1)[0], r.words)
		}
	}
	code := w.sell()
	w.elsewhere(code, "till-3")
	till, at := w.tillAt(code, "till-3"), w.tillAt(code, w.voucher(code).verified.In(w.zone).Format(time.TimeOnly))
	w.say(w.hero, "验 "+code, "此券已被使用", till, at)
	w.say(w.hero, "查 "+code, "此券已被使用", till, at)
	w.lacks(w.say(w.hero, "撤 "+code), "已撤销")
	if w.requests("consume") != n {
		w.Error("a consume was tried for what prepare had refused")
	}
	w.ledger(code, 1, 0)

	code = w.sell() // used here: who, and when by our clock, which is read before the platform's
	began := time.Now()
	w.say(w.hero, "验 "+code, "核销成功")
	w.tellsTime(w.say("lisi", "验 "+code, people[w.hero]), "", began, w.voucher(code).verified)
	w.ledger(code, 1, 0)
}

// turnedDown sends a code that is refused, both ways.
func (w *world) turnedDown(user, code, want string) {
	w.Helper()
	w.lacks(w.say(user, "验 "+code, want), "核销成功", "[撤销]")
	w.lacks(w.say(user, code, want), "[确认核销]")
}

// phoneAt is the customer's phone as people read it; nothing, where a code's platform does
// not tell it.
func (w *world) phoneAt(code string) string {
	if w.at(code).traits().phones {
		return masked
	}
	return ""
}

// tillAt is what people read of a code that a till has consumed; nothing, where its
// platform does not tell.
func (w *world) tillAt(code, told string) string {
	if w.at(code).traits().tills {
		return told
	}
	return ""
}

// verifiedBy checks whom the platform has noted, where it notes that.
func (w *world) verifiedBy(code, user string) {
	w.Helper()
	if clerk := w.voucher(code).clerk; w.at(code).traits().clerks && clerk != user {
		w.Errorf("verified at the platform by %q", clerk)
	}
}

// tail is what lists show of a code.
func tail(code string) string { return code[len(code)-4:] }

// Two people say one code at once. The platform is made to forget what it has
// consumed, so that it would not hide a second consumption.
func twoAtOnce(w *world) {
	w.unguarded()
	for i := range 4 {
		code := w.sell()
		if i%2 == 1 { // the first is held at the platform while the second comes
			w.fail(fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 300 * time.Millisecond})
		}
		var got [2]answer
		w.together(map[string]func(*world){
			w.hero: func(w *world) { got[0] = w.in(room(w.hero)).say(w.hero, "验 "+code, code) },
			"lisi": func(w *world) { got[1] = w.in(room("lisi")).say("lisi", "验 "+code, code) },
		})
		w.ledger(code, 1, 0)
		won := 0
		for i, a := range got {
			if strings.Contains(a.text(), "核销成功") {
				won++
				winner := people[[]string{w.hero, "lisi"}[i]]
				if loser := got[1-i].text(); !strings.Contains(loser, winner) || strings.Contains(loser, "核销成功") {
					w.Errorf("the other is not told that it was %s:\n%s", winner, loser)
				}
			}
		}
		if won != 1 {
			w.Errorf("%d of two have won:\n%s\n\n%s", won, got[0].text(), got[1].text())
		}
	}
}

// bothPress: two people press one button at once, in the group where both see it.
func bothPress(w *world) {
	w.unguarded()
	for range 3 {
		code := w.sell()
		card := w.card(w.say(w.hero, code, "[确认核销]"))
		w.fail(fault{Kind: dianpingtest.Delay, Call: "consume", Code: code, Delay: 300 * time.Millisecond})
		parts := map[string]func(*world){}
		for _, user := range []string{w.hero, "lisi"} {
			parts[user] = func(w *world) {
				out, err := w.wecom.Press(w.soon(), w.where(user), user, card.ID, w.key(card, "确认核销"))
				if w.must(err); !out.Delivery().Accepted() {
					w.Errorf("press refused: %s", attempts(out.Delivery()))
				}
			}
		}
		w.together(parts)
		w.reached(code, func() bool { return w.at(code).effects(code).consumed > 0 })
		winner := people[w.voucher(code).clerk]
		for _, user := range []string{w.hero, "lisi"} {
			_, err := w.wecom.WaitFor(w.soon(), w.screen(user), func(screen []wecomtest.Shown) bool {
				shown, _ := w.wecom.Find(card.ID, user)
				return strings.Contains(legible(shown), winner) && !strings.Contains(legible(shown), "[确认核销]") ||
					len(w.toldBelow(screen, card, user, code, winner)) > 0
			})
			if err != nil {
				shown, _ := w.wecom.Find(card.ID, user)
				w.Errorf("%q has verified it, but %s reads:\n%s", winner, user, legible(shown))
			}
			w.delivered(user)
			w.mu.Lock()
			w.expected[w.screenName(user)] += len(w.toldBelow(w.wecom.Screen(w.screen(user)), card, user, code))
			w.mu.Unlock()
		}
		w.ledger(code, 1, 0)
	}
}

// toldBelow are the bubbles that answer a press below its card, as one is where the
// outcome came too late to change it.
func (w *world) toldBelow(screen []wecomtest.Shown, card wecomtest.Shown, user string, texts ...string) []wecomtest.Shown {
	if w.group { // which all see
		texts = append(texts, "<@"+user+">")
	}
	return slices.DeleteFunc(slices.Clone(screen), func(s wecomtest.Shown) bool {
		return !s.FromBot || s.Seq <= card.Seq || !readable(legible(s), texts)
	})
}
