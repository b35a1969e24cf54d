package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// Guard slows down who guesses codes: after Codes different ones within a time
// that the platform does not know, a person waits until fewer are that recent.
// Zero codes: nobody is slowed down.
type Guard struct {
	Codes  int
	Within time.Duration
}

// slowed says how long somebody who asks about a code has to wait, and tells the
// managers. An undo is never held up: its time is short.
func (v *vouchers) slowed(ctx context.Context, m bot.Message, cmd command.Command, places []access.Place) (bot.Reply, error) {
	if v.Guard.Codes == 0 || cmd.Verb != command.VerbVerify && cmd.Verb != command.VerbQuery {
		return bot.Reply{}, nil
	}
	n, oldest, err := v.DB.UnknownCodes(ctx, m.User, string(dianping.NotFound), v.Now().Add(-v.Guard.Within))
	if err != nil {
		return bot.Reply{}, fmt.Errorf("bot: unknown codes: %w", err)
	}
	if n < v.Guard.Codes {
		return bot.Reply{}, nil
	}
	minutes := int(v.Guard.Within / time.Minute)
	who := places[0].Member
	err = v.DB.Tx(ctx, func(tx *models.DB) error {
		key := "guess/" + strings.ToLower(m.User) + "/" + v.words.In(v.Now()).Format(words.DateFormat+" 15") // once an hour
		return v.notices.TellStores(ctx, tx, key, access.IDs(places), bot.Card{
			Source: "验券", Title: "有人连续输错券码", Tone: bot.Bad,
			Fields: bot.Fields(bot.Field{Key: "姓名", Value: who.Name}, bot.Field{Key: "账号", Value: m.User, User: m.User}, bot.Field{Key: "门店", Value: places[0].Name}),
			Text:   fmt.Sprintf("%d 分钟内查了 %d 个平台上没有的券码，已经让这个人等一等。", minutes, n),
		})
	})
	if err != nil {
		return bot.Reply{}, err
	}
	wait := max(oldest.Add(v.Guard.Within).Sub(v.Now()), time.Minute)
	return bot.Say("您在 %d 分钟内输入了 %d 个不存在的券码，请核对后过 %d 分钟再试。急用请找店长。", minutes, n, int((wait+time.Minute-1)/time.Minute)), nil
}
