package main

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/logs"
	"yanquan/internal/logs/logstest"
)

// atOnce is how many tests run at the same time unless -parallel says otherwise:
// more than there are processors, for these tests mostly wait.
const atOnce = "6"

// TestMain lets the test binary be the program, so that signals, exit status and
// start are those of a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("YANQUAN_TEST_AS_PROGRAM") != "" {
		main()
	}
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	go standstills.run()
	status := m.Run()
	for _, b := range binaries {
		os.RemoveAll(b.dir)
	}
	os.Exit(status)
}

// binary is the program made with some build tags, once.
type binary struct {
	once sync.Once
	dir  string
	err  error
}

// binaries are the program as it is shipped, and with its failpoints.
var binaries = map[string]*binary{"": {}, "failpoints": {}}

func builtProgram(t *testing.T, tags string) string {
	t.Helper()
	b := binaries[tags]
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "yanquan-built-"); b.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-tags", cmp.Or(tags, "nomsgpack"), "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(b.dir, "yanquan"), ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, "yanquan")
}

// process is a running "yanquan serve".
type process struct {
	cmd    *exec.Cmd // nil: it runs in the test's own process
	url    string
	stderr *logstest.Buffer
	signal func(os.Signal) error
	exited chan error
	ended  bool
}

// launch starts a program and waits until it is ready. It is killed with the
// test t, which need not be the one that runs.
func launch(t *testing.T, program string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), stderr: &logstest.Buffer{}, exited: make(chan error, 1)}
	p.cmd.Env = append(append(os.Environ(), "GOGC="), env...) // as it is started by itself
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.signal = p.cmd.Process.Signal
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.exited })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() { p.hasExited(p.cmd.Wait()) }()
	if err != nil {
		<-p.exited
		return p, fmt.Errorf("no line of readiness: %w\n%s", err, p.stderr)
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "yanquan is ready on "))
	return p, nil
}

// hasExited tells the test, and then the clean-up.
func (p *process) hasExited(err error) {
	p.exited <- err
	p.exited <- err
}

// start starts the program, or starts it again, and tells WeCom where it is.
func (w *world) start(program string, env ...string) *process {
	w.Helper()
	p, err := launch(w.root, program, append(env, w.env...), "serve", "--config", w.config)
	w.must(err)
	w.serve(p)
	return p
}

// serve lets WeCom call a process from now on.
func (w *world) serve(p *process) {
	w.Helper()
	w.mu.Lock()
	w.program = p
	w.logs = append(w.logs, p)
	w.mu.Unlock()
	w.callbacksTo(p.url)
}

func (w *world) callbacksTo(base string) {
	w.Helper()
	w.must(w.wecom.SetCallbackURL(wecomtest.InApp("main", ""), base+"/wecom/app/main"))
	if w.socket {
		w.must(w.wecom.WaitConnected(w.soon(), "group"))
		return
	}
	w.must(w.wecom.SetCallbackURL(wecomtest.InRobot("group", ""), base+"/wecom/bot/group"))
}

// inside runs the program in the test's process, by a clock that is ahead of the
// world's. Only so can a clock be moved: the built program has its machine's.
func (w *world) inside(ahead time.Duration) *process {
	w.Helper()
	cfg, err := config.Load(w.config, func(name string) (string, bool) {
		for _, one := range w.env {
			if value, ok := strings.CutPrefix(one, name+"="); ok {
				return value, true
			}
		}
		return "", false
	})
	w.must(err)
	p := &process{stderr: &logstest.Buffer{}, exited: make(chan error, 1)}
	log, err := logs.New(p.stderr, cfg.Log.Level, cfg.Log.Format, cfg.Secrets())
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	p.signal = func(os.Signal) error { cancel(); return nil }
	var offset atomic.Int64
	offset.Store(int64(ahead))
	ready := make(chan string, 1)
	go func() {
		p.hasExited(app.Run(ctx, cfg, app.Options{Log: log, Now: w.now(&offset), OwnClock: w.clock != nil || w.alone, Ready: func(url string) { ready <- url }}))
	}()
	w.root.Cleanup(func() { cancel(); <-p.exited })
	select {
	case p.url = <-ready:
	case err := <-p.exited:
		w.Fatal(err)
	}
	return p
}

// replicas starts one more process beside the one that runs, and lets WeCom call
// them by turns, as a load balancer would.
func (w *world) replicas() (first, second *process) {
	w.Helper()
	first = w.program
	second = w.start(first.cmd.Path)
	w.balance(first, second)
	return first, second
}

func (w *world) balance(all ...*process) {
	w.Helper()
	var bases []*url.URL
	for _, p := range all {
		base, err := url.Parse(p.url)
		w.must(err)
		bases = append(bases, base)
	}
	var n atomic.Int64
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(bases[int(n.Add(1))%len(bases)])
	}})
	w.root.Cleanup(front.Close)
	w.callbacksTo(front.URL)
}

func (w *world) url() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.program.url
}

// end sends a signal to the process that WeCom calls and waits for its end.
func (w *world) end(sig os.Signal) error {
	w.Helper()
	return w.endOf(w.program, sig)
}

func (w *world) endOf(p *process, sig os.Signal) error {
	w.Helper()
	w.must(p.signal(sig))
	return w.exit(p)
}

// exit waits for the end of a process.
func (w *world) exit(p *process) error {
	w.Helper()
	select {
	case err := <-p.exited:
		p.ended = true
		return err
	case <-time.After(patience):
		w.must(p.signal(syscall.SIGKILL))
		w.Fatalf("still running after %s", patience)
		return nil
	}
}

// database opens the database itself, beside the program.
func (w *world) database() *sql.DB {
	w.Helper()
	db, err := sql.Open(w.driver, w.dsn)
	w.must(err)
	w.Cleanup(func() { db.Close() })
	return db
}
