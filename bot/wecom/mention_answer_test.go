package wecom

import (
	"encoding/json"
	"strings"
	"testing"

	"yanquan/bot"
)

const openID = "woAJ2GCAAAXtWyujaWJHDDGi0mACHAAA" // as WeCom encrypts one

// In a group, what a robot says in words begins with a mention of the person, once
// it is final; in a 1:1 conversation nothing does.
func TestFrameMentions(t *testing.T) {
	t.Parallel()
	words := bot.Reply{Text: "没看懂。"}
	card := replies()["success"]
	for _, tt := range []struct {
		name         string
		off          bool
		kind         string
		chat, sentAs string
		reply        bot.Reply
		ready        bool
		want         string // of the stream's content: how it begins
	}{
		{"words", false, "message", "wrABC", "", words, true, "<@zhangsan> 没看懂。"},
		{"words to a poll", false, "poll", "wrABC", "", words, true, "<@zhangsan> 没看懂。"},
		{"words beside a card", false, "poll", "wrABC", "", card, true, "<@zhangsan> 核销成功"},
		{"as WeCom writes it", false, "message", "wrABC", "ZhangSan", words, true, "<@ZhangSan> 没看懂。"},
		{"encrypted", false, "message", "wrABC", openID, words, true, "<@" + openID + "> 没看懂。"},
		{"waiting", false, "message", "wrABC", "", bot.Reply{}, false, waiting},
		{"1:1", false, "message", "", "", words, true, "没看懂。"},
		{"switched off", true, "message", "wrABC", "", words, true, "没看懂。"},
	} {
		r := testRobot(t)
		r.mention = !tt.off
		in := conversation(tt.kind)
		in.Message.Chat, in.Message.SentAs = tt.chat, tt.sentAs
		plain, _ := r.Frame(in, "s1", tt.reply, tt.ready)
		var f frame
		if err := json.Unmarshal(plain, &f); err != nil || f.Stream == nil {
			t.Fatalf("%s: %v: %s", tt.name, err, plain)
		}
		if !strings.HasPrefix(f.Stream.Content, tt.want) {
			t.Errorf("%s: %q", tt.name, f.Stream.Content)
		}
	}
	r := testRobot(t)
	r.mention = true
	plain, _ := r.Frame(conversation("message"), "s1", bot.Reply{Text: strings.Repeat("- 一行\n", 10000)}, true)
	var f frame
	if err := json.Unmarshal(plain, &f); err != nil || len(f.Stream.Content) > maxStream {
		t.Errorf("%d bytes, %v", len(f.Stream.Content), err)
	}
}

// The card of a group opens the sender's profile, unless the id is encrypted, and
// nobody else's: their ids may be no members'.
func TestGroupCardNamesSender(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		chat, user, sentAs, want string
	}{
		"sender":     {"wrABC", "zhangsan", "", "zhangsan"},
		"as written": {"wrABC", "zhangsan", "ZhangSan", "ZhangSan"},
		"another":    {"wrABC", "lisi", "", ""},
		"encrypted":  {"wrABC", strings.ToLower(openID), openID, ""},
		"1:1":        {"", "zhangsan", "", ""},
	} {
		in := conversation("message")
		in.Message.Chat, in.Message.User, in.Message.SentAs = tt.chat, tt.user, tt.sentAs
		plain, _ := testRobot(t).Frame(in, "s1", replies()["success"], true)
		var f frame
		if err := json.Unmarshal(plain, &f); err != nil || f.Card == nil {
			t.Fatalf("%s: %v: %s", name, err, plain)
		}
		got := ""
		for _, field := range f.Card.Fields {
			got += field.UserID
		}
		if got != tt.want {
			t.Errorf("%s: opens %q, want %q", name, got, tt.want)
		}
		if err := f.Card.Validate(RobotChannel); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What goes to a reply URL in words mentions the person, too.
func TestReplyURLMentions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		off          bool
		chat, sentAs string
		form         bot.Form
		want         string
	}{
		"group":        {false, "wrABC", "", bot.AsMarkdown, "<@zhangsan> 没看懂。"},
		"encrypted":    {false, "wrABC", openID, bot.AsMarkdown, "<@" + openID + "> 没看懂。"},
		"1:1":          {false, "", "", bot.AsMarkdown, "没看懂。"},
		"plain":        {false, "wrABC", "", bot.AsText, "没看懂。"}, // the last rung is for who shows no markup
		"switched off": {true, "wrABC", "", bot.AsMarkdown, "没看懂。"},
	} {
		api := newFakeAPI(t)
		s := testSender(t, api)
		s.mention = !tt.off
		d := bot.Delivery{ID: "d", Channel: "bot/group", Chat: tt.chat, User: "zhangsan", SentAs: tt.sentAs, Form: tt.form,
			Reply: bot.Reply{Text: "没看懂。"}, Way: RobotWay(api.URL + "/cgi-bin/aibot/response?response_code=x")}
		if _, err := s.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		body := api.requests()[0].Body["markdown"].(map[string]any)
		if body["content"] != tt.want {
			t.Errorf("%s: %q", name, body["content"])
		}
	}
}
