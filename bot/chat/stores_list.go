package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/models"
)

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
	accounts := 0
	for _, s := range stores {
		chats, err := tx.Directory.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return bot.Reply{}, fmt.Errorf("chat: chats: %w", err)
		}
		lines = append(lines, fmt.Sprintf("**%s** %d 个群", bot.Escaped(s.Name), len(chats)))
		for _, a := range s.All() {
			state, err := u.desks.AccountState(ctx, tx, a)
			if err != nil {
				return bot.Reply{}, err
			}
			accounts++
			if len(c.Fields) < bot.MaxFields {
				c.Fields = append(c.Fields, bot.Field{Key: platform.Name(a.Platform), Value: s.Name + " " + state})
			}
			lines = append(lines, fmt.Sprintf("%s：%s", bot.Escaped(platform.Name(a.Platform)), bot.Escaped(state)))
		}
	}
	switch {
	case len(stores) == 0:
		c.Text = "还没有门店。点「授权门店」把门店接进来。"
	case slices.ContainsFunc(stores, func(s models.Store) bool { return len(removable(s)) > 0 }):
		c.Text = "同一家店在几个平台分开了，发「合并」；某个平台不用了，发「停用」。"
	}
	if len(u.authorizable()) > 0 && m.Private() {
		c.Keys = []bot.CardKey{{Text: "授权门店", Key: command.Button{Action: command.ActAuthorize}.Key(), Style: bot.Primary}}
	}
	reply := bot.Reply{Card: &c}
	if accounts > bot.MaxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return reply, nil
}
