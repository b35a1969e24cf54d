package wecomtest_test

// A bot of a few lines with crypto written on its own, so that the fake is not
// checked by itself.

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

type keys struct{ token, aes, receiveID string }

func (k keys) sign(timestamp, nonce, encrypted string) string {
	l := []string{k.token, timestamp, nonce, encrypted}
	sort.Strings(l)
	return fmt.Sprintf("%x", sha1.Sum([]byte(strings.Join(l, ""))))
}

func (k keys) block() (cipher.Block, []byte) {
	key, err := base64.StdEncoding.DecodeString(k.aes + "=")
	if err != nil {
		panic(err)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b, key[:16]
}

func (k keys) decrypt(encrypted string) (msg, receiveID string, err error) {
	raw, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return "", "", err
	}
	if len(raw) == 0 || len(raw)%32 != 0 {
		return "", "", fmt.Errorf("%d bytes", len(raw))
	}
	b, iv := k.block()
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(raw, raw)
	n := int(raw[len(raw)-1])
	if n < 1 || n > 32 {
		return "", "", fmt.Errorf("pad byte %d", n)
	}
	for _, c := range raw[len(raw)-n:] {
		if int(c) != n {
			return "", "", fmt.Errorf("uneven padding")
		}
	}
	raw = raw[16 : len(raw)-n]
	size := int(binary.BigEndian.Uint32(raw))
	if size > len(raw)-4 {
		return "", "", fmt.Errorf("length")
	}
	return string(raw[4 : 4+size]), string(raw[4+size:]), nil
}

func (k keys) encrypt(msg string) string {
	plain := append([]byte("sixteen-letters!"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(plain[16:], uint32(len(msg)))
	plain = append(append(plain, msg...), k.receiveID...)
	n := 32 - len(plain)%32
	plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
	b, iv := k.block()
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// robotAnswer and appAnswer make the envelopes of passive answers.
func (k keys) robotAnswer(nonce, plain string) string {
	enc := k.encrypt(plain)
	return fmt.Sprintf(`{"encrypt":%q,"msgsignature":%q,"timestamp":1700000000,"nonce":%q}`, enc, k.sign("1700000000", nonce, enc), nonce)
}

func (k keys) appAnswer(plain string) string {
	enc := k.encrypt(plain)
	return fmt.Sprintf(`<xml><Encrypt><![CDATA[%s]]></Encrypt><MsgSignature>%s</MsgSignature><TimeStamp>1700000000</TimeStamp><Nonce>77</Nonce></xml>`,
		enc, k.sign("1700000000", "77", enc))
}

// received is one callback as the bot understood it.
type received struct {
	query   map[string]string
	body    string
	plain   string
	problem string         // signature, decryption, receiveid
	json    map[string]any // robots
	xml     appMessage     // apps
}

type appMessage struct {
	ToUserName, FromUserName, MsgType, Content, Event, EventKey, TaskId, CardType, ResponseCode, MediaId, PicUrl, Format string
	CreateTime, MsgId, AgentID                                                                                           int64
	ScanCodeInfo                                                                                                         struct{ ScanType, ScanResult string }
	SelectedItems                                                                                                        struct {
		SelectedItem []struct {
			QuestionKey string
			OptionIds   struct{ OptionId []string }
		}
	}
}

// testBot records callbacks; answer says what is answered.
type testBot struct {
	keys keys
	app  bool
	srv  *httptest.Server

	mu     sync.Mutex
	got    []received
	answer func(rw http.ResponseWriter, r *http.Request, in received)
	echo   func(rw http.ResponseWriter, plain string)
}

func newTestBot(t *testing.T, k keys, app bool) *testBot {
	t.Helper()
	b := &testBot{keys: k, app: app}
	b.srv = httptest.NewServer(b)
	t.Cleanup(b.srv.Close)
	return b
}

func (b *testBot) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	body, _ := io.ReadAll(r.Body)
	in := received{query: map[string]string{}, body: string(body)}
	for k := range q {
		in.query[k] = q.Get(k)
	}
	encrypted := q.Get("echostr")
	if r.Method == http.MethodPost {
		if b.app {
			var e struct{ ToUserName, AgentID, Encrypt string }
			if err := xml.Unmarshal(body, &e); err != nil || e.ToUserName != b.keys.receiveID || e.AgentID == "" {
				in.problem = fmt.Sprintf("envelope %+v: %v", e, err)
			}
			encrypted = e.Encrypt
		} else {
			var e struct{ Encrypt string }
			if err := json.Unmarshal(body, &e); err != nil {
				in.problem = err.Error()
			}
			encrypted = e.Encrypt
		}
	}
	if q.Get("msg_signature") != b.keys.sign(q.Get("timestamp"), q.Get("nonce"), encrypted) {
		in.problem = "signature"
	}
	plain, receiveID, err := b.keys.decrypt(encrypted)
	switch {
	case err != nil:
		in.problem += " decrypt: " + err.Error()
	case receiveID != b.keys.receiveID:
		in.problem += " receiveid " + receiveID
	}
	in.plain = plain
	if r.Method == http.MethodPost && in.problem == "" {
		if b.app {
			err = xml.Unmarshal([]byte(plain), &in.xml)
		} else {
			err = json.Unmarshal([]byte(plain), &in.json)
		}
		if err != nil {
			in.problem = err.Error()
		}
	}
	b.mu.Lock()
	answer, echo := b.answer, b.echo
	if r.Method == http.MethodPost {
		b.got = append(b.got, in)
	}
	b.mu.Unlock()
	switch {
	case in.problem != "":
		rw.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet && echo != nil:
		echo(rw, plain)
	case r.Method == http.MethodGet:
		_, _ = io.WriteString(rw, plain)
	case answer != nil:
		answer(rw, r, in)
	}
}

func (b *testBot) received() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]received(nil), b.got...)
}

func (b *testBot) last(t *testing.T) received {
	t.Helper()
	got := b.received()
	if len(got) == 0 {
		t.Fatal("the bot received nothing")
	}
	in := got[len(got)-1]
	if in.problem != "" {
		t.Fatalf("the bot could not read the callback: %s", in.problem)
	}
	return in
}

// answers lets the bot answer every callback with these plaintexts in turn, the
// last for ever; "" is an empty body.
func (b *testBot) answers(plain ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var mu sync.Mutex
	i := 0
	b.answer = func(rw http.ResponseWriter, _ *http.Request, in received) {
		mu.Lock()
		p := plain[min(i, len(plain)-1)]
		i++
		mu.Unlock()
		if p == "" {
			return
		}
		if b.app {
			_, _ = io.WriteString(rw, b.keys.appAnswer(p))
		} else {
			_, _ = io.WriteString(rw, b.keys.robotAnswer(in.query["nonce"], p))
		}
	}
}

func (b *testBot) handle(f func(rw http.ResponseWriter, r *http.Request, in received)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

// echoes sets how URL verifications are answered; nil: right.
func (b *testBot) echoes(f func(rw http.ResponseWriter, plain string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.echo = f
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a fake with one app, two robots, three people and two groups, and the bots behind.
type world struct {
	*wecomtest.WeCom
	clock      *clock
	api        *httptest.Server
	app, robot *testBot
	appInfo    wecomtest.App
}

const testKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C" // vendor's sample: low bits of the last character are set

var ctx = context.Background()

func setup(t *testing.T, edit ...func(*wecomtest.Options)) *world {
	t.Helper()
	w := &world{clock: &clock{t: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}}
	o := wecomtest.Options{
		Now:   w.clock.now,
		Sleep: func(ctx context.Context, d time.Duration) error { w.clock.advance(d); return ctx.Err() },
		Apps: []wecomtest.App{
			{Name: "main", CorpID: "wwcorp", AgentID: 1000002, Secret: "s3cret", Token: "QDG6eK", EncodingAESKey: testKey},
			{Name: "other", CorpID: "wwcorp", AgentID: 1000003, Secret: "other"},
		},
		Robots: []wecomtest.Robot{
			{Name: "group", DisplayName: "验券", Token: "tok3n"},
			{Name: "helper", DisplayName: "验券助手"},
		},
		Users: []wecomtest.User{{ID: "ZhangSan", Name: "张三"}, {ID: "lisi", Name: "李四"}, {ID: "wangwu", Name: "王五"}},
		Groups: []wecomtest.Group{
			{ID: "wrAbC", Name: "人民广场店", Members: []string{"ZhangSan", "lisi"}, Robots: []string{"group", "helper"}},
			{ID: "wrabc", Name: "另一家", Members: []string{"wangwu"}, Robots: []string{"group"}},
		},
	}
	for _, e := range edit {
		e(&o)
	}
	w.WeCom = wecomtest.New(o)
	w.api = httptest.NewServer(w.WeCom)
	t.Cleanup(func() { w.Close(); w.api.Close() })
	w.SetAPIURL(w.api.URL)

	w.appInfo, _ = w.App("main")
	r, _ := w.Robot("group")
	w.app = newTestBot(t, keys{w.appInfo.Token, w.appInfo.EncodingAESKey, "wwcorp"}, true)
	w.robot = newTestBot(t, keys{r.Token, r.EncodingAESKey, ""}, false)
	must(t, w.SetCallbackURL(wecomtest.InApp("main", ""), w.app.srv.URL+"/cb?x=1"))
	must(t, w.SetCallbackURL(wecomtest.InRobot("group", ""), w.robot.srv.URL))
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// say says a text and fails the test on misuse.
func (w *world) say(t *testing.T, where wecomtest.Where, user, text string) wecomtest.Outcome {
	t.Helper()
	out, err := w.Say(ctx, where, user, text)
	must(t, err)
	return out
}

// token fetches an access token.
func (w *world) token(t *testing.T) string {
	t.Helper()
	out := w.get(t, "/cgi-bin/gettoken?corpid=wwcorp&corpsecret=s3cret")
	s, _ := out["access_token"].(string)
	if s == "" {
		t.Fatalf("no token: %v", out)
	}
	return s
}

func (w *world) get(t *testing.T, path string) map[string]any {
	t.Helper()
	resp, err := http.Get(w.api.URL + path)
	return decode(t, resp, err)
}

func (w *world) post(t *testing.T, path, body string) map[string]any {
	t.Helper()
	resp, err := http.Post(w.api.URL+path, "application/json", strings.NewReader(body))
	return decode(t, resp, err)
}

func decode(t *testing.T, resp *http.Response, err error) map[string]any {
	t.Helper()
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	must(t, json.NewDecoder(resp.Body).Decode(&out))
	return out
}

// send posts to message/send with a fresh token.
func (w *world) send(t *testing.T, body string) map[string]any {
	t.Helper()
	return w.post(t, "/cgi-bin/message/send?access_token="+w.token(t), body)
}

func wantCode(t *testing.T, out map[string]any, code int) {
	t.Helper()
	if out["errcode"] != float64(code) {
		t.Errorf("errcode = %v (%v), want %d", out["errcode"], out["errmsg"], code)
	}
}

// wantUsed: the last refusal was of a response code that is used up, or was not.
func (w *world) wantUsed(t *testing.T, used bool) {
	t.Helper()
	all := w.Refusals()
	if len(all) == 0 || all[len(all)-1].Code != 60140 || all[len(all)-1].Used != used {
		t.Errorf("want 60140 with used = %v, got %+v", used, all)
	}
}

// wantRefusal checks the last refusal.
func (w *world) wantRefusal(t *testing.T, code int, what string) {
	t.Helper()
	all := w.Refusals()
	if len(all) == 0 || all[len(all)-1].Code != code || all[len(all)-1].What != what {
		t.Errorf("refusals = %+v, want the last with %d in %q", all, code, what)
	}
}

func (w *world) wantNoRefusals(t *testing.T) {
	t.Helper()
	if all := w.Refusals(); len(all) != 0 {
		t.Errorf("refusals: %+v", all)
	}
}
