package wecomtest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Durations of the real service.
const (
	visitorLife      = 5 * time.Minute    // page 91023
	tokenLife        = 2 * time.Hour      // page 91039
	responseCodeLife = 72 * time.Hour     // page 94888
	responseURLLife  = time.Hour          // page 101138
	streamLife       = 6 * time.Minute    // page 100719
	mediaLife        = 3 * 24 * time.Hour // page 90253
	pictureLife      = 5 * time.Minute    // page 100719
)

// Options of a fake. The zero value behaves like the real service.
type Options struct {
	Now    func() time.Time // default time.Now
	Rand   io.Reader        // ids, nonces, keys; default crypto/rand
	Client *http.Client     // sends the callbacks; default a client of its own
	// Sleep waits between retries and stream polls, and in slow faults. Default: real time.
	Sleep func(ctx context.Context, d time.Duration) error

	// APIURL is the base of the response_url handed out; see SetAPIURL.
	APIURL string

	CallbackTimeout time.Duration   // an attempt must be answered within; default 5 s
	VerifyTimeout   time.Duration   // a URL verification must be answered within; default 1 s
	RetryDelays     []time.Duration // waits before the retries; default three of 1 s; empty but not nil: none
	PollEvery       time.Duration   // between polls of a stream; default 1 s

	// MaxUnfinished messages of one person to one robot at a time; default 3, negative: no limit.
	MaxUnfinished int
	// CardEvents is the form of a robot's template_card_event.
	CardEvents CardEventForm
	// MentionSeparator stands between "@robot" and the text; default a space. Some
	// clients send U+2005 or U+00A0.
	MentionSeparator string
	// TrustedIPs may call the API (企业可信IP); nil: everybody may. See SetTrustedIPs.
	TrustedIPs []string

	// GroupCards, StreamCards: what a long connection may show; see SetGroupCards.
	GroupCards  GroupCards
	StreamCards StreamCards
	// SubscribeRate is how often a robot may subscribe in a minute; default 10,
	// negative: no limit.
	SubscribeRate int
	// KeepUndelivered keeps messages that find no long connection until the robot
	// subscribes again. Default: they are lost.
	KeepUndelivered bool
	// NoResponseURL leaves response_url out of what goes over a long connection.
	NoResponseURL bool
	// BareMediaKeys writes the aeskey of a picture without "=", like an EncodingAESKey.
	BareMediaKeys bool

	Apps     []App
	Robots   []Robot
	Webhooks []Webhook
	Users    []User
	Groups   []Group
}

// CardEventForm is how a robot's click event is laid out. Page 101027 contradicts
// itself, and each of these has been seen.
type CardEventForm string

const (
	NestedEvent CardEventForm = ""       // event.template_card_event.{card_type,event_key,task_id}
	FlatEvent   CardEventForm = "flat"   // event.{card_type,event_key,task_id}
	JoinedEvent CardEventForm = "joined" // event.template_card_event.{cardtype,eventkey,taskid}
)

// Errors of acting as a person.
var (
	ErrClosed     = errors.New("wecomtest: closed")
	ErrNotThere   = errors.New("wecomtest: no such person, conversation, card or button")
	ErrUnfinished = errors.New("wecomtest: three messages to this robot are still unfinished")
)

// WeCom is the fake. All methods may be called from many goroutines. As an
// http.Handler it serves the API under /cgi-bin/, and the long connection of robots
// under /ws.
type WeCom struct {
	opt    Options
	client *http.Client
	mux    *http.ServeMux
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	randMu sync.Mutex // guards opt.Rand

	mu         sync.Mutex // guards all below; never held while waiting
	closed     bool
	apiURL     string
	trusted    []string
	apps       map[string]*bot
	robots     map[string]*bot
	webhooks   map[string]*bot   // by key
	users      map[string]User   // by folded id
	openIDs    map[string]string // encrypted, by folded id
	byOpenID   map[string]string // folded ids
	groups     map[string]Group
	tokens     map[string]*token
	current    map[*bot]string // token in force of an app
	codes      map[string]*responseCode
	urls       map[string]*responseURL
	media      map[string]*medium
	links      map[string]*link
	visitors   map[string]visitor // by code
	screens    map[Where][]*post
	posts      map[string]*post
	streams    map[streamKey]*stream
	running    map[*stream]bool // those that are not done
	inflight   map[memberOf]int
	heard      map[chatOf]bool // conversations with a message to the robot
	posted     map[chatOf][]time.Time
	requests   map[string]*request // by req_id
	sockets    []*socket
	groupCards GroupCards
	welcomed   map[memberOf]string // day of the last welcome event
	sends      map[memberOf][]time.Time
	repeats    map[string]*repeat
	callbacks  []*callback
	refusals   []Refusal
	dropped    []Drop
	faults     []*Fault
	calls      map[string]int
	version    int64
	changed    chan struct{} // closed at the next change
	runStarted bool
}

// New makes a fake. Close it in the end.
func New(opt Options) *WeCom {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Rand == nil {
		opt.Rand = rand.Reader
	}
	if opt.Sleep == nil {
		opt.Sleep = sleep
	}
	if opt.CallbackTimeout == 0 {
		opt.CallbackTimeout = 5 * time.Second
	}
	if opt.VerifyTimeout == 0 {
		opt.VerifyTimeout = time.Second
	}
	if opt.RetryDelays == nil {
		opt.RetryDelays = []time.Duration{time.Second, time.Second, time.Second}
	}
	if opt.SubscribeRate == 0 {
		opt.SubscribeRate = subscribeRate
	}
	if opt.PollEvery == 0 {
		opt.PollEvery = time.Second
	}
	if opt.MaxUnfinished == 0 {
		opt.MaxUnfinished = 3
	}
	if opt.MentionSeparator == "" {
		opt.MentionSeparator = " "
	}
	if opt.APIURL == "" {
		opt.APIURL = "https://qyapi.weixin.qq.com"
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &WeCom{
		opt: opt, ctx: ctx, cancel: cancel, client: callbackClient(opt.Client),
		apiURL: strings.TrimRight(opt.APIURL, "/"), trusted: opt.TrustedIPs, groupCards: opt.GroupCards,
		apps: map[string]*bot{}, robots: map[string]*bot{}, webhooks: map[string]*bot{}, users: map[string]User{}, openIDs: map[string]string{}, byOpenID: map[string]string{}, groups: map[string]Group{},
		tokens: map[string]*token{}, current: map[*bot]string{}, codes: map[string]*responseCode{},
		urls: map[string]*responseURL{}, media: map[string]*medium{}, visitors: map[string]visitor{}, links: map[string]*link{},
		heard: map[chatOf]bool{}, posted: map[chatOf][]time.Time{}, requests: map[string]*request{},
		screens: map[Where][]*post{}, posts: map[string]*post{}, streams: map[streamKey]*stream{}, running: map[*stream]bool{},
		inflight: map[memberOf]int{}, welcomed: map[memberOf]string{}, sends: map[memberOf][]time.Time{},
		repeats: map[string]*repeat{}, calls: map[string]int{}, changed: make(chan struct{}),
	}
	corp := "ww" + w.newID(16)
	for _, a := range opt.Apps {
		w.addApp(a, corp)
	}
	for _, r := range opt.Robots {
		w.addRobot(r)
	}
	for _, h := range opt.Webhooks {
		w.addWebhook(h)
	}
	for _, u := range opt.Users {
		w.AddUser(u)
	}
	for _, g := range opt.Groups {
		w.AddGroup(g)
	}
	httpAPI{w}.routes()
	return w
}

// Close stops polling, ends hanging requests and waits for the goroutines of the fake.
func (w *WeCom) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
	w.client.CloseIdleConnections()
}

// SetAPIURL sets the base of the response_url handed out from now on, such as
// the URL of the test server the fake is served by.
func (w *WeCom) SetAPIURL(base string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apiURL = strings.TrimRight(base, "/")
}

// SetTrustedIPs sets who may call the API; others get 60020. nil: everybody may.
func (w *WeCom) SetTrustedIPs(ips []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trusted = slices.Clone(ips)
}

// ServeHTTP serves the API.
func (w *WeCom) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

func fold(userid string) string { return strings.ToLower(userid) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

const idAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// random reads from the injected source, which need not be safe for concurrent use.
func (w *WeCom) random(n int) []byte {
	b := make([]byte, n)
	w.randMu.Lock()
	defer w.randMu.Unlock()
	if _, err := io.ReadFull(w.opt.Rand, b); err != nil {
		// A finite test source has run dry; ids must go on being unique.
		_, _ = rand.Read(b)
	}
	return b
}

func (w *WeCom) newID(n int) string {
	b := w.random(n)
	for i := range b {
		b[i] = idAlphabet[int(b[i])%len(idAlphabet)]
	}
	return string(b)
}

func (w *WeCom) orNewID(s string, n int) string {
	if s != "" {
		return s
	}
	return w.newID(n)
}
