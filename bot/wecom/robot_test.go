package wecom

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

func testRobot(tb testing.TB) *Robot {
	tb.Helper()
	r, err := NewRobot(RobotConfig{
		Name: "group", Token: sampleToken, EncodingAESKey: sampleKey,
		DisplayName: "Voucher Bot", FallbackURL: testFallback,
		Now: func() time.Time { return testNow }, Rand: zeros{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func receiveRobot(tb testing.TB, plain string) (Incoming, error) {
	tb.Helper()
	q, encrypted := signed(tb, testCrypto(tb, ""), plain, testNow)
	body, err := json.Marshal(map[string]string{"encrypt": encrypted})
	if err != nil {
		tb.Fatal(err)
	}
	return testRobot(tb).Receive(q, body)
}

const (
	robotGroup = `"msgid":"m1","aibotid":"b","chatid":"wrABC","chattype":"group","from":{"userid":"ZhangSan"},"response_url":"https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=RC",`
	robotText  = `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot 验 7992697494"}}`
	robotClick = `{` + robotGroup + `"create_time":1759999990,"msgtype":"event","event":{"eventtype":"template_card_event",` +
		`"template_card_event":{"card_type":"button_interaction","event_key":"undo:1","task_id":"v-01"}}}`
)

func TestRobotReceive(t *testing.T) {
	t.Parallel()
	common := bot.Message{
		Channel: "bot/group", ID: "m1", Chat: "wrABC", User: "zhangsan", SentAs: "ZhangSan", At: testNow,
		Way: RobotWay("https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=RC"),
	}
	with := func(kind bot.Kind, text, quote string) Incoming {
		m := common
		m.Kind, m.Text, m.Quote = kind, text, quote
		return Incoming{Message: m}
	}
	click := with(bot.Click, "", "")
	click.Message.At = time.Unix(1759999990, 0).UTC()
	click.Message.Button = &bot.Button{TaskID: "v-01", Key: "undo:1", CardType: "button_interaction"}
	single := with(bot.Text, "今日", "")
	single.Message.Chat, single.Message.Way, single.Message.SentAs = "", RobotWay(""), ""
	poll := with("", "", "")
	poll.Message.Way, poll.Message.SentAs, poll.Poll = RobotWay(""), "", "s1"
	enter := single
	enter.Message.Kind, enter.Message.Text = bot.Enter, ""
	pictured := func(in Incoming, pictures ...bot.Picture) Incoming {
		in.Message.Pictures = pictures
		return in
	}
	u := bot.Picture{URL: "u"}
	var many, items []string
	var ten []bot.Picture
	for i := range 12 {
		many = append(many, strconv.Itoa(i))
		items = append(items, `{"msgtype":"image","image":{"url":"`+many[i]+`","aeskey":"k"}}`)
	}
	for _, s := range many[:10] {
		ten = append(ten, bot.Picture{URL: s, Key: "k"})
	}
	const singleFields = `"msgid":"m1","chattype":"single","from":{"userid":"zhangsan"},`

	tests := []struct {
		name, plain string
		want        Incoming
	}{
		{"text", robotText, with(bot.Text, "验 7992697494", "")},
		{"single", `{` + singleFields + `"msgtype":"text","text":{"content":"今日"}}`, single},
		{"mixed", `{` + robotGroup + `"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"@Voucher Bot 验"}},` +
			`{"msgtype":"image","image":{"url":"u"}},{"msgtype":"text","text":{"content":"7992697494"}}]}}`, pictured(with(bot.Text, "验\n7992697494", ""), u)},
		{"mixed with nothing but a mention", `{` + robotGroup + `"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"@Voucher Bot"}},` +
			`{"msgtype":"image","image":{"url":"u"}},{"msgtype":"image","image":{"url":"u"}}]}}`, pictured(with(bot.Photo, "", ""), u)},
		{"mixed of many", `{` + robotGroup + `"msgtype":"mixed","mixed":{"msg_item":[` + strings.Join(items, ",") + `]}}`, pictured(with(bot.Photo, "", ""), ten...)},
		{"mixed without a URL", `{` + robotGroup + `"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"image","image":{}}]}}`, with(bot.Other, "image", "")},
		{"mixed of pictures", `{` + robotGroup + `"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"image","image":{"url":"u"}}]}}`, pictured(with(bot.Photo, "", ""), u)},
		{"quote", `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot 撤"},"quote":{"msgtype":"text","text":{"content":"@Voucher Bot 验 7992697494"}}}`,
			with(bot.Text, "撤", "验 7992697494")},
		{"quoted mixed", `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot 撤"},"quote":{"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"7992697494"}}]}}}`,
			with(bot.Text, "撤", "7992697494")},
		{"quoted voice", `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot 撤"},"quote":{"msgtype":"voice","voice":{"content":"七九"}}}`,
			with(bot.Text, "撤", "七九")},
		{"quoted picture", `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot 撤"},"quote":{"msgtype":"image","image":{"url":"u"}}}`,
			pictured(with(bot.Text, "撤", ""), u)},
		{"quoted picture and nothing said", `{` + robotGroup + `"msgtype":"text","text":{"content":"@Voucher Bot"},"quote":{"msgtype":"image","image":{"url":"u"}}}`,
			pictured(with(bot.Text, "", ""), u)},
		{"voice", `{` + robotGroup + `"msgtype":"voice","voice":{"content":" 验七九。"}}`, with(bot.Voice, "验七九。", "")},
		{"silence", `{` + robotGroup + `"msgtype":"voice","voice":{"content":""}}`, with(bot.Other, "voice", "")},
		{"image", `{` + robotGroup + `"msgtype":"image","image":{"url":"u","aeskey":"k"}}`, pictured(with(bot.Photo, "", ""), bot.Picture{URL: "u", Key: "k"})},
		{"image without a URL", `{` + robotGroup + `"msgtype":"image"}`, with(bot.Other, "image", "")},
		{"file", `{` + robotGroup + `"msgtype":"file","file":{"url":"u"}}`, with(bot.Other, "file", "")},
		{"video", `{` + robotGroup + `"msgtype":"video","video":{"url":"u"}}`, with(bot.Other, "video", "")},
		{"poll", `{"msgid":"m1","chatid":"wrABC","chattype":"group","from":{"userid":"zhangsan"},"msgtype":"stream","stream":{"id":"s1"}}`, poll},
		{"enter", `{` + singleFields + `"msgtype":"event","event":{"eventtype":"enter_chat"}}`, enter},
		{"click", robotClick, click},
		{"click, fields beside the type", `{` + robotGroup + `"create_time":"1759999990","msgtype":"event","event":{"eventtype":"template_card_event",` +
			`"cardtype":"button_interaction","eventkey":"undo:1","taskid":"v-01"}}`, click},
		{"click, other spelling", `{` + robotGroup + `"create_time":1759999990,"msgtype":"event","event":{"eventtype":"template_card_event",` +
			`"template_card_event":{"cardtype":"button_interaction","eventkey":"undo:1","taskid":"v-01"}}}`, click},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := receiveRobot(t, tt.plain)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRobotIgnores(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"feedback_event", "something_new"} {
		in, err := receiveRobot(t, `{`+robotGroup+`"msgtype":"event","event":{"eventtype":"`+event+`"}}`)
		if err != nil || !in.Ignore {
			t.Errorf("%s: %+v, %v", event, in, err)
		}
		if plain, _ := testRobot(t).Frame(in, "s", bot.Reply{Text: "x"}, true); plain != nil {
			t.Errorf("%s is answered %s", event, plain)
		}
	}
}

func TestRobotEventWithoutID(t *testing.T) {
	t.Parallel()
	id := func(plain string) string {
		in, err := receiveRobot(t, plain)
		if err != nil {
			t.Fatal(err)
		}
		return in.Message.ID
	}
	bare := strings.Replace(robotClick, `"msgid":"m1",`, "", 1)
	first := id(bare)
	if len(first) != 33 || id(bare) != first || id(strings.Replace(bare, "undo:1", "undo:2", 1)) == first {
		t.Errorf("id = %q", first)
	}
}

func TestRobotRefuses(t *testing.T) {
	t.Parallel()
	r := testRobot(t)
	for _, body := range []string{"", "x", `{"encrypt":1}`, `{"encrypt":"a"}x`} {
		if _, err := r.Receive(nil, []byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("body %q: err = %v", body, err)
		}
	}
	if _, err := r.Receive(nil, []byte(`{}`)); !errors.Is(err, ErrSignature) {
		t.Errorf("no encrypt: err = %v", err)
	}
	// A message for an app of the same token and key.
	q, encrypted := signed(t, testCrypto(t, sampleCorpID), robotText, testNow)
	if _, err := r.Receive(q, []byte(`{"encrypt":"`+encrypted+`"}`)); !errors.Is(err, ErrReceiveID) {
		t.Errorf("with a receiveid: err = %v", err)
	}
	if _, err := NewRobot(RobotConfig{Token: "t"}); err == nil {
		t.Error("NewRobot without a key")
	}
}

func TestRobotSeal(t *testing.T) {
	t.Parallel()
	body, err := testRobot(t).Seal([]byte(`{"msgtype":"stream"}`), "nonce+/=")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	stamp, _ := out["timestamp"].(json.Number) // a number, not a string
	if len(out) != 4 || out["nonce"] != "nonce+/=" || stamp.String() != strconv.FormatInt(testNow.Unix(), 10) {
		t.Fatalf("envelope %s", body)
	}
	encrypted, _ := out["encrypt"].(string)
	signature, _ := out["msgsignature"].(string)
	plain, err := testCrypto(t, "").Open(signature, stamp.String(), "nonce+/=", encrypted)
	if err != nil || string(plain) != `{"msgtype":"stream"}` {
		t.Errorf("%q, %v", plain, err)
	}
}

// conversation is what is answered, for TestFrame.
func conversation(kind string) Incoming {
	in := Incoming{Message: bot.Message{Channel: "bot/group", Chat: "wrABC", User: "zhangsan", Kind: bot.Text}}
	switch kind {
	case "poll":
		in.Message.Kind, in.Poll = "", "s1"
	case "enter":
		in.Message.Kind = bot.Enter
	case "click":
		in.Message.Kind = bot.Click
		in.Message.Button = &bot.Button{TaskID: "clicked-01"}
	}
	return in
}

func TestFrame(t *testing.T) {
	t.Parallel()
	type answer struct {
		Frame json.RawMessage `json:"frame"` // null: an empty 200
		Rest  bot.Reply       `json:"rest"`
	}
	all := replies()
	all["nothing"] = bot.Reply{}
	all["long text"] = bot.Reply{Text: "**没有核销**\n" + strings.Repeat("- 7992697494：已过期\n", 20)}
	all["short text"] = bot.Reply{Text: "**没有核销**\n已经过了撤销时间"}
	all["invalid card"] = bot.Reply{Card: &bot.Card{TaskID: "a:b", Title: "题"}}
	for _, kind := range []string{"message", "poll", "enter", "click"} {
		for _, name := range []string{"success", "refusal", "confirm", "undo", "pending", "help", "list", "nothing", "long text", "short text", "invalid card"} {
			for _, ready := range []bool{true, false} {
				if !ready && name != "pending" && name != "nothing" {
					continue
				}
				title := strings.ReplaceAll(name, " ", "_") + "." + kind
				if !ready {
					title += ".unready"
				}
				t.Run(title, func(t *testing.T) {
					t.Parallel()
					r := testRobot(t)
					plain, rest := r.Frame(conversation(kind), "s1", all[name], ready)
					again, _ := r.Frame(conversation(kind), "s1", all[name], ready)
					if !bytes.Equal(plain, again) {
						t.Error("the same twice is not the same")
					}
					golden(t, "frames/"+title+".json", pretty(t, answer{plain, rest}))
				})
			}
		}
	}
}

// TestFrameEndsStream: what was opened is finished, whatever the reply.
func TestFrameEndsStream(t *testing.T) {
	t.Parallel()
	r := testRobot(t)
	huge := bot.Reply{Text: strings.Repeat("- 一行\n", 10000)}
	for name, reply := range map[string]bot.Reply{"nothing": {}, "pending": {Text: "x", Pending: true}, "huge": huge} {
		plain, _ := r.Frame(conversation("poll"), "other", reply, true)
		var f frame
		if err := json.Unmarshal(plain, &f); err != nil {
			t.Fatal(err)
		}
		if f.Stream == nil || !f.Stream.Finish || f.Stream.ID != "s1" || f.Stream.Content == "" || len(f.Stream.Content) > maxStream {
			t.Errorf("%s: %.200s", name, plain)
		}
	}
}

// TestFrameNamesEncryptedID: an update for one person names that person as WeCom did.
func TestFrameNamesEncryptedID(t *testing.T) {
	t.Parallel()
	const id = "woAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"
	in, err := receiveRobot(t, strings.ReplaceAll(robotClick, "ZhangSan", id))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := testRobot(t).Frame(in, "s1", bot.Reply{Text: "只有核销的人能撤销"}, true)
	var f frame
	if err := json.Unmarshal(plain, &f); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.UserIDs, []string{id}) {
		t.Errorf("for %v", f.UserIDs)
	}
}
