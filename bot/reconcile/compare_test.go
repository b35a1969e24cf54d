package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
)

const day = "2026-11-22"

// at is a time of the day in Beijing.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 22, hour, minute, 0, 0, Zone) }

// untold is a price that nobody tells.
const untold = -1

func listed(code string, fen int64, when time.Time) platform.Record {
	return platform.Record{
		Code: code, PriceFen: max(fen, 0), PriceKnown: fen != untold, At: when, Account: "zhangsan", Channel: "15", Interface: true, Title: "下午茶",
	}
}

func entry(code string, fen int64, when time.Time) Entry {
	price := models.Price{Fen: max(fen, 0), Unknown: fen == untold}
	return Entry{OperationID: "op-" + code, Code: code, OrderID: "order-" + code, Title: "下午茶", Account: "zhangsan", Price: price, At: when}
}

func compare(t *testing.T, list []platform.Record, ours []Entry) *Comparison {
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
	till.Channel, till.Interface, till.Foreign, till.Account = "1", false, true, "till"
	gone := listed("71", 100, at(9, 0))
	gone.RefundStatus, gone.Refunded = "6", true
	used := gone
	used.RefundStatus, used.Refunded = "1", false
	undone, doubt := entry("72", 100, at(9, 0)), entry("73", 100, at(9, 0))
	undone.Standing, doubt.Standing = WasUndone, InDoubt
	visit := entry("7", 100, at(9, 0))
	visit.Reusable = true
	late, midnight, gaveBack := visit, visit, visit
	late.At, midnight.At = at(0, 0).Add(-20*time.Minute), at(0, 0).Add(-time.Second)
	gaveBack.At, gaveBack.Standing = at(13, 0), WasUndone
	for name, c := range map[string]struct {
		list []platform.Record
		ours []Entry
		want string
	}{
		"nothing":            {nil, nil, "平台 0 笔 = 机器人 0"},
		"in both":            {[]platform.Record{listed("7", 100, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"at the till":        {[]platform.Record{till}, nil, "平台 1 笔 = 机器人 0 + 店内 1\nin_shop 70"},
		"other system":       {[]platform.Record{listed("7", 100, at(9, 0))}, nil, "平台 1 笔 = 机器人 0 + 其他系统 1\nother_system 7"},
		"only ours":          {nil, []Entry{entry("7", 100, at(9, 0))}, "平台 0 笔 = 机器人 0；平台没有 1 笔\nonly_ours 7"},
		"price differs":      {[]platform.Record{listed("7", 90, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；金额不符 1 笔\namount_differs 7"},
		"price of 0":         {[]platform.Record{listed("7", 0, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；金额不符 1 笔\namount_differs 7"},
		"ours is 0":          {[]platform.Record{listed("7", 100, at(9, 0))}, []Entry{entry("7", 0, at(9, 0))}, "平台 1 笔 = 机器人 1；金额不符 1 笔\namount_differs 7"},
		"ours untold":        {[]platform.Record{listed("7", 100, at(9, 0))}, []Entry{entry("7", untold, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"a visit":            {[]platform.Record{listed("7", 1000, at(9, 0))}, []Entry{visit}, "平台 1 笔 = 机器人 1"},
		"price untold":       {[]platform.Record{listed("7", untold, at(9, 0))}, []Entry{entry("7", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"refunded":           {[]platform.Record{gone}, []Entry{entry("71", 100, at(9, 0))}, "平台 1 笔 = 机器人 1；已退款 1 笔\nrefunded 71"},
		"not refunded":       {[]platform.Record{used}, []Entry{entry("71", 100, at(9, 0))}, "平台 1 笔 = 机器人 1"},
		"refunded, not ours": {[]platform.Record{gone}, nil, "平台 1 笔 = 机器人 0 + 其他系统 1；已退款 1 笔\nother_system 71"},
		"undone":             {nil, []Entry{undone}, "平台 0 笔 = 机器人 0"},
		"undone, listed":     {[]platform.Record{listed("72", 100, at(9, 0))}, []Entry{undone}, "平台 1 笔 = 机器人 0 + 已撤销 1\nundone 72"},
		"doubtful":           {nil, []Entry{doubt}, "平台 0 笔 = 机器人 0；还没有结果 1 笔\ndoubtful 73"},
		"doubtful, listed":   {[]platform.Record{listed("73", 100, at(9, 0))}, []Entry{doubt}, "平台 1 笔 = 机器人 0 + 待确认 1\ndoubtful 73"},
		"the worst first": {[]platform.Record{till, gone}, []Entry{entry("8", 100, at(10, 0)), entry("7", 100, at(9, 0)), doubt, entry("71", 100, at(9, 0))},
			"平台 2 笔 = 机器人 1 + 店内 1；平台没有 2 笔；还没有结果 1 笔；已退款 1 笔\nonly_ours 7\nonly_ours 8\ndoubtful 73\nin_shop 70\nrefunded 71"},
		// What a neighbouring day has is of no interest, unless the list has it.
		"other days": {[]platform.Record{listed("7", 100, at(0, 0))},
			[]Entry{entry("7", 100, at(0, 0).Add(-time.Second)), entry("8", 100, at(23, 59).Add(time.Minute)), entry("9", 100, at(0, 0).Add(-time.Second))},
			"平台 1 笔 = 机器人 1"},
		// A card for several visits keeps its code.
		"one code, three times": {[]platform.Record{listed("7", 100, at(9, 0)), listed("7", 100, at(12, 0)), listed("7", 100, at(18, 0))},
			[]Entry{entry("7", 100, at(12, 0)), entry("7", 100, at(9, 1))},
			"平台 3 笔 = 机器人 2 + 其他系统 1\nother_system 7"},
		"a visit of the evening before":      {[]platform.Record{listed("7", 100, at(0, 10))}, []Entry{late}, "平台 1 笔 = 机器人 0 + 其他系统 1\nother_system 7"},
		"a visit at midnight":                {[]platform.Record{listed("7", 100, at(0, 0))}, []Entry{midnight}, "平台 1 笔 = 机器人 1"},
		"a visit undone, listed last":        {[]platform.Record{listed("7", 100, at(9, 1)), listed("7", 100, at(13, 1))}, []Entry{visit, gaveBack}, "平台 2 笔 = 机器人 1 + 已撤销 1\nundone 7"},
		"a visit undone, listed first":       {[]platform.Record{listed("7", 100, at(13, 1)), listed("7", 100, at(9, 1))}, []Entry{visit, gaveBack}, "平台 2 笔 = 机器人 1 + 已撤销 1\nundone 7"},
		"a visit undone, another elsewhere":  {[]platform.Record{listed("7", 100, at(18, 0))}, []Entry{gaveBack}, "平台 1 笔 = 机器人 0 + 其他系统 1\nother_system 7"},
		"a visit missing, another elsewhere": {[]platform.Record{listed("7", 100, at(18, 0))}, []Entry{visit}, "平台 1 笔 = 机器人 0 + 其他系统 1；平台没有 1 笔\nonly_ours 7\nother_system 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, summary(compare(t, c.list, c.ours)), c.want)
		})
	}
}

// What of a neighbouring day is not listed is none of this day's, whatever is said of it.
func TestNeighbouringDayRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	before := entry("7", 100, at(0, 0).Add(-time.Second))
	c := compare(t, nil, []Entry{before, entry("8", 100, at(0, 0).Add(-3*time.Minute))})
	same(t, len(c.asked), 1)
	same(t, summary(c), "平台 0 笔 = 机器人 0")
	c = compare(t, nil, []Entry{before})
	c.unclear(c.asked[0])
	same(t, summary(c), "平台 0 笔 = 机器人 0")
}

// What the list leaves open is asked for singly.
func TestConfirm(t *testing.T) {
	t.Parallel()
	undone := entry("72", 100, at(9, 0))
	undone.Standing = WasUndone
	ours := []Entry{entry("7", 100, at(9, 0)), undone}
	list := []platform.Record{listed("72", 100, at(9, 0))}
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
			same(t, len(comparison.asked), 2)
			for _, q := range comparison.asked {
				if when, ok := c.told[q.entry.Code]; ok {
					comparison.confirm(q, platform.Record{Code: q.entry.Code, At: when})
				}
			}
			same(t, summary(comparison), c.want)
		})
	}
}

// Of a code with several visits, the platform tells one when asked by the code.
func TestConfirmVisit(t *testing.T) {
	t.Parallel()
	visit := func(hour, minute int, s Standing) Entry {
		e := entry("7", 100, at(hour, minute))
		e.Reusable, e.Standing = true, s
		return e
	}
	for name, c := range map[string]struct {
		list []time.Time
		ours []Entry
		told time.Time
		want string
	}{
		"an earlier one stands": {[]time.Time{at(10, 0), at(13, 0)}, []Entry{visit(10, 0, Stands), visit(13, 0, WasUndone)}, at(10, 0),
			"平台 2 笔 = 机器人 1 + 已撤销 1\nundone 7"},
		"an earlier one stands, a moment before": {[]time.Time{at(10, 0), at(10, 9)}, []Entry{visit(10, 0, Stands), visit(10, 9, WasUndone)}, at(10, 1),
			"平台 2 笔 = 机器人 1 + 已撤销 1\nundone 7"},
		"one at the till": {[]time.Time{at(10, 0), at(10, 9)}, []Entry{visit(10, 9, WasUndone)}, at(10, 0),
			"平台 2 笔 = 机器人 0 + 其他系统 1 + 已撤销 1\nother_system 7\nundone 7"},
		"the undone one": {[]time.Time{at(10, 0), at(13, 0)}, []Entry{visit(10, 0, Stands), visit(13, 0, WasUndone)}, at(13, 0),
			"平台 2 笔 = 机器人 1 + 撤销没成功 1\nundo_failed 7"},
		"missing, and another is told": {[]time.Time{at(10, 0)}, []Entry{visit(10, 0, Stands), visit(10, 9, Stands)}, at(10, 0),
			"平台 1 笔 = 机器人 1；平台没有 1 笔\nonly_ours 7"},
		"missing, and a later one is told": {[]time.Time{at(10, 9)}, []Entry{visit(10, 0, Stands), visit(10, 8, Stands)}, at(10, 9),
			"平台 1 笔 = 机器人 1；平台没有 1 笔\nonly_ours 7"},
		"missing, as is the one that is told": {nil, []Entry{visit(10, 0, Stands), visit(13, 0, Stands)}, at(13, 0),
			"平台 0 笔 = 机器人 0；还没有结果 1 笔；单独查到 1 笔\ndoubtful 7\nunlisted 7"},
		"two in a second, listed as one": {[]time.Time{at(10, 0)}, []Entry{visit(10, 0, Stands), visit(10, 0, Stands)}, at(10, 0),
			"平台 1 笔 = 机器人 1；单独查到 1 笔\nunlisted 7"},
		"two in a second, listed as one, and a later one is told": {[]time.Time{at(10, 0), at(13, 0)},
			[]Entry{visit(10, 0, Stands), visit(10, 0, Stands), visit(13, 0, Stands)}, at(13, 0),
			"平台 2 笔 = 机器人 2；单独查到 1 笔\nunlisted 7"},
		"not told when": {[]time.Time{at(10, 0)}, []Entry{visit(10, 0, WasUndone)}, time.Time{},
			"平台 1 笔 = 机器人 0 + 撤销没成功 1\nundo_failed 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []platform.Record
			for _, when := range c.list {
				list = append(list, listed("7", 100, when))
			}
			comparison := compare(t, list, c.ours)
			for _, q := range comparison.asked {
				comparison.confirm(q, platform.Record{Code: "7", At: c.told})
			}
			same(t, summary(comparison), c.want)
		})
	}
}

// Where the clocks disagree about midnight, a verification counts on the platform's day
// alone, whichever clock is ahead.
func TestMidnightCountsOnce(t *testing.T) {
	t.Parallel()
	midnight := at(0, 0).AddDate(0, 0, 1)
	for name, c := range map[string]struct {
		ours, platforms time.Time
		listed          bool
	}{
		"the platform's is ahead":          {midnight.Add(-time.Second), midnight.Add(time.Second), true},
		"the platform's lags":              {midnight.Add(time.Second), midnight.Add(-time.Second), true},
		"at midnight itself":               {midnight.Add(-time.Second), midnight, true},
		"the platform's is ahead, no list": {midnight.Add(-time.Second), midnight.Add(time.Second), false},
		"the platform's lags, no list":     {midnight.Add(time.Second), midnight.Add(-time.Second), false},
		"the clocks agree, no list":        {midnight.Add(-time.Second), midnight.Add(-time.Second), false},
		"not told when, no list":           {midnight.Add(-time.Second), time.Time{}, false},
	} {
		for _, h := range []string{"", "1/75"} {
			t.Run(name+h, func(t *testing.T) {
				t.Parallel()
				e, r := entry("7", 4990, c.ours), listed("7", 4990, c.platforms)
				e.Handle, r.Handle = h, h
				e.Payments = platform.Paid{Customer: 4990, Total: 4990}
				var sum Figures
				for _, day := range []string{day, daysAfter(day, 1)} {
					var list []platform.Record
					if c.listed && DayOf(r.At) == day {
						list = append(list, r)
					}
					comparison, err := Compare(day, list, []Entry{e})
					if err != nil {
						t.Fatal(err)
					}
					for _, q := range comparison.asked {
						comparison.confirm(q, r)
					}
					f, items := comparison.Result()
					if c.listed && len(items) > 0 || f.Alarming() || f.Matched.Count != len(list) {
						t.Errorf("%s: %s, %+v", day, f.Line(), items)
					}
					sum = sum.Plus(f)
				}
				want := "平台 1 笔 = 机器人 1"
				if !c.listed {
					want = "平台 0 笔 = 机器人 0；单独查到 1 笔"
				}
				same(t, sum.Line(), want)
				same(t, sum.Money, Money{Customer: 4990, Due: 4990, Exact: 1})
			})
		}
	}
}

func TestFiguresAddUp(t *testing.T) {
	t.Parallel()
	c := compare(t, []platform.Record{listed("7", 90, at(9, 0)), listed("8", 250, at(9, 0))}, []Entry{entry("7", 100, at(9, 0)), entry("9", 400, at(9, 0))})
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

	s.Windows = map[string]time.Duration{"douyin": time.Hour}
	same(t, s.Of("meituan").Closed(day).In(Zone).Format("01-02 15:04"), "11-23 00:15")
	same(t, s.Of("douyin").Closed(day).In(Zone).Format("01-02 15:04"), "11-23 01:05")
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

// Where records have handles, entries are found by those: the code that was typed may be
// another than the one that is told, and a card for several visits has one code.
func TestCompareByHandle(t *testing.T) {
	t.Parallel()
	record := func(code, handle string, minute int) platform.Record {
		r := listed(code, 100, at(9, minute))
		r.Handle, r.DealID, r.Account, r.Channel = handle, 7, "", "4"
		return r
	}
	ours := func(code, handle string, minute int) Entry {
		e := entry(code, 100, at(9, minute))
		e.Handle, e.DealID = handle, 7
		return e
	}
	changed := func(e Entry, s Standing) Entry { e.Standing = s; return e }
	gone := func(r platform.Record) platform.Record { r.Undone = true; return r }
	till := func(r platform.Record) platform.Record { r.Interface, r.Foreign = false, true; return r }
	for name, c := range map[string]struct {
		list []platform.Record
		ours []Entry
		want string
	}{
		"another code": {[]platform.Record{record("750", "1/75", 0)}, []Entry{ours("104930181552", "1/75", 3)}, "平台 1 笔 = 机器人 1"},
		"visits": {[]platform.Record{record("1049", "2/75", 2), record("1049", "1/75", 2), record("1049", "3/75", 2)},
			[]Entry{ours("1049", "1/75", 2), ours("1049", "2/75", 2)}, "平台 3 笔 = 机器人 2 + 其他系统 1\nother_system 1049"},
		"another use of the code": {[]platform.Record{record("1049", "9/75", 0)}, []Entry{ours("1049", "1/75", 0)},
			"平台 1 笔 = 机器人 0 + 其他系统 1；平台没有 1 笔\nonly_ours 1049\nother_system 1049"},
		"undone by us":    {[]platform.Record{gone(record("1049", "1/75", 0))}, []Entry{changed(ours("1049", "1/75", 0), WasUndone)}, "平台 0 笔 = 机器人 0"},
		"undone there":    {[]platform.Record{gone(record("1049", "1/75", 0))}, []Entry{ours("1049", "1/75", 0)}, "平台 0 笔 = 机器人 0；平台已撤销 1 笔\nundone_there 1049"},
		"undone, not our": {[]platform.Record{gone(record("1049", "1/75", 0))}, nil, "平台 0 笔 = 机器人 0"},
		"undo in doubt":   {[]platform.Record{gone(record("1049", "1/75", 0))}, []Entry{changed(ours("1049", "1/75", 0), InDoubt)}, "平台 0 笔 = 机器人 0；还没有结果 1 笔\ndoubtful 1049"},
		"undone and used again": {[]platform.Record{record("1049", "2/75", 5), gone(record("1049", "1/75", 0))},
			[]Entry{changed(ours("1049", "1/75", 0), WasUndone), ours("1049", "2/75", 5)}, "平台 1 笔 = 机器人 1"},
		"a doubt by its code":      {[]platform.Record{record("1049", "1/75", 30)}, []Entry{changed(ours("1049", "", 0), InDoubt)}, "平台 1 笔 = 机器人 0 + 待确认 1\ndoubtful 1049"},
		"a doubt by its time":      {[]platform.Record{record("750", "1/75", 1)}, []Entry{changed(ours("1049", "", 0), InDoubt)}, "平台 1 笔 = 机器人 0 + 待确认 1\ndoubtful 1049"},
		"closed by a person":       {[]platform.Record{record("750", "1/75", 1)}, []Entry{ours("https://v.douyin.com/x/", "", 0)}, "平台 1 笔 = 机器人 1"},
		"a doubt, later":           {[]platform.Record{record("750", "1/75", 5)}, []Entry{changed(ours("1049", "", 0), InDoubt)}, "平台 1 笔 = 机器人 0 + 其他系统 1；还没有结果 1 笔\ndoubtful 1049\nother_system 750"},
		"a doubt, and at the till": {[]platform.Record{till(record("750", "1/75", 1))}, []Entry{changed(ours("1049", "", 0), InDoubt)}, "平台 1 笔 = 机器人 0 + 店内 1；还没有结果 1 笔\ndoubtful 1049\nin_shop 750"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, summary(compare(t, c.list, c.ours)), c.want)
		})
	}

	// What is told as undone is asked about singly, by its handle: whenever it was.
	c := compare(t, []platform.Record{gone(record("1049", "1/75", 0))}, []Entry{ours("1049", "1/75", 0)})
	c.confirm(c.asked[0], platform.Record{At: at(12, 0)})
	same(t, summary(c), "平台 0 笔 = 机器人 0；单独查到 1 笔\nunlisted 1049")
	c = compare(t, nil, []Entry{ours("1049", "1/75", 0)})
	c.unclear(c.asked[0])
	same(t, summary(c), "平台 0 笔 = 机器人 0；还没有结果 1 笔\ndoubtful 1049")
}

// What is kept by a program of before, which knew no price of 0, reads as it did.
func TestReadFormer(t *testing.T) {
	t.Parallel()
	r, ok := Read(models.Reconciliation{Looks: 1, Figures: `{"listed":{"n":2,"fen":100,"x":1},"money":{}}`},
		[]models.ReconciliationItem{{Kind: "in_shop", PlatformFen: 100}, {Kind: "in_shop"}, {Kind: "in_shop", PriceKnown: true}})
	if !ok || r.Figures.Listed != (models.Sum{Count: 2, Fen: 100, Unpriced: 1}) {
		t.Errorf("%+v", r)
	}
	same(t, r.Items[0].Amount()+" "+r.Items[1].Amount()+" "+r.Items[2].Amount(), "¥1.00 金额不详 ¥0.00")
}
