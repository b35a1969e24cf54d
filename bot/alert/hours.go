package alert

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Hours is a part of the day, from one time until another, which may be past
// midnight. The zero value is the whole day.
type Hours struct{ From, To time.Duration } // since midnight

var hoursText = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$`)

// ParseHours reads hours as HH:MM-HH:MM; "" is the whole day.
func ParseHours(text string) (Hours, error) {
	if text == "" {
		return Hours{}, nil
	}
	m := hoursText.FindStringSubmatch(text)
	if m == nil {
		return Hours{}, fmt.Errorf("alert: %q are not hours like 09:00-23:00", text)
	}
	at := func(hour, minute string) time.Duration {
		h, _ := strconv.Atoi(hour) // digits
		m, _ := strconv.Atoi(minute)
		return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	}
	hours := Hours{at(m[1], m[2]), at(m[3], m[4])}
	if hours.To > 24*time.Hour {
		return Hours{}, fmt.Errorf("alert: %q ends after 24:00", text)
	}
	if hours.From == hours.To || hours == (Hours{0, 24 * time.Hour}) {
		return Hours{}, nil // round the clock
	}
	return hours, nil
}

// String is the form that [ParseHours] reads.
func (h Hours) String() string {
	if h == (Hours{}) {
		return ""
	}
	at := func(d time.Duration) string {
		return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
	}
	return at(h.From) + "-" + at(h.To)
}

type span struct{ from, to time.Time }

// closed are the times outside the hours in the day that ends now.
func (h Hours) closed(now time.Time) (spans []span) {
	earliest := now.Add(-24 * time.Hour)
	for day := -2; day <= 0; day++ {
		from := clock(now, day, h.To)
		to := clock(now, day+1, h.From)
		if h.To <= h.From { // open past midnight: closed within the day
			to = clock(now, day, h.From)
		}
		if from.Before(earliest) {
			from = earliest
		}
		if to.After(now) {
			to = now
		}
		if from.Before(to) {
			spans = append(spans, span{from, to})
		}
	}
	return spans
}

// clock is a time of the day so many days after that of now, by the clock on the
// wall.
func clock(now time.Time, days int, at time.Duration) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d+days, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, now.Location())
}
