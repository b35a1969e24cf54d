package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/internal/failpoint"
	"yanquan/internal/fakeserver"
	"yanquan/internal/race"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// The acceptance test looks at the program from outside only: the config file
// and the environment, what the fake WeCom shows on people's screens, and the
// ledger of the fake platform. It opens the database to wait until nothing is on its way;
// the tests of faults also break it, and count its rows.

// setting is a cell of the matrix and what a test changes in the config.
type setting struct {
	dialect dianpingtest.Dialect
	also    dianpingtest.Dialect // each store has a second account there; empty: it has not
	driver  string               // models.SQLite or models.MySQL
	group   bool                 // people talk to the robot in a group; else 1:1 to the app
	socket  bool                 // the robot has a long connection; else WeCom calls a URL

	undoWindow     string        // redeem.undo_window; "10m" where empty
	platformWindow time.Duration // of the platform's own undo; ten minutes where zero
	proxied        bool          // reach the database through world.proxy
	ownServer      bool          // a MariaDB for this world alone, and an account that it does not exempt from read_only

	callTimeout   string // redeem.call_timeout; [defaultCallTimeout] where empty
	replyDeadline string // wecom.reply_deadline; "1500ms" where empty
	failpoint     string // where the first process dies
	hook          string // address that is told of vouchers; empty: none
	watch         string // the rules; [unwatched] where empty
	empty         bool   // no stores are declared
	withDouyin    bool   // Douyin is configured, also where no store is declared there
	afternoon     bool   // it is afternoon there: a summary now is of today

	// former is what an earlier version has left in the database, or the program of that
	// version, which runs first and makes its tables.
	former *formerVersion

	here  bool              // run in the test's process, whose clocks can be moved
	alone bool              // there, go by that clock and not by the database's
	clock *modelstest.Clock // of everything; nil: the real one
}

const defaultCallTimeout = "3s"

func (s setting) String() string {
	channel := "app"
	if s.group {
		channel = "group"
	}
	if s.socket {
		channel += "-socket"
	}
	dialects := string(s.dialect)
	if s.also != "" {
		dialects += "+" + string(s.also)
	}
	name := fmt.Sprintf("%s/%s/%s", dialects, s.driver, channel)
	if s.failpoint != "" {
		name += "/" + s.failpoint
	}
	return name
}

// world is one program with its surroundings. Copies share everything but t.
type world struct {
	*testing.T
	setting
	*surroundings
	room     string        // where people say things, if it is a group
	hero     string        // who does most of it
	patience time.Duration // of every wait
}

type surroundings struct {
	root     *testing.T // of the whole script: what must outlive a chapter belongs to it
	wecom    *wecomtest.WeCom
	platform *dianpingtest.Platform
	douyin   *douyintest.Platform // nil: not configured
	markets  []market             // of the accounts that stores have
	proxy    *modelstest.Proxy
	dsn      string // of the database itself, by an account that may do everything
	config   string
	env      []string
	zone     *time.Location
	ahead    atomic.Int64 // how far WeCom's clock is ahead
	shopTime atomic.Int64 // how far the platform's clock is ahead

	mu       sync.Mutex
	chapters int
	program  *process
	logs     []*process         // all that ever ran
	effects  map[string]effects // by code, what must be true of it at the end
	sold     int
	asked    map[string]string // by code, who was the first to type it
	expected map[string]int    // bubbles of the bot by screen

	refusable map[int]int // refusals of WeCom that are to be expected, by errcode
}

// effects of one code in the platform's ledger.
type effects struct{ consumed, undone int }

// newWorld starts the program in its surroundings.
func newWorld(t *testing.T, s setting) *world {
	t.Helper()
	u := &surroundings{root: t, effects: map[string]effects{}, asked: map[string]string{}, expected: map[string]int{}, refusable: map[int]int{}, zone: s.quietZone(t)}
	w := &world{T: t, setting: s, surroundings: u, room: roomA, hero: "zhangsan", patience: patience}
	u.platform = dianpingtest.New(dianpingtest.Options{
		AppKey: secrets["DIANPING_APP_KEY"], AppSecret: secrets["DIANPING_APP_SECRET"],
		DeveloperID: secrets["MEITUAN_DEVELOPER_ID"], SignKey: secrets["MEITUAN_SIGN_KEY"],
		UndoWindow: s.platformWindow, KeepRequests: 1 << 16, Now: s.now(&u.shopTime),
	})
	shops := httptest.NewServer(u.platform)
	t.Cleanup(shops.Close)
	t.Cleanup(u.platform.Close)
	for shop, token := range map[string]string{shopA: secrets["SESSION_A"], shopB: sessionB} {
		w.must(u.platform.AddShop(dianpingtest.Shop{ID: shop}))
		if s.dialect != douyin {
			w.must(u.platform.AddSession(dianpingtest.Session{Token: token, Dialect: s.dialect, Shops: []string{shop}}))
		}
	}
	douyinURL := w.openDouyin()
	w.openMarkets()

	opt := wecomtest.Options{
		Now:       s.now(&u.ahead),
		Apps:      []wecomtest.App{{Name: "main", AgentID: 1000002, TrustedDomain: strings.TrimPrefix(publicURL, "https://")}},
		Robots:    []wecomtest.Robot{{Name: "group", DisplayName: "验券", LongConnection: s.socket}},
		Webhooks:  []wecomtest.Webhook{{Name: "日报", Key: secrets["WECOM_WEBHOOK_KEY"], Group: roomManagers}},
		PollEvery: 200 * time.Millisecond,
		// Whether an answer comes in time is judged by the program's log: here the time
		// counts in which the test's own process does not get to run.
		CallbackTimeout: patience,
		VerifyTimeout:   patience,
		// The pages say that a long connection shows no cards in groups, some projects
		// that it does.
		GroupCards: wecomtest.GroupCards{Respond: true, Push: true},
	}
	// Clients and pages of the manual differ in these; each cell has a mix of its own.
	if s.driver == models.MySQL {
		opt.MentionSeparator = "\u2005"
	}
	opt.CardEvents = map[string]wecomtest.CardEventForm{
		"dianping" + models.MySQL: wecomtest.FlatEvent, "meituan" + models.SQLite: wecomtest.JoinedEvent,
	}[string(s.dialect)+s.driver]
	var all, rooms []string
	for id, name := range people {
		opt.Users = append(opt.Users, wecomtest.User{ID: id, Name: name})
		all, rooms = append(all, id), append(rooms, room(id))
	}
	for _, id := range append([]string{roomA, roomBoth, roomStray, roomC, roomManagers}, rooms...) {
		opt.Groups = append(opt.Groups, wecomtest.Group{ID: id, Name: id, Members: all, Robots: []string{"group"}})
	}
	u.wecom = wecomtest.New(opt)
	api := httptest.NewServer(u.wecom)
	t.Cleanup(api.Close)
	t.Cleanup(u.wecom.Close)
	u.wecom.SetAPIURL(api.URL)
	u.wecom.Run()

	app, _ := u.wecom.App("main")
	robot, _ := u.wecom.Robot("group")
	for k, v := range secrets {
		u.env = append(u.env, k+"="+v)
	}
	u.env = append(u.env, "WECOM_APP_SECRET="+app.Secret, "WECOM_APP_TOKEN="+app.Token, "WECOM_APP_AES_KEY="+app.EncodingAESKey,
		"WECOM_BOT_TOKEN="+robot.Token, "WECOM_BOT_AES_KEY="+robot.EncodingAESKey, "WECOM_BOT_SECRET="+robot.Secret)

	dir := t.TempDir()
	var dsn string
	if s.ownServer {
		server := modelstest.NewServer(t)
		u.dsn, dsn = server.AdminDSN(), server.DSN()
	} else {
		u.dsn = databases[s.driver][s.empty || s.former != nil](t)
		dsn = u.dsn
	}
	if s.proxied {
		u.proxy, dsn = modelstest.NewProxy(t, dsn)
	}
	s.undoWindow, s.callTimeout = cmp.Or(s.undoWindow, "10m"), cmp.Or(s.callTimeout, defaultCallTimeout)
	var text strings.Builder
	w.must(configText.Execute(&text, map[string]any{
		"Driver": s.driver, "DSN": dsn, "Zone": u.zone.String(), "WeComURL": api.URL, "CorpID": app.CorpID,
		"Hook": s.hook, "Socket": s.socket, "SocketURL": u.wecom.SocketURL(), "BotID": robot.ID,
		"Host": fakeserver.Host(), "PublicURL": publicURL, "PlatformURL": shops.URL, "UndoWindow": s.undoWindow, "CallTimeout": s.callTimeout, "ReplyDeadline": cmp.Or(s.replyDeadline, "1500ms"), "Platform": string(s.dialect), "Session": s.dialect != douyin, "Also": string(s.also), "Empty": s.empty, "Watch": cmp.Or(s.watch, unwatched), "Rooms": rooms, "Staff": crowd, "Names": people,
		"SessionFile": filepath.Join(dir, "session-b"), "DouyinURL": douyinURL, "DouyinAccount": douyintest.DefaultAccount,
		"ReportAt": s.now(&atomic.Int64{})().In(u.zone).Add(12 * time.Hour).Format("15:04"), // not while the test runs
	}))
	u.config = filepath.Join(dir, "config.yaml")
	w.must(os.WriteFile(u.config, []byte(text.String()), 0o600))
	w.must(os.WriteFile(filepath.Join(dir, "session-b"), []byte(sessionB+"\n"), 0o600))

	t.Cleanup(func() { // after the process has ended
		if t.Failed() {
			t.Log(w.unsent())
		}
		for i, p := range u.logs {
			if t.Failed() {
				t.Logf("warnings and errors of start %d:\n%s", i+1, tailOf(complaints(p.stderr.String()), 12<<10))
			}
		}
	})
	if s.former != nil {
		w.inherit()
	}
	switch {
	case s.former != nil && s.former.program != "":
		w.start(s.former.program)
	case s.here:
		w.serve(w.inside(0))
	case s.failpoint != "":
		w.start(builtProgram(t, "failpoints"), failpoint.Env+"="+s.failpoint)
	default:
		w.start(builtProgram(t, ""))
	}
	return w
}

// openMarkets are those of the accounts that stores have.
func (w *world) openMarkets() {
	for _, d := range []dianpingtest.Dialect{w.dialect, w.also} {
		switch d {
		case "":
		case douyin:
			w.markets = append(w.markets, laike{w.douyin})
		default:
			w.markets = append(w.markets, generation{w.platform, d})
		}
	}
}

// databases are, by driver, those for a world in which nothing was set up yet, and the
// others, in which the tables are there.
var databases = map[string]map[bool]func(testing.TB) string{
	models.SQLite: {true: modelstest.SQLiteDSN, false: modelstest.MigratedSQLiteDSN},
	models.MySQL:  {true: modelstest.MySQLDSN, false: modelstest.MigratedMySQLDSN},
}

// now is the time of a part of the world whose clock is ahead.
func (s setting) now(ahead *atomic.Int64) func() time.Time {
	now := time.Now
	if s.clock != nil {
		now = s.clock.Now
	}
	return func() time.Time { return now().Add(time.Duration(ahead.Load())) }
}

// quietZone is a time zone in which no day ends while the test runs, unless that is
// what its clock is there for.
func (s setting) quietZone(t *testing.T) *time.Location {
	t.Helper()
	var zone *time.Location
	if s.afternoon {
		for offset := -12; offset <= 12; offset++ {
			var err error
			if zone, err = time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", offset)); err != nil {
				t.Fatal(err)
			}
			if h := time.Now().In(zone).Hour(); h >= 13 && h < 22 {
				break
			}
		}
		return zone
	}
	for _, name := range []string{"Asia/Shanghai", "Asia/Tokyo"} {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			t.Fatal(err)
		}
		now := time.Now().In(zone)
		if s.clock != nil || now.Day() == now.Add(time.Hour).Day() {
			break
		}
	}
	return zone
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// in is the same world, people being in another group.
func (w *world) in(room string) *world {
	next := *w
	next.room = room
	return &next
}

// chapter is a part of the script, with a hero of its own.
func (w *world) chapter(name string, do func(w *world)) {
	w.mu.Lock()
	w.chapters++
	hero := hero(w.chapters)
	w.mu.Unlock()
	w.together(map[string]func(*world){name: func(w *world) {
		w.hero = hero
		do(w.own(hero))
	}})
}

// own is the same world in a group of somebody's own where the robot has a long
// connection: there a conversation takes 30 messages a minute, answers included.
func (w *world) own(user string) *world {
	if w.socket && w.room != private {
		return w.in(room(user))
	}
	return w
}

// together does several things at the same time. Subtests are run from
// goroutines rather than by t.Parallel, whose limit is for tests that compute:
// these wait.
func (w *world) together(parts map[string]func(w *world)) {
	var wg sync.WaitGroup
	for name, do := range parts {
		wg.Go(func() {
			w.Run(name, func(t *testing.T) {
				part := *w
				part.T = t
				do(&part)
			})
		})
	}
	wg.Wait()
}

// patience bounds every wait but those for what a killed process left, see
// [world.afterDeath]; what the contract promises is mostly far less.
// Under the race detector everything takes several times as long.
var patience = func() time.Duration {
	if race.Enabled {
		return 2 * time.Minute
	}
	return 40 * time.Second
}()

func (w *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(w.patience, patience))
	w.Cleanup(cancel)
	return ctx
}

// unsent lists the answers and notices that the database still holds back.
func (w *world) unsent() string {
	db, err := sql.Open(w.driver, w.dsn)
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	rows, err := db.Query("SELECT conversation, seq, channel, user_id, form, state, attempt, COALESCE(due_at, ''), reason, created_at FROM outbox WHERE state <> 'sent' ORDER BY created_at")
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	list := "not sent at " + time.Now().UTC().Format(time.RFC3339) + ":"
	for rows.Next() {
		row := make([]string, 10)
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err.Error()
		}
		list += "\n" + strings.Join(row, " ")
	}
	return list
}

// complaints are the lines of a log that are worth reading.
func complaints(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=INFO") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func tailOf(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
