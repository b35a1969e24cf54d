// Command bench measures the bot against references on the same machine, in the same
// run and on the same MariaDB, and prints the table of docs/benchmarks.md: of each aim,
// whether it is met. With -growth it measures and plots what things cost with more stores
// and operations.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// mode is how long everything takes.
type mode struct {
	repeats          int           // of each side of a ratio
	benchtime        string        // of one side, once
	load, flood      time.Duration // of callbacks
	asks             int           // of one kind
	doubtful         int           // operations
	messages         int           // over which memory is looked at
	stores, business int           // S1 to S4: business is how many operations there are
	growth           [2][]int      // how many stores, and how many operations
}

var (
	quick = mode{repeats: 6, benchtime: "5ms", load: time.Second, flood: time.Second, asks: 6, doubtful: 200, messages: 1000,
		stores: 20, business: 4000, growth: [2][]int{{1, 20}, {0, 2000, 4000}}}
	full = mode{repeats: 20, benchtime: "500ms", load: time.Minute, flood: 20 * time.Second, asks: 100, doubtful: 10_000, messages: 10_000,
		stores: 2000, business: 2_000_000, growth: [2][]int{{1, 100, 10_000}, {0, 2_000_000, 20_000_000}}}
)

// lab is what all measurements share.
type lab struct {
	mode
	dir    string
	server *modelstest.Durable // that both sides of every ratio use
	admin  *sql.DB             // may create databases there
	calls  *callbacks
	binary string // the program as it is shipped
}

var (
	ctx       = context.Background() // a signal ends the process
	secretKey = []byte("0123456789abcdef0123456789abcdef")
)

// measurements in the order of the table.
var measurements = []struct {
	names string
	do    func(*lab) []row
}{
	{"R1", (*lab).crypto},
	{"R2", (*lab).callbackRate},
	{"R3 R4 R5", (*lab).inboxRates},
	{"R6", (*lab).acknowledging},
	{"R7", (*lab).ownTime},
	{"R8", (*lab).backlog},
	{"R9", (*lab).footprint},
	{"R10", (*lab).held},
	{"R11", (*lab).overload},
	{"S1 S2 S3 S4", (*lab).scale},
}

func main() {
	testing.Init()
	l := &lab{mode: full}
	isQuick := flag.Bool("quick", false, "everything once and briefly: shows that it works, not how fast it is")
	messages := flag.Int("messages", full.messages, "how many verifications R9 watches the memory over")
	only := flag.String("only", "", "measure only these, such as R1,R6; empty: all")
	plotted := flag.String("growth", "", "measure growth instead, and plot it into this file")
	flag.Parse()
	l.messages = *messages
	if *isQuick {
		l.mode = quick
	}
	check(flag.Set("test.benchtime", l.benchtime))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { <-signals; exit(1) }()
	l.prepare()
	if *plotted != "" {
		l.grow(*plotted)
	} else {
		l.run(*only)
	}
	exit(0)
}

func (l *lab) prepare() {
	if out, err := exec.Command("make", "build").CombinedOutput(); err != nil {
		check(fmt.Errorf("make build: %w\n%s", err, out))
	}
	l.binary = must(filepath.Abs("bin/yanquan"))
	// The usual temporary folder may be in memory, where a commit costs nothing.
	check(os.Setenv("TMPDIR", "/var/tmp"))
	l.dir = must(os.MkdirTemp("", "yanquan-bench-"))
	atExit(func() { os.RemoveAll(l.dir) })
	l.server = must(modelstest.StartDurable())
	atExit(l.server.Close)
	l.admin = must(sql.Open("mysql", l.server.Config().FormatDSN()))
	l.calls = newCallbacks(staff)
}

func (l *lab) run(only string) {
	var version string
	check(l.admin.QueryRow("SELECT VERSION()").Scan(&version))
	fmt.Printf("Measured on %d CPUs, %s/%s, with %s and MariaDB %s, %s.\n\n| | ours | reference | aim | measured | met? | what bounds it |\n|---|---|---|---|---|---|---|\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), version, l.server.Settings())
	for _, m := range measurements {
		if only != "" && !slices.ContainsFunc(strings.Fields(m.names), func(name string) bool { return slices.Contains(strings.Split(only, ","), name) }) {
			continue
		}
		began := time.Now()
		for _, r := range m.do(l) {
			fmt.Println("| " + strings.Join([]string{r.name, r.ours, r.reference, r.aim, r.measured, r.met, r.limit}, " | ") + " |")
		}
		fmt.Fprintf(os.Stderr, "%s took %s\n", m.names, time.Since(began).Round(time.Second))
	}
}

// database makes an empty database on MariaDB and gives its DSN.
func (l *lab) database(name string) string {
	must(l.admin.Exec("CREATE DATABASE " + name))
	own := l.server.Config()
	own.DBName = name
	own.InterpolateParams = true // one round trip for a statement, for everybody
	return own.FormatDSN()
}

// store opens a migrated database.
func store(driver, dsn string) *models.DB {
	db := must(models.Open(ctx, models.Config{Driver: driver, DSN: dsn, Key: secretKey}))
	must(db.Migrate(ctx))
	return db
}

// row is a line of the table.
type row struct {
	name, ours, reference, aim, measured, met string
	limit                                     string // what bounds the figure
}

var verdict = map[bool]string{true: "yes", false: "**no**"}

// series is one figure measured over and over.
type series []float64

// summary is the median and its 95 % confidence interval, as benchstat has it.
func (s series) summary() benchmath.Summary {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(s), &benchmath.DefaultThresholds), 0.95)
}

// side is one of two that are compared: a name, and the rate per second, once.
type side struct {
	name string
	rate func() float64
}

// ratio measures two sides in turn, so often: the figure is the median of the ratios of
// neighbours, so that a machine which slows down meanwhile slows both. A first turn warms
// up and does not count. What spreads by more than a tenth says more about the machine than
// about the bot and is not reported.
func ratio(repeats int, name string, ours, reference side, least float64, limit string) row {
	var all, bare, ratios series
	for turn := range repeats + 1 {
		if a, b := ours.rate(), reference.rate(); turn > 0 {
			all, bare, ratios = append(all, a), append(bare, b), append(ratios, a/b)
		}
	}
	perSecond := func(s side, rates series) string { return fmt.Sprintf("%s: %.0f/s", s.name, rates.summary().Center) }
	s := ratios.summary()
	r := row{name, perSecond(ours, all), perSecond(reference, bare), fmt.Sprintf("≥ %.2f", least), fmt.Sprintf("%.2f ± %s", s.Center, s.PctRangeString()), verdict[s.Center >= least], limit}
	if max(s.Hi-s.Center, s.Center-s.Lo) > s.Center/10 {
		r.measured, r.met = "not reported: ± "+s.PctRangeString(), "not measured"
	}
	return r
}

// milli rounds for people.
func milli(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// ends are undone in the end, however that comes: processes and folders outlive an exit.
var ends struct {
	sync.Mutex
	all []func()
}

func atExit(f func()) {
	ends.Lock()
	defer ends.Unlock()
	ends.all = append(ends.all, f)
}

func exit(code int) {
	ends.Lock() // for good
	for _, f := range slices.Backward(ends.all) {
		f()
	}
	os.Exit(code)
}

// check ends the program at an error, from any goroutine: no part of the bench can go
// on without what failed.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		exit(1)
	}
}

// must is check for what comes with a value.
func must[T any](v T, err error) T {
	check(err)
	return v
}
