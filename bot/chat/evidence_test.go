package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// odd is a client whose answers can be bent, for what the fake platform does not
// do by itself.
type odd struct {
	dianping.Client
	prepare     func(dianping.Receipt, error) (dianping.Receipt, error)
	consume     func([]dianping.Receipt, error) ([]dianping.Receipt, error)
	getConsumed func(dianping.Record, error) (dianping.Record, error)
}

func (o *odd) Prepare(ctx context.Context, s dianping.Shop, code string) (dianping.Receipt, error) {
	r, err := o.Client.Prepare(ctx, s, code)
	if o.prepare != nil {
		return o.prepare(r, err)
	}
	return r, err
}

func (o *odd) Consume(ctx context.Context, s dianping.Shop, r dianping.ConsumeRequest) ([]dianping.Receipt, error) {
	rows, err := o.Client.Consume(ctx, s, r)
	if o.consume != nil {
		return o.consume(rows, err)
	}
	return rows, err
}

func (o *odd) GetConsumed(ctx context.Context, s dianping.Shop, code string) (dianping.Record, error) {
	rec, err := o.Client.GetConsumed(ctx, s, code)
	if o.getConsumed != nil {
		return o.getConsumed(rec, err)
	}
	return rec, err
}

// bend puts an odd client before the platform.
func (b *bench) bend() *odd {
	odd := &odd{Client: b.bot.Platforms[b.dialect]}
	b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: odd} })
	return odd
}

// lose lets the answer to the next consume get lost after it took effect.
func (b *bench) lose() {
	b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
}

// private texts the app.
func (b *bench) private(user, text string) bot.Message {
	m := b.at(app, "", user)
	m.Kind, m.Text = bot.Text, text
	return m
}

// last is what the app sent last.
func (b *bench) last() bot.Reply {
	b.t.Helper()
	sent := slices.DeleteFunc(b.courier.all(), func(d bot.Delivery) bool { return d.Channel != app })
	if len(sent) == 0 {
		b.t.Fatal("nothing was sent")
	}
	return sent[len(sent)-1].Reply
}

// Two orders of one deal are verified by one person within a second, and the
// codes of the first are not told: an undo of it must not touch the second's.
func TestUndoNeverTouchesAnotherOrder(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
		first, second := b.order("7000000001", 2), b.order("7100000001", 2)
		b.lose()
		b.start(b.private("zhangsan", "验 7000000001 x2\n7100000001 x2"))
		b.settle()
		b.start(b.private("zhangsan", "撤 7000000001"))
		b.settle()
		for _, v := range second {
			b.effects(v.Code, 1, 0)
		}
		b.effects(first[0].Code, 1, 1)
	})
}

// Codes that the platform does not tell are not guessed: the person is told.
func TestCodesNotTold(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		order := b.order(Code, 2)
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
		o := b.bend()
		o.consume = func(rows []dianping.Receipt, err error) ([]dianping.Receipt, error) {
			if err == nil {
				rows = rows[:1]
			}
			return rows, err
		}
		r := b.say("zhangsan", "验 "+Code+" x2")
		has(t, r, "核销成功", "× 2", order[1].Code) // completed from the day's history

		other := b.order("7000000001", 3)
		b.must(b.platform.ConsumeElsewhere(other[2].Code, "zhangsan", "15")) // now the history is ambiguous
		r = b.say("zhangsan", "验 7000000001 x2")
		has(t, r, "核销成功", "× 2", "平台只告诉了 1 张的券码")
		has(t, b.say("zhangsan", "撤 7000000001"), "只撤销了一部分", "撤销了 1 张，其余 1 张", "请到开店宝里撤销其余的")
		has(t, b.say("zhangsan", "撤 7000000001"), "已经撤销了一部分", "请到开店宝里撤销其余的")
		b.effects(other[1].Code, 1, 0)
		b.effects(other[2].Code, 1, 0)
	})
}

// Fewer consumed than asked for is said, alone and in a list.
func TestPartly(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.order(Code, 2)
		b.voucher("7000000001")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Partly, Call: "consume"}))
		has(t, b.say("zhangsan", "验 "+Code+" x2"), "核销成功 1 张，不是 2 张", "售价: ¥49.90\n")
		b.order("7200000001", 2)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Partly, Call: "consume"}))
		r := b.say("zhangsan", "验 7200000001 x2\n7000000001")
		has(t, r, "¥49.90，不是 2 张", "合计 ¥99.80")
		has(t, b.say("wangwu", "今日"), "3 张 ¥149.70")
	})
}

// The second visit on one code is confirmed, and its answer is lost: the record
// of the first visit is no proof.
func TestFirstUseIsNoProofOfTheSecond(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprintf("applied %v", applied), func(t *testing.T) {
			here(t, func(t *testing.T, b *bench) {
				b.must(b.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
				b.order(Code, 1)
				b.say("zhangsan", "验 "+Code)
				b.clock.Advance(11 * time.Minute)
				q := b.say("zhangsan", Code)
				if applied {
					b.lose()
				} else {
					b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "consume"}))
				}
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Button = bot.Click, &bot.Button{TaskID: q.Card.TaskID, Key: b.key(q, "确认核销")}
				b.start(m)
				b.settle()
				has(t, b.last(), "核销成功")
				if got := b.platform.Effects(Code).Consumed; got != 2 {
					t.Errorf("consumed %d times, want the first and the confirmed second", got)
				}
			})
		})
	}
}

// A record that could be ours is never called somebody else's.
func TestUnclearRecordIsLeftToPeople(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"", "merchant-main"} {
		t.Run("account "+account, func(t *testing.T) {
			here(t, func(t *testing.T, b *bench) {
				b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
				b.voucher(Code)
				o := b.bend()
				o.getConsumed = func(r dianping.Record, err error) (dianping.Record, error) {
					r.VerifyAccount = account
					return r, err
				}
				b.lose()
				b.start(b.private("zhangsan", "验 "+Code))
				for range 30 {
					b.clock.Advance(10 * time.Second)
					b.bot.Pass(t.Context())
				}
				b.effects(Code, 1, 0)
				for _, d := range b.courier.all() {
					hasNot(t, d.Reply, "此券已被使用", "换一张", "没有核销")
				}
				has(t, b.say("zhangsan", Code), "需要人工确认")
			})
		})
	}
}

// Refusals that speak of the shop say nothing of the code.
func TestShopTroubleWhileInDoubt(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"645", "1012"} {
		t.Run(answer, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				b.lose()
				b.start(b.private("zhangsan", "验 "+Code))
				b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: answer, Times: 4}))
				b.settle()
				b.effects(Code, 1, 0)
				for _, d := range b.courier.all() {
					hasNot(t, d.Reply, "没有授权", "不能在本店", "没有核销")
				}
				has(t, b.last(), "核销成功")
			})
		})
	}
}

// A card whose button was overtaken still gets its answer.
func TestConfirmOvertaken(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{Unguarded: true}))
		b.order(Code, 1)
		b.say("zhangsan", "验 "+Code)
		b.clock.Advance(11 * time.Minute)
		q := b.say("zhangsan", Code)
		key := b.key(q, "确认核销")
		first, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		b.must(b.db.Journal.Supersede(t.Context(), first)) // as if its worker had died right after
		has(t, b.say("lisi", "验 "+Code), "此券已核销")
		has(t, b.press("lisi", q.Card, key), "核销成功", "李四")
		hasNot(t, b.press("zhangsan", q.Card, key), "核销成功")
		if got := b.platform.Effects(Code).Consumed; got != 2 {
			t.Errorf("consumed %d times", got)
		}
	})
}

// Whoever was taken off the list meanwhile still gets the outcome of what was
// done, and nothing more is done.
func TestResumedWithoutAccess(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.voucher("7000000001")
		dying := &dyingClient{Client: b.bot.Platforms[b.dialect], at: "consumed", die: b.bot.cancel}
		b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: dying} })
		b.start(b.private("zhangsan", "验 "+Code+" 7000000001"))
		next := reborn(t, b)
		b.must(b.db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: b.dialect, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a"}}))
		b.clock.Advance(next.bot.core.Lease(redeem.ConsumeCalls))
		next.settle()
		b.effects(Code, 1, 0)
		b.effects("7000000001", 0, 0)
		has(t, b.last(), "成功 1 个", "✅7494")
	})
}

// A message that makes the program panic is an error of its own only, and is
// answered in the end.
func TestPanic(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		o := b.bend()
		o.prepare = func(dianping.Receipt, error) (dianping.Receipt, error) { panic("bad luck") }
		b.start(b.private("zhangsan", "验 "+Code))
		for range 2 * maxAttempts {
			b.clock.Advance(b.bot.core.Lease(redeem.ConsumeCalls))
			b.bot.Pass(t.Context())
		}
		b.bot.Pass(t.Context())
		has(t, b.last(), "出错了", "没有处理")
		o.prepare = nil
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
	})
}

// The lease of a settling does not grow with the number of coupons.
func TestSettlingLease(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.order(Code, 20)
		b.lose()
		b.start(b.private("zhangsan", "验 "+Code+" x20"))
		dead := reborn(t, b)
		o := b.bend()
		o.getConsumed = func(dianping.Record, error) (dianping.Record, error) {
			dead.bot.cancel()
			return dianping.Record{}, context.Canceled
		}
		dead.bot.Platforms = b.bot.Platforms
		dead.bot.Pass(dead.bot.base)
		o.getConsumed = nil
		b.clock.Advance(30 * time.Second)
		b.settle()
		has(t, b.last(), "核销成功", "共 20 张")

		b.start(b.private("zhangsan", "撤 "+Code)) // more than one round
		b.settle()
		has(t, b.last(), "已撤销", "共 20 张")
		b.effects(Code, 1, 1)
	})
}

// A press whose outcome is doubtful shows so within the deadline.
func TestDoubtfulPressShowsPending(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		var awaited atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b.configure(func(o *Options) {
			sleep := o.Sleep
			o.Sleep = func(ctx context.Context, d time.Duration) error {
				if awaited.Load() {
					cancel() // the deadline passes once there was a look
				}
				return sleep(ctx, d)
			}
		})
		r := b.say("zhangsan", "验 "+Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume"}))
		m := b.at(robot, group, "zhangsan")
		m.Kind, m.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, "撤销")}
		id := b.start(m)
		awaited.Store(true)
		pending, ready := b.bot.Await(ctx, id)
		if ready {
			t.Error("doubtful, and ready")
		}
		has(t, pending, "撤销中", "[查看结果]")
		b.settle()
		after, ready := b.bot.Await(t.Context(), id)
		if !ready {
			t.Error("settled, and not ready")
		}
		has(t, after, "已撤销")
		has(t, b.press("zhangsan", pending.Card, b.key(pending, "查看结果")), "已撤销")
	})
}

// A press while another message's undo is in doubt promises nothing: that one gets the
// outcome.
func TestPressWhileUndoing(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		r := b.say("zhangsan", "验 "+Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume"}))
		b.start(b.private("zhangsan", "撤 "+Code))
		pressed := b.press("zhangsan", r.Card, b.key(r, "撤销"))
		has(t, pressed, "正在撤销", "[查看结果]")
		hasNot(t, pressed, "撤销中")
		b.settle()
		has(t, b.press("zhangsan", pressed.Card, b.key(pressed, "查看结果")), "已撤销")
	})
}

func TestManyStores(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		var stores []models.ConfiguredStore
		for i := range 9 {
			stores = append(stores, models.ConfiguredStore{Platform: b.dialect, ShopID: fmt.Sprint("s", i), Name: fmt.Sprintf("%d号店", i), Session: "token"})
		}
		b.must(b.db.Directory.Sync(t.Context(), stores))
		r := b.give(b.private("boss", "验 "+strings.Repeat("。", 2000)+Code))
		seen := map[string]bool{}
		for range 3 {
			if len(r.Card.Keys) > bot.MaxKeys {
				t.Fatalf("%d buttons", len(r.Card.Keys))
			}
			for _, k := range r.Card.Keys {
				seen[k.Text] = true
				if len(k.Key) > 1024 {
					t.Errorf("a key of %d bytes", len(k.Key))
				}
			}
			m := b.at(app, "", "boss")
			m.Kind, m.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, "其他门店")}
			r = b.give(m)
		}
		for i := range 9 {
			if name := fmt.Sprintf("%d号店", i); !seen[name] {
				t.Errorf("%s cannot be reached", name)
			}
		}
	})
}

func TestLongMessageID(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		m := b.private("zhangsan", "帮助")
		m.ID = strings.Repeat("x", 500) + "\x00"
		has(t, b.give(m), "可以这样发")
		has(t, b.give(m), "可以这样发")
	})
}

// Messages for which there is no room wait in the inbox, and are worked on by the
// background once there is; their repeats change nothing.
func TestMoreThanCanBeWorkedOn(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.configure(func(o *Options) { o.MaxFlights = 1 })
		held, release := b.hold()
		first := b.private("lisi", "7000000000")
		b.accept(first)
		<-held
		m := b.private("zhangsan", "验 "+Code)
		id := b.accept(m)
		if again := b.accept(m); again != id {
			t.Errorf("the repeat is %s, not %s", again, id)
		}
		b.bot.Pass(t.Context())
		b.effects(Code, 0, 0)
		release()
		b.give(first)
		b.bot.Pass(t.Context())
		b.effects(Code, 1, 0)
		has(t, b.give(m), "核销成功")
		b.effects(Code, 1, 0)
	})
}

// A stream that nobody knows is ended, so that WeCom stops asking.
func TestUnknownStream(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		r, ready := b.bot.Await(t.Context(), "nobody's")
		if !ready || r.Empty() {
			t.Errorf("%+v %v", r, ready)
		}
	})
}

// A stream that has just been opened is under way, though the server that is asked
// does not have its message yet: that is for another node of its cluster to bring.
func TestStreamOfAnotherNode(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		id := fmt.Sprintf("%012x%020d", b.clock.Now().UnixMilli(), 7)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if r, ready := b.bot.Await(ended, id); ready || !r.Empty() {
			t.Errorf("%+v %v", r, ready)
		}
		b.clock.Advance(6 * time.Minute)
		if r, ready := b.bot.Await(t.Context(), id); !ready || r.Empty() {
			t.Errorf("once WeCom has stopped asking: %+v %v", r, ready)
		}
	})
}

// A question whose answer is lost is asked again before anybody is told.
func TestPrepareIsAskedAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Call: "prepare"}))
		has(t, b.say("zhangsan", "验 "+Code), "核销成功")
		b.voucher("7000000001")
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Status: 502, Call: "prepare", Times: 2}))
		has(t, b.say("zhangsan", "验 7000000001"), "平台没有回应", "没有核销")
		b.effects("7000000001", 0, 0)
	})
}

// An undo that the platform refuses for a reason of its own is told in words
// about the undo.
func TestUndoWithoutSession(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.say("zhangsan", "验 "+Code)
		b.must(b.platform.ExpireSession("token-shop-a"))
		r := b.say("zhangsan", "撤 "+Code)
		has(t, r, "没有撤销", "授权", "[撤销]")
		hasNot(t, r, "没有核销")
	})
}
