package chat

import (
	"context"
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/ticket"
	"yanquan/models"
)

// console gives somebody who leads or manages stores a link to their pages: in
// private, for who opens it sees what they may see.
func (b *Bot) console(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	desk, err := b.desks.Desk(ctx, m.User)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case b.ConsoleLink == nil:
		return b.turns.finish(ctx, row, m, bot.Say("后台没有打开。请管理员在 config.yaml 里填写 server.public_url。"))
	case len(desk.Stores) == 0:
		return b.turns.finish(ctx, row, m, bot.Say("只有组长和店长可以看后台。"))
	case !m.Private():
		return b.turns.finish(ctx, row, m, bot.Say("后台的链接只发给您本人。请打开和我的单聊，发「后台」。"))
	}
	secret := b.NewSecret()
	reply := bot.Reply{Card: &bot.Card{
		TaskID: b.NewID(), Source: "验券", Title: "打开后台", Desc: "点这张卡片，看今日、历史和对账",
		Text: "链接只给您本人，10 分钟内有效，只能用一次；登录以后 12 小时内不用再发。", URL: b.ConsoleLink(secret),
	}}
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		err := tx.SaveTicket(ctx, secret, models.Ticket{
			Kind: ticket.SignInTicket, UserID: strings.ToLower(m.User), Channel: m.Channel, CreatedAt: b.Now(), ExpiresAt: b.Now().Add(ticket.SignInLife),
		})
		if err != nil {
			return fmt.Errorf("bot: ticket: %w", err)
		}
		return b.out.Answer(ctx, tx, row, m, reply)
	})
	return reply, err
}
