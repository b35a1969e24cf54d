package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Names of robots and colleagues have several words, stand anywhere, and may touch the
// command.
func TestMentionsAreNotPartOfACommand(t *testing.T) {
	t.Parallel()
	const c = "7992697494"
	for text, want := range map[string]string{
		"@Yan Quan Bot 验 " + c:                 "验 " + c,
		"@Yan Quan Bot\u2005验 " + c:            "验 " + c,
		"＠Yan Quan Bot 验" + c:                  "验 " + c,
		"@Yan Quan Bot @李 四 验 " + c:            "验 " + c,
		"@李 四 @Yan Quan Bot 撤 " + c:            "撤 " + c,
		"@Yan Quan Bot@李 四 验 " + c:             "验 " + c,
		"@验券 小助手 验 " + c:                       "验 " + c,
		"@O'Neil (前台) 验 " + c:                  "验 " + c,
		"验 " + c + " @Yan Quan Bot":            "验 " + c,
		"验 " + c + " @Yan Quan Bot x2":         "验 " + c + " x2",
		"验 " + c + "@李 四":                      "验 " + c,
		"验 @Yan Quan Bot " + c:                 "验 " + c,
		"验 " + c + " @Yan Quan Bot\n899269749": "验 " + c + " 899269749",
		c + " @Yan Quan Bot":                   "查 " + c,
		"@Yan Quan Bot " + c:                   "查 " + c,
		"@Yan Quan Bot 7992 6974 94":           "查 " + c,
		"@验券助手验 " + c:                          "验 " + c,
		"@验券助手验" + c:                           "验 " + c,
		"@验券助手撤销 " + c:                         "撤 " + c,
		"@Voucher Bot 验" + c:                   "验 " + c,
		"@VoucherBot验 " + c:                    "验 " + c,
		"@验券助手" + c:                            "查 " + c,
		// A name may end in 核销: whether it does is not certain, and a look does no harm.
		"@美团核销 " + c:          "查 " + c,
		"@美团核销" + c:           "查 " + c,
		"@验" + c:              "查 " + c,
		"@验" + c + " x2":      "查 " + c + " x2",
		"@" + c:               "查 " + c,
		"@Yan Quan Bot\n" + c: "查 " + c,
	} {
		if cmd := Parse(text); cmd.Problem != "" || cmd.String() != want {
			t.Errorf("%q: %q, problem %q; want %q", text, cmd.String(), cmd.Problem, want)
		}
	}
	for text, want := range map[string]Command{
		"@Yan Quan Bot 今日":      {Verb: VerbTotals, Period: Today},
		"@验券助手今日":               {Verb: VerbTotals, Period: Today},
		"@Yan Quan Bot 9月":      {Verb: VerbTotals, Period: "09"},
		"@Yan Quan Bot help":    {Verb: VerbHelp},
		"@Yan Quan Bot 撤":       {Verb: VerbUndo},
		"撤 @Yan Quan Bot":       {Verb: VerbUndo},
		"@Yan Quan Bot 我是 Li 四": {Verb: VerbJoin, Name: "Li 四"},
		"我是 Li 四 @Yan Quan Bot": {Verb: VerbJoin, Name: "Li 四"},
		"切换 徐家汇店 @Yan Quan Bot": {Verb: VerbSwitch, Name: "徐家汇店"},
		"@Yan Quan Bot":         {},
		"@验券":                   {},
		"@Yan Quan Bot @李 四":    {},
		"@":                     {},
	} {
		if diff := cmp.Diff(want, Parse(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// What may say that something is not to be done is not taken for a name.
func TestTalkBesideAMentionIsNotDropped(t *testing.T) {
	t.Parallel()
	const c = "7992697494"
	for _, text := range []string{
		"@Bot 不要 验 " + c, "@Bot 先别 验 " + c, "@李 别 验 " + c, "@张三 你来 验 " + c, "@Bot 刚才 谁 验 " + c, "@Bot don't 验 " + c, "@Bot 等一下 验 " + c,
		"验 " + c + " @张三 错了", "验 " + c + " @张三 作废", "验 " + c + " @张三 看一下", "验 " + c + " @Bob cancel", "验 " + c + " @李 别", "验 " + c + " @小王8992697494",
		"验 " + c + " @Yan Quan Bot 不要", "@Bot 撤 验 " + c,
	} {
		if cmd := Parse(text); len(cmd.Items) > 0 {
			t.Errorf("%q: %+v", text, cmd)
		}
	}
}

func TestBuried(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"@Bot 请 验 7992697494": true, " ＠张三\u2005来 今日": true, "@Bot 你好": false, "@验券": false, "请 @张三 验 1": false, "": false,
	} {
		if Buried(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
