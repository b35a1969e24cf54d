package dianping

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

	"github.com/google/go-cmp/cmp"
)

const goodReceipt = `{"code":200,"msg":"success","data":[{"receipt_code":"0123456789"}]}`

func consume(ctx context.Context, c Client) error { return allCalls[CallConsume](ctx, c, testShop) }

func TestNeverSent(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, goodReceipt)
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
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancel()
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
		{"not TLS", nil, func(c *Config) { c.APIURL = strings.Replace(c.APIURL, "http", "https", 1) }, nil},
		{"no TLS in time", nil, func(c *Config) { c.APIURL, c.Timeout = "https://"+mute.Addr().String(), 20*time.Millisecond }, context.DeadlineExceeded},
		{"no such name", nil, func(c *Config) { c.HTTP = dialing(&net.DNSError{Err: "no such host", IsNotFound: true}) }, nil},
		{"dialing fails in some way", nil, func(c *Config) { c.HTTP = dialing(errors.New("no route")) }, nil},
		{"a transport without hooks, name", nil, func(c *Config) { c.HTTP = failing(&net.DNSError{Err: "no such host"}) }, nil},
		{"a transport without hooks, dial", nil, func(c *Config) { c.HTTP = failing(&net.OpError{Op: "dial", Err: errors.New("refused")}) }, nil},
		{"cancelled before", cancelled, func(*Config) {}, context.Canceled},
		{"too late before", late, func(*Config) {}, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := tt.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			err := consume(ctx, b.dianping(t, tt.change))
			if !errors.Is(err, Unavailable) {
				t.Errorf("got %v, want unavailable", err)
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("got %v, want %v below", err, tt.cause)
			}
		})
	}
	if len(b.requests) != 0 {
		t.Errorf("the server saw %d requests", len(b.requests))
	}
	if len(b.observed) != len(tests) {
		t.Errorf("%d observations for %d calls", len(b.observed), len(tests))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failing is a transport of somebody else's, which knows no httptrace.
func failing(err error) *http.Client {
	return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })}
}

func TestPerhapsSent(t *testing.T) {
	t.Parallel()
	hijack := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}
	tests := []struct {
		name   string
		handle http.HandlerFunc
		change func(*Config)
	}{
		{"hung up", hijack(""), nil},
		{"not HTTP", hijack("hello\r\n\r\n"), nil},
		{"half a body", hijack("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + goodReceipt), nil},
		{"broken chunks", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"co"), nil},
		{"wrong compression", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, goodReceipt)
		}, nil},
		{"too long", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, goodReceipt+strings.Repeat(" ", maxBody))
		}, nil},
		{"no answer in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(c *Config) { c.Timeout = time.Second }},
		{"no body in time", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, goodReceipt[:9])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, func(c *Config) { c.Timeout = time.Second }},
		{"a transport without hooks", nil, func(c *Config) { c.HTTP = failing(io.ErrUnexpectedEOF) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.handle)
			if tt.change == nil {
				tt.change = func(*Config) {}
			}
			if err := consume(context.Background(), b.dianping(t, tt.change)); !errors.Is(err, UnknownOutcome) {
				t.Errorf("got %v, want an unknown outcome", err)
			}
			if len(b.requests) > 1 {
				t.Errorf("sent %d times", len(b.requests))
			}
			if len(b.observed) != 1 || !errors.Is(b.observed[0].Err, UnknownOutcome) {
				t.Errorf("observed %v", b.observed)
			}
		})
	}
}

// TestCancelledInFlight: the caller gives up when the server has the request.
func TestCancelledInFlight(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	b := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := consume(ctx, b.dianping(t))
	if !errors.Is(err, UnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an unknown outcome by cancellation", err)
	}
}

// TestCancelledInFlightHTTP2: the same where net/http hands over to HTTP/2, which
// reports its connections by itself.
func TestCancelledInFlightHTTP2(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var proto atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		cancel()
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := NewMeituan(MeituanConfig{APIURL: server.URL, DeveloperID: "1", SignKey: "k", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if err := consume(ctx, c); !errors.Is(err, UnknownOutcome) || proto.Load() != "HTTP/2.0" {
		t.Errorf("got %v over %v, want an unknown outcome over HTTP/2", err, proto.Load())
	}
}

func TestLongAnswerThatFits(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=GBK") // nobody looks at it
		_, _ = io.WriteString(w, goodReceipt+strings.Repeat(" ", maxBody-len(goodReceipt)))
	})
	if err := consume(context.Background(), b.dianping(t)); err != nil {
		t.Error(err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var elsewhere atomic.Int32
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			elsewhere.Add(1)
			_, _ = io.WriteString(w, goodReceipt)
		}))
		t.Cleanup(other.Close)
		b := setup(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/?"+r.URL.RawQuery, status)
		})
		hc := &http.Client{} // whose own policy would follow
		c := b.dianping(t, func(cfg *Config) { cfg.HTTP = hc })
		if err := consume(context.Background(), c); !errors.Is(err, UnknownOutcome) {
			t.Errorf("%d: consume: got %v, want an unknown outcome", status, err)
		}
		if _, err := c.GetConsumed(context.Background(), testShop, "0123456789"); !errors.Is(err, Misconfigured) {
			t.Errorf("%d: getconsumed: got %v, want misconfigured", status, err)
		}
		if elsewhere.Load() != 0 {
			t.Errorf("%d: followed", status)
		}
	}
}

// TestNoSilentRepeat: net/http sends a request again by itself where a kept
// connection turns out to be dead. It must not for a call with an effect. The
// server here answers the first request of a connection and hangs up on the
// second, having read it whole.
func TestNoSilentRepeat(t *testing.T) {
	t.Parallel()
	for _, call := range []Call{CallConsume, CallBatchConsume, CallReverseConsume} {
		t.Run(string(call), func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
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
						for n := 1; n <= 2; n++ {
							req, err := http.ReadRequest(in)
							if err != nil {
								return
							}
							_, _ = io.Copy(io.Discard, req.Body)
							if strings.HasSuffix(req.URL.Path, string(call)) {
								seen.Add(1)
							}
							if n == 1 {
								fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(goodReceipt), goodReceipt)
							}
						}
					}()
				}
			}()
			t.Cleanup(func() { listener.Close() })
			c, err := NewDianping(Config{APIURL: "http://" + listener.Addr().String(), AppKey: "k", AppSecret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Prepare(context.Background(), testShop, "0123456789"); err != nil {
				t.Fatal(err)
			}
			if err := allCalls[call](context.Background(), c, testShop); !errors.Is(err, UnknownOutcome) {
				t.Errorf("got %v, want an unknown outcome", err)
			}
			if n := seen.Load(); n != 1 {
				t.Errorf("the server got the call %d times, want once", n)
			}
		})
	}
}

func TestRequestBodyCannotBeHadTwice(t *testing.T) {
	t.Parallel()
	for _, call := range everyCall {
		req, err := newHTTPRequest(context.Background(), "https://h", call, wire{method: "POST", path: "/p", fields: map[string]string{"a": "b"}})
		if err != nil {
			t.Fatal(err)
		}
		if call.Changes() != (req.GetBody == nil) {
			t.Errorf("%s: GetBody is there: %v", call, req.GetBody != nil)
		}
		if req.ContentLength != 3 {
			t.Errorf("%s: length %d", call, req.ContentLength)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, goodReceipt)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c, err := NewDianping(Config{APIURL: server.URL, AppKey: "k", AppSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := consume(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for five calls", n)
	}
}

func TestObservation(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, goodReceipt)
	clock := testNow
	c := b.dianping(t, func(cfg *Config) {
		cfg.Now = func() time.Time { now := clock; clock = clock.Add(70 * time.Millisecond); return now }
	})
	if err := consume(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	want := []Observation{{
		Platform: Dianping, Call: CallConsume, ShopID: "uuid1", RequestID: "req1", Code: "0123456789",
		Started: testNow, Took: 70 * time.Millisecond,
	}}
	if diff := cmp.Diff(want, b.observed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	b = answering(t, 200, `{"code":1008}`)
	_, err := b.meituan(t).Prepare(context.Background(), Shop{Session: "x"}, "0123456789")
	if len(b.observed) != 1 || b.observed[0].Err != failure(t, err) || b.observed[0].Platform != Meituan {
		t.Errorf("observed %v", b.observed)
	}
}
