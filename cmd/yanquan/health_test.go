package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// "health" asks the server that the configuration describes, as a container's health
// check does.
func TestHealth(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "")
	listening := func(address string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(other, []byte(strings.Replace(string(text), "127.0.0.1:0", address, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return other
	}
	says := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				w.WriteHeader(status)
			}
			w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	up := strings.TrimPrefix(start(t, "serve", "--config", path).url, "http://")
	_, port, _ := strings.Cut(up, ":")
	for _, tt := range []struct {
		listen string
		status int
		want   string
	}{
		{up, 0, "ready\n"},
		{":" + port, 0, "ready\n"},
		{"0.0.0.0:" + port, 0, "ready\n"},
		{"localhost:" + port, 0, "ready\n"},
		{"127.0.0.1:1", 1, "http://127.0.0.1:1 does not answer; is serve running?"},
		{"127.0.0.1:0", 1, "server.listen has port 0"},
		{says(503, `{"ready":false,"checks":{"database":"failed"}}`), 1, `not ready: {"database":"failed"}`},
		{says(200, `<html>`), 1, "is not yanquan's: it answers 200 OK"},
		{says(200, `{}`), 1, "is not yanquan's"},
	} {
		status, stdout, stderr := runCLI(t, "health", "--config", listening(tt.listen))
		if status != tt.status || !strings.Contains(stdout+stderr, tt.want) || (status == 0) != (stderr == "") {
			t.Errorf("%s: status %d\n%s%s", tt.listen, status, stdout, stderr)
		}
	}
	if status, _, _ := runCLI(t, "health", "now"); status != exitUsage {
		t.Errorf("an argument: status %d", status)
	}
}
