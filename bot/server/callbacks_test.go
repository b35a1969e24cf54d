package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot"
)

func TestVerifyURL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct {
		path string
		seal seal
	}{{"/wecom/app/main", appSeal()}, {"/wecom/bot/group", robotSeal()}} {
		for _, text := range []string{"1616140317555161061", "with + and / and =", ""} {
			rec := b.do("GET", tt.seal.echo(tt.path, text), nil)
			if rec.Code != 200 || rec.Body.String() != text {
				t.Errorf("%s: status %d, body %q, want %q alone", tt.path, rec.Code, rec.Body, text)
			}
			if ct := rec.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
				t.Errorf("%s: content type %q", tt.path, ct)
			}
		}
	}
}

// Every way in which a callback can be wrong, and its status. None leaves a trace.
func TestRefusals(t *testing.T) {
	t.Parallel()
	post := func(target, body string) *http.Request {
		return httptest.NewRequest("POST", target, strings.NewReader(body))
	}
	xmlOf := func(s seal, plain string) *http.Request { return post(s.xml(plain)) }
	jsonOf := func(s seal, plain string) *http.Request { return post(s.json(plain)) }
	changed := func(s seal, f func(*seal)) seal { f(&s); return s }
	big := strings.Repeat("x", 10<<20)
	target, body := appSeal().xml(appText("1", "验 7992697494"))

	tests := []struct {
		name string
		req  *http.Request
		want int
	}{
		{"unknown app", post("/wecom/app/other?msg_signature=x", body), 404},
		{"unknown robot", post("/wecom/bot/other", body), 404},
		{"unknown app, GET", httptest.NewRequest("GET", "/wecom/app/other", nil), 404},
		{"no name", post("/wecom/app/", body), 404},
		{"no such route", post("/wecom/other/main", body), 404},
		{"merchant authorisation is off", httptest.NewRequest("GET", "/auth/dianping", nil), 404},
		{"put", httptest.NewRequest("PUT", target, strings.NewReader(body)), 405},
		{"delete", httptest.NewRequest("DELETE", "/wecom/bot/group", nil), 405},
		{"head", httptest.NewRequest("HEAD", target, nil), 401},

		{"verification without parameters", httptest.NewRequest("GET", "/wecom/app/main", nil), 401},
		{"verification, wrong token", httptest.NewRequest("GET", changed(appSeal(), func(s *seal) { s.token = "other" }).echo("/wecom/app/main", "1"), nil), 401},
		{"verification, robot's echo at the app", httptest.NewRequest("GET", robotSeal().echo("/wecom/app/main", "1"), nil), 401},
		{"verification, app's echo at the robot", httptest.NewRequest("GET", appSeal().echo("/wecom/bot/group", "1"), nil), 401},

		{"app: wrong signature", post(strings.Replace(target, "msg_signature=", "msg_signature=0", 1), body), 401},
		{"app: no signature", post("/wecom/app/main", body), 401},
		{"app: another nonce", post(strings.Replace(target, testNonce, "1", 1), body), 401},
		{"app: wrong token", xmlOf(changed(appSeal(), func(s *seal) { s.token = "other" }), appText("1", "x")), 401},
		{"app: foreign receiveid", xmlOf(changed(appSeal(), func(s *seal) { s.receiveID = "wwOTHER" }), appText("1", "x")), 401},
		{"app: no receiveid", xmlOf(changed(appSeal(), func(s *seal) { s.receiveID = "" }), appText("1", "x")), 401},
		{"app: broken padding", xmlOf(changed(appSeal(), func(s *seal) { s.badPad = true }), appText("1", "x")), 401},
		{"app: a week old", xmlOf(changed(appSeal(), func(s *seal) { s.stamp -= 7 * 86400 }), appText("1", "x")), 401},
		{"app: body empty", post(target, ""), 400},
		{"app: body is not XML", post(target, "hello"), 400},
		{"app: envelope is JSON", post(target, `{"encrypt":"x"}`), 400},
		{"app: envelope with an entity", post(target, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>`), 400},
		{"app: 10 MB", post(target, big), 413},
		{"app: one byte too many", post(target, strings.Repeat("x", maxBody+1)), 413},
		{"app: 10 MB, unsigned", post("/wecom/app/main", big), 413},

		{"robot: wrong token", jsonOf(changed(robotSeal(), func(s *seal) { s.token = "other" }), robotText("1", "x")), 401},
		{"robot: foreign receiveid", jsonOf(changed(robotSeal(), func(s *seal) { s.receiveID = testCorp }), robotText("1", "x")), 401},
		{"robot: broken padding", jsonOf(changed(robotSeal(), func(s *seal) { s.badPad = true }), robotText("1", "x")), 401},
		{"robot: a week ahead", jsonOf(changed(robotSeal(), func(s *seal) { s.stamp += 7 * 86400 }), robotText("1", "x")), 401},
		{"robot: not JSON", post("/wecom/bot/group", "<xml/>"), 400},
		{"robot: an array", post("/wecom/bot/group", "[]"), 400},
		{"robot: encrypt is a number", post("/wecom/bot/group", `{"encrypt":1}`), 400},
		{"robot: encrypt is missing", post("/wecom/bot/group", `{}`), 401},
		{"robot: 10 MB", post("/wecom/bot/group", big), 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			rec := httptest.NewRecorder()
			b.server.Handler().ServeHTTP(rec, tt.req)
			if rec.Code != tt.want {
				t.Errorf("status %d, want %d: %s", rec.Code, tt.want, rec.Body)
			}
			if n := b.engine.count(); n != 0 {
				t.Errorf("%d messages accepted", n)
			}
			for _, leak := range []string{testToken, "wecom:", "goroutine", "passwd", ".go:"} {
				if strings.Contains(rec.Body.String(), leak) {
					t.Errorf("the answer shows %q: %s", leak, rec.Body)
				}
			}
		})
	}
}

// What WeCom has sent is never answered 400: who is known to have sent it is answered,
// and where nobody is, the operator can see so.
func TestAuthenticIsNever400(t *testing.T) {
	t.Parallel()
	const answered, ignored, logged = "answered", "ignored", "logged"
	app := appText("1", "验 7992697494")
	robot := robotText("m1", "验 7992697494")
	for name, tt := range map[string]struct {
		target func(string) (string, string)
		plain  string
		want   string
	}{
		"app: control characters":     {appSeal().xml, strings.Replace(app, "7494", "7494\b\v\x1d\uffff\xf0\x9f\x98", 1), answered},
		"app: entities":               {appSeal().xml, `<!DOCTYPE x [<!ENTITY a "aaaa">]>` + strings.Replace(app, "7494", "&a;", 1), answered},
		"app: cut off":                {appSeal().xml, app[:len(app)-30], answered},
		"app: without an id":          {appSeal().xml, strings.Replace(app, "<MsgId>1</MsgId>", "", 1), answered},
		"app: not XML":                {appSeal().xml, "hello", logged},
		"app: empty":                  {appSeal().xml, "", logged},
		"app: no sender":              {appSeal().xml, strings.Replace(app, "ZhangSan", "", 1), logged},
		"app: two senders":            {appSeal().xml, strings.Replace(app, "7494", "7494<FromUserName>boss</FromUserName>", 1), logged},
		"app: an event of nobody":     {appSeal().xml, "<xml><ToUserName>" + testCorp + "</ToUserName><MsgType>event</MsgType><Event>kf_msg_or_event</Event></xml>", ignored},
		"robot: JSON in a text":       {robotSeal().json, strings.Replace(robot, `{`, `{"mixed":"{\"msg_item\":[]}","quote":"","create_time":1760000000000,`, 1), answered},
		"robot: control characters":   {robotSeal().json, strings.Replace(robot, "7494", "7494\b\xf0\x9f\x98", 1), answered},
		"robot: cut off":              {robotSeal().json, robot[:len(robot)-3], answered},
		"robot: group of none":        {robotSeal().json, strings.Replace(robot, `"chatid":"wr1",`, "", 1), answered},
		"robot: of another corp":      {robotSeal().json, strings.Replace(robot, `"userid"`, `"corpid":"wwother","userid"`, 1), answered},
		"robot: an array":             {robotSeal().json, `[1]`, logged},
		"robot: wrong shape":          {robotSeal().json, `{"msgid":{},"from":7}`, logged},
		"robot: not JSON":             {robotSeal().json, `hello`, logged},
		"robot: two senders":          {robotSeal().json, strings.Replace(robot, `{`, `{"from":{"userid":"boss"},`, 1), logged},
		"robot: an event of nobody's": {robotSeal().json, `{"msgtype":"event","event":{"eventtype":"new"}}`, ignored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			target, body := tt.target(tt.plain)
			rec := b.do("POST", target, strings.NewReader(body))
			if rec.Code != 200 {
				t.Fatalf("status %d", rec.Code)
			}
			got := ignored
			if b.engine.count() > 0 {
				got = answered
			} else if strings.Contains(b.log.String(), "nobody to answer") {
				got = logged
			}
			if got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
			if rec.Body.Len() > 0 && got != answered {
				t.Errorf("the answer says %s", rec.Body)
			}
		})
	}
}

// FuzzAuthentic seals anything as WeCom would, for both kinds of channel: it is taken
// or let go, and never answered 400 or 500.
func FuzzAuthentic(f *testing.F) {
	app, robot := appText("1", "验 7992697494"), robotText("m1", "验 7992697494")
	for _, plain := range []string{
		app, app[:len(app)-30], strings.Replace(app, "7494", "\b\xf0\x9f\x98", 1), strings.Replace(app, "7494", "<FromUserName>boss</FromUserName>", 1),
		robot, robot[:len(robot)-3], robotPoll("in-m1"), robotClick("c1", "https://h/r"), strings.Replace(robot, `{`, `{"mixed":"{}","quote":"","create_time":1760000000000,`, 1),
		"", "hello", "[1]", `{"msgid":{},"from":7}`, "<xml><MsgType>event</MsgType></xml>",
	} {
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, plain string) {
		b := setup(t, func(o *Options) { o.ReplyDeadline = time.Millisecond })
		for name, seal := range map[string]func(string) (string, string){"app": appSeal().xml, "robot": robotSeal().json} {
			target, body := seal(plain)
			rec := b.do("POST", target, strings.NewReader(body))
			// 401: it says itself that it is another app's or another corp's.
			if rec.Code != 200 && !(name == "app" && rec.Code == 401 && strings.Contains(b.log.String(), "another receiver")) {
				t.Errorf("%s: status %d", name, rec.Code)
			}
		}
	})
}

// A body without a length must not get past the limit either. This one goes over
// a real connection: only there it is chunked.
func TestChunkedBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	srv := httptest.NewServer(b.server.Handler())
	defer srv.Close()
	for _, path := range []string{"/wecom/app/main", "/wecom/bot/group"} {
		endless := io.LimitReader(neverEnding{}, 10<<20)
		resp, err := srv.Client().Post(srv.URL+path, "text/xml", struct{ io.Reader }{endless})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAppMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	target, body := appSeal().xml(appText("4711", "验 7992697494"))
	for range 2 { // the second is WeCom's repeat
		rec := b.do("POST", target, strings.NewReader(body))
		if rec.Code != 200 || rec.Body.Len() != 0 {
			t.Errorf("status %d, body %q, want an empty 200", rec.Code, rec.Body)
		}
	}
	if len(b.engine.accepted) != 2 {
		t.Fatalf("accepted %d", len(b.engine.accepted))
	}
	m := b.engine.accepted[0]
	if m.Channel != "app/main" || m.ID != "4711" || m.User != "zhangsan" || m.Text != "验 7992697494" || m.Kind != bot.Text {
		t.Errorf("message %+v", m)
	}
	if len(b.engine.delivered) != 0 {
		t.Error("an app's answer never goes out passively")
	}
}

func TestAppEventWithoutWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := strings.NewReplacer("<MsgType>text", "<MsgType>event", "<Content>x</Content>", "<Event>LOCATION</Event>").Replace(appText("1", "x"))
	target, body := appSeal().xml(event)
	if rec := b.do("POST", target, strings.NewReader(body)); rec.Code != 200 || rec.Body.Len() != 0 || b.engine.count() != 0 {
		t.Errorf("status %d, body %q, accepted %d", rec.Code, rec.Body, b.engine.count())
	}
}

func TestNotStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.engine.acceptErr = errors.New("dial tcp: root:hunter2@db refused")
	for _, send := range []func() (string, string){
		func() (string, string) { return appSeal().xml(appText("1", "x")) },
		func() (string, string) { return robotSeal().json(robotText("1", "x")) },
	} {
		target, body := send()
		rec := b.do("POST", target, strings.NewReader(body))
		if rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "hunter2") {
			t.Errorf("status %d, body %q", rec.Code, rec.Body)
		}
	}
}

func TestPanicShowsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.engine.panics = true
	target, body := appSeal().xml(appText("1", "x"))
	rec := b.do("POST", target, strings.NewReader(body))
	if rec.Code != 500 || rec.Body.String() != "internal error\n" {
		t.Errorf("status %d, body %q", rec.Code, rec.Body)
	}
	if !strings.Contains(b.log.String(), "panic in a handler") {
		t.Errorf("log: %s", b.log)
	}
}

func TestAccessLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	target, body := appSeal().xml(appText("1", "x"))
	b.do("POST", target, strings.NewReader(body))
	b.do("GET", "/v/very-secret-token", nil)
	b.do("GET", "/very-secret-path?very-secret=1", nil)
	got := b.log.String()
	for _, leak := range []string{"msg_signature", testNonce, "very-secret"} {
		if strings.Contains(got, leak) {
			t.Errorf("log shows %q:\n%s", leak, got)
		}
	}
	for _, want := range []string{"route=/wecom/app/:name", "channel=app/main", "status=200", "route=/v/:token", "status=404"} {
		if !strings.Contains(got, want) {
			t.Errorf("log lacks %q:\n%s", want, got)
		}
	}
}

var doneCard = bot.Reply{Card: &bot.Card{TaskID: "t1", Title: "核销成功", Keys: []bot.CardKey{{Text: "撤销", Key: "undo:1"}}}}

func TestRobotReadyInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.engine.reply("m1", doneCard)
	target, body := robotSeal().json(robotText("m1", "@Bot 验 7992697494"))
	first := open(t, b.do("POST", target, strings.NewReader(body)))
	if first["msgtype"] != "template_card" {
		t.Errorf("frame %v", first)
	}
	if again := open(t, b.do("POST", target, strings.NewReader(body))); again["msgtype"] != "template_card" {
		t.Errorf("a repeat gets the same answer, got %v", again)
	}
	if got := b.engine.deliveries(); len(got) != 2 || got[0] != "in-m1" {
		t.Errorf("delivered %v", got)
	}
}

func TestRobotStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.ReplyDeadline = 50 * time.Millisecond })
	target, body := robotSeal().json(robotText("m1", "@Bot 验 7992697494"))
	stream, _ := open(t, b.do("POST", target, strings.NewReader(body)))["stream"].(map[string]any)
	if stream["id"] != "in-m1" || stream["finish"] != false {
		t.Fatalf("stream %v", stream)
	}
	target, body = robotSeal().json(robotPoll("in-m1"))
	if again, _ := open(t, b.do("POST", target, strings.NewReader(body)))["stream"].(map[string]any); again["finish"] != false {
		t.Errorf("poll before the reply: %v", again)
	}
	if got := b.engine.deliveries(); len(got) != 0 {
		t.Errorf("delivered %v too early", got)
	}
	b.engine.reply("m1", doneCard)
	frame := open(t, b.do("POST", target, strings.NewReader(body)))
	if end, _ := frame["stream"].(map[string]any); frame["msgtype"] != "stream_with_template_card" || end["id"] != "in-m1" || end["finish"] != true {
		t.Errorf("last frame %v", frame)
	}
	if got := b.engine.deliveries(); len(got) != 1 || got[0] != "in-m1" {
		t.Errorf("delivered %v", got)
	}
	if b.engine.count() != 1 {
		t.Errorf("polls are no messages; accepted %d", b.engine.count())
	}
}

// A reply that the outbox has sent is not brought again by a poll: WeCom takes a
// card once, and the stream has to end.
func TestStreamEndsAfterTheOutbox(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.ReplyDeadline = 50 * time.Millisecond })
	target, body := robotSeal().json(robotText("m1", "@Bot 验 7992697494"))
	open(t, b.do("POST", target, strings.NewReader(body)))
	b.engine.told["in-m1"] = true
	b.engine.reply("m1", doneCard)
	target, body = robotSeal().json(robotPoll("in-m1"))
	frame := open(t, b.do("POST", target, strings.NewReader(body)))
	end, _ := frame["stream"].(map[string]any)
	if frame["msgtype"] != "stream" || frame["template_card"] != nil || end["finish"] != true || end["content"] != doneCard.Card.Title {
		t.Errorf("last frame %v", frame)
	}
	if got := b.engine.deliveries(); len(got) != 0 {
		t.Errorf("delivered %v", got)
	}
}

// Nor are words, of which the stream has no title to show.
func TestStreamEndsAfterTheOutboxSaidWords(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.ReplyDeadline = 50 * time.Millisecond })
	target, body := robotSeal().json(robotText("m1", "@Bot 帮助"))
	open(t, b.do("POST", target, strings.NewReader(body)))
	b.engine.told["in-m1"] = true
	b.engine.reply("m1", bot.Reply{Text: "券码不存在。"})
	target, body = robotSeal().json(robotPoll("in-m1"))
	frame := open(t, b.do("POST", target, strings.NewReader(body)))
	end, _ := frame["stream"].(map[string]any)
	if frame["msgtype"] != "stream" || end["finish"] != true || strings.Contains(fmt.Sprint(end["content"]), "券码不存在") {
		t.Errorf("last frame %v", frame)
	}
	if got := b.engine.deliveries(); len(got) != 0 {
		t.Errorf("delivered %v", got)
	}
}

// A repeat of a message or of a click that the outbox has answered gets nothing more.
func TestRepeatAfterTheOutbox(t *testing.T) {
	t.Parallel()
	for name, callback := range map[string]string{
		"message": robotText("m1", "@Bot 验 7992697494"), "click": robotClick("m1", "https://example.com/response"),
	} {
		for _, reply := range []bot.Reply{doneCard, {Text: "券码不存在。"}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, func(o *Options) { o.ReplyDeadline = 50 * time.Millisecond })
				b.engine.told["in-m1"] = true
				b.engine.reply("m1", reply)
				target, body := robotSeal().json(callback)
				if rec := b.do("POST", target, strings.NewReader(body)); rec.Code != 200 || rec.Body.Len() != 0 {
					t.Errorf("status %d, body %q, want an empty 200", rec.Code, rec.Body)
				}
				if got := b.engine.deliveries(); len(got) != 0 {
					t.Errorf("delivered %v", got)
				}
			})
		}
	}
}

func TestRobotClick(t *testing.T) {
	t.Parallel()
	const replyURL = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=x"
	words := bot.Reply{Text: "您不是这家店的人。"}
	tests := []struct {
		name, url string
		reply     *bot.Reply // nil: not in time
		update    bool
		delivered string
	}{
		{"card in time", replyURL, &doneCard, true, "in-c1"},
		{"not in time", replyURL, nil, false, ""},
		{"words alone leave the card as it is for the others", replyURL, &words, false, ""},
		{"words, and no other way to say them", "", &words, true, "in-c1"},
		{"more than the card can say", replyURL, &bot.Reply{Card: doneCard.Card, Text: "还有"}, true, "in-c1 but for 还有"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) { o.ReplyDeadline = 50 * time.Millisecond })
			if tt.reply != nil {
				b.engine.reply("c1", *tt.reply)
			}
			target, body := robotSeal().json(robotClick("c1", tt.url))
			rec := b.do("POST", target, strings.NewReader(body))
			if !tt.update {
				if rec.Code != 200 || rec.Body.Len() != 0 {
					t.Errorf("status %d, body %q, want an empty 200", rec.Code, rec.Body)
				}
			} else if frame := open(t, rec); frame["response_type"] != "update_template_card" {
				t.Errorf("frame %v", frame)
			}
			if got := strings.Join(b.engine.deliveries(), "\n"); got != tt.delivered {
				t.Errorf("delivered %q, want %q", got, tt.delivered)
			}
		})
	}
}

func TestRobotAnswersWithinTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(o *Options) { o.ReplyDeadline = 100 * time.Millisecond })
		target, body := robotSeal().json(robotText("m1", "x"))
		started := time.Now()
		b.do("POST", target, strings.NewReader(body))
		if took := time.Since(started); took != 100*time.Millisecond {
			t.Errorf("answered after %s", took)
		}
	})
}
