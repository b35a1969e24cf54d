package export

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"yanquan/bot"
)

// defused keeps a program from taking a text for a formula: what begins like one,
// also in full-width characters, gets an apostrophe in front; marks that do not show are
// left out before, for they would hide it. Deals and people are
// named by others.
func defused(s string) string {
	s = bot.Visible(s)
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + s
	}
	return s
}

// appendYuan writes fen as a decimal number. No float is involved.
func appendYuan(b []byte, fen int64) []byte {
	if fen < 0 {
		b, fen = append(b, '-'), -fen
	}
	b = strconv.AppendInt(b, fen/100, 10)
	return append(b, '.', byte('0'+fen/10%10), byte('0'+fen%10))
}

// appendSerial writes a time as a workbook counts it: days since 1899-12-30, by
// the clock on the wall.
func appendSerial(b []byte, t time.Time, zone *time.Location) []byte {
	t = t.In(zone)
	_, offset := t.Zone()
	const epoch = 25569 * 86400 // of Unix, in the workbook's count
	return strconv.AppendFloat(b, float64(t.Unix()+int64(offset)+epoch)/86400, 'f', 8, 64)
}

// appendText writes a text for XML. What XML cannot hold becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, escaped) { // nearly every cell of a million rows
		return append(b, s...)
	}
	buf := bytes.NewBuffer(b)
	_ = xml.EscapeText(buf, []byte(s)) // a bytes.Buffer takes everything
	return buf.Bytes()
}

// escaped reports whether a character cannot stand in XML as it is.
func escaped(r rune) bool {
	switch r {
	case '<', '>', '&', '"', '\'', utf8.RuneError, 0xFFFE, 0xFFFF:
		return true
	}
	return r < ' '
}

// maxCell is how many characters a cell holds.
const maxCell = 32767

// cut shortens a text to what a cell holds. Characters beyond the 16-bit plane
// count twice there.
func cut(s string) string {
	if len(s) <= maxCell {
		return s
	}
	n := 0
	for i, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
		if n > maxCell {
			return s[:i]
		}
	}
	return s
}

// sheetNames makes names that a workbook takes: at most 31 characters, none of
// its forbidden ones, no two alike but for case.
type sheetNames map[string]bool

const maxSheetName = 31

func (used sheetNames) name(wanted string) string {
	wanted = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`:\/?*[]`, r):
			return '_'
		case r < ' ' || r == utf8.RuneError || r > 0xFFFF:
			return -1
		}
		return r
	}, bot.Visible(wanted)), "' ")
	if wanted == "" || strings.EqualFold(wanted, "history") { // Excel keeps that one for itself
		wanted = "门店"
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = " (" + strconv.Itoa(n) + ")"
		}
		runes := []rune(wanted)
		name := strings.TrimRight(string(runes[:min(len(runes), maxSheetName-len(suffix))]), "' ") + suffix
		if key := strings.ToLower(name); !used[key] {
			used[key] = true
			return name
		}
	}
}
