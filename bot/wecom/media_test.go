package wecom

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/wecom/wecomtest"
)

// shelf has the content of files by id.
type shelf map[string][]byte

var errShelf = errors.New("database gone")

func (s shelf) Open(_ context.Context, id string) (io.ReadCloser, error) {
	data, ok := s[id]
	if !ok {
		return nil, errShelf
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

var picture = append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)

// mediaSetup is a sender against a fake WeCom.
func mediaSetup(t *testing.T, files shelf) (*Sender, *wecomtest.WeCom) {
	t.Helper()
	fake := wecomtest.New(wecomtest.Options{
		Apps: []wecomtest.App{{Name: "main", AgentID: testAgent}}, Users: []wecomtest.User{{ID: "zhangsan", Name: "张三"}},
	})
	api := httptest.NewServer(fake)
	t.Cleanup(api.Close)
	t.Cleanup(fake.Close)
	app, _ := fake.App("main")
	s, err := NewSender(SenderConfig{APIURL: api.URL, Files: files, FallbackURL: testFallback, Now: time.Now,
		Apps: []AppConfig{{Name: "main", CorpID: app.CorpID, AgentID: testAgent, Secret: app.Secret}}})
	if err != nil {
		t.Fatal(err)
	}
	return s, fake
}

const fileURL = "https://yanquan.example.com/files/abc"

func fileReply(files shelf, id string) bot.Reply {
	return bot.Reply{Text: "**2026年11月 核销明细**", File: &bot.File{ID: id, Name: `验券_"2026年11月".xlsx`, Kind: bot.AnyFile, Size: int64(len(files[id])), URL: fileURL}}
}

// seen is what zhangsan's screen shows: kind and text, for a file its name.
func seen(fake *wecomtest.WeCom) (lines []string) {
	for _, s := range fake.Screen(wecomtest.InApp("main", "zhangsan")) {
		text := s.Text
		if m, ok := fake.Medium(s.Text); ok {
			text = m.Name
		}
		lines = append(lines, s.Kind+" "+strings.TrimSpace(text))
	}
	return lines
}

func deliver(t *testing.T, s *Sender, d bot.Delivery) *bot.DeliveryError {
	t.Helper()
	_, err := s.Deliver(t.Context(), d)
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[*bot.DeliveryError](err)
	if !ok {
		t.Fatalf("%T is no delivery error: %v", err, err)
	}
	return refusal
}

func TestSendFile(t *testing.T) {
	t.Parallel()
	files := shelf{"f": bytes.Repeat([]byte("PK\x03\x04"), 400_000), "p": picture}
	s, fake := mediaSetup(t, files)
	d := appDelivery(fileReply(files, "f"), bot.AsMarkdown)
	if s.FirstForm(d) != bot.AsMarkdown {
		t.Errorf("first form is %s", s.FirstForm(d))
	}
	if err := deliver(t, s, d); err != nil {
		t.Fatal(err)
	}
	d = appDelivery(bot.Reply{File: &bot.File{ID: "p", Name: "日报.png", Kind: bot.Image, Size: int64(len(picture)), URL: fileURL}}, bot.AsMarkdown)
	d.ID = "d2"
	if err := deliver(t, s, d); err != nil {
		t.Fatal(err)
	}
	want := []string{"markdown **2026年11月 核销明细**", "file 验券_'2026年11月'.xlsx", "image 日报.png"}
	if got := seen(fake); !slices.Equal(got, want) {
		t.Errorf("seen %q, want %q", got, want)
	}
	shown := fake.Screen(wecomtest.InApp("main", "zhangsan"))
	if m, _ := fake.Medium(shown[1].Text); !bytes.Equal(m.Data, files["f"]) || m.Kind != "file" {
		t.Errorf("%d bytes of kind %s arrived", len(m.Data), m.Kind)
	}
	if got := fake.Refusals(); len(got) > 0 {
		t.Errorf("refused: %+v", got)
	}
}

// Each trouble has its name, and what is done about it.
func TestSendFileTrouble(t *testing.T) {
	t.Parallel()
	files := shelf{"f": []byte("content"), "p": []byte("no picture at all")}
	for _, c := range []struct {
		name   string
		fault  wecomtest.Fault
		kind   bot.FileKind
		reason string
		retry  bool
		next   bot.Form
	}{
		{"refused for its size", wecomtest.Fault{API: "media/upload", Code: 40006}, bot.AnyFile, reasonFileSize, false, bot.AsLink},
		{"refused for its type", wecomtest.Fault{API: "media/upload", Code: 40004}, bot.AnyFile, reasonFileType, false, bot.AsLink},
		{"no picture", wecomtest.Fault{API: "user/get", Code: 1}, bot.Image, reasonFileType, false, bot.AsLink},
		{"refused for no known reason", wecomtest.Fault{API: "media/upload", Code: 99999}, bot.AnyFile, reasonFile, false, bot.AsLink},
		{"busy", wecomtest.Fault{API: "media/upload", Code: -1}, bot.AnyFile, reasonBusy, true, ""},
		{"too many calls", wecomtest.Fault{API: "media/upload", Code: 45009}, bot.AnyFile, reasonRate, true, ""},
		{"address not trusted", wecomtest.Fault{API: "media/upload", Code: 60020}, bot.AnyFile, reasonAddress, true, ""},
		{"connection lost", wecomtest.Fault{API: "media/upload", Drop: true}, bot.AnyFile, reasonNetwork, true, ""},
		{"answer lost", wecomtest.Fault{API: "media/upload", Drop: true, After: true}, bot.AnyFile, reasonNetwork, true, ""},
		{"server error", wecomtest.Fault{API: "media/upload", Status: 502}, bot.AnyFile, reasonHTTP, true, ""},
		{"not JSON", wecomtest.Fault{API: "media/upload", Body: "<html>"}, bot.AnyFile, reasonAnswer, true, ""},
		{"no media_id", wecomtest.Fault{API: "media/upload", Body: `{"errcode":0}`}, bot.AnyFile, reasonAnswer, true, ""},
		{"not known any more, twice", wecomtest.Fault{API: "message/send", Code: 40007}, bot.AnyFile, reasonMedia, true, ""},
		{"person has left", wecomtest.Fault{API: "message/send", Code: 81013}, bot.AnyFile, reasonNoReceiver, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, fake := mediaSetup(t, files)
			id := "f"
			if c.kind == bot.Image {
				id = "p"
			}
			r := fileReply(files, id)
			r.Text, r.File.Kind = "", c.kind
			fake.Fail(c.fault)
			d := appDelivery(r, bot.AsMarkdown)
			err := deliver(t, s, d)
			if err == nil || err.Reason != c.reason || err.Retry != c.retry || err.Downgrade != c.next {
				t.Fatalf("%+v, want reason %s, retry %v, next %q", err, c.reason, c.retry, c.next)
			}
			if app, _ := fake.App("main"); strings.Contains(err.Error(), app.Secret) || strings.Contains(err.Error(), "access_token") {
				t.Errorf("a secret in %v", err)
			}
			fake.ClearFaults()
			switch {
			case c.next != "":
				d.Form = c.next
			case !c.retry:
				return
			}
			if err := deliver(t, s, d); err != nil {
				t.Fatal(err)
			}
			got := seen(fake)
			if len(got) != 1 || strings.HasPrefix(got[0], "text") != (c.next != "") || c.next != "" && !strings.Contains(got[0], fileURL) {
				t.Errorf("seen %q", got)
			}
		})
	}
}

// A try that goes on sends nothing twice: neither the words, nor an upload, nor a
// file whose answer was lost.
func TestSendFileGoesOn(t *testing.T) {
	t.Parallel()
	files := shelf{"f": []byte("content")}
	s, fake := mediaSetup(t, files)
	d := appDelivery(fileReply(files, "f"), bot.AsMarkdown)
	fake.FailNext("media/upload", -1, 1)
	if err := deliver(t, s, d); err == nil || err.Reason != reasonBusy {
		t.Fatal(err)
	}
	fake.Fail(wecomtest.Fault{API: "message/send", Drop: true, After: true, Times: 1})
	if err := deliver(t, s, d); err == nil || err.Reason != reasonNetwork {
		t.Fatal(err)
	}
	if err := deliver(t, s, d); err != nil {
		t.Fatal(err)
	}
	if got := seen(fake); len(got) != 2 || fake.Calls("media/upload") != 2 {
		t.Errorf("seen %q after %d uploads", got, fake.Calls("media/upload"))
	}
	// A token that ended in between, and a media_id that did.
	d.ID = "d2"
	fake.FailNext("message/send", -1, 1)
	d.Reply.Text = ""
	if err := deliver(t, s, d); err == nil {
		t.Fatal("no trouble")
	}
	fake.ExpireMedia()
	fake.InvalidateTokens()
	if err := deliver(t, s, d); err != nil {
		t.Fatal(err)
	}
	if got := seen(fake); len(got) != 3 {
		t.Errorf("seen %q", got)
	}
}

func TestSendFileUnreadable(t *testing.T) {
	t.Parallel()
	s, fake := mediaSetup(t, shelf{})
	r := fileReply(shelf{"gone": make([]byte, 100)}, "gone")
	err := deliver(t, s, appDelivery(r, bot.AsMarkdown))
	if err == nil || err.Reason != reasonFileGone || !err.Retry || !errors.Is(err, errShelf) {
		t.Errorf("%+v", err)
	}
	if fake.Calls("media/upload") != 0 {
		t.Error("uploaded nothing")
	}
}

// What a channel cannot send, or is too large for it, goes out as a link beside
// the words, without a try.
func TestFileAsLink(t *testing.T) {
	t.Parallel()
	s, fake := mediaSetup(t, shelf{})
	r := fileReply(shelf{"f": nil}, "f")
	for size, asFile := range map[int64]bool{5: false, 6: true, 20 << 20: true, 20<<20 + 1: false} {
		r.File.Size = size
		if got := s.sendable(appDelivery(r, bot.AsMarkdown)); got != asFile {
			t.Errorf("%d bytes: as a file: %v", size, got)
		}
	}
	r.File.Kind, r.File.Size = bot.Image, 10<<20+1
	if s.sendable(appDelivery(r, bot.AsMarkdown)) {
		t.Error("a picture over the limit")
	}
	r.File.Kind, r.File.Size = bot.AnyFile, 80<<20
	if err := deliver(t, s, appDelivery(r, bot.AsMarkdown)); err != nil {
		t.Fatal(err)
	}
	got := seen(fake)
	if len(got) != 1 || !strings.Contains(got[0], "核销明细") || !strings.Contains(got[0], "("+fileURL+")") {
		t.Errorf("seen %q", got)
	}
	robot := bot.Delivery{ID: "r", Channel: "bot/group", User: "zhangsan", Reply: r, Way: RobotWay("https://example.com/x")}
	if s.sendable(robot) {
		t.Error("a robot cannot send files")
	}
	if text := markdown(linked(r)); !strings.Contains(text, "[下载 验券＿\"2026年11月\".xlsx]("+fileURL+")") {
		t.Errorf("a robot says %q", text)
	}
	r.File.URL = ""
	if err := deliver(t, s, appDelivery(r, bot.AsLink)); err == nil || err.Reason != reasonFile || err.Retry || err.Downgrade != "" {
		t.Errorf("no link: %+v", err)
	}
}
