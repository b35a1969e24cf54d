package wecomtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	if !strings.HasPrefix(w.SocketURL(), "ws://127.0.0.1:") {
		t.Errorf("SocketURL %q", w.SocketURL())
	}
	c := w.dial(t)
	send := func(chat string) string {
		return fmt.Sprintf(`{"chatid":%q,"chat_type":1,"msgtype":"markdown","markdown":{"content":"x"}}`, chat)
	}
	wantCode(t, c.call(t, "aibot_send_msg", "a", send("lisi")), 846609)
	w.wantRefusal(t, 846609, "aibot_send_msg")
	wantCode(t, c.call(t, "aibot_respond_msg", "a", `{"msgtype":"markdown","markdown":{"content":"x"}}`), 846609)
	wantCode(t, c.call(t, "ping", "b", ""), 0)
	for body, code := range map[string]int{
		`{"bot_id":"aibLONG","secret":"wrong"}`:                                40001,
		`{"bot_id":"AIBLONG","secret":"s3cret"}`:                               40001,
		`{"bot_id":"aibLONG"}`:                                                 40001,
		`{"bot_id":1,"secret":"s3cret"}`:                                       40058,
		fmt.Sprintf(`{"bot_id":%q,"secret":"s3cret"}`, robotID(t, w, "group")): 48002,
	} {
		wantCode(t, c.call(t, "aibot_subscribe", "c", body), code)
	}
	if on, open := w.Connected("long"); on || open != 1 {
		t.Errorf("connected %v, %d open", on, open)
	}
	wantCode(t, c.call(t, "aibot_subscribe", "d", `{"bot_id":"aibLONG","secret":"s3cret"}`), 0)
	if on, _ := w.Connected("long"); !on {
		t.Error("not connected")
	}
	must(t, w.WaitConnected(ctx, "long"))
	w.heard(t, c, longChat)
	wantCode(t, c.call(t, "aibot_send_msg", "e", send("lisi")), 0)
}

func robotID(t *testing.T, w *world, name string) string {
	t.Helper()
	r, ok := w.Robot(name)
	if !ok {
		t.Fatal(name)
	}
	return r.ID
}

func TestSubscribeTooOften(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.SubscribeRate = 3 })
	c := w.subscribed(t)
	right := `{"bot_id":"aibLONG","secret":"s3cret"}`
	wantCode(t, c.call(t, "aibot_subscribe", "a", `{"bot_id":"aibLONG","secret":"wrong"}`), 40001)
	wantCode(t, c.call(t, "aibot_subscribe", "b", right), 0)
	wantCode(t, c.call(t, "aibot_subscribe", "c", right), 45009)
	w.wantRefusal(t, 45009, "aibot_subscribe")
	w.heard(t, c, longChat) // the subscription of before goes on
	w.clock.advance(time.Minute)
	wantCode(t, c.call(t, "aibot_subscribe", "d", right), 0)
}

func TestNewSubscriberKicksTheOld(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	old := w.subscribed(t)
	next := w.subscribed(t)
	_, body := old.callback(t, "aibot_event_callback")
	if body["aibotid"] != "aibLONG" || body["msgtype"] != "event" || body["msgid"] == "" ||
		!cmp.Equal(body["event"], any(map[string]any{"eventtype": "disconnected_event"})) {
		t.Errorf("event: %v", body)
	}
	old.closed(t)
	w.heard(t, next, longChat)
	if on, _ := w.Connected("long"); !on {
		t.Error("not connected")
	}
	next.quiet(t)
	w.wantNoRefusals(t)
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	for _, text := range []string{`x`, `[]`, `{"cmd":"ping"}`, `{"cmd":"ping","headers":{"req_id":1}}`,
		`{"cmd":1,"headers":{"req_id":""}}`, `{"headers":{"req_id":""}}`, `{"cmd":"ping","headers":{"req_id":""},"body":1}`} {
		c.write(t, text)
		wantCode(t, c.ack(t, ""), 40058)
	}
	wantCode(t, c.call(t, "aibot_upload_media_init", "u", `{}`), 40058)
	w.wantRefusal(t, 40058, "aibot_upload_media_init")
	must(t, c.conn.Write(ctx, websocket.MessageBinary, []byte(`{"cmd":"ping","headers":{"req_id":"a"}}`)))
	wantCode(t, c.ack(t, ""), 40058)
	w.wantRefusal(t, 40058, "frame")
	if n := len(w.Refusals()); n != 9 {
		t.Errorf("%d refusals", n)
	}
	c.quiet(t)
	c.write(t, `{"cmd":"`+strings.Repeat("x", 2<<20)+`"}`)
	c.closed(t)
}

func TestMessageOverTheLongConnection(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	out := w.say(t, longChat, "lisi", "验 <1> & 2")
	id, body := c.callback(t, "aibot_msg_callback")
	url, _ := body["response_url"].(string)
	want := map[string]any{"msgid": out.Delivery().MsgID, "aibotid": "aibLONG", "chattype": "single", "response_url": url,
		"from": map[string]any{"userid": "lisi"}, "msgtype": "text", "text": map[string]any{"content": "验 <1> & 2"}}
	if d := cmp.Diff(want, body); d != "" || url == "" {
		t.Error(d)
	}
	d := out.Delivery()
	if !d.Accepted() || d.Attempts[0].ReqID != id || d.Request.Body != nil || d.Answer != nil || d.Bot != "robot/long" {
		t.Errorf("delivery: %+v", d)
	}
	answer := `{"markdown":{"content":"**好**"},"msgtype":"markdown"}`
	wantCode(t, c.call(t, "aibot_respond_msg", id, answer), 0)
	d, err := w.WaitReply(ctx, d.ID, 1)
	must(t, err)
	if string(d.Answer) != answer || d.Refused != "" || len(d.Replies) != 1 || d.Replies[0].Code != 0 || d.Replies[0].Cmd != "aibot_respond_msg" {
		t.Errorf("answered: %+v", d)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", id, `{"msgtype":"text","text":{"content":"x"}}`), 40008)
	d, err = w.WaitReply(ctx, d.ID, 2)
	must(t, err)
	if !strings.HasPrefix(d.Refused, "40008") || d.Replies[1].Code != 40008 {
		t.Errorf("refused: %+v", d)
	}
	if s := w.Screen(longChat); len(s) != 2 || s[1].Text != "**好**" || s[1].Kind != wecomtest.KindMarkdown || !s[1].FromBot || s[1].From != "长连" {
		t.Errorf("screen: %+v", s)
	}

	// In the group, with the mention; quoting; repeated with another req_id.
	first := w.say(t, longGroup, "ZhangSan", "7992697494")
	out, err = w.Say(ctx, longGroup.Mention("long"), "lisi", "验", wecomtest.Quoting(first.Shown))
	must(t, err)
	id, body = c.callback(t, "aibot_msg_callback")
	if body["chatid"] != "wrAbC" || body["chattype"] != "group" || !cmp.Equal(body["text"], any(map[string]any{"content": "@长连 验"})) ||
		!cmp.Equal(body["quote"], any(map[string]any{"msgtype": "text", "text": map[string]any{"content": "7992697494"}})) {
		t.Errorf("group: %v", body)
	}
	again, err := w.Resend(ctx, out.Delivery().ID)
	must(t, err)
	id2, body2 := c.callback(t, "aibot_msg_callback")
	if id2 == id || len(again.Attempts) != 2 || cmp.Diff(body, body2) != "" {
		t.Errorf("repeat: %v, %+v", body2, again.Attempts)
	}
	if _, err := w.Speak(ctx, longChat, "lisi", "查一下"); err != nil {
		t.Error(err)
	}
	if _, body = c.callback(t, "aibot_msg_callback"); !cmp.Equal(body["voice"], any(map[string]any{"content": "查一下"})) {
		t.Errorf("voice: %v", body)
	}
	c.quiet(t)
}

func TestNoResponseURL(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.NoResponseURL = true })
	c := w.subscribed(t)
	w.say(t, longChat, "lisi", "验 1")
	if _, body := c.callback(t, "aibot_msg_callback"); body["response_url"] != nil {
		t.Errorf("%v", body)
	}
	w.robot.answers("")
	w.say(t, robotChat, "lisi", "验 1")
	if w.robot.last(t).json["response_url"] == nil {
		t.Error("robots with a URL still have it")
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	d := w.say(t, longChat, "lisi", "验 1").Delivery()
	if d.Accepted() || len(d.Attempts) != 1 || d.Attempts[0].Err == "" {
		t.Errorf("delivery: %+v", d)
	}
	if drops := w.Dropped(); len(drops) != 1 || !strings.Contains(drops[0].Why, "no long connection") || drops[0].User != "lisi" {
		t.Errorf("dropped: %+v", drops)
	}
	w.subscribed(t).quiet(t) // it is lost for good
}

func TestKeepUndelivered(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.KeepUndelivered = true })
	d := w.say(t, longChat, "lisi", "验 1").Delivery()
	w.say(t, longChat, "lisi", "验 2")
	_, err := w.Enter(ctx, longChat, "lisi") // events wait for nobody
	must(t, err)
	if len(w.Dropped()) != 1 {
		t.Errorf("dropped: %+v", w.Dropped())
	}
	c := w.subscribed(t)
	var ids []string
	for i, text := range []string{"验 1", "验 2"} {
		id, body := c.callback(t, "aibot_msg_callback")
		ids = append(ids, id)
		if !cmp.Equal(body["text"], any(map[string]any{"content": text})) || i == 0 && body["msgid"] != d.MsgID {
			t.Errorf("%v", body)
		}
	}
	for _, id := range ids {
		wantCode(t, c.call(t, "aibot_respond_msg", id, `{"msgtype":"markdown","markdown":{"content":"x"}}`), 0)
	}
	c.quiet(t)
}

func TestLongRobotHasNoURL(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	if err := w.SetCallbackURL(longChat, "http://127.0.0.1:1"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("SetCallbackURL: %v", err)
	}
	if err := w.VerifyURL(ctx, longChat); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("VerifyURL: %v", err)
	}
	if _, err := w.EncryptRobot("long", []byte("x"), wecomtest.Knobs{}); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("EncryptRobot: %v", err)
	}
	if plain, err := w.Plaintext(longChat, "lisi", "验"); err != nil || !strings.Contains(string(plain), "验") {
		t.Errorf("Plaintext: %s, %v", plain, err)
	}
	resp, err := http.Get(w.api.URL + "/ws")
	must(t, err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Messages, answers, drops and subscriptions at once, for the race detector; what
// was answered with 0 is on the screen once.
func TestManyFramesAtOnce(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.MaxUnfinished, o.SubscribeRate = -1, -1 })
	c := w.subscribed(t)
	const messages = 24
	answered := make(chan error, 1)
	go func() {
		taken, pending := 0, map[string]bool{}
		for taken < messages {
			frame, err := c.read()
			if err != nil {
				answered <- err
				return
			}
			id := reqID(frame)
			if pending[id] {
				if frame["errcode"] != 0.0 {
					answered <- fmt.Errorf("%v", frame)
					return
				}
				taken++
				continue
			}
			pending[id] = true
			text := fmt.Sprintf(`{"cmd":"aibot_respond_msg","headers":{"req_id":%q},"body":%s}`, id, streamFrame(id, true, "好"))
			if err := c.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
				answered <- err
				return
			}
		}
		answered <- nil
	}()
	var wg sync.WaitGroup
	for i := range messages {
		wg.Go(func() {
			where := longGroup.Mention("long")
			if i%2 == 0 {
				where = longChat
			}
			if out, err := w.Say(ctx, where, "lisi", "验"); err != nil || !out.Delivery().Accepted() {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	wg.Wait()
	must(t, <-answered)
	if n := len(w.Screen(longChat)) + len(w.Screen(longGroup)); n != 2*messages {
		t.Errorf("%d bubbles", n)
	}
	w.wantNoRefusals(t)
	for range 4 {
		wg.Go(func() {
			conn, _, err := websocket.Dial(ctx, w.SocketURL(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			next := &client{conn: conn}
			_ = conn.Write(ctx, websocket.MessageText, []byte(`{"cmd":"aibot_subscribe","headers":{"req_id":"s"},"body":`+subscribeLong+`}`))
			_, _ = next.read() // the ack, or it was dropped before
			_ = conn.CloseNow()
		})
		wg.Go(func() { _ = w.DropConnection("long") })
		wg.Go(func() { _, _ = w.Say(ctx, longChat, "lisi", "验") })
	}
	wg.Wait()
}

func TestCloseEndsConnections(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	d := w.say(t, longChat, "lisi", "验 1").Delivery()
	c.callback(t, "aibot_msg_callback")
	waiting := make(chan error, 1)
	go func() { _, err := w.WaitReply(ctx, d.ID, 1); waiting <- err }()
	w.Close()
	c.closed(t)
	if err := <-waiting; !errors.Is(err, wecomtest.ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := w.WaitConnected(ctx, "long"); !errors.Is(err, wecomtest.ErrClosed) {
		t.Errorf("%v", err)
	}
}
