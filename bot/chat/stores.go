package chat

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/grants"
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
	Douyin        Douyin
	AccessByGroup bool
	NewID         func() string
	Log           *slog.Logger
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
		return s.Declared() || slices.ContainsFunc(bound, func(o models.Store) bool { return o.ID == s.ID })
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
