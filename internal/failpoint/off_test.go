//go:build !failpoints

package failpoint

import "testing"

// TestAbsent: whoever can set an environment variable cannot kill a real binary.
func TestAbsent(t *testing.T) {
	t.Setenv(Env, "accept.before")
	Hit("accept.before")
}
