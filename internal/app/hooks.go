package app

import (
	"cmp"
	"context"
	mathrand "math/rand/v2"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/hooks"
	"yanquan/bot/platform"
	"yanquan/bot/server"
	"yanquan/internal/config"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Hooks are the other systems that are told of what happens.
func Hooks(cfg *config.Config) []hooks.Hook {
	all := make([]hooks.Hook, len(cfg.Hooks))
	for i, h := range cfg.Hooks {
		all[i] = hooks.Hook{Name: h.Name, URL: h.URL, Secrets: append([]string{h.Secret}, h.Secrets...), Kinds: h.Events, Private: h.Private()}
	}
	return all
}

// hookWriter writes what hooks are told; nil: there are none, and nothing is written.
func hookWriter(cfg *config.Config) *hooks.Writer {
	if len(cfg.Hooks) == 0 {
		return nil
	}
	return &hooks.Writer{Hooks: Hooks(cfg), NewID: chat.NewID}
}

// hookRunner is the background work of hooks; nil: there are none.
func hookRunner(db *models.DB, cfg *config.Config, o Options, b *chat.Bot, metrics *server.Metrics) (*jobs.Runner, context.CancelFunc, error) {
	if o.hooks == nil {
		return nil, func() {}, nil
	}
	jitter := o.Jitter
	if jitter == nil {
		jitter = mathrand.Float64
	}
	sender, err := hooks.New(hooks.Options{
		DB: db, Hooks: Hooks(cfg), Location: cfg.Location(), Now: db.Now, Clock: o.Now, Jitter: jitter, Carry: o.Platform, Log: o.Log,
		Tell: func(ctx context.Context, tx *models.DB, key string, card bot.Card) error {
			return b.Notices().TellStores(ctx, tx, key, nil, card)
		},
		Observe: func(hook, reason string) { metrics.Delivered("hook/"+hook, reason) },
	})
	if err != nil {
		return nil, nil, err
	}
	days := &hooks.Days{DB: db, Writer: o.hooks, Location: cfg.Location(), Window: undoWindow(cfg), Now: db.Now}
	base, cancel := context.WithCancel(context.Background())
	table := append(sender.Jobs(), jobs.Periodic("closed days", closedEvery, days.Close))
	r := jobs.New(jobs.Options{Jobs: table, Every: hooksEvery, Base: base, Now: db.Now, Sleep: o.Pause, Log: o.Log, Quiet: hooks.Anothers})
	o.hooks.Wake = func() { r.Wake(hooks.Job) }
	return r, cancel, nil
}

const (
	hooksEvery  = time.Second
	closedEvery = 5 * time.Minute
)

// undoWindow is how long a verification can be undone, at whichever platform.
func undoWindow(cfg *config.Config) time.Duration {
	if cfg.Douyin != nil {
		return max(cfg.Redeem.UndoWindow, platform.DouyinWindow)
	}
	return cmp.Or(cfg.Redeem.UndoWindow, 10*time.Minute)
}

// runHooks tells hooks what there is to tell until the context ends. What is under way
// then is finished within the grace; the rest is sent after the next start.
func (p *parts) runHooks(ctx context.Context, grace time.Duration) {
	if p.hooks == nil {
		return
	}
	defer p.endHooks()
	ended := context.AfterFunc(ctx, func() { time.AfterFunc(inner(grace), p.endHooks) })
	defer ended()
	p.hooks.Run(ctx)
	p.hooks.Drain()
}
