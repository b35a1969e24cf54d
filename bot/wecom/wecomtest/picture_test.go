package wecomtest_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

// decryptPicture opens a picture with a base64 key; "" is the error.
func decryptPicture(t *testing.T, sealed, aesKey string) string {
	t.Helper()
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(aesKey, "="))
	must(t, err)
	block, err := aes.NewCipher(key)
	must(t, err)
	plain := []byte(sealed)
	if len(plain) == 0 || len(plain)%32 != 0 {
		return ""
	}
	cipher.NewCBCDecrypter(block, key[:16]).CryptBlocks(plain, plain)
	n := int(plain[len(plain)-1])
	if n < 1 || n > 32 || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return ""
	}
	return string(plain[:len(plain)-n])
}

// image takes url and aeskey out of an image.
func image(t *testing.T, v any) (url, key string) {
	t.Helper()
	o, _ := v.(map[string]any)
	url, _ = o["url"].(string)
	key, _ = o["aeskey"].(string)
	if url == "" {
		t.Fatalf("no image: %v", v)
	}
	return url, key
}

func TestPictureOverTheLongConnection(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{false, true} {
		w := setupLong(t, func(o *wecomtest.Options) { o.BareMediaKeys = bare })
		c := w.subscribed(t)
		out, err := w.SendPicture(ctx, longChat, "lisi", []byte("a voucher"))
		must(t, err)
		_, body := c.callback(t, "aibot_msg_callback")
		url, key := image(t, body["image"])
		if body["msgtype"] != "image" || len(body["image"].(map[string]any)) != 2 || strings.HasSuffix(key, "=") == bare {
			t.Errorf("%v", body)
		}
		if got := decryptPicture(t, fetch(t, url), key); got != "a voucher" {
			t.Errorf("%q", got)
		}
		// Sent again, it has the address it had; another picture has another key.
		_, err = w.Resend(ctx, out.Delivery().ID)
		must(t, err)
		if _, again := c.callback(t, "aibot_msg_callback"); cmp.Diff(body, again) != "" {
			t.Errorf("%v", again)
		}
		_, err = w.SendPicture(ctx, longChat, "lisi", []byte("a voucher"))
		must(t, err)
		_, other := c.callback(t, "aibot_msg_callback")
		if _, key2 := image(t, other["image"]); key2 == key {
			t.Error("the same key twice")
		}
		if s := w.lastShown(t, longChat); s.Kind != wecomtest.KindImage {
			t.Errorf("shown: %+v", s)
		} else if m, ok := w.Medium(s.Text); !ok || string(m.Data) != "a voucher" {
			t.Errorf("medium: %+v", m)
		}
		w.clock.advance(5*time.Minute - time.Second)
		if fetch(t, url) == "" {
			t.Error("too early")
		}
		w.clock.advance(time.Second)
		if code := status(t, url); code != 404 {
			t.Errorf("status %d", code)
		}
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestPictureOfARobotWithAURL(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, err := w.SendPicture(ctx, robotChat, "lisi", []byte("a voucher"))
	must(t, err)
	url, key := image(t, w.robot.last(t).json["image"])
	if key != "" || decryptPicture(t, fetch(t, url), w.robot.keys.aes) != "a voucher" {
		t.Errorf("key %q", key)
	}
	w.ExpirePictures()
	if code := status(t, url); code != 404 {
		t.Errorf("status %d", code)
	}
	if code := status(t, url+"x"); code != 404 {
		t.Errorf("status %d", code)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	out, err := w.SendFile(ctx, longChat, "lisi", "券.xlsx", []byte("rows"))
	must(t, err)
	_, body := c.callback(t, "aibot_msg_callback")
	url, key := image(t, body["file"])
	if body["msgtype"] != "file" || decryptPicture(t, fetch(t, url), key) != "rows" {
		t.Errorf("%v", body)
	}
	_, err = w.Say(ctx, longChat, "lisi", "这个", wecomtest.Quoting(out.Shown))
	must(t, err)
	_, body = c.callback(t, "aibot_msg_callback")
	url, key = image(t, body["quote"].(map[string]any)["file"])
	if decryptPicture(t, fetch(t, url), key) != "rows" {
		t.Errorf("%v", body)
	}
	if s := w.Screen(longChat); s[0].Kind != wecomtest.KindFile {
		t.Errorf("shown: %+v", s[0])
	} else if m, ok := w.Medium(s[0].Text); !ok || m.Name != "券.xlsx" || m.Kind != "file" {
		t.Errorf("medium: %+v", m)
	}
	if out, err := w.SendFile(ctx, longGroup, "lisi", "a", []byte("x")); err != nil || len(out.Deliveries) != 0 {
		t.Errorf("a file in a group: %+v, %v", out, err)
	}
	if _, err := w.SendFile(ctx, wecomtest.InApp("main", ""), "lisi", "a", []byte("x")); !errors.Is(err, wecomtest.ErrNotThere) {
		t.Errorf("a file to an app: %v", err)
	}
}

func TestMixedMessages(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	_, err := w.SayMixed(ctx, longGroup.Mention("long"), "lisi",
		wecomtest.Words("验"), wecomtest.Picture([]byte("one")), wecomtest.Words("和"), wecomtest.Picture([]byte("two")))
	must(t, err)
	_, body := c.callback(t, "aibot_msg_callback")
	items := body["mixed"].(map[string]any)["msg_item"].([]any)
	var got []string
	keys := map[string]bool{}
	for _, i := range items {
		item := i.(map[string]any)
		if item["msgtype"] == "text" {
			got = append(got, item["text"].(map[string]any)["content"].(string))
			continue
		}
		url, key := image(t, item["image"])
		keys[key] = true
		got = append(got, decryptPicture(t, fetch(t, url), key))
	}
	if d := cmp.Diff([]string{"@长连 验", "one", "和", "two"}, got); d != "" || body["msgtype"] != "mixed" || body["chatid"] != "wrAbC" || len(keys) != 2 {
		t.Error(d, body)
	}
	mixed := w.lastShown(t, longGroup)
	if mixed.Kind != wecomtest.KindMixed || mixed.Text != "@长连 验\n和" || len(mixed.Pictures) != 2 {
		t.Errorf("shown: %+v", mixed)
	} else if m, ok := w.Medium(mixed.Pictures[1]); !ok || string(m.Data) != "two" {
		t.Errorf("medium: %+v", m)
	}

	// Without words, the mention is a part of its own; without a mention nobody hears.
	_, err = w.SayMixed(ctx, longGroup.Mention("long"), "lisi", wecomtest.Picture([]byte("one")))
	must(t, err)
	_, body = c.callback(t, "aibot_msg_callback")
	items = body["mixed"].(map[string]any)["msg_item"].([]any)
	if len(items) != 2 || !cmp.Equal(items[0], any(map[string]any{"msgtype": "text", "text": map[string]any{"content": "@长连"}})) {
		t.Errorf("%v", body)
	}
	if out, err := w.SayMixed(ctx, longGroup, "lisi", wecomtest.Words("验"), wecomtest.Picture([]byte("one"))); err != nil || len(out.Deliveries) != 0 {
		t.Errorf("%+v, %v", out, err)
	}

	// To a robot with a URL, by its own name in the words.
	w.robot.answers("")
	_, err = w.SayMixed(ctx, longGroup, "lisi", wecomtest.Words("@验券 验"), wecomtest.Picture([]byte("one")))
	must(t, err)
	items = w.robot.last(t).json["mixed"].(map[string]any)["msg_item"].([]any)
	url, key := image(t, items[1].(map[string]any)["image"])
	if key != "" || decryptPicture(t, fetch(t, url), w.robot.keys.aes) != "one" {
		t.Errorf("%v", items)
	}

	// Quoted, pictures and voice are what they were, at new addresses.
	_, err = w.Say(ctx, longGroup.Mention("long"), "lisi", "验", wecomtest.Quoting(mixed.ID))
	must(t, err)
	_, body = c.callback(t, "aibot_msg_callback")
	quote := body["quote"].(map[string]any)
	items = quote["mixed"].(map[string]any)["msg_item"].([]any)
	url, key = image(t, items[1].(map[string]any)["image"])
	if quote["msgtype"] != "mixed" || decryptPicture(t, fetch(t, url), key) != "one" {
		t.Errorf("%v", quote)
	}
	out, err := w.SendPicture(ctx, longGroup, "lisi", []byte("alone"))
	must(t, err)
	if len(out.Deliveries) != 0 {
		t.Errorf("a picture alone in a group: %+v", out)
	}
	_, err = w.Say(ctx, longGroup.Mention("long"), "lisi", "验", wecomtest.Quoting(out.Shown))
	must(t, err)
	_, body = c.callback(t, "aibot_msg_callback")
	url, key = image(t, body["quote"].(map[string]any)["image"])
	if decryptPicture(t, fetch(t, url), key) != "alone" {
		t.Errorf("%v", body)
	}
	out, err = w.Speak(ctx, longGroup, "lisi", "说的")
	must(t, err)
	_, err = w.Say(ctx, longGroup.Mention("long"), "lisi", "验", wecomtest.Quoting(out.Shown))
	must(t, err)
	_, body = c.callback(t, "aibot_msg_callback")
	if d := cmp.Diff(map[string]any{"msgtype": "voice", "voice": map[string]any{"content": "说的"}}, body["quote"]); d != "" {
		t.Error(d)
	}

	for _, err := range []error{
		second(w.SayMixed(ctx, wecomtest.InApp("main", ""), "lisi", wecomtest.Words("x"))),
		second(w.SayMixed(ctx, longChat, "lisi")),
	} {
		if !errors.Is(err, wecomtest.ErrNotThere) {
			t.Errorf("%v", err)
		}
	}
	c.quiet(t)
}

func second(_ wecomtest.Outcome, err error) error { return err }

func TestSpoiltPictures(t *testing.T) {
	t.Parallel()
	w := setupLong(t)
	c := w.subscribed(t)
	send := func(s wecomtest.Spoil) (url, key string) {
		t.Helper()
		_, err := w.SendPicture(ctx, longChat, "lisi", []byte("a voucher"), s)
		must(t, err)
		_, body := c.callback(t, "aibot_msg_callback")
		return image(t, body["image"])
	}
	for name, s := range map[string]wecomtest.Spoil{"wrong key": {WrongKey: true}, "padding": {BrokenPadding: true}, "cut": {Truncate: 1}} {
		url, key := send(s)
		if got := decryptPicture(t, fetch(t, url), key); got == "a voucher" {
			t.Errorf("%s: not spoilt", name)
		}
	}
	if url, _ := send(wecomtest.Spoil{Expired: true}); status(t, url) != 404 {
		t.Error("not expired")
	}
	url, key := send(wecomtest.Spoil{Grow: 3 << 20})
	if got := decryptPicture(t, fetch(t, url), key); len(got) != 3<<20 || !strings.HasPrefix(got, "a voucher\x00") {
		t.Errorf("%d bytes", len(got))
	}
	url, _ = send(wecomtest.Spoil{Stall: true})
	stalls(t, url)

	// The download is slow, refused or broken.
	url, _ = send(wecomtest.Spoil{})
	w.Fail(wecomtest.Fault{API: "picture", Delay: time.Minute, Times: 1})
	before := w.clock.now()
	if fetch(t, url); w.clock.now().Sub(before) != time.Minute {
		t.Error("not slow")
	}
	w.Fail(wecomtest.Fault{API: "picture", Status: 403, Times: 1})
	if code := status(t, url); code != 403 {
		t.Errorf("status %d", code)
	}
	if n := w.Calls("picture"); n < 7 {
		t.Errorf("%d calls", n)
	}
	// In a robot with a URL the picture has another key than the robot.
	_, err := w.SendPicture(ctx, robotChat, "lisi", []byte("a voucher"), wecomtest.Spoil{WrongKey: true})
	must(t, err)
	url, _ = image(t, w.robot.last(t).json["image"])
	if decryptPicture(t, fetch(t, url), w.robot.keys.aes) == "a voucher" {
		t.Error("not spoilt")
	}
}

// stalls checks that only the first half comes.
func stalls(t *testing.T, url string) {
	t.Helper()
	leaving, leave := context.WithCancel(ctx)
	defer leave()
	req, err := http.NewRequestWithContext(leaving, http.MethodGet, url, nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	half := make([]byte, resp.ContentLength/2)
	_, err = io.ReadFull(resp.Body, half)
	must(t, err)
	leave()
	if rest, err := io.ReadAll(resp.Body); len(half) == 0 || len(rest) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, then %d, %v", len(half), len(rest), err)
	}
}

func TestSpoiltPicturesOfAnApp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	send := func(s wecomtest.Spoil) string {
		t.Helper()
		_, err := w.SendPicture(ctx, wecomtest.InApp("main", ""), "lisi", []byte("a voucher"), s)
		must(t, err)
		x := w.app.last(t).xml
		return w.api.URL + "/cgi-bin/media/get?access_token=" + w.token(t) + "&media_id=" + x.MediaId
	}
	url := send(wecomtest.Spoil{Truncate: 2})
	if got := fetch(t, url); got != "a vouch" {
		t.Errorf("%q", got)
	}
	if got := fetch(t, w.app.last(t).xml.PicUrl); got != "a vouch" {
		t.Errorf("%q", got)
	}
	stalls(t, send(wecomtest.Spoil{Stall: true}))
	resp, err := http.Get(send(wecomtest.Spoil{Expired: true}))
	wantCode(t, decode(t, resp, err), 40007)
	resp, err = http.Get(send(wecomtest.Spoil{}) + "x")
	wantCode(t, decode(t, resp, err), 40007)
	if got := fetch(t, send(wecomtest.Spoil{Grow: 100})); len(got) != 100 {
		t.Errorf("%d bytes", len(got))
	}
	w.ExpireMedia()
	resp, err = http.Get(url)
	wantCode(t, decode(t, resp, err), 40007)
	w.wantRefusal(t, 40007, "media/get")
}
