package redeem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Shops opens accounts at their platforms.
type Shops interface {
	// Open gives an account's shop at its platform, or [ErrNotConnected].
	Open(ctx context.Context, a models.Account) (platform.Shop, error)
}

// ErrNotConnected: the account's platform is not configured, or nobody has
// authorised it.
var ErrNotConnected = errors.New("redeem: the account is not connected to its platform")

// Options make a [Core]. All are needed.
type Options struct {
	DB          *models.DB
	Shops       Shops
	CallTimeout time.Duration // of one call
	Now         func() time.Time
	Sleep       func(ctx context.Context, d time.Duration) error
	Jitter      func() float64 // [0, 1)
	NewID       func() string  // 32 characters [0-9a-z]
	Log         *slog.Logger
}

// Core consumes and undoes, each at most once. It is safe for concurrent use.
type Core struct {
	Options
	mu     sync.Mutex
	silent map[int64]int // by account: calls in a row without an answer
}

// New makes a Core.
func New(o Options) *Core { return &Core{Options: o, silent: map[int64]int{}} }

// Step is what is left to do once the platform has answered: one move of the
// journal, to be committed together with the answer to the person. It may run
// more than once, as a transaction does.
type Step func(ctx context.Context, tx *models.DB) (models.Operation, error)

const (
	margin     = 3 * time.Second // of a lease, beyond the calls' own time
	slack      = time.Second     // by which SentAt may be early
	HumanAfter = 3 * time.Minute // a doubt that lasts longer is told to people (Operation.NeedsHuman)

	// heldAtMost is how long after a consume the platform may keep it back: the 48 hours
	// that it tells, and a margin. Page local-life/connect/returns-a-status-code, 1229.
	heldAtMost = 48*time.Hour + time.Hour
)

// Lease is the time after which work that makes so many platform calls may be
// taken for dead. One of them may find the session expired: then there is a
// renewal, and the call again.
func (c *Core) Lease(calls int) time.Duration {
	return time.Duration(calls+2)*c.CallTimeout + margin
}

// LookCalls and its like are the calls that a method makes for one code, one
// after the other, for the lease of a message.
const (
	LookCalls    = 3 // prepare (twice where it is lost), getconsumed where it is used
	ConsumeCalls = 5 // a colleague's call, a look, and consume
	UndoCalls    = 2 // a colleague's call, and reverseconsume; longer undos are settled
)

// budget is how long one call with an effect can take, with the renewal of its
// session.
func (c *Core) budget() time.Duration { return 3 * c.CallTimeout }

// quietAfter is how long after a call with an effect was sent its effect, where
// it had one, shows in the platform's books.
func (c *Core) quietAfter() time.Duration { return c.Lease(1) }

// silentLimit is after how many calls in a row without an answer an account's
// platform is only probed.
const silentLimit = 3

// Silent reports whether an account's platform has not answered for some time: then one
// probe at a time is enough.
func (c *Core) Silent(account int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent[account] >= silentLimit
}

// heard notes whether an account's platform answered.
func (c *Core) heard(account int64, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answered {
		delete(c.silent, account)
		return
	}
	c.silent[account]++
}

// Outcome waits, within a call's time, for an operation that is under way.
func (c *Core) Outcome(ctx context.Context, op models.Operation) (models.Operation, error) {
	until, pause := c.Now().Add(c.CallTimeout), 50*time.Millisecond
	for Pending(op) && c.Now().Before(until) {
		if err := c.Sleep(ctx, pause); err != nil {
			return op, err
		}
		pause = min(2*pause, 400*time.Millisecond)
		next, err := c.DB.Journal.Get(ctx, op.ID)
		if err != nil {
			return op, fmt.Errorf("redeem: operation: %w", err)
		}
		op = next
	}
	return op, nil
}

// Pending reports whether an outcome is to be expected soon: an operation is under way,
// and neither left to people nor kept back by the platform, as [models.JournalStore.Awaited]
// has it.
func Pending(op models.Operation) bool {
	return !op.State.Terminal() && !op.NeedsHuman && op.State != models.Held
}

// consuming reports whether it is the consume of an operation that is under way.
func consuming(op models.Operation) bool {
	return op.State == models.Calling || op.State == models.Unknown || op.State == models.Held
}

// Standing reports whether an operation has consumed, or may have.
func Standing(op models.Operation) bool {
	return op.State != models.Rejected && op.State != models.Undone
}
