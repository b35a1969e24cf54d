package wecomtest

import (
	"encoding/base64"
	"testing"
)

// The example of the vendor's sample projects (github.com/sbzhu/weworkapi_*).
const (
	vendorToken = "QDG6eK"
	vendorKey   = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	vendorCorp  = "wx5823bf96d3bd56c7"
	vendorEcho  = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
)

func TestVendorExample(t *testing.T) {
	t.Parallel()
	if got := signature(vendorToken, "1409659589", "263014780", vendorEcho); got != "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3" {
		t.Errorf("signature %s", got)
	}
	key, err := decodeKey(vendorKey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(key, vendorEcho, vendorCorp)
	if err != nil || string(got) != "1616140317555161061" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := open(key, vendorEcho, ""); err == nil {
		t.Error("opened for another receiver")
	}
}

// A message padded to 16 as AES usually is must not be taken.
func TestOpenRefusesPaddingTo16(t *testing.T) {
	t.Parallel()
	key, err := decodeKey(vendorKey)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 64 {
		plain := frame(make([]byte, 16), make([]byte, n), "")
		k := 16 - len(plain)%16
		for range k {
			plain = append(plain, byte(k))
		}
		raw, err := cbcEncrypt(key, plain)
		if err != nil {
			t.Fatal(err)
		}
		_, err = open(key, base64.StdEncoding.EncodeToString(raw), "")
		if fits := len(plain)%32 == 0; fits != (err == nil) {
			t.Errorf("length %d: %v", n, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, err := decodeKey(vendorKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(vendorEcho)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = open(key, s, "")
		if raw, err := cbcEncrypt(key, pad([]byte(s))); err == nil {
			_, _ = open(key, base64.StdEncoding.EncodeToString(raw), "")
		}
		_, _ = open(key, base64.StdEncoding.EncodeToString([]byte(s)), "")
	})
}

// Whatever a bot answers, reading it must not panic.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"msgtype":"stream","stream":{"id":"1","finish":true,"content":"x"}}`))
	f.Add([]byte(`{"msgtype":"template_card","template_card":{"card_type":"text_notice","main_title":{"title":"x"},"card_action":{"type":1,"url":"https://a"}}}`))
	f.Add([]byte(`{"response_type":"update_template_card","userids":[],"template_card":{"task_id":"t"}}`))
	f.Add([]byte(`<xml><ToUserName>a</ToUserName><FromUserName>ww</FromUserName><CreateTime>1</CreateTime><MsgType>update_template_card</MsgType><TemplateCard><CardType>text_notice</CardType></TemplateCard></xml>`))
	f.Add([]byte(`<xml><ToUserName>a</ToUserName><FromUserName>ww</FromUserName><CreateTime>1</CreateTime><MsgType>update_button</MsgType></xml>`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		w := New(Options{Apps: []App{{Name: "a", CorpID: "ww"}}, Robots: []Robot{{Name: "r"}}, Users: []User{{ID: "a"}}})
		defer w.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, b := range []*bot{w.apps["a"], w.robots["r"]} {
			where := Where{App: b.app.Name, Robot: b.robot.Name, User: "a"}
			card := &Card{Type: "button_interaction", TaskID: "t"}
			for _, kind := range []callbackKind{onMessage, onCardEvent, onEvent, onPoll} {
				p := w.show(&post{where: where, sent: &sentCard{bot: b, taskID: "t", kind: card.Type, updatable: true}, base: view{card: card}})
				c := &callback{bot: b, kind: kind, where: where, user: "a", post: p, taskID: "t"}
				if b.isApp() {
					_ = answers{w}.applyToApp(c, plain)
				} else {
					_ = answers{w}.applyToRobot(c, plain)
				}
			}
		}
	})
}
