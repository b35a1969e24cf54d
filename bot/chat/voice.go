package chat

import (
	"context"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/models"
)

// voice does what was spoken. A code that was spoken consumes and undoes nothing by
// itself, for one digit that was misheard is another voucher: the answer has a
// button.
func (b *Bot) voice(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	m.Quote = "" // what it answers is not what was said
	cmd := command.ParseSpeech(m.Text)
	switch {
	case cmd.Verb == command.VerbUndo && len(cmd.Items) == 1:
		places, denied, err := b.access.Of(ctx, b.DB, m)
		if err != nil {
			return bot.Reply{}, err
		}
		if len(places) == 0 {
			return b.turns.finish(ctx, row, m, denied)
		}
		return b.vouchers.offerUndoCode(ctx, row, m, places, cmd.Items[0].Code)
	case cmd.Verb == command.VerbVerify || cmd.Verb == command.VerbQuery && len(cmd.Items) > 0:
		cmd.Verb = command.VerbQuery
		return b.text(ctx, row, m, cmd.String(), nil)
	case cmd.Verb != command.VerbNone:
		return b.text(ctx, row, m, command.AsWritten(m.Text), nil)
	}
	places, denied, err := b.access.Of(ctx, b.DB, m)
	if err != nil {
		return bot.Reply{}, err
	}
	if len(places) == 0 {
		return b.turns.finish(ctx, row, m, denied)
	}
	return b.turns.finish(ctx, row, m, bot.Say("听到的是：「%s」。没有听清券码，什么都没有做。请打字发，例如：验 7992697494", command.Shorten(strings.TrimSpace(m.Text))))
}
