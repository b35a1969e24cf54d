package setup

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/models"
)

// storeSection is where all is kept, and what seals it.
type storeSection struct {
	section
	folder
	offered map[string]string // of a config.yaml that cannot be loaded
}

func (s storeSection) run(ctx context.Context) error {
	s.head("store")
	if err := s.secretKey(); err != nil {
		return err
	}
	var driver, dsn string
	return s.until(ctx, "database", func() (err error) {
		driver, dsn, err = s.database(ctx)
		return err
	}, func() *refusal {
		if driver != models.MySQL {
			return nil
		}
		cfg := config.Default()
		cfg.SecretKey, cfg.Database.Driver, cfg.Database.DSN = s.value("secret_key"), driver, dsn
		call, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		db, err := app.OpenDB(call, cfg, nil, s.probe.Now)
		if err == nil {
			err = errors.Join(db.Ping(call), db.Close())
		}
		if err != nil {
			return refuse("no.database", config.RedactDSN(dsn), err).of("database", "mysql_dsn") // the choice may be what is wrong
		}
		s.good("database.good")
		return nil
	})
}

// database asks which, and where it is, until serve would take the answer.
func (s storeSection) database(ctx context.Context) (driver, dsn string, err error) {
	for {
		driver, err = s.ask(ctx, question{key: "database", choices: []string{models.SQLite, models.MySQL}, plain: s.offered["database"]})
		if err != nil {
			return "", "", err
		}
		s.typed["database"] = driver
		if driver == models.SQLite {
			dsn, err = s.ask(ctx, question{key: "sqlite_file", plain: s.sqliteFile(), check: sqliteFile})
			s.typed["sqlite_file"] = dsn
			return driver, dsn, err
		}
		dsn, err = s.ask(ctx, question{key: "mysql_dsn"})
		switch {
		case err != nil || config.IsMySQL(dsn):
			return driver, dsn, err
		case s.in == nil:
			return "", "", Usage("mysql_dsn: " + s.text("no.dsn"))
		}
		s.line("✗ ", "no.dsn", nil)
		s.refused["database"], s.refused["mysql_dsn"] = "", "" // serve does not start with it, so it cannot wait
	}
}

func sqliteFile(text string) *refusal {
	if _, err := models.SQLitePath(text); err != nil {
		return refuse("no.sqlite_file", text)
	}
	return nil
}

// secretKey takes the key there is, for what it has sealed cannot be read without it, or
// makes one.
func (s storeSection) secretKey() error {
	f := fieldOf("secret_key")
	key := s.value(f.key)
	if key == none {
		var raw [32]byte
		rand.Read(raw[:])
		key = base64.StdEncoding.EncodeToString(raw[:])
		s.good("key.made", f.env)
	}
	return s.remember(f, key)
}

// sqliteFile is where it is offered.
func (s storeSection) sqliteFile() string {
	if file, ok := s.offered["sqlite_file"]; ok {
		return file
	}
	return s.folder.sqliteFile()
}

// fileSection is what is written in the end.
type fileSection struct {
	section
	folder
}

// write writes config.yaml, never over another without asking, and gives the path of what
// it wrote. The secrets are in .env already.
func (s fileSection) write(ctx context.Context) (string, error) {
	s.head("write")
	text := configText(s.words, &s.answers)
	env := filepath.Join(s.dir, config.DotEnv)
	there, err := os.ReadFile(s.config())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case string(there) == text:
		s.good("wrote.same", s.config(), env)
		return s.config(), nil
	default:
		delete(s.kept.Answers, "overwrite") // it is asked each time
		over, err := s.yes(ctx, "overwrite", "", s.config())
		if err != nil {
			return "", err
		}
		if !over {
			beside := filepath.Join(s.dir, "config.new.yaml")
			s.good("wrote.beside", beside, s.config())
			return beside, writeFile(beside, text, public)
		}
		old := s.config() + ".old-" + s.probe.Now().Format("20060102-150405")
		if err := writeFile(old, string(there), private); err != nil {
			return "", err
		}
		s.good("wrote.old", old)
	}
	if err := writeFile(s.config(), text, public); err != nil {
		return "", err
	}
	s.good("wrote", s.config(), env)
	return s.config(), nil
}

// formerAnswers is what the config.yaml that is there says, as far as it can be read.
func formerAnswers(path string, env func(string) (string, bool)) (map[string]string, error) {
	cfg, err := config.Load(path, env)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := map[string]string{"listen": cfg.Server.Listen, "public_url": cfg.Server.PublicURL, "secret_key": cfg.SecretKey, "managers": strings.Join(cfg.Managers, ","),
		"database": cfg.Database.Driver, "platforms": strings.Join(cfg.Platforms(), ",")}
	key := map[string]string{models.SQLite: "sqlite_file", models.MySQL: "mysql_dsn"}[cfg.Database.Driver]
	a[key] = cfg.Database.DSN
	if w := cfg.WeCom; w != nil {
		a["wecom_api_url"], a["corp_id"] = w.APIURL, w.CorpID
		if len(w.Bots) == 0 {
			a["robot"] = "none"
		}
		if len(w.Apps) == 0 {
			a["app"] = "no"
		}
		if i := slices.IndexFunc(w.Apps, func(a config.App) bool { return a.Name == appName }); i >= 0 {
			one := w.Apps[i]
			a["app"], a["agent_id"], a["app_secret"], a["app_token"], a["app_aes_key"] = "yes", strconv.FormatInt(one.AgentID, 10), one.Secret, one.Token, one.EncodingAESKey
		}
		if i := slices.IndexFunc(w.Bots, func(b config.Bot) bool { return b.Name == robotName }); i >= 0 {
			one := w.Bots[i]
			a["robot"], a["bot_token"], a["bot_aes_key"], a["bot_id"], a["bot_secret"], a["bot_socket_url"] = one.Mode, one.Token, one.EncodingAESKey, one.BotID, one.Secret, one.URL
		}
	}
	if p := cfg.Meituan; p != nil {
		a["meituan_developer_id"], a["meituan_sign_key"], a["meituan_api_url"], a["meituan_auth_url"] = p.DeveloperID, p.SignKey, p.APIURL, p.AuthURL
	}
	if p := cfg.Dianping; p != nil {
		a["dianping_app_key"], a["dianping_app_secret"], a["dianping_api_url"], a["dianping_auth_url"] = p.AppKey, p.AppSecret, p.APIURL, p.AuthURL
	}
	if p := cfg.Douyin; p != nil {
		a["douyin_client_key"], a["douyin_client_secret"], a["douyin_account_id"], a["douyin_api_url"] = p.ClientKey, p.ClientSecret, p.AccountID, p.APIURL
	}
	for key, v := range a {
		if v == "" {
			delete(a, key)
		}
	}
	return a, nil
}

// offers is what is offered of a config.yaml that cannot be loaded: where its database is.
// The rest is asked for anew, as most of the config.yaml that a package brings are examples.
func offers(path string) map[string]string {
	var c struct {
		Database struct {
			Driver string `yaml:"driver"`
			DSN    string `yaml:"dsn"`
		} `yaml:"database"`
	}
	raw, err := os.ReadFile(path)
	if err != nil || yaml.Unmarshal(raw, &c) != nil {
		return nil
	}
	a := map[string]string{}
	switch driver, dsn := c.Database.Driver, c.Database.DSN; {
	case driver == models.MySQL:
		a["database"] = driver
	case filepath.IsAbs(dsn) && !strings.Contains(dsn, "$") && sqliteFile(dsn) == nil:
		a["sqlite_file"] = dsn
	}
	return a
}
