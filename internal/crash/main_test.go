package crash

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"yanquan/internal/race"
)

var (
	flagSeed   = flag.Uint64("crash.seed", 0, "play the round of this seed only")
	flagRounds = flag.Int("crash.rounds", 0, "how many random rounds; 0: as many as suit a CI run")
	flagGalera = flag.Int("crash.galera", 0, "how many random rounds on a Galera cluster; 0: as many as suit a CI run")
	flagLanes  = flag.Int("crash.lanes", 10, "how many rounds at a time")
	flagRace   = flag.Bool("crash.race", race.Enabled, "build the replicas with the race detector")
	flagBinary = flag.String("crash.binary", "", "a binary built before, with the tag failpoints")
	flagKeep   = flag.String("crash.logs", "", "folder for the logs of the replicas")
)

var binaryDir string

// raceFlags are those of make race, so that nothing is compiled a second time.
var raceFlags = []string{"-race", "-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/memory=-race=false", "-gcflags=modernc.org/libc=-d=checkptr=0"}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "yanquan-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaryDir = dir
	_ = mysql.SetLogger(&mysql.NopLogger{}) // the suite's own connections are lost on purpose
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// binary builds the program once, with its failpoints.
var binary = sync.OnceValues(func() (string, error) {
	if *flagBinary != "" {
		return filepath.Abs(*flagBinary)
	}
	path := filepath.Join(binaryDir, "yanquan")
	args := []string{"build", "-tags", "failpoints", "-o", path}
	if *flagRace {
		args = append(args, raceFlags...)
	}
	out, err := exec.Command("go", append(args, "yanquan/cmd/yanquan")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
