package chat

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/outbox"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// doubted is a verification by zhangsan whose answer is lost, and which the platform
// does not let be settled: people have been told.
func (b *bench) doubted() models.Operation {
	b.t.Helper()
	b.must(b.platform.SetKnobs(dianpingtest.Knobs{RepeatAnswer: dianpingtest.AlreadyUsed}))
	b.voucher(Code)
	o := b.bend()
	o.getConsumed = func(r dianping.Record, err error) (dianping.Record, error) {
		r.VerifyAccount = "merchant-main"
		return r, err
	}
	b.lose()
	b.start(b.private("zhangsan", "验 "+Code))
	for range 30 {
		b.clock.Advance(10 * time.Second)
		b.bot.Pass(b.t.Context())
	}
	op, err := b.db.Journal.ByCoupon(b.t.Context(), 1, Code)
	b.must(err)
	if !op.NeedsHuman {
		b.t.Fatalf("not left to people: %+v", op)
	}
	return op
}

// A manager ends a doubt by what they have seen, in words or by a button; it is in
// the audit, and the person who asked is told. Nobody else can.
func TestManagerEndsADoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(*bench, bot.Reply) bot.Reply
		state models.State
		told  string
	}{
		"used, in words":   {func(b *bench, _ bot.Reply) bot.Reply { return b.in("", "boss", "确认 "+Code+" 已核销") }, models.Done, "核销成功"},
		"unused, in words": {func(b *bench, _ bot.Reply) bot.Reply { return b.in("", "boss", "确认 "+Code+" 未核销。") }, models.Rejected, "管理员确认这张券没有核销"},
		"used, pressed":    {func(b *bench, n bot.Reply) bot.Reply { return b.pressIn("", "boss", n, "已核销") }, models.Done, "核销成功"},
		"unused, pressed":  {func(b *bench, n bot.Reply) bot.Reply { return b.pressIn("", "boss", n, "未核销") }, models.Rejected, "管理员确认这张券没有核销"},
	} {
		t.Run(name, func(t *testing.T) {
			here(t, func(t *testing.T, b *bench) {
				op := b.doubted()
				notice := b.to("boss")
				has(t, notice, "需要人工确认", Code, "[已核销][未核销]")
				for _, user := range []string{"zhangsan", "wangwu"} { // staff; leads the store
					has(t, b.in("", user, "确认 "+Code+" 已核销"), "只有这家门店的店长或管理员可以确认")
					has(t, b.pressIn("", user, notice, "已核销"), "只有这家门店的店长或管理员可以确认")
				}
				has(t, b.in("", "qianqi", "确认 "+Code+" 已核销"), "没有在这里核销过") // of another store
				has(t, b.pressIn("", "qianqi", notice, "已核销"), "不属于您的门店")
				has(t, c.end(b, notice), c.told)
				for range 5 { // what is queued for this person goes first
					b.bot.Pass(t.Context())
				}
				has(t, b.to("zhangsan"), c.told)
				now, err := b.db.Journal.Get(t.Context(), op.ID)
				b.must(err)
				if now.State != c.state || now.NeedsHuman {
					t.Errorf("%+v", now)
				}
				audit, err := b.db.Audit.List(t.Context(), models.AuditFilter{Limit: 10})
				b.must(err)
				if len(audit) != 1 || audit[0].Action != "close doubt" || audit[0].UserID != "boss" || audit[0].Subject != Code || audit[0].After != string(c.state) {
					t.Errorf("%+v", audit)
				}
				c.end(b, notice) // again: nothing more is done
				if audit, err = b.db.Audit.List(t.Context(), models.AuditFilter{Limit: 10}); err != nil || len(audit) != 1 {
					t.Errorf("%d entries, %v", len(audit), err)
				}
				b.effects(Code, 1, 0)
			})
		})
	}
}

// The worker of a manager's message outlives its lease: it ends nothing alone, for what is
// told and kept goes with the answer. The worker that has claimed the message ends the doubt.
func TestClosingWasTakenOver(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{models.SQLite, models.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			b := setup(t, modelstest.On(t, driver, modelstest.WithClock(clock)), clock, dianping.Dianping)
			op := b.doubted()
			has(t, b.to("zhangsan"), "需要人工")
			m := b.private("boss", "确认 "+Code+" 已核销")
			payload, err := json.Marshal(m)
			b.must(err)
			row, _, err := b.db.Inbox.Accept(t.Context(), models.Inbox{
				ID: "closes", Channel: m.Channel, MessageID: m.ID, User: m.User, Payload: payload, DueAt: b.clock.Now().Add(time.Minute),
			})
			b.must(err)
			b.clock.Advance(time.Minute)
			taken, err := b.db.Inbox.Claim(t.Context(), row, b.clock.Now().Add(time.Minute))
			b.must(err)

			if _, err := b.bot.answer(t.Context(), row, m); !errors.Is(err, outbox.ErrTakenOver) {
				t.Errorf("the first worker: %v", err)
			}
			now, err := b.db.Journal.Get(t.Context(), op.ID)
			b.must(err)
			if now.State != op.State || !now.NeedsHuman {
				t.Errorf("ended without its answer: %+v", now)
			}

			reply, err := b.bot.answer(t.Context(), taken, m)
			b.must(err)
			has(t, reply, "核销成功")
			for range 5 {
				b.bot.Pass(t.Context())
			}
			has(t, b.to("zhangsan"), "核销成功")
			audit, err := b.db.Audit.List(t.Context(), models.AuditFilter{Limit: 10})
			b.must(err)
			if len(audit) != 1 || audit[0].Action != "close doubt" || audit[0].After != string(models.Done) {
				t.Errorf("audit %+v", audit)
			}
		})
	}
}

// A forged key ends nothing that is not in doubt.
func TestNothingToClose(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		has(t, b.in("", "boss", "确认 "+Code+" 未核销"), "没有在这里核销过")
		b.say("zhangsan", "验 "+Code)
		op, err := b.db.Journal.ByCoupon(t.Context(), 1, Code)
		b.must(err)
		forged := bot.Reply{Card: &bot.Card{Keys: []bot.CardKey{{Text: "x", Key: command.Button{Action: command.ActClose, Operation: op.ID}.Key()}}}}
		has(t, b.pressIn("", "boss", forged, "x"), "核销成功")
		has(t, b.in("", "boss", "确认 "+Code+" 未核销"), "没有改动", "请先发「对账")
		b.effects(Code, 1, 0)
	})
}

// A doubt outlasts the use of its store: a manager ends it where the store was taken off,
// and where a new consent of its merchant leaves it out.
func TestManagerEndsADoubtOfAStoreThatIsOff(t *testing.T) {
	t.Parallel()
	const code = "7992697402"
	for name, ends := range map[string]func(b *twins, s models.Store){
		"left out": func(b *twins, _ models.Store) {
			b.must(b.follow(b.pressKey("boss", command.Button{Action: command.ActConnect, Platform: dianping.Dianping}), "shop-d"))
		},
		"taken off": func(b *twins, s models.Store) {
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Times: 1000}))
			has(b.t, b.pressKey("boss", command.Button{Action: command.ActOff, Store: s.ID}), "已停用")
		},
	} {
		for _, chat := range []string{"", newGroup} {
			t.Run(name+" "+chat, func(t *testing.T) {
				onTwins(t, func(b *twins) {
					s := b.merchant()
					b.must(b.db.Directory.SetMember(b.t.Context(), models.Member{StoreID: s.ID, UserID: "zhoujiu", Name: "周九", Role: models.RoleStaff}))
					b.sells(b.platform, "shop-c", code)
					b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
					b.begin(newGroup, "zhoujiu", "验 "+code)
					ends(b, s)
					b.passFor(10*time.Minute, 10*time.Second)
					notice := b.to("sunba")
					has(b.t, notice, "需要人工", "[已核销]")
					has(b.t, b.in(chat, "zhoujiu", "确认 "+code+" 已核销"), "只有")
					if chat == "" {
						has(b.t, b.pressIn("", "sunba", notice, "已核销"), "核销成功")
					} else {
						has(b.t, b.in(chat, "sunba", "确认 "+code+" 已核销"), "核销成功")
					}
					op, err := b.db.Journal.ByCouponIn(b.t.Context(), []int64{s.ID}, code)
					if b.must(err); op.State != models.Done {
						b.t.Errorf("the doubt ended as %s", op.State)
					}
					has(b.t, b.in(newGroup, "sunba", "撤 "+code), "没有绑定门店")
				})
			})
		}
	}
}
