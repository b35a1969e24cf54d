package chat

import (
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/models"
)

// storeQuestion lets the person choose where something is meant, of the stores from
// the one given on. what carries the command, or the message that was scanned.
func storeQuestion(task string, places []access.Place, what command.Button, from int) bot.Reply {
	card := bot.Card{
		TaskID: task, Source: "验券", Title: "请选择门店", Desc: command.Shorten(what.Command.String()),
		Text: "您在多家门店，请点这次要操作的门店。",
	}
	if what.Scan != "" {
		card.Desc = "扫到的二维码"
	}
	stores := make([]models.Store, len(places))
	for i, p := range places {
		stores[i] = p.Store
	}
	card.Keys = storeKeys(stores, from, command.Button{Action: command.ActStore, Command: what.Command, Scan: what.Scan},
		command.Button{Action: command.ActStores, Command: what.Command, Scan: what.Scan})
	for i := range card.Keys[:len(card.Keys)-moreKeys(stores)] {
		card.Keys[i].Say = sayUse + card.Keys[i].Text
	}
	return bot.Reply{Card: &card}
}

// sayUse begins the text that chooses a store.
const sayUse = "切换 "

// storeKeys are buttons that do one thing in one of the stores each, from one store
// on; where there are more than a card holds, the last leads on.
func storeKeys(stores []models.Store, from int, do, more command.Button) []bot.CardKey {
	return storeKeysIn(bot.MaxKeys, stores, from, more, func(s models.Store) command.Button {
		do.Store = s.ID
		return do
	})
}

// storeKeysIn is storeKeys for a card with room for so many buttons.
func storeKeysIn(room int, stores []models.Store, from int, more command.Button, do func(models.Store) command.Button) (keys []bot.CardKey) {
	labels := storeLabels(stores)
	shown := stores
	if len(stores) > room {
		from %= len(stores)
		shown = stores[from:min(from+room-1, len(stores))]
	} else {
		from = 0
	}
	for i, s := range shown {
		keys = append(keys, bot.CardKey{Text: labels[from+i], Key: do(s).Key(), Style: bot.Primary})
	}
	if len(shown) < len(stores) {
		more.From = (from + len(shown)) % len(stores)
		keys = append(keys, bot.CardKey{Text: "其他门店", Key: more.Key(), Style: bot.Quiet})
	}
	return keys
}

// moreKeys is 1 where the stores do not fit on a card, so that its last button leads
// on.
func moreKeys(stores []models.Store) int {
	if len(stores) > bot.MaxKeys {
		return 1
	}
	return 0
}

// storeLabels are what to call stores, so that one can be told from the others.
// Stores of one name are told apart by their platform, or by their number.
func storeLabels(stores []models.Store) []string {
	times := map[string]int{}
	for _, s := range stores {
		times[fold(s.Name)]++
		times[s.Platform+" "+fold(s.Name)]++
	}
	labels := make([]string, len(stores))
	for i, s := range stores {
		labels[i] = s.Name
		switch {
		case times[fold(s.Name)] == 1:
		case times[s.Platform+" "+fold(s.Name)] == 1:
			labels[i] = platform.Name(s.Platform) + " " + s.Name
		default:
			labels[i] = fmt.Sprintf("%d号 %s", s.ID, s.Name)
		}
	}
	return labels
}

// fold is a name as it is compared with what somebody typed.
func fold(name string) string {
	return strings.Trim(command.Normalize(name), command.Punctuation+" \n")
}
