package wecom

import (
	"encoding/json"
	"strings"
	"testing"

	"yanquan/bot"
)

// Whatever others call things, no form in which a reply goes out has their markup, a
// mention, a link or what steers a screen.
func TestHostileTextsInEveryForm(t *testing.T) {
	t.Parallel()
	const h = "*a*<@boss><a href=\"x\">[b](http://e.vil)\x1b[31m\u202e\u2028`c`"
	card := bot.Card{
		TaskID: "t", Source: h, Title: h, Desc: h + "\n# x", Text: h, Quote: &bot.Quote{Title: h, Text: h},
		Fields: []bot.Field{{Key: h, Value: h}}, Keys: []bot.CardKey{{Text: h, Key: "k", Say: h}},
	}
	reply := bot.Reply{Card: &card, Text: bot.Say("%s", h).Text}
	forms := map[string]string{
		"markdown": markdown(reply), "plain": plainText(reply), "link": linkLine(bot.File{Name: h}),
		"table": tableMarkdown(bot.Table{Title: h, Head: []string{h, h}, Rows: [][]string{{h, h}}}, 4096),
	}
	for name, text := range forms {
		for _, bad := range []string{"<@", "<a", "*a*", "](", "`c`", "\n#"} {
			if strings.Contains(text, bad) && (name != "plain" || strings.HasPrefix(bad, "<")) {
				t.Errorf("%s has %q:\n%s", name, bad, text)
			}
		}
	}
	for _, ch := range []Channel{AppChannel, RobotChannel, SocketChannel, WebhookChannel} {
		raw, err := json.Marshal(buildCard(ch, card, "https://example.com"))
		if err != nil {
			t.Fatal(err)
		}
		forms[string(ch)] = string(raw)
	}
	for name, text := range forms {
		if strings.ContainsAny(text, "\x1b\u202e\u2028") || strings.Contains(text, `\u001b`) || strings.Contains(text, `\u2028`) {
			t.Errorf("%s steers the screen: %q", name, text)
		}
	}
}

// Where buttons are lost, people read what to text instead.
func TestMarkdownTellsWhatToText(t *testing.T) {
	t.Parallel()
	reply := bot.Reply{Card: &bot.Card{Title: "双人下午茶", Keys: []bot.CardKey{
		{Text: "确认核销", Key: "verify 1 7992697494 1 ", Say: "验 7992697494"}, {Text: "其他门店", Key: "stores 5 x"},
	}}}
	for _, got := range []string{markdown(reply), plainText(reply)} {
		if !strings.Contains(got, "确认核销：请发「验 7992697494」") || strings.Contains(got, "其他门店") {
			t.Errorf("got %q", got)
		}
	}
}
