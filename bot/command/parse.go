// Package command is the language of the conversation: texts, speech and the keys of
// buttons become typed values, and these become keys. It knows no store, no person and
// no voucher; whether what is asked for may be done is for others to say.
package command

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Command is a text, understood.
type Command struct {
	Verb    Verb
	Items   []Item
	N       int    // how many, for VerbRecent
	Phone   string // its last four digits, for VerbPhone
	Period  Period // for VerbTotals, VerbReconcile and VerbExport
	CSV     bool   // for VerbExport: not as a workbook
	Name    string // of the person, for VerbJoin; of a store, as typed or empty, for VerbSwitch, VerbBind, VerbUnbind, VerbPeople, VerbMerge and VerbTakeOff
	Used    bool   // for VerbClose: the voucher of Items[0] is consumed
	Counted bool   // for VerbUndo: the count of Items[0] was said
	Problem string // what is wrong with it, in a sentence for staff; nothing is done then
}

// String is the shortest text that means the same. For a command with a Problem
// it is empty.
func (c Command) String() string {
	var s strings.Builder
	s.WriteString(shortest[c.Verb])
	on, apart := Platform(""), false
	for _, it := range c.Items {
		if apart {
			s.WriteString(",") // what stands behind a code ends with it
		}
		apart = it.Count > 1 || it.Product != ""
		if it.Platform != on && !IsLink(it.Code) { // a link says it
			on = it.Platform
			s.WriteString(" " + on.Word())
		}
		s.WriteString(" " + it.Code)
		if it.Count > 1 || c.Counted {
			s.WriteString(" x" + strconv.Itoa(it.Count))
		}
		if it.Product != "" {
			s.WriteString(" " + productWord + it.Product)
		}
	}
	return s.String()
}

// Parse reads what a person texted. Mentions, spaces, full-width forms,
// hyphens, line breaks and trailing punctuation are forgiven; anything that
// could be a mistyped code is not guessed at but answered with a Problem.
func Parse(text string) Command {
	if len(text) > maxTextBytes {
		return Command{Problem: fmt.Sprintf("这条消息太长了。一条消息最多 %d 个券码，请分几条发。", MaxCodes)}
	}
	s := strings.TrimSpace(dropMentions(Normalize(text)))
	if s == "?" || s == "??" {
		return Command{Verb: VerbHelp}
	}
	s = strings.TrimSpace(strings.TrimLeft(s, Punctuation))
	if p, ok := ReadPeriod(s); ok {
		return Command{Verb: VerbTotals, Period: p}
	}
	verb, rest := cutVerb(s)
	if verb == VerbJoin {
		_, name, _ := strings.Cut(text, iAm) // as typed, not as folded
		if strings.ContainsAny(name, "@＠") {
			name = dropMentions(neat(name))
		}
		name, problem := PersonName(name)
		return Command{Verb: VerbJoin, Name: name, Problem: problem}
	}
	if parse, ok := parsers[verb]; ok {
		return parse(verb, rest)
	}
	if verb == VerbNone {
		verb, rest = platformFirst(s)
	}
	if verb == VerbNone {
		return Command{}
	}
	return parseCodes(verb, rest)
}

// platformFirst reads 抖音 104930181552 and 抖音验 104930181552.
func platformFirst(s string) (verb Verb, rest string) {
	on, after := cutPlatform(s)
	if startsLikeCode(after) {
		return codeFirst(s)
	}
	verb, rest = cutVerb(after)
	if on == "" || !takesCodes(verb) || !startsLikeCode(strings.TrimLeft(rest, Punctuation+" \n")) {
		return VerbNone, s
	}
	return verb, on.Word() + " " + rest
}

func noCode(v Verb) string { return "请带上券码，例如：" + Example(v) }

// Example is a text that asks for something, as it should be written.
func Example(v Verb) string { return cmp.Or(shortest[v], shortest[VerbVerify]) + " 7992697494" }

// shortest are the words for what is asked of codes.
var shortest = map[Verb]string{VerbVerify: "验", VerbQuery: "查", VerbUndo: "撤"}

// Punctuation around a text says nothing.
const Punctuation = "。.!！,，、;；:：?？~…\"'“”‘’()（）[]【】《》<>`*#"

// Normalize folds full-width forms and the many kinds of spaces and hyphens
// that phones insert, and drops what cannot be seen. A link is brought into its one form.
func Normalize(s string) string { return lower(neat(s)) }

// neat is Normalize, but for the case of letters.
func neat(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\n':
			return r
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r) || r == utf8.RuneError || unicode.IsControl(r):
			return -1
		case strings.ContainsRune("‐‑‒–—―−﹣", r):
			return '-'
		case r == '×' || r == '✕' || r == '✖':
			return 'x'
		}
		return r
	}, s)
}

func onlyPunctuation(s string) bool {
	return strings.Trim(s, Punctuation+" \n") == ""
}

// Shorten keeps what is quoted back to a person short.
func Shorten(s string) string {
	if utf8.RuneCountInString(s) <= 24 {
		return s
	}
	r := []rune(s)
	return string(r[:24]) + "…"
}
