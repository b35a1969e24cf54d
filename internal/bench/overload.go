package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

const (
	flood    = 600                   // callbacks a second, more than a small machine carries
	sendTime = 20 * time.Millisecond // of one message/send
	crowd    = 4000                  // people who text without limit
	eachMost = 24                    // messages of one person: a few less than WeCom delivers in a minute
)

// What is promised of a load that is too much, from the outcome at the platform and
// from the end of the load.
const (
	toldHalf = 2 * time.Second
	toldAll  = 10 * time.Second
)

// overload is R11: more verifications than the machine carries. Some may be refused;
// nobody whose voucher was consumed may be left without an answer.
func (l *lab) overload() []row {
	return []row{
		l.newWorld("r11", staff).overloaded(fmt.Sprintf("R11 %d/s", flood), fmt.Sprintf("the binary, %d verifications/s for %s", flood, l.flooded),
			func(w *world) []texted { return w.verify(int(l.flooded.Seconds()*flood), flood) }),
		l.newWorld("r11_limitless", crowd).overloaded("R11 without limit", fmt.Sprintf("the binary, verifications for %s, as fast as they are accepted", l.flooded),
			func(w *world) []texted { return w.verifyWithoutLimit(l.flooded) }),
	}
}

// overloaded runs the binary under a load until everybody is told, or patience is over.
func (w *world) overloaded(name, what string, load func(*world) []texted) row {
	defer w.close() // what is left is not waited for
	w.slowPlatform()
	w.wecom.Fail(wecomtest.Fault{API: "message/send", Delay: sendTime})
	w.start("")
	watchClaims(w.ctx, w.pool)
	texts := load(w)
	ended := time.Now()
	w.wait(w.patience, 500*time.Millisecond, func() bool {
		return w.count("SELECT EXISTS (SELECT 1 FROM inbox WHERE final = 0) OR EXISTS (SELECT 1 FROM outbox WHERE state = 'queued')") == 0
	})
	f := w.fateOf(texts, ended)
	f.claims = claims(w.ctx, w.pool)
	return row{name, what, fmt.Sprintf("platform calls of %s, sends of %s", callTime, sendTime), f.String(),
		fmt.Sprintf("every consumed voucher told, half of them ≤ %s after the outcome, the last ≤ %s after the load, in order, nothing claimed", toldHalf, toldAll),
		verdict(f.kept())}
}

// verifyWithoutLimit posts verifications of people in turn over all connections, each
// as soon as the one before is answered.
func (w *world) verifyWithoutLimit(d time.Duration) []texted {
	until := time.Now().Add(d)
	texts := make([]texted, crowd*eachMost)
	closedLoop(w.address, len(texts), func(l *line, i int) {
		if !time.Now().Before(until) || w.ctx.Err() != nil {
			return
		}
		t, request := w.verification(i % crowd)
		t.asked = time.Now()
		t.status = must(l.post(request))
		t.acknowledged = time.Now()
		texts[i] = t
	})
	check(w.ctx.Err())
	return slices.DeleteFunc(texts, func(t texted) bool { return t.asked.IsZero() })
}

// fate is what became of a load.
type fate struct {
	sent, accepted, consumed, twice, told int
	half                                  time.Duration // by which half of those consumed were told, from the outcome; 0: fewer were told
	last                                  time.Duration // when the last one was told, from the end of the load
	overtaken                             int           // answers that came before one to an earlier message of the same person
	claims                                map[string]int
	patience                              time.Duration
}

// fateOf holds the platform's ledger against the cards that people got.
func (w *world) fateOf(texts []texted, ended time.Time) fate {
	f := fate{sent: len(texts), twice: len(w.platform.TwiceConsumed()), patience: w.patience}
	told := w.told()
	var delays []time.Duration
	for _, e := range w.platform.Ledger() {
		f.consumed++
		at, ok := told[e.Code]
		if !ok {
			continue
		}
		f.told++
		delays = append(delays, at.Sub(e.Time))
		f.last = max(f.last, at.Sub(ended))
	}
	slices.Sort(delays)
	if middle := (f.consumed - 1) / 2; middle < len(delays) {
		f.half = delays[middle]
	}
	for _, t := range texts {
		if t.status == http.StatusOK {
			f.accepted++
		}
	}
	f.overtaken = overtaken(texts, told)
	return f
}

// told is when each code was first on a person's screen as consumed.
func (w *world) told() map[string]time.Time {
	told := map[string]time.Time{}
	for n := range w.people {
		for _, shown := range w.wecom.Screen(wecomtest.InApp("main", member(n))) {
			if shown.Card == nil || shown.Card.Title != "核销成功" {
				continue
			}
			for _, f := range shown.Card.Fields {
				if _, again := told[f.Value]; f.Key == "券码" && !again {
					told[f.Value] = shown.At
				}
			}
		}
	}
	return told
}

// overtaken counts the answers that came before one to an earlier message of the
// same person, or while that one has none. Of two messages that were under way at
// once, none is earlier.
func overtaken(texts []texted, told map[string]time.Time) int {
	byPerson := map[int][]texted{}
	for _, t := range texts {
		if t.status == http.StatusOK {
			byPerson[t.person] = append(byPerson[t.person], t)
		}
	}
	n := 0
	for _, all := range byPerson {
		for i, t := range all {
			at, answered := told[t.code]
			for _, earlier := range all[:i] {
				before, known := told[earlier.code]
				if answered && earlier.acknowledged.Before(t.asked) && (!known || at.Before(before)) {
					n++
					break
				}
			}
		}
	}
	return n
}

// kept reports whether the promise was.
func (f fate) kept() bool {
	return f.told == f.consumed && f.twice == 0 && f.half <= toldHalf && f.last <= toldAll && f.overtaken == 0 && len(f.claims) == 0
}

func (f fate) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d of %d accepted, %d consumed (%d twice), %d told; ", f.accepted, f.sent, f.consumed, f.twice, f.told)
	if f.half > 0 {
		fmt.Fprintf(&s, "half told %.1f s after the outcome, ", f.half.Seconds())
	} else {
		fmt.Fprintf(&s, "half not told %s after the load, ", f.patience)
	}
	if f.told == f.consumed {
		fmt.Fprintf(&s, "the last %.1f s after the load; ", f.last.Seconds())
	} else {
		fmt.Fprintf(&s, "%d not told %s after the load; ", f.consumed-f.told, f.patience)
	}
	fmt.Fprintf(&s, "%d out of order; claims of living work: %d messages, %d operations, %d deliveries",
		f.overtaken, f.claims["inbox"], f.claims["operations"], f.claims["outbox"])
	return s.String()
}

// claimed are the conditions under which a higher attempt takes work from an owner.
// The one process lives all the time, so that each is a claim of living work.
var claimed = map[string]string{
	// A message that waits for a free worker is due as it is received and has no owner yet.
	"inbox": "OLD.answered_at IS NULL AND (OLD.attempt > 1 OR OLD.due_at > OLD.received_at)",
	// Every other move changes the state.
	"operations": "NEW.state = OLD.state AND OLD.state IN ('calling', 'undoing')",
	// A try that failed has a reason.
	"outbox": "OLD.state = 'queued' AND OLD.attempt > 0 AND OLD.reason = ''",
}

// watchClaims lets the database itself note claims: a proxy that reads every
// statement would slow down what is measured.
func watchClaims(ctx context.Context, pool *sql.DB) {
	statements := []string{"CREATE TABLE bench_claims (id BIGINT AUTO_INCREMENT PRIMARY KEY, kind VARCHAR(32) NOT NULL)"}
	for table, owned := range claimed {
		statements = append(statements, fmt.Sprintf("CREATE TRIGGER bench_%[1]s BEFORE UPDATE ON %[1]s FOR EACH ROW"+
			" IF NEW.attempt > OLD.attempt AND %[2]s THEN INSERT INTO bench_claims (kind) VALUES ('%[1]s'); END IF", table, owned))
	}
	for _, s := range statements {
		must(pool.ExecContext(ctx, s))
	}
}

// claims counts, by table, what was claimed from an owner that lives.
func claims(ctx context.Context, pool *sql.DB) map[string]int {
	all := map[string]int{}
	for table := range claimed {
		var n int
		check(pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM bench_claims WHERE kind = ?", table).Scan(&n))
		if n > 0 {
			all[table] = n
		}
	}
	return all
}
