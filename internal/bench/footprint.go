package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"yanquan/models"
)

const (
	megabyte   = 1e6
	idleFor    = 3 * time.Second
	memoryRuns = 10 // parts of the messages; memory is read after each
)

// footprint is R9: what the program takes of the machine.
func (l *lab) footprint() ([]row, error) {
	dsn, err := l.mariadb.database(l.ctx, "r9")
	if err != nil {
		return nil, err
	}
	w, err := l.newWorld(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	var starts series
	for range l.repeats + 1 { // the first one migrates
		p, err := l.start(w.config)
		if err != nil {
			return nil, err
		}
		starts = append(starts, p.started.Seconds()*1e3)
		if err := p.stop(); err != nil {
			return nil, err
		}
	}
	first, starts := starts[0], starts[1:]
	p, err := l.start(w.config)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	select {
	case <-time.After(idleFor):
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
	idle, err := p.memory()
	if err != nil {
		return nil, err
	}
	used, refused, err := w.busyMemory(p)
	if err != nil {
		return nil, err
	}
	// What is taken once, for pools and caches, is taken in the first parts.
	before, after := slices.Max(used[3:7]), slices.Max(used[7:])
	half := memoryRuns / 2
	growth := (used[memoryRuns-1] - used[half-1]) / float64(l.messages/2)
	file, err := os.Stat(l.binary)
	if err != nil {
		return nil, err
	}
	size := float64(file.Size()) / megabyte
	return []row{
		{"R9 memory, idle", fmt.Sprintf("the binary, %s after its start", idleFor), "", fmt.Sprintf("%.0f MB", float64(idle)/megabyte), "< 40 MB", verdict(idle < 40*megabyte)},
		{"R9 memory, flat", fmt.Sprintf("the binary, %d verifications at %d/s", l.messages, l.rate), "what it took before its last third",
			fmt.Sprintf("%.0f MB, then %.0f MB (%+.0f bytes a message over the last half; %d messages refused)", before/megabyte, after/megabyte, growth, refused), "≤ 1.1 ×", verdict(after <= 1.1*before)},
		{"R9 start", "from exec to ready", "", fmt.Sprintf("%.0f ms ± %.0f %% (first, with the schema: %.0f ms)", starts.median(), 100*starts.spread(), first), "< 300 ms", verdict(starts.median() < 300)},
		{"R9 size", "stripped binary", "", fmt.Sprintf("%.1f MB", size), "< 30 MB", verdict(size < 30)},
	}, nil
}

// busyMemory lets people verify and reads the program's memory now and then. What
// is refused, WeCom would send again.
func (w *world) busyMemory(p *program) (used series, refused int, err error) {
	for range memoryRuns {
		_, requests, err := w.verifications(w.messages / memoryRuns)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range openLoop(w.ctx, p.address, w.rate, requests) {
			if r.status != http.StatusOK {
				refused++
			}
		}
		bytes, err := p.memory()
		if err != nil {
			return nil, 0, err
		}
		used = append(used, float64(bytes))
	}
	return used, refused, w.ctx.Err()
}
