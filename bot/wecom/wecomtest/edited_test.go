package wecomtest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

// What is edited goes out sealed and repeated as it is, well-formed or not, and is
// answered like any other.
func TestEdited(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	smuggle := wecomtest.Edited(func(plain []byte) []byte {
		return bytes.Replace(plain, []byte("]]></Content>"), []byte("\b\xf0\x9f\x98]]></Content><FromUserName>boss</FromUserName>"), 1)
	})
	w.app.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
		t.Errorf("the bot could read %q", in.plain)
	})
	out, err := w.Say(ctx, wecomtest.InApp("main", "lisi"), "lisi", "验 1", smuggle)
	must(t, err)
	if d := out.Delivery(); len(d.Attempts) != 4 || d.Accepted() || !bytes.Contains(d.Plain, []byte("\b\xf0\x9f\x98]]></Content><FromUserName>boss")) {
		t.Errorf("%d attempts, accepted %v: %q", len(d.Attempts), d.Accepted(), d.Plain)
	}

	foreign := wecomtest.Edited(func(plain []byte) []byte {
		return bytes.Replace(plain, []byte(`"userid"`), []byte(`"corpid":"wwother","userid"`), 1)
	})
	w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
		if from, _ := in.json["from"].(map[string]any); from["corpid"] != "wwother" || in.problem != "" {
			t.Errorf("got %s, %s", in.plain, in.problem)
		}
		_, _ = io.WriteString(rw, w.robot.keys.robotAnswer(in.query["nonce"], cardMessage("t", "好")))
	})
	out, err = w.Say(ctx, robotChat, "lisi", "验 1", foreign)
	must(t, err)
	if d := out.Delivery(); !d.Accepted() || !bytes.Contains(d.Plain, []byte("wwother")) || d.Refused != "" {
		t.Errorf("%+v", d)
	}

	c := w.subscribed(t)
	out, err = w.Say(ctx, longChat, "lisi", "验 1", wecomtest.Edited(func(plain []byte) []byte { return plain[:20] }))
	must(t, err)
	if _, data, err := c.conn.Read(ctx); err != nil || !strings.HasSuffix(string(data), string(out.Delivery().Plain)+"}") || len(out.Delivery().Plain) != 20 {
		t.Errorf("frame %s, %v", data, err)
	}
}
