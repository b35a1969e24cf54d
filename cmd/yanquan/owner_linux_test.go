package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stranger is a user who is neither root nor in its group.
const stranger = 65534

// users is an installation in which root gives the commands and serve is another user.
type users struct {
	*testing.T
	program, config, state string
}

func newUsers(t *testing.T) users {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("files of two users need root")
		}
		t.Skip("SKIPPED LOUDLY: files of two users need root")
	}
	dir, err := os.MkdirTemp("/tmp", "yanquan-owner-") // TMPDIR may be closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := users{t, filepath.Join(dir, "yanquan"), filepath.Join(dir, "config.yaml"), filepath.Join(dir, "state")}
	self, err := os.Executable()
	u.must(err)
	text, err := os.ReadFile(self)
	u.must(err)
	u.must(os.WriteFile(u.program, text, 0o755))
	u.must(os.WriteFile(u.config, []byte("secret_key: "+testKey+"\nlog: {level: error}\ndatabase: {dsn: '"+u.file()+"'}\n"), 0o644))
	u.must(os.Mkdir(u.state, 0o755))
	u.must(os.Chown(u.state, stranger, stranger))
	u.must(os.Chmod(dir, 0o755))
	return u
}

func (u users) must(err error) {
	u.Helper()
	if err != nil {
		u.Fatal(err)
	}
}

func (u users) file() string { return filepath.Join(u.state, "yanquan.db") }

// serve runs a command as the user of serve.
func (u users) serve(args ...string) (string, error) {
	cmd := exec.Command(u.program, append(args, "--config", u.config)...)
	cmd.Env = append(os.Environ(), "YANQUAN_TEST_AS_PROGRAM=1")
	cmd.Dir = filepath.Dir(u.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What root creates in the folder of serve's user is that user's.
func TestRootComesFirst(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	if status, _, stderr := runCLI(t, "migrate", "up", "--config", u.config); status != exitFine {
		t.Fatal(stderr)
	}
	if out, err := u.serve("audit"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	_, stdout, _ := runCLI(t, "doctor", "--config", u.config)
	if !strings.Contains(stdout, "answers and takes changes") || strings.Contains(stdout, "is root's") {
		t.Errorf("doctor:\n%s", stdout)
	}
}

// Files that root has kept for itself are no wrong path, and serve says so of those that
// it may read and others may, too.
func TestSecretsOfRoot(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	if status, _, stderr := runCLI(t, "serve", "--no-migrate", "--config", u.config); status != exitFailed || strings.Contains(stderr, "read the secrets") {
		t.Errorf("log.level: error: %d %s", status, stderr) // the level is the operator's
	}
	text, err := os.ReadFile(u.config)
	u.must(err)
	u.must(os.WriteFile(u.config, []byte(strings.Replace(string(text), "error", "warn", 1)), 0o644))
	if _, _, stderr := runCLI(t, "serve", "--no-migrate", "--config", u.config); !strings.Contains(stderr, "others on this machine can read the secrets in a file") || !strings.Contains(stderr, "file="+u.config) {
		t.Errorf("serve says nothing: %s", stderr)
	}
	const advice = "permission denied — run doctor as root, or as the user whose file it is"
	u.must(os.WriteFile(filepath.Join(filepath.Dir(u.config), ".env"), []byte("A=hush\n"), 0o600))
	if out, err := u.serve("doctor"); err == nil || !strings.Contains(out, advice) {
		t.Errorf(".env: %v\n%s", err, out)
	}
	u.must(os.Chmod(u.config, 0o600))
	if out, err := u.serve("doctor"); err == nil || !strings.Contains(out, advice) {
		t.Errorf("config.yaml: %v\n%s", err, out)
	}
}

// A database that root has kept for itself is told to root, and to the user who cannot
// open it.
func TestDatabaseOfRoot(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	if status, _, stderr := runCLI(t, "migrate", "up", "--config", u.config); status != exitFine {
		t.Fatal(stderr)
	}
	u.must(os.Chown(u.file(), 0, 0))
	const advice = "chown --reference="
	if _, stdout, _ := runCLI(t, "doctor", "--config", u.config); !strings.Contains(stdout, "! database: "+u.file()+" is root's, and its folder another user's") || !strings.Contains(stdout, advice) {
		t.Errorf("to root:\n%s", stdout)
	}
	out, err := u.serve("doctor")
	if err == nil || !strings.Contains(out, "✗ database: "+u.file()+": ") || !strings.Contains(out, "permission denied — run doctor as the user that serve is, and see that the file and its -wal and -shm are that user's") {
		t.Errorf("to serve's user: %v\n%s", err, out)
	}
}
