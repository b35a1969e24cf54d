package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	testKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testAES = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
)

// writeConfig makes a configuration in a folder of its own; the database is
// beside it.
func writeConfig(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := "secret_key: " + testKey + "\nserver: {listen: '127.0.0.1:0'}\ndatabase: {dsn: '" + filepath.Join(dir, "yanquan.db") + "'}\n" + more
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func runCLI(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(context.Background(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	good := writeConfig(t, "")
	bad := writeConfig(t, "nonsense: 1\nreport: {at: noon}\n")
	tests := []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string // must contain
	}{
		{"nothing", nil, 2, "", "Usage:"},
		{"help", []string{"--help"}, 0, "yanquan serve --config", ""},
		{"-h", []string{"-h"}, 0, "Exit status", ""},
		{"help word", []string{"help"}, 0, "yanquan demo", ""},
		{"help of a command", []string{"help", "serve"}, 0, "--no-migrate", ""},
		{"help of nothing", []string{"help", "dance"}, 2, "", `no command "dance"`},
		{"command --help", []string{"explain", "--help"}, 0, "--config FILE", ""},
		{"unknown command", []string{"dance"}, 2, "", `no command "dance"`},
		{"unknown flag", []string{"serve", "--fast"}, 2, "", "flag provided but not defined: -fast"},
		{"flag without value", []string{"serve", "--config"}, 2, "", "flag needs an argument"},
		{"superfluous argument", []string{"serve", "now"}, 2, "", `unexpected argument "now"`},
		{"version", []string{"version"}, 0, "yanquan ", ""},
		{"--version", []string{"--version"}, 0, "go1.", ""},
		{"version of what", []string{"version", "x"}, 2, "", "unexpected argument"},
		{"migrate what", []string{"migrate", "--config", good}, 2, "", "up or status"},
		{"migrate down", []string{"migrate", "down", "--config", good}, 2, "", "up or status"},
		{"explain what", []string{"explain", "--config", good}, 2, "", "which code, or link?"},
		{"explain words", []string{"explain", "abc", "--config", good}, 2, "", `"abc" is not a voucher code`},
		{"explain nothing", []string{"explain", "", "--config", good}, 2, "", `"" is not a voucher code`},
		{"no configuration", []string{"serve", "--config", filepath.Join(t.TempDir(), "none.yaml")}, 1, "", "no such file"},
		{"bad configuration", []string{"serve", "--config", bad}, 1, "", bad + ":4: nonsense: unknown key"},
		{"every problem", []string{"migrate", "up", "--config", bad}, 1, "", bad + ":5: report.at:"},
		{"doctor, bad configuration", []string{"doctor", "--config", bad}, 1, "✗ configuration: " + bad + ":4: nonsense: unknown key", ""},
		{"doctor, no configuration", []string{"doctor", "--config", "/none.yaml"}, 1, "✗ configuration: ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := runCLI(t, tt.args...)
			if status != tt.status || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("status %d, want %d\nstdout: %s\nstderr: %s", status, tt.status, stdout, stderr)
			}
			if (tt.stdout == "" && stdout != "") || (tt.stderr == "" && stderr != "") {
				t.Errorf("on the wrong stream\nstdout: %s\nstderr: %s", stdout, stderr)
			}
		})
	}
}

func TestMigrateAndExplain(t *testing.T) {
	t.Parallel()
	cfg := writeConfig(t, "log: {level: error}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(cfg), "yanquan.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"migrate", "status", "--config", cfg}, 0, "0001_init  pending"},
		{[]string{"explain", "7992697494", "--config", cfg}, 1, "yanquan migrate up"},
		{[]string{"serve", "--no-migrate", "--config", cfg}, 1, "yanquan migrate up"},
		{[]string{"migrate", "--config", cfg, "up"}, 0, "applied 0001_init"},
		{[]string{"migrate", "up", "--config=" + cfg}, 0, "the schema is up to date"},
		{[]string{"migrate", "status", "--config", cfg}, 0, "0001_init  applied 20"},
		{[]string{"explain", "--config", cfg, "7992", "697-494"}, 0, "7992697494: 没有记录"},
		{[]string{"explain", "--config", cfg, "7992697494 "}, 0, "7992697494: 没有记录"},
		{[]string{"explain", "--config", cfg, "7992697494", "7992697495"}, 2, "is not a voucher code"},
		{[]string{"explain", "--config", cfg, "https://example.com/7992697494"}, 2, "is not a voucher code"},
		{[]string{"explain", "--config", cfg, "https://v.douyin.com/iRN-ho5d/"}, 0, "https://v.douyin.com/iRN-ho5d: 没有记录"},
		{[]string{"explain", "--config", cfg, "v.douyin.com/iRNBho5d?x=1"}, 0, "https://v.douyin.com/iRNBho5d: 没有记录"},
		{[]string{"explain", "--config", cfg, "7.61", "打开抖音看看", "https://v.douyin.com/iRNBho5d/", "复制此链接"}, 0, "https://v.douyin.com/iRNBho5d: 没有记录"},
		{[]string{"explain", "--config", cfg, "1807"}, 0, "1807: 没有记录"},
	}
	for _, s := range steps {
		status, stdout, stderr := runCLI(t, s.args...)
		if status != s.status || !strings.Contains(stdout+stderr, s.want) {
			t.Errorf("%v: status %d, want %d and %q\nstdout: %s\nstderr: %s", s.args, status, s.status, s.want, stdout, stderr)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--config f up", "up --config f", "up --config=f", "--config f -- up"} {
		flags := newFlags("x")
		path := configFlag(flags)
		positional, err := parse(flags, strings.Fields(args))
		if err != nil || *path != "f" || len(positional) != 1 || positional[0] != "up" {
			t.Errorf("%q: %q %q %v", args, *path, positional, err)
		}
	}
}
