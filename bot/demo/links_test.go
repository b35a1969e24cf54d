package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// tunnelled is a browser that reaches a demonstration by another address.
func tunnelled(t *testing.T, r *running, address string) *running {
	t.Helper()
	home := strings.TrimPrefix(r.url, "http://")
	transport := &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		if to != strings.TrimPrefix(address, "http://") {
			t.Errorf("a link leads to %s", to)
		}
		return (&net.Dialer{}).DialContext(ctx, network, home)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &running{t: t, url: address, http: &http.Client{Transport: transport, Timeout: patience, Jar: jar}}
}

// page follows an address to the page at its end, by a form where there is one.
func (r *running) page(method, address string, form url.Values) (status int, text string) {
	r.t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", r.url)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.String() + "\n" + string(body)
}

// Whatever is shown, links too, is reached by the one address, under whichever name a
// browser knows it.
func TestLinksThroughATunnel(t *testing.T) {
	t.Parallel()
	const code = "7992697494"
	for _, address := range []string{"", "http://localhost:9"} {
		demo := start(t) // of its own: a link that was used before is not for this address
		address = cmp.Or(address, demo.url)
		r := tunnelled(t, demo, address)
		r.must("/api/say", sayIn{Person: "xiaowang", Chat: chats[0].ID, Text: "验 " + code, Mention: true})
		s := r.await("xiaowang", "the card", func(s snapshot) bool {
			m, ok := lastCard(s)
			return ok && m.Card.Title == "核销成功" && strings.Contains(asText(t, m.Card), code)
		})
		card, _ := lastCard(s)
		if !strings.HasPrefix(card.Card.URL, address+"/v/") {
			t.Fatalf("the card leads to %q", card.Card.URL)
		}
		if status, page := r.page(http.MethodGet, card.Card.URL, nil); status != http.StatusOK || !strings.Contains(page, "核销成功") {
			t.Errorf("%d %s", status, page)
		}

		r.must("/api/say", sayIn{Person: "wangdian", Chat: appChat, Text: "后台"})
		link := r.link("wangdian", "/console/")
		if status, page := r.page(http.MethodPost, link, url.Values{"t": {after(link, "t=")}}); status != http.StatusOK || !strings.HasPrefix(page, address+"/console/\n") {
			t.Errorf("%d %s", status, page)
		}
	}
}

// A shop is connected at the fake platform's page by the same address, there and back.
func TestAuthorizeThroughATunnel(t *testing.T) {
	t.Parallel()
	for _, s := range []struct{ shop, button, platform string }{{"wujiaochang", "点评", "dianping"}, {"jingan", "美团", "meituan"}} {
		r := tunnelled(t, start(t), "http://localhost:9")
		r.must("/api/say", sayIn{Person: "wangdian", Chat: appChat, Text: "授权"})
		for _, step := range [][2]string{{"授权哪个平台", s.button}, {"是哪家门店", "新门店"}} {
			asked := r.await("wangdian", "the question", func(s snapshot) bool {
				m, ok := lastCard(s)
				return ok && strings.Contains(asText(t, m.Card), step[0])
			})
			m, _ := lastCard(asked)
			for _, b := range m.Card.Buttons {
				if strings.Contains(b.Text, step[1]) {
					r.must("/api/press", pressIn{Person: "wangdian", Chat: appChat, Message: m.ID, Key: b.Key})
				}
			}
		}
		link := r.link("wangdian", "/auth/"+s.platform)
		status, consent := r.page(http.MethodPost, link, url.Values{"t": {after(link, "t=")}})
		at, body, _ := strings.Cut(consent, "\n")
		if status != http.StatusOK || !strings.HasPrefix(at, r.url+"/platform/") || !strings.Contains(body, "同意授权") {
			t.Fatalf("%d %s", status, consent)
		}
		status, done := r.page(http.MethodPost, at, url.Values{"shop": {s.shop}})
		if status != http.StatusOK || !strings.HasPrefix(done, r.url+"/auth/") || !strings.Contains(done, "授权成功") {
			t.Errorf("%d %s", status, done)
		}
	}
}

// Signing in by WeCom leads to a page of ours, and back.
func TestSignInThroughATunnel(t *testing.T) {
	t.Parallel()
	r := tunnelled(t, start(t), "http://localhost:9")
	status, page := r.page(http.MethodGet, r.url+"/console/history", nil)
	if status != http.StatusUnauthorized || !strings.Contains(page, "/console/wecom?next=history") {
		t.Fatalf("%d %s", status, page)
	}
	status, page = r.page(http.MethodGet, r.url+"/console/wecom?next=history", nil)
	at, _, _ := strings.Cut(page, "\n")
	if status != http.StatusOK || !strings.HasPrefix(at, r.url+loginPath) || !strings.Contains(page, "王店长") {
		t.Fatalf("%d %s", status, page)
	}
	if status, page = r.page(http.MethodPost, at, url.Values{"person": {"wangdian"}}); status != http.StatusOK || !strings.HasPrefix(page, r.url+"/console/history\n") {
		t.Errorf("%d %s", status, page)
	}
	if status, page = r.page(http.MethodPost, r.url+loginPath+"?to=https://evil.example.com/", url.Values{"person": {"wangdian"}}); status != http.StatusBadRequest {
		t.Errorf("elsewhere: %d %s", status, page)
	}
}

// link waits for a card that leads to a path.
func (r *running) link(person, path string) (link string) {
	r.t.Helper()
	r.await(person, "a link to "+path, func(s snapshot) bool {
		m, ok := lastCard(s)
		if !ok {
			return false
		}
		link = regexp.MustCompile(regexp.QuoteMeta(r.url+path) + `[^"\\]*`).FindString(asText(r.t, m.Card))
		return link != ""
	})
	return link
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

func asText(t *testing.T, card *wecomtest.Card) string {
	t.Helper()
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(card); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// When the evening is made to come, calls that were under way then, and those after it,
// took as long as they took; and each is told by its name.
func TestFiguresAfterTonight(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.must("/api/say", sayIn{Person: "xiaowang", Chat: chats[0].ID, Text: "验 7992697402", Mention: true})
	r.await("xiaowang", "the card", showsCard("核销成功")) // or the summary has no picture
	r.must("/api/mischief", mischiefIn{Shop: "renmin", Kind: "slow"})
	said := make(chan struct{})
	go func() {
		defer close(said)
		r.post("/api/say", sayIn{Person: "xiaowang", Chat: chats[0].ID, Text: "验 7992697494", Mention: true})
	}()
	r.await("xiaowang", "a call under way", func(s snapshot) bool {
		for _, e := range s.Wire {
			if e.Leg == legPlatform && e.Result == "等待中…" {
				return true
			}
		}
		return false
	})
	r.must("/api/tonight", struct{}{})
	<-said
	r.must("/api/mischief", mischiefIn{Shop: "renmin", Kind: calm})
	s := r.await("wangdian", "the summary with its picture", func(s snapshot) bool {
		for _, m := range s.Messages {
			if m.Media != nil && m.Media.Image {
				return true
			}
		}
		return false
	})
	s = r.await("xiaowang", "the end of the calls", func(now snapshot) bool {
		s = now
		for _, e := range s.Wire {
			if e.Result == "等待中…" {
				return false
			}
		}
		return true
	})
	api := 0
	for _, e := range s.Wire {
		if e.MS != nil && (*e.MS < 0 || *e.MS > patience.Milliseconds()) { // the evening is further away
			t.Errorf("%s took %d ms", e.Summary, *e.MS)
		}
		if strings.HasPrefix(e.Summary, "/") {
			t.Errorf("%q has no name", e.Summary)
		}
		if e.Leg == legAPI {
			api++
		}
	}
	if api == 0 {
		t.Error("nothing was asked of WeCom")
	}
}

// Of the whole time that a clock saw, the jumps are no part.
func TestLasted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, beijing)
	c := &shiftedClock{base: func() time.Time { return at }}
	began := c.now()
	at = at.Add(time.Second)
	c.forward(began.Add(10 * time.Hour))
	at = at.Add(2 * time.Second)
	if got := c.lasted(began, c.now().Sub(began)); got != 3*time.Second {
		t.Errorf("over a jump: %s", got)
	}
	began = c.now()
	at = at.Add(time.Second)
	if got := c.lasted(began, c.now().Sub(began)); got != time.Second {
		t.Errorf("after it: %s", got)
	}
}
