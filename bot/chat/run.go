package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Run does the background work until the context ends: messages and operations
// left by processes that died, doubts to settle, deliveries to send. Then it
// stops taking messages, lets what is under way finish for at most grace, and
// returns. What is not finished then is taken up by another process, or by this
// one when it starts again.
func (b *Bot) Run(ctx context.Context, grace time.Duration) {
	ended := context.AfterFunc(ctx, func() { time.AfterFunc(grace, b.cancel) })
	defer ended()
	for ctx.Err() == nil {
		b.dispatch(b.base)
		b.keepHouse(b.base)
		pause, cancel := context.WithTimeout(ctx, passEvery)
		select {
		case <-b.wake:
		case <-pause.Done():
		}
		cancel()
	}
	b.mu.Lock()
	b.stopping = true
	b.mu.Unlock()
	b.working.Wait()
	b.out.Flush(b.base)
	b.cancel()
}

// Kinds of background work. Each has its own hands, so that a channel that hangs
// does not hold up the settling.
const (
	messageWork   = "message"
	operationWork = "operation"
	deliveryWork  = "delivery"
	grantWork     = "grant"
	alertWork     = "alert"
	reportWork    = "report"
	reconcileWork = "reconciliation"
	exportWork    = "export"
	cardWork      = "card"
	figureWork    = "figures"
	handsPerKind  = 32
)

// Pass does once all background work that is due, and returns when it is done.
func (b *Bot) Pass(ctx context.Context) { b.dispatch(ctx).Wait() }

// dispatch starts all background work that is due, as far as there are hands.
func (b *Bot) dispatch(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	now := b.Now()
	rows, err1 := b.DB.DueMessages(ctx, now, batch)
	ops, err2 := b.DB.DueOperations(ctx, now, batch)
	out, err3 := b.out.Due(ctx, now)
	due, err4 := b.grants.Due(ctx, batch)
	b.note(ctx, errors.Join(err1, err2, err3, err4))
	b.Observer.Backlog(len(rows), len(ops), len(out))
	for _, row := range rows {
		b.start(&wg, messageWork, row.ID, func() error { return b.rescue(ctx, row) })
	}
	for _, op := range ops {
		b.start(&wg, operationWork, op.ID, func() error { return b.doubts.settle(ctx, op) })
	}
	for _, o := range out {
		b.start(&wg, deliveryWork, o.ID, func() error { return b.out.Deliver(ctx, o) })
	}
	for _, g := range due {
		b.start(&wg, grantWork, g.ID, func() error { return b.grants.Renew(ctx, g) })
	}
	b.reconcileDue(ctx, &wg, now)
	if !now.Before(b.checked.Add(checkEvery)) {
		b.checked = now
		b.start(&wg, alertWork, "", func() error { return b.alerts.Check(ctx) })
	}
	if due := b.nightly.Due(now); len(due) > 0 {
		b.start(&wg, reportWork, due[0].Key(), func() error { return b.nightly.Publish(ctx, due) })
	}
	b.exportsDue(ctx, &wg, now)
	if since, due := b.out.CardsDue(now); due {
		b.start(&wg, cardWork, "", func() error { return b.out.ChangeCards(ctx, since, now) })
	}
	if b.figures.KeepDue(now) {
		b.start(&wg, figureWork, "", func() error { return b.figures.Keep(ctx, now) })
	}
	return &wg
}

// note logs once that the database is in trouble, and once that it is back.
func (b *Bot) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	switch troubled := err != nil; {
	case troubled && !b.troubled.Swap(true):
		b.Log.Error("background work waits for the database", "error", err)
	case !troubled && b.troubled.Swap(false):
		b.Log.Info("the database is back")
	}
}

// start does one piece of background work on a hand that is free; without one
// the work stays due. Success may have made more work: an answer to send.
func (b *Bot) start(wg *sync.WaitGroup, what, id string, do func() error) {
	select {
	case b.hands[what] <- struct{}{}:
	default:
		return
	}
	if !b.begin() {
		<-b.hands[what]
		return
	}
	wg.Go(func() {
		defer b.working.Done()
		defer func() { <-b.hands[what] }()
		err := jobs.Recovered(do)
		switch {
		case err == nil:
			b.poke()
		case !errors.Is(err, models.ErrStale) && !errors.Is(err, outbox.ErrTakenOver) && !errors.Is(err, context.Canceled):
			b.Log.Error("background work failed; it will be tried again", what, id, "error", err)
		}
	})
}

// keepHouse does from time to time what has no hour of its own: it warns of
// grants that end soon, and forgets what nobody asks for any more, a batch of
// each at a time.
func (b *Bot) keepHouse(ctx context.Context) {
	now := b.Now()
	if now.Before(b.kept.Add(houseEvery)) {
		return
	}
	b.kept = now
	if err := b.grants.Watch(ctx); err != nil && ctx.Err() == nil {
		b.Log.Warn("grants not looked through", "error", err)
	}
	for _, kind := range []struct {
		life  time.Duration
		purge func(context.Context, time.Time, int) (int, error)
	}{
		{inboxLife, b.DB.PurgeInbox},
		{outboxLife, b.DB.PurgeOutbox},
		{callLife, b.DB.PurgeCalls},
		{ticketLife, b.DB.PurgeTickets},
		{noticeLife, b.DB.PurgeNotices},
		{alertLife, b.DB.PurgeAlerts},
		{0, b.DB.PurgeFiles},
		{exportLife, b.DB.PurgeExports},
	} {
		gone, err := kind.purge(ctx, now.Add(-kind.life), purgeBatch)
		if err != nil && ctx.Err() == nil {
			b.Log.Warn("old rows not purged", "error", err)
		}
		if gone == purgeBatch {
			b.kept = time.Time{} // there is more
		}
	}
}

// How long things are kept. Operations and coupons are kept forever: they are
// the accounts.
const (
	inboxLife  = 72 * time.Hour       // WeCom's repeats are long over: callbacks older than a day are refused
	outboxLife = 90 * 24 * time.Hour  // what was told, for explain
	callLife   = 400 * 24 * time.Hour // what the platform said, for disputes about last year
	ticketLife = 24 * time.Hour       // links and their way back serve for minutes
	noticeLife = 90 * 24 * time.Hour  // a platform that repeats itself does so within days
	alertLife  = 7 * 24 * time.Hour   // longer than anybody is left in peace
	houseEvery = 10 * time.Minute
	checkEvery = 5 * time.Minute
	purgeBatch = 5000
)

// rescue takes up a message whose worker died, or whose pending answer can be
// concluded.
func (b *Bot) rescue(ctx context.Context, row models.Inbox) error {
	row, err := b.DB.ClaimMessage(ctx, row, b.Now().Add(b.core.Lease(redeem.ConsumeCalls)))
	if err != nil {
		return err
	}
	if !row.AnsweredAt.IsZero() {
		return b.DB.Tx(ctx, func(tx *models.DB) error { return b.doubts.conclude(ctx, tx, row, false) })
	}
	var m bot.Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	_, err = b.answerTo(ctx, row, m)
	return err
}
