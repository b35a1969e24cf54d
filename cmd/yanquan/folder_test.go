package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A relative dsn leads elsewhere from another folder. There no command makes a database
// that nobody asked for, or takes none for an empty one.
func TestAnotherFolder(t *testing.T) {
	cfg := filepath.Join(t.TempDir(), "config.yaml")
	text := "secret_key: " + testKey + "\nserver: {listen: '127.0.0.1:0'}\nlog: {level: warn}\nhooks: [{url: 'https://pos.example.com/', secret: 'whsec_" + testKey + "'}]\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(status int, args []string, want ...string) {
		t.Helper()
		got, stdout, stderr := runCLI(t, append(args, "--config", cfg)...)
		for _, w := range want {
			if got != status || !strings.Contains(stdout+stderr, w) {
				t.Errorf("%q: status %d, want %d and %q\nstdout: %s\nstderr: %s", args, got, status, w, stdout, stderr)
			}
		}
	}
	served := t.TempDir()
	file := filepath.Join(served, "yanquan.db")
	t.Chdir(served)
	said(0, []string{"migrate", "up"}, "created "+file, "applied 0001_init")
	said(0, []string{"backup", "copy.db"}, "it is sound", "a copy of "+file)
	copied := filepath.Join(served, "copy.db")

	empty := t.TempDir()
	t.Chdir(empty)
	none := filepath.Join(empty, "yanquan.db")
	for _, args := range [][]string{
		{"doctor"}, {"explain", "7992697494"}, {"audit"}, {"migrate", "status"}, {"hooks", "replay", "--since", "1h"},
		{"backup", filepath.Join(served, "second.db")}, {"restore", copied}, {"serve", "--no-migrate"},
	} {
		said(1, args, none, "database.dsn is relative")
		if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
			t.Fatalf("%q made %v, %v", args, left, err)
		}
	}
	said(1, []string{"serve", "--no-migrate"}, "started in another folder, serve begins anew", "file="+none)
	if _, err := os.Stat(filepath.Join(served, "second.db")); err == nil {
		t.Error("there is a copy of nothing")
	}

	// What is meant says so.
	if err := os.WriteFile(cfg, []byte(text+"database: {dsn: '"+none+"'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said(1, []string{"explain", "7992697494"}, none, "is database.dsn right?")
	said(0, []string{"restore", copied}, "restored "+copied+" into "+none, "there was no database")
	said(0, []string{"explain", "7992697494"}, "没有记录")
}

// Where the database is there, doctor says that another folder has another one.
func TestDoctorOfARelativeFile(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, []byte("secret_key: "+testKey+"\nlog: {level: error}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]bool{dir: false, t.TempDir(): true} {
		t.Chdir(folder)
		if status, _, stderr := runCLI(t, "migrate", "up", "--config", cfg); status != 0 {
			t.Fatal(stderr)
		}
		_, stdout, _ := runCLI(t, "doctor", "--config", cfg)
		if got := strings.Contains(stdout, "! database: database.dsn is relative"); got != want {
			t.Errorf("%s: told %v\n%s", folder, got, stdout)
		}
	}
}
