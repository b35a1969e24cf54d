package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// How fast it starts and how much it needs. Not parallel, so that it is alone.
func TestAcceptanceFigures(t *testing.T) {
	builtProgram(t, "")
	w := newWorld(t, setting{dialect: dianpingtest.Meituan, driver: models.SQLite}) // the file is in the cache now
	w.must(w.program.cmd.Process.Signal(syscall.SIGTERM))
	if err := <-w.program.exited; err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(w.dsn + "*")
	w.must(err)
	for _, f := range files { // from nothing, schema included
		w.must(os.Remove(f))
	}
	began := time.Now()
	w.start(w.program.cmd.Path)
	took := ran(began, time.Now())
	if status, _ := get(t, w.url()+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	kb := residentKB(t, w.program)
	t.Logf("from start to ready on SQLite: %s; idle RSS: %.1f MB", took.Round(time.Millisecond), float64(kb)/1024)
	if took > 3*time.Second || kb > 80<<10 {
		t.Errorf("wildly over: ready after %s, RSS %d kB", took, kb)
	}
}

// residentKB is the memory of a process in kB; 0 where the system does not tell.
func residentKB(t *testing.T, p *process) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Logf("memory not measured: %v", err)
		return 0
	}
	kb, err := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// until asks until something holds; there is no event to wait for.
func (w *world) until(holds func() bool) {
	w.Helper()
	ctx := w.soon()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			w.Fatal(ctx.Err())
		}
	}
}
