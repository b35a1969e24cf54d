package command

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNotCommand: the text is no encoded command about codes.
var ErrNotCommand = errors.New("command: no command about codes")

// AboutCodes makes a command about codes; with a Problem where one message cannot
// ask for so much.
func AboutCodes(verb Verb, items []Item) Command {
	switch {
	case len(items) > MaxCodes:
		return Command{Verb: verb, Problem: fmt.Sprintf("一条消息最多 %d 个券码，这条有 %d 个，一个都没有处理。请分几条发。", MaxCodes, len(items))}
	case len(items) > 1 && verb == VerbUndo:
		return Command{Verb: verb, Problem: "一次只能撤销一个券码，请一个一个发，例如：撤 7992697494"}
	case verb == VerbVerify && len(items) > 1:
		if code := onOnePage(items); code != "" {
			return Command{Verb: verb, Problem: fmt.Sprintf("二维码（链接）和券码 %s 可能是同一张券，都没有核销。请只发一个，例如：验 %s", code, code)}
		}
	}
	return Command{Verb: verb, Items: items}
}

// onOnePage finds a code that the same page of Douyin may show as a link of the message:
// to verify both could use up two vouchers of one order. Codes of ten digits are Meituan's.
func onOnePage(items []Item) (code string) {
	link := false
	for _, it := range items {
		switch {
		case IsLink(it.Code):
			link = true
		case len(it.Code) > 10 && (it.Platform == "" || it.Platform == OnDouyin):
			code = it.Code
		}
	}
	if !link {
		return ""
	}
	return code
}

// said notes that a count was said, where that is another thing than one: an undo without
// a count is of all that stands.
func (c Command) said(count bool) Command {
	c.Counted = count && c.Verb == VerbUndo && len(c.Items) == 1
	return c
}

// Encode is the form in which a command about codes is stored and travels in the
// key of a button, such as verify:7992697494x2,8992697494@meituan,104930181552#0001.
func (c Command) Encode() string {
	texts := make([]string, len(c.Items))
	for i, it := range c.Items {
		if texts[i] = it.Code; it.Count != 1 || c.Counted {
			texts[i] += timesOf(it.Code) + strconv.Itoa(it.Count)
		}
		if it.Product != "" {
			texts[i] += "#" + it.Product
		}
		if it.Platform != "" {
			texts[i] += "@" + string(it.Platform)
		}
	}
	return string(c.Verb) + ":" + strings.Join(texts, ",")
}

// timesOf is what parts a code from its count: a link may hold an x.
func timesOf(code string) string {
	if strings.HasPrefix(code, linkPrefix) {
		return "*"
	}
	return "x"
}

// DecodeCommand reads what [Command.Encode] made, trusting nothing. An earlier
// version kept the text as it would have been typed; that is read, too.
func DecodeCommand(s string) (Command, error) {
	verb, list, encoded := strings.Cut(s, ":")
	if !encoded {
		cmd := Parse(saidOfCode.ReplaceAllString(s, "$0,"))
		if cmd.Problem != "" || len(cmd.Items) == 0 || !takesCodes(cmd.Verb) {
			return Command{}, ErrNotCommand
		}
		return cmd, nil
	}
	var items []Item
	count := false
	for text := range strings.SplitSeq(list, ",") {
		text, on, named := strings.Cut(text, "@")
		text, product, ofProduct := strings.Cut(text, "#")
		code, times, counted := strings.Cut(text, timesOf(text))
		it, err := Item{Code: code, Count: 1, Platform: Platform(on), Product: product}, error(nil)
		if counted {
			it.Count, err = strconv.Atoi(times)
			count = true
		}
		it.Platform = platformOf(code, it.Platform)
		known := slices.ContainsFunc(items, func(o Item) bool { return o.Code == code })
		if ofProduct && !IsProduct(product) {
			return Command{}, ErrNotCommand
		}
		if err != nil || known || named && it.Platform.Word() == "" || !isCode(code) || it.Count < 1 || it.Count > MaxCount || len(items) == MaxCodes {
			return Command{}, ErrNotCommand
		}
		items = append(items, it)
	}
	cmd := AboutCodes(Verb(verb), items).said(count)
	if !takesCodes(cmd.Verb) || cmd.Problem != "" {
		return Command{}, ErrNotCommand
	}
	return cmd, nil
}

// saidOfCode is what an earlier version wrote behind a code, and before the next one.
var saidOfCode = regexp.MustCompile(`( x[0-9]+| ` + productWord + `[0-9]+)+`)

// takesCodes reports whether what a verb asks for is asked of codes.
func takesCodes(v Verb) bool { return v == VerbVerify || v == VerbQuery || v == VerbUndo }
