package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
)

func (u *admin) askToAuthorize(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	return u.authorizePressed(ctx, t, command.Button{Action: command.ActAuthorize})
}

// authorizePressed gives a manager a link to the platform's page: in private, for who
// opens it connects shops in this company's name. It asks which platform, and which
// store the shop is, where that is not said yet.
func (u *admin) authorizePressed(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	if b.Platform == platform.DouyinName || b.Platform == "" && slices.Equal(u.authorizable(), []string{platform.DouyinName}) {
		return u.connectDouyin(ctx, t, b)
	}
	reply, err := u.authorize(ctx, t.m, b)
	if err != nil {
		return bot.Reply{}, err
	}
	return t.answer(ctx, reply)
}

func (u *admin) authorize(ctx context.Context, m bot.Message, b command.Button) (bot.Reply, error) {
	stores, refused, err := u.authorizer(ctx, m)
	on := u.authorizable()
	switch {
	case err != nil || !refused.Empty():
		return refused, err
	case len(on) == 0:
		return bot.Say("平台的应用还没有设置。请在 config.yaml 里填写 meituan:、dianping: 或 douyin:。"), nil
	case b.Platform == "" && len(on) > 1:
		return u.whichPlatform(on), nil
	case b.Platform == "":
		b.Platform = on[0]
	case !slices.Contains(on, b.Platform):
		return bot.Say("这个平台没有设置，不能授权。"), nil
	}
	mayAdd := u.access.ManagesAll(m.User) || slices.ContainsFunc(stores, models.Store.Live)
	stores = slices.DeleteFunc(stores, func(s models.Store) bool { return s.On(b.Platform) || !s.Live() && !rests(s, b.Platform) })
	if !mayAdd && (len(stores) == 0 || b.Action == command.ActConnect && b.Store == 0) {
		return bot.Say("您管的门店都停用了：只能恢复它，不能接新门店。请管理员来授权新门店。"), nil
	}
	if b.Action != command.ActConnect && len(stores) > 0 {
		return u.whichStore(b, stores, mayAdd), nil
	}
	var into models.Store
	if b.Store != 0 {
		i := slices.IndexFunc(stores, func(s models.Store) bool { return s.ID == b.Store })
		if i < 0 {
			return bot.Say("您选的门店有变化：已经不在、不由您管理，或已经有%s了。请重新发「授权」。", platform.Name(b.Platform)), nil
		}
		into = stores[i]
	}
	return u.linkCard(ctx, m, b.Platform, into)
}

// rests reports whether a store has an account on a platform that is out of use, and is
// not the file's: to authorise it there brings it back.
func rests(s models.Store, on string) bool {
	return slices.ContainsFunc(s.All(), func(a models.Account) bool { return a.Platform == on && !a.Active && a.Origin != models.OriginConfig })
}

// authorizer are the stores of who may connect shops, in private, with those that were
// taken off as a whole. Where this person may not, the reply says why.
func (u *admin) authorizer(ctx context.Context, m bot.Message) ([]models.Store, bot.Reply, error) {
	stores, err := u.access.Managed(ctx, u.DB, m.User)
	if err != nil {
		return nil, bot.Reply{}, err
	}
	off, err := u.access.ManagedOff(ctx, u.DB, m.User)
	stores = append(stores, off...)
	switch {
	case err != nil:
		return nil, bot.Reply{}, err
	case len(stores) == 0 && !u.access.ManagesAll(m.User):
		return nil, bot.Say("只有管理员可以授权门店。"), nil
	case !m.Private():
		return nil, bot.Say("授权链接只发给您本人。请打开和我的单聊，发「授权」。"), nil
	}
	return stores, bot.Reply{}, nil
}

// authorizable are the platforms that shops can be connected at, as they are offered.
func (u *admin) authorizable() (on []string) {
	for _, name := range []string{dianping.Meituan, dianping.Dianping} {
		if u.Authorizers[name] != nil {
			on = append(on, name)
		}
	}
	if u.Douyin.Client != nil {
		on = append(on, platform.DouyinName)
	}
	return on
}

func (u *admin) whichPlatform(on []string) bot.Reply {
	c := bot.Card{TaskID: u.NewID(), Source: "验券", Title: "授权哪个平台的门店？"}
	for _, name := range on {
		c.Keys = append(c.Keys, bot.CardKey{Text: platform.Name(name), Key: command.Button{Action: command.ActAuthorize, Platform: name}.Key(), Style: bot.Primary})
	}
	return bot.Reply{Card: &c}
}

// whichStore asks which of the stores a shop is, or whether it is a new one, for those who
// may add one: who manages nothing that is in use may only bring back what rests.
func (u *admin) whichStore(b command.Button, stores []models.Store, mayAdd bool) bot.Reply {
	connect := command.Button{Action: command.ActConnect, Platform: b.Platform, Shop: b.Shop}
	more := command.Button{Action: command.ActWhere, Platform: b.Platform, Shop: b.Shop}
	var keys []bot.CardKey
	if mayAdd {
		keys = append(keys, bot.CardKey{Text: "新门店", Key: connect.Key(), Style: bot.Primary})
	}
	text := "已经接通的门店，点它的名字，它就多一个平台，群和店员不变。以前没有接通过的，点「新门店」。"
	stores = slices.Clone(stores)
	for i, s := range stores {
		if !s.Live() {
			stores[i].Name += "（已停用）"
			text = "已经接通的门店，点它的名字，它就多一个平台，群和店员不变。停用的门店，点它的名字就恢复。都不是，点「新门店」。"
		}
	}
	if !mayAdd {
		text = "这些门店停用了，点它的名字就恢复。"
	}
	return bot.Reply{Card: &bot.Card{
		TaskID: u.NewID(), Source: "验券", Title: "这家" + platform.Name(b.Platform) + "店是哪家门店？",
		Text: text,
		Keys: append(keys, storeKeysIn(bot.MaxKeys-1, stores, b.From, more, func(s models.Store) command.Button {
			connect.Store = s.ID
			return connect
		})...),
	}}
}

// linkCard is the link for a shop that becomes an account of a store, or a new store.
func (u *admin) linkCard(ctx context.Context, m bot.Message, on string, into models.Store) (bot.Reply, error) {
	link, err := u.grants.NewLink(ctx, on, grants.Asker{User: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat}, into.ID)
	if errors.Is(err, grants.ErrPlatformOff) {
		return bot.Say("这个平台没有设置，不能授权。"), nil
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: link: %w", err)
	}
	c := bot.Card{
		TaskID: u.NewID(), Source: "验券", Title: "授权" + platform.Name(on) + "门店", Desc: "点这张卡片，打开授权页面",
		Text: "用门店的开店宝账号登录，同意后回到这里。链接只给您本人，10 分钟内有效，只能用一次。", URL: link,
	}
	switch {
	case rests(into, on):
		c.Text = "「" + into.Name + "」的" + platform.Name(on) + "会恢复，可以和别的店一起授权。" + c.Text
	case into.ID != 0:
		c.Text = "授权的店会成为「" + into.Name + "」的一个平台，新接的请只选这一家店。" + c.Text
	}
	if on == dianping.Dianping { // one consent stands for all shops of a customer there
		has, err := u.hasGranted(ctx, on)
		if err != nil {
			return bot.Reply{}, err
		}
		if has {
			c.Text += "这个账号已接通的店也要一起勾选，否则会停用。"
		}
	}
	return bot.Reply{Card: &c}, nil
}

// hasGranted reports whether an account in use at a platform lives by a merchant's consent.
func (u *admin) hasGranted(ctx context.Context, on string) (bool, error) {
	all, err := u.DB.Accounts.List(ctx)
	if err != nil {
		return false, fmt.Errorf("chat: accounts: %w", err)
	}
	return slices.ContainsFunc(all, func(a models.Account) bool { return a.Platform == on && a.GrantID != "" }), nil
}
