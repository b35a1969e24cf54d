package wecomtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

func streamFrame(id string, finish bool, content string) string {
	return fmt.Sprintf(`{"msgtype":"stream","stream":{"id":%q,"finish":%t,"content":%q}}`, id, finish, content)
}

func markdownTo(chat string, kind int) string {
	return fmt.Sprintf(`{"chatid":%q,"chat_type":%d,"msgtype":"markdown","markdown":{"content":"日报"}}`, chat, kind)
}

func cardTo(chat string, kind int, task string) string {
	return fmt.Sprintf(`{"chatid":%q,"chat_type":%d,"msgtype":"template_card","template_card":%s}`, chat, kind, buttonCard(task, "券"))
}

func TestStreamOverTheLongConnection(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longGroup.Mention("long"))
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", false, "核验中")), 0)
	if n, err := w.Poll(ctx); n != 0 || err != nil {
		t.Errorf("polled %d, %v", n, err)
	}
	if s := w.lastShown(t, longGroup); s.Text != "核验中" || s.Finished || s.Kind != wecomtest.KindStream {
		t.Errorf("shown: %+v", s)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "核销成功")), 0)
	if s := w.lastShown(t, longGroup); s.Text != "核销成功" || !s.Finished || s.Replaced != 1 {
		t.Errorf("shown: %+v", s)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "核销成功")), 0) // its ack was lost
	w.wantNoRefusals(t)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "别的")), 846608)
	if n := len(w.Screen(longGroup)); n != 2 {
		t.Errorf("%d bubbles", n)
	}
	// A second message under the same req_id is another bubble.
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s2", true, "还有")), 0)
	other := w.heard(t, c, longGroup.Mention("long"))
	wantCode(t, c.call(t, "aibot_respond_msg", other, streamFrame("s", true, "x")), 40058)
	for body, code := range map[string]int{
		`{"msgtype":"stream"}`: 40058,
		`{"msgtype":"stream","stream":{"finish":true,"content":"x"}}`:                                                        40058,
		`{"msgtype":"stream","stream":{"id":"i","finish":"true","content":"x"}}`:                                             40058,
		`{"msgtype":"stream","stream":{"id":"i","finish":true,"content":"x","msg_item":[]}}`:                                 40058,
		`{"msgtype":"stream","stream":{"id":"i","finish":true,"content":"x","feedback":{"id":1}}}`:                           40058,
		streamFrame("i", true, strings.Repeat("x", 20481)):                                                                   45002,
		fmt.Sprintf(`{"msgtype":"stream","stream":{"id":"i","finish":true,"feedback":{"id":%q}}}`, strings.Repeat("x", 257)): 40058,
	} {
		wantCode(t, c.call(t, "aibot_respond_msg", other, body), code)
	}
}

func TestStreamLivesSixMinutesFromItsFirstFrame(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	w.clock.advance(5 * time.Minute)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", false, "1")), 0)
	w.clock.advance(6*time.Minute - time.Second)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", false, "2")), 0)
	w.clock.advance(time.Second)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "3")), 846608)
	if s := w.lastShown(t, longChat); s.Text != "2" || !s.Finished || !s.Expired {
		t.Errorf("shown: %+v", s)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("new", false, "3")), 0) // the req_id lives on
	w.clock.advance(6 * time.Minute)
	_, err := w.Poll(ctx)
	must(t, err)
	if s := w.lastShown(t, longChat); !s.Expired {
		t.Errorf("shown: %+v", s)
	}
	if n := len(w.Dropped()); n != 2 {
		t.Errorf("dropped: %+v", w.Dropped())
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) {
		o.Robots = append(o.Robots, wecomtest.Robot{Name: "second", ID: "aibTWO", Secret: "two", LongConnection: true})
	})
	c := w.subscribed(t)
	other := w.dial(t)
	wantCode(t, other.call(t, "aibot_subscribe", "s", `{"bot_id":"aibTWO","secret":"two"}`), 0)
	md := `{"msgtype":"markdown","markdown":{"content":"x"}}`
	wantCode(t, c.call(t, "aibot_respond_msg", "unknown", md), 846605)
	id := w.heard(t, c, longChat)
	wantCode(t, other.call(t, "aibot_respond_msg", id, md), 846605) // another robot's
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, `{"msgtype":"text","text":{"content":"x"}}`), 846605)
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, `{"response_type":"update_template_card"}`), 846605)

	_, err := w.Enter(ctx, longChat, "lisi")
	must(t, err)
	event, body := c.callback(t, "aibot_event_callback")
	if body["event"].(map[string]any)["eventtype"] != "enter_chat" || body["create_time"] == nil {
		t.Errorf("event: %v", body)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", event, streamFrame("s", true, "x")), 846605)
	wantCode(t, c.call(t, "aibot_respond_msg", event, md), 846605)

	// A req_id outlives the connection, but not 24 hours.
	must(t, w.DropConnection("long"))
	c.closed(t)
	c = w.subscribed(t)
	w.clock.advance(24*time.Hour - time.Second)
	wantCode(t, c.call(t, "aibot_respond_msg", id, md), 0)
	w.clock.advance(time.Second)
	wantCode(t, c.call(t, "aibot_respond_msg", id, md), 846605)
	id = w.heard(t, c, longChat)
	must(t, w.ForgetRequests("long"))
	wantCode(t, c.call(t, "aibot_respond_msg", id, md), 846605)
	wantCode(t, c.call(t, "aibot_respond_msg", w.heard(t, c, longChat), md), 0)
}

func TestRespondKinds(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	for _, where := range []wecomtest.Where{longChat, longGroup.Mention("long")} {
		id := w.heard(t, c, where)
		for body, code := range map[string]int{
			`{"msgtype":"text","text":{"content":"x"}}`: 40008,
			`{"msgtype":"news"}`:                        40008,
			`{}`:                                        40008,
			`{"msgtype":1}`:                             40058,
			`{"msgtype":"image","image":{"media_id":"x"}}`:                                                                                     40007,
			`{"msgtype":"markdown","markdown":{"content":""}}`:                                                                                 44004,
			`{"msgtype":"markdown","markdown":{"content":"` + strings.Repeat("x", 20481) + `"}}`:                                               45002,
			fmt.Sprintf(`{"msgtype":"stream_with_template_card","stream":{"id":"s","finish":true},"template_card":%s}`, buttonCard("t0", "x")): 40008,
		} {
			wantCode(t, c.call(t, "aibot_respond_msg", id, body), code)
		}
	}
	id := w.heard(t, c, longChat)
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("t1", "券")), 0)
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("t1", "券")), 42014)
	wantCode(t, c.call(t, "aibot_respond_msg", id, `{"msgtype":"template_card"}`), 42031)
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("t2", "")), 41016)
	if s := w.lastShown(t, longChat); s.Card == nil || s.Card.TaskID != "t1" {
		t.Errorf("shown: %+v", s)
	}
}

func TestCardsInGroups(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longGroup.Mention("long"))
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("a", "券")), 40008)
	wantCode(t, c.call(t, "aibot_send_msg", "p", cardTo("wrAbC", 2, "a")), 40008)
	w.SetGroupCards(wecomtest.GroupCards{Respond: true})
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("a", "券")), 0)
	wantCode(t, c.call(t, "aibot_send_msg", "p", cardTo("wrAbC", 2, "b")), 40008)
	w.SetGroupCards(wecomtest.GroupCards{Push: true})
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("b", "券")), 40008)
	wantCode(t, c.call(t, "aibot_send_msg", "p", cardTo("wrAbC", 0, "b")), 0)
	if s := w.lastShown(t, longGroup); s.Card == nil || s.Card.TaskID != "b" {
		t.Errorf("shown: %+v", s)
	}
}

func TestStreamWithCard(t *testing.T) {
	t.Parallel()
	for form, bubbles := range map[wecomtest.StreamCards]int{wecomtest.StreamCardsShown: 3, wecomtest.StreamCardsLost: 2} {
		w := setupLong(t, func(o *wecomtest.Options) { o.StreamCards = form })
		c := w.subscribed(t)
		id := w.heard(t, c, longChat)
		frame := func(finish bool, task string) string {
			return fmt.Sprintf(`{"msgtype":"stream_with_template_card","stream":{"id":"s","finish":%t,"content":"x"},"template_card":%s}`, finish, buttonCard(task, "券"))
		}
		wantCode(t, c.call(t, "aibot_respond_msg", id, frame(false, "#")), 42014)
		wantCode(t, c.call(t, "aibot_respond_msg", id, frame(false, "a")), 0)
		wantCode(t, c.call(t, "aibot_respond_msg", id, frame(true, "b")), 40058)
		wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s", true, "y")), 0)
		if s := w.Screen(longChat); len(s) != bubbles || s[1].Text != "y" {
			t.Errorf("%s: %+v", form, s)
		}
		if n := len(w.Dropped()); n != 3-bubbles {
			t.Errorf("%s: dropped %+v", form, w.Dropped())
		}
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	enter := func(user string) string {
		t.Helper()
		_, err := w.Enter(ctx, wecomtest.InRobot("long", user), user)
		must(t, err)
		id, _ := c.callback(t, "aibot_event_callback")
		return id
	}
	hello := `{"msgtype":"text","text":{"content":"你好"}}`
	id := enter("lisi")
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, `{"msgtype":"markdown","markdown":{"content":"x"}}`), 40008)
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, `{"msgtype":"text","text":{}}`), 44004)
	w.clock.advance(5 * time.Second)
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, hello), 0)
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, hello), 846605) // once
	if s := w.Screen(longChat); len(s) != 1 || s[0].Text != "你好" || s[0].Kind != wecomtest.KindText {
		t.Errorf("screen: %+v", s)
	}
	id = enter("wangwu")
	w.clock.advance(5*time.Second + 1)
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, hello), 846605)
	id = enter("ZhangSan")
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, cardMessage("t", "欢迎")), 0)
	if s := w.lastShown(t, wecomtest.InRobot("long", "zhangsan")); s.Card == nil {
		t.Errorf("shown: %+v", s)
	}
}

func TestUpdateOverTheLongConnection(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.GroupCards.Respond = true })
	c := w.subscribed(t)
	id := w.heard(t, c, longGroup.Mention("long"))
	wantCode(t, c.call(t, "aibot_respond_msg", id, cardMessage("t1", "券")), 0)
	card := w.lastShown(t, longGroup)
	press := func() (string, wecomtest.Delivery) {
		t.Helper()
		out, err := w.Press(ctx, longGroup, "ZhangSan", card.ID, "undo:1")
		must(t, err)
		id, body := c.callback(t, "aibot_event_callback")
		click := body["event"].(map[string]any)["template_card_event"].(map[string]any)
		if click["task_id"] != "t1" || click["event_key"] != "undo:1" || body["chatid"] != "wrAbC" || body["from"].(map[string]any)["userid"] != "ZhangSan" {
			t.Errorf("event: %v", body)
		}
		return id, out.Delivery()
	}
	update := func(task, title string) string {
		return `{"response_type":"update_template_card","template_card":` + buttonCard(task, title) + `}`
	}
	id, d := press()
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, update("t2", "别的")), 42014)
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, cardMessage("t1", "x")), 40008)
	w.clock.advance(5 * time.Second)
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, update("t1", "已撤销")), 0)
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, update("t1", "再撤销")), 846605) // once
	if s := w.lastShown(t, longGroup); s.Card.Title != "已撤销" {
		t.Errorf("shown: %+v", s.Card)
	}
	if d, err := w.WaitReply(ctx, d.ID, 4); err != nil || d.Replies[2].Code != 0 || d.Replies[3].Code != 846605 {
		t.Errorf("replies: %+v, %v", d.Replies, err)
	}
	id, _ = press()
	w.clock.advance(5*time.Second + 1)
	wantCode(t, c.call(t, "aibot_respond_update_msg", id, update("t1", "太迟")), 846605)
	wantCode(t, c.call(t, "aibot_respond_welcome_msg", id, `{"msgtype":"text","text":{"content":"x"}}`), 846605)
}

func TestPush(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	push := func(body string, code int) {
		t.Helper()
		wantCode(t, c.call(t, "aibot_send_msg", c.id(), body), code)
	}
	push(markdownTo("lisi", 1), 93006) // has never written
	push(markdownTo("wrAbC", 2), 93006)
	w.heard(t, c, longChat)
	w.heard(t, c, longGroup.Mention("long"))
	push(markdownTo("lisi", 1), 0)
	push(markdownTo("LISI", 0), 0) // userids have no case
	push(markdownTo("wrAbC", 2), 0)
	push(markdownTo("wrAbC", 0), 0)
	push(markdownTo("wrabc", 2), 93006) // chatids do, and it is not in this one
	push(markdownTo("WRABC", 0), 93006)
	push(markdownTo("wrAbC", 1), 93006)
	push(markdownTo("lisi", 2), 93006)
	push(markdownTo("wangwu", 1), 93006)
	push(markdownTo("nobody", 1), 93006)
	push(markdownTo("", 0), 93006)
	push(markdownTo("lisi", 3), 40058)
	push(`{"chatid":"lisi","chat_type":"1"}`, 40058)
	push(`{"chatid":"lisi","chat_type":1,"msgtype":"text","text":{"content":"x"}}`, 40008)
	push(`{"chatid":"lisi","chat_type":1,"msgtype":"stream","stream":{"id":"s"}}`, 40008)
	push(`{"chatid":"lisi","chat_type":1,"msgtype":"file","file":{"media_id":"x"}}`, 40007)
	push(cardTo("lisi", 1, "t"), 0)
	push(`{"chatid":"lisi","chat_type":1,"msgtype":"template_card","template_card":`+buttonCard("u", "")+`}`, 41016)
	if s := w.Screen(longChat); len(s) != 4 || s[1].Text != "日报" || s[3].Card == nil {
		t.Errorf("screen: %+v", s)
	}
	if s := w.Screen(longGroup); len(s) != 3 {
		t.Errorf("screen: %+v", s)
	}
}

func TestPushWithEncryptedIDs(t *testing.T) {
	t.Parallel()
	w := setupLong(t, func(o *wecomtest.Options) { o.Robots[2].OpenUserIDs = true; o.Robots[2].Usable = []string{"lisi"} })
	c := w.subscribed(t)
	w.heard(t, c, longChat)
	wantCode(t, c.call(t, "aibot_send_msg", "a", markdownTo("lisi", 1)), 93006)
	wantCode(t, c.call(t, "aibot_send_msg", "a", markdownTo(w.OpenUserID("lisi"), 1)), 0)
	wantCode(t, c.call(t, "aibot_send_msg", "a", markdownTo(w.OpenUserID("wangwu"), 1)), 93006)
}

func TestLimitsOfAConversation(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	id := w.heard(t, c, longChat)
	w.heard(t, c, longGroup.Mention("long"))
	// Answers and pushes count together; the frames of a stream are one message.
	for i := range 15 {
		wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame(fmt.Sprint("s", i), false, "1")), 0)
		wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame(fmt.Sprint("s", i), true, "2")), 0)
		wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("lisi", 1)), 0)
	}
	wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("lisi", 1)), 45009)
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("last", true, "x")), 45009)
	wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("wrAbC", 2)), 0) // another conversation
	if n := len(w.Screen(longChat)); n != 31 {
		t.Errorf("%d bubbles", n)
	}
	w.clock.advance(time.Minute)
	for sent := 30; sent < 1000; sent++ {
		wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("lisi", 1)), 0)
		w.clock.advance(2100 * time.Millisecond)
	}
	wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("lisi", 1)), 45009)
	w.clock.advance(time.Hour)
	wantCode(t, c.call(t, "aibot_send_msg", c.id(), markdownTo("lisi", 1)), 0)
}

func TestThreeUnfinishedStreams(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	var id string
	for i := range 3 {
		id = w.heard(t, c, longChat)
		wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame(fmt.Sprint("s", i), false, "…")), 0)
	}
	if _, err := w.Say(ctx, longChat, "lisi", "验"); err == nil || !strings.Contains(err.Error(), "unfinished") {
		t.Errorf("fourth: %v", err)
	}
	wantCode(t, c.call(t, "aibot_respond_msg", id, streamFrame("s2", true, "好")), 0)
	w.heard(t, c, longChat)
}
