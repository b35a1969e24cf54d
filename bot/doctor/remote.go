package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"yanquan/dianping"
	"yanquan/internal/app"
)

// maxSkew is how far our clock may be off. The platform tolerates more for
// signatures, but the undo window is shown by our clock and kept by theirs.
const maxSkew = 30 * time.Second

// clocks compares our clock with the Date headers of those we talk to; that
// they answer at all is a finding too.
func (c *checker) clocks(ctx context.Context) {
	if p := c.cfg.Dianping; p != nil {
		c.clock(ctx, "dianping", p.APIURL)
	}
	if p := c.cfg.Meituan; p != nil {
		c.clock(ctx, "meituan", p.APIURL)
	}
	if w := c.cfg.WeCom; w != nil {
		c.clock(ctx, "wecom", w.APIURL)
	}
}

func (c *checker) clock(ctx context.Context, name, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url+"/", nil)
	if err != nil {
		c.bad("correct "+name+".api_url", "clock: %s cannot be asked", name)
		return
	}
	sent := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.bad("check name resolution, firewall and proxy of this machine, and "+name+".api_url", "network: %s does not answer at %s: %v", name, url, plain(err))
		return
	}
	resp.Body.Close()
	answered := c.now()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		c.good("network: %s answers; it does not tell the time, so the clock was not compared", name)
		return
	}
	// They took the time somewhere between the two, and cut it to the second.
	ours := sent.Add(answered.Sub(sent) / 2)
	skew := ours.Sub(theirs.Add(500 * time.Millisecond)).Round(time.Second)
	if skew > maxSkew || skew < -maxSkew {
		direction := "ahead of"
		if skew < 0 {
			direction, skew = "behind", -skew
		}
		c.bad("turn on time synchronisation (NTP) on this machine", "clock: %s %s %s", skew, direction, name)
		return
	}
	c.good("clock: agrees with %s", name)
}

// sessions makes one read-only call for each store.
func (c *checker) sessions(ctx context.Context, stores []store) {
	clients, err := app.Platforms(c.cfg, c.now, nil)
	if err != nil {
		c.bad("correct the section of this platform", "platform: %v", err)
		return
	}
	if len(stores) == 0 && len(clients) > 0 {
		c.bad("declare one under stores:", "platform: there is no store to verify for")
	}
	for _, s := range stores {
		client := clients[s.platform]
		switch {
		case client == nil:
			c.bad("add the section "+s.platform+": to the configuration", "platform: store %s is of %s, which is not configured", s.name, s.platform)
		case s.shop.Session == "":
			c.bad("give its session under stores:", "platform: store %s has no access token", s.name)
		default:
			c.session(ctx, client, s)
		}
	}
}

func (c *checker) session(ctx context.Context, client dianping.Client, s store) {
	deals, err := client.QueryShopDeal(ctx, s.shop)
	if err == nil {
		c.good("platform: store %s (%s): access is good, %d deals", s.name, s.platform, len(deals))
		return
	}
	c.bad(platformAdvice(err, s.platform), "platform: store %s: %v", s.name, err)
}

func platformAdvice(err error, platform string) string {
	var e *dianping.Error
	if !errors.As(err, &e) {
		return "see the message"
	}
	switch {
	case e.Class == dianping.SessionExpired, e.Class == dianping.Reauthorize:
		return "the access token is void: let the merchant authorise again and put the new token into the store's session"
	case e.Class == dianping.Misconfigured:
		return fmt.Sprintf("check the keys in %s:, that the shop belongs to this token, and that the application has the permission for vouchers", platform)
	case e.Class == dianping.Throttled:
		return "too many calls just now: wait a minute and try again"
	case e.Class == dianping.Unavailable, e.Class == dianping.UnknownOutcome:
		return "the platform cannot be reached or does not work: check " + platform + ".api_url and the network, try again"
	case e.Reason == dianping.ShopNotGranted, e.Reason == dianping.WrongShop, e.Reason == dianping.ShopMissing:
		return "the token is not for this shop: check shop_id and session of the store"
	}
	return "see the platform's words; where they are about signature or permission, check the keys in " + platform + ":"
}
