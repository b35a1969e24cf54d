package simulation

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
	"yanquan/models"
)

const (
	appName, robotName = "main", "group"
	developer, signKey = "100120", "sign-key"
	appKey, appSecret  = "app-key", "app-secret"

	clientKey, clientSecret = "client-key", "client-secret"

	boss = "boss"
)

var names = map[string]string{"zhangsan": "张三", "lisi": "李四", "wangwu": "王五", "zhaoliu": "赵六", "sunqi": "孙七", boss: "老板"}

// world is one play of a plan.
type world struct {
	*plan
	t         *testing.T
	n         int // tells its hosts from those of other worlds
	dsn       string
	began     time.Time
	wecom     *wecomtest.WeCom
	platforms map[dialect]fake
	writing   chan struct{} // held by the replica that writes
	agenda    *agenda
	offset    atomic.Int64 // of the machine's clock, on which all replicas run
	acts      sync.WaitGroup

	mu       sync.Mutex
	replicas []*replica // by slot; nil: none now
	starts   int
	deaths   int
	killed   []time.Time
	story    []moment
	asks     []*ask
	views    []view
	links    map[string]string // codes, by the link as screens show it
	doubts   map[string]bool   // codes whose outcome is still to be told
	troubles []span
	silent   time.Time // until then WeCom asks for the rest of no stream
	found    []string

	goroutines int // at the end

	// What the platform saw, in the end.
	ledger   []effect
	requests []fakeserver.Request
	orders   map[string][]string // all codes that an order's coupons have had
}

// span is a time in which something was wrong.
type span struct {
	from, to time.Time
	what     string
}

// play plays a plan in virtual time, and judges it.
func play(t *testing.T, p *plan) (w *world) {
	t.Helper()
	dir, err := os.MkdirTemp("", "simulation-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) // a test plays many
	w = &world{plan: p, t: t, dsn: filepath.Join(dir, "yanquan.db"), writing: make(chan struct{}, 1)}
	wires.Lock()
	wires.last++
	w.n = wires.last
	wires.Unlock()
	synctest.Test(t, func(*testing.T) { w.run() })
	return w
}

// prepared is a database as a first start leaves it: each world has a copy.
var prepared struct {
	sync.Mutex
	file []byte
}

func (w *world) prepare() error {
	prepared.Lock()
	defer prepared.Unlock()
	if prepared.file == nil {
		ctx := context.Background()
		db, err := models.Open(ctx, models.Config{Driver: models.SQLite, DSN: w.dsn, Key: make([]byte, 32)})
		if err != nil {
			return err
		}
		_, err = db.Migrate(ctx)
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
		prepared.file, err = os.ReadFile(w.dsn)
		return err
	}
	return os.WriteFile(w.dsn, prepared.file, 0o600)
}

func (w *world) host(what string, n ...int) string {
	name := what
	for _, i := range n {
		name += fmt.Sprint("-", i)
	}
	return fmt.Sprintf("%s.world-%d", name, w.n)
}

func (w *world) run() {
	w.writing, w.doubts, w.links = make(chan struct{}, 1), map[string]bool{}, map[string]string{}
	w.began = time.Now()
	w.must(w.prepare())
	w.agenda = newAgenda(w.dsn)
	defer w.agenda.close()
	w.replicas = make([]*replica, w.Replicas)
	w.open()
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(ctx) })
	watching.Go(func() { w.poll(ctx) })
	entry := newHost(w.host("bot"))
	balancer := entry.serve(http.HandlerFunc(w.balance))
	api := newHost(w.host("wecom"))
	answers := api.serve(w.latency(w.wecom))
	for i := range w.Replicas {
		w.start(i)
	}
	time.Sleep(time.Minute)
	w.connect()
	for i, e := range w.Events {
		time.Sleep(time.Until(w.began.Add(e.At)))
		w.agenda.stir()
		w.acts.Go(func() { w.do(i, e) })
	}
	time.Sleep(time.Until(w.began.Add(time.Duration(w.Days)*day - opens)))
	w.acts.Wait()
	w.calm()
	w.goroutines = goroutines()
	w.gather()
	w.judge()
	for _, r := range w.replicas {
		if r != nil {
			r.shut()
		}
	}
	stop()
	watching.Wait()
	w.wecom.Close()
	for _, p := range w.platforms {
		p.Close()
	}
	entry.cut()
	api.cut()
	_ = balancer.Close()
	_ = answers.Close()
}

// open makes the fakes.
func (w *world) open() {
	opt := wecomtest.Options{
		Rand: newStream(w.Seed, "wecom"), Client: &http.Client{Transport: http.DefaultTransport},
		Apps:   []wecomtest.App{{Name: appName, AgentID: 1000002}},
		Robots: []wecomtest.Robot{{Name: robotName, DisplayName: "验券"}},
		APIURL: "http://" + w.host("wecom"),
	}
	for id, name := range names {
		opt.Users = append(opt.Users, wecomtest.User{ID: id, Name: name})
	}
	for _, s := range w.Shops {
		opt.Groups = append(opt.Groups, wecomtest.Group{ID: group(s.Name), Name: s.Name, Members: append(slices.Clone(s.Staff), boss), Robots: []string{robotName}})
	}
	w.wecom = wecomtest.New(opt)
	for where, path := range map[wecomtest.Where]string{wecomtest.InApp(appName, ""): "/wecom/app/main", wecomtest.InRobot(robotName, ""): "/wecom/bot/group"} {
		w.must(w.wecom.SetCallbackURL(where, "http://"+w.host("bot")+path))
	}
	w.openPlatforms()
}

func group(shop string) string { return "wr" + shop }

func (w *world) must(err error) {
	if err != nil {
		panic(err)
	}
}

// config is what config.yaml would say, for a process that reaches the fakes here.
func (w *world) config(wecomURL string, urls map[dialect]string) *config.Config {
	app, _ := w.wecom.App(appName)
	robot, _ := w.wecom.Robot(robotName)
	c := config.Default()
	c.Database.DSN = w.dsn
	c.SecretKey = base64.StdEncoding.EncodeToString(make([]byte, 32))
	c.Server.PublicURL = "http://" + w.host("bot")
	c.Managers = []string{boss}
	c.WeCom = &config.WeCom{
		APIURL: wecomURL, CorpID: app.CorpID, ReplyDeadline: 4 * time.Second,
		Apps: []config.App{{Name: appName, AgentID: int64(app.AgentID), Secret: app.Secret, Token: app.Token, EncodingAESKey: app.EncodingAESKey}},
		Bots: []config.Bot{{Name: robotName, DisplayName: "验券", Token: robot.Token, EncodingAESKey: robot.EncodingAESKey}},
	}
	dianping, meituan := urls[atDianping], urls[atMeituan]
	c.Dianping = &config.Dianping{APIURL: dianping, AuthURL: dianping, AppKey: appKey, AppSecret: appSecret}
	c.Meituan = &config.Meituan{APIURL: meituan, AuthURL: meituan, DeveloperID: developer, SignKey: signKey}
	c.Douyin = &config.Douyin{APIURL: urls[atDouyin], ClientKey: clientKey, ClientSecret: clientSecret, AccountID: douyintest.DefaultAccount}
	c.Report = &config.Report{At: "22:00", EmptyDays: true}
	for _, s := range w.Shops {
		store := config.Store{Name: s.Name, Platform: string(s.Dialect), ShopID: idAt(s, s.Dialect), Session: w.session(s, s.Dialect), Chats: []string{group(s.Name)}}
		if s.Also != "" {
			store.Accounts = []config.Account{{Platform: string(s.Also), ShopID: idAt(s, s.Also), Session: w.session(s, s.Also)}}
		}
		for _, id := range s.Staff {
			store.Staff = append(store.Staff, config.Staff{UserID: id, Name: names[id], Role: "staff"})
		}
		c.Stores = append(c.Stores, store)
	}
	return c
}

// balance passes a callback on to a replica that answers.
func (w *world) balance(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.mu.Lock()
	live := slices.DeleteFunc(slices.Clone(w.replicas), func(r *replica) bool { return r == nil || !r.ready })
	w.mu.Unlock()
	if len(live) == 0 {
		http.Error(rw, "nobody is there", http.StatusBadGateway)
		return
	}
	to := live[hash(w.Seed, r.URL.Path, r.URL.RawQuery)%uint64(len(live))]
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+to.name+r.URL.RequestURI(), bytes.NewReader(body))
	w.must(err)
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		http.Error(rw, "no answer", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	rw.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	rw.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(rw, resp.Body)
}

// second is the time that chance goes by: what comes a little earlier or later, because
// two things began at one moment in another order, meets the same.
func (w *world) second() string { return time.Since(w.began).Truncate(time.Second).String() }

// now is the time by the machine's clock.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

// latency lets a call take its time: 5 to 60 ms, by what it is and when.
func (w *world) latency(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(5*time.Millisecond + time.Duration(hash(w.Seed, r.URL.Path, w.second())%uint64(55*time.Millisecond)))
		h.ServeHTTP(rw, r)
	})
}

// jitter is chance: the same at the same time, so that it does not matter who asks first.
func (w *world) jitter() float64 {
	return float64(hash(w.Seed, "jitter", w.second())%1000) / 1000
}

// poll asks for the rest of streams, as WeCom does, while there are any.
func (w *world) poll(ctx context.Context) {
	for ctx.Err() == nil {
		w.mu.Lock()
		rest := time.Until(w.silent)
		w.mu.Unlock()
		if rest > 0 {
			time.Sleep(rest)
			continue
		}
		version := w.wecom.Version()
		n, err := w.wecom.Poll(ctx)
		if err != nil {
			return
		}
		if n > 0 {
			time.Sleep(time.Second)
			continue
		}
		select {
		case <-w.wecom.Changed(version):
			time.Sleep(time.Second)
		case <-ctx.Done():
		}
	}
}

// logger keeps warnings for the story.
func (w *world) logger(who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(logWriter{w, who}, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

type logWriter struct {
	w   *world
	who string
}

func (l logWriter) Write(b []byte) (int, error) {
	l.w.note("log", "%s: %s", l.who, strings.TrimSpace(string(b)))
	return len(b), nil
}

func hash(seed uint64, of ...string) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, seed)
	for _, s := range of {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// stream is a source of chance for one purpose.
type stream struct {
	mu sync.Mutex
	*rand.ChaCha8
}

func newStream(seed uint64, what string) *stream {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], hash(seed, what))
	return &stream{ChaCha8: rand.NewChaCha8(key)}
}

func (s *stream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ChaCha8.Read(b)
}

func (s *stream) digits(n int) string {
	b := make([]byte, n)
	_, _ = s.Read(b)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}
