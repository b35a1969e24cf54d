package chat

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
	"yanquan/models"
)

const newGroup = "wrGroupNew" // bound to nothing

// authorized adds a store that was authorised by chat, and its access to the
// platform.
func (b *bench) authorized(shop, name string) models.Store {
	b.t.Helper()
	ctx := b.t.Context()
	b.must(b.platform.AddShop(dianpingtest.Shop{ID: shop, Name: name, Customer: "customer-" + shop}))
	a, err := b.platform.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Dialect(b.dialect), Shops: []string{shop}})
	b.must(err)
	g, err := b.db.Grants.Save(ctx, models.Grant{
		ID: NewID(), Platform: b.dialect, Purpose: string(dianping.ForVouchers), ShopID: shop, AccessToken: a.Token, RefreshToken: a.RefreshToken,
		ExpiresAt: a.Expires, RefreshesLeft: dianping.RefreshesNotTold, AuthorizedBy: "boss", AuthorizedAt: b.clock.Now(),
	})
	b.must(err)
	linked, err := b.db.Accounts.LinkGrant(ctx, g, 0, []models.GrantShop{{ShopID: shop, Name: name}})
	b.must(err)
	return models.Store{Account: linked.Accounts[0]}
}

// in texts in a group, or in the 1:1 app where chat is empty.
func (b *bench) in(chat, user, text string) bot.Reply {
	b.t.Helper()
	m := b.at(robot, chat, user)
	if chat == "" {
		m = b.at(app, "", user)
	}
	m.Kind, m.Text = bot.Text, text
	return b.give(m)
}

// pressIn presses a button where in would text.
func (b *bench) pressIn(chat, user string, r bot.Reply, text string) bot.Reply {
	b.t.Helper()
	m := b.at(robot, chat, user)
	if chat == "" {
		m = b.at(app, "", user)
	}
	m.Kind, m.Button = bot.Click, &bot.Button{TaskID: "t", Key: b.key(r, text)}
	return b.give(m)
}

// to is the last card that the app has sent to a person.
func (b *bench) to(user string) bot.Reply {
	b.t.Helper()
	b.bot.Pass(b.t.Context())
	sent := b.courier.all()
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].User == user && sent[i].Channel == app {
			return sent[i].Reply
		}
	}
	b.t.Fatalf("nothing was sent to %s", user)
	return bot.Reply{}
}

// A new store from nothing: the manager binds a group, a person joins and
// verifies.
func TestSetUpByChat(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.authorized("shop-c", "静安店")
		_, err := b.platform.AddVoucher(dianpingtest.Voucher{Code: Code, Title: "下午茶", Shops: []string{"shop-c"}})
		b.must(err)

		has(t, b.in(newGroup, "sunba", "验 "+Code), "还没有绑定门店", "绑定")
		has(t, b.in(newGroup, "sunba", "绑定"), "只有管理员")
		offer := b.in(newGroup, "boss", "绑定")
		has(t, offer, "静安店")
		hasNot(t, offer, "人民广场店") // declared in the file
		has(t, b.pressIn(newGroup, "sunba", offer, "静安店"), "只有这家门店的店长或管理员")
		has(t, b.pressIn(newGroup, "boss", offer, "静安店"), "已绑定")
		has(t, b.in(newGroup, "boss", "绑定"), "没有可以绑定的门店")

		has(t, b.in(newGroup, "sunba", "验 "+Code), "您还不在名单里", "我是")
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "已经告诉管理员")
		has(t, b.in(newGroup, "sunba", "我是孙八"), "已经发给管理员")
		ask := b.to("boss")
		has(t, ask, "有人申请加入", "孙八", "静安店", "[同意][拒绝]")
		has(t, b.pressIn("", "lisi", ask, "同意"), "只有这家门店的店长或管理员") // of another store
		has(t, b.in(newGroup, "sunba", "验 "+Code), "您还不在名单里")
		has(t, b.pressIn("", "boss", ask, "同意"), "已同意", "孙八")
		has(t, b.pressIn("", "boss", ask, "拒绝"), "已同意") // too late
		has(t, b.to("sunba"), "您已加入")

		has(t, b.in(newGroup, "sunba", "验 "+Code), "核销成功", "孙八", "静安店")
		b.effects(Code, 1, 0)

		var story []string
		log, err := b.db.Audit.List(t.Context(), models.AuditFilter{})
		b.must(err)
		for _, e := range log {
			story = append(story, e.UserID+" "+e.Action+" "+e.Subject+" "+e.After)
		}
		want := "boss bind " + newGroup + " 静安店\nsunba ask to join sunba 孙八\nboss member sunba 孙八 staff"
		if got := strings.Join(story, "\n"); got != want {
			t.Errorf("audit\n%s\nwant\n%s", got, want)
		}
	})
}

// connect takes the link that 授权 makes for a user through the authorisation of shops.
func (b *bench) connect(user string, shops ...string) {
	b.t.Helper()
	ctx, k := b.t.Context(), b.bot.Merchants()
	link, err := url.Parse(b.in("", user, "授权").Card.URL)
	b.must(err)
	page, err := k.StartAuthorization(ctx, b.dialect, link.Query().Get("t"))
	b.must(err)
	answer, err := fakeserver.Browser().PostForm(page, url.Values{"shop": shops})
	b.must(err)
	defer answer.Body.Close()
	back, err := answer.Location()
	b.must(err)
	_, err = k.FinishAuthorization(ctx, b.dialect, back.Query())
	b.must(err)
}

// Who authorises a new shop manages it; one that has a manager stays theirs.
func TestWhoAuthorisesManages(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		old := b.authorized("shop-c", "静安店")
		for user, s := range map[string]models.Store{"sunba": old, "zhoujiu": b.authorized("shop-d", "南京西路店")} {
			b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: user, Name: "店长" + user, Role: models.RoleManager}))
		}
		b.must(b.platform.AddShop(dianpingtest.Shop{ID: "shop-e", Name: "新店", Customer: "customer-e"}))
		b.connect("sunba", "shop-e")
		has(t, b.to("sunba"), "门店已接通", "新店")
		has(t, b.in(newGroup, "zhoujiu", "绑定 新店"), "没有叫「新店」")
		has(t, b.in(newGroup, "sunba", "绑定 新店"), "已绑定", "新店")
		has(t, b.in(newGroup, "wuyi", "我是 吴一"), "已经告诉管理员")
		has(t, b.pressIn("", "sunba", b.to("sunba"), "同意"), "已同意")
		b.connect("sunba", "shop-d")
		has(t, b.in(newGroup, "sunba", "绑定 南京西路店"), "没有叫")
		b.connect("boss", "shop-e")
		people, err := b.db.Directory.Memberships(ctx, "boss")
		b.must(err)
		if len(people) > 0 {
			t.Errorf("who manages all needs no place: %+v", people)
		}
		log, err := b.db.Audit.List(ctx, models.AuditFilter{})
		b.must(err)
		if !slices.ContainsFunc(log, func(e models.AuditEntry) bool {
			return e.Action == "member" && e.UserID == "sunba" && e.Subject == "sunba" && e.After == "店长sunba manager"
		}) {
			t.Errorf("audit %+v", log)
		}
	})
}

// A person who was refused stays out, and is told.
func TestJoinRefused(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		b.in(newGroup, "sunba", "我是 孙八")
		has(t, b.pressIn("", "boss", b.to("boss"), "拒绝"), "已拒绝")
		has(t, b.to("sunba"), "没有同意")
		has(t, b.in(newGroup, "sunba", "验 "+Code), "您还不在名单里")
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "已经告诉管理员") // may ask again
	})
}

// What somebody calls themselves is checked, and nothing is asked of a store
// whose people stand in the file.
func TestJoinBadInput(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "我是"), "请带上姓名")
		has(t, b.in(newGroup, "sunba", "我是 "+strings.Repeat("长", 21)), "姓名最多 20 个字")
		has(t, b.in("", "sunba", "我是 孙八"), "请在门店的群里")
		has(t, b.in("wrNobody", "sunba", "我是 孙八"), "还没有绑定门店")
		has(t, b.say("sunba", "我是 孙八"), "config.yaml")
		has(t, b.say("zhangsan", "我是 张三"), "config.yaml")
		b.bot.Pass(t.Context())
		for _, d := range b.courier.all() {
			if d.User == "boss" {
				t.Errorf("the manager was asked: %+v", d)
			}
		}
	})
}

// A manager changes roles and takes people off; a lead may look; the file's
// stores cannot be changed.
func TestPeople(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		ctx := t.Context()
		b.must(b.db.Directory.BindChat(ctx, s.ID, newGroup))
		for user, role := range map[string]models.Role{"sunba": models.RoleStaff, "zhoujiu": models.RoleLead} {
			b.must(b.db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: user, Name: "员工" + user, Role: role}))
		}
		has(t, b.in(newGroup, "sunba", "员工"), "只有组长和店长")
		list := b.in(newGroup, "zhoujiu", "员工")
		has(t, list, "2 位员工", "员工sunba")
		if len(list.Card.Keys) != 0 {
			t.Errorf("a lead is offered %v", list.Card.Keys)
		}
		list = b.in(newGroup, "boss", "员工")
		one := b.pressIn(newGroup, "boss", list, "员工sunba")
		has(t, one, "店员", "[设为组长][设为店长][移出门店]")
		has(t, b.pressIn(newGroup, "zhoujiu", one, "设为店长"), "只有这家门店的店长或管理员")
		has(t, b.pressIn(newGroup, "boss", one, "设为店长"), "店长", "[设为店员][设为组长]")
		m, err := b.db.Directory.Member(ctx, s.ID, "sunba")
		b.must(err)
		if m.Role != models.RoleManager {
			t.Errorf("role %s", m.Role)
		}
		other := b.pressIn("", "sunba", b.in("", "sunba", "员工"), "员工zhoujiu") // a manager of the store now
		has(t, b.pressIn("", "sunba", other, "移出门店"), "已移出")
		has(t, b.in(newGroup, "zhoujiu", "验 "+Code), "您还不在名单里")
		has(t, b.pressIn("", "sunba", other, "移出门店"), "已经不在")
		has(t, b.say("wangwu", "员工"), "写在配置文件里")
		forged := bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: "role 1 manager zhangsan"}, {Text: "y", Key: "remove 1 zhangsan"}, {Text: "z", Key: "role 99 boss zhangsan"}}}}
		has(t, b.pressIn(group, "zhangsan", forged, "x"), "只有这家门店的店长或管理员")
		has(t, b.pressIn(group, "boss", forged, "x"), "config.yaml")
		has(t, b.pressIn(group, "boss", forged, "y"), "config.yaml")
		has(t, b.pressIn(group, "boss", forged, "z"), "已经不在")
	})
}

// A group is taken off a store again.
func TestUnbind(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "解绑"), "只有管理员")
		offer := b.in(newGroup, "boss", "解绑")
		has(t, b.pressIn(newGroup, "sunba", offer, "静安店"), "只有这家门店的店长或管理员")
		has(t, b.pressIn(newGroup, "boss", offer, "静安店"), "已解绑")
		has(t, b.pressIn(newGroup, "boss", offer, "静安店"), "已解绑") // pressed again: nothing more happens
		has(t, b.in(newGroup, "boss", "解绑"), "没有绑定门店")
		if log, err := b.db.Audit.List(t.Context(), models.AuditFilter{}); err != nil || len(log) != 1 || log[0].Before != "静安店" {
			t.Errorf("audit %+v, %v", log, err)
		}
		declared := b.say("boss", "解绑")
		has(t, b.pressIn(group, "boss", declared, "人民广场店"), "config.yaml")
		has(t, b.in("", "boss", "解绑"), "请在门店的群里")
		has(t, b.in("", "boss", "绑定"), "请在门店的群里")
	})
}

// Who has several stores chooses once a day, and can choose anew.
func TestSwitch(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		asked := b.in(both, "zhaoliu", "查 "+Code)
		has(t, asked, "请选择门店", "人民广场店", "徐家汇店")
		has(t, b.pressIn(both, "zhaoliu", asked, "人民广场店"), "可以核销", "人民广场店")
		has(t, b.in(both, "zhaoliu", "查 "+Code), "可以核销", "人民广场店") // remembered
		has(t, b.in(both, "boss", "查 "+Code), "请选择门店")            // for this person only
		has(t, b.in("", "zhaoliu", "查 "+Code), "请选择门店")           // and here only
		has(t, b.pressIn(both, "zhaoliu", b.in(both, "zhaoliu", "切换"), "徐家汇店"), "徐家汇店")
		has(t, b.in(both, "zhaoliu", "查 "+Code), "不能在本店使用", "徐家汇店")
		b.clock.Advance(10 * time.Hour) // 00:00 in Beijing
		has(t, b.in(both, "zhaoliu", "查 "+Code), "请选择门店")
		has(t, b.in(both, "zhaoliu", "切换 徐家汇店。"), "徐家汇店")
		has(t, b.in(both, "zhaoliu", "查 "+Code), "不能在本店使用")
		has(t, b.in(both, "zhaoliu", "切换 人民广场店"), "人民广场店") // without a button
		has(t, b.in(both, "zhaoliu", "查 "+Code), "可以核销", "人民广场店")
		has(t, b.in(both, "zhaoliu", "切换 别家"), "没有叫「别家」的门店")
		has(t, b.in(both, "qianqi", "切换 人民广场店"), "不用切换") // not theirs
		has(t, b.say("zhangsan", "切换"), "不用切换")
		forged := bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: "use 2"}}}}
		has(t, b.pressIn(group, "zhangsan", forged, "x"), "不属于您的门店")
	})
}

// The link is for a manager, in private.
func TestAuthorizeByChat(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		has(t, b.in("", "zhangsan", "授权"), "只有管理员")
		has(t, b.say("boss", "授权"), "单聊")
		r := b.in("", "boss", "授权")
		has(t, r, "授权大众点评", "10 分钟")
		_, ticket, ok := strings.Cut(r.Card.URL, "https://example.com/auth/dianping?t=")
		if !ok {
			t.Fatalf("link %q", r.Card.URL)
		}
		a, err := b.bot.Merchants().Authorization(t.Context(), dianping.Dianping, ticket)
		b.must(err)
		if a.User != "boss" {
			t.Errorf("the link is %s's", a.User)
		}
		stores := b.in("", "boss", "门店")
		has(t, stores, "2 家门店", "人民广场店 已接通（配置文件）", "[授权门店]")
		has(t, b.pressIn("", "boss", stores, "授权门店"), "授权大众点评")
		has(t, b.in("", "zhangsan", "门店"), "只有管理员")
	})
}

// 门店 tells what state each store is in.
func TestStoreStates(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		s := b.authorized("shop-c", "静安店")
		has(t, b.in("", "boss", "门店"), "静安店 已接通")
		g, err := b.db.Grants.OfAccount(ctx, s.ID)
		b.must(err)
		g, err = b.db.Grants.Claim(ctx, g, b.clock.Now().Add(time.Minute))
		b.must(err)
		g, err = b.db.Grants.MarkFailed(ctx, g, "reauthorize", time.Time{})
		b.must(err)
		for _, left := range []struct {
			until time.Duration
			says  string
		}{
			{30 * 24 * time.Hour, "已接通，30 天后到期"},
			{25 * time.Hour, "已接通，1 天后到期"},
			{24*time.Hour - time.Second, "已接通，23 小时后到期"},
			{time.Hour, "已接通，1 小时后到期"},
			{59 * time.Minute, "已接通，59 分钟后到期"},
			{time.Second, "已接通，不到 1 分钟后到期"},
			{0, "授权已到期，需要重新授权"},
			{-50 * time.Hour, "授权已到期，需要重新授权"},
		} {
			b.clock.Advance(g.ExpiresAt.Sub(b.clock.Now()) - left.until)
			has(t, b.in("", "boss", "门店"), "静安店 "+left.says)
		}
		refused, err := b.db.Grants.MarkRefused(ctx, g, b.clock.Now())
		b.must(err)
		has(t, b.in("", "boss", "门店"), "静安店 授权失效，需要重新授权")
		_, err = b.db.Grants.MarkRefused(ctx, refused, time.Time{})
		b.must(err)
		g, err = b.db.Grants.Claim(ctx, g, b.clock.Now().Add(time.Minute))
		b.must(err)
		_, err = b.db.Grants.End(ctx, g, "unbound")
		b.must(err)
		has(t, b.in("", "boss", "门店"), "静安店 授权失效")
		b.must(b.db.Directory.BindChat(ctx, s.ID, newGroup))
		has(t, b.in(newGroup, "boss", "验 "+Code), "门店授权失效", "重新授权")
		b.effects(Code, 0, 0)
	})
}

// access: group gives a place with each message from a bound group, and no other: a
// name told there is stored without a place in the store.
func TestAccessByGroup(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.AccessByGroup = true })
		b.voucher(Code)
		has(t, b.in("", "sunba", "验 "+Code), "您还不在名单里")
		has(t, b.in(newGroup, "sunba", "验 "+Code), "还没有绑定门店")
		has(t, b.say("sunba", "验 "+Code), "核销成功", "sunba")
		has(t, b.say("sunba", "员工"), "只有组长和店长")
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "我是 小孙"), "小孙", "这个群")
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "孙八", "这个群") // put right
		has(t, b.in(newGroup, "sunba", "查 10000001"), "券码不存在")
		has(t, b.say("sunba", "查 "+Code), "已经核销", "sunba") // done before there was a name
		has(t, b.in("", "sunba", "查 10000001"), "您还不在名单里")
		m, err := b.db.Directory.Member(t.Context(), s.ID, "sunba")
		b.must(err)
		if m.Name != "孙八" || m.Role != models.RoleGuest {
			t.Errorf("%+v", m)
		}
		loose, err := b.db.Directory.LooseEnds(t.Context())
		b.must(err)
		if len(loose.StoresWithoutStaff) != 1 || loose.StoresWithoutStaff[0] != "静安店" {
			t.Errorf("without staff: %v", loose.StoresWithoutStaff)
		}

		_, err = b.db.Directory.UnbindChat(t.Context(), s.ID, newGroup)
		b.must(err)
		has(t, b.in(newGroup, "sunba", "查 10000001"), "还没有绑定门店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		b.configure(func(o *Options) { o.AccessByGroup = false })
		has(t, b.in(newGroup, "sunba", "查 10000001"), "您还不在名单里")

		// A manager gives a place that lasts.
		one := b.pressIn("", "boss", b.in("", "boss", "员工 静安店"), "孙八")
		has(t, b.pressIn("", "boss", one, "设为店员"), "店员")
		has(t, b.in("", "sunba", "查 10000001"), "券码不存在")
	})
}

// An approval is of the name that the card has shown.
func TestApprovalIsOfTheNameShown(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		has(t, b.in(newGroup, "sunba", "我是 孙八"), "已经告诉管理员")
		first := b.to("boss")
		has(t, b.in(newGroup, "sunba", "我是 老板"), "已经告诉管理员")
		second := b.to("boss")
		has(t, second, "有人申请加入", "老板")
		has(t, b.pressIn("", "boss", first, "同意"), "申请改了姓名")
		has(t, b.in(newGroup, "sunba", "验 "+Code), "您还不在名单里")
		has(t, b.pressIn("", "boss", second, "同意"), "已同意", "老板")
		m, err := b.db.Directory.Member(t.Context(), s.ID, "sunba")
		b.must(err)
		if m.Name != "老板" {
			t.Errorf("%+v", m)
		}
	})
}

// Each request tells the managers, so that there are only so many in a day.
func TestJoinOverAndOver(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		for i := range maxAsks {
			has(t, b.in(newGroup, "sunba", fmt.Sprint("我是 孙八", i)), "已经告诉管理员")
		}
		has(t, b.in(newGroup, "sunba", "我是 孙九"), "今天已经申请了 5 次")
		b.clock.Advance(24*time.Hour + time.Second)
		has(t, b.in(newGroup, "sunba", "我是 孙九"), "已经告诉管理员")
	})
}

// Who has got another role meanwhile keeps it when an old request is approved.
func TestLateApprovalKeepsRole(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		b.in(newGroup, "sunba", "我是 孙八")
		b.must(b.db.Directory.SetMember(t.Context(), models.Member{StoreID: s.ID, UserID: "sunba", Name: "孙", Role: models.RoleLead}))
		has(t, b.pressIn("", "boss", b.to("boss"), "同意"), "已同意")
		m, err := b.db.Directory.Member(t.Context(), s.ID, "sunba")
		b.must(err)
		if m.Role != models.RoleLead {
			t.Errorf("%+v", m)
		}
	})
}

// The key of a join button names the asker, and a press by another user is refused.
func TestJoinButtonIsTheAskers(t *testing.T) {
	for name, byGroup := range map[string]bool{"roster": false, "group": true} {
		t.Run(name, func(t *testing.T) {
			here(t, func(t *testing.T, b *bench) {
				b.configure(func(o *Options) { o.AccessByGroup = byGroup })
				for i := range bot.MaxKeys + 1 {
					s := b.authorized(fmt.Sprint("shop-", i), fmt.Sprintf("A%d店", i))
					b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
				}
				asked := b.in(newGroup, "sunba", "我是 孙八")
				has(t, asked, "加入哪家门店？")
				has(t, b.pressIn(newGroup, "zhoujiu", asked, "A0店"), "这是 孙八 的申请")
				second := b.pressIn(newGroup, "zhoujiu", asked, "其他门店")
				has(t, b.pressIn(newGroup, "zhoujiu", second, "A6店"), "这是 孙八 的申请")
				members, err := b.db.Directory.Memberships(t.Context(), "zhoujiu")
				b.must(err)
				if len(members) > 0 {
					t.Errorf("%+v", members)
				}
				has(t, b.pressIn(newGroup, "SunBa", second, "A6店"), "孙八", "A6店")
			})
		})
	}
}

// Who guesses codes has to wait, and managers are told once; an undo is not held
// up, nor are the others.
func TestGuard(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Guard = Guard{Codes: 3, Within: 10 * time.Minute} })
		b.voucher(Code)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		for _, wrong := range []string{"10000001", "10000002", "10000002", "10000003"} { // one of them twice
			has(t, b.say("zhangsan", "查 "+wrong), "券码不存在")
			b.clock.Advance(time.Minute)
		}
		before := b.calls("prepare")
		for range 2 {
			has(t, b.say("zhangsan", "验 10000004"), "请核对后过 6 分钟再试")
		}
		if n := b.calls("prepare"); n != before {
			t.Errorf("the platform was asked %d times more", n-before)
		}
		has(t, b.to("boss"), "有人连续输错券码", "张三")
		has(t, b.say("lisi", "查 10000004"), "券码不存在")
		has(t, b.say("zhangsan", "撤 "+Code), "已撤销")
		b.clock.Advance(7 * time.Minute)
		has(t, b.say("zhangsan", "查 10000005"), "券码不存在")
		told := 0
		for _, d := range b.courier.all() {
			if d.User == "boss" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the manager was told %d times", told)
		}
	})
}

// The guard is asked before every code, in whatever way codes come, and what each has
// cost is recorded before the next is asked about.
func TestGuardCountsEveryCode(t *testing.T) {
	many := func(from int) (codes []string) {
		for i := range 20 {
			codes = append(codes, fmt.Sprint(from+i))
		}
		return codes
	}
	for name, ask := range map[string]func(b *bench, text string) bot.Reply{
		"look":   func(b *bench, text string) bot.Reply { return b.say("zhangsan", "查 "+text) },
		"verify": func(b *bench, text string) bot.Reply { return b.say("zhangsan", "验 "+text) },
		"voice": func(b *bench, text string) bot.Reply {
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Text = bot.Voice, "验 "+text
			return b.give(m)
		},
		"photo": func(b *bench, text string) bot.Reply {
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Scanned = bot.Scan, strings.Fields(text)
			return b.give(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.configure(func(o *Options) { o.Guard = Guard{Codes: 3, Within: 10 * time.Minute} })
				for i := range 3 {
					has(t, ask(b, strings.Join(many(10000000+100*i), " ")), "再试")
				}
				if n := b.calls("prepare"); n != 3 {
					t.Errorf("the platform was asked %d times, want 3", n)
				}
				has(t, b.to("boss"), "有人连续输错券码", "张三")
			})
		})
	}
}

// …and QR codes, which the platform is asked about one by one.
func TestGuardCountsEveryQRCode(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Guard = Guard{Codes: 3, Within: 10 * time.Minute} })
		m := b.at(robot, group, "zhangsan")
		m.Kind = bot.Scan
		for i := range 6 {
			m.Scanned = append(m.Scanned, fmt.Sprintf("c3RyYW5nZT%d=@1", i))
		}
		has(t, b.give(m), "请核对后过")
		if n := b.calls("scanprepare"); n != 3 {
			t.Errorf("the platform was asked %d times, want 3", n)
		}
	})
}

// A verification that was refused so is told as one, and can be sent again later.
func TestSlowedInTheMiddle(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.Guard = Guard{Codes: 2, Within: 10 * time.Minute} })
		b.voucher(Code)
		has(t, b.say("zhangsan", "验 10000001 10000002 "+Code), "3 个券码，成功 0 个", "请等一等再试")
		b.effects(Code, 0, 0)
		has(t, b.say("lisi", "验 "+Code), "核销成功")
	})
}

// F12: a session that expires in the middle of a verification is renewed, and
// the verification goes on.
func TestFault12VerifyRenews(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		_, err := b.platform.AddVoucher(dianpingtest.Voucher{Code: Code, Title: "下午茶", Shops: []string{"shop-c"}})
		b.must(err)
		session, err := b.db.Grants.Session(t.Context(), s.ID)
		b.must(err)
		b.must(b.platform.ExpireSession(session.AccessToken))
		has(t, b.in(newGroup, "boss", "验 "+Code), "核销成功")
		b.effects(Code, 1, 0)
		if n := b.calls("refresh"); n != 1 {
			t.Errorf("%d renewals", n)
		}
	})
}

// …and where it cannot be renewed, the person and the manager are told.
func TestFault12VerifyWithoutSession(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		s := b.authorized("shop-c", "静安店")
		b.must(b.db.Directory.BindChat(t.Context(), s.ID, newGroup))
		session, err := b.db.Grants.Session(t.Context(), s.ID)
		b.must(err)
		b.must(b.platform.RevokeSession(session.AccessToken))
		r := b.in(newGroup, "boss", "验 "+Code)
		has(t, r, "门店授权失效", "重新授权")
		notice := b.to("boss")
		has(t, notice, "门店授权失效", "静安店", "[重新授权]")
		has(t, b.pressIn("", "boss", notice, "重新授权"), "10 分钟内有效")
		has(t, b.in("", "boss", "门店"), "静安店 授权失效，需要重新授权")
		b.effects(Code, 0, 0)
		op, err := b.db.Journal.ByCoupon(t.Context(), s.ID, Code)
		if !errors.Is(err, models.ErrNotFound) && op.State != models.Rejected {
			t.Errorf("an operation is left: %+v, %v", op, err)
		}
	})
}
