package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// F19: callbacks that WeCom never sends: 10 MB, wrong key, old signature, broken
// XML and JSON, compressed codes. It passes when each gets its 4xx, or 200 where it is
// authentic and says nobody's name, and shows nothing of the inside, no row is written,
// nothing is sent, and the process is as small and as good as before.
func TestFault19PoisonMessages(t *testing.T) {
	inCells(t, faultCells, poison)
}

func poison(w *world) {
	code := w.sell()
	w.say("lisi", "帮助", "可以这样发") // everything is loaded
	rows, memory := w.inboxRows(), residentKB(w.T, w.program)
	requests, sends, version := w.requests(), w.wecom.Calls("message/send"), w.shown()
	foreign := "wwffffffffffffffff"
	spoilt := map[string]wecomtest.Knobs{
		"wrong signature":   {WrongSignature: true},
		"wrong token":       {WrongToken: true},
		"30 days old":       {Time: time.Now().Add(-30 * 24 * time.Hour)},
		"from the future":   {Time: time.Now().Add(30 * 24 * time.Hour)},
		"foreign receiveid": {ReceiveID: &foreign},
		"broken padding":    {BrokenPadding: true},
		"uneven padding":    {UnevenPadding: true},
		"length beyond":     {LongLength: true},
		"cut ciphertext":    {Truncate: 7},
		"not base64":        {NotBase64: true},
	}
	zipped := zippedCodes(w)
	type seal func(plain string, k wecomtest.Knobs) wecomtest.SealedRequest
	seals := map[string]seal{
		"app": func(plain string, k wecomtest.Knobs) wecomtest.SealedRequest {
			s, err := w.wecom.EncryptApp("main", []byte(plain), k)
			w.must(err)
			return s
		},
		"robot": func(plain string, k wecomtest.Knobs) wecomtest.SealedRequest {
			s, err := w.wecom.EncryptRobot("group", []byte(plain), k)
			w.must(err)
			return s
		},
	}
	wheres := map[string]wecomtest.Where{"app": wecomtest.InApp("main", "zhangsan"), "robot": wecomtest.InGroup(roomA).Mention("group")}
	consoles := map[string]wecomtest.Where{"app": wecomtest.InApp("main", ""), "robot": wecomtest.InRobot("group", "")}
	for kind, sealed := range seals {
		plain, err := w.wecom.Plaintext(wheres[kind], "zhangsan", "验 "+code)
		w.must(err)
		for name, k := range spoilt {
			w.refused(kind+": "+name, sealed(string(plain), k), http.StatusUnauthorized)
		}
		s := sealed(string(plain), wecomtest.Knobs{})
		huge := s
		huge.Body = bytes.Repeat([]byte("A"), 10<<20)
		w.refused(kind+": 10 MB", huge, http.StatusRequestEntityTooLarge)
		for name, body := range map[string]string{
			"nothing": "", "noise": "\x00\xff\xfe", "html": "<html>", "no envelope": "<xml></xml", "an array": "[]",
			"wrong type": `{"encrypt":5}`, "nested": strings.Repeat("[", 100_000),
		} {
			bad := s
			bad.Body = []byte(body)
			w.refused(kind+": body is "+name, bad, http.StatusBadRequest, http.StatusUnauthorized)
		}
		packed := s
		packed.Body = zipped
		w.refused(kind+": zipped codes", packed, http.StatusBadRequest, http.StatusUnauthorized)
		w.refused(kind+": zipped codes inside", sealed(string(zipped), wecomtest.Knobs{}), http.StatusOK)
		bare := s
		bare.Query = nil
		w.refused(kind+": no signature", bare, http.StatusUnauthorized)
		elsewhere := s
		elsewhere.URL = strings.Replace(s.URL, "/wecom/", "/wecom/no/", 1)
		w.refused(kind+": no such route", elsewhere, http.StatusNotFound)
		unknown := s
		unknown.URL += "x"
		w.refused(kind+": unknown name", unknown, http.StatusNotFound)
		for name, k := range spoilt {
			status, body, err := w.wecom.VerifyURLWith(w.soon(), consoles[kind], "12345", k)
			if w.must(err); status != http.StatusUnauthorized || strings.Contains(string(body), "12345") {
				w.Errorf("%s: URL verification, %s: %d %q", kind, name, status, body)
			}
		}
	}

	app, _ := w.wecom.App("main")
	for name, plain := range map[string]string{
		"no sender":   `<xml><ToUserName>` + app.CorpID + `</ToUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>验 ` + code + `</Content><MsgId>1</MsgId></xml>`,
		"two senders": `<xml><FromUserName>zhangsan</FromUserName><MsgType>text</MsgType><Content>验 ` + code + `<FromUserName>lisi</FromUserName></Content><MsgId>1</MsgId></xml>`,
		"not xml":     `{"msgid":"1"}`,
		"nothing":     "",
	} {
		w.refused("app: "+name, seals["app"](plain, wecomtest.Knobs{}), http.StatusOK)
	}
	entity := seals["app"]("<xml/>", wecomtest.Knobs{})
	entity.Body = append([]byte(`<!DOCTYPE xml [<!ENTITY a "x">]>`), entity.Body...)
	w.refused("app: entities around", entity, http.StatusBadRequest)
	for name, plain := range map[string]string{
		"an array":    `[]`,
		"numbers":     `{"msgid":1,"chattype":"group","chatid":2,"from":"zhangsan","msgtype":"text"}`,
		"no sender":   `{"msgid":"m","chatid":"wrRenMin","chattype":"group","msgtype":"text","text":{"content":"验 ` + code + `"}}`,
		"two senders": `{"msgid":"m","chatid":"wrRenMin","chattype":"group","from":{"userid":"zhangsan"},"from":{"userid":"lisi"},"msgtype":"text","text":{"content":"验 ` + code + `"}}`,
		"not json":    `<xml></xml>`,
	} {
		w.refused("robot: "+name, seals["robot"](plain, wecomtest.Knobs{}), http.StatusOK)
	}
	for _, path := range []string{"/auth", "/auth/dianping", "/auth/meituan/callback?state=x&code=y", "/v/", "/v/x", "/debug/pprof/", "/.env", "/wecom/app/../app/none"} {
		if status, body := get(w.T, w.url()+path); status != http.StatusNotFound && status != http.StatusGone || inside(body) {
			w.Errorf("GET %s: %d %.200q", path, status, body)
		}
	}

	if n := w.requests(); n != requests {
		w.Errorf("%d calls to the platform", n-requests)
	}
	if n := w.wecom.Calls("message/send"); n != sends {
		w.Errorf("%d messages sent", n-sends)
	}
	if v := w.shown(); v != version {
		w.Errorf("the screens have changed")
	}
	if n := w.inboxRows(); n != rows {
		w.Errorf("%d rows have come into the inbox", n-rows)
	}
	if kb := residentKB(w.T, w.program); kb > memory+(32<<10) {
		w.Errorf("the process has grown from %d to %d kB", memory, kb)
	}
	w.ledger(code, 0, 0)
	w.say("zhangsan", "验 "+code, "核销成功") // and it is as good as before
	w.ledger(code, 1, 0)
}

// What WeCom has sent is never refused, however odd. It passes when what can be read is
// done, what cannot be read whole is answered and nothing more, and nobody acts in
// another's name, or is shown what is another's.
func TestFault19AuthenticButOdd(t *testing.T) {
	inCells(t, faultCells, odd)
}

func odd(w *world) {
	code := w.sell()
	edited := func(edit func(plain string) string) wecomtest.SayOption {
		return wecomtest.Edited(func(plain []byte) []byte { return []byte(edit(string(plain))) })
	}
	id := regexp.MustCompile(`<MsgId>\d+</MsgId>|"msgid":"[^"]*"`)
	for name, edit := range map[string]func(string) string{
		"cut off":    func(plain string) string { return plain[:len(plain)-6] },
		"twice":      func(plain string) string { return plain + plain },
		"without id": func(plain string) string { return id.ReplaceAllString(plain, `"x":1`) },
	} {
		w.T.Log(name)
		w.await(1, w.utter("zhangsan", "验 "+code, edited(edit)), "没有收全", "什么都没有做")
	}
	w.utter("zhangsan", "验 "+code, edited(func(plain string) string {
		return strings.NewReplacer("</FromUserName>", "</FromUserName><FromUserName>lisi</FromUserName>", `"from":`, `"from":{"userid":"lisi"},"from":`).Replace(plain)
	}))
	if w.group {
		w.await(1, w.utter("zhangsan", "验 "+code, edited(func(plain string) string {
			return strings.Replace(plain, `"userid"`, `"corpid":"wwother","userid"`, 1)
		})), "不在名单里", "wwother/zhangsan")
	}
	w.ledger(code, 0, 0)
	one := edited(func(plain string) string {
		plain = strings.Replace(plain, code, code+"\b\x1d\xf0\x9f\x98", 1)
		return id.ReplaceAllStringFunc(plain, func(id string) string {
			return map[bool]string{true: "<MsgId>4711</MsgId>", false: `"msgid":"4711"`}[id[0] == '<']
		})
	})
	w.await(1, w.utter("zhangsan", "验 "+code, one), "核销成功")
	w.await(1, w.utter("lisi", "帮助", one), "可以这样发")
	w.ledger(code, 1, 0)
	for _, d := range w.wecom.Deliveries() {
		w.acceptedAtOnce(d)
	}
}

// inboxRows counts what has been accepted.
func (w *world) inboxRows() (n int) {
	w.Helper()
	w.must(w.database().QueryRow("SELECT COUNT(*) FROM inbox").Scan(&n))
	return n
}

// zippedCodes is small, and would be 20 MB of voucher codes.
func zippedCodes(w *world) []byte {
	w.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(bytes.Repeat([]byte("7992697494\n"), 2<<20))
	w.must(err)
	w.must(z.Close())
	return packed.Bytes()
}

// refused posts and expects one of some statuses.
func (w *world) refused(name string, s wecomtest.SealedRequest, want ...int) {
	w.Helper()
	status, body, err := w.wecom.Post(w.soon(), s)
	if err != nil {
		w.Errorf("%s: %v", name, err)
		return
	}
	ok := false
	for _, code := range want {
		ok = ok || status == code
	}
	if !ok || inside(string(body)) {
		w.Errorf("%s: %d, want %d: %.300q", name, status, want, body)
	}
}

// inside reports whether a body shows more than that something is wrong.
func inside(body string) bool {
	if len(body) > 8192 {
		return true
	}
	for _, sign := range []string{"goroutine", ".go:", "wecom:", "models:", "panic", "SELECT", "token"} {
		if strings.Contains(body, sign) {
			return true
		}
	}
	return false
}

// shown counts the bubbles of everybody's screens.
func (w *world) shown() (n int) {
	for user := range people {
		for _, r := range []string{roomA, roomBoth, room(user)} {
			n += len(w.wecom.Screen(wecomtest.InGroup(r)))
		}
		n += len(w.wecom.Screen(wecomtest.InApp("main", user)))
	}
	return n
}
