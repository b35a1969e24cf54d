package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Run does the background work until the context ends: messages and operations
// left by processes that died, doubts to settle, deliveries to send. Then it
// stops taking messages, lets what is under way finish and sends what is queued,
// for at most grace, and returns. What is not finished then is taken up by another
// process, or by this one when it starts again.
func (b *Bot) Run(ctx context.Context, grace time.Duration) {
	ended := context.AfterFunc(ctx, func() { time.AfterFunc(grace, b.cancel) })
	defer ended()
	b.jobs.Run(ctx)
	var messages sync.WaitGroup
	messages.Go(b.Stop)
	b.jobs.Drain()
	messages.Wait()
	b.jobs.Drain() // what the last messages have put into the outbox
	b.cancel()
}

// Pass does once all background work that is due, and returns when it is done.
func (b *Bot) Pass(ctx context.Context) { b.jobs.Pass(ctx) }

const (
	passEvery = 500 * time.Millisecond

	flightsPerConn = 8  // messages worked on for each connection: most of the time they wait for the platform
	fewestFlights  = 64 // a few who wait for a platform that hangs must not keep the others waiting

	batch = 64 // of one look

	settling           = 32 // operations at once
	settlingPerAccount = 8  // so that one whose calls take long leaves room for others
	sending            = 32 // deliveries at once
	renewing           = 32 // grants at once
	reconciling        = 4  // closed days at once: each takes long, and no answer waits for it

	planEvery      = 5 * time.Minute
	reconcileEvery = 10 * time.Second
	exportEvery    = 10 * time.Second // for those of a process that died
	alertsEvery    = 5 * time.Minute
	grantsEvery    = 10 * time.Minute
	tokenEvery     = time.Minute
	backlogEvery   = 5 * time.Second
	mostCounted    = 1000
)

// Names of the jobs that are woken.
const (
	exportJob    = "export"
	alertJob     = "alerts"
	planJob      = "reconciliation plan"
	reconcileJob = "reconciliation"
	purgeJob     = "purge"
)

// table is the background work, what people wait for first. Each job has a limit of
// its own, so that a channel that hangs does not hold up the settling.
func (b *Bot) table() []jobs.Job {
	table := b.Jobs()
	for _, platform := range []string{dianping.Dianping, dianping.Meituan, platform.DouyinName} { // one that hangs does not hold up the other
		table = append(table, jobs.Job{Name: "operation/" + platform, Limit: settling, PerKey: b.settlingOf, Queue: models.OperationQueue, Due: b.dueOperations(platform)})
	}
	if b.application != nil {
		table = append(table, jobs.Periodic("application token", tokenEvery, b.application.Watch))
	}
	return append(table,
		jobs.Job{Name: outbox.JobFetched, Drain: true, Due: b.dueFetched}, // before what may be due another way
		jobs.Job{Name: outbox.JobDeliveries, Limit: sending, Drain: true, Queue: models.OutgoingQueue, Due: b.dueDeliveries},
		jobs.Job{Name: "card", Due: b.dueCards},
		jobs.Job{Name: exportJob, Limit: exporting, Every: exportEvery, Queue: models.ExportQueue, Due: b.dueExports},
		jobs.Job{Name: "grant", Limit: renewing, Queue: models.GrantQueue, Due: b.dueGrants},
		jobs.Job{Name: "report", Due: b.dueReports},
		jobs.Job{Name: reconcileJob, Limit: reconciling, Every: reconcileEvery, Queue: models.ReconciliationQueue, Due: b.dueReconciliations},
		jobs.Job{Name: "figures", Due: b.dueFigures},
		jobs.Periodic(planJob, planEvery, b.reconciliation.Plan),
		jobs.Periodic(alertJob, alertsEvery, b.alerts.Check),
		jobs.Periodic("grant warnings", grantsEvery, b.grants.Watch),
		jobs.Periodic("backlog", backlogEvery, b.countBacklog),
		jobs.Periodic(purgeJob, purgeEvery, b.purge),
	)
}

// anothers reports whether an error only says that another worker was quicker.
func anothers(err error) bool {
	return errors.Is(err, models.ErrStale) || errors.Is(err, outbox.ErrTakenOver)
}

// settlingOf is how many operations of an account are settled at once: one probe where
// its platform does not answer.
func (b *Bot) settlingOf(key string) int {
	if b.core.Silent(accountOf(key)) {
		return 1
	}
	return settlingPerAccount
}

// accountOf is the account of a task's key.
func accountOf(key string) int64 {
	id, _ := strconv.ParseInt(key, 10, 64) // as dueOperations makes it
	return id
}

// dueOperations leaves out the call that this process makes for a message: its worker
// brings that to its end, however long its lease was. Only where there is such a call, as
// many more are read.
func (b *Bot) dueOperations(platform string) func(context.Context, jobs.Look) ([]jobs.Task, error) {
	return func(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
		of := models.Of{Platform: platform}
		for _, key := range l.Full {
			of.Without = append(of.Without, accountOf(key))
		}
		tasks, held, err := b.listOperations(ctx, of, l.Now, l.Room)
		if err == nil && held > 0 && len(tasks)+held == l.Room {
			tasks, _, err = b.listOperations(ctx, of, l.Now, l.Room+b.MaxFlights)
		}
		return tasks, err
	}
}

// listOperations lists so many operations that are due, and counts those of them that
// messages under way here have.
func (b *Bot) listOperations(ctx context.Context, of models.Of, now time.Time, limit int) (tasks []jobs.Task, held int, err error) {
	due, err := b.DB.Journal.Due(ctx, of, now, limit)
	for _, op := range due {
		if calling := op.State == models.Calling || op.State == models.Undoing; calling && b.Holds(askedBy(op)) {
			held++
			continue
		}
		tasks = append(tasks, jobs.Task{ID: op.ID, Key: strconv.FormatInt(op.StoreID, 10), Do: func(ctx context.Context) error {
			defer b.Notify(askedBy(op))
			return b.doubts.settle(ctx, op)
		}})
	}
	return tasks, held, err
}

// dueFetched records what callbacks have fetched, or waits until more can be with it.
func (b *Bot) dueFetched(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
	wait, due := b.out.RecordIn(l.Now)
	switch {
	case !due:
		return nil, nil
	case wait > 0 && !b.Stopping():
		return when(true, func(ctx context.Context) error {
			if err := b.Sleep(ctx, wait); err != nil {
				return err
			}
			return b.out.RecordFetched(ctx)
		}), nil
	}
	return nil, b.out.RecordFetched(ctx)
}

func (b *Bot) dueDeliveries(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
	due, err := b.out.Due(ctx, l.Now)
	return jobs.Tasks(due, err, func(o models.Outgoing) string { return o.ID }, b.out.Deliver)
}

func (b *Bot) dueGrants(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
	due, err := b.grants.Due(ctx, batch)
	return jobs.Tasks(due, err, func(g models.Grant) string { return g.ID }, b.grants.Renew)
}

func (b *Bot) dueExports(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
	due, err := b.DB.Exports.Due(ctx, l.Now, l.Room)
	return jobs.Tasks(due, err, func(e models.Export) string { return e.ID }, b.exports.makeExport)
}

func (b *Bot) dueReconciliations(ctx context.Context, l jobs.Look) ([]jobs.Task, error) {
	due, err := b.reconciliation.Due(ctx, batch)
	return jobs.Tasks(due, err, func(r models.Reconciliation) string { return fmt.Sprint(r.StoreID, " ", r.Day) }, b.reconciliation.Run)
}

func (b *Bot) dueCards(_ context.Context, l jobs.Look) ([]jobs.Task, error) {
	since, due := b.out.CardsDue(l.Now)
	return when(due, func(ctx context.Context) error { return b.out.ChangeCards(ctx, since, l.Now) }), nil
}

func (b *Bot) dueReports(_ context.Context, l jobs.Look) ([]jobs.Task, error) {
	due := b.nightly.Due(l.Now)
	return when(len(due) > 0, func(ctx context.Context) error { return b.nightly.Publish(ctx, due) }), nil
}

func (b *Bot) dueFigures(_ context.Context, l jobs.Look) ([]jobs.Task, error) {
	return when(b.figures.KeepDue(l.Now), func(ctx context.Context) error { return b.figures.Keep(ctx, l.Now) }), nil
}

// when is a task if it is due.
func when(due bool, do func(context.Context) error) []jobs.Task {
	if !due {
		return nil
	}
	return []jobs.Task{{Do: do}}
}

func (b *Bot) countBacklog(ctx context.Context) error {
	n, err := b.DB.Backlog(ctx, b.Now(), mostCounted)
	switch {
	case errors.Is(err, models.ErrUnavailable): // as those will say who look for what is due
		return nil
	case err != nil:
		return err
	}
	b.Observer.Backlog(n.Messages, n.Operations, n.Outgoing)
	return nil
}

// answer works on a message to its answer.
func (b *Bot) answer(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	return b.talk.work(ctx, row, m)
}

// conclude looks whether the pending answer to a message can be replaced.
func (b *Bot) conclude(ctx context.Context, row models.Inbox) error {
	return b.DB.Tx(ctx, func(tx *models.DB) error { return b.doubts.tell(ctx, tx, row.ID, false) })
}
