package demo

import (
	"sync"
	"time"
)

// shiftedClock is a clock that can be put forward, or stand in the past while
// history is made.
type shiftedClock struct {
	base  func() time.Time
	mu    sync.Mutex
	shift time.Duration
	jumps []jump
}

// jump is a clock that was put forward.
type jump struct {
	at time.Time // before
	by time.Duration
}

func (c *shiftedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.shift)
}

// at runs do while the clock stands at t.
func (c *shiftedClock) at(t time.Time, do func() error) error {
	c.set(t.Sub(c.base()))
	defer c.set(0)
	return do()
}

func (c *shiftedClock) set(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift = d
}

// forward puts the clock forward, to stay so.
func (c *shiftedClock) forward(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.base().Add(c.shift)
	c.jumps = append(c.jumps, jump{now, to.Sub(now)})
	c.shift += to.Sub(now)
}

// lasted is how long something took that the clock saw beginning and, so much later,
// ending: without the jumps in between.
func (c *shiftedClock) lasted(from time.Time, took time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := from.Add(took)
	for _, j := range c.jumps {
		if !j.at.Before(from) && !j.at.Add(j.by).After(to) {
			took -= j.by
		}
	}
	return took
}

// reportTime is when managers get the summary of the day, by Beijing's clock.
const reportTime = "22:00"

// daytime is how far a demonstration's clock is behind, so that a visit
// late in the evening has a day before the summary, too.
func daytime(now time.Time) time.Duration {
	if now.In(beijing).Hour() >= 21 {
		return -8 * time.Hour
	}
	return 0
}

// tonight puts everybody's clock forward to when the summary is due: the bot's, the
// platforms' and WeCom's.
func (w *world) tonight() {
	now := w.clock.now().In(beijing)
	y, m, d := now.Date()
	due := time.Date(y, m, d, 22, 0, 0, 0, beijing)
	if !due.After(now) {
		due = due.AddDate(0, 0, 1)
	}
	w.clock.forward(due)
	w.bump()
}
