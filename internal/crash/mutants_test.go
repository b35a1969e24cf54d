//go:build mutants

package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"yanquan/internal/mutants"
)

// TestMutants shows that the suite turns red where an invariant is broken: it
// builds each mutant beside the tree, and lets the points and some rounds judge it.
//
//	go test -tags mutants ./internal/crash -run TestMutants -v -timeout 0
func TestMutants(t *testing.T) {
	for i, m := range mutants.Invariants {
		t.Run(m.Name, func(t *testing.T) {
			began := time.Now()
			found := judged(t, m, filepath.Join(binaryDir, fmt.Sprint("mutant", i)))
			hits := regexp.MustCompile(m.Red).FindAllString(found, -1)
			if len(hits) == 0 {
				t.Fatalf("not found; the suite said:\n%s", found)
			}
			counts := map[string]int{}
			for _, h := range hits {
				counts[h]++
			}
			t.Logf("red in %s: %v", time.Since(began).Round(time.Second), counts)
		})
	}
}

// judged builds a mutant and returns what the suite says of it.
func judged(t *testing.T, m mutants.Mutant, binary string) string {
	t.Helper()
	overlay, err := m.Overlay("../..", binary)
	must(t, err)
	build := exec.Command("go", "build", "-overlay", overlay, "-tags", "failpoints", "-o", binary, "yanquan/cmd/yanquan")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	self, err := os.Executable()
	must(t, err)
	out, err := exec.Command(self, "-test.run", "^(TestPoints|TestRounds)$", "-test.timeout", "20m",
		"-crash.binary", binary, "-crash.rounds", "30", "-crash.lanes", "6").CombinedOutput()
	if err == nil {
		t.Fatalf("green:\n%s", out)
	}
	return string(out)
}
