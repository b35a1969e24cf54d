package bot

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"yanquan/models"
)

// voice does what was spoken. A code that was spoken consumes and undoes nothing by
// itself, for one digit that was misheard is another voucher: the answer has a
// button.
func (b *Bot) voice(ctx context.Context, row models.Inbox, m Message) (Reply, error) {
	m.Quote = "" // what it answers is not what was said
	cmd := ParseSpeech(m.Text)
	switch {
	case cmd.Verb == VerbUndo && len(cmd.Items) == 1:
		places, denied, err := b.access(ctx, b.DB, m)
		if err != nil {
			return Reply{}, err
		}
		if len(places) == 0 {
			return b.finish(ctx, row, m, denied)
		}
		return b.offerUndoCode(ctx, row, m, places, cmd.Items[0].Code)
	case cmd.Verb == VerbVerify || cmd.Verb == VerbQuery && len(cmd.Items) > 0:
		cmd.Verb = VerbQuery
		return b.text(ctx, row, m, cmd.String(), nil)
	case cmd.Verb != VerbNone:
		return b.text(ctx, row, m, asWritten(m.Text), nil)
	}
	places, denied, err := b.access(ctx, b.DB, m)
	if err != nil {
		return Reply{}, err
	}
	if len(places) == 0 {
		return b.finish(ctx, row, m, denied)
	}
	return b.finish(ctx, row, m, say("听到的是：「%s」。没有听清券码，什么都没有做。请打字发，例如：验 7992697494", shorten(strings.TrimSpace(m.Text))))
}

// ParseSpeech is Parse for speech as a machine wrote it down: spoken digits, words
// of politeness, no certain punctuation. What is not understood, or only half, has
// no verb.
func ParseSpeech(heard string) Command {
	if cmd := Parse(asWritten(heard)); cmd.Problem == "" {
		return cmd
	}
	return Command{}
}

var (
	// Words around a command that say nothing; of what follows it, too.
	politeBefore = regexp.MustCompile(`^(你好|您好|请|麻烦|帮我|帮忙|给我|我要|我想|那个|嗯|呃|把|这个|这张)+`)
	politeAfter  = regexp.MustCompile(`(谢谢|吧|啊|呀|哈|了)+$`)
	betweenWords = regexp.MustCompile(`^(一下|券码|号码|这张|这个|券|码|是|为|:)+`)
	spokenVerb   = regexp.MustCompile(`^(核销|验券|验证|验|核|撤销|撤回|撤|查询|查)`)
	// spokenCount ends a text: 两张. A digit just before it belongs to the code only
	// where it is a word: 九四三张 are three of …九四, while 943张 could be either.
	spokenCount = regexp.MustCompile(`^(.*[^0-9x])(10|[1-9])[张份]$|^(.*?)([一二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])[张份]$`)
	// pauses stand between groups of digits, or are read out as what was printed.
	pauses = strings.NewReplacer("-", " ", "杠", " ", "减", " ", ",", " ", "、", " ", ".", " ", "。", " ")
	// digitsOf as they are read out.
	digitsOf = strings.NewReplacer("零", "0", "〇", "0", "○", "0", "洞", "0", "一", "1", "幺", "1", "二", "2", "两", "2", "三", "3", "四", "4",
		"五", "5", "六", "6", "七", "7", "八", "8", "九", "9", "壹", "1", "贰", "2", "叁", "3", "肆", "4", "伍", "5", "陆", "6", "柒", "7", "捌", "8", "玖", "9")
)

// asWritten is the text that somebody would have typed who says what was heard.
func asWritten(heard string) string {
	plain := strings.Trim(normalize(heard), punctuation+" \n")
	switch cmd := Parse(plain); cmd.Verb {
	case VerbNone, VerbVerify, VerbQuery, VerbUndo:
	default:
		return plain // 今日; 我是张三 keeps its 三
	}
	s := strings.TrimLeft(politeBefore.ReplaceAllString(plain, ""), punctuation+" ")
	s = strings.TrimRight(politeAfter.ReplaceAllString(s, ""), punctuation+" ")
	word := spokenVerb.FindString(s)
	rest := strings.TrimLeft(s[len(word):], punctuation+" ")
	rest = strings.TrimLeft(betweenWords.ReplaceAllString(rest, ""), punctuation+" ")
	if verb := spokenVerb.FindString(lastWord(rest)); word == "" && verb != "" { // the code first
		word, rest = verb, strings.TrimSuffix(rest, lastWord(rest))
	}
	switch word {
	case "验证":
		word = "验"
	case "撤回":
		word = "撤"
	}
	count := ""
	if m := spokenCount.FindStringSubmatch(rest); m != nil {
		if rest, count = m[1], m[2]; count == "" {
			rest, count = m[3], strconv.Itoa(numeral(m[4]))
		}
		count = " x" + count
	}
	return strings.TrimSpace(word + " " + digitsOf.Replace(pauses.Replace(rest)) + count)
}

// lastWord is a verb at the end, or nothing.
func lastWord(s string) string {
	for _, w := range []string{"核销", "验券", "验", "撤销", "撤", "查询", "查"} {
		if strings.HasSuffix(s, w) {
			return w
		}
	}
	return ""
}

// numeral reads 两, 三, 十, 十二, 二十.
func numeral(s string) int {
	digit := func(s string) int { n, _ := strconv.Atoi(digitsOf.Replace(s)); return n }
	tens, ones, hasTen := strings.Cut(s, "十")
	if !hasTen {
		return digit(s)
	}
	return max(digit(tens), 1)*10 + digit(ones)
}
