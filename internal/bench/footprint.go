package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

const (
	megabyte   = 1e6
	idleFor    = 3 * time.Second
	memoryRuns = 10 // parts of the messages; memory is read after each
)

// footprint is R9: what the program takes of the machine.
func (l *lab) footprint() []row {
	w := l.newWorld("r9", staff)
	defer w.close()
	var starts series
	for range l.repeats + 1 { // the first one migrates
		p := w.start("")
		starts = append(starts, p.started.Seconds()*1e3)
		p.stop()
	}
	first, starts := starts[0], starts[1:]
	p := w.start("")
	time.Sleep(idleFor)
	idle := p.memory()
	used, refused := w.busyMemory(p)
	// What is taken once, for pools and caches, is taken in the first parts.
	before, after := slices.Max(used[3:7]), slices.Max(used[7:])
	half := memoryRuns / 2
	growth := (used[memoryRuns-1] - used[half-1]) / float64(l.messages/2)
	size := float64(must(os.Stat(l.binary)).Size()) / megabyte
	return []row{
		{"R9 memory, idle", fmt.Sprintf("the binary, %s after its start", idleFor), "", fmt.Sprintf("%.0f MB", idle/megabyte), "< 40 MB", verdict(idle < 40*megabyte)},
		{"R9 memory, flat", fmt.Sprintf("the binary, %d verifications at %d/s", l.messages, l.rate), "what it took before its last third",
			fmt.Sprintf("%.0f MB, then %.0f MB (%+.0f bytes a message over the last half; %d messages refused)", before/megabyte, after/megabyte, growth, refused), "≤ 1.1 ×", verdict(after <= 1.1*before)},
		{"R9 start", "from exec to ready", "", fmt.Sprintf("%.0f ms ± %.0f %% (first, with the schema: %.0f ms)", starts.median(), 100*starts.spread(), first), "< 300 ms", verdict(starts.median() < 300)},
		{"R9 size", "stripped binary", "", fmt.Sprintf("%.1f MB", size), "< 30 MB", verdict(size < 30)},
	}
}

// busyMemory lets people verify and reads the program's memory now and then. What
// is refused, WeCom would send again.
func (w *world) busyMemory(p *program) (used series, refused int) {
	for range memoryRuns {
		for _, t := range w.verify(w.messages/memoryRuns, w.rate) {
			if t.status != http.StatusOK {
				refused++
			}
		}
		used = append(used, p.memory())
	}
	return used, refused
}
