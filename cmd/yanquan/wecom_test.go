package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// menuAPI is the part of WeCom's API that the menu needs; it refuses the agent
// 1000009 as an app whose trusted addresses lack ours.
func menuAPI(t *testing.T) (url string, made func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cgi-bin/gettoken", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 0, "access_token": "token-" + r.URL.Query().Get("corpsecret"), "expires_in": 7200})
	})
	mux.HandleFunc("POST /cgi-bin/menu/create", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("agentid") == "1000009" {
			_, _ = io.WriteString(w, `{"errcode":60020,"errmsg":"not allow to access from your ip, hint: [1], from ip: 203.0.113.7, more info at"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, r.URL.Query().Get("agentid")+" "+string(body))
		mu.Unlock()
		_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, func() []string { mu.Lock(); defer mu.Unlock(); return got }
}

func TestWeComMenu(t *testing.T) {
	t.Parallel()
	api, made := menuAPI(t)
	app := func(name, agent string) string {
		return "    - {name: " + name + ", agent_id: " + agent + ", secret: s" + agent + ", token: tokentoken, encoding_aes_key: " + testAES + "}\n"
	}
	head := "wecom:\n  api_url: " + api + "\n  corp_id: ww0123456789abcdef\n  apps:\n"
	good := writeConfig(t, head+app("main", "1000002")+app("till", "1000003"))
	bad := writeConfig(t, head+app("main", "1000002")+app("foreign", "1000009"))
	none := writeConfig(t, "")

	for _, tt := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr []string // each must be in it
	}{
		{"what", []string{"wecom", "--config", good}, 2, nil, []string{"say what to do: menu"}},
		{"what else", []string{"wecom", "dance", "--config", good}, 2, nil, []string{"say what to do: menu"}},
		{"help", []string{"help", "wecom"}, 0, []string{"--app NAME"}, nil},
		{"no app", []string{"wecom", "menu", "--config", none}, 1, nil, []string{"no app is configured"}},
		{"unknown app", []string{"wecom", "menu", "--app", "other", "--config", good}, 2, nil, []string{`there is no app "other"`}},
		{"one", []string{"wecom", "menu", "--config", good, "--app", "till"}, 0, []string{"app till: has its menu", "扫码核销", `撤销最近一次: as if "撤" was texted`}, nil},
		{"all", []string{"wecom", "menu", "--config", good}, 0, []string{"app main: has its menu", "app till: has its menu"}, nil},
		{"not from here", []string{"wecom", "menu", "--config", bad}, 1, []string{"app main: has its menu"},
			[]string{"app foreign: no menu", "add 203.0.113.7 in the console"}},
	} {
		status, stdout, stderr := runCLI(t, tt.args...)
		if status != tt.status {
			t.Errorf("%s: status %d, want %d\n%s%s", tt.name, status, tt.status, stdout, stderr)
		}
		for _, s := range tt.stdout {
			if !strings.Contains(stdout, s) {
				t.Errorf("%s: no %q in\n%s", tt.name, s, stdout)
			}
		}
		for _, s := range tt.stderr {
			if !strings.Contains(stderr, s) {
				t.Errorf("%s: no %q in\n%s", tt.name, s, stderr)
			}
		}
		if strings.Contains(stdout+stderr, "token-s") {
			t.Errorf("%s: tells a token", tt.name)
		}
	}
	all := made()
	if len(all) != 4 || !strings.HasPrefix(all[0], "1000003 ") || !strings.Contains(all[0], `"scancode_waitmsg"`) {
		t.Errorf("made %q", all)
	}
}
