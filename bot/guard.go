package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

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
func (b *Bot) slowed(ctx context.Context, m Message, cmd Command, places []place) (Reply, error) {
	if b.Guard.Codes == 0 || cmd.Verb != VerbVerify && cmd.Verb != VerbQuery {
		return Reply{}, nil
	}
	n, oldest, err := b.DB.UnknownCodes(ctx, m.User, string(dianping.NotFound), b.Now().Add(-b.Guard.Within))
	if err != nil {
		return Reply{}, fmt.Errorf("bot: unknown codes: %w", err)
	}
	if n < b.Guard.Codes {
		return Reply{}, nil
	}
	minutes := int(b.Guard.Within / time.Minute)
	who := places[0].member
	err = b.DB.Tx(ctx, func(tx *models.DB) error {
		key := "guess/" + strings.ToLower(m.User) + "/" + b.in(b.Now()).Format(dateFmt+" 15") // once an hour
		return b.tellOf(ctx, tx, key, storeIDs(places), Card{
			Source: "验券", Title: "有人连续输错券码", Tone: Bad,
			Fields: fields(Field{Key: "姓名", Value: who.Name}, Field{Key: "账号", Value: m.User, User: m.User}, Field{Key: "门店", Value: places[0].Name}),
			Text:   fmt.Sprintf("%d 分钟内查了 %d 个平台上没有的券码，已经让这个人等一等。", minutes, n),
		})
	})
	if err != nil {
		return Reply{}, err
	}
	wait := max(oldest.Add(b.Guard.Within).Sub(b.Now()), time.Minute)
	return say("您在 %d 分钟内输入了 %d 个不存在的券码，请核对后过 %d 分钟再试。急用请找店长。", minutes, n, int((wait+time.Minute-1)/time.Minute)), nil
}
