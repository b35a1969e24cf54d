package reconcile

import (
	"fmt"
	"time"
)

// Zone is the platforms' wall clock, by which they count days, whatever zone
// people are shown. China has no summer time.
var Zone = time.FixedZone("CST", 8*60*60)

// settled is how long after the last possible undo a day is taken for closed.
const settled = 5 * time.Minute

// DayOf is the platforms' day at a time, as yyyy-MM-dd.
func DayOf(t time.Time) string { return t.In(Zone).Format(time.DateOnly) }

// Bounds are the first moment of a day and that of the next one.
func Bounds(day string) (from, to time.Time, err error) {
	from, err = time.ParseInLocation(time.DateOnly, day, Zone)
	if err != nil {
		return time.Time{}, time.Time{}, fmt.Errorf("reconcile: %q is not a day: %w", day, err)
	}
	return from, from.AddDate(0, 0, 1), nil
}

// daysAfter is the day so many days after another.
func daysAfter(day string, n int) string {
	from, _, err := Bounds(day)
	if err != nil {
		return day
	}
	return from.AddDate(0, 0, n).Format(time.DateOnly)
}

// Schedule is when days are looked at.
type Schedule struct {
	At         time.Duration  // since midnight in Location
	Location   *time.Location // of At
	UndoWindow time.Duration
	Windows    map[string]time.Duration // by platform, where it has another one
}

// Of is the schedule at a platform, where days are closed when its undo window has ended.
func (s Schedule) Of(platform string) Schedule {
	if w, ok := s.Windows[platform]; ok {
		s.UndoWindow = w
	}
	return s
}

// Closed is when nothing of a day can be undone any more.
func (s Schedule) Closed(day string) time.Time {
	_, to, err := Bounds(day)
	if err != nil {
		return time.Time{}
	}
	return to.Add(s.UndoWindow + settled)
}

// First is when a day is looked at first: the next time that the clock shows At
// after the day is closed.
func (s Schedule) First(day string) time.Time {
	closed := s.Closed(day)
	y, m, d := closed.In(s.Location).Date()
	at := func(days int) time.Time {
		return time.Date(y, m, d+days, int(s.At/time.Hour), int(s.At/time.Minute)%60, 0, 0, s.Location)
	}
	if first := at(0); !first.Before(closed) {
		return first
	}
	return at(1)
}

// again are the nights after the first one on which a day is looked at once
// more: customers are refunded late, the platform's automatic refunds among them
// within two days.
var again = []int{1, 3, 7}

// Next is the look after one at a time; zero where there is none any more.
func (s Schedule) Next(day string, now time.Time) time.Time {
	for _, days := range again {
		if next := s.First(daysAfter(day, days)); next.After(now) {
			return next
		}
	}
	return time.Time{}
}

// over is when a look that keeps failing is given up.
func (s Schedule) over(day string) time.Time { return s.First(daysAfter(day, catchUp+1)) }
