package wecom

import (
	"fmt"
	"regexp"
	"strings"

	"yanquan/bot"
)

// markdown renders a reply for where no card can be shown: stream frames, reply
// URLs in groups, message/send markdown. Only bold, lists, quotes, links and
// blank lines are used, which all of WeCom's dialects show, at worst literally.
// Colours and buttons are lost; a mark in front of the title stands for the
// colour, a text to send for a button.
func markdown(reply bot.Reply) string { return render(reply.Card, reply.Text, markdownStyle) }

// plainText renders a reply with no markup at all.
func plainText(reply bot.Reply) string {
	return render(reply.Card, stripMarkdown(reply.Text), plainStyle)
}

// style is how the parts of a card are marked up.
type style struct {
	escape            func(string) string
	bold              string // on both sides
	item, quote       string // in front of a line
	linkOpen, linkMid string
	linkClose         string
}

var (
	markdownStyle = style{
		escape: bot.Escaped, bold: "**", item: "- ", quote: "> ",
		linkOpen: "[", linkMid: "](", linkClose: ")",
	}
	plainStyle = style{escape: noLinks, linkMid: "："}
)

// noLinks makes what is a link in a text of an app, <a href>, show as itself.
func noLinks(s string) string {
	return strings.NewReplacer("<", "＜", ">", "＞").Replace(bot.Visible(s))
}

// render gives the blocks of a card from top to bottom; text, which is markup
// already, comes before the source line. c may be nil.
func render(c *bot.Card, text string, st style) string {
	if c == nil {
		return text
	}
	var blocks []string
	block := func(lines ...string) {
		if b := strings.Join(lines, "\n"); b != "" {
			blocks = append(blocks, b)
		}
	}

	if c.Title != "" {
		lines := []string{toneMarks[c.Tone] + st.bold + st.escape(oneLine(c.Title)) + st.bold}
		if c.Desc != "" {
			lines = append(lines, st.escape(oneLine(c.Desc)))
		}
		block(lines...)
	} else {
		block(st.escape(oneLine(c.Desc)))
	}
	if c.Quote != nil {
		block(st.quoted(c.Quote.Title, c.Quote.Text)...)
	}
	fields := make([]string, 0, len(c.Fields))
	for _, f := range c.Fields {
		fields = append(fields, st.item+st.escape(oneLine(f.Key))+"："+st.escape(oneLine(f.Value)))
	}
	block(fields...)
	block(st.escape(c.Text))
	block(st.typed(c.Keys)...)
	block(text)
	if c.URL != "" {
		block(st.linkOpen + "查看详情" + st.linkMid + c.URL + st.linkClose)
	}
	block(st.escape(c.Source))
	return strings.Join(blocks, "\n\n")
}

// tableMarkdown is a table in markdown_v2 (page 91770), of at most limit bytes. To
// clients that do not know it, it is lines of text. Rows that do not fit are
// counted.
func tableMarkdown(t bot.Table, limit int) string {
	row := func(cells []string) string {
		line := "|"
		for _, c := range cells {
			line += " " + bot.Escaped(oneLine(c)) + " |"
		}
		return line + "\n"
	}
	var text strings.Builder
	text.WriteString("**" + bot.Escaped(oneLine(t.Title)) + "**\n\n" + row(t.Head) + "| :--- |" + strings.Repeat(" ---: |", max(len(t.Head)-1, 0)) + "\n")
	for i, cells := range t.Rows {
		line := row(cells)
		more := fmt.Sprintf("\n……还有 %d 行", len(t.Rows)-i)
		if left := limit - text.Len() - len(line); left < len(more) && (i < len(t.Rows)-1 || left < 0) {
			text.WriteString(more)
			break
		}
		text.WriteString(line)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// typed says what to text where there are no buttons to press.
func (st style) typed(keys []bot.CardKey) []string {
	var lines []string
	for _, k := range keys {
		if k.Say != "" {
			lines = append(lines, st.escape(oneLine(k.Text))+"：请发「"+st.escape(k.Say)+"」")
		}
	}
	return lines
}

func (st style) quoted(texts ...string) []string {
	var lines []string
	for _, text := range texts {
		if text == "" {
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, st.quote+st.escape(line))
		}
	}
	return lines
}

var toneMarks = map[bot.Tone]string{bot.Good: "✅ ", bot.Bad: "❌ "}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	mdLink  = regexp.MustCompile(`\[([^\]\n]*)\]\(([^)\n]*)\)`)
	mdBlock = regexp.MustCompile(`(?m)^[ \t]*(?:#{1,6} |> ?)`)
)

// stripMarkdown removes bold, headings, quotes and links' brackets; "- " stays,
// for it reads well as it is.
func stripMarkdown(s string) string {
	s = mdLink.ReplaceAllString(s, "$1：$2")
	s = mdBlock.ReplaceAllString(s, "")
	return strings.NewReplacer("**", "", "`", "").Replace(s)
}
