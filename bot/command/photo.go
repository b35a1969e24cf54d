package command

import (
	"cmp"
	"strings"

	"yanquan/bot"
)

// Caption is what the words beside a picture want of the codes on it.
type Caption struct {
	Verb     Verb
	Count    int      // 0: not said
	Platform Platform // that was named
}

// CaptionOf tells what the words of a message want of its pictures; false: they speak
// for themselves. Words that are not understood want nothing but a look.
func CaptionOf(m bot.Message) (Caption, bool) {
	look := Caption{Verb: VerbQuery}
	if m.Kind != bot.Text {
		return look, true
	}
	cmd := ParseReply(m.Text, m.Quote)
	switch {
	case len(cmd.Items) > 0 || cmd.Verb == VerbNone && cmd.Problem != "":
		return Caption{}, false
	case cmd.Verb == VerbNone:
		return look, true
	case !takesCodes(cmd.Verb):
		return Caption{}, false
	}
	verb, rest := cutVerb(strings.TrimLeft(strings.TrimSpace(dropMentions(Normalize(m.Text))), Punctuation+" "))
	on, rest := cutPlatform(strings.Trim(rest, Punctuation+" \n"))
	if rest == "" {
		return Caption{Verb: verb, Platform: on}, true
	}
	const some = "10000000" // takes the place of the code on the picture
	items, problem := parseItems(some+" "+rest, verb)
	if problem != "" || len(items) != 1 || items[0].Code != some || !takesCodes(verb) {
		return look, true
	}
	return Caption{Verb: verb, Count: items[0].Count, Platform: cmp.Or(on, items[0].Platform)}, true
}

// About is the command about codes. A count that could be of any of several only
// allows a look.
func (c Caption) About(codes []string) Command {
	verb, count := c.Verb, max(c.Count, 1)
	if len(codes) > 1 && c.Count > 0 {
		verb, count = VerbQuery, 1
	}
	items := make([]Item, len(codes))
	for i, code := range codes {
		items[i] = Item{Code: code, Count: count, Platform: platformOf(code, c.Platform)}
	}
	return AboutCodes(verb, items).said(c.Count > 0)
}
