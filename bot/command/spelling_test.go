package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Words are understood as they are often written: by another input method, in
// traditional characters, with a look-alike.
func TestSpellings(t *testing.T) {
	t.Parallel()
	const c = "7992697494"
	about := func(v Verb) Command { return Command{Verb: v, Items: []Item{{c, 1, "", ""}}} }
	for want, texts := range map[Verb]string{
		VerbVerify: "验 验券 验劵 验卷 驗 驗券 驗劵 驗証 验证 核 核销 核消 核銷 覈銷 合销 核验 核驗",
		VerbUndo:   "撤 撤销 撤消 撤銷 撤回 撒销 撒消 撤劵 取消 取消核销 取消核銷 取消核消 取消验劵 取消驗券",
		VerbQuery:  "查 查询 查詢 查寻 查尋 查看 查讯 査 査詢 查劵",
	} {
		for verb := range strings.FieldsSeq(texts) {
			for _, text := range []string{verb + " " + c, verb + c, c + " " + verb + "。"} {
				if diff := cmp.Diff(about(want), Parse(text)); diff != "" {
					t.Errorf("%q (-want +got):\n%s", text, diff)
				}
			}
			if got := ParseSpeech(verb + c); got.Verb != want || len(got.Items) != 1 {
				t.Errorf("spoken %q: %+v", verb+c, got)
			}
		}
	}
	for text, want := range map[string]Command{
		"幫助":                        {Verb: VerbHelp},
		"記錄":                        {Verb: VerbRecent, N: defRecent},
		"纪录 20條":                    {Verb: VerbRecent, N: 20},
		"日報":                        {Verb: VerbTotals, Period: Today},
		"統計 上週":                     {Verb: VerbTotals, Period: LastWeek},
		"這個月":                       {Verb: VerbTotals, Period: ThisMonth},
		"今曰":                        {Verb: VerbTotals, Period: Today},
		"11月20號":                    {Verb: VerbTotals, Period: "11-20"},
		"對賬":                        {Verb: VerbReconcile, Period: Yesterday},
		"对帐 昨天":                     {Verb: VerbReconcile, Period: Yesterday},
		"導出 上個月":                    {Verb: VerbExport, Period: LastMonth},
		"授權":                        {Verb: VerbAuthorize},
		"受权":                        {Verb: VerbAuthorize},
		"門店":                        {Verb: VerbStores},
		"後臺":                        {Verb: VerbConsole},
		"綁定 後街卷餅門店":                 {Verb: VerbBind, Name: "後街卷餅門店"}, // a name stays as it is
		"邦定":                        {Verb: VerbBind},
		"解綁":                        {Verb: VerbUnbind},
		"切換":                        {Verb: VerbSwitch},
		"員工":                        {Verb: VerbPeople},
		"我是 張消驗":                    {Verb: VerbJoin, Name: "張消驗"},
		"確認 " + c + " 已核銷":          {Verb: VerbClose, Items: []Item{{c, 1, "", ""}}, Used: true},
		"确认 " + c + " 沒有撤消":         {Verb: VerbClose, Items: []Item{{c, 1, "", ""}}, Used: true},
		"确认 " + c + " 没核销":          {Verb: VerbClose, Items: []Item{{c, 1, "", ""}}},
		"驗 " + c + " 2張":            {Verb: VerbVerify, Items: []Item{{c, 2, "", ""}}},
		"驗 " + c + "\n验 8992697494": {Verb: VerbVerify, Items: []Item{{c, 1, "", ""}, {"8992697494", 1, "", ""}}},
	} {
		if diff := cmp.Diff(want, Parse(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	if got := ParseSpeech("請幫我驗七九九二六九七四九四兩張"); got.Verb != VerbVerify || len(got.Items) != 1 || got.Items[0] != (Item{c, 2, "", ""}) {
		t.Errorf("%+v", got)
	}
	// What says the opposite, or something else, is no command.
	for _, text := range []string{"未核销 " + c, "不验 " + c, c + " 不核销", c + "别验", "验证码 " + c, "取消订单 " + c, "核对 " + c, "消费 " + c} {
		if got := Parse(text); len(got.Items) > 0 {
			t.Errorf("%q: %+v", text, got)
		}
	}
	for from, to := range spellings {
		if len(string(from)) != len(string(to)) {
			t.Errorf("%c and %c are not of one length", from, to)
		}
	}
}
