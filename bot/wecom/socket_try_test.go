package wecom

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

// A robot's keys are tried without holding the connection, and a wrong secret is told
// by its code and not shown.
func TestTrySocket(t *testing.T) {
	t.Parallel()
	fake := wecomtest.New(wecomtest.Options{Robots: []wecomtest.Robot{{Name: "long", LongConnection: true}, {Name: "url"}}})
	api := httptest.NewServer(fake)
	defer api.Close()
	defer fake.Close()
	fake.SetAPIURL(api.URL)
	long, _ := fake.Robot("long")
	byURL, _ := fake.Robot("url")
	if err := TrySocket(t.Context(), fake.SocketURL(), long.ID, long.Secret, "1", nil); err != nil {
		t.Fatal(err)
	}
	if subscribed, _ := fake.Connected("long"); subscribed || fake.Calls("aibot_subscribe") != 1 {
		t.Error("the connection stays, or there never was one")
	}
	for _, tt := range []struct {
		id, secret string
		code       int64
	}{{long.ID, "another-secret", 40001}, {byURL.ID, "another-secret", 48002}} {
		err := TrySocket(t.Context(), fake.SocketURL(), tt.id, tt.secret, "2", nil)
		if Code(err) != tt.code || strings.Contains(err.Error(), tt.secret) {
			t.Errorf("%s: %v", tt.id, err)
		}
	}
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	if err := TrySocket(t.Context(), "ws"+strings.TrimPrefix(page.URL, "http"), long.ID, long.Secret, "3", nil); err == nil || Code(err) != 0 {
		t.Errorf("where no WebSocket is: %v", err)
	}
}
