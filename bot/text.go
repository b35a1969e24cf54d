package bot

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names, deal titles and whatever else others have written go to people through these:
// [Visible] for a channel without markup, [Escaped] for one with, [Say] for sentences,
// [Terminal] for terminals and logs.

// Visible leaves out of a text of others what does not show and changes what does:
// control characters other than line breaks and tabs, and marks of direction.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return -1
		}
		return r
	}, s)
}

func steers(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case '\u2028', '\u2029':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// Escaped makes what is markup in a text of others show as itself. WeCom's dialects have
// no common escape character, so look-alikes take its place: a masked phone,
// 138****0000, would otherwise turn bold. With "<" goes <@userid>, a mention.
func Escaped(s string) string { return markup.Replace(Visible(s)) }

var markup = strings.NewReplacer(
	"*", "＊", "_", "＿", "`", "｀", "[", "［", "]", "］", "<", "＜", ">", "＞", "#", "＃", "|", "｜", "~", "～",
)

// Exact is a text that [Say] leaves as it is: markup of our own, or an account that is
// to be copied.
type Exact string

// Say is a reply of words only. Arguments are texts of others, and markup in them
// shows as itself.
func Say(format string, args ...any) Reply {
	plain := make([]any, len(args))
	for i, a := range args {
		if s, ok := a.(string); ok {
			a = Escaped(s)
		}
		plain[i] = a
	}
	return Reply{Text: fmt.Sprintf(format, plain...)}
}

// Terminal writes to a terminal or log, and quotes what would steer it: a name with an
// escape sequence is read as one, and does nothing.
func Terminal(w io.Writer) io.Writer { return terminal{w} }

// Unbroken is a text for one line of a [Terminal]: its line breaks are quoted, too, for
// a name must not begin a line of its own.
func Unbroken(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }

type terminal struct{ io.Writer }

func (t terminal) Write(p []byte) (int, error) {
	var quoted bytes.Buffer
	rest := p
	for len(rest) > 0 && len(p)-len(rest) < utf8.UTFMax && !utf8.RuneStart(rest[0]) { // of a character that began with the last write
		quoted.WriteByte(rest[0])
		rest = rest[1:]
	}
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		switch {
		case !utf8.FullRune(rest): // its end comes with the next write
			size = len(rest)
			quoted.Write(rest)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&quoted, `\u%04x`, rest[0])
		case steers(r):
			fmt.Fprintf(&quoted, `\u%04x`, r)
		default:
			quoted.Write(rest[:size])
		}
		rest = rest[size:]
	}
	if _, err := t.Writer.Write(quoted.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
