package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

func TestAuthorizationMethodsAndBodies(t *testing.T) {
	t.Parallel()
	b, m := setupMerchants(t)
	m.state = testState
	good := "t=" + b.token(t)
	const formType = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, target, contentType, body string
		status                                  int
	}{
		{"put a link", "PUT", "/auth/dianping?" + good, formType, good, 405},
		{"delete a link", "DELETE", "/auth/dianping?" + good, "", "", 405},
		{"head of the callback", "HEAD", testCallback, "", "", 200},
		{"post the callback", "POST", testCallback, formType, "a=b", 405},
		{"get a notice", "GET", "/auth/meituan/notice", "", "", 405},
		{"no platform", "GET", "/auth/?" + good, "", "", 404},
		{"no such step", "GET", "/auth/dianping/other", "", "", 404},
		{"no body", "POST", "/auth/dianping", formType, "", 400},
		{"token in the address only", "POST", "/auth/dianping?" + good, formType, "", 400},
		{"broken form", "POST", "/auth/dianping", formType, good + "&x=%zz", 400},
		{"json", "POST", "/auth/meituan/notice", "application/json", `{"msgType":"510001"}`, 400},
		{"no type", "POST", "/auth/meituan/notice", "", "msgType=510001", 400},
		{"form too long", "POST", "/auth/dianping", formType, good + "&x=" + strings.Repeat("x", maxBody), 413},
		{"notice too long", "POST", "/auth/meituan/notice", formType, "x=" + strings.Repeat("x", maxBody-1), 413},
		{"longest notice", "POST", "/auth/meituan/notice", formType, "x=" + strings.Repeat("x", maxBody-2), 200},
	} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
		req.Header.Set("Content-Type", tt.contentType)
		b.server.Handler().ServeHTTP(rec, req)
		if rec.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, rec.Code, tt.status)
		}
	}
	if m.started || m.state != testState {
		t.Error("the link was used up")
	}
}

// TestAuthorizationIsNotLogged: what is in addresses and forms here is permission.
func TestAuthorizationIsNotLogged(t *testing.T) {
	t.Parallel()
	b, m := setupMerchants(t)
	token := b.token(t)
	b.do("GET", "/auth/dianping?t="+token, nil)
	b.post("/auth/dianping", url.Values{"t": {token}})
	b.post("/auth/dianping", url.Values{"t": {token}})
	b.do("GET", testCallback, nil)
	b.do("GET", testCallback, nil)
	b.do("GET", "/auth/meituan/callback?opBizCode=b&code="+testCode+"&state="+testState, nil)
	b.do("PUT", "/auth/dianping?t="+token, nil)
	b.do("GET", "/auth/dianping/"+token, nil)
	b.postAs("application/x-www-form-urlencoded", "/auth/dianping", "t="+token+"&x=%zz")
	b.postAs("text/plain", "/auth/dianping", "t="+token)
	m.err = errors.New("database lost")
	b.do("GET", "/auth/dianping?t="+token, nil)
	b.post("/auth/dianping", url.Values{"t": {token}})
	b.do("GET", testCallback, nil)
	b.post("/auth/meituan/notice", url.Values{"sign": {testCode}})
	log := b.log.String()
	if n := strings.Count(log, "msg=request"); n != 14 || !strings.Contains(log, "/auth/:platform/callback") {
		t.Errorf("%d requests were logged:\n%s", n, log)
	}
	for name, secret := range map[string]string{"token": token, "ticket": testTicket, "state": testState, "code": testCode} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the %s:\n%s", name, log)
		}
	}
}

// TestAuthorizationOutlivesItsReader: a code and a link serve once, so that what
// has begun is finished although nobody waits for it.
func TestAuthorizationOutlivesItsReader(t *testing.T) {
	t.Parallel()
	b, m := setupMerchants(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	form := func(target string, fields url.Values) *http.Request {
		req := httptest.NewRequest("POST", target, strings.NewReader(fields.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	}
	for _, req := range []*http.Request{
		form("/auth/dianping", url.Values{"t": {b.token(t)}}),
		httptest.NewRequest("GET", testCallback, nil),
		form("/auth/meituan/notice", url.Values{"msgId": {"1"}}),
	} {
		rec := httptest.NewRecorder()
		b.server.Handler().ServeHTTP(rec, req.WithContext(gone))
		if rec.Code >= 400 || m.gaveUp != nil {
			t.Errorf("%s: status %d, context %v", req.URL.Path, rec.Code, m.gaveUp)
		}
		if m.within <= 0 || m.within >= writeTimeout {
			t.Errorf("%s: %s to finish in", req.URL.Path, m.within)
		}
	}
}

// TestLinkInABrowser: the button leads to another host, which the page's own
// policy must let it do.
func TestLinkInABrowser(t *testing.T) {
	t.Parallel()
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<p id=platform>from: " + r.Referer() + ".</p>"))
	}))
	defer platform.Close()
	b, m := setupMerchants(t)
	m.redirect = platform.URL + "/general/auth"
	ours := httptest.NewServer(b.server.Handler())
	defer ours.Close()

	ctx := browser(t)
	var at, referrer string
	err := chromedp.Run(ctx,
		chromedp.Navigate(ours.URL+"/auth/dianping?t="+b.token(t)),
		chromedp.Click("button", chromedp.ByQuery),
		chromedp.WaitVisible("#platform", chromedp.ByQuery),
		chromedp.Location(&at),
		chromedp.Text("#platform", &referrer, chromedp.ByQuery),
	)
	if err != nil || at != m.redirect {
		t.Errorf("came to %q, %v", at, err)
	}
	if referrer != "from: ." {
		t.Errorf("the platform was told where the browser came %s", referrer)
	}
}

// browser opens a tab of a new chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // which does not work for root
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(closeTab)
	if err := chromedp.Run(ctx); errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true" {
		t.Skip("the page was NOT tested: there is no chromium; apt-get install chromium")
	} else if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}
