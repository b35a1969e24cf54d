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
	"net/http"
	"net/url"
	"time"

	"yanquan/bot"
	"yanquan/internal/config"
)

// Options of [Run]. The zero value is fine.
type Options struct {
	HTTP *http.Client // nil: one with a time-out, which follows no redirects
	Now  func() time.Time
}

// Run writes one line for each finding to w, and reports whether all is well.
func Run(ctx context.Context, w io.Writer, path string, env func(string) (string, bool), o Options) bool {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	client := *o.HTTP
	// A redirect is a finding, and secrets are in the addresses.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &checker{w: bot.Terminal(w), fine: true, http: &client, now: o.Now}
	if cfg := c.configuration(path, env); cfg != nil {
		c.cfg = cfg
		stores := c.database(ctx)
		c.clocks(ctx)
		c.wecom(ctx)
		c.callbacks(ctx)
		c.sockets(ctx)
		c.sessions(ctx, stores)
		c.douyin(ctx, stores)
	}
	return c.fine
}

// checker collects the verdict while it writes.
type checker struct {
	w    io.Writer
	fine bool
	http *http.Client
	now  func() time.Time
	cfg  *config.Config
}

func (c *checker) good(format string, args ...any) {
	fmt.Fprintln(c.w, "✓ "+bot.Unbroken(fmt.Sprintf(format, args...)))
}

// bad says what is wrong and what to do.
func (c *checker) bad(advice, format string, args ...any) {
	c.fine = false
	fmt.Fprintln(c.w, "✗ "+bot.Unbroken(fmt.Sprintf(format, args...))+" — "+advice)
}

// warn is about what works, and may not be meant so.
func (c *checker) warn(advice, format string, args ...any) {
	fmt.Fprintln(c.w, "! "+bot.Unbroken(fmt.Sprintf(format, args...))+" — "+advice)
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
	case err != nil:
		c.bad("name the file with --config; config.yaml in the source is a commented sample", "configuration: %v", err)
		return nil
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

// plain takes the address, which can hold secrets, out of an HTTP error.
func plain(err error) error {
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	return err
}
