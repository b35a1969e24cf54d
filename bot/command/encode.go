package command

import (
	"errors"
	"fmt"
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
	}
	return Command{Verb: verb, Items: items}
}

// Encode is the form in which a command about codes is stored and travels in the
// key of a button, such as verify:7992697494x2,8992697494@meituan.
func (c Command) Encode() string {
	texts := make([]string, len(c.Items))
	for i, it := range c.Items {
		if texts[i] = it.Code; it.Count != 1 {
			texts[i] += timesOf(it.Code) + strconv.Itoa(it.Count)
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
// version kept the text that somebody would have typed; that is read, too.
func DecodeCommand(s string) (Command, error) {
	verb, list, encoded := strings.Cut(s, ":")
	if !encoded {
		cmd := Parse(s)
		if cmd.Problem != "" || len(cmd.Items) == 0 || !takesCodes(cmd.Verb) {
			return Command{}, ErrNotCommand
		}
		return cmd, nil
	}
	var items []Item
	for text := range strings.SplitSeq(list, ",") {
		text, on, named := strings.Cut(text, "@")
		code, times, counted := strings.Cut(text, timesOf(text))
		it, err := Item{Code: code, Count: 1, Platform: Platform(on)}, error(nil)
		if counted {
			it.Count, err = strconv.Atoi(times)
		}
		it.Platform = platformOf(code, it.Platform)
		known := slices.ContainsFunc(items, func(o Item) bool { return o.Code == code })
		if err != nil || known || named && it.Platform.Word() == "" || !isCode(code) || it.Count < 1 || it.Count > MaxCount || len(items) == MaxCodes {
			return Command{}, ErrNotCommand
		}
		items = append(items, it)
	}
	cmd := AboutCodes(Verb(verb), items)
	if !takesCodes(cmd.Verb) || cmd.Problem != "" {
		return Command{}, ErrNotCommand
	}
	return cmd, nil
}

// takesCodes reports whether what a verb asks for is asked of codes.
func takesCodes(v Verb) bool { return v == VerbVerify || v == VerbQuery || v == VerbUndo }
