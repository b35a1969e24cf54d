package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	VerbMerge     Verb = "merge"     // 合并
	VerbTakeOff   Verb = "takeoff"   // 停用

	VerbNone Verb = "" // nothing we know
)

// word begins a command.
type word struct {
	text string
	verb Verb
}

// words are the longest first, so that 核销 is not read as 核 with a rest. How else
// their characters are written is in [spellings].
var words = ordered([]word{
	{"帮助", VerbHelp},
	{"邦助", VerbHelp},
	{"help", VerbHelp},
	{"记录", VerbRecent},
	{"日报", VerbTotals},
	{"统计", VerbTotals},
	{"对账", VerbReconcile},
	{"导出", VerbExport},
	{"倒出", VerbExport},
	{"授权", VerbAuthorize},
	{"受权", VerbAuthorize},
	{"门店", VerbStores},
	{"后台", VerbConsole},
	{"绑定", VerbBind},
	{"邦定", VerbBind},
	{"帮定", VerbBind},
	{"解绑", VerbUnbind},
	{"解邦", VerbUnbind},
	{"解帮", VerbUnbind},
	{"切换", VerbSwitch},
	{"确认", VerbClose},
	{"员工", VerbPeople},
	{"合并", VerbMerge},
	{"停用", VerbTakeOff},
	{iAm, VerbJoin},
	{"撤销", VerbUndo},
	{"撤回", VerbUndo},
	{"撤券", VerbUndo},
	{"取消核销", VerbUndo},
	{"取消验券", VerbUndo},
	{"取消验证", VerbUndo},
	{"取消", VerbUndo},
	{"撤", VerbUndo},
	{"查询", VerbQuery},
	{"查看", VerbQuery},
	{"查券", VerbQuery},
	{"查", VerbQuery},
	{"核销", VerbVerify},
	{"核验", VerbVerify},
	{"核券", VerbVerify},
	{"合销", VerbVerify},
	{"验券", VerbVerify},
	{"验证", VerbVerify},
	{"验", VerbVerify},
	{"核", VerbVerify},
})

func ordered(words []word) []word {
	for i := range words {
		words[i].text = simple(words[i].text)
	}
	slices.SortStableFunc(words, func(a, b word) int { return len(b.text) - len(a.text) })
	return words
}

const iAm = "我是"

// phoneTail is how people name a customer's phone: no code is as short.
var phoneTail = regexp.MustCompile(`^[0-9]{4}$`)

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
	VerbMerge:     parseStoreName,
	VerbTakeOff:   parseStoreName,
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
	if verb := verbAtEnd(bare); verb.text != "" {
		return verb.verb, bare[:len(bare)-len(verb.text)]
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
	r := readItems(rest, verb)
	switch {
	case r.problem != "":
		return Command{Verb: verb, Problem: r.problem}
	case len(r.items) == 0 && verb != VerbUndo:
		return Command{Verb: verb, Problem: noCode(verb)}
	}
	return AboutCodes(verb, r.items).said(r.counted)
}

// cutVerb takes the word off that a text begins with.
func cutVerb(s string) (Verb, string) {
	spelled := simple(s)
	for _, w := range words {
		if strings.HasPrefix(spelled, w.text) {
			return w.verb, s[len(w.text):]
		}
	}
	return VerbNone, s
}

// verbAtEnd is the word about codes that a text ends with, if it does.
func verbAtEnd(s string) word {
	spelled := simple(s)
	for _, w := range words {
		if takesCodes(w.verb) && strings.HasSuffix(spelled, w.text) {
			return w
		}
	}
	return word{}
}

func parseRecent(_ Verb, rest string) Command {
	rest = strings.Trim(simple(rest), Punctuation+" \n条")
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

// closing is a code, behind its platform where that is named, with what a person has seen
// of it.
var closing = regexp.MustCompile(`^((?:大众点评|点评|美团|抖音)? *(?:[0-9][0-9 -]*?|https://[!-~]+)) *(已核销|没有撤销|未撤销|没撤销|未核销|没有核销|没核销|已撤销)$`)

// parseClose reads what a manager has seen of a voucher whose outcome is in doubt.
// Anything else is no command: 确认 is a word of daily life.
func parseClose(_ Verb, rest string) Command {
	m := closing.FindStringSubmatch(strings.Trim(simple(rest), Punctuation+" \n"))
	if m == nil {
		return Command{}
	}
	items, problem := parseItems(m[1], VerbClose)
	if problem != "" || len(items) != 1 {
		return Command{Verb: VerbClose, Problem: "请带上券码，例如：确认 7992697494 已核销"}
	}
	return Command{Verb: VerbClose, Items: items, Used: strings.HasSuffix(m[2], "核销") == strings.HasPrefix(m[2], "已")}
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
