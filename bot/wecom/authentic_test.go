package wecom

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot"
)

const appText = "<MsgType>text</MsgType><Content><![CDATA[%]]></Content><MsgId>6054768590064713728</MsgId>"

func appSays(content string) string { return appXML(strings.Replace(appText, "%", content, 1)) }

// What XML does not allow is not what was said.
func TestAppDropsWhatIsNoText(t *testing.T) {
	t.Parallel()
	for name, junk := range map[string]string{
		"backspace": "\b", "line tabulation": "\v", "group separator": "\x1d", "no character": "\uffff", "half an emoji": "\xf0\x9f\x98",
		"not UTF-8": "\xff", "NUL": "\x00", "half a surrogate pair": "\xed\xa0\xbd", "U+FFFD": "\ufffd",
	} {
		for _, text := range []string{"验 7992697494" + junk, junk + "验 7992" + junk + "697494"} {
			m, work, err := receiveApp(t, appSays(text))
			if err != nil || !work || m.Kind != bot.Text || m.Text != "验 7992697494" || m.ID != "6054768590064713728" || m.User != "zhangsan" {
				t.Errorf("%s: %+v, %v, %v", name, m, work, err)
			}
		}
	}
}

// What cannot be read whole is read in part: who it is from. It is answered, and
// nothing more is done. Its repeat is known by all of it.
func TestAppReadInPart(t *testing.T) {
	t.Parallel()
	text := appSays("验 7992697494")
	replace := func(old, with string) string { return strings.Replace(text, old, with, 1) }
	for name, plain := range map[string]string{
		"the end of CDATA in it": appSays("验 7992697494]]>"),
		"markup behind it":       appSays("验 7992697494]]><3"),
		"another Content":        appSays("验 7992697494]]></Content><Content><![CDATA[验 1"),
		"another MsgId":          appSays("验 7992697494]]></Content><MsgId>1</MsgId><Content><![CDATA["),
		"another AgentID":        appSays("验 7992697494]]></Content><AgentID>1</AgentID><Content><![CDATA["),
		"another type":           appSays("]]></Content><MsgType>event</MsgType><Event>inactive_alert</Event><Content><![CDATA["),
		"cut off":                text[:strings.Index(text, "]]></Content>")],
		"MsgId not a number":     replace("<MsgId>6", "<MsgId>x"),
		"MsgId missing":          replace("<MsgId>6054768590064713728</MsgId>", ""),
		"no Content":             replace("Content>", "Contents>"),
		"an entity of its own":   `<!DOCTYPE x [<!ENTITY e "验 7992697494">]>` + replace("<![CDATA[验 7992697494]]>", "&e;"),
		"two documents":          text + "<xml/>",
		"text behind":            text + "x",
	} {
		first, work, err := receiveApp(t, plain)
		if err != nil || !work || first.Kind != bot.Other || first.Text != cutShort || first.User != "zhangsan" || first.ID == "" || !first.At.Equal(time.Unix(1759999990, 0)) {
			t.Errorf("%s: %+v, %v, %v", name, first, work, err)
		}
		again, _, _ := receiveApp(t, plain)
		other, _, _ := receiveApp(t, strings.Replace(plain, "1759999990", "1759999991", 1))
		if whole := first.ID == "6054768590064713728"; again.ID != first.ID || !whole && other.ID == first.ID {
			t.Errorf("%s: ids %s, %s, %s", name, first.ID, again.ID, other.ID)
		}
	}
	for name, plain := range map[string]string{
		"without a type": replace("<MsgType>text</MsgType>", ""), "of a new type": replace("<MsgType>text", "<MsgType>hologram"),
	} {
		if m, work, err := receiveApp(t, plain); err != nil || !work || m.Kind != bot.Other {
			t.Errorf("%s: %+v, %v, %v", name, m, work, err)
		}
	}
}

// What is said twice further inside is not acted upon either; the members of a list are
// of one name.
func TestAppSaidTwiceWithin(t *testing.T) {
	t.Parallel()
	scan := func(within string) string {
		return appXML("<MsgType>event</MsgType><Event>scancode_waitmsg</Event><ScanCodeInfo><ScanType>qrcode</ScanType>" + within + "</ScanCodeInfo>")
	}
	m, work, err := receiveApp(t, scan("<ScanResult>7992697494</ScanResult><ScanResult>7992697495</ScanResult>"))
	if err != nil || !work || m.Kind != bot.Other || m.Text != cutShort || m.User != "zhangsan" || m.ID == "" {
		t.Errorf("two results: %+v, %v, %v", m, work, err)
	}
	m, work, err = receiveApp(t, scan("<ScanResult>7992697494</ScanResult><ScanResult>7992697494</ScanResult>"))
	if err != nil || !work || m.Kind != bot.Scan {
		t.Errorf("twice alike: %+v, %v, %v", m, work, err)
	}
	const list = "<SelectedItem><QuestionKey>q</QuestionKey><OptionIds><OptionId>a</OptionId><OptionId>b</OptionId></OptionIds></SelectedItem>"
	click := "<MsgType>event</MsgType><Event>template_card_event</Event><TaskId>v-01</TaskId><EventKey>undo:1</EventKey><SelectedItems>" + list + strings.Replace(list, ">q<", ">r<", 1) + "</SelectedItems>"
	if m, work, err = receiveApp(t, appXML(click)); err != nil || !work || m.Button == nil || m.Button.Key != "undo:1" {
		t.Errorf("lists: %+v, %v, %v", m, work, err)
	}
	if m, work, err = receiveApp(t, appXML(strings.Replace(click, "<QuestionKey>", "<QuestionKey>p</QuestionKey><QuestionKey>", 1))); err != nil || !work || m.Button == nil || m.Button.Key != "" {
		t.Errorf("two questions: %+v, %v, %v", m, work, err)
	}
}

// What does not matter to a message does not keep it from being understood.
func TestAppReadsAllTheSame(t *testing.T) {
	t.Parallel()
	text := appSays("验 7992697494")
	for name, plain := range map[string]string{
		"a declaration":      `<?xml version="1.0" encoding="gbk"?>` + text,
		"an odd version":     "\ufeff<?xml version=\"9.9\"?>\n" + text,
		"a DOCTYPE":          "<!DOCTYPE x>" + text,
		"another root":       strings.NewReplacer("<xml>", "<message>", "</xml>", "</message>").Replace(text),
		"AgentID odd":        strings.Replace(text, "<AgentID>1000002", "<AgentID>x", 1),
		"AgentID missing":    strings.Replace(text, "<AgentID>1000002</AgentID>", "", 1),
		"ToUserName missing": strings.Replace(text, "ToUserName>", "Someone>", 2),
		"said twice alike":   strings.Replace(text, "</xml>", "<FromUserName>ZHANGSAN</FromUserName><MsgType>text</MsgType></xml>", 1),
	} {
		if strings.HasPrefix(name, "said twice") {
			plain = strings.Replace(plain, "<FromUserName>ZHANGSAN", "<FromUserName>ZhangSan", 1)
		}
		m, work, err := receiveApp(t, plain)
		if err != nil || !work || m.Kind != bot.Text || m.Text != "验 7992697494" || m.ID != "6054768590064713728" {
			t.Errorf("%s: %+v, %v, %v", name, m, work, err)
		}
	}
	for _, odd := range []string{"yesterday", "1759999990000", "0", "999999999999", ""} {
		m, work, err := receiveApp(t, strings.Replace(text, "1759999990", odd, 1))
		if err != nil || !work || !m.At.Equal(testNow) || m.Kind != bot.Text {
			t.Errorf("time %q: %+v, %v, %v", odd, m, work, err)
		}
	}
}

// Where it is not certain who is meant, nothing is done in anybody's name.
func TestAppSenderNotCertain(t *testing.T) {
	t.Parallel()
	const boss = "<FromUserName><![CDATA[boss]]></FromUserName>"
	for name, plain := range map[string]string{
		"named in the text":    appSays("x]]></Content>" + boss + "<Content><![CDATA[验 7992697494"),
		"behind the document":  appSays("x]]></Content></xml><xml>" + boss + "<Content><![CDATA[x"),
		"further inside":       appSays("x]]>" + boss + "<![CDATA["),
		"cut off behind it":    appSays("x]]></Content><FromUserName>boss<!--"),
		"on a scanned picture": appXML("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanType>qrcode</ScanType><ScanResult><![CDATA[x]]></ScanResult></ScanCodeInfo>" + boss),
		"spoilt on the way":    strings.Replace(appSays("x"), "ZhangSan", "Zhang\x00San", 1),
		"too long":             strings.Replace(appSays("x"), "ZhangSan", strings.Repeat("z", 65), 1),
		"of two people":        strings.Replace(appSays("x"), "ZhangSan", "zhangsan|boss", 1),
		"nobody":               strings.Replace(appSays("x"), "ZhangSan", "", 1),
		"JSON":                 "{}",
		"nothing":              "",
		"not closed":           "<xml><MsgType>",
	} {
		if m, work, err := receiveApp(t, plain); work || !errors.Is(err, ErrNobody) || errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v, %v", name, m, work, err)
		}
	}
	// What is typed, and escaped as it should be, is text.
	for _, typed := range []string{"x" + strings.NewReplacer("]]>", "]]]]><![CDATA[>").Replace("]]></Content>"+boss), "<FromUserName>boss</FromUserName>"} {
		if m, work, err := receiveApp(t, appSays(typed)); !work || err != nil || m.User != "zhangsan" || m.Kind != bot.Text {
			t.Errorf("%s: %+v, %v, %v", typed, m, work, err)
		}
	}
}

// Events of the corp or of its customers have no sender, and are no messages.
func TestAppEventOfNobody(t *testing.T) {
	t.Parallel()
	for _, event := range []string{
		"<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[t]]></Token><OpenKfId><![CDATA[wk]]></OpenKfId>",
		"<Event>batch_job_result</Event><BatchJob><JobId>1</JobId></BatchJob>", "<Event>change_contact</Event><ChangeType>update_user</ChangeType><UserID>boss</UserID>",
		"<Event></Event>", "",
	} {
		plain := "<xml><ToUserName><![CDATA[" + sampleCorpID + "]]></ToUserName><CreateTime>1759999990</CreateTime><MsgType><![CDATA[event]]></MsgType>" + event + "</xml>"
		if m, work, err := receiveApp(t, plain); work || err != nil {
			t.Errorf("%s: %+v, %v, %v", event, m, work, err)
		}
	}
}

// A press of which not all is known presses nothing, but is answered.
func TestPressReadInPart(t *testing.T) {
	t.Parallel()
	m, work, err := receiveApp(t, appXML("<MsgType>event</MsgType><Event>template_card_event</Event><TaskId>v-01</TaskId><EventKey>undo:1</EventKey><EventKey>undo:2</EventKey>"))
	if err != nil || !work || m.Kind != bot.Click || m.Button.Key != "" || m.Button.TaskID != "v-01" || m.ID == "" {
		t.Errorf("app: %+v, %v, %v", m, work, err)
	}
	for _, plain := range []string{strings.TrimSuffix(robotClick, "}"), strings.Replace(robotClick, `"chatid":"wrABC",`, "", 1)} {
		in, err := receiveRobot(t, plain)
		if b := in.Message.Button; err != nil || in.Message.Kind != bot.Click || b.Key != "" || b.TaskID != "v-01" {
			t.Errorf("robot: %+v, %v", in, err)
		}
	}
}

// A field that a message does not need cannot make it fail, and JSON that was written
// into a string is read.
func TestRobotReadsAllTheSame(t *testing.T) {
	t.Parallel()
	want, err := receiveRobot(t, robotText)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) string { return strings.Replace(robotText, old, with, 1) }
	with := func(fields string) string { return replace(`{"msgid"`, "{"+fields+`,"msgid"`) }
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for name, plain := range map[string]string{
		"quote is text":           with(`"quote":""`),
		"quote is a list":         with(`"quote":[1]`),
		"quote of nothing":        with(`"quote":{"msgtype":"mixed","mixed":7}`),
		"stream is text":          with(`"stream":"s"`),
		"event is text":           with(`"event":"e"`),
		"mixed is a number":       with(`"mixed":1`),
		"time in milliseconds":    with(`"create_time":1760000000000`),
		"time is text":            with(`"create_time":"soon"`),
		"time is an object":       with(`"create_time":{}`),
		"time before its day":     with(`"create_time":1`),
		"text is JSON in a text":  replace(`{"content":"@Voucher Bot 验 7992697494"}`, quoted(`{"content":"@Voucher Bot 验 7992697494"}`)),
		"from is JSON in a text":  replace(`{"userid":"ZhangSan"}`, quoted(`{"userid":"ZhangSan"}`)),
		"a control character":     replace("7494", "7494\b"),
		"one that is escaped":     replace("7992", `\u001d7992\uffff`),
		"half an emoji":           replace("7494", "7494\xf0\x9f\x98"),
		"half, escaped":           replace("7494", `7494\ud83d`),
		"a byte order mark":       "\ufeff" + robotText,
		"its own corp":            replace(`"userid":`, `"corpid":"","userid":`),
		"of a field twice, alike": with(`"chatid":"wrABC"`),
		"names of another case":   with(`"From":{"userid":"boss"},"MSGTYPE":"event"`),
	} {
		got, err := receiveRobot(t, plain)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	mixed := `{"msg_item":[{"msgtype":"text","text":{"content":"验"}},{"msgtype":"image","image":{"url":"u"}}]}`
	in, err := receiveRobot(t, `{`+robotGroup+`"msgtype":"mixed","mixed":`+quoted(mixed)+`}`)
	if m := in.Message; err != nil || m.Kind != bot.Text || m.Text != "验" || len(m.Pictures) != 1 {
		t.Errorf("mixed in a text: %+v, %v", m, err)
	}
}

// Of a message that cannot be read whole, or whose place is not known, is known who to
// answer; it must not pass for a private one.
func TestRobotReadInPart(t *testing.T) {
	t.Parallel()
	replace := func(old, with string) string { return strings.Replace(robotText, old, with, 1) }
	for name, tt := range map[string]struct{ plain, why string }{
		"cut off":           {robotText[:len(robotText)-20], cutShort},
		"cut off at the id": {robotText[:len(robotText)-1], cutShort},
		"two values":        {robotText + robotText, cutShort},
		"no msgid":          {replace(`"msgid":"m1",`, ""), cutShort},
		"two msgids":        {replace(`{`, `{"msgid":"m0",`), cutShort},
		"two texts":         {replace(`{`, `{"text":{"content":"验 1"},`), cutShort},
		"text is a list":    {replace(`{"content":"@Voucher Bot 验 7992697494"}`, `["验 7992697494"]`), "text"},
		"group without id":  {replace(`"chatid":"wrABC",`, ""), nowhere},
		"unknown chattype":  {replace(`"group"`, `"channel"`), nowhere},
		"chattype odd":      {replace(`"group"`, `["group"]`), nowhere},
		"chatid odd":        {replace(`"wrABC"`, `{}`), nowhere},
		"two groups":        {replace(`{`, `{"chatid":"wrOther",`), nowhere},
		"chatid too long":   {replace(`wrABC`, strings.Repeat("w", 129)), nowhere},
		"mixed of a half":   {replace(`"msgtype":"text"`, `"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"验 1"}},{"msgtype":"text","text":7}]}`), "image"},
		"no type":           {replace(`"msgtype":"text",`, ""), ""},
		"a new type":        {replace(`"msgtype":"text"`, `"msgtype":"hologram"`), "hologram"},
	} {
		in, err := receiveRobot(t, tt.plain)
		m := in.Message
		if err != nil || in.Ignore || m.Kind != bot.Other || m.Text != tt.why || m.User != "zhangsan" || m.ID == "" || wireOf(m.Way).ReplyURL == "" {
			t.Errorf("%s: %+v, %v", name, in, err)
		}
		if again, _ := receiveRobot(t, tt.plain); again.Message.ID != m.ID {
			t.Errorf("%s: a repeat has another id", name)
		}
	}
}

// What is said twice further inside is not acted upon either, also in JSON that was written
// into a string; a list may have as many members as it likes.
func TestRobotSaidTwiceWithin(t *testing.T) {
	t.Parallel()
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	const two, image = `{"content":"验 7992697494","content":"查 7992697494"}`, `{"msgtype":"image","image":{"url":"u","url":"v"}}`
	says := func(what string) string { return `{` + robotGroup + what + `}` }
	for name, plain := range map[string]string{
		"text":             says(`"msgtype":"text","text":` + two),
		"text in a text":   says(`"msgtype":"text","text":` + quoted(two)),
		"cut off in it":    says(`"msgtype":"text","text":` + quoted(`{"content":"验 7992697494","`)),
		"voice":            says(`"msgtype":"voice","voice":` + two),
		"image":            says(`"msgtype":"image","image":{"url":"u","aeskey":"k","aeskey":"l"}`),
		"mixed":            says(`"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"验 7992697494"}}],"msg_item":[]}`),
		"a part's kind":    says(`"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","msgtype":"image","text":{"content":"验 7992697494"}}]}`),
		"a part's text":    says(`"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":` + two + `}]}`),
		"a part's picture": says(`"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"验"}},` + image + `]}`),
		"quote":            says(`"msgtype":"text","text":{"content":"验"},"quote":{"msgtype":"text","text":{"content":"7992697494"},"text":{"content":"7992697495"}}`),
		"quoted text":      says(`"msgtype":"text","text":{"content":"验"},"quote":{"msgtype":"text","text":` + two + `}`),
		"quoted picture":   says(`"msgtype":"text","text":{"content":"验"},"quote":` + image),
	} {
		in, err := receiveRobot(t, plain)
		if m := in.Message; err != nil || m.Kind != bot.Other || m.Text != cutShort || m.User != "zhangsan" || m.Quote != "" || m.Pictures != nil {
			t.Errorf("%s: %+v, %v", name, in, err)
		}
	}
	in, err := receiveRobot(t, says(`"msgtype":"mixed","mixed":{"msg_item":[{"msgtype":"text","text":{"content":"验"}},{"msgtype":"text","text":{"content":"7992697494"}}]}`))
	if m := in.Message; err != nil || m.Text != "验\n7992697494" {
		t.Errorf("a list: %+v, %v", in, err)
	}
	for name, click := range map[string]string{
		"key":        strings.Replace(robotClick, `"event_key"`, `"event_key":"undo:2","event_key"`, 1),
		"event":      strings.Replace(robotClick, `"eventtype"`, `"event_key":"undo:2","event_key":"undo:3","eventtype"`, 1),
		"spelling":   strings.Replace(robotClick, `"event_key"`, `"eventkey":"undo:2","event_key"`, 1),
		"place":      strings.Replace(robotClick, `"eventtype"`, `"event_key":"undo:2","eventtype"`, 1),
		"two events": strings.Replace(robotClick, `"template_card_event":`, `"template_card_event":{"event_key":"undo:2"},"template_card_event":`, 1),
	} {
		in, err := receiveRobot(t, click)
		if b := in.Message.Button; err != nil || in.Message.Kind != bot.Click || b.Key != "" {
			t.Errorf("%s: %+v, %+v, %v", name, in, b, err)
		}
	}
	if in, err := receiveRobot(t, says(`"msgtype":"stream","stream":{"id":"s","id":"t"}`)); !errors.Is(err, ErrNobody) || in.Poll != "" {
		t.Errorf("a poll of two streams: %+v, %v", in, err)
	}
}

// Where it is not certain who is meant, nothing is done in anybody's name.
func TestRobotSenderNotCertain(t *testing.T) {
	t.Parallel()
	replace := func(old, with string) string { return strings.Replace(robotText, old, with, 1) }
	for name, plain := range map[string]string{
		"not JSON": "x", "nothing": "", "a list": "[1]", "no sender": replace("ZhangSan", ""), "no from": replace(`"from"`, `"of"`),
		"from is text": replace(`{"userid":"ZhangSan"}`, `"ZhangSan"`), "named twice": replace(`{`, `{"from":{"userid":"boss"},`),
		"two userids": replace(`"userid"`, `"userid":"boss","userid"`), "corpid odd": replace(`"userid"`, `"corpid":[],"userid"`),
		"spoilt": replace("ZhangSan", "Zhang\x00San"), "blank in it": replace("ZhangSan", "Zhang San"), "too long": replace("ZhangSan", strings.Repeat("z", 65)),
		"poll without id": `{` + robotGroup + `"msgtype":"stream"}`,
	} {
		if in, err := receiveRobot(t, plain); !errors.Is(err, ErrNobody) || errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, in, err)
		}
	}
}

// A userid of another corp is nobody's here, and is never called by it.
func TestRobotOfAnotherCorp(t *testing.T) {
	t.Parallel()
	for _, ours := range []string{"", sampleCorpID} {
		for corp, want := range map[string]bot.Message{
			"wwOther":    {User: "wwother/boss"},
			sampleCorpID: {User: "boss", SentAs: "Boss"},
		} {
			if ours == "" && corp == sampleCorpID {
				want = bot.Message{User: sampleCorpID + "/boss"}
			}
			r := testRobot(t)
			r.corpID = ours
			plain := strings.Replace(robotText, `"userid":"ZhangSan"`, `"corpid":"`+corp+`","userid":"Boss"`, 1)
			in, err := r.incoming(robotMessage{readJSON([]byte(plain))}, testNow)
			if m := in.Message; err != nil || m.User != want.User || m.SentAs != want.SentAs {
				t.Errorf("of %s at %q: %q, %q, %v", corp, ours, m.User, m.SentAs, err)
			}
		}
	}
	if id := elsewhere(strings.Repeat("w", 50), strings.Repeat("u", 60)); !isUserID(id) || id == elsewhere(strings.Repeat("w", 50), strings.Repeat("u", 61)) {
		t.Errorf("long ids become %q", id)
	}
}

// FuzzAppInside seals anything as WeCom would: it is never malformed, and a message
// with a sender is answered.
func FuzzAppInside(f *testing.F) {
	for _, plain := range []string{
		appSays("验 7992697494"), appSays("验 7992697494\b\xf0\x9f\x98"), appSays("x]]><FromUserName>boss"), appSays("]]></Content><MsgId>1</MsgId></xml><xml>"),
		appXML("<MsgType>event</MsgType><Event>template_card_event</Event><EventKey>k</EventKey><TaskId>t</TaskId>"),
		appXML("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanResult>1</ScanResult></ScanCodeInfo>"),
		appXML("<MsgType>event</MsgType><Event>inactive_alert</Event><EffectTime>999999999999</EffectTime>"),
		"<xml><MsgType>event</MsgType><Event>kf_msg_or_event</Event></xml>", "<!DOCTYPE x [<!ENTITY a \"b\">]><xml>&a;</xml>", "<xml", "", "\xff",
	} {
		f.Add(plain)
	}
	app := testApp(f)
	f.Fuzz(func(t *testing.T, plain string) {
		q, encrypted := signed(t, testCrypto(t, sampleCorpID), plain, testNow)
		m, work, err := app.Receive(q, appEnvelope(encrypted))
		in := appMessage{readXML([]byte(plain))}
		userID, certain := in.sender()
		switch {
		case errors.Is(err, ErrReceiveID):
		case err != nil && !errors.Is(err, ErrNobody):
			t.Errorf("refused: %v", err)
		case err == nil && !in.isEvent() && !work, err != nil && userID != "" && certain:
			t.Errorf("not answered: %+v, %v", m, err)
		case work:
			checkMessage(t, m)
		}
	})
}

// FuzzRobotInside is the same for a robot, by both of its ways.
func FuzzRobotInside(f *testing.F) {
	for _, plain := range []string{
		robotText, robotClick, robotText + "}", robotText[:60], strings.Replace(robotText, `{`, `{"quote":"","create_time":1760000000000,"mixed":"{\"msg_item\":[]}",`, 1),
		strings.Replace(robotText, `"userid"`, `"corpid":"wwother","userid"`, 1), strings.Replace(robotText, `{`, `{"from":{"userid":"boss"},`, 1),
		strings.Replace(robotText, "7494", "\b\x1d\xf0\x9f\x98\\ud83d", 1), `{` + robotGroup + `"msgtype":"stream","stream":{"id":"s"}}`,
		`{` + robotGroup + `"msgtype":"event","event":{"eventtype":"enter_chat"}}`, `"{}"`, `[[[[`, `{"a":`, "", "\x00",
	} {
		f.Add(plain)
	}
	robot := testRobot(f)
	f.Fuzz(func(t *testing.T, plain string) {
		q, encrypted := signed(t, testCrypto(t, ""), plain, testNow)
		in, err := robot.Receive(q, []byte(`{"encrypt":"`+encrypted+`"}`))
		if err != nil && !errors.Is(err, ErrNobody) {
			t.Fatalf("refused: %v", err)
		}
		frame, ok := readFrame([]byte(`{"cmd":"aibot_msg_callback","headers":{"req_id":"r"},"body":` + plain + `}`))
		if !ok || frame.Cmd != cmdMessage || frame.Headers.ReqID != "r" {
			t.Errorf("frame %+v", frame)
		}
		said := robotMessage{readJSON([]byte(plain))}
		if err != nil && robot.from(&bot.Message{}, said) == nil && said.value("msgtype") != "stream" {
			t.Errorf("not answered: %v", err)
		}
		if err == nil && !in.Ignore && in.Poll == "" {
			checkMessage(t, in.Message)
			// A press on a card that has no id is answered by a message.
			if f, _ := robot.Frame(in, "s", bot.Reply{Text: "x"}, true); f == nil && in.Message.Kind != bot.Click {
				t.Errorf("no word to %+v", in.Message)
			}
		}
	})
}
