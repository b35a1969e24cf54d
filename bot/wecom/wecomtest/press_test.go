package wecomtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

// robotCard has the robot answer with a button card and returns its bubble.
func (w *world) robotCard(t *testing.T, where wecomtest.Where, task string) wecomtest.Shown {
	t.Helper()
	w.robot.answers(cardMessage(task, "券"))
	w.say(t, where, "lisi", "查 1")
	screen := w.Screen(where)
	if last := screen[len(screen)-1]; last.Card != nil {
		return last
	}
	t.Fatalf("no card: %+v", w.Refusals())
	return wecomtest.Shown{}
}

func TestRobotCardEventForms(t *testing.T) {
	t.Parallel()
	for form, want := range map[wecomtest.CardEventForm]map[string]any{
		wecomtest.NestedEvent: {"eventtype": "template_card_event", "template_card_event": map[string]any{
			"card_type": "button_interaction", "event_key": "undo:1", "task_id": "t1"}},
		wecomtest.FlatEvent: {"eventtype": "template_card_event",
			"card_type": "button_interaction", "event_key": "undo:1", "task_id": "t1"},
		wecomtest.JoinedEvent: {"eventtype": "template_card_event", "template_card_event": map[string]any{
			"cardtype": "button_interaction", "eventkey": "undo:1", "taskid": "t1"}},
	} {
		w := setup(t, func(o *wecomtest.Options) { o.CardEvents = form })
		group := wecomtest.InGroup("wrAbC")
		card := w.robotCard(t, group.Mention("group"), "t1")
		w.robot.answers("")
		_, err := w.Press(ctx, group, "ZhangSan", card.ID, "undo:1")
		must(t, err)
		in := w.robot.last(t).json
		if d := cmp.Diff(want, in["event"]); d != "" {
			t.Error(d)
		}
		if in["msgtype"] != "event" || in["chatid"] != "wrAbC" || in["chattype"] != "group" || in["response_url"] == nil ||
			!cmp.Equal(in["from"], any(map[string]any{"userid": "ZhangSan"})) || in["create_time"] != float64(w.clock.now().Unix()) {
			t.Errorf("event: %v", in)
		}
		w.wantNoRefusals(t)
	}
}

func TestRobotUpdatesForAllOrSome(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC")
	card := w.robotCard(t, group.Mention("group"), "t1")

	w.robot.answers(`{"response_type":"update_template_card","userids":["LISI"],"template_card":` + buttonCard("t1", "只给李四") + `}`)
	_, err := w.Press(ctx, group, "lisi", card.ID, "undo:1")
	must(t, err)
	for user, title := range map[string]string{"lisi": "只给李四", "zhangsan": "券", "": "券"} {
		if s, _ := w.Find(card.ID, user); s.Card.Title != title {
			t.Errorf("%q sees %q", user, s.Card.Title)
		}
	}
	if s := w.Screen(group.As("lisi")); s[len(s)-1].Card.Title != "只给李四" || s[len(s)-1].Replaced != 1 {
		t.Errorf("screen of lisi: %+v", s)
	}
	w.robot.answers(`{"response_type":"update_template_card","template_card":{"card_type":"text_notice","task_id":"t1",
		"main_title":{"title":"已撤销"},"card_action":{"type":1,"url":"https://example.com"}}}`)
	_, err = w.Press(ctx, group, "zhangsan", card.ID, "undo:1")
	must(t, err)
	for _, user := range []string{"lisi", "zhangsan"} {
		if s, _ := w.Find(card.ID, user); s.Card.Title != "已撤销" {
			t.Errorf("%q sees %q", user, s.Card.Title)
		}
	}
	if _, err = w.Press(ctx, group, "lisi", card.ID, "undo:1"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("a button that is gone: %v", err)
	}
	w.wantNoRefusals(t)
}

func TestRobotUpdateRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	card := w.robotCard(t, robotChat, "t1")
	for name, c := range map[string]struct {
		answer string
		code   int
	}{
		"another task":  {`{"response_type":"update_template_card","template_card":` + buttonCard("t2", "x") + `}`, 42014},
		"a stream":      {`{"msgtype":"stream","stream":{"id":"s","finish":true,"content":"x"}}`, 40008},
		"a card":        {cardMessage("t3", "x"), 40008},
		"plain text":    {`{"msgtype":"text","text":{"content":"x"}}`, 40008},
		"no card":       {`{"response_type":"update_template_card"}`, 42031},
		"a broken card": {`{"response_type":"update_template_card","template_card":{"card_type":"text_notice","task_id":"t1","sub_title_text":"x"}}`, 42045},
		"userids":       {`{"response_type":"update_template_card","userids":"lisi","template_card":` + buttonCard("t1", "x") + `}`, 40058},
	} {
		w.robot.answers(c.answer)
		_, err := w.Press(ctx, robotChat, "lisi", card.ID, "ok")
		must(t, err)
		all := w.Refusals()
		if len(all) == 0 || all[len(all)-1].Code != c.code {
			t.Errorf("%s: %+v", name, all)
		}
	}
	if s, _ := w.Find(card.ID, "lisi"); s.Card.Title != "券" || s.Replaced != 0 {
		t.Errorf("the card has changed: %+v", s)
	}
	// Sent once, whatever happens.
	w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) { rw.WriteHeader(500) })
	out, err := w.Press(ctx, robotChat, "lisi", card.ID, "ok")
	if err != nil || len(out.Delivery().Attempts) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestPressMisuse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	card := w.robotCard(t, robotChat, "t1")
	text := w.Screen(robotChat)[0]
	for name, try := range map[string]func() (wecomtest.Outcome, error){
		"no such button": func() (wecomtest.Outcome, error) { return w.Press(ctx, robotChat, "lisi", card.ID, "nope") },
		"another's chat": func() (wecomtest.Outcome, error) { return w.Press(ctx, robotChat, "wangwu", card.ID, "ok") },
		"not this chat": func() (wecomtest.Outcome, error) {
			return w.Press(ctx, wecomtest.InGroup("wrAbC"), "lisi", card.ID, "ok")
		},
		"no card": func() (wecomtest.Outcome, error) { return w.Press(ctx, robotChat, "lisi", text.ID, "ok") },
		"no id":   func() (wecomtest.Outcome, error) { return w.Press(ctx, robotChat, "lisi", "", "ok") },
	} {
		if _, err := try(); !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// appCard sends a button card to some and returns the response code.
func (w *world) appCard(t *testing.T, to, card string) string {
	t.Helper()
	out := w.send(t, fmt.Sprintf(`{"touser":%q,"agentid":1000002,"msgtype":"template_card","template_card":%s}`, to, card))
	wantCode(t, out, 0)
	code, _ := out["response_code"].(string)
	return code
}

// lastCard is the newest bubble of a person's chat with the app, a card.
func (w *world) lastCard(t *testing.T, user string) wecomtest.Shown {
	t.Helper()
	s := w.Screen(wecomtest.InApp("main", user))
	if len(s) == 0 || s[len(s)-1].Card == nil {
		t.Fatalf("no card for %s: %+v", user, s)
	}
	return s[len(s)-1]
}

func appUpdate(user, inner string) string {
	return "<xml><ToUserName>" + user + "</ToUserName><FromUserName>wwcorp</FromUserName><CreateTime>1</CreateTime>" + inner + "</xml>"
}

func TestAppCardEventAndPassiveUpdates(t *testing.T) {
	t.Parallel()
	w := setup(t)
	app := wecomtest.InApp("main", "")
	w.appCard(t, "lisi|zhangsan", buttonCard("t1", "券"))
	card := w.lastCard(t, "lisi")

	w.app.answers(appUpdate("lisi", `<MsgType>update_template_card</MsgType><TemplateCard>
		<CardType>button_interaction</CardType><Source><Desc>验券</Desc><DescColor>3</DescColor></Source>
		<MainTitle><Title>核销成功</Title><Desc>副</Desc></MainTitle><SubTitleText>一句</SubTitleText>
		<HorizontalContentList><KeyName>价格</KeyName><Value>¥1</Value></HorizontalContentList>
		<HorizontalContentList><KeyName>链接</KeyName><Value>看</Value><Type>1</Type><Url>https://a.example</Url></HorizontalContentList>
		<CardAction><Type>1</Type><Url>https://b.example</Url></CardAction>
		<ButtonList><Text>撤销</Text><Style>2</Style><Key>undo:2</Key></ButtonList></TemplateCard>`))
	_, err := w.Press(ctx, app, "lisi", card.ID, "undo:1")
	must(t, err)
	w.wantNoRefusals(t)
	x := w.app.last(t).xml
	want := appMessage{ToUserName: "wwcorp", FromUserName: "lisi", MsgType: "event", Event: "template_card_event", EventKey: "undo:1",
		TaskId: "t1", CardType: "button_interaction", ResponseCode: x.ResponseCode, CreateTime: w.clock.now().Unix(), AgentID: 1000002}
	if d := cmp.Diff(want, x); d != "" || x.ResponseCode == "" {
		t.Error(d)
	}
	got := w.lastCard(t, "lisi")
	if c := got.Card; got.ID != card.ID || got.Replaced != 1 || c.Title != "核销成功" || c.Desc != "副" || c.Text != "一句" || c.SourceColor != 3 ||
		len(c.Fields) != 2 || c.Fields[1].URL != "https://a.example" || c.URL != "https://b.example" || c.Buttons[0].Key != "undo:2" || c.TaskID != "t1" {
		t.Errorf("updated: %+v", got.Card)
	}
	if other := w.lastCard(t, "zhangsan"); other.Card.Title != "券" || other.Replaced != 0 {
		t.Errorf("the other receiver sees %+v", other.Card)
	}

	// The new button works, and update_button kills it.
	w.app.answers(appUpdate("lisi", `<MsgType>update_button</MsgType><Button><ReplaceName>已撤销</ReplaceName></Button>`))
	_, err = w.Press(ctx, app, "lisi", card.ID, "undo:2")
	must(t, err)
	if c := w.lastCard(t, "lisi").Card; !c.Dead || c.ReplaceText != "已撤销" || c.Title != "核销成功" {
		t.Errorf("after update_button: %+v", c)
	}
	if _, err = w.Press(ctx, app, "lisi", card.ID, "undo:2"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("a dead button: %v", err)
	}

	// A plain text does not answer a card event.
	w.app.answers(appUpdate("zhangsan", `<MsgType>text</MsgType><Content>好</Content>`))
	_, err = w.Press(ctx, app, "zhangsan", w.lastCard(t, "zhangsan").ID, "ok")
	must(t, err)
	w.wantRefusal(t, 40008, "passive answer")

	// An app's event is retried, with the same response code.
	var n int
	w.app.handle(func(rw http.ResponseWriter, _ *http.Request, _ received) {
		if n++; n == 1 {
			rw.WriteHeader(500)
		}
	})
	out, err := w.Press(ctx, app, "zhangsan", w.lastCard(t, "zhangsan").ID, "ok")
	must(t, err)
	in := w.app.received()
	if len(out.Delivery().Attempts) != 2 || in[len(in)-1].body != in[len(in)-2].body {
		t.Errorf("%+v", out.Delivery().Attempts)
	}
}

func TestMenuAndSelections(t *testing.T) {
	t.Parallel()
	w := setup(t)
	app := wecomtest.InApp("main", "")
	code := w.appCard(t, "lisi", `{"card_type":"text_notice","task_id":"m","main_title":{"title":"x"},"card_action":{"type":1,"url":"https://a"},
		"action_menu":{"desc":"更多","action_list":[{"text":"静音","key":"mute"},{"text":"帮助","key":"help"}]}}`)
	if code == "" {
		t.Error("a notice with a menu has a response_code")
	}
	_, err := w.Press(ctx, app, "lisi", w.lastCard(t, "lisi").ID, "help")
	must(t, err)
	if x := w.app.last(t).xml; x.Event != "template_card_menu_event" || x.EventKey != "help" || x.CardType != "text_notice" || x.ResponseCode == "" {
		t.Errorf("menu: %+v", x)
	}

	w.appCard(t, "lisi", `{"card_type":"multiple_interaction","task_id":"s","main_title":{"title":"选店"},
		"select_list":[{"question_key":"store","title":"门店","option_list":[{"id":"1","text":"一"},{"id":"2","text":"二"}]}],
		"submit_button":{"text":"提交","key":"go"}}`)
	_, err = w.Press(ctx, app, "lisi", w.lastCard(t, "lisi").ID, "go", wecomtest.Selected{QuestionKey: "store", OptionIDs: []string{"2"}})
	must(t, err)
	x := w.app.last(t).xml
	if i := x.SelectedItems.SelectedItem; x.EventKey != "go" || len(i) != 1 || i[0].QuestionKey != "store" || !cmp.Equal(i[0].OptionIds.OptionId, []string{"2"}) {
		t.Errorf("selected: %+v", x)
	}

	w.robot.answers(`{"msgtype":"template_card","template_card":{"card_type":"vote_interaction","task_id":"v","main_title":{"title":"选"},
		"checkbox":{"question_key":"q","mode":1,"option_list":[{"id":"1","text":"一"},{"id":"2","text":"二"}]},"submit_button":{"text":"提交","key":"go"}}}`)
	w.say(t, robotChat, "lisi", "选")
	screen := w.Screen(robotChat)
	w.robot.answers("")
	_, err = w.Press(ctx, robotChat, "lisi", screen[len(screen)-1].ID, "go", wecomtest.Selected{QuestionKey: "q", OptionIDs: []string{"1", "2"}})
	must(t, err)
	event := w.robot.last(t).json["event"].(map[string]any)["template_card_event"].(map[string]any)
	want := map[string]any{"selected_item": []any{map[string]any{"question_key": "q", "option_ids": map[string]any{"option_id": []any{"1", "2"}}}}}
	if d := cmp.Diff(want, event["selected_items"]); d != "" {
		t.Error(d)
	}
	w.wantNoRefusals(t)
}

func TestLinkButtonCallsNobody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.appCard(t, "lisi", `{"card_type":"button_interaction","task_id":"l","main_title":{"title":"x"},
		"button_list":[{"type":1,"text":"打开","url":"https://a.example","key":"k"}]}`)
	if _, err := w.Press(ctx, wecomtest.InApp("main", ""), "lisi", w.lastCard(t, "lisi").ID, "k"); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("%v", err)
	}
}
