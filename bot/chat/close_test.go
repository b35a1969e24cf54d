package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
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
		has(t, b.in("", "boss", "确认 "+Code+" 未核销"), "核销成功")
	})
}
