package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// What nobody has worked on for minutes is not done any more: whoever sent it has
// done something else meanwhile. They are told.
func TestStaleMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, text := range []string{"验 " + Code, "撤 " + Code, "今日"} {
			m := b.private("zhangsan", text)
			b.must(b.bot.Keep(t.Context(), m)) // and the process dies
			b.clock.Advance(10 * time.Hour)
			b.settle()
			has(t, b.last(), "没有处理，请再发一次")
			if strings.HasSuffix(text, Code) {
				has(t, b.last(), Code)
			}
			has(t, b.give(m), "没有处理，请再发一次") // WeCom's repeat changes nothing
		}
		b.effects(Code, 0, 0)
		if n := len(b.platform.Requests()); n > 0 {
			t.Errorf("the platform was called %d times", n)
		}
		soon := b.private("zhangsan", "验 "+Code)
		b.must(b.bot.Keep(t.Context(), soon))
		b.clock.Advance(staleAfter - time.Second)
		b.settle()
		has(t, b.last(), "核销成功")
	})
}

// A message that waited to be stored is as old as its arrival, whether it is worked on at
// once or by another process.
func TestStaleByItsArrival(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		late := b.private("zhangsan", "验 "+Code)
		late.Came = b.clock.Now().Add(-staleAfter)
		has(t, b.give(late), "没有处理，请再发一次")
		kept := b.private("zhangsan", "验 "+Code)
		kept.Came = b.clock.Now().Add(-staleAfter + time.Second)
		b.must(b.bot.Keep(t.Context(), kept))
		row, err := b.db.Inbox.Due(t.Context(), b.clock.Now(), 1, nil)
		b.must(err)
		if len(row) != 1 || row[0].Attempt != 0 || !row[0].ReceivedAt.Equal(kept.Came) {
			t.Errorf("kept as %+v, want nobody's, of %v", row, kept.Came)
		}
		b.clock.Advance(time.Second)
		b.settle()
		has(t, b.last(), "没有处理，请再发一次")
		b.effects(Code, 0, 0)
	})
}

// An operation that exists is brought to its end, however late.
func TestStaleMessageWithOperation(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		dying := &dyingClient{Client: b.bot.Platforms[b.dialect], at: "consumed", die: b.bot.cancel}
		b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: dying} })
		b.start(b.private("zhangsan", "验 "+Code))
		next := reborn(t, b)
		b.clock.Advance(10 * time.Hour)
		next.settle()
		has(t, b.last(), "核销成功")
		b.effects(Code, 1, 0)
	})
}

// Every code of a message is answered: what was not begun before the message was
// given up is said to be so, whoever presses or looks later.
func TestEveryCodeIsAnswered(t *testing.T) {
	for name, late := range map[string]bool{"taken over too often": false, "hours later": true} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				codes := []string{Code, "7000000001", "7000000002"}
				for _, c := range codes {
					b.voucher(c)
				}
				dying := &dyingClient{Client: b.bot.Platforms[b.dialect], at: "consumed", die: b.bot.cancel}
				b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: dying} })
				id := b.start(b.private("zhangsan", "验 "+strings.Join(codes, " ")))
				next := reborn(t, b)
				for range maxAttempts {
					if late {
						continue
					}
					b.clock.Advance(next.bot.core.Lease(redeem.ConsumeCalls))
					row, err := b.db.Inbox.Get(t.Context(), id)
					b.must(err)
					_, err = b.db.Inbox.Claim(t.Context(), row, b.clock.Now().Add(next.bot.core.Lease(redeem.ConsumeCalls))) // and dies
					b.must(err)
				}
				if b.clock.Advance(next.bot.core.Lease(redeem.ConsumeCalls)); late {
					b.clock.Advance(10 * time.Hour)
				}
				next.settle()
				b.effects(Code, 1, 0)
				b.effects("7000000001", 0, 0)
				has(t, b.last(), "3 个券码，成功 1 个", "✅7494: 双人下午茶 ¥49.90", "0001: 没有处理", "0002: 没有处理")
				has(t, next.give(b.private("zhangsan", "验 7000000001")), "核销成功")
			})
		})
	}
}

// What one person sends in one chat is done in the order of its arrival, each when
// the one before has been done.
func TestOneAfterAnother(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		held, release := b.hold()
		verify, undo := b.private("zhangsan", "验 "+Code), b.private("zhangsan", "撤 "+Code)
		for _, m := range []bot.Message{verify, undo} {
			b.accept(m)
		}
		<-held
		has(t, b.give(b.private("lisi", "帮助")), "可以这样发") // nobody else waits
		release()
		has(t, b.give(undo), "已撤销")
		b.effects(Code, 1, 1)
	})
}

// At the stop, what is queued is sent: all of it.
func TestStopSendsWhatIsQueued(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		const queued = 150
		for i := range queued {
			m := b.at(app, "", fmt.Sprint("someone", i))
			m.Kind, m.Text = bot.Text, "帮助"
			b.start(m)
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		b.bot.Run(ended, time.Minute)
		if n := len(b.courier.all()); n != queued {
			t.Errorf("sent %d of %d", n, queued)
		}
	})
}

// A message id that comes from two senders makes two messages, each answered by itself.
func TestOneIDFromTwoSenders(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, channel := range []string{app, robot} {
			chat := map[string]string{robot: group}[channel]
			first := b.at(channel, chat, "zhangsan")
			first.ID, first.Kind, first.Text = "one-id", bot.Text, "验 "+Code
			second := first
			second.User, second.Text = "lisi", "帮助"
			answer := b.give(first)
			has(t, b.give(second), "可以这样发")
			for _, again := range []bot.Message{first, second} { // a repeat gets the same again
				if again.User == first.User {
					has(t, b.give(again), strings.Split(show(answer), "\n")[0])
				} else {
					has(t, b.give(again), "可以这样发")
				}
			}
		}
		b.effects(Code, 1, 0)
	})
}

// What could not be read whole is answered, in words and not with deeds.
func TestNotReadIsAnswered(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, channel := range []string{app, robot, socket} {
			for why, want := range map[string]string{"text": "没有收全", "nowhere": "看不出这条消息是在哪个群里发的", "hologram": "看不懂", "": "看不懂"} {
				m := b.at(channel, "", "zhangsan")
				m.Kind, m.Text = bot.Other, why
				has(t, b.give(m), want, "直接发券码")
			}
			m := b.at(channel, "", "zhangsan")
			m.Kind, m.Button = bot.Click, &bot.Button{TaskID: "t"}
			has(t, b.give(m), "按钮已经失效")
		}
		b.effects(Code, 0, 0)
	})
}

// Another corp's userid opens nothing: that person is not the one here.
func TestAnotherCorpsUserID(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.at(robot, group, "wwother/boss")
		m.Kind, m.Text = bot.Text, "验 "+Code
		has(t, b.give(m), "不在名单里", "wwother/boss")
		b.effects(Code, 0, 0)
	})
}

// Whoever waits for an answer that this process works on is woken by it; only what
// another process has is looked at again, ever more rarely.
func TestAwait(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.lose()
		var mu sync.Mutex
		var pauses []time.Duration
		looked := make(chan struct{}, 1)
		b.configure(func(o *Options) {
			o.Sleep = func(ctx context.Context, d time.Duration) error {
				mu.Lock()
				pauses = append(pauses, d)
				n := len(pauses)
				mu.Unlock()
				if n == 1 {
					looked <- struct{}{}
				}
				<-ctx.Done() // nobody but who wakes it
				return ctx.Err()
			}
		})
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		id := b.start(m)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answer := make(chan bot.Reply, 1)
		go func() {
			r, _ := b.bot.Await(ctx, id)
			answer <- r
		}()
		<-looked // it waits for a doubt to be settled
		b.settle()
		has(t, <-answer, "核销成功")

		mu.Lock()
		pauses = nil
		mu.Unlock()
		b.configure(func(o *Options) {
			o.Sleep = func(ctx context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				if len(pauses) == 7 {
					cancel()
				}
				return ctx.Err()
			}
		})
		row, _, err := b.db.Inbox.Accept(t.Context(), models.Inbox{ID: "another's", Channel: robot, MessageID: "m", User: "zhangsan", DueAt: b.clock.Now().Add(time.Hour)})
		b.must(err)
		b.bot.Await(ctx, row.ID)
		const ms = time.Millisecond
		if want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second, time.Second}; !slices.Equal(pauses, want) {
			t.Errorf("looked after %v, want %v", pauses, want)
		}
	})
}

// A callback is answered 503, because nobody knows whether its message was stored.
// It was: WeCom's repeat, or else the background work, takes it up at once.
func TestStoredAllTheSame(t *testing.T) {
	t.Parallel()
	for name, repeat := range map[string]bool{"repeated": true, "not repeated": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			proxy, dsn := modelstest.NewProxy(t, modelstest.MySQLDSN(t))
			db := modelstest.Open(t, models.MySQL, dsn, modelstest.WithClock(clock))
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			b := setup(t, db, clock, dianping.Meituan)
			b.voucher(Code)
			m := b.private("zhangsan", "验 "+Code)
			fired := proxy.CutAfter("INSERT INTO inbox")
			if _, err := b.bot.Accept(t.Context(), m); err == nil {
				t.Fatal("accepted, though the database's answer is lost")
			}
			<-fired
			b.clock.Advance(time.Second)
			if repeat {
				has(t, b.give(m), "核销成功")
			} else {
				b.settle()
				b.settle()
				has(t, b.last(), "核销成功")
			}
			b.effects(Code, 1, 0)
		})
	}
}

// A worker that takes long keeps what it works on.
func TestLongWorkIsNotTakenOver(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		other := reborn(t, b)
		held, release := b.hold()
		m := b.private("zhangsan", "验 "+Code)
		id := b.accept(m)
		<-held
		for range 10 {
			b.clock.Advance(b.bot.core.Lease(redeem.ConsumeCalls) / 3)
			b.bot.Pass(t.Context())
			other.bot.Pass(t.Context())
		}
		row, err := b.db.Inbox.Get(t.Context(), id)
		b.must(err)
		if row.Attempt != 1 {
			t.Errorf("%d attempts", row.Attempt)
		}
		release()
		b.give(m)
	})
}

// With as many messages as can be worked on under way, others wait in the inbox,
// and those that wait begin before any that come later.
func TestNobodyOvertakes(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) { o.MaxFlights = 1 })
		for i := range 4 {
			b.voucher(fmt.Sprint("700000000", i))
		}
		var order []string
		var mu sync.Mutex
		o := b.bend()
		o.prepare = func(r dianping.Receipt, err error) (dianping.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.Code)
			return r, err
		}
		held, release := b.hold()
		var ids []string
		send := func(user string, n int) {
			ids = append(ids, b.accept(b.private(user, fmt.Sprint("验 700000000", n))))
			b.clock.Advance(time.Millisecond)
		}
		send("zhangsan", 0)
		<-held
		send("lisi", 1)
		send("wangwu", 2)
		release()
		b.bot.Await(t.Context(), ids[0])
		send("zhangsan", 3) // there is room, but others wait
		for range 4 {
			b.bot.Pass(t.Context())
		}
		for _, id := range ids {
			if _, ok := b.bot.Await(t.Context(), id); !ok {
				t.Errorf("%s is not answered", id)
			}
		}
		if want := []string{"7000000000", "7000000001", "7000000002", "7000000003"}; !slices.Equal(order, want) {
			t.Errorf("in the order %v", order)
		}
	})
}
