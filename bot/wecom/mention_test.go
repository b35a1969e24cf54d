package wecom

import (
	"strings"
	"testing"
)

func TestStripMentions(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		// No name configured: what a four-per-em space ends.
		{"", "验 7992697494", "验 7992697494"},
		{"", "@RobotA hello robot", "@RobotA hello robot"},
		{"", "@验券\u2005验 7992697494", "验 7992697494"},
		{"", "@Voucher Bot\u2005验 7992697494", "验 7992697494"},
		{"", "＠Voucher Bot\u2005验 7992697494", "验 7992697494"},
		{"", "@张三\u2005@验券\u2005验 7992697494", "验 7992697494"},
		{"", "验 7992697494@验券\u2005", "验 7992697494"},
		{"", "验 7992697494 @Voucher Bot\u2005", "验 7992697494"},
		{"", "@验券 验 7992697494 @张三\u2005看一下", "@验券 验 7992697494  \u2005看一下"},
		// Others are for who knows the commands.
		{"", "@Voucher Bot 验 7992697494", "@Voucher Bot 验 7992697494"},
		{"", "  @验券\u00a0验 7992697494  ", "@验券\u00a0验 7992697494"},
		{"", "@验券\n验 7992697494\n验 7992697495", "@验券\n验 7992697494\n验 7992697495"},
		// Nothing that may be a code or the whole command is lost.
		{"", "@验券验7992697494", "@验券验7992697494"},
		{"", "@验券 7992697494\u2005x2", "@验券 7992697494\u2005x2"},
		{"", "@验券 今日\u2005", "@验券 今日"},
		{"", "@验券", "@验券"},
		{"", "", ""},
		// The name is configured.
		{"验券", "@验券", ""},
		{"验券", "@验券 今日", "今日"},
		{"验券", "@验券今日", "@验券 今日"},
		{"验券", "@验券小王 验 7992697494", "@验券 小王 验 7992697494"},
		{"验券助手", "@验券助手验 7992697494", "@验券助手 验 7992697494"},
		{"Voucher Bot", "@voucher bot 验 7992697494", "验 7992697494"},
		{"Voucher Bot", "@Voucher\u00a0Bot\u2005验 7992697494", "验 7992697494"},
		{"Voucher Bot", "@Voucher Bot验7992697494", "@Voucher Bot 验7992697494"},
		{"Voucher Bot", "@Voucher Bottle 验 7992697494", "@Voucher Bottle 验 7992697494"},
		{"Voucher Bot", "验 7992697494 @Voucher Bot", "验 7992697494"},
		{"Voucher Bot", "@Voucher Bot@张三 验 7992697494", "@张三 验 7992697494"},
		{"Voucher Bot", "@Old Name\u2005验 7992697494", "验 7992697494"},
		{"Bot 20240101", "@Bot 20240101 验 7992697494", "验 7992697494"},
	}
	for _, tt := range tests {
		if got := stripMentions(tt.text, tt.name); got != tt.want {
			t.Errorf("stripMentions(%q, %q) = %q, want %q", tt.text, tt.name, got, tt.want)
		}
	}
}

// FuzzStripMentions: a code survives whatever surrounds it.
func FuzzStripMentions(f *testing.F) {
	f.Add("@验券 验 ", " @张三\u2005", "验券")
	f.Add("@a b\u2005", "@", "a b")
	f.Fuzz(func(t *testing.T, before, after, name string) {
		const code = "7992697494"
		if strings.Contains(name, code) {
			return // a robot named like the code: what is cut then is the name
		}
		if got := stripMentions(before+code+after, name); !strings.Contains(got, code) {
			t.Errorf("stripMentions(%q, %q) = %q", before+code+after, name, got)
		}
	})
}
