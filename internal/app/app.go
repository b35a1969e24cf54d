// Package app wires the parts together from a configuration and runs them.
package app

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanquan/bot/alert"
	"yanquan/bot/figures"
	"yanquan/bot/grants"
	"yanquan/bot/hooks"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
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

	hooks *hooks.Writer // nil: there are none
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
	o.hooks = hookWriter(cfg)
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
		keeping.Go(func() { parts.runHooks(ctx, cfg.Server.ShutdownGrace) })
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

// OpenDB opens the configured database, which is there: otherwise it is
// [models.ErrNoDatabase].
func OpenDB(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*models.DB, error) {
	return open(ctx, cfg, Options{Log: log, Now: now, NoMigrate: true})
}

// CreateDB opens the configured database, and makes a SQLite file where there is none.
func CreateDB(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*models.DB, error) {
	return open(ctx, cfg, Options{Log: log, Now: now})
}

// Astray reports whether a configuration at a path leads to another SQLite file when it is
// read from another folder, and is: that of serve may not be this one.
func Astray(cfg *config.Config, path string) bool {
	if cfg.Database.Driver != models.SQLite || !models.RelativeSQLite(cfg.Database.DSN) {
		return false
	}
	here, err := os.Stat(".")
	if err != nil {
		return true
	}
	its, err := os.Stat(filepath.Dir(path))
	return err != nil || !os.SameFile(here, its)
}

// DBConfig is what the configured database is opened with.
func DBConfig(cfg *config.Config, log *slog.Logger, now func() time.Time) (models.Config, error) {
	key, err := cfg.Key()
	if err != nil {
		return models.Config{}, fmt.Errorf("secret_key: %w", err)
	}
	old, err := cfg.FormerKeys()
	if err != nil {
		return models.Config{}, fmt.Errorf("secret_keys: %w", err)
	}
	return models.Config{Driver: cfg.Database.Driver, DSN: cfg.Database.DSN, Conns: int(cfg.Database.Connections), Key: key, OldKeys: old, Log: log, Now: now}, nil
}

func open(ctx context.Context, cfg *config.Config, o Options) (*models.DB, error) {
	mc, err := DBConfig(cfg, o.Log, o.Now)
	if err != nil {
		return nil, err
	}
	mc.Connector = o.Connector
	mc.MustExist = o.NoMigrate // an empty file would be refused, and lie there
	if o.hooks != nil {
		mc.Witness = o.hooks
	}
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
	if err := hooks.Register(ctx, db, Hooks(cfg), o.Log); err != nil {
		return err
	}
	if err := db.AdoptKey(ctx); err != nil {
		return fmt.Errorf("secret_keys: %w", err)
	}
	return nil
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
