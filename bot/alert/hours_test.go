package alert

import (
	"testing"
	"time"
)

func TestParseHours(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "09:00-23:00": "09:00-23:00", "17:30-02:00": "17:30-02:00", "08:00-24:00": "08:00-24:00",
		"00:00-24:00": "", "08:00-08:00": "", // round the clock
	} {
		h, err := ParseHours(text)
		if err != nil || h.String() != want {
			t.Errorf("%q: %q %v, want %q", text, h, err, want)
		}
	}
	for _, text := range []string{"9-23", "9:00-23:00", "09:00", "09:00-25:00", "24:00-08:00", "09:60-23:00", "09:00-24:01", "09:00-23:00 ", "-9:00-23:00"} {
		if h, err := ParseHours(text); err == nil {
			t.Errorf("%q is read as %q", text, h)
		}
	}
}

func TestClosed(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	for _, tt := range []struct{ hours, now, want string }{
		{"09:00-23:00", "23 14:00", "22 23:00 - 23 09:00"},
		{"09:00-23:00", "23 08:00", "22 08:00 - 22 09:00, 22 23:00 - 23 08:00"},
		{"09:00-23:00", "23 23:30", "22 23:30 - 23 09:00, 23 23:00 - 23 23:30"},
		{"17:00-02:00", "23 20:00", "23 02:00 - 23 17:00"},
		{"17:00-02:00", "23 01:00", "22 02:00 - 22 17:00"},
		{"17:00-02:00", "23 10:00", "22 10:00 - 22 17:00, 23 02:00 - 23 10:00"},
		{"08:00-24:00", "23 12:00", "23 00:00 - 23 08:00"},
	} {
		h, err := ParseHours(tt.hours)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("02 15:04 2006-01", tt.now+" 2026-11", zone)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, s := range h.closed(now) {
			if i > 0 {
				got += ", "
			}
			got += s.from.Format("02 15:04") + " - " + s.to.Format("02 15:04")
		}
		if got != tt.want {
			t.Errorf("%s at %s: %s, want %s", tt.hours, tt.now, got, tt.want)
		}
	}
}
