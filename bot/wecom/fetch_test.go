package wecom

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
)

// fetchSetup is a sender for one app and one robot, and what answers it.
func fetchSetup(t *testing.T, answer http.HandlerFunc) (*Sender, string) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	s, err := NewSender(SenderConfig{
		APIURL: srv.URL, Now: time.Now,
		Apps:   []AppConfig{{Name: "main", CorpID: sampleCorpID, AgentID: testAgent, Secret: "app-secret"}},
		Robots: []RobotConfig{{Name: "group", EncodingAESKey: sampleKey}, {Name: "ws"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, srv.URL
}

// encrypt is what a robot's store does (page 100719), written anew.
func encrypt(t *testing.T, key, plain []byte) []byte {
	t.Helper()
	n := 32 - len(plain)%32
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCEncrypter(block, key[:16]).CryptBlocks(padded, padded)
	return padded
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	var tokens, asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	s, _ := fetchSetup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cgi-bin/gettoken" {
			fmt.Fprintf(w, `{"errcode":0,"access_token":"token-number-%d","expires_in":7200}`, tokens.Add(1))
			return
		}
		asked.Add(1)
		if r.URL.Path != "/cgi-bin/media/get" || r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if r.URL.Query().Get("access_token") == "token-number-1" {
			fmt.Fprint(w, `{"errcode":42001,"errmsg":"access_token expired token-number-1"}`)
			return
		}
		switch r.URL.Query().Get("media_id") {
		case "good&id":
			w.Header().Set("Content-Disposition", `attachment; filename="a.jpg"`)
			_, _ = w.Write(picture)
		case "old":
			fmt.Fprint(w, `{"errcode":40007,"errmsg":"invalid media_id"}`)
		case "busy":
			fmt.Fprint(w, `{"errcode":-1,"errmsg":"system busy"}`)
		case "odd":
			fmt.Fprint(w, `{"video_url":"x"}`)
		case "broken":
			w.WriteHeader(http.StatusBadGateway)
		case "away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case "large":
			_, _ = w.Write(make([]byte, 20<<20))
		}
	})
	get := func(id string) ([]byte, error) { return s.Fetch(t.Context(), "app/main", bot.Picture{MediaID: id}) }
	if got, err := get("good&id"); err != nil || !bytes.Equal(got, picture) || tokens.Load() != 2 {
		t.Errorf("%q, %v, %d tokens", got, err, tokens.Load())
	}
	for id, want := range map[string]error{"old": bot.ErrPictureGone, "large": bot.ErrPictureTooLarge, "busy": nil, "odd": errBadAnswer, "broken": statusError(502), "away": statusError(302)} {
		got, err := get(id)
		if err == nil || got != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %d bytes, %v", id, len(got), err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "token-number") || strings.Contains(text, "app-secret") || strings.Contains(text, "http:") {
			t.Errorf("%s: a secret in %q", id, text)
		}
	}
	if n := asked.Load(); n != 8 {
		t.Errorf("asked %d times, want once each and once more for the token", n)
	}
}

func TestFetchURL(t *testing.T) {
	t.Parallel()
	robotKey, _ := base64.RawStdEncoding.DecodeString(sampleKey)
	own := bytes.Repeat([]byte{0xA7, 3}, 16)
	aligned := bytes.Repeat([]byte("0123456789abcdef"), 4)
	s, base := fetchSetup(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robot":
			_, _ = w.Write(encrypt(t, robotKey, picture))
		case "/own":
			_, _ = w.Write(encrypt(t, own, picture))
		case "/aligned":
			_, _ = w.Write(encrypt(t, own, aligned))
		case "/plain":
			_, _ = w.Write(picture[:96])
		case "/odd":
			_, _ = w.Write(encrypt(t, own, picture)[:100])
		case "/empty":
		case "/gone":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "Request has expired")
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/away":
			http.Redirect(w, r, "/own", http.StatusFound)
		case "/large":
			for range 20 { // without saying how long it will be
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		case "/said":
			w.Header().Set("Content-Length", "20000000")
			_, _ = w.Write(make([]byte, 100))
		}
	})
	padded := base64.StdEncoding.EncodeToString(own)
	stray := strings.TrimRight(padded, "=")
	stray = stray[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", stray[42])|3])
	for _, c := range []struct {
		channel, path, key string
		want               []byte
		err                error
	}{
		{"socket/group", "/own", padded, picture, nil},
		{"bot/group", "/robot", "", picture, nil},
		{"bot/group", "/own", padded, picture, nil},
		{"bot/group", "/own", stray, picture, nil},
		{"bot/ws", "/own", " " + padded + "\n", picture, nil},
		{"bot/unheard", "/own", padded, picture, nil},
		{"bot/group", "/aligned", padded, aligned, nil},
		{"bot/group", "/robot", padded, picture, nil}, // the key of its own is not it
		{"bot/group", "/own", "", nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/own", "", nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/own", "not base64!", nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/own", "c2hvcnQ=", nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/plain", padded, nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/odd", padded, nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/empty", padded, nil, bot.ErrPictureUnreadable},
		{"bot/ws", "/gone", padded, nil, bot.ErrPictureGone},
		{"bot/ws", "/missing", padded, nil, bot.ErrPictureGone},
		{"bot/ws", "/busy", padded, nil, statusError(429)},
		{"bot/ws", "/broken", padded, nil, statusError(500)},
		{"bot/ws", "/away", padded, nil, statusError(302)},
		{"bot/ws", "/large", padded, nil, bot.ErrPictureTooLarge},
		{"bot/ws", "/said", padded, nil, bot.ErrPictureTooLarge},
	} {
		got, err := s.Fetch(t.Context(), c.channel, bot.Picture{URL: base + c.path + "?sign=s3cret-signature", Key: c.key})
		if !errors.Is(err, c.err) || !bytes.Equal(got, c.want) {
			t.Errorf("%s %s with %q: %d bytes, %v; want %v", c.channel, c.path, c.key, len(got), err, c.err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "http:") || strings.Contains(err.Error(), padded)) {
			t.Errorf("a secret in %q", err)
		}
	}
	if errors.Is(statusError(429), bot.ErrPictureGone) {
		t.Error("a busy store is not one that has forgotten")
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	s, base := fetchSetup(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	secure, err := NewSender(SenderConfig{APIURL: "https://example.com", Robots: []RobotConfig{{Name: "group", EncodingAESKey: sampleKey}}})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, try := range map[string]func() ([]byte, error){
		"http from a real set-up": func() ([]byte, error) {
			return secure.Fetch(t.Context(), "bot/group", bot.Picture{URL: base + "/s3cret"})
		},
		"a file":       func() ([]byte, error) { return s.Fetch(t.Context(), "bot/group", bot.Picture{URL: "file:///s3cret"}) },
		"no URL":       func() ([]byte, error) { return s.Fetch(t.Context(), "bot/group", bot.Picture{}) },
		"half a URL":   func() ([]byte, error) { return s.Fetch(t.Context(), "bot/group", bot.Picture{URL: "https://%s3cret"}) },
		"no such app":  func() ([]byte, error) { return s.Fetch(t.Context(), "app/other", bot.Picture{MediaID: "s3cret"}) },
		"no such kind": func() ([]byte, error) { return s.Fetch(t.Context(), "webhook/x", bot.Picture{MediaID: "s3cret"}) },
		"a store that hangs": func() ([]byte, error) {
			return s.Fetch(short, "bot/group", bot.Picture{URL: base + "/s3cret"})
		},
		"nobody there": func() ([]byte, error) {
			return s.Fetch(t.Context(), "bot/group", bot.Picture{URL: "http://127.0.0.1:1/s3cret"})
		},
	} {
		got, err := try()
		if err == nil || got != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzOpenMedia(f *testing.F) {
	f.Add(sampleKey, make([]byte, 64))
	f.Add(sampleKey+"=", []byte("short"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		before := bytes.Clone(data)
		plain, ok := openMedia(key, data)
		if !bytes.Equal(before, data) || len(plain) > len(data) || !ok && plain != nil {
			t.Errorf("%d bytes of %d, %t", len(plain), len(data), ok)
		}
	})
}
