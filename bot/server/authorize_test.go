package server

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot/grants"
	"yanquan/dianping"
)

const (
	testTicket   = "ticket-8f14e45fceea"
	testState    = "state-c9f0f895fb98ab9159f51fd0"
	testCode     = "code-45c48cce2e2d7fbdea1afc51c7c6ad26"
	testRedirect = "https://e.example.com/dz-open/merchant/auth?app_key=k&state=" + testState
)

// fakeMerchants has one link, for dianping, and takes one callback.
type fakeMerchants struct {
	mu      sync.Mutex
	started bool
	state   string // awaited in a callback
	notices []url.Values
	gaveUp  error         // of the context of the last call that matters …
	within  time.Duration // … and how long it had

	redirect  string
	connected grants.Connected
	err       error // instead of everything
}

func newMerchants() *fakeMerchants {
	return &fakeMerchants{redirect: testRedirect, connected: grants.Connected{
		Platform: dianping.Dianping, Stores: []string{"人民广场店", "徐家汇店"}, Until: time.Date(2027, 2, 28, 16, 30, 0, 0, time.UTC),
	}}
}

func (m *fakeMerchants) look(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	m.gaveUp, m.within = ctx.Err(), time.Until(deadline)
}

func (m *fakeMerchants) Authorization(_ context.Context, platform, ticket string) (grants.Authorization, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return grants.Authorization{}, m.err
	}
	if m.started || platform != dianping.Dianping || ticket != testTicket {
		return grants.Authorization{}, fmt.Errorf("link: %w", grants.ErrLinkOver)
	}
	return grants.Authorization{Platform: platform, User: "boss", Expires: time.Date(2026, 3, 1, 6, 12, 9, 0, time.UTC)}, nil
}

func (m *fakeMerchants) StartAuthorization(ctx context.Context, platform, ticket string) (string, error) {
	if _, err := m.Authorization(ctx, platform, ticket); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started, m.state = true, testState
	m.look(ctx)
	return m.redirect, nil
}

func (m *fakeMerchants) FinishAuthorization(ctx context.Context, _ string, query url.Values) (grants.Connected, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look(ctx)
	if m.err != nil {
		return grants.Connected{}, m.err
	}
	if m.state == "" || query.Get("state") != m.state {
		return grants.Connected{}, fmt.Errorf("state: %w", grants.ErrLinkOver)
	}
	m.state = ""
	return m.connected, nil
}

func (m *fakeMerchants) PlatformNotice(ctx context.Context, _ string, form url.Values) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look(ctx)
	if m.err != nil {
		return "", m.err
	}
	m.notices = append(m.notices, form)
	return dianping.NoticeTaken, nil
}

func setupMerchants(t *testing.T) (*bundle, *fakeMerchants) {
	m := newMerchants()
	return setup(t, func(o *Options) { o.Merchants = m }), m
}

func (b *bundle) token(t *testing.T) string {
	t.Helper()
	token, err := b.links.Sign(ToAuthorize, testTicket, grants.LinkLife)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (b *bundle) post(target string, form url.Values) *httptest.ResponseRecorder {
	return b.postAs("application/x-www-form-urlencoded", target, form.Encode())
}

func (b *bundle) postAs(contentType, target, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("POST", target, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	b.server.Handler().ServeHTTP(rec, req)
	return rec
}

const testCallback = "/auth/dianping/callback?auth_code=" + testCode + "&state=" + testState

// TestAuthorize: a link is only used up by its button, and only once.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	b, m := setupMerchants(t)
	token := b.token(t)
	for range 3 { // previews, scanners
		rec := b.do("GET", "/auth/dianping?t="+token, nil)
		if rec.Code != 200 {
			t.Fatalf("status %d: %s", rec.Code, rec.Body)
		}
		for _, want := range []string{"连接大众点评门店", "去大众点评授权", "boss", "14:12:09", `<form method="post" action="?">`, `name="t" value="` + token + `"`} {
			if !strings.Contains(rec.Body.String(), want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "form-action") {
			t.Errorf("policy %q", csp)
		}
	}
	if rec := b.do("HEAD", "/auth/dianping?t="+token, nil); rec.Code != 200 {
		t.Errorf("HEAD: status %d", rec.Code)
	}
	if m.started {
		t.Fatal("looking at the link used it up")
	}

	rec := b.post("/auth/dianping", url.Values{"t": {token}})
	if rec.Code != 303 || rec.Header().Get("Location") != testRedirect {
		t.Errorf("status %d to %q", rec.Code, rec.Header().Get("Location"))
	}
	if h := rec.Header(); h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the redirect: %v", h)
	}
	if rec := b.post("/auth/dianping", url.Values{"t": {token}}); rec.Code != 410 || rec.Header().Get("Location") != "" {
		t.Errorf("pressed twice: status %d to %q", rec.Code, rec.Header().Get("Location"))
	}

	rec = b.do("GET", testCallback, nil)
	if rec.Code != 200 {
		t.Fatalf("callback: status %d: %s", rec.Code, rec.Body)
	}
	for _, want := range []string{"授权成功", "2 家门店", "<li>人民广场店</li>", "<li>徐家汇店</li>", "大众点评", "2027-03-01", "回到企业微信"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the result lacks %q", want)
		}
	}
	if strings.Contains(rec.Body.String(), "<form") || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "form-action 'none'") {
		t.Errorf("the result has a form, or might have one")
	}
	if rec := b.do("GET", testCallback, nil); rec.Code != 410 {
		t.Errorf("called back twice: status %d", rec.Code)
	}
}

func TestAuthorizedPages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		connected grants.Connected
		want, not []string
	}{
		"no end known": {grants.Connected{Platform: dianping.Meituan, Stores: []string{"徐家汇店"}}, []string{"授权成功", "1 家门店", "美团"}, []string{"授权有效至", "大众点评"}},
		"no store":     {grants.Connected{Platform: dianping.Meituan}, []string{"没有连接到门店", "发：授权"}, []string{"授权成功", "<ul>"}},
		"hostile": {grants.Connected{Platform: "<b>", Stores: []string{"<script>alert(1)</script>", `"><img src=x>`}},
			[]string{"&lt;script&gt;", "这个平台"}, []string{"<script>", "<img", "<b>"}},
	} {
		b, m := setupMerchants(t)
		m.connected, m.state = tt.connected, testState
		body := b.do("GET", testCallback, nil).Body.String()
		for _, text := range tt.want {
			if !strings.Contains(body, text) {
				t.Errorf("%s lacks %q", name, text)
			}
		}
		for _, text := range tt.not {
			if strings.Contains(body, text) {
				t.Errorf("%s has %q", name, text)
			}
		}
	}
}

// TestLinksOver: whatever is wrong with a link, the page is the same.
func TestLinksOver(t *testing.T) {
	t.Parallel()
	b, m := setupMerchants(t)
	sign := func(p Purpose, ticket string, life time.Duration) string {
		token, err := b.links.Sign(p, ticket, life)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	nonce := regexp.MustCompile(`nonce="[^"]+"`)
	var first string
	for name, link := range map[string]struct{ platform, token string }{
		"nonsense":         {"dianping", "nonsense"},
		"none":             {"dianping", ""},
		"another purpose":  {"dianping", sign(ToVoucher, testTicket, time.Hour)},
		"expired":          {"dianping", sign(ToAuthorize, testTicket, -time.Second)},
		"unknown ticket":   {"dianping", sign(ToAuthorize, "other", time.Hour)},
		"another platform": {"meituan", sign(ToAuthorize, testTicket, time.Hour)},
		"no such platform": {"nowhere", "nonsense"},
	} {
		for _, rec := range []*httptest.ResponseRecorder{
			b.do("GET", "/auth/"+link.platform+"?t="+link.token, nil),
			b.post("/auth/"+link.platform, url.Values{"t": {link.token}}),
			b.post("/auth/"+link.platform+"?t="+b.token(t), url.Values{"t": {link.token}}), // the address does not count
			b.do("GET", "/auth/"+link.platform+"/callback?auth_code=x&state=other", nil),
		} {
			body := nonce.ReplaceAllString(rec.Body.String(), "")
			if first == "" {
				first = body
			}
			if rec.Code != 410 || body != first || !strings.Contains(body, "链接已失效") {
				t.Errorf("%s: status %d\n%s", name, rec.Code, rec.Body)
			}
		}
	}
	if m.started {
		t.Error("a bad link started something")
	}
}

func TestAuthorizationTroubles(t *testing.T) {
	t.Parallel()
	const secret = "dial root:hunter2@db"
	for name, tt := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"link over":  {fmt.Errorf("x: %w", grants.ErrLinkOver), 410, "链接已失效"},
		"platform":   {fmt.Errorf("x: %w", grants.ErrPlatformOff), 404, "没有接入大众点评"},
		"refused":    {fmt.Errorf("x: %w", &grants.Error{Reason: "denied", Words: "账号没有门店的管理权限，请换一个账号再授权。", Err: errors.New(secret)}), 403, "请换一个账号再授权"},
		"our own":    {errors.New(secret), 503, "暂时不能授权"},
		"gave up on": {context.DeadlineExceeded, 503, "暂时不能授权"},
	} {
		b, m := setupMerchants(t)
		m.err = tt.err
		for step, rec := range map[string]*httptest.ResponseRecorder{
			"offer":  b.do("GET", "/auth/dianping?t="+b.token(t), nil),
			"start":  b.post("/auth/dianping", url.Values{"t": {b.token(t)}}),
			"finish": b.do("GET", testCallback, nil),
		} {
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) || strings.Contains(rec.Body.String(), "hunter2") {
				t.Errorf("%s, %s: status %d\n%s", name, step, rec.Code, rec.Body)
			}
		}
		if logged := strings.Contains(b.log.String(), "level=WARN"); logged != (tt.status != 410) {
			t.Errorf("%s: logged as trouble %v", name, logged)
		}
	}
}

func TestPlatformNotice(t *testing.T) {
	t.Parallel()
	form := url.Values{"msgType": {"510001"}, "msgId": {"m-1"}, "sign": {"s"}, "message": {`{"a":"券"}`}}
	for name, tt := range map[string]struct {
		err    error
		status int
	}{
		"taken":         {nil, 200},
		"not authentic": {fmt.Errorf("x: %w", dianping.ErrNotAuthentic), 401},
		"sends none":    {&dianping.Error{Platform: dianping.Dianping, Class: dianping.Unsupported}, 404},
		"platform off":  {grants.ErrPlatformOff, 404},
		"not stored":    {errors.New("dial root:hunter2@db"), 503},
	} {
		b, m := setupMerchants(t)
		m.err = tt.err
		rec := b.post("/auth/meituan/notice", form)
		if rec.Code != tt.status || strings.Contains(rec.Body.String(), "hunter2") {
			t.Errorf("%s: status %d: %s", name, rec.Code, rec.Body)
		}
		if tt.err != nil {
			continue
		}
		if rec.Body.String() != dianping.NoticeTaken || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s: %s %s", name, rec.Header().Get("Content-Type"), rec.Body)
		}
		if len(m.notices) != 1 || m.notices[0].Encode() != form.Encode() {
			t.Errorf("passed on: %v", m.notices)
		}
	}
}
