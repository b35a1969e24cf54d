package crash

import (
	"regexp"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

// verdict is what a bubble says of a code.
type verdict string

const (
	success   verdict = "核销成功"
	undone    verdict = "已撤销"
	partly            = "只撤销了一部分"
	verifying verdict = "核验中"
	undoing   verdict = "撤销中"
	human     verdict = "需要人工确认"
	offered   verdict = "可以核销"
	waits     verdict = "平台风控核验中" // risk control keeps it back
	letGo     verdict = "没有核销"
	refused   verdict = "refused" // anything else: it was not consumed, or not by this
)

func (v verdict) pending() bool { return v == verifying || v == undoing }

// statement is one thing that people were told.
type statement struct {
	code    string // or its last four digits, in a list
	verdict verdict
	interim bool // the bubble says that more will follow
	words   string
	bubble  wecomtest.Shown
}

func (s statement) about(code string) bool { return s.code != "" && strings.HasSuffix(code, s.code) }

// at is when it could be read first.
func (s statement) at() time.Time {
	if s.bubble.Replaced > 0 {
		return s.bubble.Updated
	}
	return s.bubble.At
}

func says(all []statement, code string) bool {
	for _, s := range all {
		if s.about(code) {
			return true
		}
	}
	return false
}

var (
	aCode    = regexp.MustCompile(`\b(?:7\d{9}|10\d{10}|10\d{13})\b`)
	boldLine = regexp.MustCompile(`^(?:<@[^>]+> )?(?:✅ |❌ )?\*\*(.+?)\*\*$`)
	itemLine = regexp.MustCompile(`^- (.+?)：(.*)$`)
	listKey  = regexp.MustCompile(`^(✅|↩|❌|❗|⏳)(\d{4})$`)
	coupon   = regexp.MustCompile(`(?m)^(?:> *)?(\d{8,20}) 已撤销$`)
	partial  = regexp.MustCompile(`撤销 \d+ [张次]`)
	batch    = regexp.MustCompile(`^\d+ 个券码，成功 \d+ 个$`)
)

// read understands a bubble of the bot: a card, or the same as markdown.
func read(b wecomtest.Shown) []statement {
	if !b.FromBot {
		return nil
	}
	title, fields := "", [][2]string{}
	if b.Card != nil {
		title = b.Card.Title
		for _, f := range b.Card.Fields {
			fields = append(fields, [2]string{f.Key, f.Value})
		}
	} else {
		for line := range strings.SplitSeq(b.Text, "\n") {
			if m := boldLine.FindStringSubmatch(line); m != nil && title == "" {
				title = m[1]
			} else if m := itemLine.FindStringSubmatch(line); m != nil {
				fields = append(fields, [2]string{m[1], m[2]})
			}
		}
	}
	if title == "" { // words alone
		var all []statement
		for _, code := range aCode.FindAllString(b.Text, -1) {
			all = append(all, statement{code: code, verdict: refused, words: b.Text, bubble: b})
		}
		return all
	}
	if batch.MatchString(title) {
		var all []statement
		interim := false
		for _, f := range fields {
			m := listKey.FindStringSubmatch(f[0])
			if m == nil { // a line that names no code is of no use to anybody
				all = append(all, statement{code: "", verdict: refused, words: f[0] + f[1], bubble: b})
				continue
			}
			s := statement{code: m[2], words: f[1], bubble: b, verdict: refused}
			for _, v := range []verdict{success, undone, verifying, human, letGo} {
				if strings.Contains(f[1], string(v)) { // behind the name of the deal
					s.verdict = v
				}
			}
			if strings.Contains(f[1], "风控核验中") {
				s.verdict = waits
			}
			if m[1] == "✅" { // the words are but deal and price
				s.verdict = success
			}
			interim = interim || s.verdict.pending()
			all = append(all, s)
			if partial.MatchString(f[1]) { // of several, some are undone, and the others stand
				s.verdict = undone
				all = append(all, s)
			}
		}
		for i := range all {
			all[i].interim = interim
		}
		return all
	}
	for _, f := range fields {
		if f[0] != "券码" && f[0] != "原券码" {
			continue
		}
		s := statement{code: f[1], words: title, bubble: b}
		switch {
		case strings.HasPrefix(title, string(success)):
			s.verdict = success
		case title == partly && f[0] == "原券码": // the undo is done, as far as it goes
			s.verdict = undone
		case title == string(undone), title == string(verifying), title == string(undoing), title == string(human), title == string(offered),
			title == string(waits), title == string(letGo):
			s.verdict = verdict(title)
		default:
			s.verdict = refused
		}
		s.interim = s.verdict.pending()
		return []statement{s}
	}
	return nil
}

// readCoupons finds the coupons that a bubble about several lists as undone,
// which its title does not tell where only some of them were.
func readCoupons(b wecomtest.Shown) (all []statement) {
	if !b.FromBot {
		return nil
	}
	text := b.Text
	if b.Card != nil && b.Card.Quote != nil {
		text = b.Card.Quote.Text
	}
	for _, m := range coupon.FindAllStringSubmatch(text, -1) {
		all = append(all, statement{code: m[1], verdict: undone, words: m[0], bubble: b})
	}
	return all
}
