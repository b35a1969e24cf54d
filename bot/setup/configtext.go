package setup

import (
	"encoding/json"
	"fmt"
	"strings"

	"yanquan/dianping"
	"yanquan/models"
)

// sheet is a config.yaml that is being written.
type sheet struct {
	words
	*answers
	strings.Builder
}

// configText is config.yaml.
func configText(w words, a *answers) string {
	s := &sheet{words: w, answers: a}
	s.comment("", "head")
	s.place()
	s.owners()
	s.channels()
	for _, name := range split(s.value("platforms")) {
		s.platform(name)
	}
	s.put("")
	s.comment("", "report")
	s.put("report:\n  at: \"22:00\"")
	return s.String()
}

func (s *sheet) put(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *sheet) comment(indent, key string, args ...any) {
	for line := range strings.SplitSeq(s.text("config."+key, args...), "\n") {
		s.put("%s# %s", indent, line)
	}
}

// set writes an answer, a secret by its name. What people are not asked for is left out
// where it is what it is anyway.
func (s *sheet) set(indent, name, key string) {
	f := fieldOf(key)
	switch v := s.value(key); {
	case f.secret:
		s.put("%s%s: \"${%s}\"", indent, name, f.env)
	case v != none && (!f.hidden || v != f.plain):
		s.put("%s%s: %s", indent, name, quoted(v))
	}
}

// quoted is a text as YAML, in which config.yaml replaces nothing.
func quoted(text string) string {
	raw, err := json.Marshal(strings.ReplaceAll(text, "${", "$${"))
	if err != nil {
		panic(err) // of a string: never
	}
	return string(raw)
}

func (s *sheet) place() {
	s.put("\nserver:")
	s.comment("  ", "listen")
	s.set("  ", "listen", "listen")
	if s.public() != "" {
		s.comment("  ", "public_url")
		s.set("  ", "public_url", "public_url")
	}
	s.put("\ndatabase:")
	s.put("  driver: %s", s.value("database"))
	if s.value("database") == models.MySQL {
		s.set("  ", "dsn", "mysql_dsn")
	} else {
		s.put("  dsn: %s", quoted(s.value("sqlite_file")))
	}
}

func (s *sheet) owners() {
	s.put("")
	s.comment("", "secret_key")
	s.set("", "secret_key", "secret_key")
	s.put("")
	s.comment("", "managers")
	ids := split(unless(s.value("managers")))
	for i := range ids {
		ids[i] = quoted(ids[i])
	}
	s.put("managers: [%s]", strings.Join(ids, ", "))
}

// channels are the app and the robot, as far as WeCom can reach them.
func (s *sheet) channels() {
	robot, app := s.value("robot"), s.public() != "" && s.value("app") == "yes"
	if robot == "none" && !app {
		return
	}
	s.put("\nwecom:")
	s.set("  ", "api_url", "wecom_api_url")
	if app {
		s.set("  ", "corp_id", "corp_id")
		s.comment("  ", "app", s.public()+"/wecom/app/"+appName)
		s.put("  apps:\n    - name: %s", appName)
		s.put("      agent_id: %s", s.value("agent_id"))
		s.set("      ", "secret", "app_secret")
		s.set("      ", "token", "app_token")
		s.set("      ", "encoding_aes_key", "app_aes_key")
	}
	switch robot {
	case "url":
		s.comment("  ", "robot", s.public()+"/wecom/bot/"+robotName)
		s.put("  bots:\n    - name: %s", robotName)
		s.set("      ", "token", "bot_token")
		s.set("      ", "encoding_aes_key", "bot_aes_key")
	case "websocket":
		s.comment("  ", "socket")
		s.put("  bots:\n    - name: %s\n      mode: websocket", robotName)
		s.set("      ", "bot_id", "bot_id")
		s.set("      ", "secret", "bot_secret")
		s.set("      ", "url", "bot_socket_url")
	}
}

func (s *sheet) platform(name string) {
	s.put("")
	s.comment("", name)
	s.put("%s:", name)
	s.set("  ", "api_url", name+"_api_url")
	switch name {
	case dianping.Meituan:
		s.set("  ", "auth_url", "meituan_auth_url")
		s.set("  ", "developer_id", "meituan_developer_id")
		s.set("  ", "sign_key", "meituan_sign_key")
	case dianping.Dianping:
		s.set("  ", "auth_url", "dianping_auth_url")
		s.set("  ", "app_key", "dianping_app_key")
		s.set("  ", "app_secret", "dianping_app_secret")
	default:
		s.set("  ", "client_key", "douyin_client_key")
		s.set("  ", "client_secret", "douyin_client_secret")
		s.set("  ", "account_id", "douyin_account_id")
	}
}
