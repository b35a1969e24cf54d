package chat

import (
	"testing"
	"time"

	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// restored makes the database that of a copy.
func (b *bench) restored() {
	b.t.Helper()
	_, err := b.db.LeaveBehind(b.t.Context(), "copy.db", models.Restoring{Stale: outbox.DeliveryLife, Asks: redeem.HumanAfter})
	b.must(err)
}

// later lets background work be done for five minutes.
func (b *bench) later() {
	for range 30 {
		b.clock.Advance(10 * time.Second)
		b.bot.Pass(b.t.Context())
	}
}

// A doubt that is seconds old in a restored copy is only asked about. Where the platform
// does not settle it, the managers are told, once, as of any other.
func TestRestoredDoubtIsTold(t *testing.T) {
	t.Parallel()
	for name, doubt := range map[string]func(b *bench){
		"a consume": func(b *bench) {
			b.lose()
			b.start(b.private("zhangsan", "验 "+Code))
		},
		"an undo": func(b *bench) {
			has(b.t, b.in("", "zhangsan", "验 "+Code), "核销成功")
			b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "reverseconsume", Code: Code, Times: 1}))
			b.start(b.private("zhangsan", "撤 "+Code))
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, b *bench) {
				b.voucher(Code)
				b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Status5xx, Call: "getconsumed", Code: Code, Times: -1}))
				doubt(b)
				b.restored()
				sent := b.calls("consume") + b.calls("reverseconsume")
				b.later()
				if n := b.toldTo("boss", "需要人工确认"); n != 1 {
					t.Errorf("the manager was told %d times", n)
				}
				has(t, b.in("", "zhangsan", "查 "+Code), "需要人工确认")
				b.restored() // once more: it was told
				b.later()
				if n := b.toldTo("boss", "需要人工确认"); n != 1 {
					t.Errorf("after another restore, the manager was told %d times", n)
				}
				if now := b.calls("consume") + b.calls("reverseconsume"); now != sent {
					t.Errorf("%d calls were repeated", now-sent)
				}
				has(t, b.in("", "boss", "确认 "+Code+" 已核销"), "核销")
			})
		})
	}
}
