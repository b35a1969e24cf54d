package chat

import (
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/figures"
	"yanquan/dianping/dianpingtest"
)

// A price that the platform did not tell is in no sum, and every sum says how many
// there are.
func TestSumsOfUnknownPrices(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.verified("zhangsan", 0, 1)
		b.must(b.platform.SetKnobs(dianpingtest.Knobs{Prices: dianpingtest.PriceAbsent}))
		b.verified("zhangsan", 100, 2)
		const want = "1 张 ¥49.90，另有 2 张金额不详"
		has(t, b.say("zhangsan", "今日"), "核销 "+want, "人民广场店（本人） "+want)
		has(t, b.say("wangwu", "今日"), "今日 11-23 "+want, "门店: 人民广场店 "+want)
		list := b.say("zhangsan", "记录")
		has(t, list, "¥49.90 张三")
		hasNot(t, list, "¥0.00")
		d, err := b.bot.desks.Desk(t.Context(), "wangwu")
		b.must(err)
		sheet, err := b.bot.desks.Sheet(t.Context(), d, 0, command.Today)
		b.must(err)
		if sheet.All.Amount() != "¥49.90，另有 2 张金额不详" || sheet.All.Verified.Count != 3 {
			t.Errorf("the console says %s for %d", sheet.All.Amount(), sheet.All.Verified.Count)
		}
		b.configure(func(o *Options) { o.Report = &figures.Report{At: 22 * time.Hour} })
		b.clock.Advance(8 * time.Hour)
		got := b.summaries("boss", "11-")
		if len(got) != 1 {
			t.Fatalf("%d summaries", len(got))
		}
		has(t, got[0], "11-23 "+want)
		if got[0].File == nil || got[0].File.Kind != bot.Image {
			t.Error("the summary has lost its picture")
		}
		b.tell("boss", "导出 今日")
		if sent := b.exported(); len(sent) == 0 || !strings.Contains(sent[len(sent)-1].Reply.Text, "核销 "+want) {
			t.Errorf("the export says %+v", sent)
		}
	})
}
