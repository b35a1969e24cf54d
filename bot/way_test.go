package bot_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
)

// What an earlier version has stored leads back to where it came from.
func TestStoredByAnEarlierVersion(t *testing.T) {
	t.Parallel()
	robot := bot.Way{Passive: true, Once: true, Robot: true, Wire: `{"reply_url":"https://example.com/x?response_code=RC"}`}
	for text, want := range map[string]bot.Way{
		`{"channel":"app/main","id":"1","chat":"","user":"zhangsan","kind":"text","text":"今日"}`: {},
		`{"channel":"app/main","kind":"click","button":{"task_id":"t","key":"k","response_code":"RC"}}`: {
			Wire: `{"response_code":"RC"}`},
		`{"channel":"bot/group","kind":"text","reply_url":"https://example.com/x?response_code=RC"}`: robot,
		`{"channel":"socket/group","kind":"text","req_id":"r"}`:                                      {Robot: true, Streams: true, Wire: `{"req_id":"r"}`},
		`{"channel":"socket/group","kind":"click","button":{"task_id":"t","key":"k"},"req_id":"r"}`:  {Robot: true, Wire: `{"req_id":"r"}`},
		`{"channel":"socket/group","kind":"enter","req_id":"r"}`:                                     {Robot: true, Wire: `{"req_id":"r"}`},
	} {
		var m bot.Message
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.Way != want {
			t.Errorf("%s: %+v, %v, want %+v", text, m.Way, err, want)
		}
	}
	asked := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for text, want := range map[string]bot.Delivery{
		`{"ID":"d","Channel":"app/main","User":"u","Form":"update","ResponseCode":"RC","Card":"t","Change":false,"Asked":"0001-01-01T00:00:00Z"}`: {
			ID: "d", Channel: "app/main", User: "u", Form: bot.AsUpdate, Card: "t", Way: bot.Way{Wire: `{"response_code":"RC"}`}},
		`{"ID":"d","Channel":"app/main","ResponseCode":"RC","Card":"t","Change":true}`: {
			ID: "d", Channel: "app/main", Card: "t", Code: "RC", Change: true},
		`{"ID":"d","Channel":"bot/group","Chat":"c","ReplyURL":"https://example.com/x?response_code=RC","Pressed":"","Stream":""}`: {
			ID: "d", Channel: "bot/group", Chat: "c", Way: robot},
		`{"ID":"d","Channel":"socket/group","ReqID":"r","Answers":"click","Asked":"2026-11-23T06:00:00Z","Pressed":"t"}`: {
			ID: "d", Channel: "socket/group", Answers: bot.Click, Asked: asked, Card: "t", Way: bot.Way{Robot: true, Wire: `{"req_id":"r"}`}},
		`{"ID":"d","Channel":"socket/group","ReqID":"r","Answers":"text","Stream":"in","Ends":true}`: {
			ID: "d", Channel: "socket/group", Answers: bot.Text, Stream: "in", Ends: true, Way: bot.Way{Robot: true, Streams: true, Wire: `{"req_id":"r"}`}},
	} {
		var d bot.Delivery
		if err := json.Unmarshal([]byte(text), &d); err != nil || d != want {
			t.Errorf("%s:\n%+v, %v, want\n%+v", text, d, err, want)
		}
	}
}

// What is stored is read back as it was, and can be read by people.
func TestWayIsStored(t *testing.T) {
	t.Parallel()
	way := bot.Way{Passive: true, Once: true, Robot: true, Wire: `{"reply_url":"https://example.com/"}`}
	m := bot.Message{Channel: "bot/group", ID: "1", Kind: bot.Text, Way: way}
	d := bot.Delivery{ID: "d", Channel: "bot/group", Way: way, Answers: bot.Text}
	text, err := json.Marshal(m)
	var m2 bot.Message
	if err == nil {
		err = json.Unmarshal(text, &m2)
	}
	if err != nil || m2.Way != way || m2.ID != m.ID || !strings.Contains(string(text), `"wire":{"reply_url":"https://example.com/"}`) {
		t.Errorf("%s: %+v, %v", text, m2, err)
	}
	text, err = json.Marshal(d)
	var d2 bot.Delivery
	if err == nil {
		err = json.Unmarshal(text, &d2)
	}
	if err != nil || d2 != d {
		t.Errorf("%s: %+v, %v", text, d2, err)
	}
	if text, err = json.Marshal(bot.Message{ID: "1"}); err != nil || strings.Contains(string(text), "way") {
		t.Errorf("%s, %v", text, err)
	}
}
