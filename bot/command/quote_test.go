package command

import (
	"strings"
	"testing"
)

func TestParseReply(t *testing.T) {
	t.Parallel()
	const quoted = "验 7992697494，麻烦了"
	for _, tt := range []struct{ text, quote, want string }{
		{"撤", quoted, "撤 7992697494"},
		{"@验券 撤销。", quoted, "撤 7992697494"},
		{"查", "券码：７９９２６９７４９４", "查 7992697494"},
		{"验", quoted + " 7992697494", "验 7992697494"}, // the same twice is one
		{"撤 7861310011", quoted, "撤 7861310011"},      // what is said counts
		{"7861310011", quoted, "查 7861310011"},
		{"撤", "", "撤"},
		{"撤", "谢谢 12", "撤"},
	} {
		if cmd := ParseReply(tt.text, tt.quote); cmd.Problem != "" || cmd.String() != tt.want {
			t.Errorf("%q to %q: %q, problem %q", tt.text, tt.quote, cmd.String(), cmd.Problem)
		}
	}
	for _, tt := range []struct{ text, quote, want string }{
		{"撤", "7992697494 7861310011", "2 个号码"},
		{"验", "谢谢", "请带上券码"},
		{"验 79926", quoted, "79926"}, // a code that is wrong is not replaced by another
	} {
		if cmd := ParseReply(tt.text, tt.quote); len(cmd.Items) > 0 || !strings.Contains(cmd.Problem, tt.want) {
			t.Errorf("%q to %q: %+v", tt.text, tt.quote, cmd)
		}
	}
	if cmd := ParseReply("好的", quoted); cmd.Verb != VerbNone || len(cmd.Items) > 0 {
		t.Errorf("words alone do nothing: %+v", cmd)
	}
}

// A number in a quote that may be none of a code, or not the whole one, is looked at and not
// verified. What is certain is verified as ever, such as the code on a card of the bot.
func TestUncertainQuotes(t *testing.T) {
	t.Parallel()
	const card = "验券 · 人民广场店\n核销成功\n双人下午茶\n券码：7992697494\n售价：¥49.90 × 2 = ¥99.80\n手机：138****0000\n有效期至：2026-12-23\n核销人：张三\n12-11 13:50:00 核销，可撤销至 14:10:00"
	for _, tt := range []struct{ text, quote, want string }{
		{"验", card, "验 7992697494"},
		{"撤", card, "撤 7992697494"},
		{"验", "券码 7992697494，2026-11-30 18:30 到店，3 个人", "验 7992697494"},
		{"验", "2026-11-30 7992697494", "验 7992697494"},
		{"验", "验 799269749412 抖音", "验 799269749412"},

		{"验", "这是顾客的券 7992 6974 94，手机 13800138000", "查 7992697494"},
		{"验", "美团 1234 5678 90 手机13800138000", "查 1234567890"},
		{"验", "7992697494 手机号：13800138000", "查 7992697494"},
		{"验", "7992697494，13800138000", "查 7992697494"},
		{"验", "券 7992697494 電話 138 0013 8000", "查 7992697494"},
		{"验 抖音", "券 7992-6974-94", "查 抖音 7992697494"},
		{"验", "79926974 94", "查 79926974"},
		{"验", "7992 69749412", "查 69749412"},
		{"验", "验 7992697494 2张", "查 7992697494"},
		{"验", "验 7992697494 x2", "查 7992697494"},
		{"核销", "验证成功 订单 1070811234567890123", "查 1070811234567890123"},
		{"验", "訂單號：1070811234567890123", "查 1070811234567890123"},
		{"验", "Order No. 1070811234567890123", "查 1070811234567890123"},
		{"验", "顾客 13800138000", "查 13800138000"},
		{"验", "订单 1070811234567890123 " + short, "查 " + short},
		{"查", "这是顾客的券 7992 6974 94，手机 13800138000", "查 7992697494"},

		{"撤", "验 7992697494 2张", "撤 7992697494"},
		{"撤", "验 7992697494 x2", "撤 7992697494"},
		{"撤", "79926974 94", "撤"},
		{"撤", "7992 6974 94", "撤"}, // of the last one, which is shown first
		{"撤", "订单 1070811234567890123", "撤 1070811234567890123"},
	} {
		if cmd := ParseReply(tt.text, tt.quote); cmd.Problem != "" || cmd.String() != tt.want {
			t.Errorf("%q to %q: %q, problem %q, want %q", tt.text, tt.quote, cmd.String(), cmd.Problem, tt.want)
		}
	}
	for _, tt := range []struct{ text, quote, want string }{
		{"验", "7992 6974 94 8992697494", "2 个号码"},
		{"验", "7992 6974 94，编号 1070811234567890123", "2 个号码"},
		{"验", "7992 6974 94\n8992 6974 94", "2 个号码"},
		{"撤", "7992697494，手机 13800138000", "2 个号码"},
		{"验", "2026-11-30 18:30 来 3 个人", "请带上券码"},
	} {
		if cmd := ParseReply(tt.text, tt.quote); len(cmd.Items) > 0 || !strings.Contains(cmd.Problem, tt.want) {
			t.Errorf("%q to %q: %+v", tt.text, tt.quote, cmd)
		}
	}
}
