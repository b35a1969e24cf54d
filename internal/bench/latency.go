package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"time"

	"yanquan/models"
)

const (
	arrivals    = 200 // callbacks a second
	commitDelay = 100 * time.Millisecond
)

// acknowledging is R6: how long WeCom waits for its 200 while staff verify at a
// constant rate.
func (l *lab) acknowledging() ([]row, error) {
	plain, err := l.mariadb.database(l.ctx, "r6")
	if err != nil {
		return nil, err
	}
	steady, err := l.acknowledged(plain, plain, l.steady, "R6", 20*time.Millisecond)
	if err != nil {
		return nil, err
	}
	direct, err := l.mariadb.database(l.ctx, "r6_slow")
	if err != nil {
		return nil, err
	}
	proxy, through, err := newWire(direct, func(_ string, commits bool) {
		if commits {
			time.Sleep(commitDelay)
		}
	})
	if err != nil {
		return nil, err
	}
	defer proxy.close()
	slow, err := l.acknowledged(direct, through, l.slow, fmt.Sprintf("R6, each commit %s late", commitDelay), 250*time.Millisecond)
	return append(steady, slow...), err
}

// acknowledged runs the bot on one DSN and looks at its database by another.
func (l *lab) acknowledged(direct, through string, duration time.Duration, name string, aim time.Duration) ([]row, error) {
	w, err := l.newWorld(models.MySQL, through)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p, err := l.start(w.config)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	ids, requests, err := w.verifications(int(duration.Seconds() * arrivals))
	if err != nil {
		return nil, err
	}
	results := openLoop(l.ctx, p.address, arrivals, requests)
	stored, err := storedMessages(direct)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	accepted, lost := 0, 0
	for i, r := range results {
		took = append(took, r.took)
		if r.status != http.StatusOK {
			continue
		}
		accepted++
		if !stored[ids[i]] {
			lost++
		}
	}
	p99 := quantile(took, 0.99)
	return []row{{
		name, fmt.Sprintf("the binary, %d verifications/s for %s, open loop", arrivals, duration), "WeCom gives up after 5 s",
		fmt.Sprintf("p99 %s (p50 %s, max %s); %d of %d accepted, %d of them lost", milli(p99), milli(quantile(took, 0.5)), milli(quantile(took, 1)), accepted, len(results), lost),
		fmt.Sprintf("p99 ≤ %s, none lost", milli(aim)), verdict(p99 <= aim && lost == 0 && accepted == len(results)),
	}}, nil
}

// storedMessages are the ids of all messages in the inbox.
func storedMessages(dsn string) (map[string]bool, error) {
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	rows, err := pool.Query("SELECT message_id FROM inbox")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		all[id] = true
	}
	return all, rows.Err()
}
