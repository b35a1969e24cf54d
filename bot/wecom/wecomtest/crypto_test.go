package wecomtest_test

import (
	"encoding/xml"
	"net/http"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"yanquan/bot/wecom/wecomtest"
)

// A library that was written by others reads what the fake sends to apps.
func TestAppCryptoAgainstSilenceper(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const plain = "<xml><Content>验 7992697494</Content></xml>"
	req, err := w.EncryptApp("main", []byte(plain), wecomtest.Knobs{})
	must(t, err)
	var e struct{ Encrypt string }
	must(t, xml.Unmarshal(req.Body, &e))
	if got := util.Signature("QDG6eK", req.Query.Get("timestamp"), req.Query.Get("nonce"), e.Encrypt); got != req.Query.Get("msg_signature") {
		t.Errorf("signature %s, silenceper makes %s", req.Query.Get("msg_signature"), got)
	}
	_, raw, err := util.DecryptMsg("wwcorp", e.Encrypt, testKey)
	must(t, err)
	if string(raw) != plain {
		t.Errorf("silenceper reads %q", raw)
	}
}

// The fake reads a passive answer that library encrypted.
func TestAppAnswerBySilenceper(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.app.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
		plain := "<xml><ToUserName>" + in.xml.FromUserName + "</ToUserName><FromUserName>wwcorp</FromUserName>" +
			"<CreateTime>1</CreateTime><MsgType>text</MsgType><Content>好</Content></xml>"
		enc, err := util.EncryptMsg([]byte("0123456789abcdef"), []byte(plain), "wwcorp", testKey)
		if err != nil {
			t.Error(err)
		}
		_, _ = rw.Write([]byte("<xml><Encrypt>" + string(enc) + "</Encrypt><MsgSignature>" +
			util.Signature("QDG6eK", "99", "n", string(enc)) + "</MsgSignature><TimeStamp>99</TimeStamp><Nonce>n</Nonce></xml>"))
	})
	w.say(t, wecomtest.InApp("main", ""), "ZhangSan", "在吗")
	w.wantNoRefusals(t)
	screen := w.Screen(wecomtest.InApp("main", "zhangsan"))
	if len(screen) != 2 || screen[1].Text != "好" || !screen[1].FromBot || screen[1].From != "main" {
		t.Errorf("screen: %+v", screen)
	}
}

// Each knob spoils what it says, for an app and for a robot, at every padding.
func TestKnobs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	foreign := "wwother"
	old := w.clock.now().Add(-48 * time.Hour)
	for name, c := range map[string]struct {
		knobs   wecomtest.Knobs
		problem string
	}{
		"none":            {wecomtest.Knobs{}, ""},
		"old timestamp":   {wecomtest.Knobs{Time: old}, ""},
		"wrong signature": {wecomtest.Knobs{WrongSignature: true}, "signature"},
		"wrong token":     {wecomtest.Knobs{WrongToken: true}, "signature"},
		"foreign":         {wecomtest.Knobs{ReceiveID: &foreign}, " receiveid wwother"},
		"padding":         {wecomtest.Knobs{BrokenPadding: true}, " decrypt: pad byte 33"},
		"uneven":          {wecomtest.Knobs{UnevenPadding: true}, " decrypt: uneven padding"},
		"length":          {wecomtest.Knobs{LongLength: true}, " decrypt: length"},
		"truncated":       {wecomtest.Knobs{Truncate: 7}, ""},
		"not base64":      {wecomtest.Knobs{NotBase64: true}, ""},
	} {
		for _, where := range []wecomtest.Where{wecomtest.InApp("main", ""), wecomtest.InRobot("group", "")} {
			// Every length, so that each amount of padding is met.
			for n := range 33 {
				text := "0123456789012345678901234567890123456789"[:n+1]
				plain, err := w.Plaintext(where, "lisi", text)
				must(t, err)
				var req wecomtest.SealedRequest
				bot := w.robot
				if where.App != "" {
					bot = w.app
					req, err = w.EncryptApp("main", plain, c.knobs)
				} else {
					req, err = w.EncryptRobot("group", plain, c.knobs)
				}
				must(t, err)
				status, _, err := w.Post(ctx, req)
				must(t, err)
				got := bot.received()
				in := got[len(got)-1]
				spoilt := name != "none" && name != "old timestamp"
				if spoilt != (in.problem != "") || spoilt != (status == http.StatusUnauthorized) {
					t.Fatalf("%s, %s, length %d: status %d, problem %q", name, where, n, status, in.problem)
				}
				if c.problem != "" && in.problem != c.problem {
					t.Fatalf("%s, %s, length %d: problem %q, want %q", name, where, n, in.problem, c.problem)
				}
			}
		}
	}
	if len(w.Screen(wecomtest.InApp("main", "lisi"))) != 0 {
		t.Error("raw requests must not be on a screen")
	}
}

func TestBadKeyIsAnError(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"short", "###############################%%%%%%%%%%%%"} {
		w := wecomtest.New(wecomtest.Options{
			Apps:  []wecomtest.App{{Name: "main", EncodingAESKey: key}},
			Users: []wecomtest.User{{ID: "a"}},
		})
		if _, err := w.Say(ctx, wecomtest.InApp("main", ""), "a", "hi"); err == nil {
			t.Errorf("key %q was taken", key)
		}
		w.Close()
	}
}
