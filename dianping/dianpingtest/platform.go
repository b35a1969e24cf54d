package dianpingtest

import (
	"context"
	"net/http"
	"time"

	"yanquan/internal/fakeserver"
)

// Dialect names a generation of the platform.
type Dialect = fakeserver.Dialect

// The two generations.
const (
	Dianping Dialect = "dianping" // 北极星, openapi.dianping.com
	Meituan  Dialect = "meituan"  // 技术服务合作中心, businessId 58
)

// beijing is the zone of every date and time on the wire.
var beijing = fakeserver.Beijing

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
	*fakeserver.Server
	core *fakeserver.Core // has the lock for all below
	opts Options

	knobs    Knobs
	shops    []*Shop
	sessions map[string]*Session
	consents consents
	vouchers []*Voucher // in the order of their making
	byCode   map[string]*Voucher
	byOrder  map[string][]*Voucher // each in the order of their making
	ledger   []Effect
	done     map[requestKey]*doneRequest
	notices  []*Notice
}

var _ http.Handler = (*Platform)(nil)

// New makes an empty platform. A knob with an unknown value counts as empty.
func New(opts Options) *Platform {
	if opts.Digits == nil {
		opts.Digits = fakeserver.RandomDigits(0)
	}
	if opts.UndoWindow <= 0 {
		opts.UndoWindow = 10 * time.Minute
	}
	p := &Platform{
		opts:     opts,
		knobs:    opts.Knobs,
		sessions: map[string]*Session{},
		consents: newConsents(opts.Registration),
		byCode:   map[string]*Voucher{},
		byOrder:  map[string][]*Voucher{},
		done:     map[requestKey]*doneRequest{},
	}
	p.core, p.Server = fakeserver.New(fakeserver.Options{
		Name: "dianpingtest", Now: opts.Now, Wait: opts.Sleep, Keep: opts.KeepRequests,
		TypeJSON: typeJSON, Read: p.readCall, Calls: knownCalls, Dialects: []Dialect{Dianping, Meituan}, RowCodes: RowCodes, Kinds: faultKinds,
	})
	return p
}
