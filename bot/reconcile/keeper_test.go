package reconcile

import (
	"context"
	"strings"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// Managers hear of what they can mend as soon as it is the reason, whatever was before,
// and once of a day for which nobody tries any more.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	type failures []string // a status, or a code of the platform
	many := func(n int, what string) (all failures) {
		for range n {
			all = append(all, what)
		}
		return all
	}
	const down, denied, refused = "", "2190004", "2119005" // unavailable, config, session
	for _, c := range []struct {
		name string
		of   failures
		told []string // a part of each text
	}{
		{"denied after trouble", append(many(1, down), many(9, denied)...), []string{"团购核销对账"}},
		{"refused after trouble", append(many(3, down), many(3, refused)...), []string{"服务应用授权"}},
		{"one after the other", append(many(2, denied), many(2, refused)...), []string{"团购核销对账", "服务应用授权"}},
		{"trouble", many(9, down), []string{"一直没有成功"}},
		{"trouble after long denial", append(many(9, denied), many(2, down)...), []string{"团购核销对账", "一直没有成功"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			told := map[string]string{}
			var texts []string
			r.keeper.Tell = func(_ context.Context, _ *models.DB, n Notice) error {
				if told[n.Key] == "" { // as the outbox has it
					texts = append(texts, n.Text)
				}
				told[n.Key] = n.Text
				return nil
			}
			r.clock.Advance(at(3, 30).AddDate(0, 0, 1).Sub(r.clock.Now()))
			r.must(r.db.Reconciliations.Plan(t.Context(), []models.Reconciliation{{StoreID: 1, Day: day, DueAt: r.clock.Now()}}))
			fail := func(how string) {
				fault := douyintest.Fault{Kind: douyintest.AnswerCode, Call: "verify_record", Answer: how, Times: -1}
				if how == down {
					fault.Kind = douyintest.Status5xx
				}
				r.platform.ClearFaults()
				r.must(r.platform.Fail(fault))
				row, err := r.db.Reconciliations.Get(t.Context(), 1, day)
				r.must(err)
				r.must(r.keeper.Run(t.Context(), row))
			}
			for _, how := range c.of {
				fail(how)
				r.clock.Advance(time.Hour)
			}
			r.clock.Advance(9 * 24 * time.Hour)
			last := c.of[len(c.of)-1]
			fail(last)
			fail(last) // asked for once more
			row, err := r.db.Reconciliations.Get(t.Context(), 1, day)
			r.must(err)
			if !row.DueAt.IsZero() {
				t.Errorf("still due at %v", row.DueAt)
			}
			want := append(c.told, "不再自动补")
			if len(texts) != len(want) {
				t.Fatalf("told %q, want %q", texts, want)
			}
			for i, part := range want {
				if !strings.Contains(texts[i], part) {
					t.Errorf("told %q, want %q", texts[i], part)
				}
			}
		})
	}
}
