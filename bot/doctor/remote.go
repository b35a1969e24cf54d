package doctor

import "context"

// networkCheck is about the services that the bot talks to.
type networkCheck struct{ *checker }

// run compares our clock with the Date headers of those we talk to; that
// they answer at all is a finding too.
func (c networkCheck) run(ctx context.Context) {
	if p := c.cfg.Dianping; p != nil {
		c.clock(ctx, "dianping", p.APIURL)
	}
	if p := c.cfg.Meituan; p != nil {
		c.clock(ctx, "meituan", p.APIURL)
	}
	if p := c.cfg.Douyin; p != nil {
		c.clock(ctx, "douyin", p.APIURL)
	}
	if w := c.cfg.WeCom; w != nil {
		c.clock(ctx, "wecom", w.APIURL)
	}
}

func (c networkCheck) clock(ctx context.Context, name, url string) {
	skew, told, err := c.probe.Clock(ctx, url)
	switch {
	case err != nil && found(err).Kind == BadAddress:
		c.bad("correct "+name+".api_url", "clock: %s cannot be asked", name)
	case err != nil:
		c.bad("check name resolution, firewall and proxy of this machine, and "+name+".api_url", "network: %s does not answer at %s: %v", name, url, found(err).Err)
	case !told:
		c.good("network: %s answers; it does not tell the time, so the clock was not compared", name)
	case skew > MaxSkew || skew < -MaxSkew:
		direction := "ahead of"
		if skew < 0 {
			direction, skew = "behind", -skew
		}
		c.bad("turn on time synchronisation (NTP) on this machine", "clock: %s %s %s", skew, direction, name)
	default:
		c.good("clock: agrees with %s", name)
	}
}
