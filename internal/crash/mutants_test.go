//go:build mutants

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestMutants shows that the suite turns red where an invariant is broken: it
// builds each mutant beside the tree, and lets the points and some rounds judge it.
//
//	go test -tags mutants ./internal/crash -run TestMutants -v -timeout 0
func TestMutants(t *testing.T) {
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			began := time.Now()
			found := m.judged(t, filepath.Join(binaryDir, fmt.Sprint("mutant", i)))
			hits := regexp.MustCompile(m.red).FindAllString(found, -1)
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
func (m mutant) judged(t *testing.T, binary string) string {
	t.Helper()
	changed, err := m.changed()
	must(t, err)
	replace := map[string]string{}
	for path := range changed {
		replace[path] = fmt.Sprintf("%s-%d.go", binary, len(replace))
	}
	for path, text := range changed {
		must(t, os.WriteFile(replace[path], []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	must(t, os.WriteFile(binary+".json", overlay, 0o600))
	build := exec.Command("go", "build", "-overlay", binary+".json", "-tags", "failpoints", "-o", binary, "yanquan/cmd/yanquan")
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
