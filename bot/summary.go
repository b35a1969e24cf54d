package bot

import (
	"fmt"
	"strconv"
	"strings"

	"yanquan/dianping"
	"yanquan/models"
)

// summary is what a manager is told of a day, a week or a month.
type summary struct {
	span    Span
	late    bool // it should have come earlier
	stores  []models.Store
	now     figures
	against []comparison
	tail    tally    // verified after the last daily summary, and so in none; only of a day
	outlook []string // see [Bot.outlook]
}

// comparison is an earlier span.
type comparison struct {
	word string // 昨日, 上周同日, …
	then tally
}

// reply renders a summary: a card that is read at a glance, and below it the whole.
func (b *Bot) summaryReply(s summary) Reply {
	f := s.now
	c := Card{TaskID: b.NewID(), Source: "验券", Title: s.span.Title + " " + f.all.String(), Desc: against(f.all, s.against), Tone: Good}
	if s.late {
		c.Title = "补发：" + c.Title
	}
	if f.all.Verified+f.all.Undone == 0 {
		c.Title, c.Tone = strings.TrimSuffix(c.Title, f.all.String())+"没有核销", Plain
	}
	row := func(key, format string, args ...any) {
		if len(c.Fields) < maxFields {
			c.Fields = append(c.Fields, Field{Key: key, Value: fmt.Sprintf(format, args...)})
		}
	}
	names := map[int64]string{}
	for _, st := range s.stores {
		names[st.ID] = st.Name
	}
	stores := best(f.byStore)
	for _, id := range stores[:min(len(stores), storesOnCard)] {
		row("门店", "%s %s", names[id], f.byStore[id])
	}
	if f.all.Undone > 0 {
		row("撤销", "%d 张 %v", f.all.Undone, dianping.Fen(f.all.UndoneFen))
	}
	deals, persons := best(f.byDeal), best(f.byPerson)
	if len(deals) > 0 && f.byDeal[deals[0]].Verified > 0 {
		row("热卖", "%s %d 张", deals[0], f.byDeal[deals[0]].Verified)
	}
	if len(persons) > 0 && f.byPerson[persons[0]].Verified > 0 {
		row("店员", "%s %d 张", persons[0], f.byPerson[persons[0]].Verified)
	}
	if hour, n := f.busiest(); n > 0 {
		row("最忙", "%d 点 %d 张", hour, n)
	}
	var notes []string
	if s.tail.Verified > 0 {
		notes = append(notes, fmt.Sprintf("上次日报以后、0 点以前还核销了 %s，算在前一天", s.tail))
	}
	if n := total(f.refused); n > 0 {
		notes = append(notes, fmt.Sprintf("没有核销成 %d 次", n))
	}
	if notes = append(notes, s.outlook...); len(notes) > 0 {
		c.Text = strings.Join(notes, "；") + "。"
	}
	return Reply{Card: &c, Text: s.whole(names, stores, persons, deals), Table: s.table(names, stores)}
}

// table is the stores at a glance, where there are several.
func (s summary) table(names map[int64]string, stores []int64) *Table {
	if len(stores) < 2 {
		return nil
	}
	t := &Table{Title: s.span.Title + " 各门店", Head: []string{"门店", "张数", "金额", "撤销"}}
	for _, id := range stores {
		one := s.now.byStore[id]
		t.Rows = append(t.Rows, []string{names[id], strconv.Itoa(one.Verified), dianping.Fen(one.AmountFen).String(), strconv.Itoa(one.Undone)})
	}
	return t
}

// whole is everything in words, where there is more than the card shows.
func (s summary) whole(names map[int64]string, stores []int64, persons, deals []string) string {
	f := s.now
	var text strings.Builder
	part := func(title string, n int, line func(i int) string) {
		if n == 0 {
			return
		}
		fmt.Fprintf(&text, "**%s**\n", title)
		for i := range min(n, mostLines) {
			fmt.Fprintf(&text, "%s\n", line(i))
		}
		if n > mostLines {
			fmt.Fprintf(&text, "……还有 %d 行\n", n-mostLines)
		}
	}
	row := func(name string, t *tally) string {
		if t.Undone > 0 {
			return fmt.Sprintf("%s %s，撤销 %d 张", name, t, t.Undone)
		}
		return name + " " + t.String()
	}
	if len(stores) > 1 {
		part("门店", len(stores), func(i int) string { return row(names[stores[i]], f.byStore[stores[i]]) })
	}
	if len(persons) > 1 {
		part("店员", len(persons), func(i int) string { return row(persons[i], f.byPerson[persons[i]]) })
	}
	if len(deals) > 1 {
		part("团购", len(deals), func(i int) string { return row(deals[i], f.byDeal[deals[i]]) })
	}
	part("没有核销成", len(f.refused), func(i int) string {
		return fmt.Sprintf("%s %d 次", sayingOf(f.refused[i].Reason).title, f.refused[i].Times)
	})
	return strings.TrimSpace(text.String())
}

// storesOnCard leaves room for the rest of it.
const storesOnCard = 3

// mostLines of one part: a manager of two thousand stores reads the page.
const mostLines = 10

// against says how much more or less it is than before.
func against(now tally, before []comparison) string {
	var parts []string
	for _, c := range before {
		switch d := now.Verified - c.then.Verified; {
		case d > 0:
			parts = append(parts, fmt.Sprintf("比%s多 %d 张", c.word, d))
		case d < 0:
			parts = append(parts, fmt.Sprintf("比%s少 %d 张", c.word, -d))
		default:
			parts = append(parts, fmt.Sprintf("和%s一样多", c.word))
		}
	}
	return strings.Join(parts, "，")
}

func total(refused []models.Refusal) (n int) {
	for _, r := range refused {
		n += r.Times
	}
	return n
}
