package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// admin sets up stores and groups by chat.
type admin struct {
	DB            *models.DB
	access        *access.Access
	desks         *desk.Desks
	turns         *turns
	grants        *grants.Keeper
	people        *people
	Authorizers   map[string]dianping.Authorizer
	AccessByGroup bool
	NewID         func() string
}

func (u *admin) askToAuthorize(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	return u.authorize(ctx, t, "")
}

func (u *admin) authorizePressed(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	return u.authorize(ctx, t, b.Platform)
}

// authorize gives a manager a link to the platform's page: in private, for who
// opens it connects shops in this company's name. Without a platform, it asks which.
func (u *admin) authorize(ctx context.Context, t *turn, on string) (bot.Reply, error) {
	reply, err := u.authorizeReply(ctx, t.m, on)
	if err != nil {
		return bot.Reply{}, err
	}
	return t.answer(ctx, reply)
}

func (u *admin) authorizeReply(ctx context.Context, m bot.Message, on string) (bot.Reply, error) {
	stores, err := u.access.Managed(ctx, u.DB, m.User)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case len(stores) == 0 && !u.access.ManagesAll(m.User):
		return bot.Say("只有管理员可以授权门店。"), nil
	case !m.Private():
		return bot.Say("授权链接只发给您本人。请打开和我的单聊，发「授权」。"), nil
	case len(u.Authorizers) == 0:
		return bot.Say("平台的应用还没有设置。请在 config.yaml 里填写 dianping: 或 meituan:。"), nil
	}
	if on == "" {
		var keys []bot.CardKey
		for _, name := range []string{dianping.Meituan, dianping.Dianping} {
			if u.Authorizers[name] != nil {
				on = name
				keys = append(keys, bot.CardKey{Text: platform.Name(name), Key: command.Button{Action: command.ActAuthorize, Platform: name}.Key(), Style: bot.Primary})
			}
		}
		if len(keys) > 1 {
			return bot.Reply{Card: &bot.Card{TaskID: u.NewID(), Source: "验券", Title: "授权哪个平台的门店？", Keys: keys}}, nil
		}
	}
	link, err := u.grants.NewLink(ctx, on, grants.Asker{User: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat})
	if errors.Is(err, grants.ErrPlatformOff) {
		return bot.Say("这个平台没有设置，不能授权。"), nil
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: link: %w", err)
	}
	return bot.Reply{Card: &bot.Card{
		TaskID: u.NewID(), Source: "验券", Title: "授权" + platform.Name(on) + "门店", Desc: "点这张卡片，打开授权页面",
		Text: "用门店的开店宝账号登录，同意后回到这里。链接只给您本人，10 分钟内有效，只能用一次。", URL: link,
	}}, nil
}

// listStores shows a manager the stores with their accounts, and the access to each.
func (u *admin) listStores(ctx context.Context, tx *models.DB, m bot.Message, _ command.Command) (bot.Reply, error) {
	stores, err := u.access.Managed(ctx, tx, m.User)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(stores) == 0 && !u.access.ManagesAll(m.User) {
		return bot.Say("只有管理员可以查看门店的授权。"), nil
	}
	c := bot.Card{TaskID: u.NewID(), Source: "验券", Title: fmt.Sprintf("%d 家门店", len(stores))}
	var lines []string
	for _, s := range stores {
		chats, err := tx.Directory.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("chat: chats: %w", err)
		}
		for _, a := range models.AccountsOf([]models.Store{s}) {
			state, err := u.desks.AccountState(ctx, tx, a)
			if err != nil {
				return bot.Reply{}, err
			}
			name := words.AccountName(s, a)
			if len(c.Fields) < bot.MaxFields {
				c.Fields = append(c.Fields, bot.Field{Key: "门店", Value: name + " " + state})
			}
			lines = append(lines, fmt.Sprintf("**%s** %s，%d 个群", bot.Escaped(name), bot.Escaped(state), len(chats)))
		}
	}
	if len(stores) == 0 {
		c.Text = "还没有门店。点「授权门店」把门店接进来。"
	}
	if len(u.Authorizers) > 0 && m.Private() {
		c.Keys = []bot.CardKey{{Text: "授权门店", Key: command.Button{Action: command.ActAuthorize}.Key(), Style: bot.Primary}}
	}
	reply := bot.Reply{Card: &c}
	if len(lines) > bot.MaxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return reply, nil
}

// bindable are the stores that a manager can bind this group to.
func (u *admin) bindable(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	if m.Private() {
		return choice{}, bot.Say("请在门店的群里 @我 发「绑定」。"), nil
	}
	stores, err := u.access.Managed(ctx, tx, m.User)
	if err != nil {
		return choice{}, bot.Reply{}, err
	}
	if len(stores) == 0 {
		return choice{}, bot.Say("只有管理员可以绑定门店。还没有门店的话，请管理员在单聊里发「授权」。"), nil
	}
	bound, err := tx.Directory.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return choice{}, bot.Reply{}, fmt.Errorf("chat: stores of a group: %w", err)
	}
	stores = slices.DeleteFunc(stores, func(s models.Store) bool {
		return s.Origin == models.OriginConfig || slices.ContainsFunc(bound, func(o models.Store) bool { return o.ID == s.ID })
	})
	if len(stores) == 0 {
		return choice{}, bot.Say("没有可以绑定的门店了。写在配置文件里的门店，请改 config.yaml。"), nil
	}
	return choice{title: "这个群为哪家门店验券？", stores: stores, style: bot.Primary, word: "绑定"}, bot.Reply{}, nil
}

func (u *admin) bind(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	if m.Private() {
		return bot.Say("请在门店的群里 @我 发「绑定」。"), nil
	}
	s, refused, err := u.access.Changeable(ctx, tx, m.User, b.Store)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	if err := tx.Directory.BindChat(ctx, s.ID, m.Chat); err != nil {
		return bot.Reply{}, fmt.Errorf("chat: bind: %w", err)
	}
	if err := u.turns.record(ctx, tx, m, "bind", s.ID, m.Chat, "", s.Name); err != nil {
		return bot.Reply{}, err
	}
	text := "店员请发「我是 姓名」加入，管理员同意后就能验券。"
	if u.AccessByGroup {
		text = "群里的人都可以验券了。"
	}
	return bot.Reply{Card: &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已绑定", Tone: bot.Good, Desc: "这个群现在为 " + s.Name + " 验券", Text: text}}, nil
}

// bound are the stores that a manager can take off this group.
func (u *admin) bound(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	if m.Private() {
		return choice{}, bot.Say("请在门店的群里 @我 发「解绑」。"), nil
	}
	bound, err := tx.Directory.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return choice{}, bot.Reply{}, fmt.Errorf("chat: stores of a group: %w", err)
	}
	if len(bound) == 0 {
		return choice{}, bot.Say("这个群没有绑定门店。"), nil
	}
	manages, err := u.access.Managed(ctx, tx, m.User)
	if err != nil {
		return choice{}, bot.Reply{}, err
	}
	stores := slices.DeleteFunc(bound, func(s models.Store) bool {
		return !slices.ContainsFunc(manages, func(o models.Store) bool { return o.ID == s.ID })
	})
	if len(stores) == 0 {
		return choice{}, bot.Say("只有管理员可以解绑门店。"), nil
	}
	return choice{title: "解除哪家门店？", text: "解除以后，这个群不能再为它验券。", stores: stores, style: bot.Danger, word: "解绑"}, bot.Reply{}, nil
}

func (u *admin) unbind(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	if m.Private() {
		return bot.Say("请在门店的群里 @我 发「解绑」。"), nil
	}
	s, refused, err := u.access.Changeable(ctx, tx, m.User, b.Store)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	removed, err := tx.Directory.UnbindChat(ctx, s.ID, m.Chat)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: unbind: %w", err)
	}
	if removed {
		if err := u.turns.record(ctx, tx, m, "unbind", s.ID, m.Chat, s.Name, ""); err != nil {
			return bot.Reply{}, err
		}
	}
	return bot.Reply{Card: &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已解绑", Desc: "这个群不再为 " + s.Name + " 验券"}}, nil
}

// usable are the stores in which a person can be from now on.
func (u *admin) usable(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	places, denied, err := u.access.Of(ctx, tx, m)
	switch {
	case err != nil || len(places) == 0:
		return choice{}, denied.Reply(), err
	case len(places) == 1:
		return choice{}, bot.Say("您在这里只有一家门店：%s，不用切换。", places[0].Name), nil
	}
	stores := make([]models.Store, len(places))
	for i, p := range places {
		stores[i] = p.Store
	}
	return choice{title: "今天为哪家门店验券？", stores: stores, style: bot.Primary, word: "切换"}, bot.Reply{}, nil
}

// use remembers a person's store for the rest of the day.
func (u *admin) use(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	places, denied, err := u.access.Of(ctx, tx, m)
	if err != nil || len(places) == 0 {
		return denied.Reply(), err
	}
	p, ok := access.Find(places, b.Store)
	if !ok {
		return words.ForeignCard.Reply(), nil
	}
	if err := u.access.Remember(ctx, tx, m, p); err != nil {
		return bot.Reply{}, err
	}
	return bot.Say("好的，您今天在这里为「%s」验券。要换请发「切换」。", p.Name), nil
}
