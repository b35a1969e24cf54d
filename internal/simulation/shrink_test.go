package simulation

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"
)

var particular = regexp.MustCompile(`[0-9:. -]+|` + "张三|李四|王五|赵六|孙七|老板|zhangsan|lisi|wangwu|zhaoliu|sunqi|boss" + `|".*"|app/main|group/\S+|with`)

// kinds are the kinds of a world's findings, without what is particular.
func (w *world) kinds() (all []string) {
	for _, f := range w.found {
		all = append(all, particular.ReplaceAllString(f, " "))
	}
	return all
}

// shrink drops events, as long as a finding of the same kind stays: first many at a
// time, then one by one.
func shrink(t *testing.T, p *plan, kind string) *plan {
	still := func(q *plan) bool { return slices.Contains(play(t, q).kinds(), kind) }
	for size := len(p.Events) / 2; size > 0; size /= 2 {
		for from := 0; from < len(p.Events); {
			q := *p
			q.Events = without(p.Events, from, min(from+size, len(p.Events)))
			if len(q.Events) < len(p.Events) && still(&q) {
				p = &q
				t.Logf("%d events", len(p.Events))
			} else {
				from += size
			}
		}
	}
	q := *p
	q.Sold = slices.DeleteFunc(slices.Clone(p.Sold), func(s sold) bool {
		return !slices.ContainsFunc(p.Events, func(e event) bool { return e.Code == s.Code })
	})
	if still(&q) {
		return &q
	}
	return p
}

// without leaves out some events, but for those that only wake the background work:
// what is told at a time of its own would come late.
func without(events []event, from, to int) []event {
	looks := slices.DeleteFunc(slices.Clone(events[from:to]), func(e event) bool { return e.Do != look })
	return slices.Concat(events[:from], looks, events[to:])
}

func (p *plan) keep(file string) error {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o666)
}

func kept(t *testing.T, file string) *plan {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{}
	if err := json.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	return p
}
