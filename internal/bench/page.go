package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// page is docs/benchmarks.md.
func (l *lab) page(rows []row, costs string) string {
	var version string
	check(l.admin.QueryRowContext(l.ctx, "SELECT VERSION()").Scan(&version))
	return fmt.Sprintf(introduction, strings.Join(append([]string{"go run ./internal/bench"}, os.Args[1:]...), " "),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), version, l.server.Settings(),
		l.repeats, l.sample, markdown(rows), costs)
}

const introduction = `# Benchmarks

Made by

    %s

on %d CPUs (%s/%s) with %s and MariaDB %s, started with

    %s

so that a commit is on the disk before it is answered, for both sides of every
ratio.

Each ratio was measured %d times, the sides in turn, each side for %s a time (those
of the disk in ten pieces, in turn as well). The figure is the median of the ratios of neighbours; the spread is half the distance
from the least to the greatest. Above 10 %% a figure is not reported. The load
generator, the fakes of WeCom and of the platform and the database share the CPUs
with what is measured. R6 to R9 and R11 measure the built binary in a process of its own.

%s
## What one verification costs the database

A statement is a round trip; COMMIT, and a change outside a transaction, is a
commit. A test of bot/chat holds these numbers. What serves many messages at once is
left out: the looks for due work, and one UPDATE of the outbox, which records for all
answers that robots' callbacks have fetched within a tenth of a second that they need
not go another way. Of an answer that is alone in that time, it is one round trip and
one commit more.

%s`
