package chat

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
	"yanquan/internal/httpcall"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// twins is a bench with both generations of Meituan/Dianping, at which stores are
// connected by chat: platform is the first's, other the second's.
type twins struct {
	*bench
	other *dianpingtest.Platform
}

// onTwins runs a test on both databases, or on one.
func onTwins(t *testing.T, test func(b *twins)) {
	t.Helper()
	t.Parallel()
	for _, driver := range databases(t) {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			test(setupTwins(t, modelstest.On(t, driver, modelstest.WithClock(clock)), clock))
		})
	}
}

func setupTwins(t *testing.T, db *models.DB, clock *modelstest.Clock) *twins {
	t.Helper()
	b := &twins{bench: setup(t, db, clock, dianping.Dianping)}
	b.other = dianpingtest.New(dianpingtest.Options{
		Now: clock.Now, DeveloperID: "100000", SignKey: "sign-key",
		Registration: dianpingtest.Registration{CallbackURL: "https://example.com/auth/meituan/callback"},
	})
	srv := httptest.NewServer(b.other)
	t.Cleanup(srv.Close)
	t.Cleanup(b.other.Close)
	second, err := dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", Timeout: time.Minute, HTTP: &http.Client{Transport: b.other.Impatient(httpcall.NewTransport())}, Now: clock.Now})
	b.must(err)
	b.configure(func(o *Options) {
		o.Platforms = map[string]dianping.Client{dianping.Dianping: o.Platforms[dianping.Dianping], dianping.Meituan: second}
		o.Authorizers = map[string]dianping.Authorizer{dianping.Dianping: o.Authorizers[dianping.Dianping], dianping.Meituan: second}
	})
	return b
}

// follow takes the link of a card through the platform's consent to shops.
func (b *twins) follow(r bot.Reply, shops ...string) error {
	b.t.Helper()
	if r.Card == nil || r.Card.URL == "" {
		b.t.Fatalf("no link on %s", show(r))
	}
	link, err := url.Parse(r.Card.URL)
	b.must(err)
	on := strings.TrimPrefix(link.Path, "/auth/")
	ctx, k := b.t.Context(), b.bot.Merchants()
	page, err := k.StartAuthorization(ctx, on, link.Query().Get("t"))
	b.must(err)
	answer, err := fakeserver.Browser().PostForm(page, url.Values{"shop": shops})
	b.must(err)
	defer answer.Body.Close()
	back, err := answer.Location()
	b.must(err)
	_, err = k.FinishAuthorization(ctx, on, back.Query())
	return err
}

// shop opens a shop at a platform.
func (b *twins) shop(p *dianpingtest.Platform, id, name string) {
	b.t.Helper()
	b.must(p.AddShop(dianpingtest.Shop{ID: id, Name: name, Customer: "customer-" + id}))
}

// opened connects a shop at a platform as a new store, with a manager, somebody of the
// staff and a group.
func (b *twins) opened(on, id, name, manager, staff, chat string) models.Store {
	b.t.Helper()
	p := map[string]*dianpingtest.Platform{dianping.Dianping: b.platform, dianping.Meituan: b.other}[on]
	b.shop(p, id, name)
	r := b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: on})
	b.must(b.follow(r, id))
	s := b.storeNamed(name)
	for user, role := range map[string]models.Role{manager: models.RoleManager, staff: models.RoleStaff} {
		b.must(b.db.Directory.SetMember(b.t.Context(), models.Member{StoreID: s.ID, UserID: user, Name: user, Role: role}))
	}
	b.must(b.db.Directory.BindChat(b.t.Context(), s.ID, chat))
	return s
}

// pressKey presses a button of no card that was seen, in the 1:1 app.
func (b *twins) pressKey(user string, k command.Button) bot.Reply {
	b.t.Helper()
	return b.pressIn("", user, bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: k.Key()}}}}, "x")
}

// storeNamed finds a store.
func (b *twins) storeNamed(name string) models.Store {
	b.t.Helper()
	all, err := b.db.Directory.Stores(b.t.Context())
	b.must(err)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	b.t.Fatalf("no store %s in %+v", name, all)
	return models.Store{}
}

// sells sells a coupon of a shop.
func (b *twins) sells(p *dianpingtest.Platform, shop, code string) {
	b.t.Helper()
	_, err := p.AddVoucher(dianpingtest.Voucher{Code: code, Title: "单人烤鱼", Price: 2990, MarketPrice: 5900, Shops: []string{shop}, Expires: time.Date(2027, 1, 1, 15, 59, 59, 0, time.UTC)})
	b.must(err)
}

// begin texts in a group without waiting for the answer.
func (b *twins) begin(chat, user, text string) {
	b.t.Helper()
	m := b.at(robot, chat, user)
	m.Kind, m.Text = bot.Text, text
	b.start(m)
}

// told is the last card that the app has sent to a person, once all is sent.
func (b *twins) told(user string) bot.Reply {
	b.t.Helper()
	b.settle()
	return b.to(user)
}

// changes are the audit entries of some actions.
func (b *twins) changes(actions ...string) string {
	b.t.Helper()
	all, err := b.db.Audit.List(b.t.Context(), models.AuditFilter{})
	b.must(err)
	var lines []string
	for _, e := range all {
		for _, a := range actions {
			if e.Action == a {
				lines = append(lines, fmt.Sprintf("%s %s %s [%s] [%s]", e.UserID, e.Action, e.Subject, e.Before, e.After))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// A shop is authorised as the second platform of a store: the same people verify its
// vouchers in the same group.
func TestAuthorizeIntoAStore(t *testing.T) {
	onTwins(t, func(b *twins) {
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		b.shop(b.other, "shop-m", "静安的美团")
		asked := b.in("", "sunba", "授权")
		has(b.t, asked, "哪个平台", "[美团][大众点评]")
		where := b.pressIn("", "sunba", asked, "美团")
		has(b.t, where, "是哪家门店", "[新门店][静安店]")
		hasNot(b.t, where, "人民广场店") // not theirs
		link := b.pressIn("", "sunba", where, "静安店")
		has(b.t, link, "会成为「静安店」的一个平台", "10 分钟")
		b.must(b.follow(link, "shop-m"))
		has(b.t, b.told("sunba"), "已接通 1 家门店：静安店", "美团接到了「静安店」")
		has(b.t, b.in("", "sunba", "门店"), "1 家门店", "大众点评: 静安店 已接通", "美团: 静安店 已接通")
		hasNot(b.t, b.pressIn("", "sunba", asked, "美团"), "静安店") // it has one now
		has(b.t, b.pressIn("", "sunba", where, "静安店"), "门店有变化") // the button of before
		s = b.storeNamed("静安店")
		if len(s.Further) != 1 || s.Further[0].ShopID != "shop-m" || s.Further[0].Platform != dianping.Meituan {
			b.t.Errorf("accounts %+v", s.All())
		}
		if got, want := b.changes("add account"), "sunba add account 静安店 [] [美团 静安的美团]"; got != want {
			b.t.Errorf("audit %s, want %s", got, want)
		}

		const code = "799269749412"
		b.sells(b.other, "shop-m", code)
		has(b.t, b.in(newGroup, "zhoujiu", "验 "+code), "核销成功", "静安店（美团）")
		// A new authorisation of what is known leaves it where it is.
		b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Meituan}), "shop-m"))
		if got := b.storeNamed("静安店"); len(got.Further) != 1 {
			b.t.Errorf("accounts %+v", got.All())
		}
	})
}

// What is chosen is checked when it is pressed, and again when the browser comes back.
func TestAuthorizeIntoAStoreThatChanges(t *testing.T) {
	onTwins(t, func(b *twins) {
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		foreign := b.opened(dianping.Dianping, "shop-d", "外滩店", "zhengshi", "wuyi", both)
		into := func(user string, store int64) bot.Reply {
			return b.pressKey(user, command.Button{Action: command.ActConnect, Platform: dianping.Meituan, Store: store})
		}
		has(b.t, into("sunba", foreign.ID), "门店有变化")
		has(b.t, into("sunba", 999), "门店有变化")
		has(b.t, into("zhoujiu", s.ID), "只有管理员")
		has(b.t, b.pressIn(newGroup, "sunba", bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: fmt.Sprint("connect meituan ", s.ID)}}}}, "x"), "单聊")
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActConnect, Platform: "kuaishou"}), "没有设置")

		for i, name := range []string{"甲店", "乙店", "丙店", "丁店"} {
			b.shop(b.other, fmt.Sprint("shop-m", i), name)
		}
		// Two links for one store: the second shop finds the platform taken.
		first, second, third := into("sunba", s.ID), into("sunba", s.ID), into("sunba", s.ID)
		b.must(b.follow(first, "shop-m0"))
		b.must(b.follow(second, "shop-m1"))
		has(b.t, b.told("sunba"), "「静安店」已经有美团了，所以成了新的门店", "绑定")
		if got := b.storeNamed("乙店"); len(got.Further) != 0 {
			b.t.Errorf("accounts %+v", got.All())
		}
		// Who does not manage it any more.
		b.must(b.db.Directory.SetMember(b.t.Context(), models.Member{StoreID: s.ID, UserID: "sunba", Name: "孙八", Role: models.RoleStaff}))
		b.must(b.follow(third, "shop-m2"))
		has(b.t, b.told("sunba"), "不再由您管理", "新的门店")
		b.storeNamed("丙店")
		if got := b.storeNamed("静安店"); len(got.Further) != 1 || got.Further[0].ShopID != "shop-m0" {
			b.t.Errorf("accounts %+v", got.All())
		}
		// A shop that is known as a store of its own stays one.
		b.must(b.follow(into("boss", foreign.ID), "shop-m1"))
		has(b.t, b.told("boss"), "以前接通过", "「合并」")
		if got := b.storeNamed("乙店"); got.BelongsTo != 0 {
			b.t.Errorf("%+v", got)
		}
	})
}

// The secret of a link says for which store it is: nobody makes another of it.
func TestAuthorizeLinkOfAnotherStore(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		link := b.in("", "boss", "授权")
		_, ticket, _ := strings.Cut(link.Card.URL, "?t=")
		if strings.Contains(ticket, "-") {
			t.Fatalf("ticket %q", ticket)
		}
		if _, err := b.bot.Merchants().StartAuthorization(t.Context(), b.dialect, fmt.Sprint(ticket, "-", s.ID)); err == nil {
			t.Error("a link was made one of another store")
		}
	})
}

// Several shops come back for one store: each is a store, and a card asks which it is.
func TestAuthorizeSeveralIntoAStore(t *testing.T) {
	onTwins(t, func(b *twins) {
		s := b.opened(dianping.Meituan, "shop-m", "静安店", "sunba", "zhoujiu", newGroup)
		for _, id := range []string{"shop-c", "shop-d"} {
			b.must(b.platform.AddShop(dianpingtest.Shop{ID: id, Name: "点评 " + id, Customer: "customer-c"}))
		}
		where := b.pressIn("", "sunba", b.in("", "sunba", "授权"), "大众点评")
		b.must(b.follow(b.pressIn("", "sunba", where, "静安店"), "shop-c", "shop-d"))
		told := b.told("sunba")
		has(b.t, told, "2 家新的店", "哪一家是「静安店」", "[点评 shop-c][点评 shop-d]")
		b.storeNamed("点评 shop-c")
		confirm := b.pressIn("", "sunba", told, "点评 shop-d")
		has(b.t, confirm, "合并这两家门店", "「点评 shop-d」并入「静安店」", "[确认合并]")
		has(b.t, b.pressIn("", "sunba", confirm, "确认合并"), "已合并", "美团、大众点评")
		s = b.storeNamed("静安店")
		if len(s.Further) != 1 || s.Further[0].ShopID != "shop-d" {
			b.t.Errorf("accounts %+v", s.All())
		}
		b.storeNamed("点评 shop-c")
		has(b.t, b.pressIn("", "sunba", told, "点评 shop-c"), "在同一个平台上")
	})
}

// More stores than a card has room for are paged, and the new store is on each page.
func TestAuthorizeAmongManyStores(t *testing.T) {
	onTwins(t, func(b *twins) {
		for i := range 8 {
			b.authorized(fmt.Sprint("shop-", i), fmt.Sprint("店", i))
		}
		r := b.pressIn("", "boss", b.in("", "boss", "授权"), "美团")
		seen := map[string]bool{}
		for range 4 {
			if len(r.Card.Keys) > bot.MaxKeys || r.Card.Keys[0].Text != "新门店" {
				b.t.Fatalf("buttons %+v", r.Card.Keys)
			}
			for _, k := range r.Card.Keys {
				seen[k.Text] = true
			}
			r = b.pressIn("", "boss", r, "其他门店")
		}
		if len(seen) != 12 { // 8, the two of the file, the new one and the next page
			b.t.Errorf("seen %v", seen)
		}
	})
}

// Two stores that are the same shop become one: what is under way goes on.
func TestMerge(t *testing.T) {
	onTwins(t, func(b *twins) {
		ctx := b.t.Context()
		b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther")
		const before, doubtful = "799269749412", "799269749413"
		b.sells(b.other, "shop-m", before)
		b.sells(b.other, "shop-m", doubtful)
		done := b.in("wrOther", "wuyi", "验 "+before)
		has(b.t, done, "核销成功")
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		b.begin("wrOther", "wuyi", "验 "+doubtful)

		first := b.in("", "sunba", "合并")
		has(b.t, first, "合并到哪家门店", "[静安寺店]", "[静安店]")
		second := b.pressIn("", "sunba", first, "静安店")
		has(b.t, second, "哪家和「静安店」是同一家店", "[静安寺店]")
		confirm := b.pressIn("", "sunba", second, "静安寺店")
		has(b.t, confirm, "「静安寺店」并入「静安店」", "留下: 静安店（大众点评） 1 个群，2 人", "并入: 静安寺店（美团） 1 个群，2 人", "[确认合并]")
		if got := len(b.storeNamed("静安寺店").Further); got != 0 {
			b.t.Errorf("merged before it was confirmed: %d", got)
		}
		has(b.t, b.pressIn("", "wuyi", confirm, "确认合并"), "只有这家门店")
		has(b.t, b.pressIn("", "sunba", confirm, "确认合并"), "已合并", "大众点评、美团", "「静安寺店」现在是「静安店」的一部分")
		has(b.t, b.pressIn("", "sunba", confirm, "确认合并"), "已合并") // pressed again
		if got, want := b.changes("merge"), "sunba merge 静安店 [静安寺店（美团）] [静安店（大众点评）]"; got != want {
			b.t.Errorf("audit %s, want %s", got, want)
		}

		b.settle()
		s := b.storeNamed("静安店")
		ops, err := b.db.Journal.ByCouponIn(ctx, models.AccountIDs([]models.Store{s}), doubtful)
		b.must(err)
		if ops.State != models.Done || b.other.Effects(doubtful).Consumed != 1 {
			b.t.Errorf("the doubt ended as %s", ops.State)
		}
		has(b.t, b.pressIn("wrOther", "wuyi", done, "撤销"), "已撤销", "静安店（美团）")
		// Each group verifies what either platform sold, and sees the day of both.
		b.sells(b.platform, "shop-c", "7992697400")
		has(b.t, b.in("wrOther", "wuyi", "验 7992697400"), "核销成功", "静安店（大众点评）")
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "最近 3 次", "美团", "大众点评")
		has(b.t, b.in("", "sunba", "今日"), "2 张")
		has(b.t, b.in("", "sunba", "员工"), "3 位员工", "wuyi", "zhoujiu")
	})
}

// What cannot be merged is refused in words, also by buttons that were made up or are old.
func TestMergeRefused(t *testing.T) {
	onTwins(t, func(b *twins) {
		has(b.t, b.in("", "zhangsan", "合并"), "只有管理员")
		has(b.t, b.in("", "boss", "合并"), "没有可以合并的门店", "config.yaml")
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Dianping, "shop-d", "外滩店", "sunba", "wuyi", "wrOther")
		three := b.opened(dianping.Meituan, "shop-m", "虹桥店", "zhengshi", "wuyi", "wrThird")
		merged := func(user string, a, c int64) bot.Reply {
			return b.pressKey(user, command.Button{Action: command.ActMerged, Store: a, Other: c})
		}
		has(b.t, b.in("", "sunba", "合并 静安店"), "没有可以并入「静安店」", "已经有大众点评")
		for _, action := range []command.Action{command.ActMerge, command.ActMerged} {
			press := func(user string, a, c int64) bot.Reply {
				return b.pressKey(user, command.Button{Action: action, Store: a, Other: c})
			}
			has(b.t, press("sunba", one.ID, two.ID), "在同一个平台上")
			has(b.t, press("sunba", one.ID, three.ID), "只有这家门店")
			has(b.t, press("zhengshi", one.ID, three.ID), "只有这家门店")
			has(b.t, press("boss", 1, three.ID), "config.yaml")
			has(b.t, press("boss", three.ID, 1), "config.yaml")
			has(b.t, press("boss", 999, three.ID), "已经不在")
			has(b.t, press("nobody", one.ID, three.ID), "只有这家门店")
		}
		if b.changes("merge") != "" {
			b.t.Error("something was merged")
		}
		has(b.t, merged("boss", one.ID, three.ID), "已合并")
		has(b.t, merged("boss", two.ID, three.ID), "门店有变化") // it is another's by now
		has(b.t, merged("boss", three.ID, one.ID), "已合并")   // they are one
		if got := strings.Count(b.changes("merge"), "\n"); got != 0 {
			b.t.Errorf("audit %s", b.changes("merge"))
		}
	})
}

// Managers merge crosswise while people join and verify: one store is left, with all.
func TestMergeAtOnce(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther")
		b.in("wrOther", "newcomer", "我是 新人")
		ask := b.to("sunba")
		const code = "799269749412"
		b.sells(b.other, "shop-m", code)
		key := func(a, c models.Store) string {
			return command.Button{Action: command.ActMerged, Store: a.ID, Other: c.ID}.Key()
		}
		type press struct{ chat, user, key, text string }
		var work sync.WaitGroup
		for i, p := range []press{
			{"", "boss", key(one, two), ""}, {"", "sunba", key(two, one), ""}, {"", "sunba", b.key(ask, "同意"), ""}, {"wrOther", "wuyi", "", "验 " + code},
		} {
			m := b.at(app, "", p.user)
			if p.chat != "" {
				m = b.at(robot, p.chat, p.user)
			}
			m.ID = fmt.Sprint("at-once-", i)
			if m.Kind, m.Text = bot.Text, p.text; p.key != "" {
				m.Kind, m.Button = bot.Click, &bot.Button{TaskID: "t", Key: p.key}
			}
			work.Go(func() {
				id, err := b.bot.Accept(b.t.Context(), m)
				if err == nil {
					b.bot.Await(b.t.Context(), id)
				}
			})
		}
		work.Wait()
		b.settle()
		all, err := b.db.Directory.Stores(b.t.Context())
		b.must(err)
		if len(all) != 3 { // two in the file
			b.t.Fatalf("stores %+v", all)
		}
		s, err := b.db.Directory.Store(b.t.Context(), one.ID)
		b.must(err)
		people, err := b.db.Directory.Members(b.t.Context(), s.ID)
		b.must(err)
		if len(people) != 4 || len(s.Further) != 1 {
			b.t.Errorf("people %+v, accounts %+v", people, s.All())
		}
		if got := b.other.Effects(code).Consumed; got != 1 {
			b.t.Errorf("consumed %d times", got)
		}
		if strings.Count(b.changes("merge"), "merge") != 1 {
			b.t.Errorf("audit %s", b.changes("merge"))
		}
		has(b.t, b.in("wrOther", "newcomer", "记录"), "最近 1 次")
	})
}

// Buttons of the store that is gone mean the one that is there.
func TestMergeLeavesOldCards(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther")
		person := b.pressKey("sunba", command.Button{Action: command.ActPerson, Store: two.ID, User: "wuyi"})
		unbind := b.in("wrOther", "sunba", "解绑")
		bind := b.in("wrThird", "sunba", "绑定 静安寺店")
		has(b.t, bind, "已绑定")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: two.ID}), "已合并")
		has(b.t, b.pressIn("", "sunba", person, "设为组长"), "组长")
		has(b.t, b.pressIn("", "sunba", person, "移出门店"), "已移出", "静安店")
		has(b.t, b.in("wrOther", "wuyi", "记录"), "不在名单里")
		has(b.t, b.pressIn("wrOther", "sunba", unbind, "静安寺店"), "已解绑", "静安店")
		has(b.t, b.in("wrOther", "zhoujiu", "记录"), "没有绑定门店")
		has(b.t, b.in("wrThird", "zhoujiu", "记录"), "还没有核销记录")
	})
}

// An account is taken off: what it has verified can be undone, its doubts end, nothing
// new is verified there, and a new authorisation brings it back.
func TestTakeOff(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: two.ID}), "已合并")
		const before, doubtful, after = "799269749412", "799269749413", "799269749414"
		for _, code := range []string{before, doubtful, after} {
			b.sells(b.other, "shop-m", code)
		}
		done := b.in(newGroup, "zhoujiu", "验 "+before)
		has(b.t, done, "核销成功")
		b.must(b.other.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		b.begin(newGroup, "zhoujiu", "验 美团 "+doubtful)

		has(b.t, b.in("", "zhoujiu", "停用"), "只有管理员")
		which := b.in("", "sunba", "停用") // one store
		has(b.t, which, "「静安店」的哪个平台", "[大众点评][美团]")
		confirm := b.pressIn("", "sunba", which, "美团")
		has(b.t, confirm, "停用「静安店」的美团", "[停用美团][单独成店]")
		has(b.t, b.pressIn("", "zhoujiu", confirm, "停用美团"), "不由您管理")
		has(b.t, b.pressIn("", "sunba", confirm, "停用美团"), "已停用")
		has(b.t, b.pressIn("", "sunba", confirm, "停用美团"), "已停用")
		has(b.t, b.pressIn("", "sunba", confirm, "单独成店"), "已停用")
		if got, want := b.changes("take off"), "sunba take off 静安店 [美团 静安寺店] []"; got != want {
			b.t.Errorf("audit %s, want %s", got, want)
		}
		has(b.t, b.in("", "sunba", "门店"), "大众点评: 静安店 已接通", "美团: 静安店 已停用")

		b.settle()
		if op, err := b.db.Journal.ByCouponIn(b.t.Context(), []int64{two.ID}, doubtful); err != nil || op.State != models.Done {
			b.t.Errorf("the doubt ended as %s, %v", op.State, err)
		}
		has(b.t, b.pressIn(newGroup, "zhoujiu", done, "撤销"), "已撤销")
		has(b.t, b.in(newGroup, "zhoujiu", "验 "+after), "券码不存在")
		if b.other.Effects(after).Consumed != 0 {
			b.t.Error("verified at a platform that was taken off")
		}
		b.must(b.follow(b.pressKey("sunba", command.Button{Action: command.ActConnect, Platform: dianping.Meituan}), "shop-m"))
		has(b.t, b.in(newGroup, "zhoujiu", "验 "+after), "核销成功", "静安店（美团）")
	})
}

// The last account takes the store out of use; those of the file are the file's.
func TestTakeOffTheLast(t *testing.T) {
	onTwins(t, func(b *twins) {
		has(b.t, b.in("", "boss", "停用"), "没有可以停用", "config.yaml")
		for _, action := range []command.Action{command.ActAccount, command.ActOff, command.ActSplit} {
			has(b.t, b.pressKey("boss", command.Button{Action: action, Store: 1}), "config.yaml")
			has(b.t, b.pressKey("boss", command.Button{Action: action, Store: 999}), "已经不在")
		}
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActAccounts, Store: 1}), "没有可以停用")
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		confirm := b.in("", "sunba", "停用 静安店")
		has(b.t, confirm, "最后一个平台", "整家门店停用", "[停用大众点评]")
		hasNot(b.t, confirm, "单独成店")
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActSplit, Store: s.ID}), "门店本身")
		has(b.t, b.pressIn("", "sunba", confirm, "停用大众点评"), "已停用")
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "没有绑定门店")
		b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), "shop-c"))
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "还没有核销记录")
	})
}

// An account that is another shop becomes a store of its own, for its manager.
func TestSplit(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Meituan, "shop-m", "静安寺店", "zhengshi", "wuyi", "wrOther")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: two.ID}), "已合并")
		const code = "799269749412"
		b.sells(b.other, "shop-m", code)
		has(b.t, b.in(newGroup, "zhoujiu", "验 "+code), "核销成功")
		confirm := b.pressIn("", "sunba", b.in("", "sunba", "停用"), "美团")
		has(b.t, b.pressIn("", "sunba", confirm, "单独成店"), "已单独成店", "「静安寺店」现在是一家门店（美团）")
		if got, want := b.changes("split"), "sunba split 静安店 [美团 静安寺店] [静安寺店]"; got != want {
			b.t.Errorf("audit %s, want %s", got, want)
		}
		s := b.storeNamed("静安寺店")
		people, err := b.db.Directory.Members(b.t.Context(), s.ID)
		b.must(err)
		if len(people) != 1 || people[0].UserID != "sunba" || people[0].Role != models.RoleManager {
			b.t.Errorf("people %+v", people)
		}
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "还没有核销记录")
		has(b.t, b.in("wrThird", "sunba", "绑定 静安寺店"), "已绑定")
		has(b.t, b.in("wrThird", "sunba", "记录"), "最近 1 次")
	})
}

// The last account in use does not leave its store: its manager, group and staff would have
// none.
func TestSplitTheLast(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		two := b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: two.ID}), "已合并")
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActOff, Store: one.ID}), "已停用")
		confirm := b.pressKey("sunba", command.Button{Action: command.ActAccount, Store: two.ID})
		has(b.t, confirm, "最后一个平台")
		hasNot(b.t, confirm, "单独成店")
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActSplit, Store: two.ID}), "最后一个在用的平台", "不能单独成店")
		if split, err := b.db.Accounts.Split(b.t.Context(), two.ID); err != nil || split {
			b.t.Errorf("split %t, %v", split, err)
		}
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "还没有核销记录")
	})
}

// Who authorises manages what is new, not the shops of others that the consent covers too.
func TestWhoAuthorisesManagesNothingOfOthers(t *testing.T) {
	onTwins(t, func(b *twins) {
		ctx := b.t.Context()
		b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		b.shop(b.platform, "shop-d", "外滩店")
		b.shop(b.platform, "shop-e", "虹桥店")
		for _, id := range []string{"shop-d", "shop-e"} {
			b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), id))
		}
		bound, joined := b.storeNamed("外滩店"), b.storeNamed("虹桥店")
		b.must(b.db.Directory.BindChat(ctx, bound.ID, "wrBund"))
		b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: joined.ID, UserID: "wuyi", Name: "吴一", Role: models.RoleStaff}))
		merged := b.opened(dianping.Meituan, "shop-m", "徐汇店", "zhengshi", "wuyi", "wrThird")
		for _, id := range []string{"shop-d", "shop-e"} {
			b.must(b.follow(b.pressKey("sunba", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), id))
		}
		for _, s := range []models.Store{bound, joined, merged} {
			members, err := b.db.Directory.Members(ctx, s.ID)
			b.must(err)
			for _, m := range members {
				if m.UserID == "sunba" {
					b.t.Errorf("%s: %+v", s.Name, m)
				}
			}
		}
	})
}

// What was taken off stays off when the merchant's consent is renewed with other shops, and
// comes back where it is meant: its store was chosen, or it is the only shop.
func TestTakeOffStays(t *testing.T) {
	onTwins(t, func(b *twins) {
		ctx := b.t.Context()
		for id, name := range map[string]string{"shop-c": "静安店", "shop-d": "外滩店"} {
			b.must(b.platform.AddShop(dianpingtest.Shop{ID: id, Name: name, Customer: "customer-c"}))
		}
		connect := func(store int64, shops ...string) string {
			b.t.Helper()
			b.clock.Advance(time.Minute)
			b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping, Store: store}), shops...))
			return show(b.told("boss"))
		}
		connect(0, "shop-c", "shop-d")
		one := b.storeNamed("静安店")
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther").ID}), "已合并")
		off := func() {
			b.t.Helper()
			has(b.t, b.pressKey("boss", command.Button{Action: command.ActOff, Store: one.ID}), "已停用")
		}
		says := func(told string, inUse int, wants ...string) {
			b.t.Helper()
			for _, want := range wants {
				if !strings.Contains(told, want) {
					b.t.Errorf("no %q in %s", want, told)
				}
			}
			if len(wants) == 0 && strings.Contains(told, "仍然停用") {
				b.t.Errorf("%s", told)
			}
			if n := len(b.storeNamed("静安店").Accounts()); n != inUse {
				b.t.Errorf("%d accounts in use, want %d", n, inUse)
			}
		}
		off()
		says(connect(0, "shop-c", "shop-d"), 1, "外滩店", "仍然停用：「静安店」的大众点评", "选「静安店」")
		if g, err := b.db.Grants.OfAccount(ctx, one.ID); err != nil || g.Ended { // its doubts are settled still
			b.t.Errorf("grant %+v, %v", g, err)
		}
		says(connect(one.ID, "shop-c", "shop-d"), 2)
		off()
		says(connect(0, "shop-c"), 2)
		off()
		off2 := b.storeNamed("静安店").Further[0].ID
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActOff, Store: off2}), "已停用")
		if told := connect(0, "shop-c", "shop-d"); !strings.Contains(told, "仍然停用：「静安店」的大众点评。要恢复，请再发「授权」，选「静安店」") {
			b.t.Errorf("told %s", told)
		}
		says(connect(one.ID, "shop-c", "shop-d"), 1, "已接通 2 家门店", "「静安店」的大众点评恢复了")
		b.storeNamed("外滩店")
	})
}

// A store that was taken off as a whole is offered to who managed it, and comes back with
// others that are authorised at the same time.
func TestAuthorizeStoreThatIsOff(t *testing.T) {
	onTwins(t, func(b *twins) {
		s := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		b.must(b.platform.AddShop(dianpingtest.Shop{ID: "shop-d", Name: "外滩店", Customer: "customer-shop-c"}))
		b.opened(dianping.Meituan, "shop-m", "徐汇店", "wuyi", "zhengyi", "wrOther")
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActOff, Store: s.ID}), "已停用")

		asked := b.in("", "wuyi", "授权")
		hasNot(b.t, b.pressIn("", "wuyi", asked, "大众点评"), "静安店") // not theirs
		b.clock.Advance(time.Minute)
		asked = b.in("", "sunba", "授权") // whose only store it is
		has(b.t, asked, "哪个平台")
		has(b.t, b.pressIn("", "sunba", asked, "美团"), "都停用了", "不能接新门店") // it was not there
		where := b.pressIn("", "sunba", asked, "大众点评")
		has(b.t, where, "是哪家门店", "[静安店（已停用）]", "停用了，点它的名字就恢复")
		hasNot(b.t, where, "新门店")
		for _, on := range []string{dianping.Meituan, dianping.Dianping} { // a button of before, or made up
			has(b.t, b.pressKey("sunba", command.Button{Action: command.ActConnect, Platform: on}), "都停用了", "不能接新门店")
		}
		has(b.t, b.pressIn("", "boss", b.in("", "boss", "授权"), "大众点评"), "[新门店]", "[静安店（已停用）]")
		b.clock.Advance(time.Minute)
		link := b.pressIn("", "sunba", where, "静安店（已停用）")
		has(b.t, link, "「静安店」的大众点评会恢复", "可以和别的店一起授权")

		b.must(b.follow(link, "shop-d")) // the wrong one
		has(b.t, b.told("sunba"), "「静安店」的店，它仍然停用", "绑定")
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "没有绑定门店")
		b.clock.Advance(time.Minute)
		b.must(b.follow(b.pressIn("", "sunba", where, "静安店（已停用）"), "shop-c", "shop-d"))
		has(b.t, b.told("sunba"), "已接通 2 家门店", "「静安店」的大众点评恢复了")
		has(b.t, b.in(newGroup, "zhoujiu", "记录"), "还没有核销记录")
		has(b.t, b.pressIn("", "sunba", where, "静安店（已停用）"), "门店有变化") // the button of before
		if back := b.storeNamed("静安店"); back.ID != s.ID || len(back.All()) != 1 {
			b.t.Errorf("accounts %+v", back.All())
		}
	})
}

// A shop whose place in its store another one has taken is not connected, and it is said
// what to do first.
func TestAuthorizeWhatWasReplaced(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.opened(dianping.Dianping, "shop-c", "静安店", "sunba", "zhoujiu", newGroup)
		merge := func(other models.Store) {
			b.t.Helper()
			has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: other.ID}), "已合并")
		}
		merge(b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther"))
		has(b.t, b.pressKey("sunba", command.Button{Action: command.ActOff, Store: one.ID}), "已停用")
		merge(b.opened(dianping.Dianping, "shop-d", "静安二店", "sunba", "wuyi", "wrOther"))
		b.told("boss") // of what was before
		b.clock.Advance(time.Minute)
		b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), "shop-c"))
		has(b.t, b.told("boss"), "没有接通门店", "仍然停用：「静安店」的大众点评", "先停用那一家")
	})
}

// A store of config.yaml is not merged by chat: who has added several shops to it is told
// what to write there, and gets no button that is refused.
func TestAuthorizeSeveralIntoADeclaredStore(t *testing.T) {
	onTwins(t, func(b *twins) {
		for _, id := range []string{"shop-m", "shop-n"} {
			b.must(b.platform.AddShop(dianpingtest.Shop{ID: id, Name: "点评 " + id, Customer: "customer-m"}))
		}
		b.must(b.db.Directory.Sync(b.t.Context(), []models.ConfiguredStore{{Platform: dianping.Meituan, ShopID: "shop-x", Name: "徐汇店", Session: "token-x"}}))
		s := b.storeNamed("徐汇店")
		for _, want := range []string{"shop_id: \"shop-n\"", "以前接通过"} {
			b.clock.Advance(time.Minute)
			b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping, Store: s.ID}), "shop-m", "shop-n"))
			told := b.told("boss")
			has(b.t, told, "门店已接通", "「徐汇店」写在配置文件里", "accounts:", want)
			hasNot(b.t, told, "合并")
			if len(told.Card.Keys) > 0 {
				b.t.Errorf("buttons %+v", told.Card.Keys)
			}
		}
	})
}

// merchant connects the first of two shops of one merchant, with sunba as its manager.
func (b *twins) merchant() models.Store {
	b.t.Helper()
	for id, name := range map[string]string{"shop-c": "静安店", "shop-d": "外滩店"} {
		b.must(b.platform.AddShop(dianpingtest.Shop{ID: id, Name: name, Customer: "customer-c"}))
	}
	b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), "shop-c"))
	s := b.storeNamed("静安店")
	b.must(b.db.Directory.BindChat(b.t.Context(), s.ID, newGroup))
	b.must(b.db.Directory.SetMember(b.t.Context(), models.Member{StoreID: s.ID, UserID: "sunba", Name: "孙八", Role: models.RoleManager}))
	return s
}

// Who authorises a further shop of a merchant is told to tick those that are connected,
// too. Where they are left out, the managers of those stores are told what stops, and a new
// authorisation brings them back.
func TestAuthorizeLeavesAShopOut(t *testing.T) {
	onTwins(t, func(b *twins) {
		first := b.merchant()
		second := b.opened(dianping.Meituan, "shop-m", "外滩美团店", "zhengyi", "wuyi", "wrOther")

		b.clock.Advance(time.Minute)
		link := b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping, Store: second.ID})
		has(b.t, link, "新接的请只选这一家店", "已接通的店也要一起勾选，否则会停用")
		b.must(b.follow(link, "shop-d"))
		has(b.t, b.told("sunba"), "门店的授权没有了", "没有勾选「静安店」", "整家门店停用了", "选「静安店」")
		has(b.t, b.to("boss"), "已接通 1 家门店", "停用了：「静安店」的大众点评")
		if got, want := b.changes("leave out"), "boss leave out 静安店 [大众点评 静安店] []"; got != want {
			b.t.Errorf("audit %s, want %s", got, want)
		}

		b.clock.Advance(time.Minute)
		where := b.pressIn("", "sunba", b.in("", "sunba", "授权"), "大众点评")
		has(b.t, where, "[静安店（已停用）]")
		link = b.pressIn("", "sunba", where, "静安店（已停用）")
		has(b.t, link, "会恢复", "已接通的店也要一起勾选，否则会停用")
		b.must(b.follow(link, "shop-c", "shop-d"))
		has(b.t, b.in(newGroup, "sunba", "记录"), "还没有核销记录")
		for _, id := range []int64{first.ID, second.ID} {
			if s, err := b.db.Directory.Store(b.t.Context(), id); err != nil || !s.On(dianping.Dianping) {
				b.t.Errorf("accounts %+v, %v", s.All(), err)
			}
		}
	})
}

// What is left out while its store has another platform stops there alone.
func TestAuthorizeLeavesAPlatformOut(t *testing.T) {
	onTwins(t, func(b *twins) {
		one := b.merchant()
		has(b.t, b.pressKey("boss", command.Button{Action: command.ActMerged, Store: one.ID, Other: b.opened(dianping.Meituan, "shop-m", "静安寺店", "sunba", "wuyi", "wrOther").ID}), "已合并")

		b.clock.Advance(time.Minute)
		b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), "shop-d"))
		has(b.t, b.told("sunba"), "门店的授权没有了", "大众点评停用了", "别的平台照常")
		b.sells(b.other, "shop-m", "799269749412")
		has(b.t, b.in(newGroup, "sunba", "验 799269749412"), "核销成功")
	})
}
