package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/models"
)

// Tickets of the console: what a link in the chat opens, and what a browser has
// once it is signed in.
const (
	signInTicket  = "sign in"
	sessionTicket = "session"
)

const (
	signInLife  = 10 * time.Minute
	sessionLife = 12 * time.Hour // a working day
)

// ErrSignInOver is a link or a session that is unknown, used up or too old: who
// tries them learns nothing.
var ErrSignInOver = errors.New("bot: sign-in is over")

// console gives somebody who leads or manages stores a link to their pages: in
// private, for who opens it sees what they may see.
func (b *Bot) console(ctx context.Context, row models.Inbox, m Message) (Reply, error) {
	desk, err := b.Desk(ctx, m.User)
	switch {
	case err != nil:
		return Reply{}, err
	case b.ConsoleLink == nil:
		return b.finish(ctx, row, m, say("后台没有打开。请管理员在 config.yaml 里填写 server.public_url。"))
	case len(desk.Stores) == 0:
		return b.finish(ctx, row, m, say("只有组长和店长可以看后台。"))
	case !m.Private():
		return b.finish(ctx, row, m, say("后台的链接只发给您本人。请打开和我的单聊，发「后台」。"))
	}
	secret := b.NewSecret()
	reply := Reply{Card: &Card{
		TaskID: b.NewID(), Source: "验券", Title: "打开后台", Desc: "点这张卡片，看今日、历史和对账",
		Text: "链接只给您本人，10 分钟内有效，只能用一次；登录以后 12 小时内不用再发。", URL: b.ConsoleLink(secret),
	}}
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		err := tx.SaveTicket(ctx, secret, models.Ticket{
			Kind: signInTicket, UserID: strings.ToLower(m.User), Channel: m.Channel, CreatedAt: b.Now(), ExpiresAt: b.Now().Add(signInLife),
		})
		if err != nil {
			return fmt.Errorf("bot: ticket: %w", err)
		}
		return b.answer(ctx, tx, row, m, reply)
	})
	return reply, err
}

// OfferedSignIn says whom a link signs in, without using it up.
func (b *Bot) OfferedSignIn(ctx context.Context, link string) (user string, err error) {
	t, err := b.DB.Ticket(ctx, signInTicket, link)
	return t.UserID, signInOver(err)
}

// SignIn uses a link up and begins a session.
func (b *Bot) SignIn(ctx context.Context, link string) (session string, until time.Time, err error) {
	t, err := b.DB.UseTicket(ctx, signInTicket, link)
	if err := signInOver(err); err != nil {
		return "", time.Time{}, err
	}
	return b.Admit(ctx, t.UserID)
}

// Admit begins a session of a member whom the caller knows to be that one.
func (b *Bot) Admit(ctx context.Context, user string) (session string, until time.Time, err error) {
	session, until = b.NewSecret(), b.Now().Add(sessionLife)
	err = b.DB.SaveTicket(ctx, session, models.Ticket{Kind: sessionTicket, UserID: strings.ToLower(user), CreatedAt: b.Now(), ExpiresAt: until})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("bot: session: %w", err)
	}
	return session, until, nil
}

// SignedIn says whose session it is.
func (b *Bot) SignedIn(ctx context.Context, session string) (user string, err error) {
	t, err := b.DB.Ticket(ctx, sessionTicket, session)
	return t.UserID, signInOver(err)
}

// SignOut ends a session; one that is over already is fine.
func (b *Bot) SignOut(ctx context.Context, session string) error {
	_, err := b.DB.UseTicket(ctx, sessionTicket, session)
	if err = signInOver(err); errors.Is(err, ErrSignInOver) {
		return nil
	}
	return err
}

func signInOver(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale):
		return ErrSignInOver
	}
	return fmt.Errorf("bot: sign-in: %w", err)
}
