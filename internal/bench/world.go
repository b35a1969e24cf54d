package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const (
	agentID            = 1000002
	developer, signKey = "100120", "sign-key"
	atOnce             = 16            // callbacks in a closed loop
	staff              = 900           // people, so that none gets more than the 30 messages a minute that WeCom allows
	long               = 2 * time.Hour // than which nothing takes longer
)

var shop = dianping.Shop{ID: "shop-1", Session: "session-1"}

func member(n int) string { return fmt.Sprintf("staff%03d", n) }

// callbacks makes what WeCom posts, sealed by the fake.
type callbacks struct {
	fake *wecomtest.WeCom
	app  wecomtest.App
	last atomic.Int64
}

func newCallbacks(people int) *callbacks {
	opt := wecomtest.Options{Apps: []wecomtest.App{{Name: "main", AgentID: agentID}}}
	for n := range people {
		opt.Users = append(opt.Users, wecomtest.User{ID: member(n), Name: member(n)})
	}
	c := &callbacks{fake: wecomtest.New(opt)}
	c.app, _ = c.fake.App("main")
	c.last.Store(time.Now().UnixNano()) // message ids are never used twice, over all runs
	return c
}

func (c *callbacks) plain(id, user, text string) []byte {
	return fmt.Appendf(nil, "<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>"+
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content><MsgId>%s</MsgId><AgentID>%d</AgentID></xml>",
		c.app.CorpID, user, time.Now().Unix(), text, id, agentID)
}

// text is one message of a person, with its id.
func (c *callbacks) text(address, user, text string) (id string, t vegeta.Target) {
	id = strconv.FormatInt(c.last.Add(1), 10)
	sealed := must(c.fake.EncryptApp("main", c.plain(id, user, text), wecomtest.Knobs{}))
	return id, vegeta.Target{Method: http.MethodPost, URL: "http://" + address + "/wecom/app/main?" + sealed.Query.Encode(), Body: sealed.Body,
		Header: http.Header{"Content-Type": {sealed.ContentType}}}
}

// texts are n messages that ask for nothing in particular.
func (c *callbacks) texts(address string, n int) []vegeta.Target {
	all := make([]vegeta.Target, n)
	for i := range all {
		_, all[i] = c.text(address, "zhangsan", "验 7992697494")
	}
	return all
}

// load posts each of the targets once: so many a second, however long the answers take;
// or, where that is 0, each as soon as one of those at once is answered, until the time is
// over. It gives the URLs of those that were accepted.
func load(targets []vegeta.Target, rate int, d time.Duration) (accepted map[string]bool, m vegeta.Metrics) {
	var next atomic.Int64
	targeter := func(t *vegeta.Target) error {
		i := int(next.Add(1)) - 1
		if i >= len(targets) {
			return vegeta.ErrNoTargets
		}
		*t = targets[i]
		return nil
	}
	attacker := vegeta.NewAttacker(vegeta.Workers(atOnce))
	if rate > 0 {
		d = 0 // until all are sent
	} else {
		vegeta.MaxWorkers(atOnce)(attacker)
	}
	accepted = map[string]bool{}
	for r := range attacker.Attack(targeter, vegeta.Rate{Freq: rate, Per: time.Second}, d, "") {
		if r.URL == "" { // nothing was left to send
			continue
		}
		m.Add(r)
		if r.Code == http.StatusOK {
			accepted[r.URL] = true
		}
	}
	m.Close()
	return accepted, m
}

// world is what surrounds the bot: both fakes, and a database.
type world struct {
	*lab
	wecom       *wecomtest.WeCom
	platform    *dianpingtest.Platform
	calls       *callbacks
	api, shops  string // URLs of the fakes
	people      int
	driver, dsn string
	pool        *sql.DB // of the bench itself, on MariaDB
	address     string  // of the bot
	stops       []func()
}

// newWorld makes the surroundings of a bot on an empty database.
func (l *lab) newWorld(driver, name string, people int) *world {
	w := &world{lab: l, calls: newCallbacks(people), people: people, driver: driver, dsn: filepath.Join(l.dir, name+".db")}
	w.wecom = w.calls.fake
	if driver == models.MySQL {
		w.dsn = l.database(name)
		w.pool = must(sql.Open("mysql", w.dsn))
		w.stops = append(w.stops, func() { w.pool.Close() })
	}
	w.platform = dianpingtest.New(dianpingtest.Options{DeveloperID: developer, SignKey: signKey})
	api, shops := httptest.NewServer(w.wecom), httptest.NewServer(w.platform)
	w.api, w.shops = api.URL, shops.URL
	w.stops = append(w.stops, api.Close, shops.Close, w.platform.Close, w.wecom.Close)
	w.wecom.SetAPIURL(w.api)
	check(w.platform.AddShop(dianpingtest.Shop{ID: shop.ID}))
	check(w.platform.AddSession(dianpingtest.Session{Token: shop.Session, Dialect: dianpingtest.Meituan, Shops: []string{shop.ID}}))
	return w
}

func (w *world) close() {
	for _, stop := range slices.Backward(w.stops) {
		stop()
	}
}

const configuration = `
server: {listen: "127.0.0.1:0", public_url: "https://yanquan.example.com"}
database: {driver: %s, dsn: "%s"}
secret_key: "%s"
watch: {repeats: 0, same_phone: 0, undo_percent: 0, silent_days: 0, platform_errors: 0, doubtful: 0}
wecom: {api_url: "%s", corp_id: "%s", apps: [{name: main, agent_id: %d, secret: "%s", token: "%s", encoding_aes_key: "%s"}]}
meituan: {api_url: "%s", developer_id: "%s", sign_key: "%s"}
stores: [{name: 人民广场店, platform: meituan, shop_id: "%s", session: "%s", staff: [%s]}]
%s`

// program is one run of the binary.
type program struct {
	cmd     *exec.Cmd
	started time.Duration // from its start until it was ready
}

// tail keeps the end of a log.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-4096):]
	return len(p), nil
}

// start runs the binary, with more lines in its configuration, until it is ready.
func (w *world) start(more string) *program {
	var people strings.Builder
	for n := range w.people {
		fmt.Fprintf(&people, "{userid: %[1]s, name: %[1]s, role: staff}, ", member(n))
	}
	a := w.calls.app
	path := filepath.Join(must(os.MkdirTemp(w.dir, "world-")), "config.yaml")
	check(os.WriteFile(path, fmt.Appendf(nil, configuration, w.driver, w.dsn, base64.StdEncoding.EncodeToString(secretKey), w.api, a.CorpID, a.AgentID, a.Secret, a.Token, a.EncodingAESKey,
		w.shops, developer, signKey, shop.ID, shop.Session, &people, more), 0o600))
	p := &program{cmd: exec.Command(w.binary, "serve", "--config", path)}
	atExit(p.kill)
	w.stops = append(w.stops, p.kill)
	var log tail
	p.cmd.Stderr = &log
	out := must(p.cmd.StdoutPipe())
	began := time.Now()
	check(p.cmd.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	p.started = time.Since(began)
	_, address, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if !ok {
		_ = p.cmd.Wait()
		check(fmt.Errorf("the program did not come up: %s", log.kept))
	}
	w.address = address
	return p
}

// stop ends the program as an operator would.
func (p *program) stop() {
	check(p.cmd.Process.Signal(syscall.SIGTERM))
	check(p.cmd.Wait())
}

// kill ends the program, unless it has ended, in the middle of its work.
func (p *program) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// memory is VmRSS, the resident set in bytes, or VmHWM, the largest that it ever was.
func (p *program) memory(name string) float64 {
	_, rest, _ := strings.Cut(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)))), name+":")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	return 1024 * must(strconv.ParseFloat(kilobytes, 64))
}

// client speaks to the fake platform.
func (w *world) client() dianping.Client {
	return must(dianping.NewMeituan(dianping.MeituanConfig{APIURL: w.shops, DeveloperID: developer, SignKey: signKey, Timeout: 3 * time.Second, Now: time.Now}))
}

// voucher sells one coupon.
func (w *world) voucher() string {
	return must(w.platform.AddVoucher(dianpingtest.Voucher{Shops: []string{shop.ID}})).Code
}

// verify posts n verifications of people in turn, at a rate or, where that is 0, for so
// long as fast as they are answered, and gives the ids of those that were accepted.
func (w *world) verify(n, rate int, d time.Duration) (ids []string, m vegeta.Metrics) {
	all, targets := make([]string, n), make([]vegeta.Target, n)
	for i := range all {
		all[i], targets[i] = w.calls.text(w.address, member(i%w.people), "验 "+w.voucher())
	}
	accepted, m := load(targets, rate, d)
	for i, t := range targets {
		if accepted[t.URL] {
			ids = append(ids, all[i])
		}
	}
	return ids, m
}

// post posts one message of a person.
func (w *world) post(user, text string) {
	_, target := w.calls.text(w.address, user, text)
	resp := must(http.DefaultClient.Do(must(target.Request())))
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", text, resp.Status))
	}
}

// ask posts a message and tells how long it took until the answer was on the screen.
func (w *world) ask(user, text string) time.Duration {
	where := wecomtest.InApp("main", user)
	before := len(w.wecom.Screen(where))
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	w.post(user, text)
	must(w.wecom.WaitFor(limited, where, func(shown []wecomtest.Shown) bool { return len(shown) > before }))
	return time.Since(began)
}

// count is the one number that a query gives.
func (w *world) count(query string) (n int) {
	check(w.pool.QueryRow(query).Scan(&n))
	return n
}

// none waits until a count is zero, or a limit is over, and tells how long that took
// since began.
func (w *world) none(count string, began time.Time, limit time.Duration) time.Duration {
	for w.count(count) != 0 && time.Since(began) < limit {
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}
