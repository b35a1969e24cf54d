package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/models/modelstest"
)

// A statement more in the way of every verification shows here, and one less
// has to say which invariant did not need it.
func TestRoundTrips(t *testing.T) {
	for way, want := range map[string]struct{ statements, commits int }{byApp: {23, 5}, byRobot: {19, 4}} {
		t.Run(way, func(t *testing.T) {
			fake := newFakeWeCom(staff)
			defer fake.Close()
			l := &lab{ctx: t.Context(), dir: t.TempDir(), calls: newCallbacks(fake)}
			seen, err := l.statements(modelstest.MySQLDSN(t), way)
			if err != nil {
				t.Fatal(err)
			}
			text := func(steps []step) (lines []string) {
				for _, s := range steps {
					lines = append(lines, s.statement+map[bool]string{true: " (commit)"}[s.commits])
				}
				return lines
			}
			if diff := cmp.Diff(text(verification(way)), text(seen)); diff != "" {
				t.Errorf("statements of one verification (-documented +seen):\n%s", diff)
			}
			commits := strings.Count(strings.Join(text(seen), "\n"), "(commit)")
			if len(seen) != want.statements || commits != want.commits {
				t.Errorf("%d round trips and %d commits, want %d and %d", len(seen), commits, want.statements, want.commits)
			}
		})
	}
}
