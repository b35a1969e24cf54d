package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/figures"
	"yanquan/dianping/dianpingtest"
)

// A month adds up while it is kept, also when a verification of a day before comes to
// light.
func TestFiguresAreKept(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 3)
		code := "7992697494"
		b.voucher(code)
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "consume", Code: code, Times: -1}))
		b.must(b.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.HangThenDrop, Call: "getconsumed", Code: code, Times: -1}))
		m := b.at(robot, group, "lisi")
		m.Kind, m.Text = bot.Text, "验 "+code
		b.start(m)
		b.clock.Advance(24 * time.Hour)
		kept := func() {
			t.Helper()
			b.bot.Pass(t.Context())
			b.clock.Advance(figures.KeepEvery)
			b.bot.Pass(t.Context())
			for _, span := range figures.SpansToKeep(b.bot.words.In(b.clock.Now())) {
				missing, err := b.db.Figures.Missing(t.Context(), []int64{1, 2}, figures.Counted(span))
				b.must(err)
				if len(missing) > 0 {
					t.Errorf("%s since %v: figures of %v are not kept", span.Kind, span.From, missing)
				}
			}
		}
		kept()
		has(t, b.say("boss", "本月"), "3 张")
		b.verified("zhangsan", 3, 2)
		has(t, b.say("boss", "本月"), "5 张")

		b.platform.ClearFaults()
		b.settle()
		has(t, b.say("boss", "本月"), "6 张", "店员: 张三 5 张")
		has(t, b.say("boss", "昨日"), "4 张")
		kept()
		has(t, b.say("boss", "本月"), "6 张", "店员: 张三 5 张")
	})
}
