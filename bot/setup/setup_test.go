package setup

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/config"
	"yanquan/internal/fakeserver"
	"yanquan/models"
)

// answers are those of a machine that sets everything up.
func (w *world) answers() map[string]string {
	return map[string]string{
		"public_url": w.public, "robot": "url", "app": "yes", "corp_id": w.app.CorpID, "agent_id": fmt.Sprint(w.app.AgentID), "platforms": "[meituan, douyin, dianping]",
		"meituan_developer_id": developerID, "douyin_client_key": clientKey, "douyin_account_id": `"` + account + `"`, "managers": "[boss]",
		"bot_token": w.robot.Token, "bot_aes_key": w.robot.EncodingAESKey, "app_token": w.app.Token, "app_aes_key": w.app.EncodingAESKey, "dianping_app_key": "k",
	}
}

// machine runs with a file of answers.
func (w *world) machine(answers map[string]string, out *watched) error {
	w.Helper()
	var text strings.Builder
	for key, value := range answers {
		fmt.Fprintf(&text, "%s: %s\n", key, value)
	}
	path := filepath.Join(w.TempDir(), "answers.yaml")
	w.must(os.WriteFile(path, []byte(text.String()), 0o600))
	return Run(w.Context(), Options{Dir: w.dir, Lang: w.lang, Answers: path, Out: out, Env: w.lookup})
}

// saves presses 保存 in each console once it is told to.
func (w *world) saves() *watched {
	press := func(name string, do func() error) func() {
		return func() {
			if err := do(); err != nil {
				w.Errorf("saving %s: %v", name, err)
			}
		}
	}
	return &watched{offs: map[string]func(){
		english["bot_callback.save"][:20] + english["bot_callback.save"][20:len(english["bot_callback.save"])-2] + w.public + "/wecom/bot/group\n": press("the robot", func() error { return w.save("bot") }),
		w.public + "/wecom/app/main\n":          press("the app", func() error { return w.save("app") }),
		w.public + "/auth/douyin/notice as the": press("the webhook", func() error { return w.douyin.Subscribe(w.Context(), w.public+"/auth/douyin/notice") }),
	}}
}

// A file of answers is told of where it holds a secret and others can read it.
func TestAnswersOpenToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "answers.yaml")
	for _, c := range []struct {
		text string
		mode os.FileMode
		told bool
	}{
		{"bot_token: Token", 0o644, true}, {"bot_token: Token", 0o640, true}, {"bot_token: Token", 0o600, false},
		{"public_url: " + w.public, 0o644, false}, {"bot_token: '-'", 0o644, false},
	} {
		w.must(os.WriteFile(path, []byte(c.text+"\n"), 0o600))
		w.must(os.Chmod(path, c.mode))
		var out bytes.Buffer
		_ = Run(t.Context(), Options{Dir: t.TempDir(), Lang: "en", Answers: path, Out: &out, Env: w.lookup}) // other answers are missing
		told := strings.Contains(out.String(), "! Others on this machine can read the secrets in "+path+": chmod 600")
		if want := c.told && runtime.GOOS != "windows"; told != want {
			t.Errorf("%q, mode %v: told %v\n%s", c.text, c.mode, told, out.String())
		}
	}
}

// A machine is asked nothing: answers come from a file, secrets from the environment.
func TestAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["WECOM_APP_SECRET"], w.env["MEITUAN_SIGN_KEY"], w.env["DOUYIN_CLIENT_SECRET"], w.env["YANQUAN_INIT_DIANPING_APP_SECRET"] = w.app.Secret, signKey, clientSecret, "s"
	answers := w.answers()
	answers["first_message"] = "true"
	out := w.saves()
	if err := w.machine(answers, out); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.hides("the output", out.String())
	if len(w.wecom.Screen(wecomtest.InApp("main", "boss"))) != 1 {
		t.Error("there is no first message")
	}
	cfg := w.loads()
	if len(cfg.Platforms()) != 3 {
		t.Errorf("platforms %q", cfg.Platforms())
	}
	w.runs(cfg, func() { w.must(w.save("app")) })

	// Another secret does not replace that in .env only because a machine has it.
	var usage Usage
	if err := w.machine(map[string]string{"bot_token": "AnotherToken"}, &watched{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), ".env has another WECOM_BOT_TOKEN: the answer overwrite: yes") {
		t.Errorf("another token: %v", err)
	}
	// The same again finds all as it was, also from the files alone.
	before := w.file("config.yaml") + w.file(".env")
	out = &watched{}
	if err := w.machine(map[string]string{}, out); err != nil || before != w.file("config.yaml")+w.file(".env") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Each answer that is missing is named, and where it could be given.
func TestMissingAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := w.answers()
	answers["skip"] = "[bot_callback, app_callback, douyin_webhook, managers]"
	secrets := map[string]string{"app_secret": w.app.Secret, "meituan_sign_key": signKey, "douyin_client_secret": clientSecret, "dianping_app_secret": "s"}
	for key, value := range secrets {
		answers[key] = value
	}
	for _, key := range []string{"public_url", "robot", "bot_token", "bot_aes_key", "app", "corp_id", "agent_id", "app_secret", "app_token", "app_aes_key", "platforms",
		"meituan_developer_id", "meituan_sign_key", "douyin_client_key", "douyin_client_secret", "dianping_app_key", "dianping_app_secret", "managers"} {
		w.dir = t.TempDir()
		without := map[string]string{}
		for k, v := range answers {
			if k != key {
				without[k] = v
			}
		}
		err := w.machine(without, &watched{})
		var usage Usage
		f := fieldOf(key)
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), fmt.Sprintf("%q", key)) || !strings.Contains(err.Error(), f.env) {
			t.Errorf("without %s: %v", key, err)
		}
	}
}

// wrong is an answer that is not taken, and what is said of it.
type wrong struct{ key, value, want string }

func wrongAnswers(w *world) []wrong {
	return []wrong{
		{"listen", "8080", "Write host:port"},
		{"listen", "本机:8080", "Write host:port"},
		{"public_url", "ftp://x", "Write an address"},
		{"public_url", "http://127.0.0.1:1", "cannot be opened: connection refused"},
		{"public_url", w.wecomURL, "is answered by another program (404)"},
		{"robot", "fax", `no choice "fax"`},
		{"bot_aes_key", "short", "43 letters and digits; this has 5"},
		{"corp_id", "ww0000000000000000", "no such corp (40013)"},
		{"agent_id", "1000009", "AgentId 1000009 is not of this Secret's app (40056)"},
		{"agent_id", "x", "AgentId is a number"},
		{"app_secret", "another-secret", "refuses the Secret (40001)"},
		{"meituan_sign_key", "another-key", "Meituan refuses these keys"},
		{"dianping_app_secret", "another-key", "Dianping refuses these keys"},
		{"douyin_client_secret", "another-key", "Douyin refuses"},
		{"douyin_account_id", `"7000000000000000009"`, "The merchant has not authorised the application"},
		{"managers", "[boss, laoban]", "does not show laoban to the app"},
		{"managers", "boss，Boss", `"Boss" is there twice`},
		{"managers", "[boss, a|b]", `"a|b" is no userid`},
		{"bot_aes_key", "\"" + w.robot.EncodingAESKey[:20] + " " + w.robot.EncodingAESKey[20:] + "\"", "It cannot hold spaces"},
		{"database", "mysql\nmysql_dsn: yanquan", "mysql_dsn: This is no DSN of MySQL"},
		{"nonsense", "1", `there is no answer "nonsense"`},
		{"robot", "{a: b}", "robot must be a value"},
		{"corp_id", "\"ww\\u200b0123456789\"", "holds the character U+200B"},
	}
}

// complete are the answers of a machine for which nothing has to be saved in a console.
func (w *world) complete() map[string]string {
	good := w.answers()
	good["skip"] = "[bot_callback, app_callback, douyin_webhook]"
	good["app_secret"], good["meituan_sign_key"], good["douyin_client_secret"], good["dianping_app_secret"] = w.app.Secret, signKey, clientSecret, "s"
	return good
}

// What a machine has got wrong is an error with the reason, and nothing goes on.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.complete()
	for _, tt := range wrongAnswers(w) {
		w.dir = t.TempDir()
		with := map[string]string{}
		for k, v := range good {
			with[k] = v
		}
		with[tt.key] = tt.value
		listen := w.env[fieldOf("listen").variable()]
		if tt.key == "listen" { // the environment would win
			delete(w.env, fieldOf("listen").variable())
		}
		out := &watched{}
		err := w.machine(with, out)
		w.env[fieldOf("listen").variable()] = listen
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %s: %v\n%s", tt.key, tt.value, err, out)
		}
		if _, err := os.Stat(filepath.Join(w.dir, "config.yaml")); err == nil {
			t.Errorf("%s: %s: config.yaml was written", tt.key, tt.value)
		}
		w.hides(tt.key, fmt.Sprint(err, out))
	}
}

// by runs a dialogue by a pipe.
func (w *world) by(lines ...string) (string, error) {
	w.Helper()
	var out bytes.Buffer
	err := Run(w.Context(), Options{Dir: w.dir, Lang: w.lang, In: strings.NewReader(strings.Join(lines, "\n") + "\n"), Out: &out, Env: w.lookup})
	return out.String(), err
}

// A pipe answers as a person does, and its end stops the dialogue.
func TestByPipe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.by("", "websocket", w.long.ID, w.long.Secret+"x", "", w.long.Secret, "meituan", developerID, signKey, "boss")
	if !errors.Is(err, ErrStopped) || !strings.Contains(out, "✗ WeCom refuses (40001)") || !strings.Contains(out, "run yanquan init again") {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = w.by("", "sqlite", "")
	if err != nil || !strings.Contains(out, "All is set up") {
		t.Fatalf("%v\n%s", err, out)
	}
	w.hides("the output", out)
	w.loads()
}

// What is there is never replaced without asking, and other lines of .env stay.
func TestFilesThatAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	former := "# mine\nsecret_key: " + key + "\nmanagers: [boss]\nmeituan: {developer_id: '" + developerID + "', sign_key: '${SIGN}', api_url: '" + w.shopURL + "', auth_url: '" + w.shopURL + "'}\n"
	w.must(os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(former), 0o644))
	w.must(os.WriteFile(filepath.Join(w.dir, ".env"), []byte("# mine, too\nMYSQL_PASSWORD=x\nSIGN="+signKey), 0o644))
	w.env["YANQUAN_INIT_PUBLIC_URL"] = none
	enter := []string{""} // on with what is there
	out, err := w.by(append(enter, "websocket", w.long.ID, w.long.Secret, "no")...)
	if err != nil || !strings.Contains(out, "config.yaml is there already") || !strings.Contains(out, "was left alone") {
		t.Fatalf("%v\n%s", err, out)
	}
	if w.file("config.yaml") != former || !strings.Contains(w.file("config.new.yaml"), "websocket") {
		t.Error("config.yaml was replaced, or nothing is beside it")
	}
	for _, line := range []string{"# mine, too\nMYSQL_PASSWORD=x\nSIGN=" + signKey + "\n", "MEITUAN_SIGN_KEY=" + signKey + "\n", "YANQUAN_SECRET_KEY=" + key + "\n"} {
		if !strings.Contains(w.file(".env"), line) {
			t.Errorf(".env lacks %q:\n%s", line, w.file(".env"))
		}
	}
	out, err = w.by(append(enter, "yes")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if cfg := w.loads(); cfg.SecretKey != key || cfg.WeCom.Bots[0].Mode != config.ModeWebSocket {
		t.Errorf("config.yaml:\n%s", w.file("config.yaml"))
	}
	old, err := filepath.Glob(filepath.Join(w.dir, "config.yaml.old-*"))
	if err != nil || len(old) != 1 {
		t.Fatalf("copies: %q, %v", old, err)
	}
	if text, _ := os.ReadFile(old[0]); string(text) != former {
		t.Errorf("the copy is %q", text)
	}

	// A machine has to say so.
	err = w.machine(map[string]string{"robot": "none", "managers": "[boss]"}, &watched{})
	var usage Usage
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), `"overwrite"`) {
		t.Errorf("a machine replaces config.yaml: %v", err)
	}
}

// A port that another program has is told, and can be changed or waited for.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ln, err := net.Listen("tcp", w.listen)
	w.must(err)
	defer ln.Close()
	free, err := net.Listen("tcp", fakeserver.Host()+":0")
	w.must(err)
	other := free.Addr().String()
	w.must(free.Close())
	out, err := w.by("", other, "")
	if !errors.Is(err, ErrStopped) || !strings.Contains(out, "✗ "+w.listen+" cannot be listened on: address already in use") || !strings.Contains(out, "✓ Listening on "+other) {
		t.Errorf("%v\n%s", err, out)
	}
}

// MySQL is connected to before it is taken, and its password is a secret.
func TestDatabaseOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["YANQUAN_INIT_PUBLIC_URL"] = none
	out, err := w.by("websocket", w.long.ID, w.long.Secret, "meituan", developerID, signKey, "boss", models.MySQL, "yq:hush-hush@tcp(127.0.0.1:1)/yanquan", "s")
	if !errors.Is(err, ErrNotFine) || !strings.Contains(out, "✗ The database yq:********@tcp(127.0.0.1:1)/yanquan cannot be used") || !strings.Contains(out, "Left for the next run of yanquan init: the database") {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(out+w.file("config.yaml"), "hush") || !strings.Contains(w.file(".env"), "YANQUAN_DATABASE_DSN='") && !strings.Contains(w.file(".env"), "YANQUAN_DATABASE_DSN=yq:hush") {
		t.Errorf("the password is shown, or is not in .env:\n%s\n%s", out, w.file(".env"))
	}
}

// The language is the locale's unless it was said.
func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lang string
		env  map[string]string
		want string
	}{
		{"", map[string]string{"LANG": "zh_CN.UTF-8"}, "验券安装向导"},
		{"", map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "Setting up"},
		{"en", map[string]string{"LANG": "zh_CN.UTF-8"}, "Setting up"},
		{"", map[string]string{"LANG": "C.UTF-8"}, "1 中文  2 English"},
		{"", nil, "1 中文  2 English"},
		{"", map[string]string{"LANG": "en_US.UTF-8"}, "--lang zh\nSetting up"},
	} {
		var out bytes.Buffer
		err := Run(t.Context(), Options{Dir: t.TempDir(), Lang: tt.lang, In: strings.NewReader(""), Out: &out, Env: func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok }})
		if !errors.Is(err, ErrStopped) || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q %v: %v\n%s", tt.lang, tt.env, err, out.String())
		}
	}
	var usage Usage
	if err := Run(t.Context(), Options{Dir: t.TempDir(), Lang: "fr", In: strings.NewReader(""), Out: &bytes.Buffer{}}); !errors.As(err, &usage) {
		t.Error(err)
	}
}

var verb = regexp.MustCompile(`%[a-z]`)

// Both tables have the same keys and take the same values, and every key is used.
func TestWords(t *testing.T) {
	t.Parallel()
	for key, zh := range chinese {
		en, ok := english[key]
		if !ok {
			t.Errorf("there is no English for %s", key)
		} else if len(verb.FindAllString(zh, -1)) != len(verb.FindAllString(en, -1)) {
			t.Errorf("%s takes other values:\n%s\n%s", key, zh, en)
		}
		if strings.TrimSpace(zh) == "" || strings.TrimSpace(en) == "" {
			t.Errorf("%s says nothing", key)
		}
	}
	for key := range english {
		if _, ok := chinese[key]; !ok {
			t.Errorf("there is no Chinese for %s", key)
		}
	}
	for _, f := range fields {
		for _, part := range []string{".ask", ".where"} {
			if _, ok := english[f.key+part]; !ok && !(f.hidden && part == ".where") {
				t.Errorf("there are no words for %s%s", f.key, part)
			}
		}
	}
	var source strings.Builder
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "words_") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	used := source.String()
	for key := range english {
		last := key[strings.LastIndex(key, ".")+1:]
		chosen := slices.Contains(append(platformNames, models.MySQL), last) // by the answer
		if !chosen && !strings.Contains(used, `"`+key+`"`) && !strings.Contains(used, `"`+last+`"`) && last != "ask" && last != "where" && last != "save" {
			t.Errorf("%s is not used", key)
		}
	}
	for _, m := range regexp.MustCompile(`(?:say|good|warn|text|refuse|read)\("([a-z._]+[a-z])"`).FindAllStringSubmatch(used, -1) {
		if _, ok := english[m[1]]; !ok {
			t.Errorf("there are no words for %s", m[1])
		}
	}
}

// packagedConfig is what a package brings: examples, and the folder that its unit may write.
func (w *world) packagedConfig(state string) string {
	return "server: {public_url: 'https://yanquan.example.com'}\ndatabase:\n  driver: sqlite\n  dsn: " + state + "/yanquan.db\nsecret_key: \"${YANQUAN_SECRET_KEY}\"\nmanagers: [example]\nmeituan: {developer_id: '1', sign_key: '${MEITUAN_SIGN_KEY}'}\n"
}

// The unit of a package can write one folder only, so the database stays where the
// config.yaml of the package has it, though that one cannot be loaded yet. Its examples are
// not taken.
func TestPackaged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		former bool // config.yaml
		unit   bool // the folder is the unit's
		file   func(state, dir string) string
		start  string
	}{
		{name: "package", former: true, unit: true, file: func(state, _ string) string { return state }, start: "systemctl enable --now yanquan"},
		{name: "its config.yaml elsewhere", former: true, file: func(state, _ string) string { return state }, start: "systemctl enable --now yanquan"},
		{name: "config.yaml was removed", unit: true, file: func(state, _ string) string { return state }, start: "systemctl enable --now yanquan"},
		{name: "neither", file: func(_, dir string) string { return dir }, start: "yanquan serve --config "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			state := t.TempDir()
			lines := []string{"", "websocket", w.long.ID, w.long.Secret, "meituan", developerID, signKey, "boss", "", ""}
			if tt.former {
				w.must(os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(w.packagedConfig(state)), 0o640))
				w.must(os.WriteFile(filepath.Join(w.dir, ".env"), []byte("YANQUAN_SECRET_KEY=\n"), 0o600))
				lines = append(append([]string{""}, lines...), "replace it.")
			}
			o := unit{config: t.TempDir(), state: state}
			if tt.unit {
				o.config = w.dir
			}
			var out bytes.Buffer
			err := Run(t.Context(), Options{Dir: w.dir, Lang: "en", In: strings.NewReader(strings.Join(lines, "\n") + "\n"), Out: &out, Env: w.lookup, unit: o})
			if err != nil || !strings.Contains(out.String(), "All is set up. Start it: "+tt.start) {
				t.Fatalf("%v\n%s", err, out.String())
			}
			if tt.former != strings.Contains(out.String(), "Its values are not used") || strings.Contains(out.String(), "Its values are used") {
				t.Errorf("what is taken of config.yaml is not told:\n%s", out.String())
			}
			cfg := w.loads()
			if want := filepath.Join(tt.file(state, w.dir), "yanquan.db"); cfg.Database.DSN != want {
				t.Errorf("the database is %s, not %s", cfg.Database.DSN, want)
			}
			if cfg.Server.PublicURL != "" || !slices.Equal(cfg.Managers, []string{"boss"}) || cfg.Meituan.DeveloperID != developerID {
				t.Errorf("examples are taken:\n%s", w.file("config.yaml"))
			}
		})
	}
}

// A wrong choice of the database can be taken back, in the same run and in the next.
func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["YANQUAN_INIT_PUBLIC_URL"] = none
	first := []string{"websocket", w.long.ID, w.long.Secret, "meituan", developerID, signKey, "boss"}
	out, err := w.by(append(first, "2", "nonsense", "2", "s", "2")...)
	if !errors.Is(err, ErrStopped) || strings.Count(out, "✗ This is no DSN of MySQL") != 2 || strings.Contains(out, "s: later") {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = w.by("", "2", "yq:hush@tcp(127.0.0.1:1)/yanquan", "1", "")
	if err != nil || !strings.Contains(out, "✗ The database yq:********@tcp(127.0.0.1:1)/yanquan cannot be used") || !strings.Contains(out, "All is set up") {
		t.Fatalf("%v\n%s", err, out)
	}
	if cfg := w.loads(); cfg.Database.Driver != models.SQLite {
		t.Errorf("config.yaml:\n%s", w.file("config.yaml"))
	}
}

// A check of a way that was given up is not told as left.
func TestPutOffAndGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(os.WriteFile(filepath.Join(w.dir, stateFile), []byte("put_off: [bot_callback]\n"), 0o600))
	out, err := w.by("", "websocket", w.long.ID, w.long.Secret, "meituan", developerID, signKey, "boss", "", "")
	if err != nil || !strings.Contains(out, "All is set up") || strings.Contains(out, "Left for the next run") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The command that starts the bot is one that is found: a program that was built is not
// where a shell looks.
func TestStartsAsItWasCalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["YANQUAN_INIT_PUBLIC_URL"] = none
	lines := []string{"websocket", w.long.ID, w.long.Secret, "meituan", developerID, signKey, "boss", "", ""}
	var out bytes.Buffer
	err := Run(t.Context(), Options{Dir: w.dir, Lang: "en", In: strings.NewReader(strings.Join(lines, "\n") + "\n"), Out: &out, Env: w.lookup, Program: "/src/bin/yanquan"})
	if err != nil || !strings.Contains(out.String(), "Start it: /src/bin/yanquan serve --config "+filepath.Join(w.dir, "config.yaml")) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// Choices are found by what is shown of them, and as a Chinese keyboard writes them.
func TestChoices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key     string
		choices []string
		text    string
		want    string
	}{
		{"robot", []string{"url", "websocket", "none"}, "１", "url"},
		{"robot", []string{"url", "websocket", "none"}, "1.", "url"},
		{"robot", []string{"url", "websocket", "none"}, "url。", "url"},
		{"robot", []string{"url", "websocket", "none"}, "URL", "url"},
		{"robot", []string{"url", "websocket", "none"}, "回调", "url"},
		{"robot", []string{"url", "websocket", "none"}, "URL 回调", "url"},
		{"robot", []string{"url", "websocket", "none"}, "长连接", "websocket"},
		{"robot", []string{"url", "websocket", "none"}, "不要机器人", "none"},
		{"robot", []string{"url", "websocket", "none"}, "公网地址", ""}, // both speak of it
		{"robot", []string{"url", "websocket", "none"}, "。", ""},
		{"app", []string{"yes", "no"}, "好", "yes"},
		{"app", []string{"yes", "no"}, "不要", "no"},
		{"overwrite", []string{"yes", "no"}, "替换", "yes"},
		{"overwrite", []string{"yes", "no"}, "不替换", "no"},
		{"overwrite", []string{"yes", "no"}, "旧的", ""},
		{"first_message", []string{"yes", "no"}, "不发", "no"},
		{"database", []string{"sqlite", "mysql"}, "MySQL", "mysql"},
		{"database", []string{"sqlite", "mysql"}, "mariadb", "mysql"},
	} {
		d := &dialog{words: chinese}
		got, no := d.normal(question{key: tt.key, choices: tt.choices}, tt.text)
		if got != tt.want || (no == nil) != (tt.want != "") {
			t.Errorf("%s: %q is %q (%v), not %q", tt.key, tt.text, got, no, tt.want)
		}
	}
	d := &dialog{words: chinese}
	if got, no := d.normal(question{key: "platforms", choices: platformNames, several: true}, "美团，抖音来客"); got != "meituan,douyin" {
		t.Errorf("platforms: %q (%v)", got, no)
	}
	for key, tt := range map[string][2]string{
		"listen":      {"１２７.0.0.1：18080", "127.0.0.1:18080"},
		"public_url":  {"https：//yanquan。example。com", "https://yanquan.example.com"},
		"agent_id":    {"１０００００２", "1000002"},
		"mysql_dsn":   {"yq:：@tcp(h)/y", "yq:：@tcp(h)/y"}, // a password may hold anything
		"sqlite_file": {"/数据（新）/yanquan.db", "/数据（新）/yanquan.db"},
	} {
		if got, no := d.normal(question{key: key}, tt[0]); got != tt[1] {
			t.Errorf("%s: %q is %q (%v), not %q", key, tt[0], got, no, tt[1])
		}
	}
}
