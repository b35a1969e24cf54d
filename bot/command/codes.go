package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of what one message can ask for.
const (
	MaxCodes     = 20  // codes in one message
	MaxCount     = 100 // coupons in one verification; the platform's own limit
	MinCodeLen   = 8
	MaxCodeLen   = 20
	MaxRecent    = 50
	defRecent    = 6
	maxTextBytes = 64 << 10 // longer texts are not looked into
)

// Item is one code of a command.
type Item struct {
	Code     string // digits, or a link (see [IsLink])
	Count    int
	Platform Platform // that was named; "": none
}

// Platform is one that people name, of whatever generation.
type Platform string

// The platforms that people name, as they travel in keys.
const (
	OnMeituan  Platform = "meituan"
	OnDianping Platform = "dianping"
	OnDouyin   Platform = "douyin"
)

// platformWords name a platform. The longest come first.
var platformWords = []struct {
	text string
	on   Platform
}{{"大众点评", OnDianping}, {"点评", OnDianping}, {"美团", OnMeituan}, {"抖音", OnDouyin}}

// Word is how people name the platform.
func (p Platform) Word() string {
	for _, w := range platformWords {
		if w.on == p {
			return w.text
		}
	}
	return ""
}

// soldThere says what is sold on a platform, behind its name.
var soldThere = regexp.MustCompile(`^的?(团购)?券?码?`)

// cutPlatform takes the name of a platform off that a text begins with.
func cutPlatform(s string) (Platform, string) {
	spelled := simple(s)
	for _, w := range platformWords {
		if strings.HasPrefix(spelled, w.text) {
			rest := s[len(w.text):]
			return w.on, strings.TrimLeft(rest[len(soldThere.FindString(simple(rest))):], Punctuation+" ")
		}
	}
	return "", s
}

// startsLikeCode reports whether a text without a verb is meant as a code: it
// begins with a link, or with a digit and has at least as many digits as other characters.
func startsLikeCode(s string) bool {
	if before, link, _ := cutLink(s); before == "" && link != "" {
		return true
	}
	digits, others := 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == ' ' || r == '\n' || r == '-':
		default:
			others++
		}
		if digits == 0 && others > 0 {
			return false
		}
	}
	return digits > 0 && digits >= others
}

// parseItems reads codes, or links, with their counts. Digit groups on one line, parted by
// spaces or hyphens, are one code while each is shorter than eight digits.
func parseItems(s string, verb Verb) ([]Item, string) {
	r := itemReader{verb: verb}
	before, link, after := cutLink(s)
	for ; link != ""; before, link, after = cutLink(after) {
		r.text(before)
		r.add(link)
	}
	r.text(before)
	r.end()
	return r.items, r.problem
}

// text reads what holds no link.
func (r *itemReader) text(s string) {
	for line := range strings.SplitSeq(spacedCount.ReplaceAllString(s, " x$1"), "\n") {
		for segment := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(",、;/|", r) }) {
			if v, rest := cutVerb(strings.TrimSpace(segment)); v == r.verb {
				segment = rest // the verb said again for each code
			}
			for token := range strings.FieldsFuncSeq(segment, func(r rune) bool { return r == ' ' || r == '-' }) {
				r.read(strings.Trim(token, Punctuation))
			}
			r.flush()
		}
	}
}

// itemReader puts codes together from the tokens of a text.
type itemReader struct {
	verb    Verb
	items   []Item
	open    strings.Builder // digits of a code written in short groups
	on      Platform        // for the codes that follow
	unused  bool            // none has followed
	problem string          // the first
}

func (r *itemReader) read(token string) {
	if on, rest := cutPlatform(token); on != "" {
		r.flush()
		r.on, r.unused = on, true
		token = rest
	}
	digits := leadingDigits(token)
	switch {
	case token == "":
	case digits == token && len(token) < MinCodeLen:
		r.open.WriteString(token)
	case digits == token:
		r.flush()
		r.add(token)
	case isCount(token):
		r.flush()
		r.count(token[1:])
	case isPieces(token) && (len(r.items) > 0 || r.open.Len() > 0): // 2张
		r.flush()
		r.count(digits)
	case digits != "" && isCount(token[len(digits):]): // 7992697494x2
		if len(digits) >= MinCodeLen {
			r.flush()
		}
		r.open.WriteString(digits)
		r.flush()
		r.count(token[len(digits)+1:])
	case digits != "" || strings.ContainsAny(token, "0123456789"):
		r.say("券码只有数字，「%s」里有别的字符，请核对后再发。", Shorten(token))
	default:
		r.say("看不懂「%s」。请这样发：%s", Shorten(token), Example(r.verb))
	}
}

func (r *itemReader) say(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

func (r *itemReader) add(code string) {
	switch n := len(code); {
	case IsLink(code):
	case strings.HasPrefix(code, linkPrefix):
		r.say("这个链接太长，不能用来核销。请扫顾客的二维码，或输入券码。")
		return
	case n < MinCodeLen || n > MaxCodeLen:
		r.say("券码是 %d 到 %d 位数字，「%s」是 %d 位，请核对后再发。", MinCodeLen, MaxCodeLen, Shorten(code), n)
		return
	}
	if slices.ContainsFunc(r.items, func(it Item) bool { return it.Code == code }) {
		r.say("券码 %s 在这条消息里出现了两次，请核对后再发。", code)
		return
	}
	r.items, r.unused = append(r.items, Item{Code: code, Count: 1, Platform: platformOf(code, r.on)}), false
}

// end gives a platform that stands behind the codes to those that have none.
func (r *itemReader) end() {
	for i := range r.items {
		if r.unused && r.items[i].Platform == "" {
			r.items[i].Platform = r.on
		}
	}
}

// flush ends a code written in groups.
func (r *itemReader) flush() {
	if r.open.Len() > 0 {
		r.add(r.open.String())
		r.open.Reset()
	}
}

// count is how many of the last code are meant.
func (r *itemReader) count(digits string) {
	n, err := strconv.Atoi(digits)
	switch {
	case len(r.items) == 0:
		r.say("请把张数写在券码后面，例如：验 7992697494 x2")
	case err != nil || n < 1 || n > MaxCount:
		r.say("张数是 1 到 %d，「x%s」不行，请核对后再发。", MaxCount, Shorten(digits))
	default:
		r.items[len(r.items)-1].Count = n
	}
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// spacedCount is "x 2", a count with a space in it.
var spacedCount = regexp.MustCompile(` x[ ]+([0-9]{1,3})\b`)

// isPieces reports whether s is N张 or N份.
func isPieces(s string) bool {
	digits := leadingDigits(s)
	unit := simple(s[len(digits):])
	return digits != "" && len(digits) < MinCodeLen && (unit == "张" || unit == "份")
}

// isCount reports whether s is xN.
func isCount(s string) bool {
	return len(s) > 1 && s[0] == 'x' && leadingDigits(s[1:]) == s[1:]
}
