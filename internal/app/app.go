// Package app wires the parts together from a configuration and runs them.
package app

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanquan/bot"
	"yanquan/bot/alert"
	"yanquan/bot/chat"
	"yanquan/bot/command"
	"yanquan/bot/console"
	"yanquan/bot/figures"
	"yanquan/bot/grants"
	"yanquan/bot/notice"
	"yanquan/bot/platform"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/dianping"
	"yanquan/internal/config"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// Options of [Run]. The zero value is fine.
type Options struct {
	NoMigrate bool             // refuse an old schema instead of upgrading it
	Listener  net.Listener     // nil: listen on server.listen
	Ready     func(url string) // called once, when requests are answered
	Log       *slog.Logger     // nil: silent
	Now       func() time.Time // the machine's clock
	// OwnClock goes by Now alone, not by the clock of the database server: for
	// tests in which time stands still.
	OwnClock bool

	// For simulations, in which nothing leaves the process and chance is repeated.
	Platform  http.RoundTripper                                // carries calls to platforms; nil: a transport of its own
	Connector func(driver.Connector) driver.Connector          // see [models.Config]; may be nil
	Pause     func(ctx context.Context, d time.Duration) error // between passes of the background work, and looks at the database's health; nil: a timer
	Jitter    func() float64                                   // in [0,1); nil: random

	Version, Commit string // for metrics
}

// Run runs the bot until the context ends, then stops taking messages, finishes
// what is under way within server.shutdown_grace and returns. To be stopped while
// it still starts, in a migration say, is no error either.
func Run(ctx context.Context, cfg *config.Config, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var ready atomic.Bool
	tell := o.Ready
	o.Ready = func(address string) {
		ready.Store(true)
		if tell != nil {
			tell(address)
		}
	}
	err := run(ctx, cfg, o)
	if err != nil && !ready.Load() && ctx.Err() != nil {
		o.Log.Info("stopped before it was ready", "error", err)
		return nil
	}
	return err
}

func run(ctx context.Context, cfg *config.Config, o Options) error {
	db, err := open(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer db.Close()
	upkeep := []jobs.Job{resealing(db, o.Log)}
	if !o.OwnClock {
		clock := &clock{db: db, log: o.Log}
		if err := clock.look(ctx); err != nil {
			return fmt.Errorf("clock of the database: %w", err)
		}
		upkeep = append(upkeep, jobs.Periodic("clock", clockEvery, clock.follow))
	}
	if err := prepare(ctx, db, cfg, o); err != nil {
		return err
	}
	ln := o.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", cfg.Server.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	defer ln.Close() // where something below fails before it is served
	address := LocalURL(ln.Addr())
	parts, err := assemble(db, cfg, o, address)
	if err != nil {
		return err
	}

	// Both stop at once: the bot refuses new messages, so that WeCom sends them
	// again, and finishes old ones while their callbacks still wait.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	graceOver := make(chan struct{}) // a database that hangs can hold up the bot for longer
	context.AfterFunc(ctx, func() { time.AfterFunc(cfg.Server.ShutdownGrace, func() { close(graceOver) }) })
	background := make(chan struct{})
	go func() { defer close(background); parts.bot.Run(ctx, inner(cfg.Server.ShutdownGrace)) }()
	endSockets := parts.connect(ctx)
	var keeping sync.WaitGroup
	defer keeping.Wait()
	err = parts.server.Serve(ctx, ln, func() {
		o.Log.Info("ready", "address", address, "public_url", publicURL(cfg, address), "apps", len(parts.apps), "robots", len(parts.robots)+len(parts.sockets), "platforms", strings.Join(cfg.Platforms(), ","), "stores", len(cfg.Stores))
		o.Ready(address)
		keeping.Go(func() { runJobs(ctx, o, upkeep) })
	})
	stop()
	defer endSockets() // answers under way still need them
	select {
	case <-background:
		return err
	case <-graceOver:
		return errors.Join(err, fmt.Errorf("stopped after %s with work under way; it is taken up at the next start", cfg.Server.ShutdownGrace))
	}
}

// inner is the share of the grace after which a part gives up by itself, so that
// it can still say so.
func inner(grace time.Duration) time.Duration { return grace * 9 / 10 }

// OpenDB opens the configured database.
func OpenDB(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*models.DB, error) {
	return open(ctx, cfg, Options{Log: log, Now: now})
}

func open(ctx context.Context, cfg *config.Config, o Options) (*models.DB, error) {
	key, err := cfg.Key()
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	old, err := cfg.FormerKeys()
	if err != nil {
		return nil, fmt.Errorf("secret_keys: %w", err)
	}
	mc := models.Config{Driver: cfg.Database.Driver, DSN: cfg.Database.DSN, Conns: int(cfg.Database.Connections), Key: key, OldKeys: old, Log: o.Log, Now: o.Now, Connector: o.Connector}
	if o.Jitter != nil {
		mc.Jitter = func(d time.Duration) time.Duration { return d/2 + time.Duration(o.Jitter()*float64(d/2)) }
	}
	return models.Open(ctx, mc)
}

// prepare brings schema and declared stores up to date.
func prepare(ctx context.Context, db *models.DB, cfg *config.Config, o Options) error {
	if o.NoMigrate {
		if err := db.CheckSchema(ctx); err != nil {
			return err
		}
	} else if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	if err := db.CheckFoundRows(ctx); err != nil {
		return err
	}
	stores := make([]models.ConfiguredStore, len(cfg.Stores))
	for i, s := range cfg.Stores {
		stores[i] = models.ConfiguredStore{Platform: s.Platform, ShopID: s.ShopID, Name: s.Name, Session: s.Session, AccountID: s.AccountID, Chats: s.Chats}
		for _, a := range s.Accounts {
			stores[i].Accounts = append(stores[i].Accounts, models.ConfiguredAccount(a))
		}
		for _, p := range s.Staff {
			stores[i].Staff = append(stores[i].Staff, models.Member{UserID: p.UserID, Name: p.Name, Role: models.Role(p.Role)})
		}
	}
	if err := db.Directory.Sync(ctx, stores); err != nil {
		return fmt.Errorf("stores of the configuration: %w", err)
	}
	if err := db.AdoptKey(ctx); err != nil {
		return fmt.Errorf("secret_keys: %w", err)
	}
	return nil
}

type parts struct {
	bot    *chat.Bot
	server *server.Server
	apps   map[string]server.AppCallback
	robots map[string]server.RobotCallback

	sockets []*wecom.Socket
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

func assemble(db *models.DB, cfg *config.Config, o Options, address string) (*parts, error) {
	key, err := cfg.Key()
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	old, err := cfg.FormerKeys()
	if err != nil {
		return nil, fmt.Errorf("secret_keys: %w", err)
	}
	links, err := server.NewLinks(key, db.Now, old...)
	if err != nil {
		return nil, err
	}
	metrics := server.NewMetrics(o.Version, o.Commit)
	apis, err := platforms(cfg, o, metrics.Platform)
	if err != nil {
		return nil, err
	}
	douyin, err := douyinApplication(cfg, db, o, metrics.Douyin)
	if err != nil {
		return nil, err
	}
	clients, authorizers := map[string]dianping.Client{}, map[string]dianping.Authorizer{}
	for name, api := range apis {
		clients[name], authorizers[name] = api, api
	}
	base := publicURL(cfg, address)
	p := &parts{apps: map[string]server.AppCallback{}, robots: map[string]server.RobotCallback{}}
	sending := wecom.SenderConfig{FallbackURL: base, Files: db.Files, Now: o.Now}
	notices, deadline := "", time.Duration(0)
	var webhooks []notice.Webhook
	if w := cfg.WeCom; w != nil {
		sending.APIURL, sending.Mention, deadline = w.APIURL, w.Mention, w.ReplyDeadline
		for _, a := range w.Apps {
			ac := wecom.AppConfig{
				Name: a.Name, CorpID: w.CorpID, AgentID: a.AgentID, Secret: a.Secret,
				Token: a.Token, EncodingAESKey: a.EncodingAESKey, Now: o.Now,
			}
			app, err := wecom.NewApp(ac)
			if err != nil {
				return nil, err
			}
			p.apps[a.Name] = app
			sending.Apps = append(sending.Apps, ac)
		}
		holder := holderName()
		for _, b := range w.Bots {
			if b.Mode == config.ModeWebSocket {
				socket, err := newSocket(b, *w, db, base, holder, metrics, o.Log)
				if err != nil {
					return nil, err
				}
				p.sockets = append(p.sockets, socket)
				continue
			}
			rc := wecom.RobotConfig{
				Name: b.Name, Token: b.Token, EncodingAESKey: b.EncodingAESKey,
				DisplayName: b.DisplayName, Mention: w.Mention, FallbackURL: base, CorpID: w.CorpID, Now: o.Now,
			}
			robot, err := wecom.NewRobot(rc)
			if err != nil {
				return nil, err
			}
			p.robots[b.Name] = robot
			sending.Robots = append(sending.Robots, rc)
		}
		for _, h := range w.Webhooks {
			sending.Webhooks = append(sending.Webhooks, wecom.WebhookConfig{Name: h.Name, Key: h.Key})
			webhooks = append(webhooks, notice.Webhook{Channel: string(wecom.WebhookChannel) + "/" + h.Name, Stores: h.Stores, Notices: h.Notices})
		}
		sending.Sockets = p.sockets
		switch {
		case len(w.Apps) > 0:
			notices = string(wecom.AppChannel) + "/" + w.Apps[0].Name
		case len(p.sockets) > 0: // it reaches managers who have written to it
			notices = p.sockets[0].Channel()
		}
	}
	sender, err := wecom.NewSender(sending)
	if err != nil {
		return nil, err
	}
	var directory bot.Directory
	var members console.Members
	if len(sending.Apps) > 0 { // only an app may look members up
		directory, members = sender, sender
	}
	rules, err := alertRules(cfg.Watch)
	if err != nil {
		return nil, err
	}
	var reconcileAt *time.Duration
	if at, nightly := cfg.Reconcile.Nightly(); nightly {
		reconcileAt = &at
	}
	p.bot, err = chat.New(chat.Options{
		DB: db, Platforms: clients, Authorizers: authorizers, Douyin: douyin, Courier: sender, Pictures: sender, Managers: cfg.Managers, NoticeChannel: notices, Webhooks: webhooks,
		Location: cfg.Location(), CallTimeout: cfg.Redeem.CallTimeout, UndoWindow: cfg.Redeem.UndoWindow,
		Link: linker(links, base, o.Log), AuthLink: authLinker(links, base, o.Log), FileLink: fileLinker(links, base, o.Log),
		ConsoleLink:   func(ticket string) string { return base + console.Root + "in?t=" + ticket },
		ConsolePage:   func(p command.Period) string { return base + console.Root + "?period=" + url.QueryEscape(string(p)) },
		Callback:      func(platform string) string { return base + "/auth/" + platform + "/callback" },
		Directory:     directory,
		AccessByGroup: cfg.Access == "group", Guard: chat.Guard{Codes: int(cfg.Guard.UnknownCodes), Within: cfg.Guard.Within},
		Alerts: rules, Report: reportTime(cfg), ReconcileAt: reconcileAt,
		Now: db.Now, Pause: o.Pause, Jitter: o.Jitter, Log: o.Log, Observer: metrics,
	})
	if err != nil {
		return nil, err
	}
	stateKey, err := hkdf.Key(sha256.New, key, nil, "yanquan sign-in state", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	pages, err := console.New(console.Options{Desk: p.bot.Desks(), SignIns: p.bot.Tickets(), Members: members, StateKey: stateKey, PublicURL: base, Location: cfg.Location(), Now: db.Now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	posted := map[string]server.Events{}
	if e := p.bot.Events(); e != nil {
		posted[platform.DouyinName] = e
	}
	p.server, err = server.New(server.Options{
		Engine: p.bot, Apps: p.apps, Robots: p.robots, ReplyDeadline: deadline,
		Vouchers: p.bot.Desks(), Merchants: p.bot.Merchants(), Events: posted, Files: p.bot.Tickets(), Links: links, Console: pages, Location: cfg.Location(), UndoWindow: cfg.Redeem.UndoWindow,
		Checks: []server.Check{{Name: "database", Probe: db.Ping}}, Metrics: metrics,
		Grace: inner(cfg.Server.ShutdownGrace), Now: db.Now, Pause: o.Pause, Log: o.Log,
	})
	return p, err
}

// reportTime is when managers get their summaries; nil: never.
func reportTime(cfg *config.Config) *figures.Report {
	r := cfg.Report
	if r == nil {
		return nil
	}
	since := func(clock string) time.Duration {
		at, _ := time.Parse("15:04", clock) // cannot fail: the configuration was checked
		return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	out := &figures.Report{At: since(r.At), EmptyDays: r.EmptyDays, Times: map[string]time.Duration{}}
	for _, t := range r.Times {
		out.Times[t.UserID] = since(t.At)
	}
	if cfg.WeCom != nil {
		for _, h := range cfg.WeCom.Webhooks {
			if h.At != "" {
				out.Times[string(wecom.WebhookChannel)+"/"+h.Name] = since(h.At)
			}
		}
	}
	return out
}

func alertRules(w config.Watch) (alert.Rules, error) {
	open, err := alert.ParseHours(w.Open)
	return alert.Rules{
		Open: open, Repeats: int(w.Repeats), SamePhone: int(w.SamePhone), UndoPercent: int(w.UndoPercent),
		SilentDays: int(w.SilentDays), PlatformErrors: int(w.PlatformErrors), Doubtful: int(w.Doubtful),
	}, err
}

// linker makes addresses of verification pages.
func linker(links *server.Links, base string, log *slog.Logger) func(string) string {
	return func(operationID string) string {
		token, err := links.Sign(server.ToVoucher, operationID, server.VoucherLinkLife)
		if err != nil {
			log.Error("link not made", "error", err)
			return ""
		}
		return base + "/v/" + token
	}
}

// authLinker makes addresses of pages where a manager authorises stores.
func authLinker(links *server.Links, base string, log *slog.Logger) func(platform, ticket string) string {
	return func(platform, ticket string) string {
		token, err := links.Sign(server.ToAuthorize, ticket, grants.LinkLife)
		if err != nil {
			log.Error("link not made", "error", err)
			return ""
		}
		return base + "/auth/" + platform + "?t=" + token
	}
}

// fileLinker makes addresses of pages where one person fetches a file.
func fileLinker(links *server.Links, base string, log *slog.Logger) func(file, ticket string) string {
	return func(file, ticket string) string {
		token, err := links.Sign(server.ToFile, server.FileSubject(file, ticket), server.FileLinkLife)
		if err != nil {
			log.Error("link not made", "error", err)
			return ""
		}
		return base + "/files/" + token
	}
}

func publicURL(cfg *config.Config, address string) string {
	if cfg.Server.PublicURL != "" {
		return cfg.Server.PublicURL
	}
	return address
}

// LocalURL is an address that reaches a listener from this machine.
func LocalURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
