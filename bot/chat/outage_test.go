package chat

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
)

// F24: a consume was done and its answer lost, the platform is away for four minutes, so
// that people are told, and its first answer afterwards is an odd one. It passes when
// that ends nothing: nobody reads that it was not consumed, and the success follows.
func TestFault24OddAnswerAfterOutage(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"611", "1999", "1001"} {
		t.Run(odd, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume"}))
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, "验 "+Code
				b.start(m)
				b.must(b.platform.Pause(dianpingtest.PauseRefuse))
				for end := b.clock.Now().Add(4 * time.Minute); b.clock.Now().Before(end); b.clock.Advance(time.Second) {
					b.bot.Pass(t.Context())
				}
				shown := func(text string) bool {
					return slices.ContainsFunc(b.courier.all(), func(d bot.Delivery) bool {
						return d.User == "zhangsan" && strings.Contains(show(d.Reply), text)
					})
				}
				if !shown("需要人工确认") {
					t.Error("nobody was told in four minutes")
				}
				b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "getconsumed", Answer: odd}))
				b.platform.Resume()
				for end := b.clock.Now().Add(30 * time.Second); b.clock.Now().Before(end) && !shown("核销成功"); b.clock.Advance(passEvery) {
					b.bot.Pass(t.Context())
				}
				if !shown("核销成功") {
					t.Error("not settled within 30 s of the platform's return")
				}
				if shown("没有核销") {
					t.Error("told that it was not consumed")
				}
				b.effects(Code, 1, 0)
			})
		})
	}
}

// A worker that dies with a call at the platform leaves a message and an operation.
// Whoever settles that, when its lease ends, answers the message, whose own lease is
// longer.
func TestSettlingAnswersForTheDead(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"验 ", "撤 "} {
		t.Run(verb, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				want, undone := "核销成功", 0
				if verb == "撤 " {
					first := b.at(app, "", "zhangsan")
					first.Kind, first.Text = bot.Text, "验 "+Code
					b.give(first)
					b.settle()
					want, undone = "已撤销", 1
				}
				dying := &dyingAfter{Client: b.bot.Platforms[b.dialect]}
				b.configure(func(o *Options) { o.Platforms = map[string]dianping.Client{b.dialect: dying} })
				dying.die = b.bot.cancel
				m := b.at(app, "", "zhangsan")
				m.Kind, m.Text = bot.Text, verb+Code
				id := b.start(m)
				b.bot.Platforms = map[string]dianping.Client{b.dialect: dying.Client}
				next := reborn(t, b)
				if lease := next.bot.core.Lease(redeem.ConsumeCalls); next.bot.core.Lease(1)+time.Second >= lease {
					t.Fatalf("the lease of a message is no longer: %s", lease)
				}
				b.clock.Advance(next.bot.core.Lease(1))
				next.bot.Pass(t.Context()) // settles
				next.bot.Wait()
				row, err := b.db.Inbox.Get(t.Context(), id)
				b.must(err)
				if !row.Final {
					t.Fatalf("not answered when the lease of the operation was over: %+v", row)
				}
				next.bot.Pass(t.Context()) // sends
				next.bot.Wait()
				answers := func() []bot.Delivery { // but not what becomes of cards of before
					return slices.DeleteFunc(b.courier.all(), func(d bot.Delivery) bool { return d.Change })
				}
				sent := answers()
				if len(sent) == 0 {
					t.Fatal("not told when the lease of the operation was over")
				}
				has(t, sent[len(sent)-1].Reply, want)
				b.effects(Code, 1, undone)
				n := len(sent)
				b.clock.Advance(next.bot.core.Lease(redeem.ConsumeCalls))
				next.bot.Pass(t.Context())
				next.settle()
				if now := answers(); len(now) != n {
					t.Errorf("told again: %s", show(now[len(now)-1].Reply))
				}
			})
		})
	}
}

// dyingAfter ends its process, so to speak, after a call with an effect.
type dyingAfter struct {
	dianping.Client
	die func()
}

func (d *dyingAfter) Consume(ctx context.Context, s dianping.Shop, r dianping.ConsumeRequest) ([]dianping.Receipt, error) {
	defer d.die()
	return d.Client.Consume(ctx, s, r)
}

func (d *dyingAfter) ReverseConsume(ctx context.Context, s dianping.Shop, r dianping.ReverseRequest) ([]dianping.Receipt, error) {
	defer d.die()
	return d.Client.ReverseConsume(ctx, s, r)
}
