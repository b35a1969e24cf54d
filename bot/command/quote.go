package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ParseReply is Parse for a message that quotes another: where it names no code, it
// is about the one in what it quotes. What may be none, or only a part of one, is looked at
// before it is verified.
func ParseReply(text, quote string) Command {
	cmd := Parse(text)
	switch {
	case quote == "" || len(quote) > maxTextBytes || len(cmd.Items) > 0:
		return cmd
	case cmd.Verb == VerbUndo && cmd.Problem == "":
	case (cmd.Verb == VerbVerify || cmd.Verb == VerbQuery) && cmd.Problem == noCode(cmd.Verb):
	default:
		return cmd
	}
	numbers := meant(numbersIn(Normalize(quote)), cmd.Verb)
	switch len(numbers) {
	case 0:
		return cmd
	case 1:
		return cmd.about(text, numbers[0])
	}
	return Command{Verb: cmd.Verb, Problem: fmt.Sprintf("引用的消息里有 %d 个号码，不知道是哪一个。请带上券码，例如：%s", len(numbers), Example(cmd.Verb))}
}

// about is the command about the one number of what it quotes.
func (c Command) about(text string, n candidate) Command {
	about := Command{Verb: c.Verb, Items: []Item{{Code: n.code, Count: 1, Platform: platformOf(n.code, "")}}}
	if named := Parse(text + " " + n.code); named.Verb == c.Verb && named.Problem == "" && len(named.Items) == 1 {
		about = named // with the platform that it may name
	}
	if n.unsure && about.Verb == VerbVerify {
		about.Verb = VerbQuery
	}
	return about
}

// candidate is a number in a text that may be a code.
type candidate struct {
	code    string
	grouped bool // it is written in groups of digits, or beside such
	other   bool // it is said to be of something else, or looks so
	unsure  bool // it may be none, or not the whole one
}

var (
	// moments are days and times.
	moments = regexp.MustCompile(`\b20[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}\b|\b[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\b`)
	// digitGroups are digits that nothing but spaces or hyphens parts.
	digitGroups = regexp.MustCompile(`[0-9]+(?:[ -]+[0-9]+)*`)
	// otherwise stands in front of a number that is no code.
	otherwise = regexp.MustCompile(`(?:手[机機]|[电電][话話]|[订訂][单單]|[单單][号號]|联系|聯繫|流水|身份|会员|會員|卡号|卡號|快递|运单|微信|qq|tel|phone|mobile|order)[^0-9\n,，。;；]{0,8}$`)
	// mobileNumber has the form of a mobile phone's.
	mobileNumber = regexp.MustCompile(`^1[3-9][0-9]{9}$`)
	// piecesSaid are how many of a code are meant.
	piecesSaid = regexp.MustCompile(` *\b([0-9]{1,3}) *[张份張]`)
	// countAfter stands behind a code that is meant several times.
	countAfter = regexp.MustCompile(`^ *x *[0-9]`)
)

// numbersIn are the codes, the links, and what else may be a code in a text, each once.
func numbersIn(s string) (all []candidate) {
	add := func(n candidate) {
		if i := slices.IndexFunc(all, func(o candidate) bool { return o.code == n.code }); i >= 0 {
			all[i].other, all[i].unsure = all[i].other || n.other, all[i].unsure || n.unsure
		} else if isCode(n.code) {
			all = append(all, n)
		}
	}
	before, link, after := cutLink(s)
	for ; ; before, link, after = cutLink(after) {
		before = piecesSaid.ReplaceAllString(moments.ReplaceAllString(before, "日"), " x$1 ")
		for _, at := range digitGroups.FindAllStringIndex(before, -1) {
			run := inRun(before[at[0]:at[1]])
			other, counted := otherwise.MatchString(before[:at[0]]), countAfter.MatchString(before[at[1]:])
			for _, n := range run {
				n.other = other || mobileNumber.MatchString(n.code)
				n.unsure = n.unsure || n.other || counted
				add(n)
			}
		}
		if link == "" {
			return all
		}
		add(candidate{code: link})
	}
}

// inRun are the numbers of digits in groups: those too short for a code are together one.
// Beside one that is none, another is not sure to be whole.
func inRun(s string) (run []candidate) {
	open := false
	for group := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == '-' }) {
		short := len(group) < MinCodeLen
		if short && open {
			run[len(run)-1].code += group
		} else {
			run = append(run, candidate{code: group, grouped: short})
		}
		open = short
	}
	grouped := slices.ContainsFunc(run, func(n candidate) bool { return n.grouped })
	for i := range run {
		run[i].grouped, run[i].unsure = grouped, grouped
	}
	return run
}

// meant are the numbers that a message can mean which quotes a text: an undo is of a whole
// number; else those that are said to be of something else are not, where there are others.
func meant(all []candidate, verb Verb) []candidate {
	if verb == VerbUndo {
		return slices.DeleteFunc(all, func(n candidate) bool { return n.grouped })
	}
	codes := slices.DeleteFunc(slices.Clone(all), func(n candidate) bool { return n.other })
	if len(codes) == 0 {
		return all
	}
	for i := range codes {
		codes[i].unsure = codes[i].unsure || len(codes) < len(all)
	}
	return codes
}
