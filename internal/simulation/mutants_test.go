//go:build mutants

package simulation

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"yanquan/internal/mutants"
)

var mutantDays = flag.String("mutant-days", "300", "days in which a mutant has to be found")

// TestMutants shows that the days turn red where an invariant is broken, or a mending is
// taken out: it builds each mutant beside the tree, and plays fixed seeds until the
// first violation.
//
//	go test -tags mutants ./internal/simulation -run TestMutants -v -timeout 0
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	for i, m := range slices.Concat(mutants.Invariants, mutants.Mendings, mutants.Douyin) {
		t.Run(m.Name, func(t *testing.T) {
			binary := filepath.Join(dir, "mutant"+string(rune('a'+i)))
			overlay, err := m.Overlay("../..", binary)
			if err != nil {
				t.Fatal(err)
			}
			build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, "yanquan/internal/simulation")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build: %v\n%s", err, out)
			}
			defer os.Remove(binary)
			out, err := exec.Command(binary, "-test.run", "^TestOn$", "-test.timeout", "0", "-on", "-seed", "1", "-days", *mutantDays, "-first").CombinedOutput()
			lines := regexp.MustCompile(`(?m)^(seed \d+: .*|.* shop days, .*)$`).FindAll(out, -1)
			if err == nil {
				t.Fatalf("not found: %s", lines[len(lines)-1])
			}
			t.Logf("%s", bytes.Join(lines[max(0, len(lines)-4):], []byte("\n")))
		})
	}
}
