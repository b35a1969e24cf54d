package douyin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// kept is a store that has a token, so that no other request is needed.
func kept() *MemoryTokens {
	return &MemoryTokens{kept: Token{Version: 1, Access: testAccess, Obtained: testNow, Expires: testNow.Add(2 * time.Hour)}}
}

func failing(err error) *http.Client {
	return &http.Client{Transport: transportFunc(func(*http.Request) (*http.Response, error) { return nil, err })}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A call with an effect whose answer is lost is a doubt, and is sent once. What becomes
// of a request on the wire is judged by package httpcall.
func TestLostAnswers(t *testing.T) {
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
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	half := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + ok(rows(row("0")))
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		status int
	}{"hang up": {hangUp(""), 0}, "half a body": {hangUp(half), 200}, "redirect": {redirect, 307}} {
		for _, call := range []Call{CallVerify, CallCancel} {
			b := setup(t, tt.handle)
			c := b.client(t, func(c *Config) { c.Tokens = kept() })
			if e := want(t, name, allCalls[call](context.Background(), c), UnknownOutcome, ""); e.HTTPStatus != tt.status {
				t.Errorf("%s: http %d", name, e.HTTPStatus)
			}
			b.only(t)
		}
	}
}

func TestNeverSent(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, ok(rows(row("0"))))
	c := b.client(t, func(c *Config) { c.HTTP, c.Tokens = failing(&net.DNSError{Err: "no such host"}), kept() })
	_, err := verifyN(context.Background(), c, 1, false)
	want(t, "no such name", err, Unavailable, "")
	want(t, "a question", allCalls[CallPrepare](context.Background(), c), Unavailable, "")
}

func TestObservations(t *testing.T) {
	t.Parallel()
	b := answering(t, 200, no("1212", "0"))
	c := b.client(t)
	for _, call := range []Call{CallPrepare, CallVerify} {
		want(t, string(call), allCalls[call](context.Background(), c), Refused, NotFound)
	}
	var seen []string
	for _, o := range b.observed {
		reason := Reason("")
		if o.Err != nil {
			reason = o.Err.Reason
		}
		seen = append(seen, fmt.Sprint(o.Platform, o.Call, o.ShopID, o.Code, o.OrderID, o.Started.Equal(testNow), reason))
	}
	wantSeen := "[douyinclient_tokentrue douyinprepare" + testShop.ID + "104686126200130truenot_found douyinverify" + testShop.ID + "800truenot_found]"
	if got := fmt.Sprint(seen); got != wantSeen {
		t.Errorf("observed %s", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{ClientKey: testKey, ClientSecret: testSecret}
	c, err := New(good)
	if err != nil || c.base != "https://open.douyin.com" || c.Platform() != "douyin" || c.calls.Timeout() != 3*time.Second {
		t.Errorf("%v %v", c, err)
	}
	for name, change := range map[string]func(*Config){
		"no key":          func(c *Config) { c.ClientKey = " " },
		"no secret":       func(c *Config) { c.ClientSecret = "" },
		"no scheme":       func(c *Config) { c.APIURL = "open.douyin.com" },
		"no host":         func(c *Config) { c.APIURL = "https://" },
		"credentials":     func(c *Config) { c.APIURL = "https://user:" + testSecret + "@h" },
		"query":           func(c *Config) { c.APIURL = "https://h/?a=" + testSecret },
		"unreadable":      func(c *Config) { c.APIURL = "https://" + testSecret + "\x7f" },
		"negative":        func(c *Config) { c.Timeout = -1 },
		"another scheme.": func(c *Config) { c.APIURL = "ftp://h" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), testSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another platform with the same interfaces is another value of one type.
func TestDialectIsOneValue(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, ok(`"records":[]`)) })
	d := dialect{platform: "other", host: "https://example.com", slash: "", signIn: func(key string, secret Secret) request {
		return request{call: CallToken, body: map[string]any{"app_id": key}}
	}}
	c, err := newClient(d, Config{APIURL: b.server.URL + prefix, ClientKey: testKey, ClientSecret: testSecret, Tokens: kept(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger(c); err != nil || b.only(t).path != "/goodlife/v1/settle/ledger/query_record_by_cert" {
		t.Errorf("%v %+v", err, b.requests)
	}
}

func TestCallsWithAnEffectAreMarked(t *testing.T) {
	t.Parallel()
	c := noticed(t)
	for call := range paths {
		req, err := c.httpRequest(request{call: call, body: map[string]any{"a": "b"}}, testAccess)
		if err != nil || call.Changes() != req.Changes || string(req.Body) != `{"a":"b"}` {
			t.Errorf("%s: %+v, %v", call, req, err)
		}
	}
}
