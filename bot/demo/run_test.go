package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanquan/internal/fakeserver"
)

// patience is how long anything on the page may take on a busy machine.
const patience = 40 * time.Second

// running is a demonstration under test.
type running struct {
	t    *testing.T
	url  string
	stop func() error // ends it and gives Run's error
	http *http.Client
}

// start runs a demonstration on a free port and waits until it is ready.
func start(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Run(ctx, Options{Listen: fakeserver.Host() + ":0", Out: writer})
		_ = writer.CloseWithError(io.EOF)
		done <- err
	}()
	var printed bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(reader, &printed))
	address := regexp.MustCompile(`http://\S+`)
	found := ""
	for found == "" && lines.Scan() {
		found = address.FindString(lines.Text())
	}
	if found == "" {
		cancel()
		t.Fatalf("Run ended without an address: %v\n%s", <-done, printed.String())
	}
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, reader)
		close(drained)
	}()
	r := &running{t: t, url: found, http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-done
		<-drained
		r.http.CloseIdleConnections()
		return err
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

func (r *running) state(as, after string) snapshot {
	r.t.Helper()
	resp, err := r.http.Get(r.url + "/api/state?" + url.Values{"as": {as}, "after": {after}}.Encode())
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var s snapshot
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("state: %d, %v", resp.StatusCode, err)
	}
	return s
}

// await follows the state by long polls, as the page does.
func (r *running) await(as, what string, ok func(snapshot) bool) snapshot {
	r.t.Helper()
	after := ""
	for deadline := time.Now().Add(patience); ; {
		s := r.state(as, after)
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not come; the last state was %+v", what, s)
		}
		after = s.Version
	}
}

func (r *running) post(path string, body any) (status int, answer string) {
	r.t.Helper()
	return r.send(path, body, func(*http.Request) {})
}

func (r *running) send(path string, body any, change func(*http.Request)) (status int, answer string) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, r.url+path, bytes.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	change(req)
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func (r *running) must(path string, body any) {
	r.t.Helper()
	if status, answer := r.post(path, body); status != http.StatusOK {
		r.t.Fatalf("%s %+v: %d %s", path, body, status, answer)
	}
}

func lastCard(s snapshot) (message, bool) {
	for _, m := range slices.Backward(s.Messages) {
		if m.Card != nil {
			return m, true
		}
	}
	return message{}, false
}

func showsCard(title string) func(snapshot) bool {
	return func(s snapshot) bool {
		m, ok := lastCard(s)
		return ok && m.Card.Title == title
	}
}

func (s snapshot) ticket(t *testing.T, shop, code string) ticket {
	t.Helper()
	for _, one := range s.Shops {
		for _, v := range one.Vouchers {
			if one.ID == shop && v.Code == code {
				return v
			}
		}
	}
	t.Fatalf("no voucher %s at %s", code, shop)
	return ticket{}
}

// openCode is a response_code that is not masked.
var openCode = regexp.MustCompile(`response_code=[^"&\s…]{5}`)

// Not parallel: it looks at the temporary directory and at all goroutines.
func TestRun(t *testing.T) {
	before := goleak.IgnoreCurrent()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r := start(t)

	s := r.state("", "")
	if s.As != "xiaowang" || s.Problem != "" || len(s.Messages) != 0 {
		t.Fatalf("first state: as %q, problem %q, %d messages", s.As, s.Problem, len(s.Messages))
	}
	if made, err := os.ReadDir(temp); err != nil || len(made) != 1 {
		t.Fatalf("temporary directory: %v, %v; want one directory in it", made, err)
	}

	const group = "wrRenminGuangchang"
	r.must("/api/say", sayIn{Person: "xiaowang", Chat: group, Text: "验 7992697494", Mention: true})
	s = r.await("xiaoli", "the card", showsCard("核销成功"))
	card, _ := lastCard(s)
	if got := s.ticket(t, "renmin", "7992697494"); got.State != "used" {
		t.Errorf("after the verification the voucher is %+v", got)
	}
	if !strings.Contains(card.Card.Text, "可撤销至 ") {
		t.Errorf("the card does not say until when it can be undone: %q", card.Card.Text)
	}

	r.must("/api/press", pressIn{Person: "xiaowang", Chat: group, Message: card.ID, Key: card.Card.Buttons[0].Key})
	s = r.await("xiaowang", "the undo", showsCard("已撤销"))
	undone := s.ticket(t, "renmin", "7992697494")
	if undone.State != "replaced" || s.ticket(t, "renmin", undone.Replaced).State != "ok" {
		t.Errorf("after the undo the voucher is %+v", undone)
	}
	legs := map[string]bool{}
	for _, e := range s.Wire {
		legs[e.Leg] = true
		for _, p := range e.Parts {
			if strings.Contains(p.Text, stores[0].token) || strings.Contains(p.Text, demoAppSecret) || openCode.MatchString(p.Text) {
				t.Errorf("the wire shows a secret in %q of %q", p.Name, e.Summary)
			}
		}
	}
	if !legs[legCallback] || !legs[legPlatform] {
		t.Errorf("the wire has the legs %v", legs)
	}

	if err := r.stop(); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(r.url, "http://"), time.Second); err == nil {
		t.Error("the page still listens")
	}
	goleak.VerifyNone(t, before)
}

func TestRunSaysThatThePortIsTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := Run(t.Context(), Options{Listen: ln.Addr().String()}); err == nil || !strings.Contains(err.Error(), "listen") {
		t.Errorf("Run on a taken port: %v", err)
	}
}

func TestAPIRefuses(t *testing.T) {
	t.Parallel()
	r := start(t)
	group := chats[0].ID
	hello := sayIn{Person: "xiaowang", Chat: group, Text: "你好"}
	tests := []struct {
		name   string
		path   string
		body   any
		change func(*http.Request)
		want   int
	}{
		{name: "another origin", path: "/api/say", body: hello, change: func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, want: http.StatusForbidden},
		{name: "another site", path: "/api/say", body: hello, change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, want: http.StatusForbidden},
		{name: "another name", path: "/api/say", body: hello, change: func(r *http.Request) { r.Host = "evil.example" }, want: http.StatusForbidden},
		{name: "a form", path: "/api/say", body: hello, change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, want: http.StatusUnsupportedMediaType},
		{name: "unknown field", path: "/api/say", body: map[string]string{"surprise": "!"}, want: http.StatusBadRequest},
		{name: "nobody", path: "/api/say", body: sayIn{Person: "mallory", Chat: group, Text: "你好"}, want: http.StatusBadRequest},
		{name: "not a member", path: "/api/say", body: sayIn{Person: "xiaowang", Chat: chats[1].ID, Text: "你好"}, want: http.StatusBadRequest},
		{name: "no text", path: "/api/say", body: sayIn{Person: "xiaowang", Chat: group, Text: " "}, want: http.StatusBadRequest},
		{name: "no such card", path: "/api/press", body: pressIn{Person: "xiaowang", Chat: group, Message: "x", Key: "y"}, want: http.StatusNotFound},
		{name: "no such shop", path: "/api/mischief", body: mischiefIn{Shop: "moon", Kind: calm}, want: http.StatusBadRequest},
		{name: "no such mischief", path: "/api/mischief", body: mischiefIn{Shop: "renmin", Kind: "fire"}, want: http.StatusBadRequest},
		{name: "too large", path: "/api/say", body: sayIn{Person: "xiaowang", Chat: group, Text: strings.Repeat("长", 40_000)}, want: http.StatusBadRequest},
		{name: "accepted", path: "/api/say", body: hello, change: func(req *http.Request) { req.Header.Set("Origin", r.url) }, want: http.StatusOK},
	}
	for _, tt := range tests {
		change := tt.change
		if change == nil {
			change = func(*http.Request) {}
		}
		status, answer := r.send(tt.path, tt.body, change)
		if status != tt.want || (status != http.StatusOK && !strings.Contains(answer, `"error"`)) {
			t.Errorf("%s: %d %s, want %d", tt.name, status, answer, tt.want)
		}
	}
	// Of all that, one message was said, and the robot was not spoken to.
	s := r.state("xiaowang", "")
	told := slices.ContainsFunc(s.Wire, func(e wireEntry) bool { return e.Leg == legCallback })
	if len(s.Messages) != 1 || told {
		t.Errorf("%d messages came of it, want 1; told the robot: %v", len(s.Messages), told)
	}
}

func TestGuardTrustsNoForeignName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		host, own string
		want      bool
	}{
		{"localhost:8080", "", true},
		{"LOCALHOST", "", true},
		{"demo.localhost:80", "", true},
		{"127.0.0.1:8080", "127.0.0.1", true},
		{"[::1]:8080", "", true},
		{"192.168.1.7:8080", "0.0.0.0", true},
		{"till.shop.example:8080", "till.shop.example", true},
		{"evil.example", "127.0.0.1", false},
		{"evil.example:8080", "", false},
		{"localhost.evil.example", "", false},
		{"127.0.0.1.evil.example", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := trustedHost(tt.host, tt.own); got != tt.want {
			t.Errorf("trustedHost(%q, %q) = %v", tt.host, tt.own, got)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`{"access_token": "0123456789abcdefXYZ"}`, `{"access_token": "0123…"}`},
		{`access_token=0123456789abcdefXYZ&debug=1`, `access_token=0123…&debug=1`},
		{`{"response_url":"https://x/cgi-bin/aibot/response?response_code=0123456789abcdefXYZ"}`, `{"response_url":"https://x/cgi-bin/aibot/response?response_code=0123…"}`},
		{`<ResponseCode><![CDATA[0123456789abcdefXYZ]]></ResponseCode>`, `<ResponseCode><![CDATA[0123…]]></ResponseCode>`},
		{`corpsecret=short`, `corpsecret=…`},
		{`{"text":"验 7992697494"}`, `{"text":"验 7992697494"}`},
	}
	for _, tt := range tests {
		if got := mask(tt.in); got != tt.want {
			t.Errorf("mask(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

// However late it is, the day of a demonstration is not over.
func TestDaytime(t *testing.T) {
	t.Parallel()
	for hour, want := range map[int]int{0: 0, 9: 9, 20: 20, 21: 13, 23: 15} {
		now := time.Date(2026, 11, 24, hour, 30, 0, 0, beijing)
		if got := now.Add(daytime(now)); got.Hour() != want || got.Day() != 24 {
			t.Errorf("at %d it is %s, want %d", hour, got, want)
		}
	}
}
