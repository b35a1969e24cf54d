package chat

import (
	"context"
	"fmt"
	"slices"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/models"
)

// reducible are the stores that a manager can take an account off.
func (u *admin) reducible(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	stores, err := u.access.Managed(ctx, tx, m.User)
	switch {
	case err != nil:
		return choice{}, bot.Reply{}, err
	case len(stores) == 0:
		return choice{}, bot.Say("只有管理员可以停用门店的平台。"), nil
	}
	if stores = slices.DeleteFunc(stores, func(s models.Store) bool { return len(removable(s)) == 0 }); len(stores) == 0 {
		return choice{}, bot.Say("没有可以停用的平台。写在配置文件里的门店，请改 config.yaml。"), nil
	}
	return choice{title: "停用哪家门店的平台？", stores: stores, style: bot.Primary, word: "停用", alone: true}, bot.Reply{}, nil
}

// removable are the accounts of a store that can be taken off by chat.
func removable(s models.Store) []models.Account {
	return slices.DeleteFunc(s.Accounts(), func(a models.Account) bool { return a.Origin == models.OriginConfig })
}

// accounts asks which account of a store is meant, unless there is one.
func (u *admin) accounts(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, may, err := u.access.Manageable(ctx, tx, m.User, b.Store)
	if err != nil {
		return bot.Reply{}, err
	}
	if !may {
		return bot.Say("这家门店已经不在，或不由您管理。"), nil
	}
	can := removable(s)
	switch len(can) {
	case 0:
		return bot.Say("「%s」没有可以停用的平台。写在配置文件里的，请改 config.yaml。", s.Name), nil
	case 1:
		return u.account(ctx, tx, m, command.Button{Action: command.ActAccount, Store: can[0].ID})
	}
	c := bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "「" + s.Name + "」的哪个平台？", Text: "点它以后还会再问一次。"}
	for _, a := range can[:min(len(can), bot.MaxKeys)] {
		c.Keys = append(c.Keys, bot.CardKey{Text: platform.Name(a.Platform), Key: command.Button{Action: command.ActAccount, Store: a.ID}.Key(), Style: bot.Primary})
	}
	return bot.Reply{Card: &c}, nil
}

// account asks whether an account is to be taken off, or to be a store of its own.
func (u *admin) account(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, a, refused, err := u.access.Reducible(ctx, tx, m.User, b.Store)
	switch {
	case err != nil || !refused.Empty():
		return refused, err
	case !a.Active:
		return bot.Reply{Card: u.offCard(s, a)}, nil
	}
	on := platform.Name(a.Platform)
	c := bot.Card{
		TaskID: u.NewID(), Source: words.Source(s), Title: "停用「" + s.Name + "」的" + on + "？", Tone: bot.Bad,
		Text: "停用以后，这里不再核销" + on + "的券。没有结果的核销照常查清，核销过的照常撤销。要恢复，请发「授权」。",
		Keys: []bot.CardKey{{Text: "停用" + on, Key: command.Button{Action: command.ActOff, Store: a.ID}.Key(), Style: bot.Danger}},
	}
	if s.Last(a) {
		c.Text = "这是「" + s.Name + "」最后一个平台：停用以后，整家门店停用，群里不能验券，也不能撤销。要撤销的，请先撤销。要恢复，请发「授权」。"
	}
	if a.BelongsTo != 0 && !s.Last(a) {
		c.Text += "\n如果它其实是另一家店，点「单独成店」：它带着自己的核销记录成为一家新门店，群和人留在「" + s.Name + "」。"
		c.Keys = append(c.Keys, bot.CardKey{Text: "单独成店", Key: command.Button{Action: command.ActSplit, Store: a.ID}.Key(), Style: bot.Quiet})
	}
	return bot.Reply{Card: &c}, nil
}

// takeOff takes an account off its store.
func (u *admin) takeOff(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, a, refused, err := u.access.Reducible(ctx, tx, m.User, b.Store)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	taken, err := tx.Accounts.TakeOff(ctx, a.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: take off: %w", err)
	}
	if taken {
		if err := u.turns.record(ctx, tx, m, "take off", s.ID, s.Name, platform.Name(a.Platform)+" "+a.Name, ""); err != nil {
			return bot.Reply{}, err
		}
	}
	return bot.Reply{Card: u.offCard(s, a)}, nil
}

func (u *admin) offCard(s models.Store, a models.Account) *bot.Card {
	return &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已停用", Desc: "「" + s.Name + "」不再核销" + platform.Name(a.Platform) + "的券", Text: "要恢复，请发「授权」。"}
}

// split makes an account a store of its own, for who manages the one that had it.
func (u *admin) split(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, a, refused, err := u.access.Reducible(ctx, tx, m.User, b.Store)
	switch {
	case err != nil || !refused.Empty():
		return refused, err
	case !a.Active:
		return bot.Reply{Card: u.offCard(s, a)}, nil
	case a.BelongsTo == 0:
		return bot.Say("「%s」的%s就是门店本身，不用单独成店。", s.Name, platform.Name(a.Platform)), nil
	case s.Last(a):
		return bot.Say("%[2]s是「%[1]s」最后一个在用的平台，不能单独成店：「%[1]s」的群和人就没有门店了。请先给「%[1]s」接上别的平台，再来分开。", s.Name, platform.Name(a.Platform)), nil
	}
	apart, err := tx.Accounts.Split(ctx, a.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: split: %w", err)
	}
	own, err := tx.Directory.Store(ctx, a.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	if apart {
		if err := u.turns.record(ctx, tx, m, "split", s.ID, s.Name, platform.Name(a.Platform)+" "+a.Name, own.Name); err != nil {
			return bot.Reply{}, err
		}
		if err := u.people.follow(ctx, tx, m, s.ID, own.ID); err != nil {
			return bot.Reply{}, err
		}
	}
	return bot.Reply{Card: &bot.Card{
		TaskID: u.NewID(), Source: words.Source(own), Title: "已单独成店", Tone: bot.Good, Desc: "「" + own.Name + "」现在是一家门店（" + platform.Name(a.Platform) + "）",
		Text: "下一步：在门店的群里 @我 发「绑定」，店员发「我是 姓名」加入。",
	}}, nil
}
