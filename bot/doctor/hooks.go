package doctor

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"time"

	"yanquan/bot/hooks"
	"yanquan/internal/httpcall"
	"yanquan/models"
)

// hookCheck is about the other systems that are told of what happens.
type hookCheck struct{ *checker }

// run tells how they do, as serve has found.
func (c hookCheck) run(ctx context.Context, db *models.DB) {
	c.left(ctx, db)
	if len(c.cfg.Hooks) == 0 {
		return
	}
	backlogs, err := db.Hooks.Backlogs(ctx)
	if err != nil {
		c.bad("see the message", "hook: %v", err)
		return
	}
	for _, h := range c.cfg.Hooks {
		c.address(ctx, h.Name, h.URL, h.Private())
		row, err := db.Hooks.Get(ctx, h.Name)
		switch {
		case errors.Is(err, models.ErrNotFound):
			c.warn("start serve; it sends what happens from then on", "hook %s: serve has not seen it yet", h.Name)
		case err != nil:
			c.bad("see the message", "hook %s: %v", h.Name, err)
		default:
			c.hook(row, backlogs[h.Name])
		}
	}
}

// left tells what waits for hooks that the configuration has no more.
func (c hookCheck) left(ctx context.Context, db *models.DB) {
	configured := make([]hooks.Hook, len(c.cfg.Hooks))
	for i, h := range c.cfg.Hooks {
		configured[i].Name = h.Name
	}
	left, err := hooks.Left(ctx, db, configured)
	if err != nil {
		c.bad("see the message", "hook: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		c.warn("give the hook that takes its place this name, or leave it if it was taken out", "hook %s: %s events wait for it, and it is not configured", name, left[name].Counted(left[name].Queued))
	}
}

func (c hookCheck) hook(h models.Hook, b models.HookBacklog) {
	switch {
	case !h.GoneAt.IsZero():
		c.bad("correct its url, or run: yanquan hooks replay --since TIME --hook "+h.Name, "hook %s: it answered on %s that it is gone (HTTP %d); nothing is sent", h.Name, c.shown(h.GoneAt), h.Status)
	case hooks.Fails(h) && h.Status != 0:
		c.bad("ask who runs that system", "hook %s: fails since %s: %s (HTTP %d), %s events wait", h.Name, c.shown(h.FailingSince), h.Reason, h.Status, b.Counted(b.Queued))
	case hooks.Fails(h):
		c.bad("ask who runs that system, and look at name resolution, firewall and proxy of this machine", "hook %s: fails since %s: %s, %s events wait", h.Name, c.shown(h.FailingSince), h.Reason, b.Counted(b.Queued))
	case b.Failed > 0:
		c.warn("run: yanquan hooks replay --since TIME --hook "+h.Name, "hook %s: %s events of the last 30 days were given up", h.Name, b.Counted(b.Failed))
	case b.SentAt.IsZero():
		c.good("hook %s: nothing has been sent yet, %s events wait", h.Name, b.Counted(b.Queued))
	default:
		c.good("hook %s: took its last event on %s, %s events wait", h.Name, c.shown(b.SentAt), b.Counted(b.Queued))
	}
}

// address looks what the host of a hook stands for: inside the network it is not
// called unless it is allowed.
func (c hookCheck) address(ctx context.Context, name, address string, private bool) {
	u, err := url.Parse(address)
	if err != nil || private {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		c.warn("see whether the name is right; through a proxy it may be known all the same", "hook %s: its host %s is not found by this machine", name, u.Hostname())
		return
	}
	for _, ip := range found {
		if !httpcall.IsPublic(ip) {
			c.bad("if it is meant so, add allow_private: ["+u.Hostname()+"] to it", "hook %s: its host %s is inside the network (%s) and is not called", name, u.Hostname(), ip)
			return
		}
	}
}
