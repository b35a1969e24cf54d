package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Codes are written in lists, and what stands around a code loses its punctuation. A
// number that is none of a code must not run into one that is written in groups.

var (
	// listNumber is the number of a line: 1. or 1) or (1) or 1、
	listNumber = regexp.MustCompile(`^[ (]*([0-9]{1,2})([.)、])( *)(.+)$`)
	// strayNumber is a digit behind the groups of a code, in front of 、: the code's last
	// one, or the number of what follows. In a list whose numbers are written so, two can
	// be that, too.
	strayNumber     = regexp.MustCompile(`[0-9][ -]+[0-9]、`)
	strayListNumber = regexp.MustCompile(`[0-9][ -]+[0-9]{1,2}、`)
	// wrapped is a code in groups, in brackets or quotation marks as a whole.
	wrapped = regexp.MustCompile(`^( *)[(\[【《<"'“‘]+([0-9]+(?:[ -]+[0-9]+)+)[)\]】》>"'”’]+`)
)

// list drops the numbers of lines.
func (r *itemReader) list(s string) string {
	lines := strings.Split(s, "\n")
	if n := unmarked(lines); n > 1 {
		r.say("不知道每行开头的 1 到 %d 是序号还是券码。请去掉序号再发，或写成「1.」。", n)
	}
	for i, line := range lines {
		word := ""
		if v, rest := cutVerb(strings.TrimSpace(line)); v == r.verb {
			word, line = strings.TrimSuffix(strings.TrimSpace(line), rest), rest
		}
		rest, mark := cutListNumber(line)
		if strayNumber.MatchString(rest) || mark == "、" && strayListNumber.MatchString(rest) {
			r.say("不知道「、」前面的数字是序号还是券码。请一行写一个券码再发。")
		}
		lines[i] = word + rest
	}
	return strings.Join(lines, "\n")
}

// cutListNumber takes the number off that a line begins with, and what marks it. The
// beginning of a price, or of nothing, is none.
func cutListNumber(line string) (rest, mark string) {
	m := listNumber.FindStringSubmatch(line)
	if m == nil {
		return line, ""
	}
	n, _ := strconv.Atoi(m[1])
	if follows := len(leadingDigits(m[4])); n < 1 || n > MaxCodes || m[2] == "." && m[3] == "" && follows > 0 && follows < 3 {
		return line, ""
	}
	return m[4], m[2]
}

// unmarked is how many lines there are, where each has groups of digits of which the first
// is the number of the line: nothing tells whether it is of the code.
func unmarked(lines []string) (n int) {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		n++
		if groups := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '-' }); len(groups) < 2 || groups[0] != fmt.Sprint(n) {
			return 0
		}
	}
	return n
}

// unwrapped takes the brackets off that are around a code in groups.
func unwrapped(part string) string {
	m := wrapped.FindStringSubmatch(part)
	if m == nil || countDigits(m[2]) < MinCodeLen {
		return part
	}
	return m[1] + m[2] + " " + part[len(m[0]):]
}

// pause is punctuation that ends what is said, and marks nothing.
const pause = "。.!！,，、;；:：?？~…"

// stray reports whether a token of few digits, which has lost its punctuation, may be no
// group of a code, as in (2), #2 and 2. with more behind it.
func (r *itemReader) stray(token, bare string, last bool) bool {
	if bare == "" || bare == token || len(bare) >= MinCodeLen || leadingDigits(bare) != bare {
		return false
	}
	front, back, _ := strings.Cut(token, bare)
	switch {
	case front != "" && r.open.Len() > 0:
		return true
	case len(bare) > 2:
		return false
	}
	return strings.Trim(front, pause) != "" || strings.Trim(back, pause) != "" || back != "" && (!last || len(bare) == 1)
}
