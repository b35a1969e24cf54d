package wecom

import (
	"errors"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

var testNow = time.Unix(1_760_000_000, 0).UTC()

const testAgent = 1000002

func testApp(tb testing.TB) *App {
	tb.Helper()
	app, err := NewApp(AppConfig{
		Name: "main", CorpID: sampleCorpID, AgentID: testAgent,
		Token: sampleToken, EncodingAESKey: sampleKey,
		Now: func() time.Time { return testNow },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return app
}

// signed encrypts plain as WeCom would at a time.
func signed(tb testing.TB, c *Crypto, plain string, at time.Time) (url.Values, string) {
	tb.Helper()
	return signedAt(tb, c, plain, strconv.FormatInt(at.Unix(), 10))
}

func signedAt(tb testing.TB, c *Crypto, plain, stamp string) (url.Values, string) {
	tb.Helper()
	encrypted, signature, err := c.Seal([]byte(plain), stamp, "nonce+/=")
	if err != nil {
		tb.Fatal(err)
	}
	return url.Values{"msg_signature": {signature}, "timestamp": {stamp}, "nonce": {"nonce+/="}}, encrypted
}

func appEnvelope(encrypted string) []byte {
	return []byte("<xml><ToUserName><![CDATA[" + sampleCorpID + "]]></ToUserName><Encrypt><![CDATA[" +
		encrypted + "]]></Encrypt><AgentID><![CDATA[1000002]]></AgentID></xml>")
}

// receiveApp seals one message of an app and has it read.
func receiveApp(tb testing.TB, plain string) (bot.Message, bool, error) {
	tb.Helper()
	app := testApp(tb)
	q, encrypted := signed(tb, testCrypto(tb, sampleCorpID), plain, testNow)
	return app.Receive(q, appEnvelope(encrypted))
}

// appXML is a message with the fields all have in common.
func appXML(fields string) string {
	return "<xml><ToUserName><![CDATA[" + sampleCorpID + "]]></ToUserName>" +
		"<FromUserName><![CDATA[ZhangSan]]></FromUserName><CreateTime>1759999990</CreateTime>" +
		"<AgentID>1000002</AgentID>" + fields + "</xml>"
}

func TestAppReceive(t *testing.T) {
	t.Parallel()
	common := bot.Message{Channel: "app/main", User: "zhangsan", SentAs: "ZhangSan", At: time.Unix(1759999990, 0).UTC()}
	text := func(s string) bot.Message {
		m := common
		m.Kind, m.Text = bot.Text, s
		return m
	}
	other := func(s string) bot.Message {
		m := common
		m.ID, m.Kind, m.Text = "1", bot.Other, s
		return m
	}
	photo, scanEvent := common, func(s string) bot.Message {
		m := common
		m.Kind, m.Scanned = bot.Scan, []string{s}
		return m
	}
	photo.ID, photo.Kind, photo.Pictures = "1", bot.Photo, []bot.Picture{{MediaID: "m"}}
	withID := func(m bot.Message) bot.Message { m.ID = "6054768590064713728"; return m }
	click := func(b bot.Button) bot.Message {
		m := common
		m.Kind, m.Button, m.Way = bot.Click, &b, wayOfApp("RC")
		return m
	}
	enter := common
	enter.Kind = bot.Enter

	tests := []struct {
		name, fields string
		want         bot.Message // for events without ID
	}{
		{"text", "<MsgType>text</MsgType><Content><![CDATA[验 7992697494 & <ok>]]></Content><MsgId>6054768590064713728</MsgId>",
			withID(text("验 7992697494 & <ok>"))},
		{"text with entities", "<MsgType>text</MsgType><Content>a &amp;&#x9A8C;</Content><MsgId>6054768590064713728</MsgId>",
			withID(text("a &验"))},
		{"image", "<MsgType>image</MsgType><PicUrl>u</PicUrl><MediaId>m</MediaId><MsgId>1</MsgId>", photo},
		{"image without a media id", "<MsgType>image</MsgType><PicUrl>u</PicUrl><MsgId>1</MsgId>", other("image")},
		{"voice", "<MsgType>voice</MsgType><MediaId>m</MediaId><Format>amr</Format><MsgId>1</MsgId>", other("voice")},
		{"enter", "<MsgType>event</MsgType><Event>enter_agent</Event><EventKey></EventKey>", enter},
		{"subscribe", "<MsgType>event</MsgType><Event>subscribe</Event>", enter},
		{"click", "<MsgType>event</MsgType><Event>template_card_event</Event><EventKey>undo:1</EventKey><TaskId>v-01</TaskId>" +
			"<CardType>button_interaction</CardType><ResponseCode>RC</ResponseCode><SelectedItems><SelectedItem>" +
			"<QuestionKey>q</QuestionKey><OptionIds><OptionId>a</OptionId><OptionId>b</OptionId></OptionIds></SelectedItem></SelectedItems>",
			click(bot.Button{TaskID: "v-01", Key: "undo:1", CardType: "button_interaction"})},
		{"menu of a card", "<MsgType>event</MsgType><Event>template_card_menu_event</Event><EventKey>k</EventKey><TaskId>t</TaskId><ResponseCode>RC</ResponseCode>",
			click(bot.Button{TaskID: "t", Key: "k"})},
		{"little used", "<MsgType>event</MsgType><Event>inactive_alert</Event><EffectTime>1760086400</EffectTime>",
			bot.Message{Channel: "app/main", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Usage, Text: "inactive_alert", At: time.Unix(1760086400, 0).UTC()}},
		{"used again", "<MsgType>event</MsgType><Event>active_restored</Event>",
			bot.Message{Channel: "app/main", User: "zhangsan", SentAs: "ZhangSan", Kind: bot.Usage, Text: "active_restored", At: common.At}},
		{"menu of the app", "<MsgType>event</MsgType><Event>click</Event><EventKey>今日</EventKey>", text("今日")},
		{"barcode", "<MsgType>event</MsgType><Event>scancode_waitmsg</Event><EventKey>scan</EventKey><ScanCodeInfo>" +
			"<ScanType>barcode</ScanType><ScanResult>CODE_128,7992697494</ScanResult></ScanCodeInfo>", scanEvent("7992697494")},
		{"QR code", "<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo>" +
			"<ScanType>qrcode</ScanType><ScanResult>cXI=@123,4</ScanResult></ScanCodeInfo>", scanEvent("cXI=@123,4")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := receiveApp(t, appXML(tt.fields))
			if err != nil || !ok {
				t.Fatalf("ok = %t, err = %v", ok, err)
			}
			if strings.Contains(tt.fields, "<MsgType>event") {
				if len(got.ID) != 33 || got.ID[0] != 'e' {
					t.Errorf("ID = %q", got.ID)
				}
				got.ID = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppIgnores(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"LOCATION", "view", "unsubscribe", "click", "scancode_push"} {
		msg, ok, err := receiveApp(t, appXML("<MsgType>event</MsgType><Event>"+event+"</Event>"))
		if err != nil || ok || !reflect.DeepEqual(msg, bot.Message{}) {
			t.Errorf("%s: %+v, %t, %v", event, msg, ok, err)
		}
	}
}

func TestAppEventID(t *testing.T) {
	t.Parallel()
	id := func(fields string) string {
		msg, _, err := receiveApp(t, appXML("<MsgType>event</MsgType><Event>template_card_event</Event>"+fields))
		if err != nil {
			t.Fatal(err)
		}
		return msg.ID
	}
	first := id("<EventKey>a</EventKey><TaskId>bc</TaskId><ResponseCode>1</ResponseCode>")
	if again := id("<TaskId>bc</TaskId><EventKey>a</EventKey><ResponseCode>2</ResponseCode>"); again != first {
		t.Error("a repeat has another id")
	}
	if id("<EventKey>ab</EventKey><TaskId>c</TaskId>") == first {
		t.Error("another event has the same id")
	}
}

func TestAppRefuses(t *testing.T) {
	t.Parallel()
	const text = "<MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId>"
	for name, plain := range map[string]string{
		"another corp":  strings.Replace(appXML(text), sampleCorpID, "wwother", 1),
		"another agent": strings.Replace(appXML(text), "<AgentID>1000002", "<AgentID>1000003", 1),
	} {
		if _, ok, err := receiveApp(t, plain); ok || !errors.Is(err, ErrReceiveID) {
			t.Errorf("%s: ok = %t, err = %v", name, ok, err)
		}
	}
}

func TestAppEnvelope(t *testing.T) {
	t.Parallel()
	app, c := testApp(t), testCrypto(t, sampleCorpID)
	plain := appXML("<MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId>")
	q, encrypted := signed(t, c, plain, testNow)
	for _, body := range []string{"", "{}", "<xml>", "<!DOCTYPE xml>" + string(appEnvelope(encrypted)), "<xml/><xml/>"} {
		if _, _, err := app.Receive(q, []byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("body %q: err = %v", body, err)
		}
	}
	if _, _, err := app.Receive(q, []byte("<xml></xml>")); !errors.Is(err, ErrSignature) {
		t.Errorf("no Encrypt: err = %v", err)
	}
	if _, _, err := app.Receive(url.Values{}, appEnvelope(encrypted)); !errors.Is(err, ErrSignature) {
		t.Errorf("no query: err = %v", err)
	}
	if _, _, err := app.Receive(q, []byte("\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"+string(appEnvelope(encrypted))+"\n")); err != nil {
		t.Errorf("with a prologue: %v", err)
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	app, c := testApp(t), testCrypto(t, sampleCorpID)
	for _, tt := range []struct {
		name  string
		stamp string
		want  error
	}{
		{"now", strconv.FormatInt(testNow.Unix(), 10), nil},
		{"a day ago", strconv.FormatInt(testNow.Add(-24*time.Hour).Unix(), 10), nil},
		{"more than a day ago", strconv.FormatInt(testNow.Add(-24*time.Hour-time.Second).Unix(), 10), ErrStale},
		{"a day ahead", strconv.FormatInt(testNow.Add(24*time.Hour).Unix(), 10), nil},
		{"more than a day ahead", strconv.FormatInt(testNow.Add(24*time.Hour+time.Second).Unix(), 10), ErrStale},
		{"milliseconds", strconv.FormatInt(testNow.UnixMilli(), 10), nil},
		{"not a number", "1e9", ErrStale},
		{"negative", "-1", ErrStale},
		{"empty", "", ErrStale},
	} {
		q, encrypted := signedAt(t, c, "echo", tt.stamp)
		q.Set("echostr", encrypted)
		got, err := app.VerifyURL(q)
		if !errors.Is(err, tt.want) || err == nil && got != "echo" {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
		if errors.Is(err, ErrStale) && !errors.Is(err, ErrUnauthentic) {
			t.Errorf("%s: stale, but authentic", tt.name)
		}
	}
}

// TestVerifyURLQuery goes through URL encoding, with + and / in base64.
func TestVerifyURLQuery(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://host/wecom/app/main?msg_signature=5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3&timestamp=1409659589&nonce=263014780" +
		"&echostr=P9nAzCzyDtyTWESHep1vC5X9xho%2FqYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp%2B4RPcs8TgAE7OaBO%2BFZXvnaqQ%3D%3D")
	if err != nil {
		t.Fatal(err)
	}
	app := testApp(t)
	app.now = func() time.Time { return time.Unix(1409659600, 0) }
	if got, err := app.VerifyURL(u.Query()); err != nil || got != "1616140317555161061" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNewAppRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []AppConfig{
		{CorpID: sampleCorpID, Token: sampleToken, EncodingAESKey: "short"},
		{CorpID: sampleCorpID, EncodingAESKey: sampleKey},
		{Token: sampleToken, EncodingAESKey: sampleKey},
	} {
		if _, err := NewApp(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func checkMessage(t *testing.T, m bot.Message) {
	t.Helper()
	if m.ID == "" || m.User == "" && m.Kind != bot.Usage || m.Kind == "" || m.Channel == "" || (m.Kind == bot.Click) != (m.Button != nil) {
		t.Errorf("incomplete: %+v", m)
	}
}
