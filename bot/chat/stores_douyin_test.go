package chat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// threes is a bench with an application at Douyin, too.
type threes struct {
	*twins
	third *douyintest.Platform
}

// onThrees runs a test on both databases, or on one.
func onThrees(t *testing.T, test func(b *threes)) {
	t.Helper()
	t.Parallel()
	for _, driver := range databases(t) {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			b := &threes{twins: setupTwins(t, modelstest.On(t, driver, modelstest.WithClock(clock)), clock)}
			b.third = douyintest.New(douyintest.Options{Now: clock.Now, ClientKey: "aw1", ClientSecret: "client-secret"})
			srv := httptest.NewServer(b.third)
			t.Cleanup(srv.Close)
			t.Cleanup(b.third.Close)
			client, err := douyin.New(douyin.Config{APIURL: srv.URL, ClientKey: "aw1", ClientSecret: "client-secret", Timeout: time.Minute, HTTP: &http.Client{Transport: b.third.Impatient(httpcall.NewTransport())}, Now: clock.Now, Sleep: b.bot.Sleep})
			b.must(err)
			b.configure(func(o *Options) {
				o.Douyin = Douyin{Client: client, AccountID: douyintest.DefaultAccount, Token: func(ctx context.Context) (models.AppToken, error) { return b.db.AppTokens.Get(ctx, "douyin/aw1") }}
			})
			test(b)
		})
	}
}

// poi is the id of a shop at Douyin.
func poi(n int) string { return fmt.Sprintf("7%018d", n) }

// open opens a shop at Douyin.
func (b *threes) open(n int, name string) string {
	b.t.Helper()
	b.must(b.third.AddShop(douyintest.Shop{ID: poi(n), Name: name}))
	return poi(n)
}

// A shop at Douyin is offered by its account, and becomes an account of a store without
// a page of consent.
func TestConnectDouyin(t *testing.T) {
	onThrees(t, func(b *threes) {
		b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		id := b.open(1, "静安的抖音")
		b.open(2, "外滩的抖音")
		asked := b.in("", "boss", "授权")
		has(b.t, asked, "[美团][大众点评][抖音]")
		shops := b.pressIn("", "boss", asked, "抖音")
		has(b.t, shops, "接通哪家抖音店", "[静安的抖音][外滩的抖音]")
		where := b.pressIn("", "boss", shops, "静安的抖音")
		has(b.t, where, "这家抖音店是哪家门店", "[新门店]", "[静安店]")
		has(b.t, b.pressIn("", "boss", where, "静安店"), "门店已接通", "「静安店」有大众点评、抖音")
		s := b.storeNamed("静安店")
		if len(s.Further) != 1 || s.Further[0].ShopID != id || s.Further[0].AccountID != douyintest.DefaultAccount || s.Further[0].Platform != platform.DouyinName {
			b.t.Errorf("accounts %+v", s.All())
		}
		if got, want := b.changes("authorize"), "\nboss authorize 静安店 [] [抖音 静安的抖音]"; !strings.HasSuffix(got, want) {
			b.t.Errorf("audit %s", got)
		}
		has(b.t, b.in("", "sunba", "门店"), "抖音: 静安店 已接通")

		v, err := b.third.AddVoucher(douyintest.Voucher{Shops: []string{id}, Title: "抖音双人餐"})
		b.must(err)
		has(b.t, b.in(newGroup, "zhoujiu", "验 "+v.Code), "核销成功", "静安店（抖音）")

		// What is connected is not offered again; the old card says where it is.
		hasNot(b.t, b.pressIn("", "boss", asked, "抖音"), "静安的抖音")
		has(b.t, b.pressIn("", "boss", where, "静安店"), "门店有变化")
		has(b.t, b.pressIn("", "boss", where, "新门店"), "已经接通了", "「静安店」")
		has(b.t, b.pressIn("", "boss", b.pressIn("", "boss", asked, "抖音"), "外滩的抖音"), "[新门店]")
		new := b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: poi(2)})
		has(b.t, new, "门店已接通", "「外滩的抖音」有抖音", "绑定")
		has(b.t, b.pressIn("", "boss", asked, "抖音"), "都接通了")

		// Taken off, it is offered again, and comes back to its store.
		off := b.pressIn("", "boss", b.pressIn("", "sunba", b.in("", "sunba", "停用 静安店"), "抖音"), "停用抖音")
		has(b.t, off, "已停用")
		has(b.t, b.pressIn("", "boss", asked, "抖音"), "[静安的抖音]")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: id}), "门店已接通", "「静安店」有大众点评、抖音")
	})
}

// Shops that do not fit on a card are paged; those of one name are told apart.
func TestConnectDouyinAmongManyShops(t *testing.T) {
	onThrees(t, func(b *threes) {
		for n := range 60 { // two pages at the platform
			b.open(n, fmt.Sprint("店", n%59))
		}
		r := b.pressIn("", "boss", b.in("", "boss", "授权"), "抖音")
		seen := map[string]bool{}
		for range 13 {
			if len(r.Card.Keys) > bot.MaxKeys {
				b.t.Fatalf("buttons %+v", r.Card.Keys)
			}
			for _, k := range r.Card.Keys {
				seen[k.Text] = true
			}
			r = b.pressIn("", "boss", r, "其他店")
		}
		if len(seen) != 61 || !seen["尾号0059 店0"] || !seen["尾号0000 店0"] {
			b.t.Errorf("seen %d: %v", len(seen), seen)
		}
	})
}

// Who may not, what is not declared, what the platform refuses, and buttons that are old
// or made up.
func TestConnectDouyinRefused(t *testing.T) {
	onThrees(t, func(b *threes) {
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		id := b.open(1, "静安的抖音")
		b.must(b.third.AddShop(douyintest.Shop{ID: poi(9), Name: "别家的", Account: "7100000000000000009"}))
		connect := func(user, shop string, into int64) bot.Reply {
			return b.pressKey(user, command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: shop, Store: into})
		}
		has(b.t, connect("zhoujiu", id, s.ID), "只有管理员")
		has(b.t, connect("sunba", id, s.ID), "managers:") // nothing says that it is theirs
		has(b.t, connect("boss", poi(9), s.ID), "不在这个来客账户里")
		has(b.t, connect("boss", poi(5), 0), "不在这个来客账户里")
		has(b.t, connect("boss", id, 999), "门店有变化")
		has(b.t, b.pressIn(newGroup, "boss", bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: "connect douyin 0 " + id}}}}, "x"), "单聊")

		b.must(b.third.Fail(douyintest.Fault{Kind: douyintest.Status5xx, Call: "shops", Times: -1}))
		has(b.t, connect("boss", id, 0), "抖音现在查不到门店")
		b.third.ClearFaults()
		b.must(b.third.Authorize(douyintest.DefaultAccount, false))
		has(b.t, connect("boss", id, 0), "没有授权给我们的应用")
		b.must(b.third.Authorize(douyintest.DefaultAccount, true))
		b.must(b.third.Grant("shops", false))
		has(b.t, connect("boss", id, 0), "查询门店")

		b.configure(func(o *Options) { o.Douyin.AccountID = "" })
		has(b.t, connect("boss", id, 0), "account_id", "poi_id")
		b.configure(func(o *Options) { o.Douyin = Douyin{} })
		has(b.t, connect("boss", id, 0), "没有设置")
		hasNot(b.t, b.in("", "boss", "授权"), "抖音")
		if all, err := b.db.Directory.Stores(b.t.Context()); err != nil || len(all) != 3 {
			b.t.Errorf("stores %+v, %v", all, err)
		}
	})
}

// Where Douyin is the only platform that shops can be connected at, it is no question.
func TestConnectDouyinAlone(t *testing.T) {
	onThrees(t, func(b *threes) {
		b.configure(func(o *Options) { o.Authorizers = nil })
		b.open(1, "静安的抖音")
		has(b.t, b.in("", "boss", "授权"), "[静安的抖音]")
		has(b.t, b.in("", "boss", "门店"), "[授权门店]")
	})
}

// Two managers put one shop into two stores at once: it is in one, and both are told where.
func TestConnectDouyinAtOnce(t *testing.T) {
	onThrees(t, func(b *threes) {
		b.configure(func(o *Options) { o.Managers = []string{"boss", "boss2"} })
		stores := []models.Store{
			b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup), b.opened(dianping.Dianping, "shop-d", "外滩店", "sunba", "wuyi", "wrOther"),
		}
		id := b.open(1, "静安的抖音")
		replies := make([]bot.Reply, 2)
		var work sync.WaitGroup
		for i, user := range []string{"boss", "boss2"} {
			m := b.at(app, "", user)
			m.Kind, m.Button = bot.Click, &bot.Button{TaskID: "t", Key: command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: id, Store: stores[i].ID}.Key()}
			work.Go(func() { replies[i] = b.give(m) })
		}
		work.Wait()
		home := b.storeNamed("静安店")
		if len(home.Further) == 0 {
			home = b.storeNamed("外滩店")
		}
		for _, r := range replies {
			has(b.t, r, "「"+home.Name+"」有大众点评、抖音")
		}
		if got := b.changes("authorize"); strings.Count(got, "抖音") != 2 || len(home.Further) != 1 { // the platform and the name, once
			b.t.Errorf("audit %s, accounts %+v", got, home.All())
		}
	})
}

// A store's first account that was taken off, and replaced, is not put into use beside the
// other one: the manager is told what to do first.
func TestConnectDouyinThatWasReplaced(t *testing.T) {
	onThrees(t, func(b *threes) {
		var stores []models.Store
		for i, name := range []string{"静安的抖音", "外滩的抖音"} {
			id := b.open(i, name)
			has(b.t, b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: id}), "门店已接通")
			stores = append(stores, b.storeNamed(name))
		}
		merge := func(other int64) {
			b.t.Helper()
			has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: stores[0].ID, Other: other}), "已合并")
		}
		merge(b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup).ID)
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActOff, Store: stores[0].ID}), "已停用")
		merge(stores[1].ID)
		again := command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: poi(0)}
		has(b.t, b.pressKey("boss", again), "已经有另一家抖音店", "先「停用」")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActOff, Store: stores[1].ID}), "已停用")
		has(b.t, b.pressKey("boss", again), "门店已接通", "抖音、大众点评")
	})
}

// A store of config.yaml is not merged by chat: who asks for a shop there that another store
// has is told where to write it.
func TestConnectDouyinIntoADeclaredStore(t *testing.T) {
	onThrees(t, func(b *threes) {
		id := b.open(1, "静安的抖音")
		connect := func(into int64) bot.Reply {
			return b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: platform.DouyinName, Shop: id, Store: into})
		}
		has(b.t, connect(0), "门店已接通")
		r := connect(1)
		has(b.t, r, "已经接通了", "写在配置文件里", "accounts:")
		hasNot(b.t, r, "合并")
	})
}
