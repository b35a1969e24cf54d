package doctor

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/bot/chat"
	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
	"yanquan/models"
	"yanquan/models/modelstest"
)

const testKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// world is an installation with everything around it.
type world struct {
	wecom    *wecomtest.WeCom
	app      wecomtest.App
	robot    wecomtest.Robot
	platform *dianpingtest.Platform
	wecomURL string
	shopURL  string
	dir      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	w.wecom = wecomtest.New(wecomtest.Options{
		VerifyTimeout: time.Minute,
		Apps:          []wecomtest.App{{Name: "main", AgentID: 1000002}},
		Robots:        []wecomtest.Robot{{Name: "group"}, {Name: "long", LongConnection: true}},
	})
	w.app, _ = w.wecom.App("main")
	w.robot, _ = w.wecom.Robot("group")
	api := httptest.NewServer(w.wecom)
	t.Cleanup(api.Close)
	t.Cleanup(w.wecom.Close)
	w.platform = dianpingtest.New(dianpingtest.Options{AppKey: "k", AppSecret: "s", DeveloperID: "1", SignKey: "m"})
	shop := httptest.NewServer(w.platform)
	t.Cleanup(shop.Close)
	t.Cleanup(w.platform.Close)
	w.platform.AddShop(dianpingtest.Shop{ID: "shop-1"})
	w.platform.AddSession(dianpingtest.Session{Token: "t", Dialect: dianpingtest.Dianping, Shops: []string{"shop-1"}})
	w.wecomURL, w.shopURL = api.URL, shop.URL
	return w
}

// config writes the file; edit changes its text.
func (w *world) config(t *testing.T, publicURL string, edit ...string) string {
	t.Helper()
	text := fmt.Sprintf(`
secret_key: %s
server: {public_url: '%s'}
database: {dsn: '%s'}
wecom:
  api_url: '%s'
  corp_id: '%s'
  apps: [{name: main, agent_id: %d, secret: '%s', token: '%s', encoding_aes_key: '%s'}]
  bots: [{name: group, token: '%s', encoding_aes_key: '%s'}]
dianping: {api_url: '%s', app_key: k, app_secret: s}
stores: [{name: 人民广场店, platform: dianping, shop_id: shop-1, session: t, chats: [wrA], staff: [{userid: zhangsan}]}]
`, testKey, publicURL, filepath.Join(w.dir, "yanquan.db"), w.wecomURL, w.app.CorpID, w.app.AgentID, w.app.Secret, w.app.Token, w.app.EncodingAESKey,
		w.robot.Token, w.robot.EncodingAESKey, w.shopURL)
	text = strings.NewReplacer(edit...).Replace(text)
	f, err := os.CreateTemp(w.dir, "config-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// serve runs the bot itself and gives its address.
func (w *world) serve(t *testing.T, edit ...string) string {
	t.Helper()
	ln, err := net.Listen("tcp", fakeserver.Host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(w.config(t, "", edit...), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- app.Run(ctx, cfg, app.Options{Listener: ln, Ready: func(url string) { ready <- url }})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case url := <-ready:
		return url
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	return ""
}

func check(t *testing.T, path string, o Options) (bool, string) {
	t.Helper()
	var out bytes.Buffer
	fine := Run(t.Context(), &out, path, os.LookupEnv, o)
	text := out.String()
	if fine == strings.Contains(text, "✗") {
		t.Errorf("verdict %v with:\n%s", fine, text)
	}
	for line := range strings.Lines(text) {
		switch {
		case !strings.HasPrefix(line, "✓ ") && !strings.HasPrefix(line, "✗ ") && !strings.HasPrefix(line, "! "):
			t.Errorf("without a mark: %s", line)
		case !strings.HasPrefix(line, "✓ ") && !strings.Contains(line, " — "):
			t.Errorf("does not say what to do: %s", line)
		}
	}
	return fine, text
}

func TestAllWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	fine, text := check(t, w.config(t, url), Options{})
	if !fine {
		t.Errorf("not fine:\n%s", text)
	}
	for _, want := range []string{
		"configuration: ", "answers and takes changes", "migrations: up to date", "clock: agrees with dianping", "clock: agrees with wecom",
		"wecom app main: access token fetched", "callback " + url + "/wecom/app/main: verified", "callback " + url + "/wecom/bot/group: verified",
		"store 人民广场店 (dianping): access is good",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	for _, secret := range []string{w.app.Secret, w.app.Token, w.app.EncodingAESKey, w.robot.Token, testKey} {
		if strings.Contains(text, secret) {
			t.Errorf("shows %q:\n%s", secret, text)
		}
	}
}

// nowhere is a network in which nobody is found.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

// Links that people get in the clear are worth a word, but for trying on this machine.
func TestLinksInTheClear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for public, want := range map[string]bool{"http://yanquan.example.com": true, "https://yanquan.example.com": false, "http://127.0.0.1:1": false} {
		_, text := check(t, w.config(t, public), Options{HTTP: &http.Client{Transport: nowhere{}}})
		if got := strings.Contains(text, "! configuration: server.public_url is http://"); got != want {
			t.Errorf("%s: told %v:\n%s", public, got, text)
		}
	}
}

// Secrets that others can read are worth a word.
func TestPrivateSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.config(t, "https://yanquan.example.com")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: true, 0o604: true} {
		secrets := filepath.Join(w.dir, config.DotEnv)
		if err := errors.Join(os.WriteFile(secrets, []byte("A=hush\n"), 0o600), os.Chmod(secrets, mode)); err != nil {
			t.Fatal(err)
		}
		_, text := check(t, path, Options{HTTP: &http.Client{Transport: nowhere{}}})
		if got := strings.Contains(text, "! configuration: others on this machine can read the secrets in "+secrets+" — chmod 600"); got != want || strings.Contains(text, "hush") {
			t.Errorf("%o: told %v:\n%s", mode, got, text)
		}
	}
}

// So are those that are written out in config.yaml.
func TestSecretsInTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.config(t, "https://yanquan.example.com")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: true, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, text := check(t, path, Options{HTTP: &http.Client{Transport: nowhere{}}})
		if got := strings.Contains(text, "! configuration: others on this machine can read the secrets in "+path+" — write ${NAME} there and the value into .env, or chmod 600 "+path); got != want {
			t.Errorf("%o: told %v:\n%s", mode, got, text)
		}
	}
}

// A file that is not UTF-8 is told by its line, and what to do.
func TestFileInGBK(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("# a\nsecret_key: x # \xc8\xcb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, text := check(t, path, Options{}); !strings.Contains(text, path+":2: this is not UTF-8 text (GBK?): save the file as UTF-8") {
		t.Error(text)
	}
}

// Nothing runs yet: what can be checked is checked, and nothing is created.
func TestBeforeTheFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.config(t, "http://127.0.0.1:1")
	_, text := check(t, path, Options{})
	for _, want := range []string{
		"✓ database: " + filepath.Join(w.dir, "yanquan.db") + " does not exist yet",
		"✗ callback http://127.0.0.1:1/wecom/app/main: no answer", "is serve running",
		"✓ platform: store 人民广场店",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "yanquan.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("doctor created the database: %v", err)
	}
}

var clockSaid = regexp.MustCompile(`✗ clock: (\S+)`)

func TestFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	otherKey := "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="
	tests := []struct {
		name      string
		edit      []string
		skew      time.Duration
		want, fix string
	}{
		{"configuration", []string{"corp_id:", "corpid:"}, 0, "configuration: ", "correct this line"},
		{"database key", []string{testKey, otherKey}, 0, "✗ database: ", "give back the secret_key"},
		{"database folder", []string{"yanquan.db", "none/yanquan.db"}, 0, "✗ database: ", "create the folder"},
		{"database unreachable", []string{"dsn: '" + filepath.Join(w.dir, "yanquan.db"), "driver: mysql, dsn: 'u:hunter2@tcp(127.0.0.1:1)/x"}, 0, "✗ database: u:********@tcp(127.0.0.1:1)/x", "start the database"},
		{"clock ahead", nil, 2 * time.Minute, "ahead of dianping", "NTP"},
		{"clock behind", nil, -2 * time.Minute, "behind wecom", "NTP"},
		{"platform unreachable", []string{"api_url: '" + w.shopURL, "api_url: 'http://127.0.0.1:1"}, 0, "✗ network: dianping does not answer", "firewall"},
		{"wrong secret", []string{w.app.Secret, "wrong-secret"}, 0, "✗ wecom app main: no access token: errcode 40001", "check corp_id, and the Secret"},
		{"wrong corp", []string{"corp_id: '" + w.app.CorpID, "corp_id: 'wwother"}, 0, "✗ wecom app main: no access token", "check corp_id"},
		{"another token than serve", []string{w.robot.Token, "othertoken"}, 0, "✗ callback " + url + "/wecom/bot/group: answers 401", "restart it"},
		{"another name than serve", []string{"name: group", "name: other"}, 0, "✗ callback " + url + "/wecom/bot/other: answers 404", "another configuration"},
		{"no public url", []string{"public_url: '" + url, "public_url: '"}, 0, "✗ callback: server.public_url is not set", "set server.public_url"},
		{"wrong platform keys", []string{"app_secret: s", "app_secret: x"}, 0, "✗ platform: store 人民广场店", "check the keys in dianping:"},
		{"nothing to do", []string{"stores: [{name: 人民广场店, platform: dianping, shop_id: shop-1, session: t, chats: [wrA], staff: [{userid: zhangsan}]}]", "", "dianping: {api_url: '" + w.shopURL + "', app_key: k, app_secret: s}", "", "yanquan.db", "new.db"}, 0, "there is no platform to verify at", "add the section"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fine, text := check(t, w.config(t, url, tt.edit...), Options{Now: func() time.Time { return time.Now().Add(tt.skew) }})
			if said := clockSaid.FindStringSubmatch(text); tt.skew != 0 { // dates are told in seconds
				if off, err := time.ParseDuration(append(said, "", "")[1]); err != nil || (off-tt.skew.Abs()).Abs() > time.Second {
					t.Errorf("%s off, %v", off, err)
				}
			}
			if fine || !strings.Contains(text, tt.want) || !strings.Contains(text, tt.fix) {
				t.Errorf("want %q and %q:\n%s", tt.want, tt.fix, text)
			}
			if strings.Contains(text, "hunter2") || strings.Contains(text, "wrong-secret") {
				t.Errorf("shows a secret:\n%s", text)
			}
		})
	}
}

func TestUntrustedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	w.wecom.SetTrustedIPs([]string{"203.0.113.9"})
	fine, text := check(t, w.config(t, url), Options{})
	if fine || !strings.Contains(text, "60020") || !strings.Contains(text, "add 127.0.0.1 in the console") || !strings.Contains(text, "企业可信IP") {
		t.Errorf("got:\n%s", text)
	}
}

func TestVoidSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	if err := w.platform.ExpireSession("t"); err != nil {
		t.Fatal(err)
	}
	fine, text := check(t, w.config(t, url), Options{})
	if fine || !strings.Contains(text, "✗ platform: store 人民广场店") || !strings.Contains(text, "authorise again") {
		t.Errorf("got:\n%s", text)
	}
}

// memory is the database of the installation.
func (w *world) memory(t *testing.T, path string) *models.DB {
	t.Helper()
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	db, err := app.OpenDB(t.Context(), cfg, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// What was authorised from the chat says how long it lasts, and is renewed there.
func TestAuthorisations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.config(t, w.serve(t))
	db := w.memory(t, path)
	now := time.Now()
	for i, tt := range []struct {
		grant models.Grant
		want  []string
	}{
		{models.Grant{RefreshToken: "r", RefreshesLeft: 12, ExpiresAt: now.Add(20 * 24 * time.Hour)}, []string{"✓ authorisation: that of store S0 renews itself"}},
		{models.Grant{ExpiresAt: now.Add(20*24*time.Hour + time.Hour)}, []string{"✓ authorisation: that of store S1 lasts until ", "20 days"}},
		{models.Grant{ExpiresAt: now.Add(3*24*time.Hour + time.Hour)}, []string{"! authorisation: that of store S2 ends on ", "in 3 days", "text 授权"}},
	} {
		g, shop := tt.grant, fmt.Sprint("uuid-", i)
		g.ID, g.Platform, g.Purpose, g.CustomerID, g.AuthorizedBy, g.AuthorizedAt = shop, dianping.Dianping, string(dianping.ForVouchers), shop, "boss", now
		g.AccessToken = "token-" + shop
		saved, err := db.Grants.Save(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Accounts.LinkGrant(t.Context(), saved, 0, []models.GrantShop{{ShopID: shop, Name: fmt.Sprint("S", i)}}); err != nil {
			t.Fatal(err)
		}
		_, text := check(t, path, Options{})
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "token-"+shop) {
			t.Errorf("shows a token:\n%s", text)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "platform: store S") && !strings.Contains(line, "text 授权") {
				t.Errorf("does not say that the chat renews it: %s", line)
			}
		}
	}
}

// What cannot be renewed any more.
func TestAuthorisationsInTrouble(t *testing.T) {
	now := time.Now()
	for want, g := range map[string]models.Grant{
		"✗ authorisation: that of store S cannot be renewed (refresh_spent); it ends on ":                                                        {RefreshToken: "r", RefreshesLeft: 12, ExpiresAt: now.Add(49 * time.Hour), Reason: "refresh_spent"},
		"✗ authorisation: that of store S has ended (unbound) — let a manager text 授权":                                                           {Ended: true, Reason: "unbound"},
		"✗ authorisation: that of store S cannot be renewed (other); it ended on ":                                                               {RefreshToken: "r", RefreshesLeft: 12, ExpiresAt: now.Add(-73 * time.Hour), Reason: "other"},
		"✗ authorisation: that of store S is refused by the platform, and was not renewed (other); serve goes on trying — let a manager text 授权": {RefreshToken: "r", RefusedAt: now, Reason: "other"},
		"✗ authorisation: that of store S is refused by the platform — let a manager text 授权":                                                    {ExpiresAt: now.Add(time.Hour), RefusedAt: now},
		"! authorisation: that of store S was not renewed at the last try (timeout) — serve goes":                                                {RefreshToken: "r", Reason: "timeout"},
	} {
		var out bytes.Buffer
		c := &checker{w: &out, fine: true, now: func() time.Time { return now }, cfg: config.Default()}
		storeCheck{c}.authorisation(store{name: "S", grant: &g})
		if !strings.HasPrefix(out.String(), want) || c.fine != strings.HasPrefix(want, "!") {
			t.Errorf("%v %s, want %s", c.fine, &out, want)
		}
	}
}

// How long it lasts is told in a unit that says something, also of the past.
func TestAuthorisationEnds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for left, want := range map[time.Duration][2]string{
		10*24*time.Hour + time.Second: {"✓ authorisation: that of store S lasts until ", ", 10 days"},
		73 * time.Hour:                {"! authorisation: that of store S ends on ", ", in 3 days"},
		47*time.Hour + time.Minute:    {"! authorisation: that of store S ends on ", ", in 47 hours"},
		119 * time.Minute:             {"! authorisation: that of store S ends on ", ", in 119 minutes"},
		119 * time.Second:             {"! authorisation: that of store S ends on ", ", in 119 seconds"},
		0:                             {"✗ authorisation: that of store S ended on ", ", 0 seconds ago"},
		-5 * time.Hour:                {"✗ authorisation: that of store S ended on ", ", 5 hours ago"},
		-73 * time.Hour:               {"✗ authorisation: that of store S ended on ", ", 3 days ago"},
	} {
		var out bytes.Buffer
		c := &checker{w: &out, fine: true, now: func() time.Time { return now }, cfg: config.Default()}
		storeCheck{c}.authorisation(store{name: "S", grant: &models.Grant{ExpiresAt: now.Add(left)}})
		if line := out.String(); !strings.HasPrefix(line, want[0]) || !strings.Contains(line, want[1]) || c.fine == strings.HasPrefix(line, "✗") {
			t.Errorf("%s: %v %s, want %q", left, c.fine, line, want)
		}
	}
}

// Stores, groups and people that lead nowhere are pointed out, and are no failure.
func TestLooseEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	db := w.memory(t, w.config(t, url))
	if err := db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: "dianping", ShopID: "shop-1", Name: "人民广场店", Session: "t"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Alerts.Claim(t.Context(), chat.NameHint("bot/group"), time.Hour); err != nil {
		t.Fatal(err)
	}
	path := w.config(t, url)
	fine, text := check(t, path, Options{})
	if !fine {
		t.Errorf("a failure:\n%s", text)
	}
	if want := "! robot group: a text that begins with a mention was not understood on "; strings.Count(text, want) != 1 {
		t.Errorf("not once %q:\n%s", want, text)
	}
	for _, want := range []string{"! groups: no group works for 人民广场店 — text 绑定", "! people: nobody but managers may verify in 人民广场店 — let staff text 我是"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	_, text = check(t, w.config(t, url, "secret_key:", "access: group\nsecret_key:"), Options{})
	if strings.Contains(text, "nobody but managers") {
		t.Errorf("in a group everybody may:\n%s", text)
	}
	if got := some(strings.Split("a b c d e f g", " ")); got != "a, b, c, d, e and 2 more" {
		t.Errorf("some: %s", got)
	}
}

// What a platform calls a store does not steer the terminal, nor begin a line.
func TestHostileStoreName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve(t)
	db := w.memory(t, w.config(t, url))
	if err := db.Directory.Sync(t.Context(), []models.ConfiguredStore{{Platform: "dianping", ShopID: "shop-1", Name: "店\x1b[2J\u202e\n✓ x", Session: "t"}}); err != nil {
		t.Fatal(err)
	}
	_, text := check(t, w.config(t, url), Options{})
	if want := `for 店\u001b[2J\u202e\n✓ x`; !strings.Contains(text, want) || strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("lacks %q:\n%q", want, text)
	}
}

// A server's clock and settings are looked at.
func TestDatabaseServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn := "driver: mysql, dsn: '" + modelstest.MySQLDSN(t)
	path := w.config(t, "http://127.0.0.1:1", "dsn: '"+filepath.Join(w.dir, "yanquan.db"), dsn)
	for skew, want := range map[time.Duration]string{
		0: "✓ clock: agrees with the database server", 2 * time.Minute: "✗ clock: 2m0s ahead of the database server", -2 * time.Minute: "✗ clock: 2m0s behind the database server",
	} {
		_, text := check(t, path, Options{Now: func() time.Time { return time.Now().Add(skew) }})
		for _, want := range []string{want, "✓ database: version ", "texts in utf8mb4 (its default is latin1), times in UTC (its zone is "} {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q:\n%s", want, text)
			}
		}
	}
}

// How many connections the account and the server admit is told, and is little where a
// process would take more.
func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn := modelstest.MySQLDSN(t)
	admin, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	exec := func(q string) {
		t.Helper()
		if _, err := admin.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	own, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	own.User, own.Passwd = "few_"+own.DBName[len(own.DBName)-20:], "x"
	exec("CREATE USER '" + own.User + "'@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 20")
	t.Cleanup(func() { exec("DROP USER '" + own.User + "'@'%'") })
	exec("GRANT ALL ON " + own.DBName + ".* TO '" + own.User + "'@'%'")
	for _, c := range []struct{ dsn, more, want string }{
		{own.FormatDSN(), "", "! database: the account admits 20 connections, and each process takes up to 36 — raise the account's MAX_USER_CONNECTIONS"},
		{own.FormatDSN(), ", connections: 19", "✓ database: the account admits 20 connections, and each process takes up to 19"},
		{dsn, ", connections: 1000", "! database: it admits 500 connections, and each process takes up to 1000"},
		{dsn, "", "✓ database: it admits 500 connections, and each process takes up to 36"},
	} {
		path := w.config(t, "http://127.0.0.1:1", "dsn: '"+filepath.Join(w.dir, "yanquan.db")+"'", "driver: mysql, dsn: '"+c.dsn+"'"+c.more)
		if _, text := check(t, path, Options{}); !strings.Contains(text, c.want) {
			t.Errorf("lacks %q:\n%s", c.want, text)
		}
	}
}

// What can stand between WeCom and serve.
func TestProxies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.serve(t)
	var clock atomic.Int64
	pass := func(change func(rw http.ResponseWriter, status int, body string)) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			resp, err := http.Get(target + r.URL.RequestURI())
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			var body bytes.Buffer
			body.ReadFrom(resp.Body)
			change(rw, resp.StatusCode, body.String())
		}
	}
	for name, tt := range map[string]struct {
		handler   http.HandlerFunc
		want, fix string
	}{
		"newline":    {pass(func(rw http.ResponseWriter, _ int, body string) { fmt.Fprintln(rw, body) }), "something around it", "white space"},
		"other text": {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "welcome") }, "another text", "something else answers"},
		"redirect": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "https://other/", http.StatusMovedPermanently)
		}, "redirects to https://other/", "final address"},
		"bad gateway": {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(502) }, "answers 502", "does not reach serve"},
		"error":       {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) }, "answers 500", "log of serve"},
		"slow": {pass(func(rw http.ResponseWriter, _ int, body string) {
			clock.Add(int64(1200 * time.Millisecond))
			fmt.Fprint(rw, body)
		}), "took ", "WeCom waits 1 s"},
	} {
		proxy := httptest.NewServer(tt.handler)
		fine, text := check(t, w.config(t, proxy.URL), Options{Now: func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }})
		proxy.Close()
		if fine || !strings.Contains(text, tt.want) || !strings.Contains(text, tt.fix) {
			t.Errorf("%s: want %q and %q:\n%s", name, tt.want, tt.fix, text)
		}
	}
}

// Each account of a store has a line, which says of which platform it is.
func TestAccountsOfAStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform.AddShop(dianpingtest.Shop{ID: "shop-2"})
	w.platform.AddSession(dianpingtest.Session{Token: "t2", Dialect: dianpingtest.Meituan, Shops: []string{"shop-2"}})
	edit := []string{
		"dianping: {api_url", "meituan: {api_url: '" + w.shopURL + "', developer_id: '1', sign_key: m}\ndianping: {api_url",
		"session: t, chats", "session: t, accounts: [{platform: meituan, shop_id: shop-2, session: t2}], chats",
	}
	good := []string{"✓ platform: store 人民广场店 at dianping (dianping): access is good", "✓ platform: store 人民广场店 at meituan (meituan): access is good"}
	_, text := check(t, w.config(t, "http://127.0.0.1:1", edit...), Options{})
	url := w.serve(t, edit...)
	edit[3] = strings.ReplaceAll(edit[3], "session: t2", "session: gone")
	_, served := check(t, w.config(t, url, edit...), Options{})
	for _, want := range good {
		if !strings.Contains(text, want) || !strings.Contains(served, want) {
			t.Errorf("no %q in\n%s\nor in\n%s", want, text, served)
		}
	}
	w.platform.RevokeSession("t2")
	if _, text := check(t, w.config(t, url, edit...), Options{}); !strings.Contains(text, "✗ platform: store 人民广场店 at meituan: ") {
		t.Errorf("a session that is gone:\n%s", text)
	}
}
