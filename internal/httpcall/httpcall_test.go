package httpcall

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/internal/fakeserver"
)

const (
	good = `{"code":200}`

	patience = time.Minute // with an answer, on a machine that is busy
)

// change is a request with an effect, ask a question.
func change(address string) Request {
	return Request{Method: http.MethodPost, URL: address, ContentType: "application/json", Body: []byte(`{"a":"b"}`), Changes: true}
}

func ask(address string) Request {
	return Request{Method: http.MethodGet, URL: address, Query: url.Values{"q": {"a b+c"}}}
}

func client(t *testing.T, hc *http.Client, timeout time.Duration) *Client {
	t.Helper()
	c, err := New(hc, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// whole reads a request before its handler does, so that net/http notices a client
// that leaves.
func whole(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		handle(w, r)
	}
}

// serve counts the requests that a handler gets.
func serve(t *testing.T, handle http.HandlerFunc) (address string, seen *atomic.Int32) {
	t.Helper()
	seen = new(atomic.Int32)
	server := httptest.NewServer(whole(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failing is a transport of somebody else's, which knows no httptrace.
func failing(err error) *http.Client {
	return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })}
}

func TestNeverSent(t *testing.T) {
	t.Parallel()
	address, seen := serve(t, says(good))
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS() // its certificate is not trusted
	t.Cleanup(secure.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	gone, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	live := context.Background()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	late, cancel := context.WithDeadline(live, time.Now().Add(-time.Hour))
	defer cancel()
	dialing := func(err error) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err },
		}}
	}
	for _, tt := range []struct {
		name, address string
		ctx           context.Context
		http          *http.Client
		timeout       time.Duration
		cause         error
	}{
		{"connection refused", "http://" + gone.Addr().String(), live, nil, 0, nil},
		{"untrusted certificate", secure.URL, live, nil, 0, nil},
		{"not TLS", strings.Replace(address, "http", "https", 1), live, nil, 0, nil},
		{"no TLS in time", "https://" + mute.Addr().String(), live, nil, 20 * time.Millisecond, context.DeadlineExceeded},
		{"no such name", address, live, dialing(&net.DNSError{Err: "no such host", IsNotFound: true}), 0, nil},
		{"dialing fails in some way", address, live, dialing(errors.New("no route")), 0, nil},
		{"a transport without hooks, name", address, live, failing(&net.DNSError{Err: "no such host"}), 0, nil},
		{"a transport without hooks, dial", address, live, failing(&net.OpError{Op: "dial", Err: errors.New("refused")}), 0, nil},
		{"cancelled before", address, cancelled, nil, 0, context.Canceled},
		{"too late before", address, late, nil, 0, context.DeadlineExceeded},
	} {
		_, _, lost := client(t, tt.http, tt.timeout).Do(tt.ctx, change(tt.address))
		if lost == nil || lost.Class != Unavailable {
			t.Errorf("%s: got %+v, want unavailable", tt.name, lost)
		} else if tt.cause != nil && !errors.Is(lost.Err, tt.cause) {
			t.Errorf("%s: got %v, want %v below", tt.name, lost.Err, tt.cause)
		}
	}
	if n := seen.Load(); n > 0 {
		t.Errorf("the server saw %d requests", n)
	}
}

// hangUp says something on the bare connection and closes it.
func hangUp(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
}

func TestPerhapsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		status int // that is known all the same
		http   *http.Client
	}{
		"hung up":       {handle: hangUp("")},
		"not HTTP":      {handle: hangUp("hello\r\n\r\n")},
		"half a head":   {handle: hangUp("HTTP/1.1 200 O")},
		"half a body":   {handle: hangUp("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + good), status: 200},
		"broken chunks": {handle: hangUp("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"co"), status: 200},
		"wrong compression": {status: 200, handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, good)
		}},
		"too long":          {status: 200, handle: says(good + strings.Repeat(" ", MaxBody))},
		"no answer in time": {handle: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"no body in time": {status: 200, handle: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, good[:9])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
		"a transport without hooks": {http: failing(io.ErrUnexpectedEOF)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, seen := serve(t, tt.handle)
			_, _, lost := client(t, tt.http, time.Second).Do(context.Background(), change(address))
			if lost == nil || lost.Class != UnknownOutcome || lost.Status != tt.status {
				t.Errorf("got %+v, want an unknown outcome", lost)
			}
			if n := seen.Load(); n > 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

// The caller gives up when the server has the request; over HTTP/2, net/http reports
// its connections by itself.
func TestCancelledInFlight(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var got atomic.Value
		server := httptest.NewUnstartedServer(whole(func(_ http.ResponseWriter, r *http.Request) {
			got.Store(r.Proto)
			cancel()
			<-r.Context().Done()
		}))
		server.EnableHTTP2 = proto == "HTTP/2.0"
		server.StartTLS()
		t.Cleanup(server.Close)
		_, _, lost := client(t, server.Client(), patience).Do(ctx, change(server.URL))
		if lost == nil || lost.Class != UnknownOutcome || !errors.Is(lost.Err, context.Canceled) || got.Load() != proto {
			t.Errorf("got %+v over %v, want an unknown outcome by cancellation over %s", lost, got.Load(), proto)
		}
	}
}

func TestLongAnswerThatFits(t *testing.T) {
	t.Parallel()
	long := good + strings.Repeat(" ", MaxBody-len(good))
	address, _ := serve(t, says(long))
	status, body, lost := client(t, nil, patience).Do(context.Background(), change(address))
	if lost != nil || status != 200 || string(body) != long {
		t.Errorf("http %d, %d bytes, %+v", status, len(body), lost)
	}
}

// A platform does not redirect, and a token is not shown to another place.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other, elsewhere := serve(t, says(good))
	for _, want := range []int{301, 302, 303, 307, 308} {
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other+"/?"+r.URL.RawQuery, want)
		})
		c := client(t, &http.Client{}, patience) // whose own policy would follow
		for _, r := range []Request{change(address), ask(address)} {
			if status, _, lost := c.Do(context.Background(), r); status != want || lost != nil {
				t.Errorf("http %d, %+v; want %d", status, lost, want)
			}
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("followed %d times", n)
	}
}

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	var got []string
	address, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.Join([]string{
			r.Method, r.URL.String(), string(body), r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Header.Get("User-Agent"), r.Header.Get("X-Token"),
		}, "|"))
	})
	c := client(t, nil, patience)
	question := ask(address + "/p")
	question.Header = http.Header{"X-Token": {"t"}}
	for _, r := range []Request{question, change(address + "/p")} {
		if _, _, lost := c.Do(context.Background(), r); lost != nil {
			t.Fatal(lost)
		}
	}
	want := "GET|/p?q=a%20b%2Bc|||application/json|yanquan|t\n" + `POST|/p|{"a":"b"}|application/json|application/json|yanquan|`
	if said := strings.Join(got, "\n"); said != want {
		t.Errorf("got\n%s\nwant\n%s", said, want)
	}
	if len(question.Header) != 1 {
		t.Errorf("the caller's header is changed: %v", question.Header)
	}
	if _, _, lost := c.Do(context.Background(), ask("http://%zz")); lost == nil || lost.Class != Misconfigured {
		t.Errorf("got %+v", lost)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	const secret = "SecretThatNobodyMaySee"
	for text, want := range map[string]string{" https://h/ ": "https://h", "http://h:8080/a/b//": "http://h:8080/a/b"} {
		if got, err := BaseURL("API URL", text); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", secret + ".com", "ftp://" + secret, "https://", "https://u:" + secret + "@host", "https://host?x=" + secret, "https://host/#" + secret,
		"http://%zz" + secret, "https://host/?", "https://" + secret + "\x7f",
	} {
		if got, err := BaseURL("API URL", text); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "API URL") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	if _, err := New(nil, -1); err == nil {
		t.Error("a time-out below zero is accepted")
	}
	if got := client(t, nil, 0).Timeout(); got != 3*time.Second {
		t.Errorf("the time-out is %s", got)
	}
}

func TestBare(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Class{
		200: UnknownOutcome, 204: UnknownOutcome, 301: Misconfigured, 307: Misconfigured, 400: Misconfigured, 401: Unavailable, 403: Unavailable,
		404: Misconfigured, 408: Misconfigured, 429: Throttled, 500: UnknownOutcome, 502: UnknownOutcome, 504: UnknownOutcome,
	} {
		if got := Bare(false, status); got != want {
			t.Errorf("a question, http %d: got %s, want %s", status, got, want)
		}
		if got := Bare(true, status); got != UnknownOutcome {
			t.Errorf("with an effect, http %d: got %s", status, got)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	full := Report{
		Platform: "dianping", Call: "consume", Class: "refused", Reason: "already_used", Code: "1008", Message: "no", TraceID: "t", HTTPStatus: 500, Err: io.EOF,
	}
	if got, want := full.String(), "dianping consume: refused (already_used): code 1008 no [http 500] [trace t]: EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Report{Platform: "p", Call: "c", Class: "x", HTTPStatus: 200}).String(), "p c: x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
