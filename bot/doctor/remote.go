package doctor

import (
	"context"
	"net/http"
	"time"
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
	if p := c.cfg.Douyin; p != nil {
		c.clock(ctx, "douyin", p.APIURL)
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
