package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/dianping"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// A statement more in the way of every verification shows here; where there are
// fewer, the limit is to be lowered. By robot, one more statement records what callbacks
// have fetched, for all of them together.
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
			})
		}
	}
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
