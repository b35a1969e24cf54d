package command

import (
	"testing"
	"time"
)

func TestReadPeriod(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Period{
		"今日": Today, "今天": Today, "昨日": Yesterday, "昨天。": Yesterday,
		"本周": ThisWeek, "这周": ThisWeek, "上周": LastWeek,
		"本月": ThisMonth, "这个月": ThisMonth, "上月": LastMonth, " 上个月 ！": LastMonth,
		"9月": "09", "９月": "09", "09月份": "09", "12 月": "12",
		"2026年9月": "2026-09", "2026-09": "2026-09", "2026/9": "2026-09", "2026.9": "2026-09",
		"2026-11-20": "2026-11-20", "2026年11月20日": "2026-11-20", "2026-1-2": "2026-01-02", "2026–11–20": "2026-11-20",
		"11月20日": "11-20", "11月20号": "11-20", "11-20": "11-20", "2月29日": "02-29",
	} {
		if got, ok := ReadPeriod(text); !ok || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "月", "13月", "0月", "2月30日", "2025-02-29", "2026-13", "1999-01-01", "20261120",
		"9月天气", "7992697494", "今日 昨日", "2026年", "11-", "today", "last week"} {
		if got, ok := ReadPeriod(text); ok {
			t.Errorf("%q is no period, read as %q", text, got)
		}
	}
}

func TestPeriodSpan(t *testing.T) {
	t.Parallel()
	china := time.FixedZone("CST", 8*3600)
	tuesday := time.Date(2026, 11, 23, 16, 30, 0, 0, time.UTC) // 2026-11-24 00:30 in China
	sunday := time.Date(2026, 3, 1, 23, 59, 59, 0, china)
	for _, c := range []struct {
		period    Period
		now       time.Time
		from, to  string // days, the second one no longer in it
		wantTitle string
	}{
		{Today, tuesday, "2026-11-24", "2026-11-25", "今日 11-24"},
		{Yesterday, tuesday, "2026-11-23", "2026-11-24", "昨日 11-23"},
		{Yesterday, sunday, "2026-02-28", "2026-03-01", "昨日 02-28"},
		{ThisWeek, tuesday, "2026-11-23", "2026-11-25", "本周 11-23 至 11-24"},
		{ThisWeek, sunday, "2026-02-23", "2026-03-02", "本周 02-23 至 03-01"},
		{LastWeek, tuesday, "2026-11-16", "2026-11-23", "上周 11-16 至 11-22"},
		{LastWeek, sunday, "2026-02-16", "2026-02-23", "上周 02-16 至 02-22"},
		{ThisMonth, tuesday, "2026-11-01", "2026-11-25", "2026年11月"},
		{LastMonth, tuesday, "2026-10-01", "2026-11-01", "2026年10月"},
		{LastMonth, time.Date(2026, 1, 31, 12, 0, 0, 0, china), "2025-12-01", "2026-01-01", "2025年12月"},
		{LastMonth, time.Date(2026, 3, 31, 12, 0, 0, 0, china), "2026-02-01", "2026-03-01", "2026年2月"},
		{"09", tuesday, "2026-09-01", "2026-10-01", "2026年9月"},
		{"11", tuesday, "2026-11-01", "2026-11-25", "2026年11月"},
		{"12", tuesday, "2025-12-01", "2026-01-01", "2025年12月"},
		{"2025-09", tuesday, "2025-09-01", "2025-10-01", "2025年9月"},
		{"2026-11-20", tuesday, "2026-11-20", "2026-11-21", "2026-11-20"},
		{"11-24", tuesday, "2026-11-24", "2026-11-25", "2026-11-24"},
		{"11-25", tuesday, "2025-11-25", "2025-11-26", "2025-11-25"},
		{"2026-W47", tuesday, "2026-11-16", "2026-11-23", "11-16 至 11-22"},
		{"2026-W48", tuesday, "2026-11-23", "2026-11-25", "11-23 至 11-29"},
		{"2020-W53", tuesday, "2020-12-28", "2021-01-04", "12-28 至 01-03"},
		{"02-29", tuesday, "2024-02-29", "2024-03-01", "2024-02-29"},
	} {
		got, ok := c.period.Span(c.now, china)
		from, to := got.From.Format(time.DateTime), got.To.Format(time.DateTime)
		if !ok || from != c.from+" 00:00:00" || to != c.to+" 00:00:00" || got.Title != c.wantTitle {
			t.Errorf("%q on %v: %s to %s, %q, %v; want %s to %s, %q", c.period, c.now.In(china), from, to, got.Title, ok, c.from, c.to, c.wantTitle)
		}
		if got.From.Location() != china {
			t.Errorf("%q: in %v", c.period, got.From.Location())
		}
	}
	for _, p := range []Period{"2026-11-25", "2026-12", "", "2026-02-30", "13", "soon"} {
		if got, ok := p.Span(tuesday, china); ok {
			t.Errorf("%q: %v, but it has not begun or is none", p, got)
		}
	}
}

// A day on which clocks change has 23 or 25 hours, and days still begin at
// midnight.
func TestPeriodSpanWhereClocksChange(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for day, hours := range map[Period]float64{"2026-03-29": 23, "2026-10-25": 25, "2026-03-30": 24} {
		s, ok := day.Span(time.Date(2026, 11, 24, 12, 0, 0, 0, paris), paris)
		if got := s.To.Sub(s.From).Hours(); !ok || got != hours {
			t.Errorf("%s has %v hours, want %v", day, got, hours)
		}
	}
}
