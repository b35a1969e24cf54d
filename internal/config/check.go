package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"yanquan/models"
)

var (
	accountID   = regexp.MustCompile(`^[0-9]{1,64}$`)
	channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`) // part of a URL and of a channel's name
	webhookKey  = regexp.MustCompile(`^[A-Za-z0-9_-]{8,100}$`)
	openHours   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	clockTime   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// check looks at the meaning of every value and puts the configuration into
// its normal form.
func (d *decoder) check(c *Config) {
	d.checkServer(&c.Server)
	d.checkDatabase(&c.Database)
	if c.SecretKey != "" {
		if _, err := c.Key(); err != nil {
			d.bad("secret_key", "%s", err)
		}
	}
	for i, text := range c.OldKeys {
		if _, err := decodeKey(text); err != nil {
			d.bad(fmt.Sprintf("secret_keys[%d]", i), "%s", err)
		}
	}
	d.oneOf("access", c.Access, "roster", "group")
	if c.Guard.UnknownCodes < 0 {
		d.bad("guard.unknown_codes", "must be 0 or more")
	}
	d.between("guard.within", c.Guard.Within, time.Minute, 24*time.Hour)
	if c.Watch.Open != "" && !openHours.MatchString(c.Watch.Open) {
		d.bad("watch.open", "must be hours as HH:MM-HH:MM, such as 09:00-23:00")
	}
	for _, rule := range []struct {
		key     string
		n, most int64
	}{
		{"repeats", c.Watch.Repeats, 1000}, {"same_phone", c.Watch.SamePhone, 10000}, {"doubtful", c.Watch.Doubtful, 10000},
		{"undo_percent", c.Watch.UndoPercent, 100}, {"platform_errors", c.Watch.PlatformErrors, 100}, {"silent_days", c.Watch.SilentDays, 60},
	} {
		if rule.n < 0 || rule.n > rule.most {
			d.bad("watch."+rule.key, "must be from 0 to %d", rule.most)
		}
	}
	location, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "" || c.Timezone == "Local" {
		d.bad("timezone", "must be the name of a time zone such as Asia/Shanghai")
	}
	c.location = location
	d.users("managers", c.Managers)
	d.checkWeCom(c.WeCom)
	if p := c.Dianping; p != nil {
		d.calledURL("dianping.api_url", &p.APIURL)
		d.calledURL("dianping.auth_url", &p.AuthURL)
	}
	if p := c.Meituan; p != nil {
		d.calledURL("meituan.api_url", &p.APIURL)
		d.calledURL("meituan.auth_url", &p.AuthURL)
	}
	if p := c.Douyin; p != nil {
		d.calledURL("douyin.api_url", &p.APIURL)
		d.accountID("douyin.account_id", p.AccountID)
	}
	d.between("redeem.call_timeout", c.Redeem.CallTimeout, 10*time.Millisecond, time.Minute)
	d.between("redeem.undo_window", c.Redeem.UndoWindow, time.Second, 24*time.Hour)
	d.checkHooks(c.Hooks)
	d.checkStores(c)
	if c.Report != nil {
		d.clock("report.at", c.Report.At)
		users := make([]string, len(c.Report.Times))
		for i, t := range c.Report.Times {
			users[i] = t.UserID
			if t.At != "" {
				d.clock(fmt.Sprintf("report.times[%d].at", i), t.At)
			}
		}
		d.users("report.times", users)
		for i := range users {
			c.Report.Times[i].UserID = users[i]
		}
	}
	if c.Reconcile.At != "off" && !clockTime.MatchString(c.Reconcile.At) {
		d.bad("reconcile.at", "must be a time of day as HH:MM, from 00:00 to 23:59, or off")
	}
	d.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	d.oneOf("log.format", c.Log.Format, "text", "json")
}

func (d *decoder) checkServer(s *Server) {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil || strings.ContainsAny(host, "/ ") {
		d.bad("server.listen", "must be host:port, such as 127.0.0.1:8080 or :8080")
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		d.bad("server.listen", "port must be a number from 0 to 65535")
	}
	if s.PublicURL != "" {
		d.url("server.public_url", &s.PublicURL)
	}
	d.between("server.shutdown_grace", s.ShutdownGrace, time.Second, 10*time.Minute)
}

func (d *decoder) checkDatabase(db *Database) {
	d.oneOf("database.driver", db.Driver, "sqlite", "mysql")
	if db.Connections < 2 || db.Connections > 1000 {
		d.bad("database.connections", "must be from 2 to 1000")
	}
	switch {
	case db.Driver == "sqlite" && db.DSN == "":
		if _, given := d.lines["database.dsn"]; given {
			d.bad("database.dsn", "is empty; name a file such as %s", defaultSQLite)
			return
		}
		db.DSN = defaultSQLite
	case db.Driver == "sqlite":
		if _, err := models.SQLitePath(db.DSN); err != nil {
			d.bad("database.dsn", "%s", err)
		}
	case db.Driver == "mysql" && db.DSN == "":
		d.missing("database.dsn", "database")
	case db.Driver == "mysql":
		if !IsMySQL(db.DSN) { // the parser's own error can quote parts of the password
			d.bad("database.dsn", "must look like user:password@tcp(127.0.0.1:3306)/yanquan")
		}
	}
}

// IsMySQL reports whether a DSN of MySQL can be parsed, and names a database.
func IsMySQL(dsn string) bool {
	parsed, err := mysql.ParseDSN(dsn)
	return err == nil && parsed.DBName != ""
}

func (d *decoder) checkWeCom(w *WeCom) {
	if w == nil {
		return
	}
	d.calledURL("wecom.api_url", &w.APIURL)
	if len(w.Apps) > 0 && w.CorpID == "" {
		d.missing("wecom.corp_id", "wecom")
	}
	d.between("wecom.reply_deadline", w.ReplyDeadline, 10*time.Millisecond, 4900*time.Millisecond)
	apps, agents := d.unique("wecom.apps[%d].name"), d.unique("wecom.apps[%d].agent_id")
	for i, app := range w.Apps {
		key := fmt.Sprintf("wecom.apps[%d]", i)
		d.channel(key+".name", app.Name)
		d.aesKey(key+".encoding_aes_key", app.EncodingAESKey)
		if app.AgentID < 0 {
			d.bad(key+".agent_id", "must be a positive number")
		}
		apps(i, app.Name)
		if app.AgentID != 0 {
			agents(i, strconv.FormatInt(app.AgentID, 10))
		}
	}
	bots, ids := d.unique("wecom.bots[%d].name"), d.unique("wecom.bots[%d].bot_id")
	for i := range w.Bots {
		key := fmt.Sprintf("wecom.bots[%d]", i)
		d.channel(key+".name", w.Bots[i].Name)
		bots(i, w.Bots[i].Name)
		d.checkBot(key, &w.Bots[i])
		ids(i, w.Bots[i].BotID) // two connections of one robot take it from each other
	}
	hooks := d.unique("wecom.webhooks[%d].name")
	for i, hook := range w.Webhooks {
		key := fmt.Sprintf("wecom.webhooks[%d]", i)
		d.channel(key+".name", hook.Name)
		hooks(i, strings.ToLower(hook.Name))
		if hook.At != "" {
			d.clock(key+".at", hook.At)
		}
		if hook.Key != "" && !webhookKey.MatchString(hook.Key) {
			d.bad(key+".key", "must be what follows key= in the webhook's address")
		}
	}
}

// checkBot wants the keys of the robot's mode, and none of the other: WeCom's
// console has either a URL or a long connection.
func (d *decoder) checkBot(key string, b *Bot) {
	if !d.oneOf(key+".mode", b.Mode, ModeURL, ModeWebSocket) {
		return
	}
	fields := []struct {
		name, mode string
		value      string
	}{
		{"token", ModeURL, b.Token}, {"encoding_aes_key", ModeURL, b.EncodingAESKey},
		{"bot_id", ModeWebSocket, b.BotID}, {"secret", ModeWebSocket, b.Secret},
	}
	for _, f := range fields {
		switch {
		case f.mode == b.Mode && f.value == "":
			d.missing(key+"."+f.name, key)
		case f.mode != b.Mode && f.value != "":
			d.bad(key+"."+f.name, "belongs to mode: %s, and this robot has mode: %s", f.mode, b.Mode)
		}
	}
	switch {
	case b.Mode == ModeURL && b.URL != "":
		d.bad(key+".url", "belongs to mode: %s; WeCom is given the address of a callback in its console", ModeWebSocket)
	case b.Mode == ModeURL:
		d.aesKey(key+".encoding_aes_key", b.EncodingAESKey)
	case b.URL == "":
		b.URL = DefaultSocketURL
	default:
		d.socketURL(key+".url", &b.URL)
	}
	if b.Mode == ModeWebSocket && strings.ContainsAny(b.BotID+b.Secret, " \t\r\n") {
		d.bad(key+".bot_id", "bot_id and secret must be as the console shows them, without spaces")
	}
}

func (d *decoder) checkStores(c *Config) {
	names, shops := d.unique("stores[%d].name"), map[string]string{}
	for i := range c.Stores {
		s := &c.Stores[i]
		key := fmt.Sprintf("stores[%d]", i)
		names(i, s.Name)
		d.checkAccounts(c, key, s.All(), shops)
		chats := d.unique(key + ".chats[%d]") // of several stores, a group may be shared
		for j, chat := range s.Chats {
			if chat == "" {
				d.bad(fmt.Sprintf("%s.chats[%d]", key, j), "is empty")
			}
			chats(j, chat)
		}
		ids := make([]string, len(s.Staff))
		for j := range s.Staff {
			p := &s.Staff[j]
			d.oneOf(fmt.Sprintf("%s.staff[%d].role", key, j), p.Role, "staff", "lead", "manager")
			ids[j] = p.UserID
			if p.Name == "" {
				p.Name = p.UserID
			}
		}
		d.users(key+".staff", ids)
		for j := range s.Staff {
			s.Staff[j].UserID = ids[j]
		}
	}
}

// checkAccounts checks those of one store. shops says where a shop is declared.
func (d *decoder) checkAccounts(c *Config, store string, accounts []Account, shops map[string]string) {
	platforms := map[string]string{}
	for i, a := range accounts {
		key := store
		if i > 0 {
			key = fmt.Sprintf("%s.accounts[%d]", store, i-1)
		}
		d.once(platforms, a.Platform, key+".platform")
		if a.ShopID != "" {
			d.once(shops, a.Platform+" "+a.ShopID, key+".shop_id")
		}
		if a.Platform != "" && d.oneOf(key+".platform", a.Platform, allPlatforms...) && !slices.Contains(c.Platforms(), a.Platform) {
			d.bad(key+".platform", "there is no section %s: in this file, which holds the keys for this platform", a.Platform)
		}
		d.checkAccess(c, key, a)
	}
}

// checkAccess wants what an account's platform needs beside the shop: a session, or at
// Douyin, where the application's own token serves, the account of 来客.
func (d *decoder) checkAccess(c *Config, key string, a Account) {
	switch douyin := a.Platform == platformDouyin; {
	case douyin && a.Session != "":
		d.bad(key+".session", "belongs to the other platforms; %s has none", platformDouyin)
	case douyin && a.AccountID == "" && c.Douyin != nil && c.Douyin.AccountID == "":
		d.bad(key+".account_id", "is missing, here or in section %s", platformDouyin)
	case !douyin && a.Session == "":
		d.missing(key+".session", key)
	case !douyin && a.AccountID != "":
		d.bad(key+".account_id", "belongs to platform: %s", platformDouyin)
	}
	d.accountID(key+".account_id", a.AccountID)
}

func (d *decoder) accountID(key, value string) {
	if value != "" && !accountID.MatchString(value) {
		d.bad(key, "must be the number of the account as 来客 shows it")
	}
}

// once reports a value that another key has, too.
func (d *decoder) once(first map[string]string, value, key string) {
	if other, taken := first[value]; taken && value != "" {
		d.bad(key, "is the same as %s", other)
		return
	}
	first[value] = key
}

// bad reports a wrong value at the line of its key, or of what contains it.
func (d *decoder) bad(key, format string, args ...any) {
	if d.broken[key] {
		return
	}
	d.broken[key] = true
	d.problems.add(d.lineOfKey(key), key, "%s%s", fmt.Sprintf(format, args...), d.from(key))
}

func (d *decoder) lineOfKey(key string) int {
	for key != "" {
		if line, ok := d.lines[key]; ok {
			return line
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			break
		}
		key = key[:cut]
	}
	return 1
}

func (d *decoder) oneOf(key, value string, allowed ...string) bool {
	ok := slices.Contains(allowed, value)
	if !ok {
		d.bad(key, "must be %s", strings.Join(allowed, " or "))
	}
	return ok
}

func (d *decoder) clock(key, value string) {
	if !clockTime.MatchString(value) {
		d.bad(key, "must be a time of day as HH:MM, from 00:00 to 23:59")
	}
}

func (d *decoder) between(key string, v, low, high time.Duration) {
	if v < low || v > high {
		d.bad(key, "must be between %s and %s", short(low), short(high))
	}
}

// short writes 10m where Duration.String writes 10m0s.
func short(v time.Duration) string {
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// url wants an absolute http(s) address and takes the trailing slash off it.
func (d *decoder) url(key string, value *string) {
	u, err := url.Parse(*value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(*value, " \t\n") {
		d.bad(key, "must be an address such as https://yanquan.example.com")
		return
	}
	*value = strings.TrimRight(*value, "/")
}

// calledURL wants an address that secrets are sent to, so that http: is for what runs
// on this machine only.
func (d *decoder) calledURL(key string, value *string) {
	d.url(key, value)
	if !d.broken[key] && InTheClear(*value) {
		d.bad(key, "secrets would cross the network in the clear: use https://, or http:// on this machine only")
	}
}

// InTheClear reports whether what is sent to an address crosses a network unencrypted.
func InTheClear(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && !loopback(u.Hostname())
}

// socketURL wants the address of a WebSocket. The secret goes through it, so that
// ws: is for test set-ups on this machine only.
func (d *decoder) socketURL(key string, value *string) {
	u, err := url.Parse(*value)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(*value, " \t\n") ||
		u.Scheme != "wss" && !(u.Scheme == "ws" && loopback(u.Hostname())) {
		d.bad(key, "must be an address such as %s", DefaultSocketURL)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (d *decoder) channel(key, name string) {
	if name != "" && !channelName.MatchString(name) {
		d.bad(key, "must be 1 to 32 of A-Z a-z 0-9 - _ (it is part of the callback address)")
	}
}

// aesKey is lenient about the last character's low bits: WeCom's own keys often
// have them set (path/90968).
func (d *decoder) aesKey(key, value string) {
	if value == "" {
		return // reported as missing
	}
	raw, err := base64.RawStdEncoding.DecodeString(value)
	if len(value) != 43 || err != nil || len(raw) != 32 {
		d.bad(key, "must be the 43 letters and digits of EncodingAESKey")
	}
}

// users checks and case-folds a list of userids in place.
func (d *decoder) users(key string, ids []string) {
	seen := map[string]int{}
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", key, i)
		if _, isField := d.lines[at+".userid"]; isField {
			at += ".userid"
		}
		folded := strings.ToLower(id)
		ids[i] = folded
		first, dup := seen[folded]
		switch {
		case id == "":
			if !strings.HasSuffix(key, ".staff") && key != "report.times" { // there it is required, and reported
				d.bad(at, "is empty")
			}
			continue
		case len(id) > 64 || strings.ContainsAny(id, " \t\r\n/|"):
			d.bad(at, "is not a WeCom userid")
		case dup:
			d.bad(at, "is listed twice, first as number %d", first+1)
		}
		if !dup {
			seen[folded] = i
		}
	}
}

// unique returns a function that reports a value that was given before.
func (d *decoder) unique(keyFormat string) func(i int, value string) {
	first := map[string]string{}
	return func(i int, value string) { d.once(first, value, fmt.Sprintf(keyFormat, i)) }
}
