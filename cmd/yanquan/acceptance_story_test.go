package main

import (
	"strings"
	"testing"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// From an empty database: a manager and three people set up two stores, one at
// each generation of the platform, by chat and browser alone, and the day works.
func TestTwoStoresFromNothing(t *testing.T) {
	inCells(t, []setting{
		{driver: models.SQLite, dialect: dianpingtest.Dianping, empty: true},
		{driver: models.MySQL, dialect: dianpingtest.Meituan, empty: true},
	}, func(w *world) {
		app, jingan, wujiao := *w, *w, *w
		jingan.group, jingan.room = true, roomC
		wujiao.group, wujiao.room = true, roomStray
		setUpTwoStores(&app, &jingan, &wujiao)
		workInTwoStores(&app, &jingan, &wujiao)
	})
}

func setUpTwoStores(app, jingan, wujiao *world) {
	app.must(app.platform.AddShop(dianpingtest.Shop{ID: shopC, Name: storeC, Customer: "customer-c"}))
	app.must(app.platform.AddShop(dianpingtest.Shop{ID: shopD, Name: storeD, Customer: "customer-d"}))
	app.platform.SetRegistration(dianpingtest.Registration{
		CallbackURL: publicURL + "/auth/meituan/callback", NoticeURL: app.url() + "/auth/meituan/notice",
	})
	app.say("boss", "门店", "还没有门店", "授权")
	jingan.say("zhangsan", "验 "+app.sell(shopC), "还没有绑定门店")

	for dialect, shop := range map[dianpingtest.Dialect]string{dianpingtest.Dianping: shopC, dianpingtest.Meituan: shopD} {
		link := app.linkFor(dialect)
		before := app.wecom.Version()
		if page := app.authorized(link, shop); !strings.Contains(page, "授权成功") {
			app.Fatalf("the page at the end: %s", page)
		}
		app.await(1, answer{user: "boss", since: before}, "门店已接通", map[string]string{shopC: storeC, shopD: storeD}[shop])
	}
	// In a group: the app sends a person 15 notices a minute at most.
	jingan.say("boss", "门店", "2 家门店", storeC+" 已接通", storeD+" 已接通")

	jingan.press("boss", jingan.card(jingan.say("boss", "绑定", "["+storeC+"]", "["+storeD+"]")), storeC, "已绑定")
	wujiao.press("boss", wujiao.card(wujiao.say("boss", "绑定", "["+storeC+"]", "["+storeD+"]")), storeD, "已绑定")

	join := func(room *world, user, store string) {
		before := app.wecom.Version()
		room.say(user, "我是 "+people[user], "已经告诉管理员")
		ask := app.card(app.await(1, answer{user: "boss", since: before}, "有人申请加入", people[user], store))
		before = app.wecom.Version()
		app.press("boss", ask, "同意", "已同意")
		app.await(1, answer{user: user, since: before}, "您已加入 "+store)
	}
	join(jingan, "zhangsan", storeC)
	join(wujiao, "lisi", storeD)
	join(jingan, "zhaoliu", storeC)
	join(wujiao, "zhaoliu", storeD)

	one := wujiao.press("boss", wujiao.card(wujiao.say("boss", "员工", "2 位员工", people["lisi"])), people["lisi"], "[设为组长]")
	wujiao.press("boss", one.bubbles[0], "设为组长", "组长")
}

func workInTwoStores(app, jingan, wujiao *world) {
	// Everybody in their own store, at its own platform.
	atC, atD := app.sell(shopC), app.sell(shopD)
	jingan.say("zhangsan", "验 "+atC, "核销成功", storeC, people["zhangsan"], price49)
	app.ledger(atC, 1, 0)
	wujiao.say("zhaoliu", "验 "+atD, "核销成功", storeD, people["zhaoliu"])
	app.ledger(atD, 1, 0)
	jingan.say("zhangsan", "验 "+atC, "此券已核销", people["zhangsan"])
	app.ledger(atC, 1, 0)
	if e := app.platform.Ledger(); e[len(e)-1].Dialect != dianpingtest.Meituan || e[len(e)-2].Dialect != dianpingtest.Dianping {
		app.Errorf("each store has its platform: %+v", e)
	}

	// Nobody in the other's.
	fresh := app.sell(shopD)
	wujiao.say("zhangsan", "验 "+fresh, "您还不在名单里")
	jingan.say("lisi", "撤 "+atC, "您还不在名单里")
	app.say("zhangsan", "撤 "+atD, "没有在这里核销过")
	app.ledger(fresh, 0, 0)
	app.ledger(atD, 1, 0)

	// Who works in both says where, in 1:1.
	both := app.sell(shopC)
	which := app.say("zhaoliu", "验 "+both, "请选择门店", "["+storeC+"]", "["+storeD+"]")
	app.press("zhaoliu", app.card(which), storeC, "核销成功", storeC)
	app.ledger(both, 1, 0)

	// A lead undoes a colleague's in their store, and only there.
	wujiao.say("lisi", "撤 "+atD, "已撤销", people["lisi"])
	app.ledger(atD, 1, 1)
	jingan.say("zhangsan", "撤 "+both, "只有本人、组长或店长")
	app.ledger(both, 1, 0)
	wujiao.say("lisi", "查 "+fresh, "可以核销")
	app.ledger(fresh, 0, 0)

	// The day.
	jingan.say("zhangsan", "今日", "1 张 ¥49.90")
	wujiao.say("lisi", "今日", "0 张 ¥0.00", "撤销 1 张")
	app.say("boss", "今日", "2 张 ¥99.80", storeC, storeD)
	jingan.say("zhangsan", "记录", atC[len(atC)-4:])
	app.nothingLeaks(atC)
}

// price49 is what every voucher costs.
var price49 = yuan(priceFen)
