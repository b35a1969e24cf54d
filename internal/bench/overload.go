package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
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
func (l *lab) overload() ([]row, error) {
	steady, err := l.overloaded("r11", staff, func(w *world, address string) ([]texted, error) {
		return w.textSteadily(address, flood, l.flooded)
	})
	if err != nil {
		return nil, err
	}
	limitless, err := l.overloaded("r11_limitless", crowd, func(w *world, address string) ([]texted, error) {
		return w.textWithoutLimit(address, l.flooded)
	})
	if err != nil {
		return nil, err
	}
	return []row{
		l.overloadRow(fmt.Sprintf("R11 %d/s", flood), fmt.Sprintf("the binary, %d verifications/s for %s", flood, l.flooded), steady),
		l.overloadRow("R11 without limit", fmt.Sprintf("the binary, verifications for %s, as fast as they are accepted", l.flooded), limitless),
	}, nil
}

func (l *lab) overloadRow(name, load string, f fate) row {
	return row{name, load, fmt.Sprintf("platform calls of %s, sends of %s", callTime, sendTime), f.String(),
		fmt.Sprintf("every consumed voucher told, half of them ≤ %s after the outcome, the last ≤ %s after the load, in order, nothing claimed", toldHalf, toldAll),
		verdict(f.kept())}
}

// overloaded runs the binary under a load until everybody is told, or patience is over.
func (l *lab) overloaded(name string, people int, load func(w *world, address string) ([]texted, error)) (fate, error) {
	dsn, err := l.mariadb.database(l.ctx, name)
	if err != nil {
		return fate{}, err
	}
	w, err := l.newWorldOf(models.MySQL, dsn, people)
	if err != nil {
		return fate{}, err
	}
	defer w.close()
	w.sendTime, w.cards = sendTime, &cards{told: map[string]time.Time{}}
	if err := w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Delay: callTime, Times: -1}); err != nil {
		return fate{}, err
	}
	p, err := l.start(w.config)
	if err != nil {
		return fate{}, err
	}
	defer p.kill() // what is left is not waited for
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		return fate{}, err
	}
	defer pool.Close()
	if err := watchClaims(l.ctx, pool); err != nil {
		return fate{}, err
	}
	texts, err := load(w, p.address)
	if err != nil {
		return fate{}, err
	}
	ended := time.Now()
	if err := finished(l.ctx, pool, l.patience); err != nil {
		return fate{}, err
	}
	f := w.fateOf(texts, ended)
	f.patience = l.patience
	f.claims, err = claims(l.ctx, pool)
	return f, err
}

// texted is one message of a load.
type texted struct {
	person       int
	code         string
	asked        time.Time // not sent before
	acknowledged time.Time
	status       int // 0: no answer
}

// textSteadily posts so many verifications a second, however long the answers take.
func (w *world) textSteadily(address string, perSecond int, d time.Duration) ([]texted, error) {
	texts := make([]texted, int(d.Seconds()*float64(perSecond)))
	requests := make([][]byte, len(texts))
	for i := range texts {
		var err error
		if texts[i], requests[i], err = w.verification(i % w.people); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	results := openLoop(w.ctx, address, perSecond, requests)
	for i, r := range results {
		t := &texts[i]
		t.asked = began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		t.acknowledged, t.status = t.asked.Add(r.took), r.status
	}
	return texts, w.ctx.Err()
}

// textWithoutLimit posts verifications over all connections, each as soon as the one
// before is answered. Nobody sends two at a time.
func (w *world) textWithoutLimit(address string, d time.Duration) ([]texted, error) {
	until := time.Now().Add(d)
	all := make([][]texted, connections)
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			var own []int
			for person := c; person < w.people; person += connections {
				own = append(own, person)
			}
			all[c], errs[c] = w.textInTurn(address, own, until)
		})
	}
	wg.Wait()
	var texts []texted
	for _, some := range all {
		texts = append(texts, some...)
	}
	return texts, errors.Join(append(errs, w.ctx.Err())...)
}

// textInTurn lets people text one after the other over one connection.
func (w *world) textInTurn(address string, people []int, until time.Time) (texts []texted, err error) {
	l, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer l.conn.Close()
	for i := range len(people) * eachMost {
		if !time.Now().Before(until) || w.ctx.Err() != nil {
			break
		}
		t, request, err := w.verification(people[i%len(people)])
		if err != nil {
			return nil, err
		}
		t.asked = time.Now()
		if t.status, err = l.post(request); err != nil {
			return nil, err
		}
		t.acknowledged = time.Now()
		texts = append(texts, t)
	}
	return texts, nil
}

// verification is one message that verifies a voucher of its own.
func (w *world) verification(person int) (texted, []byte, error) {
	code, err := w.voucher()
	if err != nil {
		return texted{}, nil, err
	}
	_, request, err := w.calls.text(fmt.Sprintf(userID, person), "验 "+code)
	return texted{person: person, code: code}, request, err
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
	f := fate{sent: len(texts), twice: len(w.platform.TwiceConsumed())}
	told := w.cards.all()
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
func watchClaims(ctx context.Context, pool *sql.DB) error {
	statements := []string{"CREATE TABLE bench_claims (id BIGINT AUTO_INCREMENT PRIMARY KEY, kind VARCHAR(32) NOT NULL)"}
	for table, owned := range claimed {
		statements = append(statements, fmt.Sprintf("CREATE TRIGGER bench_%[1]s BEFORE UPDATE ON %[1]s FOR EACH ROW"+
			" IF NEW.attempt > OLD.attempt AND %[2]s THEN INSERT INTO bench_claims (kind) VALUES ('%[1]s'); END IF", table, owned))
	}
	for _, s := range statements {
		if _, err := pool.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("watch claims: %w", err)
		}
	}
	return nil
}

// claims counts, by table, what was claimed from an owner that lives.
func claims(ctx context.Context, pool *sql.DB) (map[string]int, error) {
	rows, err := pool.QueryContext(ctx, "SELECT kind, COUNT(*) FROM bench_claims GROUP BY kind")
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var kind string
		var n int
		if err := rows.Scan(&kind, &n); err != nil {
			return nil, err
		}
		all[kind] = n
	}
	return all, rows.Err()
}

// finished waits until every message has its final answer and nothing is left to
// send, but no longer than patience.
func finished(ctx context.Context, pool *sql.DB, patience time.Duration) error {
	over := time.After(patience)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		var busy bool
		err := pool.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM inbox WHERE final = 0) OR EXISTS (SELECT 1 FROM outbox WHERE state = 'queued')").Scan(&busy)
		if err != nil || !busy {
			return err
		}
		select {
		case <-tick.C:
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
