package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// long changes a configuration to nothing but a robot with a long connection.
func (w *world) long(url string) []string {
	robot, _ := w.wecom.Robot("long")
	apps := fmt.Sprintf("  apps: [{name: main, agent_id: %d, secret: '%s', token: '%s', encoding_aes_key: '%s'}]\n", w.app.AgentID, w.app.Secret, w.app.Token, w.app.EncodingAESKey)
	bots := fmt.Sprintf("  bots: [{name: group, token: '%s', encoding_aes_key: '%s'}]\n", w.robot.Token, w.robot.EncodingAESKey)
	return []string{apps, "", bots, fmt.Sprintf("  bots: [{name: long, mode: websocket, bot_id: '%s', secret: '%s', url: '%s'}]\n", robot.ID, robot.Secret, url)}
}

// A long connection needs no public address; whether it can be made is tried
// without taking it from the process that has it.
func TestSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wecom.SetAPIURL(w.wecomURL)
	edit := w.long(w.wecom.SocketURL())
	w.serve(t, edit...)
	if err := w.wecom.WaitConnected(t.Context(), "long"); err != nil {
		t.Fatal(err)
	}
	calls := w.wecom.Calls("aibot_subscribe")
	fine, text := check(t, w.config(t, "", edit...), Options{})
	if !fine {
		t.Errorf("not fine:\n%s", text)
	}
	for _, want := range []string{"✓ long connection long: held by ", "✓ long connection long: " + w.wecom.SocketURL() + " takes connections"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	robot, _ := w.wecom.Robot("long")
	if strings.Contains(text, robot.Secret) || strings.Contains(text, "public_url") {
		t.Errorf("shows the secret, or asks for a public address:\n%s", text)
	}
	if subscribed, _ := w.wecom.Connected("long"); !subscribed || w.wecom.Calls("aibot_subscribe") != calls {
		t.Error("the connection was taken from serve")
	}
}

func TestSocketsOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for url, want := range map[string][]string{
		"ws://127.0.0.1:1/ws":                       {"✗ long connection long: ws://127.0.0.1:1/ws cannot be reached", "firewall"},
		"ws" + strings.TrimPrefix(page.URL, "http"): {"answers 404", "passes WebSockets on"},
	} {
		fine, text := check(t, w.config(t, "", w.long(url)...), Options{})
		if fine {
			t.Errorf("%s is fine:\n%s", url, text)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("lacks %q:\n%s", part, text)
			}
		}
	}
}

// Before serve runs, nobody holds the connection.
func TestSocketsUnheld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wecom.SetAPIURL(w.wecomURL)
	w.serve(t) // with the other robot; the database is there
	_, text := check(t, w.config(t, "", w.long(w.wecom.SocketURL())...), Options{})
	if !strings.Contains(text, "! long connection long: no process holds it — start serve") {
		t.Errorf("says\n%s", text)
	}
}
