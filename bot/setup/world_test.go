package setup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
)

// world is everything around an installation, and a folder for it.
type world struct {
	*testing.T
	dir      string
	lang     string
	listen   string
	public   string
	wecom    *wecomtest.WeCom
	wecomURL string
	app      wecomtest.App
	robot    wecomtest.Robot
	long     wecomtest.Robot
	platform *dianpingtest.Platform
	shopURL  string
	douyin   *douyintest.Platform
	doURL    string
	env      map[string]string
}

const (
	developerID, signKey    = "100120", "the-sign-key-value"
	clientKey, clientSecret = "aw-client-key", "the-client-secret-value"
	account                 = "7000000000000000002"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), lang: "en", env: map[string]string{}}
	w.wecom = wecomtest.New(wecomtest.Options{
		VerifyTimeout: time.Minute,
		Apps:          []wecomtest.App{{Name: "main", AgentID: 1000002}},
		Robots:        []wecomtest.Robot{{Name: "group"}, {Name: "long", LongConnection: true}},
		Users:         []wecomtest.User{{ID: "boss", Name: "老板"}},
	})
	w.app, _ = w.wecom.App("main")
	w.robot, _ = w.wecom.Robot("group")
	w.long, _ = w.wecom.Robot("long")
	w.wecomURL = w.serve(http.HandlerFunc(w.serveWeCom), w.wecom.Close)
	w.wecom.SetAPIURL(w.wecomURL)
	w.platform = dianpingtest.New(dianpingtest.Options{AppKey: "k", AppSecret: "s", DeveloperID: developerID, SignKey: signKey})
	w.shopURL = w.serve(w.platform, w.platform.Close)
	w.douyin = douyintest.New(douyintest.Options{ClientKey: clientKey, ClientSecret: clientSecret})
	w.must(w.douyin.AddShop(douyintest.Shop{ID: "6600000000000000001", Name: "人民广场店", Account: account}))
	w.doURL = w.serve(w.douyin, w.douyin.Close)
	ln, err := net.Listen("tcp", fakeserver.Host()+":0") // a port that is free
	w.must(err)
	w.listen = ln.Addr().String()
	w.must(ln.Close())
	w.public = "http://" + w.listen
	for key, value := range map[string]string{
		"listen": w.listen, "wecom_api_url": w.wecomURL, "bot_socket_url": w.wecom.SocketURL(), "meituan_api_url": w.shopURL, "meituan_auth_url": w.shopURL,
		"dianping_api_url": w.shopURL, "dianping_auth_url": w.shopURL, "douyin_api_url": w.doURL,
	} {
		w.env[fieldOf(key).variable()] = value
	}
	return w
}

func (w *world) serve(h http.Handler, stop func()) string {
	srv := httptest.NewServer(h)
	w.Cleanup(srv.Close)
	w.Cleanup(stop) // first
	return srv.URL
}

// serveWeCom is the fake, and agent/get (page 90227), which it does not have: it checks
// token, address and agent id as the fake does, and tells no more.
func (w *world) serveWeCom(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/cgi-bin/agent/get" {
		w.wecom.ServeHTTP(rw, r)
		return
	}
	agent := r.URL.Query().Get("agentid")
	r.URL.Path = "/cgi-bin/getcallbackip"
	answer := httptest.NewRecorder()
	w.wecom.ServeHTTP(answer, r)
	if body := answer.Body.String(); strings.Contains(body, `"ip_list"`) && agent != fmt.Sprint(w.app.AgentID) {
		fmt.Fprint(rw, `{"errcode":40056,"errmsg":"invalid agentid"}`)
	} else {
		_, _ = io.WriteString(rw, body)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) lookup(name string) (string, bool) { v, ok := w.env[name]; return v, ok }

// save is what happens when a person presses 保存: WeCom asks at the address.
func (w *world) save(kind string) error {
	where := wecomtest.InApp("main", "")
	path := "/wecom/app/main"
	if kind == "bot" {
		where, path = wecomtest.InRobot("group", ""), "/wecom/bot/group"
	}
	if err := w.wecom.SetCallbackURL(where, w.public+path); err != nil {
		return err
	}
	return w.wecom.VerifyURL(w.Context(), where)
}

// file reads what was written.
func (w *world) file(name string) string {
	w.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir, name))
	w.must(err)
	return string(raw)
}

// secrets are what only .env may hold.
func (w *world) secrets() []string {
	return []string{w.app.Secret, w.app.Token, w.app.EncodingAESKey, w.robot.Token, w.robot.EncodingAESKey, w.long.Secret, signKey, clientSecret}
}

// hides checks that no secret is in a text.
func (w *world) hides(what, text string) {
	w.Helper()
	for _, secret := range w.secrets() {
		if secret != "" && strings.Contains(text, secret) {
			w.Errorf("%s shows %q:\n%s", what, secret, text)
		}
	}
}

// loads checks what was written as serve does, and that it is private.
func (w *world) loads() *config.Config {
	w.Helper()
	cfg, err := config.Load(filepath.Join(w.dir, "config.yaml"), func(string) (string, bool) { return "", false })
	w.must(err)
	if _, err := cfg.Key(); err != nil {
		w.Error(err)
	}
	w.hides("config.yaml", w.file("config.yaml"))
	w.hides(stateFile, w.file(stateFile))
	for name, mode := range map[string]os.FileMode{"config.yaml": 0o644, ".env": 0o600, stateFile: 0o600} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != mode {
			w.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	return cfg
}

// runs starts the bot with a configuration, and does something while it runs.
func (w *world) runs(cfg *config.Config, do func()) {
	w.Helper()
	ctx, stop := context.WithCancel(w.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- app.Run(ctx, cfg, app.Options{Ready: func(url string) { ready <- url }})
	}()
	select {
	case <-ready:
		do()
		stop()
		w.must(<-done)
	case err := <-done:
		stop()
		w.Fatalf("serve does not start: %v", err)
	}
}

// watched is output in which a text sets something off, once.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	offs  map[string]func()
	going sync.WaitGroup
}

func (o *watched) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	for text, do := range o.offs {
		if strings.Contains(o.text.String(), text) {
			delete(o.offs, text)
			o.going.Go(do)
		}
	}
	return len(p), nil
}

func (o *watched) String() string {
	o.going.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
