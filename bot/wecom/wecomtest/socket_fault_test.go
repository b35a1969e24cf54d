package wecomtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

const subscribeLong = `{"bot_id":"aibLONG","secret":"s3cret"}`

func TestDropConnection(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	must(t, w.DropConnection("long"))
	c.closed(t)
	if on, open := w.Connected("long"); on || open != 0 {
		t.Errorf("connected %v, %d open", on, open)
	}
	must(t, w.DropConnection("long")) // there is none any more
	for _, err := range []error{w.DropConnection("group"), w.LoseSubscription("none"), w.Kick("none", 1), w.Duplicate("none", 1),
		w.ForgetRequests("none"), w.PushFrame(ctx, "none", nil)} {
		if !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%v", err)
		}
	}
	if err := w.PushFrame(ctx, "long", []byte(`{}`)); err == nil {
		t.Error("a frame to nobody")
	}
}

// The connection breaks at a frame, which has taken effect or not.
func TestDropAtAFrame(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		w := setupLong(t)
		c := w.subscribed(t)
		id := w.heard(t, c, longChat)
		w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Times: 1, Drop: true, After: after})
		c.quiet(t) // pings are no sends
		c.send(t, "aibot_respond_msg", id, streamFrame("s", true, "好"))
		c.closed(t)
		if n := len(w.Screen(longChat)); (n == 2) != after {
			t.Errorf("after %v: %d bubbles", after, n)
		}
		if c = w.subscribed(t); w.Calls("aibot_respond_msg") != 1 {
			t.Errorf("%d calls", w.Calls("aibot_respond_msg"))
		}
		wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "好")), 0)
		if n := len(w.Screen(longChat)); n != 2 {
			t.Errorf("after %v: %d bubbles in the end", after, n)
		}
	}
}

// Half dead: pings are acked, sends are not; or nothing is.
func TestHalfDead(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Hang: true})
	c.send(t, "aibot_respond_msg", id, streamFrame("s", true, "好"))
	c.quiet(t)
	if n := len(w.Screen(longChat)); n != 1 {
		t.Errorf("%d bubbles", n)
	}
	w.ClearFaults()
	w.Fail(wecomtest.Fault{API: wecomtest.EveryFrame, Hang: true, Times: 2})
	c.send(t, "ping", "p", "")
	c.send(t, "aibot_subscribe", "s", subscribeLong)
	c.quiet(t)
	w.wantNoRefusals(t)
}

func TestAckIsLost(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	w.Fail(wecomtest.Fault{API: "aibot_respond_msg", Hang: true, After: true, Times: 1})
	c.send(t, "aibot_respond_msg", id, streamFrame("s", true, "好"))
	c.quiet(t)
	if s := w.lastShown(t, longChat); s.Text != "好" {
		t.Errorf("shown: %+v", s)
	}
}

func TestAckIsLate(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := setupLong(t, func(o *wecomtest.Options) { o.Sleep = sleepUntil(release) })
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Delay: time.Minute, After: true, Times: 1})
	c.send(t, "aibot_respond_msg", id, streamFrame("s", false, "1"))
	wantCode(t, c.call(t, "aibot_send_msg", "p", markdownTo("lisi", 1)), 0) // overtakes
	if s := w.Screen(longChat); len(s) != 3 || s[1].Text != "1" {
		t.Errorf("screen: %+v", s)
	}
	close(release)
	wantCode(t, c.ack(t, id), 0)

	// Late and wrong; late and broken.
	w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Delay: time.Minute, After: true, Code: -1, Times: 1})
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", false, "2")), -1)
	w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Delay: time.Minute, After: true, Drop: true, Times: 1})
	c.send(t, "aibot_respond_msg", id, streamFrame("s", true, "3"))
	c.closed(t)
	if s := w.Screen(longChat); s[1].Text != "3" {
		t.Errorf("screen: %+v", s)
	}
}

// Without After, everything behind the frame waits.
func TestFrameIsSlow(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := setupLong(t, func(o *wecomtest.Options) { o.Sleep = sleepUntil(release) })
	c := w.subscribed(t)
	w.Fail(wecomtest.Fault{API: "ping", Delay: time.Minute, Times: 2})
	c.send(t, "ping", "a", "")
	c.send(t, "ping", "b", "")
	close(release)
	wantCode(t, c.ack(t, "a"), 0)
	wantCode(t, c.ack(t, "b"), 0)
}

func TestAcksInAnotherOrder(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	w.Fail(wecomtest.Fault{API: wecomtest.EverySend, Swap: true, Times: 1})
	c.send(t, "aibot_send_msg", "first", markdownTo("nobody", 1))
	c.send(t, "ping", "second", "")
	wantCode(t, c.ack(t, "second"), 0)
	wantCode(t, c.ack(t, "first"), 93006)
	c.quiet(t)
}

func TestAckOfATest(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	for _, code := range []int{846609, 846608, 846605, 93006, 45009} {
		w.FailNext(wecomtest.EverySend, code, 1)
		if out := c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "x")); out["errcode"] != float64(code) || out["errmsg"] == codeless {
			t.Errorf("%v", out)
		}
	}
	w.Fail(wecomtest.Fault{API: "ping", Body: `not json`, Times: 1})
	c.send(t, "ping", "p", "")
	if _, data, err := c.conn.Read(ctx); err != nil || string(data) != "not json" {
		t.Errorf("%q, %v", data, err)
	}
	w.FailNext("aibot_subscribe", 45009, 2)
	wantCode(t, c.call(t, "aibot_subscribe", "s", subscribeLong), 45009)
	wantCode(t, c.call(t, "aibot_subscribe", "s", subscribeLong), 45009)
	wantCode(t, c.call(t, "aibot_subscribe", "s", subscribeLong), 0)
	w.wantNoRefusals(t) // faults are none
}

const codeless = "failed on request of the test"

func TestConnectionIsRefused(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	w.Fail(wecomtest.Fault{API: "ws", Status: 503, Times: 1})
	_, resp, err := websocket.Dial(ctx, w.SocketURL(), nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v", resp, err)
	}
	w.Fail(wecomtest.Fault{API: "ws", Drop: true}) // more than once: net/http tries again on its own
	if _, _, err := websocket.Dial(ctx, w.SocketURL(), nil); err == nil {
		t.Error("connected")
	}
	w.ClearFaults()
	w.subscribed(t)
}

func TestLoseSubscription(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	must(t, w.LoseSubscription("long"))
	c.quiet(t) // pings are acked as ever
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "x")), 846609)
	if d := w.say(t, longChat, "lisi", "验 2").Delivery(); d.Accepted() {
		t.Error("delivered")
	}
	wantCode(t, c.call(t, "aibot_subscribe", "s", subscribeLong), 0)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "x")), 0)
	w.heard(t, c, longChat)
}

func TestKickInALoop(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	must(t, w.Kick("long", 3))
	for i := range 3 {
		if i > 0 {
			c = w.subscribed(t)
		}
		if _, body := c.callback(t, "aibot_event_callback"); !cmp.Equal(body["event"], any(map[string]any{"eventtype": "disconnected_event"})) {
			t.Errorf("%v", body)
		}
		c.closed(t)
		if d := w.say(t, longChat, "lisi", "验").Delivery(); d.Accepted() || !strings.Contains(d.Attempts[0].Err, "another subscriber") {
			t.Errorf("%+v", d)
		}
	}
	w.heard(t, w.subscribed(t), longChat)
}

func TestUnknownFrames(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	for _, text := range []string{`{"cmd":"aibot_new_thing","headers":{"req_id":"x"},"body":{}}`, `{}`, `[`} {
		must(t, w.PushFrame(ctx, "long", []byte(text)))
		if _, data, err := c.conn.Read(ctx); err != nil || string(data) != text {
			t.Errorf("%q, %v", data, err)
		}
	}
	c.quiet(t)
}

func TestDuplicate(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	must(t, w.Duplicate("long", 1))
	out := w.say(t, longChat, "lisi", "验")
	id1, body1 := c.callback(t, "aibot_msg_callback")
	id2, body2 := c.callback(t, "aibot_msg_callback")
	if id1 == id2 || cmp.Diff(body1, body2) != "" || len(out.Delivery().Attempts) != 2 {
		t.Errorf("%v, %v", body1, body2)
	}
	// Both req_ids answer the same message, also in one stream.
	wantCode(t, c.call(t, "aibot_respond_msg", id1, streamFrame("s", false, "1")), 0)
	wantCode(t, c.call(t, "aibot_respond_msg", id2, streamFrame("s", true, "2")), 0)
	if s := w.Screen(longChat); len(s) != 2 || s[1].Text != "2" {
		t.Errorf("screen: %+v", s)
	}
	w.heard(t, c, longChat)
	c.quiet(t)
}

func TestControlOfLongConnections(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.SubscribeRate = -1 })
	api := newControl(t, w)
	c := w.subscribed(t)
	var socket struct {
		URL        string
		Subscribed bool
		Open       int
	}
	api.do(t, "GET", "/socket?robot=long", "", 200, &socket)
	if socket.URL != w.SocketURL() || !socket.Subscribed || socket.Open != 1 {
		t.Errorf("%+v", socket)
	}
	var out wecomtest.Outcome
	api.do(t, "POST", "/say", `{"robot":"long","user":"lisi","text":"验"}`, 200, &out)
	id, _ := c.callback(t, "aibot_msg_callback")
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "好")), 0)
	var d wecomtest.Delivery
	api.do(t, "GET", "/reply?delivery="+out.Delivery().ID, "", 200, &d)
	if len(d.Replies) != 1 || string(d.Answer) != `{"msgtype":"stream","stream":{"content":"好","finish":true,"id":"s"}}` {
		t.Errorf("%+v", d)
	}
	api.do(t, "GET", "/reply?n=2&seconds=1&delivery="+out.Delivery().ID, "", 200, &d)
	api.do(t, "GET", "/reply?delivery=none", "", 400, nil)
	api.do(t, "GET", "/reply?n=x", "", 400, nil)
	api.do(t, "POST", "/group-cards", `{"push":true}`, 200, nil)
	api.do(t, "POST", "/socket/forget", `{"robot":"long"}`, 200, nil)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "好")), 846605)
	api.do(t, "POST", "/socket/frame", `{"robot":"long","text":"{}"}`, 200, nil)
	if got := c.next(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
	api.do(t, "POST", "/socket/duplicate", `{"robot":"long"}`, 200, nil)
	w.heard(t, c, longChat)
	c.callback(t, "aibot_msg_callback")
	api.do(t, "POST", "/socket/lose", `{"robot":"long"}`, 200, nil)
	wantCode(t, c.call(t, "aibot_send_msg", "p", markdownTo("lisi", 1)), 846609)
	wantCode(t, c.call(t, "aibot_subscribe", "s", subscribeLong), 0)
	api.do(t, "POST", "/faults", `{"api":"sends","errcode":93006,"times":1}`, 200, nil)
	wantCode(t, c.call(t, "aibot_send_msg", "p", markdownTo("lisi", 1)), 93006)
	api.do(t, "POST", "/socket/kick", `{"robot":"long","times":1}`, 200, nil)
	c.callback(t, "aibot_event_callback")
	c.closed(t)
	c = w.subscribed(t)
	api.do(t, "POST", "/socket/drop", `{"robot":"long"}`, 200, nil)
	c.closed(t)
	api.do(t, "POST", "/socket/drop", `{"robot":"none"}`, 404, nil)
	var roster struct {
		Robots []struct {
			Name string
			Long bool `json:"long_connection"`
		}
	}
	api.do(t, "GET", "/roster", "", 200, &roster)
	if fmt.Sprint(roster.Robots) != "[{group false} {helper false} {long true}]" {
		t.Errorf("%+v", roster)
	}
}
