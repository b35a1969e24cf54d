package wecomtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

func (w *world) menu(t *testing.T, agent, body string) map[string]any {
	t.Helper()
	return w.post(t, "/cgi-bin/menu/create?access_token="+w.token(t)+"&agentid="+agent, body)
}

func TestMenu(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if w.Menu("main") != nil || w.Menu("nope") != nil {
		t.Error("a menu from nowhere")
	}
	entry := func(kind, name, key string) string {
		return fmt.Sprintf(`{"type":%q,"name":%q,"key":%q}`, kind, name, key)
	}
	list := func(n int, e string) string { return strings.Repeat(e+",", n-1) + e }
	button := func(s string) string { return `{"button":[` + s + `]}` }
	sub := func(name, s string) string { return fmt.Sprintf(`{"name":%q,"sub_button":[%s]}`, name, s) }
	for _, c := range []struct {
		body string
		code int
	}{
		{button(list(3, entry("click", "记录", "k"))), 0},
		{button(list(4, entry("click", "记录", "k"))), 40016},
		{button(``), 40016},
		{`{}`, 40016},
		{`{"button":1}`, 40058},
		{button(entry("click", "", "k")), 40018},
		{button(entry("click", strings.Repeat("x", 16), "k")), 0},
		{button(entry("click", strings.Repeat("x", 17), "k")), 40018},
		{button(entry("click", "记录", "")), 40019},
		{button(entry("click", "记录", strings.Repeat("k", 128))), 0},
		{button(entry("click", "记录", strings.Repeat("k", 129))), 40019},
		{button(entry("shout", "记录", "k")), 40017},
		{button(`{"name":"记录"}`), 40017},
		{button(`{"type":"view","name":"后台","url":"https://a"}`), 0},
		{button(`{"type":"view","name":"后台","url":"a"}`), 40020},
		{button(sub("更多", list(5, entry("click", strings.Repeat("x", 40), "k")))), 0},
		{button(sub("更多", list(6, entry("click", "x", "k")))), 40023},
		{button(sub("更多", entry("click", strings.Repeat("x", 41), "k"))), 40018},
		{button(sub("更多", entry("click", "x", ""))), 40019},
		{button(sub("更多", sub("还有", entry("click", "x", "k")))), 40017},
		{button(sub("更多", `{"type":"click","name":"x","key":"k","sub_button":[{"name":"y"}]}`)), 40022},
		{button(sub("更多", `1`)), 40058},
	} {
		if out := w.menu(t, "1000002", c.body); out["errcode"] != float64(c.code) {
			t.Errorf("%s: %v", c.body, out)
		}
	}
	wantCode(t, w.menu(t, "1000003", button(entry("click", "x", "k"))), 40056)
	w.wantRefusal(t, 40056, "menu/create")

	wantCode(t, w.menu(t, "1000002", button(entry("scancode_waitmsg", "扫码验券", "scan")+","+
		sub("更多", entry("click", "记录", "history")+","+entry("scancode_push", "扫码查券", "look")))), 0)
	want := []wecomtest.MenuEntry{{Type: "scancode_waitmsg", Name: "扫码验券", Key: "scan"},
		{Name: "更多", Sub: []wecomtest.MenuEntry{{Type: "click", Name: "记录", Key: "history"}, {Type: "scancode_push", Name: "扫码查券", Key: "look"}}}}
	if d := cmp.Diff(want, w.Menu("main")); d != "" {
		t.Error(d)
	}
	// Now only what is in the menu can be pressed.
	app := wecomtest.InApp("main", "lisi")
	for _, err := range []error{
		second(w.Scan(ctx, app, "lisi", "look", "1")), second(w.ScanPush(ctx, app, "lisi", "scan", "1")), second(w.Click(ctx, app, "lisi", "更多")),
		second(w.ScanPush(ctx, robotChat, "lisi", "scan", "1")), second(w.Click(ctx, robotChat, "lisi", "k")),
	} {
		if !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%v", err)
		}
	}
	must(t, second(w.Scan(ctx, app, "lisi", "scan", "1")))
	must(t, second(w.Click(ctx, app, "lisi", "history")))
	if x := w.app.last(t).xml; x.Event != "click" || x.EventKey != "history" || x.MsgType != "event" || x.AgentID != 1000002 {
		t.Errorf("click: %+v", x)
	}
}

func (w *world) appText(to string) string {
	return fmt.Sprintf(`<xml><ToUserName>%s</ToUserName><FromUserName>wwcorp</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>好</Content></xml>`, to)
}

// Some events of an app take a passive answer, some do not (page 90241).
func TestEventsOfAnApp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	app := wecomtest.InApp("main", "lisi")
	w.app.answers(w.appText("lisi"))
	shown := func() int { return len(w.Screen(app)) }
	must(t, second(w.Subscribe(ctx, app, "lisi")))
	if x := w.app.last(t).xml; x.Event != "subscribe" || x.FromUserName != "lisi" {
		t.Errorf("subscribe: %+v", x)
	}
	must(t, second(w.Scan(ctx, app, "lisi", "k", "1")))
	must(t, second(w.Click(ctx, app, "lisi", "k")))
	must(t, second(w.Enter(ctx, app, "lisi")))
	if shown() != 4 {
		t.Errorf("%d answers, refusals %+v", shown(), w.Refusals())
	}
	w.wantNoRefusals(t)
	must(t, second(w.ScanPush(ctx, app, "lisi", "k", "7992697494")))
	if x := w.app.last(t).xml; x.Event != "scancode_push" || x.ScanCodeInfo.ScanResult != "7992697494" || x.ScanCodeInfo.ScanType != "qrcode" {
		t.Errorf("scan: %+v", x)
	}
	w.wantRefusal(t, 40008, "passive answer")
	if shown() != 4 {
		t.Errorf("%d answers", shown())
	}
	if err := second(w.Subscribe(ctx, robotChat, "lisi")); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("%v", err)
	}

	w.app.answers("")
	effect := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, event := range []string{"inactive_alert", "close_inactive_agent", "reopen_inactive_agent", "low_active_alert", "low_active", "active_restored"} {
		d, err := w.AgentEvent(ctx, "main", event, effect)
		must(t, err)
		x := w.app.last(t)
		if !d.Accepted() || x.xml.Event != event || x.xml.AgentID != 1000002 || !strings.Contains(x.plain, fmt.Sprintf("<EffectTime>%d</EffectTime>", effect.Unix())) {
			t.Errorf("%s: %s", event, x.plain)
		}
	}
	w.app.answers(w.appText("sys"))
	_, err := w.AgentEvent(ctx, "main", "inactive_alert", effect)
	must(t, err)
	w.wantRefusal(t, 40008, "passive answer")
	for _, c := range [][2]string{{"main", "subscribe"}, {"nope", "inactive_alert"}} {
		if _, err := w.AgentEvent(ctx, c[0], c[1], effect); !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%v: %v", c, err)
		}
	}
	w.Close()
	if _, err := w.AgentEvent(ctx, "main", "inactive_alert", effect); !errors.Is(err, wecomtest.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestControlOfMediaAndMenus(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	api := newControl(t, w)
	c := w.subscribed(t)
	var out wecomtest.Outcome
	api.do(t, "POST", "/mixed", `{"group":"wrAbC","robot":"long","user":"lisi","parts":[{"text":"验"},{"picture":"QUJD","spoil":{"expired":true}},{"picture":"REVG"}]}`, 200, &out)
	_, body := c.callback(t, "aibot_msg_callback")
	items := body["mixed"].(map[string]any)["msg_item"].([]any)
	url, _ := image(t, items[1].(map[string]any)["image"])
	if status(t, url) != 404 {
		t.Error("not expired")
	}
	url, key := image(t, items[2].(map[string]any)["image"])
	if decryptPicture(t, fetch(t, url), key) != "DEF" {
		t.Errorf("%v", items)
	}
	api.do(t, "POST", "/pictures/expire", "", 200, nil)
	if status(t, url) != 404 {
		t.Error("not expired")
	}
	api.do(t, "POST", "/picture", `{"robot":"long","user":"lisi","data":"QUJD","spoil":{"truncate":1}}`, 200, &out)
	_, body = c.callback(t, "aibot_msg_callback")
	if url, _ = image(t, body["image"]); len(fetch(t, url)) != 31 {
		t.Error("not cut")
	}
	api.do(t, "POST", "/scan-push", `{"app":"main","user":"lisi","key":"k","text":"1"}`, 200, &out)
	api.do(t, "POST", "/click", `{"app":"main","user":"lisi","key":"k"}`, 200, &out)
	api.do(t, "POST", "/subscribe", `{"app":"main","user":"lisi"}`, 200, &out)
	if x := w.app.last(t).xml; x.Event != "subscribe" {
		t.Errorf("%+v", x)
	}
	var d wecomtest.Delivery
	api.do(t, "POST", "/agent-event", `{"app":"main","event":"inactive_alert","effect":1800000000}`, 200, &d)
	if !d.Accepted() || !strings.Contains(w.app.last(t).plain, "<EffectTime>1800000000<") {
		t.Errorf("%+v", d)
	}
	wantCode(t, w.menu(t, "1000002", `{"button":[{"type":"click","name":"记录","key":"k"}]}`), 0)
	var menu struct{ Menu []wecomtest.MenuEntry }
	api.do(t, "GET", "/menu?app=main", "", 200, &menu)
	if len(menu.Menu) != 1 || menu.Menu[0].Key != "k" {
		t.Errorf("%+v", menu)
	}
}
