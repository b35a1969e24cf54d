package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/models"
)

// mergeable are the stores that a manager can merge another into.
func (u *admin) mergeable(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	stores, err := u.access.Managed(ctx, tx, m.User)
	switch {
	case err != nil:
		return choice{}, bot.Reply{}, err
	case len(stores) == 0:
		return choice{}, bot.Say("只有管理员可以合并门店。"), nil
	}
	if stores = slices.DeleteFunc(stores, models.Store.Declared); len(stores) < 2 {
		return choice{}, bot.Say("没有可以合并的门店：两家都要由您管理。写在配置文件里的门店，请在 config.yaml 的 accounts: 里放在一起。"), nil
	}
	return choice{
		title: "合并到哪家门店？", text: "两家门店其实是同一家店时，把它们合成一家。先点留下来的那一家：名字用它的。", stores: stores, style: bot.Primary, word: "合并",
	}, bot.Reply{}, nil
}

// keep asks which store is merged into one.
func (u *admin) keep(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	stays, refused, err := u.access.Changeable(ctx, tx, m.User, b.Store)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	others, err := u.access.Managed(ctx, tx, m.User)
	if err != nil {
		return bot.Reply{}, err
	}
	others = slices.DeleteFunc(others, func(s models.Store) bool { return s.ID == stays.ID || s.Declared() || stays.Clashes(s) })
	if len(others) == 0 {
		return bot.Say("没有可以并入「%s」的门店：两家都要由您管理，而且不在同一个平台上。「%[1]s」已经有%s。", stays.Name, platformsOf(stays)), nil
	}
	more := command.Button{Action: command.ActKeep, Store: stays.ID}
	return bot.Reply{Card: &bot.Card{
		TaskID: u.NewID(), Source: words.Source(stays), Title: "哪家和「" + stays.Name + "」是同一家店？", Text: "点它以后还会再问一次。",
		Keys: storeKeysIn(bot.MaxKeys, others, b.From, more, func(s models.Store) command.Button {
			return command.Button{Action: command.ActMerge, Store: stays.ID, Other: s.ID}
		}),
	}}, nil
}

// askMerge asks once more whether one store is merged into another.
func (u *admin) askMerge(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	stays, goes, refused, err := u.pair(ctx, tx, m, b)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	c := bot.Card{
		TaskID: u.NewID(), Source: words.Source(stays), Title: "合并这两家门店？", Desc: "「" + goes.Name + "」并入「" + stays.Name + "」", Tone: bot.Bad,
		Text: "合并以后是一家门店，名字是「" + stays.Name + "」。两家的群和人都在里面，同一个人取较高的角色。以前的核销、没完成的核销和撤销都跟过来。",
		Keys: []bot.CardKey{{Text: "确认合并", Key: command.Button{Action: command.ActMerged, Store: stays.ID, Other: goes.ID}.Key(), Style: bot.Danger}},
	}
	for i, s := range []models.Store{stays, goes} {
		chats, err := tx.Directory.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("chat: chats: %w", err)
		}
		people, err := tx.Directory.Members(ctx, s.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("chat: members: %w", err)
		}
		c.Fields = append(c.Fields, bot.Field{Key: []string{"留下", "并入"}[i], Value: fmt.Sprintf("%s（%s） %d 个群，%d 人", s.Name, platformsOf(s), len(chats), len(people))})
	}
	return bot.Reply{Card: &c}, nil
}

// doMerge merges one store into another.
func (u *admin) doMerge(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	stays, goes, refused, err := u.pair(ctx, tx, m, b)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	switch err := tx.Accounts.Merge(ctx, stays.ID, goes.ID); {
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrSamePlatform):
		return storesChanged, nil
	case err != nil:
		return bot.Reply{}, fmt.Errorf("chat: merge: %w", err)
	}
	before := goes.Name + "（" + platformsOf(goes) + "）"
	if err := u.turns.record(ctx, tx, m, "merge", stays.ID, stays.Name, before, stays.Name+"（"+platformsOf(stays)+"）"); err != nil {
		return bot.Reply{}, err
	}
	if stays, err = tx.Directory.Store(ctx, stays.ID); err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	return bot.Reply{Card: u.oneStore(stays, goes.Name)}, nil
}

// storesChanged answers a button that names two stores of before.
var storesChanged = bot.Reply{Text: "门店有变化，没有合并。请重新发「合并」。"}

// pair finds the two stores of a button, and whether this person can merge them.
func (u *admin) pair(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (stays, goes models.Store, refused bot.Reply, err error) {
	if stays, refused, err = u.access.Changeable(ctx, tx, m.User, b.Store); err != nil || !refused.Empty() {
		return stays, goes, refused, err
	}
	if goes, refused, err = u.access.Changeable(ctx, tx, m.User, b.Other); err != nil || !refused.Empty() {
		return stays, goes, refused, err
	}
	switch {
	case stays.ID == goes.ID:
		refused = bot.Reply{Card: u.oneStore(stays, "")}
	case stays.ID != b.Store || goes.ID != b.Other:
		refused = storesChanged
	case stays.Clashes(goes):
		refused = bot.Say("「%s」和「%s」在同一个平台上，不能合并：一家门店在每个平台只有一家店。不用的那个平台，请先发「停用」。", stays.Name, goes.Name)
	}
	return stays, goes, refused, nil
}

// oneStore tells that two stores are one.
func (u *admin) oneStore(s models.Store, was string) *bot.Card {
	c := &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已合并", Tone: bot.Good, Desc: "「" + s.Name + "」有" + platformsOf(s),
		Text: "店员在原来的群里照常验券，不用管券是哪个平台的。"}
	if was != "" {
		c.Text = "「" + was + "」现在是「" + s.Name + "」的一部分。" + c.Text
	}
	return c
}

// platformsOf are the platforms of a store's accounts in use, by name.
func platformsOf(s models.Store) string {
	var names []string
	for _, a := range s.Accounts() {
		names = append(names, platform.Name(a.Platform))
	}
	return strings.Join(names, "、")
}
