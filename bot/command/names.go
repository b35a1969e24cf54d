package command

import (
	"fmt"
	"strings"
	"unicode"
)

const maxPersonName = 20 // runes

// PersonName checks the name that a person gives: it holds letters, digits,
// blanks and the middle dot, so that no name is markup or invisible.
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
