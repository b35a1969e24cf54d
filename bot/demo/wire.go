package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// wireEntry is one request with its answer, for the panel 线上.
type wireEntry struct {
	ID      string     `json:"id"`
	At      int64      `json:"at"`  // ms since 1970
	Leg     string     `json:"leg"` // callback, api or platform
	From    string     `json:"from"`
	To      string     `json:"to"`
	Summary string     `json:"summary"`
	Result  string     `json:"result"`
	Bad     bool       `json:"bad,omitempty"`
	MS      *int64     `json:"ms,omitempty"`
	Parts   []wirePart `json:"parts"`
	at      time.Time
}

// wirePart is one block of text below an entry.
type wirePart struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

const (
	keepWire    = 80  // entries on the page
	showBody    = 600 // bytes of a sealed body
	namedBot    = "机器人"
	namedWeCom  = "企业微信"
	legCallback = "callback"
	legAPI      = "api"
	legPlatform = "platform"
)

// wire is what went over the wire last, oldest first.
func (w *world) wire() []wireEntry {
	list := []wireEntry{}
	for _, d := range lastOf(w.wecom.Deliveries(), keepWire) {
		list = append(list, w.callbackEntry(d))
	}
	for _, c := range w.api.all() {
		list = append(list, apiEntry(c))
	}
	for _, s := range w.platforms() {
		for _, r := range lastOf(s.platform.Requests(), keepWire) {
			r.Took = w.clock.lasted(r.Time, r.Took)
			list = append(list, s.requestEntry(r))
		}
	}
	for _, r := range lastOf(w.douyin.Requests(), keepWire) {
		r.Took = w.clock.lasted(r.Time, r.Took)
		list = append(list, douyinEntry(r))
	}
	slices.SortStableFunc(list, func(a, b wireEntry) int { return a.at.Compare(b.at) })
	return lastOf(list, keepWire)
}

func lastOf[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func (e *wireEntry) when(at time.Time) { e.at, e.At = at, at.UnixMilli() }

func (e *wireEntry) took(d time.Duration) {
	ms := d.Milliseconds()
	e.MS = &ms
}

func (e *wireEntry) part(name, text string) {
	if text != "" {
		e.Parts = append(e.Parts, wirePart{name, text})
	}
}

// callbackEntry is WeCom telling the bot what a person did.
func (w *world) callbackEntry(d wecomtest.Delivery) wireEntry {
	e := wireEntry{ID: "c" + d.ID, Leg: legCallback, From: namedWeCom, To: namedBot, Summary: w.callbackSummary(d)}
	// Of a callback that has no answer yet, the signed second is all there is.
	e.when(signedAt(d))
	e.Result = "等待中…"
	if n := len(d.Attempts); n > 0 {
		e.when(d.Attempts[0].At)
		last := d.Attempts[n-1]
		e.Bad = !d.Accepted()
		switch {
		case last.Err != "":
			e.Result = "没有回应"
		default:
			e.Result = fmt.Sprint(last.Status)
		}
		if n > 1 {
			e.Result += fmt.Sprintf("（第 %d 次）", n)
		}
		if took, ok := w.timings.of(d.Request.Query); ok {
			e.took(took)
		}
	}
	sealed := fmt.Sprintf("POST %s?%s\nContent-Type: %s\n\n%s", d.Request.URL, d.Request.Query.Encode(), d.Request.ContentType, d.Request.Body)
	e.part("请求（加密）", cutText(sealed, showBody))
	e.part("解密后", readable(d.Plain))
	switch {
	case d.Answer != nil:
		e.part("回答（解密后）", readable(d.Answer))
	case d.Accepted():
		e.part("回答", "空（已收到，稍后另发）")
	case len(d.Attempts) > 0:
		last := d.Attempts[len(d.Attempts)-1]
		e.part("回答", cutText(strings.TrimSpace(last.Err+"\n"+string(last.Body)), showBody))
	}
	if d.Refused != "" {
		e.Bad, e.Result = true, "不被接受"
		e.part("企业微信不接受这个回答", d.Refused)
	}
	return e
}

func signedAt(d wecomtest.Delivery) time.Time {
	var seconds int64
	if _, err := fmt.Sscan(d.Request.Query.Get("timestamp"), &seconds); err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// Of a card event's plaintext: who pressed, and the first word of the button's key.
var (
	pressedBy  = regexp.MustCompile(`"userid"\s*:\s*"([^"]*)"|<FromUserName>(?:<!\[CDATA\[)?([^<\]]*)`)
	pressedKey = regexp.MustCompile(`"event_?key"\s*:\s*"([^" ]*)|<EventKey>(?:<!\[CDATA\[)?([^<\] ]*)`)
)

func (w *world) callbackSummary(d wecomtest.Delivery) string {
	switch d.Kind {
	case "stream poll":
		return "取下一段回答"
	case "card event":
		return nameOf(found(pressedBy, d.Plain)) + "：按了按钮 " + found(pressedKey, d.Plain)
	}
	if shown, ok := w.wecom.Find(d.ShownID, ""); ok {
		return nameOf(shown.From) + "：" + inShort(shown)
	}
	return d.Kind
}

// found is what the first match of a form with two alternatives names.
func found(form *regexp.Regexp, text []byte) string {
	m := form.FindSubmatch(text)
	if m == nil {
		return ""
	}
	return string(m[1]) + string(m[2])
}

// nameOf a person, or the id itself.
func nameOf(id string) string {
	i := slices.IndexFunc(people, func(p person) bool { return strings.EqualFold(p.ID, id) })
	if i < 0 {
		return id
	}
	return people[i].Name
}

// apiEntry is the bot calling WeCom by itself.
func apiEntry(c apiCall) wireEntry {
	e := wireEntry{ID: fmt.Sprintf("a%d", c.seq), Leg: legAPI, From: namedBot, To: namedWeCom, Summary: apiSummary(c.path)}
	e.when(c.at)
	e.took(c.took)
	var answer struct {
		Code int    `json:"errcode"`
		Text string `json:"errmsg"`
	}
	e.Result = fmt.Sprint(c.status)
	if json.Unmarshal([]byte(c.answer), &answer) == nil && answer.Code != 0 {
		e.Bad, e.Result = true, fmt.Sprintf("errcode %d", answer.Code)
	}
	e.Bad = e.Bad || c.status != http.StatusOK
	target := c.method + " " + c.path
	if c.query != "" {
		target += "?" + c.query
	}
	e.part("请求", strings.TrimSpace(target+"\n\n"+c.body))
	e.part("回答", c.answer)
	return e
}

// apiNames are WeCom's calls in words.
var apiNames = map[string]string{
	"gettoken": "取 access_token", "getcallbackip": "试 access_token", "message/send": "发消息", "message/update_template_card": "更新卡片",
	"aibot/response": "补发回答", "media/upload": "上传图片或文件", "media/get": "取图片", "user/get": "查成员",
	"batch/openuserid_to_userid": "换成员账号", "auth/getuserinfo": "查登录的人", "menu/create": "设菜单", "webhook/send": "推送到群",
}

func apiSummary(path string) string {
	call := strings.TrimPrefix(path, "/cgi-bin/")
	return strings.TrimSpace(apiNames[call] + " " + call)
}

// callNames are the platform's calls in words.
var callNames = map[string]string{
	"prepare": "验券准备", "scanprepare": "扫码准备", "consume": "核销", "batchconsume": "批量核销",
	"reverseconsume": "撤销", "getconsumed": "查是否已核销", "querylistbydate": "查当天记录",
	"querybymobile": "按手机查", "queryshopdeal": "查团购",
	"authorize": "授权页", "token": "换令牌", "refresh": "续期", "shops": "查门店",
}

// requestEntry is the bot calling the shop's platform.
func (s *shop) requestEntry(r dianpingtest.Request) wireEntry {
	e := platformEntry(r, callNames[r.Call], codeIn(r.Fields), resultOf)
	e.ID, e.To = fmt.Sprintf("p%s%d", s.ID, r.Seq), "点评平台"
	if s.Dialect == dianpingtest.Meituan {
		e.To = "美团平台"
	}
	return e
}

// platformEntry is the bot calling a platform, in what all platforms have. result reads
// the code of an answer.
func platformEntry(r fakeserver.Request, name, codes string, result func(fakeserver.Request) (text string, bad bool)) wireEntry {
	e := wireEntry{Leg: legPlatform, From: namedBot, Summary: strings.Join(strings.Fields(name+" "+r.Call+" "+codes), " ")}
	e.when(r.Time)
	switch r.State {
	case fakeserver.RequestAnswered:
		e.Result, e.Bad = result(r)
		e.took(r.Took)
	case fakeserver.RequestDropped:
		e.Result, e.Bad = "断开", true
		e.took(r.Took)
	default:
		e.Result = "等待中…"
	}
	var lines []string
	for _, f := range r.Fields {
		lines = append(lines, f.Name+" = "+f.Value)
	}
	e.part("请求", r.Method+" "+r.Path+"\n\n"+strings.Join(lines, "\n"))
	e.part("回答", readable([]byte(r.Answer)))
	e.part("实际发生", r.Effect)
	e.part("捣乱", string(r.Fault))
	return e
}

var codeField = regexp.MustCompile(`"receiptCode"\s*:\s*"?([0-9]+)`)

// codeIn finds the voucher code among the parameters of either generation.
func codeIn(fields []dianpingtest.Field) string {
	for _, f := range fields {
		switch f.Name {
		case "receipt_code":
			return f.Value
		case "biz":
			if m := codeField.FindStringSubmatch(f.Value); m != nil {
				return m[1]
			}
		}
	}
	return ""
}

// resultOf is the code that an answer carries, in the form of its generation.
func resultOf(r dianpingtest.Request) (text string, bad bool) {
	if r.Status != http.StatusOK {
		return fmt.Sprintf("HTTP %d", r.Status), true
	}
	var answer struct {
		Code any `json:"code"`
		Data struct {
			Code any `json:"code"`
		} `json:"data"`
	}
	// Data has many shapes; where it is not an object it has no code.
	_ = json.Unmarshal([]byte(r.Answer), &answer)
	switch code := fmt.Sprint(answer.Code); code {
	case "200", "OP_SUCCESS":
		return code, false
	case "<nil>":
		return "看不懂", true
	default:
		if answer.Data.Code != nil {
			code += " " + fmt.Sprint(answer.Data.Code)
		}
		return code, true
	}
}
