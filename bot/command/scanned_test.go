package command

import (
	"strings"
	"testing"
)

// A scanner that is a keyboard, or a person, types one code in many ways; two codes, and
// what is none, are not guessed at.
func TestOneCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"7992697494":                     "7992697494",
		" 7992697494\r\n":                "7992697494",
		"７９９２６９７４９４　":                    "7992697494",
		"7992 6974 94":                   "7992697494",
		"7992-6974-94\t":                 "7992697494",
		"7992697494。":                    "7992697494",
		"券码：7992697494":                  "7992697494",
		"验 7992 6974 94 x2":              "7992697494",
		"抖音 104930181552":                "104930181552",
		"查7992697494":                    "7992697494",
		"https://v.douyin.com/eHHc1fT/":  short,
		"HTTPS://V.DOUYIN.COM/eHHc1fT\n": short,
		"v.douyin.com/eHHc1fT":           short,
		"7.61 打开抖音看看 https://v.douyin.com/eHHc1fT/ 复制此链接": short,
		short + " " + short:                short,
		short + "，" + short + "2":          "",
		"":                                 "",
		"1807":                             "",
		"7992697494 7992697495":            "",
		"7992697494,7992697495":            "",
		"123456789012345678901":            "",
		"https://example.com/7992697494":   "",
		"QmFzZTY0@7992697494":              "",
		"王芳":                               "",
		strings.Repeat("7992697494 ", 500): "",
		"https://v.douyin.com/" + strings.Repeat("a", MaxLinkLen): "",
	} {
		if got, ok := OneCode(text); ok != (want != "") || ok && got != want {
			t.Errorf("%.60q is read as %q, %t", text, got, ok)
		}
	}
}
