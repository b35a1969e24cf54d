package chat

import (
	"context"
	"errors"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/models"
)

// askToWait lets people see that their message is being worked on, unless answered
// is called soon.
func (b *Bot) askToWait(row models.Inbox, m bot.Message) (answered func()) {
	if !m.Streams() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(b.base)
	b.working.Add(1)
	go func() {
		defer b.working.Done()
		defer cancel()
		if b.Sleep(ctx, outbox.WaitDelay) != nil {
			return
		}
		err := b.DB.Tx(ctx, func(tx *models.DB) error {
			if err := tx.Unanswered(ctx, row); err != nil {
				return err
			}
			return b.out.Progress(ctx, tx, row, m, outbox.PleaseWait, b.Now())
		})
		switch {
		case err == nil:
			b.poke()
		case !errors.Is(err, models.ErrStale) && ctx.Err() == nil: // the answer comes all the same
			b.Log.Warn("nobody is asked to wait", "message", row.ID, "error", err)
		}
	}()
	return cancel
}
