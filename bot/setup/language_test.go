package setup

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// names have no language: addresses, paths, commands.
	names    = regexp.MustCompile(`\b(?:https?|wss?)://\S+|/[^\s：，。（）]+|yanquan (?:init|serve|doctor)\b|systemctl enable --now yanquan|--\w+|\$?\{\w+\}|overwrite: yes|"key: value"`)
	sentence = regexp.MustCompile(`[A-Za-z]*[a-z]{2,}(?: [a-z]{2,})+`)
	han      = regexp.MustCompile(`\p{Han}+`)
)

// console are names that stand in the consoles of WeCom and the platforms, and what is
// texted to the bot; they have no English.
var console = []string{
	"管理后台", "管理工具", "智能机器人", "可使用的成员", "使用", "回调", "随机获取", "保存", "使用长连接", "长连接", "我的企业", "企业信息", "企业", "应用管理", "自建", "创建应用",
	"查看", "接收消息", "设置", "接收", "企业可信", "域名主体校验未通过", "服务零售", "控制台", "应用信息", "来客", "店铺管理", "服务应用授权", "商家自研服务", "团购核销", "团购核销对账",
	"门店管理", "能力管理", "通讯录", "账号", "授权", "帮助", "核销", "北极星", "验券", "模式", "请求不通过", "自建应用", "可见范围", "生活服务", "授权回调地址", "消息推送地址",
	"要用中文：按", "再运行", // the one line for those whose locale is wrong
}

// others is what the platforms say, and what people and shops are called there.
var others = []string{"老板", "人民广场店", "签名错误", "或", "错误", "商家未授权"}

// leaks are what is said in the other language. Of doctor, which is English, nothing is
// looked at.
func leaks(lang, text string) []string {
	var mine []string
	for line := range strings.Lines(text) {
		if !regexp.MustCompile(`^[✓!✗] [a-z]`).MatchString(line) {
			mine = append(mine, names.ReplaceAllString(line, ""))
		}
	}
	text = strings.Join(mine, "")
	if lang == "zh" {
		return sentence.FindAllString(text, -1)
	}
	return slices.DeleteFunc(han.FindAllString(text, -1), func(run string) bool {
		return slices.Contains(console, run) || slices.Contains(others, run)
	})
}

// A person or a machine that is spoken to in one language is never spoken to in the other,
// whatever goes wrong.
func TestOneLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.lang = lang
			check := func(what string, said ...any) {
				t.Helper()
				text := fmt.Sprintln(said...)
				if found := leaks(lang, text); len(found) > 0 {
					t.Errorf("%s: %q in\n%s", what, found, text)
				}
			}
			machine := func(what string, answers map[string]string) {
				t.Helper()
				out := &watched{}
				err := w.machine(answers, out)
				check(what, err, out)
			}
			good := w.complete()
			good["wait"] = "1ms"
			listen := fieldOf("listen").variable()
			good["listen"] = w.env[listen]
			delete(w.env, listen) // it would win
			for _, tt := range wrongAnswers(w) {
				w.dir = t.TempDir()
				with := maps.Clone(good)
				with[tt.key] = tt.value
				machine(tt.key+": "+tt.value, with)
			}
			for key := range good {
				w.dir = t.TempDir()
				without := maps.Clone(good)
				delete(without, key)
				machine("without "+key, without)
			}
			w.dir = t.TempDir()
			machine("all is well", good)
			machine("another secret", map[string]string{"bot_token": "AnotherToken"})
			machine("no duration", map[string]string{"skip": "[]", "wait": "soon"})
			machine("silence", map[string]string{"skip": "[]", "wait": "1ms"})
			w.must(os.WriteFile(filepath.Join(w.dir, stateFile), []byte("answers: [\n"), 0o600))
			machine("state that cannot be read", nil)

			run := func(what string, o Options, lines ...string) {
				t.Helper()
				var out bytes.Buffer
				o.Lang, o.Out, o.Env, o.In = lang, &out, w.lookup, strings.NewReader(strings.Join(lines, "\n")+"\n")
				err := Run(t.Context(), o)
				if errors.Is(err, ErrStopped) || errors.Is(err, ErrNotFine) {
					err = nil // it has been told
				}
				check(what, err, out.String())
			}
			w.env[listen] = good["listen"]
			empty := t.TempDir()
			run("no folder", Options{Dir: filepath.Join(empty, "none")})
			run("a folder that cannot be written", Options{Dir: "/proc/self"})
			run("no answers", Options{Dir: empty, Answers: filepath.Join(empty, "none.yaml")})
			run("answers of no form", Options{Dir: empty, Answers: "-"}, "a: [")
			run("a key that is none", Options{Dir: empty, Answers: "-"}, "nonsense: 1")

			ln, err := net.Listen("tcp", w.listen)
			w.must(err)
			run("port in use", Options{Dir: empty}, "", "")
			w.must(ln.Close())
			w.env["YANQUAN_INIT_PUBLIC_URL"] = none
			socket := []string{"websocket", w.long.ID, w.long.Secret + "x", "", w.long.Secret, "meituan", developerID, signKey + "x", "", signKey, "boss"}
			for _, dsn := range []string{"nonsense", "yq:hush@tcp(127.0.0.1:1)/yanquan", "yq:hush@tcp(none.invalid:3306)/yanquan"} {
				run("database "+dsn, Options{Dir: t.TempDir()}, append(slices.Clone(socket), "mysql", dsn, "?", "sqlite", "a?b.db", "")...)
			}
			run("all is well", Options{Dir: t.TempDir()}, append(slices.Clone(socket), "sqlite", "")...)
		})
	}
}

// The words themselves keep to their language.
func TestWordsAreOfOneLanguage(t *testing.T) {
	t.Parallel()
	for lang, table := range tables {
		for key, text := range table {
			if key == "first.text" { // goes to managers, who read Chinese
				continue
			}
			if found := leaks(lang, text); len(found) > 0 {
				t.Errorf("%s %s: %q", lang, key, found)
			}
		}
	}
}
