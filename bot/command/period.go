package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Period is a span of days that people name: one of the words below, a month
// ("2026-09", or "09" for the last September there was) or a day ("2026-11-20",
// or "11-20" for the last one). Programs also write "2026-W47", a week by ISO 8601.
// What it means depends on today: see
// [Period.Span].
type Period string

const (
	Today     Period = "today"
	Yesterday Period = "yesterday"
	ThisWeek  Period = "week" // weeks begin on Monday
	LastWeek  Period = "last week"
	ThisMonth Period = "month"
	LastMonth Period = "last month"
)

// Span is a period in time: from its first moment until before another.
type Span struct {
	From, To time.Time
	Title    string // 昨日 11-23, 2026年9月, …
	Kind     string
}

// Kinds of spans whose figures are kept; see [spansToKeep].
const (
	Days   = "day"
	Months = "month"
	Weeks  = "week"
)

// periodWords are what people call the periods that move.
var periodWords = map[string]Period{
	"今日": Today, "今天": Today, "当日": Today, "当天": Today,
	"昨日": Yesterday, "昨天": Yesterday,
	"本周": ThisWeek, "这周": ThisWeek, "本星期": ThisWeek, "这星期": ThisWeek,
	"上周": LastWeek, "上星期": LastWeek, "上个星期": LastWeek,
	"本月": ThisMonth, "这月": ThisMonth, "这个月": ThisMonth, "当月": ThisMonth,
	"上月": LastMonth, "上个月": LastMonth,
}

// Months and days by number: 9月, 2026年9月, 2026-09; 11月20日, 2026年11月20日,
// 2026-11-20, 11-20.
var (
	numberedMonth = regexp.MustCompile(`^(?:(20[0-9]{2})年)?([0-9]{1,2})月份?$`)
	writtenMonth  = regexp.MustCompile(`^(20[0-9]{2})[-/.]([0-9]{1,2})$`)
	numberedDay   = regexp.MustCompile(`^(?:(20[0-9]{2})年)?([0-9]{1,2})月([0-9]{1,2})[日号]?$`)
	writtenDay    = regexp.MustCompile(`^(?:(20[0-9]{2})[-/.])?([0-9]{1,2})[-/.]([0-9]{1,2})$`)
)

// ReadPeriod reads a period as people write it, and nothing beside it. It is
// false for what is none, such as 2月30日.
func ReadPeriod(text string) (Period, bool) {
	s := strings.ReplaceAll(strings.Trim(simple(Normalize(text)), Punctuation+" \n"), " ", "")
	if p, ok := periodWords[s]; ok {
		return p, true
	}
	for _, form := range []*regexp.Regexp{numberedMonth, writtenMonth} {
		if m := form.FindStringSubmatch(s); m != nil {
			return numbered(m[1], m[2], "1", false)
		}
	}
	for _, form := range []*regexp.Regexp{numberedDay, writtenDay} {
		if m := form.FindStringSubmatch(s); m != nil {
			return numbered(m[1], m[2], m[3], true)
		}
	}
	return "", false
}

// numbered is the period of a month, or of a day in it, if there is such a one.
func numbered(year, month, day string, isDay bool) (Period, bool) {
	y, err := strconv.Atoi(year)
	if err != nil {
		y = 2000 // a leap year: 2月29日 is a day of some year
	}
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	if t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC); int(t.Month()) != m || t.Day() != d {
		return "", false
	}
	p := fmt.Sprintf("%02d", m)
	if isDay {
		p += fmt.Sprintf("-%02d", d)
	}
	if year != "" {
		p = year + "-" + p
	}
	return Period(p), true
}

// Span is the period as seen at a time in a time zone. One that is not over ends
// with today; one that has not begun is false, and so is what is no period.
func (p Period) Span(now time.Time, zone *time.Location) (Span, bool) {
	y, m, d := now.In(zone).Date()
	date := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, zone) }
	today, tomorrow := date(y, m, d), date(y, m, d+1)
	monday := d - (int(today.Weekday())+6)%7
	through := func(word string, from, to time.Time) string {
		return word + from.Format(" 01-02 至 ") + to.AddDate(0, 0, -1).Format("01-02")
	}
	var s Span
	switch p {
	case Today:
		s = Span{today, tomorrow, today.Format("今日 01-02"), Days}
	case Yesterday:
		s = Span{date(y, m, d-1), today, date(y, m, d-1).Format("昨日 01-02"), Days}
	case ThisWeek:
		s = Span{date(y, m, monday), tomorrow, through("本周", date(y, m, monday), tomorrow), Weeks}
	case LastWeek:
		s = Span{date(y, m, monday-7), date(y, m, monday), through("上周", date(y, m, monday-7), date(y, m, monday)), Weeks}
	case ThisMonth:
		s = Span{date(y, m, 1), tomorrow, today.Format("2006年1月"), Months}
	case LastMonth:
		s = Span{date(y, m-1, 1), date(y, m, 1), date(y, m-1, 1).Format("2006年1月"), Months}
	default:
		var ok bool
		if s, ok = p.dated(today, zone); !ok {
			return Span{}, false
		}
	}
	if s.To.After(tomorrow) {
		s.To = tomorrow
	}
	return s, s.From.Before(tomorrow)
}

// dated is the span of a month or a day by number. Without a year it is the last
// one that has begun: up to eight years back, for a 29th of February.
func (p Period) dated(today time.Time, zone *time.Location) (Span, bool) {
	if s, ok := written(string(p), zone); ok {
		return s, true
	}
	for back := range 9 {
		s, ok := written(fmt.Sprintf("%04d-%s", today.Year()-back, p), zone)
		if ok && !s.From.After(today) {
			return s, true
		}
	}
	return Span{}, false
}

// written is the span of 2026-11-20 or 2026-11.
func written(date string, zone *time.Location) (Span, bool) {
	if from, err := time.ParseInLocation(time.DateOnly, date, zone); err == nil {
		return Span{from, from.AddDate(0, 0, 1), from.Format(time.DateOnly), Days}, true
	}
	if from, err := time.ParseInLocation("2006-01", date, zone); err == nil {
		return Span{from, from.AddDate(0, 1, 0), from.Format("2006年1月"), Months}, true
	}
	var year, week int
	if n, err := fmt.Sscanf(date, "%4d-W%2d", &year, &week); n == 2 && err == nil && len(date) == len("2006-W02") {
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, zone) // is always in the first week
		from := fourth.AddDate(0, 0, 7*(week-1)-(int(fourth.Weekday())+6)%7)
		to := from.AddDate(0, 0, 7)
		if y, w := from.ISOWeek(); y == year && w == week {
			return Span{from, to, from.Format("01-02 至 ") + to.AddDate(0, 0, -1).Format("01-02"), Weeks}, true
		}
	}
	return Span{}, false
}
