package crash

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/breadth"
)

// pointCase kills the process that works on a message at one point of its way.
type pointCase struct {
	fault    string // of the list in the design: F1, F2, F15; or what it is about
	point    string
	channels string // where this point is passed: "app", "bot" or both
	undo     bool   // the message is an undo; the voucher was verified before
	lose     bool   // the platform's answer to the call is lost, so that there is a doubt to settle
	again    bool   // the answer may be seen twice: it has gone out and was not recorded
	late     bool   // the next process starts when a robot's answer is due the other way
	framed   bool   // WeCom got a frame that asks to wait, and polls; else it repeats the callback
}

var pointCases = []pointCase{
	{fault: "F2_", point: "accept.before", channels: "app bot"},
	{fault: "F2_", point: "accept.after", channels: "app bot"},
	{fault: "F2_", point: "intent.before", channels: "app bot"},
	{fault: "F2_", point: "consume.before", channels: "app bot"},
	{fault: "F1_", point: "consume.after", channels: "app bot"},
	{fault: "F1_", point: "outcome.before", channels: "app bot"},
	{point: "outcome.after", channels: "app bot"},
	{point: "send.before", channels: "app"},
	{fault: "F15_", point: "send.after", channels: "app", again: true},
	{point: "send.recorded", channels: "app"},
	{point: "passive.before", channels: "bot"},
	{fault: "F15_", point: "passive.after", channels: "bot", again: true},
	{point: "passive.recorded", channels: "bot"},
	{fault: "F1_doubt_", point: "settle.before", channels: "app bot", lose: true},
	{fault: "F1_doubt_", point: "settle.after", channels: "app bot", lose: true},
	{fault: "F1_doubt_", point: "consume.after", channels: "app bot", lose: true},
	{fault: "undo_", point: "accept.before", channels: "app bot", undo: true},
	{fault: "undo_", point: "accept.after", channels: "app bot", undo: true},
	{fault: "undo_", point: "undo.intent.before", channels: "app bot", undo: true},
	{fault: "undo_", point: "undo.call.before", channels: "app bot", undo: true},
	{fault: "undo_", point: "undo.call.after", channels: "app bot", undo: true},
	{fault: "undo_", point: "undo.outcome.before", channels: "app bot", undo: true},
	{fault: "undo_", point: "undo.outcome.after", channels: "app bot", undo: true},
	{fault: "undo_F15_", point: "send.after", channels: "app", undo: true, again: true},
	{fault: "undo_F15_", point: "passive.after", channels: "bot", undo: true, again: true},
	{fault: "undo_doubt_", point: "settle.before", channels: "app bot", undo: true, lose: true},
	{fault: "undo_doubt_", point: "settle.after", channels: "app bot", undo: true, lose: true},
	{fault: "late_", point: "outcome.after", channels: "bot", late: true},
	{fault: "late_", point: "passive.before", channels: "bot", late: true},
	{fault: "late_doubt_", point: "settle.after", channels: "bot", lose: true, late: true},
	{fault: "late_poll_", point: "settle.after", channels: "bot", lose: true, late: true, framed: true},
	{fault: "late_undo_", point: "undo.outcome.after", channels: "bot", undo: true, late: true},
}

// TestPoints walks through every point at which a process can die, at Douyin and in one
// dialect of the others, in turn, and on both channels, or in one pair of them: the process that has the message dies there, and
// another, which starts later, has to bring it to its end.
func TestPoints(t *testing.T) {
	t.Parallel()
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	type job struct {
		pointCase
		name    string
		world   world
		channel string
		cohort  int
	}
	var jobs []job
	for i, c := range pointCases {
		var all []job
		for _, w := range []world{worlds[i%2], worlds[2]} {
			for ch := range strings.FieldsSeq(c.channels) {
				all = append(all, job{c, fmt.Sprintf("%s%s/%s/%s", c.fault, c.point, w.name, ch), w, ch, 0})
			}
		}
		for _, j := range breadth.Of(c.fault+c.point, all...) {
			j.cohort = len(jobs) % cohorts
			jobs = append(jobs, j)
		}
	}
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	began := time.Now()
	var wg sync.WaitGroup
	var deaths atomic.Int64 // -run may leave out most
	for i := range min(*flagLanes, 8) {
		l := newLane(t, fmt.Sprint("point", i), 2, sharedDatabase(t), []time.Duration{})
		wg.Go(func() {
			for j := range queue {
				t.Run(j.name, func(t *testing.T) {
					deaths.Add(1)
					if found := l.point(t.Context(), j.pointCase, j.world, j.channel, j.cohort); found != "" {
						t.Error(found)
					}
				})
			}
		})
	}
	wg.Wait()
	t.Logf("%d deaths in %s", deaths.Load(), time.Since(began).Round(time.Second))
}

// point plays one case; "" means that all is as it must be.
func (l *lane) point(ctx context.Context, c pointCase, w world, channel string, cohort int) string {
	ctx, cancel := context.WithTimeout(ctx, pointWithin())
	defer cancel()
	who, at := w.user(cohort, 0), w.platforms[0]
	where := wecomtest.InApp("main", who)
	if channel == "bot" {
		where = wecomtest.InRobot("group", who)
	}
	r := round{world: w, cohort: cohort, people: []string{who}}
	r.vouchers = []voucher{{code: l.code(mathrand.New(mathrand.NewPCG(1, 2)), at), at: at, coupons: 1}}
	if c.again {
		r.chaos = []chaos{{what: "signal", signal: syscall.SIGKILL}}
	}
	if err := errors.Join(l.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}), l.douyin.SetKnobs(douyintest.Knobs{Unguarded: true})); err != nil {
		return err.Error()
	}
	code, first, second := r.vouchers[0].code, l.replicas[0], l.replicas[1]
	to := 1
	l.mu.Lock()
	l.pick = func(int) int { return to }
	l.mu.Unlock()
	o := l.observe(r)
	h := newHistory(r)
	fail := func(err error) string { o.stop(); return err.Error() }
	if err := l.sell(r); err != nil {
		return fail(err)
	}
	if c.undo { // what is to be undone is verified in peace
		if err := second.start(""); err != nil {
			return fail(err)
		}
		verified := step{who: who, where: where, text: "验 " + code, codes: []string{code}}
		if err := l.deliver(ctx, h, verified, h.untilRepeat); err != nil {
			return fail(err)
		}
		if err := l.quiet(ctx, o.screens.places, true); err != nil {
			return fail(err)
		}
		second.stop(syscall.SIGTERM)
	}
	if err := first.start(c.point); err != nil {
		return fail(err)
	}
	l.mu.Lock()
	to = 0
	l.mu.Unlock()
	names := callNames(at)
	if c.lose {
		call := names.consume
		if c.undo {
			call = names.undo
		}
		if err := l.server(at).Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: call}); err != nil {
			return fail(err)
		}
	}
	if c.framed { // the doubt outlasts the reply deadline
		if err := l.server(at).Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: names.record, Times: 4}); err != nil {
			return fail(err)
		}
	}
	text := "验 " + code
	if c.undo {
		text = "撤 " + code
	}
	up, delivered := make(chan struct{}), make(chan error, 1)
	go func() {
		said := step{at: time.Since(h.began), who: who, where: where, text: text, codes: []string{code}}
		delivered <- l.deliver(ctx, h, said, func(ctx context.Context) error {
			if err := h.untilRepeat(ctx); err != nil || first.alive() {
				return err
			}
			select {
			case <-up:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	limit := time.NewTimer(settledWithin) // no way to a point is longer than that of a doubt
	defer limit.Stop()
	reached := true
	select {
	case <-first.exited:
	case <-limit.C:
		reached = false
	}
	if c.late {
		h.pause(ctx, fallbackDelay)
	}
	if err := second.start(""); err != nil {
		return fail(err)
	}
	l.mu.Lock()
	to = 1
	l.mu.Unlock()
	close(up)
	if err := <-delivered; err != nil {
		return fail(err)
	}
	f, found, _ := o.judge(ctx, h)
	if !reached {
		found = append(found, "the point was never reached")
		first.stop(syscall.SIGKILL)
	}
	second.stop(syscall.SIGTERM)
	found = append(found, second.complaints()...)
	consumed, undone := l.platform.Effects(code).Consumed, l.platform.Effects(code).Undone
	if at == douyin {
		consumed, undone = l.douyin.Effects(code).Consumed, l.douyin.Effects(code).Undone
	}
	if undo := map[bool]int{true: 1}[c.undo]; consumed != 1 || undone != undo {
		found = append(found, fmt.Sprintf("the ledger has %d consumed and %d undone, want 1 and %d", consumed, undone, undo))
	}
	if len(found) == 0 {
		return ""
	}
	return strings.Join(found, "\n  ") + "\n" + f.story()
}

// calls are the names of a platform's calls.
type calls struct{ consume, undo, record string }

func callNames(platform string) calls {
	if platform == douyin {
		return calls{"verify", "cancel", "query"}
	}
	return calls{"consume", "reverseconsume", "getconsumed"}
}

// WeCom sends a callback that was not answered by 200 three times more (page 90238).
// When is not documented; the pause is that of the fake.
const (
	wecomRepeats = 3
	repeatAfter  = 300 * time.Millisecond
)

// deliver does what a step says and repeats its callback as WeCom does. listening
// waits until the next repeat finds somebody: how long a replica takes to start is
// not what a point is about, and a repeat that is refused a connection changes nothing.
func (l *lane) deliver(ctx context.Context, h *history, s step, listening func(context.Context) error) error {
	d := l.do(ctx, h, s)
	for range wecomRepeats {
		if d.Accepted() {
			return nil
		}
		if err := listening(ctx); err != nil {
			return err
		}
		var err error
		if d, err = l.wecom.Resend(ctx, d.ID); err != nil {
			return err
		}
	}
	return nil
}

// untilRepeat waits for the pause before a repeat.
func (h *history) untilRepeat(ctx context.Context) error {
	h.pause(ctx, repeatAfter)
	return ctx.Err()
}
