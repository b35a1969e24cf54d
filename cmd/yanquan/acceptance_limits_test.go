package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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
	took := time.Since(began)
	if status, _ := get(t, w.url()+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	used, kb := processorTime(t, w.program), residentKB(t, w.program)
	t.Logf("from start to ready on SQLite: %s, of the processor %s; idle RSS: %.1f MB", took.Round(time.Millisecond), used, float64(kb)/1024)
	if used > 3*time.Second || kb > 80<<10 {
		t.Errorf("wildly over: ready after %s of the processor, RSS %d kB", used, kb)
	}
}

// processorTime is what a process has used; 0 where the system does not tell.
func processorTime(t *testing.T, p *process) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Logf("processor time not measured: %v", err)
		return 0
	}
	const ticksPerSecond = 100 // of what the kernel tells (proc(5)), on every Linux
	var user, system time.Duration
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	for i, d := range map[int]*time.Duration{14: &user, 15: &system} {
		n, err := strconv.Atoi(fields[i-3])
		if err != nil {
			t.Fatal(err)
		}
		*d = time.Duration(n) * time.Second / ticksPerSecond
	}
	return user + system
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
