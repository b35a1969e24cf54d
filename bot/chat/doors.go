package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/outbox"
	"yanquan/bot/ticket"
	"yanquan/models"
)

// doors gives people links to the pages of the console.
type doors struct {
	DB        *models.DB
	desks     *desk.Desks
	out       *outbox.Outbox
	Link      func(ticket string) string // nil: there is no console
	Now       func() time.Time
	NewID     func() string
	NewSecret func() string
}

// open gives somebody who leads or manages stores a link to their pages: in
// private, for who opens it sees what they may see.
func (d *doors) open(ctx context.Context, t *turn, _ command.Command) (bot.Reply, error) {
	desk, err := d.desks.Desk(ctx, t.m.User)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case d.Link == nil:
		return t.answer(ctx, bot.Say("后台没有打开。请管理员在 config.yaml 里填写 server.public_url。"))
	case len(desk.Stores) == 0:
		return t.answer(ctx, bot.Say("只有组长和店长可以看后台。"))
	case !t.m.Private():
		return t.answer(ctx, bot.Say("后台的链接只发给您本人。请打开和我的单聊，发「后台」。"))
	}
	secret := d.NewSecret()
	reply := bot.Reply{Card: &bot.Card{
		TaskID: d.NewID(), Source: "验券", Title: "打开后台", Desc: "点这张卡片，看今日、历史和对账",
		Text: "链接只给您本人，10 分钟内有效，只能用一次；登录以后 12 小时内不用再发。", URL: d.Link(secret),
	}}
	err = d.DB.Tx(ctx, func(tx *models.DB) error {
		err := tx.Tickets.Save(ctx, secret, models.Ticket{
			Kind: ticket.SignInTicket, UserID: strings.ToLower(t.m.User), Channel: t.m.Channel, CreatedAt: d.Now(), ExpiresAt: d.Now().Add(ticket.SignInLife),
		})
		if err != nil {
			return fmt.Errorf("chat: ticket: %w", err)
		}
		return d.out.Answer(ctx, tx, t.row, t.m, reply)
	})
	return reply, err
}
