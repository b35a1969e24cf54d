// Package command is the language of the conversation: texts, speech and the keys of
// buttons become typed values, and these become keys. It knows no store, no person and
// no voucher; whether what is asked for may be done is for others to say.
package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Verb is what a text asks for.
type Verb string

const (
	VerbVerify Verb = "verify" // 验
	VerbQuery  Verb = "query"  // 查, or a bare code
	VerbUndo   Verb = "undo"   // 撤
	VerbRecent Verb = "recent" // 记录
	VerbPhone  Verb = "phone"  // 查 1807
	VerbTotals Verb = "totals" // 今日 昨日 本周 上月 9月 2026-11-20 日报 统计
	VerbHelp   Verb = "help"   // 帮助

	VerbClose     Verb = "close"     // 确认 7992697494 已核销
	VerbReconcile Verb = "reconcile" // 对账
	VerbExport    Verb = "export"    // 导出

	VerbAuthorize Verb = "authorize" // 授权
	VerbConsole   Verb = "console"   // 后台
	VerbStores    Verb = "stores"    // 门店
	VerbBind      Verb = "bind"      // 绑定
	VerbUnbind    Verb = "unbind"    // 解绑
	VerbSwitch    Verb = "switch"    // 切换
	VerbJoin      Verb = "join"      // 我是 张三
	VerbPeople    Verb = "people"    // 员工

	VerbNone Verb = "" // nothing we know
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
	Code  string
	Count int
}

// Command is a text, understood.
type Command struct {
	Verb    Verb
	Items   []Item
	N       int    // how many, for VerbRecent
	Phone   string // its last four digits, for VerbPhone
	Period  Period // for VerbTotals, VerbReconcile and VerbExport
	CSV     bool   // for VerbExport: not as a workbook
	Name    string // of the person, for VerbJoin; of a store, as typed or empty, for VerbSwitch, VerbBind, VerbUnbind and VerbPeople
	Used    bool   // for VerbClose: the voucher of Items[0] is consumed
	Problem string // what is wrong with it, in a sentence for staff; nothing is done then
}

// String is the shortest text that means the same. For a command with a Problem
// it is empty.
func (c Command) String() string {
	var s strings.Builder
	switch c.Verb {
	case VerbVerify:
		s.WriteString("验")
	case VerbQuery:
		s.WriteString("查")
	case VerbUndo:
		s.WriteString("撤")
	}
	for _, it := range c.Items {
		s.WriteString(" " + it.Code)
		if it.Count > 1 {
			s.WriteString(" x" + strconv.Itoa(it.Count))
		}
	}
	return s.String()
}

// words that begin a command. Longer ones come first, so that 核销 is not read
// as 核 with a rest.
var words = []struct {
	text string
	verb Verb
}{
	{"帮助", VerbHelp},
	{"help", VerbHelp},
	{"记录", VerbRecent},
	{"日报", VerbTotals},
	{"统计", VerbTotals},
	{"对账", VerbReconcile},
	{"导出", VerbExport},
	{"授权", VerbAuthorize},
	{"门店", VerbStores},
	{"后台", VerbConsole},
	{"绑定", VerbBind},
	{"解绑", VerbUnbind},
	{"切换", VerbSwitch},
	{"确认", VerbClose},
	{"员工", VerbPeople},
	{iAm, VerbJoin},
	{"撤销", VerbUndo},
	{"撤", VerbUndo},
	{"查询", VerbQuery},
	{"查", VerbQuery},
	{"核销", VerbVerify},
	{"验券", VerbVerify},
	{"验", VerbVerify},
	{"核", VerbVerify},
}

const iAm = "我是"

// phoneTail is how people name a customer's phone: no code is as short.
var phoneTail = regexp.MustCompile(`^[0-9]{4}$`)

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
		name, problem := PersonName(name)
		return Command{Verb: VerbJoin, Name: name, Problem: problem}
	}
	if parse, ok := parsers[verb]; ok {
		return parse(verb, rest)
	}
	if verb == VerbNone {
		if !startsLikeCode(s) {
			return Command{}
		}
		verb, rest = codeFirst(s)
	}
	return parseCodes(verb, rest)
}

// parsers read what follows the words, other than codes alone.
var parsers = map[Verb]func(Verb, string) Command{
	VerbHelp:      parseAlone,
	VerbAuthorize: parseAlone,
	VerbConsole:   parseAlone,
	VerbStores:    parseAlone,
	VerbBind:      parseStoreName,
	VerbUnbind:    parseStoreName,
	VerbSwitch:    parseStoreName,
	VerbPeople:    parseStoreName,
	VerbTotals:    parseTotals,
	VerbRecent:    parseRecent,
	VerbReconcile: parseReconcile,
	VerbExport:    parseExport,
	VerbClose:     parseClose,
	VerbQuery:     parseQuery,
}

// parseAlone reads a word that nothing follows.
func parseAlone(verb Verb, rest string) Command {
	if onlyPunctuation(rest) {
		return Command{Verb: verb}
	}
	return Command{}
}

// parseStoreName reads 切换 徐家汇店.
func parseStoreName(verb Verb, rest string) Command {
	return Command{Verb: verb, Name: strings.Trim(rest, Punctuation+" \n")}
}

// parseTotals reads 统计 上周; without a period it is today.
func parseTotals(verb Verb, rest string) Command {
	if onlyPunctuation(rest) {
		return Command{Verb: verb, Period: Today}
	}
	if p, ok := ReadPeriod(rest); ok {
		return Command{Verb: verb, Period: p}
	}
	return Command{}
}

// codeFirst reads 7992697494 验; without a word behind the code it is asked about.
func codeFirst(s string) (verb Verb, rest string) {
	bare := strings.TrimRight(s, Punctuation+" \n")
	for _, w := range words {
		if before, ok := strings.CutSuffix(bare, w.text); ok && takesCodes(w.verb) {
			return w.verb, before
		}
	}
	return VerbQuery, s
}

// parseQuery reads 查 1807 or 查 with codes.
func parseQuery(verb Verb, rest string) Command {
	if phone := strings.Trim(rest, Punctuation+" \n"); phoneTail.MatchString(phone) {
		return Command{Verb: VerbPhone, Phone: phone}
	}
	return parseCodes(verb, rest)
}

// parseCodes reads the codes that something is asked of.
func parseCodes(verb Verb, rest string) Command {
	items, problem := parseItems(rest, verb)
	switch {
	case problem != "":
		return Command{Verb: verb, Problem: problem}
	case len(items) == 0 && verb != VerbUndo:
		return Command{Verb: verb, Problem: noCode(verb)}
	}
	return AboutCodes(verb, items)
}

// ParseReply is Parse for a message that quotes another: where it names no code, it
// is about the one in what it quotes.
func ParseReply(text, quote string) Command {
	cmd := Parse(text)
	switch {
	case quote == "" || len(quote) > maxTextBytes || len(cmd.Items) > 0:
		return cmd
	case cmd.Verb == VerbUndo && cmd.Problem == "":
	case (cmd.Verb == VerbVerify || cmd.Verb == VerbQuery) && cmd.Problem == noCode(cmd.Verb):
	default:
		return cmd
	}
	var codes []string
	for _, digits := range longNumber.FindAllString(Normalize(quote), -1) {
		if len(digits) >= MinCodeLen && len(digits) <= MaxCodeLen && !slices.Contains(codes, digits) {
			codes = append(codes, digits)
		}
	}
	switch len(codes) {
	case 0:
		return cmd
	case 1:
		return Command{Verb: cmd.Verb, Items: []Item{{Code: codes[0], Count: 1}}}
	}
	return Command{Verb: cmd.Verb, Problem: fmt.Sprintf("引用的消息里有 %d 个号码，不知道是哪一个。请带上券码，例如：%s", len(codes), Example(cmd.Verb))}
}

var longNumber = regexp.MustCompile(`[0-9]+`)

func noCode(v Verb) string { return "请带上券码，例如：" + Example(v) }

// Example is a text that asks for something, as it should be written.
func Example(v Verb) string {
	switch v {
	case VerbQuery:
		return "查 7992697494"
	case VerbUndo:
		return "撤 7992697494"
	}
	return "验 7992697494"
}

// Punctuation around a text says nothing.
const Punctuation = "。.!！,，、;；:：?？~…\"'“”‘’()（）[]【】《》<>`*#"

// Normalize folds full-width forms and the many kinds of spaces and hyphens
// that phones insert, and drops what cannot be seen.
func Normalize(s string) string {
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
		return unicode.ToLower(r)
	}, s)
}

// dropMentions removes @somebody at either end. The channel has removed the
// bot's own name where it knows it; what is left may be a name with spaces, so
// at the front everything up to the first verb or digit goes.
func dropMentions(s string) string {
	for {
		s = strings.TrimSpace(s)
		if !strings.HasPrefix(s, "@") {
			break
		}
		i := strings.IndexAny(s, " \n")
		if i < 0 {
			return ""
		}
		s = s[i:]
	}
	if i := strings.LastIndexAny(s, " \n"); i >= 0 && strings.HasPrefix(strings.TrimSpace(s[i:]), "@") {
		s = s[:i]
	}
	return s
}

func cutVerb(s string) (Verb, string) {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(s, w.text); ok {
			return w.verb, rest
		}
	}
	return VerbNone, s
}

func onlyPunctuation(s string) bool {
	return strings.Trim(s, Punctuation+" \n") == ""
}

// startsLikeCode reports whether a text without a verb is meant as a code: it
// begins with a digit and has at least as many digits as other characters.
func startsLikeCode(s string) bool {
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

func parseRecent(_ Verb, rest string) Command {
	rest = strings.Trim(rest, Punctuation+" \n条")
	if rest == "" {
		return Command{Verb: VerbRecent, N: defRecent}
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 1 || n > MaxRecent {
		return Command{Verb: VerbRecent, Problem: fmt.Sprintf("「记录」后面可以写 1 到 %d 的条数，例如：记录 20", MaxRecent)}
	}
	return Command{Verb: VerbRecent, N: n}
}

func parseExport(_ Verb, rest string) Command {
	rest = strings.Trim(rest, Punctuation+" \n")
	rest, csv := strings.CutSuffix(rest, "csv")
	period, ok := ReadPeriod(strings.TrimSuffix(strings.TrimSuffix(rest, "excel"), "xlsx"))
	if !ok {
		return Command{Verb: VerbExport, Problem: "请在「导出」后面写时间，例如：导出 本月、导出 上周、导出 9月、导出 2026-11-20"}
	}
	return Command{Verb: VerbExport, Period: period, CSV: csv}
}

// closing is a code with what somebody has seen of it.
var closing = regexp.MustCompile(`^([0-9][0-9 -]*?) *(已核销|没有撤销|未撤销|未核销|没有核销|已撤销)$`)

// parseClose reads what a manager has seen of a voucher whose outcome is in doubt.
// Anything else is no command: 确认 is a word of daily life.
func parseClose(_ Verb, rest string) Command {
	m := closing.FindStringSubmatch(strings.Trim(rest, Punctuation+" \n"))
	if m == nil {
		return Command{}
	}
	items, problem := parseItems(m[1], VerbClose)
	if problem != "" || len(items) != 1 {
		return Command{Verb: VerbClose, Problem: "请带上券码，例如：确认 7992697494 已核销"}
	}
	return Command{Verb: VerbClose, Items: items, Used: m[2] == "已核销" || m[2] == "没有撤销" || m[2] == "未撤销"}
}

// parseItems reads codes with their counts. Digit groups on one line, parted by
// spaces or hyphens, are one code while each is shorter than eight digits.
func parseItems(s string, verb Verb) ([]Item, string) {
	r := itemReader{verb: verb}
	for line := range strings.SplitSeq(spacedCount.ReplaceAllString(s, " x$1"), "\n") {
		for segment := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(",、;/|", r) }) {
			if v, rest := cutVerb(strings.TrimSpace(segment)); v == verb {
				segment = rest // the verb said again for each code
			}
			for token := range strings.FieldsFuncSeq(segment, func(r rune) bool { return r == ' ' || r == '-' }) {
				r.read(strings.Trim(token, Punctuation))
			}
			r.flush()
		}
	}
	return r.items, r.problem
}

// itemReader puts codes together from the tokens of a text.
type itemReader struct {
	verb    Verb
	items   []Item
	open    strings.Builder // digits of a code written in short groups
	problem string          // the first
}

func (r *itemReader) read(token string) {
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
	if n := len(code); n < MinCodeLen || n > MaxCodeLen {
		r.say("券码是 %d 到 %d 位数字，「%s」是 %d 位，请核对后再发。", MinCodeLen, MaxCodeLen, Shorten(code), n)
		return
	}
	if slices.ContainsFunc(r.items, func(it Item) bool { return it.Code == code }) {
		r.say("券码 %s 在这条消息里出现了两次，请核对后再发。", code)
		return
	}
	r.items = append(r.items, Item{Code: code, Count: 1})
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
	return digits != "" && len(digits) < MinCodeLen && (s[len(digits):] == "张" || s[len(digits):] == "份")
}

// isCount reports whether s is xN.
func isCount(s string) bool {
	return len(s) > 1 && s[0] == 'x' && leadingDigits(s[1:]) == s[1:]
}

// Shorten keeps what is quoted back to a person short.
func Shorten(s string) string {
	if utf8.RuneCountInString(s) <= 24 {
		return s
	}
	r := []rune(s)
	return string(r[:24]) + "…"
}

const maxPersonName = 20 // runes

// PersonName checks what somebody calls themselves: a name holds letters, digits,
// blanks and the middle dot, so that nobody is called by markup or what does not show.
func PersonName(s string) (name, problem string) {
	name = strings.Join(strings.Fields(strings.Trim(middleDots.Replace(s), Punctuation+" \n")), " ")
	switch n := len([]rune(name)); {
	case n == 0:
		return "", "请带上姓名，例如：我是 张三"
	case n > maxPersonName:
		return "", fmt.Sprintf("姓名最多 %d 个字，请短一点。", maxPersonName)
	case strings.ContainsFunc(name, notInName) || !strings.ContainsFunc(name, unicode.IsLetter):
		return "", "姓名里只能有文字、数字、空格和 ·，请去掉别的符号，例如：我是 张三"
	}
	return name, ""
}

// NameOf is as much of a name as [PersonName] takes, for one from elsewhere.
func NameOf(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if notInName(r) {
			return -1
		}
		return r
	}, middleDots.Replace(s))), " ")
	runes := []rune(s)
	return string(runes[:min(len(runes), maxPersonName)])
}

// middleDots are the other dots that keyboards write between parts of a name.
var middleDots = strings.NewReplacer("•", "·", "・", "·", "‧", "·", "∙", "·", "･", "·")

// notInName reports whether a rune is none of a name. Fillers are letters that do not
// show; marks stand on letters in some scripts.
func notInName(r rune) bool {
	switch r {
	case ' ', '·':
		return false
	case '\u115F', '\u1160', '\u3164', '\uFFA0':
		return true
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.In(r, unicode.Mn, unicode.Mc)
}

// parseReconcile reads the day after 对账; without one it is yesterday.
func parseReconcile(_ Verb, rest string) Command {
	cmd := Command{Verb: VerbReconcile, Period: Yesterday}
	if onlyPunctuation(rest) {
		return cmd
	}
	var ok bool
	if cmd.Period, ok = ReadPeriod(rest); !ok {
		cmd.Problem = "「对账」后面写日期，例如：对账 昨日，对账 11-20"
	}
	return cmd
}
