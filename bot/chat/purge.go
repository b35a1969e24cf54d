package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot/grants"
	"yanquan/bot/hooks"
	"yanquan/internal/jobs"
)

// How long things are kept. Operations and coupons are kept forever: they are
// the accounts.
const (
	inboxLife  = 72 * time.Hour       // WeCom's repeats are long over: callbacks older than a day are refused
	outboxLife = 90 * 24 * time.Hour  // what was told, for explain
	callLife   = 400 * 24 * time.Hour // what the platform said, for disputes about last year
	ticketLife = 24 * time.Hour       // links and their way back serve for minutes
	noticeLife = 90 * 24 * time.Hour  // a platform that repeats itself does so within days
	alertLife  = 7 * 24 * time.Hour   // longer than anybody is left in peace
	purgeEvery = 10 * time.Minute
	purgeBatch = 5000
)

// purge forgets what nobody asks for any more, a batch of each at a time.
func (b *Bot) purge(ctx context.Context) error {
	now, more := b.Now(), false
	var errs []error
	for _, kind := range []struct {
		what  string
		life  time.Duration
		purge func(context.Context, time.Time, int) (int, error)
	}{
		{"messages", inboxLife, b.DB.Inbox.Purge},
		{"deliveries", outboxLife, b.DB.Outbox.Purge},
		{"calls", callLife, b.DB.Calls.Purge},
		{"tickets", ticketLife, b.DB.Tickets.Purge},
		{"notices", noticeLife, b.DB.Notices.Purge},
		{"alerts", alertLife, func(ctx context.Context, before time.Time, limit int) (int, error) {
			return b.DB.Alerts.Purge(ctx, before, limit, grants.DouyinRefusals)
		}},
		{"files", 0, b.DB.Files.Purge},
		{"exports", exportLife, b.DB.Exports.Purge},
		{"events", hooks.Life, b.DB.HookEvents.Purge},
	} {
		gone, err := kind.purge(ctx, now.Add(-kind.life), purgeBatch)
		if err != nil {
			errs = append(errs, fmt.Errorf("bot: old %s: %w", kind.what, err))
		}
		more = more || gone == purgeBatch
	}
	if len(errs) == 0 && more {
		return jobs.ErrMore
	}
	return errors.Join(errs...)
}
