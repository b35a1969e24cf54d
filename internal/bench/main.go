// Command bench measures the bot against references on the same machine, in the
// same run and on the same MariaDB, and prints the ratios R1 to R11 as a table, and
// with many stores and years of business S1 to S4.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"yanquan/models/modelstest"
)

// mode is how long everything takes.
type mode struct {
	repeats   int
	sample    time.Duration // of one side, once
	steady    time.Duration // R6
	slow      time.Duration // R6 with slow commits
	verifying int           // verifications of one side, once: R7
	doubtful  int           // R8
	messages  int           // R9
	rate      int           // of these messages, a second

	flooded  time.Duration // R11
	patience time.Duration // with what it leaves

	stores, operations int // S1 to S4
}

var (
	quick = mode{repeats: 1, sample: 200 * time.Millisecond, steady: 2 * time.Second, slow: 2 * time.Second, verifying: 5, doubtful: 200, messages: 1000, rate: arrivals, flooded: time.Second, patience: 5 * time.Second, stores: 20, operations: 4000}
	full  = mode{repeats: 5, sample: 3 * time.Second, steady: time.Minute, slow: 20 * time.Second, verifying: 20, doubtful: 10000, messages: 10000, rate: arrivals, flooded: 20 * time.Second, patience: time.Minute, stores: 2000, operations: 2_000_000}
)

// lab is what all measurements share.
type lab struct {
	mode
	ctx    context.Context
	dir    string
	server *modelstest.Durable // that both sides of every ratio use
	admin  *sql.DB             // may create databases there
	calls  *callbacks
	binary string // the program as it is shipped
}

// secretKey seals what the bench stores.
var secretKey = []byte("0123456789abcdef0123456789abcdef")

func main() {
	isQuick := flag.Bool("quick", false, "one short repeat of everything: shows that it works, not how fast it is")
	messages := flag.Int("messages", full.messages, "how many verifications R9 watches the memory over")
	rate := flag.Int("rate", full.rate, "how many of these come a second; above 375 some would get more answers than WeCom allows")
	only := flag.String("only", "", "measure only these, such as R1,R6; empty: all")
	repeats := flag.Int("repeats", full.repeats, "how often each side of a ratio is measured")
	output := flag.String("o", "", "also write the table, with how it was made, to this file")
	flag.Parse()

	l := &lab{mode: full}
	l.repeats, l.messages, l.rate = *repeats, *messages, *rate
	if *isQuick {
		l.mode = quick
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	l.ctx = ctx
	err := try(func() { l.run(*only, *output) })
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measurements in the order of the table.
var measurements = []struct {
	ratios []string
	do     func(*lab) []row
}{
	{[]string{"R1"}, (*lab).crypto},
	{[]string{"R2", "R5"}, (*lab).callbackRates},
	{[]string{"R3", "R4", "R10"}, (*lab).inboxRates},
	{[]string{"R6"}, (*lab).acknowledging},
	{[]string{"R7"}, (*lab).endToEnd},
	{[]string{"R8"}, (*lab).backlog},
	{[]string{"R9"}, (*lab).footprint},
	{[]string{"R11"}, (*lab).overload},
	{[]string{"S1", "S2", "S3", "S4"}, (*lab).scale},
}

func (l *lab) run(only, output string) {
	// The usual temporary folder may be in memory, where a commit costs nothing.
	check(os.Setenv("TMPDIR", "/var/tmp"))
	l.dir = must(os.MkdirTemp("", "yanquan-bench-"))
	defer os.RemoveAll(l.dir)
	l.server = must(modelstest.StartDurable())
	defer l.server.Close()
	l.admin = must(sql.Open("mysql", l.server.Config().FormatDSN()))
	defer l.admin.Close()
	l.binary = build(l.ctx, l.dir)
	fake := newFakeWeCom(staff)
	defer fake.Close()
	l.calls = newCallbacks(fake)

	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	var rows []row
	for _, m := range measurements {
		chosen := func(ratio string) bool { return len(wanted) == 0 || slices.Contains(wanted, ratio) }
		if !slices.ContainsFunc(m.ratios, chosen) {
			continue
		}
		began, name := time.Now(), strings.Join(m.ratios, ", ")
		var got []row
		if err := try(func() { got = m.do(l) }); err != nil {
			check(fmt.Errorf("%s: %w", name, err))
		}
		fmt.Fprintf(os.Stderr, "%s took %s\n%s", name, time.Since(began).Round(time.Second), markdown(got))
		rows = append(rows, got...)
	}
	if len(rows) == 0 {
		check(fmt.Errorf("there is no ratio %s", only))
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.number() - b.number() })
	page := l.page(rows, l.costs())
	fmt.Print(page)
	if output != "" {
		check(os.WriteFile(output, []byte(page), 0o644))
	}
}
