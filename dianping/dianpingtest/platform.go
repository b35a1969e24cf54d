package dianpingtest

import (
	"context"
	"crypto/rand"
	"math/big"
	"net/http"
	"sync"
	"time"
)

// Dialect names a generation of the platform.
type Dialect string

// The two generations.
const (
	Dianping Dialect = "dianping" // 北极星, openapi.dianping.com
	Meituan  Dialect = "meituan"  // 技术服务合作中心, businessId 58
)

// beijing is the zone of every date and time on the wire.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// clockTolerance is how far a request's timestamp may be off, either way. Told
// for the first generation (30 minutes); for the second it is assumed.
const clockTolerance = 30 * time.Minute

// Options make a [Platform]. The zero value of each field has a sensible
// meaning. Now and Digits are called while the platform is locked: they must not
// call it.
type Options struct {
	// Now is the platform's clock. Default: time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx ends, whichever is first. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Digits gives n decimal digits, for voucher codes, order ids and trace ids.
	// Default: random ones.
	Digits func(n int) string
	// UndoWindow is how long after a verification it can be undone. Default: the
	// platform's 10 minutes.
	UndoWindow time.Duration
	// KeepRequests is how many requests [Platform.Requests] remembers. Default: 500.
	KeepRequests int

	AppKey, AppSecret    string // first generation
	DeveloperID, SignKey string // second generation

	Registration Registration
	Knobs        Knobs
}

// Platform is the fake. It is safe for concurrent use; effects happen one after
// another. Use [New].
type Platform struct {
	opts   Options
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex
	knobs    Knobs
	shops    []*Shop
	sessions map[string]*Session
	consents consents
	vouchers []*Voucher // in the order of their making
	byCode   map[string]*Voucher
	byOrder  map[string][]*Voucher // each in the order of their making
	ledger   []Effect
	done     map[requestKey]*doneRequest
	faults   []*order
	late     []lateCall // by due
	down     *outage
	ring     ring
	changed  chan struct{} // closed and replaced with every change

	notices []*Notice
	posting sync.WaitGroup // notices under way
}

var _ http.Handler = (*Platform)(nil)

// New makes an empty platform. A knob with an unknown value counts as empty.
func New(opts Options) *Platform {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	if opts.Digits == nil {
		opts.Digits = randomDigits
	}
	if opts.UndoWindow <= 0 {
		opts.UndoWindow = 10 * time.Minute
	}
	if opts.KeepRequests <= 0 {
		opts.KeepRequests = 500
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Platform{
		opts:     opts,
		ctx:      ctx,
		cancel:   cancel,
		knobs:    opts.Knobs,
		sessions: map[string]*Session{},
		consents: newConsents(opts.Registration),
		byCode:   map[string]*Voucher{},
		byOrder:  map[string][]*Voucher{},
		done:     map[requestKey]*doneRequest{},
		ring:     ring{keep: opts.KeepRequests},
		changed:  make(chan struct{}),
	}
}

// Close lets go of every request that waits; later ones get 503. It ends the
// posting of notices, and may be called more than once. Close the platform before
// its server, which waits for the requests.
func (p *Platform) Close() {
	p.mu.Lock() // whoever begins to post holds it, and looks whether this is the end
	p.cancel()
	p.mu.Unlock()
	p.posting.Wait()
}

// Await returns once cond holds. It is asked now and after every change of the
// platform (an effect, a request that came, began to hang or was answered), so
// that a test never has to sleep. cond may call the platform.
func (p *Platform) Await(ctx context.Context, cond func() bool) error {
	for {
		p.mu.Lock()
		next := p.changed
		p.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bump tells those who wait that something changed. The caller holds the lock.
func (p *Platform) bump() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func randomDigits(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		// crypto/rand.Reader does not fail.
		d, _ := rand.Int(rand.Reader, big.NewInt(10))
		digits[i] = byte('0' + d.Int64())
	}
	return string(digits)
}
