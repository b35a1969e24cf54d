package chat

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// A statement more in the way of every verification shows here; where there are
// fewer, the limit is to be lowered. By robot, one more statement records what callbacks
// have fetched, for all of them together. Of each, docs/benchmarks.md says why it is there.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for driver, open := range map[string]func(testing.TB, ...modelstest.Option) *models.DB{models.SQLite: modelstest.SQLite, models.MySQL: modelstest.MySQL} {
		for channel, limit := range map[string]struct{ roundTrips, commits int }{app: {11, 4}, robot: {10, 3}} {
			t.Run(driver+"/"+channel, func(t *testing.T) {
				t.Parallel()
				clock, rec := noon(), &modelstest.Recorder{}
				b := setup(t, open(t, modelstest.WithClock(clock), modelstest.WithRecorder(rec)), clock, dianping.Meituan)
				b.configure(func(o *Options) { o.Guard = Guard{Codes: 10, Within: 10 * time.Minute} })
				b.verifyOn(channel, "7992697494") // the first one opens connections and plans the day's work
				rec.Take()
				b.verifyOn(channel, "7992697495")
				seen := rec.Take()
				commits := modelstest.Commits(seen)
				if len(seen) > limit.roundTrips || commits > limit.commits {
					t.Errorf("%d round trips and %d commits, at most %d and %d:\n%s", len(seen), commits, limit.roundTrips, limit.commits, listed(seen))
				}
				var said []string
				for _, s := range seen {
					said = append(said, strings.TrimSpace(s.String()+" "+map[bool]string{true: "yes"}[s.Commits]))
				}
				if diff := cmp.Diff(explained(t, channel), said); diff != "" {
					t.Errorf("docs/benchmarks.md gives reasons for other statements (-page +seen):\n%s", diff)
				}
			})
		}
	}
}

// explained are the statements that docs/benchmarks.md gives reasons for, with yes behind
// those that commit.
func explained(t *testing.T, channel string) (all []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), map[string]string{app: "\nBy app:\n\n", robot: "\nBy robot:\n\n"}[channel])
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if _, err := strconv.Atoi(strings.TrimPrefix(cells[0], "| ")); err == nil && len(cells) == 4 && strings.TrimSpace(cells[3]) != "|" {
			all = append(all, strings.TrimSpace(cells[1]+" "+cells[2]))
		}
	}
	return all
}

// No statement of a verification makes a temporary table of what it reads: with texts
// without a limit in them, such as tokens, MariaDB makes a file of it.
func TestNoTemporaryTable(t *testing.T) {
	t.Parallel()
	clock, rec, dsn := noon(), &modelstest.Recorder{}, modelstest.MigratedMySQLDSN(t)
	b := setup(t, modelstest.Open(t, models.MySQL, dsn, modelstest.WithClock(clock), modelstest.WithRecorder(rec)), clock, dianping.Meituan)
	b.configure(func(o *Options) { o.Guard = Guard{Codes: 10, Within: 10 * time.Minute} })
	b.verifyOn(app, "7992697494")
	rec.Take()
	b.verifyOn(app, "7992697495")
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	reads := 0
	for _, s := range rec.Take() {
		if !strings.HasPrefix(s.Text, "SELECT ") {
			continue
		}
		reads++
		for _, step := range plan(t, pool, s.Text) {
			if strings.Contains(step, "Using temporary") || strings.Contains(step, "Using filesort") {
				t.Errorf("%s: %s", s, step)
			}
		}
	}
	if reads == 0 {
		t.Error("nothing is read")
	}
}

// plan is how MariaDB would do a statement, step by step.
func plan(t *testing.T, pool *sql.DB, statement string) (steps []string) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "EXPLAIN "+statement, slices.Repeat([]any{"1"}, strings.Count(statement, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// What robots' callbacks have fetched is recorded together, by one statement.
func TestFetchedShareACommit(t *testing.T) {
	t.Parallel()
	for driver, open := range map[string]func(testing.TB, ...modelstest.Option) *models.DB{models.SQLite: modelstest.SQLite, models.MySQL: modelstest.MySQL} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			clock, rec := noon(), &modelstest.Recorder{}
			b := setup(t, open(t, modelstest.WithClock(clock), modelstest.WithRecorder(rec)), clock, dianping.Meituan)
			for i := range 5 {
				b.verifyOn(robot, fmt.Sprint("799269749", i))
			}
			rec.Take()
			b.bot.Pass(t.Context())
			var records []modelstest.Statement
			for _, s := range rec.Take() {
				if s.String() == "UPDATE outbox" {
					records = append(records, s)
				}
			}
			if len(records) != 1 {
				t.Errorf("recorded by %d statements:\n%s", len(records), listed(records))
			}
			clock.Advance(outbox.FallbackDelay)
			b.bot.Pass(t.Context())
			if sent := b.courier.all(); len(sent) != 0 {
				t.Errorf("sent as well: %+v", sent)
			}
		})
	}
}

// verifyOn verifies a voucher on a channel, until its answer is out and recorded.
func (b *bench) verifyOn(channel, code string) {
	b.t.Helper()
	b.voucher(code)
	chat := ""
	if channel == robot {
		chat = group
	}
	m := b.at(channel, chat, "zhangsan")
	m.Kind, m.Text = bot.Text, "验 "+code
	sent := len(b.courier.all())
	id := b.accept(m)
	if m.Passive() { // as the server does
		reply, _ := b.bot.Await(b.t.Context(), id)
		if !b.bot.Take(b.t.Context(), id) {
			b.t.Error("the callback may not have its answer")
		}
		b.bot.Delivered(id, reply, bot.Reply{})
	}
	b.bot.Wait()
	b.effects(code, 1, 0)
	if got := len(b.courier.all()) - sent; channel == app && got != 1 {
		b.t.Errorf("%d answers were sent, want 1", got)
	}
}

func listed(statements []modelstest.Statement) string {
	var lines strings.Builder
	for i, s := range statements {
		text := strings.Join(strings.Fields(s.Text), " ")
		fmt.Fprintf(&lines, "%3d %-7s %.240s\n", i+1, map[bool]string{true: "commits"}[s.Commits], text)
	}
	return lines.String()
}
