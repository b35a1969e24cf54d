package chat

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// Two codes of one message.
const oneCode, twoCode = "7992690001", "7992690002"

// crossing makes two transactions of the bot meet: what the first has written is not
// committed before the second has come to the message that both are about.
type crossing struct {
	*bench
	recorder *modelstest.Recorder
	kept     *keeping
}

// crossings plays a test on both databases. A SQLite file has one connection, so that there
// the second transaction begins when the first has ended.
func crossings(t *testing.T, test func(t *testing.T, c *crossing)) {
	t.Parallel()
	cells := breadth.Of(t.Name(), place{dianping.Dianping, models.SQLite}, place{dianping.Meituan, models.SQLite})
	cells = append(cells, breadth.Of(t.Name(), place{dianping.Meituan, models.MySQL}, place{dianping.Dianping, models.MySQL})...)
	for _, p := range cells {
		t.Run(p.dialect+"/"+p.driver, func(t *testing.T) {
			t.Parallel()
			clock, recorder := noon(), &modelstest.Recorder{}
			b := setup(t, modelstest.On(t, p.driver, modelstest.WithClock(clock), modelstest.WithRecorder(recorder)), clock, p.dialect)
			kept := &keeping{Shops: b.bot.core.Shops}
			b.bot.core.Shops = kept
			b.voucher(oneCode)
			b.voucher(twoCode)
			test(t, &crossing{b, recorder, kept})
		})
	}
}

// cross runs first up to the commit of its transaction, then second up to its first change
// of a message, and then both to their ends.
func (c *crossing) cross(first, second func() error) {
	c.t.Helper()
	var once sync.Once
	begun, there, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	c.recorder.Before(func(s modelstest.Statement) {
		select {
		case <-begun:
			if strings.HasPrefix(s.Text, "UPDATE `inbox`") {
				once.Do(func() { close(there) })
			}
			return
		default:
		}
		if s.Text != "COMMIT" {
			return
		}
		close(begun)
		go func() {
			err := second()
			once.Do(func() { close(there) })
			ended <- err
		}()
		if c.db.Driver() == models.MySQL {
			<-there
		}
	})
	c.must(first())
	select {
	case <-begun:
	default:
		c.t.Fatal("the first has committed nothing")
	}
	c.must(<-ended)
	c.recorder.Before(nil)
}

// settles asks what has become of a code, and gives the transaction that says so.
func (c *crossing) settles(code string) func() error {
	c.t.Helper()
	op, err := c.db.Journal.ByCoupon(c.t.Context(), 1, code)
	c.must(err)
	step, err := c.bot.core.Settle(c.t.Context(), op)
	c.must(err)
	return func() error { return c.bot.doubts.commit(c.t.Context(), op, step) }
}

// loses lets the answer to the consume of a code be lost. It was done, or not.
func (c *crossing) loses(code string) {
	c.t.Helper()
	c.must(c.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: code, Times: 1}))
}

// state fails unless the operation on a code is in a state.
func (c *crossing) state(code string, want models.State, human bool) {
	c.t.Helper()
	op, err := c.db.Journal.ByCoupon(c.t.Context(), 1, code)
	c.must(err)
	if op.State != want || op.NeedsHuman != human {
		c.t.Fatalf("%s is %s (for people: %v), want %s (%v)", code, op.State, op.NeedsHuman, want, human)
	}
}

// told fails unless the person has read in the end that both codes are verified, in one
// list or in two.
func (c *crossing) told(user string) {
	c.t.Helper()
	c.passFor(30*time.Second, time.Second)
	var all []string
	told := map[string]bool{}
	for _, d := range c.courier.all() {
		all = append(all, show(d.Reply))
		for _, code := range []string{oneCode, twoCode} {
			told[code] = told[code] || d.User == user && strings.Contains(show(d.Reply), "✅"+code[6:])
		}
	}
	for _, code := range []string{oneCode, twoCode} {
		if !told[code] {
			c.t.Errorf("%s was verified, and nobody was told; what was sent is\n%s", code, strings.Join(all, "\n---\n"))
		}
		c.effects(code, 1, 0)
	}
}

// asks is a message that asks for both codes.
func (c *crossing) asks(channel, chat string) bot.Message {
	m := c.at(channel, chat, "zhangsan")
	m.Kind, m.Text = bot.Text, fmt.Sprintf("验 %s %s", oneCode, twoCode)
	return m
}

// keep makes the platform keep codes back, and settles that they are.
func (c *crossing) keep(codes ...string) {
	c.t.Helper()
	c.kept.only = codes
	for _, code := range codes {
		c.clock.Advance(2 * time.Second)
		c.must(c.settles(code)())
		c.state(code, models.Held, false)
	}
}

// What two codes of one message have come to is told of both, where both end at the same
// moment, each for one process: what is held, and what is in doubt.
func TestTwoEndTogether(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(c *crossing){
		"both held": func(c *crossing) {
			c.keep(oneCode, twoCode)
			c.passFor(10*time.Second, time.Second) // that is told
		},
		"one held": func(c *crossing) {
			c.keep(oneCode)
			c.state(twoCode, models.Unknown, false)
		},
		"both in doubt": func(c *crossing) {
			c.state(oneCode, models.Unknown, false)
			c.state(twoCode, models.Unknown, false)
		},
		"both in doubt for long": func(c *crossing) {
			c.kept.silent.Store(true)
			c.passFor(4*time.Minute, 5*time.Second)
			c.state(oneCode, models.Unknown, true)
			c.state(twoCode, models.Unknown, true)
			c.kept.silent.Store(false)
		},
	} {
		for _, from := range []struct{ channel, chat string }{{app, ""}, {robot, group}, {robot, ""}} {
			t.Run(name+"/"+from.channel+" "+from.chat, func(t *testing.T) {
				crossings(t, func(t *testing.T, c *crossing) {
					c.loses(oneCode)
					c.loses(twoCode)
					c.start(c.asks(from.channel, from.chat))
					begin(c)
					c.kept.letGo.Store(true)
					c.clock.Advance(2 * time.Minute)
					c.cross(c.settles(oneCode), c.settles(twoCode))
					c.told("zhangsan")
				})
			})
		}
	}
}

// People are told of two doubts of one message that last too long at the same moment.
func TestTwoDoubtsLastTogether(t *testing.T) {
	crossings(t, func(t *testing.T, c *crossing) {
		c.kept.silent.Store(true)
		c.loses(oneCode)
		c.loses(twoCode)
		c.start(c.asks(app, ""))
		c.clock.Advance(5 * time.Minute)
		c.cross(c.settles(oneCode), c.settles(twoCode))
		c.state(oneCode, models.Unknown, true)
		c.state(twoCode, models.Unknown, true)
		c.bot.Pass(t.Context())
		if n := c.toldTo("zhangsan", "需要人工"); n != 1 {
			t.Errorf("told %d times that people are to look, want 1", n)
		}
	})
}

// What is held of a message ends at the moment at which its last code is verified: by
// whichever of the two is committed first.
func TestHeldEndsWithTheAnswer(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"the end", "the answer"} {
		t.Run(first+" first", func(t *testing.T) {
			crossings(t, func(t *testing.T, c *crossing) {
				there, gone := make(chan struct{}), make(chan struct{})
				hold := func(code string) {
					if code == twoCode {
						close(there)
						<-gone
					}
				}
				c.kept.first.Store(&hold)
				c.loses(oneCode)
				c.accept(c.asks(app, ""))
				<-there
				c.keep(oneCode)
				c.kept.letGo.Store(true)
				c.clock.Advance(time.Minute)
				answer := func() error { close(gone); c.bot.Wait(); return nil }
				if first == "the end" {
					c.cross(c.settles(oneCode), answer)
				} else {
					c.cross(answer, c.settles(oneCode))
				}
				c.told("zhangsan")
			})
		})
	}
}
