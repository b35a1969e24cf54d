package chat

import (
	"strconv"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
)

// askStore lets the person choose where a command is meant, of the stores from
// the one given on.
func (b *Bot) askStore(places []access.Place, text string, from int) bot.Reply {
	card := bot.Card{
		TaskID: b.NewID(), Source: "验券", Title: "请选择门店", Desc: command.Shorten(text),
		Text: "您在多家门店，请点这次要操作的门店。",
	}
	if strings.HasPrefix(text, markScan) {
		card.Desc = "扫到的二维码"
	}
	shown := places[from:]
	if len(shown) > bot.MaxKeys || from > 0 {
		shown = shown[:min(len(shown), bot.MaxKeys-1)]
	}
	for _, p := range shown {
		card.Keys = append(card.Keys, bot.CardKey{Text: p.Name, Key: command.KeyStore + strconv.FormatInt(p.ID, 10) + " " + text, Say: "切换 " + p.Name, Style: bot.Primary})
	}
	if len(shown) < len(places) {
		next := from + len(shown)
		if next >= len(places) {
			next = 0
		}
		card.Keys = append(card.Keys, bot.CardKey{Text: "其他门店", Key: command.KeyMore + strconv.Itoa(next) + " " + text, Style: bot.Quiet})
	}
	return bot.Reply{Card: &card}
}
