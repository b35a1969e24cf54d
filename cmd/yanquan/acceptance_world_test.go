package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// The acceptance test looks at the program from outside only: the config file
// and the environment, what the fake WeCom shows on people's screens, and the
// ledger of the fake platform. It never opens the database.

// built is the program as it is shipped, made once.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func builtProgram(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "yanquan-built-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(built.dir, "yanquan"), ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "yanquan")
}

// removeBuilt is called by TestMain.
func removeBuilt() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// setting is a cell of the matrix and what a test changes in the config.
type setting struct {
	dialect dianpingtest.Dialect
	driver  string // models.SQLite or models.MySQL
	group   bool   // people talk to the robot in a group; else 1:1 to the app

	undoWindow     string        // redeem.undo_window; "10m" where empty
	platformWindow time.Duration // of the platform's own undo; ten minutes where zero
	proxied        bool          // reach the database through world.proxy
}

func (s setting) String() string {
	channel := "app"
	if s.group {
		channel = "group"
	}
	return fmt.Sprintf("%s/%s/%s", s.dialect, s.driver, channel)
}

// world is one program with its surroundings. Copies share everything but t.
type world struct {
	*testing.T
	setting
	*surroundings
	room string // where people say things, if it is a group
	hero string // who does most of it
}

type surroundings struct {
	root     *testing.T // of the whole script: what must outlive a chapter belongs to it
	wecom    *wecomtest.WeCom
	platform *dianpingtest.Platform
	proxy    *modelstest.Proxy
	config   string
	env      []string
	zone     *time.Location
	ahead    atomic.Int64 // how far WeCom's clock is ahead of ours

	mu       sync.Mutex
	chapters int
	program  *process
	logs     []*process         // all that ever ran
	effects  map[string]effects // by code, what must be true of it at the end
	expected map[string]int     // bubbles of the bot by screen

	refusable map[int]int // refusals of WeCom that are to be expected, by errcode
}

// effects of one code in the platform's ledger.
type effects struct{ consumed, undone int }

// newWorld starts the program in its surroundings.
func newWorld(t *testing.T, s setting) *world {
	t.Helper()
	u := &surroundings{root: t, effects: map[string]effects{}, expected: map[string]int{}, refusable: map[int]int{}, zone: quietZone(t)}
	w := &world{T: t, setting: s, surroundings: u, room: roomA, hero: "zhangsan"}
	program := builtProgram(t)

	u.platform = dianpingtest.New(dianpingtest.Options{
		AppKey: secrets["DIANPING_APP_KEY"], AppSecret: secrets["DIANPING_APP_SECRET"],
		DeveloperID: secrets["MEITUAN_DEVELOPER_ID"], SignKey: secrets["MEITUAN_SIGN_KEY"],
		UndoWindow: s.platformWindow, KeepRequests: 1 << 16,
	})
	shops := httptest.NewServer(u.platform)
	t.Cleanup(shops.Close)
	t.Cleanup(u.platform.Close)
	for shop, token := range map[string]string{shopA: secrets["SESSION_A"], shopB: sessionB} {
		w.must(u.platform.AddShop(dianpingtest.Shop{ID: shop}))
		w.must(u.platform.AddSession(dianpingtest.Session{Token: token, Dialect: s.dialect, Shops: []string{shop}}))
	}

	opt := wecomtest.Options{
		Now:       func() time.Time { return time.Now().Add(time.Duration(u.ahead.Load())) },
		Apps:      []wecomtest.App{{Name: "main", AgentID: 1000002}},
		Robots:    []wecomtest.Robot{{Name: "group", DisplayName: "验券"}},
		PollEvery: 200 * time.Millisecond,
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
	for _, id := range append([]string{roomA, roomBoth, roomStray}, rooms...) {
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
		"WECOM_BOT_TOKEN="+robot.Token, "WECOM_BOT_AES_KEY="+robot.EncodingAESKey)

	dir := t.TempDir()
	dsn := filepath.Join(dir, "yanquan.db")
	if s.driver == models.MySQL {
		dsn = modelstest.MySQLDSN(t)
	}
	if s.proxied {
		u.proxy, dsn = modelstest.NewProxy(t, dsn)
	}
	if s.undoWindow == "" {
		s.undoWindow = "10m"
	}
	var text strings.Builder
	w.must(configText.Execute(&text, map[string]any{
		"Driver": s.driver, "DSN": dsn, "Zone": u.zone.String(), "WeComURL": api.URL, "CorpID": app.CorpID,
		"PlatformURL": shops.URL, "UndoWindow": s.undoWindow, "Platform": string(s.dialect), "Rooms": rooms, "Staff": crowd, "Names": people,
		"SessionFile": filepath.Join(dir, "session-b"),
		"ReportAt":    time.Now().In(u.zone).Add(12 * time.Hour).Format("15:04"), // not while the test runs
	}))
	u.config = filepath.Join(dir, "config.yaml")
	w.must(os.WriteFile(u.config, []byte(text.String()), 0o600))
	w.must(os.WriteFile(filepath.Join(dir, "session-b"), []byte(sessionB+"\n"), 0o600))

	t.Cleanup(func() { // after the process has ended
		for i, p := range u.logs {
			if t.Failed() {
				t.Logf("warnings and errors of start %d:\n%s", i+1, tailOf(complaints(p.stderr.String()), 12<<10))
			}
		}
	})
	w.start(program)
	return w
}

// quietZone is a time zone in which no day ends while the test runs.
func quietZone(t *testing.T) *time.Location {
	t.Helper()
	var zone *time.Location
	for _, name := range []string{"Asia/Shanghai", "Asia/Tokyo"} {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			t.Fatal(err)
		}
		now := time.Now().In(zone)
		if now.Day() == now.Add(10*time.Minute).Day() {
			break
		}
	}
	return zone
}

// start starts the program, or starts it again, and tells WeCom where it is.
func (w *world) start(program string) {
	w.Helper()
	p, err := launch(w.root, program, w.env, "serve", "--config", w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.mu.Lock()
	w.program = p
	w.logs = append(w.logs, p)
	w.mu.Unlock()
	w.must(w.wecom.SetCallbackURL(wecomtest.InApp("main", ""), p.url+"/wecom/app/main"))
	w.must(w.wecom.SetCallbackURL(wecomtest.InRobot("group", ""), p.url+"/wecom/bot/group"))
}

func (w *world) url() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.program.url
}

// end sends a signal and waits for the end of the process.
func (w *world) end(sig os.Signal) error {
	w.Helper()
	w.must(w.program.cmd.Process.Signal(sig))
	select {
	case err := <-w.program.exited:
		return err
	case <-time.After(30 * time.Second):
		w.must(w.program.cmd.Process.Signal(syscall.SIGKILL))
		w.Fatalf("still running 30 s after %v", sig)
		return nil
	}
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
		do(w)
	}})
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

// patience bounds every wait; what the contract promises is mostly far less.
const patience = 40 * time.Second

func (w *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.Cleanup(cancel)
	return ctx
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
