package figures

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEditions(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	at := func(text string) time.Time {
		t.Helper()
		v, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const evening, morning = 22 * time.Hour, 6*time.Hour + 30*time.Minute
	for _, tt := range []struct {
		at   time.Duration
		now  string
		want string
	}{
		{evening, "2026-11-24 21:59", "day 11-23 00:00 - 11-23 22:00; week 11-16 00:00 - 11-23 00:00"}, // Tuesday; Monday's are 24 h old
		{evening, "2026-11-24 22:00", "day 11-23 00:00 - 11-23 22:00; week 11-16 00:00 - 11-23 00:00; day 11-24 00:00 - 11-24 22:00"},
		{evening, "2026-11-25 10:01", "day 11-24 00:00 - 11-24 22:00"}, // Monday's are too old
		{evening, "2026-12-01 23:00", "day 11-30 00:00 - 11-30 22:00; week 11-23 00:00 - 11-30 00:00; day 12-01 00:00 - 12-01 22:00; month 11-01 00:00 - 12-01 00:00"},
		{morning, "2026-11-26 06:30", "day 11-24 00:00 - 11-25 00:00; day 11-25 00:00 - 11-26 00:00"},
		{morning, "2026-11-26 06:29", "day 11-24 00:00 - 11-25 00:00"},
	} {
		var got []string
		for _, e := range (Report{At: tt.at}).Editions(at(tt.now)) {
			got = append(got, fmt.Sprintf("%s %s - %s", e.kind, e.span.From.Format("01-02 15:04"), e.span.To.Format("01-02 15:04")))
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("at %s, now %s:\n%s, want\n%s", tt.at, tt.now, s, tt.want)
		}
	}
	day := (Report{At: evening}).Editions(at("2026-11-25 22:00"))[1]
	if b := day.before; b[0].span.From != at("2026-11-24 00:00") || b[0].span.To != at("2026-11-24 22:00") || b[1].span.From != at("2026-11-18 00:00") || b[1].span.To != at("2026-11-18 22:00") {
		t.Errorf("compared with %+v", b)
	}
}
