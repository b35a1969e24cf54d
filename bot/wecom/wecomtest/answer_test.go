package wecomtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

// buttonCard is a valid card of any channel.
func buttonCard(task, title string) string {
	return fmt.Sprintf(`{"card_type":"button_interaction","task_id":%q,"main_title":{"title":%q,"desc":"副标题"},
		"source":{"desc":"验券","desc_color":3},"sub_title_text":"一句话","quote_area":{"title":"引","quote_text":"文"},
		"horizontal_content_list":[{"keyname":"价格","value":"¥49.90"},{"keyname":"员工","type":3,"userid":"lisi","value":"李四"}],
		"card_action":{"type":1,"url":"https://example.com/v/1"},
		"button_list":[{"text":"撤销","key":"undo:1","style":2},{"text":"好","key":"ok","style":1}]}`, task, title)
}

func cardMessage(task, title string) string {
	return `{"msgtype":"template_card","template_card":` + buttonCard(task, title) + `}`
}

var robotChat = wecomtest.InRobot("group", "lisi")

func TestRobotAnswersWithCard(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC")
	w.robot.answers(cardMessage("t1", "核销成功"))
	d := w.say(t, group.Mention("group"), "lisi", "验 1").Delivery()
	w.wantNoRefusals(t)
	screen := w.Screen(group)
	if len(screen) != 2 {
		t.Fatalf("screen: %+v", screen)
	}
	card := screen[1].Card
	want := &wecomtest.Card{Type: "button_interaction", TaskID: "t1", Source: "验券", SourceColor: 3, Title: "核销成功", Desc: "副标题",
		Text: "一句话", Quote: &wecomtest.Quote{Title: "引", Text: "文"},
		Fields: []wecomtest.Field{{Key: "价格", Value: "¥49.90"}, {Key: "员工", Value: "李四", Type: 3, User: "lisi"}},
		Action: &wecomtest.Action{Type: 1, URL: "https://example.com/v/1"}, URL: "https://example.com/v/1",
		Buttons: []wecomtest.Button{{Text: "撤销", Key: "undo:1", Style: 2}, {Text: "好", Key: "ok", Style: 1}}}
	if diff := cmp.Diff(want, card); diff != "" {
		t.Error(diff)
	}
	if s := screen[1]; s.From != "验券" || !s.FromBot || s.Kind != wecomtest.KindCard || !s.Finished {
		t.Errorf("shown: %+v", s)
	}
	// The same callback again: the same answer is no second card and no refusal.
	again, err := w.Resend(ctx, d.ID)
	must(t, err)
	if string(again.Answer) != cardMessage("t1", "核销成功") || len(w.Screen(group)) != 2 {
		t.Errorf("resent: %s, %d bubbles", again.Answer, len(w.Screen(group)))
	}
	w.wantNoRefusals(t)
	// Another message may not use the task id again.
	w.say(t, group.Mention("group"), "lisi", "验 1")
	w.wantRefusal(t, 42014, "passive answer")
	if len(w.Screen(group)) != 3 {
		t.Error("a refused card was shown")
	}
}

func TestRobotEnvelopeIsChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	plain := `{"msgtype":"stream","stream":{"id":"s","finish":true,"content":"好"}}`
	k := w.robot.keys
	for name, c := range map[string]struct {
		body func(nonce string) string
		code int
	}{
		"another nonce": {func(string) string { return k.robotAnswer("42", plain) }, -40002},
		"timestamp a string": {func(n string) string {
			return strings.Replace(k.robotAnswer(n, plain), "1700000000", `"1700000000"`, 1)
		}, -40002},
		"keys in capitals": {func(n string) string {
			return strings.Replace(k.robotAnswer(n, plain), "msgsignature", "MsgSignature", 1)
		}, -40002},
		"wrong signature": {func(n string) string {
			return strings.Replace(k.robotAnswer(n, plain), `timestamp":17`, `timestamp":18`, 1)
		}, -40001},
		"corp id as receiver": {func(n string) string {
			return keys{k.token, k.aes, "wwcorp"}.robotAnswer(n, plain)
		}, -40007},
		"another key":   {func(n string) string { return keys{k.token, testKey, ""}.robotAnswer(n, plain) }, -40007},
		"plain JSON":    {func(string) string { return plain }, -40002},
		"no JSON":       {func(string) string { return "success" }, -40002},
		"invalid UTF-8": {func(n string) string { return k.robotAnswer(n, "{\"msgtype\":\"\xff\"}") }, -40002},
	} {
		w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
			_, _ = io.WriteString(rw, c.body(in.query["nonce"]))
		})
		d := w.say(t, robotChat, "lisi", name).Delivery()
		if !d.Accepted() || len(d.Attempts) != 1 {
			t.Errorf("%s: a bad body is no failed callback: %+v", name, d.Attempts)
		}
		all := w.Refusals()
		if last := all[len(all)-1]; last.Code != c.code || last.Bot != "robot/group" || d.Refused == "" {
			t.Errorf("%s: %+v", name, last)
		}
	}
	if n := len(w.Screen(robotChat)); n != 9 {
		t.Errorf("%d bubbles, want the 9 of the person", n)
	}
}

func TestAppEnvelopeIsChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	text := func(to, from, kind string) string {
		return fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>1</CreateTime><MsgType>%s</MsgType><Content>好</Content></xml>", to, from, kind)
	}
	k := w.app.keys
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"wrong signature": {strings.Replace(k.appAnswer(text("lisi", "wwcorp", "text")), "<Nonce>77", "<Nonce>78", 1), -40001},
		"no timestamp":    {strings.Replace(k.appAnswer(text("lisi", "wwcorp", "text")), "1700000000<", "soon<", 1), -40002},
		"bare":            {text("lisi", "wwcorp", "text"), -40002},
		"success":         {"success", -40002},
		"to another":      {k.appAnswer(text("zhangsan", "wwcorp", "text")), 40003},
		"not from corp":   {k.appAnswer(text("lisi", "wwother", "text")), 40058},
		"unknown type":    {k.appAnswer(text("lisi", "wwcorp", "template_card")), 40008},
		"an update":       {k.appAnswer(text("lisi", "wwcorp", "update_template_card")), 40008},
		"no receiver":     {keys{k.token, k.aes, ""}.appAnswer(text("lisi", "wwcorp", "text")), -40007},
		"unknown medium":  {k.appAnswer(text("lisi", "wwcorp", "image")), 40007},
	} {
		w.app.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) { _, _ = io.WriteString(rw, c.body) })
		w.say(t, wecomtest.InApp("main", ""), "lisi", name)
		all := w.Refusals()
		if last := all[len(all)-1]; last.Code != c.code {
			t.Errorf("%s: %+v", name, last)
		}
	}
	// A text that is too long is cut, at a whole character.
	w.app.answers(strings.Replace(text("LiSi", "wwcorp", "text"), "好", strings.Repeat("好", 700), 1))
	w.say(t, wecomtest.InApp("main", ""), "lisi", "长")
	screen := w.Screen(wecomtest.InApp("main", "lisi"))
	if got := screen[len(screen)-1].Text; got != strings.Repeat("好", 682) || len(w.Dropped()) != 1 {
		t.Errorf("%d bytes shown, dropped %+v", len(got), w.Dropped())
	}
}

func TestRobotAnswerForms(t *testing.T) {
	t.Parallel()
	w := setup(t)
	frame := func(id, content string) string {
		return fmt.Sprintf(`{"msgtype":"stream","stream":{"id":%q,"finish":true,"content":%q}}`, id, content)
	}
	for name, c := range map[string]struct {
		answer string
		code   int
	}{
		"plain text":         {`{"msgtype":"text","text":{"content":"好"}}`, 40008},
		"markdown":           {`{"msgtype":"markdown","markdown":{"content":"好"}}`, 40008},
		"an update":          {`{"response_type":"update_template_card","template_card":` + buttonCard("x", "x") + `}`, 40008},
		"no id":              {frame("", "好"), 40058},
		"too long":           {frame("a", strings.Repeat("x", 20481)), 45002},
		"finish a string":    {`{"msgtype":"stream","stream":{"id":"b","finish":"true","content":"好"}}`, 40058},
		"MsgType":            {`{"MsgType":"stream","stream":{"id":"b","finish":true,"content":"好"}}`, 40008},
		"images too soon":    {`{"msgtype":"stream","stream":{"id":"b","finish":false,"msg_item":[{"msgtype":"image"}]}}`, 40058},
		"no card":            {`{"msgtype":"template_card"}`, 42031},
		"card without title": {`{"msgtype":"template_card","template_card":{"card_type":"button_interaction","task_id":"c","button_list":[{"text":"a","key":"b"}]}}`, 41016},
		"an array":           {`[1]`, -40002},
		"two documents":      {frame("d", "x") + frame("e", "x"), -40002},
	} {
		w.robot.answers(c.answer)
		w.say(t, robotChat, "lisi", name)
		all := w.Refusals()
		if len(all) == 0 || all[len(all)-1].Code != c.code {
			t.Errorf("%s: %+v", name, all)
		}
	}
	n := len(w.Refusals())
	w.robot.answers(frame("whole", strings.Repeat("好", 6826))) // 20478 bytes
	w.say(t, robotChat, "lisi", "长")
	if len(w.Refusals()) != n {
		t.Errorf("refused: %+v", w.Refusals()[n:])
	}
	w.say(t, robotChat, "lisi", "再来")
	w.wantRefusal(t, 40058, "passive answer") // the stream id was used
}

func TestStreamIsPolledUntilFinished(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC")
	card := buttonCard("t9", "核销成功")
	w.robot.answers(
		`{"msgtype":"stream","stream":{"id":"s1","finish":false,"content":"核验中"}}`,
		`{"msgtype":"stream","stream":{"id":"s1","finish":false,"content":"核验中"}}`,
		"",
		`{"msgtype":"stream_with_template_card","stream":{"id":"s1","finish":true,"content":"完成"},"template_card":`+card+`}`,
	)
	w.say(t, group.Mention("group"), "lisi", "验 1")
	stream := w.Screen(group)[1]
	if stream.Kind != wecomtest.KindStream || stream.Finished || stream.Text != "核验中" {
		t.Fatalf("stream: %+v", stream)
	}
	for i := range 3 {
		n, err := w.Poll(ctx)
		must(t, err)
		if n != 1 {
			t.Fatalf("poll %d asked for %d streams", i, n)
		}
	}
	poll := w.robot.last(t)
	want := map[string]any{"msgid": poll.json["msgid"], "aibotid": poll.json["aibotid"], "chattype": "group", "chatid": "wrAbC",
		"from": map[string]any{"userid": "lisi"}, "msgtype": "stream", "stream": map[string]any{"id": "s1"}}
	if d := cmp.Diff(want, poll.json); d != "" {
		t.Error(d)
	}
	screen := w.Screen(group)
	if len(screen) != 3 || !screen[1].Finished || screen[1].Text != "完成" || screen[1].Replaced != 1 || screen[2].Card.Title != "核销成功" {
		t.Errorf("screen: %+v", screen)
	}
	if n, err := w.Poll(ctx); n != 0 || err != nil {
		t.Errorf("a finished stream was polled: %d, %v", n, err)
	}
	w.wantNoRefusals(t)
}

func TestStreamRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.robot.answers(
		`{"msgtype":"stream_with_template_card","stream":{"id":"s1","finish":false,"content":"1"},"template_card":`+buttonCard("a", "a")+`}`,
		`{"msgtype":"stream_with_template_card","stream":{"id":"s1","finish":false,"content":"2"},"template_card":`+buttonCard("b", "b")+`}`,
		`{"msgtype":"stream","stream":{"id":"other","finish":true,"content":"3"}}`,
		cardMessage("c", "c"),
	)
	w.say(t, robotChat, "lisi", "验 1")
	for _, code := range []int{40058, 40058, 40008} {
		_, err := w.Poll(ctx)
		must(t, err)
		w.wantRefusal(t, code, "passive answer")
	}
	screen := w.Screen(robotChat)
	if len(screen) != 3 || screen[1].Text != "1" || screen[2].Card.Title != "a" {
		t.Errorf("screen: %+v", screen)
	}
	// After six minutes WeCom asks no more.
	w.clock.advance(6 * time.Minute)
	n, err := w.Poll(ctx)
	if s := w.Screen(robotChat)[1]; n != 0 || err != nil || !s.Finished || !s.Expired {
		t.Errorf("%d polls, %v, %+v", n, err, s)
	}
	if d := w.Dropped(); len(d) != 1 || !strings.Contains(d[0].Why, "6 minutes") {
		t.Errorf("dropped: %+v", d)
	}
}

func TestRunPolls(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) {
		o.Sleep, o.Now, o.PollEvery = nil, nil, time.Millisecond
	})
	w.robot.answers(
		`{"msgtype":"stream","stream":{"id":"s1","finish":false,"content":"1"}}`,
		`{"msgtype":"stream","stream":{"id":"s1","finish":false,"content":"2"}}`,
		`{"msgtype":"stream","stream":{"id":"s1","finish":true,"content":"3"}}`,
	)
	w.Run()
	w.Run()
	w.say(t, robotChat, "lisi", "验 1")
	screen, err := w.WaitFor(t.Context(), robotChat, func(s []wecomtest.Shown) bool { return s[len(s)-1].Finished && len(s) == 2 })
	if err != nil || screen[1].Text != "3" {
		t.Errorf("%+v, %v", screen, err)
	}
	w.Close()
	w.Run() // nothing happens
	if _, err := w.Say(ctx, robotChat, "lisi", "x"); err != wecomtest.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	if _, err := w.WaitFor(ctx, robotChat, func([]wecomtest.Shown) bool { return false }); err != wecomtest.ErrClosed {
		t.Errorf("waiting after Close: %v", err)
	}
}
