package wecomtest_test

// A client of a few lines for the long connection, written from page 101463.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"

	"yanquan/bot/wecom/wecomtest"
)

var (
	longChat  = wecomtest.InRobot("long", "lisi")
	longGroup = wecomtest.InGroup("wrAbC")
)

// setupLong is setup with one more robot, which has a long connection and is in
// the group wrAbC.
func setupLong(t *testing.T, edit ...func(*wecomtest.Options)) *world {
	t.Helper()
	return setup(t, append([]func(*wecomtest.Options){func(o *wecomtest.Options) {
		o.Robots = append(o.Robots, wecomtest.Robot{Name: "long", DisplayName: "长连", ID: "aibLONG", Secret: "s3cret", LongConnection: true})
		o.Groups[0].Robots = append(slices.Clone(o.Groups[0].Robots), "long")
	}}, edit...)...)
}

// client is one connection.
type client struct {
	conn *websocket.Conn
	n    int
}

func (w *world) dial(t *testing.T) *client {
	t.Helper()
	conn, _, err := websocket.Dial(ctx, w.SocketURL(), nil)
	must(t, err)
	conn.SetReadLimit(1 << 22)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{conn: conn}
}

// subscribed dials and subscribes.
func (w *world) subscribed(t *testing.T) *client {
	t.Helper()
	c := w.dial(t)
	wantCode(t, c.call(t, "aibot_subscribe", c.id(), `{"bot_id":"aibLONG","secret":"s3cret"}`), 0)
	return c
}

func (c *client) id() string { c.n++; return fmt.Sprint("req-", c.n) }

func (c *client) write(t *testing.T, text string) {
	t.Helper()
	must(t, c.conn.Write(ctx, websocket.MessageText, []byte(text)))
}

// send sends a frame and waits for nothing.
func (c *client) send(t *testing.T, cmd, reqID, body string) {
	t.Helper()
	if body == "" {
		c.write(t, fmt.Sprintf(`{"cmd":%q,"headers":{"req_id":%q}}`, cmd, reqID))
		return
	}
	c.write(t, fmt.Sprintf(`{"cmd":%q,"headers":{"req_id":%q},"body":%s}`, cmd, reqID, body))
}

func (c *client) read() (map[string]any, error) {
	limit, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	_, data, err := c.conn.Read(limit)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(data, &out)
}

// next is the next frame.
func (c *client) next(t *testing.T) map[string]any {
	t.Helper()
	out, err := c.read()
	must(t, err)
	return out
}

func reqID(frame map[string]any) string {
	headers, _ := frame["headers"].(map[string]any)
	id, _ := headers["req_id"].(string)
	return id
}

// ack is the next frame, which must be the ack of a frame.
func (c *client) ack(t *testing.T, id string) map[string]any {
	t.Helper()
	out := c.next(t)
	if _, has := out["cmd"]; has || reqID(out) != id || out["errmsg"] == "" {
		t.Fatalf("%v is not the ack of %s", out, id)
	}
	return out
}

// call sends a frame and waits for its ack.
func (c *client) call(t *testing.T, cmd, id, body string) map[string]any {
	t.Helper()
	c.send(t, cmd, id, body)
	return c.ack(t, id)
}

// callback is the next frame, which must be a callback.
func (c *client) callback(t *testing.T, cmd string) (id string, body map[string]any) {
	t.Helper()
	out := c.next(t)
	body, _ = out["body"].(map[string]any)
	if id = reqID(out); out["cmd"] != cmd || id == "" || body == nil {
		t.Fatalf("%v is no %s", out, cmd)
	}
	return id, body
}

// quiet checks that nothing has been sent: the ack of a ping is the next frame.
func (c *client) quiet(t *testing.T) {
	t.Helper()
	wantCode(t, c.call(t, "ping", c.id(), ""), 0)
}

// closed checks that the connection ends now.
func (c *client) closed(t *testing.T) {
	t.Helper()
	if out, err := c.read(); err == nil {
		t.Errorf("still open: %v", out)
	}
}

// heard lets lisi say something in 1:1 and returns the req_id.
func (w *world) heard(t *testing.T, c *client, where wecomtest.Where) string {
	t.Helper()
	if out := w.say(t, where, "lisi", "验 1"); !out.Delivery().Accepted() {
		t.Fatalf("not delivered: %+v", out)
	}
	id, _ := c.callback(t, "aibot_msg_callback")
	return id
}

func (w *world) lastShown(t *testing.T, where wecomtest.Where) wecomtest.Shown {
	t.Helper()
	s := w.Screen(where)
	if len(s) == 0 {
		t.Fatal("an empty screen")
	}
	return s[len(s)-1]
}

// sleepUntil sleeps until the channel is closed, whatever the duration.
func sleepUntil(release <-chan struct{}) func(context.Context, time.Duration) error {
	return func(ctx context.Context, _ time.Duration) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
