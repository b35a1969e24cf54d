package command

import (
	"strings"

	"yanquan/bot"
)

// Wish is what the words beside a picture want of the codes on it.
type Wish struct {
	Verb  Verb
	Count int // 0: not said
}

// WishOf tells what the words of a message want of its pictures; false: they speak
// for themselves. Words that are not understood want nothing but a look.
func WishOf(m bot.Message) (Wish, bool) {
	look := Wish{Verb: VerbQuery}
	if m.Kind != bot.Text {
		return look, true
	}
	cmd := ParseReply(m.Text, m.Quote)
	switch {
	case len(cmd.Items) > 0 || cmd.Verb == VerbNone && cmd.Problem != "":
		return Wish{}, false
	case cmd.Verb == VerbNone:
		return look, true
	case !takesCodes(cmd.Verb):
		return Wish{}, false
	}
	verb, rest := cutVerb(strings.TrimLeft(strings.TrimSpace(dropMentions(Normalize(m.Text))), Punctuation+" "))
	if rest = strings.Trim(rest, Punctuation+" \n"); rest == "" {
		return Wish{Verb: verb}, true
	}
	const some = "10000000" // takes the place of the code on the picture
	items, problem := parseItems(some+" "+rest, verb)
	if problem != "" || len(items) != 1 || items[0].Code != some || !takesCodes(verb) {
		return look, true
	}
	return Wish{Verb: verb, Count: items[0].Count}, true
}

// About is the command about codes. A count that could be of any of several only
// allows a look.
func (w Wish) About(codes []string) Command {
	verb, count := w.Verb, max(w.Count, 1)
	if len(codes) > 1 && w.Count > 0 {
		verb, count = VerbQuery, 1
	}
	items := make([]Item, len(codes))
	for i, code := range codes {
		items[i] = Item{Code: code, Count: count}
	}
	return AboutCodes(verb, items)
}
