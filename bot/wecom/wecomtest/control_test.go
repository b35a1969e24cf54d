package wecomtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

type control struct{ url string }

func newControl(t *testing.T, w *world) control {
	t.Helper()
	s := httptest.NewServer(w.Control())
	t.Cleanup(s.Close)
	t.Cleanup(w.Close) // before the server: it waits for what is under way
	return control{s.URL}
}

// do returns the answer, decoded.
func (c control) do(t *testing.T, method, path, body string, want int, out any) {
	t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != want {
		t.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, b)
		return
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Errorf("%s %s: %v: %s", method, path, err, b)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := newControl(t, w)

	// Every line of the help is served.
	for line := range strings.Lines(fetch(t, c.url+"/")) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "GET" && f[0] != "POST" {
			continue
		}
		for _, path := range f[1:] {
			path, _, _ = strings.Cut(strings.TrimRight(path, ","), "?")
			if !strings.HasPrefix(path, "/") {
				break
			}
			req, err := http.NewRequest(f[0], c.url+path+"?seconds=1", strings.NewReader("{"))
			must(t, err)
			resp, err := http.DefaultClient.Do(req)
			must(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode == 404 || resp.StatusCode == 405 {
				t.Errorf("%s %s: status %d", f[0], path, resp.StatusCode)
			}
		}
	}

	var roster struct {
		Apps   []struct{ Name string }
		Robots []struct {
			DisplayName string `json:"display_name"`
		}
		Users  []wecomtest.User
		Groups []wecomtest.Group
	}
	c.do(t, "POST", "/users", `{"userid":"zhaoliu","name":"赵六"}`, 200, nil)
	c.do(t, "POST", "/groups", `{"chatid":"wrNew","name":"新店","members":["zhaoliu"],"robots":["group"]}`, 200, nil)
	c.do(t, "GET", "/roster", "", 200, &roster)
	if len(roster.Apps) != 2 || len(roster.Robots) != 2 || len(roster.Users) != 4 || len(roster.Groups) != 3 {
		t.Errorf("roster: %+v", roster)
	}

	w.robot.answers(cardMessage("t1", "券"))
	var out wecomtest.Outcome
	c.do(t, "POST", "/say", `{"group":"wrNew","robot":"group","user":"zhaoliu","text":"查 1"}`, 200, &out)
	if len(out.Deliveries) != 1 || !out.Deliveries[0].Accepted() || string(out.Deliveries[0].Answer) != cardMessage("t1", "券") {
		t.Errorf("say: %+v", out)
	}
	var screen struct {
		Version int64
		Shown   []wecomtest.Shown
	}
	c.do(t, "GET", "/screen?group=wrNew", "", 200, &screen)
	if len(screen.Shown) != 2 || screen.Shown[1].Card.Title != "券" || screen.Version < screen.Shown[1].Version {
		t.Errorf("screen: %+v", screen)
	}

	// Waiting ends with the next change.
	waited := make(chan int64, 1)
	go func() {
		var v struct{ Version int64 }
		resp, err := http.Get(fmt.Sprintf("%s/wait?since=%d&seconds=60", c.url, screen.Version))
		if err == nil {
			_ = json.NewDecoder(resp.Body).Decode(&v)
			_ = resp.Body.Close()
		}
		waited <- v.Version
	}()
	w.robot.answers(`{"response_type":"update_template_card","template_card":` + buttonCard("t1", "已撤销") + `}`)
	c.do(t, "POST", "/press", `{"group":"wrNew","user":"zhaoliu","shown":"`+screen.Shown[1].ID+`","key":"undo:1"}`, 200, nil)
	if v := <-waited; v <= screen.Version {
		t.Errorf("waited until version %d, was %d", v, screen.Version)
	}
	c.do(t, "GET", "/screen?group=wrNew", "", 200, &screen)
	if screen.Shown[1].Card.Title != "已撤销" {
		t.Errorf("after the press: %+v", screen.Shown[1].Card)
	}

	var again wecomtest.Delivery
	c.do(t, "POST", "/resend", `{"delivery":"`+out.Deliveries[0].ID+`"}`, 200, &again)
	if len(again.Attempts) != 2 {
		t.Errorf("resend: %+v", again)
	}
	var all struct{ Deliveries []wecomtest.Delivery }
	c.do(t, "GET", "/deliveries?after=1", "", 200, &all)
	if len(all.Deliveries) != 1 || all.Deliveries[0].Kind != "card event" {
		t.Errorf("deliveries: %+v", all)
	}
	var raw struct {
		Status int
		Body   string
	}
	c.do(t, "POST", "/raw", `{"robot":"group","user":"lisi","text":"验","knobs":{"wrong_signature":true}}`, 200, &raw)
	if raw.Status != 401 {
		t.Errorf("raw: %+v", raw)
	}
	var verified struct {
		OK    bool
		Error string
	}
	c.do(t, "POST", "/verify-url", `{"app":"main"}`, 200, &verified)
	if !verified.OK {
		t.Errorf("verify-url: %+v", verified)
	}
	w.app.echoes(func(rw http.ResponseWriter, s string) { _, _ = io.WriteString(rw, s+"\n") })
	c.do(t, "POST", "/verify-url", `{"app":"main"}`, 200, &verified)
	if verified.OK || !strings.Contains(verified.Error, "line break") {
		t.Errorf("verify-url: %+v", verified)
	}

	token := w.token(t)
	c.do(t, "POST", "/faults", `{"api":"message/send","errcode":45009,"times":1}`, 200, nil)
	wantCode(t, w.post(t, "/cgi-bin/message/send?access_token="+token, textTo("lisi", "x")), 45009)
	c.do(t, "POST", "/faults", `{"status":500}`, 200, nil)
	c.do(t, "DELETE", "/faults", "", 200, nil)
	c.do(t, "POST", "/tokens/invalidate", "", 200, nil)
	wantCode(t, w.post(t, "/cgi-bin/message/send?access_token="+token, textTo("lisi", "x")), 40014)
	c.do(t, "POST", "/trusted-ips", `{"ips":[]}`, 200, nil)
	wantCode(t, w.send(t, textTo("lisi", "x")), 60020)
	c.do(t, "POST", "/trusted-ips", `{"ips":null}`, 200, nil)
	wantCode(t, w.send(t, textTo("lisi", "x")), 0)
	var calls struct{ Calls int }
	c.do(t, "GET", "/calls?api=message/send", "", 200, &calls)
	if calls.Calls != 4 {
		t.Errorf("calls: %+v", calls)
	}
	var refusals []wecomtest.Refusal
	c.do(t, "GET", "/refusals", "", 200, &refusals)
	if len(refusals) != 4 || refusals[2].Code != 40014 { // the first: the resent message was answered by an update
		t.Errorf("refusals: %+v", refusals)
	}
	var dropped []wecomtest.Drop
	c.do(t, "GET", "/dropped", "", 200, &dropped)
	if dropped == nil || len(dropped) != 0 {
		t.Errorf("dropped: %+v", dropped)
	}

	c.do(t, "POST", "/say", `{"group":"wrNew","user":"lisi","text":"x"}`, 404, nil)
	c.do(t, "POST", "/say", `{"group":"wrNew","user":"zhaoliu","txt":"x"}`, 400, nil)
	c.do(t, "GET", "/wait?since=x", "", 400, nil)
	c.do(t, "POST", "/poll", "", 200, nil)
	c.do(t, "POST", "/callback-url", `{"app":"nope","url":"http://127.0.0.1:1"}`, 404, nil)
	w.Close()
	c.do(t, "POST", "/say", `{"group":"wrNew","user":"zhaoliu","text":"x"}`, 503, nil)
}
