package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

func TestSpansToKeep(t *testing.T) {
	t.Parallel()
	china := time.FixedZone("CST", 8*3600)
	for now, want := range map[string]string{
		"2026-11-24 05:59": "day 11-24/00 11-24/04, week 11-23/00 11-24/04, month 11-01/00 11-24/04, day 11-23/00 11-24/00, week 11-16/00 11-23/00, month 10-01/00 11-01/00, month 09-01/00 10-01/00",
		"2026-11-24 01:59": "day 11-23/00 11-24/00, week 11-23/00 11-24/00, month 11-01/00 11-24/00, day 11-22/00 11-23/00, week 11-16/00 11-23/00, month 10-01/00 11-01/00, month 09-01/00 10-01/00",
		"2026-11-24 00:30": "day 11-23/00 11-23/23, week 11-23/00 11-23/23, month 11-01/00 11-23/23, day 11-22/00 11-23/00, week 11-16/00 11-23/00, month 10-01/00 11-01/00, month 09-01/00 10-01/00",
		"2026-12-01 01:00": "day 11-30/00 12-01/00, week 11-30/00 12-01/00, month 11-01/00 12-01/00, day 11-29/00 11-30/00, week 11-23/00 11-30/00, month 10-01/00 11-01/00, month 09-01/00 10-01/00",
		"2026-03-02 07:00": "day 03-02/00 03-02/06, week 03-02/00 03-02/06, month 03-01/00 03-02/06, day 03-01/00 03-02/00, week 02-23/00 03-02/00, month 02-01/00 03-01/00, month 01-01/00 02-01/00",
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", now, china)
		if err != nil {
			t.Fatal(err)
		}
		spans := spansToKeep(at)
		var got []string
		for _, s := range spans {
			got = append(got, fmt.Sprint(s.kind, s.From.Format(" 01-02/15"), s.To.Format(" 01-02/15")))
			if s.To.Add(models.KeepAfter).After(at) {
				t.Errorf("at %s, %s is not over", now, got[len(got)-1])
			}
		}
		if s := strings.Join(got[:7], ", "); s != want {
			t.Errorf("at %s:\n%s, want\n%s", now, s, want)
		}
		if first := spans[len(spans)-1]; len(spans) != keptDays+keptWeeks+keptMonths || first.From != spans[2].From.AddDate(-1, 0, 0) {
			t.Errorf("at %s: %d spans since %v", now, len(spans), first.From)
		}
	}
}

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
		m.Kind, m.Text = Text, "验 "+code
		b.start(m)
		b.clock.Advance(24 * time.Hour)
		kept := func() {
			t.Helper()
			b.bot.Pass(t.Context())
			b.clock.Advance(keepEvery)
			b.bot.Pass(t.Context())
			for _, span := range spansToKeep(b.bot.in(b.clock.Now())) {
				missing, err := b.db.FiguresToKeep(t.Context(), []int64{1, 2}, counted(span))
				b.must(err)
				if len(missing) > 0 {
					t.Errorf("%s since %v: figures of %v are not kept", span.kind, span.From, missing)
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
