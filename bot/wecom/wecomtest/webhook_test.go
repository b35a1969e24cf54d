package wecomtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// errcode of a call.
func errcode(t *testing.T, method, target, body string) (code int, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, json.Unmarshal(raw, &answer))
	n, _ := answer["errcode"].(float64)
	return int(n), answer
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	w := wecomtest.New(wecomtest.Options{
		Now: func() time.Time { return now }, Users: []wecomtest.User{{ID: "boss"}},
		Groups:   []wecomtest.Group{{ID: "wr", Members: []string{"boss"}}},
		Webhooks: []wecomtest.Webhook{{Name: "日报", Key: "k1", Group: "wr"}, {Name: "away", Key: "k2", Group: "gone"}},
	})
	defer w.Close()
	api := httptest.NewServer(w)
	defer api.Close()
	send := func(key, body string) int {
		code, _ := errcode(t, http.MethodPost, api.URL+"/cgi-bin/webhook/send?key="+key, body)
		return code
	}
	text := func(kind, content string) string {
		return fmt.Sprintf(`{"msgtype":%q,%q:{"content":%q}}`, kind, kind, content)
	}
	notice := `{"msgtype":"template_card","template_card":{"card_type":"text_notice","main_title":{"title":"日报"},"card_action":{"type":1,"url":"https://example.com"}}}`
	for _, tt := range []struct {
		key, body string
		want      int
	}{
		{"k0", text("text", "x"), 93000},
		{"k2", text("text", "x"), 93008},
		{"k1", text("text", "x"), 0},
		{"k1", text("text", ""), 44004},
		{"k1", text("markdown_v2", "| 门店 | 张 |\\n| :-- | --: |\\n| 人民广场店 | 3 |"), 0},
		{"k1", text("markdown_v2", strings.Repeat("x", 4097)), 45002},
		{"k1", text("text", strings.Repeat("x", 2049)), 45002},
		{"k1", text("markdown", strings.Repeat("x", 4096)), 0},
		{"k1", text("markdown", strings.Repeat("x", 4097)), 45002},
		{"k1", text("voice", "x"), 40008},
		{"k1", notice, 0},
		{"k1", `{"msgtype":"template_card","template_card":{"card_type":"button_interaction","task_id":"t","main_title":{"title":"x"},"button_list":[{"text":"x","key":"x"}]}}`, 42031},
		{"k1", `{"msgtype":"image","image":{"base64":"aGVsbG8=","md5":"5d41402abc4b2a76b9719d911017c592"}}`, 0},
		{"k1", `{"msgtype":"image","image":{"base64":"aGVsbG8=","md5":"00"}}`, 301019},
	} {
		if got := send(tt.key, tt.body); got != tt.want {
			t.Errorf("%s %.80s: %d, want %d", tt.key, tt.body, got, tt.want)
		}
	}
	if s := w.Screen(wecomtest.InGroup("wr").As("boss")); len(s) != 5 || s[1].Kind != wecomtest.KindMarkdownV2 || s[3].Card.Title != "日报" || s[4].Kind != wecomtest.KindImage || s[0].From != "日报" || !s[0].FromBot {
		t.Errorf("screen: %+v", s)
	}
	for range 15 {
		send("k1", text("text", "x"))
	}
	if got := send("k1", text("text", "one too many")); got != 45009 {
		t.Errorf("the 21st in a minute: %d", got)
	}
	now = now.Add(time.Minute)
	if got := send("k1", text("text", "x")); got != 0 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	w := wecomtest.New(wecomtest.Options{
		Now: func() time.Time { return now }, Users: []wecomtest.User{{ID: "Boss"}},
		Apps: []wecomtest.App{{Name: "main", CorpID: "ww1", AgentID: 1000002, TrustedDomain: "example.com"}, {Name: "other", CorpID: "ww1", AgentID: 1000003}},
	})
	defer w.Close()
	api := httptest.NewServer(w)
	defer api.Close()
	tokenOf := func(app string) string {
		a, _ := w.App(app)
		_, answer := errcode(t, http.MethodGet, api.URL+"/cgi-bin/gettoken?corpid=ww1&corpsecret="+a.Secret, "")
		return answer["access_token"].(string)
	}
	token, other := tokenOf("main"), tokenOf("other")
	good := func() url.Values {
		return url.Values{"appid": {"ww1"}, "agentid": {"1000002"}, "redirect_uri": {"https://example.com/in?x=1"}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"S1"}}
	}
	address := func(change func(url.Values)) string {
		q := good()
		change(q)
		return "https://open.weixin.qq.com/connect/oauth2/authorize?" + q.Encode() + "#wechat_redirect"
	}
	for what, bad := range map[string]string{
		"another domain": address(func(q url.Values) { q.Set("redirect_uri", "https://evil.example.com/in") }),
		"no domain":      address(func(q url.Values) { q.Set("agentid", "1000003") }),
		"another corp":   address(func(q url.Values) { q.Set("appid", "ww2") }),
		"a wild state":   address(func(q url.Values) { q.Set("state", "a-b") }),
		"a long state":   address(func(q url.Values) { q.Set("state", strings.Repeat("a", 129)) }),
		"no scope":       address(func(q url.Values) { q.Del("scope") }),
		"no fragment":    strings.TrimSuffix(address(func(url.Values) {}), "#wechat_redirect"),
		"another page":   "https://example.com/?" + good().Encode(),
		"no login type":  "https://login.work.weixin.qq.com/wwlogin/sso/login?" + good().Encode(),
	} {
		if back, err := w.Authorize("boss", bad); !errors.Is(err, wecomtest.ErrNoSignIn) {
			t.Errorf("%s: %q, %v", what, back, err)
		}
	}
	codeOf := func(user, address string) string {
		back, err := w.Authorize(user, address)
		must(t, err)
		u, err := url.Parse(back)
		must(t, err)
		if u.Host != "example.com" || u.Path != "/in" || u.Query().Get("x") != "1" || u.Query().Get("state") != "S1" {
			t.Errorf("back to %s", back)
		}
		return u.Query().Get("code")
	}
	ask := func(token, code string) (int, map[string]any) {
		return errcode(t, http.MethodGet, api.URL+"/cgi-bin/auth/getuserinfo?access_token="+token+"&code="+code, "")
	}
	silent := address(func(url.Values) {})
	code := codeOf("boss", silent)
	if n, _ := ask(other, code); n != 40029 {
		t.Errorf("by another app: %d", n)
	}
	if n, answer := ask(token, code); n != 0 || answer["userid"] != "Boss" {
		t.Errorf("%d %v", n, answer)
	}
	if n, _ := ask(token, code); n != 40029 {
		t.Errorf("again: %d", n)
	}
	if n, answer := ask(token, codeOf("customer", silent)); n != 0 || answer["userid"] != nil || answer["openid"] == nil {
		t.Errorf("no member: %d %v", n, answer)
	}
	scanned := good()
	scanned.Set("login_type", "CorpApp")
	old := codeOf("boss", "https://login.work.weixin.qq.com/wwlogin/sso/login?"+scanned.Encode())
	now = now.Add(5 * time.Minute)
	if n, _ := ask(token, old); n != 40029 {
		t.Errorf("after five minutes: %d", n)
	}
	if n, _ := ask("", old); n != 41001 {
		t.Errorf("without a token: %d", n)
	}
}
