package wecom

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// fourPerEm is the space that WeCom clients put after a mention and that nobody
// types: it marks the end of a name even where the name contains spaces.
const fourPerEm = '\u2005'

// codeDigits is the number of digits from which a word after an @ is taken for
// something to keep rather than for a name.
const codeDigits = 6

// stripMentions takes the mentions out of what was typed: WeCom hands over
// group messages with "@RobotName " in front (page 100719), and people mention
// others too, anywhere. The robot's name may contain spaces and may change, and
// the separator differs between clients, so:
//
//  1. "@" + displayName is removed wherever a separator or the end follows;
//     spaces in the name match any Unicode space. displayName may be empty.
//  2. "@" up to a four-per-em space is removed.
//  3. Any other "@" + word is removed up to the next space.
//
// A word with six or more digits only loses its @, and text that would be left
// empty by rules 2 and 3 only loses its @ signs: a code or a command is rather
// handed over with junk before it than lost. A name of several words that is
// not configured thus leaves its later words in front of the command.
func stripMentions(text, displayName string) string {
	text = strings.ReplaceAll(text, "＠", "@")
	if displayName != "" {
		text = dropName(text, displayName)
	}
	if !strings.Contains(text, "@") {
		return trim(text)
	}
	for _, wholeNames := range []bool{true, false} {
		if out := trim(dropWords(text, wholeNames)); out != "" {
			return out
		}
	}
	return trim(strings.ReplaceAll(text, "@", ""))
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

// dropName removes every "@"+name that ends at a separator or at the end.
func dropName(text, name string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '@')
		if i < 0 {
			break
		}
		out.WriteString(text[:i])
		rest, ok := cutName(text[i+1:], name)
		if ok {
			out.WriteByte(' ')
		} else {
			out.WriteByte('@')
			rest = text[i+1:]
		}
		text = rest
	}
	out.WriteString(text)
	return out.String()
}

// cutName removes name from the front of s; case and kind of space do not matter.
func cutName(s, name string) (rest string, ok bool) {
	for _, want := range name {
		got, size := utf8.DecodeRuneInString(s)
		if size == 0 {
			return "", false
		}
		same := unicode.ToLower(got) == unicode.ToLower(want) || isSpace(got) && isSpace(want)
		if !same {
			return "", false
		}
		s = s[size:]
	}
	next, size := utf8.DecodeRuneInString(s)
	if size != 0 && !isSpace(next) && next != '@' {
		return "", false
	}
	return s, true
}

// dropWords removes every "@"+word; with wholeNames, words are taken up to a
// four-per-em space where one follows in the same mention.
func dropWords(text string, wholeNames bool) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "@")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		end := wordEnd(after)
		if wholeNames {
			if e := nameEnd(after); e > 0 {
				end = e
			}
		}
		if countDigits(after[:end]) >= codeDigits {
			end = 0 // keep the word
		}
		out.WriteByte(' ')
		text = after[end:]
	}
}

// wordEnd is the length of the word at the front of s.
func wordEnd(s string) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return isSpace(r) || r == '@' }); i >= 0 {
		return i
	}
	return len(s)
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
