package app

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
)

// world is the bot with its surroundings.
type world struct {
	wecom    *wecomtest.WeCom
	platform *dianpingtest.Platform
	url      string
	stop     func() error // ends the bot and gives Run's error
}

func setup(t *testing.T, change ...func(*config.Config)) *world {
	t.Helper()
	w := &world{
		wecom: wecomtest.New(wecomtest.Options{
			VerifyTimeout: time.Minute,
			Apps:          []wecomtest.App{{Name: "main", AgentID: 1000002}},
			Robots:        []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
			Users:         []wecomtest.User{{ID: "zhangsan", Name: "张三"}},
			Groups:        []wecomtest.Group{{ID: "wrAbC", Name: "门店群", Members: []string{"zhangsan"}, Robots: []string{"group"}}},

			PollEvery: 50 * time.Millisecond,
		}),
		platform: dianpingtest.New(dianpingtest.Options{DeveloperID: "100120", SignKey: "sign-key"}),
	}
	api, shop := httptest.NewServer(w.wecom), httptest.NewServer(w.platform)
	t.Cleanup(api.Close)
	t.Cleanup(shop.Close)
	t.Cleanup(w.wecom.Close)
	t.Cleanup(w.platform.Close)
	w.wecom.SetAPIURL(api.URL)
	w.platform.AddShop(dianpingtest.Shop{ID: "shop-1"})
	w.platform.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Meituan, Shops: []string{"shop-1"}})

	app, _ := w.wecom.App("main")
	robot, _ := w.wecom.Robot("group")
	cfg := config.Default()
	cfg.SecretKey = base64.StdEncoding.EncodeToString(make([]byte, 32))
	cfg.Database.DSN = filepath.Join(t.TempDir(), "test.db")
	cfg.WeCom = &config.WeCom{
		APIURL: api.URL, CorpID: app.CorpID, ReplyDeadline: 4 * time.Second,
		Apps: []config.App{{Name: "main", AgentID: int64(app.AgentID), Secret: app.Secret, Token: app.Token, EncodingAESKey: app.EncodingAESKey}},
		Bots: []config.Bot{{Name: "group", DisplayName: "验券", Token: robot.Token, EncodingAESKey: robot.EncodingAESKey}},
	}
	cfg.Meituan = &config.Meituan{APIURL: shop.URL, DeveloperID: "100120", SignKey: "sign-key"}
	cfg.Stores = []config.Store{{Name: "人民广场店", Platform: "meituan", ShopID: "shop-1", Session: "t", Chats: []string{"wrAbC"},
		Staff: []config.Staff{{UserID: "zhangsan", Name: "张三", Role: "staff"}}}}
	for _, c := range change {
		c(cfg)
	}
	ln, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- Run(ctx, cfg, Options{Listener: ln, Ready: func(url string) { ready <- url }}) }()
	w.stop = func() error {
		cancel()
		err := <-done
		done <- err // for the clean-up
		return err
	}
	t.Cleanup(func() { w.stop() })
	select {
	case w.url = <-ready:
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	for where, path := range map[wecomtest.Where]string{
		wecomtest.InApp("main", ""): "/wecom/app/main", wecomtest.InRobot("group", ""): "/wecom/bot/group",
	} {
		if err := w.wecom.SetCallbackURL(where, w.url+path); err != nil {
			t.Fatal(err)
		}
		if err := w.wecom.VerifyURL(t.Context(), where); err != nil {
			t.Fatal(err)
		}
	}
	w.wecom.Run()
	return w
}

func (w *world) voucher(t *testing.T) string {
	t.Helper()
	v, err := w.platform.AddVoucher(dianpingtest.Voucher{Shops: []string{"shop-1"}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Code
}

// card waits until a card with this title is on a screen.
func (w *world) card(t *testing.T, where wecomtest.Where, title string) wecomtest.Shown {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var found wecomtest.Shown
	shown, err := w.wecom.WaitFor(ctx, where, func(all []wecomtest.Shown) bool {
		for _, s := range all {
			if s.Card != nil && s.Card.Title == title {
				found = s
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("no card %q: %v\n%+v", title, err, shown)
	}
	return found
}

func TestVerifyByEveryChannel(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := wecomtest.InGroup("wrAbC").Mention("group")
	for name, where := range map[string]wecomtest.Where{"app": wecomtest.InApp("main", "zhangsan"), "robot": group} {
		code := w.voucher(t)
		if _, err := w.wecom.Say(t.Context(), where, "zhangsan", "验 "+code); err != nil {
			t.Fatal(err)
		}
		shown := w.card(t, where, "核销成功")
		if w.platform.Effects(code).Consumed != 1 {
			t.Errorf("%s: not consumed", name)
		}
		if !strings.HasPrefix(shown.Card.URL, w.url+"/v/") {
			t.Fatalf("%s: link %q", name, shown.Card.URL)
		}
		resp, err := http.Get(shown.Card.URL)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(page), "还可以撤销") {
			t.Errorf("%s: page %d %v\n%s", name, resp.StatusCode, err, page)
		}
	}
	if refusals := w.wecom.Refusals(); len(refusals) != 0 {
		t.Errorf("WeCom refused: %+v", refusals)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
}

// A platform slower than the callback may wait: a stream first, the card later,
// once.
func TestSlowPlatform(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *config.Config) { c.WeCom.ReplyDeadline = 100 * time.Millisecond })
	code := w.voucher(t)
	if err := w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Delay: 600 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	where := wecomtest.InGroup("wrAbC").Mention("group")
	if _, err := w.wecom.Say(t.Context(), where, "zhangsan", "验 "+code); err != nil {
		t.Fatal(err)
	}
	w.card(t, where, "核销成功")
	cards, streams := 0, 0
	for _, s := range w.wecom.Screen(where) {
		switch {
		case s.Card != nil:
			cards++
		case s.FromBot:
			streams++
			if !s.Finished {
				t.Errorf("left unfinished: %+v", s)
			}
		}
	}
	if cards != 1 || streams != 1 {
		t.Errorf("%d cards after %d streams, want one each", cards, streams)
	}
	if refusals := w.wecom.Refusals(); len(refusals) != 0 {
		t.Errorf("WeCom refused: %+v", refusals)
	}
}

// Stopping while a callback waits for the platform: it is answered first.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	code := w.voucher(t)
	if err := w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Delay: 500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	where := wecomtest.InGroup("wrAbC").Mention("group")
	said := make(chan error, 1)
	go func() {
		_, err := w.wecom.Say(context.WithoutCancel(t.Context()), where, "zhangsan", "验 "+code)
		said <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.platform.Await(ctx, func() bool {
		for _, r := range w.platform.Requests() {
			if r.Call == "consume" {
				return true
			}
		}
		return false
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if err := <-said; err != nil {
		t.Error(err)
	}
	w.card(t, where, "核销成功")
	if w.platform.Effects(code).Consumed != 1 {
		t.Error("not consumed")
	}
}

func TestLocalURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "0.0.0.0:8080": "http://127.0.0.1:8080", ":8080": "http://127.0.0.1:8080", "[::]:8080": "http://127.0.0.1:8080", "[::1]:1": "http://[::1]:1",
	} {
		addr, err := net.ResolveTCPAddr("tcp", in)
		if err != nil {
			t.Fatal(err)
		}
		if got := LocalURL(addr); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
