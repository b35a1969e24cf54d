package douyintest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// beijing is the zone of the platform's days.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options make a [Platform]. The zero value of each field has a sensible
// meaning. Now and Digits are called while the platform is locked: they must not
// call it.
type Options struct {
	// Now is the platform's clock. Default: time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx ends, whichever is first. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Digits gives n decimal digits, from which all codes, ids and tokens are made.
	// Default: random ones, from Seed where that is not 0.
	Digits func(n int) string
	Seed   uint64
	// UndoWindow is how long after a verification it can be undone. Default: the
	// platform's hour. See also [Knobs.UndoEnds].
	UndoWindow time.Duration
	// KeepRequests is how many requests [Platform.Requests] remembers. Default: 500.
	KeepRequests int

	ClientKey, ClientSecret string

	// LinkURL is what short links begin with. Default: https://v.douyin.com. The
	// platform itself answers them, whatever their host.
	LinkURL string
	// NoticeURL takes the webhook's messages, without a handshake; see
	// [Platform.Subscribe]. Empty: nobody does.
	NoticeURL string

	Knobs Knobs
}

// Platform is the fake. It is safe for concurrent use; effects happen one after
// another. Use [New].
type Platform struct {
	opts   Options
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex
	knobs    Knobs
	taken    map[string]bool // every code and id that was given out
	shops    []*Shop
	refused  map[string]bool // accounts that do not, or no longer, authorise the application
	withheld map[string]bool // calls whose capability was not granted
	tokens   []*accessToken  // in the order of their issue
	asked    []time.Time     // when tokens were asked for

	vouchers  []*coupon // in the order of their making
	byCode    map[string]*coupon
	orders    map[string]*order
	links     map[string]*link // by short id
	objects   map[string]*link // by object_id
	encrypted map[string]*coupon
	prepared  map[string]*prepared // by verify_token
	uses      []*usage             // all that ever were
	cancelled map[string]cancellation
	ledger    []Effect

	faults  []*ordered
	late    []lateThing // by due
	down    *outage
	ring    ring
	changed chan struct{} // closed and replaced with every change

	notices   []*Notice
	noticeURL string
	posting   sync.WaitGroup // notices under way
}

var _ http.Handler = (*Platform)(nil)

// New makes an empty platform. It panics where the options' knobs have an unknown
// value.
func New(opts Options) *Platform {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	if opts.Digits == nil {
		opts.Digits = randomDigits(opts.Seed)
	}
	setDefault(&opts.UndoWindow, time.Hour)
	setDefault(&opts.KeepRequests, 500)
	setDefault(&opts.LinkURL, "https://v.douyin.com")
	if err := opts.Knobs.check(); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Platform{
		opts:      opts,
		ctx:       ctx,
		cancel:    cancel,
		knobs:     opts.Knobs,
		taken:     map[string]bool{},
		refused:   map[string]bool{},
		withheld:  map[string]bool{},
		byCode:    map[string]*coupon{},
		orders:    map[string]*order{},
		links:     map[string]*link{},
		objects:   map[string]*link{},
		encrypted: map[string]*coupon{},
		prepared:  map[string]*prepared{},
		cancelled: map[string]cancellation{},
		ring:      ring{keep: opts.KeepRequests},
		changed:   make(chan struct{}),
		noticeURL: opts.NoticeURL,
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
// platform (an effect, a request that came, began to hang or was answered, a
// notice), so that a test never has to sleep. cond may call the platform.
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

// change carries out a change of a test's under the lock.
func (p *Platform) change(do func(now time.Time) error) error {
	p.lock()
	defer p.mu.Unlock()
	defer p.bump()
	return do(p.opts.Now())
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

// randomDigits gives random digits, always the same from one seed.
func randomDigits(seed uint64) func(n int) string {
	if seed == 0 {
		seed = rand.Uint64()
	}
	var mu sync.Mutex
	source := rand.New(rand.NewPCG(seed, seed))
	return func(n int) string {
		mu.Lock()
		defer mu.Unlock()
		digits := make([]byte, n)
		for i := range digits {
			digits[i] = byte('0' + source.IntN(10))
		}
		return string(digits)
	}
}

// id gives digits that begin with a prefix, n in all, and were not given out
// before. The caller holds the lock.
func (p *Platform) id(prefix string, n int) string {
	id := []byte(prefix + p.opts.Digits(n-len(prefix)))
	for p.taken[string(id)] {
		// Counting up ends also where Digits always gives the same.
		i := len(id) - 1
		for ; i >= 0 && id[i] == '9'; i-- {
			id[i] = '0'
		}
		if i >= 0 {
			id[i]++
		} else {
			id = append([]byte{'1'}, id...)
		}
	}
	p.taken[string(id)] = true
	return string(id)
}

// hex gives an opaque word of hexadecimal digits, base64 one in which base64's
// own signs stand, so that who does not escape them is found out.
func (p *Platform) hex() string {
	sum := sha256.Sum256([]byte(p.id("", 24)))
	return hex.EncodeToString(sum[:16])
}

func (p *Platform) base64() string {
	sum := sha256.Sum256([]byte(p.id("", 24)))
	return "Cg+/" + base64.StdEncoding.EncodeToString(sum[:])
}

// shortID names a short link.
func (p *Platform) shortID() string {
	return "i" + strings.Map(func(r rune) rune {
		if r == '+' || r == '/' || r == '=' {
			return 'x'
		}
		return r
	}, p.base64()[4:11])
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func failed(format string, args ...any) error {
	return fmt.Errorf("douyintest: "+format, args...)
}
