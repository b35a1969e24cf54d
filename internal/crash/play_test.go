package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
	"yanquan/models/modelstest"
)

// deed is a step that was done, and what became of its callback.
type deed struct {
	step
	began    time.Time
	delivery string // id
	press    bool
	on       []statement // press: what the card told, of other codes too
}

// history is what happened in a round, as far as the test did it.
type history struct {
	round
	began time.Time
	kills int
	terms int
	mu    sync.Mutex
	deeds []deed
	errs  []string
	woes  map[string]int // what the database suffered
}

func (h *history) suffered(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.woes[what]++
}

func newHistory(r round) *history {
	return &history{round: r, began: time.Now(), woes: map[string]int{}}
}

func (h *history) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, fmt.Sprintf(format, args...))
}

// play plays a round up to the point where everything is healed and everybody
// has done what they wanted to.
func (l *lane) play(ctx context.Context, r round) (*history, error) {
	if err := l.start(); err != nil {
		return nil, err
	}
	if err := errors.Join(l.platform.SetKnobs(r.knobs), l.douyin.SetKnobs(r.douyin)); err != nil {
		return nil, err
	}
	if err := l.sell(r); err != nil {
		return nil, err
	}
	routes := rand.New(rand.NewPCG(r.seed, 1))
	l.mu.Lock()
	l.pick = routes.IntN
	l.mu.Unlock()

	h := newHistory(r)
	var people, trouble sync.WaitGroup
	for _, s := range r.steps {
		people.Go(func() { l.do(ctx, h, s) })
	}
	for _, c := range r.chaos {
		trouble.Go(func() { l.wreak(ctx, h, c) })
	}
	trouble.Wait()
	for _, t := range l.traffic {
		t.server.ClearFaults()
		t.server.Resume()
	}
	l.wecom.ClearFaults()
	l.eachLine((*modelstest.Proxy).Heal)
	if err := l.start(); err != nil {
		return nil, err
	}
	people.Wait()
	return h, nil
}

// sell puts the round's vouchers on sale.
func (l *lane) sell(r round) error {
	for _, v := range r.vouchers {
		if err := l.sellOne(v, r.world.shop(v.at)); err != nil {
			return err
		}
		if v.twin {
			twin := voucher{code: v.code, at: r.world.platforms[0], coupons: 1}
			if err := l.sellOne(twin, r.world.shop(twin.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lane) sellOne(v voucher, shop string) (err error) {
	used := func() error { return l.platform.ConsumeElsewhere(v.code, "till", "") }
	refund := func() error { return l.platform.SetState(v.code, dianpingtest.RefundRequested) }
	if v.at == douyin {
		used = func() error { return l.douyin.ConsumeElsewhere(v.code, "till") }
		refund = func() error { return l.douyin.SetState(v.code, douyintest.RefundRequested) }
		_, err = l.douyin.AddOrder(douyintest.Voucher{Code: v.code, Price: 4990, Visits: v.visits, Shops: []string{shop}, Hold: v.hold}, v.coupons)
	} else {
		_, err = l.platform.AddOrder(dianpingtest.Voucher{Code: v.code, Mobile: mobile, Price: 4990, Visits: v.visits, Shops: []string{shop}}, v.coupons)
	}
	switch {
	case err != nil:
		return err
	case v.state == "used":
		return used()
	case v.state == "refund":
		return refund()
	}
	return nil
}

// server is the one that plays a platform.
func (l *lane) server(platform string) *fakeserver.Server {
	if platform == douyin {
		return l.douyin.Server
	}
	return l.platform.Server
}

// until waits for a moment of the round.
func (h *history) until(ctx context.Context, at time.Duration) bool {
	t := time.NewTimer(time.Until(h.began.Add(at)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause lets some time of the round go by.
func (h *history) pause(ctx context.Context, d time.Duration) bool {
	return h.until(ctx, time.Since(h.began)+d)
}

// do lets a person do one thing, and WeCom repeat the callback later if the step
// says so. It returns the callback, which has no id where nothing could be done.
func (l *lane) do(ctx context.Context, h *history, s step) (callback wecomtest.Delivery) {
	if !h.until(ctx, s.at) {
		return callback
	}
	d := deed{step: s, began: time.Now(), press: s.text == ""}
	var out wecomtest.Outcome
	var err error
	if d.press {
		shown, key, told := l.button(s)
		if shown == "" {
			return callback // nothing there to press: not done
		}
		d.on = told
		out, err = l.wecom.Press(ctx, s.where, s.who, shown, key)
	} else {
		out, err = l.wecom.Say(ctx, s.where, s.who, s.text)
	}
	if errors.Is(err, wecomtest.ErrUnfinished) || errors.Is(err, wecomtest.ErrNotThere) {
		return callback // WeCom does not let them: not done
	}
	if err != nil {
		h.fault("%s in %s: %v", s.who, s.where, err)
		return callback
	}
	callback = out.Delivery()
	d.delivery = callback.ID
	h.mu.Lock()
	h.deeds = append(h.deeds, d)
	h.mu.Unlock()
	if s.resend > 0 && h.pause(ctx, s.resend) {
		if _, err := l.wecom.Resend(ctx, d.delivery); err != nil {
			h.fault("resend: %v", err)
		}
	}
	return callback
}

// button finds the newest button of a kind about a code, and what its card tells.
func (l *lane) button(s step) (shown, key string, told []statement) {
	screen := l.wecom.Screen(s.where.As(s.who))
	for _, b := range slices.Backward(screen) {
		told = read(b)
		if b.Card == nil || b.Card.Dead || !says(told, s.codes[0]) {
			continue
		}
		for _, k := range b.Card.Buttons {
			// A list has a button for each of its codes, which says its last digits.
			if strings.HasPrefix(k.Key, s.key) && (len(told) == 1 || strings.HasSuffix(s.codes[0], k.Text[max(len(k.Text)-4, 0):])) {
				return b.ID, k.Key, told
			}
		}
	}
	return "", "", nil
}

// wreak makes one thing go wrong.
func (l *lane) wreak(ctx context.Context, h *history, c chaos) {
	if !h.until(ctx, c.at) {
		return
	}
	var err error
	switch c.what {
	case "platform fault":
		err = l.server(c.platform).Fail(c.call)
	case "pause":
		if err = l.server(c.platform).Pause(c.mode); err == nil {
			h.pause(ctx, c.down)
			l.server(c.platform).Resume()
		}
	case "wecom fault":
		l.wecom.Fail(c.api)
	case "signal":
		err = l.hit(ctx, h, c)
	default:
		err = l.wreakDatabase(ctx, h, c)
	}
	if err != nil {
		h.fault("%s: %v", c.what, err)
	}
}

// hit ends a replica and starts it again. Two hits on one replica at a time are
// one.
func (l *lane) hit(ctx context.Context, h *history, c chaos) error {
	r := l.replicas[c.replica]
	r.turn.Lock()
	defer r.turn.Unlock()
	if !r.alive() {
		return nil
	}
	r.stop(c.signal)
	h.mu.Lock()
	if c.signal == 9 {
		h.kills++
	} else {
		h.terms++
	}
	h.mu.Unlock()
	if !h.pause(ctx, c.down) {
		return ctx.Err()
	}
	err := r.start("")
	if errors.Is(err, errGaveUp) && slices.ContainsFunc(h.chaos, chaos.ofDatabase) {
		return nil // a process that finds no database may give up; it is started again when all is well
	}
	return err
}
