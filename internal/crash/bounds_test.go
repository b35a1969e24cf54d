package crash

import (
	"time"

	"yanquan/bot/outbox"
	"yanquan/bot/redeem"
	"yanquan/internal/race"
)

// What the program promises about time, from its contract, its constants and the
// configuration of this suite. Bounds of the suite are computed here, and nowhere else.

// Of the configuration.
const shutdownGrace = 8 * time.Second

var callTimeout = func() time.Duration {
	if race.Enabled {
		return time.Second // the replicas are slow
	}
	return 300 * time.Millisecond // short, so that leases are
}()

// Of packages bot/outbox and bot/wecom.
const (
	fallbackDelay = outbox.FallbackDelay // a passive answer that nobody fetched goes out another way
	deliveryLease = 15 * time.Second     // of one try to send an answer
	apiTimeout    = 5 * time.Second      // of one call to WeCom
)

// tokenRefused is how long no call to Douyin is sent after its newest access token was
// refused, of package douyin.
const tokenRefused = 5 * time.Second

// settledWithin is the contract's, for what a killed process left: from the end of
// its lease on.
const settledWithin = 30 * time.Second

// leases of the money core, by the calls that are left.
var leases = redeem.New(redeem.Options{CallTimeout: callTimeout})

// messageLease is how long a process may hold a message before its intent is written;
// afterwards its operation is held, which is shorter, and whoever settles that answers
// the message.
func messageLease() time.Duration { return leases.Lease(redeem.ConsumeCalls) }

// quietWithin is how long everything may take to be settled, told and written down
// once nothing goes wrong any more. A process that was killed in the last moment
// holds a message or an answer on its way out. When the lease is over, what it left is
// settled; then a robot's answer waits for somebody to fetch it, and goes out by one
// call.
func quietWithin() time.Duration {
	return max(messageLease(), deliveryLease) + settledWithin + fallbackDelay + apiTimeout
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
