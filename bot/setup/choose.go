package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"yanquan/bot/command"
	"yanquan/dianping"
)

// narrow brings what a Chinese keyboard writes wide into the letters, digits and signs that
// names and addresses are made of.
func narrow(text string) string {
	return strings.ReplaceAll(width.Fold.String(text), "。", ".")
}

// word is a line as a command, such as s.
func word(text string) string { return strings.ToLower(strings.TrimSpace(narrow(text))) }

// spoken are names of choices as people say them.
var spoken = map[string]string{
	"y": "yes", "n": "no", "true": "yes", "false": "no", "ok": "yes", "是": "yes", "否": "no", "要": "yes", "不要": "no",
	"好": "yes", "好的": "yes", "可以": "yes", "不": "no", "不用": "no",
	"美团": dianping.Meituan, "抖音": "douyin", "点评": dianping.Dianping, "大众点评": dianping.Dianping, "长连接": "websocket",
}

// normal brings an answer into the form that is kept, or says why it has none.
func (w words) normal(q question, text string) (string, *refusal) {
	if f := fieldOf(q.key); !f.secret && f.key != "sqlite_file" { // those may be in any letters
		text = narrow(text)
	}
	text = strings.TrimFunc(text, unicode.IsSpace)
	switch {
	case text == "" || text == none && !q.maybe:
		return "", refuse("no.empty")
	case text == none:
		return text, nil
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return "", refuse("no.unseen", fmt.Sprintf("%U", r))
		}
	}
	if q.choices != nil {
		return w.choose(q, text)
	}
	if q.check != nil {
		if no := q.check(text); no != nil {
			return "", no
		}
	}
	return text, nil
}

// choose finds choices by number, name or what is shown of them.
func (w words) choose(q question, text string) (string, *refusal) {
	all := strings.Join(q.choices, ", ")
	parts := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",、;+", r) })
	if _, ok := w.choice(q, text); ok {
		parts = []string{text}
	}
	var chosen []string
	for _, one := range parts {
		name, ok := w.choice(q, one)
		if !ok {
			return "", refuse("no.choice", one, all)
		}
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	if len(chosen) == 0 || len(chosen) > 1 && !q.several {
		return "", refuse("no.choice", text, all)
	}
	return strings.Join(chosen, ","), nil
}

func (w words) choice(q question, text string) (string, bool) {
	text = strings.Trim(strings.ToLower(text), command.Punctuation+" ")
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.choices) {
		return q.choices[n-1], true
	}
	if name := cmp.Or(spoken[text], text); slices.Contains(q.choices, name) {
		return name, true
	}
	var found []string
	for _, c := range q.choices {
		label := strings.ToLower(w.text(q.key + "." + c))
		if i := strings.IndexAny(label, "：，（:,("); i >= 0 {
			label = label[:i] // what follows explains
		}
		label = strings.TrimSpace(label)
		if label == text {
			return c, true
		}
		if utf8.RuneCountInString(text) > 1 && strings.Contains(label, text) {
			found = append(found, c)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return "", false
}
