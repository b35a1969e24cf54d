package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"yanquan/internal/failpoint"
	"yanquan/internal/logs/logstest"
)

// errGaveUp: a process ended by itself instead of getting ready.
var errGaveUp = errors.New("did not come up")

// replica is one place where a "yanquan serve" runs, dies and is started again.
type replica struct {
	name   string
	config string

	mu     sync.Mutex
	turn   sync.Mutex      // held by who ends and starts it
	log    logstest.Buffer // of all its processes in this round
	cmd    *exec.Cmd
	exited chan struct{}
	host   string   // of the last process, also when it is dead
	errs   []string // what no process may do: not come up, exit by itself
}

// start runs a process and waits until it is ready. point may name a failpoint.
func (r *replica) start(point string) error {
	path, err := binary()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "serve", "--config", r.config)
	cmd.Env = append(os.Environ(), failpoint.Env+"="+point, "GOMAXPROCS=2")
	dieWithUs(cmd)
	cmd.Stderr = &r.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	line := make(chan string, 1)
	go func() {
		out := bufio.NewReader(stdout)
		first, _ := out.ReadString('\n')
		line <- first
		_, _ = io.Copy(&r.log, out)
		_ = cmd.Wait()
		close(exited)
	}()
	r.mu.Lock()
	r.cmd, r.exited = cmd, exited
	r.mu.Unlock()
	limit := time.NewTimer(startWithin)
	defer limit.Stop()
	select {
	case first := <-line:
		_, host, ok := strings.Cut(strings.TrimSpace(first), "http://")
		if !ok {
			<-exited
			return fmt.Errorf("%s %w: %q\n%s", r.name, errGaveUp, first, tailOf(r.log.String(), 2000))
		}
		r.mu.Lock()
		r.host = host
		r.mu.Unlock()
		return nil
	case <-limit.C:
		_ = cmd.Process.Kill()
		return fmt.Errorf("%s is not ready after %s\n%s", r.name, startWithin, tailOf(r.log.String(), 2000))
	}
}

// address is where its callbacks go; a dead one refuses the connection.
func (r *replica) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host
}

func (r *replica) alive() bool {
	r.mu.Lock()
	exited := r.exited
	r.mu.Unlock()
	if exited == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

// stop ends the process by a signal and waits for its end. A SIGTERM must be
// obeyed within the grace and leave status 0.
func (r *replica) stop(sig syscall.Signal) {
	r.mu.Lock()
	cmd, exited := r.cmd, r.exited
	r.mu.Unlock()
	if cmd == nil || !r.alive() {
		return
	}
	_ = cmd.Process.Signal(sig)
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case <-exited:
	case <-limit.C:
		r.complain("does not end after %v", sig)
		_ = cmd.Process.Kill()
		<-exited
	}
	if sig == syscall.SIGTERM && !cmd.ProcessState.Success() {
		r.complain("after SIGTERM: %v", cmd.ProcessState)
	}
}

func (r *replica) complain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, r.name+" "+fmt.Sprintf(format, args...))
}

// complaints returns and forgets them.
func (r *replica) complaints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := r.errs
	r.errs = nil
	return errs
}

// newLog begins a new log; the old one goes where -crash.logs says.
func (r *replica) newLog(t *testing.T) {
	old := r.log.Take()
	if *flagKeep == "" {
		return
	}
	name := filepath.Join(*flagKeep, strings.ReplaceAll(t.Name(), "/", "_")+"-"+r.name+".log")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.WriteString(old); err != nil {
		t.Error(err)
	}
}

func tailOf(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}
