package wecom

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// splitBytes cuts s into at most parts pieces of at most limit bytes: at line
// breaks, or between runes where one line is too long. What does not fit ends
// in "…(还有 N 行)", so that a part is not taken for the whole. limit must leave
// room for that (64 bytes).
func splitBytes(s string, limit, parts int) []string {
	s = strings.Trim(s, "\n")
	var out []string
	for len(s) > limit && len(out) < parts-1 {
		head, tail := cutLine(s, limit)
		out = append(out, head)
		s = tail
	}
	return append(out, cutBytes(s, limit))
}

// cutBytes shortens s to at most limit bytes, saying how many lines are missing.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	// The number of missing lines is at most that of all lines, so that the note
	// is not longer than this one.
	room := limit - len(moreLines(s)) - len("\n")
	head, tail := cutLine(s, room)
	return head + "\n" + moreLines(tail)
}

// moreLines is the note in place of rest; blank lines do not count.
func moreLines(rest string) string {
	n := 0
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return fmt.Sprintf("…(还有 %d 行)", n)
}

// cutLine cuts s, which is longer than limit, after the last line that fits.
func cutLine(s string, limit int) (head, tail string) {
	// A line break right behind the limit may serve too: it is dropped.
	if i := strings.LastIndexByte(s[:limit+1], '\n'); i > 0 {
		return strings.TrimRight(s[:i], "\n"), strings.TrimLeft(s[i:], "\n")
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], s[limit:]
}
