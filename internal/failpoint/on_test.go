//go:build failpoints

package failpoint

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		name string
		nth  int64
	}{"": {"", 1}, "a.b": {"a.b", 1}, "a:3": {"a", 3}, "a:0": {"a", 1}, "a:x": {"a", 1}} {
		if name, nth := parse(text); name != want.name || nth != want.nth {
			t.Errorf("%q: %q, %d", text, name, nth)
		}
	}
	Hit("somewhere else")
}
