package wecom

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"yanquan/bot"
)

// Hard limits of cards: WeCom refuses a card that exceeds them (pages 90236,
// 101032, error codes on page 90313).
const (
	maxTaskID  = 128  // bytes
	maxFields  = 6    // horizontal_content_list
	maxButtons = 6    // button_list
	maxKey     = 1024 // bytes of a button's key
)

// Hard limits of messages, in bytes of UTF-8. WeCom cuts or refuses what is
// longer, without saying where.
const (
	maxText     = 2048  // message/send text
	maxMarkdown = 2048  // message/send markdown
	maxStream   = 20480 // stream frames and markdown to a reply URL
	maxParts    = 5     // messages that one long answer of an app may become
)

// softLimits are the lengths, in runes, that the manual advises; clients hide
// what goes beyond.
type softLimits struct {
	source, title, desc, text, fieldKey, fieldValue, button int
}

func softLimitsOf(ch Channel) softLimits {
	if ch != AppChannel {
		return softLimits{source: 13, title: 26, desc: 30, text: 112, fieldKey: 5, fieldValue: 26, button: 10}
	}
	return softLimits{source: 20, title: 36, desc: 44, text: 160, fieldKey: 5, fieldValue: 30, button: 10}
}

// ellipsis marks what was cut.
const ellipsis = "…"

// shorten cuts s to at most limit runes, the last one being "…". It never cuts
// within a number: half a voucher code or half an amount would look like
// another one. A number that alone exceeds the limit stays whole, for these
// limits are only advice. What steers a screen is left out first.
func shorten(s string, limit int) string {
	s = bot.Visible(s)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	within := func(i int) bool { return numeric(runes, i-1) && numeric(runes, i) }
	cut := limit - 1
	for cut > 0 && within(cut) {
		cut--
	}
	if cut == 0 {
		for cut++; cut < len(runes) && within(cut); cut++ {
		}
	}
	if cut >= len(runes) {
		return s
	}
	return strings.TrimRightFunc(string(runes[:cut]), unicode.IsSpace) + ellipsis
}

// numeric reports whether the i-th rune belongs to a number, a date, a time, a
// masked phone; a space counts between two such runes.
func numeric(runes []rune, i int) bool {
	is := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsDigit(runes[i]) || strings.ContainsRune(".,:-/*¥￥%", runes[i]))
	}
	return is(i) || runes[i] == ' ' && is(i-1) && is(i+1)
}
