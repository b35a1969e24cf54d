package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
)

// One script for every dialect, database and channel.
func TestAcceptance(t *testing.T) {
	t.Parallel()
	builtProgram(t, "")
	inEach(t, scriptCells(), script)
}

// scriptCells are both generations on both databases by robot and by app, Douyin by each
// channel, a store with two accounts, and a long connection on each database; or each
// dialect and channel once, on the database that is the default.
func scriptCells() []setting {
	if !breadth.All() {
		return []setting{
			{dialect: dianpingtest.Dianping, driver: models.SQLite, group: true},
			{dialect: dianpingtest.Meituan, driver: models.SQLite},
			{dialect: douyin, driver: models.SQLite, group: true, socket: true},
		}
	}
	cells := with(faultCells, func(s *setting) { s.group = true })
	cells = append(cells, with(faultCells, func(s *setting) { s.group = false })...)
	return append(append(cells, socketCells...),
		setting{dialect: douyin, driver: models.SQLite},
		setting{dialect: douyin, driver: models.MySQL, group: true},
		setting{dialect: dianpingtest.Meituan, also: douyin, driver: models.SQLite},
	)
}

func script(w *world) {
	for _, c := range []struct {
		name string
		do   func(*world)
	}{
		{"callback address", callbackAddress},
		{"help and strangers", helpAndStrangers},
		{"verify", verify},
		{"look first", lookFirst},
		{"several codes", severalCodes},
		{"one order", oneOrder},
		{"refusals", refusals},
		{"undo", undo},
		{"which store", whichStore},
		{"other ways to talk", otherWays},
		{"photos", photos},
		{"speech", speech},
		{"two at once", twoAtOnce},
		{"old cards", oldCards},
		{"slow platform", slowPlatform},
		{"platform down", platformDown},
		{"lists and sums", listsAndSums},
	} {
		w.chapter(c.name, c.do)
	}
	if w.group {
		w.chapter("two press at once", bothPress)
	}
	w.noDrops()
}

func callbackAddress(w *world) {
	called := []wecomtest.Where{wecomtest.InApp("main", "")}
	if !w.socket {
		called = append(called, wecomtest.InRobot("group", ""))
	}
	for _, where := range called {
		w.must(w.wecom.VerifyURL(w.soon(), where)) // the fake gives it the one second that WeCom does
	}
	if status, body := get(w.T, w.url()+"/readyz"); status != http.StatusOK {
		w.Errorf("readyz: %d %s", status, body)
	}
}

func helpAndStrangers(w *world) {
	for _, text := range []string{"帮助", "?", "？", "help", "HELP", "@验券 帮助"} {
		w.say(w.hero, text, "可以这样发", "撤 券码")
	}
	hint := w.say(w.hero, "今天天气不错")
	if w.group {
		if hint.bubbles[0].Card != nil || strings.Contains(hint.text(), "\n") || !strings.Contains(hint.text(), "帮助") {
			w.Errorf("more than a line of hint in a group:\n%s", hint.text())
		}
	} else if !strings.Contains(hint.text(), "可以这样发") {
		w.Errorf("no help in 1:1:\n%s", hint.text())
	}

	code := w.sell()
	n := w.requests()
	for _, text := range []string{"验 " + code, code, "撤 " + code, "撤", "记录", "今日"} {
		w.lacks(w.say("zhoujiu", text, "您还不在名单里"), storeA, storeB, title)
		if w.group {
			w.lacks(w.in(roomStray).say(w.hero, text, "没有绑定门店"), storeA, storeB, title)
			w.lacks(w.say("qianqi", text, "您还不在名单里"), storeA, storeB, title) // staff, but elsewhere
		}
	}
	w.say("zhoujiu", "帮助", "可以这样发")
	if w.requests() != n {
		w.Error("the platform was asked on behalf of strangers")
	}
	w.ledger(code, 0, 0)
}

func whichStore(w *world) {
	both := w.in(roomBoth)
	code := w.sell(shopA, shopB)
	q := both.say("zhaoliu", "验 "+code, "请选择门店", "["+storeA+"]", "["+storeB+"]")
	w.ledger(code, 0, 0)
	both.press("zhaoliu", w.card(q), storeB, "核销成功", storeB, "赵六", "可撤销至", "[撤销]")
	w.ledger(code, 1, 0)
	if shop := w.voucher(code).shop; shop != shopB {
		w.Errorf("verified in %s", shop)
	}
	both.say("zhaoliu", "撤 "+code, "已撤销", code) // a code of ours needs no question
	w.ledger(code, 1, 1)

	code = w.sell(shopA, shopB)
	both.say("zhaoliu", code, storeB, "[确认核销]") // the choice holds for the day
	q = both.say("zhaoliu", "切换", "["+storeA+"]", "["+storeB+"]")
	both.press("zhaoliu", w.card(q), storeA, storeA)
	found := both.say("zhaoliu", code, "[确认核销]", storeA)
	w.ledger(code, 0, 0)
	both.press("zhaoliu", w.card(found), "确认核销", "核销成功", storeA)
	w.ledger(code, 1, 0)

	code = w.sell(shopA, shopB) // one store: no question
	both.say("qianqi", "验 "+code, "核销成功", storeB, "钱七")
	w.ledger(code, 1, 0)
	code = w.sell(shopA, shopB)
	q = both.say("boss", "验 "+code, "请选择门店")
	if w.group {
		both.press("qianqi", w.card(q), storeA, "不属于您的门店")
	} else {
		w.forge("qianqi", q, "不属于您的门店")
	}
	w.ledger(code, 0, 0)
}

// listsAndSums compares what the bot adds up with the platform's ledger.
func listsAndSums(w *world) {
	sum := func(shop, account string) (n, fen, undone int) {
		for _, m := range w.markets {
			ledger := m.ledger()
			for _, e := range ledger {
				back := func(other effect) bool { return other.undoes == e.seq }
				switch {
				case e.undoes > 0 || !e.ours || e.shop != shop || account != "" && cmp.Or(e.clerk, w.asked[e.code]) != account:
				case slices.ContainsFunc(ledger, back):
					undone++
				default:
					n, fen = n+1, fen+w.voucher(e.code).fen
				}
			}
		}
		return n, fen, undone
	}
	value := func(n, fen int) string { return fmt.Sprintf("%d 张 %s", n, yuan(fen)) }

	w.hero = staff(2)
	n, fen, undone := sum(shopA, w.hero)
	for _, word := range []string{"今日", "日报", "统计", "本月"} {
		w.lacks(w.say(w.hero, word, value(n, fen), "本人", fmt.Sprintf("撤销 %d 张", undone)), storeB)
	}
	n, fen, undone = sum(shopA, "")
	for _, word := range []string{"今日", "本月"} {
		w.lacks(w.say("sunba", word, storeA+" "+value(n, fen), fmt.Sprintf("撤销 %d 张", undone)), storeB, "本人")
	}
	m, mfen, mundone := sum(shopB, "")
	if m == 0 || n == 0 || undone == 0 {
		w.Fatalf("nothing to sum up: %d %d %d", n, m, undone)
	}
	w.in(roomBoth).say("boss", "今日", storeA+" "+value(n, fen), storeB+" "+value(m, mfen),
		value(n+m, fen+mfen), fmt.Sprintf("撤销 %d 张", undone+mundone))
	w.lacks(w.say("boss", "昨日", "没有核销"), yuan(fen))
	if w.group { // a group speaks of its own store only
		w.lacks(w.say("boss", "今日", value(n, fen)), storeB)
	}

	code := w.sell()
	w.say(w.hero, "验 "+code, "核销成功")
	w.ledger(code, 1, 0)
	w.say("lisi", "记录", tail(code), people[w.hero])
	long := w.sayFor(0, "lisi", "记录 20", "最近 20 次", code, people[w.hero])
	if lines := strings.Count(long.text(), "** "+title); lines != 20 {
		w.Errorf("%d lines in 记录 20:\n%s", lines, long.text())
	}
	w.lacks(w.say(w.hero, "记录 1000"), code)
	if !w.group { // in 1:1 everybody sees their own stores only
		w.lacks(w.say("qianqi", "记录", "钱七"), people[w.hero], code)
	}
}
