package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/dianping"
	"yanquan/models"
)

const day = "2026-11-22"

// at is a time of the day in Beijing.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 22, hour, minute, 0, 0, Zone) }

func listed(code string, price dianping.Fen, when time.Time) dianping.Record {
	return dianping.Record{Code: code, Price: price, VerifyTime: when, VerifyAccount: "zhangsan", VerifyChannel: byInterface, Title: "下午茶"}
}

func entry(code string, price dianping.Fen, when time.Time) Entry {
	return Entry{OperationID: "op-" + code, Code: code, OrderID: "order-" + code, Title: "下午茶", Account: "zhangsan", Price: price, At: when}
}

func compare(t *testing.T, list []dianping.Record, ours []Entry) *Comparison {
	t.Helper()
	c, err := Compare(day, list, ours)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// summary is the line, and each item as "kind code".
func summary(c *Comparison) string {
	f, items := c.Result()
	s := f.Line()
	for _, i := range items {
		s += "\n" + string(i.Kind) + " " + i.Code
	}
	return s
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("differs (-want +got):\n%s", d)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	till := listed("70", 100, at(9, 0))
	till.VerifyChannel, till.VerifyAccount = "1", "till"
	gone := listed("71", 100, at(9, 0))
	gone.RefundStatus = "6"
	unused := gone
	unused.RefundStatus = "4"
	used := gone
	used.RefundStatus = "1"
	undone, doubt := entry("72", 100, at(9, 0)), entry("73", 100, at(9, 0))
	undone.Standing, doubt.Standing = WasUndone, InDoubt
	for name, c := range map[string]struct {
		list []dianping.Record
		ours []Entry
		want string
	}{
		"nothing":            {nil, nil, "平台 0 笔 = 机器人 0"},
		"in both":            {[]dianping.Record{listed("7", 100, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"at the till":        {[]dianping.Record{till}, nil, "平台 1 笔 = 机器人 0 + 店内 1\nin_shop 70"},
		"other system":       {[]dianping.Record{listed("7", 100, at(9, 0))}, nil, "平台 1 笔 = 机器人 0 + 其他系统 1\nother_system 7"},
		"only ours":          {nil, []Entry{entry("7", 100, at(9, 0))}, "平台 0 笔 = 机器人 0；平台没有 1 笔\nonly_ours 7"},
		"price differs":      {[]dianping.Record{listed("7", 90, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；金额不符 1 笔\namount_differs 7"},
		"price untold":       {[]dianping.Record{listed("7", 0, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"refunded":           {[]dianping.Record{gone}, []Entry{entry("71", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；已退款 1 笔\nrefunded 71"},
		"refunded, 4":        {[]dianping.Record{unused}, []Entry{entry("71", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；已退款 1 笔\nrefunded 71"},
		"not refunded":       {[]dianping.Record{used}, []Entry{entry("71", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"refunded, not ours": {[]dianping.Record{gone}, nil, "平台 1 笔 = 机器人 0 + 其他系统 1；已退款 1 笔\nother_system 71"},
		"undone":             {nil, []Entry{undone}, "平台 0 笔 = 机器人 0"},
		"undone, listed":     {[]dianping.Record{listed("72", 100, at(9, 0))}, []Entry{undone}, "平台 1 笔 = 机器人 0 + 已撤销 1\nundone 72"},
		"doubtful":           {nil, []Entry{doubt}, "平台 0 笔 = 机器人 0；还没有结果 1 笔\ndoubtful 73"},
		"doubtful, listed":   {[]dianping.Record{listed("73", 100, at(9, 0))}, []Entry{doubt}, "平台 1 笔 = 机器人 0 + 待确认 1\ndoubtful 73"},
		"the worst first": {[]dianping.Record{till, gone}, []Entry{entry("8", 100, at(10, 0)), entry("7", 100, at(9, 0)), doubt, entry("71", 100, at(9, 0))},
			"平台 2 笔 = 机器人 1 + 店内 1；平台没有 2 笔；还没有结果 1 笔；已退款 1 笔\nonly_ours 7\nonly_ours 8\ndoubtful 73\nin_shop 70\nrefunded 71"},
		// What a neighbouring day has is of no interest, unless the list has it.
		"other days": {[]dianping.Record{listed("7", 100, at(0, 0))},
			[]Entry{entry("7", 100, at(0, 0).Add(-time.Second)), entry("8", 100, at(23, 59).Add(time.Minute)), entry("9", 100, at(0, 0).Add(-time.Second))},
			"平台 1 笔 = 机器人 1"},
		// A card for several visits keeps its code.
		"one code, three times": {[]dianping.Record{listed("7", 100, at(9, 0)), listed("7", 100, at(12, 0)), listed("7", 100, at(18, 0))},
			[]Entry{entry("7", 100, at(12, 0)), entry("7", 100, at(9, 1))},
			"平台 3 笔 = 机器人 2 + 其他系统 1\nother_system 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, summary(compare(t, c.list, c.ours)), c.want)
		})
	}
}

// What the list leaves open is asked for singly.
func TestConfirm(t *testing.T) {
	t.Parallel()
	undone := entry("72", 100, at(9, 0))
	undone.Standing = WasUndone
	ours := []Entry{entry("7", 100, at(9, 0)), undone}
	list := []dianping.Record{listed("72", 100, at(9, 0))}
	for name, c := range map[string]struct {
		told map[string]time.Time // what is consumed, and when
		want string
	}{
		"nothing is consumed": {nil, "平台 1 笔 = 机器人 0 + 已撤销 1；平台没有 1 笔\nonly_ours 7\nundone 72"},
		"both are":            {map[string]time.Time{"7": at(9, 1), "72": at(9, 0)}, "平台 1 笔 = 机器人 0 + 撤销没成功 1；单独查到 1 笔\nundo_failed 72\nunlisted 7"},
		"at another time":     {map[string]time.Time{"7": at(12, 0)}, "平台 1 笔 = 机器人 0 + 已撤销 1；平台没有 1 笔\nonly_ours 7\nundone 72"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comparison := compare(t, list, ours)
			items := comparison.asked()
			same(t, len(items), 2)
			for _, item := range items {
				for _, e := range ours {
					if when, ok := c.told[item.Code]; ok && e.Code == item.Code {
						comparison.confirm(item, dianping.Record{Code: item.Code, VerifyTime: when}, e)
					}
				}
			}
			same(t, summary(comparison), c.want)
		})
	}
}

func TestFiguresAddUp(t *testing.T) {
	t.Parallel()
	c := compare(t, []dianping.Record{listed("7", 90, at(9, 0)), listed("8", 250, at(9, 0))}, []Entry{entry("7", 100, at(9, 0)), entry("9", 400, at(9, 0))})
	f, items := c.Result()
	same(t, f.Listed, models.Sum{Count: 2, Fen: 340})
	same(t, f.Matched, models.Sum{Count: 1, Fen: 100})
	same(t, f.OtherSystem, models.Sum{Count: 1, Fen: 250})
	same(t, f.OnlyOurs, models.Sum{Count: 1, Fen: 400})
	same(t, f.Difference, dianping.Fen(-10))
	if !f.Alarming() || f.Even() {
		t.Error("a verification that the platform does not know is alarming")
	}
	twice := f.Plus(f)
	same(t, twice.Line(), "平台 4 笔 = 机器人 2 + 其他系统 2；平台没有 2 笔；金额不符 2 笔")
	same(t, twice.Money.Untold, 2*f.Money.Untold)

	// What is stored is read back as it was.
	text, rows, err := write(f, items)
	if err != nil || len(text) > 2000 {
		t.Fatalf("%d characters, %v", len(text), err)
	}
	got, ok := Read(models.Reconciliation{StoreID: 1, Day: day, Looks: 1, Figures: text, CheckedAt: at(23, 0), DueAt: at(23, 30)}, rows)
	same(t, ok, true)
	same(t, got, Result{StoreID: 1, Day: day, CheckedAt: at(23, 0), Figures: f, Items: items})
	if _, ok := Read(models.Reconciliation{Figures: text}, nil); ok {
		t.Error("there is a result before any look has succeeded")
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	newYork := time.FixedZone("EST", -5*60*60)
	for _, c := range []struct {
		at    time.Duration
		zone  *time.Location
		first string
	}{
		{3*time.Hour + 30*time.Minute, Zone, "2026-11-23T03:30:00+08:00"},
		{0, Zone, "2026-11-24T00:00:00+08:00"},                // the undo window is open at midnight
		{15 * time.Minute, Zone, "2026-11-23T00:15:00+08:00"}, // the very moment
		{14 * time.Minute, Zone, "2026-11-24T00:14:00+08:00"},
		{22 * time.Hour, newYork, "2026-11-23T11:00:00+08:00"}, // the day ends at 11:00 there
		{9 * time.Hour, newYork, "2026-11-23T22:00:00+08:00"},
	} {
		s := Schedule{At: c.at, Location: c.zone, UndoWindow: 10 * time.Minute}
		if got := s.First(day).In(Zone).Format(time.RFC3339); got != c.first {
			t.Errorf("%v in %v: first look %s, want %s", c.at, c.zone, got, c.first)
		}
	}
	s := Schedule{At: 3*time.Hour + 30*time.Minute, Location: Zone, UndoWindow: 10 * time.Minute}
	var looks []string
	for next := s.First(day); !next.IsZero(); next = s.Next(day, next) {
		looks = append(looks, next.In(Zone).Format("01-02 15:04"))
	}
	same(t, strings.Join(looks, ", "), "11-23 03:30, 11-24 03:30, 11-26 03:30, 11-30 03:30")
	same(t, s.Next(day, s.First(daysAfter(day, 2))), s.First(daysAfter(day, 3))) // a night was missed
}

func TestDaysAreBeijings(t *testing.T) {
	t.Parallel()
	same(t, DayOf(time.Date(2026, 11, 22, 15, 59, 59, 0, time.UTC)), "2026-11-22")
	same(t, DayOf(time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)), "2026-11-23")
	from, to, err := Bounds(day)
	if err != nil || to.Sub(from) != 24*time.Hour || DayOf(from) != day || DayOf(to) == day {
		t.Errorf("%v to %v, %v", from, to, err)
	}
	if _, _, err := Bounds("2026-13-01"); err == nil {
		t.Error("a thirteenth month has bounds")
	}
}
