package dianpingtest

import (
	"context"
	"crypto/rand"
	"fmt"
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

	Knobs Knobs
}

// Knobs choose between behaviours where the public facts leave a doubt. The
// empty value of each is the first one listed.
type Knobs struct {
	// RepeatAnswer: what a consume gets whose requestid was used before.
	RepeatAnswer RepeatAnswer `json:"repeat_answer"`
	// Gen1ListPaging: what offset means to the first generation's querylistbydate.
	Gen1ListPaging ListPaging `json:"gen1_list_paging"`
	// Gen2Refusals: where the second generation puts a business code.
	Gen2Refusals RefusalShape `json:"gen2_refusals"`
	// Unguarded makes the platform forget that a voucher was consumed: another
	// consume of it, unless it repeats a requestid, takes effect again. The real
	// platform guards against that and so hides a client that would consume
	// twice; without the guard [Platform.TwiceConsumed] finds it.
	Unguarded bool `json:"unguarded"`
}

// RepeatAnswer is a value of [Knobs].
type RepeatAnswer string

// What a repeated requestid is answered with.
const (
	SameAnswer  RepeatAnswer = "same_answer"  // the first answer again
	AlreadyUsed RepeatAnswer = "already_used" // 1008, as if it came from someone else
)

// ListPaging is a value of [Knobs].
type ListPaging string

// What an offset counts.
const (
	PagingRows  ListPaging = "rows"  // rows to skip, from 0
	PagingPages ListPaging = "pages" // pages, from 1; 0 is the first page too
)

// RefusalShape is a value of [Knobs].
type RefusalShape string

// Where the second generation tells a business code.
const (
	RefusalBizError   RefusalShape = "biz_error"   // code OP_BIZ_ERROR, the number in data.code
	RefusalCodeText   RefusalShape = "code_text"   // top-level code "1008"
	RefusalCodeNumber RefusalShape = "code_number" // top-level code 1008
)

func (k Knobs) check() error {
	switch k.RepeatAnswer {
	case "", SameAnswer, AlreadyUsed:
	default:
		return fmt.Errorf("dianpingtest: unknown repeat_answer %q", k.RepeatAnswer)
	}
	switch k.Gen1ListPaging {
	case "", PagingRows, PagingPages:
	default:
		return fmt.Errorf("dianpingtest: unknown gen1_list_paging %q", k.Gen1ListPaging)
	}
	switch k.Gen2Refusals {
	case "", RefusalBizError, RefusalCodeText, RefusalCodeNumber:
	default:
		return fmt.Errorf("dianpingtest: unknown gen2_refusals %q", k.Gen2Refusals)
	}
	return nil
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
	vouchers []*Voucher // in the order of their making
	byCode   map[string]*Voucher
	byOrder  map[string][]*Voucher // each in the order of their making
	ledger   []Effect
	done     map[requestKey]*doneRequest
	faults   []*Fault
	down     *outage
	ring     ring
	changed  chan struct{} // closed and replaced with every change
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
		byCode:   map[string]*Voucher{},
		byOrder:  map[string][]*Voucher{},
		done:     map[requestKey]*doneRequest{},
		ring:     ring{keep: opts.KeepRequests},
		changed:  make(chan struct{}),
	}
}

// Close lets go of every request that waits; later ones get 503. It may be
// called more than once. Close the platform before its server, which waits for
// the requests.
func (p *Platform) Close() { p.cancel() }

// Knobs returns the current settings.
func (p *Platform) Knobs() Knobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.knobs
}

// SetKnobs replaces the settings.
func (p *Platform) SetKnobs(k Knobs) error {
	if err := k.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.knobs = k
	p.bump()
	return nil
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
