package command

import (
	"regexp"
	"strconv"
	"strings"
)

// ParseSpeech is Parse for speech as a machine wrote it down: spoken digits, words
// of politeness, no certain punctuation. What is not understood, or only half, has
// no verb.
func ParseSpeech(heard string) Command {
	if cmd := Parse(AsWritten(heard)); cmd.Problem == "" {
		return cmd
	}
	return Command{}
}

var (
	// Words around a command that say nothing; of what follows it, too.
	politeBefore = regexp.MustCompile(`^(你好|您好|请|麻烦|帮我|帮忙|给我|我要|我想|那个|嗯|呃|把|这个|这张)+`)
	politeAfter  = regexp.MustCompile(`(谢谢|吧|啊|呀|哈|了)+$`)
	betweenWords = regexp.MustCompile(`^(一下|券码|号码|这张|这个|券|码|是|为|:)+`)
	// spokenCount ends a text: 两张. A digit just before it belongs to the code only
	// where it is a word: 九四三张 are three of …九四, while 943张 could be either.
	spokenCount = regexp.MustCompile(`^(.*[^0-9x])(10|[1-9])[张份]$|^(.*?)([一二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])[张份]$`)
	// pauses stand between groups of digits, or are read out as what was printed.
	pauses = strings.NewReplacer("-", " ", "杠", " ", "减", " ", ",", " ", "、", " ", ".", " ", "。", " ")
	// digitsOf as they are read out.
	digitsOf = strings.NewReplacer("零", "0", "〇", "0", "○", "0", "洞", "0", "一", "1", "幺", "1", "二", "2", "两", "2", "三", "3", "四", "4",
		"五", "5", "六", "6", "七", "7", "八", "8", "九", "9", "壹", "1", "贰", "2", "叁", "3", "肆", "4", "伍", "5", "陆", "6", "柒", "7", "捌", "8", "玖", "9")
)

// AsWritten is what was heard, as the text that would have been typed.
func AsWritten(heard string) string {
	plain := strings.Trim(Normalize(heard), Punctuation+" \n")
	switch cmd := Parse(plain); cmd.Verb {
	case VerbNone, VerbVerify, VerbQuery, VerbUndo:
	default:
		return plain // 今日; 我是张三 keeps its 三
	}
	s := strings.TrimLeft(politeBefore.ReplaceAllString(simple(plain), ""), Punctuation+" ")
	s = strings.TrimRight(politeAfter.ReplaceAllString(s, ""), Punctuation+" ")
	word, rest := spokenVerb(s)
	rest = strings.TrimLeft(rest, Punctuation+" ")
	rest = strings.TrimLeft(betweenWords.ReplaceAllString(rest, ""), Punctuation+" ")
	if last := verbAtEnd(rest).text; word == "" && last != "" { // the code first
		word, rest = last, strings.TrimSuffix(rest, last)
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

// spokenVerb takes the word about codes off that speech begins with.
func spokenVerb(s string) (word, rest string) {
	if verb, rest := cutVerb(s); takesCodes(verb) {
		return s[:len(s)-len(rest)], rest
	}
	return "", s
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
