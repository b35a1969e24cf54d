package crash

import (
	"time"

	"yanquan/internal/race"
)

// What the program promises about time, from its contract, its constants, which
// package bot keeps to itself, and the configuration of this suite. Bounds of the
// suite are computed here, and nowhere else.

// Of the configuration.
const shutdownGrace = 8 * time.Second

var callTimeout = func() time.Duration {
	if race.Enabled {
		return time.Second // the replicas are slow
	}
	return 300 * time.Millisecond // short, so that leases are
}()

// Of packages bot and wecom.
const (
	leaseMargin     = 3 * time.Second
	callsPerCode    = 5
	couponsPerRound = 5
	fallbackDelay   = 6 * time.Second  // a passive answer that nobody fetched goes out another way
	deliveryLease   = 15 * time.Second // of one try to send an answer
	apiTimeout      = 5 * time.Second  // of one call to WeCom
)

// settledWithin is the contract's, for what a killed process left: from the end of
// its lease on.
const settledWithin = 30 * time.Second

// lease is how long a process may hold work that makes so many calls to the platform.
func lease(calls int) time.Duration { return time.Duration(calls+2)*callTimeout + leaseMargin }

// quietWithin is how long everything may take to be settled, told and written down
// once nothing goes wrong any more. A process that was killed in the last moment
// holds a message, an undo at the longest, or an answer on its way out. When the
// lease is over, what it left is settled; then a robot's answer waits for somebody
// to fetch it, and goes out by one call.
func quietWithin() time.Duration {
	return max(lease(callsPerCode+couponsPerRound), deliveryLease) + settledWithin + fallbackDelay + apiTimeout
}

// startWithin is how long a replica may take to be ready, on a busy machine. It is
// no promise of the program: only what ends a case that hangs makes room for it.
const startWithin = 60 * time.Second

// pointWithin bounds a case of TestPoints: three starts, the verification before an
// undo, the way to the point, and what comes after.
func pointWithin() time.Duration { return 3*startWithin + 2*quietWithin() + settledWithin }

// roundWithin bounds a round: replicas are started for it, started again within it
// and, where one gave up, once more when all is well.
func roundWithin() time.Duration { return 3*startWithin + 2*actionTime + quietWithin() }
