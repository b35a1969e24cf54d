package douyin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/internal/fakeserver"

	"github.com/google/go-cmp/cmp"
)

// issuer gives out tokens as the platform does: the two newest live, the older one
// for five minutes.
type issuer struct {
	clock  *fakeserver.Clock
	server *httptest.Server

	mu             sync.Mutex
	issued         int
	newest, older  string
	olderUntil     time.Time
	newestUntil    time.Time
	answer         func(w http.ResponseWriter, fresh string) // nil: the token
	asked          func()                                    // at each request for a token, before it is answered
	calls          []string                                  // tokens of the other calls
	refusalOfCalls string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	o := &issuer{clock: fakeserver.NewClock(testNow), refusalOfCalls: "2190008"}
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			o.mu.Lock()
			asked := o.asked
			o.mu.Unlock()
			if asked != nil {
				asked()
			}
			fresh := o.issue()
			o.mu.Lock()
			answer := o.answer
			o.mu.Unlock()
			if answer == nil {
				_, _ = io.WriteString(w, tokenAnswer(fresh, 7200))
			} else {
				answer(w, fresh)
			}
			return
		}
		token := r.Header.Get("access-token")
		o.mu.Lock()
		defer o.mu.Unlock()
		o.calls = append(o.calls, token)
		now := o.clock.Now()
		if token == o.newest && now.Before(o.newestUntil) || token == o.older && now.Before(o.olderUntil) {
			_, _ = io.WriteString(w, ok(`"records":[]`))
			return
		}
		_, _ = io.WriteString(w, no(o.refusalOfCalls, "0"))
	}))
	t.Cleanup(o.server.Close)
	return o
}

// issue makes a token, as also another environment could.
func (o *issuer) issue() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	o.issued++
	o.older, o.olderUntil = o.newest, now.Add(5*time.Minute)
	o.newest, o.newestUntil = fmt.Sprintf("clt.token%d", o.issued), now.Add(2*time.Hour)
	return o.newest
}

func (o *issuer) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.issued
}

func (o *issuer) answers(f func(w http.ResponseWriter, fresh string)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = f
}

func (o *issuer) replica(t *testing.T, store TokenStore) *Client {
	t.Helper()
	c, err := New(Config{
		APIURL: o.server.URL, ClientKey: testKey, ClientSecret: testSecret, Tokens: store,
		Timeout: 10 * time.Second, Now: o.clock.Now, Sleep: o.clock.Sleep, HTTP: o.server.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ledger(c *Client) error {
	_, err := c.Ledgers(context.Background(), testShop, "1")
	return err
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(`"records":[]`))
	store := new(MemoryTokens)
	c := b.client(t, func(c *Config) { c.Tokens = store })
	for range 3 {
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.tokens) != 1 {
		t.Fatalf("%d tokens", len(b.tokens))
	}
	r := b.tokens[0]
	wantBody := map[string]any{"client_key": testKey, "client_secret": testSecret, "grant_type": "client_credential"}
	if diff := cmp.Diff(wantBody, r.body); diff != "" || r.method != "POST" || r.header.Get("access-token") != "" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v %s", r, diff)
	}
	kept, _ := store.Load(context.Background())
	full := Token{Version: 2, Access: testAccess, Obtained: testNow, Expires: testNow.Add(2 * time.Hour)}
	if kept != full {
		t.Errorf("kept %+v", kept)
	}
}

func TestOneFlightInOneProcess(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	c := o.replica(t, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := ledger(c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if o.count() != 1 {
		t.Errorf("%d tokens", o.count())
	}
}

func TestOneFlightOverAllReplicas(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	o.asked = func() { // while one asks, the others find its lease
		kept, _ := store.Load(context.Background())
		if !kept.Lease.After(o.clock.Now()) {
			t.Error("asked without a lease")
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		c := o.replica(t, store)
		c.tokens.sleep = func(ctx context.Context, _ time.Duration) error { return sleep(ctx, time.Millisecond) }
		wg.Go(func() {
			if err := ledger(c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if o.count() != 1 {
		t.Errorf("%d tokens", o.count())
	}
}

// A token is renewed ten minutes before its end, and nobody waits for it; the others
// go on with the older one within its grace.
func TestRenewalBeforeTheEnd(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	one, two := o.replica(t, store), o.replica(t, store)
	both := func() {
		t.Helper()
		for _, c := range []*Client{one, two} {
			if err := ledger(c); err != nil {
				t.Fatal(err)
			}
			c.Landed()
		}
	}
	both()
	for range 109 {
		o.clock.Add(time.Minute)
		both()
	}
	if o.count() != 1 {
		t.Fatalf("%d tokens within 109 minutes", o.count())
	}
	release := make(chan struct{})
	o.asked = func() { <-release }
	o.clock.Add(time.Minute)
	if err := ledger(one); err != nil { // is not kept waiting
		t.Fatal(err)
	}
	close(release)
	one.Landed()
	if o.count() != 2 {
		t.Fatalf("%d tokens after 110 minutes", o.count())
	}
	for range 10 { // two finds the newer one by itself, within the grace
		o.clock.Add(30 * time.Second)
		both()
	}
	refused := 0
	for _, token := range o.calls[len(o.calls)-2:] {
		if token != "clt.token2" {
			refused++
		}
	}
	kept, _ := store.Load(context.Background())
	if refused > 0 || kept.Access != "clt.token2" || !kept.Displaced.IsZero() || kept.InDoubt || o.count() != 2 {
		t.Errorf("%d still use the older one; kept %+v", refused, kept)
	}
}

// A replica that slept looks before it uses a token that may be gone.
func TestAfterALongSleep(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	awake, asleep := o.replica(t, store), o.replica(t, store)
	for _, c := range []*Client{awake, asleep} {
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
	}
	o.clock.Add(111 * time.Minute)
	if err := awake.RenewToken(context.Background()); err != nil {
		t.Fatal(err)
	}
	awake.Landed()
	o.clock.Add(6 * time.Minute)
	before := len(o.calls)
	if err := ledger(asleep); err != nil {
		t.Fatal(err)
	}
	if got := o.calls[before:]; len(got) != 1 || got[0] != "clt.token2" || o.count() != 2 {
		t.Errorf("calls with %v, %d tokens", got, o.count())
	}
}

// A second environment with the same secret: the token is renewed once and the fact
// kept for people; within five minutes of that, it is not fought.
func TestSecondEnvironment(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"2190002", "2190008"} {
		o := newIssuer(t)
		o.refusalOfCalls = code
		store := new(MemoryTokens)
		c := o.replica(t, store)
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
		o.issue() // somebody else
		if err := ledger(c); err != nil {
			t.Fatalf("within the grace: %v", err)
		}
		o.clock.Add(6 * time.Minute)
		if err := ledger(c); err != nil {
			t.Fatalf("after the grace: %v", err)
		}
		kept, _ := store.Load(context.Background())
		if o.count() != 3 || !kept.Displaced.Equal(o.clock.Now()) || kept.Access != "clt.token3" {
			t.Fatalf("%d tokens, kept %+v", o.count(), kept)
		}
		o.clock.Add(time.Minute)
		o.issue()
		o.issue() // both newer: ours is gone at once
		e := want(t, "fought", ledger(c), SessionExpired, "")
		if e.Code != code || o.count() != 5 {
			t.Errorf("%v, %d tokens", e, o.count())
		}
		o.clock.Add(5 * time.Minute)
		if err := ledger(c); err != nil || o.count() != 6 {
			t.Errorf("five minutes later: %v, %d tokens", err, o.count())
		}
	}
}

// One refusal of a new token by mistake keeps calls back for seconds, and accuses nobody.
func TestRefusedByMistake(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	c := o.replica(t, store)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	o.clock.Add(time.Minute)
	o.mu.Lock()
	token, until := o.newest, o.newestUntil
	o.newest = ""
	o.mu.Unlock()
	want(t, "by mistake", ledger(c), SessionExpired, "")
	o.mu.Lock()
	o.newest, o.newestUntil = token, until
	o.mu.Unlock()
	o.clock.Add(6 * time.Second)
	if err := ledger(c); err != nil {
		t.Errorf("seconds later: %v", err)
	}
	kept, _ := store.Load(context.Background())
	if o.count() != 1 || !kept.Displaced.IsZero() {
		t.Errorf("%d tokens, kept %+v", o.count(), kept)
	}
}

// Another process of ours renewed: its token is taken, and none asked for.
func TestRefusedTokenThatAnotherReplicaReplaced(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	c := o.replica(t, store)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	o.issue()
	kept, _ := store.Load(context.Background())
	kept.Version, kept.Access = kept.Version+1, Secret(o.issue())
	if swapped, _ := store.Swap(context.Background(), kept); !swapped {
		t.Fatal("not swapped")
	}
	before := len(o.calls)
	if err := ledger(c); err != nil || o.count() != 3 {
		t.Errorf("%v, %d tokens", err, o.count())
	}
	if diff := cmp.Diff([]string{"clt.token1", "clt.token3"}, o.calls[before:]); diff != "" {
		t.Error(diff)
	}
}

// The answer to a renewal is lost: the older token serves within its grace, the next
// renewal heals it, and nobody else is suspected.
func TestLostRenewal(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	c := o.replica(t, store)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	o.clock.Add(111 * time.Minute)
	o.answers(func(w http.ResponseWriter, _ string) { w.WriteHeader(502) })
	if err := c.RenewToken(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.Landed()
	kept, _ := store.Load(context.Background())
	if !kept.InDoubt || kept.Access != "clt.token1" || !kept.NotBefore.Equal(o.clock.Now().Add(pauseLong)) || !kept.Lease.IsZero() {
		t.Fatalf("kept %+v", kept)
	}
	o.answers(nil)
	if err := ledger(c); err != nil || o.count() != 2 {
		t.Fatalf("%v, %d tokens: not before the pause is over", err, o.count())
	}
	c.Landed()
	o.clock.Add(6 * time.Minute) // no traffic meanwhile; the older one is dead by now
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	c.Landed()
	if kept, _ = store.Load(context.Background()); kept.InDoubt || !kept.Displaced.IsZero() || kept.Access != Secret(o.newest) {
		t.Errorf("kept %+v", kept)
	}
}

// A process that died while it asked: after its lease another one does.
func TestDeadRenewal(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := &MemoryTokens{kept: Token{Version: 7, Lease: testNow.Add(15 * time.Second), InDoubt: true}}
	c := o.replica(t, store)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	if waited := o.clock.Now().Sub(testNow); waited < 15*time.Second || waited > 16*time.Second {
		t.Errorf("waited %s", waited)
	}
}

// A process that slept over its lease, while another one asked too: whichever token
// the platform takes for the older one, nobody else is suspected.
func TestTwoRenewalsThatCross(t *testing.T) {
	t.Parallel()
	for name, slowFirst := range map[string]bool{"the slow one asks last": false, "the slow one is answered last": true} {
		o := newIssuer(t)
		store := new(MemoryTokens)
		slow, quick := o.replica(t, store), o.replica(t, store)
		asked, wake := make(chan bool), make(chan bool)
		first := true
		pause := func() {
			if first {
				first = false
				asked <- true
				<-wake
			}
		}
		if slowFirst { // it has its token before it sleeps
			o.answers(func(w http.ResponseWriter, fresh string) {
				pause()
				_, _ = io.WriteString(w, tokenAnswer(fresh, 7200))
			})
		} else {
			o.asked = pause
		}
		done := make(chan error)
		go func() { done <- ledger(slow) }()
		<-asked
		o.clock.Add(time.Minute)
		if err := ledger(quick); err != nil {
			t.Fatal(err)
		}
		close(wake)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for range 10 {
			o.clock.Add(time.Minute)
			for _, c := range []*Client{slow, quick} {
				if err := ledger(c); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				c.Landed()
			}
		}
		if kept, _ := store.Load(context.Background()); !kept.Displaced.IsZero() || o.count() > 3 {
			t.Errorf("%s: kept %+v, %d tokens", name, kept, o.count())
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	fail := func(code string) string {
		return `{"data":{"error_code":` + code + `,"description":"错","captcha":"","desc_url":"","log_id":"t9"},"message":"error"}`
	}
	for _, tt := range []struct {
		name, body string
		status     int
		class      Class
		pause      time.Duration
		doubt      bool
		reason     Reason
	}{
		{"too often", fail("10020"), 200, Throttled, pauseBusy, false, ""},
		{"too frequent", fail("2119003"), 200, Throttled, pauseBusy, false, ""},
		{"unknown", fail("10003"), 200, Misconfigured, pauseBrief, false, Other},
		{"parameters", fail("2100005"), 200, Misconfigured, pauseBrief, false, BadRequest},
		{"no capability", fail("2190004"), 200, Misconfigured, pauseBrief, false, NotGranted},
		{"busy", fail("2100004"), 200, Unavailable, pauseBrief, true, ""},
		{"a page", "<html>", 200, Unavailable, pauseBrief, true, ""},
		{"a proxy", "<html>", 403, Unavailable, pauseBrief, true, ""},
		{"an outage", fail("10003"), 500, Unavailable, pauseBrief, true, ""},
		{"no token", fail("0"), 200, Unavailable, pauseBrief, true, ""},
		{"success elsewhere", `{"err_no":0,"data":{"access_token":"clt.x"}}`, 200, Unavailable, pauseBrief, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newIssuer(t)
			o.answers(func(w http.ResponseWriter, _ string) { w.WriteHeader(tt.status); _, _ = io.WriteString(w, tt.body) })
			store := new(MemoryTokens)
			c := o.replica(t, store)
			e := want(t, tt.name, allCalls[CallVerify](context.Background(), c), tt.class, tt.reason)
			if e.Call != CallToken {
				t.Errorf("%v", e)
			}
			kept, _ := store.Load(context.Background())
			if !kept.NotBefore.Equal(o.clock.Now().Add(tt.pause)) || kept.InDoubt != tt.doubt || !kept.Lease.IsZero() {
				t.Errorf("kept %+v", kept)
			}
			issued := o.count()
			want(t, "at once again", ledger(c), Unavailable, "")
			if o.count() != issued || len(o.calls) > 0 {
				t.Errorf("asked %d times, called %d times", o.count(), len(o.calls))
			}
			o.answers(nil)
			o.clock.Add(tt.pause)
			if err := ledger(c); err != nil {
				t.Errorf("after the pause: %v", err)
			}
		})
	}
}

// 10020 to a renewal ends nothing while the token lives.
func TestBackOffWithATokenLeft(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	c := o.replica(t, nil)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	o.clock.Add(111 * time.Minute)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	c.Landed()
	o.answers(func(w http.ResponseWriter, _ string) {
		_, _ = io.WriteString(w, `{"data":{"error_code":10020,"description":"quota"}}`)
	})
	o.clock.Add(111 * time.Minute)
	issued := o.count()
	for range 5 {
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
		c.Landed()
	}
	if o.count() != issued+1 {
		t.Errorf("asked %d times", o.count()-issued)
	}
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	for life, want := range map[string]time.Duration{`7200`: 2 * time.Hour, `"600"`: 10 * time.Minute, `null`: 2 * time.Hour, `-1`: 2 * time.Hour, `1e300`: 2 * time.Hour} {
		o := newIssuer(t)
		o.answers(func(w http.ResponseWriter, fresh string) {
			fmt.Fprintf(w, `{"data":{"access_token":%q,"expires_in":%s,"error_code":"0"},"message":"success"}`, fresh, life)
		})
		store := new(MemoryTokens)
		if err := ledger(o.replica(t, store)); err != nil {
			t.Fatal(err)
		}
		kept, _ := store.Load(context.Background())
		if got := kept.Expires.Sub(kept.Obtained); got != want {
			t.Errorf("%s: lives %s", life, got)
		}
	}
}

// brokenStore fails when told to.
type brokenStore struct {
	MemoryTokens
	load, swap error
}

func (b *brokenStore) Load(ctx context.Context) (Token, error) {
	t, _ := b.MemoryTokens.Load(ctx)
	return t, b.load
}

func (b *brokenStore) Swap(ctx context.Context, next Token) (bool, error) {
	if b.swap != nil {
		return false, b.swap
	}
	return b.MemoryTokens.Swap(ctx, next)
}

func TestStoreThatFails(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	gone := errors.New("database is gone")
	store := &brokenStore{load: gone}
	e := want(t, "load", ledger(o.replica(t, store)), Unavailable, "")
	if !errors.Is(e, gone) || o.count() != 0 {
		t.Errorf("%v, %d tokens", e, o.count())
	}
	store = &brokenStore{swap: gone}
	want(t, "swap", ledger(o.replica(t, store)), Unavailable, "")
	if o.count() != 0 {
		t.Errorf("asked for %d tokens that could not be kept", o.count())
	}
	// The token was obtained and could not be kept: it is used all the same.
	store = new(brokenStore)
	o.asked = func() { store.swap = gone }
	if err := ledger(o.replica(t, store)); err != nil {
		t.Error(err)
	}
}

func TestCallerWhoGivesUp(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	release := make(chan struct{})
	o.asked = func() { <-release }
	c := o.replica(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := c.Ledgers(ctx, testShop, "1")
		done <- err
	}()
	for begun := false; !begun; {
		c.tokens.mu.Lock()
		begun = c.tokens.flight != nil
		c.tokens.mu.Unlock()
	}
	cancel()
	if e := want(t, "given up", <-done, Unavailable, ""); !errors.Is(e, context.Canceled) {
		t.Error(e)
	}
	close(release)
	c.Landed()
	if err := ledger(c); err != nil || o.count() != 1 {
		t.Errorf("%v, %d tokens: its answer is not lost", err, o.count())
	}
}

func TestMemoryTokensCompare(t *testing.T) {
	t.Parallel()
	var m MemoryTokens
	for _, tt := range []struct {
		version int64
		ok      bool
	}{{2, false}, {1, true}, {1, false}, {2, true}} {
		if got, err := m.Swap(context.Background(), Token{Version: tt.version}); got != tt.ok || err != nil {
			t.Errorf("version %d: %v %v", tt.version, got, err)
		}
	}
	text, err := json.Marshal(Token{Access: testAccess})
	if err != nil || strings.Contains(string(text), testAccess) {
		t.Errorf("%s %v", text, err)
	}
	var back Token // a store that forgets to make it a string finds out
	if err := json.Unmarshal(text, &back); err == nil {
		t.Errorf("read back %q", string(back.Access))
	}
	if err := json.Unmarshal([]byte(`{"Access":"clt.x"}`), &back); err != nil || back.Access != "clt.x" {
		t.Errorf("%q %v", string(back.Access), err)
	}
}

// Two answers to renewals are lost, and with the second the token is dead: nobody
// else is suspected, and the next renewal heals it.
func TestTwoLostRenewals(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	c := o.replica(t, store)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	o.clock.Add(111 * time.Minute)
	o.answers(func(w http.ResponseWriter, _ string) { w.WriteHeader(502) })
	for range 2 {
		o.clock.Add(pauseLong)
		if err := c.RenewToken(context.Background()); err != nil {
			t.Fatal(err)
		}
		c.Landed()
	}
	o.answers(nil)
	want(t, "within the pause", ledger(c), SessionExpired, "")
	o.clock.Add(pauseLong)
	if err := ledger(c); err != nil {
		t.Fatal(err)
	}
	c.Landed()
	if kept, _ := store.Load(context.Background()); !kept.Displaced.IsZero() || kept.InDoubt || o.count() != 4 {
		t.Errorf("kept %+v, %d tokens", kept, o.count())
	}
}

// A process that slept while another one met 10020 goes on with the token that is left.
func TestAfterALongSleepWithinAPause(t *testing.T) {
	t.Parallel()
	o := newIssuer(t)
	store := new(MemoryTokens)
	awake, asleep := o.replica(t, store), o.replica(t, store)
	for _, c := range []*Client{awake, asleep} {
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
	}
	o.answers(func(w http.ResponseWriter, _ string) {
		_, _ = io.WriteString(w, `{"data":{"error_code":10020,"description":"quota"}}`)
	})
	o.clock.Add(111 * time.Minute)
	for _, c := range []*Client{awake, asleep} {
		if err := c.RenewToken(context.Background()); err != nil {
			t.Errorf("%v, and a token is left", err)
		}
		c.Landed()
	}
	if o.count() != 2 {
		t.Errorf("asked %d times", o.count()-1)
	}
}

// restless is a store in which another process replaces the token all the time.
type restless struct {
	MemoryTokens
	loads int
}

func (r *restless) Load(context.Context) (Token, error) {
	r.loads++
	return Token{Version: 1, Access: Secret(fmt.Sprintf("clt.other%d", r.loads)), Obtained: testNow, Expires: testNow.Add(time.Hour)}, nil
}

func TestRefusedCallIsMadeOnceMore(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, no("2190008", "0"))
	c := b.client(t, func(c *Config) { c.Tokens = new(restless) })
	for call, do := range allCalls {
		before := len(b.requests)
		want(t, string(call), do(context.Background(), c), SessionExpired, "")
		if n := len(b.requests) - before; n != 2 {
			t.Errorf("%s: made %d times", call, n)
		}
	}
}
