package figures

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/models"
)

// Summary is what a manager is told of a day, a week or a month.
type Summary struct {
	Span        command.Span
	Late        bool // it should have come earlier
	Stores      []models.Store
	Now         *models.Figures
	Against     []Comparison
	Corrections []Correction // of earlier days, oldest first; only of a day
	Outlook     []string     // see [Counter.Outlook]
}

// empty reports whether there is no business to tell of.
func (s Summary) empty() bool {
	return s.Now.All().Empty() && len(s.Now.Refunds)+len(s.Corrections) == 0
}

// Comparison is an earlier span.
type Comparison struct {
	Word string // 昨日, 上周同日, …
	Then models.Tally
}

// Reply renders a summary: a card that is read at a glance, and below it the whole.
func (x *Counter) Reply(s Summary) bot.Reply {
	r := ranked{
		Summary: s, names: map[int64]string{}, all: s.Now.All(), refused: s.Now.Refusals(),
		byStore: ByStore(s.Stores, s.Now.ByAccount), byPlatform: ByPlatform(s.Stores, s.Now.ByAccount),
		persons: Best(s.Now.ByPerson), people: s.Now.People(), deals: Best(s.Now.ByDeal),
	}
	r.stores, r.platforms = Best(r.byStore), Best(r.byPlatform)
	for _, st := range s.Stores {
		r.names[st.ID] = st.Name
	}
	return bot.Reply{Card: r.card(x.NewID()), Text: r.whole(), Table: r.table()}
}

// ranked is a summary with what has most first.
type ranked struct {
	Summary
	names      map[int64]string
	all        models.Tally
	byStore    map[int64]models.Tally
	byPlatform map[string]models.Tally
	stores     []int64
	platforms  []string // none where no store has several
	persons    []string
	people     map[string]string // what they are called
	deals      []string
	refused    []models.Refusal
}

// card is the summary at a glance.
func (r ranked) card(id string) *bot.Card {
	f := r.Now
	c := &bot.Card{TaskID: id, Source: "验券", Title: r.Span.Title + " " + words.Sum(r.all.Verified), Desc: against(r.all, r.Against), Tone: bot.Good}
	if r.all.Empty() {
		c.Title, c.Tone = r.Span.Title+" 没有核销", bot.Plain
	}
	if r.Late {
		c.Title = "补发：" + c.Title
	}
	row := func(key, value string) {
		if len(c.Fields) < bot.MaxFields {
			c.Fields = append(c.Fields, bot.Field{Key: key, Value: value})
		}
	}
	for _, id := range r.stores[:min(len(r.stores), StoresOnCard)] {
		row("门店", words.Named(r.names[id], words.Sum(r.byStore[id].Verified)))
	}
	for _, part := range Parts(r.byPlatform) {
		row("平台", part)
	}
	if r.all.Undone.Count > 0 {
		row("撤销", words.Sum(r.all.Undone))
	}
	if len(r.deals) > 0 && f.ByDeal[r.deals[0]].Verified.Count > 0 {
		row("热卖", fmt.Sprintf("%s %d 张", r.deals[0], f.ByDeal[r.deals[0]].Verified.Count))
	}
	if len(r.persons) > 0 && f.ByPerson[r.persons[0]].Verified.Count > 0 {
		row("店员", words.Named(r.people[r.persons[0]], fmt.Sprintf("%d 张", f.ByPerson[r.persons[0]].Verified.Count)))
	}
	if hour, n := f.Busiest(); n > 0 {
		row("最忙", fmt.Sprintf("%d 点 %d 张", hour, n))
	}
	if notes := r.notes(); len(notes) > 0 {
		c.Text = strings.Join(notes, "；") + "。"
	}
	return c
}

// Parts are sums by platform as the values of fields, most first. Of coupons without a
// price, one that would be too long says nothing: the whole does.
func Parts(byPlatform map[string]models.Tally) (parts []string) {
	for _, name := range Best(byPlatform) {
		sum := byPlatform[name].Verified
		part := name + " " + words.Sum(sum)
		if utf8.RuneCountInString(part) > bot.MaxValue {
			part = name + " " + words.Sum(models.Sum{Count: sum.Count - sum.Unpriced, Fen: sum.Fen})
		}
		parts = append(parts, part)
	}
	return parts
}

// notes are what else to know, a few words each.
func (r ranked) notes() (notes []string) {
	if len(r.platforms) > 0 && r.all.Undone.Count > 0 && min(len(r.stores), StoresOnCard)+len(r.platforms) >= bot.MaxFields {
		notes = append(notes, "撤销 "+words.Sum(r.all.Undone)) // which has no room above
	}
	if note := Refunded(r.Now.Refunds); note != "" {
		notes = append(notes, note)
	}
	if note := corrected(r.Corrections); note != "" {
		notes = append(notes, note)
	}
	n := 0
	for _, refusal := range r.refused {
		n += refusal.Times
	}
	if n > 0 {
		notes = append(notes, fmt.Sprintf("没有核销成 %d 次", n))
	}
	return append(notes, r.Outlook...)
}

// table is the stores at a glance, where there are several.
func (r ranked) table() *bot.Table {
	if len(r.stores) < 2 {
		return nil
	}
	t := &bot.Table{Title: r.Span.Title + " 各门店", Head: []string{"门店", "张数", "金额", "撤销"}}
	for _, id := range r.stores {
		one := r.byStore[id]
		t.Rows = append(t.Rows, []string{r.names[id], strconv.Itoa(one.Verified.Count), words.Amount(one.Verified), strconv.Itoa(one.Undone.Count)})
	}
	return t
}

// whole is everything in words, where there is more than the card shows.
func (r ranked) whole() string {
	f := r.Now
	var text strings.Builder
	part := func(title string, n, least int, line func(i int) string) {
		if n < least {
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
	row := func(name string, t models.Tally) string {
		line := name + " " + words.Sum(t.Verified)
		if t.Undone.Count > 0 {
			line += fmt.Sprintf("，撤销 %d 张", t.Undone.Count)
		}
		return line
	}
	earlier := atMost(r.Corrections, mostLines)
	part("前几天的变化，没有算进 "+r.Span.Title, len(earlier), 1, func(i int) string { return earlier[i].line() })
	part("门店", len(r.stores), 2, func(i int) string { return row(bot.Escaped(r.names[r.stores[i]]), r.byStore[r.stores[i]]) })
	part("平台", len(r.platforms), 2, func(i int) string { return row(r.platforms[i], r.byPlatform[r.platforms[i]]) })
	part("店员", len(r.persons), 2, func(i int) string { return row(bot.Escaped(r.people[r.persons[i]]), f.ByPerson[r.persons[i]]) })
	part("团购", len(r.deals), 2, func(i int) string { return row(bot.Escaped(r.deals[i]), f.ByDeal[r.deals[i]]) })
	part("退款", len(f.Refunds), 1, func(i int) string { return bot.Escaped(refundLine(f.Refunds[i])) })
	part("没有核销成", len(r.refused), 1, func(i int) string {
		return fmt.Sprintf("%s %d 次", words.TitleOf(r.refused[i].Reason), r.refused[i].Times)
	})
	return strings.TrimSpace(text.String())
}

// StoresOnCard leaves room for the rest of it.
const StoresOnCard = 3

// mostLines of one part: a manager of two thousand stores reads the page.
const mostLines = 10

// against says how much more or less it is than before.
func against(now models.Tally, before []Comparison) string {
	var parts []string
	for _, c := range before {
		switch d := now.Verified.Count - c.Then.Verified.Count; {
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
