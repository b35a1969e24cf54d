package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"text/template"
	"time"

	"yanquan/bot/wecom"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

const (
	shopID, session    = "shop-1", "session-1"
	developer, signKey = "100120", "sign-key"
)

// staff are enough people that none gets more than the 30 messages a minute that
// WeCom allows.
const staff = 900

func member(n int) string { return fmt.Sprintf("staff%03d", n) }

func newFakeWeCom(people int) *wecomtest.WeCom {
	opt := wecomtest.Options{
		Apps:   []wecomtest.App{{Name: "main", AgentID: agentID}},
		Robots: []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
	}
	for n := range people {
		opt.Users = append(opt.Users, wecomtest.User{ID: member(n), Name: member(n)})
	}
	return wecomtest.New(opt)
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

// newWorld makes the surroundings of a bot on an empty database of MariaDB.
func (l *lab) newWorld(name string, people int) *world {
	w := l.newWorldOn(models.MySQL, l.database(name), people)
	w.pool = must(sql.Open("mysql", w.dsn))
	w.stops = append(w.stops, func() { w.pool.Close() })
	return w
}

// newWorldOn is newWorld on any database.
func (l *lab) newWorldOn(driver, dsn string, people int) *world {
	w := &world{lab: l, wecom: newFakeWeCom(people), people: people, driver: driver, dsn: dsn}
	w.calls = newCallbacks(w.wecom)
	w.platform = dianpingtest.New(dianpingtest.Options{DeveloperID: developer, SignKey: signKey})
	api, shops := httptest.NewServer(w.wecom), httptest.NewServer(w.platform)
	w.api, w.shops = api.URL, shops.URL
	w.stops = append(w.stops, api.Close, shops.Close, w.platform.Close, w.wecom.Close)
	w.wecom.SetAPIURL(w.api)
	check(w.platform.AddShop(dianpingtest.Shop{ID: shopID}))
	check(w.platform.AddSession(dianpingtest.Session{Token: session, Dialect: dianpingtest.Meituan, Shops: []string{shopID}}))
	return w
}

func (w *world) close() {
	for _, stop := range slices.Backward(w.stops) {
		stop()
	}
}

// start runs the binary, with more lines in its configuration, until it is ready.
func (w *world) start(more string) *program {
	path := filepath.Join(must(os.MkdirTemp(w.dir, "world-")), "config.yaml")
	file := must(os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600))
	defer file.Close()
	ids := make([]string, w.people)
	for n := range ids {
		ids[n] = member(n)
	}
	check(configuration.Execute(file, map[string]any{
		"Driver": w.driver, "DSN": w.dsn, "Key": base64.StdEncoding.EncodeToString(secretKey), "API": w.api, "App": w.calls.app,
		"Shops": w.shops, "Developer": developer, "SignKey": signKey, "Shop": shopID, "Session": session, "Staff": ids, "More": more,
	}))
	p := start(w.binary, path)
	w.address = p.address
	w.stops = append(w.stops, p.kill)
	return p
}

// slowPlatform lets each call of the platform take callTime.
func (w *world) slowPlatform() {
	check(w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Delay: callTime, Times: -1}))
}

// client speaks to the fake platform.
func (w *world) client() dianping.Client {
	return must(dianping.NewMeituan(dianping.MeituanConfig{APIURL: w.shops, DeveloperID: developer, SignKey: signKey, Timeout: 3 * time.Second, Now: time.Now}))
}

// sender speaks to the fake WeCom.
func (w *world) sender() *wecom.Sender {
	a := w.calls.app
	return must(wecom.NewSender(wecom.SenderConfig{APIURL: w.api, FallbackURL: "https://yanquan.example.com", Apps: []wecom.AppConfig{{
		Name: "main", CorpID: a.CorpID, AgentID: agentID, Secret: a.Secret, Token: a.Token, EncodingAESKey: a.EncodingAESKey,
	}}}))
}

// voucher sells one coupon.
func (w *world) voucher() string {
	return must(w.platform.AddVoucher(dianpingtest.Voucher{Shops: []string{shopID}})).Code
}

// texted is a message that verifies a voucher of its own.
type texted struct {
	person       int
	code, id     string
	asked        time.Time // not sent before
	acknowledged time.Time
	status       int // 0: no answer
}

// verification is what a person sends to verify a voucher.
func (w *world) verification(person int) (texted, []byte) {
	t := texted{person: person, code: w.voucher()}
	id, request := w.calls.text(member(person), "验 "+t.code)
	t.id = id
	return t, request
}

// verify posts n verifications of people in turn at a constant rate.
func (w *world) verify(n, perSecond int) []texted {
	texts, requests := make([]texted, n), make([][]byte, n)
	for i := range n {
		texts[i], requests[i] = w.verification(i % w.people)
	}
	for i, r := range openLoop(w.ctx, w.address, perSecond, requests) {
		texts[i].asked, texts[i].acknowledged, texts[i].status = r.due, r.due.Add(r.took), r.status
	}
	return texts
}

// post posts one message of a person.
func (w *world) post(user, text string) {
	_, request := w.calls.text(user, text)
	accepted(openLoop(w.ctx, w.address, arrivals, [][]byte{request})[0].status, nil)
}

// ask is post, and gives when the answer was on the person's screen.
func (w *world) ask(user, text string) time.Time {
	where := wecomtest.InApp("main", user)
	before := len(w.wecom.Screen(where))
	w.post(user, text)
	ctx, cancel := context.WithTimeout(w.ctx, drainLimit)
	defer cancel()
	return must(w.wecom.WaitFor(ctx, where, func(shown []wecomtest.Shown) bool { return len(shown) > before }))[before].At
}

// count is the one number that a query gives.
func (w *world) count(query string) (n int) {
	check(w.pool.QueryRowContext(w.ctx, query).Scan(&n))
	return n
}

// none waits until a count is zero and tells how long that took since began.
func (w *world) none(count string, began time.Time) time.Duration {
	if !w.wait(5*drainLimit, 100*time.Millisecond, func() bool { return w.count(count) == 0 }) {
		check(fmt.Errorf("%d are left", w.count(count)))
	}
	return time.Since(began)
}

// wait looks every so often until something is done, or the limit is over.
func (l *lab) wait(limit, every time.Duration, done func() bool) bool {
	over := time.After(limit)
	for !done() {
		select {
		case <-time.After(every):
		case <-over:
			return false
		case <-l.ctx.Done():
			check(l.ctx.Err())
		}
	}
	return true
}

// database makes an empty database on MariaDB and gives its DSN.
func (l *lab) database(name string) string {
	must(l.admin.ExecContext(l.ctx, "CREATE DATABASE "+name))
	own := l.server.Config()
	own.DBName = name
	own.InterpolateParams = true // one round trip for a statement, for everybody
	return own.FormatDSN()
}

// store opens a migrated database.
func (l *lab) store(driver, dsn string) *models.DB {
	db := must(models.Open(l.ctx, models.Config{Driver: driver, DSN: dsn, Key: secretKey}))
	must(db.Migrate(l.ctx))
	return db
}

var configuration = template.Must(template.New("config.yaml").Parse(`
server:
  listen: "127.0.0.1:0"
  public_url: "https://yanquan.example.com"
database:
  driver: {{.Driver}}
  dsn: "{{.DSN}}"
secret_key: "{{.Key}}"
watch: {repeats: 0, same_phone: 0, undo_percent: 0, silent_days: 0, platform_errors: 0, doubtful: 0}
wecom:
  api_url: "{{.API}}"
  corp_id: "{{.App.CorpID}}"
  apps:
    - name: main
      agent_id: {{.App.AgentID}}
      secret: "{{.App.Secret}}"
      token: "{{.App.Token}}"
      encoding_aes_key: "{{.App.EncodingAESKey}}"
meituan:
  api_url: "{{.Shops}}"
  developer_id: "{{.Developer}}"
  sign_key: "{{.SignKey}}"
stores:
  - name: 人民广场店
    platform: meituan
    shop_id: "{{.Shop}}"
    session: "{{.Session}}"
    staff:
{{range .Staff}}      - {userid: {{.}}, name: {{.}}, role: staff}
{{end}}
{{.More}}`))
