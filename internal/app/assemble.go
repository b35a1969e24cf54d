package app

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/url"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/bot/command"
	"yanquan/bot/console"
	"yanquan/bot/notice"
	"yanquan/bot/platform"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/dianping"
	"yanquan/internal/config"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// parts are what runs.
type parts struct {
	*channels
	bot    *chat.Bot
	server *server.Server

	hooks    *jobs.Runner // nil: there are none
	endHooks context.CancelFunc
}

// socketInbox takes what a long connection brings, and passes on what is wrong with it.
type socketInbox struct {
	*chat.Bot
	*notice.Notices
}

// connect holds the long connections, as far as they are this process's. When ctx
// has ended, end closes them.
func (p *parts) connect(ctx context.Context) (end func()) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, s := range p.sockets {
		running.Go(func() { s.Run(ctx, life, socketInbox{p.bot, p.bot.Notices()}) })
	}
	return func() { cancel(); running.Wait() }
}

// assembly is what the parts are made of.
type assembly struct {
	*channels
	db      *models.DB
	cfg     *config.Config
	o       Options
	base    string // of addresses
	key     []byte
	links   *server.Links
	metrics *server.Metrics
	sender  *wecom.Sender
}

func assemble(db *models.DB, cfg *config.Config, o Options, address string) (*parts, error) {
	a := &assembly{db: db, cfg: cfg, o: o, base: publicURL(cfg, address), metrics: server.NewMetrics(o.Version, o.Commit)}
	if err := a.seal(); err != nil {
		return nil, err
	}
	var err error
	if a.channels, err = newChannels(db, cfg, o, a.base, a.metrics); err != nil {
		return nil, err
	}
	if a.sender, err = wecom.NewSender(a.sending); err != nil {
		return nil, err
	}
	p := &parts{channels: a.channels}
	if p.bot, err = a.bot(); err != nil {
		return nil, err
	}
	if p.hooks, p.endHooks, err = hookRunner(db, cfg, o, p.bot, a.metrics); err != nil {
		return nil, err
	}
	p.server, err = a.server(p.bot)
	return p, err
}

// seal makes what needs the keys.
func (a *assembly) seal() (err error) {
	if a.key, err = a.cfg.Key(); err != nil {
		return fmt.Errorf("secret_key: %w", err)
	}
	old, err := a.cfg.FormerKeys()
	if err != nil {
		return fmt.Errorf("secret_keys: %w", err)
	}
	a.links, err = server.NewLinks(a.key, a.db.Now, old...)
	return err
}

func (a *assembly) bot() (*chat.Bot, error) {
	apis, err := platforms(a.cfg, a.o, a.metrics.Platform)
	if err != nil {
		return nil, err
	}
	clients, authorizers := map[string]dianping.Client{}, map[string]dianping.Authorizer{}
	for name, api := range apis {
		clients[name], authorizers[name] = api, api
	}
	douyin, err := douyinApplication(a.cfg, a.db, a.o, a.metrics.Douyin)
	if err != nil {
		return nil, err
	}
	rules, err := alertRules(a.cfg.Watch)
	if err != nil {
		return nil, err
	}
	var reconcileAt *time.Duration
	if at, nightly := a.cfg.Reconcile.Nightly(); nightly {
		reconcileAt = &at
	}
	var directory bot.Directory
	if a.looksUp() {
		directory = a.sender
	}
	return chat.New(chat.Options{
		DB: a.db, Platforms: clients, Authorizers: authorizers, Douyin: douyin, Courier: a.sender, Pictures: a.sender, Managers: a.cfg.Managers, NoticeChannel: a.notices(), NoticeRobot: a.noticesByRobot(), Webhooks: a.webhooks,
		Location: a.cfg.Location(), CallTimeout: a.cfg.Redeem.CallTimeout, UndoWindow: a.cfg.Redeem.UndoWindow,
		Link: linker(a.links, a.base, a.o.Log), AuthLink: authLinker(a.links, a.base, a.o.Log), FileLink: fileLinker(a.links, a.base, a.o.Log),
		ConsoleLink:   func(ticket string) string { return a.base + console.Root + "in?t=" + ticket },
		ConsolePage:   func(p command.Period) string { return a.base + console.Root + "?period=" + url.QueryEscape(string(p)) },
		Callback:      func(platform string) string { return a.base + "/auth/" + platform + "/callback" },
		Directory:     directory,
		AccessByGroup: a.cfg.Access == "group", Guard: chat.Guard{Codes: int(a.cfg.Guard.UnknownCodes), Within: a.cfg.Guard.Within},
		Alerts: rules, Report: reportTime(a.cfg), ReconcileAt: reconcileAt,
		Now: a.db.Now, Pause: a.o.Pause, Jitter: a.o.Jitter, Log: a.o.Log, Observer: a.metrics,
	})
}

// looksUp reports whether members can be looked up: only an app may.
func (a *assembly) looksUp() bool { return len(a.sending.Apps) > 0 }

func (a *assembly) server(b *chat.Bot) (*server.Server, error) {
	pages, err := a.pages(b)
	if err != nil {
		return nil, err
	}
	posted := map[string]server.Events{}
	if e := b.Events(); e != nil {
		posted[platform.DouyinName] = e
	}
	return server.New(server.Options{
		Engine: b, Apps: a.apps, Robots: a.robots, ReplyDeadline: a.deadline,
		Vouchers: b.Desks(), Merchants: b.Merchants(), Events: posted, Files: b.Tickets(), Links: a.links, Console: pages, Location: a.cfg.Location(), UndoWindow: a.cfg.Redeem.UndoWindow,
		Checks: []server.Check{{Name: "database", Probe: a.db.Ping}}, Metrics: a.metrics,
		Grace: inner(a.cfg.Server.ShutdownGrace), Now: a.db.Now, Pause: a.o.Pause, Log: a.o.Log,
	})
}

func (a *assembly) pages(b *chat.Bot) (*console.Console, error) {
	stateKey, err := hkdf.Key(sha256.New, a.key, nil, "yanquan sign-in state", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	var members console.Members
	if a.looksUp() {
		members = a.sender
	}
	return console.New(console.Options{Desk: b.Desks(), SignIns: b.Tickets(), Members: members, StateKey: stateKey, PublicURL: a.base, Location: a.cfg.Location(), Now: a.db.Now, Log: a.o.Log})
}
