package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testAES = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func vars(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func load(t *testing.T, text string, env map[string]string) (*Config, error) {
	t.Helper()
	return Load(write(t, text), vars(env))
}

func mustLoad(t *testing.T, text string, env map[string]string) *Config {
	t.Helper()
	cfg, err := load(t, text, env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "secret_key: "+testKey+"\n", nil)
	want := Default()
	want.SecretKey = testKey
	cfg.secretIn = nil // TestExposed is about it
	if diff := cmp.Diff(want, cfg, cmp.AllowUnexported(Config{}), cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if cfg.WeCom != nil || cfg.Dianping != nil || cfg.Meituan != nil || cfg.Report != nil {
		t.Error("an absent section is a feature that is off")
	}
	if cfg.Location().String() != "Asia/Shanghai" || cfg.Database.DSN != "yanquan.db" || cfg.Redeem.UndoWindow != 10*time.Minute {
		t.Errorf("defaults: %s", cfg)
	}
	if key, err := cfg.Key(); err != nil || len(key) != 32 || key[31] != 31 {
		t.Errorf("key %x, %v", key, err)
	}
}

func TestEverySectionKeepsItsDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `secret_key: `+testKey+`
wecom: {corp_id: ww1}
dianping: {app_key: 007, app_secret: s}
meituan: {developer_id: 100120, sign_key: k}
douyin: {client_key: aw1, client_secret: s, account_id: 7000000000000000001}
report: {}
redeem: {call_timeout: 1s}
stores:
  - {name: a, platform: dianping, shop_id: x, session: y, staff: [{userid: ZhangSan}], accounts: [{platform: douyin, shop_id: 7001}]}
  - {name: b, platform: douyin, shop_id: 7002, account_id: 7000000000000000002}
`, nil)
	if got := cfg.WeCom; got.APIURL != "https://qyapi.weixin.qq.com" || got.ReplyDeadline != 4*time.Second || !got.Mention {
		t.Errorf("wecom: %+v", got)
	}
	if got := cfg.Dianping; got.APIURL != "https://openapi.dianping.com" || got.AuthURL != "https://e.dianping.com" || got.AppKey != "007" {
		t.Errorf("dianping: %+v", got)
	}
	if got := cfg.Meituan; got.APIURL != "https://api-open-cater.meituan.com" || got.AuthURL != "https://open-erp.meituan.com" || got.DeveloperID != "100120" {
		t.Errorf("meituan: %+v", got)
	}
	if got := cfg.Douyin; got.APIURL != "https://open.douyin.com" || got.ClientKey != "aw1" || got.AccountID != "7000000000000000001" {
		t.Errorf("douyin: %+v", got)
	}
	if got := [][]Account{cfg.Stores[0].All(), cfg.Stores[1].All()}; !slices.Equal(got[0][1:], []Account{{Platform: "douyin", ShopID: "7001"}}) ||
		!slices.Equal(got[1], []Account{{Platform: "douyin", ShopID: "7002", AccountID: "7000000000000000002"}}) {
		t.Errorf("accounts: %+v", got)
	}
	if cfg.Report == nil || cfg.Report.At != "22:00" {
		t.Errorf("report: %+v", cfg.Report)
	}
	if at, ok := cfg.Reconcile.Nightly(); !ok || at != 3*time.Hour+30*time.Minute {
		t.Errorf("reconcile: %+v", cfg.Reconcile)
	}
	if _, ok := (Reconcile{At: "off"}).Nightly(); ok {
		t.Error("off is a time of day")
	}
	if cfg.Access != "roster" || cfg.Guard != (Guard{UnknownCodes: 10, Within: 10 * time.Minute}) {
		t.Errorf("access %q, guard %+v", cfg.Access, cfg.Guard)
	}
	if cfg.Redeem.CallTimeout != time.Second || cfg.Redeem.UndoWindow != 10*time.Minute {
		t.Errorf("redeem: %+v", cfg.Redeem)
	}
	if diff := cmp.Diff([]Staff{{UserID: "zhangsan", Name: "ZhangSan", Role: "staff"}}, cfg.Stores[0].Staff); diff != "" {
		t.Errorf("staff (-want +got)\n%s", diff)
	}
}

func TestExpansion(t *testing.T) {
	t.Parallel()
	path := write(t, `
# ${NOT_LOOKED_AT} in a comment
secret_key: "${file:secrets/key}"
managers: ["${A}${B}", "pre-${A}-post", "$${A}"]
database:
  dsn: ${DSN}   # ${NOT_LOOKED_AT}
server:
  listen: ${LISTEN}
  public_url: >-
    https://${HOST}
redeem:
  call_timeout: ${TIMEOUT}
wecom: {corp_id: x, apps: [{name: a, agent_id: "${AGENT}", secret: "${A}", token: t, encoding_aes_key: `+testAES+`}]}
`)
	dir := filepath.Dir(path)
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets", "key"), []byte(testKey+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, vars(map[string]string{
		"A": "anna", "B": "-b", "DSN": "x: {y}, managers: [evil] # ${A} ]\n", "LISTEN": ":0", "HOST": "h.example.com/",
		"TIMEOUT": "250ms", "AGENT": "1000002",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"anna-b", "pre-anna-post", "${a}"}, cfg.Managers); diff != "" {
		t.Errorf("managers (-want +got)\n%s", diff)
	}
	if want := "x: {y}, managers: [evil] # ${A} ]"; cfg.Database.DSN != want {
		t.Errorf("YAML in a value must stay text: got %q", cfg.Database.DSN)
	}
	if cfg.Server.Listen != ":0" || cfg.Server.PublicURL != "https://h.example.com" || cfg.Redeem.CallTimeout != 250*time.Millisecond {
		t.Errorf("server %+v redeem %+v", cfg.Server, cfg.Redeem)
	}
	if cfg.WeCom.Apps[0].AgentID != 1000002 {
		t.Errorf("agent id %d", cfg.WeCom.Apps[0].AgentID)
	}
}

// Each row is one mistake; want is what is said about it after the file's name.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const head = "secret_key: " + testKey + "\n" // line 1
	app := func(more string) string {
		return head + "wecom:\n  corp_id: c\n  apps:\n    - {name: main, agent_id: 1, secret: s, token: t, encoding_aes_key: " + testAES + "}\n" + more
	}
	platforms := head + "dianping: {app_key: a, app_secret: b}\n"
	douyin := head + "douyin: {client_key: k, client_secret: s}\n"
	tests := []struct {
		name, text string
		env        map[string]string
		want       string
	}{
		{"empty file", "", nil, `:1: secret_key: is missing`},
		{"not yaml", "a: [1\n", nil, `:1: not valid YAML: .*`},
		{"syntax error on a later line", head + "server:\n\tlisten: x\n", nil, `:3: not valid YAML: .*`},
		{"a scalar", "hello", nil, `:1: must be a section of keys and values`},
		{"two documents", head + "---\n" + head, nil, `:1: not valid YAML: more than one document.*`},
		{"unknown top key", head + "sever: {}\n", nil, `:2: sever: unknown key; known here: .*server.*`},
		{"unknown nested key", head + "server:\n  listen: :1\n  port: 1\n", nil, `:4: server.port: unknown key; known here: listen, public_url, shutdown_grace`},
		{"unknown key in a list", app("      \n    - {nam: x}\n"), nil, `:7: wecom.apps\[1\].nam: unknown key.*\n(.*is missing\n?)+`},
		{"duplicate key", head + "timezone: UTC\ntimezone: UTC\n", nil, `:3: timezone: given twice, first on line 2`},
		{"duplicate section", head + "server: {}\nredeem: {}\nserver: {}\n", nil, `:4: server: given twice, first on line 2`},
		{"missing variable", head + "timezone: ${TZ_NAME}\n", nil, `:2: timezone: environment variable TZ_NAME is not set`},
		{"two missing variables", head + "timezone: ${A}${B}\n", nil, `:2: timezone: environment variable A is not set\n.*:2: timezone: environment variable B is not set`},
		{"empty variable", "secret_key: ${KEY}\n", map[string]string{"KEY": ""}, `:1: secret_key: is empty \(from \$\{KEY\}\)`},
		{"bad variable name", head + "timezone: ${A B}\n", nil, `:2: timezone: \$\{A B\}: not a variable name`},
		{"open brace", head + "timezone: ${A\n", nil, `:2: timezone: \$\{ without \}.*`},
		{"missing file", head + "timezone: ${file:nope}\n", nil, `:2: timezone: open .*nope: no such file or directory`},
		{"file without a name", head + "timezone: ${file:}\n", nil, `:2: timezone: \$\{file:\} names no file`},
		{"alias", head + "timezone: &tz UTC\n", nil, `:2: timezone: anchors, aliases and tags are not supported`},
		{"section is a scalar", head + "server: yes\n", nil, `:2: server: must be a section of keys and values`},
		{"list is a scalar", head + "managers: boss\n", nil, `:2: managers: must be a list`},
		{"scalar is a list", head + "timezone: [UTC]\n", nil, `:2: timezone: must be a single value`},
		{"scalar is a section", head + "timezone: {a: b}\n", nil, `:2: timezone: must be a single value`},
		{"empty list item", head + "managers:\n  -\n", nil, `:3: managers\[0\]: is empty`},

		{"short secret key", "secret_key: QUJD\n", nil, `:1: secret_key: must be 32 bytes in base64; make one with: openssl rand -base64 32`},
		{"secret key not base64", "secret_key: '???'\n", nil, `:1: secret_key: must be 32 bytes in base64.*`},
		{"timezone", head + "timezone: Asia/Peking\n", nil, `:2: timezone: must be the name of a time zone.*`},
		{"listen without port", head + "server: {listen: localhost}\n", nil, `:2: server.listen: must be host:port.*`},
		{"listen port", head + "server: {listen: \":99999\"}\n", nil, `:2: server.listen: port must be a number from 0 to 65535`},
		{"listen from a variable", head + "server: {listen: \"${L}\"}\n", map[string]string{"L": "a:b"}, `:2: server.listen: port must be a number from 0 to 65535 \(from \$\{L\}\)`},
		{"public url", head + "server:\n  public_url: yanquan.example.com\n", nil, `:3: server.public_url: must be an address such as .*`},
		{"public url with query", head + "server:\n  public_url: https://a/?x=1\n", nil, `:3: server.public_url: must be an address such as .*`},
		{"grace", head + "server: {shutdown_grace: -1s}\n", nil, `:2: server.shutdown_grace: must be between 1s and 10m`},
		{"duration without unit", head + "redeem: {call_timeout: 3}\n", nil, `:2: redeem.call_timeout: must be a duration such as .*`},
		{"duration out of range", head + "redeem: {call_timeout: 2h}\n", nil, `:2: redeem.call_timeout: must be between 10ms and 1m`},
		{"undo window", head + "redeem: {undo_window: 0s}\n", nil, `:2: redeem.undo_window: must be between 1s and 24h`},
		{"driver", head + "database: {driver: postgres, dsn: x}\n", nil, `:2: database.driver: must be sqlite or mysql`},
		{"mysql without dsn", head + "database: {driver: mysql}\n", nil, `:2: database.dsn: is missing`},
		{"mysql dsn", head + "database: {driver: mysql, dsn: 'root:hunter2@localhost'}\n", nil, `:2: database.dsn: must look like user:password@tcp.*`},
		{"mysql dsn without database", head + "database: {driver: mysql, dsn: 'root:hunter2@tcp(h:1)/'}\n", nil, `:2: database.dsn: must look like .*`},
		{"sqlite dsn with a question mark", head + "database:\n  dsn: '/data/why?.db'\n", nil, `:3: database.dsn: what follows \? are settings.*`},
		{"sqlite dsn with a fragment", head + "database:\n  dsn: 'file:/data/a#1.db'\n", nil, `:3: database.dsn: .*write %23.*`},
		{"connections", head + "database: {driver: mysql, dsn: 'u@tcp(h:1)/y', connections: 1}\n", nil, `:2: database.connections: must be from 2 to 1000`},
		{"sqlite dsn empty", head + "database:\n  dsn: ''\n", nil, `:3: database.dsn: is empty; .*`},
		{"manager twice", head + "managers: [boss, Boss]\n", nil, `:2: managers\[1\]: is listed twice, first as number 1`},
		{"manager not a userid", head + "managers: ['a b']\n", nil, `:2: managers\[0\]: is not a WeCom userid`},
		{"manager empty", head + "managers: ['']\n", nil, `:2: managers\[0\]: is empty`},

		{"app without corp id", head + "wecom:\n  apps: [{name: a, agent_id: 1, secret: s, token: t, encoding_aes_key: " + testAES + "}]\n", nil, `:2: wecom.corp_id: is missing`},
		{"app with nothing", head + "wecom:\n  corp_id: c\n  apps:\n    - name: a\n", nil,
			`:5: wecom.apps\[0\].agent_id: is missing\n.*:5: wecom.apps\[0\].secret: is missing\n.*:5: wecom.apps\[0\].token: is missing\n.*:5: wecom.apps\[0\].encoding_aes_key: is missing`},
		{"agent id", head + "wecom: {corp_id: c, apps: [{name: a, agent_id: main, secret: s, token: t, encoding_aes_key: " + testAES + "}]}\n", nil, `:2: wecom.apps\[0\].agent_id: must be a whole number`},
		{"negative agent id", head + "wecom: {corp_id: c, apps: [{name: a, agent_id: -1, secret: s, token: t, encoding_aes_key: " + testAES + "}]}\n", nil, `:2: wecom.apps\[0\].agent_id: must be a positive number`},
		{"aes key", head + "wecom:\n  bots:\n    - name: g\n      token: t\n      encoding_aes_key: short\n", nil, `:6: wecom.bots\[0\].encoding_aes_key: must be the 43 letters and digits of EncodingAESKey`},
		{"aes key of 44", head + "wecom: {bots: [{name: g, token: t, encoding_aes_key: " + testAES + "=}]}\n", nil, `:2: wecom.bots\[0\].encoding_aes_key: must be the 43 .*`},
		{"name with slash", head + "wecom: {bots: [{name: a/b, token: t, encoding_aes_key: " + testAES + "}]}\n", nil, `:2: wecom.bots\[0\].name: must be 1 to 32 of .*`},
		{"apps of one name", app("    - {name: main, agent_id: 2, secret: s, token: t, encoding_aes_key: " + testAES + "}\n"), nil, `:6: wecom.apps\[1\].name: is the same as wecom.apps\[0\].name`},
		{"apps of one agent", app("    - {name: other, agent_id: 1, secret: s, token: t, encoding_aes_key: " + testAES + "}\n"), nil, `:6: wecom.apps\[1\].agent_id: is the same as wecom.apps\[0\].agent_id`},
		{"bots of one name", head + "wecom:\n  bots:\n    - {name: g, token: t, encoding_aes_key: " + testAES + "}\n    - {name: g, token: t, encoding_aes_key: " + testAES + "}\n", nil, `:5: wecom.bots\[1\].name: is the same as wecom.bots\[0\].name`},
		{"robot of neither mode", head + "wecom:\n  bots:\n    - name: g\n      mode: poll\n", nil, `:5: wecom.bots\[0\].mode: must be url or websocket`},
		{"robot by url without keys", head + "wecom:\n  bots:\n    - name: g\n", nil, `:4: wecom.bots\[0\].token: is missing\n.*:4: wecom.bots\[0\].encoding_aes_key: is missing`},
		{"robot by websocket without keys", head + "wecom:\n  bots:\n    - name: g\n      mode: websocket\n      secret: ''\n", nil, `:4: wecom.bots\[0\].bot_id: is missing\n.*:6: wecom.bots\[0\].secret: is empty`},
		{"robot by url with the other mode's keys", head + "wecom:\n  bots:\n    - name: g\n      token: t\n      encoding_aes_key: " + testAES + "\n      bot_id: b\n      secret: s\n      url: wss://x\n", nil,
			`:7: wecom.bots\[0\].bot_id: belongs to mode: websocket, and this robot has mode: url\n.*:8: wecom.bots\[0\].secret: belongs to mode: websocket.*\n.*:9: wecom.bots\[0\].url: belongs to mode: websocket.*`},
		{"robot by websocket with the other mode's keys", head + "wecom:\n  bots:\n    - name: g\n      mode: websocket\n      bot_id: b\n      secret: s\n      token: t\n      encoding_aes_key: short\n", nil,
			`:8: wecom.bots\[0\].token: belongs to mode: url, and this robot has mode: websocket\n.*:9: wecom.bots\[0\].encoding_aes_key: belongs to mode: url.*`},
		{"socket in the clear", head + "wecom: {bots: [{name: g, mode: websocket, bot_id: b, secret: s, url: 'ws://openws.work.weixin.qq.com'}]}\n", nil, `:2: wecom.bots\[0\].url: must be an address such as wss://openws.work.weixin.qq.com`},
		{"socket by https", head + "wecom: {bots: [{name: g, mode: websocket, bot_id: b, secret: s, url: 'https://openws.work.weixin.qq.com'}]}\n", nil, `:2: wecom.bots\[0\].url: must be an address such as wss://.*`},
		{"secret of a socket with a space", head + "wecom: {bots: [{name: g, mode: websocket, bot_id: b, secret: hunter2 hunter2}]}\n", nil, `:2: wecom.bots\[0\].bot_id: bot_id and secret must be as the console shows them, without spaces`},
		{"two sockets of one robot", head + "wecom:\n  bots:\n    - {name: g, mode: websocket, bot_id: b, secret: s}\n    - {name: h, mode: websocket, bot_id: b, secret: s}\n", nil, `:5: wecom.bots\[1\].bot_id: is the same as wecom.bots\[0\].bot_id`},
		{"reply deadline", head + "wecom:\n  reply_deadline: 5s\n", nil, `:3: wecom.reply_deadline: must be between 10ms and 4.9s`},
		{"wecom url", head + "wecom:\n  api_url: ftp://x\n", nil, `:3: wecom.api_url: must be an address .*`},
		{"wecom in the clear", head + "wecom:\n  api_url: http://qyapi.weixin.qq.com\n", nil, `:3: wecom.api_url: secrets would cross the network in the clear: use https://.*`},
		{"platforms in the clear", head + "dianping: {app_key: k, app_secret: s, api_url: 'http://10.0.0.5:9000', auth_url: 'HTTP://localhost.example.com'}\nmeituan: {developer_id: d, sign_key: s, api_url: 'http://gateway', auth_url: 'http://[::2]:80'}\n", nil,
			`:2: dianping.api_url: secrets would .*\n.*:2: dianping.auth_url: secrets would .*\n.*:3: meituan.api_url: secrets would .*\n.*:3: meituan.auth_url: secrets would .*`},
		{"dianping without secret", head + "dianping:\n  app_key: k\n", nil, `:2: dianping.app_secret: is missing`},
		{"meituan without anything", head + "meituan: {}\n", nil, `:2: meituan.developer_id: is missing\n.*:2: meituan.sign_key: is missing`},

		{"a blank after a variable", app("dianping: {app_key: k, app_secret: '${S}'}\n"), map[string]string{"S": "hunter2 "}, `:6: dianping.app_secret: has white space around it: take it off \(from \$\{S\}\)`},
		{"a tab before a variable", app("dianping: {app_key: k, app_secret: '${S}'}\n"), map[string]string{"S": "\thunter2"}, `:6: dianping.app_secret: has white space around it.*`},
		{"a wide blank in the file", head + "managers: ['boss\u3000']\n", nil, `:2: managers\[0\]: has white space around it: take it off`},
		{"a line break within", head + "timezone: ${S}\n", map[string]string{"S": "UTC\nhunter2"}, `:2: timezone: holds the character U\+000A, which cannot be seen: take it out \(from \$\{S\}\)`},
		{"a zero-width space", head + "meituan: {developer_id: '1\u200b', sign_key: k}\n", nil, `:2: meituan.developer_id: holds the character U\+200B, which cannot be seen.*`},
		{"a mark of the byte order", head + "meituan: {developer_id: d, sign_key: '${S}'}\n", map[string]string{"S": "\ufeffhunter2"}, `:2: meituan.sign_key: holds the character U\+FEFF.*`},
		{"a variable in GBK", head + "meituan: {developer_id: d, sign_key: '${S}'}\n", map[string]string{"S": "hunter2\xb5\xea"}, `:2: meituan.sign_key: is not UTF-8 text \(from \$\{S\}\)`},
		{"a number with a blank", head + "wecom: {corp_id: c, apps: [{name: a, agent_id: '${S}', secret: s, token: t, encoding_aes_key: " + testAES + "}]}\n", map[string]string{"S": " 1"}, `:2: wecom.apps\[0\].agent_id: has white space around it.*`},
		{"GBK", "# yanquan\n" + head + "stores: # \xc8\xcb\xc3\xf1\n", nil, `:3: this is not UTF-8 text \(GBK\?\): save the file as UTF-8.*`},
		{"UTF-16", "\xff\xfe#\x00", nil, `:1: this is UTF-16 text: save the file as UTF-8`},
		{"UTF-16, the other way round", "\xfe\xff\x00#", nil, `:1: this is UTF-16 text: save the file as UTF-8`},
		{"UTF-16 without its mark", "#\x00\n\x00", nil, `:1: this is UTF-16 text: save the file as UTF-8`},

		{"access", "secret_key: " + testKey + "\naccess: everybody\n", nil, `:2: access: must be roster or group`},
		{"former key", "secret_key: " + testKey + "\nsecret_keys:\n  - short\n", nil, `:3: secret_keys\[0\]: must be 32 bytes in base64.*`},
		{"report", "secret_key: " + testKey + "\nreport: {at: '24:00', empty_days: yes}\n", nil, `:2: report.empty_days: must be true or false\n.*:2: report.at: must be a time of day as HH:MM, from 00:00 to 23:59`},
		{"watch", "secret_key: " + testKey + "\nwatch: {open: 9-23, repeats: -1, undo_percent: 101, silent_days: 61}\n", nil, `:2: watch.open: must be hours as HH:MM-HH:MM, such as 09:00-23:00\n.*:2: watch.repeats: must be from 0 to 1000\n.*:2: watch.undo_percent: must be from 0 to 100\n.*:2: watch.silent_days: must be from 0 to 60`},
		{"guard", "secret_key: " + testKey + "\nguard: {unknown_codes: -1, within: 1s}\n", nil, `:2: guard.unknown_codes: must be 0 or more\n.*:2: guard.within: must be between 1m and 24h`},
		{"store without its platform", head + "stores:\n  - {name: a, platform: meituan, shop_id: x, session: y}\n", nil, `:3: stores\[0\].platform: there is no section meituan: in this file.*`},
		{"store of no platform", platforms + "stores:\n  - {name: a, platform: kuaishou, shop_id: x, session: y}\n", nil, `:4: stores\[0\].platform: must be dianping or meituan or douyin`},
		{"douyin without anything", head + "douyin: {}\n", nil, `:2: douyin.client_key: is missing\n.*:2: douyin.client_secret: is missing`},
		{"douyin in the clear", head + "douyin: {client_key: k, client_secret: s, api_url: 'http://10.0.0.5', account_id: 12x}\n", nil, `:2: douyin.api_url: secrets would .*\n.*:2: douyin.account_id: must be the number .*`},
		{"store without its section", head + "stores:\n  - {name: a, platform: douyin, shop_id: x}\n", nil, `:3: stores\[0\].platform: there is no section douyin: in this file.*`},
		{"shop of no account", douyin + "stores:\n  - {name: a, platform: douyin, shop_id: x}\n  - {name: b, platform: douyin, shop_id: y, session: s, account_id: '7 '}\n", nil, `(?s):4: stores\[0\].account_id: is missing, here or in section douyin.*:5: stores\[1\].session: belongs to the other platforms.*`},
		{"account of another platform", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, account_id: 7}\n", nil, `:4: stores\[0\].account_id: belongs to platform: douyin`},
		{"store incomplete", platforms + "stores:\n  - {platform: dianping}\n", nil, `:4: stores\[0\].name: is missing\n.*:4: stores\[0\].shop_id: is missing\n.*:4: stores\[0\].session: is missing`},
		{"stores of one name", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y}\n  - {name: a, platform: dianping, shop_id: z, session: y}\n", nil, `:5: stores\[1\].name: is the same as stores\[0\].name`},
		{"shop twice", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y}\n  - {name: b, platform: dianping, shop_id: x, session: y}\n", nil, `:5: stores\[1\].shop_id: is the same as stores\[0\].shop_id`},
		{"account of the same platform", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, accounts: [{platform: dianping, shop_id: z, session: y}]}\n", nil, `:4: stores\[0\].accounts\[0\].platform: is the same as stores\[0\].platform`},
		{"account without its platform", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, accounts: [{platform: meituan, shop_id: z, session: y}]}\n", nil, `:4: stores\[0\].accounts\[0\].platform: there is no section meituan: in this file.*`},
		{"account incomplete", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, accounts: [{shop: z}]}\n", nil, `(?s):4: stores\[0\].accounts\[0\].shop: .*:4: stores\[0\].accounts\[0\].platform: is missing.*:4: stores\[0\].accounts\[0\].shop_id: is missing.*:4: stores\[0\].accounts\[0\].session: is missing.*`},
		{"account of another store", platforms + "meituan: {developer_id: \"1\", sign_key: k}\nstores:\n  - {name: a, platform: dianping, shop_id: x, session: y, accounts: [{platform: meituan, shop_id: z, session: y}]}\n  - {name: b, platform: meituan, shop_id: z, session: y}\n", nil, `:6: stores\[1\].shop_id: is the same as stores\[0\].accounts\[0\].shop_id`},
		{"group twice", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, chats: [wr1]}\n  - {name: b, platform: dianping, shop_id: z, session: y, chats: [WR1, wr1, wr1]}\n", nil, `:5: stores\[1\].chats\[2\]: is the same as stores\[1\].chats\[1\]`},
		{"role", platforms + "stores:\n  - name: a\n    platform: dianping\n    shop_id: x\n    session: y\n    staff:\n      - {userid: z, role: boss}\n", nil, `:9: stores\[0\].staff\[0\].role: must be staff or lead or manager`},
		{"staff without userid", platforms + "stores:\n  - name: a\n    platform: dianping\n    shop_id: x\n    session: y\n    staff:\n      - {name: z}\n", nil, `:9: stores\[0\].staff\[0\].userid: is missing`},
		{"staff twice", platforms + "stores:\n  - {name: a, platform: dianping, shop_id: x, session: y, staff: [{userid: z}, {userid: Z}]}\n", nil, `:4: stores\[0\].staff\[1\].userid: is listed twice, first as number 1`},

		{"report", head + "report: {at: '24:00'}\n", nil, `:2: report.at: must be a time of day as HH:MM.*`},
		{"report at times", head + "report: {times: [{userid: Boss, at: '9:00'}, {userid: boss, at: '09:00'}]}\n", nil, `:2: report.times\[0\].at: must be a time of day.*\n.*:2: report.times\[1\].userid: is listed twice, first as number 1`},
		{"webhook", head + "wecom: {webhooks: [{name: day, key: 'https://x?key=y', at: '25:00'}, {name: Day, key: 693a91f6-7xxx}]}\n", nil,
			`:2: wecom.webhooks\[0\].at: must be a time of day as HH:MM.*\n.*:2: wecom.webhooks\[0\].key: must be what follows key= in the webhook's address\n.*:2: wecom.webhooks\[1\].name: .*`},
		{"report with seconds", head + "report: {at: '22:00:00'}\n", nil, `:2: report.at: must be a time of day.*`},
		{"report without zero", head + "report: {at: '9:00'}\n", nil, `:2: report.at: must be a time of day.*`},
		{"reconcile", head + "reconcile: {at: '3:30'}\n", nil, `:2: reconcile.at: must be a time of day as HH:MM.*, or off`},
		{"log level", head + "log: {level: loud}\n", nil, `:2: log.level: must be debug or info or warn or error`},
		{"log format", head + "log: {format: xml}\n", nil, `:2: log.format: must be text or json`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.text)
			_, err := Load(path, vars(tt.env))
			if err == nil {
				t.Fatal("accepted")
			}
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%T: %v", err, err)
			}
			got := strings.ReplaceAll(err.Error(), path, "")
			if !regexp.MustCompile(`(?s)^` + tt.want + `$`).MatchString(got) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			for _, secret := range []string{"hunter2", testKey, testAES} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("shows a secret: %v", err)
				}
			}
		})
	}
}

func TestEveryProblemAtOnceInOrder(t *testing.T) {
	t.Parallel()
	_, err := load(t, "report: {at: x}\nserver:\n  listen: bad\n  nope: 1\ntimezone: ${GONE}\n", nil)
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems.List {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Key))
	}
	want := []string{"1 secret_key", "1 report.at", "3 server.listen", "4 server.nope", "5 timezone"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWindowsFile(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "\ufeffsecret_key: "+testKey+"\r\ntimezone: UTC\r\nmanagers:\r\n  - boss\r\n", nil)
	if cfg.Timezone != "UTC" || len(cfg.Managers) != 1 || cfg.Managers[0] != "boss" {
		t.Errorf("%s", cfg)
	}
}

// What shells and editors put behind a secret is no part of it, wherever it comes from.
func TestLineEndsBehindValues(t *testing.T) {
	t.Parallel()
	path := write(t, "secret_key: \"${KEY}\"\nmeituan: {developer_id: '${ID}', sign_key: '${file:sign}'}\nwecom: {corp_id: 'a${ID}b'}\ndianping:\n  app_key: \"k\\r\\n\"\n  app_secret: |\n    s\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "sign"), []byte("\ufeffsign\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, vars(map[string]string{"KEY": testKey + "\n", "ID": "100\r\n"}))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{cfg.SecretKey, cfg.Meituan.DeveloperID, cfg.Meituan.SignKey, cfg.WeCom.CorpID, cfg.Dianping.AppKey, cfg.Dianping.AppSecret}
	if diff := cmp.Diff([]string{testKey, "100", "sign", "a100b", "k", "s"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "sign"), []byte("\xff\xfes\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(path, vars(map[string]string{"KEY": testKey, "ID": "1"})); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("a secret in UTF-16: %v", err)
	}
}

// What runs on this machine may be called without TLS.
func TestInTheClear(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"http://127.0.0.1:9000": false, "http://localhost:1": false, "http://LocalHost": false, "http://[::1]:80": false, "https://example.com": false,
		"http://example.com": true, "http://10.0.0.1": true, "http://localhost.example.com": true, "http://0.0.0.0": true,
	} {
		if got := InTheClear(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), vars(nil)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

var sampleEnv = map[string]string{
	"YANQUAN_SECRET_KEY": testKey, "WECOM_APP_SECRET": "s3cret-app", "WECOM_APP_TOKEN": "s3cret-apptoken", "WECOM_APP_AES_KEY": testAES,
	"WECOM_BOT_TOKEN": "s3cret-bottoken", "WECOM_BOT_AES_KEY": testAES, "DIANPING_APP_KEY": "k", "DIANPING_APP_SECRET": "s3cret-dp",
	"MEITUAN_DEVELOPER_ID": "1", "MEITUAN_SIGN_KEY": "s3cret-mt", "DOUYIN_CLIENT_KEY": "aw1", "DOUYIN_CLIENT_SECRET": "s3cret-dy", "STORE_1_SESSION": "s3cret-session", "STORE_1_MEITUAN": "y2",
	"HOOK_SECRET": testHook,
}

const samplePath = "../../config.yaml"

// The sample shows every key, and every default as it is.
func TestSample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(samplePath, vars(sampleEnv)); err != nil {
		t.Fatal(err)
	}
	// With the commented store taken in.
	full := regexp.MustCompile(`(?m)^# (stores:|hooks:|  +[-a-z ].*)$`).ReplaceAllString(string(text), "$1")
	cfg := mustLoad(t, full, sampleEnv)
	if len(cfg.Hooks) != 1 || cfg.Hooks[0].Name != "pos" || len(cfg.Hooks[0].Events) != 3 {
		t.Fatalf("the sample's hook: %s", cfg)
	}
	if len(cfg.Stores) != 1 || len(cfg.Stores[0].Staff) != 1 {
		t.Fatalf("the sample's store: %s", cfg)
	}
	var keys func(typ reflect.Type)
	keys = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Location]() {
			return
		}
		for f := range fieldsSeq(typ) {
			if !regexp.MustCompile(`(?m)[\s{-]` + f.Tag.Get("yaml") + `:`).Match(append([]byte("\n"), text...)) {
				t.Errorf("config.yaml does not show %s", f.Tag.Get("yaml"))
			}
			keys(f.Type)
		}
	}
	keys(reflect.TypeFor[Config]())
	var defaults func(v reflect.Value, key string)
	defaults = func(v reflect.Value, key string) {
		switch v.Kind() {
		case reflect.Pointer:
			defaults(v.Elem(), key)
		case reflect.Slice:
			for i := range v.Len() {
				defaults(v.Index(i), key)
			}
		case reflect.Struct:
			for f := range fieldsSeq(v.Type()) {
				field := v.FieldByIndex(f.Index)
				if text, ok := f.Tag.Lookup("default"); ok {
					want := reflect.New(f.Type).Elem()
					if err := set(want, text); err != nil {
						t.Fatalf("%s.%s: %v", key, f.Name, err)
					}
					if !want.Equal(field) {
						t.Errorf("%s.%s: sample has %v, default is %v", key, f.Name, field, want)
					}
				}
				defaults(field, key+"."+f.Name)
			}
		}
	}
	defaults(reflect.ValueOf(cfg), "Config")
}

func fieldsSeq(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Tag.Get("yaml") != "" && !yield(f) {
				return
			}
		}
	}
}

func TestWebSocketRobots(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "secret_key: "+testKey+"\nwecom:\n  bots:\n"+
		"    - {name: a, mode: websocket, bot_id: aib1, secret: s1}\n"+
		"    - {name: b, mode: websocket, bot_id: aib2, secret: s2, url: 'ws://127.0.0.1:9/x'}\n"+
		"    - {name: c, token: t, encoding_aes_key: "+testAES+"}\n", nil)
	want := []Bot{
		{Name: "a", Mode: ModeWebSocket, BotID: "aib1", Secret: "s1", URL: DefaultSocketURL},
		{Name: "b", Mode: ModeWebSocket, BotID: "aib2", Secret: "s2", URL: "ws://127.0.0.1:9/x"},
		{Name: "c", Mode: ModeURL, Token: "t", EncodingAESKey: testAES},
	}
	if diff := cmp.Diff(want, cfg.WeCom.Bots); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if text := cfg.String(); strings.Contains(text, "s1") || strings.Contains(text, "s2") {
		t.Errorf("a secret is shown:\n%s", text)
	}
}
