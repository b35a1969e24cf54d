package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/ptytest"
)

// typed runs a dialogue with a person at a terminal.
func (w *world) typed(ctx context.Context, lang string) (*ptytest.Terminal, <-chan error) {
	w.Helper()
	term := ptytest.New(w)
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Dir: w.dir, Lang: lang, In: term.Slave, Out: term.Slave, Env: w.lookup})
	}()
	return term, done
}

// A newcomer sets everything up, makes the usual mistakes, and has a bot that runs.
func TestDialogue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wecom.SetTrustedIPs([]string{"203.0.113.1"})
	term, done := w.typed(t.Context(), "zh")

	term.Expect("✓ 正在 " + w.listen + " 上等请求")
	term.Answer("公网地址（没有就回车）：", "yanquan.example.com")
	term.Answer("✗ 要写成 https://", "？")
	term.Expect("deploy/Caddyfile 有现成的）转到 " + w.listen)
	term.Answer("公网地址", "http://127.0.0.1:1")
	term.Expect("✗ http://127.0.0.1:1 打不开")
	term.Answer("公网地址 [http://127.0.0.1:1]（s 先放下）：", w.public+"/")
	term.Expect("✓ " + w.public + " 通到这里")

	term.Answer("用哪种方式：", "4")
	term.Answer("✗ 没有“4”这个选项", "回调。")
	term.Expect(w.public + "/wecom/bot/group")
	term.Answer("机器人的 Token：", w.robot.Token+"x y")
	term.Expect("✗ 中间不能有空格")
	term.Answer("机器人的 Token：", w.robot.Token+"，")
	term.Expect("✗ Token 是 3 到 32 个字母数字，这里有 " + fmt.Sprint(len(w.robot.Token)+1) + " 个字符")
	term.Answer("机器人的 Token：", "anotherToken")
	term.Answer("机器人的 EncodingAESKey：", w.robot.EncodingAESKey)
	term.Expect("先放下：")
	if err := w.save("bot"); err == nil {
		t.Error("the console has saved another token")
	}
	term.Expect("✗ 来查了，但签名对不上")
	term.Answer("回车重新填", "")
	term.Answer("机器人的 Token（回车用已存的）（s 先放下）：", w.robot.Token)
	term.Answer("机器人的 EncodingAESKey（回车用已存的）（s 先放下）：", "")
	term.Answer("先放下：", "") // too early
	term.Expect("还没有人来查")
	term.Expect("先放下：")
	w.must(w.save("bot"))
	term.Answer("回车继续：", "")

	term.Answer("要自建应用吗 [yes]：", "好")
	term.Answer("企业ID：", w.app.CorpID)
	term.Answer("AgentId：", "1000009")
	term.Answer("应用的 Secret：", "a-wrong-secret")
	term.Expect("✗ 企业微信不认这个 Secret（40001）")
	term.Answer("应用的 Secret（回车用已存的）", w.app.Secret)
	term.Expect("✓ 企业ID和Secret是对的")
	term.Answer("应用的 Token：", w.app.Token)
	term.Answer("应用的 EncodingAESKey：", w.app.EncodingAESKey)
	term.Expect("先放下：")
	w.must(w.save("app"))
	term.Answer("回车继续：", "")
	term.Expect("✗ 本机出去的地址 127.0.0.1 不在企业可信IP里（60020）")
	term.Answer("弄好后回车再查", "")
	term.Expect("60020")
	w.wecom.SetTrustedIPs(nil)
	term.Answer("弄好后回车再查", "")
	term.Expect("✗ AgentId 1000009 不是这个 Secret 的应用")
	term.Answer("AgentId [1000009]（s 先放下）：", "１０００００２")
	term.Expect("✓ AgentId 是对的")

	term.Answer("用哪些平台：", "1 快手")
	term.Answer("✗ 没有“快手”这个选项", "1、抖音")
	term.Answer("developerId：", developerID)
	term.Answer("signKey：", "wrong-sign-key")
	term.Expect("✗ 美团不认这对密钥")
	term.Answer("developerId ["+developerID+"]（s 先放下）：", "")
	term.Answer("signKey（回车用已存的）", signKey)
	term.Expect("密钥是对的")
	term.Expect("✓ 本机时钟和")
	term.Expect("消息推送地址 " + w.public + "/auth/meituan/notice")
	term.Answer("client_key：", clientKey)
	term.Answer("client_secret：", clientSecret)
	term.Expect("✓ 抖音认得这个应用")
	term.Answer("来客账户ID（没有就回车）：", account)
	term.Expect("✓ 这个账户有 1 家门店：人民广场店")
	term.Expect("先放下：")
	w.must(w.douyin.Subscribe(t.Context(), w.public+"/auth/douyin/notice"))
	term.Answer("回车继续：", "")

	term.Answer("管理员的账号（没有就回车）：", "laoban")
	term.Expect("✗ 企业微信没有把 laoban 告诉这个应用")
	term.Answer("管理员的账号 [laoban]（s 先放下）：", "boss")
	term.Expect("✓ boss 是 老板")
	term.Answer("数据库 [sqlite]：", "一个文件")
	term.Answer("✗ 没有“一个文件”这个选项", "１.")
	term.Answer("SQLite 的文件 ["+filepath.Join(w.dir, "yanquan.db")+"]：", "")
	term.Expect("✓ 写好了 ")
	term.Answer("现在发第一条消息吗 [yes]：", "")
	term.Expect("✓ 发给 boss 了")
	term.Expect("装好了。启动：yanquan serve --config " + filepath.Join(w.dir, "config.yaml"))
	if err := <-done; err != nil {
		t.Fatalf("%v\n%s", err, term.Shown())
	}
	if strings.Contains(afterHeading(term.Shown()), "\n✗") {
		t.Errorf("the doctor is not green:\n%s", term.Shown())
	}
	w.hides("the terminal", term.Shown())
	if strings.Contains(term.Shown(), "wrong-s") {
		t.Error("a secret is echoed")
	}
	shown := w.wecom.Screen(wecomtest.InApp("main", "boss"))
	if len(shown) != 1 || !strings.Contains(shown[0].Text, "验券机器人装好了") {
		t.Errorf("the manager sees %+v", shown)
	}

	cfg := w.loads()
	if cfg.Server.PublicURL != w.public || cfg.Managers[0] != "boss" || cfg.Douyin.AccountID != account || cfg.WeCom.Apps[0].AgentID != 1000002 || cfg.Report == nil {
		t.Errorf("config.yaml:\n%s", w.file("config.yaml"))
	}
	w.runs(cfg, func() {
		w.must(w.save("app"))
		w.must(w.save("bot"))
	})
}

// afterHeading is what was shown after the last heading.
func afterHeading(text string) string { return text[strings.LastIndex(text, "\n== "):] }

// Ctrl-C stops anywhere, also in the middle of a secret; the next run goes on there.
func TestStoppedAndTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	term, done := w.typed(t.Context(), "en")
	term.Answer("Public address (Enter: none): ", "")
	term.Answer("Which way: ", "websocket")
	term.Answer("BotID: ", w.long.ID)
	term.Expect("Secret of the robot: ")
	term.Type("half\x03")
	term.Expect("Stopped. What was answered is kept")
	if err := <-done; err != ErrStopped { //nolint:errorlint // it is this one
		t.Fatal(err)
	}
	if !term.Echoes() || strings.Contains(term.Shown(), "half") {
		t.Errorf("the terminal does not echo any more, or has shown the secret:\n%s", term.Shown())
	}

	term, done = w.typed(t.Context(), "en")
	term.Expect("answers are kept from before")
	term.Answer("Enter goes on; a goes through every answer again: ", "")
	term.Expect("✓ BotID: " + w.long.ID)
	term.Answer("Secret of the robot: ", w.long.Secret)
	term.Expect("✓ WeCom knows the robot")
	term.Answer("Which platforms: ", "meituan")
	term.Answer("developerId: ", developerID)
	term.Answer("signKey: ", signKey)
	term.Answer("Userids of the managers (Enter: none): ", "boss")
	term.Answer("Database [sqlite]: ", "")
	term.Answer("File of SQLite [", "")
	term.Expect("let boss open the robot in WeCom and text 帮助")
	term.Expect("All is set up.")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	cfg := w.loads()
	w.runs(cfg, func() { w.must(w.wecom.WaitConnected(t.Context(), "long")) })

	// Once more: nothing is asked, and nothing changes.
	before := w.file("config.yaml") + w.file(".env")
	term, done = w.typed(t.Context(), "en")
	term.Answer("Enter goes on; a goes through every answer again: ", "")
	term.Expect("config.yaml is as it was")
	term.Expect("All is set up.")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if before != w.file("config.yaml")+w.file(".env") {
		t.Error("a run without a change has changed something")
	}

	// All anew, with another answer.
	term, done = w.typed(t.Context(), "en")
	term.Answer("Enter goes on; a goes through every answer again: ", "a")
	for _, kept := range []string{"Listen on [" + w.listen + "]: ", "Public address (Enter: none): ", "Which way [websocket]: ", "BotID [" + w.long.ID + "]: ", "Secret of the robot (Enter: as kept): ",
		"Which platforms [meituan]: ", "developerId [" + developerID + "]: ", "signKey (Enter: as kept): "} {
		term.Answer(kept, "")
	}
	term.Answer("Userids of the managers [boss]: ", "boss, sunba")
	term.Answer("Database [sqlite]: ", "")
	term.Answer("File of SQLite [", "")
	term.Answer("Replace it: ", "y")
	term.Expect("All is set up.")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if cfg := w.loads(); len(cfg.Managers) != 2 {
		t.Errorf("managers %q", cfg.Managers)
	}
}

// A check that was put off and needs nothing more is not told as left.
func TestPutOffAndSavedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := func(lines ...[2]string) string {
		t.Helper()
		term, done := w.typed(t.Context(), "zh")
		for _, l := range lines {
			if l[0] == "save" {
				term.Expect("查过会告诉您；s 先放下：")
				w.must(w.save(l[1]))
				continue
			}
			term.Answer(l[0], l[1])
		}
		term.Expect("启动：yanquan serve --config ")
		if err := <-done; err != nil {
			t.Fatalf("%v\n%s", err, term.Shown())
		}
		return term.Shown()
	}
	run([2]string{"公网地址", w.public}, [2]string{"用哪种方式", "1"}, [2]string{"机器人的 Token", w.robot.Token}, [2]string{"机器人的 EncodingAESKey", w.robot.EncodingAESKey}, [2]string{"save", "bot"}, [2]string{"回车继续", ""},
		[2]string{"要自建应用吗", "不要"}, [2]string{"用哪些平台", "美团"}, [2]string{"developerId", developerID}, [2]string{"signKey", signKey}, [2]string{"管理员的账号", "boss"}, [2]string{"数据库", ""}, [2]string{"SQLite 的文件", ""})
	again := [][2]string{{"回车继续；输入 a", "ａ"}, {"本机的地址和端口", ""}, {"公网地址", ""}, {"用哪种方式", ""}, {"机器人的 Token", ""}, {"机器人的 EncodingAESKey", ""}, {"查过会告诉您", "ｓ"}, {"要自建应用吗", ""},
		{"用哪些平台", ""}, {"developerId", ""}, {"signKey", ""}, {"管理员的账号", ""}, {"数据库", ""}, {"SQLite 的文件", ""}}
	if shown := run(again...); !strings.Contains(afterHeading(shown), "! 先放下") {
		t.Errorf("what was put off is not told:\n%s", shown)
	}
	if shown := run([2]string{"回车继续；输入 a", ""}); !strings.Contains(shown, "✓ 以前已保存") || strings.Contains(shown, "! 先放下") || !strings.Contains(shown, "装好了。") {
		t.Errorf("what was saved before is told as left:\n%s", shown)
	}
	if state := w.file(stateFile); !strings.Contains(state, "put_off: []") {
		t.Errorf("what was saved before stays put off:\n%s", state)
	}
}

// Where nothing can be written, that is said before anything is asked.
func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Run(t.Context(), Options{Dir: "/proc/self", Lang: "zh", In: strings.NewReader("\n"), Out: &out, Env: func(string) (string, bool) { return "", false }})
	var usage Usage
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "这个文件夹不能写：/proc/self") || !strings.Contains(err.Error(), "sudo") || out.Len() > 0 {
		t.Errorf("%v\n%s", err, out.String())
	}
}
