package wecom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A dead holder's lease ends within LeaseLife, and another process connects: all in
// all within 15 s.
const (
	leaseLife   = 10 * time.Second
	leaseRenew  = 3 * time.Second
	leaseAgain  = 500 * time.Millisecond // after a renewal that failed
	leaseCall   = 2 * time.Second
	leaseMargin = 2 * time.Second // before the end of the lease, the connection is closed
	leasePoll   = 1500 * time.Millisecond

	// handOver is how long an old connection still listens when its lease is free:
	// long enough for another process to take its place.
	handOver = 3 * time.Second
)

// Run holds the connection for as long as the lease allows: it waits for the lease,
// connects, connects again where the connection is lost, and gives up the lease
// where this process does not get through, for another may.
//
// When ctx ends, it does not connect any more, but a connection there is goes on
// until life ends, so that answers under way go out; what comes in meanwhile is
// kept. Then the lease is free, and the connection listens until another process
// has made its own, so that nothing is said in between.
func (s *Socket) Run(ctx, life context.Context, inbox SocketInbox) {
	s.inbox = inbox
	s.Connected(s.channel, false)
	defer s.intake.wait(intakeGrace)
	troubled := false
	for pause := time.Duration(0); pauseFor(ctx, pause); {
		asked := time.Now()
		call, cancel := context.WithTimeout(ctx, leaseCall)
		ours, err := s.Lease.Take(call, leaseLife)
		cancel()
		if failed := err != nil; ctx.Err() == nil && failed != troubled {
			if troubled = failed; failed {
				s.Log.Error("whether the connection is ours to make cannot be found out", "error", err)
			} else {
				s.Log.Info("the lease of the connection can be seen again")
			}
		}
		pause = leasePoll
		if err == nil && ours {
			pause = s.hold(ctx, life, asked.Add(leaseLife))
		}
	}
}

// pauseFor waits, and reports whether the context goes on.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// hold connects while the lease is ours, and tells after which pause it is worth
// taking again.
func (s *Socket) hold(ctx, life context.Context, until time.Time) (pause time.Duration) {
	held, lose := context.WithCancel(life)
	renewing := make(chan struct{})
	go func() { defer close(renewing); s.renew(held, until, lose) }()
	release := sync.OnceFunc(func() {
		lose()
		<-renewing
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseCall)
		defer cancel()
		if err := s.Lease.Release(last); err != nil {
			s.Log.Info("lease not released; it ends by itself", "error", err)
		}
	})
	defer release()
	for ctx.Err() == nil && held.Err() == nil {
		lasted, err := s.session(held, ctx, func(c *connection) {
			if life.Err() != nil {
				release()
				c.listen(handOver)
			}
		})
		if ctx.Err() != nil || held.Err() != nil {
			break
		}
		if errors.Is(err, errKicked) && !s.stillOurs(held) {
			break
		}
		s.Log.Warn("not connected", "error", err)
		pause = s.pauses.after(err, lasted, time.Now(), s.Jitter())
		s.tell(held, err)
		if lasted == 0 && !errors.Is(err, errRefused) {
			return pause
		}
		between, stop := context.WithCancel(held)
		context.AfterFunc(ctx, stop)
		pauseFor(between, pause)
		stop()
	}
	return leasePoll
}

// stillOurs asks whether it is a stranger who has subscribed in our place.
func (s *Socket) stillOurs(ctx context.Context) bool {
	call, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	ours, err := s.Lease.Renew(call, leaseLife)
	return err == nil && ours
}

// renew prolongs the lease until ctx ends. It calls lose while others still respect
// the lease.
func (s *Socket) renew(ctx context.Context, until time.Time, lose func()) {
	defer lose()
	for next := leaseRenew; pauseFor(ctx, min(next, time.Until(until.Add(-leaseMargin)))); {
		asked := time.Now()
		if !asked.Before(until.Add(-leaseMargin)) {
			s.Log.Error("the lease could not be renewed: the connection is given up")
			return
		}
		call, cancel := context.WithTimeout(ctx, min(leaseCall, time.Until(until.Add(-leaseMargin))))
		ours, err := s.Lease.Renew(call, leaseLife)
		cancel()
		switch {
		case err != nil:
			next = leaseAgain
		case !ours:
			s.Log.Warn("another process has taken over the connection")
			return
		default:
			until, next = asked.Add(leaseLife), leaseRenew
		}
	}
}

// session is one connection from beginning to end. It is not made any more once
// opening has ended, and is closed when ctx ends, after bye. It tells for how long it
// was subscribed; 0: it never was.
func (s *Socket) session(ctx, opening context.Context, bye func(*connection)) (lasted time.Duration, err error) {
	dial, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	defer context.AfterFunc(opening, cancel)()
	ws, _, err := websocket.Dial(dial, s.URL, &websocket.DialOptions{HTTPClient: s.HTTP})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errEnded, err)
	}
	c := newConnection(ws, s.Log, s.Secret)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		c.read(context.WithoutCancel(ctx), func(f inFrame) { s.receive(c, f) })
	}()
	defer func() { c.end(errEnded); <-reading }()

	if err := c.subscribe(dial, s.BotID, s.Secret, s.NewID()); err != nil {
		return 0, err
	}
	began := time.Now()
	s.Log.Info("connected")
	s.live.Store(c)
	s.Connected(s.channel, true)
	defer func() {
		s.live.Store(nil)
		s.Connected(s.channel, false)
	}()
	pinging := make(chan struct{})
	go func() { defer close(pinging); c.ping(ctx, s.NewID) }()
	select {
	case <-c.over:
	case <-ctx.Done():
		s.live.Store(nil)
		bye(c)
		c.leave()
	}
	<-pinging
	return max(time.Since(began), 1), c.why
}

// tell tells the managers of what only a human can mend.
func (s *Socket) tell(ctx context.Context, why error) {
	title, text := "", ""
	switch {
	case errors.Is(why, errKicked):
		title = "机器人被别的程序占用"
		text = fmt.Sprintf("机器人「%s」的长连接被另一个程序占用了，一个机器人同时只能有一个连接。请检查是否在别处（例如测试环境）用了同一个 BotID，并把它停掉。我过一会儿再连，这期间收不到消息。", s.Name)
	case errors.Is(why, errRefused) && s.pauses.refused >= refusedOften:
		title = "机器人连不上企业微信"
		text = fmt.Sprintf("企业微信拒绝了机器人「%s」的长连接（错误码 %d）。请检查配置里的 bot_id 和 secret，并在管理后台确认这个机器人选的是长连接。", s.Name, apiCode(why))
	default:
		return
	}
	call, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	if err := s.inbox.ChannelTrouble(call, s.channel, title, text); err != nil {
		s.Log.Warn("managers could not be told", "error", err)
	}
}

// Pauses before the next connection.
const (
	lostPause    = time.Second // doubling
	lostMost     = 30 * time.Second
	strictPause  = 30 * time.Second // where WeCom refuses, or another program wants the connection: doubling
	strictMost   = 10 * time.Minute
	aMoment      = time.Second      // a subscription that held for so long was a good one
	brisk        = 8                // subscriptions in a minute, after which the pause is the longest
	undisturbed  = 10 * time.Minute // a connection that lasts longer has no rival
	refusedOften = 2                // not just a hiccup
)

// pauses counts what went wrong in a row, since a subscription held.
type pauses struct {
	lost, refused, kicked int
	subscribed            []time.Time // the last ones, by their ends
}

// after tells how long to wait after a connection that was subscribed for so long; 0:
// it was not. What is said during a pause is lost, so that it is short after a good
// connection. But subscribing is protected against frequency, and a fight for the
// connection has no winner.
func (p *pauses) after(why error, lasted time.Duration, now time.Time, jitter float64) time.Duration {
	if lasted >= aMoment {
		p.lost, p.refused = 0, 0
	}
	if lasted >= undisturbed {
		p.kicked = 0
	}
	n, first, most := &p.lost, lostPause, lostMost
	switch {
	case errors.Is(why, errRefused):
		n, first, most = &p.refused, strictPause, strictMost
	case errors.Is(why, errKicked):
		n, first, most = &p.kicked, strictPause, strictMost
	}
	d := min(first<<min(*n, 10), most)
	*n++
	if lasted > 0 && p.often(now) {
		d = max(d, lostMost)
	}
	return d*3/4 + time.Duration(jitter*float64(d/4))
}

// often notes a subscription, and reports whether there were many within a minute.
func (p *pauses) often(now time.Time) bool {
	p.subscribed = slices.DeleteFunc(p.subscribed, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	p.subscribed = append(p.subscribed, now)
	return len(p.subscribed) >= brisk
}
