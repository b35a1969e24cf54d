package simulation

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"testing"

	"yanquan/internal/breadth"
	"yanquan/internal/race"
)

// Shop days on fixed seeds: as many as fit into a minute or so of two processors, or few.
const (
	manyFrom  = 10_055
	manyDays  = 200
	fewDays   = 20
	racedDays = 8 // with the race detector a day takes several times as long
)

var saysBad = regexp.MustCompile(`(?m)^(seed \d+: .*|panic: .*|.* shop days, .*)$`)

// TestMany plays fixed seeds, in as many processes as there are processors: one process
// on two of them spends a quarter of its time on waking its threads.
func TestMany(t *testing.T) {
	days, last := fewDays, uint64(manyFrom)
	switch {
	case breadth.All():
		days = manyDays
	case race.Enabled:
		days = racedDays
	}
	for ; ; last++ {
		if p := newPlan(last); days > len(p.Shops)*p.Days {
			days -= len(p.Shops) * p.Days
			continue
		}
		break
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	side := min(runtime.GOMAXPROCS(0), int(last-manyFrom)+1)
	var playing sync.WaitGroup
	for i := range side {
		own := exec.CommandContext(t.Context(), program, "-test.run=^TestOn$", "-test.timeout=0", "-on",
			fmt.Sprint("-seed=", manyFrom+i), fmt.Sprint("-stride=", side), fmt.Sprint("-last=", last-uint64(side)+1))
		own.Env = append(os.Environ(), "GOMAXPROCS=1")
		playing.Go(func() {
			out, err := own.CombinedOutput()
			lines := saysBad.FindAll(out, -1)
			if err != nil {
				t.Errorf("%v: %s", err, out)
			} else if len(lines) > 0 {
				t.Logf("%s", lines[len(lines)-1])
			}
		})
	}
	playing.Wait()
}
