package command

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dropMentions removes @name, wherever it stands. The channel has removed the
// mentions whose end it knows; the name in any other may have several words, and only
// what follows tells where it ends. Where that is not certain, rather a command is not
// understood than a word lost that says 不要.
func dropMentions(s string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "@")
		out.WriteString(before)
		if !found {
			return strings.TrimSpace(out.String())
		}
		first := onlyPunctuation(out.String())
		end := mentionEnd(after, first)
		out.WriteByte(' ')
		s = after[end:]
	}
}

// Buried reports whether a text begins with a mention and something further on begins
// a command: where the text is not understood, the name in the mention may be to blame.
func Buried(text string) bool {
	said := strings.Fields(Normalize(text))
	return len(said) > 1 && strings.HasPrefix(said[0], "@") && slices.ContainsFunc(said[1:], startsCommand)
}

// mentionEnd is how long the name is that s begins with; first: it stands in front of
// the command.
func mentionEnd(s string, first bool) int {
	end := nameWord(s)
	if at := gluedCommand(s[:end]); at >= 0 && first {
		return at
	}
	if countDigits(s[:end]) >= codeDigits {
		if first {
			return strings.IndexAny(s, "0123456789") // a code to look at, whatever is in front of it
		}
		return 0
	}
	single := utf8.RuneCountInString(s[:end]) == 1
	for range 4 {
		next := end + len(s[end:]) - len(strings.TrimLeft(s[end:], " "))
		word := s[next : next+nameWord(s[next:])]
		if next == end || !ofName(word, single, first) {
			break
		}
		single, end = false, next+len(word)
	}
	return end
}

// codeDigits make a word one that may be a code rather than a name.
const codeDigits = 6

// nameWord is the length of the word that s begins with.
func nameWord(s string) int {
	if i := strings.IndexAny(s, " \n@"); i >= 0 {
		return i
	}
	return len(s)
}

// robots are how names of robots end.
var robots = []string{"助手", "机器人", "機器人", "小秘书", "管家", "助理", "bot", "robot"}

// gluedCommand is where in a word the name of a robot ends and a command begins; -1:
// nowhere that is certain.
func gluedCommand(word string) int {
	if lower := strings.ToLower(word); len(lower) == len(word) {
		word = lower
	}
	for _, r := range robots {
		at := strings.LastIndex(word, r)
		if at < 0 {
			continue
		}
		if at += len(r); startsCommand(word[at:]) {
			return at
		}
	}
	return -1
}

// startsCommand reports whether a word is the first of a command.
func startsCommand(word string) bool {
	if word == "" {
		return false
	}
	if verb, _ := cutVerb(word); verb != VerbNone {
		return true
	}
	_, period := ReadPeriod(word)
	return period || leadingDigits(word) != ""
}

const (
	// ofTalk are characters of words that people say, such as 先别, 请, 刚才.
	ofTalk = "不别別勿没沒未莫无無非谁誰何怎么麼吗嗎呢吧了请請帮幫我你您他她它们們先后後再等刚剛已把被给給让讓叫来來去要想会會能可应應该該说說问問看有是的这這那对對错錯好在就还還也都才正准備备快慢急停作废廢退算误誤重多少"
	// never are those of them that a single character can be.
	never = "不别別勿没沒未莫停错錯"
)

// english are words that are no one's name.
var english = map[string]bool{"no": true, "not": true, "don't": true, "dont": true, "cancel": true, "stop": true, "undo": true, "wait": true, "wrong": true, "never": true}

// ofName reports whether a word goes on with the name in a mention: Latin letters
// (Yan Quan Bot), or the other character of a name of two (李 四); in front of the
// command also a short word that is no talk.
func ofName(word string, afterSingle, first bool) bool {
	word = strings.ToLower(word)
	if word == "" || startsCommand(word) || isCount(word) || english[word] || countDigits(word) >= codeDigits {
		return false
	}
	han, letters := 0, 0
	for _, r := range word {
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r), unicode.IsMark(r), unicode.Is(unicode.So, r), strings.ContainsRune("-_.'’·()（）&", r):
		default:
			return false
		}
	}
	switch {
	case han == 0:
		return letters > 0
	case han == 1 && letters == 0 && afterSingle:
		return !strings.ContainsAny(word, never)
	}
	return first && han <= 4 && !strings.ContainsAny(word, ofTalk)
}

func countDigits(s string) (n int) {
	for _, r := range s {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n
}
