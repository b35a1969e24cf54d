package wecom

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// fourPerEm is the space that WeCom clients put after a mention and that is not
// typed: it marks the end of a name even where the name contains spaces.
const fourPerEm = '\u2005'

// codeDigits is the number of digits from which what follows an @ is taken for
// something to keep rather than for a name.
const codeDigits = 6

// stripMentions takes those mentions out of what was typed whose end is certain: WeCom
// hands over group messages with "@RobotName " in front (page 100719), and people
// mention others too, anywhere. The robot's name may contain spaces and may change, and
// the separator differs between clients, so:
//
//  1. "@" + displayName is removed wherever a separator or the end follows; spaces in
//     the name match any Unicode space. Where something else follows, a space parts
//     it from the name: who reads the text knows whether it is a command.
//     displayName may be empty.
//  2. "@" up to a four-per-em space is removed, but for what may be a code and for
//     what would leave nothing.
//
// All other mentions stay: where they end, only who knows the commands can tell.
func stripMentions(text, displayName string) string {
	text = strings.ReplaceAll(text, "＠", "@")
	if displayName != "" {
		text = dropName(text, displayName)
	}
	if out := trim(dropMarked(text)); out != "" {
		return out
	}
	return trim(text)
}

// mentionIn is what an answer in words begins with in a group, so that it calls
// the person it is for; empty in a 1:1 conversation.
func mentionIn(chat, user string) string {
	if chat == "" || user == "" || strings.ContainsFunc(user, func(r rune) bool { return isSpace(r) || r == '<' || r == '>' }) {
		return ""
	}
	return "<@" + user + "> "
}

// encryptedID reports whether an id looks like one that WeCom has encrypted for a
// robot (page 101521 only shows examples).
func encryptedID(id string) bool {
	return len(id) >= 24 && (strings.HasPrefix(id, "wo") || strings.HasPrefix(id, "wm"))
}

// dropName removes every "@"+name that ends at a separator or at the end, and parts
// any other from what follows.
func dropName(text, name string) string {
	return atMentions(text, func(after string) (put, rest string) {
		rest, ok := cutName(after, name)
		switch {
		case !ok:
			return "@", after
		case !endsName(rest):
			return "@" + after[:len(after)-len(rest)] + " ", rest
		}
		return " ", rest
	})
}

// atMentions puts in the place of every "@", and of what follows, what is told of it.
func atMentions(text string, tell func(after string) (put, rest string)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "@")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		var put string
		put, text = tell(after)
		out.WriteString(put)
	}
}

// cutName removes name from the front of s; case and kind of space do not matter.
func cutName(s, name string) (rest string, ok bool) {
	var last rune
	for _, want := range name {
		got, size := utf8.DecodeRuneInString(s)
		if size == 0 {
			return "", false
		}
		same := unicode.ToLower(got) == unicode.ToLower(want) || isSpace(got) && isSpace(want)
		if !same {
			return "", false
		}
		s, last = s[size:], got
	}
	next, _ := utf8.DecodeRuneInString(s)
	return s, !latin(last) || !latin(next) // @Bottle is another than @Bot
}

// endsName reports whether a name is over where rest follows.
func endsName(rest string) bool {
	next, size := utf8.DecodeRuneInString(rest)
	return size == 0 || isSpace(next) || next == '@'
}

func latin(r rune) bool {
	return r < unicode.MaxLatin1 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// dropMarked removes every "@"+name that a four-per-em space ends.
func dropMarked(text string) string {
	return atMentions(text, func(after string) (put, rest string) {
		if end := nameEnd(after); end > 0 {
			return " ", after[end:]
		}
		return "@", after
	})
}

// nameEnd is the length of the name that a four-per-em space ends, or 0. A line
// break or the next mention ends the search, and so does what may be a code.
func nameEnd(s string) int {
	i := strings.IndexAny(s, "@\r\n"+string(fourPerEm))
	if i < 0 || !strings.HasPrefix(s[i:], string(fourPerEm)) || countDigits(s[:i]) >= codeDigits {
		return 0
	}
	return i
}

// isSpace also counts the zero-width characters that copying leaves behind.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }

func trim(s string) string { return strings.TrimFunc(s, isSpace) }

func countDigits(s string) (n int) {
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}
