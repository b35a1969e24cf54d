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
	Product  string   // digits that the platform's id of the product ends in, where it was named; "": it was not
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
	r := readItems(s, verb)
	return r.items, r.problem
}

func readItems(s string, verb Verb) *itemReader {
	r := &itemReader{verb: verb}
	s = r.list(s)
	before, link, after := cutLink(s)
	for ; link != ""; before, link, after = cutLink(after) {
		r.text(before)
		r.add(link)
	}
	r.text(before)
	r.end()
	return r
}

// text reads what holds no link.
func (r *itemReader) text(s string) {
	s = spacedProduct.ReplaceAllString(spacedCount.ReplaceAllString(s, " x$1"), " "+productWord+"$1 ")
	parts := separators.Split(s, -1)
	for i, part := range parts {
		if i > 0 && !(len(r.items) == 1 && onlySaysMore(parts[i:])) {
			r.segment = segment{}
		}
		if v, rest := cutVerb(strings.TrimSpace(part)); v == r.verb {
			part = rest // the verb said again for each code
		}
		tokens := strings.FieldsFunc(unwrapped(part), func(r rune) bool { return r == ' ' || r == '-' })
		for i, token := range tokens {
			bare := strings.Trim(token, Punctuation)
			if r.stray(token, bare, i == len(tokens)-1) {
				r.say("看不懂「%s」。%s", Shorten(token), r.countBehind())
			}
			r.read(bare)
		}
		r.flush()
	}
}

// onlySaysMore reports whether no code follows, and so what is said can be of one alone.
func onlySaysMore(parts []string) bool {
	for _, token := range strings.Fields(strings.Join(parts, " ")) {
		token = strings.Trim(token, Punctuation)
		if token != "" && !isCount(token) && piecesIn(token) == "" && !strings.HasPrefix(token, productWord) {
			return false
		}
	}
	return true
}

// separators part a text into segments. A segment has its codes first, and then what is
// said of the last of them.
var separators = regexp.MustCompile(`[,、;/|\n]`)

// itemReader puts codes together from the tokens of a text.
type itemReader struct {
	verb    Verb
	items   []Item
	open    strings.Builder // digits of a code written in short groups
	on      Platform        // for the codes that follow
	unused  bool            // none has followed
	counted bool            // a count was said of any
	problem string          // the first
	segment
}

// segment is what has been read of one.
type segment struct {
	code           bool // it has one
	count, product bool // of the last code, was said
	apart          bool // one of them as a word of its own, which is what a code may not follow
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
		r.pieces(token[1:])
		r.apart = true
	case IsProduct(strings.TrimPrefix(token, productWord)) && strings.HasPrefix(token, productWord):
		r.flush()
		r.which(token[len(productWord):])
	case piecesIn(token) != "": // 2张
		r.flush()
		r.pieces(piecesIn(token))
		r.apart = true
	case digits != "" && isCount(token[len(digits):]): // 7992697494x2
		if len(digits) >= MinCodeLen {
			r.flush()
		}
		r.open.WriteString(digits)
		r.flush()
		r.pieces(token[len(digits)+1:])
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
	switch {
	case r.apart && r.count:
		r.say("不知道前面的张数是哪个券码的。%s", r.countBehind())
	case r.apart:
		r.say("不知道前面的商品是哪个券码的。%s", r.productBehind())
	}
	r.segment = segment{code: true}
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

// behind says that something of a code stands behind it, and before the next segment.
func (r *itemReader) behind(what, example string) string {
	return fmt.Sprintf("请把%s写在券码后面，几个券码之间用逗号或换行隔开，例如：%s %s", what, Example(r.verb), example)
}

func (r *itemReader) countBehind() string { return r.behind("张数", "x2") }

func (r *itemReader) productBehind() string { return r.behind("商品", productWord+"0001") }

// pieces is how many of the last code are meant.
func (r *itemReader) pieces(digits string) {
	n, err := strconv.Atoi(digits)
	switch {
	case !r.code:
		r.say("%s", r.countBehind())
	case r.count:
		r.say("一个券码后面写了两个张数，请只写一个再发。")
	case err != nil || n < 1 || n > MaxCount:
		r.say("张数是 1 到 %d，「x%s」不行，请核对后再发。", MaxCount, Shorten(digits))
	case len(r.items) > 0:
		r.items[len(r.items)-1].Count = n
	}
	r.count, r.counted = true, true
}

// which is which product of the last code is meant.
func (r *itemReader) which(id string) {
	switch {
	case !r.code:
		r.say("%s", r.productBehind())
	case r.product:
		r.say("一个券码后面写了两个商品，请只写一个再发。")
	case len(r.items) > 0:
		r.items[len(r.items)-1].Product = id
	}
	r.product, r.apart = true, true
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// spacedCount is "x 2", a count with a space in it.
var spacedCount = regexp.MustCompile(` x[ ]+([0-9]{1,3})\b`)

// productWord stands before the end of the id of a product, behind its code.
const productWord = "商品"

// A product is named by at least as many digits of its id, and at most by all.
const (
	MinProduct = 4
	maxProduct = 20
)

// spacedProduct is a product, with or without spaces.
var spacedProduct = regexp.MustCompile(productWord + `[ :#]*([0-9]+)`)

// IsProduct reports whether a text can name a product.
func IsProduct(s string) bool {
	return len(s) >= MinProduct && len(s) <= maxProduct && leadingDigits(s) == s
}

// spokenPieces is a number as people say it.
var spokenPieces = regexp.MustCompile(`^(?:[一二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])$`)

// piecesIn are the digits of 2张, 2份 and 两张; "": it is none.
func piecesIn(s string) string {
	spelled := simple(s)
	number, ok := strings.CutSuffix(spelled, "张")
	if !ok {
		number, ok = strings.CutSuffix(spelled, "份")
	}
	switch {
	case ok && len(number) < MinCodeLen && leadingDigits(number) == number:
		return number
	case ok && spokenPieces.MatchString(number):
		return strconv.Itoa(numeral(number))
	}
	return ""
}

// isCount reports whether s is xN.
func isCount(s string) bool {
	return len(s) > 1 && s[0] == 'x' && leadingDigits(s[1:]) == s[1:]
}
