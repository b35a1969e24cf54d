package wecomtest_test

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

func TestSayToApp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	out := w.say(t, wecomtest.InApp("main", ""), "zhangsan", "验 <7992697494> ]]> & 好")
	in := w.app.last(t)
	want := appMessage{ToUserName: "wwcorp", FromUserName: "ZhangSan", MsgType: "text", Content: "验 <7992697494> ]]> & 好",
		CreateTime: w.clock.now().Unix(), AgentID: 1000002, MsgId: in.xml.MsgId}
	if d := cmp.Diff(want, in.xml); d != "" {
		t.Error(d)
	}
	if in.xml.MsgId <= 0 || in.query["x"] != "1" {
		t.Errorf("MsgId %d, query %v", in.xml.MsgId, in.query)
	}
	if !out.Delivery().Accepted() || out.Delivery().Answer != nil || len(out.Delivery().Attempts) != 1 {
		t.Errorf("delivery: %+v", out.Delivery())
	}
	screen := w.Screen(wecomtest.InApp("main", "ZHANGSAN"))
	if len(screen) != 1 || screen[0].ID != out.Shown || screen[0].From != "ZhangSan" || screen[0].FromBot || screen[0].Text != in.xml.Content {
		t.Errorf("screen: %+v", screen)
	}
	w.wantNoRefusals(t)
}

func TestSayToRobot(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.say(t, wecomtest.InRobot("group", ""), "lisi", "验 1")
	in := w.robot.last(t)
	r, _ := w.Robot("group")
	url, _ := in.json["response_url"].(string)
	want := map[string]any{"msgid": in.json["msgid"], "aibotid": r.ID, "chattype": "single", "from": map[string]any{"userid": "lisi"},
		"response_url": url, "msgtype": "text", "text": map[string]any{"content": "验 1"}}
	if d := cmp.Diff(want, in.json); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(url, w.api.URL+"/cgi-bin/aibot/response?response_code=") {
		t.Errorf("response_url %q", url)
	}
}

func TestGroupHearsMentionsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC")
	for _, text := range []string{"验 1", "验券 在吗", "@别人 好"} {
		if out := w.say(t, group, "lisi", text); len(out.Deliveries) != 0 {
			t.Errorf("%q was delivered", text)
		}
	}
	if n := len(w.robot.received()); n != 0 {
		t.Fatalf("the robot heard %d messages", n)
	}
	w.say(t, group.Mention("group"), "lisi", "验 2")
	w.say(t, group, "ZhangSan", "麻烦 @验券 验 3")
	got := w.robot.received()
	if len(got) != 2 {
		t.Fatalf("the robot heard %d messages", len(got))
	}
	for i, text := range []string{"@验券 验 2", "麻烦 @验券 验 3"} {
		if d := cmp.Diff(map[string]any{"content": text}, got[i].json["text"]); d != "" {
			t.Error(d)
		}
		if got[i].json["chattype"] != "group" || got[i].json["chatid"] != "wrAbC" {
			t.Errorf("chat: %v", got[i].json)
		}
	}
	// The longer name is another robot, which has no callback URL here.
	out := w.say(t, group.Mention("helper"), "lisi", "验 4")
	if len(out.Deliveries) != 1 || out.Delivery().Bot != "robot/helper" || out.Delivery().Accepted() {
		t.Errorf("deliveries: %+v", out.Deliveries)
	}
	// Both at once.
	if out = w.say(t, group, "lisi", "@验券 @验券助手 验 5"); len(out.Deliveries) != 2 {
		t.Errorf("deliveries: %+v", out.Deliveries)
	}
	if n := len(w.Screen(group)); n != 7 {
		t.Errorf("%d bubbles in the group", n)
	}
	if n := len(w.Screen(wecomtest.InGroup("wrabc"))); n != 0 {
		t.Errorf("group ids are case-sensitive, but %d bubbles leaked", n)
	}
}

func TestMisuseIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		where wecomtest.Where
		user  string
		text  string
	}{
		"unknown person":    {wecomtest.InApp("main", ""), "nobody", "x"},
		"unknown app":       {wecomtest.InApp("nope", ""), "lisi", "x"},
		"unknown group":     {wecomtest.InGroup("WRABC"), "lisi", "x"},
		"not a member":      {wecomtest.InGroup("wrAbC"), "wangwu", "x"},
		"somebody else's":   {wecomtest.InApp("main", "wangwu"), "lisi", "x"},
		"robot not in it":   {wecomtest.InGroup("wrabc").Mention("helper"), "wangwu", "x"},
		"nothing said":      {wecomtest.InApp("main", ""), "lisi", ""},
		"app and robot":     {wecomtest.Where{App: "main", Robot: "group"}, "lisi", "x"},
		"nowhere":           {wecomtest.Where{}, "lisi", "x"},
		"an app in a group": {wecomtest.Where{App: "main", Group: "nope"}, "lisi", "x"},
	} {
		if _, err := w.Say(ctx, c.where, c.user, c.text); !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v := len(w.Deliveries()); v != 0 {
		t.Errorf("%d deliveries", v)
	}
}

func TestRetriesAreTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, where := range []wecomtest.Where{wecomtest.InApp("main", ""), wecomtest.InRobot("group", "")} {
		w := setup(t)
		bot := w.robot
		if where.App != "" {
			bot = w.app
		}
		var n int
		bot.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) {
			if n++; n < 4 {
				rw.WriteHeader([]int{500, 302, 204}[n-1]) // anything but 200 is a failure
			}
		})
		d := w.say(t, where, "lisi", "验 1").Delivery()
		got := bot.received()
		if !d.Accepted() || len(d.Attempts) != 4 || len(got) != 4 {
			t.Fatalf("%s: %d attempts, %d received", where, len(d.Attempts), len(got))
		}
		for _, in := range got[1:] {
			if in.body != got[0].body || !cmp.Equal(in.query, got[0].query) {
				t.Errorf("%s: a retry differs", where)
			}
		}
		if d.Attempts[1].At.Sub(d.Attempts[0].At) != time.Second {
			t.Errorf("retried after %v", d.Attempts[1].At.Sub(d.Attempts[0].At))
		}
	}
}

func TestGivesUpAfterThreeRetries(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.app.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) { rw.WriteHeader(503) })
	d := w.say(t, wecomtest.InApp("main", ""), "lisi", "验 1").Delivery()
	if d.Accepted() || len(d.Attempts) != 4 || len(w.app.received()) != 4 {
		t.Errorf("%+v", d.Attempts)
	}
	drops := w.Dropped()
	if len(drops) != 1 || drops[0].Why != "callback given up after 4 attempts" {
		t.Errorf("dropped: %+v", drops)
	}
	// Sent again later, it is the same message, and may succeed.
	w.app.answers("")
	again, err := w.Resend(ctx, d.ID)
	must(t, err)
	got := w.app.received()
	if !again.Accepted() || len(again.Attempts) != 5 || got[4].body != got[0].body || !cmp.Equal(got[4].query, got[0].query) {
		t.Errorf("resent: %+v", again.Attempts)
	}
	if _, err := w.Resend(ctx, "none"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("unknown delivery: %v", err)
	}
}

func TestSlowVerifyURL(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.VerifyTimeout = 50 * time.Millisecond })
	hold := make(chan struct{})
	defer close(hold)
	w.robot.echoes(func(http.ResponseWriter, string) { <-hold })
	if err := w.VerifyURL(ctx, wecomtest.InRobot("group", "")); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("slow: %v", err)
	}
}

func TestSlowAnswerIsRetried(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.CallbackTimeout = 50 * time.Millisecond })
	var once sync.Once
	w.robot.handle(func(rw http.ResponseWriter, r *http.Request, in received) {
		once.Do(func() { <-r.Context().Done() }) // until WeCom hangs up
		_, _ = io.WriteString(rw, w.robot.keys.robotAnswer(in.query["nonce"], `{"msgtype":"stream","stream":{"id":"s","finish":true,"content":"好"}}`))
	})
	d := w.say(t, wecomtest.InRobot("group", ""), "lisi", "验 1").Delivery()
	if !d.Accepted() || len(d.Attempts) < 2 || d.Attempts[0].Status != 0 || d.Attempts[0].Err == "" {
		t.Errorf("%+v", d.Attempts)
	}
	if strings.Contains(d.Attempts[0].Err, "msg_signature") {
		t.Errorf("the error carries the URL: %s", d.Attempts[0].Err)
	}
	if screen := w.Screen(wecomtest.InRobot("group", "lisi")); len(screen) != 2 || screen[1].Text != "好" {
		t.Errorf("screen: %+v", screen)
	}
}

func TestUnusableRobotSwallows(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Robots[0].Usable = []string{"ZHANGSAN"} })
	w.say(t, wecomtest.InRobot("group", ""), "zhangsan", "在吗")
	if out := w.say(t, wecomtest.InRobot("group", ""), "lisi", "在吗"); len(out.Deliveries) != 0 {
		t.Error("delivered to a robot that lisi may not use")
	}
	if d := w.Dropped(); len(d) != 1 || d[0].User != "lisi" {
		t.Errorf("dropped: %+v", d)
	}
	if len(w.Screen(wecomtest.InRobot("group", "lisi"))) != 1 {
		t.Error("the client shows it as sent")
	}
}

func TestThreeUnfinishedInteractions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	robot := wecomtest.InRobot("group", "")
	for i := range 3 {
		w.robot.answers(`{"msgtype":"stream","stream":{"id":"s` + string(rune('0'+i)) + `","finish":false,"content":"…"}}`)
		w.say(t, robot, "lisi", "验")
	}
	if _, err := w.Say(ctx, robot, "lisi", "验"); !errors.Is(err, wecomtest.ErrUnfinished) {
		t.Errorf("fourth: %v", err)
	}
	w.say(t, robot, "wangwu", "验") // somebody else is free to
	w.clock.advance(6 * time.Minute)
	w.say(t, robot, "lisi", "验") // old ones no longer count
}

func TestEnter(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.robot.answers(`{"msgtype":"text","text":{"content":"你好"}}`)
	robot := wecomtest.InRobot("group", "lisi")
	out, err := w.Enter(ctx, robot, "lisi")
	must(t, err)
	in := w.robot.last(t)
	if in.json["msgtype"] != "event" || in.json["response_url"] != nil || in.json["create_time"] != float64(w.clock.now().Unix()) ||
		!cmp.Equal(in.json["event"], any(map[string]any{"eventtype": "enter_chat"})) {
		t.Errorf("event: %v", in.json)
	}
	if screen := w.Screen(robot); len(screen) != 1 || screen[0].Kind != wecomtest.KindText || screen[0].Text != "你好" {
		t.Errorf("screen: %+v", screen)
	}
	if out, err = w.Enter(ctx, robot, "lisi"); err != nil || len(out.Deliveries) != 0 {
		t.Errorf("the same day again: %+v, %v", out, err)
	}
	w.clock.advance(7 * time.Hour) // 18:00 in China is 01:00 of the next day then
	if out, err = w.Enter(ctx, robot, "lisi"); err != nil || len(out.Deliveries) != 1 {
		t.Errorf("the next day: %+v, %v", out, err)
	}

	w.app.answers("")
	_, err = w.Enter(ctx, wecomtest.InApp("main", ""), "lisi")
	must(t, err)
	if x := w.app.last(t).xml; x.MsgType != "event" || x.Event != "enter_agent" || x.MsgId != 0 || x.AgentID != 1000002 {
		t.Errorf("enter_agent: %+v", x)
	}
	w.wantNoRefusals(t)
}

func TestRobotEventsAreNotRetried(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) { rw.WriteHeader(500) })
	out, err := w.Enter(ctx, wecomtest.InRobot("group", ""), "lisi")
	must(t, err)
	if n := len(out.Delivery().Attempts); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestOtherKindsOfMessages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	app, robot := wecomtest.InApp("main", ""), wecomtest.InRobot("group", "")
	picture := []byte("JPEG of a voucher")

	_, err := w.SendPicture(ctx, app, "lisi", picture)
	must(t, err)
	x := w.app.last(t).xml
	if got := fetch(t, x.PicUrl); x.MsgType != "image" || got != string(picture) {
		t.Errorf("picture: %+v, %q", x, got)
	}
	resp, err := http.Get(w.api.URL + "/cgi-bin/media/get?access_token=" + w.token(t) + "&media_id=" + x.MediaId)
	must(t, err)
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != string(picture) || resp.Header.Get("Content-Disposition") == "" {
		t.Errorf("media/get: %q %v", body, resp.Header)
	}

	_, err = w.SendPicture(ctx, robot, "lisi", picture)
	must(t, err)
	url := w.robot.last(t).json["image"].(map[string]any)["url"].(string)
	sealed := []byte(fetch(t, url))
	block, iv := w.robot.keys.block()
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(sealed, sealed)
	if n := int(sealed[len(sealed)-1]); len(sealed)%32 != 0 || string(sealed[:len(sealed)-n]) != string(picture) || len(iv) != aes.BlockSize {
		t.Errorf("picture for the robot: %q", sealed)
	}
	w.clock.advance(5 * time.Minute)
	if got := fetch(t, url); got == string(sealed) || !strings.Contains(got, "not found") {
		t.Errorf("an old picture: %q", got)
	}

	_, err = w.Speak(ctx, robot, "lisi", "查一下")
	must(t, err)
	if d := cmp.Diff(map[string]any{"content": "查一下"}, w.robot.last(t).json["voice"]); d != "" {
		t.Error(d)
	}
	_, err = w.Speak(ctx, app, "lisi", "查一下")
	must(t, err)
	if x := w.app.last(t).xml; x.MsgType != "voice" || x.Format != "amr" || x.MediaId == "" {
		t.Errorf("voice: %+v", x)
	}
	_, err = w.Scan(ctx, app, "lisi", "scan", "7992697494")
	must(t, err)
	if x := w.app.last(t).xml; x.Event != "scancode_waitmsg" || x.EventKey != "scan" || x.ScanCodeInfo.ScanResult != "7992697494" {
		t.Errorf("scan: %+v", x)
	}
	if _, err = w.Scan(ctx, robot, "lisi", "scan", "1"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("scan at a robot: %v", err)
	}
	if out, err := w.SendPicture(ctx, wecomtest.InGroup("wrAbC"), "lisi", picture); err != nil || len(out.Deliveries) != 0 {
		t.Errorf("a picture in a group: %+v, %v", out, err)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC")
	first := w.say(t, group, "ZhangSan", "7992697494")
	out, err := w.Say(ctx, group.Mention("group"), "lisi", "验", wecomtest.Quoting(first.Shown))
	must(t, err)
	want := map[string]any{"msgtype": "text", "text": map[string]any{"content": "7992697494"}}
	if d := cmp.Diff(want, w.robot.last(t).json["quote"]); d != "" {
		t.Error(d)
	}
	if s, ok := w.Find(out.Shown, ""); !ok || s.ReplyTo != first.Shown {
		t.Errorf("shown: %+v", s)
	}
	if _, err := w.Say(ctx, wecomtest.InApp("main", ""), "lisi", "验", wecomtest.Quoting(first.Shown)); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("quoting from elsewhere: %v", err)
	}
}

func TestMentionSeparator(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.MentionSeparator = "\u2005" })
	w.say(t, wecomtest.InGroup("wrAbC").Mention("group"), "lisi", "验 1")
	if d := cmp.Diff(map[string]any{"content": "@验券\u2005验 1"}, w.robot.last(t).json["text"]); d != "" {
		t.Error(d)
	}
}

func TestVerifyURL(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.VerifyTimeout = time.Minute })
	app, robot := wecomtest.InApp("main", ""), wecomtest.InRobot("group", "")
	must(t, w.VerifyURL(ctx, app))
	must(t, w.VerifyURL(ctx, robot))
	w.wantNoRefusals(t)
	for want, echo := range map[string]func(http.ResponseWriter, string){
		"quotes":          func(rw http.ResponseWriter, s string) { _, _ = io.WriteString(rw, `"`+s+`"`) },
		"byte order mark": func(rw http.ResponseWriter, s string) { _, _ = io.WriteString(rw, "\ufeff"+s) },
		"line break":      func(rw http.ResponseWriter, s string) { _, _ = io.WriteString(rw, s+"\n") },
		"status 401":      func(rw http.ResponseWriter, _ string) { rw.WriteHeader(401) },
		"empty":           func(http.ResponseWriter, string) {},
		"something else":  func(rw http.ResponseWriter, s string) { _, _ = io.WriteString(rw, s+"1") },
	} {
		w.robot.echoes(echo)
		if err := w.VerifyURL(ctx, robot); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if n := len(w.Refusals()); n != 6 {
		t.Errorf("%d refusals", n)
	}
	w.robot.echoes(nil)
	status, body, err := w.VerifyURLWith(ctx, robot, "123", wecomtest.Knobs{WrongSignature: true})
	if err != nil || status != 401 || len(body) != 0 {
		t.Errorf("spoilt: %d %q %v", status, body, err)
	}
	status, body, err = w.VerifyURLWith(ctx, robot, "123", wecomtest.Knobs{})
	if err != nil || status != 200 || string(body) != "123" {
		t.Errorf("not spoilt: %d %q %v", status, body, err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(b)
}
