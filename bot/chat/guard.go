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
func (v *vouchers) slowed(ctx context.Context, t *turn, verb command.Verb) (bot.Reply, error) {
	if v.Guard.Codes == 0 || verb != command.VerbVerify && verb != command.VerbQuery {
		return bot.Reply{}, nil
	}
	n, oldest, err := v.DB.Calls.UnknownCodes(ctx, t.m.User, string(dianping.NotFound), v.Now().Add(-v.Guard.Within))
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: unknown codes: %w", err)
	}
	if n < v.Guard.Codes {
		return bot.Reply{}, nil
	}
	minutes := int(v.Guard.Within / time.Minute)
	who := t.places[0].Member
	err = v.DB.Tx(ctx, func(tx *models.DB) error {
		key := "guess/" + strings.ToLower(t.m.User) + "/" + v.words.In(v.Now()).Format(words.DateFormat+" 15") // once an hour
		return v.notices.TellStores(ctx, tx, key, access.IDs(t.places), words.Guessing(t.places[0].Store, who, n, minutes))
	})
	if err != nil {
		return bot.Reply{}, err
	}
	wait := max(oldest.Add(v.Guard.Within).Sub(v.Now()), time.Minute)
	return words.Slowed(n, minutes, wait), nil
}
