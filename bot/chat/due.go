package chat

import (
	"context"
	"fmt"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/models"
)

// exportsDue starts the exports that are due. While there are none it does not ask
// in every pass: somebody else's, who died, can wait a little.
func (b *Bot) exportsDue(ctx context.Context, wg *sync.WaitGroup, now time.Time) {
	if !b.exports.exportAsked.Swap(false) && now.Before(b.noExport.Add(idleEvery)) {
		return
	}
	due, err := b.DB.DueExports(ctx, now, exportHands)
	if err != nil {
		b.Log.Warn("due exports not found", "error", err)
		return
	}
	b.noExport = time.Time{}
	if len(due) == 0 {
		b.noExport = now
	}
	for _, e := range due {
		b.start(wg, exportWork, e.ID, func() error { return b.exports.makeExport(ctx, e) })
	}
}

// Reconciliations is what is known of closed days, for pages and summaries.
func (b *Bot) Reconciliations() *reconcile.Keeper { return b.reconciliation }

const (
	looksAtOnce = 4 // at closed days: they are long, and nobody waits
	planEvery   = 5 * time.Minute
	idleEvery   = 10 * time.Second
)

func (b *Bot) newReconciliation() *reconcile.Keeper {
	o := reconcile.Options{
		DB: b.DB, Open: b.shops.client, Nightly: b.ReconcileAt != nil,
		Schedule: reconcile.Schedule{Location: b.Location, UndoWindow: b.UndoWindow},
		Now:      b.Now, Jitter: b.Jitter, Log: b.Log,
		Tell: func(ctx context.Context, tx *models.DB, n reconcile.Notice) error {
			return b.notices.TellStores(ctx, tx, n.Key, []int64{n.Store.ID}, bot.Card{Source: words.Source(n.Store), Title: n.Title, Text: n.Text, Tone: bot.Bad})
		},
	}
	if o.Nightly {
		o.Schedule.At = *b.ReconcileAt
	}
	return reconcile.New(o)
}

// reconcileDue plans the looks at closed days from time to time, and starts
// those that are due.
func (b *Bot) reconcileDue(ctx context.Context, wg *sync.WaitGroup, now time.Time) {
	if !now.Before(b.planned.Add(planEvery)) {
		if err := b.reconciliation.Plan(ctx); err != nil {
			b.Log.Warn("reconciliations not planned", "error", err)
		} else {
			b.planned = now
		}
	}
	if now.Before(b.idle.Add(idleEvery)) {
		return
	}
	due, err := b.reconciliation.Due(ctx, batch)
	if err != nil {
		b.Log.Warn("due reconciliations not found", "error", err)
		return
	}
	if len(due) == 0 {
		b.idle = now
	}
	for _, r := range due {
		b.start(wg, reconcileWork, fmt.Sprint(r.StoreID, " ", r.Day), func() error { return b.reconciliation.Run(ctx, r) })
	}
}
