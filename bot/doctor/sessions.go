package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/internal/app"
)

// storeCheck is about the access of stores to their platforms.
type storeCheck struct{ *checker }

// run makes one read-only call for each store.
func (c storeCheck) run(ctx context.Context, stores []store) {
	clients, err := app.Platforms(c.cfg, c.now, nil)
	if err != nil {
		c.bad("correct the section of this platform", "platform: %v", err)
		return
	}
	if len(stores) == 0 && len(c.cfg.Platforms()) > 0 {
		c.warn("let a manager text 授权 to the bot, or declare one under stores:", "platform: there is no store to verify for")
	}
	told := map[string]bool{}
	for _, s := range stores {
		if s.grant != nil && !told[s.grant.ID] {
			told[s.grant.ID] = true
			c.authorisation(s)
		}
		client := clients[s.platform]
		switch {
		case s.platform == platform.DouyinName && c.cfg.Douyin != nil: // needs no session
		case client == nil:
			c.bad("add the section "+s.platform+": to the configuration", "platform: store %s is of %s, which is not configured", s.name, s.platform)
		case s.shop.Session == "":
			c.bad(s.renewAdvice(), "platform: store %s has no access token", s.name)
		default:
			c.session(ctx, client, s)
		}
	}
}

func (c storeCheck) session(ctx context.Context, client dianping.Client, s store) {
	deals, err := client.QueryShopDeal(ctx, s.shop)
	if err == nil {
		c.good("platform: store %s (%s): access is good, %d deals", s.name, s.platform, len(deals))
		return
	}
	c.bad(s.advice(err), "platform: store %s: %v", s.name, err)
}

// authorisation tells how long a merchant's consent lasts.
func (c storeCheck) authorisation(s store) {
	g := s.grant
	end := grants.Ends(*g)
	left := end.Sub(c.now())
	when := c.when(end)
	switch {
	case g.Ended:
		c.bad(s.renewAdvice(), "authorisation: that of store %s has ended (%s)", s.name, g.Reason)
	case grants.Void(*g) && g.Reason != "":
		c.bad(s.renewAdvice(), "authorisation: that of store %s is refused by the platform, and was not renewed (%s); serve goes on trying", s.name, g.Reason)
	case grants.Void(*g):
		c.bad(s.renewAdvice(), "authorisation: that of store %s is refused by the platform", s.name)
	case g.Reason != "" && !end.IsZero():
		c.bad(s.renewAdvice(), "authorisation: that of store %s cannot be renewed (%s); it %s", s.name, g.Reason, when)
	case g.Reason != "":
		c.warn("serve goes on trying", "authorisation: that of store %s was not renewed at the last try (%s)", s.name, g.Reason)
	case end.IsZero():
		c.good("authorisation: that of store %s renews itself", s.name)
	case left <= 0:
		c.bad(s.renewAdvice(), "authorisation: that of store %s %s", s.name, when)
	case left < soon:
		c.warn(s.renewAdvice(), "authorisation: that of store %s %s", s.name, when)
	default:
		c.good("authorisation: that of store %s lasts until %s, %s", s.name, c.date(end), inUnits(left))
	}
}

// soon is how long before an end it is high time.
const soon = 8 * 24 * time.Hour

// when tells of an end to come or in the past.
func (c storeCheck) when(end time.Time) string {
	if left := end.Sub(c.now()); left > 0 {
		return fmt.Sprintf("ends on %s, in %s", c.date(end), inUnits(left))
	}
	return fmt.Sprintf("ended on %s, %s ago", c.date(end), inUnits(c.now().Sub(end)))
}

// inUnits is a duration in the largest unit of which there are two.
func inUnits(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// renewAdvice is what gives a store a new access token.
func (s store) renewAdvice() string {
	if s.grant != nil {
		return "let a manager text 授权 to the bot and authorise the store again"
	}
	return "let the merchant authorise again and put the new token into the store's session"
}

func (s store) advice(err error) string {
	platform := s.platform
	e, ok := errors.AsType[*dianping.Error](err)
	if !ok {
		return "see the message"
	}
	switch {
	case e.Class == dianping.SessionExpired, e.Class == dianping.Reauthorize:
		return "the access token is void: " + s.renewAdvice()
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
