// Package config reads config.yaml.
//
// A value may take text from elsewhere: ${NAME} from the environment or from .env
// beside the file, ${file:PATH} from a file. That happens after parsing and inside scalar values
// only, so that what comes in can never change the structure of the file. Every
// problem is reported at once, each with file, line and key.
//
// One rule holds for all values, wherever they come from: line ends behind them are
// taken off; other white space around them, and characters that cannot be seen, are
// problems.
package config

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // containers without a time zone database must still know Asia/Shanghai

	"yanquan/dianping"
)

// Config is config.yaml. The tags are the schema:
//
//	yaml      key
//	default   value where the key is absent
//	required  the key must be there and not be empty
//	secret    "true": never shown; "dsn": shown without its password
//
// A section behind a pointer is a feature that is off where it is nil.
type Config struct {
	Server    Server    `yaml:"server"`
	Database  Database  `yaml:"database"`
	SecretKey string    `yaml:"secret_key" required:"true" secret:"true"` // 32 bytes, base64; see Key
	OldKeys   []string  `yaml:"secret_keys" secret:"true"`                // former values of SecretKey, for reading
	Timezone  string    `yaml:"timezone" default:"Asia/Shanghai"`
	Managers  []string  `yaml:"managers"`                // userids, case-folded
	Access    string    `yaml:"access" default:"roster"` // roster | group
	Guard     Guard     `yaml:"guard"`
	Watch     Watch     `yaml:"watch"`
	WeCom     *WeCom    `yaml:"wecom"`
	Dianping  *Dianping `yaml:"dianping"`
	Meituan   *Meituan  `yaml:"meituan"`
	Douyin    *Douyin   `yaml:"douyin"`
	Redeem    Redeem    `yaml:"redeem"`
	Hooks     []Hook    `yaml:"hooks"`
	Stores    []Store   `yaml:"stores"`
	Report    *Report   `yaml:"report"`
	Reconcile Reconcile `yaml:"reconcile"`
	Log       Log       `yaml:"log"`

	location *time.Location
	secretIn []string // files with secrets
}

// Server is how the bot is reached.
type Server struct {
	Listen        string        `yaml:"listen" default:"127.0.0.1:8080"` // host:port; port 0 takes a free one
	PublicURL     string        `yaml:"public_url"`                      // without a trailing slash; empty: http:// and the address listened on
	ShutdownGrace time.Duration `yaml:"shutdown_grace" default:"10s"`
}

// Database is where everything is kept.
type Database struct {
	Driver string `yaml:"driver" default:"sqlite"` // sqlite | mysql
	DSN    string `yaml:"dsn" secret:"dsn"`        // a relative SQLite path starts at the working directory
	// Connections is how many a process opens at most at a MySQL server.
	Connections int64 `yaml:"connections" default:"36"`
}

// WeCom is the corp's apps and robots.
type WeCom struct {
	APIURL        string        `yaml:"api_url" default:"https://qyapi.weixin.qq.com"`
	CorpID        string        `yaml:"corp_id"` // needed by apps
	Apps          []App         `yaml:"apps"`
	Bots          []Bot         `yaml:"bots"`
	Webhooks      []Webhook     `yaml:"webhooks"`
	Mention       bool          `yaml:"mention" default:"true"` // in groups, answers in words begin with <@userid>
	ReplyDeadline time.Duration `yaml:"reply_deadline" default:"4s"`
}

// App is a self-built app.
type App struct {
	Name           string `yaml:"name" required:"true"`
	AgentID        int64  `yaml:"agent_id" required:"true"`
	Secret         string `yaml:"secret" required:"true" secret:"true"`
	Token          string `yaml:"token" required:"true" secret:"true"`
	EncodingAESKey string `yaml:"encoding_aes_key" required:"true" secret:"true"`
}

// Bot is a 智能机器人.
type Bot struct {
	Name           string `yaml:"name" required:"true"`
	DisplayName    string `yaml:"display_name"`                   // as members see it, to take "@name" off a text; wanted where it contains spaces
	Mode           string `yaml:"mode" default:"url"`             // url: WeCom calls us | websocket: we call WeCom
	Token          string `yaml:"token" secret:"true"`            // mode url
	EncodingAESKey string `yaml:"encoding_aes_key" secret:"true"` // mode url
	BotID          string `yaml:"bot_id"`                         // mode websocket
	Secret         string `yaml:"secret" secret:"true"`           // mode websocket
	URL            string `yaml:"url"`                            // mode websocket; empty: DefaultSocketURL
}

// Modes of a [Bot].
const (
	ModeURL       = "url"
	ModeWebSocket = "websocket"
)

// DefaultSocketURL is where WeCom takes long connections.
const DefaultSocketURL = "wss://openws.work.weixin.qq.com"

// Webhook is a 消息推送 of a group, which gets the summaries.
type Webhook struct {
	Name    string   `yaml:"name" required:"true"`
	Key     string   `yaml:"key" required:"true" secret:"true"`
	Stores  []string `yaml:"stores"`  // by name; none: all
	At      string   `yaml:"at"`      // HH:MM in Timezone; empty: as Report.At
	Notices bool     `yaml:"notices"` // also what managers are told of trouble
}

// Dianping is the first generation of the platform.
type Dianping struct {
	APIURL    string `yaml:"api_url" default:"https://openapi.dianping.com"`
	AuthURL   string `yaml:"auth_url" default:"https://e.dianping.com"`
	AppKey    string `yaml:"app_key" required:"true"`
	AppSecret string `yaml:"app_secret" required:"true" secret:"true"`
}

// Meituan is the second generation of the platform.
type Meituan struct {
	APIURL      string `yaml:"api_url" default:"https://api-open-cater.meituan.com"`
	AuthURL     string `yaml:"auth_url" default:"https://open-erp.meituan.com"`
	DeveloperID string `yaml:"developer_id" required:"true"`
	SignKey     string `yaml:"sign_key" required:"true" secret:"true"`
}

// Douyin is Douyin 来客, by an application of the open platform.
type Douyin struct {
	APIURL       string `yaml:"api_url" default:"https://open.douyin.com"`
	ClientKey    string `yaml:"client_key" required:"true"`
	ClientSecret string `yaml:"client_secret" required:"true" secret:"true"`
	AccountID    string `yaml:"account_id"` // of 来客; has the shops whose account names no other
}

// Redeem is how vouchers are verified.
type Redeem struct {
	CallTimeout time.Duration `yaml:"call_timeout" default:"3s"`
	UndoWindow  time.Duration `yaml:"undo_window" default:"10m"`
}

// Guard slows down who guesses codes.
type Guard struct {
	UnknownCodes int64         `yaml:"unknown_codes" default:"10"` // that one person may ask about; 0: any number
	Within       time.Duration `yaml:"within" default:"10m"`
}

// Watch is what managers are told of at once. 0 (or "") switches a rule off.
type Watch struct {
	Open           string `yaml:"open"`                         // HH:MM-HH:MM, outside of which nobody should verify
	Repeats        int64  `yaml:"repeats" default:"3"`          // verifications of one order undone in a day
	SamePhone      int64  `yaml:"same_phone" default:"20"`      // vouchers of one phone in a store and day
	UndoPercent    int64  `yaml:"undo_percent" default:"30"`    // of one person's verifications of a day
	SilentDays     int64  `yaml:"silent_days" default:"14"`     // on each of which there was business by this hour
	PlatformErrors int64  `yaml:"platform_errors" default:"30"` // percent of the calls of a quarter of an hour
	Doubtful       int64  `yaml:"doubtful" default:"10"`        // operations whose outcome is not known
}

// Store is a store declared in the file, with its first account.
type Store struct {
	Name      string    `yaml:"name" required:"true"`
	Platform  string    `yaml:"platform" required:"true"` // dianping | meituan | douyin
	ShopID    string    `yaml:"shop_id" required:"true"`
	Session   string    `yaml:"session" secret:"true"` // needed but by douyin, which has none
	AccountID string    `yaml:"account_id"`            // douyin; empty: that of [Douyin]
	Accounts  []Account `yaml:"accounts"`              // the same shop on further platforms
	Chats     []string  `yaml:"chats"`                 // case-sensitive
	Staff     []Staff   `yaml:"staff"`
}

// Account is a store's shop on one platform.
type Account struct {
	Platform  string `yaml:"platform" required:"true"` // dianping | meituan | douyin
	ShopID    string `yaml:"shop_id" required:"true"`
	Session   string `yaml:"session" secret:"true"` // needed but by douyin, which has none
	AccountID string `yaml:"account_id"`            // douyin; empty: that of [Douyin]
}

// All are a store's accounts, the first first.
func (s Store) All() []Account {
	return append([]Account{{s.Platform, s.ShopID, s.Session, s.AccountID}}, s.Accounts...)
}

// Staff is a person in a store.
type Staff struct {
	UserID string `yaml:"userid" required:"true"` // case-folded
	Name   string `yaml:"name"`                   // default: the userid
	Role   string `yaml:"role" default:"staff"`   // staff | lead | manager
}

// Report is the daily summary.
type Report struct {
	At        string `yaml:"at" default:"22:00"`        // HH:MM in Timezone
	EmptyDays bool   `yaml:"empty_days" default:"true"` // also without business
	Times     []Time `yaml:"times"`                     // of managers who get theirs at another time
}

// Time is when one manager gets the summary.
type Time struct {
	UserID string `yaml:"userid" required:"true"` // case-folded
	At     string `yaml:"at" required:"true"`     // HH:MM in Timezone
}

// Reconcile is when closed days are held against the platform's list.
type Reconcile struct {
	At string `yaml:"at" default:"03:30"` // HH:MM in Timezone; off: only when asked to
}

// Nightly is At since midnight; false where it is off.
func (r Reconcile) Nightly() (time.Duration, bool) {
	at, err := time.Parse("15:04", r.At)
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err == nil
}

// Log is what the process writes to standard error.
type Log struct {
	Level  string `yaml:"level" default:"info"`  // debug | info | warn | error
	Format string `yaml:"format" default:"text"` // text | json
}

// Load reads, expands and checks the file. env is os.LookupEnv outside of
// tests; see [Environment]. What is wrong with the content is a [*Problems].
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	handed, _ := env(credentials)
	if env, err = Environment(path, env); err != nil {
		return nil, err
	}
	problems := &Problems{File: path}
	cfg := decode(text, path, env, problems)
	if err := problems.orNil(); err != nil {
		return nil, err
	}
	cfg.secretIn = append(cfg.secretIn, filepath.Join(filepath.Dir(path), DotEnv))
	// What systemd hands to one service is that service's; its mode counts an entry of an
	// access list as the group's.
	cfg.secretIn = slices.DeleteFunc(cfg.secretIn, func(file string) bool { return filepath.Dir(file) == handed })
	return cfg, nil
}

// Exposed are the files with secrets of this configuration that others on this machine can
// read, where the system tells: .env, config.yaml where one is written out there, and what
// ${file:PATH} names.
func (c *Config) Exposed() []string {
	return slices.DeleteFunc(slices.Clone(c.secretIn), func(file string) bool { return !OpenToOthers(file) })
}

// OpenToOthers reports whether others on this machine can read a file, where the system
// tells.
func OpenToOthers(file string) bool {
	info, err := os.Stat(file)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// Key is the secret key's 32 bytes.
func (c *Config) Key() ([]byte, error) { return decodeKey(c.SecretKey) }

// FormerKeys are the keys that were SecretKey before, 32 bytes each.
func (c *Config) FormerKeys() ([][]byte, error) {
	keys := make([][]byte, len(c.OldKeys))
	for i, text := range c.OldKeys {
		var err error
		if keys[i], err = decodeKey(text); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Location is Timezone, loaded.
func (c *Config) Location() *time.Location {
	if c.location == nil {
		return time.UTC
	}
	return c.location
}

// SetLocation is for a Config that is built in code rather than loaded.
func (c *Config) SetLocation(l *time.Location) { c.Timezone, c.location = l.String(), l }

// Default is a configuration with every default in place and every feature off.
func Default() *Config {
	c := &Config{}
	applyDefaults(c)
	c.Database.DSN = defaultSQLite
	c.location, _ = time.LoadLocation(c.Timezone) // embedded, cannot fail
	return c
}

// allPlatforms are the names of the platforms, each that of its section.
var allPlatforms = []string{dianping.Dianping, dianping.Meituan, platformDouyin}

const platformDouyin = "douyin"

// Platforms names the configured platforms.
func (c *Config) Platforms() []string {
	has := map[string]bool{dianping.Dianping: c.Dianping != nil, dianping.Meituan: c.Meituan != nil, platformDouyin: c.Douyin != nil}
	return slices.DeleteFunc(slices.Clone(allPlatforms), func(name string) bool { return !has[name] })
}

// credentials is the variable in which systemd tells the folder of what it hands over.
const credentials = "CREDENTIALS_DIRECTORY"

const defaultSQLite = "yanquan.db"

// decodeKey accepts both base64 alphabets, padded or not: people make keys with
// whatever is at hand.
func decodeKey(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("must be 32 bytes in base64; make one with: openssl rand -base64 32")
	}
	return key, nil
}
