package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"yanquan/bot/wecom"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
)

const (
	shopID, session    = "shop-1", "session-1"
	developer, signKey = "100120", "sign-key"
)

// staff are enough people that none gets more than the 30 messages a minute that
// WeCom allows.
const staff = 900

const userID = "staff%03d"

func member(n int) string { return fmt.Sprintf(userID, n%staff) }

func newFakeWeCom(people int) *wecomtest.WeCom {
	opt := wecomtest.Options{
		Apps:   []wecomtest.App{{Name: "main", AgentID: agentID}},
		Robots: []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
	}
	for n := range people {
		id := fmt.Sprintf(userID, n)
		opt.Users = append(opt.Users, wecomtest.User{ID: id, Name: id})
	}
	return wecomtest.New(opt)
}

// world is what surrounds the bot: both fakes, and a configuration that leads to
// them.
type world struct {
	*lab
	wecom    *wecomtest.WeCom
	platform *dianpingtest.Platform
	calls    *callbacks
	api      string         // URL of the fake WeCom
	shops    string         // URL of the fake platform
	sent     chan time.Time // when a message/send was answered; what nobody waits for is dropped
	cards    *cards         // when people were told; nil: nobody looks
	sendTime time.Duration  // of one message/send
	people   int
	config   string
	stops    []func()

	platformCalls atomic.Int64
}

// newWorld makes the surroundings of a bot that keeps its data in dsn.
func (l *lab) newWorld(driver, dsn string) (*world, error) { return l.newWorldOf(driver, dsn, staff) }

// newWorldOf is newWorld with so many people.
func (l *lab) newWorldOf(driver, dsn string, people int) (*world, error) {
	w := &world{lab: l, wecom: newFakeWeCom(people), sent: make(chan time.Time, 1), people: people}
	w.calls = newCallbacks(w.wecom)
	w.platform = dianpingtest.New(dianpingtest.Options{DeveloperID: developer, SignKey: signKey})
	w.stops = append(w.stops, w.platform.Close, w.wecom.Close)
	for url, handler := range map[*string]http.Handler{&w.api: http.HandlerFunc(w.serveAPI), &w.shops: http.HandlerFunc(w.servePlatform)} {
		address, stop, err := serve(handler)
		if err != nil {
			return nil, err
		}
		*url = "http://" + address
		w.stops = append(w.stops, stop)
	}
	w.wecom.SetAPIURL(w.api)
	if err := w.platform.AddShop(dianpingtest.Shop{ID: shopID}); err != nil {
		return nil, err
	}
	if err := w.platform.AddSession(dianpingtest.Session{Token: session, Dialect: dianpingtest.Meituan, Shops: []string{shopID}}); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "world-")
	if err != nil {
		return nil, err
	}
	ids := make([]string, people)
	for n := range ids {
		ids[n] = fmt.Sprintf(userID, n)
	}
	var text strings.Builder
	err = configuration.Execute(&text, map[string]any{
		"Driver": driver, "DSN": dsn, "Key": base64.StdEncoding.EncodeToString(secretKey), "API": w.api, "App": w.calls.app,
		"Shops": w.shops, "Developer": developer, "SignKey": signKey, "Shop": shopID, "Session": session, "Staff": ids,
	})
	if err != nil {
		return nil, err
	}
	w.config = filepath.Join(dir, "config.yaml")
	return w, os.WriteFile(w.config, []byte(text.String()), 0o600)
}

func (w *world) close() {
	for _, stop := range w.stops {
		stop()
	}
}

// serveAPI is the fake WeCom, watched.
func (w *world) serveAPI(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/cgi-bin/message/send" {
		w.wecom.ServeHTTP(rw, r)
		return
	}
	time.Sleep(w.sendTime)
	body := &bytes.Buffer{}
	if w.cards != nil {
		r.Body = io.NopCloser(io.TeeReader(r.Body, body))
	}
	w.wecom.ServeHTTP(rw, r)
	at := time.Now()
	if w.cards != nil {
		w.cards.note(body.Bytes(), at)
	}
	select {
	case w.sent <- at:
	default:
	}
}

// servePlatform is the fake platform, counted.
func (w *world) servePlatform(rw http.ResponseWriter, r *http.Request) {
	w.platformCalls.Add(1)
	w.platform.ServeHTTP(rw, r)
}

// client speaks to the fake platform.
func (w *world) client() (dianping.Client, error) {
	return dianping.NewMeituan(dianping.MeituanConfig{APIURL: w.shops, DeveloperID: developer, SignKey: signKey, Timeout: 3 * time.Second, Now: time.Now})
}

// sender speaks to the fake WeCom.
func (w *world) sender() (*wecom.Sender, error) {
	a := w.calls.app
	return wecom.NewSender(wecom.SenderConfig{APIURL: w.api, FallbackURL: "https://yanquan.example.com", Apps: []wecom.AppConfig{{
		Name: "main", CorpID: a.CorpID, AgentID: agentID, Secret: a.Secret, Token: a.Token, EncodingAESKey: a.EncodingAESKey,
	}}})
}

// voucher sells one coupon.
func (w *world) voucher() (string, error) {
	v, err := w.platform.AddVoucher(dianpingtest.Voucher{Shops: []string{shopID}})
	return v.Code, err
}

// verifications are n messages that each verify a voucher of their own.
func (w *world) verifications(n int) (ids []string, requests [][]byte, err error) {
	ids, requests = make([]string, n), make([][]byte, n)
	for i := range n {
		code, err := w.voucher()
		if err != nil {
			return nil, nil, err
		}
		if ids[i], requests[i], err = w.calls.text(member(i), "验 "+code); err != nil {
			return nil, nil, err
		}
	}
	return ids, requests, nil
}

var configuration = template.Must(template.New("config.yaml").Parse(`
server:
  listen: "127.0.0.1:0"
  public_url: "https://yanquan.example.com"
database:
  driver: {{.Driver}}
  dsn: "{{.DSN}}"
secret_key: "{{.Key}}"
watch: {repeats: 0, same_phone: 0, undo_percent: 0, silent_days: 0, platform_errors: 0, doubtful: 0}
wecom:
  api_url: "{{.API}}"
  corp_id: "{{.App.CorpID}}"
  apps:
    - name: main
      agent_id: {{.App.AgentID}}
      secret: "{{.App.Secret}}"
      token: "{{.App.Token}}"
      encoding_aes_key: "{{.App.EncodingAESKey}}"
meituan:
  api_url: "{{.Shops}}"
  developer_id: "{{.Developer}}"
  sign_key: "{{.SignKey}}"
stores:
  - name: 人民广场店
    platform: meituan
    shop_id: "{{.Shop}}"
    session: "{{.Session}}"
    staff:
{{range .Staff}}      - {userid: {{.}}, name: {{.}}, role: staff}
{{end}}`))
