package dianping

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"yanquan/internal/httpcall"

	"github.com/google/go-cmp/cmp"
)

const goodReceipt = `{"code":200,"msg":"success","data":[{"receipt_code":"0123456789"}]}`

func consume(ctx context.Context, c Client) error { return allCalls[CallConsume](ctx, c, testShop) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failing is a transport of somebody else's, which knows no httptrace.
func failing(err error) *http.Client {
	return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })}
}

// What becomes of a request on the wire is judged by package httpcall.
func TestOutcomesOfTheWire(t *testing.T) {
	t.Parallel()
	hangUp := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		change func(*Config)
		want   Class
		status int
	}{
		"never sent":  {nil, func(c *Config) { c.HTTP = failing(&net.DNSError{Err: "no such host"}) }, Unavailable, 0},
		"hung up":     {hangUp(""), func(*Config) {}, UnknownOutcome, 0},
		"half a body": {hangUp("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + goodReceipt), func(*Config) {}, UnknownOutcome, 200},
	} {
		b := setup(t, tt.handle)
		e := failure(t, consume(context.Background(), b.dianping(t, tt.change)))
		if e.Class != tt.want || e.HTTPStatus != tt.status {
			t.Errorf("%s: got %v, want %s", name, e, string(tt.want))
		}
		if len(b.observed) != 1 || b.observed[0].Err != e {
			t.Errorf("%s: observed %v", name, b.observed)
		}
	}
}

func TestCallsWithAnEffectAreMarked(t *testing.T) {
	t.Parallel()
	for _, call := range everyCall {
		for method, want := range map[string]httpcall.Request{
			"POST": {Method: "POST", URL: "https://h/p", ContentType: "application/x-www-form-urlencoded", Body: []byte("a=%20b"), Changes: call.Changes()},
			"GET":  {Method: "GET", URL: "https://h/p", Query: url.Values{"a": {" b"}}, Changes: call.Changes()},
		} {
			got := wire{method: method, path: "/p", fields: map[string]string{"a": " b"}}.request("https://h", call)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", call, diff)
			}
		}
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
