package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// line is a company with nothing but a robot by long connection: no app, no public
// address.
type line struct {
	*world
	t    *testing.T
	cfg  *config.Config
	held atomic.Pointer[chan struct{}] // delays of the platform end with it; nil: by themselves
}

func newLine(t *testing.T, driver, dsn string) *line {
	t.Helper()
	l := &line{t: t, world: &world{
		wecom: wecomtest.New(wecomtest.Options{
			VerifyTimeout: time.Minute,
			Robots:        []wecomtest.Robot{{Name: "long", DisplayName: "验券", LongConnection: true}},
			Users:         []wecomtest.User{{ID: "ZhangSan", Name: "张三"}, {ID: "boss", Name: "老板"}},
			Groups:        []wecomtest.Group{{ID: "wrAbC", Name: "门店群", Members: []string{"ZhangSan", "boss"}, Robots: []string{"long"}}},
		}),
	}}
	l.platform = dianpingtest.New(dianpingtest.Options{DeveloperID: "100120", SignKey: "sign-key", Sleep: l.delay})
	api, shop := httptest.NewServer(l.wecom), httptest.NewServer(l.platform)
	t.Cleanup(api.Close)
	t.Cleanup(shop.Close)
	t.Cleanup(l.wecom.Close)
	t.Cleanup(l.platform.Close)
	l.wecom.SetAPIURL(api.URL)
	l.platform.AddShop(dianpingtest.Shop{ID: "shop-1"})
	l.platform.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Meituan, Shops: []string{"shop-1"}})
	robot, _ := l.wecom.Robot("long")
	l.cfg = config.Default()
	l.cfg.SecretKey = base64.StdEncoding.EncodeToString(make([]byte, 32))
	l.cfg.Database = config.Database{Driver: driver, DSN: dsn}
	l.cfg.Managers = []string{"boss"}
	l.cfg.Redeem.CallTimeout = time.Minute // no call is given up
	l.cfg.WeCom = &config.WeCom{APIURL: api.URL, ReplyDeadline: 2 * time.Second, Bots: []config.Bot{{
		Name: "group", DisplayName: "验券", Mode: config.ModeWebSocket, BotID: robot.ID, Secret: robot.Secret, URL: l.wecom.SocketURL(),
	}}}
	l.cfg.Meituan = &config.Meituan{APIURL: shop.URL, DeveloperID: "100120", SignKey: "sign-key"}
	l.cfg.Stores = []config.Store{{Name: "人民广场店", Platform: "meituan", ShopID: "shop-1", Session: "t", Chats: []string{"wrAbC"},
		Staff: []config.Staff{{UserID: "zhangsan", Name: "张三", Role: "staff"}}}}
	return l
}

// delay is the platform's.
func (l *line) delay(ctx context.Context, d time.Duration) error {
	var release <-chan struct{}
	over := time.After(d)
	if held := l.held.Load(); held != nil {
		release, over = *held, nil
	}
	select {
	case <-release:
	case <-over:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// hold holds the next consume back until it is released, or the test is over.
func (l *line) hold() (release func()) {
	l.t.Helper()
	held := make(chan struct{})
	l.held.Store(&held)
	if err := l.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Delay: time.Hour, Times: 1}); err != nil {
		l.t.Fatal(err)
	}
	release = sync.OnceFunc(func() { close(held) })
	l.t.Cleanup(release)
	return release
}

// start runs a replica and gives its address and what stops it.
func (l *line) start() (url string, stop func()) {
	l.t.Helper()
	ln, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- Run(ctx, l.cfg, Options{Listener: ln, Ready: func(url string) { ready <- url }}) }()
	stop = func() {
		cancel()
		err := <-done
		if done <- nil; err != nil {
			l.t.Error(err)
		}
	}
	l.t.Cleanup(stop)
	select {
	case url = <-ready:
	case err := <-done:
		done <- err
		l.t.Fatal(err)
	}
	return url, stop
}

func (l *line) connected(within time.Duration) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), within)
	defer cancel()
	if err := l.wecom.WaitConnected(ctx, "long"); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) say(where wecomtest.Where, user, text string) {
	l.t.Helper()
	if _, err := l.wecom.Say(l.t.Context(), where, user, text); err != nil {
		l.t.Fatal(err)
	}
}

// shows waits until a screen shows something.
func (l *line) shows(where wecomtest.Where, what string, is func(wecomtest.Shown) bool) wecomtest.Shown {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	all, err := l.wecom.WaitFor(ctx, where, func(all []wecomtest.Shown) bool { return slices.ContainsFunc(all, is) })
	if err != nil {
		l.t.Fatalf("no %s: %v\n%+v\nrefused: %+v", what, err, all, l.wecom.Refusals())
	}
	return all[slices.IndexFunc(all, is)]
}

func titled(title string) func(wecomtest.Shown) bool {
	return func(s wecomtest.Shown) bool { return s.FromBot && s.Card != nil && s.Card.Title == title }
}

func worded(text string) func(wecomtest.Shown) bool {
	return func(s wecomtest.Shown) bool { return s.FromBot && s.Card == nil && strings.Contains(s.Text, text) }
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Everything that people do and see over the long connection.
func TestLongConnection(t *testing.T) {
	t.Parallel()
	l := newLine(t, models.SQLite, filepath.Join(t.TempDir(), "test.db"))
	url, stop := l.start()
	l.connected(10 * time.Second)
	one, group := wecomtest.InRobot("long", "zhangsan"), wecomtest.InGroup("wrAbC").Mention("long")

	if _, err := l.wecom.Enter(t.Context(), one, "zhangsan"); err != nil {
		t.Fatal(err)
	}
	l.shows(one, "welcome", titled("可以这样发"))

	code := l.voucher(t)
	l.say(one, "zhangsan", "验 "+code)
	card := l.shows(one, "card", titled("核销成功"))
	key := ""
	for _, b := range card.Card.Buttons {
		key = b.Key
	}
	if _, err := l.wecom.Press(t.Context(), one, "zhangsan", card.ID, key); err != nil {
		t.Fatal(err)
	}
	undone := l.shows(one, "undone card", titled("已撤销"))
	if undone.ID != card.ID {
		t.Errorf("the pressed card was not updated: %+v", undone)
	}
	if e := l.platform.Effects(code); e.Consumed != 1 || e.Undone != 1 {
		t.Errorf("effects %+v", e)
	}

	// A group that takes no cards, as the manual has it: the first answer finds out.
	for range 2 {
		code = l.voucher(t)
		l.say(group, "zhangsan", "验 "+code)
		l.shows(group, "answer in the group", func(s wecomtest.Shown) bool {
			return worded("核销成功")(s) && strings.Contains(s.Text, code)
		})
	}
	if refused := l.wecom.Refusals(); len(refused) != 1 {
		t.Errorf("refused: %+v", refused)
	}

	// A slow platform.
	code = l.voucher(t)
	release := l.hold()
	cards := func() (n int) {
		for _, s := range l.wecom.Screen(one) {
			if titled("核销成功")(s) {
				n++
			}
		}
		return n
	}
	before := cards()
	l.say(one, "zhangsan", "验 "+code)
	l.shows(one, "line that asks to wait", func(s wecomtest.Shown) bool { return worded("核验中，请稍候…")(s) && !s.Finished })
	release()
	l.shows(one, "finished stream", func(s wecomtest.Shown) bool { return worded("核销成功")(s) && s.Finished })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := l.wecom.WaitFor(ctx, one, func([]wecomtest.Shown) bool { return cards() == before+1 }); err != nil {
		t.Fatal("no card after the stream")
	}

	// A lost subscription and a lost connection cost nobody an answer.
	for name, fault := range map[string]func() error{
		"subscription": func() error { return l.wecom.LoseSubscription("long") },
		"connection":   func() error { return l.wecom.DropConnection("long") },
	} {
		code = l.voucher(t)
		release := l.hold()
		before = cards()
		l.say(one, "zhangsan", "验 "+code)
		if err := fault(); err != nil {
			t.Fatal(err)
		}
		release()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := l.wecom.WaitFor(ctx, one, func([]wecomtest.Shown) bool { return cards() == before+1 }); err != nil {
			t.Errorf("lost %s: no answer: %+v", name, l.wecom.Refusals())
		}
		cancel()
		l.connected(10 * time.Second)
	}

	// The same message twice.
	if err := l.wecom.Duplicate("long", 1); err != nil {
		t.Fatal(err)
	}
	code = l.voucher(t)
	before = cards()
	l.say(one, "zhangsan", "验 "+code)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := l.wecom.WaitFor(ctx, one, func([]wecomtest.Shown) bool { return cards() > before }); err != nil {
		t.Fatal("no answer to a message that came twice")
	}
	l.say(one, "zhangsan", "帮助")
	l.shows(one, "help", titled("可以这样发"))
	if cards() != before+1 || l.platform.Effects(code).Consumed != 1 {
		t.Errorf("%d cards, consumed %d times", cards()-before, l.platform.Effects(code).Consumed)
	}
	if !strings.Contains(get(t, url+"/metrics"), `yanquan_connected{channel="socket/group"} 1`) || !strings.Contains(get(t, url+"/readyz"), `"ready":true`) {
		t.Error("metrics and readiness do not show the connection")
	}
	stop()
	if subscribed, open := l.wecom.Connected("long"); subscribed || open != 0 {
		t.Errorf("after the end: subscribed %t, %d connections", subscribed, open)
	}
}

// Without an app, managers get the summary by the robot, if they have written to it.
func TestNoticesByTheLongConnection(t *testing.T) {
	t.Parallel()
	l := newLine(t, models.SQLite, filepath.Join(t.TempDir(), "test.db"))
	for _, name := range []string{"Asia/Shanghai", "Asia/Tokyo"} { // in one of them no day begins or ends meanwhile
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		l.cfg.SetLocation(zone)
		if now := time.Now().In(zone); now.Add(-2*time.Minute).Day() == now.Add(10*time.Minute).Day() {
			break
		}
	}
	_, stop := l.start()
	l.connected(10 * time.Second)
	boss := wecomtest.InRobot("long", "boss")
	l.say(boss, "boss", "帮助")
	l.shows(boss, "help", titled("可以这样发"))
	stop()
	l.cfg.Report = &config.Report{At: time.Now().In(l.cfg.Location()).Add(-time.Minute).Format("15:04"), EmptyDays: true}
	l.start()
	l.shows(boss, "summary", func(s wecomtest.Shown) bool { return s.Card != nil && strings.Contains(s.Card.Title, "没有核销") })
}

// Replicas: one is connected at a time. It goes, another takes over, and the
// messages that either has taken are answered once each.
func TestLongConnectionIsHandedOver(t *testing.T) {
	t.Parallel()
	l := newLine(t, models.MySQL, modelstest.MySQLDSN(t))
	db := modelstest.Open(t, models.MySQL, l.cfg.Database.DSN)
	lease := func() models.Lease {
		held, err := db.Leases.Get(t.Context(), SocketLease(l.cfg.WeCom.Bots[0]))
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	one := wecomtest.InRobot("long", "zhangsan")
	_, stop := l.start()
	l.connected(10 * time.Second)
	var codes []string
	for i := range 4 {
		_, next := l.start()
		if subscribed, open := l.wecom.Connected("long"); !subscribed || open != 1 {
			t.Fatalf("two replicas: subscribed %t, %d connections", subscribed, open)
		}
		code := l.voucher(t)
		codes = append(codes, code)
		if err := l.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Call: "consume", Delay: time.Duration(i) * 500 * time.Millisecond, Times: 1}); err != nil {
			t.Fatal(err)
		}
		l.say(one, "zhangsan", "验 "+code)
		ours := lease().Attempt
		stop() // with the answer under way
		if left := lease(); left.Attempt == ours && left.EndsAt.After(db.Now()) {
			t.Error("who goes keeps the others waiting")
		}
		l.connected(15 * time.Second)
		stop = next
	}
	for _, code := range codes {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		answers := func() (n int) {
			for _, s := range l.wecom.Screen(one) {
				if titled("核销成功")(s) && strings.Contains(fmt.Sprintf("%+v", *s.Card), code) {
					n++
				}
			}
			return n
		}
		if _, err := l.wecom.WaitFor(ctx, one, func([]wecomtest.Shown) bool { return answers() > 0 }); err != nil {
			t.Errorf("%s is not answered: %+v", code, l.wecom.Screen(one))
		}
		cancel()
		if n := answers(); n != 1 || l.platform.Effects(code).Consumed != 1 {
			t.Errorf("%s: %d answers, consumed %d times", code, n, l.platform.Effects(code).Consumed)
		}
	}
}
