package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	arrivals    = 200 // callbacks a second
	commitDelay = 100 * time.Millisecond
)

// acknowledging is R6: how long WeCom waits for its 200 while staff verify at a
// constant rate.
func (l *lab) acknowledging() []row {
	steady := l.newWorld("r6", staff).acknowledged(l.steady, "R6", 20*time.Millisecond)
	w := l.newWorld("r6_slow", staff)
	proxy, through := newWire(w.dsn, func() { time.Sleep(commitDelay) })
	defer proxy.Close()
	w.dsn = through
	return []row{steady, w.acknowledged(l.slow, fmt.Sprintf("R6, each commit %s late", commitDelay), 250*time.Millisecond)}
}

func (w *world) acknowledged(duration time.Duration, name string, aim time.Duration) row {
	defer w.close()
	w.start("")
	texts := w.verify(int(duration.Seconds()*arrivals), arrivals)
	var took []time.Duration
	var ids []string
	for _, t := range texts {
		took = append(took, t.acknowledged.Sub(t.asked))
		if t.status == http.StatusOK {
			ids = append(ids, t.id)
		}
	}
	lost := len(ids) - w.count("SELECT COUNT(*) FROM inbox WHERE message_id IN ('"+strings.Join(ids, "', '")+"')")
	p99 := quantile(took, 0.99)
	return row{
		name, fmt.Sprintf("the binary, %d verifications/s for %s, open loop", arrivals, duration), "WeCom gives up after 5 s",
		fmt.Sprintf("p99 %s (p50 %s, max %s); %d of %d accepted, %d of them lost", milli(p99), milli(quantile(took, 0.5)), milli(quantile(took, 1)), len(ids), len(texts), lost),
		fmt.Sprintf("p99 ≤ %s, none lost", milli(aim)), verdict(p99 <= aim && lost == 0 && len(ids) == len(texts)),
	}
}
