package wecomtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

func textTo(to, content string) string {
	return fmt.Sprintf(`{"touser":%q,"agentid":1000002,"msgtype":"text","text":{"content":%q}}`, to, content)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.token(t)
	w.clock.advance(time.Hour)
	out := w.get(t, "/cgi-bin/gettoken?corpid=wwcorp&corpsecret=s3cret")
	if out["access_token"] != first || out["expires_in"] != float64(3600) {
		t.Errorf("an hour later: %v", out)
	}
	wantCode(t, w.get(t, "/cgi-bin/gettoken?corpid=wwcorp&corpsecret=wrong"), 40001)
	wantCode(t, w.get(t, "/cgi-bin/gettoken?corpid=wwnope&corpsecret=s3cret"), 40013)
	path := "/cgi-bin/getcallbackip?access_token="
	wantCode(t, w.get(t, path+first), 0)
	wantCode(t, w.get(t, path), 41001)
	wantCode(t, w.get(t, path+"nonsense"), 40014)
	w.clock.advance(time.Hour)
	wantCode(t, w.get(t, path+first), 42001)
	second := w.token(t)
	if second == first {
		t.Error("an expired token was handed out")
	}
	w.InvalidateTokens()
	wantCode(t, w.get(t, path+second), 40014)
	third := w.token(t)
	wantCode(t, w.get(t, path+third), 0)
	w.ExpireTokens()
	wantCode(t, w.get(t, path+third), 42001)
	if w.Calls("gettoken") != 6 {
		t.Errorf("gettoken was called %d times", w.Calls("gettoken"))
	}
}

func TestSendText(t *testing.T) {
	t.Parallel()
	w := setup(t)
	out := w.send(t, textTo("LISI|nobody|zhangsan|lisi", "日报"))
	wantCode(t, out, 0)
	if out["invaliduser"] != "nobody" || out["msgid"] == "" || out["response_code"] != nil {
		t.Errorf("answer: %v", out)
	}
	for _, user := range []string{"lisi", "zhangsan"} {
		s := w.Screen(wecomtest.InApp("main", user))
		if len(s) != 1 || s[0].Text != "日报" || s[0].Kind != wecomtest.KindText || !s[0].FromBot {
			t.Errorf("%s sees %+v", user, s)
		}
	}
	w.wantNoRefusals(t)
	wantCode(t, w.send(t, textTo("@all", "全员")), 0)
	if n := len(w.Screen(wecomtest.InApp("main", "wangwu"))); n != 1 {
		t.Errorf("wangwu sees %d", n)
	}
}

func TestSendRefusals(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Apps[0].Visible = []string{"lisi"} })
	token := w.token(t)
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"agentid a string": {`{"touser":"lisi","agentid":"1000002","msgtype":"text","text":{"content":"x"}}`, 40058},
		"agentid a float":  {`{"touser":"lisi","agentid":1000002.5,"msgtype":"text","text":{"content":"x"}}`, 40058},
		"no agentid":       {`{"touser":"lisi","msgtype":"text","text":{"content":"x"}}`, 40056},
		"another's agent":  {`{"touser":"lisi","agentid":1000003,"msgtype":"text","text":{"content":"x"}}`, 301002},
		"unknown agent":    {`{"touser":"lisi","agentid":7,"msgtype":"text","text":{"content":"x"}}`, 40056},
		"nobody":           {textTo("nobody|neither", "x"), 81013},
		"not visible":      {textTo("zhangsan", "x"), 81013},
		"department":       {`{"toparty":"1","agentid":1000002,"msgtype":"text","text":{"content":"x"}}`, 81013},
		"no receiver":      {textTo("", "x"), 82001},
		"too many":         {textTo(strings.Repeat("a|", 1000)+"b", "x"), 40031},
		"empty text":       {textTo("lisi", ""), 44004},
		"text too long":    {textTo("lisi", strings.Repeat("好", 683)), 45002},
		"markdown too long": {fmt.Sprintf(`{"touser":"lisi","agentid":1000002,"msgtype":"markdown","markdown":{"content":%q}}`,
			strings.Repeat("x", 2049)), 45002},
		"type":           {`{"touser":"lisi","agentid":1000002,"msgtype":"stream","stream":{}}`, 40008},
		"no type":        {`{"touser":"lisi","agentid":1000002}`, 40008},
		"touser a list":  {`{"touser":["lisi"],"agentid":1000002,"msgtype":"text","text":{"content":"x"}}`, 40058},
		"no JSON":        {`touser=lisi`, 40058},
		"unknown medium": {`{"touser":"lisi","agentid":1000002,"msgtype":"image","image":{"media_id":"x"}}`, 40007},
		"no card":        {`{"touser":"lisi","agentid":1000002,"msgtype":"template_card"}`, 42031},
	} {
		n := len(w.Refusals())
		out := w.post(t, "/cgi-bin/message/send?access_token="+token, c.body)
		if wantCode(t, out, c.code); t.Failed() {
			t.Fatal(name)
		}
		if all := w.Refusals(); len(all) != n+1 || all[n].Code != c.code || all[n].What != "message/send" || all[n].Bot != "app/main" {
			t.Errorf("%s: refusals %+v", name, all[n:])
		}
	}
	wantCode(t, w.get(t, "/cgi-bin/message/send?access_token="+token), 40058)
	wantCode(t, w.post(t, "/cgi-bin/message/send", textTo("lisi", "x")), 41001)
	if n := len(w.Screen(wecomtest.InApp("main", "lisi"))); n != 0 {
		t.Errorf("%d bubbles", n)
	}
	// At the limits.
	wantCode(t, w.post(t, "/cgi-bin/message/send?access_token="+token, textTo("lisi", strings.Repeat("x", 2048))), 0)
}

func TestTrustedIP(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.SetTrustedIPs([]string{"203.0.113.9"})
	out := w.send(t, textTo("lisi", "x")) // gettoken itself works
	wantCode(t, out, 60020)
	if msg, _ := out["errmsg"].(string); !strings.Contains(msg, "from ip: 127.0.0.1") || !strings.Contains(msg, "hint: [") {
		t.Errorf("errmsg %q", msg)
	}
	w.SetTrustedIPs([]string{"127.0.0.1"})
	wantCode(t, w.send(t, textTo("lisi", "x")), 0)
}

func TestMemberRate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	token := w.token(t)
	send := func(i int) {
		wantCode(t, w.post(t, "/cgi-bin/message/send?access_token="+token, textTo("lisi", fmt.Sprint(i))), 0)
	}
	for i := range 32 {
		send(i)
	}
	if n := len(w.Screen(wecomtest.InApp("main", "lisi"))); n != 30 {
		t.Errorf("%d arrived", n)
	}
	if d := w.Dropped(); len(d) != 2 || d[0].User != "lisi" || d[0].Text != "30" {
		t.Errorf("dropped %+v", d)
	}
	w.clock.advance(time.Minute)
	send(99)
	if n := len(w.Screen(wecomtest.InApp("main", "lisi"))); n != 31 {
		t.Errorf("%d arrived after a minute", n)
	}
	w.wantNoRefusals(t)
}

func TestDuplicateCheck(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := `{"touser":"lisi","agentid":1000002,"msgtype":"template_card","enable_duplicate_check":1,"duplicate_check_interval":600,"template_card":` + buttonCard("t", "x") + `}`
	first := w.send(t, body)
	w.clock.advance(599 * time.Second)
	if again := w.send(t, body); !cmp.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	if n := len(w.Screen(wecomtest.InApp("main", "lisi"))); n != 1 || len(w.Dropped()) != 1 {
		t.Errorf("%d bubbles, dropped %+v", n, w.Dropped())
	}
	w.clock.advance(time.Second)
	wantCode(t, w.send(t, body), 42014) // no longer swallowed, and the task id is taken for ever
	for range 2 {
		wantCode(t, w.send(t, textTo("lisi", "又")), 0)
	}
	if n := len(w.Screen(wecomtest.InApp("main", "lisi"))); n != 3 {
		t.Errorf("%d bubbles: without the check nothing is swallowed", n)
	}
}

func TestActiveUpdate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	code := w.appCard(t, "lisi|zhangsan", buttonCard("t1", "券"))
	update := func(body string) map[string]any {
		return w.post(t, "/cgi-bin/message/update_template_card?access_token="+w.token(t), body)
	}
	card := buttonCard("ignored", "核销成功")
	body := func(users, code, what string) string {
		return fmt.Sprintf(`{"userids":%s,"agentid":1000002,"response_code":%q,%s}`, users, code, what)
	}
	wantCode(t, update(body(`["lisi"]`, "wrong", `"template_card":`+card)), 60140)
	w.wantUsed(t, false)
	wantCode(t, update(body(`[]`, code, `"template_card":`+card)), 82001)
	wantCode(t, update(body(`["wangwu"]`, code, `"template_card":`+card)), 81013)
	wantCode(t, update(body(`"lisi"`, code, `"template_card":`+card)), 40058)
	wantCode(t, update(body(`["lisi"]`, code, `"button":{}`)), 42038)
	wantCode(t, update(body(`["lisi"]`, code, `"template_card":{"card_type":"button_interaction","main_title":{"title":"x"}}`)), 42036)

	out := update(body(`["LiSi","wangwu"]`, code, `"template_card":`+card))
	wantCode(t, out, 0)
	if d := cmp.Diff([]any{"wangwu"}, out["invaliduser"]); d != "" {
		t.Error(d)
	}
	if s := w.lastCard(t, "lisi"); s.Card.Title != "核销成功" || s.Replaced != 1 || s.Card.TaskID != "t1" {
		t.Errorf("lisi: %+v", s)
	}
	if s := w.lastCard(t, "zhangsan"); s.Card.Title != "券" {
		t.Errorf("zhangsan: %+v", s)
	}
	wantCode(t, update(body(`["lisi"]`, code, `"template_card":`+card)), 60140)
	w.wantUsed(t, true)

	// A click brings a new one; it works for 72 hours.
	_, err := w.Press(ctx, wecomtest.InApp("main", ""), "lisi", w.lastCard(t, "lisi").ID, "ok")
	must(t, err)
	clicked := w.app.last(t).xml.ResponseCode
	w.clock.advance(72*time.Hour - time.Second)
	wantCode(t, update(fmt.Sprintf(`{"atall":1,"agentid":1000002,"response_code":%q,"button":{"replace_name":"已处理"}}`, clicked)), 0)
	for _, u := range []string{"lisi", "zhangsan"} {
		if c := w.lastCard(t, u).Card; !c.Dead || c.ReplaceText != "已处理" {
			t.Errorf("%s: %+v", u, c)
		}
	}
	code = w.appCard(t, "lisi", buttonCard("t2", "券"))
	w.clock.advance(72 * time.Hour)
	wantCode(t, update(body(`["lisi"]`, code, `"template_card":`+card)), 60140)
	w.wantUsed(t, false)

	// Another app of the corp cannot use it.
	code = w.appCard(t, "lisi", buttonCard("t3", "券"))
	other := w.get(t, "/cgi-bin/gettoken?corpid=wwcorp&corpsecret=other")["access_token"].(string)
	wantCode(t, w.post(t, "/cgi-bin/message/update_template_card?access_token="+other,
		strings.Replace(body(`["lisi"]`, code, `"template_card":`+card), "1000002", "1000003", 1)), 60140)

	// A notice without a menu has no code.
	notice := `{"card_type":"text_notice","main_title":{"title":"x"},"card_action":{"type":1,"url":"https://a"}}`
	if code := w.appCard(t, "lisi", notice); code != "" {
		t.Errorf("a plain notice got response_code %q", code)
	}
}

func TestResponseURL(t *testing.T) {
	t.Parallel()
	w := setup(t)
	url := func() string {
		in := w.robot.last(t).json
		return strings.TrimPrefix(in["response_url"].(string), w.api.URL)
	}
	markdown := func(s string) string {
		return fmt.Sprintf(`{"msgtype":"markdown","markdown":{"content":%q}}`, s)
	}
	group := wecomtest.InGroup("wrAbC")
	said := w.say(t, group.Mention("group"), "lisi", "验 1")
	u := url()
	wantCode(t, w.post(t, u, cardMessage("t1", "x")), 40008) // groups take markdown only
	wantCode(t, w.post(t, u, `{"template_card":{}}`), 40008)
	wantCode(t, w.post(t, u, markdown("")), 44004)
	wantCode(t, w.post(t, u, markdown(strings.Repeat("x", 20481))), 45002)
	wantCode(t, w.post(t, u, markdown("**核销成功**")), 0)
	wantCode(t, w.post(t, u, markdown("again")), 60140)
	w.wantRefusal(t, 60140, "aibot/response")
	w.wantUsed(t, true)
	screen := w.Screen(group)
	if s := screen[len(screen)-1]; s.Kind != wecomtest.KindMarkdown || s.Text != "**核销成功**" || s.ReplyTo != said.Shown || s.From != "验券" {
		t.Errorf("shown: %+v", s)
	}

	w.say(t, robotChat, "lisi", "验 2")
	u = url()
	w.clock.advance(time.Hour - time.Second)
	wantCode(t, w.post(t, u, cardMessage("t2", "单聊")), 0)
	card := w.Screen(robotChat)[1]
	if card.Card == nil || card.Card.Title != "单聊" {
		t.Fatalf("shown: %+v", card)
	}
	_, err := w.Press(ctx, robotChat, "lisi", card.ID, "ok")
	must(t, err)
	u = url()
	w.clock.advance(time.Hour)
	wantCode(t, w.post(t, u, markdown("late")), 60140)
	wantCode(t, w.post(t, "/cgi-bin/aibot/response?response_code=nonsense", markdown("x")), 60140)
}

func TestMedia(t *testing.T) {
	t.Parallel()
	w := setup(t)
	upload := func(kind string, data []byte) map[string]any {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		f, err := m.CreateFormFile("media", "日报.csv")
		must(t, err)
		_, err = f.Write(data)
		must(t, err)
		must(t, m.Close())
		resp, err := http.Post(w.api.URL+"/cgi-bin/media/upload?type="+kind+"&access_token="+w.token(t), m.FormDataContentType(), &b)
		return decode(t, resp, err)
	}
	wantCode(t, upload("file", []byte("12345")), 40006)
	wantCode(t, upload("video2", []byte("123456")), 40004)
	wantCode(t, upload("voice", make([]byte, 2<<20+1)), 40006)
	out := upload("file", []byte("code,price\n"))
	wantCode(t, out, 0)
	id, _ := out["media_id"].(string)
	body := fmt.Sprintf(`{"touser":"lisi","agentid":1000002,"msgtype":"file","file":{"media_id":%q}}`, id)
	wantCode(t, w.send(t, body), 0)
	shown := w.Screen(wecomtest.InApp("main", "lisi"))
	if m, ok := w.Medium(shown[len(shown)-1].Text); !ok || m.Kind != "file" || m.Name != "日报.csv" || string(m.Data) != "code,price\n" {
		t.Errorf("lisi got %+v", m)
	}
	if _, ok := w.Medium("nonsense"); ok {
		t.Error("a medium nobody uploaded")
	}
	wantCode(t, w.send(t, strings.ReplaceAll(body, `"file"`, `"image"`)), 40007)
	wantCode(t, upload("image", []byte("code,price\n")), 40005)
	wantCode(t, upload("image", append([]byte("\x89PNG\r\n\x1a\n"), 1, 2)), 0)
	path := "/cgi-bin/media/get?media_id=" + id + "&access_token="
	if got := fetch(t, w.api.URL+path+w.token(t)); got != "code,price\n" {
		t.Errorf("media/get: %q", got)
	}
	wantCode(t, w.post(t, "/cgi-bin/media/upload?type=file&access_token="+w.token(t), "x"), 41005)
	w.clock.advance(72 * time.Hour)
	wantCode(t, w.send(t, body), 40007)
	wantCode(t, w.get(t, path+w.token(t)), 40007)

	again, _ := upload("file", []byte("code,price\n"))["media_id"].(string)
	body = strings.ReplaceAll(body, id, again)
	wantCode(t, w.send(t, body), 0)
	w.ExpireMedia()
	wantCode(t, w.send(t, body), 40007)
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Apps[0].Visible = []string{"zhangsan"} })
	path := "/cgi-bin/user/get?access_token=" + w.token(t) + "&userid="
	if out := w.get(t, path+"ZHANGSAN"); out["name"] != "张三" || out["userid"] != "ZhangSan" {
		t.Errorf("%v", out)
	}
	wantCode(t, w.get(t, path+"lisi"), 60111)
	wantCode(t, w.get(t, path+"nobody"), 60111)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Sleep = nil })
	token := w.token(t)
	send := func() (int, string, error) {
		resp, err := http.Post(w.api.URL+"/cgi-bin/message/send?access_token="+token, "", strings.NewReader(textTo("lisi", "x")))
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), err
	}
	shown := func() int { return len(w.Screen(wecomtest.InApp("main", "lisi"))) }

	w.FailNext("message/send", 45009, 2)
	for range 2 {
		if _, body, err := send(); err != nil || !strings.Contains(body, `"errcode":45009`) {
			t.Errorf("%q %v", body, err)
		}
	}
	if _, body, _ := send(); !strings.Contains(body, `"errcode":0`) || shown() != 1 {
		t.Errorf("%q, %d shown", body, shown())
	}
	w.Fail(wecomtest.Fault{API: "gettoken", Status: 500}) // another API
	w.Fail(wecomtest.Fault{Status: 502, Times: 1})
	if status, _, _ := send(); status != 502 || shown() != 1 {
		t.Errorf("status %d", status)
	}
	w.Fail(wecomtest.Fault{API: "message/send", Body: "<html>", Times: 1, After: true})
	if _, body, _ := send(); body != "<html>" || shown() != 2 {
		t.Errorf("%q, %d shown", body, shown())
	}
	for i, f := range []wecomtest.Fault{{Drop: true, Times: 1}, {Drop: true, After: true, Times: 1}} {
		before := shown()
		w.Fail(f)
		if _, _, err := send(); err == nil {
			t.Errorf("fault %d: answered", i)
		}
		if took := shown() - before; (took == 1) != f.After {
			t.Errorf("fault %d: %d messages took effect", i, took)
		}
	}
	w.Fail(wecomtest.Fault{Delay: time.Millisecond})
	if _, body, err := send(); err != nil || !strings.Contains(body, `"errcode":0`) {
		t.Errorf("slow: %q %v", body, err)
	}
	w.ClearFaults()
	w.token(t)
	w.wantNoRefusals(t) // faults are not refusals
}

// What hangs or is slow lasts until the caller has left, and has had its effect before or
// not at all.
func TestFaultsThatLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := wecomtest.New(wecomtest.Options{
			Apps:  []wecomtest.App{{Name: "main", CorpID: "wwcorp", AgentID: 1000002, Secret: "s3cret"}},
			Users: []wecomtest.User{{ID: "lisi", Name: "李四"}},
		})
		defer w.Close()
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/cgi-bin/gettoken?corpid=wwcorp&corpsecret=s3cret", nil))
		var token struct {
			Token string `json:"access_token"`
		}
		must(t, json.Unmarshal(rec.Body.Bytes(), &token))
		shown := func() int { return len(w.Screen(wecomtest.InApp("main", "lisi"))) }
		for i, f := range []wecomtest.Fault{
			{Hang: true, Times: 1}, {Hang: true, After: true, Times: 1},
			{Delay: time.Hour, Times: 1}, {Delay: time.Hour, After: true, Times: 1},
		} {
			before := shown()
			w.Fail(f)
			c, leave := context.WithCancel(ctx)
			rec, ended := httptest.NewRecorder(), false
			req := httptest.NewRequest(http.MethodPost, "/cgi-bin/message/send?access_token="+token.Token, strings.NewReader(textTo("lisi", "x")))
			go func() { w.ServeHTTP(rec, req.WithContext(c)); ended = true }()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if ended {
				t.Errorf("fault %d: answered", i)
			}
			leave()
			synctest.Wait()
			if !ended || rec.Code != http.StatusBadGateway || rec.Body.Len() != 0 { // a recorder has no connection to close
				t.Errorf("fault %d: ended %v, status %d, %q", i, ended, rec.Code, rec.Body)
			}
			if took := shown() - before; (took == 1) != f.After {
				t.Errorf("fault %d: %d messages took effect", i, took)
			}
		}
	})
}

func TestCloseEndsHangingRequests(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Fail(wecomtest.Fault{Hang: true})
	version := w.Version()
	done := make(chan error, 1)
	go func() {
		resp, err := http.Get(w.api.URL + "/cgi-bin/gettoken")
		if err == nil {
			_ = resp.Body.Close()
		}
		done <- err
	}()
	<-w.Changed(version)
	if w.Calls("gettoken") != 1 {
		t.Errorf("gettoken was called %d times", w.Calls("gettoken"))
	}
	w.Close()
	if err := <-done; err == nil {
		t.Error("answered")
	}
}
