package crash

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/fakeserver"
	"yanquan/models/modelstest"
)

const replicas = 3

// Secrets that no log may show, and a customer's phone.
const (
	appSecret   = "app-secret-6fX2qLmZ"
	signKey     = "sign-key-Jw8Rt1Bc"
	douyinKey   = "douyin-secret-Zk27xNsE"
	wecomSecret = "wecom-secret-h4Yv0DqG"
	mobile      = "13812345678"
)

// lane has all for itself: a database, the platforms, a WeCom, replicas. Rounds
// follow one another in it.
type lane struct {
	t        *testing.T
	database database
	db       *sql.DB             // the suite's own view of it
	lines    []*modelstest.Proxy // from each replica to the database
	outage   sync.Mutex          // held by what puts the database out of order for all, one at a time
	platform *dianpingtest.Platform
	douyin   *douyintest.Platform
	traffic  [2]traffic // at either
	wecom    *wecomtest.WeCom
	replicas []*replica
	secrets  []string
	tail     int // the last four digits of the last code, unique in the lane

	mu   sync.Mutex
	pick func(n int) int // which replica a callback goes to
}

// newLane makes a lane of so many replicas. WeCom repeats after those pauses what was
// not accepted.
func newLane(t *testing.T, name string, count int, data database, repeats []time.Duration) *lane {
	t.Helper()
	l := &lane{t: t, database: data, pick: mathrand.IntN}
	var err error
	if l.db, err = sql.Open("mysql", data.admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.db.Close() })

	l.platform = dianpingtest.New(dianpingtest.Options{
		AppKey: "k", AppSecret: appSecret, DeveloperID: "10001", SignKey: signKey, KeepRequests: 1 << 14,
	})
	platformSrv := httptest.NewServer(l.platform)
	t.Cleanup(platformSrv.Close)
	t.Cleanup(l.platform.Close)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "replica"}) },
		Transport: &router{lane: l, next: &http.Transport{}},
		ErrorLog:  log.New(io.Discard, "", 0), // dead replicas
	})
	t.Cleanup(front.Close)
	l.douyin = douyintest.New(douyintest.Options{
		ClientKey: "aw1", ClientSecret: douyinKey, KeepRequests: 1 << 14, NoticeURL: front.URL + "/auth/douyin/notice",
	})
	douyinSrv := httptest.NewServer(l.douyin)
	t.Cleanup(douyinSrv.Close)
	t.Cleanup(l.douyin.Close)
	l.traffic = [2]traffic{{server: l.platform.Server}, {server: l.douyin.Server}}

	opt := wecomtest.Options{
		Client:      &http.Client{Transport: &router{lane: l, next: &http.Transport{MaxIdleConnsPerHost: 8}}},
		RetryDelays: repeats,
		PollEvery:   500 * time.Millisecond,
		Apps:        []wecomtest.App{{Name: "main", AgentID: 1000002, Secret: wecomSecret}},
		Robots:      []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
	}
	var stores strings.Builder
	for _, w := range worlds {
		var chats, staff []string
		for c := range cohorts {
			g := wecomtest.Group{ID: w.chat(c), Name: "店群", Robots: []string{"group"}}
			chats = append(chats, g.ID)
			for i := range peoplePerCohort {
				u := w.user(c, i)
				role := "staff"
				if i == 0 {
					role = "lead"
				}
				opt.Users = append(opt.Users, wecomtest.User{ID: u, Name: named(u)})
				g.Members = append(g.Members, u)
				staff = append(staff, fmt.Sprintf("{userid: %s, name: %s, role: %s}", u, named(u), role))
			}
			opt.Groups = append(opt.Groups, g)
		}
		var accounts []string
		for _, p := range w.platforms {
			l.openShop(w, p)
			accounts = append(accounts, "{"+w.account(p)+"}")
		}
		fmt.Fprintf(&stores, "  - {name: 店%s, %s, accounts: [%s], chats: [%s], staff: [%s]}\n",
			w.letter, w.account(w.platforms[0]), strings.Join(accounts[1:], ", "), strings.Join(chats, ", "), strings.Join(staff, ", "))
	}
	l.wecom = wecomtest.New(opt)
	wecomSrv := httptest.NewServer(l.wecom)
	t.Cleanup(wecomSrv.Close)
	t.Cleanup(l.wecom.Close)
	l.wecom.SetAPIURL(wecomSrv.URL)
	must(t, l.wecom.SetCallbackURL(wecomtest.InApp("main", ""), "http://replica/wecom/app/main"))
	must(t, l.wecom.SetCallbackURL(wecomtest.InRobot("group", ""), "http://replica/wecom/bot/group"))
	app, _ := l.wecom.App("main")
	robot, _ := l.wecom.Robot("group")

	key := make([]byte, 32)
	_, _ = rand.Read(key)
	secretKey := base64.StdEncoding.EncodeToString(key)
	l.secrets = append(l.secrets, appSecret, signKey, douyinKey, wecomSecret, mobile, secretKey,
		app.Token, app.EncodingAESKey, robot.Token, robot.EncodingAESKey)
	text := fmt.Sprintf(`server: {listen: "%s:0", public_url: "http://127.0.0.1:1", shutdown_grace: %s}
secret_key: "%s"
watch: {repeats: 0, same_phone: 0, undo_percent: 0, silent_days: 0, platform_errors: 0, doubtful: 0}
wecom:
  api_url: "%s"
  corp_id: "%s"
  apps: [{name: main, agent_id: 1000002, secret: "%s", token: "%s", encoding_aes_key: "%s"}]
  bots: [{name: group, display_name: 验券, token: "%s", encoding_aes_key: "%s"}]
  reply_deadline: 2s
dianping: {api_url: "%s", app_key: k, app_secret: "%s"}
meituan: {api_url: "%s", developer_id: "10001", sign_key: "%s"}
douyin: {api_url: "%s", client_key: aw1, client_secret: "%s", account_id: "%s"}
redeem: {call_timeout: %s}
log: {level: debug}
stores:
%s`, fakeserver.Host(), shutdownGrace, secretKey, wecomSrv.URL, app.CorpID, wecomSecret, app.Token, app.EncodingAESKey, robot.Token, robot.EncodingAESKey,
		platformSrv.URL, appSecret, platformSrv.URL, signKey, douyinSrv.URL, douyinKey, douyintest.DefaultAccount, callTimeout, stores.String())
	for i := range count {
		line, dsn := modelstest.NewProxy(t, data.nodes[i])
		r := &replica{name: fmt.Sprintf("%s-replica%d", name, i), config: filepath.Join(t.TempDir(), "config.yaml")}
		must(t, os.WriteFile(r.config, fmt.Appendf(nil, "%sdatabase: {driver: mysql, dsn: '%s'}\n", text, dsn), 0o600))
		l.lines, l.replicas = append(l.lines, line), append(l.replicas, r)
	}
	t.Cleanup(func() {
		for _, r := range l.replicas {
			r.stop(syscall.SIGKILL)
			r.newLog(t)
		}
	})
	return l
}

// openShop makes a store's shop at a platform.
func (l *lane) openShop(w world, platform string) {
	if platform == douyin {
		must(l.t, l.douyin.AddShop(douyintest.Shop{ID: w.shop(platform), Name: w.name}))
		return
	}
	session := dianpingtest.Session{Token: w.session(platform), Dialect: dianpingtest.Dialect(platform), Shops: []string{w.shop(platform)}}
	must(l.t, l.platform.AddShop(dianpingtest.Shop{ID: w.shop(platform), Name: w.name}))
	must(l.t, l.platform.AddSession(session))
	l.secrets = append(l.secrets, session.Token)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start brings up all replicas that are down, at the same time.
func (l *lane) start() error {
	errs := make([]error, len(l.replicas))
	var wg sync.WaitGroup
	for i, r := range l.replicas {
		if !r.alive() {
			wg.Go(func() { errs[i] = r.start("") })
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// waiting are the operations that only time ends, see [lane.passHolds]: what risk control
// keeps back, and what it may where an answer was lost and the verify token is over, or
// is not used because the code was verified at the store's other platform meanwhile.
const waiting = `(state = 'held' OR state = 'unknown' AND (outcome_reason = 'may_be_held' OR
	store_id IN (SELECT id FROM stores WHERE platform = 'douyin') AND code IN (SELECT other.code FROM operations other
		JOIN stores there ON there.id = other.store_id WHERE other.state = 'done' AND there.platform <> 'douyin')))`

// busy counts what our database still has under way, also the operations that are waiting
// or without them. It decides when a round is over, never how it went.
func (l *lane) busy(ctx context.Context, also bool) (n int, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM inbox WHERE final = 0 AND (? OR id NOT IN (SELECT inbox_id FROM operations WHERE `+waiting+`))) +
		(SELECT COUNT(*) FROM outbox WHERE state = 'queued') +
		(SELECT COUNT(*) FROM operations WHERE state NOT IN ('done', 'rejected', 'undone') AND (? OR NOT `+waiting+`))`, also, also).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count work under way: %w", err)
	}
	for i := range l.traffic {
		n += l.traffic[i].underWay()
	}
	return n, nil
}

// traffic follows the requests that a platform has not answered yet.
type traffic struct {
	server *fakeserver.Server
	seen   uint64 // version of the requests that open reflects
	open   map[uint64]bool
}

func (t *traffic) underWay() int {
	if t.open == nil {
		t.open = map[uint64]bool{}
	}
	changed, latest, _ := t.server.Since(t.seen)
	t.seen = latest
	for _, r := range changed {
		if r.State == fakeserver.RequestOpen || r.State == fakeserver.RequestWaiting {
			t.open[r.Seq] = true
		} else {
			delete(t.open, r.Seq)
		}
	}
	return len(t.open)
}

// router sends every callback to a replica chosen by chance, dead or alive, as a
// load balancer without health checks would.
type router struct {
	lane *lane
	next http.RoundTripper
}

func (r *router) RoundTrip(req *http.Request) (*http.Response, error) {
	r.lane.mu.Lock()
	i := r.lane.pick(len(r.lane.replicas))
	r.lane.mu.Unlock()
	req = req.Clone(req.Context())
	req.URL.Host = r.lane.replicas[i].address()
	return r.next.RoundTrip(req)
}

// retries are WeCom's pauses before it sends a callback again; a replica that is built
// with the race detector takes seconds to start. All are over before an answer that
// nobody has fetched goes out another way.
func retries() []time.Duration {
	if *flagRace {
		return []time.Duration{400 * time.Millisecond, 1200 * time.Millisecond, 3200 * time.Millisecond}
	}
	return []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond}
}
