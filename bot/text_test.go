package bot

import (
	"bytes"
	"testing"
)

func TestTextsOfOthers(t *testing.T) {
	t.Parallel()
	const evil = "张\x1b[31m三\u202e*<@boss>[x](http://e.vil)\r\n\u2066#a\u0085b\u2029"
	for name, tt := range map[string]struct{ got, want string }{
		"visible":  {Visible(evil), "张[31m三*<@boss>[x](http://e.vil)\n#ab"},
		"plain":    {Escaped(evil), "张［31m三＊＜@boss＞［x］(http://e.vil)\n＃ab"},
		"a letter": {Visible("李四 👨‍👩‍👧 ئالىم"), "李四 👨‍👩‍👧 ئالىم"},
		"say":      {Say("**%s** %d %s", "*a*", 7, Exact("zhang_san")).Text, "**＊a＊** 7 zhang_san"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}

func TestTerminalQuotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := Terminal(&out)
	texts := []string{"验券\tok\n", "\x1b]0;x\a", "\u202egnp\u2069", "x\x9b2J", "\x7f\r", "三"[:2], "三"[2:], "\n"}
	for _, s := range texts {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
	want := "验券\tok\n" + `\u001b]0;x\u0007\u202egnp\u2069x\u009b2J\u007f\u000d` + "三\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
