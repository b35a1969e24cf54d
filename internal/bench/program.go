package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// build makes the program as "make build" does.
func build(ctx context.Context, dir string) string {
	path := filepath.Join(dir, "yanquan")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", path, "yanquan/cmd/yanquan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		check(fmt.Errorf("go build: %w\n%s", err, out))
	}
	return path
}

// program is one run of the binary.
type program struct {
	cmd     *exec.Cmd
	address string
	started time.Duration // from its start until it was ready
}

// tail keeps the end of a log.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-4096):]
	return len(p), nil
}

// start runs the binary until it is ready.
func start(binary, config string) *program {
	cmd := exec.Command(binary, "serve", "--config", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log tail
	cmd.Stderr = &log
	out := must(cmd.StdoutPipe())
	began := time.Now()
	check(cmd.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if !ok {
		_ = cmd.Wait()
		check(fmt.Errorf("the program did not come up: %s", log.kept))
	}
	return &program{cmd, address, time.Since(began)}
}

// stop ends the program as an operator would.
func (p *program) stop() {
	check(p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.cmd.Wait(); err != nil {
		check(fmt.Errorf("after SIGTERM: %w", err))
	}
}

// kill ends the program, unless it has ended, in the middle of its work.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// memory is the resident set in bytes, peak the largest it ever was.
func (p *program) memory() float64 { return p.status("VmRSS:") }
func (p *program) peak() float64   { return p.status("VmHWM:") }

func (p *program) status(name string) float64 {
	for line := range strings.Lines(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))))) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return 1024 * must(strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64))
		}
	}
	panic(failure{errors.New("no " + name)})
}
