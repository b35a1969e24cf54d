package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"yanquan/internal/failpoint"
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
	b.flush(b.base)
	b.cancel()
}

// Kinds of background work. Each has its own hands, so that a channel that hangs
// does not hold up the settling.
const (
	messageWork   = "message"
	operationWork = "operation"
	deliveryWork  = "delivery"
	grantWork     = "grant"
	watchWork     = "watch"
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
	out, err3 := b.dueOutgoing(ctx, now)
	due, err4 := b.grants.Due(ctx, batch)
	b.note(ctx, errors.Join(err1, err2, err3, err4))
	b.Observer.Backlog(len(rows), len(ops), len(out))
	for _, row := range rows {
		b.start(&wg, messageWork, row.ID, func() error { return b.rescue(ctx, row) })
	}
	for _, op := range ops {
		b.start(&wg, operationWork, op.ID, func() error { return b.settle(ctx, op) })
	}
	for _, o := range out {
		b.start(&wg, deliveryWork, o.ID, func() error { return b.deliver(ctx, o) })
	}
	for _, g := range due {
		b.start(&wg, grantWork, g.ID, func() error { return b.grants.Renew(ctx, g) })
	}
	b.reconcileDue(ctx, &wg, now)
	if !now.Before(b.watched.Add(watchEvery)) {
		b.watched = now
		b.start(&wg, watchWork, "", func() error { return b.watcher.Look(ctx) })
	}
	if due := b.editionsDue(now); len(due) > 0 {
		b.start(&wg, reportWork, due[0].key(), func() error { return b.publishNow(ctx, due) })
	}
	b.exportsDue(ctx, &wg, now)
	if since, due := b.cardsDue(now); due {
		b.start(&wg, cardWork, "", func() error { return b.changeCards(ctx, since, now) })
	}
	if b.figuresDue(now) {
		b.start(&wg, figureWork, "", func() error { return b.keepFigures(ctx, now) })
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
		case !errors.Is(err, models.ErrStale) && !errors.Is(err, errTakenOver) && !errors.Is(err, context.Canceled):
			b.Log.Error("background work failed; it will be tried again", what, id, "error", err)
		}
	})
}

// atOnce does things, up to n at a time, and returns when all are done.
func atOnce(n int, all []func() error) error {
	errs := make([]error, len(all))
	hands := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i, do := range all {
		hands <- struct{}{}
		wg.Go(func() {
			defer func() { <-hands }()
			errs[i] = jobs.Recovered(do)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// flush sends what the last messages have put into the outbox.
func (b *Bot) flush(ctx context.Context) {
	out, err := b.dueOutgoing(ctx, b.Now())
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	for _, o := range out {
		wg.Go(func() {
			if err := b.deliver(ctx, o); err != nil && !errors.Is(err, models.ErrStale) {
				b.Log.Warn("delivery left for the next start", "delivery", o.ID, "error", err)
			}
		})
	}
	wg.Wait()
}

// dueOutgoing lists what is to be sent by this process. What nobody could send in
// time is everybody's: it has to be given up.
func (b *Bot) dueOutgoing(ctx context.Context, now time.Time) ([]models.Outgoing, error) {
	return b.DB.DueOutgoingExcept(ctx, now, deliveryBatch, b.Courier.Away(), now.Add(-deliveryLife))
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
	watchEvery = 5 * time.Minute
	purgeBatch = 5000
)

// rescue takes up a message whose worker died, or whose pending answer can be
// concluded.
func (b *Bot) rescue(ctx context.Context, row models.Inbox) error {
	row, err := b.DB.ClaimMessage(ctx, row, b.Now().Add(b.lease(callsPerCode)))
	if err != nil {
		return err
	}
	if !row.AnsweredAt.IsZero() {
		return b.DB.Tx(ctx, func(tx *models.DB) error { return b.concludeMessage(ctx, tx, row, false) })
	}
	var m Message
	if err := json.Unmarshal(row.Payload, &m); err != nil {
		return fmt.Errorf("bot: stored message: %w", err)
	}
	_, err = b.answerTo(ctx, row, m)
	return err
}

// deliver makes one try to send a delivery, and records it as sent only after
// it was.
func (b *Bot) deliver(ctx context.Context, o models.Outgoing) error {
	var d Delivery
	if err := json.Unmarshal(o.Payload, &d); err != nil {
		return fmt.Errorf("bot: stored delivery: %w", err)
	}
	lease := deliveryLease
	if f := d.Reply.File; f != nil && f.Kind == AnyFile { // a picture is small
		lease = fileLease
	}
	o, err := b.DB.ClaimOutgoing(ctx, o, b.Now().Add(lease))
	if err != nil {
		return err
	}
	d.Form = Form(o.Form)
	if limit := b.Courier.PerMinute(d); limit > 0 && !d.Change {
		nth, err := b.DB.SentBack(ctx, o, limit)
		if err != nil {
			return err
		}
		if free := nth.Add(time.Minute); !nth.IsZero() && free.After(b.Now()) {
			b.Observer.Delivered(o.Channel, reasonPaced)
			if d.Form == AsStream { // not worth waiting for
				return b.DB.OutgoingFailed(ctx, o, reasonPaced)
			}
			return b.DB.OutgoingRetry(ctx, o, o.Form, reasonPaced, free)
		}
	}
	if d.Stream != "" && d.Form != AsStream {
		if d.Open, err = b.streaming(ctx, o, d.Stream); err != nil {
			return err
		}
	}
	failpoint.Hit("send.before")
	try, cancel := context.WithTimeout(ctx, lease-time.Second)
	sent, err := b.Courier.Deliver(try, d)
	cancel()
	failpoint.Hit("send.after")
	if err == nil {
		b.Observer.Delivered(o.Channel, sent.Refused)
		if sent.Refused != "" {
			b.Log.Warn("delivery sent in part", "delivery", o.ID, "channel", o.Channel, "reason", sent.Refused)
		}
		err = b.recordSent(ctx, o, d, sent)
		failpoint.Hit("send.recorded")
		return err
	}
	var e *DeliveryError
	if !errors.As(err, &e) {
		e = &DeliveryError{Reason: "error", Retry: true, Err: err}
	}
	b.Observer.Delivered(o.Channel, e.Reason)
	b.Log.Warn("delivery failed", "delivery", o.ID, "channel", o.Channel, "form", o.Form, "attempt", o.Attempt, "reason", e.Reason, "error", e.Err)
	switch {
	case d.Form == AsStream && e.Retry && o.Attempt < streamTries:
		return b.DB.OutgoingRetry(ctx, o, o.Form, e.Reason, b.Now().Add(b.retryDelay(o.Attempt)))
	case d.Form == AsStream: // the answer behind it must not wait
		return b.DB.OutgoingFailed(ctx, o, e.Reason)
	case e.Downgrade != "" && !d.Change:
		return b.DB.OutgoingRetry(ctx, o, string(e.Downgrade), e.Reason, b.Now())
	case e.Retry && b.Now().Sub(o.CreatedAt) < deliveryLife:
		after := max(e.After, b.retryDelay(o.Attempt))
		return b.DB.OutgoingRetry(ctx, o, o.Form, e.Reason, b.Now().Add(after))
	}
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		answers := d.ReplyURL != "" || d.ReqID != "" && d.Answers != Enter
		if err := tx.OutgoingFailed(ctx, o, e.Reason); err != nil || !answers || b.NoticeChannel == "" || b.NoticeChannel == d.Channel {
			return err
		}
		// The group cannot be reached any more: the person still can, by the app.
		next := Delivery{ID: b.NewID(), Channel: b.NoticeChannel, User: d.User, Reply: d.Reply}
		if c := d.Reply.Card; c != nil {
			again := *c
			again.TaskID, next.Reply.Card = next.ID, &again
		}
		return b.enqueue(ctx, tx, next, o.InboxID, o.OperationID, b.Now())
	})
}

// recordSent records that a delivery went out; of a change, on the card that it
// changed.
func (b *Bot) recordSent(ctx context.Context, o models.Outgoing, d Delivery, sent Sent) error {
	if d.Form != AsUpdate || d.Card == "" {
		return b.DB.OutgoingSent(ctx, o, sent.MessageID, sent.ResponseCode)
	}
	return b.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.OutgoingSent(ctx, o, sent.MessageID, ""); err != nil {
			return err
		}
		return tx.CardChanged(ctx, d.Card, sent.ResponseCode)
	})
}

const (
	reasonPaced = "paced" // the channel takes no more in this minute; nothing was sent
	streamTries = 3       // to show a line that another one replaces

	deliveryBatch = 64 // of one pass

	deliveryLease = 15 * time.Second // a try ends before it
	fileLease     = 2 * time.Minute  // the same where a file goes along
	deliveryLife  = time.Hour        // an answer older than that helps nobody
)

// retryDelay doubles from one second to one minute.
func (b *Bot) retryDelay(attempt int) time.Duration {
	d := min(time.Second<<min(max(attempt-1, 0), 6), time.Minute)
	return d*3/4 + time.Duration(b.Jitter()*float64(d/4))
}
