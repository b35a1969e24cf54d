package figures

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
		spans := SpansToKeep(at)
		var got []string
		for _, s := range spans {
			got = append(got, fmt.Sprint(s.Kind, s.From.Format(" 01-02/15"), s.To.Format(" 01-02/15")))
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
