package wecom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

const (
	testSecret       = "app-secret-0123456789"
	testResponseCode = "response-code-abcdef"
)

// fakeAPI answers the calls a Sender makes. Its answers are queued by path; an
// empty queue means success.
type fakeAPI struct {
	*httptest.Server

	mu      sync.Mutex
	tokens  int // handed out so far
	queue   map[string][]http.HandlerFunc
	got     []apiRequest
	expires int
}

type apiRequest struct {
	Path  string
	Query string
	Body  map[string]any
}

func newFakeAPI(t *testing.T) *fakeAPI {
	t.Helper()
	f := &fakeAPI{queue: make(map[string][]http.HandlerFunc), expires: 7200}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/cgi-bin/")
	f.mu.Lock()
	var next http.HandlerFunc
	if queue := f.queue[path]; len(queue) > 0 {
		next, f.queue[path] = queue[0], queue[1:]
	}
	f.mu.Unlock()
	if path == "gettoken" {
		if next != nil {
			next(w, r)
			return
		}
		f.mu.Lock()
		f.tokens++
		token := fmt.Sprintf("access-token-%d", f.tokens)
		f.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": f.expires})
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	f.mu.Lock()
	f.got = append(f.got, apiRequest{path, r.URL.RawQuery, body})
	f.mu.Unlock()
	if next == nil {
		next = answer(`{"errcode":0,"errmsg":"ok","msgid":"M1","response_code":"` + testResponseCode + `"}`)
	}
	next(w, r)
}

// then queues answers for a path.
func (f *fakeAPI) then(path string, answers ...http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue[path] = append(f.queue[path], answers...)
}

func (f *fakeAPI) requests() []apiRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.got
	f.got = nil
	return out
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func code(n int) http.HandlerFunc {
	return answer(fmt.Sprintf(`{"errcode":%d,"errmsg":"no, hint: [17], from ip: 203.0.113.7"}`, n))
}

func status(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n/100 == 3 {
			w.Header().Set("Location", "http://192.0.2.1/?"+r.URL.RawQuery)
		}
		w.WriteHeader(n)
		_, _ = io.WriteString(w, r.URL.String())
	}
}

// cut drops the connection without an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func testSender(t *testing.T, f *fakeAPI) *Sender {
	t.Helper()
	s, err := NewSender(SenderConfig{
		APIURL:      f.URL + "/",
		Apps:        []AppConfig{{Name: "main", CorpID: sampleCorpID, AgentID: testAgent, Secret: testSecret}},
		FallbackURL: testFallback,
		Now:         func() time.Time { return testNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appDelivery(reply bot.Reply, form bot.Form) bot.Delivery {
	return bot.Delivery{ID: "d1", Channel: "app/main", User: "zhangsan", Reply: reply, Form: form}
}

func robotDelivery(f *fakeAPI, reply bot.Reply, form bot.Form) bot.Delivery {
	return bot.Delivery{
		ID: "d1", Channel: "bot/group", Chat: "wrABC", User: "zhangsan", Reply: reply, Form: form,
		Way: RobotWay(f.URL + "/cgi-bin/aibot/response?response_code=" + testResponseCode),
	}
}

// deliveryError has a delivery fail and compares the verdict.
func deliveryError(t *testing.T, s *Sender, d bot.Delivery, want bot.DeliveryError) error {
	t.Helper()
	_, err := s.Deliver(context.Background(), d)
	var got *bot.DeliveryError
	if !errors.As(err, &got) {
		t.Fatalf("err = %v, want a DeliveryError %+v", err, want)
	}
	inner := got.Err
	verdict := *got
	verdict.Err, want.Err = nil, nil
	if verdict != want {
		t.Errorf("%+v (%v), want %+v", verdict, inner, want)
	}
	for text := range strings.SplitSeq(fmt.Sprintf("%v\n%+v\n%#v", err, err, inner), "\n") {
		for _, secret := range []string{testSecret, testResponseCode, "access-token-"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %q", secret, text)
			}
		}
	}
	return err
}

func TestGoldenSends(t *testing.T) {
	t.Parallel()
	all := replies()
	for _, name := range []string{"success", "refusal", "confirm", "undo", "pending", "help", "list"} {
		for _, form := range []bot.Form{bot.AsUpdate, bot.AsCard, bot.AsMarkdown, bot.AsText} {
			if all[name].Card == nil && (form == bot.AsUpdate || form == bot.AsCard) {
				continue
			}
			t.Run(name+"."+string(form), func(t *testing.T) {
				t.Parallel()
				api := newFakeAPI(t)
				s := testSender(t, api)
				d := appDelivery(all[name], form)
				d.Way = wayOfApp(testResponseCode)
				sent, err := s.Deliver(context.Background(), d)
				if err != nil {
					t.Fatal(err)
				}
				if want := (bot.Sent{MessageID: "M1", Code: testResponseCode}); sent != want {
					t.Errorf("sent = %+v", sent)
				}
				golden(t, "sends/"+name+".app."+string(form)+".json", pretty(t, api.requests()))

				if form == bot.AsUpdate {
					return
				}
				d = robotDelivery(api, all[name], form)
				if form == bot.AsCard {
					d.Chat = ""
					if d.Reply.Text != "" {
						return
					}
				}
				if _, err := s.Deliver(context.Background(), d); err != nil {
					t.Fatal(err)
				}
				golden(t, "sends/"+name+".bot."+string(form)+".json", pretty(t, api.requests()))
			})
		}
	}
}

func TestFirstForm(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	card, text, both := replies()["success"], replies()["help"], replies()["list"]
	invalid := bot.Reply{Card: &bot.Card{TaskID: "a:b", Title: "题"}}
	tests := []struct {
		name          string
		channel, chat string
		way           bot.Way
		reply         bot.Reply
		want          bot.Form
	}{
		{"app", "app/main", "", bot.Way{}, card, bot.AsCard},
		{"app, clicked", "app/main", "", wayOfApp("RC"), card, bot.AsUpdate},
		{"app, card and text", "app/main", "", bot.Way{}, both, bot.AsCard},
		{"app, clicked, text", "app/main", "", wayOfApp("RC"), text, bot.AsMarkdown},
		{"app, invalid card", "app/main", "", wayOfApp("RC"), invalid, bot.AsMarkdown},
		{"robot, 1:1", "bot/group", "", RobotWay("u"), card, bot.AsCard},
		{"robot, 1:1, card and text", "bot/group", "", RobotWay("u"), both, bot.AsMarkdown},
		{"robot, 1:1, text", "bot/group", "", RobotWay("u"), text, bot.AsMarkdown},
		{"robot, group", "bot/group", "wrABC", RobotWay("u"), card, bot.AsMarkdown},
		{"robot, nowhere to answer", "bot/group", "", RobotWay(""), card, bot.AsMarkdown},
	}
	for _, tt := range tests {
		got := s.FirstForm(bot.Delivery{
			Channel: tt.channel, Chat: tt.chat, Card: "v-00", Way: tt.way, Reply: tt.reply,
		})
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAppRefusals(t *testing.T) {
	t.Parallel()
	reply := replies()["success"]
	const minute = time.Minute
	tests := []struct {
		code int
		form bot.Form
		want bot.DeliveryError
	}{
		{-1, bot.AsCard, bot.DeliveryError{Reason: "busy", Retry: true}},
		{42014, bot.AsCard, bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
		{42045, bot.AsUpdate, bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsCard}},
		{41016, bot.AsCard, bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
		{40008, bot.AsMarkdown, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsText}},
		{40058, bot.AsCard, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown}},
		{40058, bot.AsText, bot.DeliveryError{Reason: "content_refused"}},
		{60140, bot.AsUpdate, bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard}},
		{45009, bot.AsCard, bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate}},
		{45033, bot.AsText, bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate}},
		{60020, bot.AsCard, bot.DeliveryError{Reason: "ip_not_trusted", Retry: true, After: minute}},
		{301002, bot.AsCard, bot.DeliveryError{Reason: "misconfigured", Retry: true, After: minute}},
		{81013, bot.AsCard, bot.DeliveryError{Reason: "no_receiver"}},
		{60111, bot.AsText, bot.DeliveryError{Reason: "no_receiver"}},
		{82001, bot.AsMarkdown, bot.DeliveryError{Reason: "no_receiver"}},
		{99999, bot.AsCard, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown}},
		{99999, bot.AsText, bot.DeliveryError{Reason: "content_refused", Retry: true, After: 30 * time.Second, Alone: true}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d.%s", tt.code, tt.form), func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			api.then(apiSend, code(tt.code))
			api.then(apiUpdate, code(tt.code))
			d := appDelivery(reply, tt.form)
			d.Way = wayOfApp(testResponseCode)
			err := deliveryError(t, testSender(t, api), d, tt.want)
			if tt.code == 60020 && !strings.Contains(err.Error(), "203.0.113.7") {
				t.Errorf("the address is not in %q", err)
			}
		})
	}
}

func TestAppFailures(t *testing.T) {
	t.Parallel()
	reply := replies()["success"]
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   bot.DeliveryError
	}{
		{"502", status(502), bot.DeliveryError{Reason: "http_status", Retry: true, Lost: true}},
		{"404", status(404), bot.DeliveryError{Reason: "http_status", Retry: true, Lost: true, Alone: true, After: 30 * time.Second}},
		{"429", status(429), bot.DeliveryError{Reason: "rate_limited", Retry: true, Lost: true, After: afterRate}},
		{"redirect", status(302), bot.DeliveryError{Reason: "http_status", Retry: true, Lost: true, After: 30 * time.Second}},
		{"connection cut", cut, bot.DeliveryError{Reason: "network", Retry: true, Lost: true}},
		{"not JSON", answer("<html>access-token-1"), bot.DeliveryError{Reason: "bad_answer", Retry: true, Lost: true, Alone: true}},
		{"no errcode", answer("{}"), bot.DeliveryError{Reason: "bad_answer", Retry: true, Lost: true, Alone: true}},
		{"endless", answer(strings.Repeat(" ", maxAnswer) + `{"errcode":0}`), bot.DeliveryError{Reason: "bad_answer", Retry: true, Lost: true, Alone: true}},
		{"invalid user", answer(`{"errcode":0,"errmsg":"ok","invaliduser":"zhangsan"}`), bot.DeliveryError{Reason: "no_receiver"}},
		{"unlicensed user", answer(`{"errcode":0,"errmsg":"ok","unlicenseduser":"zhangsan"}`), bot.DeliveryError{Reason: "no_receiver"}},
		{"secrets in errmsg", answer(`{"errcode":45009,"errmsg":"access-token-1 ` + testSecret + ` ` + testResponseCode + `"}`),
			bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			api.then(apiSend, tt.answer)
			d := appDelivery(reply, bot.AsCard)
			d.Way = wayOfApp(testResponseCode)
			deliveryError(t, testSender(t, api), d, tt.want)
		})
	}
}

func TestDeliverRefusesHere(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	reply := replies()["success"]
	change := func(d bot.Delivery, f func(*bot.Delivery)) bot.Delivery { f(&d); return d }
	invalid := bot.Reply{Card: &bot.Card{TaskID: "a:b", Title: "题"}}
	tests := []struct {
		name string
		d    bot.Delivery
		want bot.DeliveryError
	}{
		{"empty", appDelivery(bot.Reply{}, bot.AsCard), bot.DeliveryError{Reason: "empty"}},
		{"unknown app", change(appDelivery(reply, bot.AsCard), func(d *bot.Delivery) { d.Channel = "app/other" }), bot.DeliveryError{Reason: "unknown_channel"}},
		{"unknown kind", change(appDelivery(reply, bot.AsCard), func(d *bot.Delivery) { d.Channel = "mail" }), bot.DeliveryError{Reason: "unknown_channel"}},
		{"no user", change(appDelivery(reply, bot.AsCard), func(d *bot.Delivery) { d.User = "" }), bot.DeliveryError{Reason: "no_receiver"}},
		{"no response code", appDelivery(reply, bot.AsUpdate), bot.DeliveryError{Reason: "update_refused", Downgrade: bot.AsCard}},
		{"invalid card", appDelivery(invalid, bot.AsCard), bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
		{"invalid card, robot", change(robotDelivery(api, invalid, bot.AsCard), func(d *bot.Delivery) { d.Chat = "" }), bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
		{"card and text, robot", change(robotDelivery(api, replies()["list"], bot.AsCard), func(d *bot.Delivery) { d.Chat = "" }), bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown}},
		{"no reply URL", change(robotDelivery(api, reply, bot.AsMarkdown), func(d *bot.Delivery) { d.Way = RobotWay("") }), bot.DeliveryError{Reason: "no_reply_url"}},
		{"odd reply URL", change(robotDelivery(api, reply, bot.AsMarkdown), func(d *bot.Delivery) { d.Way = RobotWay("file:///" + testResponseCode) }), bot.DeliveryError{Reason: "no_reply_url"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			deliveryError(t, s, tt.d, tt.want)
		})
	}
	t.Cleanup(func() {
		if got := api.requests(); len(got) > 0 {
			t.Errorf("calls: %+v", got)
		}
	})
}

func TestReplyURLRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		form   bot.Form
		want   bot.DeliveryError
	}{
		{"used", code(60140), bot.AsMarkdown, bot.DeliveryError{Reason: "reply_url_used"}},
		{"used, by another code", code(99999), bot.AsCard, bot.DeliveryError{Reason: "reply_url_used"}},
		{"gone", status(404), bot.AsMarkdown, bot.DeliveryError{Reason: "reply_url_used"}},
		{"502", status(502), bot.AsMarkdown, bot.DeliveryError{Reason: "http_status", Retry: true, Lost: true}},
		{"cut", cut, bot.AsMarkdown, bot.DeliveryError{Reason: "network", Retry: true, Lost: true}},
		{"busy", code(-1), bot.AsMarkdown, bot.DeliveryError{Reason: "busy", Retry: true}},
		{"rate", code(45009), bot.AsMarkdown, bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate}},
		{"card", code(42045), bot.AsCard, bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
		{"card as such", code(40008), bot.AsCard, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown}},
		{"update", code(40008), bot.AsUpdate, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsMarkdown}},
		{"markdown", code(40058), bot.AsMarkdown, bot.DeliveryError{Reason: "form_refused", Downgrade: bot.AsText}},
		{"text", code(40058), bot.AsText, bot.DeliveryError{Reason: "content_refused"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			api.then(apiReply, tt.answer)
			d := robotDelivery(api, replies()["success"], tt.form)
			d.Chat = ""
			deliveryError(t, testSender(t, api), d, tt.want)
		})
	}
}

// A try by a reply URL has gone out, and its answer was lost: the repeat is refused because
// the URL was used, and that is the answer. What proves less goes another way.
func TestReplyURLUsedByALostTry(t *testing.T) {
	t.Parallel()
	used := &bot.DeliveryError{Reason: "reply_url_used"}
	lost := func(reason string) *bot.DeliveryError {
		return &bot.DeliveryError{Reason: reason, Retry: true, Lost: true}
	}
	for name, tt := range map[string]struct {
		first   http.HandlerFunc
		verdict *bot.DeliveryError // of the first try
		second  http.HandlerFunc
		form    bot.Form
		after   time.Duration
		want    *bot.DeliveryError // nil: it has gone out
	}{
		"used":                            {cut, lost("network"), code(60140), bot.AsMarkdown, time.Second, nil},
		"used, a card":                    {cut, lost("network"), code(60140), bot.AsCard, time.Second, nil},
		"used, as text":                   {cut, lost("network"), code(60140), bot.AsText, time.Second, nil},
		"used, by another code":           {cut, lost("network"), code(99999), bot.AsMarkdown, time.Second, nil},
		"used, after a page of a proxy":   {status(502), lost("http_status"), code(60140), bot.AsMarkdown, time.Second, nil},
		"taken":                           {cut, lost("network"), code(0), bot.AsMarkdown, time.Second, nil},
		"nothing was lost":                {code(-1), &bot.DeliveryError{Reason: "busy", Retry: true}, code(60140), bot.AsMarkdown, time.Second, used},
		"the hour may be over":            {cut, lost("network"), code(60140), bot.AsMarkdown, replyURLServes, used},
		"the robot was taken away":        {cut, lost("network"), code(93000), bot.AsMarkdown, time.Second, used},
		"a proxy refuses it":              {cut, lost("network"), status(403), bot.AsMarkdown, time.Second, used},
		"lost again":                      {cut, lost("network"), cut, bot.AsMarkdown, time.Second, lost("network")},
		"refused for itself, not as used": {cut, lost("network"), code(42045), bot.AsCard, time.Second, &bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			api.then(apiReply, tt.first, tt.second)
			d := robotDelivery(api, replies()["success"], tt.form)
			d.Chat, d.Asked = "", testNow
			s := testSender(t, api)
			deliveryError(t, s, d, *tt.verdict)
			d.Lost = tt.verdict.Lost
			s.now = func() time.Time { return testNow.Add(tt.after) }
			if tt.want != nil {
				deliveryError(t, s, d, *tt.want)
			} else if _, err := s.Deliver(t.Context(), d); err != nil {
				t.Errorf("the repeat: %v", err)
			}
		})
	}
}

// TestPartsGoOn: where the second message fails, the next try does not repeat
// the first.
func TestPartsGoOn(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	reply := replies()["list"]
	reply.Text = strings.Repeat("- 7992697494：没有核销，已经过期\n", 60) // more than one message
	api.then(apiSend, answer(`{"errcode":0,"errmsg":"ok","msgid":"M1","response_code":"RC1"}`), code(45009))
	d := appDelivery(reply, bot.AsCard)
	deliveryError(t, s, d, bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate})
	api.then(apiSend, answer(`{"errcode":0,"errmsg":"ok","msgid":"M2"}`))
	sent, err := s.Deliver(context.Background(), d)
	if want := (bot.Sent{MessageID: "M1", Code: "RC1"}); err != nil || sent != want {
		t.Errorf("sent = %+v, %v", sent, err)
	}
	var kinds []string
	for _, r := range api.requests() {
		kinds = append(kinds, fmt.Sprint(r.Body["msgtype"]))
	}
	if diff := cmp.Diff([]string{"template_card", "markdown", "markdown", "markdown"}, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.part) != 0 {
		t.Errorf("%d deliveries are remembered", len(s.part))
	}
	// Another form begins anew.
	api.then(apiSend, answer(`{"errcode":0}`), code(45009))
	deliveryError(t, s, d, bot.DeliveryError{Reason: "rate_limited", Retry: true, After: afterRate})
	api.requests()
	d.Form = bot.AsMarkdown
	if _, err := s.Deliver(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	if got := api.requests(); !strings.Contains(fmt.Sprint(got[0].Body), "7 张券") {
		t.Errorf("the first message is %+v", got[0].Body)
	}
}

func TestProgressIsBounded(t *testing.T) {
	t.Parallel()
	s := testSender(t, newFakeAPI(t))
	for i := range 2 * maxProgress {
		s.saveProgress(fmt.Sprint(i), progress{done: 1}, false)
	}
	if len(s.part) > maxProgress {
		t.Errorf("%d deliveries are remembered", len(s.part))
	}
}

// TestProfileOfNobody: a member who left does not cost the card.
func TestProfileOfNobody(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	api.then(apiSend, code(codeNoMember))
	reply := replies()["success"]
	if _, err := testSender(t, api).Deliver(context.Background(), appDelivery(reply, bot.AsCard)); err != nil {
		t.Fatal(err)
	}
	got := api.requests()
	if len(got) != 2 || got[1].Body["msgtype"] != "template_card" || strings.Contains(fmt.Sprint(got[1].Body), "userid") {
		t.Errorf("calls %+v", got)
	}
	if reply.Card.Fields[4].User != "zhangsan" {
		t.Error("the reply was changed")
	}
	api.then(apiSend, code(codeNoMember))
	deliveryError(t, testSender(t, api), appDelivery(replies()["undo"], bot.AsCard), bot.DeliveryError{Reason: "card_refused", Downgrade: bot.AsMarkdown})
}

// TestUpdateWithInvalidUsers: an update lists invalid users as an array.
func TestUpdateWithInvalidUsers(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	api.then(apiUpdate, answer(`{"errcode":0,"errmsg":"ok","invaliduser":["lisi"]}`))
	d := appDelivery(replies()["undo"], bot.AsUpdate)
	d.Way = wayOfApp(testResponseCode)
	if _, err := testSender(t, api).Deliver(context.Background(), d); err != nil {
		t.Error(err)
	}
}

func TestNewSenderRefuses(t *testing.T) {
	t.Parallel()
	app := AppConfig{Name: "main", CorpID: "ww", AgentID: 1, Secret: "s"}
	for name, cfg := range map[string]SenderConfig{
		"URL":        {APIURL: "qyapi.weixin.qq.com"},
		"scheme":     {APIURL: "ftp://qyapi.weixin.qq.com"},
		"same names": {Apps: []AppConfig{app, app}},
		"no secret":  {Apps: []AppConfig{{Name: "main", CorpID: "ww", AgentID: 1}}},
		"no agent":   {Apps: []AppConfig{{Name: "main", CorpID: "ww", Secret: "s"}}},
	} {
		if _, err := NewSender(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewSender(SenderConfig{}); err != nil {
		t.Errorf("robots only: %v", err)
	}
}
