package wecom

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

// company is a fake WeCom of three members, of whom the first app sees two.
func company(t *testing.T, change ...func(*wecomtest.App)) (*wecomtest.WeCom, *Sender) {
	t.Helper()
	first := wecomtest.App{Name: "first", CorpID: sampleCorpID, AgentID: 1000002, Visible: []string{"zhangsan", "lisi"}}
	for _, c := range change {
		c(&first)
	}
	fake := wecomtest.New(wecomtest.Options{
		Apps:  []wecomtest.App{first, {Name: "second", CorpID: sampleCorpID, AgentID: 1000003}},
		Users: []wecomtest.User{{ID: "ZhangSan", Name: "张三"}, {ID: "lisi", Name: "李四"}, {ID: "wangwu", Name: "王五"}},
	})
	t.Cleanup(fake.Close)
	api := httptest.NewServer(fake)
	t.Cleanup(api.Close)
	cfg := SenderConfig{APIURL: api.URL}
	for _, name := range []string{"first", "second"} {
		app, _ := fake.App(name)
		cfg.Apps = append(cfg.Apps, AppConfig{Name: name, CorpID: app.CorpID, AgentID: int64(app.AgentID), Secret: app.Secret})
	}
	s, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fake, s
}

func TestName(t *testing.T) {
	t.Parallel()
	fake, s := company(t)
	fake.AddUser(wecomtest.User{ID: "a b&c@d", Name: "别名"})
	for id, want := range map[string]string{"zhangsan": "张三", "lisi": "李四", "wangwu": "", "nobody": "", "": "", "a b&c@d": ""} {
		if name, err := s.Name(t.Context(), id); err != nil || name != want {
			t.Errorf("%q is called %q, %v", id, name, err)
		}
	}
	fake.InvalidateTokens()
	if name, err := s.Name(t.Context(), "lisi"); err != nil || name != "李四" {
		t.Errorf("with a token that was withdrawn: %q, %v", name, err)
	}
}

func TestUserIDs(t *testing.T) {
	t.Parallel()
	fake, s := company(t)
	zhang, li, wang := fake.OpenUserID("zhangsan"), fake.OpenUserID("lisi"), fake.OpenUserID("wangwu")
	got, err := s.UserIDs(t.Context(), []string{zhang, "xiaoming", li, wang, "", zhang})
	want := map[string]string{zhang: "ZhangSan", li: "lisi", "xiaoming": "xiaoming"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := s.UserIDs(t.Context(), []string{"", ""}); err != nil || len(got) != 0 || fake.Calls(apiUserIDs) != 1 {
		t.Errorf("nothing was asked: %v, %v, %d calls", got, err, fake.Calls(apiUserIDs))
	}

	many := []string{li}
	for n := range 2 * maxOpenIDs {
		many = append(many, fmt.Sprintf("member-%d", n))
	}
	got, err = s.UserIDs(t.Context(), many)
	if err != nil || len(got) != len(many) || got[li] != "lisi" || fake.Calls(apiUserIDs) != 4 {
		t.Errorf("%d ids for %d, %v, %d calls", len(got), len(many), err, fake.Calls(apiUserIDs))
	}
	if r := fake.Refusals(); len(r) != 0 {
		t.Errorf("refused: %+v", r)
	}
}

// TestDirectoryClosed: whom the app may not see has no name, which is no error.
func TestDirectoryClosed(t *testing.T) {
	t.Parallel()
	_, s := company(t, func(a *wecomtest.App) { a.NoContacts = true })
	none, err := NewSender(SenderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sender{"no right": s, "no app": none} {
		if got, err := s.Name(t.Context(), "lisi"); err != nil || got != "" {
			t.Errorf("%s: name %q, %v", name, got, err)
		}
		if got, err := s.UserIDs(t.Context(), []string{"lisi"}); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%s: ids %v, %v", name, got, err)
		}
	}
	fake, s := company(t)
	for _, code := range []int{40003, 46004, 48002, 48009, 50002, 60011, 60111} {
		fake.FailNext(apiMember, code, 1)
		if got, err := s.Name(t.Context(), "lisi"); err != nil || got != "" {
			t.Errorf("%d: name %q, %v", code, got, err)
		}
		fake.FailNext(apiUserIDs, code, 1)
		if got, err := s.UserIDs(t.Context(), []string{"lisi"}); err != nil || len(got) != 0 {
			t.Errorf("%d: ids %v, %v", code, got, err)
		}
	}
}

func TestDirectoryFailures(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]http.HandlerFunc{
		"our address":  code(60020),
		"too often":    code(45009),
		"wrong secret": code(40001),
		"503":          status(503),
		"redirect":     status(307),
		"cut":          cut,
		"not JSON":     answer(testSecret),
		"no code":      answer(`{"name":"李四"}`),
		"wrong types":  answer(`{"errcode":0,"name":1,"userid_list":{}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			s := testSender(t, api)
			for _, path := range []string{apiMember, apiUserIDs} {
				api.then(path, reply, reply) // a refused token and a cut GET are tried twice
			}
			called, err := s.Name(t.Context(), "lisi")
			ids, err2 := s.UserIDs(t.Context(), []string{"lisi"})
			if err == nil || err2 == nil || called != "" || ids != nil {
				t.Fatalf("%q, %v; %v, %v", called, err, ids, err2)
			}
			text := err.Error() + err2.Error()
			for _, secret := range []string{testSecret, url.QueryEscape(testSecret), "access-token-"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is in %q", secret, text)
				}
			}
		})
	}
	api := newFakeAPI(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := testSender(t, api).Name(gone, "lisi"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}
