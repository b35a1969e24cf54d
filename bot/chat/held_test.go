package chat

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// keeping opens shops whose platform keeps back what is sent again, and shows nothing of
// it, until it lets go.
type keeping struct {
	redeem.Shops
	only   []string // codes; nil: every
	letGo  atomic.Bool
	silent atomic.Bool                       // it says nothing at all
	first  atomic.Pointer[func(code string)] // is called before a consume is sent for the first time
}

func (k *keeping) Open(ctx context.Context, a models.Account) (platform.Shop, error) {
	shop, err := k.Shops.Open(ctx, a)
	return keptShop{shop, k}, err
}

func (k *keeping) keeps(code string) bool {
	return !k.letGo.Load() && (k.only == nil || slices.Contains(k.only, code))
}

type keptShop struct {
	platform.Shop
	*keeping
}

func (k keptShop) Record(ctx context.Context, c platform.Coupon) platform.Recorded {
	switch {
	case k.silent.Load():
		return platform.Recorded{Said: platform.Said{Call: "getconsumed", Class: "unknown", Why: platform.Unreachable, Silent: true}}
	case k.keeps(c.Code):
		return platform.Recorded{Said: platform.Said{Call: "getconsumed", Decided: true}, Proves: platform.NotConsumed}
	}
	return k.Shop.Record(ctx, c)
}

func (k keptShop) Consume(ctx context.Context, o platform.Order, again bool) platform.Consumption {
	if !again || !k.keeps(o.Code) {
		if first := k.first.Load(); first != nil && !again {
			(*first)(o.Code)
		}
		return k.Shop.Consume(ctx, o, again)
	}
	return platform.Consumption{Said: platform.Said{Call: "consume", Class: "held", Reason: platform.RiskHeld, Why: platform.RiskHeld, Code: "1229", Decided: true}, Proves: platform.Held}
}

// passFor lets background work run for some time.
func (b *bench) passFor(d, step time.Duration) {
	b.t.Helper()
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); b.clock.Advance(step) {
		b.bot.Pass(b.t.Context())
	}
}

// toldTo counts the messages to a person that say something.
func (b *bench) toldTo(user, text string) (n int) {
	for _, d := range b.courier.all() {
		if d.User == user && !d.Change && strings.Contains(show(d.Reply), text) {
			n++
		}
	}
	return n
}

// A held operation is told as held, once, and its end, once; it is no doubt, is not
// verified again, and is not undone. It stands in the summary while it is open.
func TestHeld(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		kept := &keeping{Shops: b.bot.core.Shops}
		b.bot.core.Shops = kept
		b.voucher(Code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Times: 1}))
		m := b.at(app, "", "zhangsan")
		m.Kind, m.Text = bot.Text, "验 "+Code
		id := b.start(m)
		b.passFor(time.Minute, time.Second)
		const says = "平台风控核验中，先不要提供服务，有结果会马上告诉您"
		if n := b.toldTo("zhangsan", says); n != 1 {
			t.Errorf("told %d times that it is held", n)
		}
		row, err := b.db.Inbox.Get(t.Context(), id)
		b.must(err)
		if !row.Final {
			t.Error("the answer waits for two days")
		}
		b.passFor(20*time.Minute, 10*time.Second)

		has(t, b.say("lisi", "验 "+Code), "平台风控核验中", "张三", "先不要提供服务")
		has(t, b.say("zhangsan", "验 "+Code), "平台风控核验中", "先不要提供服务")
		has(t, b.say("zhangsan", "撤 "+Code), "不能撤销", "平台风控核验中")
		has(t, b.say("wangwu", "撤 "+Code), "不能撤销", "平台风控核验中")
		has(t, b.say("lisi", Code), "平台风控核验中", "告诉 张三")
		has(t, b.say("zhangsan", "记录"), "⏳7494")
		has(t, b.say("boss", "确认 "+Code+" 未核销"), "平台风控核验中")
		outlook := func() string {
			store, err := b.db.Directory.Store(t.Context(), 1)
			b.must(err)
			lines, err := b.bot.figures.Outlook(t.Context(), []models.Store{store})
			b.must(err)
			return strings.Join(lines, "\n")
		}
		if got := outlook(); got != "还有 1 笔在平台风控核验中，有结果会告诉核销的人" {
			t.Errorf("the summary says %q", got)
		}
		for _, user := range []string{"zhangsan", "boss"} {
			if n := b.toldTo(user, "需要人工确认"); n != 0 {
				t.Errorf("%s is told of a doubt", user)
			}
		}
		b.effects(Code, 1, 0)

		b.clock.Advance(40 * time.Hour)
		kept.letGo.Store(true)
		b.passFor(time.Minute, time.Second)
		if n := b.toldTo("zhangsan", "核销成功"); n != 1 {
			t.Errorf("told %d times that it is verified", n)
		}
		if n := b.toldTo("zhangsan", says); n != 1 {
			t.Errorf("told %d times that it is held", n)
		}
		b.effects(Code, 1, 0)
		if got := outlook(); strings.Contains(got, "风控") {
			t.Errorf("the summary says %q", got)
		}
	})
}
