package figures

import (
	"fmt"
	"strconv"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// Summary is what a manager is told of a day, a week or a month.
type Summary struct {
	Span    command.Span
	Late    bool // it should have come earlier
	Stores  []models.Store
	Now     Sums
	Against []Comparison
	Tail    Tally    // verified after the last daily summary, and so in none; only of a day
	Outlook []string // see [Bot.outlook]
}

// Comparison is an earlier span.
type Comparison struct {
	Word string // 昨日, 上周同日, …
	Then Tally
}

// Reply renders a summary: a card that is read at a glance, and below it the whole.
func (x *Counter) Reply(s Summary) bot.Reply {
	f := s.Now
	c := bot.Card{TaskID: x.NewID(), Source: "验券", Title: s.Span.Title + " " + f.All.String(), Desc: against(f.All, s.Against), Tone: bot.Good}
	if s.Late {
		c.Title = "补发：" + c.Title
	}
	if f.All.Verified+f.All.Undone == 0 {
		c.Title, c.Tone = strings.TrimSuffix(c.Title, f.All.String())+"没有核销", bot.Plain
	}
	row := func(key, format string, args ...any) {
		if len(c.Fields) < bot.MaxFields {
			c.Fields = append(c.Fields, bot.Field{Key: key, Value: fmt.Sprintf(format, args...)})
		}
	}
	names := map[int64]string{}
	for _, st := range s.Stores {
		names[st.ID] = st.Name
	}
	stores := Best(f.ByStore)
	for _, id := range stores[:min(len(stores), StoresOnCard)] {
		row("门店", "%s %s", names[id], f.ByStore[id])
	}
	if f.All.Undone > 0 {
		row("撤销", "%d 张 %v", f.All.Undone, dianping.Fen(f.All.UndoneFen))
	}
	deals, persons := Best(f.ByDeal), Best(f.ByPerson)
	if len(deals) > 0 && f.ByDeal[deals[0]].Verified > 0 {
		row("热卖", "%s %d 张", deals[0], f.ByDeal[deals[0]].Verified)
	}
	if len(persons) > 0 && f.ByPerson[persons[0]].Verified > 0 {
		row("店员", "%s %d 张", persons[0], f.ByPerson[persons[0]].Verified)
	}
	if hour, n := f.Busiest(); n > 0 {
		row("最忙", "%d 点 %d 张", hour, n)
	}
	var notes []string
	if s.Tail.Verified > 0 {
		notes = append(notes, fmt.Sprintf("上次日报以后、0 点以前还核销了 %s，算在前一天", s.Tail))
	}
	if n := total(f.Refused); n > 0 {
		notes = append(notes, fmt.Sprintf("没有核销成 %d 次", n))
	}
	if notes = append(notes, s.Outlook...); len(notes) > 0 {
		c.Text = strings.Join(notes, "；") + "。"
	}
	return bot.Reply{Card: &c, Text: s.whole(names, stores, persons, deals), Table: s.table(names, stores)}
}

// table is the stores at a glance, where there are several.
func (s Summary) table(names map[int64]string, stores []int64) *bot.Table {
	if len(stores) < 2 {
		return nil
	}
	t := &bot.Table{Title: s.Span.Title + " 各门店", Head: []string{"门店", "张数", "金额", "撤销"}}
	for _, id := range stores {
		one := s.Now.ByStore[id]
		t.Rows = append(t.Rows, []string{names[id], strconv.Itoa(one.Verified), dianping.Fen(one.AmountFen).String(), strconv.Itoa(one.Undone)})
	}
	return t
}

// whole is everything in words, where there is more than the card shows.
func (s Summary) whole(names map[int64]string, stores []int64, persons, deals []string) string {
	f := s.Now
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
	row := func(name string, t *Tally) string {
		if t.Undone > 0 {
			return fmt.Sprintf("%s %s，撤销 %d 张", name, t, t.Undone)
		}
		return name + " " + t.String()
	}
	if len(stores) > 1 {
		part("门店", len(stores), func(i int) string { return row(names[stores[i]], f.ByStore[stores[i]]) })
	}
	if len(persons) > 1 {
		part("店员", len(persons), func(i int) string { return row(persons[i], f.ByPerson[persons[i]]) })
	}
	if len(deals) > 1 {
		part("团购", len(deals), func(i int) string { return row(deals[i], f.ByDeal[deals[i]]) })
	}
	part("没有核销成", len(f.Refused), func(i int) string {
		return fmt.Sprintf("%s %d 次", words.SayingOf(f.Refused[i].Reason).Title, f.Refused[i].Times)
	})
	return strings.TrimSpace(text.String())
}

// StoresOnCard leaves room for the rest of it.
const StoresOnCard = 3

// mostLines of one part: a manager of two thousand stores reads the page.
const mostLines = 10

// against says how much more or less it is than before.
func against(now Tally, before []Comparison) string {
	var parts []string
	for _, c := range before {
		switch d := now.Verified - c.Then.Verified; {
		case d > 0:
			parts = append(parts, fmt.Sprintf("比%s多 %d 张", c.Word, d))
		case d < 0:
			parts = append(parts, fmt.Sprintf("比%s少 %d 张", c.Word, -d))
		default:
			parts = append(parts, fmt.Sprintf("和%s一样多", c.Word))
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
