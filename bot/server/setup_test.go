package server

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/desk"
	"yanquan/bot/wecom"
	"yanquan/internal/logs/logstest"
	"yanquan/models"
)

const (
	testToken = "QDG6eK"
	testAES   = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	testCorp  = "wx5823bf96d3bd56c7"
)

// fakeEngine is an engine whose replies the test decides.
type fakeEngine struct {
	mu        sync.Mutex
	acceptErr error
	accepted  []bot.Message
	delivered []string
	replies   map[string]chan bot.Reply // by message id; what was put in is given out for ever
	known     map[string]bot.Reply
	told      map[string]bool // by id
	panics    bool
	arrived   chan struct{} // one for each message accepted
	behind    bool          // callbacks are held as long as may be
}

func newEngine() *fakeEngine {
	return &fakeEngine{replies: map[string]chan bot.Reply{}, known: map[string]bot.Reply{}, told: map[string]bool{}, arrived: make(chan struct{}, 100)}
}

func (e *fakeEngine) Accept(_ context.Context, m bot.Message) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panics {
		panic("boom with a secret inside")
	}
	if e.acceptErr != nil {
		return "", e.acceptErr
	}
	e.accepted = append(e.accepted, m)
	e.arrived <- struct{}{}
	return "in-" + m.ID, nil
}

func (e *fakeEngine) Ease(ctx context.Context, _ bot.Message) {
	if e.behind {
		<-ctx.Done()
	}
}

func (e *fakeEngine) channel(id string) chan bot.Reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.replies[id] == nil {
		e.replies[id] = make(chan bot.Reply, 1)
	}
	return e.replies[id]
}

func (e *fakeEngine) reply(messageID string, r bot.Reply) { e.channel("in-" + messageID) <- r }

func (e *fakeEngine) Await(ctx context.Context, id string) (bot.Reply, bool) {
	e.mu.Lock()
	r, ok := e.known[id]
	e.mu.Unlock()
	if ok {
		return r, true
	}
	select { // a reply that is there is given out, however late it is asked for
	case r = <-e.channel(id):
	default:
		select {
		case r = <-e.channel(id):
		case <-ctx.Done():
			return bot.Reply{}, false
		}
	}
	e.mu.Lock()
	e.known[id] = r
	e.mu.Unlock()
	return r, true
}

func (e *fakeEngine) Take(_ context.Context, id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.told[id]
}

func (e *fakeEngine) Delivered(id string, _, rest bot.Reply) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !rest.Empty() {
		id += " but for " + rest.Text
	}
	e.delivered = append(e.delivered, id)
}

func (e *fakeEngine) deliveries() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.delivered)
}

func (e *fakeEngine) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.accepted)
}

// fakeVouchers is the one place pages come from.
type fakeVouchers struct {
	views map[string]desk.VoucherView
	err   error
}

func (v fakeVouchers) Voucher(_ context.Context, id string) (desk.VoucherView, error) {
	if v.err != nil {
		return desk.VoucherView{}, v.err
	}
	view, ok := v.views[id]
	if !ok {
		return view, fmt.Errorf("operation: %w", models.ErrNotFound)
	}
	return view, nil
}

type bundle struct {
	engine *fakeEngine
	server *Server
	links  *Links
	log    *logstest.Buffer
}

func setup(t *testing.T, change ...func(*Options)) *bundle {
	t.Helper()
	app, err := wecom.NewApp(wecom.AppConfig{Name: "main", CorpID: testCorp, AgentID: 1000002, Token: testToken, EncodingAESKey: testAES})
	if err != nil {
		t.Fatal(err)
	}
	robot, err := wecom.NewRobot(wecom.RobotConfig{Name: "group", Token: testToken, EncodingAESKey: testAES, FallbackURL: "https://y.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	links, err := NewLinks(bytes.Repeat([]byte{7}, 32), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{engine: newEngine(), links: links, log: &logstest.Buffer{}}
	o := Options{
		Engine: b.engine, Apps: map[string]AppCallback{"main": app}, Robots: map[string]RobotCallback{"group": robot},
		ReplyDeadline: 200 * time.Millisecond, Links: links, Vouchers: fakeVouchers{},
		Location: time.FixedZone("CST", 8*3600), Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	if b.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bundle) do(method, target string, body io.Reader) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(rec, httptest.NewRequest(method, target, body))
	return rec
}

// seal encrypts as WeCom does, with what can be wrong left to the caller.
type seal struct {
	token, receiveID string
	stamp            int64
	badPad           bool
}

func appSeal() seal   { return seal{token: testToken, receiveID: testCorp, stamp: time.Now().Unix()} }
func robotSeal() seal { return seal{token: testToken, stamp: time.Now().Unix()} }

func (s seal) encrypt(plain string) string {
	key, err := base64.RawStdEncoding.DecodeString(testAES)
	if err != nil {
		panic(err)
	}
	raw := append(make([]byte, 16), binary.BigEndian.AppendUint32(nil, uint32(len(plain)))...)
	raw = append(raw, plain+s.receiveID...)
	pad := 32 - len(raw)%32
	for range pad {
		raw = append(raw, byte(pad))
	}
	if s.badPad {
		raw[len(raw)-1] = 99
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	cipher.NewCBCEncrypter(block, key[:16]).CryptBlocks(raw, raw)
	return base64.StdEncoding.EncodeToString(raw)
}

const testNonce = "1372623149"

func (s seal) query(encrypted string) url.Values {
	stamp := strconv.FormatInt(s.stamp, 10)
	parts := []string{s.token, stamp, testNonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return url.Values{"msg_signature": {hex.EncodeToString(sum[:])}, "timestamp": {stamp}, "nonce": {testNonce}}
}

func (s seal) xml(plain string) (target, body string) {
	e := s.encrypt(plain)
	return "/wecom/app/main?" + s.query(e).Encode(), "<xml><ToUserName>" + testCorp + "</ToUserName><Encrypt><![CDATA[" + e + "]]></Encrypt></xml>"
}

func (s seal) json(plain string) (target, body string) {
	e := s.encrypt(plain)
	text, err := json.Marshal(map[string]string{"encrypt": e})
	if err != nil {
		panic(err)
	}
	return "/wecom/bot/group?" + s.query(e).Encode(), string(text)
}

func (s seal) echo(path, plain string) string {
	e := s.encrypt(plain)
	q := s.query(e)
	q.Set("echostr", e)
	return path + "?" + q.Encode()
}

func appText(id, text string) string {
	return fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>ZhangSan</FromUserName><CreateTime>%d</CreateTime><MsgType>text</MsgType><Content>%s</Content><MsgId>%s</MsgId><AgentID>1000002</AgentID></xml>", testCorp, time.Now().Unix(), text, id)
}

func robotText(id, text string) string {
	return fmt.Sprintf(`{"msgid":%q,"aibotid":"a","chatid":"wr1","chattype":"group","from":{"userid":"ZhangSan"},"response_url":"https://h/r","msgtype":"text","text":{"content":%q}}`, id, text)
}

func robotPoll(stream string) string {
	return fmt.Sprintf(`{"msgid":"p-%s","aibotid":"a","chatid":"wr1","chattype":"group","from":{"userid":"ZhangSan"},"msgtype":"stream","stream":{"id":%q}}`, stream, stream)
}

func robotClick(id, responseURL string) string {
	return fmt.Sprintf(`{"msgid":%q,"create_time":%d,"aibotid":"a","chatid":"wr1","chattype":"group","from":{"userid":"ZhangSan"},"response_url":%q,"msgtype":"event","event":{"eventtype":"template_card_event","template_card_event":{"card_type":"button_interaction","event_key":"undo:1","task_id":"task-1"}}}`, id, time.Now().Unix(), responseURL)
}

// open decrypts a robot's answer.
func open(t *testing.T, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	var sealed struct {
		Encrypt, Msgsignature, Nonce string
		Timestamp                    json.Number
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &sealed); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	if sealed.Nonce != testNonce {
		t.Errorf("nonce %q is not the callback's", sealed.Nonce)
	}
	c, err := wecom.NewCrypto(testToken, testAES, "")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := c.Open(sealed.Msgsignature, sealed.Timestamp.String(), sealed.Nonce, sealed.Encrypt)
	if err != nil {
		t.Fatal(err)
	}
	var frame map[string]any
	if err := json.Unmarshal(plain, &frame); err != nil {
		t.Fatal(err)
	}
	return frame
}
