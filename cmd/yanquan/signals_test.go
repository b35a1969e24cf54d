package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Whatever asks the process to stop, it finishes in order; a terminal that closes asks
// more than once.
func TestStopsInOrder(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1) // where the tests run under nohup, processes would ignore it
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, signals := range [][]os.Signal{{syscall.SIGTERM}, {os.Interrupt}, {syscall.SIGHUP}, {syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP}} {
		p := start(t, "serve", "--config", writeConfig(t, ""))
		for _, s := range signals {
			if err := p.cmd.Process.Signal(s); err != nil && len(signals) == 1 {
				t.Fatal(err)
			}
		}
		if err := <-p.exited; err != nil || !strings.Contains(p.stderr.String(), "msg=stopped") {
			t.Errorf("after %v: %v\n%s", signals, err, p.stderr)
		}
	}
}

// Under nohup the process outlives its terminal: what was ignored before stays so.
func TestNohup(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := launch(t, "sh", []string{"YANQUAN_TEST_AS_PROGRAM=1"}, "-c", `trap "" HUP; exec "$0" serve --config "$1"`, self, writeConfig(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("nohup was NOT tested: %v", err)
	case err != nil:
		t.Skipf("nohup was NOT tested, for there is no /proc: %v", err)
	}
	ignored := regexp.MustCompile(`SigIgn:\s*([0-9a-f]+)`).FindSubmatch(status)
	if mask, err := strconv.ParseUint(string(ignored[1]), 16, 64); err != nil || mask>>(syscall.SIGHUP-1)&1 == 0 {
		t.Errorf("SIGHUP is not ignored: %s, %v", ignored[1], err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.exited; err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, p.stderr)
	}
}

// Nobody reads the log any more: the bot goes on.
func TestLogReaderGoesAway(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	gone, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "serve", "--config", writeConfig(t, ""))
	cmd.Env, cmd.Stderr = append(os.Environ(), "YANQUAN_TEST_AS_PROGRAM=1"), log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log.Close()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	base := strings.TrimSpace(strings.TrimPrefix(line, "yanquan is ready on "))
	for range 3 {
		if status, _ := get(t, base+"/"); status != 200 { // a line in the log
			t.Errorf("status %d", status)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
