package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/internal/fakeserver"
)

func TestHealthz(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, method := range []string{"GET", "HEAD"} {
		if rec := b.do(method, "/healthz", nil); rec.Code != 200 {
			t.Errorf("%s: status %d", method, rec.Code)
		}
	}
}

// readyzOf asks as a load balancer would.
func readyzOf(t *testing.T, b *bundle) (int, map[string]string) {
	t.Helper()
	rec := b.do("GET", "/readyz", nil)
	var body struct {
		Ready  bool
		Checks map[string]string
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	if body.Ready != (rec.Code == 200) {
		t.Errorf("status %d with ready %v", rec.Code, body.Ready)
	}
	return rec.Code, body.Checks
}

func TestReadyzFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]func(context.Context) error{
		"refuses":              func(context.Context) error { return errors.New("dial root:hunter2@db") },
		"hangs":                func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"hangs without regard": func(context.Context) error { time.Sleep(time.Minute); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				b := setup(t, func(o *Options) {
					o.Checks = []Check{{Name: "database", Probe: func(ctx context.Context) error {
						if down.Load() {
							return outage(ctx)
						}
						return nil
					}}}
				})
				if code, checks := readyzOf(t, b); code != 503 || checks["database"] != "not checked yet" {
					t.Errorf("before the first check: %d %v", code, checks)
				}
				ctx, cancel := context.WithCancel(t.Context())
				go b.server.health.run(ctx)
				synctest.Wait()
				if code, checks := readyzOf(t, b); code != 200 || checks["database"] != "ok" {
					t.Errorf("with a database: %d %v", code, checks)
				}
				down.Store(true)
				time.Sleep(5 * time.Second)
				if code, checks := readyzOf(t, b); code != 503 || checks["database"] == "ok" {
					t.Errorf("5 s after losing it: %d %v", code, checks)
				}
				down.Store(false)
				time.Sleep(time.Minute)
				if code, checks := readyzOf(t, b); code != 200 {
					t.Errorf("after its return: %d %v", code, checks)
				}
				if rec := b.do("GET", "/readyz", nil); strings.Contains(rec.Body.String(), "hunter2") {
					t.Errorf("shows the error: %s", rec.Body)
				}
				cancel()
			})
		})
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	target, body := appSeal().xml(appText("1", "x"))
	b.do("POST", target, strings.NewReader(body))
	b.do("POST", "/wecom/app/nobody-"+strings.Repeat("x", 50), strings.NewReader(body))
	b.server.Metrics.Delivered("app/main", "")
	b.server.Metrics.Delivered("app/main", "rate_limited")
	b.server.Metrics.Settled("done", 3*time.Second)
	b.server.Metrics.Backlog(1, 2, 3)
	rec := b.do("GET", "/metrics", nil)
	for _, want := range []string{
		`yanquan_callbacks_total{channel="app/main",method="POST",status="200"} 1`,
		`yanquan_callbacks_total{channel="app/unknown",method="POST",status="404"} 1`,
		`yanquan_deliveries_total{channel="app/main",reason="sent"} 1`,
		`yanquan_deliveries_total{channel="app/main",reason="rate_limited"} 1`,
		`yanquan_settle_duration_seconds_count{state="done"} 1`,
		`yanquan_backlog{kind="operations"} 2`,
		`yanquan_ready 0`, `yanquan_build_info{`, `go_goroutines`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("lacks %s", want)
		}
	}
	if strings.Contains(rec.Body.String(), "nobody-") {
		t.Error("a label came from the request")
	}
}

func TestServeStopsGracefully(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.ReplyDeadline = 300 * time.Millisecond })
	ln, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, served := make(chan struct{}), make(chan error, 1)
	go func() { served <- b.server.Serve(ctx, ln, func() { close(ready) }) }()
	<-ready
	base := "http://" + ln.Addr().String()
	resp, err := http.Get(base + "/readyz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	resp.Body.Close()

	// A callback in flight is answered though the server stops meanwhile.
	target, body := robotSeal().json(robotText("m1", "x"))
	type outcome struct {
		status, size int
		err          error
	}
	answered := make(chan outcome, 1)
	go func() {
		resp, err := http.Post(base+target, "application/json", strings.NewReader(body))
		if err != nil {
			answered <- outcome{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answered <- outcome{resp.StatusCode, len(text), err}
	}()
	<-b.engine.arrived
	stop()
	if got := <-answered; got.err != nil || got.status != 200 || got.size == 0 {
		t.Errorf("in flight: %+v", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if code, checks := readyzOf(t, b); code != 503 || checks["server"] != "stopping" {
		t.Errorf("stopped: %d %v", code, checks)
	}
	if _, err := http.Get(base + "/healthz"); err == nil {
		t.Error("still takes connections")
	}
}
