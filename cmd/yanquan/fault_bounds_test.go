package main

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/bot/wecom/wecomtest"
)

// What the program promises about time, from its contract, its constants and the
// configuration of a world. Bounds of the tests are computed here.

// Of packages bot/outbox, bot/wecom and bot/server.
const (
	fallbackDelay = outbox.FallbackDelay // a passive answer that nobody fetched goes out another way
	deliveryLease = 15 * time.Second     // of one try to send an answer
	apiTimeout    = 5 * time.Second      // of one call to WeCom
	acceptWithin  = 3500 * time.Millisecond
)

// Of the contract.
const (
	settledWithin = 30 * time.Second // what a killed process left, from the end of its lease on
	givesUp       = 5 * time.Second  // WeCom, on a callback
	givesUpURL    = time.Second      // WeCom, on the verification of a URL
)

// lease is how long a process may hold work that makes so many calls to the platform.
func (s setting) lease(calls int) time.Duration {
	timeout, err := time.ParseDuration(cmp.Or(s.callTimeout, defaultCallTimeout))
	if err != nil {
		panic(err)
	}
	return redeem.New(redeem.Options{CallTimeout: timeout}).Lease(calls)
}

// messageLease is that of a message before its intent is written.
func (s setting) messageLease() time.Duration { return s.lease(redeem.ConsumeCalls) }

// operationLease is that of an operation, a verification or an undo, once its intent is
// written. Whoever settles it answers the message, too.
func (s setting) operationLease() time.Duration { return s.lease(1) }

// afterDeath is the same world with the patience for what a process that died held
// by a lease. Once that is over, it is settled; then a robot's answer waits for
// somebody to fetch it, and goes out by one call.
func (w *world) afterDeath(lease time.Duration) *world {
	next := *w
	next.patience = max(patience, lease+settledWithin+fallbackDelay+apiTimeout)
	return &next
}

// callback is one that a process has answered, by its own log. What it took is
// measured there, where it does not matter how soon the test's process gets to run.
type callback struct {
	method   string
	status   int
	from, to time.Time
}

// took is what a callback has taken of the time that the machine gave.
func (c callback) took() time.Duration { return ran(c.from, c.to) }

var requestLine = regexp.MustCompile(`(?m)^time=(\S+) .* msg=request method=(\S+) .*status=(\d+) took=(\S+) .*channel=.*$`)

// answered lists the callbacks that a process has answered.
func (p *process) answered() (all []callback) {
	for _, m := range requestLine.FindAllStringSubmatch(p.stderr.String(), -1) {
		at, err := time.Parse(time.RFC3339Nano, m[1])
		status, err2 := strconv.Atoi(m[3])
		took, err3 := time.ParseDuration(m[4])
		if err := cmp.Or(err, err2, err3); err != nil {
			panic(err)
		}
		all = append(all, callback{m[2], status, at.Add(-took), at})
	}
	return all
}

// inTime: WeCom would have given up on none of the callbacks.
func (w *world) inTime() {
	w.Helper()
	seen := 0
	for _, p := range w.logs {
		all := p.answered()
		seen += len(all)
		for _, c := range all {
			if limit := map[string]time.Duration{"POST": givesUp, "GET": givesUpURL}[c.method]; c.took() >= limit {
				w.Errorf("a callback by %s was answered by %d after %s", c.method, c.status, c.took())
			}
		}
	}
	if posted := slices.ContainsFunc(w.wecom.Deliveries(), wecomtest.Delivery.Accepted); posted && seen == 0 && !w.socket && w.failpoint == "" {
		w.Error("the log tells of no callback")
	}
}

// afresh sends a callback once more that WeCom has given up, when its way is free
// again.
func (w *world) afresh(a answer, free <-chan struct{}) {
	w.Helper()
	if a.delivery.Accepted() {
		return
	}
	w.awaitClosed(free)
	d, err := w.wecom.Resend(w.soon(), a.delivery.ID)
	if w.must(err); !d.Accepted() {
		w.Fatalf("refused once more: %s", attempts(d))
	}
}
