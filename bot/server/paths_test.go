package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanquan/bot/desk"
)

// A callback address is copied by hand into a console: what is meant is found, and the
// channel keeps its one name.
func TestAddressesAreForgiven(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/wecom/app/main/", "/wecom/app/main//", "//wecom/app/main", "/wecom//app/main", "/WeCom/App/Main", "/wecom/app/main%20"} {
		b := setup(t)
		if rec := b.do("GET", appSeal().echo(path, "123"), nil); rec.Code != 200 || rec.Body.String() != "123" {
			t.Errorf("GET %s: status %d", path, rec.Code)
		}
		target, body := appSeal().xml(appText("1", "x"))
		if rec := b.do("POST", path+strings.TrimPrefix(target, "/wecom/app/main"), strings.NewReader(body)); rec.Code != 200 || b.engine.count() != 1 {
			t.Errorf("POST %s: status %d, %d messages", path, rec.Code, b.engine.count())
		}
		if metrics := b.do("GET", "/metrics", nil).Body.String(); !strings.Contains(metrics, `yanquan_callbacks_total{channel="app/main",method="POST",status="200"} 1`) {
			t.Errorf("%s is counted under another name", path)
		}
	}
	b := setup(t, func(o *Options) { o.Apps["MAIN"], o.Robots["GROUP"] = nil, nil })
	if rec := b.do("GET", appSeal().echo("/wecom/app/Main", "1"), nil); rec.Code != 404 {
		t.Errorf("two apps may be meant: status %d", rec.Code)
	}
	if rec := b.do("GET", robotSeal().echo("/wecom/bot/group/", "1"), nil); rec.Code != 200 {
		t.Errorf("one is named exactly: status %d", rec.Code)
	}
	for target, want := range map[string]int{"/healthz/": 200, "//": 200, "/metrics/": 404, "//metrics": 404, "/metrics": 200, "/wecom/": 404, "/wecom/app/main/x": 404, "/V/x": 404} {
		if rec := b.do("GET", target, nil); rec.Code != want {
			t.Errorf("%s: status %d, want %d", target, rec.Code, want)
		}
	}
}

// Platforms are given addresses, too.
func TestAddressesOfAuthorizationAreForgiven(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/auth/dianping/callback/", "//auth/dianping/callback", "/Auth/DianPing/Callback"} {
		b, m := setupMerchants(t)
		m.state = testState
		b.do("GET", path+strings.TrimPrefix(testCallback, "/auth/dianping/callback"), nil)
		if m.state != "" {
			t.Errorf("%s leads nowhere", path)
		}
	}
}

// The console's own address works as people type it, and its pages keep theirs.
func TestConsoleAddresses(t *testing.T) {
	t.Parallel()
	var asked []string
	b := setup(t, func(o *Options) {
		o.Console = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.URL.RequestURI())
		})
	})
	for _, target := range []string{"/console", "/console/", "/console//history/?q=1%2F2", "/console/voucher/01a2"} {
		b.do("GET", target, nil)
	}
	b.do("HEAD", "/console/", nil)
	if got, want := strings.Join(asked, " "), "GET /console/ GET /console/ GET /console/history?q=1%2F2 GET /console/voucher/01a2 HEAD /console/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Load balancers and monitors ask by HEAD what a browser asks by GET, and use nothing up.
func TestHeadIsAsGet(t *testing.T) {
	t.Parallel()
	files := &fakeFiles{content: "x"}
	b := setup(t, func(o *Options) {
		o.Files, o.Merchants = files, newMerchants()
		o.Vouchers = fakeVouchers{views: map[string]desk.VoucherView{"op": {}}}
		o.Console = http.NotFoundHandler()
	})
	sign := func(p Purpose, subject string) string {
		token, err := b.links.Sign(p, subject, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	b.server.health.probeAll(context.Background())
	for _, target := range []string{
		"/", "/healthz", "/readyz", "/metrics", "/none", "/console/", "/wecom/app/main", appSeal().echo("/wecom/app/main", "1"), robotSeal().echo("/wecom/bot/group", "1"),
		"/v/" + sign(ToVoucher, "op"), "/v/x", "/auth/dianping?t=x", "/files/" + sign(ToFile, FileSubject("f1", "t1")), "/files/" + sign(ToDownload, "f1") + "/x.csv",
	} {
		head, got := b.do("HEAD", target, nil), b.do("GET", target, nil)
		if head.Code != got.Code || head.Header().Get("Content-Type") != got.Header().Get("Content-Type") {
			t.Errorf("%s: HEAD %d %v, GET %d %v", target, head.Code, head.Header(), got.Code, got.Header())
		}
	}
	if files.used {
		t.Error("a file's link was used up")
	}
}
