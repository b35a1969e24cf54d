package douyintest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"yanquan/internal/fakeserver"
)

var beijing = fakeserver.Beijing

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
	// [Platform.Subscribe]. Empty: none are posted.
	NoticeURL string

	Knobs Knobs
}

// Platform is the fake. It is safe for concurrent use; effects happen one after
// another. Use [New].
type Platform struct {
	*fakeserver.Server
	core *fakeserver.Core // has the lock for all below
	opts Options

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

	notices   []*Notice
	noticeURL string
}

var _ http.Handler = (*Platform)(nil)

// New makes an empty platform. It panics where the options' knobs have an unknown
// value.
func New(opts Options) *Platform {
	if opts.Digits == nil {
		opts.Digits = fakeserver.RandomDigits(opts.Seed)
	}
	fakeserver.Default(&opts.UndoWindow, time.Hour)
	fakeserver.Default(&opts.LinkURL, "https://v.douyin.com")
	if err := opts.Knobs.check(); err != nil {
		panic(err)
	}
	p := &Platform{
		opts:      opts,
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
		noticeURL: opts.NoticeURL,
	}
	p.core, p.Server = fakeserver.New(fakeserver.Options{
		Name: "douyintest", Now: opts.Now, Wait: opts.Sleep, Keep: opts.KeepRequests,
		Read: p.readCall, Calls: Calls, Kinds: faultKinds,
	})
	return p
}

// id gives digits that begin with a prefix, n in all, and were not given out
// before. The caller holds the lock.
func (p *Platform) id(prefix string, n int) string {
	id := fakeserver.Unique(prefix+p.opts.Digits(n-len(prefix)), func(id string) bool { return p.taken[id] })
	p.taken[id] = true
	return id
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

func failed(format string, args ...any) error {
	return fmt.Errorf("douyintest: "+format, args...)
}
