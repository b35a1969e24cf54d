package douyin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// kept is a store that has a token, so that no other request is needed.
func kept() *MemoryTokens {
	return &MemoryTokens{kept: Token{Version: 1, Access: testAccess, Obtained: testNow, Expires: testNow.Add(2 * time.Hour)}}
}

func TestNeverSent(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(rows(row("0"))))
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS() // its certificate is not trusted
	t.Cleanup(secure.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	dialing := func(err error) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err },
		}}
	}
	tests := []struct {
		name   string
		ctx    context.Context
		change func(*Config)
		cause  error
	}{
		{"connection refused", nil, func(c *Config) { c.APIURL = "http://" + gone.Addr().String() }, nil},
		{"untrusted certificate", nil, func(c *Config) { c.APIURL = secure.URL }, nil},
		{"no TLS in time", nil, func(c *Config) { c.APIURL, c.Timeout = "https://"+mute.Addr().String(), 20*time.Millisecond }, context.DeadlineExceeded},
		{"no such name", nil, func(c *Config) { c.HTTP = dialing(&net.DNSError{Err: "no such host", IsNotFound: true}) }, nil},
		{"a transport without hooks, name", nil, func(c *Config) { c.HTTP = failing(&net.DNSError{Err: "no such host"}) }, nil},
		{"a transport without hooks, dial", nil, func(c *Config) { c.HTTP = failing(&net.OpError{Op: "dial", Err: errors.New("refused")}) }, nil},
		{"cancelled before", cancelled, func(*Config) {}, context.Canceled},
	}
	for _, tt := range tests {
		ctx := tt.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		c := b.client(t, func(c *Config) { c.HTTP, c.Tokens = nil, kept() }, tt.change)
		_, err := verifyN(ctx, c, 1, false)
		e := want(t, tt.name, err, Unavailable, "")
		if tt.cause != nil && !errors.Is(e, tt.cause) {
			t.Errorf("%s: got %v, want %v below", tt.name, err, tt.cause)
		}
	}
	if len(b.requests) > 0 {
		t.Errorf("sent %d", len(b.requests))
	}
}

func failing(err error) *http.Client {
	return &http.Client{Transport: transportFunc(func(*http.Request) (*http.Response, error) { return nil, err })}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A verify whose answer is lost is a doubt, and is sent once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	hangUp := func(say string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, say)
			conn.Close()
		}
	}
	for name, handle := range map[string]http.HandlerFunc{
		"hang up":      hangUp(""),
		"half an head": hangUp("HTTP/1.1 200 O"),
		"half a body":  hangUp("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + ok(rows(row("0")))),
		"time-out":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, // see below
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, ok(rows(row("0"))))
			for range maxBody >> 10 {
				_, _ = io.WriteString(w, strings.Repeat(" ", 1024))
			}
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, call := range []Call{CallVerify, CallCancel} {
				ctx, giveUp := context.WithCancel(context.Background())
				b := setup(t, func(w http.ResponseWriter, r *http.Request) {
					if name == "time-out" {
						giveUp() // the request has arrived
					}
					handle(w, r)
				})
				c := b.client(t, func(c *Config) { c.Tokens = kept() })
				want(t, name, allCalls[call](ctx, c), UnknownOutcome, "")
				giveUp()
				b.only(t)
			}
		})
	}
}

// net/http sends some requests again by itself where an idle connection turns out to
// be dead. Calls with an effect are not among them.
func TestDeadConnectionSendsNothingTwice(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var seen atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if strings.HasSuffix(r.URL.Path, "/verify/") || strings.HasSuffix(r.URL.Path, "/cancel/") {
						seen.Add(1)
						return // took it, and dies on a connection that had served before
					}
					answer := ok(`"records":[]`)
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
				}
			}()
		}
	}()
	for i, call := range []Call{CallVerify, CallCancel} {
		c, err := New(Config{APIURL: "http://" + listener.Addr().String(), ClientKey: testKey, ClientSecret: testSecret, Tokens: kept(), Now: func() time.Time { return testNow }})
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger(c); err != nil {
			t.Fatal(err)
		}
		want(t, string(call), allCalls[call](context.Background(), c), UnknownOutcome, "")
		if got := seen.Load(); got != int32(i)+1 {
			t.Errorf("%s: sent %d times", call, got-int32(i))
		}
	}
}

func TestObservations(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, no("1212", "0"))
	c := b.client(t)
	for _, call := range []Call{CallPrepare, CallVerify} {
		want(t, string(call), allCalls[call](context.Background(), c), Refused, NotFound)
	}
	var seen []string
	for _, o := range b.observed {
		reason := Reason("")
		if o.Err != nil {
			reason = o.Err.Reason
		}
		seen = append(seen, fmt.Sprint(o.Platform, o.Call, o.ShopID, o.Code, o.OrderID, o.Started.Equal(testNow), reason))
	}
	wantSeen := "[douyinclient_tokentrue douyinprepare" + testShop.ID + "104686126200130truenot_found douyinverify" + testShop.ID + "800truenot_found]"
	if got := fmt.Sprint(seen); got != wantSeen {
		t.Errorf("observed %s", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{ClientKey: testKey, ClientSecret: testSecret}
	c, err := New(good)
	if err != nil || c.base != "https://open.douyin.com" || c.Platform() != "douyin" || c.timeout != 3*time.Second {
		t.Errorf("%v %v", c, err)
	}
	for name, change := range map[string]func(*Config){
		"no key":          func(c *Config) { c.ClientKey = " " },
		"no secret":       func(c *Config) { c.ClientSecret = "" },
		"no scheme":       func(c *Config) { c.APIURL = "open.douyin.com" },
		"no host":         func(c *Config) { c.APIURL = "https://" },
		"credentials":     func(c *Config) { c.APIURL = "https://user:" + testSecret + "@h" },
		"query":           func(c *Config) { c.APIURL = "https://h/?a=" + testSecret },
		"unreadable":      func(c *Config) { c.APIURL = "https://" + testSecret + "\x7f" },
		"negative":        func(c *Config) { c.Timeout = -1 },
		"another scheme.": func(c *Config) { c.APIURL = "ftp://h" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), testSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another platform with the same interfaces is another value of one type.
func TestDialectIsOneValue(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, ok(`"records":[]`)) })
	d := dialect{platform: "other", host: "https://example.com", slash: "", signIn: func(key string, secret Secret) request {
		return request{call: CallToken, body: map[string]any{"app_id": key}}
	}}
	c, err := newClient(d, Config{APIURL: b.server.URL + prefix, ClientKey: testKey, ClientSecret: testSecret, Tokens: kept(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger(c); err != nil || b.only(t).path != "/goodlife/v1/settle/ledger/query_record_by_cert" {
		t.Errorf("%v %+v", err, b.requests)
	}
}

func TestRequestBodyCannotBeHadTwice(t *testing.T) {
	t.Parallel()
	c := noticed(t)
	for call := range paths {
		req, err := c.httpRequest(context.Background(), request{call: call, body: map[string]any{"a": "b"}}, testAccess)
		if err != nil {
			t.Fatal(err)
		}
		if call.Changes() != (req.GetBody == nil) || req.ContentLength != 9 {
			t.Errorf("%s: GetBody is there: %v, %d bytes", call, req.GetBody != nil, req.ContentLength)
		}
	}
}

// The platform does not redirect, and a token is not shown to another place.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		b := setup(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		c := b.client(t)
		want(t, "prepare", allCalls[CallPrepare](context.Background(), c), Misconfigured, "")
		want(t, "verify", allCalls[CallVerify](context.Background(), c), UnknownOutcome, "")
	}
	if elsewhere.Load() > 0 {
		t.Errorf("followed %d times", elsewhere.Load())
	}
}
