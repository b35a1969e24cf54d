package wecom

import (
	"strings"
	"testing"

	"yanquan/bot"
)

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
