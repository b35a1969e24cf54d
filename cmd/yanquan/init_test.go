package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with the call is told by exit status 2, and what does not work by 1.
func TestInitCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none := filepath.Join(dir, "none.yaml")
	if err := os.WriteFile(none, []byte("skip: [listen]\npublic_url:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"argument", []string{"init", "here"}, 2, `unexpected argument "here"`},
		{"language", []string{"init", "--lang", "fr", "--dir", dir}, 2, "--lang must be zh or en"},
		{"folder", []string{"init", "--lang", "zh", "--dir", filepath.Join(dir, "none")}, 2, "没有这个文件夹"},
		{"answers", []string{"init", "--answers", filepath.Join(dir, "nothing.yaml"), "--dir", dir}, 2, "answers: "},
		{"missing", []string{"init", "--answers", none, "--dir", dir, "--lang", "en"}, 2, `the answer "robot" is missing`},
	} {
		if status, stdout, stderr := runCLI(t, tt.args...); status != tt.status || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: status %d, want %d\n%s%s", tt.name, status, tt.status, stdout, stderr)
		} else if tt.name != "argument" && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: the reason is not alone:\n%s", tt.name, stderr)
		}
	}
}
