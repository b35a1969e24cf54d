package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/jobs"
	"yanquan/models"
)

// fate is what becomes of a call whose answer is lost.
var fates = []struct {
	name    string
	fault   dianpingtest.Fault
	applied bool
}{
	{"applied, then silence", dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang}, true},
	{"applied, then cut", dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop}, true},
	{"applied, then 502", dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Applied: true}, true},
	{"applied, half an answer", dianpingtest.Fault{Kind: dianpingtest.HalfBody, Applied: true}, true},
	{"applied, HTML", dianpingtest.Fault{Kind: dianpingtest.HTML, Applied: true}, true},
	{"cut, not applied", dianpingtest.Fault{Kind: dianpingtest.HangThenDrop}, false},
	{"500, not applied", dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 500}, false},
	{"HTML, not applied", dianpingtest.Fault{Kind: dianpingtest.HTML}, false},
	{"applied late", dianpingtest.Fault{Kind: dianpingtest.ApplyLate}, true},
	{"an undocumented code, not applied", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999"}, false},
	{"an undocumented code, applied", dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "1999", Applied: true}, true},
}

// F3, F4, F5, F22: whatever becomes of the answer, the code is consumed once,
// the person is never told of a failure, and the truth follows.
func TestLostConsume(t *testing.T) {
	t.Parallel()
	for _, fate := range fates {
		for _, repeat := range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
			t.Run(fate.name+", "+string(repeat), func(t *testing.T) {
				everywhere(t, func(t *testing.T, b *bench) {
					b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: repeat}))
					b.voucher(Code)
					fault := fate.fault
					fault.Call, fault.Times = "consume", 1
					b.must(b.platform.Fail(fault))
					m := b.at(app, "", "zhangsan")
					m.Kind, m.Text = bot.Text, "验 "+Code
					id := b.start(m)
					row, err := b.db.Inbox.Get(t.Context(), id)
					b.must(err)
					if row.Final {
						t.Fatalf("a doubtful outcome was answered as final: %s", row.Reply)
					}
					b.settle()
					b.effects(Code, 1, 0)
					sent := b.courier.all()
					if len(sent) == 0 {
						t.Fatal("nothing was sent")
					}
					has(t, sent[len(sent)-1].Reply, "核销成功", "可撤销至")
					for _, d := range sent[:len(sent)-1] {
						has(t, d.Reply, "核验中")
					}
					ids := map[string]bool{}
					for _, e := range b.platform.Ledger() {
						ids[e.RequestID] = true
					}
					if len(ids) != 1 {
						t.Errorf("request ids: %v, want one for life", ids)
					}
				})
			})
		}
	}
}

// The same for several coupons of one order: never one more than was asked for.
func TestLostConsumeOfSeveral(t *testing.T) {
	t.Parallel()
	for _, fate := range fates {
		for _, repeat := range []dianpingtest.RepeatAnswer{dianpingtest.SameAnswer, dianpingtest.AlreadyUsed} {
			t.Run(fate.name+", "+string(repeat), func(t *testing.T) {
				here(t, func(t *testing.T, b *bench) {
					b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: repeat}))
					order := b.order(Code, 4)
					fault := fate.fault
					fault.Call, fault.Times = "consume", 1
					b.must(b.platform.Fail(fault))
					m := b.at(app, "", "zhangsan")
					m.Kind, m.Text = bot.Text, "验 "+Code+" x2"
					b.start(m)
					b.settle()
					consumed := 0
					for _, v := range order {
						consumed += b.platform.Effects(v.Code).Consumed
					}
					if consumed != 2 {
						t.Errorf("%d coupons consumed, want 2", consumed)
					}
					sent := b.courier.all()
					has(t, sent[len(sent)-1].Reply, "核销成功", "共 2 张", order[1].Code)
				})
			})
		}
	}
}

// Of two codes in doubt one is known long before the other, before people have read that both
// are under way or after: it is told while the other is not known, once.
func TestKnownOfSeveralInDoubt(t *testing.T) {
	t.Parallel()
	for _, unknown := range []int{0, 1} {
		t.Run(fmt.Sprint(unknown, " looks in vain"), func(t *testing.T) {
			here(t, func(t *testing.T, b *bench) {
				away := map[string]int{"2000000001": 10, "2000000002": unknown}
				for code, n := range away {
					b.voucher(code)
					b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: code}))
					if n > 0 {
						b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: code, Times: n}))
					}
				}
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, "验 2000000001 2000000002"
				b.start(m)
				b.pass(30 * time.Second)
				told := 0
				for _, d := range b.courier.all() {
					if text := show(d.Reply); strings.Contains(text, "成功 1 个") && strings.Contains(text, "1 个还在核验中") && strings.Contains(text, "✅0002") {
						told++
					}
				}
				if told != 1 {
					t.Errorf("what is known was told %d times", told)
				}
				b.settle()
				sent := b.courier.all()
				has(t, sent[len(sent)-1].Reply, "2 个券码，成功 2 个")
				if len(sent) > 2+unknown {
					t.Errorf("%d messages", len(sent))
				}
			})
		})
	}
}

func TestLostUndo(t *testing.T) {
	t.Parallel()
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				b.say("zhangsan", "验 "+Code)
				fault := fate.fault
				fault.Call, fault.Times = "reverseconsume", 1
				b.must(b.platform.Fail(fault))
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, "撤 "+Code
				b.start(m)
				b.settle()
				b.effects(Code, 1, 1)
				sent := slices.DeleteFunc(b.courier.all(), func(d bot.Delivery) bool { return d.Channel != app })
				has(t, sent[len(sent)-1].Reply, "已撤销")
				for _, d := range sent[:len(sent)-1] {
					hasNot(t, d.Reply, "已撤销", "没有撤销成功")
				}
			})
		})
	}
}

// A robot's message stays unanswered while in doubt (its stream goes on), and
// the final card follows.
func TestLostConsumeInGroup(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		id := b.start(m)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ready := b.bot.Await(ended, id); ready {
			t.Fatal("a doubtful outcome is ready")
		}
		if sent := b.courier.all(); len(sent) != 0 {
			t.Fatalf("%d messages sent where the stream is open", len(sent))
		}
		b.settle()
		r, ready := b.bot.Await(t.Context(), id)
		if !ready {
			t.Fatal("settled, and not ready")
		}
		has(t, r, "核销成功")
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Way != m.Way {
			t.Errorf("sent %+v, want the final card by the reply URL", sent)
		}
	})
}

// Somebody at the till was quicker, and our call's answer was lost.
func TestLostConsumeThatAnotherWon(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		b.start(m)
		b.must(b.platform.ConsumeElsewhere(Code, "till-3", "1"))
		b.settle()
		b.effects(Code, 1, 0)
		sent := b.courier.all()
		has(t, sent[len(sent)-1].Reply, "此券已被使用", "till-3")
	})
}

// I6: a platform that stays silent is told to people after three minutes; what
// it says later still arrives, and nothing is consumed on its own by then.
func TestSilentPlatform(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprintf("applied %v", applied), func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				kind := dianpingtest.HangThenDrop
				if applied {
					kind = dianpingtest.ApplyThenDrop
				}
				b.must(b.platform.Fail(dianpingtest.Fault{Kind: kind, Call: "consume"}))
				b.configure(func(o *Options) {
					o.Webhooks = []notice.Webhook{
						{Channel: "webhook/all", Notices: true}, {Channel: "webhook/quiet"},
						{Channel: "webhook/here", Stores: []string{"人民广场店"}, Notices: true}, {Channel: "webhook/elsewhere", Stores: []string{"徐家汇店"}, Notices: true},
					}
				})
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, "验 "+Code
				b.start(m)
				b.must(b.platform.Pause(dianpingtest.PauseRefuse))
				for range 25 {
					b.clock.Advance(10 * time.Second)
					b.bot.Pass(t.Context())
				}
				var told []string
				for _, d := range b.courier.all() {
					if strings.Contains(show(d.Reply), "需要人工确认") {
						told = append(told, cmp.Or(d.User, d.Channel))
					}
				}
				slices.Sort(told)
				if !slices.Equal(told, []string{"boss", "webhook/all", "webhook/here", "zhangsan"}) {
					t.Errorf("told %v, want the person, the manager and the groups, once each", told)
				}
				b.platform.Resume()
				b.settle()
				sent := b.courier.all()
				if applied {
					has(t, sent[len(sent)-1].Reply, "核销成功")
					b.effects(Code, 1, 0)
				} else {
					has(t, sent[len(sent)-1].Reply, "没有核销")
					b.effects(Code, 0, 0)
				}
			})
		})
	}
}

// The platform speaks again: settled within 30 seconds, however long it was away.
func TestSettledSoonAfterReturn(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for away := time.Second; away < 10*time.Minute; away = away * 7 / 3 {
			c := fmt.Sprintf("70000%05d", away/time.Second)
			b.voucher(c)
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
			m := b.at(app, "", "zhangsan")
			m.Kind, m.Text = bot.Text, "验 "+c
			b.start(m)
			b.must(b.platform.Pause(dianpingtest.PauseRefuse))
			for end := b.clock.Now().Add(away); b.clock.Now().Before(end); b.clock.Advance(passEvery) {
				b.bot.Pass(t.Context())
			}
			b.platform.Resume()
			back := b.clock.Now()
			for {
				b.bot.Pass(t.Context())
				op, err := b.db.Journal.ByCoupon(t.Context(), 1, c)
				b.must(err)
				if op.State == models.Done {
					break
				}
				if b.clock.Advance(passEvery); b.clock.Now().Sub(back) > 30*time.Second {
					t.Fatalf("away for %v: not settled after 30 s", away)
				}
			}
		}
	})
}

// F1, F2: a worker that dies at any point of its work is replaced after its
// lease. Death is played by a database that refuses, at each write in turn,
// which is where a killed process would have stopped too.
func TestWorkerDies(t *testing.T) {
	t.Parallel()
	for _, stop := range []string{"prepare", "consume", "consumed"} {
		t.Run(stop, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				dying := &dyingClient{Client: b.bot.Platforms[b.dialect], at: stop}
				b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: dying} })
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, "验 "+Code
				dying.die, dying.b = b.bot.cancel, b.bot
				id := b.start(m)
				if row, err := b.db.Inbox.Get(t.Context(), id); err != nil || !row.AnsweredAt.IsZero() {
					t.Fatalf("answered by a dead worker: %v %v", row, err)
				}
				next := reborn(t, b)
				next.bot.Pass(t.Context())
				if row, _ := b.db.Inbox.Get(t.Context(), id); !row.AnsweredAt.IsZero() {
					t.Error("taken over before the lease ended")
				}
				b.clock.Advance(next.bot.core.Lease(redeem.ConsumeCalls))
				next.settle()
				b.effects(Code, 1, 0)
				sent := b.courier.all()
				if len(sent) == 0 {
					t.Fatal("never answered")
				}
				has(t, sent[len(sent)-1].Reply, "核销成功")
			})
		})
	}
}

// dyingClient ends its process, so to speak, around one call.
type dyingClient struct {
	dianping.Client
	at  string
	die func()
	b   *Bot
}

func (d *dyingClient) Prepare(ctx context.Context, s dianping.Shop, code string) (dianping.Receipt, error) {
	if d.at == "prepare" {
		d.die()
	}
	return d.Client.Prepare(ctx, s, code)
}

func (d *dyingClient) Consume(ctx context.Context, s dianping.Shop, r dianping.ConsumeRequest) ([]dianping.Receipt, error) {
	if d.at == "consume" {
		d.die()
	}
	rows, err := d.Client.Consume(ctx, s, r)
	if d.at == "consumed" {
		d.die()
	}
	return rows, err
}

// reborn is the next process on the same database.
func reborn(t *testing.T, b *bench) *bench {
	t.Helper()
	o := b.bot.Options
	if d, ok := o.Platforms[b.dialect].(*dyingClient); ok {
		o.Platforms = map[string]dianping.Client{b.dialect: d.Client}
	}
	next, err := New(o)
	b.must(err)
	c := *b
	c.bot = next
	return &c
}

// F6: a repeat is not worked on again, wherever it arrives, and gets the same.
func TestRepeatedMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		first := b.give(m)
		other := reborn(t, b)
		for _, again := range []bot.Reply{b.give(m), b.give(m), other.give(m)} {
			if show(again) != show(first) || again.Card.TaskID != first.Card.TaskID {
				t.Errorf("a repeat got another answer:\n%s\n%s", show(again), show(first))
			}
		}
		b.effects(Code, 1, 0)
		if n := b.calls("prepare"); n != 1 {
			t.Errorf("%d prepares", n)
		}
	})
}

// F8: fifty people and one code.
func TestManyOneCode(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		ctx, other, stop := twoReplicas(t, b)
		defer stop()
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, lost := 0, 0
		for i := range 50 {
			bench := []*bench{b, other}[i%2]
			user := []string{"zhangsan", "lisi", "wangwu", "boss"}[i%4]
			m := b.at(robot, group, user)
			m.Kind, m.Text = bot.Text, "验 "+Code
			wg.Go(func() {
				id, err := bench.bot.Accept(t.Context(), m)
				if err != nil {
					t.Error(err)
					return
				}
				r, _ := bench.bot.Await(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case strings.Contains(show(r), "核销成功"):
					won++
				case strings.Contains(show(r), "此券已核销") || strings.Contains(show(r), "正在核销"):
					lost++
				default:
					t.Errorf("answered:\n%s", show(r))
				}
			})
		}
		wg.Wait()
		if won != 1 || lost != 49 {
			t.Errorf("%d won and %d were told so", won, lost)
		}
		b.effects(Code, 1, 0)
	})
}

// The passive answer that was fetched is not sent again; one that was not
// fetched goes out by the reply URL.
func TestPassiveAnswerGoesOutOnce(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		fetched := b.at(robot, group, "zhangsan")
		fetched.Kind, fetched.Text = bot.Text, "帮助"
		id := b.start(fetched)
		b.fetched(id, bot.Reply{})
		missed := b.at(robot, group, "zhangsan")
		missed.Kind, missed.Text = bot.Text, "帮助"
		b.start(missed)
		b.settle()
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Way != missed.Way {
			t.Errorf("sent %+v, want only what was not fetched", sent)
		}
	})
}

// A repeat that comes when the outbox is about to send the answer is answered by one of
// the two.
func TestRepeatMeetsTheOutbox(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ask := func() string {
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Text = bot.Text, "帮助"
			id := b.start(m)
			b.clock.Advance(outbox.FallbackDelay)
			return id
		}
		taken := ask()
		if !b.bot.Take(t.Context(), taken) {
			t.Error("a repeat is not answered though nothing is out")
		}
		b.bot.Pass(t.Context())
		b.fetched(taken, bot.Reply{})
		b.clock.Advance(2 * outbox.FallbackDelay)
		b.bot.Pass(t.Context())
		if sent := b.courier.all(); len(sent) != 0 {
			t.Errorf("sent as well: %+v", sent)
		}
		if !b.bot.Take(t.Context(), taken) {
			t.Error("a later repeat does not get the same again")
		}
		sent := ask()
		b.bot.Pass(t.Context())
		if len(b.courier.all()) != 1 || b.bot.Take(t.Context(), sent) {
			t.Errorf("answered passively, too; sent %+v", b.courier.all())
		}
		left := ask() // whoever took it did not get to write
		if !b.bot.Take(t.Context(), left) {
			t.Error("a repeat is not answered though nothing is out")
		}
		b.clock.Advance(outbox.FallbackDelay)
		b.bot.Pass(t.Context())
		if len(b.courier.all()) != 2 {
			t.Errorf("sent %+v, want the answer that was not written, too", b.courier.all())
		}
	})
}

// Whichever replica WeCom asks has the answer, and what it has fetched there is not sent
// by the one that made it; nor is what was fetched while a replica stopped.
func TestFetchedAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		other, err := New(b.bot.Options)
		b.must(err)
		ask := func(bot1 *Bot) (string, bot.Reply) {
			m := b.at(robot, group, "zhangsan")
			m.Kind, m.Text = bot.Text, "帮助"
			id := b.start(m)
			reply, final := bot1.Await(t.Context(), id)
			if !final || !bot1.Take(t.Context(), id) {
				t.Errorf("%s is not answered: %+v", id, reply)
			}
			return id, reply
		}
		id, reply := ask(other)
		other.Delivered(id, reply, bot.Reply{})
		other.Wait()
		id, reply = ask(b.bot)
		b.bot.Stop()
		b.bot.Delivered(id, reply, bot.Reply{})
		b.clock.Advance(2 * outbox.FallbackDelay)
		other.Pass(t.Context())
		if sent := b.courier.all(); len(sent) != 0 {
			t.Errorf("sent as well: %+v", sent)
		}
	})
}

// WeCom's next callback on a connection waits until the one before is through. So that
// is not held up by a database that is.
func TestPassiveAnswerDoesNotWait(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "帮助"
		id := b.start(m)
		shown, _ := b.bot.Await(t.Context(), id)
		b.must(b.db.Tx(t.Context(), func(*models.DB) error { // has the only connection to the file
			returned := make(chan struct{})
			go func() { b.bot.Delivered(id, shown, bot.Reply{}); close(returned) }()
			select {
			case <-returned:
			case <-time.After(20 * time.Second):
				t.Error("it waits for the database")
			}
			return nil
		}))
		b.bot.Wait()
		b.settle()
		if sent := b.courier.all(); len(sent) != 0 {
			t.Errorf("sent as well: %+v", sent)
		}
	})
}

// What the passive answer had no room for goes out by the reply URL, alone.
func TestRestOfPassiveAnswer(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "帮助"
		id := b.start(m)
		b.fetched(id, bot.Reply{Text: "还有"})
		b.settle()
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Reply.Card != nil || sent[0].Reply.Text != "还有" {
			t.Errorf("sent %+v, want the rest alone", sent)
		}
	})
}

// F14: a delivery that fails is tried again, on the next rung where the channel
// says so, and never touches the operation.
func TestDeliveryFails(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.courier.fail = []error{
			&bot.DeliveryError{Reason: "rate_limited", Retry: true, After: time.Minute},
			&bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown},
			errors.New("connection reset"),
			nil,
		}
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		b.start(m)
		b.bot.Pass(t.Context())
		b.clock.Advance(59 * time.Second)
		b.bot.Pass(t.Context())
		if len(b.courier.all()) != 0 {
			t.Error("tried before the channel allows")
		}
		for range 10 {
			b.clock.Advance(10 * time.Second)
			b.bot.Pass(t.Context())
		}
		sent := b.courier.all()
		if len(sent) != 1 || sent[0].Form != bot.AsMarkdown {
			t.Fatalf("sent %+v, want it once, as markdown", sent)
		}
		has(t, sent[0].Reply, "核销成功")
		b.effects(Code, 1, 0)
	})
}

func TestHopelessDelivery(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.courier.fail = []error{&bot.DeliveryError{Reason: "no_receiver"}}
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "帮助"
		b.start(m)
		b.settle()
		b.settle()
		if sent := b.courier.all(); len(sent) != 0 {
			t.Errorf("sent %+v after the channel said never", sent)
		}
	})
}

// WeCom drops silently what goes beyond its limit per member and minute.
func TestPacing(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for range 2*perMinute + 3 {
			m := b.at(app, "", "zhangsan")
			m.Kind, m.Text = bot.Text, "帮助"
			b.start(m) // sends it, as long as there is room
		}
		other := b.at(app, "", "lisi")
		other.Kind, other.Text = bot.Text, "帮助"
		b.start(other)
		var perStep []int
		for range 4 {
			for range 3 * perMinute {
				b.bot.Pass(t.Context())
			}
			perStep = append(perStep, len(b.courier.all())-b.seen)
			b.seen = len(b.courier.all())
			b.clock.Advance(time.Minute)
		}
		if want := []int{perMinute + 1, perMinute, 3, 0}; !slices.Equal(perStep, want) {
			t.Errorf("sent in each minute %v, want %v", perStep, want)
		}
	})
}

// A group whose reply URL is used up: the person is told by the app.
func TestReplyURLUsed(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.courier.fail = []error{&bot.DeliveryError{Reason: "reply_url_used"}}
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Text = bot.Text, "帮助"
		b.start(m)
		b.settle()
		b.settle()
		if sent := b.courier.all(); len(sent) != 1 || sent[0].Channel != app || sent[0].User != "zhangsan" || sent[0].Way != (bot.Way{}) {
			t.Errorf("sent %+v, want the same by the app", sent)
		}
	})
}

// What WeCom cannot repeat any more is forgotten, later what was told, and last
// what the platform said; the accounts stay.
func TestPurge(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		id := b.start(m)
		b.settle()
		left := func() (calls, out int) {
			ops, _, c, o, err := b.db.History.Story(t.Context(), Code)
			b.must(err)
			if len(ops) != 1 {
				t.Fatalf("%d operations are left", len(ops))
			}
			return len(c), len(o)
		}
		had, _ := left()
		b.clock.Advance(inboxLife - time.Minute)
		b.must(b.bot.purge(t.Context()))
		_, err := b.db.Inbox.Get(t.Context(), id)
		b.must(err)
		b.clock.Advance(purgeEvery)
		b.must(b.bot.purge(t.Context()))
		if _, err := b.db.Inbox.Get(t.Context(), id); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("an old message is still there: %v", err)
		}
		if calls, out := left(); calls != had || out != 1 {
			t.Errorf("after %s: %d of %d calls and %d of 1 answers", inboxLife, calls, had, out)
		}
		b.clock.Advance(outboxLife)
		b.must(b.bot.purge(t.Context()))
		if calls, out := left(); calls != had || out != 0 {
			t.Errorf("after %s: %d of %d calls and %d answers", outboxLife, calls, had, out)
		}
		b.clock.Advance(callLife)
		b.must(b.bot.purge(t.Context()))
		if calls, _ := left(); calls != 0 {
			t.Errorf("after %s: %d calls", callLife, calls)
		}
	})
}

// F20: stopping finishes what is in hand, then takes nothing more.
func TestStop(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Delay: 100 * time.Millisecond}))
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { b.bot.Run(ctx, 10*time.Second); close(ran) }()
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		_, err := b.bot.Accept(t.Context(), m)
		b.must(err)
		stop()
		<-ran
		if _, err := b.bot.Accept(t.Context(), b.at(app, "", "zhangsan")); !errors.Is(err, bot.ErrStopping) {
			t.Errorf("a stopped bot answers %v", err)
		}
		sent := b.courier.all()
		if len(sent) != 1 {
			t.Fatalf("%d messages sent before the end, want the card", len(sent))
		}
		has(t, sent[0].Reply, "核销成功")
	})
}

// An undo whose answer was lost, and whose repeat the platform refuses for a
// reason that is not the code's, is still in doubt: the first may yet take effect.
func TestUndoRepeatThrottled(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "reverseconsume", Times: 1}))
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Throttle, Call: "reverseconsume", Times: 1}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "撤 "+Code
		b.start(m)
		b.settle()
		b.effects(Code, 1, 1)
		for _, d := range b.courier.all() {
			hasNot(t, d.Reply, "没有撤销")
		}
		has(t, b.to("zhangsan"), "已撤销")
	})
}

// An account whose platform does not answer is probed by one doubt at a time; other
// accounts keep their limit.
func TestSilentPlatformIsProbed(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		widths := func(first, second int, when string) {
			t.Helper()
			if one, two := b.bot.settlingOf("1"), b.bot.settlingOf("2"); one != first || two != second {
				t.Errorf("%s: %d and %d at once, want %d and %d", when, one, two, first, second)
			}
		}
		widths(settlingPerAccount, settlingPerAccount, "at first")
		b.voucher(Code)
		b.lose()
		b.start(b.private("zhangsan", "验 "+Code))
		b.must(b.platform.Pause(dianpingtest.PauseRefuse))
		for range 6 {
			b.clock.Advance(10 * time.Second)
			b.bot.Pass(t.Context())
		}
		widths(1, settlingPerAccount, "while it does not answer")
		b.platform.Resume()
		b.settle()
		widths(settlingPerAccount, settlingPerAccount, "once it answers")
	})
}

// What is lost of the first code of a message is asked about while the others are
// verified; the call that is under way is left to its worker.
func TestSettledWithinALongMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := []string{"7992697401", "7992697402", "7992697403"}
		for _, code := range codes {
			b.voucher(code)
		}
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: codes[0]}))
		var consumes atomic.Int32
		due := map[string]bool{}
		look := func(r *http.Request) {
			if !strings.Contains(r.URL.Path, "consume") || int(consumes.Add(1)) != len(codes) {
				return
			}
			tasks, err := b.bot.dueOperations(b.dialect)(t.Context(), jobs.Look{Now: b.clock.Now().Add(time.Hour), Room: 10})
			if err != nil {
				t.Error(err)
			}
			for _, task := range tasks {
				op, err := b.db.Journal.Get(t.Context(), task.ID)
				if err != nil {
					t.Error(err)
				}
				due[op.Code] = true
			}
		}
		b.before.Store(&look)
		b.start(b.private("zhangsan", "验 "+strings.Join(codes, " ")))
		b.before.Store(nil)
		if want := map[string]bool{codes[0]: true}; !maps.Equal(due, want) {
			t.Errorf("asked about: %v, want %v", due, want)
		}
		b.settle()
		has(t, b.last(), "3 个券码，成功 3 个")
	})
}
