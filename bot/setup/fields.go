package setup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"yanquan/bot/wecom"
	"yanquan/internal/config"
)

// field is one answer.
type field struct {
	key    string
	env    string // variable that gives it as well; of a secret, its name in .env
	secret bool
	plain  string // what it is where nothing else is said; a machine is not asked for it
	hidden bool   // people are not asked either
}

// fields are all answers there are.
var fields = []field{
	{key: "listen", plain: "127.0.0.1:8080"},
	{key: "public_url"},
	{key: "robot"},
	{key: "bot_token", env: "WECOM_BOT_TOKEN", secret: true},
	{key: "bot_aes_key", env: "WECOM_BOT_AES_KEY", secret: true},
	{key: "bot_id"},
	{key: "bot_secret", env: "WECOM_BOT_SECRET", secret: true},
	{key: "bot_socket_url", plain: config.DefaultSocketURL, hidden: true},
	{key: "app"},
	{key: "corp_id"},
	{key: "agent_id"},
	{key: "app_secret", env: "WECOM_APP_SECRET", secret: true},
	{key: "app_token", env: "WECOM_APP_TOKEN", secret: true},
	{key: "app_aes_key", env: "WECOM_APP_AES_KEY", secret: true},
	{key: "wecom_api_url", plain: wecom.DefaultAPIURL, hidden: true},
	{key: "platforms"},
	{key: "meituan_developer_id", env: "MEITUAN_DEVELOPER_ID"},
	{key: "meituan_sign_key", env: "MEITUAN_SIGN_KEY", secret: true},
	{key: "meituan_api_url", plain: "https://api-open-cater.meituan.com", hidden: true},
	{key: "meituan_auth_url", plain: "https://open-erp.meituan.com", hidden: true},
	{key: "douyin_client_key", env: "DOUYIN_CLIENT_KEY"},
	{key: "douyin_client_secret", env: "DOUYIN_CLIENT_SECRET", secret: true},
	{key: "douyin_account_id", plain: none},
	{key: "douyin_api_url", plain: "https://open.douyin.com", hidden: true},
	{key: "dianping_app_key", env: "DIANPING_APP_KEY"},
	{key: "dianping_app_secret", env: "DIANPING_APP_SECRET", secret: true},
	{key: "dianping_api_url", plain: "https://openapi.dianping.com", hidden: true},
	{key: "dianping_auth_url", plain: "https://e.dianping.com", hidden: true},
	{key: "managers"},
	{key: "database", plain: "sqlite"},
	{key: "sqlite_file"},
	{key: "mysql_dsn", env: "YANQUAN_DATABASE_DSN", secret: true},
	{key: "secret_key", env: "YANQUAN_SECRET_KEY", secret: true, plain: none, hidden: true},
	{key: "overwrite"},
	{key: "first_message", plain: "no"},
	{key: "skip", plain: none, hidden: true},
	{key: "wait", plain: "5m", hidden: true},
}

// none is an answer that is empty.
const none = "-"

func fieldOf(key string) field {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		panic("setup: no field " + key)
	}
	return fields[i]
}

// variable gives any answer.
func (f field) variable() string { return "YANQUAN_INIT_" + strings.ToUpper(f.key) }

// readAnswers reads the file of a machine, if there is one.
func (i *installation) readAnswers() (err error) {
	var raw []byte
	switch i.Answers {
	case "":
		return nil
	case "-":
		raw, err = io.ReadAll(i.Options.In)
	default:
		raw, err = os.ReadFile(i.Answers)
	}
	if err != nil {
		return Usage(i.text("no.answers", i.Answers, err))
	}
	answers, no := parseAnswers(i.Answers, raw)
	if no != nil {
		return Usage(i.text(no.why, no.args...))
	}
	i.file = answers
	secret := slices.ContainsFunc(fields, func(f field) bool { return f.secret && answers[f.key] != "" && answers[f.key] != none })
	if secret && i.Answers != "-" && config.OpenToOthers(i.Answers) {
		i.warn("answers.open", i.Answers)
	}
	return nil
}

func parseAnswers(name string, raw []byte) (map[string]string, *refusal) {
	var given map[string]any
	if err := yaml.Unmarshal(raw, &given); err != nil {
		line := 1
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok && syntax.Token != nil && syntax.Token.Position != nil {
			line = syntax.Token.Position.Line // the library's text quotes the file
		}
		return nil, refuse("no.answers.form", name, line)
	}
	answers := map[string]string{}
	for key, value := range given {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.key == key }) {
			return nil, refuse("no.answers.key", name, key, strings.Join(allKeys(), ", "))
		}
		text, ok := scalar(value)
		if !ok {
			return nil, refuse("no.answers.value", name, key)
		}
		answers[key] = text
	}
	return answers, nil
}

func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return none, true
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v], true
	case []any:
		var all []string
		for _, one := range v {
			text, ok := scalar(one)
			if !ok {
				return "", false
			}
			all = append(all, text)
		}
		return cmp.Or(strings.Join(all, ","), none), true
	case map[string]any, float64: // a number that was changed in reading is no answer
		return "", false
	}
	return cmp.Or(strings.TrimSpace(fmt.Sprint(value)), none), true
}

func allKeys() (keys []string) {
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return keys
}
