package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yanquan/models"
)

// place is a store together with what a person may do there.
type place struct {
	models.Store
	member models.Member
}

// mayUndo reports whether the person may undo an operation of this store.
func (p place) mayUndo(op models.Operation) bool {
	return op.UserID == p.member.UserID || p.member.Role == models.RoleLead || p.member.Role == models.RoleManager
}

func storeIDs(places []place) []int64 {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	return ids
}

// access finds the stores in which the sender of a message may act: those of
// the group, or those of the person in a 1:1 conversation. With none, the reply
// says how to get in and nothing else.
func (b *Bot) access(ctx context.Context, db *models.DB, m Message) ([]place, Reply, error) {
	user := strings.ToLower(m.User)
	var stores []models.Store
	var err error
	if m.Private() {
		if stores, err = db.Stores(ctx); err != nil {
			return nil, Reply{}, fmt.Errorf("bot: stores: %w", err)
		}
	} else {
		if stores, err = db.StoresOfChat(ctx, m.Chat); err != nil {
			return nil, Reply{}, fmt.Errorf("bot: stores of a group: %w", err)
		}
		if len(stores) == 0 {
			return nil, say("这个群还没有绑定门店，我不能在这里验券。请管理员在这里 @我 发「绑定」，或把这个群加到门店的配置里。\n群编号：%s", m.Chat), nil
		}
	}
	members, err := db.Memberships(ctx, user)
	if err != nil {
		return nil, Reply{}, fmt.Errorf("bot: memberships: %w", err)
	}
	byStore := map[int64]models.Member{}
	name := ""
	for _, mb := range members {
		byStore[mb.StoreID] = mb
		if name == "" {
			name = mb.Name
		}
	}
	call := func() string {
		if name == "" {
			name = b.nameOf(ctx, user)
		}
		return name
	}
	var places []place
	for _, s := range stores {
		mb, ok := byStore[s.ID]
		if b.managers[user] {
			if !ok {
				mb = models.Member{StoreID: s.ID, UserID: user, Name: call()}
			}
			mb.Role, ok = models.RoleManager, true
		}
		if !ok && b.AccessByGroup && !m.Private() {
			mb, ok = models.Member{StoreID: s.ID, UserID: user, Name: call(), Role: models.RoleStaff}, true
		}
		if ok {
			places = append(places, place{s, mb})
		}
	}
	if len(places) == 0 {
		return nil, say("您还不在名单里，不能在这里操作。请在门店的群里 @我 发「我是 姓名」申请加入，或把您的账号发给店长，让管理员加入名单。\n您的账号：%s", m.User), nil
	}
	return places, Reply{}, nil
}

// placeOf re-checks that the sender may act in one particular store, as a press
// of a button must. In a group, the store must be one of that group.
func placeOf(places []place, storeID int64) (place, bool) {
	for _, p := range places {
		if p.ID == storeID {
			return p, true
		}
	}
	return place{}, false
}

// askStore lets the person choose where a command is meant, of the stores from
// the one given on.
func (b *Bot) askStore(places []place, text string, from int) Reply {
	card := Card{
		TaskID: b.NewID(), Source: "验券", Title: "请选择门店", Desc: shorten(text),
		Text: "您在多家门店，请点这次要操作的门店。",
	}
	if strings.HasPrefix(text, markScan) {
		card.Desc = "扫到的二维码"
	}
	shown := places[from:]
	if len(shown) > maxKeys || from > 0 {
		shown = shown[:min(len(shown), maxKeys-1)]
	}
	for _, p := range shown {
		card.Keys = append(card.Keys, CardKey{Text: p.Name, Key: keyStore + strconv.FormatInt(p.ID, 10) + " " + text, Say: "切换 " + p.Name, Style: Primary})
	}
	if len(shown) < len(places) {
		next := from + len(shown)
		if next >= len(places) {
			next = 0
		}
		card.Keys = append(card.Keys, CardKey{Text: "其他门店", Key: keyMore + strconv.Itoa(next) + " " + text, Style: Quiet})
	}
	return Reply{Card: &card}
}

// Keys of buttons: a word and what it is about. They come back from the
// network, so whatever they say is checked again when they do.
const (
	keyVerify = "verify " // verify <store> <code> <count>
	keyUndo   = "undo "   // undo <operation>
	keyShow   = "show "   // show <operation>
	keyStore  = "store "  // store <store> <text>
	keyMore   = "stores " // stores <from> <text>
	keyOlder  = "older "  // older <how many> <time in µs> <operation>
)

var errOldKey = errors.New("bot: a button we do not know")

// verifyKey makes the key of a confirm button. again names the operation on the
// same code that the person has seen, or is empty.
func verifyKey(store int64, it Item, again string) string {
	return strings.TrimSpace(fmt.Sprintf("%s%d %s %d %s", keyVerify, store, it.Code, it.Count, again))
}

// parseVerifyKey reads what verifyKey made, trusting nothing.
func parseVerifyKey(rest string) (store int64, it Item, again string, err error) {
	parts := strings.Split(rest, " ")
	if len(parts) == 4 {
		again, parts = parts[3], parts[:3]
	}
	if len(parts) != 3 {
		return 0, Item{}, "", errOldKey
	}
	store, err = strconv.ParseInt(parts[0], 10, 64)
	cmd := Parse("验 " + parts[1] + " x" + parts[2])
	if err != nil || len(cmd.Items) != 1 {
		return 0, Item{}, "", errOldKey
	}
	return store, cmd.Items[0], again, nil
}
