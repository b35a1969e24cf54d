package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/notice"
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

// guards slow down who guesses codes.
type guards struct {
	DB      *models.DB
	notices *notice.Notices
	words   *words.Words
	Guard   Guard
	Now     func() time.Time
}

// slowed says how long somebody who asks about a code has to wait, and tells the
// managers. It is asked before every code, for a message may hold many. An undo is
// never held up: its time is short.
func (g *guards) slowed(ctx context.Context, t *turn) (bot.Reply, error) {
	if g.Guard.Codes == 0 {
		return bot.Reply{}, nil
	}
	tries, err := g.tries(ctx, t)
	if err != nil {
		return bot.Reply{}, err
	}
	n := tries.N
	if n < g.Guard.Codes {
		return bot.Reply{}, nil
	}
	minutes := int(g.Guard.Within / time.Minute)
	who := t.places[0].Member
	err = g.DB.Tx(ctx, func(tx *models.DB) error {
		key := "guess/" + strings.ToLower(t.m.User) + "/" + g.words.In(g.Now()).Format(words.DateFormat+" 15") // once an hour
		return g.notices.TellStores(ctx, tx, key, access.IDs(t.places), words.Guessing(t.places[0].Store, who, n, minutes))
	})
	if err != nil {
		return bot.Reply{}, err
	}
	wait := max(tries.Oldest.Add(g.Guard.Within).Sub(g.Now()), time.Minute)
	return words.Slowed(n, minutes, wait), nil
}

// errand is what has to be known before a code is asked about.
func (g *guards) errand(cmd command.Command) models.Errand {
	var e models.Errand
	if len(cmd.Items) > 0 {
		e.Code = cmd.Items[0].Code
	}
	if g.Guard.Codes > 0 {
		e.Reason, e.Since = string(dianping.NotFound), g.Now().Add(-g.Guard.Within)
	}
	return e
}

// tries are those of the sender, which are counted anew for each code.
func (g *guards) tries(ctx context.Context, t *turn) (models.Tried, error) {
	if read := t.tries; read != nil {
		t.tries = nil
		return *read, nil
	}
	tries, err := g.DB.Calls.UnknownCodes(ctx, t.m.User, string(dianping.NotFound), g.Now().Add(-g.Guard.Within))
	if err != nil {
		return models.Tried{}, fmt.Errorf("chat: unknown codes: %w", err)
	}
	return tries, nil
}

// next records the calls that one code of several took, and is then asked about the
// next one.
func (g *guards) next(ctx context.Context, t *turn, lease time.Duration, calls []models.Call) (wait bot.Reply, err error) {
	if err := t.note(ctx, lease, calls); err != nil {
		return bot.Reply{}, err
	}
	return g.slowed(ctx, t)
}
