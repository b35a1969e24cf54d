package chat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/internal/httpcall"
	"yanquan/internal/jobs"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// bench is a bot with everything around it: a real database, the fake platform
// over real HTTP, a courier that remembers, and one clock for all.
type bench struct {
	t        *testing.T
	clock    *modelstest.Clock
	db       *models.DB
	platform *dianpingtest.Platform
	courier  *courier
	album    *album
	bot      *Bot
	dialect  string
	ids      int
	before   *atomic.Pointer[func(*http.Request)] // is called before the platform gets a request
	seen     int                                  // deliveries that a test has looked at
}

const (
	group   = "wrGroupA" // bound to the first store
	both    = "wrGroupB" // bound to both
	app     = "app/main"
	robot   = "bot/group"
	timeout = 500 * time.Millisecond
)

// configure changes the bot's options.
func (b *bench) configure(change func(*Options)) {
	b.t.Helper()
	b.bot.Wait() // what is still under way reads what is built anew
	change(&b.bot.Options)
	b.must(b.bot.build(b.bot.Options))
}

// setup makes a bench with two stores, 人民广场店 and 徐家汇店: zhangsan and lisi
// are staff of the first, wangwu leads it, zhaoliu works in both, boss manages
// all.
func setup(t *testing.T, db *models.DB, clock *modelstest.Clock, dialect string) *bench {
	t.Helper()
	b := &bench{t: t, clock: clock, db: db, courier: &courier{}, album: newAlbum(), dialect: dialect, before: &atomic.Pointer[func(*http.Request)]{}}
	b.platform = dianpingtest.New(dianpingtest.Options{
		Now: clock.Now, AppKey: "key", AppSecret: "app-secret", DeveloperID: "100000", SignKey: "sign-key",
		Registration: dianpingtest.Registration{CallbackURL: "https://example.com/auth/" + dialect + "/callback"},
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := b.before.Load(); f != nil {
			(*f)(r)
		}
		b.platform.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(b.platform.Close)
	var client dianping.API
	var err error
	hc := &http.Client{Transport: b.platform.Impatient(httpcall.NewTransport())}
	if dialect == dianping.Dianping {
		client, err = dianping.NewDianping(dianping.Config{APIURL: srv.URL, AuthURL: srv.URL, AppKey: "key", AppSecret: "app-secret", HTTP: hc, Timeout: time.Minute, Now: clock.Now})
	} else {
		client, err = dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", HTTP: hc, Timeout: time.Minute, Now: clock.Now})
	}
	b.must(err)
	for _, s := range []string{"shop-a", "shop-b"} {
		b.must(b.platform.AddShop(dianpingtest.Shop{ID: s, Name: s}))
		b.must(b.platform.AddSession(dianpingtest.Session{Token: "token-" + s, Dialect: dianpingtest.Dialect(dialect), Shops: []string{s}}))
	}
	both1 := models.Member{UserID: "zhaoliu", Name: "赵六", Role: models.RoleStaff}
	b.must(db.Directory.Sync(t.Context(), []models.ConfiguredStore{
		{Platform: dialect, ShopID: "shop-a", Name: "人民广场店", Session: "token-shop-a", Chats: []string{group, both}, Staff: []models.Member{
			{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}, {UserID: "lisi", Name: "李四", Role: models.RoleStaff},
			{UserID: "wangwu", Name: "王五", Role: models.RoleLead}, both1,
		}},
		{Platform: dialect, ShopID: "shop-b", Name: "徐家汇店", Session: "token-shop-b", Chats: []string{both}, Staff: []models.Member{
			{UserID: "qianqi", Name: "钱七", Role: models.RoleStaff}, both1,
		}},
	}))
	b.bot, err = New(Options{
		DB: db, Platforms: map[string]dianping.Client{dialect: client}, Courier: b.courier, Pictures: b.album,
		Authorizers: map[string]dianping.Authorizer{dialect: client},
		ConsoleLink: func(ticket string) string { return "https://example.com/console/in?t=" + ticket },
		AuthLink:    func(platform, ticket string) string { return "https://example.com/auth/" + platform + "?t=" + ticket },
		Callback:    func(platform string) string { return "https://example.com/auth/" + platform + "/callback" },
		Managers:    []string{"Boss"}, NoticeChannel: app, CallTimeout: timeout, Now: clock.Now,
		Sleep: func(ctx context.Context, d time.Duration) error { clock.Advance(d); return ctx.Err() },
		Pause: jobs.Sleep, // the background work of a test goes by the machine's time
		Link:  func(id string) string { return "https://example.com/v/" + id },
	})
	b.must(err)
	return b
}

// place is a kind of platform and one of database.
type place struct{ dialect, driver string }

var places = []place{
	{dianping.Dianping, models.SQLite}, {dianping.Dianping, models.MySQL}, {dianping.Meituan, models.SQLite}, {dianping.Meituan, models.MySQL},
}

// everywhere runs a test in both dialects on both databases, or in one of these places.
// Under the race detector most cells of tables are left out, see [breadth.Cells].
func everywhere(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Parallel()
	for _, p := range breadth.Cells(t.Name(), places...) {
		t.Run(p.dialect+"/"+p.driver, func(t *testing.T) {
			t.Parallel()
			clock := noon()
			test(t, setup(t, modelstest.On(t, p.driver, modelstest.WithClock(clock)), clock, p.dialect))
		})
	}
}

// databases are those of a test whose platforms are always the same.
func databases(t *testing.T) []string {
	return breadth.Cells(t.Name(), models.SQLite, models.MySQL)
}

// noon is a clock that shows 14:00 in Beijing.
func noon() *modelstest.Clock {
	return modelstest.NewClock(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC))
}

// here runs a test once: first dialect, SQLite.
func here(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Parallel()
	if len(breadth.Cells(t.Name(), models.SQLite)) == 0 {
		return
	}
	clock := noon()
	test(t, setup(t, modelstest.SQLite(t, modelstest.WithClock(clock)), clock, dianping.Dianping))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// voucher sells one coupon that is good in the first store.
func (b *bench) voucher(code string) dianpingtest.Voucher {
	b.t.Helper()
	return b.order(code, 1)[0]
}

// order sells n coupons of one order.
func (b *bench) order(code string, n int) []dianpingtest.Voucher {
	b.t.Helper()
	v, err := b.platform.AddOrder(dianpingtest.Voucher{
		Code: code, Title: "双人下午茶", Price: 4990, MarketPrice: 9900, Mobile: "138****0000", Shops: []string{"shop-a"},
		Expires: time.Date(2027, 1, 1, 15, 59, 59, 0, time.UTC),
	}, n)
	b.must(err)
	return v
}

// at makes a message.
func (b *bench) at(channel, chat, user string) bot.Message {
	b.ids++
	m := bot.Message{Channel: channel, ID: NewID(), Chat: chat, User: user, At: b.clock.Now()}
	if channel == robot {
		m.Way = bot.Way{Passive: true, Once: true, Robot: true, Wire: wire("response_url", m.ID)}
	}
	return m
}

// wire is what a channel gives for an answer; the bot does not look at it.
func wire(name, value string) bot.Wire { return bot.Wire(fmt.Sprintf("{%q:%q}", name, value)) }

// give hands a message to the bot and waits for its final reply.
func (b *bench) give(m bot.Message) bot.Reply {
	b.t.Helper()
	id, err := b.bot.Accept(b.t.Context(), m)
	b.must(err)
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	r, ok := b.bot.Await(ctx, id)
	if !ok {
		b.t.Fatalf("no final reply to %+v", m)
	}
	return r
}

// fetched lets a callback have taken the reply to a message, but for rest.
func (b *bench) fetched(id string, rest bot.Reply) {
	b.t.Helper()
	shown, _ := b.bot.Await(b.t.Context(), id)
	b.bot.Delivered(id, shown, rest)
	b.bot.Wait()
}

// say texts in the first store's group.
func (b *bench) say(user, text string) bot.Reply {
	b.t.Helper()
	m := b.at(robot, group, user)
	m.Kind, m.Text = bot.Text, text
	return b.give(m)
}

// press presses a button of a card in the first store's group.
func (b *bench) press(user string, c *bot.Card, key string) bot.Reply {
	b.t.Helper()
	m := b.at(robot, group, user)
	m.Kind, m.Button = bot.Click, &bot.Button{TaskID: c.TaskID, Key: key}
	return b.give(m)
}

// key finds a button by its text.
func (b *bench) key(r bot.Reply, text string) string {
	b.t.Helper()
	if r.Card != nil {
		for _, k := range r.Card.Keys {
			if k.Text == text {
				return k.Key
			}
		}
	}
	b.t.Fatalf("no button %q on %s", text, show(r))
	return ""
}

// hold lets the first call of the platform wait: held is closed when it is there.
func (b *bench) hold() (held <-chan struct{}, release func()) {
	there, gone := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hold := func(*http.Request) { once.Do(func() { close(there); <-gone }) }
	b.before.Store(&hold)
	return there, sync.OnceFunc(func() { close(gone) })
}

// accept hands a message over.
func (b *bench) accept(m bot.Message) string {
	b.t.Helper()
	id, err := b.bot.Accept(b.t.Context(), m)
	b.must(err)
	return id
}

// start hands a message over without waiting for more than its worker.
func (b *bench) start(m bot.Message) string {
	b.t.Helper()
	id := b.accept(m)
	b.bot.Wait()
	return id
}

// settle lets background work run, with the clock going on, until nothing is
// under way.
func (b *bench) settle() {
	b.t.Helper()
	for range 200 {
		b.bot.Pass(b.t.Context())
		ops, err := b.db.Journal.Due(b.t.Context(), models.Of{}, b.clock.Now().Add(time.Hour), 10)
		b.must(err)
		if len(ops) == 0 {
			b.clock.Advance(outbox.FallbackDelay)
			b.bot.Pass(b.t.Context())
			return
		}
		b.clock.Advance(time.Second)
	}
	b.t.Fatal("operations do not settle")
}

// consumed fails unless the platform's ledger shows so many consumptions and
// undos of a code.
func (b *bench) effects(code string, consumed, undone int) {
	b.t.Helper()
	if got := b.platform.Effects(code); got.Consumed != consumed || got.Undone != undone {
		b.t.Errorf("%s was consumed %d and undone %d times at the platform, want %d and %d", code, got.Consumed, got.Undone, consumed, undone)
	}
	if twice := b.platform.TwiceConsumed(); len(twice) > 0 {
		b.t.Errorf("consumed twice: %v", twice)
	}
}

// calls counts the requests for one interface.
func (b *bench) calls(name string) int {
	n := 0
	for _, r := range b.platform.Requests() {
		if r.Call == name {
			n++
		}
	}
	return n
}

// has fails unless a reply shows all the texts.
func has(t *testing.T, r bot.Reply, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(show(r), s) {
			t.Errorf("no %q in:\n%s", s, show(r))
		}
	}
}

func hasNot(t *testing.T, r bot.Reply, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.Contains(show(r), s) {
			t.Errorf("%q must not be in:\n%s", s, show(r))
		}
	}
}

// show is everything a person sees of a reply.
func show(r bot.Reply) string {
	var s strings.Builder
	if c := r.Card; c != nil {
		s.WriteString(c.Source + "\n# " + c.Title + "\n" + c.Desc + "\n")
		if c.Quote != nil {
			s.WriteString("> " + c.Quote.Title + " " + c.Quote.Text + "\n")
		}
		for _, f := range c.Fields {
			s.WriteString(f.Key + ": " + f.Value + "\n")
		}
		s.WriteString(c.Text + "\n")
		for _, k := range c.Keys {
			s.WriteString("[" + k.Text + "]")
		}
	}
	return s.String() + r.Text
}

// courier remembers what it was given to deliver.
type courier struct {
	mu    sync.Mutex
	sent  []bot.Delivery
	fail  []error // of the next tries
	codes int     // to change cards by, given out
	again bool    // an update brings a new one, too
	away  []string
}

func (c *courier) FirstForm(d bot.Delivery) bot.Form {
	if d.Channel == app && d.Card != "" && (d.Code != "" || d.Way.Wire != "") {
		return bot.AsUpdate
	}
	return bot.AsCard
}

// perMinute is the limit of the app; the robots of these tests have none.
const perMinute = 25

func (c *courier) PerMinute(d bot.Delivery) int {
	switch {
	case d.Channel == app:
		return perMinute
	case strings.HasPrefix(d.Channel, "webhook/"):
		return 3
	}
	return 0
}

func (c *courier) Changes(channel string) bool { return channel == app }

func (c *courier) Away() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

func (c *courier) Deliver(_ context.Context, d bot.Delivery) (bot.Sent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fail) > 0 {
		err := c.fail[0]
		c.fail = c.fail[1:]
		if err != nil {
			return bot.Sent{}, err
		}
	}
	c.sent = append(c.sent, d)
	if card := d.Reply.Card; d.Channel == app && (d.Form == bot.AsCard || d.Form == bot.AsUpdate && c.again) && card != nil && len(card.Keys) > 0 {
		c.codes++
		return bot.Sent{MessageID: "m", Code: fmt.Sprintf("code-%d", c.codes)}, nil
	}
	return bot.Sent{MessageID: "m"}, nil
}

func (c *courier) all() []bot.Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]bot.Delivery(nil), c.sent...)
}
