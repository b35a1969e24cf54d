package hooks

import (
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
	"yanquan/models"
)

// post sends one event to an address for real.
func post(t *testing.T, address string, private bool) answer {
	t.Helper()
	s, err := New(Options{Hooks: []Hook{{Name: "pos", URL: address, Secrets: []string{secretA}, Private: private}}})
	if err != nil {
		t.Fatal(err)
	}
	d := models.DueDelivery{HookDelivery: models.HookDelivery{EventID: "msg_1"}, Payload: []byte(`{"type":"redeemed"}`)}
	return s.hooks[0].post(t.Context(), d, time.Now())
}

// No address inside the network is called, whatever it looks like and whatever a name
// stands for; unless it is allowed.
func TestNothingInsideIsCalled(t *testing.T) {
	t.Parallel()
	var called atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	t.Cleanup(server.Close)
	at, _ := url.Parse(server.URL)
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "100.64.1.1",
		"[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
	} {
		// localhost is a name: what it stands for counts when it is dialled, and not before.
		if a := post(t, "http://"+host+":"+at.Port()+"/hook", false); a.reason != notPublic || a.status != 0 {
			t.Errorf("%s: %+v", host, a)
		}
	}
	if n := called.Load(); n != 0 {
		t.Errorf("called %d times", n)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if a := post(t, "http://"+host+":"+at.Port()+"/hook", true); a.reason != "" || a.status != 200 {
			t.Errorf("allowed %s: %+v", host, a)
		}
	}
	if n := called.Load(); n != 2 {
		t.Errorf("called %d times", n)
	}
}

// What a hook answers is judged by its status alone: a redirect is not followed, and a
// body that never ends is not read to its end.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for status, want := range map[int]string{
		200: "", 201: "", 202: "", 204: "", 301: redirected, 302: redirected, 307: redirected, 308: redirected, 304: redirected,
		400: badStatus, 401: badStatus, 404: badStatus, 410: gone, 429: badStatus, 500: badStatus, 503: badStatus,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		}))
		if a := post(t, server.URL, true); a.reason != want || a.status != status {
			t.Errorf("%d: %+v, want %q", status, a, want)
		}
		server.Close()
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("followed %d times", n)
	}
	var sent atomic.Int64
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			n, err := io.WriteString(w, strings.Repeat("x", 1<<10))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(endless.Close)
	if a := post(t, endless.URL, true); a.reason != "" {
		t.Errorf("%+v", a)
	}
}

// Why there is no answer is told from what is known, and never by the address.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	away, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()
	for address, want := range map[string]string{
		untrusted.URL + "/s3cret":                                    badTLS,
		strings.Replace(plain.URL, "http:", "https:", 1) + "/s3cret": badTLS,
		"http://" + away.Addr().String() + "/s3cret":                 unreachable,
		"http://no-such-name.invalid/s3cret":                         noName,
	} {
		a := post(t, address, true)
		if a.reason != want || a.err == nil || strings.Contains(a.err.Error(), "s3cret") {
			t.Errorf("%s: %+v, want %s", address, a, want)
		}
	}
}

// Each reason has words.
func TestWhys(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{timedOut, unreachable, noName, badTLS, notPublic, redirected, gone, badStatus, ""} {
		h := models.Hook{Name: "pos", Active: true, Failures: 1, Reason: reason}
		if reason == badStatus {
			h.Status = 503
		}
		if why := Why(h); why == "" || strings.Contains(why, "HTTP 0") || reason == badStatus && why != "它回答 HTTP 503" {
			t.Errorf("%q: %q", reason, why)
		}
		if state := State(h, time.UTC); !strings.HasPrefix(state, "上一条没有收到：") {
			t.Error(state)
		}
	}
	if got := State(models.Hook{}, time.UTC); got != "配置里没有了" {
		t.Error(got)
	}
	if got := State(models.Hook{Active: true, GoneAt: noon, Reason: gone, Status: 410}, shanghai); got != "11-23 12:00 起停用：它说这个地址已经停用（HTTP 410）" {
		t.Error(got)
	}
}
