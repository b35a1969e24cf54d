// Package doctor checks an installation from the outside in: configuration,
// database, clock, WeCom, callback addresses, platform. Each line says what was
// looked at (✓), and where something is wrong (✗) or may not be meant so (!), what to
// do. It changes nothing that anything goes by.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/internal/config"
)

// Options of [Run]. The zero value is fine.
type Options struct {
	HTTP *http.Client // nil: one with a time-out, which follows no redirects
	Now  func() time.Time
	// First: serve has not run yet, so that a database cannot be missed.
	First bool
}

// Run writes one line for each finding to w, and reports whether all is well.
func Run(ctx context.Context, w io.Writer, path string, env func(string) (string, bool), o Options) bool {
	probe := NewProbe(o.HTTP, o.Now)
	c := &checker{w: bot.Terminal(w), fine: true, probe: probe, http: probe.HTTP, now: probe.Now, first: o.First}
	if cfg := c.configuration(path, env); cfg != nil {
		c.path, c.cfg = path, cfg
		stores := databaseCheck{c}.run(ctx)
		networkCheck{c}.run(ctx)
		wecomCheck{c}.run(ctx)
		callbackCheck{c}.run(ctx)
		socketCheck{c}.run(ctx)
		storeCheck{c}.run(ctx, stores)
		douyinCheck{c}.run(ctx, stores)
	}
	return c.fine
}

// checker is what the checks of each subject share: it collects the verdict while it writes.
type checker struct {
	w     io.Writer
	fine  bool
	probe Probe
	http  *http.Client
	now   func() time.Time
	path  string // of the configuration
	first bool   // see Options
	cfg   *config.Config
}

func (c *checker) good(format string, args ...any) {
	fmt.Fprintln(c.w, "✓ "+bot.Unbroken(fmt.Sprintf(format, args...)))
}

// bad says what is wrong and what to do.
func (c *checker) bad(advice, format string, args ...any) {
	c.fine = false
	fmt.Fprintln(c.w, "✗ "+bot.Unbroken(fmt.Sprintf(format, args...))+" — "+advice+" ("+Section(format)+")")
}

// warn is about what works, and may not be meant so.
func (c *checker) warn(advice, format string, args ...any) {
	fmt.Fprintln(c.w, "! "+bot.Unbroken(fmt.Sprintf(format, args...))+" — "+advice+" ("+Section(format)+")")
}

// Section is where the runbook explains a finding: findings of one format begin with the
// same words.
func Section(format string) string {
	topic, _, _ := strings.Cut(format, ":")
	topic, _, _ = strings.Cut(topic, " %")
	return "docs/operate.md#doctor-" + strings.ReplaceAll(topic, " ", "-")
}

func (c *checker) configuration(path string, env func(string) (string, bool)) *config.Config {
	cfg, err := config.Load(path, env)
	problems, wrong := errors.AsType[*config.Problems](err)
	switch {
	case wrong:
		for _, p := range problems.List {
			c.bad("correct this line", "configuration: %s:%s", path, p)
		}
		return nil
	case errors.Is(err, fs.ErrPermission):
		c.bad("run doctor as root, or as the user whose file it is", "configuration: %v", err)
		return nil
	case err != nil:
		c.bad("name the file with --config; config.yaml in the source is a commented sample", "configuration: %v", err)
		return nil
	}
	for _, file := range cfg.Exposed() {
		advice := "chmod 600 " + file
		if file == path {
			advice = "write ${NAME} there and the value into .env, or " + advice
		}
		c.warn(advice, "configuration: others on this machine can read the secrets in %s", file)
	}
	apps, robots := 0, 0
	if cfg.WeCom != nil {
		apps, robots = len(cfg.WeCom.Apps), len(cfg.WeCom.Bots)
	}
	c.good("configuration: %s: apps %d, robots %d, platforms %d, declared stores %d", path, apps, robots, len(cfg.Platforms()), len(cfg.Stores))
	if config.InTheClear(cfg.Server.PublicURL) {
		c.warn("have a reverse proxy speak TLS (deploy/ has examples) and write https://", "configuration: server.public_url is http://: who listens on the network can use the links of others")
	}
	if apps+robots == 0 {
		c.bad("add an app or a robot to wecom:", "configuration: nobody can text this bot")
	}
	if len(cfg.Platforms()) == 0 {
		c.bad("add the section dianping:, meituan: or douyin:", "configuration: there is no platform to verify at")
	}
	return cfg
}

// robots lists those of a mode.
func (c *checker) robots(mode string) (list []config.Bot) {
	if c.cfg.WeCom == nil {
		return nil
	}
	for _, b := range c.cfg.WeCom.Bots {
		if b.Mode == mode {
			list = append(list, b)
		}
	}
	return list
}

// shown is a time as lines have it.
func (c *checker) shown(t time.Time) string { return t.In(c.cfg.Location()).Format(time.DateTime) }

// date is a day as lines have it.
func (c *checker) date(t time.Time) string {
	return t.In(c.cfg.Location()).Format(time.DateOnly)
}

// plain takes the address, which can hold secrets, out of an HTTP error.
func plain(err error) error {
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	return err
}
