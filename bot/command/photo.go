package command

import (
	"strings"

	"yanquan/bot"
)

// Wish is what the words beside a picture want of the codes on it.
type Wish struct {
	Verb Verb
	rest string // a count, or nothing
}

// WishOf tells what the words of a message want of its pictures; false: they speak
// for themselves. Words that are not understood want nothing but a look.
func WishOf(m bot.Message) (Wish, bool) {
	if m.Kind != bot.Text {
		return Wish{Verb: VerbQuery}, true
	}
	cmd := ParseReply(m.Text, m.Quote)
	switch {
	case len(cmd.Items) > 0 || cmd.Verb == VerbNone && cmd.Problem != "":
		return Wish{}, false
	case cmd.Verb == VerbNone:
		return Wish{Verb: VerbQuery}, true
	case cmd.Verb != VerbVerify && cmd.Verb != VerbQuery && cmd.Verb != VerbUndo:
		return Wish{}, false
	}
	verb, rest := cutVerb(strings.TrimLeft(strings.TrimSpace(dropMentions(Normalize(m.Text))), Punctuation+" "))
	a := Wish{Verb: verb, rest: strings.Trim(rest, Punctuation+" \n")}
	if probe := Parse(a.About([]string{"10000000"})); probe.Verb != verb || probe.Problem != "" || len(probe.Items) != 1 {
		return Wish{Verb: VerbQuery}, true
	}
	return a, true
}

// About is the command about codes, as it would have been typed.
func (a Wish) About(codes []string) string {
	word := map[Verb]string{VerbVerify: "验", VerbUndo: "撤"}[a.Verb]
	if word == "" || len(codes) > 1 && a.rest != "" { // a count of which one?
		word = "查"
	}
	text := word + " " + strings.Join(codes, " ")
	if len(codes) == 1 {
		text = strings.TrimSpace(text + " " + a.rest)
	}
	return text
}
