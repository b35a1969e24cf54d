package wecomtest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type obj = map[string]any

// Valid cards of each kind; tests spoil copies of them.
func sampleCard(kind, task string) obj {
	link := obj{"type": 1, "url": "https://example.com"}
	title := obj{"title": "标题"}
	options := []any{obj{"id": "1", "text": "一"}, obj{"id": "2", "text": "二"}}
	submit := obj{"text": "提交", "key": "go"}
	switch kind {
	case "text_notice":
		return obj{"card_type": kind, "main_title": title, "card_action": link}
	case "news_notice":
		return obj{"card_type": kind, "main_title": title, "card_action": link, "card_image": obj{"url": "https://example.com/a.png", "aspect_ratio": 2.25}}
	case "button_interaction":
		return obj{"card_type": kind, "main_title": title, "task_id": task, "button_list": []any{obj{"text": "好", "key": "ok"}}}
	case "vote_interaction":
		return obj{"card_type": kind, "main_title": title, "task_id": task, "submit_button": submit,
			"checkbox": obj{"question_key": "q", "option_list": options}}
	}
	return obj{"card_type": kind, "main_title": title, "task_id": task, "submit_button": submit,
		"select_list": []any{obj{"question_key": "q", "option_list": options}}}
}

func repeated(n int, v any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// numbered are n objects, each with a key of its own.
func numbered(n int, field string, rest obj) []any {
	out := make([]any, n)
	for i := range out {
		o := obj{field: fmt.Sprint(i)}
		for k, v := range rest {
			o[k] = v
		}
		out[i] = o
	}
	return out
}

func TestCardRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	token := w.token(t)
	long := strings.Repeat("x", 1025)
	for i, c := range []struct {
		kind string
		edit obj // replaces fields; nil removes
		app  int // errcode of message/send
		bot  int // errcode of a robot's passive answer
	}{
		{"text_notice", nil, 0, 0},
		{"news_notice", nil, 0, 0},
		{"button_interaction", nil, 0, 0},
		{"vote_interaction", nil, 0, 0},
		{"multiple_interaction", nil, 0, 0},
		{"text_notice", obj{"card_type": nil}, 42031, 42031},
		{"text_notice", obj{"card_type": "button"}, 42031, 42031},
		{"text_notice", obj{"card_type": 1}, 40058, 40058},

		{"text_notice", obj{"main_title": nil}, 42033, 42033},
		{"text_notice", obj{"main_title": nil, "sub_title_text": "句"}, 0, 0},
		{"text_notice", obj{"main_title": "标题"}, 40058, 40058},
		{"button_interaction", obj{"main_title": nil, "sub_title_text": "句"}, 41016, 41016},
		{"button_interaction", obj{"main_title": obj{"Title": "标题"}}, 41016, 41016},
		{"text_notice", obj{"source": obj{"desc": "x", "desc_color": 4}}, 40058, 40058},
		{"text_notice", obj{"source": obj{"desc": "x", "desc_color": "3"}}, 40058, 40058},

		{"text_notice", obj{"card_action": nil}, 42045, 42045},
		{"news_notice", obj{"card_action": nil}, 42045, 42045},
		{"text_notice", obj{"card_action": obj{"type": 0}}, 42045, 42045},
		{"text_notice", obj{"card_action": obj{"type": 1}}, 42028, 42028},
		{"text_notice", obj{"card_action": obj{"type": 1, "url": "example.com"}}, 42028, 42028},
		{"text_notice", obj{"card_action": obj{"type": 2}}, 42030, 42030},
		{"text_notice", obj{"card_action": obj{"type": 2, "appid": "wx"}}, 0, 0},
		{"button_interaction", obj{"card_action": obj{"type": 0}}, 0, 0},
		{"button_interaction", obj{"card_action": obj{"type": 3}}, 42045, 42045},

		{"button_interaction", obj{"task_id": nil}, 42014, 42014},
		{"button_interaction", obj{"task_id": strings.Repeat("a", 129)}, 42014, 42014},
		{"button_interaction", obj{"task_id": "a b"}, 42014, 42014},
		{"button_interaction", obj{"task_id": "撤销"}, 42014, 42014},
		{"button_interaction", obj{"task_id": "a.b"}, 42014, 42014},
		{"button_interaction", obj{"task_id": "A-z_0@" + strings.Repeat("a", 122)}, 0, 0},

		{"button_interaction", obj{"button_list": nil}, 42036, 42036},
		{"button_interaction", obj{"button_list": numbered(6, "key", obj{"text": "好"})}, 0, 0},
		{"button_interaction", obj{"button_list": numbered(7, "key", obj{"text": "好"})}, 42036, 42036},
		{"button_interaction", obj{"button_list": []any{obj{"key": "k"}}}, 42038, 42038},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好"}}}, 42039, 42039},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "key": long}}}, 42039, 42039},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "key": long[:1024]}}}, 0, 0},
		{"button_interaction", obj{"button_list": repeated(2, obj{"text": "好", "key": "k"})}, 42039, 42039},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "key": "k", "style": 5}}}, 40058, 40058},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "key": "k", "style": "1"}}}, 40058, 40058},
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "type": 1, "url": "https://a"}}}, 0, 42039}, // robots have no type
		{"button_interaction", obj{"button_list": []any{obj{"text": "好", "type": 1, "key": "k"}}}, 42028, 0},
		{"button_interaction", obj{"button_selection": obj{"question_key": "q", "option_list": numbered(11, "id", obj{"text": "x"})}}, 42042, 42042},

		{"text_notice", obj{"horizontal_content_list": repeated(6, obj{"keyname": "k", "value": "v"})}, 0, 0},
		{"text_notice", obj{"horizontal_content_list": repeated(7, obj{"keyname": "k", "value": "v"})}, 42037, 42037},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"value": "v"}}}, 42027, 42027},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyName": "k"}}}, 42027, 42027},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyname": "k", "type": 1}}}, 42028, 42028},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyname": "k", "type": 2, "media_id": "x"}}}, 42029, 42029},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyname": "k", "type": 3}}}, 42050, 42050},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyname": "k", "type": 3, "userid": "nobody"}}}, 42050, 42050},
		{"text_notice", obj{"horizontal_content_list": []any{obj{"keyname": "k", "type": 3, "userid": "LISI"}}}, 0, 0},
		{"text_notice", obj{"horizontal_content_list": obj{}}, 40058, 40058},

		{"text_notice", obj{"quote_area": obj{"type": 1, "quote_text": "x"}}, 42028, 42028},
		{"text_notice", obj{"quote_area": obj{"type": 2, "quote_text": "x"}}, 42030, 42030},
		{"text_notice", obj{"jump_list": repeated(4, obj{"title": "x"})}, 42035, 42035},
		{"text_notice", obj{"jump_list": []any{obj{"type": 1, "url": "https://a"}}}, 42033, 42033},
		{"text_notice", obj{"jump_list": []any{obj{"type": 3, "title": "问", "question": "帮助"}}}, 40058, 0}, // robots only
		{"news_notice", obj{"vertical_content_list": repeated(5, obj{"title": "x"})}, 42047, 42047},
		{"news_notice", obj{"card_image": nil}, 42044, 42044},
		{"news_notice", obj{"card_image": nil, "image_text_area": obj{"image_url": "https://a", "title": "x"}}, 0, 0},
		{"news_notice", obj{"card_image": obj{"url": "https://a", "aspect_ratio": 2.3}}, 42044, 42044},

		{"text_notice", obj{"action_menu": obj{"action_list": []any{obj{"text": "a", "key": "a"}}}}, 42014, 42014}, // needs a task id
		{"text_notice", obj{"task_id": "?", "action_menu": obj{"action_list": numbered(3, "key", obj{"text": "a"})}}, 0, 0},
		{"text_notice", obj{"task_id": "?", "action_menu": obj{"action_list": numbered(4, "key", obj{"text": "a"})}}, 42047, 42047},
		{"text_notice", obj{"task_id": "?", "action_menu": obj{"action_list": repeated(2, obj{"text": "a", "key": "a"})}}, 42051, 42051},
		{"text_notice", obj{"task_id": "?", "action_menu": obj{"action_list": []any{}}}, 42047, 42047},

		{"vote_interaction", obj{"checkbox": nil}, 42042, 42042},
		{"vote_interaction", obj{"checkbox": obj{"option_list": numbered(2, "id", obj{"text": "x"})}}, 42043, 42043},
		{"vote_interaction", obj{"checkbox": obj{"question_key": "q", "option_list": numbered(20, "id", obj{"text": "x"})}}, 0, 0},
		{"vote_interaction", obj{"checkbox": obj{"question_key": "q", "option_list": numbered(21, "id", obj{"text": "x"})}}, 42042, 42042},
		{"vote_interaction", obj{"checkbox": obj{"question_key": "q", "option_list": repeated(2, obj{"id": "1", "text": "x"})}}, 42040, 42040},
		{"vote_interaction", obj{"checkbox": obj{"question_key": "q", "option_list": numbered(1, "id", nil)}}, 42041, 42041},
		{"vote_interaction", obj{"submit_button": nil}, 42046, 42046},
		{"multiple_interaction", obj{"submit_button": obj{"text": "x"}}, 42049, 42049},
		{"multiple_interaction", obj{"select_list": nil}, 42042, 42042},
		{"multiple_interaction", obj{"select_list": numbered(3, "question_key", obj{"option_list": numbered(10, "id", obj{"text": "x"})})}, 0, 0},
		{"multiple_interaction", obj{"select_list": numbered(4, "question_key", obj{"option_list": numbered(1, "id", obj{"text": "x"})})}, 42042, 42042},
		{"multiple_interaction", obj{"select_list": numbered(1, "question_key", obj{"option_list": numbered(11, "id", obj{"text": "x"})})}, 42042, 42042},
	} {
		card := sampleCard(c.kind, fmt.Sprintf("t%d", i))
		for k, v := range c.edit {
			if card[k] = v; v == "?" {
				card[k] = fmt.Sprintf("t%d", i)
			}
			if v == nil {
				delete(card, k)
			}
		}
		name := fmt.Sprintf("%d: %s with %.80v", i, c.kind, c.edit)
		out := w.post(t, "/cgi-bin/message/send?access_token="+token,
			asJSON(t, obj{"touser": "zhangsan", "agentid": 1000002, "msgtype": "template_card", "template_card": card}))
		if out["errcode"] != float64(c.app) {
			t.Errorf("%s: app says %v (%v), want %d", name, out["errcode"], out["errmsg"], c.app)
		}
		w.clock.advance(minute) // stay below the rate

		before := len(w.Refusals())
		w.robot.answers(asJSON(t, obj{"msgtype": "template_card", "template_card": card}))
		w.say(t, robotChat, "lisi", "x")
		got := 0
		if all := w.Refusals(); len(all) > before {
			got = all[before].Code
		}
		if got != c.bot {
			t.Errorf("%s: robot got %d, want %d: %+v", name, got, c.bot, w.Refusals()[before:])
		}
	}
}

const minute = 60_000_000_000

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func TestAdvisedLengthsAreNoted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	card := sampleCard("text_notice", "")
	card["main_title"] = obj{"title": strings.Repeat("字", 27), "desc": "短"}
	card["horizontal_content_list"] = []any{obj{"keyname": "六个字的标题", "value": "v"}}
	w.robot.answers(asJSON(t, obj{"msgtype": "template_card", "template_card": card}))
	w.say(t, robotChat, "lisi", "x")
	w.wantNoRefusals(t)
	want := []string{"main_title.title: 27 > 26", "horizontal_content_list[0].keyname: 6 > 5"}
	if d := cmp.Diff(want, w.Screen(robotChat)[1].Card.Overlong); d != "" {
		t.Error(d)
	}
	w.send(t, asJSON(t, obj{"touser": "lisi", "agentid": 1000002, "msgtype": "template_card", "template_card": card}))
	if d := cmp.Diff(want[1:], w.lastCard(t, "lisi").Card.Overlong); d != "" {
		t.Error(d) // an app has 36 characters
	}
}

// What a reader does with a card must not reach the fake.
func TestShownIsACopy(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.appCard(t, "lisi|zhangsan", buttonCard("t", "券"))
	c := w.lastCard(t, "lisi").Card
	c.Title, c.Buttons[0].Key, c.Fields[0].Value, c.Quote.Text = "x", "x", "x", "x"
	for _, user := range []string{"lisi", "zhangsan"} {
		if d := cmp.Diff(w.lastCard(t, user).Card.Title, "券"); d != "" {
			t.Error(d)
		}
		got := w.lastCard(t, user).Card
		if got.Buttons[0].Key != "undo:1" || got.Fields[0].Value != "¥49.90" || got.Quote.Text != "文" {
			t.Errorf("%s sees %+v", user, got)
		}
	}
}
